/* SPDX-License-Identifier: Apache-2.0
 * The CA's SQLite file: opening, schema, and prepared statements in one line each. */
#ifndef PQI_PORT_LINUX_CA_DB_H
#define PQI_PORT_LINUX_CA_DB_H

#include <pqi/span.h>
#include <pqi/status.h>

#include <sqlite3.h>

/* Opens dir/ca.db; create 1 makes an empty one (0600) when there is none. Checks application id,
 * schema version and integrity, and migrates an older schema in one transaction.
 * PQI_ERR_MISSING: no file; PQI_ERR_UNSUPPORTED: a newer schema; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_ca_db_open(const char *dir, int create, int64_t now, sqlite3 **out);
void pqi_ca_db_close(sqlite3 *db);

/* A statement with its parameters, from left to right: 'i' int64_t, 'b' pqi_cspan as a blob,
 * 't' pqi_cspan as text. The spans must live until the statement is done. */
PQI_MUST_CHECK pqi_status pqi_ca_prepare(
    sqlite3 *db, sqlite3_stmt **out, const char *sql, const char *kinds, ...);
/* Prepares and runs to the end; rows are ignored. */
PQI_MUST_CHECK pqi_status pqi_ca_run(sqlite3 *db, const char *sql, const char *kinds, ...);
/* One row: PQI_OK; none: PQI_ERR_MISSING. */
PQI_MUST_CHECK pqi_status pqi_ca_step(sqlite3 *db, sqlite3_stmt *s);
/* One integer; PQI_ERR_MISSING: no row. */
PQI_MUST_CHECK pqi_status pqi_ca_int(
    sqlite3 *db, int64_t *out, const char *sql, const char *kinds, ...);
/* Copies one blob; PQI_ERR_SPACE: *len tells the need; PQI_ERR_MISSING: no row. */
PQI_MUST_CHECK pqi_status pqi_ca_blob(
    sqlite3 *db, pqi_span out, size_t *len, const char *sql, const char *kinds, ...);

/* Column of the current row; lives until the next step. */
pqi_cspan pqi_ca_col(sqlite3_stmt *s, int col);

/* The status of the last failure on this connection, in words. */
pqi_status pqi_ca_sql_why(sqlite3 *db, int rc);

#endif
