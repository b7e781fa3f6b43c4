#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A fleet with its daemon and a broker, from the ceremony to a revocation that takes effect, as operators see
# it. Usage: plane.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
pqid=$(dirname "$pqi")/pqid
mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
if [ ! -x "$pqid" ] || [ -z "$mosquitto" ]; then
    skip "a fleet with its daemon" "pqid or mosquitto is missing"
    finish
    exit
fi
cd "$tmp" || exit 1
umask 077
pids=
stop() {
    # shellcheck disable=SC2086 # a list of numbers
    [ -z "$pids" ] || end $pids
    rm -rf "$tmp"
}
trap stop EXIT
logs="heard.txt listen.log pqid.log m.log"
head -c 32 /dev/urandom >a.key
k="--key-file a.key"
ca="--dir ca $k"

# shellcheck disable=SC2086 # words
{
    "$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 >"$out" || exit 1
    hash=$(head -n 1 "$out")
    mv ca/roles/head control
    "$pqi" control init $k --manifest ca/root.cbor --root-hash "$hash" control >"$out" || exit 1
    for d in a b; do
        "$pqi" device init --dir d-$d $k --id $d --root-hash "$hash" --out $d.f &&
            "$pqi" ca allow $ca --factory $d.f --scope plant:pub,sub:H && "$pqi" ca challenge $ca --id $d --out $d.c &&
            "$pqi" device join --dir d-$d $k --out $d.j $d.c && "$pqi" ca issue $ca --out $d.g $d.j &&
            "$pqi" device install --dir d-$d $k --out $d.ok $d.g && "$pqi" ca confirm $ca $d.ok || exit 1
    done >"$out"
}
start_broker
pids=$broker
b="--broker 127.0.0.1:$port"
# shellcheck disable=SC2086
"$pqid" control --dir control $k $b >pqid.log 2>&1 &
pids="$pids $!"

newest() { # what the newest head names: WHAT NUMBER
    "$pqi" head show --store control --root ca/root.cbor >"$out" 2>"$err" && grep -q "^$1: *$2\b" "$out"
}
# shellcheck disable=SC2086
{
    run 0 ca roster $ca --publish control && until_true newest roster 1
    result $? "the daemon names the roster in its next head"
    printf 'version = 2\nflags = roster, gossip\n' >p.txt
    run 0 policy sign --root ca/root.cbor $k --seq 1 --sign ca/roles/policy-1 --sign ca/roles/policy-2 -o p.cbor p.txt &&
        run 0 policy publish --store control --yes p.cbor && until_true newest policy 1
    result $? "and the policy"
    "$pqi" listen --dir d-a $k $b --count 1 --timeout 600 'plant/#' >heard.txt 2>listen.log &
    listener=$!
    fresh() { "$pqi" fleet status --store control --all >"$out" 2>"$err"; grep -qE "^$1 +fresh" "$out"; }
    until_true fresh a
    result $? "a device that listens is fresh"
    "$pqi" fleet status --store control >"$out" 2>"$err"
    [ $? = 1 ] && grep -qE '^b +unknown' "$out" && ! grep -q '^control plane:' "$out"
    result $? "one that was never there needs somebody, the control plane does not"
    # nobody learned of the sender before, and it is gone when its message is
    run 0 send --dir d-b $k $b --sessions off --wait 60 --to a --topic plant/x hello && [ ! -s "$err" ] && wait $listener &&
        grep -qx 'b plant/x: hello' heard.txt
    result $? "members of the roster talk, from the first message on"
    run 0 fleet status --store control && grep -q '2 fresh' "$out"
    result $? "then nobody needs anybody"
    run 0 revoke --ca ca $k --sign ca/roles/revoker --store control $b --yes b && until_true newest revocations 1
    result $? "a revocation reaches store and head"
    refused() { "$pqi" send --dir d-b $k $b --to a --topic plant/x hello >"$out" 2>"$err"; [ $? = 1 ] && grep -q revoked "$err"; }
    until_true refused
    result $? "the revoked device knows it itself"
    run 0 fleet status --store control --all && grep -qE '^b +revoked' "$out"
    result $? "and the fleet's state shows it"
}
finish
