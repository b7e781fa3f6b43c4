/* SPDX-License-Identifier: Apache-2.0
 * Forged, replayed, moved and flooded packets against a pair in every state: no public-key operation, no
 * change of state (the rig checks it at each drop), no growth, no harm to another peer.
 * docs/spec/session.md sections 4 and 5. */
#include "session/pair_rig.h"

static pr_net g;

/* ---- states ---------------------------------------------------------------------------------------- */

enum { FRESH, SETTLED, PENDING, ROLE_I, ROLE_R, ROLE_R3, RESUMING, N_STATES };

static void pass(unsigned from, unsigned to)
{
    size_t at = 0, made = pr_pull(&g, from, to, &at);
    for (size_t i = at; i < at + made; i++) {
        pr_give(&g, i);
    }
}

/* End 1 in this state towards end 0; what follows in the other direction is not delivered. */
static void enter(const pr_case *c, unsigned state)
{
    pr_make(&g, c);
    bool device = c->mode == PQI_HS_MODE_M; /* end 0 begins in any case */
    size_t at = 0;
    if (state == FRESH) {
        return;
    }
    pr_handshake(&g, 0, 1);
    pr_talk(&g, 0, 1, "a");
    pr_talk(&g, 1, 0, "b");
    pr_settle(&g, 0, 1);
    if (state == PENDING || state == ROLE_I) {
        if (device) {
            return;
        }
        pqi_pair_want(pr_pair(&g, 1, 0), PQI_PAIR_WHY_USER);
        pr_pull(&g, 1, 0, &at);
        assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_PEND);
        if (state == ROLE_I) {
            pr_give(&g, at);
            pass(0, 1);
            assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_I);
            pr_pull(&g, 1, 0, &at);
        }
    }
    if (state == ROLE_R || state == ROLE_R3) {
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        pass(0, 1);
        assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
        pr_pull(&g, 1, 0, &at);
        if (state == ROLE_R3) {
            pr_give(&g, at);
            pass(0, 1);
            assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R3);
            pr_pull(&g, 1, 0, &at);
        }
    }
    if (state == RESUMING) {
        pr_reboot(&g, 1);
        pr_pull(&g, 1, 0, &at);
        assert_true(pr_pair(&g, 1, 0)->core.resumed != 0);
    }
}

static uint32_t rnd = 1;
static uint32_t draw(uint32_t below)
{
    rnd = rnd * 1664525u + 1013904223u;
    return (rnd >> 8) % below;
}

/* INV-99: every packet of a handshake and after it, with bits of it changed, cut or made longer, in every
 * state: not one public-key operation. */
static void test_forged(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        for (unsigned s = FRESH; s < N_STATES; s++) {
            enter(&pr_cases[i], s);
            if (s == FRESH) { /* something to forge from */
                size_t k = 0;
                assert_int_equal(pr_say(&g, 0, 1, "x", &k), PQI_ERR_MISSING);
                pr_pull(&g, 0, 1, &k);
            }
            uint64_t ops = g.e[1].counts.total;
            size_t n = g.n;
            for (size_t j = 0; j < n; j++) {
                if (pr_log[j].to != 1) {
                    continue;
                }
                static uint8_t b[PR_PACKET];
                const pqi_cspan topic = {pr_log[j].topic, pr_log[j].topic_len};
                for (unsigned k = 0; k < 60; k++) {
                    size_t len = pr_log[j].len;
                    memcpy(b, pr_log[j].b, len);
                    switch (draw(4)) {
                    case 0:
                        len = draw((uint32_t)len);
                        break;
                    case 1:
                        b[len++] = (uint8_t)draw(256);
                        break;
                    default: /* fixed fields more often */
                        b[draw(2) ? draw((uint32_t)len) : draw(len < 64 ? (uint32_t)len : 64)] ^=
                            (uint8_t)(1u << draw(8));
                        break;
                    }
                    pr_give_bytes(&g, 0, 1, topic, (pqi_cspan){b, len});
                    assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
                }
            }
            assert_int_equal(g.e[1].counts.total, ops);
            if (s != FRESH && s != RESUMING) {
                pr_open_both(&g, 0, 1);
            }
            for (unsigned k = 0; k < 8 && !pr_agreed(&g, 0, 1); k++) { /* and it goes on */
                pr_settle(&g, 0, 1);
                pr_time(&g, 20000);
            }
            assert_true(pr_agreed(&g, 0, 1));
        }
    }
}

/* INV-46, INV-99: packets of the past, in every state, as often as one likes. */
static void test_replayed(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        for (unsigned s = SETTLED; s < N_STATES; s++) {
            enter(&pr_cases[i], s);
            uint64_t ops = g.e[1].counts.total;
            size_t n = g.n;
            for (unsigned k = 0; k < 3; k++) {
                for (size_t j = 0; j < n; j++) {
                    /* what was given before; what was not is no replay */
                    if (pr_log[j].to == 1 && pr_log[j].given != 0) {
                        pr_give(&g, j);
                        assert_int_equal(g.ev.what & ~(unsigned)PQI_PAIR_EV_DROP, 0);
                    }
                }
                pr_time(&g, 1000);
            }
            assert_int_equal(g.e[1].counts.total, ops);
            if (s != RESUMING) {
                pr_open_both(&g, 0, 1);
            }
            for (unsigned k = 0; k < 8 && !pr_agreed(&g, 0, 1); k++) {
                pr_settle(&g, 0, 1);
                pr_time(&g, 20000);
            }
            assert_true(pr_agreed(&g, 0, 1));
        }
    }
}

/* INV-46: a repeated INIT gets the stored RESP, byte for byte, and nothing is computed for it. */
static void test_stored_resp(void **state)
{
    (void)state;
    for (size_t i = 0; i < pr_n_cases; i++) {
        enter(&pr_cases[i], ROLE_R);
        uint64_t ops = g.e[1].counts.total;
        size_t init = pr_last(&g, 0, 1, pr_init(&g)), resp = pr_last(&g, 1, 0, pr_resp(&g)), at = 0;
        pr_give(&g, init);
        assert_int_equal(g.ev.what, 0);
        assert_int_equal(pr_pull(&g, 1, 0, &at), 1);
        assert_int_equal(pr_log[at].len, pr_log[resp].len);
        assert_memory_equal(pr_log[at].b, pr_log[resp].b, pr_log[at].len);
        for (unsigned k = 0; k < 20; k++) { /* as often as the budget of replies has it */
            pr_give(&g, init);
        }
        assert_true(g.ev.drop == PQI_DROP_BUDGET);
        pr_pull(&g, 1, 0, &at);
        assert_true(pr_count(&g, 1, 0, pr_resp(&g)) <= 6);
        assert_int_equal(g.e[1].counts.total, ops);
        pr_give(&g, resp);
        pr_settle(&g, 0, 1);
        assert_true(pr_agreed(&g, 0, 1));
    }
}

/* INV-49: a packet on another topic first, then on its own. */
static void test_topics(void **state)
{
    (void)state;
    static const char *const wrong[] = {"", "pq/4/i/c-other", "pq/4/r/b-gateway", "pq/4/i/b-gatewa",
        "pq/4/s/b-gateway/c-other", "plant/x", "pq/4/i/b-gateway/"};
    for (size_t i = 0; i < pr_n_cases; i++) {
        pr_make(&g, &pr_cases[i]);
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        for (unsigned round = 0; round < 6; round++) {
            for (unsigned k = 0; k < 2; k++) {
                size_t at = 0, made = pr_pull(&g, k, 1 - k, &at);
                for (size_t j = at; j < at + made; j++) {
                    uint64_t ops = g.e[1 - k].counts.total;
                    for (size_t w = 0; w < sizeof wrong / sizeof wrong[0]; w++) {
                        pr_give_bytes(&g, k, 1 - k,
                            (pqi_cspan){(const uint8_t *)wrong[w], strlen(wrong[w])},
                            (pqi_cspan){pr_log[j].b, pr_log[j].len});
                        assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
                        if (pr_log[j].b[0] >= 0x48) { /* before its tag is looked at */
                            assert_int_equal(g.ev.drop, PQI_DROP_TOPIC);
                        }
                    }
                    assert_int_equal(g.e[1 - k].counts.total, ops);
                    pr_give(&g, j);
                    assert_int_equal(g.ev.what & PQI_PAIR_EV_DROP, 0);
                }
            }
        }
        assert_true(pr_agreed(&g, 0, 1));
    }
}

/* Another peer's packets, whatever it calls itself: end 2 is certified too. INV-47, INV-48. */
static void test_insider(void **state)
{
    (void)state;
    for (unsigned s = SETTLED; s < N_STATES; s++) {
        enter(&pr_cases[0], s);
        size_t k = 0;
        pr_handshake(&g, 2, 1);
        assert_int_equal(pr_say(&g, 2, 1, "x", &k), PQI_OK);
        uint64_t ops = g.e[1].counts.total;
        for (size_t j = 0; j < g.n; j++) {
            if (pr_log[j].from != 2 || pr_log[j].to != 1) {
                continue;
            }
            /* named as end 0: by the topic, and in an INIT by the kid */
            static uint8_t b[PR_PACKET];
            memcpy(b, pr_log[j].b, pr_log[j].len);
            if (b[0] == pr_init(&g)) {
                memcpy(b + 12, g.e[0].kid, PQI_KID_LEN);
            }
            g.ev = (pqi_pair_event){0};
            uint8_t topic[PQI_TOPIC_MAX];
            size_t len = pqi_pair_topic_write(
                b[0] == pr_init(&g) ? PQI_PAIR_TOPIC_INIT : PQI_PAIR_TOPIC_SESSION, g.e[1].self.id,
                g.e[0].self.id, topic);
            assert_int_equal(
                pqi_pair_receive(&g.e[1].env, &g.e[1].at[0], (pqi_cspan){topic, len},
                    (pqi_cspan){b, pr_log[j].len}, (pqi_span){pr_plain, sizeof pr_plain}, &g.ev),
                PQI_OK);
            assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
        }
        assert_int_equal(g.e[1].counts.total, ops);
    }
}

/* ---- floods ------------------------------------------------------------------------------------------ */

/* A peer that may do all it likes: a fresh INIT each time, each with a higher counter. */
static void fresh_init(unsigned from, size_t *at)
{
    pqi_pair *p = pr_pair(&g, from, 1);
    if (p->core.role == PQI_PAIR_PEND) {
        pqi_table_drop(&g.e[from].table, &p->core.cand);
        g.e[from].hs[p->core.hs - 1].owner = 0;
        p->core.hs = 0;
        p->core.role = PQI_PAIR_NONE;
        pqi_pair_env_init(&g.e[from].env, g.now); /* its memory, not ours */
    }
    p->not_before_ms = 0;
    pqi_pair_want(p, PQI_PAIR_WHY_USER);
    assert_int_equal(pr_pull(&g, from, 1, at), 1);
}

/* INV-71, INV-97: its bucket is used up, and only its own; the other peer is served; the common bucket was
 * charged for what was done, not for what was refused. */
static void test_flood(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    size_t at = 0, init = 0;
    for (unsigned i = 0; i < 200; i++) {
        g.n = 0; /* the log is of no use here */
        fresh_init(2, &at);
        pr_give(&g, at);
    }
    assert_int_equal(g.e[1].shared.answered, g.limits.work.burst);
    assert_true(g.ev.drop == PQI_DROP_BUDGET || g.ev.drop == PQI_DROP_REPLAY);
    assert_int_equal(g.e[1].shared.work_all.level, g.limits.work_all.burst * 1024u);
    assert_true(g.e[1].shared.cold.level >= 1024u);
    assert_int_equal(g.e[1].table.used, 1);
    uint64_t ops = g.e[1].counts.total;
    g.n = 0;
    fresh_init(0, &init);
    pr_give(&g, init);
    assert_int_equal(g.ev.what, 0);
    assert_true(g.e[1].counts.total > ops);
    pr_settle(&g, 0, 1);
    assert_true(pr_agreed(&g, 0, 1));
    pr_talk(&g, 0, 1, "served");
}

/* INV-97: with its bucket empty the peer is challenged, and gets in with the nonce: replays and forgeries
 * under its name cannot keep it out. */
static void test_not_muted(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    size_t at = 0;
    for (unsigned i = 0; i < 10; i++) {
        fresh_init(2, &at);
        pr_give(&g, at);
    }
    assert_int_equal(pr_pair(&g, 1, 2)->work.level / 1024u, 0);
    pr_time(&g, 1000);
    assert_true(pr_pair(&g, 1, 2)->nonce_live);
    pr_settle(&g, 2, 1);
    pr_time(&g, 2000);
    pr_settle(&g, 2, 1);
    pr_time(&g, 20000);
    pr_settle(&g, 2, 1);
    assert_true(pr_agreed(&g, 2, 1));
    assert_int_equal(pr_pair(&g, 1, 2)->charged, 0);
}

/* The tokens of an honest handshake come back; of one after the other they do not. */
static void test_refund(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[1]);
    pr_handshake(&g, 0, 1);
    assert_int_equal(pr_pair(&g, 1, 0)->work.level, g.limits.work.burst * 1024u);
    assert_int_equal(pr_pair(&g, 1, 0)->proof.level, g.limits.proof.burst * 1024u);
    assert_int_equal(pr_pair(&g, 0, 1)->proof.level, g.limits.proof.burst * 1024u);
    assert_int_equal(g.e[1].shared.work_all.level, g.limits.work_all.burst * 1024u);
    assert_int_equal(g.e[1].shared.cold.level, g.limits.cold.burst * 1024u);
    pr_handshake(&g, 0, 1);
    assert_int_equal(pr_pair(&g, 1, 0)->work.level, (g.limits.work.burst - 1u) * 1024u);
    assert_int_equal(g.e[1].shared.work_all.level, g.limits.work_all.burst * 1024u);
    for (unsigned i = 0; i < 8; i++) { /* an insider that does nothing else */
        pqi_pair_want(pr_pair(&g, 0, 1), PQI_PAIR_WHY_USER);
        pr_settle(&g, 0, 1);
        assert_true(pr_pair(&g, 1, 0)->core.stable != 0);
    }
    assert_true(g.e[1].shared.answered <= 2u + g.limits.work.burst + 8u);
    pr_open_both(&g, 0, 1);
}

/* INV-97: a flood of CONFs and RESPs that do not open costs no token and mutes nobody. */
static void test_junk(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        enter(&pr_cases[i], ROLE_R);
        size_t resp = pr_last(&g, 1, 0, pr_resp(&g)), at = 0;
        pr_give(&g, resp);
        pr_pull(&g, 0, 1, &at);
        uint64_t ops = g.e[1].counts.total;
        static uint8_t b[PR_PACKET];
        const pqi_cspan topic = {pr_log[at].topic, pr_log[at].topic_len};
        memcpy(b, pr_log[at].b, pr_log[at].len);
        for (unsigned k = 0; k < 500; k++) {
            b[8 + k % 16] ^= (uint8_t)(k + 1u);
            if (memcmp(b, pr_log[at].b, pr_log[at].len) != 0) {
                pr_give_bytes(&g, 0, 1, topic, (pqi_cspan){b, pr_log[at].len});
                assert_int_equal(g.ev.drop, PQI_DROP_SEALED);
            }
        }
        assert_int_equal(g.e[1].counts.total, ops);
        pr_give(&g, at);
        assert_int_equal(g.ev.what, PQI_PAIR_EV_SESSION);
    }
}

/* INV-73, INV-98: unknown indices, NOSESS at most as the buckets have it, memory as it was. */
static void test_unknown_flood(void **state)
{
    (void)state;
    enter(&pr_cases[0], SETTLED);
    uint8_t topic[PQI_TOPIC_MAX], b[60] = {0x40};
    size_t len =
        pqi_pair_topic_write(PQI_PAIR_TOPIC_SESSION, g.e[1].self.id, g.e[0].self.id, topic);
    uint64_t ops = g.e[1].counts.total;
    uint32_t used = g.e[1].table.used;
    for (unsigned i = 0; i < 2000; i++) {
        for (unsigned k = 1; k < 5; k++) {
            b[k] = (uint8_t)draw(256);
        }
        pr_give_bytes(&g, 0, 1, (pqi_cspan){topic, len}, (pqi_cspan){b, sizeof b});
        size_t at = 0;
        pr_pull(&g, 1, 0, &at);
    }
    assert_true(pr_count(&g, 1, 0, PQI_HS_T_NOSESS) <= g.limits.nosess.burst);
    assert_int_equal(g.e[1].counts.total, ops);
    assert_int_equal(g.e[1].table.used, used);
    for (size_t i = 0; i < g.n; i++) { /* and what was said ends nothing */
        if (pr_log[i].b[0] == PQI_HS_T_NOSESS) {
            pr_give(&g, i);
            assert_int_equal(g.ev.what, PQI_PAIR_EV_DROP);
        }
    }
    pr_talk(&g, 0, 1, "x");
}

/* INV-95: a peer has three sessions at most, a pool of handshake memory that is used up costs the one
 * that was held longest and too long, and nobody else. */
static void test_pool(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    size_t a = 0, b = 0;
    g.e[1].shared.hs_first = 1; /* one memory only */
    g.e[1].hs[0].next = 0;
    fresh_init(0, &a);
    pr_give(&g, a);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    fresh_init(2, &b);
    pr_give(&g, b);
    assert_int_equal(g.ev.drop, PQI_DROP_TABLE);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_R);
    pr_time(&g, g.limits.hold_ms);
    fresh_init(2, &b);
    pr_give(&g, b);
    assert_int_equal(g.ev.what, 0);
    assert_int_equal(pr_pair(&g, 1, 0)->core.role, PQI_PAIR_NONE);
    assert_int_equal(pr_pair(&g, 1, 2)->core.role, PQI_PAIR_R);
    assert_int_equal(g.e[1].table.used, 1);
    fresh_init(2, &b); /* a newer one of the same peer takes the place of its own */
    pr_give(&g, b);
    assert_int_equal(g.ev.what, 0);
    assert_int_equal(g.e[1].table.used, 1);
}

/* The table is full: the session before the stable one goes, no other. */
static void test_table_full(void **state)
{
    (void)state;
    pr_make(&g, &pr_cases[0]);
    pr_handshake(&g, 0, 1);
    pr_handshake(&g, 2, 1);
    pr_handshake(&g, 0, 1);
    pqi_table_ref ref = 0;
    assert_int_not_equal(pr_pair(&g, 1, 0)->core.old, 0);
    while (pqi_table_take(&g.e[1].table, &g.e[1].prov.base, 2, &ref) == PQI_OK) {
    }
    pr_handshake(&g, 0, 1);
    assert_int_equal(g.e[1].table.used, PR_SESSIONS);
    pr_talk(&g, 2, 1, "x");
    pr_talk(&g, 0, 1, "x");
    size_t at = 0;
    fresh_init(2, &at);
    pr_give(&g, at);
    assert_int_equal(g.ev.drop, PQI_DROP_TABLE);
    pr_talk(&g, 2, 1, "x");
}

PQI_TEST_MAIN(cmocka_unit_test(test_forged), cmocka_unit_test(test_replayed),
    cmocka_unit_test(test_stored_resp), cmocka_unit_test(test_topics),
    cmocka_unit_test(test_insider), cmocka_unit_test(test_flood), cmocka_unit_test(test_not_muted),
    cmocka_unit_test(test_refund), cmocka_unit_test(test_junk),
    cmocka_unit_test(test_unknown_flood), cmocka_unit_test(test_pool),
    cmocka_unit_test(test_table_full))
