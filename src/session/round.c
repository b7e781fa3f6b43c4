/* SPDX-License-Identifier: Apache-2.0
 * The public-key steps of rounds: docs/spec/ratchet.md sections 5 to 7. */
#include "session/ratchet_int.h"

#include "base/args.h"
#include "session/pk.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

/* All that one step needs. Secret: wiped by pqi_ratchet_work(). */
typedef struct step {
    const pqi_ratchet_env *env;
    pqi_ratchet *r;
    const pqi_suite *suite;
    uint32_t now_s;
    pqi_pk_at at;
    pqi_round_mem *mem; /* H */
    pqi_span kem_sk;    /* in tmp, behind what the KEM needs */
    uint8_t seed[PQI_HS_KEY];
    uint8_t x_sk[PQI_X25519_LEN], x_pk[PQI_X25519_LEN], x_peer[PQI_X25519_LEN];
    uint8_t kem_coins[PQI_KEM_MAX_SEED];
    uint8_t k[PQI_COMBINE_SECRETS];
    uint8_t es[PQI_HS_KEY];
} step;

/* ---- what is wanted ------------------------------------------------------------------------------ */

/* One kind of round: after so many messages, if min_s have passed too, or so many seconds. */
typedef struct pace {
    uint32_t mark, since; /* of the last one */
    uint32_t msgs, min_s, seconds;
} pace;

static bool is_past(const pqi_ratchet *r, uint32_t now_s, const pace *p)
{
    uint32_t age = now_s - p->since;
    age = age <= INT32_MAX ? age : 0; /* a clock that went back */
    return (age >= p->min_s && r->msgs - p->mark >= p->msgs) || age >= p->seconds;
}

int pqi_round_wanted(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s)
{
    const pqi_ratchet_limits *l = env->limits;
    const pace d_pace = {r->d_mark, r->d_s, l->d_msgs, l->d_min_s, l->d_s};
    const pace h_pace = {r->h_mark, r->h_s, l->h_msgs, l->h_min_s, l->h_s};
    const bool h = (r->flags & PQI_R_HEAL) != 0 || is_past(r, now_s, &h_pace);
    if (h && pqi_round_find(env, r, s, now_s) != NULL) {
        return PQI_CHUNK_H;
    }
    return is_past(r, now_s, &d_pace) ? PQI_CHUNK_D : -1;
}

bool pqi_round_has_work(
    const pqi_ratchet_env *env, const pqi_ratchet *r, const pqi_suite *s, uint32_t now_s)
{
    switch (pqi_round_state(env, r)) {
    case PQI_ROUND_IDLE:
        return (r->flags & PQI_R_WANT) != 0 && pqi_round_wanted(env, r, s, now_s) >= 0;
    case PQI_ROUND_P_DRAWN:
        return pqi_round_find(env, r, s, now_s) != NULL;
    case PQI_ROUND_P_HAVE:
    case PQI_ROUND_Q_HAVE:
        return true;
    default:
        return false;
    }
}

void pqi_round_settled(const pqi_ratchet_env *env, pqi_ratchet *r)
{
    r->d_mark = r->draw_mark;
    r->d_s = r->draw_s;
    if (r->kind == PQI_CHUNK_H) {
        r->h_mark = r->draw_mark;
        r->h_s = r->draw_s;
    }
    r->flags &= (uint8_t)~PQI_R_HEARD;
    pqi_round_release(env, r);
    if (env->counts != NULL) {
        uint32_t *count = r->kind == PQI_CHUNK_H ? &env->counts->h_rounds : &env->counts->d_rounds;
        ++*count;
    }
}

/* Coins of this side were drawn: what is stolen from now on, this round does not heal. */
static void drawn(const step *w, unsigned kind)
{
    pqi_ratchet *r = w->r;
    r->draw_mark = r->msgs;
    r->draw_s = w->now_s;
    if (kind == PQI_CHUNK_H) {
        r->flags &= (uint8_t)~PQI_R_HEAL;
    }
}

/* ---- parts of a step ----------------------------------------------------------------------------- */

static pqi_status x25519_key(step *w)
{
    const pqi_classic *c = w->env->algs->classic;
    pqi_status st = pqi_round_coins(c, w->seed, PQI_ROUND_X, (pqi_span){w->x_sk, sizeof w->x_sk});
    return st == PQI_OK ? pqi_pk_x25519_public(&w->at, w->x_sk, w->x_pk) : st;
}

/* The KEM key pair of w->seed: pk to its place in the own object, sk to tmp. */
static pqi_status kem_key(step *w)
{
    const pqi_kem *kem = pqi_suite_eph(w->suite);
    const pqi_span coins = {w->kem_coins, kem->seed_len};
    const pqi_span pk = {pqi_round_out(w->mem, w->suite).ptr + PQI_X25519_LEN, kem->pk_len};
    pqi_status st = pqi_round_coins(w->env->algs->classic, w->seed, PQI_ROUND_KEM, coins);
    if (st == PQI_OK) {
        st = pqi_pk_keygen(&w->at, kem, (pqi_cspan){coins.ptr, coins.len}, pk, w->kem_sk);
    }
    return st;
}

static pqi_cspan obj_out(const step *w, unsigned dir)
{
    return (pqi_cspan){
        pqi_round_out(w->mem, w->suite).ptr, pqi_round_obj_len(w->suite, PQI_CHUNK_H, dir)};
}

static pqi_cspan obj_in(const step *w, unsigned dir)
{
    return (pqi_cspan){
        pqi_round_in_buf(w->mem, w->suite).ptr, pqi_round_obj_len(w->suite, PQI_CHUNK_H, dir)};
}

/* The object of this side stands in round memory. */
static void own_object(step *w, unsigned dir)
{
    memcpy(pqi_round_out(w->mem, w->suite).ptr, w->x_pk, PQI_X25519_LEN);
    w->mem->out_len = (uint16_t)pqi_round_obj_len(w->suite, PQI_CHUNK_H, dir);
}

static pqi_status epoch_secret(step *w, pqi_cspan obj_p, pqi_cspan obj_q, const uint8_t *k)
{
    const pqi_ratchet *r = w->r;
    const pqi_round_in in = {.suite = w->suite,
        .rk = r->rk,
        .sid = r->sid,
        .epoch = r->epoch + 1u,
        .kind = r->kind,
        .obj_p = obj_p,
        .obj_q = obj_q,
        .k = k};
    return pqi_round_secret(w->env->algs->classic, &in, w->es);
}

/* ---- P: the proposal ----------------------------------------------------------------------------- */

/* objP of w->seed: D to w->x_pk, H to round memory. */
static pqi_status make_proposal(step *w, unsigned kind)
{
    pqi_status st = x25519_key(w);
    if (st == PQI_OK && kind == PQI_CHUNK_H) {
        st = kem_key(w);
    }
    if (st == PQI_OK && kind == PQI_CHUNK_H) {
        own_object(w, PQI_CHUNK_OBJ_P);
        st = pqi_erasure_begin(
            &w->mem->in, pqi_round_obj_len(w->suite, PQI_CHUNK_H, PQI_CHUNK_OBJ_Q), w->r->chunk);
    }
    return st;
}

static void ask(step *w, unsigned kind)
{
    pqi_ratchet *r = w->r;
    r->kind = (uint8_t)kind;
    memcpy(r->seed, w->seed, PQI_HS_KEY);
    if (kind == PQI_CHUNK_D) {
        memcpy(r->next, w->x_pk, PQI_X25519_LEN);
    }
    pqi_round_to(r, PQI_ROUND_P_ASK);
    if (kind == PQI_CHUNK_H) {
        pqi_round_take(w->env, r, w->mem, w->now_s);
    }
    pqi_round_pace(r, w->suite);
}

static pqi_status propose(step *w)
{
    pqi_ratchet *r = w->r;
    const int kind = pqi_round_wanted(w->env, r, w->suite, w->now_s);
    if (kind < 0 || (r->flags & PQI_R_WANT) == 0) {
        return PQI_OK;
    }
    if (kind == PQI_CHUNK_H) {
        w->mem = pqi_round_find(w->env, r, w->suite, w->now_s);
        pqi_round_take(w->env, r, w->mem, w->now_s);
    }
    pqi_status st = pqi_provider_random(w->env->provider, (pqi_span){w->seed, sizeof w->seed});
    if (st == PQI_OK) {
        st = make_proposal(w, (unsigned)kind);
    }
    if (st != PQI_OK) {
        pqi_round_release(w->env, r);
        return st;
    }
    ask(w, (unsigned)kind);
    r->flags &= (uint8_t) ~(PQI_R_WANT | PQI_R_HEARD);
    drawn(w, (unsigned)kind);
    return PQI_OK;
}

/* The memory of the proposal went to another session: the same object again, from the same seed. */
static pqi_status propose_again(step *w)
{
    pqi_ratchet *r = w->r;
    w->mem = pqi_round_find(w->env, r, w->suite, w->now_s);
    if (w->mem == NULL) {
        return PQI_OK;
    }
    memcpy(w->seed, r->seed, sizeof w->seed);
    pqi_round_take(w->env, r, w->mem, w->now_s);
    pqi_status st = make_proposal(w, PQI_CHUNK_H);
    if (st != PQI_OK) {
        pqi_round_release(w->env, r);
        return st;
    }
    ask(w, PQI_CHUNK_H);
    return PQI_OK;
}

/* ---- P: the answer came -------------------------------------------------------------------------- */

/* w->k and w->es from a whole answer in round memory. */
static pqi_status finish_h(step *w)
{
    pqi_status st = pqi_erasure_recover(&w->mem->in, pqi_round_in_buf(w->mem, w->suite));
    const pqi_cspan obj_q = obj_in(w, PQI_CHUNK_OBJ_Q);
    if (st == PQI_OK) {
        st = kem_key(w);
    }
    if (st == PQI_OK) {
        const pqi_cspan ct = {obj_q.ptr + PQI_X25519_LEN, pqi_suite_eph(w->suite)->ct_len};
        st = pqi_pk_decaps(
            &w->at, pqi_suite_eph(w->suite), ct, (pqi_cspan){w->kem_sk.ptr, w->kem_sk.len}, w->k);
    }
    if (st == PQI_OK) {
        st = pqi_round_coins(
            w->env->algs->classic, w->seed, PQI_ROUND_X, (pqi_span){w->x_sk, sizeof w->x_sk});
    }
    if (st == PQI_OK) {
        st = pqi_pk_x25519(&w->at, w->x_sk, obj_q.ptr, w->k + PQI_KEM_SS);
    }
    return st == PQI_OK ? epoch_secret(w, obj_out(w, PQI_CHUNK_OBJ_P), obj_q, w->k) : st;
}

static pqi_status finish_d(step *w)
{
    memcpy(w->x_peer, w->r->next, sizeof w->x_peer);
    pqi_status st = x25519_key(w);
    if (st == PQI_OK) {
        st = pqi_pk_x25519(&w->at, w->x_sk, w->x_peer, w->k);
    }
    const pqi_cspan p = {w->x_pk, sizeof w->x_pk}, q = {w->x_peer, sizeof w->x_peer};
    return st == PQI_OK ? epoch_secret(w, p, q, w->k) : st;
}

static bool is_no_key(pqi_status st)
{
    return st == PQI_ERR_AUTH || st == PQI_ERR_DECODE;
}

/* What came is no key: it is collected anew. The proposal stays: section 5. */
static void ask_again(step *w)
{
    pqi_ratchet *r = w->r;
    pqi_round_to(r, PQI_ROUND_P_ASK);
    if (r->kind == PQI_CHUNK_D) {
        memcpy(r->next, w->x_pk, PQI_X25519_LEN);
        return;
    }
    pqi_round_take(w->env, r, w->mem, w->now_s);
    (void)!pqi_erasure_begin(
        &w->mem->in, pqi_round_obj_len(w->suite, PQI_CHUNK_H, PQI_CHUNK_OBJ_Q), r->chunk);
}

static pqi_status finish(step *w)
{
    pqi_ratchet *r = w->r;
    const bool h = r->kind == PQI_CHUNK_H;
    w->mem = h ? pqi_round_held(w->env, r) : NULL;
    if (h && w->mem == NULL) {
        return PQI_ERR_STATE; /* an environment without the memory that the session holds */
    }
    memcpy(w->seed, r->seed, sizeof w->seed);
    pqi_status st = h ? finish_h(w) : finish_d(w);
    if (st != PQI_OK) {
        if (is_no_key(st)) {
            ask_again(w);
        }
        return st;
    }
    memcpy(r->next, w->es, PQI_HS_KEY);
    pqi_wipe(r->seed, PQI_HS_KEY);
    pqi_round_release(w->env, r);
    pqi_round_to(r, PQI_ROUND_P_STORE);
    return PQI_OK;
}

/* ---- Q: the proposal came ------------------------------------------------------------------------ */

static pqi_status answer_h(step *w)
{
    const pqi_classic *c = w->env->algs->classic;
    const pqi_kem *kem = pqi_suite_eph(w->suite);
    pqi_status st = pqi_erasure_recover(&w->mem->in, pqi_round_in_buf(w->mem, w->suite));
    const pqi_cspan obj_p = obj_in(w, PQI_CHUNK_OBJ_P);
    const pqi_cspan ek = {obj_p.ptr + PQI_X25519_LEN, kem->pk_len};
    const pqi_span coins = {w->kem_coins, kem->coins_len};
    const pqi_span ct = {pqi_round_out(w->mem, w->suite).ptr + PQI_X25519_LEN, kem->ct_len};
    if (st == PQI_OK) {
        st = pqi_round_coins(c, w->seed, PQI_ROUND_ENC, coins);
    }
    if (st == PQI_OK) {
        st = pqi_pk_encaps(&w->at, kem, ek, (pqi_cspan){coins.ptr, coins.len}, ct, w->k);
    }
    if (st == PQI_OK) {
        st = x25519_key(w);
    }
    if (st == PQI_OK) {
        st = pqi_pk_x25519(&w->at, w->x_sk, obj_p.ptr, w->k + PQI_KEM_SS);
    }
    if (st == PQI_OK) {
        own_object(w, PQI_CHUNK_OBJ_Q);
        st = epoch_secret(w, obj_p, obj_out(w, PQI_CHUNK_OBJ_Q), w->k);
    }
    return st;
}

static pqi_status answer_d(step *w)
{
    memcpy(w->x_peer, w->r->seed, sizeof w->x_peer);
    pqi_status st = x25519_key(w);
    if (st == PQI_OK) {
        st = pqi_pk_x25519(&w->at, w->x_sk, w->x_peer, w->k);
    }
    const pqi_cspan p = {w->x_peer, sizeof w->x_peer}, q = {w->x_pk, sizeof w->x_pk};
    return st == PQI_OK ? epoch_secret(w, p, q, w->k) : st;
}

static pqi_status answer(step *w)
{
    pqi_ratchet *r = w->r;
    const bool h = r->kind == PQI_CHUNK_H;
    w->mem = h ? pqi_round_held(w->env, r) : NULL;
    if (h && w->mem == NULL) {
        return PQI_ERR_STATE;
    }
    pqi_status st = pqi_provider_random(w->env->provider, (pqi_span){w->seed, sizeof w->seed});
    if (st == PQI_OK) {
        st = h ? answer_h(w) : answer_d(w);
    }
    if (st != PQI_OK) {
        if (is_no_key(st)) { /* nothing of it went out: it may be forgotten */
            pqi_round_release(w->env, r);
            pqi_wipe(r->seed, PQI_HS_KEY);
            pqi_round_to(r, PQI_ROUND_IDLE);
        }
        return st;
    }
    memcpy(r->next, w->es, PQI_HS_KEY);
    if (!h) {
        memcpy(r->seed, w->x_pk, PQI_X25519_LEN);
    }
    pqi_round_to(r, PQI_ROUND_Q_STORE);
    pqi_round_pace(r, w->suite);
    drawn(w, r->kind);
    return PQI_OK;
}

/* ---- front door ---------------------------------------------------------------------------------- */

pqi_status pqi_ratchet_work(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s)
{
    if (!pqi_ratchet_is_live(env, v)) {
        return PQI_ERR_STATE;
    }
    step w = {.env = env, .r = v->r, .now_s = now_s};
    w.suite = pqi_algs_suite(env->algs, v->r->suite);
    pqi_status st = pqi_args_tmp(env->tmp, pqi_ratchet_tmp_len(v->recv.profile, w.suite));
    if (st != PQI_OK || env->provider == NULL) {
        return st != PQI_OK ? st : PQI_ERR_ARG;
    }
    const size_t kem_tmp = (pqi_suite_eph(w.suite)->tmp_len + 7u) & ~(size_t)7u;
    w.at = (pqi_pk_at){env->algs->classic, NULL, env->pk, {env->tmp.ptr, kem_tmp}};
    w.kem_sk = (pqi_span){env->tmp.ptr + kem_tmp, pqi_suite_eph(w.suite)->sk_len};
    switch (pqi_round_state(env, v->r)) {
    case PQI_ROUND_IDLE:
        st = propose(&w);
        break;
    case PQI_ROUND_P_DRAWN:
        st = propose_again(&w);
        break;
    case PQI_ROUND_P_HAVE:
        st = finish(&w);
        break;
    case PQI_ROUND_Q_HAVE:
        st = answer(&w);
        break;
    default:
        break;
    }
    pqi_wipe(w.kem_sk.ptr, w.kem_sk.len);
    pqi_wipe(&w, sizeof w);
    return st;
}
