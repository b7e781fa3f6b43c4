/* SPDX-License-Identifier: Apache-2.0
 * A session's begin and end, what is due, its healing age: docs/spec/ratchet.md. Messages are in
 * ratchet_seal.c and ratchet_open.c, rounds in round*.c. */
#include "session/ratchet_int.h"

#include "base/args.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

#define SESSION_MSGS_MAX (1u << 24)
#define REKEY_NUM        15u /* of 16 parts of a limit */
#define AGE_MAX          (1u << 30)

const pqi_ratchet_limits pqi_ratchet_ip = {
    64, 900, 256, 3600, 60, PQI_CHAIN_N_MAX, SESSION_MSGS_MAX, 2, 4, 16, false, 0, 0};
const pqi_ratchet_limits pqi_ratchet_lpwan = {
    64, 900, 1024, 86400, 86400, PQI_CHAIN_N_MAX, SESSION_MSGS_MAX, 2, 4, 16, false, 0, 0};

/* ---- layout -------------------------------------------------------------------------------------- */

static size_t send_size(const pqi_chain_profile *p)
{
    return sizeof(pqi_chain_head) + p->depth * (size_t)PQI_CHAIN_KEY;
}

static size_t recv_size(const pqi_chain_profile *p)
{
    return sizeof(pqi_chain_head) +
           PQI_CHAIN_NODES((size_t)p->depth, p->cap) * sizeof(pqi_chain_node);
}

size_t pqi_session_size(const pqi_chain_profile *p)
{
    return sizeof(pqi_ratchet) + send_size(p) + recv_size(p) +
           PQI_RATCHET_LATE(p->cap) * sizeof(pqi_chain_node);
}

_Static_assert(offsetof(pqi_session_std, send) == sizeof(pqi_ratchet), "no gap");
_Static_assert(offsetof(pqi_session_std, recv) == sizeof(pqi_ratchet) + 420u, "no gap");
_Static_assert(offsetof(pqi_session_std, late) == sizeof(pqi_ratchet) + 420u + 1044u, "no gap");
_Static_assert(sizeof(pqi_session_std) == sizeof(pqi_ratchet) + 420u + 1044u + 8u * 36u, "no gap");
_Static_assert(offsetof(pqi_chain_recv_std, node) == sizeof(pqi_chain_head), "no gap");
_Static_assert(offsetof(pqi_chain_send_std, key) == sizeof(pqi_chain_head), "no gap");

pqi_ratchet_view pqi_session_view(const pqi_chain_profile *p, void *mem)
{
    uint8_t *send = (uint8_t *)mem + sizeof(pqi_ratchet);
    uint8_t *recv = send + send_size(p), *late = recv + recv_size(p);
    /* All parts are multiples of 4 bytes: the casts keep mem's alignment. */
    return (pqi_ratchet_view){.r = mem,
        .send = {p->depth, (void *)send, (void *)(send + sizeof(pqi_chain_head))},
        .recv = {p, (void *)recv, (void *)(recv + sizeof(pqi_chain_head)), NULL},
        .late = {PQI_RATCHET_LATE(p->cap), (void *)late, NULL}};
}

size_t pqi_ratchet_tmp_len(const pqi_chain_profile *p, const pqi_suite *s)
{
    size_t nodes = PQI_CHAIN_NODES((size_t)p->depth, p->cap) * sizeof(pqi_chain_node);
    size_t open = sizeof(pqi_chain_try) + sizeof(pqi_chain_head) + 2u * nodes;
    size_t work = ((pqi_suite_eph(s)->tmp_len + 7u) & ~(size_t)7u) + pqi_suite_eph(s)->sk_len;
    return open > work ? open : work;
}

/* ---- begin and end ------------------------------------------------------------------------------- */

static bool limits_ok(const pqi_ratchet_limits *l)
{
    return l != NULL && l->d_msgs != 0 && l->d_s != 0 && l->h_msgs != 0 && l->h_s != 0 &&
           l->epoch_msgs != 0 && l->epoch_msgs <= PQI_CHAIN_N_MAX && l->session_msgs != 0 &&
           l->session_msgs <= SESSION_MSGS_MAX && l->alarm != 0 && l->alarm <= l->refuse &&
           l->refuse <= l->stop;
}

static bool init_ok(const pqi_ratchet_env *env, const pqi_ratchet_init *i)
{
    pqi_erasure_shape shape;
    return i->suite != NULL && pqi_algs_suite(env->algs, i->suite->id) == i->suite &&
           i->keys != NULL && i->rsid_own != 0 && i->rsid_peer != 0 &&
           (i->side == PQI_HS_SIDE_I || i->side == PQI_HS_SIDE_R) &&
           pqi_erasure_shape_of(PQI_ERASURE_OBJECT_MIN, i->chunk, &shape) == PQI_OK;
}

/* Ages stay below what a difference of counters can tell from a clock that went back. */
static uint32_t at_most(uint32_t age)
{
    return age < AGE_MAX ? age : AGE_MAX;
}

static void fill(pqi_ratchet *r, const pqi_ratchet_init *i)
{
    memcpy(r->rk, i->keys->rk0, PQI_HS_KEY);
    memcpy(r->rms, i->keys->rms0, PQI_HS_KEY);
    memcpy(r->sid, i->keys->sid, PQI_HS_SID);
    r->rsid_own = i->rsid_own;
    r->rsid_peer = i->rsid_peer;
    r->peer = i->peer;
    r->d_mark = r->h_mark = 0u - at_most(i->age_msgs);
    r->d_s = r->h_s = i->now_s - at_most(i->age_s);
    r->grace_s = i->now_s;
    r->suite = i->suite->id;
    r->side = (uint8_t)i->side;
    r->mode = (uint8_t)i->mode;
    r->chunk = i->chunk;
    r->flags =
        (uint8_t)((i->heal ? PQI_R_HEAL : 0u) | (i->compact ? PQI_R_COMPACT : 0u) | PQI_R_STORE);
}

pqi_status pqi_ratchet_start(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, const pqi_ratchet_init *init)
{
    if (env == NULL || env->algs == NULL || v == NULL || v->r == NULL || init == NULL ||
        !limits_ok(env->limits) || !init_ok(env, init)) {
        return PQI_ERR_ARG;
    }
    const bool i = init->side == PQI_HS_SIDE_I;
    const pqi_hs_out *k = init->keys;
    /* The profile is checked by the first call, which then changed nothing. */
    pqi_status st = pqi_chain_recv_start(&v->recv, i ? k->ck_r2i : k->ck_i2r);
    if (st == PQI_OK) {
        st = pqi_chain_send_start(&v->send, i ? k->ck_i2r : k->ck_r2i);
    }
    if (st == PQI_OK) {
        pqi_wipe(v->late.node, v->late.cap * sizeof *v->late.node);
        pqi_wipe(v->r, sizeof *v->r);
        fill(v->r, init);
    }
    return st;
}

void pqi_ratchet_wipe(const pqi_ratchet_env *env, const pqi_ratchet_view *v)
{
    pqi_round_release(env, v->r);
    pqi_wipe(v->r, pqi_session_size(v->recv.profile));
}

bool pqi_ratchet_is_live(const pqi_ratchet_env *env, const pqi_ratchet_view *v)
{
    return env != NULL && env->algs != NULL && env->limits != NULL && v != NULL && v->r != NULL &&
           v->r->rsid_own != 0 && pqi_algs_suite(env->algs, v->r->suite) != NULL;
}

/* ---- what files share ---------------------------------------------------------------------------- */

uint32_t pqi_ratchet_recv_epoch(const pqi_ratchet *r)
{
    return r->epoch - (r->state == PQI_ROUND_P_UNHEARD);
}

bool pqi_ratchet_late_over(const pqi_ratchet *r, uint32_t now_s)
{
    return now_s - r->grace_s <= INT32_MAX; /* grace_s <= now_s; both may wrap */
}

void pqi_round_to(pqi_ratchet *r, unsigned state)
{
    r->state = (uint8_t)state;
    r->flags &= (uint8_t)~PQI_R_SAID;
}

bool pqi_ratchet_ctx_ok(const pqi_ratchet_ctx *ctx)
{
    return ctx->kind != 0 && ctx->body.ptr != NULL && ctx->body.len != 0 &&
           ctx->body.len <= PQI_RATCHET_CTX_MAX - 1u;
}

pqi_cspan pqi_ratchet_aad(pqi_cspan hdr, const pqi_ratchet_ctx *ctx, uint8_t buf[PQI_RATCHET_AAD])
{
    static const uint8_t label[6] = {'P', 'Q', 'I', '4', ' ', 'd'};
    const size_t ctx_len = 1u + ctx->body.len;
    uint8_t *p = buf;
    memcpy(p, label, sizeof label);
    p += sizeof label;
    memcpy(p, hdr.ptr, hdr.len);
    p += hdr.len;
    *p++ = (uint8_t)(ctx_len >> 8);
    *p++ = (uint8_t)ctx_len;
    *p++ = ctx->kind;
    memcpy(p, ctx->body.ptr, ctx->body.len);
    p += ctx->body.len;
    return (pqi_cspan){buf, (size_t)(p - buf)};
}

/* ---- healing age, section 9 ---------------------------------------------------------------------- */

static void age(const pqi_ratchet *r, uint32_t now_s, uint32_t *messages, uint32_t *seconds)
{
    *messages = r->msgs - r->h_mark;
    *seconds = now_s - r->h_s;
    if (*seconds > INT32_MAX) {
        *seconds = 0; /* a clock that went back */
    }
}

static bool beyond(
    const pqi_ratchet_limits *l, unsigned factor, uint32_t messages, uint32_t seconds)
{
    const bool counts = seconds >= (uint64_t)factor * l->h_min_s;
    return (counts && messages >= (uint64_t)factor * l->h_msgs) ||
           seconds >= (uint64_t)factor * l->h_s;
}

unsigned pqi_ratchet_level(const pqi_ratchet_limits *l, const pqi_ratchet *r, uint32_t now_s)
{
    uint32_t messages, seconds;
    age(r, now_s, &messages, &seconds);
    if (!beyond(l, l->alarm, messages, seconds)) {
        return 0;
    }
    if (!beyond(l, l->refuse, messages, seconds)) {
        return 1;
    }
    return beyond(l, l->stop, messages, seconds) ? PQI_LEVEL_STOP : 2u;
}

pqi_status pqi_ratchet_healing(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s, pqi_healing *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    *out = (pqi_healing){0};
    if (!pqi_ratchet_is_live(env, v)) {
        return PQI_ERR_STATE;
    }
    age(v->r, now_s, &out->messages, &out->seconds);
    out->level = (uint8_t)pqi_ratchet_level(env->limits, v->r, now_s);
    return PQI_OK;
}

void pqi_ratchet_heal(const pqi_ratchet_view *v)
{
    v->r->flags |= PQI_R_HEAL;
}

/* ---- due ----------------------------------------------------------------------------------------- */

static bool near_end(uint64_t used, uint64_t limit)
{
    return used * 16u >= limit * REKEY_NUM;
}

static bool wants_rekey(const pqi_ratchet_limits *l, const pqi_ratchet_view *v, uint32_t now_s)
{
    return near_end(v->r->msgs, l->session_msgs) || near_end(v->send.head->next, l->epoch_msgs) ||
           near_end(v->recv.head->next, l->epoch_msgs) || pqi_ratchet_level(l, v->r, now_s) >= 2u;
}

/* Whether a message would help now: not while this side is busy with its own part. */
static bool can_speak(unsigned state)
{
    return state != PQI_ROUND_P_HAVE && state != PQI_ROUND_P_STORE && state != PQI_ROUND_Q_HAVE &&
           state != PQI_ROUND_Q_STORE;
}

unsigned pqi_ratchet_due(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s)
{
    if (!pqi_ratchet_is_live(env, v)) {
        return 0;
    }
    const pqi_ratchet *r = v->r;
    if (v->late.node[0].id != 0 && pqi_ratchet_late_over(r, now_s)) {
        pqi_wipe(v->late.node, v->late.cap * sizeof *v->late.node);
    }
    const pqi_suite *s = pqi_algs_suite(env->algs, r->suite);
    unsigned due = 0;
    if (pqi_round_has_work(env, r, s, now_s)) {
        due |= PQI_DUE_WORK;
    }
    if (r->state == PQI_ROUND_P_STORE || r->state == PQI_ROUND_Q_STORE ||
        (r->flags & PQI_R_STORE) != 0) {
        due |= PQI_DUE_STORE;
    }
    if ((r->flags & PQI_R_ASKED) != 0 && can_speak(r->state)) {
        due |= PQI_DUE_SEND;
    }
    if (wants_rekey(env->limits, v, now_s)) {
        due |= PQI_DUE_REKEY;
    }
    return due;
}

/* ---- resumption secrets, section 8 --------------------------------------------------------------- */

pqi_status pqi_ratchet_secrets(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, pqi_ratchet_rms *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    if (!pqi_ratchet_is_live(env, v)) {
        return PQI_ERR_STATE;
    }
    pqi_ratchet *r = v->r;
    pqi_status st = PQI_OK;
    out->epoch = r->epoch;
    memcpy(out->rms, r->rms, PQI_HS_KEY);
    if (r->state == PQI_ROUND_Q_STORE || r->state == PQI_ROUND_Q_ANSWER) {
        out->both = true; /* Q cannot know that its answer arrives */
        st = pqi_round_rms(env->algs->classic, r->next, out->next);
    } else if (r->state == PQI_ROUND_P_STORE || r->state == PQI_ROUND_P_READY) {
        out->epoch++; /* P has the answer: Q has stored the new one, and the old one goes */
        st = pqi_round_rms(env->algs->classic, r->next, out->rms);
    }
    if (st != PQI_OK) {
        pqi_wipe(out, sizeof *out);
        return st;
    }
    r->flags |= PQI_R_SAID;
    return PQI_OK;
}

void pqi_ratchet_stored(const pqi_ratchet_view *v)
{
    pqi_ratchet *r = v->r;
    if ((r->flags & PQI_R_SAID) == 0) {
        return;
    }
    r->flags &= (uint8_t)~PQI_R_STORE;
    if (r->state == PQI_ROUND_P_STORE) {
        pqi_round_to(r, PQI_ROUND_P_READY);
    } else if (r->state == PQI_ROUND_Q_STORE) {
        pqi_round_to(r, PQI_ROUND_Q_ANSWER);
    }
}
