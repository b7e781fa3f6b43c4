#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""erasure.py BUILD: the erasure code and CHUNK frames against an independent encoder and decoder, byte
for byte over random cases. This one follows docs/spec/chunks.md by the slow way: products by carry-less
multiplication and remainder, inverses by search, recovery by Gaussian elimination on the generator matrix.
Prints TAP."""
import os
import random
import subprocess
import sys

MODULUS = 0x11D
SEED = 20
LENGTHS = (32, 832, 800, 1216, 1120, 1600, 704, 768, 1024, 1344, 1504, 33, 99, 1217, 2399, 2400)


def slow_product(a, b):
    p = 0
    for i in range(8):
        if b >> i & 1:
            p ^= a << i
    for i in range(14, 7, -1):
        if p >> i & 1:
            p ^= MODULUS << (i - 8)
    return p


PRODUCT = [[slow_product(a, b) for b in range(256)] for a in range(256)]
INVERSE = [0] + [PRODUCT[a].index(1) for a in range(1, 256)]
# bytes.translate tables: multiplication of a whole symbol by one element
TIMES = [bytes(row) for row in PRODUCT]


def add(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def chunks(obj, size):
    padded = obj + bytes(-len(obj) % size)
    return [padded[i:i + size] for i in range(0, len(padded), size)]


def row(k, index):
    """The row of the generator matrix that makes a symbol."""
    return [int(i == index) if index < k else INVERSE[index ^ i] for i in range(k)]


def encode(obj, size, index):
    parts = chunks(obj, size)
    total = bytes(size)
    for c, part in zip(row(len(parts), index), parts):
        total = add(total, part.translate(TIMES[c]))
    return total


def decode(length, size, symbols):
    """{index: symbol}, k of them: Gauss and Jordan."""
    k = -(-length // size)
    rows = [(row(k, i), s) for i, s in symbols.items()]
    for col in range(k):
        at = next(r for r in range(col, k) if rows[r][0][col])
        rows[col], rows[at] = rows[at], rows[col]
        scale = TIMES[INVERSE[rows[col][0][col]]]
        pivot = bytes(rows[col][0]).translate(scale), rows[col][1].translate(scale)
        rows[col] = pivot
        for r in range(k):
            c = rows[r][0][col]
            if r != col and c:
                rows[r] = (add(rows[r][0], pivot[0].translate(TIMES[c])),
                           add(rows[r][1], pivot[1].translate(TIMES[c])))
    out = b"".join(r[1] for r in rows)
    return out[:length] if not any(out[length:]) else None


class Peer:
    def __init__(self, build):
        self.p = subprocess.Popen([os.path.join(build, "tests", "erasure_peer")],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, *words):
        self.p.stdin.write(" ".join(w.hex() if isinstance(w, bytes) else str(w)
                                    for w in words).encode() + b"\n")
        self.p.stdin.flush()
        return self.p.stdout.readline().decode().strip()


def encoders_agree(peer, rng):
    """Each length in each chunk size: every kind of index; all 255 of a small one."""
    n = 0
    for length in LENGTHS:
        for size in (16, 32, 64):
            obj = rng.randbytes(length)
            k = -(-length // size)
            for i in {0, k - 1, k, 254, *(rng.randrange(255) for _ in range(8))}:
                n += 1
                if peer.ask("enc", size, obj, i) != encode(obj, size, i).hex():
                    return False, "length %d chunk %d index %d" % (length, size, i)
    obj = rng.randbytes(200)
    for i in range(255):
        n += 1
        if peer.ask("enc", 32, obj, i) != encode(obj, 32, i).hex():
            return False, "index %d" % i
    return True, "%d symbols" % n


def losses(rng, k):
    """The indices that arrive: all data, half lost, from all 255, as few data as can be."""
    yield list(range(k))
    yield rng.sample(range(k), k - k // 2) + rng.sample(range(k, 255), k // 2)
    yield rng.sample(range(255), k)
    yield list(range(255 - k, 255))


def decoders_agree(peer, rng):
    """Both give the object back, from the other's symbols, whatever was lost."""
    n = 0
    for length in LENGTHS + tuple(rng.randrange(32, 700) for _ in range(60)):
        for size in (16, 32, 64):
            obj = rng.randbytes(length)
            for pick in losses(rng, -(-length // size)):
                rng.shuffle(pick)
                theirs = {i: encode(obj, size, i) for i in pick}
                words = ["%d:%s" % (i, s.hex()) for i, s in theirs.items()]
                slow = decode(length, size, theirs) if length <= 1216 else obj
                if slow != obj or peer.ask("dec", size, length, *words) != obj.hex():
                    return False, "length %d chunk %d indices %s" % (length, size, pick)
                n += 1
    return True, "%d recoveries" % n


def decoders_agree_on_nonsense(peer, rng):
    """Symbols of no object at all: the same bytes, or the same refusal for fill that is not zero."""
    refused = taken = 0
    for turn in range(150):
        size = (16, 32, 64)[turn % 3]
        k = rng.randrange(2, 12)
        length = max(32, k * size - rng.choice((0, 0, 0, 1, size - 1)))
        k = -(-length // size)
        symbols = {i: rng.randbytes(size) for i in rng.sample(range(255), k)}
        want = decode(length, size, symbols)
        got = peer.ask("dec", size, length, *("%d:%s" % (i, s.hex()) for i, s in symbols.items()))
        if got != ("! PQI_ERR_DECODE" if want is None else want.hex()):
            return False, "length %d chunk %d: %s" % (length, size, got)
        refused, taken = refused + (want is None), taken + (want is not None)
    return refused > 0 and taken > 0, "%d taken, %d refused" % (taken, refused)


def frames_agree(peer, rng):
    for turn in range(150):
        size = rng.choice((16, 32, 64))
        obj = rng.randbytes(rng.choice(LENGTHS))
        kind, way, number = rng.randrange(2), rng.randrange(2), rng.randrange(32)
        head = bytes([3, kind << 6 | way << 5 | number])
        first = rng.randrange(255)
        count = rng.randrange(0, min(6, 256 - first))
        if count == 0:
            want = head + b"\xff\x00" + len(obj).to_bytes(2, "big") + obj
        else:
            want = head + bytes([first, count]) + b"".join(
                encode(obj, size, first + i) for i in range(count))
        if peer.ask("frame", size, kind, way, number, first, count, obj) != want.hex():
            return False, "turn %d" % turn
    return True, "150 frames"


def main():
    peer, rng = Peer(sys.argv[1]), random.Random(SEED)
    tests = (encoders_agree, decoders_agree, decoders_agree_on_nonsense, frames_agree)
    print("1..%d" % len(tests))
    bad = 0
    for i, test in enumerate(tests, 1):
        ok, detail = test(peer, rng)
        bad += not ok
        print("%sok %d - %s: %s" % ("" if ok else "not ", i, test.__name__, detail), flush=True)
    peer.p.stdin.close()
    return 1 if bad or peer.p.wait(timeout=120) else 0


if __name__ == "__main__":
    sys.exit(main())
