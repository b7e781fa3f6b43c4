#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# falcon_arm.sh BUILD: Falcon on 32-bit Arm at every optimisation level, under an emulator and a time
# limit: gcc 12 is known to turn other key generators into endless loops there.
set -u
cd "$(dirname "$0")/../.." || exit 1
cc=arm-linux-gnueabihf-gcc
levels="O0 O1 O2 O3 Os"
limit=200
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

skip() {
    echo "1..1"
    echo "ok 1 - Falcon on 32-bit Arm # SKIP $1"
    exit 0
}

command -v "$cc" >/dev/null 2>&1 || skip "$cc is not installed (tools/setup test)"
command -v qemu-arm >/dev/null 2>&1 || skip "qemu-arm is not installed (tools/setup test)"
printf 'int main(void)\n{\n    return 0;\n}\n' >"$tmp/probe.c"
"$cc" -static "$tmp/probe.c" -o "$tmp/probe" 2>/dev/null || skip "no C library for $cc"

# shellcheck disable=SC2046 # a list of paths
set -- $(tools/sources PQI_CORE_SOURCES | grep -E '^src/(ct|base|prim)/')
count=0
bad=0
echo "1..5"
for level in $levels; do
    count=$((count + 1))
    if "$cc" -std=c11 "-$level" -static -ffunction-sections -Wl,--gc-sections -Iinclude -Isrc \
        tests/interop/falcon_arm.c "$@" -o "$tmp/falcon" >"$tmp/log" 2>&1 &&
        timeout "$limit" qemu-arm "$tmp/falcon" >"$tmp/log" 2>&1; then
        echo "ok $count - known answers on Arm, gcc -$level"
    else
        echo "not ok $count - known answers on Arm, gcc -$level"
        sed 's/^/# /' "$tmp/log" | tail -n 8
        bad=1
    fi
done
exit "$bad"
