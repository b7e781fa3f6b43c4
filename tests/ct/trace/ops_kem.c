/* SPDX-License-Identifier: Apache-2.0
 * KEMs. Encapsulation to one public key with secret coins; decapsulation under one public key with
 * secret vectors and z drawn afresh, which also makes every ciphertext an invalid one, and with the
 * true key, where run by run the ciphertext is good or bad. */
#include "base/mem.h"
#include "ct/trace/trace.h"
#include <pqi/kem.h>

#include <stdalign.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT], ss[PQI_KEM_SS];
static uint8_t coins[32];
static const pqi_kem *alg;

static pqi_span tmp(void)
{
    return (pqi_span){tmp_bytes, alg->tmp_len};
}

static void encaps(void)
{
    trace_check(
        pqi_kem_encaps(alg, (pqi_span){ct, alg->ct_len}, (pqi_span){ss, sizeof ss},
            (pqi_cspan){pk, alg->pk_len}, (pqi_cspan){coins, sizeof coins}, tmp()) == PQI_OK);
}

static void decaps(void)
{
    trace_check(pqi_kem_decaps(alg, (pqi_span){ss, sizeof ss}, (pqi_cspan){ct, alg->ct_len},
                    (pqi_cspan){sk, alg->sk_len}, tmp()) == PQI_OK);
}

/* A key pair and a ciphertext that are the same in every run; coins that are not. */
static void fixed_key(const pqi_kem *use)
{
    uint8_t seed[PQI_KEM_MAX_SEED];
    alg = use;
    trace_public(seed, sizeof seed, 1);
    trace_public(coins, sizeof coins, 2);
    trace_check(pqi_kem_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                    (pqi_cspan){seed, alg->seed_len}, tmp()) == PQI_OK);
    encaps();
    trace_secret(coins, sizeof coins);
}

/* The secret vector is the first part of the key in ML-KEM and SABER, z its last 32 bytes; the
 * public key and its hash between them stay. */
static void secret_key(const pqi_kem *use)
{
    fixed_key(use);
    trace_secret(sk, alg->sk_len - alg->pk_len - 64);
    trace_secret(sk + alg->sk_len - 32, 32);
}

/* The true key; the ciphertext is altered in odd runs. */
static void good_or_bad(const pqi_kem *use)
{
    uint8_t bit[2];
    fixed_key(use);
    trace_secret(bit, sizeof bit);
    ct[alg->ct_len / 2] ^= bit[0] & 1u;
}

#define OPS(label, sym)                                                                            \
    static void label##_fixed(void)                                                                \
    {                                                                                              \
        fixed_key(&(sym));                                                                         \
    }                                                                                              \
    static void label##_secret(void)                                                               \
    {                                                                                              \
        secret_key(&(sym));                                                                        \
    }                                                                                              \
    static void label##_mixed(void)                                                                \
    {                                                                                              \
        good_or_bad(&(sym));                                                                       \
    }
#define ROWS(label, name)                                                                          \
    {name " encaps", label##_fixed, encaps}, {name " decaps, any key", label##_secret, decaps},    \
    {                                                                                              \
        name " decaps, good or bad", label##_mixed, decaps                                         \
    }

OPS(ml512, pqi_kem_ml_kem_512)
OPS(ml768, pqi_kem_ml_kem_768)
OPS(ml1024, pqi_kem_ml_kem_1024)

const trace_op trace_kem[] = {
    ROWS(ml512, "ML-KEM-512"),
    ROWS(ml768, "ML-KEM-768"),
    ROWS(ml1024, "ML-KEM-1024"),
    {NULL, NULL, NULL},
};
