# SPDX-License-Identifier: Apache-2.0
"""What the checkers share: the files of a tree, C text without comments and strings, functions."""
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def root(argv):
    """The tree to check: the first argument, or this one."""
    return os.path.abspath(argv[1]) if len(argv) > 1 else HERE


def files(top, *patterns):
    """Relative paths that git knows (or would know), else all; only those matching a pattern."""
    if os.path.exists(os.path.join(top, ".git")):
        out = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard", "-z"],
                             check=True, stdout=subprocess.PIPE).stdout.decode()
        names = [n for n in out.split("\0") if n]
    else:
        names = [os.path.relpath(os.path.join(d, f), top)
                 for d, _, fs in os.walk(top) for f in fs]
    names = [n for n in sorted(set(names)) if os.path.isfile(os.path.join(top, n))]
    return [n for n in names if not patterns or any(re.search(p, n) for p in patterns)]


def read(top, name):
    """Text of a file, or None when it is not text."""
    with open(os.path.join(top, name), "rb") as f:
        raw = f.read()
    if b"\0" in raw[:8192]:
        return None
    return raw.decode("utf-8", "replace")


TOKEN = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def bare(text):
    """C text with comments and the inside of strings blanked; line numbers stay."""
    def blank(m):
        s = m.group(0)
        inner = re.sub(r"[^\n]", " ", s)
        return s[0] + inner[1:-1] + s[-1] if s[0] in "\"'" else inner
    return TOKEN.sub(blank, text)


def functions(text):
    """(name, first line, last line, body) of each function; the style puts its braces in column 0."""
    lines = bare(text).split("\n")
    start = None
    for i, line in enumerate(lines):
        if line.rstrip() == "{" and start is None:
            start = i
        elif start is not None and line.startswith("}"):
            head = "\n".join(lines[max(0, start - 8):start])
            head = re.split(r"[;}]|#\w+[^\n]*", head)[-1]
            name = re.search(r"(\w+)\s*\(", re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head))
            if name:
                yield name.group(1), start + 1, i + 1, "\n".join(lines[start:i + 1])
            start = None


def table_lines(text):
    """Line numbers (from 1) between `clang-format off` and `clang-format on`."""
    off, found = False, set()
    for i, line in enumerate(text.split("\n"), 1):
        if "clang-format off" in line:
            off = True
        if off:
            found.add(i)
        if "clang-format on" in line:
            off = False
    return found


def finish(problems, what):
    """Prints the problems and ends the program."""
    for p in problems:
        print(p)
    if problems:
        sys.exit(1)
    print(what)
    sys.exit(0)
