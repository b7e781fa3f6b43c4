# SPDX-License-Identifier: Apache-2.0
"""The verbs of a schedule, for nodes at a real broker: what world_real.Run can do."""
import os
import random
import shutil

import proxy
from fleet import NODES

ANNOUNCE, LISTS, NEWS = "pq/4/k/", "pq/4/v", "pq/4/w"
HEADER, GATE = 30, 16


def kind_of(topic):
    if topic.startswith(("pq/4/i/", "pq/4/r/", "pq/4/s/")):
        return "s"
    return "v" if topic in (LISTS, NEWS) else "a" if topic.startswith(ANNOUNCE) else "d"


def resident(pid):
    with open("/proc/%d/statm" % pid, encoding="ascii") as f:
        return int(f.read().split()[1])


def counted(folder):
    """The records that a counter stands over: those of sessions have none."""
    found = {}
    for leaf in sorted(os.listdir(folder)):
        path = os.path.join(folder, leaf)
        if os.path.isfile(path) and not leaf.startswith("s-"):
            with open(path, "rb") as f:
                found[leaf] = f.read()
    return found


class Verbs:
    """Each verb takes a list of numbers and takes them modulo what they choose from."""

    def op(self, verb, arg):
        method = getattr(self, "op_" + verb.replace("-", "_"))
        method(arg)

    def pick(self, x, kind=None):
        letters = [l for l in self.tape if kind is None or kind_of(l.topic) == kind]
        return letters[x % len(letters)] if letters else None

    def set_rule(self, rule, count, arg=0):
        self.flush_queue()
        self.rule, self.rule_left, self.rule_arg = rule, count % 16 + 1, arg % 32
        self.rule_control = False

    def op_drop_control(self, arg):
        self.set_rule("drop", arg[0])
        self.rule_control = True

    def op_hold_control(self, arg):
        self.set_rule("hold", arg[0], arg[1])
        self.rule_control = True

    def op_refresh(self, arg):
        self.ask(NODES[arg[0] % 3], "refresh " + NODES[arg[1] % 3], "refreshed")

    def op_old_packet(self, arg):
        name, to = NODES[arg[0] % 3], NODES[arg[1] % 3]
        topic = "plant/%s/%s" % (name, to)
        made = self.ask(name, "old-packet %s %s" % (to, topic), "made")
        if made and made["status"] == "PQI_OK":
            self.oracle.on_sent(name, to, topic, "old")
            self.inject(to, topic, bytes.fromhex(made["hex"]), 0, 2)

    def op_settle(self, arg):
        pass

    def op_drop(self, arg):
        self.set_rule("drop", arg[0])

    def op_hold(self, arg):
        self.set_rule("hold", arg[0], arg[1])

    def op_duplicate(self, arg):
        self.set_rule("duplicate", arg[0])

    def op_reorder(self, arg):
        self.set_rule("reorder", arg[0], arg[1])

    def op_retain_flip(self, arg):
        self.set_rule("retain-flip", arg[0])

    def op_qos_change(self, arg):
        self.set_rule("qos-change", arg[0], arg[1])

    def op_release(self, arg):
        self.release(True)

    def send(self, sender, to, owner):
        """True when the message was handed over and seen on its way."""
        if sender == to or sender not in self.nodes:
            return False
        topic, text = "plant/%s/%s" % (owner, to), "m%d" % self.texts
        self.texts += 1
        before = len(self.tape)
        self.oracle.on_sent(sender, to, topic, text)
        reply = self.ask(sender, "send %s %s 1 %s" % (to, topic, text), "sent")
        if self.world.sessions != "off" and reply and reply["status"] == "PQI_ERR_MISSING":
            self.rest()  # a session is being made; whoever sends asks again
            reply = self.ask(sender, "send %s %s 1 %s" % (to, topic, text), "sent")
        if reply is None or reply["status"] != "PQI_OK":
            self.oracle.on_not_sent(sender, to, topic, text, reply is None)
            return False
        self.wait(lambda: sender not in self.nodes or any(
            l.topic == topic and l.sender == sender for l in self.tape[before:]),
            "%s does not publish" % sender)
        return True

    def op_send(self, arg):
        sender = NODES[arg[0] % 3]
        owner = NODES[arg[2] % 3] if sender in self.insiders else sender
        self.send(sender, NODES[arg[1] % 3], owner)

    def op_announce(self, arg):
        name = NODES[arg[0] % 3]
        before = len(self.tape)
        reply = self.ask(name, "announce", "announced")
        if reply is not None and reply["status"] == "PQI_OK":
            self.wait(lambda: name not in self.nodes or any(
                l.sender == name and kind_of(l.topic) == "a" for l in self.tape[before:]),
                "%s does not announce" % name)

    def op_replay(self, arg):
        letter = self.pick(arg[0])
        to = letter.to if letter.to and arg[1] % 4 != 3 else NODES[arg[1] % 3]
        self.inject(to, letter.topic, letter.payload, arg[2] % 2)

    def op_topic_swap(self, arg):
        letter = self.pick(arg[0], "d")
        if letter:
            owner = letter.sender if arg[1] % 2 else NODES[arg[2] % 3]
            self.inject(letter.to, "plant/%s/x%d" % (owner, arg[2] % 8), letter.payload)

    def op_splice(self, arg):
        x, y = self.pick(arg[0], "d"), self.pick(arg[1], "d")
        if x:
            cut = arg[2] % min(len(x.payload), len(y.payload))
            self.inject(x.to, x.topic if arg[3] % 2 else y.topic, x.payload[:cut] + y.payload[cut:])

    def op_truncate(self, arg):
        letter = self.pick(arg[0])
        to = letter.to or NODES[arg[2] % 3]
        self.inject(to, letter.topic, letter.payload[:arg[1] % len(letter.payload)])

    def op_bitflip(self, arg):
        letter = self.pick(arg[0])
        size = len(letter.payload)
        head = min(size, HEADER + GATE)
        first, end = (head if arg[1] % 3 == 1 else 0), (head if arg[1] % 3 == 0 else size)
        if first < end:
            bit = 8 * first + arg[2] % (8 * (end - first))
            changed = bytearray(letter.payload)
            changed[bit // 8] ^= 1 << bit % 8
            self.inject(letter.to or NODES[arg[3] % 3], letter.topic, bytes(changed))

    def op_forge(self, arg):
        types = (0x11, 0x40, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f, 0x50, 0x51, 0x58,
                 0x71, 0x72, 0x00)
        sizes = (0, 1, 9, 25, 42, 46, 47, 62, 100, 908, 1292, 2380, 4096, 9000, 60000)
        kind, size = types[arg[0] % 16], sizes[arg[1] % len(sizes)]
        letter, to = self.pick(arg[3], "d"), NODES[arg[2] % 3]
        if kind == 0x11 and letter and len(letter.payload) >= HEADER + GATE:
            changed = bytearray(letter.payload)
            changed[27] ^= arg[1] & 255
            changed[HEADER:HEADER + GATE] = bytes(arg[1] * i & 255 for i in range(GATE))
            self.inject(letter.to, letter.topic, bytes(changed))
            return
        body = bytes((arg[1] * 2654435761 >> i % 24) + i * i & 255 for i in range(size))
        if body:
            body = bytes([kind]) + body[1:]
        topic = "pq/4/k/zz" if kind == 0x71 else "plant/%s/%s" % (NODES[arg[3] % 3], to)
        self.inject(to, topic, body)

    def op_flood(self, arg):
        """1000s of what needs no key, 100 at a time: a node's queue is bounded, not the attacker's
        patience."""
        rng = random.Random(arg[1])
        before = {}
        for batch in range(10 * (1 + arg[0] % 20)):
            if batch == 10:  # their buffers are as large as they get
                before = {n: resident(self.nodes[n].proc.pid) for n in self.nodes}
            for _ in range(100):
                op = rng.choice((self.op_replay, self.op_bitflip, self.op_truncate, self.op_forge))
                op([rng.randrange(256), rng.randrange(65536), rng.randrange(65536),
                    rng.randrange(65536), 0, 0])
            self.settle()
        for name, pages in before.items():
            if name in self.nodes:
                grown = resident(self.nodes[name].proc.pid) - pages
                self.oracle.on_memory(name, grown)

    def op_announce_substitute(self, arg):
        letter = self.pick(arg[0], "a")
        self.inject(NODES[arg[2] % 3], ANNOUNCE + NODES[arg[1] % 3], letter.payload, 1, 3)

    def op_partition(self, arg):
        for i, name in enumerate(NODES):
            self.group[name] = arg[0] >> i & 1

    def op_freeze(self, arg):
        name = NODES[arg[0] % 3]
        (self.frozen.add if arg[1] % 2 else self.frozen.discard)(name)

    def op_cut(self, arg):
        name = NODES[arg[0] % 3]
        if name in self.nodes:
            self.armed.add(name)
            self.ask(name, "cut %d" % (1 + (arg[1] * 3 + arg[2]) % 40), "cut")

    def op_restart(self, arg):
        name = NODES[arg[0] % 3]
        self.stop(name, True)
        self.start(name)

    def op_crash(self, arg):
        name = NODES[arg[0] % 3]
        self.stop(name, False)
        self.start(name)

    def op_snapshot(self, arg):
        name = NODES[arg[0] % 3]
        to = self.fleet.path("%s.snap" % name)
        shutil.rmtree(to, ignore_errors=True)
        shutil.copytree(self.fleet.path(name, "state"), to)
        self.snaps[name] = to
        self.snap_renewed[name] = self.renewed.get(name)
        self.snap_counters[name] = self.counters(name)
        image = self.fleet.path("%s.image" % name)
        shutil.rmtree(image, ignore_errors=True)
        shutil.copytree(self.fleet.path(name), image)

    def counters(self, name):
        with open(self.fleet.path(name, "keys", "counters.pqi"), "rb") as f:
            return f.read()

    def op_restore(self, arg):
        name = NODES[arg[0] % 3]
        if name not in self.snaps:
            return
        self.stop(name, False)
        state, kept = self.fleet.path(name, "state"), self.fleet.path("%s.kept" % name)
        # what a power cut left half written was never in force: the counters tell as well
        older = (counted(state) != counted(self.snaps[name])
                 and self.counters(name) != self.snap_counters[name])
        shutil.move(state, kept)
        shutil.copytree(self.snaps[name], state)
        status = self.start(name, attempt=True)
        self.oracle.on_restore(name, older, status)
        if status != "PQI_OK":
            shutil.rmtree(state)
            shutil.move(kept, state)
            self.start(name)
        else:
            shutil.rmtree(kept)

    def op_restore_image(self, arg):
        """The whole directory as it was, unless it has got another certificate since."""
        name = NODES[arg[0] % 3]
        if name not in self.snaps or self.renewed.get(name) != self.snap_renewed.get(name):
            return
        self.stop(name, False)
        shutil.rmtree(self.fleet.path(name))
        shutil.copytree(self.fleet.path("%s.image" % name), self.fleet.path(name))
        self.oracle.on_image(name)
        self.start(name)

    def roll_sessions(self, name, lose):
        self.stop(name, False)
        state = self.fleet.path(name, "state")
        for leaf in os.listdir(state):
            if leaf.startswith("s-"):
                os.unlink(os.path.join(state, leaf))
        for leaf in os.listdir(self.snaps[name]) if name in self.snaps and not lose else ():
            if leaf.startswith("s-"):
                shutil.copy(os.path.join(self.snaps[name], leaf), os.path.join(state, leaf))
        self.start(name)

    def op_roll_sessions(self, arg):
        self.roll_sessions(NODES[arg[0] % 3], False)

    def op_lose_sessions(self, arg):
        self.roll_sessions(NODES[arg[0] % 3], True)

    def op_renew(self, arg):
        name = NODES[arg[0] % 3]
        if name in self.oracle.listed:
            return  # the CA would not
        self.stop(name, True)
        self.fleet.certify(name)
        self.renewed[name] = self.renewed.get(name, 0) + 1
        self.start(name)

    def op_revoke(self, arg):
        name = NODES[arg[0] % 3]
        if name in self.oracle.listed:
            return
        known = len(self.oracle.listed)
        whole, news = self.fleet.revoke(name, known)
        self.oracle.on_listed(name)
        letters = [(proxy.Letter(LISTS, whole, 1, 1, "fleet"), self.oracle.listed)]
        if known:  # at once, beside the retained one
            letters.insert(0, (proxy.Letter(NEWS, news, 1, 0, "fleet"), {name}))
        for letter, names in letters:
            letter.names = frozenset(names)
            self.tape.append(letter)
            self.by_rule(letter)

    def op_tick(self, arg):
        ms = arg[0] % 100000
        self.clock += ms
        self.oracle.on_time(ms / 1000)
        for name in list(self.nodes):
            self.ask(name, "clock %d" % ms, "clock")

    # -- a device that turned hostile ----------------------------------------------------------------

    def op_widen(self, arg):
        name = NODES[arg[0] % 3]
        if self.ask(name, "widen plant", "widened"):
            self.insiders.add(name)
            self.oracle.on_insider(name)

    def op_leap(self, arg):
        name = NODES[arg[0] % 3]
        if self.ask(name, "leap %s %d" % (NODES[arg[1] % 3], arg[2] % 100000), "leaped"):
            self.oracle.on_insider(name)

    def op_resign(self, arg):
        letter, thief = self.pick(arg[0], "d"), NODES[arg[1] % 3]
        if letter is None or thief in (letter.to, letter.sender) or thief not in self.nodes:
            return
        topic = "plant/%s/%s" % (thief, letter.to) if arg[2] % 2 else letter.topic
        for unnamed in (0, 1):
            made = self.ask(thief, "resign %s %s %d %s" % (
                letter.to, topic, unnamed, letter.payload.hex()), "made")
            if made and made["status"] == "PQI_OK":
                self.inject(letter.to, topic, bytes.fromhex(made["hex"]), 0, 2)

    def op_badsig(self, arg):
        name, to = NODES[arg[0] % 3], NODES[arg[1] % 3]
        if name == to:
            return
        topic = "plant/%s/%s" % (name, to)
        for i in range(1 + arg[2] % 24):
            made = self.ask(name, "make %s %s bad" % (to, topic), "made")
            if not made or made["status"] != "PQI_OK":
                return
            changed = bytearray.fromhex(made["hex"])
            changed[-1 - i] ^= 0x55
            made = self.ask(name, "regate %s %s %s" % (to, topic, changed.hex()), "made")
            if made and made["status"] == "PQI_OK":
                self.inject(to, topic, bytes.fromhex(made["hex"]), 0, 2)

    def op_low_order(self, arg):
        name, to = NODES[arg[0] % 3], NODES[arg[1] % 3]
        topic = "plant/%s/%s" % (name, to)
        made = self.ask(name, "low-order %s %s" % (to, topic), "made")
        if made and made["status"] == "PQI_OK":
            self.inject(to, topic, bytes.fromhex(made["hex"]), 0, 2)
