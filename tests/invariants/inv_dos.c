/* SPDX-License-Identifier: Apache-2.0
 * What hostile traffic costs, and whom it hurts: order of work, budgets, fixed tables. */
#include "support/fleet.h"

#include "proto/mqtt/announce.h"

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_valve = {
    .id = "valve-7", .epoch = 1, .roster = 2, .pub = "plant/valve-7", .seed = 2};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

typedef struct trio {
    dev *pump, *valve, *ctl;
    msg m, n;
} trio;

static trio *trio_new(void)
{
    trio *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(&spec_pump);
    t->valve = dev_new(&spec_valve);
    t->ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->valve), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_meet(t->pump, t->ctl);
    dev_meet(t->valve, t->ctl);
    return t;
}

static void trio_free(trio *t)
{
    dev_free(t->pump);
    dev_free(t->valve);
    dev_free(t->ctl);
    free(t);
}

static uint64_t asymmetric(const dev *d)
{
    return fleet_verifies + d->prov.count[FAKE_DECRYPT] + d->prov.count[FAKE_DECAPS] +
           d->prov.count[FAKE_DH] + d->prov.count[FAKE_SIGN];
}

/* LV(id_S) || LV(id_R) || LV(0x01 || topic) for pump-1 to control. */
static size_t post_of(const msg *m, uint8_t out[PQI_TOPIC_MAX + 64])
{
    const size_t n = strlen(m->topic);
    size_t at = 0;
    const pqi_cspan ids[] = {text_of("pump-1"), text_of("control")};
    for (size_t i = 0; i < 2; i++) {
        out[at++] = 0;
        out[at++] = (uint8_t)ids[i].len;
        memcpy(out + at, ids[i].ptr, ids[i].len);
        at += ids[i].len;
    }
    out[at++] = (uint8_t)((n + 1) >> 8);
    out[at++] = (uint8_t)(n + 1);
    out[at++] = 1;
    memcpy(out + at, m->topic, n);
    return at + n;
}

/* Gives a packet from the pump the gate tag that an insider, or a quantum computer, could make. */
static void gate_as_insider(trio *t, msg *m)
{
    const pqi_peer *p = pqi_endpoint_peer(&t->pump->ep, text_of("control"));
    uint8_t mac[64], post[PQI_TOPIC_MAX + 64];
    const size_t n = post_of(m, post);
    const pqi_cspan parts[] = {
        {PQI_LIT("PQI4 v1 gate")}, {post, n}, {m->b, 30}, {m->b + 46, m->len - 46}};
    assert_int_equal(
        t->pump->f->algs.classic->hmac(PQI_HASH_SHA256, (pqi_cspan){p->gk_out, 32}, parts, 4, mac),
        PQI_OK);
    memcpy(m->b + 30, mac, 16);
}

/* INV-99, INV-97: replays, forgeries, wrong topics and unknown senders by the thousand: not one
 * asymmetric operation, not one token, and the genuine sender is heard all the while. */
static void flood_costs_nothing(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "one", &t->m), PQI_OK);
    dev_expect(t->ctl, &t->m, "one");
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "two", &t->n), PQI_OK);
    uint64_t ops = asymmetric(t->ctl);
    pqi_bucket peer = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->sig_bucket;
    pqi_bucket all = t->ctl->ep.global_sig;
    for (uint32_t i = 0; i < 3000; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP); /* replay */
        msg *x = &t->n;
        x->b[100 + i % 700] ^= 1; /* forgery under the genuine sender's name and next number */
        assert_int_equal(dev_receive(t->ctl, x), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_GATE);
        x->b[100 + i % 700] ^= 1;
        x->b[4] ^= (uint8_t)(1u + i % 255u); /* many senders */
        assert_int_equal(dev_receive(t->ctl, x), PQI_EV_DROP);
        x->b[4] ^= (uint8_t)(1u + i % 255u);
        x->topic[6] = 'q'; /* not its topic */
        assert_int_equal(dev_receive(t->ctl, x), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_SCOPE);
        x->topic[6] = 'p';
        x->topic[13] = (char)('b' + i % 20u); /* one of its topics, but not this packet's */
        assert_int_equal(dev_receive(t->ctl, x), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_GATE);
        x->topic[13] = 'a';
    }
    assert_true(asymmetric(t->ctl) == ops);
    const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
    assert_memory_equal(&peer, &p->sig_bucket, sizeof peer);
    assert_memory_equal(&all, &t->ctl->ep.global_sig, sizeof all);
    dev_expect(t->ctl, &t->n, "two");
    trio_free(t);
}

/* INV-71, INV-97: an insider whose packets pass the gate and fail the signature stops at its own
 * budget; others are served; its own good packets come through when the bucket has refilled, and
 * good packets cost no token. */
static void insider_flood(void **state)
{
    (void)state;
    trio *t = trio_new();
    for (int i = 0; i < 40; i++) { /* far more than the burst: refunded */
        assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "ok", &t->m), PQI_OK);
        dev_expect(t->ctl, &t->m, "ok");
    }
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    t->n = t->m;
    t->n.b[t->n.len - 1] ^= 1;
    gate_as_insider(t, &t->n);
    uint64_t before = fleet_verifies;
    unsigned budget = 0;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
        budget += t->ctl->ev.drop == PQI_DROP_BUDGET;
        assert_true(t->ctl->ev.drop == PQI_DROP_BUDGET || t->ctl->ev.drop == PQI_DROP_SIGNATURE);
    }
    assert_int_equal(fleet_verifies - before, 8); /* pqi_limits_mcu.peer_sig */
    assert_int_equal(budget, 92);
    dev_refuses(t->ctl, &t->m, PQI_DROP_BUDGET);
    static msg v;
    assert_int_equal(dev_send(t->valve, "control", "plant/valve-7", "fine", &v), PQI_OK);
    dev_expect(t->ctl, &v, "fine");
    t->ctl->now.mono_ms += 1000; /* one token a second */
    dev_expect(t->ctl, &t->m, "x");
    /* Time that goes back earns nothing. */
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->n), PQI_OK);
    t->n.b[t->n.len - 1] ^= 1;
    gate_as_insider(t, &t->n);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    }
    t->ctl->now.mono_ms = 0;
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "y", &t->m), PQI_OK);
    t->ctl->now.mono_ms = 1;
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
    trio_free(t);
}

/* INV-97: an insider that leaps over its numbers makes every message move the mark on the medium: its
 * budget bounds the writes. One leap, as after a crash, is nothing. */
static void leaps_are_charged(void **state)
{
    (void)state;
    trio *t = trio_new();
    uint64_t gen = t->ctl->ep.seq_store.generation;
    unsigned heard = 0;
    for (int i = 0; i < 50; i++) {
        t->pump->peers[0].send_next += 1000;
        assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
        if (dev_receive(t->ctl, &t->m) == PQI_EV_MESSAGE) {
            heard++;
        } else {
            assert_true(t->ctl->ev.drop == PQI_DROP_BUDGET);
        }
    }
    assert_int_equal(heard, 8); /* pqi_limits_mcu.peer_sig */
    assert_true(t->ctl->ep.seq_store.generation == gen + 8);
    static msg v;
    assert_int_equal(dev_send(t->valve, "control", "plant/valve-7", "fine", &v), PQI_OK);
    dev_expect(t->ctl, &v, "fine");
    t->ctl->now.mono_ms += 1000;
    dev_expect(t->ctl, &t->m, "x");
    trio_free(t);
}

/* INV-72, INV-73, INV-71: announcements under a thousand new ids: the common budget bounds the
 * signature checks, no slot is taken, known peers are served and may announce again unchanged. */
static void announcement_flood(void **state)
{
    (void)state;
    trio *t = trio_new();
    static msg genuine;
    dev_announce(t->pump, &genuine);
    dev *d = dev_new(&(dev_spec){.id = "f-000", .epoch = 1, .roster = 50, .seed = 50});
    assert_int_equal(dev_open(d), PQI_OK);
    dev_announce(d, &t->m);
    t->m.b[t->m.len - 1] ^= 1; /* a genuine certificate, a bad device signature */
    uint64_t before = fleet_verifies;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
        t->n = t->m; /* other names: refused without a signature */
        t->n.topic[9] = (char)('0' + i / 100);
        t->n.topic[10] = (char)('0' + i / 10 % 10);
        t->n.topic[11] = (char)('1' + i % 9);
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_MISMATCH);
    }
    assert_true(fleet_verifies - before <= 2 * 4); /* burst 4, two signatures each */
    assert_true(t->ctl->ep.drops[PQI_DROP_BUDGET] == 996);
    assert_null(pqi_endpoint_peer(&t->ctl->ep, text_of("f-000")));
    assert_int_equal(dev_receive(t->ctl, &genuine), PQI_EV_NONE);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->n), PQI_OK);
    dev_expect(t->ctl, &t->n, "x");
    t->m.b[t->m.len - 1] ^= 1;
    dev_refuses(t->ctl, &t->m, PQI_DROP_BUDGET);
    t->ctl->now.mono_ms += 5000; /* one in five seconds */
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    dev_free(d);
    trio_free(t);
}

/* A flood of forged revocations has a budget of its own; what begins behind a gap, or under another history,
 * needs none. */
static void revocation_flood(void **state)
{
    (void)state;
    trio *t = trio_new();
    const pqi_revoked other = {.roster_index = 70, .min_key_epoch = 1};
    fleet_revoke(t->ctl->f, 0, &other, 1, &t->m);
    t->m.b[t->m.len - 1] ^= 1;
    uint64_t before = fleet_verifies;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
    }
    assert_int_equal(fleet_verifies - before, 4);
    const pqi_revoked later[] = {other, {.roster_index = 71, .min_key_epoch = 1}};
    fleet_revoke(t->ctl->f, 1, later, 2, &t->n);
    for (int i = 0; i < 100; i++) {
        dev_refuses(t->ctl, &t->n, PQI_DROP_GAP);
    }
    assert_int_equal(fleet_verifies - before, 4);
    dev_announce(t->valve, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_NONE);
    t->ctl->now.mono_ms += 5000;
    t->m.b[t->m.len - 1] ^= 1;
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_REVOKED);
    trio_free(t);
}

/* INV-97: what another fleet made costs no token: neither its lists nor announcements under its
 * issuer keep genuine ones waiting. */
static void foreign_flood(void **state)
{
    (void)state;
    trio *t = trio_new();
    fleet *f = t->ctl->f;
    pqi_manifest m;
    assert_int_equal(
        pqi_manifest_decode(&f->algs, (pqi_cspan){f->manifest, f->manifest_len}, &m), PQI_OK);
    dev *d =
        dev_new(&(dev_spec){.id = "new", .epoch = 1, .roster = 9, .pub = "plant/new", .seed = 9});
    assert_int_equal(dev_open(d), PQI_OK);
    dev_announce(d, &t->m);
    t->n = t->m;
    unsigned found = 0;
    for (size_t i = 0; i + PQI_KID_LEN <= t->n.len; i++) {
        for (uint32_t k = 0; k < m.n_keys; k++) {
            if (m.keys[k].role == PQI_ROLE_ISSUER &&
                memcmp(t->n.b + i, m.keys[k].kid, PQI_KID_LEN) == 0) {
                t->n.b[i] ^= 1; /* header and payload name another issuer */
                found++;
            }
        }
    }
    assert_int_equal(found, 2);
    static msg list;
    const pqi_revoked other = {.roster_index = 70, .min_key_epoch = 1};
    fleet_revoke(f, 0, &other, 1, &list);
    uint64_t before = fleet_verifies;
    const uint32_t version = f->root_version;
    static msg foreign;
    f->root_version = version + 1;
    fleet_revoke(f, 0, &other, 1, &foreign);
    f->root_version = version;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_CERT);
        assert_int_equal(dev_receive(t->ctl, &foreign), PQI_EV_DROP);
        assert_true(t->ctl->ev.drop == PQI_DROP_SIGNATURE);
    }
    assert_int_equal(fleet_verifies - before, 0);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    assert_int_equal(dev_receive(t->ctl, &list), PQI_EV_REVOKED);
    dev_free(d);
    trio_free(t);
}

/* INV-70, INV-106, INV-75: too large in each class, empty, and noise on every kind of topic: counted
 * drops, never an error. */
static void oversized_and_noise(void **state)
{
    (void)state;
    trio *t = trio_new();
    static uint8_t big[PQI_REVOCATIONS_MAX + PQI_V1_PACKET_MAX];
    memset(big, 0x11, sizeof big);
    static const struct {
        const char *topic;
        size_t cap;
    } classes[] = {{"plant/x", PQI_V1_PACKET_MAX}, {"pq/4/k/pump-1", PQI_ANNOUNCE_MAX},
        {"pq/4/v", PQI_REVOCATIONS_MAX}};
    for (size_t i = 0; i < 3; i++) {
        for (size_t over = 0; over < 2; over++) {
            pqi_inbound in = {text_of(classes[i].topic), {big, classes[i].cap + over}, i != 0};
            assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, &t->ctl->now, &in,
                                 (pqi_span){t->ctl->plain, sizeof t->ctl->plain}, &t->ctl->ev),
                PQI_OK);
            assert_int_equal(t->ctl->ev.kind, PQI_EV_DROP);
            assert_true((t->ctl->ev.drop == PQI_DROP_SIZE) == (over == 1));
        }
    }
    static const char *const topics[] = {
        "", "x", "/", "pq/4/k/", "pq/4/k/a", "pq/4/v", "pq/4/v/", "plant/pump-1", "+", "#"};
    uint32_t r = 1;
    for (int i = 0; i < 20000; i++) {
        memset(t->m.topic, 0, sizeof t->m.topic);
        memcpy(t->m.topic, topics[i % 10], strlen(topics[i % 10]));
        t->m.len = r % 200;
        for (size_t k = 0; k < t->m.len; k++) {
            r = r * 1664525u + 1013904223u;
            t->m.b[k] = (uint8_t)(r >> 24);
        }
        static const uint8_t heads[] = {0x11, 0x71, 0xd2, 0x84};
        if (t->m.len != 0 && i % 3 != 0) {
            t->m.b[0] = heads[(r >> 8) % 4];
        }
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
        r = r * 1664525u + 1013904223u;
    }
    trio_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(flood_costs_nothing), cmocka_unit_test(insider_flood),
    cmocka_unit_test(leaps_are_charged), cmocka_unit_test(announcement_flood),
    cmocka_unit_test(revocation_flood), cmocka_unit_test(foreign_flood),
    cmocka_unit_test(oversized_and_noise))
