/* SPDX-License-Identifier: Apache-2.0
 * The CA's registry: refused files and entries, the lock, recover with a snapshot. */
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
    sql(&f, "PRAGMA user_version=2; PRAGMA application_id=7");
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

static void recover_merges(void **state)
{
    fleet f;
    char db[160], old[160];
    static uint8_t snapshot[PQI_REVOCATIONS_MAX];
    const pqi_cspan id = {(const uint8_t *)"a", 1};
    const pqi_span room = {snapshot, sizeof snapshot};
    size_t len = 0;
    uint64_t seq = 0;
    pqi_host_ca *ca = NULL;
    pqi_host_ca_recovered r;
    (void)state;
    fleet_make(&f);
    (void)snprintf(db, sizeof db, "%s/ca.db", f.ca_dir);
    (void)snprintf(old, sizeof old, "%s/old.db", f.top);
    assert_int_equal(fleet_allow(&f, "a", fp_a, 0), PQI_OK);
    tree_copy(db, old);
    assert_int_equal(pqi_host_ca_open(&ca, &f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_revoke(ca, id, 0, 3, &seq), PQI_OK);
    assert_int_equal(pqi_host_ca_revocations(ca, room, &len), PQI_OK);
    pqi_host_ca_close(ca);
    tree_copy(old, db);
    const pqi_cspan newest = {snapshot, len};
    const pqi_cspan cut = {snapshot, len - 1};
    assert_int_not_equal(pqi_host_ca_recover(&f.ca_cfg, cut, &r), PQI_OK);
    assert_int_equal(open_close(&f), PQI_ERR_ROLLBACK);
    assert_int_equal(pqi_host_ca_recover(&f.ca_cfg, newest, &r), PQI_OK);
    assert_int_equal(r.merged, 1);
    assert_int_equal(r.rev_seq, seq + PQI_HOST_CA_SKIP);
    blob ch = {NULL, 0};
    assert_int_equal(fleet_challenge(&f, "a", &ch), PQI_ERR_POLICY);
    blob_free(&ch);
    fleet_end(&f);
}

PQI_TEST_MAIN(cmocka_unit_test(allow_rules), cmocka_unit_test(refused_files),
    cmocka_unit_test(one_process), cmocka_unit_test(recover_merges))
