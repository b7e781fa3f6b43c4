/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/falcon/fixed.h"

#include "prim/falcon/roots.h"
#include <pqi/wipe.h>

#define ROOT_BITS     63u   /* roots.h: round(2^63 * value) */
#define EXPONENT_MASK 0x7fu /* bits of a number that hold an exponent */

/* x * (wr + i wi), in place. */
static inline void mul_root(int64_t *xr, int64_t *xi, int64_t wr, int64_t wi)
{
    int64_t r = pqi_fx_mul(*xr, wr, ROOT_BITS) - pqi_fx_mul(*xi, wi, ROOT_BITS);
    *xi = pqi_fx_mul(*xr, wi, ROOT_BITS) + pqi_fx_mul(*xi, wr, ROOT_BITS);
    *xr = r;
}

/* Block u of a layer takes root bitrev(u) of roots.h, so that a block's halves stay where they are.
 * For even u that is entry M/2 + p, p the reversal; for u + 1 it is i times that entry. */
static inline size_t next_reversed(size_t u, size_t blocks)
{
    size_t bit = blocks >> 1;
    for (; (u & bit) != 0; bit >>= 1) {
        u ^= bit;
    }
    return u | bit;
}

static inline void block(pqi_fx *re, pqi_fx *im, size_t len, int64_t wr, int64_t wi)
{
    for (size_t j = 0; j < len; j++) {
        int64_t yr = re[j + len], yi = im[j + len];
        mul_root(&yr, &yi, wr, wi);
        re[j + len] = re[j] - yr;
        im[j + len] = im[j] - yi;
        re[j] += yr;
        im[j] += yi;
    }
}

static inline void inv_block(pqi_fx *re, pqi_fx *im, size_t len, int64_t wr, int64_t wi)
{
    for (size_t j = 0; j < len; j++) {
        int64_t yr = (re[j] - re[j + len]) >> 1, yi = (im[j] - im[j + len]) >> 1;
        re[j] = (re[j] + re[j + len]) >> 1;
        im[j] = (im[j] + im[j + len]) >> 1;
        mul_root(&yr, &yi, wr, -wi);
        re[j + len] = yr;
        im[j + len] = yi;
    }
}

void pqi_fx_fft(pqi_fx *a, unsigned logm)
{
    size_t half = (size_t)1 << (logm - 1);
    pqi_fx *re = a, *im = a + half;
    size_t len = half >> 1;
    if (len == 0) {
        return;
    }
    block(re, im, len, -pqi_falcon_fix_im[0], pqi_falcon_fix_re[0]);
    for (size_t blocks = 2; blocks < half; blocks <<= 1) {
        len >>= 1;
        for (size_t p = 0, u = 0; p < blocks / 2; p++, u = next_reversed(u, blocks)) {
            int64_t wr = pqi_falcon_fix_re[blocks / 2 + p];
            int64_t wi = pqi_falcon_fix_im[blocks / 2 + p];
            size_t at = 2 * u * len;
            block(re + at, im + at, len, wr, wi);
            at += 2 * len;
            block(re + at, im + at, len, -wi, wr);
        }
    }
}

void pqi_fx_ifft(pqi_fx *a, unsigned logm)
{
    size_t half = (size_t)1 << (logm - 1);
    pqi_fx *re = a, *im = a + half;
    size_t len = 1;
    if (half == 1) {
        return;
    }
    for (size_t blocks = half >> 1; blocks > 1; blocks >>= 1) {
        for (size_t p = 0, u = 0; p < blocks / 2; p++, u = next_reversed(u, blocks)) {
            int64_t wr = pqi_falcon_fix_re[blocks / 2 + p];
            int64_t wi = pqi_falcon_fix_im[blocks / 2 + p];
            size_t at = 2 * u * len;
            inv_block(re + at, im + at, len, wr, wi);
            at += 2 * len;
            inv_block(re + at, im + at, len, -wi, wr);
        }
        len <<= 1;
    }
    inv_block(re, im, len, -pqi_falcon_fix_im[0], pqi_falcon_fix_re[0]);
}

/* 2^124 / d for 2^62 <= d < 2^63, by Newton's method in units of 2^-61: with d = x 2^63 this is
 * 1/x in 1..2. The first value 48/17 - 32/17 x is within 1/17, the errors go 2^-8, 2^-16, 2^-32. */
static int64_t newton(int64_t d)
{
    const int64_t one = (int64_t)1 << 61;
    int64_t y = 48 * (one / 17) - pqi_fx_mul(d, 32 * (one / 17), 63);
    for (unsigned i = 0; i < 4; i++) {
        int64_t error = one - pqi_fx_mul(d, y, 63);
        y += pqi_fx_mul(y, error, 61);
    }
    return y;
}

int64_t pqi_fx_reciprocal(int64_t x)
{
    unsigned up = falcon_clz((uint64_t)x) - 1;
    int64_t y = newton((int64_t)falcon_shl((uint64_t)x, up));
    /* 2^102 / x = 2^(102 + up) / d = y 2^(up - 22). */
    int32_t down = 22 - (int32_t)up;
    down &= ~(down >> 31);
    return (int64_t)falcon_shr((uint64_t)y, (unsigned)down);
}

static inline uint64_t magnitude(int64_t x)
{
    int64_t s = x >> 63;
    return (uint64_t)((x ^ s) - s);
}

/* The four numbers are brought to 62 bits first, so the precision does not depend on their size,
 * which differs by many bits from root to root. */
void pqi_fx_invert(pqi_fx *f, pqi_fx *g, unsigned logm)
{
    size_t half = (size_t)1 << (logm - 1);
    int64_t v[4];
    for (size_t j = 0; j < half; j++) {
        v[0] = f[j];
        v[1] = f[j + half];
        v[2] = g[j];
        v[3] = g[j + half];
        uint64_t any = 1;
        for (unsigned i = 0; i < 4; i++) {
            any |= magnitude(v[i]);
        }
        unsigned up = falcon_clz(any) - 2; /* any < 2^62 + 1; the sum below is >= 2^59 */
        int64_t d = 1;
        for (unsigned i = 0; i < 4; i++) {
            v[i] = (int64_t)falcon_shl((uint64_t)v[i], up);
            d += pqi_fx_mul(v[i], v[i], 63);
        }
        unsigned more = falcon_clz((uint64_t)d) - 1;
        int64_t y = newton((int64_t)falcon_shl((uint64_t)d, more));
        for (unsigned i = 0; i < 4; i++) {
            v[i] = pqi_fx_mul(v[i], y, 62);
        }
        /* With v = f 2^up before, and d 2^63 = den 2^(2 up) for den = |f|^2 + |g|^2: f / den =
         * v 2^(up + more - 125), and the scale of f brings 2^(62 - logm). */
        f[j] = (v[0] & ~(int64_t)EXPONENT_MASK) | (int64_t)(up + more);
        f[j + half] = -v[1];
        g[j] = v[2];
        g[j + half] = -v[3];
    }
    pqi_wipe(v, sizeof v);
}

/* x 2^n for -63 <= n <= 63. */
static inline int64_t scale(int64_t x, int32_t n)
{
    uint64_t sign = (uint64_t)(x >> 63);
    unsigned left = (unsigned)(n & ~(n >> 31)), right = (unsigned)(-n & (n >> 31));
    return (int64_t)(falcon_shl(falcon_shr((uint64_t)x ^ sign, right) ^ sign, left));
}

void pqi_fx_quotient(const pqi_fx *F, pqi_fx *G, const pqi_fx *f, const pqi_fx *g, unsigned logm)
{
    size_t half = (size_t)1 << (logm - 1);
    for (size_t j = 0; j < half; j++) {
        int64_t ar = F[j], ai = F[j + half], br = G[j], bi = G[j + half];
        int64_t fr = f[j], fi = f[j + half], gr = g[j], gi = g[j + half];
        int64_t re = pqi_fx_mul(ar, fr, 63) - pqi_fx_mul(ai, fi, 63) + pqi_fx_mul(br, gr, 63) -
                     pqi_fx_mul(bi, gi, 63);
        int64_t im = pqi_fx_mul(ar, fi, 63) + pqi_fx_mul(ai, fr, 63) + pqi_fx_mul(br, gi, 63) +
                     pqi_fx_mul(bi, gr, 63);
        /* 63 + (up + more - 125) + (62 - logm). */
        int32_t n = (int32_t)(fr & EXPONENT_MASK) - (int32_t)logm;
        G[j] = scale(re, n);
        G[j + half] = scale(im, n);
    }
}
