/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic modulo q of FIPS 204 section 2.3, on unsigned words. Nothing here branches.
 *
 * Montgomery form with R = 2^32. Unsigned words keep every bound a plain "less than" and use the
 * widening unsigned multiply that all targets have. */
#ifndef PQI_PRIM_MLDSA_FIELD_H
#define PQI_PRIM_MLDSA_FIELD_H

#include "ct/mul.h"

#define PQI_MLDSA_N 256u     /* FIPS 204 section 2.3 */
#define PQI_MLDSA_Q 8380417u /* FIPS 204 Table 1: 2^23 - 2^13 + 1 */
#define PQI_MLDSA_D 13u      /* FIPS 204 Table 1: bits dropped from t */

/* The smallest of these functions, which a build for size would call. */
#define PQI_MLDSA_INLINE static inline __attribute__((always_inline))

#define PQI_MLDSA_NEG_QINV 4236238847u /* -q^-1 mod 2^32 */

typedef struct pqi_mldsa_poly {
    uint32_t c[PQI_MLDSA_N];
} pqi_mldsa_poly;

/* p / 2^32 mod q, for p < 2^32 * q. Result < p / 2^32 + q, so < 2q.
 * m*q = -p mod 2^32, so the low word of the sum is zero; p + m*q < 2^33 * q < 2^64. */
PQI_MLDSA_INLINE uint32_t pqi_mldsa_mont_reduce(uint64_t p)
{
    uint32_t m = (uint32_t)p * PQI_MLDSA_NEG_QINV;
    return (uint32_t)((p + pqi_ct_mul(m, PQI_MLDSA_Q)) >> 32);
}

/* a * b / 2^32 mod q, for a * b < 2^32 * q; result < a*b / 2^32 + q. */
PQI_MLDSA_INLINE uint32_t pqi_mldsa_mont_mul(uint32_t a, uint32_t b)
{
    return pqi_mldsa_mont_reduce(pqi_ct_mul(a, b));
}

/* a mod q for a < 2q: subtracts q and adds it back where that went below zero (bit 31 set). */
PQI_MLDSA_INLINE uint32_t pqi_mldsa_freeze(uint32_t a)
{
    uint32_t d = a - PQI_MLDSA_Q;
    return d + (PQI_MLDSA_Q & (0u - (d >> 31)));
}

#endif
