#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Copies a vector file with one hex digit of one expected value changed.

usage: flip.py FILE FIELD COPY
The value is that of the first test that is valid, is run by pqi and has a non-empty FIELD.
"""
import json
import sys

# What pqi runs: the sizes of the AEADs it offers.
SIZES = {"ACVP-AES-CCM": {"keyLen": 128}, "AES-GCM": {"keySize": 256, "ivSize": 96}}


def main():
    source, field, copy = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        root = json.load(f)
    wanted = SIZES.get(root["algorithm"], {})
    for group in root["testGroups"]:
        if any(group.get(name) != value for name, value in wanted.items()):
            continue
        for test in group["tests"]:
            value = test.get(field)
            if not value or test.get("result", "valid") != "valid" or "testPassed" in test:
                continue
            middle = len(value) // 2
            digit = "0" if value[middle] != "0" else "1"
            test[field] = value[:middle] + digit + value[middle + 1:]
            with open(copy, "w", encoding="utf-8") as f:
                json.dump(root, f)
            return 0
    print(f"{source}: no test with {field}", file=sys.stderr)
    return 1


sys.exit(main())
