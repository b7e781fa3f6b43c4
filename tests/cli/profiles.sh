#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each profile from ca init to a message through a real broker, mixed fleets, X-Wing, AES-256-GCM-SIV,
# and what a CA or a listener refuses. Usage: profiles.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
: >"$out"
: >"$err"

PATH=$PATH:/usr/sbin command -v mosquitto >"$out" || {
    skip "profiles through a broker" "mosquitto is not installed"
    finish
    exit
}
broker=
listener=
stop() {
    # shellcheck disable=SC2086 # one number or none
    end $listener $broker
    rm -rf "$tmp"
}
trap stop EXIT

start_broker

umask 077
head -c 32 /dev/urandom >"$tmp/kek"
step() { # the words of a command; stops the script when it fails
    "$pqi" "$@" >"$out" 2>"$err" || {
        result 1 "provisioning: pqi $*"
        finish
        exit 1
    }
}
fleet=
# shellcheck disable=SC2086 # $ca and $d are words
new_fleet() { # NAME OPTION...
    fleet=$tmp/$1
    mkdir "$fleet"
    ca="--dir $fleet/ca --key-file $tmp/kek"
    shift
    step ca init $ca --root-dir "$fleet/root" --fleet test "$@"
    hash=$(grep -oE '[0-9a-f]{64}' "$out" | head -n 1)
}
# shellcheck disable=SC2086
ask() { # ID INIT-OPTIONS JOIN-OPTIONS: up to the join request
    d="--dir $fleet/$1 --key-file $tmp/kek"
    step device init $d --id "$1" --root-hash "$hash" --out "$fleet/$1.factory" $2
    step ca allow $ca --factory "$fleet/$1.factory" --roles device --scope plant:pub,sub:M
    step ca challenge $ca --id "$1" --out "$fleet/$1.challenge"
    step device join $d --out "$fleet/$1.join" $3 "$fleet/$1.challenge"
}
# shellcheck disable=SC2086
enrol() { # ID OPTIONS
    ask "$1" "$2" "$2"
    step ca issue $ca --out "$fleet/$1.grant" "$fleet/$1.join"
    step device install $d --out "$fleet/$1.confirm" "$fleet/$1.grant"
    step ca confirm $ca "$fleet/$1.confirm"
}
at() { # ID: options of a device at the broker
    echo "--dir $fleet/$1 --key-file $tmp/kek --broker 127.0.0.1:$port"
}
# shellcheck disable=SC2046 # words
listen() { # ID LOG OPTION...
    name=$1
    log=$2
    shift 2
    before=$(subscriptions 'plant/#')
    mosquitto_pub -p "$port" -t "pq/4/k/$name" -r -n # no announcement of an earlier fleet
    "$pqi" listen $(at "$name") "$@" >"$log" 2>"$log.err" &
    listener=$!
    until_true more_than "$before" 'plant/#'
    mosquitto_sub -p "$port" -t "pq/4/k/$name" -C 1 -W 300 >"$tmp/announced"
}
# shellcheck disable=SC2034 # used by the caller
tap() { # somebody on the wire takes one packet
    before=$(subscriptions 'plant/#')
    mosquitto_sub -p "$port" -t 'plant/#' -C 1 -W 300 -N >"$tmp/packet" &
    tap=$!
    until_true more_than "$before" 'plant/#'
}
# shellcheck disable=SC2046
talk() { # WHAT: pump to control and back
    for pair in "pump control" "control pump"; do
        from=${pair% *}
        to=${pair#* }
        mosquitto_pub -p "$port" -t "pq/4/k/$from" -r -n
        listen "$to" "$tmp/heard" --count 1 --timeout 600 'plant/#'
        run 0 send $(at "$from") --to "$to" --topic "plant/$from" "from $from" --json
        result $? "$1: $from sends"
        cp "$out" "$tmp/sent"
        wait "$listener"
        listener=
        cp "$tmp/heard" "$out"
        cp "$tmp/heard.err" "$err"
        [ "$(cat "$tmp/heard")" = "$from plant/$from: from $from" ]
        result $? "$1: $to reads it"
    done
}

# NAME | options | words that device status prints | extra option of the CA
"$pqi" version >"$tmp/version"
while IFS='|' read -r name options kem sig extra; do
    # shellcheck disable=SC2086 # words
    new_fleet "$name" $options $extra
    enrol pump "$options"
    enrol control "$options"
    # shellcheck disable=SC2086
    step device status --dir "$fleet/pump" --key-file "$tmp/kek"
    grep -qF "KEM:          $kem, X25519" "$out" && grep -qFx "signature:    $sig" "$out"
    result $? "$name: device status names $kem and $sig"
    # shellcheck disable=SC2086
    step ca show $ca
    grep -qFx "issuer key:   $sig" "$out"
    result $? "$name: ca show names the issuer's algorithm"
    # shellcheck disable=SC2086
    step ca show $ca pump
    grep -qFx "    $kem, $sig" "$out"
    result $? "$name: ca show names those of a certificate"
    step inspect "$fleet/pump.join"
    grep -qF "$kem" "$out" && grep -qF "$sig" "$out"
    result $? "$name: inspect names them"
    talk "$name"
done <<'T'
default||ML-KEM-768|ML-DSA-65|
level1|--level 1|ML-KEM-512|ML-DSA-44|
level5|--profile kyber-dilithium --level 5|ML-KEM-1024|ML-DSA-87|--min-level 5
falcon|--profile kyber-falcon|ML-KEM-768|Falcon-512 (pre-standard)|
falcon5|--profile Kyber-Falcon --level 5|ML-KEM-1024|Falcon-1024 (pre-standard)|--min-level 5
saber|--profile saber-dilithium|Saber (not standardised)|ML-DSA-65|--allow-not-standardised
saber5|--profile saber-dilithium --level 5|FireSaber (not standardised)|ML-DSA-87|--allow-not-standardised
T

# --- refused by the CA ---
refuses() { # NAME WORDS
    # shellcheck disable=SC2086
    run 1 ca issue $ca --out "$fleet/x.grant" "$fleet/pump.join" &&
        grep -qF -- "$2" "$err" && [ ! -e "$fleet/x.grant" ]
    result $? "$1"
}
new_fleet strict
# shellcheck disable=SC2086
{
    step ca show $ca
    grep -qFx "certifies:    level 1 or higher, pre-standard allowed" "$out"
    result $? "ca show tells the policy"
}
ask pump "" "--profile saber-dilithium"
refuses "a CA does not certify what is not standardised" "does not certify Saber (not standardised)"
new_fleet stricter --min-level 3 --forbid-pre-standard
ask pump "" "--profile kyber-falcon"
refuses "nor Falcon when it is told so" "does not certify Falcon-512 (pre-standard)"
new_fleet level3 --min-level 3
ask pump "" "--level 1"
refuses "nor what is below its level" "ML-KEM-512 is of level 1 and this CA asks for level 3"
# shellcheck disable=SC2086
{
    step device init --dir "$fleet/low" --key-file "$tmp/kek" --id low --root-hash "$hash" \
        --out "$fleet/low.factory" --profile kyber-falcon
    run 1 ca allow $ca --factory "$fleet/low.factory" --scope plant:pub:L && clear_error &&
        grep -qF "Falcon-512 is of level 1" "$err"
    result $? "nor a factory key below its level"
    run 1 ca init $ca --root-dir "$fleet/root" --fleet test && clear_error &&
        grep -qF "already a CA with other algorithms or another policy" "$err"
    result $? "the policy of a CA is final"
    run 1 ca init --dir "$tmp/none" --key-file "$tmp/kek" --root-dir "$tmp/none.root" --fleet test \
        --profile kyber-falcon --forbid-pre-standard && clear_error &&
        grep -qF "the CA: this CA does not certify Falcon" "$err"
    result $? "a CA keeps its own rule"
}

# --- mixed signatures, and a listener with a policy ---
new_fleet mixed
enrol pump "--profile kyber-falcon"
enrol control ""
talk "kyber-falcon and kyber-dilithium in one fleet"
# shellcheck disable=SC2046
{
    mosquitto_pub -p "$port" -t pq/4/k/pump -r -n
    listen control "$tmp/heard" --forbid-pre-standard --drops --count 1 --timeout 8 'plant/#'
    "$pqi" send $(at pump) --to control --topic plant/pump refused --wait 5 >"$out" 2>"$err"
    wait "$listener"
    listener=
    cp "$tmp/heard" "$out"
    grep -q '^dropped (policy)' "$tmp/heard" && ! grep -q refused "$tmp/heard"
    result $? "a listener refuses what its policy forbids, and why"
    run 1 listen $(at pump) --forbid-pre-standard --count 1 --timeout 1 'plant/#' && clear_error &&
        grep -qF "do not pass the configured policy" "$err"
    result $? "and does not run on keys of its own that it forbids"
    run 1 listen $(at control) --min-level 5 --count 1 --timeout 1 'plant/#' && clear_error &&
        grep -qF "do not pass the configured policy" "$err"
    result $? "nor below its level"
}

# --- X-Wing ---
new_fleet xwing
enrol pump "" # two plain devices first: the bits of a suite are asked for
step device status --dir "$fleet/pump" --key-file "$tmp/kek"
plain="ML-KEM-768+X25519/AES-256-GCM/SHA-256"
siv="ML-KEM-768+X25519/AES-256-GCM-SIV/SHA-256"
composite="ML-KEM-768-P256+X25519/AES-256-GCM/SHA-256 (pre-standard)"
grep -qFx "suites:       $plain; $siv; $composite" "$out"
result $? "X-Wing is not part of a default request, AES-256-GCM-SIV is"
new_fleet xwing2
# shellcheck disable=SC2086
for id in pump control; do
    ask "$id" "" "--suite x-wing"
    step ca issue $ca --out "$fleet/$id.grant" "$fleet/$id.join"
    step device install $d --out "$fleet/$id.confirm" "$fleet/$id.grant"
    step ca confirm $ca "$fleet/$id.confirm"
done
step device status --dir "$fleet/pump" --key-file "$tmp/kek"
grep -qFx "suites:       X-Wing/AES-256-GCM/SHA-256 (pre-standard)" "$out"
result $? "X-Wing is asked for with --suite"
talk "X-Wing"
tap
# shellcheck disable=SC2046
{
    listen control "$tmp/heard" --count 1 --timeout 300 'plant/#'
    run 0 send $(at pump) --sessions off --to control --topic plant/pump again
    wait "$tap" "$listener"
    listener=
}
run 0 inspect "$tmp/packet" && grep -qF "X-Wing/AES-256-GCM/SHA-256 (pre-standard)" "$out"
result $? "inspect names the suite of a packet"

# --- AES-256-GCM-SIV: one device asks for it alone, because its storage can be put back ---
# shellcheck disable=SC2046
suite_of_packet() { # FROM SEND-OPTION
    tap
    to=$([ "$1" = pump ] && echo control || echo pump)
    listen "$to" "$tmp/heard" --count 1 --timeout 300 ${2:+$2} 'plant/#'
    run 0 send $(at "$1") --sessions off --to "$to" --topic "plant/$1" again ${2:+$2}
    wait "$tap" "$listener"
    listener=
    step inspect "$tmp/packet"
}
new_fleet siv
# shellcheck disable=SC2086
{
    ask pump "" "--suite gcm-siv"
    step ca issue $ca --out "$fleet/pump.grant" "$fleet/pump.join"
    step device install $d --out "$fleet/pump.confirm" "$fleet/pump.grant"
    step ca confirm $ca "$fleet/pump.confirm"
    step device status $d
}
grep -qFx "suites:       $siv" "$out"
result $? "AES-256-GCM-SIV is asked for with --suite"
enrol control ""
talk "AES-256-GCM-SIV of one device"
suite_of_packet pump && grep -qF "$siv" "$out"
result $? "it sends with that suite"
suite_of_packet control && grep -qF "$siv" "$out"
result $? "and others send to it with that suite"
suite_of_packet pump --misuse-resistant && grep -qF "$siv" "$out"
result $? "a policy of misuse resistance allows it"
new_fleet siv2
enrol pump ""
enrol control ""
suite_of_packet pump && grep -qF "$plain" "$out" && ! grep -qF "$siv" "$out"
result $? "nobody takes AES-256-GCM-SIV without being asked"
suite_of_packet pump --misuse-resistant && grep -qF "$siv" "$out"
result $? "the policy makes two default devices take it"
# shellcheck disable=SC2046,SC2086
{
    ask plain "" "--suite ml-kem-768"
    step ca issue $ca --out "$fleet/plain.grant" "$fleet/plain.join"
    step device install $d --out "$fleet/plain.confirm" "$fleet/plain.grant"
    run 1 listen $(at plain) --misuse-resistant --count 1 --timeout 1 'plant/#' && clear_error &&
        grep -qF "do not pass the configured policy" "$err"
    result $? "a certificate without it does not pass the policy"
}

# --- wrong words ---
usage_error "an unknown profile" device init --dir "$tmp/w" --key-file "$tmp/kek" --id w \
    --root-hash "$hash" --profile kyber-rsa
usage_error "a level that is none" device init --dir "$tmp/w" --key-file "$tmp/kek" --id w \
    --root-hash "$hash" --level 2
usage_error "an unknown KEM" device join --dir "$fleet/pump" --key-file "$tmp/kek" \
    --kem kyber "$fleet/pump.challenge"
usage_error "an unknown signature" device join --dir "$fleet/pump" --key-file "$tmp/kek" \
    --sig rsa "$fleet/pump.challenge"
usage_error "an unknown suite" device join --dir "$fleet/pump" --key-file "$tmp/kek" \
    --suite aes "$fleet/pump.challenge"
usage_error "a CA for SABER that would not certify it" ca init --dir "$tmp/w" --key-file "$tmp/kek" \
    --root-dir "$tmp/w.root" --fleet w --profile saber-dilithium
usage_error "a CA for SABER and for final standards alone" ca init --dir "$tmp/w" \
    --key-file "$tmp/kek" --root-dir "$tmp/w.root" --fleet w --allow-not-standardised \
    --forbid-pre-standard
usage_error "a CA with an unknown profile" ca init --dir "$tmp/w" --key-file "$tmp/kek" \
    --root-dir "$tmp/w.root" --fleet w --profile x
usage_error "a level above 5" listen --dir "$fleet/pump" --min-level 6 t
finish
