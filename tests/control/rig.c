/* SPDX-License-Identifier: Apache-2.0 */
#include "control/rig.h"

#include <pqi/endpoint.h>

#include <dirent.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef PQI_HAVE_LIBPQ
#include <libpq-fe.h>
#endif

static uint8_t scratch[512 * 1024];

pqi_cspan rig_span(const rig *r)
{
    return (pqi_cspan){r->out, r->len};
}

/* ---- what comes out ----------------------------------------------------------------------------- */

static void on_publish(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    rig *r = ctx;
    assert_true(r->n_messages < RIG_MESSAGES);
    rig_message *m = &r->messages[r->n_messages++];
    (void)snprintf(m->topic, sizeof m->topic, "%s", topic);
    m->bytes = malloc(payload.len + 1);
    assert_non_null(m->bytes);
    if (payload.len != 0) {
        memcpy(m->bytes, payload.ptr, payload.len);
    }
    m->len = payload.len;
    m->retain = retain;
}

static void on_event(void *ctx, const pqi_control_event *ev)
{
    rig *r = ctx;
    assert_non_null(ev->text);
    r->events[ev->kind]++;
    r->event_number[ev->kind] = ev->number;
    if (ev->kind == PQI_CONTROL_EV_FAILED) {
        r->event_status = ev->status;
    }
}

static uint64_t on_clock(void *ctx)
{
    return ((rig *)ctx)->now_ms;
}

const rig_message *rig_last(const rig *r, const char *topic)
{
    for (size_t i = r->n_messages; i > 0; i--) {
        if (strcmp(r->messages[i - 1].topic, topic) == 0) {
            return &r->messages[i - 1];
        }
    }
    return NULL;
}

unsigned rig_count(const rig *r, const char *topic)
{
    unsigned n = 0;
    for (size_t i = 0; i < r->n_messages; i++) {
        n += strcmp(r->messages[i].topic, topic) == 0;
    }
    return n;
}

void rig_forget(rig *r)
{
    for (size_t i = 0; i < r->n_messages; i++) {
        free(r->messages[i].bytes);
    }
    r->n_messages = 0;
}

/* ---- the store, past its rules ------------------------------------------------------------------- */

#ifdef PQI_HAVE_LIBPQ
static PGconn *pg_connect(const char *url)
{
    PGconn *conn = PQconnectdb(url);
    if (PQstatus(conn) != CONNECTION_OK) {
        print_error("%s\n", PQerrorMessage(conn));
    }
    assert_int_equal(PQstatus(conn), CONNECTION_OK);
    return conn;
}

static int64_t pg_run(const char *url, const char *sql)
{
    PGconn *conn = pg_connect(url);
    PQclear(
        PQexec(conn, "SET session_replication_role = replica; SET client_min_messages = error"));
    PGresult *res = PQexec(conn, sql);
    ExecStatusType st = PQresultStatus(res);
    if (st != PGRES_COMMAND_OK && st != PGRES_TUPLES_OK) {
        print_error("%s\n%s\n", sql, PQerrorMessage(conn));
    }
    assert_true(st == PGRES_COMMAND_OK || st == PGRES_TUPLES_OK);
    int64_t v = PQntuples(res) > 0 ? strtoll(PQgetvalue(res, 0, 0), NULL, 10) : 0;
    PQclear(res);
    PQfinish(conn);
    return v;
}
#else
static int64_t pg_run(const char *url, const char *sql)
{
    (void)url;
    (void)sql;
    fail_msg("built without PostgreSQL");
    return 0;
}
#endif

static int take_int(void *out, int n, char **values, char **names)
{
    (void)names;
    *(int64_t *)out = n > 0 && values[0] != NULL ? strtoll(values[0], NULL, 10) : 0;
    return 0;
}

static int64_t lite_run(rig *r, const char *sql)
{
    char path[128];
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    int64_t v = 0;
    (void)snprintf(path, sizeof path, "%s/control.db", r->dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char drop[16][64];
    int n = 0;
    assert_int_equal(sqlite3_prepare_v2(
                         db, "SELECT name FROM sqlite_schema WHERE type = 'trigger'", -1, &s, NULL),
        SQLITE_OK);
    while (sqlite3_step(s) == SQLITE_ROW && n < 16) {
        (void)snprintf(drop[n++], 64, "DROP TRIGGER %s", (const char *)sqlite3_column_text(s, 0));
    }
    assert_int_equal(sqlite3_finalize(s), SQLITE_OK);
    const int reads = strncmp(sql, "SELECT", 6) == 0;
    for (int i = 0; i < n && !reads; i++) {
        assert_int_equal(sqlite3_exec(db, drop[i], NULL, NULL, NULL), SQLITE_OK);
    }
    char *why = NULL;
    int rc = sqlite3_exec(db, sql, take_int, &v, &why);
    if (rc != SQLITE_OK) {
        print_error("%s\n%s\n", sql, why);
    }
    assert_int_equal(rc, SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    return v;
}

void rig_sql(rig *r, const char *sql)
{
    (void)rig_int(r, sql);
}

int64_t rig_int(rig *r, const char *sql)
{
    return r->pg ? pg_run(r->url, sql) : lite_run(r, sql);
}

/* ---- making ------------------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, 0600), 0);
}

static pqi_manifest_key key_of(const rig *r, pqi_role role, pqi_key key)
{
    const seed_key *k = seed_provider_find(&r->sp, key);
    assert_non_null(k);
    pqi_manifest_key m = {.role = role, .alg = RIG_ALG, .pk = {k->pk, k->pk_len}};
    return m;
}

/* Version 2 has another root key, and was signed by that one and by that of version 1. */
static void make_root(rig *r, uint32_t version)
{
    pqi_manifest_key keys[8];
    pqi_manifest_spec s;
    size_t len = 0, n = 0;
    memset(&s, 0, sizeof s);
    memset(s.fleet_id, 0x46, sizeof s.fleet_id);
    s.root_version = version;
    keys[n++] = key_of(r, PQI_ROLE_ROOT, version == 1 ? RIG_ROOT : RIG_ROOT2);
    keys[n++] = key_of(r, PQI_ROLE_ISSUER, RIG_ISSUER);
    keys[n++] = key_of(r, PQI_ROLE_POLICY, RIG_POLICY1);
    keys[n++] = key_of(r, PQI_ROLE_POLICY, RIG_POLICY2);
    keys[n++] = key_of(r, PQI_ROLE_POLICY, RIG_POLICY3);
    keys[n++] = key_of(r, PQI_ROLE_REVOKER, RIG_REVOKER);
    keys[n++] = (pqi_manifest_key){
        .role = PQI_ROLE_HEAD, .alg = RIG_ALG, .pk = {r->head_pk, r->head_pk_len}};
    s.threshold[PQI_ROLE_ROOT] = s.threshold[PQI_ROLE_ISSUER] = 1;
    s.threshold[PQI_ROLE_POLICY] = 2;
    s.threshold[PQI_ROLE_REVOKER] = s.threshold[PQI_ROLE_HEAD] = 1;
    s.keys = keys;
    s.n_keys = (uint32_t)n;
    const pqi_key signers[2] = {RIG_ROOT, RIG_ROOT2};
    pqi_span out = {r->root_bytes[version - 1], PQI_MANIFEST_MAX};
    assert_int_equal(
        pqi_manifest_build(&r->algs, &r->sp.base, &s, signers, version == 1 ? 1 : 2, out, &len),
        PQI_OK);
    assert_int_equal(
        pqi_manifest_decode(&r->algs, (pqi_cspan){out.ptr, len}, &r->root[version - 1]), PQI_OK);
}

static void make_store(rig *r)
{
    static unsigned n;
    const char *base = getenv("PQI_TEST_STORE");
    if (base == NULL || base[0] == '\0') {
        return;
    }
    r->pg = 1;
    (void)snprintf(r->schema, sizeof r->schema, "t%ld_%u", (long)getpid(), n++);
    char sql[128];
    (void)snprintf(sql, sizeof sql, "CREATE SCHEMA %s", r->schema);
    (void)pg_run(base, sql);
    (void)snprintf(r->url, sizeof r->url, "%s%soptions=-csearch_path%%3D%s", base,
        strchr(base, '?') != NULL ? "&" : "?", r->schema);
    r->cfg.store = r->url;
}

static void make_members(rig *r)
{
    for (uint32_t i = 0; i < RIG_MEMBERS; i++) {
        pqi_control_member *m = &r->members[i];
        m->leaf.roster_index = 1000 + 3 * i;
        m->leaf.key_epoch = 1 + i % 2;
        memset(m->leaf.cert_hash, (int)i, PQI_HASH_LEN);
        m->not_after = i == 1 ? r->now_ms / 1000 + 86400 : 0;
        (void)snprintf(m->id, sizeof m->id, "dev-%03u", (RIG_MEMBERS - i) * 7u % 1000u);
    }
}

void rig_make_empty(rig *r)
{
    int32_t alg = 0;
    memset(r, 0, sizeof *r);
    /* nothing here has to outlive the machine: memory is quicker */
    (void)snprintf(r->top, sizeof r->top, "%s/pqi-control-XXXXXX",
        access("/dev/shm", W_OK | X_OK) == 0 ? "/dev/shm" : "/tmp");
    assert_non_null(mkdtemp(r->top));
    (void)snprintf(r->dir, sizeof r->dir, "%s/ctl", r->top);
    (void)snprintf(r->key_file, sizeof r->key_file, "%s/kek", r->top);
    write_file(r->key_file, "a key file of forty bytes for the tests.");
    pqi_algs_all(&r->algs, &pqi_classic_openssl);
    seed_provider_init(&r->sp, &r->algs);
    for (pqi_key k = RIG_ROOT; k <= RIG_STRANGER; k++) {
        seed_provider_add(&r->sp, k, PQI_KEY_SIG, RIG_ALG, (uint8_t)(0x60 + k));
    }
    r->tmp = (pqi_span){scratch, sizeof scratch};
    r->now_ms = UINT64_C(1800000000000);
    r->messages = calloc(RIG_MESSAGES, sizeof *r->messages);
    assert_non_null(r->messages);
    r->cfg.dir = r->dir;
    r->cfg.kek.key_file = r->key_file;
    r->cfg.name = "rig";
    r->cfg.tokens = 4096;
    r->cfg.ticks_per_head = 10;
    r->cfg.clock_ms = on_clock;
    r->cfg.clock_ctx = r;
    r->cfg.io = (pqi_control_io){r, on_publish, on_event};
    make_store(r);
    make_members(r);
    assert_int_equal(pqi_host_control_init(&r->cfg, RIG_ALG,
                         (pqi_span){r->head_pk, sizeof r->head_pk}, &r->head_pk_len, &alg),
        PQI_OK);
    assert_int_equal(alg, RIG_ALG);
    make_root(r, 1);
    make_root(r, 2);
}

void rig_open(rig *r)
{
    pqi_status st = pqi_host_control_open(&r->c, &r->cfg);
    if (st != PQI_OK) {
        print_error("%s: %s\n", pqi_status_name(st), pqi_host_control_why());
    }
    assert_int_equal(st, PQI_OK);
}

void rig_close(rig *r)
{
    pqi_host_control_close(r->c);
    r->c = NULL;
}

pqi_status rig_try_open(rig *r)
{
    pqi_host_control *c = NULL;
    pqi_status st = pqi_host_control_open(&c, &r->cfg);
    assert_true((st == PQI_OK) == (c != NULL));
    assert_true(st == PQI_OK || pqi_host_control_why()[0] != '\0');
    pqi_host_control_close(c);
    return st;
}

void rig_make(rig *r)
{
    rig_make_empty(r);
    rig_open(r);
    assert_int_equal(pqi_host_control_begin(r->c, r->root[0].encoded, r->root[0].hash), PQI_OK);
}

static void remove_tree(const char *path)
{
    char sub[512];
    DIR *d = opendir(path);
    assert_non_null(d);
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        struct stat sb;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(sub, sizeof sub, "%s/%s", path, e->d_name);
        assert_int_equal(lstat(sub, &sb), 0);
        if (S_ISDIR(sb.st_mode)) {
            remove_tree(sub);
        } else {
            assert_int_equal(unlink(sub), 0);
        }
    }
    (void)closedir(d);
    assert_int_equal(rmdir(path), 0);
}

void rig_end(rig *r)
{
    rig_close(r);
    rig_forget(r);
    free(r->messages);
    if (r->pg) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "DROP SCHEMA %s CASCADE", r->schema);
        (void)pg_run(getenv("PQI_TEST_STORE"), sql);
    }
    remove_tree(r->top);
}

/* ---- objects ------------------------------------------------------------------------------------ */

pqi_cspan rig_policy(rig *r, uint32_t seq, uint32_t tick_s, uint16_t permille)
{
    static pqi_policy x;
    const pqi_key signers[2] = {RIG_POLICY1, RIG_POLICY3};
    memset(&x, 0, sizeof x);
    memcpy(x.fleet_id, r->root[0].fleet_id, sizeof x.fleet_id);
    x.version = 2;
    x.root_version = 1;
    x.seq = seq;
    x.rules = pqi_policy_default;
    x.rules.flags |= PQI_POLICY_ROSTER;
    x.rules.tick_s = tick_s;
    x.rules.rev_ahead_permille = permille;
    assert_int_equal(pqi_policy_build(&r->algs, &r->sp.base, &x, signers, 2,
                         (pqi_span){r->out, sizeof r->out}, &r->len),
        PQI_OK);
    return rig_span(r);
}

static pqi_revoked entry(uint32_t i)
{
    pqi_revoked e = {1000 + i, UINT32_MAX, 1};
    return e;
}

pqi_cspan rig_revocations(rig *r, uint32_t from, uint32_t n, int quorum)
{
    static pqi_revoked entries[PQI_REV_LOG_MAX];
    const pqi_key signers[3] = {RIG_REVOKER, RIG_POLICY2, RIG_POLICY3};
    pqi_revocations head;
    memset(&head, 0, sizeof head);
    memcpy(head.fleet_id, r->root[0].fleet_id, sizeof head.fleet_id);
    head.root_version = 1;
    head.from = from;
    assert_int_equal(pqi_rev_log_start(&r->algs, head.fleet_id, 1, head.prev), PQI_OK);
    for (uint32_t i = 0; i < from; i++) {
        uint8_t bytes[PQI_REVOKED_LEN];
        pqi_revoked e = entry(i);
        pqi_revoked_write(&e, bytes);
        assert_int_equal(
            pqi_rev_log_fold(&r->algs, (pqi_cspan){bytes, sizeof bytes}, head.prev), PQI_OK);
    }
    for (uint32_t i = 0; i < n; i++) {
        entries[i] = entry(from + i);
    }
    assert_int_equal(pqi_revocations_build(&r->algs, &r->sp.base, signers, quorum ? 3 : 1, &head,
                         entries, n, (pqi_span){r->out, sizeof r->out}, &r->len),
        PQI_OK);
    return rig_span(r);
}

pqi_cspan rig_roster(rig *r, uint32_t seq, uint32_t n)
{
    static uint8_t leaves[RIG_MEMBERS][PQI_HASH_LEN];
    pqi_roster x;
    memset(&x, 0, sizeof x);
    memcpy(x.fleet_id, r->root[0].fleet_id, sizeof x.fleet_id);
    x.root_version = 1;
    x.seq = seq;
    x.size = n;
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(pqi_leaf_hash(&r->algs, &r->members[i].leaf, leaves[i]), PQI_OK);
    }
    assert_int_equal(pqi_roster_root(&r->algs, leaves, n, x.root), PQI_OK);
    assert_int_equal(pqi_roster_build(&r->algs, &r->sp.base, RIG_ISSUER, &x,
                         (pqi_span){r->out, sizeof r->out}, &r->len),
        PQI_OK);
    return rig_span(r);
}

pqi_cspan rig_root2(rig *r, int good)
{
    pqi_cspan in = r->root[1].encoded;
    memcpy(r->out, in.ptr, in.len);
    r->len = in.len;
    if (!good) {
        r->out[in.len - 9] ^= 1; /* in the last signature */
    }
    return rig_span(r);
}

/* ---- doing -------------------------------------------------------------------------------------- */

pqi_status rig_put(rig *r, pqi_object kind, pqi_cspan in)
{
    int is_new = -1;
    pqi_status st = pqi_host_control_put(r->c, kind, in, &is_new);
    assert_int_equal(is_new, st == PQI_OK);
    assert_true(st == PQI_OK || pqi_host_control_why()[0] != '\0');
    return st;
}

pqi_status rig_put_roster(rig *r, uint32_t seq, uint32_t n)
{
    int is_new = 0;
    return pqi_host_control_put_roster(r->c, rig_roster(r, seq, n), r->members, n, &is_new);
}

pqi_control_made rig_advance(rig *r)
{
    pqi_control_made m;
    pqi_status st = pqi_host_control_advance(r->c, 0, &m);
    if (st != PQI_OK) {
        print_error("%s: %s\n", pqi_status_name(st), pqi_host_control_why());
    }
    assert_int_equal(st, PQI_OK);
    return m;
}

pqi_control_info rig_info(rig *r)
{
    pqi_control_info i;
    assert_int_equal(pqi_host_control_get_info(r->c, &i), PQI_OK);
    return i;
}

void rig_poll(rig *r)
{
    uint32_t wait = 0;
    assert_int_equal(pqi_host_control_poll(r->c, 0, &wait), PQI_OK);
    assert_true(wait <= 100);
}

size_t rig_question(rig *r, const char *id, uint8_t want, uint8_t tag, const pqi_ask *has,
    uint8_t out[PQI_ASK_LEN + PQI_ID_MAX])
{
    size_t len = 0;
    pqi_ask q;
    memset(&q, 0, sizeof q);
    if (has != NULL) {
        q = *has;
    }
    q.want = want;
    q.root_version = q.root_version != 0 ? q.root_version : 1;
    memset(q.nonce, tag, sizeof q.nonce);
    memset(q.kid, 0x10, sizeof q.kid);
    q.id = (pqi_cspan){(const uint8_t *)id, strlen(id)};
    (void)r;
    assert_int_equal(pqi_ask_write(&q, (pqi_span){out, PQI_ASK_LEN + PQI_ID_MAX}, &len), PQI_OK);
    return len;
}
