/* SPDX-License-Identifier: Apache-2.0
 * Writer into caller's memory. Overflow is sticky: nothing is written from there on, but the length
 * goes on counting, so the same code computes the size that PQI_ERR_SPACE reports. */
#ifndef PQI_BASE_WR_H
#define PQI_BASE_WR_H

#include "base/mem.h"
#include <pqi/span.h>
#include <pqi/status.h>
#include <stdbool.h>

typedef struct wr {
    uint8_t *p;
    size_t cap;
    size_t len; /* bytes asked for so far; > cap after an overflow */
} wr;

static inline wr wr_of(pqi_span out)
{
    return (wr){out.ptr, out.ptr == NULL ? 0 : out.len, 0};
}

/* Counts only. */
static inline wr wr_count(void)
{
    return (wr){NULL, 0, 0};
}

/* The place of the next n bytes, or NULL when they do not fit (or n is 0). */
static inline uint8_t *wr_reserve(wr *w, size_t n)
{
    bool fits = w->len <= w->cap && n <= w->cap - w->len;
    uint8_t *at = (fits && n != 0) ? w->p + w->len : NULL;
    w->len = (n > SIZE_MAX - w->len) ? SIZE_MAX : w->len + n;
    return at;
}

static inline void wr_bytes(wr *w, pqi_cspan b)
{
    uint8_t *at = wr_reserve(w, b.len);
    if (at != NULL) {
        memcpy(at, b.ptr, b.len);
    }
}

/* Big endian, n = 1..8. */
static inline void wr_be(wr *w, uint64_t v, size_t n)
{
    uint8_t *at = wr_reserve(w, n);
    for (size_t i = n; at != NULL && i-- > 0;) {
        at[i] = (uint8_t)v;
        v >>= 8;
    }
}

static inline void wr_u8(wr *w, uint8_t v)
{
    wr_be(w, v, 1);
}

static inline void wr_u16(wr *w, uint16_t v)
{
    wr_be(w, v, 2);
}

static inline void wr_u32(wr *w, uint32_t v)
{
    wr_be(w, v, 4);
}

static inline void wr_u64(wr *w, uint64_t v)
{
    wr_be(w, v, 8);
}

/* u16 length || bytes; a longer span makes the writer overflow. */
static inline void wr_vec16(wr *w, pqi_cspan b)
{
    if (b.len > UINT16_MAX) {
        w->len = SIZE_MAX;
    }
    wr_u16(w, (uint16_t)b.len);
    wr_bytes(w, b);
}

/* PQI_OK; PQI_ERR_SPACE. *len gets the size used or needed. */
PQI_MUST_CHECK static inline pqi_status wr_done(const wr *w, size_t *len)
{
    *len = w->len;
    return w->len > w->cap ? PQI_ERR_SPACE : PQI_OK;
}

#endif
