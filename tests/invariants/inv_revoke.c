/* SPDX-License-Identifier: Apache-2.0
 * Who may revoke, and a change of the root manifest, directly at the endpoint. The log: inv_revlog.c. */
#include "support/fleet.h"

#define CA_ISSUER  2u /* handles of support/fleet.c */
#define CA_REVOKER 3u

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

static const pqi_revoked pump_below_2 = {.roster_index = 1, .min_key_epoch = 2, .reason = 1};
static const pqi_revoked control_for_ever = {
    .roster_index = 3, .min_key_epoch = UINT32_MAX, .reason = 4};

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
    dev_meet(t->pump, t->ctl);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->ctl);
    free(t);
}

static const pqi_peer *known(dev *d, const char *id)
{
    const pqi_peer *p = pqi_endpoint_peer(&d->ep, text_of(id));
    assert_non_null(p);
    return p;
}

static void reports(dev *from, const char *text, msg *m)
{
    assert_int_equal(dev_send(from, "control", "plant/pump-1", text, m), PQI_OK);
}

static pqi_revocations head_of(uint32_t version)
{
    pqi_revocations h = {.root_version = version};
    memset(h.fleet_id, 0xf1, sizeof h.fleet_id); /* support/fleet.c */
    return h;
}

/* INV-68: only the manifest's revoker, for this fleet and this root version, on its two topics. */
static void foreign_lists(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->limits.announce = (pqi_rate){0, 1000};
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    pqi_revocations h = head_of(1);
    fleet_revoke_as(
        CA_ISSUER, &h, &pump_below_2, 1, &t->m); /* there is a revoker: an issuer is none */
    dev_refuses(t->ctl, &t->m, PQI_DROP_SIGNATURE);
    h.fleet_id[PQI_FLEET_ID_LEN - 1] ^= 1;
    fleet_revoke_as(CA_REVOKER, &h, &pump_below_2, 1, &t->m);
    dev_refuses(t->ctl, &t->m, PQI_DROP_SIGNATURE);
    for (uint32_t version = 2; version <= 3; version++) {
        h = head_of(version);
        fleet_revoke_as(CA_REVOKER, &h, &pump_below_2, 1, &t->m);
        dev_refuses(t->ctl, &t->m, PQI_DROP_SIGNATURE);
    }
    h = head_of(1);
    fleet_revoke_as(CA_REVOKER, &h, &pump_below_2, 1, &t->m);
    static const char *const elsewhere[] = {"pq/4/v/", "pq/4/w/", "plant/pump-1", "pq/4/k/pump-1"};
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++) {
        t->n = t->m;
        memset(t->n.topic, 0, sizeof t->n.topic);
        memcpy(t->n.topic, elsewhere[i], strlen(elsewhere[i]));
        dev_refuses(t->ctl, &t->n, PQI_DROP_DECODE);
    }
    assert_true(known(t->ctl, "pump-1")->ready);
    reports(t->pump, "still heard", &t->n);
    dev_expect(t->ctl, &t->n, "still heard");
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_REVOKED);
    assert_true(known(t->ctl, "pump-1")->revoked);
    pair_free(t);
}

/* INV-68: who is revoked itself sends nothing more, also after a restart; a higher key epoch than the log
 * names is heard. */
static void self_and_epochs(void **state)
{
    (void)state;
    pair *t = pair_new();
    const pqi_revoked both[] = {pump_below_2, control_for_ever};
    fleet_revoke(t->ctl->f, 0, both, 1, &t->m);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_REVOKED);
    dev_spec s = spec_pump;
    s.epoch = 2;
    s.seed = 12;
    dev *renewed = dev_new(&s);
    assert_int_equal(dev_open(renewed), PQI_OK);
    dev_announce(renewed, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_true(known(t->ctl, "pump-1")->ready);
    fleet_revoke(t->ctl->f, 0, both, 2, &t->m);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_REVOKED);
    assert_int_equal(dev_receive(t->pump, &t->m), PQI_EV_REVOKED);
    for (int life = 0; life < 2; life++) {
        assert_true(dev_is_out(t->ctl));
        assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "x", &t->n), PQI_ERR_POLICY);
        assert_true(dev_is_out(t->pump));
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        assert_int_equal(dev_open(t->pump), PQI_OK);
    }
    assert_int_equal(dev_receive(renewed, &t->m), PQI_EV_REVOKED);
    assert_false(dev_is_out(renewed));
    dev_announce(t->ctl, &t->n); /* revoked for ever: not in any epoch */
    dev_refuses(renewed, &t->n, PQI_DROP_REVOKED);
    dev_free(renewed);
    pair_free(t);
}

/* Another manifest with the same keys: peers are kept and are not ready until they show themselves
 * again; epochs, windows and revocations go on. */
static void another_manifest(void **state)
{
    (void)state;
    pair *t = pair_new();
    static msg ann, seen, later;
    dev_announce(t->pump, &ann);
    reports(t->pump, "seen", &seen);
    dev_expect(t->ctl, &seen, "seen");
    reports(t->pump, "later", &later);
    pqi_endpoint_close(&t->ctl->ep); /* exact marks: no number is skipped */
    fleet_root(t->ctl->f, 2);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        const pqi_peer *p = known(t->ctl, "pump-1");
        assert_true(!p->ready && p->key_epoch == 1);
        dev_refuses(t->ctl, &later, PQI_DROP_UNKNOWN);
        assert_int_equal(dev_send(t->ctl, "pump-1", "plant/x", "x", &t->n), PQI_ERR_MISSING);
    }
    uint64_t verifies = fleet_verifies;
    assert_int_equal(dev_receive(t->ctl, &ann), PQI_EV_PEER);
    assert_true(fleet_verifies == verifies + 2); /* certificate and device, not one hash */
    dev_refuses(t->ctl, &seen, PQI_DROP_REPLAY);
    dev_expect(t->ctl, &later, "later");
    assert_int_equal(dev_open(t->ctl), PQI_OK); /* stored under the new manifest */
    assert_true(known(t->ctl, "pump-1")->ready);
    fleet_root(t->ctl->f, 1);
    pair_free(t);
}

/* A new root's log takes back what it leaves out, its empty log does not; and nobody gets ready by it whose
 * certificate was verified under another manifest. */
static void lifted_under_another_manifest(void **state)
{
    (void)state;
    pair *t = pair_new();
    static msg ann;
    dev_announce(t->pump, &ann);
    fleet_revoke(t->ctl->f, 0, &pump_below_2, 1, &t->m);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_REVOKED);
    fleet_root(t->ctl->f, 2);
    for (int life = 0; life < 2;
         life++) { /* stored once more in between, by an announcement of another */
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        dev_refuses(t->ctl, &ann, PQI_DROP_REVOKED);
        fleet_revoke(t->ctl->f, 0, NULL, 0, &t->n);
        assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_NONE);
        assert_true(known(t->ctl, "pump-1")->revoked);
        dev *d = dev_new(&(dev_spec){.id = "new", .epoch = 1, .roster = 8, .seed = 8});
        assert_int_equal(dev_open(d), PQI_OK);
        dev_announce(d, &t->n);
        assert_int_equal(dev_receive(t->ctl, &t->n), life == 0 ? PQI_EV_PEER : PQI_EV_NONE);
        dev_free(d);
    }
    const pqi_revoked other = {.roster_index = 9, .min_key_epoch = 1};
    fleet_revoke(t->ctl->f, 0, &other, 1, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_REVOKED);
    assert_int_equal(t->ctl->ep.ctl.rev.n, 1);
    assert_false(known(t->ctl, "pump-1")->revoked);
    assert_false(known(t->ctl, "pump-1")->ready);
    assert_int_equal(dev_receive(t->ctl, &ann), PQI_EV_PEER);
    assert_true(known(t->ctl, "pump-1")->ready);
    fleet_root(t->ctl->f, 1);
    pair_free(t);
}

/* Another issuer: the old certificate is worth nothing, also one that was verified before. */
static void another_issuer(void **state)
{
    (void)state;
    pair *t = pair_new();
    fleet *f = fleet_get();
    static fake_provider real, other;
    static msg ann;
    static const uint8_t seed[32] = {0xcb};
    dev_announce(t->pump, &ann);
    memcpy(&real, &f->ca, sizeof real);
    fake_provider_init(&other, &f->algs, seed, NULL);
    assert_int_equal(
        fake_provider_key(&other, CA_ISSUER, PQI_KEY_SIG, PQI_SIG_ID_ML_DSA_44), PQI_OK);
    memcpy(&f->ca.keys[1], &other.keys[0], sizeof f->ca.keys[1]);
    fleet_root(f, 2);
    assert_int_not_equal(dev_open(t->ctl), PQI_OK); /* its own certificate is of the old issuer */
    t->ctl->cert_len = fleet_cert(f, &t->ctl->prov, &t->ctl->spec, t->ctl->cert);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(t->ctl->ep.ann_epoch, 2);
    assert_false(known(t->ctl, "pump-1")->ready);
    dev_refuses(t->ctl, &ann, PQI_DROP_CERT);
    assert_false(known(t->ctl, "pump-1")->ready);
    t->pump->spec.epoch = 2;
    t->pump->cert_len = fleet_cert(f, &t->pump->prov, &t->pump->spec, t->pump->cert);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    dev_announce(t->pump, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_true(known(t->ctl, "pump-1")->ready);
    memcpy(&f->ca, &real, sizeof real);
    fleet_root(f, 1);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(foreign_lists), cmocka_unit_test(self_and_epochs),
    cmocka_unit_test(another_manifest), cmocka_unit_test(lifted_under_another_manifest),
    cmocka_unit_test(another_issuer))
