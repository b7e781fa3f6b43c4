#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Help, wrong command lines, errors and exit codes of pqi; the manual and the completion know every
# command. Usage: usage.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"

run 0 && grep -q '^Usage: pqi COMMAND' "$out" && [ ! -s "$err" ]
result $? "no argument prints the help"
cp "$out" "$tmp/help"
for word in --help -h help; do
    run 0 "$word" && cmp -s "$out" "$tmp/help" && [ ! -s "$err" ]
    result $? "$word prints the same"
done
run 0 --version && grep -q '^pqi [0-9]' "$out"
result $? "--version"

known() { # PAGE KEY FILE: the page and the completion know every option of this --help
    missing=
    # shellcheck disable=SC2013 # option names have no blanks
    for option in $(sed -n 's/^  --\([a-z0-9-]*\).*/\1/p' "$3"); do
        [ "$option" = help ] || grep -q "Fl Fl $option" "$top/docs/man/pqi-$1.1" || missing="$missing page:$option"
        grep -q "\[$2\]=.*--$option\b" "$top/apps/pqi/pqi.bash-completion" || missing="$missing completion:$option"
    done
    echo "missing:$missing" >"$err"
    [ -z "$missing" ]
    result $? "page and completion know the options of $2"
}

commands=$(sed -n 's/^  \([a-z][a-z0-9-]*\)  *[^ ].*/\1/p' "$tmp/help")
[ -n "$commands" ]
result $? "the help lists commands"
for c in $commands; do
    run 0 "$c" --help && grep -q "^Usage: pqi $c" "$out" && [ ! -s "$err" ] &&
        cp "$out" "$tmp/one" && run 0 help "$c" && cmp -s "$out" "$tmp/one"
    result $? "$c --help and help $c"
    usage_error "$c refuses an unknown option" "$c" --no-such-option
    grep -q "no-such" "$err"
    result $? "$c names the unknown option"
    grep -qw "$c" "$top/apps/pqi/pqi.bash-completion"
    result $? "the completion knows $c"
    grep -q "^\.It .*\b$c\b\|^\.It Cm $c" "$top/docs/man/pqi.1"
    result $? "pqi(1) knows $c"
    [ -f "$top/docs/man/pqi-$c.1" ] || continue
    known "$c" "$c" "$tmp/one"
    grep -q '^Usage: pqi [a-z]* COMMAND' "$tmp/one" || continue
    # shellcheck disable=SC2013 # names of commands have no blanks
    for d in $(sed -n 's/^  \([a-z][a-z0-9-]*\)  *[^ ].*/\1/p' "$tmp/one"); do
        run 0 "$c" "$d" --help && cp "$out" "$tmp/two" && grep -q "^\.Nm pqi $c $d$" "$top/docs/man/pqi-$c.1"
        result $? "pqi-$c(1) knows $c $d"
        known "$c" "${c}_$d" "$tmp/two"
        grep -q '^Usage: pqi [a-z]* [a-z]* COMMAND' "$tmp/two" || continue
        # shellcheck disable=SC2013
        for e in $(sed -n 's/^  \([a-z][a-z0-9-]*\)  *[^ ].*/\1/p' "$tmp/two"); do
            run 0 "$c" "$d" "$e" --help && cp "$out" "$tmp/three" && run 0 help "$c" "$d" "$e" &&
                cmp -s "$out" "$tmp/three" && grep -q "^\.Nm pqi $c $d $e$" "$top/docs/man/pqi-$c.1"
            result $? "pqi-$c(1) knows $c $d $e"
            known "$c" "${c}_${d}_$e" "$tmp/three"
        done
    done
done

usage_error "an unknown command" nonsense
usage_error "an unknown option before the command" --nonsense
usage_error "help of an unknown command" help nonsense
usage_error "help of too many words" help a b c d
usage_error "an operand that does not belong" version x
usage_error "vectors without a file" vectors
usage_error "an option without its value" bench --seconds
usage_error "a value that is no number" bench --seconds abc
usage_error "a value out of range" bench --seconds -1
usage_error "an infinite value" bench --seconds inf
usage_error "a group that is none" bench sessions
grep -q "there is no group sessions" "$err"
result $? "... and names it"
usage_error "two groups" bench kem sig
usage_error "a group of t values" bench --timing kem
usage_error "a fleet of none" bench fleet --sessions 0
usage_error "a fleet of too many" bench fleet --sessions 500001
usage_error "a value for a flag" version --json=yes
usage_error "a filter that fits nothing" bench --filter no-such-operation --json
run 2 versoin && grep -q 'try: pqi version' "$err"
result $? "a near miss is answered with the right name"
run 3 vectors "$tmp/absent" && head -n 1 "$err" | grep -q "^pqi: cannot open $tmp/absent: "
result $? "a missing file is an environment error and is named"
run 3 vectors "$tmp" && head -n 1 "$err" | grep -q '^pqi: cannot '
result $? "a folder is no file"
"$pqi" version >/dev/full 2>"$err"
[ $? = 3 ] && grep -q 'cannot write' "$err"
result $? "a full disk is noticed"

run 0 version --json && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
assert v["kems"] and v["signatures"] and v["suites"] and v["version"]' "$out" 2>>"$err"
result $? "version --json is JSON with the algorithms"
run 0 version --json && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
kems = [k for k in v["not_standardised"] if k in v["kems"]]
assert kems == ["LightSaber", "Saber", "FireSaber"], v
assert all("Saber" in k for k in v["not_standardised"]), v
assert not any("Saber" in k for k in v["pre_standard"]), v
sigs = [s for s in v["pre_standard"] if s in v["signatures"]]
composite = ["ML-DSA-44-P256", "ML-DSA-65-P256", "Falcon-512-P256", "Falcon-1024-P256"]
assert sigs == ["Falcon-512", "Falcon-1024"] + composite, v
kems = [k for k in v["pre_standard"] if k in v["kems"]]
assert kems == ["ML-KEM-768-P256"], v
assert all(s in v["suites"] or s in sigs + kems for s in v["pre_standard"]), v' "$out" 2>>"$err" &&
    run 0 version && [ "$(grep -c '^kem .*Saber (not standardised)$' "$out")" = 3 ] &&
    ! grep 'ML-KEM.*not standardised' "$out"
result $? "version marks what is not standardised"
run 0 bench --seconds 0.01 --filter LightSaber &&
    grep -q '^LightSaber .*not standardised$' "$out" && ! grep 'ML-KEM.*not standardised' "$out"
result $? "bench marks what is not standardised"
run 0 bench --json --seconds 0.01 --filter ML-KEM-768 && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
ops = [r["operation"] for r in v["results"]]
assert ops == ["keygen", "encaps", "decaps"], ops
assert all(0 < r["min_ns"] <= r["median_ns"] <= r["p90_ns"] for r in v["results"])
sizes = {s["algorithm"]: s for s in v["sizes"]}
assert sizes["ML-KEM-768"]["pk"] == 1184' "$out" 2>>"$err"
result $? "bench --json --filter measures what was asked for"
run 0 bench session --json --seconds 0.001 && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
ran = {r["algorithm"] for r in v["results"]}
assert {"session", "v4 S 768/ML-DSA-65", "v4 M 768/ML-DSA-65", "v4 K 512", "v4 RESUME"} <= ran, ran
assert not any(a.startswith(("ML-", "v1", "fleet")) for a in ran), ran
f = {(x["algorithm"], x["operation"]): (x["value"], x["unit"]) for x in v["figures"]}
assert f["v4 K 768", "handshake"] == (sum(f["v4 K 768", p][0] for p in ("INIT", "RESP", "CONF")), "bytes")
assert f["v4 K 768", "INIT"][0] == 2380 and f["v4 K 768", "CONF"][0] == 24
assert all(f["v4 S 512/Falcon-512", e][0] > 0 for e in ("initiator", "responder"))
assert f["session tiny", "state"][0] <= 1300 and f["session std", "state"][0] <= 2000
assert f["session PRF", "seal"][0] <= 2.01 and f["session PRF", "open"][0] <= 2.01
assert 0 < f["session LPWAN both", "healing"][0] < f["session IP both", "healing"][0]
assert f["session IP one-way", "H-rounds"][0] > 0' "$out" 2>>"$err"
result $? "bench session measures handshakes, messages, healing and sizes"
run 0 bench --filter "v4 K 512 take-CONF" --seconds 0.001 && [ "$(grep -c '^v4' "$out")" = 1 ]
result $? "a filter reaches one step of a handshake"
run 0 bench fleet --json --sessions 50 && python3 -c '
import json, sys
f = {x["operation"]: x["value"] for x in json.load(open(sys.argv[1]))["figures"]}
assert f["sessions"] == 50 and f["session"] <= 2008 and f["sessions-of-a-peer"] * 50 < f["memory"]
assert all(f[k] > 0 for k in ("lookup", "open-256-cold", "poll-idle", "make-all"))' "$out" 2>>"$err"
result $? "bench fleet fills an endpoint and reads its messages"

agent=${pqi%/pqi}/pqi-agent
agent_said() { # NAME CODE TEXT ARGUMENT...
    name=$1
    code=$2
    text=$3
    shift 3
    "$agent" "$@" >"$out" 2>"$err"
    [ $? = "$code" ] && [ ! -s "$out" ] && head -n 1 "$err" | grep -qxF -- "pqi-agent: $text"
    result $? "$name"
}
if [ -x "$agent" ]; then
    agent_said "pqi-agent without an option" 2 "--config FILE is needed"
    agent_said "pqi-agent with an unknown option" 2 "unknown option --conf" --conf x
    agent_said "pqi-agent with a second unknown option" 2 "unknown option --chek" --config x --chek
    agent_said "pqi-agent without its file" 2 "--config takes a file" --config
    agent_said "pqi-agent without its log" 3 "cannot read nothing: No such file or directory" --verify-audit nothing
fi
finish
