/* SPDX-License-Identifier: Apache-2.0
 * A device's control state: opening, heads, ticks, time, questions. docs/spec/control.md sections 3 to 5. */
#include "pqi_test.h"
#include "support/ctl_fixture.h"

#define TICK_MS 3600000u

static plane pl;
static ctl_rig rg, rg2;

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

/* ---- opening ---------------------------------------------------------------------------------------- */

static void opens_on_its_anchor_alone(void **state)
{
    (void)state;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
    assert_int_equal(rig_flags(&rg), 0);
    assert_int_equal(rg.c.policy.rules.tick_s, 3600);
    rig_close(&rg);
    assert_int_equal(rg.c.open, 0);
    rg.pinned[3] ^= 1;
    assert_int_equal(rig_open(&rg), PQI_ERR_AUTH);
    rg.pinned[3] ^= 1;
    rg.cfg.manifest.len--;
    assert_int_equal(rig_open(&rg), PQI_ERR_AUTH);
    rg.cfg.manifest.len++;
    rg.prov.fail_at = rg.prov.calls + 1;
    assert_int_equal(rig_open(&rg), PQI_ERR_PROVIDER);
    assert_int_equal(rig_open(&rg), PQI_OK);
}

static void arguments(void **state)
{
    (void)state;
    const size_t len =
        pqi_ctl_tmp_len(rg.cfg.algs, RIG_REVOKED, rg.cfg.manifest_mem.len, rg.cfg.policy_mem.len);
    pqi_ctl_cfg g = rg.cfg;
    g.tmp.len = len;
    assert_int_equal(pqi_ctl_open(&rg.c, &g, &rg.now), PQI_OK);
    g.tmp.len = len - 1;
    assert_int_equal(pqi_ctl_open(&rg.c, &g, &rg.now), PQI_ERR_SPACE);
    g.tmp.len = len + 8;
    g.tmp.ptr++;
    assert_int_equal(pqi_ctl_open(&rg.c, &g, &rg.now), PQI_ERR_ARG);
    assert_int_equal(pqi_ctl_open(NULL, &rg.cfg, &rg.now), PQI_ERR_ARG);
    assert_int_equal(pqi_ctl_open(&rg.c, NULL, &rg.now), PQI_ERR_ARG);
    assert_int_equal(pqi_ctl_open(&rg.c, &rg.cfg, NULL), PQI_ERR_ARG);
    g = rg.cfg;
    g.id.len = 0;
    assert_int_equal(pqi_ctl_open(&rg.c, &g, &rg.now), PQI_ERR_ARG);
    g = rg.cfg;
    g.revoked_max = 0;
    assert_int_equal(pqi_ctl_open(&rg.c, &g, &rg.now), PQI_ERR_ARG);
    /* closed: everything is wrong, and nothing is taken */
    const pqi_leaf leaf = {0};
    const pqi_cspan none = {NULL, 0};
    pqi_ctl_event ev;
    size_t n;
    uint32_t wait;
    uint8_t word[PQI_WITNESS_LEN] = {0};
    memset(&rg.c, 0, sizeof rg.c);
    assert_int_equal(pqi_ctl_fresh(&rg.c, &rg.now, none), PQI_FRESH_UNKNOWN);
    assert_true((rig_flags(&rg) & PQI_GATE_SELF_REVOKED) != 0);
    assert_true((rig_flags(&rg) & PQI_GATE_STORAGE) != 0);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), UINT32_MAX);
    assert_int_equal(pqi_ctl_is_revoked(&rg.c, 1, 1), 1);
    assert_int_equal(pqi_ctl_member(&rg.c, &leaf, none), PQI_ERR_AUTH);
    assert_int_equal(pqi_ctl_roster_counts(&rg.c, 1), 0);
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_ERR_STATE);
    assert_int_equal(pqi_ctl_peek(&rg.c, &rg.now, PQI_OBJ_HEAD, pl.manifest), PQI_ERR_DECODE);
    assert_int_equal(
        pqi_ctl_receive(&rg.c, &rg.now, PQI_OBJ_ROOT, pl.manifest, &ev), PQI_ERR_STATE);
    assert_int_equal(
        pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){word, sizeof word}, &n, &wait), PQI_ERR_STATE);
    assert_int_equal(
        pqi_ctl_witness(&rg.c, &rg.now, (pqi_cspan){word, sizeof word}, &ev), PQI_ERR_STATE);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, word, word), PQI_ERR_STATE);
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(pqi_ctl_receive(&rg.c, &rg.now, PQI_OBJ_NONE, pl.manifest, &ev), PQI_ERR_ARG);
    assert_int_equal(
        pqi_ctl_receive(&rg.c, &rg.now, PQI_OBJ_COUNT_, pl.manifest, &ev), PQI_ERR_ARG);
    refused(PQI_OBJ_HEAD, none, PQI_ERR_DECODE);
    for (int k = PQI_OBJ_ROOT; k < PQI_OBJ_COUNT_; k++) {
        refused((pqi_object)k, (pqi_cspan){PQI_LIT("\x01\x02\x03")}, PQI_ERR_DECODE);
        assert_int_equal(rg.c.refused[k], k == PQI_OBJ_HEAD ? 2 : 1);
    }
}

/* ---- how fresh ---------------------------------------------------------------------------------------- */

static void ages(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 0);
    const struct {
        uint64_t ticks;
        pqi_fresh until, then;
    } steps[] = {{4, PQI_FRESH_FRESH, PQI_FRESH_AGED}, {48, PQI_FRESH_AGED, PQI_FRESH_STALE},
        {720, PQI_FRESH_STALE, PQI_FRESH_EXPIRED}};
    for (size_t i = 0; i < 3; i++) {
        rg.now.mono_ms = steps[i].ticks * TICK_MS;
        assert_int_equal(rig_fresh(&rg), steps[i].until);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), steps[i].ticks);
        rg.now.mono_ms++;
        assert_int_equal(rig_fresh(&rg), steps[i].then);
    }
    rg.now.mono_ms = UINT64_MAX;
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_EXPIRED);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), UINT32_MAX);
}

static void ticks_keep_fresh(void **state)
{
    (void)state;
    start();
    for (int i = 0; i < 100; i++) {
        rig_pass(&rg, TICK_MS);
        took(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_CTL_NEW_TICK);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 0);
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    }
    refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 100), PQI_ERR_REPLAY);
    refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 3), PQI_ERR_REPLAY);
    /* several at once: a device that slept */
    rig_pass(&rg, 10 * (uint64_t)TICK_MS);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    took(PQI_OBJ_TICK, plane_tick(&pl, 10), PQI_CTL_NEW_TICK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(rg.c.s.newest, 110);
}

/* A broker that lets one tick through every four hours: each is newer than the last one, and the fleet runs
 * ahead all the same. */
static void slow_release_ages(void **state)
{
    (void)state;
    start();
    uint32_t i = 0;
    for (uint64_t hour = 1; hour <= 160; hour++) {
        rig_pass(&rg, TICK_MS);
        if (hour % 4 == 0) {
            i++;
            took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, i), PQI_CTL_NEW_TICK);
        }
        const uint64_t behind = hour - i;
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), behind);
        assert_int_equal(rig_fresh(&rg) == PQI_FRESH_FRESH, behind <= 4);
        assert_int_equal(rig_fresh(&rg) == PQI_FRESH_STALE, behind > 48);
    }
    /* it lets go: all of them arrive, and the device is fresh again */
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 160), PQI_CTL_NEW_TICK);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 0);
}

/* The same with heads: a new head says no more than its tick number does. */
static void slow_heads_age(void **state)
{
    (void)state;
    pl.tick_count = 8;
    pqi_cspan heads[20];
    for (int i = 0; i < 20; i++) {
        heads[i] = plane_head(&pl);
        (void)plane_tick(&pl, 4);
    }
    assert_int_equal(rig_open(&rg), PQI_OK);
    for (int i = 0; i < 20; i++) { /* four hours of the fleet every eight hours */
        took(PQI_OBJ_HEAD, heads[i], PQI_CTL_NEW_HEAD);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 4 * i);
        rig_pass(&rg, 8 * (uint64_t)TICK_MS);
    }
}

static void uptime_never_makes_younger(void **state)
{
    (void)state;
    start();
    rig_pass(&rg, 10 * (uint64_t)TICK_MS);
    assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    rg.now.mono_ms = 0; /* goes back */
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 10);
    assert_int_equal(pqi_ctl_grace(&rg.c, &rg.now), 0);
    rg.now.mono_ms = 11 * (uint64_t)TICK_MS;
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 11);
    rg.now.mono_ms = 5;
    took(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_CTL_NEW_TICK);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 9); /* 10 seen, one newer */
}

/* ---- after a start ---------------------------------------------------------------------------------------- */

static void unknown_after_every_start(void **state)
{
    (void)state;
    start();
    took(PQI_OBJ_TICK, plane_tick(&pl, 2), PQI_CTL_NEW_TICK);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    for (int clean = 0; clean < 2; clean++) {
        if (clean) {
            rig_close(&rg);
            rg.now.mono_ms = 0;
            assert_int_equal(rig_open(&rg), PQI_OK);
        } else {
            restart();
        }
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
        assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), UINT32_MAX);
        assert_int_equal(rg.c.s.head.head_epoch, 1);
        assert_int_equal(rg.c.s.tick, 2);
        /* what it had is no news */
        refused(PQI_OBJ_HEAD, pl.head.encoded, PQI_ERR_REPLAY);
        refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 2), PQI_ERR_REPLAY);
        refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 1), PQI_ERR_REPLAY);
        assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
    }
    took(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_CTL_NEW_TICK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(rg.c.s.clock.known, 1);
    /* the first tick of a start is stored: the next start cannot be told the same one */
    restart();
    refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 3), PQI_ERR_REPLAY);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
}

static void least_age_is_stored(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_ask(&rg), PQI_OK);
    uint64_t writes = rg.nvm.writes;
    for (int m = 0; m < 10 * 60; m++) { /* polled every minute for ten hours */
        rig_pass(&rg, 60000);
        assert_int_equal(pqi_ctl_tick(&rg.c, &rg.now), PQI_OK);
    }
    assert_int_equal(rg.nvm.writes - writes, 10);
    rig_pass(&rg, TICK_MS - 1);
    restart();
    /* a newer tick makes it known, and takes one tick of the ten off */
    took(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_CTL_NEW_TICK);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 9);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    /* starting over and over does not make it younger */
    for (int i = 0; i < 30; i++) {
        rig_pass(&rg, TICK_MS / 2);
        rig_close(&rg);
        rg.now.mono_ms = 0;
        assert_int_equal(rig_open(&rg), PQI_OK);
    }
    took(PQI_OBJ_TICK, plane_tick(&pl, 1), PQI_CTL_NEW_TICK);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 9 + 15 - 1);
}

static void statement_tells_the_time(void **state)
{
    (void)state;
    start();
    (void)plane_tick(&pl, 50);
    rig_close(&rg);
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rg.ev.what & PQI_CTL_NEW_TIME, PQI_CTL_NEW_TIME);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(rg.c.s.newest, 50);
    assert_int_equal(rg.c.s.tick, 0); /* no preimage came with it */
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 40), PQI_CTL_NEW_TICK);
    assert_int_equal(rg.c.s.newest, 50);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 0);
}

/* An answer is as old as the question. */
static void late_statement(void **state)
{
    (void)state;
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n;
    uint32_t wait;
    start();
    restart();
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){q, sizeof q}, &n, &wait), PQI_OK);
    const pqi_cspan a = plane_answer(&pl, (pqi_cspan){q, n});
    rig_pass(&rg, 6 * (uint64_t)TICK_MS);
    took(PQI_OBJ_STATEMENT, a, PQI_CTL_NEW_TIME);
    assert_int_equal(pqi_ctl_age(&rg.c, &rg.now), 6);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    refused(PQI_OBJ_STATEMENT, a, PQI_ERR_REPLAY); /* its nonce was used up */
}

static void foreign_statements(void **state)
{
    (void)state;
    uint8_t b[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n;
    uint32_t wait;
    pqi_ask q;
    start();
    (void)plane_tick(&pl, 5);
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 3), PQI_CTL_NEW_TICK);
    pqi_ask none = {.id = {PQI_LIT("pump-1")}};
    const pqi_statement good = plane_statement_fields(&pl);
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &none, &good, PL_HEAD), PQI_ERR_REPLAY);
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){b, sizeof b}, &n, &wait), PQI_OK);
    assert_int_equal(pqi_ask_decode((pqi_cspan){b, n}, &q), PQI_OK);
    assert_int_equal(q.want, PQI_ASK_STATEMENT);
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &none, &good, PL_HEAD), PQI_ERR_AUTH);
    pqi_ask other = q;
    other.kid[0] ^= 1;
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &other, &good, PL_HEAD), PQI_ERR_AUTH);
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &good, PL_STRANGER), PQI_ERR_AUTH);
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &good, PL_ISSUER), PQI_ERR_AUTH);
    pqi_statement s = good;
    s.root_version = 2;
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_HEAD), PQI_ERR_AUTH);
    s = good;
    s.head_epoch = 2;
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_HEAD), PQI_ERR_MISSING);
    s = good;
    s.tick = 2; /* older than what was heard */
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_HEAD), PQI_ERR_REPLAY);
    s.tick = PLANE_TICKS + 1;
    refused(PQI_OBJ_STATEMENT, plane_answer_of(&pl, &q, &s, PL_HEAD), PQI_ERR_AUTH);
    /* a path of another tree that leads to the same root */
    const pqi_cspan a = plane_answer_of(&pl, &q, &good, PL_HEAD);
    uint8_t *bent = malloc(a.len);
    assert_non_null(bent);
    memcpy(bent, a.ptr, a.len);
    uint8_t *size = bent + 2 + ((size_t)a.ptr[0] << 8 | a.ptr[1]) + 4;
    assert_int_equal(size[3], 3);
    size[3] = 4;
    refused(PQI_OBJ_STATEMENT, (pqi_cspan){bent, a.len}, PQI_ERR_AUTH);
    free(bent);
    took(PQI_OBJ_STATEMENT, a, PQI_CTL_NEW_TIME);
    assert_int_equal(rg.c.s.clock.known, 2);
}

/* ---- witnesses ---------------------------------------------------------------------------------------------- */

static void ask_nonce(ctl_rig *r, uint8_t nonce[PQI_NONCE_LEN])
{
    uint8_t b[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n;
    uint32_t wait;
    pqi_ask q;
    assert_int_equal(pqi_ctl_ask(&r->c, &r->now, (pqi_span){b, sizeof b}, &n, &wait), PQI_OK);
    assert_int_not_equal(n, 0);
    assert_int_equal(pqi_ask_decode((pqi_cspan){b, n}, &q), PQI_OK);
    assert_true((q.want & PQI_ASK_STATEMENT) != 0);
    memcpy(nonce, q.nonce, PQI_NONCE_LEN);
    assert_memory_equal(nonce, r->c.nonce, PQI_NONCE_LEN);
}

static pqi_status word(ctl_rig *from, ctl_rig *to)
{
    uint8_t nonce[PQI_NONCE_LEN], w[PQI_WITNESS_LEN];
    ask_nonce(to, nonce);
    assert_int_equal(pqi_ctl_testify(&from->c, &from->now, nonce, w), PQI_OK);
    return pqi_ctl_witness(&to->c, &to->now, (pqi_cspan){w, sizeof w}, &to->ev);
}

static void witness_tells_the_time(void **state)
{
    (void)state;
    start();
    rig_init(&rg2, &pl);
    assert_int_equal(rig_open(&rg2), PQI_OK);
    rig_sync(&rg2);
    took(PQI_OBJ_TICK, plane_tick(&pl, 3), PQI_CTL_NEW_TICK);
    uint8_t nonce[PQI_NONCE_LEN] = {1}, w[PQI_WITNESS_LEN];
    /* nobody vouched for the witness itself: it does not testify */
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_ERR_STATE);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_OK);
    assert_int_equal(rig_restart(&rg2), PQI_OK);
    const pqi_cspan in = {w, sizeof w};
    assert_int_equal(pqi_ctl_witness(&rg2.c, &rg2.now, in, &rg2.ev), PQI_ERR_REPLAY);
    ask_nonce(&rg2, nonce);
    assert_int_equal(pqi_ctl_witness(&rg2.c, &rg2.now, in, &rg2.ev), PQI_ERR_REPLAY);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_OK);
    for (size_t at = 0; at < sizeof w; at++) { /* every byte of it counts, but how old it is */
        w[at] ^= 0x40;
        pqi_status st = pqi_ctl_witness(&rg2.c, &rg2.now, in, &rg2.ev);
        w[at] ^= 0x40;
        assert_int_not_equal(st, at < sizeof w - 1 ? PQI_OK : PQI_ERR_DECODE);
        if (st == PQI_OK) {
            break;
        }
    }
    assert_int_equal(rig_fresh(&rg2), PQI_FRESH_FRESH);
    assert_int_equal(rg2.c.s.tick, 3);
    assert_int_equal(rg2.c.s.clock.known, 2);
    assert_int_equal(pqi_ctl_witness(&rg2.c, &rg2.now, in, &rg2.ev), PQI_ERR_REPLAY);
    assert_int_equal(
        pqi_ctl_witness(&rg2.c, &rg2.now, (pqi_cspan){w, sizeof w - 1}, &rg2.ev), PQI_ERR_DECODE);
    rig_free(&rg2);
}

/* Two witnesses behind a broker that keeps everything back: asking each other does not keep them fresh. */
static void witnesses_age_together(void **state)
{
    (void)state;
    start();
    assert_int_equal(rig_ask(&rg), PQI_OK);
    rig_init(&rg2, &pl);
    assert_int_equal(rig_open(&rg2), PQI_OK);
    rig_sync(&rg2);
    assert_int_equal(rig_ask(&rg2), PQI_OK);
    int alive = 1;
    for (int hour = 1; hour <= 24; hour++) {
        rig_pass(&rg, TICK_MS);
        rig_pass(&rg2, TICK_MS);
        uint8_t w[PQI_WITNESS_LEN];
        const uint8_t any[PQI_NONCE_LEN] = {0};
        alive = pqi_ctl_testify(&rg.c, &rg.now, any, w) == PQI_OK;
        assert_int_equal(alive, hour <= 4);
        if (!alive) {
            continue;
        }
        /* each starts anew and asks the other one */
        assert_int_equal(rig_restart(&rg2), PQI_OK);
        assert_int_equal(word(&rg, &rg2), PQI_OK);
        assert_int_equal(pqi_ctl_age(&rg2.c, &rg2.now), hour);
    }
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    assert_int_equal(rig_fresh(&rg2), PQI_FRESH_AGED);
    rig_free(&rg2);
}

static void who_does_not_testify(void **state)
{
    (void)state;
    uint8_t w[PQI_WITNESS_LEN];
    const uint8_t nonce[PQI_NONCE_LEN] = {0};
    start();
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_OK);
    /* told of a newer tick than it can show */
    (void)plane_tick(&pl, 6);
    rig_pass(&rg, 5 * (uint64_t)TICK_MS);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_FRESH);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_ERR_STATE);
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 6), PQI_CTL_NEW_TICK);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_OK);
    /* revoked itself */
    plane_revoke(&pl, pl.leaves[0].roster_index, UINT32_MAX);
    took(PQI_OBJ_REVOCATIONS, plane_rev(&pl, 0), PQI_CTL_NEW_REVOCATIONS);
    assert_int_equal(rig_flags(&rg), PQI_GATE_SELF_REVOKED);
    assert_int_equal(pqi_ctl_testify(&rg.c, &rg.now, nonce, w), PQI_ERR_STATE);
}

/* ---- heads ------------------------------------------------------------------------------------------------------- */

static void heads_in_order(void **state)
{
    (void)state;
    pqi_cspan h[5];
    start();
    for (int i = 0; i < 5; i++) {
        h[i] = plane_head(&pl);
    }
    took(PQI_OBJ_HEAD, h[0], PQI_CTL_NEW_HEAD);
    took(PQI_OBJ_HEAD, h[4], PQI_CTL_NEW_HEAD); /* four were missed */
    refused(PQI_OBJ_HEAD, h[4], PQI_ERR_REPLAY);
    refused(PQI_OBJ_HEAD, h[2], PQI_ERR_REPLAY);
    assert_int_equal(rg.c.s.head.head_epoch, 6);
    assert_int_equal(rig_flags(&rg), 0);
    const pqi_now n = pqi_ctl_now(&rg.c, &rg.now);
    assert_int_equal(n.control_epoch, 6);
    assert_int_equal(rg.prov.counters[PQI_SLOT_HEAD], (1ull << 32) | 6);
    restart();
    assert_int_equal(rg.c.s.head.head_epoch, 6);
    assert_memory_equal(rg.c.s.head.hash, pl.head.hash, PQI_HASH_LEN);
}

static void who_may_sign_heads(void **state)
{
    (void)state;
    start();
    const pqi_head h = plane_head_fields(&pl);
    for (pqi_key k = PL_ROOT1; k < PL_KEYS_END; k++) {
        if (k != PL_HEAD) {
            refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, k), PQI_ERR_AUTH);
        }
    }
    pqi_head x = h;
    x.fleet_id[0] ^= 1;
    refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &x, PL_HEAD), PQI_ERR_AUTH);
    x = h;
    x.root_version = 2;
    refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &x, PL_HEAD), PQI_ERR_AUTH);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD);
}

/* What nobody was told before is refused without a signature check, however far ahead it claims to be. */
static void token_filters(void **state)
{
    (void)state;
    start();
    pqi_head h = plane_head_fields(&pl);
    const pqi_cspan in = plane_head_sign(&pl, &h, PL_HEAD);
    h.token[9] ^= 1;
    const pqi_cspan bad = plane_head_sign(&pl, &h, PL_HEAD);
    assert_int_equal(pqi_ctl_peek(&rg.c, &rg.now, PQI_OBJ_HEAD, bad), PQI_ERR_AUTH);
    refused(PQI_OBJ_HEAD, bad, PQI_ERR_AUTH);
    memcpy(h.token, pl.tokens[3], PQI_HASH_LEN); /* of another epoch */
    refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_ERR_AUTH);
    memcpy(h.token, pl.tokens[1], PQI_HASH_LEN); /* the one that is out already */
    refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_ERR_AUTH);
    took(PQI_OBJ_HEAD, in, PQI_CTL_NEW_HEAD);
}

static void long_chains_are_limited(void **state)
{
    (void)state;
    start();
    pqi_head h = plane_head_fields(&pl);
    h.head_epoch = 1 + 65;
    memset(h.token, 0x77, PQI_HASH_LEN);
    const pqi_cspan bad = plane_head_sign(&pl, &h, PL_HEAD);
    assert_int_equal(pqi_ctl_peek(&rg.c, &rg.now, PQI_OBJ_HEAD, bad), PQI_OK);
    refused(PQI_OBJ_HEAD, bad, PQI_ERR_AUTH);
    refused(PQI_OBJ_HEAD, bad, PQI_ERR_LIMIT);
    rig_pass(&rg, 10000);
    memcpy(h.token, pl.tokens[h.head_epoch], PQI_HASH_LEN);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD);
    h.head_epoch = 66 + 4096;
    memcpy(h.token, pl.tokens[h.head_epoch], PQI_HASH_LEN);
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_NEW_HEAD);
    h.head_epoch += 4097;
    refused(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_ERR_AUTH);
    /* ticks likewise */
    restart();
    plane_free(&pl);
    rig_free(&rg);
    plane_init(&pl, PLANE_TOY);
    pl.tick_count = PQI_TICKS_MAX;
    rig_init(&rg, &pl);
    start();
    pqi_tick t = {.epoch = 1, .i = 4000};
    uint8_t out[PQI_LOCAL_TICK_LEN];
    const pqi_cspan junk = {out, pqi_tick_write(&t, out)};
    refused(PQI_OBJ_TICK, junk, PQI_ERR_AUTH);
    refused(PQI_OBJ_TICK, junk, PQI_ERR_LIMIT);
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 64), PQI_CTL_NEW_TICK);
    refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 4000), PQI_ERR_LIMIT);
    rig_pass(&rg, 10000);
    took(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 4000), PQI_CTL_NEW_TICK);
}

static void ticks_of_other_heads(void **state)
{
    (void)state;
    start();
    (void)plane_head(&pl);
    const pqi_cspan t2 = plane_tick(&pl, 2);
    refused(PQI_OBJ_TICK, t2, PQI_ERR_MISSING);
    assert_int_equal(rg.ev.what & PQI_CTL_WANT, PQI_CTL_WANT);
    took(PQI_OBJ_HEAD, pl.head.encoded, PQI_CTL_NEW_HEAD);
    refused(PQI_OBJ_TICK, plane_tick_of(&pl, 1, 100), PQI_ERR_REPLAY);
    took(PQI_OBJ_TICK, t2, PQI_CTL_NEW_TICK);
    pqi_tick t = {.epoch = 2, .i = 3};
    uint8_t out[PQI_LOCAL_TICK_LEN];
    const pqi_cspan junk = {out, pqi_tick_write(&t, out)};
    refused(PQI_OBJ_TICK, junk, PQI_ERR_AUTH);
    t.i = PLANE_TICKS + 1;
    (void)pqi_tick_write(&t, out);
    refused(PQI_OBJ_TICK, junk, PQI_ERR_AUTH);
    t = (pqi_tick){.local = 1, .epoch = 2, .i = 1};
    refused(PQI_OBJ_TICK, (pqi_cspan){out, pqi_tick_write(&t, out)}, PQI_ERR_AUTH);
}

static void two_heads_of_one_epoch(void **state)
{
    (void)state;
    start();
    pqi_head h = plane_head_fields(&pl);
    const pqi_cspan one = plane_head_sign(&pl, &h, PL_HEAD);
    h.time = 12345;
    const pqi_cspan two = plane_head_sign(&pl, &h, PL_HEAD);
    const pqi_cspan forged = plane_head_sign(&pl, &h, PL_STRANGER);
    h.time = 23456;
    const pqi_cspan forged2 = plane_head_sign(&pl, &h, PL_STRANGER);
    h.token[0] ^= 1;
    const pqi_cspan no_token = plane_head_sign(&pl, &h, PL_HEAD);
    took(PQI_OBJ_HEAD, one, PQI_CTL_NEW_HEAD);
    refused(PQI_OBJ_HEAD, no_token, PQI_ERR_AUTH);
    refused(PQI_OBJ_HEAD, forged, PQI_ERR_AUTH);   /* costs one signature check ... */
    refused(PQI_OBJ_HEAD, forged, PQI_ERR_REPLAY); /* ... and no second one, */
    refused(PQI_OBJ_HEAD, forged2, PQI_ERR_LIMIT); /* nor one for each that is invented */
    assert_int_equal(rig_flags(&rg), 0);
    rig_pass(&rg, 60000);
    refused(PQI_OBJ_HEAD, forged2, PQI_ERR_AUTH);
    rig_pass(&rg, 60000);
    refused(PQI_OBJ_HEAD, forged, PQI_ERR_AUTH);
    rig_pass(&rg, 60000);
    /* the same bytes with a false signature were refused just before: that keeps the true one not out */
    took(PQI_OBJ_HEAD, two, PQI_CTL_EQUIVOCATION);
    assert_int_equal(rg.ev.what & PQI_CTL_NEW_HEAD, 0);
    assert_int_equal(rig_flags(&rg), PQI_GATE_EQUIVOCATION);
    refused(PQI_OBJ_HEAD, two, PQI_ERR_REPLAY);
    restart();
    assert_int_equal(rig_flags(&rg), PQI_GATE_EQUIVOCATION);
    assert_int_equal(rg.c.s.equivocation, 2);
    took(PQI_OBJ_ROOT, plane_rotate(&pl), PQI_CTL_NEW_ROOT);
    assert_int_equal(rig_flags(&rg), 0);
}

static void next_head_of_another_branch(void **state)
{
    (void)state;
    start();
    pqi_head h = plane_head_fields(&pl);
    h.prev[5] ^= 1;
    took(PQI_OBJ_HEAD, plane_head_sign(&pl, &h, PL_HEAD), PQI_CTL_EQUIVOCATION | PQI_CTL_NEW_HEAD);
    assert_int_equal(rig_flags(&rg), PQI_GATE_EQUIVOCATION);
    assert_int_equal(rg.c.s.head.head_epoch, 2); /* time goes on, and what is high stops */
}

/* ---- local ticks ---------------------------------------------------------------------------------------------------- */

static pqi_fresh fresh_on(const char *topic)
{
    return pqi_ctl_fresh(&rg.c, &rg.now, (pqi_cspan){(const uint8_t *)topic, strlen(topic)});
}

static void delegates(void **state)
{
    (void)state;
    pl.delegate[0] = "gateway-1";
    pl.delegate[1] = "plant/a";
    pl.policy.rules.flags |= PQI_POLICY_DELEGATES;
    pl.policy.rules.local_ticks_max = 20;
    const pqi_cspan policy = plane_policy(&pl, 2);
    start();
    /* a site that is cut off: local ticks alone */
    for (uint32_t i = 1; i <= 30; i++) {
        rig_pass(&rg, TICK_MS);
        took(PQI_OBJ_TICK, plane_local_tick(&pl, i), PQI_CTL_NEW_TICK);
        assert_int_equal(fresh_on("plant/a/x"), rig_fresh(&rg)); /* no policy, no delegates */
        if (i == 6) {
            took(PQI_OBJ_POLICY, policy, PQI_CTL_NEW_POLICY);
            break;
        }
    }
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_AGED);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    assert_int_equal(fresh_on("plant/a/pump"), PQI_FRESH_FRESH);
    assert_int_equal(fresh_on("plant/ab"), PQI_FRESH_AGED);
    assert_int_equal(fresh_on("plant"), PQI_FRESH_AGED);
    for (uint32_t i = 7; i <= 30; i++) {
        rig_pass(&rg, TICK_MS);
        took(PQI_OBJ_TICK, plane_local_tick(&pl, i), PQI_CTL_NEW_TICK);
        assert_int_equal(fresh_on("plant/a"), i <= 20 ? PQI_FRESH_FRESH : PQI_FRESH_AGED);
    }
    /* the fleet is heard again */
    took(PQI_OBJ_TICK, plane_tick(&pl, 30), PQI_CTL_NEW_TICK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    for (uint32_t i = 31; i <= 40; i++) {
        rig_pass(&rg, TICK_MS);
        took(PQI_OBJ_TICK, plane_local_tick(&pl, i), PQI_CTL_NEW_TICK);
    }
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    /* held back, local ticks age too */
    for (uint32_t i = 41; i <= 43; i++) {
        rig_pass(&rg, 3 * (uint64_t)TICK_MS);
        took(PQI_OBJ_TICK, plane_local_tick(&pl, i), PQI_CTL_NEW_TICK);
    }
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_AGED);
    /* over a start they are unknown, and what was counted goes on */
    rig_close(&rg);
    rg.now.mono_ms = 0;
    assert_int_equal(rig_open(&rg), PQI_OK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_UNKNOWN);
    refused(PQI_OBJ_TICK, plane_local_tick(&pl, 43), PQI_ERR_REPLAY);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 50), PQI_CTL_NEW_TICK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_UNKNOWN);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 51), PQI_CTL_NEW_TICK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_UNKNOWN); /* 21 since the fleet's last one */
}

/* The time of a delegate runs out though it was not used up; and one that was not listened to, because the fleet
 * was there, begins when the fleet was heard last. */
static void delegates_run_out(void **state)
{
    (void)state;
    pl.delegate[0] = "gateway-1";
    pl.delegate[1] = "plant/a";
    pl.policy.rules.flags |= PQI_POLICY_DELEGATES;
    pl.policy.rules.local_ticks_max = 20;
    (void)plane_policy(&pl, 2);
    start();
    rig_sync(&rg);
    rig_pass(&rg, 20 * (uint64_t)TICK_MS);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 20), PQI_CTL_NEW_TICK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
    rig_pass(&rg, 40 * (uint64_t)TICK_MS);
    assert_int_equal(rig_fresh(&rg), PQI_FRESH_STALE);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_STALE);
    took(PQI_OBJ_TICK, plane_tick(&pl, 60), PQI_CTL_NEW_TICK);
    rig_pass(&rg, 5 * (uint64_t)TICK_MS);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_AGED);
    took(PQI_OBJ_TICK, plane_local_tick(&pl, 65), PQI_CTL_NEW_TICK);
    assert_int_equal(fresh_on("plant/a"), PQI_FRESH_FRESH);
}

/* ---- questions ----------------------------------------------------------------------------------------------------------- */

static size_t asked(pqi_ask *q, uint32_t *wait)
{
    static uint8_t b[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = 0;
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){b, sizeof b}, &n, wait), PQI_OK);
    if (n != 0) {
        assert_int_equal(pqi_ask_decode((pqi_cspan){b, n}, q), PQI_OK);
    }
    return n;
}

static void questions_back_off(void **state)
{
    (void)state;
    pqi_ask q, first = {0};
    uint32_t wait;
    uint64_t at = 2000;
    assert_int_equal(rig_open(&rg), PQI_OK);
    for (int i = 0; i < 16; i++) {
        assert_int_not_equal(asked(&q, &wait), 0);
        assert_int_equal(q.want, PQI_ASK_STATEMENT | PQI_ASK_NEWEST);
        assert_int_equal(q.root_version, 1);
        assert_int_equal(q.head_epoch, 0);
        assert_true(wait <= at && wait >= at / 4 * 3);
        if (rg.now.mono_ms < 600000) { /* one nonce: a late answer is as good */
            assert_true(i == 0 || memcmp(q.nonce, first.nonce, PQI_NONCE_LEN) == 0);
        }
        first = i == 0 ? q : first;
        rig_pass(&rg, wait - 1);
        assert_int_equal(asked(&q, &wait), 0);
        assert_int_equal(wait, 1);
        rig_pass(&rg, 1);
        at = at * 2 < 600000 ? at * 2 : 600000;
    }
    assert_int_not_equal(asked(&q, &wait), 0);
    assert_int_not_equal(memcmp(q.nonce, first.nonce, PQI_NONCE_LEN), 0);
    /* a head comes: what is missing is asked for soon, and no more than that */
    took(PQI_OBJ_HEAD, plane_head(&pl), PQI_CTL_NEW_HEAD | PQI_CTL_WANT);
    assert_int_equal(asked(&q, &wait), 0);
    assert_int_equal(wait, 2000);
    rig_pass(&rg, 2000);
    assert_int_not_equal(asked(&q, &wait), 0);
    assert_true(wait <= 2000);
    rig_pass(&rg, 2000);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    assert_int_equal(asked(&q, &wait), 0);
    /* nothing is wanted until it is not fresh any more */
    assert_true(wait <= 4 * TICK_MS && wait > 4 * TICK_MS - 600000); /* as old as its question */
    rig_pass(&rg, wait + 1ull);
    assert_int_not_equal(asked(&q, &wait), 0);
    assert_int_equal(q.want, PQI_ASK_STATEMENT);
    /* somebody has something newer */
    assert_int_equal(rig_ask(&rg), PQI_ERR_MISSING);
    rig_pass(&rg, 2000);
    assert_int_equal(rig_ask(&rg), PQI_OK);
    rig_pass(&rg, 2000);
    pqi_ctl_want(&rg.c, &rg.now, PQI_ASK_NEWEST | 0x80);
    for (int i = 0; i < 3; i++) {
        assert_int_not_equal(asked(&q, &wait), 0);
        assert_int_equal(q.want, PQI_ASK_NEWEST);
        rig_pass(&rg, wait);
    }
    assert_int_equal(asked(&q, &wait), 0);
}

static void question_says_what_is_here(void **state)
{
    (void)state;
    pqi_ask q;
    uint32_t wait;
    pl.policy.rules.flags |= PQI_POLICY_ROSTER;
    (void)plane_policy(&pl, 2);
    (void)plane_roster(&pl);
    plane_revoke(&pl, 9, 4);
    plane_revoke(&pl, 8, 4);
    start();
    took(PQI_OBJ_TICK, plane_tick(&pl, 3), PQI_CTL_NEW_TICK);
    rig_sync(&rg);
    assert_int_equal(rig_flags(&rg), 0);
    rig_pass(&rg, 60000);
    assert_int_not_equal(asked(&q, &wait), 0);
    assert_int_equal(q.want, PQI_ASK_STATEMENT | PQI_ASK_PATH);
    assert_int_equal(q.head_epoch, 1);
    assert_int_equal(q.tick, 3);
    assert_int_equal(q.policy_seq, 1);
    assert_int_equal(q.rev_seq, 2);
    assert_int_equal(q.roster_seq, 1);
    assert_int_equal(q.roster_index, 7);
    assert_int_equal(q.id.len, 6);
    took(PQI_OBJ_PATH, plane_path(&pl, 0), PQI_CTL_NEW_PATH);
    refused(PQI_OBJ_PATH, plane_path(&pl, 0), PQI_ERR_REPLAY);
    uint8_t small[PQI_ASK_LEN];
    size_t n = 0;
    rig_pass(&rg, 60000);
    assert_int_equal(
        pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){small, sizeof small}, &n, &wait), PQI_ERR_SPACE);
    assert_int_equal(n, PQI_ASK_LEN + 6);
    rg.prov.fail_at = rg.prov.calls + 1;
    rg.prov.fail_with = PQI_ERR_RNG;
    uint8_t b[PQI_ASK_LEN + PQI_ID_MAX];
    assert_int_equal(pqi_ctl_ask(&rg.c, &rg.now, (pqi_span){b, sizeof b}, &n, &wait), PQI_ERR_RNG);
}

PQI_TEST_MAIN(TEST(opens_on_its_anchor_alone), TEST(arguments), TEST(ages), TEST(ticks_keep_fresh),
    TEST(slow_release_ages), TEST(slow_heads_age), TEST(uptime_never_makes_younger),
    TEST(unknown_after_every_start), TEST(least_age_is_stored), TEST(statement_tells_the_time),
    TEST(late_statement), TEST(foreign_statements), TEST(witness_tells_the_time),
    TEST(witnesses_age_together), TEST(who_does_not_testify), TEST(heads_in_order),
    TEST(who_may_sign_heads), TEST(token_filters), TEST(long_chains_are_limited),
    TEST(ticks_of_other_heads), TEST(two_heads_of_one_epoch), TEST(next_head_of_another_branch),
    TEST(delegates), TEST(delegates_run_out), TEST(questions_back_off),
    TEST(question_says_what_is_here))
