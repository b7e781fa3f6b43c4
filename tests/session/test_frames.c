/* SPDX-License-Identifier: Apache-2.0
 * Frames and padding, docs/spec/ratchet.md section 2: what is written is read, and there is one encoding
 * of it. */
#include "session/frames.h"

#include "pqi_test.h"

static const pqi_frames_form plain_form = {true, false, 32};

static pqi_status read_bytes(
    const uint8_t *b, size_t n, pqi_frames_form form, pqi_frames *f, bool *app, pqi_cspan *payload)
{
    pqi_status st = pqi_frames_read((pqi_cspan){b, n}, &form, f, app, payload);
    if (st != PQI_OK) {
        static const pqi_frames none;
        assert_int_equal(st, PQI_ERR_DECODE);
        assert_memory_equal(f, &none, sizeof none);
        assert_false(*app);
        assert_int_equal(payload->len, 0);
        assert_null(payload->ptr);
    }
    return st;
}

static void expect(const char *bytes, size_t n, pqi_frames_form form, pqi_status want)
{
    pqi_frames f;
    bool app;
    pqi_cspan payload;
    pqi_status st = read_bytes((const uint8_t *)bytes, n, form, &f, &app, &payload);
    if (st != want) {
        fail_msg("text of %zu bytes beginning %02x: %d, expected %d", n,
            n != 0 ? (unsigned)(uint8_t)bytes[0] : 0, (int)st, (int)want);
    }
}

#define BAD(s, form)  expect(s, sizeof(s) - 1u, form, PQI_ERR_DECODE)
#define GOOD(s, form) expect(s, sizeof(s) - 1u, form, PQI_OK)
#define FIN           "\x01\x00\x00\x07"
#define SETTLED       "\x02\0\0\0\0\0\0\0\x01\0\0\0\x02hashhash"
#define CHUNK                                                                                      \
    "\x03\x00\x00\x01"                                                                             \
    "0123456789abcdef0123456789abcdef"
#define ABORT  "\x04\0\0\0\0\0\0\0\x05"
#define HELLO  "\x05"
#define EXPIRY "\x06\x02\0\0\0\0\0\0\0\x05"

static void one_encoding(void **state)
{
    (void)state;
    const pqi_frames_form f = plain_form;
    GOOD(FIN, f);
    GOOD(FIN SETTLED CHUNK ABORT HELLO EXPIRY, f);
    GOOD(FIN SETTLED CHUNK ABORT HELLO EXPIRY "\0", f);
    GOOD(FIN SETTLED CHUNK ABORT HELLO EXPIRY "\0text", f);
    GOOD(HELLO "\0\0", f);
    GOOD("", f);
    /* END without a frame, unknown types, order, repeated */
    BAD("\0", f);
    BAD("\0text", f);
    BAD("\x07", f);
    BAD("\xff", f);
    BAD(FIN "\x07", f);
    BAD(FIN FIN, f);
    BAD(HELLO HELLO, f);
    BAD(SETTLED FIN, f);
    BAD(CHUNK CHUNK, f);
    BAD(ABORT CHUNK, f);
    BAD(EXPIRY HELLO, f);
    /* fields out of range */
    BAD("\x01\x10\x00\x01", f);
    GOOD("\x01\x10\x00\x00", f);
    BAD("\x04\0\0\0\0\0\0\0\0", f);
    BAD("\x06\0\0\0\0\0\0\0\0\x01", f);
    BAD("\x06\x03\0\0\0\0\0\0\0\x01", f);
    BAD("\x06\x02\0\0\0\0\0\0\0\0", f);
    GOOD("\x06\x01\0\0\0\0\0\0\0\0", f);
    BAD("\x03\x80\x00\x01"
        "0123456789abcdef0123456789abcdef",
        f);
    BAD("\x03\x00\x00\x00"
        "0123456789abcdef0123456789abcdef",
        f);
}

/* Every cut of every frame, and of all together. */
static void cut(void **state)
{
    (void)state;
    static const char all[] = FIN SETTLED CHUNK ABORT HELLO EXPIRY;
    static const size_t ends[] = {0, 4, 25, 61, 70, 71, 81};
    for (size_t n = 0; n < sizeof all; n++) {
        bool whole = false;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
            whole = whole || ends[i] == n;
        }
        if (n < sizeof all - 1u || whole) {
            expect(all, n, plain_form, whole ? PQI_OK : PQI_ERR_DECODE);
        }
    }
    assert_int_equal(sizeof all - 1u, 81);
}

static void padding(void **state)
{
    (void)state;
    const pqi_frames_form text = {false, true, 32}, both = {true, true, 32};
    GOOD("text\0\0", text);
    GOOD("text\0\0\x00\x02", text);
    GOOD("\0\0", text);
    BAD("", text);
    BAD("\0", text);
    BAD("text\x01\x00\x01", text);
    BAD("text\x01\0\0\0\x04", text);
    BAD("\0\0\x00\x03", text);
    GOOD("\0\0\0\x00\x03", text);
    BAD("\0\0\xff\xff", text);
    GOOD(HELLO "\0\0", both);
    GOOD(HELLO "\0\0\0\x00\x03", both);
    GOOD("\0\0", both);
    for (size_t len = 0; len < 300; len++) {
        for (unsigned log2 = 0; log2 <= 15; log2++) {
            const size_t pad = pqi_pad_len(len, log2);
            assert_int_equal((len + pad) % ((size_t)1 << log2), 0);
            assert_true(log2 == 0 ? pad == 0 : pad >= 2 && pad < ((size_t)1 << log2) + 2u);
        }
    }
}

static void what_is_written_is_read(void **state)
{
    (void)state;
    const pqi_frames in = {.has = PQI_HAS(PQI_FRAME_FIN) | PQI_HAS(PQI_FRAME_SETTLED) |
                                  PQI_HAS(PQI_FRAME_ABORT) | PQI_HAS(PQI_FRAME_HELLO) |
                                  PQI_HAS(PQI_FRAME_EXPIRY),
        .fin = 0x10000,
        .settled_ctr = UINT64_C(0x0102030405060708),
        .settled_head = 0x090a0b0c,
        .settled_hash = {1, 2, 3, 4, 5, 6, 7, 8},
        .abort_seq = UINT64_MAX,
        .expiry_kind = PQI_EXPIRY_CONTROL,
        .expiry_value = UINT64_C(0x1112131415161718)};
    for (uint32_t bits = 0; bits < 128; bits++) {
        pqi_frames f = in, out;
        f.has = in.has & bits;
        uint8_t b[PQI_FRAMES_FIXED_MAX];
        size_t len = 0, first = 0;
        bool app;
        pqi_cspan payload;
        assert_int_equal(
            pqi_frames_write(&f, PQI_FRAME_FIN, PQI_FRAME_EXPIRY, (pqi_span){b, sizeof b}, &len),
            PQI_OK);
        assert_int_equal(read_bytes(b, len, plain_form, &out, &app, &payload), PQI_OK);
        assert_int_equal(out.has, f.has);
        assert_false(app);
        assert_int_equal(out.fin, (f.has & PQI_HAS(PQI_FRAME_FIN)) != 0 ? in.fin : 0);
        if ((f.has & PQI_HAS(PQI_FRAME_SETTLED)) != 0) {
            assert_true(out.settled_ctr == in.settled_ctr && out.settled_head == in.settled_head);
            assert_memory_equal(out.settled_hash, in.settled_hash, 8);
        }
        if ((f.has & PQI_HAS(PQI_FRAME_EXPIRY)) != 0) {
            assert_true(out.expiry_kind == in.expiry_kind && out.expiry_value == in.expiry_value);
        }
        if ((f.has & PQI_HAS(PQI_FRAME_ABORT)) != 0) {
            assert_true(out.abort_seq == in.abort_seq);
        }
        /* in two parts, around the place of a CHUNK */
        assert_int_equal(
            pqi_frames_write(&f, PQI_FRAME_FIN, PQI_FRAME_CHUNK, (pqi_span){b, sizeof b}, &first),
            PQI_OK);
        pqi_status st = pqi_frames_write(
            &f, PQI_FRAME_CHUNK, PQI_FRAME_EXPIRY, (pqi_span){b, len - first}, &len);
        assert_int_equal(st, PQI_OK);
        if (len != 0) {
            st = pqi_frames_write(
                &f, PQI_FRAME_CHUNK, PQI_FRAME_EXPIRY, (pqi_span){b, len - 1}, &first);
            assert_int_equal(st, PQI_ERR_SPACE);
            assert_int_equal(first, len);
        }
    }
    static const pqi_frames bad[] = {{.has = 1}, {.has = PQI_HAS(7)},
        {.has = PQI_HAS(PQI_FRAME_FIN), .fin = (1u << 20) + 1u}, {.has = PQI_HAS(PQI_FRAME_ABORT)},
        {.has = PQI_HAS(PQI_FRAME_EXPIRY), .expiry_kind = PQI_EXPIRY_UNIX},
        {.has = PQI_HAS(PQI_FRAME_EXPIRY), .expiry_kind = 3}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t b[64];
        size_t len;
        assert_int_equal(
            pqi_frames_write(&bad[i], 0, PQI_FRAME_EXPIRY, (pqi_span){b, sizeof b}, &len),
            PQI_ERR_ARG);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(one_encoding), cmocka_unit_test(cut), cmocka_unit_test(padding),
    cmocka_unit_test(what_is_written_is_read))
