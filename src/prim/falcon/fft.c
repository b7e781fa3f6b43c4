/* SPDX-License-Identifier: Apache-2.0
 * The transform of fft.h.
 *
 * Implementation notes
 *
 * Complex coefficients enter in bit-reversed order, so that level M finds factor p of its M factors
 * at the places p, p + M, p + 2M, ... and splits it in place; at the end the value at root p stands
 * at place p.
 *
 * Every level halves its results: the high word of a product with a root of 63 fractional bits is
 * half of that product, and the other operand is shifted. Values may double with each level, so
 * their absolute value stays below that of the input, which is sqrt(2) * 128 * 2^55 < 2^62.5 for key
 * polynomials and sqrt(2) * 12289 * 2^48 < 2^62.1 for hashes, and no sum of two halves overflows.
 * The three truncations of a level err by less than 3 units together, and halving keeps the sum over
 * all levels below 9 * 3 + 1 units. */
#include "prim/falcon/fft.h"

#include "prim/falcon/roots.h"
#include "prim/falcon/wide.h"

#define SMALL_SHIFT 55
#define HASH_SHIFT  48

/* x and y become (x + y w) / 2 and (x - y w) / 2. */
static inline void butterfly(int64_t *re, int64_t *im, unsigned step, int64_t wr, int64_t wi)
{
    int64_t yr = re[step], yi = im[step], xr = re[0] >> 1, xi = im[0] >> 1;
    int64_t vr = falcon_smulhi(yr, wr) - falcon_smulhi(yi, wi);
    int64_t vi = falcon_smulhi(yr, wi) + falcon_smulhi(yi, wr);
    re[0] = xr + vr;
    im[0] = xi + vi;
    re[step] = xr - vr;
    im[step] = xi - vi;
}

static void transform(int64_t *a, unsigned h)
{
    int64_t *re = a, *im = a + h;
    for (unsigned m = 1; m < h; m <<= 1) {
        for (unsigned at = 0; at < h; at += 2 * m) {
            for (unsigned p = 0; p < m / 2; p++) {
                unsigned k = m / 2 + p;
                butterfly(re + at + p, im + at + p, m, pqi_falcon_fix_re[k], pqi_falcon_fix_im[k]);
            }
            for (unsigned p = m / 2; p < m; p++) { /* i times the root */
                butterfly(re + at + p, im + at + p, m, -pqi_falcon_fix_im[p], pqi_falcon_fix_re[p]);
            }
        }
    }
}

void pqi_falcon_fft_small(int64_t *a, const int8_t *f, unsigned logn)
{
    unsigned h = 1u << (logn - 1), r = 0;
    for (unsigned j = 0; j < h; j++) {
        a[r] = (int64_t)f[j] * ((int64_t)1 << SMALL_SHIFT);
        a[h + r] = (int64_t)f[j + h] * ((int64_t)1 << SMALL_SHIFT);
        r = pqi_falcon_next_reversed(r, h);
    }
    transform(a, h);
}

void pqi_falcon_fft_hash(int64_t *a, const uint16_t *c, unsigned logn)
{
    unsigned h = 1u << (logn - 1), r = 0;
    for (unsigned j = 0; j < h; j++) {
        a[r] = (int64_t)c[j] * ((int64_t)1 << HASH_SHIFT);
        a[h + r] = (int64_t)c[j + h] * ((int64_t)1 << HASH_SHIFT);
        r = pqi_falcon_next_reversed(r, h);
    }
    transform(a, h);
}
