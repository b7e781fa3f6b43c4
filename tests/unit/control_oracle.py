#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""control_oracle.py BUILD [--digests]: the payloads, hashes, chains and trees of
docs/spec/control-example.txt, made from docs/spec/control.md with hashlib and a CBOR encoder of its own.
Trees follow the recursive definitions of RFC 9162 sections 2.1.1 and 2.1.3.1. Prints TAP. --digests
prints the known answers that stand in tests/unit/test_control_chain.c."""
import hashlib
import os
import struct
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests", "session"))
import examples  # noqa: E402

FLEET = b"example fleet 02"
TICK_SEED, TOKEN_SEED = b"\x31" * 32, b"\x32" * 32


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def head(major, n):
    if n < 24:
        return bytes([major << 5 | n])
    for info, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        if n < 1 << 8 * struct.calcsize(form):
            return bytes([major << 5 | info]) + struct.pack(form, n)
    raise ValueError(n)


def cbor(v):
    if isinstance(v, int):
        return head(0, v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor, v))
    return head(5, len(v)) + b"".join(cbor(k) + cbor(x) for k, x in v.items())


def chain(label, x, n):
    for _ in range(n):
        x = sha(label, x)
    return x


def tick(x, n):
    return chain(b"PQI4 tick", x, n)


def token(x, n):
    return chain(b"PQI4 token", x, n)


# ---- RFC 9162 section 2.1, as it is written

def split(n):
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def mth(d):
    if not d:
        return sha()
    if len(d) == 1:
        return d[0]
    k = split(len(d))
    return sha(b"\x01", mth(d[:k]), mth(d[k:]))


def path(m, d):
    if len(d) == 1:
        return []
    k = split(len(d))
    return path(m, d[:k]) + [mth(d[k:])] if m < k else path(m - k, d[k:]) + [mth(d[:k])]


def encoded_path(seq, m, d):
    return struct.pack(">III", seq, len(d), m) + b"".join(path(m, d))


def roster_leaf(index, epoch, certificate):
    return sha(b"\x00", b"PQI4 leaf", struct.pack(">II", index, epoch), sha(certificate))


# ---- the example

def expected():
    leaves = [roster_leaf(index, i + 1, b"certificate %d" % i)
              for i, index in enumerate((1, 4, 42, 43, 70000))]
    nonces = [sha(b"\x00", b"PQI4 nonce", bytes([0xA0 + i]) * 16, bytes([0xB0 + i]) * 8)
              for i in range(3)]
    policy = cbor({1: 2, 2: FLEET, 3: 1, 4: 3, 5: 900, 6: [1, 1], 7: 2, 8: 2, 9: 7,
                   10: [3600, 4, 48, 720], 11: 3600, 12: [0, 0, 3], 13: 2, 14: 2160, 15: 20, 16: 24,
                   17: 3600, 18: [["", "plant/a", 3, 1], ["control", "plant/a/cmd", 1, 10]],
                   19: ["plant/a/cmd/stop"]})
    policy_hash = sha(b"PQI4 policy id", policy)
    control = cbor({1: 1, 2: FLEET, 3: 1, 4: 7, 5: sha(b"head 6"), 6: [3, policy_hash],
                    7: [2, sha(b"two revocations")], 8: [5, 5, mth(leaves)], 9: tick(TICK_SEED, 168),
                    10: 168, 11: 1000, 12: 1770000000, 13: token(TOKEN_SEED, 1000 - 7),
                    14: [["gateway-1", tick(TOKEN_SEED, 72), 72, "plant/a"]]})
    third = b"\x72" + struct.pack(">II", 7, 3) + tick(TICK_SEED, 168 - 3)
    return {
        ("policy", "payload"): policy,
        ("policy", "hash"): policy_hash,
        ("roster", "leaves"): b"".join(leaves),
        ("roster", "path_of_position_2"): encoded_path(5, 2, leaves),
        ("roster", "payload"): cbor({1: 1, 2: FLEET, 3: 1, 4: 5, 5: 5, 6: mth(leaves)}),
        ("statement", "leaves"): b"".join(nonces),
        ("statement", "payload"): cbor({1: 1, 2: FLEET, 3: 1, 4: 7, 5: 3, 6: 1770010800, 7: 3,
                                        8: mth(nonces)}),
        ("head", "payload"): control,
        ("head", "hash"): sha(b"PQI4 head id", control),
        ("ticks", "tick"): third,
        ("ticks", "local_tick"): b"\x75\x00" + struct.pack(">II", 7, 2) + tick(TOKEN_SEED, 72 - 2),
        ("question", "question"): b"\x76\x03\x00\x00" + b"\xb0" * 8 + b"\xa0" * 16
                                  + struct.pack(">7I", 1, 6, 160, 3, 1, 4, 42) + b"pump-1",
        ("question", "answer"): b"\x77\x03\x00\x00" + third,
    }


def alg_kid(pk):
    """{1: -48, 4: kid} without its map head; alg16 of -48 is ffd0."""
    return b"\x01\x38\x2f\x04\x48" + sha(b"PQI4 key", b"\xff\xd0", pk)[:8]


def sign1(typ, pk, payload, signature):
    header = b"\xa3" + alg_kid(pk) + b"\x10" + cbor(typ)
    return b"\xd2\x84" + cbor(header) + b"\xa0" + cbor(payload) + cbor(signature)


def objects(file):
    """The envelopes around the payloads; the signatures themselves are taken as they are."""
    keys = file["keys"]
    for name, typ, by in (("roster", "pqi-roster", "issuer"), ("head", "pqi-head", "head"),
                          ("statement", "pqi-statement", "head")):
        case = file[name]
        yield name, case["object"], sign1(typ, keys[by], case["payload"], case["object"][-2420:])
    case = file["policy"]
    one, two = case["object"][-2420 - 2440:-2440], case["object"][-2420:]
    by = sorted([keys["policy_1"], keys["policy_2"]], key=alg_kid)
    made = b"\xd8\x62\x84" + cbor(b"\xa1\x10" + cbor("pqi-policy")) + b"\xa0" + cbor(case["payload"]) + b"\x82"
    for pk, signature in zip(by, (one, two)):
        made += b"\x83" + cbor(b"\xa2" + alg_kid(pk)) + b"\xa0" + cbor(signature)
    yield "policy", case["object"], made


def digests():
    every = hashlib.sha256()
    leaves = [sha(b"leaf %d" % i) for i in range(70)]
    for n in range(1, 71):
        root = mth(leaves[:n])
        for m in range(n):
            every.update(encoded_path(9, m, leaves[:n]) + root)
    yield "every path and root of 1..70 leaves", every.hexdigest()
    for n in (0, 1, 2, 3, 7, 8):
        yield "root of %d leaves" % n, mth(leaves[:n]).hex()
    yield "leaf 0 of the roster", roster_leaf(1, 1, b"certificate 0").hex()
    yield "tick 1", tick(TICK_SEED, 1).hex()


def main():
    if "--digests" in sys.argv:
        for name, value in digests():
            print("%s: %s" % (name, value))
        return
    file = dict(examples.read(os.path.join(TOP, "docs/spec/control-example.txt")))
    with open(os.path.join(TOP, "tests/unit/test_control_chain.c"), encoding="ascii") as f:
        c_test = f.read()
    results = [("%s of %s" % (field, case), file[case].get(field) == value)
               for (case, field), value in expected().items()]
    results += [("envelope of the " + name, got == made) for name, got, made in objects(file)]
    results += [("the C test knows the " + name, value in c_test) for name, value in digests()]
    print("1..%d" % len(results))
    for i, (name, good) in enumerate(results, 1):
        print("%sok %d - %s" % ("" if good else "not ", i, name))
    sys.exit(0 if all(good for _, good in results) else 1)


if __name__ == "__main__":
    main()
