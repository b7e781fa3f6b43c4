/* SPDX-License-Identifier: Apache-2.0
 * The store table of pqi/store.h over files: slot i of record `name` is <dir>/<name>.<i>, written
 * atomically and durably with mode 0600 (INV-14) in a directory that belongs to the caller alone. */
#ifndef PQI_HOST_STORE_H
#define PQI_HOST_STORE_H

#include <pqi/store.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_HOST_NVM_CAP (8u * 1024u * 1024u) /* bytes of one slot, written or read (INV-15) */
#define PQI_HOST_DIR_MAX 3072u

typedef struct pqi_host_nvm {
    pqi_nvm nvm; /* give &h->nvm to stores and endpoints; the object must not move meanwhile */
    char dir[PQI_HOST_DIR_MAX];
} pqi_host_nvm;

/* Fills *h for the directory `dir` (mode 0700, made by the caller). Nothing stays open and nothing
 * is allocated, so there is nothing to close. One process at a time may use a directory.
 * PQI_OK; PQI_ERR_ARG: a NULL or too long path; PQI_ERR_MISSING: no such directory;
 * PQI_ERR_STORAGE: not a directory, not ours, or open to others. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_nvm_open(pqi_host_nvm *h, const char *dir);

#ifdef __cplusplus
}
#endif
#endif
