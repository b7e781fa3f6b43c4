/* SPDX-License-Identifier: Apache-2.0
 * The Gaussian of f and g (specification Algorithm 5, step 2) as the round-3 reference draws it. */
#ifndef PQI_PRIM_FALCON_GAUSS_H
#define PQI_PRIM_FALCON_GAUSS_H

#include "prim/falcon/impl.h"

#include <pqi/hash.h>

/* n coefficients with an odd sum, from the stream of x. Constant time, but for the number of draws
 * of the last coefficient. */
void pqi_falcon_gauss(int8_t *f, unsigned logn, pqi_xof *x);

#endif
