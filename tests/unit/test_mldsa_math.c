/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of ML-DSA against its definitions in FIPS 204, with division and schoolbook
 * products, which the library itself must not use. */
#include "pqi_test.h"

#include "prim/mldsa/ntt.h"
#include "prim/mldsa/pack.h"
#include "prim/mldsa/round.h"
#include "prim/mldsa/sample.h"

#define Q PQI_MLDSA_Q
#define N PQI_MLDSA_N

static uint32_t mulmod(uint32_t a, uint32_t b)
{
    return (uint32_t)((uint64_t)a * b % Q);
}

/* FIPS 204 section 2.5: zeta = 1753, in the order of BitRev8. */
static void zetas_are_powers_of_1753(void **state)
{
    (void)state;
    assert_int_equal((uint32_t)(Q * PQI_MLDSA_NEG_QINV), UINT32_MAX);
    for (unsigned k = 0; k < 256; k++) {
        unsigned rev = 0;
        for (unsigned bit = 0; bit < 8; bit++) {
            rev |= (k >> bit & 1u) << (7 - bit);
        }
        uint32_t z = (uint32_t)((1ull << 32) % Q);
        for (unsigned i = 0; i < rev; i++) {
            z = mulmod(z, 1753);
        }
        assert_int_equal(pqi_mldsa_zetas[k], z);
    }
}

static uint32_t rng_state = 1;

static uint32_t next(uint32_t below)
{
    rng_state = rng_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)rng_state * below >> 32);
}

/* Montgomery reduction and freeze at the ends of their ranges. */
static void reductions_keep_their_bounds(void **state)
{
    (void)state;
    const uint64_t top = (uint64_t)Q << 32;
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t p = i < 1000   ? i
                     : i < 2000 ? top - 1 - (i - 1000)
                                : (uint64_t)next(Q) << 32 | next(~0u);
        uint32_t r = pqi_mldsa_mont_reduce(p);
        assert_true(r < 2 * Q);
        assert_int_equal((uint64_t)r % Q * ((1ull << 32) % Q) % Q, p % Q);
    }
    assert_int_equal(pqi_mldsa_freeze(0), 0);
    assert_int_equal(pqi_mldsa_freeze(Q - 1), Q - 1);
    assert_int_equal(pqi_mldsa_freeze(Q), 0);
    assert_int_equal(pqi_mldsa_freeze(2 * Q - 1), Q - 1);
}

static void schoolbook(pqi_mldsa_poly *r, const pqi_mldsa_poly *a, const pqi_mldsa_poly *b)
{
    for (unsigned n = 0; n < N; n++) {
        uint64_t sum = 0;
        for (unsigned i = 0; i < N; i++) {
            uint32_t p = mulmod(a->c[i], b->c[(n - i) % N]);
            sum += i <= n ? p : Q - p;
        }
        r->c[n] = (uint32_t)(sum % Q);
    }
}

/* Random polynomials and the largest allowed ones; bounds of ntt.h are checked on the way. */
static void transforms_multiply(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 20; run++) {
        pqi_mldsa_poly a, b, want;
        uint64_t acc[N] = {0};
        for (unsigned i = 0; i < N; i++) {
            a.c[i] = run == 0 ? 2 * Q : next(2 * Q + 1);
            b.c[i] = run <= 1 ? 2 * Q : next(2 * Q + 1);
        }
        schoolbook(&want, &a, &b);
        pqi_mldsa_ntt(&a);
        pqi_mldsa_ntt(&b);
        for (unsigned i = 0; i < N; i++) {
            assert_true(a.c[i] < 18 * Q);
        }
        pqi_mldsa_mac(acc, &a, &b);
        pqi_mldsa_acc_reduce(&a, acc);
        pqi_mldsa_intt(&a);
        assert_memory_equal(&a, &want, sizeof a);
    }
}

/* The inverse alone, on the largest input and on alternating ends. */
static void inverse_keeps_its_bounds(void **state)
{
    (void)state;
    for (unsigned way = 0; way < 16; way++) {
        pqi_mldsa_poly a, b;
        for (unsigned i = 0; i < N; i++) {
            a.c[i] = (way == 0 || (i >> (way % 8) & 1u) != way / 8) ? 2 * Q - 1 : 0;
            b.c[i] = a.c[i];
        }
        pqi_mldsa_intt(&a);
        for (unsigned i = 0; i < N; i++) {
            assert_true(a.c[i] < Q);
        }
        pqi_mldsa_ntt(&a); /* 2^32 times the start */
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(a.c[i] % Q, mulmod(b.c[i] % Q, (uint32_t)((1ull << 32) % Q)));
        }
    }
}

static void power2round_is_its_definition(void **state)
{
    (void)state;
    for (uint32_t r = 0; r < Q; r++) {
        int32_t r0, want = (int32_t)(r % 8192u);
        uint32_t r1 = pqi_mldsa_power2round(&r0, r);
        want -= want > 4096 ? 8192 : 0;
        if (r0 != want || r1 != (uint32_t)((int32_t)r - want) / 8192u) {
            fail_msg("r = %u", (unsigned)r);
        }
    }
}

/* Decompose (Algorithm 36) with division. */
static uint32_t decompose(int32_t *r0, uint32_t r, int32_t gamma2)
{
    *r0 = (int32_t)r % (2 * gamma2);
    *r0 -= *r0 > gamma2 ? 2 * gamma2 : 0;
    if ((int32_t)r - *r0 == (int32_t)Q - 1) {
        *r0 -= 1;
        return 0;
    }
    return (uint32_t)(((int32_t)r - *r0) / (2 * gamma2));
}

static uint32_t use_hint(uint32_t h, uint32_t r, int32_t gamma2)
{
    int32_t r0, m = ((int32_t)Q - 1) / (2 * gamma2);
    int32_t r1 = (int32_t)decompose(&r0, r, gamma2);
    if (h != 0) {
        r1 = r0 > 0 ? (r1 + 1) % m : (r1 + m - 1) % m;
    }
    return (uint32_t)r1;
}

static void rounding_all_of(int32_t gamma2)
{
    for (uint32_t r = 0; r < Q; r++) {
        int32_t r0, want0;
        uint32_t r1 = pqi_mldsa_decompose(&r0, r, gamma2);
        uint32_t want1 = decompose(&want0, r, gamma2);
        if (r1 != want1 || r0 != want0 ||
            pqi_mldsa_use_hint(1, r, gamma2) != use_hint(1, r, gamma2) ||
            pqi_mldsa_use_hint(0, r, gamma2) != want1) {
            fail_msg("r = %u", (unsigned)r);
        }
        /* MakeHint(z, r - z) for the r0 that signing can meet: |z| < gamma2, |r0 of r| < gamma2. */
        if (want0 <= -gamma2 || want0 >= gamma2) {
            continue;
        }
        for (unsigned k = 0; k < 4; k++) {
            const int32_t ends[4] = {gamma2 - want0, gamma2 - want0 + 1, -gamma2 - want0, 77};
            int32_t ct0 =
                r % 16u == 0 ? (int32_t)next(2 * (uint32_t)gamma2 - 1) - gamma2 + 1 : ends[k];
            if (ct0 <= -gamma2 || ct0 >= gamma2) {
                continue;
            }
            int32_t ignored;
            uint32_t sum = (r + Q + (uint32_t)ct0) % Q;
            uint32_t want = decompose(&ignored, sum, gamma2) != want1;
            if (pqi_mldsa_make_hint(want0 + ct0, want1, gamma2) != want) {
                fail_msg("make_hint, r = %u, ct0 = %d", (unsigned)r, (int)ct0);
            }
        }
    }
}

static void rounding_is_its_definition_88(void **state)
{
    (void)state;
    rounding_all_of(PQI_MLDSA_GAMMA2_88);
}

static void rounding_is_its_definition_32(void **state)
{
    (void)state;
    rounding_all_of(PQI_MLDSA_GAMMA2_32);
}

static void exceeds_at_its_edges(void **state)
{
    (void)state;
    const int32_t b = 1000;
    assert_int_equal(pqi_mldsa_exceeds(b - 1, b), 0);
    assert_int_equal(pqi_mldsa_exceeds(1 - b, b), 0);
    assert_int_equal(pqi_mldsa_exceeds(b, b), 1);
    assert_int_equal(pqi_mldsa_exceeds(-b, b), 1);
    assert_int_equal(pqi_mldsa_exceeds(8380416, b), 1);
    assert_int_equal(pqi_mldsa_exceeds(-8380416, b), 1);
    assert_int_equal(pqi_mldsa_exceeds(0, b), 0);
}

/* Section 7.1: bit i * bits + j of the bytes is bit j of value i. */
static void packing_is_its_definition(void **state)
{
    (void)state;
    const unsigned widths[] = {3, 4, 6, 10, 13, 18, 20};
    for (size_t w = 0; w < sizeof widths / sizeof widths[0]; w++) {
        unsigned bits = widths[w];
        for (unsigned run = 0; run < 50; run++) {
            uint32_t v[8], back[8];
            uint8_t bytes[20], want[20] = {0};
            for (unsigned i = 0; i < 8 * bits; i++) {
                v[i / bits] =
                    i % bits == 0 ? (run == 0 ? (1u << bits) - 1u : next(1u << bits)) : v[i / bits];
                want[i / 8] = (uint8_t)(want[i / 8] | (v[i / bits] >> (i % bits) & 1u) << (i % 8));
            }
            pqi_mldsa_pack8(bytes, v, bits);
            assert_memory_equal(bytes, want, bits);
            pqi_mldsa_unpack8(back, bytes, bits);
            assert_memory_equal(back, v, sizeof v);
        }
    }
}

/* c * s by runs of bytes against the sum over all terms, with extreme s, for every tau. */
static void products_by_a_challenge(void **state)
{
    (void)state;
    const unsigned taus[3] = {39, 49, 60}, etas[3] = {2, 4, 2};
    for (unsigned run = 0; run < 60; run++) {
        unsigned tau = taus[run % 3], eta = etas[run % 3];
        uint8_t raw[N], ext[2 * N], scratch[N], seed[32] = {(uint8_t)run};
        uint16_t lanes[2 * N];
        int32_t wide[2 * N], got[N], got_part[N], got_wide[N], want[N] = {0};
        pqi_xof x;
        pqi_mldsa_challenge c;
        pqi_mldsa_poly poly;
        pqi_mldsa_sample_ball(&c, &x, scratch, seed, sizeof seed, tau);
        pqi_mldsa_challenge_poly(&poly, &c);
        for (unsigned i = 0; i < N; i++) {
            raw[i] = (uint8_t)(run < 3 ? 0 : run < 6 ? 2 * eta : next(2 * eta + 1));
            wide[N + i] = (int32_t)eta - raw[i];
            wide[i] = -wide[N + i];
            ext[i] = raw[i];
        }
        unsigned terms = 0;
        for (unsigned p = 0; p < N; p++) {
            terms += poly.c[p] != 0;
            for (unsigned i = 0; i < N && poly.c[p] != 0; i++) {
                int32_t s = ((int32_t)eta - raw[i]) * (poly.c[p] == 1 ? 1 : -1);
                want[(p + i) % N] += p + i < N ? s : -s;
            }
        }
        assert_int_equal(terms, tau);
        pqi_mldsa_extend_eta(ext, eta);
        pqi_mldsa_mul_eta(got, &c, ext, eta);
        for (unsigned at = 0; at < N; at += PQI_MLDSA_PART) {
            pqi_mldsa_mul_eta_part(got_part + at, &c, ext, at, eta);
        }
        pqi_mldsa_mul_wide(got_wide, &c, wide);
        assert_memory_equal(got, want, sizeof got);
        assert_memory_equal(got_part, want, sizeof got);
        assert_memory_equal(got_wide, want, sizeof got);
        for (unsigned b = 0; b < 2; b++) {
            /* the largest of t0 and of t1, of both signs, against the sums in words */
            int32_t bias = b == 0 ? PQI_MLDSA_BIAS_T0 : PQI_MLDSA_BIAS_T1;
            for (unsigned i = 0; i < N; i++) {
                wide[N + i] = run < 3   ? bias
                              : run < 6 ? -bias
                                        : (int32_t)next(2u * (uint32_t)bias + 1u) - bias;
                wide[i] = -wide[N + i];
                lanes[N + i] = (uint16_t)(bias + wide[N + i]);
                lanes[i] = (uint16_t)(bias + wide[i]);
            }
            pqi_mldsa_mul_wide(got_wide, &c, wide);
            for (unsigned at = 0; at < N; at += PQI_MLDSA_PART) {
                pqi_mldsa_mul_wide_part(got + at, &c, lanes, at, (unsigned)bias);
            }
            assert_memory_equal(got, got_wide, sizeof got);
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(zetas_are_powers_of_1753),
    cmocka_unit_test(reductions_keep_their_bounds), cmocka_unit_test(transforms_multiply),
    cmocka_unit_test(inverse_keeps_its_bounds), cmocka_unit_test(power2round_is_its_definition),
    cmocka_unit_test(rounding_is_its_definition_88),
    cmocka_unit_test(rounding_is_its_definition_32), cmocka_unit_test(exceeds_at_its_edges),
    cmocka_unit_test(packing_is_its_definition), cmocka_unit_test(products_by_a_challenge))
