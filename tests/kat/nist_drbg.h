/* SPDX-License-Identifier: Apache-2.0
 * AES-256-CTR DRBG (NIST SP 800-90A, no derivation function) as the known-answer generator of the
 * NIST post-quantum process uses it. The test links OpenSSL. */
#ifndef PQI_TESTS_KAT_NIST_DRBG_H
#define PQI_TESTS_KAT_NIST_DRBG_H

#include "pqi_test.h"

#include <openssl/evp.h>

typedef struct nist_drbg {
    uint8_t key[32], v[16];
} nist_drbg;

/* The next 16 bytes of E(key, ++v). */
static inline void nist_drbg_block(nist_drbg *d, uint8_t out[16])
{
    for (int i = 15; i >= 0 && ++d->v[i] == 0; i--) {
    }
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;
    assert_non_null(c);
    assert_int_equal(EVP_EncryptInit_ex(c, EVP_aes_256_ecb(), NULL, d->key, NULL), 1);
    assert_int_equal(EVP_EncryptUpdate(c, out, &len, d->v, 16), 1);
    EVP_CIPHER_CTX_free(c);
}

static inline void nist_drbg_update(nist_drbg *d, const uint8_t *provided)
{
    uint8_t next[48];
    for (unsigned i = 0; i < 3; i++) {
        nist_drbg_block(d, next + 16 * i);
    }
    for (unsigned i = 0; i < 48 && provided != NULL; i++) {
        next[i] ^= provided[i];
    }
    memcpy(d->key, next, 32);
    memcpy(d->v, next + 32, 16);
}

static inline void nist_drbg_start(nist_drbg *d, const uint8_t seed[48])
{
    memset(d, 0, sizeof *d);
    nist_drbg_update(d, seed);
}

static inline void nist_drbg_bytes(nist_drbg *d, uint8_t *out, size_t len)
{
    uint8_t block[16];
    for (size_t at = 0; at < len; at += 16) {
        nist_drbg_block(d, block);
        memcpy(out + at, block, len - at < 16 ? len - at : 16);
    }
    nist_drbg_update(d, NULL);
}

#endif
