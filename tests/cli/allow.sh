#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi ca allow --csv: columns, line numbers, all or nothing, and a progress line on a terminal.
# Usage: allow.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
head -c 32 /dev/urandom >a.key
ca="--dir ca --key-file a.key"
# shellcheck disable=SC2086
"$pqi" ca init $ca --root-dir root --fleet plant-7 >"$out" || exit 1
fp() { printf '%064d' "$1"; } # a fingerprint for each number

count() { # entries of the allow-list
    # shellcheck disable=SC2086
    "$pqi" ca list $ca --json | grep -c '"id"'
}
bad() { # NAME TEXT LINE...: refused with this text, and nothing was imported
    name=$1
    text=$2
    shift 2
    printf '%s\n' "$@" >bad.csv
    # shellcheck disable=SC2086
    run 1 ca allow $ca --csv bad.csv && [ ! -s "$out" ] && grep -qF -- "$text" "$err" && [ "$(count)" = 1 ]
    result $? "$name"
}

good="a-2,$(fp 2),device,plant/a-2:pub:L"
printf '%s\n' "# a list" "" "a-1,$(fp 1),device,plant/a-1:pub:L" "   " >one.csv
# shellcheck disable=SC2086
done_with "comments and empty lines" "added 1, changed 0, unchanged 0" ca allow $ca --csv one.csv
bad "too few fields, with the line" "line 4 has 3 fields, not 4" "$good" "" "# x" "a-3,$(fp 3),device"
bad "too many fields" "line 2 has 5 fields, not 4" "$good" "a-3,$(fp 3),device,plant:pub:L,1"
bad "a bad id" "in line 2; nothing was imported" "$good" "a/3,$(fp 3),device,plant:pub:L"
bad "an empty id" "in line 2" "$good" ",$(fp 3),device,plant:pub:L"
bad "a factory that is no file" "in line 2" "$good" "a-3,none.factory,device,plant:pub:L"
bad "a fingerprint that is too short" "in line 2" "$good" "a-3,0011,device,plant:pub:L"
bad "an unknown role" "unknown role" "$good" "a-3,$(fp 3),king,plant:pub:L"
bad "a bad scope" "in line 3" "$good" "" "a-3,$(fp 3),device,plant:read:L"
bad "a device that stands there twice" "lines 1 and 3 are both about a-2" "$good" "a-3,$(fp 3),device,plant:pub:L" \
    "a-2,$(fp 4),device,plant:pub:L"
bad "a key of two devices, by the registry" "in line 2; nothing was imported" "$good" "a-3,$(fp 2),device,plant:pub:L"
bad "an unknown column" 'line 1: unknown column "colour"' "id,factory,roles,scopes,colour" "$good,red"
bad "a column twice" 'line 1: a second column "roles"' "id,factory,roles,roles,scopes" "$good"
bad "a column that is missing" 'line 1: no column "scopes"' "id,factory,roles" "a-2,$(fp 2),device"
bad "a gateway set that is no number" "in line 2" "id,factory,roles,scopes,gwset" "$good,x"
bad "a gateway set that is too large" "in line 2" "id,factory,roles,scopes,gwset" "$good,4294967296"
bad "an unknown assurance" "in line 2" "id,factory,roles,scopes,assurance" "$good,luck"

printf '%s\n' "id,scopes,assurance,gwset,factory,roles" \
    "a-2,plant/a-2:pub:L;plant/x:sub:M,hw-rng+no-rollback,7,$(fp 2),device+witness" \
    "a-3, plant/a-3:pub:L ,,0, $(fp 3) ,device" >cols.csv
# shellcheck disable=SC2086
{
    done_with "columns in another order" "added 2, changed 0, unchanged 0" ca allow $ca --csv cols.csv
    run 0 ca list $ca --json && python3 -c '
import json, sys
d = {x["id"]: x for x in json.load(open(sys.argv[1]))}
assert d["a-2"]["gwset"] == 7 and d["a-2"]["assurance"] == 5 and d["a-2"]["roles"] == "device+witness"
assert len(d["a-2"]["scopes"]) == 2 and d["a-3"]["gwset"] == 0 and d["a-3"]["assurance"] == 0' "$out" 2>>"$err"
    result $? "every column is taken"
    run 0 ca export $ca --out all.csv allow-list && [ "$(wc -l <all.csv)" = 4 ] && run 0 ca allow $ca --csv all.csv &&
        grep -q 'added 0, changed 0, unchanged 3' "$out"
    result $? "what export writes is read, with every column"
    sed 's/,7,hw-rng+no-rollback\|,7,no-rollback+hw-rng/,8,hw-rng/' all.csv >changed.csv
    done_with "one entry changes" "added 0, changed 1, unchanged 2" ca allow $ca --csv changed.csv
    i=0
    while [ $i -lt 300 ]; do
        i=$((i + 1))
        echo "b-$i,$(fp $((1000 + i))),device,plant/b-$i:pub:L"
    done >many.csv
    run 0 ca allow $ca --csv many.csv && [ ! -s "$err" ] && grep -q 'added 300' "$out"
    result $? "no progress line where nobody looks"
    if command -v script >/dev/null; then
        script -qec "$pqi ca allow $ca --csv many.csv" /dev/null >tty.txt 2>&1 </dev/null
        grep -q 'reading \[#*\.*\] 300/300' tty.txt && grep -q 'unchanged 300' tty.txt
        result $? "a progress line on a terminal"
    else
        skip "a progress line on a terminal" "script(1) is not installed"
    fi
}
finish
