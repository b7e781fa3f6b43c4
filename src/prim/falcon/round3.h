/* SPDX-License-Identifier: Apache-2.0
 * Babai's reduction at the deep levels, with the roundings of the round-3 reference. */
#ifndef PQI_PRIM_FALCON_ROUND3_H
#define PQI_PRIM_FALCON_ROUND3_H

#include "prim/falcon/babai.h"

/* Up to this degree, 2^4, values at the roots differ so much that binary64 is not enough for some
 * keys. */
#define PQI_ROUND3_LOGM 4u

/* Reduces F and G of b as pqi_babai_reduce() does; level: log2 of n over m, 5..9. All ones, or zero
 * where the reference gives the candidate up. tmp: (12 + small) m words, 8-aligned. Constant time,
 * except that failure shows. */
uint32_t pqi_round3_reduce(const pqi_babai *b, unsigned level, uint32_t *tmp);

#endif
