/* SPDX-License-Identifier: Apache-2.0
 * The CA's registry: refused files and entries, the lock, the log of revocations, recover with a published
 * one. */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <sqlite3.h>
#include <unistd.h>

static const uint8_t fp_a[32] = {1};
static const uint8_t fp_b[32] = {2};

static void sql(fleet *f, const char *text)
{
    char path[160];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/ca.db", f->ca_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static pqi_status open_close(fleet *f)
{
    pqi_host_ca *ca = NULL;
    pqi_status st = pqi_host_ca_open(&ca, &f->ca_cfg);
    pqi_host_ca_close(ca);
    return st;
}

static void allow_rules(void **state)
{
    fleet f;
    (void)state;
    fleet_make(&f);
    assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
    assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
    assert_int_equal(fleet_allow(&f, "a", fp_b, 0), PQI_ERR_POLICY);
    assert_int_equal(fleet_allow(&f, "b", fp_a, 0), PQI_ERR_POLICY); /* one key, one id */
    assert_int_equal(fleet_allow(&f, "a", fp_b, 1), PQI_OK);
    assert_int_equal(fleet_allow(&f, "b", fp_a, 0), PQI_OK);
    assert_int_equal(fleet_allow(&f, "b/c", fp_a, 0), PQI_ERR_ARG);
    fleet_end(&f);
}

static void refused_files(void **state)
{
    fleet f;
    (void)state;
    fleet_make(&f);
    sql(&f, "PRAGMA user_version=99");
    assert_int_equal(open_close(&f), PQI_ERR_UNSUPPORTED);
    sql(&f, "PRAGMA user_version=5; PRAGMA application_id=7");
    assert_int_equal(open_close(&f), PQI_ERR_STORAGE);
    sql(&f, "PRAGMA application_id=1347504451");
    assert_int_equal(open_close(&f), PQI_OK);
    sql(&f, "UPDATE meta SET generation = generation + 2");
    assert_int_equal(open_close(&f), PQI_ERR_ROLLBACK);
    fleet_end(&f);
}

static void one_process(void **state)
{
    fleet f;
    pqi_host_ca *ca = NULL;
    (void)state;
    fleet_make(&f);
    assert_int_equal(pqi_host_ca_open(&ca, &f.ca_cfg), PQI_OK);
    assert_int_equal(open_close(&f), PQI_ERR_STATE);
    pqi_host_ca_close(ca);
    assert_int_equal(open_close(&f), PQI_OK);
    fleet_end(&f);
}

/* ---- revocations --------------------------------------------------------------------------------- */

typedef struct part {
    uint8_t b[PQI_REVOCATIONS_MAX];
    size_t len;
    pqi_revocations r;
    uint8_t end[32]; /* the log's hash after it */
} part;

static pqi_host_ca *ca_of(fleet *f)
{
    pqi_host_ca *ca = NULL;
    assert_int_equal(pqi_host_ca_open(&ca, &f->ca_cfg), PQI_OK);
    return ca;
}

static pqi_status export_from(fleet *f, uint32_t from, part *p)
{
    pqi_algs algs;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    pqi_host_ca *ca = ca_of(f);
    pqi_status st = pqi_host_ca_revocations_from(ca, from, (pqi_span){p->b, sizeof p->b}, &p->len);
    pqi_host_ca_close(ca);
    if (st == PQI_OK) {
        assert_int_equal(pqi_revocations_decode(&algs, (pqi_cspan){p->b, p->len}, &p->r), PQI_OK);
        assert_int_equal(p->r.from, from);
        memcpy(p->end, p->r.prev, 32);
        assert_int_equal(pqi_rev_log_fold(&algs, p->r.entries, p->end), PQI_OK);
    } else {
        assert_int_equal(p->len, 0);
    }
    return st;
}

static uint64_t revoked(fleet *f, const char *ids, pqi_status want, size_t want_failed)
{
    pqi_cspan list[8];
    uint64_t seq = 9;
    size_t failed = 77, n = strlen(ids);
    for (size_t i = 0; i < n; i++) { /* one letter each */
        list[i] = (pqi_cspan){(const uint8_t *)&ids[i], 1};
    }
    pqi_host_ca *ca = ca_of(f);
    assert_int_equal(pqi_host_ca_revoke_many(ca, list, n, 0, 3, &seq, &failed), want);
    assert_int_equal(failed, want == PQI_OK ? n : want_failed);
    pqi_host_ca_close(ca);
    return seq;
}

static uint64_t audit_rows;
static int count_audit(void *ctx, const pqi_host_ca_audit *a)
{
    audit_rows += strcmp(a->op, ctx) == 0;
    return 0;
}

/* Several at once: all or none, next to each other, each once. */
static void revoke_many(void **state)
{
    static part whole, news;
    fleet f;
    (void)state;
    fleet_make(&f);
    for (char id = 'a'; id <= 'e'; id++) {
        const uint8_t fp[32] = {(uint8_t)id};
        assert_int_equal(fleet_allow(&f, (char[]){id, 0}, fp, 0), PQI_OK);
    }
    assert_int_equal(export_from(&f, 0, &whole), PQI_OK);
    assert_int_equal(whole.r.count, 0);
    assert_int_equal(export_from(&f, 1, &news), PQI_ERR_MISSING);
    assert_int_equal(revoked(&f, "abz", PQI_ERR_MISSING, 2), 0);
    assert_int_equal(revoked(&f, "a/", PQI_ERR_ARG, 1), 0);
    assert_int_equal(revoked(&f, "", PQI_OK, 0), 0);
    assert_int_equal(export_from(&f, 0, &whole), PQI_OK);
    assert_int_equal(whole.r.count, 0);
    assert_int_equal(revoked(&f, "cac", PQI_OK, 0), 2);
    assert_int_equal(revoked(&f, "ca", PQI_OK, 0), 2);
    assert_int_equal(revoked(&f, "bcd", PQI_OK, 0), 4);
    assert_int_equal(export_from(&f, 0, &whole), PQI_OK);
    assert_int_equal(whole.r.count, 4);
    static const uint32_t order[] = {3, 1, 2, 4};
    for (uint32_t i = 0; i < 4; i++) {
        const pqi_revoked e = pqi_revocations_at(&whole.r, i);
        assert_int_equal(e.roster_index, order[i]);
        assert_int_equal(e.min_key_epoch, UINT32_MAX);
        assert_int_equal(e.reason, 3);
    }
    for (uint32_t from = 1; from < 4; from++) {
        assert_int_equal(export_from(&f, from, &news), PQI_OK);
        assert_int_equal(news.r.count, 4 - from);
        assert_memory_equal(news.end, whole.end, 32);
    }
    assert_int_equal(export_from(&f, 4, &news), PQI_ERR_MISSING);
    assert_int_equal(export_from(&f, UINT32_MAX, &news), PQI_ERR_MISSING);
    blob ch = {NULL, 0};
    assert_int_equal(fleet_challenge(&f, "d", &ch), PQI_ERR_POLICY);
    assert_int_equal(fleet_challenge(&f, "e", &ch), PQI_OK);
    blob_free(&ch);
    pqi_host_ca *ca = ca_of(&f);
    const pqi_cspan everybody = {NULL, 0};
    char op[] = "revoke";
    assert_int_equal(pqi_host_ca_each_audit(ca, everybody, count_audit, op), PQI_OK);
    assert_int_equal(audit_rows, 4);
    pqi_host_ca_info info;
    assert_int_equal(pqi_host_ca_get_info(ca, &info), PQI_OK);
    assert_int_equal(info.rev_seq, 4);
    assert_int_equal(info.revoked_devices, 4);
    pqi_host_ca_close(ca);
    fleet_end(&f);
}

/* The registry itself keeps the log as it is, whatever a program does. */
static void log_only_grows(void **state)
{
    static const char *const wrong[] = {"UPDATE revlog SET reason = 1", "DELETE FROM revlog",
        "INSERT INTO revlog VALUES(1, 1, 9, 1, 0, 0)",
        "INSERT INTO revlog VALUES(1, 3, 9, 1, 0, 0)",
        "INSERT INTO revlog VALUES(2, 2, 9, 1, 0, 0)",
        "INSERT OR REPLACE INTO revlog VALUES(1, 1, 9, 1, 0, 0)",
        "INSERT INTO revlog VALUES(1, 2, 9, 0, 0, 0)",
        "INSERT INTO revlog VALUES(1, 2, 9, 1, 256, 0)"};
    static part p;
    fleet f;
    char path[160];
    sqlite3 *db = NULL;
    (void)state;
    fleet_make(&f);
    assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
    assert_int_equal(revoked(&f, "a", PQI_OK, 0), 1);
    (void)snprintf(path, sizeof path, "%s/ca.db", f.ca_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        if (sqlite3_exec(db, wrong[i], NULL, NULL, NULL) == SQLITE_OK) {
            fail_msg("taken: %s", wrong[i]);
        }
    }
    assert_int_equal(
        sqlite3_exec(db, "INSERT INTO revlog VALUES(1, 2, 9, 1, 0, 0);", NULL, NULL, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(export_from(&f, 0, &p), PQI_OK);
    assert_int_equal(p.r.count, 2);
    fleet_end(&f);
}

/* A log has 4096 entries about 1024 devices; both ends are said, and nothing is changed. */
static void log_is_full(void **state)
{
    static part p;
    (void)state;
    for (int which = 0; which < 2; which++) {
        fleet f;
        char text[400];
        fleet_make(&f);
        assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
        assert_int_equal(fleet_allow(&f, "b", fp_b, 0), PQI_OK);
        (void)snprintf(text, sizeof text,
            "INSERT INTO revlog WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n"
            " WHERE i < %d) SELECT 1, i, 100 + i %% %d, i, 0, 0 FROM n;",
            which == 0 ? 4095 : 1023, which == 0 ? 1000 : 5000);
        sql(&f, text);
        const uint64_t full = which == 0 ? 4096 : 1024;
        assert_int_equal(revoked(&f, "ab", PQI_ERR_LIMIT, 1), 0);
        assert_int_equal(revoked(&f, "a", PQI_OK, 0), full);
        assert_int_equal(revoked(&f, "b", PQI_ERR_LIMIT, 0), 0);
        assert_non_null(strstr(pqi_host_ca_why(), "rotate the fleet's root"));
        assert_int_equal(revoked(&f, "a", PQI_OK, 0), full);
        assert_int_equal(export_from(&f, 0, &p), PQI_OK);
        assert_int_equal(p.r.count, full);
        fleet_end(&f);
    }
}

/* A registry of schema 2 has the newest revocation of each device: entry 1, 2, ... in their order. Once. */
static void older_registry(void **state)
{
    static part p;
    fleet f;
    pqi_host_ca_info before, after;
    (void)state;
    fleet_make(&f);
    f.now += 1000;
    for (char id = 'a'; id <= 'c'; id++) {
        const uint8_t fp[32] = {(uint8_t)id};
        assert_int_equal(fleet_allow(&f, (char[]){id, 0}, fp, 0), PQI_OK);
    }
    sql(&f, "UPDATE devices SET last_epoch = 9");
    pqi_host_ca *ca = ca_of(&f);
    uint64_t seq = 0;
    static const struct {
        char id;
        uint32_t epoch;
    } t[] = {{'a', 1}, {'b', 4}, {'a', 3}, {'c', 0}, {'b', 5}};
    for (size_t i = 0; i < 5; i++) {
        const pqi_cspan id = {(const uint8_t *)&t[i].id, 1};
        assert_int_equal(pqi_host_ca_revoke(ca, id, t[i].epoch, (uint8_t)(10 + i), &seq), PQI_OK);
        assert_int_equal(seq, i + 1);
    }
    assert_int_equal(pqi_host_ca_get_info(ca, &before), PQI_OK);
    pqi_host_ca_close(ca);
    fleet_schema_2(&f);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(export_from(&f, 0, &p), PQI_OK);
        assert_int_equal(p.r.count, 3);
        static const pqi_revoked want[] = {{1, 4, 12}, {3, UINT32_MAX, 13}, {2, 6, 14}};
        for (uint32_t i = 0; i < 3; i++) {
            const pqi_revoked e = pqi_revocations_at(&p.r, i);
            assert_int_equal(e.roster_index, want[i].roster_index);
            assert_int_equal(e.min_key_epoch, want[i].min_key_epoch);
            assert_int_equal(e.reason, want[i].reason);
        }
        ca = ca_of(&f);
        assert_int_equal(pqi_host_ca_get_info(ca, &after), PQI_OK);
        assert_int_equal(after.rev_seq, 3);
        assert_int_equal(after.generation, before.generation);
        assert_int_equal(after.revoked_devices, 1);
        pqi_host_ca_close(ca);
    }
    assert_int_equal(revoked(&f, "a", PQI_OK, 0), 4);
    fleet_end(&f);
}

/* ---- recover ------------------------------------------------------------------------------------- */

static pqi_status recover_with(fleet *f, const part *p, size_t cut, uint32_t merged, uint64_t seq)
{
    pqi_host_ca_recovered r;
    const pqi_cspan in = {p != NULL ? p->b : NULL, p != NULL ? p->len - cut : 0};
    pqi_status st = pqi_host_ca_recover(&f->ca_cfg, in, &r);
    assert_int_equal(r.merged, st == PQI_OK ? merged : 0);
    assert_int_equal(r.rev_seq, st == PQI_OK ? seq : 0);
    return st;
}

/* What was revoked after the copy is taken from the published log or from a part of it; the log goes on from
 * there, and what others know stays the beginning of it. */
static void recover_merges(void **state)
{
    static part whole, news, later;
    fleet f;
    char db[160], old[160];
    pqi_host_ca_recovered r;
    (void)state;
    fleet_make(&f);
    (void)snprintf(db, sizeof db, "%s/ca.db", f.ca_dir);
    (void)snprintf(old, sizeof old, "%s/old.db", f.top);
    for (char id = 'a'; id <= 'd'; id++) {
        const uint8_t fp[32] = {(uint8_t)id};
        assert_int_equal(fleet_allow(&f, (char[]){id, 0}, fp, 0), PQI_OK);
    }
    assert_int_equal(revoked(&f, "a", PQI_OK, 0), 1);
    tree_copy(db, old);
    assert_int_equal(revoked(&f, "bc", PQI_OK, 0), 3);
    assert_int_equal(export_from(&f, 0, &whole), PQI_OK);
    for (uint32_t from = 0; from < 3; from++) {
        assert_int_equal(export_from(&f, from, &news), PQI_OK);
        tree_copy(old, db);
        assert_int_equal(open_close(&f), PQI_ERR_ROLLBACK);
        assert_int_not_equal(recover_with(&f, &whole, 1, 0, 0), PQI_OK);
        assert_int_equal(open_close(&f), PQI_ERR_ROLLBACK);
        if (from == 2) { /* one entry is missing in between */
            assert_int_equal(recover_with(&f, &news, 0, 0, 0), PQI_ERR_AUTH);
            assert_int_equal(open_close(&f), PQI_ERR_ROLLBACK);
            assert_int_equal(recover_with(&f, &whole, 0, 2, 3), PQI_OK);
        } else {
            assert_int_equal(recover_with(&f, &news, 0, 2, 3), PQI_OK);
        }
        blob ch = {NULL, 0};
        assert_int_equal(fleet_challenge(&f, "c", &ch), PQI_ERR_POLICY);
        blob_free(&ch);
    }
    assert_int_equal(
        recover_with(&f, &whole, 0, 0, 3), PQI_OK); /* nothing is missing: nothing is added */
    assert_int_equal(recover_with(&f, &news, 0, 0, 3), PQI_OK);
    assert_int_equal(revoked(&f, "d", PQI_OK, 0), 4);
    assert_int_equal(export_from(&f, 3, &later), PQI_OK);
    assert_memory_equal(later.r.prev, whole.end, 32);
    assert_int_equal(recover_with(&f, &whole, 0, 0, 4), PQI_OK); /* older than what is here */
    const pqi_cspan none = {NULL, 0};
    assert_int_equal(pqi_host_ca_recover(&f.ca_cfg, none, &r), PQI_OK);
    assert_int_equal(r.rev_seq, 4);
    fleet_end(&f);
}

/* Two histories: what devices know cannot be made to fit, and it is said. */
static void recover_cannot_fork(void **state)
{
    static part lost;
    fleet f;
    char db[160], old[160];
    (void)state;
    fleet_make(&f);
    (void)snprintf(db, sizeof db, "%s/ca.db", f.ca_dir);
    (void)snprintf(old, sizeof old, "%s/old.db", f.top);
    assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
    assert_int_equal(fleet_allow(&f, "b", fp_b, 0), PQI_OK);
    tree_copy(db, old);
    assert_int_equal(revoked(&f, "a", PQI_OK, 0), 1);
    assert_int_equal(export_from(&f, 0, &lost), PQI_OK);
    tree_copy(old, db);
    assert_int_equal(recover_with(&f, NULL, 0, 0, 0), PQI_OK);
    assert_int_equal(revoked(&f, "b", PQI_OK, 0), 1);
    assert_int_equal(recover_with(&f, &lost, 0, 0, 0), PQI_ERR_AUTH);
    assert_non_null(strstr(pqi_host_ca_why(), "separate ways"));
    fleet_end(&f);
}

PQI_TEST_MAIN(cmocka_unit_test(allow_rules), cmocka_unit_test(refused_files),
    cmocka_unit_test(one_process), cmocka_unit_test(revoke_many), cmocka_unit_test(log_only_grows),
    cmocka_unit_test(log_is_full), cmocka_unit_test(older_registry),
    cmocka_unit_test(recover_merges), cmocka_unit_test(recover_cannot_fork))
