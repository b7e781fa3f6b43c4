/* SPDX-License-Identifier: Apache-2.0
 * Retained packets: only in the recipient's own mailbox, only to a prekey, once. docs/spec/prekeys.md. */
#include "support/fleet.h"

#define SLOT "pq/4/m/valve-1/set"

static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "pq/4/m", .seed = 3};
static const dev_spec spec_valve = {
    .id = "valve-1", .epoch = 1, .roster = 1, .pub = "plant/valve-1", .seed = 1, .period = 100000};

typedef struct pair {
    dev *ctl, *valve;
    msg m, n;
} pair;

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->ctl = dev_new(&spec_ctl);
    t->valve = dev_new(&spec_valve);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_open(t->valve), PQI_OK);
    assert_int_equal(dev_prekeys(t->valve), 1);
    dev_meet(t->ctl, t->valve);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->ctl);
    dev_free(t->valve);
    free(t);
}

/* As dev_receive, with the broker's flag. */
static pqi_event_kind receive(dev *d, const msg *m, int retained)
{
    const pqi_inbound in = {text_of(m->topic), {m->b, m->len}, retained};
    assert_int_equal(
        pqi_endpoint_receive(&d->ep, &d->now, &in, (pqi_span){d->plain, sizeof d->plain}, &d->ev),
        PQI_OK);
    return d->ev.kind;
}

static void drops(dev *d, const msg *m, int retained, pqi_drop why)
{
    uint8_t before[32], after[32];
    uint64_t calls = d->prov.calls;
    dev_digest(d, before);
    assert_int_equal(receive(d, m, retained), PQI_EV_DROP);
    assert_int_equal(d->ev.drop, why);
    dev_digest(d, after);
    assert_memory_equal(before, after, 32);
    assert_true(d->prov.calls == calls);
}

/* Delivered once, whether live or retained, and not again after a stop or a crash. */
static void once(void **state)
{
    (void)state;
    for (int crash = 0; crash < 2; crash++) {
        for (int live = 0; live < 2; live++) {
            pair *t = pair_new();
            assert_int_equal(dev_send(t->ctl, "valve-1", SLOT, "open", &t->m), PQI_OK);
            assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
            assert_int_equal(receive(t->valve, &t->m, !live), PQI_EV_MESSAGE);
            assert_int_equal(t->valve->ev.plain.len, 4);
            for (int life = 0; life < 3; life++) {
                drops(t->valve, &t->m, 1, PQI_DROP_REPLAY);
                drops(t->valve, &t->m, 0, PQI_DROP_REPLAY);
                if (!crash) {
                    pqi_endpoint_close(&t->valve->ep);
                }
                assert_int_equal(dev_open(t->valve), PQI_OK);
                assert_int_equal(dev_prekeys(t->valve), 0);
            }
            pair_free(t);
        }
    }
}

/* A retained packet anywhere else is dropped before it is read. */
static void elsewhere(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev_spec s = spec_ctl;
    s.pub = "plant";
    s.id = "control-2";
    s.roster = 4;
    s.seed = 4;
    dev *c2 = dev_new(&s);
    assert_int_equal(dev_open(c2), PQI_OK);
    dev_meet(c2, t->valve);
    assert_int_equal(dev_send(c2, "valve-1", "plant/valve-1/set", "open", &t->m), PQI_OK);
    drops(t->valve, &t->m, 1, PQI_DROP_RETAINED);
    dev_expect(t->valve, &t->m, "open"); /* the same one live */
    /* The mailbox is its own right: a scope over plant does not reach it. */
    assert_int_equal(dev_send(c2, "valve-1", SLOT, "open", &t->m), PQI_ERR_POLICY);
    dev_free(c2);
    /* Another's mailbox, no slot, two levels, a strange name. */
    static const char *const bad[] = {"pq/4/m/valve-2/set", "pq/4/m/valve-1", "pq/4/m/valve-1/",
        "pq/4/m/valve-1/a/b", "pq/4/m/valve-1/a b", "pq/4/m/valve-10/set", "pq/4/m/valve-1xset",
        "pq/4/m/", "pq/4/m/valve-1/a23456789012345678901234567890123"};
    assert_int_equal(dev_send(t->ctl, "valve-1", SLOT, "open", &t->m), PQI_OK);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        t->n = t->m;
        memset(t->n.topic, 0, sizeof t->n.topic);
        memcpy(t->n.topic, bad[i], strlen(bad[i]));
        drops(t->valve, &t->n, 1, PQI_DROP_RETAINED);
        drops(t->valve, &t->n, 0, PQI_DROP_TOPIC);
        assert_int_equal(dev_send(t->ctl, "valve-1", bad[i], "open", &t->n), PQI_ERR_POLICY);
    }
    /* From one slot to another: bound as every topic. */
    t->n = t->m;
    memcpy(t->n.topic, "pq/4/m/valve-1/off", 19);
    drops(t->valve, &t->n, 1, PQI_DROP_GATE);
    assert_int_equal(receive(t->valve, &t->m, 1), PQI_EV_MESSAGE);
    pair_free(t);
}

/* Not to static keys: by no sender's policy, and from nobody. */
static void prekeys_only(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->spec.use = PQI_PREKEY_NEVER;
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    assert_int_equal(dev_send(t->ctl, "valve-1", SLOT, "open", &t->m), PQI_OK);
    assert_int_equal(t->m.b[0], PQI_V1_T_PREKEY);
    t->ctl->now.unix_s += 3u * 100000u + 1u; /* over, by its word */
    assert_int_equal(dev_send(t->ctl, "valve-1", SLOT, "open", &t->m), PQI_ERR_MISSING);
    assert_int_equal(dev_send(t->valve, "control", "pq/4/m/control/x", "a", &t->n), PQI_ERR_POLICY);
    t->m.b[0] = PQI_V1_T;
    t->m.len = 0;
    assert_int_equal(
        dev_send(t->ctl, "valve-1", "pq/4/m/valve-1/set", "x", &t->m), PQI_ERR_MISSING);
    /* A genuine packet to static keys, on the mailbox's topic: from a sender that keeps to no rule. */
    t->ctl->spec.pub = "plant";
    t->ctl->spec.epoch = 2;
    t->ctl->cert_len = fleet_cert(t->ctl->f, &t->ctl->prov, &t->ctl->spec, t->ctl->cert);
    t->ctl->now.unix_s = 1000000;
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(t->valve, &t->n), PQI_EV_PEER);
    assert_int_equal(dev_send(t->ctl, "valve-1", "plant/x", "x", &t->m), PQI_OK);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    memset(t->m.topic, 0, sizeof t->m.topic);
    memcpy(t->m.topic, SLOT, sizeof SLOT);
    drops(t->valve, &t->m, 1, PQI_DROP_PREKEY);
    drops(t->valve, &t->m, 0, PQI_DROP_PREKEY);
    pair_free(t);
}

/* An emptied slot is no event; announcements and revocations are retained as ever. */
static void others_retained(void **state)
{
    (void)state;
    pair *t = pair_new();
    memset(&t->m, 0, sizeof t->m);
    memcpy(t->m.topic, SLOT, sizeof SLOT);
    assert_int_equal(receive(t->valve, &t->m, 0), PQI_EV_NONE);
    assert_int_equal(receive(t->valve, &t->m, 1), PQI_EV_NONE);
    dev_announce(t->ctl, &t->m);
    assert_int_equal(receive(t->valve, &t->m, 1), PQI_EV_NONE); /* known */
    const pqi_revoked list = {9, UINT32_MAX, 0};
    fleet_revoke(t->valve->f, 0, &list, 1, &t->m);
    assert_int_equal(receive(t->valve, &t->m, 1), PQI_EV_REVOKED);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(once), cmocka_unit_test(elsewhere), cmocka_unit_test(prekeys_only),
    cmocka_unit_test(others_retained))
