# SPDX-License-Identifier: Apache-2.0
"""A slow oracle of a device's control state: docs/spec/control.md sections 3 to 5 and docs/spec/gates.md, written
down once more. Nothing is signed or hashed here: an object carries who signed it, a hash is the tuple of what went
into it, a link of a chain its place. Numbers and names of the lines: tests/control/schedule.py."""
import functools
import os

HERE = os.path.dirname(os.path.abspath(__file__))
GATES = os.path.join(HERE, "..", "..", "docs", "spec", "gates.md")

# what a step reports besides "taken", include/pqi/ctl.h
NEW_ROOT, NEW_HEAD, NEW_TICK, NEW_ROSTER, NEW_POLICY, NEW_REV, NEW_PATH, NEW_TIME = (
    1 << i for i in range(8))
EQUIVOCATION, GAP, _WANT, RATE, TIME_STEP = (1 << i for i in range(8, 13))
FRESH, AGED, STALE, EXPIRED, UNKNOWN = range(1, 6)
GONE, NAMED, LAST = range(3)
ASK_TIME, ASK_PATH, ASK_NEWEST = 1, 2, 4
SELF_REVOKED, _PEER, ROLLBACK, TWO_HEADS, REV_GAP, POLICY_GAP, POLICY_OLD, STORAGE = (
    1 << i for i in range(8))
HEAD, POLICY, REV, ROSTER, TIME, ROOT = range(6)  # counters
TICK_MS_DEFAULT = 3600 * 1000
HOUR_MS = 3600 * 1000
CHEAP = 64      # hashes of a chain
CHAIN_MS = 10000
EVIDENCE_MS = 60000
STORE_MS = 600000
NONCE_MS = 600000
MARK = 1 << 32
LEAF = 7        # our own roster index, key epoch 1
LOST = 2 ** 64 - 1  # an age that nobody knows


class PowerCut(Exception):
    """The supply fails at this write."""


class Thing:
    """An object of the world: fields as given."""

    def __init__(self, kind, by, **fields):
        self.kind, self.by = kind, by
        self.__dict__.update(fields)


class Rules:
    def __init__(self, **over):
        self.tick_s, self.fresh, self.aged, self.stale = 3600, 4, 48, 720
        self.grace, self.roster, self.delegates, self.strict = 3600, False, False, False
        self.min_rev, self.ttl, self.permille, self.local, self.step = 0, 0, 50, 72, 172800
        self.__dict__.update(over)


FLAVORS = (Rules(), Rules(fresh=2, aged=4, stale=8, permille=1000, step=7200),
           Rules(roster=True, delegates=True, grace=0, local=6),
           Rules(ttl=12, min_rev=2, permille=500),
           Rules(tick_s=60, strict=True, delegates=True, permille=1000))
NO_RULES, LOST_RULES = Rules(), Rules(roster=True, grace=0)


# ---- gates: the page is the table ---------------------------------------------------------------------------

def read_gates():
    rows = []
    with open(GATES, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if line.startswith("|") and len(cells) == 5 and set(cells[1:]) <= {
                    "allow", "mark", "deny", "known", "grace", "witness"}:
                rows.append((cells[0], cells[1:]))
    assert [r[0] for r in rows[:6]] == ["fresh", "aged", "stale", "expired", "unknown", "self-revoked"]
    return rows


GATE = read_gates()


@functools.lru_cache(maxsize=None)
def reason(fresh, flags, grace, column):
    """For a message from a peer that was learned before and is no witness."""
    out = "ok"
    for i, (name, cells) in enumerate(GATE):
        if not (fresh == i + 1 if i < 5 else flags >> (i - 5) & 1):
            continue
        cell = cells[column]
        if cell == "mark":
            out = "marked"
        elif cell in ("deny", "witness") or (cell == "grace" and not grace):
            return name
    return out


# ---- storage ------------------------------------------------------------------------------------------------------

class Medium:
    """Four records of two slots each, and counters. `fuse` writes from now on one goes wrong."""

    def __init__(self):
        self.slots = {n: [None, None] for n in ("ctl", "rev", "pol", "root")}
        self.counters = [0] * 6
        self.fuse, self.mode, self.dead = 0, 0, False

    def step(self):
        """None: it works; else how it fails: 0 nothing, 1 a part, 2 all of it arrives."""
        if self.dead:
            return 0
        if self.fuse:
            self.fuse -= 1
            if not self.fuse:
                self.dead = True
                return self.mode
        return None

    def write(self, name, gen, value):
        how = self.step()
        if how is None or how == 2:
            self.slots[name][gen % 2] = (gen, value)
        elif how == 1:
            self.slots[name][gen % 2] = "torn"
        if how is not None:
            raise PowerCut

    def count(self, which, to):
        how = self.step()
        if how is None or how == 2:
            self.counters[which] = max(self.counters[which], to)
        if how is not None:
            raise PowerCut

    def read(self, name):
        """(generation, value) of the newest record; (0, None): none."""
        whole = [s for s in self.slots[name] if isinstance(s, tuple)]
        return max(whole, key=lambda s: s[0]) if whole else (0, None)

    def copy(self):
        return {n: list(s) for n, s in self.slots.items()}


# ---- state ----------------------------------------------------------------------------------------------------------

class Clock:
    def __init__(self, known=0, ms=0, at=0):
        self.known, self.ms, self.at = known, ms, at

    def age(self, up):
        return min(LOST, self.ms + max(0, up - self.at))

    def hear(self, up, ticks, tick_ms):
        if self.age(up) != LOST:
            self.ms, self.at = max(0, self.age(up) - ticks * tick_ms), up
            self.known = self.known or 1

    def lose(self):
        self.ms, self.known = LOST, 0

    def copy(self):
        return Clock(self.known, self.ms, self.at)


class Local:
    """A delegate's ticks."""

    def __init__(self, chain, up):
        self.chain, self.i, self.fleet_i, self.clock = chain, 0, 0, Clock(0, LOST, up)

    def copy(self):
        o = Local(self.chain, 0)
        o.i, o.fleet_i, o.clock = self.i, self.fleet_i, self.clock.copy()
        return o


class State:
    """Record `ctl`."""

    def __init__(self):
        self.head, self.tick, self.newest = None, 0, 0
        self.clock, self.locals = Clock(), []
        self.roster, self.before = (0, 0, None, GONE), (0, 0, None, GONE)  # root, seq, hash, counts
        self.two = (0, 0)
        self.time_root, self.time, self.est, self.est_at = 0, 0, 0, 0

    def copy(self):
        o = State()
        o.__dict__.update(self.__dict__)
        o.clock, o.locals = self.clock.copy(), [x.copy() for x in self.locals]
        return o

    def lose_age(self):
        for clock in [self.clock] + [x.clock for x in self.locals]:
            clock.lose()

    def estimate(self, up):
        return self.est + max(0, up - self.est_at) // 1000

    def head_mark(self):
        return self.head.root * MARK + self.head.epoch if self.head else 0

    def roster_mark(self):
        return self.roster[0] * MARK + self.roster[1]


class Log:
    """Record `ctl-rev`."""

    def __init__(self):
        self.root, self.seq, self.entries, self.named, self.void = 0, 0, (), 0, 0
        self.carried, self.alone, self.table = 0, 0, {}

    def copy(self):
        o = Log()
        o.__dict__.update(self.__dict__)
        o.table = dict(self.table)
        return o


class Device:
    def __init__(self, root, room, weak, wall):
        self.first, self.room, self.weak, self.wall = root, room, weak, wall
        self.medium, self.kept = Medium(), None
        self.start()

    # ---- starting ---------------------------------------------------------------------------------------

    def start(self):
        """Power is back. A cut that hits the start is followed by another one."""
        self.medium.dead = False
        try:
            self.open()
        except PowerCut:
            self.medium.dead, self.medium.fuse = False, 0
            self.open()

    def open(self):
        self.mono = self.raw = self.seen = self.stored = 0
        self.want, self.want_left, self.questions, self.nonce = 0, 0, [], None
        self.path, self.refused, self.evidence_at, self.chain_at = None, None, 0, 0
        self.floor = list(self.medium.counters)
        self.gen = {}
        self.root, self.state, self.log = self.first, State(), Log()
        self.policy, self.rules = None, NO_RULES
        self.load_root()
        self.load_state()
        self.load_log()
        self.load_policy()
        self.covered()
        self.counted = self.policy_gap()

    @property
    def up(self):
        """Uptime: where the caller's goes back ours goes on."""
        return self.seen + max(0, self.mono - self.raw)

    def see(self):
        self.seen, self.raw = self.up, self.mono

    def load(self, name):
        self.gen[name], value = self.medium.read(name)
        return value

    def save(self, name, value):
        self.gen[name] += 1
        self.medium.write(name, self.gen[name], value)

    def move(self, which, to):
        if to > self.floor[which]:
            self.medium.count(which, to)
            self.floor[which] = to

    def load_root(self):
        version = self.load("root")
        if version is not None and version > self.root:
            self.root = version
            self.move(ROOT, version * MARK)

    def load_state(self):
        s = self.load("ctl")
        if s is not None:
            self.state = s.copy()
            self.move_floors(self.state)
        s, floor = self.state, self.floor[TIME]
        if s.head_mark() < self.floor[HEAD]:
            s.lose_age()
        if floor % MARK and floor > s.time_root * MARK + s.time:
            same = s.time_root == floor // MARK
            s.time_root, s.time = divmod(floor, MARK)
            s.est = max(s.est if same else 0, s.time)
        s.clock.at, s.est_at, s.clock.known = 0, 0, 0
        for x in s.locals:
            x.clock.at = x.clock.known = 0

    def load_log(self):
        v = self.load("rev")
        if v is not None:
            self.log = v.copy()
            self.move_log(v)

    def move_log(self, v):
        """On to the counter of a later root when a head names its log."""
        if not v.carried or v.named:
            self.move(REV, v.root * MARK + v.seq)

    def load_policy(self):
        p = self.load("pol")
        have = p.root * MARK + p.seq if p is not None else 0
        if have < self.floor[POLICY] or p is None:
            self.rules = LOST_RULES if self.floor[POLICY] else NO_RULES
            return
        self.policy, self.rules = p, FLAVORS[p.flavor]
        self.move(POLICY, have)

    # ---- storing ------------------------------------------------------------------------------------------

    def time_mark(self, s):
        mark, floor = s.time_root * MARK + s.time, self.floor[TIME]
        return mark if mark >= floor + 3600 else floor

    def move_floors(self, s):
        self.move(HEAD, s.head_mark())
        self.move(ROSTER, s.roster_mark())
        self.move(TIME, self.time_mark(s))

    def commit(self, draft):
        """Written, counted, in force."""
        r = draft.copy()
        r.clock.ms, r.clock.at = draft.clock.age(self.seen), 0
        for x in r.locals:
            x.clock.ms, x.clock.at = x.clock.age(self.seen), 0
        r.est, r.est_at = draft.estimate(self.seen) if draft.time else 0, 0
        self.save("ctl", r)
        self.move_floors(draft)
        self.state, self.stored = draft, self.seen

    def close(self):
        self.see()
        try:
            self.commit(self.state.copy())
        except PowerCut:
            pass

    def housekeeping(self):
        self.see()
        if self.seen - self.stored >= HOUR_MS:
            self.commit(self.state.copy())

    # ---- what holds ------------------------------------------------------------------------------------------

    def has_head(self):
        return self.state.head is not None and self.state.head.root == self.root

    def tick_ms(self):
        return self.rules.tick_s * 1000

    def own_floor(self, which):
        version, n = divmod(self.floor[which], MARK)
        return n if version == self.root else 0

    def root_behind(self):
        return any(f // MARK > self.root for f in self.floor)

    def age_step(self, clock):
        if not clock.known:
            return UNKNOWN
        age, t, r = clock.age(self.up), self.tick_ms(), self.rules
        for step, limit in ((FRESH, r.fresh), (AGED, r.aged), (STALE, r.stale)):
            if age <= limit * t:
                return step
        return EXPIRED

    def fresh(self, site):
        s, best = self.state, self.age_step(self.state.clock)
        allowed = self.rules.delegates and self.has_head() and \
            s.clock.age(self.up) <= self.rules.local * self.tick_ms()
        for x in s.locals if site and allowed else ():
            if x.i - x.fleet_i <= self.rules.local:
                best = min(best, self.age_step(x.clock))
        return best

    def named(self):
        return self.state.head.rev[0] if self.has_head() else 0

    def have(self):
        return self.log.seq if self.log.root == self.root else 0

    def is_here(self):
        """What the head names: by hash where ours ends there, before that as far as another head named it."""
        h, v = self.state.head, self.log
        same = h is not None and h.root == v.root
        if h is None or h.rev[0] == 0 or not (self.has_head() or same):
            return True
        named, seq = h.rev[0], v.seq if same else 0
        if named == seq:
            return v.entries == h.rev[1]
        return named < seq and named <= v.named

    def rev_gap(self):
        v, p = self.log, self.policy
        short = p is not None and self.rules.min_rev and \
            v.root * MARK + v.seq < p.root * MARK + self.rules.min_rev
        return bool(v.root * MARK + max(v.seq, v.void) < self.floor[REV] or short or not self.is_here())

    def policy_gap(self):
        p, h = self.policy, self.state.head
        if (p.root * MARK + p.seq if p else 0) < self.floor[POLICY]:
            return True
        if not self.has_head() or h.policy[0] == 0:
            return False
        return p is None or (p.root, p.seq, p.name) != (h.root, *h.policy)

    def roster_gap(self):
        return self.has_head() and self.state.head.roster[0] != 0 and self.state.roster[3] != NAMED

    def rolled_back(self):
        s = self.state
        roster = s.roster_mark() < self.floor[ROSTER] and \
            self.floor[ROSTER] >= (s.head.root if s.head else 0) * MARK
        return roster or self.root_behind() or s.head_mark() < self.floor[HEAD]

    def policy_old(self):
        if self.policy is None or not self.rules.ttl:
            return False
        passed = self.state.clock.age(self.up) // self.tick_ms()
        return self.state.newest + passed > self.policy.base + self.rules.ttl

    def flags(self):
        f = SELF_REVOKED if self.is_revoked(LEAF, 1) else 0
        f |= ROLLBACK if self.rolled_back() else 0
        f |= TWO_HEADS if self.state.two[1] and self.state.two[0] == self.root else 0
        f |= REV_GAP if self.rev_gap() else 0
        f |= POLICY_GAP if self.policy_gap() else 0
        f |= POLICY_OLD if self.policy_old() else 0
        return f | (STORAGE if self.rules.strict and self.weak else 0)

    def is_revoked(self, index, epoch):
        least = self.log.table.get(index)
        return least is not None and epoch < least

    def member(self, path, leaf):
        """path: (roster number, size, position, leaf it leads from, hash it leads to)"""
        if not self.rules.roster:
            return True
        return any(seq != 0 and counts != GONE and path.seq == seq and path.to == name and path.leaf == leaf
                   for _, seq, name, counts in (self.state.roster, self.state.before))

    def due(self):
        behind = not self.has_head() or self.state.head.epoch < self.own_floor(HEAD)
        want = self.want
        if behind or self.root_behind() or self.rev_gap() or self.policy_gap() or self.roster_gap():
            want |= ASK_NEWEST
        if self.fresh(False) != FRESH or self.state.clock.known != 2:
            want |= ASK_TIME
        if self.rules.roster and self.path is None and self.state.roster[3] == NAMED:
            want |= ASK_PATH
        return want

    # ---- taking objects ------------------------------------------------------------------------------------

    def take(self, o):
        """(taken, what)"""
        self.see()
        if o.kind != "root" and self.root_behind():
            done, what = False, 0
        else:
            done, what = getattr(self, "take_" + o.kind)(o)
        if done == "missing":
            self.want_newest()
        what |= GAP if self.rev_gap() else 0
        return done is True, what

    def want_newest(self):
        self.want, self.want_left = self.want | ASK_NEWEST, 3

    def take_root(self, o):
        if o.version <= self.root:
            return False, 0
        if o.version != self.root + 1:
            return "missing", 0
        if o.by != "roots":
            return False, 0
        self.save("root", o.version)
        self.move(ROOT, o.version * MARK)
        self.root = o.version
        return True, NEW_ROOT

    def head_key(self):
        return "head1" if self.root % 2 else "head2"

    def take_head(self, o):
        if o.root != self.root:
            return False, 0
        own = self.state.head if self.has_head() else None
        if o.epoch < (own.epoch if own else 0) or o.epoch < self.own_floor(HEAD):
            return False, 0
        n = o.epoch - own.epoch if own else 0
        if own and n == 0:
            return self.second_head(o, own)
        if own and not self.token(own, o, n):
            return False, 0
        if o.by != self.head_key():
            return False, 0
        draft, what = self.state.copy(), NEW_HEAD
        if own and n == 1 and o.prev != own.name:
            draft.two, what = (own.root, own.epoch), what | EQUIVOCATION
        self.put_head(draft, o, own)
        what |= self.head_time(draft, o)
        self.in_force(draft)
        return True, what

    def in_force(self, draft):
        gap = self.policy_gap()
        self.commit(draft)
        self.counted = self.counted or gap
        self.covered()

    def token(self, own, o, n):
        if n > CHEAP and self.up < self.chain_at:
            return False
        good = own.token is not None and o.token is not None and o.token - own.token == n
        if not good and n > CHEAP:
            self.chain_at = self.up + CHAIN_MS
        return good

    def second_head(self, o, own):
        known = self.state.two[1] and self.state.two[0] == self.root
        if o.name == own.name or known or o.token != own.token or self.refused is o or \
                self.up < self.evidence_at:
            return False, 0
        if o.by != self.head_key():
            self.refused, self.evidence_at = o, self.up + EVIDENCE_MS
            return False, 0
        draft = self.state.copy()
        draft.two = (own.root, own.epoch)
        self.in_force(draft)
        return True, EQUIVOCATION

    def put_head(self, s, o, own):
        s.head, s.tick = o, 0
        s.locals = [Local(("site", o.chain[0]), self.up) for _ in range(o.delegates)]
        root, seq, name, counts = s.roster
        named = seq != 0 and root == o.root and (seq, name) == o.roster
        s.roster = (root, seq, name, NAMED if named else LAST if counts == NAMED else GONE)
        s.before = s.before[:3] + (GONE,)
        if own is None:  # ticks of an older root may have run ahead
            s.newest = min(s.newest, o.base)
        if s.clock.ms == LOST and o.epoch > self.own_floor(HEAD):
            s.clock = Clock(0, 0, self.up)
        self.heard(s, o.base)
        self.local_ages(s)

    def local_ages(self, s):
        """Ticks of delegates are no older than the head's base and their number say."""
        base = s.clock.age(self.up) + max(0, s.newest - s.head.base) * self.tick_ms()
        for x in s.locals if base < LOST else ():
            age = max(0, base - x.i * self.tick_ms())
            if age < x.clock.age(self.up):
                x.clock.ms, x.clock.at = age, self.up

    def heard(self, s, number):
        newer = max(0, number - s.newest)
        s.clock.hear(self.up, newer, self.tick_ms())
        s.newest += newer
        for x in s.locals if newer else ():
            x.fleet_i = x.i

    def take_tick(self, o):
        s = self.state
        if not self.has_head() or o.epoch > s.head.epoch:
            return "missing", 0
        if o.epoch < s.head.epoch or (o.site and not s.locals):
            return False, 0
        x = s.locals[0] if o.site else None
        at, count = (x.i, 60) if o.site else (s.tick, s.head.count)
        far = o.i - at > CHEAP
        if o.i > count or o.i <= at or (far and self.up < self.chain_at):
            return False, 0
        chain = x.chain if o.site else ("fleet", s.head.chain)
        if o.chain != (chain, s.head.root):
            self.chain_at = self.up + CHAIN_MS if far else self.chain_at
            return False, 0
        clock = x.clock if o.site else s.clock
        store = not clock.known or self.up - self.stored >= STORE_MS
        draft = s.copy() if store else s
        if o.site:
            x = draft.locals[0]
            x.clock.hear(self.up, o.i - x.i, self.tick_ms())
            if draft.clock.known:  # one that was not listened to has not begun just now
                since = draft.clock.age(self.up) // self.tick_ms() + 1
                x.fleet_i = max(x.fleet_i, o.i - since)
            x.i = o.i
        else:
            draft.tick = o.i
            self.heard(draft, draft.head.base + o.i)
        if store:
            self.commit(draft)
        self.counted = self.counted or self.policy_gap()
        return True, NEW_TICK

    def by_number(self, o, named):
        """None: it is the one that the head names."""
        if o.root != self.root:
            return False, 0
        if not self.has_head() or o.seq > named:
            return "missing", 0
        return (False, 0) if o.seq < named else None

    def take_roster(self, o):
        s = self.state
        no = self.by_number(o, s.head.roster[0] if s.head else 0)
        if no is not None:
            return no
        if (o.seq, o.name) != s.head.roster or o.seq < self.own_floor(ROSTER) or \
                s.roster[3] == NAMED or o.by != "issuer":
            return False, 0
        draft = s.copy()
        draft.before = s.roster
        if draft.before[1] == o.seq:
            draft.before = draft.before[:3] + (GONE,)
        draft.roster = (o.root, o.seq, o.name, NAMED)
        self.commit(draft)
        self.path = None
        return True, NEW_ROSTER

    def take_path(self, o):
        _, seq, name, counts = self.state.roster
        good = seq != 0 and counts != GONE
        if self.path == (o.seq, o.to, o.position) or (good and o.seq < seq):
            return False, 0
        if not good or o.seq > seq:
            return "missing", 0
        if o.to != name or o.leaf != (0, 0):
            return False, 0
        self.path = (o.seq, o.to, o.position)
        return True, NEW_PATH

    def take_policy(self, o):
        h = self.state.head
        no = self.by_number(o, h.policy[0] if h else 0)
        if no is not None:
            return no
        if o.name != h.policy[1] or not self.policy_gap() or o.seq < self.own_floor(POLICY) or \
                o.by != "policy":
            return False, 0
        self.save("pol", o)
        self.move(POLICY, o.root * MARK + o.seq)
        if self.counted and FLAVORS[o.flavor].tick_s != self.rules.tick_s:
            draft = self.state.copy()
            draft.lose_age()
            self.commit(draft)
        self.policy, self.rules, self.counted = o, FLAVORS[o.flavor], False
        return True, NEW_POLICY

    # ---- revocations ------------------------------------------------------------------------------------------

    def share(self):
        size = self.state.head.roster_size if self.state.head else 0
        return max(1, size * self.rules.permille // 1000)

    def carries(self):
        v = self.log
        return bool(v.carried) if v.root == self.root else bool(v.table) or self.rev_gap()

    def covered(self):
        """Our log against the head."""
        v = self.log
        if v.root == self.root and self.is_here():
            v.named = max(v.named, self.named())
            v.alone = min(v.alone, v.seq - self.named())

    def take_rev(self, o):
        if o.root != self.root:
            return False, 0
        have, named, v = self.have(), self.named(), self.log
        ours = v.entries if have else ()
        if o.start > have:
            return "missing", 0
        end = len(o.entries)  # of the log up to the end of this part
        whole = o.start == 0
        if end <= have and not (whole and end >= named and (self.carries() or self.rev_gap())):
            return False, 0
        if o.by not in ("revoker", "quorum"):
            return False, 0
        links = o.start <= have <= end and o.entries[:have] == ours
        covers = self.has_head() and o.start <= named <= end and \
            (o.entries[:named] == self.state.head.rev[1] or named == 0)
        passes = self.has_head() and o.start <= named <= end
        repairs = whole and covers and not links and not self.is_here()
        if (passes and not covers) or not (links or repairs):
            return False, 0
        old_is_lost = v.root != self.root and self.floor[REV] < self.root * MARK and (
            v.root * MARK + max(v.seq, v.void) < self.floor[REV] or not (self.has_head() or self.is_here()))
        if old_is_lost and not covers:
            return "missing", 0
        covered = named if covers else 0
        known = max(have, covered) if links else covered
        to, alone, what = end, v.alone if v.root == self.root else 0, 0
        if o.by != "quorum":
            more = max(0, end - known)
            if alone + more <= self.share():
                alone += more
            else:
                to, what = known, RATE if self.has_head() and end >= named else 0
        confirms = covers and links and not self.is_here()
        replaces = self.carries() and whole and covers
        if not (to > have or repairs or confirms or replaces):
            return (False if what or (self.has_head() and end >= named) else "missing"), what
        return self.put_log(o, to, alone, (covers, repairs, replaces), what)

    def put_log(self, o, to, alone, how, what):
        (covers, repairs, replaces), v, new = how, self.log, Log()
        new.table = {} if replaces else dict(v.table)
        for index, epoch in o.entries[o.start:to]:
            if index not in new.table and len(new.table) >= self.room:
                return False, what
            new.table[index] = max(new.table.get(index, 0), epoch)
        new.root, new.seq, new.entries, new.alone = self.root, to, o.entries[:to], alone
        if v.root == self.root:
            new.carried, new.named, new.void = v.carried, v.named, v.void
        else:
            new.carried = int(bool(v.table))
        new.carried = 0 if replaces else new.carried
        new.named = max(new.named, self.named()) if covers else new.named
        if repairs and self.own_floor(REV) > to:
            new.void = self.own_floor(REV)
        self.save("rev", new.copy())
        self.move_log(new)
        self.log = new
        self.covered()
        return True, what | NEW_REV

    # ---- time ------------------------------------------------------------------------------------------------------

    def has_time(self, s):
        return s.time != 0 and s.time_root == self.root

    def head_time(self, s, o):
        now, has = s.estimate(self.up), self.has_time(s)
        if o.time == 0 or (has and o.time <= s.time):
            return 0
        if has and o.time > now + self.rules.step:
            return TIME_STEP
        s.time, s.time_root = o.time, self.root
        if not has or o.time > now:
            s.est, s.est_at = o.time, self.up
        return 0

    def wall_now(self):
        s = self.state
        least = s.estimate(self.up)
        if s.time == 0 or least <= self.wall <= least + self.rules.step:
            return self.wall
        return least

    def ask(self):
        """The question, or None."""
        self.see()
        want = self.due()
        if not want:
            return None
        stale = self.nonce is None or self.up - self.nonce[1] >= min(NONCE_MS, self.tick_ms())
        if want & ASK_TIME and stale:
            self.nonce = (object(), self.up)
        s, p, v, has = self.state, self.policy, self.log, self.has_head()
        q = (want, self.root, s.head.epoch if has else 0, s.tick if has else 0,
             p.seq if p and p.root == self.root else 0,
             0 if self.rev_gap() and self.have() > v.named else self.have(),
             s.roster[1] if s.roster[0] == self.root else 0)
        self.questions.append((want, self.nonce[0] if self.nonce else None))
        if self.want:
            self.want_left -= 1
            self.want = self.want if self.want_left else 0
        return q

    def at_least_as_new(self, epoch, tick):
        h = self.state.head
        if not self.has_head() or epoch > h.epoch:
            return "missing"
        return epoch == h.epoch and tick <= h.count and h.base + tick >= self.state.newest

    def question(self, j):
        return self.questions[j % len(self.questions)][1] if self.questions else None

    def answer(self, j, root, epoch, tick, time, by):
        """A statement in answer to question j."""
        self.see()
        done, nonce = False, self.question(j)
        if not self.root_behind() and root == self.root and self.nonce and nonce is self.nonce[0]:
            done = self.at_least_as_new(epoch, tick)
            if done is True:
                done = by == self.head_key()
        what = 0
        if done is True:
            draft = self.state.copy()
            self.vouch(draft, draft.head.base + tick, self.up - self.nonce[1])
            if time != 0 and not (self.has_time(draft) and time < draft.time):
                draft.time, draft.time_root, draft.est, draft.est_at = \
                    time, self.root, time, self.nonce[1]
            self.commit(draft)
            self.nonce, self.counted, what = None, False, NEW_TIME
        elif done == "missing":
            self.want_newest()
        return done is True, what | (GAP if self.rev_gap() else 0)

    def vouch(self, s, number, age):
        if number > s.newest:
            s.newest = number
            for x in s.locals:
                x.fleet_i = x.i
        s.clock = Clock(2, age, self.up)
        self.local_ages(s)

    def word(self, j, o, i, kind, age):
        """A witness' word: head o, its tick i, so old."""
        self.see()
        nonce, s = self.question(j), self.state
        if not self.nonce or nonce is not self.nonce[0] or self.root_behind() or \
                self.at_least_as_new(o.epoch, i) is not True or kind == 2 or o.name != s.head.name or \
                age * 1000 > self.rules.fresh * self.tick_ms() + 1000 or i < s.tick or kind == 1:
            return False, 0
        draft, what = s.copy(), NEW_TIME
        if i > s.tick:
            draft.tick, what = i, what | NEW_TICK
        self.vouch(draft, draft.head.base + i, self.up - self.nonce[1] + age * 1000)
        self.commit(draft)
        self.nonce, self.counted = None, False
        return True, what

    # ---- the line of a step ------------------------------------------------------------------------------------------

    def line(self, taken, what, more="-"):
        s, v, p = self.state, self.log, self.policy
        fresh, flags = self.fresh(False), self.flags()
        grace = int(self.up <= self.rules.grace * 1000 and
                    s.clock.age(self.up) <= self.rules.aged * self.tick_ms())
        masks = ["%x" % sum(1 << i for i, least in v.table.items() if e < least) for e in (1, 3)]
        age = s.clock.age(self.up) // self.tick_ms() if s.clock.known else 4294967295
        return "%d %x %d %d.%d %d %d %d.%d.%d.%d.%d.%d.%s.%s %d.%d.%d %d.%d.%d %d.%d.%d %d.%d %d %d %d %x %d " \
            "%s %s %s %s %d %d %s" % (
                taken, what, self.root, *((s.head.root, s.head.epoch) if s.head else (0, 0)), s.tick, s.newest,
                v.root, v.seq, v.named, v.void, v.carried, v.alone, *masks,
                *((p.root, p.seq) if p else (0, 0)), self.rules.grace,
                *s.roster[:2], s.roster[3], *s.before[:2], s.before[3], *s.two,
                fresh, self.fresh(True), age, flags, grace, *(reason(fresh, flags, grace, c) for c in range(4)),
                s.time, self.wall_now(), more)
