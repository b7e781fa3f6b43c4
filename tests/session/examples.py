# SPDX-License-Identifier: Apache-2.0
"""What several oracles of this directory need: the files of worked examples, and X25519."""
P = 2**255 - 19


def read(path):
    """[(name, {field: bytes})]"""
    cases, field = [], None
    with open(path, encoding="ascii") as f:
        for line in f:
            line = line.rstrip("\n")
            if line.startswith("["):
                cases.append((line[1:-1], {}))
            elif line.endswith(" ="):
                field = line[:-2]
                assert field not in cases[-1][1], field
                cases[-1][1][field] = b""
            elif line.startswith("    "):
                cases[-1][1][field] += bytes.fromhex(line.strip())
            else:
                assert line == "" or line.startswith("#"), line
    return cases


def x25519(scalar, u):
    """RFC 7748 section 5."""
    k = int.from_bytes(scalar, "little") & ((1 << 254) - 8) | 1 << 254
    x1 = int.from_bytes(u, "little") & (1 << 255) - 1
    x2, z2, x3, z3 = 1, 0, x1, 1
    for t in range(254, -1, -1):
        bit = k >> t & 1
        if bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
        a, b, c, d = x2 + z2, x2 - z2, x3 + z3, x3 - z3
        da, cb, aa, bb = d * a % P, c * b % P, a * a % P, b * b % P
        x3, z3 = (da + cb) ** 2 % P, x1 * (da - cb) ** 2 % P
        x2, z2 = aa * bb % P, (aa - bb) * (aa + 121665 * (aa - bb)) % P
        if bit:
            x2, x3, z2, z3 = x3, x2, z3, z2
    return (x2 * pow(z2, P - 2, P) % P).to_bytes(32, "little")


def public(scalar):
    return x25519(scalar, (9).to_bytes(32, "little"))
