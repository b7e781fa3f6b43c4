#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi inspect: every kind of object in every form of input, checked signatures, refused inputs.
# Usage: inspect.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
objects=$tmp/objects
mkdir "$objects"
"$(cd "$1" && pwd)/tests/make_objects" "$objects" >"$out" 2>"$err"
result $? "the objects are made"
cd "$objects" || exit 1

hex() { # FILE
    od -An -v -tx1 "$1" | tr -d ' \n'
}

# Exactly one clear line, exit code 1, and it holds no control character.
refused() { # NAME PATTERN ARGUMENT...
    name=$1 pattern=$2
    shift 2
    run 1 inspect "$@" && clear_error && grep -q "$pattern" "$err" &&
        ! tr -d '\n' <"$err" | LC_ALL=C grep -q '[[:cntrl:]]'
    result $? "$name"
}

# True when the JSON of the last run has one object for which the Python expression holds.
holds() { # EXPRESSION
    python3 -c '
import json, sys
lines = open(sys.argv[1]).read().splitlines()
assert len(lines) == 1, len(lines)
v = json.loads(lines[0])
assert eval(sys.argv[2]), v' "$out" "$1" 2>>"$err"
}

# ---- each kind as text, as JSON, from standard input and as hex: the same four times

# What a device pins: SHA-256("PQI4 root id" || payload), the payload found by hand:
# tag 98, array of 4, protected bstr, empty map, payload bstr with a two-byte length.
root_hash() { # FILE
    python3 -c '
import hashlib, sys
b = open(sys.argv[1], "rb").read()
assert b[:3] == bytes.fromhex("d86284") and 0x40 <= b[3] < 0x58, b[:4]
at = 4 + b[3] - 0x40
assert b[at] == 0xA0 and b[at + 1] == 0x59
n = int.from_bytes(b[at + 2:at + 4], "big")
print(hashlib.sha256(b"PQI4 root id" + b[at + 4:at + 4 + n]).hexdigest())' "$1"
}

# What a head names: docs/spec/control.md section 1.4, over the last byte string of the payload.
rev_hash=$(python3 -c '
import hashlib
b = open("revocations", "rb").read()
at = b.index(b"\x06\x58\x1b") + 3
h = hashlib.sha256(b"PQI4 rev log" + b"example fleet 01" + (1).to_bytes(4, "big")).digest()
for i in range(3):
    h = hashlib.sha256(b"PQI4 rev entry" + h + b[at + 9 * i:at + 9 * i + 9]).digest()
print(h.hex())')

kind() { # FILE OBJECT EXPRESSION
    run 0 inspect "$1" && [ ! -s "$err" ] && grep -q "^object: *$2\$" "$out" &&
        grep -q 'not checked (' "$out" && cp "$out" "$tmp/text"
    result $? "$2: text, and it says what was not checked"
    run 0 inspect --json "$1" && cp "$out" "$tmp/json" && holds "v['object'] == '$2' and ($3)"
    result $? "$2: JSON"
    run 0 inspect - <"$1" && cmp -s "$out" "$tmp/text"
    result $? "$2: standard input"
    hex "$1" >"$tmp/hex"
    run 0 inspect "$tmp/hex" && cmp -s "$out" "$tmp/text"
    result $? "$2: hex"
    od -An -v -tx1 "$1" | tr a-f A-F >"$tmp/dump"
    run 0 inspect "$tmp/dump" && cmp -s "$out" "$tmp/text"
    result $? "$2: hex in groups and lines, upper case"
    run 0 inspect --hex --json - <"$tmp/hex" && cmp -s "$out" "$tmp/json"
    result $? "$2: --hex"
}

kind cert "certificate" "v['device_id'] == 'pump-1' and v['key_epoch'] == 3 and
    v['kem_key']['algorithm'] == 'ML-KEM-512' and v['kem_key']['bytes'] == 800 and
    len(v['key_id']) == 32 and v['kid'] == v['key_id'][:16] and v['roles'] == ['device'] and
    v['not_before'] == '2025-10-09T08:53:20Z' and v['scopes'][0] == {'prefix': 'plant/pump-1',
    'rights': ['publish'], 'class': 'M (commands within limits)'} and
    v['signature'] == {'state': 'not checked', 'note': 'give --root MANIFEST'}"
kind kemcert "certificate" "v['signing_key'] is None and v['not_after'] is None and
    v['scopes'] == []"
kind manifest "root manifest" "v['root_version'] == 1 and len(v['keys']) == 5 and
    v['thresholds'] == {'root': 2, 'issuer': 1, 'revoker': 1} and
    v['hash'] == '$(root_hash manifest)'"
kind revocations "revocation log" "v['seq'] == 3 and v['count'] == 3 and v['from'] == 0 and
    v['part'] == 'the whole log' and v['hash'] == '$rev_hash' and
    v['revoked'][2] == {'roster_index': 70000, 'below_key_epoch': 'every', 'reason': 4}"
kind join "join request" "v['nonce'] == 'a5' * 32 and v['signatures']['state'] == 'verified' and
    v['factory']['state'] == 'not checked'"
kind factory "factory record" "v['signature']['state'] == 'verified' and
    len(v['fingerprint']) == 64"
kind challenge "challenge" "v['nonce'] == 'a5' * 32 and v['device_id'] == 'pump-1'"
kind grant "grant" "v['sealed_bytes'] == v['bytes'] - 8 - v['capsule_bytes']"
kind confirm "confirmation" "len(v['mac']) == 64"
kind announcement "announcement" "v['announcement_epoch'] == 7 and
    v['certificate']['device_id'] == 'pump-1' and v['topic_check']['state'] == 'not checked'"
kind v1 "v1 packet" "v['seq'] == 257 and v['message_bytes'] == 12 and
    v['recipient_kid'] == 'ee' * 8 and v['signature_algorithm'] == 'ML-DSA-44'"

named() { # TEXT FILE...: SHA-256(TEXT || payload of the COSE object), the payload found by hand
    python3 -c '
import hashlib, sys
def head(b, at):
    info = b[at] & 31
    n = 0 if info < 24 else 1 << info - 24
    return at + 1 + n, info if n == 0 else int.from_bytes(b[at + 1:at + 1 + n], "big")
b = open(sys.argv[2], "rb").read()
at = b.index(b"\x84") + 1
at, n = head(b, at)
at, n = head(b, at + n + 1)
print(hashlib.sha256(sys.argv[1].encode() + b[at:at + n]).hexdigest())' "$1" "$2"
}

kind head "control head" "v['head_epoch'] == 7 and v['hash'] == '$(named 'PQI4 head id' head)' and
    v['policy'] == {'seq': 3, 'hash': '$(named 'PQI4 policy id' policy)'} and
    v['roster']['size'] == 5 and v['revocations']['entries'] == 2 and v['ticks']['first'] == 1001 and
    v['ticks']['count'] == 168 and v['time'] == '2026-02-02T02:40:00Z' and
    v['delegates'][0]['prefix'] == 'plant/a' and v['delegates'][0]['ticks'] == 72"
kind roster "roster" "v['seq'] == 5 and v['size'] == 5 and v['root'].startswith('bb701a14')"
kind policy "policy" "v['version'] == 2 and v['sessions'] == 'require' and
    v['forbidden'] == ['not standardised'] and v['modes'] == ['S (both sign)'] and
    v['flags'] == ['roster', 'gossip', 'delegates'] and
    v['ages_in_ticks'] == {'fresh': 4, 'aged': 48, 'stale': 720} and
    v['assurance']['H'] == ['rollback-resistant storage', 'non-exportable keys'] and
    v['acl'][1] == {'subject': 'control', 'prefix': 'plant/a/cmd', 'rights': ['publish'],
    'classes': ['M', 'S']} and v['acl'][0]['subject'] is None and
    v['fail_safe'] == [{'prefix': 'plant/a/cmd/stop'}] and v['clock_step_seconds'] == 3600"
kind statement "statement" "v['nonces'] == 3 and v['tick'] == 3 and v['head_epoch'] == 7"
kind tick "tick" "v['number'] == 3 and v['head_epoch'] == 7 and v['preimage'].startswith('e7357568')"
kind local_tick "local tick" "v['number'] == 2 and v['delegate'] == 0"
kind ask "question" "v['device_id'] == 'pump-1' and v['want'] == ['statement', 'path'] and
    v['roster_index'] == 42 and v['tick'] == 160 and v['nonce'] == 'a0' * 16"
kind answer "answer" "v['answer'] == 'tick' and v['number'] == 3"
kind answer_head "answer" "v['answer'] == 'control head' and v['head_epoch'] == 7"
kind answer_path "answer" "v['answer'] == 'path' and v['path']['position'] == 2 and
    v['path']['size'] == 5 and v['path']['hashes'] == 3"
kind answer_statement "answer" "v['answer'] == 'statement' and v['nonces'] == 3 and
    v['path']['size'] == 1"

key=$(python3 -c 'import hashlib; d = open("cert", "rb").read(); i = d.find(b"\x59\x03\x20") + 3
print(d[i:i + 8].hex() + "..., SHA-256 " + hashlib.sha256(d[i:i + 800]).hexdigest())')
run 0 inspect cert && grep -q "^kem key: *ML-KEM-512, 800 bytes, $key\$" "$out"
result $? "keys are shown by length, first bytes and SHA-256"

# ---- streams

{
    printf 'pq/4/k/pump-1 %s\n' "$(hex announcement)"
    printf 'plant/pump 1/state %s\n\n' "$(hex v1)"
    hex challenge
    echo
} >"$tmp/stream"
run 0 inspect --json - <"$tmp/stream" && python3 -c '
import json, sys
v = [json.loads(line) for line in open(sys.argv[1])]
assert [o["object"] for o in v] == ["announcement", "v1 packet", "challenge"]
assert [o.get("topic") for o in v] == ["pq/4/k/pump-1", "plant/pump 1/state", None]
assert v[0]["topic_check"]["state"] == "verified"' "$out" 2>>"$err"
result $? "a stream with topics is JSON lines"
run 0 inspect - <"$tmp/stream" && [ "$(grep -c '^object: ' "$out")" = 3 ] &&
    grep -q '^topic check: *verified' "$out"
result $? "a stream as text"
mkfifo "$tmp/fifo"
"$pqi" inspect --json - <"$tmp/fifo" >"$out" 2>"$err" &
reader=$!
exec 3>"$tmp/fifo"
head -n 1 "$tmp/stream" >&3
until_true [ -s "$out" ]
result $? "a line of a live stream is shown when it comes"
exec 3>&-
wait "$reader"
printf 'pq/4/k/pump-2 %s\n' "$(hex announcement)" >"$tmp/other_id"
run 1 inspect "$tmp/other_id" && grep -q '^topic check: *DOES NOT VERIFY' "$out"
result $? "an announcement on the topic of another device is noticed"
run 1 inspect "$tmp/other_id" --root manifest && grep -q '^signature: *DOES NOT VERIFY' "$out"
result $? "and its signature, which covers the topic, does not verify"
{
    printf 'a/b 3434\n'
    printf 'a/b %s\n' "$(hex confirm)"
    printf 'pq/4/k/gone \n'
} >"$tmp/mixed"
run 1 inspect --json "$tmp/mixed" && [ "$(wc -l <"$out")" = 1 ] && [ "$(wc -l <"$err")" = 2 ] &&
    grep -q 'line 1: is none of our objects' "$err" && grep -q 'line 3: is empty' "$err"
result $? "a bad line does not stop a stream and is named"
run 3 inspect challenge absent cert && [ "$(grep -c '^object: ' "$out")" = 2 ]
result $? "a missing file does not hide the others"

# ---- hostile text: nothing of it reaches the terminal raw

printf 'a\033[2J\302\233b\342\200\256c\377/d %s\n' "$(hex confirm)" >"$tmp/hostile"
run 0 inspect --hex "$tmp/hostile" && grep -qF 'a\x1b[2J\xc2\x9bb\xe2\x80\xaec' "$out" &&
    ! tr -d '\n' <"$out" | LC_ALL=C grep -q '[[:cntrl:]]'
result $? "control characters of a topic are escaped in text"
run 0 inspect --hex --json "$tmp/hostile" && ! tr -d '\n' <"$out" | LC_ALL=C grep -q '[^ -~]' &&
    holds "v['object'] == 'confirmation'"
result $? "and in JSON"
cp challenge "$tmp/$(printf 'x\033[2Jy')"
printf 'zz' >>"$tmp/$(printf 'x\033[2Jy')"
refused "control characters of a file name are escaped" 'x.x1b\[2Jy: looks like a challenge' \
    "$tmp/$(printf 'x\033[2Jy')"

# ---- cut, extended, garbage, empty, huge

for f in cert manifest revocations join factory challenge grant confirm announcement v1 head roster \
    policy statement tick local_tick answer answer_head answer_path answer_statement; do
    size=$(wc -c <"$f")
    ok=0
    for n in 1 2 7 20 45 51 $((size / 2)) $((size - 1)); do
        [ "$n" -lt "$size" ] || continue
        head -c "$n" "$f" >"$tmp/cut"
        run 1 inspect "$tmp/cut" && clear_error || ok=1
        hex "$tmp/cut" >"$tmp/cut.hex"
        run 1 inspect --hex "$tmp/cut.hex" && clear_error || ok=1
    done
    result "$ok" "$f: cut off is refused with one line"
    { cat "$f" && printf '\0'; } >"$tmp/long"
    refused "$f: one byte too many is refused" 'looks like' "$tmp/long"
done
head -c 56 ask >"$tmp/cut" # a question ends with the id: one byte more is one by another device
refused "a question without an id is refused" 'looks like a question' "$tmp/cut"
{ cat ask && printf '\0'; } >"$tmp/long"
refused "a question with an id that is none" 'looks like a question' "$tmp/long"
head -c 2000 cert >"$tmp/cut"
refused "a cut certificate is told" 'looks like a certificate, but it is cut off' "$tmp/cut"
{ cat join && printf 'xyz'; } >"$tmp/long"
refused "an extended join request is told" 'a join request, but 3 bytes follow its end' "$tmp/long"
: >"$tmp/empty"
refused "an empty file" 'is empty' "$tmp/empty"
head -c 5000 /dev/zero >"$tmp/zero"
refused "zeros" 'is none of our objects' "$tmp/zero"
echo 'not an object' >"$tmp/words"
refused "words" 'is neither' "$tmp/words"
echo 'abc' >"$tmp/odd"
refused "an odd number of digits" 'odd number' "$tmp/odd"
head -c 3000000 /dev/zero >"$tmp/huge"
refused "a huge file" 'is longer than any' "$tmp/huge"
tr '\0' a <"$tmp/huge" >"$tmp/huge.hex"
refused "a huge line of hex" 'is longer than any' "$tmp/huge.hex"
run 1 inspect - </dev/zero && clear_error && grep -q 'is longer than any' "$err"
result $? "an endless input"
run 3 inspect "$tmp" && clear_error
result $? "a folder is an environment error"
run 3 inspect absent && clear_error && grep -q 'cannot open absent' "$err"
result $? "a missing file is an environment error"
usage_error "no file" inspect
usage_error "--root-hash without --root" inspect --root-hash 00 cert

# ---- signatures

hash=$(root_hash manifest)
for f in cert kemcert manifest manifest2 revocations announcement; do
    run 0 inspect --root manifest --root-hash "$hash" "$f" && [ ! -s "$err" ] &&
        grep -q '^signatures\?: *verified' "$out" && ! grep -q 'DOES NOT' "$out"
    result $? "$f verifies under the root"
    run 1 inspect --root other "$f" && grep -q 'signatures\?: *DOES NOT VERIFY' "$out"
    result $? "$f does not verify under another fleet's root"
    size=$(wc -c <"$f")
    { head -c $((size - 1)) "$f" && tail -c 1 "$f" | tr '\000-\377' '\001-\377\000'; } >"$tmp/bad"
    run 1 inspect --json --root manifest "$tmp/bad" &&
        holds "'DOES NOT VERIFY' in (v.get('signature') or v['signatures'])['state']"
    result $? "$f with an altered signature does not verify"
done
for f in head roster policy statement answer_head answer_statement; do
    run 0 inspect --root manifest_control "$f" && grep -q '^signatures\?: *verified' "$out" &&
        ! grep -q 'DOES NOT' "$out"
    result $? "$f verifies under the root of its fleet"
    run 1 inspect --root manifest "$f" && grep -q '^signatures\?: *DOES NOT VERIFY' "$out"
    result $? "$f does not verify under another fleet's root"
done
for f in head roster policy statement; do
    size=$(wc -c <"$f")
    { head -c $((size - 1)) "$f" && tail -c 1 "$f" | tr '\000-\377' '\001-\377\000'; } >"$tmp/bad"
    run 1 inspect --json --root manifest_control "$tmp/bad" &&
        holds "'DOES NOT VERIFY' in (v.get('signature') or v['signatures'])['state']"
    result $? "$f with an altered signature does not verify"
done
run 0 inspect --root manifest cert && grep -q 'was not checked (give --root-hash)' "$err"
result $? "a root without its hash is used with a note"
hex manifest >"$tmp/root.hex"
run 0 inspect --root "$tmp/root.hex" --root-hash "$hash" cert && grep -q '^signature: *verified' "$out"
result $? "the root may be hex"
refused "another hash than the root's" 'has another hash' --root manifest \
    --root-hash "$(root_hash other)" cert
refused "a root that is no manifest" 'is not a root manifest' --root cert cert
head -c -1 manifest >"$tmp/bad"
printf '\377' >>"$tmp/bad"
refused "a root with an altered signature" 'do not verify' --root "$tmp/bad" cert
run 2 inspect --root manifest --root-hash "${hash}00" cert && clear_error
result $? "a hash of the wrong length"
run 3 inspect --root absent cert && clear_error
result $? "a root that cannot be read"
for f in factory join; do
    size=$(wc -c <"$f")
    { head -c $((size - 1)) "$f" && tail -c 1 "$f" | tr '\000-\377' '\001-\377\000'; } >"$tmp/bad"
    run 1 inspect "$tmp/bad" && grep -q '^signatures\?: *DOES NOT VERIFY' "$out"
    result $? "$f with an altered signature does not verify"
done
# ---- what the CA and a device really make

umask 077
mkdir "$tmp/real" && cd "$tmp/real" && head -c 32 /dev/urandom >key
ca="--dir ca --key-file key"
dev="--dir dev --key-file key"
# shellcheck disable=SC2086
{
    "$pqi" ca init $ca --root-dir root --fleet f >"hash" &&
        "$pqi" device init $dev --root-hash "$(cat hash)" --out factory --id pump-1 >/dev/null &&
        "$pqi" ca allow $ca --factory factory --scope plant/a:pub,sub:L >/dev/null &&
        "$pqi" ca challenge $ca --out challenge --id pump-1 >/dev/null &&
        "$pqi" device join $dev --out join challenge >/dev/null &&
        "$pqi" ca issue $ca --out grant join >/dev/null &&
        "$pqi" device install $dev --out confirmation grant >/dev/null &&
        "$pqi" ca confirm $ca confirmation >/dev/null &&
        "$pqi" ca revoke $ca --yes --epoch 1 --out revocations pump-1 >/dev/null &&
        "$pqi" ca export $ca --out cert --epoch 1 cert pump-1 &&
        "$pqi" ca export $ca --out manifest manifest
} >"$out" 2>"$err"
result $? "pqi ca and pqi device make one of each object"
for pair in 'factory:factory record' challenge:challenge 'join:join request' grant:grant \
    confirmation:confirmation 'revocations:revocation log' cert:certificate \
    'manifest:root manifest'; do
    run 0 inspect --json --root manifest --root-hash "$(cat hash)" "${pair%%:*}" &&
        holds "v['object'] == '${pair##*:}'" && ! grep -qF "$(hex key)" "$out"
    result $? "a real ${pair##*:}"
done
run 0 inspect --root manifest --root-hash "$(cat hash)" cert revocations manifest &&
    [ "$(grep -c '^signatures\?: *verified' "$out")" = 3 ]
result $? "real certificate, log and manifest verify under the hash that ca init printed"
# ---- what lies on a disk, and what a TPM gives

seeds=$top/tests/fuzz/corpus
tail -c +2 "$seeds/provider_files/provider" >provider.pqi
tail -c +2 "$seeds/provider_files/counters" >counters.pqi
printf 'PQIR\001abcdefghijklmnopwrapped' >root.pqi
{ printf 'PQIS\000\001\000\000\000\000\000\000\000\000\000\005\000\000\000\050' && head -c 40 provider.pqi; } >peers.1
sed 's/^PQIS/PQIJ/' peers.1 >s.1
run 0 inspect --json provider.pqi && holds '(v["object"] == "provider file" and v["state"] == "ready" and
    v["salt"] == "05" * 16 and v["encrypted_bytes"] == 128 and len(v) == 6)'
result $? "a provider's file of keys shows its header alone"
run 0 inspect --json counters.pqi && holds '(v["object"] == "counter file" and v["counters"] == {"slot_1": 5} and
    v["mac"]["state"] == "not checked")'
result $? "a file of counters"
run 0 inspect --json root.pqi && holds '(v["object"] == "wrapped key" and v["wrapped_bytes"] == 7 and len(v) == 4)'
result $? "a wrapped key"
run 0 inspect --json peers.1 && holds '(v["object"] == "record" and v["generation"] == 5 and v["slot"] == 1 and
    v["sealed_bytes"] == 40)' && run 0 inspect --json s.1 && holds '(v["object"] == "journal")'
result $? "slots of a record and of a journal"
run 0 inspect --json "$seeds/quote/three_pcrs" && holds '(v["object"] == "quote" and v["pcrs"] == "0 2 7" and
    v["reset_count"] == 2 and v["signature"]["state"] == "not checked")'
result $? "a quote"
run 0 inspect --json "$seeds/eventlog/four_events" && holds '(v["object"] == "event log" and v["events"] == 4 and
    sorted(v["pcrs"]) == ["pcr_0", "pcr_2", "pcr_7"])'
result $? "an event log"
for f in provider.pqi counters.pqi root.pqi peers.1 s.1; do
    head -c 21 "$f" >short
    head -c 9 /dev/zero >>short
    [ "$f" = root.pqi ] && printf 'PQIR\002abcdefghijklmnopwrapped' >short
    refused "a damaged $f" 'looks like a' short
done
{ cat peers.1 && printf x; } >short
refused "a slot with a byte behind it" 'looks like a slot of a record' short
head -c 100 "$seeds/quote/three_pcrs" >short
refused "a quote that is cut off" "looks like a quote of a TPM" short
head -c 100 "$seeds/eventlog/four_events" >short
refused "an event log that is cut off" "looks like an event log of firmware" short

finish
