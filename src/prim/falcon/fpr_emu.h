/* SPDX-License-Identifier: Apache-2.0
 * fpr.h with integers: no floating-point instruction, no branch, no table, and no division.
 *
 * Implementation notes
 *
 * An operation works on a significand of 63 bits, ten more than the format keeps, of which the
 * lowest one is sticky: it is set when anything nonzero was dropped below it. fpr_make() rounds that
 * once, so that every result is the correctly rounded one. Zero has the exponent field 0 and gets
 * the significand 0 by a mask. */
#ifndef PQI_PRIM_FALCON_FPR_EMU_H
#define PQI_PRIM_FALCON_FPR_EMU_H

#include "prim/falcon/wide.h"

typedef uint64_t fpr;

#define FPR_FRAC 0x000FFFFFFFFFFFFFu /* the 52 stored bits of the significand */
#define FPR_LEAD 0x0010000000000000u /* the bit that is not stored */

static inline uint64_t fpr_bits(fpr x)
{
    return x;
}

static inline fpr fpr_const(uint64_t bits)
{
    return bits;
}

static inline int64_t fpr_word(const fpr *p)
{
    return (int64_t)*p;
}

static inline void fpr_set_word(fpr *p, int64_t v)
{
    *p = (uint64_t)v;
}

/* 1 if x != 0. */
static inline uint64_t fpr_some(uint64_t x)
{
    return (x | (0 - x)) >> 63;
}

static inline unsigned fpr_exponent(fpr x)
{
    return (unsigned)(x >> 52) & 0x7FFu;
}

/* The 53-bit significand, 0 for zero. */
static inline uint64_t fpr_significand(fpr x, unsigned exponent)
{
    uint64_t nonzero = 0u - (uint64_t)((exponent + 0x7FFu) >> 11);
    return ((x & FPR_FRAC) | FPR_LEAD) & nonzero;
}

/* (-1)^sign * m * 2^e for m = 0 or 2^62 <= m < 2^63, rounded; zero below the normal range. */
static inline fpr fpr_make(uint64_t sign, int32_t e, uint64_t m)
{
    int32_t field = e + 1084; /* e + 62 + bias - 1: the leading bit of m adds 1 */
    uint64_t keep = (0u - (m >> 62)) & ~(uint64_t)(int64_t)(field >> 31);
    uint64_t rounded = (m + 0x1FF + ((m >> 10) & 1u)) >> 10; /* a carry reaches the exponent */
    return sign << 63 | ((((uint64_t)(uint32_t)field << 52) + rounded) & keep);
}

/* The same for any m < 2^63. */
static inline fpr fpr_normalize(uint64_t sign, int32_t e, uint64_t m)
{
    unsigned up = falcon_clz(m | 1u) - 1u;
    return fpr_make(sign, e - (int32_t)up, falcon_shl(m, up));
}

static inline fpr fpr_scaled(int64_t i, int e)
{
    uint64_t sign = (uint64_t)i >> 63;
    return fpr_normalize(sign & fpr_some((uint64_t)i), e, ((uint64_t)i ^ (0 - sign)) + sign);
}

static inline fpr fpr_neg(fpr x)
{
    return x ^ (uint64_t)1 << 63;
}

static inline fpr fpr_half(fpr x)
{
    return x - ((uint64_t)((fpr_exponent(x) + 0x7FFu) >> 11) << 52);
}

static inline fpr fpr_add(fpr x, fpr y)
{
    /* x becomes the one of the larger absolute value. */
    uint64_t swap = 0 - (((x << 1 >> 1) - (y << 1 >> 1)) >> 63);
    uint64_t both = (x ^ y) & swap;
    x ^= both;
    y ^= both;
    unsigned ex = fpr_exponent(x), ey = fpr_exponent(y), away = ex - ey;
    uint64_t mx = fpr_significand(x, ex) << 9, my = fpr_significand(y, ey) << 9;
    /* 62 bits now. From 63 places on nothing of y is left, which may be forgotten: it is below a
     * quarter of the last place of x, and of its half when x is a power of two. */
    my &= 0 - (uint64_t)((away - 63u) >> 31);
    away &= 63u;
    uint64_t kept = falcon_shr(my, away);
    my = kept | fpr_some(my ^ falcon_shl(kept, away));
    uint64_t differ = 0 - ((x ^ y) >> 63);
    uint64_t m = mx + ((my ^ differ) - differ);
    uint64_t sign = (x >> 63) & ((y >> 63) | fpr_some(m)); /* x - x = +0 */
    return fpr_normalize(sign, (int32_t)ex - 1084, m);
}

static inline fpr fpr_sub(fpr x, fpr y)
{
    return fpr_add(x, fpr_neg(y));
}

static inline fpr fpr_mul(fpr x, fpr y)
{
    unsigned ex = fpr_exponent(x), ey = fpr_exponent(y);
    uint64_t lo;
    uint64_t m = falcon_mul64(&lo, fpr_significand(x, ex) << 11, fpr_significand(y, ey) << 10);
    m |= fpr_some(lo);
    unsigned up = (unsigned)(m >> 62) ^ 1u; /* 2^61 <= m < 2^63 */
    return fpr_make((x ^ y) >> 63, (int32_t)(ex + ey) - 2107 - (int32_t)up, falcon_shl(m, up));
}

/* floor(2^56 * a / b) for 2^52 <= a, b < 2^53, the lowest bit sticky.
 * r approximates 2^31 / (b / 2^53), as a fixed-point number with 30 bits behind the point, in three
 * Newton steps r <- r * (2 - b * r) from the line 48/17 - 32/17 * b, whose error is below 1/17; the
 * steps leave 2^-8, 2^-16 and, with what truncation loses, 4 * 2^-30. The fourth step, on 62 bits,
 * leaves less than 2^-55.8; 8 is taken off so that the quotient is never too large, and it is too
 * small by less than 2^57 * (2^-55.8 + 2^-58) + 1 < 4. */
static inline uint64_t fpr_quotient(uint64_t a, uint64_t b)
{
    uint64_t b32 = b >> 21, r = 0xB4B4B4B4u - (pqi_ct_mul64(b32, 0xF0F0F0F0u) >> 33);
    for (unsigned i = 0; i < 3; i++) {
        r = pqi_ct_mul64(r, ((uint64_t)1 << 31) - (pqi_ct_mul64(b32, r) >> 32)) >> 30;
    }
    uint64_t w = r << 32;
    w = (falcon_mulhi(w, ((uint64_t)1 << 63) - falcon_mulhi(b << 11, w)) << 2) - 8u;
    uint64_t q = falcon_mulhi(a << 11, w) >> 6;
    uint64_t rest = (a << 56) - pqi_ct_mul64(q, b); /* modulo 2^64; the true value is below 4 * b */
    for (unsigned i = 0; i < 2; i++) {
        uint64_t less = rest - (b << 1 >> i);
        uint64_t enough = (less >> 63) ^ 1u;
        rest ^= (rest ^ less) & (0 - enough);
        q += enough << 1 >> i;
    }
    return q | fpr_some(rest);
}

static inline fpr fpr_div(fpr x, fpr y)
{
    unsigned ex = fpr_exponent(x), ey = fpr_exponent(y);
    uint64_t a = fpr_significand(x, ex), zero = (a >> 52) - 1u;
    uint64_t m = fpr_quotient(a | FPR_LEAD, fpr_significand(y, ey) | FPR_LEAD) << 6;
    unsigned up = (unsigned)(m >> 62) ^ 1u; /* 2^61 < m < 2^63 */
    return fpr_make(
        (x ^ y) >> 63, (int32_t)ex - (int32_t)ey - 62 - (int32_t)up, falcon_shl(m, up) & ~zero);
}

/* floor(sqrt(2^54 * a)) for 2^52 <= a < 2^54; *rest is what its square lacks.
 * y approximates 1 / sqrt(x), x = a / 2^52, with 31 bits behind the point: from (7 - x) * 0.1524,
 * whose error is below 0.086, in four Newton steps y <- y * (3 - x * y^2) / 2, which leave
 * 1.5 times the square of the error: below 2^-28 with what truncation loses. x * y, corrected once by
 * (x - (x * y)^2) * y / 2, is the root with an error below 2^-54.2 of it, at most 2 units; 3 are taken
 * off, and the last steps count up. */
static inline uint64_t fpr_root(uint64_t a, uint64_t *rest)
{
    uint64_t x = a >> 22, y = 0x88816F00u - (pqi_ct_mul64(x, 0x4E00D1B7u) >> 32);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t xyy = pqi_ct_mul64(x, pqi_ct_mul64(y, y) >> 31) >> 30;
        y = pqi_ct_mul64(y, ((uint64_t)3 << 31) - xyy) >> 32;
    }
    uint64_t s = pqi_ct_mul64(x, y) >> 31; /* 30 bits behind the point */
    int64_t lack = (int64_t)((a << 8) - pqi_ct_mul64(s, s));
    uint64_t root =
        (s << 23) + (uint64_t)((int64_t)pqi_ct_mul64((uint64_t)(lack >> 4), y) >> 35) - 3u;
    uint64_t left =
        (a << 54) - pqi_ct_mul64(root, root); /* modulo 2^64; the true value is below 12 * root */
    for (unsigned i = 0; i < 5; i++) {
        uint64_t less = left - 2 * root - 1;
        uint64_t fits = (less >> 63) - 1u;
        left ^= (left ^ less) & fits;
        root += fits & 1u;
    }
    *rest = left;
    return root;
}

/* x >= 0. */
static inline fpr fpr_sqrt(fpr x)
{
    unsigned ex = fpr_exponent(x), odd = (ex ^ 1u) & 1u; /* the bias is odd */
    uint64_t rest, root = fpr_root(((x & FPR_FRAC) | FPR_LEAD) << odd, &rest);
    root = root << 9 | fpr_some(rest);                /* 2^62 <= root < 2^63 */
    int32_t e = (int32_t)((ex - odd + 1) >> 1) - 512; /* (ex - odd - 1023) / 2, which is exact */
    return fpr_make(0, e - 62, root & (0 - fpr_some(ex)));
}

/* The absolute value of x * 2^shift as an integer, towards zero; the result is below 2^63. */
static inline uint64_t fpr_magnitude(fpr x, unsigned shift)
{
    unsigned ex = fpr_exponent(x), down = 1085u - shift - ex;
    uint64_t m = fpr_significand(x, ex) << 10;
    m &= 0 - (uint64_t)((down - 64u) >> 31);
    return falcon_shr(m, down & 63u);
}

static inline int64_t fpr_fixed(fpr x, int e)
{
    uint64_t sign = 0 - (x >> 63);
    return (int64_t)((fpr_magnitude(x, (unsigned)e) ^ sign) - sign);
}

static inline int64_t fpr_trunc(fpr x)
{
    return fpr_fixed(x, 0);
}

static inline int64_t fpr_floor(fpr x)
{
    unsigned ex = fpr_exponent(x), down = 1085u - ex;
    uint64_t sign = 0 - (x >> 63);
    uint64_t m = fpr_significand(x, ex) << 10;
    uint64_t some = fpr_some(m);
    uint64_t near = 0 - (uint64_t)((down - 64u) >> 31); /* all ones if |x| >= 1/2 or so */
    uint64_t whole = falcon_shr(m & near, down & 63u);
    uint64_t part = some & fpr_some(m ^ (falcon_shl(whole, down & 63u) & near));
    return (int64_t)((whole ^ sign) - sign - (part & sign));
}

static inline uint64_t fpr_p63(fpr x)
{
    return fpr_magnitude(x, 63) & ((x >> 63) - 1u);
}

#endif
