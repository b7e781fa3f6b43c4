#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pqi revoke: registry, store and broker in one command, the revoker's rate, and what is refused before
# anything is changed. Usage: revoke.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
for n in a b; do
    head -c 32 /dev/urandom >$n.key
done
k="--key-file a.key"
ca="--dir ca $k"
broker=
stop() {
    [ -z "$broker" ] || end "$broker"
    rm -rf "$tmp"
}
trap stop EXIT

# --- a fleet of four with a control plane ---
# shellcheck disable=SC2086
"$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 >"$out" || exit 1
hash=$(head -n 1 "$out")
mv ca/roles/head control
roles=ca/roles
# shellcheck disable=SC2086
{
    "$pqi" control init $k --manifest ca/root.cbor --root-hash "$hash" control >"$out" || exit 1
    "$pqi" role new --role revoker --alg ml-dsa-44 $k stranger >"$out"
    "$pqi" role new --role policy --alg ml-dsa-44 $k policy-9 >"$out"
    for d in a b c d e f; do
        "$pqi" device init --dir d-$d $k --id $d --root-hash "$hash" --out $d.factory &&
            "$pqi" ca allow $ca --factory $d.factory --scope plant/$d:pub:L &&
            "$pqi" ca challenge $ca --id $d --out $d.c && "$pqi" device join --dir d-$d $k --out $d.j $d.c &&
            "$pqi" ca issue $ca --out $d.g $d.j && "$pqi" device install --dir d-$d $k --out $d.ok $d.g &&
            "$pqi" ca confirm $ca $d.ok || exit 1
    done >"$out"
    "$pqi" ca roster $ca --publish control >"$out" && "$pqi" head make $k control >"$out" || exit 1
}
r="revoke --ca ca $k"
log_len() { # entries of the CA's log
    # shellcheck disable=SC2086
    "$pqi" ca show $ca --json | sed -n 's/.*"revocation_seq": \([0-9]*\).*/\1/p'
}

# --- refused, and nothing has changed ---
# shellcheck disable=SC2086
{
    usage_error "nobody would know" $r --sign $roles/revoker --yes a
    usage_error "no device" $r --sign $roles/revoker --store control --yes
    usage_error "no CA" revoke $k --store control --yes a
    said "no --yes and no terminal" 2 "this revokes a for ever" $r --sign $roles/revoker --store control a </dev/null
    said "several without --yes" 2 "this revokes 2 devices for ever" $r --sign $roles/revoker --store control a b </dev/null
    said "keys without --yes" 2 "this revokes the keys of a" $r --epoch 1 --sign $roles/revoker --store control a </dev/null
    said "no revoker" 1 "asks for the signature of 1 revoker key" $r --store control --yes a
    said "another revoker" 1 "does not name the revoker key" $r --sign stranger --store control --yes a
    said "a policy key as the revoker" 2 "holds a policy key, not a revoker key" $r --sign $roles/policy-1 --store control --yes a
    said "a revoker as a policy key" 2 "holds a revoker key, not a policy key" \
        $r --sign $roles/revoker --cosign stranger --store control --yes a
    said "the wrong key file" 1 "does not open" $r --sign $roles/revoker:key=b.key --store control --yes a
    said "one policy key of two" 1 "1 policy keys co-sign and 2 are needed" \
        $r --sign $roles/revoker --cosign $roles/policy-1 --store control --yes a
    said "a policy key that is not named" 1 "does not name the policy key" \
        $r --sign $roles/revoker --cosign policy-9 --cosign $roles/policy-1 --store control --yes a
    said "one policy key twice" 2 "twice" \
        $r --sign $roles/revoker --cosign $roles/policy-1 --cosign $roles/policy-1 --store control --yes a
    said "no store there" 3 "there is no control store" $r --sign $roles/revoker --store nowhere --yes a
    said "no broker there" 3 "does not answer" $r --sign $roles/revoker --broker 127.0.0.1:1 --yes a
    said "an unknown device" 1 "not on the allow-list" $r --sign $roles/revoker --store control --yes zz
    said "an epoch that is not there" 1 "has no key epoch" $r --epoch 7 --sign $roles/revoker --store control --yes a
    said "more than the revoker may alone" 1 "a revoker alone may revoke 1 of 6 devices" \
        $r --sign $roles/revoker --store control --yes a b
    [ "$(log_len)" = 0 ]
    result $? "the log is still empty"
}

# --- into the store ---
# shellcheck disable=SC2086
{
    run 0 $r --sign $roles/revoker --store control --reason 4 --yes a && grep -qx 'a: revoked' "$out" && grep -q 'store: log of 1' "$out"
    result $? "one device into the store"
    run 0 $r --sign $roles/revoker --store control --yes a && grep -qx 'a: revoked before' "$out" && [ "$(log_len)" = 1 ]
    result $? "again adds nothing, at the revoker's rate"
    said "a second one ahead of the head" 1 "and these are 2: policy keys must co-sign" \
        $r --sign $roles/revoker --store control --yes b
    run 0 $r --sign $roles/revoker --cosign $roles/policy-1 --cosign $roles/policy-3 --store control --yes b c &&
        grep -q 'store: log of 3' "$out"
    result $? "two more with policy keys"
    run 0 head make $k control && grep -q 'new revocations' "$out" && ! grep -q held "$out" &&
        run 0 head show --store control && grep -q '^revocations: 3' "$out"
    result $? "the next head names all three"
    run 0 control get --store control -o log.cbor revocations && run 0 inspect --root ca/root.cbor --json log.cbor && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert [e["roster_index"] for e in d["revoked"]] == [1, 2, 3] and d["revoked"][0]["reason"] == 4' "$out" 2>>"$err"
    result $? "the store has the log"
    run 0 $r --sign $roles/revoker --out whole.cbor --yes a && run 0 inspect --root ca/root.cbor whole.cbor && grep -q verified "$out"
    result $? "--out writes the whole log"
    # the registry has it and the store is out of reach: the same command does the rest
    mv control away && run 0 $r --sign $roles/revoker --out x.cbor --yes d && mv away control &&
        run 0 $r --sign $roles/revoker --store control --yes d && grep -qx 'd: revoked before' "$out" && grep -q 'store: log of 4' "$out"
    result $? "what the store missed follows later"
}

# --- to the broker ---
mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
if [ -z "$mosquitto" ] || ! command -v mosquitto_sub >/dev/null; then
    skip "the broker" "mosquitto is not installed"
    finish
    exit
fi
start_broker
mosquitto_sub -h 127.0.0.1 -p "$port" -t pq/4/w -C 1 -W 300 -N >delta.cbor &
sub=$!
until_true more_than 0 pq/4/w
# shellcheck disable=SC2086
{
    "$pqi" head make $k control >"$out"
    run 0 $r --sign $roles/revoker --store control --broker "127.0.0.1:$port" --yes e &&
        grep -q 'broker: entries 5 to 5 published' "$out" && grep -q 'store: log of 5' "$out" &&
        grep -q 'store: heads name the last 1 later' "$out"
    result $? "one device to store and broker"
    wait $sub
    run 0 inspect --root ca/root.cbor --json delta.cbor && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["from"] == 4 and d["count"] == 1 and d["signature"]["state"] == "verified"' "$out" 2>>"$err"
    result $? "what was added came at once on pq/4/w"
    mosquitto_sub -h 127.0.0.1 -p "$port" -t pq/4/v -C 1 -W 300 -N >whole.cbor
    run 0 inspect --root ca/root.cbor --json whole.cbor && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["from"] == 0 and d["count"] == 5 and d["signature"]["state"] == "verified"' "$out" 2>>"$err"
    result $? "the whole log is retained on pq/4/v"
    run 0 $r --sign $roles/revoker --cosign $roles/policy-1 --cosign $roles/policy-2 --store control --yes e &&
        ! grep -q 'later' "$out"
    result $? "policy keys sign it afterwards"
    run 0 head make $k --broker "127.0.0.1:$port" control && grep -q 'objects published' "$out" && ! grep -q held "$out"
    result $? "head make publishes"
    mosquitto_sub -h 127.0.0.1 -p "$port" -t pq/4/h -C 1 -W 300 -N >head.cbor
    run 0 head show --root ca/root.cbor head.cbor && grep -q '^revocations: 5' "$out"
    result $? "the newest head is retained on pq/4/h"
}
finish
