/* SPDX-License-Identifier: Apache-2.0
 * Polynomials of Z[X]/(X^256 + 1) for SABER: products that are exact in the integers, packing,
 * sampling. No function branches or indexes on a coefficient.
 *
 * "Spec" is the round-3 submission document of SABER; its q is 2^13 and its p is 2^10. */
#ifndef PQI_PRIM_SABER_POLY_H
#define PQI_PRIM_SABER_POLY_H

#include <stddef.h>
#include <stdint.h>

#define PQI_SABER_N     256u
#define PQI_SABER_LOG_Q 13u /* spec, parameter table: q = 2^13, p = 2^10 */
#define PQI_SABER_LOG_P 10u

#define PQI_SABER_BYTES(bits) ((size_t)(bits) * (PQI_SABER_N / 8u)) /* of a packed polynomial */

#define PQI_SABER_MAX_A 4096 /* bound of a public factor: centred modulo 2^13 */
#define PQI_SABER_MAX_S 5    /* bound of a secret factor: mu / 2, at most 5 (LightSaber) */

/* A secret polynomial: coefficient i in the low half of byte i mod 128, or in the high half for
 * i >= 128, as a signed number of four bits. Its transform is used in k products. It is held where
 * memory is plenty; builds for size make it anew for each product. */
typedef struct pqi_saber_small {
    uint8_t s[PQI_SABER_N / 2];
#if !defined(__OPTIMIZE_SIZE__)
    int16_t e[8][PQI_SABER_N / 2]; /* for each quarter and prime */
#endif
} pqi_saber_small;

/* poly.c: sums of products a * s. */

/* Work area of a sum. The transforms are made for one prime and one quarter of the polynomial at a
 * time, so that only the sum itself is held whole. */
typedef struct pqi_saber_sum {
    int16_t f[PQI_SABER_N / 4];  /* a quarter of the transform of s, then of a */
    int16_t e[PQI_SABER_N / 2];  /* that of s, made ready for products of blocks (for size only) */
    int16_t sum[2][PQI_SABER_N]; /* transforms of the sum, one for each prime */
} pqi_saber_sum;

/* sum = 0 */
void pqi_saber_sum_clear(pqi_saber_sum *w);
/* To be called after s->s has changed; |s| <= PQI_SABER_MAX_S. */
void pqi_saber_prepare(pqi_saber_sum *w, pqi_saber_small *s);
/* sum += a * s. |a| <= PQI_SABER_MAX_A. Up to four products, whose sum has no coefficient above
 * 12,582,912 (any row of any parameter set: k * 256 * 4096 * mu / 2). */
void pqi_saber_sum_add(pqi_saber_sum *w, const int16_t *a, const pqi_saber_small *s);
/* out = the sum modulo 2^16. Destroys it. */
void pqi_saber_sum_get(uint16_t *out, pqi_saber_sum *w);

/* pack.c: bit strings (BS2POL, POL2BS) and the binomial distribution (GenSecret). Lowest bits
 * come first. */

/* Packs the low `bits` bits of 256 coefficients into 32 * bits bytes. `out` may be the memory of
 * `c`: a byte is written after the coefficients that lie there were read. */
void pqi_saber_pack(uint8_t *out, const uint16_t *c, unsigned bits);
/* Unpacks 256 coefficients of `bits` bits, 0..2^bits - 1. `in` may be the last 32 * bits bytes of
 * the memory of `c`. */
void pqi_saber_unpack(uint16_t *c, const uint8_t *in, unsigned bits);
/* 0..2^bits - 1 to the centred range -2^(bits-1)..2^(bits-1) - 1, in place. */
void pqi_saber_centre(uint16_t *c, unsigned bits);
/* c = the coefficients HammingWeight(mu / 2 bits) - HammingWeight(the next mu / 2 bits) of `in`,
 * 32 * mu bytes, modulo 2^16; mu is 6, 8 or 10. */
void pqi_saber_sample(uint16_t *c, const uint8_t *in, unsigned mu);
/* All ones if a coefficient, taken modulo q, is outside -max..max, else zero. */
uint32_t pqi_saber_over(const uint16_t *c, unsigned max);
/* The low four bits of every coefficient. */
void pqi_saber_small_put(uint8_t *s, const uint16_t *c);
/* The reverse, modulo 2^16. */
void pqi_saber_small_get(uint16_t *c, const uint8_t *s);

#endif
