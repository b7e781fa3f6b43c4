#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every line of "SoftHSM, step by step" in docs/providers.md in an empty folder, then what a directory over a
# token does without its PIN or its token. Usage: softhsm.sh BUILD_DIR
# shellcheck disable=SC2016 # backquotes of Markdown, lines for another shell
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
build=$(cd "$1" && pwd)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
module=/usr/lib/softhsm/libsofthsm2.so
if [ ! -r $module ] || ! command -v softhsm2-util >/dev/null || ! command -v pkcs11-tool >/dev/null; then
    skip "the walk through SoftHSM" "softhsm2 or opensc is missing"
    finish
    exit
fi
if "$pqi" device init --dir x --id x --root-hash "$(printf 'ab%.0s' $(seq 32))" --no-secret --out x.f \
    --provider "pkcs11:token=x?module-path=$module" 2>&1 | grep -q "built without PKCS#11"; then
    skip "the walk through SoftHSM" "built without PKCS#11"
    finish
    exit
fi

mkdir walk
sed -n '/^#### SoftHSM, step by step/,/^### /{/^```sh$/,/^```$/{/^```/d;p}}' "$top/docs/providers.md" >script
grep -q "pqi device init" script && [ "$(wc -l <script)" -gt 10 ]
result $? "the lines of the walkthrough were found"
(cd walk && PATH=$build/bin:$PATH timeout 900 bash -eu -o pipefail ../script) >"$out" 2>"$err"
result $? "every line of the walkthrough works"
grep -q "pqi P-256 key" "$out" && grep -q "pqi wrapping key" "$out" &&
    grep -q "sensitive, always sensitive, never extractable, local" "$out"
result $? "another program shows keys that never leave"

cd walk || exit 1
export SOFTHSM2_CONF=$PWD/softhsm2.conf
run 0 device status --dir dev --no-secret --json && grep -q '"rollback_resistant": false' "$out"
result $? "which claims no rollback resistance"
printf '654321\n' >pin
said "a wrong PIN" 1 "PIN is wrong" device status --dir dev --no-secret
printf '123456\n' >pin
chmod 644 pin
said "a PIN file that others can read" 3 "closed to others" device status --dir dev --no-secret
chmod 600 pin
run 0 device status --dir dev --no-secret
result $? "the PIN again"
mv hsm away && mkdir hsm
said "the token is gone" 3 "token" device status --dir dev --no-secret
finish
