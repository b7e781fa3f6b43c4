/* SPDX-License-Identifier: Apache-2.0
 * Floods, a certified attacker, wills and dying brokers: who is still served, what it cost, and that
 * nothing arrives twice. */
#include "support/hostile.h"

#include "session/v1.h"

#include <malloc.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef struct cast {
    stage *s;
    station *pump, *valve, *control, *mallory;
} cast;

/* peer_sig and will_topic stay as they are when 0 and NULL. */
static cast cast_new(int version, pqi_rate peer_sig, const char *will_topic)
{
    cast c = {.s = stage_new(NULL)};
    c.pump = stage_device(c.s, "pump");
    c.valve = stage_device(c.s, "valve");
    c.control = stage_device(c.s, "control");
    c.mallory = stage_device(c.s, "mallory");
    c.control->filters[0] = "plant/pump/#";
    c.control->filters[1] = "plant/valve/#";
    c.control->filters[2] = "plant/mallory/#";
    c.control->filters[3] = "held/#";
    c.pump->will_topic = will_topic;
    if (peer_sig.burst != 0) {
        c.control->limits.peer_sig = peer_sig;
    }
    for (size_t i = 0; i < c.s->n; i++) {
        c.s->at[i].version = version;
        station_on(c.s, &c.s->at[i]);
    }
    stage_settle(c.s);
    assert_int_equal(peers_of(c.control), 3);
    return c;
}

static void still_served(cast *c, const char *text)
{
    const size_t before = c->control->n_heard;
    assert_int_equal(say(c->pump, "control", "plant/pump/a", text, 1), PQI_OK);
    assert_int_equal(say(c->valve, "control", "plant/valve/a", text, 1), PQI_OK);
    stage_settle(c->s);
    assert_int_equal(c->control->n_heard, before + 2);
    assert_int_equal(heard(c->control, text), 2);
    assert_int_equal(peers_of(c->control), 3);
}

/* ---- floods ------------------------------------------------------------------------------------ */

static uint64_t drops_of(const station *t)
{
    uint64_t n = 0;
    for (size_t i = 0; i < PQI_DROP_COUNT_; i++) {
        n += t->drops[i];
    }
    return n;
}

/* So that no queue between us and the receiver overflows: then a count would say nothing. */
static void until_dropped(cast *c, uint64_t n)
{
    const time_t end = time(NULL) + 20;
    while (drops_of(c->control) < n && time(NULL) < end) {
        (void)stage_turn(c->s);
    }
    assert_true(drops_of(c->control) == n);
}

/* Message i of the flood: noise, a forgery in pump's name, a replay, a stranger, another's topic. */
static void one_of_the_flood(cast *c, const packet *seen, const packet *next, int i, uint64_t *rng)
{
    static uint8_t b[8192];
    const packet *from = i % 5 == 2 ? seen : next;
    const char *topic = i % 5 == 4 ? "plant/valve/a" : "plant/pump/a";
    size_t len = from->len;
    memcpy(b, from->p, len);
    if (i % 5 == 0) {
        len = dice(rng) % 600u;
        for (size_t k = 0; k < len; k++) {
            b[k] = (uint8_t)dice(rng);
        }
        b[0] = 0x10;
    } else if (i % 5 == 1) {
        b[PQI_V1_HDR + dice(rng) % (len - PQI_V1_HDR)] ^= (uint8_t)(1u << dice(rng) % 8u);
    } else if (i % 5 == 3) {
        b[4 + dice(rng) % 4u] ^= (uint8_t)(1u + dice(rng) % 255u);
    }
    eve_says(c->s, topic, (pqi_cspan){b, len}, 0, 0);
}

/* INV-73, INV-75, INV-97, INV-99, INV-106: 20000 packets: every one counted under its reason, none
 * costs an asymmetric operation or memory, and two senders are heard all the while. */
static void flood(void **state)
{
    (void)state;
    cast c = cast_new(4, (pqi_rate){0, 0}, NULL);
    c.s->catching = 1;
    assert_int_equal(say(c.pump, "control", "plant/pump/a", "seen", 1), PQI_OK);
    assert_int_equal(say(c.pump, "control", "plant/unheard", "next", 1), PQI_ERR_POLICY);
    assert_int_equal(say(c.pump, "control", "plant/pump", "second", 1), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    packet seen = c.s->caught[0], next = c.s->caught[1];
    assert_int_equal(c.control->n_heard, 2);
    const uint8_t ahead[8] = {0, 0, 0, 0, 0, 0, 16, 0}; /* a number of the future */
    memcpy(next.p + 20, ahead, sizeof ahead);
    dropped(c.control, PQI_DROP_NONE);

    uint64_t rng = 88172645463325252u;
    const uint64_t work = asymmetric(c.control);
    size_t used = 0;
    for (int i = 0; i < 20000; i++) {
        one_of_the_flood(&c, &seen, &next, i, &rng);
        if (i % 50 == 49) {
            until_dropped(&c, (uint64_t)i + 1);
        }
        if (i == 1999) {
            used = mallinfo2().uordblks + mallinfo2().hblkhd;
        }
        if (i % 4000 == 3999) {
            char text[24];
            (void)snprintf(text, sizeof text, "still %d", i);
            still_served(&c, text);
        }
    }
    const size_t now = mallinfo2().uordblks + mallinfo2().hblkhd;
    assert_true(now < used + 65536);
    dropped(c.control, PQI_DROP_DECODE, 4000, PQI_DROP_GATE, 4000, PQI_DROP_REPLAY, 4000,
        PQI_DROP_UNKNOWN, 4000, PQI_DROP_SCOPE, 4000, PQI_DROP_NONE);
    assert_true(asymmetric(c.control) == work + 10u * 2u); /* the ten genuine messages */
    assert_true(endpoint_of(c.control)->accepted == 12);
    stage_free(c.s);
}

/* ---- an attacker with a certificate ------------------------------------------------------------ */

/* The gate tag that the holder of mallory's keys can make. */
static void gate_of_mallory(cast *c, packet *k)
{
    const pqi_v1_ends ends = {.id_s = text_of("mallory"),
        .id_r = text_of("control"),
        .topic = text_of(k->topic),
        .key_id_r = {peer_of(c->mallory, "control")->key_id,
            k->p[0] == PQI_V1_T_PREKEY ? PQI_KEY_ID_LEN : 0u}};
    pqi_v1_post post;
    assert_int_equal(pqi_v1_post_of(&ends, &post), PQI_OK);
    const pqi_cspan parts[] = {{(const uint8_t *)"PQI4 v1 gate", 12}, {post.b, post.len},
        {k->p, PQI_V1_HDR}, {k->p + PQI_V1_HDR + PQI_V1_GATE, k->len - PQI_V1_HDR - PQI_V1_GATE}};
    const pqi_cspan gk = {peer_of(c->mallory, "control")->gk_out, PQI_GATE_KEY};
    uint8_t mac[64];
    assert_int_equal(
        endpoint_of(c->mallory)->cfg.algs->classic->hmac(PQI_HASH_SHA256, gk, parts, 4, mac),
        PQI_OK);
    memcpy(k->p + PQI_V1_HDR, mac, PQI_V1_GATE);
}

/* Outside its scope: its own software no longer asks, the receiver does. */
static void insider_outside_its_scope(void **state)
{
    (void)state;
    cast c = cast_new(5, (pqi_rate){0, 0}, NULL);
    assert_int_equal(say(c.mallory, "control", "plant/pump/a", "order", 1), PQI_ERR_POLICY);
    endpoint_of(c.mallory)->cert.scopes[0].prefix = text_of("plant/pump");
    assert_int_equal(say(c.mallory, "control", "plant/pump/a", "order", 1), PQI_OK);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_SCOPE, 1, PQI_DROP_NONE);
    /* In pump's name with its own gate key: the gate knows who speaks. */
    c.s->catching = 1;
    assert_int_equal(say(c.mallory, "control", "plant/pump/a", "order", 1), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    packet *k = &c.s->caught[0];
    memcpy(k->p + 4, peer_of(c.control, "pump")->key_id, PQI_KID_LEN);
    k->p[20] = 1; /* a number that pump has not used */
    gate_of_mallory(&c, k);
    eve_repeats(c.s, k, 1);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_SCOPE, 1, PQI_DROP_GATE, 1, PQI_DROP_NONE);
    still_served(&c, "scopes");
    stage_free(c.s);
}

/* INV-71, INV-97: packets that pass the gate and fail the signature empty their sender's bucket. */
static void insider_flood(void **state)
{
    (void)state;
    cast c = cast_new(4, (pqi_rate){1, 8}, NULL);
    c.s->catching = 1;
    assert_int_equal(say(c.mallory, "control", "plant/mallory/a", "good", 1), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    assert_int_equal(heard(c.control, "good"), 1);
    packet *k = &c.s->caught[0];
    k->p[20] = 1;
    k->p[k->len - 1] ^= 1;
    gate_of_mallory(&c, k);
    const uint64_t checks = c.control->verifies, opens = c.control->opens;
    for (int i = 0; i < 500; i++) {
        eve_repeats(c.s, k, 1);
        (void)stage_turn(c.s);
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_SIGNATURE, 8, PQI_DROP_BUDGET, 492, PQI_DROP_NONE);
    assert_true(c.control->verifies == checks + 8);
    assert_true(c.control->opens == opens);
    for (int i = 0; i < 20; i++) { /* more than the burst: authentic ones get their token back */
        char text[16];
        (void)snprintf(text, sizeof text, "fine %d", i);
        still_served(&c, text);
    }
    assert_int_equal(say(c.mallory, "control", "plant/mallory/a", "mine", 1), PQI_OK);
    stage_settle(c.s);
    assert_int_equal(heard(c.control, "mine"), 0);
    dropped(c.control, PQI_DROP_BUDGET, 1, PQI_DROP_NONE);
    stage_free(c.s);
}

/* ---- wills ------------------------------------------------------------------------------------- */

static void connected(pqi_host_mqtt *m)
{
    const time_t end = time(NULL) + 10;
    pqi_mqtt_event ev = {0};
    while (ev.kind != PQI_MQTT_CONNECTED && time(NULL) < end) {
        assert_int_equal(pqi_host_mqtt_poll(m, 50, &ev), PQI_OK);
    }
    assert_int_equal(ev.kind, PQI_MQTT_CONNECTED);
}

/* Somebody connects under pump's client id: the broker throws pump out and publishes its will. That
 * is news about the broker, not from pump: nothing is delivered and pump stays a peer. */
static void will_is_a_hint(void **state)
{
    (void)state;
    cast c = cast_new(4, (pqi_rate){0, 0}, "plant/pump/will");
    const pqi_peer before = *peer_of(c.control, "pump");
    const pqi_host_mqtt_cfg cfg = {.port = (uint16_t)c.s->b.port, .client_id = "pump"};
    pqi_host_mqtt *m = NULL;
    assert_int_equal(pqi_host_mqtt_open(&m, &cfg), PQI_OK);
    connected(m);
    pqi_host_mqtt_close(m);
    const unsigned online = c.pump->online;
    const time_t end = time(NULL) + 10;
    while (c.pump->online == online && time(NULL) < end) {
        (void)stage_turn(c.s);
    }
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_DECODE, 1, PQI_DROP_NONE);
    assert_memory_equal(&before, peer_of(c.control, "pump"), sizeof before);
    still_served(&c, "after the will");
    stage_free(c.s);
}

static void vanish_with_will(const stage *s, const packet *k)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const pqi_host_mqtt_cfg cfg = {.port = (uint16_t)s->b.port,
            .client_id = "dies",
            .will_topic = k->topic,
            .will = packet_span(k),
            .will_qos = 1};
        pqi_host_mqtt *m = NULL;
        pqi_mqtt_event ev = {0};
        if (pqi_host_mqtt_open(&m, &cfg) != PQI_OK) {
            _exit(1);
        }
        for (int i = 0; i < 100 && ev.kind != PQI_MQTT_CONNECTED; i++) {
            if (pqi_host_mqtt_poll(m, 100, &ev) != PQI_OK) {
                _exit(1);
            }
        }
        _exit(ev.kind != PQI_MQTT_CONNECTED); /* the socket just closes */
    }
    int status = 1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void turn_until(cast *c, size_t n_heard, uint64_t drops)
{
    const time_t end = time(NULL) + 10;
    while ((c->control->n_heard < n_heard || drops_of(c->control) < drops) && time(NULL) < end) {
        (void)stage_turn(c->s);
    }
    stage_settle(c->s);
}

/* An attacker's will carries a packet as any other publish does: once, not twice. */
static void packet_in_a_will(void **state)
{
    (void)state;
    cast c = cast_new(4, (pqi_rate){0, 0}, NULL);
    station_off(c.control);
    c.s->catching = 1;
    assert_int_equal(say(c.pump, "control", "held/pump/a", "willed", 1), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    station_on(c.s, c.control);
    vanish_with_will(c.s, &c.s->caught[0]);
    turn_until(&c, 1, 0);
    assert_int_equal(heard(c.control, "willed"), 1);
    dropped(c.control, PQI_DROP_NONE);
    vanish_with_will(c.s, &c.s->caught[0]);
    turn_until(&c, 1, 1);
    assert_int_equal(c.control->n_heard, 1);
    dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    still_served(&c, "wills");
    stage_free(c.s);
}

/* ---- the broker dies --------------------------------------------------------------------------- */

static void numbered(cast *c, int i, unsigned *times, int send)
{
    char text[16];
    (void)snprintf(text, sizeof text, "k%d", i);
    if (send) {
        assert_int_equal(say(c->pump, "control", "plant/pump/a", text, i % 3), PQI_OK);
    } else {
        *times = heard(c->control, text);
    }
}

/* INV-39: killed in the middle of traffic and started again empty: what the clients send again is
 * refused again. Before the crash and after the return everything arrives, once. */
static void broker_dies(void **state)
{
    (void)state;
    for (int version = 4; version <= 5; version++) {
        cast c = cast_new(version, (pqi_rate){0, 0}, NULL);
        int i = 0;
        for (int round = 0; round < 2; round++) {
            const int start = i;
            for (; i < start + 20; i++) {
                numbered(&c, i, NULL, 1);
            }
            stage_settle(c.s);
            const int sure = i;
            for (; i < start + 40; i++) { /* on their way when it dies */
                numbered(&c, i, NULL, 1);
                if (i % 4 == 0) {
                    (void)stage_turn(c.s);
                }
            }
            broker_kill(&c.s->b);
            for (; i < start + 50; i++) { /* kept by the port */
                numbered(&c, i, NULL, 1);
                (void)stage_turn(c.s);
            }
            assert_int_equal(broker_restart(&c.s->b), 0);
            stage_rejoin(c.s);
            stage_settle(c.s);
            for (int k = start; k < i; k++) {
                unsigned times = 9;
                numbered(&c, k, &times, 0);
                assert_true(times <= 1);
                assert_true(times == 1 || k >= sure);
            }
        }
        assert_int_equal(say(c.pump, "control", "plant/pump/a", "new broker", 1), PQI_OK);
        stage_settle(c.s);
        assert_int_equal(heard(c.control, "new broker"), 1);
        for (int k = 0; k < i; k++) { /* what a client sent again may come late, not twice */
            unsigned times = 9;
            numbered(&c, k, &times, 0);
            assert_true(times <= 1);
        }
        assert_true(endpoint_of(c.control)->accepted == c.control->n_heard);
        dropped(c.control, PQI_DROP_REPLAY, (int)c.control->drops[PQI_DROP_REPLAY], PQI_DROP_NONE);
        assert_int_equal(peers_of(c.control), 3);
        stage_free(c.s);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(flood), cmocka_unit_test(insider_outside_its_scope),
    cmocka_unit_test(insider_flood), cmocka_unit_test(will_is_a_hint),
    cmocka_unit_test(packet_in_a_will), cmocka_unit_test(broker_dies))
