/* SPDX-License-Identifier: Apache-2.0
 * What the OpenSSL back end shares between its files. */
#ifndef PQI_PORT_LINUX_OSSL_H
#define PQI_PORT_LINUX_OSSL_H

#include <pqi/classic.h>

#include <openssl/evp.h>

/* Indices are the values of pqi_hash_id and pqi_aead_id. */
#define PQI_OSSL_HASHES 7u
#define PQI_OSSL_AEADS  6u

/* Algorithms fetched once per process, read-only afterwards. An entry is NULL where the loaded
 * OpenSSL providers do not offer it. */
typedef struct pqi_ossl {
    EVP_MD *md[PQI_OSSL_HASHES];
    EVP_CIPHER *cipher[PQI_OSSL_AEADS];
} pqi_ossl;

/* Contexts of the calling thread, made on first use and freed at thread exit. No secret stays in
 * them between calls. */
typedef struct pqi_ossl_thread {
    EVP_MD_CTX *md[PQI_OSSL_HASHES]; /* started, if not NULL */
    EVP_CIPHER_CTX *cipher[PQI_OSSL_AEADS];
} pqi_ossl_thread;

const pqi_ossl *pqi_ossl_get(void);
/* NULL: no memory. */
pqi_ossl_thread *pqi_ossl_thread_get(void);

/* Clears OpenSSL's error queue of this thread and returns st. */
pqi_status pqi_ossl_fail(pqi_status st);

pqi_status pqi_ossl_x25519_public(uint8_t *pk, const uint8_t *sk);
pqi_status pqi_ossl_x25519(uint8_t *ss, const uint8_t *sk, const uint8_t *pk);
pqi_status pqi_ossl_ed25519_public(uint8_t *pk, const uint8_t *seed);
pqi_status pqi_ossl_ed25519_sign(uint8_t *sig, const uint8_t *seed, pqi_cspan msg);
pqi_status pqi_ossl_ed25519_verify(const uint8_t *pk, pqi_cspan msg, const uint8_t *sig);
pqi_status pqi_ossl_aead_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
pqi_status pqi_ossl_aead_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);

#endif
