/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. One rollback journal instead of WAL: between operations the registry is one
 * file, which is what operators copy. synchronous=EXTRA also syncs the directory after the journal is
 * removed, so a commit that returned is durable. The triggers repeat the two rules that must never
 * break, whatever the code above does: epochs only rise, the audit table only grows. */
#include "port/linux/ca_db.h"

#include "port/linux/why.h"

#include <pqi/host_ca.h>

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* clang-format off */
static const char schema_1[] =
    "CREATE TABLE migrations(version INTEGER PRIMARY KEY, at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE meta(one INTEGER PRIMARY KEY CHECK(one = 1), fleet TEXT NOT NULL,"
    " fleet_id BLOB NOT NULL CHECK(length(fleet_id) = 16), root_version INTEGER NOT NULL,"
    " manifest BLOB NOT NULL, generation INTEGER NOT NULL, next_roster INTEGER NOT NULL,"
    " rev_seq INTEGER NOT NULL, revocations BLOB NOT NULL,"
    " restored INTEGER NOT NULL CHECK(restored IN (0, 1))) STRICT;"
    "CREATE TABLE devices(id TEXT PRIMARY KEY,"
    " factory_fp BLOB NOT NULL UNIQUE CHECK(length(factory_fp) = 32),"
    " roster_index INTEGER NOT NULL UNIQUE, roles INTEGER NOT NULL, gwset INTEGER NOT NULL,"
    " assurance INTEGER NOT NULL, state TEXT NOT NULL CHECK(state IN ('allowed', 'revoked')),"
    " last_epoch INTEGER NOT NULL DEFAULT 0) STRICT;"
    "CREATE TABLE scopes(device TEXT NOT NULL REFERENCES devices(id), pos INTEGER NOT NULL,"
    " prefix TEXT NOT NULL, rights INTEGER NOT NULL, class INTEGER NOT NULL,"
    " PRIMARY KEY(device, pos)) STRICT;"
    "CREATE TABLE challenges(nonce BLOB PRIMARY KEY CHECK(length(nonce) = 32),"
    " device TEXT NOT NULL REFERENCES devices(id), created INTEGER NOT NULL, used INTEGER) STRICT;"
    "CREATE TABLE certs(device TEXT NOT NULL REFERENCES devices(id), key_epoch INTEGER NOT NULL,"
    " key_id BLOB NOT NULL UNIQUE CHECK(length(key_id) = 16), encoded BLOB NOT NULL,"
    " state TEXT NOT NULL CHECK(state IN ('pending', 'active', 'superseded', 'revoked')),"
    " confirm_hash BLOB NOT NULL CHECK(length(confirm_hash) = 32),"
    " request_hash BLOB NOT NULL UNIQUE CHECK(length(request_hash) = 32), granted BLOB,"
    " issued_at INTEGER NOT NULL, confirmed_at INTEGER, not_after INTEGER NOT NULL,"
    " PRIMARY KEY(device, key_epoch)) STRICT;"
    "CREATE UNIQUE INDEX one_active ON certs(device) WHERE state = 'active';"
    "CREATE TABLE revocations(roster_index INTEGER PRIMARY KEY,"
    " min_key_epoch INTEGER NOT NULL, reason INTEGER NOT NULL, seq INTEGER NOT NULL) STRICT;"
    "CREATE TABLE audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
    " op TEXT NOT NULL, device TEXT NOT NULL, detail TEXT NOT NULL) STRICT;"
    "CREATE TRIGGER epoch_rises BEFORE UPDATE OF last_epoch ON devices"
    " WHEN NEW.last_epoch < OLD.last_epoch"
    " BEGIN SELECT RAISE(ABORT, 'key epochs only rise'); END;"
    "CREATE TRIGGER cert_epoch_rises BEFORE INSERT ON certs WHEN NEW.key_epoch <="
    " (SELECT last_epoch FROM devices WHERE id = NEW.device)"
    " BEGIN SELECT RAISE(ABORT, 'key epochs only rise'); END;"
    "CREATE TRIGGER device_stays BEFORE DELETE ON devices"
    " BEGIN SELECT RAISE(ABORT, 'devices are revoked, not removed'); END;"
    "CREATE TRIGGER revoked_stays BEFORE UPDATE OF state ON devices"
    " WHEN OLD.state = 'revoked' AND NEW.state <> 'revoked'"
    " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
    "CREATE TRIGGER revocation_rises BEFORE UPDATE ON revocations"
    " WHEN NEW.min_key_epoch < OLD.min_key_epoch"
    " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
    "CREATE TRIGGER revocation_stays BEFORE DELETE ON revocations"
    " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
    "CREATE TRIGGER generation_rises BEFORE UPDATE OF generation ON meta"
    " WHEN NEW.generation < OLD.generation"
    " BEGIN SELECT RAISE(ABORT, 'the generation only rises'); END;"
    "CREATE TRIGGER audit_stays BEFORE UPDATE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit table only grows'); END;"
    "CREATE TRIGGER audit_grows BEFORE DELETE ON audit"
    " BEGIN SELECT RAISE(ABORT, 'the audit table only grows'); END;";

/* What a join may ask for: pqi_alg_policy, set by init. Bit 1 of forbid is PQI_ALG_NOT_STANDARD, which
 * registries of before did not know and did not issue. */
static const char schema_2[] =
    "ALTER TABLE meta ADD COLUMN min_level INTEGER NOT NULL DEFAULT 0"
    " CHECK(min_level BETWEEN 0 AND 5);"
    "ALTER TABLE meta ADD COLUMN forbid INTEGER NOT NULL DEFAULT 1 CHECK(forbid BETWEEN 0 AND 255);";

/* Revocations are a log: entry seq of a root version is never another one, has no gap before it and never
 * goes. Of before there is the newest entry of each device; they are numbered anew in their order, as no
 * device has seen numbers of this log. What is signed is made from the log whenever it is asked for. */
static const char schema_3[] =
    "CREATE TABLE revlog(root_version INTEGER NOT NULL CHECK(root_version >= 1),"
    " seq INTEGER NOT NULL CHECK(seq BETWEEN 1 AND 4096), roster_index INTEGER NOT NULL"
    " CHECK(roster_index BETWEEN 0 AND 4294967295), min_key_epoch INTEGER NOT NULL"
    " CHECK(min_key_epoch BETWEEN 1 AND 4294967295), reason INTEGER NOT NULL"
    " CHECK(reason BETWEEN 0 AND 255), at INTEGER NOT NULL,"
    " PRIMARY KEY(root_version, seq)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX revlog_index ON revlog(roster_index);"
    "INSERT INTO revlog(root_version, seq, roster_index, min_key_epoch, reason, at)"
    " SELECT m.root_version, row_number() OVER (ORDER BY r.seq, r.roster_index), r.roster_index,"
    " r.min_key_epoch, r.reason, ifnull((SELECT max(a.at) FROM audit a JOIN devices d"
    " ON d.id = a.device WHERE a.op = 'revoke' AND d.roster_index = r.roster_index), 0)"
    " FROM revocations r JOIN meta m;"
    "CREATE TRIGGER revlog_grows BEFORE INSERT ON revlog WHEN NEW.seq <>"
    " (SELECT ifnull(max(seq), 0) + 1 FROM revlog WHERE root_version = NEW.root_version)"
    " BEGIN SELECT RAISE(ABORT, 'the log of revocations has no gaps'); END;"
    "CREATE TRIGGER revlog_stays BEFORE UPDATE ON revlog"
    " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
    "CREATE TRIGGER revlog_keeps BEFORE DELETE ON revlog"
    " BEGIN SELECT RAISE(ABORT, 'a revocation is final'); END;"
    "DROP TABLE revocations;"
    "ALTER TABLE meta DROP COLUMN rev_seq;"
    "ALTER TABLE meta DROP COLUMN revocations;";

/* A CA under a root that is made elsewhere and changes: where the issuer key is, the number of the newest
 * roster, and every root manifest that was in force. */
static const char schema_4[] =
    "ALTER TABLE meta ADD COLUMN issuer_dir TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE meta ADD COLUMN roster_seq INTEGER NOT NULL DEFAULT 0"
    " CHECK(roster_seq BETWEEN 0 AND 4294967295);"
    "CREATE TABLE roots(version INTEGER PRIMARY KEY CHECK(version >= 1), manifest BLOB NOT NULL,"
    " at INTEGER NOT NULL) STRICT;"
    "INSERT INTO roots(version, manifest, at) SELECT root_version, manifest, 0 FROM meta;"
    "CREATE TRIGGER root_rises BEFORE UPDATE OF root_version ON meta"
    " WHEN NEW.root_version < OLD.root_version"
    " BEGIN SELECT RAISE(ABORT, 'root versions only rise'); END;"
    "CREATE TRIGGER roots_stay BEFORE UPDATE ON roots"
    " BEGIN SELECT RAISE(ABORT, 'a root manifest is final'); END;"
    "CREATE TRIGGER roots_keep BEFORE DELETE ON roots"
    " BEGIN SELECT RAISE(ABORT, 'a root manifest is final'); END;"
    "CREATE TRIGGER roster_rises BEFORE UPDATE OF roster_seq ON meta"
    " WHEN NEW.roster_seq < OLD.roster_seq"
    " BEGIN SELECT RAISE(ABORT, 'roster numbers only rise'); END;";

/* Attestation keys: which TPM a device has, the open challenge, and every certificate. An endorsement key is
 * of one device, an attestation key as well; it is so once a proof came, as a request alone names any TPM. */
static const char schema_5[] =
    "CREATE TABLE eks(device TEXT PRIMARY KEY REFERENCES devices(id),"
    " ek_fp BLOB NOT NULL UNIQUE CHECK(length(ek_fp) = 32),"
    " certified INTEGER NOT NULL CHECK(certified IN (0, 1))) STRICT;"
    "CREATE TABLE ak_open(device TEXT PRIMARY KEY REFERENCES devices(id),"
    " ak_public BLOB NOT NULL, ak_name BLOB NOT NULL CHECK(length(ak_name) = 34),"
    " ek_fp BLOB NOT NULL CHECK(length(ek_fp) = 32),"
    " factory_fp BLOB NOT NULL CHECK(length(factory_fp) = 32),"
    " certified INTEGER NOT NULL CHECK(certified IN (0, 1)),"
    " replace_ek INTEGER NOT NULL CHECK(replace_ek IN (0, 1)),"
    " secret_hash BLOB NOT NULL CHECK(length(secret_hash) = 32),"
    " created INTEGER NOT NULL) STRICT;"
    "CREATE TABLE aks(serial INTEGER PRIMARY KEY AUTOINCREMENT,"
    " device TEXT NOT NULL REFERENCES devices(id),"
    " ak_name BLOB NOT NULL CHECK(length(ak_name) = 34),"
    " ek_fp BLOB NOT NULL CHECK(length(ek_fp) = 32), certified INTEGER NOT NULL,"
    " class TEXT NOT NULL, encoded BLOB NOT NULL, issued_at INTEGER NOT NULL,"
    " not_after INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER ak_of_one BEFORE INSERT ON aks WHEN EXISTS"
    " (SELECT 1 FROM aks WHERE ak_name = NEW.ak_name AND device <> NEW.device)"
    " BEGIN SELECT RAISE(ABORT, 'an attestation key is of one device'); END;"
    "CREATE TRIGGER aks_stay BEFORE UPDATE ON aks"
    " BEGIN SELECT RAISE(ABORT, 'the list of attestation keys only grows'); END;"
    "CREATE TRIGGER aks_keep BEFORE DELETE ON aks"
    " BEGIN SELECT RAISE(ABORT, 'the list of attestation keys only grows'); END;";

/* Step n brings version n to n + 1. */
static const char *const migrations[] = {schema_1, schema_2, schema_3, schema_4, schema_5};
/* clang-format on */

#define N_MIGRATIONS ((int64_t)(sizeof migrations / sizeof migrations[0]))
_Static_assert(sizeof migrations / sizeof migrations[0] == PQI_HOST_CA_SCHEMA, "schema version");

pqi_status pqi_ca_sql_why(sqlite3 *db, int rc)
{
    int base = rc & 0xff;
    if (base == SQLITE_BUSY || base == SQLITE_LOCKED) {
        return pqi_why(PQI_ERR_STATE, "the registry is in use by another process");
    }
    if (base == SQLITE_NOMEM) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    if (base == SQLITE_FULL) {
        return pqi_why(PQI_ERR_STORAGE, "the disk of the registry is full; nothing was changed");
    }
    return pqi_why(PQI_ERR_STORAGE, "the registry: %s", db != NULL ? sqlite3_errmsg(db) : "?");
}

static int bind_all(sqlite3_stmt *s, const char *kinds, va_list ap)
{
    int rc = SQLITE_OK;
    for (int i = 0; kinds[i] != '\0' && rc == SQLITE_OK; i++) {
        if (kinds[i] == 'i') {
            rc = sqlite3_bind_int64(s, i + 1, va_arg(ap, int64_t));
            continue;
        }
        pqi_cspan v = va_arg(ap, pqi_cspan);
        const char *ptr = v.ptr != NULL ? (const char *)v.ptr : "";
        rc = kinds[i] == 't' ? sqlite3_bind_text64(s, i + 1, ptr, v.len, SQLITE_STATIC, SQLITE_UTF8)
                             : sqlite3_bind_blob64(s, i + 1, ptr, v.len, SQLITE_STATIC);
    }
    return rc;
}

static pqi_status prepare(
    sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *kinds, va_list ap)
{
    *out = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, out, NULL);
    if (rc == SQLITE_OK) {
        rc = bind_all(*out, kinds, ap);
    }
    if (rc != SQLITE_OK) {
        pqi_status st = pqi_ca_sql_why(db, rc);
        (void)sqlite3_finalize(*out);
        *out = NULL;
        return st;
    }
    return PQI_OK;
}

pqi_status pqi_ca_prepare(sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *kinds, ...)
{
    va_list ap;
    va_start(ap, kinds);
    pqi_status st = prepare(db, out, sql, kinds, ap);
    va_end(ap);
    return st;
}

pqi_status pqi_ca_step(sqlite3 *db, sqlite3_stmt *s)
{
    int rc = sqlite3_step(s);
    if (rc == SQLITE_ROW) {
        return PQI_OK;
    }
    return rc == SQLITE_DONE ? PQI_ERR_MISSING : pqi_ca_sql_why(db, rc);
}

static pqi_status run_out(sqlite3 *db, sqlite3_stmt *s)
{
    pqi_status st;
    do {
        st = pqi_ca_step(db, s);
    } while (st == PQI_OK);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_ca_run(sqlite3 *db, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *s = NULL;
    va_list ap;
    va_start(ap, kinds);
    pqi_status st = prepare(db, &s, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = run_out(db, s);
    }
    (void)sqlite3_finalize(s); /* repeats the error of the last step */
    return st;
}

pqi_status pqi_ca_int(sqlite3 *db, int64_t *out, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *s = NULL;
    va_list ap;
    *out = 0;
    va_start(ap, kinds);
    pqi_status st = prepare(db, &s, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = pqi_ca_step(db, s);
    }
    if (st == PQI_OK) {
        *out = sqlite3_column_int64(s, 0);
    }
    (void)sqlite3_finalize(s);
    return st;
}

pqi_cspan pqi_ca_col(sqlite3_stmt *s, int col)
{
    const void *ptr = sqlite3_column_blob(s, col); /* before _bytes: the documented order */
    int n = sqlite3_column_bytes(s, col);
    pqi_cspan v = {ptr, ptr != NULL && n > 0 ? (size_t)n : 0};
    return v;
}

pqi_status pqi_ca_blob(
    sqlite3 *db, pqi_span out, size_t *len, const char *sql, const char *kinds, ...)
{
    sqlite3_stmt *s = NULL;
    va_list ap;
    *len = 0;
    va_start(ap, kinds);
    pqi_status st = prepare(db, &s, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = pqi_ca_step(db, s);
    }
    if (st == PQI_OK) {
        pqi_cspan v = pqi_ca_col(s, 0);
        *len = v.len;
        if (v.len > out.len) {
            st = PQI_ERR_SPACE;
        } else if (v.len > 0) {
            memcpy(out.ptr, v.ptr, v.len);
        }
    }
    (void)sqlite3_finalize(s);
    return st;
}

/* The file exists with mode 0600 before SQLite sees it, so no other mode ever exists. */
static pqi_status make_file(const char *path, int create)
{
    struct stat sb;
    if (create) {
        int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            (void)close(fd);
        } else if (errno != EEXIST) {
            return pqi_why(PQI_ERR_STORAGE, "cannot make %s: %s", path, strerror(errno));
        }
    }
    if (lstat(path, &sb) != 0) {
        return errno == ENOENT || errno == ENOTDIR
                   ? pqi_why(PQI_ERR_MISSING, "there is no CA here: %s does not exist", path)
                   : pqi_why(PQI_ERR_STORAGE, "cannot read %s: %s", path, strerror(errno));
    }
    if (!S_ISREG(sb.st_mode) || sb.st_uid != geteuid() || (sb.st_mode & 077) != 0) {
        return pqi_why(PQI_ERR_STORAGE, "%s must be a file of yours with mode 0600", path);
    }
    return PQI_OK;
}

static pqi_status set_up(sqlite3 *db)
{
    static const char *const pragmas[] = {"PRAGMA journal_mode=DELETE", "PRAGMA synchronous=EXTRA",
        "PRAGMA foreign_keys=ON", "PRAGMA trusted_schema=OFF", "PRAGMA cell_size_check=ON",
        "PRAGMA secure_delete=ON", "PRAGMA temp_store=MEMORY"};
    pqi_status st = PQI_OK;
    (void)sqlite3_extended_result_codes(db, 1);
    (void)sqlite3_busy_timeout(db, 5000);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    for (size_t i = 0; i < sizeof pragmas / sizeof pragmas[0] && st == PQI_OK; i++) {
        st = pqi_ca_run(db, pragmas[i], "");
    }
    int64_t on = 0;
    if (st == PQI_OK) {
        st = pqi_ca_int(db, &on, "PRAGMA foreign_keys", "");
    }
    return st == PQI_OK && on != 1
               ? pqi_why(PQI_ERR_UNSUPPORTED, "this SQLite is built without foreign keys")
               : st;
}

static pqi_status migrate_from(sqlite3 *db, int64_t version, int64_t now)
{
    pqi_status st = pqi_ca_run(db, "BEGIN IMMEDIATE", "");
    for (int64_t v = version; v < N_MIGRATIONS && st == PQI_OK; v++) {
        int rc = sqlite3_exec(db, migrations[v], NULL, NULL, NULL);
        st = rc == SQLITE_OK ? PQI_OK : pqi_ca_sql_why(db, rc);
        if (st == PQI_OK) {
            st = pqi_ca_run(
                db, "INSERT INTO migrations(version, at) VALUES(?, ?)", "ii", v + 1, now);
        }
    }
    char sql[64];
    (void)sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA user_version=%d", PQI_HOST_CA_SCHEMA);
    if (st == PQI_OK) {
        st = pqi_ca_run(db, sql, "");
    }
    (void)sqlite3_snprintf((int)sizeof sql, sql, "PRAGMA application_id=%d", PQI_HOST_CA_APP_ID);
    if (st == PQI_OK) {
        st = pqi_ca_run(db, sql, "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(db, "COMMIT", "");
    }
    if (st != PQI_OK && !sqlite3_get_autocommit(db)) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return st;
}

static pqi_status check_version(sqlite3 *db, int create, int64_t now)
{
    int64_t version = 0, app = 0, objects = 0;
    pqi_status st = pqi_ca_int(db, &version, "PRAGMA user_version", "");
    if (st == PQI_OK) {
        st = pqi_ca_int(db, &app, "PRAGMA application_id", "");
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(db, &objects, "SELECT count(*) FROM sqlite_schema", "");
    }
    if (st != PQI_OK) {
        return st;
    }
    int empty = version == 0 && app == 0 && objects == 0;
    if (empty && !create) {
        return pqi_why(PQI_ERR_MISSING, "the registry is empty: run pqi ca init again");
    }
    if (!empty && app != PQI_HOST_CA_APP_ID) {
        return pqi_why(PQI_ERR_STORAGE, "ca.db is a database of another program");
    }
    if (version > PQI_HOST_CA_SCHEMA) {
        return pqi_why(PQI_ERR_UNSUPPORTED,
            "the registry has schema %lld and this program knows up to %d: use a newer pqi",
            (long long)version, PQI_HOST_CA_SCHEMA);
    }
    return version < PQI_HOST_CA_SCHEMA ? migrate_from(db, version, now) : PQI_OK;
}

static pqi_status check_integrity(sqlite3 *db)
{
    sqlite3_stmt *s = NULL;
    pqi_status st = pqi_ca_prepare(db, &s, "PRAGMA integrity_check(1)", "");
    if (st == PQI_OK) {
        st = pqi_ca_step(db, s);
    }
    if (st == PQI_OK) {
        pqi_cspan v = pqi_ca_col(s, 0);
        if (v.len != 2 || memcmp(v.ptr, "ok", 2) != 0) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry is damaged: restore a backup");
        }
    }
    (void)sqlite3_finalize(s);
    if (st != PQI_OK) {
        return st;
    }
    int64_t n = 0;
    st = pqi_ca_int(db, &n, "SELECT count(*) FROM pragma_foreign_key_check", "");
    return st == PQI_OK && n != 0
               ? pqi_why(PQI_ERR_STORAGE, "the registry contradicts itself: restore a backup")
               : st;
}

pqi_status pqi_ca_db_open(const char *dir, int create, int64_t now, sqlite3 **out)
{
    char path[PQI_DIR_PATH_MAX];
    sqlite3 *db = NULL;
    *out = NULL;
    pqi_status st = pqi_dir_path(dir, "ca.db", path);
    if (st == PQI_OK) {
        st = make_file(path, create);
    }
    if (st != PQI_OK) {
        return st;
    }
    int rc = sqlite3_open_v2(
        path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW | SQLITE_OPEN_FULLMUTEX, NULL);
    st = rc == SQLITE_OK ? set_up(db) : pqi_ca_sql_why(db, rc);
    if (st == PQI_OK) {
        st = check_version(db, create, now);
    }
    if (st == PQI_OK) {
        st = check_integrity(db);
    }
    if (st != PQI_OK) {
        (void)sqlite3_close(db);
        return st;
    }
    *out = db;
    return PQI_OK;
}

void pqi_ca_db_close(sqlite3 *db)
{
    (void)sqlite3_close(db); /* every statement was finalized by its function */
}
