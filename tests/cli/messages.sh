#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi send and pqi listen through a real broker, and what they say when something is wrong.
# Usage: messages.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
: >"$out"
: >"$err"

PATH=$PATH:/usr/sbin command -v mosquitto >"$out" || {
    skip "messages through a broker" "mosquitto is not installed"
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

# Provisioning, as the README has it.
umask 077
for k in ca pump valve control meter; do head -c 32 /dev/urandom >"$tmp/$k.kek"; done
ca="--dir $tmp/ca --key-file $tmp/ca.kek"
step() { # the words of a command; stops the script when it fails
    "$pqi" "$@" >"$out" 2>"$err" || {
        result 1 "provisioning: pqi $*"
        finish
        exit 1
    }
}
# shellcheck disable=SC2086 # $ca and $d are words
enrol() { # NAME ROLES SCOPE-OPTIONS [JOIN-OPTION]
    d="--dir $tmp/$1 --key-file $tmp/$1.kek"
    step device init $d --id "$1" --root-hash "$hash" --out "$tmp/$1.factory"
    step ca allow $ca --factory "$tmp/$1.factory" --roles "$2" $3
    step ca challenge $ca --id "$1" --out "$tmp/$1.challenge"
    step device join $d ${4-} --out "$tmp/$1.join" "$tmp/$1.challenge"
    step ca issue $ca --out "$tmp/$1.grant" "$tmp/$1.join"
    step device install $d --out "$tmp/$1.confirm" "$tmp/$1.grant"
    step ca confirm $ca "$tmp/$1.confirm"
}
# shellcheck disable=SC2086
step ca init $ca --root-dir "$tmp/root" --fleet test
hash=$(grep -oE '[0-9a-f]{64}' "$out" | head -n 1)
enrol pump device "--scope plant/pump:pub:L --scope plant/pump/cmd:sub:M"
enrol valve device "--scope plant/valve:pub:L --scope plant/valve/cmd:sub:M"
enrol control control "--scope plant:pub,sub:M --scope pq/4/m:pub:M"
enrol meter device "--scope plant/meter:pub:L" --kem-only
result 0 "four devices are provisioned, one without a signing key"

at() { # NAME: options of a device at the broker
    echo "--dir $tmp/$1 --key-file $tmp/$1.kek --broker 127.0.0.1:$port"
}
# shellcheck disable=SC2046 # words
listen() { # NAME LOG OPTION...
    name=$1
    log=$2
    shift 2
    for filter in "$@"; do :; done # the last word
    before=$(subscriptions "$filter")
    "$pqi" listen $(at "$name") "$@" >"$log" 2>"$log.err" &
    listener=$!
    until_true more_than "$before" "$filter"
    mosquitto_sub -p "$port" -t "pq/4/k/$name" -C 1 -W 300 >"$tmp/announced"
}
# shellcheck disable=SC2034 # used by the caller
tap() { # FILE OPTION... FILTER: somebody on the wire, whose subscription is in force
    log=$1
    shift
    for filter in "$@"; do :; done
    before=$(subscriptions "$filter")
    mosquitto_sub -p "$port" "$@" >"$log" &
    tap=$!
    until_true more_than "$before" "$filter"
}

# shellcheck disable=SC2046
{
    # One listener; text, lines, hex, classes, both protocol versions, all QoS.
    listen control "$tmp/heard" --json --count 7 --timeout 600 'plant/#'
    run 0 send $(at pump) --to control --topic plant/pump/flow '{"l_per_s": 12.5}'
    result $? "send a text"
    run 0 send $(at pump) --to control --topic plant/pump/flow --mqtt5 --qos 2 --json five
    result $? "send with MQTT 5 and QoS 2"
    grep -q '"wire"' "$out"
    result $? "send tells the size on the wire"
    printf 'one\ntwo\n' | run 0 send $(at pump) --to control --topic plant/pump/log --lines -
    result $? "send two lines"
    printf '\000\001\377' | run 0 send $(at pump) --to control --topic plant/pump/raw --qos 0 -
    result $? "send bytes with QoS 0"
    run 0 send $(at pump) --to control --topic plant/pump/esc "$(printf 'a\033[2Jb')"
    result $? "send a control sequence"
    head -c 32768 /dev/zero | tr '\0' x | run 0 send $(at pump) --to control --topic plant/pump/max -
    result $? "send the longest message"
    wait "$listener"
    result $? "listen ends after the count"
    listener=
    python3 - "$tmp/heard" >"$out" 2>"$err" <<'P'
import json, sys
m = [json.loads(line) for line in open(sys.argv[1], encoding="utf-8")]
assert [x.get("text") for x in m[:4]] == ['{"l_per_s": 12.5}', "five", "one", "two"], m[:4]
assert m[4]["hex"] == "0001ff", m[4]
assert m[5]["hex"] == "611b5b324a62", "control bytes must not reach a terminal"
assert m[6]["text"] == "x" * 32768
assert all(x["from"] == "pump" and x["epoch"] == 1 for x in m)
assert all(x["session"] == (x["seq"] == 0) for x in m)
assert all(x["session"] and x["wire"] < 100 for x in m[:6]), "one session after the other, over restarts"
P
    result $? "listen printed them all, once, in order"

    # U+009B begins a control sequence like ESC does, U+202E turns the line around.
    listen control "$tmp/heard" --count 2 --timeout 300 'plant/#'
    run 0 send $(at pump) --to control --topic plant/pump/esc "$(printf 'a\302\2332Jb')"
    run 0 send $(at pump) --to control --topic "$(printf 'plant/pump/\342\200\256x')" y
    wait "$listener"
    listener=
    printf '%s\n' 'pump plant/pump/esc: hex:61c29b324a62' \
        'pump hex:706c616e742f70756d702fe280ae78: y' >"$tmp/want"
    cp "$tmp/heard" "$out"
    cmp -s "$tmp/want" "$out"
    result $? "nothing that steers a terminal is printed"

    # The broker repeats, moves and alters what it carried.
    tap "$tmp/packet" -C 1 -W 300 -N -t 'plant/#'
    listen control "$tmp/heard" --drops --count 2 --timeout 300 'plant/#'
    run 0 send $(at pump) --to control --topic plant/pump/flow first
    wait "$tap"
    mosquitto_pub -p "$port" -t plant/pump/flow -f "$tmp/packet"
    mosquitto_pub -p "$port" -t plant/valve/flow -f "$tmp/packet"
    head -c 4000 "$tmp/packet" | mosquitto_pub -p "$port" -t plant/pump/flow -s
    mosquitto_pub -p "$port" -t plant/pump/flow -m garbage
    run 0 send $(at pump) --to control --topic plant/pump/flow second
    wait "$listener"
    listener=
    printf '%s\n' 'pump plant/pump/flow: first' 'dropped (replay) plant/pump/flow' \
        'dropped (scope) plant/valve/flow' 'dropped (replay) plant/pump/flow' \
        'pump plant/pump/flow: second' >"$tmp/want"
    # What the sessions of both ends have to say at a start is no matter here.
    grep -v -e "dropped (decode)" -e " pq/4/s/" "$tmp/heard" >"$out"
    cmp -s "$tmp/want" "$out"
    result $? "replayed and moved packets are refused, and why"
    [ "$(grep -c 'dropped (decode)' "$tmp/heard")" -ge 1 ]
    result $? "garbage is refused as garbage"

    # What somebody on the wire sees of a session, and what its ends say of it.
    rm -f "$tmp"/pump/state/s-*
    tap "$tmp/wire" -W 600 -F '%t %x' -t 'pq/4/i/#' -t 'pq/4/r/#' -t 'pq/4/s/#' -t 'plant/#'
    listen control "$tmp/heard" --count 1 --timeout 300 'plant/#'
    run 0 send $(at pump) --sessions require --to control --topic plant/pump/flow 'in a session'
    wait "$listener"
    listener=
    run 0 session list --dir "$tmp/pump" && grep -q "^control .*S/[IR]" "$out" && grep -q "not running" "$out"
    result $? "session list shows the session that was"
    run 0 session show --dir "$tmp/pump" control && grep -q "^mode: *S, as " "$out"
    result $? "session show tells more"
    run 1 session show --dir "$tmp/pump" nobody && run 1 session list --dir "$tmp" && clear_error
    result $? "no such peer, no report: told so"
    printf '{"sessions": 5}' >"$tmp/pump/sessions.json"
    run 3 session list --dir "$tmp/pump" && clear_error
    result $? "a report that is none is told of"
    kill "$tap" 2>/dev/null
    wait "$tap" 2>/dev/null
    run 0 inspect - <"$tmp/wire" && grep -q "INIT, modes S and M" "$out" &&
        grep -q "RESP, modes S and M" "$out" && grep -q "CONF, modes S and M" "$out" && grep -q "DATA" "$out"
    result $? "inspect shows every packet of a handshake and its messages"
    ! grep -q "in a session" "$tmp/wire"
    result $? "and no word of them"

    # A device without a signing key: learned, reached, and told that it cannot send.
    listen meter "$tmp/heard" --count 1 --timeout 300 'plant/meter/#'
    run 0 send $(at control) --to meter --topic plant/meter/cmd --class M read
    result $? "send to a device without a signing key"
    wait "$listener"
    result $? "a device without a signing key listens"
    listener=
    printf '%s\n' 'control plant/meter/cmd: read' >"$tmp/want"
    cp "$tmp/heard" "$out"
    cmp -s "$tmp/want" "$out"
    result $? "it prints the message"
    run 1 send $(at meter) --to control --topic plant/meter/x 1 && clear_error &&
        grep -q "no signing key" "$err"
    result $? "it is told that it cannot send"
    mosquitto_sub -p "$port" -t pq/4/k/meter -C 1 -N -W 300 >"$tmp/meter.ann"
    # shellcheck disable=SC2086
    step ca export $ca --out "$tmp/manifest" manifest
    run 0 inspect --root "$tmp/manifest" "$tmp/meter.ann" && grep -q "no signing key" "$out"
    result $? "inspect shows its announcement"

    # A mailbox: the valve sleeps, wakes, and is told once.
    run 1 send $(at control) --to valve --mailbox set --wait 1 x && clear_error
    result $? "nothing is left for a device that was never there"
    run 0 listen $(at valve) --timeout 6 --mailbox
    result $? "a device announces its prekey"
    run 0 send $(at control) --to valve --mailbox set --class M --expires 3600 open
    result $? "leave a command in a mailbox"
    run 0 send $(at control) --to valve --mailbox note hello
    result $? "and a note in another slot"
    mosquitto_sub -p "$port" -t pq/4/k/valve -C 1 -N -W 300 >"$tmp/valve.ann"
    run 0 inspect --json --root "$tmp/manifest" "$tmp/valve.ann" &&
        python3 -c 'import json, sys
v = json.load(sys.stdin)
assert v["prekey"]["epoch"] == 1 and len(v["prekey"]["id"]) == 16, v
open(sys.argv[1], "w").write(v["prekey"]["id"])' "$tmp/prekey.id" <"$out"
    result $? "inspect shows the prekey of an announcement"
    mosquitto_sub -p "$port" -t pq/4/m/valve/set -C 1 -N -W 300 >"$tmp/mail"
    run 0 inspect --json "$tmp/mail" && grep -q "\"prekey_id\": *\"$(cat "$tmp/prekey.id")\"" "$out" &&
        grep -q '"expires": *true' "$out" && grep -q '"message_bytes": *4' "$out"
    result $? "and the packet in the mailbox"
    run 0 listen $(at valve) --count 2 --timeout 200 --mailbox --json
    python3 - "$out" >"$tmp/checked" 2>&1 <<'P'
import json, sys
m = {x["topic"]: x for x in (json.loads(line) for line in open(sys.argv[1], encoding="utf-8"))}
a, b = m["pq/4/m/valve/set"], m["pq/4/m/valve/note"]
assert a["text"] == "open" and a["prekey"] is True and a["expiry"] == "in time", a
assert b["text"] == "hello" and b["prekey"] is True and "expiry" not in b, b
P
    result $? "both are delivered when it wakes"
    run 0 listen $(at valve) --timeout 6 --mailbox --drops &&
        [ "$(grep -c '^dropped (replay) pq/4/m/valve/' "$out")" = 2 ] && [ "$(wc -l <"$out")" = 2 ]
    result $? "and refused when it wakes again"
    run 1 send $(at meter) --to valve --mailbox set x && clear_error
    result $? "a mailbox needs a scope, and a key"
    run 1 send $(at control) --to meter --require-prekey --topic plant/x --wait 2 x && clear_error &&
        grep -q "no prekey" "$err"
    result $? "a device that cannot sign has no prekey"
    usage_error "a mailbox with a topic" send $(at control) --to valve --mailbox set --topic t x
    usage_error "a slot of two levels" send $(at control) --to valve --mailbox a/b x

    # The broker dies under the listener.
    listen control "$tmp/heard" --count 1 --timeout 400 'plant/#'
    kill "$broker"
    wait "$broker" 2>/dev/null
    start_broker
    mosquitto_sub -p "$port" -t pq/4/k/control -C 1 -W 300 >/dev/null
    result $? "the listener announced itself to the new broker"
    run 0 send $(at pump) --to control --topic plant/pump/flow --wait 20 again
    result $? "send after the broker came back empty"
    wait "$listener"
    result $? "the listener came back by itself"
    listener=

    # What the certificate does not allow, and other mistakes: one clear error each.
    run 1 send $(at pump) --to control --topic plant/valve/flow x && clear_error &&
        grep -q "does not allow" "$err"
    result $? "our own scope is checked before sending"
    run 1 send $(at pump) --to control --topic plant/pump/cmd --class H x && clear_error
    result $? "a class above the scope is refused"
    run 1 send $(at pump) --to nobody --topic plant/pump/x --wait 1 x && clear_error &&
        grep -q "no valid announcement of nobody" "$err"
    result $? "an unknown peer"
    run 3 send --dir "$tmp/pump" --key-file "$tmp/pump.kek" --broker 127.0.0.1:1 --to control \
        --topic plant/pump/x --wait 1 x && clear_error && grep -q "broker" "$err"
    result $? "no broker"
    run 1 listen $(at control) --count 1 --timeout 1 'plant/nothing' && grep -q "0 of 1" "$err"
    result $? "listen says when nothing came"
    usage_error "a bad port" send --dir "$tmp/pump" --key-file "$tmp/pump.kek" \
        --broker localhost:99999 --to control --topic t x
    run 3 listen --dir "$tmp/control" --key-file "$tmp/control.kek" --broker 127.0.0.1:1 --timeout 1 'plant/#' &&
        grep -q '^pqi: broker 127.0.0.1:1: .*[a-z]; trying again$' "$err" &&
        grep -q '^pqi: no answer of the broker for 1 s$' "$err"
    result $? "listen without a broker says so and fails"
    run 0 listen $(at control) --timeout 1 'plant/nothing' && [ ! -s "$out" ]
    result $? "listen at a silent broker ends well"
    run 3 send $(at pump) --tls-ca "$tmp/none.pem" --to control --topic plant/pump/x x && clear_error &&
        grep -q 'cannot open .*none.pem: No such file' "$err"
    result $? "a certificate file that is not there"
    usage_error "a wildcard to publish on" send $(at pump) --to control --topic 'plant/pump/#' x
    grep -q 'no + and no #: plant/pump/#' "$err"
    result $? "... and says why"
    usage_error "a bad filter" listen $(at control) 'a/#/b'
    usage_error "a bad class" send $(at pump) --to control --topic t --class X x
    usage_error "no topic" send $(at pump) --to control x
    usage_error "no filter" listen $(at control)
    ! "$pqi" send --dir "$tmp/pump" --key-file "$tmp/ca.kek" --broker "127.0.0.1:$port" \
        --to control --topic plant/pump/x x >"$out" 2>"$err" && clear_error
    result $? "another key-encryption key"
}
finish
