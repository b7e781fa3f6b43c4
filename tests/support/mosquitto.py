#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""usage: mosquitto.py DIR [LINE...]    Becomes a mosquitto on a port of 127.0.0.1 that nobody else can get.

DIR/port names the port; one that stands there already is taken again, as a broker that comes back does. LINEs
go into its configuration, DIR/m.conf, in place of "allow_anonymous true". The port is free when it is chosen and
stays reserved until mosquitto listens and as long as it runs: the socket bound here is inherited, and two sockets
with SO_REUSEADDR may share a port of which one listens."""
import os
import shutil
import socket
import sys
import time

PATIENCE = 120  # seconds for a port that somebody got meanwhile


def reserve(port=0):
    """A bound socket, and its port."""
    end = time.monotonic() + PATIENCE
    while True:
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind(("127.0.0.1", port))
            return s, s.getsockname()[1]
        except OSError:
            s.close()
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def program():
    return shutil.which("mosquitto", path=os.environ.get("PATH", "") + ":/usr/sbin")


def configure(path, port, lines=()):
    lines = ["listener %d 127.0.0.1" % port, *(lines or ["allow_anonymous true"])]
    if os.geteuid() == 0:
        lines.append("user root")
    with open(path, "w", encoding="ascii") as f:
        f.write("\n".join(lines) + "\n")


def main():
    where, exe = sys.argv[1], program()
    if exe is None:
        sys.exit("mosquitto is not installed")
    number, conf = os.path.join(where, "port"), os.path.join(where, "m.conf")
    port = 0
    if os.path.exists(number):
        with open(number, encoding="ascii") as f:
            port = int(f.read())
    held, port = reserve(port)
    os.set_inheritable(held.fileno(), True)
    configure(conf, port, sys.argv[2:])
    with open(number + ".new", "w", encoding="ascii") as f:
        f.write("%d\n" % port)
    os.rename(number + ".new", number)
    os.execv(exe, ["mosquitto", "-c", conf])


if __name__ == "__main__":
    main()
