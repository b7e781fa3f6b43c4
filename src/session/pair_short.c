/* SPDX-License-Identifier: Apache-2.0
 * CHAL, REJ and NOSESS taken: docs/spec/session.md sections 3 and 5. Each does less than a handshake
 * that somebody asked for: none ends a session that both ends have confirmed. And what a policy ends. */
#include "session/pair_int.h"

#include "ct/ct.h"

#define HINT_MAX (UINT64_MAX / 2u) /* no honest peer counts that far */

#define RESUME1_NONCE 14u /* where its nonce stands: v4-handshake.md section 2.4 */

/* The own INIT or RESUME1 that a CHAL or REJ answers, or NULL. */
static const pqi_pair_hs *pending(const pqi_pair_in *in, const pqi_hs_short *s)
{
    const struct pqi_pair_core *k = &in->p->core;
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    return k->role == PQI_PAIR_PEND && m != NULL &&
                   s->rsid == pqi_table_rsid(in->env->table, k->cand)
               ? m
               : NULL;
}

/* A new INIT, with the nonce and a counter above the peer's, takes the place of the one that is out. Whoever
 * has the gate keys can make the peer say any counter, and say any in its name: one from beyond the middle is
 * not followed, or the own counter would be used up. The nonce is enough. */
static pqi_drop on_chal(pqi_pair_in *in, const pqi_hs_short *s)
{
    pqi_pair *p = in->p;
    if (p->core.resumed) {
        return PQI_DROP_ORDER;
    }
    if (!pqi_pair_charge(in->env, in->at, PQI_PAIR_C_PROOF)) {
        return PQI_DROP_BUDGET;
    }
    uint8_t why = p->why;
    pqi_pair_drop_cand(in->env, p);
    pqi_pair_want(p, why != 0 ? (pqi_pair_why)why : PQI_PAIR_WHY_SEND);
    memcpy(p->answer, s->nonce.ptr, sizeof p->answer);
    p->answers = 1;
    p->core.ctr = s->hint > p->core.ctr && s->hint <= HINT_MAX ? s->hint : p->core.ctr;
    p->not_before_ms = 0;
    return PQI_DROP_NONE;
}

/* The peer computed another suite or mode, or its policy refuses ours. Nobody falls back: the same
 * INIT is tried again after the pause, in case certificates or policies have met by then. */
static pqi_drop on_rej(pqi_pair_in *in, const pqi_hs_short *s, const pqi_pair_hs *m)
{
    pqi_pair *p = in->p;
    bool resumes = p->core.resumed != 0;
    const uint8_t *own = resumes ? m->buf.ptr + RESUME1_NONCE : pqi_hs_pend_rand(&m->u.pend);
    if (!pqi_ct_eq(s->nonce.ptr, own, PQI_HS_RAND)) {
        return PQI_DROP_REPLAY;
    }
    pqi_pair_drop_cand(in->env, p);
    if (resumes) { /* the peer has gone on from what we hold, or holds less: a handshake follows */
        p->resumes++;
        if (p->resumes >=
            p->core.rec.n) { /* all that is held was tried, this one refused (m6, NOFALL) */
            p->resumes = PQI_PAIR_RESUMES;
        }
        in->ev->what |= s->code == PQI_HS_REJ_ROLLBACK ? PQI_PAIR_EV_ROLLBACK : 0u;
        return PQI_DROP_NONE;
    }
    p->not_before_ms = in->at->now_ms + in->env->limits->pause_ms;
    in->ev->what |= PQI_PAIR_EV_REJECTED | PQI_PAIR_EV_HEAD;
    in->ev->reason = (pqi_hs_reason)s->code;
    in->ev->head_epoch = s->epoch;
    memcpy(in->ev->head_hash, s->head_hash.ptr, PQI_HS_HEAD);
    return PQI_DROP_NONE;
}

/* It ends like the CONF, or like the last message, that we sent on the candidate. */
static bool of_ours(const pqi_pair_in *in, const uint8_t *tag)
{
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, in->p->core.hs);
    return pqi_ct_eq(tag, in->p->cand_tag, PQI_AEAD_TAG) ||
           (m != NULL && m->len >= PQI_AEAD_TAG &&
               pqi_ct_eq(tag, m->buf.ptr + m->len - PQI_AEAD_TAG, PQI_AEAD_TAG));
}

/* The peer has no session of this index. The stable one stays until another takes its place. A
 * candidate goes, if the peer speaks of the packet that we sent on it last: said of that packet it is
 * true for ever (m2, NONOSESS), while an older NOSESS could name the same index by chance. */
static pqi_drop on_nosess(pqi_pair_in *in, const pqi_hs_short *s)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    if ((k->role == PQI_PAIR_I || k->role == PQI_PAIR_R3) &&
        pqi_pair_session(in->env, k->cand).r->rsid_peer == s->rsid) {
        if (!of_ours(in, s->nonce.ptr)) {
            return PQI_DROP_REPLAY;
        }
        pqi_pair_drop_cand(in->env, p);
    } else if (k->role == PQI_PAIR_PEND && k->resumed && of_ours(in, s->nonce.ptr)) {
        pqi_pair_drop_cand(in->env, p); /* of RESUME1: the peer has no record of ours */
        p->resumes = PQI_PAIR_RESUMES;
    } else if (k->stable == 0 || pqi_pair_session(in->env, k->stable).r->rsid_peer != s->rsid) {
        return PQI_DROP_ORDER;
    }
    p->why = PQI_PAIR_WHY_NOSESS;
    return PQI_DROP_NONE;
}

pqi_drop pqi_pair_on_short(pqi_pair_in *in)
{
    pqi_hs_short s;
    if (pqi_hs_short_read(in->packet, &s) != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    bool nosess = s.type == PQI_HS_T_NOSESS;
    if (!pqi_pair_topic_is(in, nosess ? PQI_PAIR_TOPIC_SESSION : PQI_PAIR_TOPIC_REPLY)) {
        return PQI_DROP_TOPIC;
    }
    const pqi_pair_hs *m = nosess ? NULL : pending(in, &s);
    if (!nosess && m == NULL) {
        return PQI_DROP_ORDER;
    }
    pqi_drop d = pqi_pair_gate(in);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (nosess) {
        return on_nosess(in, &s);
    }
    return s.type == PQI_HS_T_CHAL ? on_chal(in, &s) : on_rej(in, &s, m);
}

bool pqi_pair_has_session(const pqi_pair_env *env, uint32_t index)
{
    return index < env->n_pairs && env->pairs[index].core.stable != 0;
}

bool pqi_pair_needs(const pqi_pair_env *env, uint32_t index)
{
    if (!pqi_pair_has_session(env, index) || env->pairs[index].why == PQI_PAIR_WHY_NOSESS) {
        return true;
    }
    const pqi_ratchet_limits *l = env->ratchet->limits;
    const pqi_ratchet_view v = pqi_pair_session(env, env->pairs[index].core.stable);
    return v.r->msgs >= l->session_msgs || v.send.head->next >= l->epoch_msgs;
}

/* ---- policy -------------------------------------------------------------------------------------- */

static bool allows(
    const pqi_pair_env *env, const pqi_hs_policy *policy, uint16_t suite, unsigned mode)
{
    const pqi_suite *s = pqi_algs_suite(env->ratchet->algs, suite);
    return s != NULL && pqi_policy_suite(&policy->algs, s) == PQI_OK &&
           (policy->modes & PQI_HS_MODE_BIT(mode)) != 0;
}

bool pqi_pair_passes(const pqi_pair_env *env, uint32_t index, const pqi_hs_policy *policy)
{
    pqi_pair *p = &env->pairs[index];
    const struct pqi_pair_core *k = &p->core;
    if (k->role != PQI_PAIR_NONE && k->role != PQI_PAIR_R3 &&
        (k->cand == 0 || pqi_pair_sends_on(p) != k->cand)) {
        pqi_pair_drop_cand(env, p);
    }
    const pqi_table_ref refs[] = {k->stable, k->cand, k->old};
    bool all = true;
    for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
        if (refs[i] != 0) {
            const pqi_ratchet *r = pqi_pair_session(env, refs[i]).r;
            all = all && allows(env, policy, r->suite, r->mode);
        }
    }
    for (unsigned i = 0; i < k->rec.n; i++) {
        all = all && allows(env, policy, k->rec.gen[i].suite, k->rec.gen[i].mode);
    }
    return all;
}
