#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""hs_oracle.py BUILD: the handshakes of docs/spec/v4-handshake-example.txt once more, from the text of
docs/spec/v4-handshake.md and the standard library alone: fields of the packets at their offsets, coins, X25519,
transcript, every key, gate tags. The only inputs taken on trust are KEM secrets and signatures. Prints
TAP."""
import hashlib
import hmac
import os
import struct
import sys

from examples import public, read, x25519

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(TOP, "docs", "spec", "v4-handshake-example.txt")
# suite: hash, bytes of the KEM's public key and ciphertext
SUITES = {1: ("sha256", 800, 768), 2: ("sha256", 1184, 1088), 4: ("sha384", 1568, 1568),
          5: ("sha256", 1184, 1088)}
S, K, M = 1, 2, 3


class Cursor:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        assert self.at + n <= len(self.data)
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, fmt):
        return struct.unpack(">" + fmt, self.take(struct.calcsize(fmt)))[0]

    def end(self):
        assert self.at == len(self.data), "%d bytes left" % (len(self.data) - self.at)


def lv(data):
    return struct.pack(">H", len(data)) + data


class Schedule:
    def __init__(self, case):
        self.v, self.checked = case, 0
        self.mode, self.suite = case["mode"][0], struct.unpack(">H", case["suite"])[0]
        self.hash, self.pk_len, self.ct_len = SUITES[self.suite]

    def h(self, data):
        return hashlib.new(self.hash, data).digest()

    def ext(self, salt, ikm):
        return hmac.new(salt, ikm, self.hash).digest()

    def exp(self, prk, info, n):
        out, t, i = b"", b"", 1
        while len(out) < n:
            t = hmac.new(prk, t + info + bytes([i]), self.hash).digest()
            out, i = out + t, i + 1
        return out[:n]

    def same(self, name, value):
        assert value == self.v[name], "%s: %s" % (name, value.hex())
        self.checked += 1

    def combine(self, prk, exchange):
        k, x_ct, x_pk = (self.v[n + exchange] for n in ("secrets_", "x_ct_", "x_pk_"))
        if self.suite == 5:
            k = hashlib.sha3_256(k + x_ct + x_pk + bytes.fromhex("5c2e2f2f5e5c")).digest()
        return self.ext(prk, k)

    def parse_init(self):
        c = Cursor(self.v["INIT"])
        assert c.take(1)[0] == (0x4b if self.mode == K else 0x48)
        flags = c.take(1)[0]
        assert c.number("H") == self.suite
        assert c.take(8) != c.take(8) and c.number("Q") != 0 and c.number("I") != 0
        c.take(4 + 8 + 16)
        assert c.at == 60
        c.take(16 if flags & 1 else 0)
        x = c.take(32)
        c.take(self.pk_len + (self.ct_len if self.mode == K else 0))
        body = c.data[:c.at]
        tag = c.take(16)
        c.end()
        assert flags & 0x86 == (4 if self.v["psk"] else 0)
        assert bool(flags & 8) == (self.mode == M) and flags >> 4 <= 5
        return x, body, tag

    def parse_resp(self):
        c = Cursor(self.v["RESP"])
        assert c.take(1)[0] == (0x4c if self.mode == K else 0x49)
        flags = c.take(1)[0]
        assert c.number("H") == self.suite and c.number("I") != 0 and c.number("I") != 0
        c.take(4 + 8 + 8 + 16)
        assert c.at == 48
        x = c.take(32)
        c.take(self.ct_len * (1 if self.mode == S else 2))
        front = c.data[:c.at]
        auth = c.take(len(c.data) - c.at - 16)
        assert len(auth) == 16 if self.mode == K else len(auth) > 16
        tag = c.take(16)
        c.end()
        assert flags & 0x87 == (4 if self.v["psk"] else 0)
        return x, front, auth, tag

    def parse_conf(self):
        c = Cursor(self.v["CONF"])
        assert c.take(1)[0] == (0x4d if self.mode == K else 0x4a)
        assert c.take(1)[0] == (8 if self.mode == M else 0) and c.number("H") == 0
        assert c.take(4) == self.v["RESP"][8:12]
        auth = c.take(len(c.data) - c.at)
        assert len(auth) > 16 if self.mode == S else len(auth) == 16

    def curve(self, x_i, x_r):
        """The X25519 half of every exchange, from the scalars."""
        v = self.v
        e_i, e_r = v["x25519_ephemeral_I"], v["x25519_ephemeral_R"]
        assert public(e_i) == x_i and public(e_r) == x_r
        used = [("ephemeral", e_r, x_i, x_r)]
        if self.mode == K:
            used.append(("static_R", e_i, public(v["x25519_static_R"]), x_i))
        if self.mode != S:
            used.append(("static_I", e_r, public(v["x25519_static_I"]), x_r))
        for name, scalar, pk, ct in used:
            self.same("x_pk_" + name, pk)
            self.same("x_ct_" + name, ct)
            assert v["secrets_" + name][32:] == x25519(scalar, pk), name

    def coins(self, init, th1):
        """Section 9: everything random in the two packets, from one seed each."""
        v = self.v
        front = init[:44] + (init[60:76] if init[1] & 1 else b"")

        def coin(seed, label, bound, n):
            out, t, i = b"", b"", 1
            while len(out) < n:
                t = hmac.new(seed, t + b"PQI4 hs coin " + label + bound + bytes([i]), "sha256").digest()
                out, i = out + t, i + 1
            return out[:n]

        assert coin(v["seed_I"], b"rand I", front, 16) == init[44:60]
        assert coin(v["seed_R"], b"rand R", th1, 16) == v["RESP"][32:48]
        self.same("x25519_ephemeral_I", coin(v["seed_I"], b"x I", front, 32))
        self.same("x25519_ephemeral_R", coin(v["seed_R"], b"x R", th1, 32))
        self.same("kem_seed_ephemeral",
                  coin(v["seed_I"], b"ek I", front, len(v["kem_seed_ephemeral"])))
        self.same("coins_ephemeral", coin(v["seed_R"], b"ct e", th1, 32))
        if self.mode == K:
            self.same("coins_static_R", coin(v["seed_I"], b"ct R", front, 32))
        if self.mode != S:
            self.same("coins_static_I", coin(v["seed_R"], b"ct I", th1, 32))

    def gate(self, key, to, frm, topic, body, tag):
        v = self.v
        text = b"PQI4 hs gate" + lv(v[frm]) + lv(v[to]) + lv(b"\x01" + v[topic]) + body
        assert hmac.new(v[key], text, "sha256").digest()[:16] == tag, key
        self.checked += 1

    def run(self):
        v = self.v
        x_i, init, init_tag = self.parse_init()
        x_r, front, auth, resp_tag = self.parse_resp()
        self.parse_conf()
        self.curve(x_i, x_r)
        self.gate("gate_key_I2R", "id_R", "id_I", "topic_I", init, init_tag)
        self.gate("gate_key_R2I", "id_I", "id_R", "topic_R", front + auth, resp_tag)
        th0 = self.h(b"PQI4 hs" + v["mode"] + v["suite"] + lv(v["id_I"]) + lv(v["id_R"]) +
                     self.h(v["cert_I"]) + self.h(v["cert_R"]) +
                     lv(b"\x01" + v["topic_I"]) + lv(b"\x01" + v["topic_R"]))
        th1 = self.h(th0 + init)
        self.coins(init, th1)
        th2 = self.h(th1 + front)
        th3 = self.h(th2 + auth)
        prk_a = self.ext(b"PQI4 hs prk" + v["suite"], v["psk"] or bytes(32))
        prk_b = self.combine(prk_a, "static_R") if self.mode == K else prk_a
        prk_c = self.combine(prk_b, "ephemeral")
        prk_d = self.combine(prk_c, "static_I") if self.mode != S else prk_c
        out = self.exp(prk_d, b"PQI4 hs out" + th3, len(th3))
        for name, value in (("th0", th0), ("th1", th1), ("th2", th2), ("th3", th3),
                            ("prk_a", prk_a), ("prk_b", prk_b), ("prk_c", prk_c), ("prk_d", prk_d),
                            ("auth_R_key_iv", self.exp(prk_d, b"PQI4 hs auth R" + th2, 44)),
                            ("auth_I_key_iv", self.exp(prk_d, b"PQI4 hs auth I" + th3, 44)),
                            ("sid", th3[:16])):
            self.same(name, value)
        for name, label in (("RK0", "rk"), ("CK_I2R", "ck I2R"), ("CK_R2I", "ck R2I"),
                            ("RMS0", "rms"), ("GK_I2R", "gk I2R"), ("GK_R2I", "gk R2I"),
                            ("EXP", "exp")):
            self.same(name, self.exp(out, b"PQI4 hs " + label.encode() + th3, 32))
        return self.checked


def main():
    cases = read(EXAMPLE)
    seen = {(c["mode"][0], struct.unpack(">H", c["suite"])[0]) for _, c in cases}
    print("1..%d" % (len(cases) + 2))
    failed = 0
    for i, (name, case) in enumerate(cases, 1):
        try:
            print("ok %d - %s: %d values" % (i, name, Schedule(case).run()))
        except AssertionError as e:
            failed += 1
            print("not ok %d - %s: %s" % (i, name, e))
    wanted = {(m, s) for m in (S, K, M) for s in (1, 2, 4)} <= seen
    print("%s %d - all modes with suites 1, 2, 4" % ("ok" if wanted else "not ok", len(cases) + 1))
    # the oracle itself: a changed input must not give the same values
    name, case = cases[0]
    case["secrets_ephemeral"] = bytes(32) + case["secrets_ephemeral"][32:]
    try:
        Schedule(case).run()
        caught = False
    except AssertionError:
        caught = True
    print("%s %d - a changed secret is noticed" % ("ok" if caught else "not ok", len(cases) + 2))
    return 1 if failed or not wanted or not caught else 0


if __name__ == "__main__":
    sys.exit(main())
