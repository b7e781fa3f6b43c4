/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM, SP 800-38D, with 12-byte nonces and 16-byte tags.
 *
 * Implementation notes. A block of GHASH is a 128-bit big-endian number: the coefficient of x^i is
 * bit 127 - i. Carry-less products are made of 32 x 32 -> 32 bit integer products, whose time is
 * constant on all Cortex-M: the operands are split into four, each with every fourth bit, so that no
 * carry reaches a bit that is kept (a technique published by T. Pornin). The upper half of a product is
 * the lower half of the product of the reversed operands, reversed. */
#include "prim/mcu/aead.h"
#include "prim/mcu/aes.h"
#include "prim/mcu/bytes.h"

#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

/* The 9 factors of Karatsuba's method for 4 words, and the same with their bits reversed. */
typedef uint32_t factors[18];

typedef struct gcm {
    pqi_aes aes;
    factors h;        /* the hash key times 1 / x */
    uint32_t y[4];    /* GHASH so far, least significant word first */
    uint32_t q[8];    /* two blocks for AES */
    uint8_t mask[16]; /* AES of the first counter block, for the tag */
    uint8_t block[32];
    factors f; /* of y, then its products with those of h */
    uint32_t v[8], mid[4];
} gcm;

static const pqi_mcu_sizes SIZES = {
    PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG, PQI_MCU_AEAD_MAX - PQI_AEAD_TAG};

/* ---- GHASH ------------------------------------------------------------------------------- */

static inline uint32_t reverse(uint32_t x)
{
#if defined(__thumb2__)
    __asm__("rbit %0, %1" : "=r"(x) : "r"(x));
    return x;
#else
    x = (x & 0x55555555u) << 1 | (x >> 1 & 0x55555555u);
    x = (x & 0x33333333u) << 2 | (x >> 2 & 0x33333333u);
    x = (x & 0x0f0f0f0fu) << 4 | (x >> 4 & 0x0f0f0f0fu);
    x = (x & 0x00ff00ffu) << 8 | (x >> 8 & 0x00ff00ffu);
    return x << 16 | x >> 16;
#endif
}

/* Lower half of the carry-less product. A kept bit is bit 0 of a sum of at most 8 ones: the sum has
 * 4 bits, which is the distance to the next kept bit. */
static inline uint32_t multiply(uint32_t x, uint32_t y)
{
    const uint32_t m = 0x11111111u;
    uint32_t x0 = x & m, x1 = x & m << 1, x2 = x & m << 2, x3 = x & m << 3;
    uint32_t y0 = y & m, y1 = y & m << 1, y2 = y & m << 2, y3 = y & m << 3;
    uint32_t z0 = (x0 * y0) ^ (x1 * y3) ^ (x2 * y2) ^ (x3 * y1);
    uint32_t z1 = (x0 * y1) ^ (x1 * y0) ^ (x2 * y3) ^ (x3 * y2);
    uint32_t z2 = (x0 * y2) ^ (x1 * y1) ^ (x2 * y0) ^ (x3 * y3);
    uint32_t z3 = (x0 * y3) ^ (x1 * y2) ^ (x2 * y1) ^ (x3 * y0);
    return (z0 & m) | (z1 & m << 1) | (z2 & m << 2) | (z3 & m << 3);
}

/* Groups of three: a, b, a + b for the lower half, the upper half, and their sum. */
static void make_factors(factors f, const uint32_t w[4])
{
    for (size_t i = 0; i < 2; i++) {
        f[i] = w[i];
        f[i + 3] = w[i + 2];
        f[i + 6] = w[i] ^ w[i + 2];
    }
    for (size_t i = 0; i < 9; i += 3) {
        f[i + 2] = f[i] ^ f[i + 1];
    }
    for (size_t i = 0; i < 9; i++) {
        f[i + 9] = reverse(f[i]);
    }
}

/* A product of 64 x 64 bits from three of 32 x 32, p and, with reversed bits, p + 9. */
static void combine(uint32_t r[4], const uint32_t *p)
{
    uint32_t lo0 = p[0], lo1 = p[1], hi0 = reverse(p[9]) >> 1, hi1 = reverse(p[10]) >> 1;
    r[0] = lo0;
    r[1] = hi0 ^ p[2] ^ lo0 ^ lo1;
    r[2] = lo1 ^ reverse(p[11]) >> 1 ^ hi0 ^ hi1;
    r[3] = hi1;
}

/* y = y * h in GF(2^128), SP 800-38D section 6.3. Bit 255 - i of v is the coefficient of x^i: one
 * place higher than the product of the numbers has it, which is why h is the hash key times 1 / x. */
static void multiply_h(gcm *g)
{
    uint32_t *v = g->v;
    make_factors(g->f, g->y);
    for (size_t i = 0; i < 18; i++) {
        g->f[i] = multiply(g->f[i], g->h[i]);
    }
    combine(v, g->f);
    combine(v + 4, g->f + 3);
    combine(g->mid, g->f + 6);
    for (size_t i = 0; i < 4; i++) {
        g->mid[i] ^= v[i] ^ v[i + 4];
    }
    for (size_t i = 0; i < 4; i++) {
        v[i + 2] ^= g->mid[i];
    }
    for (size_t i = 0; i < 4; i++) { /* x^128 = x^7 + x^2 + x + 1, from the highest powers down */
        uint32_t w = v[i];
        v[i + 4] ^= w ^ w >> 1 ^ w >> 2 ^ w >> 7;
        v[i + 3] ^= w << 31 ^ w << 30 ^ w << 25;
    }
    memcpy(g->y, v + 4, sizeof g->y);
}

/* Hashes the bytes, padded with zeros to whole blocks. */
static void ghash(gcm *g, const uint8_t *in, size_t n)
{
    while (n != 0) {
        size_t take = n < 16 ? n : 16;
        const uint8_t *from = in;
        if (take < 16) {
            memset(g->block, 0, 16);
            memcpy(g->block, in, take);
            from = g->block;
        }
        for (size_t i = 0; i < 4; i++) {
            g->y[i] ^= load32_be(from + 12u - 4u * i);
        }
        multiply_h(g);
        in += take;
        n -= take;
    }
}

/* ---- GCM --------------------------------------------------------------------------------- */

/* Two counter blocks, SP 800-38D section 7.1: the nonce and the counters n and n + 1. */
static void counters(gcm *g, const uint8_t *nonce, uint32_t n)
{
    uint8_t c[4];
    for (size_t b = 0; b < 2; b++) {
        for (size_t i = 0; i < 3; i++) {
            g->q[2u * i + b] = load32_le(nonce + 4u * i);
        }
        store32_be(c, n + (uint32_t)b);
        g->q[6u + b] = load32_le(c);
    }
}

/* h = key * 1 / x: one place up, and 1 / x = x^127 + x^6 + x + 1. */
static void set_hash_key(gcm *g)
{
    uint32_t *y = g->y;
    uint32_t out = pqi_ct_barrier_u32(0u - (y[3] >> 31));
    for (size_t i = 3; i > 0; i--) {
        y[i] = y[i] << 1 | y[i - 1] >> 31;
    }
    y[0] = y[0] << 1 ^ (out & 1u);
    y[3] ^= out & 0xc2000000u;
    make_factors(g->h, y);
    memset(y, 0, sizeof g->y);
}

static void start(gcm *g, const pqi_aead_key *k)
{
    pqi_aes_init(&g->aes, k->key.ptr, PQI_AEAD_KEY);
    counters(g, k->nonce.ptr, 1);
    for (size_t i = 0; i < 4; i++) {
        g->q[2u * i + 1u] = 0; /* the second block is zero: its cipher text is the hash key */
    }
    pqi_aes_encrypt(&g->aes, g->q);
    for (size_t i = 0; i < 4; i++) {
        store32_le(g->mask + 4u * i, g->q[2u * i]);
        store32_le(g->block + 4u * i, g->q[2u * i + 1u]);
    }
    for (size_t i = 0; i < 4; i++) {
        g->y[i] = load32_be(g->block + 12u - 4u * i);
    }
    set_hash_key(g);
}

/* GCTR, SP 800-38D section 6.5; out may be in. */
static void crypt(gcm *g, const uint8_t *nonce, const uint8_t *in, uint8_t *out, size_t n)
{
    for (uint32_t count = 2; n != 0; count += 2) {
        size_t take = n < 32 ? n : 32;
        const uint8_t *from = in;
        uint8_t *to = out;
        if (take < 32) {
            memcpy(g->block, in, take);
            from = to = g->block;
        }
        counters(g, nonce, count);
        pqi_aes_encrypt(&g->aes, g->q);
        for (size_t i = 0; i < 8; i++) {
            size_t at = 4u * i;
            store32_le(to + at, load32_le(from + at) ^ g->q[i < 4 ? 2 * i : 2 * i - 7]);
        }
        if (take < 32) {
            memcpy(out, to, take);
        }
        in += take;
        out += take;
        n -= take;
    }
}

/* The tag of the cipher text, SP 800-38D section 7.1 steps 4 to 6, in g->mask. */
static void make_tag(gcm *g, pqi_cspan aad, const uint8_t *ct, size_t n)
{
    ghash(g, aad.ptr, aad.len);
    ghash(g, ct, n);
    uint8_t lens[16] = {0}; /* in bits; both are below 2^35 */
    store64_be(lens, (uint64_t)aad.len << 3);
    store64_be(lens + 8, (uint64_t)n << 3);
    ghash(g, lens, sizeof lens);
    for (size_t i = 0; i < 4; i++) {
        store32_be(g->block + 12u - 4u * i, g->y[i]);
    }
    for (size_t i = 0; i < 16; i++) {
        g->mask[i] ^= g->block[i];
    }
}

static pqi_status check(const pqi_aead_key *k, pqi_cspan aad, size_t longer, size_t body)
{
    return k->id == PQI_AEAD_AES_256_GCM ? pqi_mcu_aead_check(&SIZES, k, aad, longer, body)
                                         : PQI_ERR_UNSUPPORTED;
}

pqi_status pqi_mcu_gcm_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, out.len, in.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    gcm g;
    start(&g, k);
    crypt(&g, k->nonce.ptr, in.ptr, out.ptr, in.len);
    make_tag(&g, aad, out.ptr, in.len);
    memcpy(out.ptr + in.len, g.mask, PQI_AEAD_TAG);
    pqi_wipe(&g, sizeof g);
    return PQI_OK;
}

pqi_status pqi_mcu_gcm_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, in.len, out.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    gcm g;
    start(&g, k);
    make_tag(&g, aad, in.ptr, out.len);
    uint32_t good = pqi_ct_eq_mask(g.mask, in.ptr + out.len, PQI_AEAD_TAG);
    PQI_PUBLIC(&good, sizeof good);
    if (good != 0) {
        crypt(&g, k->nonce.ptr, in.ptr, out.ptr, out.len);
    } else {
        pqi_args_clear(out);
    }
    pqi_wipe(&g, sizeof g);
    return good != 0 ? PQI_OK : PQI_ERR_AUTH;
}
