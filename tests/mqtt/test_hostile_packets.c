/* SPDX-License-Identifier: Apache-2.0
 * v1 packets over a real broker in the hands of an attacker: repeated, moved, altered, reordered,
 * reflected. Every outcome is exact: delivered once or never, and the reason that is counted. */
#include "support/hostile.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

typedef struct cast {
    stage *s;
    station *pump, *valve, *control;
} cast;

/* Three devices, everybody known to everybody. control listens to plant/pump and plant/valve. */
static cast cast_new(int version)
{
    cast c = {.s = stage_new(NULL)};
    c.pump = stage_device(c.s, "pump");
    c.valve = stage_device(c.s, "valve");
    c.control = stage_device(c.s, "control");
    c.control->filters[0] = "plant/pump/#";
    c.control->filters[1] = "plant/valve/#";
    for (size_t i = 0; i < c.s->n; i++) {
        c.s->at[i].version = version;
        station_on(c.s, &c.s->at[i]);
    }
    stage_settle(c.s);
    for (size_t i = 0; i < c.s->n; i++) {
        assert_int_equal(peers_of(&c.s->at[i]), 2);
        dropped(&c.s->at[i], PQI_DROP_NONE);
    }
    return c;
}

/* Whatever happened: genuine traffic of two peers arrives once, and nobody else became a peer. */
static void still_served(cast *c, const char *text)
{
    const size_t before = c->control->n_heard;
    assert_int_equal(say(c->pump, "control", "plant/pump/a", text, 1), PQI_OK);
    assert_int_equal(say(c->valve, "control", "plant/valve/a", text, 1), PQI_OK);
    stage_settle(c->s);
    assert_int_equal(c->control->n_heard, before + 2);
    assert_int_equal(heard(c->control, text), 2);
    dropped(c->control, PQI_DROP_NONE);
    assert_int_equal(peers_of(c->control), 2);
}

/* What pump sends on held/pump is at the broker, but control does not listen there yet. */
static void hold(cast *c, const char *text)
{
    c->s->catching = 1;
    assert_int_equal(say(c->pump, "control", "held/pump/a", text, 1), PQI_OK);
    stage_settle(c->s);
    c->s->catching = 0;
}

static void catch_some(cast *c, unsigned n)
{
    c->s->catching = 1;
    for (unsigned i = 0; i < n; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "m%u", i);
        assert_int_equal(say(c->pump, "control", "plant/pump/a", text, (int)(i % 3)), PQI_OK);
    }
    stage_settle(c->s);
    c->s->catching = 0;
    assert_int_equal(c->s->n_caught, n);
    assert_int_equal(c->control->n_heard, n);
    for (unsigned i = 0; i < n; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "m%u", i);
        assert_int_equal(heard(c->control, text), 1);
    }
}

static void replay_all(cast *c)
{
    for (size_t i = 0; i < c->s->n_caught; i++) {
        eve_repeats(c->s, &c->s->caught[i], (int)(i % 3));
    }
    stage_settle(c->s);
}

/* INV-39, INV-96: at once, after the receiver's restart and crash, after the sender's, and out of
 * the broker's own memory of retained messages. */
static void replayed_across_restarts(void **state)
{
    (void)state;
    cast c = cast_new(4);
    catch_some(&c, 20);
    replay_all(&c);
    dropped(c.control, PQI_DROP_REPLAY, 20, PQI_DROP_NONE);
    assert_int_equal(c.control->n_heard, 20);

    station_off(c.control);
    station_on(c.s, c.control);
    replay_all(&c);
    dropped(c.control, PQI_DROP_REPLAY, 20, PQI_DROP_NONE);
    still_served(&c, "after restart"); /* an orderly stop costs no number */

    station_off(c.pump);
    station_on(c.s, c.pump);
    replay_all(&c);
    dropped(c.control, PQI_DROP_REPLAY, 20, PQI_DROP_NONE);
    still_served(&c, "sender again");

    station_crash(c.pump);
    station_on(c.s, c.pump);
    replay_all(&c);
    dropped(c.control, PQI_DROP_REPLAY, 20, PQI_DROP_NONE);
    still_served(&c, "sender crashed");

    eve_says(c.s, "plant/pump/a", packet_span(&c.s->caught[7]), 1, 1);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    station_off(c.control);
    station_on(c.s, c.control); /* the retained one comes with the subscription */
    assert_int_equal(c.control->retained_drops, 1);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_RETAINED, 1, PQI_DROP_NONE);
    still_served(&c, "retained");
    stage_free(c.s);
}

/* INV-96: a crash of the receiver forgets its exact mark. It then refuses up to the reserve, and
 * never accepts anything twice. */
static void receiver_crash(void **state)
{
    (void)state;
    cast c = cast_new(4);
    catch_some(&c, 20);
    station_crash(c.control);
    station_on(c.s, c.control);
    replay_all(&c);
    dropped(c.control, PQI_DROP_REPLAY, 20, PQI_DROP_NONE);
    const int lost = 1 + (int)PQI_HIGH_RESERVE - 20; /* the mark of number 1 covers up to 65 */
    for (int i = 0; i < lost + 1; i++) {
        assert_int_equal(say(c.pump, "control", "plant/pump/a", "next", 1), PQI_OK);
    }
    stage_settle(c.s);
    assert_int_equal(heard(c.control, "next"), 1);
    dropped(c.control, PQI_DROP_REPLAY, lost, PQI_DROP_NONE);
    still_served(&c, "after crash");
    stage_free(c.s);
}

/* A packet that was held back and retained by the attacker is not taken out of the broker's memory: it is no
 * mailbox. The flag is a hint: repeated without it the packet is delivered, once. */
static void retained_genuine_once(void **state)
{
    (void)state;
    cast c = cast_new(5);
    hold(&c, "kept");
    eve_says(c.s, "held/pump/a", packet_span(&c.s->caught[0]), 1, 1);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    c.control->filters[2] = "held/pump/a";
    station_subscribe(c.s, c.control, "held/pump/a");
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_RETAINED, 1, PQI_DROP_NONE);
    eve_says(c.s, "held/pump/a", packet_span(&c.s->caught[0]), 1, 1);
    stage_settle(c.s);
    assert_int_equal(heard(c.control, "kept"), 1);
    station_crash(c.control);
    station_on(c.s, c.control);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_RETAINED, 1, PQI_DROP_NONE);
    eve_says(c.s, "held/pump/a", packet_span(&c.s->caught[0]), 1, 1);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    /* Somebody else's mail stays closed. */
    station_subscribe(c.s, c.valve, "held/pump/a");
    assert_int_equal(c.valve->n_heard, 0);
    dropped(c.valve, PQI_DROP_RETAINED, 1, PQI_DROP_NONE);
    stage_free(c.s);
}

/* INV-37: on other topics first, inside and outside the sender's scope; the genuine topic afterwards
 * is not spoilt. */
static void moved_first(void **state)
{
    (void)state;
    cast c = cast_new(4);
    hold(&c, "move me");
    const pqi_cspan k = packet_span(&c.s->caught[0]);
    const uint64_t work = asymmetric(c.control);
    station_subscribe(c.s, c.control, "held/pump/b");
    eve_says(c.s, "held/pump/b", k, 1, 0); /* of the same length */
    eve_says(c.s, "plant/pump/a", k, 1, 0);
    eve_says(c.s, "plant/pump/b", k, 1, 0);
    eve_says(c.s, "plant/valve/a", k, 1, 0);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 0);
    dropped(c.control, PQI_DROP_GATE, 3, PQI_DROP_SCOPE, 1, PQI_DROP_NONE);
    assert_true(asymmetric(c.control) == work); /* INV-99: the gate knows the topic */
    eve_says(c.s, "pq/4/k/pump", k, 1, 0);      /* as an announcement, as a revocation */
    eve_says(c.s, "pq/4/v", k, 1, 0);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_DECODE, 2, PQI_DROP_NONE);
    station_subscribe(c.s, c.control, "held/pump/a");
    eve_says(c.s, "held/pump/a", k, 1, 0);
    eve_says(c.s, "held/pump/a", k, 1, 0);
    eve_says(c.s, "held/pump/b", k, 1, 0);
    stage_settle(c.s);
    assert_int_equal(c.control->n_heard, 1);
    assert_int_equal(heard(c.control, "move me"), 1);
    dropped(c.control, PQI_DROP_REPLAY, 2, PQI_DROP_NONE);
    still_served(&c, "moved");
    stage_free(c.s);
}

/* What a flipped bit 6 of byte i < 46 must be called. */
static pqi_drop reason_of_header(size_t i)
{
    static const struct {
        size_t end;
        pqi_drop why;
    } field[] = {{2, PQI_DROP_DECODE}, {4, PQI_DROP_SUITE}, {12, PQI_DROP_UNKNOWN},
        {20, PQI_DROP_PREKEY}, {28, PQI_DROP_GATE}, {29, PQI_DROP_DECODE}, {46, PQI_DROP_GATE}};
    size_t f = 0;
    while (i >= field[f].end) {
        f++;
    }
    return field[f].why;
}

static void flip(cast *c, size_t at, uint8_t mask)
{
    packet *k = &c->s->caught[0];
    k->p[at] ^= mask;
    eve_repeats(c->s, k, 1);
    k->p[at] ^= mask;
}

/* INV-41, INV-87, INV-99: truncated, extended, every header byte, bits across the body: nothing is
 * delivered, nothing asymmetric is computed, and the genuine packet is still good. */
static void altered(void **state)
{
    (void)state;
    cast c = cast_new(5);
    hold(&c, "whole");
    station_subscribe(c.s, c.control, "held/pump/a");
    const packet k = c.s->caught[0];
    const uint64_t work = asymmetric(c.control);
    const pqi_peer before = *peer_of(c.control, "pump");

    for (size_t i = 0; i < 46; i++) {
        flip(&c, i, 0x40);
        stage_settle(c.s);
        dropped(c.control, reason_of_header(i), 1, PQI_DROP_NONE);
    }
    int n = 0;
    for (size_t i = 46; i < k.len; i += 7) {
        flip(&c, i, (uint8_t)(1u << (i % 8)));
        n++;
    }
    flip(&c, k.len - 1, 0x80);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_GATE, n + 1, PQI_DROP_NONE);

    /* Header, gate tag, capsule and ciphertext of 5 bytes and a tag must be there; then one byte of
     * signature. The rest of the signature is missed by the gate. */
    const size_t least = PQI_V1_HDR + PQI_V1_GATE + 1088 + 32 + 5 + 16;
    int shorter = 0, cut = 0;
    for (size_t len = 0; len < k.len;
         len += len < 64 || (len > least - 4 && len < least + 4) ? 1 : 41) {
        eve_says(c.s, k.topic, (pqi_cspan){k.p, len}, 1, 0);
        shorter += len <= least;
        cut += len > least;
    }
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_DECODE, shorter, PQI_DROP_GATE, cut, PQI_DROP_NONE);

    static uint8_t longer[70000];
    memcpy(longer, k.p, k.len);
    eve_says(c.s, k.topic, (pqi_cspan){longer, k.len + 1}, 1, 0);
    eve_says(c.s, k.topic, (pqi_cspan){longer, PQI_V1_PACKET_MAX + 1}, 1, 0);
    eve_says(c.s, k.topic, (pqi_cspan){longer, sizeof longer}, 1, 0);
    stage_settle(c.s);
    dropped(c.control, PQI_DROP_GATE, 1, PQI_DROP_SIZE, 2, PQI_DROP_NONE);

    assert_true(asymmetric(c.control) == work);
    assert_memory_equal(&before, peer_of(c.control, "pump"), sizeof before);
    assert_int_equal(c.control->n_heard, 0);
    eve_repeats(c.s, &k, 1);
    stage_settle(c.s);
    assert_int_equal(heard(c.control, "whole"), 1);
    still_served(&c, "altered");
    stage_free(c.s);
}

/* ---- QoS, DUP, order --------------------------------------------------------------------------- */

static void put_all(int fd, const uint8_t *p, size_t n)
{
    while (n != 0) {
        ssize_t k = write(fd, p, n);
        assert_true(k > 0);
        p += k;
        n -= (size_t)k;
    }
}

/* MQTT 3.1.1 by hand, because no client library sets DUP on demand: the same PUBLISH of QoS 1 and
 * the same packet identifier, first as it is and then twice with DUP. */
static void publish_with_dup(const stage *s, const packet *k)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)s->b.port)};
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
    static const uint8_t hello[] = {
        0x10, 15, 0, 4, 'M', 'Q', 'T', 'T', 4, 2, 0, 60, 0, 3, 'd', 'u', 'p'};
    put_all(fd, hello, sizeof hello);
    uint8_t ack[4];
    assert_int_equal(recv(fd, ack, sizeof ack, MSG_WAITALL), 4);
    const size_t t = strlen(k->topic), left = 2 + t + 2 + k->len;
    assert_true(left >= 128 && left < 16384);
    static const uint8_t first[] = {0x32, 0x3a, 0x3a};
    for (size_t i = 0; i < sizeof first; i++) {
        const uint8_t head[] = {
            first[i], (uint8_t)(left % 128 | 0x80), (uint8_t)(left / 128), 0, (uint8_t)t};
        const uint8_t id[] = {0, 9};
        put_all(fd, head, sizeof head);
        put_all(fd, (const uint8_t *)k->topic, t);
        put_all(fd, id, sizeof id);
        put_all(fd, k->p, k->len);
        assert_int_equal(recv(fd, ack, sizeof ack, MSG_WAITALL), 4); /* the broker has it */
    }
    assert_int_equal(close(fd), 0);
}

/* INV-39: QoS is the broker's business: whatever it makes of it, one delivery. */
static void other_qos_and_dup(void **state)
{
    (void)state;
    for (int version = 4; version <= 5; version++) {
        cast c = cast_new(version);
        hold(&c, "first");
        station_subscribe(c.s, c.control, "held/pump/a");
        for (int i = 0; i < 6; i++) {
            eve_repeats(c.s, &c.s->caught[0], i % 3);
        }
        stage_settle(c.s);
        assert_int_equal(c.control->n_heard, 1);
        assert_int_equal(heard(c.control, "first"), 1);
        dropped(c.control, PQI_DROP_REPLAY, 5, PQI_DROP_NONE);

        c.s->catching = 1;
        stage_drop_caught(c.s);
        station_off(c.control);
        assert_int_equal(say(c.pump, "control", "held/pump/a", "second", 2), PQI_OK);
        stage_settle(c.s);
        c.s->catching = 0;
        c.control->filters[2] = "held/pump/a";
        station_on(c.s, c.control);
        publish_with_dup(c.s, &c.s->caught[0]);
        stage_settle(c.s);
        assert_int_equal(c.control->n_heard, 1);
        assert_int_equal(heard(c.control, "second"), 1);
        dropped(c.control, PQI_DROP_REPLAY, 2, PQI_DROP_NONE);
        still_served(&c, "qos");
        stage_free(c.s);
    }
}

static void shuffle(packet *k, size_t n, uint64_t *rng)
{
    for (size_t i = n - 1; i > 0; i--) {
        size_t j = dice(rng) % (i + 1);
        packet t = k[i];
        k[i] = k[j];
        k[j] = t;
    }
}

/* INV-39: 200 held packets in a random order: each once; again in another order: none. */
static void reordered(void **state)
{
    (void)state;
    cast c = cast_new(4);
    uint64_t rng = 0x2545f4914f6cdd1d;
    c.s->catching = 1;
    for (int i = 0; i < 200; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "r%d", i);
        assert_int_equal(say(c.pump, "control", "held/pump/a", text, 1), PQI_OK);
        (void)stage_turn(c.s);
    }
    stage_settle(c.s);
    c.s->catching = 0;
    assert_int_equal(c.s->n_caught, 200);
    station_subscribe(c.s, c.control, "held/pump/a");
    for (int round = 0; round < 2; round++) {
        shuffle(c.s->caught, 200, &rng);
        replay_all(&c);
        assert_int_equal(c.control->n_heard, 200);
        dropped(c.control, PQI_DROP_REPLAY, round * 200, PQI_DROP_NONE);
    }
    for (int i = 0; i < 200; i++) {
        char text[16];
        (void)snprintf(text, sizeof text, "r%d", i);
        assert_int_equal(heard(c.control, text), 1);
    }
    still_served(&c, "reordered");
    stage_free(c.s);
}

/* INV-39: held back while the window moved on: the last number inside it is good, the first one
 * outside is not. */
static void older_than_the_window(void **state)
{
    (void)state;
    stage *s = stage_new(NULL);
    station *pump = stage_device(s, "pump"), *control = stage_device(s, "control");
    control->limits.window_bits = 128;
    control->filters[0] = "plant/pump/#";
    station_on(s, pump);
    station_on(s, control);
    stage_settle(s);
    s->catching = 1;
    assert_int_equal(say(pump, "control", "held/pump/a", "n1", 1), PQI_OK);
    assert_int_equal(say(pump, "control", "held/pump/a", "n2", 1), PQI_OK);
    stage_settle(s);
    s->catching = 0;
    assert_int_equal(s->n_caught, 2);
    for (int i = 3; i <= 129; i++) { /* 129 - 2 < 128 <= 129 - 1 */
        assert_int_equal(say(pump, "control", "plant/pump/a", "fill", 1), PQI_OK);
        (void)stage_turn(s);
    }
    station_subscribe(s, control, "held/pump/a");
    assert_int_equal(heard(control, "fill"), 127);
    dropped(control, PQI_DROP_NONE);
    eve_repeats(s, &s->caught[0], 1);
    eve_repeats(s, &s->caught[1], 1);
    stage_settle(s);
    assert_int_equal(heard(control, "n1"), 0);
    assert_int_equal(heard(control, "n2"), 1);
    dropped(control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    stage_free(s);
}

/* ---- reflection -------------------------------------------------------------------------------- */

/* INV-91: a sender's own packet, as it is and re-addressed, on its own topics and on its peer's. */
static void reflected(void **state)
{
    (void)state;
    cast c = cast_new(4);
    station_subscribe(c.s, c.pump, "plant/pump/#");
    station_subscribe(c.s, c.pump, "plant/control/#");
    c.s->catching = 1;
    assert_int_equal(say(c.pump, "control", "plant/pump/a", "out", 1), PQI_OK);
    stage_settle(c.s);
    c.s->catching = 0;
    dropped(c.pump, PQI_DROP_PREKEY, 1, PQI_DROP_NONE); /* the broker's echo */
    packet *k = &c.s->caught[0];
    const uint64_t work = asymmetric(c.pump);
    eve_repeats(c.s, k, 1);
    eve_says(c.s, "plant/control/a", packet_span(k), 1, 0);
    stage_settle(c.s);
    dropped(c.pump, PQI_DROP_PREKEY, 2, PQI_DROP_NONE);
    dropped(c.control, PQI_DROP_REPLAY, 1, PQI_DROP_NONE);
    /* From control to pump, and to its prekey, says the header now. */
    memcpy(k->p + 4, peer_of(c.pump, "control")->key_id, PQI_KID_LEN);
    memcpy(k->p + 12, peer_of(c.control, "pump")->prekey.id, PQI_KID_LEN);
    eve_repeats(c.s, k, 1);
    eve_says(c.s, "plant/control/a", packet_span(k), 1, 0);
    stage_settle(c.s);
    dropped(c.pump, PQI_DROP_GATE, 2, PQI_DROP_NONE);
    dropped(c.control, PQI_DROP_PREKEY, 1, PQI_DROP_NONE);
    assert_true(asymmetric(c.pump) == work);
    assert_int_equal(c.pump->n_heard, 0);
    assert_int_equal(heard(c.control, "out"), 1);
    assert_int_equal(say(c.control, "pump", "plant/control/a", "real", 1), PQI_OK);
    stage_settle(c.s);
    assert_int_equal(heard(c.pump, "real"), 1);
    stage_free(c.s);
}

PQI_TEST_MAIN(cmocka_unit_test(replayed_across_restarts), cmocka_unit_test(receiver_crash),
    cmocka_unit_test(retained_genuine_once), cmocka_unit_test(moved_first),
    cmocka_unit_test(altered), cmocka_unit_test(other_qos_and_dup), cmocka_unit_test(reordered),
    cmocka_unit_test(older_than_the_window), cmocka_unit_test(reflected))
