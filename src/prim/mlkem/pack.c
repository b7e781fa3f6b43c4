/* SPDX-License-Identifier: Apache-2.0
 * Encoding and compression, FIPS 203 section 4.2.1.
 *
 * Implementation notes. Compress_d(x) = round(2^d * x / q) mod 2^d is computed as
 * (x * M + 2^(s-1)) >> s with M = round(2^(d+s) / q): the division by q is a multiplication, and the
 * error of M stays below the distance of 2^d * x / q to the next half. The tests go through all x. */
#include "prim/mlkem/poly.h"

#include "ct/ct.h"

void pqi_mlkem_encode12(uint8_t *out, const pqi_mlkem_poly *p)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 2, out += 3) {
        unsigned a = (uint16_t)p->c[i];
        unsigned b = (uint16_t)p->c[i + 1];
        out[0] = (uint8_t)a;
        out[1] = (uint8_t)(a >> 8 | b << 4);
        out[2] = (uint8_t)(b >> 4);
    }
}

void pqi_mlkem_decode12(int16_t *c, unsigned n, const uint8_t *in)
{
    for (unsigned i = 0; i < n; i += 2, in += 3) {
        c[i] = (int16_t)(in[0] | (in[1] & 15) << 8);
        c[i + 1] = (int16_t)(in[1] >> 4 | in[2] << 4);
    }
}

uint32_t pqi_mlkem_over_q(const uint8_t *in)
{
    uint32_t over = 0;
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 2, in += 3) {
        uint32_t a = (uint32_t)in[0] | (in[1] & 15u) << 8;
        uint32_t b = (uint32_t)in[1] >> 4 | (uint32_t)in[2] << 4;
        over |= (PQI_MLKEM_Q - 1u - a) | (PQI_MLKEM_Q - 1u - b); /* bit 31 if one wraps */
    }
    return 0u - (over >> 31);
}

/* d = 4, 5: M * x < 2^27. */
static inline uint32_t compress_small(uint32_t x, unsigned d)
{
    if (d == 5) { /* s = 21, 20159 = round(2^26 / q) */
        return ((x * 20159u + (1u << 20)) >> 21) & 31u;
    }
    return ((x * 5040u + (1u << 19)) >> 20) & 15u; /* s = 20, 5040 = round(2^24 / q) */
}

/* d = 10, 11: s = 31 - d, 645084 = round(2^31 / q), and 512 less than a half, so that 32 bits are
 * enough for every x < q, by exhaustion in the tests: a long product costs more, and on a Cortex-M3
 * takes a time that depends on its operands. */
static inline uint32_t compress_big(uint32_t x, unsigned d)
{
    return (x * 645084u + (1u << (30 - d)) - 512u) >> (31 - d) & ((1u << d) - 1u);
}

static void compress4(uint8_t *out, const int16_t *c)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 2) {
        uint32_t a = compress_small((uint16_t)c[i], 4);
        uint32_t b = compress_small((uint16_t)c[i + 1], 4);
        *out++ = (uint8_t)(a | b << 4);
    }
}

static void compress5(uint8_t *out, const int16_t *c)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 8, out += 5) {
        uint32_t t[8];
        for (unsigned j = 0; j < 8; j++) {
            t[j] = compress_small((uint16_t)c[i + j], 5);
        }
        out[0] = (uint8_t)(t[0] | t[1] << 5);
        out[1] = (uint8_t)(t[1] >> 3 | t[2] << 2 | t[3] << 7);
        out[2] = (uint8_t)(t[3] >> 1 | t[4] << 4);
        out[3] = (uint8_t)(t[4] >> 4 | t[5] << 1 | t[6] << 6);
        out[4] = (uint8_t)(t[6] >> 2 | t[7] << 3);
    }
}

static void compress10(uint8_t *out, const int16_t *c)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 4, out += 5) {
        uint32_t t[4];
        for (unsigned j = 0; j < 4; j++) {
            t[j] = compress_big((uint16_t)c[i + j], 10);
        }
        out[0] = (uint8_t)t[0];
        out[1] = (uint8_t)(t[0] >> 8 | t[1] << 2);
        out[2] = (uint8_t)(t[1] >> 6 | t[2] << 4);
        out[3] = (uint8_t)(t[2] >> 4 | t[3] << 6);
        out[4] = (uint8_t)(t[3] >> 2);
    }
}

static void compress11(uint8_t *out, const int16_t *c)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 8, out += 11) {
        uint32_t t[8];
        for (unsigned j = 0; j < 8; j++) {
            t[j] = compress_big((uint16_t)c[i + j], 11);
        }
        out[0] = (uint8_t)t[0];
        out[1] = (uint8_t)(t[0] >> 8 | t[1] << 3);
        out[2] = (uint8_t)(t[1] >> 5 | t[2] << 6);
        out[3] = (uint8_t)(t[2] >> 2);
        out[4] = (uint8_t)(t[2] >> 10 | t[3] << 1);
        out[5] = (uint8_t)(t[3] >> 7 | t[4] << 4);
        out[6] = (uint8_t)(t[4] >> 4 | t[5] << 7);
        out[7] = (uint8_t)(t[5] >> 1);
        out[8] = (uint8_t)(t[5] >> 9 | t[6] << 2);
        out[9] = (uint8_t)(t[6] >> 6 | t[7] << 5);
        out[10] = (uint8_t)(t[7] >> 3);
    }
}

void pqi_mlkem_compress(uint8_t *out, const pqi_mlkem_poly *p, unsigned d)
{
    if (d == 4) {
        compress4(out, p->c);
    } else if (d == 5) {
        compress5(out, p->c);
    } else if (d == 10) {
        compress10(out, p->c);
    } else {
        compress11(out, p->c);
    }
}

/* Decompress_d(y) = round(q / 2^d * y) for y < 2^d. */
static inline int16_t expand(uint32_t y, const unsigned d)
{
    return (int16_t)((2 * y * PQI_MLKEM_Q + (1u << d)) >> (d + 1));
}

/* d bits at a time. */
static inline void unpack(int16_t *c, const uint8_t *in, const unsigned d)
{
    uint32_t bits = 0; /* at most d - 1 + 8 <= 18 of them */
    unsigned have = 0;
    for (unsigned i = 0; i < PQI_MLKEM_N; i++) {
        for (; have < d; have += 8) {
            bits |= (uint32_t)*in++ << have;
        }
        c[i] = expand(bits & ((1u << d) - 1u), d);
        bits >>= d;
        have -= d;
    }
}

static void unpack10(int16_t *c, const uint8_t *in)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 4, in += 5) {
        c[i] = expand(in[0] | (in[1] & 0x03u) << 8, 10);
        c[i + 1] = expand((uint32_t)in[1] >> 2 | (in[2] & 0x0fu) << 6, 10);
        c[i + 2] = expand((uint32_t)in[2] >> 4 | (in[3] & 0x3fu) << 4, 10);
        c[i + 3] = expand((uint32_t)in[3] >> 6 | (uint32_t)in[4] << 2, 10);
    }
}

void pqi_mlkem_decompress(pqi_mlkem_poly *p, const uint8_t *in, unsigned d)
{
    if (d == 4) {
        unpack(p->c, in, 4);
    } else if (d == 5) {
        unpack(p->c, in, 5);
    } else if (d == 10) {
        unpack10(p->c, in);
    } else {
        unpack(p->c, in, 11);
    }
}

void pqi_mlkem_msg_add(pqi_mlkem_poly *p, const uint8_t *m)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 8, m++) {
        for (unsigned j = 0; j < 8; j++) {
            uint32_t mask = pqi_ct_barrier_u32(0u - ((uint32_t)*m >> j & 1u));
            p->c[i + j] =
                (int16_t)(p->c[i + j] + (int16_t)(mask & 1665u)); /* 1665 = round(q / 2) */
        }
    }
}

void pqi_mlkem_msg_get(uint8_t *m, const pqi_mlkem_poly *p)
{
    for (unsigned i = 0; i < PQI_MLKEM_N; i += 8, m++) {
        uint32_t b = 0;
        for (unsigned j = 0; j < 8; j++) {
            /* Compress_1 with s = 20: 630 = round(2^21 / q) */
            b |= ((((uint32_t)(uint16_t)p->c[i + j] * 630u + (1u << 19)) >> 20) & 1u) << j;
        }
        *m = (uint8_t)b;
    }
}
