/* SPDX-License-Identifier: Apache-2.0
 * The inline building blocks that secrets pass through, each as a function of its own. tools/ct-check
 * compiles this file for every compiler, level and processor and refuses a conditional branch anywhere
 * in it: these functions are straight lines in the source and have to stay so in the machine code. */
#include "ct/ct.h"
#include "prim/mldsa/field.h"
#include "prim/mldsa/round.h"

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
