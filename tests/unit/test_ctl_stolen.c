/* SPDX-License-Identifier: Apache-2.0
 * A device's log of revocations against somebody who has the revoker's key, and who deletes records: docs/spec/control.md
 * section 5. What the model m4 of tests/models found. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#include <stdbool.h>

#define FOR_EVER UINT32_MAX

static plane pl;
static ctl_rig rg;

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_TOY);
    rig_init(&rg, &pl);
    (void)plane_roster(&pl);
    pl.roster_size = 100; /* a revoker alone: 5 */
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    rig_free(&rg);
    plane_free(&pl);
    return 0;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

static bool gap(void)
{
    return (rig_flags(&rg) & PQI_GATE_REV_GAP) != 0;
}

static bool revoked(uint32_t index)
{
    return pqi_ctl_is_revoked(&rg.c, index, 1) != 0;
}

static void take(pqi_object kind, pqi_cspan in)
{
    assert_int_equal(rig_take(&rg, kind, in), PQI_OK);
}

static void new_head(void)
{
    take(PQI_OBJ_HEAD, plane_head(&pl));
}

static void start(void)
{
    assert_int_equal(rig_open(&rg), PQI_OK);
    new_head();
}

static void restart(void)
{
    assert_int_equal(rig_restart(&rg), PQI_OK);
}

/* Entries from + 1 .. of a log of the thief's own. */
static pqi_cspan thief_log(uint32_t from, uint32_t n)
{
    const uint32_t honest = pl.n_revoked;
    pqi_revoked kept[8];
    assert_true(from + n <= 8 && honest <= 8);
    memcpy(kept, pl.revoked, sizeof kept);
    pl.n_revoked = from;
    for (uint32_t i = 0; i < n; i++) {
        plane_revoke(&pl, 900 + from + i, FOR_EVER);
    }
    const pqi_cspan out = plane_rev(&pl, from);
    memcpy(pl.revoked, kept, sizeof kept);
    pl.n_revoked = honest;
    return out;
}

static uint32_t asks_from(void)
{
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 0;
    uint32_t wait = 0;
    pqi_ask ask;
    rig_pass(&rg, 3600000);
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){q, sizeof q}, &n, &wait), PQI_OK);
    assert_int_equal(pqi_ask_decode((pqi_cspan){q, n}, &ask), PQI_OK);
    return ask.rev_seq;
}

/* Five entries of the thief's own do not hide the next one that a head names (INV-68), and the log that has it
 * heals, whatever the lengths. */
static void nothing_is_hidden(void **state)
{
    (void)state;
    start();
    take(PQI_OBJ_REVOCATIONS, thief_log(0, 5));
    assert_false(gap());
    plane_revoke(&pl, 1, FOR_EVER);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_OK);
    new_head();
    for (int i = 0; i < 2; i++) {
        assert_true(gap());
        assert_false(revoked(1));
        assert_int_equal(asks_from(), 0);
        restart();
    }
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    for (int i = 0; i < 2; i++) {
        assert_false(gap());
        assert_true(revoked(1));
        assert_true(revoked(904)); /* nothing is taken back */
        assert_int_equal(rg.c.rev.seq, 1);
        restart();
    }
    /* goes on from there; a part that is none of it does not */
    plane_revoke(&pl, 2, FOR_EVER);
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1));
    assert_true(revoked(2));
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, thief_log(1, 3)), PQI_OK);
}

/* A head that names fewer than are here: only a log that goes through both numbers shows that ours has its hash. */
static void shorter_head(void **state)
{
    (void)state;
    start();
    for (uint32_t i = 0; i < 4; i++) {
        plane_revoke(&pl, 10 + i, FOR_EVER);
    }
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    assert_false(gap());
    pl.n_revoked = 2;
    new_head();
    pl.n_revoked = 4;
    assert_true(gap());
    assert_int_equal(asks_from(), 0);
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    for (int i = 0; i < 2; i++) {
        assert_false(gap());
        assert_int_equal(rg.c.rev.seq, 4);
        assert_int_equal(asks_from(), 4);
        assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_ERR_REPLAY);
        restart();
    }
    new_head(); /* names all four */
    assert_false(gap());
    restart();
    assert_false(gap());
}

/* Under a new root, entries that no head named are no proof that those of the old log are still here. */
static void over_a_rotation(void **state)
{
    (void)state;
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    start();
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    take(PQI_OBJ_ROOT, plane_rotate(&pl));
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    fake_nvm_erase(&rg.nvm, "ctl-rev", 0);
    fake_nvm_erase(&rg.nvm, "ctl-rev", 1);
    restart();
    assert_true(gap());
    assert_int_equal(
        rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 1, 0)), PQI_ERR_MISSING);
    for (int i = 0; i < 2; i++) {
        assert_true(gap());
        restart();
    }
    new_head();
    assert_true(gap());
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    assert_false(gap());
    assert_true(revoked(1) && revoked(2));
}

/* Nor are they when they were taken before the record was lost, and again after that. */
static void twice_over_a_rotation(void **state)
{
    (void)state;
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    start();
    take(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    take(PQI_OBJ_ROOT, plane_rotate(&pl));
    plane_revoke(&pl, 3, FOR_EVER);
    const pqi_cspan one = plane_rev(&pl, 0);
    take(PQI_OBJ_REVOCATIONS, one);
    assert_false(gap());
    assert_true(revoked(1) && revoked(2) && revoked(3));
    fake_nvm_erase(&rg.nvm, "ctl-rev", 0);
    fake_nvm_erase(&rg.nvm, "ctl-rev", 1);
    restart();
    assert_true(gap());
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, one), PQI_ERR_MISSING);
    assert_true(gap());
    new_head();
    take(PQI_OBJ_REVOCATIONS, one);
    assert_false(gap());
    assert_int_equal(rg.prov.counters[PQI_SLOT_REV], 2ull << 32 | 1);
}

PQI_TEST_MAIN(
    TEST(nothing_is_hidden), TEST(shorter_head), TEST(over_a_rotation), TEST(twice_over_a_rotation))
