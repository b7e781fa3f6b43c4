/* SPDX-License-Identifier: Apache-2.0
 * The session table: look-up, generations, the free list, a full table of 100,000. */
#include "pqi_test.h"

#include "session/table.h"
#include "support/fake_provider.h"

static fake_provider prov;
static pqi_table t;

static pqi_span make(uint32_t capacity, size_t session, unsigned width)
{
    const uint8_t seed[32] = {7};
    fake_provider_init(&prov, NULL, seed, NULL);
    size_t len = pqi_table_len(capacity, session);
    pqi_span mem = {calloc(1, len), len};
    assert_non_null(mem.ptr);
    assert_int_equal(pqi_table_init(&t, capacity, session, width, mem), PQI_OK);
    return mem;
}

static void test_limits(void **state)
{
    (void)state;
    static uint8_t mem[4096] __attribute__((aligned(8)));
    const pqi_span m = {mem, sizeof mem};
    assert_int_equal(pqi_table_len(0, 8), 0);
    assert_int_equal(pqi_table_len(PQI_TABLE_MAX + 1u, 8), 0);
    assert_int_equal(pqi_table_len(1, 0), 0);
    assert_int_equal(pqi_table_len(1, 6), 0);
    assert_int_equal(pqi_table_len(3, 12), 3 * 24);
    assert_int_equal(pqi_table_init(&t, 4, 8, 31, m), PQI_ERR_ARG);
    assert_int_equal(pqi_table_init(&t, 1025, 8, PQI_TABLE_RSID_SHORT, m), PQI_ERR_ARG);
    assert_int_equal(pqi_table_init(&t, 4, 8, 32, (pqi_span){mem + 4, 4000}), PQI_ERR_ARG);
    assert_int_equal(pqi_table_init(&t, 4, 8, 32, (pqi_span){mem, 63}), PQI_ERR_SPACE);
    assert_int_equal(pqi_table_init(&t, 4, 8, 32, (pqi_span){mem, 64}), PQI_OK);
    pqi_table_ref ref = 9;
    assert_int_equal(pqi_table_take(&t, &prov.base, 0x80000000u, &ref), PQI_ERR_ARG);
    assert_int_equal(ref, 9);
}

static void test_find(void **state)
{
    (void)state;
    pqi_span mem = make(5, 12, 32);
    pqi_table_ref ref[5], found = 9;
    uint32_t owner = 9, rsid[5];
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(pqi_table_take(&t, &prov.base, 100 + i, &ref[i]), PQI_OK);
        rsid[i] = pqi_table_rsid(&t, ref[i]);
        assert_int_not_equal(rsid[i], 0);
    }
    assert_int_equal(pqi_table_take(&t, &prov.base, 1, &found), PQI_ERR_LIMIT);
    for (uint32_t i = 0; i < 5; i++) {
        assert_true(pqi_table_find(&t, rsid[i], &found, &owner));
        assert_int_equal(found, ref[i]);
        assert_int_equal(owner, 100 + i);
        for (unsigned bit = 0; bit < 32; bit++) {
            uint32_t other = rsid[i] ^ (1u << bit);
            bool known = false;
            for (uint32_t j = 0; j < 5; j++) {
                known = known || rsid[j] == other;
            }
            assert_int_equal(pqi_table_find(&t, other, &found, &owner), known);
            assert_true(known || (found == 0 && owner == 0));
        }
    }
    assert_false(pqi_table_find(&t, 0, &found, &owner));
    memset(pqi_table_at(&t, ref[2]), 0xaa, 12);
    const uint8_t *was = pqi_table_at(&t, ref[2]);
    pqi_table_ref gone = ref[2];
    pqi_table_drop(&t, &ref[2]);
    assert_int_equal(ref[2], 0);
    for (unsigned i = 0; i < 12; i++) {
        assert_int_equal(was[i], 0);
    }
    assert_false(pqi_table_find(&t, rsid[2], &found, &owner));
    assert_null(pqi_table_at(&t, gone));
    assert_int_equal(pqi_table_rsid(&t, gone), 0);
    pqi_table_drop(&t, &gone); /* twice: nothing */
    pqi_table_drop(&t, &ref[2]);
    assert_int_equal(t.used, 4);
    assert_int_equal(pqi_table_take(&t, &prov.base, 7, &ref[2]), PQI_OK);
    assert_int_not_equal(pqi_table_rsid(&t, ref[2]), rsid[2]);
    assert_int_equal(pqi_table_take(&t, &prov.base, 7, &found), PQI_ERR_LIMIT);
    free(mem.ptr);
}

/* An rsid is not given out again at once, whatever the random numbers are; nothing is taken when there
 * are none. */
static pqi_status same_random(pqi_provider *p, pqi_span out)
{
    (void)p;
    memset(out.ptr, 0, out.len);
    return PQI_OK;
}

static pqi_status no_random(pqi_provider *p, pqi_span out)
{
    (void)p;
    memset(out.ptr, 0, out.len);
    return PQI_ERR_RNG;
}

static void test_generations(void **state)
{
    (void)state;
    pqi_span mem = make(1, 8, PQI_TABLE_RSID_SHORT);
    pqi_provider_ops ops = *prov.base.ops;
    pqi_provider p = {&ops};
    ops.random = same_random;
    pqi_table_ref ref = 0;
    uint32_t last = 0;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(pqi_table_take(&t, &p, 0, &ref), PQI_OK);
        uint32_t rsid = pqi_table_rsid(&t, ref);
        assert_true(rsid != 0 && rsid != last && rsid <= UINT16_MAX);
        last = rsid;
        pqi_table_drop(&t, &ref);
    }
    ops.random = no_random;
    assert_int_equal(pqi_table_take(&t, &p, 0, &ref), PQI_ERR_RNG);
    assert_int_equal(t.used, 0);
    free(mem.ptr);
}

/* A freed place rests until all others were used: a free list in order of time. */
static void test_rest(void **state)
{
    (void)state;
    pqi_span mem = make(64, 8, 32);
    pqi_table_ref first = 0, ref = 0;
    assert_int_equal(pqi_table_take(&t, &prov.base, 0, &first), PQI_OK);
    pqi_table_ref gone = first;
    pqi_table_drop(&t, &first);
    for (unsigned i = 0; i < 63; i++) {
        assert_int_equal(pqi_table_take(&t, &prov.base, 0, &ref), PQI_OK);
        assert_int_not_equal(ref, gone);
    }
    assert_int_equal(pqi_table_take(&t, &prov.base, 0, &ref), PQI_OK);
    assert_int_equal(ref, gone);
    free(mem.ptr);
}

/* INV-73: 100,000 sessions in one block; random takes and drops against a list. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 100000 };
    pqi_span mem = make(N, 16, 32);
    uint32_t *rsid = calloc(N, sizeof *rsid);
    pqi_table_ref *refs = calloc(N, sizeof *refs);
    assert_true(rsid != NULL && refs != NULL);
    uint32_t x = 1, used = 0;
    for (unsigned i = 0; i < 400000; i++) {
        x = x * 1664525u + 1013904223u;
        uint32_t at = (x >> 8) % N;
        if (refs[at] == 0) {
            assert_int_equal(pqi_table_take(&t, &prov.base, at, &refs[at]), PQI_OK);
            rsid[at] = pqi_table_rsid(&t, refs[at]);
            used++;
        } else if (i % 3 == 0) {
            pqi_table_drop(&t, &refs[at]);
            used--;
        }
    }
    assert_int_equal(t.used, used);
    for (uint32_t at = 0; at < N; at++) {
        pqi_table_ref found = 0;
        uint32_t owner = 0;
        bool there = rsid[at] != 0 && pqi_table_find(&t, rsid[at], &found, &owner) && owner == at;
        assert_true(refs[at] == 0 ? !there : there && found == refs[at]);
    }
    free(rsid);
    free(refs);
    free(mem.ptr);
}

PQI_TEST_MAIN(cmocka_unit_test(test_limits), cmocka_unit_test(test_find),
    cmocka_unit_test(test_generations), cmocka_unit_test(test_rest), cmocka_unit_test(test_large))
