/* SPDX-License-Identifier: Apache-2.0
 * What the AEADs share: the checks in front of them, and the constant descriptors by which a table
 * for all of them finds them. */
#ifndef PQI_PRIM_MCU_AEAD_H
#define PQI_PRIM_MCU_AEAD_H

#include "base/args.h"

#include <pqi/classic_mcu.h>

/* No span of a message is longer, so that no counter of blocks wraps; the OpenSSL back end has the
 * same bound. */
#define PQI_MCU_AEAD_MAX 0x7fffffffu

typedef struct pqi_mcu_sizes {
    size_t key, nonce, tag, body_max; /* bytes */
} pqi_mcu_sizes;

/* Checks lengths for one direction: `longer` is the text with its tag, `body` the length of the text
 * without. PQI_OK; PQI_ERR_ARG. */
static inline pqi_status pqi_mcu_aead_check(
    const pqi_mcu_sizes *z, const pqi_aead_key *k, pqi_cspan aad, size_t longer, size_t body)
{
    bool ok = pqi_args_exact(k->key, z->key) && pqi_args_exact(k->nonce, z->nonce) &&
              pqi_args_span(aad) && aad.len <= PQI_MCU_AEAD_MAX && body <= z->body_max &&
              longer >= z->tag && longer - z->tag == body;
    return ok ? PQI_OK : PQI_ERR_ARG;
}

#endif
