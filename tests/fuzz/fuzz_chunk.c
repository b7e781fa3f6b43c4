/* SPDX-License-Identifier: Apache-2.0
 * The frame parser: fields are those of the header, a whole object is written again with the same
 * bytes, a strict prefix of the frame is refused, and what follows it is not looked at. The first byte
 * chooses the chunk size. */
#include "session/chunk_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

/* The header says what the parser read. */
static void check_fields(const uint8_t *in, size_t used, const pqi_chunk *c, size_t chunk)
{
    must(in[0] == PQI_FRAME_CHUNK && in[1] == (c->of.kind << 6 | c->of.dir << 5 | c->of.round));
    must(in[2] == c->index && in[3] == c->count && c->of.kind <= PQI_CHUNK_H);
    size_t head = c->index == PQI_CHUNK_WHOLE ? PQI_CHUNK_WHOLE_HDR : PQI_CHUNK_HDR;
    must(c->body.ptr == in + head && used == head + c->body.len);
    if (c->index == PQI_CHUNK_WHOLE) {
        uint8_t again[PQI_CHUNK_WHOLE_HDR + PQI_ERASURE_OBJECT_MAX];
        size_t n;
        must(pqi_chunk_write_whole(c->of, c->body, (pqi_span){again, sizeof again}, &n) == PQI_OK);
        must(n == used && memcmp(again, in, n) == 0);
    } else {
        must(c->count != 0 && c->index + c->count <= 255 && c->body.len == c->count * chunk);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    static const uint8_t chunks[] = {16, 32, 64};
    size_t chunk = chunks[data[0] % 3];
    const uint8_t *in = data + 1;
    pqi_chunk c, other;
    size_t used, used_other;
    if (pqi_chunk_parse((pqi_cspan){in, size - 1}, chunk, &c, &used) != PQI_OK) {
        must(used == 0 && c.body.ptr == NULL && c.count == 0);
        return 0;
    }
    must(used >= PQI_CHUNK_HDR + 16u && used <= size - 1);
    check_fields(in, used, &c, chunk);
    must(pqi_chunk_parse((pqi_cspan){in, used - 1}, chunk, &other, &used_other) == PQI_ERR_DECODE);
    must(pqi_chunk_parse((pqi_cspan){in, used}, chunk, &other, &used_other) == PQI_OK);
    must(used_other == used && other.body.ptr == c.body.ptr);
    return 0;
}
