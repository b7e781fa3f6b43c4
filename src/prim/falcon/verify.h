/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_PRIM_FALCON_VERIFY_H
#define PQI_PRIM_FALCON_VERIFY_H

#include "prim/falcon/impl.h"

/* What is said to be a signature. */
typedef struct pqi_falcon_claim {
    unsigned logn;
    pqi_falcon_format format;
    const uint8_t *pk; /* of the right length */
    pqi_cspan sig;     /* of any length */
} pqi_falcon_claim;

/* PQI_OK; PQI_ERR_AUTH. tmp: PQI_FALCON*_VERIFY_TMP bytes, 8-aligned. */
PQI_MUST_CHECK pqi_status pqi_falcon_verify_any(const pqi_falcon_claim *claim,
    const pqi_falcon_frame *frame, const pqi_cspan *parts, size_t n_parts, void *tmp);

#endif
