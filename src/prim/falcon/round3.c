/* SPDX-License-Identifier: Apache-2.0
 * Which candidates are rejected decides which key a seed gives. The round-3 reference reduces with
 * binary64 numbers, and gives up where their precision does not suffice: that happens to one key in
 * twenty, where f at one root is smaller than at another by 2^30 or so. To reject the same ones, the
 * levels of small degree, which alone are concerned, are reduced here as the reference does, number
 * by number, on the integer emulation of binary64. The approximations of big integers are their ten
 * highest words; a round takes 25 bits of the quotient. */
#include "prim/falcon/round3.h"

#include "ct/ct.h"
#include "ct/secret.h"
#include "prim/falcon/fpr.h"
#include "prim/falcon/roots.h"
#include <pqi/wipe.h>

#define TOP_WORDS 10u
#define STEP      25
#define MAX_M     ((size_t)1 << PQI_ROUND3_LOGM)

typedef struct complex {
    fpr re, im;
} complex;

static inline complex c_mul(complex a, complex b)
{
    return (complex){fpr_sub(fpr_mul(a.re, b.re), fpr_mul(a.im, b.im)),
        fpr_add(fpr_mul(a.re, b.im), fpr_mul(a.im, b.re))};
}

/* The root of block u among `blocks`; see roots.h. */
static complex root(size_t u, size_t blocks)
{
    size_t p = 0;
    for (size_t bit = 1, from = blocks >> 1; from != 0; bit <<= 1, from >>= 1) {
        p |= (u & bit) != 0 ? from : 0;
    }
    size_t odd = blocks == 1 ? 1 : u & 1u, at = p;
    if (odd == 0) {
        at += blocks / 2;
    }
    complex w = {fpr_const(pqi_falcon_root_re[blocks == 1 ? 0 : at]),
        fpr_const(pqi_falcon_root_im[blocks == 1 ? 0 : at])};
    return odd != 0 ? (complex){fpr_neg(w.im), w.re} : w;
}

/* The transforms as in fixed.h. */
static void fft(fpr *a, unsigned logm)
{
    size_t half = (size_t)1 << (logm - 1);
    fpr *re = a, *im = a + half;
    for (size_t blocks = 1, len = half >> 1; len != 0; blocks <<= 1, len >>= 1) {
        for (size_t u = 0; u < blocks; u++) {
            complex w = root(u, blocks);
            for (size_t j = 2 * u * len; j < (2 * u + 1) * len; j++) {
                complex x = {re[j], im[j]}, y = c_mul((complex){re[j + len], im[j + len]}, w);
                re[j] = fpr_add(x.re, y.re);
                im[j] = fpr_add(x.im, y.im);
                re[j + len] = fpr_sub(x.re, y.re);
                im[j + len] = fpr_sub(x.im, y.im);
            }
        }
    }
}

static void ifft(fpr *a, unsigned logm)
{
    size_t m = (size_t)1 << logm, half = m / 2;
    fpr *re = a, *im = a + half;
    for (size_t blocks = half >> 1, len = 1; blocks != 0; blocks >>= 1, len <<= 1) {
        for (size_t u = 0; u < blocks; u++) {
            complex w = root(u, blocks);
            w.im = fpr_neg(w.im);
            for (size_t j = 2 * u * len; j < (2 * u + 1) * len; j++) {
                complex x = {re[j], im[j]}, y = {re[j + len], im[j + len]};
                re[j] = fpr_add(x.re, y.re);
                im[j] = fpr_add(x.im, y.im);
                y = c_mul((complex){fpr_sub(x.re, y.re), fpr_sub(x.im, y.im)}, w);
                re[j + len] = y.re;
                im[j + len] = y.im;
            }
        }
    }
    fpr scale = fpr_scaled(1, 1 - (int)logm);
    for (size_t j = 0; j < m; j++) {
        a[j] = fpr_mul(a[j], scale);
    }
}

/* The coefficients over 2^(31 (len - TOP_WORDS)), from the highest words of their len, at most
 * TOP_WORDS; returns that power's exponent. Words are added from the lowest on. */
static int32_t to_float(fpr *out, const uint32_t *x, size_t len, size_t m)
{
    size_t skip = len > TOP_WORDS ? len - TOP_WORDS : 0;
    for (size_t j = 0; j < m; j++) {
        uint32_t negative = 0u - (x[(len - 1) * m + j] >> 30), carry = negative & 1u;
        fpr sum = fpr_const(0);
        for (size_t i = skip; i < len; i++) {
            uint32_t w = (x[i * m + j] ^ (negative >> 1)) + carry;
            carry = w >> 31;
            w &= PQI_WORD_MASK;
            w -= (w << 1) & negative;
            sum = fpr_add(sum, fpr_scaled((int32_t)w, 31 * (int)(i - skip)));
        }
        out[j] = sum;
    }
    return 31 * (int32_t)skip;
}

/* inv = 1 / (|f|^2 + |g|^2) at the roots; f and g are then replaced by their conjugates. */
static void inverse_norm(fpr *inv, fpr *f, fpr *g, size_t half)
{
    for (size_t j = 0; j < half; j++) {
        fpr nf = fpr_add(fpr_sqr(f[j]), fpr_sqr(f[j + half]));
        fpr ng = fpr_add(fpr_sqr(g[j]), fpr_sqr(g[j + half]));
        inv[j] = fpr_div(fpr_of(1), fpr_add(nf, ng));
        f[j + half] = fpr_neg(f[j + half]);
        g[j + half] = fpr_neg(g[j + half]);
    }
}

/* G = (F f + G g) inv at the roots. */
static void combine(const fpr *F, fpr *G, const fpr *f, const fpr *g, const fpr *inv, size_t half)
{
    for (size_t j = 0; j < half; j++) {
        complex a = c_mul((complex){F[j], F[j + half]}, (complex){f[j], f[j + half]});
        complex b = c_mul((complex){G[j], G[j + half]}, (complex){g[j], g[j + half]});
        G[j] = fpr_mul(fpr_add(b.re, a.re), inv[j]);
        G[j + half] = fpr_mul(fpr_add(b.im, a.im), inv[j]);
    }
}

/* k = x 2^-down, rounded to nearest, ties to even; the mask is all ones where a value does not fit
 * 31 bits. Bits below 2^-30 do not count: a tie that they break comes once in 2^30 values. */
static uint32_t round_all(int32_t *k, const fpr *x, size_t m, int32_t down)
{
    const uint64_t limit = 0x41DFFFFFFFC00000u; /* 2^31 - 1 as binary64 */
    uint64_t outside = 0;
    for (size_t j = 0; j < m; j++) {
        fpr v = fpr_mul(x[j], fpr_scaled(1, -down));
        uint64_t in = ((fpr_bits(v) & (UINT64_MAX >> 1)) - limit) >> 63;
        outside |= in ^ 1u;
        v = fpr_const(fpr_bits(v) & (0u - in));
        int64_t t = fpr_floor(fpr_mul(v, fpr_scaled(1, 30)));
        int64_t even = (t >> 30) & 1;
        /* The barrier keeps vector shifts by secret amounts out, which checkers do not know. */
        k[j] = (int32_t)pqi_ct_barrier_u32((uint32_t)((t + (1 << 29) - 1 + even) >> 30));
    }
    return 0u - (uint32_t)outside;
}

/* out = k f of small + 1 words, |k| < 2^31, m <= 16. */
static void product(uint32_t *out, const int32_t *k, const uint32_t *f, size_t small, size_t m)
{
    int32_t factor[2 * MAX_M], v[MAX_M];
    int64_t carry[MAX_M] = {0};
    for (size_t i = 0; i < m; i++) { /* x^m = -1 */
        factor[i] = -k[i];
        factor[m + i] = k[i];
    }
    for (size_t w = 0; w < small; w++) {
        /* The sign bit of the top word counts negative. */
        uint32_t flip = w == small - 1 ? 0x40000000u : 0;
        for (size_t j = 0; j < m; j++) {
            v[j] = (int32_t)((f[w * m + j] ^ flip) - flip);
        }
        for (size_t i = 0; i < m; i++) {
            int64_t low = carry[i], high = 0;
            for (size_t j = 0; j < m; j++) {
                int64_t t = pqi_ct_mul_signed(v[j], factor[m + i - j]);
                low += t & PQI_WORD_MASK;
                high += t >> 31;
            }
            out[w * m + i] = (uint32_t)low & PQI_WORD_MASK;
            carry[i] = high + (low >> 31);
        }
    }
    for (size_t i = 0; i < m; i++) {
        out[small * m + i] = (uint32_t)carry[i] & PQI_WORD_MASK;
    }
    pqi_wipe(factor, sizeof factor);
    pqi_wipe(v, sizeof v);
    pqi_wipe(carry, sizeof carry);
}

static void extend_sign(uint32_t *x, size_t from, size_t to, size_t m)
{
    for (size_t i = from; i < to; i++) {
        for (size_t j = 0; j < m; j++) {
            x[i * m + j] = (0u - (x[(from - 1) * m + j] >> 30)) & PQI_WORD_MASK;
        }
    }
}

/* Mean and standard deviation of the length of f and g by level; six deviations are allowed for. */
typedef struct lengths {
    int16_t mean, deviation;
} lengths;

static const lengths fg_lengths[10] = {
    {0, 0}, {0, 0}, {0, 0}, {0, 0}, {0, 0}, {202, 2}, {401, 4}, {794, 5}, {1577, 8}, {3138, 13}};

uint32_t pqi_round3_reduce(const pqi_babai *b, unsigned level, uint32_t *tmp)
{
    size_t m = (size_t)1 << b->logm, half = m / 2, len = b->large;
    fpr *f = (fpr *)(void *)tmp, *g = f + m, *inv = g + m, *F = inv + half, *G = F + m;
    int32_t *k = (int32_t *)(void *)(G + m);
    uint32_t *p = (uint32_t *)k + m;
    int32_t shortest = fg_lengths[level].mean - 6 * fg_lengths[level].deviation;
    int32_t longest = fg_lengths[level].mean + 6 * fg_lengths[level].deviation;
    int32_t most = 31 * (int32_t)len, shift = most - shortest;
    int32_t scale_fg = to_float(f, b->f, b->small, m);
    (void)to_float(g, b->g, b->small, m);
    fft(f, b->logm);
    fft(g, b->logm);
    inverse_norm(inv, f, g, half);
    for (;;) {
        int32_t scale_FG = to_float(F, b->F, len, m);
        (void)to_float(G, b->G, len, m);
        fft(F, b->logm);
        fft(G, b->logm);
        combine(F, G, f, g, inv, half);
        ifft(G, b->logm);
        uint32_t outside = round_all(k, G, m, shift - scale_FG + scale_fg);
        PQI_PUBLIC(&outside, sizeof outside);
        if (outside != 0) {
            return 0;
        }
        product(p, k, b->f, b->small, m);
        pqi_babai_subtract(b->F, len, p, b->small + 1, (uint32_t)shift, m);
        product(p, k, b->g, b->small, m);
        pqi_babai_subtract(b->G, len, p, b->small + 1, (uint32_t)shift, m);
        if (shift + longest + 10 < most) {
            most = shift + longest + 10;
            len -= 31 * (int32_t)len >= most + 31 ? 1 : 0;
        }
        if (shift == 0) {
            break;
        }
        shift = shift > STEP ? shift - STEP : 0;
    }
    extend_sign(b->F, len, b->small, m);
    extend_sign(b->G, len, b->small, m);
    return UINT32_MAX;
}
