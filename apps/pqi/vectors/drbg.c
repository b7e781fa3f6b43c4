/* SPDX-License-Identifier: Apache-2.0
 * CTR_DRBG over OpenSSL's AES-256. */
#include "drbg.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK 16u

/* The next blocks of AES-256(key, v + 1), (v + 2), ... */
static void blocks(pqi_drbg *d, uint8_t *out, size_t n)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    int len = 0;
    bool ok = c != NULL && EVP_EncryptInit_ex(c, EVP_aes_256_ecb(), NULL, d->key, NULL) == 1 &&
              EVP_CIPHER_CTX_set_padding(c, 0) == 1;
    for (size_t i = 0; ok && i < n; i++) {
        for (size_t k = BLOCK; k > 0 && ++d->v[k - 1] == 0; k--) {
            /* the carry goes on */
        }
        ok = EVP_EncryptUpdate(c, out + i * BLOCK, &len, d->v, BLOCK) == 1 && len == BLOCK;
    }
    EVP_CIPHER_CTX_free(c);
    if (!ok) {
        (void)pqi_cli_fail(PQI_CLI_ENV, "check the OpenSSL library", "AES-256 does not work");
        exit(PQI_CLI_ENV);
    }
}

/* CTR_DRBG_Update, section 10.2.1.2; `data` NULL: zero. */
static void update(pqi_drbg *d, const uint8_t *data)
{
    uint8_t next[PQI_DRBG_SEED];
    blocks(d, next, sizeof next / BLOCK);
    for (size_t i = 0; data != NULL && i < sizeof next; i++) {
        next[i] ^= data[i];
    }
    memcpy(d->key, next, sizeof d->key);
    memcpy(d->v, next + sizeof d->key, sizeof d->v);
}

/* Section 10.2.1.3.1. */
void pqi_drbg_init(pqi_drbg *d, const uint8_t entropy[PQI_DRBG_SEED])
{
    memset(d, 0, sizeof *d);
    update(d, entropy);
}

/* Section 10.2.1.5.1. */
void pqi_drbg_generate(pqi_drbg *d, uint8_t *out, size_t len)
{
    uint8_t last[BLOCK];
    size_t whole = len / BLOCK;
    blocks(d, out, whole);
    if (len % BLOCK != 0) {
        blocks(d, last, 1);
        memcpy(out + whole * BLOCK, last, len % BLOCK);
    }
    update(d, NULL);
}
