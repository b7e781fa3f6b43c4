/* SPDX-License-Identifier: Apache-2.0
 * Messages and rounds of one session, docs/spec/ratchet.md: what arrives, in whatever order, opens
 * once; rounds change the epoch under it. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

#include <pqi/host.h>

static rr_rig g;
static rr_packet p, q[8];

static void in_order(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.rounds = 1});
    for (uint32_t i = 0; i < 40; i++) {
        rr_send(&g, i & 1u, i, &p);
        assert_int_equal(p.len, 9u + 4u + 16u);
        rr_expect(&g, i & 1u, &p, i);
        assert_int_equal(g.opened.n, i / 2u);
        assert_int_equal(rr_take(&g, i & 1u, &p), PQI_ERR_REPLAY);
    }
}

/* A D round: the proposal goes with the first message after the limit, and two exchanges later both
 * are in the next epoch. */
static void d_round(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 4;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l});
    for (uint32_t i = 0; i < 6; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_true(rr_head(&g, 0)->epoch >= 1);
    assert_int_equal(rr_head(&g, 0)->epoch, rr_head(&g, 1)->epoch);
    assert_memory_equal(rr_head(&g, 0)->rk, rr_head(&g, 1)->rk, 32);
    assert_memory_equal(rr_head(&g, 0)->rms, rr_head(&g, 1)->rms, 32);
    assert_true(g.side[0].counts.d_rounds >= 1);
    assert_int_equal(g.side[0].counts.h_rounds, 0);
}

static void h_round(void **state)
{
    (void)state;
    static const pqi_suite *const suites[] = {&pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0004,
        &pqi_suite_0005, &pqi_suite_0006, &pqi_suite_0007, &pqi_suite_0008, &pqi_suite_0009};
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        for (uint8_t chunk = 16; chunk <= 64; chunk = (uint8_t)(chunk * 2u)) {
            pqi_ratchet_limits l = pqi_ratchet_ip;
            l.h_msgs = l.d_msgs = 100000;
            rr_start(&g,
                &(rr_conf){
                    .rounds = 1, .suite = suites[i], .limits = &l, .chunk = chunk, .heal = true});
            uint32_t n = 0;
            while (g.side[0].counts.h_rounds == 0 && n < 300) {
                rr_calm(&g, 16u * n++);
            }
            rr_calm(&g, 16u * n);
            assert_int_equal(g.side[0].counts.h_rounds, 1);
            assert_int_equal(g.side[1].counts.h_rounds, 1);
            assert_memory_equal(rr_head(&g, 0)->rk, rr_head(&g, 1)->rk, 32);
            assert_memory_equal(rr_head(&g, 0)->rms, rr_head(&g, 1)->rms, 32);
            assert_int_equal(g.side[0].st.rounds[0].held, 0);
            assert_int_equal(g.side[1].st.rounds[0].held, 0);
        }
    }
}

/* Lost, repeated and swapped messages in each epoch. */
static void loss_and_reorder(void **state)
{
    (void)state;
    uint64_t rnd = 3;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 20;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 3});
    for (uint32_t i = 0; i < 100; i++) {
        for (unsigned k = 0; k < 8; k++) {
            rr_send(&g, i & 1u, 8u * i + k, &q[k]);
            (void)rr_serve(&g, i & 1u);
        }
        for (unsigned k = 8; k-- > 0;) {
            const bool lost = rr_next(&rnd) % 10u < 3u;
            if (!lost) {
                rr_expect(&g, i & 1u, &q[k], 8u * i + k);
                assert_int_equal(rr_take(&g, i & 1u, &q[k]), PQI_ERR_REPLAY);
                (void)rr_serve(&g, 1u - (i & 1u));
            }
        }
    }
    assert_true(rr_head(&g, 0)->epoch >= 5);
}

/* Messages of the epoch before open after the flip, on both sides; those of the one before that, or
 * after the grace, do not. */
static void late_messages(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 30;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 4});
    for (uint32_t i = 0; i < 8; i++) {
        rr_send(&g, i & 1u, 0x100u + i, &q[i]);
    }
    uint32_t n = 0;
    while (rr_head(&g, 0)->epoch == 0 || rr_head(&g, 1)->epoch == 0) {
        rr_calm(&g, 16u * n++);
    }
    rr_calm(&g, 16u * n++);
    for (uint32_t i = 4; i < 8; i++) {
        rr_expect(&g, i & 1u, &q[i], 0x100u + i);
        assert_true(g.opened.late);
        assert_int_equal(g.opened.epoch, 0);
        assert_int_equal(rr_take(&g, i & 1u, &q[i]), PQI_ERR_REPLAY);
    }
    g.side[0].now += l.grace_s - 1u;
    rr_expect(&g, 1, &q[3], 0x103);
    g.side[0].now += 1u;
    assert_int_equal(rr_take(&g, 1, &q[1]), PQI_ERR_REPLAY);
    assert_false(rr_zero(g.side[0].v.late.node, 36));
    (void)rr_due(&g, 0);
    assert_true(rr_zero(g.side[0].v.late.node, 36u * g.side[0].v.late.cap));
    /* one epoch before, not two */
    while (rr_head(&g, 1)->epoch == 1) {
        rr_calm(&g, 16u * n++);
    }
    rr_calm(&g, 16u * n++);
    assert_int_equal(rr_take(&g, 0, &q[0]), PQI_ERR_REPLAY);
    assert_int_equal(rr_take(&g, 0, &q[2]), PQI_ERR_REPLAY);
}

/* Proposals cross: that of the initiator stays, in every pairing of kinds. */
static void crossing(void **state)
{
    (void)state;
    for (unsigned kinds = 0; kinds < 4; kinds++) {
        pqi_ratchet_limits l = pqi_ratchet_ip;
        l.burst = true;
        rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = kinds});
        for (unsigned who = 0; who < 2; who++) {
            const bool h = (kinds >> who & 1u) != 0;
            g.side[who].limits.d_msgs = h ? 10000 : 1;
            g.side[who].limits.h_msgs = h ? 1 : 10000;
            g.side[who].limits.alarm = g.side[who].limits.refuse = g.side[who].limits.stop = 255;
            rr_send(&g, who, 1, &p);
            (void)rr_serve(&g, who);
            assert_int_equal(rr_head(&g, who)->state, PQI_ROUND_P_ASK);
        }
        rr_send(&g, 0, 10, &p);
        rr_send(&g, 1, 11, &q[0]);
        rr_expect(&g, 1, &q[0], 11);
        assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_ASK);
        assert_true((rr_due(&g, 0) & PQI_DUE_SEND) != 0);
        rr_expect(&g, 0, &p, 10);
        assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_Q_HAVE);
        assert_int_equal(rr_head(&g, 1)->kind, kinds & 1u);
        /* what the responder wanted to heal is still wanted, until it draws coins for an H round */
        assert_true((kinds >= 2) == ((rr_head(&g, 1)->flags & PQI_R_HEAL) != 0));
        (void)rr_serve(&g, 1);
        assert_true((kinds == 2) == ((rr_head(&g, 1)->flags & PQI_R_HEAL) != 0));
        for (uint32_t i = 0; i < 3; i++) {
            g.side[0].limits.d_msgs = g.side[1].limits.d_msgs = 10000;
            g.side[0].limits.h_msgs = g.side[1].limits.h_msgs = 10000;
            rr_calm(&g, 16u * i);
        }
        assert_true(rr_head(&g, 0)->epoch >= 1);
        assert_memory_equal(rr_head(&g, 0)->rk, rr_head(&g, 1)->rk, 32);
    }
}

/* 30 % loss both ways, until an H round came through; then a second one. */
static void h_round_with_loss(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    uint64_t rnd = 9;
    uint32_t total = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = seed, .heal = true});
        uint32_t i = 0;
        for (; i < 2000 && g.side[0].counts.h_rounds + g.side[1].counts.h_rounds < 4; i++) {
            const unsigned from = i & 1u;
            (void)rr_serve(&g, from);
            rr_send(&g, from, i, &p);
            (void)rr_serve(&g, from);
            if (rr_next(&rnd) % 10u >= 3u) {
                rr_expect(&g, from, &p, i);
            }
        }
        assert_true(i < 2000);
        total += i;
    }
    print_message(
        "# two H rounds of 768 at 30 %% loss: %u messages on average\n", (unsigned)(total / 20u));
}

/* The application of one side only speaks: control messages carry the round. */
static void one_way(void **state)
{
    (void)state;
    for (unsigned talker = 0; talker < 2; talker++) {
        pqi_ratchet_limits l = pqi_ratchet_ip;
        l.d_msgs = 10;
        rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = talker});
        uint32_t controls = 0, sent = 0;
        for (; sent < 200; sent++) {
            rr_send(&g, talker, sent, &p);
            (void)rr_serve(&g, talker);
            rr_expect(&g, talker, &p, sent);
            unsigned from = 1u - talker;
            for (unsigned k = 0; rr_serve(&g, from); k++) {
                assert_true(k < 4);
                rr_control(&g, from, &p);
                assert_int_equal(rr_due(&g, from) & PQI_DUE_SEND, 0);
                assert_int_equal(rr_take(&g, from, &p), PQI_OK);
                assert_false(g.opened.app);
                controls++;
                from = 1u - from;
            }
        }
        assert_true(rr_head(&g, 0)->epoch >= 8);
        assert_true(controls <= 4u * rr_head(&g, 0)->epoch);
    }
}

/* Side 0 proposes and has nothing more to say: its symbols go as control messages while the other side
 * speaks, and not faster than the pace. Without memory over there they become rare. */
static void silent_proposer(void **state)
{
    (void)state;
    for (uint32_t rounds = 0; rounds < 2; rounds++) {
        rr_start(&g, &(rr_conf){.rounds = 1, .heal = true});
        g.side[1].env.n_rounds = rounds;
        g.side[1].limits.d_msgs = g.side[1].limits.h_msgs = 1u << 20;
        rr_head(&g, 1)->flags &= (uint8_t)~PQI_R_HEAL;
        rr_send(&g, 0, 1, &p);
        (void)rr_serve(&g, 0);
        uint32_t controls = 0;
        for (uint32_t i = 0; i < 400 && g.side[0].counts.h_rounds == 0; i++) {
            rr_send(&g, 1, i, &p);
            rr_expect(&g, 1, &p, i);
            if (rr_serve(&g, 0)) {
                controls++;
                rr_control(&g, 0, &p);
                assert_int_equal(rr_take(&g, 0, &p), PQI_OK);
                (void)rr_serve(&g, 1);
            }
        }
        assert_int_equal(g.side[0].counts.h_rounds, rounds);
        assert_true(controls >= 38 && controls < 57u + 400u / 7u);
    }
}

/* What a packet may have decides what goes along; the message itself always does, or is refused. */
static void room(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.burst = true;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .heal = true});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    const size_t least = 9u + 4u + 16u;
    assert_int_equal(rr_seal(&g, 0, 2, least - 1u, &p), PQI_ERR_SPACE);
    assert_int_equal(p.len, least);
    assert_int_equal(rr_seal(&g, 0, 2, least, &p), PQI_OK);
    assert_int_equal(p.len, least);
    rr_expect(&g, 0, &p, 2);
    assert_int_equal(rr_seal(&g, 0, 3, least + 1u + 35u, &p), PQI_OK);
    assert_int_equal(p.len, least);
    assert_int_equal(rr_seal(&g, 0, 4, least + 1u + 36u, &p), PQI_OK);
    assert_int_equal(p.len, least + 37u); /* one symbol */
    rr_expect(&g, 0, &p, 4);
    assert_int_equal(rr_seal(&g, 0, 5, RR_PACKET, &p), PQI_OK);
    assert_int_equal(p.len, least + 1u + 6u + 1216u); /* the whole object */
    rr_expect(&g, 0, &p, 5);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_Q_HAVE);
}

/* Compact headers while numbers fit, padded messages, frames of the caller. */
static void forms(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.rounds = 1, .compact = true});
    rr_send(&g, 0, 1, &p);
    assert_int_equal(p.b[0], 0x58);
    assert_int_equal(p.len, 6u + 4u + 16u);
    rr_expect(&g, 0, &p, 1);
    g.side[0].v.send.head->next = 0x10000; /* as if so many had gone */
    rr_send(&g, 0, 2, &p);
    assert_int_equal(p.b[0], 0x40);
    const pqi_frames f = {.has = PQI_HAS(PQI_FRAME_HELLO) | PQI_HAS(PQI_FRAME_EXPIRY),
        .expiry_kind = PQI_EXPIRY_UNIX,
        .expiry_value = 99};
    for (uint8_t log2 = 0; log2 <= 10; log2++) {
        rr_start(&g, &(rr_conf){.rounds = 1});
        const pqi_ratchet_msg m = {.ctx = rr_topic(),
            .app = true,
            .payload = {PQI_LIT("hello")},
            .more = log2 % 2u != 0 ? &f : NULL,
            .pad_to_log2 = log2};
        assert_int_equal(rr_seal_msg(&g, 0, &m, RR_PACKET, &p), PQI_OK);
        assert_int_equal((p.len - 25u) % (1u << log2), 0);
        assert_int_equal(rr_take(&g, 0, &p), PQI_OK);
        assert_int_equal(g.opened.payload.len, 5);
        assert_memory_equal(g.opened.payload.ptr, "hello", 5);
        assert_int_equal(g.opened.frames.has, log2 % 2u != 0 ? f.has : 0);
        assert_int_equal(g.opened.frames.expiry_value, log2 % 2u != 0 ? 99 : 0);
    }
}

/* Epochs beyond what the header's eight bits say. */
static void epoch_wraps(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 1;
    l.h_msgs = 1u << 20;
    rr_start(&g, &(rr_conf){.limits = &l, .toy = true});
    for (uint32_t i = 0; i < 4000 && rr_head(&g, 0)->epoch < 520; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_true(rr_head(&g, 0)->epoch >= 520);
}

/* INV-56: rounds of both kinds come by themselves. What they cost at the default limits: bytes on top of
 * what a message has anyway, hashes. Nothing is lost; applications speak in turn, or one of them only:
 * then the control messages of the other count whole. */
static double healing_bytes(const pqi_suite *suite, const pqi_ratchet_limits *l, bool in_turn)
{
    const uint32_t turns = 4u * l->h_msgs;
    uint64_t bytes = 0;
    rr_start(&g, &(rr_conf){.rounds = 1, .suite = suite, .limits = l, .seed = 2});
    rr_hashes = 0;
    for (uint32_t i = 0; i < turns; i++) {
        const unsigned from = in_turn ? i & 1u : 0;
        rr_send(&g, from, i, &p);
        bytes += p.len - 29u;
        (void)rr_serve(&g, from);
        rr_expect(&g, from, &p, i);
        bool due = rr_serve(&g, 1u - from) && !in_turn;
        for (unsigned who = 1; due; who ^= 1u) {
            rr_control(&g, who, &p);
            bytes += p.len;
            (void)rr_serve(&g, who);
            assert_int_equal(rr_take(&g, who, &p), PQI_OK);
            due = who == 0 && rr_serve(&g, 1u - who); /* 0 speaks next by itself */
            (void)rr_serve(&g, 0);
        }
    }
    assert_true(g.side[0].counts.h_rounds >= 2 && g.side[0].counts.d_rounds >= 2);
    return (double)bytes / turns;
}

static void cost(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        const pqi_suite *suite;
        const pqi_ratchet_limits *limits;
        double most;
    } rows[] = {{"512, IP", &pqi_suite_0001, &pqi_ratchet_ip, 12},
        {"768, IP", &pqi_suite_0002, &pqi_ratchet_ip, 15},
        {"512, LPWAN", &pqi_suite_0001, &pqi_ratchet_lpwan, 6},
        {"768, LPWAN", &pqi_suite_0002, &pqi_ratchet_lpwan, 6}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const double in_turn = healing_bytes(rows[i].suite, rows[i].limits, true);
        const double hashes = (double)rr_hashes / 2.0 / (4.0 * rows[i].limits->h_msgs);
        const double one_way = healing_bytes(rows[i].suite, rows[i].limits, false);
        print_message("# %s: %.2f bytes of healing per message, %.2f one way, %.2f hashes at "
                      "each end\n",
            rows[i].name, in_turn, one_way, hashes);
        assert_true(in_turn < rows[i].most && one_way < 2.0 * rows[i].most);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(in_order), cmocka_unit_test(d_round), cmocka_unit_test(h_round),
    cmocka_unit_test(loss_and_reorder), cmocka_unit_test(late_messages), cmocka_unit_test(crossing),
    cmocka_unit_test(h_round_with_loss), cmocka_unit_test(one_way),
    cmocka_unit_test(silent_proposer), cmocka_unit_test(room), cmocka_unit_test(forms),
    cmocka_unit_test(epoch_wraps), cmocka_unit_test(cost))
