/* SPDX-License-Identifier: Apache-2.0
 * X-Wing, draft-connolly-cfrg-xwing-kem section 5. Names are those of the draft: _M is the ML-KEM
 * half, _X the X25519 half. */
#include "base/args.h"
#include "prim/keccak/keccak.h"
#include "suite/combine.h"

#include <pqi/wipe.h>
#include <pqi/xwing.h>

#define PK_M 1184u /* FIPS 203 section 8, Table 3: ML-KEM-768 */
#define SK_M 2400u
#define CT_M 1088u

_Static_assert(PQI_XWING_PK == PK_M + PQI_X25519_LEN, "public key");
_Static_assert(PQI_XWING_CT == CT_M + PQI_X25519_LEN, "ciphertext");

/* What stands in tmp before the scratch of ML-KEM. */
typedef struct xwing_work {
    uint8_t expanded[96];            /* d || z || sk_X */
    uint8_t ss[PQI_COMBINE_SECRETS]; /* ss_M || ss_X */
    uint8_t pk_x[PQI_X25519_LEN];
    uint8_t pk_m[PK_M]; /* decapsulation only: keygen writes it and nobody reads it */
    uint8_t sk_m[SK_M];
} xwing_work;

_Static_assert(sizeof(xwing_work) == PQI_XWING_TMP(0), "the macro and the layout");
_Static_assert(sizeof(xwing_work) % 8u == 0, "what follows is aligned");

size_t pqi_xwing_tmp_len(const pqi_xwing *x)
{
    return x == NULL || x->kem == NULL ? 0 : PQI_XWING_TMP((size_t)x->kem->tmp_len);
}

/* The parts and the scratch fit. */
static pqi_status check(const pqi_xwing *x, pqi_span tmp)
{
    if (x == NULL || x->kem == NULL || x->classic == NULL) {
        return PQI_ERR_ARG;
    }
    const pqi_kem *k = x->kem;
    if (k->id != PQI_KEM_ID_ML_KEM_768 || k->pk_len != PK_M || k->sk_len != SK_M ||
        k->ct_len != CT_M || k->seed_len != 64u || k->coins_len != 32u) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (x->classic->abi != PQI_CLASSIC_ABI || x->classic->x25519_public == NULL ||
        x->classic->x25519 == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    return pqi_args_tmp(tmp, pqi_xwing_tmp_len(x));
}

static pqi_span kem_tmp(const pqi_xwing *x, xwing_work *w)
{
    return (pqi_span){(uint8_t *)(w + 1), x->kem->tmp_len};
}

/* expandDecapsulationKey, section 5.2: both key pairs of the seed. */
static pqi_status expand(const pqi_xwing *x, xwing_work *w, const uint8_t *sk, uint8_t *pk_m)
{
    const pqi_cspan d_z = {w->expanded, 64};
    pqi_shake256(w->expanded, sizeof w->expanded, sk, PQI_XWING_SK);
    pqi_status st = pqi_kem_keygen(
        x->kem, (pqi_span){pk_m, PK_M}, (pqi_span){w->sk_m, SK_M}, d_z, kem_tmp(x, w));
    return st != PQI_OK ? st : x->classic->x25519_public(w->pk_x, w->expanded + 64);
}

static void combine(
    uint8_t *ss, const xwing_work *w, const uint8_t *ct_x, const uint8_t pk_x[PQI_X25519_LEN])
{
    const pqi_combine_in in = {w->ss, ct_x, pk_x};
    pqi_combine_xwing(&in, ss);
}

pqi_status pqi_xwing_keygen(const pqi_xwing *x, pqi_span pk, pqi_cspan sk, pqi_span tmp)
{
    if (pk.ptr == NULL || pk.len != PQI_XWING_PK || !pqi_args_exact(sk, PQI_XWING_SK)) {
        pqi_args_clear(pk);
        return PQI_ERR_ARG;
    }
    pqi_status st = check(x, tmp);
    if (st == PQI_OK) {
        xwing_work *w = (xwing_work *)(void *)tmp.ptr;
        st = expand(x, w, sk.ptr, pk.ptr);
        if (st == PQI_OK) {
            memcpy(pk.ptr + PK_M, w->pk_x, sizeof w->pk_x);
        }
        pqi_wipe(w, pqi_xwing_tmp_len(x));
    }
    if (st != PQI_OK) {
        pqi_args_clear(pk);
    }
    return st;
}

/* Everything of encapsulation that can fail; the work is wiped by the caller. */
static pqi_status encapsulate(
    const pqi_xwing *x, xwing_work *w, uint8_t *ct, const uint8_t *pk, const uint8_t *coins)
{
    const uint8_t *ek_x = coins + 32; /* the ephemeral private key of X25519 */
    const pqi_cspan pk_m = {pk, PK_M}, m = {coins, 32};
    pqi_status st = pqi_kem_encaps(
        x->kem, (pqi_span){ct, CT_M}, (pqi_span){w->ss, PQI_KEM_SS}, pk_m, m, kem_tmp(x, w));
    if (st == PQI_OK) {
        st = x->classic->x25519_public(ct + CT_M, ek_x);
    }
    if (st == PQI_OK) {
        st = x->classic->x25519(w->ss + PQI_KEM_SS, ek_x, pk + PK_M);
    }
    return st;
}

pqi_status pqi_xwing_encaps(
    const pqi_xwing *x, pqi_span ct, pqi_span ss, pqi_cspan pk, pqi_cspan coins, pqi_span tmp)
{
    pqi_status st = PQI_ERR_ARG;
    if (ct.ptr != NULL && ct.len == PQI_XWING_CT && ss.ptr != NULL && ss.len == PQI_XWING_SS &&
        pqi_args_exact(pk, PQI_XWING_PK) && pqi_args_exact(coins, PQI_XWING_COINS)) {
        st = check(x, tmp);
    }
    if (st == PQI_OK) {
        xwing_work *w = (xwing_work *)(void *)tmp.ptr;
        st = encapsulate(x, w, ct.ptr, pk.ptr, coins.ptr);
        if (st == PQI_OK) {
            combine(ss.ptr, w, ct.ptr + CT_M, pk.ptr + PK_M);
        }
        pqi_wipe(w, pqi_xwing_tmp_len(x));
    }
    if (st != PQI_OK) {
        pqi_args_clear(ct);
        pqi_args_clear(ss);
    }
    return st;
}

/* As encapsulate(). The private key is expanded again: that is the price of a 32-byte key. */
static pqi_status decapsulate(
    const pqi_xwing *x, xwing_work *w, const uint8_t *ct, const uint8_t *sk)
{
    const pqi_cspan ct_m = {ct, CT_M}, sk_m = {w->sk_m, SK_M};
    pqi_status st = expand(x, w, sk, w->pk_m);
    if (st == PQI_OK) {
        st = pqi_kem_decaps(x->kem, (pqi_span){w->ss, PQI_KEM_SS}, ct_m, sk_m, kem_tmp(x, w));
    }
    return st != PQI_OK ? st : x->classic->x25519(w->ss + PQI_KEM_SS, w->expanded + 64, ct + CT_M);
}

pqi_status pqi_xwing_decaps(
    const pqi_xwing *x, pqi_span ss, pqi_cspan ct, pqi_cspan sk, pqi_span tmp)
{
    pqi_status st = PQI_ERR_ARG;
    if (ss.ptr != NULL && ss.len == PQI_XWING_SS && pqi_args_exact(ct, PQI_XWING_CT) &&
        pqi_args_exact(sk, PQI_XWING_SK)) {
        st = check(x, tmp);
    }
    if (st == PQI_OK) {
        xwing_work *w = (xwing_work *)(void *)tmp.ptr;
        st = decapsulate(x, w, ct.ptr, sk.ptr);
        if (st == PQI_OK) {
            combine(ss.ptr, w, ct.ptr + CT_M, w->pk_x);
        }
        pqi_wipe(w, pqi_xwing_tmp_len(x));
    }
    if (st != PQI_OK) {
        pqi_args_clear(ss);
    }
    return st;
}
