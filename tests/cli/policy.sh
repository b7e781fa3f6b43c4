#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi policy: text to object, signatures collected, differences, and what is refused.
# Usage: policy.sh BUILD_DIR
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
for n in 1 2; do make_role root r$n || exit 1; done
for n in 1 2 3 4; do make_role policy p$n || exit 1; done
make_role issuer i || exit 1
k="--key-file a.key"
keys="--key root=r1.pub --key root=r2.pub --key issuer=i.pub"
policies="--key policy=p1.pub --key policy=p2.pub --key policy=p3.pub --threshold policy=2"
# shellcheck disable=SC2086
"$pqi" root new --fleet plant-7 $keys $policies $k --sign r1 -o root.cbor >"$out" &&
    "$pqi" root new --fleet plant-8 $keys $policies $k --sign r1 -o other.cbor >"$out" &&
    "$pqi" root new --fleet plant-7 $keys $k --sign r1 -o none.cbor >"$out" &&
    "$pqi" root rotate root.cbor --threshold root=1 $k --sign r1 -o root2.cbor >"$out" || exit 1

# --- text ---
run 0 policy new -o new.txt && [ ! -s "$out" ] && run 0 policy show new.txt && cp "$out" shown.txt &&
    run 0 policy show shown.txt && cmp -s "$out" shown.txt
result $? "what new writes is read, and show gives it back"
echo 'version = 2' >short.txt
run 0 policy diff new.txt short.txt && [ ! -s "$out" ]
result $? "new says the default of every key"
cat >full.txt <<'END'
# every key, with another value than its default
version = 2
min-level = 3
forbid = not-standardised, pre-standard, not-misuse-resistant
modes = S, K
sessions = require   # a comment behind a value
flags = roster, delegates no-rollback, attest
tick-seconds = 60
fresh = 5
aged = 49
stale = 721
grace-seconds = 0
assurance-L = hw-rng
assurance-M = no-rollback, non-exportable
assurance-H = attested-boot
min-revocations = 7
ttl-ticks = 8
rev-ahead-permille = 9
local-ticks-max = 10
max-step-seconds = 60
acl = * plant/public sub L
acl = control-1 plant pub+sub L+M+H+S
fail-safe = plant/stop
fail-safe = plant/a/stop
END
run 0 policy show full.txt && cp "$out" full.shown && [ "$(wc -l <full.shown)" = 23 ] && run 0 policy diff full.txt full.shown
result $? "every key is read and shown"
run 1 policy diff new.txt full.txt && [ ! -s "$err" ] && [ "$(grep -c '^-' "$out")" = 18 ] &&
    [ "$(grep -c '^+' "$out")" = 22 ] && grep -qx -- '- fresh = 4' "$out" && grep -qx -- '+ fresh = 5' "$out" &&
    grep -qx -- '+ fail-safe = plant/stop' "$out"
result $? "diff names every key that differs"
sed 's/plant\/public sub/plant\/public pub+sub/' full.txt >acl.txt
run 1 policy diff full.txt acl.txt && [ "$(wc -l <"$out")" = 2 ] &&
    grep -qx -- '- acl = \* plant/public sub L' "$out" && grep -qx -- '+ acl = \* plant/public pub+sub L' "$out"
result $? "diff shows a changed row"
sed -n '/^acl/!p' full.txt >turned.txt
grep '^acl' full.txt | tac >>turned.txt
run 0 policy diff full.txt turned.txt
result $? "the order of rows means nothing"
run 0 policy show --json full.txt && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["fresh"] == 5 and d["sessions"] == "require" and d["modes"] == ["S", "K"]
assert d["acl"][0]["subject"] is None and d["acl"][1]["classes"] == ["L", "M", "H", "S"]
assert d["fail-safe"] == ["plant/stop", "plant/a/stop"] and len(d) == 21' "$out" 2>>"$err"
result $? "show --json"

bad() { # LINE TEXT: a text with this line at its end is refused, with its number
    printf 'version = 2\n\n# a comment\n%s\n' "$1" >bad.txt
    said "refused: $(printf '%s' "$1" | tr '#' '*')" 1 "line 4: $2" policy show bad.txt # TAP knows # too
}
bad "fesh = 4" 'unknown key "fesh"'
bad "fresh 4" '"fresh 4" is not key = value'
bad "fresh = 4x" "a value that fresh does not take"
bad "fresh = -1" "a value that fresh does not take"
bad "fresh =" "a value that fresh does not take"
bad "fresh = 4294967296" "a value that fresh does not take"
bad "fresh = 99999999999999999999999" "a value that fresh does not take"
bad "tick-seconds = 86401" "a value that tick-seconds does not take"
bad "max-step-seconds = 59" "a value that max-step-seconds does not take"
bad "sessions = off" "a value that sessions does not take"
bad "flags = roster, roster" "a value that flags does not take"
bad "flags = roster, tea" "a value that flags does not take"
bad "modes = none" "a value that modes does not take"
bad "version = 2" "version stands there twice"
bad "acl = pump-1 plant pub" "an acl is SUBJECT PREFIX RIGHTS CLASSES"
bad "acl = pump-1 plant pub L more" "an acl is SUBJECT PREFIX RIGHTS CLASSES"
bad "acl = pump/1 plant pub L" '"pump/1" is no device id'
bad "acl = pump-1 plant/# pub L" '"plant/#" is no prefix of topics'
bad "acl = pump-1 plant/ pub L" '"plant/" is no prefix of topics'
bad "acl = pump-1 plant read L" "rights are pub"
bad "acl = pump-1 plant pub X" "classes are L, M, H, S"
bad "fail-safe = plant/+/stop" '"plant/+/stop" is no prefix of topics'
bad "fail-safe = a b" "fail-safe takes one prefix"
bad 'fail-safe = a\b' 'a \ in a prefix is written'
bad 'fail-safe = a\x2' 'a \ in a prefix is written'
bad 'acl = * a\x00b pub L' 'a \ in a prefix is written'
bad 'acl = * a\x2b pub L' '"a+" is no prefix of topics'
printf 'version = 2\nfresh = 4\nfresh = 5\n' >bad.txt
said "a key twice" 1 "line 3: fresh stands there twice" policy show bad.txt
printf 'version = 2\nfresh = 48\n' >bad.txt
said "ages that do not ascend" 1 "do not ascend" policy show bad.txt
printf 'fresh = 4\nversion = 2\n' >bad.txt
said "version not in front" 1 "line 1: version stands before everything else" policy show bad.txt
printf 'version = 3\n' >bad.txt
said "a version to come" 1 "version is 1 or 2" policy show bad.txt
printf 'version = 1\nlocal-ticks-max = 5\n' >bad.txt
said "a key of version 2 in version 1" 1 "line 2: version 1 has no local-ticks-max" policy show bad.txt
: >bad.txt
said "an empty text" 1 "no version" policy show bad.txt
printf 'version = 2\n\000\n' >bad.txt
said "a NUL" 1 "NUL" policy show bad.txt
{ echo "version = 2"; for i in $(seq 33); do echo "acl = pump-$i plant pub L"; done; } >bad.txt
said "too many rows" 1 "line 34: there are more acl lines" policy show bad.txt
{ echo "version = 2"; for i in $(seq 9); do echo "fail-safe = plant/$i"; done; } >bad.txt
said "too many fail-safe topics" 1 "line 10: there are more fail-safe lines" policy show bad.txt
printf 'version = 2\n\033[31m = 1\n' >bad.txt
run 1 policy show bad.txt && ! grep -q "$(printf '\033')" "$err"
result $? "an error message does not steer the terminal"

# --- signing ---
s="policy sign --root root.cbor $k"
# shellcheck disable=SC2086
{
    run 0 $s --seq 3 --tick-base 40 --sign p1 --sign p3 -o full.cbor full.txt && grep -q '2 of 2 signatures' "$out" && [ ! -s "$err" ]
    result $? "two of three policy keys sign a text"
    # whoever makes the object chooses the bytes of its prefixes: nothing of them is another line for who co-signs
    python3 -c '
import sys
b = open("full.cbor", "rb").read()
assert b.count(b"plant/a/stop") == 1 and b.count(b"plant/public") == 1
b = b.replace(b"plant/a/stop", b"p\nfresh = 4\x1b").replace(b"plant/public", b"a pub L\r\xc2\x9b2K")
open("steer.cbor", "wb").write(b)'
    run 0 policy show steer.cbor && [ "$(grep -c '^fresh' "$out")" = 1 ] && grep -qx 'fresh = 5' "$out" &&
        grep -qxF 'fail-safe = p\x0afresh\x20=\x204\x1b' "$out" && grep -qxF 'acl = * a\x20pub\x20L\x0d\xc2\x9b2K sub L' "$out" &&
        run 1 policy diff full.cbor steer.cbor && [ "$(wc -l <"$out")" = 4 ]
    result $? "prefixes of a policy show as one word each"
    run 0 policy show steer.cbor && cp "$out" steer.txt && run 0 policy diff steer.cbor steer.txt
    result $? "and are read back from there as they were"
    run 0 policy verify --root root.cbor full.cbor
    result $? "it verifies"
    run 0 policy show --root root.cbor full.cbor && grep -q '^# policy 3, .* made at tick 40' "$out" &&
        grep -q '^# signed by 2 of 2' "$out" && cp "$out" again.txt && run 0 policy diff full.txt full.cbor &&
        run 0 policy diff full.cbor again.txt
    result $? "the object says what the text says"
    run 0 policy show --json full.cbor && grep -q '"seq": 3' "$out" && grep -q '"tick_base": 40' "$out"
    result $? "show --json of an object has its numbers"
    run 0 inspect --root root.cbor full.cbor && grep -q 'policy' "$out" && grep -q 'verified' "$out"
    result $? "inspect verifies it"
    said "one signature of two" 1 "has 1 of 2 signatures" $s --seq 3 --sign p1 -o x.cbor full.txt
    run 0 $s --seq 3 --sign p1 --partial -o one.cbor full.txt && grep -q '1 of 2 signatures' "$out"
    result $? "--partial writes it with one"
    said "it does not verify yet" 1 "has 1 of 2 signatures" policy verify --root root.cbor one.cbor
    run 0 $s --sign p2 -o two.cbor one.cbor && run 0 policy verify --root root.cbor two.cbor
    result $? "the second signs elsewhere"
    said "one signs twice" 1 "has signed it already" $s --sign p1 -o x.cbor one.cbor
    said "one stands there twice" 2 "twice" $s --seq 3 --sign p1 --sign p1 -o x.cbor full.txt
    run 0 $s --seq 3 --sign p2 --partial -o side.cbor full.txt && run 0 policy merge one.cbor side.cbor -o m.cbor &&
        run 0 policy verify --root root.cbor m.cbor
    result $? "signatures made side by side are merged"
    run 0 $s --seq 4 --sign p2 --partial -o other-seq.cbor full.txt
    said "another policy is not merged" 1 "another policy" policy merge one.cbor other-seq.cbor -o x.cbor
    said "a text is not merged" 1 "cannot be put together" policy merge one.cbor full.txt -o x.cbor
    said "a key of another role" 1 "holds a root key" $s --seq 3 --sign r1 -o x.cbor full.txt
    said "a policy key that is not named" 1 "does not name" $s --seq 3 --sign p4 -o x.cbor full.txt
    said "the wrong key file" 1 "does not open" policy sign --root root.cbor --key-file b.key --seq 3 --sign p1 -o x.cbor full.txt
    said "a root without policy keys" 1 "names no policy key" policy sign --root none.cbor $k --seq 3 --sign p1 -o x.cbor full.txt
    said "a text without a number" 2 "needs --seq" $s --sign p1 --sign p2 -o x.cbor full.txt
    said "an object with another number" 2 "has its numbers" $s --seq 9 --sign p2 -o x.cbor one.cbor
    said "a damaged text" 1 "line 4" $s --seq 3 --sign p1 --sign p2 -o x.cbor "$(printf 'version = 2\n\n\nx = 1\n' >bad.txt && echo bad.txt)"
    said "another fleet's root" 1 "of another fleet" policy verify --root other.cbor full.cbor
    said "another root version" 1 "of root version 1" policy verify --root root2.cbor full.cbor
    said "a text is not verified" 1 "nobody signed it" policy verify --root root.cbor full.txt
    usage_error "verify without a root" policy verify full.cbor
    usage_error "sign without a root" policy sign $k --seq 3 --sign p1 full.txt
    usage_error "sign without a key" policy sign --root root.cbor --seq 3 full.txt
    printf 'version = 2\nfail-safe = plant/\377\n' >bad.txt
    run 1 $s --seq 3 --sign p1 --sign p2 -o x.cbor bad.txt
    result $? "a prefix that is no UTF-8"
    size=$(wc -c <full.cbor)
    for at in 60 $((size / 2)) $((size - 50)); do
        flip full.cbor $at bad.cbor
        run 1 policy verify --root root.cbor bad.cbor && clear_error
        result $? "a policy with a flipped byte at $at is refused"
    done
    [ ! -e x.cbor ]
    result $? "nothing refused was written"
    if [ -w /dev/full ]; then
        run 3 $s --seq 3 --sign p1 --sign p2 --out /dev/full full.txt && grep -q 'cannot write' "$err"
        result $? "a full disk is said"
    fi
}

# --- gates ---
sed -n '/^| What is known/,/^| not-fail-safe/p' "$top/docs/spec/gates.md" >gates.md
run 0 policy gates && [ "$(wc -l <gates.md)" = 22 ] && cmp -s "$out" gates.md
result $? "gates prints the table of docs/spec/gates.md"
run 0 policy gates --json && python3 -c '
import json, sys
rows = json.load(open(sys.argv[1]))
table = [[c.strip() for c in l.split("|")[1:6]] for l in open(sys.argv[2])][2:]
assert [[r[k] for k in ("known", "L", "M", "H", "S")] for r in rows] == table' "$out" gates.md 2>>"$err"
result $? "gates --json says the same"
for words in "policy new" "policy show" "policy diff" "policy sign" "policy merge" "policy verify" "policy gates"; do
    # shellcheck disable=SC2086
    run 0 $words --help && grep -q '^Usage: pqi' "$out" && grep -q '^Example: ' "$out"
    result $? "$words --help has an example"
done
finish
