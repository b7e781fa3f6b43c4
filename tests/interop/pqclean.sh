#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqclean.sh BUILD [ROUNDS]: differential tests against PQClean's portable C sources as npm ships them.
# They are compiled below BUILD and linked with this library; a round makes keys, ciphertexts and
# signatures with both, alters them, and compares every byte and every verdict. Skips where the
# sources cannot be had.
set -u
build=$(cd "$1" && pwd)
rounds=${2:-${PQI_DIFF_ROUNDS:-60}}
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
work=$build/pqclean
version=0.8.1

skip() {
    echo "1..1"
    echo "ok 1 - differential tests against PQClean # SKIP $1"
    exit 0
}

mkdir -p "$work"
src=$work/node_modules/pqclean/deps/PQClean
if [ ! -d "$src" ]; then
    command -v npm >/dev/null 2>&1 || skip "npm is not installed"
    printf '{"private": true}\n' >"$work/package.json"
    (cd "$work" && timeout 120 npm install --no-save --no-audit --no-fund --ignore-scripts \
        "pqclean@$version" >npm.log 2>&1) || skip "npm could not fetch the package"
fi
cc=${CC:-gcc}
peer=$work/peer.a
if [ ! -e "$peer" ]; then
    rm -rf "$work/o" && mkdir -p "$work/o"
    for dir in crypto_kem/ml-kem-512 crypto_kem/ml-kem-768 crypto_kem/ml-kem-1024 \
        crypto_sign/ml-dsa-44 crypto_sign/ml-dsa-65 crypto_sign/ml-dsa-87 \
        crypto_sign/falcon-512 crypto_sign/falcon-1024 \
        crypto_sign/falcon-padded-512 crypto_sign/falcon-padded-1024; do
        for f in "$src/$dir"/clean/*.c; do
            "$cc" -O2 -w -I"$src/common" -c "$f" -o "$work/o/$(echo "$dir" | tr / _)_$(basename "$f").o" ||
                skip "the package does not compile"
        done
    done
    "$cc" -O2 -w -I"$src/common" -c "$src/common/fips202.c" -o "$work/o/fips202.o" ||
        skip "the package does not compile"
    ar rcs "$peer.new" "$work"/o/*.o && mv "$peer.new" "$peer"
fi
"$cc" -std=c11 -O2 -g -Wall -Wextra -Werror -I"$top/include" -o "$work/pqclean_diff" \
    "$here"/pqclean_*.c "$build/libpqi-core.a" "$peer" || {
    echo "1..1"
    echo "not ok 1 - the differential test does not compile"
    exit 1
}
exec "$work/pqclean_diff" "$rounds"
