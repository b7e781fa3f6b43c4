/* SPDX-License-Identifier: Apache-2.0
 * Memory for secrets: between guard pages, locked, left out of core dumps, not there in a forked child,
 * and without any access right while it is closed (INV-2, INV-16).
 *
 *   guard page | padding, low canary | data | high canary | guard page
 *
 * Two kinds. Secret pages, memfd_secret(2), are first choice: the kernel takes them out of its own map, so
 * that neither /proc/PID/mem nor ptrace nor another part of the kernel can read them, whoever asks.
 * Private pages where there is no memfd_secret or RLIMIT_MEMLOCK leaves no room: to their owner, root and
 * debuggers they are readable even without access rights. So what lies in them is shielded, that
 * is encrypted in place, while they are closed, under a key that is made at each close and lies in pages
 * of its own. Who reads all of the memory finds the key and undoes it; it defeats partial leaks, a
 * stray pointer in the kernel, a dump or a swapped page that lacks the key.
 *
 * Not thread-safe: the caller serialises open and close. A pqi_pmem stays where it is until it is
 * unmapped: the end of the process finds it (pmem_end.h). */
#ifndef PQI_PORT_LINUX_PROTECTED_MEM_H
#define PQI_PORT_LINUX_PROTECTED_MEM_H

#include <pqi/span.h>
#include <pqi/status.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#define PQI_PMEM_CANARY 16u

typedef struct pqi_pmem_shield pqi_pmem_shield;

typedef struct pqi_pmem pqi_pmem;
struct pqi_pmem {
    uint8_t *map; /* the whole mapping */
    size_t map_len;
    uint8_t *inner; /* between the guard pages */
    size_t inner_len;
    pqi_span data; /* 16-aligned */
    size_t hidden; /* first bytes of data that are shielded; the caller may lower it before a close
                    * when the rest holds no secret then */
    pqi_pmem_shield *shield; /* NULL: secret pages */
    pid_t owner;             /* the process that mapped it */
    pqi_pmem *next;          /* in the list of pmem_end.c */
    uint8_t canary[PQI_PMEM_CANARY];
    bool secret, locked, not_dumped, wiped_on_fork, damaged;
    _Atomic bool cycled;  /* it was closed once: from then on it is open only while in use */
    _Atomic bool foreign; /* this is a forked child */
    _Atomic bool ended;   /* the process ends: no more open */
    _Atomic bool opened;  /* somebody works with it */
};

/* Maps room for len bytes; it starts open. That a lock or an advice of the kernel failed is told by
 * the flags. The environment variable PQI_SECRET_MEM=0 asks for private pages, for a machine that
 * hibernates: the kernel does not while there are secret ones.
 * PQI_OK; PQI_ERR_RNG; PQI_ERR_LIMIT: no memory. */
PQI_MUST_CHECK pqi_status pqi_pmem_map(pqi_pmem *m, size_t len);

/* PQI_OK; PQI_ERR_PROVIDER: the kernel refused, or somebody wrote beyond the data;
 * PQI_ERR_STATE: this is a forked child, or the process ends. */
PQI_MUST_CHECK pqi_status pqi_pmem_open(pqi_pmem *m);

/* Shields and takes the access rights away. A damaged canary makes the next open fail. */
void pqi_pmem_close(pqi_pmem *m);

/* Wipes and unmaps; fine on a zeroed object and in a forked child. */
void pqi_pmem_unmap(pqi_pmem *m);

/* Whether this process mapped it: a forked child must not touch it. */
bool pqi_pmem_is_ours(const pqi_pmem *m);

/* Overwrites the content with zeros whether it is open or closed; canaries stay. Async-signal-safe. */
void pqi_pmem_wipe(pqi_pmem *m);

#endif
