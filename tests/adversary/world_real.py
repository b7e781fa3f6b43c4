# SPDX-License-Identifier: Apache-2.0
"""Schedules between real processes at a real broker, with the man in the middle of proxy.py."""
import os
import selectors
import shutil
import tempfile
import time

import oracle
import proxy
import schedule
from fleet import Fleet, Node, NODES, NO_POWER
from verbs_real import LISTS, Verbs, kind_of

SCOPES = {n: "plant/" + n for n in NODES}
GATEWAY_BURST, GATEWAY_PER_S = 200, 100.0  # pqi_limits_gateway, docs/spec/v1.md section 6
PATIENCE = 180.0  # seconds until something counts as hung
PACKET_MAX = 40960  # PQI_V1_PACKET_MAX, docs/spec/v1.md section 2


class Middle(proxy.Proxy):
    """The proxy with the world's rules."""

    def __init__(self, world, broker_port):
        super().__init__(broker_port)
        self.world = world

    def on_publish(self, leg, letter):
        self.world.published(leg, letter)

    def on_deliver(self, leg, topic, payload, qos, retain):
        self.world.handed_out(leg, topic, payload, qos, retain)


class World:
    """One broker and one provisioned fleet; run() plays a schedule on a fresh copy of the fleet."""

    def __init__(self, build, program, version=4, sessions="off"):
        self.build, self.program, self.version = build, program, version
        self.sessions = sessions
        self.folder = tempfile.mkdtemp(prefix="pqi-adversary-")
        self.broker = None
        self.template = Fleet(build, os.path.join(self.folder, "template"))
        self.template.provision()
        self.runs = 0

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, lines):
        """The judge of one schedule; raises oracle.Violation."""
        self.runs += 1
        run = Run(self, os.path.join(self.folder, "run%d" % self.runs))
        try:
            run.play(lines)
        except oracle.Violation as v:
            v.oracle = run.oracle
            raise
        except proxy.Hang as hang:
            run.oracle.on_died("somebody", str(hang))
        finally:
            run.close()
        return run.oracle


class Run(Verbs):
    def __init__(self, world, folder):
        self.world = world
        self.fleet = world.template.copy_to(folder)
        self.broker = proxy.Broker(folder)
        self.middle = Middle(self, self.broker.port)
        self.oracle = oracle.Oracle(NODES, SCOPES, GATEWAY_BURST, GATEWAY_PER_S)
        self.oracle.sessions = world.sessions
        self.nodes, self.replies, self.marks = {}, {}, {}
        self.tape, self.held, self.queue = [], [], []
        self.rule, self.rule_left, self.rule_arg = None, 0, 0
        self.rule_control = False
        self.group = dict.fromkeys(NODES, 0)
        self.frozen, self.insiders, self.crashed = set(), set(), set()
        self.armed, self.stopping = set(), set()
        self.snaps, self.snap_counters, self.clock = {}, {}, 0
        self.renewed, self.snap_renewed = {}, {}
        self.texts = self.step = 0

    # -- life of nodes -----------------------------------------------------------------------------

    def start(self, name, attempt=False):
        """Its status; attempt: nobody expects that it works."""
        node = Node(self.world.program, self.fleet, name, self.middle.port, self.world.version,
                    self.clock, self.world.sessions)
        self.nodes[name] = node
        self.replies[name] = []
        self.marks[name] = set()
        self.armed.discard(name)
        self.stopping.discard(name)
        self.middle.sel.register(node.proc.stdout, selectors.EVENT_READ,
                                 lambda: self.read_node(name, node))
        for letter in self.tape:
            if kind_of(letter.topic) == "s":
                letter.got.discard(name)  # handshakes end with the process that was in them
        reply = self.reply(name, "open")
        status = reply["status"] if reply else "died"
        if status != "PQI_OK":
            self.stopping.add(name)
            self.wait(lambda: name not in self.nodes, "%s does not end" % name)
        if status == "PQI_OK" or not attempt:
            self.oracle.on_start(name, status)
        if status == "PQI_OK":
            node.say("subscribe plant/+/%s 1" % name)
            self.reply(name, "subscribed")
            self.wait(lambda: self.is_online(name), "%s does not come online" % name)
        return status

    def is_online(self, name):
        leg = self.middle.leg_of(name)
        return name not in self.nodes or (leg is not None and leg.online)

    def read_node(self, name, node):
        events = node.events()
        if events is None:
            self.gone(name, node)
            return
        for event in events:
            self.heard(name, event)

    def gone(self, name, node):
        self.middle.sel.unregister(node.proc.stdout)
        code = node.reap()
        text = node.proc.stderr.read().decode(errors="replace").strip()[-300:]
        node.close_pipes()
        self.nodes.pop(name, None)
        leg = self.middle.leg_of(name)
        if leg is not None:
            self.middle.drop_leg(leg)
        if code == NO_POWER and name in self.armed:
            self.crashed.add(name)
            self.oracle.on_crash(name)
        elif name not in self.stopping:
            self.oracle.on_died(name, "ended with %s %s" % (code, text))

    def stop(self, name, orderly):
        node = self.nodes.get(name)
        if node is None:
            return
        self.stopping.add(name)
        if orderly:
            node.say("quit")
        else:
            self.crashed.add(name)
            node.proc.kill()
        self.wait(lambda: name not in self.nodes, "%s does not end" % name)

    def close(self):
        for name in list(self.nodes):
            node = self.nodes.pop(name)
            node.kill()
            node.close_pipes()
        self.middle.close()
        self.broker.close()
        shutil.rmtree(self.fleet.folder, ignore_errors=True)

    # -- waiting -----------------------------------------------------------------------------------

    def wait(self, good, what):
        end = time.monotonic() + PATIENCE
        while not good():
            if time.monotonic() > end:
                raise proxy.Hang(what)
            self.middle.pump(0.05)

    def reply(self, name, event):
        """The next answer of this kind; None when the node has died."""
        def there():
            return name not in self.nodes or any(e["ev"] == event for e in self.replies[name])
        self.wait(there, "%s does not answer (%s)" % (name, event))
        for i, e in enumerate(self.replies[name]):
            if e["ev"] == event:
                return self.replies[name].pop(i)
        return None

    def ask(self, name, line, event):
        node = self.nodes.get(name)
        if node is None:
            return None
        node.say(line)
        return self.reply(name, event)

    def rest(self):
        """Handshakes and rounds take several turns: until nothing more is published."""
        for _ in range(20):
            before = len(self.tape)
            self.settle()
            if len(self.tape) == before:
                return

    def settle(self):
        """Everything that was sent has arrived wherever it goes, and was looked at."""
        marks = set(self.middle.send_fence())
        self.wait(lambda: all(marks <= leg.fences for leg in self.middle.legs
                              if leg.online and leg.name in self.nodes), "the broker is stuck")
        mark = max(marks, default=0)
        for name in list(self.nodes):
            leg = self.middle.leg_of(name)
            if leg is not None and leg.online:
                self.middle.deliver(leg, proxy.FENCE + str(mark), b"", 0, 0)
                self.wait(lambda n=name: n not in self.nodes or mark in self.marks[n],
                          "%s does not work on" % name)

    # -- what nodes say ----------------------------------------------------------------------------

    def heard(self, name, event):
        kind = event["ev"]
        if kind == "seal":
            self.oracle.on_seal(name, event["hash"])
        elif kind == "error":
            self.oracle.on_died(name, "poll failed: " + event["status"])
        elif kind in ("message", "drop", "peer", "revoked", "session", "nothing"):
            self.arrived(name, event)
        else:
            self.replies[name].append(event)

    def arrived(self, name, event):
        leg = self.middle.leg_of(name)
        if leg is None or not leg.delivered:
            return  # of a connection that is gone
        topic, payload, hostile = leg.delivered.pop(0)
        if topic.startswith(proxy.FENCE):
            self.marks[name].add(int(topic[len(proxy.FENCE):]))
            return
        letter = self.as_published(name, topic, payload)
        made = 0 if letter is not None else hostile
        if event["notes"]:
            self.oracle.on_notes(name, event["peer"], event["notes"])
        if letter is not None and (event["ev"] == "message" or
                                   (event["work"] and kind_of(topic) == "s")):
            letter.got.add(name)
        if event["ev"] == "message":
            self.oracle.on_accepted(name, event["peer"], event["topic"], event["text"],
                                    event["session"] == 1)
        if event["ev"] != "drop" and made and event["work"]:
            self.oracle.on_work(name, event["work"], made, kind_of(topic))
        if event["ev"] == "drop":
            self.oracle.on_refused(name, event["why"], event["work"],
                                   0 if letter is not None else hostile, True,
                                   event["peer"] or "-", kind_of(topic),
                                   len(payload) > PACKET_MAX)
        elif event["ev"] == "peer":
            self.oracle.on_peer(name, event["peer"], event["epoch"], event["ann"])
        elif event["ev"] == "revoked":
            self.oracle.on_list(name, 0 if letter is not None else hostile)
            for peer in next((l.names for l in self.tape if l.payload == payload), ()):
                self.oracle.on_revocation(name, peer)

    def as_published(self, name, topic, payload):
        for letter in self.tape:
            if (letter.to in (None, name) and letter.topic == topic and letter.payload == payload
                    and name not in letter.got):
                return letter
        return None

    # -- the network -------------------------------------------------------------------------------

    def published(self, leg, letter):
        if kind_of(letter.topic) == "s":
            letter.to = letter.topic.split("/")[3]
        if kind_of(letter.topic) == "d":
            letter.to = letter.topic.split("/")[-1]
            if letter.payload[:1] in (b"\x11", b"\x12"):  # to the certificate's key, to a prekey
                self.oracle.on_number(letter.sender, letter.to, letter.payload[4:12],
                                      int.from_bytes(letter.payload[20:28], "big"))
        self.tape.append(letter)
        self.by_rule(letter)

    def by_rule(self, letter):
        if self.rule_control and kind_of(letter.topic) != "s":
            self.transmit(letter)
            return
        rule = self.rule
        if rule == "hold":
            self.held.append((self.step + self.rule_arg, letter))
        elif rule == "reorder":
            self.queue.append(letter)
        elif rule == "duplicate":
            self.transmit(letter)
            self.transmit(letter)
        elif rule != "drop":
            letter.flip |= rule == "retain-flip"
            if rule == "qos-change":
                letter.down_qos = self.rule_arg % 3
            self.transmit(letter)
        if self.rule_left:
            self.rule_left -= 1
            if not self.rule_left:
                self.rule, self.rule_control = None, False
                self.flush_queue()

    def transmit(self, letter):
        leg = self.middle.leg_of(letter.sender) or next(iter(self.middle.legs), None)
        if leg is not None:
            self.middle.forward(leg, letter)

    def flush_queue(self):
        queue, self.queue = self.queue, []
        for i in range(len(queue)):
            self.transmit(queue[(len(queue) - 1 - i + self.rule_arg) % len(queue)])

    def release(self, everything):
        due = [l for at, l in self.held if everything or at <= self.step]
        self.held = [(at, l) for at, l in self.held if not (everything or at <= self.step)]
        for letter in due:
            self.transmit(letter)

    def handed_out(self, leg, topic, payload, qos, retain):
        letter = next((l for l in self.tape if l.topic == topic and l.payload == payload), None)
        if letter is not None and letter.sender in self.group:
            if self.group[letter.sender] != self.group.get(leg.name, 0):
                return
            if letter.sender in self.frozen and kind_of(topic) == "a":
                letter = next(l for l in self.tape
                              if l.sender == letter.sender and kind_of(l.topic) == "a")
                payload = letter.payload
        if letter is not None:
            retain ^= letter.flip
            qos = qos if letter.down_qos is None else letter.down_qos
        self.middle.deliver(leg, topic, payload, qos, retain)

    def inject(self, name, topic, payload, retain=0, hostile=1):
        leg = self.middle.leg_of(name)
        if name in self.nodes and leg is not None and leg.online:
            self.middle.deliver(leg, topic, payload, 0, retain, hostile)

    # -- a schedule --------------------------------------------------------------------------------

    def play(self, lines):
        for name in NODES:
            self.start(name)
        self.settle()
        self.oracle.on_storm()
        # the tape begins with the announcements in the order of the names, as in the simulation
        self.tape.sort(key=lambda l: l.sender)
        for line in lines:
            words = line.split()
            self.step += 1
            self.op(words[0], [int(w) for w in words[1:]] + [0] * 6)
            self.rest()
            if any(at <= self.step for at, _ in self.held):
                self.release(False)
                self.rest()
        self.quiet()
        self.oracle.finish(schedule.takes_nothing(lines, self.world.sessions))

    # -- the quiet period ----------------------------------------------------------------------------

    def quiet(self):
        self.rule, self.rule_left, self.rule_control = None, 0, False
        self.flush_queue()
        self.release(True)
        self.group = dict.fromkeys(NODES, 0)
        self.frozen.clear()
        self.settle()
        for name in NODES:
            if name in self.nodes and name in self.armed:
                self.ask(name, "cut 0", "cut")
        for name in NODES:
            if name not in self.nodes:
                self.start(name)
        self.op_tick([99999])
        self.op_tick([99999])
        self.oracle.on_quiet()
        for i in range(len(NODES)):
            self.op_announce([i])
        self.settle()
        lists = [l for l in self.tape if l.topic == LISTS]
        for name in NODES:
            if lists:
                self.inject(name, LISTS, lists[-1].payload, 1, 0)
        self.settle()
        for name in NODES:
            reply = self.ask(name, "standing", "standing")
            for peer in reply["revoked"].split() if reply else ():
                self.oracle.on_revocation(name, peer)
        self.all_pairs()

    def all_pairs(self):
        """With sessions seconds go by, each with a message of every pair that has not talked."""
        for second in range(1 if self.world.sessions == "off" else 200):
            left = [(s, t) for s in NODES for t in NODES if s != t and (s, t) not in
                    self.oracle.talked and s not in self.oracle.listed
                    and t not in self.oracle.listed]
            if not left:
                return
            if second:
                self.op_tick([2000])
                self.rest()
            for sender, to in left:
                self.pair_talks(sender, to)

    def pair_talks(self, sender, to):
        """A receiver that crashed refuses up to 64 numbers more than it had seen: so many messages
        of the sender count as lost (docs/spec/v1.md section 5)."""
        if not self.send(sender, to, sender):
            return
        self.settle()
        if ((sender, to) not in self.oracle.talked and to in self.crashed
                and self.world.sessions == "off"):
            self.ask(sender, "leap %s 64" % to, "leaped")
            self.send(sender, to, sender)
            self.settle()
