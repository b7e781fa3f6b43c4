/* SPDX-License-Identifier: Apache-2.0
 * The software provider: keys in main memory that the platform protects as well as it can. Runs on
 * hosts (pqi/host.h wraps it) and on microcontrollers; it allocates nothing and knows no files.
 *
 * It is honest about what it is: its capabilities are PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT, never
 * non-exportable, rollback resistant or able to quote. Over a pqi_element it has what that has. */
#ifndef PQI_PROVIDER_SOFT_H
#define PQI_PROVIDER_SOFT_H

#include <pqi/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What the platform does for the provider. arg is passed to every function.
 *
 * lock..wake: a mutex and a condition on it, all four or none (one thread only).
 * open, close: called under the lock when the first operation begins and after the last one ended,
 *   for example to change page protection. May be NULL.
 * save_keys: makes `plain` durable in place of what was saved before. plain is secret and lies in the
 *   protected memory: seal it before it leaves. save_counters: the same for `blob`, which is not
 *   secret and carries its own authentication. Neither is called by two threads at once. On error the
 *   old content stays.
 * native_error: for pqi_provider_native_error(). May be NULL. */
typedef struct pqi_soft_platform {
    void *arg;
    void (*lock)(void *arg);
    void (*unlock)(void *arg);
    void (*wait)(void *arg);
    void (*wake)(void *arg);
    pqi_status (*open)(void *arg);
    void (*close)(void *arg);
    pqi_status (*save_keys)(void *arg, pqi_cspan plain);
    pqi_status (*save_counters)(void *arg, pqi_cspan blob);
    uint32_t (*native_error)(void *arg, const char **text);
} pqi_soft_platform;

/* Post-quantum keys that live wholly in an element: made there, and never outside (PKCS#11 3.2 tokens).
 * All members. `key` and statuses as in pqi_element; lengths are those of the algorithm. */
typedef struct pqi_element_pq {
    /* PQI_CAP_NON_EXPORTABLE where the element says so of such keys; PQI_CAP_PERSISTENT alone: it has
     * them and does not; 0: it does not have them, and they are made in memory. Stays as it is. */
    uint32_t (*offered)(void *arg, pqi_key_kind kind, int32_t alg);
    /* As p256_generate, p256_destroy and p256_public. */
    pqi_status (*generate)(void *arg, pqi_key key, pqi_key_kind kind, int32_t alg);
    pqi_status (*destroy)(void *arg, pqi_key key, pqi_key_kind kind);
    pqi_status (*public_key)(void *arg, pqi_key key, pqi_key_kind kind, pqi_span pk);
    /* Hedged; the domain label is the context string of FIPS 204. */
    pqi_status (*sign)(void *arg, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
        size_t n_parts, pqi_span sig);
    /* ss is secret. */
    pqi_status (*decaps)(void *arg, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS]);
} pqi_element_pq;

/* A piece of hardware behind the software provider: a secure element on a bus, a TPM, a token. It holds
 * the P-256 halves of composite keys (pqi/composite.h), which never leave it, and counts generations, so
 * that a saved state that is put back is refused. With it the provider offers composite algorithms,
 * whose post-quantum half it keeps in its own memory as ever. docs/providers.md section 5 shows an
 * element on an I2C bus in some 300 lines.
 *
 * caps says which members are there; the others may be NULL:
 *   PQI_CAP_HALF         p256_*           PQI_CAP_NO_ROLLBACK  generation, advance
 *   PQI_CAP_QUOTE        quote            PQI_CAP_HW_RNG       random
 * Points are uncompressed (SEC 1 section 2.3.3: 04 || x || y, 65 bytes), signatures r || s, integers big
 * endian. `key` is the handle of the whole key. Calls may come from several threads at once where the
 * provider has a lock: an element that cannot do two things at a time has a lock of its own. Statuses are
 * those of pqi/provider.h; PQI_ERR_AUTH and PQI_ERR_LOCKED about its password, PQI_ERR_LIMIT: full. */
typedef struct pqi_element {
    void *arg;
    const char *name; /* of the provider over it: "tpm", "pkcs11", ... */
    uint32_t caps;
    /* Makes a key in place of one that may be left from a birth that was cut off. kind: PQI_KEY_SIG
     * signs, PQI_KEY_KEM agrees, never both. Durable on return. */
    pqi_status (*p256_generate)(void *arg, pqi_key key, pqi_key_kind kind);
    /* PQI_OK too when there is none. */
    pqi_status (*p256_destroy)(void *arg, pqi_key key);
    pqi_status (*p256_public)(void *arg, pqi_key key, uint8_t pk[65]);
    /* ECDSA over SHA-256(msg) (FIPS 186-5); msg 1..PQI_ELEMENT_MSG_MAX bytes. */
    pqi_status (*p256_sign)(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64]);
    /* The x coordinate of the shared point (SP 800-56A 5.7.1.2). PQI_ERR_AUTH: peer is not on the
     * curve. ss is secret. */
    pqi_status (*p256_dh)(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32]);
    /* A number that never goes down, whoever owns the disk. */
    pqi_status (*generation)(void *arg, uint64_t *value);
    /* Makes it value, which is one more than it is. Durable on return. */
    pqi_status (*advance)(void *arg, uint64_t value);
    pqi_status (*quote)(
        void *arg, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len);
    pqi_status (*random)(void *arg, pqi_span out);
    uint32_t (*native_error)(void *arg, const char **text);
    const pqi_element_pq *pq; /* NULL: none */
} pqi_element;

#define PQI_ELEMENT_MSG_MAX 512u

/* Keys are stored as seeds. With this flag they are also kept expanded in the protected memory:
 * faster by one key generation per operation, for about 7.5 KB per slot. A provider that signs with
 * Falcon needs it: a key generation is some milliseconds on a host and seconds on a Cortex-M4. */
#define PQI_SOFT_CACHE 0x01u

#define PQI_SOFT_SLOTS_MAX   4096u
#define PQI_SOFT_WORKERS_MAX 32u

typedef struct pqi_soft_cfg {
    const pqi_algs *algs; /* borrowed for the life of the provider */
    pqi_soft_platform platform;
    const pqi_element *element; /* NULL: none; borrowed for the life of the provider */
    uint32_t slots;             /* keys, 1..PQI_SOFT_SLOTS_MAX */
    uint32_t workers; /* operations at the same time, 1..PQI_SOFT_WORKERS_MAX; 1 without a lock */
    uint32_t flags;   /* PQI_SOFT_* */
    uint64_t boot;    /* differs from start to start: a boot counter or a clock; not secret */
    pqi_span mem;     /* protected memory, pqi_soft_mem_len() bytes, 8-aligned, borrowed */
} pqi_soft_cfg;

/* All members are private. The object stays where it is; it holds no secret. */
typedef struct pqi_soft {
    pqi_provider base;
    pqi_provider_ops ops; /* with name and capabilities of the element */
    pqi_soft_cfg cfg;
    size_t slot_len, sk_max, pk_max, tmp_max, io_max, scratch_len;
    uint64_t n_ops;
    uint32_t active, waiting, busy;
    uint8_t live, writer, unsettled, asked;
    uint32_t native; /* of the last failure */
    const char *native_text;
    uint64_t keys_gen, keys_next, generation; /* of what is saved, over an element that counts */
    uint64_t counters[PQI_COUNTER_SLOTS];
} pqi_soft;

#define PQI_SOFT_COUNTERS_LEN 548u /* bytes of a saved counter blob */
#define PQI_SOFT_COUNTERS_MAX 564u /* the same over an element with PQI_CAP_NO_ROLLBACK */

/* Bytes of protected memory for this configuration (cfg->mem is ignored); 0: out of range. */
PQI_API size_t pqi_soft_mem_len(const pqi_soft_cfg *cfg);

/* Bytes of the longest saved key state for this configuration. */
PQI_API size_t pqi_soft_keys_len(const pqi_soft_cfg *cfg);

/* Starts a provider with new secrets and no keys, and saves keys, then counters. The self test runs
 * first (INV-17). cfg->mem must be accessible during this call and is closed (platform.close) when it
 * returns; so it is for pqi_soft_load().
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_SELFTEST; PQI_ERR_RNG; statuses of the save functions. On error
 * nothing is left in mem. */
PQI_API PQI_MUST_CHECK pqi_status pqi_soft_create(pqi_soft *s, const pqi_soft_cfg *cfg);

/* Starts a provider from saved state.
 * keys      in  what save_keys was given; secret; may lie in mem's unused part only if it is copied
 *               before: it must not overlap cfg->mem
 * counters  in  what save_counters was given; an empty span starts them at zero and saves them, for
 *               a first start that was interrupted between the two saves
 * Over an element that counts, one step of a change that was cut off is finished here. A composite key
 * whose half the element does not know stays, and its use is PQI_ERR_MISSING.
 * PQI_OK; PQI_ERR_AUTH: the counters are not those of these keys or were altered; PQI_ERR_STORAGE:
 * keys is no state of this version; PQI_ERR_LIMIT: more keys than slots; PQI_ERR_ROLLBACK: keys or
 * counters are older than the element; statuses of the element; others as above. */
PQI_API PQI_MUST_CHECK pqi_status pqi_soft_load(
    pqi_soft *s, const pqi_soft_cfg *cfg, pqi_cspan keys, pqi_cspan counters);

/* Saves the keys once more, for example under a new platform header. */
PQI_API PQI_MUST_CHECK pqi_status pqi_soft_save_keys(pqi_soft *s);

/* The provider of a started object; NULL for NULL. */
PQI_API pqi_provider *pqi_soft_provider(pqi_soft *s);

#ifdef __cplusplus
}
#endif
#endif
