/* SPDX-License-Identifier: Apache-2.0
 * Attacks on a device's control state: a broker that holds back and mixes, stolen keys, lost and old records,
 * clocks that jump. docs/spec/control.md sections 3 to 6. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#define TICK_MS  3600000u
#define FOR_EVER UINT32_MAX

static plane pl;
static ctl_rig rg, old;

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_TOY);
    rig_init(&rg, &pl);
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

static void took(pqi_object kind, pqi_cspan in)
{
    assert_int_equal(rig_take(&rg, kind, in), PQI_OK);
}

static void start(void)
{
    assert_int_equal(rig_open(&rg), PQI_OK);
    took(PQI_OBJ_HEAD, plane_head(&pl));
}

static void lose(const char *record)
{
    fake_nvm_erase(&rg.nvm, record, 0);
    fake_nvm_erase(&rg.nvm, record, 1);
}

static pqi_fresh fresh_on(const char *topic)
{
    return pqi_ctl_fresh(&rg.c, &rg.now, (pqi_cspan){(const uint8_t *)topic, strlen(topic)});
}

static int revoked(uint32_t index)
{
    return pqi_ctl_is_revoked(&rg.c, index, 1);
}

/* ---- stolen keys -------------------------------------------------------------------------------------- */

/* A stolen head key runs the ticks ahead; the next root version's ticks count all the same. */
static void ticks_run_ahead(void **state)
{
    (void)state;
    pl.policy.rules.ttl_ticks = 1000;
    (void)plane_policy(&pl, 2);
    start();
    took(PQI_OBJ_POLICY, pl.policy_bytes);
    pqi_head h = plane_head_fields(&pl);
    h.tick_base = UINT32_MAX - h.tick_count;
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, plane_head_key(&pl)));
    assert_int_equal(rg.c.s.newest, UINT32_MAX - PLANE_TICKS);
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_OLD);
    (void)plane_tick(&pl, 3);
    took(PQI_OBJ_ROOT, plane_rotate(&pl));
    (void)plane_policy(&pl, 2);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    took(PQI_OBJ_POLICY, pl.policy_bytes);
    assert_int_equal(rg.c.s.newest, 3);
    assert_int_equal(rig_flags(&rg), 0);
    for (int i = 0; i < 100; i++) {
        rig_pass(&rg, TICK_MS);
        took(PQI_OBJ_TICK, plane_tick(&pl, 1));
    }
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    rig_pass(&rg, 100 * (uint64_t)TICK_MS);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    /* a rotation alone makes nothing younger */
    rig_pass(&rg, 100 * (uint64_t)TICK_MS);
    took(PQI_OBJ_ROOT, plane_rotate(&pl));
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_STALE);
}

/* Entries up to the head's number count as the head's only with its hash: a revoker whose key was stolen cannot
 * fill a gap with others. */
static void gap_is_no_allowance(void **state)
{
    (void)state;
    (void)plane_roster(&pl);
    pl.roster_size = 100; /* 5 in 100 */
    for (uint32_t i = 0; i < 50; i++) {
        plane_revoke(&pl, 100 + i, FOR_EVER);
    }
    const pqi_cspan log = plane_rev(&pl, 0), begin = plane_rev_part(&pl, 0, 4, 0),
                    more = plane_rev_part(&pl, 4, 8, 0);
    start();
    for (uint32_t i = 0; i < 50; i++) {
        pl.revoked[i].roster_index = 1000 + i;
    }
    assert_int_equal(
        rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 49, 0)), PQI_ERR_MISSING);
    assert_int_equal(rg.c.rev.n, 0);
    /* some at a time: no more than ahead of a head, and a restart changes nothing */
    took(PQI_OBJ_REVOCATIONS, begin);
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, more), PQI_ERR_MISSING);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, more), PQI_ERR_MISSING);
    assert_int_equal(rg.c.rev.n, 4);
    took(PQI_OBJ_REVOCATIONS, log);
    assert_int_equal(rg.c.rev.n, 50);
    assert_int_equal(rg.c.rev.alone, 0);
    assert_int_equal(rig_flags(&rg), 0);
}

/* Entries that a stolen revoker key put ahead of the head do not hide that the head names others. */
static void ahead_hides_no_gap(void **state)
{
    (void)state;
    (void)plane_roster(&pl);
    pl.roster_size = 100;
    plane_revoke(&pl, 100, FOR_EVER);
    plane_revoke(&pl, 101, FOR_EVER);
    start();
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    for (uint32_t i = 0; i < 5; i++) {
        plane_revoke(&pl, 900 + i, FOR_EVER);
    }
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 2));
    assert_int_equal(rig_flags(&rg), 0);
    pl.n_revoked = 2;
    plane_revoke(&pl, 102, FOR_EVER);
    plane_revoke(&pl, 103, FOR_EVER);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)); /* shorter than ours, and the head's */
    assert_int_equal(rig_flags(&rg), 0);
    assert_true(revoked(100) && revoked(102) && revoked(103) && revoked(904));
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), 0);
    assert_true(revoked(100) && revoked(102) && revoked(103) && revoked(904));
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_ERR_REPLAY);
    /* it goes on from there, and a lost record is noticed as before */
    plane_revoke(&pl, 104, FOR_EVER);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 4));
    assert_int_equal(rig_flags(&rg), 0);
    rig_crash(&rg);
    lose("ctl-rev");
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
}

/* The honest case: the head names some of the entries that are here, and the log shows that it does. */
static void head_between_entries(void **state)
{
    (void)state;
    (void)plane_roster(&pl);
    pl.roster_size = 100;
    start();
    for (uint32_t i = 0; i < 4; i++) {
        plane_revoke(&pl, 100 + i, FOR_EVER);
    }
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    pl.n_revoked = 3;
    took(PQI_OBJ_HEAD, plane_head(&pl));
    pl.n_revoked = 4;
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(rg.c.rev.seq, 4);
    assert_int_equal(rg.c.rev.alone, 1);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_ERR_REPLAY);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(rg.c.rev.alone, 0);
}

/* ---- lost and old records --------------------------------------------------------------------------------- */

/* How old was what a lost record knew? Nobody can say: what the floor names is no news. */
static void lost_age_is_not_zero(void **state)
{
    (void)state;
    start();
    took(PQI_OBJ_TICK, plane_tick(&pl, 2));
    rig_pass(&rg, 800 * (uint64_t)TICK_MS);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_EXPIRED);
    rig_close(&rg);
    lose("ctl");
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), PQI_GATE_ROLLBACK);
    for (int i = 0; i < 3; i++) {
        const pqi_status again = i == 0 ? PQI_OK : PQI_ERR_REPLAY;
        assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, pl.head.encoded), again);
        assert_int_equal(rig_flags(&rg), 0);
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
        took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 1 + (uint32_t)i));
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), UINT32_MAX);
        assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
        rig_close(&rg);
        assert_int_equal(rig_restart(&rg), PQI_OK);
    }
    rg.now.mono_ms += TICK_MS;
    assert_int_equal(rig_ask(&rg), PQI_ERR_REPLAY); /* the plane's tick is below: 2 */
    (void)plane_tick(&pl, 10);
    rg.now.mono_ms += TICK_MS;
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    /* a head above the floor is news */
    rig_crash(&rg);
    lose("ctl");
    assert_int_equal(rig_restart(&rg), PQI_OK);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(rig_flags(&rg), 0);
}

/* What was signed under an older root says nothing once a time of a newer one is known. */
static void old_record_keeps_no_time(void **state)
{
    (void)state;
    const uint64_t t0 = 1800000000;
    pl.time_s = 4200000000u; /* by a stolen head key */
    start();
    rig_init(&old, &pl);
    rig_free(&old);
    fake_nvm_copy(&old.nvm, &rg.nvm);
    pl.time_s = t0;
    took(PQI_OBJ_ROOT, plane_rotate(&pl));
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(pqi_ctl_now(&rg.c, &rg.now).unix_s, t0);
    rig_crash(&rg);
    lose("ctl");
    fake_slot *s = fake_nvm_find(&old.nvm, "ctl");
    for (unsigned slot = 0; slot < 2; slot++) {
        if (s->bytes[slot] != NULL) {
            const pqi_cspan was = {s->bytes[slot], s->len[slot]};
            assert_int_equal(rg.nvm.nvm.write(rg.nvm.nvm.ctx, "ctl", slot, was), PQI_OK);
        }
    }
    fake_nvm_free(&old.nvm);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(pqi_ctl_now(&rg.c, &rg.now).unix_s, t0);
}

/* Who is too old for class M is not within the grace of a start: turning it off and on must not help. */
static void restart_is_no_grace(void **state)
{
    (void)state;
    start();
    rig_pass(&rg, 48 * (uint64_t)TICK_MS);
    rig_close(&rg);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 1);
    rig_pass(&rg, 1);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
}

/* ---- clocks ------------------------------------------------------------------------------------------------- */

/* Uptime of 32 bits begins anew: time goes on from there, it does not stand still until it is as high again. */
static void uptime_begins_anew(void **state)
{
    (void)state;
    rg.now.mono_ms = UINT32_MAX - 1000u;
    start();
    assert_int_equal(rig_ask(&rg), PQI_OK);
    rg.now.mono_ms = UINT32_MAX;
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    rg.now.mono_ms = 1000;
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    for (int i = 1; i <= 6; i++) {
        rig_pass(&rg, TICK_MS);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), i);
        assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    }
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
    /* questions go on too */
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    rg.now.mono_ms = UINT64_MAX;
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_EXPIRED);
}

/* A head that was held back makes its delegates' ticks no younger. */
static void late_head_of_a_delegate(void **state)
{
    (void)state;
    pl.delegate[0] = "gateway-1";
    pl.delegate[1] = "plant/a";
    pl.policy.rules.flags |= PQI_POLICY_DELEGATES;
    (void)plane_policy(&pl, 2);
    start();
    took(PQI_OBJ_POLICY, pl.policy_bytes);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    pl.tick = 24;
    const pqi_cspan second = plane_head(&pl);
    rig_pass(&rg, (24 + 60) * (uint64_t)TICK_MS);
    took(PQI_OBJ_HEAD, second);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 60);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 1));
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_STALE);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 20));
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_AGED);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 60));
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_STALE);
}

/* Somebody vouches for the fleet's time: what the device did not know before does not keep its delegate old. */
static void vouched_head_of_a_delegate(void **state)
{
    (void)state;
    pl.delegate[0] = "gateway-1";
    pl.delegate[1] = "plant/a";
    pl.policy.rules.flags |= PQI_POLICY_DELEGATES;
    (void)plane_policy(&pl, 2);
    start();
    took(PQI_OBJ_POLICY, pl.policy_bytes);
    rig_pass(&rg, 60 * (uint64_t)TICK_MS); /* the fleet was off, and so were its ticks */
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_ask(&rg), PQI_OK);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 1));
    rig_pass(&rg, 6 * (uint64_t)TICK_MS);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 6));
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
}

/* Ticks that were counted with another length than theirs tell no age. */
static void tick_length_changes(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_ask(&rg), PQI_OK);
    /* at once: what passed before was counted right */
    pl.policy.rules.tick_s = 60;
    (void)plane_policy(&pl, 2);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    took(PQI_OBJ_POLICY, pl.policy_bytes);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    /* a lost policy: a broker lets one tick of a minute through every hour */
    for (int late = 0; late < 2; late++) {
        if (late == 0) {
            rig_close(&rg);
            lose("ctl-pol");
            assert_int_equal(rig_restart(&rg), PQI_OK);
        } else {
            pl.policy.rules.tick_s = 30;
            (void)plane_policy(&pl, 2);
            took(PQI_OBJ_HEAD, plane_head(&pl));
        }
        for (uint32_t i = 1; i <= 5; i++) {
            rig_pass(&rg, TICK_MS);
            took(PQI_OBJ_TICK, plane_tick_of(&pl, pl.head.head_epoch, i));
        }
        took(PQI_OBJ_POLICY, pl.policy_bytes);
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
        took(PQI_OBJ_TICK, plane_tick_of(&pl, pl.head.head_epoch, 6));
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
        pl.tick = 150;
        assert_int_equal(rig_ask(&rg), PQI_OK);
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
        rig_pass(&rg, TICK_MS);
        assert_int_not_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
        took(PQI_OBJ_HEAD, plane_head(&pl));
    }
}

PQI_TEST_MAIN(TEST(ticks_run_ahead), TEST(gap_is_no_allowance), TEST(ahead_hides_no_gap),
    TEST(head_between_entries), TEST(lost_age_is_not_zero), TEST(old_record_keeps_no_time),
    TEST(restart_is_no_grace), TEST(uptime_begins_anew), TEST(late_head_of_a_delegate),
    TEST(vouched_head_of_a_delegate), TEST(tick_length_changes))
