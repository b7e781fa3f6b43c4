/* SPDX-License-Identifier: Apache-2.0
 * INIT, RESP and CONF taken: docs/spec/session.md sections 3 to 5. Each function is the order of
 * work: bytes, topic, gate, state, budgets, then public keys; nothing is changed before all of them
 * have passed. */
#include "session/pair_int.h"

#include "ct/ct.h"
#include "session/budget.h"

/* A failure that the packet causes; any other one is ours. */
static pqi_drop blame(pqi_status st)
{
    if (st == PQI_OK) {
        return PQI_DROP_NONE;
    }
    if (st == PQI_ERR_DECODE) {
        return PQI_DROP_DECODE;
    }
    return st == PQI_ERR_AUTH ? PQI_DROP_SEALED : PQI_DROP_STATE;
}

/* ---- INIT ---------------------------------------------------------------------------------------- */

/* The INIT that the stored RESP answers. */
static bool is_answered(const pqi_pair_in *in, const pqi_hs_init *init)
{
    const struct pqi_pair_core *k = &in->p->core;
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    return k->role == PQI_PAIR_R && m != NULL && !k->resumed && init->seq == k->cand_seq &&
           init->rsid_i == m->rsid_i && pqi_ct_eq(init->rand_i.ptr, m->rand_i, PQI_HS_RAND);
}

/* The budget of replies; and where it is empty, once in a while for each of 32 classes of INITs by their
 * random bytes. Replays of INITs have the classes that they had: a new INIT of the peer soon has one that no
 * replay takes, and gets the nonce through any flood of them. In the long run one a second, as the budget. */
static bool may_challenge(const pqi_pair_in *in, const uint8_t *rand_i)
{
    pqi_pair *p = in->p;
    const uint32_t window = (uint32_t)(in->at->now_ms >> 15);
    const uint32_t bit = (uint32_t)1 << (rand_i[0] & 31u);
    if (pqi_pair_repeat(in)) {
        return true;
    }
    if (p->chal_window != window) {
        p->chal_window = window;
        p->chal_classes = 0;
    }
    if ((p->chal_classes & bit) != 0 || !pqi_bucket_take(&in->env->shared->reply_all,
                                            &in->env->limits->reply_all, in->at->now_ms)) {
        return false;
    }
    p->chal_classes |= bit;
    return true;
}

/* CHAL: the nonce stays until the INIT that carries it is accepted (m2, ROTATE). */
static pqi_drop challenge(pqi_pair_in *in, const pqi_hs_init *init, pqi_drop why)
{
    pqi_pair *p = in->p;
    if (!may_challenge(in, init->rand_i.ptr) ||
        !pqi_pair_reply_due(in, PQI_HS_T_CHAL, 0, init->rsid_i, NULL)) {
        return why;
    }
    if (!p->nonce_live) {
        uint8_t drawn[PQI_HS_NONCE];
        if (pqi_provider_random(in->env->ratchet->provider, (pqi_span){drawn, sizeof drawn}) !=
            PQI_OK) {
            p->reply.type = 0;
            return PQI_DROP_STATE;
        }
        memcpy(p->nonce, drawn, sizeof drawn);
        p->nonce_live = 1;
    }
    in->env->shared->challenged++;
    return why;
}

static pqi_drop reject(const pqi_pair_in *in, const pqi_hs_init *init, pqi_hs_reason reason)
{
    if (pqi_pair_reply_due(in, PQI_HS_T_REJ, (uint8_t)reason, init->rsid_i, init->rand_i.ptr)) {
        in->env->shared->rejected++;
    }
    return reason == PQI_HS_REJ_SUITE ? PQI_DROP_SUITE : PQI_DROP_POLICY;
}

/* Suite and mode are computed, never offered: what differs is told, and nothing weaker follows. */
static pqi_drop agreed(const pqi_pair_in *in, const pqi_hs_init *init)
{
    const pqi_hs_choice *c = &in->at->choice;
    if (c->suite == NULL) {
        return PQI_DROP_POLICY;
    }
    if (init->mode != c->mode || (c->mode == PQI_HS_MODE_M && c->begins)) {
        return reject(in, init, PQI_HS_REJ_MODE);
    }
    if (init->suite->id != c->suite->id) {
        return reject(in, init, PQI_HS_REJ_SUITE);
    }
    if (init->psk != (in->at->psk.len != 0) || init->min_level > c->suite->level ||
        in->at->min_level > c->suite->level) {
        return reject(in, init, PQI_HS_REJ_POLICY);
    }
    return PQI_DROP_NONE;
}

/* The rules of m2 and m3, in their order. *fresh: it carries the live nonce. */
static pqi_drop admitted(pqi_pair_in *in, const pqi_hs_init *init, bool *fresh)
{
    pqi_pair *p = in->p;
    const struct pqi_pair_core *k = &p->core;
    *fresh = p->nonce_live && init->nonce.len == PQI_HS_NONCE &&
             pqi_ct_eq(init->nonce.ptr, p->nonce, PQI_HS_NONCE);
    bool held = k->role == PQI_PAIR_R3 || k->role == PQI_PAIR_I; /* only a fresh INIT ends these */
    if (!*fresh && (init->seq <= k->last || p->nonce_live || held)) {
        return challenge(in, init, PQI_DROP_REPLAY);
    }
    if (k->role == PQI_PAIR_PEND && pqi_pair_is_lower(in->env, in->at)) {
        return PQI_DROP_ORDER; /* INITs cross: that of the lower id stays */
    }
    if (k->role == PQI_PAIR_R3 && k->hold) {
        return PQI_DROP_ORDER; /* it would become stable, and be sent on, before it is on the medium */
    }
    return agreed(in, init);
}

/* Which common bucket pays: a flood under cold keys takes nothing from peers that have hot ones. */
static uint8_t common(const pqi_pair_in *in)
{
    return in->cold ? PQI_PAIR_C_COLD : PQI_PAIR_C_ALL;
}

/* A nonce was drawn for this peer, and no replay has it: it has a bucket of its own, or replays could
 * empty that of the honest INITs. */
static pqi_drop charge(pqi_pair_in *in, const pqi_hs_init *init, bool fresh, uint8_t *charged)
{
    *charged = fresh ? PQI_PAIR_C_PROOF : PQI_PAIR_C_WORK;
    if (!pqi_pair_charge(in->env, in->at, *charged)) {
        return challenge(in, init, PQI_DROP_BUDGET);
    }
    if (!pqi_pair_charge(in->env, in->at, common(in))) {
        pqi_pair_refund(in->env, in->at, *charged);
        return PQI_DROP_BUDGET;
    }
    *charged = (uint8_t)(*charged | common(in));
    return PQI_DROP_NONE;
}

/* Memory for the answer. With a pool that is used up the handshake that is replaced gives its own. */
pqi_drop pqi_pair_make_room(pqi_pair_in *in, uint32_t *hs, pqi_table_ref *ref)
{
    struct pqi_pair_core *k = &in->p->core;
    *hs = pqi_pair_hs_take(in->env, in->at);
    if (*hs == 0 && k->hs != 0) {
        pqi_pair_drop_cand(in->env, in->p);
        *hs = pqi_pair_hs_take(in->env, in->at);
    }
    if (*hs == 0) {
        return PQI_DROP_TABLE;
    }
    pqi_status st = pqi_pair_place(in->env, in->at, ref);
    if (st == PQI_ERR_LIMIT && (k->role == PQI_PAIR_R || k->role == PQI_PAIR_PEND)) {
        pqi_pair_drop_cand(in->env, in->p);
        st = pqi_pair_place(in->env, in->at, ref);
    }
    if (st != PQI_OK) {
        pqi_pair_hs_free(in->env, hs);
        return st == PQI_ERR_LIMIT ? PQI_DROP_TABLE : PQI_DROP_STATE;
    }
    return PQI_DROP_NONE;
}

/* The RESP, in the handshake memory. */
static pqi_status answer(
    const pqi_pair_in *in, const pqi_hs_init *init, pqi_pair_hs *m, pqi_table_ref ref)
{
    const pqi_pair_at *at = in->at;
    uint8_t topic_i[PQI_TOPIC_MAX], topic_r[PQI_TOPIC_MAX];
    const pqi_cspan self = in->env->self->id, peer = at->peer->id;
    pqi_hs_say say = {
        .suite = at->choice.suite,
        .mode = at->choice.mode,
        .psk = at->psk,
        .min_level = at->min_level,
        .counter = in->p->core.ctr,
        .rsid = pqi_table_rsid(in->env->table, ref),
        .head_epoch = at->head_epoch,
        .topic_i = {topic_i, pqi_pair_topic_write(PQI_PAIR_TOPIC_INIT, self, peer, topic_i)},
        .topic_r = {topic_r, pqi_pair_topic_write(PQI_PAIR_TOPIC_REPLY, peer, self, topic_r)},
    };
    memcpy(say.head_hash, at->head_hash, sizeof say.head_hash);
    const pqi_hs_op op = pqi_pair_op(in->env, at);
    return pqi_hs_answer(&op, &say, init, &m->u.await, m->buf, &m->len);
}

pqi_drop pqi_pair_on_init(pqi_pair_in *in)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_hs_init init;
    pqi_status st = pqi_hs_init_read(in->env->ratchet->algs, in->packet, &init);
    if (st != PQI_OK) {
        return st == PQI_ERR_UNSUPPORTED ? PQI_DROP_SUITE : PQI_DROP_DECODE;
    }
    if (!pqi_ct_eq(init.kid_r.ptr, in->env->self->kid, PQI_KID_LEN)) {
        return PQI_DROP_NOT_FOR_US;
    }
    if (!pqi_ct_eq(init.kid_i.ptr, in->at->peer->kid, PQI_KID_LEN)) {
        return PQI_DROP_UNKNOWN;
    }
    if (!pqi_pair_topic_is(in, PQI_PAIR_TOPIC_INIT)) {
        return PQI_DROP_TOPIC;
    }
    pqi_drop d = pqi_pair_gate(in);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (is_answered(in, &init)) {
        if (!pqi_pair_repeat(in)) {
            return PQI_DROP_BUDGET;
        }
        p->cold = in->cold;
        p->due |= PQI_PAIR_D_RESP;
        return PQI_DROP_NONE;
    }
    bool fresh = false;
    d = admitted(in, &init, &fresh);
    uint8_t charged = 0;
    if (d == PQI_DROP_NONE) {
        d = charge(in, &init, fresh, &charged);
    }
    if (d != PQI_DROP_NONE) {
        return d;
    }
    uint32_t hs = 0;
    pqi_table_ref ref = 0;
    d = pqi_pair_make_room(in, &hs, &ref);
    if (d != PQI_DROP_NONE) {
        pqi_pair_refund(in->env, in->at, charged); /* nothing was done for it */
        return d;
    }
    pqi_pair_hs *m = pqi_pair_hs_at(in->env, hs);
    d = blame(answer(in, &init, m, ref));
    if (d != PQI_DROP_NONE) {
        pqi_table_drop(in->env->table, &ref);
        pqi_pair_hs_free(in->env, &hs);
        return d;
    }
    /* What was there gives way: an own INIT, an older one of the peer, a confirmed candidate. */
    if (k->role == PQI_PAIR_R3) {
        pqi_pair_promote(in->env, in->at);
    } else {
        pqi_pair_drop_cand(in->env, p);
    }
    memcpy(m->rand_i, init.rand_i.ptr, sizeof m->rand_i);
    m->rsid_i = init.rsid_i;
    k->cand = ref;
    k->hs = hs;
    k->role = PQI_PAIR_R;
    k->cand_seq = init.seq;
    k->last = init.seq > k->last ? init.seq : k->last;
    if (fresh) {
        p->nonce_live = 0; /* it admits one INIT (m2, KEEP) */
        pqi_wipe(p->nonce, sizeof p->nonce);
    }
    p->cold = in->cold;
    p->charged = charged;
    p->due |= PQI_PAIR_D_RESP;
    in->env->shared->answered++;
    return PQI_DROP_NONE;
}

/* ---- RESP ---------------------------------------------------------------------------------------- */

static void tell_head(pqi_pair_event *ev, uint32_t epoch, const uint8_t hash[PQI_HS_HEAD])
{
    ev->what |= PQI_PAIR_EV_HEAD;
    ev->head_epoch = epoch;
    memcpy(ev->head_hash, hash, PQI_HS_HEAD);
}

/* The session of the RESP and its keys are there: role I. */
static pqi_status became_i(
    pqi_pair_in *in, const pqi_hs_choice *choice, const pqi_hs_taken *t, size_t conf_len)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    const pqi_pair_new n = {PQI_HS_SIDE_I, &t->keys, t->resp.rsid_r, NULL};
    pqi_status st = pqi_pair_begin(in->env, in->at, k->cand, choice, &n);
    if (st == PQI_OK) {
        st = pqi_pair_record_cand(in->env, p, &t->keys);
    }
    if (st != PQI_OK) {
        return st;
    }
    memcpy(m->u.gk[0], t->keys.gk_r2i, PQI_GATE_KEY);
    memcpy(m->u.gk[1], t->keys.gk_i2r, PQI_GATE_KEY);
    m->len = conf_len;
    k->role = PQI_PAIR_I;
    k->last = t->resp.init_ctr_r > k->last ? t->resp.init_ctr_r : k->last;
    k->aborts = 0;
    /* The peer told its counter: an INIT that it made for our challenge is below it, and stays outside
     * from now on. One that it makes later passes by its counter. */
    p->nonce_live = 0;
    pqi_wipe(p->nonce, sizeof p->nonce);
    p->gave_up = 0;
    p->tries = 0;
    p->resend_ms = in->at->now_ms;
    p->due |= PQI_PAIR_D_CONF;
    tell_head(in->ev, t->resp.head_epoch, t->resp.head_hash.ptr);
    return PQI_OK;
}

pqi_drop pqi_pair_on_resp(pqi_pair_in *in)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    const pqi_hs_op op = pqi_pair_op(in->env, in->at);
    pqi_hs_form form;
    pqi_hs_resp resp;
    if (!pqi_pair_topic_is(in, PQI_PAIR_TOPIC_REPLY)) {
        return PQI_DROP_TOPIC;
    }
    if (k->role != PQI_PAIR_PEND || m == NULL || k->resumed) {
        return PQI_DROP_ORDER;
    }
    if (pqi_hs_pend_form(&op, &m->u.pend, &form) != PQI_OK) {
        return PQI_DROP_STATE;
    }
    if (pqi_hs_resp_read(&form, in->packet, &resp) != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    if (resp.rsid_i != pqi_table_rsid(in->env->table, k->cand)) {
        return PQI_DROP_ORDER;
    }
    pqi_drop d = pqi_pair_gate(in);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (resp.min_level > form.suite->level) {
        return PQI_DROP_POLICY; /* the peer contradicts itself */
    }
    uint8_t charged = (uint8_t)(PQI_PAIR_C_PROOF | common(in));
    if (!pqi_pair_charge(in->env, in->at, charged)) {
        return PQI_DROP_BUDGET;
    }
    pqi_hs_taken t;
    const pqi_hs_choice choice = {form.suite, form.mode, true};
    size_t len = 0;
    pqi_status st = pqi_hs_take_resp(&op, &m->u.pend, in->packet, &t, m->buf, &len);
    if (st == PQI_OK) {
        st = became_i(in, &choice, &t, len);
        if (st != PQI_OK) {
            pqi_pair_drop_cand(in->env, p); /* pend is used up */
        }
        pqi_pair_refund(in->env, in->at, charged);
    }
    pqi_wipe(&t, sizeof t);
    return blame(st);
}

/* ---- CONF ---------------------------------------------------------------------------------------- */

static pqi_status became_r3(pqi_pair_in *in, const pqi_hs_choice *choice, const pqi_hs_out *keys)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    const pqi_pair_new n = {PQI_HS_SIDE_R, keys, m->rsid_i, NULL};
    pqi_status st = pqi_pair_begin(in->env, in->at, k->cand, choice, &n);
    if (st == PQI_OK) {
        st = pqi_pair_record_cand(in->env, p, keys);
    }
    if (st != PQI_OK) {
        return st;
    }
    memcpy(k->gk_in, keys->gk_i2r, PQI_GATE_KEY);
    memcpy(k->gk_out, keys->gk_r2i, PQI_GATE_KEY);
    k->hot = 1;
    k->role = PQI_PAIR_R3;
    pqi_pair_hs_free(in->env, &k->hs);
    p->tries = 0;
    p->resend_ms = in->at->now_ms;
    p->due = (uint8_t)((p->due & ~PQI_PAIR_D_RESP) | PQI_PAIR_D_CAND);
    pqi_pair_confirmed(in->env, in->at);
    in->ev->what |= PQI_PAIR_EV_SESSION;
    return PQI_OK;
}

pqi_drop pqi_pair_on_conf(pqi_pair_in *in)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    if (in->packet.len < PQI_HS_CONF_HDR + PQI_AEAD_TAG) {
        return PQI_DROP_DECODE;
    }
    if (!pqi_pair_topic_is(in, PQI_PAIR_TOPIC_SESSION)) {
        return PQI_DROP_TOPIC;
    }
    uint32_t rsid = pqi_pair_read_u32(in->packet.ptr + 4);
    if (k->cand == 0 || rsid != pqi_table_rsid(in->env->table, k->cand)) {
        return PQI_DROP_ORDER;
    }
    if (k->role == PQI_PAIR_R3) { /* the initiator has not heard HELLO yet */
        p->due |= pqi_pair_repeat(in) ? PQI_PAIR_D_CAND : 0u;
        return PQI_DROP_REPLAY;
    }
    if (k->role != PQI_PAIR_R || m == NULL || k->resumed) {
        return PQI_DROP_ORDER;
    }
    const uint8_t charged = PQI_PAIR_C_PROOF | PQI_PAIR_C_ALL;
    if (!pqi_pair_charge(in->env, in->at, charged)) {
        return PQI_DROP_BUDGET;
    }
    /* The step's own count tells whether it came as far as a signature: what does not pass the AEAD
     * costs no token, or anybody could mute the initiator. */
    pqi_pk_counts counts = {0};
    pqi_hs_op op = pqi_pair_op(in->env, in->at);
    op.counts = &counts;
    const pqi_hs_choice choice = {m->u.await.sched.suite, m->u.await.sched.mode, false};
    pqi_hs_out keys;
    pqi_status st = pqi_hs_take_conf(&op, &m->u.await, in->packet, &keys);
    for (unsigned i = 0; i < PQI_PK_KINDS; i++) {
        pqi_pk_note(in->env->ratchet->pk, (pqi_pk_kind)i, (unsigned)counts.by[i]);
    }
    if (st == PQI_OK || counts.total == 0) {
        pqi_pair_refund(in->env, in->at, charged);
    }
    if (st == PQI_OK) {
        st = became_r3(in, &choice, &keys);
        if (st != PQI_OK) {
            pqi_pair_drop_cand(in->env, p); /* await is used up */
        }
    }
    pqi_wipe(&keys, sizeof keys);
    return blame(st);
}
