/* SPDX-License-Identifier: Apache-2.0
 * Pseudorandom sampling, FIPS 204 section 7.3, and products by the challenge. */
#ifndef PQI_PRIM_MLDSA_SAMPLE_H
#define PQI_PRIM_MLDSA_SAMPLE_H

#include "prim/mldsa/field.h"
#include <pqi/hash.h>

#include <stddef.h>

#define PQI_MLDSA_MAX_TAU 60u

/* Algorithm 30, RejNTTPoly, for the matrix element in `row`, `col` (Algorithm 32). Public. */
void pqi_mldsa_sample_a(pqi_mldsa_poly *a, const uint8_t rho[32], unsigned row, unsigned col);

/* Algorithm 14, CoeffFromThreeBytes: 23 bits, to be refused if not below q. */
static inline uint32_t pqi_mldsa_three_bytes(const uint8_t b[3])
{
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)(b[2] & 0x7fu) << 16;
}

/* Algorithm 31, RejBoundedPoly, for the nonce r (Algorithm 33). raw[i] = eta - coefficient i, which
 * is what the private key stores; 0 <= raw[i] <= 2 eta. Secret, but for the positions of rejected
 * half-bytes, which say nothing about the accepted ones. x is scratch. */
void pqi_mldsa_sample_eta(
    uint8_t raw[PQI_MLDSA_N], pqi_xof *x, const uint8_t seed[64], unsigned nonce, unsigned eta);

/* A challenge: tau signed powers of X, the positive ones first. Public once it is made. */
typedef struct pqi_mldsa_challenge {
    uint8_t at[PQI_MLDSA_MAX_TAU];
    unsigned tau, plus; /* terms; terms with sign + */
} pqi_mldsa_challenge;

/* Algorithm 29, SampleInBall. x and poly are scratch. */
void pqi_mldsa_sample_ball(pqi_mldsa_challenge *c, pqi_xof *x, uint8_t poly[PQI_MLDSA_N],
    const uint8_t *ctilde, size_t ctilde_len, unsigned tau);

/* The challenge as a polynomial with coefficients 0, 1, q - 1. */
void pqi_mldsa_challenge_poly(pqi_mldsa_poly *p, const pqi_mldsa_challenge *c);

/* A short polynomial s made ready for products by challenges: ext[256 + i] = eta + s[i] and
 * ext[i] = eta - s[i], so that X^p * s is a run of 256 bytes (X^256 = -1). ext[i] is given. */
void pqi_mldsa_extend_eta(uint8_t ext[2 * PQI_MLDSA_N], unsigned eta);

/* r = c * s. Time and addresses depend on c only. |r[i]| <= tau * eta. */
void pqi_mldsa_mul_eta(int32_t r[PQI_MLDSA_N], const pqi_mldsa_challenge *c,
    const uint8_t ext[2 * PQI_MLDSA_N], unsigned eta);

/* The same for the PQI_MLDSA_PART coefficients from `at` on, a multiple of that. */
#define PQI_MLDSA_PART 32u
void pqi_mldsa_mul_eta_part(int32_t r[PQI_MLDSA_PART], const pqi_mldsa_challenge *c,
    const uint8_t ext[2 * PQI_MLDSA_N], unsigned at, unsigned eta);

/* PQI_MLDSA_PART coefficients of c * t from `at` on, for ext[256 + i] = bias + t[i] and
 * ext[i] = bias - t[i]. |t[i]| <= bias, which is one of these two. |r[i]| <= tau * bias < 2^18. */
#define PQI_MLDSA_BIAS_T0 4096u
#define PQI_MLDSA_BIAS_T1 1023u
void pqi_mldsa_mul_wide_part(int32_t r[PQI_MLDSA_PART], const pqi_mldsa_challenge *c,
    const uint16_t *ext, unsigned at, unsigned bias);

/* r = c * t for ext[256 + i] = t[i], ext[i] = -t[i]; |t[i]| <= 2^12. */
void pqi_mldsa_mul_wide(int32_t r[PQI_MLDSA_N], const pqi_mldsa_challenge *c, const int32_t *ext);

#endif
