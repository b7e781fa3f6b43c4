/* SPDX-License-Identifier: Apache-2.0
 * The MQTT port against a real mosquitto. */
#include "pqi_test.h"

#include "support/broker.h"
#include <netinet/in.h>
#include <pqi/host_mqtt.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE 180 /* seconds, and turns of 10 ms or more, until something counts as hung */
#define TURNS    18000

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void need_broker(broker *b, const char *extra)
{
    int rc = broker_start(b, extra);
    if (rc == -1) {
        print_message("# SKIP mosquitto is not installed\n");
        skip();
    }
    assert_int_equal(rc, 0);
}

static pqi_host_mqtt *client(const broker *b, const char *id, int version)
{
    pqi_host_mqtt_cfg cfg = {.port = (uint16_t)b->port,
        .client_id = id,
        .version = version,
        .backoff_min_ms = 20,
        .backoff_max_ms = 200};
    pqi_host_mqtt *m = NULL;
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    return m;
}

/* Polls until an event of this kind; other kinds pass by. */
static pqi_mqtt_event wait_for(pqi_host_mqtt *m, pqi_mqtt_event_kind kind, double seconds)
{
    pqi_mqtt_event ev = {0};
    double end = now_s() + seconds;
    while (now_s() < end) {
        assert_int_equal(pqi_host_mqtt_poll(m, 50, &ev), PQI_OK);
        if (ev.kind == kind) {
            return ev;
        }
    }
    ev.kind = PQI_MQTT_NONE;
    return ev;
}

/* A subscription is in force once a message of our own came back. */
static void ready(pqi_host_mqtt *m, const char *probe)
{
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    assert_int_equal(
        pqi_host_mqtt_publish(m, probe, (pqi_cspan){(const uint8_t *)"?", 1}, 1, 0), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_MESSAGE, PATIENCE).kind, PQI_MQTT_MESSAGE);
}

static void every_version_and_qos(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    for (int version = 4; version <= 5; version++) {
        pqi_host_mqtt *rx = client(&b, "rx", version), *tx = client(&b, "tx", version);
        assert_int_equal(pqi_host_mqtt_subscribe(rx, "t/#", 2), PQI_OK);
        ready(rx, "t/probe");
        for (int qos = 0; qos <= 2; qos++) {
            uint8_t data[5000];
            memset(data, 0x30 + qos, sizeof data);
            assert_int_equal(
                pqi_host_mqtt_publish(tx, "t/a", (pqi_cspan){data, sizeof data}, qos, 0), PQI_OK);
            pqi_mqtt_event ev = {0};
            for (int i = 0; i < TURNS && ev.kind != PQI_MQTT_MESSAGE; i++) {
                pqi_mqtt_event t;
                assert_int_equal(pqi_host_mqtt_poll(tx, 10, &t), PQI_OK);
                assert_int_equal(pqi_host_mqtt_poll(rx, 10, &ev), PQI_OK);
            }
            assert_int_equal(ev.kind, PQI_MQTT_MESSAGE);
            assert_int_equal(ev.qos, qos);
            assert_int_equal(ev.retained, 0);
            assert_int_equal(ev.topic.len, 3);
            assert_memory_equal(ev.topic.ptr, "t/a", 3);
            assert_int_equal(ev.payload.len, sizeof data);
            assert_memory_equal(ev.payload.ptr, data, sizeof data);
            for (int i = 0; i < TURNS && pqi_host_mqtt_pending(tx) != 0; i++) {
                pqi_mqtt_event t;
                assert_int_equal(pqi_host_mqtt_poll(tx, 10, &t), PQI_OK);
                assert_int_equal(pqi_host_mqtt_poll(rx, 10, &t), PQI_OK);
            }
            assert_int_equal(pqi_host_mqtt_pending(tx), 0);
        }
        pqi_host_mqtt_close(rx);
        pqi_host_mqtt_close(tx);
    }
    broker_stop(&b);
}

static void retained_messages_say_so(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    pqi_host_mqtt *tx = client(&b, "tx", 4), *rx = client(&b, "rx", 4);
    const pqi_cspan x = {(const uint8_t *)"kept", 4};
    assert_int_equal(pqi_host_mqtt_publish(tx, "r/1", x, 1, 1), PQI_OK);
    assert_int_equal(wait_for(tx, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    for (int i = 0; i < TURNS && pqi_host_mqtt_pending(tx); i++) {
        pqi_mqtt_event t;
        assert_int_equal(pqi_host_mqtt_poll(tx, 10, &t), PQI_OK);
    }
    assert_int_equal(pqi_host_mqtt_subscribe(rx, "r/+", 1), PQI_OK);
    pqi_mqtt_event ev = wait_for(rx, PQI_MQTT_MESSAGE, PATIENCE);
    assert_int_equal(ev.kind, PQI_MQTT_MESSAGE);
    assert_int_equal(ev.retained, 1);
    assert_memory_equal(ev.payload.ptr, "kept", 4);
    pqi_host_mqtt_close(tx);
    pqi_host_mqtt_close(rx);
    broker_stop(&b);
}

/* The broker dies and comes back empty: the client reconnects, subscribes again and sends what was
 * published meanwhile. */
static void survives_the_broker(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    pqi_host_mqtt *m = client(&b, "m", 4);
    assert_int_equal(pqi_host_mqtt_subscribe(m, "s/#", 1), PQI_OK);
    ready(m, "s/probe");
    broker_kill(&b);
    assert_int_equal(wait_for(m, PQI_MQTT_DISCONNECTED, PATIENCE).kind, PQI_MQTT_DISCONNECTED);
    assert_false(pqi_host_mqtt_connected(m));
    for (uint8_t i = 0; i < 5; i++) {
        assert_int_equal(pqi_host_mqtt_publish(m, "s/q", (pqi_cspan){&i, 1}, i % 2, 0), PQI_OK);
    }
    pqi_mqtt_event ev;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(pqi_host_mqtt_poll(m, 20, &ev), PQI_OK);
    }
    assert_int_equal(broker_restart(&b), 0);
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    for (uint8_t i = 0; i < 5; i++) {
        ev = wait_for(m, PQI_MQTT_MESSAGE, PATIENCE);
        assert_int_equal(ev.kind, PQI_MQTT_MESSAGE);
        assert_int_equal(ev.payload.ptr[0], i);
    }
    assert_int_equal(pqi_host_mqtt_get_stats(m).connects, 2);
    pqi_host_mqtt_close(m);
    broker_stop(&b);
}

static void bounds_hold(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    pqi_host_mqtt_cfg cfg = {.port = (uint16_t)b.port,
        .client_id = "small",
        .queue_max = 4,
        .payload_max = 100,
        .backoff_min_ms = 20};
    pqi_host_mqtt *rx = NULL, *tx = client(&b, "tx", 4);
    assert_int_equal(pqi_host_mqtt_open(&rx, &cfg), PQI_OK);
    /* offline: the oldest go, the newest stay */
    for (uint8_t i = 0; i < 10; i++) {
        assert_int_equal(pqi_host_mqtt_publish(rx, "b/x", (pqi_cspan){&i, 1}, 1, 0), PQI_OK);
    }
    assert_int_equal(pqi_host_mqtt_get_stats(rx).dropped_out, 5);
    assert_int_equal(pqi_host_mqtt_subscribe(rx, "b/in", 0), PQI_OK);
    assert_int_equal(wait_for(rx, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    assert_int_equal(wait_for(tx, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    const pqi_cspan probe = {(const uint8_t *)"?", 1};
    assert_int_equal(pqi_host_mqtt_publish(rx, "b/in", probe, 1, 0), PQI_OK);
    assert_int_equal(wait_for(rx, PQI_MQTT_MESSAGE, PATIENCE).kind, PQI_MQTT_MESSAGE);
    uint8_t big[101] = {0};
    assert_int_equal(pqi_host_mqtt_publish(tx, "b/in", (pqi_cspan){big, 101}, 0, 0), PQI_OK);
    assert_int_equal(pqi_host_mqtt_publish(tx, "b/in", (pqi_cspan){big, 100}, 0, 0), PQI_OK);
    pqi_mqtt_event ev = wait_for(rx, PQI_MQTT_MESSAGE, PATIENCE);
    assert_int_equal(ev.payload.len, 100);
    assert_int_equal(pqi_host_mqtt_get_stats(rx).dropped_in, 1);
    pqi_host_mqtt_close(rx);
    pqi_host_mqtt_close(tx);
    broker_stop(&b);
}

static void will_is_published_when_we_vanish(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    pqi_host_mqtt *rx = client(&b, "rx", 4);
    assert_int_equal(pqi_host_mqtt_subscribe(rx, "w/#", 1), PQI_OK);
    ready(rx, "w/probe");
    pid_t pid = fork();
    if (pid == 0) {
        pqi_host_mqtt_cfg cfg = {.port = (uint16_t)b.port,
            .client_id = "dies",
            .will_topic = "w/dies",
            .will = {(const uint8_t *)"gone", 4},
            .will_qos = 1};
        pqi_host_mqtt *m = NULL;
        pqi_mqtt_event ev = {0};
        if (pqi_host_mqtt_open(&m, &cfg) != PQI_OK) {
            _exit(1);
        }
        while (ev.kind != PQI_MQTT_CONNECTED) {
            (void)!pqi_host_mqtt_poll(m, 100, &ev);
        }
        _exit(0); /* no DISCONNECT: the socket just closes */
    }
    pqi_mqtt_event ev = wait_for(rx, PQI_MQTT_MESSAGE, PATIENCE);
    assert_int_equal(ev.kind, PQI_MQTT_MESSAGE);
    assert_memory_equal(ev.payload.ptr, "gone", 4);
    pqi_host_mqtt_close(rx);
    broker_stop(&b);
}

/* Runs a shell command in the broker's directory. */
static void run_or_fail(const char *cmd, const broker *b)
{
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(b->dir), 0);
    int rc = system(cmd);
    assert_int_equal(chdir(here), 0);
    assert_int_equal(rc, 0);
}

static void credentials(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    broker_kill(&b);
    run_or_fail("mosquitto_passwd -b -c pw u secret 2>/dev/null && "
                "printf 'user u\\ntopic read c/#\\ntopic write c/ok\\n' > acl && "
                "chmod 600 pw acl",
        &b);
    (void)snprintf(b.extra, sizeof b.extra,
        "allow_anonymous false\npassword_file %s/pw\nacl_file %s/acl", b.dir, b.dir);
    assert_int_equal(broker_restart(&b), 0);

    pqi_host_mqtt_cfg cfg = {.port = (uint16_t)b.port,
        .client_id = "c",
        .username = "u",
        .password = "wrong",
        .version = 5,
        .backoff_min_ms = 20,
        .backoff_max_ms = 50};
    pqi_host_mqtt *m = NULL;
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    pqi_mqtt_event ev = wait_for(m, PQI_MQTT_DISCONNECTED, PATIENCE);
    assert_int_equal(ev.kind, PQI_MQTT_DISCONNECTED);
    assert_true(strlen(ev.text) > 0);
    pqi_host_mqtt_close(m);

    cfg.password = "secret";
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    const pqi_cspan x = {(const uint8_t *)"x", 1};
    assert_int_equal(pqi_host_mqtt_publish(m, "c/forbidden", x, 1, 0), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_REFUSED, PATIENCE).kind, PQI_MQTT_REFUSED);
    pqi_host_mqtt_close(m);
    broker_stop(&b);
}

static void tls_checks_the_broker(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, NULL);
    broker_kill(&b);
    run_or_fail("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-keyout ca.key -out ca.pem -subj /CN=test-ca -days 2 2>/dev/null && "
                "openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout s.key "
                "-out s.csr -subj /CN=localhost 2>/dev/null && "
                "openssl x509 -req -in s.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 "
                "-out s.pem 2>/dev/null && "
                "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
                "-keyout other.key -out other.pem -subj /CN=other -days 2 2>/dev/null",
        &b);
    (void)snprintf(b.extra, sizeof b.extra,
        "allow_anonymous true\ncertfile %s/s.pem\nkeyfile %s/s.key\n", b.dir, b.dir);
    assert_int_equal(broker_restart(&b), 0);

    char ca[128];
    (void)snprintf(ca, sizeof ca, "%s/ca.pem", b.dir);
    pqi_host_mqtt_cfg cfg = {.host = "localhost",
        .port = (uint16_t)b.port,
        .client_id = "t",
        .ca_file = ca,
        .backoff_min_ms = 20,
        .backoff_max_ms = 50};
    pqi_host_mqtt *m = NULL;
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    pqi_host_mqtt_close(m);

    (void)snprintf(ca, sizeof ca, "%s/other.pem", b.dir); /* another CA: refused */
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, 1).kind, PQI_MQTT_NONE);
    assert_false(pqi_host_mqtt_connected(m));
    pqi_host_mqtt_close(m);

    (void)snprintf(ca, sizeof ca, "%s/ca.pem", b.dir); /* another name: refused */
    cfg.host = "127.0.0.1";
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    assert_int_equal(wait_for(m, PQI_MQTT_CONNECTED, 1).kind, PQI_MQTT_NONE);
    pqi_host_mqtt_close(m);
    cfg.ca_file = "/nonexistent/ca.pem";
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_ERR_ARG);
    broker_stop(&b);
}

static void bad_arguments(void **state)
{
    (void)state;
    pqi_host_mqtt_cfg cfg = {.version = 3};
    pqi_host_mqtt *m = NULL;
    pqi_mqtt_event ev;
    const pqi_cspan none = {NULL, 0};
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_ERR_ARG);
    cfg.version = 5;
    cfg.port = 1;
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    assert_int_equal(pqi_host_mqtt_publish(m, "a/#", none, 0, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_mqtt_publish(m, "", none, 0, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_mqtt_publish(m, "a", none, 3, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_mqtt_subscribe(m, "a/#/b", 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_mqtt_poll(m, -1, &ev), PQI_ERR_ARG);
    for (int i = 0; i < 64; i++) {
        assert_int_equal(pqi_host_mqtt_subscribe(m, "a", 0), PQI_OK);
    }
    assert_int_equal(pqi_host_mqtt_subscribe(m, "a", 0), PQI_ERR_LIMIT);
    /* nobody listens on port 1: an event, no error */
    assert_int_equal(wait_for(m, PQI_MQTT_DISCONNECTED, PATIENCE).kind, PQI_MQTT_DISCONNECTED);
    pqi_host_mqtt_close(m);
    pqi_host_mqtt_close(NULL);
}

/* What was kept while offline and cannot be sent after all is counted, never just gone. */
static void nothing_gets_lost_unseen(void **state)
{
    (void)state;
    broker b;
    need_broker(&b, "allow_anonymous true\nmax_packet_size 500");
    pqi_host_mqtt *tx = client(&b, "tx", 5);
    static const uint8_t big[5000];
    assert_int_equal(pqi_host_mqtt_publish(tx, "b/\xff", (pqi_cspan){big, 1}, 1, 0), PQI_ERR_ARG);
    assert_int_equal(pqi_host_mqtt_publish(tx, "b/x", (pqi_cspan){big, sizeof big}, 1, 0), PQI_OK);
    assert_int_equal(wait_for(tx, PQI_MQTT_CONNECTED, PATIENCE).kind, PQI_MQTT_CONNECTED);
    pqi_mqtt_event ev;
    assert_int_equal(pqi_host_mqtt_poll(tx, 50, &ev), PQI_OK);
    assert_int_equal(pqi_host_mqtt_pending(tx), 0);
    assert_int_equal(pqi_host_mqtt_get_stats(tx).dropped_out, 1);
    pqi_host_mqtt_close(tx);
    broker_stop(&b);
}

/* ---- a broker that refuses subscriptions --------------------------------------------------------- */

static size_t read_packet(int fd, uint8_t *b, size_t room)
{
    size_t n = 0;
    while (n < 2 || n < 2u + b[1]) { /* short packets only */
        ssize_t got = read(fd, b + n, n < 2 ? 2 - n : 2u + b[1] - n);
        if (got <= 0 || n + (size_t)got > room) {
            return 0;
        }
        n += (size_t)got;
    }
    return n;
}

/* Accepts one client, answers every SUBSCRIBE but that for "yes" with 0x80. */
static void refusing_broker(int server)
{
    uint8_t b[256];
    int fd = accept(server, NULL, NULL);
    size_t n;
    while (fd >= 0 && (n = read_packet(fd, b, 127)) != 0) {
        const uint8_t connack[] = {0x20, 2, 0, 0};
        const uint8_t suback[] = {0x90, 3, b[2], b[3], memcmp(b + 6, "yes", 3) == 0 ? 1 : 0x80};
        if (b[0] == 0x10) {
            (void)!write(fd, connack, sizeof connack);
        } else if (b[0] == 0x82) {
            (void)!write(fd, suback, sizeof suback);
        }
    }
    _exit(0);
}

static void refused_subscriptions_are_told(void **state)
{
    (void)state;
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int server = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(server >= 0 && bind(server, (struct sockaddr *)&a, sizeof a) == 0 &&
                listen(server, 1) == 0 && getsockname(server, (struct sockaddr *)&a, &len) == 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        refusing_broker(server);
    }
    broker b = {.port = ntohs(a.sin_port)};
    pqi_host_mqtt *m = client(&b, "rx", 4);
    assert_int_equal(pqi_host_mqtt_subscribe(m, "yes", 1), PQI_OK);
    assert_int_equal(pqi_host_mqtt_subscribe(m, "pq/4/v", 1), PQI_OK);
    pqi_mqtt_event ev = wait_for(m, PQI_MQTT_UNSUBSCRIBED, PATIENCE);
    assert_int_equal(ev.kind, PQI_MQTT_UNSUBSCRIBED);
    assert_int_equal(ev.topic.len, 6);
    assert_memory_equal(ev.topic.ptr, "pq/4/v", 6);
    assert_int_equal(pqi_host_mqtt_subscribe(m, "late", 0), PQI_OK); /* while connected */
    ev = wait_for(m, PQI_MQTT_UNSUBSCRIBED, PATIENCE);
    assert_int_equal(ev.kind, PQI_MQTT_UNSUBSCRIBED);
    assert_memory_equal(ev.topic.ptr, "late", 4);
    pqi_host_mqtt_close(m);
    assert_int_equal(close(server), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

PQI_TEST_MAIN(cmocka_unit_test(refused_subscriptions_are_told),
    cmocka_unit_test(nothing_gets_lost_unseen), cmocka_unit_test(bad_arguments),
    cmocka_unit_test(every_version_and_qos), cmocka_unit_test(retained_messages_say_so),
    cmocka_unit_test(survives_the_broker), cmocka_unit_test(bounds_hold),
    cmocka_unit_test(will_is_published_when_we_vanish), cmocka_unit_test(credentials),
    cmocka_unit_test(tls_checks_the_broker))
