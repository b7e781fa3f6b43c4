/* SPDX-License-Identifier: Apache-2.0
 * The state machine of a peer: memory, topics, budgets, and what is asked of a pair from outside.
 * docs/spec/session.md. */
#include "session/pair_int.h"

#include "base/args.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "session/budget.h"

/* docs/spec/session.md section 4. */
const pqi_pair_limits pqi_pair_limits_gateway = {
    .work = {100, 3},
    .proof = {200, 4},
    .work_all = {200000, 400},
    .cold = {20000, 40},
    .reply = {1000, 3},
    .reply_all = {500000, 1000},
    .nosess = {100, 2},
    .resend_ms = 2000,
    .resend_max_ms = 60000,
    .giveup_ms = 30000,
    .pause_ms = 60000,
    .grace_ms = 60000,
    .hold_ms = 60000,
    .ctr_reserve = 16,
};
const pqi_pair_limits pqi_pair_limits_mcu = {
    .work = {100, 3},
    .proof = {200, 4},
    .work_all = {2000, 4},
    .cold = {500, 4},
    .reply = {1000, 3},
    .reply_all = {5000, 10},
    .nosess = {100, 2},
    .resend_ms = 2000,
    .resend_max_ms = 60000,
    .giveup_ms = 30000,
    .pause_ms = 60000,
    .grace_ms = 60000,
    .hold_ms = 60000,
    .ctr_reserve = 16,
};

pqi_pair *pqi_pair_of(const pqi_pair_env *env, const pqi_pair_at *at)
{
    return &env->pairs[at->index];
}

pqi_hs_op pqi_pair_op(const pqi_pair_env *env, const pqi_pair_at *at)
{
    return (pqi_hs_op){env->ratchet->algs, env->self, at->peer, env->ratchet->pk, env->tmp};
}

/* Seconds as the ratchet counts them; they wrap after 136 years of running. */
uint32_t pqi_pair_now_s(const pqi_pair_at *at)
{
    return (uint32_t)(at->now_ms / 1000u);
}

uint32_t pqi_pair_read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | (uint32_t)p[3];
}

/* Byte by byte, then by length. */
bool pqi_pair_is_lower(const pqi_pair_env *env, const pqi_pair_at *at)
{
    const pqi_cspan a = env->self->id, b = at->peer->id;
    for (size_t i = 0; i < a.len && i < b.len; i++) {
        if (a.ptr[i] != b.ptr[i]) {
            return a.ptr[i] < b.ptr[i];
        }
    }
    return a.len < b.len;
}

/* ---- topics -------------------------------------------------------------------------------------- */

size_t pqi_pair_topic_write(
    pqi_pair_topic kind, pqi_cspan to, pqi_cspan from, uint8_t out[PQI_TOPIC_MAX])
{
    static const pqi_cspan prefix[] = {
        {NULL, 0}, {PQI_LIT("pq/4/i/")}, {PQI_LIT("pq/4/r/")}, {PQI_LIT("pq/4/s/")}};
    static const pqi_cspan slash = {PQI_LIT("/")};
    if ((unsigned)kind - 1u >= 3u || to.len - 1u >= PQI_ID_MAX || from.len - 1u >= PQI_ID_MAX) {
        return 0;
    }
    size_t len = 0;
    wr w = wr_of((pqi_span){out, PQI_TOPIC_MAX});
    wr_bytes(&w, prefix[kind]);
    wr_bytes(&w, to);
    if (kind == PQI_PAIR_TOPIC_SESSION) {
        wr_bytes(&w, slash);
        wr_bytes(&w, from);
    }
    return wr_done(&w, &len) == PQI_OK ? len : 0;
}

bool pqi_pair_topic_is(const pqi_pair_in *in, pqi_pair_topic kind)
{
    uint8_t want[PQI_TOPIC_MAX];
    size_t len = pqi_pair_topic_write(kind, in->env->self->id, in->at->peer->id, want);
    return len != 0 && in->topic.len == len && pqi_ct_eq(want, in->topic.ptr, len);
}

pqi_status pqi_pair_find(const pqi_pair_env *env, pqi_cspan packet, pqi_pair_route *route)
{
    if (env == NULL || route == NULL || packet.ptr == NULL || packet.len == 0) {
        return PQI_ERR_DECODE;
    }
    *route = (pqi_pair_route){0};
    uint8_t type = packet.ptr[0];
    size_t rsid_at = 0;
    switch (type) {
    case PQI_HS_T_INIT_S:
    case PQI_HS_T_INIT_K:
        if (packet.len < PQI_HS_INIT_HDR ||
            !pqi_ct_eq(packet.ptr + 4, env->self->kid, PQI_KID_LEN)) {
            return PQI_ERR_DECODE;
        }
        route->by = PQI_PAIR_BY_KID;
        route->kid = packet.ptr + 12;
        return PQI_OK;
    case PQI_HS_T_NOSESS:
    case PQI_HS_T_RESUME1:
    case PQI_HS_T_RESUME2:
        route->by = PQI_PAIR_BY_TOPIC;
        return PQI_OK;
    case PQI_HS_T_CHAL:
    case PQI_HS_T_REJ:
        rsid_at = 2;
        break;
    case PQI_HS_T_RESP_S:
    case PQI_HS_T_RESP_K:
    case PQI_HS_T_CONF_S:
    case PQI_HS_T_CONF_K:
        rsid_at = 4;
        break;
    default:
        break;
    }
    if (rsid_at == 0) {
        pqi_hs_data d;
        if (pqi_hs_data_read(packet, &d) != PQI_OK) {
            return PQI_ERR_DECODE;
        }
        route->rsid = d.rsid;
    } else if (packet.len < rsid_at + 4u) {
        return PQI_ERR_DECODE;
    } else {
        route->rsid = pqi_pair_read_u32(packet.ptr + rsid_at);
    }
    pqi_table_ref ref = 0;
    if (!pqi_table_find(env->table, route->rsid, &ref, &route->index) ||
        route->index >= env->n_pairs) {
        return PQI_ERR_MISSING;
    }
    route->by = PQI_PAIR_BY_INDEX;
    return PQI_OK;
}

/* ---- gate ---------------------------------------------------------------------------------------- */

pqi_drop pqi_pair_gate(pqi_pair_in *in)
{
    const pqi_classic *c = in->env->ratchet->algs->classic;
    const struct pqi_pair_core *k = &in->p->core;
    pqi_hs_gate_in g = {k->gk_in, in->at->peer->id, in->env->self->id, in->topic};
    pqi_status st = k->hot ? pqi_hs_gate_check(c, &g, in->packet) : PQI_ERR_AUTH;
    in->cold = st == PQI_ERR_AUTH;
    if (in->cold) {
        g.gk = in->at->cold_in;
        st = pqi_hs_gate_check(c, &g, in->packet);
    }
    if (st == PQI_OK) {
        return PQI_DROP_NONE;
    }
    return st == PQI_ERR_AUTH ? PQI_DROP_GATE : PQI_DROP_STATE;
}

pqi_status pqi_pair_tag(
    const pqi_pair_env *env, const pqi_pair_at *at, pqi_pair_topic kind, bool cold, pqi_span packet)
{
    const struct pqi_pair_core *k = &pqi_pair_of(env, at)->core;
    uint8_t topic[PQI_TOPIC_MAX];
    size_t len = pqi_pair_topic_write(kind, at->peer->id, env->self->id, topic);
    const pqi_hs_gate_in g = {
        k->hot && !cold ? k->gk_out : at->cold_out, env->self->id, at->peer->id, {topic, len}};
    return pqi_hs_gate_tag(env->ratchet->algs->classic, &g, packet);
}

/* ---- budgets ------------------------------------------------------------------------------------- */

void pqi_pair_refund(const pqi_pair_env *env, const pqi_pair_at *at, uint8_t which)
{
    const pqi_pair_limits *l = env->limits;
    pqi_pair *p = pqi_pair_of(env, at);
    if (which & PQI_PAIR_C_WORK) {
        pqi_bucket_refund(&p->work, &l->work);
    }
    if (which & PQI_PAIR_C_PROOF) {
        pqi_bucket_refund(&p->proof, &l->proof);
    }
    if (which & PQI_PAIR_C_ALL) {
        pqi_bucket_refund(&env->shared->work_all, &l->work_all);
    }
    if (which & PQI_PAIR_C_COLD) {
        pqi_bucket_refund(&env->shared->cold, &l->cold);
    }
}

bool pqi_pair_charge(const pqi_pair_env *env, const pqi_pair_at *at, uint8_t which)
{
    const pqi_pair_limits *l = env->limits;
    pqi_pair *p = pqi_pair_of(env, at);
    const struct {
        uint8_t bit;
        pqi_bucket *bucket;
        const pqi_rate *rate;
    } each[] = {
        {PQI_PAIR_C_WORK, &p->work, &l->work},
        {PQI_PAIR_C_PROOF, &p->proof, &l->proof},
        {PQI_PAIR_C_ALL, &env->shared->work_all, &l->work_all},
        {PQI_PAIR_C_COLD, &env->shared->cold, &l->cold},
    };
    uint8_t taken = 0;
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        if ((which & each[i].bit) == 0) {
            continue;
        }
        if (!pqi_bucket_take(each[i].bucket, each[i].rate, at->now_ms)) {
            pqi_pair_refund(env, at, taken);
            return false;
        }
        taken |= each[i].bit;
    }
    return true;
}

/* A token of the peer, then one of all. */
static bool take_both(const pqi_pair_in *in, pqi_bucket *own, const pqi_rate *rate, pqi_bucket *all)
{
    if (!pqi_bucket_take(own, rate, in->at->now_ms)) {
        return false;
    }
    if (pqi_bucket_take(all, &in->env->limits->reply_all, in->at->now_ms)) {
        return true;
    }
    pqi_bucket_refund(own, rate);
    return false;
}

bool pqi_pair_repeat(const pqi_pair_in *in)
{
    return take_both(in, &in->p->replies, &in->env->limits->reply, &in->env->shared->reply_all);
}

bool pqi_pair_reply_due(
    const pqi_pair_in *in, uint8_t type, uint8_t code, uint32_t rsid, const uint8_t *nonce)
{
    pqi_pair *p = in->p;
    /* NOSESS, REJ of a RESUME1: to what anybody can write. They take nothing from what passed a gate. */
    if (type == PQI_HS_T_NOSESS || (type == PQI_HS_T_REJ && code == PQI_HS_REJ_ROLLBACK)) {
        if (p->reply.type != 0 ||
            !take_both(in, &p->nosess, &in->env->limits->nosess, &in->env->shared->nosess_all)) {
            return false;
        }
    } else if (type != PQI_HS_T_CHAL && !pqi_pair_repeat(in)) { /* a CHAL was let through before */
        return false;
    }
    p->reply = (pqi_pair_reply){.type = type, .code = code, .cold = in->cold, .rsid = rsid};
    if (nonce != NULL) {
        memcpy(p->reply.nonce, nonce, sizeof p->reply.nonce);
    }
    return true;
}

void pqi_pair_arm(const pqi_pair_env *env, const pqi_pair_at *at)
{
    const pqi_pair_limits *l = env->limits;
    pqi_pair *p = pqi_pair_of(env, at);
    uint64_t step = (uint64_t)l->resend_ms << (p->tries < 16u ? p->tries : 16u);
    p->resend_ms = at->now_ms + (step < l->resend_max_ms ? step : l->resend_max_ms);
    if (p->tries < UINT8_MAX) {
        p->tries++;
    }
}

/* ---- handshake memory ---------------------------------------------------------------------------- */

pqi_pair_hs *pqi_pair_hs_at(const pqi_pair_env *env, uint32_t hs)
{
    return hs - 1u < env->n_hs ? &env->hs[hs - 1u] : NULL;
}

void pqi_pair_hs_free(const pqi_pair_env *env, uint32_t *hs)
{
    pqi_pair_hs *m = pqi_pair_hs_at(env, *hs);
    if (m != NULL) {
        pqi_wipe(&m->u, sizeof m->u);
        pqi_wipe(m->buf.ptr, m->buf.len);
        const pqi_span buf = m->buf;
        *m = (pqi_pair_hs){.buf = buf, .next = env->shared->hs_first};
        env->shared->hs_first = *hs;
    }
    *hs = 0;
}

/* The handshake of another peer that has waited the longest, and for too long: one for a CONF, whose
 * initiator, if there still is one, gets NOSESS for it and begins again; else one of our own that had its
 * RESP and nothing since, whose responder gets NOSESS for what it sends in it. Both are as after a restart
 * of ours; without it peers that fall silent at that moment would have the whole pool for ever. */
static pqi_pair_hs *longest_held(const pqi_pair_env *env, const pqi_pair_at *at)
{
    static const pqi_pair_role roles[] = {PQI_PAIR_R, PQI_PAIR_I};
    pqi_pair_hs *found = NULL;
    for (size_t r = 0; r < sizeof roles / sizeof roles[0] && found == NULL; r++) {
        for (uint32_t i = 0; i < env->n_hs; i++) {
            pqi_pair_hs *m = &env->hs[i];
            if (m->owner - 1u < env->n_pairs && m->owner - 1u != at->index &&
                env->pairs[m->owner - 1u].core.role == roles[r] &&
                at->now_ms - m->since_ms >= env->limits->hold_ms &&
                (found == NULL || m->since_ms < found->since_ms)) {
                found = m;
            }
        }
    }
    return found;
}

uint32_t pqi_pair_hs_take(const pqi_pair_env *env, const pqi_pair_at *at)
{
    pqi_pair_shared *s = env->shared;
    if (s->hs_first == 0) {
        const pqi_pair_hs *m = longest_held(env, at);
        if (m == NULL) {
            return 0;
        }
        pqi_pair_drop_cand(env, &env->pairs[m->owner - 1u]);
        s->evicted++;
    }
    uint32_t hs = s->hs_first;
    pqi_pair_hs *m = pqi_pair_hs_at(env, hs);
    if (m == NULL) {
        return 0;
    }
    s->hs_first = m->next;
    m->next = 0;
    m->owner = at->index + 1u;
    m->since_ms = at->now_ms;
    return hs;
}

/* ---- sessions ------------------------------------------------------------------------------------ */

pqi_ratchet_view pqi_pair_session(const pqi_pair_env *env, pqi_table_ref ref)
{
    return pqi_session_view(env->profile, pqi_table_at(env->table, ref));
}

void pqi_pair_drop_session(const pqi_pair_env *env, pqi_table_ref *ref)
{
    if (pqi_table_at(env->table, *ref) != NULL) {
        const pqi_ratchet_view v = pqi_pair_session(env, *ref);
        pqi_ratchet_wipe(env->ratchet, &v);
    }
    pqi_table_drop(env->table, ref);
}

pqi_status pqi_pair_place(const pqi_pair_env *env, const pqi_pair_at *at, pqi_table_ref *ref)
{
    pqi_pair *p = pqi_pair_of(env, at);
    pqi_status st = pqi_table_take(env->table, env->ratchet->provider, at->index, ref);
    if (st == PQI_ERR_LIMIT && p->core.old != 0) {
        pqi_pair_drop_session(env, &p->core.old);
        st = pqi_table_take(env->table, env->ratchet->provider, at->index, ref);
    }
    return st;
}

pqi_status pqi_pair_begin(const pqi_pair_env *env, const pqi_pair_at *at, pqi_table_ref ref,
    const pqi_hs_choice *choice, const pqi_pair_new *n)
{
    const pqi_ratchet_view v = pqi_pair_session(env, ref);
    const pqi_ratchet_init init = {
        .suite = choice->suite,
        .mode = choice->mode,
        .side = n->side,
        .keys = n->keys,
        .rsid_own = pqi_table_rsid(env->table, ref),
        .rsid_peer = n->rsid_peer,
        .peer = at->index,
        .now_s = pqi_pair_now_s(at),
        .age_msgs = n->since != NULL ? n->since->messages : 0,
        .age_s = n->since != NULL ? n->since->seconds : 0,
        .heal = n->since != NULL,
        .compact = env->compact,
        .chunk = env->chunk,
    };
    return pqi_ratchet_start(env->ratchet, &v, &init);
}

void pqi_pair_promote(const pqi_pair_env *env, const pqi_pair_at *at)
{
    pqi_pair *p = pqi_pair_of(env, at);
    struct pqi_pair_core *k = &p->core;
    if (k->stable != 0) {
        pqi_pair_drop_session(env, &k->old);
        k->old = k->stable;
        k->old_until_ms = at->now_ms + env->limits->grace_ms;
    }
    k->stable = k->cand;
    k->cand = 0;
    k->role = PQI_PAIR_NONE;
    k->settle = 0;
    k->aborts = 0;
    k->resumed = 0;
    k->hold = 0;
    pqi_pair_hs_free(env, &k->hs);
    pqi_wipe(p->cand_tag, sizeof p->cand_tag);
    p->due &= (uint8_t) ~(PQI_PAIR_D_CAND | PQI_PAIR_D_CONF | PQI_PAIR_D_RESP);
}

void pqi_pair_drop_cand(const pqi_pair_env *env, pqi_pair *p)
{
    pqi_pair_forget_cand(env, p);
    pqi_pair_drop_session(env, &p->core.cand);
    pqi_pair_hs_free(env, &p->core.hs);
    p->core.role = PQI_PAIR_NONE;
    p->core.cand_seq = 0;
    p->core.resumed = 0;
    p->core.hold = 0;
    p->due &= (uint8_t) ~(PQI_PAIR_D_CAND | PQI_PAIR_D_CONF | PQI_PAIR_D_RESP);
    p->tries = 0;
    p->charged = 0;
    pqi_wipe(p->cand_tag, sizeof p->cand_tag);
}

/* Whoever has sessions confirmed one after the other pays for them: an insider's handshakes cost as
 * much as anybody's. */
void pqi_pair_confirmed(const pqi_pair_env *env, const pqi_pair_at *at)
{
    pqi_pair *p = pqi_pair_of(env, at);
    bool again = p->confirmed_ms != 0 && at->now_ms - p->confirmed_ms < env->limits->resend_max_ms;
    uint8_t own = PQI_PAIR_C_WORK | PQI_PAIR_C_PROOF;
    pqi_pair_refund(env, at, again ? p->charged & (uint8_t)~own : p->charged);
    p->charged = 0;
    p->confirmed_ms = at->now_ms == 0 ? 1 : at->now_ms;
    p->why = PQI_PAIR_WHY_NONE;
    p->gave_up = 0;
    p->resumes = 0;
    p->dirty = 1;
}

/* ---- what is asked of a pair ---------------------------------------------------------------------- */

void pqi_pair_env_init(const pqi_pair_env *env, uint64_t now_ms)
{
    pqi_pair_shared *s = env->shared;
    *s = (pqi_pair_shared){0};
    pqi_bucket_fill(&s->work_all, &env->limits->work_all, now_ms);
    pqi_bucket_fill(&s->cold, &env->limits->cold, now_ms);
    pqi_bucket_fill(&s->reply_all, &env->limits->reply_all, now_ms);
    pqi_bucket_fill(&s->nosess_all, &env->limits->reply_all, now_ms);
    for (uint32_t hs = env->n_hs; hs != 0; hs--) {
        uint32_t at = hs;
        pqi_pair_hs_free(env, &at);
    }
}

void pqi_pair_init(const pqi_pair_env *env, pqi_pair *p, uint64_t now_ms)
{
    *p = (pqi_pair){0};
    pqi_bucket_fill(&p->work, &env->limits->work, now_ms);
    pqi_bucket_fill(&p->proof, &env->limits->proof, now_ms);
    pqi_bucket_fill(&p->replies, &env->limits->reply, now_ms);
    pqi_bucket_fill(&p->nosess, &env->limits->nosess, now_ms);
}

void pqi_pair_want(pqi_pair *p, pqi_pair_why why)
{
    if (p->why == PQI_PAIR_WHY_NONE) {
        p->why = (uint8_t)why;
    }
}

void pqi_pair_end(const pqi_pair_env *env, uint32_t index)
{
    pqi_pair *p = &env->pairs[index];
    pqi_pair_drop_cand(env, p);
    pqi_pair_drop_session(env, &p->core.stable);
    pqi_pair_drop_session(env, &p->core.old);
    pqi_wipe(p->core.gk_in, sizeof p->core.gk_in);
    pqi_wipe(p->core.gk_out, sizeof p->core.gk_out);
    pqi_wipe(p->nonce, sizeof p->nonce);
    pqi_wipe(p->answer, sizeof p->answer);
    p->dirty |= p->core.rec.n != 0;
    pqi_wipe(p->core.rec.gen, sizeof p->core.rec.gen);
    p->core.rec.n = 0;
    p->core.hot = 0;
    p->core.settle = 0;
    p->core.aborts = 0;
    p->nonce_live = 0;
    p->answers = 0;
    p->why = PQI_PAIR_WHY_NONE;
    p->due = 0;
    p->charged = 0;
    p->reply = (pqi_pair_reply){0};
}

pqi_status pqi_pair_about(const pqi_pair_env *env, const pqi_pair_at *at, pqi_pair_info *out)
{
    if (env == NULL || at == NULL || out == NULL || at->index >= env->n_pairs) {
        return PQI_ERR_ARG;
    }
    const pqi_pair *p = pqi_pair_of(env, at);
    pqi_table_ref ref = pqi_pair_sends_on(p);
    *out = (pqi_pair_info){.role = (pqi_pair_role)p->core.role,
        .why = (pqi_pair_why)p->why,
        .stable = p->core.stable != 0,
        .sends = ref != 0,
        .rsid = pqi_table_rsid(env->table, ref)};
    if (ref == 0) {
        return PQI_OK;
    }
    const pqi_ratchet_view v = pqi_pair_session(env, ref);
    out->epoch = v.r->epoch;
    out->mode = (pqi_hs_mode)v.r->mode;
    out->suite = v.r->suite;
    return pqi_ratchet_healing(env->ratchet, &v, pqi_pair_now_s(at), &out->healing);
}

/* ---- dispatch ------------------------------------------------------------------------------------ */

static pqi_drop take(pqi_pair_in *in)
{
    switch (in->packet.ptr[0]) {
    case PQI_HS_T_INIT_S:
    case PQI_HS_T_INIT_K:
        return pqi_pair_on_init(in);
    case PQI_HS_T_RESP_S:
    case PQI_HS_T_RESP_K:
        return pqi_pair_on_resp(in);
    case PQI_HS_T_CONF_S:
    case PQI_HS_T_CONF_K:
        return pqi_pair_on_conf(in);
    case PQI_HS_T_CHAL:
    case PQI_HS_T_REJ:
    case PQI_HS_T_NOSESS:
        return pqi_pair_on_short(in);
    case PQI_HS_T_RESUME1:
    case PQI_HS_T_RESUME2:
        return pqi_pair_on_resume(in);
    default:
        return pqi_pair_on_data(in);
    }
}

pqi_status pqi_pair_receive(const pqi_pair_env *env, const pqi_pair_at *at, pqi_cspan topic,
    pqi_cspan packet, pqi_span plain, pqi_pair_event *ev)
{
    if (env == NULL || at == NULL || ev == NULL || at->index >= env->n_pairs || at->peer == NULL ||
        !pqi_args_span(topic) || !pqi_args_span(packet) || plain.ptr == NULL ||
        plain.len < packet.len) {
        return PQI_ERR_ARG;
    }
    *ev = (pqi_pair_event){0};
    pqi_pair_in in = {env, at, pqi_pair_of(env, at), topic, packet, plain, ev, false};
    pqi_drop d = PQI_DROP_TOPIC;
    if (packet.len == 0 || packet.len > PQI_V1_PACKET_MAX) {
        d = PQI_DROP_SIZE;
    } else if (topic.len - 1u < PQI_TOPIC_MAX) {
        d = take(&in);
    }
    if (d != PQI_DROP_NONE) {
        *ev = (pqi_pair_event){.what = PQI_PAIR_EV_DROP, .drop = d};
    }
    return PQI_OK;
}

/* RESP, CHAL and REJ answer an INIT: one that we do not know of is nobody's loss. */
static bool is_reply(uint8_t type)
{
    return type == PQI_HS_T_RESP_S || type == PQI_HS_T_RESP_K || type == PQI_HS_T_CHAL ||
           type == PQI_HS_T_REJ;
}

void pqi_pair_unknown(const pqi_pair_env *env, const pqi_pair_at *at, pqi_cspan packet)
{
    pqi_pair_route route;
    if (env == NULL || at == NULL || at->index >= env->n_pairs ||
        pqi_pair_find(env, packet, &route) != PQI_ERR_MISSING || packet.len < PQI_HS_NONCE ||
        route.rsid == 0 || is_reply(packet.ptr[0])) {
        return;
    }
    pqi_pair_in in = {.env = env, .at = at, .p = pqi_pair_of(env, at), .cold = true};
    (void)pqi_pair_reply_due(
        &in, PQI_HS_T_NOSESS, 0, route.rsid, packet.ptr + packet.len - PQI_HS_NONCE);
}
