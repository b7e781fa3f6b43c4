/* SPDX-License-Identifier: Apache-2.0
 * INV-102, INV-100, INV-101, INV-63, INV-64: power cuts and full disks at every write of every object that a device takes. What
 * is there after a start is the old state or the new one, never a permissive one, and the same update goes on
 * from there. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#include <pqi/session.h>

#define GONE UINT32_MAX

/* What a device takes, after everything before it in the list was taken. */
enum {
    HEAD1,
    REV1,
    POLICY1,
    ROSTER1,
    TICK,
    HEAD2,
    REV2,
    POLICY2,
    ROSTER2,
    ROOT2,
    HEAD3,
    REV3,
    POLICY3,
    STEPS
};

static const struct {
    pqi_object kind;
    const char *name;
} step[STEPS] = {
    {PQI_OBJ_HEAD, "first head"},
    {PQI_OBJ_REVOCATIONS, "log"},
    {PQI_OBJ_POLICY, "policy"},
    {PQI_OBJ_ROSTER, "roster"},
    {PQI_OBJ_TICK, "tick"},
    {PQI_OBJ_HEAD, "next head"},
    {PQI_OBJ_REVOCATIONS, "more of the log"},
    {PQI_OBJ_POLICY, "next policy"},
    {PQI_OBJ_ROSTER, "next roster"},
    {PQI_OBJ_ROOT, "root"},
    {PQI_OBJ_HEAD, "head of the next root"},
    {PQI_OBJ_REVOCATIONS, "log of the next root"},
    {PQI_OBJ_POLICY, "policy of the next root"},
};

static plane pl;
static pqi_cspan object[STEPS];

/* Policies only get stricter here, so "stricter" can be compared. */
static void tighten(uint8_t level)
{
    pl.policy.rules.min_level = level;
    pl.policy.rules.sessions = PQI_SESSIONS_REQUIRE;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
}

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_TOY);
    pl.time_s = 1770000000;
    plane_revoke(&pl, 50, GONE);
    tighten(1);
    object[POLICY1] = plane_policy(&pl, 2);
    object[ROSTER1] = plane_roster(&pl);
    object[HEAD1] = plane_head(&pl);
    object[REV1] = plane_rev(&pl, 0);
    object[TICK] = plane_tick(&pl, 2);
    plane_revoke(&pl, 51, GONE);
    plane_revoke(&pl, 20, 3);
    tighten(2);
    pl.time_s += 7200;
    object[POLICY2] = plane_policy(&pl, 2);
    object[ROSTER2] = plane_roster(&pl);
    object[HEAD2] = plane_head(&pl);
    object[REV2] = plane_rev(&pl, 1);
    object[ROOT2] = plane_rotate(&pl);
    plane_revoke(&pl, 50, GONE);
    plane_revoke(&pl, 51, GONE);
    tighten(3);
    object[POLICY3] = plane_policy(&pl, 2);
    object[HEAD3] = plane_head(&pl);
    object[REV3] = plane_rev(&pl, 0);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    plane_free(&pl);
    return 0;
}

typedef struct view {
    uint32_t root, head_root, head, tick, roster_root, roster, rev_root, rev, n, policy_root,
        policy, none;
    uint64_t time;
} view;

static view look(const ctl_rig *r)
{
    const pqi_ctl *c = &r->c;
    return (view){c->manifest.root_version, c->s.head.root_version, c->s.head.head_epoch, c->s.tick,
        c->s.roster.root_version, c->s.roster.seq, c->rev.root_version, c->rev.seq, c->rev.n,
        c->policy.root_version, c->policy.seq, 0, c->s.time_s};
}

static int same(const view *a, const view *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* As it was; but revocations that could not be stored count already, and only add. */
static int as_before(int i, const ctl_rig *r, const view *old)
{
    view v = look(r);
    if (step[i].kind == PQI_OBJ_REVOCATIONS && i != REV3) {
        if (i == REV1 && !pqi_ctl_is_revoked(&r->c, 50, 1)) {
            return 0;
        }
        if (i == REV2 && !pqi_ctl_is_revoked(&r->c, 51, 1)) {
            return 0;
        }
        v.n = old->n;
    }
    return same(&v, old);
}

/* A device that took the first `n` steps. */
static void reach(ctl_rig *r, int n)
{
    rig_init_first(r, &pl);
    assert_int_equal(rig_open(r), PQI_OK);
    for (int i = 0; i < n; i++) {
        rig_pass(r, 700000); /* so that every tick is stored at once */
        if (rig_take(r, step[i].kind, object[i]) != PQI_OK) {
            fail_msg("%s: %s", step[i].name, pqi_status_name(r->ev.status));
        }
    }
    rig_pass(r, 700000);
}

static ctl_rig rg;

/* What was taken is in force or the gates are closed: never as if it had not been. */
static void never_permissive(const ctl_rig *r, const view *old, const char *what)
{
    const view v = look(r);
    const unsigned f = rig_flags(r);
    if (pqi_ctl_is_revoked(&r->c, 50, 1) == 0 && old->n >= 1 && (f & PQI_GATE_REV_GAP) == 0) {
        fail_msg("%s: not revoked any more", what);
    }
    if (pqi_ctl_is_revoked(&r->c, 51, 1) == 0 && old->n >= 2 && (f & PQI_GATE_REV_GAP) == 0) {
        fail_msg("%s: not revoked any more", what);
    }
    const pqi_policy_rules *u = &r->c.policy.rules;
    const int strict = u->sessions == PQI_SESSIONS_REQUIRE && (u->flags & PQI_POLICY_ROSTER) != 0;
    if (old->policy != 0 &&
        (!strict || (v.policy < old->policy && v.policy_root == old->policy_root &&
                        (f & PQI_GATE_POLICY_GAP) == 0))) {
        fail_msg("%s: a policy was lost and nothing says so", what);
    }
    if ((v.head < old->head || v.roster < old->roster) && v.head_root == old->head_root &&
        v.roster_root == old->roster_root && (f & PQI_GATE_ROLLBACK) == 0) {
        fail_msg("%s: an older head and nothing says so", what);
    }
    if (v.root < old->root && (f & PQI_GATE_ROLLBACK) == 0) {
        fail_msg("%s: an older root and nothing says so", what);
    }
    if (r->c.s.time_root == old->root && v.time + 3600 < old->time) {
        fail_msg("%s: signed time went back", what);
    }
    assert_int_equal(rig_fresh(r), PQI_FRESH_UNKNOWN);
}

static unsigned starts, stored;

/* One failure, at durable operation `at` of step `i`; 0: there are no more operations. */
static int one_failure(int i, uint64_t at, cut_mode mode, int power_stays)
{
    char what[128];
    reach(&rg, i);
    const view old = look(&rg);
    rg.power.ops = 0;
    rg.power.cut_at = at;
    rg.power.mode = mode;
    rg.power.one_shot = power_stays;
    const pqi_status st = rig_take(&rg, step[i].kind, object[i]);
    (void)snprintf(what, sizeof what, "%s, write %u, cut %d, power %s", step[i].name, (unsigned)at,
        (int)mode, power_stays ? "stays" : "goes");
    if (rg.power.ops < at) {
        assert_int_equal(st, PQI_OK);
        rig_free(&rg);
        return 0;
    }
    if (st != PQI_ERR_STORAGE || !as_before(i, &rg, &old)) {
        fail_msg("%s: %s, and something changed", what, pqi_status_name(st));
    }
    if (power_stays) { /* the disk is free again: the same object is taken */
        rg.power.cut_at = 0;
        if (rig_take(&rg, step[i].kind, object[i]) != PQI_OK) {
            fail_msg("%s: not taken when it came again: %s", what, pqi_status_name(rg.ev.status));
        }
        const view later = look(&rg);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        const view again = look(&rg);
        if (!same(&later, &again)) {
            fail_msg("%s: taken, and not there after a start", what);
        }
    } else {
        if (rig_restart(&rg) != PQI_OK) {
            fail_msg("%s: does not start again", what);
        }
        starts++;
        const view then = look(&rg);
        ctl_rig *good = calloc(1, sizeof *good);
        assert_non_null(good);
        reach(good, i + 1);
        const view new = look(good);
        rig_free(good);
        free(good);
        if (!same(&then, &old) && !same(&then, &new)) {
            fail_msg("%s: neither old nor new", what);
        }
        stored += same(&then, &new) ? 1u : 0u;
        never_permissive(&rg, &old, what);
        if (!same(&then, &new) && rig_take(&rg, step[i].kind, object[i]) != PQI_OK) {
            fail_msg("%s: the same update does not go on: %s", what, pqi_status_name(rg.ev.status));
        }
        const view end = look(&rg);
        if (!same(&end, &new) || (rig_flags(&rg) & PQI_GATE_ROLLBACK) != 0) {
            fail_msg("%s: not where it should be", what);
        }
    }
    /* and everything after it */
    for (int k = i + 1; k < STEPS; k++) {
        rig_pass(&rg, 700000);
        if (rig_take(&rg, step[k].kind, object[k]) != PQI_OK) {
            fail_msg("%s: then %s: %s", what, step[k].name, pqi_status_name(rg.ev.status));
        }
    }
    assert_int_equal(rig_flags(&rg), 0);
    rig_free(&rg);
    return 1;
}

static void a_failure_at_every_write(void **state)
{
    (void)state;
    unsigned n = 0;
    for (int i = 0; i < STEPS; i++) {
        uint64_t at = 1;
        for (; one_failure(i, at, CUT_NONE, 0); at++) {
            for (int mode = CUT_NONE; mode < CUT_MODES_; mode++) {
                assert_true(one_failure(i, at, (cut_mode)mode, 0));
                assert_true(one_failure(i, at, (cut_mode)mode, 1));
                n += 2;
            }
        }
        if (at < 2) {
            fail_msg("%s was not stored", step[i].name);
        }
    }
    print_message("# %u failures, %u starts, %u of them with the new state\n", n, starts, stored);
    assert_true(n > 80 && stored > 20 && stored < starts);
}

/* The counter moved and said that it failed; then the old state is written over the new record: the floor
 * tells, and the same update heals it. */
static void the_counter_is_ahead(void **state)
{
    (void)state;
    reach(&rg, HEAD2);
    rg.power.ops = 0;
    rg.power.cut_at = 2;
    rg.power.mode = CUT_COMPLETE;
    rg.power.one_shot = 1;
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, object[HEAD2]), PQI_ERR_STORAGE);
    rig_close(&rg);
    rg.now.mono_ms = 0;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rg.c.s.head.head_epoch, 1);
    assert_int_equal(rig_flags(&rg), PQI_GATE_ROLLBACK);
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, object[HEAD1]), PQI_ERR_REPLAY);
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, object[HEAD2]), PQI_OK);
    assert_int_equal(rig_flags(&rg) & PQI_GATE_ROLLBACK, 0);
    rig_free(&rg);
}

/* A write fails, and the power goes in the next one: that goes into the same slot, so the old record is there. */
static void two_failures(void **state)
{
    (void)state;
    for (int i = HEAD2; i < STEPS; i++) {
        reach(&rg, i);
        const view old = look(&rg);
        for (int k = 0; k < 3; k++) {
            rg.power = (test_power){.cut_at = 1, .mode = (cut_mode)k, .one_shot = 1};
            assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_ERR_STORAGE);
        }
        rg.power = (test_power){.cut_at = 1, .mode = CUT_TORN};
        assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_ERR_STORAGE);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        const view v = look(&rg);
        if (!same(&v, &old)) {
            fail_msg("%s: the record before it is gone", step[i].name);
        }
        assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_OK);
        rig_free(&rg);
    }
}

/* The power goes between a record and its counter; the start moves that, so an old copy is noticed. */
static void healed_counters_count(void **state)
{
    (void)state;
    static const int at[] = {HEAD2, REV2, POLICY2, ROSTER2, ROOT2};
    for (size_t k = 0; k < sizeof at / sizeof at[0]; k++) {
        const int i = at[k];
        fake_nvm old;
        fake_nvm_init(&old, NULL);
        reach(&rg, i);
        fake_nvm_copy(&old, &rg.nvm);
        rg.power = (test_power){.cut_at = 2, .mode = CUT_NONE};
        assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_ERR_STORAGE);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        assert_int_equal(
            rig_flags(&rg) & (PQI_GATE_ROLLBACK | (i == REV2 ? PQI_GATE_REV_GAP : 0)), 0);
        rig_crash(&rg);
        fake_nvm_copy(&rg.nvm, &old);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        const unsigned want = i == REV2      ? PQI_GATE_REV_GAP
                              : i == POLICY2 ? PQI_GATE_POLICY_GAP
                                             : PQI_GATE_ROLLBACK;
        if ((rig_flags(&rg) & want) == 0) {
            fail_msg("%s: an old copy, and nothing says so", step[i].name);
        }
        assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_OK);
        assert_int_equal(rig_flags(&rg) & want, 0);
        fake_nvm_free(&old);
        rig_free(&rg);
    }
}

/* Old copies of the records, each alone and all together, at every point, and records that are gone. */
static void old_records(void **state)
{
    (void)state;
    static const char *const names[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};
    static ctl_rig old;
    for (int was = 0; was < STEPS; was++) {
        reach(&old, was);
        rig_crash(&old);
        for (int i = was + 1; i <= STEPS; i++) {
            for (unsigned which = 1; which < 16; which++) {
                reach(&rg, i);
                const view before = look(&rg);
                rig_crash(&rg);
                for (unsigned k = 0; k < 4; k++) {
                    if ((which >> k & 1u) == 0) {
                        continue;
                    }
                    for (unsigned slot = 0; slot < 2; slot++) {
                        fake_nvm_erase(&rg.nvm, names[k], slot);
                        fake_slot *s = fake_nvm_find(&old.nvm, names[k]);
                        if (s != NULL && s->bytes[slot] != NULL) {
                            assert_int_equal(rg.nvm.nvm.write(rg.nvm.nvm.ctx, names[k], slot,
                                                 (pqi_cspan){s->bytes[slot], s->len[slot]}),
                                PQI_OK);
                        }
                    }
                }
                char what[96];
                (void)snprintf(what, sizeof what, "%d steps, records %x as of %d", i, which, was);
                rg.now.mono_ms = 0;
                if (rig_open(&rg) != PQI_OK) {
                    fail_msg("%s: does not start", what);
                }
                never_permissive(&rg, &before, what);
                /* what is published now heals it: the newest objects alone */
                if (i == STEPS) {
                    rig_sync(&rg);
                    (void)rig_take(&rg, PQI_OBJ_ROSTER, object[ROSTER2]);
                    const view end = look(&rg);
                    if (rig_flags(&rg) != 0 || end.policy != 1 || end.policy_root != 2 ||
                        end.head_root != 2 || end.rev != 2) {
                        fail_msg("%s: not healed, flags %x", what, rig_flags(&rg));
                    }
                }
                rig_free(&rg);
            }
        }
        rig_free(&old);
    }
}

/* A disk that stays full: nothing is taken, nothing is lost, and nothing breaks. */
static void disk_stays_full(void **state)
{
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        reach(&rg, i);
        rg.nvm.room = 8;
        const view old = look(&rg);
        const unsigned flags = rig_flags(&rg);
        for (int k = 0; k < 5; k++) {
            assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_ERR_STORAGE);
        }
        rig_pass(&rg, 3600000);
        assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_ERR_STORAGE);
        assert_true(as_before(i, &rg, &old));
        assert_int_equal(rig_flags(&rg), flags);
        rg.nvm.room = 0;
        assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_OK);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        rig_free(&rg);
    }
}

/* Every call into the provider fails once. */
static void provider_fails(void **state)
{
    (void)state;
    for (int i = 0; i < STEPS; i++) {
        for (uint64_t at = 1;; at++) {
            reach(&rg, i);
            const view old = look(&rg);
            rg.prov.fail_at = rg.prov.calls + at;
            rg.prov.fail_with = at % 2 != 0 ? PQI_AGAIN : PQI_ERR_PROVIDER;
            pqi_status st = rig_take(&rg, step[i].kind, object[i]);
            const int over = rg.prov.calls < rg.prov.fail_at;
            const int kept = as_before(i, &rg, &old);
            rg.prov.fail_at = 0;
            if (over) {
                assert_int_equal(st, PQI_OK);
                rig_free(&rg);
                break;
            }
            assert_int_equal(st, PQI_ERR_STORAGE);
            assert_true(kept);
            assert_int_equal(rig_take(&rg, step[i].kind, object[i]), PQI_OK);
            rig_free(&rg);
        }
    }
    /* and at the start: it opens or it says so, and opens the next time */
    for (uint64_t at = 1;; at++) {
        reach(&rg, STEPS);
        const view old = look(&rg);
        rig_crash(&rg);
        rg.prov.fail_at = rg.prov.calls + at;
        pqi_status st = rig_open(&rg);
        const int over = rg.prov.calls < rg.prov.fail_at;
        if (over) {
            assert_int_equal(st, PQI_OK);
            rig_free(&rg);
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        rg.prov.fail_at = 0;
        assert_int_equal(rig_open(&rg), PQI_OK);
        const view v = look(&rg);
        assert_true(same(&old, &v));
        rig_free(&rg);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_failure_at_every_write),
        cmocka_unit_test(the_counter_is_ahead), cmocka_unit_test(two_failures),
        cmocka_unit_test(healed_counters_count), cmocka_unit_test(old_records),
        cmocka_unit_test(disk_stays_full), cmocka_unit_test(provider_fails)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, teardown);
}
