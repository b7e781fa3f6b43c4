/* SPDX-License-Identifier: Apache-2.0
 * Known answers of the composite algorithms. The P-256 key is that of RFC 6979 section A.2.5, and the
 * signatures over M' are the deterministic ones of that document; the post-quantum halves have
 * known answers of their own. */
#include "ct/ct.h"
#include "port/linux/composite_int.h"
#include "port/linux/ossl_p256.h"

#include <stdbool.h>
#include <string.h>

typedef struct kat_sig {
    int32_t id;
    uint8_t sig[PQI_P256_SIG]; /* of "Hello world" under the context "Context" */
} kat_sig;

/* clang-format off */
static const uint8_t p256_pk[PQI_P256_PK] = {
    0x04, 0x60, 0xfe, 0xd4, 0xba, 0x25, 0x5a, 0x9d, 0x31, 0xc9, 0x61, 0xeb, 0x74, 0xc6,
    0x35, 0x6d, 0x68, 0xc0, 0x49, 0xb8, 0x92, 0x3b, 0x61, 0xfa, 0x6c, 0xe6, 0x69, 0x62,
    0x2e, 0x60, 0xf2, 0x9f, 0xb6, 0x79, 0x03, 0xfe, 0x10, 0x08, 0xb8, 0xbc, 0x99, 0xa4,
    0x1a, 0xe9, 0xe9, 0x56, 0x28, 0xbc, 0x64, 0xf2, 0xf1, 0xb2, 0x0c, 0x2d, 0x7e, 0x9f,
    0x51, 0x77, 0xa3, 0xc2, 0x94, 0xd4, 0x46, 0x22, 0x99,
};

static const uint8_t p256_sk[PQI_P256_SCALAR] = {
    0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b, 0x5c, 0x21, 0x57, 0x67, 0xb1,
    0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b, 0x8a, 0x62, 0x2b,
    0x12, 0x0f, 0x67, 0x21,
};

/* The secret for coins of zeros and an ML-KEM key of the seed of zeros. */
static const uint8_t kat_ss[PQI_KEM_SS] = {
    0xb7, 0x6b, 0x07, 0x1e, 0xaf, 0x0e, 0x45, 0xae, 0xac, 0x1d, 0x1e, 0xd2, 0xd5, 0xf1, 0xf3, 0x21,
    0xa1, 0xbd, 0x6a, 0xb5, 0x3c, 0x13, 0x18, 0x13, 0x6b, 0x09, 0xae, 0x72, 0x02, 0xa8, 0x2b, 0xac,
};

static const kat_sig kats[] = {
    {
        .id = PQI_SIG_ID_ML_DSA_44_P256,
        .sig = {
            0xf4, 0x96, 0x6f, 0x21, 0x5c, 0xb0, 0x27, 0xc5, 0xbe, 0x53, 0x25, 0x76, 0xd5, 0xdf,
            0xbb, 0x4f, 0xb2, 0x30, 0x06, 0x01, 0x40, 0x28, 0xc3, 0xea, 0xf4, 0xca, 0x79, 0x7d,
            0x4e, 0x39, 0x50, 0x1a, 0xf0, 0xc3, 0x21, 0x43, 0xf0, 0xbd, 0x05, 0x05, 0x79, 0x7e,
            0x23, 0x01, 0xfc, 0xc6, 0xfd, 0x57, 0xcd, 0xe9, 0x02, 0x1d, 0x4a, 0xa2, 0xa5, 0x18,
            0xf9, 0x5a, 0x3c, 0x50, 0x33, 0x35, 0x4d, 0xf1,
        },
    },
    {
        .id = PQI_SIG_ID_ML_DSA_65_P256,
        .sig = {
            0xab, 0xf1, 0x6e, 0xc8, 0x4b, 0x30, 0xe4, 0xb0, 0xc2, 0x1d, 0xbe, 0xd9, 0xd1, 0xed,
            0xbc, 0xaf, 0x8d, 0x1e, 0x2c, 0x4c, 0xfe, 0x9c, 0x3f, 0xf8, 0x57, 0x1f, 0x2e, 0x61,
            0x10, 0x54, 0x77, 0x92, 0x87, 0xea, 0x20, 0x49, 0xeb, 0xf9, 0x94, 0x6c, 0xb6, 0xf0,
            0xe8, 0xb6, 0xb7, 0xdc, 0xf5, 0x7b, 0x6f, 0x62, 0x83, 0xca, 0x08, 0x2a, 0xb8, 0xf0,
            0xc4, 0xaf, 0x80, 0xd5, 0x27, 0x0c, 0x65, 0x82,
        },
    },
    {
        .id = PQI_SIG_ID_FALCON_512_P256,
        .sig = {
            0x43, 0x2c, 0x83, 0x84, 0xe9, 0x6a, 0xa6, 0x54, 0x11, 0x1b, 0xfa, 0xe8, 0x1f, 0xed,
            0x44, 0x79, 0x73, 0xfd, 0xbe, 0x8c, 0xe6, 0xcd, 0x0d, 0x8e, 0x5d, 0x5a, 0x0c, 0x97,
            0x1b, 0x94, 0xec, 0xfe, 0xa1, 0x7d, 0xd8, 0x3a, 0xb2, 0x39, 0xfd, 0xab, 0x9e, 0x16,
            0x76, 0xe7, 0x88, 0x61, 0x45, 0x17, 0xb0, 0x55, 0x53, 0x6d, 0xfa, 0x05, 0x27, 0xb6,
            0x50, 0x83, 0x4a, 0xa7, 0x7a, 0x3b, 0x8c, 0x24,
        },
    },
    {
        .id = PQI_SIG_ID_FALCON_1024_P256,
        .sig = {
            0x65, 0x63, 0x5a, 0x30, 0x48, 0x3f, 0x58, 0x3a, 0xee, 0x85, 0x8d, 0x21, 0xae, 0x12,
            0xe4, 0x14, 0x3d, 0x35, 0xae, 0xbd, 0x09, 0x3b, 0x0d, 0x03, 0x73, 0x4c, 0xc6, 0x2c,
            0x3d, 0x0f, 0xa6, 0x1f, 0xd4, 0xd3, 0xd4, 0xc1, 0x0f, 0xc3, 0xc0, 0xd4, 0x55, 0x6f,
            0xde, 0x59, 0xd4, 0xb8, 0x6f, 0x85, 0x90, 0xee, 0x06, 0xc3, 0x11, 0x00, 0xaa, 0xb2,
            0x2d, 0x08, 0x2a, 0x66, 0x14, 0x4f, 0x67, 0x5f,
        },
    },
};
/* clang-format on */

/* Rounded up to 8, so that what follows in tmp is aligned. */
static pqi_span take(pqi_span *tmp, size_t len)
{
    size_t room = (len + 7u) & ~(size_t)7u;
    pqi_span s = {tmp->ptr, len};
    tmp->ptr += room;
    tmp->len -= room;
    return s;
}

static pqi_cspan in(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

static bool refuses(const pqi_sig *alg, pqi_span pk, pqi_span sig, size_t at, pqi_span tmp)
{
    const pqi_cspan ctx = {PQI_LIT("Context")};
    const pqi_cspan msg = {PQI_LIT("Hello world")};
    sig.ptr[at] ^= 1u;
    bool ok = pqi_sig_verify(alg, in(pk), ctx, &msg, 1, in(sig), tmp) == PQI_ERR_AUTH;
    sig.ptr[at] ^= 1u;
    return ok;
}

/* The good signature passes; with either half damaged it does not. */
static bool sig_works(const pqi_sig *alg, const uint8_t *p256_sig, pqi_span pk, pqi_span sk,
    pqi_span sig, pqi_span tmp)
{
    static const uint8_t zero[PQI_SIG_MAX_RND]; /* also the seed; the deterministic variant */
    const pqi_composite_sig *c = pqi_composite_sig_of(alg);
    const pqi_sig *pq = c->pq;
    const pqi_cspan ctx = {PQI_LIT("Context")};
    const pqi_cspan msg = {PQI_LIT("Hello world")};
    uint8_t m[PQI_COMPOSITE_MSG_MAX];
    size_t len = 0, pq_len = 0;
    memcpy(pk.ptr + pq->pk_len, p256_pk, sizeof p256_pk);
    const pqi_cspan seed = {zero, pq->seed_len}, rnd = {zero, pq->rnd_len};
    if (pqi_sig_keygen(pq, (pqi_span){pk.ptr, pq->pk_len}, sk, seed, tmp) != PQI_OK ||
        pqi_composite_message(&pqi_classic_openssl, c, ctx, &msg, 1, m, &len) != PQI_OK) {
        return false;
    }
    const pqi_cspan part = {m, len};
    if (pqi_sig_sign(pq, (pqi_span){sig.ptr, pq->sig_len}, &pq_len, in(sk), c->label, &part, 1, rnd,
            tmp) != PQI_OK ||
        pq_len != pq->sig_len) {
        return false;
    }
    sig.len = pq_len + pqi_p256_der_encode(p256_sig, sig.ptr + pq_len);
    return pqi_sig_verify(alg, in(pk), ctx, &msg, 1, in(sig), tmp) == PQI_OK &&
           refuses(alg, pk, sig, pq_len / 2u, tmp) && refuses(alg, pk, sig, sig.len - 1u, tmp);
}

pqi_status pqi_composite_selftest_sig(const pqi_sig *alg, pqi_span tmp)
{
    const uint8_t *p256_sig = NULL;
    for (size_t i = 0; i < sizeof kats / sizeof kats[0]; i++) {
        p256_sig = kats[i].id == alg->id ? kats[i].sig : p256_sig;
    }
    if (p256_sig == NULL) {
        return PQI_ERR_SELFTEST; /* an algorithm without a known answer is not to be used */
    }
    pqi_span pk = take(&tmp, alg->pk_len);
    pqi_span sk = take(&tmp, alg->sk_len);
    pqi_span sig = take(&tmp, alg->sig_len);
    return sig_works(alg, p256_sig, pk, sk, sig, tmp) ? PQI_OK : PQI_ERR_SELFTEST;
}

/* RFC 6979's key is the receiver: what its holder computes is what encapsulation gave. */
pqi_status pqi_composite_selftest_kem(const pqi_kem *alg, pqi_span tmp)
{
    static const uint8_t zero[96]; /* seed and coins */
    const pqi_composite_kem *c = pqi_composite_kem_of(alg);
    pqi_span pk = take(&tmp, alg->pk_len);
    pqi_span sk = take(&tmp, alg->sk_len);
    pqi_span ct = take(&tmp, alg->ct_len);
    pqi_span ss = take(&tmp, PQI_KEM_SS);
    uint8_t own[PQI_KEM_SS], ss_t[PQI_P256_SS];
    const pqi_span pk_pq = {pk.ptr, c->pq->pk_len};
    const pqi_cspan ct_pq = {ct.ptr, c->pq->ct_len};
    uint8_t *ek_t = pk.ptr + pk_pq.len;
    memcpy(ek_t, p256_pk, sizeof p256_pk);
    bool ok =
        pqi_kem_keygen(c->pq, pk_pq, sk, (pqi_cspan){zero, c->pq->seed_len}, tmp) == PQI_OK &&
        pqi_kem_encaps(alg, ct, ss, in(pk), (pqi_cspan){zero, alg->coins_len}, tmp) == PQI_OK &&
        pqi_kem_decaps(c->pq, (pqi_span){own, sizeof own}, ct_pq, in(sk), tmp) == PQI_OK &&
        pqi_ossl_p256_dh(ss_t, p256_sk, ct.ptr + ct_pq.len) == PQI_OK;
    if (ok) {
        pqi_composite_kem_combine(c, own, ss_t, ct.ptr + ct_pq.len, ek_t, own);
        ok = pqi_ct_eq(own, ss.ptr, sizeof own) == 1 && pqi_ct_eq(own, kat_ss, sizeof kat_ss) == 1;
    }
    ek_t[1] ^= 1u; /* off the curve */
    ok = ok && pqi_kem_check_pk(alg, in(pk), tmp) == PQI_ERR_DECODE;
    return ok ? PQI_OK : PQI_ERR_SELFTEST;
}
