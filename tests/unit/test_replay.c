/* SPDX-License-Identifier: Apache-2.0
 * Replay window and budgets: edges by hand, then long random runs against naive models. */
#include "pqi_test.h"

#include "session/budget.h"
#include "session/replay.h"

static uint64_t rng_state = UINT64_C(0x9e3779b97f4a7c15);

static uint64_t rnd(void)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return rng_state;
}

/* INV-39: zero, seen and too old are refused, the unseen inside is accepted once. */
static void window_edges(void **state)
{
    (void)state;
    static const uint32_t widths[] = {64, 128, 1024};
    for (size_t i = 0; i < 3; i++) {
        uint32_t wd = widths[i];
        pqi_window w;
        pqi_window_reset(&w, 0);
        assert_int_equal(pqi_window_peek(&w, wd, 0), PQI_ERR_REPLAY);
        assert_int_equal(pqi_window_commit(&w, wd, 5000), PQI_OK);
        assert_int_equal(pqi_window_peek(&w, wd, 5000), PQI_ERR_REPLAY);
        assert_int_equal(pqi_window_peek(&w, wd, 5000 - wd), PQI_ERR_REPLAY);
        assert_int_equal(pqi_window_peek(&w, wd, 5001 - wd), PQI_OK);
        assert_int_equal(pqi_window_commit(&w, wd, 5001 - wd), PQI_OK);
        assert_int_equal(pqi_window_commit(&w, wd, 5001 - wd), PQI_ERR_REPLAY);
        assert_int_equal(pqi_window_commit(&w, wd, UINT64_MAX), PQI_OK);
        assert_int_equal(pqi_window_commit(&w, wd, UINT64_MAX), PQI_ERR_REPLAY);
        assert_int_equal(pqi_window_peek(&w, wd, UINT64_MAX - wd + 1), PQI_OK);
        assert_int_equal(pqi_window_peek(&w, wd, UINT64_MAX - wd), PQI_ERR_REPLAY);
    }
    pqi_window w;
    pqi_window_reset(&w, 64);
    assert_int_equal(pqi_window_peek(&w, 128, 64), PQI_ERR_REPLAY);
    assert_int_equal(pqi_window_peek(&w, 128, 65), PQI_OK);
    assert_int_equal(pqi_window_peek(&w, 0, 65), PQI_ERR_ARG);
    assert_int_equal(pqi_window_peek(&w, 65, 65), PQI_ERR_ARG);
    assert_int_equal(pqi_window_peek(&w, 2048, 65), PQI_ERR_ARG);
}

#define ORACLE_MAX 400000u

/* INV-39: 10^6 random steps against a set; a jump far ahead now and then. */
static void window_against_set(void **state)
{
    (void)state;
    static uint8_t seen[ORACLE_MAX];
    static const uint32_t widths[] = {128, 1024};
    for (size_t i = 0; i < 2; i++) {
        uint32_t wd = widths[i];
        uint64_t floor = i == 0 ? 0 : 100;
        uint64_t high = floor;
        memset(seen, 0, sizeof seen);
        pqi_window w;
        pqi_window_reset(&w, floor);
        for (int step = 0; step < 500000; step++) {
            uint64_t n = high + 3 > wd + 40 ? high + 3 - rnd() % (wd + 40) : rnd() % (high + 4);
            if (rnd() % 5000 == 0) {
                n = high + rnd() % (2u * wd);
            }
            if (n >= ORACLE_MAX) {
                break;
            }
            int fresh = n != 0 && n > floor && !seen[n] && (n > high || high - n < wd);
            pqi_window before = w;
            assert_int_equal(pqi_window_peek(&w, wd, n), fresh ? PQI_OK : PQI_ERR_REPLAY);
            assert_memory_equal(&before, &w, sizeof w);
            if (rnd() % 4 != 0) {
                assert_int_equal(pqi_window_commit(&w, wd, n), fresh ? PQI_OK : PQI_ERR_REPLAY);
                if (fresh) {
                    seen[n] = 1;
                    high = n > high ? n : high;
                } else {
                    assert_memory_equal(&before, &w, sizeof w);
                }
            }
            assert_true(w.high == high);
        }
        assert_true(high > 20000);
    }
}

static void bucket_edges(void **state)
{
    (void)state;
    const pqi_rate r = {1000, 3}; /* one a second, burst 3 */
    pqi_bucket b;
    pqi_bucket_fill(&b, &r, 10000);
    for (int i = 0; i < 3; i++) {
        assert_true(pqi_bucket_take(&b, &r, 10000));
    }
    assert_false(pqi_bucket_take(&b, &r, 10000));
    assert_false(pqi_bucket_take(&b, &r, 10999));
    assert_true(pqi_bucket_take(&b, &r, 11000));
    assert_false(pqi_bucket_take(&b, &r, 11000));
    /* INV-98: saturating. */
    for (int i = 0; i < 3; i++) {
        assert_true(pqi_bucket_take(&b, &r, UINT64_MAX));
    }
    assert_false(pqi_bucket_take(&b, &r, UINT64_MAX));
    /* Going back earns nothing, and coming again to the same time neither. */
    assert_false(pqi_bucket_take(&b, &r, 0));
    assert_false(pqi_bucket_take(&b, &r, UINT64_MAX));
    pqi_bucket_refund(&b, &r);
    assert_true(pqi_bucket_take(&b, &r, UINT64_MAX));
    for (int i = 0; i < 9; i++) {
        pqi_bucket_refund(&b, &r);
    }
    assert_int_equal(b.level, 3 * PQI_TOKEN);
    const pqi_rate none = {0, 0};
    pqi_bucket_fill(&b, &none, 0);
    assert_false(pqi_bucket_take(&b, &none, UINT64_MAX));
    const pqi_rate huge = {UINT32_MAX, UINT32_MAX};
    pqi_bucket_fill(&b, &huge, 0);
    assert_int_equal(b.level, PQI_RATE_BURST_MAX * PQI_TOKEN);
    for (unsigned i = 0; i < PQI_RATE_BURST_MAX; i++) {
        assert_true(pqi_bucket_take(&b, &huge, 0));
    }
    assert_false(pqi_bucket_take(&b, &huge, 0));
    assert_true(pqi_bucket_take(&b, &huge, 1));
}

/* INV-98: never more than rate * time + burst, and nearly that for a caller who asks often: small
 * steps do not starve the bucket. */
static void bucket_long_run(void **state)
{
    (void)state;
    static const pqi_rate rates[] = {
        {33, 1}, {200, 2}, {1000, 5}, {60000, 64}, {7, 1}, {999983, 9}};
    for (size_t k = 0; k < sizeof rates / sizeof rates[0]; k++) {
        const pqi_rate *r = &rates[k];
        pqi_bucket b;
        uint64_t now = rnd() % 1000000;
        uint64_t start = now;
        uint64_t taken = 0;
        pqi_bucket_fill(&b, r, now);
        for (int i = 0; i < 200000; i++) {
            taken += pqi_bucket_take(&b, r, now);
            uint64_t most = r->burst + (now - start) * r->per_1000s / 1000000u + 1;
            assert_true(taken <= most);
            now += rnd() % 7;
        }
        uint64_t earned = (now - start) * r->per_1000s / 1000000u;
        if (r->per_1000s < 100000) {                         /* slower than the caller asks */
            assert_true(taken + 2 + earned / 200 >= earned); /* < 1/1024 lost per token */
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(window_edges), cmocka_unit_test(window_against_set),
    cmocka_unit_test(bucket_edges), cmocka_unit_test(bucket_long_run))
