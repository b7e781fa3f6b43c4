/* SPDX-License-Identifier: Apache-2.0
 * pqi attest challenge, verify, show: the verifier's side. */
#include "attest_state.h"

#include "algs.h"

#include <pqi/host_attest.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct verify_args {
    const char *state, *as, *root, *root_hash, *policy, *cert, *out;
    uint64_t epoch;
    bool json;
} verify_args;

#define VERIFY_OPTIONS(a)                                                                          \
    PQI_CLI_STRING(                                                                                \
        "state", "FILE", &(a).state, "what this verifier remembers; made when missing"),           \
        PQI_CLI_STRING("as", "ID", &(a).as, "the verifier's own id"),                              \
        PQI_CLI_STRING("root", "FILE", &(a).root, "the root manifest in force"),                   \
        PQI_CLI_STRING(                                                                            \
            "root-hash", "HEX", &(a).root_hash, "SHA-256 that this manifest must have"),           \
        PQI_CLI_STRING("policy", "FILE", &(a).policy, "the attestation policy in force"),          \
        PQI_CLI_STRING("cert", "FILE", &(a).cert, "the device's certificate"),                     \
        PQI_CLI_UINT("control-epoch", "N", &(a).epoch, UINT32_MAX,                                 \
            "of the newest head, for certificates that are bound to one (default 0)")

/* A verifier that begins where the last command left off. */
typedef struct bench {
    pqi_algs algs;
    pqi_span tmp, root, policy, cert;
    pqi_manifest m;
    pqi_cert c;
    pqi_attest_subject s;
    pqi_attest_saved saved;
    pqi_verifier v;
    pqi_now now;
} bench;

static void bench_free(bench *b)
{
    free(b->tmp.ptr);
    free(b->root.ptr);
    free(b->policy.ptr);
    free(b->cert.ptr);
    pqi_attest_state_free(&b->saved);
    free(b);
}

static pqi_cli_exit load_root(bench *b, const verify_args *a)
{
    uint8_t want[32];
    pqi_span room = {want, sizeof want};
    pqi_cli_exit rc = pqi_cli_manifest(a->root, &b->root, &b->m);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (pqi_manifest_verify(&b->algs, &b->m, &b->m, b->tmp) != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_FAILED, "give the root manifest of the fleet",
            "%s: its own signatures do not verify", a->root);
    }
    if (a->root_hash == NULL) {
        return PQI_CLI_OK;
    }
    if (!pqi_cli_hex_decode(a->root_hash, &room) || room.len != sizeof want) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi attest verify --help",
            "--root-hash takes the 64 hex digits of a SHA-256");
    }
    return memcmp(want, b->m.hash, sizeof want) == 0
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_FAILED, "give the root manifest of the fleet",
                     "%s has another hash than --root-hash", a->root);
}

static pqi_cli_exit load_cert(bench *b, const verify_args *a)
{
    pqi_cli_exit rc = pqi_cli_read_file(a->cert, PQI_CERT_MAX, &b->cert);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_cert_decode(&b->algs, (pqi_cspan){b->cert.ptr, b->cert.len}, &b->c);
    if (st == PQI_OK) {
        st = pqi_cert_verify(&b->algs, &b->c, &b->m, &b->now, b->tmp);
    }
    if (st != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi inspect --root tells more",
            "%s is no certificate that holds under this root now", a->cert);
    }
    b->s.device_id = b->c.device_id;
    b->s.roster_index = b->c.roster_index;
    memcpy(b->s.key_id, b->c.key_id, sizeof b->s.key_id);
    return PQI_CLI_OK;
}

/* What was known under another policy, or an older root, counts no more. */
static void carry_over(bench *b, const pqi_attest_policy *p)
{
    const bool same =
        b->saved.policy_seq != 0 && memcmp(b->saved.policy_hash, p->hash, sizeof p->hash) == 0;
    for (size_t i = 0; i < PQI_ATTEST_STATE_PEERS && !same; i++) {
        pqi_attest_peer *peer = &b->saved.peers[i];
        peer->good = peer->asked = peer->bad = 0;
        peer->next_ask_ms = 0;
        peer->failures = 0;
    }
    b->saved.root_version = p->root_version;
    b->saved.policy_seq = p->seq;
    memcpy(b->saved.policy_hash, p->hash, sizeof b->saved.policy_hash);
}

static pqi_cli_exit load_policy(bench *b, const verify_args *a)
{
    pqi_cli_exit rc = pqi_cli_read_file(a->policy, PQI_ATTEST_POLICY_MAX, &b->policy);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_status st = pqi_verifier_policy(&b->v, (pqi_cspan){b->policy.ptr, b->policy.len});
    if (st != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_FAILED, "pqi attest policy verify tells more",
            "%s is no attestation policy that this root's policy keys signed", a->policy);
    }
    const pqi_attest_policy *p = &b->v.policy;
    const bool older = p->root_version < b->saved.root_version ||
                       (p->root_version == b->saved.root_version && p->seq < b->saved.policy_seq);
    const bool other = p->root_version == b->saved.root_version && p->seq == b->saved.policy_seq &&
                       memcmp(p->hash, b->saved.policy_hash, sizeof p->hash) != 0;
    if (older || other) {
        return pqi_cli_fail(PQI_CLI_FAILED, "give the newest policy",
            "%s has number %" PRIu32 ", and number %" PRIu32 "%s was in force here", a->policy,
            p->seq, b->saved.policy_seq, other ? " of another content" : "");
    }
    return PQI_CLI_OK;
}

static pqi_cli_exit start(bench *b, const verify_args *a)
{
    pqi_attest_peer *room = pqi_cli_alloc(PQI_ATTEST_STATE_PEERS * sizeof *room);
    const pqi_verifier_cfg cfg = {.judge = {.algs = &b->algs,
                                      .verify = pqi_host_p256_verify,
                                      .manifest = &b->m,
                                      .tmp = b->tmp},
        .own_id = pqi_cli_span(a->as),
        .peers = room,
        .n_peers = PQI_ATTEST_STATE_PEERS};
    pqi_cli_exit rc = pqi_cli_status(pqi_verifier_init(&b->v, &cfg, &b->now), "starting");
    if (rc == PQI_CLI_OK) {
        rc = load_policy(b, a);
    }
    if (rc == PQI_CLI_OK) {
        carry_over(b, &b->v.policy);
        memcpy(room, b->saved.peers, PQI_ATTEST_STATE_PEERS * sizeof *room);
    }
    free(b->saved.peers);
    b->saved.peers = room; /* one array from here on */
    return rc;
}

static pqi_cli_exit bench_open(const verify_args *a, bench **out)
{
    bench *b = pqi_cli_alloc(sizeof *b);
    const uint64_t unix_s = (uint64_t)time(NULL);
    b->now = (pqi_now){unix_s * 1000u, unix_s, (uint32_t)a->epoch};
    pqi_cli_algs(&b->algs);
    b->tmp.len = pqi_cli_tmp_len(&b->algs);
    b->tmp.ptr = pqi_cli_alloc(b->tmp.len);
    pqi_cli_exit rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = load_root(b, a);
    }
    if (rc == PQI_CLI_OK) {
        rc = load_cert(b, a);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_attest_state_lock(a->state);
    }
    if (rc == PQI_CLI_OK) {
        rc = pqi_attest_state_read(a->state, &b->saved);
    }
    if (rc == PQI_CLI_OK) {
        rc = start(b, a);
    }
    if (rc != PQI_CLI_OK) {
        bench_free(b);
        return rc;
    }
    *out = b;
    return PQI_CLI_OK;
}

static pqi_cli_exit check_args(const pqi_cli_command *self, const verify_args *a)
{
    if (a->state == NULL || a->as == NULL || a->root == NULL || a->policy == NULL ||
        a->cert == NULL) {
        return pqi_cli_usage(self, "--state, --as, --root, --policy and --cert are needed");
    }
    return pqi_id_check(pqi_cli_span(a->as)) == PQI_OK
               ? PQI_CLI_OK
               : pqi_cli_usage(self, "--as takes an id: 1 to 32 of A-Z a-z 0-9 _ . -");
}

/* ---- challenge ------------------------------------------------------------------------------------ */

static pqi_cli_exit make_challenge(bench *b, const verify_args *a)
{
    uint8_t nonce[PQI_ATTEST_NONCE], out[PQI_ATTEST_CHALLENGE_MAX];
    size_t len = 0;
    pqi_status st = b->algs.classic->random(nonce, sizeof nonce);
    if (st == PQI_OK) {
        st = pqi_verifier_ask(&b->v, &b->s, nonce, &b->now, (pqi_span){out, sizeof out}, &len);
    }
    if (st == PQI_ERR_STATE) {
        return b->v.policy.n_classes == 0
                   ? pqi_cli_fail(
                         PQI_CLI_FAILED, "add a class to the policy", "the policy allows nothing")
                   : pqi_cli_fail(PQI_CLI_FAILED, "a question is open for 60 seconds",
                         "%s was asked and has not answered yet", a->cert);
    }
    if (st == PQI_ERR_LIMIT) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "wait; the pause doubles with each answer that is refused",
            "the device was asked too short a time ago");
    }
    pqi_cli_exit rc = pqi_cli_status(st, "making a challenge");
    if (rc == PQI_CLI_OK) { /* remembered before anybody sees it */
        rc = pqi_attest_state_write(a->state, &b->saved);
    }
    return rc == PQI_CLI_OK ? pqi_cli_write_file(a->out, (pqi_cspan){out, len}) : rc;
}

pqi_cli_exit pqi_cmd_attest_challenge(const pqi_cli_command *self, int argc, char **argv)
{
    verify_args a;
    bench *b = NULL;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        VERIFY_OPTIONS(a),
        PQI_CLI_STRING("out", "FILE", &a.out, "the challenge (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a challenge for a device. It is good for one answer, for 60 seconds.\n\n"
        "Example: pqi attest challenge --state verdicts.json --as control --root root.cbor \\\n"
        "           --policy attest.cbor --cert pump-1.cert -o pump-1.ask",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "challenge takes no operand");
    }
    rc = check_args(self, &a);
    if (rc == PQI_CLI_OK) {
        rc = bench_open(&a, &b);
    }
    if (rc == PQI_CLI_OK) {
        rc = make_challenge(b, &a);
        if (rc == PQI_CLI_OK && a.out != NULL && strcmp(a.out, "-") != 0) {
            printf("%.*s: challenge in %s\n", (int)b->s.device_id.len,
                (const char *)b->s.device_id.ptr, a.out);
        }
        bench_free(b);
    }
    return rc;
}

/* ---- verify --------------------------------------------------------------------------------------- */

static const char *advice(pqi_attest_reason r)
{
    switch (r) {
    case PQI_ATTEST_NO_POLICY:
        return "give the policy that the challenge was made under";
    case PQI_ATTEST_UNSOLICITED:
        return "make a challenge and have the device answer that";
    case PQI_ATTEST_LATE:
        return "make another challenge; an answer is due within 60 seconds";
    case PQI_ATTEST_CERT:
    case PQI_ATTEST_DEVICE:
    case PQI_ATTEST_EK:
        return "pqi ca ak show lists the AK certificates";
    case PQI_ATTEST_HALF:
        return "pqi attest enroll again over the keys in use: an AK certificate proves one key's "
               "halves";
    case PQI_ATTEST_CLASS:
        return "pqi attest policy show lists the classes";
    case PQI_ATTEST_NO_LOG:
        return "pqi attest quote --event-log FILE";
    case PQI_ATTEST_LOG_DIFFERS:
    case PQI_ATTEST_DIGEST:
        return "pqi attest log shows what the machine started";
    case PQI_ATTEST_OK:
    case PQI_ATTEST_DECODE:
    case PQI_ATTEST_SIGNATURE:
    case PQI_ATTEST_QUALIFYING:
    case PQI_ATTEST_PCRS:
    case PQI_ATTEST_BUSY:
    case PQI_ATTEST_REASON_COUNT_:
    case PQI_ATTEST_REASON_INT32_:
        break;
    }
    return NULL;
}

static const char *sentence(pqi_attest_reason r)
{
    static const char *const text[] = {"", "there is no policy for this challenge",
        "this answers no open challenge of this verifier", "this answer is late",
        "the evidence is not well-formed", "its AK certificate does not hold under this root",
        "its AK certificate is of another device",
        "its endorsement key has no certificate of a vendor, and the class needs one",
        "the policy has no such class of device", "the quote is not signed by the certified key",
        "the quote is for another challenge, verifier, device or key",
        "the quote is over other PCRs, or the values are not the quoted ones",
        "there is no event log, and the class needs one",
        "the event log does not lead to what the TPM says", "the policy does not allow this state",
        "it could not be computed here",
        "the halves of its key are not proven to be in its TPM, and the class needs that"};
    return (unsigned)r < sizeof text / sizeof text[0] ? text[r] : "refused";
}

static pqi_cli_exit report(const bench *b, const verify_args *a, const pqi_attest_result *r)
{
    char until[PQI_CLI_DATE_LEN];
    pqi_verdict v;
    pqi_verifier_verdict(&b->v, &b->s, &b->now, &v);
    if (a->json) {
        pqi_cli_exit rc = pqi_cli_print_json(json_pack("{s:s%, s:s, s:s, s:I, s:I, s:I, s:I}",
            "device", b->s.device_id.ptr, b->s.device_id.len, "verdict",
            pqi_attest_state_name(v.state), "reason", pqi_attest_reason_name(r->reason), "pcr",
            r->pcr < PQI_TPM_PCRS ? (json_int_t)r->pcr : (json_int_t)-1, "until",
            (json_int_t)(v.until_ms / 1000u), "reset_count", (json_int_t)r->reset_count,
            "restart_count", (json_int_t)r->restart_count));
        return r->reason == PQI_ATTEST_OK ? rc : PQI_CLI_FAILED;
    }
    if (r->reason != PQI_ATTEST_OK) {
        return r->pcr < PQI_TPM_PCRS
                   ? pqi_cli_fail(PQI_CLI_FAILED, advice(r->reason), "%.*s: %s, PCR %" PRIu32,
                         (int)b->s.device_id.len, (const char *)b->s.device_id.ptr,
                         sentence(r->reason), r->pcr)
                   : pqi_cli_fail(PQI_CLI_FAILED, advice(r->reason), "%.*s: %s",
                         (int)b->s.device_id.len, (const char *)b->s.device_id.ptr,
                         sentence(r->reason));
    }
    pqi_cli_date(until, v.until_ms / 1000u);
    printf("%.*s: good until %s, start %" PRIu32 ".%" PRIu32 " of its TPM\n",
        (int)b->s.device_id.len, (const char *)b->s.device_id.ptr, until, r->reset_count,
        r->restart_count);
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_attest_verify(const pqi_cli_command *self, int argc, char **argv)
{
    verify_args a;
    bench *b = NULL;
    pqi_span in = {NULL, 0};
    pqi_attest_result r;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        VERIFY_OPTIONS(a),
        PQI_CLI_FLAG("json", &a.json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Judges evidence that a device gave to the open challenge: whose TPM it is, what it\n"
        "started, and whether the policy allows that. One challenge takes one answer.\n\n"
        "Example: pqi attest verify --state verdicts.json --as control --root root.cbor \\\n"
        "           --policy attest.cbor --cert pump-1.cert pump-1.evidence",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "verify takes one operand: the evidence");
    }
    rc = check_args(self, &a);
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_read_file(argv[0], PQI_ATTEST_EVIDENCE_MAX, &in);
    }
    if (rc == PQI_CLI_OK) {
        rc = bench_open(&a, &b);
    }
    if (rc == PQI_CLI_OK) {
        const pqi_status st =
            pqi_verifier_take(&b->v, &b->s, (pqi_cspan){in.ptr, in.len}, &b->now, &r);
        rc = st == PQI_OK || st == PQI_ERR_REPLAY ? pqi_attest_state_write(a.state, &b->saved)
                                                  : pqi_cli_status(st, "judging it");
        rc = rc == PQI_CLI_OK ? report(b, &a, &r) : rc;
        bench_free(b);
    }
    free(in.ptr);
    return rc;
}

/* ---- show ----------------------------------------------------------------------------------------- */

static const char *state_of(const pqi_attest_peer *p, uint64_t now_ms)
{
    if (p->good && now_ms < p->until_ms) {
        return "good";
    }
    return p->asked ? "asked" : p->bad ? "bad" : p->good ? "expired" : "none";
}

pqi_cli_exit pqi_cmd_attest_show(const pqi_cli_command *self, int argc, char **argv)
{
    bool json = false;
    pqi_attest_saved s;
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Lists what a verifier remembers: device, verdict, its end, why it was refused.\n\n"
        "Example: pqi attest show verdicts.json",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: the state of a verifier");
    }
    rc = pqi_attest_state_read(argv[0], &s);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const uint64_t now_ms = (uint64_t)time(NULL) * 1000u;
    json_t *all = json_array();
    for (size_t i = 0; i < PQI_ATTEST_STATE_PEERS; i++) {
        const pqi_attest_peer *p = &s.peers[i];
        char until[PQI_CLI_DATE_LEN];
        if (!p->used) {
            continue;
        }
        const char *state = state_of(p, now_ms);
        pqi_cli_date(until, p->until_ms / 1000u);
        if (json) {
            (void)json_array_append_new(all,
                json_pack("{s:s, s:s, s:s, s:I, s:I}", "device", p->id, "verdict", state, "reason",
                    pqi_attest_reason_name(p->reason), "until", (json_int_t)(p->until_ms / 1000u),
                    "reset_count", (json_int_t)p->reset_count));
        } else {
            printf("%-32s %-8s %-20s %s\n", p->id, state, until,
                p->bad ? pqi_attest_reason_name(p->reason) : "");
        }
    }
    pqi_attest_state_free(&s);
    if (json) {
        return pqi_cli_print_json(all);
    }
    json_decref(all);
    return PQI_CLI_OK;
}
