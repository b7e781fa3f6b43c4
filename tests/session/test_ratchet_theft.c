/* SPDX-License-Identifier: Apache-2.0
 * INV-92, INV-93: the whole state of a side is stolen at some instant, every X25519 key is broken (a
 * simulation: the test keeps them), every packet is recorded. What was opened before stays closed; what
 * comes after is open until the first H round whose coins were drawn after the theft, and closed from
 * then on. */
#include "session/ratchet_thief.h"

#include "pqi_test.h"

#include <pqi/host.h>

#define THEFTS 40u

static rr_rig g;
static rr_packet p;
static thief thieves[2][THEFTS];
static uint32_t at_packet[THEFTS];
static unsigned calls_at[2][THEFTS]; /* draws of random bytes by then */
static unsigned draw_of[2][THIEF_EPOCHS];
static uint8_t kind_of[THIEF_EPOCHS];

static pqi_status keep_public(uint8_t *pk, const uint8_t *sk)
{
    pqi_status st = pqi_classic_openssl.x25519_public(pk, sk);
    if (thief_n_keys < THIEF_X) {
        memcpy(thief_keys[thief_n_keys].pk, pk, 32);
        memcpy(thief_keys[thief_n_keys].sk, sk, 32);
        thief_n_keys++;
    }
    return st;
}

static void note_epochs(void)
{
    static uint32_t last[2];
    for (unsigned who = 0; who < 2; who++) {
        const pqi_ratchet *r = rr_head(&g, who);
        if (r->epoch != last[who] && r->epoch != 0) {
            draw_of[who][r->epoch] = g.side[who].provider.calls;
            kind_of[r->epoch] = r->kind;
        }
        last[who] = r->epoch;
    }
}

static void send(unsigned from, uint32_t tag, bool control)
{
    if (control) {
        rr_control(&g, from, &p);
    } else {
        rr_send(&g, from, tag, &p);
    }
    assert_true(thief_n < THIEF_PACKETS && p.len <= sizeof thief_log[0].b);
    thief_packet *k = &thief_log[thief_n++];
    k->from = from;
    k->epoch = rr_head(&g, from)->epoch;
    k->len = p.len;
    memcpy(k->b, p.b, p.len);
    note_epochs();
    (void)rr_serve(&g, from);
    assert_int_equal(rr_take(&g, from, &p), PQI_OK);
    note_epochs();
    (void)rr_serve(&g, 1u - from);
}

static void steal(uint32_t i)
{
    at_packet[i] = thief_n;
    for (unsigned who = 0; who < 2; who++) {
        thief_steal(&thieves[who][i], &g, who);
        calls_at[who][i] = g.side[who].provider.calls;
    }
}

static void run_session(const pqi_ratchet_limits *l, uint64_t seed)
{
    rr_start(&g, &(rr_conf){.rounds = 1, .limits = l, .suite = &pqi_suite_0001, .seed = seed});
    g.classic.x25519_public = keep_public;
    thief_n = thief_n_keys = 0;
    memset(draw_of, 0, sizeof draw_of);
    note_epochs();
    uint32_t tag = 0;
    for (uint32_t i = 0; i < THEFTS; i++) {
        for (unsigned k = 0; k < 2; k++) {
            const unsigned from = (unsigned)(rr_next(&seed) & 1u);
            send(from, tag++, false);
            for (unsigned who = 0; who < 2; who++) {
                if ((rr_due(&g, who) & PQI_DUE_SEND) != 0) {
                    send(who, 0, true);
                }
            }
        }
        steal(i);
    }
    for (uint32_t i = 0; i < 60; i++) {
        send(i & 1u, tag++, false);
    }
}

/* The first epoch that a round opened whose coins the victim drew after the theft. */
static uint32_t healed_at(unsigned who, uint32_t i)
{
    const pqi_ratchet *r = thieves[who][i].v.r;
    for (uint32_t e = r->epoch + 1u; e < THIEF_EPOCHS; e++) {
        if (kind_of[e] == PQI_CHUNK_H && draw_of[who][e] > calls_at[who][i]) {
            return e;
        }
    }
    return UINT32_MAX;
}

static void judge(unsigned who, uint32_t i, uint32_t *open, uint32_t *closed)
{
    const uint32_t healed = healed_at(who, i);
    thief_work(&thieves[who][i], &g);
    for (uint32_t k = 0; k < thief_n; k++) {
        const bool want = k >= at_packet[i] && thief_log[k].epoch < healed;
        if (thief_log[k].opened != want) {
            fail_msg(
                "victim %u, theft %u after packet %u: packet %u of epoch %u is %s; healed at %u",
                who, (unsigned)i, (unsigned)at_packet[i], (unsigned)k, (unsigned)thief_log[k].epoch,
                want ? "closed" : "open", (unsigned)healed);
        }
        *open += want;
        *closed += k >= at_packet[i] && !want;
    }
}

static void stolen_state(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 7;
    l.h_msgs = 31;
    l.burst = true;
    uint32_t open = 0, closed = 0, in_flight = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        run_session(&l, seed);
        assert_true(rr_head(&g, 0)->epoch > 8);
        for (uint32_t i = 0; i < THEFTS; i++) {
            for (unsigned who = 0; who < 2; who++) {
                const pqi_ratchet *r = thieves[who][i].v.r;
                in_flight += r->kind == PQI_CHUNK_H && r->state != PQI_ROUND_IDLE;
                judge(who, i, &open, &closed);
            }
        }
    }
    print_message("# after the theft: %u packets open, %u closed; %u thefts within an H round\n",
        (unsigned)open, (unsigned)closed, (unsigned)in_flight);
    assert_true(open > 1000 && closed > 5000 && in_flight > 3);
}

/* What was opened before stays closed, whatever 32 bytes of the loot are taken for. */
static void past_stays_closed(void **state)
{
    (void)state;
    pqi_ratchet_limits l = pqi_ratchet_ip;
    l.d_msgs = 7;
    l.h_msgs = 31;
    l.burst = true;
    run_session(&l, 9);
    for (uint32_t i = 3; i < THEFTS; i += 9) {
        for (unsigned who = 0; who < 2; who++) {
            for (uint32_t k = at_packet[i] > 12 ? at_packet[i] - 12u : 0; k < at_packet[i]; k++) {
                assert_false(thief_guesses(&thieves[who][i], &g, &thief_log[k]));
            }
        }
    }
    /* the guesses are no idle ones: some of what is to come opens so */
    unsigned hits = 0;
    for (uint32_t i = 0; i < THEFTS; i++) {
        hits += thief_guesses(&thieves[0][i], &g, &thief_log[at_packet[i]]);
    }
    print_message("# guesses that open the next packet: %u of %u\n", hits, THEFTS);
    assert_true(hits >= THEFTS / 4u);
}

PQI_TEST_MAIN(cmocka_unit_test(stolen_state), cmocka_unit_test(past_stays_closed))
