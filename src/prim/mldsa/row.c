/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mldsa/row.h"

#include "prim/keccak/keccak.h"
#include "prim/mldsa/ntt.h"
#include "prim/mldsa/sample.h"

#define CHUNK 24u /* bytes: a seventh of a SHAKE128 block, eight candidates */

_Static_assert(PQI_SHAKE128_RATE % CHUNK == 0, "chunks do not cross blocks");

/* w + a * y / 2^32 mod q. The product is below q + 18 q^2 / 2^32; subtracting q where that leaves
 * something keeps the sum within the growth that row.h tells. */
static inline uint32_t mul_add(uint32_t w, uint32_t a, uint32_t y)
{
    uint32_t d = w + pqi_mldsa_mont_mul(a, y) - PQI_MLDSA_Q;
    return d + (PQI_MLDSA_Q & (0u - (d >> 31)));
}

void pqi_mldsa_row_add(uint8_t row[PQI_MLDSA_ROW], pqi_xof *x, const uint8_t rho[32], unsigned i,
    unsigned j, const pqi_mldsa_poly *y)
{
    const uint8_t index[2] = {(uint8_t)j, (uint8_t)i};
    uint8_t buf[CHUNK];
    pqi_shake128_start(x);
    pqi_xof_absorb(x, rho, 32);
    pqi_xof_absorb(x, index, sizeof index);
    for (unsigned n = 0; n < PQI_MLDSA_N;) {
        pqi_xof_squeeze(x, buf, CHUNK);
        for (unsigned k = 0; k < CHUNK && n < PQI_MLDSA_N; k += 3) {
            uint32_t a = pqi_mldsa_three_bytes(buf + k);
            if (a < PQI_MLDSA_Q) {
                pqi_mldsa_row_set(row, n, mul_add(pqi_mldsa_row_get(row, n), a, y->c[n]));
                n++;
            }
        }
    }
}

void pqi_mldsa_row_finish(uint8_t row[PQI_MLDSA_ROW], pqi_mldsa_poly *p)
{
    for (unsigned n = 0; n < PQI_MLDSA_N; n++) {
        p->c[n] = pqi_mldsa_row_get(row, n);
    }
    pqi_mldsa_intt(p);
    for (unsigned n = 0; n < PQI_MLDSA_N; n++) {
        pqi_mldsa_row_set(row, n, p->c[n]);
    }
}
