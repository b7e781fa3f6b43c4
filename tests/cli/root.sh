#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi root: the ceremony with all keys at one place and with each at its own, rotation, and what goes
# wrong. Usage: root.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
for k in a b; do
    head -c 32 /dev/urandom >$k.key
done

make_role() { # ROLE NAME
    "$pqi" role new --role "$1" --alg ml-dsa-44 --key-file a.key "$2" >"$2.txt" &&
        "$pqi" role export --key-file a.key -o "$2.pub" "$2" >"$out"
}
kid() { sed -n 's/^kid: *//p' "$1.txt"; }
checksum() { sed -n 's/^checksum: *//p' "$1.txt"; }
for n in 1 2 3 4; do make_role root r$n || exit 1; done
for n in 1 2 3; do make_role policy p$n || exit 1; done
make_role issuer i1 && make_role issuer i2 && make_role revoker v && make_role head h || exit 1

k="--key-file a.key"
keys="--key root=r1.pub --key root=r2.pub --key root=r3.pub --key policy=p1.pub --key policy=p2.pub
    --key policy=p3.pub --key issuer=i1.pub --key revoker=v.pub --key head=h.pub"
need="--threshold root=2 --threshold policy=2"

# --- all at one place ---
# shellcheck disable=SC2086
{
    run 0 root new --fleet plant-7 $keys $need $k --sign r1 --sign r2 -o root.cbor && [ ! -s "$err" ] &&
        grep -q '2 of 2 by its own keys' "$out"
    result $? "two of three root keys sign a manifest"
    hash=$(sed -n 's/^hash: *//p' "$out")
    run 0 root verify root.cbor --hash "$hash"
    result $? "it verifies, with its hash"
    run 0 root show root.cbor && grep -q "^hash: *$hash$" "$out"
    result $? "show says the hash"
    missing=
    for n in r1 r2 r3 p1 p2 p3 i1 v h; do
        grep -qF "$(checksum $n)" "$out" && grep -qF "$(kid $n)" "$out" || missing="$missing $n"
    done
    echo "missing:$missing" >"$err"
    [ -z "$missing" ] && [ "$(grep -c ' signed$' "$out")" = 2 ] && grep -q '^policy, 2 needed' "$out"
    result $? "show says every checksum and who signed"
    run 0 root show --json root.cbor && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["root_version"] == 1 and d["hash"] == sys.argv[2]
assert d["thresholds"] == {"root": 2, "issuer": 1, "policy": 2, "revoker": 1, "head": 1}
assert len(d["keys"]) == 9 and sum(k["signed"] for k in d["keys"]) == 2' "$out" "$hash" 2>>"$err"
    result $? "show --json"
    run 0 inspect --root root.cbor --root-hash "$hash" root.cbor && grep -q 'verified' "$out"
    result $? "inspect verifies it"
    run 0 root new --fleet plant-7 $keys $need $k --sign r2 --sign r3 -o again.cbor &&
        [ "$(sed -n 's/^hash: *//p' "$out")" = "$hash" ]
    result $? "other signers give the same hash"

    said "one signature of two" 1 "has 1 of 2 signatures" root new --fleet plant-7 $keys $need $k --sign r1 -o x.cbor
    said "who is missing is said" 1 "$(kid r3)" root new --fleet plant-7 $keys $need $k --sign r1 -o x.cbor
    said "one key twice" 2 "twice" root new --fleet plant-7 $keys $need $k --sign r1 --sign ./r1 -o x.cbor
    cp -r r1 r1.copy
    said "a copy of a key beside it" 1 "the same key" \
        root new --fleet plant-7 $keys $need $k --sign r1 --sign r1.copy -o x.cbor
    said "a key of another role signs" 1 "holds a policy key" root new --fleet plant-7 $keys $need $k --sign p1 -o x.cbor
    said "a root key that is not named" 1 "counts nothing" root new --fleet plant-7 $keys $need $k --sign r4 -o x.cbor
    said "the wrong key file" 1 "does not open" root new --fleet plant-7 $keys $need --key-file b.key --sign r1 -o x.cbor
    said "a threshold above the keys" 1 "and there are 3" \
        root new --fleet plant-7 $keys --threshold root=4 $k --sign r1 -o x.cbor
    said "a threshold of a role without keys" 1 "there is none" \
        root new --fleet plant-7 --key root=r1.pub --threshold policy=2 $k --sign r1 -o x.cbor
    said "two issuers must sign" 1 "would refuse everything" root new --fleet plant-7 $keys --key issuer=i2.pub \
        --threshold issuer=2 $k --sign r1 -o x.cbor
    said "no root key" 1 "needs a root key" root new --fleet plant-7 --key issuer=i1.pub $k --sign r1 -o x.cbor
    said "a record of another role" 1 "is the record of a policy key" \
        root new --fleet plant-7 --key root=p1.pub $k --sign r1 -o x.cbor
    said "a record twice" 1 "twice" \
        root new --fleet plant-7 --key root=r1.pub --key root=r1.pub $k --sign r1 -o x.cbor
    flip r1.pub 200 bad.pub
    said "a damaged record" 1 "altered" root new --fleet plant-7 --key root=bad.pub $k --sign r1 -o x.cbor
    head -c 4000 root.cbor >part
    said "a piece of a manifest as a record" 1 "not a valid role record" \
        root new --fleet plant-7 --key root=part $k --sign r1 -o x.cbor
    said "a missing record" 3 "cannot open" root new --fleet plant-7 --key root=none $k --sign r1 -o x.cbor
    usage_error "a role that is none" root new --fleet plant-7 --key king=r1.pub $k --sign r1
    usage_error "a threshold of nothing" root new --fleet plant-7 $keys --threshold root=0 $k --sign r1
    usage_error "a threshold that is no number" root new --fleet plant-7 $keys --threshold root=2x $k --sign r1
    usage_error "nobody signs" root new --fleet plant-7 $keys $k
    usage_error "no fleet" root new $keys $k --sign r1
    [ ! -e x.cbor ]
    result $? "nothing refused was written"
    if [ -w /dev/full ]; then
        run 3 root new --fleet plant-7 $keys $need $k --sign r1 --sign r2 --out /dev/full && grep -q 'cannot write' "$err"
        result $? "a full disk is said"
    fi
}

# --- each key at its own place ---
# shellcheck disable=SC2086
{
    run 0 root new --fleet plant-7 $keys $need $k --sign r1 --partial -o s1.cbor && grep -q '1 of 2 by its own' "$out"
    result $? "--partial writes a manifest with one signature"
    said "it does not verify yet" 1 "has 1 of 2 signatures" root verify s1.cbor
    said "one signer signs again" 1 "has signed it already" root sign s1.cbor --sign r1 $k -o x.cbor
    said "a stranger signs" 1 "counts nothing" root sign s1.cbor --sign r4 $k -o x.cbor
    run 0 root sign s1.cbor --sign r3 $k -o s2.cbor && run 0 root verify s2.cbor --hash "$hash"
    result $? "the second signs elsewhere"
    run 0 root sign s2.cbor --sign r2:key=a.key -o s2.cbor && grep -q '3 of 2 by its own' "$out"
    result $? "more than enough is no fault, in place"
    run 0 root new --fleet plant-7 $keys $need $k --sign r2 --partial -o t1.cbor &&
        run 0 root merge s1.cbor t1.cbor -o t2.cbor && run 0 root verify t2.cbor
    result $? "signatures made side by side are merged"
    run 0 root merge t2.cbor s2.cbor s1.cbor -o t3.cbor && grep -q '3 of 2 by its own' "$out"
    result $? "copies with the same signatures are merged"
    run 0 root new --fleet plant-8 $keys $need $k --sign r1 --partial -o other.cbor
    said "another manifest is not merged" 1 "another manifest" root merge s1.cbor other.cbor -o x.cbor
    said "what is no manifest is not merged" 1 "cannot be put together" root merge s1.cbor r1.pub -o x.cbor
    usage_error "merge of one" root merge s1.cbor
    size=$(wc -c <root.cbor)
    for at in 60 $((size / 2)) $((size - 50)); do
        flip root.cbor $at bad.cbor
        run 1 root verify bad.cbor && clear_error
        result $? "a manifest with a flipped byte at $at is refused"
    done
    said "another hash" 1 "its hash is not" root verify other.cbor --hash "$hash"
    said "a record is no manifest" 1 "is not a root manifest" root show r1.pub
    [ ! -e x.cbor ]
    result $? "nothing refused was written here"
}

# --- rotation: r1 goes, r4 comes, a second issuer ---
# shellcheck disable=SC2086
{
    r="root rotate root.cbor --remove-key $(kid r1) --add-key root=r4.pub --add-key issuer=i2.pub $k"
    run 0 $r --sign r2 --sign r3 -o root2.cbor && grep -q '2 of 2 by its own keys, 2 of 2 by version 1' "$out"
    result $? "two keys of both versions sign version 2"
    run 0 root verify root2.cbor --from root.cbor && grep -q 'version 2' "$out"
    result $? "it verifies from version 1"
    run 0 root show root2.cbor --from root.cbor && ! grep -qF "$(kid r1)" "$out" && grep -qF "$(kid i2)" "$out"
    result $? "it names the new keys and not the old one"
    run 0 $r --sign r1 --sign r2 --sign r4 -o x2.cbor && run 0 root verify x2.cbor --from root.cbor
    result $? "old and new keys sign together"
    said "the new keys alone are not enough" 1 "has 1 of 2 signatures by root keys of version 1" $r --sign r2 --sign r4 -o x.cbor
    said "the old keys alone are not enough" 1 "has 1 of 2 signatures by root keys of version 2" $r --sign r1 --sign r2 -o x.cbor
    said "the kid is not there" 1 "has no key" root rotate root.cbor --remove-key "$(kid r4)" $k --sign r1 -o x.cbor
    said "too few keys are left" 1 "and there are 1" root rotate root.cbor --remove-key "$(kid r1)" \
        --remove-key "$(kid r2)" $k --sign r3 -o x.cbor
    said "verify without what leads to it" 2 "needs --from or --hash" root verify root2.cbor
    said "verify from itself" 1 "does not follow version 2" root verify root2.cbor --from root2.cbor
    run 0 root new --fleet plant-8 $keys $need $k --sign r1 --sign r2 -o other.cbor
    said "verify from another fleet" 1 "of another fleet" root verify root2.cbor --from other.cbor
    run 0 root rotate root2.cbor --threshold root=3 $k --sign r2 --sign r3 --sign r4 -o root3.cbor &&
        run 0 root verify root3.cbor --from root2.cbor
    result $? "version 3 with a higher threshold"
    said "a version cannot be left out" 1 "does not follow version 1" root verify root3.cbor --from root.cbor
    run 0 $r --sign r2 --partial -o u1.cbor && run 0 root sign u1.cbor --from root.cbor --sign r1 $k -o u2.cbor &&
        run 0 root sign u2.cbor --from root.cbor --sign r4 $k -o u3.cbor && run 0 root verify u3.cbor --from root.cbor
    result $? "a rotation signed one by one"
    said "an old key without --from" 1 "counts nothing" root sign u1.cbor --sign r1 $k -o x.cbor
    [ ! -e x.cbor ]
    result $? "nothing refused was written in the rotation"
}
for words in "role new" "role show" "role export" "root new" "root sign" "root merge" "root show" "root rotate" \
    "root verify"; do
    # shellcheck disable=SC2086
    run 0 $words --help && grep -q '^Usage: pqi' "$out" && grep -q '^Example: ' "$out"
    result $? "$words --help has an example"
done
finish
