/* SPDX-License-Identifier: Apache-2.0
 * Which object is it, and what is wrong with it when it is not quite one. */
#include "inspect.h"

#include <pqi/control.h>
#include <pqi/endpoint.h>
#include <pqi/provider_soft.h>
#include <pqi/role.h>

#include <string.h>

#define SNIFF 64u /* bytes in which the name of a COSE or CBOR object stands */

typedef struct kind {
    const char *name;    /* "object" in the output */
    const char *article; /* for errors */
    pqi_cspan start;     /* first bytes */
    pqi_cspan mark;      /* among the first SNIFF bytes; empty: none */
    size_t max;
    pqi_inspect_decode decode;
} kind;

/* Starts: COSE_Sign1 is tag 18 and an array of 4, COSE_Sign tag 98 and an array of 4; their typ
 * header (label 16) is a short text. The others name themselves in their first element or byte. */
/* clang-format off */
static const kind kinds[] = {
    {"certificate", "a certificate",
        {PQI_LIT("\xd2\x84")}, {PQI_LIT("\x10\x68pqi-cert")}, PQI_CERT_MAX, pqi_inspect_cert},
    {"revocation log", "a revocation log",
        {PQI_LIT("\xd8\x62\x84")}, {PQI_LIT("\x10\x67pqi-rev")}, PQI_REVOCATIONS_MAX,
        pqi_inspect_revocations},
    {"root manifest", "a root manifest",
        {PQI_LIT("\xd8\x62\x84")}, {PQI_LIT("\x10\x68pqi-root")}, PQI_MANIFEST_MAX,
        pqi_inspect_manifest},
    {"control head", "a control head",
        {PQI_LIT("\xd2\x84")}, {PQI_LIT("\x10\x68pqi-head")}, PQI_HEAD_MAX, pqi_inspect_head},
    {"roster", "a roster",
        {PQI_LIT("\xd2\x84")}, {PQI_LIT("\x10\x6apqi-roster")}, PQI_ROSTER_MAX,
        pqi_inspect_roster},
    {"statement", "a statement",
        {PQI_LIT("\xd2\x84")}, {PQI_LIT("\x10\x6dpqi-statement")}, PQI_STATEMENT_MAX,
        pqi_inspect_statement},
    {"policy", "a policy",
        {PQI_LIT("\xd8\x62\x84")}, {PQI_LIT("\x10\x6apqi-policy")}, PQI_POLICY_MAX,
        pqi_inspect_policy},
    {"AK certificate", "an AK certificate",
        {PQI_LIT("\xd2\x84")}, {PQI_LIT("\x10\x66pqi-ak")}, PQI_AK_CERT_MAX, pqi_inspect_ak},
    {"attestation policy", "an attestation policy",
        {PQI_LIT("\xd8\x62\x84")}, {PQI_LIT("\x10\x6apqi-attest")}, PQI_ATTEST_POLICY_MAX,
        pqi_inspect_attest_policy},
    {"AK request", "a request for an AK certificate",
        {PQI_LIT("\x89\x6epqi-ak-request")}, {NULL, 0}, PQI_AK_REQUEST_MAX,
        pqi_inspect_ak_request},
    {"AK credential", "a credential for an attestation key",
        {PQI_LIT("\x85\x71pqi-ak-credential")}, {NULL, 0}, PQI_AK_MSG_MAX, pqi_inspect_ak_msg},
    {"AK proof", "a proof of an attestation key",
        {PQI_LIT("\x85\x6cpqi-ak-proof")}, {NULL, 0}, PQI_AK_MSG_MAX, pqi_inspect_ak_msg},
    {"AK proof", "a proof of an attestation key",
        {PQI_LIT("\x88\x71pqi-ak-half-proof")}, {NULL, 0}, PQI_AK_MSG_MAX, pqi_inspect_ak_msg},
    {"join request", "a join request",
        {PQI_LIT("\xd8\x62\x84")}, {PQI_LIT("\x10\x68pqi-join")}, PQI_JOIN_REQUEST_MAX,
        pqi_inspect_join},
    {"factory record", "a factory record",
        {PQI_LIT("\x86\x6bpqi-factory")}, {NULL, 0}, PQI_FACTORY_MAX, pqi_inspect_factory},
    {"role record", "a role record",
        {PQI_LIT("\x86\x68pqi-role")}, {NULL, 0}, PQI_ROLE_RECORD_MAX, pqi_inspect_role},
    {"tick box record", "a record of a tick box",
        {PQI_LIT("\x84\x69pqi-ticks")}, {NULL, 0}, PQI_TICKS_RECORD_MAX, pqi_inspect_ticks},
    {"challenge", "a challenge",
        {PQI_LIT("\x85\x6dpqi-challenge")}, {NULL, 0}, PQI_CHALLENGE_MAX, pqi_inspect_challenge},
    {"v1 packet", "a v1 packet",
        {PQI_LIT("\x11")}, {NULL, 0}, PQI_V1_PACKET_MAX, pqi_inspect_v1},
    {"v1 packet to a prekey", "a v1 packet",
        {PQI_LIT("\x12")}, {NULL, 0}, PQI_V1_PACKET_MAX, pqi_inspect_v1},
    {"announcement", "an announcement",
        {PQI_LIT("\x71")}, {NULL, 0}, PQI_ANNOUNCE_MAX, pqi_inspect_announce},
    {"grant", "a grant",
        {PQI_LIT("\x73")}, {NULL, 0}, PQI_GRANT_MAX, pqi_inspect_grant},
    {"confirmation", "a confirmation",
        {PQI_LIT("\x74")}, {NULL, 0}, PQI_CONFIRM_LEN, pqi_inspect_confirm},
    {"tick", "a tick",
        {PQI_LIT("\x72")}, {NULL, 0}, PQI_TICK_LEN, pqi_inspect_tick},
    {"local tick", "a tick of a delegate",
        {PQI_LIT("\x75")}, {NULL, 0}, PQI_LOCAL_TICK_LEN, pqi_inspect_tick},
    {"question", "a question to a control plane",
        {PQI_LIT("\x76")}, {NULL, 0}, PQI_ASK_LEN + PQI_ID_MAX, pqi_inspect_ask},
    {"attestation challenge", "a challenge of a verifier",
        {PQI_LIT("\x78")}, {NULL, 0}, PQI_ATTEST_CHALLENGE_MAX, pqi_inspect_attest_ask},
    {"evidence", "evidence for a verifier",
        {PQI_LIT("\x79")}, {NULL, 0}, PQI_ATTEST_EVIDENCE_MAX, pqi_inspect_evidence},
    {"answer", "an answer of a control plane",
        {PQI_LIT("\x77")}, {NULL, 0}, PQI_ANSWER_HEAD + PQI_MANIFEST_MAX, pqi_inspect_answer},
    {"provider file", "a provider's file of keys",
        {PQI_LIT("PQIP")}, {NULL, 0}, PQI_INSPECT_MAX, pqi_inspect_provider},
    {"wrapped key", "a provider's wrapped key",
        {PQI_LIT("PQIR")}, {NULL, 0}, PQI_INSPECT_MAX, pqi_inspect_wrapped},
    {"counter file", "a provider's file of counters",
        {PQI_LIT("PQC1")}, {NULL, 0}, PQI_SOFT_COUNTERS_LEN, pqi_inspect_counters},
    {"counter file", "a provider's file of counters",
        {PQI_LIT("PQC2")}, {NULL, 0}, PQI_SOFT_COUNTERS_MAX, pqi_inspect_counters},
    {"record", "a slot of a record",
        {PQI_LIT("PQIS")}, {NULL, 0}, PQI_INSPECT_MAX, pqi_inspect_slot},
    {"journal", "a slot of a journal",
        {PQI_LIT("PQIJ")}, {NULL, 0}, PQI_INSPECT_MAX, pqi_inspect_slot},
    /* TPM2B_ATTEST behind its length: TPM_GENERATED_VALUE, TPM_ST_ATTEST_QUOTE */
    {"quote", "a quote of a TPM",
        {PQI_LIT("\0")}, {PQI_LIT("\xff\x54\x43\x47\x80\x18")}, PQI_QUOTE_MAX, pqi_inspect_quote},
    /* PCR 0, EV_NO_ACTION, little-endian (TCG PFP section 10.4.1) */
    {"event log", "an event log of firmware",
        {PQI_LIT("\0\0\0\0\3\0\0\0")}, {PQI_LIT("Spec ID Event03")}, PQI_EVENTLOG_MAX,
        pqi_inspect_eventlog},
};
/* clang-format on */

static const kind session_packet = {"session packet", "a packet of a session", {NULL, 0}, {NULL, 0},
    PQI_V1_PACKET_MAX, pqi_inspect_session};

#define KINDS (sizeof kinds / sizeof kinds[0])

static bool starts(pqi_cspan in, pqi_cspan with)
{
    return in.len >= with.len && memcmp(in.ptr, with.ptr, with.len) == 0;
}

static bool contains(pqi_cspan in, pqi_cspan what)
{
    for (size_t i = 0; what.len <= in.len && i <= in.len - what.len; i++) {
        if (memcmp(in.ptr + i, what.ptr, what.len) == 0) {
            return true;
        }
    }
    return false;
}

static const kind *recognise(pqi_cspan in)
{
    const pqi_cspan head = {in.ptr, in.len < SNIFF ? in.len : SNIFF};
    for (size_t i = 0; i < KINDS; i++) {
        if (starts(in, kinds[i].start) &&
            (kinds[i].mark.len == 0 || contains(head, kinds[i].mark))) {
            return &kinds[i];
        }
    }
    return in.len != 0 && pqi_inspect_is_session(in.ptr[0]) ? &session_packet : NULL;
}

/* ---- what is wrong: where does the CBOR item end? ---------------------------------------------- */

typedef enum extent { EXTENT_WHOLE, EXTENT_SHORT, EXTENT_BROKEN } extent;

/* The length of a head and its argument; 0: cut off or not of the definite-length kinds. */
static size_t read_head(pqi_cspan in, size_t at, uint64_t *arg)
{
    uint8_t info = in.ptr[at] & 31u;
    size_t n = info < 24 ? 0 : (size_t)1 << (info - 24u);
    *arg = info < 24 ? info : 0;
    if (n > in.len - at - 1) {
        return 0;
    }
    for (size_t i = 1; i <= n; i++) {
        *arg = *arg << 8 | in.ptr[at + i];
    }
    return 1 + n;
}

/* Walks the heads of one item; *end is its length when it is whole, else where the walk ended. */
static extent cbor_extent(pqi_cspan in, size_t *end)
{
    size_t at = 0;
    for (uint64_t items = 1; items > 0; items--) {
        uint64_t arg = 0;
        *end = at; /* where it broke, if it does */
        if (at >= in.len) {
            return EXTENT_SHORT;
        }
        unsigned major = in.ptr[at] >> 5;
        if (major == 7 || (in.ptr[at] & 31u) > 27) {
            return EXTENT_BROKEN;
        }
        size_t head = read_head(in, at, &arg);
        if (head == 0) {
            return EXTENT_SHORT;
        }
        at += head;
        if (major >= 2 && major <= 5 && arg > in.len - at) {
            return EXTENT_SHORT; /* more bytes, or elements of a byte or more, than are left */
        }
        if (major == 2 || major == 3) {
            at += (size_t)arg;
        } else if (major == 4 || major == 5) {
            items += arg * (major - 3u);
        } else if (major == 6) {
            items++;
        }
    }
    *end = at;
    return EXTENT_WHOLE;
}

static void explain_decode(const kind *k, pqi_cspan in, char *why)
{
    size_t end = 0;
    bool cbor = in.ptr[0] >= 0x80;
    extent e = cbor ? cbor_extent(in, &end) : EXTENT_WHOLE;
    if (cbor && e == EXTENT_SHORT) {
        (void)snprintf(why, PQI_INSPECT_WHY, "it is cut off after %zu bytes", in.len);
    } else if (cbor && e == EXTENT_BROKEN) {
        (void)snprintf(why, PQI_INSPECT_WHY, "its CBOR is damaged at byte %zu", end);
    } else if (cbor && end < in.len) {
        (void)snprintf(why, PQI_INSPECT_WHY, "%zu bytes follow its end", in.len - end);
    } else if (in.len > k->max) {
        (void)snprintf(why, PQI_INSPECT_WHY, "it has %zu bytes and may have %zu", in.len, k->max);
    } else if (cbor) {
        (void)snprintf(why, PQI_INSPECT_WHY, "a field breaks the rules of its format");
    } else {
        (void)snprintf(why, PQI_INSPECT_WHY, "its header and its %zu bytes do not fit", in.len);
    }
}

/* Puts what it looked like in front of what is wrong with it. */
static void explain(const kind *k, pqi_status st, pqi_cspan in, char *why)
{
    char what[PQI_INSPECT_WHY - 60];
    if (st == PQI_ERR_UNSUPPORTED) {
        (void)snprintf(
            why, PQI_INSPECT_WHY, "it names an algorithm or version that is unknown here");
    } else if (st != PQI_ERR_DECODE) {
        (void)snprintf(why, PQI_INSPECT_WHY, "%s", pqi_status_text(st));
    } else if (why[0] == '\0') {
        explain_decode(k, in, why);
    }
    (void)snprintf(what, sizeof what, "%.130s", why);
    (void)snprintf(why, PQI_INSPECT_WHY, "looks like %s, but %s", k->article, what);
}

static void explain_unknown(pqi_cspan in, char *why)
{
    static const pqi_cspan sign1 = {PQI_LIT("\xd2\x84")}, sign = {PQI_LIT("\xd8\x62\x84")};
    char hex[2 * 8 + 1];
    if (in.len == 0) {
        (void)snprintf(why, PQI_INSPECT_WHY, "is empty");
    } else if (starts(in, sign1) || starts(in, sign)) {
        (void)snprintf(why, PQI_INSPECT_WHY,
            "looks like a COSE object, but its type (typ) is none of ours or cut off");
    } else {
        pqi_cli_hex_encode(hex, in.ptr, in.len < 8 ? in.len : 8);
        (void)snprintf(why, PQI_INSPECT_WHY, "is none of our objects: its %zu bytes begin with %s",
            in.len, hex);
    }
}

bool pqi_inspect_object(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    memset(out, 0, sizeof *out);
    const kind *k = recognise(in);
    if (k == NULL) {
        explain_unknown(in, out->why);
        return false;
    }
    out->fields = json_object();
    pqi_inspect_put_str(out->fields, "object", k->name);
    pqi_inspect_put_uint(out->fields, "bytes", in.len);
    if (c->topic.len != 0) {
        pqi_inspect_put_text(out->fields, "topic", c->topic);
    }
    pqi_status st = in.len <= k->max ? k->decode(c, in, out) : PQI_ERR_DECODE;
    if (st != PQI_OK) {
        json_decref(out->fields);
        out->fields = NULL;
        out->failed = false;
        explain(k, st, in, out->why);
    }
    return st == PQI_OK;
}
