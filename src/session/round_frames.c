/* SPDX-License-Identifier: Apache-2.0
 * CHUNK frames of rounds, as they go and as they come: docs/spec/ratchet.md sections 5 and 7. */
#include "session/ratchet_int.h"

#include <pqi/wipe.h>

#define GAP 7u /* messages, either way, between two symbols once the first run is over */

enum {
    NONE,    /* foreign, of a finished round, or no memory is free */
    KEEP,    /* proposals cross, and the own one stays */
    BEGIN,   /* H: first symbols of a proposal */
    ADD,     /* H: more of them */
    BEGIN_D, /* a proposal, whole */
    ANSWER,  /* H: symbols of the answer */
    ANSWER_D /* the answer, whole */
};

unsigned pqi_round_state(const pqi_ratchet_env *env, const pqi_ratchet *r)
{
    const bool lost = r->kind == PQI_CHUNK_H && pqi_round_held(env, r) == NULL;
    if (r->state == PQI_ROUND_Q_COLLECT && lost) {
        return PQI_ROUND_IDLE;
    }
    if (r->state == PQI_ROUND_P_ASK && lost) {
        return PQI_ROUND_P_DRAWN;
    }
    return r->state;
}

void pqi_round_pace(pqi_ratchet *r, const pqi_suite *s)
{
    const bool p = r->state == PQI_ROUND_P_ASK;
    pqi_erasure_shape shape = {0};
    unsigned k = 1;
    if (r->kind == PQI_CHUNK_H && pqi_erasure_shape_of(pqi_round_obj_len(s, PQI_CHUNK_H, p ? 0 : 1),
                                      r->chunk, &shape) == PQI_OK) {
        k = shape.k;
    }
    r->symbol = 0;
    r->left = (uint8_t)((3u * k + 1u) / 2u); /* k <= 150: at most 225 */
    r->gap = 0;
}

/* ---- as they go ---------------------------------------------------------------------------------- */

/* The object that this side sends now. */
static bool sending(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, pqi_cspan *obj)
{
    const unsigned state = pqi_round_state(env, r);
    const bool p = state == PQI_ROUND_P_ASK && (r->flags & PQI_R_HEARD) == 0;
    if (!p && state != PQI_ROUND_Q_ANSWER) {
        return false;
    }
    if (r->kind == PQI_CHUNK_D) {
        *obj = (pqi_cspan){p ? r->next : r->seed, PQI_X25519_LEN};
        return true;
    }
    const pqi_round_mem *m = pqi_round_held(env, r);
    if (m == NULL) {
        return false; /* an answer that is lost: the session goes on without this round */
    }
    *obj = (pqi_cspan){pqi_round_out(m, s).ptr, m->out_len};
    return true;
}

static bool symbol_due(const pqi_ratchet *r)
{
    return r->left != 0 || r->gap >= GAP;
}

static pqi_chunk_of frame_of(const pqi_ratchet *r)
{
    const bool p = r->state == PQI_ROUND_P_ASK;
    return (pqi_chunk_of){
        r->kind, p ? PQI_CHUNK_OBJ_P : PQI_CHUNK_OBJ_Q, (uint8_t)(r->epoch & 31u)};
}

/* Symbols index .. of the object, or all of it in one frame. */
static void write_frame(const pqi_ratchet *r, pqi_cspan obj, bool whole, pqi_span out, size_t *len)
{
    pqi_chunk what = {.of = frame_of(r), .index = r->symbol, .count = 1};
    pqi_erasure_shape shape;
    pqi_status st = pqi_erasure_shape_of(obj.len, r->chunk, &shape);
    size_t need = PQI_CHUNK_HDR + r->chunk;
    if (r->kind == PQI_CHUNK_D && r->chunk <= PQI_X25519_LEN) {
        what.index = 0;
        what.count = shape.k;
        need = PQI_CHUNK_HDR + PQI_X25519_LEN;
        whole = false;
    } else if (r->kind == PQI_CHUNK_D || whole) {
        need = PQI_CHUNK_WHOLE_HDR + obj.len;
        whole = true;
    }
    if (st != PQI_OK || out.len < need) {
        return;
    }
    const pqi_span at = {out.ptr, need};
    st = whole ? pqi_chunk_write_whole(what.of, obj, at, len)
               : pqi_chunk_write(&what, &shape, obj, at, len);
    if (st != PQI_OK) {
        *len = 0;
    }
}

void pqi_round_frame(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, pqi_span out, size_t *len)
{
    pqi_cspan obj;
    *len = 0;
    if (!sending(env, r, s, &obj) || !symbol_due(r)) {
        return;
    }
    if (env->limits->burst) {
        write_frame(r, obj, true, out, len);
    }
    if (*len == 0) {
        write_frame(r, obj, false, out, len);
    }
}

/* A frame with the whole object counts as all its symbols. */
static unsigned symbols_in(const pqi_ratchet *r, size_t obj_len, size_t frame)
{
    pqi_erasure_shape shape;
    if (r->kind == PQI_CHUNK_D || frame == PQI_CHUNK_HDR + r->chunk ||
        pqi_erasure_shape_of(obj_len, r->chunk, &shape) != PQI_OK) {
        return 1;
    }
    return shape.k;
}

void pqi_round_sent(
    const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s, size_t frame, uint32_t now_s)
{
    pqi_cspan obj;
    if (sending(env, r, s, &obj)) {
        if (frame != 0) {
            const unsigned n = symbols_in(r, obj.len, frame);
            r->symbol = (uint8_t)((r->symbol + 1u) % PQI_ERASURE_SYMBOLS);
            r->left = (uint8_t)(r->left > n ? r->left - n : 0);
            r->gap = 0;
        } else if (!symbol_due(r)) {
            r->gap++;
        }
        pqi_round_mem *m = pqi_round_held(env, r);
        if (frame != 0 && m != NULL) {
            m->used_s = now_s;
        }
    }
    if (pqi_round_state(env, r) == PQI_ROUND_IDLE && pqi_round_wanted(env, r, s, now_s) >= 0) {
        r->flags |= PQI_R_WANT;
    }
}

void pqi_round_heard(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s)
{
    pqi_cspan obj;
    if (!sending(env, r, s, &obj)) {
        return;
    }
    if (!symbol_due(r)) {
        r->gap++;
    }
    if (symbol_due(r)) {
        r->flags |= PQI_R_ASKED;
    }
}

/* ---- as they come: on trial ---------------------------------------------------------------------- */

/* An object of a D round comes whole and in one of two forms; chunks.md section 3. */
static bool is_whole_d(const pqi_chunk *c)
{
    return c->body.len == PQI_X25519_LEN && (c->index == PQI_CHUNK_WHOLE || c->index == 0);
}

static pqi_status check_begin(const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, uint32_t now_s, pqi_round_plan *plan)
{
    if (c->of.kind == PQI_CHUNK_D) {
        plan->act = BEGIN_D;
        return is_whole_d(c) ? PQI_OK : PQI_ERR_DECODE;
    }
    pqi_round_mem *m = pqi_round_find(env, r, s, now_s);
    if (m == NULL) {
        return PQI_OK;
    }
    pqi_erasure fresh;
    const pqi_span in = pqi_round_in_buf(m, s);
    pqi_status st =
        pqi_erasure_begin(&fresh, pqi_round_obj_len(s, PQI_CHUNK_H, PQI_CHUNK_OBJ_P), r->chunk);
    if (st == PQI_OK) {
        st = pqi_chunk_check(&c->of, c, &fresh, (pqi_cspan){in.ptr, in.len});
    }
    plan->act = BEGIN;
    plan->mem = m;
    return st;
}

/* A frame of the object that is being collected. */
static pqi_status check_more(const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, unsigned act, pqi_round_plan *plan)
{
    pqi_round_mem *m = pqi_round_held(env, r);
    if (m == NULL) {
        return PQI_OK;
    }
    const pqi_span in = pqi_round_in_buf(m, s);
    plan->act = (uint8_t)act;
    plan->mem = m;
    return pqi_chunk_check(&c->of, c, &m->in, (pqi_cspan){in.ptr, in.len});
}

static pqi_status check_proposal(const pqi_ratchet_env *env, const pqi_ratchet *r,
    const pqi_suite *s, unsigned state, const pqi_chunk *c, uint32_t now_s, pqi_round_plan *plan)
{
    switch (state) {
    case PQI_ROUND_IDLE:
        return check_begin(env, r, s, c, now_s, plan);
    case PQI_ROUND_P_DRAWN:
    case PQI_ROUND_P_ASK:
        if ((r->flags & PQI_R_HEARD) != 0) {
            return PQI_OK;
        }
        if (r->side == PQI_HS_SIDE_I) {
            plan->act = state == PQI_ROUND_P_ASK ? KEEP : NONE;
            return PQI_OK;
        }
        return check_begin(env, r, s, c, now_s, plan);
    case PQI_ROUND_Q_COLLECT:
        return c->of.kind == PQI_CHUNK_H ? check_more(env, r, s, c, ADD, plan) : PQI_OK;
    default:
        return PQI_OK;
    }
}

pqi_status pqi_round_check(const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s,
    unsigned state, const pqi_chunk *c, uint32_t now_s, pqi_round_plan *plan)
{
    *plan = (pqi_round_plan){NONE, NULL};
    if (c->of.dir == PQI_CHUNK_OBJ_P) {
        return check_proposal(env, r, s, state, c, now_s, plan);
    }
    if (state != PQI_ROUND_P_ASK || c->of.kind != r->kind) {
        return PQI_OK;
    }
    if (r->kind == PQI_CHUNK_H) {
        return check_more(env, r, s, c, ANSWER, plan);
    }
    plan->act = ANSWER_D;
    return is_whole_d(c) ? PQI_OK : PQI_ERR_DECODE;
}

/* ---- as they come: effects ----------------------------------------------------------------------- */

/* An own proposal gives way. What it was to heal is still to be healed. */
static void yield_to(pqi_ratchet *r, unsigned kind)
{
    const bool own = r->state == PQI_ROUND_P_ASK || r->state == PQI_ROUND_P_DRAWN;
    if (own && r->kind == PQI_CHUNK_H) {
        r->flags |= PQI_R_HEAL; /* also where the other is an H round: it may come to nothing */
    }
    pqi_wipe(r->seed, PQI_HS_KEY);
    pqi_wipe(r->next, PQI_HS_KEY);
    r->flags &= (uint8_t) ~(PQI_R_HEARD | PQI_R_WANT);
    r->kind = (uint8_t)kind;
}

static void add_symbols(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, pqi_round_mem *m, unsigned then, uint32_t now_s)
{
    /* It passed the check, so it is taken. */
    if (pqi_chunk_accept(&c->of, c, &m->in, pqi_round_in_buf(m, s)) == PQI_OK &&
        pqi_erasure_ready(&m->in)) {
        pqi_round_to(r, then);
    }
    pqi_round_take(env, r, m, now_s);
}

static void begin(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, pqi_round_mem *m, uint32_t now_s)
{
    yield_to(r, PQI_CHUNK_H);
    pqi_round_to(r, PQI_ROUND_Q_COLLECT);
    pqi_round_take(env, r, m, now_s);
    m->out_len = 0;
    if (pqi_erasure_begin(&m->in, pqi_round_obj_len(s, PQI_CHUNK_H, PQI_CHUNK_OBJ_P), r->chunk) ==
        PQI_OK) {
        add_symbols(env, r, s, c, m, PQI_ROUND_Q_HAVE, now_s);
    }
}

static void begin_d(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_chunk *c)
{
    yield_to(r, PQI_CHUNK_D);
    pqi_round_release(env, r);
    memcpy(r->seed, c->body.ptr, PQI_X25519_LEN);
    pqi_round_to(r, PQI_ROUND_Q_HAVE);
}

void pqi_round_apply(const pqi_ratchet_env *env, pqi_ratchet *r, const pqi_suite *s,
    const pqi_chunk *c, uint32_t now_s, const pqi_round_plan *plan)
{
    switch (plan->act) {
    case KEEP:
        r->flags |= PQI_R_ASKED;
        break;
    case BEGIN:
        begin(env, r, s, c, plan->mem, now_s);
        break;
    case ADD:
        add_symbols(env, r, s, c, plan->mem, PQI_ROUND_Q_HAVE, now_s);
        break;
    case BEGIN_D:
        begin_d(env, r, c);
        break;
    case ANSWER:
        r->flags |= PQI_R_HEARD;
        add_symbols(env, r, s, c, plan->mem, PQI_ROUND_P_HAVE, now_s);
        break;
    case ANSWER_D:
        r->flags |= PQI_R_HEARD;
        memcpy(r->next, c->body.ptr, PQI_X25519_LEN);
        pqi_round_to(r, PQI_ROUND_P_HAVE);
        break;
    default:
        break;
    }
}
