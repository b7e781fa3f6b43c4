# SPDX-License-Identifier: Apache-2.0
"""Traces of Arm machine code, for tools/ct-check.

tests/ct/trace/ is compiled with the sources of libpqi-core and EXTRA for 32-bit Arm (Thumb-2) and run by QEMU
under a plugin that hashes every instruction address and every memory access between two marks. An
operation passes when all runs, which differ in their secrets only, have one hash."""
import concurrent.futures
import os
import re
import subprocess

CC = "arm-linux-gnueabihf-gcc"
NM = "arm-linux-gnueabihf-nm"
QEMU = "qemu-arm"
RUNS = 6
SOURCES = "tests/ct/trace"
EXTRA = ["src/session/erasure.c"]  # traced code of libpqi
FLAGS = ["-std=c11", "-mthumb", "-ffreestanding", "-Iinclude", "-Isrc", "-Itests"]


def missing():
    """The first tool that is not there, or None."""
    for tool in (CC, QEMU):
        try:
            subprocess.run([tool, "--version"], stdout=subprocess.DEVNULL, check=True)
        except (OSError, subprocess.CalledProcessError):
            return tool
    return None


def mark(program, name):
    """Address of a function, without the bit that says Thumb."""
    out = subprocess.run([NM, program], check=True, stdout=subprocess.PIPE).stdout.decode()
    return int(re.search(r"^([0-9a-f]+) T %s$" % name, out, re.M).group(1), 16) & ~1


def trace(program, plugin, name, run):
    """(hash, instructions, accesses) of one run; the output as text when there is none."""
    spec = "%s,begin=0x%x,end=0x%x" % (plugin, mark(program, "trace_begin"),
                                       mark(program, "trace_end"))
    p = subprocess.run([QEMU, "-plugin", spec, program, name, str(run)], stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, timeout=300, env={})
    text = p.stdout.decode("utf-8", "replace")
    m = re.search(r"^trace ([0-9a-f]{16}) (\d+) (\d+)$", text, re.M)
    return m.groups() if m and p.returncode == 0 else text


def build_plugin(top, folder):
    path = os.path.join(folder, "plugin.so")
    subprocess.run(["gcc", "-std=c11", "-O2", "-Wall", "-Wextra", "-shared", "-fPIC", "-o", path,
                    os.path.join(top, SOURCES, "plugin.c")], check=True)
    return path


def trace_sources(top):
    return sorted(os.path.join(SOURCES, n) for n in os.listdir(os.path.join(top, SOURCES))
                  if n.endswith(".c") and n != "plugin.c")


def check(tally, program, plugin, label):
    """Every operation of the program; those named leaky must differ between runs."""
    names = subprocess.run([QEMU, program, "list"], check=True,
                           stdout=subprocess.PIPE).stdout.decode().splitlines()
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        jobs = {n: [pool.submit(trace, program, plugin, n, r) for r in range(RUNS)] for n in names}
    for name, runs in jobs.items():
        seen = [job.result() for job in runs]
        broken = [s for s in seen if isinstance(s, str)]
        differs = len(set(seen)) != 1
        leaky = name.startswith("leaky ")
        detail = broken[0] if broken else "\n".join("run %d: hash %s, %s instructions, %s accesses"
                                                    % (r, *s) for r, s in enumerate(seen))
        tally.add(not broken and differs == leaky, "%s trace: %s%s" % (
            label, name, ": the leak was not seen" if leaky else ""), detail)
