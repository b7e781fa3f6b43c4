/* SPDX-License-Identifier: Apache-2.0
 * Falcon's integers: long products and shifts as 32-bit machines make them, residues modulo q and
 * modulo the primes of key generation, and emulated numbers beside the binary64 of the checker. */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PQI_CT_MUL16 1
#undef __SIZEOF_INT128__
#undef UINTPTR_MAX
#define UINTPTR_MAX 0xFFFFFFFFu
#undef __x86_64__
#include "prim/falcon/fpr_emu.h"
#include "prim/falcon/modq.c"
#include "prim/falcon/rns.h"
#include "proof/proof.h"

#define BOUND(x, b) ((x) >= -(b) && (x) <= (b))

double nondet_double(void);

/* ---- products from 16-bit ones -------------------------------------------------------------- */

/* The checker cannot multiply two free words, so one factor is each power of two, which moves every bit
 * through every part; carries are left to the unit tests. */
void prove_ct_mul(void)
{
    uint32_t a = nondet_uint32();
    for (unsigned n = 0; n < 32; n++) {
        ASSERT(pqi_ct_mul(a, 1u << n) == (uint64_t)a << n);
        ASSERT(pqi_ct_mul(1u << n, a) == (uint64_t)a << n);
    }
}

void prove_mulhi(void)
{
    uint64_t a = nondet_uint64(), lo;
    for (unsigned n = 1; n < 64; n++) {
        ASSERT(falcon_mul64(&lo, a, (uint64_t)1 << n) == a >> (64 - n) && lo == a << n);
    }
}

void prove_shifts(void)
{
    uint64_t x = nondet_uint64();
    unsigned n = nondet_uint32();
    ASSUME(n < 64);
    ASSERT(falcon_shl(x, n) == x << n && falcon_shr(x, n) == x >> n);
}

void prove_clz(void)
{
    uint64_t x = nondet_uint64();
    ASSUME(x != 0);
    unsigned n = falcon_clz(x);
    ASSERT(n < 64 && (x << n) >> 63 == 1);
}

/* ---- residues modulo q ---------------------------------------------------------------------- */

/* t = a z / q mod 2^16 has t q = a z mod 2^16 when the constant is right; the halves then subtract
 * exactly, as saber.c shows. */
void prove_mont_exact(void)
{
    ASSERT((uint16_t)((uint32_t)Q * (uint32_t)QINV) == 1);
}

/* At most |a| 6145 / 2^16 + 6145, which three layers from 6145 and the fourth's 28259 follow from. */
void prove_mont_bound(void)
{
    int16_t a = nondet_int16(), z = nondet_int16();
    int32_t bound = nondet_int32();
    ASSUME(BOUND(z, 6145) && bound >= 6145 && bound <= 20218 && BOUND(a, bound));
    ASSERT(BOUND(mont_mul(a, z), (bound * 6145 >> 16) + 6146));
}

void prove_reduce(void)
{
    int16_t a = nondet_int16();
    int16_t r = reduce(a);
    ASSERT(BOUND(r, 6145) && ((int32_t)a - r) % Q == 0);
}

void prove_centre(void)
{
    int16_t a = nondet_int16();
    int16_t r = pqi_falcon_centre(a);
    ASSERT(BOUND(r, 6144) && ((int32_t)a - r) % Q == 0);
}

/* ---- residues of key generation, p near 2^31 ------------------------------------------------ */

#define P 2147473409u /* the largest prime of the kind */

void prove_rns_add_sub(void)
{
    uint32_t a = nondet_uint32(), b = nondet_uint32();
    ASSUME(a < P && b < P);
    ASSERT(pqi_rns_add(a, b, P) == ((uint64_t)a + b) % P);
    ASSERT(pqi_rns_sub(a, b, P) == ((uint64_t)a + P - b) % P);
}

void prove_rns_small_centre(void)
{
    int32_t v = nondet_int32();
    ASSUME(v > -(1 << 30) && v < 1 << 30);
    ASSERT(pqi_rns_small(v, P) < P);
    ASSUME(BOUND(v, (int32_t)(P / 2)));
    ASSERT(pqi_rns_centre(pqi_rns_small(v, P), P) == v);
}

/* ---- emulated numbers ----------------------------------------------------------------------- */

static uint64_t bits_of(double d)
{
    union {
        double d;
        uint64_t u;
    } v = {.d = d};
    return v.u;
}

/* Zero, or an absolute value in 2^-1022..2^1022. */
static int in_range(uint64_t x)
{
    unsigned e = fpr_exponent(x);
    return x << 1 == 0 || (e >= 1 && e <= 2045);
}

/* One operand has few bits, else it takes minutes. */
void prove_fpr_add(void)
{
    double x = nondet_double(), y = nondet_double();
    ASSUME(in_range(bits_of(x)) && in_range(bits_of(y)) && in_range(bits_of(x + y)));
    ASSUME((bits_of(y) & FPR_FRAC >> 8) == 0);
    ASSUME(fpr_exponent(bits_of(x)) - fpr_exponent(bits_of(y)) < 64);
    ASSERT(fpr_add(bits_of(x), bits_of(y)) == bits_of(x + y));
}

void prove_fpr_half(void)
{
    double x = nondet_double();
    ASSUME(in_range(bits_of(x)) && fpr_exponent(bits_of(x)) != 1); /* whose half is subnormal */
    ASSERT(fpr_half(bits_of(x)) == bits_of(x * 0.5));
}

void prove_fpr_scaled(void)
{
    int64_t i = (int64_t)nondet_uint64();
    ASSUME(i != INT64_MIN);
    ASSERT(fpr_scaled(i, 0) == bits_of((double)i));
}

void prove_fpr_trunc(void)
{
    double x = nondet_double();
    ASSUME(in_range(bits_of(x)) && x > -4611686018427387904.0 && x < 4611686018427387904.0);
    int64_t t = (int64_t)x;
    ASSERT(fpr_trunc(bits_of(x)) == t);
    ASSERT(fpr_floor(bits_of(x)) == t - ((double)t > x ? 1 : 0));
}

/* False: subnormal numbers are not added. */
void refute_fpr_add(void)
{
    double x = nondet_double(), y = nondet_double();
    ASSUME(x > -1.0 && x < 1.0 && y > -1.0 && y < 1.0);
    ASSERT(fpr_add(bits_of(x), bits_of(y)) == bits_of(x + y));
}
