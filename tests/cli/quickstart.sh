#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs every line of docs/quickstart.md in an empty folder with a broker, then the example program.
# Usage: quickstart.sh BUILD_DIR
# shellcheck disable=SC2016 # backquotes of Markdown
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
build=$(cd "$1" && pwd)
tmp=$(mktemp -d)
broker=
example=
stop() {
    [ -z "$example" ] || kill "$example" 2>/dev/null
    [ -z "$broker" ] || kill "$broker" 2>/dev/null
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap stop EXIT
cd "$tmp" || exit 1

PATH=$PATH:/usr/sbin command -v mosquitto >where || {
    echo "ok 1 - the quick start # SKIP mosquitto is not installed"
    echo "1..1"
    exit 0
}
python3 "$top/tests/support/mosquitto.py" "$tmp" "allow_anonymous true" "log_type all" >m.log 2>&1 &
broker=$!
until grep -q ' running$' m.log; do
    kill -0 "$broker" 2>m.gone || { cat m.log; exit 1; }
    sleep 0.1
done
port=$(cat port)

n=0
bad=0
result() {
    n=$((n + 1))
    if [ "$1" = 0 ]; then echo "ok $n - $2"; else
        echo "not ok $n - $2"
        sed 's/^/# /' log | tail -n 12
        bad=$((bad + 1))
    fi
}

# All ```sh blocks in their order, as one script that stops at the first failure. The lines of
# section 4 wait for one background job; it must have subscribed before the other one sends.
sed -n '/^```sh$/,/^```$/{/^```/d;p}' "$top/docs/quickstart.md" |
    sed "s|^pqi send |until grep -q 'plant/# (QoS ' $tmp/m.log; do sleep 0.1; done; &|; s/^wait\$/wait \$!/" >script
grep -q "pqi ca revoke" script && [ "$(wc -l <script)" -gt 20 ]
result $? "the lines of the quick start were found"
PATH=$build/bin:$PATH BROKER=127.0.0.1:$port timeout 600 bash -eu script >log 2>&1
result $? "every line of the quick start works"
grep -qxF 'pump-1 plant/pump-1/flow: {"l_per_s": 12.5}' heard.txt
result $? "the message came through"

# Every line of the README's block "Your own fleet" stands in the quick start as well.
PATH=$build/bin:$PATH
sed -n '/^## Your own fleet/,/^## In a program/{/^pqi /p}' "$top/README.md" | sed 's/  *#.*//' >readme
missing=0
while IFS= read -r line; do
    words=$(echo "$line" | awk '{print $1, $2, ($2 == "ca" || $2 == "device" || $2 == "session") ? $3 : ""}')
    for option in $(echo "$line" | grep -oE -- '--[a-z0-9-]+'); do
        # shellcheck disable=SC2086 # words
        $words --help 2>/dev/null | grep -q -- "^  $option\b" || {
            echo "$words has no $option" >>log
            missing=1
        }
    done
done <readme
[ -s readme ] && [ "$missing" = 0 ]
result $? "the README uses options that exist"

# The example answers a device that is still trusted: a fresh pump.
d="--dir pump2 --key-file pump.kek"
{
    hash=$(grep -oE '[0-9a-f]{64}' ca.txt | head -n 1)
    ca="--dir ca --key-file ca.kek"
    # shellcheck disable=SC2086 # words
    pqi device init $d --id pump-2 --root-hash "$hash" --out f &&
        pqi ca allow $ca --factory f --roles device --scope plant/pump-2:pub:L --scope plant/pump-2/cmd:sub:M &&
        pqi ca challenge $ca --id pump-2 --out c && pqi device join $d --out j c &&
        pqi ca issue $ca --out g j && pqi device install $d --out k g && pqi ca confirm $ca k
} >log 2>&1
result $? "another pump joins"
"$build/examples/example_control_room" control control.kek "$port" 'plant/#' >example.log 2>&1 &
example=$!
# shellcheck disable=SC2086 # words
pqi listen $d --broker "127.0.0.1:$port" --count 1 --timeout 300 'plant/pump-2/cmd' >answer 2>>log &
listener=$!
until grep -q '	plant/pump-2/cmd (QoS ' m.log || ! kill -0 "$listener" 2>>log; do sleep 0.1; done
# shellcheck disable=SC2086 # words
pqi send --dir control --key-file control.kek --broker "127.0.0.1:$port" --to pump-2 --topic plant/pump-2/cmd \
    --class M x >>log 2>&1
[ $? = 3 ] || [ $? = 1 ]
result $? "a device directory that is in use is refused"
kill "$listener" 2>/dev/null
wait "$listener" 2>/dev/null
# shellcheck disable=SC2086 # words
pqi send $d --broker "127.0.0.1:$port" --to control-1 --topic plant/pump-2/flow hello >>log 2>&1
result $? "the pump sends to the example"
for _ in $(seq 3000); do grep -q . example.log && break; sleep 0.1; done
grep -qx 'pump-2: hello' example.log
result $? "the example prints it"
echo "1..$n"
[ "$bad" = 0 ]
