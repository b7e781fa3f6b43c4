/* SPDX-License-Identifier: Apache-2.0
 * Keccak-f[1600] for 32-bit processors, FIPS 202 section 3, on bit-interleaved lanes: the half 2 * i
 * of the state holds the even bits of lane i, the half 2 * i + 1 the odd ones, so that a 64-bit
 * rotation is two 32-bit ones (Bertoni, Daemen, Peeters, Van Assche, Van Keer, "Keccak
 * implementation overview" 3.2, section 2.1). Conversion is in keccak_lane.h.
 *
 * Implementation notes. A round reads one copy of the state and writes another: theta's offsets are
 * kept, rho and pi are the choice of what is read, and a row of halves is written once. Straight
 * code; the loop is over rounds only. */
#include "prim/keccak/keccak.h"
#include "prim/keccak/keccak_lane.h"

#if PQI_KECCAK_INTERLEAVED

#define INLINE static inline __attribute__((always_inline))

/* iota, FIPS 202 section 3.2.5: the odd bits of RC[i], and bit i is the only even bit, bit 0, of
 * RC[i]. A test recomputes them. */
static const uint32_t rc_odd[24] = {0x00000000u, 0x00000089u, 0x8000008bu, 0x80008080u, 0x0000008bu,
    0x00008000u, 0x80008088u, 0x80000082u, 0x0000000bu, 0x0000000au, 0x00008082u, 0x00008003u,
    0x0000808bu, 0x8000000bu, 0x8000008au, 0x80000081u, 0x80000081u, 0x80000008u, 0x00000083u,
    0x80008003u, 0x80008088u, 0x80000088u, 0x00008000u, 0x80008082u};
#define RC_EVEN 0x50f4f1u

/* The state is uint64_t for everybody else. */
typedef uint32_t __attribute__((may_alias)) half;

/* n is a constant below 32. */
INLINE uint32_t rol(uint32_t x, unsigned n)
{
    return n == 0 ? x : (x << n) | (x >> (32u - n));
}

/* The state is read twice in a round. Without this a compiler keeps all 50 halves of the first
 * reading, on the stack. */
#define RELOAD() __asm__ volatile("" : : : "memory")

/* Theta's column parity. */
INLINE uint32_t parity(const half *in, unsigned i)
{
    return in[i] ^ in[i + 10] ^ in[i + 20] ^ in[i + 30] ^ in[i + 40];
}

/* Half h of lane i after theta and a rotation by n: an odd n swaps the halves. */
INLINE uint32_t moved(const half *in, const uint32_t *d, unsigned i, unsigned n, unsigned h)
{
    unsigned from = h ^ (n & 1u);
    return rol(in[2 * i + from] ^ d[2 * (i % 5) + from], n / 2 + (n & (h ^ 1u)));
}

/* Half h of row y: lanes l come from rho and pi with rotations n, then chi; k is iota. */
#define ROW(y, h, l0, n0, l1, n1, l2, n2, l3, n3, l4, n4, k)                                       \
    do {                                                                                           \
        uint32_t b0 = moved(in, d, l0, n0, h);                                                     \
        uint32_t b1 = moved(in, d, l1, n1, h);                                                     \
        uint32_t b2 = moved(in, d, l2, n2, h);                                                     \
        uint32_t b3 = moved(in, d, l3, n3, h);                                                     \
        uint32_t b4 = moved(in, d, l4, n4, h);                                                     \
        out[10 * (y) + (h)] = b0 ^ (~b1 & b2) ^ (k);                                               \
        out[10 * (y) + 2 + (h)] = b1 ^ (~b2 & b3);                                                 \
        out[10 * (y) + 4 + (h)] = b2 ^ (~b3 & b4);                                                 \
        out[10 * (y) + 6 + (h)] = b3 ^ (~b4 & b0);                                                 \
        out[10 * (y) + 8 + (h)] = b4 ^ (~b0 & b1);                                                 \
    } while (0)

static __attribute__((noinline)) void one_round(
    half *out, const half *in, uint32_t even, uint32_t odd)
{
    uint32_t d[10];
    {
        uint32_t c0 = parity(in, 0), c1 = parity(in, 1), c2 = parity(in, 2), c3 = parity(in, 3);
        uint32_t c4 = parity(in, 4), c5 = parity(in, 5), c6 = parity(in, 6), c7 = parity(in, 7);
        uint32_t c8 = parity(in, 8), c9 = parity(in, 9);
        d[0] = c8 ^ rol(c3, 1); /* rotating by one: the odd half rotates and becomes the even one */
        d[1] = c9 ^ c2;
        d[2] = c0 ^ rol(c5, 1);
        d[3] = c1 ^ c4;
        d[4] = c2 ^ rol(c7, 1);
        d[5] = c3 ^ c6;
        d[6] = c4 ^ rol(c9, 1);
        d[7] = c5 ^ c8;
        d[8] = c6 ^ rol(c1, 1);
        d[9] = c7 ^ c0;
    }
    RELOAD();
    ROW(0, 0u, 0, 0u, 6, 44u, 12, 43u, 18, 21u, 24, 14u, even);
    ROW(0, 1u, 0, 0u, 6, 44u, 12, 43u, 18, 21u, 24, 14u, odd);
    ROW(1, 0u, 3, 28u, 9, 20u, 10, 3u, 16, 45u, 22, 61u, 0u);
    ROW(1, 1u, 3, 28u, 9, 20u, 10, 3u, 16, 45u, 22, 61u, 0u);
    ROW(2, 0u, 1, 1u, 7, 6u, 13, 25u, 19, 8u, 20, 18u, 0u);
    ROW(2, 1u, 1, 1u, 7, 6u, 13, 25u, 19, 8u, 20, 18u, 0u);
    ROW(3, 0u, 4, 27u, 5, 36u, 11, 10u, 17, 15u, 23, 56u, 0u);
    ROW(3, 1u, 4, 27u, 5, 36u, 11, 10u, 17, 15u, 23, 56u, 0u);
    ROW(4, 0u, 2, 62u, 8, 55u, 14, 39u, 15, 41u, 21, 2u, 0u);
    ROW(4, 1u, 2, 62u, 8, 55u, 14, 39u, 15, 41u, 21, 2u, 0u);
}

void pqi_keccak_f1600(uint64_t s[25])
{
    uint64_t e[25];
    half *const a = (half *)(void *)s;
    half *const b = (half *)(void *)e;
    for (unsigned i = 0; i < 24; i += 2) {
        one_round(b, a, RC_EVEN >> i & 1u, rc_odd[i]);
        one_round(a, b, RC_EVEN >> (i + 1) & 1u, rc_odd[i + 1]);
    }
    for (unsigned i = 0; i < 25; i++) {
        e[i] = 0;
    }
    __asm__ volatile("" : : "r"(e) : "memory"); /* as pqi_wipe(), by words */
}

#else

typedef int pqi_keccak_f1600_32_is_not_used;

#endif
