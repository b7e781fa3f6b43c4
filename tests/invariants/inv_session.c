/* SPDX-License-Identifier: Apache-2.0
 * Sessions through the endpoint: who gets one, what carries a message, what ends it, and what a hostile
 * broker costs. The rules of one peer are tested in tests/session. */
#include "support/fleet.h"

#include "proto/mqtt/endpoint_session.h"

static const dev_spec spec_pump = {.id = "pump-1",
    .epoch = 1,
    .roster = 1,
    .pub = "plant/pump-1",
    .seed = 1,
    .sessions = PQI_SESSIONS_PREFER};
static const dev_spec spec_ctl = {.id = "control",
    .epoch = 1,
    .roster = 3,
    .pub = "plant",
    .seed = 3,
    .sessions = PQI_SESSIONS_PREFER};

#define FLOW "plant/pump-1/flow"
#define CMD  "plant/pump-1/cmd"

typedef struct pair {
    dev *pump, *ctl;
    msg m, n;
} pair;

static pair *pair_of(const dev_spec *a, const dev_spec *b)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(a);
    t->ctl = dev_new(b);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_meet(t->pump, t->ctl);
    return t;
}

static pair *pair_new(void)
{
    return pair_of(&spec_pump, &spec_ctl);
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->ctl);
    free(t);
}

static pqi_session_info about(const dev *d, const char *peer)
{
    pqi_session_info i;
    assert_int_equal(pqi_endpoint_session(&d->ep, &d->now, text_of(peer), &i), PQI_OK);
    return i;
}

static void connect(dev *d, const char *peer, int refresh)
{
    assert_int_equal(pqi_endpoint_connect(&d->ep, &d->now, text_of(peer), refresh), PQI_OK);
}

static void up(pair *t)
{
    connect(t->pump, "control", 0);
    assert_true(dev_talk(t->pump, t->ctl) >= 4);
    assert_true(about(t->pump, "control").up && about(t->ctl, "pump-1").up);
}

static void later(pair *t, uint64_t ms)
{
    t->pump->now.mono_ms += ms;
    t->ctl->now.mono_ms += ms;
}

static bool is_data(const msg *m)
{
    return (m->b[0] & 0xf8u) == 0x40u;
}

/* One message each way, in the session. */
static void exchange(pair *t, const char *text)
{
    assert_int_equal(dev_send(t->pump, "control", FLOW, text, &t->m), PQI_OK);
    assert_true(is_data(&t->m));
    dev_expect(t->ctl, &t->m, text);
    assert_true(t->ctl->ev.session == 1);
    assert_int_equal(dev_send(t->ctl, "pump-1", CMD, text, &t->m), PQI_OK);
    assert_true(is_data(&t->m));
    dev_expect(t->pump, &t->m, text);
    (void)dev_talk(t->pump, t->ctl);
}

static uint64_t pk(const dev *d)
{
    return pqi_endpoint_pk(&d->ep).total;
}

/* ---- what carries a message ---------------------------------------------------------------------- */

static void prefer(void **state)
{
    (void)state;
    pair *t = pair_new();
    assert_int_equal(dev_send(t->pump, "control", FLOW, "first", &t->m), PQI_OK);
    assert_int_equal(t->m.b[0], PQI_V1_T); /* there is no session yet */
    dev_expect(t->ctl, &t->m, "first");
    assert_int_equal(t->ctl->ev.session, 0);
    assert_true(dev_talk(t->pump, t->ctl) >= 4); /* but one was asked for */
    exchange(t, "second");
    pair_free(t);
}

/* INV-61 */
static void require(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.sessions = PQI_SESSIONS_REQUIRE;
    b.sessions = PQI_SESSIONS_REQUIRE;
    pair *t = pair_of(&a, &b);
    pair *v1 = pair_new(); /* the same devices, which make v1 packets */
    assert_int_equal(dev_send(v1->pump, "control", FLOW, "v1", &t->n), PQI_OK);
    assert_int_equal(t->n.b[0], PQI_V1_T);
    dev_refuses(t->ctl, &t->n, PQI_DROP_POLICY);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "x", &t->m), PQI_ERR_MISSING);
    assert_true(dev_talk(t->pump, t->ctl) >= 4);
    dev_refuses(t->ctl, &t->n, PQI_DROP_POLICY);
    exchange(t, "in a session");
    pqi_outbound o = {.peer = text_of("control"),
        .topic = text_of(FLOW),
        .payload = text_of("x"),
        .cls = PQI_CLASS_L,
        .via = PQI_VIA_V1};
    assert_int_equal(pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o,
                         (pqi_span){t->m.b, sizeof t->m.b}, &t->m.len),
        PQI_ERR_POLICY);
    pair_free(v1);
    pair_free(t);
}

static void modes(void **state)
{
    (void)state;
    static const struct {
        int a_kem, b_kem;
        uint8_t modes;
        char mode;
    } rows[] = {{0, 0, 0, 'S'}, {1, 0, 0, 'M'}, {1, 1, 0, 'K'}, {0, 0, PQI_MODES_K, 'K'}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dev_spec a = spec_pump, b = spec_ctl;
        a.kem_only = rows[i].a_kem;
        b.kem_only = rows[i].b_kem;
        a.modes = b.modes = rows[i].modes;
        pair *t = pair_of(&a, &b);
        up(t);
        assert_int_equal(about(t->pump, "control").mode, rows[i].mode);
        assert_int_equal(about(t->ctl, "pump-1").mode, rows[i].mode);
        exchange(t, "whatever the mode");
        pair_free(t);
    }
}

/* A pair that has no mode in common has no session, and v1 only where that is allowed. */
static void no_mode(void **state)
{
    (void)state;
    dev_spec a = spec_pump, b = spec_ctl;
    a.modes = PQI_MODES_M;
    b.modes = PQI_MODES_M; /* both sign: S or K */
    pair *t = pair_of(&a, &b);
    assert_int_equal(
        pqi_endpoint_connect(&t->pump->ep, &t->pump->now, text_of("control"), 0), PQI_ERR_POLICY);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "v1 then", &t->m), PQI_OK);
    assert_int_equal(t->m.b[0], PQI_V1_T);
    assert_int_equal(dev_talk(t->pump, t->ctl), 0);
    pair_free(t);
}

/* ---- what is refused ----------------------------------------------------------------------------- */

static void refused(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "once", &t->m), PQI_OK);
    t->n = t->m;
    memset(t->n.topic, 0, sizeof t->n.topic);
    memcpy(t->n.topic, CMD, sizeof CMD);
    dev_refuses(t->ctl, &t->n, PQI_DROP_SEALED); /* another topic of the same sender, first */
    memcpy(t->n.topic, "plant/pump-9/x", sizeof "plant/pump-9/x");
    dev_refuses(t->ctl, &t->n, PQI_DROP_SCOPE); /* not its own: before any key */
    dev_expect(t->ctl, &t->m, "once");
    dev_refuses(t->ctl, &t->m, PQI_DROP_REPLAY);
    dev_refuses(t->pump, &t->m, PQI_DROP_SESSION); /* reflected: an index of the other side */
    pair_free(t);
}

/* Kept by the broker, whatever it is: sessions take nothing that was kept. */
static void retained(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "kept", &t->m), PQI_OK);
    const pqi_inbound in = {text_of(FLOW), {t->m.b, t->m.len}, 1};
    assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, &t->ctl->now, &in,
                         (pqi_span){t->ctl->plain, sizeof t->ctl->plain}, &t->ctl->ev),
        PQI_OK);
    assert_int_equal(t->ctl->ev.drop, PQI_DROP_RETAINED);
    pair_free(t);
}

/* INV-99: forged, altered and replayed packets of sessions: no public-key operation, and the session lives. */
static void hostile(void **state)
{
    (void)state;
    pair *t = pair_new();
    static msg seen[16];
    size_t n = 0;
    connect(t->pump, "control", 0);
    for (bool more = true; more;) { /* the handshake is recorded */
        more = false;
        dev *ends[2] = {t->pump, t->ctl};
        for (size_t i = 0; i < 2; i++) {
            if (dev_poll(ends[i], &t->m)) {
                assert_true(n < sizeof seen / sizeof seen[0]);
                seen[n++] = t->m;
                (void)dev_receive(ends[1 - i], &t->m);
                more = true;
            }
        }
    }
    exchange(t, "before");
    const uint64_t before = pk(t->pump) + pk(t->ctl);
    uint32_t x = 1;
    for (unsigned round = 0; round < 2000; round++) {
        t->m = seen[round % n];
        if (round >= n) {
            x = x * 1664525u + 1013904223u;
            t->m.b[(x >> 8) % t->m.len] ^= (uint8_t)(1u << (x & 7u));
        }
        assert_int_not_equal(dev_receive(t->ctl, &t->m), PQI_EV_MESSAGE);
        assert_int_not_equal(dev_receive(t->pump, &t->m), PQI_EV_MESSAGE);
        if (round % 50 == 0) { /* what they answer goes back too */
            later(t, 1100);
            (void)dev_talk(t->pump, t->ctl);
        }
    }
    assert_true(pk(t->pump) + pk(t->ctl) == before);
    exchange(t, "after");
    pair_free(t);
}

/* ---- what ends a session ------------------------------------------------------------------------- */

/* INV-58 */
static void revocation(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "too late", &t->m), PQI_OK);
    const pqi_revoked r = {.roster_index = 1, .min_key_epoch = UINT32_MAX};
    fleet_revoke(t->ctl->f, 0, &r, 1, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_REVOKED);
    assert_true(!about(t->ctl, "pump-1").up);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
    assert_int_equal(dev_send(t->ctl, "pump-1", CMD, "x", &t->m), PQI_ERR_POLICY);
    assert_int_equal(dev_receive(t->pump, &t->n), PQI_EV_REVOKED); /* it learns of it, and stops */
    assert_true(!about(t->pump, "control").up);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "x", &t->m), PQI_ERR_POLICY);
    assert_int_equal(dev_talk(t->pump, t->ctl), 0);
    pair_free(t);
}

/* Another certificate of the peer: sessions under the old one are over. */
static void new_certificate(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    dev_spec s = spec_pump;
    s.epoch = 2;
    s.seed = 9;
    dev *next = dev_new(&s);
    assert_int_equal(dev_open(next), PQI_OK);
    dev_announce(next, &t->n);
    assert_int_equal(dev_send(t->pump, "control", FLOW, "old", &t->m), PQI_OK);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    assert_true(!about(t->ctl, "pump-1").up);
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
    dev_announce(t->ctl, &t->n);
    assert_int_equal(dev_receive(next, &t->n), PQI_EV_PEER);
    dev *old = t->pump;
    t->pump = next;
    connect(t->pump, "control", 0);
    for (int i = 0; i < 10 && !about(t->ctl, "pump-1").up; i++) {
        (void)dev_talk(t->pump, t->ctl); /* its INIT counter began anew: it is challenged */
        later(t, 2600);
    }
    exchange(t, "new keys");
    dev_free(old);
    pair_free(t);
}

/* ---- time ---------------------------------------------------------------------------------------- */

/* Packets that are lost come again by themselves: INIT, CONF. */
static void lost(void **state)
{
    (void)state;
    pair *t = pair_new();
    connect(t->pump, "control", 0);
    assert_true(dev_poll(t->pump, &t->m)); /* INIT, lost */
    assert_true(!dev_poll(t->pump, &t->n));
    later(t, 2600);
    assert_true(dev_poll(t->pump, &t->n));
    assert_int_equal(t->m.len, t->n.len);
    assert_memory_equal(t->m.b, t->n.b, t->m.len); /* the same bytes */
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_NONE);
    assert_true(dev_poll(t->ctl, &t->m)); /* RESP, lost */
    later(t, 5000);
    (void)dev_talk(t->pump, t->ctl);
    for (int i = 0; i < 20 && !about(t->ctl, "pump-1").up; i++) {
        later(t, 3000);
        (void)dev_talk(t->pump, t->ctl);
    }
    exchange(t, "in spite of it");
    pair_free(t);
}

/* Rounds heal a session that talks: its age comes down again and again, and nothing is ever refused. */
static void heals(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    uint32_t oldest = 0;
    for (int i = 0; i < 1200; i++) {
        later(t, 1000);
        exchange(t, "on and on");
        const pqi_session_info info = about(t->pump, "control");
        oldest = info.healing.messages > oldest ? info.healing.messages : oldest;
        assert_int_equal(info.healing.level, 0);
    }
    assert_true(about(t->pump, "control").epoch > 5);
    assert_true(about(t->ctl, "pump-1").epoch + 1 >= about(t->pump, "control").epoch);
    assert_true(oldest < 512);
    pair_free(t);
}

/* INV-55. A session that comes to its limit is replaced before it gets there: no message is refused. */
static void renewed(void **state)
{
    (void)state;
    pair *t = pair_new();
    dev *ends[2] = {t->pump, t->ctl};
    for (size_t i = 0; i < 2; i++) {
        ends[i]->ep.sessions->limits.session_msgs = 400;
        ends[i]->ep.sessions->limits.epoch_msgs = 150;
    }
    up(t);
    unsigned renewals = 0;
    uint32_t before = 0;
    for (int i = 0; i < 1500; i++) {
        later(t, 1000);
        exchange(t, "for ever");
        const uint32_t now = about(t->pump, "control").messages;
        assert_true(now <= 400);
        renewals += now < before ? 1u : 0u;
        before = now;
    }
    assert_true(renewals >= 7);
    pair_free(t);
}

/* A message has the rights that the age of its own session leaves, not those of the one that took its place
 * meanwhile: whoever holds the state of an unhealed session does not get them back by a handshake. */
static void old_session(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    exchange(t, "before");
    assert_int_equal(dev_send(t->pump, "control", FLOW, "in flight", &t->n), PQI_OK);
    later(t, UINT64_C(5) * 3600000u); /* no round: level 2 */
    assert_int_equal(about(t->ctl, "pump-1").healing.level, 2);
    connect(t->pump, "control", 1);
    for (int i = 0; i < 8 && about(t->ctl, "pump-1").healing.level != 0; i++) {
        while (about(t->ctl, "pump-1").healing.level != 0 && dev_poll(t->pump, &t->m)) {
            (void)dev_receive(t->ctl, &t->m);
        }
        while (dev_poll(t->ctl, &t->m)) {
            (void)dev_receive(t->pump, &t->m);
        }
    }
    assert_int_equal(about(t->ctl, "pump-1").healing.level, 0); /* it sends in the new one */
    dev_expect(t->ctl, &t->n, "in flight");
    assert_int_equal(t->ctl->ev.classes & (1u << PQI_CLASS_H), 0);
    (void)dev_talk(t->pump, t->ctl);
    exchange(t, "after");
    assert_int_not_equal(t->pump->ev.classes & (1u << PQI_CLASS_H), 0);
    pair_free(t);
}

/* ---- restart ------------------------------------------------------------------------------------- */

/* Carries everything until both are silent; counts packets of a kind. Time passes in between. */
static unsigned settle(pair *t, uint8_t low, uint8_t high)
{
    unsigned n = 0;
    for (int i = 0; i < 40; i++) {
        for (bool more = true; more;) {
            more = false;
            dev *ends[2] = {t->pump, t->ctl};
            for (size_t k = 0; k < 2; k++) {
                while (dev_poll(ends[k], &t->m)) {
                    n += t->m.b[0] >= low && t->m.b[0] <= high ? 1u : 0u;
                    assert_int_not_equal(dev_receive(ends[1 - k], &t->m), PQI_EV_MESSAGE);
                    more = true;
                }
            }
        }
        if (about(t->pump, "control").up && about(t->ctl, "pump-1").up) {
            return n;
        }
        later(t, 700);
    }
    fail_msg("no session within 28 s");
    return n;
}

/* INV-94. Either side, or both, start again in the middle of it: no handshake, no message lost that is sent
 * then, none accepted twice. */
static void restart(void **state)
{
    (void)state;
    for (unsigned who = 1; who <= 3; who++) {
        pair *t = pair_new();
        up(t);
        exchange(t, "before");
        assert_int_equal(dev_send(t->pump, "control", FLOW, "in flight", &t->n), PQI_OK);
        const msg in_flight = t->n;
        const uint64_t before = pk(t->pump) + pk(t->ctl);
        uint64_t spent = 0;
        if (who & 1u) {
            spent += pk(t->pump);
            assert_int_equal(dev_open(t->pump), PQI_OK);
        }
        if (who & 2u) {
            spent += pk(t->ctl);
            assert_int_equal(dev_open(t->ctl), PQI_OK);
        }
        assert_int_equal(settle(t, PQI_HS_T_INIT_S, PQI_HS_T_CONF_K), 0);
        exchange(t, "after");
        t->m =
            in_flight; /* of the session before: opened at most once, and never after a restart */
        const pqi_event_kind first = dev_receive(t->ctl, &in_flight);
        assert_true(first == PQI_EV_DROP || (who == 1 && first == PQI_EV_MESSAGE));
        assert_int_equal(dev_receive(t->ctl, &in_flight), PQI_EV_DROP);
        assert_true(pk(t->pump) + pk(t->ctl) + spent > before); /* an H round follows at once */
        pair_free(t);
    }
}

/* INV-58. After a restart the own certificate is another one, as when the keys of the old one were stolen: nothing
 * goes on from what stood under that, whoever asks. */
static void own_certificate(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    exchange(t, "before");
    t->pump->spec.epoch = 2;
    t->pump->cert_len = fleet_cert(t->pump->f, &t->pump->prov, &t->pump->spec, t->pump->cert);
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK); /* or who stole what stood on the medium */
    bool asked = false;
    for (int i = 0; i < 10; i++) {
        while (dev_poll(t->pump, &t->m)) {
            assert_int_not_equal(t->m.b[0], PQI_HS_T_RESUME1);
            assert_int_not_equal(t->m.b[0], PQI_HS_T_RESUME2);
        }
        while (dev_poll(t->ctl, &t->m)) {
            asked = asked || t->m.b[0] == PQI_HS_T_RESUME1;
            (void)dev_receive(t->pump, &t->m);
        }
        later(t, 2600);
    }
    assert_true(asked);
    dev_announce(t->pump, &t->n);
    assert_int_equal(dev_receive(t->ctl, &t->n), PQI_EV_PEER);
    connect(t->pump, "control", 0);
    (void)settle(t, PQI_HS_T_INIT_S, PQI_HS_T_CONF_K);
    exchange(t, "after");
    pair_free(t);
}

/* Every record of sessions of a device. */
static void drop_records(dev *d, int damage)
{
    for (size_t i = 0; i < FAKE_NVM_RECORDS; i++) {
        fake_slot *r = &d->nvm.rec[i];
        for (unsigned k = 0; k < 2 && r->name[0] == 's' && r->name[1] == '-'; k++) {
            if (damage && r->bytes[k] != NULL) {
                r->bytes[k][r->len[k] - 1u] ^= 1;
            } else {
                fake_nvm_erase(&d->nvm, r->name, k);
            }
        }
    }
}

/* A device that lost everything of its sessions comes back by a handshake, without an operator. */
static void lost_records(void **state)
{
    (void)state;
    for (unsigned who = 0; who < 4; who++) {
        pair *t = pair_new();
        up(t);
        exchange(t, "before");
        dev *d = who & 1u ? t->ctl : t->pump;
        drop_records(d, who & 2u);
        assert_int_equal(dev_open(d), PQI_OK);
        assert_int_equal(dev_send(t->pump, "control", FLOW, "here I am", &t->m), PQI_OK);
        (void)dev_receive(t->ctl, &t->m); /* a gateway that lost it says so; a device begins anew */
        (void)settle(t, 0, 0);
        exchange(t, "after");
        pair_free(t);
    }
}

/* INV-96 and the witness: a medium put back to an older state is told of, and nothing is accepted twice. */
static void rolled_back(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    static fake_nvm old;
    memset(&old, 0, sizeof old);
    fake_nvm_copy(&old, &t->pump->nvm);
    for (int i = 0; i < 300; i++) { /* several rounds on */
        later(t, 1000);
        exchange(t, "on");
    }
    assert_true(about(t->ctl, "pump-1").epoch >= 2);
    for (size_t i = 0; i < FAKE_NVM_RECORDS;
         i++) { /* the records of sessions only: others have counters */
        const char *name = old.rec[i].name;
        fake_slot *now =
            name[0] == 's' && name[1] == '-' ? fake_nvm_find(&t->pump->nvm, name) : NULL;
        for (unsigned k = 0; now != NULL && k < 2; k++) {
            assert_int_equal(now->len[k], old.rec[i].len[k]);
            memcpy(now->bytes[k], old.rec[i].bytes[k], now->len[k]);
        }
    }
    assert_int_equal(dev_open(t->pump), PQI_OK);
    uint8_t notes = 0;
    for (int i = 0; i < 40 && !about(t->pump, "control").up; i++) {
        while (dev_poll(t->pump, &t->m)) {
            (void)dev_receive(t->ctl, &t->m);
            notes |= t->ctl->ev.notes;
        }
        while (dev_poll(t->ctl, &t->m)) {
            (void)dev_receive(t->pump, &t->m);
            notes |= t->pump->ev.notes;
        }
        later(t, 700);
    }
    assert_true((notes & PQI_NOTE_ROLLBACK_OWN) != 0);
    (void)settle(t, 0, 0);
    exchange(t, "after");
    fake_nvm_free(&old);
    pair_free(t);
}

/* A medium that takes no more: rounds wait, messages go on, nothing is forgotten; then they go on. */
static void full_medium(void **state)
{
    (void)state;
    pair *t = pair_new();
    up(t);
    t->pump->nvm.room = 1;
    t->ctl->nvm.room = 1;
    const uint32_t epoch = about(t->pump, "control").epoch;
    for (int i = 0; i < 200; i++) {
        later(t, 1000);
        exchange(t, "full");
    }
    assert_true(about(t->pump, "control").epoch == epoch && about(t->ctl, "pump-1").epoch == epoch);
    assert_true(t->pump->ep.drops[PQI_DROP_STATE] + t->ctl->ep.drops[PQI_DROP_STATE] > 0);
    t->pump->nvm.room = 0;
    t->ctl->nvm.room = 0;
    for (int i = 0; i < 200; i++) {
        later(t, 1000);
        exchange(t, "room again");
    }
    assert_true(about(t->pump, "control").epoch > epoch);
    pair_free(t);
}

PQI_TEST_MAIN(cmocka_unit_test(prefer), cmocka_unit_test(require), cmocka_unit_test(modes),
    cmocka_unit_test(no_mode), cmocka_unit_test(refused), cmocka_unit_test(retained),
    cmocka_unit_test(hostile), cmocka_unit_test(revocation), cmocka_unit_test(new_certificate),
    cmocka_unit_test(lost), cmocka_unit_test(heals), cmocka_unit_test(renewed),
    cmocka_unit_test(old_session), cmocka_unit_test(restart), cmocka_unit_test(lost_records),
    cmocka_unit_test(own_certificate), cmocka_unit_test(rolled_back), cmocka_unit_test(full_medium))
