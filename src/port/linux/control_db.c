/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. The schema is written so that both backends read it alike: BIGINT, BYTEA and
 * TEXT are names that SQLite takes as well, lengths are checked with length(). Every writing
 * transaction begins with a write of the one row of pqi_state, so that writers queue there on both, and
 * what they read afterwards is current. */
#include "port/linux/control_db.h"

#include "port/linux/why.h"

#include <pqi/host_control.h>

#include <string.h>

/* clang-format off */
static const char schema_1[] =
    "CREATE TABLE pqi_migrations(version BIGINT PRIMARY KEY, at BIGINT NOT NULL);"
    "CREATE TABLE pqi_state(one BIGINT PRIMARY KEY CHECK(one = 1), writes BIGINT NOT NULL,"
    " changes BIGINT NOT NULL, skip BIGINT NOT NULL, tick_number BIGINT NOT NULL,"
    " tick_at BIGINT NOT NULL, delegates BYTEA NOT NULL);"
    "INSERT INTO pqi_state VALUES(1, 0, 0, 0, 0, 0, '');"
    "CREATE TABLE pqi_lease(one BIGINT PRIMARY KEY CHECK(one = 1), holder TEXT NOT NULL,"
    " fence BIGINT NOT NULL, expires BIGINT NOT NULL);"
    "INSERT INTO pqi_lease VALUES(1, '', 0, 0);"
    "CREATE TABLE pqi_roots(root_version BIGINT PRIMARY KEY,"
    " hash BYTEA NOT NULL UNIQUE CHECK(length(hash) = 32), encoded BYTEA NOT NULL,"
    " at BIGINT NOT NULL);"
    "CREATE TABLE pqi_tokens(root_version BIGINT PRIMARY KEY REFERENCES pqi_roots(root_version),"
    " heads BIGINT NOT NULL, sealed BYTEA NOT NULL);"
    "CREATE TABLE pqi_heads(root_version BIGINT NOT NULL REFERENCES pqi_roots(root_version),"
    " head_epoch BIGINT NOT NULL CHECK(head_epoch >= 1),"
    " hash BYTEA NOT NULL UNIQUE CHECK(length(hash) = 32), tick_base BIGINT NOT NULL,"
    " rev_seq BIGINT NOT NULL, what BIGINT NOT NULL, made_by TEXT NOT NULL, at BIGINT NOT NULL,"
    " encoded BYTEA NOT NULL, PRIMARY KEY(root_version, head_epoch));"
    "CREATE TABLE pqi_seed(one BIGINT PRIMARY KEY CHECK(one = 1), root_version BIGINT NOT NULL,"
    " head_epoch BIGINT NOT NULL, sealed BYTEA NOT NULL);"
    "CREATE TABLE pqi_policies(root_version BIGINT NOT NULL REFERENCES pqi_roots(root_version),"
    " seq BIGINT NOT NULL CHECK(seq >= 1), hash BYTEA NOT NULL CHECK(length(hash) = 32),"
    " at BIGINT NOT NULL, encoded BYTEA NOT NULL, PRIMARY KEY(root_version, seq));"
    "CREATE TABLE pqi_rosters(root_version BIGINT NOT NULL REFERENCES pqi_roots(root_version),"
    " seq BIGINT NOT NULL CHECK(seq >= 1), size BIGINT NOT NULL,"
    " root BYTEA NOT NULL CHECK(length(root) = 32), at BIGINT NOT NULL, encoded BYTEA NOT NULL,"
    " PRIMARY KEY(root_version, seq));"
    "CREATE TABLE pqi_leaves(root_version BIGINT NOT NULL, seq BIGINT NOT NULL,"
    " position BIGINT NOT NULL, roster_index BIGINT NOT NULL, key_epoch BIGINT NOT NULL,"
    " cert_hash BYTEA NOT NULL CHECK(length(cert_hash) = 32), device TEXT NOT NULL,"
    " not_after BIGINT NOT NULL, PRIMARY KEY(root_version, seq, position));"
    "CREATE TABLE pqi_segments(root_version BIGINT NOT NULL REFERENCES pqi_roots(root_version),"
    " start BIGINT NOT NULL, until BIGINT NOT NULL, quorum BIGINT NOT NULL CHECK(quorum IN (0, 1)),"
    " at BIGINT NOT NULL, encoded BYTEA NOT NULL, PRIMARY KEY(root_version, start, until, quorum));"
    "CREATE TABLE pqi_entries(root_version BIGINT NOT NULL REFERENCES pqi_roots(root_version),"
    " seq BIGINT NOT NULL CHECK(seq >= 1), roster_index BIGINT NOT NULL,"
    " min_epoch BIGINT NOT NULL CHECK(min_epoch >= 1), reason BIGINT NOT NULL,"
    " hash BYTEA NOT NULL CHECK(length(hash) = 32), quorum BIGINT NOT NULL CHECK(quorum IN (0, 1)),"
    " at BIGINT NOT NULL, PRIMARY KEY(root_version, seq));"
    "CREATE TABLE pqi_seen(device TEXT PRIMARY KEY, root_version BIGINT NOT NULL,"
    " head_epoch BIGINT NOT NULL, tick BIGINT NOT NULL, policy_seq BIGINT NOT NULL,"
    " rev_seq BIGINT NOT NULL, roster_seq BIGINT NOT NULL, known BIGINT NOT NULL,"
    " answered BIGINT NOT NULL, at BIGINT NOT NULL);"
    "CREATE TABLE pqi_audit(seq BIGINT PRIMARY KEY, at BIGINT NOT NULL, who TEXT NOT NULL,"
    " op TEXT NOT NULL, detail TEXT NOT NULL);";

/* Step n brings version n to n + 1; the backend's rules of that version follow it. */
static const char *const migrations[] = {schema_1};
/* clang-format on */

#define N_MIGRATIONS (sizeof migrations / sizeof migrations[0])
_Static_assert(N_MIGRATIONS == PQI_HOST_CONTROL_SCHEMA, "schema version");

static size_t collect(pqi_cdb_arg *args, const char *kinds, va_list ap)
{
    size_t n = 0;
    for (; kinds[n] != '\0' && n < PQI_CDB_ARGS_MAX; n++) {
        args[n].kind = kinds[n];
        if (kinds[n] == 'i') {
            args[n].num = va_arg(ap, int64_t);
        } else {
            args[n].bytes = va_arg(ap, pqi_cspan);
        }
    }
    return n;
}

static pqi_status vquery(
    pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const char *kinds, va_list ap)
{
    pqi_cdb_arg args[PQI_CDB_ARGS_MAX];
    memset(r, 0, sizeof *r);
    memset(args, 0, sizeof args);
    r->db = db;
    r->row = -1;
    size_t n = collect(args, kinds, ap);
    return db->ops->query(db, r, sql, args, n);
}

pqi_status pqi_cdb_query(pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const char *kinds, ...)
{
    va_list ap;
    va_start(ap, kinds);
    pqi_status st = vquery(db, r, sql, kinds, ap);
    va_end(ap);
    return st;
}

pqi_status pqi_cdb_step(pqi_cdb_rows *r)
{
    return r->db->ops->step(r);
}

void pqi_cdb_done(pqi_cdb_rows *r)
{
    if (r->db != NULL) {
        r->db->ops->done(r);
        r->stmt = NULL;
    }
}

int64_t pqi_cdb_col_int(const pqi_cdb_rows *r, int col)
{
    return r->db->ops->integer(r, col);
}

uint32_t pqi_cdb_col_u32(const pqi_cdb_rows *r, int col)
{
    int64_t v = pqi_cdb_col_int(r, col);
    return v < 0 || v > (int64_t)UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

pqi_cspan pqi_cdb_col(const pqi_cdb_rows *r, int col)
{
    return r->db->ops->bytes(r, col);
}

pqi_status pqi_cdb_col_copy(const pqi_cdb_rows *r, int col, uint8_t *out, size_t n)
{
    pqi_cspan v = pqi_cdb_col(r, col);
    if (v.len != n) {
        memset(out, 0, n);
        return pqi_why(PQI_ERR_STORAGE, "the store is damaged: a value has an impossible length");
    }
    memcpy(out, v.ptr, n);
    return PQI_OK;
}

static pqi_status run_out(pqi_cdb_rows *r)
{
    pqi_status st;
    do {
        st = pqi_cdb_step(r);
    } while (st == PQI_OK);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_cdb_run(pqi_cdb *db, const char *sql, const char *kinds, ...)
{
    pqi_cdb_rows r;
    va_list ap;
    va_start(ap, kinds);
    pqi_status st = vquery(db, &r, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = run_out(&r);
        pqi_cdb_done(&r);
    }
    return st;
}

pqi_status pqi_cdb_run_n(pqi_cdb *db, int64_t *changed, const char *sql, const char *kinds, ...)
{
    pqi_cdb_rows r;
    va_list ap;
    *changed = 0;
    va_start(ap, kinds);
    pqi_status st = vquery(db, &r, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = run_out(&r);
        *changed = st == PQI_OK ? r.changed : 0;
        pqi_cdb_done(&r);
    }
    return st;
}

pqi_status pqi_cdb_int(pqi_cdb *db, int64_t *out, const char *sql, const char *kinds, ...)
{
    pqi_cdb_rows r;
    va_list ap;
    *out = 0;
    va_start(ap, kinds);
    pqi_status st = vquery(db, &r, sql, kinds, ap);
    va_end(ap);
    if (st == PQI_OK) {
        st = pqi_cdb_step(&r);
        *out = st == PQI_OK ? pqi_cdb_col_int(&r, 0) : 0;
        pqi_cdb_done(&r);
    }
    return st;
}

pqi_status pqi_cdb_blob(
    pqi_cdb *db, pqi_span out, size_t *len, const char *sql, const char *kinds, ...)
{
    pqi_cdb_rows r;
    va_list ap;
    *len = 0;
    va_start(ap, kinds);
    pqi_status st = vquery(db, &r, sql, kinds, ap);
    va_end(ap);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        pqi_cspan v = pqi_cdb_col(&r, 0);
        *len = v.len;
        if (v.len > out.len) {
            st = PQI_ERR_SPACE;
        } else if (v.len > 0) {
            memcpy(out.ptr, v.ptr, v.len);
        }
    }
    pqi_cdb_done(&r);
    return st;
}

pqi_status pqi_cdb_begin(pqi_cdb *db, int write)
{
    pqi_status st = db->ops->begin(db, write);
    if (st == PQI_OK && write) {
        st = pqi_cdb_run(db, "UPDATE pqi_state SET writes = writes + 1 WHERE one = 1", "");
        if (st != PQI_OK) {
            db->ops->rollback(db);
        }
    }
    return st;
}

pqi_status pqi_cdb_end(pqi_cdb *db, pqi_status st)
{
    if (st == PQI_OK) {
        st = db->ops->commit(db);
    }
    if (st != PQI_OK) {
        db->ops->rollback(db);
    }
    return st;
}

/* ---- opening ------------------------------------------------------------------------------------ */

/* Version of the schema; 0: there is none yet. */
static pqi_status version_of(pqi_cdb *db, unsigned *out)
{
    int whose = 0;
    int64_t version = 0;
    *out = 0;
    pqi_status st = db->ops->whose(db, &whose);
    if (st == PQI_OK && whose < 0) {
        return pqi_why(PQI_ERR_STORAGE, "the store holds tables of another program");
    }
    if (st == PQI_OK && whose > 0) {
        st = pqi_cdb_int(db, &version, "SELECT coalesce(max(version), 0) FROM pqi_migrations", "");
    }
    if (st == PQI_OK && version > (int64_t)PQI_HOST_CONTROL_SCHEMA) {
        return pqi_why(PQI_ERR_UNSUPPORTED,
            "the store has schema %lld and this program knows up to %u: use a newer one",
            (long long)version, PQI_HOST_CONTROL_SCHEMA);
    }
    *out = (unsigned)version;
    return st;
}

static pqi_status migrate(pqi_cdb *db, int64_t now_s)
{
    unsigned v = 0;
    pqi_status st = db->ops->begin(db, 1);
    if (st != PQI_OK) {
        return st;
    }
    st = version_of(db, &v); /* once more: another process may have been quicker */
    for (; v < N_MIGRATIONS && st == PQI_OK; v++) {
        st = db->ops->script(db, migrations[v]);
        if (st == PQI_OK) {
            st = db->ops->script(db, db->ops->rules(v + 1));
        }
        if (st == PQI_OK) {
            st = pqi_cdb_run(db, "INSERT INTO pqi_migrations(version, at) VALUES($1, $2)", "ii",
                (int64_t)v + 1, now_s);
        }
    }
    return pqi_cdb_end(db, st);
}

static pqi_status open_one(pqi_cdb **out, const char *dir, const char *store)
{
    char path[PQI_DIR_PATH_MAX];
    if (store != NULL && store[0] != '/') {
        return pqi_cdb_open_pg(out, store);
    }
    if (store != NULL) {
        return pqi_cdb_open_sqlite(out, store);
    }
    pqi_status st = pqi_dir_path(dir, "control.db", path);
    return st == PQI_OK ? pqi_cdb_open_sqlite(out, path) : st;
}

pqi_status pqi_cdb_open(pqi_cdb **out, const char *dir, const char *store, int64_t now_s)
{
    pqi_cdb *db = NULL;
    *out = NULL;
    pqi_status st = open_one(&db, dir, store);
    unsigned version = 0;
    if (st == PQI_OK) {
        st = version_of(db, &version);
    }
    if (st == PQI_OK && version < N_MIGRATIONS) {
        st = migrate(db, now_s);
    }
    if (st != PQI_OK) {
        pqi_cdb_close(db);
        return st;
    }
    *out = db;
    return PQI_OK;
}

void pqi_cdb_close(pqi_cdb *db)
{
    if (db != NULL) {
        db->ops->close(db);
    }
}
