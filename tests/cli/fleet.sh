#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi fleet status: who is up to date as far as their questions tell, and the exit code. What devices asked is
# written into the store. Usage: fleet.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
head -c 32 /dev/urandom >a.key
k="--key-file a.key"
ca="--dir ca $k"
# shellcheck disable=SC2086
"$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 >"$out" || exit 1
hash=$(head -n 1 "$out")
mv ca/roles/head control
# shellcheck disable=SC2086
{
    "$pqi" control init $k --manifest ca/root.cbor --root-hash "$hash" control >"$out" || exit 1
    said "no store there" 3 "there is no control store" fleet status --store nowhere
    run 1 fleet status --store control && grep -q 'there is no head yet' "$out" && grep -q '^0 devices' "$out"
    result $? "an empty fleet has no head"
    usage_error "no store" fleet status
    usage_error "an operand" fleet status --store control x
    for d in fresh aged stale expired silent gone short ended; do
        days=365
        [ $d != short ] || days=10
        "$pqi" device init --dir d-$d $k --id $d --root-hash "$hash" --out $d.factory &&
            "$pqi" ca allow $ca --factory $d.factory --scope plant/$d:pub:L &&
            "$pqi" ca challenge $ca --id $d --out $d.c && "$pqi" device join --dir d-$d $k --out $d.j $d.c &&
            "$pqi" ca issue $ca --days $days --out $d.g $d.j && "$pqi" device install --dir d-$d $k --out $d.ok $d.g &&
            "$pqi" ca confirm $ca $d.ok || exit 1
    done >"$out"
    "$pqi" ca roster $ca --publish control >"$out" && "$pqi" head make $k control >"$out" &&
        "$pqi" revoke --ca ca $k --sign ca/roles/revoker --store control --yes gone >"$out" || exit 1
}

# What devices said when they asked, as the server keeps it, and a server that makes heads now.
cat >seen.py <<'END'
import sqlite3, sys, time
db = sqlite3.connect("control/control.db")
now = int(time.time())
number = 1000
db.execute("UPDATE pqi_state SET tick_number = ?, tick_at = ?", (number, 1000 * now))
for device, age in {"fresh": 0, "aged": 20, "stale": 100, "expired": 900, "gone": 900, "short": 1, "ended": 1}.items():
    db.execute("INSERT INTO pqi_seen VALUES(?, 1, 1, 1, 0, 0, 1, ?, 1, ?)", (device, number - age, now - 3600 * age))
db.execute("UPDATE pqi_leaves SET not_after = ? WHERE device = 'ended'", (now - 1,))
db.commit()
END
python3 seen.py 2>"$err" || { result 1 "the store's tables"; }
run 1 fleet status --store control && cp "$out" status.txt
result $? "exit code 1 when somebody is needed"
state() { # DEVICE STATE
    grep -qE "^$1 +$2 " status.txt
    result $? "$1 is $2"
}
for d in stale expired; do state $d $d; done
state silent unknown
state short fresh
state ended fresh
for d in fresh aged gone; do
    ! grep -q "^$d " status.txt
    result $? "$d needs nobody"
done
grep -qE '^short .*ends soon$' status.txt && grep -qE '^ended .*has ended$' status.txt
result $? "certificates that end are said"
grep -qx '8 devices: 3 fresh, 1 aged, 1 stale, 1 expired, 1 unknown, 1 revoked' status.txt &&
    grep -qx 'certificates: 1 end soon, 1 have ended' status.txt
result $? "counts"
run 1 fleet status --store control --all && [ "$(grep -cE ' (fresh|aged|stale|expired|unknown|revoked) ' "$out")" = 8 ] &&
    grep -qE '^gone +revoked ' "$out"
result $? "--all lists every device"
run 1 fleet status --store control --days 5 && grep -q '^certificates: 0 end soon' "$out" && ! grep -q '^short' "$out"
result $? "--days"
run 1 fleet status --store control --json && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
by = {x["id"]: x for x in d["devices"]}
assert len(by) == 8 and by["stale"]["state"] == "stale" and by["stale"]["needs_person"]
assert by["silent"]["age"] is None and by["fresh"]["age"] == 0 and not by["fresh"]["needs_person"]
assert by["gone"]["revoked"] and not by["gone"]["needs_person"]
assert d["counts"]["fresh"] == 3 and d["counts"]["revoked"] == 1 and d["counts"]["ended"] == 1
assert any("no server" in p for p in d["problems"])' "$out" 2>>"$err"
result $? "--json"
cat >well.py <<'END'
import sqlite3, time
db = sqlite3.connect("control/control.db")
now = int(time.time())
db.execute("DELETE FROM pqi_seen")
for d in "fresh aged stale expired silent short ended".split():
    db.execute("INSERT INTO pqi_seen VALUES(?, 1, 1, 1, 0, 0, 1, 1000, 1, ?)", (d, now))
db.execute("UPDATE pqi_leaves SET not_after = 0")
db.execute("UPDATE pqi_lease SET holder = 'test', expires = ?", ((now + 3600) * 1000,))
db.commit()
END
python3 well.py 2>"$err" || { result 1 "the store's tables"; }
run 0 fleet status --store control && grep -q '7 fresh' "$out" && [ "$(wc -l <"$out")" = 3 ]
result $? "exit code 0 when nobody is needed"
# more revocations than heads name of a revoker alone: they wait for policy keys
cat >free.py <<'END'
import sqlite3
db = sqlite3.connect("control/control.db")
db.execute("UPDATE pqi_lease SET holder = '', expires = 0")
db.commit()
END
python3 free.py
# shellcheck disable=SC2086
run 0 head make $k control && run 0 revoke --ca ca $k --sign ca/roles/revoker --store control --yes fresh &&
    grep -q 'heads name the last 1 later' "$out"
result $? "one more revocation than heads name"
run 1 fleet status --store control && grep -q 'wait for policy keys' "$out"
result $? "held revocations need somebody"
run 0 fleet status --help && grep -q '^Example: ' "$out"
result $? "fleet status --help has an example"
finish
