/* SPDX-License-Identifier: Apache-2.0
 * Hash chains: ticks of a head, tokens of a root version. docs/spec/control.md sections 1.1 and 1.2. */
#include "base/cbor.h"
#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ident/ident.h"
#include <pqi/control.h>
#include <pqi/wipe.h>

pqi_status pqi_hash_steps(const pqi_algs *a, pqi_chain_kind kind, const uint8_t in[PQI_HASH_LEN],
    uint32_t n, uint8_t out[PQI_HASH_LEN])
{
    static const uint8_t tick[] = "PQI4 tick", token[] = "PQI4 token";
    if (a == NULL || in == NULL || out == NULL ||
        (kind != PQI_CHAIN_TICK && kind != PQI_CHAIN_TOKEN)) {
        return PQI_ERR_ARG;
    }
    const pqi_cspan label = kind == PQI_CHAIN_TICK ? (pqi_cspan){tick, sizeof tick - 1u}
                                                   : (pqi_cspan){token, sizeof token - 1u};
    uint8_t x[PQI_HASH_LEN], y[PQI_HASH_LEN];
    memcpy(x, in, PQI_HASH_LEN);
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        const pqi_cspan parts[2] = {label, {x, PQI_HASH_LEN}};
        st = a->classic->hash(PQI_HASH_SHA256, parts, 2, y);
        memcpy(x, y, PQI_HASH_LEN);
    }
    if (st == PQI_OK) {
        memcpy(out, x, PQI_HASH_LEN);
    }
    pqi_wipe(x, sizeof x); /* what comes before an anchor is secret until its time */
    pqi_wipe(y, sizeof y);
    return st;
}

/* Does the chain lead from x to `to` in n steps? */
static pqi_status leads_to(const pqi_algs *a, pqi_chain_kind kind, const uint8_t x[PQI_HASH_LEN],
    uint32_t n, const uint8_t to[PQI_HASH_LEN])
{
    uint8_t end[PQI_HASH_LEN];
    pqi_status st = pqi_hash_steps(a, kind, x, n, end);
    return st == PQI_OK && !pqi_ct_eq(end, to, PQI_HASH_LEN) ? PQI_ERR_AUTH : st;
}

pqi_status pqi_token_check(const pqi_algs *a, const uint8_t from[PQI_HASH_LEN],
    const uint8_t token[PQI_HASH_LEN], uint32_t n)
{
    if (n == 0 || n > PQI_TOKEN_STEPS) {
        return PQI_ERR_AUTH;
    }
    return leads_to(a, PQI_CHAIN_TOKEN, token, n, from);
}

pqi_status pqi_tick_decode(pqi_cspan in, pqi_tick *out)
{
    pqi_tick t = {0};
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    rd r = rd_of(in);
    uint8_t type = rd_u8(&r);
    t.local = type == PQI_LOCAL_TICK_T ? 1 : 0;
    t.index = t.local ? rd_u8(&r) : 0;
    t.epoch = rd_u32(&r);
    t.i = rd_u32(&r);
    pqi_cspan h = rd_bytes(&r, PQI_HASH_LEN);
    bool known = type == PQI_TICK_T || type == PQI_LOCAL_TICK_T;
    bool fields = t.index < PQI_DELEGATES_MAX && t.epoch != 0 && t.i != 0 && t.i <= PQI_TICKS_MAX;
    if (rd_done(&r) != PQI_OK || !known || !fields) {
        return PQI_ERR_DECODE;
    }
    memcpy(t.h, h.ptr, PQI_HASH_LEN);
    *out = t;
    return PQI_OK;
}

size_t pqi_tick_write(const pqi_tick *t, uint8_t out[PQI_LOCAL_TICK_LEN])
{
    wr w = wr_of((pqi_span){out, PQI_LOCAL_TICK_LEN});
    wr_u8(&w, t->local ? PQI_LOCAL_TICK_T : PQI_TICK_T);
    if (t->local) {
        wr_u8(&w, t->index);
    }
    wr_u32(&w, t->epoch);
    wr_u32(&w, t->i);
    wr_bytes(&w, (pqi_cspan){t->h, PQI_HASH_LEN});
    return w.len;
}

pqi_status pqi_tick_check(const pqi_algs *a, const pqi_tick *t, uint32_t at,
    const uint8_t have[PQI_HASH_LEN], uint32_t count)
{
    if (t->i <= at || t->i > count || count > PQI_TICKS_MAX) {
        return PQI_ERR_AUTH;
    }
    return leads_to(a, PQI_CHAIN_TICK, t->h, t->i - at, have);
}

/* ---- record of a tick box ------------------------------------------------------------------------------- */

#define RECORD_NAME ((pqi_cspan){PQI_LIT("pqi-ticks")})

pqi_status pqi_ticks_record_decode(pqi_cspan in, pqi_ticks_record *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_TICKS_RECORD_MAX) {
        return PQI_ERR_DECODE;
    }
    rd r = rd_of(in);
    (void)pqi_cbor_array(&r, 4, 4);
    pqi_cbor_expect_tstr(&r, RECORD_NAME);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    const pqi_cspan anchor = pqi_cbor_bstr(&r, PQI_HASH_LEN, PQI_HASH_LEN);
    const uint32_t count = (uint32_t)pqi_cbor_uint(&r, 1, PQI_TICKS_MAX);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        memcpy(out->anchor, anchor.ptr, PQI_HASH_LEN);
        out->count = count;
    }
    return st;
}

pqi_status pqi_ticks_record_write(const pqi_ticks_record *r, pqi_span out, size_t *len)
{
    if (r == NULL || len == NULL || r->count < 1 || r->count > PQI_TICKS_MAX) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    pqi_cbor_put_array(&w, 4);
    pqi_cbor_put_tstr(&w, RECORD_NAME);
    pqi_cbor_put_uint(&w, PQI_OBJECT_VERSION);
    pqi_cbor_put_bstr(&w, (pqi_cspan){r->anchor, PQI_HASH_LEN});
    pqi_cbor_put_uint(&w, r->count);
    return wr_done(&w, len);
}
