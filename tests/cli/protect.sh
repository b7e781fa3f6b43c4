#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# usage: protect.sh BUILD    INV-16: pqi leaves no core, lets nobody but root look, and wipes when a signal ends it.
set -u
bin=$1/bin
pid=
n=0
bad=0
trap '[ -z "$pid" ] || kill -KILL "$pid" 2>/dev/null' EXIT

result() { # STATUS NAME
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        bad=1
    fi
}

# Runs until it is ended; its handlers stand when SIGSEGV and SIGTERM (bits 10 and 14) are caught. What it does
# before its work comes in no order that is promised: its limits are waited for as well.
start() { # REGEX: a line of /proc/PID/limits
    ulimit -c unlimited 2>/dev/null
    "$bin/pqi" bench kem --seconds 600 >/dev/null 2>&1 &
    pid=$!
    i=0
    while [ $i -lt 3000 ]; do
        caught=$(sed -n 's/^SigCgt:[[:space:]]*//p' "/proc/$pid/status")
        [ $((0x${caught:-0} & 0x4400)) = $((0x4400)) ] && grep -qE "$1" "/proc/$pid/limits" && return 0
        sleep 0.1
        i=$((i + 1))
    done
    return 1
}

start '^Max core file size  *0  *0 '
result $? "handlers of SIGTERM and of crashes"
grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits"
result $? "no core file"
kill -TERM "$pid"
wait "$pid" 2>/dev/null
[ $? = 143 ]
result $? "SIGTERM ends it as ever"

PQI_ALLOW_DUMP=1
export PQI_ALLOW_DUMP
start '^Max core file size'
! grep -q '^Max core file size *0 *0 ' "/proc/$pid/limits" || [ "$(ulimit -H -c)" = 0 ]
result $? "core files where they are asked for"
kill -TERM "$pid"
wait "$pid" 2>/dev/null
pid=
echo "1..$n"
exit $bad
