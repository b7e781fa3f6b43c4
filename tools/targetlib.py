# SPDX-License-Identifier: Apache-2.0
"""What tools/m4, tools/test-m4 and tools/test-cross share: rows of tests/target/algorithms.txt, images,
emulators, and the budgets of tests/abi/budgets.txt."""
import collections
import math
import os
import re
import shutil
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.path.join(TOP, "tests", "target")
BUDGETS = os.path.join(TOP, "tests", "abi", "budgets.txt")
VECTORS = os.path.join(TOP, "..", "shared", "vectors")
OUT = os.path.join(TOP, "build-target")
CROSS = "arm-none-eabi-"
COMMON = ("main.c", "say.c", "constant.c", "vectors.c", "no_classic.c")
WARN = ["-std=c11", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Werror",
        "-I" + os.path.join(TOP, "include"), "-I" + os.path.join(TOP, "tests"),
        "-I" + os.path.join(TOP, "src")]
LOOSE = 1.05  # a limit that is further above its figure is reported

Row = collections.namedtuple("Row", "name program rounds defines vectors")


def rows(only=""):
    """The algorithms, in the order of the file."""
    found = []
    with open(os.path.join(TARGET, "algorithms.txt"), encoding="utf-8") as f:
        for line in f:
            words = line.split("#")[0].split()
            if not words:
                continue
            vectors = words[words.index("vectors") + 1] if "vectors" in words else None
            end = words.index("vectors") if vectors else len(words)
            found.append(Row(words[0].replace("_", " "), words[1], int(words[2]),
                             ["-D" + w for w in words[3:end]], vectors))
    return [r for r in found if only in r.name]


def roles():
    """(name, symbols) of tests/target/roles.txt."""
    found = {}
    with open(os.path.join(TARGET, "roles.txt"), encoding="utf-8") as f:
        for line in f:
            name, _, symbols = line.split("#")[0].partition(":")
            if symbols.strip():
                found[name.strip()] = symbols.split()
    return found


def call(command, timeout=600, cwd=TOP):
    """(exit code or None when it did not end, output)."""
    try:
        p = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=timeout)
        return p.returncode, p.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired as late:
        return None, (late.stdout or b"").decode("utf-8", "replace")


def must(command):
    code, text = call(command)
    if code != 0:
        sys.exit("failed: %s\n%s" % (" ".join(command), text))
    return text


def absent(*programs):
    """The programs that are not installed. In CI that is an error."""
    gone = [p for p in programs if shutil.which(p) is None]
    if gone and os.environ.get("CI") == "true":
        sys.exit("not installed: %s (tools/setup test)" % ", ".join(gone))
    return gone


# ---- sizes -----------------------------------------------------------------------------------

COLUMNS = ("text", "rodata", "data", "bss")
KINDS = (("text", r"\.text|\.vectors"), ("rodata", r"\.rodata"), ("data", r"\.data|\.tdata"),
         ("bss", r"\.bss|\.tbss|COMMON"))


def sections(path):
    """Sums of the sections of one object or image."""
    total = dict.fromkeys(COLUMNS, 0)
    for line in must([CROSS + "size", "-A", path]).splitlines():
        parts = line.split()
        kind = next((k for k, p in KINDS if len(parts) == 3 and re.match(p, parts[0])), None)
        if kind:
            total[kind] += int(parts[1])
    return total


def role_image(name, libs):
    """Links what a role names, without any C library; (image, its map)."""
    flags = ["-mcpu=cortex-m4", "-mthumb", "-Os", "-std=c11", "-ffreestanding",
             "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", "-Werror"]
    image = os.path.join(OUT, "role-%s.elf" % re.sub(r"\W+", "-", name))
    must([CROSS + "gcc", *flags, "-nostdlib", "-Wl,--gc-sections", "-T", "tools/m4.ld",
          *("-Wl,--require-defined=" + s for s in roles()[name]), "-Wl,-Map=" + image + ".map",
          "-o", image, "tools/m4-start.c", os.path.join(TARGET, "mem.c"), "-Wl,--start-group",
          *libs, "-lgcc", "-Wl,--end-group"])
    return image


def role_sizes(name, libs):
    return sections(role_image(name, libs))


# ---- boards ----------------------------------------------------------------------------------

class Board:
    """A board of QEMU with compiled libraries, and where its flash, RAM and timer are."""

    def __init__(self, preset, machine, cpu, opt, flash=0, ram=0x20000000, timer=0x40000000,
                 ns=40, mpu=True):
        self.preset, self.machine, self.opt = preset, machine, opt
        self.flash, self.ram = flash, ram
        self.lib = os.path.join(TOP, "build-" + preset, "libpqi-core.a")
        self.upper = os.path.join(TOP, "build-" + preset, "libpqi.a")
        self.flags = ["-mcpu=" + cpu, "-mthumb", opt, "-ffreestanding", "-ffunction-sections",
                      "-fdata-sections", *WARN, "-DTIMER_AT=0x%xu" % timer, "-DTIMER_NS=%du" % ns]
        self.flags += ["-DMPU_V7"] if mpu else []

    def build(self):
        must(["tools/build-quiet", self.preset])

    def script(self, image, kilobytes):
        """The linker script of one image: its own file, for images are linked side by side."""
        path = image + ".ld"
        must([CROSS + "gcc", "-E", "-P", "-x", "c", "-DDEVICE_FLASH_AT=0x%x" % self.flash,
              "-DDEVICE_RAM_AT=0x%x" % self.ram, "-DDEVICE_FLASH=128K",
              "-DDEVICE_RAM=%dK" % kilobytes, "-DDEVICE_STACK=3K",
              os.path.join(TARGET, "device.ld"), "-o", path])
        return path

    def image(self, row, kilobytes=32):
        """Links the program of one row into 128 KB of flash and so much RAM."""
        name = re.sub(r"\W+", "-", row.name)
        path = os.path.join(OUT, "%s-%s-%d.elf" % (self.preset, name, kilobytes))
        bits = int(math.log2(kilobytes * 1024)) - 1
        sources = [os.path.join(TARGET, s) for s in
                   (*COMMON, row.program + ".c", "mem.c", "port_m.c")]
        must([CROSS + "gcc", *self.flags, *row.defines, "-DDEVICE_RAM_BITS=%du" % bits, "-nostdlib",
              "-Wl,--gc-sections", "-T", self.script(path, kilobytes), "-o", path, *sources, self.upper,
              self.lib, "-lgcc"])
        return path

    def run(self, image, *args, timeout=120, counting=True):
        """(exit code or None, output) of one run in OUT."""
        words = "".join(",arg=" + a for a in ("pqi", *args))
        command = ["qemu-system-arm", "-M", self.machine, "-nographic", "-monitor", "none",
                   "-serial", "none", "-chardev", "stdio,id=sh", "-semihosting-config",
                   "enable=on,target=native,chardev=sh" + words, "-kernel", image]
        command += ["-icount", "shift=6,sleep=off"] if counting else []
        return call(command, timeout, OUT)


BOARDS = {
    "m4": Board("m4", "mps2-an386", "cortex-m4", "-Os"),
    "m4-o2": Board("m4-o2", "mps2-an386", "cortex-m4", "-O2"),
    "m0": Board("m0", "mps2-an385", "cortex-m0", "-Os"),
    "m33": Board("m33", "mps2-an505", "cortex-m33", "-Os", flash=0x10000000, ram=0x38000000,
                 timer=0x50000000, ns=50, mpu=False),
}


# ---- results -----------------------------------------------------------------------------------

Output = collections.namedtuple("Output", "figures digests skips text")


class Tally:
    """Adds up "ok" lines and prints what failed."""

    def __init__(self):
        self.passed = self.failed = 0
        self.skips = []

    def add(self, good, what, detail=""):
        if good:
            self.passed += 1
            return
        self.failed += 1
        print("FAILED  " + what)
        for line in detail.splitlines()[-12:]:
            print("        " + line)

    def read(self, label, code, text):
        """The output of one program; what it says is counted."""
        figures, digests, skips = {}, {}, []
        for line in text.splitlines():
            words = line.split()
            if line.startswith("ok "):
                self.passed += 1
            elif line.startswith("not ok "):
                self.add(False, "%s: %s" % (label, line[7:]))
            elif line.startswith("skip "):
                skips.append(line[5:])
            elif line.startswith("figure ") and len(words) == 4:
                figures[(words[1], words[2])] = int(words[3])
            elif line.startswith("digest "):
                digests[words[1]] = words[2]
        self.passed += figures.get(("vectors", "passed"), 0)
        if not text.rstrip().endswith("end") or code not in (0, 1):
            end = "no end in time" if code is None else "exit code %s" % code
            self.add(False, "%s: %s" % (label, end), text)
        return Output(figures, digests, skips, text)

    def check_vectors(self, label, figures, text, count):
        """No vector of the file was lost on the way."""
        seen = sum(figures.get(("vectors", n), 0) for n in ("passed", "too-big"))
        seen += text.count("not ok vector")
        self.add(seen == count, "%s: %d of %d vectors came by" % (label, seen, count))

    def finish(self):
        print("%d passed, %d failed" % (self.passed, self.failed))
        return 1 if self.failed or not self.passed else 0


# ---- budgets -----------------------------------------------------------------------------------

def read_budgets():
    found = {}
    if os.path.exists(BUDGETS):
        with open(BUDGETS, encoding="utf-8") as f:
            for line in f:
                name, equals, limit = line.split("#")[0].rpartition("=")
                if equals:
                    found[name.strip()] = int(limit)
    return found


def is_of(name, units):
    return name.rpartition(": ")[2] in units


def check_budgets(tally, figures, units):
    """Every figure has a limit and is below it; every limit of these units has a figure."""
    limits = {n: v for n, v in read_budgets().items() if is_of(n, units)}
    for name, value in figures.items():
        if name not in limits:
            tally.add(False, "%s = %d has no budget" % (name, value))
            continue
        tally.add(value <= limits[name], "%s = %d, budget %d" % (name, value, limits[name]))
        if limits[name] > value * LOOSE:
            print("loose   %s = %d, budget %d" % (name, value, limits[name]))
    for name in sorted(set(limits) - set(figures)):
        tally.add(False, "a budget for something that is not there: " + name)


def update_budgets(figures, units):
    """Sets the limits of these units 2 % above the figures."""
    with open(BUDGETS, encoding="utf-8") as f:
        head = [line for line in f if line.startswith("#")]
    limits = {n: v for n, v in read_budgets().items() if not is_of(n, units)}
    for name, value in figures.items():
        limits[name] = value + value // 50
    with open(BUDGETS, "w", encoding="utf-8") as f:
        f.writelines(head)
        f.writelines("%s = %d\n" % item for item in sorted(limits.items()))
