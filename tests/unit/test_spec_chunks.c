/* SPDX-License-Identifier: Apache-2.0
 * The worked example of docs/spec/chunks.md, made anew. PQI_PRINT_EXAMPLES=1 prints its lines. */
#include "pqi_test.h"

#include "session/chunk_wire.h"

static char text[32768];

/* "name: hex", 48 bytes a line; every line must stand in the text. */
static void stands(const char *name, const uint8_t *p, size_t n)
{
    for (size_t at = 0; at < n; at += 48) {
        char line[192];
        int k = at == 0 ? snprintf(line, sizeof line, "\n%s: ", name)
                        : snprintf(line, sizeof line, "\n  ");
        for (size_t i = at; i < n && i < at + 48; i++) {
            k += snprintf(line + k, sizeof line - (size_t)k, "%02x", p[i]);
        }
        (void)snprintf(line + k, sizeof line - (size_t)k, "\n");
        if (getenv("PQI_PRINT_EXAMPLES") != NULL) {
            (void)fprintf(stderr, "%s", line + 1);
        } else if (strstr(text, line) == NULL) {
            fail_msg("not in the text: %s", line + 1);
        }
    }
}

static void load(void)
{
    FILE *f = fopen(PQI_SOURCE_DIR "/docs/spec/chunks.md", "rb");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = 0;
    assert_int_equal(fclose(f), 0);
}

static uint8_t object[1216];

/* The object of the example: byte i is 7i + 1 mod 256. */
static pqi_cspan example(size_t len)
{
    for (size_t i = 0; i < sizeof object; i++) {
        object[i] = (uint8_t)(7u * i + 1u);
    }
    return (pqi_cspan){object, len};
}

static void frame(const char *name, pqi_cspan o, size_t chunk, const pqi_chunk *c)
{
    uint8_t out[128];
    size_t n;
    pqi_erasure_shape s;
    assert_int_equal(pqi_erasure_shape_of(o.len, chunk, &s), PQI_OK);
    assert_int_equal(pqi_chunk_write(c, &s, o, (pqi_span){out, sizeof out}, &n), PQI_OK);
    stands(name, out, n);
}

static void the_example_stands_in_the_text(void **state)
{
    (void)state;
    static const unsigned indices[] = {0, 1, 2, 3, 254};
    load();
    pqi_cspan o = example(32);
    stands("object", o.ptr, o.len);
    uint8_t mem[32], symbol[16];
    const pqi_span m = {mem, sizeof mem};
    pqi_erasure d;
    assert_int_equal(pqi_erasure_begin(&d, 32, 16), PQI_OK);
    for (size_t i = 0; i < sizeof indices / sizeof indices[0]; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "symbol %u", indices[i]);
        assert_int_equal(
            pqi_erasure_symbol(&d.shape, o, indices[i], (pqi_span){symbol, 16}), PQI_OK);
        stands(name, symbol, sizeof symbol);
        if (indices[i] > 2) {
            assert_int_equal(pqi_erasure_add(&d, m, indices[i], (pqi_cspan){symbol, 16}), PQI_OK);
        }
    }
    assert_int_equal(pqi_erasure_recover(&d, m), PQI_OK);
    assert_memory_equal(mem, o.ptr, o.len);

    const pqi_chunk data = {{PQI_CHUNK_D, PQI_CHUNK_OBJ_P, 5}, 1, 2, {NULL, 0}};
    frame("frame, D objP, epoch 5, symbols 1 and 2", o, 16, &data);
    uint8_t whole[64];
    size_t n;
    assert_int_equal(
        pqi_chunk_write_whole(data.of, o, (pqi_span){whole, sizeof whole}, &n), PQI_OK);
    stands("frame, D objP, epoch 5, whole", whole, n);
    const pqi_chunk sum = {{PQI_CHUNK_H, PQI_CHUNK_OBJ_Q, 261 % 32}, 57, 1, {NULL, 0}};
    frame("frame, H objQ, epoch 261, symbol 57 of 1120 bytes", example(1120), 32, &sum);
    const pqi_chunk last = {{PQI_CHUNK_H, PQI_CHUNK_OBJ_P, 31}, 38, 1, {NULL, 0}};
    frame("frame, H objP, epoch 31, symbol 38 of 1216 bytes", example(1216), 32, &last);
}

PQI_TEST_MAIN(cmocka_unit_test(the_example_stands_in_the_text))
