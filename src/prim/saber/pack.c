/* SPDX-License-Identifier: Apache-2.0
 * Bit strings and sampling, spec sections 8.1 and 8.2. */
#include "prim/saber/poly.h"

#include "ct/ct.h"

#define HALF (PQI_SABER_N / 2u)

static inline void pack(uint8_t *out, const uint16_t *c, const unsigned bits)
{
    uint32_t acc = 0; /* at most 7 + bits <= 20 bits */
    unsigned have = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        acc |= (c[i] & ((1u << bits) - 1u)) << have;
        for (have += bits; have >= 8; have -= 8) {
            *out++ = (uint8_t)acc;
            acc >>= 8;
        }
    }
}

static inline void unpack(uint16_t *c, const uint8_t *in, const unsigned bits)
{
    uint32_t acc = 0; /* at most bits - 1 + 8 <= 20 bits */
    unsigned have = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        for (; have < bits; have += 8) {
            acc |= (uint32_t)*in++ << have;
        }
        c[i] = (uint16_t)(acc & ((1u << bits) - 1u));
        acc >>= bits;
        have -= bits;
    }
}

void pqi_saber_pack(uint8_t *out, const uint16_t *c, unsigned bits)
{
    pack(out, c, bits);
}

void pqi_saber_unpack(uint16_t *c, const uint8_t *in, unsigned bits)
{
    unpack(c, in, bits);
}

void pqi_saber_centre(uint16_t *c, unsigned bits)
{
    const uint16_t top = (uint16_t)(1u << (bits - 1));
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        c[i] = (uint16_t)((c[i] ^ top) - top);
    }
}

static void put(uint8_t *s, size_t i, unsigned v)
{
    if (i < HALF) {
        s[i] = (uint8_t)(v & 15u);
    } else {
        s[i - HALF] = (uint8_t)(s[i - HALF] | (v & 15u) << 4);
    }
}

/* The number of set bits of x < 32. */
static inline unsigned weight(unsigned x)
{
    x = (x & 0x15u) + (x >> 1 & 0x15u);
    return (x & 3u) + (x >> 2 & 3u) + (x >> 4);
}

void pqi_saber_sample(uint8_t *s, const uint8_t *in, unsigned mu)
{
    const unsigned half = mu / 2, mask = (1u << half) - 1u;
    uint32_t acc = 0; /* at most mu - 1 + 8 <= 17 bits */
    unsigned have = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        for (; have < mu; have += 8) {
            acc |= (uint32_t)*in++ << have;
        }
        put(s, i, weight(acc & mask) - weight(acc >> half & mask));
        acc >>= mu;
        have -= mu;
    }
}

void pqi_saber_small_pack(uint8_t *out, const uint8_t *s)
{
    uint32_t acc = 0;
    unsigned have = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        uint32_t v = i < HALF ? s[i] & 15u : (uint32_t)s[i - HALF] >> 4;
        acc |= (((v ^ 8u) - 8u) & 0x1fffu) << have;
        for (have += PQI_SABER_LOG_Q; have >= 8; have -= 8) {
            *out++ = (uint8_t)acc;
            acc >>= 8;
        }
    }
}

uint32_t pqi_saber_small_unpack(uint8_t *s, const uint8_t *in, unsigned max)
{
    uint32_t acc = 0, bad = 0;
    unsigned have = 0;
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        for (; have < PQI_SABER_LOG_Q; have += 8) {
            acc |= (uint32_t)*in++ << have;
        }
        uint32_t v = acc & 0x1fffu;
        bad |= 2u * max - ((v + max) & 0x1fffu); /* bit 31 if v is not in -max..max modulo q */
        put(s, i, v);
        acc >>= PQI_SABER_LOG_Q;
        have -= PQI_SABER_LOG_Q;
    }
    return pqi_ct_barrier_u32(0u - (bad >> 31));
}
