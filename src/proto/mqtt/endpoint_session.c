/* SPDX-License-Identifier: Apache-2.0
 * Sessions of an endpoint: memory, who the ends are, beginning and end. docs/spec/session.md. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

const pqi_session_limits pqi_session_limits_ip = {64, 900, 256, 3600, 10, 60, 60, 32, 0};
const pqi_session_limits pqi_session_limits_lpwan = {64, 900, 1024, 86400, 10, 60, 86400, 16, 0};

_Static_assert(PQI_SESSION_MESSAGE_MAX == PQI_RATCHET_APP_MAX, "limit of the public header");
_Static_assert(PQI_MODES_S == PQI_HS_MODE_BIT(PQI_HS_MODE_S) &&
                   PQI_MODES_K == PQI_HS_MODE_BIT(PQI_HS_MODE_K) &&
                   PQI_MODES_M == PQI_HS_MODE_BIT(PQI_HS_MODE_M),
    "bits of the public header");

/* ---- memory -------------------------------------------------------------------------------------- */

static const pqi_chain_profile *profile_of(pqi_session_reach reach)
{
    switch (reach) {
    case PQI_SESSION_TINY:
        return &pqi_chain_tiny;
    case PQI_SESSION_GATEWAY:
        return &pqi_chain_gateway;
    case PQI_SESSION_STD:
    case PQI_SESSION_REACH_INT32_:
        break;
    }
    return &pqi_chain_std;
}

/* The needs of the largest handshake and round that these algorithms allow. */
typedef struct needs {
    size_t packet; /* of a RESP or CONF */
    size_t object; /* memory of a round */
    size_t tmp;    /* scratch of a step */
} needs;

static size_t max_of(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t align8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

static void need_form(const pqi_hs_form *f, needs *n)
{
    n->packet = max_of(n->packet, max_of(pqi_hs_resp_len(f), pqi_hs_conf_len(f)));
    n->tmp = max_of(n->tmp, pqi_hs_tmp_len(f));
}

static needs needs_of(const pqi_algs *a, const pqi_chain_profile *p)
{
    needs n = {0, 0, 8};
    for (size_t i = 0; i < a->n_suites; i++) {
        const pqi_suite *s = a->suites[i];
        const pqi_hs_form k = {.suite = s, .mode = PQI_HS_MODE_K};
        need_form(&k, &n);
        for (size_t j = 0; j < a->n_sigs; j++) {
            const pqi_sig *sig = a->sigs[j];
            const pqi_hs_form both = {
                .suite = s, .mode = PQI_HS_MODE_S, .sig_i = sig, .sig_r = sig};
            const pqi_hs_form one = {.suite = s, .mode = PQI_HS_MODE_M, .sig_r = sig};
            need_form(&both, &n);
            need_form(&one, &n);
        }
        n.object =
            max_of(n.object, PQI_ROUND_BUF(pqi_suite_eph(s)->pk_len, pqi_suite_eph(s)->ct_len));
        n.tmp = max_of(n.tmp, pqi_ratchet_tmp_len(p, s));
    }
    n.packet = align8(n.packet);
    n.object = align8(n.object);
    n.tmp = align8(n.tmp);
    return n;
}

/* Where everything lies in the memory: offsets, 8-aligned. */
typedef struct layout {
    size_t sessions, pairs, hs, rounds, next, prev, slot, queue, marks, sides, packets, objects,
        tmp, table, journals;
    size_t len;
} layout;

/* Room for count pieces of n bytes. l->len is SIZE_MAX once a sum does not fit a size_t. */
static size_t take(layout *l, size_t count, size_t n)
{
    const size_t at = l->len;
    if (n != 0 && count > (SIZE_MAX - 16u) / n) {
        l->len = SIZE_MAX;
        return at;
    }
    const size_t more = align8(count * n);
    l->len = more >= SIZE_MAX - at ? SIZE_MAX : at + more;
    return at;
}

static layout lay_out(const needs *n, const pqi_session_cfg *cfg, size_t n_peers)
{
    layout l = {0};
    l.sessions = take(&l, 1, sizeof(pqi_ep_sessions));
    l.pairs = take(&l, n_peers, sizeof(pqi_pair));
    l.hs = take(&l, cfg->n_handshakes, sizeof(pqi_pair_hs));
    l.rounds = take(&l, cfg->n_rounds, sizeof(pqi_round_mem));
    l.next = take(&l, n_peers, sizeof(uint32_t));
    l.prev = take(&l, n_peers, sizeof(uint32_t));
    l.slot = take(&l, n_peers, sizeof(uint16_t));
    l.queue = take(&l, n_peers, sizeof(uint32_t));
    l.marks = take(&l, n_peers, 1);
    l.sides = take(&l, n_peers, sizeof(pqi_ep_side));
    l.journals = take(&l, n_peers, sizeof(pqi_journal));
    l.packets = take(&l, cfg->n_handshakes, n->packet);
    l.objects = take(&l, cfg->n_rounds, n->object);
    l.tmp = take(&l, 1, n->tmp);
    l.table = take(&l, 1, pqi_table_len(cfg->n_sessions, pqi_session_size(profile_of(cfg->reach))));
    return l;
}

static bool cfg_ok(const pqi_algs *a, const pqi_session_cfg *c, size_t n_peers)
{
    return a != NULL && c != NULL && n_peers != 0 && n_peers < UINT32_MAX / 4u &&
           c->use != PQI_SESSIONS_OFF && c->n_handshakes != 0 && c->n_rounds <= 255u &&
           (c->psk.len == 0 || (c->psk.len == PQI_HS_PSK && c->psk.ptr != NULL)) &&
           (c->modes & ~PQI_HS_MODES_ALL) == 0 &&
           pqi_table_len(c->n_sessions, pqi_session_size(profile_of(c->reach))) != 0;
}

size_t pqi_endpoint_sessions_len(const pqi_algs *a, const pqi_session_cfg *cfg, size_t n_peers)
{
    if (!cfg_ok(a, cfg, n_peers)) {
        return 0;
    }
    const needs n = needs_of(a, profile_of(cfg->reach));
    const size_t len = lay_out(&n, cfg, n_peers).len;
    return len == SIZE_MAX ? 0 : len;
}

/* ---- open ---------------------------------------------------------------------------------------- */

static void set_limits(pqi_ep_sessions *s, const pqi_session_limits *l)
{
    const pqi_session_limits *use = l != NULL ? l : &pqi_session_limits_ip;
    s->limits = pqi_ratchet_ip; /* what the caller does not choose is the same in every profile */
    s->limits.d_msgs = use->d_msgs;
    s->limits.d_s = use->d_s;
    s->limits.h_msgs = use->h_msgs;
    s->limits.h_s = use->h_s;
    s->limits.grace_s = use->grace_s;
    s->limits.d_min_s = use->d_min_s;
    s->limits.h_min_s = use->h_min_s;
    s->limits.burst = use->burst != 0;
    s->env.chunk = use->chunk;
    s->env.compact = false;
}

static void set_memory(const pqi_endpoint *e, const needs *n, const layout *l, pqi_ep_sessions *s)
{
    const pqi_session_cfg *c = &e->cfg.sessions;
    uint8_t *mem = c->mem.ptr; /* 8-aligned, and so are the offsets */
    s->queue = (uint32_t *)(void *)(mem + l->queue);
    s->marks = mem + l->marks;
    s->sides = (pqi_ep_side *)(void *)(mem + l->sides);
    s->journals = (pqi_journal *)(void *)(mem + l->journals);
    s->timers.next = (uint32_t *)(void *)(mem + l->next);
    s->timers.prev = (uint32_t *)(void *)(mem + l->prev);
    s->timers.slot = (uint16_t *)(void *)(mem + l->slot);
    s->env.pairs = (pqi_pair *)(void *)(mem + l->pairs);
    s->env.n_pairs = (uint32_t)e->cfg.n_peers;
    s->env.hs = (pqi_pair_hs *)(void *)(mem + l->hs);
    s->env.n_hs = c->n_handshakes;
    for (uint32_t i = 0; i < c->n_handshakes; i++) {
        s->env.hs[i].buf = (pqi_span){mem + l->packets + i * n->packet, n->packet};
    }
    s->ratchet.rounds = (pqi_round_mem *)(void *)(mem + l->rounds);
    s->ratchet.n_rounds = c->n_rounds;
    for (uint32_t i = 0; i < c->n_rounds; i++) {
        s->ratchet.rounds[i].buf = mem + l->objects + i * n->object;
        s->ratchet.rounds[i].len = (uint32_t)n->object;
    }
    /* One scratch for handshakes and rounds: neither keeps anything in it between calls. */
    s->env.tmp = s->ratchet.tmp = (pqi_span){mem + l->tmp, n->tmp};
}

static void set_self(pqi_endpoint *e, pqi_ep_sessions *s)
{
    const pqi_cert *c = &e->cert;
    s->self = (pqi_hs_self){.provider = e->cfg.provider,
        .kem = e->cfg.keys.kem,
        .x25519 = e->cfg.keys.x25519,
        .sig = e->cfg.keys.sig,
        .sig_alg = pqi_algs_sig(e->cfg.algs, c->sig_alg),
        .id = c->device_id,
        .kid = c->key_id,
        .cert256 = e->own_hash,
        .cert384 = s->own384,
        .kem_pk = c->kem_pk,
        .x25519_pk = c->x25519_pk,
        .key_epoch = c->key_epoch};
    s->policy.algs = e->cfg.policy;
    s->policy.modes = e->cfg.sessions.modes;
}

static void set_env(pqi_endpoint *e, pqi_ep_sessions *s)
{
    s->ratchet.algs = e->cfg.algs;
    s->ratchet.provider = e->cfg.provider;
    s->ratchet.pk = &e->pk;
    s->ratchet.limits = &s->limits;
    s->env.ratchet = &s->ratchet;
    s->env.profile = profile_of(e->cfg.sessions.reach);
    s->env.self = &s->self;
    /* A device that checks few signatures makes few handshakes. */
    s->env.limits =
        e->cfg.limits.window_bits == 128u ? &pqi_pair_limits_mcu : &pqi_pair_limits_gateway;
    s->env.shared = &s->shared;
    s->env.table = &s->table;
    s->env.starts = &s->starts;
}

pqi_status pqi_ep_sessions_open(pqi_endpoint *e, const pqi_now *now)
{
    const pqi_session_cfg *c = &e->cfg.sessions;
    const pqi_algs *a = e->cfg.algs;
    if (e->base_use == PQI_SESSIONS_OFF) {
        return PQI_OK;
    }
    const size_t need = pqi_endpoint_sessions_len(a, c, e->cfg.n_peers);
    if (need == 0 || c->mem.ptr == NULL || (uintptr_t)c->mem.ptr % 8u != 0) {
        return PQI_ERR_ARG;
    }
    if (c->mem.len < need) {
        return PQI_ERR_SPACE;
    }
    memset(c->mem.ptr, 0, need);
    const needs n = needs_of(a, profile_of(c->reach));
    const layout l = lay_out(&n, c, e->cfg.n_peers);
    pqi_ep_sessions *s = (pqi_ep_sessions *)(void *)(c->mem.ptr + l.sessions);
    set_memory(e, &n, &l, s);
    set_limits(s, c->limits);
    set_env(e, s);
    set_self(e, s);
    pqi_ep_timers_init(s, now->mono_ms);
    const size_t session = pqi_session_size(s->env.profile);
    pqi_status st = a->classic->hash(PQI_HASH_SHA384, &e->cfg.cert, 1, s->own384);
    if (st == PQI_OK) {
        st = pqi_table_init(&s->table, c->n_sessions, session, PQI_TABLE_RSID,
            (pqi_span){c->mem.ptr + l.table, pqi_table_len(c->n_sessions, session)});
    }
    if (st == PQI_OK) {
        st = pqi_starts_open(&s->starts, e->cfg.provider);
    }
    if (st != PQI_OK) {
        return st;
    }
    e->sessions = s;
    pqi_pair_env_init(&s->env, now->mono_ms);
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        pqi_pair_init(&s->env, &s->env.pairs[i], now->mono_ms);
        if (e->cfg.peers[i].used) {
            pqi_ep_session_mark(e, i); /* what was there before a restart is taken up again */
        }
    }
    return PQI_OK;
}

void pqi_ep_sessions_close(pqi_endpoint *e)
{
    if (e->sessions != NULL) {
        const pqi_session_cfg *c = &e->cfg.sessions;
        pqi_wipe(c->mem.ptr, pqi_endpoint_sessions_len(e->cfg.algs, c, e->cfg.n_peers));
        e->sessions = NULL;
    }
}

void pqi_ep_session_end(pqi_endpoint *e, size_t at)
{
    pqi_ep_sessions *s = e->sessions;
    if (s != NULL) {
        pqi_pair_end(&s->env, (uint32_t)at);
        pqi_wipe(&s->sides[at], sizeof s->sides[at]);
        pqi_ep_session_mark(e, at); /* its record goes too, with the next poll */
    }
}

void pqi_ep_sessions_judge(pqi_endpoint *e)
{
    pqi_ep_sessions *s = e->sessions;
    if (s == NULL) {
        return;
    }
    s->policy.algs = e->cfg.policy;
    s->policy.modes = e->cfg.sessions.modes;
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        const bool ok = pqi_pair_passes(&s->env, (uint32_t)i, &s->policy);
        if (p->used && !(ok && pqi_ep_policy_ok(e, p))) {
            pqi_ep_session_end(e, i);
        } else if (p->used) {
            pqi_ep_session_mark(e, i); /* a handshake that ended may begin again */
        }
    }
}

/* ---- the ends ------------------------------------------------------------------------------------ */

void pqi_ep_session_cert(pqi_endpoint *e, size_t at, pqi_cspan cert)
{
    pqi_peer *p = &e->cfg.peers[at];
    if (e->sessions != NULL && pqi_ct_is_zero_mask(p->cert384, sizeof p->cert384) != 0 &&
        e->cfg.algs->classic->hash(PQI_HASH_SHA384, &cert, 1, p->cert384) != PQI_OK) {
        memset(p->cert384, 0, sizeof p->cert384); /* the next announcement tries again */
    }
}

static bool may_have(const pqi_endpoint *e, const pqi_peer *p, const pqi_now *now)
{
    return p->used && p->ready && !p->revoked && !pqi_ep_self_revoked(e) &&
           pqi_ep_window_ok(p, now) == PQI_OK && pqi_cert_window(&e->cert, now) == PQI_OK &&
           pqi_ep_policy_ok(e, p);
}

static bool choose(const pqi_endpoint *e, const pqi_peer *p, pqi_hs_choice *out)
{
    const pqi_ep_sessions *s = e->sessions;
    const pqi_cert *c = &e->cert;
    const pqi_hs_facts self = {c->suites, (uint16_t)c->kem_alg, c->sig_alg};
    const pqi_hs_facts peer = {p->suites, p->kem->id, p->sig != NULL ? p->sig->id : 0};
    if (pqi_hs_choose(e->cfg.algs, &s->policy, &self, &peer, out) != PQI_OK) {
        return false;
    }
    /* After a restart the SHA-384 of a certificate is there with the next announcement. */
    return out->suite->hash != PQI_HASH_SHA384 ||
           pqi_ct_is_zero_mask(p->cert384, sizeof p->cert384) == 0;
}

/* What we begin by ourselves while we know what we know. A resumption counts as L, a handshake as H. No exception
 * takes the place of a session that carries class S as it is. */
static uint8_t closed(const pqi_endpoint *e, size_t at, const pqi_now *now)
{
    const pqi_peer *p = &e->cfg.peers[at];
    bool on = false, made = false;
    const bool resumes = pqi_reason_allows(pqi_ep_gate_session(e, now, p, PQI_OP_RESUME, &on));
    const bool begins = pqi_reason_allows(pqi_ep_gate_session(e, now, p, PQI_OP_HANDSHAKE, &made));
    const bool needed = !made || pqi_pair_needs(&e->sessions->env, (uint32_t)at);
    return (uint8_t)((resumes ? 0u : PQI_PAIR_NO_RESUME) |
                     (begins && needed ? 0u : PQI_PAIR_NO_HANDSHAKE));
}

bool pqi_ep_link_of(pqi_endpoint *e, size_t at, const pqi_now *now, pqi_ep_link *out)
{
    pqi_ep_sessions *s = e->sessions;
    const pqi_peer *p = &e->cfg.peers[at];
    memset(out, 0, sizeof *out);
    if (!may_have(e, p, now) || !choose(e, p, &out->at.choice)) {
        return false;
    }
    out->peer = (pqi_hs_peer){.id = {(const uint8_t *)p->id, p->id_len},
        .kid = p->key_id,
        .cert256 = p->cert_hash,
        .cert384 = p->cert384,
        .kem_pk = {p->kem_pk, p->kem->pk_len},
        .x25519_pk = {p->x25519_pk, PQI_X25519_LEN},
        .sig_alg = p->sig,
        .sig_pk = {p->sig_pk, p->sig != NULL ? p->sig->pk_len : 0}};
    out->at.index = (uint32_t)at;
    out->at.peer = &out->peer;
    out->at.cold_in = p->gk_in;
    out->at.cold_out = p->gk_out;
    out->at.key_id = p->key_id;
    out->at.key_epoch = p->key_epoch;
    out->at.psk = e->cfg.sessions.psk;
    out->at.min_level = e->cfg.policy.min_level;
    out->at.head_epoch = now->control_epoch;
    memcpy(out->at.head_hash, e->ctl.s.head.hash, PQI_HS_HEAD);
    out->at.now_ms = now->mono_ms;
    if ((s->marks[at] & PQI_EP_RESTORED) == 0) {
        if ((s->marks[at] & PQI_EP_UNREAD) != 0) {
            return false; /* the next poll tries again, not every packet that names the peer */
        }
        if (!pqi_ep_session_restore(e, out)) {
            e->drops[PQI_DROP_STATE]++;
            s->marks[at] |=
                PQI_EP_UNREAD; /* it is in the queue, or has a timer, until it was read */
            return false;
        }
        s->marks[at] |= PQI_EP_RESTORED;
    }
    out->at.closed = closed(e, at, now);
    return true;
}
