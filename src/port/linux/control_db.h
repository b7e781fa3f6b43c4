/* SPDX-License-Identifier: Apache-2.0
 * The store of a control plane behind one small table: SQLite or PostgreSQL. Both get the same SQL, with
 * parameters $1, $2, ...; what has to differ (triggers, locks, the check of the file) is in the two
 * files control_sqlite.c and control_pg.c alone.
 *
 * One connection is used by one thread at a time and has one open query at a time. */
#ifndef PQI_PORT_LINUX_CONTROL_DB_H
#define PQI_PORT_LINUX_CONTROL_DB_H

#include <pqi/span.h>
#include <pqi/status.h>

#include <stdarg.h>

#define PQI_CDB_ARGS_MAX 16u

typedef struct pqi_cdb pqi_cdb;

typedef struct pqi_cdb_arg {
    char kind; /* 'i' num, 't' text, 'b' bytes */
    int64_t num;
    pqi_cspan bytes;
} pqi_cdb_arg;

/* A query that runs. `stmt` belongs to the backend. */
typedef struct pqi_cdb_rows {
    pqi_cdb *db;
    void *stmt;
    int row;         /* -1 before the first */
    int64_t changed; /* rows that an UPDATE, INSERT or DELETE touched, once it is done */
} pqi_cdb_rows;

typedef struct pqi_cdb_ops {
    const char *name;
    /* A transaction that sees one state of the store; write 1: and no other writer beside it. */
    pqi_status (*begin)(pqi_cdb *db, int write);
    pqi_status (*commit)(pqi_cdb *db);
    void (*rollback)(pqi_cdb *db);
    /* Statements without parameters, separated by semicolons; in the caller's transaction. */
    pqi_status (*script)(pqi_cdb *db, const char *sql);
    pqi_status (*query)(
        pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const pqi_cdb_arg *args, size_t n);
    pqi_status (*step)(pqi_cdb_rows *r); /* PQI_OK: a row; PQI_ERR_MISSING: no more */
    int64_t (*integer)(const pqi_cdb_rows *r, int col);
    pqi_cspan (*bytes)(const pqi_cdb_rows *r, int col); /* lives until the next step */
    void (*done)(pqi_cdb_rows *r);
    /* 0: empty, 1: ours, -1: of another program. */
    pqi_status (*whose)(pqi_cdb *db, int *out);
    /* Rules of schema version v (1, ...) in the backend's own words: what only grows stays. */
    const char *(*rules)(unsigned v);
    pqi_status (*check)(pqi_cdb *db); /* the file, as far as the backend can tell */
    void (*close)(pqi_cdb *db);
} pqi_cdb_ops;

struct pqi_cdb {
    const pqi_cdb_ops *ops;
};

/* Opens the store: NULL: SQLite, dir/control.db; an absolute path: that file; else a postgresql:// URL. A
 * file is made when there is none. Checks whose it is and the schema, and migrates an older one in one transaction.
 * PQI_ERR_UNSUPPORTED: a newer schema, no such backend; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_cdb_open(
    pqi_cdb **out, const char *dir, const char *store, int64_t now_s);
void pqi_cdb_close(pqi_cdb *db); /* NULL is fine */

/* The backends' own halves of open. */
PQI_MUST_CHECK pqi_status pqi_cdb_open_sqlite(pqi_cdb **out, const char *path);
PQI_MUST_CHECK pqi_status pqi_cdb_open_pg(pqi_cdb **out, const char *url);

/* A statement with its parameters, from left to right: 'i' int64_t, 'b' pqi_cspan, 't' pqi_cspan as
 * text. The spans must live until it is done. */
PQI_MUST_CHECK pqi_status pqi_cdb_query(
    pqi_cdb *db, pqi_cdb_rows *r, const char *sql, const char *kinds, ...);
PQI_MUST_CHECK pqi_status pqi_cdb_step(pqi_cdb_rows *r);
void pqi_cdb_done(pqi_cdb_rows *r);
int64_t pqi_cdb_col_int(const pqi_cdb_rows *r, int col);
uint32_t pqi_cdb_col_u32(const pqi_cdb_rows *r, int col); /* UINT32_MAX for what does not fit */
pqi_cspan pqi_cdb_col(const pqi_cdb_rows *r, int col);
/* Copies a column of exactly n bytes; PQI_ERR_STORAGE: another length. */
PQI_MUST_CHECK pqi_status pqi_cdb_col_copy(const pqi_cdb_rows *r, int col, uint8_t *out, size_t n);

/* Runs to the end; rows are ignored. */
PQI_MUST_CHECK pqi_status pqi_cdb_run(pqi_cdb *db, const char *sql, const char *kinds, ...);
/* The same; *changed tells how many rows it touched. */
PQI_MUST_CHECK pqi_status pqi_cdb_run_n(
    pqi_cdb *db, int64_t *changed, const char *sql, const char *kinds, ...);
/* One integer; PQI_ERR_MISSING: no row. */
PQI_MUST_CHECK pqi_status pqi_cdb_int(
    pqi_cdb *db, int64_t *out, const char *sql, const char *kinds, ...);
/* Copies one value; PQI_ERR_SPACE: *len tells the need; PQI_ERR_MISSING: no row. */
PQI_MUST_CHECK pqi_status pqi_cdb_blob(
    pqi_cdb *db, pqi_span out, size_t *len, const char *sql, const char *kinds, ...);

PQI_MUST_CHECK pqi_status pqi_cdb_begin(pqi_cdb *db, int write);
/* st PQI_OK: commits, and the status of that; else rolls back and returns st. */
PQI_MUST_CHECK pqi_status pqi_cdb_end(pqi_cdb *db, pqi_status st);

#endif
