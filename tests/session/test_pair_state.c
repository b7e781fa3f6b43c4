/* SPDX-License-Identifier: Apache-2.0
 * A pair whose ends do not have the same state: loss, restart, challenge, refusal, crossing.
 * docs/spec/session.md sections 3 to 7. */
#include "session/pair_rig.h"

static pr_net g;

static const pqi_ratchet *stable_of(unsigned x, unsigned y)
{
    return pqi_session_view(
        g.e[x].env.profile, pqi_table_at(&g.e[x].table, pr_pair(&g, x, y)->core.stable))
        .r;
}

/* Gives all packets that are due, the first of them only if `first`. */
static void pass(unsigned from, unsigned to, bool first)
{
    size_t at = 0, made = pr_pull(&g, from, to, &at);
    for (size_t i = at; i < at + made; i++) {
        if (i != at || first) {
            pr_give(&g, i);
        }
    }
}

/* INV-94: the responder lost everything; one message, NOSESS, a handshake under the cold key. */
static void test_lost_responder(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        pr_make(&g, &pr_cases[i]);
        pr_handshake(&g, 0, 1);
        pr_lose(&g, 1);
        size_t k = 0;
        assert_int_equal(pr_say(&g, 0, 1, "unheard", &k), PQI_OK);
        pr_give(&g, k);
        assert_int_equal(g.ev.drop, PQI_DROP_UNKNOWN);
        uint64_t ops = g.e[1].counts.total;
        pqi_pair_unknown(&g.e[1].env, &g.e[1].at[0], (pqi_cspan){pr_log[k].b, pr_log[k].len});
        pass(1, 0, true);
        assert_int_equal(pr_log[g.n - 1].b[0], PQI_HS_T_NOSESS);
        assert_int_equal(g.e[1].counts.total, ops);
        assert_int_equal(pr_pair(&g, 0, 1)->why, PQI_PAIR_WHY_NOSESS);
        assert_int_not_equal(pr_pair(&g, 0, 1)->core.stable, 0); /* kept until another is there */
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
        pr_talk(&g, 0, 1, "heard");
    }
}

/* INV-94: the initiator lost everything, its counter too: a challenge, then a handshake. */
static void test_lost_initiator(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        pr_make(&g, &pr_cases[i]);
        pr_handshake(&g, 0, 1);
        pr_handshake(&g, 0, 1);
        pr_lose(&g, 0);
        size_t k = 0;
        assert_int_equal(pr_say(&g, 0, 1, "x", &k), PQI_ERR_MISSING);
        uint64_t ops = g.e[1].counts.total;
        pass(0, 1, true);
        assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
        assert_int_equal(g.e[1].counts.total, ops);
        pr_settle(&g, 0, 1);
        assert_int_equal(pr_count(&g, 1, 0, PQI_HS_T_CHAL), 1);
        assert_true(pr_agreed(&g, 0, 1));
        assert_int_equal(pr_pair(&g, 0, 1)->core.ctr, 3); /* above the hint */
        pr_talk(&g, 0, 1, "x");
    }
}

/* An INIT of end 0 under the key that is always there. */
static void tag_cold(size_t at)
{
    pr_packet *k = &pr_log[at];
    const pqi_hs_gate_in gate = {
        g.e[0].cold[1][1], g.e[0].self.id, g.e[1].self.id, {k->topic, k->topic_len}};
    assert_int_equal(pqi_hs_gate_tag(g.algs.classic, &gate, (pqi_span){k->b, k->len}), PQI_OK);
}

/* A challenge stays what it is while somebody replays an old INIT every second (m2, ROTATE), and admits
 * one INIT (KEEP). */
static void test_steady_nonce(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_time(&g, 100000);
    size_t old = pr_last(&g, 0, 1, pr_init(&g)), chal = 0, at = 0;
    pr_lose(&g, 0);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1, true);
    assert_int_equal(pr_pull(&g, 1, 0, &chal), 1);
    tag_cold(old);
    for (unsigned i = 0; i < 3; i++) {
        pr_time(&g, 1000);
        size_t n = pr_pull(&g, 0, 1, &at); /* the INIT again, lost */
        assert_true(n <= 1);
        pqi_pair *p = pr_pair(&g, 1, 0);
        pr_give(&g, old);
        assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
        assert_int_equal(p->reply.type, PQI_HS_T_CHAL);
        pr_pull(&g, 1, 0, &at);
    }
    pr_give(&g, chal);
    assert_int_equal(g.ev.what, 0);
    pr_pull(&g, 0, 1, &at);
    pr_give(&g, at);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    assert_false(pr_pair(&g, 1, 0)->nonce_live);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* An INIT that answers a challenge, given up and held back until a session was made from the other
 * side: the RESP that told its counter closed the challenge, and it fills no slot (m3, P5b). */
static void test_closed_challenge(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_time(&g, 100000);
    size_t old = pr_last(&g, 0, 1, pr_init(&g)), held = 0, at = 0;
    tag_cold(old);
    pr_give(&g, old);
    assert_true(pr_pair(&g, 1, 0)->nonce_live);
    pr_pull(&g, 1, 0, &at);
    pr_time(&g, 5000);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1, true);
    pass(1, 0, true); /* CHAL */
    assert_int_equal(pr_pull(&g, 0, 1, &held), 1);
    assert_true((pr_log[held].b[1] & PQI_HS_F_NONCE) != 0);
    pr_time(&g, 30000);
    pr_pull(&g, 0, 1, &at); /* ABORT, lost */
    pr_pair(&g, 0, 1)->why = PQI_PAIR_WHY_NONE;
    pqi_pair_want(pr_pair(&g, 1, 0), PQI_PAIR_WHY_USER);
    pr_settle(&g, 1, 0);
    assert_true(pr_agreed(&g, 0, 1));
    tag_cold(held);
    pr_give(&g, held);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_NONE);
}

/* Both lost everything, and the network replays every INIT it has (m2, L2). */
static void test_lost_both(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    for (unsigned i = 0; i < 3; i++) {
        pr_handshake(&g, 0, 1);
        pr_time(&g, 60000);
    }
    size_t old = g.n;
    pr_lose(&g, 0);
    pr_lose(&g, 1);
    size_t k = 0;
    assert_int_equal(pr_say(&g, 0, 1, "x", &k), PQI_ERR_MISSING);
    for (unsigned i = 0; i < 4 && !pr_agreed(&g, 0, 1); i++) {
        for (size_t j = 0; j < old; j++) {
            if (pr_is_init(pr_log[j].b[0])) {
                pr_give(&g, j);
            }
        }
        pass(1, 0, true);
        pass(0, 1, true);
        pass(1, 0, true);
        pass(0, 1, true);
        pr_time(&g, 4000);
    }
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* A candidate whose responder lost its state goes at NOSESS for our CONF, at no other one. */
static void test_nosess_of_candidate(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1, true);
    pass(1, 0, true);
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_I);
    size_t conf = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &conf), 1);
    pr_lose(&g, 1);
    uint8_t other[60]; /* the same index, another packet */
    memcpy(other, pr_log[conf].b, 24);
    other[23] ^= 1;
    pqi_pair_unknown(&g.e[1].env, &g.e[1].at[0], (pqi_cspan){other, 24});
    pass(1, 0, true);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_I);
    pr_give(&g, conf);
    pass(1, 0, true);
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_NONE);
    assert_int_equal(pr_pair(&g, 0, 1)->why, PQI_PAIR_WHY_NOSESS);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* A restart with records: no public-key operation, no handshake; then an H round. */
static void test_resume(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        for (unsigned x = 0; x < 2; x++) {
            pr_make(&g, &pr_cases[i]);
            pr_handshake(&g, 0, 1);
            pr_talk(&g, 0, 1, "a");
            pr_talk(&g, 1, 0, "b");
            pr_settle(&g, 0, 1);
            uint64_t a = g.e[0].counts.total, b = g.e[1].counts.total;
            pr_reboot(&g, x);
            assert_int_equal(pr_pair(&g, x, 1 - x)->why, PQI_PAIR_WHY_REBOOT);
            pass(x, 1 - x, true);
            assert_int_equal(pr_log[g.n - 1].b[0], PQI_HS_T_RESUME1);
            assert_int_equal(pr_pair(&g, 1 - x, x)->core.role, PQI_PAIR_R);
            pass(1 - x, x, true);
            assert_int_equal(pr_pair(&g, x, 1 - x)->core.role, PQI_PAIR_I);
            assert_int_equal(a, g.e[0].counts.total);
            assert_int_equal(b, g.e[1].counts.total);
            pr_settle(&g, 0, 1);
            assert_true(pr_agreed(&g, 0, 1));
            assert_int_equal(pr_count(&g, x, 1 - x, pr_init(&g)), x == 0 ? 1 : 0);
            pr_talk(&g, 0, 1, "c");
            pr_talk(&g, 1, 0, "d");
            pr_settle(&g, 0, 1);
            assert_true(
                stable_of(0, 1)->epoch + g.e[0].messages.h_rounds + stable_of(0, 1)->state !=
                0); /* healing has begun */
        }
    }
}

static pqi_healing healing_of(unsigned x, pqi_table_ref ref)
{
    const pqi_ratchet_view v =
        pqi_session_view(g.e[x].env.profile, pqi_table_at(&g.e[x].table, ref));
    pqi_healing h;
    assert_int_equal(
        pqi_ratchet_healing(&g.e[x].ratchet, &v, (uint32_t)(g.now / 1000u), &h), PQI_OK);
    return h;
}

/* A resumption is no healing: whoever held a session whose rounds were suppressed counts on from there, and
 * whoever lost the count begins where both kinds of round are due. */
static void test_resume_age(void **state)
{
    (void)state;
    for (unsigned x = 0; x < 2; x++) {
        pr_make(&g, &pr_cases[0]);
        pr_handshake(&g, 0, 1);
        pr_talk(&g, 0, 1, "a");
        pr_talk(&g, 1, 0, "b");
        pr_settle(&g, 0, 1);
        pr_time(&g, (uint64_t)5 * g.rounds.h_s * 1000u); /* no round completes */
        const pqi_healing before = healing_of(1 - x, pr_pair(&g, 1 - x, x)->core.stable);
        assert_int_equal(before.level, 2);
        pr_reboot(&g, x);
        pass(x, 1 - x, true);
        assert_int_equal(pr_pair(&g, 1 - x, x)->core.role, PQI_PAIR_R);
        const pqi_healing kept = healing_of(1 - x, pr_pair(&g, 1 - x, x)->core.cand);
        assert_int_equal(kept.level, 2);
        assert_true(kept.seconds >= before.seconds && kept.messages >= before.messages);
        pass(1 - x, x, true);
        const pqi_healing begun = healing_of(x, pr_pair(&g, x, 1 - x)->core.cand);
        assert_true(begun.seconds >= g.rounds.h_min_s && begun.messages >= g.rounds.h_msgs);
        assert_int_equal(begun.level, 0); /* a fast sender is not refused before its first round */
        pr_settle(&g, 0, 1);
        for (unsigned i = 0; i < 400 && g.e[1 - x].messages.h_rounds == 0; i++) {
            pr_talk(&g, x, 1 - x, "c");
            pr_settle(&g, 0, 1);
        }
        assert_int_equal(healing_of(1 - x, pr_pair(&g, 1 - x, x)->core.stable).level, 0);
    }
}

/* Each packet of a RESUME lost once; then the record of before put back: refused, a handshake. */
static void test_resume_loss(void **state)
{
    (void)state;
    for (unsigned lost = 0; lost < 5; lost++) {
        pr_make(&g, &pr_cases[0]);
        pr_handshake(&g, 0, 1);
        pr_settle(&g, 0, 1);
        pr_reboot(&g, 0);
        unsigned n = 0;
        for (unsigned i = 0; i < 30 && (n <= lost || !pr_agreed(&g, 0, 1)); i++) {
            for (unsigned k = 0; k < 2; k++) {
                size_t at = 0, made = pr_pull(&g, k, 1 - k, &at);
                for (size_t j = at; j < at + made; j++) {
                    if (n++ != lost) {
                        pr_give(&g, j);
                    }
                }
            }
            pr_time(&g, 5000);
        }
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
        assert_int_equal(pr_count(&g, 0, 1, pr_init(&g)), 1);
        pr_open_both(&g, 0, 1);
    }
    static uint8_t image[PR_ENDS][PQI_SESS_RECORD_LEN];
    memcpy(image, g.e[0].medium, sizeof image);
    for (unsigned i = 0; i < 2;
         i++) { /* the peer goes on to another generation, and is heard in it */
        pr_reboot(&g, 0);
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
    }
    memcpy(g.e[0].medium, image, sizeof image);
    pr_reboot(&g, 0);
    pass(0, 1, true);
    assert_int_equal(g.ev.drop, PQI_DROP_UNKNOWN);
    size_t at = 0;
    pr_pull(&g, 1, 0, &at);
    pr_give(&g, at);
    assert_true((g.ev.what & PQI_PAIR_EV_ROLLBACK) != 0);
    for (unsigned i = 0; i < 10 && !pr_agreed(&g, 0, 1); i++) {
        pr_settle(&g, 0, 1);
        pr_time(&g, 61000);
    }
    assert_true(pr_agreed(&g, 0, 1));
    assert_true(pr_count(&g, 0, 1, pr_init(&g)) > 1);
}

/* A RESUME1 that comes again after the session went on is refused, by its start number; a record of
 * another certificate keeps its counters only; after a change of session the record has the new one. */
static void test_resume_old(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_settle(&g, 0, 1);
    pr_time(&g, 100000);
    pr_handshake(&g, 0, 1);
    pr_settle(&g, 0, 1);
    pqi_sess_record rec;
    for (unsigned x = 0; x < 2; x++) { /* of both ends: the one session, heard */
        const pqi_cspan in = {g.e[x].medium[1 - x], PQI_SESS_RECORD_LEN};
        assert_int_equal(pqi_sess_record_read(in, &rec), PQI_OK);
        assert_int_equal(rec.n, 1);
        assert_memory_equal(rec.gen[0].sid, stable_of(0, 1)->sid, PQI_HS_SID);
    }
    pr_reboot(&g, 0);
    pass(0, 1, true);
    size_t first = pr_last(&g, 0, 1, PQI_HS_T_RESUME1), at = 0;
    pr_give(&g, first); /* the one that is answered */
    assert_int_equal(g.ev.what, 0);
    pr_pull(&g, 1, 0, &at);
    pr_reboot(&g, 0); /* another attempt, under the same generation: the answer was lost */
    pass(0, 1, true);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    uint32_t start = pr_pair(&g, 1, 0)->core.rec.last_start;
    pr_time(&g, 10000);
    pr_give(&g, first);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    assert_int_equal(pr_pair(&g, 1, 0)->core.rec.last_start, start);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
    memset(g.e[1].key_id, 9, sizeof g.e[1].key_id);
    pr_reboot(&g, 0);
    assert_int_equal(pr_pair(&g, 0, 1)->core.rec.n, 0);
    assert_int_equal(pr_pair(&g, 0, 1)->why, PQI_PAIR_WHY_NONE);
    assert_true(pr_pair(&g, 0, 1)->core.ctr >= 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    for (unsigned i = 0; i < 3; i++) {
        pr_settle(&g, 0, 1);
        pr_time(&g, 4000);
    }
    assert_true(pr_agreed(&g, 0, 1));
}

/* Nothing leaves on a resumed session, and no RESUME2, before the record is on the medium. */
static void test_resume_store(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_settle(&g, 0, 1);
    pr_reboot(&g, 0);
    g.e[1].no_store = true;
    pass(0, 1, true);
    size_t at = 0, len = 9;
    pqi_pair_topic where = PQI_PAIR_TOPIC_NONE;
    assert_int_equal(pr_pull(&g, 1, 0, &at), 0);
    assert_int_equal(pqi_pair_poll(&g.e[1].env, &g.e[1].at[0],
                         (pqi_span){pr_plain, sizeof pr_plain}, &len, &where),
        PQI_OK);
    assert_int_equal(len, 0);
    g.e[1].no_store = false;
    assert_int_equal(pr_pull(&g, 1, 0, &at), 1);
    g.e[0].no_store = true;
    pr_give(&g, at);
    assert_int_equal(pr_say(&g, 0, 1, "x", &at), PQI_ERR_STATE);
    assert_int_equal(pr_pull(&g, 0, 1, &at), 0);
    g.e[0].no_store = false;
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
    g.e[0].no_store = true; /* nor an INIT whose counter is not reserved */
    pr_pair(&g, 0, 1)->core.ceiling = pr_pair(&g, 0, 1)->core.ctr;
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    assert_int_equal(pr_pull(&g, 0, 1, &at), 0);
}

/* Suite, mode, site key or level of the policies differ: told once, never tried with less. */
static void test_rejected(void **state)
{
    (void)state;
    for (unsigned what = 0; what < 4; what++) {
        pr_make(&g, &pr_cases[0]);
        pqi_pair_at *b = &g.e[1].at[0];
        pqi_hs_reason want = PQI_HS_REJ_POLICY;
        if (what == 0) {
            b->choice.suite = &pqi_suite_0002;
            want = PQI_HS_REJ_SUITE;
        } else if (what == 1) {
            b->choice.mode = PQI_HS_MODE_S;
            want = PQI_HS_REJ_MODE;
        } else if (what == 2) {
            b->min_level = 5;
        } else {
            b->psk = (pqi_cspan){g.psk, sizeof g.psk};
        }
        size_t k = 0;
        assert_int_equal(pr_say(&g, 0, 1, "x", &k), PQI_ERR_MISSING);
        pass(0, 1, true);
        assert_int_equal(g.e[1].counts.total, 0);
        size_t rej = 0;
        assert_int_equal(pr_pull(&g, 1, 0, &rej), 1);
        assert_int_equal(pr_log[rej].b[0], PQI_HS_T_REJ);
        pr_give(&g, rej);
        assert_int_equal(g.ev.what, PQI_PAIR_EV_REJECTED | PQI_PAIR_EV_HEAD);
        assert_int_equal(g.ev.reason, want);
        assert_int_equal(g.ev.head_epoch, 8);
        pr_give(&g, rej);
        assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
        assert_int_equal(pr_pull(&g, 0, 1, &k), 0);
        pr_time(&g, g.limits.pause_ms);
        assert_int_equal(pr_pull(&g, 0, 1, &k), 1);
        const size_t first = pr_last(&g, 0, 1, pr_init(&g));
        assert_memory_equal(pr_log[first].b, pr_log[0].b, 4); /* type, flags, suite as before */
        pr_give(&g, rej);                                     /* of the INIT before this one */
        assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
        assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_PEND);
        memcpy(
            pr_log[rej].b + 2, pr_log[first].b + 28, 4); /* by chance with the index of this one */
        const pqi_hs_gate_in gate = {g.e[1].cold[0][1], g.e[1].self.id, g.e[0].self.id,
            {pr_log[rej].topic, pr_log[rej].topic_len}};
        assert_int_equal(
            pqi_hs_gate_tag(g.algs.classic, &gate, (pqi_span){pr_log[rej].b, pr_log[rej].len}),
            PQI_OK);
        pr_give(&g, rej);
        assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
        assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_PEND);
    }
}

/* INITs cross: whatever order they and the answers come in, the lower id's stands. INV-88. */
static void test_crossing(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 4; order++) {
        for (size_t i = 0; i < pr_n_cases; i++) {
            if (pr_cases[i].mode == PQI_HS_MODE_M) {
                continue; /* one side begins */
            }
            pr_make(&g, &pr_cases[i]);
            if (order & 1u) {
                pr_handshake(&g, 0, 1);
            }
            size_t a = 0, b = 0;
            pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
            pqi_pair_want(pr_pair(&g, 1, 0), PQI_PAIR_WHY_USER);
            pr_pull(&g, 0, 1, &a);
            pr_pull(&g, 1, 0, &b);
            pr_give(&g, order & 2u ? a : b);
            pr_give(&g, order & 2u ? b : a);
            assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_PEND);
            assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
            pr_settle(&g, 0, 1);
            assert_true(pr_agreed(&g, 0, 1));
            assert_int_equal(stable_of(0, 1)->side, PQI_HS_SIDE_I);
            pr_open_both(&g, 0, 1);
        }
    }
}

/* In mode M the device begins; a gateway that wants a session waits for it. */
static void test_mode_m(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[2]);
    size_t k = 0;
    assert_int_equal(pr_say(&g, 1, 0, "x", &k), PQI_ERR_MISSING);
    assert_int_equal(pr_pull(&g, 1, 0, &k), 0);
    pr_handshake(&g, 0, 1);
    pr_talk(&g, 1, 0, "x");
}

/* An INIT that was given up, and comes after the ABORT that says so. */
static void test_aborted(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_talk(&g, 1, 0, "no SETTLED any more, which tells the counter too");
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    size_t held = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &held), 1);
    pr_time(&g, 30000);
    pass(0, 1, true);
    pr_give(&g, held);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_NONE);
}

/* A CONF that comes again: HELLO again, without waiting for its time, at the rate of replies. */
static void test_repeated_conf(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1, true);
    pass(1, 0, true);
    size_t conf = 0, at = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &conf), 1);
    pr_give(&g, conf);
    assert_int_equal(pr_pull(&g, 1, 0, &at), 1); /* HELLO, lost */
    unsigned hellos = 0;
    for (unsigned i = 0; i < 10; i++) {
        pr_give(&g, conf);
        assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
        hellos += (unsigned)pr_pull(&g, 1, 0, &at);
    }
    assert_int_equal(hellos, g.limits.reply.burst);
    pr_settle(&g, 0, 1);
    pr_give(&g, at == g.n ? at - 1 : at);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* CONF, and the first message of the responder, leave when the record of the session is on the medium;
 * a restart at any time then finds a secret in common: no handshake is made again. */
static void test_record_order(void **state)
{
    (void)state;
    for (unsigned cut = 0; cut < 10; cut++) {
        unsigned x = cut % 2u, when = cut / 2u;
        pr_make(&g, &pr_cases[0]);
        pr_handshake(&g, 0, 1);
        pr_talk(&g, 0, 1, "x");
        pr_talk(&g, 1, 0, "x");
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        for (unsigned i = 0; i <= when; i++) { /* INIT, RESP, CONF, HELLO, SETTLED */
            pass(i % 2u, 1u - i % 2u, true);
        }
        size_t inits = pr_count(&g, 0, 1, pr_init(&g)) + pr_count(&g, 1, 0, pr_init(&g));
        pr_reboot(&g, x);
        pr_pair(&g, 1 - x, x)->why = PQI_PAIR_WHY_NONE;
        for (unsigned i = 0; i < 12 && !pr_agreed(&g, 0, 1); i++) {
            pr_settle(&g, 0, 1);
            pr_time(&g, 31000);
        }
        assert_true(pr_agreed(&g, 0, 1));
        size_t more = pr_count(&g, 0, 1, pr_init(&g)) + pr_count(&g, 1, 0, pr_init(&g));
        assert_int_equal(more, inits);
        pr_open_both(&g, 0, 1);
    }
    pr_make(&g, &pr_cases[0]);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    pass(0, 1, true);
    g.e[0].no_store = true;
    pass(1, 0, true);
    size_t at = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &at), 0); /* no CONF */
    g.e[0].no_store = false;
    assert_int_equal(pr_pull(&g, 0, 1, &at), 1);
    g.e[1].no_store = true;
    pr_give(&g, at);
    assert_int_equal(pr_pull(&g, 1, 0, &at), 0); /* no HELLO */
    assert_int_equal(pr_say(&g, 1, 0, "x", &at), PQI_ERR_STATE);
    g.e[1].no_store = false;
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
}

/* An own INIT that nobody answers: sent again the same, given up, told, another one; the one that was
 * given up is nothing any more. */
static void test_give_up(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
    size_t first = 0, at = 0;
    assert_int_equal(pr_pull(&g, 0, 1, &first), 1);
    for (unsigned i = 0; i < 3; i++) {
        pr_time(&g, 2000u << i);
        assert_int_equal(pr_pull(&g, 0, 1, &at), 1);
        assert_int_equal(pr_log[at].len, pr_log[first].len);
        assert_memory_equal(pr_log[at].b, pr_log[first].b, pr_log[at].len - PQI_HS_GATE);
    }
    pr_give(&g, first); /* R answers, and the answer is lost */
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    pr_pull(&g, 1, 0, &at);
    pr_time(&g, 16000);
    pass(0, 1, true); /* ABORT on the stable session */
    assert_int_equal(pr_pair(&g, 0, 1)->core.role, PQI_PAIR_NONE);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_NONE);
    pr_give(&g, first);
    assert_int_equal(g.ev.drop, PQI_DROP_REPLAY);
    pr_give(&g, at);
    assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
    pr_time(&g, 4000);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
    assert_int_equal(pr_pair(&g, 0, 1)->core.ctr, 4); /* the replay had drawn a challenge */
}

PQI_TEST_MAIN(cmocka_unit_test(test_lost_responder), cmocka_unit_test(test_lost_initiator),
    cmocka_unit_test(test_steady_nonce), cmocka_unit_test(test_closed_challenge),
    cmocka_unit_test(test_lost_both), cmocka_unit_test(test_nosess_of_candidate),
    cmocka_unit_test(test_resume), cmocka_unit_test(test_resume_age),
    cmocka_unit_test(test_resume_loss), cmocka_unit_test(test_resume_old),
    cmocka_unit_test(test_resume_store), cmocka_unit_test(test_rejected),
    cmocka_unit_test(test_crossing), cmocka_unit_test(test_mode_m), cmocka_unit_test(test_give_up),
    cmocka_unit_test(test_aborted), cmocka_unit_test(test_repeated_conf),
    cmocka_unit_test(test_record_order))
