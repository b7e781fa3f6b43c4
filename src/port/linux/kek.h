/* SPDX-License-Identifier: Apache-2.0
 * The key that encrypts the provider's file: from a key file, a credential or a passphrase. */
#ifndef PQI_PORT_LINUX_KEK_H
#define PQI_PORT_LINUX_KEK_H

#include <pqi/host.h>

#define PQI_KEK_LEN  32u
#define PQI_KEK_SALT 16u

typedef enum pqi_kek_kind {
    PQI_KEK_FILE = 1,       /* HKDF-SHA-256 of the bytes of a file */
    PQI_KEK_PASSPHRASE = 2, /* scrypt, RFC 7914 */
    PQI_KEK_ELEMENT = 3     /* random, wrapped by hardware: provider_files.c */
} pqi_kek_kind;

/* Stored in clear beside what the key encrypts, and authenticated with it. */
typedef struct pqi_kek_params {
    uint8_t kind;        /* pqi_kek_kind */
    uint8_t log2_n;      /* scrypt; 0 for a file */
    uint8_t r, parallel; /* scrypt; 0 for a file */
    uint8_t salt[PQI_KEK_SALT];
} pqi_kek_params;

/* Parameters for a new store under this source, with a fresh salt.
 * PQI_OK; PQI_ERR_ARG: not exactly one source; PQI_ERR_RNG. */
PQI_MUST_CHECK pqi_status pqi_kek_new_params(const pqi_host_kek_source *src, pqi_kek_params *out);

/* Derives the key. The parameters are bounded here, so a forged file cannot make it slow.
 * kek  out  PQI_KEK_LEN bytes, secret; zero on error
 * PQI_OK; PQI_ERR_ARG: not exactly one source; PQI_ERR_AUTH: the store was made with the other kind
 * of source, or with an empty passphrase; PQI_ERR_MISSING: there is no such key file;
 * PQI_ERR_STORAGE: it is not readable, open to others, or shorter than 32 bytes;
 * PQI_ERR_DECODE: parameters out of bounds; PQI_ERR_PROVIDER: OpenSSL. */
PQI_MUST_CHECK pqi_status pqi_kek_derive(
    const pqi_host_kek_source *src, const pqi_kek_params *params, uint8_t *kek);

/* After PQI_ERR_STORAGE: what is wrong with the file of the source goes to pqi_why(); says nothing of a good
 * one. Only looks: what was refused stays refused. */
void pqi_kek_explain(const pqi_host_kek_source *src);

/* How many sources are given. */
unsigned pqi_kek_sources(const pqi_host_kek_source *src);

/* The bytes of the source as they are, for an element; no source gives 0 bytes. A passphrase file gives
 * its first line. PQI_ERR_ARG: more than one source, or more bytes; others as above.
 * out  out  PQI_KEK_SECRET_MAX bytes, secret; the caller wipes it */
#define PQI_KEK_SECRET_MAX 4096u
PQI_MUST_CHECK pqi_status pqi_kek_secret(const pqi_host_kek_source *src, uint8_t *out, size_t *len);

#endif
