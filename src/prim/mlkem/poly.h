/* SPDX-License-Identifier: Apache-2.0
 * Polynomials of Z_q[X]/(X^256 + 1), q = 3329 (FIPS 203 section 2.4). No function branches or
 * indexes on a coefficient, apart from pqi_mlkem_rej(), whose input is public.
 *
 * "Reduced" means the centred range -1665..1665, "canonical" 0..q-1. Every bound below is on the
 * absolute value of a coefficient. */
#ifndef PQI_PRIM_MLKEM_POLY_H
#define PQI_PRIM_MLKEM_POLY_H

#include <stddef.h>
#include <stdint.h>

#define PQI_MLKEM_N     256u
#define PQI_MLKEM_Q     3329
#define PQI_MLKEM_BYTES ((size_t)384) /* of a polynomial in ByteEncode_12 */

typedef struct pqi_mlkem_poly {
    int16_t c[PQI_MLKEM_N];
} pqi_mlkem_poly;

/* Sums of coefficient products before Montgomery reduction. */
typedef struct pqi_mlkem_acc {
    int32_t c[PQI_MLKEM_N];
} pqi_mlkem_acc;

/* 17^BitRev7(i) * 2^16 mod q, centred (FIPS 203 Appendix A). */
extern const int16_t pqi_mlkem_zetas[128];

/* poly.c: arithmetic. */

/* Algorithm 9. In: |c| <= 15287; out: reduced. */
void pqi_mlkem_ntt(pqi_mlkem_poly *p);
/* Algorithm 10, times 2^16: undoes the factor 2^-16 of pqi_mlkem_acc_reduce(). In: < q;
 * out: <= 2497. */
void pqi_mlkem_inv_ntt(pqi_mlkem_poly *p);
/* Algorithm 11 for `n` coefficients of a from number `first` on, both multiples of 2, at `a`:
 * acc += (a * b) * 2^-16. a, b: < q. Adds at most 2003 to a bound. */
void pqi_mlkem_mul_add(
    pqi_mlkem_poly *acc, const int16_t *a, const pqi_mlkem_poly *b, unsigned first, unsigned n);
/* In: any; out: reduced. */
void pqi_mlkem_reduce(pqi_mlkem_poly *p);
/* acc += a * b, Algorithm 11. a: 0..4095, b: reduced. Four products fit an accumulator. */
void pqi_mlkem_mul_acc(pqi_mlkem_acc *acc, const pqi_mlkem_poly *a, const pqi_mlkem_poly *b);
/* p = acc * 2^-16 mod q. Out: < q. */
void pqi_mlkem_acc_reduce(pqi_mlkem_poly *p, const pqi_mlkem_acc *acc);
/* p = p * 2^16 mod q. Out: < q. */
void pqi_mlkem_to_mont(pqi_mlkem_poly *p);
/* p += a; the caller keeps |c| <= 32767. */
void pqi_mlkem_add(pqi_mlkem_poly *p, const pqi_mlkem_poly *a);
/* p -= a; likewise. */
void pqi_mlkem_sub(pqi_mlkem_poly *p, const pqi_mlkem_poly *a);
/* In: any; out: canonical. */
void pqi_mlkem_canonical(pqi_mlkem_poly *p);

/* sample.c: Algorithms 7 and 8. */

/* Takes coefficients below q from the 3-byte groups of `in` (len a multiple of 3) until `have`
 * reaches `want`; returns the new count. */
unsigned pqi_mlkem_rej(int16_t *c, unsigned have, unsigned want, const uint8_t *in, size_t len);
/* Adds n coefficients, a multiple of 8, of SamplePolyCBD_eta from n * eta / 4 bytes, eta 2 or 3. */
void pqi_mlkem_cbd_add(int16_t *c, unsigned n, const uint8_t *in, unsigned eta);

/* pack.c: Algorithms 5 and 6, section 4.2.1. */

/* ByteEncode_12 of canonical coefficients, 384 bytes. */
void pqi_mlkem_encode12(uint8_t *out, const pqi_mlkem_poly *p);
/* Decodes n coefficients, a multiple of 2, from n * 3 / 2 bytes; they are 0..4095, not reduced. */
void pqi_mlkem_decode12(int16_t *c, unsigned n, const uint8_t *in);
/* All ones if a 12-bit coefficient of the 384 bytes is q or more, else zero. */
uint32_t pqi_mlkem_over_q(const uint8_t *in);
/* ByteEncode_d(Compress_d(p)), 32 * d bytes, d in {4, 5, 10, 11}; p canonical. `out` may be the memory
 * of p: what is written stays behind what is read. */
void pqi_mlkem_compress(uint8_t *out, const pqi_mlkem_poly *p, unsigned d);
/* Decompress_d(ByteDecode_d(in)); out: canonical. */
void pqi_mlkem_decompress(pqi_mlkem_poly *p, const uint8_t *in, unsigned d);
/* p += Decompress_1(ByteDecode_1(m)), m: 32 bytes. */
void pqi_mlkem_msg_add(pqi_mlkem_poly *p, const uint8_t *m);
/* ByteEncode_1(Compress_1(p)), 32 bytes; p canonical. */
void pqi_mlkem_msg_get(uint8_t *m, const pqi_mlkem_poly *p);

#endif
