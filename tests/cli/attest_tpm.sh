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
    run 0 attest activate --dir d $n -o p cr && run 0 ca ak issue $ca --class pump -o ak p &&
        run 0 attest install --dir d $n ak
    result $? "its attestation key gets a certificate"
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
