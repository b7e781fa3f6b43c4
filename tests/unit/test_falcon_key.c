/* SPDX-License-Identifier: Apache-2.0
 * The parts of Falcon's key generation against plain computations, and its interface. */
#include "pqi_test.h"

#include "prim/falcon/gauss.h"
#include "prim/falcon/modq.h"
#include "prim/falcon/ntru.h"
#include "prim/falcon/rns.h"
#include "prim/keccak/keccak.h"

#include <math.h>
#include <stdbool.h>

#define Q PQI_FALCON_Q

static union {
    uint64_t align;
    uint8_t b[PQI_FALCON1024_KEYGEN_TMP + 16];
} tmp;

static uint64_t rng_state = 0x9e3779b97f4a7c15u;

/* xorshift64, Marsaglia 2003. */
static uint32_t any_number(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (uint32_t)(rng_state >> 16);
}

static int32_t modulo_q(int64_t v)
{
    int64_t r = v % Q;
    return (int32_t)(r < 0 ? r + Q : r);
}

/* What src/prim/falcon/modq.c says of shifts and conversions. */
static void portability(void **state)
{
    (void)state;
    for (int32_t v = -32768; v <= 32767; v++) {
        int32_t c = pqi_falcon_centre((int16_t)v);
        assert_true(c >= -Q / 2 && c <= Q / 2 && modulo_q(c) == modulo_q(v));
    }
    volatile int32_t minus = -3;
    assert_int_equal(minus >> 1, -2);
    assert_int_equal((int16_t)(minus * 65536 + 70000), 4464);
}

static void transform_mod_q(void **state)
{
    static int16_t a[1024], b[1024], x[1024], y[1024];
    (void)state;
    for (unsigned logn = 9; logn <= 10; logn++) {
        size_t n = (size_t)1 << logn;
        for (size_t i = 0; i < n; i++) {
            /* The extremes of the range first. */
            a[i] = x[i] = (int16_t)(i < 16 ? 6145 : (int32_t)(any_number() % Q) - Q / 2);
            b[i] = y[i] = (int16_t)(i < 16 ? -6145 : (int32_t)(any_number() % Q) - Q / 2);
        }
        pqi_falcon_ntt(x, logn);
        pqi_falcon_ntt(y, logn);
        pqi_falcon_mul(x, y, logn);
        pqi_falcon_intt(x, logn);
        for (size_t i = 0; i < n; i += 37) {
            int64_t sum = 0;
            for (size_t j = 0; j < n; j++) {
                int64_t v = (int64_t)a[j] * b[(i - j) & (n - 1)];
                sum += j > i ? -v : v;
            }
            assert_int_equal(modulo_q(x[i]), modulo_q(sum));
        }
        /* Division: (a b) / b = a, and a zero is seen. */
        memcpy(x, a, sizeof x);
        pqi_falcon_ntt(x, logn);
        for (size_t i = 0; i < n; i++) {
            y[i] = (int16_t)(y[i] == 0 ? 1 : y[i]);
        }
        assert_int_equal(pqi_falcon_div(x, y, logn), 0);
        for (size_t i = 0; i < n; i++) {
            x[i] = pqi_falcon_centre(x[i]);
        }
        pqi_falcon_mul(x, y, logn);
        for (size_t i = 0; i < n; i++) { /* now a 2^-32 at the roots */
            x[i] = pqi_falcon_centre((int16_t)modulo_q((int64_t)x[i] * 65536));
        }
        pqi_falcon_intt(x, logn);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(modulo_q(x[i]), modulo_q(a[i]));
        }
        y[n - 1] = 0;
        assert_int_equal(pqi_falcon_div(x, y, logn), UINT32_MAX);
    }
}

/* The variance of f, its mean and the odd sum. */
static void gaussian(void **state)
{
    (void)state;
    int8_t f[1024];
    pqi_xof x;
    double squares = 0;
    long sum = 0;
    for (unsigned run = 0; run < 40; run++) {
        pqi_shake256_start(&x);
        pqi_xof_absorb(&x, &run, sizeof run);
        unsigned logn = 9 + (run & 1u), n = 1u << logn, parity = 0;
        pqi_falcon_gauss(f, logn, &x);
        for (unsigned i = 0; i < n; i++) {
            squares += (double)f[i] * f[i] * n / 1024.0;
            sum += f[i];
            parity ^= (unsigned)f[i] & 1u;
        }
        assert_int_equal(parity, 1);
    }
    /* sigma^2 = 1.17^2 q / (2 n): for n = 512 coefficients twice as many as for 1024. */
    double mean = squares / (20 * 512 + 20 * 1024), want = 1.17 * 1.17 * Q / 2048;
    assert_true(fabs(mean / want - 1) < 0.04 && labs(sum) < 2500);
}

/* Residues of a known big integer lead back to it, signed and unsigned. */
static void residues(void **state)
{
    enum { LEN = 9, M = 4 };
    uint32_t x[LEN * M], back[LEN * M], t[LEN];
    (void)state;
    for (unsigned run = 0; run < 50; run++) {
        for (unsigned i = 0; i < LEN * M; i++) {
            x[i] = any_number() & PQI_WORD_MASK;
        }
        for (unsigned j = 0; j < M; j++) { /* small in the top word: below half of the product */
            x[(LEN - 1) * M + j] = run % 2 == 0 ? 5 : PQI_WORD_MASK - 5;
        }
        for (unsigned i = 0; i < LEN; i++) {
            pqi_rns r;
            pqi_rns_prime(&r, i);
            assert_int_equal((uint64_t)r.one, ((uint64_t)1 << 32) % r.p);
            assert_int_equal(r.p * r.neg_inv, UINT32_MAX);
            pqi_rns_reduce(back + i * M, x, LEN, M, &r);
        }
        pqi_rns_rebuild(back, LEN, M, 1, t);
        assert_memory_equal(back, x, sizeof x);
    }
    for (unsigned i = 0; i < PQI_RNS_PRIMES; i++) {
        pqi_rns r;
        pqi_rns_prime(&r, i);
        uint32_t w = r.root;
        for (unsigned k = 0; k < 10; k++) {
            w = pqi_rns_mul(w, w, r.p, r.neg_inv);
        }
        assert_int_equal(w, r.p - r.one); /* root^1024 = -1 */
    }
}

/* a b - c d for numbers of one word. */
static void bezout(void **state)
{
    enum { LEN = 3 };
    uint32_t G[LEN], F[LEN], t[6 * LEN];
    (void)state;
    for (unsigned run = 0; run < 200; run++) {
        uint32_t x = (any_number() >> 2) | 1u, y = (any_number() >> 2) | 1u, a = x, b = y;
        while (b != 0) {
            uint32_t r = a % b;
            a = b;
            b = r;
        }
        memset(t, 0, sizeof t);
        t[0] = x;
        t[LEN] = y;
        uint32_t ok = pqi_big_bezout(G, F, LEN, t);
        assert_int_equal(ok, a == 1 ? UINT32_MAX : 0);
        if (a == 1) {
            assert_int_equal(G[1] | G[2] | F[1] | F[2], 0);
            assert_true((uint64_t)x * G[0] - (uint64_t)y * F[0] == 1);
        }
    }
}

/* f and g from text: not invertible, too long, without a solution. */
static void unsound_candidates(void **state)
{
    static int8_t f[512], g[512], G[512];
    uint32_t *mem = (uint32_t *)(void *)tmp.b;
    (void)state;
    memset(f, 0, sizeof f);
    memset(g, 0, sizeof g);
    f[0] = 3;
    g[0] = 9;                                                /* gcd of the resultants: 3^512 */
    assert_int_equal(pqi_falcon_norm_fits(f, g, 9, mem), 0); /* far too short to be orthogonal */
    int8_t *FG = (int8_t *)(mem + 6 * 512);
    assert_int_equal(pqi_falcon_solve(FG, FG + 512, f, g, 9, mem), 0);
    f[0] = 0;
    assert_int_equal(pqi_falcon_complete_G(G, f, g, g, 9, tmp.b), PQI_ERR_ARG);
    static const int8_t zero[512];
    assert_memory_equal(G, zero, sizeof G);
    f[0] = 1;
    g[0] = 127;
    int8_t F[512] = {127}; /* G = g F = 16129: out of range */
    assert_int_equal(pqi_falcon_complete_G(G, f, g, F, 9, tmp.b), PQI_ERR_ARG);
    g[0] = 1;
    F[0] = 0; /* G = 0 is no key, but that is all this function sees */
    assert_int_equal(pqi_falcon_complete_G(G, f, g, F, 9, tmp.b), PQI_OK);
}

static bool all_zero(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (p[i] != 0) {
            return false;
        }
    }
    return true;
}

static void arguments(void **state)
{
    static uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK], before[PQI_SIG_MAX_SK];
    const pqi_sig *const algs[2] = {&pqi_sig_falcon_512, &pqi_sig_falcon_1024};
    uint8_t seed_bytes[48] = {7};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        const pqi_sig *alg = algs[i];
        const pqi_span pks = {pk, alg->pk_len}, sks = {sk, alg->sk_len};
        const pqi_span room = {tmp.b, alg->keygen_tmp};
        const pqi_cspan seed = {seed_bytes, 48};
        memset(tmp.b, 0x5a, sizeof tmp.b);
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, seed, room), PQI_OK);
        assert_true(all_zero(tmp.b, alg->keygen_tmp)); /* wiped, and nothing behind it touched */
        assert_true(tmp.b[alg->keygen_tmp] == 0x5a && tmp.b[alg->keygen_tmp + 15] == 0x5a);
        assert_int_equal(pk[0], 9 + i);
        assert_int_equal(sk[0], 0x59 + i);
        memcpy(before, sk, alg->sk_len);
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, seed, room), PQI_OK);
        assert_memory_equal(sk, before, alg->sk_len);

        const pqi_span small = {tmp.b, alg->keygen_tmp - 1}, odd = {tmp.b + 4, alg->keygen_tmp};
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, seed, small), PQI_ERR_SPACE);
        assert_true(all_zero(sk, alg->sk_len) && all_zero(pk, alg->pk_len));
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, seed, odd), PQI_ERR_ARG);
        const pqi_cspan cut = {seed_bytes, 47}, none = {NULL, 48};
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, cut, room), PQI_ERR_ARG);
        assert_int_equal(pqi_sig_keygen(alg, pks, sks, none, room), PQI_ERR_ARG);
        const pqi_span long_pk = {pk, alg->pk_len + 1};
        assert_int_equal(pqi_sig_keygen(alg, long_pk, sks, seed, room), PQI_ERR_ARG);
    }
    /* Outputs need no alignment. */
    const pqi_sig *alg = &pqi_sig_falcon_512;
    assert_int_equal(
        pqi_sig_keygen(alg, (pqi_span){pk + 1, alg->pk_len}, (pqi_span){sk + 1, alg->sk_len},
            (pqi_cspan){seed_bytes, 48}, (pqi_span){tmp.b, alg->keygen_tmp}),
        PQI_OK);
    /* A device that only verifies. */
    alg = &pqi_sig_falcon_512_verify;
    assert_int_equal(pqi_sig_keygen(alg, (pqi_span){pk, alg->pk_len}, (pqi_span){sk, alg->sk_len},
                         (pqi_cspan){seed_bytes, 48}, (pqi_span){tmp.b, sizeof tmp.b}),
        PQI_ERR_UNSUPPORTED);
}

PQI_TEST_MAIN(cmocka_unit_test(portability), cmocka_unit_test(transform_mod_q),
    cmocka_unit_test(gaussian), cmocka_unit_test(residues), cmocka_unit_test(bezout),
    cmocka_unit_test(unsound_candidates), cmocka_unit_test(arguments))
