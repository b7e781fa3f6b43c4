/* SPDX-License-Identifier: Apache-2.0
 * What is due, and the packets that are pulled: docs/spec/session.md sections 3 and 4. */
#include "session/pair_int.h"

/* ---- what is due --------------------------------------------------------------------------------- */

static bool timer_over(const pqi_pair_at *at, const pqi_pair *p)
{
    return at->now_ms >= p->resend_ms;
}

/* When a handshake of the peer has waited too long for its CONF. */
static uint64_t held_until(const pqi_pair_env *env, const pqi_pair *p)
{
    const pqi_pair_hs *h = pqi_pair_hs_at(env, p->core.hs);
    return h == NULL ? 0 : h->since_ms + env->limits->hold_ms;
}

static bool resume_open(const pqi_pair_at *at)
{
    return (at->closed & PQI_PAIR_NO_RESUME) == 0;
}

static bool handshake_open(const pqi_pair_at *at)
{
    return (at->closed & PQI_PAIR_NO_HANDSHAKE) == 0;
}

/* An own INIT is wanted and nothing but its counter may be in the way. The slot is free, or held by an
 * INIT of the peer that may be nobody's: two ends that each answered an INIT which the other has
 * forgotten would wait for ever. An initiator that is still there gets NOSESS for its CONF. */
static bool begins(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair *p)
{
    bool room = p->core.role == PQI_PAIR_NONE ||
                (p->core.role == PQI_PAIR_R && at->now_ms >= held_until(env, p));
    if (p->why == PQI_PAIR_WHY_NONE || !room || at->choice.suite == NULL) {
        return false;
    }
    return pqi_pair_may_resume(env, p)
               ? resume_open(at)
               : handshake_open(at) && at->choice.begins && p->core.ctr < UINT64_MAX;
}

/* The INIT that is out may go out again. */
static bool repeats(const pqi_pair_at *at, const pqi_pair *p)
{
    return p->core.resumed ? resume_open(at) : handshake_open(at);
}

/* What begins needs no counter, or its counter is on the medium. */
static bool ready(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair *p)
{
    return begins(env, at, p) && at->now_ms >= p->not_before_ms &&
           (pqi_pair_may_resume(env, p) || p->core.ctr < p->core.ceiling);
}

static bool given_up(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair *p)
{
    return p->core.role == PQI_PAIR_PEND && at->now_ms - p->since_ms >= env->limits->giveup_ms;
}

static unsigned ratchet_due(const pqi_pair_env *env, const pqi_pair_at *at, pqi_table_ref ref)
{
    if (ref == 0) {
        return 0;
    }
    const pqi_ratchet_view v = pqi_pair_session(env, ref);
    return pqi_ratchet_due(env->ratchet, &v, pqi_pair_now_s(at));
}

/* The candidate, once both ends are in it. */
static pqi_table_ref running(const pqi_pair *p)
{
    return p->core.role == PQI_PAIR_R3 ? p->core.cand : 0;
}

/* What time alone brings. */
static void pass_time(const pqi_pair_env *env, const pqi_pair_at *at, pqi_pair *p)
{
    if (p->core.old != 0 && at->now_ms >= p->core.old_until_ms) {
        pqi_pair_drop_session(env, &p->core.old);
    }
    /* The confirmed candidate takes its place anyway: what is wanted now would replace that one. */
    if (p->core.role != PQI_PAIR_R3 && (ratchet_due(env, at, p->core.stable) & PQI_DUE_REKEY)) {
        pqi_pair_want(p, PQI_PAIR_WHY_REKEY);
    }
}

/* The earlier one of two times, of those that are still to come. */
static void earlier(const pqi_pair_at *at, uint64_t *next, uint64_t t)
{
    if (t > at->now_ms && t < *next) {
        *next = t;
    }
}

static uint64_t next_time(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair *p)
{
    uint64_t next = UINT64_MAX;
    uint8_t role = p->core.role;
    if (role == PQI_PAIR_PEND || role == PQI_PAIR_I || role == PQI_PAIR_R3) {
        earlier(at, &next, p->resend_ms);
    }
    if (role == PQI_PAIR_PEND) {
        earlier(at, &next, p->since_ms + env->limits->giveup_ms);
    }
    if (p->why != PQI_PAIR_WHY_NONE) {
        earlier(at, &next, p->not_before_ms);
    }
    if (p->why != PQI_PAIR_WHY_NONE && role == PQI_PAIR_R) {
        earlier(at, &next, held_until(env, p));
    }
    if (p->core.old != 0) {
        earlier(at, &next, p->core.old_until_ms);
    }
    return next;
}

static bool has_packet(const pqi_pair_env *env, const pqi_pair_at *at, const pqi_pair *p)
{
    switch (p->core.role) {
    case PQI_PAIR_PEND:
        if (given_up(env, at, p) || (timer_over(at, p) && repeats(at, p))) {
            return true;
        }
        break;
    case PQI_PAIR_I:
    case PQI_PAIR_R3:
        if (timer_over(at, p) && !p->core.hold) {
            return true;
        }
        break;
    default:
        break;
    }
    uint8_t due = p->due;
    if (p->core.hold) {
        due &= PQI_PAIR_D_STABLE;
    }
    bool init = ready(env, at, p);
    pqi_table_ref cand = p->core.hold ? 0 : running(p);
    return p->reply.type != 0 || due != 0 || init ||
           ((ratchet_due(env, at, cand) | ratchet_due(env, at, p->core.stable)) & PQI_DUE_SEND);
}

unsigned pqi_pair_due(const pqi_pair_env *env, const pqi_pair_at *at, uint64_t *next_ms)
{
    if (env == NULL || at == NULL || next_ms == NULL || at->index >= env->n_pairs) {
        return 0;
    }
    pqi_pair *p = pqi_pair_of(env, at);
    pass_time(env, at, p);
    unsigned r = ratchet_due(env, at, p->core.stable) | ratchet_due(env, at, running(p));
    unsigned due = has_packet(env, at, p) ? PQI_PAIR_DUE_POLL : 0u;
    due |= (r & PQI_DUE_WORK) ? PQI_PAIR_DUE_WORK : 0u;
    if ((ratchet_due(env, at, pqi_pair_writer(env, p)) & PQI_DUE_STORE) || p->dirty ||
        (begins(env, at, p) && !pqi_pair_may_resume(env, p) && p->core.ctr >= p->core.ceiling)) {
        due |= PQI_PAIR_DUE_STORE;
    }
    *next_ms = next_time(env, at, p);
    return due;
}

pqi_status pqi_pair_work(const pqi_pair_env *env, const pqi_pair_at *at)
{
    if (env == NULL || at == NULL || at->index >= env->n_pairs) {
        return PQI_ERR_ARG;
    }
    const pqi_pair *p = pqi_pair_of(env, at);
    const pqi_table_ref each[] = {p->core.stable, running(p)};
    pqi_status st = PQI_OK;
    for (size_t i = 0; st == PQI_OK && i < sizeof each / sizeof each[0]; i++) {
        if (ratchet_due(env, at, each[i]) & PQI_DUE_WORK) {
            const pqi_ratchet_view v = pqi_pair_session(env, each[i]);
            st = pqi_ratchet_work(env->ratchet, &v, pqi_pair_now_s(at));
        }
    }
    return st;
}

/* ---- packets ------------------------------------------------------------------------------------- */

/* A packet that is made: into out, len bytes of it, to where. */
typedef struct made {
    const pqi_pair_env *env;
    const pqi_pair_at *at;
    pqi_pair *p;
    pqi_span out;
    size_t len;
    pqi_pair_topic where;
} made;

static pqi_status tag(made *m, bool cold)
{
    return pqi_pair_tag(m->env, m->at, m->where, cold, (pqi_span){m->out.ptr, m->len});
}

/* CHAL, REJ or NOSESS. */
static pqi_status make_reply(made *m)
{
    pqi_pair *p = m->p;
    const pqi_pair_reply *r = &p->reply;
    pqi_hs_short s = {
        .type = r->type, .code = r->code, .rsid = r->rsid, .nonce = {r->nonce, sizeof r->nonce}};
    m->where = PQI_PAIR_TOPIC_REPLY;
    if (r->type == PQI_HS_T_CHAL) {
        s.nonce.ptr = p->nonce;
        s.hint = p->core.last;
        if (!p->nonce_live) { /* an INIT came with it meanwhile */
            p->reply.type = 0;
            return PQI_OK;
        }
    } else if (r->type == PQI_HS_T_REJ) {
        s.epoch = m->at->head_epoch;
        s.head_hash = (pqi_cspan){m->at->head_hash, PQI_HS_HEAD};
    } else {
        m->where = PQI_PAIR_TOPIC_SESSION;
    }
    pqi_status st = pqi_hs_short_write(&s, m->out, &m->len);
    if (st == PQI_OK) {
        st = tag(m, r->cold);
    }
    if (st == PQI_OK) {
        p->reply = (pqi_pair_reply){0};
    }
    return st;
}

/* The stored RESP, CONF, RESUME1 or RESUME2. */
static pqi_status make_stored(made *m)
{
    pqi_pair *p = m->p;
    const pqi_pair_hs *h = pqi_pair_hs_at(m->env, p->core.hs);
    bool conf = p->core.role == PQI_PAIR_I, resumes = p->core.resumed != 0;
    m->len = h->len;
    if (m->out.len < m->len) {
        return PQI_ERR_SPACE;
    }
    memcpy(m->out.ptr, h->buf.ptr, h->len);
    m->where = conf || resumes ? PQI_PAIR_TOPIC_SESSION : PQI_PAIR_TOPIC_REPLY;
    pqi_status st = conf || resumes ? PQI_OK : tag(m, p->cold);
    if (st == PQI_OK) {
        p->due &= (uint8_t) ~(PQI_PAIR_D_CONF | PQI_PAIR_D_RESP);
    }
    if (st == PQI_OK && p->core.role != PQI_PAIR_R) {
        pqi_pair_arm(m->env, m->at);
    }
    return st;
}

/* The key of the gate tag of an own INIT: hot and cold in turn, over attempts too, as one side may have
 * lost the hot one. A peer that says it has no session has lost it for sure. */
static bool init_cold(const pqi_pair *p)
{
    return (((unsigned)p->tries + p->gave_up + (p->why == PQI_PAIR_WHY_NOSESS)) & 1u) != 0;
}

static pqi_status remake_init(made *m)
{
    const pqi_pair_hs *h = pqi_pair_hs_at(m->env, m->p->core.hs);
    if (m->p->core.resumed) {
        return make_stored(m);
    }
    const pqi_hs_op op = pqi_pair_op(m->env, m->at);
    pqi_status st = pqi_hs_remake_init(&op, &h->u.pend, m->out, &m->len);
    m->where = PQI_PAIR_TOPIC_INIT;
    if (st == PQI_OK) {
        st = tag(m, init_cold(m->p));
    }
    if (st == PQI_OK) {
        pqi_pair_arm(m->env, m->at);
    }
    return st;
}

static pqi_status new_init(made *m, pqi_pair_hs *h, pqi_table_ref ref)
{
    const pqi_pair_at *at = m->at;
    pqi_pair *p = m->p;
    uint8_t topic_i[PQI_TOPIC_MAX], topic_r[PQI_TOPIC_MAX];
    const pqi_cspan self = m->env->self->id, peer = at->peer->id;
    pqi_hs_say say = {
        .suite = at->choice.suite,
        .mode = at->choice.mode,
        .psk = at->psk,
        .min_level = at->min_level,
        .counter = p->core.ctr + 1u,
        .rsid = pqi_table_rsid(m->env->table, ref),
        .head_epoch = at->head_epoch,
        .nonce = {p->answer, p->answers ? sizeof p->answer : 0},
        .topic_i = {topic_i, pqi_pair_topic_write(PQI_PAIR_TOPIC_INIT, peer, self, topic_i)},
        .topic_r = {topic_r, pqi_pair_topic_write(PQI_PAIR_TOPIC_REPLY, self, peer, topic_r)},
    };
    memcpy(say.head_hash, at->head_hash, sizeof say.head_hash);
    const pqi_hs_op op = pqi_pair_op(m->env, at);
    pqi_status st = pqi_hs_make_init(&op, &say, &h->u.pend, m->out, &m->len);
    m->where = PQI_PAIR_TOPIC_INIT;
    p->tries = 0;
    return st == PQI_OK ? tag(m, init_cold(p)) : st;
}

static pqi_status first_of(made *m, uint32_t hs, pqi_table_ref ref)
{
    pqi_pair_hs *h = pqi_pair_hs_at(m->env, hs);
    if (!pqi_pair_may_resume(m->env, m->p)) {
        return new_init(m, h, ref);
    }
    m->where = PQI_PAIR_TOPIC_SESSION;
    m->p->tries = 0;
    pqi_status st = m->out.len < PQI_HS_RESUME1_LEN ? PQI_ERR_SPACE
                                                    : pqi_pair_ask_resume(m->env, m->at, hs, ref);
    m->len = PQI_HS_RESUME1_LEN;
    if (st == PQI_OK) {
        memcpy(m->out.ptr, h->buf.ptr, h->len);
    }
    return st;
}

/* An own INIT, whose counter is on the medium, or RESUME1. */
static pqi_status make_first(made *m)
{
    pqi_pair *p = m->p;
    struct pqi_pair_core *k = &p->core;
    pqi_table_ref ref = 0;
    if (k->role == PQI_PAIR_R) {
        pqi_pair_drop_cand(m->env, p);
    }
    uint32_t hs = pqi_pair_hs_take(m->env, m->at);
    pqi_status st = hs == 0 ? PQI_ERR_LIMIT : pqi_pair_place(m->env, m->at, &ref);
    if (st == PQI_OK) {
        st = first_of(m, hs, ref);
    }
    if (st != PQI_OK) {
        pqi_table_drop(m->env->table, &ref);
        pqi_pair_hs_free(m->env, &hs);
        if (st == PQI_ERR_LIMIT || st == PQI_ERR_AUTH) { /* no room; the peer's keys are no keys */
            p->not_before_ms = m->at->now_ms + (st == PQI_ERR_LIMIT ? m->env->limits->resend_ms
                                                                    : m->env->limits->pause_ms);
        }
        return st;
    }
    bool resumes = pqi_pair_may_resume(m->env, p);
    k->cand = ref;
    k->hs = hs;
    k->role = PQI_PAIR_PEND;
    k->resumed = resumes;
    if (!resumes) {
        k->cand_seq = ++k->ctr;
        p->answers = 0;
        pqi_wipe(p->answer, sizeof p->answer);
    }
    p->since_ms = m->at->now_ms;
    pqi_pair_arm(m->env, m->at);
    m->env->shared->started++;
    return PQI_OK;
}

/* No RESP came: the peer is told on the stable session, if there is one, and after a pause that grows
 * with each attempt another INIT goes out. */
static void give_up(const pqi_pair_env *env, const pqi_pair_at *at, pqi_pair *p)
{
    struct pqi_pair_core *k = &p->core;
    if (k->resumed) {
        pqi_pair_drop_cand(env, p);
        p->resumes++;
        return;
    }
    k->abort_seq = k->cand_seq;
    k->aborts = k->stable != 0 ? 3u : 0u;
    p->due |= k->stable != 0 ? PQI_PAIR_D_STABLE : 0u;
    pqi_pair_drop_cand(env, p);
    uint64_t pause = (uint64_t)env->limits->resend_ms << (p->gave_up < 16u ? p->gave_up : 16u);
    if (p->gave_up < UINT8_MAX) {
        p->gave_up++;
    }
    p->not_before_ms = at->now_ms + (pause < env->limits->pause_ms ? pause : env->limits->pause_ms);
}

static pqi_status make_control(made *m, pqi_table_ref ref)
{
    uint8_t topic[PQI_TOPIC_MAX];
    m->where = PQI_PAIR_TOPIC_SESSION;
    const pqi_pair_msg msg = {
        .topic = {topic, pqi_pair_topic_write(m->where, m->at->peer->id, m->env->self->id, topic)},
        .cls = PQI_CLASS_S,
    };
    pqi_status st = pqi_pair_seal(m->env, m->at, ref, &msg, false, m->out, &m->len);
    if (st == PQI_ERR_LIMIT || st == PQI_ERR_POLICY) {
        m->p->due &= (uint8_t) ~(PQI_PAIR_D_CAND | PQI_PAIR_D_STABLE);
        pqi_pair_want(m->p, PQI_PAIR_WHY_REKEY);
    }
    if (st == PQI_ERR_LIMIT && m->p->core.role == PQI_PAIR_R3 && ref == m->p->core.cand) {
        /* It cannot say HELLO any more, and its peer waits for one: an INIT ends that wait too. */
        pqi_pair_promote(m->env, m->at);
        m->len = 0;
        return PQI_OK;
    }
    return st;
}

/* One packet, the most urgent first: what ends a wait of the peer, then what begins one of ours, then
 * messages. */
static pqi_status make(made *m)
{
    pqi_pair *p = m->p;
    const struct pqi_pair_core *k = &p->core;
    if (p->reply.type != 0) {
        pqi_status st = make_reply(m);
        if (st != PQI_OK || m->len != 0) {
            return st;
        }
    }
    bool cand_due = (p->due & PQI_PAIR_D_CAND) || timer_over(m->at, p);
    if (k->role == PQI_PAIR_R && !k->hold && (p->due & PQI_PAIR_D_RESP)) {
        return make_stored(m);
    }
    if (k->role == PQI_PAIR_I && k->resumed && !k->hold && cand_due) {
        return make_control(m, k->cand);
    }
    if (k->role == PQI_PAIR_I && !k->resumed && !k->hold &&
        ((p->due & PQI_PAIR_D_CONF) || timer_over(m->at, p))) {
        return make_stored(m);
    }
    if (given_up(m->env, m->at, p)) {
        give_up(m->env, m->at, p);
    }
    if (k->role == PQI_PAIR_PEND && timer_over(m->at, p) && repeats(m->at, p)) {
        return remake_init(m);
    }
    if (ready(m->env, m->at, p)) {
        return make_first(m);
    }
    if (k->role == PQI_PAIR_R3 && !k->hold &&
        (cand_due || (ratchet_due(m->env, m->at, k->cand) & PQI_DUE_SEND))) {
        return make_control(m, k->cand);
    }
    if (k->stable != 0 &&
        ((p->due & PQI_PAIR_D_STABLE) || (ratchet_due(m->env, m->at, k->stable) & PQI_DUE_SEND))) {
        return make_control(m, k->stable);
    }
    if (!k->hold) {
        p->due = 0; /* nothing that it could be for */
    }
    return PQI_OK;
}

pqi_status pqi_pair_poll(const pqi_pair_env *env, const pqi_pair_at *at, pqi_span out, size_t *len,
    pqi_pair_topic *where)
{
    if (env == NULL || at == NULL || len == NULL || where == NULL || out.ptr == NULL ||
        at->index >= env->n_pairs) {
        return PQI_ERR_ARG;
    }
    made m = {env, at, pqi_pair_of(env, at), out, 0, PQI_PAIR_TOPIC_NONE};
    pass_time(env, at, m.p);
    pqi_status st = make(&m);
    *len = st == PQI_OK || st == PQI_ERR_SPACE ? m.len : 0;
    *where = st == PQI_OK && m.len != 0 ? m.where : PQI_PAIR_TOPIC_NONE;
    if (st != PQI_OK) {
        memset(out.ptr, 0, out.len);
    }
    return st;
}
