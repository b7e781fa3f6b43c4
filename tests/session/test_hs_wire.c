/* SPDX-License-Identifier: Apache-2.0
 * Packets of the v4 handshake: sizes of docs/spec/v4-handshake.md section 2.6, one encoding of each, and
 * the seeds of the fuzz target hs. With PQI_WRITE_SEEDS set in the environment they are written. */
#include "pqi_hex.h"
#include "pqi_test.h"

#include "session/hs_run.h"

#include <pqi/host.h>
#include <stdbool.h>

static hs_run run;
static pqi_algs algs;
static uint8_t again[HS_PACKET_MAX];

static pqi_cspan in(const hs_buf *b)
{
    return (pqi_cspan){b->b, b->len};
}

/* A reader as one call, so that one loop serves all packets: writes again what was read. */
typedef pqi_status reader(const pqi_hs_form *f, pqi_cspan in, size_t *len);

static pqi_status read_init(const pqi_hs_form *f, pqi_cspan b, size_t *len)
{
    pqi_hs_init p, mark;
    (void)f;
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_hs_init_read(&algs, b, &p);
    if (st != PQI_OK) {
        assert_memory_equal(&p, &mark, sizeof p);
        return st;
    }
    assert_int_equal(p.body.len + p.gate.len, b.len);
    st = pqi_hs_init_write(&p, (pqi_span){again, sizeof again}, len);
    memcpy(again + p.body.len, p.gate.ptr, p.gate.len);
    return st;
}

static pqi_status read_resp(const pqi_hs_form *f, pqi_cspan b, size_t *len)
{
    pqi_hs_resp p, mark;
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_hs_resp_read(f, b, &p);
    if (st != PQI_OK) {
        assert_memory_equal(&p, &mark, sizeof p);
        return st;
    }
    assert_int_equal(p.open.len + p.auth.len + p.gate.len, b.len);
    st = pqi_hs_resp_write(f, &p, (pqi_span){again, sizeof again}, len);
    memcpy(again + *len, p.auth.ptr, p.auth.len + p.gate.len);
    *len += p.auth.len + p.gate.len;
    return st;
}

static pqi_status read_conf(const pqi_hs_form *f, pqi_cspan b, size_t *len)
{
    pqi_hs_conf p, mark;
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_hs_conf_read(f, b, &p);
    if (st != PQI_OK) {
        assert_memory_equal(&p, &mark, sizeof p);
        return st;
    }
    assert_int_equal(p.open.len + p.auth.len, b.len);
    st = pqi_hs_conf_write(f, p.rsid_r, (pqi_span){again, sizeof again}, len);
    memcpy(again + *len, p.auth.ptr, p.auth.len);
    *len += p.auth.len;
    return st;
}

static pqi_status read_short(const pqi_hs_form *f, pqi_cspan b, size_t *len)
{
    pqi_hs_short p, mark;
    (void)f;
    memset(&p, 0x5a, sizeof p);
    memcpy(&mark, &p, sizeof p);
    pqi_status st = pqi_hs_short_read(b, &p);
    if (st != PQI_OK) {
        assert_memory_equal(&p, &mark, sizeof p);
        return st;
    }
    st = pqi_hs_short_write(&p, (pqi_span){again, sizeof again}, len);
    memcpy(again + p.body.len, p.tag.ptr, p.tag.len);
    return st;
}

/* Nothing but b itself is a packet: no strict prefix, no extension. Each copy has its exact size, so
 * that AddressSanitizer sees a read past its end. */
static void one_encoding(reader *read, const pqi_hs_form *f, pqi_cspan b)
{
    size_t len = 0;
    assert_int_equal(read(f, b, &len), PQI_OK);
    assert_int_equal(len, b.len);
    assert_memory_equal(again, b.ptr, len);
    for (size_t n = 0; n < b.len + 40; n++) {
        uint8_t *exact = calloc(1, n + 1);
        assert_non_null(exact);
        memcpy(exact + 1, b.ptr, n < b.len ? n : b.len);
        if (n != b.len) {
            assert_int_equal(read(f, (pqi_cspan){exact + 1, n}, &len), PQI_ERR_DECODE);
        }
        free(exact);
    }
    assert_int_equal(read(f, (pqi_cspan){NULL, 0}, &len), PQI_ERR_DECODE);
}

static void packets(void **state)
{
    (void)state;
    for (size_t i = 0; i < hs_n_cases; i++) {
        hs_run_case(&hs_cases[i], &run);
        one_encoding(read_init, &run.form, in(&run.init));
        one_encoding(read_resp, &run.form, in(&run.resp));
        one_encoding(read_conf, &run.form, in(&run.conf));
    }
}

/* The bytes that the design promises. */
static void sizes(void **state)
{
    (void)state;
    static const struct {
        pqi_hs_mode mode;
        const pqi_suite *suite;
        const pqi_sig *sig_i, *sig_r;
        size_t init, resp, conf, all;
    } rows[] = {
        {PQI_HS_MODE_S, &pqi_suite_0001, &pqi_sig_falcon_512, &pqi_sig_falcon_512, 908, 1546, 690,
            3144},
        {PQI_HS_MODE_S, &pqi_suite_0001, &pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_44, 908, 3300, 2444,
            6652},
        {PQI_HS_MODE_S, &pqi_suite_0002, &pqi_sig_falcon_512, &pqi_sig_falcon_512, 1292, 1866, 690,
            3848},
        {PQI_HS_MODE_S, &pqi_suite_0002, &pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_44, 1292, 3620, 2444,
            7356},
        {PQI_HS_MODE_S, &pqi_suite_0002, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_65, 1292, 4509, 3333,
            9134},
        {PQI_HS_MODE_M, &pqi_suite_0001, NULL, &pqi_sig_falcon_512, 908, 2314, 24, 3246},
        {PQI_HS_MODE_M, &pqi_suite_0001, NULL, &pqi_sig_ml_dsa_44, 908, 4068, 24, 5000},
        {PQI_HS_MODE_M, &pqi_suite_0002, NULL, &pqi_sig_falcon_512, 1292, 2954, 24, 4270},
        {PQI_HS_MODE_M, &pqi_suite_0002, NULL, &pqi_sig_ml_dsa_65, 1292, 5597, 24, 6913},
        {PQI_HS_MODE_K, &pqi_suite_0001, NULL, NULL, 1676, 1648, 24, 3348},
        {PQI_HS_MODE_K, &pqi_suite_0002, NULL, NULL, 2380, 2288, 24, 4692},
        {PQI_HS_MODE_K, &pqi_suite_0003, NULL, NULL, 2380, 2288, 24, 4692},
        {PQI_HS_MODE_K, &pqi_suite_0004, NULL, NULL, 3244, 3248, 24, 6516},
        {PQI_HS_MODE_S, &pqi_suite_0004, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_65, 1676, 4989, 3333,
            9998},
        {PQI_HS_MODE_M, &pqi_suite_0004, NULL, &pqi_sig_ml_dsa_65, 1676, 6557, 24, 8257},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const pqi_hs_form f = {
            rows[i].suite, rows[i].mode, false, rows[i].sig_i, rows[i].sig_r, false, false};
        assert_int_equal(pqi_hs_form_check(&f), PQI_OK);
        assert_int_equal(pqi_hs_init_len(&f, false), rows[i].init);
        assert_int_equal(pqi_hs_init_len(&f, true), rows[i].init + 16);
        assert_int_equal(pqi_hs_resp_len(&f), rows[i].resp);
        assert_int_equal(pqi_hs_conf_len(&f), rows[i].conf);
        assert_int_equal(rows[i].init + rows[i].resp + rows[i].conf, rows[i].all);
    }
    for (size_t i = 0; i < hs_n_cases; i++) {
        hs_run_case(&hs_cases[i], &run);
        assert_int_equal(pqi_hs_init_len(&run.form, hs_cases[i].nonce), run.init.len);
        assert_int_equal(pqi_hs_resp_len(&run.form), run.resp.len);
        assert_int_equal(pqi_hs_conf_len(&run.form), run.conf.len);
    }
}

/* ---- fields -------------------------------------------------------------------------------------- */

typedef struct change {
    size_t at, len;
    uint64_t to;
    pqi_status want;
} change;

static void changed(reader *read, const pqi_hs_form *f, pqi_cspan b, const change *c, size_t n)
{
    static hs_buf k;
    for (size_t i = 0; i < n; i++) {
        size_t len = 0;
        memcpy(k.b, b.ptr, b.len);
        for (size_t j = 0; j < c[i].len; j++) {
            k.b[c[i].at + j] = (uint8_t)(c[i].to >> 8 * (c[i].len - 1 - j));
        }
        pqi_status st = read(f, (pqi_cspan){k.b, b.len}, &len);
        if (st != c[i].want) {
            print_error("row %zu\n", i);
        }
        assert_int_equal(st, c[i].want);
    }
}
#define N(a) (sizeof(a) / sizeof((a)[0]))

static void init_fields(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[0], &run); /* S, suite 0x0001, no nonce, no psk, level 1 */
    static const change s[] = {{0, 1, 0x4b, PQI_ERR_DECODE}, {0, 1, 0x49, PQI_ERR_DECODE},
        {0, 1, 0x11, PQI_ERR_DECODE}, {1, 1, 0x11, PQI_ERR_DECODE}, /* a nonce is missing */
        {1, 1, 0x12, PQI_ERR_DECODE}, {1, 1, 0x90, PQI_ERR_DECODE}, /* reserved */
        {1, 1, 0x20, PQI_ERR_DECODE},                               /* level 2 of a suite of 1 */
        {1, 1, 0x60, PQI_ERR_DECODE}, {1, 1, 0x70, PQI_ERR_DECODE}, {1, 1, 0x00, PQI_OK},
        {1, 1, 0x14, PQI_OK}, {1, 1, 0x18, PQI_OK}, /* psk; mode M has the same fields */
        {2, 2, 2, PQI_ERR_DECODE}, {2, 2, 9, PQI_ERR_UNSUPPORTED}, {2, 2, 0, PQI_ERR_UNSUPPORTED},
        {12, 8, 0x0202000000000000u, PQI_ERR_DECODE}, /* kid_I is kid_R */
        {20, 8, 0, PQI_ERR_DECODE}, {20, 8, 1, PQI_OK}, {28, 4, 0, PQI_ERR_DECODE},
        {32, 4, 0, PQI_OK}};
    changed(read_init, NULL, in(&run.init), s, N(s));
    hs_run_case(&hs_cases[5], &run);                         /* K, suite 0x0004 of level 5 */
    static const change k[] = {{1, 1, 0x18, PQI_ERR_DECODE}, /* mixed */
        {1, 1, 0x50, PQI_OK}, {1, 1, 0x60, PQI_ERR_DECODE}, {0, 1, 0x48, PQI_ERR_DECODE}};
    changed(read_init, NULL, in(&run.init), k, N(k));
}

static void resp_fields(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[3], &run); /* K, suite 0x0001 */
    static const change k[] = {{0, 1, 0x49, PQI_ERR_DECODE}, {0, 1, 0x4b, PQI_ERR_DECODE},
        {1, 1, 1, PQI_ERR_DECODE}, {1, 1, 2, PQI_ERR_DECODE}, {1, 1, 4, PQI_ERR_DECODE},
        {1, 1, 8, PQI_ERR_DECODE}, {1, 1, 0x80, PQI_ERR_DECODE}, {1, 1, 0x10, PQI_OK},
        {1, 1, 0x20, PQI_ERR_DECODE}, {2, 2, 2, PQI_ERR_DECODE}, {4, 4, 0, PQI_ERR_DECODE},
        {8, 4, 0, PQI_ERR_DECODE}, {24, 8, 0, PQI_OK}};
    changed(read_resp, &run.form, in(&run.resp), k, N(k));
    static const change c[] = {{0, 1, 0x4a, PQI_ERR_DECODE}, {1, 1, 1, PQI_ERR_DECODE},
        {1, 1, 4, PQI_ERR_DECODE}, {1, 1, 8, PQI_ERR_DECODE}, {1, 1, 0x10, PQI_ERR_DECODE},
        {2, 2, 1, PQI_ERR_DECODE}, {2, 2, 0x100, PQI_ERR_DECODE}, {4, 4, 0, PQI_ERR_DECODE}};
    changed(read_conf, &run.form, in(&run.conf), c, N(c));
}

/* A RESP or CONF of one form is none of another, not even of the same length. */
static void other_forms(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[8], &run); /* M, 0x0002, Falcon-512, psk */
    const pqi_hs_form m = run.form;
    size_t len = 0;
    for (unsigned i = 0; i < 4; i++) {
        pqi_hs_form f = m;
        if (i == 0) {
            f.psk = false;
        } else if (i == 1) {
            f.suite = &pqi_suite_0005; /* the same sizes */
        } else if (i == 2) {
            f.sig_r = &pqi_sig_ml_dsa_44;
        } else {
            f = (pqi_hs_form){m.suite, PQI_HS_MODE_S, true, m.sig_r, m.sig_r, false, false};
        }
        assert_int_equal(read_resp(&f, in(&run.resp), &len), PQI_ERR_DECODE);
    }
    const pqi_hs_form k = {m.suite, PQI_HS_MODE_K, true, NULL, NULL, false, false};
    assert_int_equal(read_conf(&k, in(&run.conf), &len), PQI_ERR_DECODE);
    const pqi_hs_form bad[] = {{NULL, PQI_HS_MODE_K, false, NULL, NULL, false, false},
        {m.suite, PQI_HS_MODE_K, false, NULL, m.sig_r, false, false},
        {m.suite, PQI_HS_MODE_M, false, m.sig_r, m.sig_r, false, false},
        {m.suite, PQI_HS_MODE_S, false, NULL, m.sig_r, false, false},
        {m.suite, PQI_HS_MODE_M, false, NULL, NULL, false, false},
        {m.suite, (pqi_hs_mode)0, false, NULL, NULL, false, false}};
    for (size_t i = 0; i < N(bad); i++) {
        pqi_hs_resp p;
        assert_int_equal(pqi_hs_form_check(&bad[i]), PQI_ERR_ARG);
        assert_int_equal(pqi_hs_resp_read(&bad[i], in(&run.resp), &p), PQI_ERR_ARG);
    }
}

/* The writers refuse what the readers would, and write nothing into too little room. */
static void writers_refuse(void **state)
{
    (void)state;
    hs_run_case(&hs_cases[4], &run); /* K, with nonce and psk */
    pqi_hs_init good, p;
    uint8_t room[8] = {0x5a};
    size_t len = 0;
    assert_int_equal(pqi_hs_init_read(&algs, in(&run.init), &good), PQI_OK);
    for (unsigned i = 0; i < 11; i++) {
        p = good;
        pqi_cspan *const spans[] = {
            &p.kid_r, &p.kid_i, &p.head_hash, &p.rand_i, &p.nonce, &p.x_i, &p.ek_i, &p.ct_r};
        if (i < 8) {
            spans[i]->len--;
        } else if (i == 8) {
            p.seq = 0;
        } else if (i == 9) {
            p.rsid_i = 0;
        } else {
            p.min_level = 4; /* the suite has 3 */
        }
        assert_int_equal(pqi_hs_init_write(&p, (pqi_span){again, sizeof again}, &len), PQI_ERR_ARG);
    }
    assert_int_equal(pqi_hs_init_write(&good, (pqi_span){room, 8}, &len), PQI_ERR_SPACE);
    assert_int_equal(len, run.init.len);
    assert_int_equal(room[0], 0x5a);
    assert_int_equal(pqi_hs_conf_write(&run.form, 0, (pqi_span){room, 8}, &len), PQI_ERR_ARG);
    assert_int_equal(pqi_hs_conf_write(&run.form, 1, (pqi_span){room, 7}, &len), PQI_ERR_SPACE);
}

/* ---- packets of fixed length --------------------------------------------------------------------- */

static const uint8_t nonce[16] = {0xc0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const uint8_t head[8] = {0xd0, 1, 2, 3, 4, 5, 6, 7};

/* The whole packet in hex, the tag being zeros. */
static const struct {
    const char *name, *hex;
    pqi_hs_short p;
} shorts[] = {
    {"chal", "4e0000000007c00102030405060708090a0b0c0d0e0f0102030405060708",
        {.type = 0x4e, .rsid = 7, .hint = 0x0102030405060708u, .nonce = {nonce, 16}}},
    {"rej", "52030000000700000009d001020304050607c00102030405060708090a0b0c0d0e0f",
        {.type = 0x52,
            .code = PQI_HS_REJ_POLICY,
            .rsid = 7,
            .epoch = 9,
            .head_hash = {head, 8},
            .nonce = {nonce, 16}}},
    {"nosess", "530000000007c00102030405060708090a0b0c0d0e0f",
        {.type = 0x53, .rsid = 7, .nonce = {nonce, 16}}},
    {"resume1", "5001000000070000000800000009c00102030405060708090a0b0c0d0e0f",
        {.type = 0x50, .code = 1, .rsid = 7, .boot = 8, .epoch = 9, .nonce = {nonce, 16}}},
    {"resume2", "51000000000700000009c00102030405060708090a0b0c0d0e0f",
        {.type = 0x51, .rsid = 7, .epoch = 9, .nonce = {nonce, 16}}},
};
static const size_t short_len[] = {46, 50, 38, 46, 42};

static void short_bytes(size_t i, hs_buf *b)
{
    char hex[128];
    size_t n = 0;
    for (const char *c = shorts[i].hex; *c != 0; c++) {
        if (*c != ' ') {
            hex[n++] = *c;
        }
    }
    hex[n] = 0;
    b->len = pqi_unhex(b->b, sizeof b->b, hex) + 16;
    memset(b->b + b->len - 16, 0, 16);
}

static void short_packets(void **state)
{
    (void)state;
    static hs_buf b;
    for (size_t i = 0; i < N(shorts); i++) {
        size_t len = 0;
        short_bytes(i, &b);
        assert_int_equal(b.len, short_len[i]);
        assert_int_equal(
            pqi_hs_short_write(&shorts[i].p, (pqi_span){again, sizeof again}, &len), PQI_OK);
        assert_int_equal(len, b.len);
        assert_memory_equal(again, b.b, len);
        one_encoding(read_short, NULL, in(&b));
        const uint8_t code = b.b[1];
        const uint8_t top[] = {0, 4, 0, 1, 0}, low[] = {0, 1, 0, 0, 0};
        for (unsigned c = 0; c < 256; c++) {
            b.b[1] = (uint8_t)c;
            assert_int_equal(read_short(NULL, in(&b), &len),
                c >= low[i] && c <= top[i] ? PQI_OK : PQI_ERR_DECODE);
        }
        b.b[1] = code;
        memset(b.b + 2, 0, 4);
        assert_int_equal(read_short(NULL, in(&b), &len), PQI_ERR_DECODE);
        pqi_hs_short bad = shorts[i].p;
        bad.rsid = 0;
        assert_int_equal(
            pqi_hs_short_write(&bad, (pqi_span){again, sizeof again}, &len), PQI_ERR_ARG);
        bad = shorts[i].p;
        bad.nonce.len = 15;
        assert_int_equal(
            pqi_hs_short_write(&bad, (pqi_span){again, sizeof again}, &len), PQI_ERR_ARG);
        assert_int_equal(
            pqi_hs_short_write(&shorts[i].p, (pqi_span){again, 37}, &len), PQI_ERR_SPACE);
        assert_int_equal(len, short_len[i]);
    }
    for (unsigned t = 0; t < 256; t++) { /* no other type, whatever the length */
        bool known = t == 0x4e || (t >= 0x50 && t <= 0x53);
        size_t len = 0;
        for (size_t n = 38; n <= 50 && !known; n++) {
            memset(b.b, 1, n);
            b.b[0] = (uint8_t)t;
            assert_int_equal(read_short(NULL, (pqi_cspan){b.b, n}, &len), PQI_ERR_DECODE);
        }
    }
}

/* ---- data ---------------------------------------------------------------------------------------- */

static void data_header(pqi_hs_data p, const char *hex)
{
    uint8_t b[PQI_HS_DATA_HDR_MAX + PQI_AEAD_TAG] = {0};
    size_t len = 0;
    pqi_hs_data q;
    assert_int_equal(pqi_hs_data_write(&p, (pqi_span){b, sizeof b}, &len), PQI_OK);
    pqi_assert_hex(b, len, hex);
    assert_int_equal(pqi_hs_data_write(&p, (pqi_span){b, len - 1}, &len), PQI_ERR_SPACE);
    assert_int_equal(pqi_hs_data_read((pqi_cspan){b, len + PQI_AEAD_TAG}, &q), PQI_OK);
    assert_true(q.frames == p.frames && q.padded == p.padded && q.wide == p.wide &&
                q.compact == p.compact && q.rsid == p.rsid && q.epoch == p.epoch && q.n == p.n);
    assert_int_equal(q.hdr.len, len);
    assert_int_equal(q.ct.len, PQI_AEAD_TAG);
    for (size_t n = 0; n < len + PQI_AEAD_TAG; n++) {
        assert_int_equal(pqi_hs_data_read((pqi_cspan){b, n}, &q), PQI_ERR_DECODE);
    }
}

static void data_headers(void **state)
{
    (void)state;
    data_header((pqi_hs_data){.rsid = 0x01020304, .epoch = 5, .n = 0x060708}, "400102030405060708");
    data_header((pqi_hs_data){.rsid = 0x01020304, .epoch = 0x0506, .n = 0x070809, .wide = true},
        "42010203040506070809");
    data_header((pqi_hs_data){.rsid = 1, .n = PQI_HS_DATA_N_MAX, .frames = true, .padded = true},
        "4500000001000fffff");
    data_header(
        (pqi_hs_data){.rsid = 0x0102, .epoch = 3, .n = 0xffff, .compact = true}, "58010203ffff");
    data_header(
        (pqi_hs_data){.rsid = 1, .compact = true, .frames = true, .padded = true}, "5d0001000000");
    pqi_hs_data q;
    const pqi_hs_data bad[] = {{.rsid = 0}, {.rsid = 1, .epoch = 256},
        {.rsid = 1, .n = PQI_HS_DATA_N_MAX + 1}, {.rsid = 1, .compact = true, .wide = true},
        {.rsid = 0x10000, .compact = true}, {.rsid = 1, .compact = true, .n = 0x10000}};
    uint8_t room[16];
    size_t len = 0;
    for (size_t i = 0; i < N(bad); i++) {
        assert_int_equal(pqi_hs_data_write(&bad[i], (pqi_span){room, 16}, &len), PQI_ERR_ARG);
    }
    for (unsigned t = 0; t < 256; t++) {
        uint8_t b[40] = {(uint8_t)t, 1, 1, 1, 1, 1, 1, 1, 1};
        bool good = (t & 0xf8u) == 0x40 || ((t & 0xf8u) == 0x58 && (t & 2u) == 0);
        /* wide and 0x40: n begins at another place, and is small there too */
        b[6] = b[7] = 0;
        assert_int_equal(
            pqi_hs_data_read((pqi_cspan){b, sizeof b}, &q), good ? PQI_OK : PQI_ERR_DECODE);
    }
    static uint8_t big[PQI_HS_DATA_HDR_MAX + PQI_V1_PLAIN_MAX + PQI_AEAD_TAG + 1] = {0x40, 1};
    assert_int_equal(
        pqi_hs_data_read((pqi_cspan){big, 9 + PQI_V1_PLAIN_MAX + PQI_AEAD_TAG}, &q), PQI_OK);
    assert_int_equal(pqi_hs_data_read((pqi_cspan){big, 10 + PQI_V1_PLAIN_MAX + PQI_AEAD_TAG}, &q),
        PQI_ERR_DECODE);
    uint8_t over[25] = {0x40, 1, 1, 1, 1, 0, 0x10, 0, 0}; /* 2^20 */
    assert_int_equal(pqi_hs_data_read((pqi_cspan){over, 25}, &q), PQI_ERR_DECODE);
}

/* ---- seeds --------------------------------------------------------------------------------------- */

static void seed(const char *name, pqi_cspan b)
{
    static uint8_t got[HS_PACKET_MAX];
    char path[512];
    (void)snprintf(path, sizeof path, PQI_SOURCE_DIR "/tests/fuzz/corpus/hs/%s", name);
    FILE *f;
    if (getenv("PQI_WRITE_SEEDS") != NULL) {
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
        assert_int_equal(fclose(f), 0);
    }
    f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fread(got, 1, sizeof got, f), b.len);
    assert_int_equal(fclose(f), 0);
    assert_memory_equal(got, b.ptr, b.len);
}

static void seeds(void **state)
{
    (void)state;
    static const struct {
        size_t c;
        const char *init, *resp, *conf;
    } of[] = {{0, "init_s", "resp_s", "conf_s"}, {4, "init_k", "resp_k", "conf_k"},
        {7, "init_m", "resp_m", "conf_m"}};
    for (size_t i = 0; i < 3; i++) {
        hs_run_case(&hs_cases[of[i].c], &run);
        seed(of[i].init, in(&run.init));
        seed(of[i].resp, in(&run.resp));
        seed(of[i].conf, in(&run.conf));
    }
    static hs_buf b;
    for (size_t i = 0; i < N(shorts); i++) {
        short_bytes(i, &b);
        seed(shorts[i].name, in(&b));
    }
    static const uint8_t data[30] = {0x41, 0, 0, 0, 7, 1, 0, 0, 9};
    static const uint8_t wide[30] = {0x42, 0, 0, 0, 7, 1, 2, 0, 0, 9};
    static const uint8_t compact[30] = {0x58, 0, 7, 1, 0, 9};
    seed("data", (pqi_cspan){data, 30});
    seed("data_wide", (pqi_cspan){wide, 30});
    seed("data_compact", (pqi_cspan){compact, 30});
}

static int setup(void **state)
{
    (void)state;
    pqi_algs_all(&algs, &pqi_classic_openssl);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(packets), cmocka_unit_test(sizes),
        cmocka_unit_test(init_fields), cmocka_unit_test(resp_fields), cmocka_unit_test(other_forms),
        cmocka_unit_test(writers_refuse), cmocka_unit_test(short_packets),
        cmocka_unit_test(data_headers), cmocka_unit_test(seeds)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, setup, NULL);
}
