/* SPDX-License-Identifier: Apache-2.0
 * The inline building blocks that secrets pass through, each as a function of its own. tools/ct-check
 * compiles this file for every compiler, level and processor and refuses a conditional branch anywhere
 * in it: these functions are straight lines in the source and have to stay so in the machine code. */
#include "ct/ct.h"
#include "ct/mul.h"
#include "prim/falcon/fixed.h"
#include "prim/falcon/fpr_emu.h"
#include "prim/falcon/rns.h"
#include "prim/falcon/wide.h"
#include "prim/mcu/wide.h"
#include "prim/mldsa/field.h"
#include "prim/mldsa/round.h"
#include "prim/saber/prime.h"

/* A function of its own for an expression. */
#define STRAIGHT(name, type, parameters, expression)                                               \
    type straight_##name parameters;                                                               \
    type straight_##name parameters                                                                \
    {                                                                                              \
        return (expression);                                                                       \
    }

uint32_t straight_barrier(uint32_t x);
uint32_t straight_nonzero(uint32_t x);
uint32_t straight_eq(uint32_t a, uint32_t b);
uint32_t straight_select(uint32_t mask, uint32_t a, uint32_t b);
uint32_t straight_mldsa_mont_mul(uint32_t a, uint32_t b);
uint32_t straight_mldsa_freeze(uint32_t a);
uint32_t straight_mldsa_power2round(int32_t *r0, uint32_t r);
uint32_t straight_mldsa_decompose_88(int32_t *r0, uint32_t r);
uint32_t straight_mldsa_decompose_32(int32_t *r0, uint32_t r);
uint32_t straight_mldsa_exceeds(int32_t x, int32_t bound);
uint32_t straight_mldsa_make_hint(int32_t r0, uint32_t w1);

uint32_t straight_barrier(uint32_t x)
{
    return pqi_ct_barrier_u32(x);
}

uint32_t straight_nonzero(uint32_t x)
{
    return pqi_ct_nonzero_u32(x);
}

uint32_t straight_eq(uint32_t a, uint32_t b)
{
    return pqi_ct_eq_u32(a, b);
}

uint32_t straight_select(uint32_t mask, uint32_t a, uint32_t b)
{
    return pqi_ct_select_u32(mask, a, b);
}

uint32_t straight_mldsa_mont_mul(uint32_t a, uint32_t b)
{
    return pqi_mldsa_mont_mul(a, b);
}

uint32_t straight_mldsa_freeze(uint32_t a)
{
    return pqi_mldsa_freeze(a);
}

uint32_t straight_mldsa_power2round(int32_t *r0, uint32_t r)
{
    return pqi_mldsa_power2round(r0, r);
}

uint32_t straight_mldsa_decompose_88(int32_t *r0, uint32_t r)
{
    return pqi_mldsa_decompose(r0, r, PQI_MLDSA_GAMMA2_88);
}

uint32_t straight_mldsa_decompose_32(int32_t *r0, uint32_t r)
{
    return pqi_mldsa_decompose(r0, r, PQI_MLDSA_GAMMA2_32);
}

uint32_t straight_mldsa_exceeds(int32_t x, int32_t bound)
{
    return pqi_mldsa_exceeds(x, bound);
}

uint32_t straight_mldsa_make_hint(int32_t r0, uint32_t w1)
{
    return pqi_mldsa_make_hint(r0, w1, PQI_MLDSA_GAMMA2_32);
}

STRAIGHT(mul, uint64_t, (uint32_t a, uint32_t b), pqi_ct_mul(a, b))
STRAIGHT(mul64, uint64_t, (uint64_t a, uint64_t b), pqi_ct_mul64(a, b))
STRAIGHT(mul_signed, int64_t, (int32_t a, int32_t b), pqi_ct_mul_signed(a, b))
STRAIGHT(mcu_mul_add, uint64_t, (uint32_t a, uint32_t b, uint32_t c, uint32_t d),
    wide_mul_add(a, b, c, d))

STRAIGHT(
    saber_mont_mul, int16_t, (int16_t a, int16_t z, int16_t zp, int16_t p), mont_mul(a, z, zp, p))
STRAIGHT(saber_barrett, int16_t, (int16_t a, int16_t v, int16_t p), barrett(a, v, p))

STRAIGHT(falcon_mulhi, uint64_t, (uint64_t a, uint64_t b), falcon_mulhi(a, b))
STRAIGHT(falcon_shl, uint64_t, (uint64_t x, unsigned n), falcon_shl(x, n))
STRAIGHT(falcon_shr, uint64_t, (uint64_t x, unsigned n), falcon_shr(x, n))
STRAIGHT(fx_mul, int64_t, (int64_t a, int64_t b), pqi_fx_mul(a, b, 40))
STRAIGHT(rns_add, uint32_t, (uint32_t a, uint32_t b, uint32_t p), pqi_rns_add(a, b, p))
STRAIGHT(rns_sub, uint32_t, (uint32_t a, uint32_t b, uint32_t p), pqi_rns_sub(a, b, p))
STRAIGHT(
    rns_mul, uint32_t, (uint32_t a, uint32_t b, uint32_t p, uint32_t n), pqi_rns_mul(a, b, p, n))
STRAIGHT(rns_centre, int32_t, (uint32_t a, uint32_t p), pqi_rns_centre(a, p))
STRAIGHT(rns_small, uint32_t, (int32_t v, uint32_t p), pqi_rns_small(v, p))

STRAIGHT(fpr_some, uint64_t, (uint64_t x), fpr_some(x))
STRAIGHT(fpr_make, uint64_t, (uint64_t s, int32_t e, uint64_t m), fpr_make(s, e, m))
STRAIGHT(fpr_half, fpr, (fpr x), fpr_half(x))
STRAIGHT(fpr_mul, fpr, (fpr x, fpr y), fpr_mul(x, y))
STRAIGHT(fpr_trunc, int64_t, (fpr x), fpr_trunc(x))
STRAIGHT(fpr_floor, int64_t, (fpr x), fpr_floor(x))
STRAIGHT(fpr_p63, uint64_t, (fpr x), fpr_p63(x))

/* Counting zeros is a loop of six fixed steps where there is no instruction, and so are the root's
 * and the quotient's digits: a branch on a counter, which this search cannot tell from another. */
#if defined(__x86_64__) || defined(__aarch64__) || defined(__ARM_FEATURE_CLZ)
STRAIGHT(falcon_clz, unsigned, (uint64_t x), falcon_clz(x | 1u))
STRAIGHT(fpr_normalize, fpr, (uint64_t s, int32_t e, uint64_t m), fpr_normalize(s, e, m))
STRAIGHT(fpr_scaled, fpr, (int64_t i), fpr_scaled(i, -48))
STRAIGHT(fpr_add, fpr, (fpr x, fpr y), fpr_add(x, y))
#endif
