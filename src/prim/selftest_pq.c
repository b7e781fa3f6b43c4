/* SPDX-License-Identifier: Apache-2.0
 * Known-answer tests of KEMs and signatures. */
#include "base/mem.h"
#include "ct/ct.h"
#include "prim/selftest_int.h"
#include "prim/selftest_pq_kat.h"

#include <pqi/composite.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Rounded up to 8, so that what follows in tmp is aligned. */
static size_t round8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

static pqi_span take(pqi_span *tmp, size_t len)
{
    pqi_span s = {tmp->ptr, len};
    tmp->ptr += round8(len);
    tmp->len -= round8(len);
    return s;
}

static pqi_cspan in(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* Whether the SHA3-256 of two values together is the known one. */
static bool digest_is(const uint8_t want[PQI_KAT_DIGEST], pqi_cspan a, pqi_cspan b)
{
    uint8_t md[PQI_KAT_DIGEST];
    const pqi_cspan parts[2] = {a, b};
    return pqi_sha3(PQI_HASH_SHA3_256, parts, 2, md, sizeof md) == PQI_OK &&
           pqi_ct_eq(md, want, sizeof md) == 1;
}

static const pqi_cspan none = {NULL, 0};

/* ---- KEM -------------------------------------------------------------------------------- */

size_t pqi_selftest_kem_tmp(const pqi_kem *alg)
{
    return round8(alg->pk_len) + round8(alg->sk_len) + round8(alg->ct_len) + round8(PQI_KEM_SS) +
           round8(alg->tmp_len);
}

typedef struct kem_run {
    pqi_span pk, sk, ct, ss, tmp;
} kem_run;

static bool kem_generates(const pqi_kem *alg, const pqi_kat_kem *k, const kem_run *r)
{
    pqi_cspan seed = {k->seed, alg->seed_len};
    pqi_cspan coins = {k->coins, alg->coins_len};
    return pqi_kem_keygen(alg, r->pk, r->sk, seed, r->tmp) == PQI_OK &&
           digest_is(k->pk, in(r->pk), none) &&
           pqi_kem_encaps(alg, r->ct, r->ss, in(r->pk), coins, r->tmp) == PQI_OK &&
           digest_is(k->ct, in(r->ct), none) && pqi_ct_eq(r->ss.ptr, k->ss, PQI_KEM_SS) == 1;
}

/* The good ciphertext gives the secret, an altered one the known other secret. */
static bool kem_recovers(const pqi_kem *alg, const pqi_kat_kem *k, const kem_run *r)
{
    memset(r->ss.ptr, 0, r->ss.len);
    if (pqi_kem_decaps(alg, r->ss, in(r->ct), in(r->sk), r->tmp) != PQI_OK ||
        pqi_ct_eq(r->ss.ptr, k->ss, PQI_KEM_SS) != 1) {
        return false;
    }
    r->ct.ptr[0] ^= 1u;
    return pqi_kem_decaps(alg, r->ss, in(r->ct), in(r->sk), r->tmp) == PQI_OK &&
           pqi_ct_eq(r->ss.ptr, k->reject, PQI_KEM_SS) == 1;
}

/* Last, since it damages the public key. */
static bool kem_checks(const pqi_kem *alg, const pqi_kat_kem *k, const kem_run *r)
{
    if (pqi_kem_check_pk(alg, in(r->pk), r->tmp) != PQI_OK ||
        pqi_kem_check_sk(alg, in(r->sk), r->tmp) != PQI_OK) {
        return false;
    }
    if (!k->checks_pk) {
        return true;
    }
    r->pk.ptr[0] = 0xff;
    r->pk.ptr[1] = 0xff;
    return pqi_kem_check_pk(alg, in(r->pk), r->tmp) == PQI_ERR_DECODE;
}

pqi_status pqi_selftest_kem(const pqi_kem *alg, pqi_span tmp)
{
    if ((alg->flags & PQI_ALG_COMPOSITE) != 0) {
        return ((const pqi_composite_kem *)alg->impl)->selftest(alg, tmp);
    }
    const pqi_kat_kem *k = NULL;
    for (size_t i = 0; i < COUNT(pqi_kat_kems); i++) {
        if (pqi_kat_kems[i].id == alg->id) {
            k = &pqi_kat_kems[i];
        }
    }
    if (k == NULL || alg->seed_len > sizeof k->seed || alg->coins_len > sizeof k->coins) {
        return PQI_ERR_SELFTEST; /* an algorithm without a known answer is not to be used */
    }
    kem_run r;
    r.pk = take(&tmp, alg->pk_len);
    r.sk = take(&tmp, alg->sk_len);
    r.ct = take(&tmp, alg->ct_len);
    r.ss = take(&tmp, PQI_KEM_SS);
    r.tmp = tmp;
    bool ok = kem_generates(alg, k, &r) && kem_recovers(alg, k, &r) && kem_checks(alg, k, &r);
    return ok ? PQI_OK : PQI_ERR_SELFTEST;
}

/* ---- signatures ------------------------------------------------------------------------- */

size_t pqi_selftest_sig_tmp(const pqi_sig *alg)
{
    size_t work = alg->keygen_tmp;
    work = alg->sign_tmp > work ? alg->sign_tmp : work;
    work = alg->verify_tmp > work ? alg->verify_tmp : work;
    return round8(alg->pk_len) + round8(alg->sk_len) + round8(alg->sig_len) + round8(work);
}

/* An altered signature and an altered message are refused. */
static bool sig_refuses(
    const pqi_sig *alg, pqi_span pk, const pqi_cspan *msg, pqi_span sig, pqi_span tmp)
{
    const pqi_cspan ctx = {PQI_LIT("Context")};
    const pqi_cspan other[1] = {{PQI_LIT("Hello worle")}};
    if (pqi_sig_verify(alg, in(pk), ctx, other, 1, in(sig), tmp) != PQI_ERR_AUTH) {
        return false;
    }
    sig.ptr[0] ^= 1u;
    return pqi_sig_verify(alg, in(pk), ctx, msg, 1, in(sig), tmp) == PQI_ERR_AUTH;
}

static bool sig_works(
    const pqi_sig *alg, const pqi_kat_sig *k, pqi_span pk, pqi_span sk, pqi_span tmp)
{
    static const uint8_t no_rnd[PQI_SIG_MAX_RND]; /* zero: the deterministic variant */
    const pqi_cspan ctx = {PQI_LIT("Context")};
    const pqi_cspan msg[1] = {{PQI_LIT("Hello world")}};
    pqi_span sig = take(&tmp, alg->sig_len);
    if (pqi_sig_keygen(alg, pk, sk, (pqi_cspan){k->seed, alg->seed_len}, tmp) != PQI_OK ||
        !digest_is(k->keys, in(pk), in(sk))) {
        return false;
    }
    pqi_cspan rnd = {no_rnd, alg->rnd_len};
    if (pqi_sig_sign(alg, sig, &sig.len, in(sk), ctx, msg, 1, rnd, tmp) != PQI_OK ||
        !digest_is(k->sig, in(sig), none)) {
        return false;
    }
    return pqi_sig_verify(alg, in(pk), ctx, msg, 1, in(sig), tmp) == PQI_OK &&
           sig_refuses(alg, pk, msg, sig, tmp);
}

pqi_status pqi_selftest_sig(const pqi_sig *alg, pqi_span tmp)
{
    if ((alg->flags & PQI_ALG_COMPOSITE) != 0) {
        return ((const pqi_composite_sig *)alg->impl)->selftest(alg, tmp);
    }
    const pqi_kat_sig *k = NULL;
    for (size_t i = 0; i < COUNT(pqi_kat_sigs); i++) {
        if (pqi_kat_sigs[i].id == alg->id) {
            k = &pqi_kat_sigs[i];
        }
    }
    if (k == NULL || alg->seed_len > sizeof k->seed || alg->rnd_len > PQI_SIG_MAX_RND) {
        return PQI_ERR_SELFTEST; /* an algorithm without a known answer is not to be used */
    }
    pqi_span pk = take(&tmp, alg->pk_len);
    pqi_span sk = take(&tmp, alg->sk_len);
    return sig_works(alg, k, pk, sk, tmp) ? PQI_OK : PQI_ERR_SELFTEST;
}
