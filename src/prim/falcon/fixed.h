/* SPDX-License-Identifier: Apache-2.0
 * Fixed-point Fourier transforms of key generation. Integers only, constant time.
 *
 * A real polynomial modulo x^m + 1 stands as pqi_fx a[m]; its transform is the m/2 complex values
 * a[j] + i a[j + m/2] at half of the roots, the others being conjugates. The binary point is the
 * caller's; nothing may reach 2^62. */
#ifndef PQI_PRIM_FALCON_FIXED_H
#define PQI_PRIM_FALCON_FIXED_H

#include "prim/falcon/wide.h"

#include <stddef.h>

/* A value in scratch memory that holds words of other types before and after. */
#if defined(__GNUC__)
typedef int64_t __attribute__((may_alias)) pqi_fx;
#else
typedef int64_t pqi_fx;
#endif

/* a b */
static inline int64_t pqi_fx_mul_mixed(int32_t a, uint32_t b)
{
    return (int64_t)pqi_ct_mul64((uint64_t)(int64_t)a, b);
}

/* floor(a b / 2^shift), 1 <= shift <= 63, where that fits 64 bits. */
static inline int64_t pqi_fx_mul(int64_t a, int64_t b, unsigned shift)
{
#if defined(__SIZEOF_INT128__)
    return (int64_t)(((pqi_falcon_i128)a * b) >> shift);
#else
    int32_t a1 = (int32_t)(a >> 32), b1 = (int32_t)(b >> 32);
    uint32_t a0 = (uint32_t)a, b0 = (uint32_t)b;
    uint64_t low = pqi_ct_mul(a0, b0);
    int64_t s = pqi_fx_mul_mixed(a1, b0) + (int64_t)(low >> 32);
    int64_t t = pqi_fx_mul_mixed(b1, a0) + (int64_t)(uint32_t)s;
    uint64_t high = (uint64_t)(pqi_ct_mul_signed(a1, b1) + (s >> 32) + (t >> 32));
    return (int64_t)(high << (64 - shift) | ((uint64_t)t << 32 | (uint32_t)low) >> shift);
#endif
}

/* The transform: values grow by a factor of up to m. */
void pqi_fx_fft(pqi_fx *a, unsigned logm);

/* The inverse, which does not grow. */
void pqi_fx_ifft(pqi_fx *a, unsigned logm);

/* f = conj(f) / (|f|^2 + |g|^2), g = conj(g) / (...), place by place, for the transforms of
 * polynomials scaled by 2^(62 - logm). The results are floating point, with one exponent for each
 * place in the lowest bits of Re f, and only pqi_fx_quotient() understands them. */
void pqi_fx_invert(pqi_fx *f, pqi_fx *g, unsigned logm);

/* G = F f + G g, place by place, for f and g from pqi_fx_invert(). F and G have one scale, which the
 * result keeps; it must fit 62 bits. */
void pqi_fx_quotient(const pqi_fx *F, pqi_fx *G, const pqi_fx *f, const pqi_fx *g, unsigned logm);

/* 2^102 / x for 2^40 <= x < 2^62; between 2^60 and 2^62 for smaller x >= 1. */
int64_t pqi_fx_reciprocal(int64_t x);

#endif
