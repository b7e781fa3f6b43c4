/* SPDX-License-Identifier: Apache-2.0
 * The field of 2^255 - 19 at the ends of its ranges: every operation on every pair of awkward
 * elements, against long-hand arithmetic on bytes. An element is any 256-bit number. */
#include "pqi_test.h"

#include "prim/mcu/f25519.h"

#define N 32u

/* r = v mod 2^255 - 19 for 64 bytes, least significant first: 2^256 = 38, then subtraction. */
static void reduce(uint8_t r[N], const uint8_t v[2 * N])
{
    uint8_t x[2 * N];
    memcpy(x, v, sizeof x);
    for (int round = 0; round < 3; round++) {
        uint32_t acc = 0;
        for (size_t i = 0; i < N; i++) {
            acc += x[i] + 38u * x[N + i];
            x[i] = (uint8_t)acc;
            acc >>= 8;
        }
        memset(x + N, 0, N);
        x[N] = (uint8_t)acc; /* at most 38 */
    }
    assert_int_equal(x[N], 0);
    for (int round = 0; round < 3; round++) {
        int32_t acc = 0;
        for (size_t i = 0; i < N; i++) {
            acc += x[i] - (i == 0 ? 0xed : i == N - 1 ? 0x7f : 0xff);
            r[i] = (uint8_t)acc;
            acc = acc < 0 ? -1 : 0;
        }
        if (acc == 0) {
            memcpy(x, r, N);
        }
    }
    memcpy(r, x, N);
}

static void ref_add(uint8_t r[N], const uint8_t a[N], const uint8_t b[N])
{
    uint8_t v[2 * N] = {0};
    uint32_t acc = 0;
    for (size_t i = 0; i < N; i++) {
        acc += (uint32_t)a[i] + b[i];
        v[i] = (uint8_t)acc;
        acc >>= 8;
    }
    v[N] = (uint8_t)acc;
    reduce(r, v);
}

static void ref_mul(uint8_t r[N], const uint8_t a[N], const uint8_t b[N])
{
    uint8_t v[2 * N] = {0};
    for (size_t i = 0; i < N; i++) {
        uint32_t acc = 0;
        for (size_t j = 0; j < N; j++) {
            acc += v[i + j] + (uint32_t)a[i] * b[j];
            v[i + j] = (uint8_t)acc;
            acc >>= 8;
        }
        v[i + N] = (uint8_t)acc;
    }
    reduce(r, v);
}

static void words(pqi_fe r, const uint8_t b[N])
{
    for (size_t i = 0; i < PQI_FE; i++) {
        r[i] = (uint32_t)b[4 * i] | (uint32_t)b[4 * i + 1] << 8 | (uint32_t)b[4 * i + 2] << 16 |
               (uint32_t)b[4 * i + 3] << 24;
    }
}

static void expect(const pqi_fe got, const uint8_t want[N])
{
    uint8_t b[N];
    pqi_fe_encode(b, got);
    assert_memory_equal(b, want, N);
}

/* Elements near 0, 2^255 - 19, its double, 2^256, and with full or empty words. */
#define ELEMENTS (4u * 48u + 10u)

static void element(uint8_t b[N], size_t i)
{
    static const uint8_t near_ends[4][2] = {{0, 0}, {0xff, 0x7f}, {0xff, 0xff}, {0, 0x80}};
    if (i < 4u * 48u) {
        int low = near_ends[i / 48][0];
        memset(b, low, N);
        b[N - 1] = near_ends[i / 48][1];
        b[0] = (uint8_t)(low == 0 ? i % 48 : 0xd0 + i % 48);
        return;
    }
    i -= 4u * 48u;
    for (size_t j = 0; j < N; j++) {
        b[j] = (uint8_t)(i < 8    ? (j / 4 == i ? 0xff : 0)
                         : i == 8 ? (j / 4 % 2) * 0xff
                                  : 37 * j + 11);
    }
}

static void pair(const uint8_t ab[N], const uint8_t bb[N])
{
    pqi_fe a, b, r;
    pqi_fe_product t;
    uint8_t want[N], got[N];
    words(a, ab);
    words(b, bb);
    pqi_fe_add(r, a, b);
    ref_add(want, ab, bb);
    expect(r, want);
    pqi_fe_mul(r, a, b, &t);
    ref_mul(want, ab, bb);
    expect(r, want);
    pqi_fe_sub(r, a, b); /* what it gives, plus b, is a */
    pqi_fe_encode(got, r);
    ref_add(want, got, bb);
    expect(a, want);
    pqi_fe_add(r, r, b); /* also for the element as it came out, whatever its form */
    expect(r, want);
    memcpy(r, a, sizeof r); /* outputs that are inputs */
    pqi_fe_sub(r, r, r);
    expect(r, (const uint8_t[N]){0});
}

static void pairs(void **state)
{
    (void)state;
    for (size_t i = 0; i < ELEMENTS; i++) {
        for (size_t j = 0; j < ELEMENTS; j++) {
            uint8_t a[N], b[N];
            element(a, i);
            element(b, j);
            pair(a, b);
        }
    }
}

static void singles(void **state)
{
    (void)state;
    static const uint8_t small[N] = {0x41, 0xdb, 0x01}; /* 121665 */
    static const uint8_t one[N] = {1};
    for (size_t i = 0; i < ELEMENTS; i++) {
        uint8_t ab[N], v[2 * N] = {0}, want[N], canonical[N];
        pqi_fe a, r, w[3];
        pqi_fe_product t;
        element(ab, i);
        words(a, ab);
        memcpy(v, ab, N);
        reduce(canonical, v);
        expect(a, canonical);
        pqi_fe_mul_small(r, a, 121665);
        ref_mul(want, ab, small);
        expect(r, want);
        pqi_fe_invert(r, a, w, &t);
        pqi_fe_mul(r, r, a, &t);
        int zero = memcmp(canonical, (const uint8_t[N]){0}, N) == 0;
        expect(r, zero ? canonical : one);
        v[N - 1] &= 0x7f; /* decoding drops the highest bit */
        reduce(want, v);
        pqi_fe_decode(r, ab);
        expect(r, want);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(pairs), cmocka_unit_test(singles))
