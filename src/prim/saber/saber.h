/* SPDX-License-Identifier: Apache-2.0
 * SABER for every parameter set: one implementation, the set is an argument. SABER is NOT
 * STANDARDISED: it was a finalist of NIST's third round and was not selected. The descriptors are in
 * lightsaber.c, saber.c and firesaber.c. */
#ifndef PQI_PRIM_SABER_SABER_H
#define PQI_PRIM_SABER_SABER_H

#include "prim/saber/poly.h"
#include <pqi/hash.h>
#include <pqi/kem.h>

/* Spec, parameter table: rank l, mu of the binomial distribution, log2 of T. */
typedef struct pqi_saber_set {
    uint8_t k, mu, log_t;
} pqi_saber_set;

/* The layout of `tmp`; all is wiped at the end. */
typedef struct pqi_saber_work {
    pqi_xof xof;             /* every hash: its state does not lie on the stack */
    uint16_t a[PQI_SABER_N]; /* bytes of a matrix entry, the entry, then a result and its bytes */
    pqi_saber_sum sum;
    uint8_t m[64];       /* m || hash of the public key */
    uint8_t kr[64];      /* K^ || seed of s', then K^ || hash of the ciphertext */
    pqi_saber_small s[]; /* k of them: s or s' */
} pqi_saber_work;

#define PQI_SABER_TMP(k) (sizeof(pqi_saber_work) + (k) * sizeof(pqi_saber_small))

/* Bytes: public key, secret key, ciphertext. */
#define PQI_SABER_PK(k)        (PQI_SABER_BYTES(PQI_SABER_LOG_P) * (k) + 32u)
#define PQI_SABER_SK(k)        (PQI_SABER_BYTES(PQI_SABER_LOG_Q) * (k) + PQI_SABER_PK(k) + 64u)
#define PQI_SABER_CT(k, log_t) (PQI_SABER_BYTES(PQI_SABER_LOG_P) * (k) + PQI_SABER_BYTES(log_t))

/* The functions of pqi_kem, with their set. */
pqi_status pqi_saber_keygen(
    const pqi_saber_set *set, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
pqi_status pqi_saber_encaps(const pqi_saber_set *set, uint8_t *ct, uint8_t *ss, const uint8_t *pk,
    const uint8_t *coins, void *tmp);
pqi_status pqi_saber_decaps(
    const pqi_saber_set *set, uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp);
pqi_status pqi_saber_check_sk(const pqi_saber_set *set, const uint8_t *sk, void *tmp);

/* Defines the descriptor `sym` of one set and the functions behind it. */
#define PQI_SABER_DESCRIPTOR(sym, text, wire_id, category, k_, mu_, log_t_)                        \
    static const pqi_saber_set set = {(k_), (mu_), (log_t_)};                                      \
    static pqi_status keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)             \
    {                                                                                              \
        return pqi_saber_keygen(&set, pk, sk, seed, tmp);                                          \
    }                                                                                              \
    static pqi_status encaps(                                                                      \
        uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)              \
    {                                                                                              \
        return pqi_saber_encaps(&set, ct, ss, pk, coins, tmp);                                     \
    }                                                                                              \
    static pqi_status decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)         \
    {                                                                                              \
        return pqi_saber_decaps(&set, ss, ct, sk, tmp);                                            \
    }                                                                                              \
    static pqi_status check_pk(const uint8_t *pk, void *tmp)                                       \
    {                                                                                              \
        (void)pk; /* every string of this length is a public key: moduli are powers of two */      \
        (void)tmp;                                                                                 \
        return PQI_OK;                                                                             \
    }                                                                                              \
    static pqi_status check_sk(const uint8_t *sk, void *tmp)                                       \
    {                                                                                              \
        return pqi_saber_check_sk(&set, sk, tmp);                                                  \
    }                                                                                              \
    const pqi_kem sym = {                                                                          \
        .name = (text),                                                                            \
        .id = (wire_id),                                                                           \
        .level = (category),                                                                       \
        .flags = PQI_ALG_NOT_STANDARD,                                                             \
        .pk_len = PQI_SABER_PK(k_),                                                                \
        .sk_len = PQI_SABER_SK(k_),                                                                \
        .seed_len = 96,                                                                            \
        .ct_len = PQI_SABER_CT(k_, log_t_),                                                        \
        .coins_len = 32,                                                                           \
        .tmp_len = PQI_SABER_TMP(k_),                                                              \
        .keygen = keygen,                                                                          \
        .encaps = encaps,                                                                          \
        .decaps = decaps,                                                                          \
        .check_pk = check_pk,                                                                      \
        .check_sk = check_sk,                                                                      \
    };                                                                                             \
    _Static_assert((k_)*256u * PQI_SABER_MAX_A * ((mu_) / 2u) <= 12582912u, "bound of poly.h");    \
    _Static_assert(PQI_SABER_PK(k_) <= PQI_KEM_MAX_PK && PQI_SABER_SK(k_) <= PQI_KEM_MAX_SK &&     \
                       PQI_SABER_CT(k_, log_t_) <= PQI_KEM_MAX_CT && PQI_KEM_MAX_SEED >= 96,       \
        "limits of kem.h")

#endif
