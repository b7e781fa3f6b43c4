/* SPDX-License-Identifier: Apache-2.0
 * The classical primitives for microcontrollers: compact, constant-time C without tables that secrets
 * index, without division, allocation or any state. They link nothing but memcpy, memmove, memset.
 *
 * pqi_classic_mcu() gives the whole set. A firmware that needs less writes its own constant table
 * from the entries below and links what that table names:
 *
 *     static const pqi_classic classic = PQI_CLASSIC_MCU_SUITES_1_2(board_random);
 *
 * Each AEAD refuses the ids of the others, so a firmware with two of them writes
 *
 *     static pqi_status seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
 *     {
 *         return k->id == PQI_AEAD_AES_256_GCM ? pqi_mcu_gcm_seal(k, aad, in, out)
 *                                              : pqi_mcu_chacha_seal(k, aad, in, out);
 *     }
 *
 * Contracts are those of pqi_classic: arguments are checked by the caller, but for the lengths of an
 * AEAD. All functions are thread-safe and wipe what they leave on the stack. Time and addresses depend
 * on lengths only, also on cores whose long multiplication ends early (src/prim/mcu/README.md); that a
 * tag is refused or a shared secret all zero is an answer and public.
 *
 * Stack on a Cortex-M4, gcc -Os, bytes: GCM 1,080, GCM-SIV 1,384, CCM 904, ChaCha20-Poly1305 596,
 * SHA-256 540, HKDF 1,092, X25519 476, Ed25519 1,572. */
#ifndef PQI_CLASSIC_MCU_H
#define PQI_CLASSIC_MCU_H

#include <pqi/classic.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fills *out with the whole set and the caller's generator (contract: pqi_classic.random). */
PQI_API void pqi_classic_mcu(pqi_classic *out, pqi_status (*random)(uint8_t *out, size_t len));

/* SHA-256, SHA-384, SHA-512 (FIPS 180-4), and HMAC (FIPS 198-1) over them. out: pqi_hash_len(id)
 * bytes; it may overlap a part. PQI_OK; PQI_ERR_UNSUPPORTED: another id, out is untouched. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_hash(
    pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

/* The same for SHA-256 only. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_hash_sha256(
    pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_hmac_sha256(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out);

/* X25519, RFC 7748 section 5. Outputs may be inputs. PQI_OK. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_x25519_public(
    uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN]);
/* PQI_OK; PQI_ERR_AUTH: the result is all zero (RFC 7748 section 6.1). */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_x25519(
    uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN], const uint8_t pk[PQI_X25519_LEN]);

/* Ed25519, RFC 8032 section 5.1; slow, as it has no table of multiples. PQI_OK. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_ed25519_public(
    uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32]);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_ed25519_sign(
    uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg);
/* Without the cofactor; S must be below the group order and R canonical. A public key may be encoded
 * with y >= p or as x = 0 with a sign, as OpenSSL takes it: such keys have a low order or belong to
 * nobody who kept to RFC 8032. Not constant-time in pk and sig. PQI_OK; PQI_ERR_AUTH. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG]);

/* For a table without Ed25519: PQI_ERR_UNSUPPORTED, and an output of zeros. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_no_ed25519_public(
    uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32]);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_no_ed25519_sign(
    uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_no_ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG]);

/* AEADs. out.ptr may equal in.ptr; any other overlap of out with an input is undefined. Opening
 * checks the tag before it decrypts (CCM and GCM-SIV, whose tags are over the plaintext, decrypt first
 * and zero out on a failure). A text has at most 2^31 - 17 bytes, with CCM 65,535.
 * PQI_OK; PQI_ERR_UNSUPPORTED: an id of another AEAD; PQI_ERR_ARG: a wrong length of key, nonce or
 * output; PQI_ERR_AUTH: the tag is wrong. On error all of out is zero. */

/* PQI_AEAD_AES_256_GCM, SP 800-38D. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_gcm_seal(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_gcm_open(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
/* PQI_AEAD_AES_256_GCM_SIV, RFC 8452. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_gcm_siv_seal(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_gcm_siv_open(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
/* PQI_AEAD_AES_128_CCM_8 and _16, RFC 3610. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_ccm_seal(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_ccm_open(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
/* PQI_AEAD_CHACHA20_POLY1305, RFC 8439. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_chacha_seal(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_chacha_open(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
/* All of them. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_aead_seal(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_API PQI_MUST_CHECK pqi_status pqi_mcu_aead_open(
    const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);

/* Initialiser of a pqi_classic for suites 0x0001 and 0x0002: AES-256-GCM, SHA-256, HMAC, X25519. */
#define PQI_CLASSIC_MCU_SUITES_1_2(random)                                                         \
    {                                                                                              \
        PQI_CLASSIC_ABI, "mcu", (random), pqi_mcu_hash_sha256, pqi_mcu_hmac_sha256,                \
            pqi_mcu_x25519_public, pqi_mcu_x25519, pqi_mcu_no_ed25519_public,                      \
            pqi_mcu_no_ed25519_sign, pqi_mcu_no_ed25519_verify, pqi_mcu_gcm_seal, pqi_mcu_gcm_open \
    }

#ifdef __cplusplus
}
#endif
#endif
