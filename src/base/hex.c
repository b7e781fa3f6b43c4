/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hex.h"

#include "base/mem.h"

/* All ones if lo <= c <= hi, for values below 2^31: the sign of the differences tells. */
static uint32_t in_range(uint32_t c, uint32_t lo, uint32_t hi)
{
    return ~((0u - ((c - lo) >> 31)) | (0u - ((hi - c) >> 31)));
}

/* 0..15 -> '0'..'9', 'a'..'f': adds the gap between '9' and 'a' from 10 on. */
static uint8_t digit(uint32_t v)
{
    uint32_t letter = in_range(v, 10, 15);
    return (uint8_t)(v + '0' + (letter & ('a' - '0' - 10)));
}

pqi_status pqi_hex_encode(pqi_cspan in, pqi_span out, size_t *out_len)
{
    if (in.len > SIZE_MAX / 2) {
        *out_len = SIZE_MAX;
        return PQI_ERR_SPACE;
    }
    *out_len = 2 * in.len;
    if (out.len < 2 * in.len) {
        return PQI_ERR_SPACE;
    }
    for (size_t i = 0; i < in.len; i++) {
        out.ptr[2 * i] = digit(in.ptr[i] >> 4);
        out.ptr[2 * i + 1] = digit(in.ptr[i] & 15u);
    }
    return PQI_OK;
}

/* 0..15, and *bad gets all ones for a character that is no digit. */
static uint32_t value(uint32_t c, uint32_t *bad)
{
    uint32_t dec = in_range(c, '0', '9');
    uint32_t low = in_range(c, 'a', 'f');
    uint32_t up = in_range(c, 'A', 'F');
    *bad |= ~(dec | low | up);
    return (dec & (c - '0')) | (low & (c - 'a' + 10)) | (up & (c - 'A' + 10));
}

pqi_status pqi_hex_decode(pqi_cspan in, pqi_span out, size_t *out_len)
{
    size_t n = in.len / 2;
    uint32_t bad = 0;
    *out_len = n;
    if (out.len < n) {
        return PQI_ERR_SPACE;
    }
    for (size_t i = 0; i < n; i++) {
        uint32_t hi = value(in.ptr[2 * i], &bad);
        uint32_t lo = value(in.ptr[2 * i + 1], &bad);
        out.ptr[i] = (uint8_t)((hi << 4) | lo);
    }
    if ((in.len & 1u) != 0 || bad != 0) {
        if (n != 0) {
            memset(out.ptr, 0, n);
        }
        *out_len = 0;
        return PQI_ERR_DECODE;
    }
    return PQI_OK;
}
