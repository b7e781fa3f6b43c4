/* SPDX-License-Identifier: Apache-2.0
 * A server that dies at every step which makes something durable: of SQLite and of the provider's files;
 * with PostgreSQL before and behind every statement. INV-102: it starts again without an operator, and a
 * head that was published is the head of its epoch for ever. */
#include "control/rig.h"

#include "port/linux/test_point.h"
#include "support/kill_vfs.h"

#include <pqi/endpoint.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_MAX 4096

typedef struct record {
    uint32_t epoch;
    uint8_t hash[PQI_HASH_LEN];
} record;

static FILE *log_;
static pqi_algs algs_;
static unsigned points_, die_at_;

/* The same at statements of PostgreSQL; file_atomic's points are counted as well. */
static int at_point(unsigned point)
{
    (void)point;
    if (++points_ == die_at_) {
        (void)kill(getpid(), SIGKILL);
    }
    return 0;
}

static void log_head(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    pqi_head h;
    (void)ctx;
    (void)retain;
    if (strcmp(topic, PQI_TOPIC_HEAD) != 0) {
        return;
    }
    if (pqi_head_decode(&algs_, payload, &h) != PQI_OK) {
        _exit(3);
    }
    record x = {h.head_epoch, {0}};
    memcpy(x.hash, h.hash, PQI_HASH_LEN);
    if (fwrite(&x, sizeof x, 1, log_) != 1 || fflush(log_) != 0) {
        _exit(4);
    }
}

/* One life: what is new is put, heads are made, time passes. Numbers go on from what is stored. */
static int live(rig *r, const char *log, unsigned die_at)
{
    pqi_host_control *c = NULL;
    pqi_control_info i;
    uint32_t wait = 0;
    int is_new = 0;
    log_ = fopen(log, "ab");
    pqi_algs_all(&algs_, &pqi_classic_openssl);
    if (r->pg) {
        die_at_ = die_at;
        pqi_host_set_point_hook(at_point);
    } else {
        kill_vfs_install();
        kill_vfs_arm(die_at != 0 ? KILL_DIE : KILL_NEVER, die_at);
    }
    r->cfg.io = (pqi_control_io){r, log_head, NULL};
    if (log_ == NULL || pqi_host_control_open(&c, &r->cfg) != PQI_OK ||
        pqi_host_control_get_info(c, &i) != PQI_OK) {
        (void)fprintf(stderr, "# %s\n", pqi_host_control_why());
        return 1;
    }
    int bad = pqi_host_control_poll(c, 0, &wait) != PQI_OK;
    bad |= pqi_host_control_put(
               c, PQI_OBJ_POLICY, rig_policy(r, i.policy_seq + 1, 60, 1000), &is_new) != PQI_OK;
    bad |= pqi_host_control_poll(c, 0, &wait) != PQI_OK;
    pqi_cspan in = rig_roster(r, i.roster_seq + 1, 5);
    bad |= pqi_host_control_put_roster(c, in, r->members, 5, &is_new) != PQI_OK;
    bad |= pqi_host_control_put(
               c, PQI_OBJ_REVOCATIONS, rig_revocations(r, i.rev_seq, 1, 1), &is_new) != PQI_OK;
    bad |= pqi_host_control_poll(c, 0, &wait) != PQI_OK;
    r->now_ms += 61000;
    bad |= pqi_host_control_poll(c, 0, &wait) != PQI_OK;
    uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
    size_t len = rig_question(r, r->members[0].id, PQI_ASK_STATEMENT, 1, NULL, q);
    bad |= pqi_host_control_ask(c, (pqi_cspan){q, len}) != PQI_OK;
    bad |= pqi_host_control_flush(c, NULL) != PQI_OK;
    pqi_host_control_close(c);
    return bad;
}

/* Each life begins alike. */
static void keep_base(const rig *r)
{
    char line[256];
    (void)snprintf(line, sizeof line, "cp -a %s/ctl %s/base", r->top, r->top);
    assert_int_equal(system(line), 0);
}

static void back_to_base(rig *r)
{
    char line[256];
    (void)snprintf(line, sizeof line, "cd %s && rm -rf ctl heads && cp -a base ctl", r->top);
    assert_int_equal(system(line), 0);
    if (r->pg) {
        rig_sql(r, "TRUNCATE pqi_heads, pqi_seed, pqi_policies, pqi_rosters, pqi_leaves,"
                   " pqi_segments, pqi_entries, pqi_seen, pqi_tokens; UPDATE pqi_state SET"
                   " tick_number = 0, tick_at = 0, delegates = ''");
    }
}

/* How it ended: 0 it lived, 1 it died as told, -1 otherwise. */
static int run(rig *r, const char *log, unsigned die_at)
{
    int how = 0;
    (void)fflush(stdout);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(live(r, log, die_at));
    }
    assert_int_equal(waitpid(pid, &how, 0), pid);
    if (WIFEXITED(how) && WEXITSTATUS(how) == 0) {
        return 0;
    }
    return (WIFEXITED(how) && WEXITSTATUS(how) == KILL_EXIT && !r->pg) ||
                   (WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL && r->pg)
               ? 1
               : -1;
}

/* Every head that was ever published is in the store under its epoch. */
static void check_published(rig *r, const char *log)
{
    static record seen[LOG_MAX];
    FILE *f = fopen(log, "rb");
    if (f == NULL) {
        return;
    }
    const size_t n = fread(seen, sizeof seen[0], LOG_MAX, f);
    assert_int_equal(fclose(f), 0);
    assert_true(n < LOG_MAX);
    for (size_t i = 0; i < n; i++) {
        char sql[200], hex[2 * PQI_HASH_LEN + 1];
        for (size_t k = 0; k < PQI_HASH_LEN; k++) {
            (void)snprintf(hex + 2 * k, 3, "%02x", seen[i].hash[k]);
        }
        (void)snprintf(sql, sizeof sql,
            r->pg ? "SELECT count(*) FROM pqi_heads WHERE head_epoch = %u AND hash = '\\x%s'"
                  : "SELECT count(*) FROM pqi_heads WHERE head_epoch = %u AND hash = x'%s'",
            seen[i].epoch, hex);
        assert_int_equal(rig_int(r, sql), 1);
    }
}

static void dies_everywhere(void **state)
{
    rig r;
    char log[128];
    unsigned died = 0;
    int how = 1;
    (void)state;
    rig_make(&r);
    rig_close(&r);
    (void)snprintf(log, sizeof log, "%s/heads", r.top);
    keep_base(&r);
    for (unsigned at = 1; how != 0; at++) {
        const uint64_t now = r.now_ms;
        back_to_base(&r);
        how = run(&r, log, at);
        if (how < 0) {
            fail_msg("step %u: it failed", at);
        }
        died += how == 1;
        r.now_ms = now + 1000;
        pqi_status st = rig_try_open(&r); /* looks at everything */
        if (st != PQI_OK) {
            fail_msg("after step %u: %s, %s", at, pqi_status_name(st), pqi_host_control_why());
        }
        check_published(&r, log);
    }
    print_message("# died %u times\n", died);
    assert_true(died > 40);
    /* and it works */
    assert_int_equal(run(&r, log, 0), 0);
    check_published(&r, log);
    rig_end(&r);
}

/* A full disk is an error, not the end; what was there stays. */
static void full_disk(void **state)
{
    rig r;
    (void)state;
    rig_make(&r);
    (void)rig_advance(&r);
    rig_close(&r);
    if (r.pg) { /* the server's business */
        rig_end(&r);
        return;
    }
    kill_vfs_install();
    for (unsigned at = 1; at < 40; at += 3) {
        int is_new = 0;
        rig_open(&r);
        const pqi_control_info before = rig_info(&r);
        pqi_cspan in = rig_policy(&r, before.policy_seq + 1, 60, 50);
        kill_vfs_arm(KILL_FULL, at);
        pqi_status st = pqi_host_control_put(r.c, PQI_OBJ_POLICY, in, &is_new);
        kill_vfs_arm(KILL_NEVER, 0);
        assert_true(st == PQI_OK || st == PQI_ERR_STORAGE);
        assert_int_equal(rig_info(&r).policy_seq, before.policy_seq + (st == PQI_OK ? 1u : 0u));
        rig_close(&r);
        assert_int_equal(rig_try_open(&r), PQI_OK);
    }
    pqi_host_set_point_hook(NULL);
    rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(dies_everywhere), cmocka_unit_test(full_disk))
