/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic modulo the two primes of poly.c, on 16-bit words. A header of its own so that the tests
 * reach the scalar functions. */
#ifndef PQI_PRIM_SABER_PRIME_H
#define PQI_PRIM_SABER_PRIME_H

#include <stdint.h>

typedef struct pqi_saber_prime {
    int16_t p;
    int16_t p_inv;    /* p^-1 mod 2^16, centred */
    int16_t barrett;  /* round(2^27 / p) */
    int16_t scale;    /* 2^32 / 32 mod p */
    int16_t zeta[32]; /* w^BitRev5(i) * 2^16 mod p, centred; w of order 64 */
} pqi_saber_prime;

extern const pqi_saber_prime pqi_saber_primes[2];

static inline int16_t mul_hi(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}

static inline int16_t mul_lo(int16_t a, int16_t b)
{
    return (int16_t)(uint16_t)((uint32_t)(int32_t)a * (uint32_t)(int32_t)b);
}

static inline int16_t add(int16_t a, int16_t b)
{
    return (int16_t)(a + b);
}

static inline int16_t sub(int16_t a, int16_t b)
{
    return (int16_t)(a - b);
}

/* a * z * 2^-16 mod p, with zp = z * p^-1 mod 2^16. The low halves of a*z and of (a*zp)*p are equal,
 * so the difference of the high halves is exact. Out: < MONT. */
static inline int16_t mont_mul(int16_t a, int16_t z, int16_t zp, int16_t p)
{
#if defined(__OPTIMIZE_SIZE__)
    return (int16_t)(((int32_t)a * z - (int32_t)mul_lo(a, zp) * p) >> 16); /* below 2^28 */
#else
    return sub(mul_hi(a, z), mul_hi(mul_lo(a, zp), p)); /* the form vector units have */
#endif
}

/* Any a to at most 2784 (2720 for 5441): the centred range, by exhaustion in the tests. */
static inline int16_t barrett(int16_t a, int16_t v, int16_t p)
{
    int16_t t = (int16_t)(add(mul_hi(a, v), 1024) >> 11); /* |a * v / 2^16| <= 12334 */
    return sub(a, mul_lo(t, p));
}

#endif
