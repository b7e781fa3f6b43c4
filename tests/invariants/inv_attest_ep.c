/* SPDX-License-Identifier: Apache-2.0
 * Verdicts of attestation at the endpoint: what they open, and what closes it again (INV-34). */
#include "support/plane.h"

#define FLOW "plant/pump-1/flow"
#define CMD  "plant/pump-1/cmd"

static const dev_spec spec_pump = {
    .id = "pump-1", .epoch = 1, .roster = 1, .pub = "plant/pump-1", .seed = 1};
static const dev_spec spec_ctl = {
    .id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3, .also_s = 1};

typedef struct world {
    plane *p;
    dev *pump, *ctl;
    msg m, n;
} world;

/* A head, then a tick: both are fresh, and know each other. */
static world *world_of(dev_spec a, dev_spec b, pqi_session_use use)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = plane_new();
    a.sessions = b.sessions = use;
    w->pump = dev_new(&a);
    w->ctl = dev_new(&b);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    plane_head(w->p, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_CONTROL);
    plane_tick(w->p, 1, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_CONTROL);
    dev_meet(w->pump, w->ctl);
    return w;
}

static void world_free(world *w)
{
    dev_free(w->pump);
    dev_free(w->ctl);
    plane_free(w->p);
    free(w);
}

static pqi_status send_cls(dev *from, const char *to, const char *topic, pqi_class cls, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    const pqi_outbound o = {
        .peer = text_of(to), .topic = text_of(topic), .payload = text_of("x"), .cls = cls};
    return pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len);
}

#define L 1u
#define M 2u
#define H 4u
#define S 8u

static uint8_t classes_from_ctl(world *w)
{
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_OK);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_MESSAGE);
    return w->pump->ev.classes;
}

static pqi_status attested(dev *d, const char *peer, uint32_t seq, uint64_t until_ms)
{
    uint8_t key[PQI_KEY_ID_LEN] = {0};
    const pqi_peer *p = pqi_endpoint_peer(&d->ep, text_of(peer));
    if (p != NULL) {
        memcpy(key, p->key_id, sizeof key);
    }
    return pqi_endpoint_set_attested(&d->ep, text_of(peer), key, seq, until_ms);
}

/* A peer that may be attested is heard in class L and S until a verdict for its key and the policy in force
 * is there, and after it. */
static void verdicts(void **state)
{
    (void)state;
    dev_spec able = spec_ctl;
    able.assurance = PQI_ASSURE_ATTESTED_BOOT;
    world *w = world_of(spec_pump, able, PQI_SESSIONS_OFF);
    pqi_endpoint *e = &w->pump->ep;
    pqi_peer *p = &w->pump->peers[0];
    while (p->id_len != 7) {
        p++;
    }
    e->ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
    assert_int_equal(classes_from_ctl(w), L | S);
    const uint64_t until = w->pump->now.mono_ms + 60000;
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_ERR_STATE); /* no policy yet */
    assert_int_equal(pqi_endpoint_attest_policy(e, 4), PQI_OK);
    assert_int_equal(attested(w->pump, "control", 3, until), PQI_ERR_STATE);
    assert_int_equal(attested(w->pump, "control", 0, until), PQI_ERR_STATE);
    assert_int_equal(attested(w->pump, "nobody", 4, until), PQI_ERR_MISSING);
    static const uint8_t other_key[PQI_KEY_ID_LEN] = {1};
    assert_int_equal(
        pqi_endpoint_set_attested(e, text_of("control"), other_key, 4, until), PQI_ERR_STATE);
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | M | H | S);
    /* sending asks the same */
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    /* another key of the peer: what stood is for the old one */
    p->key_id[0] ^= 1;
    const pqi_now now = w->pump->now;
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(e), PQI_REASON_ATTEST);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_OK);
    p->key_id[0] ^= 1;
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_OK);
    /* time */
    w->pump->now.mono_ms = until - 1;
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_OK);
    w->pump->now.mono_ms = until;
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_ERR_POLICY);
    w->pump->now = now;
    /* the policy, also when the old number comes back */
    assert_int_equal(pqi_endpoint_attest_policy(e, 5), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(pqi_endpoint_attest_policy(e, 4), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | M | H | S);
    /* a later root: its policies are numbered anew, and the same number is another policy */
    e->ctl.manifest.root_version++;
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_ERR_STATE);
    assert_int_equal(pqi_endpoint_attest_policy(e, 4), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | M | H | S);
    e->ctl.manifest.root_version--;
    assert_int_equal(classes_from_ctl(w), L | S);
    assert_int_equal(pqi_endpoint_attest_policy(e, 4), PQI_OK);
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_OK);
    assert_int_equal(classes_from_ctl(w), L | M | H | S);
    assert_int_equal(attested(w->pump, "control", 4, 0), PQI_OK); /* taken back */
    assert_int_equal(classes_from_ctl(w), L | S);
    /* the certificate's word is needed besides */
    assert_int_equal(attested(w->pump, "control", 4, until), PQI_OK);
    p->assurance = 0;
    assert_int_equal(classes_from_ctl(w), L | S);
    p->assurance = PQI_ASSURE_ATTESTED_BOOT;
    /* and no start remembers a verdict */
    assert_int_equal(classes_from_ctl(w), L | M | H | S);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(w->pump->ep.attest_seq, 0);
    world_free(w);
}

/* The session in which a peer is asked can be made before it was; one with a peer that cannot be attested
 * is for class S alone. */
static void verdicts_and_sessions(void **state)
{
    (void)state;
    for (int can = 0; can <= 1; can++) {
        dev_spec able = spec_ctl;
        able.assurance = can ? PQI_ASSURE_ATTESTED_BOOT : 0;
        world *w = world_of(spec_pump, able, PQI_SESSIONS_REQUIRE);
        w->pump->ep.ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
        const pqi_status st =
            pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0);
        assert_int_equal(st, PQI_OK);
        (void)dev_talk(w->pump, w->ctl);
        if (!can) { /* one for class S alone */
            assert_int_equal(classes_from_ctl(w), S);
            assert_int_equal(w->pump->ev.session, 1);
        } else {
            assert_int_equal(classes_from_ctl(w), L | S);
            assert_int_equal(w->pump->ev.session, 1);
            assert_int_equal(pqi_endpoint_attest_policy(&w->pump->ep, 1), PQI_OK);
            assert_int_equal(attested(w->pump, "control", 1, w->pump->now.mono_ms + 1000), PQI_OK);
            assert_int_equal(classes_from_ctl(w), L | M | H | S);
        }
        world_free(w);
    }
}

static pqi_status send_attest(dev *from, const char *to, msg *m)
{
    return pqi_endpoint_send_attest(&from->ep, &from->now, text_of(to), text_of("question"),
        m->topic, (pqi_span){m->b, sizeof m->b}, &m->len);
}

/* What attests goes without a scope and without a verdict, in v1 packets and in sessions, between the two that
 * its topic names. Applications can neither send there nor hear it, whatever their certificate allows. */
static void messages(void **state)
{
    (void)state;
    for (int session = 0; session <= 1; session++) {
        dev_spec bare = spec_pump, able = spec_ctl;
        bare.pub = NULL;
        able.pub = "pq/4/e";
        bare.assurance = able.assurance = PQI_ASSURE_ATTESTED_BOOT;
        world *w = world_of(bare, able, session ? PQI_SESSIONS_REQUIRE : PQI_SESSIONS_OFF);
        w->pump->ep.ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
        w->ctl->ep.ctl.policy.rules.flags |= PQI_POLICY_ATTEST;
        if (session) {
            assert_int_equal(
                pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
            (void)dev_talk(w->pump, w->ctl);
        }
        assert_int_equal(send_attest(w->pump, "control", &w->m), PQI_OK);
        assert_string_equal(w->m.topic, "pq/4/e/control/pump-1");
        const msg good = w->m;
        memcpy(w->m.topic, "pq/4/e/control/pump-2", 22); /* another name */
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_DROP);
        assert_int_equal(w->ctl->ev.drop, session ? PQI_DROP_SCOPE : PQI_DROP_TOPIC);
        memcpy(w->m.topic, "pq/4/e/pump-1/control", 22); /* not to us */
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_DROP);
        memcpy(w->m.topic, "plant/x", 8); /* as if an application had sent it */
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_DROP);
        w->m = good;
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_ATTEST);
        assert_int_equal(w->ctl->ev.classes, L);
        assert_int_equal(w->ctl->ev.plain.len, 8);
        assert_memory_equal(w->ctl->ev.plain.ptr, "question", 8);
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_DROP); /* once */
        w->m = good;
        w->m.len = 8;
        memcpy(w->m.b, "question", 8); /* plain */
        assert_int_equal(dev_receive(w->ctl, &w->m), PQI_EV_DROP);
        /* an application, with a scope for it */
        assert_int_equal(send_cls(w->ctl, "pump-1", "pq/4/e/pump-1/control", PQI_CLASS_L, &w->n),
            PQI_ERR_POLICY);
        assert_int_equal(
            send_cls(w->ctl, "pump-1", "pq/4/e/other", PQI_CLASS_L, &w->n), PQI_ERR_POLICY);
        assert_int_equal(send_attest(w->ctl, "nobody", &w->n), PQI_ERR_MISSING);
        assert_int_equal(send_attest(w->ctl, "a/b", &w->n), PQI_ERR_ARG);
        world_free(w);
    }
}

PQI_TEST_MAIN(
    cmocka_unit_test(verdicts), cmocka_unit_test(verdicts_and_sessions), cmocka_unit_test(messages))
