/* SPDX-License-Identifier: Apache-2.0
 * The whole store as one file, the same for both backends. docs/spec/control-server.md section 7.
 *
 *   "PQI4CTL" 1 | schema u32 | unix seconds u64
 *   rows: table u8, then its columns: integers as 8 bytes, bytes and text as u32 length and value
 *   0 | 32 bytes: h of all rows, h = SHA-256("PQI4 control copy" || h || row), the first h of the header
 *
 * Implementation notes. The hash finds damage, not malice: what the file says is checked again as any
 * store is, signature by signature, before it counts. */
#include "port/linux/control_int.h"

#include "base/rd.h"
#include "base/wr.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define HEADER   20u
#define COLS_MAX 10u
#define ROW_MAX  (COLS_MAX * 16u + 2u * PQI_MANIFEST_MAX)
#define CHUNK    512

static const uint8_t magic[8] = {'P', 'Q', 'I', '4', 'C', 'T', 'L', 1};

typedef struct table {
    const char *name, *cols, *kinds, *order, *values;
} table;

/* Tables that others point to come first. The number of a table in the file is its place here + 1. */
/* clang-format off */
static const table tables[] = {
    {"pqi_roots", "root_version, hash, encoded, at", "ibbi", "root_version", "$1, $2, $3, $4"},
    {"pqi_state", "one, writes, changes, skip, tick_number, tick_at, delegates", "iiiiiib", "one",
        "$1, $2, $3, $4, $5, $6, $7"},
    {"pqi_tokens", "root_version, heads, sealed", "iib", "root_version", "$1, $2, $3"},
    {"pqi_heads", "root_version, head_epoch, hash, tick_base, rev_seq, what, made_by, at, encoded",
        "iibiiitib", "root_version, head_epoch", "$1, $2, $3, $4, $5, $6, $7, $8, $9"},
    {"pqi_seed", "one, root_version, head_epoch, sealed", "iiib", "one", "$1, $2, $3, $4"},
    {"pqi_policies", "root_version, seq, hash, at, encoded", "iibib", "root_version, seq",
        "$1, $2, $3, $4, $5"},
    {"pqi_rosters", "root_version, seq, size, root, at, encoded", "iiibib", "root_version, seq",
        "$1, $2, $3, $4, $5, $6"},
    {"pqi_leaves", "root_version, seq, position, roster_index, key_epoch, cert_hash, device, not_after",
        "iiiiibti", "root_version, seq, position", "$1, $2, $3, $4, $5, $6, $7, $8"},
    {"pqi_segments", "root_version, start, until, quorum, at, encoded", "iiiiib",
        "root_version, start, until, quorum", "$1, $2, $3, $4, $5, $6"},
    {"pqi_entries", "root_version, seq, roster_index, min_epoch, reason, hash, quorum, at",
        "iiiiibii", "root_version, seq", "$1, $2, $3, $4, $5, $6, $7, $8"},
    {"pqi_seen", "device, root_version, head_epoch, tick, policy_seq, rev_seq, roster_seq, known,"
        " answered, at", "tiiiiiiiii", "device", "$1, $2, $3, $4, $5, $6, $7, $8, $9, $10"},
    {"pqi_audit", "seq, at, who, op, detail", "iittt", "seq", "$1, $2, $3, $4, $5"},
};
/* clang-format on */
#define N_TABLES (sizeof tables / sizeof tables[0])

typedef struct copy {
    pqi_host_control *c;
    FILE *f;
    uint8_t *row; /* ROW_MAX bytes */
    uint8_t h[PQI_HASH_LEN];
} copy;

static pqi_status io(const char *what, const char *file)
{
    return pqi_why(PQI_ERR_STORAGE, "cannot %s %s: %s", what, file, strerror(errno));
}

static pqi_status fold(copy *x, pqi_cspan row)
{
    const pqi_cspan parts[3] = {{PQI_LIT("PQI4 control copy")}, {x->h, sizeof x->h}, row};
    uint8_t h[PQI_HASH_LEN];
    pqi_status st = x->c->algs.classic->hash(PQI_HASH_SHA256, parts, 3, h);
    memcpy(x->h, h, sizeof h);
    return st;
}

/* ---- out ---------------------------------------------------------------------------------------- */

static pqi_status put_bytes(copy *x, const void *p, size_t n)
{
    return fwrite(p, 1, n, x->f) == n ? PQI_OK : io("write", "the copy");
}

static pqi_status put_row(copy *x, size_t t, const pqi_cdb_rows *r)
{
    size_t len = 0;
    wr w = wr_of((pqi_span){x->row, ROW_MAX});
    wr_u8(&w, (uint8_t)(t + 1));
    for (int i = 0; tables[t].kinds[i] != '\0'; i++) {
        if (tables[t].kinds[i] == 'i') {
            uint64_t v = (uint64_t)pqi_cdb_col_int(r, i);
            wr_u32(&w, (uint32_t)(v >> 32));
            wr_u32(&w, (uint32_t)v);
        } else {
            pqi_cspan v = pqi_cdb_col(r, i);
            wr_u32(&w, (uint32_t)v.len);
            wr_bytes(&w, v);
        }
    }
    if (wr_done(&w, &len) != PQI_OK) {
        return pqi_why(PQI_ERR_STORAGE, "the store is damaged: a row is too long");
    }
    pqi_status st = fold(x, (pqi_cspan){x->row, len});
    return st == PQI_OK ? put_bytes(x, x->row, len) : st;
}

static pqi_status put_table(copy *x, size_t t)
{
    char sql[512];
    (void)snprintf(sql, sizeof sql, "SELECT %s FROM %s ORDER BY %s LIMIT %d OFFSET $1",
        tables[t].cols, tables[t].name, tables[t].order, CHUNK);
    for (int64_t at = 0, got = CHUNK; got == CHUNK; at += got) {
        pqi_cdb_rows r;
        got = 0;
        pqi_status st = pqi_cdb_query(x->c->db, &r, sql, "i", at);
        if (st != PQI_OK) {
            return st;
        }
        while ((st = pqi_cdb_step(&r)) == PQI_OK) {
            got++;
            st = put_row(x, t, &r);
            if (st != PQI_OK) {
                break;
            }
        }
        pqi_cdb_done(&r);
        if (st != PQI_ERR_MISSING) {
            return st;
        }
    }
    return PQI_OK;
}

static pqi_status put_all(copy *x)
{
    uint8_t head[HEADER], end = 0;
    size_t len = 0;
    uint64_t now = (uint64_t)pqi_control_now_s(x->c);
    wr w = wr_of((pqi_span){head, sizeof head});
    wr_bytes(&w, (pqi_cspan){magic, sizeof magic});
    wr_u32(&w, PQI_HOST_CONTROL_SCHEMA);
    wr_u32(&w, (uint32_t)(now >> 32));
    wr_u32(&w, (uint32_t)now);
    pqi_status st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = fold(x, (pqi_cspan){head, len});
    }
    if (st == PQI_OK) {
        st = put_bytes(x, head, len);
    }
    for (size_t t = 0; t < N_TABLES && st == PQI_OK; t++) {
        st = put_table(x, t);
    }
    if (st == PQI_OK) {
        st = put_bytes(x, &end, 1);
    }
    return st == PQI_OK ? put_bytes(x, x->h, sizeof x->h) : st;
}

static pqi_status put_store(copy *x)
{
    pqi_status st = pqi_cdb_begin(x->c->db, 0);
    if (st == PQI_OK) {
        st = put_all(x);
        st = pqi_cdb_end(x->c->db, st);
    }
    if (st == PQI_OK && (fflush(x->f) != 0 || fsync(fileno(x->f)) != 0)) {
        st = io("write", "the copy");
    }
    return st;
}

static pqi_status sync_parent(const char *file)
{
    char dir[PQI_DIR_PATH_MAX];
    const char *slash = strrchr(file, '/');
    size_t n = slash == NULL ? 0 : slash == file ? 1 : (size_t)(slash - file);
    (void)snprintf(dir, sizeof dir, "%.*s", n != 0 ? (int)n : 1, n != 0 ? file : ".");
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    pqi_status st = fd >= 0 && fsync(fd) == 0 ? PQI_OK : io("sync", dir);
    if (fd >= 0) {
        (void)close(fd);
    }
    return st;
}

/* Under a name of its own first; link(2) gives it the right one, if nobody else has it. */
static pqi_status write_copy(copy *x, const char *file)
{
    char part[PQI_DIR_PATH_MAX];
    (void)snprintf(part, sizeof part, "%s.part.XXXXXX", file);
    int fd = mkostemp(part, O_CLOEXEC);
    if (fd < 0) {
        return io("make", part);
    }
    x->f = fdopen(fd, "w");
    if (x->f == NULL) {
        (void)close(fd);
        (void)unlink(part);
        return io("open", part);
    }
    pqi_status st = put_store(x);
    if (fclose(x->f) != 0 && st == PQI_OK) {
        st = io("write", part);
    }
    if (st == PQI_OK && link(part, file) != 0) {
        st = errno == EEXIST ? pqi_why(PQI_ERR_STATE, "%s exists already", file) : io("make", file);
    }
    (void)unlink(part);
    return st == PQI_OK ? sync_parent(file) : st;
}

pqi_status pqi_host_control_backup(pqi_host_control *c, const char *file)
{
    copy x;
    pqi_why_clear();
    size_t n = file != NULL ? strlen(file) : 0;
    if (c == NULL || n == 0 || n + 16 > PQI_DIR_PATH_MAX || file[n - 1] == '/') {
        return pqi_why(PQI_ERR_ARG, "the name of a new file is needed");
    }
    memset(&x, 0, sizeof x);
    x.c = c;
    x.row = malloc(ROW_MAX);
    pqi_status st = x.row != NULL ? write_copy(&x, file) : pqi_why(PQI_ERR_LIMIT, "out of memory");
    free(x.row);
    return st;
}

/* ---- in ----------------------------------------------------------------------------------------- */

static pqi_status damaged(void)
{
    return pqi_why(PQI_ERR_STORAGE, "this is no whole copy of a control plane's store");
}

/* n more bytes behind the `have` of this row. */
static int get_bytes(copy *x, size_t have, size_t n)
{
    return n <= ROW_MAX - have && fread(x->row + have, 1, n, x->f) == n;
}

static uint64_t be(const uint8_t *p, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

/* The columns of a row whose first byte was read. */
static pqi_status get_row(copy *x, const table *t, pqi_cdb_arg *args, size_t *n)
{
    size_t have = 1;
    for (*n = 0; t->kinds[*n] != '\0'; *n += 1) {
        pqi_cdb_arg *a = &args[*n];
        const size_t first = t->kinds[*n] == 'i' ? 8 : 4;
        if (!get_bytes(x, have, first)) {
            return damaged();
        }
        uint64_t v = be(x->row + have, first);
        have += first;
        a->kind = t->kinds[*n];
        if (a->kind == 'i') {
            a->num = (int64_t)v;
            continue;
        }
        if (!get_bytes(x, have, (size_t)v)) {
            return damaged();
        }
        a->bytes = (pqi_cspan){x->row + have, (size_t)v};
        have += (size_t)v;
    }
    return fold(x, (pqi_cspan){x->row, have});
}

static pqi_status insert_row(copy *x, const table *t, const pqi_cdb_arg *args, size_t n)
{
    char sql[512];
    pqi_cdb_rows r;
    (void)snprintf(sql, sizeof sql, "INSERT INTO %s(%s) VALUES(%s)", t->name, t->cols, t->values);
    memset(&r, 0, sizeof r);
    r.db = x->c->db;
    r.row = -1;
    pqi_status st = r.db->ops->query(r.db, &r, sql, args, n);
    if (st == PQI_OK) {
        st = pqi_cdb_step(&r);
        pqi_cdb_done(&r);
    }
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status get_header(copy *x)
{
    if (!get_bytes(x, 0, HEADER) || memcmp(x->row, magic, sizeof magic) != 0) {
        return damaged();
    }
    if (be(x->row + 8, 4) > PQI_HOST_CONTROL_SCHEMA) {
        return pqi_why(PQI_ERR_UNSUPPORTED, "this copy was written by a newer program");
    }
    return fold(x, (pqi_cspan){x->row, HEADER});
}

static pqi_status get_all(copy *x)
{
    pqi_cdb_arg args[COLS_MAX];
    size_t n = 0;
    pqi_status st = get_header(x);
    while (st == PQI_OK) {
        if (!get_bytes(x, 0, 1) || x->row[0] > N_TABLES) {
            return damaged();
        }
        if (x->row[0] == 0) {
            break;
        }
        const table *t = &tables[x->row[0] - 1];
        memset(args, 0, sizeof args);
        st = get_row(x, t, args, &n);
        if (st == PQI_OK) {
            st = insert_row(x, t, args, n);
        }
    }
    if (st == PQI_OK && (!get_bytes(x, 1, PQI_HASH_LEN) || fgetc(x->f) != EOF ||
                            memcmp(x->row + 1, x->h, PQI_HASH_LEN) != 0)) {
        st = damaged();
    }
    return st;
}

/* A restored store may be older than what was published: numbers are skipped as after a rollback. */
static pqi_status mark(pqi_host_control *c)
{
    pqi_status st =
        pqi_cdb_run(c->db, "UPDATE pqi_state SET skip = $1, changes = changes + 1 WHERE one = 1",
            "i", (int64_t)PQI_CONTROL_SKIP);
    return st == PQI_OK ? pqi_control_note(c, "restore", "%u epochs skipped", PQI_CONTROL_SKIP)
                        : st;
}

static pqi_status fill_store(copy *x)
{
    pqi_host_control *c = x->c;
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(c->db, &n, "SELECT count(*) FROM pqi_roots", "");
    if (st == PQI_OK && n != 0) {
        return pqi_why(PQI_ERR_STATE, "the store is not empty: restore into a new one");
    }
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db, "DELETE FROM pqi_state", "");
    }
    if (st == PQI_OK) {
        st = get_all(x);
    }
    if (st == PQI_OK) {
        st = pqi_control_check_objects(c);
    }
    if (st == PQI_OK) {
        st = pqi_control_load(c);
    }
    if (st == PQI_OK && c->view.root_version == 0) {
        st = damaged();
    }
    return st == PQI_OK ? mark(c) : st;
}

pqi_status pqi_host_control_restore(const pqi_host_control_cfg *cfg, const char *file)
{
    copy x;
    pqi_why_clear();
    if (file == NULL) {
        return pqi_why(PQI_ERR_ARG, "the name of a copy is needed");
    }
    memset(&x, 0, sizeof x);
    x.f = fopen(file, "re");
    if (x.f == NULL) {
        return io("read", file);
    }
    pqi_status st = pqi_control_attach(&x.c, cfg);
    x.row = malloc(ROW_MAX);
    if (st == PQI_OK && x.row == NULL) {
        st = pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    if (st == PQI_OK) {
        st = pqi_cdb_begin(x.c->db, 1);
        if (st == PQI_OK) {
            st = fill_store(&x);
            st = pqi_cdb_end(x.c->db, st);
        }
    }
    pqi_host_control_close(x.c);
    free(x.row);
    (void)fclose(x.f);
    return st;
}
