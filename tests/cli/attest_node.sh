#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Attestation over a broker: two devices with a TPM each, in a fleet whose policy demands verdicts (INV-34). A software
# TPM has no firmware: the logs are made by tests/cli/attest_log.py. Usage: attest_node.sh BUILD_DIR
# shellcheck disable=SC2086 # words and lists of numbers
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
swtpm=$top/tests/tpm/swtpm.sh
pqid=$(dirname "$pqi")/pqid
mosquitto=$(PATH=$PATH:/usr/sbin command -v mosquitto)
if [ ! -x "$pqid" ] || [ -z "$mosquitto" ] || ! "$swtpm" have 2>/dev/null || ! command -v tpm2_pcrextend >/dev/null ||
    "$pqi" tpm show --tpm tpm:none 2>&1 | grep -q "no TPM driver"; then
    skip "attestation over a broker" "pqid, mosquitto, swtpm, tpm2-tools or the TPM driver is missing"
    finish
    exit
fi
cd "$tmp" || exit 1
umask 077
pids=
# shellcheck disable=SC2317,SC2086 # called by trap; a list of numbers
stop() {
    [ -z "$pids" ] || end $pids
    rm -rf "$tmp"
}
trap stop EXIT
logs="heard.txt listen.log pqid.log m.log send.log"
head -c 32 /dev/urandom >a.key
k="--key-file a.key"
ca="--dir ca $k"
n="--no-secret"

on() { # TPM COMMAND...
    t=$1
    shift
    TPM2TOOLS_TCTI="swtpm:path=$tmp/$t/sock" "$@"
}
tcti() { echo "tpm:swtpm:path=$tmp/$1/sock"; }

# --- two machines that start the same, and a fleet of them ---
# shellcheck disable=SC2086 # words
{
    "$pqi" ca init $ca --control --level 1 --fleet plant-7 || exit 1
} >"$out"
hash=$(head -n 1 "$out")
# shellcheck disable=SC2086
for d in a b; do
    "$swtpm" make "$tmp/t-$d" || exit 1
    pids="$pids $("$swtpm" start "$tmp/t-$d")"
    for e in $(python3 "$top/tests/cli/attest_log.py" $d.log 0:8:firmware-1 9:13:kernel); do
        on t-$d tpm2_pcrextend "$e" || exit 1
    done
    cat t-$d/ca/issuercert.pem t-$d/ca/swtpm-localca-rootca-cert.pem >>roots.pem
    "$pqi" tpm init --tpm "$(tcti t-$d)" &&
        "$pqi" device init --dir d-$d $n --provider "$(tcti t-$d)" --id $d --root-hash "$hash" --out $d.f &&
        "$pqi" ca allow $ca --factory $d.f --scope plant:pub,sub:H --assurance attested-boot &&
        "$pqi" ca challenge $ca --id $d --out $d.c &&
        "$pqi" device join --dir d-$d $n --out $d.j $d.c && "$pqi" ca issue $ca --out $d.g $d.j &&
        "$pqi" device install --dir d-$d $n --out $d.ok $d.g && "$pqi" ca confirm $ca $d.ok &&
        "$pqi" attest enroll --dir d-$d $n -o $d.r && "$pqi" ca ak challenge $ca --ek-roots roots.pem -o $d.cr $d.r &&
        "$pqi" attest activate --dir d-$d $n -o $d.p $d.cr && "$pqi" ca ak issue $ca --class pump -o $d.ak $d.p &&
        "$pqi" attest install --dir d-$d $n $d.ak || exit 1
done >"$out" 2>"$err" || { cat "$err"; exit 1; }

policy() { # NUMBER AGE: of attestation
    { printf 'class = pump\npcrs = 0 9\nneed = log, ek-cert\nmax-age-seconds = %s\n' "$2" && "$pqi" attest log --events a.log; } >policy.txt
    "$pqi" attest policy sign --root ca/root.cbor --key-file a.key --seq "$1" --sign ca/roles/policy-1 --sign ca/roles/policy-2 \
        -o "attest-$1.cbor" policy.txt >"$out" 2>"$err"
}
policy 1 3600 && policy 2 16
result $? "attestation policies of what they started"
[ "$bad" = 0 ] || { finish; exit 1; }

start_broker
pids="$pids $broker"
b="--broker 127.0.0.1:$port"
mv ca/roles/head control
# shellcheck disable=SC2086
{
    "$pqi" control init $k --manifest ca/root.cbor --root-hash "$hash" control >"$out" || exit 1
    "$pqid" control --dir control $k $b >pqid.log 2>&1 &
    pids="$pids $!"
    newest() { "$pqi" head show --store control --root ca/root.cbor >"$out" 2>"$err" && grep -q "^$1: *$2\b" "$out"; }
    printf 'version = 2\nflags = attest, gossip\n' >p.txt
    run 0 ca roster $ca --publish control && until_true newest roster 1 &&
        run 0 policy sign --root ca/root.cbor $k --seq 1 --sign ca/roles/policy-1 --sign ca/roles/policy-2 -o p.cbor p.txt &&
        run 0 policy publish --store control --yes p.cbor && until_true newest policy 1
    result $? "a fleet whose policy demands attestation"
}

# --- over the broker ---
listener=
listen() { # OPTION...
    # shellcheck disable=SC2086
    "$pqi" listen --dir d-b $n $b --event-log b.log --drops "$@" 'plant/#' >heard.txt 2>listen.log &
    listener=$!
}
deaf() {
    end "$listener"
    listener=
}
set_point() { # TEXT OPTION...
    text=$1
    shift
    # shellcheck disable=SC2086
    "$pqi" send --dir d-a $n $b --event-log a.log --to b --class H --topic plant/b/set --wait 40 "$@" "$text" \
        >"$out" 2>"$err"
}
refused() { # WHY OPTION...
    why=$1
    shift
    ! set_point never "$@" && grep -q "$why" "$err"
}
cp attest-1.cbor now.cbor
listen --attest now.cbor --attest-state b.state
hello() {
    # shellcheck disable=SC2086
    "$pqi" send --dir d-a $n $b --event-log a.log --to b --topic plant/a/t --wait 30 hello >"$out" 2>"$err" && grep -q hello heard.txt
}
until_true hello
result $? "telemetry needs no verdict"
[ "$bad" = 0 ] || { finish; exit 1; }
refused "class H to b is closed: attest"
result $? "a set-point without a verdict is refused (INV-34)"
set_point 40 --attest now.cbor --attest-state a.state && until_true grep -qx 'a plant/b/set: 40' heard.txt
result $? "both ask over the broker, both are good, and the set-point arrives"
run 0 attest show a.state && grep -qE '^b +good' "$out"
result $? "the sender's state shows the verdict"
until_true grep -q "attestation of a: good" listen.log
result $? "and so the listener"

# a short-lived policy comes into force while the listener runs; then a machine changes
cp attest-2.cbor next.cbor && mv next.cbor now.cbor
set_point 41 --attest now.cbor --attest-state a.state && until_true grep -qx 'a plant/b/set: 41' heard.txt
result $? "a new policy: asked again, and good again"
said "an older policy is refused by who remembers" 1 "number 2 was in force" \
    listen --dir d-a $n $b --attest attest-1.cbor --attest-state a.state --timeout 5 'plant/#'
on t-a tpm2_pcrextend "9:sha256=$(printf evil | sha256sum | cut -d' ' -f1)"
found() { # the listener's verdict of the sender runs out, and it asks again
    set_point 42 --attest now.cbor
    grep -q "attestation of a: refused: log" listen.log
}
until_true found
result $? "a verdict runs out, the listener asks again and sees that the machine changed"
on t-b tpm2_pcrextend "9:sha256=$(printf evil | sha256sum | cut -d' ' -f1)"
refused "attestation of b: refused: log" --attest now.cbor --attest-state a.state && grep -q "closed: attest" "$err"
result $? "after a PCR was extended the machine is refused (INV-35)"
deaf

listen --attest now.cbor
cp a.ak d-b/ak.cert
refused "attestation of b: refused: device" --attest now.cbor
result $? "evidence with the certificate of another TPM is refused"
deaf
finish
