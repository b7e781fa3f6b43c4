#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# pqi vectors: official files pass, one flipped digit of an expected value fails, and broken files
# are errors. Usage: vectors.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
vectors=$top/../shared/vectors

last() {
    tail -n 1 "$out"
}

# A file of our own: SHA3-256 and SHAKE-128 of "abc" (FIPS 202 examples), empty and bit messages.
sha3='{"vsId":0,"algorithm":"SHA3-256","revision":"2.0","testGroups":[{"tgId":1,"testType":"AFT",
"tests":[{"tcId":7,"msg":"616263","len":24,
"md":"3A985DA74FE225B2045C172D6BD390BD855F086E3E9D525B46BFE24511431532"},
{"tcId":8,"msg":"00","len":0,
"md":"A7FFC6F8BF1ED76651C14756A061D662F580FF4DE43B49FA82D80A4B80F8434A"},
{"tcId":9,"msg":"80","len":1,"md":"00"}]}]}'
printf '%s' "$sha3" >"$tmp/own.json"
run 0 vectors "$tmp/own.json" && [ "$(last)" = "2 passed, 0 failed, 1 skipped" ] &&
    grep -q "own.json: 2 passed, 0 failed, 1 skipped (not whole bytes: 1)" "$out"
result $? "a small file passes, with a reason for what is skipped"
printf '[{"acvVersion":"1.0"},%s]' "$sha3" >"$tmp/pair.json"
run 0 vectors "$tmp/pair.json" && [ "$(last)" = "2 passed, 0 failed, 1 skipped" ]
result $? "the pair form of ACVP servers"
run 0 vectors - <"$tmp/own.json" && [ "$(last)" = "2 passed, 0 failed, 1 skipped" ]
result $? "standard input"
run 0 vectors --verbose "$tmp/own.json" && grep -q 'tcId 9: skipped: not whole bytes' "$out" &&
    grep -q 'tcId 7: passed' "$out"
result $? "--verbose names each test"
large='{"vsId":0,"algorithm":"SHA3-256","revision":"2.0","testGroups":[{"tgId":1,"testType":"LDT",
"tests":[{"tcId":1,"largeMsg":{"content":"616263","contentLength":24,"fullLength":48000000,
"expansionTechnique":"repeating"},"md":"MD"}]}]}'
md=$(python3 -c 'import hashlib; print(hashlib.sha3_256(b"abc" * 2000000).hexdigest())')
printf '%s' "$large" | sed "s/MD\"}/$md\"}/" >"$tmp/large.json"
run 0 vectors "$tmp/large.json" && [ "$(last)" = "1 passed, 0 failed, 0 skipped" ]
result $? "the large data test"

sed 's/3A985DA7/3A985DA6/' "$tmp/own.json" >"$tmp/bad.json"
run 1 vectors "$tmp/bad.json" && [ "$(last)" = "1 passed, 1 failed, 1 skipped" ] &&
    grep -q 'tcId 7: FAILED: md differs at byte 3: got a7.*want a6' "$out"
result $? "a wrong expected value fails and says where"
run 1 vectors "$tmp/own.json" "$tmp/bad.json" "$tmp/own.json" &&
    [ "$(last)" = "5 passed, 1 failed, 3 skipped" ]
result $? "good files around a bad one do not hide it"
run 1 vectors --json "$tmp/bad.json" && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
assert (v["passed"], v["failed"], v["skipped"]) == (1, 1, 1)
assert v["files"][0]["failures"][0]["tcId"] == 7
assert v["files"][0]["skips"] == {"not whole bytes": 1}' "$out" 2>>"$err"
result $? "--json has totals and failures"
sed 's/"msg":"616263"/"msg":"61626x"/' "$tmp/own.json" >"$tmp/hex.json"
run 1 vectors "$tmp/hex.json" && grep -q 'field msg is not hex' "$out"
result $? "a field that is not hex fails its test"
sed 's/"md":"3A/"dm":"3A/' "$tmp/own.json" >"$tmp/field.json"
run 1 vectors "$tmp/field.json" && grep -q 'field md is missing' "$out"
result $? "a missing field fails its test"

refused() { # CODE NAME: the run failed, one failed file is counted, the error is clear
    run "$1" vectors "$tmp/x.json" && [ "$(last)" = "0 passed, 1 failed, 0 skipped" ] &&
        head -n 1 "$err" | grep -q "^pqi: .*x.json"
    result $? "$2"
}
: >"$tmp/x.json"
refused 1 "an empty file"
head -c 100 "$tmp/own.json" >"$tmp/x.json"
refused 1 "a file cut short"
echo '{"hello":"world"}' >"$tmp/x.json"
refused 1 "JSON that holds no vectors"
echo '[1,2,3]' >"$tmp/x.json"
refused 1 "a JSON array of something else"
echo '{"testGroups":[{"tests":[{}]}]}' >"$tmp/x.json"
refused 1 "groups of an unknown format"
echo '{"algorithm":"SHA3-256","revision":"2.0","testGroups":[]}' >"$tmp/x.json"
refused 1 "a file without tests"
head -c 1000 /dev/urandom >"$tmp/x.json"
refused 1 "random bytes"
i=0
while [ $i -lt 5000 ]; do
    printf '['
    i=$((i + 1))
done >"$tmp/x.json"
refused 1 "deep nesting"
rm "$tmp/x.json"
refused 3 "a file that is not there"
echo '{"algorithm":"SLH-DSA","mode":"keyGen","revision":"FIPS205","testGroups":[{"tests":[{"tcId":1}]}]}' \
    >"$tmp/other.json"
run 1 vectors "$tmp/other.json" && [ "$(last)" = "0 passed, 0 failed, 1 skipped" ] &&
    grep -q 'algorithm not built in: 1' "$out" && grep -q 'no test was run' "$err"
result $? "nothing but an unknown algorithm: skipped, and the run fails as nothing ran"
run 0 vectors "$tmp/other.json" "$tmp/own.json" && [ "$(last)" = "2 passed, 0 failed, 2 skipped" ]
result $? "an unknown algorithm beside a known one is no failure"

if [ -d "$vectors/acvp" ]; then
    run 0 vectors "$vectors"/acvp/ML-*.json "$vectors"/wycheproof/ml*.json &&
        last | grep -q '^[0-9]* passed, 0 failed, 0 skipped$'
    result $? "official ML-KEM and ML-DSA files: $(last)"
    run 0 vectors "$vectors"/acvp/*.json "$vectors"/wycheproof/*.json &&
        last | grep -q ' 0 failed, '
    result $? "all official files: $(last)"
    # One digit of one expected value, in the middle, for each kind of file.
    for spec in ML-KEM-keyGen:dk ML-KEM-encapDecap:k ML-DSA-keyGen:pk ML-DSA-sigGen:signature \
        ML-DSA-sigGen-tr1:signature SHA2-256:md SHAKE-256:md HMAC-SHA2-256:mac AES-CCM:ct; do
        python3 "$top/tests/cli/flip.py" "$vectors/acvp/${spec%:*}.json" "${spec#*:}" \
            "$tmp/flip.json" && run 1 vectors "$tmp/flip.json" && last | grep -q ' 1 failed, '
        result $? "one flipped digit in $spec"
    done
    for spec in mlkem_768_test:K mlkem_768_encaps_test:c mldsa_65_sign_seed_test:sig \
        mldsa_65_sign_noseed_test:mu mldsa_65_verify_test:sig x25519_test:shared \
        ed25519_test:sig aes_gcm_test:ct hkdf_sha256_test:okm hmac_sha256_test:tag; do
        python3 "$top/tests/cli/flip.py" "$vectors/wycheproof/${spec%:*}.json" "${spec#*:}" \
            "$tmp/flip.json" && run 1 vectors "$tmp/flip.json" && last | grep -q ' 1 failed, '
        result $? "one flipped digit in $spec"
    done
else
    skip "official files" "no ../shared/vectors"
fi
finish
