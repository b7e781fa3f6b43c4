# SPDX-License-Identifier: Apache-2.0
"""One end of a session, as docs/spec writes it: which numbers of the message chain can be opened, epochs,
D and H rounds, FIN and grace. Slow, simple, and without a single key: a key is the name of what it is made
of, so that two ends can read each other exactly when their names are the same. Nothing here looks at the C
code, and nothing is tuned for speed but what a million schedules need.

Sides: 0 began the session, 1 answered. A method that can be refused gives one of the names below."""

OK, ARG, STATE, SPACE = 0, -1, -2, -3
DECODE, AUTH, REPLAY, POLICY, LIMIT, MISSING = -16, -17, -18, -19, -20, -37
STATUS = {OK: "ok", ARG: "arg", STATE: "state", SPACE: "space", DECODE: "decode", AUTH: "auth",
          REPLAY: "replay", POLICY: "policy", LIMIT: "limit", MISSING: "missing"}

N_MAX, STEPS, GRAIN = 1 << 20, 4, 16  # chain.md section 5
D, H = 0, 1                           # kinds of rounds
P, Q = 0, 1                           # objects: proposal, answer
X25519 = 32
DUE_WORK, DUE_STORE, DUE_SEND, DUE_REKEY = 1, 2, 4, 8

# What a side does in a round: collects or makes one of the two objects.
IDLE, PROPOSES, HAS_ANSWER, DERIVED, ENTERS, UNHEARD = range(6)
COLLECTS, HAS_PROPOSAL, READY, ANSWERS = range(6, 10)

FIN, SETTLED, CHUNK, ABORT, HELLO, EXPIRY = 1, 2, 3, 4, 5, 6
FRAME_LEN = {FIN: 4, SETTLED: 21, ABORT: 9, HELLO: 1, EXPIRY: 10}


def blocks(numbers, depth):
    """The largest aligned blocks, of at most a superblock, that make up a sorted list."""
    found, i = [], 0
    while i < len(numbers):
        a, j = numbers[i], i
        while j + 1 < len(numbers) and numbers[j + 1] == numbers[j] + 1:
            j += 1
        end = numbers[j] + 1
        while a < end:
            level = depth
            while a % (1 << level) or a + (1 << level) > end:
                level -= 1
            found.append((a, level))
            a += 1 << level
        i = j + 1
    return found


def keep(missing, depth, cap):
    """Of the missing numbers those that `cap` nodes cover, the highest ones."""
    if len(missing) <= cap:
        return missing
    held = blocks(sorted(missing), depth)
    for first, level in held[:max(0, len(held) - cap)]:
        missing = missing - set(range(first, first + (1 << level)))
    return missing


def low(next_n, horizon):
    return max(0, next_n - horizon) // GRAIN * GRAIN


class Numbers:
    """What a receiver can open of one epoch and direction: everything from `next` on, and what is missing
    below it; chain.md sections 4 and 5."""

    def __init__(self, profile):
        self.profile, self.next, self.missing = profile, 0, set()

    def judge(self, n):
        if n >= N_MAX or n > self.next + (STEPS << self.profile.depth):
            return LIMIT
        return OK if n >= self.next or n in self.missing else REPLAY

    def take(self, n):
        p = self.profile
        if n == self.next:
            self.next = n + 1
        elif n > self.next:
            self.missing |= set(range(max(self.next, n - p.horizon - GRAIN), n))
            self.next = n + 1
        else:
            self.missing.remove(n)
        if self.missing:
            edge = low(self.next, p.horizon)
            self.missing = keep({m for m in self.missing if m >= edge}, p.depth, p.cap)

    def close(self, count):
        """The epoch is over after `count` messages: what is missing of them, as it is kept on."""
        p = self.profile
        edge = low(max(count, self.next), p.horizon)
        if count - self.next > STEPS << p.depth:
            return set()
        gone = self.missing | set(range(max(self.next, edge), count))
        return keep({m for m in gone if m >= edge}, p.depth, p.late)


class Profile:
    def __init__(self, name, depth, cap, horizon, late):
        self.name, self.depth, self.cap, self.horizon, self.late = name, depth, cap, horizon, late


PROFILES = (Profile("tiny", 10, 4, 128, 4), Profile("std", 12, 16, 128, 8),
            Profile("gateway", 12, 64, 512, 32))


class Names:
    """Numbers for names, so that a name made of names stays short."""

    def __init__(self):
        self.known, self.fresh = {}, 0

    def of(self, *parts):
        return self.known.setdefault(parts, len(self.known) + 1)

    def new(self, what):
        self.fresh += 1
        return self.of(what, "fresh", self.fresh)


class Limits:
    """Policy of a session. lens: bytes of the objects by kind and direction."""

    def __init__(self, d_msgs=64, d_s=900, h_msgs=256, h_s=3600, grace_s=60, chunk=32, burst=False, epoch_msgs=0,
                 lens=((32, 32), (1216, 1120))):
        self.d_msgs, self.d_s, self.h_msgs, self.h_s = d_msgs, d_s, h_msgs, h_s
        self.grace_s, self.chunk, self.burst, self.lens = grace_s, chunk, burst, lens
        self.epoch_msgs = epoch_msgs or N_MAX

    def symbols(self, kind, way):
        """Frames that make up an object. That of a D round goes in one."""
        return 1 if self.burst or kind == D else -(-self.lens[kind][way] // self.chunk)

    def frame_len(self, kind, way):
        """Symbols have a head of 4 bytes, a whole object one of 6; an X25519 key goes as symbols where it
        fills them."""
        if kind == D:
            return (4 if self.chunk <= X25519 else 6) + X25519
        return 6 + self.lens[kind][way] if self.burst else 4 + self.chunk


class Object:
    """An object on its way out: which symbols went, and when the next is due; ratchet.md section 5: one and a
    half times what is needed, then one whenever seven messages went or came without."""

    def __init__(self, name, kind, way, k):
        self.name, self.kind, self.way = name, kind, way
        self.k, self.sent, self.quiet = k, 0, 0

    def wants(self):
        return self.sent < (3 * self.k + 1) // 2 or self.quiet >= 7

    def step(self):
        """The symbol that goes with this message, or None."""
        if not self.wants():
            self.quiet += 1
            return None
        self.quiet = 0
        self.sent += 1
        return (self.sent - 1) % 255


class Message:
    """A packet of data as its two ends see it. key: the name of its chain; frames: {type: value}."""
    __slots__ = ("key", "epoch", "n", "ctx", "frames", "app", "length", "rsid", "text")


class Session:
    """One end. root names RK; the chains of an epoch are named after its root and the direction."""

    def __init__(self, names, side, root, profile, limits, now, rsid=0, peer=0, age=None):
        self.names, self.side, self.profile, self.limits = names, side, profile, limits
        self.root, self.epoch = root, 0        # of what is sent
        self.sent, self.sent_before = 0, 0     # messages of this epoch, of the one before
        self.recv_epoch, self.recv_root, self.recv = 0, root, Numbers(profile)
        self.late, self.late_root, self.late_until = set(), None, 0
        self.next = None                       # root of the epoch after recv_epoch, once it is known
        self.fin = False                       # messages carry FIN
        self.step, self.kind, self.out, self.got, self.got_of = IDLE, None, None, set(), None
        self.made, self.store, self.answer = None, True, False
        self.want, self.heal = False, age is not None  # a round is to be proposed; an H round at once
        self.heard = False                     # a symbol of the answer came: the proposal is complete there
        self.msgs = 0                          # of the session, both directions
        begun = (-age[0], now - age[1]) if age else (0, now)
        self.last = {D: begun, H: begun}       # messages and time when the coins of the last round of
        self.drawn = (0, now)                  # any kind, of the last H round, of this one were drawn
        self.rsid, self.peer = rsid, peer      # own index of the session, the peer's
        self.old_rms = False

    # ---- keys -----------------------------------------------------------------------------------

    def chain(self, root, sender):
        return self.names.of("ck", root, sender)

    # ---- sending --------------------------------------------------------------------------------

    def age(self, now):
        """Messages and seconds since the coins of the last H round."""
        return self.msgs - self.last[H][0], now - self.last[H][1]

    def healing(self, now):
        """Level 0..3: how long ago that was."""
        msgs, seconds = self.age(now)
        return sum(msgs >= f * self.limits.h_msgs or seconds >= f * self.limits.h_s for f in (2, 4, 16))

    def wanted(self, now):
        lim = self.limits
        if self.heal or self.msgs - self.last[H][0] >= lim.h_msgs or now - self.last[H][1] >= lim.h_s:
            return H
        if self.msgs - self.last[D][0] >= lim.d_msgs or now - self.last[D][1] >= lim.d_s:
            return D
        return None

    def draw(self, now):
        """Coins are drawn: what is stolen from now on, this round does not heal."""
        self.drawn = self.msgs, now
        if self.kind == H:
            self.heal = False

    def propose(self, now):
        kind = self.wanted(now)
        if self.want and kind is not None:
            self.step, self.kind, self.want, self.heard = PROPOSES, kind, False, False
            self.draw(now)
            self.out = Object(self.names.new("objP"), kind, P, self.limits.symbols(kind, P))
            self.got, self.got_of = set(), None

    def seal(self, now, ctx, text, app, more=None):
        """(status, message). text: bytes of the application message; more: frames of the pair."""
        if self.sent >= self.limits.epoch_msgs and self.step != ENTERS:
            return LIMIT, None
        if app and self.healing(now) >= 3:
            return POLICY, None
        if self.step == ENTERS:
            self.adopt(self.made)
            self.next, self.step = self.made, UNHEARD
        m = Message()
        m.frames = dict(more or {})
        if self.fin:
            m.frames[FIN] = self.sent_before
        if self.sends_object():
            symbol = self.out.step()
            if symbol is not None:
                m.frames[CHUNK] = (self.out.kind, self.out.way, self.epoch % 32, symbol, self.out.name)
        m.key, m.epoch, m.n = self.chain(self.root, self.side), self.epoch, self.sent
        m.ctx, m.app, m.rsid, m.text = ctx, app, self.peer, text
        m.length = 25 + self.frames_len(m.frames) + (text if app else 0)
        if app and m.frames:
            m.length += 1
        self.sent += 1
        self.answer = False
        self.msgs += 1
        self.want = self.want or (self.step == IDLE and self.wanted(now) is not None)
        return OK, m

    def frames_len(self, frames):
        total = 0
        for t in frames:
            total += self.limits.frame_len(*frames[t][:2]) if t == CHUNK else FRAME_LEN[t]
        return total

    # ---- receiving ------------------------------------------------------------------------------

    def find(self, m, now):
        """(status, root): may this number of that epoch come?"""
        ahead = m.epoch - self.recv_epoch
        if ahead == 0:
            status, root = self.recv.judge(m.n), self.recv_root
        elif ahead == 1 and self.next is not None:
            status, root = Numbers(self.profile).judge(m.n), self.next
        elif ahead == -1 and now < self.late_until:
            status, root = OK if m.n in self.late else REPLAY, self.late_root
        else:
            return REPLAY, None
        return LIMIT if m.n >= self.limits.epoch_msgs else status, root

    def open(self, now, ctx, m, intact=True):
        """The status; on OK m was delivered, else nothing has changed."""
        status, root = self.find(m, now)
        if status != OK:
            return status
        if not intact or ctx != m.ctx or m.key != self.chain(root, 1 - self.side):
            return AUTH
        first = m.epoch == self.recv_epoch + 1
        if first and FIN not in m.frames:
            return DECODE
        if first:
            self.move(now, m.frames[FIN])
        if m.epoch == self.recv_epoch:
            self.recv.take(m.n)
        else:
            self.late = keep(self.late - {m.n}, self.profile.depth, self.profile.late)
        self.msgs += 1
        self.effects(m)
        return OK

    def move(self, now, count):
        """The first message of the next epoch: the receive chain moves on, and with it the side that
        answered the round."""
        self.late, self.late_root = self.recv.close(count), self.recv_root
        self.late_until = now + self.limits.grace_s
        self.recv_epoch += 1
        self.recv_root, self.recv, self.next = self.next, Numbers(self.profile), None
        if self.step == ANSWERS:
            self.adopt(self.recv_root)
            self.store = True
        else:
            self.fin = False
        for kind in (D, H) if self.kind == H else (D,):
            self.last[kind] = self.drawn
        self.step, self.out = IDLE, None

    def adopt(self, root):
        """Sends in the next epoch from now on."""
        self.root, self.epoch = root, self.epoch + 1
        self.sent_before, self.sent, self.fin = self.sent, 0, True

    def effects(self, m):
        fin, late = FIN in m.frames, m.epoch < self.recv_epoch
        if self.step != UNHEARD and m.epoch == self.recv_epoch and not fin:
            self.fin = False
        if CHUNK in m.frames:
            self.chunk(*m.frames[CHUNK])
        if self.sends_object() or self.step == PROPOSES:
            if self.sends_object() and not self.out.wants():
                self.out.quiet += 1
            asked = self.sends_object() and self.out.wants()
        else:
            asked = self.step not in (IDLE, COLLECTS) or (fin and not late and self.fin)
        self.answer = self.answer or asked

    def sends_object(self):
        return self.step == ANSWERS or (self.step == PROPOSES and not self.heard)

    def chunk(self, kind, way, number, symbol, name):
        if number != self.epoch % 32 or self.epoch != self.recv_epoch:
            return
        if way == P:
            self.proposal(kind, symbol, name)
        elif self.step == PROPOSES and kind == self.kind:
            self.heard = True
            self.collect(kind, Q, symbol, name, HAS_ANSWER)

    def proposal(self, kind, symbol, name):
        if self.step == PROPOSES:
            if self.heard:
                return
            if self.side == 0:
                self.answer = True
                return
            self.heal = self.heal or self.kind == H
        if self.step in (IDLE, PROPOSES):
            self.step, self.kind, self.out, self.want = COLLECTS, kind, None, False
            self.got, self.got_of = set(), None
        if self.step == COLLECTS and kind == self.kind:
            self.collect(kind, P, symbol, name, HAS_PROPOSAL)

    def collect(self, kind, way, symbol, name, then):
        assert self.got_of in (None, name), "symbols of two objects"
        self.got_of = name
        self.got.add(symbol)
        if len(self.got) == self.limits.symbols(kind, way):
            self.step = then

    # ---- what the caller does in between ---------------------------------------------------------

    def due(self, now):
        bits = 0
        if self.step in (HAS_ANSWER, HAS_PROPOSAL) or \
                (self.step == IDLE and self.want and self.wanted(now) is not None):
            bits |= DUE_WORK
        if self.step in (DERIVED, READY) or self.store:
            bits |= DUE_STORE
        if self.answer and self.step not in (HAS_ANSWER, DERIVED, HAS_PROPOSAL, READY):
            bits |= DUE_SEND
        if 16 * max(self.sent, self.recv.next) >= 15 * self.limits.epoch_msgs or self.healing(now) >= 2:
            bits |= DUE_REKEY
        return bits

    def work(self, now):
        """Public-key steps."""
        if self.step == IDLE:
            self.propose(now)
        elif self.step == HAS_PROPOSAL:
            self.draw(now)
            answer = self.names.new("objQ")
            self.made = self.names.of("es", self.root, self.epoch + 1, self.kind, self.got_of, answer)
            self.out = Object(answer, self.kind, Q, self.limits.symbols(self.kind, Q))
            self.step = READY
        elif self.step == HAS_ANSWER:
            self.made = self.names.of("es", self.root, self.epoch + 1, self.kind, self.out.name,
                                      self.got_of)
            self.step = DERIVED

    def secrets(self):
        """(epoch, names): the resumption secrets that are to be in storage. Who takes an answer keeps the new
        one alone; who gave it keeps both, as it may not have arrived."""
        if self.step in (DERIVED, ENTERS):
            epoch, roots = self.epoch + 1, [self.made]
        elif self.step in (READY, ANSWERS):
            epoch, roots = self.epoch, [self.root, self.made]
        else:
            epoch, roots = self.epoch, [self.root]
        return epoch, [self.names.of("rms", root) for root in roots]

    def stored(self):
        self.store = False
        if self.step == READY:
            self.next, self.step = self.made, ANSWERS
        elif self.step == DERIVED:
            self.step, self.out = ENTERS, None
