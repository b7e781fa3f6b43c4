#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schedule.py BUILD: random schedules of what a device hears of its fleet's control plane, and of what happens to
it: objects of the plane and of thieves (head key, revoker's key), late, lost, twice, in any order; power cuts at
any write, records deleted or put back, time that passes. The C code (BUILD/tests/ctl_driver) and the oracle of
oracle.py must agree on every line. At the end of some everything that is newest comes again: then all devices are
where the plane is, whatever came before in whatever order. Prints TAP; a schedule on which they do not agree is
shrunk and printed. world.py tells the language.

CONTROL_SCHEDULES (default 100000) is how many; CONTROL_SEED (default 1) chooses them; CONTROL_JOBS processes
(default 2).

schedule.py BUILD --one NUMBER      runs and shrinks the schedule of that number
schedule.py BUILD --print NUMBER    prints it with the lines expected"""
import functools
import multiprocessing
import os
import random
import subprocess
import sys
import time

import oracle
import world

BATCH = 500
SHARED = 10     # schedules over one world
SECONDS = 600   # for a batch
SILENT = ("w", "s", "x")
TIMES = (1000, 30 * 1000, 60 * 1000, 600 * 1000, 1200 * 1000, world.HOUR, world.HOUR, 2 * world.HOUR,
         5 * world.HOUR, 13 * world.HOUR, 50 * world.HOUR, 800 * world.HOUR)


# ---- making ----------------------------------------------------------------------------------------------------

def one_step(w, rng, at):
    """(steps, new place). Objects come about as they were made, with many exceptions."""
    n, r = len(w.things), rng.random()
    if r < 0.20:
        return [("t", rng.choice(("root", "head", "tick", "policy", "roster", "rev", "path")))], at
    if r < 0.60:
        k = at if rng.random() < 0.6 else rng.randrange(n)
        return [("t", k)] * (2 if rng.random() < 0.05 else 1), (at + rng.choice((0, 1, 1, 1, 2))) % n
    if r < 0.70:
        return [("p", rng.choice(TIMES))], at
    if r < 0.73:
        return [("h",)], at
    if r < 0.77:
        return [("q",)], at
    if r < 0.80:
        return [("q",), ("p", rng.choice(TIMES[:6])), statement(w, rng)], at
    if r < 0.81:
        return [statement(w, rng)], at
    if r < 0.83:
        return [("q",), ("p", rng.choice(TIMES[:5])), word(w, rng)], at
    if r < 0.85 and w.paths:
        return [("m", rng.choice(w.paths), rng.randrange(3), rng.randrange(3))], at
    if r < 0.87:
        return [("s",)], at
    if r < 0.89:
        return [("b", rng.randrange(4))], at
    if r < 0.91:
        return [("e", rng.randrange(4))], at
    if r < 0.915:  # the log over a new root, before its first head
        return [("t", "root"), ("t", "rev"), rng.choice([("e", 1), ("O",), ("b", 1)]), ("t", "rev")], at
    if r < 0.94:
        return [(rng.choice("OOC"),)], at
    if r < 0.943:
        return [("z",)], at
    if r < 0.95:
        return [("w", rng.choice((0, w.time, w.time + 10 ** 6, 10 ** 9)))], at
    then = rng.choice([("t", at)] * 5 + [("t", rng.randrange(n)), ("h",), ("C",), ("O",)])
    return [("x", rng.choice((1, 1, 2, 2, 3, 4)), rng.randrange(3)), then], at


def statement(w, rng):
    if rng.random() < 0.6:
        return ("a", -1, "own", rng.choice((0, 0, 0, 1, 4, -1)), rng.choice((0, 0, 1000, 10 ** 6)))
    h = w.things[rng.choice(w.heads)]
    tick = rng.choice((0, 1, 3, 9, h.count, h.count + 1))
    when = rng.choice((0, h.time, h.time + 100000))
    key = world.head_key(h.root) if rng.random() < 0.9 else world.STRANGER
    return ("a", rng.randrange(4) if rng.random() < 0.3 else -1, h.root, h.epoch, tick, when, key)


def word(w, rng):
    if rng.random() < 0.6:
        return ("v", -1, "own", rng.choice((0, 0, 1, 3, -1)), rng.choice((0, 0, 0, 0, 0, 1, 2)),
                rng.choice((0, 0, 10, 3600, 100000)))
    k = rng.choice(w.heads)
    return ("v", rng.randrange(4) if rng.random() < 0.2 else -1, k, rng.choice((0, 1, 3, w.things[k].count)),
            rng.choice((0, 0, 0, 0, 1, 2)), rng.choice((0, 0, 10, 3600, 100000)))


def finale(w, rng):
    """Everything that is newest, until nothing changes any more."""
    out = []
    for _ in range(6):
        order = list(w.newest["all"])
        rng.shuffle(order)
        out += [("t", k) for k in order]
    return out


@functools.lru_cache(maxsize=2)
def world_of(number):
    return world.World(random.Random("world %d" % number))


def make(number):
    """Schedule `number`: (world, device, steps, whether everything newest comes at its end)"""
    w = world_of(number // SHARED)
    rng = random.Random("schedule %d" % number)
    device = (rng.choice((1, 1, 1, w.roots)), rng.choice((64, 64, 64, 64, 3, 6)), int(rng.random() < 0.15),
              rng.choice((0, 0, w.time, w.time + 5000)))
    steps, at, questions = [], 0, 0
    for _ in range(rng.choice((6, 15, 25, 40))):
        more, at = one_step(w, rng, at)
        questions += sum(s[0] == "q" for s in more)
        if questions <= 12:
            steps += more
    ends = rng.random() < 0.4
    return w, device, steps + (finale(w, rng) if ends else []), ends and device[1] == 64


# ---- the oracle's lines ------------------------------------------------------------------------------------------

def useful(d, w, kind):
    """An object of a kind that comes next for this device, or of another kind, or any."""
    h, root = d.state.head if d.has_head() else None, d.root

    def fits(t):
        if t.kind == "root":
            return t.version == root + 1 and bool(t.by)
        if t.kind == "head":
            return t.root == root and t.epoch == (h.epoch if h else 0) + 1
        if t.kind == "rev" and h is None:
            return t.root == root and t.start == 0 and t.by != "" and len(t.entries) == 1
        if h is None:
            return False
        if t.kind == "tick":
            return t.chain == (("fleet", h.chain), root) and t.i > d.state.tick
        if t.kind in ("policy", "roster"):
            return t.root == root and (t.seq, t.name) == getattr(h, t.kind)
        if t.kind == "rev":
            return t.root == root and t.start <= d.have() and t.entries[:h.rev[0]] == h.rev[1] != ()
        return (t.seq, t.to) == d.state.roster[1:3] and t.position == 0

    found = [i for i, t in enumerate(w.things) if fits(t)]
    return next((i for i in found if w.things[i].kind == kind), found[0] if found else 0)


def resolved(d, w, step):
    """A step that says what is meant, as one that names it."""
    if step[0] == "t" and isinstance(step[1], str):
        return ("t", useful(d, w, step[1]))
    if step[0] not in "av":
        return step
    j = len(d.questions) - 1 if step[1] < 0 < len(d.questions) else max(step[1], 0)
    if step[2] != "own":
        return (step[0], j) + step[2:]
    h = d.state.head or w.things[w.heads[0]]
    tick = max(0, d.state.newest - h.base) if step[3] == 0 else max(0, d.state.tick + step[3])
    if step[0] == "v":
        return ("v", j, next(i for i, t in enumerate(w.things) if t is h), min(tick, h.count), *step[4:])
    return ("a", j, h.root, h.epoch, min(tick, 10 ** 9), h.time + step[4] if h.time else 0, world.head_key(h.root))


def act(d, w, step):
    """The line of one step, None where there is none."""
    verb, a = step[0], step[1:]
    if verb == "t":
        return d.line(*as_int(d.take(w.things[a[0]])))
    if verb == "p":
        d.mono, d.wall = d.mono + a[0], d.wall + a[0] // 1000
    elif verb == "z":
        d.mono = 0
    elif verb == "h":
        d.housekeeping()
    elif verb == "w":
        d.wall = a[0]
    elif verb == "q":
        q = d.ask()
        return d.line(int(q is not None), 0, ".".join(map(str, q)) if q else "none")
    elif verb == "a":
        by = world.SIGNERS[a[5]]
        return d.line(*as_int(d.answer(*a[:5], by)))
    elif verb == "v":
        return d.line(*as_int(d.word(a[0], w.things[a[1]], *a[2:])))
    elif verb == "m":
        leaf = (a[1], a[2] if a[1] else 0)
        return d.line(int(d.member(w.things[a[0]], leaf)), 0)
    elif verb == "s":
        d.kept = d.medium.copy()
    elif verb in "be":
        name = world.RECORDS[a[0]]
        d.medium.slots[name] = list(d.kept[name]) if verb == "b" and d.kept else [None, None]
        d.start()
    elif verb == "O":
        d.start()
    elif verb == "C":
        d.close()
        d.start()
    elif verb == "x":
        d.medium.fuse, d.medium.mode = a
    return None if verb in SILENT else d.line(1, 0)


def as_int(result):
    return int(result[0]), result[1]


def predict(w, device, steps):
    """(lines for the driver, lines expected, the device at the end)"""
    d = oracle.Device(*device)
    texts, wants = ["N %d %d %d %d" % device], [d.line(1, 0)]
    for step in steps:
        step = resolved(d, w, step)
        texts.append(" ".join(str(x) for x in step))
        try:
            want = act(d, w, step)
        except oracle.PowerCut:
            d.medium.fuse = 0
            d.start()
            want = d.line(2, 0, "cut")
        if step[0] != "x":
            d.medium.fuse = 0 if step[0] not in SILENT else d.medium.fuse
        if want is not None:
            wants.append(want)
    return texts, wants, d


def check_end(w, d):
    """Where every device is once everything that is newest came again."""
    head = w.things[w.newest["head"]]
    wrong = d.flags() & (oracle.ROLLBACK | oracle.TWO_HEADS)
    if w.newest["policy"] >= 0:  # else one of an older root that was lost stays so
        wrong |= d.flags() & oracle.POLICY_GAP
    if d.own_floor(oracle.REV) <= head.rev[0]:  # else a lost record had a thief's entries: until there are as many
        wrong |= d.flags() & oracle.REV_GAP
    assert not wrong, "flags %x" % wrong
    assert d.root == w.roots and d.state.head.name == head.name, "another head"
    assert all(d.is_revoked(i, e - 1) for i, e in head.rev[1]), "an entry is missing"
    if w.newest["policy"] >= 0:
        assert d.policy.name == w.things[w.newest["policy"]].name, "another policy"
    if w.newest["roster"] >= 0:
        assert d.state.roster[1:] == head.roster + (oracle.NAMED,), "another roster"


# ---- the C code -----------------------------------------------------------------------------------------------------

def ask(driver, text):
    run = subprocess.run([driver], input=text.encode(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         check=False, timeout=SECONDS)
    out = run.stdout.decode().split("\n")[:-1]
    if run.returncode:
        out.append("ctl_driver ended with %d: %s" % (run.returncode, run.stderr.decode()[-200:].strip()))
    return out


def wrong(driver, w, device, steps, ends):
    """(number of the line, expected, got) of the first disagreement, or None. A broken rule of the oracle counts."""
    texts, wants, d = predict(w, device, steps)
    gots = ask(driver, "\n".join(w.lines + texts) + "\n")
    for i, (want, got) in enumerate(zip(wants, gots)):
        if want != got:
            return i, want, got
    if len(wants) != len(gots):
        return min(len(wants), len(gots)), "%d lines" % len(wants), "%d lines %s" % (len(gots), gots[-1:])
    if ends:
        try:
            check_end(w, d)
        except AssertionError as e:
            return len(wants), "the plane's state", str(e)
    return None


def shrink(driver, w, device, steps, ends):
    bad = wrong(driver, w, device, steps, ends)
    if bad is None:
        return steps, None
    size, until = len(steps) // 2, time.monotonic() + 60
    while size and time.monotonic() < until:
        i = 0
        while i < len(steps):
            fewer = steps[:i] + steps[i + size:]
            now = wrong(driver, w, device, fewer, False)
            if now is not None:
                steps, bad = fewer, now
            else:
                i += size
        size //= 2
    return steps, bad


FIELDS = ("taken what root head tick newest log policy roster before two fresh site age flags grace L M H S "
          "time wall more").split()


def difference(want, got):
    a, b = want.split(), got.split()
    if len(a) != len(b):
        return "expected %s\ngot      %s" % (want, got)
    return "; ".join("%s: expected %s, got %s" % (n, x, y) for n, x, y in zip(FIELDS, a, b) if x != y)


def tell(w, device, steps, bad):
    """The objects that the steps name, what names them, and the steps with the lines expected."""
    texts, wants, _ = predict(w, device, steps)
    named = [t.split() for t in texts]
    used = {int(t[1]) for t in named if t[0] in "tm"} | {int(t[2]) for t in named if t[0] == "v"}
    lines, k, logs = [], 0, 0
    for line in w.lines[1:]:
        if line[0] == "L":
            lines.append("log %d: %s" % (logs, line))
            logs += 1
            continue
        if k in used or line[0] in "PRH":
            lines.append("%3d: %s" % (k, line))
        k += 1
    at = iter(wants)
    for i, text in enumerate(texts):
        want = next(at) if text[0] not in SILENT else ""
        lines.append("%-28s %s" % (text, want))
    if bad is not None:
        lines += ["line %d" % bad[0]] + difference(bad[1], bad[2]).split("\n")
    return lines


# ---- campaigns ------------------------------------------------------------------------------------------------------

def batch(job):
    """(schedules, lines, tally, number of the first that disagrees or None)"""
    driver, first, count = job
    text, plan, tally, last = [], [], {}, None
    for number in range(first, first + count):
        w, device, steps, ends = make(number)
        if last != number // SHARED:
            text += w.lines
            last = number // SHARED
        texts, wants, d = predict(w, device, steps)
        if ends:
            try:
                check_end(w, d)
            except AssertionError:
                return 0, 0, tally, number
        text += texts
        plan.append((number, wants))
        for line, want in zip((t for t in texts[1:] if t[0] not in SILENT), wants[1:]):
            key = line[0] if line[0] != "t" else w.things[int(line[2:])].kind
            key = "%s %s" % (key, ("no", "yes", "cut")[int(want[0])])
            tally[key] = tally.get(key, 0) + 1
    try:
        gots, at = ask(driver, "\n".join(text) + "\n"), 0
    except subprocess.TimeoutExpired:
        return 0, 0, tally, first
    for number, wants in plan:
        if gots[at:at + len(wants)] != wants:
            return number - first, at, tally, number
        at += len(wants)
    return count, at, tally, None if at == len(gots) else first


def campaign(pool, driver, total, seed):
    """(first that disagrees or None, schedules, what happened)"""
    start, tally, done, lines = (seed - 1) * 10 ** 7, {}, 0, 0
    jobs = [(driver, start + i, min(BATCH, total - i)) for i in range(0, total, BATCH)]
    for n, m, seen, bad in pool.imap_unordered(batch, jobs):
        done, lines = done + n, lines + m
        for k, v in seen.items():
            tally[k] = tally.get(k, 0) + v
        if bad is not None:
            return bad, done, tally
    tally["lines"] = lines
    return None, done, tally


def main():
    args = sys.argv[1:]
    if not args:
        sys.exit(__doc__)
    driver = os.path.join(args[0], "tests", "ctl_driver")
    if "--print" in args:
        w, device, steps, _ = make(int(args[-1]))
        print("\n".join(tell(w, device, steps, None)))
        return 0
    if "--one" in args:
        w, device, steps, ends = make(int(args[-1]))
        few, bad = shrink(driver, w, device, steps, ends)
        print("\n".join(tell(w, device, few, bad)))
        return 0
    total = int(os.environ.get("CONTROL_SCHEDULES", "100000"))
    print("1..1")
    began = time.monotonic()
    with multiprocessing.Pool(int(os.environ.get("CONTROL_JOBS", "2"))) as pool:
        bad, done, tally = campaign(pool, driver, total, int(os.environ.get("CONTROL_SEED", "1")))
        pool.terminate()
    print("# %d s: %s" % (time.monotonic() - began, ", ".join("%s %s" % kv for kv in sorted(tally.items()))))
    print("%sok 1 - %d schedules of the control plane" % ("not " if bad is not None else "", total))
    if bad is not None:
        w, device, steps, ends = make(bad)
        few, why = shrink(driver, w, device, steps, ends)
        print("# schedule %d, after %d: %d steps, shrunk to %d" % (bad, done, len(steps), len(few)))
        print("\n".join("# " + s for s in tell(w, device, few, why)))
    return 0 if bad is None else 1


if __name__ == "__main__":
    sys.exit(main())
