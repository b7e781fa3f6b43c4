/* SPDX-License-Identifier: Apache-2.0
 * The fixed-point steps of fast Fourier sampling against their definitions, computed with complex
 * doubles. */
#include "pqi_test.h"

#include "prim/falcon/fft.h"
#include "prim/falcon/steps.h"

#include <complex.h>
#include <math.h>
#include <stdbool.h>

#define N 1024

static uint64_t rng_state = 1;

static uint64_t next(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 2685821657736338717u;
}

/* An integer of absolute value below 2^bits. */
static int64_t number(unsigned bits)
{
    return (int64_t)next() >> (63 - bits);
}

static double complex cplx(double re, double im)
{
    const union {
        double part[2];
        double complex value;
    } v = {{re, im}};
    return v.value;
}

/* Value j of a polynomial of h values with `scale` fractional bits. */
static double complex value(const int64_t *a, size_t h, size_t j, int scale)
{
    return cplx(ldexp((double)a[j], -scale), ldexp((double)a[h + j], -scale));
}

static bool near(double complex a, double complex b, double error)
{
    return fabs(creal(a) - creal(b)) <= error && fabs(cimag(a) - cimag(b)) <= error;
}

/* The root w of place u in a level of q roots, by its definition in roots.h: u and u + m of level 2m
 * halve the angle of u in level m; u + m has i times the root of u. */
static double complex root_at(size_t q, size_t u)
{
    const double right_angle = 3.14159265358979323846 / 2;
    double angle = right_angle / 2;
    for (size_t m = 1; m < q; m *= 2) {
        angle /= 2;
        if ((u & m) != 0) {
            angle += right_angle;
        }
    }
    return cplx(cos(angle), sin(angle));
}

static const int T = PQI_FALCON_T_SCALE;

/* Splitting the transform of a polynomial gives the transforms of its even and odd coefficients;
 * this ties the order of the roots here to that of fft.c. */
static void split_is_even_and_odd(void **state)
{
    static int64_t a[N], halves[N], even[N / 2], odd[N / 2];
    static int8_t f[N], parts[2][N / 2];
    (void)state;
    for (unsigned logn = 2; logn <= 10; logn++) {
        size_t n = (size_t)1 << logn, h = n / 2, q = h / 2;
        for (size_t i = 0; i < n; i++) {
            f[i] = (int8_t)number(7);
            parts[i % 2][i / 2] = f[i];
        }
        pqi_falcon_fft_small(a, f, logn);
        pqi_falcon_fft_small(even, parts[0], logn - 1);
        pqi_falcon_fft_small(odd, parts[1], logn - 1);
        pqi_falcon_split(halves, a, h);
        int whole = PQI_FALCON_SMALL_SCALE(logn), half = PQI_FALCON_SMALL_SCALE(logn - 1);
        for (size_t u = 0; u < q; u++) {
            assert_true(near(value(halves, q, u, whole), value(even, q, u, half), 0x1p-38));
            assert_true(near(value(halves + h, q, u, whole), value(odd, q, u, half), 0x1p-38));
            double complex w = root_at(q, u), x = value(a, h, u, whole),
                           y = value(a, h, u + q, whole);
            assert_true(near(value(halves + h, q, u, whole), (x - y) / (2 * w), 1e-9));
        }
    }
}

static void merge_undoes_split(void **state)
{
    static int64_t a[N], halves[N], again[N];
    (void)state;
    for (size_t h = 2; h <= N / 2; h *= 2) {
        for (size_t i = 0; i < 2 * h; i++) {
            a[i] = number(60);
        }
        pqi_falcon_split(halves, a, h);
        pqi_falcon_merge(again, halves, h);
        for (size_t i = 0; i < 2 * h; i++) {
            assert_true(llabs(again[i] - a[i]) <= 8);
        }
    }
}

static void turn(void **state)
{
    static int64_t pair[2 * N], before[2 * N], child[N], right[N], l[N];
    (void)state;
    for (size_t h = 2; h <= N / 4; h *= 2) {
        size_t q = h / 2;
        for (size_t i = 0; i < 2 * h; i++) {
            right[i] = child[i] = number(52);
            pair[i] = number(50);
            l[i] = number(63);
        }
        /* t1 is near what the child merges to. */
        pqi_falcon_merge(pair + 2 * h, child, h);
        for (size_t i = 2 * h; i < 4 * h; i++) {
            pair[i] += number(44);
        }
        memcpy(before, pair, sizeof before);
        pqi_falcon_turn(pair, child, l, h);
        for (size_t u = 0; u < q; u++) {
            double complex w = root_at(q, u), t[2];
            for (size_t k = 0; k < 2; k++) {
                size_t j = u + k * q;
                double complex f1 = w * value(right + h, q, u, T);
                double complex z = value(right, q, u, T) + (k == 0 ? f1 : -f1);
                double complex l10 = root_at(h, j) * ldexp((double)l[j], -63);
                assert_true(near(value(pair + 2 * h, h, j, T), z, 0x1p-37));
                double complex d = value(before + 2 * h, h, j, T) - z;
                t[k] = value(before, h, j, T) + d * l10;
            }
            assert_true(near(value(child, q, u, T), (t[0] + t[1]) / 2, 0x1p-34));
            assert_true(near(value(child + h, q, u, T), (t[0] - t[1]) / (2 * w), 0x1p-34));
        }
    }
}

static void targets(void **state)
{
    static int64_t a[N], b[N], c[N], d[N];
    static int8_t f[N];
    static uint16_t hash[N];
    (void)state;
    for (unsigned run = 0; run < 4; run++) {
        unsigned logn = 9 + run % 2;
        size_t n = (size_t)1 << logn, h = n / 2;
        int small = PQI_FALCON_SMALL_SCALE(logn), big = PQI_FALCON_HASH_SCALE(logn);
        for (size_t i = 0; i < n; i++) {
            f[i] = (int8_t)number(5);
            hash[i] = (uint16_t)(next() % 12289);
        }
        pqi_falcon_fft_small(a, f, logn);
        memcpy(b, a, sizeof b);
        pqi_falcon_over_q(b, n, run > 1);
        pqi_falcon_fft_hash(c, hash, logn);
        memcpy(d, c, sizeof d);
        pqi_falcon_target(c, b, logn);
        for (size_t j = 0; j < h; j++) {
            double complex want = value(d, h, j, big) * value(a, h, j, small) / 12289;
            assert_true(near(value(c, h, j, T), run > 1 ? -want : want, 0x1p-30));
        }
        /* (c - z) * l10, z near c */
        for (size_t i = 0; i < n; i++) {
            b[i] = c[i] + number(48);
            a[i] = number(PQI_FALCON_L10_SCALE + 9);
        }
        memcpy(d, c, sizeof d);
        pqi_falcon_carry(d, b, a, h);
        for (size_t j = 0; j < h; j++) {
            double complex want =
                (value(c, h, j, T) - value(b, h, j, T)) * value(a, h, j, PQI_FALCON_L10_SCALE);
            assert_true(near(value(d, h, j, T), want, 0x1p-26));
        }
    }
}

static void leaf_factors(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        int64_t l = number(63), d = number(53);
        double want = ldexp((double)d, -T) * ldexp((double)l, -63);
        assert_true(fabs(ldexp((double)pqi_falcon_times_l(d, l), -T) - want) < 0x1p-37);
        want = ldexp((double)l, -63) * sqrt(0.5);
        assert_true(fabs(ldexp((double)pqi_falcon_l_leaf(l), -63) - want) < 0x1p-50);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(split_is_even_and_odd), cmocka_unit_test(merge_undoes_split),
    cmocka_unit_test(turn), cmocka_unit_test(targets), cmocka_unit_test(leaf_factors))
