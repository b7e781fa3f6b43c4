/* SPDX-License-Identifier: Apache-2.0
 * The journal without a counter, and start numbers: power cuts at every write, torn and lost slots,
 * full media, failing devices. docs/spec/resume.md sections 8 and 9. INV-4, INV-9, INV-96. */
#include "pqi_test.h"

#include "state/journal.h"
#include "state/starts.h"
#include "support/fake_nvm.h"
#include "support/fake_provider.h"

#define ROOM 176u
#define NAME "s-0000a1b2"

typedef struct bed {
    test_power power;
    fake_nvm nvm;
    fake_provider prov;
    pqi_journal j;
    uint8_t buf[ROOM + PQI_JOURNAL_OVERHEAD], plain[ROOM];
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
    return pqi_journal_open(&b->j, &b->prov.base, &b->nvm.nvm, NAME,
        (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, sizeof b->plain}, &b->len);
}

typedef pqi_status save_fn(pqi_journal *, pqi_cspan, pqi_span);

static pqi_status bed_put(bed *b, uint32_t v, save_fn *save)
{
    uint8_t rec[ROOM];
    memset(rec, (int)(v & 0xffu), sizeof rec);
    memcpy(rec, &v, sizeof v);
    return save(&b->j, (pqi_cspan){rec, sizeof rec}, (pqi_span){b->buf, sizeof b->buf});
}

static uint32_t bed_value(const bed *b)
{
    uint32_t v;
    assert_int_equal(b->len, ROOM);
    memcpy(&v, b->plain, sizeof v);
    return v;
}

static bool zero(const uint8_t *p, size_t n)
{
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

static void fresh_save_open(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_ERR_STATE);
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_true(b->j.open && !b->j.damaged && zero(b->plain, ROOM));
    for (uint32_t v = 1; v <= 9; v++) {
        assert_int_equal(bed_put(b, v, pqi_journal_save), PQI_OK);
        assert_int_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_value(b), v);
        assert_false(b->j.damaged);
    }
    for (unsigned i = 0; i < PQI_COUNTER_SLOTS; i++) {
        assert_int_equal(b->prov.counters[i], 0); /* no counter moves */
    }
    static const char *const bad[] = {"", "A", "a/b", "a b", "x23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            pqi_journal_open(&b->j, &b->prov.base, &b->nvm.nvm, bad[i],
                (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, sizeof b->plain}, &b->len),
            PQI_ERR_ARG);
    }
    bed_free(b);
}

/* Power lost at each durable operation, in each way: what was acknowledged is there, or what was
 * being written; nothing else, and no operator. */
static void cut_everywhere(void **state)
{
    (void)state;
    static save_fn *const saves[] = {pqi_journal_save, pqi_journal_settle};
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 1; at <= 13; at++) {
            for (unsigned k = 0; k < 2; k++) {
                bed *b = bed_new();
                b->power.cut_at = at;
                b->power.mode = (cut_mode)mode;
                uint32_t said = 0, v = 0;
                pqi_status st = bed_open(b);
                assert_int_equal(st, PQI_ERR_MISSING);
                while (st != PQI_ERR_STORAGE) {
                    st = bed_put(b, ++v, saves[k]);
                    said = st == PQI_OK ? v : said;
                }
                b->power.dead = 0;
                st = bed_open(b);
                if (said == 0 && st != PQI_OK) { /* nothing was acknowledged */
                    assert_true(
                        st == PQI_ERR_MISSING || (mode == CUT_TORN && st == PQI_ERR_STORAGE));
                } else {
                    assert_int_equal(st, PQI_OK);
                    assert_true(bed_value(b) == said || bed_value(b) == v);
                    assert_true(mode != CUT_TORN || b->j.damaged);
                }
                assert_int_equal(bed_put(b, 77, saves[k]), PQI_OK);
                assert_int_equal(bed_open(b), PQI_OK);
                assert_int_equal(bed_value(b), 77);
                bed_free(b);
            }
        }
    }
}

/* settle leaves no older record: with either slot lost, the other has the same. */
static void settled_has_no_past(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_OK);
    assert_int_equal(bed_put(b, 2, pqi_journal_settle), PQI_OK);
    fake_slot *s = fake_nvm_find(&b->nvm, NAME);
    assert_non_null(s);
    for (unsigned which = 0; which < 2; which++) {
        s->bytes[which][25] ^= 1;
        assert_int_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_value(b), 2);
        /* the older slot is not unsealed when the newer one is good */
        assert_int_equal(b->j.damaged, which == 1); /* generation 3 */
        s->bytes[which][25] ^= 1;
    }
    /* save alone keeps the one before: that is what a lost slot falls back to */
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_put(b, 3, pqi_journal_save), PQI_OK);
    unsigned newest = (unsigned)(b->j.generation % 2u);
    s->bytes[newest][25] ^= 1;
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 2);
    bed_free(b);
}

/* INV-9: each damaged bit and each cut of both slots: the loss is said, nothing of a record comes
 * out, and the journal takes new records, which win over what is left of the old ones. */
static void both_damaged(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_put(b, 8, pqi_journal_settle), PQI_OK);
    fake_nvm good = {0};
    fake_nvm_copy(&good, &b->nvm);
    const size_t len = fake_nvm_find(&b->nvm, NAME)->len[0];
    for (size_t i = 0; i < 2 * len; i++) {
        fake_nvm_copy(&b->nvm, &good);
        fake_slot *s = fake_nvm_find(&b->nvm, NAME);
        for (unsigned which = 0; which < 2; which++) {
            if (i < len) {
                s->bytes[which][i] ^= 0x10;
            } else {
                s->len[which] = i - len;
            }
        }
        assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
        assert_true(b->len == 0 && zero(b->plain, ROOM) && b->j.open && b->j.damaged);
        assert_int_equal(bed_put(b, 9, pqi_journal_save), PQI_OK);
        assert_int_equal(bed_open(b), PQI_OK);
        assert_int_equal(bed_value(b), 9);
    }
    /* ... and over the old one, should the slot beside it turn up again */
    fake_nvm_copy(&b->nvm, &good);
    fake_nvm_find(&b->nvm, NAME)->bytes[0][30] ^= 1;
    fake_nvm_find(&b->nvm, NAME)->bytes[1][30] ^= 1;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    assert_int_equal(bed_put(b, 9, pqi_journal_save), PQI_OK);
    fake_nvm_find(&b->nvm, NAME)->bytes[b->j.generation % 2u ^ 1u][30] ^= 1;
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 9);
    /* one gone, one damaged: bytes are there, so it is loss, not a fresh start */
    fake_nvm_copy(&b->nvm, &good);
    fake_nvm_erase(&b->nvm, NAME, 0);
    fake_nvm_find(&b->nvm, NAME)->bytes[1][30] ^= 1;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    /* a huge number in a header is no way to lock the journal */
    fake_nvm_copy(&b->nvm, &good);
    for (unsigned which = 0; which < 2; which++) {
        memset(fake_nvm_find(&b->nvm, NAME)->bytes[which] + 8, 0x7f, 7);
    }
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    assert_int_equal(bed_put(b, 9, pqi_journal_save), PQI_OK);
    fake_nvm_free(&good);
    bed_free(b);
}

/* INV-4: not under another name, in the other slot, under another number, of another owner, nor a
 * record of a store of the same name. */
static void moved_blob(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_OK);
    fake_slot *s = fake_nvm_find(&b->nvm, NAME);
    pqi_journal other;
    memcpy(s->name, "s-0000a1b3", 11);
    assert_int_equal(pqi_journal_open(&other, &b->prov.base, &b->nvm.nvm, "s-0000a1b3",
                         (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, ROOM}, &b->len),
        PQI_ERR_STORAGE);
    memcpy(s->name, NAME, 11);
    s->bytes[0] = s->bytes[1];
    s->len[0] = s->len[1];
    s->bytes[1] = NULL;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    s->bytes[0][15] = 2; /* says slot 0; the seal is bound to 1 */
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    s->bytes[1] = s->bytes[0];
    s->len[1] = s->len[0];
    s->bytes[0] = NULL;
    s->bytes[1][15] = 1;
    assert_int_equal(bed_open(b), PQI_OK);
    b->prov.seed[5] ^= 1;
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    b->prov.seed[5] ^= 1;
    /* a store's record, its header turned into one of a journal */
    pqi_store store;
    fake_nvm_erase(&b->nvm, NAME, 1);
    assert_int_equal(pqi_store_open(&store, &b->prov.base, &b->nvm.nvm, NAME, 9,
                         (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, ROOM}, &b->len),
        PQI_ERR_MISSING);
    assert_int_equal(
        pqi_store_save(&store, (pqi_cspan){b->plain, ROOM}, (pqi_span){b->buf, sizeof b->buf}),
        PQI_OK);
    fake_nvm_find(&b->nvm, NAME)->bytes[1][3] = 'J';
    assert_int_equal(bed_open(b), PQI_ERR_STORAGE);
    bed_free(b);
}

/* A full medium: an error, nothing changed, and the journal wants to look again. */
static void disk_full(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_put(b, 1, pqi_journal_settle), PQI_OK);
    fake_nvm before = {0};
    fake_nvm_copy(&before, &b->nvm);
    b->nvm.room = 10;
    assert_int_equal(bed_put(b, 2, pqi_journal_settle), PQI_ERR_STORAGE);
    assert_int_equal(bed_put(b, 2, pqi_journal_save), PQI_ERR_STATE);
    for (unsigned which = 0; which < 2; which++) {
        const fake_slot *now = fake_nvm_find(&b->nvm, NAME), *was = fake_nvm_find(&before, NAME);
        assert_int_equal(now->len[which], was->len[which]);
        assert_memory_equal(now->bytes[which], was->bytes[which], was->len[which]);
    }
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 1);
    b->nvm.room = 0;
    assert_int_equal(bed_put(b, 2, pqi_journal_save), PQI_OK);
    assert_int_equal(bed_open(b), PQI_OK);
    assert_int_equal(bed_value(b), 2);
    fake_nvm_free(&before);
    bed_free(b);
}

/* Each call into the provider and each read fails once. */
static void every_call_fails(void **state)
{
    (void)state;
    for (uint64_t at = 1; at <= 4; at++) {
        bed *b = bed_new();
        assert_int_equal(bed_open(b), PQI_ERR_MISSING);
        assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_OK);
        b->prov.calls = 0;
        b->prov.fail_at = at;
        b->prov.fail_with = at % 2 != 0 ? PQI_AGAIN : PQI_ERR_PROVIDER;
        pqi_status st = bed_open(b);
        assert_int_equal(st, at == 1 ? PQI_ERR_PROVIDER : PQI_OK);
        assert_true(st == PQI_OK || (!b->j.open && zero(b->plain, ROOM)));
        if (st == PQI_OK) {
            st = bed_put(b, 2, pqi_journal_save);
            assert_int_equal(st, at == 2 ? PQI_ERR_PROVIDER : PQI_OK);
        }
        b->prov.fail_at = 0;
        assert_int_equal(bed_open(b), PQI_OK);
        assert_true(bed_value(b) == 1 || bed_value(b) == 2);
        bed_free(b);
    }
    for (uint64_t at = 1; at <= 3; at++) {
        bed *b = bed_new();
        assert_int_equal(bed_open(b), PQI_ERR_MISSING);
        assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_OK);
        b->nvm.reads = 0;
        b->nvm.fail_read = at;
        assert_int_not_equal(
            bed_open(b), PQI_ERR_MISSING); /* loss is never taken for a fresh start */
        b->nvm.fail_read = 0;
        assert_int_equal(bed_open(b), PQI_OK);
        bed_free(b);
    }
}

static void lengths(void **state)
{
    (void)state;
    bed *b = bed_new();
    assert_int_equal(bed_open(b), PQI_ERR_MISSING);
    assert_int_equal(bed_put(b, 1, pqi_journal_save), PQI_OK);
    assert_int_equal(
        pqi_journal_save(&b->j, (pqi_cspan){b->plain, ROOM}, (pqi_span){b->buf, sizeof b->buf - 1}),
        PQI_ERR_SPACE);
    assert_int_equal(
        pqi_journal_open(&b->j, &b->prov.base, &b->nvm.nvm, NAME,
            (pqi_span){b->buf, sizeof b->buf - 1}, (pqi_span){b->plain, ROOM}, &b->len),
        PQI_ERR_ARG);
    for (size_t room = 1; room < ROOM; room += 25) { /* too long for the caller is no loss */
        assert_int_equal(
            pqi_journal_open(&b->j, &b->prov.base, &b->nvm.nvm, NAME,
                (pqi_span){b->buf, sizeof b->buf}, (pqi_span){b->plain, room}, &b->len),
            PQI_ERR_SPACE);
        assert_false(b->j.open);
    }
    bed_free(b);
}

/* ---- start numbers ------------------------------------------------------------------------------- */

/* INV-96: no number twice, each above all before, whatever is cut; one move of the counter a start. */
static void starts_rise(void **state)
{
    (void)state;
    for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
        for (uint64_t at = 0; at <= 6; at++) {
            bed *b = bed_new();
            b->power.cut_at = at;
            b->power.mode = (cut_mode)mode;
            uint32_t top = 0;
            for (unsigned start = 0; start < 4; start++) {
                pqi_starts s;
                b->power.dead = 0;
                pqi_status st = pqi_starts_open(&s, &b->prov.base);
                for (unsigned i = 0; i < 20 && st == PQI_OK; i++) {
                    uint32_t n = 0;
                    st = pqi_starts_take(&s, &n);
                    assert_true(st == PQI_OK ? n > top : n == 0);
                    top = st == PQI_OK ? n : top;
                    assert_true(top <= b->prov.counters[PQI_SLOT_BOOT]); /* reserved before use */
                }
            }
            assert_true(top >= 40);
            bed_free(b);
        }
    }
    bed *b = bed_new();
    pqi_starts s;
    for (unsigned start = 0; start < 5; start++) {
        uint64_t before = b->power.ops;
        uint32_t n;
        assert_int_equal(pqi_starts_open(&s, &b->prov.base), PQI_OK);
        assert_int_equal(pqi_starts_take(&s, &n), PQI_OK);
        assert_int_equal(n, 1 + start * PQI_STARTS_AHEAD);
        assert_int_equal(b->power.ops, before + 1);
    }
    bed_free(b);
}

static void starts_end(void **state)
{
    (void)state;
    bed *b = bed_new();
    pqi_starts s = {0};
    uint32_t n = 5, top = 0;
    assert_int_equal(pqi_starts_take(&s, &n), PQI_ERR_STATE);
    assert_int_equal(n, 0);
    b->prov.counters[PQI_SLOT_BOOT] = (uint64_t)UINT32_MAX - PQI_STARTS_AHEAD - 2;
    assert_int_equal(pqi_starts_open(&s, &b->prov.base), PQI_OK);
    while (pqi_starts_take(&s, &n) == PQI_OK) {
        assert_true(n > top);
        top = n;
    }
    assert_int_equal(pqi_starts_take(&s, &n), PQI_ERR_LIMIT);
    assert_int_equal(pqi_starts_open(&s, &b->prov.base), PQI_ERR_LIMIT);
    b->prov.counters[PQI_SLOT_BOOT] = UINT64_MAX;
    assert_int_equal(pqi_starts_open(&s, &b->prov.base), PQI_ERR_LIMIT);
    b->prov.counters[PQI_SLOT_BOOT] = 0;
    b->prov.fail_with = PQI_AGAIN;
    for (uint64_t at = 1; at <= 2; at++) {
        b->prov.calls = 0;
        b->prov.fail_at = at;
        assert_int_equal(pqi_starts_open(&s, &b->prov.base), PQI_ERR_PROVIDER);
        assert_int_equal(pqi_starts_take(&s, &n), PQI_ERR_STATE);
    }
    bed_free(b);
}

PQI_TEST_MAIN(cmocka_unit_test(fresh_save_open), cmocka_unit_test(cut_everywhere),
    cmocka_unit_test(settled_has_no_past), cmocka_unit_test(both_damaged),
    cmocka_unit_test(moved_blob), cmocka_unit_test(disk_full), cmocka_unit_test(every_call_fails),
    cmocka_unit_test(lengths), cmocka_unit_test(starts_rise), cmocka_unit_test(starts_end))
