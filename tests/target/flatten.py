#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tests/target/flatten.py SET VECTORS OUT

Writes the official vectors of one set (the last column of algorithms.txt) in the flat form that
vectors.c reads. VECTORS is the folder with acvp/, wycheproof/ and so on. Statuses are what the
library's documentation promises for each vector. Prints the number of tests."""
import hashlib
import json
import os
import re
import sys

import rsp

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def constants(header, prefix):
    with open(os.path.join(TOP, "include", "pqi", header), encoding="utf-8") as f:
        return {m.group(1): int(m.group(2))
                for m in re.finditer(r"\b%s(\w+) = (-?\d+)\b" % prefix, f.read())}


STATUS = constants("status.h", "PQI_")
HASH = constants("hash.h", "PQI_HASH_")
AEAD = constants("classic.h", "PQI_AEAD_")
OK, ARG, AUTH, DECODE = (STATUS[n] for n in ("OK", "ERR_ARG", "ERR_AUTH", "ERR_DECODE"))
SIG_PK = {"ML-DSA-44": 1312, "ML-DSA-65": 1952, "ML-DSA-87": 2592}
KEM_PK = {"ML-KEM-512": 800, "ML-KEM-768": 1184, "ML-KEM-1024": 1568}


def given(**fields):
    """Input lines; a name's trailing underscore is dropped."""
    return ["%s %s" % (n, (v or "").lower()) for n, v in fields.items()]


def run(op, status):
    return ["R %s %d" % (op, status)]


def want(**fields):
    return ["=%s %s" % (n, (v or "").lower()) for n, v in fields.items()]


class Source:
    """Tests of one file with the group's fields merged in."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)
        self.label = os.path.splitext(os.path.basename(name))[0].replace("_test", "")[-15:]

    def tests(self):
        if not os.path.exists(self.path):
            return
        with open(self.path, encoding="utf-8") as f:
            data = json.load(f)
        count = 0
        for group in data.get("testGroups", [data]):
            for test in group["tests"]:
                merged = {**group, **test}
                merged.pop("tests", None)
                merged["algorithm"] = data.get("algorithm", "")
                count += 1
                yield "%s/%s" % (self.label, test.get("tcId", count)), merged


# ---- ML-KEM --------------------------------------------------------------------------------

def kem_check(t, ok, what):
    key = {"pk": "ek", "sk": "dk"}[what]
    bad = DECODE if what == "pk" else ARG
    return given(**{what: t[key]}) + run("check_" + what, OK if ok else bad)


def acvp_kem(t):
    function = t.get("function")
    if function is None:
        return given(seed=t["d"] + t["z"]) + run("keygen", OK) + want(pk=t["ek"], sk=t["dk"])
    if function == "encapsulation":
        return given(pk=t["ek"], coins=t["m"]) + run("encaps", OK) + want(ct=t["c"], ss=t["k"])
    if function == "decapsulation" and t.get("keyFormat") == "seed":
        return given(seed=t["d"] + t["z"], ct=t["c"]) + run("keygen", OK) + run("decaps", OK) + \
            want(ss=t["k"])
    if function == "decapsulation":
        return given(sk=t["dk"], ct=t["c"]) + run("decaps", OK) + want(ss=t["k"])
    return kem_check(t, t["testPassed"], "pk" if function == "encapsulationKeyCheck" else "sk")


def wyche_kem(t):
    valid = t["result"] == "valid"
    if t["type"] == "MLKEMKeyGen":
        return given(seed=t["seed"]) + run("keygen", OK) + want(pk=t["ek"], sk=t["dk"])
    if t["type"] == "MLKEMEncapsTest":
        right_length = len(t["ek"]) == 2 * KEM_PK[t["parameterSet"]]
        out = given(pk=t["ek"], coins=t["m"])
        if not valid:
            return out + run("encaps", DECODE if right_length else ARG)
        return out + run("check_pk", OK) + run("encaps", OK) + want(ct=t["c"], ss=t["K"])
    if t["type"] == "MLKEMTest":
        if not valid and len(t["seed"]) != 128:
            return given(seed=t["seed"]) + run("keygen", ARG)
        out = given(seed=t["seed"], ct=t["c"]) + run("keygen", OK)
        out += want(pk=t["ek"]) if valid and "ek" in t else []
    else:
        out = given(sk=t["dk"], ct=t["c"])
    return out + (run("decaps", OK) + want(ss=t["K"]) if valid else run("decaps", ARG))


def mlkem(folder, name):
    n = name.split("-")[2]
    for file in ("keyGen", "encapDecap", "encapDecap-tr1"):
        for label, t in Source(folder, "acvp/ML-KEM-%s.json" % file).tests():
            if t["parameterSet"] == name:
                yield label, acvp_kem(t)
    for kind in ("_test", "_encaps_test", "_keygen_seed_test", "_semi_expanded_decaps_test"):
        for label, t in Source(folder, "wycheproof/mlkem_%s%s.json" % (n, kind)).tests():
            yield label, wyche_kem(t)


# ---- ML-DSA --------------------------------------------------------------------------------

def prehash(t):
    """Digest of the message and the hash's number, where Python knows the hash."""
    name = t["hashAlg"].upper()
    msg = bytes.fromhex(t["message"])
    if name.startswith("SHAKE"):
        bits = int(name[-3:])
        digest = hashlib.new("shake_%d" % bits, msg).digest(bits // 4)
        return digest.hex(), HASH["SHAKE%d" % bits]
    name = name.replace("SHA2-", "SHA").replace("/", "_").replace("-", "_")
    return hashlib.new(name.lower(), msg).hexdigest(), HASH[name]


def dsa_message(t):
    """(suffix of the operation, input lines) of an ACVP test; None: not possible here."""
    if t.get("signatureInterface") == "internal" and t.get("externalMu"):
        return "_mu", given(mu=t["mu"])
    if t.get("signatureInterface") == "internal":
        return "_internal", given(msg=t["message"])
    if t.get("preHash") == "preHash":
        try:
            digest, number = prehash(t)
        except (ValueError, KeyError):
            return None, []
        return "_prehash", given(digest=digest, hash="%02x" % number, ctx=t.get("context"))
    return "", given(msg=t["message"], ctx=t.get("context"))


def acvp_dsa(t, verifies):
    if "signature" not in t:
        return given(seed=t["seed"]) + run("keygen", OK) + want(pk=t["pk"], sk=t["sk"])
    suffix, lines = dsa_message(t)
    if suffix is None:
        return None
    if verifies:
        return given(pk=t["pk"], sig=t["signature"]) + lines + \
            run("verify" + suffix, OK if t["testPassed"] else AUTH)
    rnd = t["rnd"] if "rnd" in t and not t.get("deterministic") else "00" * 32
    if t.get("keyFormat") == "seed":
        key = given(seed=t["seed"]) + run("keygen", OK)
    else:
        key = given(sk=t["sk"])
    return key + lines + given(rnd=rnd) + run("sign" + suffix, OK) + want(sig=t["signature"])


def rejections(t):
    """Sign_internal with many or special rejections. The published answers are SHA-256 digests,
    which tests/kat compares; here the signature must verify."""
    return given(seed=t["seed"], msg=t["message"], rnd="00" * 32) + run("keygen", OK) + \
        run("sign_internal", OK) + run("verify_internal", OK)


def wyche_message(t):
    if "msg" in t:
        return "", given(msg=t["msg"], ctx=t.get("ctx"))
    return "_mu", given(mu=t["mu"])


def wyche_sign(t):
    valid = t["result"] == "valid"
    out = []
    if "privateSeed" in t:
        good = len(t["privateSeed"]) == 64
        out += given(seed=t["privateSeed"]) + run("keygen", OK if good else ARG)
        if not good:
            return out
        out += want(pk=t["publicKey"]) if t.get("publicKey") else []
    else:
        out += given(sk=t["privateKey"])
    suffix, lines = wyche_message(t)
    out += lines + given(rnd=t.get("rnd") or "00" * 32)
    if not valid:
        return out + run("sign" + suffix, ARG)
    return out + run("sign" + suffix, OK) + want(sig=t["sig"])


def wyche_verify(t, pk_len):
    suffix, lines = wyche_message(t)
    lengths = len(t["publicKey"]) == 2 * pk_len and len(t.get("ctx") or "") <= 510
    status = OK if t["result"] == "valid" else AUTH if lengths else ARG
    return given(pk=t["publicKey"], sig=t["sig"]) + lines + run("verify" + suffix, status)


def mldsa(folder, name):
    for file in ("keyGen", "sigGen", "sigGen-tr1", "sigVer"):
        for label, t in Source(folder, "acvp/ML-DSA-%s.json" % file).tests():
            if t["parameterSet"] == name:
                yield label, acvp_dsa(t, file == "sigVer")
    for label, t in Source(folder, "acvp/ML-DSA-sigGen-rejection-kat.json").tests():
        if t["parameterSet"] == name:
            yield label, rejections(t)
    n = name[-2:]
    for kind in ("sign_seed", "sign_noseed"):
        for label, t in Source(folder, "wycheproof/mldsa_%s_%s_test.json" % (n, kind)).tests():
            yield label, wyche_sign(t)
    for label, t in Source(folder, "wycheproof/mldsa_%s_verify_test.json" % n).tests():
        yield label, wyche_verify(t, SIG_PK[name])


# ---- hashes and the classical set ------------------------------------------------------------

def sha3(folder, _):
    names = {"SHA3-%d" % b: HASH["SHA3_%d" % b] for b in (224, 256, 384, 512)}
    names.update({"SHAKE-128": HASH["SHAKE128"], "SHAKE-256": HASH["SHAKE256"],
                  "SHAKE-128-FIPS202": HASH["SHAKE128"], "SHAKE-256-FIPS202": HASH["SHAKE256"]})
    for name, number in names.items():
        yield from hashes(folder, name, number)


def hashes(folder, name, number):
    for label, t in Source(folder, "acvp/%s.json" % name).tests():
        if t["testType"] in ("AFT", "VOT") and t["len"] % 8 == 0 and t.get("outLen", 0) % 8 == 0:
            msg = t["msg"][:t["len"] // 4]
            size = t.get("outLen", 4 * len(t["md"])) // 8
            yield label, given(msg=msg, size="%04x" % size) + run("hash-%d" % number, OK) + \
                want(md=t["md"])


def sealed(t):
    return t["ct"] + t.get("tag", "")


def one_aead(t, number, valid):
    key = given(key=t["key"], nonce=t["iv"], aad=t["aad"], sealed=sealed(t))
    plain = t.get("msg", t.get("pt")) or ""
    op = "open-%d" % number
    if not valid:
        return key + run(op, AUTH)
    return key + run(op, OK) + want(plain=plain) + given(plain=plain) + \
        run("seal-%d" % number, OK) + want(sealed=sealed(t))


def aeads(folder):
    wyche = (("aes_gcm", "AES_256_GCM", 256, 96), ("aes_gcm_siv", "AES_256_GCM_SIV", 256, 96),
             ("chacha20_poly1305", "CHACHA20_POLY1305", 256, 96))
    for file, name, key, nonce in wyche:
        for label, t in Source(folder, "wycheproof/%s_test.json" % file).tests():
            if (t["keySize"], t["ivSize"], t["tagSize"]) == (key, nonce, 128):
                yield label, one_aead(t, AEAD[name], t["result"] == "valid")
    for label, t in Source(folder, "wycheproof/aes_ccm_test.json").tests():
        if (t["keySize"], t["ivSize"]) == (128, 104) and t["tagSize"] in (64, 128):
            number = AEAD["AES_128_CCM_%d" % (t["tagSize"] // 8)]
            yield label, one_aead(t, number, t["result"] == "valid")
    for file, key, nonce, name in (("AES-GCM", 256, 96, "AES_256_GCM"),
                                   ("AES-CCM", 128, 104, "AES_128_CCM_%d")):
        for label, t in Source(folder, "acvp/%s.json" % file).tests():
            tags = (64, 128) if "%" in name else (128,)
            if (t["keyLen"], t["ivLen"]) == (key, nonce) and t["tagLen"] in tags:
                number = AEAD[name % (t["tagLen"] // 8) if "%" in name else name]
                yield label, one_aead(t, number, t.get("testPassed", True))


def macs(folder):
    number = HASH["SHA256"]
    for label, t in Source(folder, "wycheproof/hmac_sha256_test.json").tests():
        lines = given(key=t["key"], msg=t["msg"], size="%02x" % (t["tagSize"] // 8), tag=t["tag"])
        yield label, lines + run("hmac-%d" % number, OK if t["result"] == "valid" else AUTH)
    for label, t in Source(folder, "acvp/HMAC-SHA2-256.json").tests():
        if t["keyLen"] % 8 == 0 and t["msgLen"] % 8 == 0 and t["macLen"] % 8 == 0:
            lines = given(key=t["key"], msg=t["msg"], size="%02x" % (t["macLen"] // 8), tag=t["mac"])
            yield label, lines + run("hmac-%d" % number, OK if t.get("testPassed", True) else AUTH)
    for label, t in Source(folder, "wycheproof/hkdf_sha256_test.json").tests():
        lines = given(ikm=t["ikm"], salt=t["salt"], info=t["info"], size="%04x" % t["size"])
        if t["result"] == "valid":
            yield label, lines + run("hkdf-%d" % number, OK) + want(okm=t["okm"])
        elif t["size"] < 65536:
            yield label, lines + run("hkdf-%d" % number, ARG)


def curves(folder):
    for label, t in Source(folder, "wycheproof/x25519_test.json").tests():
        if t.get("curve") == "curve25519" and len(t["public"]) == 64 and len(t["private"]) == 64:
            zero = t["shared"].strip("0") == ""
            lines = given(sk=t["private"], pk=t["public"])
            yield label, lines + run("x25519", AUTH if zero else OK) + want(ss=t["shared"])
    for label, t in Source(folder, "wycheproof/ed25519_test.json").tests():
        key = t["publicKey"]["pk"]
        if len(key) == 64 and len(t["sig"]) == 128:
            status = OK if t["result"] == "valid" else AUTH
            yield label, given(pk=key, msg=t["msg"], sig=t["sig"]) + run("ed25519_verify", status)


def classic(folder, _):
    yield from hashes(folder, "SHA2-256", HASH["SHA256"])
    yield from hashes(folder, "SHA2-512", HASH["SHA512"])
    yield from macs(folder)
    yield from aeads(folder)
    yield from curves(folder)


# ---- submissions to NIST -----------------------------------------------------------------------

def saber(folder, name):
    for label, seed, coins, r in rsp.saber(folder, name):
        yield label, given(seed=seed, coins=coins) + run("keygen", OK) + \
            want(pk=r["pk"], sk=r["sk"]) + run("encaps", OK) + want(ct=r["ct"], ss=r["ss"]) + \
            run("decaps", OK) + want(ss=r["ss"])


def falcon(folder, name):
    for label, v, r in rsp.falcon(folder, name):
        yield label, given(seed=v["seed"]) + run("keygen", OK) + want(pk=r["pk"], sk=r["sk"]) + \
            given(nonce=v["nonce"], rng=v["rng"], msg=r["msg"]) + run("sign_seeded", OK) + \
            want(sig=v["sig"]) + run("verify_compressed", OK) + run("verify_padded", AUTH)
    logn = {"512": 9, "1024": 10}[name.split("-")[1]]
    for label, t in Source(folder, "falcon/falcon-verify-pornin.json").tests():
        if t["logn"] == logn:
            ok, bad = (run("verify_padded", status) for status in (OK, AUTH))
            flipped = "%02x" % (int(t["sig"][-300:-298], 16) ^ 1)
            wrong = t["sig"][:-300] + flipped + t["sig"][-298:]
            yield label, given(pk=t["pk"], msg=t["msg"], sig=t["sig"]) + ok + given(sig=wrong) + bad


SETS = (("ML-KEM-", mlkem), ("ML-DSA-", mldsa), ("SHA-3", sha3), ("classic", classic),
        ("LightSaber", saber), ("Saber", saber), ("FireSaber", saber),
        ("Falcon-", falcon))


def write(name, folder, out):
    """Writes one set; returns the number of tests, 0 when there are no vectors."""
    make = next(f for prefix, f in SETS if name.startswith(prefix))
    count = 0
    with open(out, "w", encoding="utf-8") as f:
        for label, lines in make(folder, name):
            if lines is not None:
                f.write("\n".join(["T " + label.replace(" ", "_"), *lines]) + "\n")
                count += 1
    return count


def main():
    if len(sys.argv) != 4:
        raise SystemExit(__doc__)
    print(write(*sys.argv[1:]))


if __name__ == "__main__":
    main()
