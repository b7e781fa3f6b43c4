#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""pqid.py BUILD: pqid control between a store, a broker (mosquitto) and a raw MQTT client, with the fleet made by
pqi. PQI_TEST_STORE=postgresql://...: the store is there, and a second server takes over from one that was killed.
Prints TAP. Times are told, never judged."""
import hashlib
import json
import os
import queue
import re
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "support"))

import mosquitto  # pylint: disable=wrong-import-position

BUILD = os.path.abspath(sys.argv[1])
TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PQI, PQID = os.path.join(BUILD, "bin", "pqi"), os.path.join(BUILD, "bin", "pqid")
MOSQUITTO = "/usr/sbin/mosquitto"
WAIT = 180.0  # against a hang
KINDS = {1: "root", 2: "head", 3: "tick", 4: "roster", 5: "policy", 6: "revocations", 7: "statement", 8: "path"}


class Tap:
    def __init__(self):
        self.n = self.bad = 0

    def check(self, ok, name, note=""):
        self.n += 1
        self.bad += not ok
        print("%sok %d - %s" % ("" if ok else "not ", self.n, name))
        if note and not ok:
            for line in str(note).splitlines()[-12:]:
                print("# " + line)
        sys.stdout.flush()

    def skip(self, name, why):
        self.n += 1
        print("ok %d - %s # SKIP %s" % (self.n, name, why))


class Client:
    """MQTT 3.1.1, QoS 0, no more than is needed: what is on the wire is seen."""

    def __init__(self, port, filters):
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.sock.settimeout(None)
        self.inbox, self.all = queue.Queue(), []
        self.send(0x10, self.text("MQTT") + bytes([4, 2, 0, 0]) + self.text("t" + secrets.token_hex(6)))
        threading.Thread(target=self.read, daemon=True).start()
        for i, f in enumerate(filters):
            self.send(0x82, struct.pack(">H", i + 1) + self.text(f) + b"\0")

    @staticmethod
    def text(s):
        b = s.encode()
        return struct.pack(">H", len(b)) + b

    def send(self, head, body):
        n, out = len(body), bytes([head])
        while True:
            out += bytes([n & 127 | (128 if n > 127 else 0)])
            n >>= 7
            if n == 0:
                break
        self.sock.sendall(out + body)

    def publish_all(self, topic, payloads):
        """In one piece: they arrive together however slow this client is."""
        body = [self.text(topic) + p for p in payloads]
        assert all(len(b) < 128 for b in body)
        self.sock.sendall(b"".join(bytes([0x30, len(b)]) + b for b in body))

    def publish(self, topic, payload, retain=False):
        self.send(0x31 if retain else 0x30, self.text(topic) + payload)

    def exact(self, n):
        out = b""
        while len(out) < n:
            part = self.sock.recv(n - len(out))
            if not part:
                raise EOFError
            out += part
        return out

    def read(self):
        try:
            while True:
                head = self.exact(1)[0]
                n = shift = 0
                while True:
                    b = self.exact(1)[0]
                    n |= (b & 127) << shift
                    shift += 7
                    if b < 128:
                        break
                body = self.exact(n)
                if head >> 4 == 3:
                    t = struct.unpack(">H", body[:2])[0]
                    topic, rest = body[2:2 + t].decode(), body[2 + t:]
                    if head & 6:
                        rest = rest[2:]
                    self.inbox.put((topic, rest, head & 1, time.monotonic()))
        except (EOFError, OSError):
            self.inbox.put(None)

    def wait(self, want, seconds=WAIT):
        """The first message from now on for which want(topic, payload) holds."""
        end = time.monotonic() + seconds
        while True:
            try:
                m = self.inbox.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                return None
            if m is None:
                return None
            self.all.append(m)
            if want(m[0], m[1]):
                return m
            if time.monotonic() > end:
                return None

    def gather(self, topics, seconds=WAIT):
        """The newest message of each of these topics."""
        got = {}
        end = time.monotonic() + seconds
        while set(got) != set(topics) and time.monotonic() < end:
            m = self.wait(lambda t, p: t in topics and p, end - time.monotonic())
            if m:
                got[m[0]] = m
        return got

    def close(self):
        self.sock.close()


class Broker:
    def __init__(self, tmp):
        self.tmp, self.proc = tmp, None
        self.held, self.port = mosquitto.reserve()

    def start(self):
        conf = os.path.join(self.tmp, "m.conf")
        mosquitto.configure(conf, self.port, ("allow_anonymous true", "max_queued_messages 0", "set_tcp_nodelay true"))
        self.proc = subprocess.Popen([MOSQUITTO, "-c", conf], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(6000):
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)

    def kill(self):
        if self.proc:
            self.proc.kill()
            self.proc.wait()
            self.proc = None


class Server:
    """pqid control, its events, its end."""

    def __init__(self, args):
        self.proc = subprocess.Popen([PQID, "control"] + args, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                     text=True)
        self.lines, self.cond = [], threading.Condition()
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        for line in self.proc.stderr:
            with self.cond:
                self.lines.append(line.rstrip("\n"))
                self.cond.notify_all()
        with self.cond:
            self.lines.append("")
            self.cond.notify_all()

    def wait(self, pattern, seconds=WAIT, since=0):
        end = time.monotonic() + seconds
        with self.cond:
            while True:
                for line in self.lines[since:]:
                    if re.search(pattern, line):
                        return line
                if time.monotonic() >= end or (self.proc.poll() is not None and not self.thread.is_alive()):
                    return None
                self.cond.wait(0.2)

    def end(self, sig=signal.SIGTERM):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)
        try:
            code = self.proc.wait(timeout=120)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            code = None
        self.thread.join(5)
        return code


def pqi(*args, ok=True, cwd=None):
    r = subprocess.run([PQI] + list(args), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                       cwd=cwd, text=True)
    if ok and r.returncode != 0:
        print("Bail out! pqi %s: %s" % (" ".join(args), r.stdout))
        sys.exit(1)
    return r


class Fleet:
    """A CA with a control plane and three devices, in `tmp`."""

    def __init__(self, tmp, store):
        self.tmp, self.key = tmp, ["--key-file", os.path.join(tmp, "key")]
        os.umask(0o077)
        with open(os.path.join(tmp, "key"), "wb") as f:
            f.write(secrets.token_bytes(32))
        os.chdir(tmp)
        out = pqi("ca", "init", "--dir", "ca", *self.key, "--control", "--level", "1", "--fleet", "plant-7").stdout
        self.hash = out.splitlines()[0].strip()
        os.rename("ca/roles/head", "control")
        self.store = store or "control"
        more = ["--store", store] if store else []
        pqi("control", "init", *self.key, "--manifest", "ca/root.cbor", "--root-hash", self.hash, *more, "control")
        for d in ("a", "b", "c"):
            pqi("device", "init", "--dir", "d-" + d, *self.key, "--id", d, "--root-hash", self.hash, "--out", d + ".f")
            pqi("ca", "allow", "--dir", "ca", *self.key, "--factory", d + ".f", "--scope", "plant/%s:pub:L" % d)
            pqi("ca", "challenge", "--dir", "ca", *self.key, "--id", d, "--out", d + ".c")
            pqi("device", "join", "--dir", "d-" + d, *self.key, "--out", d + ".j", d + ".c")
            pqi("ca", "issue", "--dir", "ca", *self.key, "--out", d + ".g", d + ".j")
            pqi("device", "install", "--dir", "d-" + d, *self.key, "--out", d + ".ok", d + ".g")
            pqi("ca", "confirm", "--dir", "ca", *self.key, d + ".ok")
        pqi("ca", "roster", "--dir", "ca", *self.key, "--publish", self.store)
        self.policy(1, 3600)

    def signers(self):
        return sorted(os.path.join("ca/roles", n) for n in os.listdir("ca/roles") if n.startswith("policy"))

    def policy(self, seq, tick):
        with open("policy.txt", "w") as f:
            f.write("version = 2\ntick-seconds = %d\nrev-ahead-permille = 1000\nroster = required\n" % tick)
        sign = []
        for s in self.signers():
            sign += ["--sign", s]
        r = pqi("policy", "sign", "--root", "ca/root.cbor", *self.key, "--seq", str(seq), *sign, "-o", "policy.cbor",
                "policy.txt", ok=False)
        if r.returncode != 0: # another spelling of the roster's row
            with open("policy.txt", "w") as f:
                f.write("version = 2\ntick-seconds = %d\nrev-ahead-permille = 1000\n" % tick)
            pqi("policy", "sign", "--root", "ca/root.cbor", *self.key, "--seq", str(seq), *sign, "-o", "policy.cbor",
                "policy.txt")
        pqi("policy", "publish", "--store", self.store, "--yes", "policy.cbor")

    def revoke(self, device):
        revoker = [n for n in os.listdir("ca/roles") if n.startswith("revoker")]
        sign = ["--sign", os.path.join("ca/roles", revoker[0])] if revoker else []
        return pqi("revoke", "--ca", "ca", *self.key, *sign, "--store", self.store, "--yes", device, ok=False)

    def verified(self, payload, name):
        with open("x.cbor", "wb") as f:
            f.write(payload)
        r = pqi("inspect", "--root", "ca/root.cbor", "--root-hash", self.hash, "x.cbor", ok=False)
        return r.returncode == 0 and "verified" in r.stdout, r.stdout


def question(name, want, nonce, has=(0,) * 7):
    root, head, tick, policy, rev, roster, index = has
    return (bytes([0x76, want, 0, 0]) + bytes(8) + nonce
            + struct.pack(">7I", root or 1, head, tick, policy, rev, roster, index) + name.encode())


def leaf(nonce, kid):
    return hashlib.sha256(b"\0PQI4 nonce" + nonce + kid).digest()


def path_root(h, path):
    """RFC 9162 section 2.1.3.2, from the text."""
    seq, size, at = struct.unpack(">3I", path[:12])
    hashes = [path[i:i + 32] for i in range(12, len(path), 32)]
    fn, sn = at, size - 1
    for p in hashes:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            h = hashlib.sha256(b"\1" + p + h).digest()
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            h = hashlib.sha256(b"\1" + h + p).digest()
        fn >>= 1
        sn >>= 1
    return h if sn == 0 and seq == 0 else None


def epoch_of(fleet, payload):
    with open("h.cbor", "wb") as f:
        f.write(payload)
    r = pqi("inspect", "--json", "h.cbor", ok=False)
    hit = re.search(r'"(?:head[ _-]?)?epoch"\s*:\s*(\d+)', r.stdout)
    return int(hit.group(1)) if hit else -1


def unit_file(t, tmp):
    if not shutil.which("systemd-analyze"):
        t.skip("the unit file", "systemd-analyze is not installed")
        return
    with open(os.path.join(TOP, "apps/pqid/pqid-control.service")) as f:
        text = f.read().replace("ExecStart=pqid", "ExecStart=" + PQID).replace("Documentation=man:pqid(1)\n", "")
    path = os.path.join(tmp, "pqid-control.service")
    with open(path, "w") as f:
        f.write(text)
    r = subprocess.run(["systemd-analyze", "verify", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    mine = [x for x in r.stdout.splitlines() if "pqid-control" in x]
    t.check(not mine, "the unit file", "\n".join(mine))


def start_up(t, fleet, broker, args):
    s = Server(args)
    t.check(s.wait(r'"event":"broker"') is not None, "it connects", s.lines)
    c = Client(broker.port, ["pq/4/#"])
    topics = ["pq/4/u", "pq/4/h", "pq/4/o", "pq/4/y", "pq/4/v"]
    got = c.gather(topics[:4])
    t.check(set(topics[:4]) <= set(got), "root, head, roster and policy are published", sorted(got))
    for topic, m in sorted(got.items()):
        ok, note = fleet.verified(m[1], topic)
        t.check(ok, "%s verifies" % topic, note)
    late = Client(broker.port, ["pq/4/#"])
    kept = late.gather(topics[:4])
    t.check(all(kept.get(x, (0, 0, 0))[2] == 1 for x in topics[:4]), "and is retained")
    late.close()
    return s, c, got


def revocation(t, fleet, c, got):
    began = time.monotonic()
    r = fleet.revoke("b")
    t.check(r.returncode == 0, "pqi revoke", r.stdout)
    seen = c.gather(["pq/4/w", "pq/4/v", "pq/4/h"])
    t.check(len(seen) == 3, "what was added, the whole log and a new head go out", sorted(seen))
    if len(seen) == 3:
        for topic in ("pq/4/w", "pq/4/v", "pq/4/h"):
            print("# %s %.0f ms after pqi revoke began" % (topic, 1000 * (seen[topic][3] - began)))
            ok, note = fleet.verified(seen[topic][1], topic)
            t.check(ok, "%s verifies" % topic, note)
        t.check(seen["pq/4/w"][3] <= seen["pq/4/h"][3] and not seen["pq/4/w"][2], "the log before the head that names it")
        t.check(seen["pq/4/h"][1] != got["pq/4/h"][1], "and the head is another one")


def answers(t, fleet, c):
    nonce = secrets.token_bytes(16)
    c.publish("pq/4/q", question("a", 7, nonce))
    got, end = {}, time.monotonic() + WAIT
    while 7 not in got and time.monotonic() < end:
        m = c.wait(lambda topic, p: topic == "pq/4/a/a")
        if not m:
            break
        got[m[1][1]] = m[1]
    names = sorted(KINDS.get(k, "?") for k in got)
    t.check({2, 4, 5, 6, 7, 8} <= set(got), "a question is answered with what is lacking", names)
    ok = all(p[0] == 0x77 and p[2:4] == b"\0\0" for p in got.values())
    t.check(ok, "each in its frame")
    if 7 in got:
        body = got[7][4:]
        n = struct.unpack(">H", body[:2])[0]
        statement, path = body[2:2 + n], body[2 + n:]
        ok, note = fleet.verified(statement, "statement")
        t.check(ok, "the statement verifies", note)
        root = path_root(leaf(nonce, bytes(8)), path)
        t.check(root is not None and root in statement, "and our nonce is in its tree")
        root = path_root(leaf(bytes(16), bytes(8)), path)
        t.check(root is None or root not in statement, "and another one is not")
    # many at once: as few signatures as batches
    nonces = [secrets.token_bytes(16) for _ in range(50)]
    c.publish_all("pq/4/q", [question("c", 1, x) for x in nonces])
    seen = []
    while len(seen) < 50:
        m = c.wait(lambda topic, p: topic == "pq/4/a/c")
        if not m:
            break
        seen.append(m[1][4:])
    t.check(len(seen) == 50, "fifty questions, fifty answers", len(seen))
    distinct = {x[2:2 + struct.unpack(">H", x[:2])[0]] for x in seen}
    t.check(0 < len(distinct) <= 25, "under a few signatures", len(distinct))
    print("# %d answers, %d signatures" % (len(seen), len(distinct)))


def hostile(t, s, c):
    for n in (0, 1, 55, 56, 57, 200, 70000):
        c.publish("pq/4/q", secrets.token_bytes(n))
    for _ in range(300):
        c.publish("pq/4/q", question("x" * 33, 7, bytes(16)))
        c.publish("pq/4/q", b"\x76" + secrets.token_bytes(60))
    c.publish("pq/4/q", question("a", 7, bytes(16)), retain=True)
    c.publish("pq/4/q", b"", retain=True)
    nonce = secrets.token_bytes(16)
    c.publish("pq/4/q", question("a", 1, nonce))
    m = c.wait(lambda topic, p: topic == "pq/4/a/a" and p[1] == 7)
    t.check(m is not None and s.proc.poll() is None, "rubbish is counted and nothing else happens")


def ticks(t, fleet, c, s):
    fleet.policy(2, 1)
    m = c.wait(lambda topic, p: topic == "pq/4/y" and p)
    t.check(m is not None, "a policy with ticks of a second")
    numbers = []
    while len(numbers) < 3:
        m = c.wait(lambda topic, p: topic == "pq/4/t" and len(p) == 41)
        if not m:
            break
        numbers.append((struct.unpack(">I", m[1][1:5])[0], struct.unpack(">I", m[1][5:9])[0], m[1][9:]))
    t.check(len(numbers) == 3 and numbers[0][0] == numbers[2][0] and numbers[0][1] < numbers[1][1] < numbers[2][1],
            "ticks come and count", [n[:2] for n in numbers])
    if len(numbers) == 3:
        h = numbers[2][2]
        for _ in range(numbers[2][1] - numbers[0][1]):
            h = hashlib.sha256(b"PQI4 tick" + h).digest()
        t.check(h == numbers[0][2], "and hash to the ones before")
    t.check(s.wait(r'"event":"tick"') is not None, "the log tells of them")


def broker_lost(t, broker, s, c):
    c.close()
    before = len(s.lines)
    broker.kill()
    broker.start()
    t.check(s.wait(r'"event":"broker","text":"connected"', since=before) is not None, "it comes back to a new broker", s.lines)
    c = Client(broker.port, ["pq/4/#"])
    got = c.gather(["pq/4/u", "pq/4/h", "pq/4/o", "pq/4/y", "pq/4/v"])
    t.check(len(got) == 5, "which gets everything again", sorted(got))
    return c


def secret(t, fleet):
    """A password in the URL stays out of what is printed. The server trusts everybody here."""
    r = pqi("control", "check", "--store", fleet.store + "&password=sesame")
    t.check("whole" in r.stdout and "sesame" not in r.stdout, "no password is printed", r.stdout)


def ends(t, fleet, args, s, c, store):
    before = len(s.lines)
    s.proc.send_signal(signal.SIGHUP)
    t.check(s.wait(r'"event":"rescan"', since=before) is not None, "SIGHUP")
    again = subprocess.run([PQID, "control"] + args, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                           timeout=600)
    t.check(again.returncode in (1, 3) and "in use" in again.stderr, "one process for one directory of keys",
            again.stderr)
    # a process that is killed: the next one goes on with the same head
    head = c.gather(["pq/4/h"], 0.1).get("pq/4/h")
    late = Client(int(args[args.index("--broker") + 1].split(":")[1]), ["pq/4/h"])
    head = late.gather(["pq/4/h"]).get("pq/4/h")
    s.end(signal.SIGKILL)
    s = Server(args)
    t.check(s.wait(r'"event":"start"') is not None, "it starts after a kill", s.lines)
    s.wait(r'"event":"lease"')
    status = pqi("control", "status", "--store", fleet.store, "--json").stdout
    t.check(re.search(r'"leader":\s*"[^"]', status) is not None, "and has the lease", status)
    s.wait(r'"event":"published","object":"head"')
    late2 = Client(int(args[args.index("--broker") + 1].split(":")[1]), ["pq/4/h"])
    now = late2.gather(["pq/4/h"]).get("pq/4/h")
    first, second = epoch_of(fleet, head[1]), epoch_of(fleet, now[1])
    t.check(second >= first > 0 and (second > first or head[1] == now[1]), "with the same head, or a later one",
            (first, second))
    late.close()
    late2.close()
    code = s.end()
    t.check(code == 0, "SIGTERM ends it cleanly", (code, s.lines[-3:]))
    bad = [x for x in s.lines if x and not valid(x)]
    t.check(not bad, "every line is JSON", bad[:3])
    status = pqi("control", "status", "--store", fleet.store, "--json").stdout
    t.check(re.search(r'"leader":\s*""', status) is not None, "the lease was given back", status)


def valid(line):
    try:
        j = json.loads(line)
        return isinstance(j, dict) and "event" in j and "time" in j
    except ValueError:
        return False


def refusals(t, fleet, broker, args):
    with open("other", "wb") as f:
        f.write(secrets.token_bytes(32))
    plain = [a for a in args if a != "--json"]

    def run(a):
        return subprocess.run([PQID, "control"] + a, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              stdin=subprocess.DEVNULL, timeout=600)
    swapped = list(plain)
    swapped[swapped.index("--key-file") + 1] = "other"
    r = run(swapped)
    t.check(r.returncode == 1 and r.stderr.startswith("pqid: ") and "does not open" in r.stderr, "another key file", r.stderr)
    r = run([a for i, a in enumerate(plain) if a != "--broker" and plain[i - 1] != "--broker"])
    t.check(r.returncode == 2 and "--broker" in r.stderr, "no broker named", r.stderr)
    moved = list(plain)
    moved[moved.index("--dir") + 1] = "nowhere"
    r = run(moved)
    t.check(r.returncode in (1, 3) and "nowhere" in r.stderr, "no such directory", r.stderr)
    r = run(plain + ["--share", "a/b"])
    t.check(r.returncode == 2, "a share that is no word", r.stderr)
    r = subprocess.run([PQID, "contrl"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    t.check(r.returncode == 2 and r.stderr.startswith("pqid: "), "an unknown command", r.stderr)
    r = subprocess.run([PQID, "control", "--help"], stdout=subprocess.PIPE, text=True)
    t.check(r.returncode == 0 and "--lease-ms" in r.stdout, "help")
    s = Server([a if a != "127.0.0.1:%d" % broker.port else "127.0.0.1:1" for a in args])
    t.check(s.wait(r'"event":"broker"') is not None and s.proc.poll() is None, "a broker that is not there: it waits",
            s.lines)
    t.check(s.end() == 0, "and ends when told")


def take_over(t, fleet, broker, args):
    os.mkdir("two", 0o700)
    shutil.copytree("control/keys", "two/keys")
    second = [a if a != "control" else "two" for a in args] + ["--name", "two", "--share", "g"]
    one = Server(args + ["--name", "one", "--share", "g", "--lease-ms", "1500"])
    one.wait(r'"event":"lease","held":true')
    two = Server(second + ["--lease-ms", "1500"])
    t.check(two.wait(r'"event":"broker"') is not None, "a second server of one store", two.lines)
    c = Client(broker.port, ["pq/4/h", "pq/4/a/#"])
    for i in range(20):
        c.publish("pq/4/q", question("a", 1, bytes([i]) * 16))
    seen = []
    while len(seen) < 20:
        m = c.wait(lambda topic, p: topic == "pq/4/a/a")
        if not m:
            break
        seen.append(m)
    extra = c.wait(lambda topic, p: topic == "pq/4/a/a", 1)
    t.check(len(seen) == 20 and extra is None, "they share the questions", len(seen))
    one.end(signal.SIGKILL)
    began = time.monotonic()
    t.check(two.wait(r'"event":"lease","held":true') is not None, "the second one takes over", two.lines)
    print("# %.1f s after the first was killed, with a lease of 1.5 s" % (time.monotonic() - began))
    r = fleet.revoke("c")
    t.check(r.returncode == 0, "a revocation goes on", r.stdout)
    t.check(two.wait(r'"event":"head".*revocations') is not None, "and is in a head of the second", two.lines)
    t.check(two.end() == 0, "it ends cleanly")
    c.close()


def main():
    t = Tap()
    if not os.access(MOSQUITTO, os.X_OK):
        print("1..0 # SKIP mosquitto is not installed")
        return 0
    url = os.environ.get("PQI_TEST_STORE", "")
    tmp = tempfile.mkdtemp(prefix="pqid-")
    broker = Broker(tmp)
    s = None
    store, schema = None, "e2e%d" % os.getpid()
    try:
        if url:
            subprocess.run(["psql", "-qX", url, "-c", "CREATE SCHEMA " + schema], check=True)
            store = url + ("&" if "?" in url else "?") + "options=-csearch_path%3D" + schema
        broker.start()
        unit_file(t, tmp)
        fleet = Fleet(tmp, store)
        args = ["--dir", "control", *fleet.key, "--broker", "127.0.0.1:%d" % broker.port, "--json"]
        if store:
            with open("store.url", "w") as f:
                f.write(store + "\n")
            args += ["--store-file", "store.url"]
        s, c, got = start_up(t, fleet, broker, args)
        if {"pq/4/h"} <= set(got):
            revocation(t, fleet, c, got)
            answers(t, fleet, c)
            hostile(t, s, c)
            ticks(t, fleet, c, s)
            c = broker_lost(t, broker, s, c)
            ends(t, fleet, args, s, c, store)
            refusals(t, fleet, broker, args)
            if store:
                take_over(t, fleet, broker, args)
                secret(t, fleet)
    finally:
        if s is not None and s.proc.poll() is None:
            s.proc.kill()
        broker.kill()
        if url:
            subprocess.run(["psql", "-qX", url, "-c", "SET client_min_messages = error; DROP SCHEMA %s CASCADE" % schema])
        os.chdir("/")
        shutil.rmtree(tmp)
    print("1..%d" % t.n)
    return 1 if t.bad else 0


if __name__ == "__main__":
    sys.exit(main())
