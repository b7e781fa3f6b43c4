/* SPDX-License-Identifier: Apache-2.0
 * The server: answers of a real engine over SQLite in a directory of its own, one process, one core. */
#include "control.h"

#include <pqi/host_control.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MEMBERS  10000u
#define SECONDS  3u /* of requests for each size of a batch, at most */
#define KEK_LEN  32u
#define ROOM     96u
#define HOUR_MS  3600000u
#define START_MS UINT64_C(1800000000000)

static const uint32_t batches[] = {1, 64, 1024, 4096};
static const uint32_t stores[] = {1000, 10000, 100000};

typedef struct server {
    bench_plane plane;
    char dir[ROOM], top[ROOM], key[ROOM];
    pqi_host_control_cfg cfg;
    pqi_host_control *c;
    pqi_control_member *members;
    uint64_t bytes, published, now_ms;
} server;

static void on_publish(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    server *s = ctx;
    (void)topic;
    (void)retain;
    s->bytes += payload.len;
    s->published++;
}

static uint64_t on_clock(void *ctx)
{
    return ((server *)ctx)->now_ms;
}

/* ---- a directory that goes away ------------------------------------------------------------------- */

static void remove_files(const char *dir)
{
    DIR *d = opendir(dir);
    if (d == NULL) {
        return;
    }
    for (const struct dirent *e = readdir(d); e != NULL; e = readdir(d)) {
        char path[512];
        (void)snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
        if (e->d_name[0] != '.') {
            (void)unlink(path);
        }
    }
    (void)closedir(d);
    (void)rmdir(dir);
}

static void remove_all(const server *s)
{
    char keys[ROOM + 8];
    (void)snprintf(keys, sizeof keys, "%s/keys", s->dir);
    remove_files(keys);
    remove_files(s->dir);
    remove_files(s->top);
}

static pqi_status make_key(server *s)
{
    uint8_t kek[KEK_LEN];
    FILE *f = NULL;
    const char *tmp = getenv("TMPDIR");
    (void)snprintf(s->top, sizeof s->top, "%s/pqi-bench-XXXXXX",
        tmp != NULL && strlen(tmp) < ROOM / 2 ? tmp : "/tmp");
    if (mkdtemp(s->top) == NULL) {
        return PQI_ERR_STORAGE;
    }
    (void)snprintf(s->dir, sizeof s->dir, "%.60s/control", s->top);
    (void)snprintf(s->key, sizeof s->key, "%.60s/kek", s->top);
    pqi_status st = s->plane.algs->classic->random(kek, sizeof kek);
    (void)umask(077);
    f = fopen(s->key, "wb");
    if (st == PQI_OK && (f == NULL || fwrite(kek, 1, sizeof kek, f) != sizeof kek)) {
        st = PQI_ERR_STORAGE;
    }
    return f != NULL && fclose(f) != 0 ? PQI_ERR_STORAGE : st;
}

static pqi_status open_store(server *s)
{
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t pk_len = 0;
    int32_t alg = 0;
    s->cfg = (pqi_host_control_cfg){.dir = s->dir,
        .kek = {.key_file = s->key},
        .name = "bench",
        .tokens = BENCH_HEADS,
        .budget = {UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX},
        .io = {s, on_publish, NULL},
        .clock_ms = on_clock,
        .clock_ctx = s};
    pqi_status st =
        pqi_host_control_init(&s->cfg, s->plane.sig->id, (pqi_span){pk, sizeof pk}, &pk_len, &alg);
    if (st == PQI_OK) {
        st = bench_plane_manifest(&s->plane, pk);
    }
    if (st == PQI_OK) {
        st = pqi_host_control_open(&s->c, &s->cfg);
    }
    return st == PQI_OK
               ? pqi_host_control_begin(s->c, (pqi_cspan){s->plane.manifest, s->plane.manifest_len},
                     s->plane.manifest_hash)
               : st;
}

/* ---- rosters in the store ------------------------------------------------------------------------- */

static pqi_status put_roster(server *s, uint32_t n, double *ms)
{
    int is_new = 0;
    pqi_control_made made;
    s->plane.n = n;
    s->plane.own = 0;
    pqi_status st = bench_plane_roster(&s->plane);
    const uint64_t t = pqi_bench_now_ns();
    if (st == PQI_OK) {
        st = pqi_host_control_put_roster(
            s->c, (pqi_cspan){s->plane.out, s->plane.len}, s->members, n, &is_new);
    }
    if (st == PQI_OK) {
        st = pqi_host_control_advance(s->c, 0, &made);
        s->plane.head.head_epoch = made.head_epoch;
    }
    *ms = (double)(pqi_bench_now_ns() - t) / 1e6;
    return st;
}

static pqi_status put_rosters(pqi_bench *b, server *s)
{
    pqi_status st = PQI_OK;
    for (size_t i = 0; i < sizeof stores / sizeof stores[0] && st == PQI_OK; i++) {
        char name[64];
        double ms = 0;
        st = put_roster(s, stores[i], &ms);
        (void)snprintf(name, sizeof name, "control store %u", (unsigned)stores[i]);
        pqi_bench_figure(b, name, "roster-and-head", ms, "ms");
    }
    return st;
}

/* ---- questions ------------------------------------------------------------------------------------ */

static pqi_status ask(server *s, uint32_t i, uint64_t nonce)
{
    uint8_t out[PQI_ASK_LEN + PQI_ID_MAX];
    size_t len = 0;
    const char *id = s->members[i % MEMBERS].id;
    pqi_ask q = {.want = PQI_ASK_STATEMENT | PQI_ASK_PATH | PQI_ASK_NEWEST,
        .root_version = 1,
        .head_epoch = s->plane.head.head_epoch,
        .roster_seq = s->plane.roster.seq,
        .roster_index = i % MEMBERS,
        .id = {(const uint8_t *)id, strlen(id)}};
    memcpy(q.nonce, &nonce, sizeof nonce);
    memcpy(q.kid, &i, sizeof i);
    pqi_status st = pqi_ask_write(&q, (pqi_span){out, sizeof out}, &len);
    return st == PQI_OK ? pqi_host_control_ask(s->c, (pqi_cspan){out, len}) : st;
}

static pqi_status answers(pqi_bench *b, server *s, uint32_t batch, const char *name)
{
    char op[32];
    uint64_t n = 0;
    uint32_t got = 0;
    pqi_status st = PQI_OK;
    const uint64_t bytes = s->bytes, start = pqi_bench_now_ns();
    uint64_t ns = 0;
    const uint64_t most = b->ns_per_case * 4 < SECONDS * UINT64_C(1000000000)
                              ? b->ns_per_case * 4
                              : SECONDS * UINT64_C(1000000000);
    while (st == PQI_OK && ns < most) {
        for (uint32_t i = 0; i < batch && st == PQI_OK; i++, n++) {
            st = ask(s, (uint32_t)n, n);
        }
        if (st == PQI_OK) {
            st = pqi_host_control_flush(s->c, &got);
        }
        if (st == PQI_OK && got != batch) {
            st = PQI_ERR_SELFTEST;
        }
        s->now_ms += 200;
        ns = pqi_bench_now_ns() - start;
    }
    if (st == PQI_OK) {
        (void)snprintf(op, sizeof op, "questions-%u", (unsigned)batch);
        pqi_bench_figure(b, name, op, (double)n * 1e9 / (double)ns, "questions/s");
        (void)snprintf(op, sizeof op, "answer-%u", (unsigned)batch);
        pqi_bench_figure(b, name, op, (double)(s->bytes - bytes) / (double)n, "bytes/question");
    }
    return st;
}

static pqi_status questions(pqi_bench *b, server *s, const char *name)
{
    double ms = 0;
    pqi_status st = put_roster(s, MEMBERS, &ms);
    s->now_ms += HOUR_MS;
    for (size_t i = 0; i < sizeof batches / sizeof batches[0] && st == PQI_OK; i++) {
        st = answers(b, s, batches[i], name);
    }
    return st;
}

static pqi_status make_members(server *s)
{
    const uint32_t n = stores[sizeof stores / sizeof stores[0] - 1];
    s->members = pqi_cli_alloc(n * sizeof *s->members);
    for (uint32_t i = 0; i < n; i++) {
        pqi_control_member *m = &s->members[i];
        m->leaf = (pqi_leaf){i, 1, {1}};
        memcpy(m->leaf.cert_hash + 1, &i, sizeof i); /* as in the plane */
        (void)snprintf(m->id, sizeof m->id, "pump-%06u", (unsigned)i);
    }
    return bench_plane_init(&s->plane, s->plane.algs, s->plane.sig, n);
}

void bench_control_server(pqi_bench *b, const pqi_sig *sig)
{
    char name[64];
    (void)snprintf(name, sizeof name, "control server %s", sig->name);
    const bool store = sig->id == PQI_SIG_ID_ML_DSA_65 && pqi_bench_wants(b, "control store", "");
    if (!store && !pqi_bench_wants(b, name, "questions")) {
        return;
    }
    server *s = pqi_cli_alloc(sizeof *s);
    s->plane.algs = b->algs;
    s->plane.sig = sig;
    s->now_ms = START_MS;
    pqi_status st = make_members(s);
    if (st == PQI_OK) {
        st = make_key(s);
    }
    if (st == PQI_OK) {
        st = open_store(s);
    }
    if (st == PQI_OK) {
        st = questions(b, s, name);
    }
    if (st == PQI_OK && store) {
        st = put_rosters(b, s);
    }
    if (st != PQI_OK) {
        bench_control_failed(b, "a server", st);
    }
    pqi_host_control_close(s->c);
    remove_all(s);
    bench_plane_free(&s->plane);
    free(s->members);
    free(s);
}
