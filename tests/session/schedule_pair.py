# SPDX-License-Identifier: Apache-2.0
"""Schedules of two devices, and what the oracle says of each step. Form as in schedule_ratchet.py.

  SEND  a: bit 0 device, bits 2.. length / 4; b: place        an application message
  POLL  a: bit 0 device; b: place                             the next packet that is due, if any
  GET   a: bit 0 the device that receives, bit 1 a bit is flipped; b: place
  SERVE a: bit 0 device, bit 1 public-key work of its sessions, bit 2 all is in storage
  TIME  b: tenths of a second
  WANT  a: bit 0 device                                       a handshake is wanted
  LOSE  a: bit 0 device                                       it loses all its state, storage too
  REBOOT a: bit 0 device, bit 1 from the copy of its storage  it starts again from its storage
  COPY  a: bit 0 device                                       an attacker copies its storage
Outcome: status or reason i8, kind of packet u8, epoch u8, role << 4 | candidate << 1 | stable u8, own INIT
counter u16, highest of the peer u16."""
import struct

import oracle_pair as o
import oracle_ratchet as r
import schedule_ratchet as sr

SEND, POLL, GET, SERVE, TIME, WANT, LOSE, REBOOT, COPY = range(1, 10)
KIND = 2
CALM = 60  # quiet exchanges, 5 s apart, after which both ends have settled, whatever was before
OUTCOME = struct.Struct(">bBBBHH")
KINDS = (None, o.INIT, o.RESP, o.CONF, o.CHAL, o.NOSESS, o.DATA, o.RESUME1, o.RESUME2, o.REJ)
NONE = OUTCOME.pack(127, 0, 0, 0, 0, 0)


class Setup(sr.Setup):
    """mode: 0 S, 1 K, 2 M, in which device 0 begins. settles: the schedule ends with CALM exchanges."""
    mode, settles = 0, False

    def pack(self, steps):
        text = bytearray(super().pack(steps))
        text[0] = KIND
        text[3] |= self.mode << 1
        return bytes(text)

    def __str__(self):
        return "mode %s, %s" % ("SKM"[self.mode], super().__str__())


class World:
    """Two devices that know each other's certificates and nothing else."""

    def __init__(self, head):
        self.head, self.names, self.now = head, r.Names(), 10 ** 6
        self.ends, self.starts = [None, None], [o.Starts(), o.Starts()]
        self.storage, self.copies = [None, None], [None, None]
        for i in (0, 1):
            self.make(i)
        self.places, self.tally, self.lost = {}, {}, False

    def make(self, i):
        self.ends[i] = o.Peer(self.names, i, r.PROFILES[self.head.profile], self.head.limits, self.now,
                              self.head.mode != 2 or i == 0, self.starts[i])
        self.starts[i].open()

    def note(self, what):
        self.tally[what] = self.tally.get(what, 0) + 1

    def run(self, steps):
        out = []
        for s in steps:
            out.append(self.step(*s))
            self.check()
        if self.head.settles:
            self.note("settled")
            assert self.settled(), "L2"
        return b"".join(out)

    def step(self, op, a, b):
        return (None, self.send, self.poll, self.get, self.serve, self.time, self.want,
                self.lose, self.reboot, self.copy)[op](a, b)

    def out(self, end, status, p=None):
        held = (end.stable is not None) + 2 * (end.cand is not None or end.place is not None)
        epoch = p.m.epoch & 255 if p is not None and p.kind == o.DATA else 0
        kind = KINDS.index(p.kind) if p is not None else 0
        return OUTCOME.pack(status, kind, epoch, end.role << 4 | held, end.ctr & 0xffff,
                            end.last & 0xffff)

    def put(self, end, place, status, p):
        if p is None:
            return self.out(end, status)
        self.places[place] = p
        self.note("sent " + p.kind)
        return self.out(end, r.OK, p)

    def send(self, a, place):
        end = self.ends[a & 1]
        self.places.pop(place, None)
        return self.put(end, place, *end.send(self.now, (a >> 2) * 4))

    def poll(self, a, place):
        end = self.ends[a & 1]
        self.places.pop(place, None)
        status, p = end.poll(self.now)
        return self.put(end, place, sr.IDLE if p is None and status == r.OK else status, p)

    def get(self, a, place):
        p = self.places.get(place)
        if p is None or p.frm == a & 1:
            return NONE
        end = self.ends[a & 1]
        before = end.stable
        why = end.receive(self.now, p, not a & 2)
        self.note("%s %s" % (p.kind, o.WHY[why]))
        if end.stable is not before:
            self.note("sessions")
        return self.out(end, why, p)

    def serve(self, a, _):
        end = self.ends[a & 1]
        if a & 2:
            end.work(self.now)
        if a & 4:
            self.storage[a & 1] = end.record()
        return self.out(end, r.OK)

    def time(self, _, tenths):
        self.now += 100 * tenths
        return self.out(self.ends[0], r.OK)

    def want(self, a, _):
        self.ends[a & 1].want(o.BY_USE)
        return self.out(self.ends[a & 1], r.OK)

    def lose(self, a, _):
        self.make(a & 1)
        self.lost, self.storage[a & 1] = True, None
        return self.out(self.ends[a & 1], r.OK)

    def reboot(self, a, _):
        i = a & 1
        if a & 2:
            self.storage[i] = self.copies[i]
        self.make(i)
        self.lost = True
        if self.storage[i] is not None:
            self.ends[i].restore(self.storage[i])
        return self.out(self.ends[i], r.OK)

    def copy(self, a, _):
        self.copies[a & 1] = self.storage[a & 1]
        return self.out(self.ends[a & 1], r.OK)

    # ---- what holds of every schedule -------------------------------------------------------------

    def opens(self, i, s):
        """Whether end i would open what the other sends on s."""
        end = self.ends[i]
        return any(t is not None and t.sess == s.sess for t in (end.stable, end.old, end.cand))

    def check(self):
        """P4 of m3, L1 of m2 (and L2, in run): unless state was lost since both last agreed, what one end sends, the other
        opens."""
        if self.settled():
            self.lost = False
        if self.lost:
            return
        for i in (0, 1):
            s = self.ends[i].sends_on()
            if s is not None and self.ends[i].stable is not None:
                assert self.opens(1 - i, s), "P4"

    def settled(self):
        a, b = self.ends
        return None not in (a.stable, b.stable) and a.stable.sess == b.stable.sess and \
            a.role in (o.NONE, o.ROLE_R) and b.role in (o.NONE, o.ROLE_R)


def text_of(step):
    op, a, b = step
    who = "AB"[a & 1]
    return ("", "%s sends %d" % (who, b), "%s polls %d" % (who, b),
            "%s gets %d%s" % (who, b, " with a flipped bit" if a & 2 else ""),
            "%s%s%s" % (who, " works" if a & 2 else "", " stores" if a & 4 else ""),
            "%g s pass" % (b / 10), "%s wants a handshake" % who, "%s loses its state" % who,
            "%s starts again%s" % (who, " from the copy" if a & 2 else ""),
            "%s: its storage is copied" % who)[op]


class Network(sr.Network):
    patience = 6

    def deliver(self, to, place):
        if self.rng.random() < self.forged:
            self.add(GET, to | 2, place)
        self.add(GET, to, place)
        for bit in (2, 4):
            if self.rng.random() >= self.lazy:
                self.add(SERVE, to | bit, 0)

    def packet(self, op, side):
        r0 = self.rng
        place, self.places = self.places, (self.places + 1) % sr.PLACES
        self.add(op, side | (r0.randrange(12) << 2 if op == SEND else 0), place)
        self.sent[side].append(place)
        x = r0.random()
        if x < self.loss:
            return
        if r0.random() < self.late:
            self.held[side].append(place)
        else:
            self.deliver(1 - side, place)

    def clean(self):
        """A handshake of device 0 without losses; both have written what there is to write."""
        keep, self.loss, self.late = (self.loss, self.late), 0, 0
        self.add(WANT, 0, 0)
        for _ in range(3):
            for side in (0, 1):
                self.add(SERVE, side | 6, 0)
                self.packet(POLL, side)
                self.add(SERVE, 1 - side | 6, 0)
        self.loss, self.late = keep

    def storm(self, side):
        """INITs one after the other, as of a device that starts again and again."""
        for _ in range(6):
            self.add(SERVE, side | 6, 0)
            self.add(WANT, side, 0)
            self.packet(POLL, side)
            self.add(REBOOT, side, 0)
            self.add(TIME, 0, self.rng.choice((1, 10, 40)))

    def restart(self, side):
        self.add(REBOOT, side | 2 * (self.rng.random() < .15), 0)
        for _ in range(self.rng.randrange(4)):
            for x in (side, 1 - side):
                self.packet(POLL, x)

    def amnesia(self, side):
        """It loses everything and begins, while packets of before come again."""
        self.add(LOSE, side, 0)
        self.add(SERVE, side | 6, 0)
        self.add(WANT, side, 0)
        for _ in range(self.rng.randrange(1, 5)):
            for x in (side, 1 - side):
                self.packet(POLL, x)
                if self.sent[x] and self.rng.random() < .6:
                    self.deliver(1 - x, self.rng.choice(self.sent[x][:8]))
            self.add(TIME, 0, self.rng.choice((1, 10, 21)))

    def cut(self):
        """The power of both is cut, perhaps while one resumes."""
        if self.rng.random() < .5:
            keep, self.loss, self.late, one = (self.loss, self.late), 0, 0, self.rng.randrange(2)
            self.add(REBOOT, one, 0)
            for side in (one, 1 - one):
                self.packet(POLL, side)
                self.add(SERVE, 1 - side | 4, 0)
            self.loss, self.late = keep
        for side in self.rng.sample((0, 1), 2):
            self.add(REBOOT, side, 0)
        for _ in range(self.rng.randrange(8)):
            self.packet(POLL, self.rng.randrange(2))
            self.add(TIME, 0, self.rng.choice((1, 10, 21, 310)))

    def message(self):
        side = int(self.rng.random() < self.even)
        self.packet(SEND if self.rng.random() < .35 else POLL, side)

    def turn(self):
        x = self.rng.random()
        if x < .04:
            self.add(WANT, self.rng.randrange(2), 0)
        elif x < .045:
            side = self.rng.randrange(2)
            if self.rng.random() < .5:
                self.amnesia(side)
            else:
                self.add(LOSE, side, 0)
        elif x < .075:
            self.restart(self.rng.randrange(2))
        elif x < .08:
            self.add(COPY, self.rng.randrange(2), 0)
        elif x < .09:
            self.cut()
        elif x < .14:
            self.add(TIME, 0, self.rng.choice((1, 10, 21, 41, 100, 310, 620)))
        else:
            super().turn()

    def calm(self):
        self.loss = self.late = self.again = self.forged = self.lazy = 0
        for _ in range(self.patience):
            for side in (0, 1):
                self.packet(POLL, side)
                self.packet(SEND, side)
            self.add(TIME, 0, 50)


def generate(rng, lens, length):
    head, net = sr.setup(rng, lens), Network(rng)
    head = Setup(head.profile, head.limits)
    head.mode, net.patience = rng.choice((0, 0, 1, 1, 2)), rng.choice((0, 0, 0, 0, 0, 6, 6, 6, CALM))
    if net.patience == CALM:  # with limits that want no new session meanwhile
        head.settles, head.limits.h_msgs, head.limits.h_s, head.limits.epoch_msgs = True, 500, 9000, r.N_MAX
    if rng.random() < .6:
        net.clean()
    elif rng.random() < .05:
        net.storm(rng.randrange(2))
    while len(net.steps) < length:
        net.turn()
    net.calm()
    return head, net.steps


def outcome_text(out):
    status, kind, epoch, roles, ctr, last = OUTCOME.unpack(out)
    return "%s %s epoch %d role %d, %d sessions, own counter %d, last %d" % (
        {**r.STATUS, **o.WHY, **sr.SEEN}.get(status, status), KINDS[kind] if kind < len(KINDS) else kind, epoch,
        roles >> 4, roles & 15, ctr, last)
