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

#define QUARTER (PQI_SABER_N / 4u)
#define BLOCK   8u

/* Loops of eight steps: gcc unrolls them before it looks for vectors, and then finds none; clang does
 * so with scalar products. */
#if defined(__clang__)
#define KEEP_LOOP
#define KEEP_DOT _Pragma("clang loop vectorize_width(8) interleave_count(1) unroll(disable)")
#elif defined(__GNUC__)
#define KEEP_LOOP _Pragma("GCC unroll 1")
#define KEEP_DOT  KEEP_LOOP
#else
#define KEEP_LOOP
#define KEEP_DOT
#endif

/* Scalar products that wait for their reduction: all of a quarter for vectors, a block for size. */
#if defined(__OPTIMIZE_SIZE__)
#define RUN BLOCK
#else
#define RUN QUARTER
#endif

/* A copy of a function for a constant prime would be unrolled whole by clang, with the same end. */
#if defined(__GNUC__)
#define ONE_COPY __attribute__((noinline))
#else
#define ONE_COPY
#endif

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

/* Loops with constants of the prime run over a quarter: clang unrolls these, and only then knows that
 * the constants have 16 bits, which the vector product needs. For the same reason a product of a sum
 * has a pass of its own. */
ONE_COPY static void reduce(int16_t *c, const prime *q)
{
    const int16_t v = q->barrett, p = q->p;
    for (size_t i = 0; i < QUARTER; i++) {
        c[i] = barrett(c[i], v, p);
    }
}

ONE_COPY static void multiply(int16_t *c, int16_t z, const prime *q)
{
    const int16_t p = q->p;
    const int16_t zp = mul_lo(z, q->p_inv);
    for (size_t i = 0; i < QUARTER; i++) {
        c[i] = mont_mul(c[i], z, zp, p);
    }
}

/* One layer of stride len on a quarter, Cooley-Tukey. Raises the bound by MONT. */
static void layer(int16_t *c, size_t len, const int16_t *zeta, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    for (int16_t *end = c + QUARTER; c != end; c += 2 * len) {
        const int16_t z = *zeta++;
        const int16_t zp = mul_lo(z, p_inv);
        KEEP_LOOP
        for (size_t j = 0; j < len; j++) {
            int16_t t = mont_mul(c[j + len], z, zp, p);
            c[j + len] = sub(c[j], t);
            c[j] = add(c[j], t);
        }
    }
}

/* The three layers after the first two, of quarter n. In: |c| <= 4096 + 2 * MONT; no layer exceeds
 * 4096 + 5 * MONT = 24986. Out: centred. */
static void layers(int16_t *c, size_t n, const prime *q)
{
    for (size_t len = QUARTER / 2, k = 4; len >= BLOCK; len >>= 1, k <<= 1) {
        layer(c, len, q->zeta + k + (n * k >> 2), q);
    }
    reduce(c, q);
}

/* The constants of the first two layers, X^256 + 1 = (X^128 - y)(X^128 + y) and again for X^128 - y,
 * with the signs of quarter n. */
typedef struct split_zetas {
    int16_t y, yp, z, p;
} split_zetas;

static inline split_zetas split_for(const prime *q, size_t n)
{
    split_zetas s = {.p = q->p};
    s.y = (int16_t)((n & 2u) == 0 ? q->zeta[1] : -q->zeta[1]);
    s.z = (int16_t)((n & 1u) == 0 ? q->zeta[2 + (n >> 1)] : -q->zeta[2 + (n >> 1)]);
    s.yp = mul_lo(s.y, q->p_inv);
    return s;
}

ONE_COPY static void transform(
    int16_t *restrict f, const int16_t *restrict a, size_t n, const prime *q)
{
    const split_zetas s = split_for(q, n);
    for (size_t i = 0; i < QUARTER; i++) {
        f[i] = add(a[i + QUARTER], mont_mul(a[i + 3 * QUARTER], s.y, s.yp, s.p));
    }
    multiply(f, s.z, q);
    for (size_t i = 0; i < QUARTER; i++) {
        f[i] = add(f[i], add(a[i], mont_mul(a[i + 2 * QUARTER], s.y, s.yp, s.p)));
    }
    layers(f, n, q);
}

/* The low and the high four bits of a byte, signed. */
static inline int16_t low(uint8_t b)
{
    return (int16_t)(((b & 15) ^ 8) - 8);
}

static inline int16_t high(uint8_t b)
{
    return (int16_t)(((b >> 4) ^ 8) - 8);
}

ONE_COPY static void transform_small(
    int16_t *restrict f, const uint8_t *restrict b, size_t n, const prime *q)
{
    const split_zetas s = split_for(q, n);
    for (size_t i = 0; i < QUARTER; i++) {
        f[i] = add(low(b[i + QUARTER]), mont_mul(high(b[i + QUARTER]), s.y, s.yp, s.p));
    }
    multiply(f, s.z, q);
    for (size_t i = 0; i < QUARTER; i++) {
        f[i] = add(f[i], add(low(b[i]), mont_mul(high(b[i]), s.y, s.yp, s.p)));
    }
    layers(f, n, q);
}

/* For each block b of f modulo X^8 - z: e = b backwards || z * b backwards. So coefficient l of a
 * product a * b is the scalar product of a and the eight numbers from e + 7 - l on. */
ONE_COPY static void extend(
    int16_t *restrict e, const int16_t *restrict f, const int16_t *zeta, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    for (size_t b = 0; b < QUARTER; b += BLOCK) {
        const int16_t z =
            (int16_t)((b & BLOCK) == 0 ? zeta[b / (2 * BLOCK)] : -zeta[b / (2 * BLOCK)]);
        const int16_t zp = mul_lo(z, p_inv);
        for (size_t l = 0; l < BLOCK; l++) {
            e[2 * b + BLOCK - 1 - l] = f[b + l];
            e[2 * b + 2 * BLOCK - 1 - l] = f[b + l];
        }
        KEEP_LOOP
        for (size_t l = BLOCK; l < 2 * BLOCK; l++) {
            e[2 * b + l] = mont_mul(e[2 * b + l], z, zp, p);
        }
    }
}

/* sum += the products of blocks. |f|, |b| <= 2784, |z * b| < 2904: |r| <= 8 * 2784 * 2904 < 2^26, and
 * a term of the sum is at most 2^26 / 2^16 + p/2 + 1 < 3810; four terms stay below 2^14. */
ONE_COPY static void blocks_add(int16_t *restrict sum, const int16_t *restrict f,
    const int16_t *restrict e, int32_t *restrict r, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    for (size_t run = 0; run < QUARTER; run += RUN, sum += RUN) {
        for (size_t n = 0; n < RUN; n++) {
            const size_t l = n % BLOCK, b = run + n - l;
            const int16_t *row = e + 2 * b + BLOCK - 1 - l;
            int32_t t = 0;
            KEEP_DOT
            for (size_t i = 0; i < BLOCK; i++) {
                t += (int32_t)f[b + i] * row[i];
            }
            r[n] = t;
        }
        for (size_t n = 0; n < RUN; n++) {
            int16_t hi = (int16_t)(r[n] >> 16);
            int16_t lo = (int16_t)r[n];
            sum[n] = add(sum[n], sub(hi, mul_hi(mul_lo(lo, p_inv), p)));
        }
    }
}

void pqi_saber_sum_clear(pqi_saber_sum *w)
{
    memset(w->sum, 0, sizeof w->sum);
}

/* e = s made ready for step n: prime n mod 2, quarter n / 2. */
static void ready(pqi_saber_sum *w, int16_t *e, const uint8_t *s, size_t n)
{
    const prime *q = &pqi_saber_primes[n & 1u];
    transform_small(w->f, s, n >> 1, q);
    extend(e, w->f, q->zeta + 16 + 4 * (n >> 1), q);
}

void pqi_saber_prepare(pqi_saber_sum *w, pqi_saber_small *s)
{
#if defined(__OPTIMIZE_SIZE__)
    (void)w;
    (void)s;
#else
    for (size_t n = 0; n < 8; n++) {
        ready(w, s->e[n], s->s, n);
    }
#endif
}

void pqi_saber_sum_add(pqi_saber_sum *w, const int16_t *a, const pqi_saber_small *s)
{
    int32_t r[RUN];
    for (size_t n = 0; n < 8; n++) {
        const prime *q = &pqi_saber_primes[n & 1u];
        int16_t *sum = w->sum[n & 1u] + QUARTER * (n >> 1);
#if defined(__OPTIMIZE_SIZE__)
        const int16_t *e = w->e;
        ready(w, w->e, s->s, n);
#else
        const int16_t *e = s->e[n];
#endif
        transform(w->f, a, n >> 1, q);
        blocks_add(sum, w->f, e, r, q);
    }
    pqi_wipe(r, sizeof r);
}

/* One layer of the inverse, Gentleman-Sande: doubles the bound of sums, products are < MONT. The
 * constants are those of the transform backwards, negated. */
static inline void inv_layer(int16_t *c, const size_t len, const int16_t *zeta, const prime *q)
{
    const int16_t p = q->p, p_inv = q->p_inv;
    for (size_t start = 0; start < PQI_SABER_N; start += 2 * len) {
        const int16_t z = *zeta--;
        const int16_t zp = mul_lo(z, p_inv);
        KEEP_LOOP
        for (size_t j = start; j < start + len; j++) {
            int16_t t = c[j];
            c[j] = add(t, c[j + len]);
            c[j + len] = mont_mul(sub(c[j + len], t), z, zp, p);
        }
    }
}

/* The last layer, and the factor 2^-16 of the products taken out. */
static void inv_last(int16_t *c, const prime *q)
{
    for (size_t j = 0; j < PQI_SABER_N / 2; j++) {
        int16_t t = c[j];
        c[j] = add(t, c[j + PQI_SABER_N / 2]);
        c[j + PQI_SABER_N / 2] = sub(c[j + PQI_SABER_N / 2], t);
    }
    multiply(c + 2 * QUARTER, q->zeta[1], q);
    multiply(c + 3 * QUARTER, q->zeta[1], q);
    for (size_t i = 0; i < PQI_SABER_N; i += QUARTER) {
        multiply(c + i, q->scale, q);
    }
}

/* The inverse transform. Out: < MONT. */
ONE_COPY static void inverse(int16_t *c, const prime *q)
{
    for (size_t i = 0; i < PQI_SABER_N; i += QUARTER) {
        reduce(c + i, q);
    }
    inv_layer(c, 8, q->zeta + 31, q);
    inv_layer(c, 16, q->zeta + 15, q);
    inv_layer(c, 32, q->zeta + 7, q); /* sums: 2784 * 2^3 = 22272 */
    for (size_t i = 0; i < PQI_SABER_N; i += QUARTER) {
        reduce(c + i, q);
    }
    inv_layer(c, 64, q->zeta + 3, q);
    inv_last(c, q); /* 2784 * 2^2 */
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
