/* SPDX-License-Identifier: Apache-2.0
 * Bounds of SABER's arithmetic modulo its two primes, prim/saber/prime.h. */
#include "prim/saber/prime.h"
#include "proof/proof.h"

#define BOUND(x, b) ((x) >= -(b) && (x) <= (b))

/* The difference of the high halves is the exact quotient (a z - t p) / 2^16, where t = a z / p modulo
 * 2^16, and the other form of mont_mul() is the same number. */
static void exact(int32_t p, int16_t p_inv)
{
    int32_t product = nondet_int32();
    ASSUME(BOUND(product, 32768 * (p / 2)));
    int16_t t = mul_lo((int16_t)product, p_inv);
    int32_t r = (product >> 16) - mul_hi(t, (int16_t)p);
    ASSERT(r * 65536 == product - t * p);
    ASSERT(r == (product - (int32_t)t * p) >> 16);
    ASSERT(BOUND(r, (32768 * (p / 2) + 32768 * p) / 65536 + 1));
}
