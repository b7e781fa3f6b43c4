/* SPDX-License-Identifier: Apache-2.0 */
#include "support/host_fleet.h"

#include "pqi_test.h"

#include <fcntl.h>
#include <spawn.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define OBJECT_MAX PQI_GRANT_MAX

static uint64_t fleet_clock(void *ctx)
{
    return ((fleet *)ctx)->now;
}

/* Not by fork(), which copies the page tables: under a sanitizer that takes longer than all else here. */
static void run(const char *const *argv)
{
    int status = 0;
    pid_t pid = 0;
    assert_int_equal(
        posix_spawnp(&pid, argv[0], NULL, NULL, (char *const *)(uintptr_t)argv, environ), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

void tree_copy(const char *from, const char *to)
{
    const char *const argv[] = {"cp", "-a", from, to, NULL};
    run(argv);
}

void tree_remove(const char *path)
{
    const char *const argv[] = {"rm", "-rf", path, NULL};
    run(argv);
}

void fleet_begin(fleet *f)
{
    uint8_t key[32];
    memset(f, 0, sizeof *f);
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"; /* memory: fast syncs */
    (void)snprintf(f->top, sizeof f->top, "%s/pqi-fleet-XXXXXX", base);
    assert_non_null(mkdtemp(f->top));
    (void)snprintf(f->ca_dir, sizeof f->ca_dir, "%s/ca", f->top);
    (void)snprintf(f->root_dir, sizeof f->root_dir, "%s/root", f->top);
    (void)snprintf(f->key_file, sizeof f->key_file, "%s/key", f->top);
    memset(key, 0x42, sizeof key);
    key[0] = 1;
    int fd = open(f->key_file, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, key, sizeof key), sizeof key);
    assert_int_equal(close(fd), 0);
    f->now = 1800000000u;
    f->ca_cfg.dir = f->ca_dir;
    f->ca_cfg.kek.key_file = f->key_file;
    f->ca_cfg.clock = fleet_clock;
    f->ca_cfg.clock_ctx = f;
}

pqi_status fleet_init_ca(fleet *f)
{
    pqi_host_ca_init_opts o = f->init;
    o.root_dir = f->root_dir;
    o.root_kek = f->ca_cfg.kek;
    o.fleet = "test fleet";
    return pqi_host_ca_init(&f->ca_cfg, &o, f->hash);
}

void fleet_make(fleet *f)
{
    fleet_begin(f);
    assert_int_equal(fleet_init_ca(f), PQI_OK);
}

void fleet_end(fleet *f)
{
    tree_remove(f->top);
}

void blob_free(blob *b)
{
    free(b->p);
    b->p = NULL;
    b->len = 0;
}

static pqi_span blob_room(blob *b)
{
    free(b->p);
    b->p = calloc(1, OBJECT_MAX);
    assert_non_null(b->p);
    b->len = 0;
    pqi_span v = {b->p, OBJECT_MAX};
    return v;
}

static pqi_cspan text(const char *s)
{
    pqi_cspan v = {(const uint8_t *)s, strlen(s)};
    return v;
}

void node_make(fleet *f, node *n, const char *id)
{
    memset(n, 0, sizeof *n);
    (void)snprintf(n->id, sizeof n->id, "%s", id);
    (void)snprintf(n->dir, sizeof n->dir, "%s/%.24s", f->top, id);
    n->cfg.dir = n->dir;
    n->cfg.kek.key_file = f->key_file;
}

pqi_status node_init(fleet *f, node *n, blob *factory)
{
    pqi_span room = blob_room(factory);
    n->cfg.dir = n->dir;
    return pqi_host_device_init(&n->cfg, text(n->id), f->hash, room, &factory->len);
}

pqi_status node_join(node *n, const blob *challenge, blob *request)
{
    pqi_span room = blob_room(request);
    return pqi_host_device_join(&n->cfg, blob_span(challenge), &n->join, room, &request->len);
}

pqi_status node_install(fleet *f, node *n, const blob *grant, uint8_t confirm[PQI_CONFIRM_LEN])
{
    const pqi_now now = {0, f->now, 0};
    return pqi_host_device_install(&n->cfg, blob_span(grant), &now, confirm);
}

static pqi_status with_ca(fleet *f, pqi_host_ca **ca)
{
    return pqi_host_ca_open(ca, &f->ca_cfg);
}

pqi_status fleet_allow(fleet *f, const char *id, const uint8_t fp[32], int replace)
{
    pqi_host_ca *ca = NULL;
    pqi_host_ca_change change;
    pqi_host_ca_entry e;
    const pqi_scope scope = {text("plant/x"), PQI_RIGHT_PUB | PQI_RIGHT_SUB, PQI_CLASS_M};
    memset(&e, 0, sizeof e);
    e.id = text(id);
    memcpy(e.factory_fp, fp, 32);
    e.roles = PQI_CERT_ROLE_DEVICE;
    e.scopes = &scope;
    e.n_scopes = 1;
    e.replace_factory = replace;
    pqi_status st = with_ca(f, &ca);
    if (st == PQI_OK) {
        st = pqi_host_ca_allow(ca, &e, &change);
    }
    pqi_host_ca_close(ca);
    return st;
}

pqi_status fleet_challenge(fleet *f, const char *id, blob *out)
{
    pqi_host_ca *ca = NULL;
    pqi_span room = blob_room(out);
    pqi_status st = with_ca(f, &ca);
    if (st == PQI_OK) {
        st = pqi_host_ca_challenge(ca, text(id), room, &out->len);
    }
    pqi_host_ca_close(ca);
    return st;
}

pqi_status fleet_issue(fleet *f, const blob *request, blob *grant, pqi_host_ca_issued *done)
{
    pqi_host_ca *ca = NULL;
    pqi_span room = blob_room(grant);
    memset(done, 0, sizeof *done);
    pqi_status st = with_ca(f, &ca);
    if (st == PQI_OK) {
        st = pqi_host_ca_issue(ca, blob_span(request), 365, room, &grant->len, done);
    }
    pqi_host_ca_close(ca);
    return st;
}

pqi_status fleet_confirm(fleet *f, const uint8_t confirm[PQI_CONFIRM_LEN])
{
    pqi_host_ca *ca = NULL;
    pqi_host_ca_issued done;
    pqi_cspan c = {confirm, PQI_CONFIRM_LEN};
    pqi_status st = with_ca(f, &ca);
    if (st == PQI_OK) {
        st = pqi_host_ca_confirm(ca, c, &done);
    }
    pqi_host_ca_close(ca);
    return st;
}

void fleet_schema_2(fleet *f)
{
    static const char text[] =
        "DROP TRIGGER root_rises; DROP TRIGGER roster_rises; DROP TABLE roots;"
        "ALTER TABLE meta DROP COLUMN issuer_dir; ALTER TABLE meta DROP COLUMN roster_seq;"
        "DELETE FROM migrations WHERE version = 4;"
        "DROP TABLE aks; DROP TABLE ak_open; DROP TABLE eks;"
        "DELETE FROM migrations WHERE version = 5;"
        "CREATE TABLE revocations(roster_index INTEGER PRIMARY KEY,"
        " min_key_epoch INTEGER NOT NULL, reason INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;"
        "INSERT INTO revocations SELECT roster_index, min_key_epoch, reason, max(seq) + 1 FROM "
        "revlog"
        " GROUP BY roster_index;"
        "CREATE TRIGGER revocation_rises BEFORE UPDATE ON revocations"
        " WHEN NEW.min_key_epoch < OLD.min_key_epoch"
        " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
        "CREATE TRIGGER revocation_stays BEFORE DELETE ON revocations"
        " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
        "ALTER TABLE meta ADD COLUMN rev_seq INTEGER NOT NULL DEFAULT 1;"
        "ALTER TABLE meta ADD COLUMN revocations BLOB NOT NULL DEFAULT x'00';"
        "UPDATE meta SET rev_seq = 1 + (SELECT count(*) FROM revlog);"
        "DROP TABLE revlog; DELETE FROM migrations WHERE version = 3; PRAGMA user_version=2;";
    char path[160];
    sqlite3 *db = NULL;
    (void)snprintf(path, sizeof path, "%s/ca.db", f->ca_dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

void fleet_enrol(fleet *f, node *n)
{
    blob factory = {NULL, 0};
    pqi_host_device_status s;
    assert_int_equal(node_init(f, n, &factory), PQI_OK);
    assert_int_equal(pqi_host_device_get_status(&n->cfg, &s), PQI_OK);
    assert_int_equal(fleet_allow(f, n->id, s.factory_fp, 0), PQI_OK);
    blob_free(&factory);
}

pqi_status fleet_provision(fleet *f, node *n, uint32_t *epoch)
{
    blob a = {NULL, 0}, b = {NULL, 0};
    uint8_t confirm[PQI_CONFIRM_LEN];
    pqi_host_ca_issued done;
    *epoch = 0;
    pqi_status st = fleet_challenge(f, n->id, &a);
    if (st == PQI_OK) {
        st = node_join(n, &a, &b);
    }
    if (st == PQI_OK) {
        st = fleet_issue(f, &b, &a, &done);
    }
    if (st == PQI_OK) {
        st = node_install(f, n, &a, confirm);
    }
    if (st == PQI_OK) {
        *epoch = done.key_epoch;
        st = fleet_confirm(f, confirm);
    }
    blob_free(&a);
    blob_free(&b);
    return st;
}
