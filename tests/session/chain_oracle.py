#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""chain_oracle.py BUILD [--example]: the message chain of docs/spec/chain.md against a slow model that
shares nothing with it: sets of numbers in place of tables, each key derived from the top. Random loss,
duplication, reordering, jumps and forged numbers, PQI_CHAIN_OPS operations (default 200000) from
PQI_CHAIN_SEED (default 1). Then what a thief of the receiver's whole state can derive. Prints TAP.
--example prints docs/spec/chain-example.txt."""
import hashlib
import os
import random
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROFILES = {"tiny": (10, 4, 128), "std": (12, 16, 128), "gateway": (12, 64, 512)}
N_MAX, STEPS, GRAIN = 1 << 20, 4, 16
LEFT, RIGHT, NEXT, ROOT, LEFT_KEY, RIGHT_KEY = range(6)
NO_KEY = "00" * 32


def prf(purpose, k):
    return hashlib.sha256(b"PQI4 chain" + bytes([purpose]) + k).digest()


class Keys:
    """The whole key tree of an epoch, as the document writes it."""

    def __init__(self, ck, depth):
        self.depth, self.sks = depth, [ck]

    def sk(self, s):
        while len(self.sks) <= s:
            self.sks.append(prf(NEXT, self.sks[-1]))
        return self.sks[s]

    def node(self, level, n):
        """The node of that level over number n."""
        k = prf(ROOT, self.sk(n >> self.depth))
        for below in range(self.depth - 1, level - 1, -1):
            k = prf((LEFT_KEY if below == 0 else LEFT) + (n >> below & 1), k)
        return k

    def key(self, n):
        return self.node(0, n)

    def tree(self, s):
        """(level, first number, value) of each node of a superblock."""
        row = [prf(ROOT, self.sk(s))]
        for level in range(self.depth, -1, -1):
            for i, value in enumerate(row):
                yield level, (s << self.depth) + (i << level), value
            if level:
                left = LEFT_KEY if level == 1 else LEFT
                row = [prf(left + bit, k) for k in row for bit in (0, 1)]


def blocks(numbers, depth):
    """The largest aligned blocks, of at most a superblock, that make up a sorted list."""
    found, i = [], 0
    while i < len(numbers):
        a, j = numbers[i], i
        while j + 1 < len(numbers) and numbers[j + 1] == numbers[j] + 1:
            j += 1
        end = numbers[j] + 1
        while a < end:
            level = depth
            while a % (1 << level) or a + (1 << level) > end:
                level -= 1
            found.append((a, level))
            a += 1 << level
        i = j + 1
    return found


class Model:
    """The receiver of the document: which numbers it would still open."""

    def __init__(self, name, ck):
        self.depth, self.cap, self.horizon = PROFILES[name]
        self.keys = Keys(ck, self.depth)
        self.next, self.missing = 0, set()
        self.evicted = 0

    def judge(self, n):
        if n >= N_MAX or n > self.next + (STEPS << self.depth):
            return "limit"
        return "ok" if n >= self.next or n in self.missing else "replay"

    def take(self, n):
        if n >= self.next:
            self.missing |= set(range(max(self.next, n - self.horizon - GRAIN), n))
            self.next = n + 1
            low = max(0, self.next - self.horizon) // GRAIN * GRAIN
            self.missing = {m for m in self.missing if m >= low}
        else:
            self.missing.remove(n)
        held = blocks(sorted(self.missing), self.depth)
        for first, level in held[:max(0, len(held) - self.cap)]:
            self.evicted += 1
            self.missing -= set(range(first, first + (1 << level)))

    def hashes(self, taken):
        """The most that one operation may cost, as section 6 has it."""
        peek = STEPS + 1 + self.depth
        return peek + 2 + self.depth + 2 * (self.depth - 4) if taken else peek


class Line:
    """The program under test."""

    def __init__(self, build):
        self.p = subprocess.Popen([os.path.join(build, "tests", "chain_line")], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def ask(self, lines):
        self.p.stdin.write("\n".join(lines) + "\nflush\n")
        self.p.stdin.flush()
        return [self.p.stdout.readline().strip() for _ in lines]


class Reach:
    """What a thief finds in the bytes of a state. Any 32 bytes at any place are compared with every
    value of the tree, so nothing rests on how the state is laid out."""

    def __init__(self, keys):
        self.keys, self.known, self.values = keys, set(), {}

    def learn(self, s):
        for i in range(s + 1):
            if i not in self.known:
                self.known.add(i)
                self.values[self.keys.sk(i)] = ("sk", i, None)
                for level, first, value in self.keys.tree(i):
                    self.values[value] = ("node", first, level)

    def find(self, state, top):
        """The set of numbers below `top` whose keys follow from the state."""
        got = set()
        for at in range(len(state) - 31):
            hit = self.values.get(state[at:at + 32])
            if hit and hit[0] == "sk":
                got |= set(range(hit[1] << self.keys.depth, top))
            elif hit:
                got |= set(range(hit[1], hit[1] + (1 << hit[2])))
        return got


def steal(line, model, reach):
    """Whether the state gives exactly the numbers that are still open."""
    s = (model.next >> model.depth) + 1
    reach.learn(s)
    top = (s + 1) << model.depth
    state = bytes.fromhex(line.ask(["dump"])[0])
    return reach.find(state, top) == model.missing | set(range(model.next, top))


class Traffic:
    """Numbers as a bad network brings them."""

    def __init__(self, rng):
        self.rng = rng
        self.loss, self.late = rng.choice((0, .01, .1, .3, .6)), rng.choice((0, .05, .3))
        self.far = rng.choice((0, 0, .001, .01))
        self.sent, self.held, self.seen = 0, [], []

    def next(self, depth):
        """(n, authentic)"""
        r = self.rng
        x = r.random()
        if x < .05:
            span = r.choice((4, 200, 700, 5 << depth, 1 << 21))
            return max(0, self.sent + r.randrange(-span, span)), False
        if x < .10 and self.seen:
            return r.choice(self.seen[-600:]), True
        if self.held and r.random() < .5 * self.late:
            return self.held.pop(r.randrange(len(self.held))), True
        if r.random() < self.far:
            self.sent += r.choice((20, 150, 600, 1 << depth, 3 << depth, 4 << depth, (4 << depth) + 9))
        while True:
            n, self.sent = self.sent, self.sent + 1
            if r.random() < self.late:
                self.held.append(n)
                self.held = self.held[-700:]
            elif r.random() >= self.loss:
                self.seen.append(n)
                return n, True


def epoch(line, rng, name, ops, tally):
    """One chain under one kind of traffic; the first line of disagreement, or None."""
    ck = rng.randbytes(32)
    model, traffic = Model(name, ck), Traffic(rng)
    reach = Reach(model.keys)
    if line.ask(["start %s %s" % (name, ck.hex())]) != ["ok"]:
        return "start"
    while ops > 0:
        batch = []
        for _ in range(min(ops, 500)):
            n, authentic = traffic.next(model.depth)
            status = model.judge(n)
            key = model.keys.key(n).hex() if status == "ok" else NO_KEY
            taken = status == "ok" and authentic
            batch.append(("%s %d" % ("open" if authentic else "forge", n), status, key,
                          model.hashes(taken)))
            if taken:
                model.take(n)
            if authentic and status == "limit":
                traffic.sent = model.next  # the peer would begin a new epoch
                traffic.held.clear()
            tally[status if authentic else "forged"] = tally.get(
                status if authentic else "forged", 0) + 1
        for (ask, status, key, most), got in zip(batch, line.ask([b[0] for b in batch])):
            word = got.split()
            if len(word) != 3 or word[:2] != [status, key] or int(word[2]) > most:
                return "%s: %s: got %s, want %s %s <=%d" % (name, ask, got, status, key, most)
            kind = "forged" if ask[0] == "f" else status
            tally["max " + kind] = max(tally.get("max " + kind, 0), int(word[2]))
            tally["hashes " + kind] = tally.get("hashes " + kind, 0) + int(word[2])
        ops -= len(batch)
        if rng.random() < .5 and model.next >> model.depth < 24:
            tally["thefts"] = tally.get("thefts", 0) + 1
            if not steal(line, model, reach):
                return "%s: what the stolen state gives is not what is still open" % name
        if traffic.sent >= N_MAX - (5 << model.depth):
            break
    tally["evicted"] = tally.get("evicted", 0) + model.evicted
    return None


def random_runs(line, total, seed):
    rng, tally = random.Random(seed), {}
    done = 0
    while done < total:
        for name in PROFILES:
            ops = min(rng.choice((500, 1500, 6000)), total - done)
            problem = epoch(line, rng, name, ops, tally) if ops else None
            if problem:
                return problem, tally
            done += ops
    kinds = [k for k in ("ok", "replay", "limit", "forged", "thefts", "evicted") if not tally.get(k)]
    return ("never happened: " + ", ".join(kinds)) if kinds else None, tally


def sender(line, rng):
    for name, (depth, _, _) in PROFILES.items():
        ck = rng.randbytes(32)
        keys, n = Keys(ck, depth), 0
        line.ask(["start %s %s" % (name, ck.hex())])
        while n < (3 << depth):
            count = rng.randrange(1, 2000)
            want = hashlib.sha256(b"".join(keys.key(i) for i in range(n, n + count))).hexdigest()
            if line.ask(["send %d" % count]) != [want]:
                return "%s: keys of %d..%d" % (name, n, n + count - 1)
            n += count
    return None


def example():
    """The text of docs/spec/chain-example.txt, and its keys."""
    ck = bytes(range(32))
    out = ["# docs/spec/chain.md: the chain of depth 12 that begins with ck", "ck = " + ck.hex()]
    keys = Keys(ck, 12)
    for s in range(2):
        out.append("sk_%d = %s" % (s, keys.sk(s).hex()))
        out.append("root_%d = %s" % (s, prf(ROOT, keys.sk(s)).hex()))
    out.append("# nodes over number 5")
    out += ["level_%d = %s" % (lv, keys.node(lv, 5).hex()) for lv in range(11, 0, -1)]
    out.append("# keys of messages")
    numbers = (0, 1, 5, 4095, 4096, 20480)
    out += ["key_%d = %s" % (n, keys.key(n).hex()) for n in numbers]
    return "\n".join(out) + "\n", ck, [(n, keys.key(n).hex()) for n in numbers]


def check_example(line):
    text, ck, keys = example()
    with open(os.path.join(TOP, "docs", "spec", "chain-example.txt"), encoding="ascii") as f:
        if f.read() != text:
            return "docs/spec/chain-example.txt is not what chain_oracle.py --example prints"
    line.ask(["start std " + ck.hex()])
    for n, key in keys:
        got = line.ask(["open %d" % n])[0].split()
        if got[:2] != ["ok", key]:
            return "key %d: got %s" % (n, got)
    return None


def main():
    if "--example" in sys.argv:
        sys.stdout.write(example()[0])
        return
    line = Line(sys.argv[1])
    total = int(os.environ.get("PQI_CHAIN_OPS", "200000"))
    seed = int(os.environ.get("PQI_CHAIN_SEED", "1"))
    problem, tally = random_runs(line, total, seed)
    results = [(problem, "%d random operations of a receiver, and thefts of its state" % total),
               (sender(line, random.Random(seed)), "keys of a sender"),
               (check_example(line), "the example of the document")]
    print("# seed %d: %s" % (seed, ", ".join("%s %s" % kv for kv in sorted(tally.items()))))
    print("1..%d" % len(results))
    for i, (bad, name) in enumerate(results, 1):
        print("%sok %d - %s" % ("not " if bad else "", i, name))
        if bad:
            print("# " + bad)
    sys.exit(1 if any(bad for bad, _ in results) else 0)


if __name__ == "__main__":
    main()
