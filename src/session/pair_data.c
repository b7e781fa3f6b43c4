/* SPDX-License-Identifier: Apache-2.0
 * DATA taken and made: docs/spec/session.md sections 3 and 6. */
#include "session/pair_int.h"

pqi_table_ref pqi_pair_sends_on(const pqi_pair *p)
{
    const struct pqi_pair_core *k = &p->core;
    /* Held until the record is stored, nothing left on the candidate: the stable one still carries. */
    if (k->role == PQI_PAIR_R3 && !(k->hold && k->stable != 0)) {
        return k->cand;
    }
    if (k->stable == 0 && k->role == PQI_PAIR_I) {
        return k->cand; /* first contact */
    }
    return k->stable;
}

/* ---- taken --------------------------------------------------------------------------------------- */

static pqi_drop blame(pqi_status st)
{
    static const struct {
        pqi_status st;
        pqi_drop why;
    } of[] = {{PQI_OK, PQI_DROP_NONE}, {PQI_ERR_AUTH, PQI_DROP_SEALED},
        {PQI_ERR_REPLAY, PQI_DROP_REPLAY}, {PQI_ERR_DECODE, PQI_DROP_DECODE},
        {PQI_ERR_LIMIT, PQI_DROP_BUDGET}};
    for (size_t i = 0; i < sizeof of / sizeof of[0]; i++) {
        if (of[i].st == st) {
            return of[i].why;
        }
    }
    return PQI_DROP_STATE;
}

void pqi_pair_take_gate(pqi_pair_in *in)
{
    struct pqi_pair_core *k = &in->p->core;
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    if (m != NULL) {
        memcpy(k->gk_in, m->u.gk[0], PQI_GATE_KEY);
        memcpy(k->gk_out, m->u.gk[1], PQI_GATE_KEY);
        k->hot = 1;
    }
}

/* First message of the responder in the candidate: both ends have it, and both know. */
static void confirm_i(pqi_pair_in *in)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_take_gate(in);
    pqi_sess_record_heard(&k->rec);
    pqi_pair_promote(in->env, in->at);
    pqi_pair_confirmed(in->env, in->at);
    in->ev->what |= PQI_PAIR_EV_SESSION;
}

static void on_settled(pqi_pair_in *in, const pqi_frames *f, pqi_table_ref ref)
{
    struct pqi_pair_core *k = &in->p->core;
    if (k->role == PQI_PAIR_R3 && ref == k->cand) {
        pqi_pair_promote(in->env, in->at);
        in->p->dirty = 1;
    }
    k->last = f->settled_ctr > k->last ? f->settled_ctr : k->last;
    in->ev->what |= PQI_PAIR_EV_HEAD;
    in->ev->head_epoch = f->settled_head;
    memcpy(in->ev->head_hash, f->settled_hash, PQI_HS_HEAD);
}

/* Its INIT is nothing any more, wherever the network holds it. */
static void on_abort(pqi_pair_in *in, uint64_t seq)
{
    struct pqi_pair_core *k = &in->p->core;
    if (k->role == PQI_PAIR_R && seq == k->cand_seq) {
        pqi_pair_drop_cand(in->env, in->p);
    }
    k->last = seq > k->last ? seq : k->last;
}

/* What a message does beside its payload. The order is that of m3: the message, then its frames. */
static void effects(pqi_pair_in *in, pqi_table_ref ref, const pqi_ratchet_opened *o)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    const pqi_frames *f = &o->frames;
    bool hello = (f->has & PQI_HAS(PQI_FRAME_HELLO)) != 0;
    if (ref == k->cand && k->role == PQI_PAIR_I) {
        confirm_i(in);
        k->settle = 1;
    } else if (ref == k->cand && k->role == PQI_PAIR_R) {
        pqi_pair_resume_heard(in);
    }
    if (f->has & PQI_HAS(PQI_FRAME_SETTLED)) {
        on_settled(in, f, ref);
    }
    if (f->has & PQI_HAS(PQI_FRAME_ABORT)) {
        on_abort(in, f->abort_seq);
    }
    if (ref == k->stable && k->settle && !hello) {
        k->settle = 0; /* the peer has heard SETTLED */
        p->due &= (uint8_t)~PQI_PAIR_D_STABLE;
    }
    if (ref == k->stable && hello) {
        k->settle = 1;
        p->due |= PQI_PAIR_D_STABLE;
    }
    in->ev->healed = o->healed;
}

pqi_drop pqi_pair_on_data(pqi_pair_in *in)
{
    const struct pqi_pair_core *k = &in->p->core;
    pqi_hs_data d;
    if (pqi_hs_data_read(in->packet, &d) != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    pqi_table_ref ref = 0;
    uint32_t owner = 0;
    if (!pqi_table_find(in->env->table, d.rsid, &ref, &owner) || owner != in->at->index) {
        return PQI_DROP_UNKNOWN;
    }
    if (ref == k->cand && (k->role == PQI_PAIR_PEND || (k->role == PQI_PAIR_R && !k->resumed))) {
        return PQI_DROP_ORDER; /* before CONF, before RESP */
    }
    if (ref == k->old && in->at->now_ms >= k->old_until_ms) {
        return PQI_DROP_UNKNOWN; /* its grace is over */
    }
    const pqi_ratchet_view v = pqi_pair_session(in->env, ref);
    const pqi_ratchet_ctx ctx = {PQI_HS_CTX_TOPIC, in->topic};
    pqi_ratchet_opened o;
    pqi_drop why = blame(
        pqi_ratchet_open(in->env->ratchet, &v, pqi_pair_now_s(in->at), &d, &ctx, in->plain, &o));
    if (why != PQI_DROP_NONE) {
        return why;
    }
    if (o.app) {
        in->ev->what |= PQI_PAIR_EV_MESSAGE;
        in->ev->level = o.level;
        in->ev->payload = o.payload;
        in->ev->expires = (o.frames.has & PQI_HAS(PQI_FRAME_EXPIRY)) != 0;
        in->ev->expiry_kind = o.frames.expiry_kind;
        in->ev->expiry = o.frames.expiry_value;
    }
    effects(in, ref, &o);
    return PQI_DROP_NONE;
}

/* ---- made ---------------------------------------------------------------------------------------- */

/* The pair's own frames for a message on this session. */
static void frames_for(const pqi_pair_at *at, const pqi_pair *p, pqi_table_ref ref, pqi_frames *f)
{
    const struct pqi_pair_core *k = &p->core;
    if (ref == k->cand && k->role == PQI_PAIR_R3) {
        f->has |= PQI_HAS(PQI_FRAME_HELLO);
    }
    if (ref != k->stable) {
        return;
    }
    if (k->settle) {
        f->has |= PQI_HAS(PQI_FRAME_SETTLED);
        f->settled_ctr = k->ctr;
        f->settled_head = at->head_epoch;
        memcpy(f->settled_hash, at->head_hash, sizeof f->settled_hash);
    }
    if (k->aborts != 0) {
        f->has |= PQI_HAS(PQI_FRAME_ABORT);
        f->abort_seq = k->abort_seq;
    }
}

pqi_status pqi_pair_seal(const pqi_pair_env *env, const pqi_pair_at *at, pqi_table_ref ref,
    const pqi_pair_msg *m, bool app, pqi_span out, size_t *len)
{
    pqi_pair *p = pqi_pair_of(env, at);
    struct pqi_pair_core *k = &p->core;
    pqi_frames f = {0};
    frames_for(at, p, ref, &f);
    if (m->expires) {
        f.has |= PQI_HAS(PQI_FRAME_EXPIRY);
        f.expiry_kind = m->expiry_kind;
        f.expiry_value = m->expiry;
    }
    const pqi_ratchet_msg msg = {
        {PQI_HS_CTX_TOPIC, m->topic}, app, m->payload, m->cls, &f, m->pad_to_log2};
    const pqi_ratchet_view v = pqi_pair_session(env, ref);
    pqi_status st = pqi_ratchet_seal(env->ratchet, &v, pqi_pair_now_s(at), &msg, out, len);
    if (st != PQI_OK) {
        return st;
    }
    if (ref == k->cand) {
        p->due &= (uint8_t)~PQI_PAIR_D_CAND;
    }
    if (ref == k->cand) {
        memcpy(p->cand_tag, out.ptr + *len - sizeof p->cand_tag, sizeof p->cand_tag);
    }
    if (ref == k->cand && (k->role == PQI_PAIR_R3 || k->resumed)) {
        pqi_pair_arm(env, at);
    }
    if (ref == k->stable) {
        p->due &= (uint8_t)~PQI_PAIR_D_STABLE;
        if (k->aborts != 0) {
            k->aborts--;
        }
    }
    return PQI_OK;
}

pqi_status pqi_pair_send(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair_msg *m,
    pqi_span out, size_t *len)
{
    if (env == NULL || at == NULL || m == NULL || len == NULL || at->index >= env->n_pairs) {
        return PQI_ERR_ARG;
    }
    pqi_pair *p = pqi_pair_of(env, at);
    pqi_table_ref ref = pqi_pair_sends_on(p);
    if (ref == 0) {
        pqi_pair_want(p, PQI_PAIR_WHY_SEND);
        return PQI_ERR_MISSING;
    }
    if (p->core.hold && ref == p->core.cand) {
        return PQI_ERR_STATE;
    }
    return pqi_pair_seal(env, at, ref, m, true, out, len);
}
