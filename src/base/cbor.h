/* SPDX-License-Identifier: Apache-2.0
 * Deterministic CBOR (RFC 8949 section 4.2), restricted to what our objects need:
 *   unsigned and negative integers, byte strings, UTF-8 text, arrays, maps whose keys are integers
 *   in ascending order of their encodings, and the COSE tags 18 and 98 around a whole object.
 * Definite lengths and shortest heads only. Floats, simple values and all other tags are refused.
 *
 * Reading is by pull over the sticky reader of rd.h: ask for what must come next, check once at the
 * end with rd_done(). A map of a fixed object is read as its keys in order, which makes order and
 * uniqueness of keys hold by construction. */
#ifndef PQI_BASE_CBOR_H
#define PQI_BASE_CBOR_H

#include "base/rd.h"
#include "base/wr.h"

/* Major types, RFC 8949 section 3.1. */
enum {
    PQI_CBOR_UINT = 0,
    PQI_CBOR_NINT = 1,
    PQI_CBOR_BSTR = 2,
    PQI_CBOR_TSTR = 3,
    PQI_CBOR_ARRAY = 4,
    PQI_CBOR_MAP = 5,
    PQI_CBOR_TAG = 6
};

#define PQI_CBOR_DEPTH_MAX 4u /* nested arrays and maps; COSE_Sign needs all four */

#define PQI_CBOR_TAG_SIGN1 18u /* COSE_Sign1, RFC 9052 table 1 */
#define PQI_CBOR_TAG_SIGN  98u /* COSE_Sign */

/* The head of an item: value, length, count or tag number. */
typedef struct pqi_cbor_head {
    uint8_t major;
    uint64_t arg;
} pqi_cbor_head;

/* Any head of the subset in its shortest form; major 7 fails. */
pqi_cbor_head pqi_cbor_next(rd *r);

uint64_t pqi_cbor_uint(rd *r, uint64_t min, uint64_t max);
int64_t pqi_cbor_int(rd *r, int64_t min, int64_t max);
pqi_cspan pqi_cbor_bstr(rd *r, size_t min, size_t max);
pqi_cspan pqi_cbor_tstr(rd *r, size_t min, size_t max); /* checked UTF-8 */
void pqi_cbor_expect_tstr(rd *r, pqi_cspan want);
size_t pqi_cbor_array(rd *r, size_t min, size_t max); /* the number of elements */
size_t pqi_cbor_map(rd *r, size_t min, size_t max);   /* the number of pairs */
void pqi_cbor_tag(rd *r, uint64_t want);

/* A map key or constant that can only be `want`. */
static inline void pqi_cbor_key(rd *r, uint64_t want)
{
    (void)pqi_cbor_uint(r, want, want);
}

/* Is the next item the unsigned key `want` < 24? Reads nothing. For optional keys. */
bool pqi_cbor_at_key(const rd *r, uint8_t want);

void pqi_cbor_put_head(wr *w, uint8_t major, uint64_t arg);
void pqi_cbor_put_uint(wr *w, uint64_t v);
void pqi_cbor_put_int(wr *w, int64_t v);
void pqi_cbor_put_bstr(wr *w, pqi_cspan b);
void pqi_cbor_put_tstr(wr *w, pqi_cspan s);
void pqi_cbor_put_array(wr *w, size_t n);
void pqi_cbor_put_map(wr *w, size_t n);

/* Bytes of the head for an argument, 1..9. */
size_t pqi_cbor_head_len(uint64_t arg);

/* PQI_OK; PQI_ERR_DECODE: surrogates, overlong forms and values above U+10FFFF included
 * (RFC 3629 section 4). */
PQI_MUST_CHECK pqi_status pqi_utf8_check(pqi_cspan s);

/* Is `in` one item of the subset, nested at most max_depth <= PQI_CBOR_DEPTH_MAX deep, with nothing
 * behind it? One of the two tags may stand in front. PQI_OK; PQI_ERR_DECODE; PQI_ERR_ARG: depth. */
PQI_MUST_CHECK pqi_status pqi_cbor_check(pqi_cspan in, unsigned max_depth);

#endif
