#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A CA under an offline root and the store of a control plane: pqi ca init --manifest and --control, ca root,
# roster, renew, issue --all; pqi control, pqi head, pqi policy publish. Usage: control.sh BUILD_DIR
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

make_role() { # ROLE NAME
    "$pqi" role new --role "$1" --alg ml-dsa-44 --key-file a.key "$2" >"$2.txt" &&
        "$pqi" role export --key-file a.key -o "$2.pub" "$2" >"$out"
}
for n in 1 2; do make_role root r$n || exit 1; done
for n in 1 2; do make_role policy p$n || exit 1; done
for n in 1 2; do make_role issuer i$n || exit 1; done
make_role revoker v && make_role head control && make_role head other || exit 1
keys="--key root=r1.pub --key root=r2.pub --threshold root=2 --key policy=p1.pub --key policy=p2.pub
    --threshold policy=2 --key revoker=v.pub --key head=control.pub"
# shellcheck disable=SC2086
"$pqi" root new --fleet plant-7 $keys --key issuer=i1.pub $k --sign r1 --sign r2 -o root.cbor >"$out" || exit 1
hash=$("$pqi" root show root.cbor | sed -n 's/^hash: *//p')
# shellcheck disable=SC2086 # words
join() { # NAME: up to the request
    "$pqi" device init --dir "d-$1" $k --id "$1" --root-hash "$hash" --out "$1.factory" &&
        "$pqi" ca allow $ca --factory "$1.factory" --scope "plant/$1:pub:L" &&
        "$pqi" ca challenge $ca --id "$1" --out "$1.challenge" &&
        "$pqi" device join --dir "d-$1" $k --out "req/$1.join" "$1.challenge"
}

# --- a CA under an offline root ---
# shellcheck disable=SC2086
{
    said "another name than the ceremony's" 1 "not of a fleet named plant-8" \
        ca init $ca --manifest root.cbor --issuer i1 --fleet plant-8
    said "an issuer that is not named" 1 "does not name this issuer" \
        ca init $ca --manifest root.cbor --issuer i2 --fleet plant-7
    said "a key that is no issuer's" 1 "holds no issuer key" ca init $ca --manifest root.cbor --issuer v --fleet plant-7
    said "another hash" 1 "its hash is not" \
        ca init $ca --manifest root.cbor --issuer i1 --fleet plant-7 --root-hash "$(echo "$hash" | tr 0-9 1-90)"
    "$pqi" root new --fleet plant-7 $keys --key issuer=i1.pub $k --sign r1 --partial -o half.cbor >"$out"
    said "a manifest that lacks a signature" 1 "is not signed by as many" \
        ca init $ca --manifest half.cbor --issuer i1 --fleet plant-7
    usage_error "a manifest without an issuer" ca init $ca --manifest root.cbor --fleet plant-7
    usage_error "a root directory beside it" ca init $ca --manifest root.cbor --issuer i1 --root-dir x --fleet plant-7
    usage_error "none of the three" ca init $ca --fleet plant-7
    done_with "ca init --manifest" "$hash" ca init $ca --manifest root.cbor --issuer i1 --fleet plant-7 --root-hash "$hash"
    done_with "the same again" "$hash" ca init $ca --manifest root.cbor --issuer i1 --fleet plant-7
    said "with another manifest" 1 "is already a CA with another root" \
        ca init $ca --manifest half.cbor --issuer i1 --fleet plant-7
    done_with "ca show tells the issuer" "issuer in:" ca show $ca
    mkdir req grants first
    "$pqi" device init --dir d-x $k --id x --root-hash "$hash" --out x.factory >"$out" &&
        "$pqi" ca allow $ca --factory x.factory --scope plant/x:pub:L >"$out" || exit 1
    run 0 ca renew $ca --new first && grep -q '^1 devices have no certificate yet' "$out" && [ -s first/x.challenge ] &&
        run 0 device join --dir d-x $k --out x.join first/x.challenge
    result $? "renew --new makes a challenge for a first join"
    for d in a b c; do join $d || bad=$((bad + 1)); done >"$out" 2>"$err"
    mv i1 i1.away
    said "the issuer key is not there" 3 "there is no role key" ca issue $ca --out x req/a.join
    mv i1.away i1
    said "another issuer key is not named" 1 "does not name" ca issue $ca --issuer i2 --out x req/a.join
    echo rubbish >req/zz.join
    run 1 ca issue $ca --all req grants && grep -q 'issued 3 of 4' "$out" && grep -q 'req/zz.join' "$err" &&
        [ -s grants/a.grant ] && [ -s grants/b.grant ] && [ -s grants/c.grant ] && [ ! -e grants/zz.grant ]
    result $? "issue --all goes on after a bad request and says which"
    rm req/zz.join
    run 0 ca issue $ca --all req grants && grep -q 'issued 3 of 3' "$out" && [ "$(grep -c 'issued before' "$out")" = 3 ]
    result $? "and again gives the same grants"
    said "issue --all without a directory for the grants" 3 "is not a directory" ca issue $ca --all req nowhere
    mkdir empty
    said "issue --all of an empty directory" 1 "there is no request" ca issue $ca --all empty grants
    usage_error "issue --all with one operand" ca issue $ca --all req
    for d in a b c; do
        "$pqi" device install --dir d-$d $k --out $d.ok grants/$d.grant && "$pqi" ca confirm $ca $d.ok || bad=$((bad + 1))
    done >"$out" 2>"$err"
    mkdir due
    run 0 ca renew $ca due && grep -q '^0 devices' "$out" && [ ! -e due/a.challenge ]
    result $? "renew: nothing is due"
    run 0 ca renew $ca --days 400 due && grep -q '^3 devices' "$out" && [ -s due/b.challenge ]
    result $? "renew makes a challenge for each that is"
    said "renew into no directory" 3 "cannot write" ca renew $ca --days 400 nowhere
}

# --- the store of a control plane ---
# shellcheck disable=SC2086
{
    said "no store yet" 3 "there is no control store" control status --store control
    [ ! -e control/control.db ]
    result $? "and looking makes none"
    said "init asks whose root it is" 2 "is $("$pqi" root show root.cbor | sed -n 's/^checksum: *//p') its checksum" \
        control init $k --manifest root.cbor control </dev/null
    said "init with another hash" 1 "its hash is not" \
        control init $k --manifest root.cbor --root-hash "$(echo "$hash" | tr 0-9 1-90)" control
    said "init with a head key that is not named" 1 "does not name the head key" \
        control init $k --manifest root.cbor --root-hash "$hash" other
    said "init with another key" 1 "holds a revoker key" control init $k --manifest root.cbor --root-hash "$hash" v
    said "init with the wrong key file" 1 "does not open" \
        control init --key-file b.key --manifest root.cbor --root-hash "$hash" control
    said "init without a signature" 1 "" control init $k --manifest half.cbor --root-hash "$hash" control
    run 0 control init $k --manifest root.cbor --root-hash "$hash" control && [ -s control/control.db ]
    result $? "init"
    run 0 control init $k --manifest root.cbor --root-hash "$hash" control
    result $? "init again changes nothing"
    said "no head yet" 1 "no head yet" head show --store control
    said "no policy yet" 1 "has no policy yet" control get --store control -o x policy
    run 0 ca roster $ca -o r1.cbor --leaves r1.csv && grep -q 'roster 1 of 3 devices' "$out" && [ "$(wc -l <r1.csv)" = 4 ]
    result $? "ca roster"
    run 0 inspect --root root.cbor r1.cbor && grep -q 'verified' "$out"
    result $? "inspect verifies it"
    said "a roster without its members" 2 "needs --leaves" control put --store control r1.cbor
    sed 's/,b,/,bb,/' r1.csv >names.csv
    sed '2s/[0-9a-f]\{8\}/00000000/' r1.csv >hash.csv
    sed '3d' r1.csv >short.csv
    sed '2s/,[^,]*$//' r1.csv >line.csv
    said "with a member's certificate changed" 1 "" control put --store control --leaves hash.csv r1.cbor
    said "with a member missing" 1 "" control put --store control --leaves short.csv r1.cbor
    said "with a line that is none" 1 "line 2 is not" control put --store control --leaves line.csv r1.cbor
    done_with "control put of a roster" "roster stored" control put --store control --leaves r1.csv r1.cbor
    done_with "and again" "was there already" control put --store control --leaves r1.csv r1.cbor
    done_with "ca roster --publish" "roster of 3 devices is in the store" ca roster $ca --publish control
    said "put of something else" 1 "is no object of a control plane" control put --store control a.factory
    flip r1.cbor 1000 bad.cbor
    said "put of a damaged roster" 1 "" control put --store control --leaves r1.csv bad.cbor

    echo 'version = 2' >policy.txt
    echo 'ttl-ticks = 100' >>policy.txt
    "$pqi" policy sign --root root.cbor $k --seq 1 --sign p1 --sign p2 -o policy.cbor policy.txt >"$out"
    "$pqi" policy sign --root root.cbor $k --seq 2 --sign p1 --partial -o weak.cbor policy.txt >"$out"
    run 2 policy publish --store control policy.cbor </dev/null && grep -q 'what every device of the fleet allows' "$err" &&
        grep -qx -- '+ ttl-ticks = 100' "$out"
    result $? "policy publish shows what changes and asks"
    run 1 policy publish --store control --yes weak.cbor && grep -q 'not signed' "$err"
    result $? "a policy without its quorum"
    said "a text" 1 "nobody signed it" policy publish --store control --yes policy.txt
    run 0 policy publish --store control --yes policy.cbor && grep -qx -- '+ ttl-ticks = 100' "$out" && grep -q 'is in the store' "$out"
    result $? "policy publish says what changes"
    done_with "and again" "was there already" policy publish --store control --yes policy.cbor
    run 0 control get --store control -o got.cbor policy && cmp -s got.cbor policy.cbor
    result $? "control get gives the policy back"

    said "head make with the wrong key" 1 "does not open" head make --key-file b.key control
    said "head make without a store" 3 "there is no control store" head make $k other
    run 0 head make $k control && grep -q 'head epoch 1 made' "$out"
    result $? "head make"
    run 0 head make $k control && grep -q 'head epoch 1, nothing new' "$out"
    result $? "nothing new makes no head"
    run 0 head make $k --force control && grep -q 'head epoch 2 made: it was asked for' "$out"
    result $? "--force does"
    run 0 head show --store control --root root.cbor && grep -q '^policy: *1, ' "$out" && grep -q '^roster: *2, ' "$out" &&
        grep -q 'of 3 devices' "$out" && grep -q '^signature: *verified' "$out"
    result $? "head show"
    run 0 head show --store control --json && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["head_epoch"] == 2 and d["policy_seq"] == 1 and d["roster_seq"] == 2 and d["roster_size"] == 3' "$out" 2>>"$err"
    result $? "head show --json"
    run 0 control get --store control -o head.cbor head && run 0 head show --root root.cbor head.cbor
    result $? "head show of a file"
    flip head.cbor 1000 bad.cbor
    said "a head that is altered" 1 "is not signed by a head key" head show --root root.cbor bad.cbor
    said "a policy is no head" 1 "is no head" head show policy.cbor
    run 0 control status --store control && grep -q '^roster: *2 *2 ' "$out" && grep -q 'epoch 2' "$out"
    result $? "control status"
    run 0 control status --store control --json && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["head_epoch"] == 2 and d["head_roster"] == 2 and d["root_hash"] == sys.argv[2]' "$out" "$hash" 2>>"$err"
    result $? "control status --json"
    run 0 control log --store control && [ "$(wc -l <"$out")" -ge 6 ] && grep -q 'policy' "$out"
    result $? "control log"
    run 0 control log --store control --from 3 --json && python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))[0]["seq"] == 3' "$out" 2>>"$err"
    result $? "control log --from --json"
    done_with "control check" "whole" control check --store control
    done_with "control backup" "backup in copy" control backup --store control copy
    said "over something" 1 "" control backup --store control copy
    cp -r control lost && rm lost/control.db
    said "restore asks" 2 "skips epochs" control restore $k lost copy </dev/null
    size=$(wc -c <copy)
    flip copy $((size / 2)) copy.bad
    said "restore of a damaged copy" 3 "" control restore $k --yes lost copy.bad
    rm -f lost/control.db
    done_with "restore" "restored" control restore $k --yes lost copy
    run 0 head make $k --force lost && run 0 head show --store lost --json && python3 -c '
import json, sys
assert json.load(open(sys.argv[1]))["head_epoch"] > 1000' "$out" 2>>"$err"
    result $? "its next head skips epochs"
    said "recover asks" 2 "skips epochs" control recover $k control </dev/null
    # a store that is older than its keys remember
    cp control/control.db old.db
    run 0 head make $k --force control && cp old.db control/control.db && run 3 head make $k control &&
        grep -q 'RECOVERY' "$err"
    result $? "a store that went back is refused"
    done_with "recover" "the next head has epoch" control recover $k --yes control
    run 0 head make $k --force control && grep -q 'made: it was asked for' "$out"
    result $? "and heads go on"
}

# --- the root changes: a second issuer, then the first one goes ---
# shellcheck disable=SC2086
{
    run 1 ca revoke $ca --yes --out rev.cbor c && grep -q 'names a revoker' "$err"
    result $? "ca revoke --out needs the revoker's key"
    run 0 ca revoke $ca --yes --sign v --out rev.cbor c && run 0 inspect --root root.cbor rev.cbor && grep -q verified "$out"
    result $? "and with it the log is signed"
    said "export without the revoker" 1 "names a revoker" ca export $ca --out x revocations
    run 0 ca export $ca --sign v --out log.cbor revocations
    result $? "export with the revoker"
    "$pqi" root rotate root.cbor --add-key issuer=i2.pub $k --sign r1 --sign r2 -o root2.cbor >"$out"
    kid1=$(sed -n 's/^kid: *//p' i1.txt)
    "$pqi" root rotate root2.cbor --remove-key "$kid1" $k --sign r1 --sign r2 -o root3.cbor >"$out"
    said "a version cannot be left out" 1 "one after the other" ca root $ca root3.cbor
    "$pqi" root rotate root.cbor --add-key issuer=i2.pub $k --sign r1 --partial -o weak2.cbor >"$out"
    said "a version without its signatures" 1 "not signed by enough" ca root $ca weak2.cbor
    run 0 ca root $ca --issuer i2 root2.cbor && grep -q 'root version 2 in force, its log of revocations begins with 1' "$out"
    result $? "ca root installs version 2 with a new issuer"
    done_with "and again" "in force already" ca root $ca root2.cbor
    # devices follow: by hand, and with a renewal that the new issuer signed
    said "a device does not leave a version out" 1 "one after the other" device root --dir d-a $k root3.cbor
    said "nor takes one without signatures" 1 "not signed by the pinned one" device root --dir d-a $k weak2.cbor
    "$pqi" root new --fleet plant-8 $keys --key issuer=i1.pub $k --sign r1 --sign r2 -o alien.cbor >"$out"
    "$pqi" root rotate alien.cbor --threshold root=1 $k --sign r1 --sign r2 -o alien2.cbor >"$out"
    said "nor one of another fleet" 1 "not signed by the pinned one" device root --dir d-a $k alien2.cbor
    said "nor rubbish" 1 "no root manifest" device root --dir d-a $k a.factory
    "$pqi" device init --dir d-new $k --id new --root-hash "$hash" --out new.factory >"$out"
    said "nor before it has joined" 1 "has not joined yet" device root --dir d-new $k root2.cbor
    done_with "device root" "root version 2 is pinned" device root --dir d-a $k root2.cbor
    done_with "and again" "root version 2 is pinned" device root --dir d-a $k root2.cbor
    run 0 device status --dir d-a $k && grep -q "$("$pqi" root show root2.cbor | sed -n 's/^hash: *//p')" "$out"
    result $? "status shows the new pin"
    said "and not back" 1 "one after the other" device root --dir d-a $k root.cbor
    run 0 ca challenge $ca --id b --out b.c2 && run 0 device join --dir d-b $k --out b.j2 b.c2 &&
        run 0 ca issue $ca --out b.g2 b.j2 && run 0 device install --dir d-b $k --out b.k2 b.g2 && run 0 ca confirm $ca b.k2 &&
        run 0 device status --dir d-b $k --json && grep -q '"root_version": 2' "$out" && grep -q '"key_epoch": 2' "$out"
    result $? "a grant under the next root brings it along"
    run 0 ca export $ca --out m1.cbor --version 1 manifest && cmp -s m1.cbor root.cbor &&
        run 0 ca export $ca --out m2.cbor manifest && cmp -s m2.cbor root2.cbor
    result $? "export gives both versions"
    said "and no other" 1 "no root version 9" ca export $ca --out x --version 9 manifest
    run 0 control put --store control root2.cbor && run 0 ca roster $ca --publish control
    result $? "the store takes version 2 and a roster of the new issuer"
    run 0 head make $k control && run 0 head show --store control --json && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["root_version"] == 2 and d["roster_size"] == 2 and d["head_epoch"] == 1' "$out" 2>>"$err"
    result $? "its heads begin anew"
    run 0 ca export $ca --sign v --out log2.cbor revocations && run 0 inspect --root root2.cbor --json log2.cbor &&
        python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["root_version"] == 2 and d["count"] == 1' "$out" 2>>"$err"
    result $? "the log begins anew with what is in force"
    said "the old issuer goes: asks" 2 "this ends 1 certificates" ca root $ca root3.cbor </dev/null
    run 0 ca show $ca && grep -q 'version 2' "$out"
    result $? "and nothing has changed"
    run 0 ca root $ca --yes root3.cbor && grep -q '1 certificates ended' "$out"
    result $? "--yes installs it"
    said "a device whose issuer is gone says so" 1 "does not name the issuer" device root --dir d-a $k root3.cbor
    done_with "one of the new issuer goes on" "root version 3 is pinned" device root --dir d-b $k root3.cbor
}

# --- everything on one machine ---
# shellcheck disable=SC2086
{
    run 0 ca init --dir all $k --control --fleet plant-9 && grep -qE '^[0-9a-f]{64}$' "$out" && cp "$out" all.txt
    result $? "ca init --control"
    run 0 ca init --dir all $k --control --fleet plant-9 && cmp -s "$out" all.txt
    result $? "and again"
    run 0 root show all/root.cbor && grep -q '^root, 2 needed' "$out" && grep -q '^policy, 2 needed' "$out" &&
        [ "$(grep -c '^  ' "$out")" = 9 ]
    result $? "its manifest names nine keys"
    for r in root-1 root-2 root-3 policy-1 policy-2 policy-3 revoker head issuer; do
        run 0 role show $k all/roles/$r || result 1 "the role $r"
    done
    result $? "each of them opens"
    usage_error "--control beside --root-dir" ca init --dir x $k --control --root-dir y --fleet plant-9
    # a quick start CA takes part in a ceremony
    run 0 ca init --dir q $k --root-dir q-root --fleet plant-5 && run 0 role export $k -o q.pub q &&
        grep -q '^issuer key' "$out" && run 0 role export $k -o q-root.pub q-root && grep -q '^root key' "$out" &&
        run 0 ca export --dir q $k --out q1.cbor manifest &&
        run 0 root rotate q1.cbor --add-key head=control.pub --add-key revoker=v.pub $k --sign q-root -o q2.cbor &&
        run 0 ca root --dir q $k q2.cbor && grep -q 'root version 2' "$out"
    result $? "a CA of before gets a control plane by a rotation"
}
for words in "ca root" "ca roster" "ca renew" "control init" "control put" "control get" "control status" "control log" \
    "control check" "control backup" "control restore" "control recover" "head show" "head make" "policy publish"; do
    # shellcheck disable=SC2086
    run 0 $words --help && grep -q '^Usage: pqi' "$out" && grep -q '^Example: ' "$out"
    result $? "$words --help has an example"
done
finish
