/* SPDX-License-Identifier: Apache-2.0
 * Until when a message may be acted on: docs/spec/expiry.md. */
#include "support/fleet.h"

#include "session/expiry.h"

#define PUMP "plant/pump-1"
#define STOP "plant/estop"

typedef struct pair {
    dev *pump, *stop, *ctl;
    msg m, n;
} pair;

static pair *pair_new(void)
{
    pair *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->pump = dev_new(&(dev_spec){.id = "pump-1", .epoch = 1, .roster = 1, .pub = PUMP, .seed = 1});
    t->stop = dev_new(
        &(dev_spec){.id = "stop-1", .epoch = 1, .roster = 2, .pub = STOP, .only_s = 1, .seed = 2});
    t->ctl =
        dev_new(&(dev_spec){.id = "control", .epoch = 1, .roster = 3, .pub = "plant", .seed = 3});
    assert_int_equal(dev_open(t->pump), PQI_OK);
    assert_int_equal(dev_open(t->stop), PQI_OK);
    assert_int_equal(dev_open(t->ctl), PQI_OK);
    dev_meet(t->pump, t->ctl);
    dev_meet(t->stop, t->ctl);
    return t;
}

static void pair_free(pair *t)
{
    dev_free(t->pump);
    dev_free(t->stop);
    dev_free(t->ctl);
    free(t);
}

static void send(dev *from, const char *topic, pqi_class cls, pqi_expiry until, msg *m)
{
    memset(m->topic, 0, sizeof m->topic);
    memcpy(m->topic, topic, strlen(topic));
    const pqi_outbound o = {.peer = text_of("control"),
        .topic = text_of(topic),
        .payload = text_of("act"),
        .cls = cls,
        .not_after = until};
    assert_int_equal(
        pqi_endpoint_send(&from->ep, &from->now, &o, (pqi_span){m->b, sizeof m->b}, &m->len),
        PQI_OK);
}

/* Authentic and refused: counted, nothing delivered, and its number is used up: it is a replay from then on,
 * under any clock. */
static void refused(dev *d, const msg *m, pqi_drop why)
{
    uint64_t drops = d->ep.drops[why];
    const pqi_now before = d->now;
    assert_int_equal(dev_receive(d, m), PQI_EV_DROP);
    assert_int_equal(d->ev.drop, why);
    assert_int_equal(d->ev.plain.len, 0);
    assert_int_equal(d->ev.classes, 0);
    assert_true(d->ep.drops[why] == drops + 1);
    for (size_t i = 0; i < 64; i++) {
        assert_true(d->plain[i] == 0xee || d->plain[i] == 0);
    }
    d->now.unix_s = 1;
    dev_refuses(d, m, PQI_DROP_REPLAY);
    d->now = before;
    dev_refuses(d, m, PQI_DROP_REPLAY);
}

static void delivered(dev *d, const msg *m, pqi_class cls, pqi_expiry_state state)
{
    dev_expect(d, m, "act");
    assert_int_equal(d->ev.expiry, state);
    assert_int_equal(d->ev.classes, 1u << cls);
    dev_refuses(d, m, PQI_DROP_REPLAY);
}

/* The whole table: each class, each state, both kinds of time. */
static void table(void **state)
{
    (void)state;
    pair *t = pair_new();
    const pqi_expiry control = {PQI_EXPIRY_CONTROL, (uint64_t)7 << 32 | 3};
    static const struct {
        pqi_expiry until;
        uint64_t unix_s;
        uint32_t epoch;
        pqi_expiry_state state;
    } row[] = {
        {{PQI_EXPIRY_UNIX, 2000}, 1999, 0, PQI_EXPIRY_IN_TIME},
        {{PQI_EXPIRY_UNIX, 2000}, 2000, 9, PQI_EXPIRY_IN_TIME},
        {{PQI_EXPIRY_UNIX, 2000}, 2001, 0, PQI_EXPIRY_PAST},
        {{PQI_EXPIRY_UNIX, 2000}, UINT64_MAX, 0, PQI_EXPIRY_PAST},
        {{PQI_EXPIRY_UNIX, 2000}, 0, 9, PQI_EXPIRY_UNKNOWN}, /* the other time is no help */
        {{PQI_EXPIRY_CONTROL, 0}, 0, 6, PQI_EXPIRY_IN_TIME},
        {{PQI_EXPIRY_CONTROL, 0}, 9, 8, PQI_EXPIRY_PAST},
        {{PQI_EXPIRY_CONTROL, 0}, 9, 7, PQI_EXPIRY_UNKNOWN}, /* this epoch, and no tick is known */
        {{PQI_EXPIRY_CONTROL, 0}, 9, 0, PQI_EXPIRY_UNKNOWN},
        {{0, 0}, 9, 9, PQI_EXPIRY_NONE},
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        for (unsigned c = PQI_CLASS_L; c <= PQI_CLASS_S; c++) {
            dev *from = c == PQI_CLASS_S ? t->stop : t->pump;
            pqi_expiry until = row[i].until.kind == PQI_EXPIRY_CONTROL ? control : row[i].until;
            send(from, c == PQI_CLASS_S ? STOP : PUMP, (pqi_class)c, until, &t->m);
            assert_int_equal(t->m.b[1], until.kind != 0 ? PQI_V1_EXPIRES : 0);
            t->ctl->now.unix_s = row[i].unix_s;
            t->ctl->now.control_epoch = row[i].epoch;
            if (row[i].state == PQI_EXPIRY_NONE) {
                dev_expect(t->ctl, &t->m, "act");
                assert_int_equal(t->ctl->ev.expiry, PQI_EXPIRY_NONE);
                assert_int_equal(t->ctl->ev.classes, c == PQI_CLASS_S ? 8 : 7);
            } else if (row[i].state == PQI_EXPIRY_IN_TIME || c == PQI_CLASS_S) {
                delivered(t->ctl, &t->m, (pqi_class)c, row[i].state);
            } else if (row[i].state == PQI_EXPIRY_PAST) {
                refused(t->ctl, &t->m, PQI_DROP_LATE);
            } else if (c == PQI_CLASS_L) {
                delivered(t->ctl, &t->m, PQI_CLASS_L, PQI_EXPIRY_UNKNOWN);
            } else {
                refused(t->ctl, &t->m, PQI_DROP_TIME);
            }
        }
    }
    pair_free(t);
}

/* A refused message stays refused over a restart of the receiver. */
static void final_refusal(void **state)
{
    (void)state;
    pair *t = pair_new();
    send(t->pump, PUMP, PQI_CLASS_H, (pqi_expiry){PQI_EXPIRY_UNIX, 2000}, &t->m);
    t->ctl->now.unix_s = 0;
    refused(t->ctl, &t->m, PQI_DROP_TIME);
    for (int clean = 0; clean < 2; clean++) {
        if (clean) {
            pqi_endpoint_close(&t->ctl->ep);
        }
        assert_int_equal(dev_open(t->ctl), PQI_OK);
        t->ctl->now.unix_s = 1000;
        dev_refuses(t->ctl, &t->m, PQI_DROP_REPLAY);
    }
    pair_free(t);
}

/* The time cannot be taken off on the way: flag and content are bound. */
static void bound(void **state)
{
    (void)state;
    pair *t = pair_new();
    t->ctl->now.unix_s = 3000;
    send(t->pump, PUMP, PQI_CLASS_H, (pqi_expiry){PQI_EXPIRY_UNIX, 2000}, &t->m);
    t->n = t->m;
    t->n.b[1] = 0;
    dev_refuses(t->ctl, &t->n, PQI_DROP_GATE);
    refused(t->ctl, &t->m, PQI_DROP_LATE);
    send(t->pump, PUMP, PQI_CLASS_H, (pqi_expiry){0, 0}, &t->m);
    t->m.b[1] = PQI_V1_EXPIRES;
    assert_int_equal(dev_receive(t->ctl, &t->m), PQI_EV_DROP);
    pair_free(t);
}

/* A sender that calls its message something which its certificate does not allow there. */
static void false_class(void **state)
{
    (void)state;
    pair *t = pair_new();
    const pqi_peer *to = pqi_endpoint_peer(&t->pump->ep, text_of("control"));
    pqi_v1_seal_in in = {.suite = &pqi_suite_0001,
        .sig_alg = pqi_algs_sig(&t->pump->f->algs, PQI_SIG_ID_ML_DSA_44),
        .sig_key = 3,
        .seq = 900,
        .ends = {.id_s = text_of("pump-1"),
            .id_r = text_of("control"),
            .topic = text_of(PUMP),
            .to = {{to->kem_pk, to->kem->pk_len}, {to->x25519_pk, 32}},
            .gk = to->gk_out},
        .plain = text_of("act"),
        .not_after = {PQI_EXPIRY_UNIX, 1},
        .cls = PQI_CLASS_S};
    memcpy(in.kid_s, t->pump->ep.cert.key_id, PQI_KID_LEN);
    memcpy(in.kid_r, to->key_id, PQI_KID_LEN);
    memset(t->m.topic, 0, sizeof t->m.topic);
    memcpy(t->m.topic, PUMP, sizeof PUMP);
    static uint8_t tmp[65536] __attribute__((aligned(8)));
    assert_int_equal(pqi_v1_seal(&t->pump->f->algs, &t->pump->prov.base, &in,
                         (pqi_span){tmp, sizeof tmp}, (pqi_span){t->m.b, FLEET_ROOM}, &t->m.len),
        PQI_OK);
    refused(t->ctl, &t->m, PQI_DROP_SCOPE);
    in.cls = (pqi_class)4;
    assert_int_equal(pqi_v1_seal(&t->pump->f->algs, &t->pump->prov.base, &in,
                         (pqi_span){tmp, sizeof tmp}, (pqi_span){t->m.b, FLEET_ROOM}, &t->m.len),
        PQI_ERR_ARG);
    pair_free(t);
}

/* What the sender refuses, and the longest message with a time. */
static void sender(void **state)
{
    (void)state;
    pair *t = pair_new();
    static uint8_t big[PQI_V1_PLAIN_MAX], out[PQI_V1_PACKET_MAX];
    size_t len = 0;
    pqi_outbound o = {.peer = text_of("control"),
        .topic = text_of(PUMP),
        .payload = {big, 1},
        .cls = PQI_CLASS_L,
        .not_after = {PQI_EXPIRY_UNIX, 0}};
    static const pqi_expiry bad[] = {{PQI_EXPIRY_UNIX, 0}, {3, 5}, {255, 5}};
    uint64_t next = t->pump->peers[0].send_next;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        o.not_after = bad[i];
        assert_int_equal(
            pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o, (pqi_span){out, sizeof out}, &len),
            PQI_ERR_ARG);
    }
    o.not_after = (pqi_expiry){PQI_EXPIRY_UNIX, 5000000};
    o.payload.len = PQI_V1_PLAIN_MAX - PQI_V1_EXPIRY_LEN + 1u;
    assert_int_equal(
        pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o, (pqi_span){out, sizeof out}, &len),
        PQI_ERR_ARG);
    assert_true(t->pump->peers[0].send_next == next);
    o.payload.len--;
    assert_int_equal(
        pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o, (pqi_span){out, sizeof out}, &len),
        PQI_OK);
    const pqi_inbound in = {text_of(PUMP), {out, len}, 0};
    assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, &t->ctl->now, &in,
                         (pqi_span){t->ctl->plain, sizeof t->ctl->plain}, &t->ctl->ev),
        PQI_OK);
    assert_int_equal(t->ctl->ev.kind, PQI_EV_MESSAGE);
    assert_int_equal(t->ctl->ev.plain.len, o.payload.len);
    o.payload.len = 0; /* an empty message with a time */
    assert_int_equal(
        pqi_endpoint_send(&t->pump->ep, &t->pump->now, &o, (pqi_span){out, sizeof out}, &len),
        PQI_OK);
    const pqi_inbound none = {text_of(PUMP), {out, len}, 0};
    assert_int_equal(pqi_endpoint_receive(&t->ctl->ep, &t->ctl->now, &none,
                         (pqi_span){t->ctl->plain, sizeof t->ctl->plain}, &t->ctl->ev),
        PQI_OK);
    assert_true(t->ctl->ev.kind == PQI_EV_MESSAGE && t->ctl->ev.plain.len == 0);
    pair_free(t);
}

/* The frame has one encoding; what is not understood is refused, never skipped. */
static void frame(void **state)
{
    (void)state;
    uint8_t b[PQI_EXPIRY_LEN + 1] = {0};
    pqi_expiry e = {PQI_EXPIRY_CONTROL, UINT64_C(0x0102030405060708)}, got = {9, 9};
    static const uint8_t want[] = {6, 1, 1, 2, 3, 4, 5, 6, 7, 8};
    assert_int_equal(pqi_expiry_write(&e, b), PQI_OK);
    assert_memory_equal(b, want, sizeof want);
    for (size_t n = 0; n <= sizeof b; n++) {
        pqi_status st = pqi_expiry_read((pqi_cspan){b, n}, &got);
        assert_int_equal(st, n == PQI_EXPIRY_LEN ? PQI_OK : PQI_ERR_DECODE);
        assert_int_equal(got.kind, n < PQI_EXPIRY_LEN ? 9 : 1);
    }
    assert_true(got.value == e.value);
    for (unsigned v = 0; v < 256; v++) {
        b[1] = (uint8_t)v;
        assert_int_equal(pqi_expiry_read((pqi_cspan){b, PQI_EXPIRY_LEN}, &got),
            v == 1 || v == 2 ? PQI_OK : PQI_ERR_DECODE);
        b[1] = 1;
        b[0] = (uint8_t)v;
        assert_int_equal(pqi_expiry_read((pqi_cspan){b, PQI_EXPIRY_LEN}, &got),
            v == PQI_FRAME_EXPIRY ? PQI_OK : PQI_ERR_DECODE);
        b[0] = PQI_FRAME_EXPIRY;
    }
    static const uint8_t zero[] = {6, 2, 0, 0, 0, 0, 0, 0, 0, 0};
    assert_int_equal(pqi_expiry_read((pqi_cspan){zero, sizeof zero}, &got), PQI_ERR_DECODE);
    static const uint64_t far_[] = {0, 2000, 2001, UINT64_MAX};
    for (size_t i = 0; i < sizeof far_ / sizeof far_[0]; i++) {
        const pqi_expiry until = {PQI_EXPIRY_UNIX, 2000};
        pqi_expiry_clock k = {.unix_s = 1000, .unix_far = far_[i]};
        assert_int_equal(
            pqi_expiry_judge(&until, &k), far_[i] > 2000 ? PQI_EXPIRY_UNKNOWN : PQI_EXPIRY_IN_TIME);
        k.unix_s = 2001;
        assert_int_equal(pqi_expiry_judge(&until, &k), PQI_EXPIRY_PAST);
    }
    const pqi_expiry_clock tick = {.control_epoch = 7, .tick = 4, .has_tick = true};
    e.value = (uint64_t)7 << 32 | 3;
    assert_int_equal(pqi_expiry_judge(&e, &tick), PQI_EXPIRY_PAST);
    e.value++;
    assert_int_equal(pqi_expiry_judge(&e, &tick), PQI_EXPIRY_IN_TIME);
    /* In front of a v1 message: class, then the frame. */
    uint8_t plain[1 + PQI_EXPIRY_LEN + 2] = {3, 6, 2, 0, 0, 0, 0, 0, 0, 0, 9, 'o', 'k'};
    const pqi_v1_packet k = {.flags = PQI_V1_EXPIRES};
    pqi_v1_inner in;
    assert_int_equal(pqi_v1_read_inner(&k, (pqi_cspan){plain, sizeof plain}, &in), PQI_OK);
    assert_true(in.cls == PQI_CLASS_S && in.not_after.value == 9 && in.message.len == 2);
    for (size_t n = 0; n < PQI_V1_EXPIRY_LEN; n++) {
        assert_int_equal(pqi_v1_read_inner(&k, (pqi_cspan){plain, n}, &in), PQI_ERR_DECODE);
    }
    plain[0] = 4;
    assert_int_equal(pqi_v1_read_inner(&k, (pqi_cspan){plain, sizeof plain}, &in), PQI_ERR_DECODE);
}

/* In a session. */
static void flows(dev *from, pqi_class cls, pqi_expiry until, msg *m)
{
    send(from, PUMP, cls, until, m);
    assert_int_equal(m->b[0] & 0xf8u, 0x40u);
}

/* Messages of sessions do not name their class: a stop is delivered at any time all the same, and nothing
 * else passes for one, however old the session is. */
static void in_session(void **state)
{
    (void)state;
    dev *pump = dev_new(&(dev_spec){.id = "pump-1",
        .epoch = 1,
        .roster = 1,
        .pub = PUMP,
        .also_s = 1,
        .seed = 1,
        .sessions = PQI_SESSIONS_PREFER});
    dev *ctl = dev_new(&(dev_spec){.id = "control",
        .epoch = 1,
        .roster = 3,
        .pub = "plant",
        .seed = 3,
        .sessions = PQI_SESSIONS_PREFER});
    msg *m = calloc(1, sizeof *m);
    assert_non_null(m);
    assert_int_equal(dev_open(pump), PQI_OK);
    assert_int_equal(dev_open(ctl), PQI_OK);
    dev_meet(pump, ctl);
    assert_int_equal(pqi_endpoint_connect(&pump->ep, &pump->now, text_of("control"), 0), PQI_OK);
    assert_true(dev_talk(pump, ctl) >= 4);
    const unsigned all = (1u << PQI_CLASS_L) | (1u << PQI_CLASS_M) | (1u << PQI_CLASS_H);
    const pqi_expiry until = {PQI_EXPIRY_UNIX, ctl->now.unix_s + 10u};
    for (uint64_t late = 0; late < 2; late++) { /* all ages of healing follow in the second run */
        for (unsigned level = 0; level < 4; level++) {
            const pqi_now now = ctl->now;
            ctl->now.unix_s += late * 1000u;
            ctl->now.mono_ms += level == 0 ? 0 : (1u << (2u * level)) * UINT64_C(3600000);
            flows(pump, PQI_CLASS_S, until, m);
            dev_expect(ctl, m, "act");
            assert_true((ctl->ev.classes & (1u << PQI_CLASS_S)) != 0);
            flows(pump, PQI_CLASS_M, until, m);
            if (late) {
                assert_int_equal(dev_receive(ctl, m), PQI_EV_DROP);
                assert_int_equal(ctl->ev.drop, PQI_DROP_LATE);
            } else {
                dev_expect(ctl, m, "act");
                assert_int_equal(ctl->ev.classes & ~all, 0);
                assert_int_equal(ctl->ev.expiry, PQI_EXPIRY_IN_TIME);
            }
            ctl->now = now;
        }
    }
    free(m);
    dev_free(pump);
    dev_free(ctl);
}

PQI_TEST_MAIN(cmocka_unit_test(table), cmocka_unit_test(final_refusal), cmocka_unit_test(bound),
    cmocka_unit_test(false_class), cmocka_unit_test(sender), cmocka_unit_test(frame),
    cmocka_unit_test(in_session))
