/* SPDX-License-Identifier: Apache-2.0
 * Polynomials modulo q = 12289 and x^n + 1. Constant time.
 *
 * Coefficients are signed 16-bit residues in a range that each function states; "centred" is
 * -6145..6145. A transformed polynomial is its values at the 2n-th roots of unity in bit-reversed
 * order. Products carry the factor 2^-16 of Montgomery multiplication, which the inverse transform
 * takes away. */
#ifndef PQI_PRIM_FALCON_MODQ_H
#define PQI_PRIM_FALCON_MODQ_H

#include "prim/falcon/impl.h"

/* Forward transform in place. In: -12289..12289; out: centred. */
void pqi_falcon_ntt(int16_t *a, unsigned logn);

/* Inverse transform of a product, in place: removes one factor 2^-16. In: centred; out: centred. */
void pqi_falcon_intt(int16_t *a, unsigned logn);

/* a = a * b * 2^-16, place by place. In: any, b centred; out: -q < a < q. */
void pqi_falcon_mul(int16_t *a, const int16_t *b, unsigned logn);

/* a = a * 2^-16 / b, place by place, so that a product with it has one factor 2^-16 as others do
 * have. Where b is 0 the result is 0, and the mask returned is all ones, else zero.
 * In: centred; out: -q < a < q. */
uint32_t pqi_falcon_div(int16_t *a, const int16_t *b, unsigned logn);

/* Small coefficients to residues. */
void pqi_falcon_from_small(int16_t *a, const int8_t *small, unsigned logn);

/* The representative in -6144..6144 of any residue. */
int16_t pqi_falcon_centre(int16_t a);

/* G with f G - g F = q, from the private key. G in out: n bytes, wiped on error.
 * tmp: 4 n bytes, 2-aligned; the caller wipes it. Constant time, except that failure shows.
 * PQI_OK; PQI_ERR_ARG: f is not invertible mod q or G is out of -127..127: no private key. */
#define PQI_FALCON_COMPLETE_TMP(n) (4u * (n))
PQI_MUST_CHECK pqi_status pqi_falcon_complete_G(
    int8_t *G, const int8_t *f, const int8_t *g, const int8_t *F, unsigned logn, void *tmp);

#endif
