/* SPDX-License-Identifier: Apache-2.0
 * Composite algorithms: one post-quantum and one P-256 key that count as one, docs/spec/composite.md.
 *
 * A signature is good when both halves are; a shared secret needs both. The P-256 half can live in
 * hardware that exists today (TPM 2.0, PKCS#11 tokens, secure elements), so that who steals the
 * post-quantum half, which no such hardware computes, neither impersonates the device nor reads what
 * was sent to it.
 *
 *   signature   the construction of draft-ietf-lamps-pq-composite-sigs: both halves sign
 *               M' = "CompositeAlgorithmSignatures2025" || label || length of ctx || ctx || PH(M)
 *   KEM         MLKEM768-P256 of draft-irtf-cfrg-concrete-hybrid-kems
 *
 * Private P-256 keys are nowhere here: whoever holds them (pqi_element) computes with them. */
#ifndef PQI_COMPOSITE_H
#define PQI_COMPOSITE_H

#include <pqi/classic.h>
#include <pqi/kem.h>
#include <pqi/sig.h>
#include <pqi/suite.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_P256_PK  65u /* 04 || x || y */
#define PQI_P256_SS  32u /* x of the shared point */
#define PQI_P256_SIG 64u /* r || s */
#define PQI_P256_DER 72u /* the longest Ecdsa-Sig-Value, RFC 3279 section 2.2.3 */

/* Bytes of the largest composite algorithm (ML-DSA-65 and ML-KEM-768 with P-256): below the largest of
 * the plain ones, so that no buffer grew for them. */
#define PQI_COMPOSITE_MAX_PK  (1952u + PQI_P256_PK)
#define PQI_COMPOSITE_MAX_SIG (3309u + PQI_P256_DER)
#define PQI_COMPOSITE_KEM_PK  (1184u + PQI_P256_PK)
#define PQI_COMPOSITE_KEM_CT  (1088u + PQI_P256_PK)

/* What a descriptor's impl points to when its flags have PQI_ALG_COMPOSITE. selftest is a known answer
 * of the whole algorithm for pqi_selftest(); tmp as pqi_selftest_tmp_len() has it. */
typedef struct pqi_composite_sig {
    const pqi_sig *pq;
    pqi_hash_id prehash; /* PH */
    pqi_cspan label;     /* also the context string of the post-quantum half */
    pqi_status (*selftest)(const pqi_sig *alg, pqi_span tmp);
} pqi_composite_sig;

typedef struct pqi_composite_kem {
    const pqi_kem *pq;
    pqi_cspan label;
    pqi_status (*selftest)(const pqi_kem *alg, pqi_span tmp);
} pqi_composite_kem;

/* NULL: alg is not composite. A composite descriptor has the seed_len, sk_len and rnd_len of its
 * post-quantum half; public key, signature and ciphertext have both halves, the post-quantum one
 * first. Its keygen, sign and decaps answer PQI_ERR_UNSUPPORTED: they need who holds the P-256 key. */
PQI_API const pqi_composite_sig *pqi_composite_sig_of(const pqi_sig *alg);
PQI_API const pqi_composite_kem *pqi_composite_kem_of(const pqi_kem *alg);

/* The composite algorithm whose post-quantum half is this one; NULL: none is in the set. */
PQI_API const pqi_sig *pqi_algs_composite_sig(const pqi_algs *a, int32_t pq_id);
PQI_API const pqi_kem *pqi_algs_composite_kem(const pqi_algs *a, uint32_t pq_id);
/* The other one of a pair: the composite KEM of a plain id, the post-quantum half of a composite one. Who
 * has both speaks to holders of either. NULL: there is none in the set. */
PQI_API const pqi_kem *pqi_algs_other_kem(const pqi_algs *a, uint32_t id);

/* M' for a message in parts. out: PQI_COMPOSITE_MSG_MAX bytes. ctx 0..255 bytes.
 * PQI_OK; PQI_ERR_ARG; statuses of the classical table. */
#define PQI_COMPOSITE_MSG_MAX 416u
PQI_API PQI_MUST_CHECK pqi_status pqi_composite_message(const pqi_classic *c,
    const pqi_composite_sig *alg, pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts,
    uint8_t *out, size_t *len);

/* r || s to DER and back; everything is public. DER: the one encoding (X.690 10.1), 1 <= r, s < 2^256.
 * encode: der has room for PQI_P256_DER bytes. decode: PQI_ERR_AUTH when it is not the one encoding. */
PQI_API size_t pqi_p256_der_encode(const uint8_t sig[PQI_P256_SIG], uint8_t *der);
PQI_API PQI_MUST_CHECK pqi_status pqi_p256_der_decode(pqi_cspan der, uint8_t sig[PQI_P256_SIG]);

/* ss = SHA3-256(ss_pq || ss_t || ct_t || ek_t || label): 32, 32, 65, 65 bytes. ss may be ss_pq. */
PQI_API void pqi_composite_kem_combine(const pqi_composite_kem *alg, const uint8_t *ss_pq,
    const uint8_t *ss_t, const uint8_t *ct_t, const uint8_t *ek_t, uint8_t ss[PQI_KEM_SS]);

#ifdef __cplusplus
}
#endif
#endif
