/* SPDX-License-Identifier: Apache-2.0
 * The classical primitives, behind one table: OpenSSL 3 on hosts (pqi/host.h), a small
 * constant-time set on microcontrollers (pqi/classic_mcu.h). The core never names a backend.
 *
 * All entries are thread-safe, keep no pointer and take checked arguments. Secrets: keys, plaintext
 * and shared secrets; time depends on lengths only. On error outputs are zero. */
#ifndef PQI_CLASSIC_H
#define PQI_CLASSIC_H

#include <pqi/hash.h>
#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_CLASSIC_ABI 1u

typedef enum pqi_aead_id {
    PQI_AEAD_NONE = 0,
    PQI_AEAD_AES_256_GCM = 1,
    PQI_AEAD_CHACHA20_POLY1305 = 2,
    PQI_AEAD_AES_128_CCM_8 = 3,  /* 13-byte nonce, 8-byte tag: OSCORE */
    PQI_AEAD_AES_128_CCM_16 = 4, /* 13-byte nonce, 16-byte tag */
    /* RFC 8452: a key and nonce that come again tell only whether nonce, data and text are equal. */
    PQI_AEAD_AES_256_GCM_SIV = 5,
    PQI_AEAD_INT32_ = 2147483647
} pqi_aead_id;

#define PQI_X25519_LEN  32u
#define PQI_ED25519_PK  32u
#define PQI_ED25519_SIG 64u
#define PQI_AEAD_KEY    32u /* AES-256-GCM, AES-256-GCM-SIV and ChaCha20-Poly1305 */
#define PQI_AEAD_NONCE  12u
#define PQI_AEAD_TAG    16u

/* One key and nonce for one message. key 32 bytes (16 for CCM), nonce 12 bytes (13 for CCM). */
typedef struct pqi_aead_key {
    pqi_aead_id id;
    pqi_cspan key, nonce;
} pqi_aead_key;

typedef struct pqi_classic {
    uint32_t abi; /* PQI_CLASSIC_ABI */
    const char *name;

    /* Fills out with bytes of the system generator. PQI_OK; PQI_ERR_RNG. */
    pqi_status (*random)(uint8_t *out, size_t len);

    /* SHA-256, SHA-384, SHA-512 (and, where offered, the truncated ones) over parts.
     * out: pqi_hash_len(id) bytes. PQI_OK; PQI_ERR_UNSUPPORTED; PQI_ERR_PROVIDER. */
    pqi_status (*hash)(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

    /* HMAC (FIPS 198-1) with one of the hashes above; any key length. */
    pqi_status (*hmac)(
        pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

    /* X25519, RFC 7748. The scalar is clamped inside. */
    pqi_status (*x25519_public)(uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN]);
    /* PQI_ERR_AUTH: the result is all zero (RFC 7748 section 6.1), checked in constant time. */
    pqi_status (*x25519)(uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN],
        const uint8_t pk[PQI_X25519_LEN]);

    /* Ed25519, RFC 8032. PQI_ERR_AUTH: the signature does not verify. */
    pqi_status (*ed25519_public)(uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32]);
    pqi_status (*ed25519_sign)(uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg);
    pqi_status (*ed25519_verify)(
        const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG]);

    /* out = ciphertext || tag; out.len must be in.len + tag length. out.ptr may equal in.ptr. */
    pqi_status (*aead_seal)(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
    /* in = ciphertext || tag; out.len must be in.len - tag length. PQI_ERR_AUTH: out is zero. */
    pqi_status (*aead_open)(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
} pqi_classic;

/* PQI_OK when every entry is there and the ABI number fits; else PQI_ERR_UNSUPPORTED. */
PQI_API PQI_MUST_CHECK pqi_status pqi_classic_check(const pqi_classic *c);

/* HKDF-Extract, RFC 5869 section 2.2: prk = HMAC(salt, parts). prk: pqi_hash_len(hash) bytes. */
PQI_API PQI_MUST_CHECK pqi_status pqi_hkdf_extract(const pqi_classic *c, pqi_hash_id hash,
    pqi_cspan salt, const pqi_cspan *parts, size_t n_parts, uint8_t *prk);

/* HKDF-Expand, RFC 5869 section 2.3, info given as at most 8 parts. out.len <= 255 * hash length.
 * PQI_OK; PQI_ERR_ARG; statuses of hmac. out is zero on error. */
PQI_API PQI_MUST_CHECK pqi_status pqi_hkdf_expand(const pqi_classic *c, pqi_hash_id hash,
    pqi_cspan prk, const pqi_cspan *info, size_t n_info, pqi_span out);

#ifdef __cplusplus
}
#endif
#endif
