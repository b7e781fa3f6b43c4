/* SPDX-License-Identifier: Apache-2.0
 * KEMs and signatures. The keys are from fixed seeds and are good for nothing else. */
#include "bench.h"

#include <pqi/falcon.h>
#include <pqi/xwing.h>

#include <stdlib.h>
#include <string.h>

static pqi_span room(size_t len)
{
    return (pqi_span){pqi_cli_alloc(len), len};
}

static pqi_cspan in(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* ---- KEM -------------------------------------------------------------------------------- */

typedef struct kem_state {
    const pqi_kem *alg;
    pqi_span pk, sk, seed, ct, ss, coins, tmp;
} kem_state;

static pqi_status kem_keygen(void *state, uint64_t n)
{
    kem_state *s = state;
    memcpy(s->seed.ptr, &n, sizeof n);
    return pqi_kem_keygen(s->alg, s->pk, s->sk, in(s->seed), s->tmp);
}

static pqi_status kem_encaps(void *state, uint64_t n)
{
    kem_state *s = state;
    memcpy(s->coins.ptr, &n, sizeof n);
    return pqi_kem_encaps(s->alg, s->ct, s->ss, in(s->pk), in(s->coins), s->tmp);
}

static pqi_status kem_decaps(void *state, uint64_t n)
{
    kem_state *s = state;
    (void)n;
    return pqi_kem_decaps(s->alg, s->ss, in(s->ct), in(s->sk), s->tmp);
}

static void bench_kem(pqi_bench *b, const pqi_kem *alg)
{
    kem_state s = {alg, room(alg->pk_len), room(alg->sk_len), room(alg->seed_len),
        room(alg->ct_len), room(PQI_KEM_SS), room(alg->coins_len), room(alg->tmp_len)};
    /* decapsulation needs what the others made, also when the filter leaves them out */
    if (kem_keygen(&s, 0) == PQI_OK && kem_encaps(&s, 0) == PQI_OK) {
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "keygen", 0, kem_keygen, &s, 0});
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "encaps", 0, kem_encaps, &s, 0});
        b->failed = b->failed || kem_encaps(&s, 0) != PQI_OK;
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "decaps", 0, kem_decaps, &s, 0});
    } else {
        b->failed = true;
    }
    const pqi_span all[] = {s.pk, s.sk, s.seed, s.ct, s.ss, s.coins, s.tmp};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i].ptr);
    }
}

void pqi_bench_kem(pqi_bench *b)
{
    for (size_t i = 0; i < b->algs->n_kems; i++) {
        if ((b->algs->kems[i]->flags & PQI_ALG_COMPOSITE) == 0) { /* half of it is hardware */
            bench_kem(b, b->algs->kems[i]);
        }
    }
}

/* ---- signatures ------------------------------------------------------------------------- */

typedef struct sig_state {
    const pqi_sig *alg;
    pqi_span pk, sk, seed, sig, rnd, msg, tmp;
    size_t sig_len;
} sig_state;

static pqi_status sig_keygen(void *state, uint64_t n)
{
    sig_state *s = state;
    memcpy(s->seed.ptr, &n, sizeof n);
    return pqi_sig_keygen(s->alg, s->pk, s->sk, in(s->seed), s->tmp);
}

/* Another message each time: signing time depends on the message through rejections. */
static pqi_status sig_sign(void *state, uint64_t n)
{
    sig_state *s = state;
    memcpy(s->msg.ptr, &n, sizeof n);
    const pqi_cspan msg = in(s->msg);
    return pqi_sig_sign(
        s->alg, s->sig, &s->sig_len, in(s->sk), (pqi_cspan){NULL, 0}, &msg, 1, in(s->rnd), s->tmp);
}

static pqi_status sig_verify(void *state, uint64_t n)
{
    sig_state *s = state;
    const pqi_cspan msg = in(s->msg);
    (void)n;
    return pqi_sig_verify(s->alg, in(s->pk), (pqi_cspan){NULL, 0}, &msg, 1,
        (pqi_cspan){s->sig.ptr, s->sig_len}, s->tmp);
}

static void bench_sig(pqi_bench *b, const pqi_sig *alg)
{
    size_t tmp = alg->keygen_tmp > alg->sign_tmp ? alg->keygen_tmp : alg->sign_tmp;
    tmp = alg->verify_tmp > tmp ? alg->verify_tmp : tmp;
    sig_state s = {alg, room(alg->pk_len), room(alg->sk_len), room(alg->seed_len),
        room(alg->sig_len), room(alg->rnd_len), room(64), room(tmp), 0};
    if (sig_keygen(&s, 0) == PQI_OK && sig_sign(&s, 0) == PQI_OK) {
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "keygen", 0, sig_keygen, &s, 0});
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "sign", 0, sig_sign, &s, 0});
        b->failed = b->failed || sig_sign(&s, 0) != PQI_OK;
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "verify", 0, sig_verify, &s, 0});
    } else {
        b->failed = true;
    }
    const pqi_span all[] = {s.pk, s.sk, s.seed, s.sig, s.rnd, s.msg, s.tmp};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i].ptr);
    }
}

void pqi_bench_sig(pqi_bench *b)
{
    for (size_t i = 0; i < b->algs->n_sigs; i++) {
        if ((b->algs->sigs[i]->flags & PQI_ALG_COMPOSITE) == 0) {
            bench_sig(b, b->algs->sigs[i]);
        }
    }
}

/* ---- Falcon: what sig.h does not have ---------------------------------------------------- */

typedef struct falcon_state {
    const pqi_sig *alg;
    pqi_span pk, sk, seed, ek, sig, rnd, msg, tmp;
    size_t sig_len;
} falcon_state;

static pqi_status falcon_expand(void *state, uint64_t n)
{
    falcon_state *s = state;
    (void)n;
    return pqi_falcon_expand(s->alg, s->ek, in(s->sk), s->tmp);
}

static pqi_status falcon_sign_expanded(void *state, uint64_t n)
{
    falcon_state *s = state;
    memcpy(s->msg.ptr, &n, sizeof n);
    const pqi_cspan msg = in(s->msg);
    return pqi_falcon_sign_expanded(
        s->alg, PQI_FALCON_COMPRESSED, s->sig, &s->sig_len, in(s->ek), &msg, 1, in(s->rnd), s->tmp);
}

static pqi_status falcon_verify(void *state, uint64_t n)
{
    falcon_state *s = state;
    const pqi_cspan msg = in(s->msg);
    (void)n;
    return pqi_falcon_verify(s->alg, PQI_FALCON_COMPRESSED, in(s->pk), &msg, 1,
        (pqi_cspan){s->sig.ptr, s->sig_len}, s->tmp);
}

static void bench_falcon(pqi_bench *b, const pqi_sig *alg, size_t expanded)
{
    if (!pqi_bench_wants(b, alg->name, "expand") &&
        !pqi_bench_wants(b, alg->name, "sign-expanded") &&
        !pqi_bench_wants(b, alg->name, "verify-compressed")) {
        return;
    }
    falcon_state s = {alg, room(alg->pk_len), room(alg->sk_len), room(alg->seed_len),
        room(expanded), room(pqi_falcon_sig_len(alg, PQI_FALCON_COMPRESSED)), room(alg->rnd_len),
        room(64), room(PQI_FALCON1024_SIGN_EXPANDED_TMP + PQI_FALCON1024_EXPAND_TMP), 0};
    if (pqi_sig_keygen(alg, s.pk, s.sk, in(s.seed), s.tmp) == PQI_OK &&
        falcon_expand(&s, 0) == PQI_OK && falcon_sign_expanded(&s, 0) == PQI_OK) {
        pqi_bench_run(b, &(pqi_bench_case){alg->name, "expand", 0, falcon_expand, &s, 0});
        pqi_bench_run(
            b, &(pqi_bench_case){alg->name, "sign-expanded", 0, falcon_sign_expanded, &s, 0});
        b->failed = b->failed || falcon_sign_expanded(&s, 0) != PQI_OK;
        pqi_bench_run(
            b, &(pqi_bench_case){alg->name, "verify-compressed", 0, falcon_verify, &s, 0});
    } else {
        b->failed = true;
    }
    const pqi_span all[] = {s.pk, s.sk, s.seed, s.ek, s.sig, s.rnd, s.msg, s.tmp};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i].ptr);
    }
}

void pqi_bench_falcon(pqi_bench *b)
{
    if (pqi_algs_sig(b->algs, PQI_SIG_ID_FALCON_512) != NULL) {
        bench_falcon(b, &pqi_sig_falcon_512, PQI_FALCON512_EXPANDED);
        bench_falcon(b, &pqi_sig_falcon_1024, PQI_FALCON1024_EXPANDED);
    }
}

/* ---- X-Wing ------------------------------------------------------------------------------ */

typedef struct xwing_state {
    pqi_xwing x;
    pqi_span pk, sk, ct, ss, coins, tmp;
} xwing_state;

static pqi_status xwing_keygen(void *state, uint64_t n)
{
    xwing_state *s = state;
    memcpy(s->sk.ptr, &n, sizeof n);
    return pqi_xwing_keygen(&s->x, s->pk, in(s->sk), s->tmp);
}

static pqi_status xwing_encaps(void *state, uint64_t n)
{
    xwing_state *s = state;
    memcpy(s->coins.ptr, &n, sizeof n);
    return pqi_xwing_encaps(&s->x, s->ct, s->ss, in(s->pk), in(s->coins), s->tmp);
}

static pqi_status xwing_decaps(void *state, uint64_t n)
{
    xwing_state *s = state;
    (void)n;
    return pqi_xwing_decaps(&s->x, s->ss, in(s->ct), in(s->sk), s->tmp);
}

void pqi_bench_xwing(pqi_bench *b)
{
    const pqi_kem *kem = pqi_algs_kem(b->algs, PQI_KEM_ID_ML_KEM_768);
    xwing_state s = {{kem, b->algs->classic}, room(PQI_XWING_PK), room(PQI_XWING_SK),
        room(PQI_XWING_CT), room(PQI_XWING_SS), room(PQI_XWING_COINS), {NULL, 0}};
    s.tmp = room(pqi_xwing_tmp_len(&s.x));
    if (xwing_keygen(&s, 0) == PQI_OK && xwing_encaps(&s, 0) == PQI_OK) {
        pqi_bench_run(b, &(pqi_bench_case){"X-Wing", "keygen", 0, xwing_keygen, &s, 0});
        pqi_bench_run(b, &(pqi_bench_case){"X-Wing", "encaps", 0, xwing_encaps, &s, 0});
        b->failed = b->failed || xwing_encaps(&s, 0) != PQI_OK;
        pqi_bench_run(b, &(pqi_bench_case){"X-Wing", "decaps", 0, xwing_decaps, &s, 0});
    } else {
        b->failed = true;
    }
    const pqi_span all[] = {s.pk, s.sk, s.ct, s.ss, s.coins, s.tmp};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        free(all[i].ptr);
    }
}
