/* SPDX-License-Identifier: Apache-2.0
 * Arithmetic of ML-KEM polynomials, FIPS 203 section 4.3.
 *
 * Implementation notes. The loops are plain, with constant strides wherever one function is
 * inlined per layer, so that compilers turn them into vector code; the building blocks map to
 * 16-bit "multiply high" and "multiply low" instructions.
 *
 * PORTABILITY: right shifts of negative values are arithmetic and conversions to int16_t wrap, as
 * gcc, clang and every other compiler for our targets do (C11 6.5.7, 6.3.1.3); a test checks. */
#include "prim/mlkem/poly.h"

#include "ct/ct.h"
#include <pqi/wipe.h>

#define Q      PQI_MLKEM_Q
#define INLINE static inline __attribute__((always_inline))
#define QINV   (-3327) /* q^-1 mod 2^16: 3329 * -3327 = 1 - 169 * 2^16 */

/* clang-format off */
const int16_t pqi_mlkem_zetas[128] = {
    -1044, -758, -359, -1517, 1493, 1422, 287, 202, -171, 622, 1577, 182, 962, -1202, -1474, 1468,
    573, -1325, 264, 383, -829, 1458, -1602, -130, -681, 1017, 732, 608, -1542, 411, -205, -1571,
    1223, 652, -552, 1015, -1293, 1491, -282, -1544, 516, -8, -320, -666, -1618, -1162, 126, 1469,
    -853, -90, -271, 830, 107, -1421, -247, -951, -398, 961, -1508, -725, 448, -1065, 677, -1275,
    -1103, 430, 555, 843, -1251, 871, 1550, 105, 422, 587, 177, -235, -291, -460, 1574, 1653,
    -246, 778, 1159, -147, -777, 1483, -602, 1119, -1590, 644, -872, 349, 418, 329, -156, -75,
    817, 1097, 603, 610, 1322, -1285, -1465, 384, -1215, -136, 1218, -1335, -874, 220, -1187, -1659,
    -1185, -1530, -1278, 794, -1510, -854, -870, 478, -108, -308, 996, 991, 958, -1460, 1522, 1628,
};
/* clang-format on */

INLINE int16_t mul_lo(int16_t a, int16_t b)
{
    return (int16_t)(uint16_t)((uint32_t)(int32_t)a * (uint32_t)(int32_t)b);
}

/* 1: 32-bit products, for processors with a multiply-accumulate and no vectors of 16-bit words. The
 * results are the same. */
#if !defined(PQI_MLKEM_SCALAR)
#if defined(__SIZEOF_POINTER__) && __SIZEOF_POINTER__ < 8
#define PQI_MLKEM_SCALAR 1
#else
#define PQI_MLKEM_SCALAR 0
#endif
#endif

#if PQI_MLKEM_SCALAR
/* Hides a constant, so that a product with it stays one instruction and does not become four. */
INLINE int32_t factor(int32_t c)
{
    return (int32_t)pqi_ct_barrier_u32((uint32_t)c);
}
#else
INLINE int32_t factor(int32_t c)
{
    return c;
}

INLINE int16_t mul_hi(int16_t a, int16_t b)
{
    return (int16_t)(((int32_t)a * b) >> 16);
}
#endif

/* a * 2^-16 mod q: |out| <= |a| / 2^16 + q / 2 + 1. */
INLINE int16_t mont_reduce(int32_t a)
{
    int16_t t = (int16_t)(uint16_t)((uint32_t)a * (uint32_t)factor(QINV));
    return (int16_t)((a + (int32_t)t * -Q) >> 16);
}

/* a * z * 2^-16 mod q, with zq = z * QINV mod 2^16. The low halves of a*z and of (a*zq)*q are equal,
 * so the difference of the high halves is exact. For |z| <= 1664 and any a:
 * |out| <= 2^15 * 1664 / 2^16 + 2^15 * q / 2^16 + 1 < 2498. */
INLINE int16_t mont_mul(int16_t a, int16_t z, int16_t zq)
{
#if PQI_MLKEM_SCALAR
    (void)zq;
    return mont_reduce((int32_t)a * z);
#else
    return (int16_t)(mul_hi(a, z) - mul_hi(mul_lo(a, zq), Q));
#endif
}

static inline int16_t zeta_q(int16_t z)
{
    return mul_lo(z, QINV);
}

/* Any a to the centred range -1665..1665. 20159 = round(2^26 / q); on 16-bit words the rounding to the
 * nearest quotient is done on a * 20159 / 2^16 with its low bits cut, which costs at most one unit. */
INLINE int16_t barrett(int16_t a)
{
#if PQI_MLKEM_SCALAR
    int16_t t = (int16_t)(((int32_t)a * 20159 + (1 << 25)) >> 26);
#else
    int16_t t = (int16_t)((mul_hi(a, 20159) + 512) >> 10);
#endif
    return (int16_t)(a - t * factor(Q));
}

/* Cooley-Tukey layer of stride len; zeta indices start at k = 128 / len. Raises the bound by
 * 2497. */
static inline void ntt_layer(int16_t *c, const size_t len, const size_t k)
{
    const int16_t *zeta = pqi_mlkem_zetas + k;
    for (size_t start = 0; start < PQI_MLKEM_N; start += 2 * len) {
        int16_t z = *zeta++;
        int16_t zq = zeta_q(z);
        for (size_t j = start; j < start + len; j++) {
            int16_t t = mont_mul(c[j + len], z, zq);
            c[j + len] = (int16_t)(c[j] - t);
            c[j] = (int16_t)(c[j] + t);
        }
    }
}

/* Gentleman-Sande layer of stride len; zeta indices end at 2 * k - 1, k = 128 / len. Doubles the bound of sums; products are at most 2497. */
static inline void inv_layer(int16_t *c, const size_t len, const size_t k)
{
    const int16_t *zeta = pqi_mlkem_zetas + 2 * k - 1;
    for (size_t start = 0; start < PQI_MLKEM_N; start += 2 * len) {
        int16_t z = *zeta--;
        int16_t zq = zeta_q(z);
        for (size_t j = start; j < start + len; j++) {
            int16_t t = c[j];
            c[j] = (int16_t)(t + c[j + len]);
            c[j + len] = mont_mul((int16_t)(c[j + len] - t), z, zq);
        }
    }
}

#if defined(__OPTIMIZE_SIZE__)

/* Layers of stride 4 and 2. */
static void ntt_short_layers(int16_t *c)
{
    ntt_layer(c, 4, 32);
    ntt_layer(c, 2, 64);
}

/* Layers of stride 2 and 4. */
static void inv_short_layers(int16_t *c)
{
    inv_layer(c, 2, 64);
    inv_layer(c, 4, 32);
}

#else

/* The two layers of the shortest strides work inside blocks of eight, which leaves vectors half
 * empty. Here place j of all 32 blocks is made one row, and the layers become one loop along the
 * rows, with neighbouring zetas for neighbouring blocks. */
#define ROW 32u

static inline void butterfly(int16_t *x, int16_t *y, int16_t z)
{
    int16_t t = mont_mul(*y, z, zeta_q(z));
    *y = (int16_t)(*x - t);
    *x = (int16_t)(*x + t);
}

static inline void inv_butterfly(int16_t *x, int16_t *y, int16_t z)
{
    int16_t t = *x;
    *x = (int16_t)(t + *y);
    *y = mont_mul((int16_t)(*y - t), z, zeta_q(z));
}

/* Layers of stride 4 and 2. */
static void ntt_short_layers(int16_t *c)
{
    int16_t t[8][ROW];
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            t[j][b] = c[8 * b + j];
        }
    }
    for (size_t b = 0; b < ROW; b++) {
        const int16_t z4 = pqi_mlkem_zetas[32 + b];
        const int16_t z2 = pqi_mlkem_zetas[64 + 2 * b];
        const int16_t w2 = pqi_mlkem_zetas[65 + 2 * b];
        butterfly(&t[0][b], &t[4][b], z4);
        butterfly(&t[1][b], &t[5][b], z4);
        butterfly(&t[2][b], &t[6][b], z4);
        butterfly(&t[3][b], &t[7][b], z4);
        butterfly(&t[0][b], &t[2][b], z2);
        butterfly(&t[1][b], &t[3][b], z2);
        butterfly(&t[4][b], &t[6][b], w2);
        butterfly(&t[5][b], &t[7][b], w2);
    }
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            c[8 * b + j] = t[j][b];
        }
    }
    pqi_wipe(t, sizeof t);
}

/* Layers of stride 2 and 4. The blocks are taken backwards, since the zetas are. */
static void inv_short_layers(int16_t *c)
{
    int16_t t[8][ROW];
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            t[j][ROW - 1 - b] = c[8 * b + j];
        }
    }
    for (size_t b = 0; b < ROW; b++) {
        const int16_t z4 = pqi_mlkem_zetas[32 + b];
        const int16_t z2 = pqi_mlkem_zetas[64 + 2 * b];
        const int16_t w2 = pqi_mlkem_zetas[65 + 2 * b];
        inv_butterfly(&t[0][b], &t[2][b], w2);
        inv_butterfly(&t[1][b], &t[3][b], w2);
        inv_butterfly(&t[4][b], &t[6][b], z2);
        inv_butterfly(&t[5][b], &t[7][b], z2);
        inv_butterfly(&t[0][b], &t[4][b], z4);
        inv_butterfly(&t[1][b], &t[5][b], z4);
        inv_butterfly(&t[2][b], &t[6][b], z4);
        inv_butterfly(&t[3][b], &t[7][b], z4);
    }
    for (size_t b = 0; b < ROW; b++) {
        for (size_t j = 0; j < 8; j++) {
            c[8 * b + j] = t[j][ROW - 1 - b];
        }
    }
    pqi_wipe(t, sizeof t);
}

#endif

void pqi_mlkem_reduce(pqi_mlkem_poly *p)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        p->c[i] = barrett(p->c[i]);
    }
}

void pqi_mlkem_ntt(pqi_mlkem_poly *p)
{
    /* 15287 + 7 * 2497 = 32766: no layer overflows. */
    ntt_layer(p->c, 128, 1);
    ntt_layer(p->c, 64, 2);
    ntt_layer(p->c, 32, 4);
    ntt_layer(p->c, 16, 8);
    ntt_layer(p->c, 8, 16);
    ntt_short_layers(p->c);
    pqi_mlkem_reduce(p);
}

void pqi_mlkem_inv_ntt(pqi_mlkem_poly *p)
{
    int16_t *c = p->c;
    /* Sums: 3328 * 2^3 = 26624, then 1665 * 2^4 = 26640; differences have the bound of the sums. */
    inv_short_layers(c);
    inv_layer(c, 8, 16);
    pqi_mlkem_reduce(p);
    inv_layer(c, 16, 8);
    inv_layer(c, 32, 4);
    inv_layer(c, 64, 2);
    inv_layer(c, 128, 1);
    /* 1441 = 2^32 / 128 mod q: 2^16 against the Montgomery factor, 2^16 promised to the caller. */
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        c[i] = mont_mul(c[i], 1441, zeta_q(1441));
    }
}

void pqi_mlkem_mul_acc(pqi_mlkem_acc *acc, const pqi_mlkem_poly *a, const pqi_mlkem_poly *b)
{
    /* Pair i is multiplied modulo X^2 - g, g = +-zeta[64 + i / 2] (FIPS 203 Appendix A, second
     * table). |sum| <= 4095 * (1665 + 2497) a product, 6.82e7 for four, below q * 2^15 = 1.09e8. */
    for (size_t i = 0; i < 64; i++) {
        const int16_t *x = a->c + 4 * i;
        const int16_t *y = b->c + 4 * i;
        int32_t *r = acc->c + 4 * i;
        int16_t z = pqi_mlkem_zetas[64 + i];
        int16_t zq = zeta_q(z);
        r[0] += x[0] * y[0] + x[1] * mont_mul(y[1], z, zq);
        r[1] += x[0] * y[1] + x[1] * y[0];
        r[2] += x[2] * y[2] - x[3] * mont_mul(y[3], z, zq);
        r[3] += x[2] * y[3] + x[3] * y[2];
    }
}

void pqi_mlkem_mul_add(
    pqi_mlkem_poly *acc, const int16_t *a, const pqi_mlkem_poly *b, unsigned first, unsigned n)
{
    /* |x * y| <= 3328 * 3328 twice: 2.22e7 / 2^16 + q / 2 + 1 < 2004. */
    int16_t *r = acc->c + first;
    const int16_t *y = b->c + first;
    const int16_t *const end = a + n;
    for (unsigned i = first; a != end; i += 2, a += 2, y += 2, r += 2) {
        int16_t z = pqi_mlkem_zetas[64 + i / 4];
        z = (int16_t)((i & 2u) != 0 ? -z : z);
        int16_t x0 = a[0], x1 = a[1], y0 = y[0], y1 = y[1];
        int16_t yz = mont_mul(y1, z, zeta_q(z));
        r[0] = (int16_t)(r[0] + mont_reduce(x0 * y0 + x1 * yz));
        r[1] = (int16_t)(r[1] + mont_reduce(x0 * y1 + x1 * y0));
    }
}

void pqi_mlkem_acc_reduce(pqi_mlkem_poly *p, const pqi_mlkem_acc *acc)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        p->c[i] = mont_reduce(acc->c[i]);
    }
}

void pqi_mlkem_to_mont(pqi_mlkem_poly *p)
{
    /* 1353 = 2^32 mod q */
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        p->c[i] = mont_mul(p->c[i], 1353, zeta_q(1353));
    }
}

void pqi_mlkem_add(pqi_mlkem_poly *p, const pqi_mlkem_poly *a)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        p->c[i] = (int16_t)(p->c[i] + a->c[i]);
    }
}

void pqi_mlkem_sub(pqi_mlkem_poly *p, const pqi_mlkem_poly *a)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        p->c[i] = (int16_t)(p->c[i] - a->c[i]);
    }
}

void pqi_mlkem_canonical(pqi_mlkem_poly *p)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        int16_t a = barrett(p->c[i]);
        p->c[i] = (int16_t)(a + ((a >> 15) & Q));
    }
}
