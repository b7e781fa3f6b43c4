/* SPDX-License-Identifier: Apache-2.0
 * RESUME and the record of a peer: docs/spec/session.md section 7, docs/spec/resume.md sections 5 to
 * 7. A resumed session enters the candidate slot like one of a handshake; its first message takes the
 * place of a CONF. No public-key operation anywhere. */
#include "session/pair_int.h"

#include "ct/ct.h"

/* ---- the record ---------------------------------------------------------------------------------- */

/* The generations of a session in memory: two while a round waits for the medium. store: they go to
 * the medium; else a packet is looked at, and the session is as it was. */
static pqi_status gens_of(
    const pqi_pair_env *env, pqi_table_ref ref, bool store, pqi_sess_record *rec)
{
    const pqi_ratchet_view v = pqi_pair_session(env, ref);
    pqi_ratchet_rms rms;
    uint8_t flags = v.r->flags;
    pqi_status st = pqi_ratchet_secrets(env->ratchet, &v, &rms);
    v.r->flags = store ? v.r->flags : flags;
    if (st == PQI_OK) {
        pqi_sess_gen g = {.epoch = rms.epoch,
            .rsid_own = v.r->rsid_own,
            .rsid_peer = v.r->rsid_peer,
            .suite = v.r->suite,
            .mode = v.r->mode,
            .side = v.r->side,
            .heard = true};
        memcpy(g.sid, v.r->sid, sizeof g.sid);
        memcpy(g.rms, rms.rms, sizeof g.rms);
        pqi_sess_record_replaced(rec, &g);
        if (rms.both) {
            g.epoch++;
            g.heard = false;
            memcpy(g.rms, rms.next, sizeof g.rms);
            st = pqi_sess_record_answered(rec, 0, &g);
        }
        pqi_wipe(&g, sizeof g);
    }
    pqi_wipe(&rms, sizeof rms);
    return st;
}

pqi_table_ref pqi_pair_writer(const pqi_pair_env *env, const pqi_pair *p)
{
    const struct pqi_pair_core *k = &p->core;
    pqi_table_ref ref = k->role == PQI_PAIR_R3 ? k->cand : k->stable;
    bool own = ref != 0 && pqi_sess_record_is_of(&k->rec, pqi_pair_session(env, ref).r->sid);
    return own ? ref : 0;
}

/* What RESUME works from now. */
static pqi_status compose(
    const pqi_pair_env *env, const pqi_pair *p, bool store, pqi_sess_record *rec)
{
    pqi_table_ref ref = pqi_pair_writer(env, p);
    *rec = p->core.rec;
    return ref == 0 ? PQI_OK : gens_of(env, ref, store, rec);
}

/* The session of a handshake as a generation. */
static void gen_of(
    const pqi_pair_env *env, const pqi_pair *p, const pqi_hs_out *keys, pqi_sess_gen *g)
{
    const pqi_ratchet *r = pqi_pair_session(env, p->core.cand).r;
    *g = (pqi_sess_gen){.rsid_own = r->rsid_own,
        .rsid_peer = r->rsid_peer,
        .suite = r->suite,
        .mode = r->mode,
        .side = r->side};
    memcpy(g->sid, keys->sid, sizeof g->sid);
    memcpy(g->rms, keys->rms0, sizeof g->rms);
}

pqi_status pqi_pair_record_cand(const pqi_pair_env *env, pqi_pair *p, const pqi_hs_out *keys)
{
    struct pqi_pair_core *k = &p->core;
    pqi_sess_record rec;
    pqi_sess_gen g;
    pqi_status st = compose(env, p, false, &rec);
    gen_of(env, p, keys, &g);
    if (st == PQI_OK && k->role == PQI_PAIR_PEND) {
        st = pqi_sess_record_sent(&rec, &g);
    } else if (st == PQI_OK) {
        pqi_sess_record_replaced(&rec, &g);
    }
    if (st == PQI_OK) {
        k->rec = rec;
        k->hold = 1;
        p->dirty = 1;
    }
    pqi_wipe(&rec, sizeof rec);
    pqi_wipe(&g, sizeof g);
    return st;
}

void pqi_pair_forget_cand(const pqi_pair_env *env, pqi_pair *p)
{
    struct pqi_pair_core *k = &p->core;
    if (k->role != PQI_PAIR_I || k->resumed) {
        return;
    }
    const uint8_t *sid = pqi_pair_session(env, k->cand).r->sid;
    if (k->rec.n == 2 && k->rec.gen[1].sent) {
        pqi_sess_record_replaced(&k->rec, &k->rec.gen[0]);
    } else if (pqi_sess_record_is_of(&k->rec, sid)) {
        pqi_wipe(k->rec.gen, sizeof k->rec.gen);
        k->rec.n = 0;
    } else {
        return;
    }
    p->dirty = 1;
}

pqi_status pqi_pair_record(const pqi_pair_env *env, const pqi_pair_at *at, pqi_sess_record *out)
{
    if (env == NULL || at == NULL || out == NULL || at->index >= env->n_pairs ||
        at->key_id == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_pair *p = pqi_pair_of(env, at);
    pqi_status st = compose(env, p, true, out);
    if (st != PQI_OK) {
        pqi_wipe(out, sizeof *out);
        return st;
    }
    p->core.rec = *out;
    memcpy(out->peer_kid, at->key_id, sizeof out->peer_kid);
    out->peer_key_epoch = at->key_epoch;
    out->own_key_epoch = env->self->key_epoch;
    out->chunk = env->chunk;
    out->depth = env->profile->depth;
    uint64_t reserve = env->limits->ctr_reserve;
    p->said_ceiling = p->core.ctr < UINT64_MAX - reserve ? p->core.ctr + reserve : UINT64_MAX;
    out->init_ceiling = p->said_ceiling;
    out->last_init = p->core.last;
    return PQI_OK;
}

void pqi_pair_stored(const pqi_pair_env *env, const pqi_pair_at *at)
{
    if (env == NULL || at == NULL || at->index >= env->n_pairs) {
        return;
    }
    pqi_pair *p = pqi_pair_of(env, at);
    struct pqi_pair_core *k = &p->core;
    pqi_table_ref ref = pqi_pair_writer(env, p);
    if (ref != 0) {
        const pqi_ratchet_view v = pqi_pair_session(env, ref);
        pqi_ratchet_stored(&v);
    }
    k->ceiling = p->said_ceiling;
    k->hold = 0;
    p->dirty = 0;
}

pqi_status pqi_pair_restore(
    const pqi_pair_env *env, const pqi_pair_at *at, const pqi_sess_record *rec)
{
    if (env == NULL || at == NULL || rec == NULL || at->index >= env->n_pairs ||
        at->key_id == NULL || rec->n > PQI_SESS_GENS) {
        return PQI_ERR_ARG;
    }
    pqi_pair *p = pqi_pair_of(env, at);
    struct pqi_pair_core *k = &p->core;
    if (k->stable != 0 || k->role != PQI_PAIR_NONE) {
        return PQI_ERR_STATE;
    }
    k->rec = *rec;
    k->ctr = rec->init_ceiling;
    k->ceiling = rec->init_ceiling;
    k->last = rec->last_init;
    if (rec->peer_key_epoch != at->key_epoch || rec->own_key_epoch != env->self->key_epoch ||
        rec->chunk != env->chunk || rec->depth != env->profile->depth ||
        !pqi_ct_eq(rec->peer_kid, at->key_id, PQI_SESS_KID)) {
        p->dirty |= k->rec.n != 0; /* of a certificate that is no more: they leave the medium */
        pqi_wipe(k->rec.gen, sizeof k->rec.gen);
        k->rec.n = 0;
    }
    if (k->rec.n != 0) {
        pqi_pair_want(p, PQI_PAIR_WHY_REBOOT);
    }
    return PQI_OK;
}

/* ---- asking -------------------------------------------------------------------------------------- */

/* Both packets of a RESUME stand on the topics of sessions. */
typedef struct way {
    uint8_t own[PQI_TOPIC_MAX], peer[PQI_TOPIC_MAX]; /* to the peer, to us */
    pqi_resume_way w;
} way;

static void make_way(const pqi_pair_env *env, const pqi_pair_at *at, bool asks, way *y)
{
    const pqi_cspan self = env->self->id, peer = at->peer->id;
    const pqi_cspan out = {
        y->own, pqi_pair_topic_write(PQI_PAIR_TOPIC_SESSION, peer, self, y->own)};
    const pqi_cspan in = {
        y->peer, pqi_pair_topic_write(PQI_PAIR_TOPIC_SESSION, self, peer, y->peer)};
    y->w = asks ? (pqi_resume_way){self, peer, out, in} : (pqi_resume_way){peer, self, in, out};
}

bool pqi_pair_may_resume(const pqi_pair_env *env, const pqi_pair *p)
{
    return env->starts != NULL && p->core.stable == 0 && p->core.rec.n != 0 &&
           p->resumes < PQI_PAIR_RESUMES;
}

pqi_status pqi_pair_ask_resume(
    const pqi_pair_env *env, const pqi_pair_at *at, uint32_t hs, pqi_table_ref ref)
{
    pqi_pair *p = pqi_pair_of(env, at);
    pqi_pair_hs *m = pqi_pair_hs_at(env, hs);
    const pqi_sess_record *rec = &p->core.rec;
    if (m == NULL || m->buf.len < PQI_HS_RESUME1_LEN) {
        return PQI_ERR_SPACE;
    }
    m->u.gen = pqi_resume_offer(rec, p->resumes, false);
    uint8_t random[PQI_RESUME_RANDOM];
    pqi_resume_gen g;
    uint32_t start = 0;
    pqi_status st = pqi_sess_record_gen(env->ratchet->algs, rec, m->u.gen, true, &g);
    if (st == PQI_OK) {
        st = pqi_provider_random(env->ratchet->provider, (pqi_span){random, sizeof random});
    }
    if (st == PQI_OK) {
        st = pqi_starts_take(env->starts, &start);
    }
    if (st != PQI_OK) {
        return st;
    }
    way y;
    make_way(env, at, true, &y);
    const pqi_resume_say say = {random, pqi_table_rsid(env->table, ref), start, rec->n == 2};
    m->len = PQI_HS_RESUME1_LEN;
    return pqi_resume_ask(env->ratchet->algs->classic, &g, &y.w, &say, m->buf.ptr);
}

/* ---- taking -------------------------------------------------------------------------------------- */

static pqi_drop blame(pqi_status st)
{
    if (st == PQI_OK) {
        return PQI_DROP_NONE;
    }
    if (st == PQI_ERR_DECODE) {
        return PQI_DROP_DECODE;
    }
    return st == PQI_ERR_AUTH ? PQI_DROP_GATE : PQI_DROP_STATE;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* The age of healing that a session resumed under the generation of `sid` goes on with: that of the
 * session itself where it is in memory, and at least one at which messages make both kinds of round due.
 * No older: at once beyond the seconds of a level, a fast sender would be refused before its first round. */
static pqi_healing age_of(const pqi_pair_in *in, const uint8_t sid[PQI_HS_SID])
{
    const pqi_ratchet_limits *l = in->env->ratchet->limits;
    const pqi_table_ref held[] = {in->p->core.stable, in->p->core.cand};
    pqi_healing least = {
        .messages = max_u32(l->h_msgs, l->d_msgs), .seconds = max_u32(l->h_min_s, l->d_min_s)};
    for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
        if (held[i] == 0) {
            continue;
        }
        const pqi_ratchet_view v = pqi_pair_session(in->env, held[i]);
        pqi_healing h;
        if (pqi_ct_eq(v.r->sid, sid, PQI_HS_SID) &&
            pqi_ratchet_healing(in->env->ratchet, &v, pqi_pair_now_s(in->at), &h) == PQI_OK) {
            least.messages = max_u32(h.messages, least.messages);
            least.seconds = max_u32(h.seconds, least.seconds);
        }
    }
    return least;
}

/* The resumed session in its place, its gate keys for later, and what it is as a generation. sid: of the
 * session it comes from. */
static pqi_status begin(pqi_pair_in *in, const pqi_sess_new *n, const uint8_t sid[PQI_HS_SID],
    pqi_table_ref ref, pqi_pair_hs *m)
{
    const pqi_hs_choice choice = {n->suite, n->mode, false};
    const pqi_healing since = age_of(in, sid);
    const pqi_pair_new start = {n->side, n->keys, n->rsid_peer, &since};
    struct pqi_pair_core *k = &in->p->core;
    uint8_t was = k->resumed;
    k->resumed = 1; /* its first round is an H round */
    pqi_status st = pqi_pair_begin(in->env, in->at, ref, &choice, &start);
    if (st != PQI_OK) {
        k->resumed = was;
        return st;
    }
    bool i = n->side == PQI_HS_SIDE_I;
    memcpy(m->u.gk[0], i ? n->keys->gk_r2i : n->keys->gk_i2r, PQI_GATE_KEY);
    memcpy(m->u.gk[1], i ? n->keys->gk_i2r : n->keys->gk_r2i, PQI_GATE_KEY);
    return PQI_OK;
}

/* Nobody's generation: a peer that lost its record, or one that holds an old one. Not authentic, as
 * there is no key for it: a reply that only makes its receiver begin a handshake. */
static pqi_drop refuse(pqi_pair_in *in, const pqi_hs_short *s, const pqi_sess_record *rec)
{
    pqi_table_ref ref = 0;
    uint32_t owner = 0;
    in->cold = true;
    if (rec->n == 0) {
        /* NOSESS stays true for ever of what it names: never said of an index that is held. */
        if (!pqi_table_find(in->env->table, s->rsid, &ref, &owner)) {
            (void)pqi_pair_reply_due(in, PQI_HS_T_NOSESS, 0, s->rsid, s->tag.ptr);
        }
    } else {
        (void)pqi_pair_reply_due(
            in, PQI_HS_T_REJ, PQI_HS_REJ_ROLLBACK, pqi_resume_rsid(s->nonce), s->nonce.ptr);
    }
    return PQI_DROP_UNKNOWN;
}

/* Checks, then the answer into m. */
static pqi_drop answer(pqi_pair_in *in, const pqi_hs_short *s, pqi_sess_record *rec, unsigned at,
    pqi_pair_hs *m, pqi_table_ref ref)
{
    const pqi_classic *c = in->env->ratchet->algs->classic;
    struct pqi_pair_core *k = &in->p->core;
    uint8_t random[PQI_RESUME_RANDOM];
    pqi_resume_gen g;
    pqi_hs_out keys = {0};
    way y;
    make_way(in->env, in->at, false, &y);
    pqi_status st = pqi_sess_record_gen(in->env->ratchet->algs, rec, at, false, &g);
    if (st == PQI_OK && m->buf.len < PQI_HS_RESUME2_LEN + PQI_HS_RESUME1_LEN) {
        st = PQI_ERR_SPACE;
    }
    if (st == PQI_OK) {
        st = pqi_provider_random(in->env->ratchet->provider, (pqi_span){random, sizeof random});
    }
    if (st == PQI_OK) {
        const pqi_resume_say say = {random, pqi_table_rsid(in->env->table, ref), 0, false};
        st = pqi_resume_answer(c, &g, &y.w, in->packet, &say, m->buf.ptr, &keys);
    }
    const pqi_sess_new n = {&keys, pqi_table_rsid(in->env->table, ref), pqi_resume_rsid(s->nonce),
        g.suite, g.mode, PQI_HS_SIDE_R};
    if (st == PQI_OK) {
        st = begin(in, &n, g.sid, ref, m);
    }
    if (st == PQI_OK) {
        pqi_sess_gen made;
        pqi_sess_gen_of(&n, &made);
        st = pqi_sess_record_answered(rec, at, &made);
        pqi_wipe(&made, sizeof made);
        rec->last_start = s->boot;
        m->len = PQI_HS_RESUME2_LEN;
        memcpy(m->buf.ptr + m->len, in->packet.ptr, PQI_HS_RESUME1_LEN); /* to know it again */
        m->rsid_i = n.rsid_peer;
    }
    pqi_wipe(&keys, sizeof keys);
    k->resumed = 0; /* until the slot changes hands */
    return blame(st);
}

/* Which of the own generations it is made under, if it may be answered. */
static pqi_drop admit(
    pqi_pair_in *in, const pqi_hs_short *s, const pqi_sess_record *rec, unsigned *at)
{
    const struct pqi_pair_core *k = &in->p->core;
    const pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    *at = pqi_sess_record_find(rec, s);
    if (*at == PQI_SESS_NONE) {
        return refuse(in, s, rec);
    }
    way y;
    make_way(in->env, in->at, false, &y);
    pqi_resume_gen g;
    pqi_status st = pqi_sess_record_gen(in->env->ratchet->algs, rec, *at, false, &g);
    if (st == PQI_OK) {
        st = pqi_resume_check(in->env->ratchet->algs->classic, &g, &y.w, in->packet);
    }
    if (st != PQI_OK) {
        return blame(st);
    }
    bool waits = k->role == PQI_PAIR_PEND && k->resumed && m != NULL;
    const pqi_resume_slot slot = {
        waits ? m->u.gen : PQI_SESS_NONE, pqi_pair_is_lower(in->env, in->at)};
    st = pqi_resume_admit(rec, &slot, *at, s->boot);
    if (st != PQI_OK) {
        return st == PQI_ERR_REPLAY ? PQI_DROP_REPLAY : PQI_DROP_ORDER;
    }
    return k->role == PQI_PAIR_I && !k->resumed ? PQI_DROP_ORDER : PQI_DROP_NONE;
}

static pqi_drop on_resume1(pqi_pair_in *in, const pqi_hs_short *s)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    const pqi_pair_hs *held = pqi_pair_hs_at(in->env, k->hs);
    if (k->role == PQI_PAIR_R && k->resumed && held != NULL &&
        pqi_ct_eq(held->buf.ptr + PQI_HS_RESUME2_LEN, in->packet.ptr, PQI_HS_RESUME1_LEN)) {
        if (!pqi_pair_repeat(in)) {
            return PQI_DROP_BUDGET;
        }
        p->due |= PQI_PAIR_D_RESP;
        return PQI_DROP_NONE;
    }
    pqi_sess_record rec;
    unsigned at = PQI_SESS_NONE;
    uint32_t hs = 0;
    pqi_table_ref ref = 0;
    pqi_drop d =
        compose(in->env, p, false, &rec) == PQI_OK ? admit(in, s, &rec, &at) : PQI_DROP_STATE;
    if (d == PQI_DROP_NONE && !pqi_pair_charge(in->env, in->at, PQI_PAIR_C_PROOF)) {
        d = PQI_DROP_BUDGET; /* a write for each */
    }
    uint8_t was = k->resumed;
    if (d == PQI_DROP_NONE) {
        d = pqi_pair_make_room(in, &hs, &ref);
    }
    if (d == PQI_DROP_NONE) {
        d = answer(in, s, &rec, at, pqi_pair_hs_at(in->env, hs), ref);
        if (d != PQI_DROP_NONE) {
            k->resumed = was;
            pqi_pair_drop_session(in->env, &ref);
            pqi_pair_hs_free(in->env, &hs);
        }
    }
    if (d == PQI_DROP_NONE) {
        if (k->role == PQI_PAIR_R3) {
            pqi_pair_promote(in->env, in->at);
        } else {
            pqi_pair_drop_cand(in->env, p);
        }
        k->rec = rec;
        k->cand = ref;
        k->hs = hs;
        k->role = PQI_PAIR_R;
        k->cand_seq = 0;
        k->resumed = 1;
        k->hold = 1;
        p->dirty = 1;
        p->due |= PQI_PAIR_D_RESP;
    }
    pqi_wipe(&rec, sizeof rec);
    return d;
}

static pqi_drop on_resume2(pqi_pair_in *in, const pqi_hs_short *s)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_hs *m = pqi_pair_hs_at(in->env, k->hs);
    if (k->role != PQI_PAIR_PEND || !k->resumed || m == NULL ||
        s->rsid != pqi_table_rsid(in->env->table, k->cand)) {
        return PQI_DROP_ORDER;
    }
    way y;
    make_way(in->env, in->at, true, &y);
    pqi_resume_gen g;
    pqi_hs_out keys = {0};
    pqi_status st = pqi_sess_record_gen(in->env->ratchet->algs, &k->rec, m->u.gen, true, &g);
    if (st == PQI_OK) {
        st = pqi_resume_take(in->env->ratchet->algs->classic, &g, &y.w,
            (pqi_cspan){m->buf.ptr, PQI_HS_RESUME1_LEN}, in->packet, &keys);
    }
    if (st != PQI_OK) {
        pqi_wipe(&keys, sizeof keys);
        return blame(st);
    }
    const pqi_sess_new n = {
        &keys, s->rsid, pqi_resume_rsid(s->nonce), g.suite, g.mode, PQI_HS_SIDE_I};
    st = begin(in, &n, g.sid, k->cand, m);
    if (st == PQI_OK) {
        pqi_sess_gen made;
        pqi_sess_gen_of(&n, &made);
        pqi_sess_record_replaced(&k->rec, &made);
        pqi_wipe(&made, sizeof made);
        k->role = PQI_PAIR_I;
        k->hold = 1;
        pqi_wipe(m->buf.ptr, m->len); /* spent */
        m->len = 0;
        p->dirty = 1;
        p->tries = 0;
        p->resend_ms = in->at->now_ms;
        p->due |= PQI_PAIR_D_CAND;
    }
    pqi_wipe(&keys, sizeof keys);
    return blame(st);
}

void pqi_pair_resume_heard(pqi_pair_in *in)
{
    pqi_pair *p = in->p;
    struct pqi_pair_core *k = &p->core;
    pqi_pair_take_gate(in);
    pqi_sess_record_heard(&k->rec);
    pqi_pair_hs_free(in->env, &k->hs);
    k->role = PQI_PAIR_R3;
    p->tries = 0;
    p->resend_ms = in->at->now_ms;
    p->due = (uint8_t)((p->due & ~PQI_PAIR_D_RESP) | PQI_PAIR_D_CAND);
    pqi_pair_confirmed(in->env, in->at);
    in->ev->what |= PQI_PAIR_EV_SESSION;
}

pqi_drop pqi_pair_on_resume(pqi_pair_in *in)
{
    pqi_hs_short s;
    if (pqi_hs_short_read(in->packet, &s) != PQI_OK || pqi_resume_rsid(s.nonce) == 0) {
        return PQI_DROP_DECODE;
    }
    if (!pqi_pair_topic_is(in, PQI_PAIR_TOPIC_SESSION)) {
        return PQI_DROP_TOPIC;
    }
    return s.type == PQI_HS_T_RESUME1 ? on_resume1(in, &s) : on_resume2(in, &s);
}
