#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: tests/target/selftest.py BUILD    A check that cannot fail is a defect: budgets, the reading
of outputs and the vector reader of tests/target pass what is sound and refuse each fault."""
import contextlib
import io
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(os.path.dirname(HERE)), "tools")]
import rsp  # noqa: E402
import targetlib as tl  # noqa: E402

MD = "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532"  # SHA3-256("abc"), FIPS 202
RESULTS = []


def result(good, name):
    RESULTS.append(good)
    print("%sok %d - %s" % ("" if good else "not ", len(RESULTS), name))


def quiet(f, *args):
    """(what f printed, its tally)."""
    tally, out = tl.Tally(), io.StringIO()
    with contextlib.redirect_stdout(out):
        f(tally, *args)
    return out.getvalue(), tally


def budgets(limits, figures):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("# a comment\n" + limits)
        f.flush()
        tl.BUDGETS = f.name
        text, tally = quiet(tl.check_budgets, figures, ("text", "rodata"))
    return tally.passed, tally.failed, "loose" in text


def test_budgets():
    result(budgets("A: text = 100\n", {"A: text": 100}) == (1, 0, False), "a kept budget")
    result(budgets("A: text = 99\n", {"A: text": 100}) == (0, 1, False), "one byte over")
    result(budgets("A: text = 106\n", {"A: text": 100}) == (1, 0, True), "a loose limit is told")
    result(budgets("", {"A: text": 100}) == (0, 1, False), "a figure without a limit")
    result(budgets("A: text = 9\nB: text = 9\n", {"A: text": 9}) == (1, 1, False),
           "a limit without a figure")
    result(budgets("A: text = 9\nB: stack+tmp = 9\n", {"A: text": 9}) == (1, 0, False),
           "limits of another tool are let be")


def test_reading():
    def read(code, text):
        _, tally = quiet(lambda t: t.read("x", code, text))
        return tally.passed, tally.failed
    result(read(0, "ok a\nok b\nend\n") == (2, 0), "a sound output")
    result(read(1, "ok a\nnot ok b\nend\n") == (1, 1), "a failed check")
    result(read(0, "ok a\n") == (1, 1), "an output that breaks off")
    result(read(9, "ok a\nfault MemManage\n") == (1, 1), "a fault")
    result(read(None, "ok a\n") == (1, 1), "no end in time")
    result(read(2, "cannot do that\nend\n") == (0, 1), "a refused command")
    _, tally = quiet(lambda t: t.check_vectors("x", {("vectors", "passed"): 3}, "", 4))
    result(tally.failed == 1, "a lost vector")


def test_drbg():
    key, block = bytes(range(32)), bytes.fromhex("00112233445566778899aabbccddeeff")
    result(rsp.encrypt(rsp.expand(key), block).hex() == "8ea2b7ca516745bfeafc49904b496089",
           "AES-256, FIPS 197 appendix C.3")
    # What every round-3 submission's first record starts from.
    first = rsp.Drbg(bytes(range(48))).random(48).hex()
    result(first == "061550234d158c5ec95595fe04ef7a25767f2e24cc2bc479d09d86dc9abcfde7"
                    "056a8c266f9ef97ed08541dbd2e1ffa1", "the generator of the .rsp files")


def vectors(program, text):
    """(exit code, passed, failed) of the vector reader over a flat file."""
    with tempfile.NamedTemporaryFile("w", suffix=".vectors") as f:
        f.write(text)
        f.flush()
        code, out = tl.call([program, "vectors", f.name], 20)
    passed = [int(line.split()[3]) for line in out.splitlines() if "vectors passed" in line]
    return code, (passed or [None])[0], out.count("not ok vector")


def test_vectors(build, folder):
    program = os.path.join(folder, "sha3")
    sources = [os.path.join(tl.TARGET, s) for s in (*tl.COMMON, "classic.c", "port_posix.c")]
    subprocess.run(["cc", "-O1", *tl.WARN, "-DSHA3_ONLY", "-o", program, *sources,
                    os.path.join(build, "libpqi-core.a")], check=True)
    good = "T one\nmsg 616263\nR hash-8 0\n=md %s\n" % MD
    result(vectors(program, good) == (0, 1, 0), "a sound vector")
    result(vectors(program, good + good[:-1]) == (0, 2, 0), "no newline at the end")
    for name, bad in (
            ("a wrong digit", good.replace("3a98", "3a99")),
            ("an answer that is too short", good.replace("1532\n", "15\n")),
            ("an answer that is too long", good.replace("1532\n", "153200\n")),
            ("another message", good.replace("616263", "616264")),
            ("another status", good.replace("hash-8 0", "hash-8 -1")),
            ("an unknown operation", good.replace("hash-8 0", "hush-8 0")),
            ("an answer to nothing", good.replace("=md", "=dm"))):
        result(vectors(program, bad + good) == (1, 1, 1), name)
    result(tl.call([program, "vectors", "/nonexistent"])[0] == 2, "a missing file")
    result(tl.call([program, "hash"])[0] == 2, "an unknown command")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        test_budgets()
        test_reading()
        test_drbg()
        test_vectors(sys.argv[1], folder)
    print("1..%d" % len(RESULTS))
    return 0 if all(RESULTS) else 1


if __name__ == "__main__":
    sys.exit(main())
