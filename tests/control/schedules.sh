#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/control/schedules.sh BUILD    Random schedules of the control plane against the oracle, then the
# mutants that they must find. Prints TAP. CONTROL_SCHEDULES and MUTANT_SCHEDULES as in the two programs.
set -u
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")" || exit 1
failed=0
echo 1..2
part() {
    n=$1
    shift
    out=$("$@" "$build" 2>&1)
    code=$?
    printf '%s\n' "$out" | sed 's/^/# /'
    if [ "$code" = 0 ]; then
        echo "ok $n - $*"
    else
        failed=1
        echo "not ok $n - $*"
    fi
}
part 1 ./schedule.py
part 2 ./mutants.py
exit "$failed"
