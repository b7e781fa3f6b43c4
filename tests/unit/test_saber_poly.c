/* SPDX-License-Identifier: Apache-2.0
 * The polynomial arithmetic of SABER: products against the schoolbook, with random and extreme
 * operands; the reductions and the packing exhaustively. */
#include "pqi_test.h"

#include "prim/saber/poly.h"
#include "prim/saber/prime.h"

#include <stdbool.h>

#define N 256

static uint32_t rnd_state = 1;

static uint32_t rnd(uint32_t below)
{
    rnd_state = rnd_state * 1664525u + 1013904223u;
    return (rnd_state >> 8) % below;
}

static int mod(int64_t x, int p)
{
    int r = (int)(x % p);
    return r < 0 ? r + p : r;
}

static void compiler_shifts_and_wraps_as_needed(void **state)
{
    (void)state;
    volatile int minus = -5, big = 0x18001;
    assert_int_equal(minus >> 1, -3);
    assert_int_equal((int16_t)big, -32767);
}

/* Each table from a root of order 64, and the constants beside it. */
static void constants_of_the_primes(void **state)
{
    (void)state;
    static const int p[2] = {5441, 5569}, root[2] = {1638, 5328};
    for (unsigned n = 0; n < 2; n++) {
        const pqi_saber_prime *q = &pqi_saber_primes[n];
        assert_int_equal(q->p, p[n]);
        assert_int_equal((uint16_t)(q->p * q->p_inv), 1);
        assert_int_equal(q->barrett, ((1 << 27) + p[n] / 2) / p[n]);
        assert_int_equal(mod((int64_t)q->scale * 32, p[n]), mod((int64_t)1 << 32, p[n]));
        for (unsigned i = 0; i < 32; i++) {
            unsigned rev = 0;
            int64_t z = 65536;
            for (unsigned b = 0; b < 5; b++) {
                rev |= (i >> b & 1u) << (4 - b);
            }
            for (unsigned e = 0; e < rev; e++) {
                z = z * root[n] % p[n];
            }
            assert_int_equal(mod(q->zeta[i], p[n]), mod(z, p[n]));
            assert_true(abs(q->zeta[i]) <= (p[n] - 1) / 2);
        }
    }
}

/* The bounds that poly.c counts with: centred for every input, and exact where an answer needs it. */
static void reductions_of_every_int16(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 2; n++) {
        const int16_t p = pqi_saber_primes[n].p;
        for (int a = -32768; a < 32768; a++) {
            int16_t r = barrett((int16_t)a, pqi_saber_primes[n].barrett, p);
            assert_true(abs(r) <= (p - 1) / 2);
            assert_int_equal(mod(r, p), mod(a, p));
            for (unsigned i = 0; i < 32; i += 31) {
                int16_t z = pqi_saber_primes[n].zeta[i];
                int16_t t = mont_mul((int16_t)a, z, mul_lo(z, pqi_saber_primes[n].p_inv), p);
                assert_true(abs(t) < 4178);
                assert_int_equal(mod((int64_t)t * 65536, p), mod((int64_t)a * z, p));
            }
        }
    }
}

static void set_small(uint8_t *s, unsigned i, int v)
{
    unsigned shift = i < 128 ? 0 : 4;
    s[i % 128] = (uint8_t)((s[i % 128] & ~(15u << shift)) | ((unsigned)v & 15u) << shift);
}

static int get_small(const uint8_t *s, unsigned i)
{
    int v = s[i % 128] >> (i < 128 ? 0 : 4) & 15;
    return v >= 8 ? v - 16 : v;
}

static int64_t want[N];

static void schoolbook_add(const int16_t *a, const uint8_t *s)
{
    for (unsigned i = 0; i < N; i++) {
        for (unsigned j = 0; j < N; j++) {
            int64_t t = (int64_t)a[i] * get_small(s, j);
            want[(i + j) % N] += i + j < N ? t : -t;
        }
    }
}

static int16_t a[N];
static pqi_saber_small small;
static uint8_t *const s = small.s;
static pqi_saber_sum sum;

static void start(void)
{
    memset(want, 0, sizeof want);
    memset(&sum, 0xa5, sizeof sum);
    pqi_saber_sum_clear(&sum);
}

static void add_both(void)
{
    pqi_saber_prepare(&sum, &small);
    pqi_saber_sum_add(&sum, a, &small);
    schoolbook_add(a, s);
}

static void compare(void)
{
    uint16_t out[N];
    pqi_saber_sum_get(out, &sum);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(out[i], (uint16_t)(uint64_t)want[i]);
    }
}

static const struct {
    unsigned k;
    int max;
} sets[3] = {{2, 5}, {3, 4}, {4, 3}};

static void random_sums(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 300; n++) {
        unsigned k = sets[n % 3].k;
        int max = sets[n % 3].max;
        start();
        for (unsigned j = 0; j < k; j++) {
            for (unsigned i = 0; i < N; i++) {
                a[i] = (int16_t)((int)rnd(8192) - 4096);
                set_small(s, i, (int)rnd(2 * (unsigned)max + 1) - max);
            }
            add_both();
        }
        compare();
    }
}

/* Signs chosen so that one coefficient of the sum is as large as it can be, at every place. */
static void largest_sums(void **state)
{
    (void)state;
    for (unsigned set = 0; set < 3; set++) {
        for (unsigned at = 0; at < N; at += at == 0 ? 1 : 5) {
            for (int sign = -1; sign <= 1; sign += 2) {
                start();
                for (unsigned i = 0; i < N; i++) {
                    a[i] = -4096;
                    /* a[i] meets s[(at - i) mod N], negated when that wraps */
                    set_small(s, (at - i) % N, (i <= at ? -sign : sign) * sets[set].max);
                }
                for (unsigned j = 0; j < sets[set].k; j++) {
                    add_both();
                }
                assert_int_equal(want[at], sign * (int)sets[set].k * N * 4096 * sets[set].max);
                compare();
            }
        }
    }
}

/* Every mix of constant extremes, and single coefficients at every place. */
static void extreme_operands(void **state)
{
    (void)state;
    static const int as[4] = {-4096, 4095, 1, 4096};
    for (unsigned n = 0; n < 16; n++) {
        for (int v = -5; v <= 5; v += 5) {
            start();
            for (unsigned i = 0; i < N; i++) {
                a[i] = (int16_t)as[n & 3];
                set_small(s, i, (n & 4) != 0 && i % 2 != 0 ? -v : v);
            }
            add_both();
            compare();
        }
    }
    for (unsigned i = 0; i < N; i++) {
        start();
        memset(a, 0, sizeof a);
        memset(s, 0, sizeof small.s);
        a[i] = -4096;
        set_small(s, (i * 7 + 3) % N, -5);
        add_both();
        compare();
    }
}

/* Reads coefficient i of a string of numbers of d bits, bit by bit. */
static unsigned bits_of(const uint8_t *in, unsigned i, unsigned d)
{
    unsigned v = 0;
    for (unsigned b = 0; b < d; b++) {
        unsigned at = i * d + b;
        v |= ((unsigned)in[at / 8] >> (at % 8) & 1u) << b;
    }
    return v;
}

/* Both ways, with garbage above the bits, and in place as the callers do it. */
static void packing(void **state)
{
    (void)state;
    static const unsigned widths[] = {1, 3, 4, 6, 10, 13};
    for (size_t n = 0; n < sizeof widths / sizeof widths[0]; n++) {
        const unsigned d = widths[n];
        uint16_t c[N], in_place[N], back[N];
        uint8_t out[PQI_SABER_BYTES(13) + 1];
        for (unsigned i = 0; i < N; i++) {
            in_place[i] = c[i] = (uint16_t)rnd(65536);
        }
        memset(out, 0x77, sizeof out);
        pqi_saber_pack(out, c, d);
        assert_int_equal(out[PQI_SABER_BYTES(d)], 0x77);
        for (unsigned i = 0; i < N; i++) {
            assert_int_equal(bits_of(out, i, d), c[i] & ((1u << d) - 1));
        }
        pqi_saber_pack((uint8_t *)in_place, in_place, d);
        assert_memory_equal(in_place, out, PQI_SABER_BYTES(d));
        pqi_saber_unpack(back, out, d);
        uint8_t *end = (uint8_t *)in_place + sizeof in_place - PQI_SABER_BYTES(d);
        memcpy(end, out, PQI_SABER_BYTES(d));
        pqi_saber_unpack(in_place, end, d);
        assert_memory_equal(in_place, back, sizeof back);
        pqi_saber_centre(back, d);
        for (unsigned i = 0; i < N; i++) {
            int v = (int)(c[i] & ((1u << d) - 1));
            assert_int_equal(in_place[i], v);
            assert_int_equal((int16_t)back[i], v >= 1 << (d - 1) ? v - (1 << d) : v);
        }
    }
}

static unsigned ones(const uint8_t *in, unsigned from, unsigned n)
{
    unsigned w = 0;
    for (unsigned b = from; b < from + n; b++) {
        w += (unsigned)in[b / 8] >> (b % 8) & 1u;
    }
    return w;
}

static void sampling(void **state)
{
    (void)state;
    for (unsigned mu = 6; mu <= 10; mu += 2) {
        uint8_t in[PQI_SABER_BYTES(10)];
        for (unsigned n = 0; n < 20; n++) {
            for (size_t i = 0; i < sizeof in; i++) {
                in[i] = (uint8_t)rnd(256);
            }
            if (n < 2) {
                memset(in, n == 0 ? 0xff : 0, sizeof in);
            }
            uint16_t c[N];
            pqi_saber_sample(c, in, mu);
            memset(s, 0x5a, sizeof small.s);
            pqi_saber_small_put(s, c);
            for (unsigned i = 0; i < N; i++) {
                int v = (int)ones(in, i * mu, mu / 2) - (int)ones(in, i * mu + mu / 2, mu / 2);
                assert_int_equal((int16_t)c[i], v);
                assert_int_equal(get_small(s, i), v);
            }
        }
    }
}

/* Every value of 13 bits at every bound, whatever lies above; small ones survive four bits. */
static void small_values(void **state)
{
    (void)state;
    uint16_t c[N] = {0}, back[N];
    for (int max = 3; max <= 5; max++) {
        for (unsigned v = 0; v < 65536; v++) {
            const unsigned low = v % 8192;
            const bool good = low <= (unsigned)max || low >= 8192 - (unsigned)max;
            c[v % N] = (uint16_t)v;
            assert_int_equal(pqi_saber_over(c, (unsigned)max), good ? 0 : UINT32_MAX);
            c[v % N] = 0;
        }
    }
    for (unsigned i = 0; i < N; i++) {
        c[i] = (uint16_t)(rnd(11) - 5);
    }
    pqi_saber_small_put(s, c);
    pqi_saber_small_get(back, s);
    assert_memory_equal(back, c, sizeof c);
}

PQI_TEST_MAIN(cmocka_unit_test(compiler_shifts_and_wraps_as_needed),
    cmocka_unit_test(constants_of_the_primes), cmocka_unit_test(reductions_of_every_int16),
    cmocka_unit_test(random_sums), cmocka_unit_test(largest_sums),
    cmocka_unit_test(extreme_operands), cmocka_unit_test(packing), cmocka_unit_test(sampling),
    cmocka_unit_test(small_values))
