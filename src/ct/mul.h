/* SPDX-License-Identifier: Apache-2.0
 * Products of more than 32 bits whose time does not depend on the factors.
 *
 * PORTABILITY: UMULL of a Cortex-M3 ends early for small operands. A Cortex-M0 or M23 has no such
 * instruction, and __aeabi_lmul, which compilers call there, branches on a carry inside (libgcc 12). On
 * these, and wherever PQI_CT_MUL16 is defined, a product is made of 16 x 16 -> 32 bit ones; MUL of these
 * cores takes the same time for all operands. tools/ct-check refuses calls of the library function. */
#ifndef PQI_CT_MUL_H
#define PQI_CT_MUL_H

#include <stdint.h>

#if !defined(PQI_CT_MUL16) &&                                                                      \
    (defined(__ARM_ARCH_6M__) || defined(__ARM_ARCH_7M__) || defined(__ARM_ARCH_8M_BASE__))
#define PQI_CT_MUL16 1
#endif

/* Builds for size would call the shorter ones. */
#define PQI_CT_MUL_INLINE static inline __attribute__((always_inline))

#if defined(PQI_CT_MUL16)
static inline uint64_t pqi_ct_mul(uint32_t a, uint32_t b)
{
    uint32_t al = a & 0xffffu, ah = a >> 16, bl = b & 0xffffu, bh = b >> 16;
    uint32_t lo = al * bl, hi = ah * bh;
    uint64_t mid = (uint64_t)(al * bh) + ah * bl;
    return ((uint64_t)hi << 32 | lo) + (mid << 16);
}

/* The low 64 bits, of signed factors too. */
static inline uint64_t pqi_ct_mul64(uint64_t a, uint64_t b)
{
    uint32_t al = (uint32_t)a, ah = (uint32_t)(a >> 32), bl = (uint32_t)b, bh = (uint32_t)(b >> 32);
    return pqi_ct_mul(al, bl) + ((uint64_t)(ah * bl + al * bh) << 32);
}

static inline int64_t pqi_ct_mul_signed(int32_t a, int32_t b)
{
    uint32_t ua = (uint32_t)a, ub = (uint32_t)b;
    uint32_t over = (ub & (0u - (ua >> 31))) + (ua & (0u - (ub >> 31)));
    return (int64_t)(pqi_ct_mul(ua, ub) - ((uint64_t)over << 32));
}
#else
PQI_CT_MUL_INLINE uint64_t pqi_ct_mul(uint32_t a, uint32_t b)
{
    return (uint64_t)a * b;
}

PQI_CT_MUL_INLINE uint64_t pqi_ct_mul64(uint64_t a, uint64_t b)
{
    return a * b;
}

PQI_CT_MUL_INLINE int64_t pqi_ct_mul_signed(int32_t a, int32_t b)
{
    return (int64_t)a * b;
}
#endif

#endif
