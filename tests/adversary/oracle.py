# SPDX-License-Identifier: Apache-2.0
"""The judge: told what every node sent, accepted, refused and computed, it says what must not have
happened. One set of rules for the simulation and for nodes at a real broker.

The rules, by name (docs/adversary.md says them in full):
  unsent      accepted what that sender did not send to this recipient on that topic
  twice       accepted what was accepted before, in this life or an earlier one
  downgrade   accepted outside of a session where sessions are required
  scope       accepted on a topic that the sender's certificate does not allow
  revoked     accepted from a device after its revocation was in force here
  key-nonce   sealed twice with one AEAD key and nonce
  number      used one message number twice for different messages
  state       a refused packet changed more than buckets and counters
  work        a packet that a broker can make caused public-key operations
  budget      packets of one insider caused more public-key work than its bucket holds
  muted       genuine first delivery refused by a budget nobody but others used up
  lost        a message was lost though the attacker took none away
  poisoned    genuine first delivery refused because of what others sent before
  list        revocations that the revoker did not sign were applied
  size        more than the largest packet was looked at
  memory      a flood made the process grow
  epoch       a peer went back to an older key or announcement epoch
  rollback    old records were accepted as present ones
  start       a node did not start though nothing of it was damaged
  grace       accepted what a scenario says is too late
  unhealed, unwitnessed   no round was completed, no rollback noticed, where a scenario says so
  silent      after the storm a pair does not talk
  deaf        after the storm a revocation is not in force at a device in good standing
  died        a node ended, hung or reported an error
With a control plane, by the books of books.py:
  stale       class H was allowed though what the node was given is too old
  gap         class H was allowed without the policy, or an entry, that its head names
  forked      class H was allowed after two heads of one epoch, before a new root
  forgot      class H was allowed though a record was deleted and nobody vouched since, or under a root of before
  unsafe      class S was not: refused by a gate on sending or receiving, from a device that is not revoked
  forged      a head by a key that was replaced was taken
  share       a stolen revoker's key revoked more devices than a revoker may alone
"""
import books

# Refusals that stand before the first public-key operation, docs/spec/v1.md sections 4 and 7.
CHEAP = {"size", "topic", "decode", "suite", "unknown", "not-for-us", "revoked", "expired", "scope",
         "replay", "gate", "budget", "mismatch", "epoch", "table", "policy", "gap"}
# What an honest packet that arrives for the first time is never refused for.
POISONED = {"size", "topic", "decode", "suite", "scope", "gate", "signature", "sealed"}
PEER_BURST, PEER_PER_S = 8, 1.0  # signature checks of one peer, docs/spec/v1.md section 6
UP, HEALED = 1, 2  # PQI_NOTE_*
FLOOD_PAGES = 64  # what buffers of a library may take while they warm up
WORK_PER_PACKET = 4  # verification, decapsulation, X25519, and one more


class Violation(Exception):
    """A rule was broken; args[0] is its name."""


class Oracle:
    """One storm and the quiet period after it."""

    def __init__(self, nodes, scopes, burst=PEER_BURST, per_s=PEER_PER_S):
        self.nodes = nodes
        self.scopes = scopes  # node -> topic prefix it may publish below
        self.burst, self.per_s = burst, per_s
        self.sent = {}        # (from, to, topic, text) -> times
        self.accepted = set()
        self.seals = set()
        self.numbers = {}
        self.epochs = {}
        self.revoked = set()  # (node, peer): in force there
        self.listed = set()   # revoked by the fleet
        self.insiders = set()
        self.flooded = set()
        self.work = {}        # (node, insider) -> operations
        self.seconds = 0.0
        self.starts = {}
        self.quiet_phase = False
        self.heard = self.only = 0  # messages before the quiet period; of class S alone
        self.quiet_sent = set()
        self.talked = set()
        self.counts = {"sent": 0, "accepted": 0, "refused": 0, "seals": 0, "crashes": 0,
                       "starts": 0, "hostile": 0}
        self.reasons = {}
        self.flood_us = None
        self.sessions = "off"
        self.notes = {}
        self.up = set()  # (node, peer): a session is confirmed
        self.books = None  # of a fleet with a control plane
        self.fakes = {}    # node -> devices that a thief revoked there, since its last head
        self.out = set()   # nodes that hold themselves for revoked

    def broken(self, rule, text):
        raise Violation(rule, text)

    # -- what is told ------------------------------------------------------------------------------

    def on_sent(self, sender, to, topic, text):
        self.counts["sent"] += 1
        self.sent[(sender, to, topic, text)] = (sender, to) in self.up
        if self.quiet_phase:
            self.quiet_sent.add((sender, to))

    def on_not_sent(self, sender, to, topic, text, died):
        """It was refused after all. What died in the middle of it may have got it out."""
        if not died:
            del self.sent[(sender, to, topic, text)]

    def on_number(self, sender, to, kids, number):
        if (sender, to, kids, number) in self.numbers:
            self.broken("number", "%s used number %s for %s twice" % (sender, number, to))
        self.numbers[(sender, to, kids, number)] = True

    def on_seal(self, node, digest):
        self.counts["seals"] += 1
        if digest in self.seals:
            self.broken("key-nonce", "%s sealed twice with one key and nonce" % node)
        self.seals.add(digest)

    def on_notes(self, node, peer, notes):
        for bit in (1, 2, 4, 8, 16, 32):
            if notes & bit:
                self.notes[bit] = self.notes.get(bit, 0) + 1
        if notes & UP:
            self.up.add((node, peer))

    def on_control(self, node, kind, *rest):
        if kind == "x" and rest[-1] == "took":
            self.broken("forged", "%s took a head by a key that was replaced" % node)
        self.books.on_control(node, kind, *rest)
        if kind in "hr" and rest[-1] == "took":
            self.fakes.pop(node, None)
        if kind == "r" and rest[-1] == "took":
            self.out.discard(node)

    def on_classes(self, node, peer, classes):
        """What a message may be used for, as its receiver says."""
        why = self.books.why_not(node, self.sessions != "off") if classes & books.H else None
        if why is not None:
            self.broken(why, "%s allows class H to %s" % (node, peer))
        if not classes & books.S:
            self.broken("unsafe", "%s does not allow class S to %s" % (node, peer))
        if not self.quiet_phase:
            self.heard += 1
            self.only += classes == books.S

    def on_unsent(self, node, peer, cls, reason):
        if cls == 3 and reason not in ("ok", "self-revoked", "peer-revoked"):
            self.broken("unsafe", "%s does not send class S to %s: %s" % (node, peer, reason))

    def on_accepted(self, node, peer, topic, text, in_session=False):
        self.counts["accepted"] += 1
        if self.sessions == "require" and not in_session:
            self.broken("downgrade", "%s accepted %s from %s outside of a session" % (
                node, text, peer))
        key = (peer, node, topic, text)
        if key not in self.sent:
            self.broken("unsent", "%s accepted %s from %s on %s: never sent" % (
                node, text, peer, topic))
        if key in self.accepted:
            self.broken("twice", "%s accepted %s from %s again" % (node, text, peer))
        self.accepted.add(key)
        prefix = self.scopes[peer]
        if topic != prefix and not topic.startswith(prefix + "/"):
            self.broken("scope", "%s accepted %s on %s" % (node, peer, topic))
        if (node, peer) in self.revoked:
            self.broken("revoked", "%s accepted from %s, which is revoked" % (node, peer))
        if self.quiet_phase:
            self.talked.add((peer, node))

    def on_refused(self, node, reason, work, hostile, neutral, peer, kind, oversized=False):
        """hostile: 0 as it was published and not accepted before, 1 made by a broker, 2 by an
        insider, 3 a real announcement under another name; kind: d data, a announcement,
        v revocations."""
        self.counts["refused"] += 1
        self.counts["hostile"] += hostile != 0
        self.reasons[reason] = self.reasons.get(reason, 0) + 1
        if oversized and kind == "d" and reason not in ("size", "policy"):
            self.broken("size", "%s refused an oversized packet for %s" % (node, reason))
        if (self.books is not None and kind == "d" and hostile == 0 and reason == "closed"
                and not {node, peer} & self.listed and node not in self.out
                and peer not in self.fakes.get(node, ())):
            self.broken("unsafe", "%s refused %s, class S and all" % (node, peer))
        if not neutral:
            self.broken("state", "%s refused a packet (%s) and changed" % (node, reason))
        late = kind in "cv" and reason in ("mismatch", "table", "gap", "replay")  # known after the signature
        if reason in CHEAP and work and not late:
            self.broken("work", "%s refused for %s after %d public-key operations" % (
                node, reason, work))
        if hostile == 3 and work:
            self.broken("work", "%s did %d public-key operations for a borrowed announcement" % (
                node, work))
        if kind in "ds" and hostile == 1 and work:
            self.broken("work", "%s did %d public-key operations for a forged packet (%s)" % (
                node, work, reason))
        if kind == "d" and hostile == 2:
            self.flooded.add((node, peer))
            spent = self.work.get((node, peer), 0) + work
            self.work[(node, peer)] = spent
            lives = 1 + self.starts.get(node, 0)
            if spent > WORK_PER_PACKET * (self.burst * lives + self.seconds * self.per_s + 1):
                self.broken("budget", "%s did %d public-key operations for %s" % (
                    node, spent, peer))
        if (kind == "d" and hostile == 0 and peer not in self.insiders
                and self.sessions == "off"
                and (reason in POISONED or (reason == "replay" and not self.starts.get(node)
                                           and not self.starts.get(peer)))):
            self.broken("poisoned", "%s refused a first delivery of %s: %s" % (node, peer, reason))
        if (kind == "d" and hostile == 0 and reason == "budget"
                and (node, peer) not in self.flooded and peer not in self.insiders
                and self.starts.get(peer, 0) < self.burst):  # each start leaps, section 6
            self.broken("muted", "%s refused %s, which did nothing, for budget" % (node, peer))

    def on_work(self, node, work, hostile, kind):
        """It took a packet that was made by a broker, or had computed for it before."""
        if kind in "ds" and hostile == 1:
            self.broken("work", "%s did %d public-key operations for a packet of a broker" % (
                node, work))

    def on_peer(self, node, peer, key_epoch, ann_epoch):
        before = self.epochs.get((node, peer), (0, 0))
        if (key_epoch, ann_epoch) < before:
            self.broken("epoch", "%s: %s went back from %s to %s" % (
                node, peer, before, (key_epoch, ann_epoch)))
        self.epochs[(node, peer)] = (key_epoch, ann_epoch)

    def on_revocation(self, node, peer):
        if self.books is not None and peer not in self.listed:
            fakes = self.fakes.setdefault(node, set())
            fakes.add(peer)
            if len(fakes) > 1:
                self.broken("share", "%s revoked %s for a thief" % (node, " and ".join(sorted(fakes))))
            if node == peer:
                self.out.add(node)
        elif node != peer:
            self.revoked.add((node, peer))

    def on_flood(self, packets, work, microseconds, pages):
        """Data packets of a flood, all refused; `pages` more memory than before."""
        self.counts["refused"] += packets
        self.counts["hostile"] += packets
        self.flood_us = microseconds / max(1, packets)
        if work:
            self.broken("work", "%d public-key operations for a flood of %d packets" % (
                work, packets))
        self.on_memory("the process", pages)

    def on_memory(self, node, pages):
        if pages > FLOOD_PAGES:
            self.broken("memory", "%s has %d pages more after a flood" % (node, pages))

    def on_list(self, node, hostile):
        if hostile:
            self.broken("list", "%s applied revocations that nobody published" % node)

    def on_listed(self, peer):
        self.listed.add(peer)

    def on_insider(self, node):
        self.insiders.add(node)

    def on_time(self, seconds):
        self.seconds += seconds

    def on_crash(self, node):
        self.counts["crashes"] += 1
        self.starts[node] = self.starts.get(node, 0) + 1
        if self.books is not None:
            self.books.on_crash(node)

    def on_start(self, node, status):
        self.counts["starts"] += 1
        self.starts[node] = self.starts.get(node, 0) + 1
        if self.books is not None:
            self.books.on_start(node)
        if status != "PQI_OK":
            self.broken("start", "%s did not start: %s" % (node, status))

    def on_restore(self, node, older, status):
        if older and status == "PQI_OK":
            self.broken("rollback", "%s started from old records" % node)
        if self.books is not None:
            self.books.on_image(node)

    def on_image(self, node):
        """A whole disk of long ago, with the counters of its provider: it has forgotten peers and
        revocations, and it may not matter to what is accepted in sessions."""
        self.epochs = {k: v for k, v in self.epochs.items() if k[0] != node}
        self.revoked = {k for k in self.revoked if k[0] != node}
        if self.books is not None:
            self.books.on_image(node)

    def on_died(self, node, text):
        self.broken("died", "%s: %s" % (node, text))

    def on_storm(self):
        """The fleet stands; what comes now counts."""
        self.starts.clear()

    def on_quiet(self):
        self.quiet_phase = True

    # -- the end -----------------------------------------------------------------------------------

    def expect(self, must, never):
        """What a scenario says beyond the rules. must: "healed N" (rounds with a KEM, each noted at
        both ends), "rollback", "heard N" and "only N" (messages that arrived before the quiet period; with class S
        and no other); never: texts that may not be accepted."""
        for words in (m.split() for m in must):
            if words[0] == "healed" and self.notes.get(HEALED, 0) < int(words[1]):
                self.broken("unhealed", "%d rounds with a KEM were noted, not %s" % (
                    self.notes.get(HEALED, 0), words[1]))
            if words[0] == "heard" and self.heard < int(words[1]):
                self.broken("unheard", "%d messages arrived, not %s" % (self.heard, words[1]))
            if words[0] == "only" and self.only < int(words[1]):
                self.broken("unlimited", "%d messages were of class S alone, not %s" % (self.only, words[1]))
        if "rollback" in must and not (self.notes.get(8) or self.notes.get(16)):
            self.broken("unwitnessed", "nobody noticed the old state")
        for key in self.accepted:
            if key[3] in never:
                self.broken("grace", "%s accepted %s from %s" % (key[1], key[3], key[0]))

    def finish(self, additive=None):
        """Every pair of devices in good standing talked in the quiet period. additive: the attacker
        took nothing away, so everything that was sent arrived: "all", or what was sent in a confirmed
        session: "up"."""
        if additive and not self.insiders:
            for key, up in self.sent.items():
                if key not in self.accepted and (up or additive == "all"):
                    self.broken("lost", "%s from %s to %s was lost" % (key[3], key[0], key[1]))
        if not self.quiet_phase:
            self.broken("silent", "there was no quiet period")
        for node in self.nodes:
            for peer in self.listed:
                if node not in self.listed and (node, peer) not in self.revoked:
                    self.broken("deaf", "%s does not know that %s is revoked" % (node, peer))
        for sender in self.nodes:
            for to in self.nodes:
                if sender == to or sender in self.listed or to in self.listed:
                    continue
                if (sender, to) not in self.talked:
                    self.broken("silent", "%s does not reach %s" % (sender, to))
