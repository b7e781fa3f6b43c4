/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM-SIV, RFC 8452. Numbers and bit orders are little-endian there.
 *
 * Implementation notes. The tag is over the plain text and its counter block comes from the tag, so
 * sealing reads the text twice and opening decrypts before it can refuse. */
#include "prim/mcu/gcm_siv_core.h"

#include "prim/mcu/aead.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/ghash.h"

#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

#define BLOCK 16u
#define AUTH  16u /* bytes of the message-authentication key */

typedef struct siv {
    pqi_ghash hash;
    uint8_t keys[AUTH + PQI_AEAD_KEY]; /* of this nonce: authentication, encryption */
    uint8_t block[BLOCK];
    uint8_t tag[PQI_AEAD_TAG];
} siv;

static const pqi_mcu_sizes SIZES = {
    PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG, PQI_MCU_AEAD_MAX - PQI_AEAD_TAG};

/* Hashes the bytes, padded with zeros to whole blocks: POLYVAL, section 3. */
static void polyval(siv *s, const uint8_t *in, size_t n)
{
    while (n != 0) {
        size_t take = n < BLOCK ? n : BLOCK;
        const uint8_t *from = in;
        if (take < BLOCK) {
            memset(s->block, 0, BLOCK);
            memcpy(s->block, in, take);
            from = s->block;
        }
        for (size_t i = 0; i < 4; i++) {
            s->hash.y[i] ^= load32_le(from + 4u * i);
        }
        pqi_ghash_multiply(&s->hash);
        in += take;
        n -= take;
    }
}

/* derive_keys, section 4: the first halves of the blocks of AES over LE32(i) || nonce, i = 0..5. */
static pqi_status derive_keys(const pqi_gcm_siv_aes *c, const pqi_aead_key *k, siv *s)
{
    uint8_t *b = c->room.ptr;
    pqi_status st = c->key(c->ctx, k->key.ptr);
    for (uint32_t i = 0; i < 6 && st == PQI_OK; i += 2) {
        for (uint32_t j = 0; j < 2; j++) {
            store32_le(b + BLOCK * j, i + j);
            memcpy(b + BLOCK * j + 4, k->nonce.ptr, PQI_AEAD_NONCE);
        }
        st = c->encrypt(c->ctx, b, 2);
        memcpy(s->keys + 8u * i, b, 8);
        memcpy(s->keys + 8u * i + 8u, b + BLOCK, 8);
    }
    if (st == PQI_OK) {
        st = c->key(c->ctx, s->keys + AUTH);
    }
    uint32_t h[4];
    for (size_t i = 0; i < 4; i++) {
        h[i] = load32_le(s->keys + 4u * i);
    }
    pqi_ghash_key(&s->hash, h);
    pqi_wipe(h, sizeof h);
    return st;
}

/* s->tag of the plain text, section 4. */
static pqi_status make_tag(const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad,
    const uint8_t *plain, size_t n, siv *s)
{
    uint8_t lens[BLOCK]; /* in bits; both are below 2^34 */
    store32_le(lens, (uint32_t)(aad.len << 3));
    store32_le(lens + 4, (uint32_t)((uint64_t)aad.len >> 29));
    store32_le(lens + 8, (uint32_t)(n << 3));
    store32_le(lens + 12, (uint32_t)((uint64_t)n >> 29));
    polyval(s, aad.ptr, aad.len);
    polyval(s, plain, n);
    polyval(s, lens, sizeof lens);
    uint8_t *b = c->room.ptr;
    for (size_t i = 0; i < 4; i++) {
        store32_le(b + 4u * i, s->hash.y[i]);
    }
    for (size_t i = 0; i < PQI_AEAD_NONCE; i++) {
        b[i] ^= k->nonce.ptr[i];
    }
    b[15] &= 0x7fu;
    pqi_status st = c->encrypt(c->ctx, b, 1);
    memcpy(s->tag, b, sizeof s->tag);
    return st;
}

/* AES_CTR, section 4; out may be in. The first 32 bits count and wrap, without a carry. */
static pqi_status crypt(
    const pqi_gcm_siv_aes *c, const uint8_t *tag, const uint8_t *in, uint8_t *out, size_t n)
{
    uint8_t *b = c->room.ptr;
    pqi_status st = PQI_OK;
    for (uint32_t count = load32_le(tag); n != 0 && st == PQI_OK;) {
        size_t take = n < c->room.len ? n : c->room.len;
        size_t blocks = (take + BLOCK - 1u) / BLOCK;
        for (size_t i = 0; i < blocks; i++, count++) {
            store32_le(b + BLOCK * i, count);
            memcpy(b + BLOCK * i + 4, tag + 4, BLOCK - 4u);
            b[BLOCK * i + 15] |= 0x80u;
        }
        st = c->encrypt(c->ctx, b, blocks);
        for (size_t i = 0; i < take; i++) {
            out[i] = in[i] ^ b[i];
        }
        in += take;
        out += take;
        n -= take;
    }
    return st;
}

static pqi_status check(const pqi_aead_key *k, pqi_cspan aad, size_t longer, size_t body)
{
    return k->id == PQI_AEAD_AES_256_GCM_SIV ? pqi_mcu_aead_check(&SIZES, k, aad, longer, body)
                                             : PQI_ERR_UNSUPPORTED;
}

pqi_status pqi_gcm_siv_seal(
    const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, out.len, in.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    siv s;
    st = derive_keys(c, k, &s);
    if (st == PQI_OK) {
        st = make_tag(c, k, aad, in.ptr, in.len, &s);
    }
    if (st == PQI_OK) {
        st = crypt(c, s.tag, in.ptr, out.ptr, in.len);
    }
    if (st == PQI_OK) {
        memcpy(out.ptr + in.len, s.tag, PQI_AEAD_TAG);
    } else {
        pqi_args_clear(out); /* in place it is the plain text */
    }
    pqi_wipe(&s, sizeof s);
    return st;
}

pqi_status pqi_gcm_siv_open(
    const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    pqi_status st = check(k, aad, in.len, out.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    siv s;
    const uint8_t *tag = in.ptr + out.len;
    st = derive_keys(c, k, &s);
    if (st == PQI_OK) {
        st = crypt(c, tag, in.ptr, out.ptr, out.len);
    }
    if (st == PQI_OK) {
        st = make_tag(c, k, aad, out.ptr, out.len, &s);
    }
    if (st == PQI_OK) {
        uint32_t good = pqi_ct_eq_mask(s.tag, tag, PQI_AEAD_TAG);
        PQI_PUBLIC(&good, sizeof good);
        st = good != 0 ? PQI_OK : PQI_ERR_AUTH;
    }
    if (st != PQI_OK) {
        pqi_args_clear(out);
    }
    pqi_wipe(&s, sizeof s);
    return st;
}
