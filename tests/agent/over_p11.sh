#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# usage: tests/agent/over_p11.sh BUILD    The key agent over a PKCS#11 token (SoftHSM): the conformance suite
# through its socket, in its sandbox; a store again after a restart; what it refuses to start over: a module that
# starts threads, a TPM by D-Bus. TAP.
# shellcheck disable=SC2016 # quotes of the configuration, lines for another shell
set -u
build=$(cd "$1" && pwd) || exit 1
if [ ! -x "$build/tests/agent_agent" ]; then
    echo "1..0 # SKIP built without the agent"
    exit 0
fi
dir=$(mktemp -d)
agent=
trap '[ -z "$agent" ] || kill "$agent"; rm -rf "$dir"' EXIT
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
config() { # PROVIDER    as the store s in $dir/store
    {
        echo "socket $dir/run/s"
        echo "acl $dir/acl"
        echo "audit $dir/log/audit"
        [ "$(id -u)" != 0 ] || echo "user root"
        echo "allow $dir/hsm"
        echo "store s dir=$dir/store create=yes${1:+ provider='$1'}"
    } >"$dir/conf"
}
refuses() { # TEXT    the agent ends with 3, and this is why
    timeout 30 "$build/bin/pqi-agent" --config "$dir/conf" >"$dir/said" 2>&1
    [ $? = 3 ] && grep -q -- "$1" "$dir/said" && grep -q "  try: " "$dir/said"
    set -- $?
    cat "$dir/said"
    return "$1"
}
begin() {
    "$build/bin/pqi-agent" --config "$dir/conf" &
    agent=$!
}
end() {
    kill "$agent" && wait "$agent"
    set -- $?
    agent=
    return "$1"
}
device() { # COMMAND...    once the agent listens
    tries=0
    until "$build/bin/pqi" device "$@" --dir "$dir/dev" --no-secret; do
        tries=$((tries + 1))
        [ $tries -lt 100 ] && kill -0 "$agent" || return 1
        sleep 0.1
    done
}
mkdir "$dir/run" "$dir/log" "$dir/hsm"
echo "allow uid=$(id -u) store=s ops=all key=any domains='*' labels='*' slots=0-63" >"$dir/acl"
chmod 644 "$dir/acl"
config tpm:tabrmd:
step "no TPM by D-Bus" refuses "by D-Bus (tpm:tabrmd)"
step "nothing was made" [ ! -e "$dir/store/provider.uri" ]
mkdir -p "$dir/store" && chmod 700 "$dir/store"
(umask 077 && echo tpm:tabrmd:bus_type=session >"$dir/store/provider.uri")
config ""
step "nor one that a directory names" refuses "by D-Bus (tpm:tabrmd)"
rm -rf "$dir/store"
if [ ! -r /usr/lib/softhsm/libsofthsm2.so ] || ! command -v softhsm2-util >/dev/null ||
    [ ! -r "$build/tests/fake_p11_module.so" ]; then
    echo "1..$n # softhsm2 is missing, or built without PKCS#11: the rest was left out"
    [ "$bad" = 0 ]
    exit
fi
printf 'directories.tokendir = %s/hsm\nobjectstore.backend = file\nlog.level = ERROR\n' "$dir" >"$dir/softhsm2.conf"
export SOFTHSM2_CONF="$dir/softhsm2.conf"
(umask 077 && echo 123456 >"$dir/pin")
step "a token" softhsm2-util --init-token --free --label t1 --pin 123456 --so-pin 87654321
more="pin-source=file:$dir/pin"
config "pkcs11:token=t1?module-path=$build/tests/fake_p11_module.so&$more"
step "no module with threads of its own" env FAKE_P11_THREAD=1 sh -c '
    timeout 30 "$1" --config "$2" >"$3" 2>&1; cat "$3"; grep -q "has started threads (2, there were 1)" "$3"' - \
    "$build/bin/pqi-agent" "$dir/conf" "$dir/said"
rm -rf "$dir/store"
uri="pkcs11:token=t1?module-name=softhsm2&$more"
step "conformance through the agent" env "PQI_TEST_AGENT_PROVIDER=$uri" "PQI_TEST_AGENT_ALLOW=$dir/hsm" \
    "$build/tests/agent_agent"
cp "$dir/out" "$dir/kept"
step "it was run" grep -q "^ok 1 - conformance" "$dir/kept"
config "$uri"
begin
hash=$(printf 'ab%.0s' 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32)
step "a device whose keys it has" device init --id d1 --root-hash "$hash" --out "$dir/f" \
    --provider "agent:$dir/run/s?store=s"
step "it stops" end
begin
step "the same keys after a restart" device status
step "it stops again" end
step "a chained log" "$build/bin/pqi-agent" --verify-audit "$dir/log/audit"
echo "1..$n"
[ "$bad" = 0 ]
