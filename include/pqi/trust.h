/* SPDX-License-Identifier: Apache-2.0
 * Identity objects: root manifest, operational certificate, revocation log. Formats, byte by byte:
 * docs/spec/objects.md and, of the log, docs/spec/control.md. All are deterministic CBOR (RFC 8949
 * section 4.2) under COSE_Sign1 or COSE_Sign (RFC 9052); the COSE typ header (RFC 9596) names the
 * object, so none can stand for another.
 *
 * Decoding needs no key, allocates nothing and leaves *out alone on failure; the spans in *out point
 * into the input, which must outlive it. Verification is a second, explicit step. Nothing here is
 * secret. Thread-safe: functions touch only their arguments. */
#ifndef PQI_TRUST_H
#define PQI_TRUST_H

#include <pqi/profile.h>
#include <pqi/provider.h>
#include <pqi/suite.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_ID_MAX            32u /* bytes of a device id, [A-Za-z0-9_.-] */
#define PQI_FLEET_ID_LEN      16u
#define PQI_KEY_ID_LEN        16u
#define PQI_KID_LEN           8u /* the wire form: the first bytes of a key id */
#define PQI_TOPIC_MAX         256u
#define PQI_SCOPES_MAX        8u
#define PQI_PREFIX_MAX        96u
#define PQI_MANIFEST_KEYS_MAX 16u
#define PQI_REVOKED_MAX       1024u

#define PQI_CERT_MAX        12288u /* caps on encoded objects, bytes: checked before parsing */
#define PQI_MANIFEST_MAX    65536u
#define PQI_REVOCATIONS_MAX (64u * 1024u)

/* PQI_OK; PQI_ERR_ARG: empty, longer than PQI_ID_MAX, or a byte outside the set (INV-1). */
PQI_API PQI_MUST_CHECK pqi_status pqi_id_check(pqi_cspan id);

/* ---- root manifest: who may sign what ---------------------------------------------------------- */

typedef enum pqi_role {
    PQI_ROLE_NONE = 0, /* no role: in no object */
    PQI_ROLE_ROOT = 1,
    PQI_ROLE_ISSUER = 2,
    PQI_ROLE_POLICY = 3,
    PQI_ROLE_REVOKER = 4,
    PQI_ROLE_HEAD = 5,
    PQI_ROLE_INT32_ = 2147483647
} pqi_role;

typedef struct pqi_manifest_key {
    pqi_role role;
    int32_t alg; /* PQI_SIG_ID_* */
    pqi_cspan pk;
    uint8_t kid[PQI_KID_LEN];
} pqi_manifest_key;

typedef struct pqi_manifest {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version; /* 1, 2, ... strictly +1 at each rotation */
    uint8_t threshold[8];  /* by role; 0 where the role has no key */
    pqi_manifest_key keys[PQI_MANIFEST_KEYS_MAX];
    uint32_t n_keys;
    pqi_cspan encoded;                             /* the whole object */
    pqi_cspan body_protected, payload, signatures; /* for verification */
    uint8_t hash[32]; /* SHA-256("PQI4 root id" || payload): what a device pins */
} pqi_manifest;

/* First 8 bytes of SHA-256("PQI4 key" || alg || pk), docs/spec/objects.md. */
PQI_API PQI_MUST_CHECK pqi_status pqi_signer_kid(
    const pqi_algs *a, int32_t alg, pqi_cspan pk, uint8_t kid[PQI_KID_LEN]);

/* PQI_OK; PQI_ERR_DECODE: not the one encoding, over a cap, a threshold larger than its keys. */
PQI_API PQI_MUST_CHECK pqi_status pqi_manifest_decode(
    const pqi_algs *a, pqi_cspan in, pqi_manifest *out);

/* Checks that `threshold` distinct root keys of `by` signed m: by == m for the first manifest,
 * by == version N for version N + 1 (which needs both calls). tmp: verify_tmp of its algorithms.
 * PQI_OK; PQI_ERR_AUTH: too few, one that does not verify, another fleet, not the next version;
 * PQI_ERR_UNSUPPORTED: an algorithm is not in `a`; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_manifest_verify(
    const pqi_algs *a, const pqi_manifest *m, const pqi_manifest *by, pqi_span tmp);

/* Do all keys of the manifest whose algorithms are in `a` pass a policy? PQI_OK; PQI_ERR_POLICY;
 * PQI_ERR_ARG: NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_manifest_policy(
    const pqi_algs *a, const pqi_manifest *m, const pqi_alg_policy *p);

typedef struct pqi_manifest_spec {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    uint8_t threshold[8];
    const pqi_manifest_key *keys; /* kid is computed, not read */
    uint32_t n_keys;
} pqi_manifest_spec;

/* Signs with the keys `handles` of provider p, 1..32 different ones: root keys of this version, and
 * at a rotation those of the version before it. Keys and signatures are put into their one order.
 * PQI_ERR_ARG: spec breaks a rule above; PQI_ERR_SPACE: *out_len tells the need; statuses of the
 * provider. Whether the thresholds are met, pqi_manifest_verify() tells. */
PQI_API PQI_MUST_CHECK pqi_status pqi_manifest_build(const pqi_algs *a, pqi_provider *p,
    const pqi_manifest_spec *spec, const pqi_key *handles, size_t n_handles, pqi_span out,
    size_t *out_len);

/* ---- operational certificate ------------------------------------------------------------------- */

#define PQI_RIGHT_PUB 0x01u
#define PQI_RIGHT_SUB 0x02u

/* Operation classes, docs/spec/objects.md: what the scope's topics may carry at most. */
typedef enum pqi_class {
    PQI_CLASS_L = 0, /* telemetry, logs */
    PQI_CLASS_M = 1, /* commands within limits */
    PQI_CLASS_H = 2, /* set-points, keys, firmware */
    PQI_CLASS_S = 3, /* fail-safe: emergency stop; stands apart from the others */
    PQI_CLASS_INT32_ = 2147483647
} pqi_class;

typedef struct pqi_scope {
    pqi_cspan
        prefix; /* whole topic levels: "plant/pump-1" covers "plant/pump-1/x", not "plant/pump-10" */
    uint8_t rights; /* PQI_RIGHT_* */
    uint8_t cls;    /* pqi_class */
} pqi_scope;

#define PQI_CERT_ROLE_DEVICE  0x01u
#define PQI_CERT_ROLE_GATEWAY 0x02u
#define PQI_CERT_ROLE_CONTROL 0x04u /* control room: issues commands */
#define PQI_CERT_ROLE_WITNESS 0x08u

#define PQI_ASSURE_NO_ROLLBACK    0x01u /* storage is rollback-resistant */
#define PQI_ASSURE_NON_EXPORTABLE 0x02u /* keys cannot leave their hardware */
#define PQI_ASSURE_HW_RNG         0x04u
#define PQI_ASSURE_ATTESTED_BOOT  0x08u
#define PQI_ASSURE_HALF           0x10u /* the classical halves of its keys cannot leave hardware */
#define PQI_ASSURE_SEPARATE       0x20u /* its keys are in another process than its application */
#define PQI_ASSURE_ALL            0x3fu

typedef struct pqi_cert {
    pqi_cspan device_id;
    uint32_t key_epoch; /* 1, 2, ... strictly increasing per device */
    uint32_t kem_alg;
    pqi_cspan kem_pk;
    pqi_cspan x25519_pk;
    int32_t sig_alg; /* 0 and an empty sig_pk: the device authenticates by KEM only */
    pqi_cspan sig_pk;
    uint32_t valid_from_epoch, valid_to_epoch; /* control epochs, inclusive */
    uint64_t not_before, not_after;            /* unix seconds; 0: no bound */
    uint32_t suites;                           /* bitmap of pqi_suite.bitmap */
    uint32_t roles;                            /* PQI_CERT_ROLE_* */
    uint32_t gwset;                            /* 0: none */
    pqi_scope scopes[PQI_SCOPES_MAX];
    uint32_t n_scopes;
    uint32_t assurance;
    uint8_t issuer_kid[PQI_KID_LEN];
    uint32_t roster_index;
    uint8_t key_id[PQI_KEY_ID_LEN]; /* SHA-256("PQI4 kid" || payload)[0..16] */
    pqi_cspan encoded, protected_, payload, signature;
} pqi_cert;

/* PQI_OK; PQI_ERR_DECODE: over PQI_CERT_MAX, not the one encoding, another version, a key of the
 * wrong length for its algorithm, an id or prefix outside its set; PQI_ERR_UNSUPPORTED: an algorithm
 * is not in `a`. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cert_decode(const pqi_algs *a, pqi_cspan in, pqi_cert *out);

/* Time as the caller knows it. unix_s = 0: no wall clock; then only control epochs are checked. */
typedef struct pqi_now {
    uint64_t mono_ms;       /* monotonic, for budgets */
    uint64_t unix_s;        /* may only tighten */
    uint32_t control_epoch; /* of the newest head known; 0 before the first */
} pqi_now;

/* Checks the issuer's signature under the manifest and the validity window (INV-20, INV-21).
 * PQI_OK; PQI_ERR_AUTH: unknown issuer, bad signature, a manifest that wants more than one issuer;
 * PQI_ERR_POLICY: outside its window; PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cert_verify(
    const pqi_algs *a, const pqi_cert *c, const pqi_manifest *m, const pqi_now *now, pqi_span tmp);

/* Do the certified algorithms pass a policy: KEM, signature, and at least one of the suites that we
 * know? PQI_OK; PQI_ERR_POLICY; PQI_ERR_UNSUPPORTED: an algorithm is not in `a`; PQI_ERR_ARG: NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cert_policy(
    const pqi_algs *a, const pqi_cert *c, const pqi_alg_policy *p);

/* The window alone. PQI_OK; PQI_ERR_POLICY. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cert_window(const pqi_cert *c, const pqi_now *now);

/* May the holder of these scopes use `right` on `topic` with class cls? PQI_OK; PQI_ERR_POLICY;
 * PQI_ERR_ARG: an empty or over-long topic, a wildcard, or a NUL in it. */
PQI_API PQI_MUST_CHECK pqi_status pqi_scope_check(
    const pqi_scope *scopes, size_t n, pqi_cspan topic, uint8_t right, pqi_class cls);

/* Encodes and signs; input fields as in pqi_cert (issuer_kid, key_id and the spans of the last line
 * are computed). PQI_ERR_ARG: a field breaks its rule; PQI_ERR_SPACE: *out_len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cert_build(const pqi_algs *a, pqi_provider *p, pqi_key issuer,
    const pqi_cert *fields, pqi_span out, size_t *out_len);

/* ---- revocation log ------------------------------------------------------------------------------ */

#define PQI_REVOKED_LEN 9u /* bytes of an entry: roster index u32, min key epoch u32, reason u8 */
#define PQI_REV_LOG_MAX 4096u /* entries of a log; a new root version begins a new one */

typedef struct pqi_revoked {
    uint32_t roster_index;
    uint32_t min_key_epoch; /* >= 1: epochs below this are revoked; UINT32_MAX: the device is */
    uint8_t reason;
} pqi_revoked;

/* A contiguous part of the log of one root version: entries from + 1 .. from + count. from 0 is the whole
 * log so far. The log's hash: R0 = SHA-256("PQI4 rev log" || fleet id || root version u32), then
 * Rk = SHA-256("PQI4 rev entry" || R(k-1) || entry k). A head names the number and the hash. */
typedef struct pqi_revocations {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    uint32_t from;     /* entries before this part */
    uint8_t prev[32];  /* R(from) */
    uint32_t count;    /* entries here, 1..; 0 only with from 0 */
    pqi_cspan entries; /* count * PQI_REVOKED_LEN bytes */
    pqi_cspan encoded, body_protected, payload, signatures;
} pqi_revocations;

/* PQI_OK; PQI_ERR_DECODE: not the one encoding, over a cap, beyond PQI_REV_LOG_MAX, an epoch of 0, an empty
 * part that is not from 0, from 0 with another hash than R0. */
PQI_API PQI_MUST_CHECK pqi_status pqi_revocations_decode(
    const pqi_algs *a, pqi_cspan in, pqi_revocations *out);
/* Entry i < count; zero for another i. */
PQI_API pqi_revoked pqi_revocations_at(const pqi_revocations *r, uint32_t i);
/* R0 of a log. PQI_OK; PQI_ERR_ARG: NULL; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_rev_log_start(const pqi_algs *a,
    const uint8_t fleet_id[PQI_FLEET_ID_LEN], uint32_t root_version, uint8_t out[32]);
/* The log's hash after more entries, whole ones of the encoded form; state is read and written, and left
 * alone on failure. PQI_OK; PQI_ERR_ARG; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_rev_log_fold(
    const pqi_algs *a, pqi_cspan entries, uint8_t state[32]);
PQI_API void pqi_revoked_write(const pqi_revoked *e, uint8_t out[PQI_REVOKED_LEN]);
/* Signed by the manifest's threshold of revoker keys, or of issuer keys where it names no revoker;
 * *quorum: 1 when policy keys up to their threshold signed as well, 0 on failure. PQI_OK; PQI_ERR_AUTH:
 * signature, fleet or root version, or a signature of a key of these roles that does not verify;
 * PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_revocations_verify(
    const pqi_algs *a, const pqi_revocations *r, const pqi_manifest *m, pqi_span tmp, int *quorum);
/* Signs n entries with 1..PQI_MANIFEST_KEYS_MAX different keys: a revoker, and policy keys for a quorum.
 * Of head fleet_id, root_version, from and prev are read; prev of from 0 is computed. PQI_ERR_ARG: what
 * pqi_revocations_decode() refuses, or a key twice; PQI_ERR_SPACE: *out_len tells the need; statuses of
 * the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_revocations_build(const pqi_algs *a, pqi_provider *p,
    const pqi_key *handles, size_t n_handles, const pqi_revocations *head,
    const pqi_revoked *entries, size_t n, pqi_span out, size_t *out_len);

#ifdef __cplusplus
}
#endif
#endif
