/* SPDX-License-Identifier: Apache-2.0
 * The client of a key agent before an agent that lies: answers of every wrong kind are PQI_ERR_PROVIDER,
 * outputs are zero, and no byte beyond them is touched. */
#include "pqi_test.h"
#include "tmp_dir.h"

#include "port/linux/agent_wire.h"
#include "port/linux/element.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

static tmp_dir d;
static char path[128], uri[200];
static int listener;
/* What the next request but HELLO and ALG_CAPS is answered with. */
static pqi_agent_resp lie;
static uint32_t id_shift, caps = 0x18, cut, longer;

static bool get(int fd, uint8_t *p, size_t n)
{
    return recv(fd, p, n, MSG_WAITALL) == (ssize_t)n;
}

static void answer(int fd, pqi_agent_resp a)
{
    static uint8_t out[70000];
    size_t n = 0;
    assert_int_equal(pqi_agent_resp_write(&a, (pqi_span){out, sizeof out}, &n), PQI_OK);
    out[3] = (uint8_t)(out[3] + longer);
    (void)send(fd, out, n - cut, MSG_NOSIGNAL);
    if (cut != 0) {
        (void)shutdown(fd, SHUT_RDWR);
    }
}

static void serve(int fd)
{
    static uint8_t in[70000];
    uint8_t front[4];
    pqi_agent_req q;
    while (get(fd, front, 4)) {
        size_t n = pqi_agent_frame_len(front);
        if (n == 0 || n > sizeof in || !get(fd, in, n) ||
            pqi_agent_req_read((pqi_cspan){in, n}, &q) != PQI_OK) {
            return;
        }
        if (q.op == PQI_AGENT_HELLO || q.op == PQI_AGENT_ALG_CAPS) {
            uint32_t c = cut, l = longer;
            cut = longer = 0;
            answer(fd, (pqi_agent_resp){.op = q.op, .id = q.id, .n = caps, .name = {PQI_LIT("x")}});
            cut = c;
            longer = l;
            continue;
        }
        pqi_agent_resp a = lie;
        a.id = q.id + id_shift;
        a.op = a.op == 0 ? q.op : a.op;
        answer(fd, a);
    }
}

static void *agent(void *arg)
{
    int fd;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        serve(fd);
        (void)close(fd);
    }
    return arg;
}

static void reset(void)
{
    memset(&lie, 0, sizeof lie);
    id_shift = cut = longer = 0;
}

static void expect(pqi_provider *p, pqi_status want)
{
    uint8_t ss[PQI_KEM_SS + 1], sig[101], blob[40 + 1];
    size_t n = 5;
    pqi_key_info info;
    memset(ss, 0xa5, sizeof ss);
    assert_int_equal(pqi_provider_decapsulate(p, 5, (pqi_cspan){PQI_LIT("ciphertext")}, ss), want);
    assert_int_equal(ss[0] == 0 && ss[31] == 0, 1);
    assert_int_equal(ss[32], 0xa5);
    memset(blob, 0xa5, sizeof blob);
    assert_int_equal(pqi_provider_seal(p, (pqi_cspan){PQI_LIT("x")}, 1,
                         (pqi_cspan){PQI_LIT("twelve bytes")}, (pqi_span){blob, 40}),
        want);
    assert_true(blob[0] == 0 && blob[39] == 0 && blob[40] == 0xa5);
    memset(sig, 0xa5, sizeof sig);
    const pqi_cspan part = {PQI_LIT("m")};
    pqi_status st = pqi_provider_sign(
        p, 5, (pqi_cspan){PQI_LIT("PQI4 v1")}, &part, 1, (pqi_span){sig, 100}, &n);
    assert_true(st != PQI_OK || n <= 100);
    assert_int_equal(sig[100], 0xa5);
    assert_int_not_equal(pqi_provider_info(p, 5, &info), PQI_OK);
}

static void lies(void **state)
{
    (void)state;
    static uint8_t big[65000];
    pthread_t t;
    pqi_provider *p = NULL;
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    tmp_dir_make(&d);
    (void)tmp_dir_file(&d, "s", path);
    memcpy(at.sun_path, path, strlen(path) + 1);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (const struct sockaddr *)(const void *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 8), 0);
    assert_int_equal(pthread_create(&t, NULL, agent, NULL), 0);
    (void)snprintf(uri, sizeof uri, "agent:%s?store=s&timeout=2000", path);
    assert_int_equal(pqi_agent_provider_open(&p, uri, NULL), PQI_OK);
    for (size_t len = 0; len < 200; len++) { /* every length but the right ones, 32 and 40 */
        if (len != 32 && len != 40) {
            reset();
            lie.data = (pqi_cspan){big, len};
            expect(p, PQI_ERR_PROVIDER);
        }
    }
    reset();
    lie.data = (pqi_cspan){big, sizeof big};
    expect(p, PQI_ERR_PROVIDER);
    reset(); /* another id */
    lie.data = (pqi_cspan){big, 32};
    id_shift = 1;
    expect(p, PQI_ERR_PROVIDER);
    reset(); /* another operation */
    lie.op = PQI_AGENT_GENERATE;
    expect(p, PQI_ERR_PROVIDER);
    reset(); /* cut off, twice */
    lie.data = (pqi_cspan){big, 32};
    cut = 10;
    expect(p, PQI_ERR_PROVIDER);
    reset(); /* a length that promises more: nothing comes */
    lie.status = PQI_ERR_SPACE;
    expect(p, PQI_ERR_PROVIDER);
    reset(); /* an honest no */
    lie.status = PQI_ERR_AUTH;
    expect(p, PQI_ERR_AUTH);
    reset(); /* other capabilities after a new connection */
    lie.status = PQI_ERR_AUTH;
    caps = 0x1d;
    cut = 1;
    expect(p, PQI_ERR_PROVIDER);
    assert_true(pqi_agent_provider_close(p));
    (void)shutdown(listener, SHUT_RDWR);
    assert_int_equal(pthread_join(t, NULL), 0);
    (void)close(listener);
    (void)tmp_dir_clear(&d, 1);
}

PQI_TEST_MAIN(cmocka_unit_test(lies))
