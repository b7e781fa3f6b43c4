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
printf '%s' "$large" | sed 's/"616263"/"6"/' >"$tmp/half.json"
run 1 vectors "$tmp/half.json" && [ "$(last)" = "0 passed, 1 failed, 0 skipped" ]
result $? "large data of half a byte fails its test"

# In Wycheproof's form, RFC 8452 appendix C.2 (9 bytes with 15 of data), the same with another tag, and a
# size that is not offered.
siv='{"algorithm":"AES-GCM-SIV","schema":"aead_test_schema_v1.json","numberOfTests":3,
"testGroups":[{"ivSize":96,"keySize":256,"tagSize":128,"type":"AeadTest","tests":[
{"tcId":1,"key":"d1894728b3fed1473c528b8426a582995929a1499e9ad8780c8d63d0ab4149c0",
"iv":"9f572c614b4745914474e7c7","aad":"489c8fde2be2cf97e74e932d4ed87d","msg":"c9882e5386fd9f92ec",
"ct":"0df9e308678244c44b","tag":"c0fd3dc6628dfe55ebb0b9fb2295c8c2","result":"valid","flags":[]},
{"tcId":2,"key":"d1894728b3fed1473c528b8426a582995929a1499e9ad8780c8d63d0ab4149c0",
"iv":"9f572c614b4745914474e7c7","aad":"489c8fde2be2cf97e74e932d4ed87d","msg":"c9882e5386fd9f92ec",
"ct":"0df9e308678244c44b","tag":"c0fd3dc6628dfe55ebb0b9fb2295c8c3","result":"invalid","flags":[]}]},
{"ivSize":96,"keySize":128,"tagSize":128,"type":"AeadTest","tests":[{"tcId":3,
"key":"01000000000000000000000000000000","iv":"030000000000000000000000","aad":"","msg":"","ct":"",
"tag":"dc20e2d83f25705bb49e439eca56de25","result":"valid","flags":[]}]}]}'
printf '%s' "$siv" >"$tmp/siv.json"
for backend in openssl mcu; do
    run 0 vectors --backend "$backend" "$tmp/siv.json" &&
        [ "$(last)" = "2 passed, 0 failed, 1 skipped" ]
    result $? "AES-GCM-SIV on $backend"
    sed 's/"0df9e3/"0df9e4/' "$tmp/siv.json" >"$tmp/bad.json"
    run 1 vectors --backend "$backend" "$tmp/bad.json" && last | grep -q ' 1 failed, 1 skipped'
    result $? "one flipped digit of it on $backend"
done

python3 -c 'import json; print(json.dumps(["m"] * 1002))' | gzip >"$tmp/many.json.gz"
run 0 vectors "$tmp/many.json.gz" && [ "$(last)" = "1000 passed, 0 failed, 2 skipped" ]
result $? "a file of very many messages wants --slow"

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
sed 's/"AFT"/"\\u001b[7m\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9\\u00e9"/' \
    "$tmp/own.json" >"$tmp/steer.json"
run 1 vectors "$tmp/steer.json" && grep -q 'unknown testType "?\[7m?' "$out" &&
    run 1 vectors --json "$tmp/steer.json" && python3 -c '
import json, sys
assert len(json.load(open(sys.argv[1]))["files"][0]["failures"]) == 3' "$out" 2>>"$err"
result $? "text of a file does not steer a terminal, nor drop out of --json"
printf '# \377\n\ncount = 0\nseed = 00\n' >"$tmp/byte.rsp"
run 1 vectors --json "$tmp/byte.rsp" && grep -q '"algorithm": "?"' "$out"
result $? "a header that is no UTF-8 does not drop its file from --json"
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
printf 'hello\nworld\n' >"$tmp/x.json"
refused 1 "text that holds no vectors"
printf '# ML-KEM-512\n' >"$tmp/x.json"
refused 1 "a header alone"
gzip -c "$tmp/own.json" >"$tmp/whole.gz"
run 0 vectors "$tmp/whole.gz" && [ "$(last)" = "2 passed, 0 failed, 1 skipped" ]
result $? "a gzip file"
damaged() { # NAME: as refused, for what is wrong with the gzip form and not with its content
    run 1 vectors "$tmp/x.json" && [ "$(last)" = "0 passed, 1 failed, 0 skipped" ] &&
        grep -q "^pqi: .*x.json is damaged gzip" "$err"
    result $? "$1"
}
head -c 100 "$tmp/whole.gz" >"$tmp/x.json"
damaged "gzip cut short"
head -c -4 "$tmp/whole.gz" >"$tmp/x.json"
damaged "gzip without its length"
python3 "$top/tests/cli/damage.py" "$tmp/whole.gz" "$tmp/x.json"
damaged "gzip with one bit changed"
cat "$tmp/whole.gz" "$tmp/own.json" >"$tmp/x.json"
damaged "gzip with something behind it"
printf '\037\213' >"$tmp/x.json"
damaged "gzip of two bytes"
rm "$tmp/x.json"
refused 3 "a file that is not there"
echo '{"algorithm":"SLH-DSA","mode":"keyGen","revision":"FIPS205","testGroups":[{"tests":[{"tcId":1}]}]}' \
    >"$tmp/other.json"
run 1 vectors "$tmp/other.json" && [ "$(last)" = "0 passed, 0 failed, 1 skipped" ] &&
    grep -q 'algorithm not built in: 1' "$out" && grep -q 'no test was run' "$err"
result $? "nothing but an unknown algorithm: skipped, and the run fails as nothing ran"
run 0 vectors "$tmp/other.json" "$tmp/own.json" && [ "$(last)" = "2 passed, 0 failed, 2 skipped" ]
result $? "an unknown algorithm beside a known one is no failure"

# KAT runs made again from the fixed entropy; the digests are those of liboqs and PQClean.
digests='{"digests":{"ML-KEM-512":{"first_count_sha256":
"c70041a761e01cd6426fa60e9fd6a4412c2be817386c8d0f3334898082512782"},"Kyber512":
{"first_count_sha256":"00"},"uSaber":{"file_sha256":"00"},"HQC-1":{"file_sha256":"00"}}}'
printf '%s' "$digests" >"$tmp/kat.json"
run 0 vectors "$tmp/kat.json" && [ "$(last)" = "1 passed, 0 failed, 3 skipped" ] &&
    grep -q 'round 3, not ML-KEM/ML-DSA: 1' "$out" && grep -q 'uniform variant of SABER: 1' "$out"
result $? "a KAT digest, and a reason for each that is skipped"
sed 's/c70041a7/c70041a6/' "$tmp/kat.json" >"$tmp/bad.json"
run 1 vectors "$tmp/bad.json" && grep -q 'first_count_sha256 differs at byte 3' "$out"
result $? "a wrong KAT digest"
printf '%s' '{"current":{"ML-KEM-512":{"single":
"c70041a761e01cd6426fa60e9fd6a4412c2be817386c8d0f3334898082512782"}},"older":{"Kyber512":"00",
"ML-KEM-512":"00"}}' >"$tmp/liboqs.json"
run 1 vectors "$tmp/liboqs.json" && [ "$(last)" = "1 passed, 1 failed, 1 skipped" ]
result $? "digests of several commits, also without a form"
zero96=$(printf '%096d' 0)
rsp() { # CODE SUMMARY PATTERN NAME FORMAT ARGUMENT...: what printf makes, as a .rsp file
    code=$1
    summary=$2
    pattern=$3
    name=$4
    shift 4
    # shellcheck disable=SC2059 # the format is the file
    printf "$@" >"$tmp/x.rsp"
    run "$code" vectors "$tmp/x.rsp" && [ "$(last)" = "$summary" ] && grep -q "$pattern" "$out"
    result $? "$name"
}
rsp 1 "0 passed, 1 failed, 0 skipped" 'pk differs at byte 0' ".rsp: a wrong key" \
    '# ML-KEM-512\n\ncount = 0\nseed = %s\npk = 00\nsk = 00\nct = 00\nss = 00\n' "$zero96"
rsp 1 "0 passed, 1 failed, 1 skipped" 'count is "2", expected 1' ".rsp: a count is missing" \
    '# Kyber512\n\ncount = 0\nseed = %s\npk = 00\n\ncount = 2\nseed = %s\n' "$zero96" "$zero96"
rsp 1 "0 passed, 1 failed, 0 skipped" 'count is "?\[31m", expected 0' \
    ".rsp: words of the file do not steer the terminal" \
    '# Kyber512\n\ncount = \033[31m\nseed = %s\npk = 00\n' "$zero96"
printf '{"a":\033[31m}' >"$tmp/x.json"
refused 1 "JSON with a control character"
! LC_ALL=C grep -q "$(printf '\033')" "$err"
result $? "nor do they in the message"
rsp 1 "0 passed, 1 failed, 0 skipped" 'a name stands twice' ".rsp: a name stands twice" \
    '# Kyber512\n\ncount = 0\nseed = %s\npk = 00\npk = 00\n' "$zero96"
rsp 1 "0 passed, 1 failed, 0 skipped" 'no NAME = VALUE' ".rsp: a line without a name" \
    '# Kyber512\n\ncount = 0\nseed = %s\npk 00\n' "$zero96"
rsp 1 "0 passed, 1 failed, 0 skipped" 'seed has 1 bytes' ".rsp: a short seed" \
    '# Kyber512\n\ncount = 0\nseed = 00\n'
rsp 1 "0 passed, 1 failed, 0 skipped" 'field pk is missing' ".rsp: a block cut short" \
    '# ML-KEM-512\n\ncount = 0\nseed = %s\n' "$zero96"
rsp 1 "0 passed, 0 failed, 1 skipped" 'algorithm not built in: 1' ".rsp: an unknown algorithm" \
    '# Other-KEM\n\ncount = 0\nseed = %s\n' "$zero96"
rsp 1 "0 passed, 1 failed, 0 skipped" 'no key length of ML-KEM' "a key of no known length" \
    'dk = 00\nc = 00\nK = 00\n'
usage_error "an unknown backend" vectors --backend other "$tmp/own.json"
usage_error "a backend without a name" vectors "$tmp/own.json" --backend
for backend in openssl mcu; do
    run 0 vectors --backend $backend "$tmp/own.json" "$tmp/kat.json"
    result $? "--backend $backend"
done
run 0 vectors --small "$tmp/own.json" "$tmp/kat.json"
result $? "--small"
printf '%s' '{"vsId":0,"algorithm":"SHA2-224","revision":"2.0","testGroups":[{"tgId":1,
"testType":"AFT","tests":[{"tcId":1,"msg":"616263","len":24,
"md":"23097D223405D8228642A477BDA255B32AADBCE4BDA0B3F7E36C9DA7"}]}]}' >"$tmp/224.json"
run 0 vectors --backend openssl "$tmp/224.json" && run 1 vectors --backend mcu "$tmp/224.json" &&
    [ "$(last)" = "0 passed, 0 failed, 1 skipped" ]
result $? "the backend is the one asked for: mcu has no SHA-224"
printf '%s' '{"scalar_mult":[],"iterated":{"k_after":{"1":
"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079","1001":
"422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079"}}}' >"$tmp/slow.json"
run 0 vectors "$tmp/slow.json" && [ "$(last)" = "1 passed, 0 failed, 1 skipped" ] &&
    grep -q 'long run, see --slow: 1' "$out" && run 1 vectors --slow "$tmp/slow.json" &&
    [ "$(last)" = "1 passed, 1 failed, 0 skipped" ]
result $? "--slow"

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
    # Files of other kinds, one digit each.
    for spec in xwing/x-wing.json:ss xwing/x-wing.json:ct xwing/x-wing.json:pk \
        xwing/cfrg-mlkem768-x25519.json:ss symmetric-rfc/rfc5869-hkdf-sha256.json:okm \
        symmetric-rfc/rfc7748-x25519.json:scalar_mult/0/out \
        symmetric-rfc/rfc7748-x25519.json:iterated/k_after/1000 \
        symmetric-rfc/rfc7748-x25519.json:diffie_hellman/shared \
        cctv/accumulated.json:ml_kem/fips203_go_form/ML-KEM-768/100 \
        cctv/accumulated.json:ml_kem/fips203_with_dk/ML-KEM-512/100 \
        cctv/accumulated.json:ml_dsa/ML-DSA-65/100 \
        cctv/ML-KEM/strcmp/ML-KEM-768.txt:K cctv/ML-KEM/unluckysample-ipd/ML-KEM-512.txt:c \
        cctv/ML-KEM/intermediate-ipd/ML-KEM-1024.txt:K digests/pqclean.json:schemes/4/nistkat-sha256 \
        digests/liboqs.json:current/ML-DSA-65/all \
        saber/PQCkemKAT_LightSaber.rsp:ss saber/PQCkemKAT_Saber.rsp:ct \
        saber/PQCkemKAT_FireSaber.rsp:sk saber/PQCkemKAT_Saber.rsp:seed \
        falcon/falcon512-KAT.rsp:sm falcon/falcon512-KAT.rsp:sk falcon/falcon512-KAT.rsp:msg \
        falcon/falcon512-KAT.rsp:smlen falcon/falcon1024-KAT.rsp:pk \
        falcon/pqclean-nistkat-falcon-padded-512.rsp:sm falcon/falcon-verify-pornin.json:sig \
        falcon/kat-digests.json:digests/falcon512/file_sha256; do
        python3 "$top/tests/cli/flip.py" "$vectors/${spec%:*}" "${spec#*:}" "$tmp/flip" &&
            run 1 vectors "$tmp/flip" && last | grep -q ' [12] failed, '
        result $? "one flipped digit in $spec"
    done
    { zcat "$vectors/cctv/ML-KEM/modulus/ML-KEM-512.txt.gz" &&
        sed -n 's/^ek = //p' "$vectors/cctv/ML-KEM/unluckysample-ipd/ML-KEM-512.txt"; } >"$tmp/keys"
    run 1 vectors "$tmp/keys" && [ "$(last)" = "775 passed, 1 failed, 0 skipped" ]
    result $? "a sound key among those to refuse"
    head -c 600000 "$vectors/saber/PQCkemKAT_LightSaber.rsp" >"$tmp/cut.rsp"
    run 1 vectors "$tmp/cut.rsp" && last | grep -q ' 1 failed, 0 skipped'
    result $? "a KAT file cut short"
    sed 's/^count = 50$/count = 51/' "$vectors/saber/PQCkemKAT_Saber.rsp" >"$tmp/count.rsp"
    run 1 vectors "$tmp/count.rsp" && last | grep -q '^99 passed, 1 failed, 0 skipped$'
    result $? "a wrong count"
    # Every file of these algorithms, with both sets of classical primitives and the small variants.
    for options in "--backend openssl" "--backend mcu" "--small"; do
        # shellcheck disable=SC2046,SC2086 # lists of words; no name has a space
        run 0 vectors $options $(find "$vectors/acvp" "$vectors/wycheproof" "$vectors/cctv" \
            "$vectors/falcon" "$vectors/saber" "$vectors/round3" "$vectors/digests" \
            "$vectors/symmetric-rfc" "$vectors/xwing" -type f ! -name README.md) &&
            last | grep -q ' 0 failed, '
        result $? "all files with $options: $(last)"
    done
else
    skip "official files" "no ../shared/vectors"
fi
finish
