/* SPDX-License-Identifier: Apache-2.0
 * Provisioning: factory identity -> challenge -> join request -> grant -> confirmation.
 * Formats and flow: docs/spec/join.md.
 *
 *   CA      challenge {fleet, device id, nonce}
 *   device  join request: proposed keys and nonce, signed by the factory key AND by the proposed
 *           signing key
 *   CA      grant: the certificate inside a hybrid box to the proposed KEM and X25519 keys, so that
 *           only a holder of both can read it (proof of possession of keys that cannot sign)
 *   device  confirmation: a MAC under the key found in the grant; now the CA marks it active
 *
 * Rules on ownership, threads and failed decodes are those of trust.h. */
#ifndef PQI_JOIN_H
#define PQI_JOIN_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_JOIN_NONCE_LEN   32u
#define PQI_JOIN_REQUEST_MAX 24576u
#define PQI_GRANT_MAX        (PQI_CERT_MAX + PQI_MANIFEST_MAX + 4096u)
#define PQI_CONFIRM_LEN      52u
#define PQI_CONFIRM_KEY_LEN  32u
#define PQI_CHALLENGE_MAX    128u
#define PQI_FACTORY_MAX      8192u
#define PQI_BOOT_MAX         64u

/* Factory record: CBOR ["pqi-factory", 1, device id, alg, pk, signature of the same under
 * "PQI4 factory"]: what an operator hands to the CA's allow-list. */
typedef struct pqi_factory {
    pqi_cspan device_id;
    int32_t alg;
    pqi_cspan pk;
    uint8_t fingerprint[32]; /* SHA-256("PQI4 factory fp" || alg || pk), docs/spec/join.md */
} pqi_factory;
/* PQI_OK; PQI_ERR_ARG: the id or the kind of key; PQI_ERR_SPACE: *out_len tells the need;
 * PQI_ERR_UNSUPPORTED; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_factory_build(const pqi_algs *a, pqi_provider *p, pqi_key key,
    pqi_cspan device_id, pqi_span out, size_t *out_len);
/* Decodes and verifies the self-signature. PQI_ERR_DECODE, PQI_ERR_AUTH, PQI_ERR_UNSUPPORTED. */
PQI_API PQI_MUST_CHECK pqi_status pqi_factory_open(
    const pqi_algs *a, pqi_cspan in, pqi_factory *out, pqi_span tmp);

/* The fingerprint of a factory key. PQI_OK; PQI_ERR_ARG: alg 0 or an empty key; statuses of hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_factory_fp(
    const pqi_algs *a, int32_t alg, pqi_cspan pk, uint8_t out[32]);

typedef struct pqi_challenge {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    pqi_cspan device_id;
    uint8_t nonce[PQI_JOIN_NONCE_LEN];
} pqi_challenge;
/* PQI_OK; PQI_ERR_ARG: the device id; PQI_ERR_SPACE: *out_len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_challenge_encode(
    const pqi_challenge *c, pqi_span out, size_t *out_len);
/* PQI_OK; PQI_ERR_DECODE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_challenge_decode(pqi_cspan in, pqi_challenge *out);

typedef struct pqi_join_request {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    pqi_cspan device_id;
    uint8_t nonce[PQI_JOIN_NONCE_LEN];
    uint32_t kem_alg;
    pqi_cspan kem_pk, x25519_pk;
    int32_t sig_alg; /* 0: none */
    pqi_cspan sig_pk;
    int32_t factory_alg;
    pqi_cspan factory_pk;
    pqi_cspan boot; /* measurement, 0..PQI_BOOT_MAX bytes */
    uint32_t suites, assurance;
    pqi_cspan encoded, body_protected, payload, signatures;
} pqi_join_request;

/* Key handles of the device; sig = 0 for a KEM-only device. */
typedef struct pqi_join_keys {
    pqi_key factory, kem, x25519, sig;
} pqi_join_keys;

/* Builds the request: reads the public keys from the provider and signs with the factory key, then
 * with the proposed signing key. factory and sig must differ. PQI_OK; PQI_ERR_ARG; PQI_ERR_SPACE:
 * *out_len tells the need; PQI_ERR_UNSUPPORTED; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_join_build(const pqi_algs *a, pqi_provider *p,
    const pqi_join_keys *keys, const pqi_challenge *ch, const pqi_join_request *extra, pqi_span out,
    size_t *out_len); /* extra: boot, suites, assurance; other fields ignored */
/* PQI_OK; PQI_ERR_DECODE: over PQI_JOIN_REQUEST_MAX, not the one encoding, a key of the wrong length,
 * signatures that are not those of its keys in their order; PQI_ERR_UNSUPPORTED: an algorithm. */
PQI_API PQI_MUST_CHECK pqi_status pqi_join_decode(
    const pqi_algs *a, pqi_cspan in, pqi_join_request *out);
/* Checks the factory signature against `factory_fp` (the allow-listed fingerprint), the proof of
 * possession of the signing key, and the KEM key (FIPS 203 section 7.2). The caller checks fleet,
 * device id, nonce and allow-list. PQI_OK; PQI_ERR_AUTH for every failure of these (INV-18);
 * PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_join_verify(
    const pqi_algs *a, const pqi_join_request *r, const uint8_t factory_fp[32], pqi_span tmp);

/* Bytes of scratch for pqi_grant_build(): the box's own and the plaintext. */
PQI_API size_t pqi_grant_tmp_len(const pqi_suite *suite, size_t cert_len, size_t manifest_len);

/* Boxes certificate, manifest and a fresh confirmation key to the requester.
 * suite       in   one that `to` offers and whose KEM its key is of
 * confirm_key in   32 bytes, secret, uniform; the CA keeps SHA-256 of the expected confirmation only
 * coins       in   64 bytes, secret, uniform, never used twice
 * tmp         -    pqi_grant_tmp_len() bytes, 8-aligned, holds secrets, wiped
 * PQI_OK; PQI_ERR_ARG: a size, or a suite that does not fit; PQI_ERR_SPACE: out (*out_len tells the
 * need) or tmp (*out_len is 0); PQI_ERR_DECODE, PQI_ERR_AUTH: the requester's KEM or X25519 key is
 * bad; statuses of the classical backend. On error out is untouched or zero. */
PQI_API PQI_MUST_CHECK pqi_status pqi_grant_build(const pqi_algs *a, const pqi_suite *suite,
    const pqi_join_request *to, pqi_cspan cert, pqi_cspan manifest,
    const uint8_t confirm_key[PQI_CONFIRM_KEY_LEN], pqi_cspan coins, pqi_span tmp, pqi_span out,
    size_t *out_len);

typedef struct pqi_grant {
    pqi_cspan cert, manifest;                 /* into the caller's plain buffer */
    uint8_t confirm_key[PQI_CONFIRM_KEY_LEN]; /* secret: wipe it */
} pqi_grant;

/* Opens with the device's keys. ch is the challenge that the join answered. plain: at least in.len
 * bytes; cert and manifest stay there, the confirmation key is moved to *out and wiped there.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: not for these keys, or altered; PQI_ERR_UNSUPPORTED: the
 * suite; PQI_ERR_SPACE; statuses of the provider. On error *out is untouched, plain too or zero. */
PQI_API PQI_MUST_CHECK pqi_status pqi_grant_open(const pqi_algs *a, pqi_provider *p,
    const pqi_join_keys *keys, const pqi_challenge *ch, pqi_cspan in, pqi_span plain,
    pqi_grant *out);

/* What a device must find true before it installs a grant: the manifest is the pinned one, its
 * signatures verify, the certificate verifies under it, names this device and holds exactly the live
 * public keys (INV-22). now as in trust.h.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH; PQI_ERR_POLICY: outside its window; PQI_ERR_UNSUPPORTED;
 * PQI_ERR_SPACE: tmp; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_grant_check(const pqi_algs *a, pqi_provider *p,
    const pqi_join_keys *keys, pqi_cspan device_id, const uint8_t pinned[32], const pqi_grant *g,
    const pqi_now *now, pqi_span tmp);

/* 0x74 || 0 || 0 || 0 || key_id 16 || HMAC-SHA-256(confirm_key, "PQI4 confirm" || LV(device_id) ||
 * key_id) 32. PQI_OK; PQI_ERR_ARG: the id; statuses of hmac. The CA compares in constant time. */
PQI_API PQI_MUST_CHECK pqi_status pqi_confirm_build(const pqi_algs *a,
    const uint8_t confirm_key[PQI_CONFIRM_KEY_LEN], pqi_cspan device_id,
    const uint8_t key_id[PQI_KEY_ID_LEN], uint8_t out[PQI_CONFIRM_LEN]);

#ifdef __cplusplus
}
#endif
#endif
