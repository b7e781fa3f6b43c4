/* SPDX-License-Identifier: Apache-2.0
 * The software provider: keys in main memory that the platform protects as well as it can. Runs on
 * hosts (pqi/host.h wraps it) and on microcontrollers; it allocates nothing and knows no files.
 *
 * It is honest about what it is: its capabilities are PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT, never
 * non-exportable, rollback resistant or able to quote. */
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

/* Keys are stored as seeds. With this flag they are also kept expanded in the protected memory:
 * faster by one key generation per operation, for about 7.5 KB per slot. A provider that signs with
 * Falcon needs it: a key generation is some milliseconds on a host and seconds on a Cortex-M4. */
#define PQI_SOFT_CACHE 0x01u

#define PQI_SOFT_SLOTS_MAX   4096u
#define PQI_SOFT_WORKERS_MAX 32u

typedef struct pqi_soft_cfg {
    const pqi_algs *algs; /* borrowed for the life of the provider */
    pqi_soft_platform platform;
    uint32_t slots;   /* keys, 1..PQI_SOFT_SLOTS_MAX */
    uint32_t workers; /* operations at the same time, 1..PQI_SOFT_WORKERS_MAX; 1 without a lock */
    uint32_t flags;   /* PQI_SOFT_* */
    uint64_t boot;    /* differs from start to start: a boot counter or a clock; not secret */
    pqi_span mem;     /* protected memory, pqi_soft_mem_len() bytes, 8-aligned, borrowed */
} pqi_soft_cfg;

/* All members are private. The object stays where it is; it holds no secret. */
typedef struct pqi_soft {
    pqi_provider base;
    pqi_soft_cfg cfg;
    size_t slot_len, sk_max, pk_max, tmp_max, io_max, scratch_len;
    uint64_t ops;
    uint32_t active, waiting, busy;
    uint8_t live, writer;
    uint64_t counters[PQI_COUNTER_SLOTS];
} pqi_soft;

#define PQI_SOFT_COUNTERS_LEN 548u /* bytes of a saved counter blob */

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
 * PQI_OK; PQI_ERR_AUTH: the counters are not those of these keys or were altered; PQI_ERR_STORAGE:
 * keys is no state of this version; PQI_ERR_LIMIT: more keys than slots; others as above. */
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
