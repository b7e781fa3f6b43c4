# SPDX-License-Identifier: Apache-2.0
"""A provisioned fleet, made through the command line as an operator makes it, and its processes."""
import json
import os
import re
import shutil
import signal
import subprocess

NODES = ("a", "b", "c")
NO_POWER = 75  # how a node ends whose power was cut, tests/adversary/node.c


class Fleet:
    def __init__(self, build, folder):
        self.pqi_tool = os.path.join(os.path.abspath(build), "bin", "pqi")
        self.folder = folder

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def pqi(self, *args):
        done = subprocess.run([self.pqi_tool, *args], capture_output=True, timeout=600, check=False)
        if done.returncode != 0:
            raise RuntimeError("pqi %s\n%s" % (" ".join(args), done.stderr.decode()))
        return done.stdout.decode()

    def key(self, name):
        path = self.path(name + ".kek")
        if not os.path.exists(path):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(fd, "wb") as f:
                f.write(os.urandom(32))
        return path

    def args(self, name):
        return ["--dir", self.path(name), "--key-file", self.key(name)]

    def provision(self):
        os.makedirs(self.folder, mode=0o700, exist_ok=True)
        level = ["--level", "1"]
        text = self.pqi("ca", "init", *self.args("ca"), "--root-dir", self.path("root"), "--fleet",
                        "storm", *level)
        root_hash = re.search(r"\b[0-9a-f]{64}\b", text).group(0)
        for node in NODES:
            self.pqi("device", "init", *self.args(node), "--id", node, "--root-hash", root_hash,
                     "--out", self.path(node + ".factory"), *level)
            self.pqi("ca", "allow", *self.args("ca"), "--factory", self.path(node + ".factory"),
                     "--roles", "device", "--scope", "plant/%s:pub:H" % node)
            self.certify(node)

    def certify(self, node):
        def f(leaf):
            return self.path(node + "." + leaf)
        self.pqi("ca", "challenge", *self.args("ca"), "--id", node, "--out", f("challenge"))
        self.pqi("device", "join", *self.args(node), "--out", f("join"), "--level", "1",
                 f("challenge"))
        self.pqi("ca", "issue", *self.args("ca"), "--out", f("grant"), f("join"))
        self.pqi("device", "install", *self.args(node), "--out", f("confirm"), f("grant"))
        self.pqi("ca", "confirm", *self.args("ca"), f("confirm"))

    def revoke(self, node, known):
        """The bytes of the whole log of revocations, and of what was added after entry `known`."""
        parts = []
        self.pqi("ca", "revoke", *self.args("ca"), "--yes", node)
        for first in (0, known):
            self.pqi("ca", "export", *self.args("ca"), "--from", str(first), "--out",
                     self.path("list"), "revocations")
            with open(self.path("list"), "rb") as f:
                parts.append(f.read())
        return parts

    def copy_to(self, folder):
        shutil.copytree(self.folder, folder)
        other = Fleet(".", folder)
        other.pqi_tool = self.pqi_tool
        return other


class Node:
    """A process of adversary_node. Its lines are read by whoever watches its pipe."""

    def __init__(self, program, fleet, name, port, version, clock_ms, sessions="off"):
        self.name = name
        self.proc = subprocess.Popen(
            [program, fleet.path(name), fleet.key(name), str(port), str(version), str(clock_ms),
             sessions, "quick"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.set_blocking(self.proc.stdout.fileno(), False)
        self.rest = b""

    def say(self, line):
        try:
            self.proc.stdin.write(line.encode() + b"\n")
            self.proc.stdin.flush()
        except (BrokenPipeError, OSError):
            pass  # it has died; its exit code tells how

    def events(self):
        """What it said since the last call; None at its end."""
        try:
            data = os.read(self.proc.stdout.fileno(), 1 << 20)
        except BlockingIOError:
            return []
        if not data:
            return None
        lines = (self.rest + data).split(b"\n")
        self.rest = lines.pop()
        return [json.loads(line) for line in lines]

    def kill(self):
        if self.proc.poll() is None:
            self.proc.send_signal(signal.SIGKILL)
        self.reap()

    def reap(self):
        """Waits for the end; its exit code, negative for a signal, None for a hang."""
        try:
            code = self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            code = None
        return code

    def close_pipes(self):
        for pipe in (self.proc.stdin, self.proc.stdout, self.proc.stderr):
            try:
                pipe.close()
            except (BrokenPipeError, OSError):
                pass
