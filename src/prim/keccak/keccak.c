/* SPDX-License-Identifier: Apache-2.0
 * The sponge of FIPS 202 section 4 on top of Keccak-f[1600]. */
#include "prim/keccak/keccak.h"

#include "base/mem.h"
#include <pqi/wipe.h>

static inline uint64_t load64(const uint8_t *p)
{
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static inline void store64(uint8_t *p, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++) {
        p[i] = (uint8_t)(v >> (8 * i));
    }
}

/* XORs n bytes into the sponge from byte `at`; at + n <= 200. */
static void xor_bytes(uint64_t s[25], size_t at, const uint8_t *in, size_t n)
{
    for (; n != 0 && (at & 7u) != 0; n--, at++, in++) {
        s[at >> 3] ^= (uint64_t)*in << (8 * (at & 7u));
    }
    for (; n >= 8; n -= 8, at += 8, in += 8) {
        s[at >> 3] ^= load64(in);
    }
    for (; n != 0; n--, at++, in++) {
        s[at >> 3] ^= (uint64_t)*in << (8 * (at & 7u));
    }
}

/* Reads n bytes of the sponge from byte `at`; at + n <= 200. */
static void get_bytes(const uint64_t s[25], size_t at, uint8_t *out, size_t n)
{
    for (; n != 0 && (at & 7u) != 0; n--, at++, out++) {
        *out = (uint8_t)(s[at >> 3] >> (8 * (at & 7u)));
    }
    for (; n >= 8; n -= 8, at += 8, out += 8) {
        store64(out, s[at >> 3]);
    }
    for (; n != 0; n--, at++, out++) {
        *out = (uint8_t)(s[at >> 3] >> (8 * (at & 7u)));
    }
}

/* pad10*1 (FIPS 202 section 5.1) after the domain bits; the last bit of a block is its top bit. */
static void pad_block(uint64_t s[25], size_t at, size_t rate, uint8_t pad)
{
    s[at >> 3] ^= (uint64_t)pad << (8 * (at & 7u));
    s[(rate - 1) >> 3] ^= (uint64_t)0x80u << (8 * ((rate - 1) & 7u));
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
