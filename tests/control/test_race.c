/* SPDX-License-Identifier: Apache-2.0
 * Several servers of one store, all of them eager: leases of a moment, heads by force, no manners. Of one
 * epoch there is one head, whoever made it, and every one hangs on the one before. */
#include "control/rig.h"

#include <pqi/endpoint.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SERVERS 3
#define ROUNDS  40

static uint64_t real_ms(void *ctx)
{
    struct timespec t;
    (void)ctx;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

/* What a server published, as epoch and hash, into its file. */
typedef struct record {
    uint32_t root, epoch;
    uint8_t hash[PQI_HASH_LEN];
} record;

typedef struct server {
    FILE *log;
    pqi_algs algs;
} server;

static void log_head(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    server *s = ctx;
    pqi_head h;
    (void)retain;
    if (strcmp(topic, PQI_TOPIC_HEAD) != 0) {
        return;
    }
    if (pqi_head_decode(&s->algs, payload, &h) != PQI_OK) {
        _exit(3);
    }
    record x = {h.root_version, h.head_epoch, {0}};
    memcpy(x.hash, h.hash, PQI_HASH_LEN);
    if (fwrite(&x, sizeof x, 1, s->log) != 1 || fflush(s->log) != 0) {
        _exit(4);
    }
}

/* Exit: how many heads it made, at most 100; above: a failure. */
static int serve(rig *r, int k, const char *log)
{
    server s;
    unsigned made = 0;
    pqi_host_control *c = NULL;
    char dir[128];
    (void)snprintf(dir, sizeof dir, "%s/s%d", r->top, k);
    s.log = fopen(log, "ab");
    pqi_algs_all(&s.algs, &pqi_classic_openssl);
    pqi_host_control_cfg cfg = r->cfg;
    char name[8];
    (void)snprintf(name, sizeof name, "s%d", k);
    cfg.dir = dir;
    cfg.name = name;
    cfg.lease_ms = 2;
    cfg.clock_ms = real_ms;
    cfg.io = (pqi_control_io){&s, log_head, NULL};
    pqi_status st = pqi_host_control_open(&c, &cfg);
    if (s.log == NULL || st != PQI_OK) {
        (void)fprintf(
            stderr, "# server %d: %s %s\n", k, pqi_status_name(st), pqi_host_control_why());
        return 101;
    }
    unsigned seed = 77u * (unsigned)k;
    for (int i = 0; i < ROUNDS; i++) {
        pqi_control_made m;
        uint32_t wait = 0;
        st = pqi_host_control_advance(c, 1, &m);
        if (st != PQI_OK && st != PQI_ERR_STATE) { /* STATE: the other one was quicker */
            (void)fprintf(
                stderr, "# server %d: %s %s\n", k, pqi_status_name(st), pqi_host_control_why());
            return 102;
        }
        made += st == PQI_OK && m.what != 0;
        if (pqi_host_control_poll(c, 0, &wait) != PQI_OK) {
            return 103;
        }
        seed = seed * 1103515245u + 12345u;
        const struct timespec pause = {0, (long)(seed >> 16 & 7) * 1000000L};
        (void)nanosleep(&pause, NULL);
    }
    pqi_host_control_close(c);
    return fclose(s.log) == 0 ? (int)made : 104;
}

static void own_directory(rig *r, int k)
{
    char shell[512];
    (void)snprintf(shell, sizeof shell,
        "mkdir -m 700 %s/s%d && cp -a %s/keys %s/s%d/keys && rm -f %s/s%d/keys/lock", r->top, k,
        r->dir, r->top, k, r->top, k);
    assert_int_equal(system(shell), 0);
}

static void one_head_of_an_epoch(void **state)
{
    rig r;
    char log[128], store[128];
    pid_t pid[SERVERS];
    unsigned total = 0;
    (void)state;
    rig_make(&r);
    rig_close(&r);
    if (!r.pg) {
        (void)snprintf(store, sizeof store, "%s/control.db", r.dir);
        r.cfg.store = store;
    }
    (void)snprintf(log, sizeof log, "%s/heads", r.top);
    for (int k = 0; k < SERVERS; k++) {
        own_directory(&r, k);
    }
    for (int k = 0; k < SERVERS; k++) {
        (void)fflush(stdout);
        pid[k] = fork();
        assert_true(pid[k] >= 0);
        if (pid[k] == 0) {
            _exit(serve(&r, k, log));
        }
    }
    for (int k = 0; k < SERVERS; k++) {
        int how = 0;
        assert_int_equal(waitpid(pid[k], &how, 0), pid[k]);
        assert_true(WIFEXITED(how));
        assert_in_range(WEXITSTATUS(how), 1, ROUNDS); /* each of them had its turn */
        total += (unsigned)WEXITSTATUS(how);
    }
    /* as many epochs as heads were made, none twice, none left out */
    r.cfg.clock_ms = real_ms;
    rig_open(&r);
    assert_int_equal(pqi_host_control_check(r.c), PQI_OK);
    assert_int_equal(rig_info(&r).head_epoch, total);
    rig_close(&r);
    assert_int_equal(rig_int(&r, "SELECT count(*) FROM pqi_heads"), total);
    /* what was published is what is stored */
    static record seen[SERVERS * ROUNDS * 4];
    static uint8_t hash[SERVERS * ROUNDS + 1][PQI_HASH_LEN];
    static int have[SERVERS * ROUNDS + 1];
    FILE *f = fopen(log, "rb");
    assert_non_null(f);
    const size_t n = fread(seen, sizeof seen[0], sizeof seen / sizeof seen[0], f);
    assert_int_equal(fclose(f), 0);
    assert_true(n >= total);
    for (size_t i = 0; i < n; i++) {
        const uint32_t e = seen[i].epoch;
        assert_in_range(e, 1, total);
        if (have[e]) {
            assert_memory_equal(hash[e], seen[i].hash, PQI_HASH_LEN);
        }
        have[e] = 1;
        memcpy(hash[e], seen[i].hash, PQI_HASH_LEN);
    }
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(one_head_of_an_epoch))
