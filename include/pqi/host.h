/* SPDX-License-Identifier: Apache-2.0
 * What a Linux host offers to the core: the classical primitives over OpenSSL 3 and the file-backed
 * software provider. */
#ifndef PQI_HOST_H
#define PQI_HOST_H

#include <pqi/classic.h>
#include <pqi/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The classical table over libcrypto 3. Thread-safe; random bytes come from getrandom(2). Beyond
 * SHA-256, -384 and -512 it offers SHA-224, SHA-512/224 and SHA-512/256. */
PQI_API extern const pqi_classic pqi_classic_openssl;

/* ---- the file-backed software provider ---------------------------------------------------------- */

/* Where the key that encrypts the provider's files comes from: exactly one member is set. None is
 * PQI_ERR_ARG: nothing is ever stored unencrypted. */
typedef struct pqi_host_kek_source {
    const char *key_file;        /* 32 random bytes, mode 0600 */
    const char *passphrase_file; /* first line; mode 0600 */
    const char *credential;      /* name under $CREDENTIALS_DIRECTORY (systemd) */
    pqi_cspan passphrase;        /* as typed by a person; the caller wipes it */
} pqi_host_kek_source;

/* Finds the credential "pqi-kek" of systemd (LoadCredential=pqi-kek:...) and names it in *out.
 * PQI_OK; PQI_ERR_MISSING: the service was given none; PQI_ERR_STORAGE: not readable. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_kek_from_env(pqi_host_kek_source *out);

#define PQI_HOST_SLOTS_DEFAULT   32u
#define PQI_HOST_WORKERS_DEFAULT 4u

typedef struct pqi_host_provider_cfg {
    const pqi_algs *algs; /* borrowed until close */
    const char *dir;      /* of the provider alone, mode 0700; copied as an absolute path */
    pqi_host_kek_source kek;
    int create;       /* 1: make the directory and a new provider where there is none */
    uint32_t slots;   /* keys; 0: PQI_HOST_SLOTS_DEFAULT */
    uint32_t workers; /* operations at the same time; 0: PQI_HOST_WORKERS_DEFAULT */
} pqi_host_provider_cfg;

/* Opens the provider in cfg->dir and locks the directory. provider.pqi holds the keys, encrypted
 * under the key-encryption key (KEK); counters.pqi the counters. Both are replaced atomically and
 * durably. In memory the keys lie between guard pages, locked, outside of core dumps and of forked
 * children, and without access rights between operations.
 *
 * One provider serves many threads. A forked child cannot use it (PQI_ERR_STATE) and must not fork
 * while another thread is inside. No call from a signal handler, and no pthread_cancel() of a thread
 * that is inside: the provider would wait for it for ever. Once the lock file is removed or the
 * directory replaced, nothing is written any more: keys and counters can be used but not changed
 * (PQI_ERR_STORAGE).
 *
 * On error *out is NULL and the files are as before.
 * PQI_OK; PQI_ERR_ARG: not exactly one KEK source, a bad configuration; PQI_ERR_MISSING: there is no
 * provider (and cfg->create is 0), or no such key file; PQI_ERR_AUTH: another KEK, or altered files;
 * PQI_ERR_STORAGE: truncated, unreadable, open to other users, half of the files gone, disk full;
 * PQI_ERR_STATE: open elsewhere; PQI_ERR_LIMIT: more keys than slots, or no memory;
 * PQI_ERR_SELFTEST, PQI_ERR_RNG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_provider_open(
    pqi_provider **out, const pqi_host_provider_cfg *cfg);

/* Wipes, unlocks and frees. No other thread may be inside. NULL is fine; a provider that
 * pqi_host_provider_open() did not make is left alone. */
PQI_API void pqi_host_provider_close(pqi_provider *p);

/* What the kernel granted; 0 is a warning for the log. */
typedef struct pqi_host_provider_facts {
    int locked;        /* cannot be swapped out: RLIMIT_MEMLOCK was high enough */
    int not_dumped;    /* left out of core dumps */
    int wiped_on_fork; /* zero in forked children */
    size_t bytes;      /* of protected memory */
} pqi_host_provider_facts;

/* PQI_OK; PQI_ERR_ARG: NULL or not a provider of pqi_host_provider_open(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_provider_get_facts(
    const pqi_provider *p, pqi_host_provider_facts *out);

#ifdef __cplusplus
}
#endif
#endif
