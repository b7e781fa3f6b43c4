# SPDX-License-Identifier: Apache-2.0
"""NIST .rsp files of submissions: their "seed" starts the AES-256-CTR DRBG of SP 800-90A, from which
keys and signatures draw. Which draws an algorithm makes is said at each one."""
import os


def records(path):
    """Dictionaries of the "name = value" lines, one per count."""
    current = {}
    if not os.path.exists(path):
        return
    with open(path, encoding="ascii") as f:
        for line in f:
            name, _, value = line.strip().partition(" = ")
            if name == "count" and current:
                yield current
                current = {}
            if value:
                current[name] = value
    if current:
        yield current


# ---- AES-256 (FIPS 197), encryption of single blocks -----------------------------------------

def double(x):
    return (x << 1 ^ 0x1b) & 0xff if x & 0x80 else x << 1


def make_sbox():
    """FIPS 197 section 5.1.1: the inverse in GF(2^8), then an affine map."""
    power, log, x = [0] * 256, [0] * 256, 1
    for i in range(255):
        power[i], log[x] = x, i
        x ^= double(x)
    box = []
    for v in range(256):
        inverse = power[(255 - log[v]) % 255] if v else 0
        out = 0x63
        for shift in range(5):
            out ^= (inverse << shift | inverse >> (8 - shift)) & 0xff
        box.append(out)
    return box


SBOX = make_sbox()


def expand(key):
    words, rcon = [list(key[4 * i:4 * i + 4]) for i in range(8)], 1
    for i in range(8, 60):
        t = list(words[-1])
        if i % 8 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = double(rcon)
        elif i % 8 == 4:
            t = [SBOX[b] for b in t]
        words.append([a ^ b for a, b in zip(words[i - 8], t)])
    return [sum(words[4 * r:4 * r + 4], []) for r in range(15)]


def mix(c):
    every = c[0] ^ c[1] ^ c[2] ^ c[3]
    return [c[i] ^ every ^ double(c[i] ^ c[(i + 1) % 4]) for i in range(4)]


def encrypt(schedule, block):
    s = [a ^ b for a, b in zip(block, schedule[0])]
    for r in range(1, 15):
        s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
        if r < 14:
            s = sum((mix(s[4 * i:4 * i + 4]) for i in range(4)), [])
        s = [a ^ b for a, b in zip(s, schedule[r])]
    return bytes(s)


class Drbg:
    """CTR_DRBG with AES-256, no derivation function, no further input (SP 800-90A 10.2.1)."""

    def __init__(self, seed):
        self.key, self.v = bytes(32), 0
        self.update(seed)

    def blocks(self, n):
        schedule, out = expand(self.key), b""
        for _ in range(n):
            self.v = (self.v + 1) % (1 << 128)
            out += encrypt(schedule, self.v.to_bytes(16, "big"))
        return out

    def update(self, data=bytes(48)):
        t = bytes(a ^ b for a, b in zip(self.blocks(3), data))
        self.key, self.v = t[:32], int.from_bytes(t[32:], "big")

    def random(self, n):
        out = self.blocks((n + 15) // 16)[:n]
        self.update()
        return out


# ---- the algorithms ----------------------------------------------------------------------------

def saber(folder, name):
    """(label, seed, coins, record) of PQCkemKAT_*.rsp: key generation draws seed_A, seed_s and z,
    encapsulation the bytes whose hash is the message; 32 bytes each."""
    path = os.path.join(folder, "saber", "PQCkemKAT_%s.rsp" % name)
    for r in records(path):
        drbg = Drbg(bytes.fromhex(r["seed"]))
        seed = b"".join(drbg.random(32) for _ in range(3)).hex()
        yield "%s/%s" % (name, r["count"]), seed, drbg.random(32).hex(), r


def falcon(folder, name):
    """(label, values, record) of falcon*-KAT.rsp: key generation draws a seed of 48 bytes, signing
    the nonce and a seed of 48. sm = length of e (2 bytes) || nonce || message || e, where e is the
    compressed s2 under the header 0x20 + log n; the signature format of today is header 0x30 + log n
    || nonce || s2."""
    path = os.path.join(folder, "falcon", "falcon%s-KAT.rsp" % name.split("-")[1])
    for r in records(path):
        drbg = Drbg(bytes.fromhex(r["seed"]))
        seed, nonce, rng = drbg.random(48), drbg.random(40), drbg.random(48)
        sm, msg = bytes.fromhex(r["sm"]), bytes.fromhex(r["msg"])
        e = sm[42 + len(msg):]
        if int.from_bytes(sm[:2], "big") != len(e) or sm[2:42] != nonce:
            raise ValueError("%s, count %s: not the form expected" % (path, r["count"]))
        sig = bytes([e[0] + 0x10]) + nonce + e[1:]
        yield "%s/%s" % (name, r["count"]), {"seed": seed.hex(), "nonce": nonce.hex(),
                                             "rng": rng.hex(), "sig": sig.hex()}, r
