# SPDX-License-Identifier: Apache-2.0
"""What one device knows of one peer: handshakes, the candidate beside the stable session, its confirmation,
challenges, lost state. The rules are those of docs/spec/session.md, resume.md and of tests/models (m2, m3, m6); like
oracle_ratchet.py it has names in place of keys. Times are in milliseconds.

A packet is refused for a reason, which is one of the names below, or taken: OK."""
import oracle_ratchet as r

INIT, RESP, CONF, CHAL, NOSESS, DATA = "INIT", "RESP", "CONF", "CHAL", "NOSESS", "DATA"
RESUME1, RESUME2, REJ = "RESUME1", "RESUME2", "REJ"
OK, UNKNOWN, REPLAY, GATE, BUDGET, SEALED, ORDER = 0, 5, 10, 11, 12, 14, 22
WHY = {OK: "taken", UNKNOWN: "unknown", REPLAY: "replay", GATE: "gate", BUDGET: "budget",
       SEALED: "not opened", ORDER: "out of order"}
OPENED = {r.OK: OK, r.AUTH: SEALED, r.REPLAY: REPLAY, r.LIMIT: BUDGET}

# What the candidate is: none; own INIT is out; own INIT answered; peer's INIT answered; that confirmed.
NONE, PEND, ROLE_I, ROLE_R, R3 = range(5)
BY_USE, BY_NOSESS, BY_REBOOT = "use", "nosess", "reboot"  # why a session is wanted

RESEND_MS, RESEND_MAX_MS, GIVE_UP_MS, PAUSE_MS, HOLD_MS = 2000, 60000, 30000, 60000, 60000
RESERVE = 16                         # INIT counters that one write to storage covers
ABORTS = 3                           # messages that tell of an INIT that was given up
RATES = {"work": (100, 3), "proof": (200, 4), "work_all": (200000, 400), "cold": (20000, 40),
         "reply": (10 ** 6, 1000), "reply_all": (500000, 1000), "nosess": (100, 2),
         "nosess_all": (500000, 1000)}
RESUMES, STARTS = 4, 16              # attempts before a handshake; start numbers reserved at once


class Packet:
    """kind and what the two ends can tell about it. tag: a name for its last bytes."""

    def __init__(self, kind, frm, **fields):
        self.kind, self.frm = kind, frm
        self.__dict__.update(fields)


class Bucket:
    """per_1000s tokens in 1000 s, at most `burst`; counted in 1/1024 tokens; v1.md section 6."""

    def __init__(self, rate, now):
        self.rate, self.most = rate[0], rate[1] * 1024
        self.level, self.at = self.most, now

    def take(self, now):
        level = min(self.most, self.level + (now - self.at) * self.rate * 1024 // 10 ** 6)
        if level < 1024:
            return False
        self.level, self.at = level - 1024, now
        return True

    def give(self):
        self.level = min(self.most, self.level + 1024)


class Gen:
    """A generation of the resumption secret: its name, its session, what it is called on the wire. sent: of a
    candidate whose CONF is on its way."""

    def __init__(self, rms, sess, epoch, own, peer, sent=False):
        self.rms, self.sess, self.epoch, self.own, self.peer, self.sent = rms, sess, epoch, own, peer, sent

    def settled(self):
        return Gen(self.rms, self.sess, self.epoch, self.own, self.peer)


class Starts:
    """Start numbers of a device: the counter outlives everything."""

    def __init__(self):
        self.counter = self.used = 0

    def open(self):
        self.used, self.counter = self.counter, self.counter + STARTS

    def take(self):
        if self.used == self.counter:
            self.open()
        self.used += 1
        return self.used


class Peer:
    """One end. number: 0 has the lower device id. begins: it may send an INIT. starts: of the device."""

    def __init__(self, names, number, profile, limits, now, begins, starts):
        self.names, self.number, self.profile, self.limits = names, number, profile, limits
        self.may_begin = begins
        self.starts = starts
        self.ctr, self.ceiling, self.last = 0, 0, 0
        self.gens, self.last_start, self.resumes = [], 0, 0  # what RESUME works from; attempts of it
        self.cold = names.of("cold", 0), names.of("cold", 1)
        self.hot = None                           # gate keys by sender
        self.stable = self.old = None
        self.old_until = 0
        self.buckets = {k: Bucket(v, now) for k, v in RATES.items()}
        self.live = None                          # nonce of a challenge that is open
        self.reply = None                         # a CHAL or NOSESS that waits for a poll: what and how
        self.why, self.nonce = None, None         # a session is wanted; nonce for its INIT
        self.not_before, self.gave_up, self.confirmed_at = 0, 0, None
        self.settle, self.settle_due = False, False
        self.abort_seq, self.aborts = 0, 0
        self.empty()

    def drop(self):
        """The candidate goes, and its generation with it."""
        if self.role == ROLE_I and not self.resumed:
            if len(self.gens) == 2 and self.gens[1].sent:
                self.gens = self.gens[:1]
            elif self.is_of(self.cand.sess):
                self.gens = []
        self.empty()

    def empty(self):
        """No candidate, no handshake on its way."""
        self.role, self.cand, self.cand_seq = NONE, None, 0
        self.resumed = self.hold = False          # by RESUME; nothing goes before the record is stored
        self.gen = self.ask = None                # own RESUME1 that waits: index of its generation; nonce
        self.place = None                         # PEND, R: own index of the session to come
        self.att = self.packet = None             # PEND, R: name of the INIT. I, R: CONF, RESP
        self.peer_rsid = self.sess = None         # R: the session that a CONF will make
        self.packet_due = self.hello_due = False
        self.packet_cold, self.charged, self.cand_tag = False, [], None
        self.tries, self.again_at, self.since = 0, 0, 0

    # ---- gate and budgets -----------------------------------------------------------------------

    def gate_out(self, cold):
        return (self.hot if self.hot and not cold else self.cold)[self.number]

    def gate(self, p):
        """(passed, under the cold key)"""
        sender = 1 - self.number
        if self.hot and p.gate == self.hot[sender]:
            return True, False
        return p.gate == self.cold[sender], True

    def charge(self, now, *which):
        """One token of each, or none."""
        taken = []
        for k in which:
            if not self.buckets[k].take(now):
                self.refund(taken)
                return False
            taken.append(k)
        return True

    def refund(self, which):
        for k in which:
            self.buckets[k].give()

    def may_repeat(self, now):
        return self.charge(now, "reply", "reply_all")

    def reply_with(self, now, **what):
        """One reply waits at a time. NOSESS and REJ of a RESUME1, which anybody can cause, wait their turn; what
        answers an INIT does not wait for them."""
        if self.reply is not None and what["kind"] != CHAL:
            return False
        which = ("nosess", "nosess_all") if what["kind"] != CHAL else ("reply", "reply_all")
        if not self.charge(now, *which):
            return False
        self.reply = what
        return True

    def want(self, why):
        if self.why is None:
            self.why = why

    def arm(self, now):
        """When the packet of the role goes again."""
        self.again_at = now + min(RESEND_MS << min(self.tries, 16), RESEND_MAX_MS)
        self.tries += 1

    # ---- sessions -------------------------------------------------------------------------------

    def session(self, now, sess, side, rsid, peer, age=None):
        s = r.Session(self.names, side, sess, self.profile, self.limits, now // 1000, rsid, peer, age)
        s.sess = sess
        return s

    def places(self):
        """Own indices that mean something here."""
        return [s.rsid for s in (self.stable, self.old, self.cand) if s is not None] + \
            ([self.place] if self.place is not None else [])

    def running(self):
        """The sessions whose ratchets run: those that both ends are in."""
        return [s for s in (self.stable, self.cand if self.role == R3 else None) if s is not None]

    def sends_on(self):
        if (self.role == R3 and not (self.hold and self.stable is not None)) or \
                (self.stable is None and self.role == ROLE_I):
            return self.cand
        return self.stable

    def promote(self, now):
        """The candidate becomes the stable session; what is on its way in the old one may still come."""
        if self.stable is not None:
            self.old, self.old_until = self.stable, now + 1000 * self.limits.grace_s
        self.stable = self.cand
        self.settle, self.aborts = False, 0
        self.empty()

    def confirmed(self, now):
        """A session that was confirmed gives its tokens back; not those of the peer twice in a minute."""
        again = self.confirmed_at is not None and now - self.confirmed_at < RESEND_MAX_MS
        self.refund([k for k in self.charged if k not in ("work", "proof") or not again])
        self.charged, self.confirmed_at = [], now
        self.why, self.gave_up, self.resumes = None, 0, 0

    def take_gate(self, sess):
        self.hot = self.names.of("gk", sess, 0), self.names.of("gk", sess, 1)

    # ---- sending --------------------------------------------------------------------------------

    def frames(self, s):
        more = {}
        if s is self.cand and self.role == R3:
            more[r.HELLO] = True
        if s is self.stable and self.settle:
            more[r.SETTLED] = self.ctr
        if s is self.stable and self.aborts:
            more[r.ABORT] = self.abort_seq
        return more

    def seal(self, now, s, text, app):
        status, m = s.seal(now // 1000, 0, text, app, self.frames(s))
        if status != r.OK:
            return status, None
        tag = self.names.of("tag", m.key, m.n)
        if s is self.cand:
            self.hello_due, self.cand_tag = False, tag
            if self.role == R3 or self.resumed:
                self.arm(now)
        if s is self.stable:
            self.settle_due = False
            self.aborts = max(0, self.aborts - 1)
        return status, Packet(DATA, self.number, m=m, rsid=s.peer, sess=s.sess, tag=tag)

    def send(self, now, text):
        """(status, packet) of an application message."""
        s = self.sends_on()
        if s is None:
            self.want(BY_USE)
            return r.MISSING, None
        if self.hold and s is self.cand:
            return r.STATE, None
        return self.seal(now, s, text, True)

    # ---- receiving ------------------------------------------------------------------------------

    def receive(self, now, p, intact=True):
        """Why it was refused, or OK."""
        if p.kind not in (INIT, NOSESS, RESUME1, RESUME2) and p.rsid not in self.places():
            if p.kind in (CONF, DATA):
                self.reply_with(now, kind=NOSESS, rsid=p.rsid, cold=True,
                                tag=p.tag if intact else self.names.of("bent", p.tag))
            return UNKNOWN
        return getattr(self, "got_" + p.kind.lower())(now, p, intact)

    def got_data(self, now, p, intact):
        if p.rsid == self.place and not (self.role == ROLE_R and self.resumed):
            return ORDER
        s = next(s for s in (self.stable, self.old, self.cand) if s is not None and s.rsid == p.rsid)
        if s is self.old and now >= self.old_until:
            return UNKNOWN
        status = s.open(now // 1000, 0, p.m, intact)
        if status == r.OK:
            self.heard(now, s, p.m.frames)
        return OPENED[status]

    def heard(self, now, s, frames):
        if s is self.cand and self.role == ROLE_I:
            self.gens = [g.settled() for g in self.gens[-1:]]
            self.take_gate(s.sess)
            self.promote(now)
            self.confirmed(now)
            self.settle = True
        elif s is self.cand and self.role == ROLE_R:
            self.gens = [g.settled() for g in self.gens[-1:]]
            self.became_r3(now)
        if r.SETTLED in frames:
            if s is self.cand and self.role == R3:
                self.promote(now)
            self.last = max(self.last, frames[r.SETTLED])
        if r.ABORT in frames:
            if self.role == ROLE_R and self.cand_seq == frames[r.ABORT]:
                self.drop()
            self.last = max(self.last, frames[r.ABORT])
        if s is self.stable:
            hello = r.HELLO in frames
            self.settle_due = hello or (self.settle_due and not self.settle)
            self.settle = hello

    def got_init(self, now, p, intact):
        passed, cold = self.gate(p)
        if not passed or not intact:
            return GATE
        if self.role == ROLE_R and not self.resumed and self.att == p.att:
            if not self.may_repeat(now):
                return BUDGET
            self.packet_cold, self.packet_due = cold, True
            return OK
        fresh = p.nonce is not None and p.nonce == self.live
        if not fresh and (p.seq <= self.last or self.live is not None or
                          self.role in (ROLE_I, R3)):
            self.challenge(now, p, cold)
            return REPLAY
        if self.role == PEND and self.number == 0 or self.role == R3 and self.hold:
            return ORDER
        own, common = "proof" if fresh else "work", "cold" if cold else "work_all"
        if not self.charge(now, own):
            self.challenge(now, p, cold)
            return BUDGET
        if not self.charge(now, common):
            self.refund([own])
            return BUDGET
        self.answer(now, p, fresh, cold, [own, common])
        return OK

    def challenge(self, now, p, cold):
        """The nonce stays until an INIT carries it."""
        if self.reply_with(now, kind=CHAL, rsid=p.rsid, cold=cold) and self.live is None:
            self.live = self.names.new("nonce")

    def answer(self, now, p, fresh, cold, charged):
        if self.role == R3:
            self.promote(now)
        self.drop()
        self.last = max(self.last, p.seq)
        if fresh:
            self.live = None
        self.role, self.cand_seq, self.att, self.charged = ROLE_R, p.seq, p.att, charged
        self.place, self.peer_rsid, self.sess = self.names.new("rsid"), p.rsid, self.names.new("sess")
        self.packet = Packet(RESP, self.number, att=p.att, sess=self.sess, rsid=p.rsid, mine=self.place,
                             ctr=self.ctr)
        self.packet_cold, self.packet_due, self.since = cold, True, now

    def got_resp(self, now, p, intact):
        if self.role != PEND or self.resumed or p.rsid != self.place:
            return ORDER
        passed, cold = self.gate(p)
        if not passed or not intact:
            return GATE
        charged = ["proof", "cold" if cold else "work_all"]
        if not self.charge(now, *charged):
            return BUDGET
        if p.att != self.att:
            return SEALED
        self.refund(charged)
        place, gens = self.place, self.generations()
        self.drop()
        self.role, self.hold, self.cand = ROLE_I, True, self.session(now, p.sess, 0, place, p.mine)
        self.gens = [g.settled() for g in gens[-1:]] + [self.gen_of(p.sess, place, p.mine, bool(gens))]
        self.packet = Packet(CONF, self.number, sess=p.sess, rsid=p.mine,
                             tag=self.names.of("tag", "conf", p.sess))
        self.packet_due, self.again_at = True, now
        self.last, self.live = max(self.last, p.ctr), None  # what it made for our challenge stays outside
        self.aborts, self.gave_up = 0, 0
        return OK

    def got_conf(self, now, p, intact):
        if p.rsid != (self.cand.rsid if self.cand is not None else self.place):
            return ORDER
        if self.role == R3:
            self.hello_due = self.may_repeat(now) or self.hello_due
            return REPLAY
        if self.role != ROLE_R or self.resumed:
            return ORDER
        if not self.charge(now, "proof", "work_all"):
            return BUDGET
        self.refund(["proof", "work_all"])
        if not intact or p.sess != self.sess:
            return SEALED
        sess, place, peer, charged = self.sess, self.place, self.peer_rsid, self.charged
        self.drop()
        self.cand, self.charged = self.session(now, sess, 1, place, peer), charged
        self.gens, self.hold = [self.gen_of(sess, place, peer)], True
        self.became_r3(now)
        return OK

    def became_r3(self, now):
        self.role, self.packet, self.packet_due, self.place = R3, None, False, None
        self.hello_due, self.tries, self.again_at = True, 0, now
        self.take_gate(self.cand.sess)
        self.confirmed(now)

    def got_chal(self, now, p, intact):
        if self.role != PEND or p.rsid != self.place:
            return ORDER
        if not self.gate(p)[0] or not intact:
            return GATE
        if self.resumed:
            return ORDER
        if not self.charge(now, "proof"):
            return BUDGET
        self.drop()
        self.want(BY_USE)
        if p.hint < 1 << 63:  # one from beyond the middle would use the counter up; the nonce is enough
            self.ctr = max(self.ctr, p.hint)
        self.nonce, self.not_before = p.nonce, 0
        return OK

    def of_ours(self, tag):
        """It ends like the last message on the candidate, or like the CONF or RESUME1 that is out."""
        return tag in (self.cand_tag, self.packet.tag if isinstance(self.packet, Packet) and
                       self.packet.kind in (CONF, RESUME1) else None)

    def got_nosess(self, _, p, intact):
        if not self.gate(p)[0] or not intact:
            return GATE
        if self.role in (ROLE_I, R3) and self.cand.peer == p.rsid:
            if not self.of_ours(p.tag):
                return REPLAY
            self.drop()
        elif self.role == PEND and self.resumed and self.of_ours(p.tag):
            self.drop()
            self.resumes = RESUMES
        elif self.stable is None or self.stable.peer != p.rsid:
            return ORDER
        self.why = BY_NOSESS
        return OK

    def got_rej(self, _, p, intact):
        if self.role != PEND or p.rsid != self.place:
            return ORDER
        if not self.gate(p)[0] or not intact:
            return GATE
        if p.nonce != self.ask:
            return REPLAY
        self.drop()
        self.resumes += 1
        if self.resumes >= len(self.gens):  # all that is held was tried
            self.resumes = RESUMES
        return OK

    # ---- RESUME ---------------------------------------------------------------------------------

    def gen_of(self, sess, own, peer, sent=False):
        """The first generation of a session."""
        return Gen(self.names.of("rms", sess), sess, 0, own, peer, sent)

    def is_of(self, sess):
        return bool(self.gens) and all(g.sess == sess for g in self.gens)

    def writer(self):
        """The session whose rounds may change the record: all of its generations are that session's."""
        s = self.cand if self.role == R3 else self.stable
        return s if s is not None and self.is_of(s.sess) else None

    def generations(self):
        """What RESUME works from now."""
        s = self.writer()
        if s is None:
            return self.gens
        epoch, names = s.secrets()
        return [Gen(rms, s.sess, epoch + i, s.rsid, s.peer) for i, rms in enumerate(names)]

    def age_of(self, now, sess):
        """What a session resumed from that one goes on with: its age, and at least that at which messages make both
        rounds due."""
        lim = self.limits
        ages = [(max(lim.h_msgs, lim.d_msgs), 0)]  # the schedules know no least seconds
        ages += [s.age(now // 1000) for s in (self.stable, self.cand) if s is not None and s.sess == sess]
        return max(a[0] for a in ages), max(a[1] for a in ages)

    def may_resume(self):
        return self.stable is None and bool(self.gens) and self.resumes < RESUMES

    def got_resume1(self, now, p, intact):
        if self.role == ROLE_R and self.resumed and self.ask == p.nonce and intact:
            if not self.may_repeat(now):
                return BUDGET
            self.packet_due = True
            return OK
        gens = self.generations()
        at = next((i for i in reversed(range(len(gens)))
                   if (gens[i].own, gens[i].epoch) == (p.rsid, p.epoch)), None)
        if at is None:
            if not gens and p.rsid in self.places():
                pass  # a NOSESS of an index that is held would be a lie
            elif not gens:
                self.reply_with(now, kind=NOSESS, rsid=p.rsid, cold=True,
                                tag=p.tag if intact else self.names.of("bent", p.tag))
            else:
                self.reply_with(now, kind=REJ, rsid=p.mine, nonce=p.nonce, cold=True)
            return UNKNOWN
        if gens[at].rms != p.rms or not intact:
            return GATE
        if p.start <= self.last_start:
            return REPLAY
        if len(gens) == 2 and gens[1].sent and at == 0:
            return ORDER
        waits = self.role == PEND and self.resumed
        if waits and self.number == 0 and at <= self.gen:
            return ORDER
        if self.role == ROLE_I and not self.resumed:
            return ORDER
        if not self.charge(now, "proof"):
            return BUDGET
        self.answer_resume(now, p, gens[at])
        return OK

    def answer_resume(self, now, p, gen):
        age = self.age_of(now, gen.sess)
        if self.role == R3:
            self.promote(now)
        self.drop()
        place, nonce = self.names.new("rsid"), self.names.new("nonce")
        sess = self.names.of("resumed", p.rms, p.nonce, nonce)
        self.role, self.resumed, self.hold, self.since, self.ask = ROLE_R, True, True, now, p.nonce
        self.cand = self.session(now, sess, 1, place, p.mine, age)
        self.packet = Packet(RESUME2, self.number, rsid=p.mine, mine=place, to=p.nonce, nonce=nonce,
                             sess=sess)
        self.packet_due = True
        self.last_start = p.start
        self.gens = [gen.settled(), self.gen_of(sess, place, p.mine)]

    def got_resume2(self, now, p, intact):
        if self.role != PEND or not self.resumed or p.rsid != self.place:
            return ORDER
        if p.to != self.ask or not intact:
            return GATE
        place, age = self.place, self.age_of(now, self.gens[self.gen].sess)
        self.drop()
        self.role, self.resumed, self.hold = ROLE_I, True, True
        self.cand = self.session(now, p.sess, 0, place, p.mine, age)
        self.gens = [self.gen_of(p.sess, place, p.mine)]
        self.hello_due, self.again_at = True, now
        return OK

    def ask_resume(self, now):
        self.gen = 1 if len(self.gens) == 2 and self.resumes % 2 == 0 else 0
        g = self.gens[self.gen]
        self.role, self.resumed, self.since = PEND, True, now
        self.place, self.ask = self.names.new("rsid"), self.names.new("nonce")
        self.packet = Packet(RESUME1, self.number, rsid=g.peer, epoch=g.epoch, rms=g.rms, mine=self.place,
                             start=self.starts.take(), nonce=self.ask,
                             tag=self.names.of("tag", "resume1", self.ask))

    # ---- storage --------------------------------------------------------------------------------

    def record(self):
        """What goes to storage, and that it is there."""
        self.ceiling = self.ctr + RESERVE
        self.gens = self.generations()
        if self.writer() is not None:
            self.writer().stored()
        self.hold = False
        return self.ceiling, self.last, self.gens, self.last_start

    def restore(self, rec):
        self.ceiling, self.last, gens, self.last_start = rec
        self.ctr = self.ceiling
        self.gens = list(gens)
        if self.gens:
            self.want(BY_REBOOT)

    # ---- what is due ----------------------------------------------------------------------------

    def work(self, now):
        for s in self.running():
            s.work(now // 1000)

    def begins(self, now):
        """The slot is free, or held by an INIT of the peer that it may have forgotten."""
        room = self.role == NONE or (self.role == ROLE_R and now - self.since >= HOLD_MS)
        return self.why is not None and room and (self.may_resume() or self.may_begin)

    def poll(self, now):
        """(status, the next packet that is due or None)"""
        if self.old is not None and now >= self.old_until:
            self.old = None
        # A confirmed candidate takes its place anyway.
        if self.role != R3 and self.stable is not None and self.stable.due(now // 1000) & r.DUE_REKEY:
            self.want(BY_USE)
        p = self.next_reply()
        if p is not None:
            return r.OK, p
        cand_due = self.hello_due or now >= self.again_at
        if self.role == ROLE_R and self.packet_due and not self.hold:
            self.packet_due = False
            self.packet.gate = self.gate_out(self.packet_cold)
            return r.OK, Packet(**vars(self.packet))
        if self.role == ROLE_I and self.resumed and not self.hold and cand_due:
            return self.control_on(now, self.cand)
        if self.role == ROLE_I and not self.resumed and not self.hold and \
                (self.packet_due or now >= self.again_at):
            self.packet_due = False
            self.arm(now)
            return r.OK, self.packet
        if self.role == PEND and now - self.since >= GIVE_UP_MS:
            self.give_up(now)
        if (self.role == PEND and now >= self.again_at) or \
                (self.begins(now) and now >= self.not_before and
                 (self.may_resume() or self.ctr < self.ceiling)):
            return r.OK, self.first(now)
        return self.control(now)

    def next_reply(self):
        what, self.reply = self.reply, None
        if what is None:
            return None
        gate = self.gate_out(what["cold"])
        if what["kind"] == NOSESS:
            return Packet(NOSESS, self.number, rsid=what["rsid"], tag=what["tag"], gate=gate)
        if what["kind"] == REJ:
            return Packet(REJ, self.number, rsid=what["rsid"], nonce=what["nonce"], gate=gate)
        if self.live is None:  # an INIT came with it meanwhile
            return None
        return Packet(CHAL, self.number, rsid=what["rsid"], nonce=self.live, hint=self.last, gate=gate)

    def first(self, now):
        """RESUME1 or INIT, the first time or again. INITs take gate keys in turn, as either side may have
        lost the hot one."""
        if self.role != PEND:
            self.drop()
            if self.may_resume():
                self.ask_resume(now)
        if self.resumed:
            self.arm(now)
            return self.packet
        if self.role != PEND:
            self.ctr += 1
            self.role, self.cand_seq, self.since = PEND, self.ctr, now
            self.att, self.place = self.names.new("att"), self.names.new("rsid")
            self.packet = self.nonce
            self.nonce = None
        cold = (self.tries + self.gave_up + (self.why == BY_NOSESS)) % 2 == 1
        self.arm(now)
        return Packet(INIT, self.number, att=self.att, seq=self.cand_seq, nonce=self.packet,
                      rsid=self.place, gate=self.gate_out(cold))

    def give_up(self, now):
        if self.resumed:
            self.drop()
            self.resumes += 1
            return
        self.abort_seq = self.cand_seq
        self.aborts = ABORTS if self.stable is not None else 0
        self.settle_due = self.settle_due or self.stable is not None
        self.drop()
        self.not_before = now + min(RESEND_MS << min(self.gave_up, 16), PAUSE_MS)
        self.gave_up += 1

    def control(self, now):
        s = None
        if self.role == R3 and not self.hold and (self.hello_due or now >= self.again_at or
                                                  self.cand.due(now // 1000) & r.DUE_SEND):
            s = self.cand
        elif self.stable is not None and (self.settle_due or self.stable.due(now // 1000) & r.DUE_SEND):
            s = self.stable
        return (r.OK, None) if s is None else self.control_on(now, s)

    def control_on(self, now, s):
        status, p = self.seal(now, s, 0, False)
        if status in (r.LIMIT, r.POLICY):
            self.hello_due = self.settle_due = False
            self.want(BY_USE)
        if status == r.LIMIT and self.role == R3 and s is self.cand:
            self.promote(now)
            return r.OK, None
        return status, p
