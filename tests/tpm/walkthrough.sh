#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every line of docs/provisioning-tpm.md in an empty folder, then what else pqi tpm does and refuses.
# Usage: walkthrough.sh BUILD_DIR
# shellcheck disable=SC2016 # backquotes of Markdown, lines for another shell
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
build=$(cd "$1" && pwd)
pid=
# shellcheck disable=SC2317 # called by trap
stop() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null
    rm -rf "$tmp"
}
trap stop EXIT
cd "$tmp" || exit 1
umask 077
if ! "$top/tests/tpm/swtpm.sh" have 2>"$err" || ! command -v tpm2_pcrextend >/dev/null; then
    skip "the walk through docs/provisioning-tpm.md" "swtpm, swtpm-tools or tpm2-tools is missing"
    finish
    exit 0
fi
if ! "$pqi" tpm --help >"$out" 2>&1 || "$pqi" tpm show --tpm tpm:none 2>&1 | grep -q "no TPM driver"; then
    skip "the walk through docs/provisioning-tpm.md" "built without tpm2-tss"
    finish
    exit 0
fi

mkdir walk
sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$top/docs/provisioning-tpm.md" >script
grep -q "pqi tpm policy add" script && [ "$(wc -l <script)" -gt 25 ]
result $? "the lines of the walkthrough were found"
# a failure in the middle must not leave the TPM running
echo 'trap "kill \$SWTPM 2>/dev/null || true" EXIT' >first
(cd walk && W=$tmp/walk/tpm PATH=$build/bin:$PATH timeout 900 bash -eu -o pipefail \
    <(sed "/^SWTPM=/r $tmp/first" ../script)) >"$out" 2>"$err"
result $? "every line of the walkthrough works"
grep -q "PCR 4 is not what the keys were sealed to" "$err"
result $? "keys without an approval stayed shut after the update"
grep -q "endorsement:      /CN=" "$out" && grep -q '"ek_issuer": "/CN=swtpm-localca"' "$out"
result $? "show names the endorsement certificate"

"$top/tests/tpm/swtpm.sh" make "$tmp/tpm" && pid=$("$top/tests/tpm/swtpm.sh" start "$tmp/tpm")
result $? "a second TPM"
export TPM2TOOLS_TCTI="swtpm:path=$tmp/tpm/sock"
export PQI_TPM="tpm:$TPM2TOOLS_TCTI"
root=$(printf 'ab%.0s' $(seq 32))
head -c 32 /dev/urandom >k
run 0 tpm init && grep -q "^2 keys made" "$out" && run 0 tpm init && grep -q "^nothing to do" "$out"
result $? "init, twice"
tpm2_evictcontrol -Q -C o -c 0x81018001 && run 0 tpm init && grep -q "^1 keys made" "$out"
result $? "init goes on where it was cut off"
tpm2_createprimary -Q -C o -c p.ctx && tpm2_evictcontrol -Q -C o -c p.ctx 0x81018020 &&
    tpm2_flushcontext -t
result $? "an object of somebody else in our range"
run 0 device init --dir d --id d-1 --root-hash "$root" --no-secret --provider "$PQI_TPM" --out f
result $? "a device without a secret"
run 0 device status --dir d --no-secret --json && grep -q '"rollback_resistant": true' "$out" &&
    grep -q '"non_exportable": false' "$out"
result $? "which says what it is"
run 0 tpm show && grep -q "0x81018010" "$out" && ! grep -q "0x81018020" "$out" &&
    grep -qE "0x01801800 +[0-9]+" "$out"
result $? "show lists what is ours"
usage_error "clear asks" tpm clear
run 0 tpm clear --yes && grep -q "^4 objects removed" "$out" && run 0 tpm clear --yes &&
    grep -q "^0 objects removed" "$out"
result $? "clear"
tpm2_getcap handles-persistent | grep -q 0x81018020
result $? "which left the other object alone"
said "the device's keys are gone" 3 "no storage key" device status --dir d --no-secret
run 0 tpm init
said "and do not come back with the storage key" 3 "counter of these keys" \
    device status --dir d --no-secret
tpm2_createprimary -Q -C o -G rsa -c p.ctx && run 0 tpm clear --yes &&
    tpm2_evictcontrol -Q -C o -c p.ctx 0x81018000 && tpm2_flushcontext -t
said "something else at our handle" 1 "holds something else" tpm init
run 0 tpm show && grep -q "something else is there" "$out"
result $? "show tells"
run 0 tpm init --tpm "$PQI_TPM?base=0x81019000"
result $? "another base helps"

tpm2_changeauth -c o owner-password && printf 'owner-password\n' >owner
said "the owner's password is missing" 1 "owner hierarchy" tpm init --tpm "$PQI_TPM?base=0x8101a000"
run 0 tpm init --tpm "$PQI_TPM?base=0x8101a000&owner=$tmp/owner"
result $? "the owner's password from a file"
chmod 644 owner
said "a password file that others can read" 3 "closed to others" \
    tpm init --tpm "$PQI_TPM?base=0x8101b000&owner=$tmp/owner"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out p384.pem 2>/dev/null
openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out p256.pem 2>/dev/null
said "a policy key of another curve" 1 "no P-256 key" tpm policy sign --key p384.pem -o a
run 0 tpm policy sign --key p256.pem --pcrs 0,7 -o a && run 0 tpm policy show a &&
    [ "$(grep -c ^PCR "$out")" = 2 ]
result $? "an approval"
python3 -c 'b = bytearray(open("a", "rb").read()); b[20] ^= 1; open("a", "wb").write(b)'
said "an altered approval" 1 "does not verify" tpm policy show a
mkdir keys
said "is not added" 1 "does not verify" tpm policy add --dir keys a
usage_error "a PCR without a value" tpm policy sign --key p256.pem --pcr 7
usage_error "values and a TPM" tpm policy sign --key p256.pem --pcr "7=$root" --pcrs 7
usage_error "a wrong URI" tpm show --tpm "tpm:swtpm?base=1"
kill "$pid"
wait "$pid" 2>/dev/null
pid=
said "no TPM" 3 "reach" tpm show
finish
