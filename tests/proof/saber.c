/* SPDX-License-Identifier: Apache-2.0
 * Bounds of SABER's arithmetic modulo its two primes: what the comments of prim/saber/poly.c claim. */
#include "prim/saber/pack.c"
#include "prim/saber/poly.c" /* its functions are static */
#include "proof/proof.h"

#define BOUND(x, b) ((x) >= -(b) && (x) <= (b))
#define MONT_BOUND  4178

/* t = a z / p mod 2^16 has t p = a z mod 2^16 when the constant is right. */
static void mont_exact(const pqi_saber_prime *q)
{
    ASSERT((uint16_t)((uint32_t)(int32_t)q->p * (uint32_t)(int32_t)q->p_inv) == 1);
}

void prove_mont_exact_5441(void)
{
    mont_exact(&pqi_saber_primes[0]);
}

void prove_mont_exact_5569(void)
{
    mont_exact(&pqi_saber_primes[1]);
}

/* Any 16-bit number to the centred range, exactly. */
static void reduces(const pqi_saber_prime *q)
{
    int16_t a = nondet_int16();
    int16_t r = barrett(a, q->barrett, q->p);
    ASSERT(BOUND(r, 2784));
    ASSERT(((int32_t)a - r) % q->p == 0);
}

void prove_barrett_5441(void)
{
    reduces(&pqi_saber_primes[0]);
}

void prove_barrett_5569(void)
{
    reduces(&pqi_saber_primes[1]);
}

/* A forward layer adds the bound of a product; five of them start from 4096. */
void prove_layer(void)
{
    int16_t x = nondet_int16(), y = nondet_int16(), z = nondet_int16();
    int32_t bound = nondet_int32();
    ASSUME(BOUND(z, 2784) && bound >= 0 && bound <= 4096 + 4 * MONT_BOUND);
    ASSUME(BOUND(x, bound) && BOUND(y, bound));
    int16_t t = mont_mul(y, z, mul_lo(z, pqi_saber_primes[1].p_inv), 5569);
    ASSERT(BOUND(x + t, 32767) && BOUND(x - t, 32767));
}

/* So the difference of the high halves is the exact quotient, and both forms of mont_mul() are one. */
void prove_mont_forms(void)
{
    int32_t x = nondet_int32(), y = nondet_int32();
    ASSUME(BOUND(x, 32768 * 2784) && BOUND(y, 32768 * 5569) && (int16_t)x == (int16_t)y);
    int32_t r = (x >> 16) - (y >> 16);
    ASSERT(r == (x - y) >> 16 && r * 65536 == x - y);
}

/* A product is below MONT for every 16-bit factor. */
void prove_mont_bound(void)
{
    int16_t a = nondet_int16(), z = nondet_int16();
    ASSUME(BOUND(z, 2784));
    ASSERT(BOUND(mont_mul(a, z, mul_lo(z, pqi_saber_primes[1].p_inv), 5569), MONT_BOUND));
}

/* A secret coefficient outside its range is seen, for each set. */
void prove_over(void)
{
    uint16_t c[PQI_SABER_N] = {0};
    uint32_t v = nondet_uint32(), max = nondet_uint32();
    ASSUME(v < 65536 && max >= 3 && max <= 5);
    c[17] = (uint16_t)v;
    int32_t centred = (int32_t)((v & 8191u) ^ 4096u) - 4096;
    ASSERT((pqi_saber_over(c, max) != 0) == (centred > (int32_t)max || centred < -(int32_t)max));
}

/* False: 4000 is no bound of a product. */
void refute_mont_bound(void)
{
    int16_t a = nondet_int16(), z = nondet_int16();
    ASSUME(BOUND(z, 2784));
    ASSERT(BOUND(mont_mul(a, z, mul_lo(z, pqi_saber_primes[1].p_inv), 5569), 4000));
}
