/* SPDX-License-Identifier: Apache-2.0
 * Constant-time helpers. Masks are all ones or all zero. Every mask passes a value barrier, so that
 * the compiler cannot turn the select into a branch. */
#ifndef PQI_CT_CT_H
#define PQI_CT_CT_H

#include <stddef.h>
#include <stdint.h>

static inline uint32_t pqi_ct_barrier_u32(uint32_t x)
{
#if defined(__GNUC__)
    __asm__("" : "+r"(x));
#else
    volatile uint32_t v = x;
    x = v;
#endif
    return x;
}

/* All ones if x != 0. */
static inline uint32_t pqi_ct_nonzero_u32(uint32_t x)
{
    x = pqi_ct_barrier_u32(x);
    return pqi_ct_barrier_u32(0u - ((x | (0u - x)) >> 31));
}

/* All ones if a == b. */
static inline uint32_t pqi_ct_eq_u32(uint32_t a, uint32_t b)
{
    return ~pqi_ct_nonzero_u32(a ^ b);
}

/* a where mask is all ones, b where it is zero. */
static inline uint32_t pqi_ct_select_u32(uint32_t mask, uint32_t a, uint32_t b)
{
    return b ^ (pqi_ct_barrier_u32(mask) & (a ^ b));
}

/* All ones if the n bytes are equal. Time depends on n only. */
uint32_t pqi_ct_eq_mask(const void *a, const void *b, size_t n);

/* 1 if equal, else 0. Time depends on n only; the result itself is not secret any more. */
int pqi_ct_eq(const void *a, const void *b, size_t n);

/* All ones if all n bytes are zero. */
uint32_t pqi_ct_is_zero_mask(const void *a, size_t n);

/* dst = mask ? src : dst, byte by byte, for mask all ones or zero. */
void pqi_ct_copy_if(uint32_t mask, uint8_t *dst, const uint8_t *src, size_t n);

#endif
