/* SPDX-License-Identifier: Apache-2.0
 * 32 x 32 -> 64 bit products with what is added to them, in constant time (ct/mul.h). */
#ifndef PQI_PRIM_MCU_WIDE_H
#define PQI_PRIM_MCU_WIDE_H

#include "ct/mul.h"

static inline uint64_t wide_mul(uint32_t a, uint32_t b)
{
    return pqi_ct_mul(a, b);
}

/* a * b + c + d, which fits: (2^32 - 1)^2 + 2 (2^32 - 1) = 2^64 - 1. One instruction where there is the
 * DSP extension (Cortex-M4, M7, M33). */
static inline uint64_t wide_mul_add(uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
#if !defined(PQI_CT_MUL16) && defined(__thumb2__) && defined(__ARM_FEATURE_DSP)
    __asm__("umaal %0, %1, %2, %3" : "+r"(c), "+r"(d) : "r"(a), "r"(b));
    return (uint64_t)d << 32 | c;
#else
    return wide_mul(a, b) + c + d;
#endif
}

#endif
