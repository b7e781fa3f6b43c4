/* SPDX-License-Identifier: Apache-2.0
 * Limits, healing age and what is left in memory. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

static rr_rig g;
static rr_packet p;

static void size_of_sessions(void **state)
{
    (void)state;
    assert_int_equal(pqi_session_size(&pqi_chain_tiny), sizeof(pqi_session_tiny));
    assert_int_equal(pqi_session_size(&pqi_chain_std), sizeof(pqi_session_std));
    assert_int_equal(pqi_session_size(&pqi_chain_gateway), sizeof(pqi_session_gateway));
    assert_true(sizeof(pqi_session_tiny) <= 1300 && sizeof(pqi_session_std) <= 2000);
    /* a gateway with a tiny peer: D = 10, a large table */
    static const pqi_chain_profile mixed = {10, 64, 512};
    rr_start(&g, &(rr_conf){.profile = {&pqi_chain_tiny, &mixed}});
    for (uint32_t i = 0; i < 50; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_true(pqi_session_size(&mixed) < sizeof(pqi_session_gateway));
}

static void bad_starts(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.rounds = 1});
    rr_side *s = &g.side[0];
    const pqi_ratchet_init good = {.suite = &pqi_suite_0002,
        .mode = PQI_HS_MODE_S,
        .side = PQI_HS_SIDE_I,
        .keys = &g.keys,
        .rsid_own = 1,
        .rsid_peer = 2,
        .chunk = 32};
    pqi_ratchet_init bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].suite = NULL;
    bad[1].keys = NULL;
    bad[2].rsid_own = 0;
    bad[3].rsid_peer = 0;
    bad[4].chunk = 33;
    bad[5].chunk = 0;
    bad[6].side = (pqi_hs_side)2;
    bad[7].suite = &pqi_suite_0002_small; /* not of this set */
    const rr_state before = s->st;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pqi_ratchet_start(&s->env, &s->v, &bad[i]), PQI_ERR_ARG);
        assert_memory_equal(&before, &s->st, sizeof before);
    }
    for (unsigned i = 0; i < 9; i++) {
        pqi_ratchet_limits l = pqi_ratchet_ip;
        uint32_t *const zero[] = {
            &l.d_msgs, &l.d_s, &l.h_msgs, &l.h_s, &l.epoch_msgs, &l.session_msgs};
        if (i < 6) {
            *zero[i] = 0;
        } else if (i == 6) {
            l.epoch_msgs = PQI_CHAIN_N_MAX + 1u;
        } else if (i == 7) {
            l.session_msgs = (1u << 24) + 1u;
        } else {
            l.refuse = 17;
        }
        s->limits = l;
        assert_int_equal(pqi_ratchet_start(&s->env, &s->v, &good), PQI_ERR_ARG);
        assert_memory_equal(&before, &s->st, sizeof before);
    }
    s->limits = pqi_ratchet_ip;
    static const pqi_chain_profile odd = {11, 16, 128};
    const pqi_ratchet_view v = pqi_session_view(&odd, s->st.session);
    assert_int_equal(pqi_ratchet_start(&s->env, &v, &good), PQI_ERR_ARG);
    assert_memory_equal(&before, &s->st, sizeof before);
    assert_int_equal(pqi_ratchet_start(&s->env, &s->v, &good), PQI_OK);
}

/* A handshake is wanted before the end of an epoch, which is refused at its end by both. */
static void end_of_epoch(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = l.h_msgs = 1u << 20;
    l.epoch_msgs = 64;
    rr_start(&g, &(rr_conf){.limits = &l});
    for (uint32_t i = 0; i < 64; i++) {
        assert_int_equal((rr_due(&g, 0) & PQI_DUE_REKEY) != 0, i >= 60);
        rr_send(&g, 0, i, &p);
        rr_expect(&g, 0, &p, i);
        assert_int_equal((rr_due(&g, 1) & PQI_DUE_REKEY) != 0, i >= 59);
    }
    assert_int_equal(rr_seal(&g, 0, 64, RR_PACKET, &p), PQI_ERR_LIMIT);
    g.side[0].limits.epoch_msgs = 100; /* a peer that goes on */
    rr_send(&g, 0, 64, &p);
    assert_int_equal(rr_take(&g, 0, &p), PQI_ERR_LIMIT);
    /* a round begins the numbers anew */
    rr_start(&g, &(rr_conf){.limits = &l});
    g.side[0].limits.d_msgs = g.side[1].limits.d_msgs = 40;
    for (uint32_t i = 0; i < 200; i++) {
        rr_calm(&g, 16u * i);
    }
}

static void end_of_session(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 10;
    l.session_msgs = 160;
    rr_start(&g, &(rr_conf){.limits = &l});
    uint32_t n = 0;
    while (rr_head(&g, 0)->msgs < 160 && rr_head(&g, 1)->msgs < 160) {
        assert_int_equal((rr_due(&g, 0) & PQI_DUE_REKEY) != 0, rr_head(&g, 0)->msgs >= 150);
        rr_send(&g, n & 1u, n, &p);
        (void)rr_serve(&g, n & 1u);
        rr_expect(&g, n & 1u, &p, n);
        (void)rr_serve(&g, 1u - (n & 1u));
        n++;
    }
    assert_int_equal(rr_seal(&g, 0, n, RR_PACKET, &p), PQI_ERR_LIMIT);
    g.side[1].limits.session_msgs = 200;
    rr_send(&g, 1, n, &p);
    assert_int_equal(rr_take(&g, 1, &p), PQI_ERR_LIMIT);
}

/* ---- healing ------------------------------------------------------------------------------------- */

static pqi_healing healing(unsigned who)
{
    pqi_healing h;
    rr_side *s = &g.side[who];
    assert_int_equal(pqi_ratchet_healing(&s->env, &s->v, s->now, &h), PQI_OK);
    return h;
}

static void levels_by_messages(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.h_msgs = 10;
    l.d_msgs = 1u << 20;
    rr_start(&g, &(rr_conf){.rounds = 0, .limits = &l}); /* no memory: no H round */
    const pqi_ratchet_msg stop = {.ctx = rr_topic(), .app = true, .cls = PQI_CLASS_S};
    for (uint32_t i = 0; i < 170; i++) {
        const unsigned want = i < 20 ? 0 : i < 40 ? 1 : i < 160 ? 2 : 3;
        assert_int_equal(healing(0).level, want);
        assert_int_equal(healing(0).messages, i);
        assert_int_equal((rr_due(&g, 0) & PQI_DUE_REKEY) != 0, want >= 2);
        pqi_status st = rr_seal(&g, 0, i, RR_PACKET, &p);
        assert_int_equal(st, want == 3 ? PQI_ERR_POLICY : PQI_OK);
        if (want == 3) { /* the emergency stop and what heals go through */
            assert_int_equal(rr_seal_msg(&g, 0, &stop, RR_PACKET, &p), PQI_OK);
            assert_int_equal(rr_take(&g, 0, &p), PQI_OK);
            rr_control(&g, 0, &p);
            rr_head(&g, 0)->msgs--; /* two messages in this turn */
        }
        assert_int_equal(rr_take(&g, 0, &p), PQI_OK);
    }
}

static void levels_by_time(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.rounds = 1});
    static const struct {
        uint32_t s;
        uint8_t level;
    } rows[] = {{0, 0}, {7199, 0}, {7200, 1}, {14399, 1}, {14400, 2}, {57599, 2}, {57600, 3}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        g.side[0].now = 1000u + rows[i].s;
        assert_int_equal(healing(0).level, rows[i].level);
        assert_int_equal(healing(0).seconds, rows[i].s);
    }
    g.side[0].now = 990; /* a clock that went back */
    assert_int_equal(healing(0).seconds, 0);
    assert_int_equal(healing(0).level, 0);
}

/* The age counts from the draw of the coins, not from the end of the round; D rounds do not count. */
static void age_counts_from_the_draw(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.h_msgs = 20;
    l.d_msgs = 5;
    l.alarm = l.refuse = l.stop = 255;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l});
    bool drawn = false;
    uint32_t mark = 0, n = 0;
    while (g.side[0].counts.h_rounds == 0) {
        g.side[0].now += 10;
        g.side[1].now += 10;
        rr_calm(&g, 16u * n++);
        const pqi_ratchet *r = rr_head(&g, 0);
        if (!drawn && r->state != PQI_ROUND_IDLE && r->kind == PQI_CHUNK_H && r->draw_mark >= 20) {
            drawn = true;
            mark = r->draw_mark;
        }
        if (g.side[0].counts.h_rounds == 0) {
            assert_int_equal(healing(0).messages, r->msgs);
        }
    }
    assert_true(drawn && g.side[0].counts.d_rounds > 0);
    assert_int_equal(healing(0).messages, rr_head(&g, 0)->msgs - mark);
    assert_true(healing(0).messages >= 70); /* k = 38: it took that long */
    assert_true(healing(0).seconds >= 10 && healing(0).seconds < 10u * n);
}

/* After a resumption the age goes on, and an H round comes at once; so it does when asked for, and a
 * round whose coins are older than the question is not the answer. */
static void heal_at_once(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.burst = true;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .heal = true});
    for (uint32_t i = 0; i < 6; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_int_equal(g.side[0].counts.h_rounds, 1);
    assert_int_equal(rr_head(&g, 0)->epoch, 1);
    pqi_ratchet_heal(&g.side[0].v);
    rr_send(&g, 0, 1, &p);
    rr_expect(&g, 0, &p, 1);
    (void)rr_serve(&g, 0);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_ASK);
    pqi_ratchet_heal(&g.side[0].v); /* again, with a round in flight */
    for (uint32_t i = 0; i < 12; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_int_equal(g.side[0].counts.h_rounds, 3);
    /* ages of a record */
    rr_side *s = &g.side[0];
    const pqi_ratchet_init init = {.suite = &pqi_suite_0002,
        .keys = &g.keys,
        .rsid_own = 1,
        .rsid_peer = 2,
        .now_s = 5,
        .age_msgs = 600,
        .age_s = 9000,
        .heal = true,
        .chunk = 32};
    assert_int_equal(pqi_ratchet_start(&s->env, &s->v, &init), PQI_OK);
    s->now = 6;
    assert_int_equal(healing(0).messages, 600);
    assert_int_equal(healing(0).seconds, 9001);
    assert_int_equal(healing(0).level, 1);
}

/* ---- memory -------------------------------------------------------------------------------------- */

static void wiped(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 5;
    l.h_msgs = 9;
    l.alarm = l.refuse = l.stop = 255;
    for (uint32_t n = 1; n < 60; n += 3) {
        rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = n});
        for (uint32_t i = 0; i < n; i++) {
            rr_calm(&g, 16u * i);
        }
        for (unsigned who = 0; who < 2; who++) {
            rr_side *s = &g.side[who];
            pqi_ratchet_wipe(&s->env, &s->v);
            assert_true(rr_zero(s->st.session, sizeof s->st.session));
            assert_true(rr_zero(s->st.bufs, sizeof s->st.bufs));
            assert_int_equal(s->st.rounds[0].held, 0);
            assert_true(rr_zero(s->tmp, sizeof s->tmp));
            assert_int_equal(rr_due(&g, who), 0);
            assert_int_equal(rr_seal(&g, who, 1, RR_PACKET, &p), PQI_ERR_STATE);
        }
    }
}

/* Adds a value that is not there yet. */
static void note(uint8_t (*list)[32], uint32_t *n, const uint8_t *value)
{
    for (uint32_t i = 0; i < *n; i++) {
        if (memcmp(list[i], value, 32) == 0) {
            return;
        }
    }
    assert_true(*n < 200);
    memcpy(list[(*n)++], value, 32);
}

static bool anywhere(const uint8_t *value)
{
    bool found = false;
    for (unsigned who = 0; who < 2; who++) {
        const rr_side *s = &g.side[who];
        found = found || rr_holds(&s->st, sizeof s->st, value, 32) ||
                rr_holds(s->tmp, sizeof s->tmp, value, 32);
    }
    return found;
}

/* What has been used is nowhere: the key of a message after it was sealed or opened, the root, the
 * epoch's secret, the proposal's seed, the resumption secret of two epochs ago. */
static void used_keys_are_gone(void **state)
{
    (void)state;
    static struct {
        uint8_t rk[32], rms[32];
    } old[2][100];
    static uint8_t seeds[200][32], next[200][32];
    uint32_t n_seeds = 0, n_next = 0;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 4;
    l.h_msgs = 12;
    l.burst = true;
    l.alarm = l.refuse = l.stop = 255;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 77});
    for (uint32_t i = 0; i < 300; i++) {
        const unsigned from = i & 1u;
        rr_side *s = &g.side[from], *t = &g.side[1u - from];
        rr_state peek = s->st; /* the key that the next message takes */
        const pqi_ratchet_view v = pqi_session_view(s->v.recv.profile, peek.session);
        uint8_t key[32];
        uint32_t num;
        const bool enters = s->v.r->state == PQI_ROUND_P_READY;
        assert_int_equal(pqi_chain_send_next(&g.classic, &v.send, &num, key), PQI_OK);
        rr_send(&g, from, i, &p);
        rr_expect(&g, from, &p, i);
        if (!enters) {
            assert_false(rr_holds(&s->st, sizeof s->st, key, 32));
            assert_false(rr_holds(&t->st, sizeof t->st, key, 32));
        }
        (void)rr_serve(&g, 0);
        (void)rr_serve(&g, 1);
        for (unsigned who = 0; who < 2; who++) {
            const rr_side *w = &g.side[who];
            const pqi_ratchet *r = w->v.r;
            assert_true(r->epoch < 100);
            memcpy(old[who][r->epoch].rk, r->rk, 32);
            memcpy(old[who][r->epoch].rms, r->rms, 32);
            for (uint32_t e = 0; e < r->epoch; e++) {
                assert_false(rr_holds(&w->st, sizeof w->st, old[who][e].rk, 32));
                if (e + 1u < r->epoch || r->state != PQI_ROUND_P_UNHEARD) {
                    assert_false(rr_holds(&w->st, sizeof w->st, old[who][e].rms, 32));
                }
            }
            if (r->state == PQI_ROUND_P_ASK) {
                note(seeds, &n_seeds, r->seed);
            }
            if (r->state == PQI_ROUND_Q_ANSWER || r->state == PQI_ROUND_P_READY) {
                note(next, &n_next, r->next);
            }
            if (r->state == PQI_ROUND_IDLE) {
                assert_true(rr_zero(r->seed, 32) && rr_zero(r->next, 32));
            }
        }
        for (uint32_t k = 0; k < n_seeds; k++) {
            const bool asked = rr_head(&g, 0)->state == PQI_ROUND_P_ASK ||
                               rr_head(&g, 1)->state == PQI_ROUND_P_ASK;
            assert_true(asked || !anywhere(seeds[k]));
        }
        const bool busy =
            rr_head(&g, 0)->state != PQI_ROUND_IDLE || rr_head(&g, 1)->state != PQI_ROUND_IDLE;
        for (uint32_t k = 0; k < n_next && !busy; k++) {
            assert_false(anywhere(next[k]));
        }
    }
    assert_true(n_seeds > 5 && n_next > 5 && rr_head(&g, 0)->epoch > 10);
}

/* ---- arguments ----------------------------------------------------------------------------------- */

static void refused_arguments(void **state)
{
    (void)state;
    rr_start(&g, &(rr_conf){.rounds = 1});
    rr_side *s = &g.side[0];
    uint8_t out[64];
    size_t len = 9;
    const uint8_t text[4] = {0};
    const pqi_ratchet_msg good = {.ctx = rr_topic(), .app = true, .payload = {text, 4}};
    const pqi_frames fin = {.has = PQI_HAS(PQI_FRAME_FIN)}, bad = {.has = PQI_HAS(PQI_FRAME_ABORT)};
    pqi_ratchet_msg m[8];
    for (size_t i = 0; i < 8; i++) {
        m[i] = good;
    }
    m[0].ctx.kind = 0;
    m[1].ctx.body.len = 0;
    m[2].ctx.body.len = PQI_TOPIC_MAX + 1u;
    m[3].payload = (pqi_cspan){NULL, 3};
    m[4].app = false; /* control with a payload */
    m[5].pad_to_log2 = 16;
    m[6].more = &fin;
    m[7].more = &bad;
    const rr_state before = s->st;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(
            pqi_ratchet_seal(&s->env, &s->v, 1, &m[i], (pqi_span){out, 64}, &len), PQI_ERR_ARG);
        assert_int_equal(len, 0);
    }
    m[0] = good;
    m[0].payload.len = PQI_RATCHET_APP_MAX + 1u;
    assert_int_equal(
        pqi_ratchet_seal(&s->env, &s->v, 1, &m[0], (pqi_span){out, 64}, &len), PQI_ERR_ARG);
    assert_int_equal(
        pqi_ratchet_seal(&s->env, &s->v, 1, &good, (pqi_span){NULL, 0}, &len), PQI_ERR_ARG);
    assert_int_equal(
        pqi_ratchet_seal(&s->env, &s->v, 1, NULL, (pqi_span){out, 64}, &len), PQI_ERR_ARG);
    assert_int_equal(pqi_ratchet_healing(&s->env, &s->v, 1, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, NULL), PQI_ERR_ARG);
    assert_memory_equal(&before, &s->st, sizeof before);
    /* opening: room, scratch, index */
    rr_send(&g, 0, 1, &p);
    rr_side *r = &g.side[1];
    pqi_hs_data d;
    pqi_ratchet_opened o;
    const pqi_ratchet_ctx ctx = rr_topic();
    assert_int_equal(pqi_hs_data_read((pqi_cspan){p.b, p.len}, &d), PQI_OK);
    const pqi_span three = {out, 3}, all = {out, 64};
    const rr_state was = r->st;
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, three, &o), PQI_ERR_SPACE);
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, all, NULL), PQI_ERR_ARG);
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, NULL, all, &o), PQI_ERR_ARG);
    const pqi_span tmp = r->env.tmp;
    r->env.tmp.len = pqi_ratchet_tmp_len(&pqi_chain_std, &pqi_suite_0002) - 1u;
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, all, &o), PQI_ERR_SPACE);
    assert_int_equal(pqi_ratchet_work(&r->env, &r->v, 1), PQI_ERR_SPACE);
    r->env.tmp.ptr++;
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, all, &o), PQI_ERR_ARG);
    r->env.tmp = tmp;
    assert_memory_equal(&was, &r->st, sizeof was);
    assert_int_equal(pqi_ratchet_work(&r->env, &r->v, 1), PQI_OK); /* nothing is due */
    assert_memory_equal(&was, &r->st, sizeof was);
    rr_expect(&g, 0, &p, 1);
    /* no session */
    pqi_ratchet_wipe(&r->env, &r->v);
    pqi_ratchet_rms rms;
    pqi_healing h;
    assert_int_equal(pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, all, &o), PQI_ERR_STATE);
    assert_int_equal(pqi_ratchet_work(&r->env, &r->v, 1), PQI_ERR_STATE);
    assert_int_equal(pqi_ratchet_secrets(&r->env, &r->v, &rms), PQI_ERR_STATE);
    assert_int_equal(pqi_ratchet_healing(&r->env, &r->v, 1, &h), PQI_ERR_STATE);
}

/* The longest message with all frames and padded to the largest step. */
static void longest(void **state)
{
    (void)state;
    static uint8_t text[PQI_RATCHET_APP_MAX], out[PQI_V1_PLAIN_MAX + 64u], plain[PQI_V1_PLAIN_MAX];
    rr_start(&g, &(rr_conf){.rounds = 1, .heal = true});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0); /* a CHUNK would be due: there is no room for it */
    const pqi_frames f = {.has = PQI_HAS(PQI_FRAME_SETTLED) | PQI_HAS(PQI_FRAME_ABORT) |
                                 PQI_HAS(PQI_FRAME_HELLO) | PQI_HAS(PQI_FRAME_EXPIRY),
        .abort_seq = 1,
        .expiry_kind = PQI_EXPIRY_CONTROL};
    memset(text, 0x77, sizeof text);
    for (uint8_t log2 = 0; log2 <= 15; log2 = (uint8_t)(log2 + 5u)) {
        const pqi_ratchet_msg m = {.ctx = rr_topic(),
            .app = true,
            .payload = {text, sizeof text},
            .more = &f,
            .pad_to_log2 = log2};
        rr_side *s = &g.side[0], *r = &g.side[1];
        size_t len = 0;
        rr_head(&g, 0)->flags |= PQI_R_FIN; /* as at the begin of an epoch */
        assert_int_equal(
            pqi_ratchet_seal(&s->env, &s->v, 1, &m, (pqi_span){out, sizeof out}, &len), PQI_OK);
        assert_true(len <= 9u + PQI_V1_PLAIN_MAX + 16u);
        rr_head(&g, 0)->epoch = rr_head(&g, 1)->epoch = 1; /* FIN has no place in epoch 0 */
        pqi_hs_data d;
        pqi_ratchet_opened o;
        const pqi_ratchet_ctx ctx = rr_topic();
        assert_int_equal(pqi_hs_data_read((pqi_cspan){out, len}, &d), PQI_OK);
        pqi_status st =
            pqi_ratchet_open(&r->env, &r->v, 1, &d, &ctx, (pqi_span){plain, sizeof plain}, &o);
        assert_int_equal(st, log2 == 0 ? PQI_ERR_REPLAY : PQI_OK); /* sealed in epoch 0 */
        assert_true(log2 == 0 || (o.payload.len == sizeof text && o.payload.ptr[0] == 0x77));
    }
}

/* Every generation that the medium is told, at each state of both sides. */
static void what_to_store(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 1;
    rr_start(&g, &(rr_conf){.limits = &l});
    pqi_ratchet_rms a, b;
    rr_side *s = &g.side[0], *t = &g.side[1];
    rr_send(&g, 0, 1, &p);
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_OK);
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &a), PQI_OK);
    assert_true(a.epoch == 0 && !a.both && rr_zero(a.next, 32));
    assert_memory_equal(a.rms, g.keys.rms0, 32);
    rr_expect(&g, 0, &p, 1);
    rr_send(&g, 0, 2, &p);
    rr_expect(&g, 0, &p, 2);
    assert_int_equal(pqi_ratchet_work(&t->env, &t->v, t->now), PQI_OK);
    assert_int_equal(pqi_ratchet_secrets(&t->env, &t->v, &b), PQI_OK);
    assert_true(b.epoch == 0 && b.both);
    assert_memory_equal(b.rms, a.rms, 32);
    pqi_ratchet_stored(&t->v);
    rr_send(&g, 1, 3, &p);
    rr_expect(&g, 1, &p, 3);
    (void)rr_serve(&g, 0);
    assert_true(s->flash.epoch == 1 && !s->flash.both); /* P has the answer: the old one goes */
    assert_memory_equal(s->flash.rms, b.next, 32);
    rr_send(&g, 0, 4, &p);
    assert_int_equal(s->v.r->state, PQI_ROUND_P_UNHEARD);
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &a), PQI_OK);
    assert_memory_equal(&a, &s->flash, sizeof a);
    assert_true(rr_zero(s->v.r->seed, 32)); /* nor is it in memory */
    rr_expect(&g, 0, &p, 4);
    assert_true((rr_due(&g, 1) & PQI_DUE_STORE) != 0);
    assert_int_equal(pqi_ratchet_secrets(&t->env, &t->v, &a), PQI_OK);
    assert_true(a.epoch == 1 && !a.both);
    assert_memory_equal(a.rms, b.next, 32);
    pqi_ratchet_stored(&t->v);
    assert_int_equal(rr_due(&g, 1) & PQI_DUE_STORE, 0);
    rr_send(&g, 1, 5, &p);
    rr_expect(&g, 1, &p, 5);
    assert_int_equal(rr_due(&g, 0) & PQI_DUE_STORE, 0);
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &b), PQI_OK);
    assert_memory_equal(&a, &b, sizeof b);
}

/* A message of the epoch before is as old as that epoch: an H round does not give it the rights back that its
 * age had taken. */
static void late_level(void **state)
{
    (void)state;
    static rr_packet before;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.h_msgs = 4;
    l.burst = true;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 90});
    g.side[0].limits.h_msgs = 1000; /* only the other side proposes, and sees its age */
    for (uint32_t i = 0; i < 17; i++) {
        rr_send(&g, 0, i, &p);
        rr_expect(&g, 0, &p, i);
    }
    assert_int_equal(g.opened.level, 2);
    rr_send(&g, 0, 99, &before);
    for (uint32_t i = 0; i < 8 && g.side[1].counts.h_rounds == 0; i++) {
        rr_calm(&g, 200u + 16u * i);
    }
    assert_int_equal(g.side[1].counts.h_rounds, 1);
    rr_send(&g, 0, 100, &p);
    rr_expect(&g, 0, &p, 100);
    assert_true(g.opened.level < 2);
    rr_expect(&g, 0, &before, 99);
    assert_true(g.opened.late);
    assert_true(g.opened.level >= 2);
}

PQI_TEST_MAIN(cmocka_unit_test(late_level), cmocka_unit_test(size_of_sessions),
    cmocka_unit_test(bad_starts), cmocka_unit_test(end_of_epoch), cmocka_unit_test(end_of_session),
    cmocka_unit_test(levels_by_messages), cmocka_unit_test(levels_by_time),
    cmocka_unit_test(age_counts_from_the_draw), cmocka_unit_test(heal_at_once),
    cmocka_unit_test(wiped), cmocka_unit_test(used_keys_are_gone),
    cmocka_unit_test(refused_arguments), cmocka_unit_test(longest), cmocka_unit_test(what_to_store))
