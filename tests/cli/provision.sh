#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi ca and pqi device: the operator's walk for two devices, and every wrong step with its words and
# exit code. Usage: provision.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
for k in ca root p1 p2; do
    head -c 32 /dev/urandom >$k.key
done
ca="--dir ca --key-file ca.key"
p1="--dir p1 --key-file p1.key"
p2="--dir p2 --key-file p2.key"
scopes='plant/pump-1:pub:L --scope plant/pump-1/cmd:sub:M'

# --- before there is a CA ---
# shellcheck disable=SC2086
{
    said "no CA yet" 3 "there is no CA" ca list $ca
    said "no device yet" 3 "there is no device" device status $p1
    said "no KEK and no terminal" 2 "nothing says how the keys are encrypted" \
        ca init --dir ca --root-dir root --fleet plant-7 </dev/null
    said "two KEK sources" 2 "exclude each other" \
        ca list $ca --passphrase-file ca.key
    said "a missing key file" 3 "cannot read the key file" ca init --dir ca --root-dir root \
        --fleet plant-7 --key-file none.key
    said "no fleet name" 2 "--root-dir and --fleet" ca init $ca --root-dir root
}

# --- the walk ---
# shellcheck disable=SC2086
run 0 ca init $ca --root-dir root --root-key-file root.key --fleet plant-7 &&
    grep -qE '^[0-9a-f]{64}$' "$out"
result $? "ca init prints the root hash"
hash=$(cat "$out")
# shellcheck disable=SC2086
done_with "ca init again gives the same hash" "$hash" \
    ca init $ca --root-dir root --root-key-file root.key --fleet plant-7
head -c 31 ca.key >short.key
cp ca.key open.key
chmod 644 open.key
: >none.pass
# shellcheck disable=SC2086
{
    said "a key file that others may read" 3 "open.key is open to others (chmod 600)" \
        ca list --dir ca --key-file open.key
    said "a short key file" 3 "short.key has 31 bytes, and needs 32" ca list --dir ca --key-file short.key
    said "a folder as key file" 3 "is not a file" ca list --dir ca --key-file ca/keys
    said "an empty passphrase file" 3 "has 0 bytes, and needs 1" ca init --dir ca5 --root-dir root5 --fleet x \
        --passphrase-file none.pass
    said "an agent takes no key file" 2 "takes no key file" device init --dir d9 --id d9 --root-hash "$hash" \
        --provider 'agent:/none?store=a' --key-file ca.key
    said "a CA is no device" 3 "there are keys but no device in ca:" device status $ca
}
# shellcheck disable=SC2086
said "ca init for another fleet" 1 "already the CA of another fleet" \
    ca init $ca --root-dir root --root-key-file root.key --fleet plant-8
mv root root.offline
[ ! -e root ]
result $? "the root goes offline"
# shellcheck disable=SC2086
{
    said "device init without a root hash" 2 "--root-hash takes" device init $p1 --out p1.factory --id pump-1
    said "device init with a bad id" 2 "a device id has" \
        device init $p1 --root-hash "$hash" --out p1.factory --id pump/1
    done_with "device init 1" "p1.factory" device init $p1 --root-hash "$hash" --out p1.factory --id pump-1
    done_with "device init 2" "p2.factory" device init $p2 --root-hash "$hash" --out p2.factory --id pump-2
    said "device init under another id" 1 "already the device pump-1" \
        device init $p1 --root-hash "$hash" --out x --id pump-9
    said "join before a challenge exists" 3 "cannot open" device join $p1 --out x p1.chal
    said "challenge for an unlisted device" 1 "not on the allow-list" \
        ca challenge $ca --out x --id pump-1
    said "allow with the factory record of another" 1 "is the factory record of pump-2" \
        ca allow $ca --factory p2.factory --scope $scopes --id pump-1
    said "allow with a bad scope" 2 "not well-formed" \
        ca allow $ca --factory p1.factory --scope 'plant/#' --id pump-1
    said "allow with a wildcard" 2 "without wildcards" \
        ca allow $ca --factory p1.factory --scope 'plant/#:pub:L' --id pump-1
    said "allow with an unknown role" 2 "unknown role" \
        ca allow $ca --factory p1.factory --roles boss --scope $scopes --id pump-1
    said "allow without a scope" 2 "--scope is missing" ca allow $ca --factory p1.factory --id pump-1
    done_with "allow 1" "pump-1: added" ca allow $ca --factory p1.factory --scope $scopes --id pump-1
    done_with "allow is idempotent" "pump-1: unchanged" \
        ca allow $ca --factory p1.factory --scope $scopes --id pump-1
    said "allow with another factory key" 1 "needs --replace-factory" ca allow $ca --fingerprint \
        0000000000000000000000000000000000000000000000000000000000000000 --scope $scopes --id pump-1
}
printf 'id,factory,roles,scopes\npump-2,p2.factory,device,plant/pump-2:pubsub:M\n' >list.csv
printf 'pump-3,p2.factory,device,plant/pump-3:pub:L\n' >bad.csv
printf 'pump-3;x\n' >bad2.csv
printf 'pump-2,p2.factory,device,plant/pump-2:pubsub:M\n\0pump-4,x,device,x:pub:L\n' >bad3.csv
# shellcheck disable=SC2086
{
    said "CSV with the record of another" 1 "in line 1" ca allow $ca --csv bad.csv
    said "CSV with too few fields" 1 "has 1 fields, not 4" ca allow $ca --csv bad2.csv
    said "CSV with a NUL" 1 "not a text file" ca allow $ca --csv bad3.csv
    done_with "CSV import" "added 1, changed 0, unchanged 0" ca allow $ca --csv list.csv
    done_with "CSV import again" "added 0, changed 0, unchanged 1" ca allow $ca --csv list.csv
}
# shellcheck disable=SC2086
run 0 ca export $ca --out all.csv allow-list && run 0 ca allow $ca --csv all.csv &&
    grep -q 'added 0, changed 0, unchanged 2' "$out"
result $? "the exported allow-list is what import reads"

# shellcheck disable=SC2086
for n in 1 2; do
    p="--dir p$n --key-file p$n.key"
    done_with "challenge $n" "p$n.chal" ca challenge $ca --out p$n.chal --id pump-$n
    done_with "join $n" "p$n.join" device join $p --out p$n.join p$n.chal
done
# shellcheck disable=SC2086
{
    said "join with the challenge of another" 1 "the challenge is for pump-2" \
        device join $p1 --out x p2.chal
    said "join with a file that is no challenge" 1 "this is not a challenge" \
        device join $p1 --out x p1.key
    said "install before there is a grant" 3 "cannot open" device install $p1 --out x p1.grant
    said "issue of something else" 1 "p1.chal: this is not a join request" ca issue $ca --out x p1.chal
    mkdir grants
    done_with "issue for both" "issued 2 of 2" ca issue $ca --out-dir grants p1.join p2.join
    done_with "the same request gives the same grant" "issued before" \
        ca issue $ca --out again.grant p1.join
}
cmp -s again.grant grants/pump-1.grant
result $? "byte for byte"
long=.
for c in a b c d e f; do
    long=$long/$(head -c 220 /dev/zero | tr '\0' $c)
done
mkdir -p "$long"
# shellcheck disable=SC2086
run 0 ca issue $ca --out-dir "$long" p1.join && cmp -s "$long/pump-1.grant" again.grant
result $? "a long --out-dir is not cut short"
# shellcheck disable=SC2086
{
    said "install the grant of another" 1 "not for the pending request" \
        device install $p1 --out x grants/pump-2.grant
    said "install a join request" 1 "" device install $p1 --out x p1.join
    said "install with another KEK" 1 "does not open" device install --dir p1 --key-file p2.key --out x p1.chal
    done_with "install 1" "p1.ok" device install $p1 --out p1.ok grants/pump-1.grant
    done_with "install 2" "p2.ok" device install $p2 --out p2.ok grants/pump-2.grant
    cp p1.ok p1.first
    done_with "install again" "p1.ok" device install $p1 --out p1.ok grants/pump-1.grant
}
cmp -s p1.ok p1.first
result $? "gives the same confirmation"
head -c 51 p1.ok >short.ok
(head -c 51 p1.ok && printf 'x') >wrong.ok
# shellcheck disable=SC2086
{
    said "a confirmation cut short" 1 "not a confirmation" ca confirm $ca short.ok
    said "a wrong confirmation" 1 "not that of pump-1" ca confirm $ca wrong.ok
    done_with "confirm both" "pump-2: epoch 1 active" ca confirm $ca p1.ok p2.ok
    done_with "confirm again" "active (already)" ca confirm $ca p1.ok
    said "the used nonce once more" 1 "used before" ca issue $ca --out x p1.join
    done_with "device status" "epoch 1" device status $p1
    done_with "list" "pump-2" ca list $ca
    done_with "show" "generation" ca show $ca
    done_with "show a device" "plant/pump-1/cmd:sub:M" ca show $ca pump-1
    said "export the certificate of nobody" 2 "the device id is empty" \
        ca export $ca --out x cert ""
    [ ! -e x ]
    result $? "and write no other device's"
    said "show an unknown device" 1 "not on the allow-list" ca show $ca pump-9
}
for args in "ca list $ca" "ca show $ca" "ca show $ca pump-1" "device status $p1"; do
    # shellcheck disable=SC2086
    run 0 $args --json && python3 -m json.tool "$out" >/dev/null 2>>"$err"
    result $? "$args --json is JSON"
done

# --- renewal, revocation ---
# shellcheck disable=SC2086
{
    run 0 ca challenge $ca --out p1.chal --id pump-1 && run 0 device join $p1 --out p1.join p1.chal &&
        run 0 ca issue $ca --out p1.grant p1.join &&
        run 0 device install $p1 --out p1.ok p1.grant && run 0 ca confirm $ca p1.ok &&
        grep -q 'epoch 2 active' "$out"
    result $? "renewal gives epoch 2"
    said "an old grant after the renewal" 1 "no pending request" \
        device install $p1 --out x grants/pump-1.grant
    said "revoke asks" 2 "revokes pump-2 for ever" ca revoke $ca pump-2 </dev/null
    said "revoke of several is all or none" 1 "not on the allow-list" ca revoke $ca --yes pump-1 pump-9
    done_with "revoke" "log 1 in fleet.rev" ca revoke $ca --yes --out fleet.rev pump-2
    done_with "revoke again changes nothing" "log 1" ca revoke $ca --yes pump-2
    said "revoke an unknown device" 1 "not on the allow-list" ca revoke $ca --yes pump-9
    said "a challenge for the revoked" 1 "is revoked" ca challenge $ca --out x --id pump-2
    said "the revoked cannot be allowed again" 1 "revoked for ever" \
        ca allow $ca --factory p2.factory --scope plant/pump-2:pub:L --id pump-2
    run 0 ca export $ca --out again.rev revocations && run 0 inspect fleet.rev &&
        grep '^hash:' "$out" >"$tmp/log.hash" && run 0 inspect again.rev &&
        grep '^hash:' "$out" | cmp -s - "$tmp/log.hash"
    result $? "export gives the same log"
    said "nothing was added after entry 1" 1 "none behind 1" ca export $ca --from 1 --out x revocations
    cp -r ca ca.alone
    alone="--dir ca.alone --key-file ca.key"
    done_with "revoke one twice" "pump-1: revoked, log 2" \
        ca revoke $alone --yes --epoch 1 pump-1 pump-1
    run 0 ca revoke $alone --yes pump-2 pump-1 && [ "$(grep -c 'revoked, log 3$' "$out")" = 2 ]
    result $? "revoke several"
    run 0 ca export $ca --out manifest manifest &&
        run 0 ca export $alone --from 1 --out news.rev revocations &&
        run 0 inspect --root-hash "$hash" --root manifest news.rev &&
        grep -q '^part: *what was added' "$out" && grep -q '^seq: *3' "$out" &&
        grep -q '^signature: *verified' "$out"
    result $? "export what was added"
}

# --- care ---
# shellcheck disable=SC2086
{
    done_with "backup" "backup in copy" ca backup $ca copy
    said "backup over something" 1 "exists already" ca backup $ca copy
    run 0 ca challenge $ca --out x.chal --id pump-1
    cp copy/ca.db ca/ca.db
    said "a restored backup is refused" 3 "backup copy" ca list $ca
    said "recover asks" 2 "skips key epochs" ca recover $ca </dev/null
    said "recover with a foreign file" 1 "no revocation log" \
        ca recover $ca --yes --revocations p1.chal
    done_with "recover" "moved on by 1000" ca recover $ca --yes --revocations fleet.rev
    run 0 ca challenge $ca --out p1.chal --id pump-1 && run 0 device join $p1 --out p1.join p1.chal &&
        run 0 ca issue $ca --out p1.grant p1.join && grep -q 'epoch 1003' "$out"
    result $? "epochs go on above the gap"
    rm -r p1/state
    said "deleted records are noticed" 3 "older than its keys remember" device status $p1
    said "and no fresh start" 3 "older than its keys remember" \
        device init $p1 --root-hash "$hash" --out x --id pump-1
}
printf garbage >ca/ca.db
# shellcheck disable=SC2086
said "a damaged registry" 3 "" ca list $ca
for words in "ca init" "ca allow" "ca challenge" "ca issue" "ca confirm" "ca revoke" "ca list" \
    "ca show" "ca export" "ca backup" "ca recover" "device init" "device join" "device install" \
    "device status" inspect; do
    # shellcheck disable=SC2086
    run 0 $words --help && grep -q '^Usage: pqi' "$out" && grep -q '^Example: ' "$out"
    result $? "$words --help has an example"
done
finish
