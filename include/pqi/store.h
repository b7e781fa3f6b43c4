/* SPDX-License-Identifier: Apache-2.0
 * What must survive a restart: sealed records in a two-slot journal, bound to a counter of the
 * provider, over a tiny table that a port fills. docs/spec/state.md.
 *
 * Not thread-safe per store. */
#ifndef PQI_STORE_H
#define PQI_STORE_H

#include <pqi/provider.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The port's table: `name` is 1..32 bytes of [a-z0-9-], which is 0 or 1. write is durable when it
 * returns; a power cut may leave a torn slot, never harm the other one. */
typedef struct pqi_nvm {
    void *ctx;
    /* PQI_OK; PQI_ERR_MISSING: never written; PQI_ERR_STORAGE; PQI_ERR_SPACE: longer than out. */
    pqi_status (*read)(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len);
    /* PQI_OK; PQI_ERR_STORAGE: failed or full; the slot may be torn. */
    pqi_status (*write)(void *ctx, const char *name, unsigned which, pqi_cspan data);
} pqi_nvm;

#define PQI_STORE_OVERHEAD 48u /* header 20 + PQI_SEAL_OVERHEAD */

typedef struct pqi_store {
    pqi_provider *provider;
    const pqi_nvm *nvm;
    const char *name;    /* record and seal label */
    uint32_t slot;       /* counter slot that holds the newest generation */
    uint64_t generation; /* of the newest record; 0: none yet */
    int open;
} pqi_store;

/* Finds the newest record and unseals it.
 * buf   -    scratch, at least max plain length + PQI_STORE_OVERHEAD
 * plain out  the record; *len its length
 * PQI_OK; PQI_ERR_MISSING: nothing was ever stored (the store is open and empty);
 * PQI_ERR_STORAGE: damaged beyond the other slot's help (INV-9); PQI_ERR_ROLLBACK: older than the
 * provider's counter, or gone while the counter says it existed (INV-8, INV-10); PQI_ERR_SPACE.
 * A crash between the write of a record and the advance of its counter is healed here (INV-11). */
PQI_API PQI_MUST_CHECK pqi_status pqi_store_open(pqi_store *s, pqi_provider *p, const pqi_nvm *nvm,
    const char *name, uint32_t slot, pqi_span buf, pqi_span plain, size_t *len);

/* Stores a new generation: seal, write the other slot, advance the counter. On error the newest
 * record is still the old one, or the new one if only the counter failed; both start again.
 * buf: plain.len + PQI_STORE_OVERHEAD bytes. PQI_ERR_STATE: not open. */
PQI_API PQI_MUST_CHECK pqi_status pqi_store_save(pqi_store *s, pqi_cspan plain, pqi_span buf);

#ifdef __cplusplus
}
#endif
#endif
