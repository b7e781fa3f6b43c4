/* SPDX-License-Identifier: Apache-2.0
 * Table entries for all hashes of the set. */
#include "prim/mcu/md.h"

#include <pqi/classic_mcu.h>

static const pqi_md *find(pqi_hash_id id)
{
    static const pqi_md *const all[] = {&pqi_md_sha256, &pqi_md_sha384, &pqi_md_sha512};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        if (all[i]->id == id) {
            return all[i];
        }
    }
    return NULL;
}

pqi_status pqi_mcu_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    const pqi_md *md = find(id);
    if (md == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_md_hash(md, parts, n_parts, out);
    return PQI_OK;
}

pqi_status pqi_mcu_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    const pqi_md *md = find(id);
    if (md == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_md_hmac(md, key, parts, n_parts, out);
    return PQI_OK;
}
