/* SPDX-License-Identifier: Apache-2.0
 * Memory for secrets: between guard pages, locked, left out of core dumps, zero in a forked child,
 * and without any access right while it is closed (INV-2, INV-16).
 *
 *   guard page | padding, low canary | data | high canary | guard page
 *
 * Not thread-safe: the caller serialises open and close. */
#ifndef PQI_PORT_LINUX_PROTECTED_MEM_H
#define PQI_PORT_LINUX_PROTECTED_MEM_H

#include <pqi/span.h>
#include <pqi/status.h>

#include <stdbool.h>

#define PQI_PMEM_CANARY 16u

typedef struct pqi_pmem {
    uint8_t *map; /* the whole mapping */
    size_t map_len;
    uint8_t *inner; /* between the guard pages */
    size_t inner_len;
    pqi_span data; /* 16-aligned */
    uint8_t canary[PQI_PMEM_CANARY];
    bool locked, not_dumped, wiped_on_fork, damaged;
} pqi_pmem;

/* Maps room for len bytes; it starts open. That a lock or an advice of the kernel failed is told by
 * the flags. PQI_OK; PQI_ERR_RNG; PQI_ERR_LIMIT: no memory. */
PQI_MUST_CHECK pqi_status pqi_pmem_map(pqi_pmem *m, size_t len);

/* PQI_OK; PQI_ERR_PROVIDER: the kernel refused, or somebody wrote beyond the data;
 * PQI_ERR_STATE: this is a forked child, where the memory is zero. */
PQI_MUST_CHECK pqi_status pqi_pmem_open(pqi_pmem *m);

/* Takes the access rights away. A damaged canary makes the next open fail. */
void pqi_pmem_close(pqi_pmem *m);

/* Wipes and unmaps; fine on a zeroed object. */
void pqi_pmem_unmap(pqi_pmem *m);

#endif
