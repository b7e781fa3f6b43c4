/* SPDX-License-Identifier: Apache-2.0
 * A session whose platform fails: every call of the table once, random bytes, a medium that refuses,
 * round memory that is not there. Nothing is lost but time. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

static rr_rig g, g2;
static rr_packet p, q;

static pqi_ratchet_limits quick(uint32_t d, uint32_t h)
{
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = d;
    l.h_msgs = h;
    l.alarm = l.refuse = l.stop = 255;
    l.burst = true;
    return l;
}

/* Delivers with the k-th call of the table failing, for every k; then it opens. The rig compares. */
static void open_failing(unsigned from, const rr_packet *packet)
{
    for (unsigned at = 1;; at++) {
        rr_fail_at = at;
        pqi_status st = rr_take(&g, from, packet);
        if (st == PQI_OK) {
            assert_true(rr_fail_at != 0 && at > 1);
            break;
        }
        assert_true(st == PQI_ERR_PROVIDER || st == PQI_ERR_AUTH);
    }
    rr_fail_at = 0;
}

/* A number may be used up, and the epoch entered; the next call works. */
static void seal_failing(unsigned from, rr_packet *packet)
{
    for (unsigned at = 1;; at++) {
        rr_fail_at = at;
        pqi_status st = rr_seal(&g, from, 0xf000u + at, RR_PACKET, packet);
        if (st == PQI_OK) {
            assert_true(rr_fail_at != 0 && at > 1);
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
    }
    rr_fail_at = 0;
}

static void work_failing(unsigned who)
{
    static pqi_session_gateway before;
    rr_side *s = &g.side[who];
    assert_true((rr_due(&g, who) & PQI_DUE_WORK) != 0);
    for (unsigned at = 1;; at++) {
        memcpy(&before, s->st.session, sizeof before);
        rr_fail_at = at;
        pqi_status st = pqi_ratchet_work(&s->env, &s->v, s->now);
        assert_true(rr_zero(s->tmp, sizeof s->tmp));
        if (st == PQI_OK) {
            assert_true(rr_fail_at != 0 && at > 1);
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        assert_memory_equal(&before, s->st.session, sizeof before);
        assert_true((rr_due(&g, who) & PQI_DUE_WORK) != 0);
    }
    rr_fail_at = 0;
}

static void store(unsigned who)
{
    rr_side *s = &g.side[who];
    for (unsigned at = 1;; at++) {
        rr_fail_at = at;
        pqi_status st = pqi_ratchet_secrets(&s->env, &s->v, &s->flash);
        if (st == PQI_OK) {
            break;
        }
        assert_int_equal(st, PQI_ERR_PROVIDER);
        assert_true(rr_zero(&s->flash, sizeof s->flash));
        const unsigned state = s->v.r->state;
        pqi_ratchet_stored(&s->v); /* nothing was said: nothing may go on */
        assert_int_equal(s->v.r->state, state);
    }
    rr_fail_at = 0;
    pqi_ratchet_stored(&s->v);
}

/* A whole round, each step of it failing in every way first. */
static void round_failing(unsigned kind)
{
    const pqi_ratchet_limits l = kind == PQI_CHUNK_H ? quick(10000, 2) : quick(2, 10000);
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 20u + kind});
    rr_send(&g, 0, 1, &p);
    rr_expect(&g, 0, &p, 1);
    rr_send(&g, 1, 2, &p);
    rr_expect(&g, 1, &p, 2);
    work_failing(1);
    seal_failing(1, &p);
    open_failing(1, &p);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_Q_HAVE);
    work_failing(0);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_Q_STORE);
    store(0);
    rr_send(&g, 1, 0x11, &q); /* stays out: late */
    seal_failing(0, &p);
    open_failing(0, &p);
    work_failing(1);
    store(1);
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_P_READY);
    seal_failing(1, &p); /* enters the epoch */
    assert_int_equal(rr_head(&g, 1)->epoch, 1);
    open_failing(1, &p); /* Q flips */
    assert_int_equal(rr_head(&g, 0)->epoch, 1);
    seal_failing(0, &p);
    open_failing(0, &p); /* P hears */
    assert_int_equal(rr_head(&g, 1)->state, PQI_ROUND_IDLE);
    assert_memory_equal(rr_head(&g, 0)->rk, rr_head(&g, 1)->rk, 32);
    open_failing(1, &q);
    assert_true(g.opened.late);
}

static void every_call_fails(void **state)
{
    (void)state;
    round_failing(PQI_CHUNK_D);
    round_failing(PQI_CHUNK_H);
}

/* Random bytes that do not come: the round waits, messages go on. */
static void no_random(void **state)
{
    (void)state;
    for (unsigned kind = PQI_CHUNK_D; kind <= PQI_CHUNK_H; kind++) {
        const pqi_ratchet_limits l = kind == PQI_CHUNK_H ? quick(10000, 2) : quick(2, 10000);
        rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 30});
        unsigned failed = 0;
        for (uint32_t i = 0; i < 40 && rr_head(&g, 0)->epoch < 2; i++) {
            for (unsigned who = 0; who < 2; who++) {
                rr_side *s = &g.side[who];
                rr_send(&g, who, i, &p);
                rr_expect(&g, who, &p, i);
                if ((rr_due(&g, who) & PQI_DUE_WORK) == 0) {
                    continue;
                }
                static pqi_session_gateway before;
                memcpy(&before, s->st.session, sizeof before);
                const unsigned calls = s->provider.calls;
                s->provider.fail_at = calls + 1u;
                pqi_status st = pqi_ratchet_work(&s->env, &s->v, s->now);
                if (s->provider.calls != calls) {
                    assert_int_equal(st, PQI_ERR_RNG);
                    assert_memory_equal(&before, s->st.session, sizeof before);
                    failed++;
                }
                s->provider.fail_at = 0;
            }
            rr_calm(&g, 16u * i);
        }
        assert_true(rr_head(&g, 0)->epoch >= 2 && failed >= 2);
    }
}

/* The medium refuses: neither the answer leaves, nor is the next epoch entered. */
static void no_storage(void **state)
{
    (void)state;
    const pqi_ratchet_limits l = quick(2, 10000);
    rr_start(&g, &(rr_conf){.limits = &l, .seed = 40});
    const unsigned a = 1, b = 0;
    g.side[b].limits.d_msgs = 10000;
    rr_calm(&g, 1); /* a proposes now */
    g.side[b].flash_refuses = true;
    for (uint32_t i = 0; i < 30; i++) {
        rr_calm(&g, 16u * i);
        assert_int_equal(rr_head(&g, a)->state, PQI_ROUND_P_ASK);
        assert_int_equal(rr_head(&g, b)->state, PQI_ROUND_Q_STORE);
        assert_true((rr_due(&g, b) & PQI_DUE_STORE) != 0);
    }
    g.side[b].flash_refuses = false;
    g.side[a].flash_refuses = true;
    for (uint32_t i = 0; i < 30; i++) {
        rr_calm(&g, 16u * i);
        assert_int_equal(rr_head(&g, a)->epoch, 0);
        assert_int_equal(rr_head(&g, b)->epoch, 0);
    }
    assert_int_equal(rr_head(&g, a)->state, PQI_ROUND_P_STORE);
    g.side[a].flash_refuses = false;
    rr_calm(&g, 1);
    rr_calm(&g, 1);
    assert_true(rr_head(&g, a)->epoch >= 1);
    /* "stored" that nobody asked for changes nothing */
    pqi_ratchet_stored(&g.side[a].v);
}

/* What secrets() said is old by the time of stored(): the round does not go on by it. */
static void stale_store(void **state)
{
    (void)state;
    const pqi_ratchet_limits l = quick(1, 10000);
    rr_start(&g, &(rr_conf){.limits = &l, .seed = 41});
    rr_send(&g, 0, 1, &p);
    (void)rr_serve(&g, 0);
    rr_expect(&g, 0, &p, 1);
    rr_send(&g, 0, 2, &p); /* the proposal */
    rr_side *s = &g.side[1];
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &s->flash), PQI_OK);
    rr_expect(&g, 0, &p, 2);
    assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_OK);
    assert_int_equal(s->v.r->state, PQI_ROUND_Q_STORE);
    pqi_ratchet_stored(&s->v);
    assert_int_equal(s->v.r->state, PQI_ROUND_Q_STORE);
    assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &s->flash), PQI_OK);
    pqi_ratchet_stored(&s->v);
    assert_int_equal(s->v.r->state, PQI_ROUND_Q_ANSWER);
}

/* ---- round memory -------------------------------------------------------------------------------- */

/* Two sessions of one device share one memory: `g` and `g2`, side 1 of both. */
static void share(const pqi_ratchet_limits *l)
{
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = l, .seed = 50});
    rr_start(&g2, &(rr_conf){.rounds = 1, .limits = l, .seed = 51});
    g2.side[1].env.rounds = g.side[1].st.rounds;
}

static void exchange(rr_rig *r, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        rr_calm(r, 16u * i);
    }
}

static void one_memory_for_two(void **state)
{
    (void)state;
    pqi_ratchet_limits l = quick(8, 4);
    l.burst = false;
    share(&l);
    const pqi_round_mem *m = &g.side[1].st.rounds[0];
    exchange(&g, 5); /* an H round of g begins on side 1 */
    assert_int_equal(g.side[1].v.r->mem, 1);
    const uint32_t lease = m->lease;
    g2.side[0].limits.h_msgs = 10000;
    exchange(&g2, 12); /* g2 has D rounds meanwhile, though it is time for an H round */
    assert_int_equal(m->lease, lease);
    assert_int_equal(g2.side[1].counts.h_rounds, 0);
    assert_true(g2.side[1].counts.d_rounds >= 1);
    exchange(&g, 120);
    assert_true(g.side[1].counts.h_rounds >= 1);
}

/* A session that collects or proposes and falls silent gives its memory up, and takes up again what it
 * was doing when it speaks. */
static void idle_memory(void **state)
{
    (void)state;
    pqi_ratchet_limits l = quick(10000, 4);
    l.burst = false;
    l.h_s = l.d_s = 1u << 30;
    share(&l);
    const pqi_round_mem *m = &g.side[1].st.rounds[0];
    exchange(&g, 6);
    assert_int_equal(m->held, 1);
    const uint32_t lease = m->lease;
    g2.side[0].now += PQI_ROUND_IDLE_S - 1u;
    g2.side[1].now += PQI_ROUND_IDLE_S - 1u;
    exchange(&g2, 10);
    assert_int_equal(m->lease, lease);
    for (unsigned who = 0; who < 2; who++) {
        g.side[who].now += PQI_ROUND_IDLE_S;
        g2.side[who].now += 1u;
    }
    while (g2.side[1].counts.h_rounds == 0) {
        exchange(&g2, 1);
    }
    assert_true(m->lease != lease);
    exchange(&g2, 2);
    g2.side[0].limits.h_msgs = g2.side[1].limits.h_msgs = 1u << 20;
    pqi_ratchet_wipe(&g2.side[1].env, &g2.side[1].v);
    assert_int_equal(m->held, 0);
    uint32_t n = 0;
    while (g.side[1].counts.h_rounds == 0 && n++ < 400) {
        exchange(&g, 1);
    }
    assert_int_equal(g.side[0].counts.h_rounds, g.side[1].counts.h_rounds);
    exchange(&g, 1);
    assert_int_equal(g.side[0].v.r->epoch, g.side[1].v.r->epoch);
    assert_memory_equal(g.side[0].v.r->rk, g.side[1].v.r->rk, 32);
}

/* The proposing side loses its memory: the proposal it makes again is the same, byte for byte, so that
 * symbols of before and after fit together. */
static void proposed_again(void **state)
{
    (void)state;
    pqi_ratchet_limits l = quick(10000, 1);
    l.burst = false;
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = &l, .seed = 52});
    rr_send(&g, 0, 1, &p);
    rr_expect(&g, 0, &p, 1);
    (void)rr_serve(&g, 0);
    assert_int_equal(rr_head(&g, 0)->state, PQI_ROUND_P_ASK);
    static uint8_t before[PQI_ROUND_BUF_MAX];
    const size_t len = pqi_round_obj_len(&pqi_suite_0002, PQI_CHUNK_H, PQI_CHUNK_OBJ_P);
    memcpy(before, g.side[0].st.bufs[0], len);
    for (uint32_t i = 0; i < 10; i++) {
        rr_send(&g, 0, i, &p);
        rr_expect(&g, 0, &p, i);
    }
    pqi_round_mem *m = &g.side[0].st.rounds[0];
    m->lease++; /* another session had it, and is done */
    m->held = 0;
    memset(m->buf, 0, m->len);
    assert_int_equal(pqi_round_state(&g.side[0].env, rr_head(&g, 0)), PQI_ROUND_P_DRAWN);
    (void)rr_serve(&g, 0);
    assert_memory_equal(before, g.side[0].st.bufs[0], len);
    for (uint32_t i = 0; i < 100 && g.side[0].counts.h_rounds == 0; i++) {
        rr_calm(&g, 16u * i);
    }
    assert_int_equal(g.side[0].counts.h_rounds, 1);
}

PQI_TEST_MAIN(cmocka_unit_test(every_call_fails), cmocka_unit_test(no_random),
    cmocka_unit_test(no_storage), cmocka_unit_test(stale_store),
    cmocka_unit_test(one_memory_for_two), cmocka_unit_test(idle_memory),
    cmocka_unit_test(proposed_again))
