/* SPDX-License-Identifier: Apache-2.0
 * Clients of the key agent that mean no good, and users that are not allowed. Meanwhile an ordinary
 * client is served. INV-2. */
#include "agent/agent_rig.h"
#include "port/linux/agent_wire.h"
#include "port/linux/element.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DOMAIN ((pqi_cspan){PQI_LIT("PQI4 v1")})

static agent_rig r;
static uint64_t rng = 0x9e3779b97f4a7c15u;

static uint32_t any(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (uint32_t)(rng >> 16);
}

static pqi_status sign(pqi_provider *p, pqi_key key, pqi_cspan domain)
{
    static uint8_t sig[PQI_SIG_MAX_SIG + 200];
    const pqi_cspan part = {PQI_LIT("a message")};
    size_t n = 0;
    return pqi_provider_sign(p, key, domain, &part, 1, (pqi_span){sig, sizeof sig}, &n);
}

static pqi_provider *begin(const char *acl)
{
    agent_rig_make(&r, acl);
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_non_null(p);
    assert_int_equal(pqi_provider_generate(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    return p;
}

/* The connection ends: nothing but end of file comes. */
static void hung_up(int fd)
{
    uint8_t b[64];
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 180000), 1);
    ssize_t n = recv(fd, b, sizeof b, 0);
    assert_true(n == 0 || (n < 0 && errno == ECONNRESET));
    (void)close(fd);
}

static void put(int fd, const void *p, size_t n)
{
    assert_int_equal(send(fd, p, n, MSG_NOSIGNAL), (ssize_t)n);
}

static void hello(int fd)
{
    uint8_t b[256];
    size_t n = 0;
    const pqi_agent_req q = {.op = PQI_AGENT_HELLO, .name = {PQI_LIT("s")}};
    assert_int_equal(pqi_agent_req_write(&q, (pqi_span){b, sizeof b}, &n), PQI_OK);
    put(fd, b, n);
    assert_true(recv(fd, b, sizeof b, 0) > 12);
}

static void garbage(void **state)
{
    (void)state;
    pqi_provider *p = begin(NULL);
    uint8_t b[300];
    static const uint8_t fronts[][4] = {
        {0, 0, 0, 0}, {0, 0, 0, 7}, {255, 255, 255, 255}, {0, 0x11, 0, 1}, {0, 0, 2, 0}};
    for (size_t i = 0; i < sizeof fronts / sizeof fronts[0]; i++) {
        int fd = agent_rig_connect(&r);
        put(fd, fronts[i], 4);
        hung_up(fd); /* the last: longer than anybody unknown may send */
    }
    int fd = agent_rig_connect(&r); /* an operation before HELLO */
    const pqi_agent_req q = {.op = PQI_AGENT_INFO, .key = 5};
    pqi_agent_resp a;
    size_t n = 0;
    assert_int_equal(pqi_agent_req_write(&q, (pqi_span){b, sizeof b}, &n), PQI_OK);
    put(fd, b, n);
    ssize_t got = recv(fd, b, sizeof b, 0);
    assert_true(got > 4);
    assert_int_equal(pqi_agent_resp_read((pqi_cspan){b + 4, (size_t)got - 4}, &a), PQI_OK);
    assert_int_equal(a.status, PQI_ERR_STATE);
    hung_up(fd);
    fd = agent_rig_connect(&r); /* HELLO twice */
    hello(fd);
    const pqi_agent_req h = {.op = PQI_AGENT_HELLO, .name = {PQI_LIT("s2")}};
    assert_int_equal(pqi_agent_req_write(&h, (pqi_span){b, sizeof b}, &n), PQI_OK);
    put(fd, b, n);
    got = recv(fd, b, sizeof b, 0);
    assert_true(got > 4);
    assert_int_equal(pqi_agent_resp_read((pqi_cspan){b + 4, (size_t)got - 4}, &a), PQI_OK);
    assert_int_equal(a.status, PQI_ERR_STATE);
    (void)close(fd);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* 10,000 frames of random bytes, with a sound length and without, before and after HELLO. */
static void random_frames(void **state)
{
    (void)state;
    pqi_provider *p = begin(NULL);
    for (int i = 0; i < 10000;) {
        int fd = agent_rig_connect(&r);
        if (any() % 2 != 0) {
            hello(fd);
        }
        for (int k = 0; k < 50 && i < 10000; k++, i++) {
            uint8_t b[260];
            size_t len = 8 + any() % 200;
            for (size_t j = 0; j < sizeof b; j++) {
                b[j] = (uint8_t)any();
            }
            if (any() % 8 != 0) {
                const uint8_t front[8] = {
                    0, 0, 0, (uint8_t)len, 1, (uint8_t)(2 + any() % 14), 0, 0};
                memcpy(b, front, sizeof front);
            }
            if (send(fd, b, 4 + len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
                break; /* thrown out */
            }
        }
        (void)close(fd);
    }
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    assert_int_equal(kill(r.pid, 0), 0);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* Half a frame, and nobody reading answers: both are cut off, nobody waits for them. */
static void slow_clients(void **state)
{
    (void)state;
    static uint8_t frame[2000];
    pqi_provider *p = begin(NULL);
    size_t n = 0;
    int half = agent_rig_connect(&r), mute = agent_rig_connect(&r);
    put(half, "\0\0\0", 3);
    hello(mute);
    const pqi_agent_req q = {.op = PQI_AGENT_RANDOM, .n = PQI_AGENT_CHUNK};
    assert_int_equal(pqi_agent_req_write(&q, (pqi_span){frame, sizeof frame}, &n), PQI_OK);
    const struct timespec pause = {0, 20000000};
    for (int i = 0; i < 30; i++) {
        if (send(mute, frame, n, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
            break;
        }
        (void)nanosleep(&pause, NULL);
        assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    }
    hung_up(half);
    struct pollfd gone = {.fd = mute, .events = 0};
    assert_int_equal(poll(&gone, 1, 180000), 1); /* hung up although nothing was read */
    (void)close(mute);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* A crowd of one user fills its share and no more. */
static void too_many(void **state)
{
    (void)state;
    int fd[40];
    agent_rig_make(&r, NULL);
    (void)snprintf(r.extra, sizeof r.extra, "clients 8\nclients-per-user 6\nworkers 2\n");
    agent_rig_start(&r);
    pqi_provider *p = agent_rig_open(&r, "s");
    assert_int_equal(pqi_provider_generate(p, 5, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    for (size_t i = 0; i < 40; i++) {
        fd[i] = agent_rig_connect(&r);
        if (i < 5) {
            hello(fd[i]);
        } else {
            hung_up(fd[i]);
        }
    }
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    assert_true(agent_rig_lines(&r, "\"op\":\"connect\"") >= 1);
    for (size_t i = 0; i < 5; i++) {
        (void)close(fd[i]);
    }
    agent_rig_close(p);
    agent_rig_end(&r);
}

static void vanishing_clients(void **state)
{
    (void)state;
    pqi_provider *p = begin(NULL);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
            pqi_provider *own = agent_rig_open(&r, "s");
            while (own != NULL) {
                (void)sign(own, 5, DOMAIN);
            }
            _exit(1);
        }
        const struct timespec pause = {0, (long)(any() % 20) * 1000000};
        (void)nanosleep(&pause, NULL);
        assert_int_equal(kill(pid, SIGKILL), 0);
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    }
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* ---- other users ---------------------------------------------------------------------------------- */

/* The attempt as another user: its exit code. */
static int as_user(uid_t uid, int (*attempt)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (setresgid(uid, uid, uid) != 0 || setresuid(uid, uid, uid) != 0) {
            _exit(100);
        }
        _exit(attempt());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int not_admitted(void)
{
    pqi_provider *p = NULL;
    char uri[160];
    (void)snprintf(uri, sizeof uri, "agent:%s?store=nowhere", r.sock);
    if (pqi_agent_provider_open(&p, r.uri, NULL) != PQI_ERR_POLICY) {
        return 1;
    }
    return pqi_agent_provider_open(&p, uri, NULL) == PQI_ERR_POLICY ? 0 : 2; /* no oracle */
}

/* What user 65001 may: sign with key 5 as "PQI4 v1"; nothing tells which other keys there are. */
static int admitted_in_part(void)
{
    pqi_provider *p = agent_rig_open(&r, "s");
    pqi_key_info info;
    uint64_t v;
    uint8_t b[64];
    if (p == NULL || sign(p, 5, DOMAIN) != PQI_OK) {
        return 1;
    }
    if (sign(p, 5, (pqi_cspan){PQI_LIT("PQI4 cert")}) != PQI_ERR_POLICY ||
        sign(p, 6, DOMAIN) != PQI_ERR_POLICY || sign(p, 7, DOMAIN) != PQI_ERR_POLICY) {
        return 2;
    }
    if (pqi_provider_info(p, 5, &info) != PQI_ERR_POLICY ||
        pqi_provider_info(p, 7, &info) != PQI_ERR_POLICY ||
        pqi_provider_destroy(p, 5) != PQI_ERR_POLICY ||
        pqi_provider_generate(p, 9, PQI_KEY_X25519, 0) != PQI_ERR_POLICY) {
        return 3;
    }
    if (pqi_provider_counter_get(p, 1, &v) != PQI_ERR_POLICY ||
        pqi_provider_counter_advance(p, 1, 5) != PQI_ERR_POLICY ||
        pqi_provider_random(p, (pqi_span){b, 8}) != PQI_ERR_POLICY ||
        pqi_provider_seal(p, DOMAIN, 1, (pqi_cspan){b, 8}, (pqi_span){b + 8, 36}) !=
            PQI_ERR_POLICY) {
        return 4;
    }
    if (pqi_provider_zeroize(p) != PQI_OK || sign(p, 5, DOMAIN) != PQI_ERR_STATE) {
        return 5;
    }
    return agent_rig_open(&r, "s2") == NULL ? 0 : 6;
}

/* Ten at once, then refused. */
static int limited(void)
{
    pqi_provider *p = agent_rig_open(&r, "s");
    unsigned good = 0, limit = 0;
    for (int i = 0; p != NULL && i < 60; i++) {
        pqi_status st = sign(p, 5, DOMAIN);
        good += st == PQI_OK;
        limit += st == PQI_ERR_LIMIT;
    }
    return good >= 10 && limit >= 1 && good + limit == 60 ? 0 : 1;
}

static int cannot_connect(void)
{
    pqi_provider *p = NULL;
    const char *text = NULL;
    (void)text;
    return pqi_agent_provider_open(&p, r.uri, NULL) == PQI_ERR_PROVIDER ? 0 : 1;
}

static void users(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip(); /* only root can be other users */
    }
    pqi_provider *p =
        begin("allow uid=0 store=s " RIG_ALL "\n"
              "allow uid=65001 store=s key=5 ops=sign domains='PQI4 v1'\n"
              "allow uid=65002 store=s key=5 ops=sign domains='*' rate=1/s burst=10\n");
    assert_int_equal(pqi_provider_generate(p, 6, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    assert_int_equal(as_user(65000, not_admitted), 0);
    assert_int_equal(as_user(65001, admitted_in_part), 0);
    assert_int_equal(as_user(65002, limited), 0);
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK); /* all else goes on */
    assert_true(agent_rig_lines(&r, "\"op\":\"hello\",\"uid\":65000") >= 1);
    assert_true(agent_rig_lines(&r, "\"op\":\"sign\",\"uid\":65001,\"gid\":65001") >= 2);
    assert_true(agent_rig_lines(&r, "PQI_ERR_LIMIT") >= 1);
    assert_int_equal(chmod(r.sock, 0600), 0);
    assert_int_equal(as_user(65001, cannot_connect), 0);
    agent_rig_close(p);
    agent_rig_end(&r);
}

/* New rules hold at once, wrong ones never. */
static void reload(void **state)
{
    (void)state;
    pqi_provider *p = begin(NULL);
    agent_rig_acl(&r, "allow uid=1 store=s ops=random\nnonsense\n");
    assert_int_equal(kill(r.pid, SIGHUP), 0);
    const struct timespec pause = {0, 10000000};
    while (agent_rig_lines(&r, "\"op\":\"reload\"") < 1) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(sign(p, 5, DOMAIN), PQI_OK);
    agent_rig_acl(&r, "allow uid=1 store=s ops=random\n");
    assert_int_equal(kill(r.pid, SIGHUP), 0);
    while (agent_rig_lines(&r, "\"op\":\"reload\"") < 2) {
        (void)nanosleep(&pause, NULL);
    }
    assert_int_equal(sign(p, 5, DOMAIN), PQI_ERR_POLICY);
    agent_rig_close(p);
    agent_rig_end(&r);
}

PQI_TEST_MAIN(cmocka_unit_test(garbage), cmocka_unit_test(random_frames),
    cmocka_unit_test(slow_clients), cmocka_unit_test(too_many), cmocka_unit_test(vanishing_clients),
    cmocka_unit_test(users), cmocka_unit_test(reload))
