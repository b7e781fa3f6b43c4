/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/falcon/hash.h"

#include "base/mem.h"
#include "prim/keccak/keccak.h"

#define LIMIT (5u * PQI_FALCON_Q) /* k q with k = floor(2^16 / q), Algorithm 3 step 2 */

_Static_assert(2 * PQI_FALCON_HASH_BLOCK == PQI_SHAKE256_RATE, "one block");

/* v mod q for v < 5 q, without a division or a branch that is hard to predict. */
static inline uint16_t modq(uint32_t v)
{
    static const uint32_t steps[3] = {2u * PQI_FALCON_Q, 2u * PQI_FALCON_Q, PQI_FALCON_Q};
    for (unsigned i = 0; i < 3; i++) {
        v -= steps[i];
        v += steps[i] & (0u - (v >> 31));
    }
    return (uint16_t)v;
}

unsigned pqi_falcon_hash_block(pqi_xof *x, uint16_t c[PQI_FALCON_HASH_BLOCK])
{
    const uint8_t *block = (const uint8_t *)c; /* in place: what is written was read before */
    unsigned n = 0;
    pqi_xof_squeeze(x, c, PQI_SHAKE256_RATE);
    for (unsigned i = 0; i < PQI_SHAKE256_RATE; i += 2) {
        uint32_t v = (uint32_t)block[i] << 8 | block[i + 1];
        if (v < LIMIT) {
            c[n++] = modq(v);
        }
    }
    return n;
}

void pqi_falcon_hash_to_point(pqi_xof *x, uint16_t *c, unsigned logn)
{
    uint16_t block[PQI_FALCON_HASH_BLOCK];
    size_t n = (size_t)1 << logn;
    for (size_t at = 0; at < n;) {
        size_t got = pqi_falcon_hash_block(x, block);
        got = got < n - at ? got : n - at;
        memcpy(c + at, block, got * sizeof block[0]);
        at += got;
    }
}
