/* SPDX-License-Identifier: Apache-2.0
 * Hash identifiers, and SHA-3 and SHAKE (FIPS 202), which this library computes itself. */
#ifndef PQI_HASH_H
#define PQI_HASH_H

#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pqi_hash_id {
    PQI_HASH_NONE = 0,
    PQI_HASH_SHA256 = 1,
    PQI_HASH_SHA384 = 2,
    PQI_HASH_SHA512 = 3,
    PQI_HASH_SHA224 = 4,
    PQI_HASH_SHA512_224 = 5,
    PQI_HASH_SHA512_256 = 6,
    PQI_HASH_SHA3_224 = 7,
    PQI_HASH_SHA3_256 = 8,
    PQI_HASH_SHA3_384 = 9,
    PQI_HASH_SHA3_512 = 10,
    PQI_HASH_SHAKE128 = 11, /* as a pre-hash: 32 bytes of output */
    PQI_HASH_SHAKE256 = 12, /* as a pre-hash: 64 bytes of output */
    PQI_HASH_INT32_ = 2147483647
} pqi_hash_id;

#define PQI_HASH_MAX 64u /* bytes of the longest digest */

/* Bytes of a digest of `id` (pre-hash length for SHAKE); 0 for an unknown id. */
PQI_API size_t pqi_hash_len(pqi_hash_id id);

/* Incremental SHA-3 or SHAKE. The caller owns the state and wipes it when the input was secret.
 * Not thread-safe per state. */
typedef struct pqi_xof {
    uint64_t s[25];
    uint32_t rate; /* bytes */
    uint32_t pos;  /* next byte in the block */
    uint8_t pad;   /* domain bits: 0x06 SHA-3, 0x1F SHAKE */
    uint8_t squeezing;
} pqi_xof;

/* Starts SHA3-224..SHAKE256. PQI_OK; PQI_ERR_UNSUPPORTED: id is not of the Keccak family. */
PQI_API PQI_MUST_CHECK pqi_status pqi_xof_init(pqi_xof *x, pqi_hash_id id);
/* Absorbs. Must not follow a squeeze. */
PQI_API void pqi_xof_absorb(pqi_xof *x, const void *in, size_t len);
/* Squeezes the next `len` bytes; for SHA-3 ask for the digest length once. */
PQI_API void pqi_xof_squeeze(pqi_xof *x, void *out, size_t len);

/* One-shot SHA-3 or SHAKE over parts. out_len: the digest length for SHA-3, any for SHAKE.
 * PQI_OK; PQI_ERR_UNSUPPORTED; PQI_ERR_ARG: wrong out_len. Time depends on lengths only. */
PQI_API PQI_MUST_CHECK pqi_status pqi_sha3(
    pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out, size_t out_len);

#ifdef __cplusplus
}
#endif
#endif
