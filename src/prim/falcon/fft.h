/* SPDX-License-Identifier: Apache-2.0
 * The forward transform of integer polynomials, in fixed point: no floating-point number is needed
 * for it, it is several times faster than emulated ones, and it gives the same bits everywhere.
 *
 * a holds n words: the real parts of the values at the roots of roots.h, then the imaginary parts,
 * as integers to be divided by 2^PQI_FALCON_SMALL_SCALE or 2^PQI_FALCON_HASH_SCALE. Their error is
 * below 32 units of the last place: 2^-41 and 2^-34 for n = 1024. Constant time. */
#ifndef PQI_PRIM_FALCON_FFT_H
#define PQI_PRIM_FALCON_FFT_H

#include <stdint.h>

#define PQI_FALCON_SMALL_SCALE(logn) (56 - (int)(logn))
#define PQI_FALCON_HASH_SCALE(logn)  (49 - (int)(logn))

/* The number after r when numbers below h = 2^k are counted with their k bits reversed. */
static inline unsigned pqi_falcon_next_reversed(unsigned r, unsigned h)
{
    unsigned bit = h >> 1;
    while ((r & bit) != 0) {
        r ^= bit;
        bit >>= 1;
    }
    return r | bit;
}

void pqi_falcon_fft_small(int64_t *a, const int8_t *f, unsigned logn);
void pqi_falcon_fft_hash(int64_t *a, const uint16_t *c, unsigned logn); /* 0 <= c < q */

#endif
