# SPDX-License-Identifier: Apache-2.0
"""The demonstration's part on the control plane: a fleet of its own with a policy, ticks each second and a
server that answers questions. A revocation, a device that hears nothing of its fleet, a stolen head key."""
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "adversary"))

import proxy  # pylint: disable=wrong-import-position

OPERATOR, VALVE, PUMP = "operator-7", "simvalve-7", "pump-7"
KINDS = {VALVE: "valve", PUMP: "load"}
PATIENCE = 120  # seconds until something counts as hung
FRESH = 3  # ticks, of a second each
POLICY = """version = 2
sessions = require
flags = gossip
tick-seconds = 1
fresh = %d
aged = 120
stale = 720
fail-safe = plant/%s/stop
""" % (FRESH, VALVE)
CONTROL_TOPICS = tuple("pq/4/" + c for c in "uhtoyvwa")


class Wire(proxy.Proxy):
    """Between devices and the broker; somebody on it can keep back all that the control plane says."""

    def __init__(self, port):
        super().__init__(port)
        self.cut = False
        self.kept_back = 0
        self.stop = False
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        while not self.stop:
            self.pump(0.02)

    def on_deliver(self, leg, topic, payload, qos, retain):
        if self.cut and topic.startswith(CONTROL_TOPICS):
            self.kept_back += 1
        else:
            self.deliver(leg, topic, payload, qos, retain)

    def end(self):
        self.stop = True
        self.thread.join()
        self.close()


class Plane:
    """A fleet with a control plane: CA and role keys on this machine, as pqi ca init --control makes them."""

    def __init__(self, demo, policy=POLICY):
        self.demo = demo
        self.text = policy
        self.wire = Wire(demo.port)
        self.ca = demo.ca_args("plane")
        self.kek = demo.key_file("plane-ca")
        self.root_hash = ""
        self.control = demo.path("plane", "control")

    def path(self, *parts):
        return self.demo.path("plane", *parts)

    def roles(self, *names):
        return [word for name in names for word in ("--sign", self.path("ca", "roles", name))]

    def make(self):
        demo = self.demo
        os.makedirs(self.path(), mode=0o700)
        demo.pqi("ca", "init", *self.ca, "--control", "--fleet", "demo-plane", *demo.algorithms,
                 *(["--allow-not-standardised"] if demo.unstandard else []))
        shown = json.loads(demo.pqi("root", "show", "--json", self.path("ca", "root.cbor")).stdout)
        self.root_hash = shown["hash"]
        shutil.move(self.path("ca", "roles", "head"), self.control)
        demo.pqi("control", "init", "--key-file", self.kek, "--manifest", self.path("ca", "root.cbor"),
                 "--root-hash", self.root_hash, self.control)
        with open(self.path("policy.txt"), "w", encoding="ascii") as f:
            f.write(self.text)
        self.policy("ca/root.cbor")

    def enrol(self):
        demo = self.demo
        scope = "plant/" + VALVE
        demo.enrol("plane", VALVE, self.root_hash, "device",
                   [scope + ":pub:L", scope + "/cmd:sub:H", scope + "/stop:sub:S"])
        demo.enrol("plane", PUMP, self.root_hash, "device", ["plant/%s:pub:L" % PUMP])
        demo.enrol("plane", OPERATOR, self.root_hash, "control", ["plant:pub,sub:H", scope + "/stop:pub:S"])

    def policy(self, root):
        out = self.path("policy.cbor")
        self.demo.pqi("policy", "sign", "--root", self.path(*root.split("/")), "--seq", "1", "--key-file", self.kek,
                      *self.roles("policy-1", "policy-3"), "--out", out, self.path("policy.txt"))
        self.demo.pqi("policy", "publish", "--store", self.control, "--yes", out)

    def serve(self):
        demo = self.demo
        demo.start("pqid", [os.path.join(demo.build, "bin", "pqid"), "control", "--dir", self.control, "--key-file", self.kek,
                            "--broker", "127.0.0.1:%d" % demo.port], "pqid.log")

    def run(self, name, role, *words, via=None):
        demo = self.demo
        demo.start(name, demo.role(role, *demo.device_args("plane", name), *words, "--sessions", "require",
                                   "--class", "H", "--stats", demo.path(name + ".stats"), "--log",
                                   demo.path(name), via=via), name + ".log")

    def start(self):
        self.run(OPERATOR, "control", "--to", VALVE, "--interval-ms", "300")
        for d, kind in KINDS.items():
            self.run(d, "device", "--kind", kind, "--to", OPERATOR, "--interval-ms", "100", via=self.wire.port)

    def get(self, name, *keys):
        value = self.demo.stats(name)
        for key in keys:
            value = value.get(key, {}) if isinstance(value, dict) else {}
        return value if value != {} else 0

    def heard(self, device):
        """Readings of it that the operator accepted."""
        try:
            with open(self.demo.path(OPERATOR + ".accepted"), encoding="utf-8") as f:
                return sum(1 for line in f if line.startswith(device + " "))
        except OSError:
            return 0

    def end(self):
        for name in list(self.demo.procs):
            if name != "broker":
                self.demo.stop(name)
        self.wire.end()


def wait(what, seconds=PATIENCE):
    """Until what() holds: the seconds it took, or None."""
    start = time.monotonic()
    while time.monotonic() - start < seconds:
        if what():
            return time.monotonic() - start
        time.sleep(0.02)
    return None


def shown(seconds):
    return "%.2f s" % seconds if seconds is not None else "never"


def stands_still(what, seconds):
    """what() does not change for so long."""
    before = what()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.05)
        if what() != before:
            return False
    return True


def obeys(plane):
    """The valve takes set-points from now on: the seconds until then, or None."""
    before = plane.get(VALVE, "obeyed")
    return wait(lambda: plane.get(VALVE, "obeyed") > before)


def stops(plane):
    """The emergency stop arrives: the seconds it took, or None."""
    before = plane.get(VALVE, "stops")
    plane.demo.procs[OPERATOR].send_signal(signal.SIGUSR1)
    return wait(lambda: plane.get(VALVE, "stops") > before)


def show_start(plane):
    up = wait(lambda: all(plane.get(n, "control", "fresh") == "fresh" for n in (*KINDS, OPERATOR)))
    plane.demo.check(up is not None, "all three know after %s that what they know is fresh: policy %d, a tick "
                     "each second" % (shown(up), plane.get(VALVE, "control", "policy")))
    plane.demo.check(obeys(plane) is not None and plane.heard(PUMP) > 0,
                     "the valve obeys set-points (class H), the pump reports")


def show_partition(plane):
    demo = plane.demo
    plane.wire.cut = True
    before = plane.get(VALVE, "refused")
    closed = wait(lambda: plane.get(VALVE, "refused") > before)
    demo.check(closed is not None, "the wire keeps back what the control plane says: after %s the valve refuses "
               "set-points" % shown(closed))
    heard = plane.heard(VALVE)
    demo.check(stands_still(lambda: plane.get(VALVE, "obeyed"), 1.5) and
               plane.get(VALVE, "control", "fresh") == "aged" and wait(lambda: plane.heard(VALVE) > heard) is not None,
               "it stays so, while its readings (class L) go on")
    stopped = stops(plane)
    demo.check(stopped is not None and plane.get(VALVE, "set") == 0,
               "the emergency stop (class S) is obeyed all the same, after %s" % shown(stopped))


def last_heard(plane, device, start):
    """Seconds after start until the operator heard it last; None: it goes on."""
    last = time.monotonic()
    count = plane.heard(device)
    while time.monotonic() - last < 1.5 and time.monotonic() - start < PATIENCE:
        now = plane.heard(device)
        if now != count:
            count, last = now, time.monotonic()
        time.sleep(0.01)
    return max(0.0, last - start) if time.monotonic() - last >= 1.5 else None


def refused(plane):
    """Packets that the operator refused as those of somebody who is revoked, or of a session that is no more."""
    return sum(plane.get(OPERATOR, "drops", why) for why in ("session", "revoked"))


def show_revocation(plane):
    """The pump hears nothing of its own revocation: it was stolen, and goes on."""
    demo = plane.demo
    heard = plane.heard(PUMP)
    speaks = wait(lambda: plane.heard(PUMP) > heard)
    before = refused(plane)
    start = time.monotonic()
    demo.pqi("revoke", "--ca", plane.path("ca"), "--key-file", plane.kek, *plane.roles("revoker"), "--store",
             plane.control, "--broker", "127.0.0.1:%d" % demo.port, "--yes", PUMP)
    command = time.monotonic() - start
    seconds = last_heard(plane, PUMP, start)
    sent = plane.get(PUMP, "sent")
    goes_on = wait(lambda: plane.get(PUMP, "sent") > sent and refused(plane) > before)
    demo.check(speaks is not None and seconds is not None and plane.get(OPERATOR, "control", "revocations") == 1,
               "pqi revoke cut the pump's live session: last heard %s after the command began (it took %s)"
               % (shown(seconds), shown(command)))
    demo.check(goes_on is not None and plane.get(PUMP, "control", "revocations") == 0 and refused(plane) > before,
               "the pump knows nothing of it and goes on sending: the operator refused %d of its messages"
               % (refused(plane) - before))


def show_healing(plane):
    demo = plane.demo
    missed = plane.get(VALVE, "control", "revocations") == 0
    plane.wire.cut = False
    back = obeys(plane)
    caught = wait(lambda: plane.get(VALVE, "control", "revocations") == 1)
    demo.check(missed and back is not None and caught is not None,
               "the wire is whole again: the valve obeys after %s, and learned of the revocation it had missed "
               "(%d objects were kept back)" % (shown(back), plane.wire.kept_back))
    knows = wait(lambda: plane.get(PUMP, "closed", "self-revoked") > 0)
    demo.check(knows is not None, "the pump learns of it as well, and sends no more")


def steal_head_key(plane):
    """Disk and key file of the control plane. The thief signs a head a thousand epochs ahead."""
    demo = plane.demo
    thief = plane.path("thief")
    backup = plane.path("stolen.store")
    demo.pqi("control", "backup", "--store", plane.control, backup)
    shutil.copytree(plane.control, thief, ignore=shutil.ignore_patterns("control.db*", "server", "lock"))
    demo.pqi("control", "restore", "--yes", "--key-file", plane.kek, thief, backup)
    return thief


def thief_publishes(plane, thief):
    return plane.demo.pqi("head", "make", "--key-file", plane.kek, "--force", "--broker",
                          "127.0.0.1:%d" % plane.demo.port, thief, ok=False)


def rotate(plane):
    """A new head key, a root that names it instead of the stolen one, and everything under it again."""
    demo = plane.demo
    old, new = plane.path("ca", "root.cbor"), plane.path("root-2.cbor")
    keys = json.loads(demo.pqi("root", "show", "--json", old).stdout)["keys"]
    kid = next(k["kid"] for k in keys if k["role"] == "head")
    control = plane.path("control-2")
    demo.pqi("role", "new", "--role", "head", "--key-file", plane.kek, control)
    demo.pqi("role", "export", "--key-file", plane.kek, "--out", plane.path("head-2.pub"), control)
    demo.pqi("root", "rotate", old, "--remove-key", kid, "--add-key", "head=" + plane.path("head-2.pub"),
             "--key-file", plane.kek, *plane.roles("root-1", "root-2"), "--out", new)
    demo.pqi("ca", "root", *plane.ca, new)
    demo.stop("pqid")
    demo.pqi("control", "backup", "--store", plane.control, plane.path("old.store"))
    demo.pqi("control", "restore", "--yes", "--key-file", plane.kek, control, plane.path("old.store"))
    plane.control = control
    demo.pqi("control", "put", "--store", control, new)
    plane.policy("root-2.cbor")
    demo.pqi("ca", "export", *plane.ca, *plane.roles("revoker"), "--out", plane.path("log.cbor"), "revocations")
    demo.pqi("control", "put", "--store", control, plane.path("log.cbor"))
    plane.serve()


def show_theft(plane):
    demo = plane.demo
    thief = steal_head_key(plane)
    made = thief_publishes(plane, thief)
    led = wait(lambda: plane.get(VALVE, "control", "head") > 1000)
    demo.check(made.returncode == 0 and led is not None,
               "a thief with the head key signs head %d: the fleet follows, for it is signed"
               % plane.get(VALVE, "control", "head"))
    refused, closed = plane.get(VALVE, "refused"), plane.get(OPERATOR, "closed", "aged")
    shut = wait(lambda: plane.get(VALVE, "refused") > refused or
                plane.get(OPERATOR, "closed", "aged") > closed)
    stopped = stops(plane)
    demo.check(shut is not None and stopped is not None and plane.get(VALVE, "control", "policy") == 1,
               "it has no more of it than to stop set-points (after %s), not the emergency stop; no policy, no "
               "device, no revocation changed" % shown(shut))
    start = time.monotonic()
    rotate(plane)
    back = wait(lambda: plane.get(VALVE, "control", "head_root") == 2)
    works = obeys(plane)
    demo.check(back is not None and works is not None,
               "a new root takes the stolen key out: %s from its ceremony to the first set-point"
               % shown(time.monotonic() - start))
    head = plane.get(VALVE, "control", "head")
    again = thief_publishes(plane, thief)
    time.sleep(2)
    fresh = wait(lambda: plane.get(VALVE, "control", "fresh") == "fresh")
    demo.check(again.returncode == 0 and fresh is not None and plane.get(VALVE, "control", "head") < head + 100 and
               plane.get(VALVE, "control", "head_root") == 2 and plane.get(VALVE, "control", "revocations") == 1,
               "the thief's next head moves nobody; who was revoked still is")


def show(demo):
    print("\n7. Control plane: policy, revocation, freshness without clocks")
    plane = Plane(demo)
    try:
        plane.make()
        plane.enrol()
        plane.serve()
        plane.start()
        for part in (show_start, show_partition, show_revocation, show_healing, show_theft):
            part(plane)
    finally:
        plane.end()
