# SPDX-License-Identifier: Apache-2.0
"""What planes and thieves signed, and schedules over it. The lines of a world, for ctl_driver; objects are numbered
from 0 as they come, logs apart:

  U                                          a new world
  M version kind                             root; kind 0 good, 1 too few signatures, 2 strangers'
  L n index epoch ...                        a log of revocations
  H root epoch prev policy log n roster base count time token signer delegates chain
                                             head; prev, policy, roster: object, -1 none, -2 what does not exist;
                                             log -1: a hash of nothing; token: place in the chain, -1 none of it
  T head i kind                              tick i; kind 1 without a preimage; 2, 3 the same of the delegate
  P root seq flavor base signers             policy; signers: bits of the policy keys
  R root seq leaves variant signer           roster
  S root log from to signers                 part of a log; signers: bits: revoker, policy keys, a stranger
  A roster position                          path

Lines of a schedule; each but w, s and x is answered by the line of oracle.Device.line():

  N root room weak wall                      a new device: table of `room`, storage that can be rolled back
  t object / p ms / h                        takes one; time passes; what is done from time to time
  z                                          the uptime that is told begins anew
  w time / q                                 the wall clock is set; a question
  a question root epoch tick time signer     a statement in answer to it
  v question head i kind age                 a witness' word; kind 1: another preimage, 2: another head
  m path leaf variant                        is it a member?
  s / b record / e record                    an image of the storage; a record of it put back; deleted
  O / C                                      power fails and is back; an orderly end and a start
  x n mode                                   in the next step the n-th write fails, and the power with it"""
from oracle import Thing

ISSUER, REVOKER, HEAD1, HEAD2, STRANGER = 4, 8, 9, 10, 11
SIGNERS = {ISSUER: "issuer", REVOKER: "revoker", HEAD1: "head1", HEAD2: "head2", STRANGER: "stranger"}
NOBODY = ("nobody", 9)
RECORDS = ("ctl", "rev", "pol", "root")
HOUR = 3600 * 1000


def head_key(root):
    return HEAD1 if root % 2 else HEAD2


class World:
    def __init__(self, rng):
        self.rng, self.lines, self.things, self.logs = rng, ["U"], [], []
        self.newest = {}    # of the last root: kind -> object
        self.heads = []     # (root, object) of honest heads
        self.paths, self.ticks = [], []
        self.base, self.time, self.chain = 0, rng.choice((0, 10 ** 9, 10 ** 9)), 0
        self.roots = rng.choice((1, 1, 2, 2, 2, 3))
        for root in range(1, self.roots + 1):
            self.reign(root, last=root == self.roots)

    # ---- lines ------------------------------------------------------------------------------------------

    def add(self, thing, *line):
        self.lines.append(" ".join(str(x) for x in line))
        self.things.append(thing)
        return len(self.things) - 1

    def log(self, entries):
        self.lines.append("L %d %s" % (len(entries), " ".join("%d %d" % e for e in entries)))
        self.logs.append(tuple(entries))
        return len(self.logs) - 1

    def root(self, version, kind=0):
        return self.add(Thing("root", "roots" if kind == 0 else "", version=version), "M", version, kind)

    def policy(self, root, seq, flavor, base, signers=3):
        enough = sum(signers >> i & 1 for i in range(3)) >= 2
        name = (root, seq, flavor, base)
        return self.add(Thing("policy", "policy" if enough else "", root=root, seq=seq, flavor=flavor,
                              base=base, name=name), "P", root, seq, flavor, base, signers)

    def roster(self, root, seq, size, variant, signer=ISSUER):
        return self.add(Thing("roster", SIGNERS[signer], root=root, seq=seq, size=size, name=(size, variant)),
                        "R", root, seq, size, variant, signer)

    def part(self, root, log, start, to, signers=1):
        policy = sum(signers >> i & 1 for i in (1, 2, 3)) >= 2
        by = ("quorum" if policy else "revoker") if signers & 1 else ""
        return self.add(Thing("rev", by, root=root, start=start, entries=self.logs[log][:to]),
                        "S", root, log, start, to, signers)

    def path(self, roster, position):
        r = self.things[roster]
        position %= r.size
        leaf = (position, r.name[1] if position else 0)
        i = self.add(Thing("path", "", seq=r.seq, to=r.name, position=position, leaf=leaf),
                     "A", roster, position)
        self.paths.append(i)
        return i

    def head(self, **f):
        """f: root epoch prev policy log n roster base count time token signer delegates chain"""
        def thing(i):
            return self.things[i]

        policy = (0, None) if f["policy"] == -1 else NOBODY[::-1] if f["policy"] == -2 else \
            (thing(f["policy"]).seq, thing(f["policy"]).name)
        roster = (0, None) if f["roster"] == -1 else NOBODY[::-1] if f["roster"] == -2 else \
            (thing(f["roster"]).seq, thing(f["roster"]).name)
        size = 0 if f["roster"] == -1 else 3 if f["roster"] == -2 else thing(f["roster"]).size
        prev = thing(f["prev"]).name if f["prev"] >= 0 else f["prev"]
        entries = self.logs[f["log"]][:f["n"]] if f["log"] >= 0 else ("of nothing",)
        token = f["token"] if f["token"] >= 0 else None
        name = (f["root"], f["epoch"], prev, policy, (f["n"], entries), roster, f["base"], f["count"],
                f["time"], token, f["delegates"], f["chain"])
        t = Thing("head", SIGNERS[f["signer"]], root=f["root"], epoch=f["epoch"], prev=prev, policy=policy,
                  rev=(f["n"], entries), roster=roster, roster_size=size, base=f["base"], count=f["count"],
                  time=f["time"], token=token, delegates=f["delegates"], chain=(f["chain"], f["count"]),
                  name=name, given=dict(f))
        return self.add(t, "H", *(f[k] for k in (
            "root", "epoch", "prev", "policy", "log", "n", "roster", "base", "count", "time", "token",
            "signer", "delegates", "chain")))

    def tick(self, head, i, kind=0):
        h, site = self.things[head], kind >= 2
        count = 60 if site else h.count
        good = kind % 2 == 0 and i <= count and (not site or h.delegates)
        chain = (("site", h.chain[0]) if site else ("fleet", h.chain), h.root) if good else None
        o = self.add(Thing("tick", "", epoch=h.epoch, i=i, site=site, chain=chain), "T", head, i, kind)
        self.ticks.append(o)
        return o

    # ---- a plane under one root version -------------------------------------------------------------------

    def reign(self, root, last):
        rng = self.rng
        if root > 1:
            self.root(root)
        if rng.random() < 0.1:
            self.root(root + 1, rng.choice((1, 2)))
        entries = [(rng.choice((7, 9, 10, 11, 12, 13, 14, 15)) if rng.random() < 0.2 else 8 + i,
                    rng.choice((2, 2, 4, 4294967295))) for i in range(rng.randint(0, 7))]
        log = self.log(entries)
        pub = policy_seq = roster_seq = 0
        policy = roster = head = -1
        for epoch in range(1, rng.randint(1, 4) + 1):
            pub = rng.randint(pub, len(entries))
            if rng.random() < 0.6:
                policy_seq += 1
                flavor = rng.randrange(5 if pub >= 2 else 3)
                policy = self.policy(root, policy_seq, flavor, self.base, rng.choice((3, 5, 6, 7)))
                if rng.random() < 0.15:
                    self.policy(root, policy_seq, rng.randrange(5), self.base, rng.choice((1, 9, 8, 3)))
                if rng.random() < 0.1:  # what heads name, and too few sign
                    self.policy(root, policy_seq, flavor, self.base, rng.choice((1, 9, 8)))
            if rng.random() < 0.6:
                roster_seq += 1
                roster = self.roster(root, roster_seq, rng.randint(2, 4), rng.randrange(3))
                self.path(roster, 0)
                if rng.random() < 0.4:
                    self.path(roster, rng.randrange(4))
                if rng.random() < 0.15:
                    self.roster(root, roster_seq, 3, 5, rng.choice((STRANGER, head_key(root), ISSUER)))
                if rng.random() < 0.1:
                    self.roster(root, roster_seq, *self.things[roster].name, rng.choice((STRANGER, head_key(root))))
            head = self.honest_head(root, epoch, head, policy, log, pub, roster)
            self.parts(root, log, pub, len(entries))
            self.some_ticks(head)
        if rng.random() < 0.5:
            self.steal_revoker(root, log, entries, pub)
        if not last and rng.random() < 0.8:
            self.steal_head(root, log)
        if last:
            if rng.random() < 0.4:
                self.strangers_head(head)
            whole = self.part(root, log, 0, pub)
            newest = [head, whole] + [x for x in (policy, roster) if x >= 0]
            self.newest = {"head": head, "policy": policy, "roster": roster, "whole": whole,
                           "all": [i for i, t in enumerate(self.things) if t.kind == "root" and t.by]
                           + newest}

    def honest_head(self, root, epoch, prev, policy, log, pub, roster):
        rng = self.rng
        self.chain += 1
        if self.time:
            self.time += rng.choice((0, 600, 5000, 30000, 100000))
        head = self.head(root=root, epoch=epoch, prev=prev, policy=policy, log=log, n=pub, roster=roster,
                         base=self.base, count=rng.choice((3, 20, 100)), time=self.time, token=epoch,
                         signer=head_key(root), delegates=rng.choice((0, 0, 1)), chain=self.chain)
        self.heads.append(head)
        return head

    def parts(self, root, log, pub, top):
        rng = self.rng
        ends = [pub, min(top, pub + rng.randint(0, 3))]
        for to in ends:
            start = rng.choice((0, rng.randint(0, to), max(0, to - 1)))
            if to > start or start == 0:
                self.part(root, log, start, to, rng.choice((1, 1, 1, 7)))

    def some_ticks(self, head):
        h, rng = self.things[head], self.rng
        many = [i for i in (1, 2, 3, 5, 9, 19, 80) if i <= h.count]
        passed = rng.choice(many)
        for i in sorted(rng.sample(many, min(len(many), 3))):
            self.tick(head, i, 1 if rng.random() < 0.08 else 0)
        if h.delegates:
            for i in sorted(rng.sample((1, 2, 4, 8, 30), 2)):
                self.tick(head, i, rng.choice((2, 2, 2, 3)))
        self.base += passed

    # ---- thieves ------------------------------------------------------------------------------------------------

    def steal_revoker(self, root, log, entries, pub):
        rng = self.rng
        for _ in range(rng.randint(1, 2)):
            fork = rng.choice((pub, pub, rng.randint(0, len(entries))))
            own = self.log(entries[:fork] + [(17 + i, rng.choice((2, 4294967295)))
                                             for i in range(rng.randint(1, 4))])
            top = len(self.logs[own])
            for _ in range(rng.randint(1, 3)):
                to = rng.randint(fork, top)
                start = rng.choice((0, fork, max(0, fork - 1)))
                if to > start:
                    self.part(root, own, start, to, rng.choice((1, 1, 1, 1, 3, 16, 6)))
        if len(entries) > pub and rng.random() < 0.5:
            self.part(root, log, pub, len(entries), 1)

    def changed(self, head, rng):
        """A head as a thief may want it."""
        f = dict(self.things[head].given)
        self.chain += 1
        f["chain"] = self.chain if rng.random() < 0.7 else f["chain"]
        same = [t for t in range(len(self.things)) if getattr(self.things[t], "root", 0) == f["root"]]
        for what in rng.sample(("epoch", "far", "prev", "policy", "log", "roster", "base", "time", "count"),
                               rng.randint(1, 4)):
            if what == "epoch":
                f["epoch"] += rng.randint(1, 3)
            elif what == "far":
                f["epoch"] += rng.choice((20, 70, 100))
            elif what == "prev":
                f["prev"] = rng.choice([h for h in self.heads] + [-2])
            elif what in ("policy", "roster"):
                f[what] = rng.choice([t for t in same if self.things[t].kind == what] + [-2, -1])
            elif what == "log":
                f["n"] = rng.randint(0, len(self.logs[f["log"]]))
                f["log"] = f["log"] if rng.random() < 0.8 else -1
            elif what == "base":
                f["base"] += rng.choice((30, 5000, 10 ** 9))
            elif what == "time":
                f["time"] = f["time"] + rng.choice((1000, 10 ** 5, 10 ** 7)) if f["time"] else 10 ** 9
            else:
                f["count"] = rng.choice((1, 90))
        f["prev"] = -1 if f["epoch"] == 1 else f["prev"]
        f["token"] = f["epoch"] if f["epoch"] < 160 else -1
        return f

    def steal_head(self, root, log):
        rng = self.rng
        mine = [h for h in self.heads if self.things[h].root == root]
        for _ in range(rng.randint(1, 3)):
            f = self.changed(rng.choice(mine), rng)
            if rng.random() < 0.1:
                f["token"] = rng.choice((-1, max(0, f["epoch"] - 1)))
            h = self.head(**f)
            if rng.random() < 0.6:
                self.tick(h, rng.choice((1, 1, 5, 80)), 0)
            mine.append(h)

    def strangers_head(self, head):
        """Somebody without the key, who saw every token."""
        rng = self.rng
        for _ in range(rng.randint(1, 2)):
            f = self.changed(head, rng)
            f["signer"] = rng.choice((STRANGER, ISSUER, REVOKER, HEAD1 if f["root"] % 2 == 0 else HEAD2))
            f["token"] = rng.choice((f["token"], -1, self.things[head].given["token"]))
            self.head(**f)
