/* SPDX-License-Identifier: Apache-2.0
 * A polynomial in three bytes a coefficient, and products with the matrix that are added to it while
 * the matrix comes out of the hash: for the variants with little memory. */
#ifndef PQI_PRIM_MLDSA_ROW_H
#define PQI_PRIM_MLDSA_ROW_H

#include "prim/mldsa/field.h"
#include <pqi/hash.h>

#define PQI_MLDSA_ROW (3u * PQI_MLDSA_N) /* bytes */

/* Coefficient n, below 2^24. */
PQI_MLDSA_INLINE uint32_t pqi_mldsa_row_get(const uint8_t *row, unsigned n)
{
    const uint8_t *p = row + 3u * n;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16;
}

PQI_MLDSA_INLINE void pqi_mldsa_row_set(uint8_t *row, unsigned n, uint32_t v)
{
    uint8_t *p = row + 3u * n;
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
}

/* row += a * y / 2^32 coefficient by coefficient, where a is the matrix element in `i`, `j`
 * (Algorithm 32); y < 18q. Below q after the first `columns` of such sums on a row of zeroes:
 * each adds at most 18 q^2 / 2^32 < q / 28 to the bound q, so that after seven it is 5q / 4.
 * x is scratch. Time and addresses depend on rho, i and j only. */
void pqi_mldsa_row_add(uint8_t row[PQI_MLDSA_ROW], pqi_xof *x, const uint8_t rho[32], unsigned i,
    unsigned j, const pqi_mldsa_poly *y);

/* The sum in `row`, transformed back: below q, in *p and in the row. */
void pqi_mldsa_row_finish(uint8_t row[PQI_MLDSA_ROW], pqi_mldsa_poly *p);

#endif
