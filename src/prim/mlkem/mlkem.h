/* SPDX-License-Identifier: Apache-2.0
 * ML-KEM for every parameter set: one implementation, the set is an argument. The heavy work is in
 * functions of one polynomial, which do not depend on the set, so a copy per set would be larger and
 * no faster. The descriptors are in mlkem512.c, mlkem768.c and mlkem1024.c. */
#ifndef PQI_PRIM_MLKEM_MLKEM_H
#define PQI_PRIM_MLKEM_MLKEM_H

#include "prim/mlkem/poly.h"
#include <pqi/hash.h>
#include <pqi/kem.h>

/* FIPS 203 section 8, Table 2; eta2 is 2 in every set. */
typedef struct pqi_mlkem_set {
    uint8_t k, eta1, du, dv;
} pqi_mlkem_set;

#define PQI_MLKEM_BUF 504u /* three SHAKE128 blocks; also the largest PRF output and packed piece */

/* The layout of `tmp`. Fields live as long as their comment says; all are wiped at the end. */
typedef struct pqi_mlkem_work {
    uint64_t sponge[25];
    union {
        pqi_mlkem_acc acc; /* sum of a row */
        pqi_mlkem_poly e;  /* key generation: noise, when the sum is reduced */
    };
    pqi_mlkem_poly a; /* matrix entry, then the row's result */
    uint8_t buf[PQI_MLKEM_BUF];
    uint8_t xof_in[40]; /* rho || two indices */
    uint8_t prf_in[40]; /* seed of the noise (32) || counter */
    uint8_t m[64];      /* m || H(ek), or G's input */
    uint8_t g[64];      /* G's output: rho || sigma or K || r */
    uint8_t reject[32]; /* J(z || c) */
    pqi_mlkem_poly v[]; /* k of them: s, y or u */
} pqi_mlkem_work;

#define PQI_MLKEM_CHUNK 24u /* bytes of hash output at a time: a seventh of a SHAKE128 block */

/* The layout of `tmp` of the small variant. */
typedef struct pqi_mlkem_small_work {
    pqi_xof x;
    pqi_mlkem_poly acc; /* the row in the making */
    uint8_t m[32];      /* the message */
    uint8_t r[32];      /* seed of the noise */
    union {
        uint8_t h[32]; /* H(ek), K */
        struct {
            int16_t c[18]; /* at most 16 coefficients of a chunk after one of the last */
            uint8_t bytes[PQI_MLKEM_CHUNK];
        };
    };
    pqi_mlkem_poly v[]; /* k of them: s, y or u */
} pqi_mlkem_small_work;

#define PQI_MLKEM_SMALL_TMP(k) (sizeof(pqi_mlkem_small_work) + (k) * sizeof(pqi_mlkem_poly))

/* kem.h gives the size of this layout, which is less than 16 bytes shorter where a target aligns words of
 * 64 bits to four bytes. */
#define PQI_MLKEM_SMALL_ASSERT(k, size)                                                            \
    _Static_assert(PQI_MLKEM_SMALL_TMP(k) <= (size) && (size)-PQI_MLKEM_SMALL_TMP(k) < 16u,        \
        "kem.h gives the size of the layout")

#define PQI_MLKEM_TMP(k) (sizeof(pqi_mlkem_work) + (k) * sizeof(pqi_mlkem_poly))

/* Bytes: encapsulation key, decapsulation key, ciphertext (FIPS 203 section 8, Table 3). */
#define PQI_MLKEM_PK(k)         (PQI_MLKEM_BYTES * (k) + 32u)
#define PQI_MLKEM_SK(k)         (2u * PQI_MLKEM_BYTES * (k) + 96u)
#define PQI_MLKEM_CT(k, du, dv) (((size_t)(du) * (k) + (dv)) * 32u)

/* The functions of pqi_kem, with their set. */
pqi_status pqi_mlkem_keygen(
    const pqi_mlkem_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
pqi_status pqi_mlkem_encaps(const pqi_mlkem_set *set, uint8_t *ct, uint8_t *ss, const uint8_t *pk,
    const uint8_t *coins, void *tmp);
pqi_status pqi_mlkem_decaps(
    const pqi_mlkem_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp);
pqi_status pqi_mlkem_check_pk(const pqi_mlkem_set *set, const uint8_t *pk);
pqi_status pqi_mlkem_check_sk(const pqi_mlkem_set *set, const uint8_t *sk, void *tmp);

/* The same with less scratch, in small.c. */
pqi_status pqi_mlkem_small_keygen(
    const pqi_mlkem_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
pqi_status pqi_mlkem_small_encaps(const pqi_mlkem_set *set, uint8_t *ct, uint8_t *ss,
    const uint8_t *pk, const uint8_t *coins, void *tmp);
pqi_status pqi_mlkem_small_decaps(
    const pqi_mlkem_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp);
pqi_status pqi_mlkem_small_check_sk(const pqi_mlkem_set *set, const uint8_t *sk, void *tmp);

/* Defines the descriptor `sym` of one set over the functions impl_keygen, impl_encaps.., whose scratch
 * is tmp_ bytes. */
#define PQI_MLKEM_DESCRIPTOR(sym, impl, tmp_, text, wire_id, category, k_, eta1_, du_, dv_)        \
    static const pqi_mlkem_set set = {(k_), (eta1_), (du_), (dv_)};                                \
    static pqi_status keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)             \
    {                                                                                              \
        return impl##_keygen(&set, pk, sk, seed, tmp);                                             \
    }                                                                                              \
    static pqi_status encaps(                                                                      \
        uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)              \
    {                                                                                              \
        return impl##_encaps(&set, ct, ss, pk, coins, tmp);                                        \
    }                                                                                              \
    static pqi_status decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)         \
    {                                                                                              \
        return impl##_decaps(&set, ss, ct, sk, tmp);                                               \
    }                                                                                              \
    static pqi_status check_pk(const uint8_t *pk, void *tmp)                                       \
    {                                                                                              \
        (void)tmp;                                                                                 \
        return pqi_mlkem_check_pk(&set, pk);                                                       \
    }                                                                                              \
    static pqi_status check_sk(const uint8_t *sk, void *tmp)                                       \
    {                                                                                              \
        return impl##_check_sk(&set, sk, tmp);                                                     \
    }                                                                                              \
    const pqi_kem sym = {                                                                          \
        .name = (text),                                                                            \
        .id = (wire_id),                                                                           \
        .level = (category),                                                                       \
        .flags = 0,                                                                                \
        .pk_len = PQI_MLKEM_PK(k_),                                                                \
        .sk_len = PQI_MLKEM_SK(k_),                                                                \
        .seed_len = 64,                                                                            \
        .ct_len = PQI_MLKEM_CT(k_, du_, dv_),                                                      \
        .coins_len = 32,                                                                           \
        .tmp_len = (tmp_),                                                                         \
        .keygen = keygen,                                                                          \
        .encaps = encaps,                                                                          \
        .decaps = decaps,                                                                          \
        .check_pk = check_pk,                                                                      \
        .check_sk = check_sk,                                                                      \
    };                                                                                             \
    _Static_assert(PQI_MLKEM_PK(k_) <= PQI_KEM_MAX_PK && PQI_MLKEM_SK(k_) <= PQI_KEM_MAX_SK &&     \
                       PQI_MLKEM_CT(k_, du_, dv_) <= PQI_KEM_MAX_CT,                               \
        "limits of kem.h")

#endif
