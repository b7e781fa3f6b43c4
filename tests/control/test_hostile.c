/* SPDX-License-Identifier: Apache-2.0
 * Who may write to the store and has no keys; steps that fail between a commit and what follows it. */
#include "control/rig.h"
#include "port/linux/test_point.h"

#include <pqi/endpoint.h>

#include <errno.h>

static pqi_head head_of(rig *r)
{
    static uint8_t bytes[PQI_HEAD_MAX];
    size_t len = 0;
    pqi_head h;
    assert_int_equal(
        pqi_host_control_get(r->c, PQI_OBJ_HEAD, (pqi_span){bytes, sizeof bytes}, &len), PQI_OK);
    assert_int_equal(pqi_head_decode(&r->algs, (pqi_cspan){bytes, len}, &h), PQI_OK);
    return h;
}

/* Epoch of the head that was published last; 0: none. */
static uint32_t out_epoch(const rig *r)
{
    pqi_head h;
    const rig_message *m = rig_last(r, PQI_TOPIC_HEAD);
    if (m == NULL) {
        return 0;
    }
    assert_int_equal(pqi_head_decode(&r->algs, (pqi_cspan){m->bytes, m->len}, &h), PQI_OK);
    return h.head_epoch;
}

static int no_space(unsigned point)
{
    return point == PQI_POINT_FILE_TEMP ? ENOSPC : 0;
}

/* The store took the head and the disk of the keys is full: nothing of it goes out before the counter has
 * it, or an older copy of the store would not be noticed. */
static void counter_before_publishing(void **state)
{
    rig r;
    pqi_control_made m;
    (void)state;
    rig_make(&r);
    (void)rig_advance(&r);
    rig_poll(&r);
    assert_int_equal(out_epoch(&r), 1);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 50)), PQI_OK);
    pqi_host_set_point_hook(no_space);
    for (int k = 0; k < 5; k++) {
        rig_poll(&r);
        r.now_ms += 2000;
        assert_int_equal(out_epoch(&r), 1);
    }
    assert_int_not_equal(r.events[PQI_CONTROL_EV_FAILED], 0);
    assert_int_equal(rig_int(&r, "SELECT max(head_epoch) FROM pqi_heads"), 2);
    assert_int_equal(pqi_host_control_publish(r.c), PQI_OK);
    assert_int_equal(out_epoch(&r), 1);
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t len = rig_question(&r, "dev-007", PQI_ASK_STATEMENT, 1, NULL, q);
    assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, len}), PQI_OK);
    assert_int_not_equal(pqi_host_control_flush(r.c, NULL), PQI_OK);
    pqi_host_set_point_hook(NULL);
    rig_poll(&r);
    assert_int_equal(out_epoch(&r), 2);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(m.head_epoch, 3);
    rig_end(&r);
}

/* Lengths in the store that lead out of the value: no head is made of what lies behind it. */
static void delegates_of_the_store(void **state)
{
    static const char *const bad[] = {
        "ff",
        "02",
        "0164",
        "016401",
        "01640161", /* cut anywhere */
        "0164016100000000000000000000000000000000000000000000000000000000000000000000",
        "01640161" /* a count of 0 */
        "0000000000000000000000000000000000000000000000000000000000000000"
        "00000000",
        "01200161" /* no id */
        "0000000000000000000000000000000000000000000000000000000000000000"
        "00000001",
    };
    (void)state;
    rig r;
    rig_make(&r);
    (void)rig_advance(&r);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char sql[256];
        pqi_control_made m;
        (void)snprintf(sql, sizeof sql,
            r.pg ? "UPDATE pqi_state SET changes = changes + 1, delegates = decode('%s', 'hex')"
                 : "UPDATE pqi_state SET changes = changes + 1, delegates = x'%s'",
            bad[i]);
        rig_sql(&r, sql);
        assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STORAGE);
        assert_int_equal(rig_int(&r, "SELECT count(*) FROM pqi_heads"), 1);
    }
    rig_end(&r);
}

static void store_sql(rig *r, const char *sql)
{
    rig_sql(r, sql);
    rig_sql(r, "UPDATE pqi_state SET changes = changes + 1");
}

/* Policy 1, roster 1 of 40, revocations 1 to 3 named by head 1. A revoker alone may name 4 in a window. */
static void begin(rig *r)
{
    rig_make(r);
    assert_int_equal(rig_put(r, PQI_OBJ_POLICY, rig_policy(r, 1, 60, 100)), PQI_OK);
    assert_int_equal(rig_put_roster(r, 1, 40), PQI_OK);
    assert_int_equal(rig_put(r, PQI_OBJ_REVOCATIONS, rig_revocations(r, 0, 3, 0)), PQI_OK);
    rig_poll(r);
    assert_int_equal(out_epoch(r), 1);
    assert_int_equal(rig_info(r).head_rev, 3);
}

#define SHA256_OF_X "(SELECT hash FROM pqi_heads WHERE head_epoch = 1)"

/* Whoever may write to the store while a server runs, but has no keys: what nobody signed is in no head. */
static void forged_rows(void **state)
{
    static const char *const rows[] = {
        "INSERT INTO pqi_policies(root_version, seq, hash, at, encoded) SELECT 1, "
        "4000000000," SHA256_OF_X ", 0, encoded FROM pqi_policies",
        "UPDATE pqi_policies SET seq = 7",
        "INSERT INTO pqi_rosters(root_version, seq, size, root, at, encoded) SELECT 1, 4000000000, "
        "3,"
        " " SHA256_OF_X ", 0, encoded FROM pqi_rosters",
        "UPDATE pqi_rosters SET seq = 7",
        "INSERT INTO pqi_entries(root_version, seq, roster_index, min_epoch, reason, hash, quorum, "
        "at)"
        " VALUES(1, 4, 7, 7, 7, " SHA256_OF_X ", 1, 0)",
        "INSERT INTO pqi_roots(root_version, hash, encoded, at) SELECT 2, " SHA256_OF_X
        ", encoded, 0 FROM pqi_roots",
        "DELETE FROM pqi_heads",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig r;
        pqi_control_made m;
        begin(&r);
        store_sql(&r, rows[i]);
        for (int k = 0; k < 3; k++) {
            pqi_status st = pqi_host_control_advance(r.c, 1, &m);
            if (st == PQI_OK) {
                print_error("signed: %s\n", rows[i]);
            }
            assert_true(st == PQI_ERR_STORAGE || st == PQI_ERR_ROLLBACK);
            rig_poll(&r);
            r.now_ms += 2000;
        }
        assert_int_equal(out_epoch(&r), 1);
        rig_end(&r);
    }
}

/* A root that strangers signed is not followed, and the counter of the keys does not move to it: the right
 * one is taken afterwards. */
static void forged_root(void **state)
{
    rig r;
    pqi_control_made m;
    (void)state;
    begin(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    char sql[128];
    (void)snprintf(sql, sizeof sql, "SELECT length(encoded) FROM pqi_roots WHERE root_version = 2");
    const int64_t len = rig_int(&r, sql);
    rig_end(&r);
    begin(&r);
    (void)rig_root2(&r, 0);
    static char insert[200 + 4 * PQI_MANIFEST_MAX];
    char *at = insert;
    at += sprintf(at, "INSERT INTO pqi_roots(root_version, hash, encoded, at) VALUES(2, %s'",
        r.pg ? "decode(" : "x");
    for (size_t i = 0; i < PQI_HASH_LEN; i++) {
        at += sprintf(at, "%02x", r.root[1].hash[i]);
    }
    at += sprintf(at, "'%s, %s'", r.pg ? ", 'hex')" : "", r.pg ? "decode(" : "x");
    assert_int_equal(r.len, len);
    for (size_t i = 0; i < r.len; i++) {
        at += sprintf(at, "%02x", r.out[i]);
    }
    (void)sprintf(at, "'%s, 0)", r.pg ? ", 'hex')" : "");
    store_sql(&r, insert);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STORAGE);
    rig_poll(&r);
    assert_int_equal(rig_count(&r, PQI_TOPIC_ROOT), 1);
    store_sql(&r, "DELETE FROM pqi_roots WHERE root_version = 2");
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_ROOT, rig_root2(&r, 1)), PQI_OK);
    assert_int_equal(pqi_host_control_advance(r.c, 0, &m), PQI_OK);
    assert_int_equal(m.what, PQI_CONTROL_NEW_ROOT);
    rig_end(&r);
}

/* The revoker's share does not grow by columns that nobody signed. */
static void forged_share(void **state)
{
    static const char *const rows[] = {
        "UPDATE pqi_entries SET quorum = 1",
        "UPDATE pqi_entries SET quorum = 1 WHERE seq <= 3",
        "INSERT INTO pqi_heads(root_version, head_epoch, hash, tick_base, rev_seq, what, made_by, "
        "at,"
        " encoded) SELECT 1, 0 + 4000, root, 0, 8, 0, '', 0, (SELECT encoded FROM pqi_rosters) FROM"
        " pqi_rosters",
        "UPDATE pqi_rosters SET size = 4000",
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        rig r;
        pqi_control_made m;
        begin(&r);
        r.now_ms += 30 * 60000;
        rig_poll(&r); /* the window is past what head 1 names */
        assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 3, 9, 0)), PQI_OK);
        store_sql(&r, rows[i]);
        const pqi_status st = pqi_host_control_advance(r.c, 1, &m);
        assert_true(st == PQI_ERR_STORAGE || (st == PQI_OK && m.rev_named == 7));
        rig_end(&r);
    }
}

/* What the head names is gone from the store, as after the newest head alone was put back: heads go on and
 * name it as before. Less would send every device into a gap, and take revocations back for new ones. */
static void never_less(void **state)
{
    static uint8_t newest[PQI_HEAD_MAX];
    rig r;
    size_t len = 0;
    pqi_control_made m;
    (void)state;
    begin(&r);
    const pqi_head was = head_of(&r);
    assert_int_equal(
        pqi_host_control_get(r.c, PQI_OBJ_HEAD, (pqi_span){newest, sizeof newest}, &len), PQI_OK);
    rig_close(&r);
    rig_sql(&r, "DELETE FROM pqi_heads");
    rig_sql(&r, "DELETE FROM pqi_policies");
    rig_sql(&r, "DELETE FROM pqi_rosters");
    rig_sql(&r, "DELETE FROM pqi_leaves");
    rig_sql(&r, "DELETE FROM pqi_segments");
    rig_sql(&r, "DELETE FROM pqi_entries WHERE seq > 1");
    assert_int_equal(rig_try_open(&r), PQI_ERR_ROLLBACK);
    pqi_host_control_cfg plain = r.cfg;
    memset(&plain.kek, 0, sizeof plain.kek);
    assert_int_equal(pqi_host_control_open(&r.c, &plain), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){newest, len}), PQI_OK);
    rig_close(&r);
    rig_open(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_OK);
    const pqi_head h = head_of(&r);
    assert_int_equal(h.head_epoch, 2);
    assert_int_equal(h.policy_seq, 1);
    assert_memory_equal(h.policy_hash, was.policy_hash, PQI_HASH_LEN);
    assert_int_equal(h.rev_seq, 3);
    assert_memory_equal(h.rev_hash, was.rev_hash, PQI_HASH_LEN);
    assert_int_equal(h.roster_seq, 1);
    assert_int_equal(h.roster_size, 40);
    assert_memory_equal(h.roster_root, was.roster_root, PQI_HASH_LEN);
    assert_int_equal(m.rev_held, 0);
    assert_int_equal(rig_info(&r).rev_held, 0);
    rig_poll(&r);
    assert_int_equal(r.events[PQI_CONTROL_EV_HELD], 0);
    /* other objects of these numbers are refused, the right ones come back */
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 99)), PQI_ERR_POLICY);
    assert_int_equal(rig_put_roster(&r, 1, 39), PQI_ERR_POLICY);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 1, 60, 100)), PQI_OK);
    assert_int_equal(rig_put_roster(&r, 1, 40), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_revocations(&r, 0, 4, 1)), PQI_OK);
    m = rig_advance(&r);
    assert_int_equal(m.what, PQI_CONTROL_NEW_REV);
    assert_int_equal(m.rev_named, 4);
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t n = rig_question(&r, r.members[0].id, PQI_ASK_PATH, 1, NULL, q);
    rig_forget(&r);
    assert_int_equal(pqi_host_control_ask(r.c, (pqi_cspan){q, n}), PQI_OK);
    assert_int_equal(pqi_host_control_flush(r.c, NULL), PQI_OK);
    assert_int_equal(r.n_messages, 1); /* its path: the leaves are back */
    rig_end(&r);
}

/* A log that tells another history than the newest head names is not gone on with. */
static void another_history(void **state)
{
    static uint8_t newest[PQI_HEAD_MAX];
    rig r;
    size_t len = 0;
    pqi_control_made m;
    (void)state;
    begin(&r);
    assert_int_equal(
        pqi_host_control_get(r.c, PQI_OBJ_HEAD, (pqi_span){newest, sizeof newest}, &len), PQI_OK);
    rig_close(&r);
    rig_sql(&r, "DELETE FROM pqi_heads");
    rig_sql(&r, "DELETE FROM pqi_segments");
    rig_sql(&r, "DELETE FROM pqi_entries");
    pqi_host_control_cfg plain = r.cfg;
    memset(&plain.kek, 0, sizeof plain.kek);
    assert_int_equal(pqi_host_control_open(&r.c, &plain), PQI_OK);
    pqi_revocations x;
    const pqi_key signers[3] = {RIG_REVOKER, RIG_POLICY2, RIG_POLICY3};
    static pqi_revoked e[6];
    for (uint32_t i = 0; i < 6; i++) {
        e[i] = (pqi_revoked){2000 + i, UINT32_MAX, 1};
    }
    memset(&x, 0, sizeof x);
    memcpy(x.fleet_id, r.root[0].fleet_id, sizeof x.fleet_id);
    x.root_version = 1;
    assert_int_equal(pqi_rev_log_start(&r.algs, x.fleet_id, 1, x.prev), PQI_OK);
    assert_int_equal(pqi_revocations_build(&r.algs, &r.sp.base, signers, 3, &x, e, 6,
                         (pqi_span){r.out, sizeof r.out}, &r.len),
        PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_REVOCATIONS, rig_span(&r)), PQI_OK);
    assert_int_equal(rig_put(&r, PQI_OBJ_HEAD, (pqi_cspan){newest, len}), PQI_OK);
    rig_close(&r);
    r.cfg.check_newest = 1; /* the whole check finds it at once */
    rig_open(&r);
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_STORAGE);
    assert_int_equal(rig_int(&r, "SELECT max(head_epoch) FROM pqi_heads"), 1);
    r.cfg.check_newest = 0;
    rig_close(&r);
    assert_int_equal(rig_try_open(&r), PQI_ERR_STORAGE);
    rig_end(&r);
}

/* Heads that vanish while a server runs are no restore, whatever the mark in the store says. */
static void back_while_running(void **state)
{
    rig r;
    pqi_control_made m;
    (void)state;
    begin(&r);
    assert_int_equal(rig_put(&r, PQI_OBJ_POLICY, rig_policy(&r, 2, 60, 100)), PQI_OK);
    rig_poll(&r);
    assert_int_equal(out_epoch(&r), 2);
    rig_sql(&r, "DELETE FROM pqi_heads WHERE head_epoch = 2");
    rig_sql(&r, "DELETE FROM pqi_policies WHERE seq = 2");
    store_sql(&r, "UPDATE pqi_state SET skip = 1");
    assert_int_equal(pqi_host_control_advance(r.c, 1, &m), PQI_ERR_ROLLBACK);
    rig_poll(&r);
    assert_int_equal(out_epoch(&r), 2);
    rig_end(&r);
}

static int see_line(void *ctx, const pqi_control_audit *a)
{
    const char *const text[] = {a->who, a->op, a->detail};
    for (size_t i = 0; i < 3; i++) {
        for (const char *p = text[i]; *p != '\0'; p++) {
            assert_true(*p >= 0x20 && *p < 0x7f);
        }
    }
    *(unsigned *)ctx += 1;
    return 0;
}

/* What people read of the store is words, whoever wrote them. */
static void words_of_the_store(void **state)
{
    rig r;
    unsigned n = 0;
    (void)state;
    rig_make(&r);
    (void)rig_advance(&r);
    const unsigned before = (unsigned)rig_info(&r).audit;
    rig_sql(&r,
        r.pg ? "INSERT INTO pqi_audit VALUES(1000, 0, 'a' || chr(27) || '[2K', chr(13), chr(155))"
             : "INSERT INTO pqi_audit VALUES(1000, 0, 'a' || char(27) || '[2K', CAST(x'ff0d' AS "
               "TEXT),"
               " char(155))");
    rig_sql(&r, r.pg ? "UPDATE pqi_lease SET holder = 'x' || chr(27) || chr(10) || 'y z'"
                     : "UPDATE pqi_lease SET holder = 'x' || char(27) || char(10) || 'y z'");
    assert_string_equal(rig_info(&r).leader, "x??y");
    assert_int_equal(pqi_host_control_each_audit(r.c, 0, see_line, &n), PQI_OK);
    assert_int_equal(n, before + 1);
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(counter_before_publishing), cmocka_unit_test(delegates_of_the_store),
    cmocka_unit_test(forged_rows), cmocka_unit_test(forged_root), cmocka_unit_test(forged_share),
    cmocka_unit_test(never_less), cmocka_unit_test(another_history),
    cmocka_unit_test(back_while_running), cmocka_unit_test(words_of_the_store))
