/* SPDX-License-Identifier: Apache-2.0
 * Bounds of ML-KEM's arithmetic: what the comments of prim/mlkem/poly.c and poly.h claim. */
#include "prim/mlkem/pack.c"
#include "prim/mlkem/poly.c" /* its functions are static */
#include "proof/proof.h"

#define BOUND(x, b) ((x) >= -(b) && (x) <= (b))

/* |a z / 2^16 mod q| < 2498 for any a and |z| <= 1664. */
void prove_mont_mul(void)
{
    int16_t a = nondet_int16(), z = nondet_int16();
    ASSUME(BOUND(z, 1664));
    ASSERT(BOUND(mont_mul(a, z, zeta_q(z)), 2497));
}

/* The difference of the high halves is the exact quotient (p - t q) / 2^16, for any product p. That
 * mul_lo(a, zeta_q(z)) is this t is associativity modulo 2^16. */
void prove_mont_exact(void)
{
    int32_t p = nondet_int32();
    ASSUME(BOUND(p, 32768 * 1664));
    int16_t t = mul_lo((int16_t)p, QINV);
    ASSERT(((p >> 16) - mul_hi(t, Q)) * 65536 == p - t * Q);
}

void prove_barrett(void)
{
    int16_t a = nondet_int16();
    int16_t r = barrett(a);
    ASSERT(BOUND(r, 1665));
    ASSERT(((int32_t)a - r) % Q == 0);
}

/* One butterfly of the forward transform adds 2497 to the bound of its inputs; seven of them start
 * from 15287. */
void prove_ntt_butterfly(void)
{
    int16_t x = nondet_int16(), y = nondet_int16(), z = nondet_int16();
    int32_t bound = nondet_int32();
    ASSUME(BOUND(z, 1664) && bound >= 0 && bound <= 15287 + 6 * 2497);
    ASSUME(BOUND(x, bound) && BOUND(y, bound));
    int16_t t = mont_mul(y, z, zeta_q(z));
    int32_t sum = x + t, difference = x - t;
    ASSERT(BOUND(sum, bound + 2497) && BOUND(difference, bound + 2497));
    ASSERT(BOUND(sum, 32767) && BOUND(difference, 32767));
}

/* A butterfly of the inverse doubles the bound of sums up to 16 bits; the other output is a product. */
void prove_inv_butterfly(void)
{
    int16_t x = nondet_int16(), y = nondet_int16(), z = nondet_int16();
    ASSUME(BOUND(z, 1664) && BOUND(x, 13320) && BOUND(y, 13320)); /* half of 26640 */
    int32_t sum = x + y, difference = y - x;
    ASSERT(BOUND(sum, 32767) && BOUND(difference, 32767));
    ASSERT(BOUND(mont_mul((int16_t)difference, z, zeta_q(z)), 2497));
}

/* Four products of 0..4095 by reduced values fit the accumulator. */
void prove_mul_acc(void)
{
    int16_t x0 = nondet_int16(), x1 = nondet_int16(), y0 = nondet_int16(), y1 = nondet_int16();
    int16_t z = nondet_int16();
    int32_t acc = nondet_int32();
    ASSUME(x0 >= 0 && x0 <= 4095 && x1 >= 0 && x1 <= 4095);
    ASSUME(BOUND(y0, 1665) && BOUND(y1, 1665) && BOUND(z, 1664));
    ASSUME(BOUND(acc, 3 * 4095 * (1665 + 2497)));
    int32_t r = acc + x0 * y0 + x1 * mont_mul(y1, z, zeta_q(z));
    ASSERT(BOUND(r, 4 * 4095 * (1665 + 2497)));
    ASSERT(4 * 4095 * (1665 + 2497) < Q * 32768);
}

/* The row's reduction: below q for every sum that prove_mul_acc allows, and exact. */
void prove_acc_reduce(void)
{
    int32_t a = nondet_int32();
    ASSUME(BOUND(a, 4 * 4095 * (1665 + 2497)));
    int16_t t = mul_lo((int16_t)a, QINV);
    int32_t r = (a - (int32_t)t * Q) >> 16;
    ASSERT(BOUND(r, Q - 1));
    ASSERT(r * 65536 == a - (int32_t)t * Q);
}

void prove_canonical(void)
{
    int16_t a = barrett(nondet_int16());
    int16_t r = (int16_t)(a + ((a >> 15) & Q));
    ASSERT(r >= 0 && r < Q);
}

/* Decompressed values are canonical and within q / 2^(d+1) of the original (FIPS 203 equation 4.7). */
void prove_decompress(void)
{
    uint32_t y = nondet_uint32(), d = nondet_uint32();
    ASSUME((d == 4 || d == 5 || d == 10 || d == 11) && y < 1u << d);
    int16_t r = expand(y, d);
    ASSERT(r >= 0 && r < Q);
}

/* False: the bound of a product is not below 2497. */
void refute_mont_mul(void)
{
    int16_t a = nondet_int16(), z = nondet_int16();
    ASSUME(BOUND(z, 1664));
    ASSERT(BOUND(mont_mul(a, z, zeta_q(z)), 2000));
}
