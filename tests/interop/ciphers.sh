#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ciphers.sh BUILD: AEADs against @noble/ciphers from npm. Skips where it cannot be had.
set -u
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
work=$build/interop-ciphers
version=2.4.0

skip() {
    echo "1..1"
    echo "ok 1 - AEADs against @noble/ciphers # SKIP $1"
    exit 0
}

command -v node >/dev/null 2>&1 || skip "node is not installed"
major=$(node -p 'process.versions.node.split(".")[0]')
[ "$major" -ge 20 ] || skip "@noble/ciphers needs node 20, this is $(node --version)"
mkdir -p "$work"
if [ ! -d "$work/node_modules/@noble/ciphers" ]; then
    command -v npm >/dev/null 2>&1 || skip "npm is not installed"
    printf '{"private": true, "type": "module"}\n' >"$work/package.json"
    (cd "$work" && timeout 120 npm install --no-save --no-audit --no-fund --ignore-scripts \
        "@noble/ciphers@$version" >npm.log 2>&1) || skip "npm could not fetch the package"
fi
cp "$here/ciphers.mjs" "$work/ciphers.mjs"
exec node "$work/ciphers.mjs" "$build/tests/interop_peer"
