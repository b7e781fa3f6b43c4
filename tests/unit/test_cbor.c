/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "support/cbor_copy.h"

#define VECTORS PQI_SOURCE_DIR "/../shared/vectors/cbor/"

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0] != 0 && hex[0] != '"'; hex += 2) {
        out[n++] = (uint8_t)strtoul((char[]){hex[0], hex[1], 0}, NULL, 16);
    }
    return n;
}

/* On a heap block of the exact size, so that a sanitizer sees a read past the end. */
static pqi_status check_copy(const uint8_t *p, size_t len, unsigned depth)
{
    uint8_t *heap = malloc(len != 0 ? len : 1);
    assert_non_null(heap);
    if (len != 0) {
        memcpy(heap, p, len);
    }
    pqi_status st = pqi_cbor_check((pqi_cspan){heap, len}, depth);
    free(heap);
    return st;
}

static pqi_status check_hex(const char *hex, unsigned depth)
{
    uint8_t b[256];
    return check_copy(b, unhex(hex, b), depth);
}

static void assert_same_again(const uint8_t *p, size_t len)
{
    uint8_t again[512];
    size_t n = 0;
    assert_int_equal(cbor_copy((pqi_cspan){p, len}, (pqi_span){again, sizeof again}, &n), PQI_OK);
    assert_int_equal(n, len);
    assert_memory_equal(again, p, len);
}

/* ---- the vectors of RFC 8949 ------------------------------------------------------------------- */

/* Items of Appendix A outside our subset, by the beginning of their encoding. */
static const struct {
    const char *start, *why;
} outside[] = {
    {"f", "floats and simple values"},
    {"c", "tags other than 18 and 98"},
    {"d", "tags other than 18 and 98"},
    {"5f", "indefinite length"},
    {"7f", "indefinite length"},
    {"9f", "indefinite length"},
    {"bf", "indefinite length"},
    {"83018202039f", "indefinite length inside"},
    {"83019f", "indefinite length inside"},
    {"826161bf", "indefinite length inside"},
    {"a26161", "text as map key"},
    {"826161a1", "text as map key"},
    {"a56161", "text as map key"},
};

static const char *why_outside(const char *hex)
{
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        if (strncmp(hex, outside[i].start, strlen(outside[i].start)) == 0) {
            return outside[i].why;
        }
    }
    return NULL;
}

typedef struct text {
    char s[512];
    size_t n;
} text;

static void put(text *t, const char *s)
{
    assert_true(t->n + strlen(s) < sizeof t->s);
    memcpy(t->s + t->n, s, strlen(s) + 1);
    t->n += strlen(s);
}

static void put_integer(text *t, pqi_cbor_head h)
{
    char num[32];
    if (h.major == PQI_CBOR_UINT) {
        (void)snprintf(num, sizeof num, "%llu", (unsigned long long)h.arg);
    } else if (h.arg == UINT64_MAX) { /* -2^64 fits no C integer */
        (void)snprintf(num, sizeof num, "-18446744073709551616");
    } else {
        (void)snprintf(num, sizeof num, "-%llu", (unsigned long long)h.arg + 1);
    }
    put(t, num);
}

/* A text string as JSON with \u escapes, as in the vector file. */
static void put_string(text *t, pqi_cspan s)
{
    char esc[32];
    put(t, "\"");
    for (size_t i = 0; i < s.len;) {
        uint32_t c = s.ptr[i];
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
        c = more == 0 ? c : c & (0x3fu >> more);
        for (i++; more-- > 0; i++) {
            c = (c << 6) | (s.ptr[i] & 0x3fu);
        }
        if (c == '"' || c == '\\') {
            (void)snprintf(esc, sizeof esc, "\\%c", (char)c);
        } else if (c < 0x80) {
            (void)snprintf(esc, sizeof esc, "%c", (char)c);
        } else if (c < 0x10000) {
            (void)snprintf(esc, sizeof esc, "\\u%04x", c);
        } else {
            (void)snprintf(esc, sizeof esc, "\\u%04x\\u%04x", 0xd800 + ((c - 0x10000) >> 10),
                0xdc00 + (c & 0x3ff));
        }
        put(t, esc);
    }
    put(t, "\"");
}

static void put_item(text *t, rd *r)
{
    pqi_cbor_head h = pqi_cbor_next(r);
    if (h.major <= PQI_CBOR_NINT) {
        put_integer(t, h);
    } else if (h.major == PQI_CBOR_BSTR) {
        pqi_cspan b = rd_bytes(r, (size_t)h.arg);
        put(t, "h'");
        for (size_t i = 0; i < b.len; i++) {
            char two[3];
            (void)snprintf(two, sizeof two, "%02x", b.ptr[i]);
            put(t, two);
        }
        put(t, "'");
    } else if (h.major == PQI_CBOR_TSTR) {
        put_string(t, rd_bytes(r, (size_t)h.arg));
    } else {
        bool map = h.major == PQI_CBOR_MAP;
        put(t, map ? "{" : "[");
        for (uint64_t i = 0; i < h.arg; i++) {
            put(t, i != 0 ? ", " : "");
            put_item(t, r);
            if (map) {
                put(t, ": ");
                put_item(t, r);
            }
        }
        put(t, map ? "}" : "]");
    }
}

/* The expected value stands behind "decoded": or, quoted, behind "diagnostic":. */
static void assert_value(const char *line, const uint8_t *p, size_t len)
{
    text got = {.n = 0};
    rd r = rd_of((pqi_cspan){p, len});
    put_item(&got, &r);
    assert_int_equal(rd_done(&r), PQI_OK);
    const char *diag = strstr(line, "\"diagnostic\": \"");
    const char *want = diag != NULL ? diag + 15 : strstr(line, "\"decoded\": ");
    assert_non_null(want);
    want += diag != NULL ? 0 : 11;
    if (strncmp(want, got.s, got.n) != 0 || want[got.n] != (diag != NULL ? '"' : '}')) {
        fail_msg("decoded %s, want %s", got.s, want);
    }
}

static void appendix_a(void **state)
{
    (void)state;
    FILE *f = fopen(VECTORS "rfc8949-appendix-a.json", "r");
    if (f == NULL) {
        print_message("# no vectors in %s: skipped\n", VECTORS);
        skip();
        return;
    }
    char line[1024];
    unsigned in = 0, out = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        const char *hex = strstr(line, "{\"hex\": \"");
        if (hex == NULL) {
            continue;
        }
        hex += 9;
        uint8_t b[128];
        size_t n = unhex(hex, b);
        const char *why = why_outside(hex);
        pqi_status st = check_copy(b, n, 2);
        if (why != NULL) {
            if (st != PQI_ERR_DECODE) {
                fail_msg("%s: %s, but accepted", line, why);
            }
            out++;
            continue;
        }
        if (st != PQI_OK) {
            fail_msg("%s: in the subset, but refused", line);
        }
        in++;
        assert_value(line, b, n);
        assert_same_again(b, n);
    }
    (void)fclose(f);
    print_message("# appendix A: %u of our subset, %u outside\n", in, out);
    assert_int_equal(in, 31);
    assert_int_equal(in + out, 81);
}

static void appendix_f(void **state)
{
    (void)state;
    FILE *f = fopen(VECTORS "rfc8949-appendix-f-malformed.json", "r");
    if (f == NULL) {
        print_message("# no vectors in %s: skipped\n", VECTORS);
        skip();
        return;
    }
    char line[1024];
    unsigned n = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        const char *hex = strstr(line, "{\"hex\": \"");
        if (hex != NULL) {
            if (check_hex(hex + 9, PQI_CBOR_DEPTH_MAX) != PQI_ERR_DECODE) {
                fail_msg("accepted: %s", line);
            }
            n++;
        }
    }
    (void)fclose(f);
    assert_int_equal(n, 94);
}

/* ---- our own ----------------------------------------------------------------------------------- */

static void refusals(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "ff",
        "1c",
        "1f",
        "3c",
        "5c",
        "7c",
        "9c",
        "bc",
        "dc",
        "fc", /* reserved or break */
        "1817",
        "190017",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff", /* not the shortest int */
        "3817",
        "3900ff",
        "580161",
        "780161",
        "980100",
        "b8010000", /* nor length */
        "0000",
        "800000",
        "4100ff",
        "a000", /* trailing bytes */
        "a10000ff",
        "a2000100",
        "a201000000",
        "a200000001",
        "a220000000", /* cut; order; duplicate */
        "a2200021",
        "a221002000",
        "a202000100", /* keys out of order */
        "a1400000",
        "a16000",
        "a14000",
        "a18000",
        "a1a000", /* keys not integers */
        "61ff",
        "62c080",
        "62c1bf",
        "63e08080",
        "63eda080",
        "64f0808080",
        "64f4908080",
        "61c3",
        "64f8808080",
        "6180",
        "62c328",
        "63e0a0", /* text that is not UTF-8 */
        "5f40ff",
        "7f60ff",
        "9fff",
        "bfff", /* indefinite */
        "d200d2",
        "d2d200",
        "d86200d862",
        "81d200",
        "a100d200",
        "d1f6",
        "d300",
        "d863",
        "d2",
        "9bffffffffffffffff",
        "bb8000000000000000",
        "bbffffffffffffffff", /* counts that wrap */
        "5bffffffffffffffff",
        "7bffffffffffffffff",
        "9affffffff00",
        "f4",
        "f5",
        "f6",
        "f7",
        "e0",
        "f820",
        "f90000",
        "fa00000000",
        "fb0000000000000000",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (check_hex(bad[i], PQI_CBOR_DEPTH_MAX) != PQI_ERR_DECODE) {
            fail_msg("accepted: %s", bad[i]);
        }
    }
}

static void depth_is_capped(void **state)
{
    (void)state;
    assert_int_equal(check_hex("00", 0), PQI_OK);
    assert_int_equal(check_hex("80", 0), PQI_ERR_DECODE);
    assert_int_equal(check_hex("80", 1), PQI_OK);
    assert_int_equal(check_hex("8180", 1), PQI_ERR_DECODE);
    assert_int_equal(check_hex("81818180", 4), PQI_OK);
    assert_int_equal(check_hex("a100a100a100a0", 4), PQI_OK);
    assert_int_equal(check_hex("8181818180", 4), PQI_ERR_DECODE);
    assert_int_equal(check_hex("a100a100a100a100a0", 4), PQI_ERR_DECODE);
    assert_int_equal(check_hex("828181818081", 4), PQI_ERR_DECODE);
    assert_int_equal(check_hex("00", PQI_CBOR_DEPTH_MAX + 1), PQI_ERR_ARG);
}

/* INV-115: one encoding. Every prefix and every one-byte extension of an item is refused, and no
 * single bit flip gives an item that encodes to anything but its own bytes. */
static void one_encoding(void **state)
{
    (void)state;
    static const char *const good[] = {
        "d28443a10126a044deadbeef41ff",
        "a5 00 1818 01 1903e8 190100 20 20 8201820203 3901f3 a20142aabb20617a",
        "d862 84 40 a0 4101 81 83 40 a0 4102",
        "8a1b7fffffffffffffff3b8000000000000000 64f0908591 40 60 80 a0 1818 1a00010000 20",
    };
    for (size_t g = 0; g < sizeof good / sizeof good[0]; g++) {
        char tight[256];
        size_t t = 0;
        for (const char *c = good[g]; *c != 0; c++) {
            if (*c != ' ') {
                tight[t++] = *c;
            }
        }
        tight[t] = 0;
        uint8_t b[128];
        size_t n = unhex(tight, b);
        assert_int_equal(check_copy(b, n, 4), PQI_OK);
        assert_same_again(b, n);
        for (size_t len = 0; len < n; len++) {
            assert_int_equal(check_copy(b, len, 4), PQI_ERR_DECODE);
        }
        for (unsigned x = 0; x < 256; x++) {
            b[n] = (uint8_t)x;
            assert_int_equal(check_copy(b, n + 1, 4), PQI_ERR_DECODE);
        }
        for (size_t bit = 0; bit < 8 * n; bit++) {
            b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            if (check_copy(b, n, 4) == PQI_OK) {
                assert_same_again(b, n);
            }
            b[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
    }
}

static void pull_reader(void **state)
{
    (void)state;
    uint8_t b[64];
    size_t n = unhex("d2a3000103202062c3bc0644aabbccdd83010203", b);
    rd r = rd_of((pqi_cspan){b, 1});
    pqi_cbor_tag(&r, 18);
    assert_int_equal(rd_done(&r), PQI_OK);
    r = rd_of((pqi_cspan){b + 1, n - 1});
    assert_int_equal(pqi_cbor_map(&r, 0, 3), 3);
    assert_true(pqi_cbor_at_key(&r, 0));
    pqi_cbor_key(&r, 0);
    assert_int_equal(pqi_cbor_uint(&r, 1, 1), 1);
    assert_false(pqi_cbor_at_key(&r, 2));
    pqi_cbor_key(&r, 3);
    assert_int_equal(pqi_cbor_int(&r, -1, 5), -1);
    assert_int_equal(pqi_cbor_int(&r, -1, 5), -1);
    assert_int_equal(pqi_cbor_tstr(&r, 2, 2).len, 2);
    pqi_cbor_key(&r, 6);
    assert_int_equal(pqi_cbor_bstr(&r, 0, 4).len, 4);
    assert_int_equal(pqi_cbor_array(&r, 0, 3), 3);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, 2);
    assert_false(r.bad);
    pqi_cbor_key(&r, 4); /* a 3 stands there */
    assert_int_equal(rd_done(&r), PQI_ERR_DECODE);

    static const int64_t ints[] = {0, 23, 24, 255, 256, 65535, 65536, 4294967295, 4294967296,
        INT64_MAX, -1, -24, -25, -256, -257, -65537, -4294967297, INT64_MIN};
    for (size_t i = 0; i < sizeof ints / sizeof ints[0]; i++) {
        wr w = wr_of((pqi_span){b, sizeof b});
        pqi_cbor_put_int(&w, ints[i]);
        r = rd_of((pqi_cspan){b, w.len});
        assert_true(pqi_cbor_int(&r, INT64_MIN, INT64_MAX) == ints[i]);
        assert_int_equal(rd_done(&r), PQI_OK);
        r = rd_of((pqi_cspan){b, w.len});
        (void)pqi_cbor_int(&r, INT64_MIN, ints[i] == INT64_MIN ? 0 : ints[i] - 1);
        assert_true(r.bad || ints[i] == INT64_MIN);
    }
    n = unhex("1b8000000000000000", b); /* 2^63 fits no int64_t */
    r = rd_of((pqi_cspan){b, n});
    (void)pqi_cbor_int(&r, INT64_MIN, INT64_MAX);
    assert_true(r.bad);
    r = rd_of((pqi_cspan){b, n});
    assert_true(pqi_cbor_uint(&r, 0, UINT64_MAX) == (uint64_t)1 << 63);
}

static void typed_reads_refuse_bounds_and_types(void **state)
{
    (void)state;
    uint8_t b[8];
    (void)unhex("42aabb", b);
    for (int op = 0; op < 7; op++) {
        rd r = rd_of((pqi_cspan){b, 3});
        switch (op) {
        case 0:
            (void)pqi_cbor_uint(&r, 0, UINT64_MAX);
            break;
        case 1:
            (void)pqi_cbor_int(&r, INT64_MIN, INT64_MAX);
            break;
        case 2:
            (void)pqi_cbor_bstr(&r, 0, 1);
            break;
        case 3:
            (void)pqi_cbor_bstr(&r, 3, 9);
            break;
        case 4:
            (void)pqi_cbor_tstr(&r, 0, 9);
            break;
        case 5:
            (void)pqi_cbor_array(&r, 0, 9);
            break;
        default:
            (void)pqi_cbor_map(&r, 0, 9);
            break;
        }
        assert_true(r.bad);
    }
    (void)unhex("6161", b);
    rd r = rd_of((pqi_cspan){b, 2});
    pqi_cbor_expect_tstr(&r, (pqi_cspan){PQI_LIT("b")});
    assert_true(r.bad);
    r = rd_of((pqi_cspan){b, 2});
    pqi_cbor_expect_tstr(&r, (pqi_cspan){PQI_LIT("a")});
    assert_int_equal(rd_done(&r), PQI_OK);
}

PQI_TEST_MAIN(cmocka_unit_test(appendix_a), cmocka_unit_test(appendix_f),
    cmocka_unit_test(refusals), cmocka_unit_test(depth_is_capped), cmocka_unit_test(one_encoding),
    cmocka_unit_test(pull_reader), cmocka_unit_test(typed_reads_refuse_bounds_and_types))
