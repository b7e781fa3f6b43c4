/* SPDX-License-Identifier: Apache-2.0
 * The number-theoretic transform of FIPS 204 section 7.5 and sums of products in its domain. */
#ifndef PQI_PRIM_MLDSA_NTT_H
#define PQI_PRIM_MLDSA_NTT_H

#include "prim/mldsa/field.h"

/* zetas[k] = 1753^BitRev8(k) * 2^32 mod q: FIPS 204 Appendix B in Montgomery form. */
extern const uint32_t pqi_mldsa_zetas[256];

/* Algorithm 41 in place. Coefficients at most 2q in, below 18q out. */
void pqi_mldsa_ntt(pqi_mldsa_poly *a);

/* Algorithm 42 in place, times 2^32: undoes the 2^-32 that a Montgomery product left behind.
 * Coefficients below 2q in, below q out. */
void pqi_mldsa_intt(pqi_mldsa_poly *a);

/* acc += a * b, coefficient by coefficient. */
void pqi_mldsa_mac(uint64_t acc[PQI_MLDSA_N], const pqi_mldsa_poly *a, const pqi_mldsa_poly *b);

/* r = acc / 2^32 mod q; acc < 2^32 * q in, r < 2q out. */
void pqi_mldsa_acc_reduce(pqi_mldsa_poly *r, const uint64_t acc[PQI_MLDSA_N]);

#endif
