/* SPDX-License-Identifier: Apache-2.0
 * Sampling with the processor's double, where it is one. */
#include "prim/falcon/fpr_have.h"
#include "prim/falcon/sample.h"

#if defined(PQI_FPR_HAVE_NATIVE)

/* The two functions that divide keep to themselves and have names of their own, so that
 * tests/ct/division-allowed.txt allows the division of these and of no other function. */
#define FPR_DIVIDES __attribute__((noinline))
#define decompose   native_decompose
#define root_node   native_root_node

#define PQI_FPR_NATIVE
#include "prim/falcon/sample_impl.h"

static const pqi_falcon_backend backend = {fpr_native_trusted, sample, sample_expanded, expand};
const pqi_falcon_backend *const pqi_falcon_native = &backend;

#else

const pqi_falcon_backend *const pqi_falcon_native = 0;

#endif
