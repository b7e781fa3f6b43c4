/* SPDX-License-Identifier: Apache-2.0
 * Two peers over a scripted network: first contact, refresh, and a refresh in which one packet is lost,
 * doubled, late, or comes again later. docs/spec/session.md sections 3 and 6. */
#include "session/pair_rig.h"

static pr_net g;

static void sid_of(unsigned x, unsigned y, uint8_t sid[PQI_HS_SID])
{
    pr_end *e = &g.e[x];
    pqi_ratchet_view v =
        pqi_session_view(e->env.profile, pqi_table_at(&e->table, pr_pair(&g, x, y)->core.stable));
    memcpy(sid, v.r->sid, PQI_HS_SID);
}

static void test_first_contact(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        pr_make(&g, &pr_cases[i]);
        size_t k = 0;
        assert_int_equal(pr_say(&g, 0, 1, "hello", &k), PQI_ERR_MISSING);
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
        assert_int_equal(pr_count(&g, 0, 1, pr_init(&g)), 1);
        assert_int_equal(pr_count(&g, 1, 0, pr_resp(&g)), 1);
        assert_int_equal(pr_count(&g, 0, 1, pr_conf(&g)), 1);
        pr_talk(&g, 0, 1, "hello");
        pr_talk(&g, 1, 0, "welcome");
        pr_talk(&g, 0, 1, "");
    }
}

/* INV-52: the responder of a first contact sends as soon as it has the CONF, the initiator even before
 * it was heard; what comes before its CONF is not taken for another thing. */
static void test_first_data(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    size_t at = 0, early = 0;
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, at);
    pr_pull(&g, 1, 0, &at);
    assert_int_equal(pr_say(&g, 1, 0, "before", &early), PQI_ERR_MISSING);
    pr_give(&g, at);
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_I);
    assert_int_equal(pr_say(&g, 0, 1, "at once", &early), PQI_OK);
    pr_give(&g, early); /* overtakes the CONF */
    assert_int_equal(g.ev.drop, PQI_DROP_ORDER);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, at);
    assert_int_equal(g.ev.what, PQI_PAIR_EV_SESSION);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R3);
    pr_give(&g, early);
    assert_int_equal(g.ev.what, PQI_PAIR_EV_MESSAGE);
    pr_talk(&g, 1, 0, "answer");
    assert_true((g.ev.what & PQI_PAIR_EV_SESSION) != 0);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* ---- a refresh, one packet disturbed -------------------------------------------------------------- */

typedef enum harm { HARM_NONE, HARM_DROP, HARM_TWICE, HARM_LATE, HARM_AGAIN, HARM_KINDS } harm;

/* Delivers what is due in both directions, the packet number `at` of all with `what` done to it, and
 * with traffic in both directions between any two. Returns how many packets there were. */
static size_t disturbed(unsigned x, unsigned y, size_t at, harm what, bool quiet, size_t *hurt)
{
    size_t count = 0;
    *hurt = SIZE_MAX;
    for (unsigned i = 0; i < 60; i++) {
        size_t moved = 0;
        for (unsigned k = 0; k < 2; k++) {
            unsigned from = k == 0 ? x : y, to = k == 0 ? y : x;
            size_t first = 0, made = pr_pull(&g, from, to, &first);
            moved += made;
            for (size_t j = first; j < first + made; j++) {
                bool it = count++ == at;
                *hurt = it ? j : *hurt;
                if (!it || (what != HARM_DROP && what != HARM_LATE)) {
                    pr_give(&g, j);
                    pr_open_both(&g, 0, 1);
                }
                if (it && what == HARM_TWICE) {
                    pr_give(&g, j);
                    pr_open_both(&g, 0, 1);
                }
            }
        }
        if (!quiet) { /* frames go with messages, else on their own */
            pr_talk(&g, 0, 1, "up");
            pr_open_both(&g, 0, 1);
            pr_talk(&g, 1, 0, "down");
            pr_open_both(&g, 0, 1);
        }
        if (moved == 0 && pr_agreed(&g, 0, 1)) {
            return count;
        }
        pr_time(&g, 5000);
    }
    fail_msg("packet %zu, harm %d: no rest", at, what);
    return 0;
}

static void refresh_with(const pr_case *c, unsigned x, size_t at, harm what, bool quiet, size_t *n)
{
    uint8_t old[PQI_HS_SID], now[PQI_HS_SID];
    size_t hurt = 0, ignored = 0;
    pr_make(&g, c);
    pr_handshake(&g, 0, 1);
    sid_of(0, 1, old);
    pr_time(&g, 100000);
    pqi_pair_want(pr_pair(&g, x, 1 - x), PQI_PAIR_WHY_REKEY);
    *n = disturbed(x, 1 - x, at, what, quiet, &hurt);
    sid_of(0, 1, now);
    assert_memory_not_equal(old, now, sizeof old);
    if (hurt != SIZE_MAX && what != HARM_NONE) {
        pr_give(&g, hurt); /* the late one; the one of before again */
        pr_open_both(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
    }
    pr_time(&g, 100000);
    pqi_pair_want(pr_pair(&g, x, 1 - x), PQI_PAIR_WHY_REKEY);
    (void)disturbed(x, 1 - x, SIZE_MAX, HARM_NONE, quiet, &ignored);
    if (hurt != SIZE_MAX && what != HARM_NONE) {
        pr_give(&g, hurt);
        pr_settle(&g, x, 1 - x);
        assert_true(pr_agreed(&g, 0, 1));
        pr_open_both(&g, 0, 1);
    }
}

/* INV-88, INV-89: each packet of a refresh, lost, doubled, late, again later. */
static void test_refresh(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        for (unsigned k = 0; k < (pr_cases[i].mode == PQI_HS_MODE_M ? 2u : 4u); k++) {
            unsigned x = k / 2u;
            bool quiet = k % 2u != 0;
            size_t n = 0, ignored = 0;
            refresh_with(&pr_cases[i], x, SIZE_MAX, HARM_NONE, quiet, &n);
            assert_true(n >= (quiet ? 5u : 3u)); /* INIT, RESP, CONF; HELLO, SETTLED */
            for (harm h = HARM_DROP; h < HARM_KINDS; h++) {
                for (size_t at = 0; at < n; at++) {
                    refresh_with(&pr_cases[i], x, at, h, quiet, &ignored);
                }
            }
        }
    }
}

/* Whatever is held back for as long as the network likes, both go on with what they had. */
static void test_withheld(void **state)
{
    (void)state;
    for (unsigned hold = 0; hold < 3; hold++) {
        pr_make(&g, &pr_cases[0]);
        pr_handshake(&g, 0, 1);
        uint8_t type = hold == 0 ? pr_init(&g) : hold == 1 ? pr_resp(&g) : pr_conf(&g);
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        for (unsigned i = 0; i < 100; i++) {
            for (unsigned k = 0; k < 2; k++) {
                size_t first = 0, made = pr_pull(&g, k, 1 - k, &first);
                for (size_t j = first; j < first + made; j++) {
                    if (pr_log[j].b[0] != type) {
                        pr_give(&g, j);
                    }
                }
            }
            pr_open_both(&g, 0, 1);
            pr_talk(&g, 0, 1, "up");
            pr_talk(&g, 1, 0, "down");
            pr_time(&g, 10000);
        }
        uint8_t old[PQI_HS_SID], now[PQI_HS_SID];
        sid_of(0, 1, old);
        for (unsigned i = 0; i < 10; i++) { /* now it lets all through */
            pr_settle(&g, 0, 1);
            pr_time(&g, 60000);
        }
        assert_true(pr_agreed(&g, 0, 1));
        sid_of(0, 1, now);
        assert_memory_not_equal(old, now, sizeof old);
        pr_open_both(&g, 0, 1);
    }
}

/* INV-50, INV-59: a message once; the session before the stable one for its grace, then never. */
static void test_grace(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    size_t a = 0, b = 0, c = 0;
    assert_int_equal(pr_say(&g, 0, 1, "one", &a), PQI_OK);
    assert_int_equal(pr_say(&g, 0, 1, "two", &b), PQI_OK);
    assert_int_equal(pr_say(&g, 1, 0, "three", &c), PQI_OK);
    pr_handshake(&g, 0, 1);
    pr_give(&g, a);
    assert_true((g.ev.what & PQI_PAIR_EV_MESSAGE) != 0);
    pr_give(&g, a);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    pr_time(&g, g.limits.grace_ms - 1);
    pr_give(&g, c);
    assert_true((g.ev.what & PQI_PAIR_EV_MESSAGE) != 0);
    pr_time(&g, 1);
    pr_give(&g, b); /* nobody asked what is due meanwhile */
    assert_int_equal(g.ev.drop, PQI_DROP_UNKNOWN);
    uint64_t next = 0;
    assert_int_not_equal(pr_pair(&g, 1, 0)->core.old, 0);
    (void)pqi_pair_due(&g.e[1].env, &g.e[1].at[0], &next);
    assert_int_equal(pr_pair(&g, 1, 0)->core.old, 0);
    pr_give(&g, b);
    assert_int_equal(g.ev.drop, PQI_DROP_UNKNOWN);
    pr_settle(&g, 0, 1);
    assert_int_equal(g.e[1].table.used, 1);
}

/* INV-58: what was ended is ended at once, in both directions, and nothing of it is left. */
static void test_end(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_handshake(&g, 2, 1);
    size_t a = 0, b = 0, at = 0;
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, at);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    assert_int_equal(pr_say(&g, 0, 1, "late", &a), PQI_OK);
    pqi_pair_end(&g.e[1].env, 0);
    pr_give(&g, a);
    assert_int_equal(g.ev.drop, PQI_DROP_UNKNOWN);
    assert_int_equal(pr_say(&g, 1, 0, "none", &b), PQI_ERR_MISSING);
    const struct pqi_pair_core *k = &pr_pair(&g, 1, 0)->core;
    assert_int_equal(k->stable | k->cand | k->old | k->hs | k->hot, 0);
    assert_int_equal(g.e[1].table.used, 1);
    pr_talk(&g, 2, 1, "another peer");
    g.e[1].at[0].choice.suite = NULL; /* what the endpoint says of a revoked peer */
    pr_give(&g, at);
    assert_int_equal(g.ev.drop, PQI_DROP_GATE);
    pr_time(&g, 40000);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, pr_last(&g, 0, 1, pr_init(&g)));
    assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
    assert_int_equal(k->role, PQI_PAIR_NONE);
}

PQI_TEST_MAIN(cmocka_unit_test(test_first_contact), cmocka_unit_test(test_first_data),
    cmocka_unit_test(test_refresh), cmocka_unit_test(test_withheld), cmocka_unit_test(test_grace),
    cmocka_unit_test(test_end))
