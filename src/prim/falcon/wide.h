/* SPDX-License-Identifier: Apache-2.0
 * 64-bit products with 128-bit results, shifts and counts whose time depends on nothing, on 64-bit
 * and on 32-bit machines. */
#ifndef PQI_PRIM_FALCON_WIDE_H
#define PQI_PRIM_FALCON_WIDE_H

#include "ct/ct.h"
#include "ct/mul.h"

#if defined(__SIZEOF_INT128__)
__extension__ typedef unsigned __int128 pqi_falcon_u128;
__extension__ typedef __int128 pqi_falcon_i128;
#endif

/* floor(a * b / 2^64), and the low half. */
static inline uint64_t falcon_mul64(uint64_t *lo, uint64_t a, uint64_t b)
{
#if defined(__SIZEOF_INT128__)
    pqi_falcon_u128 p = (pqi_falcon_u128)a * b;
    *lo = (uint64_t)p;
    return (uint64_t)(p >> 64);
#else
    uint32_t a0 = (uint32_t)a, a1 = (uint32_t)(a >> 32);
    uint32_t b0 = (uint32_t)b, b1 = (uint32_t)(b >> 32);
    uint64_t p00 = pqi_ct_mul(a0, b0);
    uint64_t mid = pqi_ct_mul(a1, b0) + (p00 >> 32); /* at most 2^64 - 2^32 */
    uint64_t low = pqi_ct_mul(a0, b1) + (uint32_t)mid;
    *lo = low << 32 | (uint32_t)p00;
    return pqi_ct_mul(a1, b1) + (mid >> 32) + (low >> 32);
#endif
}

static inline uint64_t falcon_mulhi(uint64_t a, uint64_t b)
{
    uint64_t lo;
    return falcon_mul64(&lo, a, b);
}

/* floor(a * b / 2^64) of signed numbers, and the low half. */
static inline int64_t falcon_smul64(uint64_t *lo, int64_t a, int64_t b)
{
#if defined(__SIZEOF_INT128__)
    pqi_falcon_i128 p = (pqi_falcon_i128)a * b;
    *lo = (uint64_t)p;
    return (int64_t)(p >> 64);
#else
    uint64_t ua = (uint64_t)a, ub = (uint64_t)b;
    uint64_t hi = falcon_mul64(lo, ua, ub);
    return (int64_t)(hi - (ub & (0 - (ua >> 63))) - (ua & (0 - (ub >> 63))));
#endif
}

static inline int64_t falcon_smulhi(int64_t a, int64_t b)
{
    uint64_t lo;
    return falcon_smul64(&lo, a, b);
}

/* floor(a * b / 2^shift), 0 < shift < 64, shift is public. The result must fit. */
static inline int64_t falcon_mul_shift(int64_t a, int64_t b, unsigned shift)
{
    uint64_t lo, hi = (uint64_t)falcon_smul64(&lo, a, b);
    return (int64_t)(hi << (64u - shift) | lo >> shift);
}

/* Sums, differences and products by 2^n that wrap. */
static inline int64_t falcon_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static inline int64_t falcon_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static inline int64_t falcon_double(int64_t a, unsigned n)
{
    return (int64_t)((uint64_t)a << n);
}

/* Leading zeros of x, 1 <= x < 2^64. The instruction where there is one; compilers replace the
 * builtin by a table elsewhere, so there it is counted. */
static inline unsigned falcon_clz(uint64_t x)
{
#if defined(__x86_64__) || defined(__aarch64__)
    return (unsigned)__builtin_clzll(x);
#elif defined(__ARM_FEATURE_CLZ)
    uint32_t hi = (uint32_t)(x >> 32);
    uint32_t empty = ((hi | (0u - hi)) >> 31) - 1u; /* all ones if hi == 0 */
    return (unsigned)__builtin_clz(hi | ((uint32_t)x & empty)) + (empty & 32u);
#else
    unsigned n = 0;
    for (unsigned step = 32; step != 0; step >>= 1) {
        uint64_t top = x >> (64 - step);
        unsigned empty = (unsigned)(((top | (0 - top)) >> 63) ^ 1u);
        n += empty * step;
        x <<= empty * step;
    }
    return n;
#endif
}

/* x >> n and x << n, n < 64. 32-bit machines shift words: compilers branch on n >= 32, even where it
 * cannot be. The barrier keeps
 * compilers from pairing two of these in a vector instruction, which is slower and which tools that
 * follow secrets take for a leak. */
static inline uint64_t falcon_shr(uint64_t x, unsigned n)
{
#if UINTPTR_MAX > 0xFFFFFFFFu
    return x >> pqi_ct_barrier_u32(n);
#else
    uint32_t lo = (uint32_t)x, hi = (uint32_t)(x >> 32), far = 0u - (n >> 5);
    lo ^= (lo ^ hi) & far;
    hi &= ~far;
    n &= 31u;
    lo = lo >> n | hi << 1 << (31u - n);
    return (uint64_t)(hi >> n) << 32 | lo;
#endif
}

static inline uint64_t falcon_shl(uint64_t x, unsigned n)
{
#if UINTPTR_MAX > 0xFFFFFFFFu
    return x << pqi_ct_barrier_u32(n);
#else
    uint32_t lo = (uint32_t)x, hi = (uint32_t)(x >> 32), far = 0u - (n >> 5);
    hi ^= (hi ^ lo) & far;
    lo &= ~far;
    n &= 31u;
    hi = hi << n | lo >> 1 >> (31u - n);
    return (uint64_t)hi << 32 | lo << n;
#endif
}

#endif
