#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every line of docs/operations.md in an empty folder with a broker: 1,000 simulated devices.
# Usage: operations.sh BUILD_DIR
# shellcheck disable=SC2016 # backquotes of Markdown
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
base=/tmp
[ ! -w /dev/shm ] || base=/dev/shm # in memory: thousands of durable writes
tmp=$(mktemp -d "$base/pqi-operations-XXXXXX")
broker=
stop() {
    if [ -s "$tmp/pids" ]; then
        # shellcheck disable=SC2046 # a list of numbers
        kill $(cat "$tmp/pids") 2>/dev/null
    fi
    [ -z "$broker" ] || kill "$broker" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap stop EXIT
cd "$tmp" || exit 1

PATH=$PATH:/usr/sbin command -v mosquitto >where || {
    echo "ok 1 - operations # SKIP mosquitto is not installed"
    echo "1..1"
    exit 0
}
python3 "$top/tests/support/mosquitto.py" "$tmp" "allow_anonymous true" "max_queued_messages 0" >m.log 2>&1 &
broker=$!
until grep -q ' running$' m.log; do
    kill -0 "$broker" 2>m.gone || { cat m.log; exit 1; }
    sleep 0.1
done
port=$(cat port)

n=0
bad=0
result() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' log | tail -n 20
        bad=$((bad + 1))
    fi
}

# All ```sh blocks in their order, as one script that stops at the first failure. What it starts in the
# background is noted, so that it ends with this test.
sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$top/docs/operations.md" |
    sed 's/^\(PQID\|FLEET\)=\$!$/&; echo $! >>pids/' >script
grep -q 'pqi root rotate' script && [ "$(wc -l <script)" -gt 60 ] && [ "$(grep -c 'pids$' script)" = 4 ]
result $? "the lines of the page were found"
PATH=$build/bin:$build/tests:$PATH BROKER=127.0.0.1:$port PORT=$port timeout 1200 bash -eu script >log 2>&1
result $? "every line of the page works"
grep -q '^added 1000, ' log && grep -q '^issued 1000 of 1000' ca.log
result $? "1,000 devices were imported and certified"
[ "$(grep -c '^999 devices: 999 fresh' log)" = 2 ] && grep -q '^1000 devices: 1000 fresh' log
result $? "fleet status tells before and after"
grep -q '"fresh": 1000, .*"members": 999, "revoked": 1, "root": \[2, 2\]' fleet.json && grep -q '"gates": {"self-revoked": 1}' fleet.json
result $? "in the end all are at root 2, one of them revoked"
echo "1..$n"
[ "$bad" = 0 ]
