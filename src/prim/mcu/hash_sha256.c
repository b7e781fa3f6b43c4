/* SPDX-License-Identifier: Apache-2.0
 * Table entries for SHA-256 alone, apart from those that also link SHA-512. */
#include "prim/mcu/md.h"

#include <pqi/classic_mcu.h>

pqi_status pqi_mcu_hash_sha256(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    if (id != PQI_HASH_SHA256) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_md_hash(&pqi_md_sha256, parts, n_parts, out);
    return PQI_OK;
}

pqi_status pqi_mcu_hmac_sha256(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    if (id != PQI_HASH_SHA256) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_md_hmac(&pqi_md_sha256, key, parts, n_parts, out);
    return PQI_OK;
}
