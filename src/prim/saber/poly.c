/* SPDX-License-Identifier: Apache-2.0
 * Exact sums of products in Z[X]/(X^256 + 1) with number-theoretic transforms.
 *
 * Implementation notes. q of SABER is a power of two and has no transform. But one factor of every
 * product is small: a sum of k products is below 2^24 in absolute value, so it is computed modulo
 * two primes whose product is above 2^25 and put together exactly (the technique of Chung et al.,
 * IACR ePrint 2020/1397; primes and layers are our choice).
 *
 * With Y = X^8 the ring is (Z[Y]/(Y^32 + 1))[X]/(X^8 - Y). A transform of five layers over Y leaves
 * 32 blocks, polynomials of degree 7 modulo X^8 - z, which are multiplied directly. So every loop
 * runs along at least eight neighbours, which compilers turn into vectors without any shuffle; and
 * the primes need 64 | p - 1 only, so they can be small, and no layer needs a reduction.
 *
 * The first layer splits a polynomial into halves that never meet again before the last layer of
 * the inverse. A product is made half by half: both factors are transformed into 256 bytes each.
 *
 * Bounds, for both primes: constants |z| <= (p-1)/2 <= 2784; Montgomery products are at most
 *   2^15 * 2784 / 2^16 + p/2 + 1 < MONT = 4178 for any 16-bit factor,
 * and the centred range of barrett() is at most 2784. */
#include "prim/saber/poly.h"

#include "base/mem.h"
#include "prim/saber/prime.h"
#include <pqi/wipe.h>

#define HALF  (PQI_SABER_N / 2u)
#define BLOCK 8u

typedef pqi_saber_prime prime;

/* clang-format off */
const pqi_saber_prime pqi_saber_primes[2] = {
    {5441, 31425, 24668, -860, { /* w = 1638 = 3^85 */
        244, -222, -2405, 984, 2229, -2697, 708, 337, 1616, 1384, 484, 630, -2720, 1226, 586, 448,
        2479, 911, -106, 1256, 191, 406, 771, 2465, 2682, -1905, -1594, -1850, 819, 459, 2252, -711}},
    {5569, -1471, 24101, -741, { /* w = 5328 = 13^87 */
        -1292, 1478, -1774, 288, -1000, 1575, -2011, -1984, 1623, -2417, 1944, -1948, -1899, 1181,
        -2254, 1044, -492, 218, -1279, -2580, 1533, -883, 148, -790, -1313, -2248, -708, 1672, 1001,
        -602, -2548, -999}},
};
/* clang-format on */

#define P0_INV_P1 (-512) /* 2^16 / 5441 mod 5569 */

_Static_assert(5441 * 5569 > 2 * 4 * 256 * PQI_SABER_MAX_A * 3 + 2 * 5441,
    "the sum of four products with |s| <= 3, of three with 4 or of two with 5 is exact");

static void reduce(int16_t *c, size_t n, const prime *q)
{
    const int16_t v = q->barrett, p = q->p;
    for (size_t i = 0; i < n; i++) {
        c[i] = barrett(c[i], v, p);
    }
}

/* One layer of stride len on a half, Cooley-Tukey. Raises the bound by MONT. */
static inline void layer(int16_t *c, const size_t len, const int16_t *zeta, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    for (size_t start = 0; start < HALF; start += 2 * len) {
        const int16_t z = *zeta++;
        const int16_t zp = mul_lo(z, p_inv);
        for (size_t j = start; j < start + len; j++) {
            int16_t t = mont_mul(c[j + len], z, zp, p);
            c[j + len] = sub(c[j], t);
            c[j] = add(c[j], t);
        }
    }
}

/* The layers after the first; half h has the subtree of zeta[2 + h]. In: |c| <= 4096 + MONT; no
 * layer exceeds 4096 + 5 * MONT = 24986. Out: centred. */
static void layers(int16_t *c, size_t h, const prime *q)
{
    layer(c, 64, q->zeta + 2 + h, q);
    layer(c, 32, q->zeta + 4 + 2 * h, q);
    layer(c, 16, q->zeta + 8 + 4 * h, q);
    layer(c, 8, q->zeta + 16 + 8 * h, q);
    reduce(c, HALF, q);
}

/* The constant of the first layer, X^256 + 1 = (X^128 - z)(X^128 + z), with the sign of half h. */
static inline int16_t first_zeta(const prime *q, size_t h)
{
    return (int16_t)(h == 0 ? q->zeta[1] : -q->zeta[1]);
}

static void transform(int16_t *f, const int16_t *a, size_t h, const prime *q)
{
    const int16_t p = q->p, z = first_zeta(q, h);
    const int16_t zp = mul_lo(z, q->p_inv);
    for (size_t i = 0; i < HALF; i++) {
        f[i] = add(a[i], mont_mul(a[i + HALF], z, zp, p));
    }
    layers(f, h, q);
}

static void transform_small(int16_t *g, const uint8_t *s, size_t h, const prime *q)
{
    const int16_t p = q->p, z = first_zeta(q, h);
    const int16_t zp = mul_lo(z, q->p_inv);
    for (size_t i = 0; i < HALF; i++) {
        int16_t lo = (int16_t)(((s[i] & 15) ^ 8) - 8); /* four bits, signed */
        int16_t hi = (int16_t)(((s[i] >> 4) ^ 8) - 8);
        g[i] = add(lo, mont_mul(hi, z, zp, p));
    }
    layers(g, h, q);
}

/* Secret intermediates of products of blocks; wiped by the caller. */
typedef struct block_work {
    int16_t e[2 * BLOCK]; /* z * b || b: b times X^i modulo X^8 - z begins at 8 - i */
    int32_t r[BLOCK];
} block_work;

/* sum += a * b modulo X^8 - z. |a|, |b| <= 2784, |z * b| < 2904: |r| <= 8 * 2784 * 2904 < 2^26, and
 * a term of the sum is at most 2^26 / 2^16 + p/2 + 1 < 3810; four terms stay below 2^14. */
static inline void block_add(
    int16_t *sum, const int16_t *a, const int16_t *b, int16_t z, const prime *q, block_work *w)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    const int16_t zp = mul_lo(z, p_inv);
    for (size_t l = 0; l < BLOCK; l++) {
        w->e[l] = mont_mul(b[l], z, zp, p);
        w->e[l + BLOCK] = b[l];
        w->r[l] = 0;
    }
    for (size_t i = 0; i < BLOCK; i++) {
        for (size_t l = 0; l < BLOCK; l++) {
            w->r[l] += (int32_t)a[i] * w->e[BLOCK + l - i];
        }
    }
    for (size_t l = 0; l < BLOCK; l++) {
        int16_t hi = (int16_t)(w->r[l] >> 16);
        int16_t lo = (int16_t)w->r[l];
        sum[l] = add(sum[l], sub(hi, mul_hi(mul_lo(lo, p_inv), p)));
    }
}

void pqi_saber_sum_clear(pqi_saber_sum *w)
{
    memset(w->sum, 0, sizeof w->sum);
}

void pqi_saber_sum_add(pqi_saber_sum *w, const int16_t *a, const uint8_t *s)
{
    block_work bw;
    for (size_t n = 0; n < 4; n++) {
        const prime *q = &pqi_saber_primes[n & 1u];
        const size_t h = n >> 1;
        int16_t *sum = w->sum[n & 1u] + HALF * h;
        const int16_t *zeta = q->zeta + 16 + 8 * h;
        transform(w->f, a, h, q);
        transform_small(w->g, s, h, q);
        for (size_t b = 0; b < HALF; b += 2 * BLOCK) {
            const int16_t z = *zeta++;
            block_add(sum + b, w->f + b, w->g + b, z, q, &bw);
            block_add(sum + b + BLOCK, w->f + b + BLOCK, w->g + b + BLOCK, (int16_t)-z, q, &bw);
        }
    }
    pqi_wipe(&bw, sizeof bw);
}

/* One layer of the inverse, Gentleman-Sande: doubles the bound of sums, products are < MONT. */
static inline void inv_layer(int16_t *c, const size_t len, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    const int16_t *zeta = q->zeta + PQI_SABER_N / len - 1; /* the constants backwards, negated */
    for (size_t start = 0; start < PQI_SABER_N; start += 2 * len) {
        const int16_t z = *zeta--;
        const int16_t zp = mul_lo(z, p_inv);
        for (size_t j = start; j < start + len; j++) {
            int16_t t = c[j];
            c[j] = add(t, c[j + len]);
            c[j + len] = mont_mul(sub(c[j + len], t), z, zp, p);
        }
    }
}

/* The inverse transform; the factor 2^-16 of the products is taken out as well. Out: < MONT. */
static void inverse(int16_t *c, const prime *q)
{
    const int16_t p = q->p, z = q->scale;
    const int16_t zp = mul_lo(z, q->p_inv);
    /* Sums: 2784 * 2^3 = 22272, then 2784 * 2^2. */
    reduce(c, PQI_SABER_N, q);
    inv_layer(c, 8, q);
    inv_layer(c, 16, q);
    inv_layer(c, 32, q);
    reduce(c, PQI_SABER_N, q);
    inv_layer(c, 64, q);
    inv_layer(c, 128, q);
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        c[i] = mont_mul(c[i], z, zp, p);
    }
}

void pqi_saber_sum_get(uint16_t *out, pqi_saber_sum *w)
{
    const int16_t p0 = pqi_saber_primes[0].p, p1 = pqi_saber_primes[1].p,
                  v1 = pqi_saber_primes[1].barrett;
    const int16_t zp = mul_lo(P0_INV_P1, pqi_saber_primes[1].p_inv);
    inverse(w->sum[0], &pqi_saber_primes[0]);
    inverse(w->sum[1], &pqi_saber_primes[1]);
    /* x = r0 + p0 * u with u = (r1 - r0) / p0 mod p1. |x| <= 12,582,912 and |r0| < MONT give
     * |u| < 2314 for the true x; barrett() is exact there. |r1 - r0| < 2 * MONT. */
    for (size_t i = 0; i < PQI_SABER_N; i++) {
        int16_t r0 = w->sum[0][i];
        int16_t u = barrett(mont_mul(sub(w->sum[1][i], r0), P0_INV_P1, zp, p1), v1, p1);
        out[i] = (uint16_t)add(r0, mul_lo(u, p0));
    }
}
