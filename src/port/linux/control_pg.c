/* SPDX-License-Identifier: Apache-2.0
 * The control plane's store over PostgreSQL. Values travel in binary, so no byte of an object is ever
 * part of a statement's text.
 *
 * Implementation notes. Writers queue on an advisory lock, which also covers the moment before there
 * are tables. A lost connection fails the transaction it was in; the next one connects again. Whether a
 * commit whose answer was lost took place is read from the store, as after any other restart. */
#include "port/linux/control_db.h"

#include "port/linux/why.h"

#include <pqi/host_control.h>

#ifdef PQI_HAVE_LIBPQ

#include "port/linux/test_point.h"

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Type ids of the system catalogue, which never change. */
#define OID_BYTEA 17u
#define OID_INT8  20u
#define OID_TEXT  25u

typedef struct pg {
    pqi_cdb base;
    PGconn *conn;
    int open; /* in a transaction */
} pg;

static pg *of(pqi_cdb *db)
{
    return (pg *)(void *)db;
}

static pqi_status fail(PGconn *conn, const PGresult *res)
{
    const char *state = res != NULL ? PQresultErrorField(res, PG_DIAG_SQLSTATE) : NULL;
    const char *text = res != NULL ? PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    if (text == NULL) {
        text = conn != NULL ? PQerrorMessage(conn) : "out of memory";
    }
    if (state != NULL && (strcmp(state, "55P03") == 0 || strncmp(state, "40", 2) == 0)) {
        return pqi_why(PQI_ERR_STATE, "the store is in use by another process");
    }
    if (state != NULL && strcmp(state, "53100") == 0) {
        return pqi_why(PQI_ERR_STORAGE, "the disk of the store is full; nothing was changed");
    }
    return pqi_why(PQI_ERR_STORAGE, "the store: %.*s", (int)strcspn(text, "\n"), text);
}

/* Before there is a connection libpq quotes the URL or a part of it, and with it the password. */
static pqi_status no_connection(PGconn *conn)
{
    static const char reached[] = "connection to server ";
    const char *text = conn != NULL ? PQerrorMessage(conn) : "out of memory";
    char safe[200];
    size_t n = 0;
    bool quoted = false;
    if (strncmp(text, reached, sizeof reached - 1) == 0) {
        return fail(conn, NULL);
    }
    for (; *text != '\0' && *text != '\n' && n < sizeof safe - 1; text++) {
        quoted = *text == '"' ? !quoted : quoted;
        if (!quoted || *text == '"') {
            safe[n++] = *text;
        }
    }
    safe[n] = '\0';
    return pqi_why(PQI_ERR_STORAGE,
        "the store: %s (a password may be in its URL, which is not shown: in a password write @ as "
        "%%40, / as %%2F)",
        safe);
}

static pqi_status set_up(PGconn *conn)
{
    static const char sql[] = "SET client_min_messages = warning; SET lock_timeout = '10s';"
                              " SET statement_timeout = '60s';"
                              " SET idle_in_transaction_session_timeout = '60s';"
                              " SET synchronous_commit = on; SET standard_conforming_strings = on";
    PGresult *res = PQexec(conn, sql);
    pqi_status st = PQresultStatus(res) == PGRES_COMMAND_OK ? PQI_OK : fail(conn, res);
    PQclear(res);
    return st;
}

/* Outside of a transaction a dead connection is made anew. */
static pqi_status alive(pg *p)
{
    if (PQstatus(p->conn) == CONNECTION_OK) {
        return PQI_OK;
    }
    if (p->open) {
        return fail(p->conn, NULL);
    }
    PQreset(p->conn);
    return PQstatus(p->conn) == CONNECTION_OK ? set_up(p->conn) : no_connection(p->conn);
}

static pqi_status simple(pg *p, const char *sql, const char *tag)
{
    pqi_status st = alive(p);
    if (st == PQI_OK && pqi_host_kill_point(PQI_POINT_DB_SEND) != 0) {
        st = pqi_why(PQI_ERR_STORAGE, "the store: stopped by a test");
    }
    if (st != PQI_OK) {
        return st;
    }
    PGresult *res = PQexec(p->conn, sql);
    ExecStatusType got = PQresultStatus(res);
    if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK) {
        st = fail(p->conn, res);
    } else if (tag != NULL && strcmp(PQcmdStatus(res), tag) != 0) {
        st = pqi_why(PQI_ERR_STORAGE, "the store refused the change");
    }
    PQclear(res);
    if (st == PQI_OK && pqi_host_kill_point(PQI_POINT_DB_DONE) != 0) {
        st = pqi_why(PQI_ERR_STORAGE, "the store: stopped by a test");
    }
    return st;
}

static pqi_status pg_script(pqi_cdb *db, const char *sql)
{
    return simple(of(db), sql, NULL);
}

static pqi_status pg_begin(pqi_cdb *db, int write)
{
    pg *p = of(db);
    pqi_status st = simple(p,
        write ? "BEGIN ISOLATION LEVEL READ COMMITTED"
              : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
        "BEGIN");
    if (st != PQI_OK) {
        return st;
    }
    p->open = 1;
    if (write) {
        st = simple(p, "SELECT pg_advisory_xact_lock(1347504452)", NULL);
        if (st != PQI_OK) {
            db->ops->rollback(db);
        }
    }
    return st;
}

static pqi_status pg_commit(pqi_cdb *db)
{
    pg *p = of(db);
    pqi_status st = simple(p, "COMMIT", "COMMIT");
    if (st == PQI_OK) {
        p->open = 0;
    }
    return st;
}

static void pg_rollback(pqi_cdb *db)
{
    pg *p = of(db);
    if (p->open) {
        PQclear(PQexec(p->conn, "ROLLBACK")); /* a dead connection rolls back by itself */
        p->open = 0;
    }
}

static void pg_done(pqi_cdb_rows *r)
{
    PQclear((PGresult *)r->stmt);
    r->stmt = NULL;
}

static void put_int8(uint8_t out[8], int64_t v)
{
    uint64_t u = (uint64_t)v;
    for (int i = 7; i >= 0; i--, u >>= 8) {
        out[i] = (uint8_t)u;
    }
}

static pqi_status pg_query(
    pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const pqi_cdb_arg *args, size_t n)
{
    pg *p = of(db);
    Oid types[PQI_CDB_ARGS_MAX];
    const char *values[PQI_CDB_ARGS_MAX];
    uint8_t nums[PQI_CDB_ARGS_MAX][8];
    int lens[PQI_CDB_ARGS_MAX], formats[PQI_CDB_ARGS_MAX];
    for (size_t i = 0; i < n; i++) {
        formats[i] = 1;
        if (args[i].kind == 'i') {
            put_int8(nums[i], args[i].num);
            types[i] = OID_INT8;
            values[i] = (const char *)nums[i];
            lens[i] = 8;
            continue;
        }
        types[i] = args[i].kind == 't' ? OID_TEXT : OID_BYTEA;
        values[i] = args[i].bytes.len != 0 ? (const char *)args[i].bytes.ptr : "";
        lens[i] = (int)args[i].bytes.len;
    }
    pqi_status st = alive(p);
    if (st == PQI_OK && pqi_host_kill_point(PQI_POINT_DB_SEND) != 0) {
        st = pqi_why(PQI_ERR_STORAGE, "the store: stopped by a test");
    }
    if (st != PQI_OK) {
        return st;
    }
    PGresult *res = PQexecParams(p->conn, sql, (int)n, types, values, lens, formats, 1);
    ExecStatusType got = PQresultStatus(res);
    if (got != PGRES_COMMAND_OK && got != PGRES_TUPLES_OK) {
        st = fail(p->conn, res);
        PQclear(res);
        return st;
    }
    r->stmt = res;
    return PQI_OK;
}

static pqi_status pg_step(pqi_cdb_rows *r)
{
    PGresult *res = r->stmt;
    if (r->row + 1 < PQntuples(res)) {
        r->row++;
        return PQI_OK;
    }
    r->changed = PQntuples(res) == 0 ? strtoll(PQcmdTuples(res), NULL, 10) : 0;
    return PQI_ERR_MISSING;
}

/* Sums and counts of PostgreSQL come in 8 bytes, literals in 4. */
static int64_t pg_integer(const pqi_cdb_rows *r, int col)
{
    const PGresult *res = r->stmt;
    const uint8_t *v = (const uint8_t *)PQgetvalue(res, r->row, col);
    int len = PQgetlength(res, r->row, col);
    if (len != 1 && len != 2 && len != 4 && len != 8) {
        return 0;
    }
    uint64_t u = (v[0] & 0x80) != 0 ? UINT64_MAX : 0;
    for (int i = 0; i < len; i++) {
        u = (u << 8) | v[i];
    }
    return (int64_t)u;
}

static pqi_cspan pg_bytes(const pqi_cdb_rows *r, int col)
{
    const PGresult *res = r->stmt;
    int len = PQgetlength(res, r->row, col);
    pqi_cspan v = {(const uint8_t *)PQgetvalue(res, r->row, col), len > 0 ? (size_t)len : 0};
    return v;
}

static pqi_status pg_whose(pqi_cdb *db, int *out)
{
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(db, &n,
        "SELECT count(*) FROM information_schema.tables WHERE table_schema = current_schema()"
        " AND table_name = 'pqi_migrations'",
        "");
    *out = n != 0;
    return st;
}

/* clang-format off */
#define GROWS(table) \
    "CREATE TRIGGER " table "_grows BEFORE UPDATE OR DELETE ON " table \
    " FOR EACH ROW EXECUTE FUNCTION pqi_only_grows();" \
    "CREATE TRIGGER " table "_stays BEFORE TRUNCATE ON " table \
    " FOR EACH STATEMENT EXECUTE FUNCTION pqi_only_grows();"

static const char rules_1[] =
    "CREATE FUNCTION pqi_only_grows() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME; END $$;"
    GROWS("pqi_roots") GROWS("pqi_tokens") GROWS("pqi_heads") GROWS("pqi_policies")
    GROWS("pqi_rosters") GROWS("pqi_segments") GROWS("pqi_audit")
    "CREATE TRIGGER pqi_entries_stay BEFORE UPDATE ON pqi_entries FOR EACH ROW WHEN"
    " (NEW.root_version <> OLD.root_version OR NEW.seq <> OLD.seq OR"
    " NEW.roster_index <> OLD.roster_index OR NEW.min_epoch <> OLD.min_epoch OR"
    " NEW.reason <> OLD.reason OR NEW.hash <> OLD.hash OR NEW.at <> OLD.at OR"
    " NEW.quorum < OLD.quorum) EXECUTE FUNCTION pqi_only_grows();"
    "CREATE TRIGGER pqi_entries_grow BEFORE DELETE ON pqi_entries"
    " FOR EACH ROW EXECUTE FUNCTION pqi_only_grows();"
    "CREATE TRIGGER pqi_entries_whole BEFORE TRUNCATE ON pqi_entries"
    " FOR EACH STATEMENT EXECUTE FUNCTION pqi_only_grows();"
    "CREATE TRIGGER pqi_state_rises BEFORE UPDATE ON pqi_state FOR EACH ROW WHEN"
    " (NEW.changes < OLD.changes OR NEW.tick_number < OLD.tick_number)"
    " EXECUTE FUNCTION pqi_only_grows();";
/* clang-format on */

static const char *pg_rules(unsigned v)
{
    return v == 1 ? rules_1 : "";
}

/* Pages are the server's business; what it can be asked is whether it would notice. */
static pqi_status pg_check(pqi_cdb *db)
{
    (void)db;
    return PQI_OK;
}

static void pg_close(pqi_cdb *db)
{
    PQfinish(of(db)->conn);
    free(of(db));
}

static const pqi_cdb_ops ops = {
    .name = "postgresql",
    .begin = pg_begin,
    .commit = pg_commit,
    .rollback = pg_rollback,
    .script = pg_script,
    .query = pg_query,
    .step = pg_step,
    .integer = pg_integer,
    .bytes = pg_bytes,
    .done = pg_done,
    .whose = pg_whose,
    .rules = pg_rules,
    .check = pg_check,
    .close = pg_close,
};

static void quiet(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

pqi_status pqi_cdb_open_pg(pqi_cdb **out, const char *url)
{
    /* What the URL says stands after the defaults and wins. */
    const char *const names[] = {"connect_timeout", "application_name", "keepalives_idle",
        "tcp_user_timeout", "dbname", "client_encoding", NULL};
    const char *const values[] = {"10", "pqid", "30", "15000", url, "UTF8", NULL};
    *out = NULL;
    if (strncmp(url, "postgresql://", 13) != 0 && strncmp(url, "postgres://", 11) != 0) {
        return pqi_why(PQI_ERR_ARG, "a store is named by a URL that begins with postgresql://");
    }
    pg *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    p->base.ops = &ops;
    p->conn = PQconnectdbParams(names, values, 1);
    pqi_status st = PQI_OK;
    if (p->conn == NULL || PQstatus(p->conn) != CONNECTION_OK) {
        st = no_connection(p->conn);
    }
    if (st == PQI_OK) {
        (void)PQsetNoticeProcessor(p->conn, quiet, NULL);
        st = set_up(p->conn);
    }
    if (st != PQI_OK) {
        pg_close(&p->base);
        return st;
    }
    *out = &p->base;
    return PQI_OK;
}

#else

pqi_status pqi_cdb_open_pg(pqi_cdb **out, const char *url)
{
    (void)url;
    *out = NULL;
    return pqi_why(PQI_ERR_UNSUPPORTED, "this program is built without PostgreSQL");
}

#endif
