/* SPDX-License-Identifier: Apache-2.0
 * CHUNK frames: each rule of docs/spec/chunks.md sections 3 and 4. */
#include "pqi_test.h"

#include "session/chunk_wire.h"
#include <stdbool.h>

#define LEN   1217u /* k = 39 chunks of 32; 31 bytes of fill */
#define CHUNK 32u
#define K     39u

static uint8_t object[PQI_ERASURE_OBJECT_MAX];
static uint8_t frame[PQI_CHUNK_HDR + PQI_ERASURE_SYMBOLS * PQI_ERASURE_CHUNK_MAX];
static uint8_t mem_room[K * CHUNK];
static const pqi_span mem = {mem_room, sizeof mem_room};
static const pqi_chunk_of of = {PQI_CHUNK_H, PQI_CHUNK_OBJ_Q, 19};
static pqi_erasure_shape shape;
static pqi_erasure dec;

static void start(void)
{
    for (size_t i = 0; i < sizeof object; i++) {
        object[i] = (uint8_t)(i * 31u + (i >> 8) + 1u);
    }
    assert_int_equal(pqi_erasure_shape_of(LEN, CHUNK, &shape), PQI_OK);
    assert_int_equal(pqi_erasure_begin(&dec, LEN, CHUNK), PQI_OK);
    memset(mem_room, 0xa5, sizeof mem_room);
}

static size_t make(uint8_t index, uint8_t count)
{
    const pqi_chunk c = {of, index, count, {NULL, 0}};
    size_t n;
    assert_int_equal(
        pqi_chunk_write(&c, &shape, (pqi_cspan){object, LEN}, (pqi_span){frame, sizeof frame}, &n),
        PQI_OK);
    assert_int_equal(n, PQI_CHUNK_HDR + count * CHUNK);
    return n;
}

static size_t make_whole(void)
{
    size_t n;
    assert_int_equal(
        pqi_chunk_write_whole(of, (pqi_cspan){object, LEN}, (pqi_span){frame, sizeof frame}, &n),
        PQI_OK);
    assert_int_equal(n, PQI_CHUNK_WHOLE_HDR + LEN);
    return n;
}

static pqi_chunk parsed(size_t n)
{
    pqi_chunk c;
    size_t used;
    assert_int_equal(pqi_chunk_parse((pqi_cspan){frame, n}, CHUNK, &c, &used), PQI_OK);
    assert_int_equal(used, n);
    return c;
}

static void assert_refused(size_t n)
{
    pqi_chunk c, none;
    size_t used = 77;
    memset(&c, 0x5a, sizeof c);
    memset(&none, 0, sizeof none);
    uint8_t *exact = malloc(n != 0 ? n : 1);
    assert_non_null(exact);
    memcpy(exact, frame, n);
    assert_int_equal(pqi_chunk_parse((pqi_cspan){exact, n}, CHUNK, &c, &used), PQI_ERR_DECODE);
    free(exact);
    assert_int_equal(used, 0);
    assert_null(c.body.ptr);
    assert_int_equal(c.of.kind + c.of.dir + c.of.round + c.index + c.count, 0);
    assert_int_equal(c.body.len, 0);
}

static void frames_are_what_the_text_says(void **state)
{
    (void)state;
    start();
    size_t n = make(2, 2);
    static const uint8_t head[] = {0x03, 0x40 | 0x20 | 19, 2, 2};
    assert_memory_equal(frame, head, sizeof head);
    assert_memory_equal(frame + 4, object + 64, 64);
    pqi_chunk c = parsed(n);
    assert_memory_equal(&c.of, &of, sizeof of);
    assert_int_equal(c.index, 2);
    assert_int_equal(c.count, 2);
    assert_ptr_equal(c.body.ptr, frame + 4);
    assert_int_equal(c.body.len, 64);
    n = make_whole();
    static const uint8_t whole[] = {0x03, 0x40 | 0x20 | 19, 0xff, 0, LEN >> 8, LEN & 0xff};
    assert_memory_equal(frame, whole, sizeof whole);
    assert_memory_equal(frame + 6, object, LEN);
    c = parsed(n);
    assert_int_equal(c.index, PQI_CHUNK_WHOLE);
    assert_int_equal(c.body.len, LEN);
}

/* Every prefix is refused; what follows the frame is left to the caller. */
static void truncated_and_extended(void **state)
{
    (void)state;
    start();
    for (int whole = 0; whole < 2; whole++) {
        size_t n = whole ? make_whole() : make(253, 2);
        for (size_t cut = 0; cut < n; cut++) {
            assert_refused(cut);
        }
        frame[n] = 0;
        pqi_chunk c;
        size_t used;
        assert_int_equal(pqi_chunk_parse((pqi_cspan){frame, n + 1}, CHUNK, &c, &used), PQI_OK);
        assert_int_equal(used, n);
    }
}

static void every_header(void **state)
{
    (void)state;
    start();
    memset(frame, 0, sizeof frame);
    for (unsigned b = 0; b < 256; b++) {
        frame[0] = (uint8_t)b; /* type */
        frame[3] = 1;
        if (b != PQI_FRAME_CHUNK) {
            assert_refused(sizeof frame);
        }
    }
    frame[0] = PQI_FRAME_CHUNK;
    for (unsigned b = 0; b < 256; b++) { /* kinds 2 and 3 are reserved */
        frame[1] = (uint8_t)b;
        if (b >> 6 > 1) {
            assert_refused(sizeof frame);
            continue;
        }
        pqi_chunk c;
        size_t used;
        assert_int_equal(
            pqi_chunk_parse((pqi_cspan){frame, sizeof frame}, CHUNK, &c, &used), PQI_OK);
        assert_int_equal(c.of.kind << 6 | c.of.dir << 5 | c.of.round, b);
    }
    frame[1] = 0;
    for (unsigned index = 0; index < 256; index++) {
        for (unsigned count = 0; count < 256; count++) {
            frame[2] = (uint8_t)index;
            frame[3] = (uint8_t)count;
            frame[4] = 0; /* length of a whole object: 32 */
            frame[5] = 32;
            bool good = index == 255 ? count == 0 : count != 0 && index + count <= 255;
            pqi_chunk c;
            size_t used;
            pqi_status st = pqi_chunk_parse((pqi_cspan){frame, sizeof frame}, CHUNK, &c, &used);
            assert_int_equal(st, good ? PQI_OK : PQI_ERR_DECODE);
        }
    }
    frame[2] = 255;
    frame[3] = 0;
    for (unsigned len = 0; len < 65536; len += len < 2500 ? 1 : 997) {
        frame[4] = (uint8_t)(len >> 8);
        frame[5] = (uint8_t)len;
        pqi_chunk c;
        size_t used;
        assert_int_equal(pqi_chunk_parse((pqi_cspan){frame, sizeof frame}, CHUNK, &c, &used),
            len >= 32 && len <= 2400 ? PQI_OK : PQI_ERR_DECODE);
    }
    static const size_t chunks[] = {0, 1, 15, 17, 48, 128, SIZE_MAX};
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        pqi_chunk c;
        size_t used;
        assert_int_equal(
            pqi_chunk_parse((pqi_cspan){frame, sizeof frame}, chunks[i], &c, &used), PQI_ERR_ARG);
    }
}

static void writers_refuse(void **state)
{
    (void)state;
    start();
    static const pqi_chunk bad[] = {{{2, 0, 0}, 0, 1, {NULL, 0}}, {{0, 2, 0}, 0, 1, {NULL, 0}},
        {{0, 0, 32}, 0, 1, {NULL, 0}}, {{0, 0, 0}, 0, 0, {NULL, 0}}, {{0, 0, 0}, 254, 2, {NULL, 0}},
        {{0, 0, 0}, 255, 1, {NULL, 0}}, {{0, 0, 0}, 1, 255, {NULL, 0}}};
    const pqi_span out = {frame, sizeof frame};
    const pqi_cspan obj = {object, LEN};
    size_t n;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        frame[0] = 1;
        assert_int_equal(pqi_chunk_write(&bad[i], &shape, obj, out, &n), PQI_ERR_ARG);
        assert_int_equal(n + frame[0], 0);
        if (i < 3) {
            assert_int_equal(pqi_chunk_write_whole(bad[i].of, obj, out, &n), PQI_ERR_ARG);
        }
    }
    const pqi_chunk one = {of, 200, 3, {NULL, 0}};
    assert_int_equal(
        pqi_chunk_write(&one, &shape, (pqi_cspan){object, LEN - 1}, out, &n), PQI_ERR_ARG);
    for (size_t room = 0; room < 100; room++) {
        memset(frame, 1, 101);
        assert_int_equal(
            pqi_chunk_write(&one, &shape, obj, (pqi_span){frame, room}, &n), PQI_ERR_SPACE);
        assert_int_equal(n, 100);
        for (size_t i = 0; i <= room; i++) {
            assert_int_equal(frame[i], i == room);
        }
    }
    assert_int_equal(pqi_chunk_write(&one, &shape, obj, (pqi_span){frame, 100}, &n), PQI_OK);
    assert_int_equal(pqi_chunk_write_whole(of, obj, (pqi_span){frame, LEN + 5}, &n), PQI_ERR_SPACE);
    assert_int_equal(n, LEN + 6);
    assert_int_equal(pqi_chunk_write_whole(of, (pqi_cspan){object, 31}, out, &n), PQI_ERR_ARG);
    assert_int_equal(pqi_chunk_write_whole(of, (pqi_cspan){frame, 2401}, out, &n), PQI_ERR_ARG);
}

static pqi_erasure dec_before;
static uint8_t mem_before[sizeof mem_room];

static void assert_no_effect(const pqi_chunk *c, pqi_span m, pqi_status want)
{
    dec_before = dec;
    memcpy(mem_before, mem_room, sizeof mem_room);
    assert_int_equal(pqi_chunk_check(&of, c, &dec, (pqi_cspan){m.ptr, m.len}), want);
    assert_int_equal(pqi_chunk_accept(&of, c, &dec, m), want);
    assert_memory_equal(&dec_before, &dec, sizeof dec);
    assert_memory_equal(mem_before, mem_room, sizeof mem_room);
}

static void frames_of_other_rounds(void **state)
{
    (void)state;
    start();
    for (int whole = 0; whole < 2; whole++) {
        pqi_chunk c = parsed(whole ? make_whole() : make(0, 3));
        for (unsigned b = 0; b < 128; b++) {
            c.of = (pqi_chunk_of){(uint8_t)(b >> 6), (uint8_t)(b >> 5 & 1), (uint8_t)(b & 31)};
            if (b != (0x40 | 0x20 | 19)) {
                assert_no_effect(&c, mem, PQI_ERR_REPLAY);
            }
        }
    }
}

/* All symbols of a frame or none, wherever in it the bad one stands. */
static void one_bad_symbol_refuses_the_frame(void **state)
{
    (void)state;
    start();
    pqi_chunk c = parsed(make(36, 6)); /* data 36..38, then sums 39..41 */
    for (unsigned held = 36; held < 42; held++) {
        start();
        size_t n = make((uint8_t)held, 1);
        frame[PQI_CHUNK_HDR] ^= 1; /* byte 0: no fill in the last chunk */
        const pqi_chunk wrong = parsed(n);
        assert_int_equal(pqi_chunk_accept(&of, &wrong, &dec, mem), PQI_OK);
        c = parsed(make(36, 6));
        assert_no_effect(&c, mem, PQI_ERR_DECODE);
        c = parsed(make_whole());
        assert_no_effect(&c, mem, PQI_ERR_DECODE);
    }
    start();
    size_t n = make(36, 6);
    frame[PQI_CHUNK_HDR + 3 * CHUNK - 1] ^= 1; /* fill of the last chunk */
    c = parsed(n);
    assert_no_effect(&c, mem, PQI_ERR_DECODE);
    c = parsed(make(36, 6));
    assert_no_effect(&c, (pqi_span){mem_room, sizeof mem_room - 1}, PQI_ERR_SPACE);
    /* read with another parameter than the decoder's, or made by hand */
    size_t used;
    assert_int_equal(pqi_chunk_parse((pqi_cspan){frame, sizeof frame}, 16, &c, &used), PQI_OK);
    assert_no_effect(&c, mem, PQI_ERR_DECODE);
    c.count = 0;
    c.body.len = 0;
    assert_no_effect(&c, mem, PQI_ERR_DECODE);
    c = parsed(make_whole());
    c.body.len--;
    assert_no_effect(&c, mem, PQI_ERR_DECODE);
}

/* Frames of all sizes, each second one lost, some twice: the object comes out. */
static void lossy_delivery(void **state)
{
    (void)state;
    for (uint8_t count = 1; count <= K; count++) {
        start();
        for (unsigned turn = 0; !pqi_erasure_ready(&dec); turn++) {
            unsigned first = turn * count;
            assert_true(first + count <= 255 || count > 3);
            first = first + count <= 255 ? first : 255u - count;
            if (turn % 2 == 0 && count < 4) {
                continue; /* lost */
            }
            const pqi_chunk c = parsed(make((uint8_t)first, count));
            assert_int_equal(pqi_chunk_accept(&of, &c, &dec, mem), PQI_OK);
            assert_no_effect(&c, mem, PQI_OK);
        }
        assert_int_equal(pqi_erasure_recover(&dec, mem), PQI_OK);
        assert_memory_equal(mem_room, object, LEN);
    }
    start();
    const pqi_chunk c = parsed(make_whole());
    assert_int_equal(pqi_chunk_accept(&of, &c, &dec, mem), PQI_OK);
    assert_true(pqi_erasure_ready(&dec));
    assert_no_effect(&c, mem, PQI_OK);
    assert_memory_equal(mem_room, object, LEN);
}

PQI_TEST_MAIN(cmocka_unit_test(frames_are_what_the_text_says),
    cmocka_unit_test(truncated_and_extended), cmocka_unit_test(every_header),
    cmocka_unit_test(writers_refuse), cmocka_unit_test(frames_of_other_rounds),
    cmocka_unit_test(one_bad_symbol_refuses_the_frame), cmocka_unit_test(lossy_delivery))
