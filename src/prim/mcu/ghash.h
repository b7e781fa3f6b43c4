/* SPDX-License-Identifier: Apache-2.0
 * The product in GF(2^128) of GHASH (SP 800-38D section 6.3), which is that of POLYVAL as well: there
 * bytes have the reverse order and the hash key is multiplied by x (RFC 8452 appendix A).
 *
 * A block is a 128-bit number in four words, least significant first: the coefficient of x^i, in the
 * terms of GHASH, is bit 127 - i. GHASH loads its bytes as a big-endian number, POLYVAL as a
 * little-endian one. Time and addresses depend on nothing. */
#ifndef PQI_PRIM_MCU_GHASH_H
#define PQI_PRIM_MCU_GHASH_H

#include <stddef.h>
#include <stdint.h>

/* The 9 factors of Karatsuba's method for 4 words, and the same with their bits reversed. */
typedef uint32_t pqi_ghash_factors[18];

/* Secret. 208 bytes; wiped by the caller. */
typedef struct pqi_ghash {
    uint32_t y[4];       /* the hash so far */
    pqi_ghash_factors h; /* the hash key times 1 / x */
    pqi_ghash_factors f; /* of y, then its products with those of h */
    uint32_t v[8], mid[4];
} pqi_ghash;

/* Sets the key and y = 0. h: the hash key of GHASH times 1 / x, which is the hash key of POLYVAL as
 * it stands; may be g->y. */
void pqi_ghash_key(pqi_ghash *g, const uint32_t h[4]);

/* y = y * hash key */
void pqi_ghash_multiply(pqi_ghash *g);

#endif
