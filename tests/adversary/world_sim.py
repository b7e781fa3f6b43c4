# SPDX-License-Identifier: Apache-2.0
"""Schedules in the simulation: one process of adversary_sim serves many of them."""
import subprocess
import threading

import books
import oracle
import schedule

PATIENCE = 300.0  # seconds until one schedule counts as hung
NODES = ("a", "b", "c")
SCOPES = {n: "plant/" + n for n in NODES}


class World:
    """sessions: off, prefer or require; modes: bits of PQI_MODES_*, or 0; plane: the fleet has a control plane."""

    def __init__(self, program, sessions="off", modes=0, quick=False, plane=False):
        self.command = [program, sessions, "%x" % modes, "quick" if quick else "slow"]
        self.command += ["plane"] if plane else []
        self.sessions, self.quick, self.plane = sessions, quick, plane
        self.proc = None

    def start(self):
        self.proc = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True, bufsize=1 << 16)

    def close(self):
        if self.proc is not None:
            self.proc.stdin.close()
            self.proc.stdout.close()
            self.proc.stderr.close()
            self.proc.kill()
            self.proc.wait()
            self.proc = None

    def run(self, lines):
        """The judge of one schedule; raises oracle.Violation."""
        return judge(self.events(lines), self.sessions, schedule.takes_nothing(
            lines, self.sessions, self.quick), self.plane)

    def events(self, lines):
        """The events of one schedule, or a last one that says how the program ended."""
        if self.proc is None:
            self.start()
        found = []
        watchdog = threading.Timer(PATIENCE, self.proc.kill)
        watchdog.start()
        try:
            self.proc.stdin.write("\n".join(lines + ["end", ""]))
            self.proc.stdin.flush()
            for line in self.proc.stdout:
                if line == ".\n":
                    return found
                found.append(line)
        except BrokenPipeError:
            pass
        finally:
            watchdog.cancel()
        code = self.proc.wait()
        text = self.proc.stderr.read().strip().split("\n")[-1]
        self.close()
        return found + ["X a the program ended with %d: %s" % (code, text)]


def judge(events, sessions="off", additive=None, plane=False):
    o = oracle.Oracle(NODES, SCOPES)
    o.sessions = sessions
    o.books = books.Books(NODES) if plane else None
    try:
        for line in events:
            w = line.split()
            told = TOLD[w[0]]
            told(o, w)
        o.finish(additive)
    except oracle.Violation as v:
        v.oracle = o
        raise
    return o


def accepted(o, w):
    o.on_accepted(w[1], w[2], w[5], w[6], w[7] == "1")
    if o.books is not None:
        o.on_classes(w[1], w[2], int(w[8]))


def control(o, w):
    """c node kind root a b c d forged id before outcome"""
    o.on_control(w[1], w[2], int(w[3]), tuple(int(x) for x in w[4:8]), w[8] == "1", int(w[9]), int(w[10]),
                 w[11])


def true_tick(o, w):
    o.books.true = int(w[1])


TOLD = {
    "S": lambda o, w: o.on_sent(w[1], w[2], w[3], w[4]),
    "s": lambda o, w: o.on_unsent(w[1], w[2], int(w[4]), w[5]),
    "c": control,
    "G": true_tick,
    "Z": lambda o, w: o.books.on_snapshot(w[1]),
    "M": lambda o, w: o.books.on_record(w[1], w[2], w[3] == "1"),
    "p": lambda o, w: None,
    "i": lambda o, w: None,
    "N": lambda o, w: o.on_number(w[1], w[2], w[3], w[4]),
    "K": lambda o, w: o.on_seal(w[1], w[2]),
    "A": accepted,
    "D": lambda o, w: o.on_refused(w[1], w[2], int(w[3]), int(w[4]), w[5] == "1", w[6], w[7],
                                       w[8] == "1"),
    "P": lambda o, w: o.on_peer(w[1], w[2], int(w[3]), int(w[4])),
    "R": lambda o, w: o.on_revocation(w[1], w[2]),
    "F": lambda o, w: o.on_flood(int(w[1]), int(w[2]), int(w[3]), int(w[4])),
    "E": lambda o, w: o.on_notes(w[1], w[2], int(w[3])),
    "W": lambda o, w: o.on_work(w[1], int(w[2]), int(w[3]), w[4]),
    "Y": lambda o, w: o.on_image(w[1]),
    "L": lambda o, w: o.on_list(w[1], int(w[2])),
    "V": lambda o, w: o.on_listed(w[1]),
    "I": lambda o, w: o.on_insider(w[1]),
    "T": lambda o, w: o.on_time(int(w[1]) / 1000),
    "C": lambda o, w: o.on_crash(w[1]),
    "O": lambda o, w: o.on_start(w[1], w[2]),
    "B": lambda o, w: o.on_restore(w[1], w[2] == "1", w[3]),
    "X": lambda o, w: o.on_died(w[1], " ".join(w[2:])),
    "Q": lambda o, w: o.on_quiet(),
}
