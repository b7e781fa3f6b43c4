#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: damage.py FILE COPY: copies a file with one bit in its middle changed."""
import sys

with open(sys.argv[1], "rb") as f:
    data = bytearray(f.read())
data[len(data) // 2] ^= 1
with open(sys.argv[2], "wb") as f:
    f.write(data)
