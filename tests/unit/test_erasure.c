/* SPDX-License-Identifier: Apache-2.0
 * The erasure code: every pattern of loss of small objects, random ones of all objects that sessions
 * carry, and each rule of docs/spec/chunks.md section 2. tests/session/erasure.py compares the bytes
 * with an independent encoder and decoder. */
#include "pqi_test.h"

#include "session/erasure.h"

#define GUARD 64u

static uint64_t rng_state = UINT64_C(0x9e3779b97f4a7c15);

static unsigned rnd(unsigned n)
{
    rng_state ^= rng_state << 13;
    rng_state ^= rng_state >> 7;
    rng_state ^= rng_state << 17;
    return (unsigned)(rng_state >> 11) % n;
}

static uint8_t object[PQI_ERASURE_OBJECT_MAX];
static uint8_t symbols[PQI_ERASURE_SYMBOLS][PQI_ERASURE_CHUNK_MAX];
static uint8_t mem_room[PQI_ERASURE_DATA_MAX * PQI_ERASURE_CHUNK_MAX + GUARD];
static pqi_span mem;
static pqi_erasure dec;

/* A random object, its 255 symbols, an empty decoder with filled memory and a guard behind it. */
static void start(size_t len, size_t chunk)
{
    for (size_t i = 0; i < len; i++) {
        object[i] = (uint8_t)rnd(256);
    }
    assert_int_equal(pqi_erasure_begin(&dec, len, chunk), PQI_OK);
    for (unsigned i = 0; i < PQI_ERASURE_SYMBOLS; i++) {
        assert_int_equal(pqi_erasure_symbol(&dec.shape, (pqi_cspan){object, len}, i,
                             (pqi_span){symbols[i], chunk}),
            PQI_OK);
    }
    memset(mem_room, 0xa5, sizeof mem_room);
    mem = (pqi_span){mem_room, pqi_erasure_mem(&dec.shape)};
}

static pqi_cspan seen(void)
{
    return (pqi_cspan){mem.ptr, mem.len};
}

static pqi_status add(unsigned index)
{
    return pqi_erasure_add(&dec, mem, index, (pqi_cspan){symbols[index], dec.shape.chunk});
}

static void finish(void)
{
    assert_true(pqi_erasure_ready(&dec));
    for (int again = 0; again < 2; again++) {
        assert_int_equal(pqi_erasure_recover(&dec, mem), PQI_OK);
        assert_memory_equal(mem.ptr, object, dec.shape.len);
        for (unsigned p = 0; p < dec.shape.k; p++) {
            assert_int_equal(dec.slot[p], p);
        }
    }
    for (size_t i = 0; i < GUARD; i++) {
        assert_int_equal(mem.ptr[mem.len + i], 0xa5);
    }
}

static void restart(void)
{
    assert_int_equal(pqi_erasure_begin(&dec, dec.shape.len, dec.shape.chunk), PQI_OK);
}

/* Every k of the first `span` symbols, in rising, falling and mixed order. */
static unsigned all_subsets(unsigned k, unsigned span)
{
    unsigned sets = 0;
    start(16u * k - 3u, 16);
    for (unsigned set = 0; set < 1u << span; set++) {
        unsigned list[16], n = 0;
        for (unsigned i = 0; i < span; i++) {
            if ((set >> i & 1u) != 0) {
                list[n++ & 15u] = i;
            }
        }
        if (n != k) {
            continue;
        }
        sets++;
        for (int order = 0; order < 3; order++) {
            restart();
            for (unsigned i = 0; i < k; i++) {
                unsigned at = order == 0 ? i : order == 1 ? k - 1 - i : (i + k / 2) % k;
                assert_false(pqi_erasure_ready(&dec));
                assert_int_equal(add(list[at]), PQI_OK);
            }
            finish();
        }
    }
    return sets;
}

static void every_pattern_of_small_objects(void **state)
{
    (void)state;
    /* binomial(12, k); k = 1 and 2 below */
    assert_int_equal(all_subsets(3, 12), 220);
    assert_int_equal(all_subsets(4, 12), 495);
    assert_int_equal(all_subsets(5, 12), 792);
    assert_int_equal(all_subsets(6, 12), 924);
    assert_int_equal(all_subsets(7, 12), 792);
}

/* All pairs of all 255 symbols, and each symbol alone where k is 1. */
static void every_pair_and_every_single(void **state)
{
    (void)state;
    start(32, 16);
    for (unsigned a = 0; a < PQI_ERASURE_SYMBOLS; a++) {
        for (unsigned b = a + 1; b < PQI_ERASURE_SYMBOLS; b++) {
            restart();
            assert_int_equal(add(rnd(2) != 0 ? a : b), PQI_OK);
            assert_int_equal(add(a), PQI_OK);
            assert_int_equal(add(b), PQI_OK);
            finish();
        }
    }
    for (size_t chunk = 32; chunk <= 64; chunk += 32) {
        start(32, chunk);
        assert_int_equal(dec.shape.k, 1);
        for (unsigned a = 0; a < PQI_ERASURE_SYMBOLS; a++) {
            restart();
            assert_int_equal(add(a), PQI_OK);
            finish();
        }
    }
}

/* Symbols in random order, some twice, until k are held. */
static void random_arrivals(unsigned first, unsigned end)
{
    unsigned order[PQI_ERASURE_SYMBOLS], n = 0;
    for (unsigned i = first; i < end; i++) {
        order[n++] = i;
    }
    restart();
    for (unsigned i = 0; !pqi_erasure_ready(&dec); i++) {
        assert_true(i < n);
        unsigned other = i + rnd(n - i), index = order[other];
        order[other] = order[i];
        order[i] = index;
        assert_int_equal(dec.have, i);
        assert_int_equal(add(index), PQI_OK);
        assert_int_equal(add(order[rnd(i + 1)]), PQI_OK);
    }
    finish();
}

static const uint16_t lengths[] = {
    32,         /* D rounds: an X25519 key */
    832, 800,   /* H rounds, X25519 key and ML-KEM-512 key, ciphertext */
    1216, 1120, /* ML-KEM-768 */
    1600,       /* ML-KEM-1024, both */
    704, 768, 1024, 1344,
    1504, /* LightSaber, Saber, FireSaber: 672, 736, 992, 1312, 1472 beside 32 */
    33, 47, 63, 65, 1217, 2399, 2400, /* ends that fill no chunk, and the greatest */
};

static void random_patterns_of_all_objects(void **state)
{
    (void)state;
    for (size_t l = 0; l < sizeof lengths / sizeof lengths[0]; l++) {
        for (size_t chunk = 16; chunk <= 64; chunk *= 2) {
            start(lengths[l], chunk);
            unsigned k = dec.shape.k;
            assert_int_equal(k, (lengths[l] + chunk - 1) / chunk);
            for (int round = 0; round < 6; round++) {
                random_arrivals(0, PQI_ERASURE_SYMBOLS);
                random_arrivals(0, k);          /* nothing lost */
                unsigned sent = k + 1 + rnd(k); /* as sent: the first ones, some lost */
                random_arrivals(0, sent < PQI_ERASURE_SYMBOLS ? sent : PQI_ERASURE_SYMBOLS);
            }
            /* as much lost as can be */
            restart();
            for (unsigned i = 0; i < k; i++) {
                assert_int_equal(add(254 - i), PQI_OK);
            }
            finish();
        }
    }
}

/* The data symbols are the object, padded with zero. */
static void code_is_systematic(void **state)
{
    (void)state;
    start(1217, 32);
    uint8_t padded[39 * 32] = {0};
    memcpy(padded, object, 1217);
    for (unsigned i = 0; i < 39; i++) {
        assert_memory_equal(symbols[i], padded + 32 * i, 32);
    }
}

/* ---- rules -------------------------------------------------------------------------------------- */

static void bounds_of_shapes(void **state)
{
    (void)state;
    static const struct {
        size_t len, chunk;
    } bad[] = {{31, 16}, {0, 16}, {2401, 16}, {65568, 32}, {SIZE_MAX, 64}, {32, 0}, {32, 8},
        {32, 17}, {32, 48}, {32, 128}, {32, 272}, {32, SIZE_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        pqi_erasure_shape s;
        assert_int_equal(pqi_erasure_shape_of(bad[i].len, bad[i].chunk, &s), PQI_ERR_ARG);
        assert_int_equal(s.len + s.chunk + s.k, 0);
        pqi_erasure d;
        uint8_t m[64] = {0};
        assert_int_equal(pqi_erasure_begin(&d, bad[i].len, bad[i].chunk), PQI_ERR_ARG);
        assert_false(pqi_erasure_ready(&d));
        assert_int_equal(
            pqi_erasure_add(&d, (pqi_span){m, 64}, 0, (pqi_cspan){object, 16}), PQI_ERR_ARG);
        assert_int_equal(pqi_erasure_recover(&d, (pqi_span){m, 64}), PQI_ERR_ARG);
        assert_int_equal(
            pqi_erasure_whole(&d, (pqi_span){m, 64}, (pqi_cspan){object, 32}), PQI_ERR_ARG);
    }
    pqi_erasure_shape s;
    assert_int_equal(pqi_erasure_shape_of(2400, 16, &s), PQI_OK);
    assert_int_equal(s.k, PQI_ERASURE_DATA_MAX);
    assert_int_equal(pqi_erasure_shape_of(1216, 32, &s), PQI_OK);
    assert_int_equal(s.k, 38);
}

static void bounds_of_the_encoder(void **state)
{
    (void)state;
    start(100, 32);
    static const uint8_t zero[65];
    static const struct {
        size_t object, out;
        unsigned index;
    } bad[] = {{99, 32, 0}, {101, 32, 0}, {100, 31, 0}, {100, 33, 4}, {100, 32, 255},
        {100, 32, 256}, {100, 32, UINT32_MAX}};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint8_t out[64];
        memset(out, 0x5a, sizeof out);
        assert_int_equal(pqi_erasure_symbol(&dec.shape, (pqi_cspan){object, bad[i].object},
                             bad[i].index, (pqi_span){out, bad[i].out}),
            PQI_ERR_ARG);
        assert_memory_equal(out, zero, bad[i].out);
        assert_int_equal(out[bad[i].out], 0x5a);
    }
    const pqi_erasure_shape none = {0, 0, 0};
    uint8_t out[64];
    assert_int_equal(
        pqi_erasure_symbol(&none, (pqi_cspan){object, 0}, 0, (pqi_span){out, 0}), PQI_ERR_ARG);
}

static pqi_erasure dec_before;
static uint8_t mem_before[sizeof mem_room];

static void remember(void)
{
    dec_before = dec;
    memcpy(mem_before, mem_room, sizeof mem_room);
}

static void assert_unchanged(void)
{
    assert_memory_equal(&dec_before, &dec, sizeof dec);
    assert_memory_equal(mem_before, mem_room, sizeof mem_room);
}

/* A refused symbol changes no byte of the decoder or its memory. */
static void refused_symbols_change_nothing(void **state)
{
    (void)state;
    start(1217, 32); /* k = 39, 31 bytes of fill */
    for (unsigned i = 0; i < 30; i++) {
        assert_int_equal(add(3 * i + 2), PQI_OK);
    }
    assert_int_equal(add(38), PQI_OK); /* held already */
    remember();
    uint8_t other[64];
    for (unsigned i = 0; i < 30; i++) { /* another symbol of a held index */
        unsigned index = 3 * i + 2;
        for (unsigned bit = 0; bit < 256; bit += 51) {
            memcpy(other, symbols[index], 32);
            other[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal(
                pqi_erasure_check(&dec, seen(), index, (pqi_cspan){other, 32}), PQI_ERR_DECODE);
            assert_int_equal(
                pqi_erasure_add(&dec, mem, index, (pqi_cspan){other, 32}), PQI_ERR_DECODE);
        }
        assert_int_equal(add(index), PQI_OK); /* the same again */
    }
    static const size_t lens[] = {0, 16, 31, 33, 64};
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        assert_int_equal(
            pqi_erasure_add(&dec, mem, 1, (pqi_cspan){symbols[1], lens[i]}), PQI_ERR_DECODE);
    }
    memset(other, 0xa5, sizeof other); /* what a free slot holds */
    assert_int_equal(pqi_erasure_add(&dec, mem, 255, (pqi_cspan){other, 32}), PQI_ERR_DECODE);
    static const unsigned indices[] = {255, 256, 257, 511, UINT32_MAX};
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        assert_int_equal(
            pqi_erasure_add(&dec, mem, indices[i], (pqi_cspan){symbols[1], 32}), PQI_ERR_DECODE);
    }
    assert_int_equal(
        pqi_erasure_add(&dec, (pqi_span){mem.ptr, mem.len - 1}, 1, (pqi_cspan){symbols[1], 32}),
        PQI_ERR_SPACE);
    assert_int_equal(
        pqi_erasure_add(&dec, (pqi_span){NULL, mem.len}, 1, (pqi_cspan){symbols[1], 32}),
        PQI_ERR_ARG);
    assert_int_equal(pqi_erasure_add(&dec, mem, 1, (pqi_cspan){NULL, 32}), PQI_ERR_ARG);
    assert_int_equal(pqi_erasure_recover(&dec, mem), PQI_ERR_STATE);
    assert_int_equal(pqi_erasure_recover(&dec, (pqi_span){mem.ptr, mem.len - 1}), PQI_ERR_SPACE);
    assert_unchanged();
}

static void fill_of_the_last_chunk_is_zero(void **state)
{
    (void)state;
    start(1217, 32);
    remember();
    for (unsigned at = 1; at < 32; at++) { /* byte 0 of the last chunk is the object's */
        uint8_t other[32];
        memcpy(other, symbols[38], 32);
        other[at] ^= 0x80;
        assert_int_equal(pqi_erasure_add(&dec, mem, 38, (pqi_cspan){other, 32}), PQI_ERR_DECODE);
    }
    assert_unchanged();
    /* A wrong sum that brings bytes into the fill: found at recovery, and the decoder starts anew. */
    for (unsigned at = 1; at < 32; at++) {
        restart();
        symbols[200][at] ^= 1;
        for (unsigned i = 0; i < 38; i++) {
            assert_int_equal(add(i), PQI_OK);
        }
        assert_int_equal(add(200), PQI_OK);
        assert_int_equal(pqi_erasure_recover(&dec, mem), PQI_ERR_DECODE);
        symbols[200][at] ^= 1;
        assert_int_equal(dec.have, 0);
        for (size_t i = 0; i < mem.len; i++) {
            assert_int_equal(mem.ptr[i], 0);
        }
        random_arrivals(0, 60);
    }
}

/* Once k symbols are held, others are neither stored nor compared; held ones are still compared. */
static void symbols_after_the_last(void **state)
{
    (void)state;
    start(1216, 32);
    for (unsigned i = 0; i < 38; i++) {
        assert_int_equal(add(2 * i), PQI_OK);
    }
    remember();
    assert_int_equal(add(1), PQI_OK);
    assert_int_equal(add(253), PQI_OK);
    assert_int_equal(pqi_erasure_add(&dec, mem, 1, (pqi_cspan){symbols[3], 32}), PQI_OK);
    assert_int_equal(pqi_erasure_add(&dec, mem, 2, (pqi_cspan){symbols[3], 32}), PQI_ERR_DECODE);
    assert_int_equal(pqi_erasure_add(&dec, mem, 74, (pqi_cspan){symbols[3], 32}), PQI_ERR_DECODE);
    assert_unchanged();
    finish();
    remember();
    assert_int_equal(add(1), PQI_OK);
    assert_int_equal(add(74), PQI_OK);
    assert_int_equal(pqi_erasure_add(&dec, mem, 1, (pqi_cspan){symbols[3], 32}), PQI_ERR_DECODE);
    assert_unchanged();
}

static void whole_objects(void **state)
{
    (void)state;
    for (int held = 0; held <= 38; held++) {
        start(1215, 32);
        for (int i = 0; i < held; i++) {
            assert_int_equal(add((unsigned)(7 * i) % 255), PQI_OK);
        }
        remember();
        if (held !=
            0) { /* an object that differs from a held symbol in one byte of the first chunk */
            object[3] ^= 4;
            assert_int_equal(
                pqi_erasure_whole(&dec, mem, (pqi_cspan){object, 1215}), PQI_ERR_DECODE);
            object[3] ^= 4;
        }
        assert_int_equal(pqi_erasure_whole(&dec, mem, (pqi_cspan){object, 1214}), PQI_ERR_DECODE);
        assert_int_equal(pqi_erasure_whole(&dec, mem, (pqi_cspan){object, 1216}), PQI_ERR_DECODE);
        assert_int_equal(pqi_erasure_whole(&dec, mem, (pqi_cspan){NULL, 1215}), PQI_ERR_ARG);
        assert_int_equal(
            pqi_erasure_whole(&dec, (pqi_span){mem.ptr, mem.len - 1}, (pqi_cspan){object, 1215}),
            PQI_ERR_SPACE);
        assert_unchanged();
        assert_int_equal(pqi_erasure_whole(&dec, mem, (pqi_cspan){object, 1215}), PQI_OK);
        assert_int_equal(mem.ptr[1215], 0);
        finish();
        assert_int_equal(pqi_erasure_whole(&dec, mem, (pqi_cspan){object, 1215}), PQI_OK);
        assert_int_equal(add(37), PQI_OK);
    }
}

static void memory(void **state)
{
    (void)state;
    print_message("# decoder %zu bytes beside the object\n", sizeof(pqi_erasure));
    assert_true(sizeof(pqi_erasure) <= 156);
    assert_int_equal(pqi_erasure_mem(&(pqi_erasure_shape){1216, 32, 38}), 1216);
}

PQI_TEST_MAIN(cmocka_unit_test(every_pattern_of_small_objects),
    cmocka_unit_test(every_pair_and_every_single), cmocka_unit_test(random_patterns_of_all_objects),
    cmocka_unit_test(code_is_systematic), cmocka_unit_test(bounds_of_shapes),
    cmocka_unit_test(bounds_of_the_encoder), cmocka_unit_test(refused_symbols_change_nothing),
    cmocka_unit_test(fill_of_the_last_chunk_is_zero), cmocka_unit_test(symbols_after_the_last),
    cmocka_unit_test(whole_objects), cmocka_unit_test(memory))
