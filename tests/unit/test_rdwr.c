/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "base/hex.h"
#include "base/rd.h"
#include "base/wr.h"
#include <pqi/trust.h>

static void reader_reads_and_ends(void **state)
{
    (void)state;
    const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 0, 2, 7, 8};
    rd r = rd_of((pqi_cspan){in, sizeof in});
    assert_int_equal(rd_u8(&r), 1);
    assert_int_equal(rd_u16(&r), 0x0203);
    assert_int_equal(rd_u32(&r), 0x04050607);
    assert_true(rd_u64(&r) == 0x08090a0b0c0d0e0fu);
    pqi_cspan v = rd_vec16(&r, 1, 2);
    assert_int_equal(v.len, 2);
    assert_ptr_equal(v.ptr, in + 17);
    assert_int_equal(rd_done(&r), PQI_OK);
}

static void reader_failure_is_sticky(void **state)
{
    (void)state;
    const uint8_t in[4] = {1, 2, 3, 4};
    rd r = rd_of((pqi_cspan){in, 4});
    assert_int_equal(rd_u64(&r), 0);
    assert_true(r.bad);
    assert_int_equal(rd_u8(&r), 0); /* would have fitted */
    assert_null(rd_bytes(&r, 1).ptr);
    assert_int_equal(rd_done(&r), PQI_ERR_DECODE);

    r = rd_of((pqi_cspan){in, 4});
    assert_int_equal(rd_bytes(&r, SIZE_MAX).len, 0); /* p + n would wrap */
    assert_true(r.bad);

    r = rd_of((pqi_cspan){in, 4});
    assert_int_equal(rd_u16(&r), 0x0102);
    assert_int_equal(rd_done(&r), PQI_ERR_DECODE); /* bytes left */

    r = rd_of((pqi_cspan){in, 2});
    rd_expect(&r, 2, 0x0103);
    assert_int_equal(rd_done(&r), PQI_ERR_DECODE);

    const uint8_t vec[] = {0, 2, 9, 9};
    r = rd_of((pqi_cspan){vec, 4});
    assert_int_equal(rd_vec16(&r, 3, 9).len, 0);
    r = rd_of((pqi_cspan){vec, 4});
    assert_int_equal(rd_vec16(&r, 0, 1).len, 0);
    assert_int_equal(rd_done(&r), PQI_ERR_DECODE);
    r = rd_of((pqi_cspan){NULL, 0});
    assert_int_equal(rd_done(&r), PQI_OK);
    r = rd_of((pqi_cspan){NULL, 5}); /* a broken span is an error, not a crash */
    assert_int_equal(rd_u8(&r), 0);
    assert_true(r.bad);
}

static void writer_counts_past_overflow(void **state)
{
    (void)state;
    uint8_t out[8];
    size_t len = 0;
    for (size_t cap = 0; cap <= sizeof out; cap++) {
        memset(out, 0xee, sizeof out);
        wr w = wr_of((pqi_span){out, cap});
        wr_u16(&w, 0x0102);
        wr_u32(&w, 0x03040506);
        wr_u8(&w, 7);
        assert_int_equal(wr_done(&w, &len), cap < 7 ? PQI_ERR_SPACE : PQI_OK);
        assert_int_equal(len, 7);
        for (size_t i = cap; i < sizeof out; i++) {
            assert_int_equal(out[i], 0xee);
        }
        for (size_t i = 0; cap >= 7 && i < 7; i++) {
            assert_int_equal(out[i], i + 1);
        }
    }
    /* Sticky: a field that would fit after one that did not is not written. */
    memset(out, 0xee, sizeof out);
    wr w = wr_of((pqi_span){out, 3});
    wr_u32(&w, 1);
    wr_u8(&w, 1);
    assert_int_equal(out[0], 0xee);
    assert_int_equal(wr_done(&w, &len), PQI_ERR_SPACE);
    assert_null(wr_reserve(&w, SIZE_MAX));
    assert_int_equal(wr_done(&w, &len), PQI_ERR_SPACE);
    assert_true(len == SIZE_MAX); /* saturates, never wraps back below the capacity */
    wr_u8(&w, 1);
    assert_int_equal(wr_done(&w, &len), PQI_ERR_SPACE);
}

static void vec16_is_bounded(void **state)
{
    (void)state;
    static uint8_t big[0x10000], out[0x10010];
    size_t len = 0;
    wr w = wr_of((pqi_span){out, sizeof out});
    wr_vec16(&w, (pqi_cspan){big, 0xffff});
    assert_int_equal(wr_done(&w, &len), PQI_OK);
    assert_int_equal(len, 0x10001);
    w = wr_of((pqi_span){out, sizeof out});
    wr_vec16(&w, (pqi_cspan){big, 0x10000});
    assert_int_equal(wr_done(&w, &len), PQI_ERR_SPACE);
}

static void hex_round_trip_and_refusals(void **state)
{
    (void)state;
    uint8_t all[256], text[512], back[256];
    size_t len = 0;
    for (size_t i = 0; i < 256; i++) {
        all[i] = (uint8_t)i;
    }
    assert_int_equal(
        pqi_hex_encode((pqi_cspan){all, 256}, (pqi_span){text, 511}, &len), PQI_ERR_SPACE);
    assert_int_equal(len, 512);
    assert_int_equal(pqi_hex_encode((pqi_cspan){all, 256}, (pqi_span){text, 512}, &len), PQI_OK);
    for (size_t i = 0; i < 256; i++) {
        char want[3];
        (void)snprintf(want, sizeof want, "%02x", (unsigned)i);
        assert_memory_equal(text + 2 * i, want, 2);
    }
    assert_int_equal(pqi_hex_decode((pqi_cspan){text, 512}, (pqi_span){back, 256}, &len), PQI_OK);
    assert_int_equal(len, 256);
    assert_memory_equal(back, all, 256);
    assert_int_equal(
        pqi_hex_decode((pqi_cspan){text, 512}, (pqi_span){back, 255}, &len), PQI_ERR_SPACE);
    assert_int_equal(
        pqi_hex_decode((pqi_cspan){text, 511}, (pqi_span){back, 256}, &len), PQI_ERR_DECODE);
    for (unsigned c = 0; c < 256; c++) { /* every character in either place */
        uint8_t pair[2] = {(uint8_t)c, '0'}, swap[2] = {'0', (uint8_t)c}, one = 0xee;
        bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        pqi_status want = digit ? PQI_OK : PQI_ERR_DECODE;
        assert_int_equal(pqi_hex_decode((pqi_cspan){pair, 2}, (pqi_span){&one, 1}, &len), want);
        assert_int_equal(one, digit ? strtoul((char[]){(char)c, '0', 0}, NULL, 16) : 0);
        assert_int_equal(pqi_hex_decode((pqi_cspan){swap, 2}, (pqi_span){&one, 1}, &len), want);
        assert_int_equal(one, digit ? strtoul((char[]){(char)c, 0}, NULL, 16) : 0);
    }
}

static void id_set(void **state)
{
    (void)state;
    uint8_t id[PQI_ID_MAX + 1];
    memset(id, 'a', sizeof id);
    for (size_t n = 1; n <= PQI_ID_MAX; n++) {
        assert_int_equal(pqi_id_check((pqi_cspan){id, n}), PQI_OK);
    }
    assert_int_equal(pqi_id_check((pqi_cspan){id, PQI_ID_MAX + 1}), PQI_ERR_ARG);
    assert_int_equal(pqi_id_check((pqi_cspan){id, 0}), PQI_ERR_ARG);
    assert_int_equal(pqi_id_check((pqi_cspan){NULL, 0}), PQI_ERR_ARG);
    const char *set = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    for (int c = 0; c < 256; c++) {
        id[3] = (uint8_t)c;
        bool ok = c != 0 && strchr(set, c) != NULL;
        assert_int_equal(pqi_id_check((pqi_cspan){id, 7}), ok ? PQI_OK : PQI_ERR_ARG);
    }
}

PQI_TEST_MAIN(cmocka_unit_test(reader_reads_and_ends), cmocka_unit_test(reader_failure_is_sticky),
    cmocka_unit_test(writer_counts_past_overflow), cmocka_unit_test(vec16_is_bounded),
    cmocka_unit_test(hex_round_trip_and_refusals), cmocka_unit_test(id_set))
