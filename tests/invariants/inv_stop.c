/* SPDX-License-Identifier: Apache-2.0
 * INV-120: class S has a path between two ends that are not revoked, whatever is not known and whoever started
 * again, with v1 packets or without; and a session that was made for it carries nothing else, in neither
 * direction, until a handshake would be allowed anyway. docs/spec/gates.md, "Sessions for class S". */
#include "support/plane.h"

#include "proto/mqtt/endpoint_control.h"

#define HOUR PLANE_TICK_MS
#define FLOW "plant/pump-1/flow"
#define CMD  "plant/pump-1/cmd"
#define L    1u
#define M    2u
#define H    4u
#define S    8u

typedef struct world {
    plane *p;
    dev *pump, *ctl;
    msg m, n;
} world;

/* How class S goes: in sessions alone by policy, or because nobody has a signing key; as v1 too. */
static const struct way {
    pqi_session_use use;
    int kem_only;
} ways[] = {{PQI_SESSIONS_REQUIRE, 0}, {PQI_SESSIONS_PREFER, 1}, {PQI_SESSIONS_PREFER, 0},
    {PQI_SESSIONS_OFF, 0}};

static bool needs_session(const struct way *y)
{
    return y->use == PQI_SESSIONS_REQUIRE || y->kem_only;
}

static world *world_new(const struct way *y, int with_s)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = plane_new();
    const dev_spec a = {.id = "pump-1",
        .epoch = 1,
        .roster = 1,
        .pub = "plant/pump-1",
        .seed = 1,
        .also_s = with_s,
        .sessions = y->use,
        .kem_only = y->kem_only};
    const dev_spec b = {.id = "control",
        .epoch = 1,
        .roster = 3,
        .pub = "plant",
        .seed = 3,
        .also_s = with_s,
        .sessions = y->use,
        .kem_only = y->kem_only};
    w->pump = dev_new(&a);
    w->ctl = dev_new(&b);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    plane_head(w->p, &w->m);
    plane_tick(w->p, 1, &w->n);
    dev *const both[] = {w->pump, w->ctl};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(dev_receive(both[i], &w->m), PQI_EV_CONTROL);
        assert_int_equal(dev_receive(both[i], &w->n), PQI_EV_CONTROL);
    }
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

static pqi_fresh fresh_of(const dev *d)
{
    return pqi_ctl_fresh(&d->ep.ctl, &d->now, (pqi_cspan){NULL, 0});
}

static uint64_t pk(const dev *d)
{
    return pqi_endpoint_pk(&d->ep).total;
}

static dev *other(const world *w, const dev *d)
{
    return d == w->pump ? w->ctl : w->pump;
}

static pqi_status send_cls(const world *w, dev *from, pqi_class cls, msg *m)
{
    const bool down = from == w->ctl;
    const char *topic = down ? CMD : FLOW;
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    const pqi_outbound o = {.peer = text_of(down ? "pump-1" : "control"),
        .topic = text_of(topic),
        .payload = text_of("x"),
        .cls = cls};
    return pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len);
}

static void connect(world *w)
{
    assert_int_equal(pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
    (void)dev_talk(w->ctl, w->pump);
}

static void second(world *w)
{
    (void)dev_talk(w->pump, w->ctl);
    dev_wait(w->pump, 1000);
    dev_wait(w->ctl, 1000);
}

static pqi_session_info session_of(dev *d)
{
    const char *peer = strcmp(d->spec.id, "control") == 0 ? "pump-1" : "control";
    pqi_session_info s;
    assert_int_equal(pqi_endpoint_session(&d->ep, &d->now, text_of(peer), &s), PQI_OK);
    return s;
}

/* ---- what is not known ------------------------------------------------------------------------------ */

static const struct state {
    pqi_fresh fresh;
    uint64_t hours;
    int start; /* it is unknown since a start; else it hears a tick that does not say how late it is */
} states[] = {
    {PQI_FRESH_FRESH, 0, 0}, {PQI_FRESH_AGED, 14, 0}, {PQI_FRESH_STALE, 70, 0},
    {PQI_FRESH_EXPIRED, 730, 0}, {PQI_FRESH_UNKNOWN, 2, 1}, /* after the grace */
};
enum { STATES = sizeof states / sizeof states[0] };

static const unsigned flags[] = {0, PQI_GATE_ROLLBACK, PQI_GATE_EQUIVOCATION, PQI_GATE_REV_GAP,
    PQI_GATE_POLICY_GAP, PQI_GATE_STORAGE, PQI_GATE_ROSTER, PQI_GATE_ASSURANCE, PQI_GATE_ATTEST};
enum { FLAGS = sizeof flags / sizeof flags[0] };

static void raise_flag(dev *d, unsigned flag)
{
    pqi_ctl *c = &d->ep.ctl;
    pqi_policy_rules *r = &c->policy.rules;
    c->floor[0] += flag == PQI_GATE_ROLLBACK;
    if (flag == PQI_GATE_EQUIVOCATION) {
        c->s.equivocation = 1;
        c->s.equivocation_root = c->manifest.root_version;
    }
    c->s.head.rev_seq += flag == PQI_GATE_REV_GAP;
    c->s.head.policy_seq += flag == PQI_GATE_POLICY_GAP;
    if (flag == PQI_GATE_STORAGE) {
        r->flags |= PQI_POLICY_NO_ROLLBACK;
        d->prov.ops.caps = 0;
        d->prov.base.ops = &d->prov.ops;
    }
    r->flags |= flag == PQI_GATE_ROSTER ? PQI_POLICY_ROSTER : 0u;
    r->flags |= flag == PQI_GATE_ATTEST ? PQI_POLICY_ATTEST : 0u;
    if (flag == PQI_GATE_ASSURANCE) {
        r->assurance[PQI_CLASS_L] = r->assurance[PQI_CLASS_M] = r->assurance[PQI_CLASS_H] =
            PQI_ASSURE_HW_RNG;
    }
}

static void lower_flags(dev *d, const pqi_ctl *saved)
{
    d->ep.ctl.floor[0] = saved->floor[0];
    d->ep.ctl.s.equivocation = saved->s.equivocation;
    d->ep.ctl.s.head.rev_seq = saved->s.head.rev_seq;
    d->ep.ctl.s.head.policy_seq = saved->s.head.policy_seq;
    d->ep.ctl.policy.rules = saved->policy.rules;
    d->prov.ops.caps = PQI_CAP_NO_ROLLBACK;
}

/* Is a handshake closed for d, as it stands? */
static bool is_closed(const world *w, dev *d)
{
    const pqi_ep_deed deed = {
        .peer = pqi_endpoint_peer(&d->ep, text_of(other(w, d)->spec.id)), .op = PQI_OP_HANDSHAKE};
    const pqi_now then = pqi_ctl_now(&d->ep.ctl, &d->now);
    return !pqi_reason_allows(pqi_ep_gate(&d->ep, &then, &deed));
}

/* Its records of sessions go, and it starts again. */
static void starts_again(dev *d, bool lost)
{
    for (size_t i = 0; lost && i < FAKE_NVM_RECORDS; i++) {
        if (strncmp(d->nvm.rec[i].name, "s-", 2) == 0) {
            fake_nvm_erase(&d->nvm, d->nvm.rec[i].name, 0);
            fake_nvm_erase(&d->nvm, d->nvm.rec[i].name, 1);
        }
    }
    assert_int_equal(dev_open(d), PQI_OK);
}

/* The control plane answers it: it is fresh, whatever it was. */
static void vouch(world *w, dev *d)
{
    for (int i = 0; i < 400 && !plane_question(d, &w->n); i++) {
        dev_wait(d, 10000);
    }
    plane_statement(w->p, d, &w->n, &w->m);
    assert_int_equal(dev_receive(d, &w->m), PQI_EV_CONTROL);
    assert_int_equal(fresh_of(d), PQI_FRESH_FRESH);
}

/* ---- the matrix ---------------------------------------------------------------------------------------- */

#define PUMP 1u
#define CTL  2u

typedef struct story {
    const struct way *way;
    const struct state *state;
    unsigned flag;
    unsigned where, starts; /* PUMP, CTL: who is in this state; who starts again */
    bool lost;              /* with no record of its session */
    uint64_t reached, limited;
} story;

/* Into the state, each end by itself. */
static void tell(world *w, const story *t)
{
    dev *const ends[] = {w->pump, w->ctl};
    for (unsigned i = 0; i < 2; i++) {
        if ((t->where & 1u << i) != 0 && !t->state->start) {
            dev_wait(ends[i], t->state->hours * HOUR);
            pqi_endpoint_tick(&ends[i]->ep, &ends[i]->now);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        const bool in = (t->where & 1u << i) != 0, again = (t->starts & 1u << i) != 0;
        if (!again && !(in && t->state->start)) {
            continue;
        }
        starts_again(ends[i], again && t->lost);
        if (!in || !t->state->start) { /* a tick: it goes on from the age that it had */
            plane_tick(w->p, w->p->tick + 1u, &w->m);
            assert_int_equal(dev_receive(ends[i], &w->m), PQI_EV_CONTROL);
        } else {
            dev_wait(ends[i], t->state->hours * HOUR);
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        dev_announce(ends[1 - i], &w->m); /* the certificate's other hash, after a start */
        assert_int_equal(dev_receive(ends[i], &w->m), PQI_EV_NONE);
        const bool in = (t->where & 1u << i) != 0;
        assert_int_equal(fresh_of(ends[i]), in ? t->state->fresh : PQI_FRESH_FRESH);
        if (in) {
            raise_flag(ends[i], t->flag);
        }
    }
}

static bool may_resume(const world *w, dev *d)
{
    const pqi_ep_deed deed = {
        .peer = pqi_endpoint_peer(&d->ep, text_of(other(w, d)->spec.id)), .op = PQI_OP_RESUME};
    const pqi_now then = pqi_ctl_now(&d->ep.ctl, &d->now);
    return pqi_reason_allows(pqi_ep_gate(&d->ep, &then, &deed));
}

/* A stop from `from` arrives within minutes, by sending it again. Whatever else came with it. */
static uint8_t stops(world *w, dev *from)
{
    dev *to = other(w, from);
    for (int s = 0; s < 300; s++) {
        const pqi_status st = send_cls(w, from, PQI_CLASS_S, &w->m);
        if (st == PQI_OK && dev_receive(to, &w->m) == PQI_EV_MESSAGE) {
            assert_int_not_equal(to->ev.classes & S, 0);
            return to->ev.classes;
        }
        assert_true(st == PQI_OK || st == PQI_ERR_MISSING);
        second(w);
    }
    return 0;
}

/* A session made for S: S alone, both ways, as far as this end has a say. */
static void is_limited(world *w, dev *d)
{
    for (pqi_class c = PQI_CLASS_L; c <= PQI_CLASS_H; c = (pqi_class)(c + 1)) {
        assert_int_equal(send_cls(w, d, c, &w->m), PQI_ERR_POLICY);
        assert_false(pqi_reason_allows(pqi_endpoint_reason(&d->ep)));
        if (send_cls(w, other(w, d), c, &w->m) == PQI_OK) {
            assert_int_equal(dev_receive(d, &w->m), PQI_EV_MESSAGE);
            assert_int_equal(d->ev.classes, S);
        }
    }
    static msg attest;
    uint8_t none[16] = {0};
    assert_int_equal(pqi_endpoint_send_attest(&d->ep, &d->now, text_of(other(w, d)->spec.id),
                         (pqi_cspan){none, sizeof none}, attest.topic,
                         (pqi_span){attest.b, sizeof attest.b}, &attest.len),
        PQI_ERR_POLICY);
}

static void all_again(world *w)
{
    dev *const ends[] = {w->pump, w->ctl};
    for (unsigned i = 0; i < 2; i++) {
        uint8_t got = 0;
        for (int s = 0; s < 300 && got != (L | M | H | S); s++) {
            second(w);
            if (send_cls(w, ends[i], PQI_CLASS_H, &w->m) == PQI_OK &&
                dev_receive(ends[1 - i], &w->m) == PQI_EV_MESSAGE) {
                got = ends[1 - i]->ev.classes;
            }
        }
        assert_int_equal(got, L | M | H | S);
    }
}

static uint64_t handshakes(const world *w)
{
    const pqi_pair_shared *a = &w->pump->ep.sessions->shared, *b = &w->ctl->ep.sessions->shared;
    return a->started + a->answered + b->started + b->answered;
}

static void play(story *t)
{
    world *w = world_new(t->way, 1);
    dev *const ends[] = {w->pump, w->ctl};
    if (needs_session(t->way)) {
        connect(w);
    }
    pqi_ctl saved[2];
    saved[0] = w->pump->ep.ctl;
    saved[1] = w->ctl->ep.ctl;
    tell(w, t);
    if (!t->lost) { /* before a message tells the other end that its session is gone */
        second(w);
    }
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t got = stops(w, ends[i]);
        if (got == 0) {
            fail_msg("no path from %s: use %d, state %d, flag %x, at %u, starts %u, lost %d",
                ends[i]->spec.id, t->way->use, t->state->fresh, t->flag, t->where, t->starts,
                t->lost);
        }
        t->reached++;
    }
    const bool fresh_session = needs_session(t->way) && t->starts != 0 && t->lost;
    for (unsigned i = 0; i < 2; i++) {
        const bool made = fresh_session && is_closed(w, ends[i]);
        const bool on = needs_session(t->way) && t->starts != 0 && !may_resume(w, ends[i]);
        if (made || on) {
            is_limited(w, ends[i]);
            t->limited++;
        }
    }
    const uint64_t begun = fresh_session ? handshakes(w) : 0;
    for (unsigned i = 0; i < 2; i++) {
        lower_flags(ends[i], &saved[i]);
        if (fresh_of(ends[i]) != PQI_FRESH_FRESH) {
            vouch(w, ends[i]);
        }
    }
    all_again(w);
    assert_true(
        !fresh_session || handshakes(w) == begun); /* the same session carries everything now */
    world_free(w);
}

static void matrix(const struct way *y, unsigned where_from)
{
    story t = {.way = y};
    for (size_t k = 0; k < STATES * FLAGS; k++) {
        t.state = &states[k / FLAGS];
        t.flag = flags[k % FLAGS];
        if (t.flag != 0 && t.state->fresh != PQI_FRESH_FRESH &&
            t.state->fresh != PQI_FRESH_EXPIRED) {
            continue;
        }
        for (unsigned rest = 0; rest < 32; rest++) {
            t.where = rest % 4u;
            t.starts = rest / 4u % 4u;
            t.lost = rest / 16u != 0;
            if (t.where >= where_from && !(t.lost && t.starts == 0)) {
                play(&t);
            }
        }
    }
    print_message("# %d: %llu stops arrived; %llu ends were limited to them\n", (int)y->use,
        (unsigned long long)t.reached, (unsigned long long)t.limited);
    assert_int_equal(t.limited != 0, needs_session(y));
}

static void required(void **state)
{
    (void)state;
    matrix(&ways[0], 1);
}

static void without_signing_keys(void **state)
{
    (void)state;
    matrix(&ways[1], 3);
}

static void beside_v1(void **state)
{
    (void)state;
    matrix(&ways[2], 3);
    matrix(&ways[3], 3);
}

/* ---- what it does not open ------------------------------------------------------------------------------ */

/* Nobody may say S: there is nothing that a session would be needed for. */
static void nobody_says_it(void **state)
{
    (void)state;
    for (size_t i = 1; i < STATES; i++) {
        world *w = world_new(&ways[0], 0);
        static msg init;
        assert_int_equal(
            pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
        assert_true(dev_poll(w->ctl, &init));
        story t = {.way = &ways[0], .state = &states[i], .where = PUMP};
        tell(w, &t);
        const uint64_t work = pk(w->pump);
        dev_refuses(w->pump, &init, PQI_DROP_CLOSED);
        assert_int_equal(pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0),
            PQI_ERR_POLICY);
        assert_int_equal(send_cls(w, w->pump, PQI_CLASS_S, &w->m), PQI_ERR_POLICY);
        for (int s = 0; s < 20; s++) {
            while (dev_poll(w->pump, &w->m)) {
                assert_string_equal(w->m.topic, PQI_TOPIC_ASK);
            }
            dev_wait(w->pump, 1000);
        }
        assert_true(pk(w->pump) == work);
        world_free(w);
    }
}

/* A session that carries S as it is gives way to no exception of ours, and to one of the peer only when that has
 * proved who it is. */
static void a_whole_session_stays(void **state)
{
    (void)state;
    world *w = world_new(&ways[0], 1);
    static msg init, resp, conf, m;
    connect(w);
    dev_wait(w->pump, 8 * (uint64_t)HOUR);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_AGED);
    assert_int_equal(
        pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 1), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_AGED);
    assert_int_equal(
        pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
    while (dev_poll(w->pump, &m)) {
        assert_int_not_equal(strncmp(m.topic, PQI_TOPIC_INIT, sizeof PQI_TOPIC_INIT - 1), 0);
    }
    /* the peer begins: nothing changes with its INIT */
    assert_int_equal(pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 1), PQI_OK);
    assert_true(dev_poll(w->ctl, &init));
    m = init;
    m.b[m.len - 1] ^= 1;
    const uint64_t work = pk(w->pump);
    dev_refuses(w->pump, &m, PQI_DROP_GATE);
    assert_true(pk(w->pump) == work);
    assert_int_not_equal(dev_receive(w->pump, &init), PQI_EV_DROP);
    assert_int_equal(send_cls(w, w->ctl, PQI_CLASS_M, &m), PQI_OK);
    assert_int_equal(dev_receive(w->pump, &m), PQI_EV_MESSAGE);
    assert_int_equal(w->pump->ev.classes, L | M | S);
    assert_int_equal(send_cls(w, w->pump, PQI_CLASS_L, &m), PQI_OK);
    /* but with its CONF */
    assert_true(dev_poll(w->pump, &resp));
    assert_int_not_equal(dev_receive(w->ctl, &resp), PQI_EV_DROP);
    assert_true(dev_poll(w->ctl, &conf));
    m = conf;
    m.b[m.len - 1] ^= 1;
    dev_refuses(w->pump, &m, PQI_DROP_SEALED);
    assert_int_equal(send_cls(w, w->pump, PQI_CLASS_L, &m), PQI_OK);
    assert_int_not_equal(dev_receive(w->pump, &conf), PQI_EV_DROP);
    is_limited(w, w->pump);
    (void)dev_talk(w->pump, w->ctl);
    is_limited(w, w->pump);
    vouch(w, w->pump);
    all_again(w);
    world_free(w);
}

/* A session whose numbers are used up carries no stop: another one is begun. */
static void used_up(void **state)
{
    (void)state;
    world *w = world_new(&ways[0], 1);
    static msg m;
    connect(w);
    dev_wait(w->pump, 14 * (uint64_t)HOUR);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_AGED);
    const pqi_pair_env *env = &w->pump->ep.sessions->env;
    const pqi_table_ref ref = env->pairs[0].core.stable;
    pqi_session_view(env->profile, pqi_table_at(env->table, ref)).r->msgs =
        env->ratchet->limits->session_msgs;
    assert_int_equal(send_cls(w, w->pump, PQI_CLASS_S, &m), PQI_ERR_LIMIT);
    pqi_status st = PQI_ERR_LIMIT;
    for (int s = 0; s < 60 && st != PQI_OK; s++) {
        second(w);
        st = send_cls(w, w->pump, PQI_CLASS_S, &m);
    }
    assert_int_equal(st, PQI_OK);
    assert_int_equal(dev_receive(w->ctl, &m), PQI_EV_MESSAGE);
    is_limited(w, w->pump);
    world_free(w);
}

/* The gate closes between INIT and RESP, or between RESP and the first message: as the initiator. */
static void closed_on_the_way(void **state)
{
    (void)state;
    for (int at = 0; at < 3; at++) {
        world *w = world_new(&ways[0], 1);
        static msg m;
        dev *steps[] = {w->ctl, w->pump, w->ctl};
        assert_int_equal(
            pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
        for (int i = 0; i < 3; i++) { /* INIT, RESP, CONF */
            assert_true(dev_poll(i % 2 == 0 ? w->pump : w->ctl, &m));
            if (i == at) {
                dev_wait(w->pump, 8 * (uint64_t)HOUR);
            }
            assert_int_not_equal(dev_receive(steps[i], &m), PQI_EV_DROP);
        }
        assert_int_not_equal(stops(w, w->ctl), 0);
        if (at < 2) {
            is_limited(w, w->pump);
        } else { /* what was agreed while it was open */
            assert_int_equal(send_cls(w, w->pump, PQI_CLASS_L, &m), PQI_OK);
        }
        world_free(w);
    }
}

/* Nothing of the session is on the medium. */
static void resumes_nothing(dev *d)
{
    static msg m;
    while (dev_poll(d, &m)) {
        assert_int_not_equal(m.b[0], PQI_HS_T_RESUME1);
    }
    assert_int_equal(d->ep.sessions->env.pairs[0].core.rec.n, 0);
}

/* The initiator goes down with the CONF on its way, before it heard its peer in the session. */
static void down_on_the_way(void **state)
{
    (void)state;
    world *w = world_new(&ways[0], 1);
    static msg m;
    story t = {.way = &ways[0], .state = &states[1], .where = PUMP};
    tell(w, &t);
    assert_int_equal(
        pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
    for (int i = 0; i < 3; i++) {
        do {
            assert_true(dev_poll(i % 2 == 0 ? w->pump : w->ctl, &m));
        } while (strcmp(m.topic, PQI_TOPIC_ASK) == 0);
        assert_int_not_equal(dev_receive(i % 2 == 0 ? w->ctl : w->pump, &m), PQI_EV_DROP);
    }
    assert_int_equal(m.b[0], PQI_HS_T_CONF_S);
    t.starts = PUMP;
    t.state = &(struct state){PQI_FRESH_AGED, 0, 0};
    tell(w, &t);
    resumes_nothing(w->pump);
    assert_int_not_equal(stops(w, w->ctl), 0);
    is_limited(w, w->pump);
    world_free(w);
}

/* Rounds and starts of either end do not make more of it. */
static void stays_limited(void **state)
{
    (void)state;
    world *w = world_new(&ways[0], 1);
    story t = {.way = &ways[0], .state = &states[2], .where = PUMP};
    tell(w, &t);
    for (int life = 0; life < 4; life++) {
        assert_int_not_equal(stops(w, w->ctl), 0);
        is_limited(w, w->pump);
        const uint32_t epoch = session_of(w->pump).epoch;
        for (int i = 0; i < 400; i++) {
            assert_int_not_equal(stops(w, i % 2 == 0 ? w->ctl : w->pump), 0);
            second(w);
        }
        assert_true(session_of(w->pump).epoch > epoch);
        is_limited(w, w->pump);
        dev *again = life % 2 == 0 ? w->ctl : w->pump;
        assert_int_equal(dev_open(again), PQI_OK);
        plane_tick(w->p, w->p->tick + 1u, &w->m);
        assert_int_equal(dev_receive(again, &w->m), PQI_EV_CONTROL);
        dev_announce(other(w, again), &w->m);
        assert_int_equal(dev_receive(again, &w->m), PQI_EV_NONE);
        if (again == w->pump) {
            assert_int_equal(fresh_of(w->pump), PQI_FRESH_STALE);
            resumes_nothing(w->pump);
        }
    }
    vouch(w, w->pump);
    all_again(w);
    world_free(w);
}

/* What a resumption may not go on with it does not, also where the rows would let a class through by itself. */
static void gone_on_with(void **state)
{
    (void)state;
    world *w = world_new(&ways[0], 1);
    connect(w);
    story t = {.way = &ways[0], .state = &states[0], .where = PUMP, .starts = PUMP};
    tell(w, &t);
    const uint8_t was = w->pump->ep.ctl.policy.rules.assurance[PQI_CLASS_L];
    w->pump->ep.ctl.policy.rules.assurance[PQI_CLASS_L] = PQI_ASSURE_HW_RNG;
    second(w);
    assert_int_equal(stops(w, w->ctl), S);
    is_limited(w, w->pump);
    w->pump->ep.ctl.policy.rules.assurance[PQI_CLASS_L] = was;
    all_again(w);
    world_free(w);
}

PQI_TEST_MAIN(cmocka_unit_test(required), cmocka_unit_test(without_signing_keys),
    cmocka_unit_test(beside_v1), cmocka_unit_test(nobody_says_it),
    cmocka_unit_test(a_whole_session_stays), cmocka_unit_test(closed_on_the_way),
    cmocka_unit_test(used_up), cmocka_unit_test(down_on_the_way), cmocka_unit_test(stays_limited),
    cmocka_unit_test(gone_on_with))
