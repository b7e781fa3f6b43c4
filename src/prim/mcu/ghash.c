/* SPDX-License-Identifier: Apache-2.0
 * Multiplication for GHASH and POLYVAL, without a table.
 *
 * Implementation notes. Carry-less products are made of 32 x 32 -> 32 bit integer products, whose
 * time is constant on all Cortex-M: the operands are split into four, each with every fourth bit, so
 * that no carry reaches a bit that is kept (a technique published by T. Pornin). The upper half of a
 * product is the lower half of the product of the reversed operands, reversed. */
#include "prim/mcu/ghash.h"

#include "base/mem.h"

static inline uint32_t reverse(uint32_t x)
{
#if defined(__thumb2__)
    __asm__("rbit %0, %1" : "=r"(x) : "r"(x));
    return x;
#else
    x = (x & 0x55555555u) << 1 | (x >> 1 & 0x55555555u);
    x = (x & 0x33333333u) << 2 | (x >> 2 & 0x33333333u);
    x = (x & 0x0f0f0f0fu) << 4 | (x >> 4 & 0x0f0f0f0fu);
    x = (x & 0x00ff00ffu) << 8 | (x >> 8 & 0x00ff00ffu);
    return x << 16 | x >> 16;
#endif
}

/* Lower half of the carry-less product. A kept bit is bit 0 of a sum of at most 8 ones: the sum has
 * 4 bits, which is the distance to the next kept bit. */
static inline uint32_t multiply(uint32_t x, uint32_t y)
{
    const uint32_t m = 0x11111111u;
    uint32_t x0 = x & m, x1 = x & m << 1, x2 = x & m << 2, x3 = x & m << 3;
    uint32_t y0 = y & m, y1 = y & m << 1, y2 = y & m << 2, y3 = y & m << 3;
    uint32_t z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
    uint32_t z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
    uint32_t z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
    uint32_t z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
    return (z0 & m) | (z1 & m << 1) | (z2 & m << 2) | (z3 & m << 3);
}

/* Groups of three: a, b, a + b for the lower half, the upper half, and their sum. */
static void make_factors(pqi_ghash_factors f, const uint32_t w[4])
{
    for (size_t i = 0; i < 2; i++) {
        f[i] = w[i];
        f[i + 3] = w[i + 2];
        f[i + 6] = w[i] ^ w[i + 2];
    }
    for (size_t i = 0; i < 9; i += 3) {
        f[i + 2] = f[i] ^ f[i + 1];
    }
    for (size_t i = 0; i < 9; i++) {
        f[i + 9] = reverse(f[i]);
    }
}

/* A product of 64 x 64 bits from three of 32 x 32, p and, with reversed bits, p + 9. */
static void combine(uint32_t r[4], const uint32_t *p)
{
    uint32_t lo0 = p[0], lo1 = p[1], hi0 = reverse(p[9]) >> 1, hi1 = reverse(p[10]) >> 1;
    r[0] = lo0;
    r[1] = hi0 ^ p[2] ^ lo0 ^ lo1;
    r[2] = lo1 ^ reverse(p[11]) >> 1 ^ hi0 ^ hi1;
    r[3] = hi1;
}

/* y = y * h in GF(2^128), SP 800-38D section 6.3. Bit 255 - i of v is the coefficient of x^i: one
 * place higher than the product of the numbers has it, which is why h is the hash key times 1 / x. */
void pqi_ghash_multiply(pqi_ghash *g)
{
    uint32_t *v = g->v;
    make_factors(g->f, g->y);
    for (size_t i = 0; i < 18; i++) {
        g->f[i] = multiply(g->f[i], g->h[i]);
    }
    combine(v, g->f);
    combine(v + 4, g->f + 3);
    combine(g->mid, g->f + 6);
    for (size_t i = 0; i < 4; i++) {
        g->mid[i] ^= v[i] ^ v[i + 4];
    }
    for (size_t i = 0; i < 4; i++) {
        v[i + 2] ^= g->mid[i];
    }
    for (size_t i = 0; i < 4; i++) { /* x^128 = x^7 + x^2 + x + 1, from the highest powers down */
        uint32_t w = v[i];
        v[i + 4] ^= w ^ w >> 1 ^ w >> 2 ^ w >> 7;
        v[i + 3] ^= w << 31 ^ w << 30 ^ w << 25;
    }
    memcpy(g->y, v + 4, sizeof g->y);
}

void pqi_ghash_key(pqi_ghash *g, const uint32_t h[4])
{
    make_factors(g->h, h);
    memset(g->y, 0, sizeof g->y);
}
