# SPDX-License-Identifier: Apache-2.0
"""The language of schedules: one verb and numbers a line. docs/adversary.md lists the verbs.

Every number is taken modulo what it chooses from and every verb is legal at any time, so any
subset of the lines of a schedule is a schedule: that is what makes shrinking simple."""
import random

# What a random campaign draws from: verb, weight, the largest value of each argument.
VERBS = [
    ("send", 30, (2, 2, 2)),
    ("announce", 4, (2,)),
    ("drop", 4, (3,)),
    ("hold", 3, (3, 31)),
    ("release", 2, ()),
    ("duplicate", 3, (3,)),
    ("reorder", 3, (7, 7)),
    ("retain-flip", 1, (3,)),
    ("qos-change", 1, (3, 2)),
    ("replay", 8, (255, 7, 1)),
    ("topic-swap", 3, (255, 1, 7)),
    ("splice", 3, (255, 255, 4095, 1)),
    ("truncate", 2, (255, 8191, 2)),
    ("bitflip", 4, (255, 2, 65535, 2)),
    ("forge", 4, (15, 65535, 2, 255)),
    ("announce-substitute", 2, (255, 2, 2)),
    ("partition", 1, (7,)),
    ("freeze", 1, (2, 1)),
    ("cut", 3, (2, 7, 2)),
    ("restart", 2, (2,)),
    ("crash", 4, (2,)),
    ("snapshot", 1, (2,)),
    ("restore", 1, (2,)),
    ("renew", 2, (2,)),
    ("revoke", 2, (2,)),
    ("tick", 3, (60000,)),
    ("widen", 1, (2,)),
    ("leap", 1, (2, 2, 4095)),
    ("resign", 2, (255, 2, 1)),
    ("badsig", 1, (2, 2, 15)),
    ("low-order", 1, (2, 2)),
    ("refresh", 2, (2, 2)),
    ("restore-image", 1, (2,)),
    ("roll-sessions", 1, (2,)),
    ("lose-sessions", 1, (2,)),
    ("drop-control", 2, (3,)),
    ("hold-control", 2, (3, 31)),
    ("newcomer", 1, (3, 2)),
    ("stolen-revoker", 1, (3, 5)),
    ("new-root", 1, ()),
]
# Where the fleet has a control plane. Its thieves: the key of heads, and that of the revoker.
PLANE_VERBS = [
    ("hours", 12, (9,)),
    ("plane-head", 3, ()),
    ("plane-policy", 2, (1,)),
    ("plane-entry", 2, ()),
    ("trickle", 4, (2,)),
    ("withhold", 8, (2, 127)),
    ("steal-head", 3, (2, 7)),
    ("lose-record", 3, (2, 3)),
    ("roll-record", 2, (2, 3)),
    ("clock", 2, (2, 3)),
    ("stop", 6, (2, 2)),
]
# Their first one or two arguments are nodes.
BY_NODE = {"withhold", "trickle", "steal-head", "lose-record", "roll-record", "clock", "stop",
           "send", "announce", "cut", "restart", "crash", "snapshot", "restore", "renew", "widen",
           "restore-image", "roll-sessions", "lose-sessions",
           "leap", "badsig", "low-order", "refresh"}
# v1 numbers go back with a disk; sessions do not.
IMAGE = {"restore-image"}
# Verbs with which an attacker only adds: whatever he does, no message may be lost.
ADDITIVE = {"send", "settle", "announce", "duplicate", "replay", "topic-swap", "splice", "truncate",
            "bitflip", "forge", "flood", "announce-substitute", "snapshot", "low-order", "resign",
            "qos-change", "newcomer"}
# With sessions also these, once there is one: packets of handshakes and rounds are no messages.
CONTROL = {"refresh", "drop-control", "hold-control"}
# What needs the keys of the CA, or a small table: simulation only.
SIMULATED = {"stolen-revoker", "new-root", "newcomer"}
NAMES = {verb for verb, _, _ in VERBS + PLANE_VERBS} | {"settle", "flood", "old-packet"}
# What costs a process or a second where processes and a broker are real.
SLOW = {"restart", "crash", "cut", "snapshot", "restore", "renew", "revoke", "tick"}


def generate(seed, length=40, without=(), plane=False):
    """The schedule of a seed: a list of lines."""
    rng = random.Random(seed)
    verbs = [v for v in VERBS + (PLANE_VERBS if plane else []) if v[0] not in without]
    weights = [w for _, w, _ in verbs]
    # A few verbs only, each time others: interactions of two faults are more likely than in a mix.
    if rng.random() < 0.5:
        keep = rng.sample(range(1, len(verbs)), k=rng.randint(2, 7))
        verbs = [verbs[0]] + [verbs[i] for i in keep]
        weights = [sum(v[1] for v in verbs[1:])] + [v[1] for v in verbs[1:]]
    # Often between two nodes only: what one pair has been through matters, not how much there was.
    pair = rng.sample(range(3), k=2) if rng.random() < 0.5 else None
    lines = []
    for _ in range(rng.randint(max(1, length // 4), length)):
        verb, _, tops = rng.choices(verbs, weights)[0]
        args = [rng.randint(0, top) for top in tops]
        if pair is not None and verb in BY_NODE:
            args[:len(pair)] = [p if top == 2 else a for p, a, top in zip(pair, args, tops)]
        lines.append(" ".join([verb] + [str(a) for a in args]))
    return lines


def parse(text):
    """(lines, header): header holds "name: value" of leading comments."""
    lines, header = [], {}
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if line.startswith("#"):
            name, colon, value = line[1:].partition(":")
            if colon and name.strip().isidentifier():
                header.setdefault(name.strip(), value.strip())
            continue
        if not line:
            continue
        words = line.split()
        if words[0] not in NAMES:
            raise ValueError("line %d: no such verb: %s" % (number, words[0]))
        if not all(w.isdigit() for w in words[1:]):
            raise ValueError("line %d: not a number: %s" % (number, line))
        lines.append(line)
    return lines, header


# What is late is not lost, as long as one epoch lasts.
LATE = {"reorder", "hold", "release"}


def takes_nothing(lines, sessions, quick=True):
    """Which messages must arrive: "all", "up": those in confirmed sessions, or None."""
    verbs = {line.split()[0] for line in lines}
    if sum(line.startswith("low-order") for line in lines) > 4:
        return None  # who sends these uses up its own budget
    if verbs <= ADDITIVE:
        return "all"
    if sessions != "off" and verbs <= ADDITIVE | CONTROL:
        return "up"
    if sessions != "off" and not quick and verbs <= ADDITIVE | LATE:
        return "up"
    return None


def shrink(lines, fails, tries=400):
    """Fewest lines that still fail: pieces of falling size are left out, then numbers made small."""
    left = tries

    def still(candidate):
        nonlocal left
        left -= 1
        return left >= 0 and fails(candidate)

    size = max(1, len(lines) // 2)
    while size >= 1 and left > 0:
        at, shorter = 0, False
        while at < len(lines):
            candidate = lines[:at] + lines[at + size:]
            if candidate and still(candidate):
                lines, shorter = candidate, True
            else:
                at += size
        if not shorter or size > len(lines):
            size = min(size // 2, max(1, len(lines) // 2)) if size > 1 else 0
    for i, line in enumerate(lines):
        words = line.split()
        for j in range(1, len(words)):
            for value in ("0", "1", str(int(words[j]) // 2)):
                if int(value) >= int(words[j]):
                    continue
                tried = words[:j] + [value] + words[j + 1:]
                if still(lines[:i] + [" ".join(tried)] + lines[i + 1:]):
                    words = tried
                    break
        lines[i] = " ".join(words)
    return lines
