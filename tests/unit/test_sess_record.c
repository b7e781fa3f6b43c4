/* SPDX-License-Identifier: Apache-2.0
 * Records of peers and the rules of RESUME, docs/spec/resume.md sections 5 to 7. */
#include "pqi_test.h"

#include "session/sess_record.h"

#include <pqi/host.h>

#define LEN PQI_SESS_RECORD_LEN

static pqi_sess_gen gen_of(unsigned n)
{
    pqi_sess_gen g;
    memset(&g, 0, sizeof g); /* padding too: records are compared as bytes */
    g.epoch = n;
    g.rsid_own = 100 + n;
    g.rsid_peer = 200 + n;
    g.suite = 2;
    g.mode = PQI_HS_MODE_K;
    g.side = n % 2u;
    memset(g.rms, (int)n, sizeof g.rms);
    memset(g.sid, (int)(n ^ 0x80u), sizeof g.sid);
    return g;
}

static void record_of(unsigned n, pqi_sess_record *r)
{
    memset(r, 0, sizeof *r);
    r->n = (uint8_t)n;
    r->gen[0] = gen_of(1);
    r->gen[0].heard = true;
    if (n == 2) {
        r->gen[1] = gen_of(2);
    }
    memset(r->peer_kid, 0x77, sizeof r->peer_kid);
    r->peer_key_epoch = 3;
    r->chunk = 32;
    r->depth = 12;
    r->init_ceiling = 0x0102030405060708u;
    r->last_init = 0x1112131415161718u;
    r->last_start = 41;
    r->own_key_epoch = 0x21222324u;
}

static bool zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint8_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= b[i];
    }
    return any == 0;
}

static void round_trip(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        pqi_sess_record r, got;
        uint8_t b[LEN + 1] = {0}, again[LEN];
        record_of(n, &r);
        assert_int_equal(pqi_sess_record_write(&r, b), PQI_OK);
        assert_int_equal(pqi_sess_record_read((pqi_cspan){b, LEN}, &got), PQI_OK);
        assert_int_equal(got.n, n);
        assert_int_equal(pqi_sess_record_write(&got, again), PQI_OK);
        assert_memory_equal(again, b, LEN);
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal(got.gen[i].rms, r.gen[i].rms, 32);
            assert_memory_equal(got.gen[i].sid, r.gen[i].sid, 16);
            assert_int_equal(got.gen[i].rsid_own, r.gen[i].rsid_own);
            assert_int_equal(got.gen[i].side, r.gen[i].side);
            assert_int_equal(got.gen[i].heard, r.gen[i].heard);
        }
        assert_true(got.init_ceiling == r.init_ceiling && got.last_init == r.last_init);
        assert_int_equal(got.last_start, 41);
        assert_int_equal(got.own_key_epoch, 0x21222324u);
        assert_memory_equal(b + 44, "\x21\x22\x23\x24", 4); /* docs/spec/resume.md section 7 */
        for (size_t len = 0; len <= LEN + 1; len++) { /* exact memory: a read past it is seen */
            uint8_t *exact = malloc(len != 0 ? len : 1);
            assert_non_null(exact);
            memcpy(exact, b, len);
            pqi_status st = pqi_sess_record_read((pqi_cspan){exact, len}, &got);
            assert_int_equal(st, len == LEN ? PQI_OK : PQI_ERR_DECODE);
            assert_true(len == LEN || zero(&got, sizeof got));
            free(exact);
        }
    }
}

/* What is read is the one encoding of what it means: any change is refused or comes back as it is. */
static void one_encoding(void **state)
{
    (void)state;
    for (unsigned n = 1; n <= 2; n++) {
        pqi_sess_record r, got;
        uint8_t b[LEN], again[LEN];
        unsigned refused = 0;
        record_of(n, &r);
        assert_int_equal(pqi_sess_record_write(&r, b), PQI_OK);
        for (size_t bit = 0; bit < 8 * LEN; bit++) {
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (pqi_sess_record_read((pqi_cspan){b, LEN}, &got) == PQI_OK) {
                assert_int_equal(pqi_sess_record_write(&got, again), PQI_OK);
                assert_memory_equal(again, b, LEN);
            } else {
                assert_true(zero(&got, sizeof got));
                refused++;
            }
            b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(refused >= (n == 1 ? 8 * 64u : 32u)); /* the second generation is zeros */
    }
}

static void refused_fields(void **state)
{
    (void)state;
    for (int c = 0; c < 14; c++) {
        pqi_sess_record r;
        uint8_t b[LEN];
        record_of(2, &r);
        r.n = c == 0 ? 0 : c == 1 ? 3 : 2;
        r.chunk = c == 2 ? 8 : 32;
        r.depth = c == 3 ? 11 : 12;
        r.gen[0].rsid_own = c == 4 ? 0 : 1;
        r.gen[0].rsid_peer = c == 5 ? 0 : 1;
        r.gen[1].rsid_own = c == 6 ? 0 : 1;
        r.gen[1].suite = c == 7 ? 0 : 2;
        r.gen[0].mode = c == 8 ? 0 : 1;
        r.gen[1].mode = c == 9 ? 4 : 1;
        r.gen[0].side = c == 10 ? 2 : 0;
        r.gen[1].heard = c == 11;
        r.gen[0].sent = c == 12;
        bool sound = c == 0 || c == 13; /* none: a peer without a session has counters */
        assert_int_equal(pqi_sess_record_write(&r, b), sound ? PQI_OK : PQI_ERR_ARG);
        assert_int_equal(zero(b, LEN), !sound);
        if (c == 0) {
            pqi_sess_record got;
            assert_true(zero(b + 48, LEN - 48));
            assert_int_equal(pqi_sess_record_read((pqi_cspan){b, LEN}, &got), PQI_OK);
            assert_true(got.n == 0 && got.init_ceiling == r.init_ceiling);
            b[48 + 63] = 1; /* a generation that is not there */
            assert_int_equal(pqi_sess_record_read((pqi_cspan){b, LEN}, &got), PQI_ERR_DECODE);
        }
    }
}

/* Section 6: answered, heard, replaced; what was dropped is in no byte of the record. */
static bool holds(const pqi_sess_record *r, unsigned n)
{
    const uint8_t *b = (const uint8_t *)r;
    uint8_t rms[32];
    memset(rms, (int)n, sizeof rms);
    for (size_t i = 0; i + sizeof rms <= sizeof *r; i++) {
        if (memcmp(b + i, rms, sizeof rms) == 0) {
            return true;
        }
    }
    return false;
}

static void three_changes(void **state)
{
    (void)state;
    pqi_sess_record r, before;
    const pqi_sess_gen g3 = gen_of(3), g4 = gen_of(4);
    record_of(1, &r);
    assert_int_equal(pqi_sess_record_answered(&r, 0, &g3), PQI_OK); /* 1 and 3 */
    assert_true(r.n == 2 && holds(&r, 1) && holds(&r, 3));
    assert_int_equal(pqi_sess_record_answered(&r, 0, &g4), PQI_OK); /* 1 and 4: 3 was never heard */
    assert_true(r.n == 2 && holds(&r, 1) && holds(&r, 4) && !holds(&r, 3));
    assert_int_equal(pqi_sess_record_answered(&r, 1, &g3), PQI_OK); /* under 4: 1 is over */
    assert_true(r.n == 2 && !holds(&r, 1) && holds(&r, 4) && holds(&r, 3));
    assert_true(r.gen[0].heard && !r.gen[1].heard && r.gen[0].epoch == 4);
    pqi_sess_record_heard(&r);
    assert_true(r.n == 1 && !holds(&r, 4) && holds(&r, 3) && r.gen[0].heard);
    before = r;
    assert_int_equal(pqi_sess_record_answered(&r, 1, &g4), PQI_ERR_ARG);
    pqi_sess_gen heard = g4;
    heard.heard = true;
    assert_int_equal(pqi_sess_record_answered(&r, 0, &heard), PQI_ERR_ARG);
    assert_memory_equal(&r, &before, sizeof r);
    assert_int_equal(pqi_sess_record_answered(&r, 0, &g4), PQI_OK);
    pqi_sess_record_replaced(&r, &g3);
    assert_true(r.n == 1 && holds(&r, 3) && !holds(&r, 4) && !r.gen[0].heard);
    uint8_t b[LEN];
    assert_int_equal(pqi_sess_record_write(&r, b), PQI_OK);
}

/* Section 6, the handshake: the newest stays beside the new one, under which alone a RESUME1 is
 * answered then. */
static void conf_leaves(void **state)
{
    (void)state;
    pqi_sess_record r;
    pqi_sess_gen g3 = gen_of(3), g4 = gen_of(4);
    const pqi_resume_slot idle = {PQI_SESS_NONE, true};
    record_of(1, &r);
    assert_int_equal(pqi_resume_admit(&r, &idle, 0, 42), PQI_OK);
    assert_int_equal(pqi_sess_record_sent(&r, &g3), PQI_OK);
    assert_true(r.n == 2 && holds(&r, 1) && holds(&r, 3) && r.gen[1].sent);
    assert_int_equal(pqi_resume_admit(&r, &idle, 0, 42), PQI_ERR_STATE);
    assert_int_equal(pqi_resume_admit(&r, &idle, 1, 42), PQI_OK);
    uint8_t b[LEN];
    pqi_sess_record got;
    assert_int_equal(pqi_sess_record_write(&r, b), PQI_OK);
    assert_int_equal(pqi_sess_record_read((pqi_cspan){b, LEN}, &got), PQI_OK);
    assert_true(got.gen[1].sent && !got.gen[0].sent);
    assert_int_equal(
        pqi_sess_record_sent(&r, &g4), PQI_OK); /* a second handshake: the newest stays */
    assert_true(r.n == 2 && !holds(&r, 1) && holds(&r, 3) && holds(&r, 4) && !r.gen[0].sent);
    assert_int_equal(pqi_sess_record_write(&r, b), PQI_OK);
    assert_int_equal(pqi_sess_record_answered(&r, 1, &g3), PQI_OK); /* under 4 */
    assert_true(!r.gen[0].sent && !r.gen[1].sent);
    pqi_sess_record_heard(&r);
    assert_true(r.n == 1 && !r.gen[0].sent);
    memset(&r, 0, sizeof r); /* first contact */
    assert_int_equal(pqi_sess_record_sent(&r, &g3), PQI_OK);
    assert_true(r.n == 1 && holds(&r, 3) && !r.gen[0].sent);
    g4.heard = true;
    assert_int_equal(pqi_sess_record_sent(&r, &g4), PQI_ERR_ARG);
    assert_true(pqi_sess_record_is_of(&r, r.gen[0].sid));
    assert_false(pqi_sess_record_is_of(&r, g4.sid));
    g4.heard = false;
    assert_int_equal(pqi_sess_record_answered(&r, 0, &g4), PQI_OK);
    assert_false(pqi_sess_record_is_of(&r, r.gen[0].sid));
    assert_false(pqi_sess_record_is_of(&r, r.gen[1].sid));
    memcpy(r.gen[1].sid, r.gen[0].sid, sizeof r.gen[1].sid); /* a round */
    assert_true(pqi_sess_record_is_of(&r, r.gen[0].sid));
    r.n = 0;
    assert_false(pqi_sess_record_is_of(&r, r.gen[0].sid));
}

static void look_up(void **state)
{
    (void)state;
    pqi_sess_record r;
    pqi_resume_gen g;
    record_of(2, &r);
    pqi_hs_short p = {.rsid = 102, .epoch = 2};
    assert_int_equal(pqi_sess_record_find(&r, &p), 1);
    p = (pqi_hs_short){.rsid = 101, .epoch = 1};
    assert_int_equal(pqi_sess_record_find(&r, &p), 0);
    p.epoch = 2; /* the number of the other one */
    assert_int_equal(pqi_sess_record_find(&r, &p), PQI_SESS_NONE);
    record_of(1, &r);
    p = (pqi_hs_short){.rsid = 102, .epoch = 2};
    assert_int_equal(pqi_sess_record_find(&r, &p), PQI_SESS_NONE);
    p = (pqi_hs_short){.rsid = 0, .epoch = 0};
    assert_int_equal(pqi_sess_record_find(&r, &p), PQI_SESS_NONE);

    static const pqi_suite *const suites[] = {&pqi_suite_0002};
    const pqi_algs a = {.suites = suites, .n_suites = 1};
    assert_int_equal(pqi_sess_record_gen(&a, &r, 0, true, &g), PQI_OK);
    assert_true(g.rsid == 201 && g.epoch == 1 && g.suite == &pqi_suite_0002 &&
                g.rms == r.gen[0].rms && g.mode == PQI_HS_MODE_K);
    assert_int_equal(pqi_sess_record_gen(&a, &r, 0, false, &g), PQI_OK);
    assert_int_equal(g.rsid, 101);
    assert_int_equal(pqi_sess_record_gen(&a, &r, 1, false, &g), PQI_ERR_ARG);
    r.gen[0].suite = 4;
    assert_int_equal(pqi_sess_record_gen(&a, &r, 0, false, &g), PQI_ERR_UNSUPPORTED);
    assert_true(zero(&g, sizeof g));
}

/* Section 5, all of it. */
static void admission(void **state)
{
    (void)state;
    pqi_sess_record r;
    record_of(2, &r);
    static const struct {
        unsigned pending;
        bool lower;
        unsigned at;
        pqi_status st;
    } t[] = {{PQI_SESS_NONE, true, 0, PQI_OK}, {PQI_SESS_NONE, false, 1, PQI_OK},
        {0, true, 0, PQI_ERR_STATE}, /* crossed: the lower keeps its own */
        {0, false, 0, PQI_OK},       /* the higher answers */
        {0, true, 1, PQI_OK},        /* the peer is a generation on: the own one is void */
        {1, true, 0, PQI_ERR_STATE}, {1, true, 1, PQI_ERR_STATE}, {1, false, 0, PQI_OK},
        {1, false, 1, PQI_OK}};
    for (size_t i = 0; i < sizeof t / sizeof t[0]; i++) {
        const pqi_resume_slot s = {t[i].pending, t[i].lower};
        assert_int_equal(pqi_resume_admit(&r, &s, t[i].at, 42), t[i].st);
        assert_int_equal(pqi_resume_admit(&r, &s, t[i].at, 41), PQI_ERR_REPLAY);
        assert_int_equal(pqi_resume_admit(&r, &s, t[i].at, 0), PQI_ERR_REPLAY);
        assert_int_equal(pqi_resume_admit(&r, &s, 2, 42), PQI_ERR_ARG);
    }
    for (unsigned attempt = 0; attempt < 6; attempt++) {
        assert_int_equal(pqi_resume_offer(&r, attempt, false), attempt % 2 == 0);
        assert_int_equal(pqi_resume_offer(&r, attempt, true), 0);
    }
    record_of(1, &r);
    for (unsigned attempt = 0; attempt < 6; attempt++) {
        assert_int_equal(pqi_resume_offer(&r, attempt, false), 0);
    }
    r.n = 0;
    assert_int_equal(pqi_resume_offer(&r, 0, false), PQI_SESS_NONE);
}

/* Two secrets of one number: only the tag tells them apart, and it does. */
static void same_number(void **state)
{
    (void)state;
    const pqi_classic *cl = &pqi_classic_openssl;
    static const uint8_t random[PQI_RESUME_RANDOM] = {1};
    static const pqi_suite *const suites[] = {&pqi_suite_0002};
    const pqi_algs a = {.suites = suites, .n_suites = 1};
    pqi_sess_record mine, stale;
    record_of(2, &mine);
    record_of(2, &stale);
    stale.gen[1].rms[0] ^=
        1; /* another answer to the same round: epoch, sid and rsid are the same */
    pqi_resume_gen gi, gr;
    const pqi_resume_way w = {{PQI_LIT("a")}, {PQI_LIT("b")}, {PQI_LIT("t/i")}, {PQI_LIT("t/r")}};
    const pqi_resume_say say = {random, 5, 6, true};
    uint8_t r1[PQI_HS_RESUME1_LEN];
    assert_int_equal(pqi_sess_record_gen(&a, &mine, 1, false, &gi), PQI_OK);
    assert_int_equal(pqi_resume_ask(cl, &gi, &w, &say, r1), PQI_OK);
    pqi_hs_short p;
    assert_int_equal(pqi_hs_short_read((pqi_cspan){r1, sizeof r1}, &p), PQI_OK);
    unsigned at = pqi_sess_record_find(&stale, &p);
    assert_int_equal(at, 1); /* the number is there */
    assert_int_equal(pqi_sess_record_gen(&a, &stale, at, false, &gr), PQI_OK);
    assert_int_equal(pqi_resume_check(cl, &gr, &w, (pqi_cspan){r1, sizeof r1}), PQI_ERR_AUTH);
    at = pqi_sess_record_find(&mine, &p);
    assert_int_equal(pqi_sess_record_gen(&a, &mine, at, false, &gr), PQI_OK);
    assert_int_equal(pqi_resume_check(cl, &gr, &w, (pqi_cspan){r1, sizeof r1}), PQI_OK);
}

static void new_session(void **state)
{
    (void)state;
    pqi_hs_out out;
    pqi_sess_gen g;
    memset(&out, 0x11, sizeof out);
    memset(out.rms0, 0x22, sizeof out.rms0);
    memset(out.sid, 0x33, sizeof out.sid);
    const pqi_sess_new s = {&out, 7, 8, &pqi_suite_0004, PQI_HS_MODE_M, PQI_HS_SIDE_R};
    memset(&g, 0xee, sizeof g);
    pqi_sess_gen_of(&s, &g);
    assert_memory_equal(g.rms, out.rms0, 32);
    assert_memory_equal(g.sid, out.sid, 16);
    assert_true(g.epoch == 0 && g.rsid_own == 7 && g.rsid_peer == 8 && g.suite == 4 &&
                g.mode == PQI_HS_MODE_M && g.side == PQI_HS_SIDE_R && !g.heard);
}

PQI_TEST_MAIN(cmocka_unit_test(round_trip), cmocka_unit_test(one_encoding),
    cmocka_unit_test(refused_fields), cmocka_unit_test(three_changes),
    cmocka_unit_test(conf_leaves), cmocka_unit_test(look_up), cmocka_unit_test(admission),
    cmocka_unit_test(same_number), cmocka_unit_test(new_session))
