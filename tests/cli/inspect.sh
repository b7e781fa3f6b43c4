#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi inspect on each object, binary and hex, whole and damaged. Usage: inspect.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
head -c 32 /dev/urandom >key
ca="--dir ca --key-file key"
dev="--dir dev --key-file key"
hex() { od -An -v -tx1 "$1" | tr -d ' \n'; }

# shellcheck disable=SC2086
{
    "$pqi" ca init $ca --root-dir root --fleet f >hash &&
        "$pqi" device init $dev --root-hash "$(cat hash)" --out factory --id pump-1 >/dev/null &&
        "$pqi" ca allow $ca --factory factory --scope plant/a:pub,sub:L >/dev/null &&
        "$pqi" ca challenge $ca --out challenge --id pump-1 >/dev/null &&
        "$pqi" device join $dev --out join challenge >/dev/null &&
        "$pqi" ca issue $ca --out grant join >/dev/null &&
        "$pqi" device install $dev --out confirmation grant >/dev/null &&
        "$pqi" ca confirm $ca confirmation >/dev/null &&
        "$pqi" ca revoke $ca --yes --epoch 1 --out revocations pump-1 >/dev/null &&
        "$pqi" ca export $ca --out cert --epoch 1 cert pump-1 &&
        "$pqi" ca export $ca --out manifest manifest
} >"$out" 2>"$err"
result $? "there is one of each object"

for pair in factory:factory-record challenge:challenge join:join-request grant:grant \
    confirmation:confirmation revocations:revocations cert:certificate manifest:manifest; do
    file=${pair%%:*}
    type=${pair##*:}
    run 0 inspect "$file" && grep -qE "^type +$type\$" "$out"
    result $? "$type, binary"
    hex "$file" >"$file.hex" && run 0 inspect "$file.hex" && grep -qE "^type +$type\$" "$out"
    result $? "$type, hex"
    run 0 inspect --json "$file" && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
assert v["type"] == sys.argv[2] and v["bytes"] > 0' "$out" "$type" 2>>"$err"
    result $? "$type, JSON"
    size=$(wc -c <"$file")
    head -c $((size - 1)) "$file" >cut && run 1 inspect cut && clear_error
    result $? "$type cut short: one clear error"
    (cat "$file" && printf x) >long && run 1 inspect long && clear_error
    result $? "$type with a byte too many: one clear error"
done
run 1 inspect cut && grep -q 'at byte [0-9]' "$err"
result $? "the error names the byte"
grep -q "$(cat hash)" "$out" || { "$pqi" inspect manifest | grep -q "$(cat hash)"; }
result $? "the manifest shows the hash that ca init printed"

# What mosquitto_sub -F %x and -F '%t %x' print: one object a line.
{
    hex cert && echo && echo "pq/4/v $(hex revocations)" && echo zz && hex challenge && echo
} >stream
"$pqi" inspect --lines <stream >"$out" 2>"$err"
[ $? = 1 ] && [ "$(wc -l <"$out")" = 3 ] && grep -q 'line 3' "$err"
result $? "a stream: one line for each object, the bad line is named"
"$pqi" inspect - <cert >"$out" 2>"$err" && grep -q pump-1 "$out"
result $? "standard input"
printf '\021\000\000\002short' >v1
run 1 inspect v1 && grep -q 'v1 packet' "$err"
result $? "a packet header cut short"
: >empty
run 1 inspect empty && clear_error
result $? "an empty file"
usage_error "no operand" inspect
! grep -rqF "$(hex key)" "$out"
result $? "no secret"
finish
