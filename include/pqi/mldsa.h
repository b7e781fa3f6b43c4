/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA interfaces of FIPS 204 beyond the pure one of sig.h. `alg` is one of pqi_sig_ml_dsa_*;
 * another descriptor gives PQI_ERR_UNSUPPORTED. Lengths, tmp, statuses and side-channel promises
 * are those of sig.h. */
#ifndef PQI_MLDSA_H
#define PQI_MLDSA_H

#include <pqi/hash.h>
#include <pqi/sig.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_MLDSA_MU 64u

/* mu = H(tr || M') for M' = 0 || len(ctx) || ctx || parts (Algorithm 2, step 10 and Algorithm 7,
 * step 6), with tr = H(pk): what a device without the private key computes for external-mu signing.
 * PQI_OK; PQI_ERR_ARG: pk length or ctx longer than 255 bytes. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_mu(const pqi_sig *alg, uint8_t mu[PQI_MLDSA_MU],
    pqi_cspan pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts);

/* External mu: signs or verifies a 64-byte message representative. */
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_sign_mu(const pqi_sig *alg, pqi_span sig,
    size_t *sig_len, pqi_cspan sk, const uint8_t mu[PQI_MLDSA_MU], pqi_cspan rnd, pqi_span tmp);
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_verify_mu(
    const pqi_sig *alg, pqi_cspan pk, const uint8_t mu[PQI_MLDSA_MU], pqi_cspan sig, pqi_span tmp);

/* Algorithms 7 and 8: the message parts are M' as it is, without framing. For test vectors and for
 * protocols that do their own framing; everything else uses pqi_sig_sign(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_sign_internal(const pqi_sig *alg, pqi_span sig,
    size_t *sig_len, pqi_cspan sk, const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd,
    pqi_span tmp);
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_verify_internal(const pqi_sig *alg, pqi_cspan pk,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, pqi_span tmp);

/* HashML-DSA (Algorithms 4 and 5) over a digest that the caller computed with `hash`.
 * PQI_MLDSA_ALLOW_WEAK_HASH lets sign use a hash weaker than the parameter set (collision strength
 * below level 2/3/5: 128/192/256 bits); without it that is PQI_ERR_POLICY. Verification takes every
 * hash of pqi_hash_id. PQI_ERR_ARG: digest.len is not that of `hash`. */
#define PQI_MLDSA_ALLOW_WEAK_HASH 0x01u
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_sign_prehash(const pqi_sig *alg, pqi_span sig,
    size_t *sig_len, pqi_cspan sk, pqi_cspan ctx, pqi_hash_id hash, pqi_cspan digest,
    unsigned flags, pqi_cspan rnd, pqi_span tmp);
PQI_API PQI_MUST_CHECK pqi_status pqi_mldsa_verify_prehash(const pqi_sig *alg, pqi_cspan pk,
    pqi_cspan ctx, pqi_hash_id hash, pqi_cspan digest, pqi_cspan sig, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
