/* SPDX-License-Identifier: Apache-2.0
 * The generator of the sampler: ChaCha20 (RFC 8439 section 2.3) over eight blocks at a time, in the
 * order of the round-3 reference implementation, which its known answers fix. The eight blocks are
 * interleaved: word w of block b stands at place 8w + b. */
#ifndef PQI_PRIM_FALCON_PRNG_H
#define PQI_PRIM_FALCON_PRNG_H

#include <stdint.h>

#define PQI_FALCON_PRNG_SEED 56u
#define PQI_FALCON_PRNG_LEN  512u /* bytes between two refills */

typedef struct pqi_falcon_prng {
    uint32_t block[PQI_FALCON_PRNG_LEN / 4]; /* byte i is bits 8 * (i mod 4).. of word i / 4 */
    uint32_t key[12];                        /* the words 4..15 of the ChaCha20 state */
    uint64_t count;                          /* added to the words 14 and 15 by exclusive or */
    uint32_t at;                             /* next byte */
} pqi_falcon_prng;

void pqi_falcon_prng_start(pqi_falcon_prng *p, const uint8_t seed[PQI_FALCON_PRNG_SEED]);
void pqi_falcon_prng_refill(pqi_falcon_prng *p);

/* A test that scripts the draws defines these two itself. */
#if !defined(PQI_FALCON_PRNG_SCRIPTED)

/* A word never spans two fills, and is never the last bytes of one. */
static inline uint64_t prng_u64(pqi_falcon_prng *p)
{
    if (p->at >= PQI_FALCON_PRNG_LEN - 9) {
        pqi_falcon_prng_refill(p);
    }
    const uint32_t *w = p->block + p->at / 4;
    unsigned skip = 8u * (p->at & 3u);
    uint64_t low = (uint64_t)w[1] << 32 | w[0];
    p->at += 8;
    return low >> skip | (uint64_t)w[2] << 1 << (63u - skip);
}

static inline uint32_t prng_u8(pqi_falcon_prng *p)
{
    uint32_t v = (p->block[p->at / 4] >> (8u * (p->at & 3u))) & 0xFFu;
    if (++p->at == PQI_FALCON_PRNG_LEN) {
        pqi_falcon_prng_refill(p);
    }
    return v;
}

#endif
#endif
