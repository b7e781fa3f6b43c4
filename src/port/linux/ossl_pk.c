/* SPDX-License-Identifier: Apache-2.0
 * X25519 (RFC 7748) and Ed25519 (RFC 8032) over OpenSSL 3. */
#include "port/linux/ossl.h"

#include <pqi/wipe.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

static pqi_status raw_public(const char *type, uint8_t *pk, const uint8_t *sk)
{
    pqi_status st = PQI_ERR_PROVIDER;
    size_t len = 32;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, type, NULL, sk, 32);
    if (key != NULL && EVP_PKEY_get_raw_public_key(key, pk, &len) == 1 && len == 32) {
        st = PQI_OK;
    }
    EVP_PKEY_free(key);
    if (st != PQI_OK) {
        pqi_wipe(pk, 32);
        return pqi_ossl_fail(st);
    }
    return st;
}

pqi_status pqi_ossl_x25519_public(uint8_t *pk, const uint8_t *sk)
{
    return raw_public("X25519", pk, sk);
}

/* A key object with the private key and a public key of zeros. OpenSSL computes the public key of
 * a private key that comes alone, a second scalar multiplication that nobody needs here. */
static EVP_PKEY *x25519_private(const uint8_t *sk)
{
    uint8_t none[PQI_X25519_LEN] = {0};
    uint8_t copy[PQI_X25519_LEN]; /* OSSL_PARAM has no const form */
    memcpy(copy, sk, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, none, sizeof none),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    pqi_wipe(copy, sizeof copy);
    return key;
}

pqi_status pqi_ossl_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk)
{
    pqi_status st = PQI_ERR_PROVIDER;
    size_t len = PQI_X25519_LEN;
    EVP_PKEY *own = x25519_private(sk);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key_ex(NULL, "X25519", NULL, pk, PQI_X25519_LEN);
    EVP_PKEY_CTX *ctx = own != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    if (peer != NULL && ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1) {
        /* OpenSSL compares the result with zero in constant time and refuses it there (RFC 7748
         * section 6.1); nothing else can fail in this call with keys of the right length. */
        st = EVP_PKEY_derive(ctx, ss, &len) == 1 && len == PQI_X25519_LEN ? PQI_OK : PQI_ERR_AUTH;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(own);
    if (st != PQI_OK) {
        pqi_wipe(ss, PQI_X25519_LEN);
        return pqi_ossl_fail(st);
    }
    return st;
}

pqi_status pqi_ossl_ed25519_public(uint8_t *pk, const uint8_t *seed)
{
    return raw_public("ED25519", pk, seed);
}

pqi_status pqi_ossl_ed25519_sign(uint8_t *sig, const uint8_t *seed, pqi_cspan msg)
{
    static const uint8_t empty[1];
    pqi_status st = PQI_ERR_PROVIDER;
    size_t len = PQI_ED25519_SIG;
    EVP_PKEY *key = EVP_PKEY_new_raw_private_key_ex(NULL, "ED25519", NULL, seed, 32);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (key != NULL && ctx != NULL &&
        EVP_DigestSignInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1 &&
        EVP_DigestSign(ctx, sig, &len, msg.len != 0 ? msg.ptr : empty, msg.len) == 1 &&
        len == PQI_ED25519_SIG) {
        st = PQI_OK;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    if (st != PQI_OK) {
        pqi_wipe(sig, PQI_ED25519_SIG);
        return pqi_ossl_fail(st);
    }
    return st;
}

pqi_status pqi_ossl_ed25519_verify(const uint8_t *pk, pqi_cspan msg, const uint8_t *sig)
{
    static const uint8_t empty[1];
    pqi_status st = PQI_ERR_PROVIDER;
    EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, pk, PQI_ED25519_PK);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (key != NULL && ctx != NULL &&
        EVP_DigestVerifyInit_ex(ctx, NULL, NULL, NULL, NULL, key, NULL) == 1) {
        const uint8_t *m = msg.len != 0 ? msg.ptr : empty;
        st = EVP_DigestVerify(ctx, sig, PQI_ED25519_SIG, m, msg.len) == 1 ? PQI_OK : PQI_ERR_AUTH;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}
