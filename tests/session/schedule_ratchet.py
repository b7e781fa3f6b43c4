# SPDX-License-Identifier: Apache-2.0
"""Schedules of one session between two ends, and what the oracle says of each step.

A schedule is a list of steps (op, a, b), 1 + 1 + 2 bytes on the wire to schedule_peer, after a head of 18
bytes; each step has an outcome of 8 bytes. Packets stand in numbered places, so a step may go without
changing what the others mean: a packet that was never sealed is not delivered.

  SEAL  a: bit 0 side, bit 1 application message, bits 2.. its length / 4; b: place
  OPEN  a: bit 0 the end that receives, bits 1..2 how it was altered; b: place
  SERVE a: bit 0 side, bit 1 do the work that is due, bit 2 say that it is stored
  TIME  b: seconds that pass
  SKIP  a: bit 0 side; b: this many control messages are sealed and lost
  HEAL  a: bit 0 side                                         an H round is wanted at once
Outcome: status i8, epoch u8, number u16, length u16, due bits | healing level << 4 u8, own epoch u8; of SERVE
the number is the epoch whose resumption secret is in storage, the length 1 where that of the next is there
too; OPEN adds to due 0x40 for a late message and 0x80 for one that healed."""
import struct

import oracle_ratchet as r

SEAL, OPEN, SERVE, TIME, SKIP, HEAL = 1, 2, 3, 4, 5, 6
INTACT, FLIPPED, MOVED, RENUMBERED = 0, 1, 2, 3
KIND = 1
STEP = struct.Struct(">BBH")
OUTCOME = struct.Struct(">bBHHBB")
NONE = OUTCOME.pack(127, 0, 0, 0, 0, 0)  # nothing in that place
PLACES = 1024
SKIPS = 3, 9, 20, 90, 100, 108, 116, 124, 132, 140, 300, 490, 510, 530  # horizons are 128 and 512
FAR = 4080, 4100, 4200, 5000                                            # and jumps 4096
LONG = .0003  # of schedules
IDLE = 126
# In place of a status, from schedule_peer.
SEEN = {127: "nothing there", 126: "nothing due", 125: "STATE CHANGED BY A FAILURE", 124: "ANOTHER TEXT",
        123: "KEY AND NONCE REUSED", 122: "NO RESUMPTION SECRET IN COMMON"}


class Setup:
    """Head of a schedule: the same for both ends."""
    settles = False

    def __init__(self, profile, limits):
        self.profile, self.limits = profile, limits

    def pack(self, steps):
        lim = self.limits
        return struct.pack(">BBBBHHHHHHH", KIND, self.profile, lim.chunk, int(lim.burst), steps,
                           lim.d_msgs, lim.h_msgs, lim.d_s, lim.h_s, lim.grace_s,
                           lim.epoch_msgs % r.N_MAX)

    def __str__(self):
        lim = self.limits
        return "%s chunk %d%s, D %d/%d s, H %d/%d s, grace %d s, epoch %d" % (
            r.PROFILES[self.profile].name, lim.chunk, " burst" if lim.burst else "", lim.d_msgs, lim.d_s,
            lim.h_msgs, lim.h_s, lim.grace_s, lim.epoch_msgs)


def setup(rng, lens):
    lim = r.Limits(d_msgs=rng.choice((2, 4, 9, 500)), d_s=rng.choice((60, 9000)),
                   h_msgs=rng.choice((5, 12, 40, 500)), h_s=rng.choice((300, 9000)),
                   grace_s=rng.choice((5, 60)), chunk=rng.choice((16, 32, 32, 64)),
                   burst=rng.random() < .25, lens=lens,
                   epoch_msgs=rng.choice((0, 0, 0, 0, 25, 60)))
    return Setup(rng.randrange(3), lim)


class World:
    """Both ends and what the network holds."""

    def __init__(self, head):
        names = r.Names()
        root, self.now = names.of("root"), 1000
        self.ends = [r.Session(names, side, root, r.PROFILES[head.profile], head.limits, self.now)
                     for side in (0, 1)]
        self.places, self.tally, self.stored = {}, {}, [(0, 0), (0, 0)]

    def note(self, what):
        self.tally[what] = self.tally.get(what, 0) + 1

    def run(self, steps):
        return b"".join([self.step(*s) for s in steps])

    def step(self, op, a, b):
        return (None, self.seal, self.open, self.serve, self.time, self.skip,
                self.heal)[op](a, b)

    def out(self, end, status, epoch=0, n=0, length=0, more=0):
        self.note(r.STATUS[status])
        due = end.due(self.now) | end.healing(self.now) << 4 | more
        return OUTCOME.pack(status, epoch & 255, n & 0xffff, length, due, end.epoch & 255)

    def seal(self, a, place):
        end, text, app = self.ends[a & 1], (a >> 2) * 4, bool(a & 2)
        self.places.pop(place, None)
        status, m = end.seal(self.now, 0, text, app)
        if status != r.OK:
            return self.out(end, status)
        self.places[place] = (a & 1, m)
        return self.out(end, status, m.epoch, m.n, m.length)

    def open(self, a, place):
        if place not in self.places or self.places[place][0] == (a & 1):
            return NONE
        end, m, how = self.ends[a & 1], self.places[place][1], a >> 1 & 3
        late, first, kind, more = m.epoch < end.recv_epoch, m.epoch > end.recv_epoch, end.kind, 0
        if how == RENUMBERED:
            status = self.renumbered(end, m)
        else:
            known = end.find(m, self.now)
            status = end.open(self.now, int(how == MOVED), m, how != FLIPPED)
            self.check(end, m, how, known, status)
            if status == r.OK:
                healed = first and kind == r.H
                more = 0x40 * late | 0x80 * healed
                for what in ["late"] * late + ["epochs"] * first + ["healed"] * healed:
                    self.note(what)
        got = m.text if status == r.OK and m.app else 0
        return self.out(end, status, m.epoch, m.n, got, more)

    def renumbered(self, end, m):
        """The low bit of n in the header is flipped."""
        n, m.n = m.n, m.n ^ 1
        status = end.find(m, self.now)[0]
        m.n = n
        return r.AUTH if status == r.OK else status

    def check(self, end, m, how, known, status):
        """What holds of every schedule, and of the models of tests/models: P1, P2."""
        assert known[1] is not None or m.epoch <= end.recv_epoch or status == r.OK, "P1"
        if how == INTACT and known[0] == r.OK:
            assert status == r.OK, "P2"

    def serve(self, a, _):
        end = self.ends[a & 1]
        if a & 2:
            end.work(self.now)
        if a & 4:
            epoch, rms = end.secrets()
            self.stored[a & 1] = epoch, len(rms) - 1
            end.stored()
        return self.out(end, r.OK, end.epoch, *self.stored[a & 1])

    def time(self, _, seconds):
        self.now += seconds
        return self.out(self.ends[0], r.OK)

    def skip(self, a, count):
        end, last = self.ends[a & 1], r.OK
        for _ in range(count):
            last, m = end.seal(self.now, 0, 0, False)
        return self.out(end, last)


    def heal(self, a, _):
        self.ends[a & 1].heal = True
        return self.out(self.ends[a & 1], r.OK)


def text_of(step):
    op, a, b = step
    side = "IR"[a & 1]
    if op == SEAL:
        return "%s seals %d: %s" % (side, b, "%d bytes" % ((a >> 2) * 4) if a & 2 else "control")
    if op == OPEN:
        return "%s gets %d%s" % (side, b, ("", " with a flipped bit", " on another topic",
                                           " with another number")[a >> 1 & 3])
    if op == SERVE:
        return "%s%s%s" % (side, " works" if a & 2 else "", " stores" if a & 4 else "")
    if op == TIME:
        return "%d s pass" % b
    return "%s: %d messages are lost" % (side, b) if op == SKIP else "%s wants to heal" % side


class Network:
    """Traffic as a bad network brings it. It knows nothing of what the ends make of it."""

    def __init__(self, rng):
        self.rng = rng
        self.loss = rng.choice((0, 0, .1, .3, .6))
        self.late = rng.choice((0, .1, .4))
        self.again = rng.choice((0, .05, .3))
        self.forged = rng.choice((0, .05, .2))
        self.lazy = rng.choice((0, 0, .3, .7))   # work or storage come later
        self.even = rng.choice((.5, .5, .2, .9))
        self.steps, self.held, self.sent, self.places = [], ([], []), ([], []), 0

    def add(self, *step):
        self.steps.append(step)

    def deliver(self, to, place):
        r0 = self.rng
        if r0.random() < self.forged:
            self.add(OPEN, to | r0.randrange(1, 4) << 1, place)
        self.add(OPEN, to, place)
        for bit in (2, 4):
            if r0.random() >= self.lazy:
                self.add(SERVE, to | bit, 0)
        if r0.random() < .1:
            self.add(SERVE, to | 6, 0)

    def message(self):
        r0 = self.rng
        side = int(r0.random() < self.even)
        place, self.places = self.places, (self.places + 1) % PLACES
        app = r0.random() < .8
        self.add(SEAL, side | (2 | r0.randrange(12) << 2 if app else 0), place)
        self.sent[side].append(place)
        x = r0.random()
        if x < self.loss:
            return
        if r0.random() < self.late:
            self.held[side].append(place)
            return
        self.deliver(1 - side, place)

    def turn(self):
        r0 = self.rng
        x = r0.random()
        side = r0.randrange(2)
        if x < self.again and self.sent[side]:
            self.deliver(1 - side, r0.choice(self.sent[side][-r0.choice((3, 20, 400)):]))
        elif x < .5 and self.held[side] and r0.random() < .4:
            held = self.held[side]
            self.deliver(1 - side, held.pop(r0.randrange(len(held))))
        elif x > .985:
            self.add(TIME, 0, r0.choice((1, 4, 30, 61, 400)))
        elif x > .978:
            self.add(SKIP, side, r0.choice(SKIPS if r0.random() < .96 else FAR))
        elif x > .974:
            self.add(HEAL, side, 0)
        else:
            self.message()

    def calm(self):
        """The network behaves: everything arrives, all work is done."""
        self.loss = self.late = self.again = self.forged = self.lazy = 0
        for _ in range(self.rng.choice((0, 8, 30))):
            self.message()


def generate(rng, lens, length):
    head, net = setup(rng, lens), Network(rng)
    if rng.random() < LONG:  # more epochs than a header can tell apart
        head.limits.d_msgs, length = 2, 24000
        net.loss, net.lazy, net.forged, net.even = 0, 0, 0, .5
    while len(net.steps) < length:
        net.turn()
    net.calm()
    return head, net.steps


def outcome_text(out):
    status, epoch, n, length, due, own = OUTCOME.unpack(out)
    due, more = due & 15, due >> 4
    return "%s epoch %d n %d length %d due %d more %x own epoch %d" % (
        r.STATUS.get(status, SEEN.get(status, status)), epoch, n, length, due, more, own)
