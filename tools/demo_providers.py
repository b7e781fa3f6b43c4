# SPDX-License-Identifier: Apache-2.0
"""Where the devices of the demonstration keep their keys: tools/demo --provider soft|tpm|agent.

The programs are the same; a device's directory is made with another --provider. The TPM is swtpm, a
software TPM: each device has one of its own, on a unix socket."""
import os
import pwd
import shutil
import subprocess
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Soft:
    """Protected memory of each process, an encrypted file at rest."""

    note = None

    def __init__(self, demo):
        self.demo = demo

    def prepare(self, owner, device):
        """Whatever a device needs before `pqi device init`; its --provider options."""
        return []

    def secret(self, key_file):
        """What opens the device's keys."""
        return ["--key-file", key_file]

    def stolen(self, directory):
        """A copy of a device's directory comes to a thief's machine; True: its keys work there."""
        return True

    def stop(self):
        """Ends what was started; the directory goes with the demonstration's."""


class Tpm(Soft):
    """A TPM 2.0 for each device of the fleet: swtpm, started here."""

    note = "keys: classical halves in a TPM 2.0 (swtpm, a software TPM), the others sealed to its PCRs"

    def __init__(self, demo):
        super().__init__(demo)
        self.tool = os.path.join(TOP, "tests", "tpm", "swtpm.sh")
        self.pids = []

    def new(self, name):
        """A TPM as it comes from its maker."""
        where = self.demo.path("tpm", name)
        os.makedirs(where)
        for step in ("make", "start"):
            done = subprocess.run([self.tool, step, where], capture_output=True, timeout=600, check=False)
            if done.returncode != 0:
                raise SystemExit("demo: swtpm: %s" % done.stderr.decode(errors="replace"))
        self.pids.append(int(done.stdout))
        return "tpm:swtpm:path=" + os.path.join(where, "sock")

    def prepare(self, owner, device):
        if owner == "rogue":
            return []
        uri = self.new(owner + "-" + device)
        self.demo.pqi("tpm", "init", "--tpm", uri)
        return ["--provider", uri]

    def stolen(self, directory):
        uri = self.new("thief-%d" % len(self.pids))
        self.demo.pqi("tpm", "init", "--tpm", uri)
        with open(os.path.join(directory, "keys", "provider.uri"), "w", encoding="ascii") as f:
            f.write(uri + "\n")
        return False

    def stop(self):
        for pid in self.pids:
            try:
                os.kill(pid, 15)
            except ProcessLookupError:
                pass


class Agent(Soft):
    """One pqi-agent, of a user of its own where the demonstration runs as root, has all keys."""

    note = "keys: in a process of its own, pqi-agent; a device's process never has them"

    def __init__(self, demo):
        super().__init__(demo)
        self.dir = tempfile.mkdtemp(prefix="pqi-agent-")
        self.user = pwd.getpwnam("nobody") if os.geteuid() == 0 else None
        self.proc = None
        self.stores = []

    def own(self, path):
        if self.user is not None:
            os.chown(path, self.user.pw_uid, self.user.pw_gid)

    def file(self, name, data, mode=0o600):
        path = os.path.join(self.dir, name)
        with open(path, "wb") as f:
            f.write(data)
        os.chmod(path, mode)
        if mode == 0o600:
            self.own(path)
        return path

    def start(self, stores):
        """The agent with these stores; rules let this user do what a device does, on each of its own."""
        self.stores = stores
        self.own(self.dir)
        self.file("key", os.urandom(32))
        for store in stores:
            os.mkdir(os.path.join(self.dir, store), 0o700)
            self.own(os.path.join(self.dir, store))
        self.file("acl", "".join(
            "allow uid=%d store=%s ops=all key=any domains='PQI4 *' labels='*' slots=0-63\n" % (os.geteuid(), store)
            for store in stores).encode(), 0o644)
        conf = ["socket " + os.path.join(self.dir, "socket"), "acl " + os.path.join(self.dir, "acl"),
                "audit " + os.path.join(self.dir, "audit"), "mode 0600", "clients-per-user 64"]
        if self.user is not None:
            conf.append("user nobody")
        for store in stores:
            conf.append("store %s dir=%s key-file=%s create=yes" % (
                store, os.path.join(self.dir, store), os.path.join(self.dir, "key")))
        conf = self.file("conf", ("\n".join(conf) + "\n").encode(), 0o644)
        self.demo.start("agent", [os.path.join(self.demo.build, "bin", "pqi-agent"), "--config", conf], "agent.log")
        self.demo.until(lambda: os.path.exists(os.path.join(self.dir, "socket")), 20, "pqi-agent does not start")

    def prepare(self, owner, device):
        if owner == "rogue":
            return []
        return ["--provider", "agent:%s?store=%s-%s" % (os.path.join(self.dir, "socket"), owner, device)]

    def secret(self, key_file):
        return []

    def stolen(self, directory):
        path = os.path.join(directory, "keys", "provider.uri")
        with open(path, encoding="ascii") as f:
            store = f.read().split("?", 1)[1]
        with open(path, "w", encoding="ascii") as f:
            f.write("agent:%s?%s" % (os.path.join(directory, "no-agent-here"), store))
        return False

    def stop(self):
        shutil.rmtree(self.dir, ignore_errors=True)


KINDS = {"soft": Soft, "tpm": Tpm, "agent": Agent}
