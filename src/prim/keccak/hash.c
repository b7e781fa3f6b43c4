/* SPDX-License-Identifier: Apache-2.0
 * The public SHA-3 and SHAKE interface, and the facts about hash identifiers. */
#include "prim/keccak/keccak.h"

#include <pqi/wipe.h>

#include <stdbool.h>

static bool is_shake(pqi_hash_id id)
{
    return id == PQI_HASH_SHAKE128 || id == PQI_HASH_SHAKE256;
}

size_t pqi_hash_len(pqi_hash_id id)
{
    switch (id) {
    case PQI_HASH_SHA224:
    case PQI_HASH_SHA512_224:
    case PQI_HASH_SHA3_224:
        return 28;
    case PQI_HASH_SHA256:
    case PQI_HASH_SHA512_256:
    case PQI_HASH_SHA3_256:
    case PQI_HASH_SHAKE128:
        return 32;
    case PQI_HASH_SHA384:
    case PQI_HASH_SHA3_384:
        return 48;
    case PQI_HASH_SHA512:
    case PQI_HASH_SHA3_512:
    case PQI_HASH_SHAKE256:
        return 64;
    case PQI_HASH_NONE:
    case PQI_HASH_INT32_:
        break;
    }
    return 0;
}

/* Block size in bytes (FIPS 202 section 6); 0 if not of the Keccak family. */
static uint32_t rate_of(pqi_hash_id id)
{
    if (id == PQI_HASH_SHAKE128) {
        return PQI_SHAKE128_RATE;
    }
    if (id == PQI_HASH_SHAKE256) {
        return PQI_SHAKE256_RATE;
    }
    if (id == PQI_HASH_SHA3_224 || id == PQI_HASH_SHA3_256 || id == PQI_HASH_SHA3_384 ||
        id == PQI_HASH_SHA3_512) {
        return (uint32_t)(200u - 2u * pqi_hash_len(id)); /* capacity: twice the digest */
    }
    return 0;
}

pqi_status pqi_xof_init(pqi_xof *x, pqi_hash_id id)
{
    uint32_t rate = rate_of(id);
    if (rate == 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_keccak_start(x, rate, is_shake(id) ? PQI_SHAKE_PAD : PQI_SHA3_PAD);
    return PQI_OK;
}

pqi_status pqi_sha3(
    pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out, size_t out_len)
{
    pqi_xof x;
    pqi_status st = pqi_xof_init(&x, id);
    if (st != PQI_OK) {
        return st;
    }
    if (!is_shake(id) && out_len != pqi_hash_len(id)) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < n_parts; i++) {
        pqi_xof_absorb(&x, parts[i].ptr, parts[i].len);
    }
    pqi_xof_squeeze(&x, out, out_len);
    pqi_wipe(&x, sizeof x);
    return PQI_OK;
}
