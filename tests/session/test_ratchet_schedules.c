/* SPDX-License-Identifier: Apache-2.0
 * Schedules drawn at random: two ends of a session over a network that holds, repeats, reorders and
 * loses, with work and storage done late or refused, both sides proposing. What must hold is what
 * tests/models/m1 and m5 show of the rules, here of the code: P1 to P3, W1 and W2. X25519 is simulated;
 * ML-KEM-512 is real. */
#include "session/ratchet_rig.h"

#include "pqi_test.h"

#define HELD   6u
#define EPOCHS 512u
#if defined(PQI_SCHEDULES_ALL)
#define SCHEDULES 20000u
#else
#define SCHEDULES 3000u
#endif
#define STEPS 220u

typedef struct held {
    bool used, opened;
    unsigned from;
    uint32_t epoch, tag;
    rr_packet p;
} held;

static rr_rig g;
static held net[2u * HELD];
static uint8_t root[2][EPOCHS][PQI_HS_KEY];
static uint32_t known[2]; /* epochs whose root was noted */
static uint64_t rnd;
static uint32_t tag, total_rounds, total_h;

static uint32_t draw(uint32_t n)
{
    return (uint32_t)(rr_next(&rnd) >> 33) % n;
}

/* P2, W1, W2. */
static void check_both(void)
{
    for (unsigned who = 0; who < 2; who++) {
        const pqi_ratchet *r = rr_head(&g, who);
        assert_true(r->epoch < EPOCHS);
        memcpy(root[who][r->epoch], r->rk, PQI_HS_KEY);
        known[who] = r->epoch;
    }
    const uint32_t low = known[0] < known[1] ? known[0] : known[1];
    const uint32_t high = known[0] < known[1] ? known[1] : known[0];
    assert_true(high - low <= 1);
    assert_memory_equal(root[0][low], root[1][low], PQI_HS_KEY);
    const pqi_ratchet_rms *a = &g.side[0].flash, *b = &g.side[1].flash;
    if (a->epoch == b->epoch) {
        assert_memory_equal(a->rms, b->rms, PQI_HS_KEY);
    } else {
        const pqi_ratchet_rms *old = a->epoch < b->epoch ? a : b, *new = old == a ? b : a;
        assert_true(old->both);
        assert_int_equal(old->epoch + 1u, new->epoch);
        assert_memory_equal(old->next, new->rms, PQI_HS_KEY);
    }
}

static held *slot_for(unsigned from)
{
    held *h = &net[from * HELD + draw(HELD)];
    memset(h, 0, sizeof *h - sizeof h->p); /* what was there is lost */
    h->used = true;
    h->from = from;
    h->epoch = rr_head(&g, from)->epoch + (rr_head(&g, from)->state == PQI_ROUND_P_READY);
    return h;
}

static void send(unsigned from)
{
    held *h = slot_for(from);
    h->tag = ++tag;
    rr_send(&g, from, h->tag, &h->p);
}

static void send_control(unsigned from)
{
    held *h = slot_for(from);
    rr_control(&g, from, &h->p);
}

/* P1: a packet opens, or was opened before, or is of an epoch that is over. */
static void deliver(held *h)
{
    const unsigned to = 1u - h->from;
    const pqi_ratchet *r = rr_head(&g, to);
    const uint32_t recv = pqi_ratchet_recv_epoch(r);
    const bool next = r->state == PQI_ROUND_Q_ANSWER || r->state == PQI_ROUND_P_UNHEARD;
    assert_true(h->epoch <= recv + next);
    pqi_status st = rr_take(&g, h->from, &h->p);
    if (st == PQI_OK) {
        assert_false(h->opened);
        assert_int_equal(g.opened.epoch, h->epoch);
        h->opened = true;
    } else {
        assert_int_equal(st, PQI_ERR_REPLAY);
        assert_true(h->opened || h->epoch + 1u < recv);
    }
    h->used = draw(3) == 0;
}

/* Some of what is due, or nothing. */
static void serve(unsigned who)
{
    rr_side *s = &g.side[who];
    const unsigned due = rr_due(&g, who);
    if ((due & PQI_DUE_WORK) != 0) {
        assert_int_equal(pqi_ratchet_work(&s->env, &s->v, s->now), PQI_OK);
    } else if ((due & PQI_DUE_STORE) != 0 && draw(4) != 0) {
        assert_int_equal(pqi_ratchet_secrets(&s->env, &s->v, &s->flash), PQI_OK);
        check_both(); /* the medium has it, the session does not know yet */
        pqi_ratchet_stored(&s->v);
    } else if ((due & PQI_DUE_SEND) != 0 && draw(2) == 0) {
        send_control(who);
    }
}

static void step(void)
{
    const unsigned who = draw(2);
    held *h = &net[draw(2u * HELD)];
    switch (draw(5)) {
    case 0:
        send(who);
        break;
    case 1:
    case 2:
        serve(who);
        break;
    default:
        if (h->used) {
            deliver(h);
        }
        break;
    }
    check_both();
}

/* P3: once packets arrive the rounds go on, with equal roots. */
static void calm(uint32_t rounds)
{
    memset(net, 0, sizeof net);
    (void)rr_serve(&g, 0);
    (void)rr_serve(&g, 1);
    const uint32_t from = rr_head(&g, 0)->epoch;
    for (unsigned i = 0; i < 400 && rr_head(&g, 0)->epoch < from + rounds; i++) {
        rr_calm(&g, tag);
        check_both();
    }
    assert_true(rr_head(&g, 0)->epoch >= from + rounds);
    assert_true(rr_head(&g, 1)->epoch + 1u >= from + rounds);
}

static void run(uint64_t seed, const rr_conf *conf)
{
    rr_conf c = *conf;
    c.seed = rnd = seed;
    memset(net, 0, sizeof net);
    memset(root, 0, sizeof root);
    tag = 0;
    rr_start(&g, &c);
    (void)rr_serve(&g, 0);
    (void)rr_serve(&g, 1);
    for (unsigned i = 0; i < STEPS; i++) {
        step();
    }
    calm(2);
    total_rounds += g.side[0].counts.d_rounds + g.side[0].counts.h_rounds;
    total_h += g.side[0].counts.h_rounds;
}

static void d_rounds(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 2;
    l.h_msgs = 1u << 20;
    total_rounds = 0;
    for (uint64_t seed = 1; seed <= SCHEDULES; seed++) {
        run(seed,
            &(rr_conf){
                .limits = &l, .toy = true, .profile = {&pqi_chain_gateway, &pqi_chain_gateway}});
    }
    print_message("# %u rounds\n", (unsigned)total_rounds);
    assert_true(total_rounds > 3u * SCHEDULES);
}

/* H rounds in one frame and in chunks, with memory for one session on one side. */
static void h_rounds(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 5;
    l.h_msgs = 2;
    l.alarm = l.refuse = l.stop = 255;
    total_h = 0;
    for (uint64_t seed = 1; seed <= SCHEDULES / 40u; seed++) {
        l.burst = seed % 4u != 0;
        run(seed, &(rr_conf){.limits = &l,
                      .toy = true,
                      .suite = &pqi_suite_0001,
                      .chunk = 64,
                      .rounds = 1,
                      .profile = {&pqi_chain_gateway, &pqi_chain_gateway}});
    }
    print_message("# %u H rounds\n", (unsigned)total_h);
    assert_true(total_h > SCHEDULES / 40u);
}

PQI_TEST_MAIN(cmocka_unit_test(d_rounds), cmocka_unit_test(h_rounds))
