/* SPDX-License-Identifier: Apache-2.0
 * Control objects at the endpoint: what each of them changes, and what nobody can change with what he has.
 * What a device makes of them by itself is tested at pqi/ctl.h. */
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
    both(w, &w->m, PQI_EV_CONTROL);
    plane_tick(w->p, 1, &w->m);
    both(w, &w->m, PQI_EV_CONTROL);
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

static unsigned flags_of(const dev *d)
{
    return pqi_ctl_flags(&d->ep.ctl, &d->now);
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

static bool session_up(const dev *d, const char *peer)
{
    pqi_session_info s;
    assert_int_equal(pqi_endpoint_session(&d->ep, &d->now, text_of(peer), &s), PQI_OK);
    return s.up;
}

static void connect(world *w)
{
    assert_int_equal(pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
    (void)dev_talk(w->ctl, w->pump);
    assert_true(session_up(w->ctl, "pump-1") && session_up(w->pump, "control"));
}

/* A policy, and the head that names it, at both. */
static void policy(world *w, const pqi_policy_rules *r)
{
    plane_policy(w->p, r, &w->m);
    plane_head(w->p, &w->n);
    both(w, &w->n, PQI_EV_CONTROL);
    both(w, &w->m, PQI_EV_CONTROL);
    assert_true((w->pump->ev.control & PQI_CTL_NEW_POLICY) != 0);
    assert_int_equal(flags_of(w->pump), 0);
}

/* A record is deleted; or is again what it was. */
static void gone(fake_nvm *f, const char *name)
{
    assert_non_null(fake_nvm_find(f, name));
    fake_nvm_erase(f, name, 0);
    fake_nvm_erase(f, name, 1);
}

static void put_back(fake_nvm *f, fake_nvm *old, const char *name)
{
    fake_slot *to = fake_nvm_find(f, name);
    const fake_slot *from = fake_nvm_find(old, name);
    assert_true(to != NULL && from != NULL);
    for (unsigned i = 0; i < 2; i++) {
        fake_nvm_erase(f, name, i);
        if (from->bytes[i] != NULL) {
            to->bytes[i] = malloc(from->len[i]);
            assert_non_null(to->bytes[i]);
            memcpy(to->bytes[i], from->bytes[i], from->len[i]);
            to->len[i] = from->len[i];
        }
    }
}

/* ---- revocation ------------------------------------------------------------------------------------- */

static bool has_zero_gates(const pqi_peer *p)
{
    static const uint8_t zero[PQI_GATE_KEY];
    return memcmp(p->gk_in, zero, sizeof zero) == 0 && memcmp(p->gk_out, zero, sizeof zero) == 0;
}

/* INV-58, INV-42: the very packet that brings an entry ends the session, the candidate and v1 of that peer; its
 * gate keys are gone from memory, and with the next poll its record from the medium. */
static void revoked_at_once(void **state)
{
    (void)state;
    for (int how = 0; how < 3; how++) { /* a session; a candidate; a delta in an answer */
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg v1, data, hs;
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &v1), PQI_OK);
        if (how != 1) {
            connect(w);
            assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &data), PQI_OK);
            assert_int_equal(data.b[0] & 0xf8u, 0x40u);
        } else {
            assert_true(dev_poll(w->ctl, &hs)); /* INIT, RESP; the CONF comes too late */
            assert_int_not_equal(dev_receive(w->pump, &hs), PQI_EV_DROP);
            assert_true(dev_poll(w->pump, &hs));
            assert_int_not_equal(dev_receive(w->ctl, &hs), PQI_EV_DROP);
            assert_true(dev_poll(w->ctl, &data));
            assert_int_equal(w->pump->ep.sessions->env.pairs[0].core.role, PQI_PAIR_R);
        }
        plane_revoke(w->p, 3, 2);
        plane_log(w->p, 0, &w->m);
        if (how == 2) {
            memmove(w->m.b + PQI_ANSWER_HEAD, w->m.b, w->m.len);
            memset(w->m.b, 0, PQI_ANSWER_HEAD);
            w->m.b[0] = PQI_ANSWER_T;
            w->m.b[1] = PQI_OBJ_REVOCATIONS;
            w->m.len += PQI_ANSWER_HEAD;
            memset(w->m.topic, 0, sizeof w->m.topic);
            memcpy(w->m.topic, "pq/4/a/pump-1", sizeof "pq/4/a/pump-1");
        }
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_REVOKED);
        assert_int_equal(w->pump->ev.seq, 1);
        assert_true((w->pump->ev.control & PQI_CTL_NEW_REVOCATIONS) != 0);
        const pqi_peer *p = known(w->pump, "control");
        assert_true(p->revoked && !p->ready && has_zero_gates(p));
        const struct pqi_pair_core *core = &w->pump->ep.sessions->env.pairs[0].core;
        assert_true(core->stable == 0 && core->cand == 0 && core->old == 0 && !core->hot);
        assert_int_equal(w->pump->ep.sessions->table.used, 0);
        assert_int_equal(dev_receive(w->pump, &data), PQI_EV_DROP);
        dev_refuses(w->pump, &v1, PQI_DROP_REVOKED);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_S, &w->n), PQI_ERR_POLICY);
        (void)dev_talk(w->pump, w->ctl);
        assert_int_equal(core->rec.n, 0);
        /* nothing of it comes back with a restart */
        assert_int_equal(dev_open(w->pump), PQI_OK);
        assert_true(
            known(w->pump, "control")->revoked && has_zero_gates(known(w->pump, "control")));
        dev_refuses(w->pump, &v1, PQI_DROP_REVOKED);
        world_free(w);
    }
}

/* Our own revocation ends everything of ours, class S as well. */
static void revoked_ourselves(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    connect(w);
    static msg data;
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &data), PQI_OK);
    plane_revoke(w->p, 1, UINT32_MAX);
    plane_log(w->p, 0, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_REVOKED);
    assert_true(dev_is_out(w->pump));
    assert_int_equal(w->pump->ep.sessions->table.used, 0);
    assert_int_equal(dev_receive(w->pump, &data), PQI_EV_DROP);
    for (unsigned c = 0; c < 4; c++) {
        assert_int_not_equal(send_cls(w->pump, "control", FLOW, (pqi_class)c, &w->n), PQI_OK);
    }
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_SELF_REVOKED);
    pqi_outbound o = {.peer = text_of("pump-1"),
        .topic = text_of(CMD),
        .payload = text_of("x"),
        .cls = PQI_CLASS_L,
        .via = PQI_VIA_V1};
    memset(w->n.topic, 0, sizeof w->n.topic);
    memcpy(w->n.topic, CMD, sizeof CMD);
    assert_int_equal(pqi_endpoint_send(&w->ctl->ep, &w->ctl->now, &o,
                         (pqi_span){w->n.b, sizeof w->n.b}, &w->n.len),
        PQI_OK);
    assert_int_equal(dev_receive(w->pump, &w->n), PQI_EV_DROP);
    assert_int_equal(w->pump->ev.reason, PQI_REASON_SELF_REVOKED);
    world_free(w);
}

/* ---- policy ------------------------------------------------------------------------------------------ */

/* INV-60: signed by the policy keys of the root, named by the head; older ones stay outside. */
static void policies(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    static msg first, second, forged, head;
    pqi_policy_rules r = pqi_policy_default;
    r.min_level = 1;
    plane_policy(w->p, &r, &first);
    dev_refuses(w->pump, &first, PQI_DROP_GAP); /* no head names it */
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_true((flags_of(w->pump) & PQI_GATE_POLICY_GAP) != 0);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_POLICY_GAP);
    for (size_t at = 0; at < first.len; at += 61) {
        forged = first;
        forged.b[at] ^= 1;
        assert_int_equal(dev_receive(w->pump, &forged), PQI_EV_DROP);
        assert_true((flags_of(w->pump) & PQI_GATE_POLICY_GAP) != 0);
    }
    w->pump->now.mono_ms += 100000; /* tokens */
    assert_int_equal(dev_receive(w->pump, &first), PQI_EV_CONTROL);
    assert_int_equal(w->pump->ep.cfg.policy.min_level, 1);
    r.min_level = 0;
    plane_policy(w->p, &r, &second);
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &first), PQI_EV_NONE); /* still the one in force */
    assert_int_equal(dev_receive(w->pump, &second), PQI_EV_CONTROL);
    dev_refuses(w->pump, &first, PQI_DROP_REPLAY);
    assert_int_equal(w->pump->ep.cfg.policy.min_level, 0);
    assert_int_equal(flags_of(w->pump), 0);
    world_free(w);
}

/* A policy tightens what the caller allowed, and never loosens it. */
static void never_loosens(void **state)
{
    (void)state;
    dev_spec a = spec_pump;
    a.policy.min_level = 1;
    a.modes = PQI_MODES_S;
    world *w = world_of(a, spec_ctl, PQI_SESSIONS_REQUIRE);
    pqi_policy_rules r = pqi_policy_default;
    r.min_level = 0;
    r.modes = PQI_MODES_S | PQI_MODES_K | PQI_MODES_M;
    r.sessions = PQI_SESSIONS_PREFER;
    policy(w, &r);
    const pqi_endpoint_cfg *c = &w->pump->ep.cfg;
    assert_int_equal(c->policy.min_level, 1);
    assert_int_equal(c->sessions.use, PQI_SESSIONS_REQUIRE);
    assert_int_equal(c->sessions.modes, PQI_MODES_S);
    world_free(w);
}

/* INV-61 by policy, where sessions are and where there are none; over a restart. */
static void sessions_required(void **state)
{
    (void)state;
    for (int with = 0; with < 2; with++) {
        world *w = world_new(with ? PQI_SESSIONS_PREFER : PQI_SESSIONS_OFF);
        static msg v1;
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &v1), PQI_OK);
        assert_int_equal(v1.b[0], PQI_V1_T);
        pqi_policy_rules r = pqi_policy_default;
        r.sessions = PQI_SESSIONS_REQUIRE;
        policy(w, &r);
        for (int life = 0; life < 2; life++) {
            dev_refuses(w->pump, &v1, PQI_DROP_POLICY);
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n),
                with ? PQI_ERR_MISSING : PQI_ERR_UNSUPPORTED);
            if (life == 0) {
                assert_int_equal(dev_open(w->pump), PQI_OK);
                assert_int_equal(w->pump->ep.cfg.sessions.use, PQI_SESSIONS_REQUIRE);
            }
        }
        world_free(w);
    }
}

/* A stronger policy ends at once what does not pass it: sessions of a lower level, of a mode that is not allowed
 * any more, handshakes on their way. */
static void judged_again(void **state)
{
    (void)state;
    for (int how = 0; how < 4; how++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg data;
        if (how != 2) {
            connect(w);
            assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &data), PQI_OK);
        } else {
            assert_int_equal(
                pqi_endpoint_connect(&w->ctl->ep, &w->ctl->now, text_of("pump-1"), 0), PQI_OK);
            assert_true(dev_poll(w->ctl, &data));
            assert_int_not_equal(dev_receive(w->pump, &data), PQI_EV_DROP);
        }
        assert_int_not_equal(w->pump->ep.sessions->table.used, 0);
        pqi_policy_rules r = pqi_policy_default;
        r.min_level = how == 0 ? 3 : 0;
        r.modes = how == 1 ? PQI_MODES_M : r.modes;
        r.forbid = how == 3 ? PQI_ALG_NOT_MISUSE_RESISTANT : 0; /* its suite alone has that mark */
        policy(w, &r);
        assert_int_equal(w->pump->ep.sessions->table.used, 0);
        if (how == 0) {
            assert_int_equal(dev_receive(w->pump, &data), PQI_EV_DROP);
            assert_int_equal(
                send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), PQI_ERR_POLICY);
        }
        world_free(w);
    }
}

/* INV-63, INV-64, INV-101: a policy that was put back or deleted closes what it may have forbidden, until the
 * very same policy comes again. The strictest rules stand in for it: sessions stay required. */
static void policy_lost(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    static msg pol, head, v1;
    pqi_policy_rules r = pqi_policy_default;
    r.sessions = PQI_SESSIONS_REQUIRE;
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &v1), PQI_OK);
    plane_policy(w->p, &r, &pol);
    plane_head(w->p, &head);
    both(w, &head, PQI_EV_CONTROL);
    both(w, &pol, PQI_EV_CONTROL);
    assert_int_equal(flags_of(w->pump), 0);
    gone(&w->pump->nvm, "ctl-pol");
    assert_int_equal(dev_open(w->pump), PQI_OK);
    plane_freshen(w->p, w->pump);
    assert_true((flags_of(w->pump) & PQI_GATE_POLICY_GAP) != 0);
    dev_refuses(w->pump, &v1, PQI_DROP_POLICY);
    assert_int_equal(dev_receive(w->pump, &pol), PQI_EV_CONTROL);
    assert_int_equal(flags_of(w->pump), 0);
    world_free(w);
}

/* INV-65: a policy that names more revocations than are here. INV-66: one that is too old stops class H. */
static void numbers_of_a_policy(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    pqi_policy_rules r = pqi_policy_default;
    static msg pol, head, log;
    r.min_rev_seq = 1;
    plane_policy(w->p, &r, &pol);
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &pol), PQI_EV_CONTROL);
    assert_true((flags_of(w->pump) & PQI_GATE_REV_GAP) != 0);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_REV_GAP);
    assert_int_equal(
        pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_ERR_POLICY);
    dev_spec s = {.id = "valve-7", .epoch = 1, .roster = 7, .seed = 7};
    dev *valve = dev_new(&s);
    assert_int_equal(dev_open(valve), PQI_OK);
    static msg ann;
    dev_announce(valve, &ann);
    dev_refuses(w->pump, &ann, PQI_DROP_CLOSED);
    plane_revoke(w->p, 99, 2);
    plane_log(w->p, 0, &log);
    assert_int_equal(dev_receive(w->pump, &log), PQI_EV_REVOKED);
    assert_int_equal(flags_of(w->pump) & PQI_GATE_REV_GAP, 0);
    assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_PEER);
    r.min_rev_seq = 0;
    r.ttl_ticks = 3;
    plane_policy(w->p, &r, &pol);
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &pol), PQI_EV_CONTROL);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    for (uint32_t i = 1; i <= 5; i++) {
        dev_wait(w->pump, HOUR);
        plane_tick(w->p, i, &w->m);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    }
    assert_true((flags_of(w->pump) & PQI_GATE_POLICY_OLD) != 0);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_POLICY_OLD);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_OK);
    dev_free(valve);
    world_free(w);
}

/* INV-62: a policy that asks for storage which cannot be rolled back. Sends, sessions and receives stop, but
 * class S. */
static void storage(void **state)
{
    (void)state;
    for (int weak = 0; weak < 2; weak++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg stop;
        if (weak) {
            w->pump->prov.ops.caps = 0;
            w->pump->prov.base.ops = &w->pump->prov.ops;
        }
        pqi_policy_rules r = pqi_policy_default;
        r.flags |= PQI_POLICY_NO_ROLLBACK;
        plane_policy(w->p, &r, &w->m);
        plane_head(w->p, &w->n);
        both(w, &w->n, PQI_EV_CONTROL);
        both(w, &w->m, PQI_EV_CONTROL);
        assert_int_equal(
            send_cls(w->pump, "control", FLOW, PQI_CLASS_L, &w->n), weak ? PQI_ERR_POLICY : PQI_OK);
        assert_int_equal(
            pqi_endpoint_reason(&w->pump->ep), weak ? PQI_REASON_STORAGE : PQI_REASON_OK);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &stop), PQI_OK);
        assert_int_equal(dev_receive(w->pump, &stop), PQI_EV_MESSAGE);
        assert_int_equal(w->pump->ev.classes, weak ? 1u << PQI_CLASS_S : 15u);
        assert_int_equal(pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0),
            weak ? PQI_ERR_POLICY : PQI_OK);
        world_free(w);
    }
}

/* ---- rosters ------------------------------------------------------------------------------------------ */

/* Who shows no path to the roster in force is heard with class L and S alone. A new path for a known
 * announcement costs no signature and no write, and is not signed: it proves itself. */
static void rosters(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg roster, head, path, ann, forged;
    pqi_policy_rules r = pqi_policy_default;
    r.flags |= PQI_POLICY_ROSTER;
    dev *const members[] = {w->pump, w->ctl};
    plane_roster(w->p, members, 2, &roster);
    plane_policy(w->p, &r, &w->m);
    plane_head(w->p, &head);
    both(w, &head, PQI_EV_CONTROL);
    both(w, &w->m, PQI_EV_CONTROL);
    both(w, &roster, PQI_EV_CONTROL);
    assert_true((w->pump->ev.control & PQI_CTL_NEW_ROSTER) != 0);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_ROSTER);
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->n), PQI_OK);
    assert_int_equal(dev_receive(w->pump, &w->n), PQI_EV_MESSAGE);
    assert_int_equal(w->pump->ev.classes, 1u << PQI_CLASS_L | 1u << PQI_CLASS_S);
    /* The control room gets its path and announces again. */
    plane_path(w->p, w->ctl, &path);
    assert_int_equal(dev_receive(w->ctl, &path), PQI_EV_CONTROL);
    assert_int_equal(w->ctl->ev.announce, 1);
    dev_announce(w->ctl, &ann);
    assert_int_equal(ann.b[1] & 1u, 1);
    /* Any other proof: nothing changes, nothing is signed, nothing is looked at twice. */
    const uint64_t verifies = fleet_verifies;
    for (size_t at = 1; at + 1 < path.len - PQI_ANSWER_HEAD; at += 3) {
        forged = ann;
        const size_t proof = 10u + w->ctl->cert_len + 2u;
        forged.b[proof + at] ^= 1;
        const pqi_event_kind k = dev_receive(w->pump, &forged);
        assert_true(k == PQI_EV_NONE || k == PQI_EV_DROP);
        assert_int_equal(known(w->pump, "control")->roster_seq, 0);
    }
    const uint64_t writes = w->pump->prov.count[FAKE_SEAL];
    assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_PEER);
    assert_int_equal(known(w->pump, "control")->roster_seq, 1);
    assert_true(fleet_verifies == verifies && w->pump->prov.count[FAKE_SEAL] == writes);
    assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_NONE);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->n), PQI_OK);
    dev_expect(w->pump, &w->n, "x");
    assert_int_equal(w->pump->ev.classes, 15);
    /* The next roster is without it: once its head is here and one more, it is out. */
    plane_roster(w->p, members, 1, &roster);
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &roster), PQI_EV_CONTROL);
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
    assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_ROSTER);
    assert_int_equal(
        dev_receive(w->pump, &ann), PQI_EV_NONE); /* its path leads to no roster that counts */
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
    world_free(w);
}

/* A newcomer needs its path before anybody looks at a signature. */
static void newcomers_and_rosters(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    dev_spec s = {.id = "valve-7", .epoch = 1, .roster = 7, .pub = "plant/valve-7", .seed = 7};
    dev *valve = dev_new(&s);
    static msg roster, head, path, ann;
    assert_int_equal(dev_open(valve), PQI_OK);
    dev *const members[] = {w->pump, w->ctl, valve};
    pqi_policy_rules r = pqi_policy_default;
    r.flags |= PQI_POLICY_ROSTER;
    plane_roster(w->p, members, 3, &roster);
    plane_policy(w->p, &r, &w->m);
    plane_head(w->p, &head);
    dev *const all[] = {w->pump, valve};
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(dev_receive(all[i], &head), PQI_EV_CONTROL);
        assert_int_equal(dev_receive(all[i], &w->m), PQI_EV_CONTROL);
        assert_int_equal(dev_receive(all[i], &roster), PQI_EV_CONTROL);
    }
    dev_announce(valve, &ann);
    const uint64_t verifies = fleet_verifies;
    dev_refuses(w->pump, &ann, PQI_DROP_CLOSED);
    assert_int_equal(w->pump->ev.reason, PQI_REASON_ROSTER);
    assert_true(fleet_verifies == verifies);
    plane_path(w->p, valve, &path);
    assert_int_equal(dev_receive(valve, &path), PQI_EV_CONTROL);
    dev_announce(valve, &ann);
    assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_PEER);
    assert_int_equal(known(w->pump, "valve-7")->roster_seq, 1);
    assert_int_equal(dev_open(w->pump), PQI_OK); /* stored with the peer */
    assert_int_equal(known(w->pump, "valve-7")->roster_seq, 1);
    dev_free(valve);
    world_free(w);
}

/* A start forgets the own path, and the own announcement at the broker still has it: it is announced again without
 * the control plane. Somebody's idea of that announcement changes nothing. */
static void own_path_over_a_start(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg roster, head, path, other, kept, bare, forged, again;
    pqi_policy_rules r = pqi_policy_default;
    r.flags |= PQI_POLICY_ROSTER;
    dev *const members[] = {w->pump, w->ctl};
    plane_roster(w->p, members, 2, &roster);
    plane_policy(w->p, &r, &w->m);
    plane_head(w->p, &head);
    both(w, &head, PQI_EV_CONTROL);
    both(w, &w->m, PQI_EV_CONTROL);
    both(w, &roster, PQI_EV_CONTROL);
    plane_path(w->p, w->ctl, &path);
    plane_path(w->p, w->pump, &other);
    assert_int_equal(dev_receive(w->ctl, &path), PQI_EV_CONTROL);
    dev_announce(w->ctl, &kept);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    dev_announce(w->ctl, &bare);
    assert_int_equal(kept.b[1] & 1u, 1);
    assert_int_equal(bare.b[1] & 1u, 0);
    const uint64_t verifies = fleet_verifies;
    const size_t proof = 10u + w->ctl->cert_len, len = path.len - PQI_ANSWER_HEAD;
    assert_int_equal(dev_receive(w->ctl, &bare), PQI_EV_NONE);
    for (size_t at = 0; at < 2u + len; at++) {
        forged = kept;
        forged.b[proof + at] ^= 1;
        assert_int_equal(dev_receive(w->ctl, &forged), PQI_EV_NONE);
    }
    assert_int_equal(other.len, path.len);
    forged = kept; /* another member's */
    memcpy(forged.b + proof + 2u, other.b + PQI_ANSWER_HEAD, len);
    assert_int_equal(dev_receive(w->ctl, &forged), PQI_EV_NONE);
    assert_int_equal(w->ctl->ep.ctl.path_len, 0);
    assert_int_equal(dev_receive(w->ctl, &kept), PQI_EV_CONTROL);
    assert_true((w->ctl->ev.control & PQI_CTL_NEW_PATH) != 0);
    assert_int_equal(w->ctl->ev.announce, 1);
    assert_true(fleet_verifies == verifies);
    dev_announce(w->ctl, &again);
    assert_int_equal(again.b[1] & 1u, 1);
    assert_int_equal(dev_receive(w->pump, &again), PQI_EV_PEER);
    assert_int_equal(known(w->pump, "control")->roster_seq, 1);
    assert_int_equal(dev_receive(w->ctl, &kept), PQI_EV_NONE);
    assert_int_equal(w->ctl->ev.announce, 0);
    world_free(w);
}

/* ---- roots -------------------------------------------------------------------------------------------- */

/* The next root takes an issuer away: its peers are not ready until they come with a certificate of one that it
 * names. Peers of an issuer that stays go on. INV-103: only the next version, by both thresholds. */
static void next_root(void **state)
{
    (void)state;
    for (int run = 0; run < 3; run++) {
        const int other = run == 1;
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg root, data;
        if (run == 2) { /* whose issuer was read from the record */
            assert_int_equal(dev_open(w->pump), PQI_OK);
            plane_freshen(w->p, w->pump);
            dev_announce(w->ctl, &data);
            assert_int_equal(dev_receive(w->pump, &data), PQI_EV_NONE);
        }
        connect(w);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &data), PQI_OK);
        w->p->f->issuer = other ? FLEET_ISSUER_2 : 0;
        fleet_root(w->p->f, 3);
        plane_root(w->p, &root);
        assert_int_equal(dev_receive(w->pump, &root), PQI_EV_DROP);
        fleet_root(w->p->f, 2);
        plane_root(w->p, &root);
        assert_int_equal(dev_receive(w->pump, &root), PQI_EV_CONTROL);
        assert_true((w->pump->ev.control & PQI_CTL_NEW_ROOT) != 0);
        assert_int_equal(known(w->pump, "control")->ready, !other);
        assert_int_equal(dev_receive(w->pump, &data), other ? PQI_EV_DROP : PQI_EV_MESSAGE);
        assert_int_equal(w->pump->ep.sessions->table.used != 0, !other);
        assert_int_equal(
            dev_receive(w->pump, &root), PQI_EV_NONE); /* as every subscription brings it */
        world_free(w);
    }
}

/* A number that a peer proved under the old root is no membership under the new one, whose rosters count from
 * 1 again. */
static void rosters_of_another_root(void **state)
{
    (void)state;
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
        both(w, &roster, PQI_EV_CONTROL);
        if (root == 1) {
            plane_path(p, w->ctl, &path);
            assert_int_equal(dev_receive(w->ctl, &path), PQI_EV_CONTROL);
            dev_announce(w->ctl, &ann);
            assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_PEER);
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
            fleet_root(p->f, 2);
            plane_root(p, &m);
            both(w, &m, PQI_EV_CONTROL);
            /* What the old root's head named counts until the new root's first one. */
            assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_OK);
            p->epoch = p->roster_seq = p->policy.seq = 0;
            memset(p->hash, 0, sizeof p->hash);
        }
    }
    assert_int_equal(w->pump->ep.ctl.s.roster.seq, 1);
    assert_int_equal(w->pump->ep.ctl.s.roster.root_version, 2);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_ERR_POLICY);
        assert_int_equal(pqi_endpoint_reason(&w->pump->ep), PQI_REASON_ROSTER);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        plane_freshen(p, w->pump);
    }
    world_free(w);
}

/* ---- time ---------------------------------------------------------------------------------------------- */

/* INV-105, INV-74: a wall clock that jumps by years ends no certificate of a fleet that has signed time. */
static void clock_jumps(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.not_after = b.not_after = 2000000;
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->p = plane_new();
    w->p->time_s = 1000000; /* support/fleet.c starts its clocks there */
    w->pump = dev_new(&a);
    w->ctl = dev_new(&b);
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    plane_head(w->p, &w->m);
    both(w, &w->m, PQI_EV_CONTROL);
    plane_tick(w->p, 1, &w->m);
    both(w, &w->m, PQI_EV_CONTROL);
    dev_meet(w->pump, w->ctl);
    assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_L, &w->m), PQI_OK);
    w->pump->now.unix_s = 3000000000u; /* decades */
    dev_expect(w->pump, &w->m, "x");
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    w->pump->now.unix_s = 10; /* and back behind what was signed */
    assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
    assert_true(pqi_ctl_now(&w->pump->ep.ctl, &w->pump->now).unix_s >= 1000000);
    world_free(w);
}

/* Expiries in control time are judged to the tick, and ticks that were not heard have passed all the same. */
static void expiries_by_tick(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg m;
    for (int heard = 0; heard < 2; heard++) {
        const uint32_t tick = w->pump->ep.ctl.s.tick;
        pqi_outbound o = {.peer = text_of("pump-1"),
            .topic = text_of(CMD),
            .payload = text_of("x"),
            .cls = PQI_CLASS_M,
            .not_after = {PQI_EXPIRY_CONTROL, (uint64_t)w->p->epoch << 32 | (tick + 2u)}};
        for (uint32_t late = 0; late < 5; late++) {
            memset(m.topic, 0, sizeof m.topic);
            memcpy(m.topic, CMD, sizeof CMD);
            assert_int_equal(pqi_endpoint_send(&w->ctl->ep, &w->ctl->now, &o,
                                 (pqi_span){m.b, sizeof m.b}, &m.len),
                PQI_OK);
            if (late <= 2) {
                dev_expect(w->pump, &m, "x");
                assert_int_equal(w->pump->ev.expiry, PQI_EXPIRY_IN_TIME);
            } else {
                assert_int_equal(dev_receive(w->pump, &m), PQI_EV_DROP);
                assert_int_equal(w->pump->ev.drop, PQI_DROP_LATE);
            }
            dev_wait(w->pump, HOUR);
            if (heard) {
                plane_tick(w->p, tick + late + 1u, &w->m);
                assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
            }
        }
        plane_tick(w->p, w->pump->ep.ctl.s.tick + 6u, &w->m); /* all that passed */
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
    }
    world_free(w);
}

/* A statement or a witness names the newest tick without its preimage: messages are judged by it all the same. A
 * network that keeps back a command and the ticks would else have it carried out after the answer to our question. */
static void expiries_by_statement(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg held, in_time;
    const uint32_t tick = w->pump->ep.ctl.s.tick;
    for (uint32_t i = 0; i < 2; i++) {
        msg *m = i == 0 ? &held : &in_time;
        const pqi_outbound o = {.peer = text_of("pump-1"),
            .topic = text_of(CMD),
            .payload = text_of("x"),
            .cls = PQI_CLASS_M,
            .not_after = {
                PQI_EXPIRY_CONTROL, (uint64_t)w->p->epoch << 32 | (tick + (i == 0 ? 5u : 6u))}};
        memcpy(m->topic, CMD, sizeof CMD);
        assert_int_equal(pqi_endpoint_send(
                             &w->ctl->ep, &w->ctl->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len),
            PQI_OK);
    }
    dev_wait(w->pump, 6u * HOUR);
    plane_tick(w->p, tick + 6u, &w->m); /* kept back */
    assert_true(plane_question(w->pump, &w->n));
    plane_statement(w->p, w->pump, &w->n, &w->m);
    assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
    assert_int_equal(w->pump->ep.ctl.s.tick, tick);
    assert_int_equal(dev_receive(w->pump, &held), PQI_EV_DROP);
    assert_int_equal(w->pump->ev.drop, PQI_DROP_LATE);
    dev_expect(w->pump, &in_time, "x");
    assert_int_equal(w->pump->ev.expiry, PQI_EXPIRY_IN_TIME);
    world_free(w);
}

/* A wall clock that is farther ahead than is believed may be right, as after days without power: what has expired
 * by it is no command any more, and nothing is late by it. */
static void expiries_by_wall(void **state)
{
    (void)state;
    for (pqi_class cls = PQI_CLASS_L; cls <= PQI_CLASS_M; cls++) {
        world *w = calloc(1, sizeof *w);
        assert_non_null(w);
        dev_spec a = spec_pump, b = spec_ctl;
        w->p = plane_new();
        w->p->time_s = 1000000; /* support/fleet.c starts its clocks there */
        w->pump = dev_new(&a);
        w->ctl = dev_new(&b);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        assert_int_equal(dev_open(w->ctl), PQI_OK);
        plane_head(w->p, &w->m);
        both(w, &w->m, PQI_EV_CONTROL);
        plane_tick(w->p, 1, &w->m);
        both(w, &w->m, PQI_EV_CONTROL);
        dev_meet(w->pump, w->ctl);
        const pqi_outbound o = {.peer = text_of("pump-1"),
            .topic = text_of(CMD),
            .payload = text_of("x"),
            .cls = cls,
            .not_after = {PQI_EXPIRY_UNIX, 1000000u + 3600u}};
        memcpy(w->m.topic, CMD, sizeof CMD);
        assert_int_equal(pqi_endpoint_send(&w->ctl->ep, &w->ctl->now, &o,
                             (pqi_span){w->m.b, sizeof w->m.b}, &w->m.len),
            PQI_OK);
        assert_int_equal(dev_open(w->pump), PQI_OK);
        w->pump->now.unix_s += 3u * 86400u;
        if (cls == PQI_CLASS_L) {
            dev_expect(w->pump, &w->m, "x");
            assert_int_equal(w->pump->ev.expiry, PQI_EXPIRY_UNKNOWN);
        } else {
            assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_DROP);
            assert_int_equal(w->pump->ev.drop, PQI_DROP_TIME);
        }
        world_free(w);
    }
}

/* ---- lost and old state ----------------------------------------------------------------------------------- */

/* INV-100, INV-101: the record of what is known is deleted or put back: the device is not fresh by what it had,
 * class M and H stay closed, and the head that it had before brings it back. */
static void rolled_back(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        world *w = world_new(PQI_SESSIONS_OFF);
        static msg head;
        fake_nvm old = {0};
        fake_nvm_copy(&old, &w->pump->nvm);
        plane_head(w->p, &head);
        assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
        if (how == 0) {
            gone(&w->pump->nvm, "ctl");
        } else {
            put_back(&w->pump->nvm, &old, "ctl");
        }
        assert_int_equal(dev_open(w->pump), PQI_OK);
        assert_true((flags_of(w->pump) & PQI_GATE_ROLLBACK) != 0);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_ERR_POLICY);
        assert_int_equal(send_cls(w->ctl, "pump-1", CMD, PQI_CLASS_S, &w->n), PQI_OK);
        assert_int_equal(dev_receive(w->pump, &w->n), PQI_EV_MESSAGE); /* a stop still arrives */
        assert_int_equal(w->pump->ev.classes & (1u << PQI_CLASS_M | 1u << PQI_CLASS_H), 0);
        assert_int_equal(
            dev_receive(w->pump, &head), PQI_EV_CONTROL); /* the very head that it had */
        assert_int_equal(flags_of(w->pump) & PQI_GATE_ROLLBACK, 0);
        /* How old that is nobody knows any more: ticks do not tell, an answer to our own question does. */
        plane_tick(w->p, 1, &w->m);
        (void)dev_receive(w->pump, &w->m);
        dev_wait(w->pump, 60000);
        assert_true(plane_question(w->pump, &w->n));
        plane_statement(w->p, w->pump, &w->n, &w->m);
        assert_int_equal(dev_receive(w->pump, &w->m), PQI_EV_CONTROL);
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_OK);
        fake_nvm_free(&old);
        world_free(w);
    }
}

/* INV-101: without any file the endpoint does not start, or starts with everything closed: never open. */
static void all_files_gone(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    pqi_policy_rules r = pqi_policy_default;
    r.sessions = PQI_SESSIONS_REQUIRE;
    policy(w, &r);
    fake_nvm_free(&w->pump->nvm);
    fake_nvm_init(&w->pump->nvm, &w->pump->power);
    assert_int_equal(dev_open(w->pump), PQI_ERR_ROLLBACK);
    world_free(w);
}

/* ---- questions, gossip ---------------------------------------------------------------------------------- */

/* INV-69: a question, its answer, and nothing by an answer that is not authentic or not for us. */
static void question_and_answer(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg q, answer, forged;
    assert_int_equal(dev_open(w->pump), PQI_OK);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
    assert_true(plane_question(w->pump, &q));
    plane_statement(w->p, w->pump, &q, &answer);
    for (size_t at = 0; at < answer.len; at += 37) {
        forged = answer;
        forged.b[at] ^= 1;
        assert_int_equal(dev_receive(w->pump, &forged), PQI_EV_DROP);
        assert_int_equal(fresh_of(w->pump), PQI_FRESH_UNKNOWN);
    }
    forged = answer;
    memset(forged.topic, 0, sizeof forged.topic);
    memcpy(forged.topic, "pq/4/a/pump-10", sizeof "pq/4/a/pump-10");
    dev_refuses(w->pump, &forged, PQI_DROP_TOPIC);
    w->pump->now.mono_ms += 1000000; /* tokens; the question is old then */
    assert_int_equal(dev_receive(w->pump, &answer), PQI_EV_CONTROL);
    assert_int_equal(fresh_of(w->pump), PQI_FRESH_FRESH);
    world_free(w);
}

/* Something that follows on what is not here makes us ask, and changes nothing else. */
static void a_gap_asks(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg q, answer, part;
    pqi_ask ask;
    assert_true(plane_question(w->pump, &q)); /* the time */
    plane_statement(w->p, w->pump, &q, &answer);
    assert_int_equal(dev_receive(w->pump, &answer), PQI_EV_CONTROL);
    dev_wait(w->pump, 60000);
    assert_false(plane_question(w->pump, &q));
    plane_revoke(w->p, 90, 2);
    plane_revoke(w->p, 91, 2);
    plane_log(w->p, 1, &part);
    dev_refuses(w->pump, &part, PQI_DROP_GAP);
    assert_true(plane_question(w->pump, &q));
    assert_int_equal(pqi_ask_decode((pqi_cspan){q.b, q.len}, &ask), PQI_OK);
    assert_int_equal(ask.want, PQI_ASK_NEWEST);
    assert_int_equal(ask.rev_seq, 0);
    for (int i = 0; i < 100; i++) { /* as often as it comes: not more questions */
        dev_refuses(w->pump, &part, PQI_DROP_GAP);
        assert_false(plane_question(w->pump, &q));
    }
    world_free(w);
}

/* A peer with an older head is sent ours, at most once a minute, if the policy lets us; one with a newer head
 * makes us ask. */
static void gossip(void **state)
{
    (void)state;
    for (int may = 0; may < 2; may++) {
        world *w = world_new(PQI_SESSIONS_PREFER);
        static msg head, m;
        pqi_policy_rules r = pqi_policy_default;
        r.flags = may ? PQI_POLICY_GOSSIP : 0;
        policy(w, &r);
        plane_head(w->p, &head);
        assert_int_equal(dev_receive(w->ctl, &head), PQI_EV_CONTROL); /* the pump's was held back */
        assert_int_equal(
            pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
        unsigned heads = 0, questions = 0;
        for (int i = 0; i < 30; i++) {
            while (dev_poll(w->pump, &m)) {
                pqi_ask q = {.want = 0};
                const bool ask = strcmp(m.topic, PQI_TOPIC_ASK) == 0;
                assert_true(!ask || pqi_ask_decode((pqi_cspan){m.b, m.len}, &q) == PQI_OK);
                questions += (q.want & PQI_ASK_NEWEST) != 0;
                (void)dev_receive(w->ctl, &m);
            }
            while (dev_poll(w->ctl, &m)) {
                if (strcmp(m.topic, "pq/4/a/pump-1") == 0) {
                    heads++;
                    assert_int_equal(dev_receive(w->pump, &m), PQI_EV_CONTROL);
                    assert_true((w->pump->ev.control & PQI_CTL_NEW_HEAD) != 0);
                } else {
                    (void)dev_receive(w->pump, &m);
                }
            }
            dev_wait(w->pump, 500);
            dev_wait(w->ctl, 500);
        }
        assert_int_equal(heads, may);
        assert_true(questions != 0);
        assert_int_equal(w->pump->ep.ctl.s.head.head_epoch, may ? 3 : 2);
        world_free(w);
    }
}

/* After a start the head in force is known without its bytes: the first copy is verified, once, and passed on; one
 * with a false signature is not. */
static void gossip_after_a_start(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    static msg head, m;
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->ctl, &head), PQI_EV_CONTROL);
    assert_int_equal(dev_open(w->ctl), PQI_OK);
    plane_freshen(w->p, w->ctl);
    uint64_t verifies = fleet_verifies;
    m = head;
    m.b[m.len - 1] ^= 1;
    assert_int_equal(dev_receive(w->ctl, &m), PQI_EV_NONE);
    assert_int_equal(w->ctl->ep.head_len, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(dev_receive(w->ctl, &head), PQI_EV_NONE);
        assert_int_equal(w->ctl->ep.head_len, head.len);
        assert_true(fleet_verifies == verifies + 2);
    }
    dev_announce(w->pump, &m);
    (void)dev_receive(w->ctl, &m);
    assert_int_equal(
        pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 0), PQI_OK);
    bool passed = false;
    for (int i = 0; i < 30 && !passed; i++) {
        while (dev_poll(w->pump, &m)) {
            (void)dev_receive(w->ctl, &m);
        }
        while (dev_poll(w->ctl, &m)) {
            passed |= strcmp(m.topic, "pq/4/a/pump-1") == 0;
            (void)dev_receive(w->pump, &m);
        }
        dev_wait(w->pump, 500);
        dev_wait(w->ctl, 500);
    }
    assert_true(passed);
    assert_int_equal(w->pump->ep.ctl.s.head.head_epoch, 2);
    world_free(w);
}

/* INV-70: an object over the cap of its kind is not looked at. */
static void oversized(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg m;
    static const struct {
        const char *topic;
        size_t most;
    } each[] = {{PQI_TOPIC_HEAD, PQI_HEAD_MAX}, {PQI_TOPIC_ROSTER, PQI_ROSTER_MAX},
        {PQI_TOPIC_TICK, PQI_LOCAL_TICK_LEN}};
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        memset(&m, 0, sizeof m);
        memcpy(m.topic, each[i].topic, strlen(each[i].topic));
        m.len = each[i].most + 1;
        dev_refuses(w->pump, &m, PQI_DROP_SIZE);
        m.len = each[i].most;
        dev_refuses(w->pump, &m, PQI_DROP_DECODE);
    }
    world_free(w);
}

/* Who asks for a session again and again and never takes the head gets no more than one a minute. */
static void gossip_is_bounded(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_PREFER);
    static msg head, m;
    plane_head(w->p, &head);
    assert_int_equal(dev_receive(w->ctl, &head), PQI_EV_CONTROL);
    unsigned heads = 0, handshakes = 0;
    for (int i = 0; i < 240; i++) {
        assert_int_equal(
            pqi_endpoint_connect(&w->pump->ep, &w->pump->now, text_of("control"), 1), PQI_OK);
        while (dev_poll(w->pump, &m)) {
            handshakes += strncmp(m.topic, PQI_TOPIC_SESSION, sizeof PQI_TOPIC_SESSION - 1) == 0;
            (void)dev_receive(w->ctl, &m);
        }
        while (dev_poll(w->ctl, &m)) {
            if (strcmp(m.topic, "pq/4/a/pump-1") == 0) {
                heads++;
            } else {
                (void)dev_receive(w->pump, &m);
            }
        }
        dev_wait(w->pump, 1000);
        dev_wait(w->ctl, 1000);
    }
    assert_true(handshakes > 8);
    assert_true(heads >= 2 && heads <= 5); /* in four minutes */
    world_free(w);
}

/* ---- hostile input ---------------------------------------------------------------------------------------- */

/* INV-106: every cut of every object, on every control topic, is a counted drop; INV-69: an object is taken on
 * its own topic alone. */
static void malformed(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg objects[5], m;
    dev *const members[] = {w->pump, w->ctl};
    pqi_policy_rules r = pqi_policy_default;
    plane_roster(w->p, members, 2, &objects[0]);
    plane_policy(w->p, &r, &objects[1]);
    plane_revoke(w->p, 9, 2);
    plane_log(w->p, 0, &objects[2]);
    plane_head(w->p, &objects[3]);
    plane_tick(w->p, 1, &objects[4]);
    static const char *const topics[] = {PQI_TOPIC_ROOT, PQI_TOPIC_HEAD, PQI_TOPIC_TICK,
        PQI_TOPIC_ROSTER, PQI_TOPIC_POLICY, PQI_TOPIC_REVOCATIONS, PQI_TOPIC_REV_DELTA,
        PQI_TOPIC_TICK "/control", "pq/4/a/pump-1"};
    uint64_t drops = 0, counted = 0;
    for (size_t o = 0; o < 5; o++) {
        for (size_t t = 0; t < sizeof topics / sizeof topics[0]; t++) {
            const bool own = strcmp(topics[t], objects[o].topic) == 0 ||
                             (o == 2 && strcmp(topics[t], PQI_TOPIC_REV_DELTA) == 0) ||
                             (o == 4 && strncmp(topics[t], PQI_TOPIC_TICK, 6) == 0);
            m = objects[o];
            memset(m.topic, 0, sizeof m.topic);
            memcpy(m.topic, topics[t], strlen(topics[t]));
            const size_t step = own ? objects[o].len / 97u + 1u : objects[o].len;
            for (size_t len = own ? 0 : m.len; own ? len < objects[o].len : len <= m.len;
                 len += step) {
                m.len = len;
                assert_int_equal(dev_receive(w->pump, &m), PQI_EV_DROP);
                drops++;
            }
        }
    }
    for (unsigned d = 0; d < PQI_DROP_COUNT_; d++) {
        counted += w->pump->ep.drops[d];
    }
    assert_true(counted == drops);
    w->pump->now.mono_ms += 1000000;
    assert_int_equal(dev_receive(w->pump, &objects[3]), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &objects[2]), PQI_EV_REVOKED);
    assert_int_equal(dev_receive(w->pump, &objects[1]), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &objects[0]), PQI_EV_CONTROL);
    assert_int_equal(dev_receive(w->pump, &objects[4]), PQI_EV_CONTROL);
    world_free(w);
}

/* Forged objects of one kind use up the budget of their kind: those of another, and peers, are looked at. */
static void budgets(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg log, head, forged;
    plane_revoke(w->p, 3, 2);
    plane_log(w->p, 0, &log);
    plane_head(w->p, &head);
    unsigned looked = 0;
    for (int i = 0; i < 20; i++) {
        forged = log;
        forged.b[forged.len - 1u] ^= (uint8_t)(i + 1); /* the signature */
        assert_int_equal(dev_receive(w->pump, &forged), PQI_EV_DROP);
        looked += w->pump->ev.drop == PQI_DROP_SIGNATURE;
    }
    assert_int_equal(looked, pqi_limits_mcu.announce.burst);
    assert_int_equal(dev_receive(w->pump, &log), PQI_EV_DROP);
    assert_int_equal(w->pump->ev.drop, PQI_DROP_BUDGET);
    assert_int_equal(dev_receive(w->pump, &head), PQI_EV_CONTROL);
    w->pump->now.mono_ms += 6000;
    assert_int_equal(dev_receive(w->pump, &log), PQI_EV_REVOKED);
    assert_true(known(w->pump, "control")->revoked);
    world_free(w);
}

/* Two heads of one epoch, both signed: class H stops, and somebody is told. */
static void two_heads(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    static msg twin;
    plane_twin(w->p, &twin);
    assert_int_equal(dev_receive(w->pump, &twin), PQI_EV_CONTROL);
    assert_true((w->pump->ev.control & PQI_CTL_EQUIVOCATION) != 0);
    for (int life = 0; life < 2; life++) {
        assert_true((flags_of(w->pump) & PQI_GATE_EQUIVOCATION) != 0);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_H, &w->n), PQI_ERR_POLICY);
        assert_int_equal(send_cls(w->pump, "control", FLOW, PQI_CLASS_M, &w->n), PQI_OK);
        assert_int_equal(dev_open(w->pump), PQI_OK);
    }
    world_free(w);
}

/* INV-104: a peer that was certified comes back as nothing less, whatever is known. */
static void stays_certified(void **state)
{
    (void)state;
    world *w = world_new(PQI_SESSIONS_OFF);
    dev_spec less = spec_ctl;
    less.epoch = 2;
    less.seed = 33;
    dev *d = dev_new(&less);
    static msg ann;
    assert_int_equal(dev_open(d), PQI_OK);
    dev_announce(d, &ann);
    ann.b[1] &= (uint8_t)~4u; /* unsigned */
    assert_int_equal(dev_receive(w->pump, &ann), PQI_EV_DROP);
    assert_int_equal(known(w->pump, "control")->key_epoch, 1);
    assert_true(known(w->pump, "control")->ready);
    dev_free(d);
    world_free(w);
}

PQI_TEST_MAIN(cmocka_unit_test(revoked_at_once), cmocka_unit_test(revoked_ourselves),
    cmocka_unit_test(policies), cmocka_unit_test(never_loosens),
    cmocka_unit_test(sessions_required), cmocka_unit_test(judged_again),
    cmocka_unit_test(policy_lost), cmocka_unit_test(numbers_of_a_policy), cmocka_unit_test(storage),
    cmocka_unit_test(rosters), cmocka_unit_test(newcomers_and_rosters),
    cmocka_unit_test(own_path_over_a_start), cmocka_unit_test(next_root),
    cmocka_unit_test(rosters_of_another_root), cmocka_unit_test(clock_jumps),
    cmocka_unit_test(expiries_by_tick), cmocka_unit_test(expiries_by_statement),
    cmocka_unit_test(expiries_by_wall), cmocka_unit_test(rolled_back),
    cmocka_unit_test(all_files_gone), cmocka_unit_test(question_and_answer),
    cmocka_unit_test(a_gap_asks), cmocka_unit_test(gossip), cmocka_unit_test(gossip_after_a_start),
    cmocka_unit_test(gossip_is_bounded), cmocka_unit_test(oversized),
    cmocka_unit_test(gossip_is_bounded), cmocka_unit_test(malformed), cmocka_unit_test(budgets),
    cmocka_unit_test(two_heads), cmocka_unit_test(stays_certified))
