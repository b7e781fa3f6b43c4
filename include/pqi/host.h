/* SPDX-License-Identifier: Apache-2.0
 * What a Linux host offers to the core: the classical primitives over OpenSSL 3 and the file-backed
 * software provider. */
#ifndef PQI_HOST_H
#define PQI_HOST_H

#include <pqi/classic.h>
#include <pqi/composite.h>
#include <pqi/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The classical table over libcrypto 3. Thread-safe; random bytes come from getrandom(2). Beyond
 * SHA-256, -384 and -512 it offers SHA-224, SHA-512/224 and SHA-512/256. */
PQI_API extern const pqi_classic pqi_classic_openssl;

/* ---- composite algorithms over OpenSSL's P-256 -------------------------------------------------- */

/* docs/spec/composite.md; pre-standard. Verification looks at both halves always. The KEM expands its
 * 32 coins with SHAKE256; its check_pk and encapsulation answer PQI_ERR_DECODE for a P-256 key that is
 * not an uncompressed point of the curve. */
PQI_API extern const pqi_sig pqi_sig_ml_dsa_44_p256;
PQI_API extern const pqi_sig pqi_sig_ml_dsa_65_p256;
PQI_API extern const pqi_sig pqi_sig_falcon_512_p256;
PQI_API extern const pqi_sig pqi_sig_falcon_1024_p256;
PQI_API extern const pqi_kem pqi_kem_ml_kem_768_p256;
PQI_API extern const pqi_suite pqi_suite_0009; /* ML-KEM-768-P256 */

/* All algorithms of the library over OpenSSL, the composite ones and their suite among them: fills and
 * returns mem. */
PQI_API const pqi_algs *pqi_host_algs(pqi_algs *mem);

/* ---- the file-backed software provider ---------------------------------------------------------- */

/* Where the secret that opens the provider comes from: at most one of the first four is set.
 *   soft:    the key that encrypts its files; none is PQI_ERR_ARG: nothing is ever stored unencrypted
 *   tpm:     the authorisation value of its objects in the TPM; may be none (empty)
 *   pkcs11:  the PIN; may be none where the URI names a pin-source
 *   agent:   none: the agent has it */
typedef struct pqi_host_kek_source {
    const char *key_file;        /* 32 random bytes, mode 0600 */
    const char *passphrase_file; /* first line; mode 0600 */
    const char *credential;      /* name under $CREDENTIALS_DIRECTORY (systemd) */
    pqi_cspan passphrase;        /* as typed by a person; the caller wipes it */
    /* Which provider a new directory gets: a URI of docs/providers.md section 2. NULL: "soft:". An
     * existing directory remembers its own, and another one given here is PQI_ERR_STATE. */
    const char *provider;
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

/* Opens the provider of cfg->dir: software keys, or over a TPM, a PKCS#11 token or an agent, as
 * cfg->kek.provider says for a new directory and its file provider.uri for one that exists. For
 * software keys (and behind a TPM or token, docs/providers.md section 3) it locks the directory.
 * provider.pqi holds the keys, encrypted
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
    int wiped_on_fork; /* zero in forked children, or not there */
    size_t bytes;      /* of protected memory */
    int secret; /* memfd_secret(2): not even root, a debugger or the kernel reads it. 0: between
                        * operations it is encrypted under a key in other pages of the process */
} pqi_host_provider_facts;

/* PQI_OK; PQI_ERR_ARG: NULL or not a provider of pqi_host_provider_open(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_provider_get_facts(
    const pqi_provider *p, pqi_host_provider_facts *out);

/* ---- the end of the process --------------------------------------------------------------------- */

/* exit() and quick_exit() wipe the protected memory of all providers, tick boxes and control planes that
 * are open. This makes signals do it too: SIGTERM, SIGINT, SIGHUP, SIGQUIT and the crashes SIGABRT,
 * SIGSEGV, SIGBUS, SIGFPE and SIGILL. Then the signal ends the process as it does by default; from
 * the wipe on no operation returns and no file is replaced, so stored keys stay whole.
 *
 * A signal of the first four that is ignored or has a handler stays as it is: that program ends by
 * exit(). The earlier handler of a crash runs after the wipe, and the process ends when it returns; it
 * must not jump out. A handler that is set later replaces this one. Stacks are not wiped: see
 * pqi_host_no_dumps(). Call it once at the start (again is fine), before there are threads.
 * PQI_OK; PQI_ERR_PROVIDER: the kernel refused. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_wipe_on_signals(void);

/* No core dumps of this process (RLIMIT_CORE 0), and no debugger, /proc/PID/mem or the like for anybody but
 * root (PR_SET_DUMPABLE 0). Nothing where the environment has PQI_ALLOW_DUMP=1. An executed
 * program inherits the first, not the second.
 * PQI_OK; PQI_ERR_PROVIDER: the kernel refused. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_no_dumps(void);

#ifdef __cplusplus
}
#endif
#endif
