#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A site that is cut off: a tick box from its ceremony to set-points that go on while the control plane is away, on the
# delegate's topics alone and until the policy's limit. Usage: ticks.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
pqid=$(dirname "$pqi")/pqid
cd "$tmp" || exit 1
umask 077
head -c 32 /dev/urandom >a.key
head -c 32 /dev/urandom >gw.key
k="--key-file a.key"
g="--key-file gw.key"

# shellcheck disable=SC2086 # words
{
    usage_error "a box without a directory" ticks new $g
    usage_error "a chain without ticks" ticks new $g --count 0 box
    usage_error "a chain that is too long" ticks new $g --count 4097 box
    done_with "a box" "chain: 500 ticks, checksum" ticks new $g --count 500 box
    said "is not made twice" 1 "already holds a tick box" ticks new $g --count 500 box
    said "another key does not open it" 1 "does not open the tick box" ticks show $k box
    said "nor is there one elsewhere" 3 "there is no tick box in" ticks show $g none
    done_with "its record" "500 ticks, checksum" ticks export $g -o gw.ticks box
    sum=$(sed 's/.*checksum //' "$out")
    done_with "is shown by inspect" "$sum" inspect gw.ticks
    run 0 inspect --json gw.ticks && grep -q '"object":"tick box record".*"ticks":500' "$out"
    result $? "with its length"
    head -c 40 gw.ticks >cut.ticks
    run 1 inspect cut.ticks
    result $? "a record that is cut off is none"
}

mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
if [ ! -x "$pqid" ] || [ -z "$mosquitto" ]; then
    skip "a site that is cut off" "pqid or mosquitto is missing"
    finish
    exit
fi
pids=
stop() {
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$pids" ] || end $pids
    rm -rf "$tmp"
}
trap stop EXIT
logs="listen.log heard.txt pqid.log ticks.log m.log"

# shellcheck disable=SC2086
{
    "$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 || exit 1
    hash=$("$pqi" root show ca/root.cbor --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["hash"])')
    mv ca/roles/head control
    "$pqi" control init $k --manifest ca/root.cbor --root-hash "$hash" control || exit 1
    ca="--dir ca $k"
    for d in a b; do
        "$pqi" device init --dir d-$d $k --id $d --root-hash "$hash" --out $d.f &&
            "$pqi" ca allow $ca --factory $d.f --scope plant:pub,sub:H && "$pqi" ca challenge $ca --id $d --out $d.c &&
            "$pqi" device join --dir d-$d $k --out $d.j $d.c && "$pqi" ca issue $ca --out $d.g $d.j &&
            "$pqi" device install --dir d-$d $k --out $d.ok $d.g && "$pqi" ca confirm $ca $d.ok || exit 1
    done
} >"$out" 2>"$err" || { cat "$err"; exit 1; }
start_broker
pids=$broker
b="--broker 127.0.0.1:$port"
plane() {
    # shellcheck disable=SC2086
    "$pqid" control --dir control $k $b >>pqid.log 2>&1 &
    plane=$!
    pids="$pids $plane"
}
box() {
    # shellcheck disable=SC2086
    "$pqid" ticks --dir box $g $b --device gw-7 --root ca/root.cbor --tick-seconds 1 2>>ticks.log &
    box=$!
    pids="$pids $box"
}
policy() { # SEQ FLAGS
    printf 'version = 2\nflags = %s\ntick-seconds = 1\nfresh = 8\naged = 5000\nstale = 6000\nlocal-ticks-max = 70\n' "$2" >p.txt
    # shellcheck disable=SC2086
    "$pqi" policy sign --root ca/root.cbor $k --seq "$1" --sign ca/roles/policy-1 --sign ca/roles/policy-2 \
        -o "p$1.cbor" p.txt >"$out" 2>"$err" && "$pqi" policy publish --store control --yes "p$1.cbor" >"$out" 2>"$err"
}
newest() { # what the newest head names: WHAT NUMBER
    "$pqi" head show --store control --root ca/root.cbor >"$out" 2>"$err" && grep -q "^$1: *$2\b" "$out"
}
n=0
sent() { # TOPIC: a set-point reaches its application
    n=$((n + 1))
    # shellcheck disable=SC2086
    "$pqi" send --dir d-b $k $b --sessions off --wait 10 --class H --to a --topic "$1" "no $n" >"$out" 2>"$err" || return 1
    for _ in $(seq 50); do
        grep -qx "b $1: no $n" heard.txt && return 0
        sleep 0.1
    done
    return 1
}
refused() { # TOPIC
    # shellcheck disable=SC2086
    ! "$pqi" send --dir d-b $k $b --sessions off --wait 3 --class H --to a --topic "$1" never >"$out" 2>"$err" &&
        grep -qE 'aged|unknown' "$err"
}
both() {
    refused plant/b/valve && sent plant/a/valve
}
neither() {
    refused plant/b/valve && refused plant/a/valve
}
given() {
    grep -c '^pqid: tick: ' ticks.log
}

# shellcheck disable=SC2086
{
    usage_error "a delegate without its parts" control delegate --store control --set gw-7:gw.ticks
    usage_error "a delegate without an id" control delegate --store control --set :plant/a:gw.ticks
    said "a file that is no record" 1 "no record of a tick box" control delegate --store control --set gw-7:plant/a:a.key
    said "a prefix that is none" 2 "each with a prefix" control delegate --store control --set "gw-7:plant/#:gw.ticks"
    done_with "nobody is a delegate at first" "no delegates" control delegate --store control
    done_with "a delegate" "gw-7 for plant/a: 500 ticks, checksum $sum" \
        control delegate --store control --set gw-7:plant/a:gw.ticks
    done_with "another one" "aa for plant/c: 500 ticks" control delegate --store control --set aa:plant/c:gw.ticks
    [ "$(cut -d' ' -f1 "$out" | tr '\n' ' ')" = "aa gw-7 " ]
    result $? "they are in order"
    said "one that is none is not removed" 1 "no delegate zz" control delegate --store control --remove zz
    run 0 control delegate --store control --remove aa --json && grep -q '"device_id": *"gw-7"' "$out" && ! grep -q '"aa"' "$out"
    result $? "one is removed, the other stays"
    run 0 control delegate --store control --clear && grep -qx 'no delegates' "$out" &&
        run 0 control delegate --store control --set gw-7:plant/a:gw.ticks
    result $? "all are removed, and one is set"

    plane
    box
    run 0 ca roster $ca --publish control && policy 1 roster && until_true newest policy 1
    result $? "the fleet's policy does not let local ticks count"
    newest "delegate" "gw-7 for plant/a, 500 ticks"
    result $? "the head names the box"
    "$pqi" listen --drops --dir d-a $k $b --sessions off 'plant/#' >heard.txt 2>listen.log &
    pids="$pids $!"
    until_true sent plant/a/valve && until_true sent plant/b/valve
    result $? "set-points go everywhere"
    end "$plane"
    grows() { [ "$(given)" -ge 6 ]; }
    until_true grows
    result $? "the box gives ticks when the fleet's own stop"
    until_true neither
    result $? "they count for nothing without the policy's flag"

    plane
    policy 2 'roster, delegates' && until_true newest policy 2
    result $? "another policy lets them count"
    until_true grep -q 'alarm: the chain was used under head' ticks.log
    result $? "and a chain that was used under another head gives none"
    end "$box"
    run 0 ticks renew $g --count 500 box && run 0 ticks export $g -o gw.ticks box &&
        run 0 control delegate --store control --set gw-7:plant/a:gw.ticks
    result $? "the next chain is made and named"
    box
    named() { "$pqi" head show --store control --json >"$out" 2>"$err"; tail -n 3 ticks.log >"$err"; grep -q "head: epoch $(python3 -c '
import json, sys
print(json.load(open(sys.argv[1]))["head_epoch"])' "$out")\$" ticks.log; }
    until_true named
    result $? "the box sees its head"
    until_true sent plant/a/valve && until_true sent plant/b/valve
    result $? "set-points go everywhere again"
    end "$plane"
    until_true both
    result $? "cut off, set-points go on where the delegate may speak, and nowhere else"
    end "$box"
    before=$(given)
    box
    more() { [ "$(given)" -gt "$before" ]; }
    until_true more && until_true both
    result $? "over a restart of the box, too"
    sorted() { sed -n 's/^pqid: tick: \([0-9]*\) under head \([0-9]*\)$/\2 \1/p' ticks.log | sort -c -u -k1,1n -k2,2n; }
    sorted
    result $? "no number was given twice or went back"
    ended() { refused plant/a/valve; }
    until_true ended
    result $? "but not longer than the policy lets them"
    more_yet=$(given)
    on() { [ "$(given)" -gt "$more_yet" ]; }
    until_true on
    result $? "though the box goes on"
    plane
    until_true sent plant/b/valve
    result $? "when the plane is back everything goes everywhere"
}
finish
