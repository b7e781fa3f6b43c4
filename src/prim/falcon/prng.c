/* SPDX-License-Identifier: Apache-2.0
 * ChaCha20 for prng.h. All eight blocks go through every step together, so that compilers make
 * vector code of the loops. */
#include "prim/falcon/prng.h"

#include "base/mem.h"
#include "ct/ct.h"

#define LANES 8u

static inline uint32_t rotl(uint32_t x, unsigned n)
{
    return x << n | x >> (32u - n);
}

/* RFC 8439 section 2.1, on the same words of all blocks. */
static inline void quarter(
    uint32_t *restrict a, uint32_t *restrict b, uint32_t *restrict c, uint32_t *restrict d)
{
    for (unsigned i = 0; i < LANES; i++) {
        uint32_t x = a[i], y = b[i], z = c[i], w = d[i];
        x += y;
        w = rotl(w ^ x, 16);
        z += w;
        y = rotl(y ^ z, 12);
        x += y;
        w = rotl(w ^ x, 8);
        z += w;
        a[i] = x;
        c[i] = z;
        b[i] = rotl(y ^ z, 7);
        d[i] = w;
    }
}

/* Adds the state before the rounds. */
static void mix_in(const pqi_falcon_prng *p, uint32_t *x)
{
    static const uint32_t sigma[4] = {0x61707865, 0x3320646E, 0x79622D32, 0x6B206574};
    for (unsigned w = 0; w < 14; w++) {
        uint32_t v = w < 4 ? sigma[w] : p->key[w - 4];
        for (unsigned b = 0; b < LANES; b++) {
            x[w * LANES + b] += v;
        }
    }
    /* In halves and with a barrier: compilers otherwise branch on the carry, which is secret. */
    uint32_t low = (uint32_t)p->count, high = (uint32_t)(p->count >> 32);
    for (unsigned b = 0; b < LANES; b++) {
        uint32_t sum = pqi_ct_barrier_u32(low + b);
        uint32_t carry = ((low & b) | ((low | b) & ~sum)) >> 31;
        x[14 * LANES + b] += p->key[10] ^ sum;
        x[15 * LANES + b] += p->key[11] ^ (high + carry);
    }
}

void pqi_falcon_prng_refill(pqi_falcon_prng *p)
{
    uint32_t *x = p->block;
    memset(x, 0, sizeof p->block);
    mix_in(p, x);
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned j = 0; j < 4; j++) {
            quarter(x + 8 * j, x + 8 * (j + 4), x + 8 * (j + 8), x + 8 * (j + 12));
        }
        for (unsigned j = 0; j < 4; j++) {
            quarter(x + 8 * j, x + 8 * (4 + (j + 1) % 4), x + 8 * (8 + (j + 2) % 4),
                x + 8 * (12 + (j + 3) % 4));
        }
    }
    mix_in(p, x);
    p->count += LANES;
    p->at = 0;
}

static uint32_t load32(const uint8_t *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

void pqi_falcon_prng_start(pqi_falcon_prng *p, const uint8_t seed[PQI_FALCON_PRNG_SEED])
{
    for (unsigned i = 0; i < 12; i++) {
        p->key[i] = load32(seed + 4 * i);
    }
    p->count = (uint64_t)load32(seed + 52) << 32 | load32(seed + 48);
    pqi_falcon_prng_refill(p);
}
