#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: attest_log.py OUT PCR:TYPE:TEXT...

Stands in for firmware, which a software TPM lacks: writes a TCG event log of these events in the
SHA-256 bank and prints the lines `PCR:sha256=DIGEST` that tpm2_pcrextend extends the TPM by."""
import hashlib
import struct
import sys

spec = (b"Spec ID Event03\0" + struct.pack("<IBBBBI", 0, 0, 2, 0, 2, 1) + struct.pack("<HH", 0x0B, 32) + b"\0")
log = struct.pack("<II20sI", 0, 3, bytes(20), len(spec)) + spec
for word in sys.argv[2:]:
    pcr, kind, text = word.split(":", 2)
    data = text.encode()
    digest = hashlib.sha256(data).digest()
    log += struct.pack("<IIIH", int(pcr), int(kind, 0), 1, 0x0B) + digest
    log += struct.pack("<I", len(data)) + data
    print("%s:sha256=%s" % (pcr, digest.hex()))
with open(sys.argv[1], "wb") as f:
    f.write(log)
