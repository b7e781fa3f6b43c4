/* SPDX-License-Identifier: Apache-2.0
 * Babai's reduction of big (F, G) by (f, g), specification Algorithm 7. */
#ifndef PQI_PRIM_FALCON_BABAI_H
#define PQI_PRIM_FALCON_BABAI_H

#include "prim/falcon/rns.h"

/* A pair of polynomials of degree m = 2^logm. */
typedef struct pqi_babai {
    unsigned logm;
    uint32_t *F, *G;       /* large words; in the end they fit `small` words */
    const uint32_t *f, *g; /* small words */
    size_t large, small;
    uint32_t low;  /* bits that the longest coefficient of f and g has at least */
    uint32_t bits; /* bits that the quotient has at most */
} pqi_babai;

/* For logm >= 5. tmp: (8 + small) m words, 8-aligned. Constant time. */
void pqi_babai_reduce(const pqi_babai *b, uint32_t *tmp);

/* x (len words) -= y 2^shift (y_len words), m coefficients. */
void pqi_babai_subtract(
    uint32_t *x, size_t len, const uint32_t *y, size_t y_len, uint32_t shift, size_t m);

#endif
