/* SPDX-License-Identifier: Apache-2.0
 * KEMs. Encapsulation to one public key with secret coins; decapsulation under one public key with
 * secret vectors and z drawn afresh, which also makes every ciphertext an invalid one, and with the
 * true key, where run by run the ciphertext is good or bad. */
#include "base/mem.h"
#include "ct/trace/trace.h"
#include "prim/saber/poly.h"
#include <pqi/kem.h>

#include <stdalign.h>

static alignas(8) uint8_t tmp_bytes[16384];
static uint8_t pk[PQI_KEM_MAX_PK], sk[PQI_KEM_MAX_SK], ct[PQI_KEM_MAX_CT], ss[PQI_KEM_SS];
static uint8_t coins[32], seed[PQI_KEM_MAX_SEED];
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

static void keygen(void)
{
    trace_check(pqi_kem_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                    (pqi_cspan){seed, alg->seed_len}, tmp()) == PQI_OK);
}

/* A key pair and a ciphertext that are the same in every run; coins that are not. */
static void fixed_key(const pqi_kem *use)
{
    alg = use;
    trace_public(seed, sizeof seed, 1);
    trace_public(coins, sizeof coins, 2);
    keygen();
    encaps();
    trace_secret(coins, sizeof coins);
}

/* The secret vector is the first part of the key in ML-KEM and SABER, z its last 32 bytes; the
 * public key and its hash between them stay. ML-KEM reduces every vector, also one of 12-bit values. */
static void secret_key(const pqi_kem *use)
{
    fixed_key(use);
    trace_secret(sk, alg->sk_len - alg->pk_len - 64);
    trace_secret(sk + alg->sk_len - 32, 32);
}

/* SABER refuses a vector with a coefficient that key generation does not make, so the secret one has
 * coefficients in -mu/2..mu/2 here, all at an end of the range in the first two runs. */
static void small_secret_key(const pqi_kem *use)
{
    static uint8_t bytes[4 * 256];
    static uint16_t c[256];
    fixed_key(use);
    size_t k = (alg->sk_len - alg->pk_len - 64) / PQI_SABER_BYTES(PQI_SABER_LOG_Q);
    unsigned half = 7u - (unsigned)k; /* mu / 2 of LightSaber, Saber, FireSaber: 5, 4, 3 */
    trace_secret(bytes, sizeof bytes);
    for (size_t i = 0; i < k; i++) {
        for (size_t j = 0; j < 256; j++) {
            unsigned v = bytes[256 * i + j] * (2u * half + 1u) >> 8; /* 0..2 half */
            c[j] = (uint16_t)(v - half);
        }
        pqi_saber_pack(sk + PQI_SABER_BYTES(PQI_SABER_LOG_Q) * i, c, PQI_SABER_LOG_Q);
    }
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

#define OPS(label, sym, any)                                                                       \
    static void label##_fixed(void)                                                                \
    {                                                                                              \
        fixed_key(&(sym));                                                                         \
    }                                                                                              \
    static void label##_secret(void)                                                               \
    {                                                                                              \
        any(&(sym));                                                                               \
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
#define SABER_ROWS(label, name)                                                                    \
    ROWS(label, name),                                                                             \
    {                                                                                              \
        name " keygen", label##_seed, keygen                                                       \
    }

/* Key generation samples a public matrix by rejection in ML-KEM, so its addresses may depend on the
 * seed; SABER has no rejection, but the matrix here stays the same too. */
#define SEED(label, sym)                                                                           \
    static void label##_seed(void)                                                                 \
    {                                                                                              \
        fixed_key(&(sym));                                                                         \
        trace_secret(seed + 32, 64);                                                               \
    }

OPS(ml512, pqi_kem_ml_kem_512, secret_key)
OPS(ml768, pqi_kem_ml_kem_768, secret_key)
OPS(ml1024, pqi_kem_ml_kem_1024, secret_key)
OPS(small512, pqi_kem_ml_kem_512_small, secret_key)
OPS(small768, pqi_kem_ml_kem_768_small, secret_key)
OPS(small1024, pqi_kem_ml_kem_1024_small, secret_key)
OPS(light, pqi_kem_lightsaber, small_secret_key)
OPS(saber, pqi_kem_saber, small_secret_key)
OPS(fire, pqi_kem_firesaber, small_secret_key)
SEED(light, pqi_kem_lightsaber)
SEED(saber, pqi_kem_saber)
SEED(fire, pqi_kem_firesaber)

const trace_op trace_kem[] = {
    ROWS(ml512, "ML-KEM-512"),
    ROWS(ml768, "ML-KEM-768"),
    ROWS(ml1024, "ML-KEM-1024"),
    ROWS(small512, "ML-KEM-512 small"),
    ROWS(small768, "ML-KEM-768 small"),
    ROWS(small1024, "ML-KEM-1024 small"),
    SABER_ROWS(light, "LightSaber"),
    SABER_ROWS(saber, "Saber"),
    SABER_ROWS(fire, "FireSaber"),
    {NULL, NULL, NULL},
};
