/* SPDX-License-Identifier: Apache-2.0
 * fpr.h with the processor's double. Only for files compiled where PQI_FPR_HAVE_NATIVE is defined.
 * Multiplication and addition must not be contracted: the build says -ffp-contract=off, and
 * fpr_native_trusted() tries it. */
#ifndef PQI_PRIM_FALCON_FPR_NATIVE_H
#define PQI_PRIM_FALCON_FPR_NATIVE_H

#include <stdbool.h>
#include <stdint.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#endif

typedef double fpr;

typedef union fpr_pun {
    uint64_t bits;
    double value;
} fpr_pun;

static inline uint64_t fpr_bits(fpr x)
{
    return (fpr_pun){.value = x}.bits;
}

static inline fpr fpr_const(uint64_t bits)
{
    return (fpr_pun){.bits = bits}.value;
}

/* The builtin is a load also where the library is compiled without a hosted memcpy. */
static inline int64_t fpr_word(const fpr *p)
{
    int64_t v;
    __builtin_memcpy(&v, p, sizeof v);
    return v;
}

static inline void fpr_set_word(fpr *p, int64_t v)
{
    __builtin_memcpy(p, &v, sizeof v);
}

static inline fpr fpr_add(fpr x, fpr y)
{
    return x + y;
}

static inline fpr fpr_sub(fpr x, fpr y)
{
    return x - y;
}

static inline fpr fpr_mul(fpr x, fpr y)
{
    return x * y;
}

static inline fpr fpr_div(fpr x, fpr y)
{
    return x / y;
}

static inline fpr fpr_neg(fpr x)
{
    return -x;
}

static inline fpr fpr_half(fpr x)
{
    return 0.5 * x;
}

static inline fpr fpr_sqrt(fpr x)
{
#if defined(__x86_64__)
    __m128d v = _mm_set_sd(x);
    return _mm_cvtsd_f64(_mm_sqrt_sd(v, v));
#else
    return vget_lane_f64(vsqrt_f64(vdup_n_f64(x)), 0);
#endif
}

static inline fpr fpr_scaled(int64_t i, int e)
{
    return (double)i * fpr_const((uint64_t)(1023 + e) << 52);
}

/* Towards zero. By instruction, because C leaves undefined what numbers out of range give, which an
 * unsound key can bring about. */
static inline int64_t fpr_to_int(fpr x)
{
#if defined(__x86_64__)
    return _mm_cvttsd_si64(_mm_set_sd(x));
#else
    return vcvtd_s64_f64(x);
#endif
}

static inline int64_t fpr_trunc(fpr x)
{
    return fpr_to_int(x);
}

static inline int64_t fpr_fixed(fpr x, int e)
{
    return fpr_to_int(x * fpr_const((uint64_t)(1023 + e) << 52));
}

static inline int64_t fpr_floor(fpr x)
{
    int64_t t = fpr_to_int(x);
    double part = x - (double)t + 0.0; /* exact; the sum makes -0 of x = -0 positive */
    return t - (int64_t)(fpr_bits(part) >> 63);
}

static inline uint64_t fpr_p63(fpr x)
{
    int64_t t = fpr_to_int(x * 0x1p63);
    return (uint64_t)t & ~(uint64_t)(t >> 63);
}

/* Whether no exception traps on this thread. Inexact results are what floating point consists of: a
 * program that looks for them this way would be ended by a signature. */
static inline bool fpr_traps_nothing(void)
{
#if defined(__x86_64__)
    return (_mm_getcsr() & _MM_MASK_MASK) == _MM_MASK_MASK;
#else
    uint64_t fpcr;
    __asm__ __volatile__("mrs %0, fpcr" : "=r"(fpcr));
    return (fpcr & 0x9F00u) == 0; /* IOE, DZE, OFE, UFE, IXE, IDE */
#endif
}

/* Whether this code, as it was compiled and on this thread now, traps nothing, rounds to nearest and
 * does not contract. Every expectation fails under at least one other rounding mode:
 *  up: 1 + 2^-53 stays 1; down: -1 - 2^-53 stays -1; to zero: 1 + 3 * 2^-53 becomes 1 + 2^-51. */
static inline bool fpr_native_trusted(void)
{
    if (!fpr_traps_nothing()) {
        return false;
    }
    volatile double one = 1.0, eps = 0x1p-53, a = 1.0 + 0x1p-30, two = 2.0, three = 3.0;
    double sq = a * a; /* 1 + 2^-29 + 2^-60, rounded to 1 + 2^-29 */
    double prod = fpr_sub(fpr_mul(a, a), sq);
    bool ok = fpr_bits(one + eps) == fpr_bits(1.0);
    ok = ok && fpr_bits(-one - eps) == fpr_bits(-1.0);
    ok = ok && fpr_bits(one + three * eps) == fpr_bits(1.0 + 0x1p-51);
    ok = ok && fpr_bits(prod) == 0 && fpr_bits(a * a - (1.0 + 0x1p-29)) == 0;
    ok = ok && fpr_bits(fpr_div(one, three)) == 0x3FD5555555555555u;
    return ok && fpr_bits(fpr_sqrt(two)) == 0x3FF6A09E667F3BCDu;
}

#endif
