/* SPDX-License-Identifier: Apache-2.0
 * The emulated binary64 arithmetic against the machine's double, and the transform against its
 * definition. With PQI_FPR_NATIVE the other backend is tried on the same operands. */
#include "pqi_test.h"

#include "prim/falcon/fft.h"
#include "prim/falcon/fpr.h"
#include "prim/falcon/roots.h"

#include <math.h>

#define FRACTION 0x000FFFFFFFFFFFFFu
#define SIGN     0x8000000000000000u
#define RUNS     300000u

static uint64_t rng_state = 1;

static uint64_t next(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state * 2685821657736338717u;
}

static double as_double(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof d);
    return d;
}

static uint64_t as_bits(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits;
}

/* Significands that round in special ways, exponents near each other, zeros of both signs. */
static uint64_t operand(void)
{
    uint64_t sign = next() & SIGN, fraction = next() & FRACTION;
    switch (next() % 8) {
    case 0:
        fraction = 0;
        break;
    case 1:
        fraction = FRACTION;
        break;
    case 2:
        fraction &= next() & next() & next();
        break;
    case 3:
        fraction |= next() & FRACTION & ~(uint64_t)0xFF;
        break;
    case 4:
        fraction = (uint64_t)1 << next() % 52;
        break;
    default:
        break;
    }
    return next() % 64 == 0 ? sign : sign | (1023 - 60 + next() % 121) << 52 | fraction;
}

/* Often a neighbour of x, of either sign. */
static uint64_t partner(uint64_t x)
{
    uint64_t y = next() % 4 == 0 ? (x ^ (next() & 7u)) ^ (next() & SIGN) : operand();
    return (y >> 52 & 0x7FF) == 0 ? y & SIGN : y;
}

static uint64_t bits_of(fpr x)
{
    return fpr_bits(x);
}

#define SAME(what, got, want, x, y)                                                                \
    do {                                                                                           \
        if ((got) != (want)) {                                                                     \
            fail_msg("%s of %016llx, %016llx: %016llx, expected %016llx", what,                    \
                (unsigned long long)(x), (unsigned long long)(y), (unsigned long long)(got),       \
                (unsigned long long)(want));                                                       \
        }                                                                                          \
    } while (0)

static void two_operands(uint64_t x, uint64_t y)
{
    fpr a = fpr_const(x), b = fpr_const(y);
    double da = as_double(x), db = as_double(y);
    SAME("sum", bits_of(fpr_add(a, b)), as_bits(da + db), x, y);
    SAME("difference", bits_of(fpr_sub(a, b)), as_bits(da - db), x, y);
    SAME("product", bits_of(fpr_mul(a, b)), as_bits(da * db), x, y);
    SAME("square", bits_of(fpr_sqr(a)), as_bits(da * da), x, y);
    if (y << 1 != 0) {
        SAME("quotient", bits_of(fpr_div(a, b)), as_bits(da / db), x, y);
    }
}

static void one_operand(uint64_t x)
{
    fpr a = fpr_const(x);
    double d = as_double(x), part = fabs(d) - floor(fabs(d));
    SAME("negation", bits_of(fpr_neg(a)), x ^ SIGN, x, x);
    SAME("half", bits_of(fpr_half(a)), as_bits(d / 2), x, x);
    SAME("root", bits_of(fpr_sqrt(fpr_const(x & ~SIGN))), as_bits(sqrt(fabs(d))), x, x);
    SAME("floor", fpr_floor(a), (int64_t)floor(d), x, x);
    SAME("fixed", fpr_fixed(a, 1), (int64_t)(2 * d), x, x);
    SAME("truncation", fpr_trunc(a), (int64_t)d, x, x);
    SAME("fixed point", fpr_p63(fpr_const(as_bits(part))), (uint64_t)(part * 0x1p63), x, x);
    SAME("signed fixed point", fpr_fixed(fpr_const(as_bits(-part)), 63), (int64_t)(-part * 0x1p63),
        x, x);
    SAME("fixed point below 0", fpr_p63(fpr_const(as_bits(-part))), 0u, x, x);
}

static void operations(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        uint64_t x = operand();
        two_operands(x, partner(x));
        one_operand(x);
    }
}

/* Every pair of these, both ways. */
static void edges(void **state)
{
    static const double values[] = {0.0, 1.0, 1.0 + 0x1p-52, 2.0 - 0x1p-52, 0x1p-53, 0x1.8p-53,
        0x1p-54, 0x1.0000000000001p-53, 0.5, 3.0, 12289.0, 0x1p52, 0x1p53 - 1, 0x1p53, 0x1p-60,
        0x1.fffffffffffffp59, 0x1.5555555555555p0, 0x1.6a09e667f3bcdp0, 0x1p-1000, 0x1.8p500};
    const size_t count = sizeof values / sizeof values[0];
    (void)state;
    for (size_t i = 0; i < 4 * count * count; i++) {
        double x = values[i / 4 % count], y = values[i / 4 / count];
        double small = fabs(x * y), quotient = fabs(x / y);
        uint64_t bx = as_bits(x) ^ (i & 1u ? SIGN : 0), by = as_bits(y) ^ (i & 2u ? SIGN : 0);
        if ((small == 0 && x != 0 && y != 0) || (small != 0 && small < 0x1p-1022) ||
            (y != 0 && x != 0 && (quotient < 0x1p-1022 || quotient > 0x1p1022))) {
            continue; /* outside of what fpr.h promises */
        }
        two_operands(bx, by);
        if (fabs(x) < 0x1p61) {
            one_operand(bx);
        }
    }
}

static void integers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < RUNS; i++) {
        int64_t v =
            (int64_t)(next() & ~(next() % 2 == 0 ? (uint64_t)0 : 0xFFFu)) / (1 << next() % 31);
        v = v == INT64_MIN ? 0 : v / ((int64_t)1 << next() % 31);
        int e = (int)(next() % 121) - 60;
        SAME("integer", bits_of(fpr_of(v)), as_bits((double)v), v, 0);
        SAME("scaled", bits_of(fpr_scaled(v, e)), as_bits(ldexp((double)v, e)), v, e);
    }
    SAME("largest", bits_of(fpr_of(INT64_MAX)), as_bits(0x1p63), 0, 0);
    SAME("zero", bits_of(fpr_of(0)), 0u, 0, 0);
}

/* The values at e^(i angle), angle in the order of roots.h. */
static void reference(double *re, double *im, const double *f, unsigned n)
{
    double angle[512];
    const double pi = 3.14159265358979323846;
    angle[0] = pi / 2; /* of v, level 1: x^h - i */
    for (unsigned m = 1; m < n / 2; m *= 2) {
        for (unsigned p = 0; p < m; p++) {
            angle[p] /= 2;
            angle[p + m] = angle[p] + pi;
        }
    }
    for (unsigned p = 0; p < n / 2; p++) {
        re[p] = im[p] = 0;
        for (unsigned j = 0; j < n; j++) {
            re[p] += f[j] * cos(angle[p] * j);
            im[p] += f[j] * sin(angle[p] * j);
        }
    }
}

/* Random polynomials, and the constant ones of the largest coefficients. */
static void transforms(void **state)
{
    static int64_t a[1024];
    static double f[1024], re[512], im[512];
    static int8_t small[1024];
    static uint16_t hash[1024];
    (void)state;
    for (unsigned run = 0; run < 8; run++) {
        unsigned logn = 9 + run % 2, n = 1u << logn;
        for (unsigned j = 0; j < n; j++) {
            small[j] = (int8_t)(run < 2 ? -127 : (int)(next() % 255) - 127);
            f[j] = small[j];
        }
        pqi_falcon_fft_small(a, small, logn);
        reference(re, im, f, n);
        for (unsigned p = 0; p < n / 2; p++) {
            assert_true(fabs(ldexp((double)a[p], -PQI_FALCON_SMALL_SCALE(logn)) - re[p]) < 1e-8);
            assert_true(
                fabs(ldexp((double)a[n / 2 + p], -PQI_FALCON_SMALL_SCALE(logn)) - im[p]) < 1e-8);
        }
        for (unsigned j = 0; j < n; j++) {
            hash[j] = (uint16_t)(run < 2 ? 12288 : next() % 12289);
            f[j] = hash[j];
        }
        pqi_falcon_fft_hash(a, hash, logn);
        reference(re, im, f, n);
        for (unsigned p = 0; p < n / 2; p++) {
            assert_true(fabs(ldexp((double)a[p], -PQI_FALCON_HASH_SCALE(logn)) - re[p]) < 1e-6);
            assert_true(
                fabs(ldexp((double)a[n / 2 + p], -PQI_FALCON_HASH_SCALE(logn)) - im[p]) < 1e-6);
        }
    }
}

#if defined(PQI_FPR_NATIVE)
#include <fenv.h>

/* The check that signing makes first must see each rounding mode. */
static void rounding_modes(void **state)
{
    static const int modes[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    (void)state;
    assert_true(fpr_native_trusted());
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(fesetround(modes[i]), 0);
        bool trusted = fpr_native_trusted();
        assert_int_equal(fesetround(FE_TONEAREST), 0);
        assert_false(trusted);
    }
}

/* And it must not be ended itself where a program lets inexact results trap. */
static void traps(void **state)
{
    (void)state;
#if defined(__x86_64__)
    const unsigned before = _mm_getcsr();
    for (unsigned mask = _MM_MASK_INVALID; mask <= _MM_MASK_INEXACT; mask <<= 1) {
        _mm_setcsr(before & ~mask & ~(unsigned)_MM_EXCEPT_MASK);
        bool trusted = fpr_native_trusted();
        _mm_setcsr(before);
        assert_false(trusted);
    }
    assert_true(fpr_native_trusted());
#endif
}

#define MORE , cmocka_unit_test(rounding_modes), cmocka_unit_test(traps)
#else
#define MORE
#endif

PQI_TEST_MAIN(cmocka_unit_test(edges), cmocka_unit_test(operations), cmocka_unit_test(integers),
    cmocka_unit_test(transforms) MORE)
