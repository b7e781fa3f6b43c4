#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""openssl.py BUILD: ML-KEM and ML-DSA against the command line of OpenSSL 3.5 or later: the system's,
or one that tools/side brings. Keys from one seed, ciphertexts and signatures both ways, altered ones
too. Prints TAP; skips where there is no such OpenSSL."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ROUNDS = 3


def skip(why):
    print("1..1\nok 1 - interoperability with OpenSSL # SKIP %s" % why)
    sys.exit(0)


def is_new(command):
    """Whether it is an OpenSSL of version 3.5 or later."""
    text = subprocess.run([*command, "version"], stdout=subprocess.PIPE).stdout.decode()
    m = re.match(r"OpenSSL (\d+)\.(\d+)", text)
    return m is not None and (int(m.group(1)), int(m.group(2))) >= (3, 5)


def find():
    """The command that runs such an OpenSSL."""
    if shutil.which("openssl") and is_new(["openssl"]):
        return ["openssl"]
    p = subprocess.run([os.path.join(TOP, "tools", "side"), "openssl"], stderr=subprocess.PIPE)
    beside = [os.path.join(TOP, "build-side", "run"), "openssl"]
    if p.returncode != 0 or not is_new(beside):
        skip(p.stderr.decode().strip() or "no OpenSSL 3.5")
    return beside


class Peers:
    def __init__(self, build, folder):
        self.command, self.folder = find(), folder
        self.ours = subprocess.Popen([os.path.join(build, "tests", "interop_peer")],
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def us(self, algorithm, operation, *args):
        """Our answer: a list of bytes, or of the words that are no hex."""
        line = " ".join([algorithm, operation] + [a.hex() if a else "-" for a in args])
        self.ours.stdin.write(line.encode() + b"\n")
        self.ours.stdin.flush()
        words = self.ours.stdout.readline().decode().split()
        return [bytes.fromhex(w) if re.fullmatch(r"([0-9a-f]{2})+", w) else w for w in words]

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as f:
            f.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), "rb") as f:
            return f.read()

    def them(self, *args):
        """Whether OpenSSL's command ended well."""
        p = subprocess.run([*self.command, *args], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=600)
        return p.returncode == 0

    def key(self, algorithm, seed, pk_len):
        """Makes their key pair from a seed; gives the raw public key."""
        ok = self.them("genpkey", "-algorithm", algorithm, "-pkeyopt", "hexseed:" + seed.hex(),
                       "-outform", "DER", "-out", self.path("key"))
        ok = ok and self.them("pkey", "-inform", "DER", "-in", self.path("key"), "-pubout",
                              "-outform", "DER", "-out", self.path("pub"))
        return self.read("pub")[-pk_len:] if ok else b""


class Tally:
    def __init__(self):
        self.count, self.failed = 0, 0

    def ok(self, good, name):
        self.count += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.count, name))


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def kem(p, tally, name):
    keys = to_us = to_them = implicit = True
    for i in range(ROUNDS):
        pk, sk = p.us(name, "keygen", seed := os.urandom(64))
        keys &= p.key(name, seed, len(pk)) == pk
        to_us &= p.them("pkeyutl", "-encap", "-pubin", "-keyform", "DER", "-inkey", p.path("pub"),
                        "-out", p.path("ct"), "-secret", p.path("ss"))
        to_us &= p.us(name, "decaps", p.read("ct"), sk) == [p.read("ss")]
        ct, ss = p.us(name, "encaps", pk, os.urandom(32))
        for sent, good in ((ct, True), (flip(ct, i * 100), False)):
            ok = p.them("pkeyutl", "-decap", "-keyform", "DER", "-inkey", p.path("key"), "-in",
                        p.write("sent", sent), "-secret", p.path("got"))
            got = p.read("got") if ok else b""
            if good:
                to_them &= got == ss
            else:
                implicit &= p.us(name, "decaps", sent, sk) == [got] and got != ss
    tally.ok(keys, name + ": the same seed gives the same public key")
    tally.ok(to_us, name + ": we decapsulate what OpenSSL encapsulates")
    tally.ok(to_them, name + ": OpenSSL decapsulates what we encapsulate")
    tally.ok(implicit, name + ": an altered ciphertext gives both the same other secret")


def dsa(p, tally, name):
    keys = to_us = to_them = exact = refused = True
    for i in range(ROUNDS):
        pk, sk = p.us(name, "keygen", seed := os.urandom(32))
        keys &= p.key(name, seed, len(pk)) == pk
        msg, context = os.urandom(100 + i), ("plant %d" % i).encode()
        p.write("msg", msg)
        rawin = ["-rawin", "-in", p.path("msg"), "-pkeyopt", "context-string:" + context.decode()]
        signing = ["pkeyutl", "-sign", "-keyform", "DER", "-inkey", p.path("key"), *rawin]
        to_us &= p.them(*signing, "-out", p.path("sig"))
        to_us &= p.us(name, "verify", pk, context, msg, p.read("sig")) == ["true"]
        exact &= p.them(*signing, "-pkeyopt", "deterministic:1", "-out", p.path("sig"))
        exact &= p.us(name, "sign", sk, context, msg, bytes(32)) == [p.read("sig")]
        (mine,) = p.us(name, "sign", sk, context, msg, os.urandom(32))
        checking = ["pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", p.path("pub"),
                    *rawin]
        to_them &= p.them(*checking, "-sigfile", p.write("sig", mine))
        refused &= not p.them(*checking, "-sigfile", p.write("sig", flip(mine, len(mine) // 2)))
        refused &= p.us(name, "verify", pk, context, msg, flip(mine, i)) == ["error", "PQI_ERR_AUTH"]
    tally.ok(keys, name + ": the same seed gives the same public key")
    tally.ok(to_us, name + ": we verify what OpenSSL signs")
    tally.ok(to_them, name + ": OpenSSL verifies what we sign")
    tally.ok(exact, name + ": deterministic signatures are identical")
    tally.ok(refused, name + ": both refuse an altered signature")


def main():
    tally = Tally()
    with tempfile.TemporaryDirectory() as folder:
        p = Peers(sys.argv[1], folder)
        for level in (512, 768, 1024):
            kem(p, tally, "ML-KEM-%d" % level)
        for level in (44, 65, 87):
            dsa(p, tally, "ML-DSA-%d" % level)
        p.ours.stdin.close()
        p.ours.wait()
    print("1..%d" % tally.count)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
