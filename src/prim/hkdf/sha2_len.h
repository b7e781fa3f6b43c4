/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_PRIM_HKDF_SHA2_LEN_H
#define PQI_PRIM_HKDF_SHA2_LEN_H

#include <pqi/hash.h>

#include <stdbool.h>

/* Digest bytes of the hashes that key derivation uses (FIPS 180-4); 0 for any other id. Apart from
 * pqi_hash_len(), so that HKDF does not pull in Keccak. */
static inline size_t pqi_sha2_len(pqi_hash_id id)
{
    bool sha512 = id == PQI_HASH_SHA512;
    bool sha384 = id == PQI_HASH_SHA384;
    bool sha256 = id == PQI_HASH_SHA256;
    return sha512 ? 64u : sha384 ? 48u : sha256 ? 32u : 0u;
}

#endif
