/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 7: whom to ask, and what came of it. Time is uptime. */
#include <pqi/attest.h>

#include "base/mem.h"
#include "ct/ct.h"

#include <stdbool.h>

#define ANSWER_MS   60000u
#define RETRY_MS    10000u
#define PER_MINUTE  60u
#define MINUTE_MS   60000u
#define DOUBLED_MAX 6u
#define MS          1000u

/* ---- budgets: tokens in 1/60,000, so that n a minute is n of them a millisecond ----------------------- */

static uint32_t refill(uint32_t tokens, uint32_t per_minute, uint64_t from_ms, uint64_t to_ms)
{
    const uint64_t full = (uint64_t)per_minute * MINUTE_MS;
    const uint64_t passed = to_ms > from_ms ? to_ms - from_ms : 0;
    const uint64_t more = passed >= MINUTE_MS ? full : passed * per_minute;
    const uint64_t sum = tokens + more;
    return (uint32_t)(sum < full ? sum : full);
}

void pqi_attest_budget_init(pqi_attest_budget *b, uint32_t per_minute, const pqi_now *now)
{
    const uint32_t n = per_minute == 0 ? 1 : per_minute > PER_MINUTE ? PER_MINUTE : per_minute;
    *b = (pqi_attest_budget){now->mono_ms, n * MINUTE_MS, n};
}

int pqi_attest_budget_take(pqi_attest_budget *b, const pqi_now *now)
{
    b->tokens = refill(b->tokens, b->per_minute, b->last_ms, now->mono_ms);
    b->last_ms = now->mono_ms;
    if (b->tokens < MINUTE_MS) {
        return 0;
    }
    b->tokens -= MINUTE_MS;
    return 1;
}

/* ---- peers ---------------------------------------------------------------------------------------- */

static bool same_id(const pqi_attest_peer *p, pqi_cspan id)
{
    return p->used && p->id_len == id.len && pqi_ct_eq((const uint8_t *)p->id, id.ptr, id.len);
}

static pqi_attest_peer *find(const pqi_verifier *v, pqi_cspan id)
{
    for (size_t i = 0; i < v->cfg.n_peers; i++) {
        if (same_id(&v->cfg.peers[i], id)) {
            return &v->cfg.peers[i];
        }
    }
    return NULL;
}

/* A free place, or that of the peer without a verdict or question that was asked longest ago. */
static pqi_attest_peer *place(pqi_verifier *v)
{
    pqi_attest_peer *best = NULL;
    for (size_t i = 0; i < v->cfg.n_peers; i++) {
        pqi_attest_peer *p = &v->cfg.peers[i];
        if (!p->used) {
            return p;
        }
        if (!p->good && !p->asked && (best == NULL || p->asked_ms < best->asked_ms)) {
            best = p;
        }
    }
    return best;
}

static bool same_key(const pqi_attest_peer *p, const pqi_attest_subject *s)
{
    return pqi_ct_eq(p->key_id, s->key_id, PQI_KEY_ID_LEN) != 0;
}

/* There is a policy, and it is of the root manifest in force: a later one ends all that stood before. */
static bool in_force(const pqi_verifier *v)
{
    return v->has_policy && v->policy.root_version == v->cfg.judge.manifest->root_version;
}

static bool good(const pqi_attest_peer *p, const pqi_attest_subject *s, uint64_t now_ms)
{
    return p->good && same_key(p, s) && now_ms < p->until_ms;
}

static bool waiting(const pqi_verifier *v, const pqi_attest_peer *p, uint64_t now_ms)
{
    return p->asked && now_ms >= p->asked_ms && now_ms - p->asked_ms <= v->cfg.answer_ms;
}

/* What a peer was told to be, and was asked, ends. How long to wait before it is asked again stays. */
static void clear(pqi_attest_peer *p)
{
    p->good = p->asked = p->bad = p->counted = 0;
    p->reason = PQI_ATTEST_OK;
    p->until_ms = 0;
    memset(p->nonce, 0, sizeof p->nonce);
}

/* ---- life ----------------------------------------------------------------------------------------- */

static bool subject_ok(const pqi_attest_subject *s)
{
    return s != NULL && pqi_id_check(s->device_id) == PQI_OK;
}

pqi_status pqi_verifier_init(pqi_verifier *v, const pqi_verifier_cfg *cfg, const pqi_now *now)
{
    if (v == NULL || cfg == NULL || now == NULL || cfg->judge.algs == NULL ||
        cfg->judge.verify == NULL || cfg->judge.manifest == NULL || cfg->peers == NULL ||
        cfg->n_peers == 0 || pqi_id_check(cfg->own_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    memset(v, 0, sizeof *v);
    memset(cfg->peers, 0, cfg->n_peers * sizeof *cfg->peers);
    v->cfg = *cfg;
    v->cfg.judge.policy = NULL;
    v->cfg.answer_ms = cfg->answer_ms != 0 ? cfg->answer_ms : ANSWER_MS;
    v->cfg.retry_ms = cfg->retry_ms != 0 ? cfg->retry_ms : RETRY_MS;
    v->cfg.per_minute =
        cfg->per_minute == 0 || cfg->per_minute > MINUTE_MS ? PER_MINUTE : cfg->per_minute;
    v->budget_ms = now->mono_ms;
    v->tokens = v->cfg.per_minute * MINUTE_MS;
    return PQI_OK;
}

pqi_status pqi_verifier_policy(pqi_verifier *v, pqi_cspan encoded)
{
    if (v == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_attest_policy x;
    const pqi_attest_judge *j = &v->cfg.judge;
    pqi_status st = pqi_attest_policy_decode(j->algs, encoded, &x);
    if (st == PQI_OK) {
        st = pqi_attest_policy_verify(j->algs, &x, j->manifest, j->tmp);
    }
    if (st != PQI_OK) {
        return st;
    }
    const bool newer = x.root_version > v->policy.root_version ||
                       (x.root_version == v->policy.root_version && x.seq > v->policy.seq);
    if (v->has_policy && !newer) {
        return pqi_ct_eq(x.hash, v->policy.hash, sizeof x.hash) ? PQI_OK : PQI_ERR_REPLAY;
    }
    v->policy = x;
    v->has_policy = 1;
    v->cfg.judge.policy = &v->policy;
    for (size_t i = 0; i < v->cfg.n_peers; i++) {
        clear(&v->cfg.peers[i]);
        v->cfg.peers[i].next_ask_ms = 0;
        v->cfg.peers[i].failures = 0;
    }
    return PQI_OK;
}

void pqi_verifier_forget(pqi_verifier *v, pqi_cspan id)
{
    pqi_attest_peer *p = v != NULL ? find(v, id) : NULL;
    if (p != NULL) {
        clear(p);
    }
}

/* ---- asking --------------------------------------------------------------------------------------- */

/* In the last quarter of its time a verdict is made anew, so that none runs out while all is well. */
static bool fresh_enough(const pqi_attest_peer *p, const pqi_attest_subject *s, uint64_t now_ms)
{
    const uint64_t quarter = (uint64_t)p->max_age_s * MS / 4u;
    return good(p, s, now_ms) && p->until_ms - now_ms > quarter;
}

int pqi_verifier_due(const pqi_verifier *v, const pqi_attest_subject *s, const pqi_now *now)
{
    if (v == NULL || now == NULL || !subject_ok(s) || !in_force(v) || v->policy.n_classes == 0) {
        return 0;
    }
    const pqi_attest_peer *p = find(v, s->device_id);
    if (p == NULL) {
        return 1;
    }
    if (!same_key(p, s)) {
        return 1;
    }
    return !waiting(v, p, now->mono_ms) && now->mono_ms >= p->next_ask_ms &&
           !fresh_enough(p, s, now->mono_ms);
}

static uint32_t every_pcr(const pqi_attest_policy *x)
{
    uint32_t mask = 0;
    for (uint32_t i = 0; i < x->n_classes; i++) {
        mask |= x->classes[i].pcr_mask;
    }
    return mask;
}

static uint64_t pause_ms(const pqi_verifier *v, const pqi_attest_peer *p)
{
    const uint32_t n = p->failures < DOUBLED_MAX ? p->failures : DOUBLED_MAX;
    return (uint64_t)v->cfg.retry_ms << n;
}

pqi_status pqi_verifier_ask(pqi_verifier *v, const pqi_attest_subject *s,
    const uint8_t nonce[PQI_ATTEST_NONCE], const pqi_now *now, pqi_span out, size_t *out_len)
{
    if (v == NULL || nonce == NULL || now == NULL || out_len == NULL || !subject_ok(s)) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!in_force(v) || v->policy.n_classes == 0) {
        return PQI_ERR_STATE;
    }
    pqi_attest_peer *p = find(v, s->device_id);
    if (p != NULL && same_key(p, s)) {
        if (waiting(v, p, now->mono_ms)) {
            return PQI_ERR_STATE;
        }
        if (now->mono_ms < p->next_ask_ms) {
            return PQI_ERR_LIMIT;
        }
    }
    p = p != NULL ? p : place(v);
    const uint32_t tokens = refill(v->tokens, v->cfg.per_minute, v->budget_ms, now->mono_ms);
    if (p == NULL || tokens < MINUTE_MS) {
        return PQI_ERR_LIMIT;
    }
    pqi_attest_challenge c = {.pcr_mask = every_pcr(&v->policy),
        .root_version = v->policy.root_version,
        .policy_seq = v->policy.seq,
        .verifier_id = v->cfg.own_id};
    memcpy(c.nonce, nonce, PQI_ATTEST_NONCE);
    pqi_status st = pqi_attest_challenge_encode(&c, out, out_len);
    if (st != PQI_OK) {
        return st;
    }
    v->tokens = tokens - MINUTE_MS;
    v->budget_ms = now->mono_ms;
    if (!same_id(p, s->device_id) || !same_key(p, s)) { /* another peer, or another epoch of it */
        memset(p, 0, sizeof *p);
        p->used = 1;
        p->id_len = (uint8_t)s->device_id.len;
        memcpy(p->id, s->device_id.ptr, s->device_id.len);
        memcpy(p->key_id, s->key_id, PQI_KEY_ID_LEN);
    } else if (p->asked) { /* the question before this one was not answered */
        p->failures++;
    }
    memcpy(p->nonce, nonce, PQI_ATTEST_NONCE);
    p->pcr_mask = c.pcr_mask;
    p->asked = 1;
    p->asked_ms = now->mono_ms;
    p->next_ask_ms = now->mono_ms + pause_ms(v, p);
    v->asked++;
    return PQI_OK;
}

/* ---- taking --------------------------------------------------------------------------------------- */

static pqi_attest_reason expected(const pqi_verifier *v, const pqi_attest_peer *p,
    const pqi_attest_subject *s, pqi_cspan evidence, uint64_t now_ms)
{
    const size_t at = 4; /* the nonce, behind type, version and reserved */
    if (p == NULL || !p->asked || !same_key(p, s)) {
        return PQI_ATTEST_UNSOLICITED;
    }
    if (evidence.ptr == NULL || evidence.len < at + PQI_ATTEST_NONCE ||
        !pqi_ct_eq(evidence.ptr + at, p->nonce, PQI_ATTEST_NONCE)) {
        return PQI_ATTEST_UNSOLICITED;
    }
    return waiting(v, p, now_ms) ? PQI_ATTEST_OK : PQI_ATTEST_LATE;
}

int pqi_verifier_expects(const pqi_verifier *v, const pqi_attest_subject *s,
    const uint8_t nonce[PQI_ATTEST_NONCE], const pqi_now *now)
{
    if (v == NULL || nonce == NULL || now == NULL || !subject_ok(s)) {
        return 0;
    }
    const pqi_attest_peer *p = find(v, s->device_id);
    return p != NULL && same_key(p, s) && waiting(v, p, now->mono_ms) &&
           pqi_ct_eq(nonce, p->nonce, PQI_ATTEST_NONCE) != 0;
}

static void settle(pqi_verifier *v, pqi_attest_peer *p, const pqi_attest_result *r)
{
    const bool restarted =
        r->counted && p->counted &&
        (r->reset_count != p->reset_count || r->restart_count != p->restart_count);
    if (r->counted) {
        p->reset_count = r->reset_count;
        p->restart_count = r->restart_count;
        p->counted = 1;
    }
    p->reason = r->reason;
    if (r->reason == PQI_ATTEST_OK) {
        p->good = 1;
        p->bad = 0;
        p->failures = 0;
        p->max_age_s = r->max_age_s;
        p->until_ms = p->asked_ms + (uint64_t)r->max_age_s * MS;
        p->next_ask_ms = p->asked_ms + v->cfg.retry_ms;
        v->good++;
        return;
    }
    if (r->reason != PQI_ATTEST_BUSY ||
        restarted) { /* it came authenticated: the peer itself said so */
        p->good = 0;
    }
    p->bad = 1;
    p->failures++;
    p->next_ask_ms = p->asked_ms + pause_ms(v, p);
    v->bad++;
}

pqi_status pqi_verifier_take(pqi_verifier *v, const pqi_attest_subject *s, pqi_cspan evidence,
    const pqi_now *now, pqi_attest_result *out)
{
    if (v == NULL || now == NULL || out == NULL || !subject_ok(s)) {
        return PQI_ERR_ARG;
    }
    pqi_attest_peer *p = find(v, s->device_id);
    const pqi_attest_reason r = expected(v, p, s, evidence, now->mono_ms);
    if (r != PQI_ATTEST_OK) {
        *out = (pqi_attest_result){.reason = r, .pcr = PQI_TPM_PCRS};
        v->refused++;
        return PQI_ERR_REPLAY;
    }
    pqi_attest_challenge c = {.pcr_mask = p->pcr_mask,
        .root_version = v->policy.root_version,
        .policy_seq = v->policy.seq,
        .verifier_id = v->cfg.own_id};
    memcpy(c.nonce, p->nonce, PQI_ATTEST_NONCE);
    p->asked = 0; /* one nonce, one evidence */
    memset(p->nonce, 0, sizeof p->nonce);
    pqi_attest_appraise(&v->cfg.judge, &c, s, evidence, now, out);
    settle(v, p, out);
    return PQI_OK;
}

const char *pqi_attest_state_name(pqi_attest_state s)
{
    static const char *const names[] = {"none", "asked", "good", "bad"};
    return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "?";
}

void pqi_verifier_verdict(
    const pqi_verifier *v, const pqi_attest_subject *s, const pqi_now *now, pqi_verdict *out)
{
    *out = (pqi_verdict){PQI_ATTEST_NONE, PQI_ATTEST_OK, 0};
    const pqi_attest_peer *p =
        v != NULL && now != NULL && subject_ok(s) ? find(v, s->device_id) : NULL;
    if (p == NULL || !same_key(p, s) || !in_force(v)) {
        return;
    }
    out->reason = p->reason;
    if (good(p, s, now->mono_ms)) {
        out->state = PQI_ATTEST_GOOD;
        out->until_ms = p->until_ms;
    } else if (waiting(v, p, now->mono_ms)) {
        out->state = PQI_ATTEST_ASKED;
    } else if (p->bad || p->asked) {
        out->state = PQI_ATTEST_BAD;
        out->reason = p->asked ? PQI_ATTEST_LATE : p->reason;
    }
}
