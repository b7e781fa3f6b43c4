/* SPDX-License-Identifier: Apache-2.0
 * Tags and keys of RESUME, its rules, and the example of docs/spec/resume-example.txt. With
 * PQI_WRITE_EXAMPLE set in the environment it is written. INV-91, INV-96. */
#include "pqi_test.h"

#include "session/sess_record.h"

#include <pqi/host.h>

#define KEYS 7u

static const pqi_classic *const cl = &pqi_classic_openssl;

typedef struct bed {
    uint8_t rms[PQI_HS_KEY], sid[PQI_HS_SID], random_i[12], random_r[12];
    pqi_resume_gen g;
    pqi_resume_way w;
    pqi_resume_say i, r;
    uint8_t r1[PQI_HS_RESUME1_LEN], r2[PQI_HS_RESUME2_LEN];
    pqi_hs_out out_i, out_r;
} bed;

static const struct {
    const char *name;
    const pqi_suite *suite;
    pqi_hs_mode mode;
} cases[] = {
    {"S 0x0001", &pqi_suite_0001, PQI_HS_MODE_S},
    {"K 0x0002", &pqi_suite_0002, PQI_HS_MODE_K},
    {"M 0x0004", &pqi_suite_0004, PQI_HS_MODE_M},
};
#define N_CASES (sizeof cases / sizeof cases[0])

static void fill(uint8_t *p, size_t n, unsigned from)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (uint8_t)(from + 7u * i);
    }
}

static void bed_of(bed *b, size_t n)
{
    memset(b, 0, sizeof *b);
    fill(b->rms, sizeof b->rms, 1 + 16 * (unsigned)n);
    fill(b->sid, sizeof b->sid, 2 + 16 * (unsigned)n);
    fill(b->random_i, sizeof b->random_i, 3 + 16 * (unsigned)n);
    fill(b->random_r, sizeof b->random_r, 4 + 16 * (unsigned)n);
    b->g = (pqi_resume_gen){cases[n].suite, cases[n].mode, b->rms, b->sid, 5 + 300 * (uint32_t)n,
        0x01020304u + (uint32_t)n};
    b->w = (pqi_resume_way){{PQI_LIT("pump-1")}, {PQI_LIT("control")},
        {PQI_LIT("pq/4/s/control/pump-1")}, {PQI_LIT("pq/4/s/pump-1/control")}};
    b->i = (pqi_resume_say){b->random_i, 0x0a0b0c0du, 17, n == 1};
    b->r = (pqi_resume_say){b->random_r, 0x1a1b1c1du, 0, false};
}

static pqi_cspan one(const bed *b)
{
    return (pqi_cspan){b->r1, sizeof b->r1};
}

static pqi_cspan two(const bed *b)
{
    return (pqi_cspan){b->r2, sizeof b->r2};
}

/* One resumption, both ends. */
static void run(bed *b)
{
    assert_int_equal(pqi_resume_ask(cl, &b->g, &b->w, &b->i, b->r1), PQI_OK);
    assert_int_equal(pqi_resume_check(cl, &b->g, &b->w, one(b)), PQI_OK);
    assert_int_equal(pqi_resume_answer(cl, &b->g, &b->w, one(b), &b->r, b->r2, &b->out_r), PQI_OK);
    assert_int_equal(pqi_resume_take(cl, &b->g, &b->w, one(b), two(b), &b->out_i), PQI_OK);
    assert_memory_equal(&b->out_i, &b->out_r, sizeof b->out_i);
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

/* True if any 32-byte key, or the sid, is in both. */
static bool any_equal(const pqi_hs_out *a, const pqi_hs_out *b)
{
    bool same = memcmp(a->sid, b->sid, sizeof a->sid) == 0;
    for (size_t i = 0; i < KEYS; i++) {
        for (size_t k = 0; k < KEYS; k++) {
            same |= memcmp((const uint8_t *)a + 32 * i, (const uint8_t *)b + 32 * k, 32) == 0;
        }
    }
    return same;
}

static void both_ends_agree(void **state)
{
    (void)state;
    for (size_t n = 0; n < N_CASES; n++) {
        bed b;
        bed_of(&b, n);
        run(&b);
        pqi_hs_short p;
        assert_int_equal(pqi_hs_short_read(one(&b), &p), PQI_OK);
        assert_int_equal(p.type, PQI_HS_T_RESUME1);
        assert_int_equal(p.code, n == 1);
        assert_int_equal(p.rsid, b.g.rsid);
        assert_int_equal(p.boot, 17);
        assert_int_equal(p.epoch, b.g.epoch);
        assert_int_equal(pqi_resume_rsid(p.nonce), b.i.rsid);
        assert_int_equal(pqi_hs_short_read(two(&b), &p), PQI_OK);
        assert_int_equal(p.type, PQI_HS_T_RESUME2);
        assert_int_equal(p.rsid, b.i.rsid); /* the index of the new session, not of the old one */
        assert_int_equal(p.epoch, b.g.epoch);
        assert_int_equal(pqi_resume_rsid(p.nonce), b.r.rsid);
        /* seven different keys, none of them the secret they come from */
        for (size_t i = 0; i < KEYS; i++) {
            const uint8_t *k = (const uint8_t *)&b.out_i + 32 * i;
            assert_memory_not_equal(k, b.rms, 32);
            for (size_t j = 0; j < i; j++) {
                assert_memory_not_equal(k, (const uint8_t *)&b.out_i + 32 * j, 32);
            }
        }
    }
}

/* Every input is bound: a change of either makes the tag fail, and where both ends share it, other
 * keys. */
typedef enum change {
    C_RMS,
    C_SID,
    C_EPOCH,
    C_MODE,
    C_SUITE,
    C_IDI,
    C_IDR,
    C_TI,
    C_TR,
    C_N
} change;

static void apply(bed *b, change c)
{
    static const pqi_cspan other[] = {{PQI_LIT("pump-2")}, {PQI_LIT("controm")},
        {PQI_LIT("pq/4/s/control/pump-2")}, {PQI_LIT("pq/4/s/pump-1/controm")}};
    switch (c) {
    case C_RMS:
        b->rms[31] ^= 0x80;
        break;
    case C_SID:
        b->sid[0] ^= 1;
        break;
    case C_EPOCH:
        b->g.epoch++;
        break;
    case C_MODE:
        b->g.mode = b->g.mode == PQI_HS_MODE_K ? PQI_HS_MODE_M : PQI_HS_MODE_K;
        break;
    case C_SUITE: /* of the same hash, or of another */
        b->g.suite = b->g.suite == &pqi_suite_0002 ? &pqi_suite_0001 : &pqi_suite_0002;
        break;
    case C_IDI:
        b->w.id_i = other[0];
        break;
    case C_IDR:
        b->w.id_r = other[1];
        break;
    case C_TI:
        b->w.topic_i = other[2];
        break;
    case C_TR:
        b->w.topic_r = other[3];
        break;
    case C_N:
    default:
        fail();
    }
}

static void everything_is_bound(void **state)
{
    (void)state;
    for (size_t n = 0; n < N_CASES; n++) {
        for (int c = 0; c < C_N; c++) {
            bed b, o;
            bed_of(&b, n);
            run(&b);
            bed_of(&o, n);
            apply(&o, (change)c);
            pqi_hs_out out;
            uint8_t r2[PQI_HS_RESUME2_LEN];
            assert_int_equal(pqi_resume_check(cl, &o.g, &o.w, one(&b)), PQI_ERR_AUTH);
            assert_int_equal(
                pqi_resume_answer(cl, &o.g, &o.w, one(&b), &o.r, r2, &out), PQI_ERR_AUTH);
            assert_true(zero(&out, sizeof out) && zero(r2, sizeof r2));
            assert_int_equal(pqi_resume_take(cl, &o.g, &o.w, one(&b), two(&b), &out), PQI_ERR_AUTH);
            assert_true(zero(&out, sizeof out));
            run(&o);
            assert_false(any_equal(&b.out_i, &o.out_i));
        }
    }
}

/* INV-96: fresh random bytes of either side alone give other keys; so does the start number. */
static void either_nonce_is_enough(void **state)
{
    (void)state;
    for (size_t n = 0; n < N_CASES; n++) {
        for (unsigned c = 0; c < 5; c++) {
            bed b, o;
            bed_of(&b, n);
            run(&b);
            bed_of(&o, n);
            o.random_i[11] ^= c == 0;
            o.random_r[0] ^= c == 1;
            o.i.start += c == 2;
            o.i.rsid += c == 3;
            o.r.rsid += c == 4;
            run(&o);
            assert_false(any_equal(&b.out_i, &o.out_i));
        }
    }
}

/* Every bit of both packets, every other length, one packet for the other. */
static void altered_packets(void **state)
{
    (void)state;
    bed b;
    pqi_hs_out out;
    uint8_t r2[PQI_HS_RESUME2_LEN];
    bed_of(&b, 0);
    run(&b);
    for (size_t bit = 0; bit < 8 * sizeof b.r1; bit++) {
        b.r1[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pqi_status st = pqi_resume_check(cl, &b.g, &b.w, one(&b));
        assert_true(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
        st = pqi_resume_answer(cl, &b.g, &b.w, one(&b), &b.r, r2, &out);
        assert_true(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
        assert_true(zero(&out, sizeof out) && zero(r2, sizeof r2));
        b.r1[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof b.r2; bit++) {
        b.r2[bit / 8] ^= (uint8_t)(1u << bit % 8);
        pqi_status st = pqi_resume_take(cl, &b.g, &b.w, one(&b), two(&b), &out);
        assert_true(st == PQI_ERR_AUTH || st == PQI_ERR_DECODE);
        assert_true(zero(&out, sizeof out));
        b.r2[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    uint8_t longer[64] = {0};
    memcpy(longer, b.r1, sizeof b.r1);
    for (size_t len = 0; len < sizeof longer; len++) {
        if (len != sizeof b.r1) {
            assert_int_equal(
                pqi_resume_check(cl, &b.g, &b.w, (pqi_cspan){longer, len}), PQI_ERR_DECODE);
        }
    }
    assert_int_equal(pqi_resume_check(cl, &b.g, &b.w, two(&b)), PQI_ERR_DECODE);
    assert_int_equal(pqi_resume_take(cl, &b.g, &b.w, one(&b), one(&b), &out), PQI_ERR_DECODE);
}

/* INV-91: a packet that comes back to its sender is refused; so is the answer to another RESUME1 of
 * the same side under the same generation. */
static void reflected_and_crossed(void **state)
{
    (void)state;
    bed b, o;
    pqi_hs_out out;
    bed_of(&b, 0);
    run(&b);
    const pqi_resume_way back = {b.w.id_r, b.w.id_i, b.w.topic_r, b.w.topic_i};
    assert_int_equal(pqi_resume_check(cl, &b.g, &back, one(&b)), PQI_ERR_AUTH);
    bed_of(&o, 0);
    o.random_i[3] ^= 1;
    run(&o);
    assert_int_equal(pqi_resume_take(cl, &b.g, &b.w, one(&b), two(&o), &out), PQI_ERR_AUTH);
    assert_int_equal(pqi_resume_take(cl, &b.g, &b.w, one(&o), two(&b), &out), PQI_ERR_AUTH);
    assert_int_equal(pqi_resume_take(cl, &b.g, &b.w, one(&o), two(&o), &out), PQI_OK);
}

static unsigned fail_at, calls;

static pqi_status failing_hash(pqi_hash_id id, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return ++calls == fail_at ? PQI_ERR_PROVIDER : cl->hash(id, p, n, out);
}

static pqi_status failing_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *p, size_t n, uint8_t *out)
{
    return ++calls == fail_at ? PQI_ERR_PROVIDER : cl->hmac(id, key, p, n, out);
}

/* Each call of the hash table fails once: that status, and every output zero. */
static void backend_fails(void **state)
{
    (void)state;
    pqi_classic c = *cl;
    c.hash = failing_hash;
    c.hmac = failing_hmac;
    bed b;
    bed_of(&b, 2);
    run(&b);
    for (int op = 0; op < 4; op++) {
        unsigned n = 0;
        for (fail_at = 1;; fail_at++) {
            uint8_t r1[PQI_HS_RESUME1_LEN], r2[PQI_HS_RESUME2_LEN];
            pqi_hs_out out;
            memset(r1, 0xee, sizeof r1);
            memset(r2, 0xee, sizeof r2);
            memset(&out, 0xee, sizeof out);
            calls = 0;
            pqi_status st = op == 0   ? pqi_resume_ask(&c, &b.g, &b.w, &b.i, r1)
                            : op == 1 ? pqi_resume_check(&c, &b.g, &b.w, one(&b))
                            : op == 2 ? pqi_resume_answer(&c, &b.g, &b.w, one(&b), &b.r, r2, &out)
                                      : pqi_resume_take(&c, &b.g, &b.w, one(&b), two(&b), &out);
            if (calls < fail_at) {
                assert_int_equal(st, PQI_OK);
                break;
            }
            n++;
            assert_int_equal(st, PQI_ERR_PROVIDER);
            assert_true(op != 0 || zero(r1, sizeof r1));
            assert_true(op != 2 || zero(r2, sizeof r2));
            assert_true(op < 2 || zero(&out, sizeof out));
        }
        assert_true(n >= 3); /* the loop failed something */
    }
}

static void bad_arguments(void **state)
{
    (void)state;
    for (int c = 0; c < 12; c++) {
        bed b;
        uint8_t r2[PQI_HS_RESUME2_LEN];
        pqi_hs_out out;
        bed_of(&b, 0);
        run(&b);
        b.g.suite = c == 0 ? NULL : b.g.suite;
        b.g.mode = c == 1 ? (pqi_hs_mode)4 : b.g.mode;
        b.g.rms = c == 2 ? NULL : b.g.rms;
        b.g.sid = c == 3 ? NULL : b.g.sid;
        b.g.rsid = c == 4 ? 0 : b.g.rsid;
        b.w.id_i.len = c == 5 ? 0 : b.w.id_i.len;
        b.w.id_r = c == 6 ? b.w.id_i : b.w.id_r;
        b.w.topic_i.len = c == 7 ? PQI_TOPIC_MAX + 1u : b.w.topic_i.len;
        b.w.topic_r.ptr = c == 8 ? NULL : b.w.topic_r.ptr;
        b.i.rsid = b.r.rsid = c == 9 ? 0 : b.i.rsid;
        b.i.random = b.r.random = c == 10 ? NULL : b.i.random;
        b.i.start = c == 11 ? 0 : b.i.start;
        assert_int_equal(pqi_resume_ask(cl, &b.g, &b.w, &b.i, b.r1), PQI_ERR_ARG);
        assert_true(zero(b.r1, sizeof b.r1));
        if (c < 9) {
            assert_int_equal(pqi_resume_check(cl, &b.g, &b.w, one(&b)), PQI_ERR_ARG);
            assert_int_equal(pqi_resume_take(cl, &b.g, &b.w, one(&b), two(&b), &out), PQI_ERR_ARG);
        }
        if (c < 11) {
            assert_int_equal(
                pqi_resume_answer(cl, &b.g, &b.w, one(&b), &b.r, r2, &out), PQI_ERR_ARG);
        }
    }
}

/* A nonce without an index, and a start number 0, are refused though the tag is right. */
static void zero_numbers(void **state)
{
    (void)state;
    static const uint8_t nonce[16] = {0, 0, 0, 0, 1};
    assert_int_equal(pqi_resume_rsid((pqi_cspan){nonce, 16}), 0);
    assert_int_equal(pqi_resume_rsid((pqi_cspan){nonce, 15}), 0);
    bed b;
    bed_of(&b, 0);
    run(&b);
    memset(b.r1 + 14, 0, 4);
    assert_int_equal(pqi_resume_check(cl, &b.g, &b.w, one(&b)), PQI_ERR_DECODE);
    bed_of(&b, 0);
    run(&b);
    memset(b.r1 + 6, 0, 4);
    assert_int_equal(pqi_resume_check(cl, &b.g, &b.w, one(&b)), PQI_ERR_DECODE);
}

/* ---- the example --------------------------------------------------------------------------------- */

static char text[32768];
static size_t text_len;

static void put(const char *name, const void *p, size_t n)
{
    const uint8_t *b = p;
    text_len += (size_t)snprintf(text + text_len, sizeof text - text_len, "%s =\n    ", name);
    for (size_t i = 0; i < n; i++) {
        text_len += (size_t)snprintf(text + text_len, sizeof text - text_len, "%02x", b[i]);
    }
    text_len += (size_t)snprintf(text + text_len, sizeof text - text_len, "\n");
    assert_true(text_len < sizeof text);
}

static void put_be(const char *name, uint32_t v, size_t n)
{
    const uint8_t b[4] = {(uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};
    put(name, b + 4 - n, n);
}

static void put_case(size_t n)
{
    bed b;
    bed_of(&b, n);
    run(&b);
    text_len +=
        (size_t)snprintf(text + text_len, sizeof text - text_len, "\n[%s]\n", cases[n].name);
    put_be("mode", (uint32_t)b.g.mode, 1);
    put_be("suite", b.g.suite->id, 2);
    put("RMS", b.rms, sizeof b.rms);
    put("sid", b.sid, sizeof b.sid);
    put_be("epoch", b.g.epoch, 4);
    put("id_I", b.w.id_i.ptr, b.w.id_i.len);
    put("id_R", b.w.id_r.ptr, b.w.id_r.len);
    put("topic_I", b.w.topic_i.ptr, b.w.topic_i.len);
    put("topic_R", b.w.topic_r.ptr, b.w.topic_r.len);
    put_be("rsid_old", b.g.rsid, 4);
    put_be("rsid_I", b.i.rsid, 4);
    put_be("rsid_R", b.r.rsid, 4);
    put_be("start", b.i.start, 4);
    put_be("older", b.i.older, 1);
    put("random_I", b.random_i, sizeof b.random_i);
    put("random_R", b.random_r, sizeof b.random_r);
    put("RESUME1", b.r1, sizeof b.r1);
    put("RESUME2", b.r2, sizeof b.r2);
    put("RK0", b.out_i.rk0, 32);
    put("CK_I2R", b.out_i.ck_i2r, 32);
    put("CK_R2I", b.out_i.ck_r2i, 32);
    put("RMS0", b.out_i.rms0, 32);
    put("GK_I2R", b.out_i.gk_i2r, 32);
    put("GK_R2I", b.out_i.gk_r2i, 32);
    put("EXP", b.out_i.exporter, 32);
    put("sid_new", b.out_i.sid, 16);
}

static void example(void **state)
{
    (void)state;
    const char *path = PQI_SOURCE_DIR "/docs/spec/resume-example.txt";
    text_len = (size_t)snprintf(text, sizeof text,
        "# docs/spec/resume.md section 11: resumptions from fixed coins. tests/session makes this "
        "file "
        "and\n# derives it again in Python.\n");
    for (size_t n = 0; n < N_CASES; n++) {
        put_case(n);
    }
    if (getenv("PQI_WRITE_EXAMPLE") != NULL) {
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, text_len, f), text_len);
        assert_int_equal(fclose(f), 0);
    }
    static char got[sizeof text];
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_int_equal(fread(got, 1, sizeof got, f), text_len);
    assert_int_equal(fclose(f), 0);
    assert_memory_equal(got, text, text_len);
}

PQI_TEST_MAIN(cmocka_unit_test(both_ends_agree), cmocka_unit_test(everything_is_bound),
    cmocka_unit_test(either_nonce_is_enough), cmocka_unit_test(altered_packets),
    cmocka_unit_test(reflected_and_crossed), cmocka_unit_test(backend_fails),
    cmocka_unit_test(bad_arguments), cmocka_unit_test(zero_numbers), cmocka_unit_test(example))
