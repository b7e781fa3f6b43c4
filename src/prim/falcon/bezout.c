/* SPDX-License-Identifier: Apache-2.0
 * Constant-time extended binary gcd of two odd integers (T. Pornin, "Optimized Binary GCD for
 * Modular Inversion", eprint 2020/972): batches of 31 steps run on 64-bit approximations, whose low
 * 31 bits are exact and whose high 33 bits are those of the values, and give factors that are then
 * applied to the whole numbers. */
#include "prim/falcon/rns.h"
#include "prim/falcon/wide.h"

#include "base/mem.h"
#include "ct/ct.h"
#include <pqi/wipe.h>

#define STEPS 31u

/* new a = (a fa + b ga) / 2^31, new b = (a fb + b gb) / 2^31; |f| + |g| <= 2^31. */
typedef struct factors {
    int64_t fa, ga, fb, gb;
} factors;

/* Number of bits of x < 2^31, 0..31. */
static uint32_t bit_length(uint32_t x)
{
    uint32_t n = 0;
    for (uint32_t s = 16; s != 0; s >>= 1) {
        uint32_t big = pqi_ct_nonzero_u32(x >> s);
        n += s & big;
        x = pqi_ct_select_u32(big, x >> s, x);
    }
    return n + x;
}

/* The approximations of a and b. */
static void approximate(
    uint64_t *xa, uint64_t *xb, const uint32_t *a, const uint32_t *b, size_t len)
{
    uint32_t wa[3] = {0, 0, 0}, wb[3] = {0, 0, 0}, found = 0;
    for (size_t i = len; i-- > 2;) {
        uint32_t hit = pqi_ct_nonzero_u32(a[i] | b[i]) & ~found;
        for (size_t k = 0; k < 3; k++) {
            wa[k] |= a[i - k] & hit;
            wb[k] |= b[i - k] & hit;
        }
        found |= hit;
    }
    uint32_t n = bit_length(wa[0] | wb[0]);
    uint64_t ha = falcon_shr((uint64_t)wa[0] << 33 | (uint64_t)wa[1] << 2 | wa[2] >> 29, n);
    uint64_t hb = falcon_shr((uint64_t)wb[0] << 33 | (uint64_t)wb[1] << 2 | wb[2] >> 29, n);
    uint64_t big = 0u - (uint64_t)(found & 1u);
    /* Values of two words at most are taken as they are. */
    *xa = a[0] | (((ha & big) | (a[1] & ~big)) << 31);
    *xb = b[0] | (((hb & big) | (b[1] & ~big)) << 31);
    pqi_wipe(wa, sizeof wa);
    pqi_wipe(wb, sizeof wb);
}

/* 31 steps: an odd a is made even by b, after a swap where a < b; then a is halved. */
static void batch(factors *f, uint64_t xa, uint64_t xb)
{
    int64_t fa = 1, ga = 0, fb = 0, gb = 1;
    for (unsigned i = 0; i < STEPS; i++) {
        uint64_t odd = 0u - (xa & 1u);
        uint64_t less = ((~xa & xb) | (~(xa ^ xb) & (xa - xb))) >> 63;
        uint64_t swap = odd & (0u - less), t = (xa ^ xb) & swap;
        xa ^= t;
        xb ^= t;
        int64_t s = (fa ^ fb) & (int64_t)swap;
        fa ^= s;
        fb ^= s;
        s = (ga ^ gb) & (int64_t)swap;
        ga ^= s;
        gb ^= s;
        xa = (xa - (xb & odd)) >> 1;
        fa -= fb & (int64_t)odd;
        ga -= gb & (int64_t)odd;
        fb *= 2;
        gb *= 2;
    }
    *f = (factors){fa, ga, fb, gb};
}

/* x = -x where mask is all ones. */
static void negate_if(uint32_t *x, size_t len, uint32_t mask)
{
    uint32_t carry = mask & 1u;
    for (size_t i = 0; i < len; i++) {
        uint32_t v = ((x[i] ^ mask) & PQI_WORD_MASK) + carry;
        x[i] = v & PQI_WORD_MASK;
        carry = v >> 31;
    }
}

/* a b, which fits. */
static inline int64_t times(int64_t a, int64_t b)
{
    return (int64_t)pqi_ct_mul64((uint64_t)a, (uint64_t)b);
}

/* The factors on a and b, which divide exactly; results and factors are made positive. */
static void apply(uint32_t *a, uint32_t *b, size_t len, factors *f)
{
    int64_t ca = 0, cb = 0;
    for (size_t i = 0; i < len; i++) {
        int64_t va = a[i], vb = b[i];
        ca += times(va, f->fa) + times(vb, f->ga);
        cb += times(va, f->fb) + times(vb, f->gb);
        if (i != 0) {
            a[i - 1] = (uint32_t)ca & PQI_WORD_MASK;
            b[i - 1] = (uint32_t)cb & PQI_WORD_MASK;
        }
        ca >>= 31;
        cb >>= 31;
    }
    a[len - 1] = (uint32_t)ca & PQI_WORD_MASK;
    b[len - 1] = (uint32_t)cb & PQI_WORD_MASK;
    int64_t na = ca >> 63, nb = cb >> 63;
    negate_if(a, len, (uint32_t)na);
    negate_if(b, len, (uint32_t)nb);
    f->fa = (f->fa ^ na) - na;
    f->ga = (f->ga ^ na) - na;
    f->fb = (f->fb ^ nb) - nb;
    f->gb = (f->gb ^ nb) - nb;
}

/* x in (-y, 2 y), given as len words and the signed word `high`, to 0..y-1. */
static void normalise(uint32_t *x, size_t len, uint32_t high, const uint32_t *y)
{
    uint32_t negative = 0u - (high >> 31), carry = 0, borrow = 0;
    for (size_t i = 0; i < len; i++) { /* x + y where x < 0 */
        uint32_t v = x[i] + (y[i] & negative) + carry;
        x[i] = v & PQI_WORD_MASK;
        carry = v >> 31;
    }
    for (size_t i = 0; i < len; i++) {
        borrow = (x[i] - y[i] - borrow) >> 31;
    }
    /* high is 0 now, or 1 with x >= y. */
    uint32_t take = (borrow - 1u) | (0u - ((high + carry) & 1u));
    borrow = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t v = x[i] - (y[i] & take) - borrow;
        x[i] = v & PQI_WORD_MASK;
        borrow = v >> 31;
    }
}

/* The factors on u and v modulo y: multiples of y are added that make the division exact.
 * inv = -1/y mod 2^31. */
static void apply_mod(
    uint32_t *u, uint32_t *v, size_t len, const factors *f, const uint32_t *y, uint32_t inv)
{
    uint32_t tu = (u[0] * (uint32_t)f->fa + v[0] * (uint32_t)f->ga) * inv & PQI_WORD_MASK;
    uint32_t tv = (u[0] * (uint32_t)f->fb + v[0] * (uint32_t)f->gb) * inv & PQI_WORD_MASK;
    int64_t cu = 0, cv = 0;
    for (size_t i = 0; i < len; i++) {
        /* Each product sum is below 2^62, the multiple of y below 2^62, the carry below 2^33. */
        int64_t a = u[i], b = v[i];
        cu += times(a, f->fa) + times(b, f->ga) + (int64_t)pqi_ct_mul(y[i], tu);
        cv += times(a, f->fb) + times(b, f->gb) + (int64_t)pqi_ct_mul(y[i], tv);
        if (i != 0) {
            u[i - 1] = (uint32_t)cu & PQI_WORD_MASK;
            v[i - 1] = (uint32_t)cv & PQI_WORD_MASK;
        }
        cu >>= 31;
        cv >>= 31;
    }
    u[len - 1] = (uint32_t)cu & PQI_WORD_MASK;
    v[len - 1] = (uint32_t)cv & PQI_WORD_MASK;
    normalise(u, len, (uint32_t)(cu >> 31), y);
    normalise(v, len, (uint32_t)(cv >> 31), y);
}

/* -1/x mod 2^31 for odd x. */
static uint32_t neg_inverse(uint32_t x)
{
    uint32_t y = x; /* right modulo 8, then 2^6, 2^12, 2^24, 2^48 */
    for (unsigned i = 0; i < 4; i++) {
        y *= 2u - x * y;
    }
    return (0u - y) & PQI_WORD_MASK;
}

/* All ones if x == 1. */
static uint32_t is_one(const uint32_t *x, size_t len)
{
    uint32_t diff = x[0] ^ 1u;
    for (size_t i = 1; i < len; i++) {
        diff |= x[i];
    }
    return ~pqi_ct_nonzero_u32(diff);
}

/* Throughout: a = x ua - y va and b = x ub - y vb, with 0 <= ua, ub <= y and 0 <= va, vb <= x. In
 * the end a = 0 and b = gcd(x, y). */
uint32_t pqi_big_bezout(uint32_t *G, uint32_t *F, size_t len, uint32_t *tmp)
{
    uint32_t *x = tmp, *y = x + len, *a = y + len, *b = a + len;
    uint32_t *ua = b + len, *va = ua + len, *ub = G, *vb = F;
    size_t bytes = len * sizeof *x;
    uint32_t inv_x = neg_inverse(x[0]), inv_y = neg_inverse(y[0]);
    uint32_t odd = 0u - (x[0] & y[0] & 1u);
    memcpy(a, x, bytes);
    memcpy(b, y, bytes);
    memset(ua, 0, bytes);
    ua[0] = 1;
    memset(va, 0, bytes);
    memcpy(ub, y, bytes);
    memcpy(vb, x, bytes);
    vb[0] &= ~1u; /* x - 1 */
    uint64_t xa, xb;
    factors f;
    /* Each step takes a bit off the two lengths, which are at most 31 len together 62 len. */
    for (size_t i = 0; i < 2 * len + 1; i++) {
        approximate(&xa, &xb, a, b, len);
        batch(&f, xa, xb);
        apply(a, b, len, &f);
        apply_mod(ua, ub, len, &f, y, inv_y);
        apply_mod(va, vb, len, &f, x, inv_x);
    }
    pqi_wipe(&xa, sizeof xa);
    pqi_wipe(&xb, sizeof xb);
    pqi_wipe(&f, sizeof f);
    return is_one(b, len) & odd;
}
