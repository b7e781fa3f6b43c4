/* SPDX-License-Identifier: Apache-2.0
 * Falcon.Sign, specification Algorithm 10: the front doors of falcon.h and of the descriptors.
 *
 * Nonce and sampler seed are SHAKE256 over a label, the format, the private key, rnd and the
 * message. The format is there because two formats may need a different number of attempts: without
 * it, deterministic signing in both could publish two signatures of one hash. */
#include "base/args.h"
#include "base/mem.h"
#include "ct/secret.h"
#include "prim/falcon/codec.h"
#include "prim/falcon/hash.h"
#include "prim/falcon/modq.h"
#include "prim/falcon/sign_core.h"
#include "prim/keccak/keccak.h"
#include <pqi/wipe.h>

/* The norm of an attempt is too large with probability below 1/2, and a padded signature does not fit
 * with probability below 1/16 (section 3.11.2): all of these fail with probability below 2^-100. */
#define MAX_ATTEMPTS 128u

static const char label[] = "PQI4 falcon nonce v1";

/* An expanded key: words of the backend, residues of the basis, the encoded private key. */
#define EXPANDED_BASIS(n, logn) (8u * PQI_FALCON_EXPANDED_FP(n, logn))
#define EXPANDED_SK(n, logn)    (EXPANDED_BASIS(n, logn) + 8u * (n))

_Static_assert(
    PQI_FALCON512_EXPANDED == (EXPANDED_SK(512u, 9u) + PQI_FALCON512_SK + 7u) / 8u * 8u &&
        PQI_FALCON1024_EXPANDED == (EXPANDED_SK(1024u, 10u) + PQI_FALCON1024_SK + 7u) / 8u * 8u,
    "the sizes of falcon.h");
_Static_assert(PQI_FALCON512_EXPAND_TMP == PQI_FALCON512_SIGN_TMP &&
                   PQI_FALCON1024_EXPAND_TMP == PQI_FALCON1024_SIGN_TMP &&
                   PQI_FALCON512_SIGN_EXPANDED_TMP == PQI_FALCON512_SIGN_TMP &&
                   PQI_FALCON1024_SIGN_EXPANDED_TMP == PQI_FALCON1024_SIGN_TMP,
    "one layout for all");

/* What is signed, and with what. */
typedef struct job {
    unsigned logn;
    pqi_falcon_format format;
    const uint8_t *sk; /* the encoded private key */
    const uint8_t *ek; /* the expanded one, or NULL */
    pqi_falcon_frame frame;
    const pqi_cspan *parts;
    size_t n_parts;
} job;

/* 88 bytes that decide everything about a signature. */
typedef struct draws {
    uint8_t nonce[PQI_FALCON_NONCE], seed[PQI_FALCON_SEED];
} draws;

static size_t sk_len(unsigned logn)
{
    return logn == 9 ? PQI_FALCON512_SK : PQI_FALCON1024_SK;
}

static size_t expanded_len(unsigned logn)
{
    return logn == 9 ? PQI_FALCON512_EXPANDED : PQI_FALCON1024_EXPANDED;
}

static size_t tmp_len(unsigned logn)
{
    return PQI_FALCON_WORK_LEN((size_t)1 << logn);
}

static void derive(draws *d, pqi_falcon_work *w, const job *j, const uint8_t *rnd)
{
    const uint8_t format = (uint8_t)j->format;
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, label, sizeof label - 1);
    pqi_xof_absorb(&w->x, &format, 1);
    pqi_xof_absorb(&w->x, j->sk, sk_len(j->logn));
    pqi_xof_absorb(&w->x, rnd, PQI_FALCON_SEED);
    pqi_falcon_absorb_message(&w->x, &j->frame, j->parts, j->n_parts);
    pqi_xof_squeeze(&w->x, d->nonce, sizeof d->nonce);
    pqi_xof_squeeze(&w->x, d->seed, sizeof d->seed);
}

/* f, g, F from the encoded key, and G. */
static pqi_status load_key(pqi_falcon_work *w, const uint8_t *sk)
{
    pqi_status st = pqi_falcon_decode_sk(w->f, w->g, w->F, sk, w->logn);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_falcon_complete_G(w->G, w->f, w->g, w->F, w->logn, w->t);
}

static void hash_message(pqi_falcon_work *w, const job *j, const uint8_t nonce[PQI_FALCON_NONCE])
{
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, nonce, PQI_FALCON_NONCE);
    pqi_falcon_absorb_message(&w->x, &j->frame, j->parts, j->n_parts);
    pqi_falcon_hash_to_point(&w->x, w->hash, j->logn);
}

/* The key is no private key, and that may show. */
static bool is_unsound(pqi_falcon_work *w)
{
    PQI_PUBLIC(&w->unsound, sizeof w->unsound);
    return w->unsound != 0;
}

/* Steps 4 to 12, after hashing. */
static pqi_status try_until_short(
    pqi_falcon_work *w, const job *j, const draws *d, uint8_t *sig, size_t *sig_len)
{
    const pqi_falcon_backend *backend = pqi_falcon_pick();
    size_t n = (size_t)1 << j->logn,
           room = pqi_falcon_len(j->logn, j->format) - PQI_FALCON_SIG_HEAD;
    uint8_t seed[PQI_FALCON_PRNG_SEED];
    pqi_falcon_expanded ek = {j->ek, NULL};
    pqi_status st = PQI_ERR_PROVIDER;
    if (j->ek != NULL) {
        ek.basis = (const void *)(j->ek + EXPANDED_BASIS(n, j->logn));
    }
    pqi_shake256_start(&w->x);
    pqi_xof_absorb(&w->x, d->seed, sizeof d->seed);
    for (unsigned i = 0; i < MAX_ATTEMPTS && st != PQI_OK; i++) {
        pqi_xof_squeeze(&w->x, seed, sizeof seed);
        const int16_t *s2 = pqi_falcon_attempt(w, backend, &ek, seed);
        if (s2 == NULL) {
            if (is_unsound(w)) {
                st = PQI_ERR_ARG;
                break;
            }
            continue;
        }
        PQI_PUBLIC(s2, n * sizeof *s2);
        size_t len = pqi_falcon_encode_s2(sig + PQI_FALCON_SIG_HEAD, room, j->format, s2, j->logn);
        if (len != 0) {
            sig[0] =
                (uint8_t)((j->format == PQI_FALCON_CT ? PQI_FALCON_HEAD_CT : PQI_FALCON_HEAD_SIG) +
                          j->logn);
            memcpy(sig + 1, d->nonce, PQI_FALCON_NONCE);
            *sig_len = PQI_FALCON_SIG_HEAD + len;
            st = PQI_OK;
        }
    }
    pqi_wipe(seed, sizeof seed);
    return st;
}

/* Arguments are checked; d comes from derive() or, for known answers, from outside. Wipes tmp. */
static pqi_status run(
    pqi_falcon_work *w, const job *j, const draws *d, uint8_t *sig, size_t *sig_len)
{
    pqi_status st = j->ek == NULL ? load_key(w, j->sk) : PQI_OK;
    if (st == PQI_OK) {
        PQI_PUBLIC(d->nonce, sizeof d->nonce);
        hash_message(w, j, d->nonce);
        st = try_until_short(w, j, d, sig, sig_len);
    }
    pqi_wipe(w, tmp_len(j->logn));
    return st;
}

static pqi_status derive_and_run(
    const job *j, uint8_t *sig, size_t *sig_len, const uint8_t *rnd, void *tmp)
{
    pqi_falcon_work *w = pqi_falcon_work_init(tmp, j->logn);
    draws d;
    derive(&d, w, j, rnd);
    pqi_status st = run(w, j, &d, sig, sig_len);
    pqi_wipe(&d, sizeof d);
    return st;
}

/* logn of a descriptor that signs, else 0. */
static unsigned signing_logn(const pqi_sig *alg)
{
    return alg->sign_tmp == 0 ? 0 : pqi_falcon_logn(alg);
}

/* What all public functions check: j->logn, format, message, room for the signature, scratch. */
static pqi_status check(job *j, const pqi_sig *alg, pqi_span sig, size_t *sig_len, pqi_span tmp)
{
    size_t longest = pqi_falcon_sig_len(alg, j->format);
    if (alg == NULL || !pqi_args_parts(j->parts, j->n_parts) || sig.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    j->logn = signing_logn(alg);
    if (j->logn == 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (longest == 0) {
        return PQI_ERR_ARG;
    }
    if (sig.len < longest) {
        *sig_len = longest;
        return PQI_ERR_SPACE;
    }
    return pqi_args_tmp(tmp, tmp_len(j->logn));
}

pqi_status pqi_falcon_sign(const pqi_sig *alg, pqi_falcon_format format, pqi_span sig,
    size_t *sig_len, pqi_cspan sk, const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd,
    pqi_span tmp)
{
    job j = {.format = format, .sk = sk.ptr, .parts = parts, .n_parts = n_parts};
    if (sig_len == NULL) {
        return PQI_ERR_ARG;
    }
    *sig_len = 0;
    pqi_status st = check(&j, alg, sig, sig_len, tmp);
    if (st == PQI_OK &&
        (!pqi_args_exact(sk, sk_len(j.logn)) || !pqi_args_exact(rnd, PQI_FALCON_SEED))) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        st = derive_and_run(&j, sig.ptr, sig_len, rnd.ptr, tmp.ptr);
    }
    if (st != PQI_OK) {
        pqi_args_clear(sig);
    }
    return st;
}

pqi_status pqi_falcon_sign_seeded(const pqi_sig *alg, pqi_falcon_format format, pqi_span sig,
    size_t *sig_len, pqi_cspan sk, const pqi_cspan *parts, size_t n_parts,
    const uint8_t nonce[PQI_FALCON_NONCE], const uint8_t seed[PQI_FALCON_SEED], pqi_span tmp)
{
    job j = {.format = format, .sk = sk.ptr, .parts = parts, .n_parts = n_parts};
    draws d;
    if (sig_len == NULL) {
        return PQI_ERR_ARG;
    }
    *sig_len = 0;
    pqi_status st = check(&j, alg, sig, sig_len, tmp);
    if (st == PQI_OK && (!pqi_args_exact(sk, sk_len(j.logn)) || nonce == NULL || seed == NULL)) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        memcpy(d.nonce, nonce, sizeof d.nonce);
        memcpy(d.seed, seed, sizeof d.seed);
        st = run(pqi_falcon_work_init(tmp.ptr, j.logn), &j, &d, sig.ptr, sig_len);
        pqi_wipe(&d, sizeof d);
    }
    if (st != PQI_OK) {
        pqi_args_clear(sig);
    }
    return st;
}

pqi_status pqi_falcon_expand(const pqi_sig *alg, pqi_span ek, pqi_cspan sk, pqi_span tmp)
{
    unsigned logn = alg == NULL ? 0 : signing_logn(alg);
    pqi_status st = alg == NULL ? PQI_ERR_ARG : logn == 0 ? PQI_ERR_UNSUPPORTED : PQI_OK;
    if (st == PQI_OK && (!pqi_args_exact(sk, sk_len(logn)) || ek.ptr == NULL ||
                            ek.len != expanded_len(logn) || ((uintptr_t)ek.ptr & 7u) != 0)) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        st = pqi_args_tmp(tmp, tmp_len(logn));
    }
    if (st != PQI_OK) {
        pqi_args_clear(ek);
        return st;
    }
    size_t n = (size_t)1 << logn;
    pqi_falcon_work *w = pqi_falcon_work_init(tmp.ptr, logn);
    st = load_key(w, sk.ptr);
    if (st == PQI_OK) {
        pqi_falcon_pick()->expand(w, ek.ptr);
        st = is_unsound(w) ? PQI_ERR_ARG : PQI_OK;
    }
    if (st == PQI_OK) {
        pqi_falcon_transform_basis(w, (void *)(ek.ptr + EXPANDED_BASIS(n, logn)));
        memset(ek.ptr + ek.len - 8, 0, 8);
        memcpy(ek.ptr + EXPANDED_SK(n, logn), sk.ptr, sk.len);
    } else {
        pqi_args_clear(ek);
    }
    pqi_wipe(w, tmp_len(logn));
    return st;
}

pqi_status pqi_falcon_sign_expanded(const pqi_sig *alg, pqi_falcon_format format, pqi_span sig,
    size_t *sig_len, pqi_cspan ek, const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd,
    pqi_span tmp)
{
    job j = {.format = format, .ek = ek.ptr, .parts = parts, .n_parts = n_parts};
    if (sig_len == NULL) {
        return PQI_ERR_ARG;
    }
    *sig_len = 0;
    pqi_status st = check(&j, alg, sig, sig_len, tmp);
    if (st == PQI_OK &&
        (!pqi_args_exact(ek, expanded_len(j.logn)) || ((uintptr_t)ek.ptr & 7u) != 0 ||
            !pqi_args_exact(rnd, PQI_FALCON_SEED))) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        j.sk = ek.ptr + EXPANDED_SK((size_t)1 << j.logn, j.logn);
        st = derive_and_run(&j, sig.ptr, sig_len, rnd.ptr, tmp.ptr);
    }
    if (st != PQI_OK) {
        pqi_args_clear(sig);
    }
    return st;
}

static pqi_status sign_framed(job *j, uint8_t *sig, size_t *sig_len, const uint8_t *rnd, void *tmp)
{
    j->format = PQI_FALCON_PADDED;
    j->frame.framed = true;
    return derive_and_run(j, sig, sig_len, rnd, tmp);
}

pqi_status pqi_falcon_512_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    job j = {.logn = 9, .sk = sk, .frame.ctx = ctx, .parts = parts, .n_parts = n_parts};
    return sign_framed(&j, sig, sig_len, rnd, tmp);
}

pqi_status pqi_falcon_1024_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    job j = {.logn = 10, .sk = sk, .frame.ctx = ctx, .parts = parts, .n_parts = n_parts};
    return sign_framed(&j, sig, sig_len, rnd, tmp);
}
