#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi selftest, and INV-17: with a generator that repeats itself the self test fails, says so, and
# commands that use keys refuse to work. Usage: selftest.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
fault=$(cd "$1" && pwd)/tests/libcli_fault_random.so

run 0 selftest && [ ! -s "$err" ] && tail -n 1 "$out" | grep -q '^[0-9]* items, 0 failed$' &&
    ! grep -q 'FAILED' "$out"
result $? "selftest passes"
for name in SHA3-256 SHAKE128 SHA-256 HMAC-SHA-256 HKDF-SHA-256 X25519 Ed25519 AES-256-GCM \
    ChaCha20-Poly1305 ML-KEM-512 ML-KEM-768 ML-KEM-1024 ML-DSA-44 ML-DSA-65 ML-DSA-87 X-Wing \
    LightSaber Saber FireSaber Falcon-512 Falcon-1024; do
    grep -q "^$name  *passed$" "$out"
    result $? "selftest covers $name"
done
run 0 selftest --json && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
assert v["passed"] is True and len(v["results"]) > 20' "$out" 2>>"$err"
result $? "selftest --json"

for options in "--backend openssl" "--backend mcu" --small "--backend mcu --small"; do
    # shellcheck disable=SC2086 # a list of words
    run 0 selftest $options && tail -n 1 "$out" | grep -q '^[0-9]* items, 0 failed$'
    result $? "selftest $options"
done
usage_error "an unknown backend" selftest --backend other
usage_error "a backend without a name" selftest --backend
run 0 bench --backend mcu --small --filter X-Wing --seconds 0.01 && grep -q '^X-Wing  *decaps' "$out"
result $? "bench --backend mcu --small"
for name in ML-KEM-512 ML-KEM-768 ML-KEM-1024 ML-DSA-44 ML-DSA-65 ML-DSA-87; do
    run 0 bench --json --filter X25519 --seconds 0.01 && cp "$out" "$tmp/usual" &&
        run 0 bench --json --small --filter X25519 --seconds 0.01 && python3 -c '
import json, sys
usual, small = ({s["algorithm"]: s["tmp"] for s in json.load(open(f))["sizes"]} for f in sys.argv[1:3])
assert small[sys.argv[3]] < usual[sys.argv[3]]' "$tmp/usual" "$out" $name 2>>"$err"
    result $? "--small takes the small $name"
done
usage_error "bench with an unknown backend" bench --backend other
run 0 bench --timing --json --filter control --seconds 0.01 &&
    jq -e '.results[0] | .measurements > 100 and (.t | type == "number")' "$out" >/dev/null
result $? "bench --timing"

[ -f "$fault" ]
result $? "the fault library was built"
LD_PRELOAD=$fault
export LD_PRELOAD
run 1 selftest && grep -q '^random  *FAILED$' "$out" && grep -q ', 1 failed$' "$out" &&
    head -n 1 "$err" | grep -q '^pqi: 1 of the algorithms'
result $? "a generator that repeats itself fails the self test"
run 3 bench --seconds 0.01 && [ ! -s "$out" ] && grep -q 'self test of random failed' "$err"
result $? "INV-17: a command that uses keys refuses to work"
umask 077
head -c 32 /dev/zero >"$tmp/kek"
refuses() { # COMMAND...: exit 3 before it looks at anything else, and nothing was made
    name="$1 $2"
    run 3 "$@" --dir "$tmp/dir" --key-file "$tmp/kek" && [ ! -s "$out" ] && [ ! -e "$tmp/dir" ] &&
        [ ! -e "$tmp/root" ] && grep -q 'self test of random failed' "$err"
    result $? "INV-17: pqi $name refuses to work"
}
refuses ca init --root-dir "$tmp/root" --fleet f
refuses ca allow --csv "$tmp/none"
refuses ca challenge --id a
refuses ca issue "$tmp/none"
refuses ca confirm "$tmp/none"
refuses ca revoke --yes a
refuses ca backup "$tmp/none"
refuses ca show
refuses device init --id a --root-hash "$(printf '%064d' 0)"
refuses device join "$tmp/none"
refuses device install "$tmp/none"
refuses device status
refuses listen a/+
refuses send --to a --topic a a
unset LD_PRELOAD
finish
