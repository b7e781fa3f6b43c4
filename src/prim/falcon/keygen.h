/* SPDX-License-Identifier: Apache-2.0
 * Key generation, specification Algorithm 4, steps 1, 2 and 11 (the tree is the signer's). */
#ifndef PQI_PRIM_FALCON_KEYGEN_H
#define PQI_PRIM_FALCON_KEYGEN_H

#include "prim/falcon/impl.h"

/* Candidates that are drawn before giving up. About one in eight is accepted, so a stream of
 * SHAKE256 does not come near. */
#define PQI_FALCON_MAX_CANDIDATES 4096u

/* PQI_OK; PQI_ERR_PROVIDER: no candidate was accepted. tmp: PQI_FALCON*_KEYGEN_TMP bytes. */
PQI_MUST_CHECK pqi_status pqi_falcon_keygen(
    unsigned logn, uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);

#endif
