/* SPDX-License-Identifier: Apache-2.0
 * The sponge of FIPS 202 section 4 on top of Keccak-f[1600]. */
#include "prim/keccak/keccak.h"

#include "base/mem.h"
#include "prim/keccak/keccak_lane.h"
#include <pqi/wipe.h>

/* By words of 32 bits, which every compiler makes single loads and stores of where it may. */
static inline uint32_t load32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline void store32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
    p[2] = (uint8_t)(v >> 16);
    p[3] = (uint8_t)(v >> 24);
}

static inline uint64_t load64(const uint8_t *p)
{
    return (uint64_t)load32(p + 4) << 32 | load32(p);
}

static inline void store64(uint8_t *p, uint64_t v)
{
    store32(p, (uint32_t)v);
    store32(p + 4, (uint32_t)(v >> 32));
}

/* XORs n bytes into a lane from its byte `at`; at + n <= 8. */
static void xor_part(uint64_t *lane, size_t at, const uint8_t *in, size_t n)
{
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v |= (uint64_t)in[i] << (8 * (at + i));
    }
    *lane ^= pqi_keccak_lane_in(v);
}

/* Reads n bytes of a lane from its byte `at`; at + n <= 8. */
static void get_part(uint64_t lane, size_t at, uint8_t *out, size_t n)
{
    uint64_t v = pqi_keccak_lane_out(lane) >> (8 * at);
    for (size_t i = 0; i < n; i++) {
        out[i] = (uint8_t)(v >> (8 * i));
    }
}

/* Bytes from `at` to the end of its lane, at most n; 0 at the start of a lane. */
static size_t head_of(size_t at, size_t n)
{
    size_t head = (8 - (at & 7u)) & 7u;
    return head < n ? head : n;
}

/* XORs n bytes into the sponge from byte `at`; at + n <= 200. */
static void xor_bytes(uint64_t s[25], size_t at, const uint8_t *in, size_t n)
{
    size_t head = head_of(at, n);
    if (head != 0) {
        xor_part(&s[at >> 3], at & 7u, in, head);
    }
    at += head;
    in += head;
    n -= head;
    for (; n >= 8; n -= 8, at += 8, in += 8) {
        s[at >> 3] ^= pqi_keccak_lane_in(load64(in));
    }
    if (n != 0) {
        xor_part(&s[at >> 3], 0, in, n);
    }
}

/* Reads n bytes of the sponge from byte `at`; at + n <= 200. */
static void get_bytes(const uint64_t s[25], size_t at, uint8_t *out, size_t n)
{
    size_t head = head_of(at, n);
    if (head != 0) {
        get_part(s[at >> 3], at & 7u, out, head);
    }
    at += head;
    out += head;
    n -= head;
    for (; n >= 8; n -= 8, at += 8, out += 8) {
        store64(out, pqi_keccak_lane_out(s[at >> 3]));
    }
    if (n != 0) {
        get_part(s[at >> 3], 0, out, n);
    }
}

/* pad10*1 (FIPS 202 section 5.1) after the domain bits; the last bit of a block is its top bit. */
static void pad_block(uint64_t s[25], size_t at, size_t rate, uint8_t pad)
{
    const uint8_t last = 0x80u;
    xor_part(&s[at >> 3], at & 7u, &pad, 1);
    xor_part(&s[(rate - 1) >> 3], (rate - 1) & 7u, &last, 1);
}

void pqi_keccak_absorb_once(
    uint64_t s[25], size_t rate, uint8_t pad, const uint8_t *in, size_t in_len)
{
    memset(s, 0, 25 * sizeof s[0]);
    while (in_len >= rate) {
        xor_bytes(s, 0, in, rate);
        pqi_keccak_f1600(s);
        in += rate;
        in_len -= rate;
    }
    xor_bytes(s, 0, in, in_len);
    pad_block(s, in_len, rate, pad);
}

void pqi_keccak_squeeze_blocks(uint8_t *out, size_t blocks, uint64_t s[25], size_t rate)
{
    for (; blocks != 0; blocks--) {
        pqi_keccak_f1600(s);
        get_bytes(s, 0, out, rate);
        out += rate;
    }
}

static void hash_once(
    uint8_t *out, size_t out_len, size_t rate, uint8_t pad, const uint8_t *in, size_t in_len)
{
    uint64_t s[25];
    pqi_keccak_absorb_once(s, rate, pad, in, in_len);
    while (out_len != 0) {
        size_t n = out_len < rate ? out_len : rate;
        pqi_keccak_f1600(s);
        get_bytes(s, 0, out, n);
        out += n;
        out_len -= n;
    }
    pqi_wipe(s, sizeof s);
}

void pqi_sha3_256(uint8_t out[32], const uint8_t *in, size_t in_len)
{
    hash_once(out, 32, PQI_SHA3_256_RATE, PQI_SHA3_PAD, in, in_len);
}

void pqi_sha3_512(uint8_t out[64], const uint8_t *in, size_t in_len)
{
    hash_once(out, 64, PQI_SHA3_512_RATE, PQI_SHA3_PAD, in, in_len);
}

void pqi_shake256(uint8_t *out, size_t out_len, const uint8_t *in, size_t in_len)
{
    hash_once(out, out_len, PQI_SHAKE256_RATE, PQI_SHAKE_PAD, in, in_len);
}

void pqi_keccak_start(pqi_xof *x, uint32_t rate, uint8_t pad)
{
    memset(x, 0, sizeof *x);
    x->rate = rate;
    x->pad = pad;
}

void pqi_xof_absorb(pqi_xof *x, const void *in, size_t len)
{
    const uint8_t *p = in;
    while (len != 0) {
        size_t n = x->rate - x->pos;
        if (n > len) {
            n = len;
        }
        xor_bytes(x->s, x->pos, p, n);
        x->pos += (uint32_t)n;
        p += n;
        len -= n;
        if (x->pos == x->rate) {
            pqi_keccak_f1600(x->s);
            x->pos = 0;
        }
    }
}

void pqi_xof_squeeze(pqi_xof *x, void *out, size_t len)
{
    uint8_t *p = out;
    if (x->squeezing == 0) {
        pad_block(x->s, x->pos, x->rate, x->pad);
        x->squeezing = 1;
        x->pos = x->rate; /* the permutation of the padded block is still to come */
    }
    while (len != 0) {
        if (x->pos == x->rate) {
            pqi_keccak_f1600(x->s);
            x->pos = 0;
        }
        size_t n = x->rate - x->pos;
        if (n > len) {
            n = len;
        }
        get_bytes(x->s, x->pos, p, n);
        x->pos += (uint32_t)n;
        p += n;
        len -= n;
    }
}
