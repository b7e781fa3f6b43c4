/* SPDX-License-Identifier: Apache-2.0
 * Encodings, specification section 3.11. Bits go most significant first. */
#include "prim/falcon/codec.h"

#include "base/mem.h"
#include "ct/secret.h"
#include <pqi/wipe.h>

#define F_BITS  8u  /* of a coefficient of F, section 3.11.5 */
#define H_BITS  14u /* of a coefficient of the public key, section 3.11.4 */
#define CT_BITS 12u /* of a coefficient of s2 in the CT format */

/* Section 3.11.5: of a coefficient of f and g. */
static unsigned fg_bits(unsigned logn)
{
    return logn == 9 ? 6 : 5;
}

int32_t pqi_falcon_fg_limit(unsigned logn)
{
    return (1 << (fg_bits(logn) - 1)) - 1;
}

/* Bytes of n coefficients of `bits` bits; n is a multiple of 8. */
static size_t packed_len(unsigned logn, unsigned bits)
{
    return ((size_t)bits << logn) / 8;
}

/* ---- coefficients in two's complement of fixed width, constant time ----------------------- */

/* The mask is all ones where a value is the most negative of its width, which is no encoding. */
static uint32_t unpack_small(int8_t *out, const uint8_t *in, unsigned logn, unsigned bits)
{
    uint32_t acc = 0, lowest = 1u << (bits - 1), bad = 0;
    unsigned have = 0;
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        for (; have < bits; have += 8) {
            acc = acc << 8 | *in++;
        }
        have -= bits;
        uint32_t v = (acc >> have) & (2 * lowest - 1);
        bad |= (v ^ lowest) - 1u;
        out[i] = (int8_t)((int32_t)(v ^ lowest) - (int32_t)lowest);
    }
    return 0u - (bad >> 31);
}

/* The mask is all ones where a value does not fit. */
static uint32_t pack_small(uint8_t *out, const int8_t *in, unsigned logn, unsigned bits)
{
    uint32_t acc = 0, bad = 0;
    int32_t limit = (1 << (bits - 1)) - 1;
    unsigned have = 0;
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        int32_t x = (int32_t)in[i];
        bad |= (uint32_t)(limit - x) | (uint32_t)(limit + x);
        acc = acc << bits | ((uint32_t)x & ((1u << bits) - 1u));
        for (have += bits; have >= 8;) {
            have -= 8;
            *out++ = (uint8_t)(acc >> have);
        }
    }
    return 0u - (bad >> 31);
}

pqi_status pqi_falcon_decode_sk(int8_t *f, int8_t *g, int8_t *F, const uint8_t *sk, unsigned logn)
{
    size_t n = (size_t)1 << logn;
    unsigned bits = fg_bits(logn);
    uint32_t bad = sk[0] ^ (PQI_FALCON_HEAD_SK + logn);
    bad |= unpack_small(f, sk + 1, logn, bits);
    bad |= unpack_small(g, sk + 1 + packed_len(logn, bits), logn, bits);
    bad |= unpack_small(F, sk + 1 + 2 * packed_len(logn, bits), logn, F_BITS);
    PQI_PUBLIC(&bad, sizeof bad);
    if (bad != 0) {
        pqi_wipe(f, n);
        pqi_wipe(g, n);
        pqi_wipe(F, n);
        return PQI_ERR_ARG;
    }
    return PQI_OK;
}

pqi_status pqi_falcon_encode_sk(
    uint8_t *sk, const int8_t *f, const int8_t *g, const int8_t *F, unsigned logn)
{
    unsigned bits = fg_bits(logn);
    size_t len = packed_len(logn, bits);
    sk[0] = (uint8_t)(PQI_FALCON_HEAD_SK + logn);
    uint32_t bad = pack_small(sk + 1, f, logn, bits);
    bad |= pack_small(sk + 1 + len, g, logn, bits);
    bad |= pack_small(sk + 1 + 2 * len, F, logn, F_BITS);
    PQI_PUBLIC(&bad, sizeof bad);
    if (bad != 0) {
        pqi_wipe(sk, 1 + 2 * len + packed_len(logn, F_BITS));
        return PQI_ERR_ARG;
    }
    return PQI_OK;
}

/* ---- public key ------------------------------------------------------------------------- */

/* Four coefficients are seven bytes; n * 14 bits leave no bit over. */
pqi_status pqi_falcon_decode_pk(int16_t *h, const uint8_t *pk, unsigned logn)
{
    uint32_t acc = 0, bad = pk[0] ^ (PQI_FALCON_HEAD_PK + logn);
    unsigned have = 0;
    pk++;
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        for (; have < H_BITS; have += 8) {
            acc = acc << 8 | *pk++;
        }
        have -= H_BITS;
        int32_t v = (int32_t)((acc >> have) & ((1u << H_BITS) - 1));
        bad |= (uint32_t)(PQI_FALCON_Q - 1 - v) >> 31;
        h[i] = (int16_t)(v - (PQI_FALCON_Q & ((PQI_FALCON_Q / 2 - v) >> 15)));
    }
    return bad == 0 ? PQI_OK : PQI_ERR_AUTH;
}

void pqi_falcon_encode_pk(uint8_t *pk, const int16_t *h, unsigned logn)
{
    uint32_t acc = 0;
    unsigned have = 0;
    *pk++ = (uint8_t)(PQI_FALCON_HEAD_PK + logn);
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        int32_t v = h[i];
        acc = acc << H_BITS | (uint32_t)(v + (PQI_FALCON_Q & (v >> 15)));
        for (have += H_BITS; have >= 8;) {
            have -= 8;
            *pk++ = (uint8_t)(acc >> have);
        }
    }
}

/* ---- s2: signatures are public ---------------------------------------------------------- */

#define LOW_BITS 7u  /* of |x| that stand as they are; the rest is unary, section 3.11.2 */
#define MAX_HIGH 15u /* |x| <= 2047 */

static bool in_range(const int16_t *s2, unsigned logn)
{
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        if (s2[i] < -2047 || s2[i] > 2047) {
            return false;
        }
    }
    return true;
}

/* Bytes written; 0: no room. */
static size_t compress(uint8_t *out, size_t room, const int16_t *s2, unsigned logn)
{
    uint32_t acc = 0;
    unsigned have = 0; /* at most 7 before a coefficient, which adds at most 24 */
    size_t len = 0;
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        uint32_t x = (uint32_t)(s2[i] < 0 ? -s2[i] : s2[i]), high = x >> LOW_BITS;
        acc = acc << 8 | (s2[i] < 0 ? 0x80u : 0u) | (x & 0x7fu);
        acc = acc << (high + 1) | 1u;
        for (have += 8 + high + 1; have >= 8;) {
            if (len == room) {
                return 0;
            }
            have -= 8;
            out[len++] = (uint8_t)(acc >> have);
        }
    }
    if (have != 0) {
        if (len == room) {
            return 0;
        }
        out[len++] = (uint8_t)(acc << (8 - have));
    }
    return len;
}

static size_t pack_ct(uint8_t *out, size_t room, const int16_t *s2, unsigned logn)
{
    size_t len = packed_len(logn, CT_BITS);
    if (room < len) {
        return 0;
    }
    for (size_t i = 0; i < (size_t)1 << logn; i += 2) {
        uint32_t v = ((uint32_t)s2[i] & 0xfffu) << CT_BITS | ((uint32_t)s2[i + 1] & 0xfffu);
        *out++ = (uint8_t)(v >> 16);
        *out++ = (uint8_t)(v >> 8);
        *out++ = (uint8_t)v;
    }
    return len;
}

size_t pqi_falcon_encode_s2(
    uint8_t *out, size_t room, pqi_falcon_format format, const int16_t *s2, unsigned logn)
{
    if (!in_range(s2, logn)) {
        return 0;
    }
    if (format == PQI_FALCON_CT) {
        return pack_ct(out, room, s2, logn);
    }
    size_t len = compress(out, room, s2, logn);
    if (format == PQI_FALCON_PADDED && len != 0) {
        memset(out + len, 0, room - len);
        len = room;
    }
    return len;
}

typedef struct bit_reader {
    const uint8_t *p;
    size_t left;  /* bytes not yet read */
    size_t taken; /* bits */
    uint32_t acc;
    unsigned have; /* bits of acc not yet taken */
} bit_reader;

/* Tops acc up to at least 17 bits; past the end of the input come zeros, which end no unary code. */
static inline void refill(bit_reader *r)
{
    while (r->have <= 16) {
        r->acc <<= 8;
        if (r->left != 0) {
            r->acc |= *r->p++;
            r->left--;
        }
        r->have += 8;
    }
}

/* Zeros before the first one of a window of MAX_HIGH + 1 = 16 bits that is not zero. */
static inline unsigned leading_zeros(uint32_t window)
{
#if defined(__GNUC__) && !defined(__OPTIMIZE_SIZE__)
    return (unsigned)__builtin_clz(window) - 16;
#else
    unsigned n = 0;
    while (window >> (MAX_HIGH - n) == 0) {
        n++;
    }
    return n;
#endif
}

/* One coefficient: sign, seven bits, then zeros and a one. */
static inline bool get_coefficient(bit_reader *r, int16_t *x)
{
    refill(r);
    r->have -= LOW_BITS + 1;
    uint32_t head = r->acc >> r->have;
    refill(r);
    uint32_t window = (r->acc >> (r->have - MAX_HIGH - 1)) & 0xffffu;
    if (window == 0) {
        return false; /* |x| > 2047, or the input is at its end */
    }
    unsigned high = leading_zeros(window);
    r->have -= high + 1;
    r->taken += LOW_BITS + 1 + high + 1;
    int32_t v = (int32_t)((head & 0x7fu) | high << LOW_BITS);
    int32_t sign = 0 - (int32_t)((head >> LOW_BITS) & 1u);
    *x = (int16_t)((v ^ sign) - sign);
    return (v | ~sign) != 0; /* zero has no sign */
}

/* Bytes taken; 0: not an encoding. The bits after the last coefficient in its byte are zero. */
static size_t decompress(int16_t *s2, pqi_cspan in, unsigned logn)
{
    bit_reader r = {in.ptr, in.len, 0, 0, 0};
    for (size_t i = 0; i < (size_t)1 << logn; i++) {
        if (!get_coefficient(&r, &s2[i])) {
            return 0;
        }
    }
    size_t len = (r.taken + 7) / 8; /* <= in.len: the last bit was a one of the input */
    uint32_t unused = (1u << (8 * len - r.taken)) - 1;
    return (in.ptr[len - 1] & unused) == 0 ? len : 0;
}

static bool unpack_ct(int16_t *s2, const uint8_t *in, unsigned logn)
{
    bool ok = true;
    for (size_t i = 0; i < (size_t)1 << logn; i += 2, in += 3) {
        uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
        s2[i] = (int16_t)((int32_t)((v >> CT_BITS) ^ 0x800u) - 0x800);
        s2[i + 1] = (int16_t)((int32_t)((v & 0xfffu) ^ 0x800u) - 0x800);
        ok = ok && s2[i] != -0x800 && s2[i + 1] != -0x800;
    }
    return ok;
}

static bool all_zero(const uint8_t *p, size_t n)
{
    uint32_t any = 0;
    for (size_t i = 0; i < n; i++) {
        any |= p[i];
    }
    return any == 0;
}

pqi_status pqi_falcon_decode_s2(int16_t *s2, pqi_cspan in, pqi_falcon_format format, unsigned logn)
{
    size_t longest = pqi_falcon_len(logn, format) - PQI_FALCON_SIG_HEAD, len;
    bool ok = false;
    switch (format) {
    case PQI_FALCON_COMPRESSED:
        ok = in.len <= longest && in.len != 0 && decompress(s2, in, logn) == in.len;
        break;
    case PQI_FALCON_PADDED:
        if (in.len == longest) {
            len = decompress(s2, in, logn);
            ok = len != 0 && all_zero(in.ptr + len, in.len - len);
        }
        break;
    case PQI_FALCON_CT:
        ok = in.len == longest && unpack_ct(s2, in.ptr, logn);
        break;
    case PQI_FALCON_FORMAT_INT32_:
        break;
    }
    return ok ? PQI_OK : PQI_ERR_AUTH;
}
