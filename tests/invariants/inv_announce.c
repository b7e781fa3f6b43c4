/* SPDX-License-Identifier: Apache-2.0
 * Announcements: who becomes a peer, and who does not. */
#include "support/fleet.h"

#include "proto/mqtt/announce.h"

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 5, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

typedef struct pair {
    dev *pump, *ctl;
    msg m, n;
} pair;

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(&spec_pump);
    t->ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_announce(t->pump, &t->m);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->ctl);
    free(t);
}

static void set_topic(msg *m, const char *topic)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
}

/* A device with the pump's name, its own keys and a genuine certificate of the given epoch. */
static dev *other_pump(uint32_t epoch, uint8_t seed)
{
    dev_spec s = spec_pump;
    s.epoch = epoch;
    s.seed = seed;
    dev *d = dev_new(&s);
    assert_int_equal(dev_open(d), PQI_OK);
    return d;
}

/* Signs the body in m anew with the key of d for the topic in m. */
static void resign(dev *d, msg *m, size_t body)
{
    pqi_ann_signed s;
    size_t n = 0;
    pqi_ann_parts(text_of(m->topic), (pqi_cspan){m->b, body}, &s);
    assert_int_equal(pqi_provider_sign(&d->prov.base, 3, pqi_ann_domain, s.parts, PQI_ANN_PARTS,
                         (pqi_span){m->b + body + 2, 2420}, &n),
        PQI_OK);
    m->len = body + 2 + n;
}

/* INV-24, INV-29: taken once, a repetition costs one hash and no signature. */
static void learned_once(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_null(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1")));
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
    assert_non_null(p);
    assert_true(p->ready && p->key_epoch == 5);
    uint8_t before[32], after[32];
    dev_digest(t->ctl, before);
    uint64_t calls = t->ctl->prov.calls;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_NONE);
    }
    dev_digest(t->ctl, after);
    assert_memory_equal(before, after, 32);
    assert_true(t->ctl->prov.calls == calls);
    assert_int_equal(t->ctl->ep.announce.level, 4 * 1024); /* nothing was charged in the end */
    /* Our own, and one that claims to be ours. */
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_NONE);
    t->n = t->m;
    set_topic(&t->n, "pq/4/k/control");
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_NONE);
    dev_digest(t->ctl, after);
    assert_memory_equal(before, after, 32);
    pair_free(t);
}

/* INV-25, INV-23, INV-44: every byte flipped, every prefix, an extension; no signature; no
 * certificate. */
static void damaged(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->limits.announce = (pqi_rate){0, 1000000};
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    uint8_t before[32], after[32];
    dev_digest(t->ctl, before);
    for (size_t i = 0; i < t->m.len; i += i < 900 || i > t->m.len - 2424 ? 1 : 7) {
        t->n = t->m;
        t->n.b[i] ^= (uint8_t)(1u << (i % 8));
        if (dev_receive(t->ctl, &t->n) != PQI_EV_DROP) {
            fail_msg("byte %zu", i);
        }
        t->n = t->m;
        t->n.len = i;
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_DROP);
    }
    t->n = t->m;
    t->n.len++;
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    t->n = t->m;
    size_t body = t->m.len - 2422;
    t->n.b[body] = t->n.b[body + 1] = 0; /* an empty signature */
    t->n.len = body + 2;
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    t->n.b[1] = 0; /* unsigned in good form, for a certificate with a signing key */
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    t->n = t->m;
    t->n.b[1] = 0; /* a signature without its flag */
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    for (uint8_t f = 1; f < 0xff; f++) {
        t->n.b[1] = f;
        if (f != 4) {
            dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        }
    }
    static const uint8_t no_cert[] = {0x71, 4, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 9};
    memcpy(t->n.b, no_cert, sizeof no_cert);
    t->n.len = sizeof no_cert;
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    dev_digest(t->ctl, after);
    assert_memory_equal(before, after, 32);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    pair_free(t);
}

/* Puts n bytes at `at` and counts them in the 2-byte length that stands before them. */
static void insert(msg *m, size_t at, const char *what)
{
    size_t n = strlen(what);
    memmove(m->b + at + n, m->b + at, m->len - at);
    memcpy(m->b + at, what, n);
    m->b[at - 1] = (uint8_t)n;
    m->len += n;
}

/* INV-30: an announcement has no place for claims of trust, a quote, a last number or a window, even
 * when the peer signs them; what is known of a peer is the certificate's and our own. */
static void claims(void **state)
{
    (void)state;
    pair *t = pair_new();
    const char *claim = "trusted=1 quote=ok last=0 window=0";
    size_t body = t->m.len - 2422, prekeys = body, proof = body - 2, cert = body - 4;
    t->ctl->limits.announce = (pqi_rate){0, 1000000};
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    for (unsigned flags = 0; flags < 256; flags++) {
        t->n = t->m;
        t->n.b[1] = (uint8_t)flags;
        resign(t->pump, &t->n, body);
        if (flags != 4) {
            dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        }
    }
    const size_t at[] = {proof, prekeys};
    for (size_t i = 0; i < 2; i++) {
        for (uint8_t flags = 4; flags < 8; flags++) {
            t->n = t->m;
            t->n.b[1] = flags;
            insert(&t->n, at[i], claim);
            size_t longer = body + strlen(claim);
            memset(t->n.b + longer, 0, 2);
            t->n.b[longer] = 2420 >> 8;
            t->n.b[longer + 1] = 2420 & 0xff;
            resign(t->pump, &t->n, longer);
            dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        }
    }
    t->n = t->m; /* in the reserved bytes, inside of the certificate's field, after everything */
    t->n.b[3] = 1;
    resign(t->pump, &t->n, body);
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    t->n = t->m;
    memmove(t->n.b + cert + 1, t->n.b + cert, t->n.len - cert);
    t->n.b[9]++;
    t->n.len++;
    resign(t->pump, &t->n, body + 1);
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    t->n = t->m;
    memcpy(t->n.b + t->n.len, claim, strlen(claim));
    t->n.len += strlen(claim);
    dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
    assert_true(p != NULL && p->assurance == t->pump->ep.cert.assurance);
    assert_true(p->roles == t->pump->ep.cert.roles && p->n_scopes == t->pump->ep.cert.n_scopes);
    pair_free(t);
}

/* INV-26, INV-27, INV-28: under another name, on another topic, with an id outside the set. */
static void mismatch(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->n = t->m;
    set_topic(&t->n, "pq/4/k/pump-2");
    dev_refuses(t->ctl, &t->n, PQI_DROP_MISMATCH);
    static const char *const bad[] = {"pq/4/k/", "pq/4/k/pump/1", "pq/4/k/pump 1", "pq/4/k/+",
        "pq/4/k/a23456789012345678901234567890123"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        set_topic(&t->n, bad[i]);
        dev_refuses(t->ctl, &t->n, PQI_DROP_TOPIC);
    }
    /* The certificate of the pump, announced and signed by somebody else's key. */
    dev *thief = dev_new(&(dev_spec){.id = "thief", .epoch = 1, .roster = 8, .seed = 8});
    assert_int_equal(dev_open(thief), PQI_OK);
    t->n = t->m;
    resign(thief, &t->n, t->m.len - 2422);
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    /* Signed for another topic. */
    t->n = t->m;
    set_topic(&t->n, "pq/4/k/pump-2");
    resign(t->pump, &t->n, t->m.len - 2422);
    set_topic(&t->n, "pq/4/k/pump-1");
    dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
    dev_free(thief);
    pair_free(t);
}

/* INV-33, INV-23: a certificate of another fleet's issuer, and one outside its window. */
static void certificate(void **state)
{
    (void)state;
    pair *t = pair_new();
    fleet *f = fleet_get();
    static fake_provider real;
    memcpy(&real, &f->ca, sizeof real);
    dev *d = other_pump(6, 21);
    /* The same issuer name over another key: sign with the root's instead. */
    memcpy(f->ca.keys[1].sk, f->ca.keys[0].sk, sizeof f->ca.keys[1].sk);
    d->cert_len = fleet_cert(f, &d->prov, &d->spec, d->cert);
    memcpy(&f->ca, &real, sizeof real);
    assert_int_not_equal(dev_open(d), PQI_OK); /* it does not even start with it */
    size_t body = 0;
    set_topic(&t->n, "pq/4/k/pump-1");
    assert_int_equal(pqi_ann_body(PQI_ANN_SIGNED, 1, (pqi_cspan){d->cert, d->cert_len},
                         (pqi_cspan){NULL, 0}, (pqi_span){t->n.b, FLEET_ROOM}, &body),
        PQI_OK);
    t->n.b[body] = 2420 >> 8;
    t->n.b[body + 1] = 2420 & 0xff;
    resign(d, &t->n, body);
    dev_refuses(t->ctl, &t->n, PQI_DROP_CERT);
    dev_free(d);
    dev_spec s = {
        .id = "old", .epoch = 1, .roster = 8, .seed = 8, .not_after = 1000000, .not_before = 1};
    d = dev_new(&s);
    assert_int_equal(dev_open(d), PQI_OK);
    dev_announce(d, &t->n);
    t->ctl->now.unix_s = 1000001;
    dev_refuses(t->ctl, &t->n, PQI_DROP_EXPIRED);
    assert_null(pqi_endpoint_peer(&t->ctl->ep, text_of("old")));
    dev_free(d);
    pair_free(t);
}

/* INV-29, INV-32, INV-104: lower epoch, equal epoch with other keys, higher epoch; also after a
 * restart; the window stays for the same keys and starts anew for new ones. */
static void epochs(void **state)
{
    (void)state;
    pair *t = pair_new();
    static msg x, y;
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(t->pump, &t->n), PQI_EV_PEER);
    assert_int_equal(dev_send(t->pump, "control", "plant/pump-1", "one", &x), PQI_OK);
    dev_expect(t->ctl, &x, "one");
    dev *lower = other_pump(4, 31);
    dev *equal = other_pump(5, 32);
    dev *higher = other_pump(6, 33);
    for (int life = 0; life < 2; life++) {
        dev_announce(lower, &t->n);
        dev_refuses(t->ctl, &t->n, PQI_DROP_EPOCH);
        dev_announce(equal, &t->n);
        dev_refuses(t->ctl, &t->n, PQI_DROP_EPOCH);
        if (life == 0) {
            assert_int_equal(dev_open(t->ctl), PQI_OK);
        }
    }
    /* The same keys and certificate, announced again with a higher announcement epoch. */
    t->pump->ep.ann_epoch = 9;
    dev_announce(t->pump, &y);
    assert_int_equal(dev_receive(t->ctl, &y), PQI_EV_PEER);
    dev_refuses(t->ctl, &t->m, PQI_DROP_EPOCH);
    dev_refuses(t->ctl, &x, PQI_DROP_REPLAY);
    /* New keys: the old ones are gone, numbers begin again, ours go on. */
    assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "a", &x), PQI_OK);
    dev_announce(higher, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_int_equal(t->ctl->ev.key_epoch, 6);
    dev_refuses(t->ctl, &t->m, PQI_DROP_EPOCH);
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(higher, &t->n), PQI_EV_PEER);
    assert_int_equal(dev_send(higher, "control", "plant/pump-1", "two", &y), PQI_OK);
    dev_expect(t->ctl, &y, "two");
    assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "b", &y), PQI_OK);
    assert_true(y.b[27] > x.b[27] || y.b[26] > x.b[26]);
    dev_expect(higher, &y, "b");
    dev_free(lower);
    dev_free(equal);
    dev_free(higher);
    pair_free(t);
}

/* INV-104: who showed a certificate cannot come back without one, nor unsigned; also after a restart.
 * With a certificate that has no signing key only once the CA made one of a higher key epoch
 * (inv_kem_only). */
static void certified_for_ever(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->limits.announce = t->ctl->limits.announce_peer = (pqi_rate){0, 1000};
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    static const uint8_t bare[14] = {0x71, 4, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0};
    static uint8_t kem_only[PQI_CERT_MAX];
    fleet *f = fleet_get();
    pqi_cert c = t->pump->ep.cert;
    size_t len = 0, body = 0;
    c.key_epoch = 9;
    c.sig_alg = 0;
    c.sig_pk = (pqi_cspan){NULL, 0};
    assert_int_equal(
        pqi_cert_build(&f->algs, &f->ca.base, 2, &c, (pqi_span){kem_only, sizeof kem_only}, &len),
        PQI_OK);
    for (int life = 0; life < 2; life++) {
        memcpy(t->n.b, bare, sizeof bare);
        set_topic(&t->n, "pq/4/k/pump-1");
        t->n.b[14] = 2420 >> 8;
        t->n.b[15] = 2420 & 0xff;
        resign(t->pump, &t->n, sizeof bare);
        dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        assert_int_equal(pqi_ann_body(PQI_ANN_SIGNED, 9, (pqi_cspan){kem_only, len},
                             (pqi_cspan){NULL, 0}, (pqi_span){t->n.b, FLEET_ROOM}, &body),
            PQI_OK);
        t->n.b[body] = 2420 >> 8;
        t->n.b[body + 1] = 2420 & 0xff;
        resign(t->pump, &t->n, body);
        dev_refuses(t->ctl, &t->n, PQI_DROP_SIGNATURE);
        t->n = t->m;
        t->n.len -= 2420;
        t->n.b[t->n.len - 2] = t->n.b[t->n.len - 1] = 0;
        dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
        const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1"));
        assert_true(p != NULL && p->ready && p->key_epoch == 5 && p->sig != NULL);
        assert_int_equal(dev_open(t->ctl), PQI_OK);
    }
    pair_free(t);
}

/* INV-95, INV-98, INV-72: the table is full: newcomers are refused before any signature, nobody is
 * put out. */
static void full_table(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_PEER);
    static const char *const ids[] = {"d1", "d2", "d3", "d4"};
    for (uint8_t i = 0; i < 4; i++) {
        dev *d = dev_new(
            &(dev_spec){.id = ids[i], .epoch = 1, .roster = 40u + i, .seed = (uint8_t)(40 + i)});
        assert_int_equal(dev_open(d), PQI_OK);
        dev_announce(d, &t->n);
        if (i < 3) {
            assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
        } else {
            dev_refuses(t->ctl, &t->n, PQI_DROP_TABLE);
        }
        dev_free(d);
    }
    assert_non_null(pqi_endpoint_peer(&t->ctl->ep, text_of("pump-1")));
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_NONE);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    for (int i = 0; i < 3; i++) {
        const pqi_peer *p = pqi_endpoint_peer(&t->ctl->ep, text_of(ids[i]));
        assert_true(p != NULL && p->ready);
    }
    pair_free(t);
}

/* The device's own epoch moves with its certificate, not with restarts. */
static void own_epoch(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_int_equal(t->pump->ep.ann_epoch, 1);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(t->pump->ep.ann_epoch, 1);
    t->pump->spec.epoch = 6;
    t->pump->cert_len = fleet_cert(t->pump->f, &t->pump->prov, &t->pump->spec, t->pump->cert);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(t->pump->ep.ann_epoch, 2);
    /* Keys that are not the certificate's: it does not start. */
    uint8_t pk = t->pump->prov.keys[1].pk[0];
    t->pump->prov.keys[1].pk[0] ^= 1;
    assert_int_equal(dev_open(t->pump), PQI_ERR_AUTH);
    t->pump->prov.keys[1].pk[0] = pk;
    assert_int_equal(dev_open(t->pump), PQI_OK);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(learned_once), cmocka_unit_test(damaged), cmocka_unit_test(claims),
    cmocka_unit_test(mismatch), cmocka_unit_test(certificate), cmocka_unit_test(epochs),
    cmocka_unit_test(certified_for_ever), cmocka_unit_test(full_table), cmocka_unit_test(own_epoch))
