/* SPDX-License-Identifier: Apache-2.0
 * The store under power cuts, damage, rollback, deletion and failing devices.
 * INV-4, INV-5, INV-6, INV-8, INV-9, INV-10, INV-11, INV-15, INV-102. */
#include "pqi_test.h"

#include "support/fake_nvm.h"
#include "support/fake_provider.h"

#define SLOT 5u
#define ROOM 512u

typedef struct bed {
    test_power power;
    fake_nvm nvm;
    fake_provider prov;
    pqi_store store;
    uint8_t buf[ROOM + PQI_STORE_OVERHEAD], plain[ROOM];
    size_t len;
} bed;

static const uint8_t seed[32] = {1, 2, 3};

static bed *bed_new(void)
{
    bed *b = calloc(1, sizeof *b);
    assert_non_null(b);
    fake_nvm_init(&b->nvm, &b->power);
    fake_provider_init(&b->prov, NULL, seed, &b->power);
    return b;
}

static void bed_free(bed *b)
{
    fake_nvm_free(&b->nvm);
    free(b);
}

static pqi_status bed_open(bed *b)
{
    memset(b->plain, 0xee, sizeof b->plain);
    return pqi_store_open(&b->store, &b->prov.base, &b->nvm.nvm, "box", SLOT,
        (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, sizeof b->plain}, &b->len);
}

/* Record v is 4 + v % 90 bytes that begin with v. */
static pqi_status bed_save(bed *b, uint32_t v)
{
    uint8_t rec[100];
    memset(rec, (int)(v & 0xffu), sizeof rec);
    memcpy(rec, &v, sizeof v);
    return pqi_store_save(
        &b->store, (pqi_cspan){rec, 4u + v % 90u}, (pqi_span){b->buf, sizeof b->buf});
}

static uint32_t bed_value(const bed *b)
{
    uint32_t v;
    assert_true(b->len >= sizeof v);
    memcpy(&v, b->plain, sizeof v);
    assert_int_equal(b->len, 4u + v % 90u);
    return v;
}

static void fresh_save_reopen(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_save(b, 1), PQI_ERR_STATE);
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    for (uint32_t v = 1; v <= 20; v++) {
        assert_int_equal(bed_save(b, v), PQI_OK);
        assert_int_equal(b->prov.counters[SLOT], v);
        assert_int_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_value(b), v);
    }
    assert_int_equal(pqi_store_save(&b->store, (pqi_cspan){b->plain, ROOM},
                         (pqi_span){b->buf, ROOM + PQI_STORE_OVERHEAD - 1}),
        PQI_ERR_SPACE);
    assert_int_equal(bed_save(b, 21), PQI_OK);
    static const char *const bad[] = {"", "A", "a/b", "a.b", "x23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            pqi_store_open(&b->store, &b->prov.base, &b->nvm.nvm, bad[i], SLOT,
                (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, sizeof b->plain}, &b->len),
            PQI_ERR_ARG);
    }
    bed_free(b);
}

/* INV-11, INV-102: power lost at every durable operation of a run of saves, in every variant. After
 * the restart the state is the old or the new one, what was acknowledged is never lost, and the
 * machine goes on without an operator. */
static void cut_everywhere(void **state)
{
    (void)state;
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 1; at <= 14; at++) {
            bed *b = bed_new();
            b->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
            assert_int_equal(bed_open(b), PQI_ERR_MISSING);
            uint32_t acked = 0;
            uint32_t v = 1;
            while (bed_save(b, v) == PQI_OK) {
                acked = v++;
                assert_true(v < 20);
            }
            assert_int_equal(bed_save(b, v), PQI_ERR_STATE); /* closed itself */
            b->power = (test_power){0};
            pqi_status st = bed_open(b);
            if (st == PQI_ERR_MISSING) {
                assert_int_equal(acked, 0);
            } else {
                assert_int_equal(st, PQI_OK);
                assert_true(bed_value(b) == acked || bed_value(b) == acked + 1);
            }
            uint32_t now = st == PQI_OK ? bed_value(b) : 0;
            assert_int_equal(bed_open(b), st); /* healing is stable */
            if (st == PQI_OK) {
                assert_int_equal(bed_value(b), now);
            }
            for (v = 100; v < 103; v++) {
                assert_int_equal(bed_save(b, v), PQI_OK);
            }
            assert_int_equal(bed_open(b), PQI_OK);
            assert_int_equal(bed_value(b), 102);
            bed_free(b);
        }
    }
}

/* INV-11: the power fails again while the first crash is being healed. */
static void cut_while_healing(void **state)
{
    (void)state;
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        bed *b = bed_new();
        assert_int_equal(bed_open(b), PQI_ERR_MISSING);
        assert_int_equal(bed_save(b, 1), PQI_OK);
        b->power = (test_power){.cut_at = 2, .mode = CUT_NONE}; /* written, counter not moved */
        assert_int_not_equal(bed_save(b, 2), PQI_OK);
        b->power = (test_power){.cut_at = 1, .mode = (cut_mode)mode};
        assert_int_not_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_save(b, 3), PQI_ERR_STATE);
        b->power = (test_power){0};
        assert_int_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_value(b), 2);
        assert_int_equal(b->prov.counters[SLOT], 2);
        bed_free(b);
    }
}

/* INV-4, INV-5, INV-9: any flipped bit, any truncation, any extension of the newest slot falls back
 * to nothing older: with both slots it is rollback or damage, never "missing" and never the old
 * record. */
static void damage_newest(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    for (uint32_t v = 1; v <= 4; v++) {
        assert_int_equal(bed_save(b, v), PQI_OK);
    }
    fake_slot *s = fake_nvm_find(&b->nvm, "box");
    assert_non_null(s);
    size_t len = s->len[0]; /* generation 4 */
    for (size_t bit = 0; bit < len * 8; bit++) {
        s->bytes[0][bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(bed_open(b), PQI_ERR_ROLLBACK); /* slot 1 is intact and too old */
        assert_int_equal(b->len, 0);
        assert_int_equal(b->plain[0], 0); /* unsealed, refused, wiped */
        s->bytes[0][bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    for (size_t n = 0; n < len; n++) {
        s->len[0] = n;
        assert_int_equal(bed_open(b), PQI_ERR_ROLLBACK);
    }
    s->len[0] = len;
    assert_int_equal(bed_open(b), PQI_OK);
    /* Both damaged: INV-9, a refusal of its own. */
    s->bytes[0][30] ^= 1;
    s->bytes[1][30] ^= 1;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    s->bytes[1][30] ^= 1;
    s->bytes[0][30] ^= 1;
    /* The older slot may be anything. */
    s->bytes[1][30] ^= 1;
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 4);
    fake_nvm_erase(&b->nvm, "box", 1);
    assert_int_equal(bed_open(b), PQI_OK);
    /* One erased, the other damaged: bytes are there, so it is damage. */
    s->bytes[0][25] ^= 1;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    s->bytes[0][25] ^= 1;
    bed_free(b);
}

/* INV-4: a blob under another label, in the other slot or with another generation is refused. */
static void moved_blob(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_save(b, 1), PQI_OK);
    fake_slot *s = fake_nvm_find(&b->nvm, "box");
    pqi_store other;
    memcpy(s->name, "cat", 4);
    assert_int_equal(pqi_store_open(&other, &b->prov.base, &b->nvm.nvm, "cat", SLOT,
                         (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, ROOM}, &b->len),
        PQI_ERR_STORAGE);
    memcpy(s->name, "box", 4);
    /* generation 1 -> 2 needs slot 0; the seal is bound to 1 */
    s->bytes[0] = s->bytes[1];
    s->len[0] = s->len[1];
    s->bytes[1] = NULL;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    s->bytes[0][15] = 2;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    bed_free(b);
}

/* INV-8, INV-10: an old image, a deleted record, a counter put back. */
static void rollback_and_deletion(void **state)
{
    (void)state;
    bed *b = bed_new();
    fake_nvm old = {0};
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    for (uint32_t v = 1; v <= 9; v++) {
        if (v == 5) {
            fake_nvm_copy(&old, &b->nvm);
        }
        assert_int_equal(bed_save(b, v), PQI_OK);
        if (v >= 5) {
            fake_nvm keep = {0};
            fake_nvm_copy(&keep, &b->nvm);
            fake_nvm_copy(&b->nvm, &old);
            assert_int_equal(bed_open(b), PQI_ERR_ROLLBACK);
            assert_int_equal(b->len, 0);
            assert_int_equal(bed_save(b, 77), PQI_ERR_STATE);
            fake_nvm_copy(&b->nvm, &keep);
            fake_nvm_free(&keep);
            assert_int_equal(bed_open(b), PQI_OK);
        }
    }
    b->prov.counters[SLOT] = 7; /* the counter went back by two: INV-6 broken by the device */
    assert_int_equal(bed_open(b), PQI_ERR_ROLLBACK);
    b->prov.counters[SLOT] = 9;
    fake_nvm_erase(&b->nvm, "box", 0);
    fake_nvm_erase(&b->nvm, "box", 1);
    assert_int_equal(bed_open(b), PQI_ERR_ROLLBACK);
    fake_nvm_free(&old);
    bed_free(b);
}

/* A full disk loses nothing and heals; the store wants to be opened again. */
static void disk_full(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_save(b, 1), PQI_OK);
    b->nvm.room = 10;
    assert_int_equal(bed_save(b, 2), PQI_ERR_STORAGE);
    assert_int_equal(bed_save(b, 2), PQI_ERR_STATE);
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 1);
    b->nvm.room = 0;
    assert_int_equal(bed_save(b, 2), PQI_OK);
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 2);
    bed_free(b);
}

/* Two different records never share a generation, whatever fails. */
static void one_record_per_generation(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= 12; at++) {
        for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
            bed *b = bed_new();
            b->power = (test_power){.cut_at = at, .mode = (cut_mode)mode, .one_shot = 1};
            uint32_t of_gen[32] = {0};
            pqi_status st = bed_open(b);
            for (uint32_t v = 1; v <= 12; v++) {
                if (!b->store.open) {
                    st = bed_open(b);
                    assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
                }
                st = bed_save(b, v);
                const fake_slot *s = fake_nvm_find(&b->nvm, "box");
                for (unsigned k = 0; s != NULL && k < 2; k++) {
                    if (s->bytes[k] != NULL && s->len[k] > PQI_STORE_OVERHEAD + 4) {
                        fake_provider *f = &b->prov;
                        uint8_t p[ROOM];
                        uint64_t gen = s->bytes[k][15];
                        size_t n = s->len[k] - 20;
                        if (f->base.ops->unseal(&f->base, (pqi_cspan){PQI_LIT("box")}, gen,
                                (pqi_cspan){s->bytes[k] + 20, n},
                                (pqi_span){p, n - PQI_SEAL_OVERHEAD}) == PQI_OK) {
                            uint32_t val;
                            memcpy(&val, p, 4);
                            assert_true(of_gen[gen] == 0 || of_gen[gen] == val);
                            of_gen[gen] = val;
                        }
                    }
                }
            }
            assert_int_equal(st, PQI_OK);
            bed_free(b);
        }
    }
}

/* Every call into the provider and every read fails once: no status but a platform one, no record
 * is taken for missing, and the next start is fine. */
static void every_call_fails(void **state)
{
    (void)state;
    for (uint64_t at = 1; at < 12; at++) {
        bed *b = bed_new();
        assert_int_equal(bed_open(b), PQI_ERR_MISSING);
        assert_int_equal(bed_save(b, 1), PQI_OK);
        assert_int_equal(bed_save(b, 2), PQI_OK);
        b->prov.calls = 0;
        b->prov.fail_at = at;
        b->prov.fail_with = at % 2 != 0 ? PQI_AGAIN : PQI_ERR_PROVIDER;
        pqi_status st = bed_open(b);
        assert_true(st == PQI_OK || st == PQI_ERR_PROVIDER);
        if (st == PQI_OK) {
            st = bed_save(b, 3);
            assert_true(st == PQI_OK || st == PQI_ERR_PROVIDER);
        }
        b->prov.fail_at = 0;
        assert_int_equal(bed_open(b), PQI_OK);
        assert_true(bed_value(b) == 2 || bed_value(b) == 3);
        bed_free(b);
    }
    for (uint64_t at = 1; at <= 3; at++) {
        bed *b = bed_new();
        assert_int_equal(bed_open(b), PQI_ERR_MISSING);
        assert_int_equal(bed_save(b, 1), PQI_OK);
        b->nvm.reads = 0;
        b->nvm.fail_read = at;
        assert_int_not_equal(bed_open(b), PQI_ERR_MISSING);
        b->nvm.fail_read = 0;
        assert_int_equal(bed_open(b), PQI_OK);
        bed_free(b);
    }
}

/* INV-15: a record that does not fit what the caller can read is an error, not an empty store. */
static void too_long(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_save(b, 89), PQI_OK); /* 93 bytes */
    assert_int_equal(
        pqi_store_open(&b->store, &b->prov.base, &b->nvm.nvm, "box", SLOT,
            (pqi_span){b->buf, 92 + PQI_STORE_OVERHEAD}, (pqi_span){b->plain, ROOM}, &b->len),
        PQI_ERR_SPACE);
    assert_int_equal(pqi_store_open(&b->store, &b->prov.base, &b->nvm.nvm, "box", SLOT,
                         (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, 92}, &b->len),
        PQI_ERR_SPACE);
    assert_int_equal(bed_save(b, 3), PQI_ERR_STATE);
    bed_free(b);
}

PQI_TEST_MAIN(cmocka_unit_test(fresh_save_reopen), cmocka_unit_test(cut_everywhere),
    cmocka_unit_test(cut_while_healing), cmocka_unit_test(damage_newest),
    cmocka_unit_test(moved_blob), cmocka_unit_test(rollback_and_deletion),
    cmocka_unit_test(disk_full), cmocka_unit_test(one_record_per_generation),
    cmocka_unit_test(every_call_fails), cmocka_unit_test(too_long))
