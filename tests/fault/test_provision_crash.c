/* SPDX-License-Identifier: Apache-2.0
 * INV-102: every provisioning command of CA and device, killed at every step that makes something
 * durable, and simply run again. INV-19: no crash makes a key epoch be used twice. */
#include "support/host_fleet.h"
#include "support/kill_vfs.h"

#include "pqi_test.h"

#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 400u

/* One command: what it needs beforehand, and one run of it. */
typedef struct scene {
    fleet f;
    node n;
    blob challenge, request, grant;
    uint8_t confirm[PQI_CONFIRM_LEN];
    uint8_t fp[32];
    pqi_status (*run)(struct scene *s);
} scene;

static char saved[96];

static void scene_begin(scene *s)
{
    memset(s, 0, sizeof *s);
    fleet_begin(&s->f);
    node_make(&s->f, &s->n, "pump-1");
    (void)snprintf(saved, sizeof saved, "%s.saved", s->f.top);
}

static void scene_end(scene *s)
{
    blob_free(&s->challenge);
    blob_free(&s->request);
    blob_free(&s->grant);
    tree_remove(saved);
    fleet_end(&s->f);
}

/* The exit status of a child that runs the command with the given step armed. */
static int in_child(scene *s, kill_mode mode, unsigned step)
{
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        kill_vfs_arm(mode, step);
        _exit(s->run(s) == PQI_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void put_back(scene *s)
{
    tree_remove(s->f.top);
    tree_copy(saved, s->f.top);
}

/* Dies at step 1, 2, ... until a run survives; after each death the command must simply work. */
static void torture(scene *s, void (*check)(scene *s))
{
    unsigned step = 1;
    tree_remove(saved);
    tree_copy(s->f.top, saved);
    for (; step < STEPS_MAX; step++) {
        int rc = in_child(s, KILL_DIE, step);
        if (rc == 0) {
            break;
        }
        assert_int_equal(rc, KILL_EXIT);
        kill_vfs_arm(KILL_NEVER, 0);
        pqi_status st = s->run(s);
        if (st != PQI_OK) {
            print_error("step %u: %s, %s\n", step, pqi_status_name(st), pqi_host_ca_why());
        }
        assert_int_equal(st, PQI_OK);
        if (check != NULL) {
            check(s);
        }
        put_back(s);
    }
    assert_in_range(step, 3, STEPS_MAX - 1);
    kill_vfs_arm(KILL_NEVER, 0);
    assert_int_equal(s->run(s), PQI_OK);
}

/* ---- the commands ------------------------------------------------------------------------------- */

static pqi_status run_ca_init(scene *s)
{
    return fleet_init_ca(&s->f);
}

static pqi_status run_device_init(scene *s)
{
    blob factory = {NULL, 0};
    pqi_status st = node_init(&s->f, &s->n, &factory);
    blob_free(&factory);
    return st;
}

static pqi_status run_allow(scene *s)
{
    return fleet_allow(&s->f, s->n.id, s->fp, 0);
}

static pqi_status run_challenge(scene *s)
{
    blob b = {NULL, 0};
    pqi_status st = fleet_challenge(&s->f, s->n.id, &b);
    blob_free(&b);
    return st;
}

static pqi_status run_join(scene *s)
{
    return node_join(&s->n, &s->challenge, &s->request);
}

static pqi_status run_issue(scene *s)
{
    pqi_host_ca_issued done;
    pqi_status st = fleet_issue(&s->f, &s->request, &s->grant, &done);
    return st == PQI_OK && done.key_epoch != 1 ? PQI_ERR_STATE : st; /* INV-19: once, and epoch 1 */
}

static pqi_status run_install(scene *s)
{
    return node_install(&s->f, &s->n, &s->grant, s->confirm);
}

static pqi_status run_confirm(scene *s)
{
    return fleet_confirm(&s->f, s->confirm);
}

static pqi_status run_revoke(scene *s)
{
    pqi_host_ca *ca = NULL;
    uint64_t seq = 0;
    pqi_cspan id = {(const uint8_t *)s->n.id, strlen(s->n.id)};
    pqi_status st = pqi_host_ca_open(&ca, &s->f.ca_cfg);
    if (st == PQI_OK) {
        st = pqi_host_ca_revoke(ca, id, 1, 0, &seq);
    }
    pqi_host_ca_close(ca);
    return st == PQI_OK && seq != 1 ? PQI_ERR_STATE : st;
}

/* Many at once: whatever happened, one entry for each in the end. */
static pqi_status run_revoke_many(scene *s)
{
    static const pqi_cspan ids[] = {{PQI_LIT("a")}, {PQI_LIT("b")}, {PQI_LIT("c")}};
    pqi_host_ca *ca = NULL;
    uint64_t seq = 0;
    size_t failed = 0;
    pqi_status st = pqi_host_ca_open(&ca, &s->f.ca_cfg);
    if (st == PQI_OK) {
        st = pqi_host_ca_revoke_many(ca, ids, 3, 0, 0, &seq, &failed);
    }
    pqi_host_ca_close(ca);
    return st == PQI_OK && seq != 3 ? PQI_ERR_STATE : st;
}

static pqi_status run_open(scene *s)
{
    pqi_host_ca *ca = NULL;
    pqi_status st = pqi_host_ca_open(&ca, &s->f.ca_cfg);
    pqi_host_ca_close(ca);
    return st;
}

static pqi_status run_recover(scene *s)
{
    pqi_host_ca_recovered r;
    pqi_cspan none = {NULL, 0};
    return pqi_host_ca_recover(&s->f.ca_cfg, none, &r);
}

/* Entries 1, 2 and 3 of the log, signed, are those of a, b and c. */
static void check_log(scene *s)
{
    static uint8_t mem[PQI_REVOCATIONS_MAX];
    const pqi_span room = {mem, sizeof mem};
    pqi_host_ca *ca = NULL;
    pqi_revocations r;
    pqi_algs algs;
    size_t len = 0;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    assert_int_equal(pqi_host_ca_open(&ca, &s->f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_revocations(ca, room, &len), PQI_OK);
    pqi_host_ca_close(ca);
    assert_int_equal(pqi_revocations_decode(&algs, (pqi_cspan){mem, len}, &r), PQI_OK);
    assert_int_equal(r.count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const pqi_revoked e = pqi_revocations_at(&r, i);
        assert_int_equal(e.roster_index, i + 1);
        assert_int_equal(e.min_key_epoch, UINT32_MAX);
    }
}

static void check_status(scene *s)
{
    pqi_host_device_status st;
    assert_int_equal(pqi_host_device_get_status(&s->n.cfg, &st), PQI_OK);
    assert_string_equal(st.id, "pump-1");
    assert_memory_equal(st.pinned, s->f.hash, 32);
}

/* INV-102 */
static void inv_102_ca_init(void **state)
{
    scene s;
    (void)state;
    scene_begin(&s);
    s.run = run_ca_init;
    torture(&s, NULL);
    scene_end(&s);
}

/* INV-102 */
static void inv_102_device_init(void **state)
{
    scene s;
    (void)state;
    scene_begin(&s);
    s.run = run_device_init;
    torture(&s, check_status);
    scene_end(&s);
}

static void enrolled(scene *s)
{
    pqi_host_device_status st;
    scene_begin(s);
    assert_int_equal(fleet_init_ca(&s->f), PQI_OK);
    assert_int_equal(run_device_init(s), PQI_OK);
    assert_int_equal(pqi_host_device_get_status(&s->n.cfg, &st), PQI_OK);
    memcpy(s->fp, st.factory_fp, sizeof s->fp);
}

/* INV-102: allow, challenge, issue, confirm, revoke; the walk goes on after each. */
static void inv_102_ca_commands(void **state)
{
    scene s;
    (void)state;
    enrolled(&s);
    s.run = run_allow;
    torture(&s, NULL);
    s.run = run_challenge;
    torture(&s, NULL);
    assert_int_equal(fleet_challenge(&s.f, s.n.id, &s.challenge), PQI_OK);
    assert_int_equal(run_join(&s), PQI_OK);
    s.run = run_issue;
    torture(&s, NULL);
    assert_int_equal(run_install(&s), PQI_OK);
    s.run = run_confirm;
    torture(&s, NULL);
    s.run = run_revoke;
    torture(&s, NULL);
    s.run = run_recover;
    torture(&s, NULL);
    scene_end(&s);
}

/* INV-102: three revocations at once, and the step of a registry of before to the log. */
static void inv_102_revocation_log(void **state)
{
    scene s;
    (void)state;
    scene_begin(&s);
    assert_int_equal(fleet_init_ca(&s.f), PQI_OK);
    for (unsigned i = 0; i < 3; i++) {
        const char id[2] = {(char)('a' + i), 0};
        const uint8_t fp[32] = {(uint8_t)(i + 1)};
        assert_int_equal(fleet_allow(&s.f, id, fp, 0), PQI_OK);
    }
    s.run = run_revoke_many;
    torture(&s, check_log);
    fleet_schema_2(&s.f);
    s.run = run_open;
    torture(&s, check_log);
    scene_end(&s);
}

/* INV-102: join and install, first and as a renewal. */
static void inv_102_device_commands(void **state)
{
    scene s;
    uint32_t epoch = 0;
    (void)state;
    enrolled(&s);
    assert_int_equal(run_allow(&s), PQI_OK);
    for (uint32_t want = 1; want <= 2; want++) {
        pqi_host_ca_issued done;
        assert_int_equal(fleet_challenge(&s.f, s.n.id, &s.challenge), PQI_OK);
        s.run = run_join;
        torture(&s, check_status);
        assert_int_equal(fleet_issue(&s.f, &s.request, &s.grant, &done), PQI_OK);
        assert_int_equal(done.key_epoch, want);
        s.run = run_install;
        torture(&s, check_status);
        assert_int_equal(run_confirm(&s), PQI_OK);
    }
    assert_int_equal(fleet_provision(&s.f, &s.n, &epoch), PQI_OK);
    assert_int_equal(epoch, 3);
    scene_end(&s);
}

/* A full disk at every write of an issue: refused, nothing changed, works when there is room again. */
static void disk_full(void **state)
{
    scene s;
    unsigned step = 1;
    (void)state;
    enrolled(&s);
    assert_int_equal(run_allow(&s), PQI_OK);
    assert_int_equal(fleet_challenge(&s.f, s.n.id, &s.challenge), PQI_OK);
    assert_int_equal(run_join(&s), PQI_OK);
    tree_copy(s.f.top, saved);
    for (; step < STEPS_MAX; step++) {
        kill_vfs_arm(KILL_FULL, step);
        pqi_status st = run_issue(&s);
        kill_vfs_arm(KILL_NEVER, 0);
        if (st == PQI_OK) {
            break;
        }
        assert_int_equal(st, PQI_ERR_STORAGE);
        assert_int_equal(s.grant.len, 0);
        assert_int_equal(run_issue(&s), PQI_OK);
        put_back(&s);
    }
    assert_in_range(step, 3, STEPS_MAX - 1);
    scene_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inv_102_ca_init),
        cmocka_unit_test(inv_102_device_init),
        cmocka_unit_test(inv_102_ca_commands),
        cmocka_unit_test(inv_102_revocation_log),
        cmocka_unit_test(inv_102_device_commands),
        cmocka_unit_test(disk_full),
    };
    kill_vfs_install();
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
