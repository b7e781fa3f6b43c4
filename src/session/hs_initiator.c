/* SPDX-License-Identifier: Apache-2.0
 * The initiator's steps of a v4 handshake: docs/spec/v4-handshake.md. */
#include "base/args.h"
#include "ct/ct.h"
#include "session/hs_step.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

/* Bytes of an INIT in front of rand_I, which its coins are bound to. */
#define HEAD_BOUND (PQI_HS_INIT_HDR - PQI_HS_RAND)
#define KIDS_AT    4u
#define SEQ_AT     20u
#define RSID_AT    28u

_Static_assert(sizeof(pqi_hs_pend) <= 300u, "state of an initiator between INIT and RESP");

static const pqi_cspan coin_rand_i = {PQI_LIT("PQI4 hs coin rand I")};
static const pqi_cspan coin_x_i = {PQI_LIT("PQI4 hs coin x I")};
static const pqi_cspan coin_ek_i = {PQI_LIT("PQI4 hs coin ek I")};
static const pqi_cspan coin_ct_r = {PQI_LIT("PQI4 hs coin ct R")};

/* ---- INIT ---------------------------------------------------------------------------------------- */

static pqi_step_src init_coins(const uint8_t *seed, const uint8_t *head, size_t nonce)
{
    return (pqi_step_src){seed, {head, HEAD_BOUND}, {head + PQI_HS_INIT_HDR, nonce}};
}

/* Fixed part, zeros in the places of everything random. */
static pqi_status lay_out_init(
    const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_form *f, pqi_span out, size_t *len)
{
    static const uint8_t none[PQI_X25519_LEN];
    const pqi_kem *kem = f->plain_r ? pqi_suite_eph(f->suite) : f->suite->kem;
    memset(o->tmp.ptr, 0, step_larger(f->suite->kem->pk_len, f->suite->kem->ct_len));
    const pqi_hs_init p = {.suite = f->suite,
        .mode = f->mode,
        .psk = f->psk,
        .min_level = say->min_level,
        .seq = say->counter,
        .rsid_i = say->rsid,
        .head_epoch = say->head_epoch,
        .kid_r = {o->peer->kid, PQI_KID_LEN},
        .kid_i = {o->self->kid, PQI_KID_LEN},
        .head_hash = {say->head_hash, PQI_HS_HEAD},
        .rand_i = {none, PQI_HS_RAND},
        .nonce = say->nonce,
        .x_i = {none, PQI_X25519_LEN},
        .ek_i = {o->tmp.ptr, pqi_suite_eph(f->suite)->pk_len},
        .ct_r = {o->tmp.ptr, f->mode == PQI_HS_MODE_K ? kem->ct_len : 0}};
    return pqi_hs_init_write(&p, out, len);
}

/* Everything that comes from the seed, into a packet that was laid out. w->sched.suite is set; w->k gets
 * the KEM's half of the first exchange in mode K. */
static pqi_status fill_init(
    const pqi_hs_op *o, const pqi_step_src *c, const pqi_hs_init *p, pqi_span out, pqi_step_work *w)
{
    const pqi_kem *kem = pqi_suite_eph(w->sched.suite);
    const pqi_pk_at at = step_pk_at(o, kem->tmp_len);
    const pqi_span seed = {w->coins, kem->seed_len};
    const pqi_span sk = {o->tmp.ptr + kem->tmp_len, kem->sk_len};
    pqi_status st =
        pqi_step_coins(o, c, coin_rand_i, (pqi_span){step_place(out, p->rand_i), PQI_HS_RAND});
    if (st == PQI_OK) {
        st = pqi_step_own_x25519(o, c, coin_x_i, step_place(out, p->x_i), w);
    }
    if (st == PQI_OK) {
        st = pqi_step_coins(o, c, coin_ek_i, seed);
    }
    if (st == PQI_OK) {
        const pqi_span pk = {step_place(out, p->ek_i), kem->pk_len};
        st = pqi_pk_keygen(&at, kem, (pqi_cspan){seed.ptr, seed.len}, pk, sk);
    }
    if (st == PQI_OK && p->mode == PQI_HS_MODE_K) {
        st = step_blame_peer(
            pqi_step_encaps_to(o, c, coin_ct_r, o->peer->kem_pk, step_place(out, p->ct_r), w));
    }
    return st;
}

/* The schedule up to th1 and prk_b. */
static pqi_status after_init(
    const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_init *p, pqi_step_work *w)
{
    pqi_status st = PQI_OK;
    if (p->mode == PQI_HS_MODE_K) {
        st = pqi_step_ephemeral_dh(o, o->peer->x25519_pk.ptr, w);
    }
    if (st == PQI_OK) {
        st = pqi_step_start(o, say, PQI_HS_SIDE_I, &w->sched);
    }
    if (st == PQI_OK) {
        st = pqi_hs_hear(step_classic(o), &w->sched, p->body);
    }
    if (st == PQI_OK && p->mode == PQI_HS_MODE_K) {
        st = pqi_step_mix(o, PQI_HS_STATIC_R, p->x_i.ptr, o->peer->x25519_pk.ptr, w);
    }
    return st;
}

static pqi_status make_init(const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_form *f,
    pqi_span out, pqi_step_work *w, pqi_hs_pend *pend)
{
    pqi_hs_init p;
    pqi_status st = lay_out_init(o, say, f, out, &out.len);
    if (st == PQI_OK) {
        st = pqi_step_draw_seed(o, say->seed, w->seed);
    }
    if (st == PQI_OK) {
        st = pqi_hs_init_read(o->algs, (pqi_cspan){out.ptr, out.len}, &p);
    }
    if (st == PQI_OK) {
        const pqi_step_src c = init_coins(w->seed, out.ptr, p.nonce.len);
        w->sched.suite = f->suite;
        st = fill_init(o, &c, &p, out, w);
    }
    if (st == PQI_OK) {
        st = after_init(o, say, &p, w);
    }
    if (st == PQI_OK) {
        pend->sched = w->sched;
        memcpy(pend->seed, w->seed, PQI_HS_SEED);
        memcpy(pend->head, out.ptr, PQI_HS_INIT_HDR + p.nonce.len);
        memcpy(pend->x_i, p.x_i.ptr, PQI_X25519_LEN);
    }
    return st;
}

pqi_status pqi_hs_make_init(
    const pqi_hs_op *o, const pqi_hs_say *say, pqi_hs_pend *pend, pqi_span out, size_t *len)
{
    if (pend == NULL || len == NULL) {
        return PQI_ERR_ARG;
    }
    memset(pend, 0, sizeof *pend);
    if (!pqi_step_op_sound(o) || say == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_hs_form f =
        pqi_step_form_of(o, say->suite, say->mode, say->psk.len != 0, PQI_HS_SIDE_I);
    pqi_status st = pqi_step_may_step(o, &f, PQI_HS_SIDE_I);
    if (st != PQI_OK) {
        return st;
    }
    *len = pqi_hs_init_len(&f, say->nonce.len != 0);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    pqi_step_work w = {0};
    out.len = *len;
    st = make_init(o, say, &f, out, &w, pend);
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        *len = 0;
    }
    pqi_wipe(&w, sizeof w);
    pqi_wipe(o->tmp.ptr, pqi_hs_tmp_len(&f));
    return st;
}

/* ---- state of an initiator ----------------------------------------------------------------------- */

static uint64_t number_at(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

uint32_t pqi_hs_pend_rsid(const pqi_hs_pend *p)
{
    return (uint32_t)number_at(p->head + RSID_AT, 4);
}

uint64_t pqi_hs_pend_seq(const pqi_hs_pend *p)
{
    return number_at(p->head + SEQ_AT, 8);
}

const uint8_t *pqi_hs_pend_rand(const pqi_hs_pend *p)
{
    return p->head + HEAD_BOUND;
}

static size_t pend_nonce(const pqi_hs_pend *p)
{
    return (p->head[1] & PQI_HS_F_NONCE) != 0 ? PQI_HS_NONCE : 0u;
}

pqi_status pqi_hs_pend_form(const pqi_hs_op *o, const pqi_hs_pend *p, pqi_hs_form *f)
{
    if (!pqi_step_op_sound(o) || p == NULL || f == NULL) {
        return PQI_ERR_ARG;
    }
    if (p->sched.suite == NULL) {
        return PQI_ERR_STATE;
    }
    const bool psk = (p->head[1] & PQI_HS_F_PSK) != 0;
    *f = pqi_step_form_of(o, p->sched.suite, p->sched.mode, psk, PQI_HS_SIDE_I);
    return pqi_hs_form_check(f);
}

void pqi_hs_pend_drop(pqi_hs_pend *p)
{
    if (p != NULL) {
        pqi_wipe(p, sizeof *p);
    }
}

/* Form, ends and scratch for a step on pend; kids_R and _I stand in the packet's head. */
static pqi_status may_go_on(const pqi_hs_op *o, const pqi_hs_pend *pend, pqi_hs_form *f)
{
    pqi_status st = pqi_hs_pend_form(o, pend, f);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_ct_eq(pend->head + KIDS_AT, o->peer->kid, PQI_KID_LEN) &&
                   pqi_ct_eq(pend->head + KIDS_AT + PQI_KID_LEN, o->self->kid, PQI_KID_LEN)
               ? pqi_step_may_step(o, f, PQI_HS_SIDE_I)
               : PQI_ERR_ARG;
}

pqi_status pqi_hs_remake_init(
    const pqi_hs_op *o, const pqi_hs_pend *pend, pqi_span out, size_t *len)
{
    pqi_hs_form f;
    pqi_status st = len == NULL ? PQI_ERR_ARG : may_go_on(o, pend, &f);
    if (st != PQI_OK) {
        return st;
    }
    *len = pqi_hs_init_len(&f, pend_nonce(pend) != 0);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    pqi_hs_init p;
    pqi_step_work w = {0};
    out.len = *len;
    memset(out.ptr, 0, out.len);
    memcpy(out.ptr, pend->head, PQI_HS_INIT_HDR + pend_nonce(pend));
    st = pqi_hs_init_read(o->algs, (pqi_cspan){out.ptr, out.len}, &p);
    if (st == PQI_OK) {
        const pqi_step_src c = init_coins(pend->seed, pend->head, p.nonce.len);
        w.sched.suite = f.suite;
        st = fill_init(o, &c, &p, out, &w);
    }
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        *len = 0;
    }
    pqi_wipe(&w, sizeof w);
    pqi_wipe(o->tmp.ptr, pqi_hs_tmp_len(&f));
    return st;
}

/* ---- RESP ---------------------------------------------------------------------------------------- */

/* K_pq of ct_e with the ephemeral key made anew, and x_I. */
static pqi_status open_ephemeral(
    const pqi_hs_op *o, const pqi_hs_pend *pend, const pqi_hs_resp *q, pqi_step_work *w)
{
    const pqi_kem *kem = pqi_suite_eph(w->sched.suite);
    const pqi_pk_at at = step_pk_at(o, kem->tmp_len);
    const pqi_span sk = {o->tmp.ptr + kem->tmp_len, kem->sk_len};
    const pqi_span pk = {sk.ptr + sk.len, kem->pk_len};
    const pqi_span seed = {w->coins, kem->seed_len};
    const pqi_step_src c = init_coins(pend->seed, pend->head, pend_nonce(pend));
    pqi_status st = pqi_step_coins(o, &c, coin_x_i, (pqi_span){w->x, sizeof w->x});
    if (st == PQI_OK) {
        st = pqi_step_ephemeral_dh(o, q->x_r.ptr, w);
    }
    if (st == PQI_OK) {
        st = pqi_step_coins(o, &c, coin_ek_i, seed);
    }
    if (st == PQI_OK) {
        st = pqi_pk_keygen(&at, kem, (pqi_cspan){seed.ptr, seed.len}, pk, sk);
    }
    if (st == PQI_OK) {
        st = pqi_pk_decaps(&at, kem, q->ct_e, (pqi_cspan){sk.ptr, sk.len}, w->k);
    }
    pqi_wipe(sk.ptr, sk.len);
    return st == PQI_OK ? pqi_step_mix(o, PQI_HS_EPHEMERAL, q->x_r.ptr, pend->x_i, w) : st;
}

static pqi_status check_resp(const pqi_hs_op *o, const pqi_hs_pend *pend, const pqi_hs_form *f,
    const pqi_hs_resp *q, pqi_step_work *w)
{
    pqi_status st = open_ephemeral(o, pend, q, w);
    if (st == PQI_OK && f->mode != PQI_HS_MODE_S) {
        st = pqi_step_open_static(o, q->ct_i, q->x_r, w);
        if (st == PQI_OK) {
            st = pqi_step_mix(o, PQI_HS_STATIC_I, q->x_r.ptr, o->self->x25519_pk.ptr, w);
        }
    }
    if (st == PQI_OK) {
        st = pqi_hs_hear(step_classic(o), &w->sched, q->open);
    }
    if (st == PQI_OK) {
        st = pqi_step_check_proof(
            o, f->sig_r, PQI_HS_SIDE_R, (pqi_cspan){NULL, 0}, q->auth, &w->sched);
    }
    return st == PQI_OK ? pqi_hs_hear(step_classic(o), &w->sched, q->auth) : st;
}

static pqi_status make_conf(
    const pqi_hs_op *o, const pqi_hs_form *f, uint32_t rsid_r, pqi_span out, pqi_step_work *w)
{
    size_t at = 0;
    pqi_status st = pqi_hs_conf_write(f, rsid_r, out, &at);
    if (st == PQI_OK) {
        const pqi_span auth = {out.ptr + at, out.len - at};
        st = pqi_step_prove(o, f->sig_i, PQI_HS_SIDE_I, (pqi_cspan){out.ptr, at}, auth, &w->sched);
    }
    return st;
}

pqi_status pqi_hs_take_resp(const pqi_hs_op *o, pqi_hs_pend *pend, pqi_cspan packet,
    pqi_hs_taken *taken, pqi_span out, size_t *len)
{
    pqi_hs_form f;
    pqi_hs_resp q = {0};
    if (taken == NULL || len == NULL) {
        return PQI_ERR_ARG;
    }
    memset(taken, 0, sizeof *taken);
    pqi_status st = may_go_on(o, pend, &f);
    if (st == PQI_OK) {
        st = pqi_hs_resp_read(&f, packet, &q);
    }
    if (st == PQI_OK && q.rsid_i != pqi_hs_pend_rsid(pend)) {
        st = PQI_ERR_AUTH;
    }
    if (st != PQI_OK) {
        return st;
    }
    *len = pqi_hs_conf_len(&f);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    pqi_step_work w = {.sched = pend->sched};
    out.len = *len;
    st = check_resp(o, pend, &f, &q, &w);
    if (st == PQI_OK) {
        st = make_conf(o, &f, q.rsid_r, out, &w);
    }
    if (st == PQI_OK) {
        st = pqi_hs_finish(step_classic(o), &w.sched, &taken->keys);
    }
    if (st == PQI_OK) {
        taken->resp = q;
        pqi_hs_pend_drop(pend);
    } else {
        pqi_wipe(out.ptr, out.len);
        *len = 0;
    }
    pqi_wipe(&w, sizeof w);
    pqi_wipe(o->tmp.ptr, pqi_hs_tmp_len(&f));
    return st;
}
