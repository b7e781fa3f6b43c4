/* SPDX-License-Identifier: Apache-2.0
 * A device's control state: policy, rosters, revocations, roots, signed time. docs/spec/control.md sections 3 to
 * 5. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"
#include <pqi/session.h>

#define TICK_MS  3600000u
#define FOR_EVER UINT32_MAX

static plane pl;
static ctl_rig rg;

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

static int setup_plain(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_PLAIN);
    rig_init(&rg, &pl);
    return 0;
}

#define TEST(f)  cmocka_unit_test_setup_teardown(f, setup, teardown)
#define PLAIN(f) cmocka_unit_test_setup_teardown(f, setup_plain, teardown)

static void took(pqi_object kind, pqi_cspan in, unsigned what)
{
    assert_int_equal(rig_take(&rg, kind, in), PQI_OK);
    assert_int_equal(rg.ev.what & what, what);
}

static void refused(pqi_object kind, pqi_cspan in, pqi_status why)
{
    uint8_t before[32], after[32];
    rig_digest(&rg, before);
    assert_int_equal(rig_take(&rg, kind, in), why);
    rig_digest(&rg, after);
    assert_memory_equal(before, after, 32);
}

static void start(void)
{
    assert_int_equal(rig_open(&rg), PQI_OK);
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD);
}

static void restart(void)
{
    assert_int_equal(rig_restart(&rg), PQI_OK);
}

static void new_head(void)
{
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD);
}

static int revoked(uint32_t index)
{
    return pqi_ctl_is_revoked(&rg.c, index, 1);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

static void policy_as_the_head_names_it(void **state)
{
    (void)state;
    start();
    pl.policy.rules.min_level = 3;
    pl.policy.rules.forbid = PQI_ALG_NOT_STANDARD;
    pl.policy.rules.sessions = PQI_SESSIONS_REQUIRE;
    pl.policy.n_acls = 1;
    pl.policy.acls[0] =
        (pqi_acl){{PQI_LIT("control")}, {PQI_LIT("plant/x")}, PQI_RIGHT_PUB, 1u << PQI_CLASS_M};
    const pqi_cspan one = plane_policy(&pl, 2);
    refused(PQI_OBJ_POLICY, one, PQI_ERR_MISSING); /* no head names it yet */
    assert_int_equal(rg.ev.what & PQI_CTL_WANT, PQI_CTL_WANT);
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_GAP);
    assert_int_equal(rg.c.policy.seq, 0);
    /* the same content, signed by one key, by strangers, or with another number */
    pl.policy.seq = 0;
    refused(PQI_OBJ_POLICY, plane_policy(&pl, 1), PQI_ERR_AUTH);
    pl.policy.rules.fresh = 3;
    pl.policy.seq = 0;
    refused(PQI_OBJ_POLICY, plane_policy(&pl, 2), PQI_ERR_AUTH);
    pl.policy.rules.fresh = 4;
    took(PQI_OBJ_POLICY, one, PQI_CTL_NEW_POLICY);
    assert_int_equal(rig_flags(&rg), 0);
    refused(PQI_OBJ_POLICY, one, PQI_ERR_REPLAY);
    assert_int_equal(rg.prov.counters[PQI_SLOT_POLICY], (1ull << 32) | 1);
    for (int i = 0; i < 2; i++) {
        uint8_t classes = 0;
        assert_int_equal(rg.c.policy.seq, 1);
        assert_int_equal(rg.c.algs_policy.min_level, 3);
        assert_int_equal(rg.c.algs_policy.forbid, PQI_ALG_NOT_STANDARD);
        const pqi_cspan topic = {PQI_LIT("plant/x/y")};
        assert_int_equal(pqi_policy_acl(&rg.c.policy, (pqi_cspan){PQI_LIT("control")}, topic,
                             PQI_RIGHT_PUB, &classes),
            PQI_OK);
        assert_int_equal(classes, 1u << PQI_CLASS_M);
        assert_ptr_equal(rg.c.policy.payload.ptr, rg.policy_mem);
        restart();
        assert_int_equal(rig_flags(&rg), 0);
    }
    /* the next one: the old one is in force until it is here */
    pl.policy.seq = 1;
    pl.policy.rules.min_level = 1;
    const pqi_cspan two = plane_policy(&pl, 3);
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_GAP);
    assert_int_equal(rg.c.algs_policy.min_level, 3);
    refused(PQI_OBJ_POLICY, one, PQI_ERR_REPLAY);
    took(PQI_OBJ_POLICY, two, PQI_CTL_NEW_POLICY);
    assert_int_equal(rg.c.algs_policy.min_level, 1);
}

/* A head key alone cannot bring an old policy back. */
static void old_policy_stays_away(void **state)
{
    (void)state;
    const pqi_cspan one = plane_policy(&pl, 2);
    start();
    took(PQI_OBJ_POLICY, one, PQI_CTL_NEW_POLICY);
    const pqi_head old = plane_head_fields(&pl);
    pl.policy.rules.sessions = PQI_SESSIONS_REQUIRE;
    const pqi_cspan two = plane_policy(&pl, 2);
    new_head();
    took(PQI_OBJ_POLICY, two, PQI_CTL_NEW_POLICY);
    pqi_head h = plane_head_fields(&pl);
    h.policy_seq = 1;
    memcpy(h.policy_hash, old.policy_hash, PQI_HASH_LEN);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD);
    refused(PQI_OBJ_POLICY, one, PQI_ERR_REPLAY);
    assert_int_equal(rg.c.policy.seq, 2);
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_GAP);
}

static void room_for_policies(void **state)
{
    (void)state;
    rg.cfg.policy_mem = (pqi_span){NULL, 0};
    const pqi_cspan plain = plane_policy(&pl, 2);
    start();
    took(PQI_OBJ_POLICY, plain, PQI_CTL_NEW_POLICY);
    assert_null(rg.c.policy.payload.ptr);
    restart();
    assert_int_equal(rg.c.policy.seq, 1);
    assert_int_equal(rig_flags(&rg), 0);
    pl.policy.n_fail_safe = 1;
    pl.policy.fail_safe[0] = (pqi_cspan){PQI_LIT("plant/stop")};
    const pqi_cspan rows = plane_policy(&pl, 2);
    new_head();
    refused(PQI_OBJ_POLICY, rows, PQI_ERR_SPACE);
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_GAP);
    rg.cfg.policy_mem = (pqi_span){rg.policy_mem, 64};
    restart();
    refused(PQI_OBJ_POLICY, rows, PQI_ERR_SPACE);
    rg.cfg.policy_mem = (pqi_span){rg.policy_mem, sizeof rg.policy_mem};
    restart();
    took(PQI_OBJ_POLICY, rows, PQI_CTL_NEW_POLICY);
    assert_true(pqi_policy_is_fail_safe(&rg.c.policy, (pqi_cspan){PQI_LIT("plant/stop")}));
    rg.cfg.policy_mem.len = 0;
    assert_int_equal(rig_restart(&rg), PQI_ERR_SPACE);
}

static void ages_by_policy(void **state)
{
    (void)state;
    pl.policy.rules.tick_s = 60;
    pl.policy.rules.fresh = 1;
    pl.policy.rules.aged = 2;
    pl.policy.rules.stale = 3;
    pl.policy.rules.grace_s = 100;
    const pqi_cspan x = plane_policy(&pl, 2);
    start();
    rig_pass(&rg, 90000);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 0);
    took(PQI_OBJ_POLICY, x, PQI_CTL_NEW_POLICY);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 1);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 1);
    rig_pass(&rg, 10001);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
    rig_pass(&rg, 80000);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_EXPIRED);
    took(PQI_OBJ_TICK, plane_tick(&pl, 3), PQI_CTL_NEW_TICK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
}

/* ---- rosters -------------------------------------------------------------------------------------------- */

static void rosters_and_paths(void **state)
{
    (void)state;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
    const pqi_cspan policy = plane_policy(&pl, 2);
    const pqi_cspan one = plane_roster(&pl);
    const pqi_cspan p0 = plane_path(&pl, 0), p1 = plane_path(&pl, 1);
    start();
    const pqi_leaf l1 = pl.leaves[1], own = pl.leaves[0];
    /* no policy asks yet */
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, (pqi_cspan){NULL, 0}), PQI_OK);
    assert_int_equal(pqi_ctl_roster_counts(&rg.c, 99), 1);
    took(PQI_OBJ_POLICY, policy, PQI_CTL_NEW_POLICY);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_ERR_MISSING);
    assert_int_equal(pqi_ctl_roster_counts(&rg.c, 1), 0);
    refused(PQI_OBJ_PATH, p0, PQI_ERR_MISSING);
    took(PQI_OBJ_ROSTER, one, PQI_CTL_NEW_ROSTER);
    refused(PQI_OBJ_ROSTER, one, PQI_ERR_REPLAY);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p0), PQI_ERR_AUTH);
    assert_int_equal(pqi_ctl_member(&rg.c, &own, p0), PQI_OK);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, (pqi_cspan){p1.ptr, p1.len - 1}), PQI_ERR_DECODE);
    pqi_leaf other = l1;
    other.key_epoch++;
    assert_int_equal(pqi_ctl_member(&rg.c, &other, p1), PQI_ERR_AUTH);
    took(PQI_OBJ_PATH, p0, PQI_CTL_NEW_PATH);
    refused(PQI_OBJ_PATH, p1, PQI_ERR_AUTH); /* somebody else's */
    assert_int_equal(rg.c.path_len, p0.len);
    /* the next roster leaves l1 out */
    pl.leaves[1] = pl.leaves[2];
    pl.leaves[1].roster_index--;
    const pqi_cspan two = plane_roster(&pl);
    const pqi_cspan q0 = plane_path(&pl, 0);
    refused(PQI_OBJ_ROSTER, two, PQI_ERR_MISSING);
    new_head();
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK); /* until the next head */
    took(PQI_OBJ_ROSTER, two, PQI_CTL_NEW_ROSTER);
    assert_int_equal(rg.c.path_len, 0);
    refused(PQI_OBJ_PATH, p0, PQI_ERR_REPLAY);
    took(PQI_OBJ_PATH, q0, PQI_CTL_NEW_PATH);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK);
        assert_int_equal(pqi_ctl_member(&rg.c, &own, q0), PQI_OK);
        assert_int_equal(pqi_ctl_roster_counts(&rg.c, 1), 1);
        assert_int_equal(pqi_ctl_roster_counts(&rg.c, 2), 1);
        assert_int_equal(pqi_ctl_roster_counts(&rg.c, 3), 0);
        restart();
    }
    new_head();
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_ERR_AUTH);
    assert_int_equal(pqi_ctl_roster_counts(&rg.c, 1), 0);
    assert_int_equal(pqi_ctl_member(&rg.c, &own, q0), PQI_OK);
    assert_int_equal(rig_flags(&rg), 0);
}

/* Two roles: what the head names and the issuer did not sign is none, and the old one runs out. */
static void roster_needs_two_roles(void **state)
{
    (void)state;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
    const pqi_cspan policy = plane_policy(&pl, 2);
    const pqi_cspan one = plane_roster(&pl);
    const pqi_cspan p1 = plane_path(&pl, 1);
    const pqi_leaf l1 = pl.leaves[1];
    start();
    took(PQI_OBJ_POLICY, policy, PQI_CTL_NEW_POLICY);
    took(PQI_OBJ_ROSTER, one, PQI_CTL_NEW_ROSTER);
    const pqi_roster fields = {.root_version = 1, .seq = 2, .size = 1};
    pqi_roster r = fields;
    memcpy(r.fleet_id, pl.fleet_id, PQI_FLEET_ID_LEN);
    static uint8_t mem[4096];
    size_t n = 0;
    assert_int_equal(pqi_roster_build(&pl.algs, &pl.sp.base, plane_head_key(&pl), &r,
                         (pqi_span){mem, sizeof mem}, &n),
        PQI_OK);
    pqi_head h = plane_head_fields(&pl);
    h.roster_seq = 2;
    h.roster_size = 1;
    memset(h.roster_root, 0, PQI_HASH_LEN);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD | PQI_CTL_WANT);
    refused(PQI_OBJ_ROSTER, (pqi_cspan){mem, n}, PQI_ERR_AUTH);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK);
    h.head_epoch++;
    memcpy(h.prev, rg.c.s.head.hash, PQI_HASH_LEN);
    memcpy(h.token, pl.tokens[h.head_epoch], PQI_HASH_LEN);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_ERR_MISSING);
}

/* Nor is what the issuer signed and the head does not name. */
static void roster_that_no_head_names(void **state)
{
    (void)state;
    (void)plane_roster(&pl);
    start();
    pl.roster_seq = 0;
    pl.leaves[2].key_epoch++;
    refused(PQI_OBJ_ROSTER, plane_roster(&pl), PQI_ERR_AUTH);
    assert_int_equal(rg.c.s.roster.seq, 0);
}

/* ---- revocations ------------------------------------------------------------------------------------------ */

static void log_grows(void **state)
{
    (void)state;
    start();
    plane_revoke(&pl, 500, FOR_EVER);
    plane_revoke(&pl, 20, 4);
    const pqi_cspan first = plane_rev_part(&pl, 0, 2, 0);
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, first, PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rig_flags(&rg), 0);
    refused(PQI_OBJ_REVOCATIONS, first, PQI_ERR_REPLAY);
    assert_true(pqi_ctl_is_revoked(&rg.c, 20, 3));
    assert_false(pqi_ctl_is_revoked(&rg.c, 20, 4));
    assert_true(pqi_ctl_is_revoked(&rg.c, 500, FOR_EVER));
    assert_false(pqi_ctl_is_revoked(&rg.c, 21, 1));
    /* a higher epoch counts, a lower one does not; a gap waits */
    plane_revoke(&pl, 20, 2);
    plane_revoke(&pl, 20, 7);
    plane_revoke(&pl, 7, 2);
    plane_revoke(&pl, 300, 2);
    plane_revoke(&pl, 20, 3);
    new_head();
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 3), PQI_ERR_MISSING);
    assert_int_equal(rg.ev.what, PQI_CTL_REV_GAP | PQI_CTL_WANT);
    /* short of the head's number its hash does not tell: as ahead of a head */
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 1, 5, 0), PQI_ERR_MISSING);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 1, 5, 1), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rig_flags(&rg), PQI_GATE_SELF_REVOKED | PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rg.prov.counters[PQI_SLOT_REV], (1ull << 32) | 7);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rg.c.rev.n, 4);
        assert_int_equal(rg.c.rev.seq, 7);
        for (uint32_t k = 1; k < rg.c.rev.n; k++) {
            assert_true(rg.revoked[k - 1].roster_index < rg.revoked[k].roster_index);
        }
        assert_true(pqi_ctl_is_revoked(&rg.c, 20, 6));
        assert_false(pqi_ctl_is_revoked(&rg.c, 20, 7));
        assert_true(revoked(7) && revoked(300) && revoked(500));
        assert_int_equal(rig_flags(&rg), PQI_GATE_SELF_REVOKED);
        restart();
    }
}

static void who_may_revoke(void **state)
{
    (void)state;
    start();
    plane_revoke(&pl, 9, FOR_EVER);
    pqi_revocations h = {.root_version = 1};
    static uint8_t mem[8192];
    size_t n = 0;
    memcpy(h.fleet_id, pl.fleet_id, PQI_FLEET_ID_LEN);
    for (pqi_key k = PL_ROOT1; k < PL_KEYS_END; k++) {
        if (k == PL_REVOKER) {
            continue;
        }
        assert_int_equal(pqi_revocations_build(&pl.algs, &pl.sp.base, &k, 1, &h, pl.revoked, 1,
                             (pqi_span){mem, sizeof mem}, &n),
            PQI_OK);
        refused(PQI_OBJ_REVOCATIONS, (pqi_cspan){mem, n}, PQI_ERR_AUTH);
    }
    const pqi_key revoker = PL_REVOKER;
    h.root_version = 2;
    assert_int_equal(pqi_revocations_build(&pl.algs, &pl.sp.base, &revoker, 1, &h, pl.revoked, 1,
                         (pqi_span){mem, sizeof mem}, &n),
        PQI_OK);
    refused(PQI_OBJ_REVOCATIONS, (pqi_cspan){mem, n}, PQI_ERR_AUTH);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
}

/* A revoker alone adds 50 of 1000 devices ahead of a head, with policy keys or the head any number. */
static void revoker_is_limited(void **state)
{
    (void)state;
    (void)plane_roster(&pl);
    pl.roster_size = 100; /* 5 in 100 */
    start();
    for (uint32_t i = 0; i < 30; i++) {
        plane_revoke(&pl, 100 + i, FOR_EVER);
    }
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 6, 0), PQI_ERR_LIMIT);
    assert_int_equal(rg.ev.what & PQI_CTL_REV_RATE, PQI_CTL_REV_RATE);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 3, 0), PQI_CTL_NEW_REVOCATIONS);
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 3, 6, 0), PQI_ERR_LIMIT);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 3, 5, 0), PQI_CTL_NEW_REVOCATIONS);
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 5, 6, 0), PQI_ERR_LIMIT);
    restart(); /* a restart does not begin anew */
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 5, 6, 0), PQI_ERR_LIMIT);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 5, 20, 1), PQI_CTL_NEW_REVOCATIONS);
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 20, 21, 0), PQI_ERR_LIMIT);
    assert_int_equal(rg.c.rev.n, 20);
    /* the next head covers 22: what it covers is taken, what is beyond it is limited anew */
    pl.n_revoked = 22;
    new_head();
    pl.n_revoked = 30;
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 20, 30, 0),
        PQI_CTL_NEW_REVOCATIONS | PQI_CTL_REV_RATE);
    assert_int_equal(rg.c.rev.seq, 22);
    assert_int_equal(rig_flags(&rg), 0);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 27, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rg.c.rev.seq, 27);
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_LIMIT);
    new_head();
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rg.c.rev.n, 30);
    /* a head that covers what is here already begins anew too */
    for (int i = 0; i < 3; i++) {
        for (uint32_t k = 0; k < 5; k++) {
            plane_revoke(&pl, 200 + 5 * (uint32_t)i + k, FOR_EVER);
        }
        took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, rg.c.rev.seq), PQI_CTL_NEW_REVOCATIONS);
        new_head();
    }
}

static void one_is_always_allowed(void **state)
{
    (void)state;
    start(); /* no roster: 5 in 100 of nothing */
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_LIMIT);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 1, 0), PQI_CTL_NEW_REVOCATIONS);
    refused(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 1, 2, 0), PQI_ERR_LIMIT);
}

static void before_any_head(void **state)
{
    (void)state;
    assert_int_equal(rig_open(&rg), PQI_OK);
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_MISSING);
    assert_int_equal(rg.ev.what & PQI_CTL_REV_RATE, 0); /* no alarm: the head is just not here */
    new_head();
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
}

/* Entries that the revoker published and the head never covered: the head's log wins, and nothing is taken
 * back. */
static void the_heads_log_wins(void **state)
{
    (void)state;
    start();
    plane_revoke(&pl, 1, FOR_EVER);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    pl.n_revoked = 0;
    plane_revoke(&pl, 2, FOR_EVER);
    const pqi_cspan fork = plane_rev(&pl, 0);
    refused(PQI_OBJ_REVOCATIONS, fork, PQI_ERR_REPLAY); /* as long as ours, and no head says so */
    plane_revoke(&pl, 3, FOR_EVER);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_OK);
    pl.n_revoked = 1;
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, fork, PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rig_flags(&rg), 0);
    assert_true(revoked(1) && revoked(2));
    assert_false(revoked(3));
    /* longer forks alike, whole; a part of the other log does not link */
    plane_revoke(&pl, 4, FOR_EVER);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1), PQI_CTL_NEW_REVOCATIONS);
    pl.n_revoked = 1;
    plane_revoke(&pl, 5, FOR_EVER);
    plane_revoke(&pl, 6, FOR_EVER);
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1)), PQI_OK);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_true(revoked(1) && revoked(2) && revoked(4) && revoked(5) && revoked(6));
    assert_int_equal(rig_flags(&rg), 0);
}

/* What the head names is the log: one that passes that number with another history is refused. */
static void against_the_head(void **state)
{
    (void)state;
    plane_revoke(&pl, 1, FOR_EVER);
    start();
    pl.n_revoked = 0;
    plane_revoke(&pl, 2, FOR_EVER);
    plane_revoke(&pl, 3, FOR_EVER);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 2, 1)), PQI_OK);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 1, 1)), PQI_OK);
    assert_int_equal(rg.c.rev.n, 0);
}

static void table_is_full(void **state)
{
    (void)state;
    rg.cfg.revoked_max = 4;
    for (uint32_t i = 0; i < 5; i++) {
        plane_revoke(&pl, 100 - i, FOR_EVER);
    }
    start();
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_LIMIT);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 4, 1), PQI_CTL_NEW_REVOCATIONS);
    refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_LIMIT);
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP); /* fail closed */
    rg.cfg.revoked_max = 3;
    assert_int_equal(rig_restart(&rg), PQI_ERR_SPACE);
}

/* ---- roots --------------------------------------------------------------------------------------------------- */

static void rotation(void **state)
{
    (void)state;
    const pqi_cspan policy = plane_policy(&pl, 2);
    plane_revoke(&pl, 50, FOR_EVER);
    start();
    took(PQI_OBJ_TICK, plane_tick(&pl, 5), PQI_CTL_NEW_TICK);
    rig_sync(&rg);
    assert_int_equal(rig_flags(&rg), 0);
    const pqi_cspan old_tick = plane_tick(&pl, 1), old_head = plane_head(&pl);
    const pqi_cspan root2 = plane_rotate(&pl);
    const pqi_cspan head2 = plane_head(&pl);
    refused(PQI_OBJ_HEAD, head2, PQI_ERR_AUTH);
    took(PQI_OBJ_ROOT, root2, PQI_CTL_NEW_ROOT);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rg.c.manifest.root_version, 2);
        assert_memory_equal(rg.c.manifest.hash, pl.manifest_hash, 32);
        assert_ptr_equal(rg.c.manifest.encoded.ptr, rg.manifest_mem);
        /* what was in force is so still; the old head key signs nothing any more */
        assert_int_equal(rig_flags(&rg), 0);
        assert_true(revoked(50));
        assert_int_equal(rg.c.policy.seq, 1);
        assert_int_equal(pqi_ctl_now(&rg.c, &rg.now).control_epoch, 1);
        refused(PQI_OBJ_HEAD, old_head, PQI_ERR_AUTH);
        refused(PQI_OBJ_TICK, old_tick, PQI_ERR_MISSING);
        refused(PQI_OBJ_POLICY, policy, PQI_ERR_AUTH);
        refused(PQI_OBJ_ROOT, root2, PQI_ERR_REPLAY);
        refused(PQI_OBJ_ROOT, rg.manifest, PQI_ERR_REPLAY);
        restart();
    }
    took(PQI_OBJ_HEAD, head2, PQI_CTL_NEW_HEAD);
    assert_int_equal(rg.c.s.head.head_epoch, 1);
    assert_int_equal(rg.prov.counters[PQI_SLOT_HEAD], (2ull << 32) | 1);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(rig_flags(&rg), 0);
    /* the next but one needs the one in between */
    const pqi_cspan root3 = plane_rotate(&pl), root4 = plane_rotate(&pl);
    refused(PQI_OBJ_ROOT, root4, PQI_ERR_MISSING);
    took(PQI_OBJ_ROOT, root3, PQI_CTL_NEW_ROOT);
    took(PQI_OBJ_ROOT, root4, PQI_CTL_NEW_ROOT);
    restart();
    assert_int_equal(rg.c.manifest.root_version, 4);
    assert_int_equal(rig_flags(&rg), 0);
}

static void who_may_rotate(void **state)
{
    (void)state;
    start();
    const pqi_cspan good = plane_rotate(&pl);
    uint8_t *bad = malloc(good.len);
    assert_non_null(bad);
    unsigned signatures = 0;
    for (size_t at = good.len - 120; at < good.len; at++) { /* into both signatures */
        memcpy(bad, good.ptr, good.len);
        bad[at] ^= 1;
        assert_int_not_equal(rig_take(&rg, PQI_OBJ_ROOT, (pqi_cspan){bad, good.len}), PQI_OK);
        signatures += rg.ev.status == PQI_ERR_AUTH ? 1u : 0u;
    }
    assert_true(signatures > 60);
    free(bad);
    rg.cfg.manifest_mem.len = good.len - 1;
    restart();
    refused(PQI_OBJ_ROOT, good, PQI_ERR_SPACE);
    rg.cfg.manifest_mem.len = 0;
    restart();
    refused(PQI_OBJ_ROOT, good, PQI_ERR_SPACE);
    rg.cfg.manifest_mem.len = good.len;
    restart();
    took(PQI_OBJ_ROOT, good, PQI_CTL_NEW_ROOT);
}

/* Root keys change hands: those before and those after both sign. */
static void both_roots_sign(void **state)
{
    (void)state;
    static uint8_t mem[65536];
    const pqi_key now[2] = {PL_ROOT3, PL_STRANGER};
    const struct {
        pqi_key by[4];
        size_t n;
        pqi_status want;
    } tries[] = {{{PL_ROOT1, PL_ROOT2}, 2, PQI_ERR_AUTH},
        {{PL_ROOT3, PL_STRANGER}, 2, PQI_ERR_AUTH}, {{PL_ROOT1, PL_ROOT3, PL_STRANGER}, 3, PQI_OK},
        {{PL_ROOT1, PL_STRANGER}, 2, PQI_ERR_AUTH},
        {{PL_ROOT1, PL_ROOT2, PL_ROOT3}, 3, PQI_ERR_AUTH},
        {{PL_ROOT1, PL_ROOT2, PL_ROOT3, PL_STRANGER}, 4, PQI_OK}};
    for (size_t i = 0; i < sizeof tries / sizeof tries[0]; i++) {
        pqi_manifest_key keys[3];
        pqi_manifest_spec s = {.root_version = 2, .keys = keys, .n_keys = 3};
        memcpy(s.fleet_id, pl.fleet_id, PQI_FLEET_ID_LEN);
        for (size_t k = 0; k < 3; k++) {
            const seed_key *key = seed_provider_find(&pl.sp, k < 2 ? now[k] : PL_REVOKER);
            keys[k] = (pqi_manifest_key){
                k < 2 ? PQI_ROLE_ROOT : PQI_ROLE_REVOKER, key->alg, {key->pk, key->pk_len}, {0}};
        }
        s.threshold[PQI_ROLE_ROOT] = 2;
        s.threshold[PQI_ROLE_REVOKER] = 1;
        size_t n = 0;
        assert_int_equal(pqi_manifest_build(&pl.algs, &pl.sp.base, &s, tries[i].by, tries[i].n,
                             (pqi_span){mem, sizeof mem}, &n),
            PQI_OK);
        rig_free(&rg);
        rig_init(&rg, &pl);
        assert_int_equal(rig_open(&rg), PQI_OK);
        assert_int_equal(rig_take(&rg, PQI_OBJ_ROOT, (pqi_cspan){mem, n}), tries[i].want);
    }
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_NONE);
}

/* A device that is given a later root than the one it took keeps the later one. */
static void given_a_later_root(void **state)
{
    (void)state;
    start();
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    (void)plane_rotate(&pl);
    rg.cfg.manifest = pl.manifest;
    memcpy(rg.pinned, pl.manifest_hash, PQI_HASH_LEN);
    restart();
    assert_int_equal(rg.c.manifest.root_version, 3);
    assert_int_equal(rig_flags(&rg), 0);
}

/* Entries of the log of an old root stay until the log of the new one is here as a head names it; not a day
 * longer, and not a word of the revoker alone takes them back. */
static void log_over_a_rotation(void **state)
{
    (void)state;
    plane_revoke(&pl, 1, FOR_EVER);
    plane_revoke(&pl, 2, FOR_EVER);
    start();
    rig_sync(&rg);
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    plane_revoke(&pl, 2, FOR_EVER);
    plane_revoke(&pl, 3, FOR_EVER);
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 1, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_true(revoked(1) && revoked(2));
    new_head();
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1), PQI_CTL_NEW_REVOCATIONS);
    assert_true(revoked(1) && revoked(2) && revoked(3));
    assert_int_equal(rig_flags(&rg), 0);
    restart();
    assert_true(revoked(1) && revoked(2) && revoked(3));
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    for (int i = 0; i < 2; i++) {
        assert_false(revoked(1));
        assert_true(revoked(2) && revoked(3));
        refused(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_REPLAY);
        restart();
    }
    /* a rotation with an empty log takes everything back, when the head says so */
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    const pqi_cspan empty = plane_rev(&pl, 0);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, empty), PQI_OK);
    assert_true(revoked(3));
    new_head();
    took(PQI_OBJ_REVOCATIONS, empty, PQI_CTL_NEW_REVOCATIONS);
    assert_false(revoked(3));
    refused(PQI_OBJ_REVOCATIONS, empty, PQI_ERR_REPLAY);
    assert_int_equal(rig_flags(&rg), 0);
}

static void rosters_over_a_rotation(void **state)
{
    (void)state;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
    (void)plane_policy(&pl, 2);
    (void)plane_roster(&pl);
    const pqi_cspan p1 = plane_path(&pl, 1);
    const pqi_leaf l1 = pl.leaves[1];
    start();
    rig_sync(&rg);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK);
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK);
    (void)plane_policy(&pl, 2);
    (void)plane_roster(&pl); /* the same leaves, and number 1 again */
    new_head();
    assert_int_equal(pqi_ctl_member(&rg.c, &l1, p1), PQI_OK); /* the one before, for one head */
    rig_sync(&rg);
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(rg.c.s.before.counts, PQI_CTL_GONE); /* one number is one roster */
    assert_int_equal(rg.c.s.roster.root_version, 2);
}

/* ---- a root without a control plane ------------------------------------------------------------------------------ */

static void without_a_plane(void **state)
{
    (void)state;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_NONE);
    rig_pass(&rg, 1000 * (uint64_t)TICK_MS);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_NONE);
    assert_int_equal(rig_flags(&rg), 0);
    for (uint32_t i = 0; i < 20; i++) {
        plane_revoke(&pl, 100 + i, FOR_EVER);
    }
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 0, 10, 0), PQI_CTL_NEW_REVOCATIONS);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_true(revoked(119));
    refused(PQI_OBJ_HEAD, plane_head(&pl), PQI_ERR_AUTH);
    refused(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_ERR_AUTH);
    refused(PQI_OBJ_ROSTER, plane_roster(&pl), PQI_ERR_AUTH);
    refused(PQI_OBJ_POLICY, plane_policy(&pl, 2), PQI_ERR_AUTH);
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 1;
    uint32_t wait = 0;
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){q, sizeof q}, &n, &wait), PQI_OK);
    assert_int_equal(n, 0);
    assert_int_equal(wait, UINT32_MAX);
    const pqi_now now = {.mono_ms = rg.now.mono_ms, .unix_s = 1234, .control_epoch = 9};
    assert_int_equal(pqi_ctl_now(&rg.c, &now).unix_s, 1234);
    assert_int_equal(pqi_ctl_now(&rg.c, &now).control_epoch, 9);
    /* a lost log is noticed here too */
    fake_nvm_erase(&rg.nvm, "ctl-rev", 0);
    fake_nvm_erase(&rg.nvm, "ctl-rev", 1);
    restart();
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    assert_int_not_equal(
        pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){q, sizeof q}, &n, &wait) == PQI_OK && n != 0, 0);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rig_flags(&rg), 0);
    /* and a rotation begins a new one */
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    assert_true(revoked(119));
    refused(
        PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_ERR_REPLAY); /* the empty one it begins with */
    plane_revoke(&pl, 119, FOR_EVER);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_true(revoked(119));
    assert_false(revoked(100));
}

/* ---- signed time --------------------------------------------------------------------------------------------------- */

static uint64_t wall(uint64_t unix_s)
{
    pqi_now n = rg.now;
    n.unix_s = unix_s;
    return pqi_ctl_now(&rg.c, &n).unix_s;
}

static void time_is_signed_or_waits(void **state)
{
    (void)state;
    const uint64_t t0 = 1770000000, day = 86400;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(wall(5), 5); /* nothing is known: it tightens as far as it goes */
    pl.time_s = t0;
    new_head();
    assert_int_equal(rg.prov.counters[PQI_SLOT_TIME], (1ull << 32) | t0);
    assert_int_equal(wall(0), t0);
    assert_int_equal(wall(t0 - 1), t0);
    assert_int_equal(wall(t0 + day), t0 + day);
    assert_int_equal(wall(t0 + 2 * day), t0 + 2 * day);
    assert_int_equal(wall(t0 + 2 * day + 1), t0);
    rig_pass(&rg, 1000000);
    assert_int_equal(wall(0), t0 + 1000);
    assert_int_equal(wall(t0 + 999), t0 + 1000);
    assert_int_equal(wall(t0 + 1000), t0 + 1000);
    rg.now.unix_s = t0 + 30 * day;
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    assert_int_equal(rg.c.clock_refused, 1);
    rg.now.unix_s = t0 + 2000;
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    assert_int_equal(rg.c.clock_refused, 0);
    rg.now.unix_s = 0;
    /* back: it only rises */
    pl.time_s = t0 - 5;
    new_head();
    assert_int_equal(rg.c.s.time_s, t0);
    assert_int_equal(rg.ev.what & PQI_CTL_TIME_STEP, 0);
    /* an hour of it moves the counter, less does not */
    pl.time_s = t0 + 3599;
    new_head();
    assert_int_equal(rg.prov.counters[PQI_SLOT_TIME], (1ull << 32) | t0);
    pl.time_s = t0 + 3600;
    new_head();
    assert_int_equal(rg.prov.counters[PQI_SLOT_TIME], (1ull << 32) | (t0 + 3600));
    /* a jump waits, and the head is taken all the same */
    const uint64_t t1 = t0 + 3600;
    pl.time_s = t1 + 2 * day + 1;
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD | PQI_CTL_TIME_STEP);
    assert_int_equal(rg.c.s.time_s, t1);
    pl.time_s = 1ull << 32;
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD | PQI_CTL_TIME_STEP);
    pl.time_s = t1 + 2 * day;
    new_head();
    assert_int_equal(rg.ev.what & PQI_CTL_TIME_STEP, 0);
    assert_int_equal(rg.c.s.time_s, t1 + 2 * day);
    /* who asks is told, however far it is */
    pl.time_s = t1 + 400 * day;
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rg.c.s.time_s, t1 + 400 * day);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wall(0), t1 + 400 * day);
        restart();
    }
    /* but not back */
    const uint64_t t2 = t1 + 400 * day;
    pl.time_s = t2 - 1;
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rg.c.s.time_s, t2);
    assert_int_equal(wall(0), t2);
    /* not below the counter, though the record is gone */
    fake_nvm_erase(&rg.nvm, "ctl", 0);
    fake_nvm_erase(&rg.nvm, "ctl", 1);
    restart();
    assert_int_equal(wall(0), t1 + 400 * day);
    assert_int_equal(wall(5), t1 + 400 * day);
}

/* Signed time and uptime go on over a start, and a statement sets it right in both directions. */
static void time_goes_on(void **state)
{
    (void)state;
    const uint64_t t0 = 1770000000;
    assert_int_equal(rig_open(&rg), PQI_OK);
    pl.time_s = t0;
    new_head();
    rig_pass(&rg, 5000000);
    rig_close(&rg);
    rg.now.mono_ms = 0;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(wall(0), t0 + 5000);
    assert_int_equal(rg.c.s.time_s, t0);
    pl.time_s = t0 + 100; /* the uptime ran fast */
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(wall(0), t0 + 100);
    /* a new root heals what a stolen head key said of the time */
    pl.time_s = t0 + 40 * 86400ull;
    rig_close(&rg);
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(wall(0), t0 + 40 * 86400ull);
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    pl.time_s = t0 + 200;
    new_head();
    assert_int_equal(rg.ev.what & PQI_CTL_TIME_STEP, 0);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(wall(0), t0 + 200);
        restart();
    }
}

PQI_TEST_MAIN(TEST(policy_as_the_head_names_it), TEST(old_policy_stays_away),
    TEST(room_for_policies), TEST(ages_by_policy), TEST(rosters_and_paths),
    TEST(roster_needs_two_roles), TEST(roster_that_no_head_names), TEST(log_grows),
    TEST(who_may_revoke), TEST(revoker_is_limited), TEST(one_is_always_allowed),
    TEST(before_any_head), TEST(the_heads_log_wins), TEST(against_the_head), TEST(table_is_full),
    TEST(rotation), TEST(who_may_rotate), TEST(both_roots_sign), TEST(given_a_later_root),
    TEST(log_over_a_rotation), TEST(rosters_over_a_rotation), PLAIN(without_a_plane),
    TEST(time_is_signed_or_waits), TEST(time_goes_on))
