/* SPDX-License-Identifier: Apache-2.0
 * Gates at the endpoint: what is sent, delivered, begun and learned while not everything is known. The gate
 * itself is tested against docs/spec/gates.md in unit_gate; here every door has to ask it. */
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

static world *world_new(pqi_session_use use)
{
    return world_of(spec_pump, spec_ctl, use);
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

static pqi_status send_cls(dev *from, const char *to, const char *topic, pqi_class cls, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    const pqi_outbound o = {
        .peer = text_of(to), .topic = text_of(topic), .payload = text_of("x"), .cls = cls};
    return pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len);
}

/* ---- states and flags, and what they allow ---------------------------------------------------------- */

#define L 1u
#define M 2u
#define H 4u
#define S 8u

/* As the page has it, for a peer that is known. */
static const struct state {
    pqi_fresh fresh;
    uint64_t wait;
    int reboot;
    uint8_t allows;
    pqi_reason reason; /* of what it refuses */
} states[] = {
    {PQI_FRESH_FRESH, 0, 0, L | M | H | S, PQI_REASON_OK},
    {PQI_FRESH_AGED, 5 * (uint64_t)HOUR, 0, L | M | S, PQI_REASON_AGED},
    {PQI_FRESH_STALE, 49 * (uint64_t)HOUR, 0, L | S, PQI_REASON_STALE},
    {PQI_FRESH_EXPIRED, 721 * (uint64_t)HOUR, 0, S, PQI_REASON_EXPIRED},
    {PQI_FRESH_UNKNOWN, 0, 1, L | M | S, PQI_REASON_UNKNOWN},              /* within the grace */
    {PQI_FRESH_UNKNOWN, 2 * (uint64_t)HOUR, 1, L | S, PQI_REASON_UNKNOWN}, /* and after it */
};
enum { STATES = sizeof states / sizeof states[0] };

static const struct flag {
    unsigned flag;
    uint8_t allows;
} flags[] = {
    {0, L | M | H | S},
    {PQI_GATE_ROLLBACK, L | S},
    {PQI_GATE_EQUIVOCATION, L | M | S},
    {PQI_GATE_REV_GAP, L | M | S},
    {PQI_GATE_POLICY_GAP, L | S},
    {PQI_GATE_STORAGE, S},
    {PQI_GATE_ROSTER, L | S},
    {PQI_GATE_ASSURANCE, S},
    {PQI_GATE_ATTEST, L | S},
};
enum { FLAGS = sizeof flags / sizeof flags[0] };

static void to_state(dev *d, const struct state *s)
{
    if (s->reboot) {
        assert_int_equal(dev_open(d), PQI_OK);
    }
    dev_wait(d, s->wait);
    assert_int_equal(fresh_of(d), s->fresh);
}

/* Makes it so, without the story that leads there: those are told in inv_control_ep. */
static void raise_flag(dev *d, unsigned flag)
{
    pqi_ctl *c = &d->ep.ctl;
    pqi_policy_rules *r = &c->policy.rules;
    switch (flag) {
    case PQI_GATE_ROLLBACK:
        c->floor[0]++;
        break;
    case PQI_GATE_EQUIVOCATION:
        c->s.equivocation = 1;
        c->s.equivocation_root = c->manifest.root_version;
        break;
    case PQI_GATE_REV_GAP:
        c->s.head.rev_seq = c->rev.seq + 1u;
        break;
    case PQI_GATE_POLICY_GAP:
        c->s.head.policy_seq = c->policy.seq + 1u;
        break;
    case PQI_GATE_STORAGE:
        r->flags |= PQI_POLICY_NO_ROLLBACK;
        d->prov.ops.caps = 0;
        d->prov.base.ops = &d->prov.ops;
        break;
    case PQI_GATE_ROSTER:
        r->flags |= PQI_POLICY_ROSTER;
        break;
    case PQI_GATE_ASSURANCE:
        r->assurance[PQI_CLASS_L] = r->assurance[PQI_CLASS_M] = r->assurance[PQI_CLASS_H] =
            PQI_ASSURE_HW_RNG;
        break;
    case PQI_GATE_ATTEST:
        r->flags |= PQI_POLICY_ATTEST;
        break;
    default:
        break;
    }
    const unsigned own = PQI_GATE_ROLLBACK | PQI_GATE_EQUIVOCATION | PQI_GATE_REV_GAP |
                         PQI_GATE_POLICY_GAP | PQI_GATE_STORAGE;
    assert_int_equal(pqi_ctl_flags(c, &d->now) & own, flag & own);
}

static void lower_flags(dev *d, const pqi_ctl *saved)
{
    d->ep.ctl = *saved;
    d->prov.ops.caps = PQI_CAP_NO_ROLLBACK;
}

/* What arrives is told to be of those classes that state and flag allow, and of no other; where none is left it
 * is dropped, with the reason, and its number is used up. */
static void delivers(world *w, const struct state *s, const struct flag *f)
{
    dev *d = w->pump;
    const uint8_t want = s->allows & f->allows;
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_OK);
    const uint64_t drops = d->ep.drops[PQI_DROP_CLOSED];
    const pqi_event_kind kind = dev_receive(d, &w->m);
    if (want != 0) {
        assert_int_equal(kind, PQI_EV_MESSAGE);
        assert_int_equal(d->ev.classes, want);
        assert_int_equal(d->ev.marked, (want & L) != 0 && s->fresh == PQI_FRESH_STALE);
    } else {
        assert_int_equal(kind, PQI_EV_DROP);
        assert_int_equal(d->ev.drop, PQI_DROP_CLOSED);
        assert_false(pqi_reason_allows(d->ev.reason));
        assert_true(d->ep.drops[PQI_DROP_CLOSED] == drops + 1);
    }
    assert_int_equal(dev_receive(d, &w->m), PQI_EV_DROP);
    assert_int_equal(d->ev.drop, PQI_DROP_REPLAY);
}

static void every_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATES; i++) {
        world *w = world_new(PQI_SESSIONS_OFF);
        to_state(w->pump, &states[i]);
        const pqi_ctl saved = w->pump->ep.ctl;
        for (size_t k = 0; k < FLAGS; k++) {
            raise_flag(w->pump, flags[k].flag);
            delivers(w, &states[i], &flags[k]);
            lower_flags(w->pump, &saved);
        }
        world_free(w);
    }
}

/* The same in sessions; after a restart in one that was resumed. */
static void every_class_in_sessions(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATES; i++) {
        world *w = world_new(PQI_SESSIONS_REQUIRE);
        assert_int_equal(
            pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
        (void)dev_talk(w->ctl, w->pump);
        if (states[i].reboot) {
            assert_int_equal(dev_open(w->pump), PQI_OK);
            dev_announce(w->ctl, &w->m); /* the certificate's other hash */
            assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_NONE);
            (void)dev_talk(w->pump, w->ctl);
        }
        dev_wait(w->pump, states[i].wait);
        assert_int_equal(fresh_of(w->pump), states[i].fresh);
        const pqi_ctl saved = w->pump->ep.ctl;
        for (size_t k = 0; k < FLAGS; k++) {
            raise_flag(w->pump, flags[k].flag);
            const uint8_t want = states[i].allows & flags[k].allows;
            assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_OK);
            assert_int_equal(w->m.b[0] & 0xf8u, 0x40u);
            assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_MESSAGE); /* S is always there */
            assert_int_equal(w->pump->ev.session, 1);
            /* Healing by age takes its own: this session is as old as the wait. */
            const uint8_t healed = states[i].wait == 0 ? L | M | H | S : L | S;
            assert_int_equal(w->pump->ev.classes & healed, want & healed);
            assert_int_equal(w->pump->ev.classes & ~want, 0);
            lower_flags(w->pump, &saved);
        }
        world_free(w);
    }
}

/* INV-58 and the two decisions of the fleet that an emergency stop does not pass. */
static void stop_is_no_key(void **state)
{
    (void)state;
    dev_spec stop = spec_ctl;
    stop.also_s = 0;
    stop.only_s = 1;
    for (size_t i = 0; i < STATES; i++) {
        world *w = world_of(spec_pump, stop, PQI_SESSIONS_OFF);
        static msg again;
        to_state(w->pump, &states[i]);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->m), PQI_OK);
        again = w->m;
        again.b[again.len - 1] ^= 1; /* gate tag */
        dev_refuses(w->pump, &again, PQI_DROP_GATE);
        again = w->m;
        memcpy(again.topic, "elsewhere", sizeof "elsewhere");
        dev_refuses(w->pump, &again, PQI_DROP_SCOPE);
        dev_expect(w->pump, &w->m, "x");
        assert_int_equal(w->pump->ev.classes, S);
        dev_refuses(w->pump, &w->m, PQI_DROP_REPLAY);
        /* a topic that the fleet does not list, and a list that does not name the sender */
        static const pqi_cspan valve = {PQI_LIT("plant/valve-7")}, pump = {PQI_LIT("plant/pump-1")};
        pqi_policy *x = &w->pump->ep.ctl.policy;
        x->n_fail_safe = 1;
        x->fail_safe[0] = valve;
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->m), PQI_OK);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_DROP);
        assert_int_equal(w->pump->ev.reason, PQI_REASON_NOT_FAIL_SAFE);
        x->fail_safe[0] = pump;
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->m), PQI_OK);
        dev_expect(w->pump, &w->m, "x");
        x->n_acls = 1;
        x->acls[0] = (pqi_acl){text_of("somebody"), pump, PQI_RIGHT_PUB, L | M | H | S};
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->m), PQI_OK);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_DROP);
        assert_int_equal(w->pump->ev.reason, PQI_REASON_ACL);
        x->acls[0] = (pqi_acl){text_of("control"), pump, PQI_RIGHT_PUB, S};
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->m), PQI_OK);
        dev_expect(w->pump, &w->m, "x");
        x->n_acls = 0;
        /* revoked: in every state, with the packet that says so */
        plane_revoke(w->p, 3, 2);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &again), PQI_OK);
        plane_log(w->p, 0, &w->m);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_REVOKED);
        dev_refuses(w->pump, &again, PQI_DROP_REVOKED);
        world_free(w);
    }
}

/* An ACL takes classes, not whole messages. */
static void lists_take_classes(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static const pqi_cspan plant = {PQI_LIT("plant")}, pump = {PQI_LIT("plant/pump-1")};
    pqi_policy *x = &w->pump->ep.ctl.policy;
    x->n_acls = 2;
    x->acls[0] = (pqi_acl){{NULL, 0}, plant, PQI_RIGHT_PUB, L};
    x->acls[1] = (pqi_acl){text_of("control"), pump, PQI_RIGHT_PUB, H};
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_OK);
    dev_expect(w->pump, &w->m, "x");
    assert_int_equal(w->pump->ev.classes, L | H);
    assert_int_equal(send_cls(w->ctl, "pump-1", "plant/valve", PQI_CLASS_L, &w->m), PQI_OK);
    dev_expect(w->pump, &w->m, "x");
    assert_int_equal(w->pump->ev.classes, L);
    /* of ourselves, on sending */
    static const uint8_t all[] = {L, M, H, S};
    for (unsigned c = 0; c < 4; c++) {
        const pqi_status st = send_cls(w->pump, "control", FLOW, (pqi_class)c, &w->m);
        assert_int_equal(st, all[c] == L ? PQI_OK : PQI_ERR_POLICY);
        if (c == PQI_CLASS_M || c == PQI_CLASS_H) {
            assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_ACL);
        }
    }
    world_free(w);
}

/* ---- sending ---------------------------------------------------------------------------------------- */

static void sends(void **state)
{
    (void)state;
    for (size_t i = 0; i < STATES; i++) {
        world *w = world_new(PQI_SESSIONS_OFF);
        to_state(w->ctl, &states[i]);
        const pqi_ctl saved = w->ctl->ep.ctl;
        for (size_t k = 0; k < FLAGS; k++) {
            raise_flag(w->ctl, flags[k].flag);
            for (unsigned c = 0; c < 4; c++) {
                const bool want = (states[i].allows & flags[k].allows & (1u << c)) != 0;
                uint64_t before = 0, after = 0;
                for (unsigned r = 0; r < PQI_REASON_COUNT_; r++) {
                    before += w->ctl->ep.refused_by[r];
                }
                const uint64_t number = w->ctl->peers[0].send_next;
                assert_int_equal(send_cls(w->ctl, "pump-1", CMD, (pqi_class)c, &w->m),
                    want ? PQI_OK : PQI_ERR_POLICY);
                const pqi_reason why = pqi_endpoint_reason(&w->ctl->ep);
                assert_int_equal(pqi_reason_allows(why), want);
                for (unsigned r = 0; r < PQI_REASON_COUNT_; r++) {
                    after += w->ctl->ep.refused_by[r];
                }
                assert_true(after == before + (want ? 0u : 1u));
                if (!want && (states[i].allows & (1u << c)) == 0) {
                    assert_int_equal(why, states[i].reason); /* rows are looked at in their order */
                    assert_true(w->ctl->peers[0].send_next == number);
                }
            }
            lower_flags(w->ctl, &saved);
        }
        world_free(w);
    }
}

/* A session whose healing is overdue: a row like the others, and it says so. */
static void overdue_healing(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_REQUIRE);
    assert_int_equal(pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
    (void)dev_talk(w->ctl, w->pump);
    static const struct {
        uint32_t hours;
        uint8_t allows;
        pqi_reason reason;
    } ages[] = {{5, L | M | S, PQI_REASON_HEAL_HIGH}, {17, L | S, PQI_REASON_HEAL_STOP}};
    uint32_t hours = 0;
    for (size_t i = 0; i < 2; i++) {
        dev *const all[] = {w->ctl, w->pump};
        plane_tick(w->p, 2 + ages[i].hours, &w->n);
        for (size_t k = 0; k < 2; k++) {
            dev_wait(all[k], (ages[i].hours - hours) * (uint64_t)HOUR + 1000u);
            assert_int_equal(dev_receive(all[k], &w->n), PQI_EV_CONTROL);
            assert_int_equal(fresh_of(all[k]), PQI_FRESH_FRESH);
        }
        hours = ages[i].hours;
        for (unsigned c = 4; c-- > 0;) {
            const bool want = (ages[i].allows & (1u << c)) != 0;
            const pqi_status st = send_cls(w->ctl, "pump-1", CMD, (pqi_class)c, &w->m);
            if (!want) {
                assert_int_equal(st, PQI_ERR_POLICY);
                assert_int_equal(pqi_endpoint_reason(&w->ctl->ep),
                    c == PQI_CLASS_H ? PQI_REASON_HEAL_HIGH : ages[i].reason);
            }
        }
    }
    world_free(w);
}

/* ---- handshakes --------------------------------------------------------------------------------------- */

static uint64_t pk(const dev *d)
{
    return pqi_endpoint_pk(&d->ep).total;
}

/* Neither side works on a handshake while its gate is closed; the same INIT goes on once it opens. */
static void handshakes(void **state)
{
    (void)state;
    for (size_t i = 1; i < STATES; i++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        /* as the one that is asked */
        assert_int_equal(
            pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
        assert_true(dev_poll(w->ctl, &w->m));
        to_state(w->pump, &states[i]);
        const uint64_t work = pk(w->pump);
        const uint64_t count = w->pump->ep.refused_by[states[i].reason];
        dev_refuses(w->pump, &w->m, PQI_DROP_CLOSED);
        assert_int_equal(w->pump->ev.reason, states[i].reason);
        assert_true(w->pump->ep.refused_by[states[i].reason] == count + 1);
        assert_true(pk(w->pump) == work);
        /* as the one that asks */
        assert_int_equal(pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0),
            PQI_ERR_POLICY);
        assert_int_equal(pqi_endpoint_reason(&w->pump->ep), states[i].reason);
        pqi_pair_want(&w->pump->ep.sessions->env.pairs[0], PQI_PAIR_WHY_SEND);
        pqi_ep_session_mark(&w->pump->ep, 0);
        while (dev_poll(w->pump, &w->n)) {
            assert_string_equal(w->n.topic, PQI_TOPIC_ASK);
        }
        assert_true(pk(w->pump) == work);
        /* and both go on by themselves */
        const uint32_t passed = (uint32_t)(states[i].wait / HOUR);
        plane_tick(w->p, 2 + passed < PLANE_TICKS ? 2 + passed : PLANE_TICKS, &w->n);
        if (2 + passed < PLANE_TICKS) {
            assert_int_equal(dev_receive(w->pump, &w->n), PQI_EV_CONTROL);
            assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
            for (int k = 0; k < 4; k++) { /* an INIT of each side was lost */
                (void)dev_talk(w->pump, w->ctl);
                dev_wait(w->pump, 3000);
                dev_wait(w->ctl, 3000);
            }
            pqi_session_info s;
            assert_int_equal(
                pqi_endpoint_session(&w->pump->ep, &w->pump->now, text_of("control"), &s), PQI_OK);
            assert_int_equal(s.up, 1);
        }
        world_free(w);
    }
}

/* What is wanted while the gate is closed begins when it opens, with nothing else to remind of it. (Where class S
 * may be said it begins at once: inv_stop.) */
static void goes_on_by_itself(void **state)
{
    (void)state;
    dev_spec ctl = spec_ctl;
    ctl.also_s = 0;
    world *w = world_of(spec_pump, ctl, PQI_SESSIONS_REQUIRE);
    to_state(w->pump, &states[1]);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->m), PQI_ERR_MISSING);
    for (int i = 0; i < 20; i++) {
        while (dev_poll(w->pump, &w->m)) {
            assert_string_equal(w->m.topic, PQI_TOPIC_ASK);
        }
        dev_wait(w->pump, 1000);
    }
    plane_tick(w->p, 9, &w->n);
    assert_int_equal(dev_receive(w->pump, &w->n), PQI_EV_CONTROL);
    bool init = false;
    while (dev_poll(w->pump, &w->m)) {
        init |= strncmp(w->m.topic, PQI_TOPIC_INIT, sizeof PQI_TOPIC_INIT - 1) == 0;
    }
    assert_true(init);
    world_free(w);
}

/* A RESP and a CONF come to a gate that closed meanwhile. */
static void closed_in_between(void **state)
{
    (void)state;
    for (int at = 1; at <= 2; at++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        dev *from = w->ctl, *to = w->pump;
        assert_int_equal(pqi_endpoint_connect(&from->ep, &from->now, text_of("pump-1"), 0), PQI_OK);
        assert_true(dev_poll(from, &w->m));
        for (int i = 0; i < at; i++) {
            dev *who = i % 2 == 0 ? to : from;
            assert_int_not_equal(dev_receive(who, &w->m), PQI_EV_DROP);
            assert_true(dev_poll(who, &w->m));
        }
        dev *who = at % 2 == 0 ? to : from;
        const pqi_ctl saved = who->ep.ctl;
        raise_flag(who, PQI_GATE_EQUIVOCATION);
        const uint64_t work = pk(who);
        dev_refuses(who, &w->m, PQI_DROP_CLOSED);
        assert_int_equal(who->ev.reason, PQI_REASON_EQUIVOCATION);
        assert_true(pk(who) == work);
        lower_flags(who, &saved);
        assert_int_not_equal(dev_receive(who, &w->m), PQI_EV_DROP);
        world_free(w);
    }
}

/* Going on with a session counts as L: aged, stale, unknown; not expired. */
static void resumptions(void **state)
{
    (void)state;
    for (int expired = 0; expired < 2; expired++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        assert_int_equal(
            pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
        (void)dev_talk(w->ctl, w->pump);
        pqi_endpoint_close(&w->pump->ep);
        dev_wait(w->ctl, expired ? 721u * (uint64_t)HOUR : 49u * (uint64_t)HOUR);
        assert_int_equal(fresh_of(w->ctl), expired ? PQI_FRESH_EXPIRED : PQI_FRESH_STALE);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
        msg *m = &w->m;
        do {
            assert_true(dev_poll(w->pump, m));
        } while (strcmp(m->topic, PQI_TOPIC_ASK) == 0);
        assert_int_equal(m->b[0], PQI_HS_T_RESUME1);
        if (expired) {
            dev_refuses(w->ctl, m, PQI_DROP_CLOSED);
            assert_int_equal(w->ctl->ev.reason, PQI_REASON_EXPIRED);
        } else {
            assert_int_not_equal(dev_receive(w->ctl, m), PQI_EV_DROP);
            (void)dev_talk(w->pump, w->ctl);
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, m), PQI_OK);
            assert_int_equal(m->b[0] & 0xf8u, 0x40u);
            dev_expect(w->ctl, m, "x");
            assert_int_equal(w->ctl->ev.marked, 1);
        }
        world_free(w);
    }
}

/* ---- peers -------------------------------------------------------------------------------------------- */

/* A newcomer, and a change of a peer, before any signature is looked at. */
static void peers(void **state)
{
    (void)state;
    dev_spec s = {.id = "valve-7", .epoch = 1, .roster = 7, .pub = "plant/valve-7", .seed = 7};
    for (size_t i = 0; i < STATES; i++) {
        world *w = world_new(PQI_SESSIONS_OFF);
        dev *valve = dev_new(&s);
        assert_int_equal(dev_open(valve), PQI_OK);
        dev_spec newer = spec_ctl;
        newer.epoch = 2;
        newer.seed = 13;
        dev *ctl2 = dev_new(&newer);
        assert_int_equal(dev_open(ctl2), PQI_OK);
        static msg anns[2];
        dev_announce(valve, &anns[0]);
        dev_announce(ctl2, &anns[1]);
        to_state(w->pump, &states[i]);
        const pqi_ctl saved = w->pump->ep.ctl;
        for (size_t k = 0; k < FLAGS; k++) {
            const bool want = (states[i].allows & flags[k].allows & H) != 0;
            raise_flag(w->pump, flags[k].flag);
            for (int which = 0; which < 2 && !want; which++) {
                const uint64_t verifies = fleet_verifies;
                dev_refuses(w->pump, &anns[which], PQI_DROP_CLOSED);
                assert_true(fleet_verifies == verifies);
            }
            lower_flags(w->pump, &saved);
        }
        for (int which = 0; which < 2; which++) {
            assert_int_equal(dev_receive(w->pump, &anns[which]),
                (states[i].allows & H) != 0 ? PQI_EV_PEER : PQI_EV_DROP);
        }
        dev_free(valve);
        dev_free(ctl2);
        world_free(w);
    }
}

/* ---- witnesses ------------------------------------------------------------------------------------------ */

/* The whole way of a device that was off: nobody answers its questions but a gateway, through a session which
 * carries nothing else until the device is fresh. */
static void witness_brings_it_back(void **state)
{
    (void)state;
    dev_spec gw = spec_ctl;
    gw.roles = PQI_CERT_ROLE_GATEWAY | PQI_CERT_ROLE_WITNESS;
    world *w = world_of(spec_pump, gw, PQI_SESSIONS_PREFER);
    static msg q, answer;
    /* the gateway's own freshness was vouched for */
    assert_true(plane_question(w->ctl, &q));
    plane_statement(w->p, w->ctl, &q, &answer);
    assert_int_equal(dev_receive(w->ctl, &answer), PQI_EV_CONTROL);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
    dev_announce(w->ctl, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_NONE);
    /* It asks, and begins a handshake with the witness by itself; everything else is still closed. */
    bool init = false, asked = false, told = false;
    for (int i = 0; i < 60 && !told; i++) {
        bool some = false;
        while (dev_poll(w->pump, &w->m)) {
            some = true;
            asked |= strcmp(w->m.topic, PQI_TOPIC_ASK) == 0;
            init |= strncmp(w->m.topic, PQI_TOPIC_INIT, sizeof PQI_TOPIC_INIT - 1) == 0;
            (void)dev_receive(w->ctl, &w->m);
        }
        while (dev_poll(w->ctl, &w->m)) {
            some = true;
            const bool word =
                strncmp(w->m.topic, PQI_TOPIC_WITNESS, sizeof PQI_TOPIC_WITNESS - 1) == 0;
            if (word) { /* the session is up; it is not fresh yet */
                assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
                assert_int_equal(
                    send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_ERR_POLICY);
                assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_UNKNOWN);
                static msg other;
                assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &other), PQI_OK);
                assert_int_equal(other.b[0] & 0xf8u, 0x40u);
                assert_int_equal(dev_receive(w->pump, &other), PQI_EV_MESSAGE);
                assert_int_equal(w->pump->ev.classes, S); /* a stop passes */
                assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
                assert_true((w->pump->ev.control & PQI_CTL_NEW_TIME) != 0);
                assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_DROP);
                told = true;
                break;
            }
            (void)dev_receive(w->pump, &w->m);
        }
        if (!some) {
            dev_wait(w->pump, 1000);
            dev_wait(w->ctl, 1000);
        }
    }
    assert_true(asked && init && told);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    assert_int_equal(w->n.b[0] & 0xf8u, 0x40u);
    dev_expect(w->ctl, &w->n, "x");
    world_free(w);
}

/* A device alone with a gateway that is none, or that nobody vouches for, stays where it is. */
static void no_witness(void **state)
{
    (void)state;
    for (int role = 0; role < 2; role++) {
        dev_spec gw = spec_ctl;
        gw.roles = role ? PQI_CERT_ROLE_GATEWAY | PQI_CERT_ROLE_WITNESS : PQI_CERT_ROLE_GATEWAY;
        world *w = world_of(spec_pump, gw, PQI_SESSIONS_PREFER);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        if (role) {
            assert_int_equal(dev_open(w->ctl), PQI_OK); /* lost itself */
        }
        dev_announce(w->ctl, &w->m);
        (void)dev_receive(w->pump, &w->m);
        for (int i = 0; i < 40; i++) {
            while (dev_poll(w->pump, &w->m)) {
                assert_int_not_equal(dev_receive(w->ctl, &w->m), PQI_EV_MESSAGE);
            }
            while (dev_poll(w->ctl, &w->m)) {
                assert_int_not_equal(dev_receive(w->pump, &w->m), PQI_EV_MESSAGE);
            }
            dev_wait(w->pump, 500);
            dev_wait(w->ctl, 500);
        }
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
        world_free(w);
    }
}

/* A peer of the same fleet that is no witness says it is: its word counts for nothing. */
static void anybodys_word(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    assert_int_equal(pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
    (void)dev_talk(w->ctl, w->pump);
    const pqi_ctl saved = w->pump->ep.ctl;
    pqi_ep_link link;
    uint8_t word[PQI_WITNESS_LEN + 1] = {0};
    static const size_t lens[] = {0, 1, PQI_NONCE_LEN, PQI_NONCE_LEN + 1, PQI_WITNESS_LEN - 1,
        PQI_WITNESS_LEN, PQI_WITNESS_LEN + 1};
    memcpy(word, w->pump->ep.ctl.nonce, PQI_NONCE_LEN);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        const size_t len = lens[i];
        assert_true(pqi_ep_link_of(&w->ctl->ep, 0, &w->ctl->now, &link));
        memset(w->m.topic, 0, sizeof w->m.topic);
        memcpy(w->m.topic, "pq/4/x/pump-1/control", sizeof "pq/4/x/pump-1/control");
        const pqi_pair_msg x = {
            .topic = text_of(w->m.topic), .payload = {word, len}, .cls = PQI_CLASS_L};
        assert_int_equal(pqi_pair_send(&w->ctl->ep.sessions->env, &link.at, &x,
                             (pqi_span){w->m.b, sizeof w->m.b}, &w->m.len),
            PQI_OK);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_DROP);
        assert_int_equal(w->pump->ev.drop,
            len == PQI_WITNESS_LEN || len == PQI_NONCE_LEN ? PQI_DROP_SCOPE : PQI_DROP_DECODE);
        assert_int_equal(w->pump->ev.plain.len, 0);
    }
    assert_memory_equal(&saved.s, &w->pump->ep.ctl.s, sizeof saved.s);
    /* Applications do not get at the topic, whichever scope they have. */
    assert_int_equal(dev_send(w->ctl, "pump-1", "pq/4/x/pump-1/control", "0123456789abcdef", &w->m),
        PQI_ERR_POLICY);
    world_free(w);
}

/* ---- fleets without a control plane ---------------------------------------------------------------------- */

/* No head key in the root: time closes nothing, and nothing is asked. */
static void no_plane(void **state)
{
    (void)state;
    dev *pump = dev_new(&spec_pump), *ctl = dev_new(&spec_ctl);
    static msg m;
    assert_int_equal(dev_open(pump), PQI_OK);
    assert_int_equal(dev_open(ctl), PQI_OK);
    dev_meet(pump, ctl);
    dev_wait(pump, 10000 * (uint64_t)HOUR);
    dev_wait(ctl, 10000 * (uint64_t)HOUR);
    assert_int_equal(fresh_of(pump), PQI_FRESH_NONE);
    for (unsigned c = 0; c < 4; c++) {
        assert_int_equal(send_cls(ctl, "pump-1", CMD, (pqi_class)c, &m), PQI_OK);
        dev_expect(pump, &m, "x");
        assert_int_equal(pump->ev.classes, L | M | H | S);
    }
    pqi_outpacket o;
    assert_int_equal(
        pqi_endpoint_poll(&pump->ep, &pump->now, (pqi_span){m.b, sizeof m.b}, &o), PQI_OK);
    assert_int_equal(o.len, 0);
    assert_true(o.wait_ms == UINT32_MAX);
    dev_free(pump);
    dev_free(ctl);
}

PQI_TEST_MAIN(cmocka_unit_test(every_class), cmocka_unit_test(every_class_in_sessions),
    cmocka_unit_test(stop_is_no_key), cmocka_unit_test(lists_take_classes), cmocka_unit_test(sends),
    cmocka_unit_test(overdue_healing), cmocka_unit_test(handshakes),
    cmocka_unit_test(goes_on_by_itself), cmocka_unit_test(closed_in_between),
    cmocka_unit_test(resumptions), cmocka_unit_test(peers),
    cmocka_unit_test(witness_brings_it_back), cmocka_unit_test(no_witness),
    cmocka_unit_test(anybodys_word), cmocka_unit_test(no_plane))
