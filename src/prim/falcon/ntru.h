/* SPDX-License-Identifier: Apache-2.0
 * The NTRU equation f G - g F = q, specification section 3.8.2. */
#ifndef PQI_PRIM_FALCON_NTRU_H
#define PQI_PRIM_FALCON_NTRU_H

#include "prim/falcon/impl.h"

/* Words of scratch, 8-aligned. */
#define PQI_FALCON_NTRU_WORDS(n) (15u * (n) / 2u)

/* All ones if the Gram-Schmidt norm of (f, g) is at most 1.17 sqrt(q) (Algorithm 5, step 9), for
 * |f|^2 + |g|^2 < 2^15. Constant time. */
uint32_t pqi_falcon_norm_fits(const int8_t *f, const int8_t *g, unsigned logn, uint32_t *mem);

/* All ones if F and G, n bytes each, were found: Babai-reduced and within -127..127 (Algorithm 6).
 * f and g have odd sums. Constant time, except that a failure shows. F and G may lie in mem behind its first 6 n words. */
uint32_t pqi_falcon_solve(
    int8_t *F, int8_t *G, const int8_t *f, const int8_t *g, unsigned logn, uint32_t *mem);

#endif
