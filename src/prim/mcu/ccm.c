/* SPDX-License-Identifier: Apache-2.0
 * AES-128-CCM with 13-byte nonces, RFC 3610 with L = 2, and tags of 8 or 16 bytes.
 *
 * Implementation notes. AES takes two blocks at a time, so each call does one block of the CBC-MAC
 * and one of the key stream. The MAC lags: `q` holds its state with the last block already added but
 * not yet encrypted, which is what decryption needs, where the key stream of a block comes before the
 * text that the MAC takes. */
#include "prim/mcu/aead.h"
#include "prim/mcu/aes.h"
#include "prim/mcu/bytes.h"

#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

#define KEY   16u
#define NONCE 13u

typedef struct ccm {
    pqi_aes aes;
    uint32_t q[8];       /* block 0: the MAC; block 1: a counter block, then key stream */
    uint8_t counter[16]; /* A_i of RFC 3610 section 2.3 */
    uint8_t stream[16];
    uint8_t block[16];
} ccm;

/* RFC 3610 section 2.1: a message has at most 65535 bytes. */
static const pqi_mcu_sizes SIZES[2] = {{KEY, NONCE, 8, 0xffffu}, {KEY, NONCE, 16, 0xffffu}};

static const pqi_mcu_sizes *sizes_of(pqi_aead_id id)
{
    bool short_tag = id == PQI_AEAD_AES_128_CCM_8;
    return short_tag ? &SIZES[0] : id == PQI_AEAD_AES_128_CCM_16 ? &SIZES[1] : NULL;
}

/* Adds up to 16 bytes, padded with zeros, to the MAC. */
static void add(ccm *c, const uint8_t *in, size_t n)
{
    memset(c->block, 0, sizeof c->block);
    memcpy(c->block, in, n);
    for (size_t i = 0; i < 4; i++) {
        c->q[2u * i] ^= load32_le(c->block + 4u * i);
    }
}

/* Encrypts the state of the MAC and makes key stream block i. */
static void step(ccm *c, size_t i)
{
    c->counter[14] = (uint8_t)(i >> 8);
    c->counter[15] = (uint8_t)i;
    for (size_t j = 0; j < 4; j++) {
        c->q[2u * j + 1u] = load32_le(c->counter + 4u * j);
    }
    pqi_aes_encrypt(&c->aes, c->q);
    for (size_t j = 0; j < 4; j++) {
        store32_le(c->stream + 4u * j, c->q[2u * j + 1u]);
    }
}

/* B_0 and the associated data with its length in front, RFC 3610 section 2.2. */
static void start(ccm *c, const pqi_aead_key *k, pqi_cspan aad, size_t body, size_t tag)
{
    uint8_t b[16];
    pqi_aes_init(&c->aes, k->key.ptr, KEY);
    memset(c->q, 0, sizeof c->q);
    c->counter[0] = 1; /* L - 1 */
    memcpy(c->counter + 1, k->nonce.ptr, NONCE);
    b[0] = (uint8_t)((aad.len != 0 ? 0x40u : 0u) | (tag - 2u) / 2u << 3 | 1u);
    memcpy(b + 1, k->nonce.ptr, NONCE);
    b[14] = (uint8_t)(body >> 8);
    b[15] = (uint8_t)body;
    add(c, b, sizeof b);
    if (aad.len == 0) {
        return;
    }
    size_t at = aad.len < 0xff00u ? 2u : 6u;
    uint8_t len[8] = {0, 0, 0xff, 0xfe};
    store32_be(len + 4, (uint32_t)aad.len);
    memcpy(b, at == 2 ? len + 6 : len + 2, at);
    for (const uint8_t *p = aad.ptr, *end = p + aad.len; p != end; at = 0) {
        size_t left = (size_t)(end - p), take = 16u - at < left ? 16u - at : left;
        memcpy(b + at, p, take);
        step(c, 0);
        add(c, b, at + take);
        p += take;
    }
}

/* Text both ways, out may be in; then c->block is the full tag. */
static void crypt(ccm *c, bool seal, const uint8_t *in, uint8_t *out, size_t n)
{
    uint8_t plain[16];
    for (size_t i = 1; n != 0; i++) {
        size_t take = n < 16 ? n : 16;
        step(c, i);
        for (size_t j = 0; j < take; j++) {
            uint8_t to = in[j] ^ c->stream[j];
            plain[j] = seal ? in[j] : to;
            out[j] = to;
        }
        add(c, plain, take);
        in += take;
        out += take;
        n -= take;
    }
    step(c, 0);
    for (size_t i = 0; i < 4; i++) {
        store32_le(c->block + 4u * i, c->q[2u * i] ^ c->q[2u * i + 1u]);
    }
    pqi_wipe(plain, sizeof plain);
}

pqi_status pqi_mcu_ccm_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    const pqi_mcu_sizes *z = sizes_of(k->id);
    pqi_status st =
        z == NULL ? PQI_ERR_UNSUPPORTED : pqi_mcu_aead_check(z, k, aad, out.len, in.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    ccm c;
    start(&c, k, aad, in.len, z->tag);
    crypt(&c, true, in.ptr, out.ptr, in.len);
    memcpy(out.ptr + in.len, c.block, z->tag);
    pqi_wipe(&c, sizeof c);
    return PQI_OK;
}

pqi_status pqi_mcu_ccm_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    const pqi_mcu_sizes *z = sizes_of(k->id);
    pqi_status st =
        z == NULL ? PQI_ERR_UNSUPPORTED : pqi_mcu_aead_check(z, k, aad, in.len, out.len);
    if (st != PQI_OK) {
        pqi_args_clear(out);
        return st;
    }
    ccm c;
    start(&c, k, aad, out.len, z->tag);
    crypt(&c, false, in.ptr, out.ptr, out.len);
    uint32_t good = pqi_ct_eq_mask(c.block, in.ptr + out.len, z->tag);
    PQI_PUBLIC(&good, sizeof good);
    if (good == 0) {
        pqi_args_clear(out);
    }
    pqi_wipe(&c, sizeof c);
    return good != 0 ? PQI_OK : PQI_ERR_AUTH;
}
