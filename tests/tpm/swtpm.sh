#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A software TPM (swtpm) for tests, on unix sockets in one directory.
#   swtpm.sh make DIR    makes the TPM's state with an endorsement certificate of a CA of its own
#   swtpm.sh start DIR   starts it on DIR/sock (TCTI swtpm:path=DIR/sock); prints its process id
#   swtpm.sh have        fails when a program is missing
# The caller stops it by that process id. State, keys and counters are in DIR/state.
set -eu
cmd=$1
dir=${2:-}
case $cmd in
have)
    for p in swtpm swtpm_setup swtpm_localca; do
        command -v "$p" >/dev/null || { echo "$p is missing (tools/setup test)" >&2; exit 1; }
    done
    ;;
make)
    mkdir -p "$dir/state" "$dir/ca"
    cat >"$dir/localca.conf" <<CONF
statedir = $dir/ca
signingkey = $dir/ca/signkey.pem
issuercert = $dir/ca/issuercert.pem
certserial = $dir/ca/certserial
CONF
    printf '%s\n' '--platform-manufacturer PQC-IIoT-test' '--platform-version 1' \
        '--platform-model swtpm' >"$dir/localca.options"
    cat >"$dir/setup.conf" <<CONF
create_certs_tool=$(command -v swtpm_localca)
create_certs_tool_config=$dir/localca.conf
create_certs_tool_options=$dir/localca.options
CONF
    swtpm_setup --tpm2 --tpmstate "$dir/state" --config "$dir/setup.conf" --create-ek-cert \
        --create-platform-cert --ecc --overwrite --pcr-banks sha256 >"$dir/setup.log" 2>&1 ||
        { cat "$dir/setup.log" >&2; exit 1; }
    ;;
start)
    rm -f "$dir/sock" "$dir/sock.ctrl"
    swtpm socket --tpm2 --tpmstate "dir=$dir/state" --server "type=unixio,path=$dir/sock" \
        --ctrl "type=unixio,path=$dir/sock.ctrl" --flags not-need-init,startup-clear \
        >"$dir/swtpm.log" 2>&1 </dev/null &
    pid=$!
    n=0
    until [ -S "$dir/sock" ] && [ -S "$dir/sock.ctrl" ]; do
        n=$((n + 1))
        [ $n -lt 3000 ] || { cat "$dir/swtpm.log" >&2; kill "$pid" 2>/dev/null; exit 1; }
        sleep 0.02
    done
    echo "$pid"
    ;;
*)
    echo "usage: swtpm.sh have|make|start DIR" >&2
    exit 2
    ;;
esac
