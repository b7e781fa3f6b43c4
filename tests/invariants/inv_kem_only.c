/* SPDX-License-Identifier: Apache-2.0
 * Devices whose certificate has no signing key: they announce unsigned, are learned, receive v1
 * packets, send none and have none believed. */
#include "support/fleet.h"

#include "proto/mqtt/announce.h"

#include <pqi/announce.h>

#define TOPIC "pq/4/k/valve-1"

static const dev_spec spec_valve = {
    .id = "valve-1", .epoch = 5, .roster = 1, .pub = "plant/valve-1", .seed = 1, .kem_only = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

typedef struct pair {
    dev *valve, *ctl;
    msg m, n;
} pair;

static dev *dev_up(const dev_spec *s)
{
    dev *d = dev_new(s);
    assert_int_equal(dev_open(d), PQI_OK);
    return d;
}

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->valve = dev_up(&spec_valve);
    t->ctl = dev_up(&spec_ctl);
    dev_announce(t->valve, &t->m);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->valve);
    dev_free(t->ctl);
    free(t);
}

static const pqi_peer *valve_of(const pair *t)
{
    return pqi_endpoint_peer(&t->ctl->ep, text_of("valve-1"));
}

/* An announcement of d's certificate in the form that anybody can write. */
static void write_unsigned(const dev *d, uint32_t epoch, msg *m)
{
    size_t body = 0;
    memset(m->topic, 0, sizeof m->topic);
    pqi_endpoint_announce_topic(&d->ep, m->topic);
    assert_int_equal(pqi_ann_body(0, epoch, (pqi_cspan){d->cert, d->cert_len}, (pqi_cspan){NULL, 0},
                         (pqi_span){m->b, FLEET_ROOM}, &body),
        PQI_OK);
    m->b[body] = m->b[body + 1] = 0;
    m->len = body + 2;
}

/* It opens without a signing key, its one announcement is learned, kept over restarts, and costs a
 * hash from then on. */
static void learned(void **state)
{
    (void)state;
    pair *t = pair_new();
    pqi_ann a;
    assert_int_equal(pqi_ann_decode((pqi_cspan){t->m.b, t->m.len}, &a), PQI_OK);
    assert_true(a.flags == 0 && a.epoch == 5 && a.sig.len == 0);
    fleet_verifies = 0;
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    assert_int_equal(fleet_verifies, 1); /* the issuer's */
    dev *signing = dev_up(&(dev_spec){.id = "pump-1", .epoch = 1, .roster = 7, .seed = 7});
    dev_announce(signing, &t->n); /* a record of both kinds */
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    dev_free(signing);
    for (int life = 0; life < 3; life++) {
        const pqi_peer *p = valve_of(t);
        assert_true(p != NULL && p->ready && p->sig == NULL && p->key_epoch == 5);
        assert_true(p->kem == pqi_algs_kem(&t->ctl->f->algs, PQI_KEM_ID_ML_KEM_512));
        assert_true(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->sig != NULL);
        fleet_verifies = 0;
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_NONE);
        assert_int_equal(fleet_verifies, 0);
        if (life == 1) {
            pqi_endpoint_close(&t->ctl->ep);
        }
        assert_int_equal(dev_open(t->ctl), PQI_OK);
    }
    assert_int_equal(dev_open(t->valve), PQI_OK); /* the same bytes in the next life */
    dev_announce(t->valve, &t->n);
    assert_true(t->n.len == t->m.len && memcmp(t->n.b, t->m.b, t->m.len) == 0);
    pair_free(t);
}

/* INV-25. Nothing in an unsigned announcement is free: another epoch would shut out later ones. */
static void no_free_epoch(void **state)
{
    (void)state;
    pair *t = pair_new();
    static const uint32_t epochs[] = {1, 4, 6, 7, UINT32_MAX};
    for (int known = 0; known < 2; known++) {
        for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
            write_unsigned(t->valve, epochs[i], &t->n);
            fleet_verifies = 0;
            dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
            assert_int_equal(fleet_verifies, 0);
        }
        write_unsigned(t->valve, 0, &t->n);
        dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        assert_int_equal(dev_receive(t->ctl, &t->m), known ? PQI_EV_NONE : PQI_EV_PEER);
    }
    /* What the attacker tried does not hinder the next certificate. */
    dev_spec s = spec_valve;
    s.epoch = 6;
    s.seed = 21;
    dev *next = dev_up(&s);
    dev_announce(next, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_int_equal(valve_of(t)->key_epoch, 6);
    dev_refuses(t->ctl, &t->m, PQI_DROP_EPOCH);
    dev_free(next);
    pair_free(t);
}

/* INV-25, INV-104: unsigned is for certificates without a signing key, and signed is for the others. */
static void form_follows_certificate(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev_spec s = {.id = "pump-1", .epoch = 4, .roster = 2, .pub = "plant", .seed = 2};
    dev *pump = dev_up(&s);
    write_unsigned(pump, 4, &t->n);
    fleet_verifies = 0;
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    write_unsigned(pump, 1, &t->n);
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    /* A signature by a key that no certificate names. */
    size_t body = t->m.len - 2, n = 0;
    t->n = t->m;
    t->n.b[1] = PQI_ANN_SIGNED;
    pqi_ann_signed parts;
    pqi_ann_parts(text_of(t->n.topic), (pqi_cspan){t->n.b, body}, &parts);
    assert_int_equal(pqi_provider_sign(&t->valve->prov.base, 3, pqi_ann_domain, parts.parts,
                         PQI_ANN_PARTS, (pqi_span){t->n.b + body + 2, 2420}, &n),
        PQI_OK);
    t->n.b[body] = 2420 >> 8;
    t->n.b[body + 1] = 2420 & 0xff;
    t->n.len = body + 2 + n;
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    assert_int_equal(fleet_verifies, 0);
    /* From a signing key to none and back, each time by a certificate of a higher key epoch. */
    dev_announce(pump, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    s.kem_only = 1;
    dev *same = dev_up(&s);
    dev_announce(same, &t->n);
    dev_refuses(t->ctl, &t->n, PQI_DROP_EPOCH); /* another certificate of the same epoch */
    s.epoch = 5;
    dev *less = dev_up(&s);
    dev_announce(less, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_null(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->sig);
    s.kem_only = 0;
    s.epoch = 6;
    dev *more = dev_up(&s);
    dev_announce(more, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_non_null(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"))->sig);
    dev_free(pump);
    dev_free(same);
    dev_free(less);
    dev_free(more);
    pair_free(t);
}

/* INV-27, INV-44: the certificate of one device under another's name; every byte flipped. */
static void damaged(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->limits.announce = (pqi_rate){0, 1000000};
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    t->n = t->m;
    memcpy(t->n.topic, "pq/4/k/valve-2", 15);
    dev_refuses(t->ctl, &t->n, PQI_DROP_MISMATCH);
    for (size_t i = 0; i < t->m.len; i += i < 900 ? 1 : 7) {
        t->n = t->m;
        t->n.b[i] ^= (uint8_t)(1u << (i % 8));
        if (dev_receive(t->ctl, &t->n) != PQI_EV_DROP) {
            fail_msg("byte %zu", i);
        }
        t->n = t->m;
        t->n.len = i;
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    }
    assert_null(valve_of(t));
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    pair_free(t);
}

/* It opens v1 packets of others; it seals none, and uses up no number for it. */
static void receives_only(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev_meet(t->valve, t->ctl);
    assert_int_equal(dev_send(t->ctl, "valve-1", "plant/valve-1/set", "open", &t->n), PQI_OK);
    dev_expect(t->valve, &t->n, "open");
    dev_refuses(t->valve, &t->n, PQI_DROP_REPLAY);
    uint8_t before[32], after[32];
    dev_digest(t->valve, before);
    assert_int_equal(dev_send(t->valve, "control", "plant/valve-1", "x", &t->n), PQI_ERR_POLICY);
    dev_digest(t->valve, after);
    assert_memory_equal(before, after, 32);
    /* After a restart as well. */
    assert_int_equal(dev_open(t->valve), PQI_OK);
    assert_int_equal(dev_send(t->valve, "control", "plant/valve-1", "x", &t->n), PQI_ERR_POLICY);
    assert_int_equal(dev_send(t->ctl, "valve-1", "plant/valve-1/set", "shut", &t->n), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    for (int i = 0; i < 70 && dev_receive(t->valve, &t->n) != PQI_EV_MESSAGE; i++) {
        assert_int_equal(t->valve->ev.drop, PQI_DROP_REPLAY); /* the reserve of the restart */
        assert_int_equal(dev_send(t->ctl, "valve-1", "plant/valve-1/set", "shut", &t->n), PQI_OK);
    }
    assert_int_equal(t->valve->ev.plain.len, 4);
    pair_free(t);
}

/* A packet that names it as its sender is dropped before any key is used, whoever signed it. */
static void packets_of_it(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev_spec s = spec_valve;
    s.kem_only = 0;
    dev *twin = dev_up(&s); /* the same keys, certified with the signing key */
    dev_meet(twin, t->ctl);
    assert_int_equal(dev_send(twin, "control", "plant/valve-1", "hello", &t->n), PQI_OK);
    dev_expect(t->ctl, &t->n, "hello");
    s.kem_only = 1;
    s.epoch = 6;
    dev *less = dev_up(&s);
    dev_announce(less, &t->m);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    assert_int_equal(dev_send(twin, "control", "plant/valve-1", "again", &t->n), PQI_OK);
    memcpy(t->n.b + 4, less->ep.cert.key_id, PQI_KID_LEN);
    uint64_t calls = t->ctl->prov.calls;
    fleet_verifies = 0;
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    assert_true(t->ctl->prov.calls == calls && fleet_verifies == 0);
    dev_free(twin);
    dev_free(less);
    pair_free(t);
}

/* INV-42, INV-13: revoked like any other; keys that are not the certificate's do not open. */
static void revoked_and_keys(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    const pqi_revoked list = {1, UINT32_MAX, 0};
    fleet_revoke(t->ctl->f, 0, &list, 1, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_REVOKED);
    assert_int_equal(dev_send(t->ctl, "valve-1", "plant/valve-1/set", "x", &t->n), PQI_ERR_POLICY);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_NONE);
    assert_false(valve_of(t)->ready);
    for (size_t i = 0; i < 2; i++) {
        t->valve->prov.keys[i].pk[0] ^= 1;
        assert_int_equal(dev_open(t->valve), PQI_ERR_AUTH);
        t->valve->prov.keys[i].pk[0] ^= 1;
    }
    assert_int_equal(dev_open(t->valve), PQI_OK);
    pair_free(t);
}

/* The public look. */
static void looked_at(void **state)
{
    (void)state;
    pair *t = pair_new();
    pqi_announcement a;
    uint8_t tmp[8];
    assert_int_equal(pqi_announce_decode((pqi_cspan){t->m.b, t->m.len}, &a), PQI_OK);
    assert_int_equal(a.sig.len, 0);
    const pqi_algs *algs = &t->ctl->f->algs;
    pqi_cert c = t->valve->ep.cert;
    assert_int_equal(pqi_announce_verify(algs, &a, &c, text_of(TOPIC), (pqi_span){tmp, 8}), PQI_OK);
    c.key_epoch++;
    assert_int_equal(
        pqi_announce_verify(algs, &a, &c, text_of(TOPIC), (pqi_span){tmp, 8}), PQI_ERR_AUTH);
    c = t->ctl->ep.cert;
    c.key_epoch = a.epoch;
    assert_int_equal(
        pqi_announce_verify(algs, &a, &c, text_of(TOPIC), (pqi_span){tmp, 8}), PQI_ERR_AUTH);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(learned), cmocka_unit_test(no_free_epoch),
    cmocka_unit_test(form_follows_certificate), cmocka_unit_test(damaged),
    cmocka_unit_test(receives_only), cmocka_unit_test(packets_of_it),
    cmocka_unit_test(revoked_and_keys), cmocka_unit_test(looked_at))
