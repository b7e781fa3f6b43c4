/* SPDX-License-Identifier: Apache-2.0
 * v1 packets at a live endpoint: what a broker or an insider can do, and what it costs us. */
#include "support/fleet.h"

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
    dev_meet(t->pump, t->valve);
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
    return d->prov.count[FAKE_DECRYPT] + d->prov.count[FAKE_DECAPS] + d->prov.count[FAKE_DH] +
           d->prov.count[FAKE_SIGN];
}

/* INV-24, INV-39: a message arrives once; out of order is fine, again is not. */
static void delivered_once(void **state)
{
    (void)state;
    trio *t = trio_new();
    static msg box[6];
    for (int i = 0; i < 6; i++) {
        assert_int_equal(
            dev_send(t->pump, "control", "plant/pump-1/state", "rpm 1450", &box[i]), PQI_OK);
    }
    static const int order[] = {0, 5, 2, 1, 4, 3};
    for (int i = 0; i < 6; i++) {
        dev_expect(t->ctl, &box[order[i]], "rpm 1450");
        assert_string_equal(t->ctl->ev.peer, "pump-1");
        assert_int_equal(t->ctl->ev.seq, order[i] + 1);
    }
    for (int i = 0; i < 6; i++) {
        dev_refuses(t->ctl, &box[i], PQI_DROP_REPLAY);
    }
    assert_int_equal(t->ctl->ep.accepted, 6);
    trio_free(t);
}

/* INV-37: re-routed to another topic, before the genuine one arrives: dropped, and the genuine one is
 * still good. Inside the sender's scope it is the gate tag that stops it: no signature check, no token
 * (INV-99, INV-97). */
static void rerouted(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    t->n = t->m;
    memcpy(t->n.topic, "plant/pump-1/b", 15);
    uint64_t before = t->ctl->prov.count[FAKE_DECRYPT];
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    memcpy(t->n.topic, "plant/pump-1", 13);
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    assert_int_equal(t->ctl->prov.count[FAKE_DECRYPT], before);
    dev_expect(t->ctl, &t->m, "x");
    trio_free(t);
}

/* Protocol R12: a certified pump may not speak on the valve's topic, at either end. */
static void wrong_scope(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(
        dev_send(t->pump, "control", "plant/valve-7/set", "open", &t->m), PQI_ERR_POLICY);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-10", "x", &t->m), PQI_ERR_POLICY);
    assert_int_equal(dev_send(t->pump, "control", "pq/4/v", "x", &t->m), PQI_ERR_POLICY);
    /* A pump that does not ask itself: its own memory says it may. */
    t->pump->ep.cert.scopes[0].prefix = text_of("plant/valve-7");
    assert_int_equal(dev_send(t->pump, "control", "plant/valve-7/set", "open", &t->m), PQI_OK);
    dev_refuses(t->ctl, &t->m, PQI_DROP_SCOPE);
    static const char *const odd[] = {"plant/pump-1/+", "plant/pump-1/#"};
    for (size_t i = 0; i < 2; i++) {
        t->n = t->m;
        memset(t->n.topic, 0, sizeof t->n.topic);
        memcpy(t->n.topic, odd[i], strlen(odd[i]));
        dev_refuses(t->ctl, &t->n, PQI_DROP_TOPIC);
    }
    trio_free(t);
}

/* INV-41, INV-44, INV-87: every byte flipped, every prefix, one byte more: nothing changes. */
static void damaged(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    uint64_t ops = asymmetric(t->ctl);
    uint8_t before[32], after[32];
    dev_digest(t->ctl, before);
    for (size_t i = 0; i < t->m.len; i++) {
        t->n = t->m;
        t->n.b[i] ^= (uint8_t)(1u << (i % 8));
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
        if (i < 46) {
            dev_digest(t->ctl, after);
            assert_memory_equal(before, after, 32);
        }
        t->n = t->m;
        t->n.len = i;
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    }
    t->n = t->m;
    t->n.len++;
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    dev_digest(t->ctl, after);
    assert_memory_equal(before, after, 32);
    /* INV-99: no asymmetric operation, and no token either. */
    assert_int_equal(asymmetric(t->ctl), ops);
    assert_int_equal(t->ctl->ep.global_sig.level, 16 * 1024);
    dev_expect(t->ctl, &t->m, "x");
    trio_free(t);
}

/* INV-41: version and suite. */
static void wrong_version_or_suite(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    t->n = t->m;
    t->n.b[0] = 0x12; /* a prekey that is not there */
    dev_refuses(t->ctl, &t->n, PQI_DROP_PREKEY);
    t->n.b[0] = 0x13;
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    t->n = t->m;
    for (unsigned flags = 1; flags < 256; flags++) {
        t->n.b[1] = (uint8_t)flags;
        if (flags != PQI_V1_EXPIRES) {
            dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        }
    }
    t->n.b[1] = PQI_V1_EXPIRES; /* of 1 byte, too short for it */
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "0123456789ab", &t->n), PQI_OK);
    t->n.b[1] = PQI_V1_EXPIRES;
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    t->n = t->m;
    t->n.b[2] = 0x40;
    dev_refuses(t->ctl, &t->n, PQI_DROP_SUITE);
    t->n = t->m;
    t->n.b[3] = 2; /* known to the program, not in our certificate; long enough to parse */
    dev_refuses(t->ctl, &t->n, PQI_DROP_SUITE);
    trio_free(t);
}

/* INV-91 and addressing: another recipient, back to its sender, from a stranger. */
static void wrong_recipient(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    dev_refuses(t->valve, &t->m, PQI_DROP_NOT_FOR_US);
    dev_refuses(t->pump, &t->m, PQI_DROP_NOT_FOR_US); /* its own echo */
    t->n = t->m;                                      /* re-addressed to the valve */
    memcpy(t->n.b + 12, t->valve->ep.cert.key_id, 8);
    dev_refuses(t->valve, &t->n, PQI_DROP_GATE);
    t->n = t->m; /* reflected: kids exchanged */
    memcpy(t->n.b + 4, t->m.b + 12, 8);
    memcpy(t->n.b + 12, t->m.b + 4, 8);
    memcpy(t->n.topic, "plant/pump-1/a", 15);
    dev_refuses(t->pump, &t->n, PQI_DROP_GATE);
    t->n = t->m;
    memset(t->n.b + 4, 0x77, 8);
    dev_refuses(t->ctl, &t->n, PQI_DROP_UNKNOWN);
    t->n = t->m; /* another sender's name on it */
    memcpy(t->n.b + 4, t->valve->ep.cert.key_id, 8);
    memcpy(t->n.topic, "plant/valve-7", 14);
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    trio_free(t);
}

/* The window of the sender's certificate, by wall clock and by control epoch. */
static void expired(void **state)
{
    (void)state;
    trio *t = trio_new();
    dev_spec s = spec_pump;
    s.id = "temp";
    s.seed = 9;
    s.roster = 9;
    s.not_before = 900000;
    s.not_after = 1100000;
    dev *d = dev_new(&s);
    assert_int_equal(dev_open(d), PQI_OK);
    dev_meet(d, t->ctl);
    assert_int_equal(dev_send(d, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    t->ctl->now.unix_s = 1100001;
    dev_refuses(t->ctl, &t->m, PQI_DROP_EXPIRED);
    assert_int_equal(dev_send(t->ctl, "temp", "plant/x", "x", &t->n), PQI_ERR_POLICY);
    t->ctl->now.unix_s = 899999; /* not yet valid */
    dev_refuses(t->ctl, &t->m, PQI_DROP_EXPIRED);
    t->ctl->now.unix_s = 1000000;
    t->ctl->now.control_epoch = 101;
    dev_refuses(t->ctl, &t->m, PQI_DROP_EXPIRED);
    t->ctl->now.control_epoch = 5;
    dev_expect(t->ctl, &t->m, "x");
    dev_free(d);
    trio_free(t);
}

/* INV-42, INV-31, INV-40: a revoked peer is not heard, not answered and cannot come back; a log is
 * taken once, in order, from its signer only, and survives a restart. */
static void revoked(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    static msg list, old;
    static const pqi_revoked log[] = {
        {9, 5, 0}, {1, 2, 1}, {0, 9, 0}, {1, 1, 1}, {2, 9, 0}, {1, 3, 0}};
    fleet_revoke(t->ctl->f, 0, log, 1, &old);
    fleet_revoke(t->ctl->f, 0, log, 2, &list);
    list.b[list.len - 1] ^= 1;
    assert_int_equal(dev_receive(t->ctl, &list), PQI_EV_DROP);
    assert_true(t->ctl->ev.drop == PQI_DROP_SIGNATURE);
    list.b[list.len - 1] ^= 1;
    t->ctl->power = (test_power){.cut_at = 1, .one_shot = 1};
    /* A full disk does not keep a revoked peer trusted: in force, and stored with the next copy. */
    assert_int_equal(dev_receive(t->ctl, &list), PQI_EV_DROP);
    assert_true(t->ctl->ev.drop == PQI_DROP_STATE);
    dev_refuses(t->ctl, &t->m, PQI_DROP_REVOKED);
    assert_int_equal(dev_receive(t->ctl, &list), PQI_EV_REVOKED);
    assert_int_equal(dev_receive(t->ctl, &list), PQI_EV_NONE);
    dev_refuses(t->ctl, &old, PQI_DROP_REPLAY);
    for (int life = 0; life < 2; life++) {
        const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
        assert_non_null(p);
        assert_true(p->revoked && !p->ready);
        dev_refuses(t->ctl, &t->m, PQI_DROP_REVOKED);
        assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "x", &t->n), PQI_ERR_POLICY);
        dev_refuses(t->ctl, &old, PQI_DROP_REPLAY);
        assert_int_equal(dev_open(t->ctl), PQI_OK);
    }
    /* INV-68: nothing takes a revocation back or weakens it. */
    static msg weaker;
    const pqi_revoked others[][3] = {{log[0], log[2], log[4]}, {log[1], log[0], log[2]},
        {log[0], {1, 1, 1}, log[2]}, {{9, 5, 1}, log[1], log[2]}};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        fleet_revoke(t->ctl->f, 0, others[i], 3, &weaker);
        dev_refuses(t->ctl, &weaker, PQI_DROP_MISMATCH);
        fleet_revoke(t->ctl->f, 2, others[i], 3, &weaker);
        dev_refuses(t->ctl, &weaker, PQI_DROP_MISMATCH);
    }
    fleet_revoke(t->ctl->f, 0, log, 4, &weaker);
    dev_refuses(t->ctl, &weaker, PQI_DROP_BUDGET); /* another history costs a token */
    t->ctl->now.mono_ms += 5000;
    assert_int_equal(dev_receive(t->ctl, &weaker), PQI_EV_REVOKED);
    assert_true(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->revoked);
    assert_int_equal(t->ctl->ep.ctl.rev.n, 3);
    assert_int_equal(t->ctl->ep.cfg.revoked[1].min_key_epoch, 2);
    fleet_revoke(t->ctl->f, 4, log, 6, &weaker);
    assert_int_equal(dev_receive(t->ctl, &weaker), PQI_EV_REVOKED);
    assert_int_equal(t->ctl->ep.ctl.rev.n, 4);
    assert_int_equal(t->ctl->ep.cfg.revoked[1].min_key_epoch, 3);
    assert_int_equal(dev_receive(t->pump, &list), PQI_EV_REVOKED); /* it learns about itself */
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->n), PQI_ERR_POLICY);
    /* A stranger (no free memory of it) with a revoked certificate is refused before any signature. */
    dev *d = dev_new(&spec_valve);
    assert_int_equal(dev_open(d), PQI_OK);
    assert_int_equal(dev_receive(d, &list), PQI_EV_REVOKED);
    dev_announce(t->pump, &t->n);
    dev_refuses(d, &t->n, PQI_DROP_REVOKED);
    dev_free(d);
    trio_free(t);
}

/* The receiver learns which classes the sender's certificate allows on the topic; an emergency stop
 * may stop, and nothing else. */
static void classes(void **state)
{
    (void)state;
    trio *t = trio_new();
    dev *stop = dev_new(&(dev_spec){
        .id = "estop", .epoch = 1, .roster = 8, .pub = "plant/estop", .seed = 8, .only_s = 1});
    assert_int_equal(dev_open(stop), PQI_OK);
    dev_meet(stop, t->ctl);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1/a", "x", &t->m), PQI_OK);
    dev_expect(t->ctl, &t->m, "x");
    assert_int_equal(t->ctl->ev.classes, 1u << PQI_CLASS_L | 1u << PQI_CLASS_M | 1u << PQI_CLASS_H);

    pqi_outbound o = {.peer = text_of("control"),
        .topic = text_of("plant/estop"),
        .payload = text_of("stop"),
        .cls = PQI_CLASS_S};
    for (unsigned c = PQI_CLASS_L; c < PQI_CLASS_S; c++) {
        o.cls = (pqi_class)c;
        assert_int_equal(pqi_endpoint_send(&stop->ep, &stop->now, &o,
                             (pqi_span){t->n.b, sizeof t->n.b}, &t->n.len),
            PQI_ERR_POLICY);
    }
    o.cls = PQI_CLASS_S;
    assert_int_equal(
        pqi_endpoint_send(&stop->ep, &stop->now, &o, (pqi_span){t->n.b, sizeof t->n.b}, &t->n.len),
        PQI_OK);
    memset(t->n.topic, 0, sizeof t->n.topic);
    memcpy(t->n.topic, "plant/estop", 11);
    dev_expect(t->ctl, &t->n, "stop");
    assert_int_equal(t->ctl->ev.classes, 1u << PQI_CLASS_S);
    dev_free(stop);
    trio_free(t);
}

/* INV-40: nothing is sealed for somebody unknown. */
static void unknown_peer(void **state)
{
    (void)state;
    trio *t = trio_new();
    assert_int_equal(dev_send(t->pump, "nobody", "plant/pump-1/a", "x", &t->m), PQI_ERR_MISSING);
    assert_int_equal(dev_send(t->pump, "", "plant/pump-1/a", "x", &t->m), PQI_ERR_MISSING);
    pqi_outbound o = {.peer = text_of("control"),
        .topic = text_of("plant/pump-1"),
        .payload = text_of("x"),
        .cls = PQI_CLASS_S};
    assert_int_equal(pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o,
                         (pqi_span){t->m.b, sizeof t->m.b}, &t->m.len),
        PQI_ERR_POLICY); /* the scope allows class H at most */
    o.cls = PQI_CLASS_H;
    assert_int_equal(
        pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o, (pqi_span){t->m.b, 10}, &t->m.len),
        PQI_ERR_SPACE);
    assert_true(t->m.len > 3000);
    trio_free(t);
}

/* Who stole the revoker key of one root may fill its log; the next root starts anew, what was revoked
 * stays so until its log is here, and logs of the old root are worth nothing. */
static void log_of_one_root(void **state)
{
    (void)state;
    trio *t = trio_new();
    static msg part[3], next;
    static pqi_revoked full[PQI_REV_LOG_MAX];
    static const uint32_t cut[] = {0, 1500, 3000, PQI_REV_LOG_MAX};
    const pqi_revoked pump = {.roster_index = 1, .min_key_epoch = 2, .reason = 1};
    const pqi_revoked both[] = {{2, 2, 1}, pump};
    for (size_t i = 0; i < PQI_REV_LOG_MAX; i++) {
        full[i] = pump;
    }
    for (size_t i = 0; i < 3; i++) {
        fleet_revoke(t->ctl->f, cut[i], full, cut[i + 1], &part[i]);
        assert_int_equal(dev_receive(t->ctl, &part[i]), PQI_EV_REVOKED);
        assert_int_equal(t->ctl->ep.ctl.rev.seq, cut[i + 1]);
        assert_int_equal(t->ctl->ep.ctl.rev.n, 1);
    }
    fleet_root(t->ctl->f, 2);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_true(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->revoked);
    assert_false(pqi_endpoint_peer(&t->ctl->ep, text_of("valve-7"))->ready);
    dev_refuses(t->ctl, &part[0], PQI_DROP_SIGNATURE);
    dev_refuses(t->ctl, &part[2], PQI_DROP_SIGNATURE);
    fleet_revoke(t->ctl->f, 0, both, 2, &next);
    assert_int_equal(dev_receive(t->ctl, &next), PQI_EV_REVOKED);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_true(pqi_endpoint_peer(&t->ctl->ep, text_of("valve-7"))->revoked);
    assert_int_equal(dev_receive(t->ctl, &next), PQI_EV_NONE);
    fleet_root(t->ctl->f, 1);
    trio_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(log_of_one_root), cmocka_unit_test(delivered_once),
    cmocka_unit_test(rerouted), cmocka_unit_test(wrong_scope), cmocka_unit_test(damaged),
    cmocka_unit_test(wrong_version_or_suite), cmocka_unit_test(wrong_recipient),
    cmocka_unit_test(expired), cmocka_unit_test(revoked), cmocka_unit_test(classes),
    cmocka_unit_test(unknown_peer))
