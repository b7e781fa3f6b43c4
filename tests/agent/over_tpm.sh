#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/agent/over_tpm.sh BUILD    The key agent over a TPM (swtpm): the conformance suite through
# its socket, and a device directory that names the agent. TAP.
set -u
build=$(cd "$1" && pwd) || exit 1
here=$(cd "$(dirname "$0")/.." && pwd) || exit 1
swtpm=$here/tpm/swtpm.sh
if [ ! -f "$swtpm" ] || ! sh "$swtpm" have 2>/dev/null || [ ! -x "$build/tests/agent_agent" ]; then
    echo "1..0 # SKIP no swtpm, or built without the agent"
    exit 0
fi
dir=$(mktemp -d)
tpm=
trap '[ -z "$tpm" ] || kill "$tpm"; rm -rf "$dir"' EXIT
n=0
bad=0
step() { # NAME COMMAND...
    name=$1
    shift
    n=$((n + 1))
    if "$@" >"$dir/out" 2>&1; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' "$dir/out"
        bad=1
    fi
}
echo "1..3"
sh "$swtpm" make "$dir/tpm" && tpm=$(sh "$swtpm" start "$dir/tpm") || exit 1
uri=tpm:swtpm:path=$dir/tpm/sock
step "pqi tpm init" "$build/bin/pqi" tpm init --tpm "$uri"
step "conformance through the agent" env "PQI_TEST_AGENT_PROVIDER=$uri" "$build/tests/agent_agent"
cp "$dir/out" "$dir/kept"
step "it was run" grep -q "^ok 1 - conformance" "$dir/kept"
[ "$bad" = 0 ]
