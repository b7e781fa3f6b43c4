/* SPDX-License-Identifier: Apache-2.0
 * The complex roots of unity of all transforms, and their order.
 *
 * x^n + 1 = (x^h - i)(x^h + i) with h = n / 2, and a real polynomial of n coefficients is known by its
 * remainder modulo x^h - i: h complex numbers f[j] + i f[j + h]. Each x^(2k) - v splits on into
 * (x^k - w)(x^k + w), w^2 = v. Level M has M such factors; the factor p of level M, with root
 * w(M, p), has the factors p (with +w) and p + M (with -w) at level 2M:
 *     w(1, 0) = e^(i pi / 4),   w(2M, p) = sqrt(w(M, p)),   w(2M, p + M) = i w(2M, p).
 * So half of every level suffices: entry M/2 + p is w(M, p) for p < M/2, and for the other half
 * w(M, p) = i * entry p; for M = 1 this makes entry 0 = w(1, 0) / i. tools/falcon-tables checks. */
#ifndef PQI_PRIM_FALCON_ROOTS_H
#define PQI_PRIM_FALCON_ROOTS_H

#include <stdint.h>

#define PQI_FALCON_ROOTS 256u /* for n = 1024 */

/* round(2^63 * value) */
extern const int64_t pqi_falcon_fix_re[PQI_FALCON_ROOTS], pqi_falcon_fix_im[PQI_FALCON_ROOTS];

/* binary64 patterns */
extern const uint64_t pqi_falcon_root_re[PQI_FALCON_ROOTS], pqi_falcon_root_im[PQI_FALCON_ROOTS];

#endif
