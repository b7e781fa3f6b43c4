# SPDX-License-Identifier: Apache-2.0
"""The demonstration's part on sessions: the valve and the control room once more, now behind somebody in
the middle who owns the wire, and with rounds every few seconds so that there is something to see."""
import json
import os
import random
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "adversary"))

import proxy  # pylint: disable=wrong-import-position

HANDSHAKE = range(0x48, 0x4E)
SESSION = range(0x40, 0x54)
PATIENCE = 120  # seconds until something counts as hung


class Middle(proxy.Proxy):
    """Loses, withholds and repeats packets of sessions between the clients and the broker."""

    def __init__(self, port):
        super().__init__(port)
        self.rng = random.Random(7)
        self.loss = 0.0
        self.withhold = False
        self.lost = 0
        self.held, self.seen = [], []
        self.repeat = False
        self.stop = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            self.pump(0.02)
            if not self.withhold and self.held:
                for leg, letter in self.held:
                    self.forward(leg, letter)
                self.held = []
            if self.repeat:
                self.repeat = False
                for leg, letter in self.seen:
                    self.forward(leg, letter)

    def on_publish(self, leg, letter):
        kind = letter.payload[0] if letter.payload else 0
        if kind in HANDSHAKE:
            self.seen.append((leg, letter))
            if self.withhold:
                self.held.append((leg, letter))
                return
        if kind in SESSION and self.rng.random() < self.loss:
            self.lost += 1
            return
        self.forward(leg, letter)

    def end(self):
        self.stop = True
        self.thread.join()
        self.close()


class Stage:
    """Both ends of one session, and what their figures say."""

    def __init__(self, demo, control, valve):
        self.demo, self.control, self.valve = demo, control, valve
        self.middle = Middle(demo.port)
        self.start()

    def start(self):
        for name, run in ((self.control, self.demo.run_control), (self.valve, self.demo.run_device)):
            try:
                os.unlink(self.demo.path(name + ".stats"))
            except FileNotFoundError:
                pass
            run(*([] if name == self.control else [name]), via=self.middle.port,
                more=["--sessions", "require", "--stolen", self.demo.path(name + ".stolen")])

    def session(self, name):
        return self.demo.stats(name).get("session", {})

    def accepted(self):
        return self.demo.stats(self.control)["accepted"] + self.demo.stats(self.valve)["accepted"]

    def wait(self, what, seconds=PATIENCE):
        """Until what() holds; the seconds it took, or None."""
        start = time.monotonic()
        while time.monotonic() - start < seconds:
            if what():
                return time.monotonic() - start
            time.sleep(0.02)
        return None

    def talks(self):
        """Both hear each other from now on: the seconds until then, or None."""
        c, v = self.demo.stats(self.control)["accepted"], self.demo.stats(self.valve)["accepted"]
        return self.wait(lambda: self.demo.stats(self.control)["accepted"] > c and
                         self.demo.stats(self.valve)["accepted"] > v)

    def signal(self, name, number):
        self.demo.procs[name].send_signal(number)

    def kill(self):
        for name in (self.control, self.valve):
            self.demo.procs.pop(name).kill()


def shown(seconds):
    return "%.2f s" % seconds if seconds is not None else "never"


def show_start(demo, stage):
    up = stage.wait(lambda: stage.session(stage.control).get("up") and
                    stage.session(stage.valve).get("up"))
    s = stage.session(stage.control)
    demo.check(up is not None, "a session came up in %s (mode %s), and v1 packets are refused from now on"
               % (shown(up), s.get("mode", "-")))
    demo.check(stage.talks() is not None, "both directions talk")


def show_loss(demo, stage):
    before = stage.session(stage.valve).get("epoch", 0)
    heard = stage.accepted()
    stage.middle.loss = 0.3
    stage.wait(lambda: stage.middle.lost >= 10 and stage.session(stage.valve).get("epoch", 0) > before + 1 and
               stage.accepted() > heard)
    stage.middle.loss = 0.0
    rounds = stage.session(stage.valve).get("epoch", 0) - before
    demo.check(rounds > 0 and stage.accepted() > heard,
               "the wire lost %d packets, three in ten: the session took in fresh secrets %d times"
               % (stage.middle.lost, rounds))
    demo.check(stage.talks() is not None, "and talks on")


def steal(demo, stage):
    """One theft: what the copy of the valve's memory could read, as it wrote down itself."""
    path = demo.path(stage.valve + ".stolen")
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    stage.signal(stage.valve, signal.SIGUSR1)
    took = stage.wait(lambda: os.path.exists(path) and os.path.getsize(path) > 0)
    with open(path if took is not None else os.devnull, encoding="ascii") as f:
        return json.loads(f.read() or "{}")


def show_theft(demo, stage):
    # A theft just before a round ends reads nothing: then the thief comes again.
    for _ in range(5):
        thief = steal(demo, stage)
        if thief.get("opened", 0) > 0:
            break
    demo.check(thief.get("opened", 0) > 0,
               "a thief with all the memory of the valve opened %d of its messages, for %.1f s"
               % (thief.get("opened", 0), thief.get("ms", 0) / 1000))
    demo.check(thief.get("closed_since", 0) > 5,
               "then a round healed the session: the next %d stayed closed to the copy"
               % thief.get("closed_since", 0))


def show_withheld(demo, stage):
    stage.middle.withhold = True
    stage.signal(stage.control, signal.SIGUSR2)
    begun = stage.wait(lambda: stage.middle.held)
    on = stage.talks()
    demo.check(begun is not None and on is not None,
               "a new handshake is withheld: the live session goes on")
    stage.middle.withhold = False
    time.sleep(1)
    stage.middle.repeat = True
    time.sleep(1)
    demo.check(stage.talks() is not None, "it is let through, and all %d handshake packets so far once "
               "more: the session goes on" % len(stage.middle.seen))


def show_reboot(demo, stage):
    stage.kill()
    begun = len(stage.middle.seen)
    stage.start()
    back = stage.talks()
    demo.check(back is not None, "power cut on both sides in the middle of it: they talk again after %s, "
               "with %d handshake packets" % (shown(back), len(stage.middle.seen) - begun))


def show(demo, control, valve):
    print("\n6. Sessions: forward secret, healing, behind somebody who owns the wire")
    stage = Stage(demo, control, valve)
    try:
        for part in (show_start, show_loss, show_theft, show_withheld, show_reboot):
            part(demo, stage)
    finally:
        for name in (control, valve):
            demo.stop(name)
        stage.middle.end()
    s = demo.stats(control)
    if s.get("messages"):
        print("   %-36s %.0f (%.0f of them the reading)" % (
            "bytes on the wire per message", s["wire"] / s["messages"], s["plain"] / s["messages"]))
