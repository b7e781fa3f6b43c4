/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM (SP 800-38D), ChaCha20-Poly1305 (RFC 8439), AES-128-CCM (RFC 3610) and AES-256-GCM-SIV
 * (RFC 8452) over OpenSSL 3.
 *
 * Implementation notes. A context keeps its key schedule and, for GCM, the last key stream block.
 * Both are overwritten after each message: GCM and the block cipher of GCM-SIV by a key of zeros, which
 * needs no allocation; the others by a reset. OpenSSL has GCM-SIV since 3.2; of every version only AES
 * is used, so that there is one behaviour. */
#include "port/linux/ossl.h"

#include "prim/mcu/gcm_siv_core.h"

#include <pqi/wipe.h>

#include <limits.h>
#include <stdbool.h>
#include <string.h>

static const uint8_t zeros[PQI_AEAD_KEY];

typedef struct aead_sizes {
    size_t key, nonce, tag;
} aead_sizes;

static aead_sizes sizes_of(pqi_aead_id id)
{
    switch (id) {
    case PQI_AEAD_AES_256_GCM:
    case PQI_AEAD_AES_256_GCM_SIV:
    case PQI_AEAD_CHACHA20_POLY1305:
        return (aead_sizes){PQI_AEAD_KEY, PQI_AEAD_NONCE, PQI_AEAD_TAG};
    case PQI_AEAD_AES_128_CCM_8:
        return (aead_sizes){16, 13, 8};
    case PQI_AEAD_AES_128_CCM_16:
        return (aead_sizes){16, 13, 16};
    case PQI_AEAD_NONE:
    case PQI_AEAD_INT32_:
        break;
    }
    return (aead_sizes){0, 0, 0};
}

/* The thread's context of this AEAD, made on first use. */
static EVP_CIPHER_CTX *ctx_get(pqi_aead_id id)
{
    pqi_ossl_thread *t = pqi_ossl_thread_get();
    if (t == NULL) {
        return NULL;
    }
    if (t->cipher[id] == NULL) {
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        if (ctx == NULL ||
            EVP_CipherInit_ex2(ctx, pqi_ossl_get()->cipher[id], NULL, NULL, 1, NULL) != 1) {
            EVP_CIPHER_CTX_free(ctx);
            return NULL;
        }
        t->cipher[id] = ctx;
    }
    return t->cipher[id];
}

static void ctx_clean(pqi_aead_id id)
{
    pqi_ossl_thread *t = pqi_ossl_thread_get();
    bool siv = id == PQI_AEAD_AES_256_GCM_SIV;
    if ((id == PQI_AEAD_AES_256_GCM || siv) &&
        EVP_CipherInit_ex2(t->cipher[id], NULL, zeros, siv ? NULL : zeros, 1, NULL) == 1) {
        return;
    }
    EVP_CIPHER_CTX_free(t->cipher[id]); /* wipes the state of the cipher */
    t->cipher[id] = NULL;
}

/* Key, nonce and, for CCM, what must be known before the data. `tag` is NULL when sealing. */
static bool start(EVP_CIPHER_CTX *ctx, const pqi_aead_key *k, const uint8_t *tag, size_t len)
{
    int enc = tag == NULL;
    aead_sizes z = sizes_of(k->id);
    if (k->id == PQI_AEAD_AES_256_GCM || k->id == PQI_AEAD_CHACHA20_POLY1305) {
        return EVP_CipherInit_ex2(ctx, NULL, k->key.ptr, k->nonce.ptr, enc, NULL) == 1;
    }
    uint8_t copy[PQI_AEAD_TAG]; /* the control call has no const form */
    if (tag != NULL) {
        memcpy(copy, tag, z.tag);
    }
    int n = 0;
    return EVP_CipherInit_ex2(ctx, NULL, NULL, NULL, enc, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)z.nonce, NULL) == 1 &&
           EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)z.tag, tag != NULL ? copy : NULL) ==
               1 &&
           EVP_CipherInit_ex2(ctx, NULL, k->key.ptr, k->nonce.ptr, enc, NULL) == 1 &&
           EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) == 1;
}

static bool is_ccm(pqi_aead_id id)
{
    return id == PQI_AEAD_AES_128_CCM_8 || id == PQI_AEAD_AES_128_CCM_16;
}

/* Associated data and data. CCM takes the data in one call, also when there is none. */
static bool run(EVP_CIPHER_CTX *ctx, pqi_aead_id id, pqi_cspan aad, pqi_cspan in, uint8_t *out)
{
    int n = 0;
    uint8_t none[1] = {0};
    if (aad.len != 0 && EVP_CipherUpdate(ctx, NULL, &n, aad.ptr, (int)aad.len) != 1) {
        return false;
    }
    if (in.len == 0) {
        return !is_ccm(id) || EVP_CipherUpdate(ctx, none, &n, none, 0) == 1;
    }
    return EVP_CipherUpdate(ctx, out, &n, in.ptr, (int)in.len) == 1 && n == (int)in.len;
}

static pqi_status check(const pqi_aead_key *k, pqi_cspan aad, size_t body, size_t *tag)
{
    aead_sizes z = sizes_of(k->id);
    *tag = z.tag;
    if (z.key == 0 || pqi_ossl_get()->cipher[k->id] == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (k->key.len != z.key || k->nonce.len != z.nonce || aad.len > INT_MAX ||
        body > INT_MAX - z.tag || (is_ccm(k->id) && body > 0xffffu)) { /* RFC 3610: L = 2 */
        return PQI_ERR_ARG;
    }
    return PQI_OK;
}

/* ---- GCM-SIV ----------------------------------------------------------------------------------- */

typedef pqi_status (*siv_way)(
    const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);

static pqi_status siv_key(void *ctx, const uint8_t *key)
{
    return EVP_CipherInit_ex2(ctx, NULL, key, NULL, 1, NULL) == 1 &&
                   EVP_CIPHER_CTX_set_padding(ctx, 0) == 1
               ? PQI_OK
               : PQI_ERR_PROVIDER;
}

static pqi_status siv_encrypt(void *ctx, uint8_t *room, size_t n)
{
    int done = 0, want = (int)(16u * n);
    return EVP_CipherUpdate(ctx, room, &done, room, want) == 1 && done == want ? PQI_OK
                                                                               : PQI_ERR_PROVIDER;
}

static pqi_status siv(siv_way way, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    uint8_t room[32u * 16u];
    EVP_CIPHER_CTX *ctx = ctx_get(k->id);
    if (ctx == NULL) {
        pqi_wipe(out.ptr, out.len);
        return pqi_ossl_fail(PQI_ERR_PROVIDER);
    }
    const pqi_gcm_siv_aes c = {siv_key, siv_encrypt, ctx, {room, sizeof room}};
    pqi_status st = way(&c, k, aad, in, out);
    ctx_clean(k->id);
    pqi_wipe(room, sizeof room);
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}

/* ---- all of them ------------------------------------------------------------------------------- */

pqi_status pqi_ossl_aead_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    size_t tag = 0;
    pqi_status st = check(k, aad, in.len, &tag);
    if (st == PQI_OK && (out.len < tag || out.len - tag != in.len)) {
        st = PQI_ERR_ARG;
    }
    if (st != PQI_OK) {
        return st;
    }
    if (k->id == PQI_AEAD_AES_256_GCM_SIV) {
        return siv(pqi_gcm_siv_seal, k, aad, in, out);
    }
    EVP_CIPHER_CTX *ctx = ctx_get(k->id);
    if (ctx == NULL) {
        pqi_wipe(out.ptr, out.len);
        return pqi_ossl_fail(PQI_ERR_PROVIDER);
    }
    int n = 0;
    uint8_t last[16]; /* GCM, CCM and ChaCha20 are streams: the final call writes nothing */
    bool ok = start(ctx, k, NULL, in.len) && run(ctx, k->id, aad, in, out.ptr) &&
              EVP_CipherFinal_ex(ctx, last, &n) == 1 && n == 0 &&
              EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)tag, out.ptr + in.len) == 1;
    ctx_clean(k->id);
    if (!ok) {
        pqi_wipe(out.ptr, out.len);
        return pqi_ossl_fail(PQI_ERR_PROVIDER);
    }
    return PQI_OK;
}

/* CCM checks the tag with the data, the others in the final call; both compare in constant time. */
pqi_status pqi_ossl_aead_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    size_t tag_len = 0;
    pqi_status st = check(k, aad, out.len, &tag_len);
    if (st == PQI_OK && (in.len < tag_len || in.len - tag_len != out.len)) {
        st = PQI_ERR_ARG;
    }
    if (st != PQI_OK) {
        return st;
    }
    if (k->id == PQI_AEAD_AES_256_GCM_SIV) {
        return siv(pqi_gcm_siv_open, k, aad, in, out);
    }
    const pqi_cspan body = {in.ptr, out.len};
    uint8_t tag[PQI_AEAD_TAG], last[16];
    memcpy(tag, in.ptr + out.len, tag_len);
    int n = 0;
    st = PQI_ERR_PROVIDER;
    EVP_CIPHER_CTX *ctx = ctx_get(k->id);
    if (ctx != NULL && start(ctx, k, tag, body.len)) {
        bool ok = run(ctx, k->id, aad, body, out.ptr);
        if (!is_ccm(k->id)) {
            ok = ok && EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)tag_len, tag) == 1 &&
                 EVP_CipherFinal_ex(ctx, last, &n) == 1 && n == 0;
        }
        st = ok ? PQI_OK : PQI_ERR_AUTH;
    }
    if (ctx != NULL) {
        ctx_clean(k->id);
    }
    if (st != PQI_OK) {
        pqi_wipe(out.ptr, out.len);
        return pqi_ossl_fail(st);
    }
    return PQI_OK;
}
