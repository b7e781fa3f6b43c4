/* SPDX-License-Identifier: Apache-2.0
 * A tick box between its two files: ticks.c (what it does), ticks_store.c (what it keeps). */
#ifndef PQI_PORT_LINUX_TICKS_INT_H
#define PQI_PORT_LINUX_TICKS_INT_H

#include "port/linux/protected_mem.h"
#include "port/linux/why.h"

#include <pqi/host_ticks.h>

#define PQI_TICKS_DEVICE_MAX 64u

typedef struct pqi_ticks_seeded {
    pqi_ticks_chain c;
    uint8_t seed[PQI_HASH_LEN]; /* the last preimage */
} pqi_ticks_seeded;

/* What is stored beside root and head. */
typedef struct pqi_ticks_state {
    pqi_ticks_seeded chain, next;
    uint32_t root_version, head_epoch; /* of the newest head seen: nothing older is taken */
    uint32_t fleet_i;                  /* newest tick of the fleet under it */
    uint8_t fleet_h[PQI_HASH_LEN];
    uint8_t giving;
    uint64_t elapsed_ms, at_ms; /* time since the head, as of this reading of the clock */
    uint8_t boot[PQI_TICKS_BOOT_MAX];
} pqi_ticks_state;

/* In protected memory. */
#define PQI_TICKS_PLAIN_MAX (PQI_MANIFEST_MAX + PQI_HEAD_MAX + 512u)
typedef struct pqi_ticks_box {
    pqi_ticks_state s, draft;
    uint8_t plain[PQI_TICKS_PLAIN_MAX];
} pqi_ticks_box;

struct pqi_host_ticks {
    pqi_algs algs;
    pqi_host_ticks_cfg cfg;
    char dir[PQI_DIR_PATH_MAX], device[PQI_TICKS_DEVICE_MAX + 1];
    uint8_t boot[PQI_TICKS_BOOT_MAX]; /* zero: not known */
    pqi_provider *provider;
    int lock;
    pqi_pmem mem;
    pqi_ticks_box *box;
    uint64_t generation, saved_ms, heard_ms;
    int index; /* of this box in the head; -1: it is not named, or by another anchor */
    uint8_t root_bytes[PQI_MANIFEST_MAX], head_bytes[PQI_HEAD_MAX];
    size_t root_len, head_len; /* 0: none */
    pqi_manifest manifest;
    pqi_head head;
    pqi_span tmp;
};

/* Writes box->draft with this root and head, durably, and makes it the state. On an error the state is as before;
 * what is on the disk is the one or the other. */
PQI_MUST_CHECK pqi_status pqi_ticks_save(pqi_host_ticks *t, pqi_cspan root, pqi_cspan head);
/* Reads it; root_bytes and head_bytes are filled. PQI_ERR_MISSING: there is no file. */
PQI_MUST_CHECK pqi_status pqi_ticks_load(pqi_host_ticks *t);

/* The clock; and which run of it this is, into t->boot: `boot`, or the kernel's boot id. */
uint64_t pqi_ticks_now(const pqi_host_ticks *t);
void pqi_ticks_boot(pqi_host_ticks *t, const char *boot);

#endif
