/* SPDX-License-Identifier: Apache-2.0 */
#include "ct/ct.h"

uint32_t pqi_ct_eq_mask(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a;
    const uint8_t *y = b;
    uint32_t d = 0;
    for (size_t i = 0; i < n; i++) {
        d |= (uint32_t)(x[i] ^ y[i]);
    }
    return ~pqi_ct_nonzero_u32(d);
}

int pqi_ct_eq(const void *a, const void *b, size_t n)
{
    return (int)(pqi_ct_eq_mask(a, b, n) & 1u);
}

uint32_t pqi_ct_is_zero_mask(const void *a, size_t n)
{
    const uint8_t *x = a;
    uint32_t d = 0;
    for (size_t i = 0; i < n; i++) {
        d |= x[i];
    }
    return ~pqi_ct_nonzero_u32(d);
}

void pqi_ct_copy_if(uint32_t mask, uint8_t *dst, const uint8_t *src, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        dst[i] = (uint8_t)pqi_ct_select_u32(mask, src[i], dst[i]);
    }
}
