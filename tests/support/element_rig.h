/* SPDX-License-Identifier: Apache-2.0
 * The software provider over a fake element and a disk in memory. */
#ifndef PQI_TESTS_ELEMENT_RIG_H
#define PQI_TESTS_ELEMENT_RIG_H

#include "pqi_test.h"
#include "support/fake_element.h"

#include <pqi/host.h>

#define RIG_KEYS_MAX 2048u

/* What is on the disk at one moment. */
typedef struct rig_disk {
    uint8_t keys[RIG_KEYS_MAX], counters[PQI_SOFT_COUNTERS_MAX];
    size_t keys_len, counters_len;
} rig_disk;

typedef struct element_rig {
    pqi_algs algs;
    pqi_soft soft;
    pqi_soft_cfg cfg;
    fake_element fake;
    rig_disk disk;
    unsigned saves, fail_save; /* the save of this number fails; 0: none */
    int save_late;             /* it took place nevertheless */
    int saves_end;             /* and all after it fail */
    unsigned steps, cut_at;    /* the power goes at this step of lasting changes; 0: never */
    int dark;                  /* it is gone: every lasting change fails */
    void (*watch)(void);       /* after each lasting change */
} element_rig;

#define RIG_CAPS (PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK | PQI_CAP_QUOTE | PQI_CAP_HW_RNG)

/* A new provider of `slots` keys. */
pqi_provider *element_rig_make(element_rig *r, uint32_t caps, uint32_t flags, uint32_t slots);
/* Sets up only: for pqi_soft_create() and element_rig_load(). */
void element_rig_init(element_rig *r, uint32_t caps, uint32_t flags, uint32_t slots);
/* Starts again from what is on the disk, as after a restart. */
pqi_status element_rig_load(element_rig *r, const rig_disk *disk);
void element_rig_end(element_rig *r);

#endif
