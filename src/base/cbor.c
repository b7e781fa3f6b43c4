/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cbor.h"

#include "ct/ct.h"

/* RFC 8949 section 3: additional information 24..27 announces 1, 2, 4, 8 argument bytes. */
#define INFO_ONE_BYTE    24u
#define INFO_EIGHT_BYTES 27u

pqi_cbor_head pqi_cbor_next(rd *r)
{
    uint8_t first = rd_u8(r);
    pqi_cbor_head h = {first >> 5, first & 31u};
    if (h.arg >= INFO_ONE_BYTE) {
        if (h.arg > INFO_EIGHT_BYTES) { /* reserved, or an indefinite length */
            rd_fail(r);
            return (pqi_cbor_head){0, 0};
        }
        size_t n = (size_t)1 << (h.arg - INFO_ONE_BYTE);
        h.arg = rd_be(r, n);
        if (pqi_cbor_head_len(h.arg) != n + 1) { /* section 4.2.1: the shortest form */
            rd_fail(r);
        }
    }
    if (h.major > PQI_CBOR_TAG) { /* floats and simple values */
        rd_fail(r);
    }
    return r->bad ? (pqi_cbor_head){0, 0} : h;
}

static uint64_t next_of(rd *r, uint8_t major, uint64_t min, uint64_t max)
{
    pqi_cbor_head h = pqi_cbor_next(r);
    if (h.major != major || h.arg < min || h.arg > max) {
        rd_fail(r);
    }
    return r->bad ? 0 : h.arg;
}

uint64_t pqi_cbor_uint(rd *r, uint64_t min, uint64_t max)
{
    return next_of(r, PQI_CBOR_UINT, min, max);
}

int64_t pqi_cbor_int(rd *r, int64_t min, int64_t max)
{
    pqi_cbor_head h = pqi_cbor_next(r);
    if (h.major > PQI_CBOR_NINT || h.arg > INT64_MAX) {
        rd_fail(r);
        return 0;
    }
    int64_t v = h.major == PQI_CBOR_UINT ? (int64_t)h.arg : -1 - (int64_t)h.arg;
    if (v < min || v > max) {
        rd_fail(r);
    }
    return r->bad ? 0 : v;
}

pqi_cspan pqi_cbor_bstr(rd *r, size_t min, size_t max)
{
    return rd_bytes(r, (size_t)next_of(r, PQI_CBOR_BSTR, min, max));
}

pqi_cspan pqi_cbor_tstr(rd *r, size_t min, size_t max)
{
    pqi_cspan s = rd_bytes(r, (size_t)next_of(r, PQI_CBOR_TSTR, min, max));
    if (pqi_utf8_check(s) != PQI_OK) {
        rd_fail(r);
        s = (pqi_cspan){NULL, 0};
    }
    return s;
}

void pqi_cbor_expect_tstr(rd *r, pqi_cspan want)
{
    pqi_cspan s = pqi_cbor_tstr(r, want.len, want.len);
    if (r->bad || !pqi_ct_eq(s.ptr, want.ptr, want.len)) {
        rd_fail(r);
    }
}

size_t pqi_cbor_array(rd *r, size_t min, size_t max)
{
    return (size_t)next_of(r, PQI_CBOR_ARRAY, min, max);
}

size_t pqi_cbor_map(rd *r, size_t min, size_t max)
{
    return (size_t)next_of(r, PQI_CBOR_MAP, min, max);
}

void pqi_cbor_tag(rd *r, uint64_t want)
{
    (void)next_of(r, PQI_CBOR_TAG, want, want);
}

bool pqi_cbor_at_key(const rd *r, uint8_t want)
{
    return !r->bad && r->left != 0 && r->p[0] == want;
}

size_t pqi_cbor_head_len(uint64_t arg)
{
    if (arg < INFO_ONE_BYTE) {
        return 1;
    }
    if (arg <= UINT8_MAX) {
        return 2;
    }
    if (arg <= UINT16_MAX) {
        return 3;
    }
    return arg <= UINT32_MAX ? 5 : 9;
}

void pqi_cbor_put_head(wr *w, uint8_t major, uint64_t arg)
{
    size_t n = pqi_cbor_head_len(arg);
    uint32_t top = (uint32_t)major << 5;
    switch (n) {
    case 1:
        wr_u8(w, (uint8_t)(top | (uint32_t)arg));
        return;
    case 2:
        wr_u8(w, (uint8_t)(top | INFO_ONE_BYTE));
        break;
    case 3:
        wr_u8(w, (uint8_t)(top | (INFO_ONE_BYTE + 1)));
        break;
    case 5:
        wr_u8(w, (uint8_t)(top | (INFO_ONE_BYTE + 2)));
        break;
    default:
        wr_u8(w, (uint8_t)(top | INFO_EIGHT_BYTES));
        break;
    }
    wr_be(w, arg, n - 1);
}

void pqi_cbor_put_uint(wr *w, uint64_t v)
{
    pqi_cbor_put_head(w, PQI_CBOR_UINT, v);
}

void pqi_cbor_put_int(wr *w, int64_t v)
{
    if (v < 0) {
        pqi_cbor_put_head(w, PQI_CBOR_NINT, (uint64_t)(-1 - v));
    } else {
        pqi_cbor_put_head(w, PQI_CBOR_UINT, (uint64_t)v);
    }
}

void pqi_cbor_put_bstr(wr *w, pqi_cspan b)
{
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, b.len);
    wr_bytes(w, b);
}

void pqi_cbor_put_tstr(wr *w, pqi_cspan s)
{
    pqi_cbor_put_head(w, PQI_CBOR_TSTR, s.len);
    wr_bytes(w, s);
}

void pqi_cbor_put_array(wr *w, size_t n)
{
    pqi_cbor_put_head(w, PQI_CBOR_ARRAY, n);
}

void pqi_cbor_put_map(wr *w, size_t n)
{
    pqi_cbor_put_head(w, PQI_CBOR_MAP, n);
}

/* One character from a failed-or-not reader; RFC 3629 section 4, the UTF8-octets grammar. */
static void utf8_char(rd *r)
{
    uint8_t first = rd_u8(r);
    if (first < 0x80) {
        return;
    }
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    static const uint32_t least[4] = {0, 0x80, 0x800, 0x10000};
    uint32_t cp = first & (0x3fu >> more);
    if (first < 0xc2 || first > 0xf4) {
        rd_fail(r);
    }
    for (size_t i = 0; i < more; i++) {
        uint8_t c = rd_u8(r);
        if ((c & 0xc0u) != 0x80u) {
            rd_fail(r);
        }
        cp = (cp << 6) | (c & 0x3fu);
    }
    if (cp < least[more] || cp > 0x10ffff || (cp >= 0xd800 && cp <= 0xdfff)) {
        rd_fail(r);
    }
}

pqi_status pqi_utf8_check(pqi_cspan s)
{
    rd r = rd_of(s);
    while (!r.bad && r.left != 0) {
        utf8_char(&r);
    }
    return rd_done(&r);
}

/* An open array or map of the checker. */
typedef struct level {
    uint64_t left; /* items to come; of a map, keys and values both count */
    bool map, has_key;
    pqi_cbor_head key; /* the last one */
} level;

/* Keys are integers and ascend by their encodings: first the major type, then the value. */
static void check_key(rd *r, level *lv, pqi_cbor_head h)
{
    if (!lv->map || lv->left % 2 != 0) {
        return;
    }
    bool after = h.major > lv->key.major || (h.major == lv->key.major && h.arg > lv->key.arg);
    if (h.major > PQI_CBOR_NINT || (lv->has_key && !after)) {
        rd_fail(r);
    }
    lv->has_key = true;
    lv->key = h;
}

/* Reads the content of a string, or opens an array or map; true if a level was pushed. */
static bool check_content(rd *r, pqi_cbor_head h, level *lv, size_t depth, unsigned max_depth)
{
    if (h.major <= PQI_CBOR_NINT) {
        return false;
    }
    if (h.arg > r->left) { /* every element takes a byte, so counts are bounded by the input */
        rd_fail(r);
        return false;
    }
    if (h.major == PQI_CBOR_BSTR) {
        (void)rd_bytes(r, (size_t)h.arg);
        return false;
    }
    if (h.major == PQI_CBOR_TSTR) {
        if (pqi_utf8_check(rd_bytes(r, (size_t)h.arg)) != PQI_OK) {
            rd_fail(r);
        }
        return false;
    }
    if (h.major == PQI_CBOR_TAG || depth >= max_depth) {
        rd_fail(r);
        return false;
    }
    if (h.arg == 0) {
        return false;
    }
    bool map = h.major == PQI_CBOR_MAP;
    lv[depth] = (level){map ? 2 * h.arg : h.arg, map, false, {0, 0}};
    return true;
}

pqi_status pqi_cbor_check(pqi_cspan in, unsigned max_depth)
{
    if (max_depth > PQI_CBOR_DEPTH_MAX) {
        return PQI_ERR_ARG;
    }
    level lv[PQI_CBOR_DEPTH_MAX] = {{0, false, false, {0, 0}}};
    size_t depth = 0;
    rd r = rd_of(in);
    pqi_cbor_head h = pqi_cbor_next(&r);
    if (h.major == PQI_CBOR_TAG && (h.arg == PQI_CBOR_TAG_SIGN1 || h.arg == PQI_CBOR_TAG_SIGN)) {
        h = pqi_cbor_next(&r);
    }
    for (;;) {
        if (depth != 0) {
            check_key(&r, &lv[depth - 1], h);
        }
        bool open = !r.bad && check_content(&r, h, lv, depth, max_depth);
        depth += open ? 1 : 0;
        while (!open && depth != 0 && --lv[depth - 1].left == 0) {
            depth--;
        }
        if (r.bad || depth == 0) {
            break;
        }
        h = pqi_cbor_next(&r);
    }
    return rd_done(&r);
}
