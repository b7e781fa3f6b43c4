# SPDX-License-Identifier: Apache-2.0
"""Deliberately broken builds. The sources of the product hold none of them: tests/adversary/broken
has one file per break, which names a source file and what is put in place of which text. The text
must be there exactly once, so a break cannot rot unseen. The changed copy is compiled into a scratch
directory with the flags of the build and linked in front of the libraries: seconds, and no build
directory or library anybody could install ever holds a broken object."""
import json
import os
import shlex
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))


class Broken(Exception):
    """The break does not apply or does not compile."""


def names():
    folder = os.path.join(HERE, "broken")
    return sorted(f[:-5] for f in os.listdir(folder) if f.endswith(".edit"))


def read(name):
    """[(file, old, new)] of tests/adversary/broken/NAME.edit."""
    with open(os.path.join(HERE, "broken", name + ".edit"), encoding="utf-8") as f:
        lines = f.read().split("\n")
    edits, target, part, old, new = [], None, None, [], []
    for line in lines:
        if line.startswith("file "):
            target = line[5:].strip()
        elif line == "<<<<":
            part, old, new = "old", [], []
        elif line == "====":
            part = "new"
        elif line == ">>>>":
            edits.append((target, "\n".join(old), "\n".join(new)))
            part = None
        elif part == "old":
            old.append(line)
        elif part == "new":
            new.append(line)
    if not edits or part is not None:
        raise Broken("%s.edit has no complete edit" % name)
    return edits


def apply(name):
    """file -> changed text; each old text stands in its file exactly once."""
    changed = {}
    for target, old, new in read(name):
        if target not in changed:
            try:
                with open(os.path.join(TOP, target), encoding="utf-8") as f:
                    changed[target] = f.read()
            except OSError as e:
                raise Broken("%s: %s" % (name, e)) from e
        if changed[target].count(old) != 1:
            raise Broken("%s: %d times in %s: %s" % (
                name, changed[target].count(old), target, old.split("\n")[0]))
        changed[target] = changed[target].replace(old, new)
    return changed


class Builder:
    """Links programs of a build directory with broken objects in front."""

    def __init__(self, build):
        self.build = os.path.abspath(build)
        # the library's object of a file, not one of a test that compiles it once more
        with open(os.path.join(self.build, "compile_commands.json"), encoding="utf-8") as f:
            self.commands = {os.path.relpath(e["file"], TOP): e for e in json.load(f)
                             if " -o CMakeFiles/" in e["command"]}
        self.links = {}

    def run(self, command, cwd):
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120,
                              check=False)
        if done.returncode != 0:
            raise Broken("%s\n%s" % (" ".join(command[:1]), done.stderr[-2000:]))

    def objects(self, name):
        """Compiles the changed files of a break; paths of the objects."""
        folder = os.path.join(self.build, "adversary", name)
        made = []
        for target, text in apply(name).items():
            source = os.path.join(folder, target)
            os.makedirs(os.path.dirname(source), exist_ok=True)
            with open(source, "w", encoding="utf-8") as f:
                f.write(text)
            if target not in self.commands:
                raise Broken("%s is not compiled in %s" % (target, self.build))
            entry = self.commands[target]
            command = shlex.split(entry["command"])
            obj = source[:-2] + ".o"
            command[command.index("-o") + 1] = obj
            command[command.index("-c") + 1] = source
            command.append("-w")  # a break may leave an argument or a function without use
            self.run(command, entry["directory"])
            made.append(obj)
        return made

    def link_command(self, program):
        if program not in self.links:
            done = subprocess.run(["ninja", "-C", self.build, "-t", "commands", program],
                                  capture_output=True, text=True, timeout=60, check=True)
            self.links[program] = done.stdout.strip().split("\n")[-1]
        words = shlex.split(self.links[program])
        return words[2:-2] if words[0] == ":" else words  # ninja wraps it: ": && cc ... && :"

    def link(self, name, program, objects):
        command = self.link_command(program)
        out = os.path.join(self.build, "adversary", name, os.path.basename(program))
        at = command.index("-o")
        command[at + 1] = out
        first = next(i for i, w in enumerate(command) if w.endswith(".a"))
        command[first:first] = objects
        self.run(command, self.build)
        return out

    def make(self, name, program):
        """The path of `program` with this break."""
        return self.link(name, program, self.objects(name))
