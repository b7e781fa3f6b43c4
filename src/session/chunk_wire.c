/* SPDX-License-Identifier: Apache-2.0
 * CHUNK frames: docs/spec/chunks.md sections 3 and 4. */
#include "session/chunk_wire.h"

#include "base/args.h"
#include "base/rd.h"
#include "base/wr.h"

#define ROUND_MASK 0x1fu

static bool of_is_sound(const pqi_chunk_of *of)
{
    return of->kind <= PQI_CHUNK_H && of->dir <= PQI_CHUNK_OBJ_Q && of->round <= ROUND_MASK;
}

static void write_head(wr *w, const pqi_chunk_of *of, unsigned index, unsigned count)
{
    wr_u8(w, PQI_FRAME_CHUNK);
    wr_u8(w, (uint8_t)(of->kind << 6 | of->dir << 5 | of->round));
    wr_u8(w, (uint8_t)index);
    wr_u8(w, (uint8_t)count);
}

static pqi_status write_symbols(
    const pqi_chunk *what, const pqi_erasure_shape *s, pqi_cspan object, pqi_span out, size_t *len)
{
    unsigned first = what->index, count = what->count;
    if (!of_is_sound(&what->of) || count == 0 || first + count > PQI_ERASURE_SYMBOLS || s->k == 0 ||
        !pqi_args_exact(object, s->len)) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    write_head(&w, &what->of, first, count);
    uint8_t *body = wr_reserve(&w, (size_t)count * s->chunk);
    pqi_status st = wr_done(&w, len);
    for (unsigned i = 0; st == PQI_OK && i < count; i++) {
        pqi_span at = {body + (size_t)i * s->chunk, s->chunk};
        st = pqi_erasure_symbol(s, object, first + i, at);
    }
    return st;
}

pqi_status pqi_chunk_write(
    const pqi_chunk *what, const pqi_erasure_shape *s, pqi_cspan object, pqi_span out, size_t *len)
{
    *len = 0;
    pqi_status st = write_symbols(what, s, object, out, len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
    }
    return st;
}

pqi_status pqi_chunk_write_whole(pqi_chunk_of of, pqi_cspan object, pqi_span out, size_t *len)
{
    *len = 0;
    pqi_status st = PQI_ERR_ARG;
    if (of_is_sound(&of) && object.ptr != NULL && object.len >= PQI_ERASURE_OBJECT_MIN &&
        object.len <= PQI_ERASURE_OBJECT_MAX) {
        wr w = wr_of(out);
        write_head(&w, &of, PQI_CHUNK_WHOLE, 0);
        wr_vec16(&w, object);
        st = wr_done(&w, len);
    }
    if (st != PQI_OK) {
        pqi_args_clear(out);
    }
    return st;
}

pqi_status pqi_chunk_parse(pqi_cspan in, size_t chunk, pqi_chunk *out, size_t *used)
{
    *out = (pqi_chunk){0};
    *used = 0;
    pqi_erasure_shape s;
    if (pqi_erasure_shape_of(PQI_ERASURE_OBJECT_MIN, chunk, &s) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    rd r = rd_of(in);
    rd_expect(&r, 1, PQI_FRAME_CHUNK);
    unsigned of = rd_u8(&r);
    pqi_chunk c = {0};
    c.of = (pqi_chunk_of){(uint8_t)(of >> 6), (uint8_t)(of >> 5 & 1u), (uint8_t)(of & ROUND_MASK)};
    c.index = rd_u8(&r);
    c.count = rd_u8(&r);
    if (c.of.kind > PQI_CHUNK_H) {
        rd_fail(&r);
    }
    if (c.index == PQI_CHUNK_WHOLE) {
        if (c.count != 0) {
            rd_fail(&r);
        }
        c.body = rd_vec16(&r, PQI_ERASURE_OBJECT_MIN, PQI_ERASURE_OBJECT_MAX);
    } else {
        if (c.count == 0 || (unsigned)c.index + c.count > PQI_ERASURE_SYMBOLS) {
            rd_fail(&r);
        }
        c.body = rd_bytes(&r, c.count * chunk);
    }
    if (r.bad) {
        return PQI_ERR_DECODE;
    }
    *out = c;
    *used = in.len - r.left;
    return PQI_OK;
}

/* Symbol i of the frame. */
static pqi_cspan symbol(const pqi_chunk *c, size_t chunk, unsigned i)
{
    return (pqi_cspan){c->body.ptr + i * chunk, chunk};
}

static bool belongs(const pqi_chunk_of *a, const pqi_chunk_of *b)
{
    return a->kind == b->kind && a->dir == b->dir && a->round == b->round;
}

pqi_status pqi_chunk_check(
    const pqi_chunk_of *want, const pqi_chunk *c, const pqi_erasure *d, pqi_cspan mem)
{
    if (!belongs(want, &c->of)) {
        return PQI_ERR_REPLAY;
    }
    if (c->index == PQI_CHUNK_WHOLE) {
        return pqi_erasure_check_whole(d, mem, c->body);
    }
    size_t chunk = d->shape.chunk;
    if (c->count == 0 || c->body.len != c->count * chunk) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = PQI_OK;
    for (unsigned i = 0; st == PQI_OK && i < c->count; i++) {
        st = pqi_erasure_check(d, mem, c->index + i, symbol(c, chunk, i));
    }
    return st;
}

/* No index stands twice in a frame, so symbols that pass one by one can be added together. */
pqi_status pqi_chunk_accept(
    const pqi_chunk_of *want, const pqi_chunk *c, pqi_erasure *d, pqi_span mem)
{
    if (belongs(want, &c->of) && c->index == PQI_CHUNK_WHOLE) {
        return pqi_erasure_whole(d, mem, c->body);
    }
    pqi_status st = pqi_chunk_check(want, c, d, (pqi_cspan){mem.ptr, mem.len});
    for (unsigned i = 0; st == PQI_OK && i < c->count; i++) {
        st = pqi_erasure_add(d, mem, c->index + i, symbol(c, d->shape.chunk, i));
    }
    return st;
}
