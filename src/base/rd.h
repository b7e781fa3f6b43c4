/* SPDX-License-Identifier: Apache-2.0
 * Reader of untrusted bytes. Failure is sticky: after the first one every read gives nothing, so a
 * decoder is a straight line of reads with one check at its end. Spans point into the input. */
#ifndef PQI_BASE_RD_H
#define PQI_BASE_RD_H

#include <pqi/span.h>
#include <pqi/status.h>
#include <stdbool.h>

typedef struct rd {
    const uint8_t *p;
    size_t left;
    bool bad;
} rd;

static inline rd rd_of(pqi_cspan in)
{
    return (rd){in.ptr, in.len, in.ptr == NULL && in.len != 0};
}

static inline void rd_fail(rd *r)
{
    r->bad = true;
}

/* n > left, never p + n > end: the sum could wrap. */
static inline pqi_cspan rd_bytes(rd *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return (pqi_cspan){NULL, 0};
    }
    pqi_cspan out = {r->p, n};
    if (n != 0) {
        r->p += n; /* NULL + 0 is undefined in C */
        r->left -= n;
    }
    return out;
}

/* Big endian, n = 1..8; 0 once the reader has failed. */
static inline uint64_t rd_be(rd *r, size_t n)
{
    pqi_cspan b = rd_bytes(r, n);
    uint64_t v = 0;
    for (size_t i = 0; i < b.len; i++) {
        v = (v << 8) | b.ptr[i];
    }
    return v;
}

static inline uint8_t rd_u8(rd *r)
{
    return (uint8_t)rd_be(r, 1);
}

static inline uint16_t rd_u16(rd *r)
{
    return (uint16_t)rd_be(r, 2);
}

static inline uint32_t rd_u32(rd *r)
{
    return (uint32_t)rd_be(r, 4);
}

static inline uint64_t rd_u64(rd *r)
{
    return rd_be(r, 8);
}

/* A value of n bytes that can only be `want`. */
static inline void rd_expect(rd *r, size_t n, uint64_t want)
{
    if (rd_be(r, n) != want) {
        r->bad = true;
    }
}

/* u16 length || bytes, with min <= length <= max. */
static inline pqi_cspan rd_vec16(rd *r, size_t min, size_t max)
{
    size_t n = rd_u16(r);
    if (n < min || n > max) {
        r->bad = true;
    }
    return rd_bytes(r, n);
}

/* Everything was read, nothing is left. */
PQI_MUST_CHECK static inline pqi_status rd_done(const rd *r)
{
    return (r->bad || r->left != 0) ? PQI_ERR_DECODE : PQI_OK;
}

#endif
