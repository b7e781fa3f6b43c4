#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/install/test.sh BUILD    Installs BUILD into a scratch prefix and compiles a consumer
# through pkg-config (shared), a static library, find_package and add_subdirectory, and the conformance
# suite as the author of a driver would.
set -u
build=$(cd "$1" && pwd) || exit 1
cd "$(dirname "$0")" || exit 1
here=$(pwd)
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
n=0
bad=0
check() { # NAME COMMAND...
    n=$((n + 1))
    name=$1
    shift
    if "$@" >"$tmp/log" 2>&1; then
        echo "ok $n - $name"
    else
        echo "not ok $n - $name"
        sed 's/^/# /' "$tmp/log" | tail -n 15
        bad=$((bad + 1))
    fi
}
prefix=$tmp/prefix
pc() { PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name pqi.pc)") pkg-config "$@"; }
has_shared() { [ -n "$(find "$prefix" -name libpqi.so)" ]; }
skip() { # NAME
    n=$((n + 1))
    echo "ok $n - $1 # SKIP built without PQI_SHARED"
}
by_shared() {
    # shellcheck disable=SC2046 # flags are words
    cc -std=c11 -Wall -Werror -o "$tmp/shared" "$here/consumer.c" $(pc --cflags --libs pqi) &&
        LD_LIBRARY_PATH=$(pc --variable=libdir pqi) "$tmp/shared"
}
by_static() {
    # shellcheck disable=SC2046 # flags are words
    cc -std=c11 -Wall -Werror -o "$tmp/static" "$here/consumer.c" $(pc --cflags pqi) \
        "$(pc --variable=libdir pqi)/libpqi-core.a" && "$tmp/static"
}
by_cmake() {
    cmake -S "$here" -B "$tmp/b" -G Ninja -DCMAKE_PREFIX_PATH="$prefix" &&
        cmake --build "$tmp/b" && "$tmp/b/consumer_core" || return 1
    ! has_shared || "$tmp/b/consumer_shared"
}
# As a part of somebody's build: the libraries alone, and no warning flags of ours.
by_subproject() {
    mkdir -p "$tmp/s"
    cat >"$tmp/s/CMakeLists.txt" <<END
cmake_minimum_required(VERSION 3.21)
project(outer LANGUAGES C)
set(PQI_HOST OFF)
add_subdirectory($here/../.. pqi)
add_executable(consumer $here/consumer.c)
target_link_libraries(consumer PRIVATE pqi::core)
END
    cmake -S "$tmp/s" -B "$tmp/s/b" -G Ninja -DCMAKE_POLICY_DEFAULT_CMP0077=NEW &&
        cmake --build "$tmp/s/b" && "$tmp/s/b/consumer" &&
        ! grep -q -e -Werror -e test_ct "$tmp/s/b/build.ninja"
}
# From the installed files alone, with warnings, over the software provider; and it can fail.
conformance() {
    cp -r "$prefix/share/pqi/conformance" "$tmp/c" && cd "$tmp/c" || return 1
    # shellcheck disable=SC2046 # flags are words
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -o conformance main.c conformance.c threads.c \
        $(pc --cflags --libs pqi) -lcmocka -pthread || return 1
    head -c 32 /dev/urandom >key && chmod 600 key
    LD_LIBRARY_PATH=$(pc --variable=libdir pqi)
    export LD_LIBRARY_PATH
    ./conformance "$tmp/c/dir" key >tap || return 1
    [ "$(grep -c '^ok' tap)" = 3 ] || return 1
    ! ./conformance "$tmp/c/dir" key what:ever >tap
}
# The example of the README, as it stands there. Without a device it says so.
readme() {
    # shellcheck disable=SC2016 # backquotes of Markdown
    sed -n '/^## In a program/,/^## /{/^```c$/,/^```$/{/^```/d;p}}' "$here/../../README.md" >"$tmp/readme.c"
    # shellcheck disable=SC2046 # flags are words
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror -o "$tmp/readme" "$tmp/readme.c" $(pc --cflags --libs pqi) ||
        return 1
    cd "$tmp" || return 1
    LD_LIBRARY_PATH=$(pc --variable=libdir pqi) ./readme 2>readme.err
    [ $? = 1 ] && grep -qx 'there is no device in control' readme.err
}
soname() {
    so=$(find "$prefix" -name 'libpqi.so.0.*')
    objdump -p "$so" | grep -Eq 'SONAME +libpqi\.so\.0$' || return 1
    # every exported name is ours
    nm -D --defined-only "$so" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' >"$tmp/names"
    [ -s "$tmp/names" ] && ! grep -v '^pqi_' "$tmp/names"
}
echo "1..8"
check "cmake --install" cmake --install "$build" --prefix "$prefix"
check "pkg-config, static core" by_static
check "find_package(pqi): pqi::core, pqi::shared" by_cmake
check "add_subdirectory: pqi::core" by_subproject
if has_shared; then
    check "pkg-config, shared library" by_shared
    check "the example of the README" readme
    check "libpqi.so has its soname and exports only pqi_*" soname
    check "the conformance suite builds and runs from share/pqi" conformance
else
    skip "pkg-config, shared library"
    skip "the example of the README"
    skip "libpqi.so has its soname and exports only pqi_*"
    skip "the conformance suite builds and runs from share/pqi"
fi
[ "$bad" = 0 ]
