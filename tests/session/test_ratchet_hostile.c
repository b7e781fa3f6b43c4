/* SPDX-License-Identifier: Apache-2.0
 * INV-53, INV-87: packets that are forged, altered, moved, repeated or sealed by a peer that breaks the
 * rules. The rig compares every byte of session and round memory after each refusal. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

static rr_rig g;
static rr_packet p, q, all[400];

static void expect(unsigned from, const rr_packet *packet, pqi_status want)
{
    pqi_status st = rr_take(&g, from, packet);
    if (st != want) {
        fail_msg("status %d, expected %d", (int)st, (int)want);
    }
}

/* A session that has been through a round, with a message of the epoch before still missing. */
static void busy(void)
{
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 6;
    l.h_msgs = 100;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 5});
    uint32_t n = 0;
    rr_send(&g, 0, 0xaaaa, &q); /* stays out: a late message of epoch 0 */
    while (rr_head(&g, 0)->epoch == 0 || rr_head(&g, 1)->epoch == 0) {
        rr_calm(&g, 16u * n++);
    }
    assert_true(g.side[1].v.late.node[0].id != 0);
}

/* One bit of a packet, each of them: nothing opens, nothing changes; then the packet does. */
static void flipped_bits(void **state)
{
    (void)state;
    busy();
    const rr_packet late = q;
    const rr_packet *const packets[] = {&p, &late};
    rr_send(&g, 0, 77, &p);
    for (size_t k = 0; k < 2; k++) {
        for (size_t bit = 0; bit < 8u * packets[k]->len; bit++) {
            rr_packet x = *packets[k];
            x.b[bit / 8u] ^= (uint8_t)(1u << bit % 8u);
            pqi_status st = rr_take(&g, 0, &x);
            assert_int_not_equal(st, PQI_OK);
        }
        for (size_t len = 0; len < packets[k]->len; len++) {
            rr_packet x = *packets[k];
            x.len = len;
            assert_int_not_equal(rr_take(&g, 0, &x), PQI_OK);
        }
    }
    rr_expect(&g, 0, &p, 77);
    rr_expect(&g, 0, &late, 0xaaaa);
    assert_true(g.opened.late);
    expect(0, &late, PQI_ERR_REPLAY);
    expect(0, &p, PQI_ERR_REPLAY);
}

/* Every number and epoch that a header can name, over the bytes of one honest packet. */
static void forged_numbers(void **state)
{
    (void)state;
    busy();
    rr_send(&g, 0, 78, &p);
    static const uint32_t far[] = {0, 1, 2, 50, 4095, 4096, 16384, 16400, 20000, 1u << 19, 0xfffff};
    for (unsigned epoch = 0; epoch < 256; epoch++) {
        for (size_t i = 0; i < sizeof far / sizeof far[0]; i++) {
            rr_packet x = p;
            x.b[5] = (uint8_t)epoch;
            x.b[6] = (uint8_t)(far[i] >> 16);
            x.b[7] = (uint8_t)(far[i] >> 8);
            x.b[8] = (uint8_t)far[i];
            if (memcmp(x.b, p.b, 9) != 0) {
                const uint64_t before = rr_hashes;
                pqi_status st = rr_take(&g, 0, &x);
                assert_true(st == PQI_ERR_AUTH || st == PQI_ERR_REPLAY || st == PQI_ERR_LIMIT);
                assert_true(rr_hashes - before <= 17);
            }
        }
    }
    rr_expect(&g, 0, &p, 78);
}

static void moved_and_reflected(void **state)
{
    (void)state;
    busy();
    rr_send(&g, 0, 79, &p);
    static const pqi_ratchet_ctx other[] = {{PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7/valvf")}},
        {PQI_HS_CTX_TOPIC, {PQI_LIT("plant/7/valve/")}}, {PQI_HS_CTX_TOPIC, {PQI_LIT("p")}},
        {3, {PQI_LIT(RR_TOPIC)}}, {2, {PQI_LIT(RR_TOPIC)}}};
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        assert_int_equal(rr_take_at(&g, 1, &p, &other[i]), PQI_ERR_AUTH);
    }
    static const pqi_ratchet_ctx none[] = {{PQI_HS_CTX_TOPIC, {NULL, 0}}, {0, {PQI_LIT(RR_TOPIC)}}};
    assert_int_equal(rr_take_at(&g, 1, &p, &none[0]), PQI_ERR_ARG);
    assert_int_equal(rr_take_at(&g, 1, &p, &none[1]), PQI_ERR_ARG);
    /* back to its sender: another index, and with that index another direction's key */
    const pqi_ratchet_ctx topic = rr_topic();
    assert_int_equal(rr_take_at(&g, 0, &p, &topic), PQI_ERR_ARG);
    rr_packet x = p;
    x.b[4] = 0x00;
    assert_int_equal(rr_take_at(&g, 0, &x, &topic), PQI_ERR_AUTH);
    rr_expect(&g, 0, &p, 79);
}

/* Replay of everything that was ever sent, at every later time. */
static void replays(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 4;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 6});
    uint32_t count = 0;
    for (uint32_t i = 0; i < 120; i++) {
        const unsigned from = i & 1u;
        rr_send(&g, from, i, &all[count++]);
        (void)rr_serve(&g, from);
        rr_expect(&g, from, &all[count - 1u], i);
        (void)rr_serve(&g, 1u - from);
        for (uint32_t k = 0; k < count; k++) {
            expect(k & 1u, &all[k], PQI_ERR_REPLAY);
        }
    }
    assert_true(rr_head(&g, 0)->epoch > 4);
}

/* ---- a peer that holds the keys and breaks the rules --------------------------------------------- */

static void seal_raw(unsigned from, uint8_t bits, const void *plain, size_t len, rr_packet *out)
{
    rr_seal_raw(&g, from, bits, (pqi_cspan){plain, len}, out);
}

static void refused_frames(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits;
        size_t len;
        const char *text;
    } bad[] = {
#define ROW(bits, text) {bits, sizeof(text) - 1u, text}
        ROW(1, "\0text"), ROW(1, "\x07"), ROW(1, "\x05\x05"), ROW(1, "\x05\x02"),
        ROW(1, "\x01\0\0"), ROW(1, "\x04\0\0\0\0\0\0\0\0"), ROW(4, "\x01\x00\x01"), ROW(4, "\0"),
        ROW(5, "\x05\x01\x00\x01"), ROW(1, "\x03\0\0\x01short")};
    busy();
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        seal_raw(0, bad[i].bits, bad[i].text, bad[i].len, &p);
        expect(0, &p, PQI_ERR_DECODE);
        expect(0, &p, PQI_ERR_DECODE); /* its number was not taken */
    }
    seal_raw(0, 1, "\x05\0text", 6, &p);
    expect(0, &p, PQI_OK);
    assert_int_equal(g.opened.frames.has, PQI_HAS(PQI_FRAME_HELLO));
    assert_int_equal(g.opened.payload.len, 4);
    seal_raw(0, 1, "", 0, &p);
    expect(0, &p, PQI_OK);
    assert_false(g.opened.app);
    seal_raw(0, 0, "", 0, &p);
    expect(0, &p, PQI_OK);
    assert_true(g.opened.app);
}

/* Brings side 1 to the point where it answered a D round of side 0, and 0 sends in epoch 1. */
static void answered(void)
{
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 1;
    rr_start(&g, &(rr_conf){.limits = &l, .seed = 8});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    rr_expect(&g, 0, &p, 1);
    rr_send(&g, 0, 2, &p);
    rr_expect(&g, 0, &p, 2);
    (void)rr_serve(&g, 1);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_Q_ANSWER);
    rr_send(&g, 1, 3, &p);
    rr_expect(&g, 1, &p, 3);
    (void)rr_serve(&g, 0);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_READY);
    rr_send(&g, 0, 4, &p); /* enters epoch 1 */
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_UNHEARD);
}

/* The wide form of the epoch is taken, and all of it counts. */
static void wide_epoch(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.seed = 7});
    rr_head(&g, 0)->epoch = rr_head(&g, 1)->epoch = 0x1234;
    seal_raw(0, 2, "text", 4, &p);
    for (unsigned at = 5; at < 7; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            q = p;
            q.b[at] ^= (uint8_t)(1u << bit);
            assert_int_not_equal(rr_take(&g, 0, &q), PQI_OK);
        }
    }
    q = p;
    q.b[5] ^= 1; /* 256 epochs away */
    expect(0, &q, PQI_ERR_REPLAY);
    expect(0, &p, PQI_OK);
    assert_int_equal(g.opened.epoch, 0x1234);
}

/* The first message of an epoch has FIN, with a count that holds what was opened. */
static void fin_rules(void **state)
{
    (void)state;
    answered();
    seal_raw(0, 0, "text", 4, &q);
    expect(0, &q, PQI_ERR_DECODE);
    seal_raw(0, 1, "\x05", 1, &q);
    expect(0, &q, PQI_ERR_DECODE);
    seal_raw(0, 1, "\x01\x00\x00\x01", 4, &q); /* one message, but two were opened */
    expect(0, &q, PQI_ERR_DECODE);
    rr_expect(&g, 0, &p, 4);
    assert_int_equal(rr_head(&g, 1)->epoch, 1);
    /* no FIN in epoch 0 */
    rr_start(&g, &(rr_conf){.seed = 9});
    seal_raw(0, 1, "\x01\x00\x00\x00", 4, &q);
    expect(0, &q, PQI_ERR_DECODE);
}

/* FIN until the peer was heard, and not after. */
static bool has_fin(unsigned from, const rr_packet *packet)
{
    return (packet->b[0] & 1u) != 0 && rr_head(&g, from)->fin != UINT32_MAX;
}

static void fin_ends(void **state)
{
    (void)state;
    answered();
    rr_send(&g, 0, 5, &q);
    assert_true(has_fin(0, &q));
    rr_expect(&g, 0, &q, 5); /* flips; p comes later */
    (void)rr_serve(&g, 1);
    rr_send(&g, 1, 6, &q);
    assert_true(has_fin(1, &q));
    rr_expect(&g, 1, &q, 6);
    (void)rr_serve(&g, 0);
    g.side[0].limits.d_msgs = g.side[1].limits.d_msgs = 1000;
    rr_expect(&g, 0, &p, 4); /* with FIN: 1 goes on saying it */
    rr_send(&g, 1, 7, &q);
    assert_true(has_fin(1, &q));
    rr_expect(&g, 1, &q, 7);
    rr_send(&g, 0, 8, &q);
    assert_int_equal(rr_head(&g, 0)->flags & PQI_R_FIN, 0);
    rr_expect(&g, 0, &q, 8);
    assert_int_equal(rr_head(&g, 1)->flags & PQI_R_FIN, 0);
}

/* Chunks that contradict what came, or that nobody waits for. */
static void chunk_rules(void **state)
{
    (void)state;
    uint8_t frame[4 + 32] = {3, 0x40, 0, 1};
    rr_start(&g, &(rr_conf){.rounds = 1, .seed = 10});
    const uint8_t answer[36] = {3, 0x60, 0, 1}, old[36] = {3, 0x41, 0, 1};
    seal_raw(0, 1, answer, sizeof answer, &p); /* an answer to nothing */
    expect(0, &p, PQI_OK);
    seal_raw(0, 1, old, sizeof old, &p); /* another round */
    expect(0, &p, PQI_OK);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_IDLE);
    assert_int_equal(g.side[1].st.rounds[0].held, 0);
    frame[2] = 254; /* index 254 + 1 is the last */
    seal_raw(0, 1, frame, sizeof frame, &p);
    expect(0, &p, PQI_OK);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_Q_COLLECT);
    seal_raw(0, 1, frame, sizeof frame, &p); /* again the same */
    expect(0, &p, PQI_OK);
    frame[10] ^= 1;
    seal_raw(0, 1, frame, sizeof frame, &p); /* the same index, other bytes */
    expect(0, &p, PQI_ERR_DECODE);
    const uint8_t d[36] = {3, 0x00, 0, 1};
    seal_raw(0, 1, d, sizeof d, &p); /* INV-57: another kind, while this one is collected */
    expect(0, &p, PQI_OK);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_Q_COLLECT);
    assert_int_equal(g.side[1].st.rounds[0].in.have, 1);
    /* a D object comes whole */
    rr_start(&g, &(rr_conf){.rounds = 1, .seed = 11, .chunk = 16});
    const uint8_t half[20] = {3, 0x00, 0, 1}, second[20] = {3, 0x00, 1, 1};
    const uint8_t shifted[36] = {3, 0x00, 1, 2};
    seal_raw(0, 1, half, sizeof half, &p);
    expect(0, &p, PQI_ERR_DECODE);
    seal_raw(0, 1, second, sizeof second, &p);
    expect(0, &p, PQI_ERR_DECODE);
    seal_raw(0, 1, shifted, sizeof shifted, &p);
    expect(0, &p, PQI_ERR_DECODE);
    /* an H proposal without memory is let go, and the message stands */
    rr_start(&g, &(rr_conf){.rounds = 0, .seed = 12});
    frame[2] = 0;
    seal_raw(0, 1, frame, sizeof frame, &p);
    expect(0, &p, PQI_OK);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_IDLE);
}

/* A proposal and an answer that are no keys: refused by the step that would use them. */
static void no_keys(void **state)
{
    (void)state;
    uint8_t d[36] = {3, 0x00, 0, 1}; /* x_P = 0: X25519 gives zero */
    rr_start(&g, &(rr_conf){.rounds = 1, .seed = 13});
    seal_raw(0, 1, d, sizeof d, &p);
    expect(0, &p, PQI_OK);
    rr_side *s = &g.side[1];
    assert_true((rr_due(&g, 1) & PQI_DUE_WORK) != 0);
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_ERR_AUTH);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_IDLE);
    assert_true(rr_zero(rr_head(&g, 1)->seed, 32));
    assert_int_equal(rr_due(&g, 1) & PQI_DUE_WORK, 0);

    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 1;
    rr_start(&g, &(rr_conf){.limits = &l, .seed = 14});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    uint8_t seed[32];
    memcpy(seed, rr_head(&g, 0)->seed, 32);
    d[1] = 0x20;
    seal_raw(1, 1, d, sizeof d, &q);
    expect(1, &q, PQI_OK);
    s = &g.side[0];
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_ERR_AUTH);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_ASK);
    assert_memory_equal(seed, rr_head(&g, 0)->seed, 32); /* the proposal stays */
    /* and the round still comes to its end */
    rr_expect(&g, 0, &p, 1);
    rr_send(&g, 0, 2, &p);
    for (uint32_t i = 0; i < 40 && rr_head(&g, 0)->epoch == 0; i++) {
        g.side[0].v.r->flags &= (uint8_t)~PQI_R_HEARD; /* the peer lied: say it again */
        rr_calm(&g, 16u * i);
    }
    assert_int_equal(rr_head(&g, 0)->epoch, 1);
}

/* An H proposal whose KEM key fails its check: only a peer with the keys can send it. */
static void no_kem_key(void **state)
{
    (void)state;
    static uint8_t whole[6 + 1216] = {3, 0x40, 255, 0, 1216 >> 8, 1216 & 255};
    memset(whole + 6, 0xff, 1216);
    rr_start(&g, &(rr_conf){.rounds = 1, .seed = 15});
    seal_raw(0, 1, whole, sizeof whole, &p);
    expect(0, &p, PQI_OK);
    rr_side *s = &g.side[1];
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_ERR_DECODE);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_IDLE);
    assert_int_equal(s->st.rounds[0].held, 0);
}

/* The same of an answer: its X25519 key is zero. The proposal stays, and takes a sound answer later. */
static void no_key_in_answer(void **state)
{
    (void)state;
    static uint8_t whole[6 + 1120] = {3, 0x60, 255, 0, 1120 >> 8, 1120 & 255};
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.h_msgs = 1;
    l.burst = true;
    l.alarm = l.refuse = l.stop = 255;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 16});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    rr_expect(&g, 0, &p, 1);
    seal_raw(1, 1, whole, sizeof whole, &q);
    expect(1, &q, PQI_OK);
    rr_side *s = &g.side[0];
    assert_int_equal(s->v.r->state, PQI_ROUND_P_HAVE);
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_ERR_AUTH);
    assert_int_equal(s->v.r->state, PQI_ROUND_P_ASK);
    assert_int_equal(s->st.rounds[0].in.have, 0);
    s->v.r->flags &= (uint8_t)~PQI_R_HEARD; /* the peer lied: say it again */
    for (uint32_t i = 0; i < 40 && rr_head(&g, 0)->epoch == 0; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_int_equal(rr_head(&g, 0)->epoch, 1);
    assert_memory_equal(rr_head(&g, 0)->rk, rr_head(&g, 1)->rk, 32);
    /* an environment that forgot the memory */
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 17});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    seal_raw(1, 1, whole, sizeof whole, &q);
    expect(1, &q, PQI_OK);
    s->env.n_rounds = 0;
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_ERR_STATE);
    s->env.n_rounds = 1;
}

PQI_TEST_MAIN(cmocka_unit_test(flipped_bits), cmocka_unit_test(forged_numbers),
    cmocka_unit_test(moved_and_reflected), cmocka_unit_test(replays),
    cmocka_unit_test(refused_frames), cmocka_unit_test(wide_epoch), cmocka_unit_test(fin_rules),
    cmocka_unit_test(fin_ends), cmocka_unit_test(chunk_rules), cmocka_unit_test(no_keys),
    cmocka_unit_test(no_kem_key), cmocka_unit_test(no_key_in_answer))
