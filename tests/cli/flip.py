#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies a vector file with one hex digit of one expected value changed.

usage: flip.py FILE FIELD COPY
JSON with tests: the value is that of the first test that is valid, is run by pqi and has a
non-empty FIELD. Other JSON: FIELD is a path, "a/b/0/c". Text: the line "FIELD = value" in the
middle of those with that name.
"""
import json
import sys

# What pqi runs: the sizes of the AEADs it offers.
SIZES = {"ACVP-AES-CCM": {"keyLen": 128}, "AES-GCM": {"keySize": 256, "ivSize": 96}}


def flipped(value):
    middle = len(value) // 2
    return value[:middle] + ("0" if value[middle] != "0" else "1") + value[middle + 1:]


def flip_text(text, field):
    lines = text.split("\n")
    places = [i for i, line in enumerate(lines) if line.startswith(field + " = ")]
    if not places:
        return None
    at = places[len(places) // 2]
    lines[at] = field + " = " + flipped(lines[at][len(field) + 3:])
    return "\n".join(lines)


def flip_path(root, path):
    *way, last = path.split("/")
    for name in way:
        root = root[int(name) if isinstance(root, list) else name]
    root[last] = flipped(root[last])


def flip_test(root, field):
    wanted = SIZES.get(root.get("algorithm"), {})
    for group in root.get("testGroups", [root]):
        if any(group.get(name) != value for name, value in wanted.items()):
            continue
        for test in group["tests"]:
            value = test.get(field)
            if not value or test.get("result", "valid") != "valid" or "testPassed" in test:
                continue
            test[field] = flipped(value)
            return True
    return False


def main():
    source, field, copy = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        text = f.read()
    if text[0] not in "{[":
        out = flip_text(text, field)
    else:
        root = json.loads(text)
        if "/" in field:
            flip_path(root, field)
            out = json.dumps(root)
        else:
            out = json.dumps(root) if flip_test(root, field) else None
    if out is None:
        print(f"{source}: no test with {field}", file=sys.stderr)
        return 1
    with open(copy, "w", encoding="utf-8") as f:
        f.write(out)
    return 0


sys.exit(main())
