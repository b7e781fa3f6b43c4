/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 6: evidence against a challenge and a policy. */
#include <pqi/attest.h>

#include "base/mem.h"
#include "ct/ct.h"

#include <stdbool.h>

/* One appraisal in work. */
typedef struct work {
    const pqi_attest_judge *j;
    const pqi_attest_challenge *c;
    const pqi_attest_subject *s;
    const pqi_now *now;
    pqi_attest_evidence e;
    pqi_ak_cert cert;
    pqi_quote quote;
    const pqi_attest_class *cls;
    pqi_pcrs pcrs;   /* as quoted, of the challenge's mask */
    pqi_pcrs replay; /* of the log */
    bool known;      /* pcrs are set */
    pqi_attest_result *out;
} work;

static const char *const reasons[] = {"ok", "no-policy", "unsolicited", "late", "decode", "cert",
    "device", "ek", "class", "signature", "qualifying", "pcrs", "no-log", "log", "digest", "busy",
    "half"};
_Static_assert(sizeof reasons / sizeof reasons[0] == PQI_ATTEST_REASON_COUNT_, "one name each");

const char *pqi_attest_reason_name(pqi_attest_reason r)
{
    return (unsigned)r < PQI_ATTEST_REASON_COUNT_ ? reasons[r] : "?";
}

static bool same(pqi_cspan x, pqi_cspan y)
{
    return x.len == y.len && pqi_ct_eq(x.ptr, y.ptr, x.len) != 0;
}

static bool in_mask(uint32_t mask, uint32_t pcr)
{
    return (mask >> pcr & 1u) != 0;
}

/* ---- whose machine is it ------------------------------------------------------------------------- */

static pqi_attest_reason check_policy(work *w)
{
    const pqi_attest_policy *p = w->j->policy;
    bool have = p != NULL && p->root_version == w->c->root_version && p->seq == w->c->policy_seq;
    return have ? PQI_ATTEST_OK : PQI_ATTEST_NO_POLICY;
}

static pqi_attest_reason decode(work *w, pqi_cspan evidence)
{
    if (pqi_attest_evidence_decode(evidence, &w->e) != PQI_OK ||
        pqi_ak_cert_decode(w->j->algs, w->e.ak_cert, &w->cert) != PQI_OK ||
        pqi_quote_decode(w->e.quote, &w->quote) != PQI_OK) {
        return PQI_ATTEST_DECODE;
    }
    return pqi_ct_eq(w->e.nonce, w->c->nonce, PQI_ATTEST_NONCE) ? PQI_ATTEST_OK
                                                                : PQI_ATTEST_UNSOLICITED;
}

/* Proven for the key in use, not for one before. */
static bool halves(const work *w)
{
    return (w->cert.flags & PQI_AK_HALVES) != 0 &&
           pqi_ct_eq(w->cert.half_key_id, w->s->key_id, PQI_KEY_ID_LEN) != 0;
}

static pqi_attest_reason check_cert(work *w)
{
    if (!same(w->cert.device_id, w->s->device_id) || w->cert.roster_index != w->s->roster_index) {
        return PQI_ATTEST_DEVICE;
    }
    w->cls = pqi_attest_policy_class(w->j->policy, w->cert.cls);
    if (w->cls == NULL || (w->cls->pcr_mask & ~w->c->pcr_mask) != 0) {
        return PQI_ATTEST_CLASS;
    }
    if ((w->cls->flags & PQI_ATTEST_EK_CERT) != 0 && (w->cert.flags & PQI_AK_EK_CERTIFIED) == 0) {
        return PQI_ATTEST_EK;
    }
    if ((w->cls->flags & PQI_ATTEST_HALVES) != 0 && !halves(w)) {
        return PQI_ATTEST_HALF;
    }
    pqi_status st = pqi_ak_cert_verify(w->j->algs, &w->cert, w->j->manifest, w->now, w->j->tmp);
    return st == PQI_OK ? PQI_ATTEST_OK : PQI_ATTEST_CERT;
}

/* ---- what does the TPM say ----------------------------------------------------------------------- */

static pqi_attest_reason check_quote(work *w)
{
    uint8_t want[32], digest[32];
    if (pqi_attest_qualifying(w->j->algs, w->c, w->s, want) != PQI_OK ||
        w->j->algs->classic->hash(PQI_HASH_SHA256, &w->quote.attest, 1, digest) != PQI_OK) {
        return PQI_ATTEST_BUSY;
    }
    if (!same(w->quote.extra, (pqi_cspan){want, sizeof want})) {
        return PQI_ATTEST_QUALIFYING;
    }
    if (w->j->verify(w->cert.ak.pk, digest, w->quote.sig) != PQI_OK) {
        return PQI_ATTEST_SIGNATURE;
    }
    w->out->reset_count = w->quote.reset_count;
    w->out->restart_count = w->quote.restart_count;
    w->out->counted = 1;
    return PQI_ATTEST_OK;
}

/* The values that the evidence names, of the challenge's PCRs. */
static bool read_values(work *w)
{
    size_t at = 0;
    for (uint32_t i = 0; i < PQI_TPM_PCRS; i++) {
        if (!in_mask(w->c->pcr_mask, i)) {
            continue;
        }
        if (w->e.values.len - at < PQI_PCR_LEN) {
            return false;
        }
        memcpy(w->pcrs.v[i], w->e.values.ptr + at, PQI_PCR_LEN);
        at += PQI_PCR_LEN;
    }
    return at == w->e.values.len;
}

/* Where no values are named, the log's are meant. Neither is signed, but their hash is. */
static pqi_attest_reason check_values(work *w)
{
    uint8_t digest[32];
    if (w->quote.pcr_mask != w->c->pcr_mask) {
        return PQI_ATTEST_PCRS;
    }
    w->known = w->e.values.len != 0 || w->e.log.len != 0;
    if (!w->known) {
        return PQI_ATTEST_OK;
    }
    if (w->e.values.len == 0) {
        w->pcrs = w->replay;
    } else if (!read_values(w)) {
        return PQI_ATTEST_PCRS;
    }
    if (pqi_pcrs_digest(w->j->algs, &w->pcrs, w->c->pcr_mask, digest) != PQI_OK) {
        return PQI_ATTEST_BUSY;
    }
    if (pqi_ct_eq(digest, w->quote.pcr_digest, sizeof digest)) {
        return PQI_ATTEST_OK;
    }
    return w->e.values.len == 0 ? PQI_ATTEST_LOG_DIFFERS : PQI_ATTEST_PCRS;
}

static pqi_attest_reason replay_log(work *w)
{
    if (w->e.log.len == 0) {
        return (w->cls->flags & PQI_ATTEST_LOG) != 0 ? PQI_ATTEST_NO_LOG : PQI_ATTEST_OK;
    }
    pqi_status st = pqi_eventlog_replay(w->j->algs, w->e.log, &w->replay);
    if (st == PQI_OK) {
        return PQI_ATTEST_OK;
    }
    return st == PQI_ERR_DECODE || st == PQI_ERR_UNSUPPORTED ? PQI_ATTEST_DECODE : PQI_ATTEST_BUSY;
}

/* A log that is there leads to every quoted value of the class, whatever else allows them. */
static pqi_attest_reason check_log(work *w)
{
    for (uint32_t i = 0; i < PQI_TPM_PCRS && w->e.log.len != 0; i++) {
        if (in_mask(w->cls->pcr_mask, i) && !pqi_ct_eq(w->replay.v[i], w->pcrs.v[i], PQI_PCR_LEN)) {
            w->out->pcr = i;
            return PQI_ATTEST_LOG_DIFFERS;
        }
    }
    return PQI_ATTEST_OK;
}

/* ---- is it allowed -------------------------------------------------------------------------------- */

static bool listed(pqi_cspan list, uint32_t pcr, const uint8_t *value)
{
    for (size_t at = 0; list.len - at >= PQI_ATTEST_ROW; at += PQI_ATTEST_ROW) {
        const uint8_t *row = list.ptr + at;
        if (row[0] == pcr && pqi_ct_eq(row + 1, value, PQI_PCR_LEN)) {
            return true;
        }
    }
    return false;
}

/* Bit n: every event of PCR n is golden, and there is one. */
static uint32_t golden(const work *w)
{
    pqi_eventlog l;
    pqi_log_event e;
    uint32_t bad = 0;
    if (w->e.log.len == 0 || pqi_eventlog_begin(&l, w->e.log) != PQI_OK) {
        return 0;
    }
    pqi_status st = PQI_OK;
    while ((st = pqi_eventlog_next(&l, &e)) == PQI_OK) {
        if (e.type != PQI_EV_NO_ACTION && !listed(w->cls->events, e.pcr, e.digest)) {
            bad |= 1u << e.pcr;
        }
    }
    return st == PQI_ERR_MISSING ? w->replay.extended & ~bad : 0;
}

static bool whole_allowed(const work *w, pqi_status *st)
{
    uint8_t digest[32];
    const pqi_cspan d = w->cls->digests;
    *st = PQI_OK;
    if (w->cls->pcr_mask == w->c->pcr_mask) {
        memcpy(digest, w->quote.pcr_digest, sizeof digest);
    } else if (w->known) {
        *st = pqi_pcrs_digest(w->j->algs, &w->pcrs, w->cls->pcr_mask, digest);
    } else {
        return false;
    }
    for (size_t at = 0; *st == PQI_OK && d.len - at >= PQI_PCR_LEN; at += PQI_PCR_LEN) {
        if (pqi_ct_eq(d.ptr + at, digest, PQI_PCR_LEN)) {
            return true;
        }
    }
    return false;
}

static pqi_attest_reason check_allowed(work *w)
{
    pqi_status st = PQI_OK;
    if (whole_allowed(w, &st)) {
        return PQI_ATTEST_OK;
    }
    if (st != PQI_OK) {
        return PQI_ATTEST_BUSY;
    }
    if (!w->known) {
        return PQI_ATTEST_DIGEST;
    }
    const uint32_t events = golden(w);
    uint32_t allowed = 0;
    for (uint32_t i = 0; i < PQI_TPM_PCRS; i++) {
        if (!in_mask(w->cls->pcr_mask, i)) {
            continue;
        }
        if (!in_mask(events, i) && !listed(w->cls->values, i, w->pcrs.v[i])) {
            w->out->pcr = i;
            return PQI_ATTEST_DIGEST;
        }
        allowed |= 1u << i;
    }
    return allowed == w->cls->pcr_mask && allowed != 0 ? PQI_ATTEST_OK : PQI_ATTEST_DIGEST;
}

static pqi_attest_reason judge(work *w, pqi_cspan evidence)
{
    static pqi_attest_reason (*const steps[])(work *) = {
        check_cert, check_quote, replay_log, check_values, check_log, check_allowed};
    pqi_attest_reason r = check_policy(w);
    if (r == PQI_ATTEST_OK) {
        r = decode(w, evidence);
    }
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && r == PQI_ATTEST_OK; i++) {
        r = steps[i](w);
    }
    return r;
}

/* The class's, but not longer than the AK certificate holds, which it does now. */
static uint32_t age(const work *w)
{
    const uint64_t end = w->cert.not_after, unix_s = w->now->unix_s;
    const uint64_t left = end != 0 && unix_s != 0 ? end - unix_s : UINT64_MAX;
    return left < w->cls->max_age_s ? (uint32_t)left : w->cls->max_age_s;
}

void pqi_attest_appraise(const pqi_attest_judge *j, const pqi_attest_challenge *c,
    const pqi_attest_subject *s, pqi_cspan evidence, const pqi_now *now, pqi_attest_result *out)
{
    *out = (pqi_attest_result){.reason = PQI_ATTEST_NO_POLICY, .pcr = PQI_TPM_PCRS};
    work w = {.j = j, .c = c, .s = s, .now = now, .out = out};
    const pqi_attest_reason r = judge(&w, evidence);
    if (r == PQI_ATTEST_OK) {
        out->max_age_s = age(&w);
    }
    out->reason = r;
}
