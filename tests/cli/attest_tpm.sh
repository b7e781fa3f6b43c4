#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A device whose provider is a TPM, attested from enrolment to a verdict without other tools. A software TPM
# has no firmware: the log is made by tests/cli/attest_log.py. Usage: attest_tpm.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
swtpm=$top/tests/tpm/swtpm.sh
if ! "$swtpm" have 2>/dev/null || ! command -v tpm2_pcrextend >/dev/null ||
    "$pqi" tpm show --tpm tpm:none 2>&1 | grep -q "no TPM driver"; then
    skip "attestation of a device over a TPM" "swtpm, tpm2-tools or the TPM driver is missing"
    finish
    exit
fi
cd "$tmp" || exit 1
umask 077
pid=
# shellcheck disable=SC2317 # called by trap
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap stop EXIT
head -c 32 /dev/urandom >a.key
k="--key-file a.key"
ca="--dir ca $k"
n="--no-secret"
"$swtpm" make "$tmp/t" && pid=$("$swtpm" start "$tmp/t") || exit 1
export TPM2TOOLS_TCTI="swtpm:path=$tmp/t/sock"
for e in $(python3 "$top/tests/cli/attest_log.py" t.log 0:8:firmware-1 9:13:kernel); do
    tpm2_pcrextend "$e" || exit 1
done
cat t/ca/issuercert.pem t/ca/swtpm-localca-rootca-cert.pem >roots.pem
# shellcheck disable=SC2086
{
    "$pqi" tpm init --tpm "tpm:$TPM2TOOLS_TCTI" || exit 1
    "$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 >ca.out || exit 1
    hash=$(head -n 1 ca.out)
    "$pqi" device init --dir d $n --provider "tpm:$TPM2TOOLS_TCTI" --id pump-1 --root-hash "$hash" --out f &&
        "$pqi" ca allow $ca --factory f --scope plant:pub,sub:H && "$pqi" ca challenge $ca --id pump-1 --out c &&
        "$pqi" device join --dir d $n --out j c && "$pqi" ca issue $ca --out g j &&
        "$pqi" device install --dir d $n --out ok g && "$pqi" ca confirm $ca ok &&
        "$pqi" ca export $ca --out cert cert pump-1 || exit 1
} >"$out" 2>"$err"
# shellcheck disable=SC2086
{
    run 0 attest enroll --dir d $n -o r && run 0 ca ak challenge $ca --ek-roots roots.pem -o cr r
    result $? "the provider's TPM is certified by its vendor"
    run 0 attest activate --dir d $n -o p cr && cp p p.first && run 0 ca ak challenge $ca --ek-roots roots.pem -o cr r &&
        run 0 attest activate --dir d $n -o p cr
    result $? "it proves its attestation key and the halves of its keys, twice"
    # elements of a proof: 4 the secret, 5 key id, 6 signing half, 7 KEM half
    edit() { python3 "$top/tests/cli/ak_proof.py" "$@"; }
    refuse() {
        said "$1 (INV-121)" 1 "$2" ca ak issue $ca --class pump -o none bad && [ ! -e none ]
    }
    edit bad p 6=p.first && refuse "a signing half of the enrolment before proves nothing" "P-256 signing key"
    edit bad p 7=p.first && refuse "nor does a KEM half" "P-256 KEM key"
    edit bad p 6=p:7 7=p:6 && refuse "nor do swapped halves" "P-256 signing key"
    edit bad p 7=p:6 && refuse "nor one half twice" "P-256 KEM key"
    "$pqi" device init --dir d3 $n --provider "tpm:$TPM2TOOLS_TCTI" --id pump-3 --root-hash "$hash" --out f3 >"$out" 2>"$err" &&
        run 0 ca allow $ca --factory f3 --scope plant:pub,sub:H && run 0 ca challenge $ca --id pump-3 --out c3 &&
        run 0 device join --dir d3 $n --out j3 c3 && run 0 ca issue $ca --out g3 j3 &&
        run 0 device install --dir d3 $n --out ok3 g3 && run 0 ca confirm $ca ok3 && run 0 ca export $ca --out cert3 cert pump-3
    result $? "another device over the same TPM"
    key=$("$pqi" inspect --json cert3 | python3 -c 'import json,sys; print(json.load(sys.stdin)["key_id"])')
    edit bad p 5=hex:"$key" && refuse "its keys are not those of the first one" "not its newest"
    said "and it answers no credential of the first one" 1 "for the device pump-1" attest activate --dir d3 $n cr
    edit bad p.first 6=p 7=p && refuse "an old secret is none" "not the secret"
    run 0 ca ak issue $ca --class pump -o ak p && grep -q "halves of its keys proven" "$out" &&
        run 0 attest install --dir d $n ak && run 0 ca ak show $ca && grep -q "certified *proven" "$out"
    result $? "its attestation key gets a certificate that says so, after all that"
    flip cr 150 cr.bad
    said "a changed credential opens nothing" 1 "pqi: " attest activate --dir d $n cr.bad
    { printf 'class = pump\npcrs = 0 9\nneed = log, ek-cert\n' && "$pqi" attest log --events t.log; } >policy.txt
    run 0 attest policy sign --root ca/root.cbor $k --seq 1 --sign ca/roles/policy-1 --sign ca/roles/policy-2 \
        -o attest.cbor policy.txt
    result $? "a policy of what it started"
    v="--state state.json --as control --root ca/root.cbor --policy attest.cbor --cert cert"
    run 0 attest challenge $v -o ask && run 0 attest quote --dir d $n --event-log t.log -o e ask && run 0 attest verify $v e &&
        grep -q "good until" "$out"
    result $? "the provider quotes, and the machine is good (INV-34)"
    { sed 's/^need = .*/need = log, ek-cert, halves/' policy.txt && "$pqi" attest log --events t.log; } >halves.txt
    run 0 attest policy sign --root ca/root.cbor $k --seq 2 --sign ca/roles/policy-1 --sign ca/roles/policy-2 \
        -o attest2.cbor halves.txt && run 0 attest policy show attest2.cbor && grep -q "need = log, ek-cert, halves" "$out"
    result $? "a policy that needs the halves in the TPM"
    v="--state state2.json --as control --root ca/root.cbor --policy attest2.cbor --cert cert"
    round() { # asked and answered
        rm -f state2.json
        run 0 attest challenge $v -o ask && run 0 attest quote --dir d $n --event-log t.log -o e ask
    }
    round && run 0 attest verify $v e && grep -q "good until" "$out"
    result $? "they are, and the machine is good (INV-121)"
    rejoin() {
        run 0 ca challenge $ca --id pump-1 --out c && run 0 device join --dir d $n --out j c && run 0 ca issue $ca --out g j &&
            run 0 device install --dir d $n --out ok g && run 0 ca confirm $ca ok && run 0 ca export $ca --out cert cert pump-1
    }
    enroll() { # PROOF
        run 0 attest enroll --dir d $n -o r && run 0 ca ak challenge $ca --ek-roots roots.pem -o cr r && run 0 attest activate --dir d $n -o "$1" cr
    }
    enroll p.old && rejoin && round
    result $? "it joins again, with new keys"
    said "of those nobody proved anything (INV-121)" 1 "not proven to be in its TPM" attest verify $v e
    cp p.old bad && refuse "a proof about keys that were replaced comes too late" "not its newest"
    enroll p && edit bad p 5=p.old 6=p.old 7=p.old && refuse "nor do they come back with another secret" "not its newest"
    edit bad p 6=p.old && refuse "a half of the keys before is none of these" "P-256 signing key"
    run 0 ca ak issue $ca --class pump -o ak p && run 0 attest install --dir d $n ak && round && run 0 attest verify $v e
    result $? "enrolled again they are proven"
    # tools that activate know nothing of the keys: as before, and not enough for this policy
    enroll p && edit --get 4 p >secret && run 0 attest activate --secret secret -o p5 cr &&
        run 0 ca ak issue $ca --class pump -o ak p5 && run 0 ca ak show $ca && tail -n 1 "$out" | grep -q "certified *- " &&
        run 0 attest install --dir d $n ak && round
    result $? "a proof without halves is one of the attestation key"
    said "but not for who needs them (INV-121)" 1 "not proven to be in its TPM" attest verify $v e
    v="--state state.json --as control --root ca/root.cbor --policy attest.cbor --cert cert"
    rm state.json
    tpm2_pcrextend "9:sha256=$(printf evil | sha256sum | cut -d' ' -f1)"
    run 0 attest challenge $v -o ask && run 0 attest quote --dir d $n --event-log t.log -o e ask
    result $? "asked again"
    said "what it started since is seen (INV-35)" 1 "event log does not lead" attest verify $v e
    head -c 32 /dev/urandom >s.key
    "$pqi" device init --dir soft --key-file s.key --id pump-2 --root-hash "$hash" >f2
    said "software keys do not quote" 3 "not in a TPM" attest enroll --dir soft --key-file s.key
}
finish
