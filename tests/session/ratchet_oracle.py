#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ratchet_oracle.py BUILD: the sessions of docs/spec/ratchet-example.txt once more, from the text of
docs/spec/ratchet.md and chain.md and the standard library alone: coins, X25519, transcript and keys of
every round, chain keys, nonce, additional data, AES-256-GCM, frames. The only input taken on trust is the
KEM's secret. Prints TAP."""
import hashlib
import hmac
import os
import struct
import sys

from examples import public, read, x25519

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(TOP, "docs", "spec", "ratchet-example.txt")
# suite: hash, bytes of the KEM's public key, ciphertext
SUITES = {1: ("sha256", 800, 768), 2: ("sha256", 1184, 1088), 4: ("sha384", 1568, 1568),
          5: ("sha256", 1184, 1088)}
DEPTH = 12


def times(a, b):
    """GF(2^8) of AES."""
    r = 0
    while b:
        r ^= a if b & 1 else 0
        a = a << 1 ^ (0x11b if a & 0x80 else 0)
        b >>= 1
    return r


def make_sbox():
    box = []
    for x in range(256):
        inv = next((y for y in range(1, 256) if times(x, y) == 1), 0)
        v = 0x63
        for i in range(5):
            v ^= (inv << i | inv >> (8 - i)) & 0xff
        box.append(v)
    return box


SBOX = make_sbox()


def aes256(key):
    """FIPS 197: the encryption of one block."""
    w = [list(key[i:i + 4]) for i in range(0, 32, 4)]
    rcon = 1
    for i in range(8, 60):
        t = list(w[-1])
        if i % 8 == 0:
            t = [SBOX[b] for b in t[1:] + t[:1]]
            t[0] ^= rcon
            rcon = times(rcon, 2)
        elif i % 8 == 4:
            t = [SBOX[b] for b in t]
        w.append([a ^ b for a, b in zip(w[i - 8], t)])
    keys = [sum(w[i:i + 4], []) for i in range(0, 60, 4)]

    def encrypt(block):
        s = [a ^ b for a, b in zip(block, keys[0])]
        for r in range(1, 15):
            s = [SBOX[s[(i + 4 * (i % 4)) % 16]] for i in range(16)]
            if r != 14:
                m = []
                for c in range(0, 16, 4):
                    a = s[c:c + 4]
                    m += [times(a[i], 2) ^ times(a[(i + 1) % 4], 3) ^ a[(i + 2) % 4] ^ a[(i + 3) % 4]
                          for i in range(4)]
                s = m
            s = [a ^ b for a, b in zip(s, keys[r])]
        return bytes(s)
    return encrypt


def gcm_open(key, nonce, aad, sealed):
    """SP 800-38D."""
    encrypt = aes256(key)
    h = int.from_bytes(encrypt(bytes(16)), "big")
    body, tag = sealed[:-16], sealed[-16:]

    def mul(x):
        z, v = 0, h
        for i in range(127, -1, -1):
            if x >> i & 1:
                z ^= v
            v = v >> 1 ^ (0xe1 << 120 if v & 1 else 0)
        return z
    y = 0
    pad = [d + bytes(-len(d) % 16) for d in (aad, body)]
    data = pad[0] + pad[1] + struct.pack(">QQ", 8 * len(aad), 8 * len(body))
    for i in range(0, len(data), 16):
        y = mul(y ^ int.from_bytes(data[i:i + 16], "big"))
    mask = int.from_bytes(encrypt(nonce + struct.pack(">I", 1)), "big")
    assert (y ^ mask).to_bytes(16, "big") == tag, "tag"
    out = b""
    for i in range(0, len(body), 16):
        stream = encrypt(nonce + struct.pack(">I", 2 + i // 16))
        out += bytes(a ^ b for a, b in zip(body[i:i + 16], stream))
    return out


def lv(data):
    return struct.pack(">H", len(data)) + data


def f(p, k):
    return hashlib.sha256(b"PQI4 chain" + bytes([p]) + k).digest()


def message_key(ck, n):
    """chain.md section 2."""
    sk = ck
    for _ in range(n >> DEPTH):
        sk = f(2, sk)
    node = f(3, sk)
    for level in range(DEPTH, 0, -1):
        node = f((4 if level == 1 else 0) + (n >> (level - 1) & 1), node)
    return node


def expand(key, label, n=32, name="sha256"):
    out, t, i = b"", b"", 1
    while len(out) < n:
        t = hmac.new(key, t + label + bytes([i]), name).digest()
        out, i = out + t, i + 1
    return out[:n]


class Session:
    def __init__(self, case):
        self.v, self.checked = case, 0
        self.suite = struct.unpack(">H", case["suite"])[0]
        self.hash, self.pk_len, self.ct_len = SUITES[self.suite]
        self.ck = [[case["CK_I2R"], case["CK_R2I"]]]
        self.rk = case["RK"]
        self.objects = {}

    def same(self, name, value):
        assert value == self.v[name], "%s: %s" % (name, value.hex())
        self.checked += 1

    def round(self, k):
        """Section 6, from epoch k - 1 to k."""
        v = self.v
        kind = v["kind_%d" % k][0]
        seed, coins = v["seed_%d" % k], v["coins_%d" % k]
        obj_p, obj_q, k_pq = v["objP_%d" % k], v["objQ_%d" % k], v["K_pq_%d" % k]
        assert len(obj_p) == 32 + (self.pk_len if kind else 0)
        assert len(obj_q) == 32 + (self.ct_len if kind else 0)
        x_p, x_q = expand(seed, b"PQI4 rr x"), expand(coins, b"PQI4 rr x")
        assert public(x_p) == obj_p[:32] and public(x_q) == obj_q[:32]
        k_x = x25519(x_p, obj_q[:32])
        assert k_x == x25519(x_q, obj_p[:32]) and len(k_pq) == (32 if kind else 0)
        ikm = k_pq + k_x
        if kind and self.suite == 5:
            ikm = hashlib.sha3_256(ikm + obj_q[:32] + obj_p[:32] +
                                   bytes.fromhex("5c2e2f2f5e5c")).digest()
        prk = hmac.new(self.rk, ikm, self.hash).digest()
        th = hashlib.new(self.hash, b"PQI4 rr" + v["sid"] + struct.pack(">IB", k, kind) +
                         lv(obj_p) + lv(obj_q)).digest()
        es = expand(prk, b"PQI4 rr es" + th, 32, self.hash)
        self.same("ES_%d" % k, es)
        self.rk = expand(es, b"PQI4 rr rk")
        self.same("RK_%d" % k, self.rk)
        self.same("RMS_%d" % k, expand(es, b"PQI4 rr rms"))
        self.ck.append([expand(es, b"PQI4 rr ck I2R"), expand(es, b"PQI4 rr ck R2I")])

    def frames(self, plain):
        """Section 2. {type: body}, payload or None"""
        found, last, at = {}, 0, 0
        while at < len(plain):
            kind = plain[at]
            if kind == 0:
                assert found
                return found, plain[at + 1:]
            assert kind > last
            if kind == 1:
                size = 4
            else:
                assert kind == 3
                index, count = plain[at + 2], plain[at + 3]
                size = 4 + 32 * count
                if index == 255:
                    size = 6 + struct.unpack(">H", plain[at + 4:at + 6])[0]
            assert at + size <= len(plain)
            found[kind] = plain[at + 1:at + size]
            last, at = kind, at + size
        return found, None

    def chunk(self, body, epoch):
        of, index, count = body[0], body[1], body[2]
        kind, direction = of >> 6, of >> 5 & 1
        assert of & 31 == epoch % 32 and kind == self.v["kind_%d" % (epoch + 1)][0]
        obj = body[5:] if index == 255 else body[3:]
        assert (index, count) in ((255, 0), (0, 1))
        assert obj == self.v["obj%s_%d" % ("PQ"[direction], epoch + 1)]
        self.objects[epoch + 1, direction] = True
        self.checked += 1

    def packet(self, i, sent):
        """Section 3."""
        v = self.v
        data, frm = v["packet_%d" % i], v["from_%d" % i][0]
        epoch = struct.unpack(">I", v["epoch_%d" % i])[0]
        assert data[0] in (0x40, 0x41) and data[5] == epoch % 256
        assert data[1:5] == v["rsid_R" if frm == 0 else "rsid_I"]
        n = int.from_bytes(data[6:9], "big")
        assert n == sent.get((frm, epoch), 0)
        sent[frm, epoch] = n + 1
        aad = b"PQI4 d" + data[:9] + lv(b"\x01" + v["topic"])
        plain = gcm_open(message_key(self.ck[epoch][frm], n), bytes(8) + struct.pack(">I", n), aad,
                         data[9:])
        found, payload = self.frames(plain) if data[0] & 1 else ({}, plain)
        self.same("payload_%d" % i, payload or b"")
        if 3 in found:
            self.chunk(found[3], epoch)
        if 1 in found:
            assert int.from_bytes(found[1], "big") == sent[frm, epoch - 1]
            self.checked += 1
        if n == 0 and epoch > 0:
            assert 1 in found

    def run(self):
        rounds = sum(1 for name in self.v if name.startswith("ES_"))
        packets = sum(1 for name in self.v if name.startswith("packet_"))
        for k in range(1, rounds + 1):
            self.round(k)
        sent = {}
        for i in range(1, packets + 1):
            self.packet(i, sent)
        assert len(self.objects) == 2 * rounds and packets >= 14
        return self.checked


def main():
    cases = read(EXAMPLE)
    print("1..%d" % (len(cases) + 1))
    failed = 0
    for i, (name, case) in enumerate(cases, 1):
        try:
            print("ok %d - %s: %d values" % (i, name, Session(case).run()))
        except AssertionError as e:
            failed += 1
            print("not ok %d - %s: %s" % (i, name, e))
    # the oracle itself: changed inputs must not give the same values
    caught = 0
    changed = ("K_pq_2", "packet_3", "sid", "topic", "CK_R2I")
    for field in changed:
        case = read(EXAMPLE)[0][1]
        case[field] = case[field][:-1] + bytes([case[field][-1] ^ 1])
        try:
            Session(case).run()
        except AssertionError:
            caught += 1
    good = caught == len(changed) and {struct.unpack(">H", c["suite"])[0] for _, c in cases} == set(SUITES)
    print("%s %d - all suites; changed inputs are noticed" % ("ok" if good else "not ok", len(cases) + 1))
    return 1 if failed or not good else 0


if __name__ == "__main__":
    sys.exit(main())
