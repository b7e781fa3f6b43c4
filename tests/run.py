#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the test programs of build directories and adds up their TAP.

usage: tests/run.py [--only PREFIX] [--timeout SECONDS] DIR[:MODE]...
  MODE  all   (default) every program of DIR/tests/tests.list, then the scripts of
              tests/scripts.list, which get DIR as their argument; what is marked "waits" there
              runs beside the others, for it leaves the processor to them
        asan  every program whose name does not start with slow_, no scripts
        tsan  the programs whose names start with tsan_

What ran in mode all is written to DIR/tests/done.list (earlier() reads it).

A program fails as a whole when it crashes, runs out of time, exits non-zero without a failed
test, or prints fewer results than it planned. The reason of a skipped test stands after
"# SKIP"; cmocka prints the test's name there, so its tests print a line "# SKIP reason" first.
The last line is "N passed, M failed".
"""
import argparse
import concurrent.futures
import os
import re
import signal
import subprocess
import sys
import time

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
JOBS, WAITING = 2, 2  # programs at once, and those that wait
TIMEOUT, TIMEOUT_SLOW = 1200, 1800  # against a program that hangs, on a machine ten times slower
RESULT = re.compile(r"^(not )?ok\b\s*(\d+)?\s*-?\s*([^#]*?)\s*(?:#\s*(SKIP)\b\s*(.*))?$", re.I)
PLAN = re.compile(r"^1\.\.(\d+)\s*(?:#\s*SKIP\b\s*(.*))?$", re.I)
ENV = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0",
    "LSAN_OPTIONS": "print_suppressions=0:suppressions=" + os.path.join(TOP, "tests", "lsan.supp"),
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=0:exitcode=66",
}


class Outcome:
    """What one program's output and end amount to."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skips = []
        self.notes = []

    def read(self, text):
        planned = None
        results = 0
        reason = None
        for line in text.splitlines():
            plan = PLAN.match(line)
            if plan:
                planned = int(plan.group(1))
                if planned == 0:
                    self.skips.append(("all", plan.group(2) or "no reason given"))
                continue
            hit = RESULT.match(line)
            if not hit:
                said = re.match(r"^#\s*SKIP\b\s*(.*)$", line)
                if said:
                    reason = said.group(1)
                continue
            results += 1
            if hit.group(4):
                name = hit.group(3) or hit.group(5) or "test %s" % hit.group(2)
                self.skips.append((name, reason or hit.group(5) or "no reason given"))
            elif hit.group(1):
                self.failed += 1
            else:
                self.passed += 1
            reason = None
        return planned, results

    def fail(self, note):
        self.failed += 1
        self.notes.append(note)


def run(command, timeout, cwd):
    """Runs one program in a process group of its own; (exit code or None, output, seconds)."""
    start = time.monotonic()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, cwd=cwd, env={**ENV, **os.environ},
                          start_new_session=True) as proc:
        try:
            out, _ = proc.communicate(timeout=timeout)
            code = proc.returncode
        except subprocess.TimeoutExpired:
            os.killpg(proc.pid, signal.SIGKILL)
            try:
                out, _ = proc.communicate(timeout=20)
            except subprocess.TimeoutExpired as late:  # something outside its group holds the pipe
                out = late.output or b""
                proc.stdout.close()
            code = None
    return code, out.decode("utf-8", "replace"), time.monotonic() - start


def judge(code, text, timeout):
    o = Outcome()
    planned, results = o.read(text)
    if code is None:
        o.fail("no end after %d s" % timeout)
    elif code < 0:
        o.fail("killed by signal %d" % -code)
    elif planned is None:
        o.fail("printed no plan (exit code %d)" % code)
    elif results != planned:
        o.fail("planned %d tests, reported %d" % (planned, results))
    elif code != 0 and o.failed == 0:
        o.fail("exit code %d" % code)
    return o


def why(text):
    """The lines of the output that tell about a failure."""
    keep, after = [], 0
    for line in text.splitlines():
        if re.match(r"^not ok\b(?!.*# SKIP)", line) or "runtime error" in line or "ERROR: " in line \
                or "WARNING: ThreadSanitizer" in line:
            after = 40
        elif re.match(r"^ok\b", line):
            after = 0
        if after > 0:
            keep.append("    " + line)
            after -= 1
    return keep or ["    " + line for line in text.splitlines()[-12:]]


def read_list(path):
    """The first words of the lines."""
    return [words[0] for words in read_words(path)]


def read_words(path):
    try:
        with open(path, encoding="utf-8") as f:
            lines = [line.split("#")[0].split() for line in f]
    except FileNotFoundError:
        return []
    return [words for words in lines if words]


def plan_runs(dirs, only):
    """(label, command, timeout) of every program, the slow ones first; labels of those that wait."""
    jobs, waiting = [], set()
    for spec in dirs:
        build, _, mode = spec.partition(":")
        mode = mode or "all"
        if mode not in ("all", "asan", "tsan"):
            sys.exit("tests/run.py: unknown mode " + mode)
        build = os.path.abspath(build)
        tag = "" if mode == "all" else " (%s)" % mode
        for name in read_list(os.path.join(build, "tests", "tests.list")):
            slow = name.startswith("slow_")
            if (mode == "asan" and slow) or (mode == "tsan" and not name.startswith("tsan_")):
                continue
            jobs.append((name + tag, [os.path.join(build, "tests", name)],
                         TIMEOUT_SLOW if slow else TIMEOUT))
        if mode == "all":
            for name, *marks in read_words(os.path.join(TOP, "tests", "scripts.list")):
                jobs.append((name + tag, [os.path.join(TOP, name), build], TIMEOUT_SLOW))
                if "waits" in marks:
                    waiting.add(name + tag)
    jobs = [j for j in jobs if j[0].startswith(only)]
    return sorted(jobs, key=lambda j: (j[0] in waiting, -j[2])), waiting


def attempt(job):
    label, command, timeout = job
    try:
        code, text, seconds = run(command, timeout, TOP)
        return label, judge(code, text, timeout), text, seconds
    except OSError as err:
        o = Outcome()
        o.fail("cannot run: %s" % err)
        return label, o, "", 0.0


def done_path(build):
    return os.path.join(build, "tests", "done.list")


def write_done(args, done):
    """After a whole run: LABEL PASSED FAILED SKIPPED of what ran in mode all."""
    for build in [d.partition(":")[0] for d in args.dirs if d.partition(":")[2] in ("", "all")]:
        if not args.only:
            with open(done_path(build), "w", encoding="utf-8") as f:
                f.writelines("%s %d %d %d\n" % (label, o.passed, o.failed, len(o.skips))
                             for label, o in done if not label.endswith(")"))


def earlier(build, jobs):
    """With PQI_AFTER_TEST=1, as .ci/run sets it: splits (name, command) into what is to run and what
    passed without a skip in the last whole run of what is built now; and the tests of those."""
    path = done_path(build)
    if os.environ.get("PQI_AFTER_TEST") != "1" or not os.path.exists(path):
        return jobs, [], 0
    made = os.path.getmtime(path)
    tools = os.path.join(build, "bin")
    good = {w[0]: int(w[1]) for w in read_words(path) if w[1] != "0" and w[2:] == ["0", "0"]}
    if any(os.path.getmtime(os.path.join(tools, f)) > made for f in os.listdir(tools)):
        good = {}
    seen = [j for j in jobs if j[0] in good and os.path.getmtime(j[1][0]) <= made]
    return [j for j in jobs if j not in seen], seen, sum(good[j[0]] for j in seen)


def main():
    ap = argparse.ArgumentParser(
        usage="tests/run.py [--only PREFIX] [--timeout SECONDS] DIR[:MODE]...")
    ap.add_argument("--timeout", type=int, help="of each program, instead of %d and %d s" % (
        TIMEOUT, TIMEOUT_SLOW))
    ap.add_argument("--only", default="", help="names that start with this")
    ap.add_argument("dirs", nargs="+")
    args = ap.parse_args()
    jobs, waiting = plan_runs(args.dirs, args.only)
    if args.timeout:
        jobs = [(label, command, args.timeout) for label, command, _ in jobs]
    width = max([len(j[0]) for j in jobs], default=0)
    passed = failed = 0
    skips, done = {}, []
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool, \
            concurrent.futures.ThreadPoolExecutor(WAITING) as beside:
        for job in [(beside if j[0] in waiting else pool).submit(attempt, j) for j in jobs]:
            label, o, text, seconds = job.result()
            done.append((label, o))
            passed += o.passed
            failed += o.failed
            print("%-*s %5d passed %3d failed %3d skipped %7.1f s" % (
                width, label, o.passed, o.failed, len(o.skips), seconds), flush=True)
            if o.failed:
                print("\n".join(["    " + n for n in o.notes] + why(text)), flush=True)
            for name, reason in o.skips:
                skips.setdefault((label, reason), []).append(name)
    write_done(args, done)
    for (label, reason), names in sorted(skips.items()):
        print("skipped %s: %s (%s)" % (label, reason, ", ".join(names)))
    if passed + failed == 0:
        print("nothing ran")
        failed = 1
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
