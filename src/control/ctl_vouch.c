/* SPDX-License-Identifier: Apache-2.0
 * Who says what is the newest, in answer to a nonce of ours: the control plane by a statement, a witness in a
 * session. docs/spec/control.md sections 1.6 and 3. */
#include "control/ctl_int.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ident/ident.h"

#define HASH8 8u
#define S_MS  1000u

static bool nonce_open(const pqi_ctl *c)
{
    return (c->asking & PQI_ASK_STATEMENT) != 0;
}

/* ---- statement ----------------------------------------------------------------------------------------- */

/* LV16(statement) || path of our nonce. */
static pqi_status read_statement(const pqi_ctl *c, pqi_cspan in, pqi_statement *s, pqi_path *path)
{
    rd r = rd_of(in);
    const pqi_cspan body = rd_vec16(&r, 1, PQI_STATEMENT_MAX);
    const pqi_cspan rest = rd_bytes(&r, r.left);
    if (rd_done(&r) != PQI_OK || pqi_path_decode(rest, path) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    return pqi_statement_decode(c->cfg.algs, body, s);
}

static pqi_status check_nonce(const pqi_ctl *c, const pqi_statement *s, const pqi_path *path)
{
    uint8_t leaf[PQI_HASH_LEN];
    if (path->size != s->size) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = pqi_nonce_leaf(c->cfg.algs, c->nonce, c->cfg.kid, leaf);
    return st == PQI_OK ? pqi_nonce_check(c->cfg.algs, leaf, path, s->root) : st;
}

/* How epoch and tick stand to ours: only what is at least as new tells the time. */
static pqi_status look_at_time(const pqi_ctl *c, uint32_t epoch, uint32_t tick)
{
    const pqi_ctl_head *h = &c->s.head;
    if (!pqi_ctl_has_head(c) || epoch > h->head_epoch) {
        return PQI_ERR_MISSING;
    }
    if (epoch < h->head_epoch || (tick <= h->tick_count && h->tick_base + tick < c->s.newest)) {
        return PQI_ERR_REPLAY;
    }
    return tick <= h->tick_count ? PQI_OK : PQI_ERR_AUTH;
}

static pqi_status look_at_statement(const pqi_ctl *c, const pqi_ctl_call *k, pqi_statement *s)
{
    pqi_path path;
    pqi_status st = read_statement(c, k->in, s, &path);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ctl_has_plane(c) ||
        !pqi_ident_same_fleet(&c->manifest, s->fleet_id, s->root_version)) {
        return PQI_ERR_AUTH;
    }
    if (!nonce_open(c)) {
        return PQI_ERR_REPLAY;
    }
    st = check_nonce(c, s, &path);
    return st == PQI_OK ? look_at_time(c, s->head_epoch, s->tick) : st;
}

static pqi_status peek_statement(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_statement s;
    return look_at_statement(c, k, &s);
}

/* The newest tick when it was asked for was no later than the one that is named. */
static void vouch(const pqi_ctl *c, pqi_ctl_state *d, uint64_t up, uint32_t number, uint64_t age_ms)
{
    if (number > d->newest) {
        d->newest = number;
        for (uint32_t i = 0; i < d->n_local; i++) {
            d->local[i].fleet_i = d->local[i].i;
        }
    }
    pqi_ctl_clock_vouch(&d->clock, up, age_ms);
    pqi_ctl_local_ages(c, d, up);
}

static pqi_status take_statement(pqi_ctl *c, pqi_ctl_call *k)
{
    pqi_statement s;
    pqi_status st = look_at_statement(c, k, &s);
    if (st == PQI_OK) {
        st = pqi_statement_verify(c->cfg.algs, &s, &c->manifest, c->cfg.tmp);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_ctl_state *d = pqi_ctl_draft(c);
    vouch(c, d, k->up, d->head.tick_base + s.tick, k->up - c->asked_ms);
    pqi_ctl_time_statement(c, d, c->asked_ms, s.time);
    st = pqi_ctl_commit(c, d);
    if (st == PQI_OK) {
        pqi_ctl_answered(c);
        k->what |= PQI_CTL_NEW_TIME;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_statement = {peek_statement, take_statement};

/* ---- witness --------------------------------------------------------------------------------------------- */

typedef struct word {
    pqi_cspan nonce, hash8;
    pqi_tick tick; /* i 0: none yet, and h is the anchor */
    uint32_t age_s;
} word;

static pqi_status read_word(pqi_cspan in, word *w)
{
    rd r = rd_of(in);
    w->nonce = rd_bytes(&r, PQI_NONCE_LEN);
    w->tick.epoch = rd_u32(&r);
    w->hash8 = rd_bytes(&r, HASH8);
    w->tick.i = rd_u32(&r);
    const pqi_cspan h = rd_bytes(&r, PQI_HASH_LEN);
    w->age_s = rd_u32(&r);
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    memcpy(w->tick.h, h.ptr, PQI_HASH_LEN);
    return PQI_OK;
}

/* Its head is ours, and its tick one of that head that we have or can check. */
static pqi_status check_word(const pqi_ctl *c, const word *w)
{
    const pqi_ctl_state *s = &c->s;
    pqi_status st = look_at_time(c, w->tick.epoch, w->tick.i);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ct_eq(w->hash8.ptr, s->head.hash, HASH8)) {
        return PQI_ERR_AUTH;
    }
    const uint64_t fresh = c->policy.rules.fresh * pqi_ctl_tick_ms(c);
    if ((uint64_t)w->age_s * S_MS > fresh + S_MS) {
        return PQI_ERR_AUTH; /* a witness that is not fresh says nothing */
    }
    if (w->tick.i == s->tick) {
        return pqi_ct_eq(w->tick.h, s->tick_h, PQI_HASH_LEN) ? PQI_OK : PQI_ERR_AUTH;
    }
    return pqi_tick_check(c->cfg.algs, &w->tick, s->tick, s->tick_h, s->head.tick_count);
}

/* It adds its own age, so two witnesses cannot keep each other fresh. */
static pqi_status take_word(pqi_ctl *c, const word *w, unsigned *what)
{
    pqi_ctl_state *d = pqi_ctl_draft(c);
    const uint64_t up = c->seen_ms;
    if (w->tick.i > d->tick) {
        d->tick = w->tick.i;
        memcpy(d->tick_h, w->tick.h, PQI_HASH_LEN);
        *what |= PQI_CTL_NEW_TICK;
    }
    vouch(c, d, up, d->head.tick_base + w->tick.i, up - c->asked_ms + (uint64_t)w->age_s * S_MS);
    pqi_status st = pqi_ctl_commit(c, d);
    *what = st == PQI_OK ? *what | PQI_CTL_NEW_TIME : 0;
    return st;
}

pqi_status pqi_ctl_witness(pqi_ctl *c, const pqi_now *now, pqi_cspan in, pqi_ctl_event *ev)
{
    word w = {.age_s = 0};
    if (c == NULL || now == NULL || ev == NULL) {
        return PQI_ERR_ARG;
    }
    *ev = (pqi_ctl_event){PQI_ERR_STATE, 0};
    if (!c->open) {
        return PQI_ERR_STATE;
    }
    pqi_ctl_see(c, now);
    pqi_status st = read_word(in, &w);
    if (st == PQI_OK && (!nonce_open(c) || !pqi_ct_eq(w.nonce.ptr, c->nonce, PQI_NONCE_LEN))) {
        st = PQI_ERR_REPLAY;
    }
    if (st == PQI_OK) {
        st = pqi_ctl_root_behind(c) ? PQI_ERR_REPLAY : check_word(c, &w);
    }
    if (st == PQI_OK) {
        st = take_word(c, &w, &ev->what);
    }
    if (st == PQI_OK) {
        pqi_ctl_answered(c);
    }
    ev->status = st;
    return st;
}

/* What we can show is the tick whose preimage we have; somebody may have told us of a newer one. */
static uint64_t shown_age(const pqi_ctl *c, uint64_t up)
{
    const uint32_t newer = c->s.newest - (c->s.head.tick_base + c->s.tick);
    return pqi_ctl_clock_age(&c->s.clock, up) + newer * pqi_ctl_tick_ms(c);
}

pqi_status pqi_ctl_testify(const pqi_ctl *c, const pqi_now *now, const uint8_t nonce[PQI_NONCE_LEN],
    uint8_t out[PQI_WITNESS_LEN])
{
    static const pqi_cspan none = {NULL, 0};
    if (c == NULL || now == NULL || nonce == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    const unsigned wrong =
        PQI_GATE_SELF_REVOKED | PQI_GATE_ROLLBACK | PQI_GATE_EQUIVOCATION | PQI_GATE_STORAGE;
    if (pqi_ctl_fresh(c, now, none) != PQI_FRESH_FRESH || c->s.clock.known != 2 ||
        !pqi_ctl_has_head(c) || (pqi_ctl_flags(c, now) & wrong) != 0) {
        return PQI_ERR_STATE;
    }
    const uint64_t age = shown_age(c, pqi_ctl_up(c, now));
    if (age > c->policy.rules.fresh * pqi_ctl_tick_ms(c)) {
        return PQI_ERR_STATE;
    }
    size_t len = 0;
    wr w = wr_of((pqi_span){out, PQI_WITNESS_LEN});
    wr_bytes(&w, (pqi_cspan){nonce, PQI_NONCE_LEN});
    wr_u32(&w, c->s.head.head_epoch);
    wr_bytes(&w, (pqi_cspan){c->s.head.hash, HASH8});
    wr_u32(&w, c->s.tick);
    wr_bytes(&w, (pqi_cspan){c->s.tick_h, PQI_HASH_LEN});
    wr_u32(&w, (uint32_t)((age + S_MS - 1u) / S_MS));
    return wr_done(&w, &len);
}
