/* SPDX-License-Identifier: Apache-2.0
 * The polynomial arithmetic of ML-KEM against the formulas of FIPS 203, exhaustively where a
 * function has one small argument. */
#include "pqi_test.h"

#include "prim/mlkem/poly.h"

#define Q 3329
#define N 256

static int mod_q(int64_t x)
{
    int r = (int)(x % Q);
    return r < 0 ? r + Q : r;
}

static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 1664525u + 1013904223u;
    return (rnd_state >> 8) % below;
}

static void compiler_shifts_and_wraps_as_needed(void **state)
{
    (void)state;
    volatile int minus = -5, big = 0x18001;
    assert_int_equal(minus >> 1, -3);
    assert_int_equal((int16_t)big, -32767);
}

/* FIPS 203 Appendix A: zeta^BitRev7(i) mod q for zeta = 17. */
static void zetas_from_17(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 128; i++) {
        unsigned rev = 0;
        for (unsigned b = 0; b < 7; b++) {
            rev |= (i >> b & 1u) << (6 - b);
        }
        int64_t z = 65536;
        for (unsigned e = 0; e < rev; e++) {
            z = z * 17 % Q;
        }
        assert_int_equal(mod_q(pqi_mlkem_zetas[i]), mod_q(z));
        assert_in_range(pqi_mlkem_zetas[i] + 1664, 0, 3328);
    }
}

static void canonical_of_every_int16(void **state)
{
    (void)state;
    pqi_mlkem_poly p;
    for (int x = -32768; x < 32768; x += N) {
        for (int i = 0; i < N; i++) {
            p.c[i] = (int16_t)(x + i);
        }
        pqi_mlkem_canonical(&p);
        for (int i = 0; i < N; i++) {
            assert_int_equal(p.c[i], mod_q(x + i));
        }
    }
}

/* Reads coefficient i of a ByteEncode_d string bit by bit. */
static unsigned bits_of(const uint8_t *in, unsigned i, unsigned d)
{
    unsigned v = 0;
    for (unsigned b = 0; b < d; b++) {
        unsigned at = i * d + b;
        v |= ((unsigned)in[at / 8] >> (at % 8) & 1u) << b;
    }
    return v;
}

/* Compress_d(x) = round(2^d / q * x) mod 2^d; halves do not occur because q is odd. */
static unsigned compress_by_division(unsigned x, unsigned d)
{
    return (((x << d) + Q / 2) / Q) & ((1u << d) - 1u);
}

static void compress_every_value(void **state)
{
    (void)state;
    static const unsigned depths[4] = {4, 5, 10, 11};
    pqi_mlkem_poly p;
    uint8_t out[352];
    for (unsigned x = 0; x < Q; x += N) {
        for (unsigned i = 0; i < N; i++) {
            p.c[i] = (int16_t)((x + i) % Q);
        }
        for (unsigned k = 0; k < 4; k++) {
            pqi_mlkem_compress(out, &p, depths[k]);
            for (unsigned i = 0; i < N; i++) {
                assert_int_equal(
                    bits_of(out, i, depths[k]), compress_by_division((x + i) % Q, depths[k]));
            }
        }
        pqi_mlkem_msg_get(out, &p);
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(bits_of(out, i, 1), compress_by_division((x + i) % Q, 1));
        }
    }
}

/* Decompress_d(y) = round(q / 2^d * y), and Compress_d undoes it (section 4.2.1). */
static void decompress_every_value(void **state)
{
    (void)state;
    static const unsigned depths[4] = {4, 5, 10, 11};
    pqi_mlkem_poly p;
    uint8_t in[352], back[352];
    for (unsigned k = 0; k < 4; k++) {
        unsigned d = depths[k];
        for (unsigned y = 0; y < 1u << d; y += N) {
            memset(in, 0, sizeof in);
            for (unsigned i = 0; i < N * d; i++) {
                unsigned v = (y + i / d) & ((1u << d) - 1u);
                in[i / 8] |= (uint8_t)((v >> (i % d) & 1u) << (i % 8));
            }
            pqi_mlkem_decompress(&p, in, d);
            for (unsigned i = 0; i < N; i++) {
                unsigned v = (y + i) & ((1u << d) - 1u);
                assert_int_equal(p.c[i], (v * Q + (1u << (d - 1))) >> d);
            }
            pqi_mlkem_compress(back, &p, d);
            assert_memory_equal(back, in, 32 * d);
        }
    }
}

static void bytes_12(void **state)
{
    (void)state;
    pqi_mlkem_poly p, r;
    uint8_t b[384];
    for (unsigned x = 0; x < 4096; x += N) {
        for (unsigned i = 0; i < N; i++) {
            p.c[i] = (int16_t)(x + i);
        }
        pqi_mlkem_encode12(b, &p);
        pqi_mlkem_decode12(r.c, PQI_MLKEM_N, b);
        assert_memory_equal(&p, &r, sizeof p);
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(bits_of(b, i, 12), x + i);
        }
    }
    memset(&p, 0, sizeof p);
    for (unsigned i = 0; i < N; i++) {
        for (int v = Q - 1; v < 4096; v += v < Q + 2 ? 1 : 97) {
            p.c[i] = (int16_t)v;
            pqi_mlkem_encode12(b, &p);
            assert_int_equal(pqi_mlkem_over_q(b), v < Q ? 0 : UINT32_MAX);
        }
        p.c[i] = Q - 1;
    }
}

static void message_bits(void **state)
{
    (void)state;
    pqi_mlkem_poly p;
    uint8_t m[32], back[32];
    for (unsigned i = 0; i < 32; i++) {
        m[i] = (uint8_t)(i * 37 + 11);
    }
    memset(&p, 0, sizeof p);
    pqi_mlkem_msg_add(&p, m);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(p.c[i], bits_of(m, i, 1) * 1665);
    }
    pqi_mlkem_msg_get(back, &p);
    assert_memory_equal(back, m, 32);
}

static void binomial_noise(void **state)
{
    (void)state;
    uint8_t in[192];
    pqi_mlkem_poly p;
    for (unsigned i = 0; i < sizeof in; i++) {
        in[i] = (uint8_t)rnd(256);
    }
    for (unsigned eta = 2; eta <= 3; eta++) {
        for (unsigned i = 0; i < N; i++) {
            p.c[i] = 100;
        }
        pqi_mlkem_cbd_add(p.c, PQI_MLKEM_N, in, eta);
        for (unsigned i = 0; i < N; i++) {
            int want = 100;
            for (unsigned j = 0; j < eta; j++) {
                want += (int)bits_of(in, 2 * i * eta + j, 1);
                want -= (int)bits_of(in, 2 * i * eta + eta + j, 1);
            }
            assert_int_equal(p.c[i], want);
        }
    }
}

/* Algorithm 7, one candidate at a time, in pieces as the caller makes them. */
static void rejection(void **state)
{
    (void)state;
    uint8_t in[504 + 168];
    pqi_mlkem_poly p, want;
    for (unsigned round = 0; round < 50; round++) {
        unsigned n = 0;
        for (unsigned i = 0; i < sizeof in; i++) {
            in[i] = (uint8_t)(rnd(256) | (round > 40 ? 0xd0u : 0u)); /* mostly rejected */
        }
        for (unsigned i = 0; i < sizeof in * 2 / 3 && n < N; i++) {
            unsigned v = bits_of(in, i, 12);
            if (v < Q) {
                want.c[n++] = (int16_t)v;
            }
        }
        unsigned have = pqi_mlkem_rej(p.c, 0, PQI_MLKEM_N, in, 504);
        have = pqi_mlkem_rej(p.c, have, PQI_MLKEM_N, in + 504, 168);
        assert_int_equal(have, n);
        assert_memory_equal(p.c, want.c, n * sizeof p.c[0]);
    }
}

/* a * b in Z_q[X]/(X^256 + 1), added to r. */
static void schoolbook(int64_t *r, const int16_t *a, const int16_t *b)
{
    for (unsigned i = 0; i < N; i++) {
        for (unsigned j = 0; j < N; j++) {
            int64_t v = (int64_t)a[i] * b[j];
            r[(i + j) % N] += i + j < N ? v : -v;
        }
    }
}

/* Four products through the transform, as a row of ML-KEM-1024 is: the sum of random polynomials,
 * and of the largest ones that the bounds allow. */
static void products_match_the_schoolbook(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        pqi_mlkem_acc acc;
        int64_t want[N] = {0};
        pqi_mlkem_poly a, b, r;
        memset(&acc, 0, sizeof acc);
        for (unsigned k = 0; k < 4; k++) {
            for (unsigned i = 0; i < N; i++) {
                a.c[i] = (int16_t)(round < 8 ? (int)rnd(Q) : round & 1u ? 3328 : -3328);
                b.c[i] = (int16_t)(round < 8    ? (int)rnd(30575) - 15287
                                   : round & 2u ? 15287
                                                : -15287);
            }
            schoolbook(want, a.c, b.c);
            pqi_mlkem_ntt(&a);
            pqi_mlkem_canonical(&a);
            pqi_mlkem_ntt(&b);
            for (unsigned i = 0; i < N; i++) {
                assert_in_range(b.c[i] + 1665, 0, 3330);
            }
            pqi_mlkem_mul_acc(&acc, &a, &b);
        }
        pqi_mlkem_acc_reduce(&r, &acc);
        pqi_mlkem_inv_ntt(&r);
        for (unsigned i = 0; i < N; i++) {
            assert_in_range(r.c[i] + 2497, 0, 4994);
            assert_int_equal(mod_q(r.c[i]), mod_q(want[i]));
        }
    }
}

/* Products added piece by piece in 16 bits are those collected in 32 bits, for random factors and for
 * the largest, with four products on top of noise as key generation has them. */
static void streamed_products_match(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 12; round++) {
        pqi_mlkem_acc acc;
        pqi_mlkem_poly a, b, sum, want;
        memset(&acc, 0, sizeof acc);
        memset(&sum, 0, sizeof sum);
        for (unsigned i = 0; i < N; i++) {
            a.c[i] = (int16_t)(round < 8 ? (int)rnd(Q) : 3328);
            b.c[i] = (int16_t)(round < 8 ? (int)rnd(3331) - 1665 : round & 1u ? 1665 : -1665);
            sum.c[i] = (int16_t)(round & 2u ? 1665 : -1665);
        }
        const pqi_mlkem_poly start = sum;
        for (unsigned k = 0; k < 4; k++) {
            pqi_mlkem_mul_acc(&acc, &a, &b);
            for (unsigned at = 0, n; at < N; at += n) {
                n = 2 * (1 + rnd(8));
                n = n < N - at ? n : N - at;
                pqi_mlkem_mul_add(&sum, a.c + at, &b, at, n);
            }
        }
        pqi_mlkem_acc_reduce(&want, &acc);
        for (unsigned i = 0; i < N; i++) {
            assert_in_range(sum.c[i] + 1665 + 4 * 2003, 0, 2 * (1665 + 4 * 2003));
            assert_int_equal(mod_q(sum.c[i]), mod_q(want.c[i] + start.c[i]));
        }
    }
    /* One product of the largest factors that the header names. */
    for (unsigned s = 0; s < 4; s++) {
        pqi_mlkem_poly b, sum;
        int16_t a[2] = {(int16_t)(s & 1u ? 3328 : -3328), (int16_t)(s & 1u ? 3328 : -3328)};
        memset(&sum, 0, sizeof sum);
        for (unsigned i = 0; i < N; i++) {
            b.c[i] = (int16_t)(s & 2u ? 3328 : -3328);
        }
        for (unsigned at = 0; at < N; at += 2) {
            pqi_mlkem_mul_add(&sum, a, &b, at, 2);
            assert_in_range(sum.c[at] + 2003, 0, 4006);
            assert_in_range(sum.c[at + 1] + 2003, 0, 4006);
            assert_int_equal(mod_q((int64_t)sum.c[at + 1] * 65536), mod_q(2 * a[0] * b.c[0]));
        }
    }
}

/* A polynomial may be packed in its own memory. */
static void compress_in_place(void **state)
{
    (void)state;
    static const unsigned bits[4] = {4, 5, 10, 11};
    uint8_t want[352];
    for (unsigned b = 0; b < 4; b++) {
        pqi_mlkem_poly p;
        for (unsigned i = 0; i < N; i++) {
            p.c[i] = (int16_t)rnd(Q);
        }
        pqi_mlkem_compress(want, &p, bits[b]);
        pqi_mlkem_compress((uint8_t *)&p, &p, bits[b]);
        assert_memory_equal(&p, want, (size_t)32 * bits[b]);
    }
}

/* The bounds of the header at their ends: inputs of the inverse transform, factors, sums. */
static void bounds_hold_at_their_ends(void **state)
{
    (void)state;
    pqi_mlkem_acc acc;
    pqi_mlkem_poly a, b, r = {{0}}, t;
    for (unsigned s = 0; s < 4; s++) {
        memset(&acc, 0, sizeof acc);
        for (unsigned i = 0; i < N; i++) {
            a.c[i] = 4095;
            b.c[i] = (int16_t)((s & 1u) != 0 ? 1665 : -1665);
            r.c[i] = (int16_t)((s & 2u) != 0 ? 3328 : -3328);
        }
        for (unsigned k = 0; k < 4; k++) {
            pqi_mlkem_mul_acc(&acc, &a, &b);
        }
        pqi_mlkem_acc_reduce(&t, &acc);
        for (unsigned i = 0; i < N; i++) {
            assert_in_range(t.c[i] + 3328, 0, 6656);
            assert_int_equal(mod_q((int64_t)t.c[i] * 65536), mod_q(acc.c[i]));
        }
        /* The transform of X^i's sum: forward of inverse is the identity up to 2^16. */
        t = r;
        pqi_mlkem_inv_ntt(&t);
        pqi_mlkem_ntt(&t);
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(mod_q(t.c[i]), mod_q((int64_t)r.c[i] * 65536));
        }
        pqi_mlkem_to_mont(&r);
        assert_int_equal(mod_q(r.c[7]), mod_q((int64_t)((s & 2u) != 0 ? 3328 : -3328) * 65536));
    }
}

PQI_TEST_MAIN(cmocka_unit_test(compiler_shifts_and_wraps_as_needed),
    cmocka_unit_test(zetas_from_17), cmocka_unit_test(canonical_of_every_int16),
    cmocka_unit_test(compress_every_value), cmocka_unit_test(decompress_every_value),
    cmocka_unit_test(bytes_12), cmocka_unit_test(message_bits), cmocka_unit_test(binomial_noise),
    cmocka_unit_test(rejection), cmocka_unit_test(products_match_the_schoolbook),
    cmocka_unit_test(bounds_hold_at_their_ends), cmocka_unit_test(streamed_products_match),
    cmocka_unit_test(compress_in_place))
