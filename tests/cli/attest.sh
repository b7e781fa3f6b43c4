#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Attestation against two software TPMs, from the endorsement certificate to a verdict, and what ends it
# (INV-34, INV-35, INV-36). swtpm has no firmware: tests/cli/attest_log.py makes the event log and the test
# extends the PCRs by it. Usage: attest.sh BUILD_DIR
set -u
top=$(cd "$(dirname "$0")/../.." && pwd)
# shellcheck source=tests/cli/lib.sh
. "$top/tests/cli/lib.sh"
swtpm=$top/tests/tpm/swtpm.sh
if ! "$swtpm" have 2>/dev/null || ! command -v tpm2_quote >/dev/null; then
    skip "attestation with software TPMs" "swtpm or tpm2-tools is missing"
    finish
    exit
fi
cd "$tmp" || exit 1
umask 077
pids=
stop() {
    for p in $pids; do kill "$p" 2>/dev/null; done
    wait 2>/dev/null
    rm -rf "$tmp"
}
trap stop EXIT
head -c 32 /dev/urandom >a.key
k="--key-file a.key"
ca="--dir ca $k"

on() { # TPM COMMAND...
    t=$1
    shift
    TPM2TOOLS_TCTI="swtpm:path=$tmp/$t/sock" "$@" >tool.log 2>&1 || {
        cat tool.log >&2
        return 1
    }
}

# --- two machines with a TPM each, which start the same ---
start_tpm() { # NAME
    pids="$pids $("$swtpm" start "$tmp/$1")"
}
boot() { # NAME LOG EVENT...: what firmware would do
    t=$1
    log=$2
    shift 2
    for e in $(python3 "$top/tests/cli/attest_log.py" "$log" "$@"); do on "$t" tpm2_pcrextend "$e" || return 1; done
}
good="0:8:firmware-1 2:0x80000003:option-rom 7:0x80000001:secure-boot-on 7:4:separator"
for t in t1 t2; do
    # shellcheck disable=SC2086 # words
    "$swtpm" make "$tmp/$t" && start_tpm $t && boot $t $t.log $good &&
        on $t tpm2_readpublic -c 0x81010016 -o $t.ek -f tss && on $t tpm2_nvread 0x1c00016 -o $t.ekcert &&
        on $t tpm2_createprimary -C e -G ecc256:ecdsa-sha256:null \
            -a 'restricted|sign|fixedtpm|fixedparent|sensitivedataorigin|userwithauth' -c $t.ak &&
        on $t tpm2_flushcontext -t && on $t tpm2_readpublic -c $t.ak -o $t.akpub -f tss && on $t tpm2_flushcontext -t || exit 1
    cat "$t/ca/issuercert.pem" "$t/ca/swtpm-localca-rootca-cert.pem" >"$t.roots" || exit 1
done
cat t1.roots t2.roots >roots.pem

# --- a fleet of two devices ---
# shellcheck disable=SC2086
{
    "$pqi" ca init --dir ca $k --control --level 1 --fleet plant-7 >"$out" || exit 1
    hash=$(head -n 1 "$out")
    for d in pump-1 pump-2; do
        "$pqi" device init --dir $d $k --id $d --root-hash "$hash" --out $d.f &&
            "$pqi" ca allow $ca --factory $d.f --scope plant:pub,sub:H && "$pqi" ca challenge $ca --id $d --out $d.c &&
            "$pqi" device join --dir $d $k --out $d.j $d.c && "$pqi" ca issue $ca --out $d.g $d.j &&
            "$pqi" device install --dir $d $k --out $d.ok $d.g && "$pqi" ca confirm $ca $d.ok &&
            "$pqi" ca export $ca --out $d.cert cert $d || exit 1
    done >"$out"
}

# --- enrolment ---
activate() { # TPM CREDENTIAL SECRET
    on "$1" tpm2_activatecredential -c "$1.ak" -C 0x81010016 -i "$2" -o "$3" && on "$1" tpm2_flushcontext -t
}
ask() { # DEVICE TPM OUT OPTION...
    d=$1
    t=$2
    o=$3
    shift 3
    # shellcheck disable=SC2086
    run 0 attest enroll --dir "$d" $k --ek-public "$t.ek" --ak-public "$t.akpub" "$@" -o "$o"
}
# shellcheck disable=SC2086
{
    # the key of a TPM is no secret: who only names it has not got it
    cp t1.ek t1q.ek && cp t2.akpub t1q.akpub && ask pump-2 t1q rq --ek-cert t1.ekcert &&
        run 0 ca ak challenge $ca --ek-roots roots.pem -o cq rq
    result $? "another device names this TPM"
    ask pump-1 t1 r1 --ek-cert t1.ekcert
    result $? "a device asks for an AK certificate"
    said "no vendor's roots, no credential" 1 "roots of TPM vendors" ca ak challenge $ca r1
    said "nor under those of another vendor" 1 "certificate of the endorsement key" ca ak challenge $ca --ek-roots t2.roots r1
    # two certificates that differ in the hash that is signed
    openssl x509 -in t1.ekcert -inform der -pubkey -noout >t1.pub 2>"$err"
    for h in sha256 sha1; do
        openssl x509 -new -subj /CN=ek -force_pubkey t1.pub -CA t1/ca/issuercert.pem -CAkey t1/ca/signkey.pem -CAcreateserial \
            -$h -outform der -out t1$h.ekcert 2>"$err"
        ask pump-1 t1 r1$h --ek-cert t1$h.ekcert
    done
    run 0 ca ak challenge $ca --ek-roots roots.pem -o c1h r1sha256
    result $? "a certificate signed over SHA-256"
    said "over SHA-1, which no longer binds, it is none" 1 "certificate of the endorsement key" \
        ca ak challenge $ca --ek-roots roots.pem r1sha1
    run 0 ca ak challenge $ca --ek-roots roots.pem -o c1 r1
    result $? "the CA makes a credential"
    run 0 attest activate --blob c1.blob c1 && activate t1 c1.blob c1.secret &&
        run 0 attest activate --dir pump-1 --secret c1.secret -o p1 c1
    result $? "the TPM opens it"
    ! activate t2 c1.blob x.secret 2>"$err"
    result $? "another TPM does not"
    flip p1 60 p1.bad
    said "a changed secret is refused" 1 "not the secret" ca ak issue $ca --class pump p1.bad
    run 0 ca ak issue $ca --class pump -o ak1 p1 && run 0 inspect --root ca/root.cbor ak1 && grep -q 'class:  *pump' "$out"
    result $? "the CA issues the certificate"
    said "once" 1 "answers no challenge" ca ak issue $ca --class pump p1
    run 0 attest install --dir pump-1 $k ak1
    result $? "the device keeps it"
    said "another device does not" 1 "of the device pump-1" attest install --dir pump-2 $k ak1
    ask pump-2 t1 r2x --ek-cert t1.ekcert && said "a TPM is of one device" 1 "of another device" \
        ca ak challenge $ca --ek-roots roots.pem r2x
    # the same key with another policy beside it, and an attestation key that is new
    python3 -c 'import sys; b = bytearray(open("t1.ek", "rb").read()); b[20] ^= 1; sys.stdout.buffer.write(b)' >t1y.ek &&
        cp t2.akpub t1y.akpub && ask pump-2 t1y r2y --ek-cert t1.ekcert
    said "however its key is written" 1 "this TPM is the one of another device" ca ak challenge $ca --ek-roots roots.pem r2y
    ask pump-2 t2 r2 && said "a TPM without certificate is refused" 1 "fingerprint must be given" \
        ca ak challenge $ca --ek-roots roots.pem r2
    fp=$("$pqi" inspect --json r2 | python3 -c 'import json, sys; print(json.load(sys.stdin)["ek_fingerprint"])')
    for kind in rsa ecc; do # the templates L-1 and L-2: a policy guards their use
        on t2 tpm2_createek -G $kind -c $kind.ek -u $kind.ekpub && on t2 tpm2_flushcontext -t && cp $kind.ekpub t2$kind.ek &&
            cp t2.akpub t2$kind.akpub && ask pump-2 t2$kind $kind.r && kfp=$("$pqi" inspect --json $kind.r |
            python3 -c 'import json, sys; print(json.load(sys.stdin)["ek_fingerprint"])') &&
            run 0 ca ak challenge $ca --allow-no-ek-cert --ek "$kfp" --replace-ek -o $kind.c $kind.r &&
            run 0 attest activate --blob $kind.blob $kind.c && on t2 tpm2_startauthsession --policy-session -S s.ctx &&
            on t2 tpm2_policysecret -S s.ctx -c e &&
            on t2 tpm2_activatecredential -c t2.ak -C $kind.ek -P session:s.ctx -i $kind.blob -o $kind.secret
        r=$?
        on t2 tpm2_flushcontext s.ctx
        on t2 tpm2_flushcontext -t
        [ $r = 0 ] && run 0 attest activate --dir pump-2 --secret $kind.secret -o $kind.p $kind.c &&
            run 0 ca ak issue $ca --class pump -o $kind.ak $kind.p
        result $? "an endorsement key of the kind $kind"
    done
    said "another TPM needs --replace-ek" 1 "had another TPM" ca ak challenge $ca --allow-no-ek-cert --ek "$fp" r2
    said "unless somebody vouches for that very key" 1 "another fingerprint" ca ak challenge $ca --allow-no-ek-cert \
        --ek 0000000000000000000000000000000000000000000000000000000000000000 r2
    run 0 ca ak challenge $ca --allow-no-ek-cert --ek "$fp" --replace-ek -o c2 r2 && run 0 attest activate --blob c2.blob c2 &&
        activate t2 c2.blob c2.secret && run 0 attest activate --dir pump-2 --secret c2.secret -o p2 c2 &&
        run 0 ca ak issue $ca --class pump -o ak2 p2 && run 0 attest install --dir pump-2 $k ak2
    result $? "vouched for by hand"
    run 0 ca ak show $ca && grep -q '^pump-1 .*certified' "$out" && [ "$(grep -c '^pump-2 .*by hand' "$out")" = 3 ]
    result $? "the CA lists both"
    ask pump-1 t2 r3 --ek-cert t2.ekcert && said "a device has one TPM" 1 "of another device" \
        ca ak challenge $ca --ek-roots roots.pem r3
    flip r1 40 r1.bad
    said "a request is the factory key's" 1 "signature" ca ak challenge $ca --ek-roots roots.pem r1.bad
}

# --- policy ---
policy() { # NUMBER TEXT-FILE
    # shellcheck disable=SC2086
    "$pqi" attest policy sign --root ca/root.cbor $k --seq "$1" --sign ca/roles/policy-1 --sign ca/roles/policy-3 \
        -o "attest-$1.cbor" "$2" >"$out" 2>"$err"
}
{
    echo "class = pump"
    echo "pcrs = 0 2 7"
    echo "max-age-seconds = 600"
    echo "need = log"
    "$pqi" attest log --pcrs 0,2,7 --events t1.log
} >policy.txt
policy 1 policy.txt && run 0 attest policy show attest-1.cbor && grep -v '^#' "$out" >again.txt &&
    policy 9 again.txt && run 0 attest policy show attest-9.cbor && grep -v '^#' "$out" | cmp -s - again.txt
result $? "a policy is written, shown and read back"
run 0 attest policy verify --root ca/root.cbor attest-1.cbor && run 0 inspect --root ca/root.cbor attest-1.cbor
result $? "its signatures hold"
# shellcheck disable=SC2086
said "one signature is too few" 1 "1 of 2 signatures" attest policy sign --root ca/root.cbor $k --seq 3 \
    --sign ca/roles/policy-1 policy.txt
flip attest-1.cbor 60 bad.cbor
run 1 attest policy verify --root ca/root.cbor bad.cbor
result $? "a changed policy is refused"

# --- verdicts ---
p=attest-1.cbor
verifier() { # WORD DEVICE OPTION...
    w=$1
    d=$2
    shift 2
    "$pqi" attest "$w" --state state.json --as control --root ca/root.cbor --root-hash "$hash" --policy "$p" \
        --cert "$d.cert" "$@"
}
judged() { # NAME CODE TEXT DEVICE EVIDENCE
    verifier verify "$4" "$5" >"$out" 2>"$err"
    [ $? = "$2" ] && grep -qF -- "$3" "$out" "$err"
    result $? "$1"
}
quote() { # DEVICE TPM CHALLENGE LOG OUT
    # shellcheck disable=SC2086
    # shellcheck disable=SC2046,SC2086 # words
    set -- "$@" $("$pqi" attest quote --dir "$1" $k --qualifying "$3")
    # shellcheck disable=SC2086
    on "$2" tpm2_quote -c "$2.ak" -l "$7" -q "$6" -m q.msg -s q.sig -g sha256 && on "$2" tpm2_flushcontext -t &&
        on "$2" tpm2_pcrread "$7" -o q.pcrs &&
        run 0 attest quote --dir "$1" $k --event-log "$4" --message q.msg --signature q.sig --pcrs q.pcrs -o "$5" "$3"
}
new() { # a verifier that knows nothing
    rm -f state.json
    verifier challenge "$1" -o ask >"$out" 2>"$err"
}
new pump-1 && quote pump-1 t1 ask t1.log e1
result $? "asked and answered"
run 0 inspect ask && run 0 inspect e1 && grep -q 'pcrs:  *0 2 7' "$out"
result $? "inspect shows both"
judged "the machine is good" 0 "good until" pump-1 e1
judged "the same evidence again is refused (INV-35)" 1 "no open challenge" pump-1 e1
run 0 attest show state.json && grep -q '^pump-1 .*good' "$out"
result $? "and it stays good"
verifier challenge pump-1 >"$out" 2>"$err"
[ $? = 1 ] && grep -q "too short a time" "$err"
result $? "nobody is asked without a pause"

new pump-1
judged "evidence of an old challenge is refused (INV-35)" 1 "no open challenge" pump-1 e1
new pump-1 && quote pump-1 t1 ask t1.log e2 && cp state.json mine.json && cp ask mine.ask
"$pqi" attest challenge --state other.json --as spy --root ca/root.cbor --policy $p --cert pump-1.cert -o spy.ask >"$out" &&
    quote pump-1 t1 spy.ask t1.log spy.ev && python3 - e2 spy.ev mixed.ev <<'END'
import sys
mine, spy = (open(f, "rb").read() for f in sys.argv[1:3])
open(sys.argv[3], "wb").write(mine[:36] + spy[36:])  # our nonce around what another verifier was told
END
judged "what another verifier was told is refused" 1 "another challenge, verifier" pump-1 mixed.ev

fresh() { # NAME TEXT MAKE...: to a new challenge, evidence that MAKE spoils
    name=$1
    text=$2
    shift 2
    new pump-1 && "$@" && judged "$name" 1 "$text" pump-1 ev
}
# A quote over the right words by a TPM that is not pump-1's.
other_tpm() { quote pump-1 t2 ask t2.log ev; }
altered_log() { quote pump-1 t1 ask t1.log ev0 && flip ev0 $(($(stat -c %s ev0) - 30)) ev; } # in the last digest
no_log() { quote pump-1 t1 ask none ev; }
other_cert() { cp pump-1/ak.cert keep.cert && cp ak2 pump-1/ak.cert && quote pump-1 t2 ask t2.log ev; r=$?; cp keep.cert pump-1/ak.cert; return $r; }
cut_off() { quote pump-1 t1 ask t1.log ev0 && head -c -1 ev0 >ev; }
fresh "the quote of another TPM is refused (INV-35)" "not signed by the certified key" other_tpm
fresh "an altered event log is refused" "event log" altered_log
fresh "a class that needs a log gets one" "there is no event log" no_log
fresh "the AK certificate of another device is refused" "of another device" other_cert
fresh "cut evidence is refused" "not well-formed" cut_off

# --- what ends a verdict ---
new pump-1 && quote pump-1 t1 ask t1.log ev
# two commands at once: the later writer would put back a nonce or a verdict that the other one ended
exec 9>state.json.lock && flock 9 && cp state.json held.json && verifier verify pump-1 ev >"$out" 2>"$err"
[ $? = 3 ] && grep -q "another command uses the state" "$err" && cmp -s state.json held.json
result $? "one command at a time changes the state"
exec 9>&-
judged "good once more" 0 "good until" pump-1 ev
python3 - <<'END'
import json
s = json.load(open("state.json"))
s["peers"]["pump-1"]["until_ms"] = s["peers"]["pump-1"]["asked_ms"] - 1
json.dump(s, open("expired.json", "w"))
END
run 0 attest show expired.json && grep -q '^pump-1 .*expired' "$out"
result $? "a verdict ends with its time (INV-34)"
policy 2 policy.txt && p=attest-2.cbor && verifier challenge pump-1 -o ask >"$out" 2>"$err" && run 0 attest show state.json &&
    grep -q '^pump-1 .*asked' "$out"
result $? "a new policy asks for a new answer (INV-34)"
p=attest-1.cbor
verifier verify pump-1 ev >"$out" 2>"$err"
[ $? = 1 ] && grep -q "number 2 was in force" "$err"
result $? "the policy before it is refused"
p=attest-2.cbor
quote pump-1 t1 ask t1.log ev && judged "answered" 0 "good until" pump-1 ev
: >empty.txt
policy 3 empty.txt && p=attest-3.cbor && ! verifier challenge pump-1 >"$out" 2>"$err" && grep -q "allows nothing" "$err"
result $? "an empty policy denies (INV-36)"
printf 'class = pump\npcrs = 0 2 7\n' >nothing.txt
policy 4 nothing.txt && p=attest-4.cbor && new pump-1 && quote pump-1 t1 ask t1.log ev &&
    judged "so does a class that lists nothing (INV-36)" 1 "does not allow this state, PCR 0" pump-1 ev

# --- a machine that started something else ---
p=attest-1.cbor
on t1 tpm2_pcrextend "7:sha256=$(printf evil | sha256sum | cut -d' ' -f1)" || exit 1
differs() { quote pump-1 t1 ask t1.log ev; }
fresh "a PCR that is not what the log says is refused" "event log does not lead" differs
python3 "$top/tests/cli/attest_log.py" t1.evil 0:8:firmware-1 2:0x80000003:option-rom 7:0x80000001:secure-boot-on \
    7:4:separator 7:1:evil >"$out"
told() { quote pump-1 t1 ask t1.evil ev; }
fresh "and an honest log of it is not allowed" "does not allow this state, PCR 7" told
new pump-2 && quote pump-2 t2 ask t2.log ev && judged "the other machine is good all the while" 0 "good until" pump-2 ev
sed 's/need = log/need = log, ek-cert/' policy.txt >strict.txt
policy 5 strict.txt && p=attest-5.cbor && new pump-2 && quote pump-2 t2 ask t2.log ev &&
    judged "where a vendor's certificate is needed, a person's word is not enough" 1 "no certificate of a vendor" pump-2 ev
run 0 attest log --json t1.log && python3 -c '
import json, sys
v = json.load(open(sys.argv[1]))
assert v["events"] == 4 and set(v["pcrs"]) == {"0", "2", "7"}, v' "$out" 2>>"$err"
result $? "log --json"
head -c 70 t1.log >short.log
said "a cut log is refused" 1 "no event log" attest log short.log
finish
