/* SPDX-License-Identifier: Apache-2.0
 * Bit strings and sampling: the specification's BS2POL, POL2BS and the inner part of GenSecret. */
#include "prim/saber/poly.h"

#include "ct/ct.h"

#define HALF (PQI_SABER_N / 2u)

/* Eight coefficients are `bits` bytes. They pass through one 64-bit and, above 8 bits, a second word
 * of the four upper ones; a constant width makes every shift constant. */
static inline void pack(uint8_t *out, const uint16_t *c, const unsigned bits)
{
    const uint32_t mask = (1u << bits) - 1u;
    for (size_t i = 0; i < PQI_SABER_N; i += 8, out += bits) {
        uint64_t lo = 0, hi = 0;
        for (unsigned j = 0; j < 4; j++) {
            lo |= (uint64_t)(c[i + j] & mask) << (bits * j);
            hi |= (uint64_t)(c[i + j + 4] & mask) << (bits * j);
        }
        /* 4 * bits <= 52: the upper word starts at bit 4 * bits of the string */
        lo |= hi << (4 * bits);
        hi >>= 64 - 4 * bits;
        for (unsigned j = 0; j < bits; j++) {
            out[j] = (uint8_t)(j < 8 ? lo >> (8 * j) : hi >> (8 * (j - 8)));
        }
    }
}

static inline void unpack(uint16_t *c, const uint8_t *in, const unsigned bits)
{
    const uint32_t mask = (1u << bits) - 1u;
    for (size_t i = 0; i < PQI_SABER_N; i += 8, in += bits) {
        uint64_t lo = 0, hi = 0;
        for (unsigned j = 0; j < bits; j++) {
            if (j < 8) {
                lo |= (uint64_t)in[j] << (8 * j);
            } else {
                hi |= (uint64_t)in[j] << (8 * (j - 8));
            }
        }
        hi = hi << (64 - 4 * bits) | lo >> (4 * bits);
        for (unsigned j = 0; j < 4; j++) {
            c[i + j] = (uint16_t)((lo >> (bits * j)) & mask);
            c[i + j + 4] = (uint16_t)((hi >> (bits * j)) & mask);
        }
    }
}

/* The widths of ciphertexts and messages are short strings; one body serves them. */
void pqi_saber_pack(uint8_t *out, const uint16_t *c, unsigned bits)
{
    if (bits == PQI_SABER_LOG_Q) {
        pack(out, c, PQI_SABER_LOG_Q);
    } else if (bits == PQI_SABER_LOG_P) {
        pack(out, c, PQI_SABER_LOG_P);
    } else {
        pack(out, c, bits);
    }
}

void pqi_saber_unpack(uint16_t *c, const uint8_t *in, unsigned bits)
{
    if (bits == PQI_SABER_LOG_Q) {
        unpack(c, in, PQI_SABER_LOG_Q);
    } else if (bits == PQI_SABER_LOG_P) {
        unpack(c, in, PQI_SABER_LOG_P);
    } else {
        unpack(c, in, bits);
    }
}

void pqi_saber_centre(uint16_t *c, unsigned bits)
{
    const uint16_t top = (uint16_t)(1u << (bits - 1));
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        c[i] = (uint16_t)((c[i] ^ top) - top);
    }
}

/* Four coefficients of mu bits at a time: sums of mu / 2 neighbouring bits in fields of as many. */
static inline void sample(uint16_t *c, const uint8_t *in, const unsigned mu)
{
    const unsigned half = mu / 2, mask = (1u << half) - 1u;
    for (size_t i = 0; i < PQI_SABER_N; i += 4, in += half) {
        uint64_t x = 0, t = 0, ones = 0;
        for (unsigned j = 0; j < half; j++) {
            x |= (uint64_t)in[j] << (8 * j);
        }
        for (unsigned j = 0; j < 8; j++) {
            ones |= (uint64_t)1 << (half * j);
        }
        for (unsigned j = 0; j < half; j++) {
            t += x >> j & ones;
        }
        for (unsigned j = 0; j < 4; j++, t >>= mu) {
            c[i + j] = (uint16_t)(((unsigned)t & mask) - ((unsigned)(t >> half) & mask));
        }
    }
}

void pqi_saber_sample(uint16_t *c, const uint8_t *in, unsigned mu)
{
    if (mu == 8) {
        sample(c, in, 8);
    } else {
        sample(c, in, mu);
    }
}

void pqi_saber_small_put(uint8_t *s, const uint16_t *c)
{
    for (size_t i = 0; i < HALF; i++) {
        s[i] = (uint8_t)((c[i] & 15u) | (c[i + HALF] & 15u) << 4);
    }
}

void pqi_saber_small_get(uint16_t *c, const uint8_t *s)
{
    for (size_t i = 0; i < HALF; i++) {
        c[i] = (uint16_t)(((s[i] & 15u) ^ 8u) - 8u);
        c[i + HALF] = (uint16_t)((((unsigned)s[i] >> 4) ^ 8u) - 8u);
    }
}

uint32_t pqi_saber_over(const uint16_t *c, unsigned max)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        bad |= 2u * max - ((c[i] + max) & 0x1fffu); /* bit 31 if c is not in -max..max modulo q */
    }
    return pqi_ct_barrier_u32(0u - (bad >> 31));
}
