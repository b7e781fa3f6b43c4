/* SPDX-License-Identifier: Apache-2.0
 * Rounding and hints, FIPS 204 section 7.4. Constant time: no branch and no division; gamma2 is a
 * constant at every call. */
#ifndef PQI_PRIM_MLDSA_ROUND_H
#define PQI_PRIM_MLDSA_ROUND_H

#include "ct/ct.h"
#include "prim/mldsa/field.h"

#define PQI_MLDSA_GAMMA2_88 ((int32_t)((PQI_MLDSA_Q - 1u) / 88u)) /* ML-DSA-44, Table 1 */
#define PQI_MLDSA_GAMMA2_32 ((int32_t)((PQI_MLDSA_Q - 1u) / 32u)) /* ML-DSA-65 and 87, Table 1 */

/* (q - 1) / (2 gamma2): the number of values of HighBits. */
static inline uint32_t pqi_mldsa_high_values(int32_t gamma2)
{
    return gamma2 == PQI_MLDSA_GAMMA2_88 ? 44u : 16u;
}

/* Algorithm 35, Power2Round, for r < q: r = r1 * 2^13 + r0 with -2^12 < r0 <= 2^12. */
static inline uint32_t pqi_mldsa_power2round(int32_t *r0, uint32_t r)
{
    uint32_t r1 = (r + (1u << (PQI_MLDSA_D - 1u)) - 1u) >> PQI_MLDSA_D;
    *r0 = (int32_t)r - (int32_t)(r1 << PQI_MLDSA_D);
    return r1;
}

/* floor((r + gamma2 - 1) / (2 gamma2)) for r < q: r over 2 gamma2, rounded to nearest, halves down.
 * 2 gamma2 is 2^11 * 93 or 2^9 * 1023; after the shift the quotient by the odd part is exact as
 * x * ceil(2^s / odd) >> s for x <= 4138 or 16879. The test tries every r. */
static inline uint32_t pqi_mldsa_round_quotient(uint32_t r, int32_t gamma2)
{
    uint32_t x = r + (uint32_t)gamma2 - 1u;
    if (gamma2 == PQI_MLDSA_GAMMA2_88) {
        return ((x >> 11) * 2819u) >> 18;
    }
    return ((x >> 9) * 16401u) >> 24;
}

/* Algorithm 36, Decompose, for r < q: r = r1 * 2 gamma2 + r0 mod q, -gamma2 <= r0 <= gamma2.
 * For the top interval r1 becomes 0 and r0 = r - q. Arithmetic only, so that it vectorises. */
static inline uint32_t pqi_mldsa_decompose(int32_t *r0, uint32_t r, int32_t gamma2)
{
    uint32_t m = pqi_mldsa_high_values(gamma2);
    uint32_t r1 = pqi_mldsa_round_quotient(r, gamma2);
    uint32_t top = (m - 1u - r1) >> 31; /* 1 where r1 = m */
    r1 -= m * top;
    *r0 = (int32_t)r - (int32_t)r1 * 2 * gamma2 - (int32_t)(PQI_MLDSA_Q * top);
    return r1;
}

/* 1 if -bound < x < bound does not hold; |x|, bound < 2^30. */
static inline uint32_t pqi_mldsa_exceeds(int32_t x, int32_t bound)
{
    return ((uint32_t)(bound - 1 - x) | (uint32_t)(bound - 1 + x)) >> 31;
}

/* Algorithm 39, MakeHint(-ct0, w - cs2 + ct0), from parts: w = w1 * 2 gamma2 + w0 and
 * r0 = w0 - cs2 + ct0, where |w0 - cs2| < gamma2 and |ct0| < gamma2 were checked before. So
 * HighBits(w - cs2) = w1, and the hint says whether adding ct0 leaves that interval: Decompose gives
 * r1 the range -gamma2 < r0 <= gamma2, and 0 also -gamma2, the end of the top interval. */
static inline uint32_t pqi_mldsa_make_hint(int32_t r0, uint32_t w1, int32_t gamma2)
{
    uint32_t outside = pqi_mldsa_exceeds(r0, gamma2 + 1);
    uint32_t edge = pqi_ct_eq_u32((uint32_t)r0, (uint32_t)-gamma2) & pqi_ct_nonzero_u32(w1);
    return outside | (edge & 1u);
}

/* Algorithm 40, UseHint, for r < q. Everything is public. */
static inline uint32_t pqi_mldsa_use_hint(uint32_t hint, uint32_t r, int32_t gamma2)
{
    uint32_t m = pqi_mldsa_high_values(gamma2);
    int32_t r0;
    uint32_t r1 = pqi_mldsa_decompose(&r0, r, gamma2);
    if (hint == 0) {
        return r1;
    }
    if (r0 > 0) {
        return r1 == m - 1u ? 0 : r1 + 1u;
    }
    return r1 == 0 ? m - 1u : r1 - 1u;
}

#endif
