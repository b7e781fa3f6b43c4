/* SPDX-License-Identifier: Apache-2.0
 * ChaCha20-Poly1305, RFC 8439.
 *
 * Implementation notes. Poly1305 works on 32-bit words: r is clamped (section 2.5), so that r1, r2
 * and r3 are multiples of 4 and a product at 2^128 is 5/4 of it at 2^0, as 2^130 = 5. */
#include "prim/mcu/aead.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/wide.h"

#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

typedef struct chapoly {
    uint32_t s[16];             /* the state of section 2.3, the counter in s[12] */
    uint32_t x[16];             /* working copy */
    uint8_t stream[64];         /* key stream */
    uint32_t h[5], r[4], rr[4]; /* Poly1305: sum, key, 5/4 of r1, r2, r3 */
    uint32_t pad[4];            /* s of section 2.5 */
    uint8_t block[16];
} chapoly;

static const pqi_mcu_sizes SIZES = {
    PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG, PQI_MCU_AEAD_MAX - PQI_AEAD_TAG};

/* Section 2.1 */
static void quarter_round(uint32_t *x, unsigned a, unsigned b, unsigned c, unsigned d)
{
    uint32_t xa = x[a], xb = x[b], xc = x[c], xd = x[d];
    xa += xb;
    xd = rotl32(xd ^ xa, 16);
    xc += xd;
    xb = rotl32(xb ^ xc, 12);
    xa += xb;
    xd = rotl32(xd ^ xa, 8);
    xc += xd;
    xb = rotl32(xb ^ xc, 7);
    x[a] = xa;
    x[b] = xb;
    x[c] = xc;
    x[d] = xd;
}

/* Section 2.3: one block of key stream; advances the counter. */
static void chacha_block(chapoly *c)
{
    memcpy(c->x, c->s, sizeof c->x);
    for (unsigned i = 0; i < 20; i++) {
        unsigned turn = i & 1u; /* odd: diagonals */
        for (unsigned j = 0; j < 4; j++) {
            quarter_round(c->x, j, 4u + ((j + turn) & 3u), 8u + ((j + 2u * turn) & 3u),
                12u + ((j + 3u * turn) & 3u));
        }
    }
    for (size_t i = 0; i < 16; i++) {
        store32_le(c->stream + 4u * i, c->x[i] + c->s[i]);
    }
    c->s[12]++;
}

/* Section 2.4; out may be in. */
static void crypt(chapoly *c, const uint8_t *in, uint8_t *out, size_t n)
{
    while (n != 0) {
        size_t take = n < 64 ? n : 64;
        chacha_block(c);
        for (size_t i = 0; i < take; i++) {
            out[i] = in[i] ^ c->stream[i];
        }
        in += take;
        out += take;
        n -= take;
    }
}

/* Adds v to h[0..3] and its carry to h[4]. */
static void add_words(uint32_t h[5], const uint32_t v[4])
{
    uint64_t acc = 0;
    for (size_t i = 0; i < 4; i++) {
        acc += (uint64_t)h[i] + v[i];
        h[i] = (uint32_t)acc;
        acc >>= 32;
    }
    h[4] += (uint32_t)acc;
}

/* h = h * r mod 2^130 - 5, partly: h[4] <= 4 after, <= 6 before. A product is below 2^60.4, so a sum
 * of four with its carries fits in 64 bits. */
static void poly_multiply(chapoly *c)
{
    const uint32_t *r = c->r, *rr = c->rr;
    uint32_t h[4];
    memcpy(h, c->h, sizeof h);
    uint32_t h4 = c->h[4], top = h4 * r[0]; /* below 2^31; at 2^128 */
    uint64_t acc = 0;
    for (size_t i = 0; i < 4; i++) {
        for (size_t j = 0; j < 4; j++) {
            acc += wide_mul(h[j], j <= i ? r[i - j] : rr[4u + i - j]);
        }
        acc += i == 0 ? 5u * (uint64_t)(top >> 2) : wide_mul(h4, rr[i]);
        c->h[i] = (uint32_t)acc;
        acc >>= 32;
    }
    uint32_t high = (top & 3u) + (uint32_t)acc; /* below 2^31 */
    uint32_t fold[4] = {5u * (high >> 2), 0, 0, 0};
    c->h[4] = high & 3u;
    add_words(c->h, fold);
    pqi_wipe(h, sizeof h);
}

/* Section 2.5.1 over bytes padded with zeros to whole blocks, as section 2.8 pads them. */
static void poly_absorb(chapoly *c, const uint8_t *in, size_t n)
{
    while (n != 0) {
        size_t take = n < 16 ? n : 16;
        uint32_t v[4];
        memset(c->block, 0, sizeof c->block);
        memcpy(c->block, in, take);
        for (size_t i = 0; i < 4; i++) {
            v[i] = load32_le(c->block + 4u * i);
        }
        add_words(c->h, v);
        c->h[4]++;
        poly_multiply(c);
        in += take;
        n -= take;
    }
}

/* The tag, in c->block: h mod 2^130 - 5, plus s mod 2^128. */
static void poly_finish(chapoly *c)
{
    uint32_t t[5];
    const uint32_t five[4] = {5, 0, 0, 0};
    memcpy(t, c->h, sizeof t);
    add_words(t, five); /* h + 5 reaches 2^130 when h >= 2^130 - 5; h < 2 (2^130 - 5) */
    uint32_t reduce = pqi_ct_nonzero_u32(t[4] >> 2);
    for (size_t i = 0; i < 4; i++) {
        c->h[i] = pqi_ct_select_u32(reduce, t[i], c->h[i]);
    }
    add_words(c->h, c->pad);
    for (size_t i = 0; i < 4; i++) {
        store32_le(c->block + 4u * i, c->h[i]);
    }
    pqi_wipe(t, sizeof t);
}

/* Sections 2.3 and 2.6: the state, and the one-time key from block 0. */
static void start(chapoly *c, const pqi_aead_key *k)
{
    static const uint8_t sigma[16] = {
        'e', 'x', 'p', 'a', 'n', 'd', ' ', '3', '2', '-', 'b', 'y', 't', 'e', ' ', 'k'};
    for (size_t i = 0; i < 4; i++) {
        c->s[i] = load32_le(sigma + 4u * i);
    }
    for (size_t i = 0; i < 8; i++) {
        c->s[4u + i] = load32_le(k->key.ptr + 4u * i);
    }
    c->s[12] = 0;
    for (size_t i = 0; i < 3; i++) {
        c->s[13u + i] = load32_le(k->nonce.ptr + 4u * i);
    }
    chacha_block(c);
    for (size_t i = 0; i < 4; i++) {
        c->r[i] = load32_le(c->stream + 4u * i) & (i == 0 ? 0x0fffffffu : 0x0ffffffcu);
        c->rr[i] = c->r[i] + (c->r[i] >> 2);
        c->pad[i] = load32_le(c->stream + 16u + 4u * i);
    }
    memset(c->h, 0, sizeof c->h);
}

/* Section 2.8: the tag of associated data and cipher text, in c->block. */
static void make_tag(chapoly *c, pqi_cspan aad, const uint8_t *ct, size_t n)
{
    uint8_t lens[16] = {0}; /* 64 bits each; both are below 2^31 */
    poly_absorb(c, aad.ptr, aad.len);
    poly_absorb(c, ct, n);
    store32_le(lens, (uint32_t)aad.len);
    store32_le(lens + 8, (uint32_t)n);
    poly_absorb(c, lens, sizeof lens);
    poly_finish(c);
}

static pqi_status check(const pqi_aead_key *k, pqi_cspan aad, size_t longer, size_t body)
{
    return k->id == PQI_AEAD_CHACHA20_POLY1305 ? pqi_mcu_aead_check(&SIZES, k, aad, longer, body)
                                               : PQI_ERR_UNSUPPORTED;
}

pqi_status pqi_mcu_chacha_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, out.len, in.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    chapoly c;
    start(&c, k);
    crypt(&c, in.ptr, out.ptr, in.len);
    make_tag(&c, aad, out.ptr, in.len);
    memcpy(out.ptr + in.len, c.block, PQI_AEAD_TAG);
    pqi_wipe(&c, sizeof c);
    return PQI_OK;
}

pqi_status pqi_mcu_chacha_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, in.len, out.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    chapoly c;
    start(&c, k);
    make_tag(&c, aad, in.ptr, out.len);
    uint32_t good = pqi_ct_eq_mask(c.block, in.ptr + out.len, PQI_AEAD_TAG);
    PQI_PUBLIC(&good, sizeof good);
    if (good != 0) {
        crypt(&c, in.ptr, out.ptr, out.len);
    } else {
        pqi_args_clear(out);
    }
    pqi_wipe(&c, sizeof c);
    return good != 0 ? PQI_OK : PQI_ERR_AUTH;
}
