/* SPDX-License-Identifier: Apache-2.0
 * The control plane's store over SQLite: one file, mode 0600, in the control directory.
 *
 * Implementation notes. A rollback journal and synchronous=EXTRA for the reasons of ca_db.c: between
 * operations the store is one file, and a commit that returned is durable. */
#include "port/linux/control_db.h"

#include "port/linux/why.h"

#include <pqi/host_control.h>

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct lite {
    pqi_cdb base;
    sqlite3 *db;
} lite;

static lite *of(pqi_cdb *db)
{
    return (lite *)(void *)db;
}

static pqi_status why(sqlite3 *db, int rc)
{
    int base = rc & 0xff;
    if (base == SQLITE_BUSY || base == SQLITE_LOCKED) {
        return pqi_why(PQI_ERR_STATE, "the store is in use by another process");
    }
    if (base == SQLITE_NOMEM) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    if (base == SQLITE_FULL) {
        return pqi_why(PQI_ERR_STORAGE, "the disk of the store is full; nothing was changed");
    }
    return pqi_why(PQI_ERR_STORAGE, "the store: %s", db != NULL ? sqlite3_errmsg(db) : "?");
}

static pqi_status lite_script(pqi_cdb *db, const char *sql)
{
    int rc = sqlite3_exec(of(db)->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? PQI_OK : why(of(db)->db, rc);
}

static pqi_status lite_begin(pqi_cdb *db, int write)
{
    return lite_script(db, write ? "BEGIN IMMEDIATE" : "BEGIN");
}

static pqi_status lite_commit(pqi_cdb *db)
{
    return lite_script(db, "COMMIT");
}

static void lite_rollback(pqi_cdb *db)
{
    if (!sqlite3_get_autocommit(of(db)->db)) { /* SQLite may have rolled back itself */
        (void)sqlite3_exec(of(db)->db, "ROLLBACK", NULL, NULL, NULL);
    }
}

/* "$n" is a name to SQLite: its place follows the first use, not the number. */
static int bind(sqlite3_stmt *s, size_t i, const pqi_cdb_arg *a)
{
    char name[8];
    (void)snprintf(name, sizeof name, "$%u", (unsigned)i + 1);
    int at = sqlite3_bind_parameter_index(s, name);
    const char *ptr = a->bytes.ptr != NULL ? (const char *)a->bytes.ptr : "";
    if (at == 0) {
        return SQLITE_RANGE;
    }
    if (a->kind == 'i') {
        return sqlite3_bind_int64(s, at, a->num);
    }
    return a->kind == 't'
               ? sqlite3_bind_text64(s, at, ptr, a->bytes.len, SQLITE_STATIC, SQLITE_UTF8)
               : sqlite3_bind_blob64(s, at, ptr, a->bytes.len, SQLITE_STATIC);
}

static void lite_done(pqi_cdb_rows *r)
{
    (void)sqlite3_finalize((sqlite3_stmt *)r->stmt); /* repeats the error of the last step */
    r->stmt = NULL;
}

static pqi_status lite_query(
    pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const pqi_cdb_arg *args, size_t n)
{
    sqlite3_stmt *s = NULL;
    int rc = sqlite3_prepare_v2(of(db)->db, sql, -1, &s, NULL);
    for (size_t i = 0; i < n && rc == SQLITE_OK; i++) {
        rc = bind(s, i, &args[i]);
    }
    if (rc != SQLITE_OK) {
        pqi_status st = why(of(db)->db, rc);
        (void)sqlite3_finalize(s);
        return st;
    }
    r->stmt = s;
    return PQI_OK;
}

static pqi_status lite_step(pqi_cdb_rows *r)
{
    sqlite3 *db = of(r->db)->db;
    int rc = sqlite3_step((sqlite3_stmt *)r->stmt);
    if (rc == SQLITE_ROW) {
        r->row++;
        return PQI_OK;
    }
    if (rc != SQLITE_DONE) {
        return why(db, rc);
    }
    r->changed = sqlite3_changes64(db);
    return PQI_ERR_MISSING;
}

static int64_t lite_integer(const pqi_cdb_rows *r, int col)
{
    return sqlite3_column_int64((sqlite3_stmt *)r->stmt, col);
}

static pqi_cspan lite_bytes(const pqi_cdb_rows *r, int col)
{
    sqlite3_stmt *s = (sqlite3_stmt *)r->stmt;
    const void *ptr = sqlite3_column_blob(s, col); /* before _bytes: the documented order */
    int n = sqlite3_column_bytes(s, col);
    pqi_cspan v = {ptr, ptr != NULL && n > 0 ? (size_t)n : 0};
    return v;
}

static pqi_status lite_whose(pqi_cdb *db, int *out)
{
    int64_t app = 0, objects = 0;
    pqi_status st = pqi_cdb_int(db, &app, "PRAGMA application_id", "");
    if (st == PQI_OK) {
        st = pqi_cdb_int(db, &objects, "SELECT count(*) FROM sqlite_schema", "");
    }
    *out = app == PQI_HOST_CONTROL_APP_ID ? 1 : app == 0 && objects == 0 ? 0 : -1;
    return st;
}

/* clang-format off */
#define GROWS(table) \
    "CREATE TRIGGER " table "_stays BEFORE UPDATE ON " table \
    " BEGIN SELECT RAISE(ABORT, '" table " only grows'); END;" \
    "CREATE TRIGGER " table "_grows BEFORE DELETE ON " table \
    " BEGIN SELECT RAISE(ABORT, '" table " only grows'); END;"

static const char rules_1[] =
    "PRAGMA application_id=1347504452;"
    GROWS("pqi_roots") GROWS("pqi_tokens") GROWS("pqi_heads") GROWS("pqi_policies")
    GROWS("pqi_rosters") GROWS("pqi_segments") GROWS("pqi_audit")
    "CREATE TRIGGER pqi_entries_stay BEFORE UPDATE ON pqi_entries WHEN"
    " NEW.root_version <> OLD.root_version OR NEW.seq <> OLD.seq OR"
    " NEW.roster_index <> OLD.roster_index OR NEW.min_epoch <> OLD.min_epoch OR"
    " NEW.reason <> OLD.reason OR NEW.hash <> OLD.hash OR NEW.at <> OLD.at OR"
    " NEW.quorum < OLD.quorum"
    " BEGIN SELECT RAISE(ABORT, 'pqi_entries only grows'); END;"
    "CREATE TRIGGER pqi_entries_grow BEFORE DELETE ON pqi_entries"
    " BEGIN SELECT RAISE(ABORT, 'pqi_entries only grows'); END;"
    "CREATE TRIGGER pqi_state_rises BEFORE UPDATE ON pqi_state WHEN"
    " NEW.changes < OLD.changes OR NEW.tick_number < OLD.tick_number"
    " BEGIN SELECT RAISE(ABORT, 'the time of the fleet only rises'); END;";
/* clang-format on */
_Static_assert(PQI_HOST_CONTROL_APP_ID == 1347504452, "application id");

static const char *lite_rules(unsigned v)
{
    return v == 1 ? rules_1 : "";
}

static pqi_status lite_check(pqi_cdb *db)
{
    pqi_cdb_rows r;
    int64_t n = 0;
    pqi_status st = pqi_cdb_query(db, &r, "PRAGMA integrity_check(1)", "");
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        pqi_cspan v = pqi_cdb_col(&r, 0);
        if (v.len != 2 || memcmp(v.ptr, "ok", 2) != 0) {
            st = pqi_why(PQI_ERR_STORAGE, "the store is damaged: restore a backup");
        }
    }
    pqi_cdb_done(&r);
    if (st == PQI_OK) {
        st = pqi_cdb_int(db, &n, "SELECT count(*) FROM pragma_foreign_key_check", "");
    }
    return st == PQI_OK && n != 0
               ? pqi_why(PQI_ERR_STORAGE, "the store contradicts itself: restore a backup")
               : st;
}

static void lite_close(pqi_cdb *db)
{
    (void)sqlite3_close(of(db)->db);
    free(of(db));
}

static const pqi_cdb_ops ops = {
    .name = "sqlite",
    .begin = lite_begin,
    .commit = lite_commit,
    .rollback = lite_rollback,
    .script = lite_script,
    .query = lite_query,
    .step = lite_step,
    .integer = lite_integer,
    .bytes = lite_bytes,
    .done = lite_done,
    .whose = lite_whose,
    .rules = lite_rules,
    .check = lite_check,
    .close = lite_close,
};

/* SQLite writes back what a journal beside its file says, whoever left it there. */
static pqi_status check_folder(const char *path)
{
    char dir[PQI_DIR_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    if (n >= sizeof dir) {
        return pqi_why(PQI_ERR_ARG, "the path %.40s... is too long", path);
    }
    memcpy(dir, n != 0 ? path : ".", n != 0 ? n : 1);
    dir[n != 0 ? n : 1] = '\0';
    return pqi_dir_unshared(dir);
}

/* The file exists with mode 0600 before SQLite sees it, so no other mode ever exists. */
static pqi_status make_file(const char *path)
{
    struct stat sb;
    pqi_status st = check_folder(path);
    if (st != PQI_OK) {
        return st;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0) {
        (void)close(fd);
    } else if (errno != EEXIST) {
        return pqi_why(errno == ENOENT ? PQI_ERR_MISSING : PQI_ERR_STORAGE, "cannot make %s: %s",
            path, strerror(errno));
    }
    if (lstat(path, &sb) != 0) {
        return pqi_why(PQI_ERR_STORAGE, "cannot read %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(sb.st_mode) || sb.st_uid != geteuid() || (sb.st_mode & 077) != 0) {
        return pqi_why(PQI_ERR_STORAGE, "%s must be a file of yours with mode 0600", path);
    }
    return PQI_OK;
}

static pqi_status set_up(pqi_cdb *db)
{
    static const char *const pragmas[] = {"PRAGMA journal_mode=DELETE", "PRAGMA synchronous=EXTRA",
        "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON",
        "PRAGMA secure_delete=ON", "PRAGMA temp_store=MEMORY"};
    sqlite3 *s = of(db)->db;
    pqi_status st = PQI_OK;
    int64_t on = 0;
    (void)sqlite3_extended_result_codes(s, 1);
    (void)sqlite3_busy_timeout(s, 5000);
    (void)sqlite3_db_config(s, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0] && st == PQI_OK; i++) {
        st = pqi_cdb_run(db, pragmas[i], "");
    }
    if (st == PQI_OK) {
        st = pqi_cdb_int(db, &on, "PRAGMA foreign_keys", "");
    }
    return st == PQI_OK && on != 1
               ? pqi_why(PQI_ERR_UNSUPPORTED, "this SQLite is built without foreign keys")
               : st;
}

pqi_status pqi_cdb_open_sqlite(pqi_cdb **out, const char *path)
{
    *out = NULL;
    pqi_status st = make_file(path);
    if (st != PQI_OK) {
        return st;
    }
    lite *l = calloc(1, sizeof *l);
    if (l == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    l->base.ops = &ops;
    int rc = sqlite3_open_v2(
        path, &l->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_FULLMUTEX, NULL);
    st = rc == SQLITE_OK ? set_up(&l->base) : why(l->db, rc);
    if (st != PQI_OK) {
        lite_close(&l->base);
        return st;
    }
    *out = &l->base;
    return PQI_OK;
}
