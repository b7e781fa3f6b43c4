#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The adversary harness: scenarios, their broken builds, random campaigns. docs/adversary.md

usage: tests/adversary/run.py [BUILD] [options]
  --only WORD        scenarios whose name holds this
  --no-breaks        do not build and catch the broken variants
  --seed N           first seed of the campaigns (1)
  --schedules N      random schedules in the simulation (3000)
  --real N           random schedules at the broker (20)
  --hunt             let the random campaign look for every break, unaided
  --replay FILE      one schedule, saved by a campaign or written by hand
  --world WORLD      for --replay: sim, session, session-slow, session-beside, real, real-session
  --break NAME       for --replay: in this broken build
  --save DIR         where shrunk schedules go (build/adversary)
"""
import argparse
import concurrent.futures
import os
import re
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import breaks
import oracle
import schedule
import world_real
import world_sim

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
SIM, NODE = "tests/adversary_sim", "tests/adversary_node"
# Worlds: program, which packets carry messages, and whether rounds come after a few of them.
CONTROL = {"control", "control-session"}  # the fleet has a control plane
WORLDS = {
    "sim": (SIM, "off", False),
    "control": (SIM, "off", False),
    "control-session": (SIM, "require", False),
    "session": (SIM, "require", True),
    "session-slow": (SIM, "require", False),
    "session-beside": (SIM, "prefer", True),
    "real": (NODE, "off", False),
    "real-session": (NODE, "require", True),
}
JOBS = 2
MQTT_VERSIONS = (4, 5)


class Tap:
    def __init__(self):
        self.passed = self.failed = 0

    def say(self, good, name, note=""):
        self.passed += good
        self.failed += not good
        print("%sok %d - %s" % ("" if good else "not ", self.passed + self.failed, name), flush=True)
        for line in note.splitlines():
            print("# " + line, flush=True)


class Scenario:
    def __init__(self, name):
        self.name = name
        with open(os.path.join(HERE, "scenarios", name + ".sched"), encoding="utf-8") as f:
            text = f.read()
        self.lines, _ = schedule.parse(text)
        self.worlds = re.search(r"^# worlds: (.+)$", text, re.M).group(1).split()
        self.must = re.findall(r"^# must: (.+)$", text, re.M)
        self.never = re.findall(r"^# never: (\S+)$", text, re.M)
        # "# break NAME: RULE..." in every world of the scenario, "# break NAME (WORLD): ..." in one
        self.breaks = [(m.group(1), m.group(2), m.group(3).split()) for m in
                       re.finditer(r"^# break (\S+)(?: \((\S+)\))?: (.+)$", text, re.M)]


def scenarios(only):
    names = sorted(f[:-6] for f in os.listdir(os.path.join(HERE, "scenarios"))
                   if f.endswith(".sched"))
    return [Scenario(n) for n in names if only in n]


class Bench:
    """Builds and worlds, made when they are needed."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        self.builder = breaks.Builder(self.build)
        self.building = threading.Lock()

    def program(self, world, broken=None):
        if broken is None:
            return os.path.join(self.build, WORLDS[world][0])
        with self.building:
            return self.builder.make(broken, WORLDS[world][0])

    def world(self, kind, broken=None, version=4):
        program = self.program(kind, broken)
        name, sessions, quick = WORLDS[kind]
        if name == SIM:
            return world_sim.World(program, sessions, 0, quick, kind in CONTROL)
        return world_real.World(self.build, program, version, sessions)


def verdict(world, lines, must=(), never=()):
    """(rule or None, text, counts) of one schedule."""
    try:
        judged = world.run(lines)
        judged.expect(must, never)
        return None, "", judged
    except oracle.Violation as v:
        return v.args[0], v.args[1], getattr(v, "oracle", None)


def summary(judged):
    c = judged.counts
    why = ", ".join("%s %d" % kv for kv in sorted(judged.reasons.items(), key=lambda kv: -kv[1]))
    text = "sent %d, accepted %d, refused %d (%s)" % (
        c["sent"], c["accepted"], c["refused"], why or "nothing")
    if judged.flood_us is not None:
        text += ", %.2f us a packet of the flood" % judged.flood_us
    return text


def play(bench, item):
    """One scenario in one world in one build: (good, name, note)."""
    scenario, kind, broken, expect = item
    name = "%s (%s)" % (scenario.name, kind)
    world = None
    try:
        version = MQTT_VERSIONS[len(scenario.name) % 2]
        world = bench.world(kind, broken, version)
        rule, text, judged = verdict(world, scenario.lines, scenario.must, scenario.never)
    except breaks.Broken as why:
        return False, name, str(why)
    finally:
        if world is not None:
            world.close()
    if broken is None:
        return rule is None, name, "%s: %s" % (rule, text) if rule else summary(judged)
    name += " catches " + broken
    if rule is None:
        return False, name, "the broken build was not noticed"
    return rule in expect, name, "%s: %s" % (rule, text)


def run_scenarios(tap, bench, chosen, with_breaks):
    items = []
    for s in chosen:
        for kind in s.worlds:
            items.append((s, kind, None, ()))
            if with_breaks:
                items += [(s, kind, b, expect) for b, only, expect in s.breaks
                          if only in (None, kind)]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for good, name, note in pool.map(lambda i: play(bench, i), items):
            tap.say(good, name, note)
    if with_breaks and len(chosen) == len(scenarios("")):
        used = {b for s in chosen for b, _, _ in s.breaks}
        unused = sorted(set(breaks.names()) - used)
        tap.say(not unused, "every break has its scenario", " ".join(unused))


def run_million(tap, bench, kind):
    """A broker at full rate against nodes with live traffic."""
    lines = ["send 0 1", "send 1 2", "send 2 0", "send 1 0", "flood 1699 1", "send 0 1"]
    world = bench.world(kind)
    try:
        rule, text, judged = verdict(world, lines)
    finally:
        world.close()
    packets = judged.counts["hostile"] if judged else 0
    tap.say(rule is None and packets >= 1000000,
            "a million packets that need no key (%s): none accepted, no work, no memory" % kind,
            "%s: %s" % (rule, text) if rule else "%d packets; %s" % (packets, summary(judged)))


def save(folder, kind, seed, rule, text, lines):
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "%s-%s-%d.sched" % (kind, rule, seed))
    with open(path, "w", encoding="utf-8") as f:
        f.write("# %s: %s\n# worlds: %s\n# seed: %d\n%s\n" % (
            rule, text, kind, seed, "\n".join(lines)))
    return path


def shrink_failure(world, lines, rule):
    return schedule.shrink(lines, lambda l: verdict(world, l)[0] == rule)


def campaign(bench, kind, seeds, folder, without=(), version=4):
    """(schedules, counts of all, failure note or None)."""
    world = bench.world(kind, None, version)
    total, done = {}, 0
    try:
        for seed in seeds:
            lines = schedule.generate(seed, without=without, plane=kind in CONTROL)
            rule, text, judged = verdict(world, lines)
            if rule is not None:
                again = verdict(world, lines)[0]
                short = shrink_failure(world, lines, rule) if again == rule else lines
                path = save(folder, kind, seed, rule, text, short)
                return done, total, "seed %d: %s: %s\n%s\nreplay: tools/test-adversary --replay %s " \
                    "--world %s" % (seed, rule, text, "\n".join(short), path, kind)
            done += 1
            for name, n in judged.counts.items():
                total[name] = total.get(name, 0) + n
    finally:
        world.close()
    return done, total, None


def run_campaign(tap, bench, kind, first, count, folder):
    """Two at a time, each with every second seed."""
    start = time.monotonic()
    without = set(schedule.SIMULATED) if kind.startswith("real") else set()
    if WORLDS[kind][1] != "require":
        without |= schedule.IMAGE
    parts = [range(first + i, first + count, JOBS) for i in range(JOBS)]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        runs = list(pool.map(lambda p: campaign(bench, kind, p[1], folder, without,
                                                MQTT_VERSIONS[p[0] % 2]), enumerate(parts)))
    total = {}
    for _, counts, _ in runs:
        for name, n in counts.items():
            total[name] = total.get(name, 0) + n
    notes = [note for _, _, note in runs if note]
    text = "%d schedules in %.0f s: %s" % (
        sum(d for d, _, _ in runs), time.monotonic() - start,
        ", ".join("%s %d" % kv for kv in total.items()))
    tap.say(not notes, "random campaign (%s), seeds %d to %d" % (kind, first, first + count - 1),
            "\n".join([text] + notes))


def hunt(bench, broken, tries):
    """The first seed whose random schedule finds this break, with what it shrinks to."""
    kind = next((k for k in ("session", "control") if broken.startswith(k + "-")), "sim")
    world = bench.world(kind, broken)
    try:
        for seed in range(1, tries + 1):
            lines = schedule.generate(seed, without=() if kind == "session" else schedule.IMAGE,
                                      plane=kind in CONTROL)
            rule, text, _ = verdict(world, lines)
            if rule is not None:
                return seed, rule, text, shrink_failure(world, lines, rule)
    finally:
        world.close()
    return None


def run_hunt(tap, bench, tries):
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        found = list(pool.map(lambda b: (b, hunt(bench, b, tries)), breaks.names()))
    hits = [f for f in found if f[1]]
    note = "\n".join("%-24s %s" % (b, "seed %d, %s: %s" % (h[0], h[1], "; ".join(h[3])) if h
                                   else "not within %d schedules" % tries) for b, h in found)
    tap.say(4 * len(hits) >= 3 * len(found),
            "random campaigns find %d of %d breaks unaided" % (len(hits), len(found)), note)


def replay(bench, args):
    with open(args.replay, encoding="utf-8") as f:
        text = f.read()
    lines, header = schedule.parse(text)
    kind = args.world or header.get("worlds", "sim").split()[0]
    world = bench.world(kind, args.broken)
    try:
        if WORLDS[kind][0] == SIM:
            for event in world.events(lines):
                print("# " + event, end="")
        rule, why, judged = verdict(world, lines)
    finally:
        world.close()
    print("# " + (summary(judged) if judged else ""))
    return rule, why


def main():
    ap = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    ap.add_argument("build", nargs="?", default=os.path.join(TOP, "build"))
    ap.add_argument("--only", default="")
    ap.add_argument("--no-breaks", action="store_true")
    ap.add_argument("--seed", type=int, default=1)
    ap.add_argument("--schedules", type=int, default=3000)
    ap.add_argument("--real", type=int, default=20)
    ap.add_argument("--hunt", action="store_true")
    ap.add_argument("--replay")
    ap.add_argument("--world", choices=sorted(WORLDS))
    ap.add_argument("--break", dest="broken")
    ap.add_argument("--save")
    args = ap.parse_args()
    bench = Bench(args.build)
    folder = args.save or os.path.join(bench.build, "adversary")
    tap = Tap()
    if args.replay:
        rule, why = replay(bench, args)
        tap.say(rule is None, args.replay, "%s: %s" % (rule, why) if rule else "")
    else:
        run_scenarios(tap, bench, scenarios(args.only), not args.no_breaks)
        if not args.only:
            run_million(tap, bench, "sim")
            run_million(tap, bench, "session")
            for kind, share in (("sim", 4), ("session", 4), ("session-slow", 8),
                                ("session-beside", 8), ("control", 6), ("control-session", 12)):
                run_campaign(tap, bench, kind, args.seed, args.schedules // share, folder)
            run_campaign(tap, bench, "real", args.seed, args.real // 2, folder)
            run_campaign(tap, bench, "real-session", args.seed, args.real // 2, folder)
        if args.hunt:
            run_hunt(tap, bench, 2000)
    print("1..%d" % (tap.passed + tap.failed))
    print("%d passed, %d failed" % (tap.passed, tap.failed))
    return 1 if tap.failed or not tap.passed else 0


if __name__ == "__main__":
    sys.exit(main())
