#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi role: directories with one signing key, and their public records. Usage: role.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
cd "$tmp" || exit 1
umask 077
for k in a b; do
    head -c 32 /dev/urandom >$k.key
done
echo "correct horse" >pass
echo "wrong horse" >wrong

groups='([0-9a-f]{4} ){7}[0-9a-f]{4}'
for role in root issuer policy revoker head; do
    alg="ML-DSA-65"
    case $role in root | policy) alg="ML-DSA-87" ;; esac
    run 0 role new --role $role --key-file a.key $role && [ ! -s "$err" ] &&
        grep -q "^role: *$role$" "$out" && grep -q "^algorithm: *$alg$" "$out" &&
        grep -qE '^kid: *[0-9a-f]{16}$' "$out" && grep -qE "^checksum: *$groups$" "$out"
    result $? "a new $role key of $alg"
    cp "$out" $role.txt
    run 0 role show --key-file a.key $role && cmp -s "$out" $role.txt
    result $? "show says what new said"
done
run 0 role new --role root --key-file a.key root && cmp -s "$out" root.txt
result $? "new again changes nothing"
run 0 role show --json --key-file a.key head && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
assert d["role"] == "head" and d["kid"] in text and d["checksum"] in text and d["algorithm"] in text' \
    "$out" head.txt 2>>"$err"
result $? "show --json"

said "another role in the same place" 1 "already holds a root key" \
    role new --role policy --key-file a.key root
said "another algorithm in the same place" 1 "another algorithm" \
    role new --role root --alg ml-dsa-44 --key-file a.key root
said "another key file" 1 "does not open" role show --key-file b.key root
said "no such directory" 3 "there is no role key" role show --key-file a.key none
mkdir empty && said "an empty directory" 3 "there is no role key" role show --key-file a.key empty
usage_error "a role that is none" role new --role king --key-file a.key x
usage_error "no role" role new --key-file a.key x
usage_error "an algorithm that is none" role new --role root --alg rsa --key-file a.key x
usage_error "no directory" role new --role root --key-file a.key
usage_error "two directories" role show --key-file a.key root head
[ ! -e x ]
result $? "a refused command makes no directory"
mkdir open && chmod 755 open
said "a directory that others may read" 3 "closed to others" \
    role new --role root --key-file a.key open

run 0 role new --role policy --alg ml-dsa-44 --passphrase-file pass p && grep -q 'ML-DSA-44$' "$out"
result $? "a key under a passphrase"
said "the wrong passphrase" 1 "does not open" role show --passphrase-file wrong p
run 0 role show p:pass=pass && run 0 role show --key-file a.key p:pass=pass
result $? "DIR:pass=FILE"
run 0 role show root:key=a.key && run 1 role show --key-file a.key root:key=b.key
result $? "DIR:key=FILE stands before --key-file"
run 0 role new --role head --alg falcon-512 --key-file a.key f && grep -q 'Falcon-512' "$out"
result $? "a key of Falcon-512"

# --- records ---
run 0 role export --key-file a.key -o root.pub root && grep -qE "^root key, checksum $groups, in root.pub$" "$out"
result $? "export writes a record"
grep -qF "$(sed -n 's/^checksum: *//p' root.txt)" "$out"
result $? "export says the checksum of the key"
run 0 inspect root.pub && grep -q 'role record' "$out" && grep -q "$(sed -n 's/^kid: *//p' root.txt)" "$out" &&
    grep -q "$(sed -n 's/^checksum: *//p' root.txt)" "$out" && grep -q 'verified' "$out"
result $? "inspect shows and checks the record"
run 0 inspect --json root.pub && python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
assert d["object"] == "role record" and d["role"] == "root"' "$out" 2>>"$err"
result $? "inspect --json"
run 0 role export --key-file a.key root >/dev/null && head -c 10 "$out" | grep -q 'pqi-role'
result $? "export to standard output"
size=$(wc -c <root.pub)
for at in 12 100 $((size - 100)); do
    flip root.pub $at bad.pub
    run 1 inspect bad.pub
    result $? "a record with a flipped byte at $at is refused"
done
head -c $((size - 1)) root.pub >cut.pub
run 1 inspect cut.pub && grep -q 'cut' "$err"
result $? "a record that was cut is refused"
# the role stands in what is signed: byte 11 behind 86 68 "pqi-role" 01
python3 -c '
b = bytearray(open("root.pub", "rb").read()); assert b[11] == 1; b[11] = 3; open("role.pub", "wb").write(b)'
run 1 inspect role.pub
result $? "a record with another role is refused"
if [ -w /dev/full ]; then
    run 3 role export --key-file a.key --out /dev/full root && grep -q 'cannot write' "$err"
    result $? "a full disk is said"
fi
finish
