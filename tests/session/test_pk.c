/* SPDX-License-Identifier: Apache-2.0
 * What an endpoint spends on public-key operations, by kind: a packet, an announcement, a list; and what
 * a packet spends that no key holder sent: nothing. */
#include "support/fleet.h"

#include "session/pk.h"

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3};

/* Exactly these; the counts start anew. */
static void spent(dev *d, const uint64_t want[PQI_PK_KINDS])
{
    uint64_t total = 0;
    for (size_t k = 0; k < PQI_PK_KINDS; k++) {
        if (d->ep.pk.by[k] != want[k]) {
            print_error("kind %zu of %s\n", k, d->spec.id);
        }
        assert_int_equal(d->ep.pk.by[k], want[k]);
        total += want[k];
    }
    assert_int_equal(d->ep.pk.total, total);
    memset(&d->ep.pk, 0, sizeof d->ep.pk);
}

/* keygen, encaps, decaps, x public, x, own decaps, own dh, sign, verify */
static const uint64_t none[PQI_PK_KINDS];
static const uint64_t seal[PQI_PK_KINDS] = {0, 1, 0, 1, 1, 0, 0, 1, 0};
static const uint64_t open_[PQI_PK_KINDS] = {0, 0, 0, 0, 0, 1, 1, 0, 1};
static const uint64_t sign[PQI_PK_KINDS] = {0, 0, 0, 0, 0, 0, 0, 1, 0};
static const uint64_t verify[PQI_PK_KINDS] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
static const uint64_t learn[PQI_PK_KINDS] = {0, 0, 0, 0, 0, 0, 2, 0, 2};

static void an_endpoint_counts(void **state)
{
    (void)state;
    static msg ann, m;
    dev *pump = dev_new(&spec_pump), *ctl = dev_new(&spec_ctl);
    assert_int_equal(dev_open(pump), PQI_OK);
    assert_int_equal(dev_open(ctl), PQI_OK);
    spent(pump, none); /* its own documents are not in it */
    dev_announce(pump, &ann);
    spent(pump, sign);
    assert_int_equal(dev_receive(ctl, &ann), PQI_EV_PEER);
    spent(ctl, learn);
    dev_announce(ctl, &m);
    assert_int_equal(dev_receive(pump, &m), PQI_EV_PEER);
    memset(&pump->ep.pk, 0, sizeof pump->ep.pk);
    assert_int_equal(dev_send(pump, "control", "plant/pump-1/a", "x", &m), PQI_OK);
    spent(pump, seal);
    memset(&ctl->ep.pk, 0, sizeof ctl->ep.pk);
    m.b[m.len - 1] ^= 1; /* the gate covers the signature */
    dev_refuses(ctl, &m, PQI_DROP_GATE);
    spent(ctl, none);
    m.b[m.len - 1] ^= 1;
    dev_expect(ctl, &m, "x");
    spent(ctl, open_);
    dev_refuses(ctl, &m, PQI_DROP_REPLAY);
    spent(ctl, none);
    const pqi_revoked r = {1, 2, 1};
    fleet_revoke(fleet_get(), 0, &r, 1, &m);
    assert_int_equal(dev_receive(ctl, &m), PQI_EV_REVOKED);
    spent(ctl, verify);
    assert_int_equal(
        dev_open(ctl), PQI_OK); /* knows a peer: the gate keys of a start are not in it */
    spent(ctl, none);
    dev_free(pump);
    dev_free(ctl);
}

static void notes(void **state)
{
    (void)state;
    pqi_pk_counts n = {0};
    pqi_pk_note(NULL, PQI_PK_VERIFY, 1);
    pqi_pk_note(&n, PQI_PK_KINDS, 1);
    pqi_pk_note(&n, PQI_PK_VERIFY, 0);
    assert_int_equal(n.total, 0);
    pqi_pk_note(&n, PQI_PK_VERIFY, 3);
    pqi_pk_note(&n, PQI_PK_X25519, 2);
    assert_int_equal(n.by[PQI_PK_VERIFY], 3);
    assert_int_equal(n.total, 5);
    n.total = UINT64_MAX - 1;
    pqi_pk_note(&n, PQI_PK_VERIFY, 2);
    assert_int_equal(n.total, UINT64_MAX - 1);
    /* a door without its place is refused, and counts nothing */
    uint8_t b[32] = {0};
    size_t len = 0;
    const pqi_pk_at nowhere = {0};
    assert_int_equal(pqi_pk_x25519(NULL, b, b, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_x25519(&nowhere, b, b, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_x25519_public(&nowhere, b, b), PQI_ERR_ARG);
    assert_int_equal(
        pqi_pk_keygen(NULL, NULL, (pqi_cspan){b, 0}, (pqi_span){b, 0}, (pqi_span){b, 0}),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_pk_encaps(NULL, NULL, (pqi_cspan){b, 0}, (pqi_cspan){b, 0}, (pqi_span){b, 0}, b),
        PQI_ERR_ARG);
    assert_int_equal(
        pqi_pk_decaps(NULL, NULL, (pqi_cspan){b, 0}, (pqi_cspan){b, 0}, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_key_decaps(NULL, 1, (pqi_cspan){b, 0}, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_key_decaps(&nowhere, 1, (pqi_cspan){b, 0}, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_key_dh(&nowhere, 1, b, b), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_key_sign(&nowhere, NULL, (pqi_span){b, 0}, &len), PQI_ERR_ARG);
    assert_int_equal(pqi_pk_verify(&nowhere, NULL), PQI_ERR_ARG);
}

PQI_TEST_MAIN(cmocka_unit_test(an_endpoint_counts), cmocka_unit_test(notes))
