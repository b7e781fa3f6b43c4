#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""resume_oracle.py BUILD: the resumptions of docs/spec/resume-example.txt once more, from the text of
docs/spec/resume.md and the standard library alone: packets byte by byte, tags, every key. Prints TAP."""
import hashlib
import hmac
import os
import struct
import sys

from examples import read

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXAMPLE = os.path.join(TOP, "docs", "spec", "resume-example.txt")
HASH = {1: "sha256", 2: "sha256", 4: "sha384"}
KEYS = (("RK0", "rk"), ("CK_I2R", "ck I2R"), ("CK_R2I", "ck R2I"), ("RMS0", "rms"),
        ("GK_I2R", "gk I2R"), ("GK_R2I", "gk R2I"), ("EXP", "exp"))


def lv(data):
    return struct.pack(">H", len(data)) + data


def derive(v):
    """Compares everything that follows from the inputs; the number of values compared."""
    name = HASH[struct.unpack(">H", v["suite"])[0]]

    def h(data):
        return hashlib.new(name, data).digest()

    def mac(key, data):
        return hmac.new(key, data, name).digest()

    def exp(key, info, n):
        out, t, i = b"", b"", 1
        while len(out) < n:
            t = mac(key, t + info + bytes([i]))
            out, i = out + t, i + 1
        return out[:n]

    n_i, n_r = v["rsid_I"] + v["random_I"], v["rsid_R"] + v["random_R"]
    first = b"\x50" + v["older"] + v["rsid_old"] + v["start"] + v["epoch"] + n_i
    second = b"\x51\x00" + v["rsid_I"] + v["epoch"] + n_r
    th0 = h(b"PQI4 rs" + v["mode"] + v["suite"] + v["sid"] + v["epoch"] + lv(v["id_I"]) +
            lv(v["id_R"]) + lv(b"\x01" + v["topic_I"]) + lv(b"\x01" + v["topic_R"]))
    th1 = h(th0 + first)
    tag1 = exp(v["RMS"], b"PQI4 rs tag I" + th1, 32)[:16]
    th2 = h(th1 + tag1 + second)
    prk = mac(v["RMS"], n_i + n_r)
    tag2 = exp(prk, b"PQI4 rs tag R" + th2, 32)[:16]
    th3 = h(th2 + tag2)
    out = exp(prk, b"PQI4 rs out" + th3, len(th3))
    values = [("RESUME1", first + tag1), ("RESUME2", second + tag2), ("sid_new", th3[:16])]
    values += [(key, exp(out, b"PQI4 rs " + label.encode() + th3, 32)) for key, label in KEYS]
    for key, value in values:
        assert value == v[key], "%s: %s" % (key, value.hex())
    return len(values)


def main():
    cases = read(EXAMPLE)
    print("1..%d" % (len(cases) + 2))
    failed = 0
    for i, (name, case) in enumerate(cases, 1):
        try:
            print("ok %d - %s: %d values" % (i, name, derive(case)))
        except AssertionError as e:
            failed += 1
            print("not ok %d - %s: %s" % (i, name, e))
    modes = {c["mode"][0] for _, c in cases} == {1, 2, 3}
    print("%s %d - all modes" % ("ok" if modes else "not ok", len(cases) + 1))
    # the oracle itself: each changed input must be noticed
    missed = []
    name, case = cases[0]
    inputs = [k for k in case if k not in ("RESUME1", "RESUME2", "sid_new", "suite") and
              k not in [key for key, _ in KEYS]]
    for field in inputs:
        changed = dict(case)
        changed[field] = bytes([case[field][0] ^ 1]) + case[field][1:]
        try:
            derive(changed)
            missed.append(field)
        except AssertionError:
            pass
    print("%s %d - %d changed inputs are noticed%s" % (
        "not ok" if missed else "ok", len(cases) + 2, len(inputs), "".join(" " + m for m in missed)))
    return 1 if failed or missed or not modes else 0


if __name__ == "__main__":
    sys.exit(main())
