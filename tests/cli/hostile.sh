#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What surrounds pqi is hostile: words of files that steer terminals, descriptors that are closed, a signal while a
# passphrase is typed. Usage: hostile.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
bin=${pqi%/pqi}
cd "$tmp" || exit 1
umask 077
head -c 32 /dev/urandom >a.key
ca="--dir ca --key-file a.key"
# shellcheck disable=SC2086
"$pqi" ca init $ca --root-dir root --fleet plant-7 >"$out" || exit 1

# --- words of others in messages ---
harmless() { # the error is one line, perhaps with advice, and no character of it steers a terminal or hides text
    python3 -c '
import sys, unicodedata
lines = open(sys.argv[1], "rb").read().decode("utf-8").split("\n")
assert lines[-1] == "" and len(lines) <= 3 and lines[0].startswith("pqi: "), lines
assert len(lines) == 2 or lines[1].startswith("  "), lines
bad = [c for l in lines for c in l if c != "\t" and unicodedata.category(c) in ("Cc", "Cf", "Zl", "Zp")]
assert not bad, bad' "$err" 2>"$tmp/bad" || {
        cat "$tmp/bad" >>"$err"
        return 1
    }
}
c1=$(printf '\302\233')       # U+009B, begins the sequences that ESC [ does
rlo=$(printf '\342\200\256')  # U+202E, what follows is shown from right to left
cut=$(printf '\302')          # half a character
for word in "${c1}2J" "${rlo}exe" "${cut}x" "$(printf '\033[2J')" "$(printf 'x\npqi: all is well')"; do
    # shellcheck disable=SC2086
    run 3 inspect "none$word" && harmless
    result $? "a file name steers no terminal"
done
printf 'id,factory,%s2J,roles,scopes\n' "$c1" >bad.csv
# shellcheck disable=SC2086
run 1 ca allow $ca --csv bad.csv && harmless
result $? "nor does a word of a list"
# shellcheck disable=SC2086
run 3 ca allow $ca --csv "grün.csv" && harmless && grep -q 'grün' "$err"
result $? "letters stay"

# --- the password of a store ---
for url in '[::1/db' 'ses%zz@h/db' 'u:ses@[::1/db' 'u:ses%00@h/db' 'u:sesame@h:1x/db' 'u:ses/same@h/db' 'u:ses@same@h/db' \
    'u@h/db?password=ses%zz' 'u:sesame@127.0.0.1:1/db'; do
    run 3 control status --store "postgresql://$url" && harmless && ! grep -q 'ses\|same' "$err"
    result $? "a URL that is wrong is not shown"
done
run 3 control status --store 'postgresql://u:sesame@127.0.0.1:1/db' && ! grep -q sesame "$err" &&
    grep -q '127.0.0.1.*refused\|without PostgreSQL' "$err"
result $? "which server does not answer is told"

# --- a journal that somebody else left ---
# SQLite takes a journal beside its file for one of a crash and writes the pages in it back.
cat >journal.py <<'EOF'
import sqlite3, struct, sys
old, change = sys.argv[1], sys.argv[2]
want = old + ".want"
a = open(old, "rb").read()
open(want, "wb").write(a)
db = sqlite3.connect(want)
db.executescript(change)
db.close()
b = open(want, "rb").read()
size = struct.unpack(">H", a[16:18])[0]
pages = [i for i in range(0, len(b), size) if a[i:i + size] != b[i:i + size]]
def record(i):
    page = b[i:i + size]
    return struct.pack(">I", i // size + 1) + page + struct.pack(">I", (1 + sum(page[x] for x in range(size - 200, 0, -200))) & 0xffffffff)
head = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", len(pages), 1, len(b) // size, 512, size)
open(sys.argv[3], "wb").write(head.ljust(512, b"\0") + b"".join(record(i) for i in pages))
EOF
planted() { # DIR FILE CHANGE COMMAND...: refused, and the file is as it was
    d=$1
    f=$2
    change=$3
    shift 3
    rm -rf x
    cp -a "$d" x
    chmod 777 x
    python3 journal.py "$d/$f" "$change" "x/$f-journal" &&
        run 3 "$@" && grep -q 'chmod 700' "$err" && cmp -s "$d/$f" "x/$f"
    result $? "a directory that others can write: $*"
}
# shellcheck disable=SC2086
"$pqi" ca allow $ca --id good --fingerprint "$(printf '%064d' 1)" --scope plant/good:pub:L >"$out" || exit 1
planted ca ca.db "UPDATE devices SET factory_fp = zeroblob(32)" ca list --dir x --key-file a.key
for role in root issuer head; do
    "$pqi" role new --role $role --alg ml-dsa-44 --key-file a.key k-$role >"$out" &&
        "$pqi" role export --key-file a.key -o $role.pub k-$role >"$out" || exit 1
done
"$pqi" root new --fleet plant-7 --key root=root.pub --key issuer=issuer.pub --key head=head.pub --key-file a.key \
    --sign k-root -o root.cbor >"$out" && "$pqi" control init --key-file a.key --manifest root.cbor --yes k-head >"$out" ||
    exit 1
planted k-head control.db "UPDATE pqi_lease SET holder = 'me', expires = 9000000000000000" control status --store x

# --- closed descriptors ---
kept() { # COMMAND of sh: no file of the directory changes, whatever is told
    rm -rf x
    cp -a ca x
    ! sh -c "$1" >"$out" 2>"$err" </dev/null && diff -r ca x >>"$err"
}
for closed in '2>&-' '0<&- 2>&-' '1>&- 2>&-' '0<&- 1>&- 2>&-'; do
    kept "'$pqi' ca revoke --dir x --key-file a.key --yes nobody $closed"
    result $? "errors go into no file of the CA: $closed"
done
if [ -x "$bin/pqi-agent" ]; then
    mkdir log store
    printf 'allow uid=any store=s ops=random\n' >acl
    printf 'socket %s/s\nacl %s/acl\naudit %s/log/audit\nuser %s\nstore s dir=%s/store key-file=%s/none\n' \
        "$tmp" "$tmp" "$tmp" "$(id -un)" "$tmp" "$tmp" >agent.conf
    sh -c "'$bin/pqi-agent' --config agent.conf 2>&-"
    [ $? = 3 ] && [ -e s.lock ] && [ ! -s s.lock ]
    result $? "nor those of the agent into its lock"
fi

# --- a signal while a passphrase is typed ---
cat >term.py <<'EOF'
import fcntl, os, pty, signal, sys, termios
def echoes():
    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)
def asked():
    seen = b""
    while b"Passphrase of ca: " not in seen:
        seen += os.read(master, 4096)
    assert not echoes(), "it is shown while it is typed"
what, pqi = sys.argv[1], sys.argv[2]
shell = os.fork()
if shell != 0:  # this one may lead a group of processes; the next leads a session, as a shell does
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(shell, 0)[1]) != 0)
signal.alarm(100)
os.setsid()
master, slave = pty.openpty()
fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
pid = os.fork()
if pid == 0:
    os.setpgid(0, 0)
    os.tcsetpgrp(slave, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    for fd in range(3):
        os.dup2(slave, fd)
    os.execv(pqi, ["pqi", "ca", "list", "--dir", "ca"])
asked()
keys = {"line": b"wrong\n", "key": b"half\x03", "stop": b"half\x1a"}
if what in keys:
    os.write(master, keys[what])
else:
    os.kill(pid, getattr(signal, what))
_, status = os.waitpid(pid, os.WUNTRACED)
if what == "stop":
    assert os.WIFSTOPPED(status), status
    assert echoes(), "a stopped program leaves the terminal silent"
    os.kill(pid, signal.SIGCONT)
    asked()
    os.write(master, b"wrong\n")
    _, status = os.waitpid(pid, 0)
want = {"key": signal.SIGINT, "line": 0, "stop": 0}.get(what, getattr(signal, what, 0))
assert (os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0) == want, status
assert echoes(), "the terminal stays silent"
EOF
for signal in line key stop SIGTERM SIGHUP SIGQUIT; do
    python3 term.py $signal "$pqi" >"$out" 2>"$err"
    result $? "the echo comes back: $signal"
done
finish
