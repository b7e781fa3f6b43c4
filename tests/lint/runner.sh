#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tests/run.py must see every way in which a test program can fail, and a run of nothing.
set -u
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
mkdir -p "$tmp/tests"
n=0
bad=0

# expect TOTALS STATUS WORDS NAME    the one program of $tmp gives these totals, exit and words
expect() {
    n=$((n + 1))
    chmod +x "$tmp/tests/prog"
    echo prog >"$tmp/tests/tests.list"
    python3 tests/run.py --timeout 2 "$tmp:asan" >"$tmp/log" 2>&1
    if [ $? = "$2" ] && [ "$(tail -n 1 "$tmp/log")" = "$1" ] && grep -q -- "$3" "$tmp/log"; then
        echo "ok $n - $4"
    else
        echo "not ok $n - $4"
        sed 's/^/# /' "$tmp/log"
        bad=$((bad + 1))
    fi
}
prog() { # LINE...
    printf '%s\n' '#!/bin/sh' "$@" >"$tmp/tests/prog"
}

echo "1..13"
prog 'echo 1..2' 'echo ok 1 - a' 'echo ok 2 - b'
expect '2 passed, 0 failed' 0 prog 'a sound program'
prog 'echo 1..1' 'echo not ok 1 - a' 'exit 1'
expect '0 passed, 1 failed' 1 'not ok 1' 'a failed test'
prog 'echo 1..1' 'echo ok 1 - a' "kill -SEGV \$\$"
expect '1 passed, 1 failed' 1 'signal 11' 'a crash'
prog 'echo 1..3' 'echo ok 1 - a'
expect '1 passed, 1 failed' 1 'planned 3 tests, reported 1' 'fewer tests than planned'
prog 'echo 1..1' 'echo ok 1 - a' 'exit 3'
expect '1 passed, 1 failed' 1 'exit code 3' 'an exit code without a failed test'
prog 'exit 0'
expect '0 passed, 1 failed' 1 'no plan' 'no output'
prog 'echo 1..1' 'echo ok 1 - a' 'sleep 20'
expect '1 passed, 1 failed' 1 'no end after 2 s' 'a program that hangs'
prog 'echo 1..2' 'echo ok 1 - a' 'echo "ok 2 - b # SKIP no broker"'
expect '1 passed, 0 failed' 0 'no broker (b)' 'a skip with its reason'
prog 'echo 1..2' 'echo ok 1 - a' 'echo "# SKIP no vectors"' 'echo "not ok 2 # SKIP b"'
expect '1 passed, 0 failed' 0 'no vectors (b)' 'a skip as cmocka prints it'
prog 'echo 1..1' 'echo ok 1 - a'
: >"$tmp/tests/tests.list"
n=$((n + 1))
if python3 tests/run.py "$tmp:asan" >"$tmp/log" 2>&1; then
    echo "not ok $n - a run of nothing fails"
    bad=$((bad + 1))
else
    echo "ok $n - a run of nothing fails"
fi

# What passed in a whole run is not run again by the stages of its parts; what failed, was skipped in part or was
# built since is.
mkdir -p "$tmp/bin"
seen() { # LINE WANT NAME    done.list has this line: is prog seen (1) or to be run (0)?
    n=$((n + 1))
    echo "$1" >"$tmp/tests/done.list"
    [ -z "${4-}" ] || touch -d '2 seconds' "$tmp/$4"
    if [ "$(PQI_AFTER_TEST=1 PYTHONPATH=tests python3 -c '
import sys
import run
left, seen, _ = run.earlier(sys.argv[1], [("prog", [sys.argv[1] + "/tests/prog"])])
print(len(seen)) if len(left) + len(seen) == 1 else print("?")' "$tmp")" = "$2" ]; then
        echo "ok $n - $3"
    else
        echo "not ok $n - $3"
        bad=$((bad + 1))
    fi
}
seen 'prog 3 0 0' 1 'what passed is not run again'
seen 'prog 3 0 1' 0 'what was skipped in part is'
seen 'prog 3 0 0' 0 'and what a newer tool runs' bin/pqi
[ "$bad" = 0 ]
