/* SPDX-License-Identifier: Apache-2.0
 * Polynomials with big integer coefficients for key generation. Constant time.
 *
 * A coefficient is `len` words of 31 bits, least significant first, in two's complement. Word i of
 * coefficient j stands at x[i * m + j], so word i of all coefficients is contiguous. In residue form
 * the same place holds the coefficient modulo the prime of index i. */
#ifndef PQI_PRIM_FALCON_RNS_H
#define PQI_PRIM_FALCON_RNS_H

#include "ct/mul.h"

#include <stddef.h>
#include <stdint.h>

#define PQI_RNS_PRIMES 308u
#define PQI_WORD_MASK  0x7fffffffu

/* A prime 2^31 - 2048 k + 1 and its Montgomery constants for R = 2^32. */
typedef struct pqi_rns {
    uint32_t p;
    uint32_t neg_inv; /* -1/p mod 2^32 */
    uint32_t one, r2; /* R and R^2 mod p */
    uint32_t root;    /* R times a root of unity of order 2048 */
    uint32_t crt;     /* R over the product of all primes of lower index */
} pqi_rns;

void pqi_rns_prime(pqi_rns *r, size_t index);

/* a + b, a - b mod p for a, b < p. */
static inline uint32_t pqi_rns_add(uint32_t a, uint32_t b, uint32_t p)
{
    uint32_t d = a + b - p;
    return d + (p & (0u - (d >> 31)));
}

static inline uint32_t pqi_rns_sub(uint32_t a, uint32_t b, uint32_t p)
{
    uint32_t d = a - b;
    return d + (p & (0u - (d >> 31)));
}

/* a b / R mod p for a b < p R. */
static inline uint32_t pqi_rns_mul(uint32_t a, uint32_t b, uint32_t p, uint32_t neg_inv)
{
    uint64_t z = pqi_ct_mul(a, b);
    uint32_t w = (uint32_t)z * neg_inv;
    uint32_t d = (uint32_t)((z + pqi_ct_mul(w, p)) >> 32) - p;
    return d + (p & (0u - (d >> 31)));
}

/* A residue to -(p-1)/2..(p-1)/2. */
static inline int32_t pqi_rns_centre(uint32_t a, uint32_t p)
{
    uint32_t high = 0u - ((p / 2 - a) >> 31);
    return (int32_t)(a - (p & high));
}

/* Any |v| < 2^30 to its residue. */
static inline uint32_t pqi_rns_small(int32_t v, uint32_t p)
{
    return (uint32_t)v + (p & (uint32_t)(v >> 31));
}

/* table: R times the 2^logm roots of x^m + 1's transform, bit-reversed; logm = 0..10. */
void pqi_rns_roots(uint32_t *table, unsigned logm, const pqi_rns *r);

/* The transform and its inverse, in place; logm may be less than that of the table. */
void pqi_rns_ntt(uint32_t *a, unsigned logm, const uint32_t *table, const pqi_rns *r);
void pqi_rns_intt(uint32_t *a, unsigned logm, const uint32_t *table, const pqi_rns *r);

/* out[j] = coefficient j modulo p; len >= 1. */
void pqi_rns_reduce(uint32_t *out, const uint32_t *x, size_t len, size_t m, const pqi_rns *r);

/* Residues modulo the first len primes to integers, in place: in -P/2..P/2 where is_signed, else in
 * 0..P-1, for P the product of the primes. tmp: len words. */
void pqi_rns_rebuild(uint32_t *x, size_t len, size_t m, int is_signed, uint32_t *tmp);

/* G, F (len words each) with x G - y F = 1, for odd x, y > 0 in tmp[0..len), tmp[len..2 len).
 * tmp: 6 len words. The mask is all ones where gcd(x, y) = 1 and so (G, F) is right. */
uint32_t pqi_big_bezout(uint32_t *G, uint32_t *F, size_t len, uint32_t *tmp);

#endif
