#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: ak_proof.py OUT BASE [INDEX=FILE[:INDEX] | INDEX=hex:BYTES]... | ak_proof.py --get INDEX FILE

Proofs of an attestation key with statements about halves (docs/spec/attest.md section 2): takes BASE, replaces
elements by those of other files or by 1 to 23 bytes, and writes OUT; --get writes one element to standard output."""
import sys


def read(path):
    """The elements of an array, each as its encoded bytes."""
    with open(path, "rb") as f:
        data = f.read()
    items, at = [], 1
    while at < len(data):
        low, head, n = data[at] & 31, 1, 0
        if low < 24:
            n = low
        else:
            head += 1 << (low - 24)
            n = int.from_bytes(data[at + 1:at + head], "big")
        end = at + head + (n if data[at] >> 5 in (2, 3) else 0)
        items.append((data[at:end], data[at + head:end]))
        at = end
    assert len(items) == data[0] & 31 and data[0] >> 5 == 4
    return items


def main():
    if sys.argv[1] == "--get":
        sys.stdout.buffer.write(read(sys.argv[3])[int(sys.argv[2])][1])
        return
    items = [encoded for encoded, _ in read(sys.argv[2])]
    for change in sys.argv[3:]:
        index, source = change.split("=", 1)
        path, _, other = source.partition(":")
        if path == "hex":
            new = bytes.fromhex(other)
            items[int(index)] = bytes([0x40 | len(new)]) + new
        else:
            items[int(index)] = read(path)[int(other or index)][0]
    with open(sys.argv[1], "wb") as f:
        f.write(bytes([0x80 | len(items)]) + b"".join(items))


main()
