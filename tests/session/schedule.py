#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""schedule.py BUILD [KIND...]: random schedules of loss, duplication, reordering, holding, replay, forgery
and loss of state, run by the C code (BUILD/tests/schedule_peer) and by the oracles of oracle_ratchet.py and
oracle_pair.py, which must agree on every byte of every outcome. A schedule on which they do not is shrunk
and printed. Prints TAP.

KIND is session (two ends of one session) or devices (two devices with handshakes); both when none is named.
SCHEDULES (default 6000) is how many there are with the test doubles of public-key primitives, SCHEDULES_REAL
(default 200) with the real ones; where both kinds run, a quarter are of devices, which take longer; SCHEDULE_SEED (default 1) chooses them;
SCHEDULE_JOBS processes (default 2).

schedule.py BUILD --one KIND NUMBER [--real]   runs and shrinks the schedule of that number"""
import multiprocessing
import os
import random
import subprocess
import sys
import time

import schedule_pair
import schedule_ratchet

BATCH = 250
SECONDS = 600  # for a batch
KINDS = {"session": schedule_ratchet, "devices": schedule_pair}
DOUBLE_LENS = ((32, 32), (96, 96))    # objects of D and H rounds: proposal, answer
REAL_LENS = ((32, 32), (832, 800))    # ML-KEM-512


def make(kind, number, real):
    """Schedule `number`: (head, steps)."""
    rng = random.Random("%s %d" % (kind, number))
    length = rng.choice((12, 25, 50, 110)) if not real else rng.choice((25, 110, 220))
    return KINDS[kind].generate(rng, REAL_LENS if real else DOUBLE_LENS, length)


def predict(kind, head, steps):
    world = KINDS[kind].World(head)
    return world.run(steps), world.tally


def ask(build, real, schedules):
    """What the C code makes of them: the outcomes, one string of bytes each."""
    text = b"".join(h.pack(len(s)) + b"".join(KINDS["session"].STEP.pack(*x) for x in s)
                    for h, s in schedules)
    run = subprocess.run([os.path.join(build, "tests", "schedule_peer"),
                          "real" if real else "doubles"], input=text, stdout=subprocess.PIPE,
                         check=False, timeout=SECONDS)
    out, at = [], 0
    for _, s in schedules:
        out.append(run.stdout[at:at + 8 * len(s)])
        at += 8 * len(s)
    if run.returncode or len(run.stdout) != at:
        out.append("schedule_peer ended with %d" % run.returncode)
    return out


def first_difference(want, got):
    """The step at which they part, or None."""
    if want == got:
        return None
    n = min(len(want), len(got)) // 8
    return next((i for i in range(n) if want[8 * i:8 * i + 8] != got[8 * i:8 * i + 8]), n)


def wrong(build, kind, real, head, steps):
    """(step, expected, got) of the first disagreement, or None. A schedule that breaks a rule of the
    oracle itself is a disagreement too."""
    try:
        want = predict(kind, head, steps)[0]
    except AssertionError as e:
        return len(steps) - 1, str(e), "the oracle breaks its own rule"
    got = ask(build, real, [(head, steps)])[0]
    at = first_difference(want, got)
    return None if at is None else (at, want[8 * at:8 * at + 8].hex(), got[8 * at:8 * at + 8].hex())


def shrink(build, kind, real, head, steps):
    """As few steps as a greedy search leaves that still disagree."""
    bad = wrong(build, kind, real, head, steps)
    if bad is None:
        return steps, None
    steps, head.settles = steps[:bad[0] + 1], False  # which is true of whole schedules only
    if wrong(build, kind, real, head, steps) is None:
        return steps, bad
    size, until = len(steps) // 2, time.monotonic() + 60
    while size and time.monotonic() < until:
        i = 0
        while i < len(steps):
            fewer = steps[:i] + steps[i + size:]
            now = wrong(build, kind, real, head, fewer) if fewer else None
            if now is not None:
                steps, bad = fewer[:now[0] + 1], now
            else:
                i += size
        size //= 2
    return steps, bad


def tell(kind, head, steps, bad):
    form = KINDS[kind]
    lines = ["%s" % head] + ["%3d  %s" % (i, form.text_of(s)) for i, s in enumerate(steps)]
    if bad is not None:
        lines.append("step %d: expected %s, got %s" % bad)
        lines += ["expected " + form.outcome_text(bytes.fromhex(bad[1])),
                  "got      " + form.outcome_text(bytes.fromhex(bad[2]))] if len(bad[2]) == 16 else []
    return lines


def batch(job):
    """(schedules, steps, tally, number of the first that disagrees or None, why)"""
    build, kind, real, first, count = job
    tally, schedules, wants, bad = {}, [], [], None
    for number in range(first, first + count):
        head, steps = make(kind, number, real)
        try:
            want, seen = predict(kind, head, steps)
        except AssertionError as e:
            return number - first, 0, tally, number, "the oracle breaks its own rule: %s" % e
        for k, v in seen.items():
            tally[k] = tally.get(k, 0) + v
        schedules.append((head, steps))
        wants.append(want)
    try:
        gots = ask(build, real, schedules)
    except (OSError, subprocess.TimeoutExpired) as e:
        return 0, 0, tally, first, str(e)
    bad = next((i for i in range(count) if wants[i] != gots[i]), None)
    why = gots[count] if len(gots) > count else ""
    if bad is None and why:
        bad = 0
    return (count, sum(len(s) for _, s in schedules), tally,
            None if bad is None else first + bad, why)


def campaign(pool, build, kind, real, total, seed):
    """(problem or None, what happened)"""
    start = (seed - 1) * 10 ** 7
    jobs = [(build, kind, real, start + i, min(BATCH, total - i)) for i in range(0, total, BATCH)]
    done, steps, tally = 0, 0, {}
    for n, m, seen, bad, why in pool.imap_unordered(batch, jobs):
        done, steps = done + n, steps + m
        for k, v in seen.items():
            tally[k] = tally.get(k, 0) + v
        if bad is not None:
            return (bad, why, done), tally
    return None, {"schedules": done, "steps": steps, **tally}


def one(build, kind, number, real):
    head, steps = make(kind, number, real)
    few, bad = shrink(build, kind, real, head, steps)
    return ["schedule %s %d: %d steps, shrunk to %d" % (kind, number, len(steps), len(few))] + \
        tell(kind, head, few, bad)


def main():
    args = sys.argv[1:]
    if len(args) < 1:
        sys.exit(__doc__)
    build = args[0]
    if "--one" in args:
        i = args.index("--one")
        print("\n".join(one(build, args[i + 1], int(args[i + 2]), "--real" in args)))
        return 0
    kinds = args[1:] or list(KINDS)
    seed = int(os.environ.get("SCHEDULE_SEED", "1"))
    jobs = int(os.environ.get("SCHEDULE_JOBS", "2"))
    counts = ((False, int(os.environ.get("SCHEDULES", "6000"))),
              (True, int(os.environ.get("SCHEDULES_REAL", "200"))))
    share = {"session": 3, "devices": 1}
    parts = sum(share[k] for k in kinds)
    plan = [(kind, real, n * share[kind] // parts) for real, n in counts for kind in kinds if n]
    print("1..%d" % len(plan))
    failed = 0
    with multiprocessing.Pool(jobs) as pool:
        for i, (kind, real, n) in enumerate(plan, 1):
            began = time.monotonic()
            problem, tally = campaign(pool, build, kind, real, n, seed)
            name = "%d schedules, %s, %s" % (n, kind, "real primitives" if real else "test doubles")
            print("# %.0f s: %s" % (time.monotonic() - began,
                                    ", ".join("%s %s" % kv for kv in sorted(tally.items()))))
            print("%sok %d - %s" % ("not " if problem else "", i, name), flush=True)
            if problem:
                failed += 1
                print("# after %d schedules%s" % (problem[2], ": " + problem[1] if problem[1] else ""))
                print("\n".join("# " + s for s in one(build, kind, problem[0], real)), flush=True)
        pool.terminate()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
