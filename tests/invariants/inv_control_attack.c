/* SPDX-License-Identifier: Apache-2.0
 * Attacks on the control plane in the endpoint: what a stolen key, a cut in the wrong place or a restart must not
 * loosen, and what must not end a device for good. */
#include "support/plane.h"

#include "proto/mqtt/endpoint_session.h"

#define HOUR PLANE_TICK_MS
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

static void both(world *w, const msg *m, pqi_event_kind want)
{
    assert_int_equal(dev_receive(w->pump, m), want);
    assert_int_equal(dev_receive(w->ctl, m), want);
}

/* A head, then a tick: both are fresh, and know each other. */
static world *world_of(dev_spec a, dev_spec b, pqi_session_use use, uint64_t time_s)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = plane_new();
    w->p->time_s = time_s;
    a.sessions = b.sessions = use;
    w->pump = dev_new(&a);
    w->ctl = dev_new(&b);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    plane_head(w->p, &w->m);
    both(w, &w->m, PQI_EV_CONTROL);
    plane_tick(w->p, 1, &w->m);
    both(w, &w->m, PQI_EV_CONTROL);
    dev_meet(w->pump, w->ctl);
    return w;
}

static world *world_new(pqi_session_use use)
{
    return world_of(spec_pump, spec_ctl, use, 0);
}

static void world_free(world *w)
{
    dev_free(w->pump);
    dev_free(w->ctl);
    plane_free(w->p);
    free(w);
}

static pqi_fresh fresh_of(const dev *d)
{
    return pqi_ctl_fresh(&d->ep.ctl, &d->now, (pqi_cspan){NULL, 0});
}

static const pqi_peer *known(dev *d, const char *id)
{
    const pqi_peer *p = pqi_endpoint_peer(&d->ep, text_of(id));
    assert_non_null(p);
    return p;
}

static pqi_status send_cls(dev *from, const char *to, const char *topic, pqi_class cls, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    const pqi_outbound o = {
        .peer = text_of(to), .topic = text_of(topic), .payload = text_of("x"), .cls = cls};
    return pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len);
}

static pqi_session_info session_of(const dev *d, const char *peer)
{
    pqi_session_info s;
    assert_int_equal(pqi_endpoint_session(&d->ep, &d->now, text_of(peer), &s), PQI_OK);
    return s;
}

static void connect(world *w, int refresh)
{
    assert_int_equal(
        pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), refresh), PQI_OK);
    (void)dev_talk(w->ctl, w->pump);
    assert_true(session_of(w->ctl, "pump-1").up && session_of(w->pump, "control").up);
}

/* A policy, and the head that names it. */
static void policy_for(world *w, dev *d, const msg *head, const msg *pol)
{
    (void)w;
    assert_int_equal(dev_receive(d, head), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(d, pol), PQI_EV_CONTROL);
    assert_true((d->ev.control & PQI_CTL_NEW_POLICY) != 0);
}

static void make_policy(world *w, const pqi_policy_rules *r)
{
    plane_policy(w->p, r, &w->m);
    plane_head(w->p, &w->n);
}

/* Lets both talk for a while. */
static void talk_on(world *w, int seconds)
{
    for (int i = 0; i < seconds; i++) {
        (void)dev_talk(w->pump, w->ctl);
        dev_wait(w->pump, 1000);
        dev_wait(w->ctl, 1000);
    }
}

/* ---- what must not end a device for good ------------------------------------------------------------ */

/* A policy that our own certificate, or the signers of the root, do not pass: the device starts all the same, sends
 * nothing, and takes the policy that mends it. */
static void a_policy_that_nobody_passes(void **state)
{
    (void)state;
    for (int use = PQI_SESSIONS_OFF; use <= PQI_SESSIONS_REQUIRE; use++) {
        world *w = world_new((pqi_session_use)use);
        pqi_policy_rules r = pqi_policy_default;
        r.min_level = 5;
        make_policy(w, &r);
        policy_for(w, w->pump, &w->n, &w->m);
        for (int life = 0; life < 2; life++) {
            for (unsigned c = 0; c < 4; c++) {
                assert_int_not_equal(
                    send_cls(w->pump, "control", FLOW, (pqi_class)c, &w->m), PQI_OK);
            }
            assert_int_equal(dev_open(w->pump), PQI_OK);
        }
        r.min_level = 0;
        make_policy(w, &r);
        policy_for(w, w->pump, &w->n, &w->m);
        plane_freshen(w->p, w->pump);
        if (use != PQI_SESSIONS_REQUIRE) {
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->m), PQI_OK);
        }
        world_free(w);
    }
}

/* Nothing goes out under an own signature key that the policy does not allow, whoever may read it. */
static void own_key_below_the_policy(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.kem = b.kem = PQI_KEM_ID_ML_KEM_1024;
    b.sig = PQI_SIG_ID_ML_DSA_87;
    world *w = world_of(a, b, PQI_SESSIONS_OFF, 0);
    pqi_policy_rules r = pqi_policy_default;
    r.min_level = 5;
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->m), PQI_OK);
    make_policy(w, &r);
    policy_for(w, w->pump, &w->n, &w->m);
    policy_for(w, w->ctl, &w->n, &w->m);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->m), PQI_ERR_POLICY);
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_ERR_POLICY);
    world_free(w);
}

/* INV-105: a thief of the head key signs a time at which every certificate is over. Devices that restart then come
 * up, send nothing, and the next root with a sane time heals them. */
static void signed_time_beyond_the_certificate(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.not_after = b.not_after = 2000000;
    world *w = world_of(a, b, PQI_SESSIONS_OFF, 0);
    static msg root;
    w->p->time_s = 3000000000u;
    plane_head(w->p, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    assert_int_not_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_OK);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_not_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_OK);
    fleet_root(w->p->f, 2);
    plane_root(w->p, &root);
    assert_int_equal(dev_receive(w->pump, &root), PQI_EV_CONTROL);
    w->p->epoch = 0;
    memset(w->p->hash, 0, sizeof w->p->hash);
    w->p->time_s = 1000100;
    plane_head(w->p, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_OK);
    world_free(w);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

/* A session of a mode that is not allowed any more does not come back by resumption: not when the policy came before
 * it was resumed, not when the power went between the policy and the record, not when the operator asks for another
 * mode at the next start. */
static void resumed_under_another_policy(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg m;
        connect(w, 0);
        talk_on(w, 5);
        assert_int_equal(session_of(w->pump, "control").mode, 'S');
        pqi_policy_rules r = pqi_policy_default;
        r.modes = PQI_MODES_K;
        make_policy(w, &r);
        if (how == 0) {
            assert_int_equal(dev_open(w->pump), PQI_OK);
            policy_for(w, w->pump, &w->n, &w->m);
        } else if (how == 1) { /* it was looked at, and waits for an answer */
            assert_int_equal(dev_open(w->pump), PQI_OK);
            while (dev_poll(w->pump, &m)) {
            }
            policy_for(w, w->pump, &w->n, &w->m);
        } else if (how == 2) {
            policy_for(w, w->pump, &w->n, &w->m);
            assert_int_equal(dev_open(w->pump), PQI_OK);
        } else {
            w->pump->spec.modes = PQI_MODES_K;
            assert_int_equal(dev_open(w->pump), PQI_OK);
        }
        talk_on(w, 40);
        if (session_of(w->pump, "control").up) {
            assert_int_equal(session_of(w->pump, "control").mode, 'K');
        }
        world_free(w);
    }
}

/* A handshake that was begun under a looser policy ends with it, though the session beside it passes. */
static void a_candidate_of_a_looser_policy(void **state)
{
    (void)state;
    for (int steps = 1; steps <= 3; steps++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        pqi_policy_rules r = pqi_policy_default;
        static msg m;
        r.modes = PQI_MODES_K;
        make_policy(w, &r);
        policy_for(w, w->pump, &w->n, &w->m);
        policy_for(w, w->ctl, &w->n, &w->m);
        connect(w, 0);
        assert_int_equal(session_of(w->pump, "control").mode, 'K');
        talk_on(w, 2);
        r.modes = 0;
        make_policy(w, &r);
        policy_for(w, w->pump, &w->n, &w->m);
        policy_for(w, w->ctl, &w->n, &w->m);
        assert_true(session_of(w->pump, "control").up);
        assert_int_equal(
            pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 1), PQI_OK);
        for (int i = 0; i < steps; i++) { /* INIT, RESP, CONF */
            dev *from = i % 2 == 0 ? w->ctl : w->pump, *to = i % 2 == 0 ? w->pump : w->ctl;
            do {
                assert_true(dev_poll(from, &m));
            } while (strcmp(m.topic, PQI_TOPIC_ASK) == 0);
            assert_int_not_equal(dev_receive(to, &m), PQI_EV_DROP);
        }
        r.modes = PQI_MODES_K;
        make_policy(w, &r);
        policy_for(w, w->pump, &w->n, &w->m);
        talk_on(w, 20);
        if (session_of(w->pump, "control").up) {
            assert_int_equal(session_of(w->pump, "control").mode, 'K');
        }
        assert_true(steps == 3 || session_of(w->pump, "control").up); /* the one beside it stays */
        world_free(w);
    }
}

/* ---- revocation ---------------------------------------------------------------------------------------- */

/* Our own revocation leaves nothing on the medium that RESUME could use; a renewed certificate brings the device back
 * by itself, with both ends' sessions new, and the old one stays outside. */
static void revoked_and_renewed(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    static msg m, old;
    connect(w, 0);
    dev_announce(w->pump, &old);
    plane_revoke(w->p, 1, 2);
    plane_log(w->p, 0, &m);
    assert_int_equal(dev_receive(w->pump, &m), PQI_EV_REVOKED);
    assert_true(dev_is_out(w->pump));
    for (int life = 0; life < 2; life++) {
        while (dev_poll(w->pump, &m)) {
            assert_string_equal(m.topic, PQI_TOPIC_ASK);
        }
        for (size_t i = 0; i < FLEET_PEERS; i++) {
            assert_int_equal(w->pump->ep.sessions->env.pairs[i].core.rec.n, 0);
        }
        assert_int_equal(w->pump->ep.sessions->table.used, 0);
        assert_int_equal(pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0),
            PQI_ERR_POLICY);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        assert_true(dev_is_out(w->pump));
    }
    plane_log(w->p, 0, &m);
    assert_int_equal(dev_receive(w->ctl, &m), PQI_EV_REVOKED);
    w->pump->spec.epoch = 2;
    w->pump->cert_len = fleet_cert(w->p->f, &w->pump->prov, &w->pump->spec, w->pump->cert);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_false(dev_is_out(w->pump));
    plane_freshen(w->p, w->pump);
    dev_announce(w->pump, &m);
    assert_int_equal(dev_receive(w->ctl, &m), PQI_EV_PEER);
    assert_true(known(w->ctl, "pump-1")->ready && !known(w->ctl, "pump-1")->revoked);
    dev_refuses(w->ctl, &old, PQI_DROP_EPOCH);
    connect(w, 0);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &m), PQI_OK);
    dev_expect(w->ctl, &m, "x");
    world_free(w);
}

/* ---- witnesses ---------------------------------------------------------------------------------------- */

/* A session that came of the exception for witnesses is no other one after the next restart: it carries class S and
 * control objects, and everything once the device is fresh. */
static void the_exception_over_a_restart(void **state)
{
    (void)state;
    dev_spec gw = spec_ctl;
    gw.roles = PQI_CERT_ROLE_GATEWAY | PQI_CERT_ROLE_WITNESS;
    for (int hears = 0; hears < 2; hears++) {
        world *w = world_of(spec_pump, gw, PQI_SESSIONS_REQUIRE, 0);
        static msg m;
        assert_int_equal(dev_open(w->pump), PQI_OK); /* knows nothing; the gateway cannot testify */
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
        talk_on(w, 10);
        assert_true(session_of(w->pump, "control").up);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &m), PQI_ERR_POLICY);
        if (hears) {
            plane_freshen(w->p, w->pump);
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &m), PQI_OK);
            talk_on(w, 2);
        }
        assert_int_equal(dev_open(w->pump), PQI_OK);
        talk_on(w, 40);
        assert_true(session_of(w->pump, "control").up);
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
        assert_int_equal(
            send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &m), hears ? PQI_OK : PQI_ERR_POLICY);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &m), PQI_OK);
        assert_int_equal(dev_receive(w->pump, &m), PQI_EV_MESSAGE);
        assert_true(hears || w->pump->ev.classes == 1u << PQI_CLASS_S);
        world_free(w);
    }
}

/* ---- rosters ------------------------------------------------------------------------------------------- */

/* INV-102: the power goes at any write of the first roster of a new root: whoever was in the roster of that number
 * under the old root is no member of this one. */
static void a_cut_between_two_rosters(void **state)
{
    (void)state;
    bool done = false;
    for (uint64_t at = 1; !done; at++) {
        for (int mode = 0; mode < CUT_MODES_; mode++) {
            world *w = world_new(PQI_SESSIONS_OFF);
            static msg m, roster, head, path, ann;
            plane *p = w->p;
            pqi_policy_rules r = pqi_policy_default;
            r.flags |= PQI_POLICY_ROSTER;
            for (uint32_t root = 1; root <= 2; root++) {
                dev *const members[] = {w->pump, w->ctl};
                plane_roster(p, members, root == 1 ? 2 : 1, &roster);
                plane_policy(p, &r, &m);
                plane_head(p, &head);
                both(w, &head, PQI_EV_CONTROL);
                both(w, &m, PQI_EV_CONTROL);
                if (root == 2) {
                    break;
                }
                both(w, &roster, PQI_EV_CONTROL);
                plane_path(p, w->ctl, &path);
                assert_int_equal(dev_receive(w->ctl, &path), PQI_EV_CONTROL);
                dev_announce(w->ctl, &ann);
                assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_PEER);
                fleet_root(p->f, 2);
                plane_root(p, &m);
                both(w, &m, PQI_EV_CONTROL);
                p->epoch = p->roster_seq = p->policy.seq = 0;
                memset(p->hash, 0, sizeof p->hash);
            }
            w->pump->power = (test_power){.cut_at = at, .mode = (cut_mode)mode};
            (void)dev_receive(w->pump, &roster);
            done = !w->pump->power.dead;
            w->pump->power = (test_power){0};
            assert_int_equal(dev_open(w->pump), PQI_OK);
            if (w->pump->ep.ctl.s.roster.root_version != 2) {
                assert_int_equal(dev_receive(w->pump, &roster), PQI_EV_CONTROL);
            }
            plane_freshen(p, w->pump);
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &m), PQI_ERR_POLICY);
            assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_ROSTER);
            assert_int_equal(known(w->pump, "control")->roster_seq, 0);
            world_free(w);
        }
    }
}

PQI_TEST_MAIN(cmocka_unit_test(a_policy_that_nobody_passes),
    cmocka_unit_test(own_key_below_the_policy),
    cmocka_unit_test(signed_time_beyond_the_certificate),
    cmocka_unit_test(resumed_under_another_policy),
    cmocka_unit_test(a_candidate_of_a_looser_policy), cmocka_unit_test(revoked_and_renewed),
    cmocka_unit_test(the_exception_over_a_restart), cmocka_unit_test(a_cut_between_two_rosters))
