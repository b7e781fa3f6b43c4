/* SPDX-License-Identifier: Apache-2.0
 * Objects of schedules of the control plane: tests/control/schedule.py tells the language. */
#ifndef PQI_TESTS_CONTROL_CTL_DRIVER_H
#define PQI_TESTS_CONTROL_CTL_DRIVER_H

#include "support/ctl_fixture.h"

#include <stdbool.h>

#define DRV_OBJECTS 256u
#define DRV_LOGS    32u
#define DRV_ENTRIES 24u
#define DRV_ROOTS   4u
#define DRV_TOKENS  160u
#define DRV_ARGS    24u
#define DRV_LEAVES  4u

typedef struct drv_object {
    pqi_object kind;
    pqi_cspan bytes;
    pqi_head head;      /* spans empty */
    uint32_t seq, size; /* policy, roster */
    uint8_t hash[32];   /* policy; root of a roster */
    uint32_t chain;     /* ticks of a head */
    uint32_t variant;   /* leaves of a roster */
} drv_object;

typedef struct drv_log {
    pqi_revoked e[DRV_ENTRIES];
    uint32_t n;
} drv_log;

typedef struct drv_world {
    plane p; /* keys and algorithms */
    pqi_manifest roots[DRV_ROOTS + 1u];
    uint8_t tokens[DRV_ROOTS + 1u][DRV_TOKENS + 1u][PQI_HASH_LEN];
    size_t first; /* objects of the plane that stay */
    drv_object obj[DRV_OBJECTS];
    uint32_t n_obj;
    drv_log log[DRV_LOGS];
    uint32_t n_log;
} drv_world;

void drv_open(drv_world *w);
void drv_close(drv_world *w);
/* A line of the world: U, M, L, H, T, P, R, S, A. false: no such line. */
bool drv_make(drv_world *w, char verb, const int64_t *a, size_t n);
const drv_object *drv_object_at(const drv_world *w, int64_t k);
/* Tick i of head object h; its preimage. */
void drv_preimage(const drv_world *w, const drv_object *h, bool local, uint32_t i, uint8_t out[32]);
/* Leaf of a roster of this variant. */
pqi_leaf drv_leaf(uint32_t i, uint32_t variant);

#endif
