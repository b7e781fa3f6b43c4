/* SPDX-License-Identifier: Apache-2.0
 * The parameters, encodings and scratch of one level. A source file defines PQI_MLDSA_LEVEL as 44,
 * 65 or 87 and includes keygen.h, sign.h and verify.h, which are written for it. */
#ifndef PQI_PRIM_MLDSA_LEVEL_H
#define PQI_PRIM_MLDSA_LEVEL_H

#include "base/mem.h"
#include "ct/secret.h"
#include "prim/keccak/keccak.h"
#include "prim/mldsa/impl.h"
#include "prim/mldsa/ntt.h"
#include "prim/mldsa/pack.h"
#include "prim/mldsa/round.h"
#include "prim/mldsa/sample.h"
#include <pqi/wipe.h>

#include <stdbool.h>

/* FIPS 204 Table 1. CTILDE is lambda / 4, ETA_BITS is bitlen(2 eta), W1_BITS the bits of
 * (q - 1) / (2 gamma2) - 1. */
#if PQI_MLDSA_LEVEL == 44
enum { K = 4, L = 4, ETA = 2, TAU = 39, GAMMA1_BITS = 17, OMEGA = 80, CTILDE = 32 };
enum { GAMMA2 = PQI_MLDSA_GAMMA2_88, W1_BITS = 6, ETA_BITS = 3 };
#elif PQI_MLDSA_LEVEL == 65
enum { K = 6, L = 5, ETA = 4, TAU = 49, GAMMA1_BITS = 19, OMEGA = 55, CTILDE = 48 };
enum { GAMMA2 = PQI_MLDSA_GAMMA2_32, W1_BITS = 4, ETA_BITS = 4 };
#elif PQI_MLDSA_LEVEL == 87
enum { K = 8, L = 7, ETA = 2, TAU = 60, GAMMA1_BITS = 19, OMEGA = 75, CTILDE = 64 };
enum { GAMMA2 = PQI_MLDSA_GAMMA2_32, W1_BITS = 4, ETA_BITS = 3 };
#else
#error "PQI_MLDSA_LEVEL must be 44, 65 or 87"
#endif

enum { N = PQI_MLDSA_N, GAMMA1 = 1 << GAMMA1_BITS, BETA = TAU * ETA };

/* Bytes of one packed polynomial: eta - s, 2^12 - t0, t1, gamma1 - z. */
enum { S_LEN = N / 8 * ETA_BITS, T0_LEN = N / 8 * 13, T1_LEN = N / 8 * 10 };
enum { Z_BITS = GAMMA1_BITS + 1, Z_LEN = N / 8 * Z_BITS };

/* Algorithm 22: rho || t1. Algorithm 24: rho || K || tr || s1 || s2 || t0. */
enum { RHO_LEN = 32, KEY_LEN = 32, SEED_LEN = 32, RND_LEN = 32 };
enum { PK_T1 = RHO_LEN, PK_LEN = PK_T1 + K * T1_LEN };
enum { SK_KEY = RHO_LEN, SK_TR = SK_KEY + KEY_LEN, SK_S1 = SK_TR + PQI_MLDSA_TR };
enum { SK_S2 = SK_S1 + L * S_LEN, SK_T0 = SK_S2 + K * S_LEN, SK_LEN = SK_T0 + K * T0_LEN };
/* Algorithm 26: c~ || z || h. */
enum { SIG_Z = CTILDE, SIG_H = SIG_Z + L * Z_LEN, SIG_LEN = SIG_H + OMEGA + K };

_Static_assert(SK_TR == PQI_MLDSA_SK_TR, "mldsa.c reads tr from an encoded key");
_Static_assert(PK_LEN <= PQI_SIG_MAX_PK && SK_LEN <= PQI_SIG_MAX_SK, "sig.h maxima");
_Static_assert(SIG_LEN <= PQI_SIG_MAX_SIG, "sig.h maxima");
_Static_assert(TAU <= PQI_MLDSA_MAX_TAU, "room in a challenge");
/* The sum of L products of a matrix element < q with a transformed value < 18q, and one of two
 * transformed values, must be a valid input of mont_reduce: (18 L + 18 * 18) q <= 2^32. */
_Static_assert((18ull * L + 18ull * 18ull) * PQI_MLDSA_Q <= 4294967296ull, "accumulator bound");
_Static_assert((int)BETA < (int)GAMMA2, "make_hint relies on it");

/* One row of A times a vector of transformed polynomials, A made on the fly. */
static inline void add_row(uint64_t acc[N], pqi_mldsa_poly *scratch, const uint8_t rho[RHO_LEN],
    unsigned row, const pqi_mldsa_poly v[L])
{
    for (unsigned j = 0; j < L; j++) {
        pqi_mldsa_sample_a(scratch, rho, row, j);
        pqi_mldsa_mac(acc, scratch, &v[j]);
    }
}

/* Coefficients that are taken at a time where there is no room for a polynomial. */
enum { PART = PQI_MLDSA_PART };

/* A function with a frame of its own, which is gone while the caller hashes: the permutation is where
 * the stack is deepest. */
#define PIECE static __attribute__((noinline))

/* w1Encode (Algorithm 28) of PART coefficients, into the hash. `packed`, scratch of PART bytes, may be
 * w1: what is written stays behind what is read. */
static inline void absorb_w1(pqi_xof *x, const uint8_t w1[PART], uint8_t packed[PART])
{
    for (unsigned i = 0; i < PART / 8; i++) {
        uint32_t v[8];
        for (unsigned k = 0; k < 8; k++) {
            v[k] = w1[8 * i + k];
        }
        pqi_mldsa_pack8(packed + i * W1_BITS, v, W1_BITS);
    }
    pqi_xof_absorb(x, packed, (size_t)PART / 8 * W1_BITS);
}

/* Equal, or less than 16 bytes shorter where a target aligns words of 64 bits to four bytes. */
#define SIZE_IS(type, size) (sizeof(type) <= (size) && (size) - sizeof(type) < 16u)

/* The pure interface (Algorithms 2 and 3 after their checks) over sign_mu() and verify_mu() of one level
 * and variant, and its descriptor. */
#define PQI_MLDSA_DESCRIPTOR(sym, text, wire_id, category, keygen_size, sign_size, verify_size)    \
    static pqi_status sign_pure(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,   \
        const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)                     \
    {                                                                                              \
        const pqi_mldsa_frame frame = {1, 0, ctx};                                                 \
        uint8_t mu[PQI_MLDSA_MU];                                                                  \
        pqi_mldsa_make_mu(mu, tmp, sk + SK_TR, &frame, parts, n_parts);                            \
        pqi_status st = sign_mu(sig, sk, mu, rnd, tmp);                                            \
        *sig_len = st == PQI_OK ? SIG_LEN : 0;                                                     \
        pqi_wipe(mu, sizeof mu);                                                                   \
        return st;                                                                                 \
    }                                                                                              \
    static pqi_status verify_pure(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,        \
        size_t n_parts, pqi_cspan sig, void *tmp)                                                  \
    {                                                                                              \
        const pqi_mldsa_frame frame = {1, 0, ctx};                                                 \
        const pqi_cspan key = {pk, PK_LEN};                                                        \
        uint8_t *const mu = mu_room(tmp);                                                          \
        if (sig.len != SIG_LEN) {                                                                  \
            return PQI_ERR_AUTH;                                                                   \
        }                                                                                          \
        pqi_mldsa_make_mu_pk(mu, tmp, key, &frame, parts, n_parts);                                \
        return verify_mu(pk, mu, sig.ptr, tmp);                                                    \
    }                                                                                              \
    static const pqi_mldsa_impl impl = {sign_mu, verify_mu};                                       \
    const pqi_sig sym = {                                                                          \
        .name = (text),                                                                            \
        .id = (wire_id),                                                                           \
        .level = (category),                                                                       \
        .flags = 0,                                                                                \
        .pk_len = PK_LEN,                                                                          \
        .sk_len = SK_LEN,                                                                          \
        .seed_len = SEED_LEN,                                                                      \
        .rnd_len = RND_LEN,                                                                        \
        .sig_len = SIG_LEN,                                                                        \
        .keygen_tmp = (keygen_size),                                                               \
        .sign_tmp = (sign_size),                                                                   \
        .verify_tmp = (verify_size),                                                               \
        .impl = &impl,                                                                             \
        .keygen = keygen,                                                                          \
        .sign = sign_pure,                                                                         \
        .verify = verify_pure,                                                                     \
    };                                                                                             \
    _Static_assert(SIZE_IS(keygen_tmp, keygen_size), "keygen: the size is that of the layout");    \
    _Static_assert(SIZE_IS(sign_tmp, sign_size), "sign: the size is that of the layout");          \
    _Static_assert(SIZE_IS(verify_tmp, verify_size), "verify: the size is that of the layout")

#endif
