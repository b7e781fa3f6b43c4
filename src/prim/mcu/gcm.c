/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM, SP 800-38D, with 12-byte nonces and 16-byte tags.
 *
 * Implementation notes. AES takes two blocks at a time: the hash key is made with the mask of the tag,
 * and the key stream in pairs of blocks. */
#include "prim/mcu/aead.h"
#include "prim/mcu/aes.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/ghash.h"

#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

typedef struct gcm {
    pqi_aes aes;
    pqi_ghash hash;
    uint32_t q[8];    /* two blocks for AES */
    uint8_t mask[16]; /* AES of the first counter block, for the tag */
    uint8_t block[32];
} gcm;

static const pqi_mcu_sizes SIZES = {
    PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG, PQI_MCU_AEAD_MAX - PQI_AEAD_TAG};

/* ---- GHASH ------------------------------------------------------------------------------- */

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
            g->hash.y[i] ^= load32_be(from + 12u - 4u * i);
        }
        pqi_ghash_multiply(&g->hash);
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
    uint32_t *y = g->hash.y;
    uint32_t out = pqi_ct_barrier_u32(0u - (y[3] >> 31));
    for (size_t i = 3; i > 0; i--) {
        y[i] = y[i] << 1 | y[i - 1] >> 31;
    }
    y[0] = y[0] << 1 ^ (out & 1u);
    y[3] ^= out & 0xc2000000u;
    pqi_ghash_key(&g->hash, y);
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
        g->hash.y[i] = load32_be(g->block + 12u - 4u * i);
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
        store32_be(g->block + 12u - 4u * i, g->hash.y[i]);
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
