/* SPDX-License-Identifier: Apache-2.0
 * Opening: docs/spec/ratchet.md sections 3 to 5. Everything that can fail is done on trial; then all
 * of it takes effect. */
#include "session/ratchet_int.h"

#include "base/args.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

typedef enum where { LATE, CURRENT, NEXT } where;

/* One packet on trial. */
typedef struct trial {
    const pqi_ratchet_env *env;
    const pqi_ratchet_view *v;
    const pqi_classic *c;
    const pqi_suite *suite;
    uint32_t now_s;
    where at;
    uint32_t epoch;
    pqi_chain_try *t;       /* in tmp, as all chains here */
    pqi_chain_recv current; /* v->recv with a stage */
    pqi_chain_recv begun;   /* NEXT: the chain of the next epoch, begun in tmp */
    pqi_chain_late late;    /* v->late with a stage */
    pqi_frames f;
    pqi_round_plan plan;
    bool healed;         /* an H round came to its end */
    pqi_epoch_keys keys; /* Q enters the next epoch */
} trial;

/* Section 4: the full number of an epoch of which the header has the low bits. */
static pqi_status find_epoch(const pqi_hs_data *d, trial *t)
{
    const pqi_ratchet *r = t->v->r;
    const uint32_t recv = pqi_ratchet_recv_epoch(r), mask = d->wide ? 0xffffu : 0xffu;
    const bool has_next = r->state == PQI_ROUND_Q_ANSWER || r->state == PQI_ROUND_P_UNHEARD;
    if ((recv & mask) == d->epoch) {
        t->at = CURRENT;
        t->epoch = recv;
    } else if (has_next && ((recv + 1u) & mask) == d->epoch) {
        t->at = NEXT;
        t->epoch = recv + 1u;
    } else if (recv != 0 && ((recv - 1u) & mask) == d->epoch &&
               !pqi_ratchet_late_over(r, t->now_s)) {
        t->at = LATE;
        t->epoch = recv - 1u;
    } else {
        return PQI_ERR_REPLAY;
    }
    return PQI_OK;
}

static void lay_out(trial *t)
{
    const pqi_chain_profile *p = t->v->recv.profile;
    const size_t nodes = PQI_CHAIN_NODES((size_t)p->depth, p->cap);
    uint8_t *tmp = t->env->tmp.ptr;
    t->t = (void *)tmp;
    tmp += sizeof(pqi_chain_try);
    t->begun = (pqi_chain_recv){.profile = p, .head = (void *)tmp};
    tmp += sizeof(pqi_chain_head);
    t->begun.node = (void *)tmp;
    tmp += nodes * sizeof(pqi_chain_node);
    t->begun.stage = (void *)tmp;
    t->current = t->v->recv;
    t->current.stage = t->begun.stage;
    t->late = t->v->late;
    t->late.stage = t->begun.stage;
}

/* ---- on trial ------------------------------------------------------------------------------------ */

static pqi_status begin_next(trial *t)
{
    const pqi_ratchet *r = t->v->r;
    uint8_t ck[PQI_HS_KEY];
    pqi_status st = PQI_OK;
    if (r->state == PQI_ROUND_P_UNHEARD) {
        memcpy(ck, r->next, sizeof ck);
    } else {
        st = pqi_round_ck_peer(t->c, r->side, r->next, ck);
    }
    if (st == PQI_OK) {
        st = pqi_chain_recv_start(&t->begun, ck);
    }
    pqi_wipe(ck, sizeof ck);
    return st;
}

static pqi_status peek(trial *t, uint32_t n)
{
    if (n >= t->env->limits->epoch_msgs) {
        return PQI_ERR_LIMIT;
    }
    if (t->at == LATE) {
        return pqi_chain_late_peek(t->c, &t->late, n, t->t);
    }
    if (t->at == CURRENT) {
        return pqi_chain_recv_peek(t->c, &t->current, n, t->t);
    }
    pqi_status st = begin_next(t);
    return st == PQI_OK ? pqi_chain_recv_peek(t->c, &t->begun, n, t->t) : st;
}

static pqi_status open_plain(
    const trial *t, const pqi_hs_data *d, const pqi_ratchet_ctx *ctx, pqi_span plain)
{
    uint8_t nonce[PQI_AEAD_NONCE], aad[PQI_RATCHET_AAD];
    pqi_ratchet_nonce(d->n, nonce);
    const pqi_aead_key k = {t->suite->aead, {t->t->path[0], PQI_CHAIN_KEY}, {nonce, sizeof nonce}};
    pqi_status st = t->c->aead_open(&k, pqi_ratchet_aad(d->hdr, ctx, aad), d->ct, plain);
    if (st == PQI_OK && (d->frames || d->padded)) {
        /* Frames and padding steer what this side does; the application message is not looked at. */
        PQI_PUBLIC(plain.ptr, plain.len);
    }
    return st;
}

/* FIN stands in every message of an epoch until its sender knows that one was opened, and never in
 * epoch 0. */
static pqi_status check_fin(const trial *t)
{
    const bool fin = (t->f.has & PQI_HAS(PQI_FRAME_FIN)) != 0;
    if (fin && t->epoch == 0) {
        return PQI_ERR_DECODE;
    }
    if (t->at == NEXT && (!fin || t->f.fin < t->v->recv.head->next)) {
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}

/* Whether this side takes a CHUNK of this message, and what it would do. */
static pqi_status check_chunk(trial *t)
{
    const pqi_ratchet *r = t->v->r;
    if ((t->f.has & PQI_HAS(PQI_FRAME_CHUNK)) == 0) {
        return PQI_OK;
    }
    const unsigned state = t->at == NEXT ? (unsigned)PQI_ROUND_IDLE : pqi_round_state(t->env, r);
    const uint32_t epoch = t->at == NEXT ? t->epoch : r->epoch;
    if (t->epoch != epoch || t->f.chunk.of.round != (epoch & 31u)) {
        return PQI_OK; /* of a round that is over: section 7 */
    }
    return pqi_round_check(t->env, r, t->suite, state, &t->f.chunk, t->now_s, &t->plan);
}

/* The last steps that can fail; each changes a chain only when it succeeds, and only the last one
 * touches the session. */
static pqi_status take(trial *t)
{
    const pqi_ratchet *r = t->v->r;
    if (t->at == LATE) {
        return pqi_chain_late_commit(t->c, &t->late, t->t);
    }
    if (t->at == CURRENT) {
        return pqi_chain_recv_commit(t->c, &t->current, t->t);
    }
    pqi_status st = pqi_chain_recv_commit(t->c, &t->begun, t->t);
    if (st == PQI_OK && r->state == PQI_ROUND_Q_ANSWER) {
        st = pqi_round_epoch(t->c, r->side, r->next, &t->keys);
    }
    if (st == PQI_OK) {
        st = pqi_chain_recv_close(t->c, &t->current, t->f.fin, &t->late);
    }
    return st;
}

/* ---- effects: nothing fails here ----------------------------------------------------------------- */

/* Q was answering and hears P in the next epoch: it sends in it too. */
static void flip(trial *t)
{
    pqi_ratchet *r = t->v->r;
    r->fin = t->v->send.head->next;
    memcpy(r->rk, t->keys.rk, PQI_HS_KEY);
    memcpy(r->rms, t->keys.rms, PQI_HS_KEY);
    /* The depth was checked when the session began. */
    (void)!pqi_chain_send_start(&t->v->send, t->keys.ck_own);
    r->epoch++;
    r->flags |= PQI_R_FIN | PQI_R_STORE; /* the secret of the epoch before leaves the medium */
}

static void enter_next(trial *t)
{
    pqi_ratchet *r = t->v->r;
    const pqi_chain_recv *to = &t->v->recv;
    const size_t nodes = PQI_CHAIN_NODES((size_t)to->profile->depth, to->profile->cap);
    if (r->state == PQI_ROUND_Q_ANSWER) {
        flip(t);
    } else {
        r->flags &= (uint8_t)~PQI_R_FIN; /* P: the peer has opened one */
    }
    memcpy(to->head, t->begun.head, sizeof *to->head);
    memcpy(to->node, t->begun.node, nodes * sizeof *to->node);
    pqi_wipe(r->next, PQI_HS_KEY);
    pqi_wipe(r->seed, PQI_HS_KEY);
    t->healed = r->kind == PQI_CHUNK_H;
    r->late_level = (uint8_t)pqi_ratchet_level(t->env->limits, r, t->now_s);
    r->grace_s = t->now_s + t->env->limits->grace_s;
    pqi_round_settled(t->env, r);
    pqi_round_to(r, PQI_ROUND_IDLE);
}

/* Section 5: when the peer waits for a message of this side. */
static void note_asked(trial *t)
{
    pqi_ratchet *r = t->v->r;
    const bool fin = (t->f.has & PQI_HAS(PQI_FRAME_FIN)) != 0 && t->at != LATE;
    switch (r->state) {
    case PQI_ROUND_P_HAVE:
    case PQI_ROUND_P_STORE:
    case PQI_ROUND_P_READY:
    case PQI_ROUND_P_UNHEARD:
    case PQI_ROUND_Q_HAVE:
    case PQI_ROUND_Q_STORE:
        r->flags |= PQI_R_ASKED;
        break;
    case PQI_ROUND_P_ASK:
    case PQI_ROUND_Q_ANSWER:
        pqi_round_heard(t->env, r, t->suite);
        break;
    default:
        if (fin && (r->flags & PQI_R_FIN) != 0) {
            r->flags |= PQI_R_ASKED;
        }
        break;
    }
}

static void settle(trial *t)
{
    pqi_ratchet *r = t->v->r;
    r->msgs++;
    if (t->at == NEXT) {
        enter_next(t);
    } else if (t->at == CURRENT && r->state != PQI_ROUND_P_UNHEARD &&
               (t->f.has & PQI_HAS(PQI_FRAME_FIN)) == 0) {
        r->flags &= (uint8_t)~PQI_R_FIN; /* Q: the peer has heard this side */
    }
    if ((t->f.has & PQI_HAS(PQI_FRAME_CHUNK)) != 0) {
        pqi_round_apply(t->env, r, t->suite, &t->f.chunk, t->now_s, &t->plan);
    }
    note_asked(t);
    if (t->v->late.node[0].id != 0 && pqi_ratchet_late_over(r, t->now_s)) {
        pqi_wipe(t->v->late.node, t->v->late.cap * sizeof *t->v->late.node);
    }
}

/* ---- opening ------------------------------------------------------------------------------------- */

static void report(const trial *t, const pqi_hs_data *d, pqi_ratchet_opened *o)
{
    o->epoch = t->epoch;
    o->n = d->n;
    o->late = t->at == LATE;
    o->level = (uint8_t)pqi_ratchet_level(t->env->limits, t->v->r, t->now_s);
    if (o->late && t->v->r->late_level > o->level) {
        o->level = t->v->r->late_level; /* a round since then healed what came after it */
    }
    o->healed = t->healed;
    o->frames = t->f;
    o->frames.has &= ~(PQI_HAS(PQI_FRAME_FIN) | PQI_HAS(PQI_FRAME_CHUNK));
    o->frames.fin = 0;
    o->frames.chunk = (pqi_chunk){0};
}

static pqi_status open_trial(trial *t, const pqi_hs_data *d, const pqi_ratchet_ctx *ctx,
    pqi_span plain, pqi_ratchet_opened *o)
{
    if (t->v->r->msgs >= t->env->limits->session_msgs) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = find_epoch(d, t);
    if (st == PQI_OK) {
        st = peek(t, d->n);
    }
    if (st == PQI_OK) {
        st = open_plain(t, d, ctx, plain);
    }
    if (st == PQI_OK) {
        const pqi_frames_form form = {d->frames, d->padded, t->v->r->chunk};
        st = pqi_frames_read((pqi_cspan){plain.ptr, plain.len}, &form, &t->f, &o->app, &o->payload);
    }
    if (st == PQI_OK) {
        st = check_fin(t);
    }
    if (st == PQI_OK) {
        st = check_chunk(t);
    }
    if (st == PQI_OK) {
        st = take(t);
    }
    if (st == PQI_OK) {
        settle(t);
        report(t, d, o);
    }
    return st;
}

static pqi_status args(const pqi_ratchet_env *env, const pqi_ratchet_view *v, const pqi_hs_data *d,
    const pqi_ratchet_ctx *ctx, pqi_span plain)
{
    if (d == NULL || ctx == NULL || !pqi_ratchet_ctx_ok(ctx) || plain.ptr == NULL ||
        d->ct.ptr == NULL || d->ct.len < PQI_AEAD_TAG || d->hdr.ptr == NULL || d->hdr.len == 0 ||
        d->hdr.len > PQI_HS_DATA_HDR_MAX) {
        return PQI_ERR_ARG;
    }
    if (!pqi_ratchet_is_live(env, v)) {
        return PQI_ERR_STATE;
    }
    if (d->rsid != v->r->rsid_own) {
        return PQI_ERR_ARG;
    }
    if (plain.len < d->ct.len - PQI_AEAD_TAG) {
        return PQI_ERR_SPACE;
    }
    return pqi_args_tmp(
        env->tmp, pqi_ratchet_tmp_len(v->recv.profile, pqi_algs_suite(env->algs, v->r->suite)));
}

pqi_status pqi_ratchet_open(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s,
    const pqi_hs_data *d, const pqi_ratchet_ctx *ctx, pqi_span plain, pqi_ratchet_opened *o)
{
    if (o == NULL) {
        return PQI_ERR_ARG;
    }
    *o = (pqi_ratchet_opened){0};
    pqi_status st = args(env, v, d, ctx, plain);
    if (st != PQI_OK) {
        pqi_args_clear(plain);
        return st;
    }
    trial t = {.env = env, .v = v, .c = env->algs->classic, .now_s = now_s};
    t.suite = pqi_algs_suite(env->algs, v->r->suite);
    lay_out(&t);
    const pqi_span text = {plain.ptr, d->ct.len - PQI_AEAD_TAG};
    st = open_trial(&t, d, ctx, text, o);
    pqi_chain_discard(t.t);
    if (t.at == NEXT) {
        const pqi_chain_profile *p = v->recv.profile;
        pqi_wipe(t.begun.head, sizeof *t.begun.head);
        pqi_wipe(t.begun.node, PQI_CHAIN_NODES((size_t)p->depth, p->cap) * sizeof *t.begun.node);
        pqi_wipe(&t.keys, sizeof t.keys);
    }
    if (st != PQI_OK) {
        pqi_wipe(text.ptr, text.len);
        *o = (pqi_ratchet_opened){0};
    }
    if (env->counts != NULL) {
        uint32_t *count = st == PQI_OK ? &env->counts->opened : &env->counts->refused;
        ++*count;
    }
    return st;
}
