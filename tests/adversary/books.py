# SPDX-License-Identifier: Apache-2.0
"""The judge's books on the control plane: what each node was given, and when, whatever it made of it. They say what
is certain: what a node cannot know, it must not act on. Where power failed in the middle of something, or an old
image came back, nothing is certain until it heard anew."""

FRESH = 4         # ticks, pqi_policy_default
FOREVER = 1 << 40
FIRST_HEAD = 9999
H, S = 1 << 2, 1 << 3
# What a node did not look into: whatever was in it does not count.
UNSEEN = {"budget", "state", "closed", "table", "not-for-us", "size"}


class Known:
    """One node."""

    def __init__(self):
        self.newest, self.err = 1, 0        # newest tick it was given; by how much it may be wrong (model m8)
        self.root = self.peak_root = 1
        self.head, self.peak = (1, FIRST_HEAD), 1  # epoch and which; highest epoch it was given
        self.need = (1, 0)                  # what its head names: policy, entries
        self.policies, self.log = {1}, 0    # what it was given of that; None: not certain
        self.two = False                    # heads of one epoch
        self.lost = False                   # its record was deleted or went back, and nobody vouched since
        self.kept = None                    # at the snapshot: head, need, policies, log

    def uncertain(self):
        self.head = self.need = self.policies = self.log = None
        self.two = self.lost = False
        self.peak_root = self.root
        self.kept = None

    def hear(self, number, true):
        if number > self.newest:
            self.newest = number
            self.err = min(self.err, max(0, true - number))


class Books:
    def __init__(self, nodes):
        self.known = {n: Known() for n in nodes}
        self.true = 1  # newest tick of the fleet

    # -- what was given --------------------------------------------------------------------------------

    def on_control(self, node, kind, root, numbers, forged, which, before, outcome):
        k = self.known[node]
        if outcome in UNSEEN:
            return
        if kind == "r" and root == k.root + 1:
            k.root, k.head, k.peak = root, None, 0
            k.peak_root = max(k.peak_root, root)
            k.need, k.policies, k.log, k.two = None, set(), 0, False
        elif root != k.root:
            return
        elif kind == "h":
            self.on_head(k, numbers, forged, which, before)
        elif kind == "t" and (k.head is None or numbers[0] == k.head[0]):
            k.hear(numbers[1], self.true)
        elif kind == "p" and k.policies is not None:
            k.policies.add(numbers[0])
        elif kind == "l" and k.log is not None and numbers[0] <= k.log:
            k.log = max(k.log, numbers[1])
        elif kind == "s" and outcome == "took":
            k.hear(numbers[1], self.true)
            k.err, k.lost = 0, False

    def on_head(self, k, numbers, forged, which, before):
        epoch, base, policy, entries = numbers
        if k.head is not None:
            if epoch == k.head[0] and which != k.head[1]:
                k.two = True
            if epoch == k.head[0] + 1 and before != k.head[1]:
                k.two = True
        if k.head is not None and epoch <= k.head[0]:
            return
        if k.lost and epoch > k.peak:
            k.lost = False  # newer than all that was lost
            k.err = max(k.err, self.true - base)
        if epoch >= k.peak:
            k.head, k.need, k.peak = (epoch, which), (policy, entries), epoch
        if forged:
            k.err = FOREVER  # whoever has the key says what the time is
        else:
            k.hear(base, self.true)

    def on_start(self, node):
        k = self.known[node]
        k.err = min(FOREVER, k.err + 1)  # an hour of uptime may be in no record

    def on_crash(self, node):
        self.known[node].uncertain()
        self.on_start(node)

    def on_snapshot(self, node):
        k = self.known[node]
        certain = k.head is not None and k.policies is not None and k.log is not None
        k.kept = (k.root, k.head, k.need, set(k.policies), k.log) if certain else None

    def on_record(self, node, name, deleted):
        k = self.known[node]
        kept = k.kept if not deleted and k.kept is not None and k.kept[0] == k.root else None
        if name == "ctl":
            older = kept is not None and k.peak > kept[1][0]
            k.head, k.need = kept[1:3] if older else (None, None)
            k.two = False
            k.lost = k.lost or deleted or older
            k.err = k.err if k.lost else FOREVER  # the age may be that of long ago
        elif name == "ctl-rev":
            k.log = 0 if deleted else kept[4] if kept is not None else None
        elif name == "ctl-pol":
            k.policies = set() if deleted else kept[3] if kept is not None else None
        elif deleted and k.root > 1:
            k.root, k.head, k.need, k.policies, k.log = 1, None, None, None, None
        else:
            k.uncertain()

    def on_image(self, node):
        self.known[node].uncertain()
        self.known[node].err = FOREVER

    # -- what follows ------------------------------------------------------------------------------------

    def why_not(self, node, sessions):
        """Why this node cannot allow class H: a rule, or None."""
        k = self.known[node]
        newest = max(o.newest for o in self.known.values()) if sessions else k.newest  # a witness may have told it
        if self.true - newest > FRESH + k.err:
            return "stale"
        if k.two:
            return "forked"
        if (k.lost and not sessions) or k.root < k.peak_root:  # a witness may have vouched
            return "forgot"
        if k.need is not None:
            if k.policies is not None and k.need[0] and k.need[0] not in k.policies:
                return "gap"
            if k.log is not None and k.log < k.need[1]:
                return "gap"
        return None
