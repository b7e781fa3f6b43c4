/* SPDX-License-Identifier: Apache-2.0
 * Public records of role keys: what the holder of a root, issuer, policy, revoker or head key hands to
 * those who make a root manifest. Format: docs/spec/objects.md.
 *
 * Rules on ownership, threads and failed decodes are those of trust.h. Nothing here is secret. */
#ifndef PQI_ROLE_H
#define PQI_ROLE_H

#include <pqi/control.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_ROLE_RECORD_MAX 8192u /* cap on an encoded record, bytes */

/* CBOR ["pqi-role", 1, role, alg, public key, signature of the same under "PQI4 role"]: the holder of
 * the key says what it is for. docs/spec/objects.md */
typedef struct pqi_role_record {
    pqi_role role;
    int32_t alg; /* PQI_SIG_ID_* */
    pqi_cspan pk;
    uint8_t kid[PQI_KID_LEN];
    uint8_t checksum[32]; /* pqi_role_checksum() */
} pqi_role_record;

/* Signs a record for `key` of p. PQI_OK; PQI_ERR_ARG: the role or the kind of key; PQI_ERR_SPACE:
 * *out_len tells the need; PQI_ERR_UNSUPPORTED; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_role_record_build(
    const pqi_algs *a, pqi_provider *p, pqi_key key, pqi_role role, pqi_span out, size_t *out_len);
/* Decodes and verifies the self-signature; pk points into `in`. tmp: verify_tmp of its algorithm.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH; PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. On error *out is
 * untouched. */
PQI_API PQI_MUST_CHECK pqi_status pqi_role_record_open(
    const pqi_algs *a, pqi_cspan in, pqi_role_record *out, pqi_span tmp);

/* SHA-256("PQI4 role id" || role u8 || alg || pk): what people compare by voice; the first 16 bytes are
 * enough for that. PQI_OK; PQI_ERR_ARG: role, alg 0 or an empty key; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_role_checksum(
    const pqi_algs *a, pqi_role role, int32_t alg, pqi_cspan pk, uint8_t out[32]);

/* The first 16 bytes of a hash in 8 groups of 4 hex digits, and a NUL: to be read aloud. */
#define PQI_CHECKSUM_TEXT 40u
PQI_API void pqi_checksum_text(const uint8_t hash[32], char out[PQI_CHECKSUM_TEXT]);

/* "root", "issuer", "policy", "revoker", "head"; "?" for another value. Static storage. */
PQI_API const char *pqi_role_name(pqi_role role);
/* The role of that name, or 0. NULL is fine. */
PQI_API pqi_role pqi_role_parse(const char *name);

/* A fleet id that belongs to a name of 1..64 bytes: SHA-256("PQI4 fleet id" || name)[0..16]. PQI_OK;
 * PQI_ERR_ARG: the length; statuses of the hash. */
#define PQI_FLEET_NAME_MAX 64u
PQI_API PQI_MUST_CHECK pqi_status pqi_fleet_id_of(
    const pqi_algs *a, pqi_cspan name, uint8_t out[PQI_FLEET_ID_LEN]);

/* ---- who signed --------------------------------------------------------------------------------- */

/* For people who collect signatures: which keys of a manifest signed an object, whether or not they are
 * enough or of the right role. Bit i of *mask stands for by->keys[i]; fleet and root version are not
 * compared. tmp: verify_tmp of their algorithms. PQI_OK; PQI_ERR_AUTH: the signature of one of these
 * keys does not verify; PQI_ERR_UNSUPPORTED: one has an algorithm that is not in `a`; PQI_ERR_SPACE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_manifest_signed_by(
    const pqi_algs *a, const pqi_manifest *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask);
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_signed_by(
    const pqi_algs *a, const pqi_policy *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask);
PQI_API PQI_MUST_CHECK pqi_status pqi_revocations_signed_by(const pqi_algs *a,
    const pqi_revocations *x, const pqi_manifest *by, pqi_span tmp, uint32_t *mask);

#ifdef __cplusplus
}
#endif
#endif
