/* SPDX-License-Identifier: Apache-2.0
 * Memory behind a pqi_nvm: torn writes, a full disk, flipped bits, snapshots. */
#ifndef PQI_TESTS_FAKE_NVM_H
#define PQI_TESTS_FAKE_NVM_H

#include "support/power.h"
#include <pqi/store.h>

#define FAKE_NVM_RECORDS 12u

typedef struct fake_slot {
    char name[33];
    uint8_t *bytes[2]; /* NULL: never written */
    size_t len[2];
} fake_slot;

typedef struct fake_nvm {
    pqi_nvm nvm; /* give &f->nvm to the store */
    fake_slot rec[FAKE_NVM_RECORDS];
    test_power *power;
    size_t room; /* bytes per slot; 0: no limit; longer writes fail untouched (disk full) */
    uint64_t reads, writes;
    uint64_t fail_read; /* number of the read that fails; 0: none */
} fake_nvm;

void fake_nvm_init(fake_nvm *f, test_power *power);
void fake_nvm_free(fake_nvm *f);
/* Deep copy of the medium, for "an old disk image was restored". */
void fake_nvm_copy(fake_nvm *dst, const fake_nvm *src);
/* The record, or NULL. */
fake_slot *fake_nvm_find(fake_nvm *f, const char *name);
void fake_nvm_erase(fake_nvm *f, const char *name, unsigned which);

#endif
