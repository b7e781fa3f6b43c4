/* SPDX-License-Identifier: Apache-2.0
 * Sequences of operations on a decoder beside a plain model of it, which keeps every symbol it was given
 * in a table by index. Input: length u16, chunk size, seed of the object, then operations of 3 bytes
 * (what, index, a byte that spoils). Refused operations change nothing; an object comes out exactly when
 * k true symbols were held. */
#include "session/chunk_wire.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct model {
    pqi_erasure d, d_before;
    uint8_t mem[PQI_ERASURE_DATA_MAX * PQI_ERASURE_CHUNK_MAX];
    uint8_t mem_before[PQI_ERASURE_DATA_MAX * PQI_ERASURE_CHUNK_MAX];
    uint8_t object[PQI_ERASURE_OBJECT_MAX];
    uint8_t held[PQI_ERASURE_SYMBOLS][PQI_ERASURE_CHUNK_MAX];
    uint8_t has[PQI_ERASURE_SYMBOLS];
    unsigned count;
    int spoiled; /* a held symbol is not the object's */
} model;

static model m;

static void must(int holds)
{
    if (!holds) {
        abort();
    }
}

static void must_be_unchanged(void)
{
    must(memcmp(&m.d, &m.d_before, sizeof m.d) == 0);
    must(memcmp(m.mem, m.mem_before, sizeof m.mem) == 0);
}

static int fill_is_zero(const uint8_t *symbol)
{
    const pqi_erasure_shape *s = &m.d.shape;
    for (size_t i = s->len - (s->k - 1u) * s->chunk; i < s->chunk; i++) {
        if (symbol[i] != 0) {
            return 0;
        }
    }
    return 1;
}

static void add(unsigned index, uint8_t spoil)
{
    const pqi_erasure_shape *s = &m.d.shape;
    uint8_t symbol[PQI_ERASURE_CHUNK_MAX] = {0};
    unsigned of = index < PQI_ERASURE_SYMBOLS ? index : 0;
    must(pqi_erasure_symbol(s, (pqi_cspan){m.object, s->len}, of, (pqi_span){symbol, s->chunk}) ==
         PQI_OK);
    symbol[spoil % s->chunk] ^= spoil;
    int good = index < PQI_ERASURE_SYMBOLS && (index != s->k - 1u || fill_is_zero(symbol)) &&
               (!m.has[of] || memcmp(m.held[of], symbol, s->chunk) == 0);
    const pqi_span mem = {m.mem, sizeof m.mem};
    pqi_status st = pqi_erasure_add(&m.d, mem, index, (pqi_cspan){symbol, s->chunk});
    must(st == (good ? PQI_OK : PQI_ERR_DECODE));
    if (!good || m.has[of] || m.count == s->k) {
        must_be_unchanged();
        return;
    }
    m.has[of] = 1;
    memcpy(m.held[of], symbol, s->chunk);
    m.count++;
    m.spoiled |= spoil != 0;
}

static void forget(void)
{
    memset(m.has, 0, sizeof m.has);
    m.count = 0;
    m.spoiled = 0;
}

/* After a recovery the chunks are what is held. */
static void now_hold_the_chunks(void)
{
    const pqi_erasure_shape *s = &m.d.shape;
    forget();
    for (unsigned i = 0; i < s->k; i++) {
        m.has[i] = 1;
        memcpy(m.held[i], m.mem + (size_t)i * s->chunk, s->chunk);
    }
    m.count = s->k;
    m.spoiled = memcmp(m.mem, m.object, s->len) != 0;
}

/* What was held of an index must be what the recovered object has there. */
static void recover(void)
{
    const pqi_erasure_shape *s = &m.d.shape;
    pqi_status st = pqi_erasure_recover(&m.d, (pqi_span){m.mem, sizeof m.mem});
    if (m.count != s->k) {
        must(st == PQI_ERR_STATE);
        must_be_unchanged();
        return;
    }
    if (st == PQI_ERR_DECODE) {
        must(m.spoiled && m.d.have == 0);
        forget();
        return;
    }
    must(st == PQI_OK && fill_is_zero(m.mem + (s->k - 1u) * s->chunk));
    must(m.spoiled || memcmp(m.mem, m.object, s->len) == 0);
    for (unsigned i = 0; i < PQI_ERASURE_SYMBOLS; i++) {
        uint8_t symbol[PQI_ERASURE_CHUNK_MAX];
        must(pqi_erasure_symbol(s, (pqi_cspan){m.mem, s->len}, i, (pqi_span){symbol, s->chunk}) ==
             PQI_OK);
        must(!m.has[i] || memcmp(symbol, m.held[i], s->chunk) == 0);
    }
    now_hold_the_chunks();
}

static void whole(uint8_t spoil)
{
    const pqi_erasure_shape *s = &m.d.shape;
    pqi_cspan object = {m.object, s->len - (spoil == 0xff ? 1u : 0u)};
    pqi_status st = pqi_erasure_whole(&m.d, (pqi_span){m.mem, sizeof m.mem}, object);
    if (object.len != s->len || m.spoiled) {
        must(st == PQI_ERR_DECODE);
        must_be_unchanged();
        return;
    }
    must(st == PQI_OK && memcmp(m.mem, m.object, s->len) == 0);
    now_hold_the_chunks();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4 || size > 2000) {
        return 0;
    }
    size_t len = ((size_t)data[0] << 8 | data[1]) % 2369 + 32;
    memset(&m, 0, sizeof m);
    must(pqi_erasure_begin(&m.d, len, (size_t)16 << data[2] % 3) == PQI_OK);
    for (size_t i = 0; i < len; i++) {
        m.object[i] = (uint8_t)((i * 167u + (i >> 7)) ^ data[3]);
    }
    unsigned slow = 0;
    for (size_t at = 4; at + 3 <= size; at += 3) {
        m.d_before = m.d;
        memcpy(m.mem_before, m.mem, sizeof m.mem);
        unsigned what = data[at] % 16u;
        if (what == 14 && slow++ < 3) {
            whole(data[at + 2]);
        } else if (what == 15 && slow++ < 3) {
            recover();
        } else if (what >= 10 && what < 14) { /* a run of true symbols */
            for (unsigned i = 0; i < 32 && data[at + 1] + i < 255u; i++) {
                m.d_before = m.d;
                memcpy(m.mem_before, m.mem, sizeof m.mem);
                add(data[at + 1] + i, 0);
            }
        } else {
            add(data[at + 1], what < 7 ? 0 : data[at + 2]);
        }
        must(m.d.have == m.count && m.count <= m.d.shape.k);
    }
    return 0;
}
