/* SPDX-License-Identifier: Apache-2.0
 * How a lane stands in the 64-bit words of a sponge: as the integer of FIPS 202 section B.1, or, for
 * 32-bit processors, with its even bits in one half of the word and its odd bits in the other.
 * PQI_KECCAK_INTERLEAVED (0 or 1) may be defined from outside for the whole library. */
#ifndef PQI_PRIM_KECCAK_KECCAK_LANE_H
#define PQI_PRIM_KECCAK_KECCAK_LANE_H

#include <stdint.h>

#if !defined(PQI_KECCAK_INTERLEAVED)
#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ < 8
#define PQI_KECCAK_INTERLEAVED 1
#else
#define PQI_KECCAK_INTERLEAVED 0
#endif
#endif

#if PQI_KECCAK_INTERLEAVED

/* Which half of a word stands first in memory; keccak_f1600_32.c goes by memory. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define PQI_KECCAK_EVEN 32u
#else
#define PQI_KECCAK_EVEN 0u
#endif

/* Swaps the bits that `mask` selects with those n places above them. */
static inline __attribute__((always_inline)) uint32_t pqi_keccak_swap(
    uint32_t x, uint32_t mask, unsigned n)
{
    uint32_t t = (x ^ (x >> n)) & mask;
    return x ^ t ^ (t << n);
}

/* Even bits to the low 16, odd bits to the high 16, both in order. */
static inline __attribute__((always_inline)) uint32_t pqi_keccak_unshuffle(uint32_t x)
{
    x = pqi_keccak_swap(x, 0x22222222u, 1);
    x = pqi_keccak_swap(x, 0x0c0c0c0cu, 2);
    x = pqi_keccak_swap(x, 0x00f000f0u, 4);
    return pqi_keccak_swap(x, 0x0000ff00u, 8);
}

static inline __attribute__((always_inline)) uint32_t pqi_keccak_shuffle(uint32_t x)
{
    x = pqi_keccak_swap(x, 0x0000ff00u, 8);
    x = pqi_keccak_swap(x, 0x00f000f0u, 4);
    x = pqi_keccak_swap(x, 0x0c0c0c0cu, 2);
    return pqi_keccak_swap(x, 0x22222222u, 1);
}

static inline uint64_t pqi_keccak_lane_in(uint64_t v)
{
    uint32_t lo = pqi_keccak_unshuffle((uint32_t)v);
    uint32_t hi = pqi_keccak_unshuffle((uint32_t)(v >> 32));
    uint32_t even = (lo & 0xffffu) | hi << 16;
    uint32_t odd = lo >> 16 | (hi & 0xffff0000u);
    return (uint64_t)even << PQI_KECCAK_EVEN | (uint64_t)odd << (32u - PQI_KECCAK_EVEN);
}

static inline uint64_t pqi_keccak_lane_out(uint64_t w)
{
    uint32_t even = (uint32_t)(w >> PQI_KECCAK_EVEN);
    uint32_t odd = (uint32_t)(w >> (32u - PQI_KECCAK_EVEN));
    uint32_t lo = pqi_keccak_shuffle((even & 0xffffu) | odd << 16);
    uint32_t hi = pqi_keccak_shuffle(even >> 16 | (odd & 0xffff0000u));
    return (uint64_t)hi << 32 | lo;
}

#else

static inline uint64_t pqi_keccak_lane_in(uint64_t v)
{
    return v;
}

static inline uint64_t pqi_keccak_lane_out(uint64_t w)
{
    return w;
}

#endif

#endif
