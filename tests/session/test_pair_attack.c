/* SPDX-License-Identifier: Apache-2.0
 * Attacks on a pair by who may publish under a peer's topics and holds no key, and by a peer that falls
 * silent at the wrong time. docs/spec/session.md sections 4 and 5. */
#include "session/pair_rig.h"

static pr_net g;

static void pass(unsigned from, unsigned to)
{
    size_t at = 0, made = pr_pull(&g, from, to, &at);
    for (size_t i = at; i < at + made; i++) {
        pr_give(&g, i);
    }
}

/* A RESUME1 that anybody can write: no key is in it. In the name of end 0, to end 1. */
static void junk_resume(uint32_t rsid, const uint8_t tag[16])
{
    uint8_t topic[PQI_TOPIC_MAX], b[PQI_HS_RESUME1_LEN] = {PQI_HS_T_RESUME1};
    for (unsigned i = 0; i < 4; i++) {
        b[2 + i] = (uint8_t)(rsid >> (24u - 8u * i));
    }
    b[9] = 1;
    memset(b + 14, 0x77, 16);
    memcpy(b + PQI_HS_RESUME1_LEN - 16, tag, 16);
    const size_t len =
        pqi_pair_topic_write(PQI_PAIR_TOPIC_SESSION, g.e[1].self.id, g.e[0].self.id, topic);
    pr_give_bytes(&g, 0, 1, (pqi_cspan){topic, len}, (pqi_cspan){b, sizeof b});
}

/* INV-97: the peer lost its counters and must be challenged; meanwhile somebody floods RESUME1 in its name,
 * faster than replies may go out. It gets in all the same. */
static void test_flood_resume(void **state)
{
    (void)state;
    static const uint8_t tag[16] = {1};
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    for (unsigned i = 0; i < 20; i++) { /* counters above those of a new start */
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        pr_settle(&g, 0, 1);
        pr_time(&g, 60000);
    }
    pr_lose(&g, 0);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    bool up = false;
    for (unsigned i = 0; i < 1200 && !up; i++) {
        g.n = 0;
        pr_time(&g, 100);
        for (unsigned k = 0; k < 3; k++) {
            junk_resume(12345, tag);
        }
        pass(1, 0);
        pass(0, 1);
        junk_resume(12345, tag); /* between a packet of the peer and our answer */
        pass(1, 0);
        up = pr_pair(&g, 0, 1)->core.stable != 0;
    }
    assert_true(up);
}

/* The same with replays: INITs of its former life, which pass the gate. */
static void test_flood_replay(void **state)
{
    (void)state;
    static pr_packet old[8];
    unsigned n = 0;
    pr_make(&g, &pr_cases[0]);
    for (unsigned i = 0; i < 8; i++) {
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        pr_settle(&g, 0, 1);
        old[n++] = pr_log[pr_last(&g, 0, 1, pr_init(&g))];
        pr_lose(&g, 0); /* every INIT is under the cold key */
        pr_time(&g, 60000);
    }
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    bool up = false;
    for (unsigned i = 0; i < 3000 && !up; i++) {
        g.n = 0;
        pr_time(&g, 100);
        for (unsigned k = 0; k < 3; k++) {
            const pr_packet *o = &old[(i * 3u + k) % n];
            pr_give_bytes(&g, 0, 1, (pqi_cspan){o->topic, o->topic_len}, (pqi_cspan){o->b, o->len});
        }
        pass(1, 0);
        pass(0, 1);
        up = pr_pair(&g, 0, 1)->core.stable != 0;
    }
    assert_true(up);
}

/* NOSESS says that an index is unknown: never of one that is known, whatever packet asks for it. */
static void test_nosess_of_known(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1);
    pass(1, 0);
    size_t conf = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &conf), 1); /* held */
    const uint8_t *b = pr_log[conf].b;
    const uint32_t rsid =
        (uint32_t)b[4] << 24 | (uint32_t)b[5] << 16 | (uint32_t)b[6] << 8 | (uint32_t)b[7];
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    junk_resume(rsid, b + pr_log[conf].len - 16);
    pass(1, 0);
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_I);
    pr_give(&g, conf);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* INV-98: peers that are gone after their RESP hold no memory for ever: others come in. */
static void test_silent_peer(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    g.e[1].shared.hs_first = 1; /* one memory only */
    g.e[1].hs[0].next = 0;
    size_t at = 0;
    pqi_pair_want(pr_pair(&g, 1, 0), PQI_PAIR_WHY_USER);
    pass(1, 0);
    pass(0, 1);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_I);
    pqi_pair_want(pr_pair(&g, 2, 1), PQI_PAIR_WHY_USER);
    for (unsigned i = 0; i < 400 && !pr_agreed(&g, 2, 1); i++) { /* end 0 hears and says nothing */
        g.n = 0;
        pr_time(&g, 1000);
        if (pr_pair(&g, 1, 0)->core.role == PQI_PAIR_I) {
            (void)pr_pull(&g, 1, 0, &at);
        }
        pass(2, 1);
        pass(1, 2);
    }
    assert_true(pr_agreed(&g, 2, 1));
    for (unsigned i = 0; i < 400 && !pr_agreed(&g, 0, 1);
         i++) { /* it is back: it had the session */
        g.n = 0;
        pr_time(&g, 1000);
        pr_settle(&g, 0, 1);
    }
    assert_true(pr_agreed(&g, 0, 1));
    pr_talk(&g, 0, 1, "x");
    pr_talk(&g, 1, 0, "y");
}

/* One that was confirmed and never heard in comes to its limits: its peer was not to be reached. When it is
 * again, both have a session, whoever of them begins. */
static void test_spent_candidate(void **state)
{
    (void)state;
    for (unsigned had = 0; had < 2; had++) {
        pr_make(&g, &pr_cases[0]);
        g.rounds.session_msgs = 64;
        if (had) {
            pr_handshake(&g, 0, 1);
        }
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        pass(0, 1);
        pass(1, 0);
        pass(0, 1);
        assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R3);
        size_t k = 0;
        while (pr_say(&g, 1, 0, "lost", &k) == PQI_OK) {
        }
        for (unsigned i = 0; i < 200 && !pr_agreed(&g, 0, 1); i++) {
            pass(1, 0);
            pass(0, 1);
            pr_time(&g, 3000);
        }
        assert_true(pr_agreed(&g, 0, 1));
        pr_talk(&g, 1, 0, "x");
        pr_talk(&g, 0, 1, "y");
    }
}

/* A session at its limits is replaced once: one INIT, whichever end wanted it first. */
static void test_one_rekey(void **state)
{
    (void)state;
    for (unsigned first = 0; first < 2; first++) {
        pr_make(&g, &pr_cases[0]);
        g.rounds.session_msgs = 64;
        pr_handshake(&g, 0, 1);
        const size_t before = pr_count(&g, 0, 1, pr_init(&g)) + pr_count(&g, 1, 0, pr_init(&g));
        for (unsigned i = 0; i < 59; i++) {
            pr_talk(&g, i & 1u, 1 - (i & 1u), "x");
        }
        pr_time(&g, 1000);
        for (unsigned i = 0; i < 20; i++) {
            pass(first, 1 - first);
            pass(1 - first, first);
            pr_time(&g, 3000);
        }
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
        const size_t after = pr_count(&g, 0, 1, pr_init(&g)) + pr_count(&g, 1, 0, pr_init(&g));
        assert_int_equal(after - before, 1);
    }
}

/* INV-89: the medium is full when a confirmed session comes: what was sent on before still carries. */
static void test_full_medium(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_talk(&g, 1, 0, "a");
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1);
    pass(1, 0);
    g.e[1].no_store = true;
    pass(0, 1);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R3);
    for (unsigned i = 0; i < 5; i++) {
        pr_talk(&g, 1, 0, "b");
        pr_talk(&g, 0, 1, "c");
    }
    g.e[1].no_store = false;
    pr_settle(&g, 0, 1);
    pr_time(&g, 3000);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
    pr_talk(&g, 1, 0, "d");
}

static bool is_done(unsigned x, unsigned y)
{
    return pr_agreed(&g, x, y) && pr_pair(&g, x, y)->why == PQI_PAIR_WHY_NONE;
}

/* x wants a session; everything that is due goes both ways, and time passes, until both have it. */
static void until_agreed(unsigned x, unsigned y)
{
    pqi_pair_want(pr_pair(&g, x, y), PQI_PAIR_WHY_USER);
    for (unsigned i = 0; i < 400 && !is_done(x, y); i++) {
        g.n = 0;
        pr_time(&g, 1000);
        pass(x, y);
        pass(y, x);
    }
    assert_true(is_done(x, y));
}

/* INV-97: packets that anybody can write, under the names of many other peers, take no reply from the one that
 * passed a gate. The many are one here, whose own budgets are as those of many. */
static void test_flood_names(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    g.limits.nosess = (pqi_rate){1000000, 1000};
    g.limits.reply = (pqi_rate){1000000, 1000};
    g.limits.reply_all = (pqi_rate){5000, 10};
    for (unsigned i = 0; i < 5; i++) { /* counters above those of a new start */
        pr_handshake(&g, 0, 1);
        pr_time(&g, 60000);
    }
    pr_lose(&g, 0);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    uint8_t data[40] = {0x40, 0x12, 0x34, 0x56, 0x78};
    bool up = false;
    unsigned told = 0;
    for (unsigned i = 0; i < 1200 && !up; i++) {
        size_t at = 0;
        g.n = 0;
        pr_time(&g, 100);
        for (unsigned k = 0; k < 20; k++) {
            pqi_pair_unknown(&g.e[1].env, &g.e[1].at[2], (pqi_cspan){data, sizeof data});
            told += (unsigned)pr_pull(&g, 1, 2, &at);
        }
        pass(0, 1);
        pass(1, 0);
        up = pr_pair(&g, 0, 1)->core.stable != 0;
    }
    assert_true(up && told != 0);
}

/* INV-88: no counter says that it is the last one. Who has the gate keys of the static keys, and no other, sends
 * an INIT with the highest number in the name of end 0: nothing in it is proved. End 0 comes in all the same. */
static void test_last_counter(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        pr_make(&g, &pr_cases[i]);
        size_t at = 0;
        pr_pair(&g, 0, 1)->core.ctr = UINT64_MAX - 1u;
        pr_pair(&g, 0, 1)->core.ceiling = UINT64_MAX;
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        assert_int_equal(pr_pull(&g, 0, 1, &at), 1);
        pr_give(&g, at);
        assert_true(pr_pair(&g, 1, 0)->core.last == UINT64_MAX);
        pr_lose(&g, 0); /* it was not this end that sent it */
        until_agreed(0, 1);
        until_agreed(0, 1);
        pr_talk(&g, 0, 1, "heard");
    }
}

/* The same with a challenge in the name of end 1 that says how far end 0 has counted. */
static void test_last_hint(void **state)
{
    (void)state;
    static const uint64_t hints[] = {UINT64_MAX, UINT64_MAX - 1u, UINT64_MAX / 2u};
    for (size_t i = 0; i < sizeof hints / sizeof hints[0]; i++) {
        pr_make(&g, &pr_cases[0]);
        size_t at = 0, len = 0;
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        assert_int_equal(pr_pull(&g, 0, 1, &at), 1);
        uint8_t topic[PQI_TOPIC_MAX], b[PQI_HS_CHAL_LEN], nonce[PQI_HS_NONCE] = {7};
        const pqi_hs_short s = {.type = PQI_HS_T_CHAL,
            .rsid = pqi_table_rsid(&g.e[0].table, pr_pair(&g, 0, 1)->core.cand),
            .nonce = {nonce, sizeof nonce},
            .hint = hints[i]};
        assert_int_equal(pqi_hs_short_write(&s, (pqi_span){b, sizeof b}, &len), PQI_OK);
        const pqi_cspan to = {topic,
            pqi_pair_topic_write(PQI_PAIR_TOPIC_REPLY, g.e[0].self.id, g.e[1].self.id, topic)};
        const pqi_hs_gate_in gate = {g.e[0].cold[1][0], g.e[1].self.id, g.e[0].self.id, to};
        assert_int_equal(pqi_hs_gate_tag(g.algs.classic, &gate, (pqi_span){b, len}), PQI_OK);
        pr_give_bytes(&g, 1, 0, to, (pqi_cspan){b, len});
        for (unsigned k = 0; k < 3; k++) {
            until_agreed(0, 1);
            pr_time(&g, 60000);
        }
        pr_talk(&g, 1, 0, "heard");
    }
}

/* A session that R confirmed is not on its medium yet when another INIT comes, from who answers the challenge:
 * nothing is sent on it before it is. */
static void test_unstored_session(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1);
    pass(1, 0);
    g.e[1].no_store = true;
    pass(0, 1);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R3);
    const pqi_table_ref made = pr_pair(&g, 1, 0)->core.cand;
    pr_lose(&g, 0);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    for (unsigned i = 0; i < 30; i++) {
        size_t k = 0;
        pass(0, 1);
        pass(1, 0);
        assert_int_not_equal(pr_pair(&g, 1, 0)->core.stable, made);
        (void)pr_say(&g, 1, 0, "x", &k);
        pr_time(&g, 1000);
    }
    g.e[1].no_store = false;
    until_agreed(0, 1);
    pr_talk(&g, 1, 0, "d");
}

PQI_TEST_MAIN(cmocka_unit_test(test_flood_resume), cmocka_unit_test(test_flood_replay),
    cmocka_unit_test(test_nosess_of_known), cmocka_unit_test(test_silent_peer),
    cmocka_unit_test(test_full_medium), cmocka_unit_test(test_one_rekey),
    cmocka_unit_test(test_spent_candidate), cmocka_unit_test(test_last_counter),
    cmocka_unit_test(test_last_hint), cmocka_unit_test(test_flood_names),
    cmocka_unit_test(test_unstored_session))
