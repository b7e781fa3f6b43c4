# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# shellcheck disable=SC2034,SC2154 # variables of the scripts
# What the scripts of this folder share: source it, then use result, expect, until_true and finish.
# Sets: pqi (the program), tmp (removed at the end), out and err of the last run.
pqi=$1/bin/pqi
case $pqi in /*) ;; *) pqi=$PWD/$pqi ;; esac
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
out=$tmp/out
err=$tmp/err
count=0
bad=0
now() { # seconds, of a clock that nobody sets
    read -r up _ </proc/uptime && echo "${up%.*}"
}
patience=300                # seconds that one condition is waited for
deadline=$(($(now) + 1200)) # nothing is waited for any more: a script that fails ends as well
logs=                           # files whose ends are shown with a failure

result() { # STATUS NAME
    count=$((count + 1))
    if [ "$1" = 0 ]; then
        echo "ok $count - $2"
    else
        echo "not ok $count - $2"
        sed 's/^/# /' "$out" "$err" | tail -n 8
        for log in $logs; do
            [ ! -s "$log" ] || tail -n 6 "$log" | sed "s|^|# ${log##*/}: |"
        done
        bad=$((bad + 1))
    fi
}

skip() { # NAME REASON
    count=$((count + 1))
    echo "ok $count - $1 # SKIP $2"
}

# Runs the program; true when it exits with CODE.
run() { # CODE ARGUMENT...
    want=$1
    shift
    "$pqi" "$@" >"$out" 2>"$err"
    got=$?
    [ "$got" = "$want" ] || {
        echo "exit code $got, expected $want" >>"$err"
        return 1
    }
}

# The one form of an error: a line "pqi: ...", perhaps a line "  try: ...", nothing on stdout.
clear_error() {
    [ ! -s "$out" ] && [ "$(wc -l <"$err")" -le 2 ] && head -n 1 "$err" | grep -q '^pqi: .' &&
        { [ "$(wc -l <"$err")" = 1 ] || sed -n 2p "$err" | grep -q '^  try: .'; }
}

usage_error() { # NAME ARGUMENT...
    name=$1
    shift
    run 2 "$@" && clear_error
    result $? "$name"
}

said() { # NAME CODE TEXT ARGUMENT...: refused with this text on standard error
    name=$1
    code=$2
    text=$3
    shift 3
    run "$code" "$@" && [ ! -s "$out" ] && head -n 1 "$err" | grep -q '^pqi: ' &&
        grep -qF -- "$text" "$err"
    result $? "$name"
}

done_with() { # NAME TEXT ARGUMENT...: done, with this text on standard output
    name=$1
    text=$2
    shift 2
    run 0 "$@" && [ ! -s "$err" ] && grep -qF -- "$text" "$out"
    result $? "$name"
}

flip() { # FILE OFFSET COPY: one bit of that byte changes
    python3 -c '
import sys
b = bytearray(open(sys.argv[1], "rb").read())
b[int(sys.argv[2])] ^= 1
open(sys.argv[3], "wb").write(b)' "$1" "$2" "$3"
}

until_true() { # COMMAND...: tried until it is true, for $patience seconds at most
    over=$(($(now) + patience))
    [ "$over" -le "$deadline" ] || over=$deadline
    until "$@"; do
        [ "$(now)" -lt "$over" ] || {
            echo "not true in time: $*" >>"$err"
            return 1
        }
        sleep 0.2
    done
}

end() { # PID...: asked to end, and made to after a while; the last one's exit code
    [ $# != 0 ] || return 0
    kill "$@" 2>/dev/null
    (sleep 60; kill -9 "$@") >/dev/null 2>&1 &
    guard=$!
    wait "$@" 2>/dev/null
    ended=$?
    kill "$guard" 2>/dev/null
    return "$ended"
}

# A mosquitto in $tmp, on a port that nobody else can get; sets port and broker, its process id. What it logs, also
# every subscription, is in $tmp/m.log. Called again it starts a new one on the same port.
start_broker() {
    python3 "$top/tests/support/mosquitto.py" "$tmp" "allow_anonymous true" "log_type all" >"$tmp/m.log" 2>&1 &
    broker=$!
    until_true grep -q ' running$' "$tmp/m.log" || {
        kill "$broker"
        logs="$logs $tmp/m.log"
        result 1 "mosquitto starts"
        finish
        exit 1
    }
    port=$(cat "$tmp/port")
}

subscriptions() { # FILTER: how many came to the broker
    grep -cF "$(printf '\t%s (QoS ' "$1")" "$tmp/m.log"
}

more_than() { # NUMBER FILTER
    [ "$(subscriptions "$2")" -gt "$1" ]
}

finish() {
    echo "1..$count"
    [ "$bad" = 0 ]
}
