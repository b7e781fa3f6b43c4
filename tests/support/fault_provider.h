/* SPDX-License-Identifier: Apache-2.0
 * A provider in front of another one, for tests: it passes every call on, and fails the n-th one. */
#ifndef PQI_TESTS_FAULT_PROVIDER_H
#define PQI_TESTS_FAULT_PROVIDER_H

#include <pqi/provider.h>

/* Shared by all wrapped providers of the program. */
typedef struct fault_plan {
    unsigned calls, fail_at; /* the call of this number fails; 0: none */
    pqi_status with;
    const char *failed; /* name of the operation that failed; NULL: none yet */
    unsigned open;      /* wrapped providers that are not closed */
} fault_plan;

extern fault_plan fault;

void fault_arm(unsigned at, pqi_status with);

/* A new provider around `real`; NULL for NULL. */
pqi_provider *fault_wrap(pqi_provider *real);
/* Frees the wrapper and gives what was in it; any other provider as it is. */
pqi_provider *fault_unwrap(pqi_provider *p);

#endif
