#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tools/falcon-tables accepts the tables of Falcon signing, and finds one changed digit in each kind.
set -u
top=$(cd "$(dirname "$0")/../.." && pwd) || exit 1
tree=$(mktemp -d) || exit 1
trap 'rm -rf "$tree"' EXIT
number=0
failed=0

check() { # NAME STATUS WANTED
    number=$((number + 1))
    if [ "$2" = "$3" ]; then
        echo "ok $number - $1"
    else
        echo "not ok $number - $1"
        failed=1
    fi
}

changed() { # NAME FILE FROM TO
    rm -rf "$tree/src"
    mkdir -p "$tree/src/prim"
    cp -R "$top/src/prim/falcon" "$tree/src/prim/"
    sed "s/$3/$4/" "$top/src/prim/falcon/$2" >"$tree/src/prim/falcon/$2"
    cmp -s "$top/src/prim/falcon/$2" "$tree/src/prim/falcon/$2"
    check "$1: the copy differs" $? 1
    python3 "$top/tools/falcon-tables" "$tree" >/dev/null
    check "$1" $? 1
}

echo "1..13"
python3 "$top/tools/falcon-tables" >/dev/null
check "the tables are right" $? 0
changed "a fixed-point root" roots.c 0x7F62368F44949678 0x7F62368F44949679
changed "a root as a double" roots.c 0x3FE6A09E667F3BCD 0x3FE6A09E667F3BCC
changed "a deviation" sampler.h 0x3F78B6C2DE64C7C9 0x3F78B6C2DE64C7C8
changed "a row of the base sampler" sampler.h 8086568 8086569
changed "a coefficient of exp" sampler.h 0x155555555581FF00 0x155555555681FF00
changed "1 / q" steps.c 0x55538E425E9E0760 0x55538E425E9E0761
exit "$failed"
