/* SPDX-License-Identifier: Apache-2.0
 * The key agent as a process: the whole provider interface through it, and who else is there.
 * INV-2, INV-86, INV-107, INV-110. */
#include "agent/agent_rig.h"
#include "conformance/conformance.h"
#include "port/linux/element.h"

#include <pqi/host.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define DOMAIN ((pqi_cspan){PQI_LIT("PQI4 v1")})

static agent_rig r;
static uint8_t sig[PQI_SIG_MAX_SIG + 200];

static void make(pqi_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg)
{
    assert_int_equal(pqi_provider_generate(p, key, kind, alg), PQI_OK);
}

static pqi_status sign(pqi_provider *p, pqi_key key, pqi_cspan domain)
{
    const pqi_cspan part = {PQI_LIT("a message")};
    size_t n = 0;
    return pqi_provider_sign(p, key, domain, &part, 1, (pqi_span){sig, sizeof sig}, &n);
}

static void conformance(void **state)
{
    (void)state;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_non_null(p);
    if (r.provider[0] == '\0') {
        assert_int_equal(
            pqi_provider_caps(p), PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT | PQI_CAP_SEPARATE);
        assert_string_equal(pqi_provider_name(p), "agent over soft");
    } else {
        const bool tpm = strncmp(r.provider, "tpm:", 4) == 0; /* a token does not count */
        const uint32_t all = PQI_CAP_SEPARATE | PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK;
        assert_int_equal(pqi_provider_caps(p) & all, tpm ? all : all & ~PQI_CAP_NO_ROLLBACK);
    }
    pqi_provider_conformance(p);
    pqi_provider_conformance_threads(p);
    pqi_provider_conformance_zeroize(p); /* this handle, not the agent's keys */
    agent_rig_close(p);
    p = agent_rig_open(&r, "s");
    make(p, 7, PQI_KEY_X25519, 0);
    assert_int_equal(agent_rig_lines(&r, "\"op\":\"zeroize\""), 1);
    assert_int_equal(agent_rig_lines(&r, "\"op\":\"zeroize\",\"uid\":"), 1);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* A directory that names the agent, as every program opens it. */
static void by_directory(void **state)
{
    (void)state;
    char dir[128], file[160];
    pqi_provider *p = NULL;
    pqi_algs algs;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    (void)snprintf(dir, sizeof dir, "%s/device", r.top);
    (void)snprintf(file, sizeof file, "%s/provider.uri", dir);
    pqi_host_provider_cfg cfg = {
        .algs = pqi_host_algs(&algs), .dir = dir, .kek = {.provider = r.uri}, .create = 1};
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_OK);
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    pqi_host_provider_close(p);
    assert_int_equal(access(file, F_OK), 0);
    cfg.kek.provider = NULL;
    cfg.create = 0;
    assert_int_equal(pqi_host_provider_open(&p, &cfg), PQI_OK);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    pqi_host_provider_close(p);
    agent_rig_end(&r);
}

/* With a rule that says so the keys of all are wiped. */
static void zeroize_by_rule(void **state)
{
    (void)state;
    char acl[300];
    (void)snprintf(acl, sizeof acl,
        "allow uid=%u store=s " RIG_ALL "\nallow uid=%u store=s ops=zeroize\n", (unsigned)geteuid(),
        (unsigned)geteuid());
    agent_rig_make(&r, acl);
    agent_rig_start(&r);
    pqi_provider *a = agent_rig_open(&r, "s"), *b = agent_rig_open(&r, "s");
    make(a, 1, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    assert_int_equal(pqi_provider_zeroize(a), PQI_OK);
    assert_int_equal(sign(a, 1, DOMAIN), PQI_ERR_STATE);
    assert_int_equal(sign(b, 1, DOMAIN), PQI_ERR_STATE);
    agent_rig_close(a);
    agent_rig_kill(&r, SIGTERM);
    agent_rig_start(&r);
    assert_int_equal(sign(b, 1, DOMAIN), PQI_OK); /* keys at rest stay */
    agent_rig_close(b);
    agent_rig_end(&r);
}

/* Both see the same keys and counters; another store has its own. */
static void two_clients_share_a_store(void **state)
{
    (void)state;
    char acl[400];
    uint64_t v = 0;
    uint8_t blob[4 + PQI_SEAL_OVERHEAD], plain[4];
    (void)snprintf(acl, sizeof acl,
        "allow uid=%u store=s " RIG_ALL "\nallow uid=%u store=s2 " RIG_ALL "\n",
        (unsigned)geteuid(), (unsigned)geteuid());
    agent_rig_make(&r, acl);
    agent_rig_start(&r);
    pqi_provider *a = agent_rig_open(&r, "s"), *b = agent_rig_open(&r, "s"),
                 *c = agent_rig_open(&r, "s2");
    make(a, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    assert_int_equal(sign(b, 5, DOMAIN), PQI_OK);
    assert_int_equal(sign(c, 5, DOMAIN), PQI_ERR_MISSING);
    assert_int_equal(pqi_provider_counter_advance(a, 3, 9), PQI_OK);
    assert_int_equal(pqi_provider_counter_get(b, 3, &v), PQI_OK);
    assert_int_equal(v, 9);
    assert_int_equal(pqi_provider_counter_get(c, 3, &v), PQI_OK);
    assert_int_equal(v, 0);
    const pqi_cspan label = {PQI_LIT("state")};
    assert_int_equal(
        pqi_provider_seal(a, label, 1, (pqi_cspan){PQI_LIT("four")}, (pqi_span){blob, sizeof blob}),
        PQI_OK);
    const pqi_cspan sealed = {blob, sizeof blob};
    assert_int_equal(pqi_provider_unseal(b, label, 1, sealed, (pqi_span){plain, 4}), PQI_OK);
    assert_memory_equal(plain, "four", 4);
    assert_int_equal(pqi_provider_unseal(c, label, 1, sealed, (pqi_span){plain, 4}), PQI_ERR_AUTH);
    agent_rig_close(a);
    agent_rig_close(b);
    agent_rig_close(c);
    agent_rig_end(&r);
}

/* Beyond what a frame carries: refused here, nothing is sent, the next call works. */
static void too_long(void **state)
{
    (void)state;
    static uint8_t big[1200000], out[1200000 + PQI_SEAL_OVERHEAD];
    size_t n = 0;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    const pqi_cspan parts[2] = {{big, 600000}, {big, 600000}}, half = {big, 0x100000};
    const pqi_span to = {sig, sizeof sig};
    assert_int_equal(pqi_provider_sign(p, 5, DOMAIN, parts, 2, to, &n), PQI_ERR_LIMIT);
    assert_int_equal(pqi_provider_sign(p, 5, DOMAIN, &half, 1, to, &n), PQI_OK);
    const pqi_cspan label = {PQI_LIT("x")};
    assert_int_equal(
        pqi_provider_seal(p, label, 1, (pqi_cspan){big, sizeof big}, (pqi_span){out, sizeof out}),
        PQI_ERR_LIMIT);
    assert_int_equal(
        pqi_provider_seal(p, label, 1, half, (pqi_span){out, half.len + PQI_SEAL_OVERHEAD}),
        PQI_OK);
    assert_int_equal(pqi_provider_unseal(p, label, 1,
                         (pqi_cspan){out, half.len + PQI_SEAL_OVERHEAD}, (pqi_span){big, half.len}),
        PQI_OK);
    assert_int_equal(pqi_provider_random(p, (pqi_span){big, 200000}), PQI_OK);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* ---- threads, fork -------------------------------------------------------------------------------- */

enum { THREADS = 12, ROUNDS = 40 };

static void *busy(void *arg)
{
    pqi_provider *p = arg;
    uint8_t own[PQI_SIG_MAX_SIG];
    const pqi_cspan part = {PQI_LIT("a message")};
    uintptr_t good = 0;
    for (int i = 0; i < ROUNDS; i++) {
        size_t n = 0;
        good +=
            pqi_provider_sign(p, 5, DOMAIN, &part, 1, (pqi_span){own, sizeof own}, &n) == PQI_OK;
    }
    return (void *)good; /* NOLINT(performance-no-int-to-ptr) */
}

static void many_threads(void **state)
{
    (void)state;
    pthread_t t[THREADS];
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&t[i], NULL, busy, p), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *good = NULL;
        assert_int_equal(pthread_join(t[i], &good), 0);
        assert_int_equal((uintptr_t)good, ROUNDS);
    }
    assert_int_equal(agent_rig_lines(&r, "\"op\":\"sign\""), THREADS * ROUNDS);
    agent_rig_close(p);
    agent_rig_end(&r);
}

static void forked_child(void **state)
{
    (void)state;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(sign(p, 5, DOMAIN) == PQI_ERR_STATE ? 0 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* ---- failures of the agent ------------------------------------------------------------------------ */

static void no_agent(void **state)
{
    (void)state;
    pqi_provider *p = NULL;
    const char *text = NULL;
    agent_rig_make(&r, NULL);
    assert_int_equal(pqi_agent_provider_open(&p, r.uri, NULL), PQI_ERR_PROVIDER);
    assert_null(p);
    agent_rig_start(&r);
    p = agent_rig_open(&r, "s");
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    assert_int_equal(sign(p, 6, DOMAIN), PQI_ERR_MISSING);
    agent_rig_kill(&r, SIGKILL);
    /* no SIGPIPE: it would end this process */
    assert_int_equal(sign(p, 5, DOMAIN), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_provider_native_error(p, &text), ECONNREFUSED);
    assert_string_equal(text, "key agent: Connection refused");
    assert_int_equal(sign(p, 5, DOMAIN), PQI_ERR_PROVIDER);
    agent_rig_start(&r);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    assert_int_equal(pqi_provider_native_error(p, &text), 0);
    assert_string_equal(text, "");
    agent_rig_close(p);
    agent_rig_end(&r);
}

static void hung_agent(void **state)
{
    (void)state;
    char uri[160];
    const char *text = NULL;
    pqi_provider *p = NULL;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    (void)snprintf(uri, sizeof uri, "agent:%s?store=s&timeout=200", r.sock);
    assert_int_equal(pqi_agent_provider_open(&p, uri, NULL), PQI_OK);
    assert_int_equal(kill(r.pid, SIGSTOP), 0);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_ERR_PROVIDER);
    assert_int_equal(pqi_provider_native_error(p, &text), ETIMEDOUT);
    assert_int_equal(kill(r.pid, SIGCONT), 0);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* The socket is there before the agent and stays when it goes: who connects meanwhile waits. */
static void socket_activation(void **state)
{
    (void)state;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    agent_rig_make(&r, NULL);
    memcpy(at.sun_path, r.sock, strlen(r.sock) + 1);
    r.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(r.listen_fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(r.listen_fd, 16), 0);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_non_null(p);
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    agent_rig_kill(&r, SIGKILL);
    agent_rig_start(&r);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK); /* never refused */
    agent_rig_close(p);
    agent_rig_kill(&r, SIGTERM);
    r.listen_fd = open("/dev/null", O_RDONLY); /* something else on its place */
    assert_int_equal(agent_rig_start_fails(&r), 3);
    agent_rig_end(&r);
}

/* pqi-agent --check with these files as they are; 256 + the signal that ended it. */
static int check(void)
{
    char conf[128];
    int status = 0;
    (void)snprintf(conf, sizeof conf, "%s/etc/conf", r.top);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)alarm(60);
        (void)execl(PQI_AGENT_BINARY, "pqi-agent", "--config", conf, "--check", (char *)NULL);
        _exit(127);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? 256 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Configuration and rules say which code gets which key: what others can write does not count. */
static void files_of_others(void **state)
{
    (void)state;
    static const char *const names[] = {"conf", "acl"};
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    agent_rig_kill(&r, SIGTERM);
    assert_int_equal(check(), 0);
    for (size_t i = 0; i < 2; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/etc/%s", r.top, names[i]);
        assert_int_equal(chmod(path, 0646), 0);
        assert_int_equal(check(), 3);
        assert_int_equal(chmod(path, 0664), 0);
        assert_int_equal(check(), 3);
        assert_int_equal(chmod(path, 0644), 0);
        if (geteuid() == 0) {
            assert_int_equal(chown(path, 1, (gid_t)-1), 0);
            assert_int_equal(check(), 3);
            assert_int_equal(chown(path, 0, (gid_t)-1), 0);
        }
        assert_int_equal(check(), 0);
    }
    char acl[128];
    (void)snprintf(acl, sizeof acl, "%s/etc/acl", r.top);
    assert_int_equal(unlink(acl), 0);
    assert_int_equal(mkfifo(acl, 0644), 0);
    assert_int_equal(check(), 3); /* and does not wait for a writer */
    agent_rig_end(&r);
}

/* One socket, one agent. */
static void second_agent(void **state)
{
    (void)state;
    agent_rig_make(&r, NULL);
    agent_rig_start(&r);
    pid_t first = r.pid;
    assert_int_equal(agent_rig_start_fails(&r), 1);
    r.pid = first;
    pqi_provider *p = agent_rig_open(&r, "s");
    make(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* An agent that is starting has bound its socket and does not listen yet: another one takes it for alive. */
static void starting_agent(void **state)
{
    (void)state;
    char lock[112];
    struct stat before, after;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    agent_rig_make(&r, NULL);
    memcpy(at.sun_path, r.sock, strlen(r.sock) + 1);
    (void)snprintf(lock, sizeof lock, "%s.lock", r.sock);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int held = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(flock(held, LOCK_EX), 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(stat(r.sock, &before), 0);
    assert_int_equal(agent_rig_start_fails(&r), 1);
    assert_int_equal(stat(r.sock, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(close(held), 0); /* it died: what it left behind is taken over */
    assert_int_equal(close(fd), 0);
    agent_rig_start(&r);
    assert_int_not_equal(flock(held = open(lock, O_RDWR | O_CLOEXEC), LOCK_EX | LOCK_NB), 0);
    assert_int_equal(close(held), 0);
    agent_rig_end(&r);
}

static void bad_uris(void **state)
{
    (void)state;
    static const char *const bad[] = {"agent:", "agent:x?store=s", "agent:/x", "agent:/x?",
        "agent:/x?store=", "agent:/x?store=s&timeout=", "agent:/x?store=s&timeout=99",
        "agent:/x?store=s&timeout=1x0", "agent:/x?store=s&other=1", "soft:", "agent:?store=s",
        "agent:/x?timeout=500",
        "agent:/"
        "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234"
        "5678901234567890123456789?store=s",
        "agent:/x?store=01234567890123456789012345678901234567890123456789012345678901234"};
    pqi_provider *p;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(pqi_agent_provider_open(&p, bad[i], NULL), PQI_ERR_ARG);
        assert_null(p);
    }
    assert_false(pqi_agent_provider_close(NULL));
}

/* With PQI_TEST_AGENT_PROVIDER, the URI of what the agent's store is over, the first test alone:
 * tests/agent/over_tpm.sh, tests/agent/over_p11.sh. */
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(bad_uris), cmocka_unit_test(conformance),
        cmocka_unit_test(by_directory), cmocka_unit_test(zeroize_by_rule),
        cmocka_unit_test(two_clients_share_a_store), cmocka_unit_test(too_long),
        cmocka_unit_test(many_threads), cmocka_unit_test(forked_child), cmocka_unit_test(no_agent),
        cmocka_unit_test(hung_agent), cmocka_unit_test(socket_activation),
        cmocka_unit_test(files_of_others), cmocka_unit_test(second_agent),
        cmocka_unit_test(starting_agent)};
    if (getenv("PQI_TEST_AGENT_PROVIDER") != NULL) {
        cmocka_set_test_filter("conformance");
    }
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
