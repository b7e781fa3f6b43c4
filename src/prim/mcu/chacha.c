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
    uint32_t s[16];     /* the state of section 2.3, the counter in s[12] */
    uint32_t x[16];     /* working copy */
    uint8_t stream[64]; /* key stream */
    uint32_t h[5];      /* Poly1305's sum */
    uint32_t r[8];      /* 5/4 of the words of its key (the first unused), then the key */
    uint32_t pad[4];    /* s of section 2.5 */
    uint8_t block[16];
} chapoly;

static const pqi_mcu_sizes SIZES = {
    PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG, PQI_MCU_AEAD_MAX - PQI_AEAD_TAG};

/* Section 2.1, on words a, b, c, d of x. */
#define QUARTER_ROUND(a, b, c, d)                                                                  \
    do {                                                                                           \
        uint32_t xa = x[a], xb = x[b], xc = x[c], xd = x[d];                                       \
        xa += xb;                                                                                  \
        xd = rotl32(xd ^ xa, 16);                                                                  \
        xc += xd;                                                                                  \
        xb = rotl32(xb ^ xc, 12);                                                                  \
        xa += xb;                                                                                  \
        xd = rotl32(xd ^ xa, 8);                                                                   \
        xc += xd;                                                                                  \
        x[a] = xa;                                                                                 \
        x[b] = rotl32(xb ^ xc, 7);                                                                 \
        x[c] = xc;                                                                                 \
        x[d] = xd;                                                                                 \
    } while (0)

/* Section 2.3: one block of key stream; advances the counter. */
static void chacha_block(chapoly *c)
{
    uint32_t *x = c->x;
    memcpy(x, c->s, sizeof c->x);
    for (unsigned i = 0; i < 10; i++) {
        QUARTER_ROUND(0, 4, 8, 12);
        QUARTER_ROUND(1, 5, 9, 13);
        QUARTER_ROUND(2, 6, 10, 14);
        QUARTER_ROUND(3, 7, 11, 15);
        QUARTER_ROUND(0, 5, 10, 15);
        QUARTER_ROUND(1, 6, 11, 12);
        QUARTER_ROUND(2, 7, 8, 13);
        QUARTER_ROUND(3, 4, 9, 14);
    }
    for (size_t i = 0; i < 16; i++) {
        store32_le(c->stream + 4u * i, x[i] + c->s[i]);
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
 * of five fits in 64 bits. */
static void poly_multiply(chapoly *c)
{
    uint32_t h[4];
    memcpy(h, c->h, sizeof h);
    uint32_t h4 = c->h[4], top = h4 * c->r[4]; /* at 2^128, below 2^31 */
    uint64_t acc = 5u * (top >> 2);
    for (size_t i = 0; i < 4; i++) {
        const uint32_t *r = c->r + 4 + i; /* r[-j] belongs to h[j] */
        acc += wide_mul(h[0], r[0]) + wide_mul(h[1], r[-1]);
        acc += wide_mul(h[2], r[-2]) + wide_mul(h[3], r[-3]);
        acc += i == 0 ? 0 : wide_mul(h4, r[-4]);
        c->h[i] = (uint32_t)acc;
        acc >>= 32;
    }
    uint32_t high = (top & 3u) + (uint32_t)acc; /* below 2^31 */
    const uint32_t fold[4] = {5u * (high >> 2), 0, 0, 0};
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
        const uint8_t *from = in;
        if (take < 16) {
            memset(c->block, 0, sizeof c->block);
            memcpy(c->block, in, take);
            from = c->block;
        }
        for (size_t i = 0; i < 4; i++) {
            v[i] = load32_le(from + 4u * i);
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
        uint32_t r = load32_le(c->stream + 4u * i) & (i == 0 ? 0x0fffffffu : 0x0ffffffcu);
        c->r[4u + i] = r;
        c->r[i] = r + (r >> 2);
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
