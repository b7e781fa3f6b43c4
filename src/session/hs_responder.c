/* SPDX-License-Identifier: Apache-2.0
 * The responder's steps of a v4 handshake: docs/spec/v4-handshake.md. */
#include "base/args.h"
#include "ct/ct.h"
#include "prim/hkdf/sha2_len.h"
#include "session/hs_step.h"
#include "suite/packed.h"

#include <pqi/wipe.h>

_Static_assert(sizeof(pqi_hs_await) <= 160u, "state of a responder between RESP and CONF");

static const pqi_cspan coin_rand_r = {PQI_LIT("PQI4 hs coin rand R")};
static const pqi_cspan coin_x_r = {PQI_LIT("PQI4 hs coin x R")};
static const pqi_cspan coin_ct_e = {PQI_LIT("PQI4 hs coin ct e")};
static const pqi_cspan coin_ct_i = {PQI_LIT("PQI4 hs coin ct I")};

/* ---- RESP ---------------------------------------------------------------------------------------- */

static bool same_kid(pqi_cspan kid, const uint8_t *want)
{
    return pqi_args_exact(kid, PQI_KID_LEN) && pqi_ct_eq(kid.ptr, want, PQI_KID_LEN);
}

static pqi_status init_fits(
    const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_form *f, const pqi_hs_init *p)
{
    const pqi_kem *own = f->plain_r ? pqi_suite_eph(f->suite) : f->suite->kem;
    if (p->suite == NULL || p->suite->id != say->suite->id || p->mode != say->mode ||
        p->psk != (say->psk.len != 0)) {
        return PQI_ERR_POLICY;
    }
    const bool ct = p->ct_r.len == (f->mode == PQI_HS_MODE_K ? own->ct_len : 0u);
    return ct && same_kid(p->kid_r, o->self->kid) && same_kid(p->kid_i, o->peer->kid)
               ? PQI_OK
               : PQI_ERR_AUTH;
}

/* th1 and prk_b. */
static pqi_status hear_init(
    const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_init *p, pqi_step_work *w)
{
    pqi_status st = pqi_step_start(o, say, PQI_HS_SIDE_R, &w->sched);
    if (st == PQI_OK) {
        st = pqi_hs_hear(step_classic(o), &w->sched, p->body);
    }
    if (st == PQI_OK && p->mode == PQI_HS_MODE_K) {
        st = pqi_step_open_static(o, p->ct_r, p->x_i, w);
        if (st == PQI_OK) {
            st = pqi_step_mix(o, PQI_HS_STATIC_R, p->x_i.ptr, o->self->x25519_pk.ptr, w);
        }
    }
    return st;
}

static pqi_status lay_out_resp(const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_form *f,
    const pqi_hs_init *init, pqi_span out)
{
    static const uint8_t none[PQI_X25519_LEN];
    const pqi_kem *eph = pqi_suite_eph(f->suite), *kem = f->plain_i ? eph : f->suite->kem;
    size_t len = 0;
    memset(o->tmp.ptr, 0, step_larger(eph->ct_len, kem->ct_len));
    memset(out.ptr, 0, out.len);
    const pqi_hs_resp q = {.min_level = say->min_level,
        .rsid_i = init->rsid_i,
        .rsid_r = say->rsid,
        .head_epoch = say->head_epoch,
        .init_ctr_r = say->counter,
        .head_hash = {say->head_hash, PQI_HS_HEAD},
        .rand_r = {none, PQI_HS_RAND},
        .x_r = {none, PQI_X25519_LEN},
        .ct_e = {o->tmp.ptr, eph->ct_len},
        .ct_i = {o->tmp.ptr, f->mode != PQI_HS_MODE_S ? kem->ct_len : 0}};
    return pqi_hs_resp_write(f, &q, out, &len);
}

/* x_R, ct_e, ct_I and what comes of them: prk_d. */
static pqi_status fill_resp(const pqi_hs_op *o, const pqi_step_src *c, const pqi_hs_init *p,
    const pqi_hs_resp *q, pqi_span out, pqi_step_work *w)
{
    pqi_status st =
        pqi_step_coins(o, c, coin_rand_r, (pqi_span){step_place(out, q->rand_r), PQI_HS_RAND});
    if (st == PQI_OK) {
        st = pqi_step_own_x25519(o, c, coin_x_r, step_place(out, q->x_r), w);
    }
    if (st == PQI_OK) {
        st = pqi_step_ephemeral_dh(o, p->x_i.ptr, w);
    }
    if (st == PQI_OK) {
        st = pqi_step_encaps_to(o, c, coin_ct_e, p->ek_i, step_place(out, q->ct_e), w);
    }
    if (st == PQI_OK) {
        st = pqi_step_mix(o, PQI_HS_EPHEMERAL, q->x_r.ptr, p->x_i.ptr, w);
    }
    if (st != PQI_OK || p->mode == PQI_HS_MODE_S) {
        return st;
    }
    st = pqi_step_ephemeral_dh(o, o->peer->x25519_pk.ptr, w);
    if (st == PQI_OK) {
        st = pqi_step_encaps_to(o, c, coin_ct_i, o->peer->kem_pk, step_place(out, q->ct_i), w);
    }
    return st == PQI_OK ? pqi_step_mix(o, PQI_HS_STATIC_I, q->x_r.ptr, o->peer->x25519_pk.ptr, w)
                        : st;
}

static pqi_status answer(const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_form *f,
    const pqi_hs_init *init, pqi_span out, pqi_step_work *w)
{
    pqi_hs_resp q;
    pqi_status st = lay_out_resp(o, say, f, init, out);
    if (st == PQI_OK) {
        st = pqi_hs_resp_read(f, (pqi_cspan){out.ptr, out.len}, &q);
    }
    if (st == PQI_OK) {
        st = pqi_step_draw_seed(o, say->seed, w->seed);
    }
    if (st == PQI_OK) {
        st = hear_init(o, say, init, w);
    }
    if (st == PQI_OK) {
        uint8_t th1[PQI_HS_TH];
        memcpy(th1, w->sched.th, sizeof th1);
        const pqi_step_src c = {w->seed, {th1, pqi_sha2_len(f->suite->hash)}, {NULL, 0}};
        st = step_blame_peer(fill_resp(o, &c, init, &q, out, w));
    }
    if (st == PQI_OK) {
        st = pqi_hs_hear(step_classic(o), &w->sched, q.open);
    }
    if (st == PQI_OK) {
        const pqi_span auth = {step_place(out, q.auth), q.auth.len};
        st = pqi_step_prove(o, f->sig_r, PQI_HS_SIDE_R, (pqi_cspan){NULL, 0}, auth, &w->sched);
    }
    return st == PQI_OK ? pqi_hs_hear(step_classic(o), &w->sched, q.auth) : st;
}

pqi_status pqi_hs_answer(const pqi_hs_op *o, const pqi_hs_say *say, const pqi_hs_init *init,
    pqi_hs_await *await, pqi_span out, size_t *len)
{
    if (await == NULL || len == NULL) {
        return PQI_ERR_ARG;
    }
    memset(await, 0, sizeof *await);
    if (!pqi_step_op_sound(o) || say == NULL || init == NULL || say->suite == NULL ||
        say->nonce.len != 0) {
        return PQI_ERR_ARG;
    }
    const pqi_hs_form f =
        pqi_step_form_of(o, say->suite, say->mode, say->psk.len != 0, PQI_HS_SIDE_R);
    pqi_status st = pqi_step_may_step(o, &f, PQI_HS_SIDE_R);
    if (st == PQI_OK) {
        st = init_fits(o, say, &f, init);
    }
    if (st != PQI_OK) {
        return st;
    }
    *len = pqi_hs_resp_len(&f);
    if (out.ptr == NULL || out.len < *len) {
        return PQI_ERR_SPACE;
    }
    pqi_step_work w = {0};
    out.len = *len;
    st = answer(o, say, &f, init, out, &w);
    if (st == PQI_OK) {
        *await = (pqi_hs_await){w.sched, init->rsid_i, say->rsid, f.sig_i, f.sig_r, {0}};
        memcpy(await->kid_i, o->peer->kid, PQI_KID_LEN);
    } else {
        pqi_wipe(out.ptr, out.len);
        *len = 0;
    }
    pqi_wipe(&w, sizeof w);
    pqi_wipe(o->tmp.ptr, pqi_hs_tmp_len(&f));
    return st;
}

/* ---- CONF ---------------------------------------------------------------------------------------- */

pqi_status pqi_hs_take_conf(
    const pqi_hs_op *o, pqi_hs_await *await, pqi_cspan packet, pqi_hs_out *keys)
{
    pqi_hs_conf p = {0};
    if (keys == NULL) {
        return PQI_ERR_ARG;
    }
    memset(keys, 0, sizeof *keys);
    if (!pqi_step_op_sound(o) || await == NULL) {
        return PQI_ERR_ARG;
    }
    if (await->sched.suite == NULL) {
        return PQI_ERR_STATE;
    }
    const pqi_hs_form f = {.suite = await->sched.suite,
        .mode = await->sched.mode,
        .sig_i = await->sig_i,
        .sig_r = await->sig_r};
    const bool same_peer = pqi_ct_eq(await->kid_i, o->peer->kid, PQI_KID_LEN) &&
                           (f.sig_i == NULL || f.sig_i == o->peer->sig_alg);
    pqi_status st = same_peer ? pqi_step_may_step(o, &f, PQI_HS_SIDE_R) : PQI_ERR_ARG;
    if (st == PQI_OK) {
        st = pqi_hs_conf_read(&f, packet, &p);
    }
    if (st == PQI_OK && p.rsid_r != await->rsid_r) {
        st = PQI_ERR_AUTH;
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_hs_sched h = await->sched;
    st = pqi_step_check_proof(o, f.sig_i, PQI_HS_SIDE_I, p.open, p.auth, &h);
    if (st == PQI_OK) {
        st = pqi_hs_finish(step_classic(o), &h, keys);
    }
    if (st == PQI_OK) {
        pqi_hs_await_drop(await);
    }
    pqi_wipe(&h, sizeof h);
    pqi_wipe(o->tmp.ptr, pqi_hs_tmp_len(&f));
    return st;
}

void pqi_hs_await_drop(pqi_hs_await *await)
{
    if (await != NULL) {
        pqi_wipe(await, sizeof *await);
    }
}
