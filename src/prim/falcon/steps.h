/* SPDX-License-Identifier: Apache-2.0
 * What fast Fourier sampling does to transformed polynomials, in fixed point.
 *
 * A polynomial is h complex values: h words of real parts, then h of imaginary parts, in the order of
 * roots.h. The targets t0, t1 and what becomes of them have PQI_FALCON_T_SCALE fractional bits. Their
 * coefficients are sums of n products hash * F / q; the values at the roots stay below 2^20 for a
 * sound key, of 2^23 that fit. An unsound key can make them wrap, and then signing fails. Products
 * err by less than 2 units of the last place. Constant time. */
#ifndef PQI_PRIM_FALCON_STEPS_H
#define PQI_PRIM_FALCON_STEPS_H

#include <stddef.h>
#include <stdint.h>

#define PQI_FALCON_T_SCALE   40
#define PQI_FALCON_L10_SCALE 52 /* of the root's l10, which is below n / 2 */

/* f of h values, h >= 2, to f0 and f1 of h/2 values each, at out: f = f0(x^2) + x f1(x^2). */
void pqi_falcon_split(int64_t *restrict out, const int64_t *restrict f, size_t h);

/* The other way. */
void pqi_falcon_merge(int64_t *restrict f, const int64_t *restrict in, size_t h);

/* Algorithm 11, steps 7 and 8, at a node below the root: pair is t0, t1 of h values each, child the
 * right child's result; t1 becomes z1, merged from it, and the child becomes the split of
 * t0 + (t1 - z1) * l10. l: h numbers below 1 with 63 fractional bits, of which times root j is l10. */
void pqi_falcon_turn(
    int64_t *restrict pair, int64_t *restrict child, const int64_t *restrict l, size_t h);

/* l times the square root of 1/2, l as above. */
int64_t pqi_falcon_l_leaf(int64_t l);

/* d * l for |d| below 2^14 and l as above. */
int64_t pqi_falcon_times_l(int64_t d, int64_t l);

/* a from pqi_falcon_fft_small() becomes a / q or -a / q, in the form that pqi_falcon_target() takes. */
void pqi_falcon_over_q(int64_t *a, size_t n, int negative);

/* a from pqi_falcon_fft_hash() becomes a * b, b from pqi_falcon_over_q(): a target. */
void pqi_falcon_target(int64_t *restrict a, const int64_t *restrict b, unsigned logn);

/* a = (a - z) * l10, with the root's l10. */
void pqi_falcon_carry(
    int64_t *restrict a, const int64_t *restrict z, const int64_t *restrict l10, size_t h);

#endif
