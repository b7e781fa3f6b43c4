/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 5.1: evidence in parts. */
#include <pqi/attest.h>

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"

#define T_PART  0x7au
#define VERSION 1u

static uint32_t parts_of(uint32_t total)
{
    return (total + PQI_ATTEST_PART - 1u) / PQI_ATTEST_PART;
}

static uint32_t part_len(uint32_t total, uint32_t index)
{
    const uint32_t left = total - index * PQI_ATTEST_PART;
    return left < PQI_ATTEST_PART ? left : PQI_ATTEST_PART;
}

pqi_status pqi_attest_part_decode(pqi_cspan in, pqi_attest_part *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_attest_part p = {{0}, 0, 0, 0, {NULL, 0}};
    rd r = rd_of(in);
    rd_expect(&r, 1, T_PART);
    rd_expect(&r, 1, VERSION);
    p.index = rd_u8(&r);
    p.count = rd_u8(&r);
    rd_expect(&r, 2, 0);
    const pqi_cspan nonce = rd_bytes(&r, PQI_ATTEST_NONCE);
    p.total = rd_u32(&r);
    if (p.total == 0 || p.total > PQI_ATTEST_SENT_MAX || p.count != parts_of(p.total) ||
        p.index >= p.count) {
        return PQI_ERR_DECODE;
    }
    p.bytes = rd_bytes(&r, part_len(p.total, p.index));
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    memcpy(p.nonce, nonce.ptr, PQI_ATTEST_NONCE);
    *out = p;
    return PQI_OK;
}

pqi_status pqi_attest_part_encode(const uint8_t nonce[PQI_ATTEST_NONCE], pqi_cspan evidence,
    uint32_t index, pqi_span out, size_t *out_len)
{
    if (nonce == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (evidence.ptr == NULL || evidence.len == 0 || evidence.len > PQI_ATTEST_SENT_MAX) {
        return PQI_ERR_ARG;
    }
    const uint32_t total = (uint32_t)evidence.len;
    if (index >= parts_of(total)) {
        return PQI_ERR_MISSING;
    }
    wr w = wr_of(out);
    wr_u8(&w, T_PART);
    wr_u8(&w, VERSION);
    wr_u8(&w, (uint8_t)index);
    wr_u8(&w, (uint8_t)parts_of(total));
    wr_u16(&w, 0);
    wr_bytes(&w, (pqi_cspan){nonce, PQI_ATTEST_NONCE});
    wr_u32(&w, total);
    const size_t at = (size_t)index * PQI_ATTEST_PART;
    wr_bytes(&w, (pqi_cspan){evidence.ptr + at, part_len(total, index)});
    return wr_done(&w, out_len);
}

static bool follows(const pqi_attest_gather *g, const pqi_attest_part *p)
{
    return p->index == g->next && p->total == g->total &&
           pqi_ct_eq(p->nonce, g->nonce, PQI_ATTEST_NONCE) != 0;
}

pqi_status pqi_attest_gather_add(pqi_attest_gather *g, const pqi_attest_part *p)
{
    if (g == NULL || p == NULL || p->total == 0) {
        return PQI_ERR_ARG;
    }
    if (p->index == 0) {
        g->next = 0;
        g->total = p->total;
        memcpy(g->nonce, p->nonce, PQI_ATTEST_NONCE);
    } else if (g->next == 0 || !follows(g, p)) {
        g->next = g->total = 0;
        return PQI_ERR_REPLAY;
    }
    if (g->mem.ptr == NULL || g->mem.len < p->total) {
        g->next = g->total = 0;
        return PQI_ERR_SPACE;
    }
    memcpy(g->mem.ptr + (size_t)p->index * PQI_ATTEST_PART, p->bytes.ptr, p->bytes.len);
    g->next = p->index + 1u;
    if (g->next < p->count) {
        return PQI_ERR_MISSING;
    }
    g->next = 0;
    return PQI_OK;
}
