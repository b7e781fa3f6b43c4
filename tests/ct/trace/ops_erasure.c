/* SPDX-License-Identifier: Apache-2.0
 * The erasure code over objects that differ from run to run; indices and losses are the same. */
#include "ct/trace/trace.h"
#include "session/erasure.h"

#define LEN   1216u /* an ML-KEM-768 key and an X25519 key: k = 38 */
#define CHUNK 32u
#define K     38u

static uint8_t object[LEN], mem[LEN], symbol[CHUNK];
static pqi_erasure d;

static void make(unsigned index)
{
    const pqi_span out = {symbol, CHUNK};
    trace_check(pqi_erasure_symbol(&d.shape, (pqi_cspan){object, LEN}, index, out) == PQI_OK);
}

static void empty(void)
{
    trace_secret(object, sizeof object);
    trace_check(pqi_erasure_begin(&d, LEN, CHUNK) == PQI_OK);
}

/* Every second chunk is lost. */
static void half(void)
{
    empty();
    for (unsigned i = 0; i < K; i++) {
        unsigned index = i % 2 == 0 ? i : K + i / 2;
        make(index);
        trace_check(
            pqi_erasure_add(&d, (pqi_span){mem, LEN}, index, (pqi_cspan){symbol, CHUNK}) == PQI_OK);
    }
}

static void symbol_chunk(void)
{
    make(K - 1);
}

static void symbol_sum(void)
{
    make(K);
}

/* A held chunk and a held sum again. */
static void again(void)
{
    make(0);
    trace_check(pqi_erasure_add(&d, (pqi_span){mem, LEN}, 0, (pqi_cspan){symbol, CHUNK}) == PQI_OK);
    make(K);
    trace_check(pqi_erasure_add(&d, (pqi_span){mem, LEN}, K, (pqi_cspan){symbol, CHUNK}) == PQI_OK);
}

static void recover(void)
{
    trace_check(pqi_erasure_recover(&d, (pqi_span){mem, LEN}) == PQI_OK);
}

static void whole(void)
{
    trace_check(pqi_erasure_whole(&d, (pqi_span){mem, LEN}, (pqi_cspan){object, LEN}) == PQI_OK);
}

const trace_op trace_erasure[] = {
    {"erasure symbol below k", empty, symbol_chunk},
    {"erasure symbol above k", empty, symbol_sum},
    {"erasure symbols again", half, again},
    {"erasure recovery", half, recover},
    {"erasure whole object", half, whole},
    {NULL, NULL, NULL},
};
