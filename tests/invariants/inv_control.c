/* SPDX-License-Identifier: Apache-2.0
 * Rules of the control plane as a device keeps them, each as an attack: by whoever carries the packets, by
 * whoever has the storage in hand, and by a thief of one key. Real signatures. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#include <pqi/session.h>

#define TICK_MS 3600000u
#define GONE    UINT32_MAX

static plane pl;
static ctl_rig rg;

static int setup(void **state)
{
    (void)state;
    plane_init(&pl, PLANE_REAL);
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

/* Whoever asks the gate: a message of a known peer, the policy's grace aside. */
static pqi_reason gate(pqi_class cls)
{
    const pqi_gate_in in = {.fresh = rig_fresh(&rg),
        .flags = rig_flags(&rg),
        .op = PQI_OP_SEND,
        .cls = cls,
        .known = 1};
    return pqi_gate(&in);
}

static int allowed(pqi_class cls)
{
    return pqi_reason_allows(gate(cls));
}

static void begin(void)
{
    pl.policy.rules.sessions = PQI_SESSIONS_REQUIRE;
    pl.policy.rules.min_level = 1;
    (void)plane_policy(&pl, 2);
    plane_revoke(&pl, 60, GONE);
    (void)plane_roster(&pl);
    (void)plane_head(&pl);
    assert_int_equal(rig_open(&rg), PQI_OK);
    rig_sync(&rg);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(gate(PQI_CLASS_H), PQI_REASON_OK);
}

static void erase(const char *name)
{
    fake_nvm_erase(&rg.nvm, name, 0);
    fake_nvm_erase(&rg.nvm, name, 1);
}

/* INV-60: a policy applies only when policy keys up to their threshold signed it, a head names it, and its
 * number is above what is here and what was. */
static void policy_is_signed_and_newer(void **state)
{
    (void)state;
    begin();
    const pqi_cspan old = pl.policy_bytes;
    pl.policy.rules.min_level = 2;
    const pqi_cspan one_key = plane_policy(&pl, 1);
    assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, one_key), PQI_ERR_MISSING);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, one_key), PQI_ERR_AUTH);
    assert_int_equal(rg.c.policy.seq, 1);
    pl.policy.seq = 1;
    const pqi_cspan two = plane_policy(&pl, 2);
    uint8_t *bad = malloc(two.len);
    assert_non_null(bad);
    for (size_t at = 0; at < two.len; at += 97) {
        memcpy(bad, two.ptr, two.len);
        bad[at] ^= 4;
        assert_int_not_equal(rig_take(&rg, PQI_OBJ_POLICY, (pqi_cspan){bad, two.len}), PQI_OK);
    }
    free(bad);
    took(PQI_OBJ_POLICY, two);
    assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, old), PQI_ERR_REPLAY);
    assert_int_equal(rg.c.policy.seq, 2);
}

/* INV-62 */
static void weak_storage_stops(void **state)
{
    (void)state;
    begin();
    pl.policy.rules.flags |= PQI_POLICY_NO_ROLLBACK;
    (void)plane_policy(&pl, 2);
    (void)plane_head(&pl);
    rig_sync(&rg);
    assert_int_equal(rg.c.policy.seq, 2);
    assert_int_equal(rig_flags(&rg), 0); /* this provider has it */
    rg.prov.ops = fake_ops_keyless;
    rg.prov.ops.caps = 0;
    rg.prov.base.ops = &rg.prov.ops;
    assert_int_equal(rig_flags(&rg), PQI_GATE_STORAGE);
    for (int c = PQI_CLASS_L; c <= PQI_CLASS_H; c++) {
        assert_int_equal(gate((pqi_class)c), PQI_REASON_STORAGE);
    }
    assert_true(allowed(PQI_CLASS_S));
    const pqi_gate_in shake = {
        .fresh = PQI_FRESH_FRESH, .flags = rig_flags(&rg), .op = PQI_OP_HANDSHAKE, .witness = 1};
    assert_int_equal(pqi_gate(&shake), PQI_REASON_STORAGE);
}

/* INV-63, INV-64, INV-100: a policy older than its floor, or gone: closed until the very same update comes
 * again, and open then. */
static void lost_policy_comes_back(void **state)
{
    (void)state;
    begin();
    fake_nvm old;
    fake_nvm_init(&old, NULL);
    fake_nvm_copy(&old, &rg.nvm);
    const pqi_cspan before = plane_head(&pl);
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
    const pqi_cspan two = plane_policy(&pl, 2);
    (void)plane_head(&pl);
    rig_sync(&rg);
    assert_int_equal(rg.c.policy.seq, 2);
    assert_int_equal(rg.c.s.head.head_epoch, 3);
    const pqi_cspan head = pl.head.encoded;
    for (int how = 0; how < 4; how++) {
        rig_close(&rg);
        rg.now.mono_ms = 0;
        if (how == 0) {
            erase("ctl-pol");
        } else if (how == 1) {
            erase("ctl-pol");
            erase("ctl");
        } else {
            fake_nvm_copy(&rg.nvm, &old);
        }
        assert_int_equal(rig_open(&rg), PQI_OK);
        assert_true((rig_flags(&rg) & PQI_GATE_POLICY_GAP) != 0);
        assert_int_equal((rig_flags(&rg) & PQI_GATE_ROLLBACK) != 0, how != 0);
        assert_false(allowed(PQI_CLASS_M) || allowed(PQI_CLASS_H));
        assert_int_equal(rg.c.policy.rules.sessions, PQI_SESSIONS_REQUIRE);
        assert_true((rg.c.policy.rules.flags & PQI_POLICY_ROSTER) != 0);
        if (how != 0) {
            /* below the floor nothing is taken, though it is newer than what is here */
            assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, before), PQI_ERR_REPLAY);
            took(PQI_OBJ_HEAD, head); /* of the floor's number: equal is enough */
        }
        took(PQI_OBJ_POLICY, two);
        rig_sync(&rg);
        assert_int_equal(rig_flags(&rg), 0);
        assert_false(
            allowed(PQI_CLASS_H)); /* how old that is, a start or a lost record does not know */
        assert_int_equal(rig_ask(&rg), PQI_OK);
        assert_true(allowed(PQI_CLASS_H));
        assert_int_equal(rg.c.policy.seq, 2);
    }
    fake_nvm_free(&old);
}

/* INV-65 */
static void revocations_the_policy_asks_for(void **state)
{
    (void)state;
    begin();
    pl.policy.rules.min_rev_seq = 3;
    (void)plane_policy(&pl, 2);
    (void)plane_head(&pl);
    rig_sync(&rg);
    assert_int_equal(rg.c.policy.seq, 2);
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    assert_int_equal(gate(PQI_CLASS_H), PQI_REASON_REV_GAP);
    plane_revoke(&pl, 61, GONE);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1));
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    plane_revoke(&pl, 62, GONE);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 2));
    assert_int_equal(rig_flags(&rg), 0);
    assert_true(allowed(PQI_CLASS_H));
}

/* INV-66: past its time to live, by ticks that were heard or by uptime when they are kept back. */
static void policy_past_its_time(void **state)
{
    (void)state;
    begin();
    took(PQI_OBJ_TICK, plane_tick(&pl, 10));
    pl.policy.rules.ttl_ticks = 20;
    pl.policy.tick_base = 10;
    (void)plane_policy(&pl, 2);
    (void)plane_head(&pl);
    rig_sync(&rg);
    assert_int_equal(rig_flags(&rg), 0);
    took(PQI_OBJ_TICK, plane_tick(&pl, 20));
    assert_int_equal(rg.c.s.newest, 30);
    assert_int_equal(rig_flags(&rg), 0);
    rig_pass(&rg, TICK_MS);
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_OLD);
    assert_int_equal(gate(PQI_CLASS_H), PQI_REASON_POLICY_OLD);
    assert_true(allowed(PQI_CLASS_M) && allowed(PQI_CLASS_L) && allowed(PQI_CLASS_S));
    took(PQI_OBJ_TICK, plane_tick(&pl, 1));
    assert_int_equal(rig_flags(&rg), PQI_GATE_POLICY_OLD);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_true((rig_flags(&rg) & PQI_GATE_POLICY_OLD) != 0);
}

/* INV-68: signed by the revoker, for this fleet and root; nothing is taken back, over a start neither; and one
 * thief of the revoker's key does not end the fleet. */
static void revocations_only_add(void **state)
{
    (void)state;
    begin();
    for (uint32_t i = 0; i < 40; i++) {
        plane_revoke(&pl, 100 + i, GONE);
    }
    assert_int_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 1)), PQI_ERR_LIMIT);
    assert_true((rg.ev.what & PQI_CTL_REV_RATE) != 0);
    assert_false(pqi_ctl_is_revoked(&rg.c, 100, 1));
    took(PQI_OBJ_REVOCATIONS, plane_rev_part(&pl, 1, 41, 1));
    for (uint32_t i = 0; i < 40; i++) {
        assert_true(pqi_ctl_is_revoked(&rg.c, 100 + i, GONE));
    }
    /* another log, of other entries: nothing of ours is forgotten, whatever it is worth */
    pl.n_revoked = 0;
    plane_revoke(&pl, 500, GONE);
    assert_int_not_equal(rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_OK);
    assert_int_equal(rig_restart(&rg), PQI_OK);
    assert_true(pqi_ctl_is_revoked(&rg.c, 60, 1) && pqi_ctl_is_revoked(&rg.c, 139, 1));
}

/* INV-69: the answer to a question is the signed update; nothing is believed before it verifies. */
static void answers_are_verified(void **state)
{
    (void)state;
    begin();
    assert_int_equal(rig_restart(&rg), PQI_OK);
    plane_revoke(&pl, 61, GONE);
    (void)plane_head(&pl);
    uint8_t b[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 0;
    uint32_t wait = 0;
    pqi_ask q;
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){b, sizeof b}, &n, &wait), PQI_OK);
    assert_int_equal(pqi_ask_decode((pqi_cspan){b, n}, &q), PQI_OK);
    assert_int_equal(q.head_epoch, 1);
    const pqi_head h = plane_head_fields(&pl);
    const pqi_statement s = plane_statement_fields(&pl);
    assert_int_equal(
        rig_take(&rg, PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_STRANGER)), PQI_ERR_AUTH);
    took(PQI_OBJ_HEAD, pl.head.encoded);
    assert_int_equal(
        rig_take(&rg, PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_STRANGER)), PQI_ERR_AUTH);
    assert_int_equal(rg.c.s.clock.known, 1);
    took(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_HEAD));
    assert_int_equal(rg.c.s.clock.known, 2);
    assert_int_equal(rig_flags(&rg), PQI_GATE_REV_GAP);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0));
    assert_int_equal(rig_flags(&rg), 0);
}

/* INV-74, INV-105: signed time never goes below its floor, and neither a wall clock nor a thief of the head key
 * moves it far enough to end the fleet's certificates. */
static void time_has_a_floor_and_a_step(void **state)
{
    (void)state;
    const uint64_t t0 = 1770000000, year = 31536000;
    pl.time_s = t0;
    begin();
    pqi_now n = rg.now;
    n.unix_s = t0 + 50 * year;
    assert_int_equal(pqi_ctl_now(&rg.c, &n).unix_s, t0);
    n.unix_s = 1;
    assert_int_equal(pqi_ctl_now(&rg.c, &n).unix_s, t0);
    pl.time_s = t0 + 50 * year; /* a head key was stolen */
    assert_int_equal(rig_take(&rg, PQI_OBJ_HEAD, plane_head(&pl)), PQI_OK);
    assert_true((rg.ev.what & PQI_CTL_TIME_STEP) != 0);
    n.unix_s = t0 + 60;
    assert_int_equal(pqi_ctl_now(&rg.c, &n).unix_s, t0 + 60);
    rig_close(&rg);
    erase("ctl");
    rg.now.mono_ms = 0;
    assert_int_equal(rig_open(&rg), PQI_OK);
    n = (pqi_now){.unix_s = 5};
    assert_int_equal(pqi_ctl_now(&rg.c, &n).unix_s, t0);
    pl.time_s = t0 - 10;
    took(PQI_OBJ_HEAD, plane_head(&pl));
    assert_int_equal(rg.c.s.time_s, t0);
}

/* INV-101, INV-103: whatever is deleted, the device is not as it was before it had a policy; the anchor is
 * there before anything else, and nothing is taken that does not follow from it. */
static void deleting_all_files_closes(void **state)
{
    (void)state;
    static const char *const names[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};
    begin();
    took(PQI_OBJ_ROOT, plane_rotate(&pl));
    for (unsigned which = 1; which < 16; which++) {
        fake_nvm keep;
        fake_nvm_init(&keep, NULL);
        fake_nvm_copy(&keep, &rg.nvm);
        rig_crash(&rg);
        rg.now.mono_ms = 0;
        for (unsigned k = 0; k < 4; k++) {
            if ((which >> k & 1u) != 0) {
                erase(names[k]);
            }
        }
        assert_int_equal(rig_open(&rg), PQI_OK);
        const unsigned f = rig_flags(&rg);
        assert_int_equal((f & PQI_GATE_ROLLBACK) != 0, (which & 9u) != 0);
        assert_int_equal((f & PQI_GATE_REV_GAP) != 0, (which & 2u) != 0);
        assert_int_equal((f & PQI_GATE_POLICY_GAP) != 0, (which & 4u) != 0);
        assert_int_equal(rg.c.policy.rules.sessions, PQI_SESSIONS_REQUIRE);
        assert_true((which & 2u) != 0 || pqi_ctl_is_revoked(&rg.c, 60, 1));
        assert_false(allowed(PQI_CLASS_H));
        if ((which & 8u) != 0) { /* keys of the old root are worth nothing now */
            const pqi_cspan old = pl.first;
            assert_int_equal(rig_take(&rg, PQI_OBJ_ROOT, old), PQI_ERR_REPLAY);
            assert_int_equal(
                rig_take(&rg, PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0)), PQI_ERR_ROLLBACK);
            took(PQI_OBJ_ROOT, pl.manifest);
            assert_int_equal(rg.c.manifest.root_version, 2);
        }
        fake_nvm_copy(&rg.nvm, &keep);
        fake_nvm_free(&keep);
    }
    rg.pinned[0] ^= 1;
    rig_crash(&rg);
    assert_int_equal(rig_open(&rg), PQI_ERR_AUTH);
}

/* INV-102: between the write of a record and its counter, and between any two records. All of it:
 * tests/fault/test_ctl_crash.c. */
static void cut_in_between(void **state)
{
    (void)state;
    begin();
    pl.policy.rules.min_level = 2;
    const pqi_cspan policy = plane_policy(&pl, 2);
    took(PQI_OBJ_HEAD, plane_head(&pl));
    for (uint64_t at = 1; at <= 2; at++) {
        rg.power.ops = 0;
        rg.power.cut_at = at;
        rg.power.mode = CUT_NONE;
        assert_int_equal(rig_take(&rg, PQI_OBJ_POLICY, policy), PQI_ERR_STORAGE);
        assert_int_equal(rg.c.policy.seq, 1);
        assert_int_equal(rig_restart(&rg), PQI_OK);
        assert_int_equal(rg.c.policy.seq, at);
        assert_int_equal((rig_flags(&rg) & PQI_GATE_POLICY_GAP) != 0, at == 1);
    }
    assert_int_equal(rg.prov.counters[PQI_SLOT_POLICY], (1ull << 32) | 2);
}

PQI_TEST_MAIN(TEST(policy_is_signed_and_newer), TEST(weak_storage_stops),
    TEST(lost_policy_comes_back), TEST(revocations_the_policy_asks_for), TEST(policy_past_its_time),
    TEST(revocations_only_add), TEST(answers_are_verified), TEST(time_has_a_floor_and_a_step),
    TEST(deleting_all_files_closes), TEST(cut_in_between))
