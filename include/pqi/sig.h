/* SPDX-License-Identifier: Apache-2.0
 * Signatures: constant descriptors and one checked front door.
 *
 * Messages are given as parts, which are signed as if they stood in one buffer. Thread-safety and
 * `tmp` are as in kem.h. */
#ifndef PQI_SIG_H
#define PQI_SIG_H

#include <pqi/kem.h>
#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Largest sizes over all signature schemes of this library, bytes. */
#define PQI_SIG_MAX_PK   2592u
#define PQI_SIG_MAX_SK   4896u
#define PQI_SIG_MAX_SEED 64u
#define PQI_SIG_MAX_SIG  4627u
#define PQI_SIG_MAX_RND  64u
#define PQI_SIG_MAX_CTX  255u

/* Algorithm ids: the COSE values (RFC 9964 for ML-DSA), docs/spec/registry.md. */
#define PQI_SIG_ID_ML_DSA_44 (-48)
#define PQI_SIG_ID_ML_DSA_65 (-49)
#define PQI_SIG_ID_ML_DSA_87 (-50)
/* Round-3 Falcon (falcon.h) has no code point; these are of the range that RFC 9053 section 8 and
 * the COSE registry leave to private use, below -65536. */
#define PQI_SIG_ID_FALCON_512  (-65737)
#define PQI_SIG_ID_FALCON_1024 (-65738)
/* Composite ones with P-256 (composite.h; in pqi_host_algs()), of the same range. */
#define PQI_SIG_ID_ML_DSA_44_P256   (-65739)
#define PQI_SIG_ID_ML_DSA_65_P256   (-65740)
#define PQI_SIG_ID_FALCON_512_P256  (-65741)
#define PQI_SIG_ID_FALCON_1024_P256 (-65742)

typedef struct pqi_sig {
    const char *name; /* "ML-DSA-65" */
    int32_t id;       /* PQI_SIG_ID_* */
    uint8_t level;    /* NIST security category, 1..5 */
    uint8_t flags;    /* PQI_ALG_* */
    uint32_t pk_len, sk_len, seed_len, rnd_len;
    uint32_t sig_len; /* the longest signature; for ML-DSA every signature has this length */
    uint32_t keygen_tmp, sign_tmp, verify_tmp; /* bytes of scratch */
    const void *impl;                          /* of the algorithm family, see mldsa.h */
    pqi_status (*keygen)(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
    pqi_status (*sign)(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
        const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp);
    pqi_status (*verify)(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts,
        pqi_cspan sig, void *tmp);
} pqi_sig;

/* ML-DSA, FIPS 204, pure interface with context string. seed = xi (32 bytes, Algorithm 6), sk = the
 * encoded private key (Algorithm 24), rnd = 32 bytes: random for the hedged variant, zero for the
 * deterministic one. */
#define PQI_ML_DSA_44_KEYGEN_TMP 7768u
#define PQI_ML_DSA_44_SIGN_TMP   33496u
#define PQI_ML_DSA_44_VERIFY_TMP 9024u
#define PQI_ML_DSA_65_KEYGEN_TMP 8792u
#define PQI_ML_DSA_65_SIGN_TMP   53840u
#define PQI_ML_DSA_65_VERIFY_TMP 10064u
PQI_API extern const pqi_sig pqi_sig_ml_dsa_44;
PQI_API extern const pqi_sig pqi_sig_ml_dsa_65;
PQI_API extern const pqi_sig pqi_sig_ml_dsa_87;

/* The same algorithms with little scratch: same id, name, keys and, for the same rnd, signatures; they
 * are slower, above all signing. While one of them signs, `sig` is scratch too and holds secrets: nobody
 * else may see it before the call ends, and PQI_ERR_ARG says that it overlaps sk or mu. A program uses
 * one set or the other. */
#define PQI_ML_DSA_44_SMALL_KEYGEN_TMP 2136u
#define PQI_ML_DSA_44_SMALL_SIGN_TMP   2144u
#define PQI_ML_DSA_44_SMALL_VERIFY_TMP 2296u
#define PQI_ML_DSA_65_SMALL_KEYGEN_TMP 2136u
#define PQI_ML_DSA_65_SMALL_SIGN_TMP   2912u
#define PQI_ML_DSA_65_SMALL_VERIFY_TMP 2296u
#define PQI_ML_DSA_87_SMALL_KEYGEN_TMP 2136u
#define PQI_ML_DSA_87_SMALL_SIGN_TMP   3680u
#define PQI_ML_DSA_87_SMALL_VERIFY_TMP 2296u
PQI_API extern const pqi_sig pqi_sig_ml_dsa_44_small;
PQI_API extern const pqi_sig pqi_sig_ml_dsa_65_small;
PQI_API extern const pqi_sig pqi_sig_ml_dsa_87_small;

/* Derives a key pair from a seed.
 * pk out alg->pk_len; sk out alg->sk_len, secret; seed in alg->seed_len, secret; tmp keygen_tmp.
 * PQI_OK; PQI_ERR_ARG: a length differs or a pointer is NULL; PQI_ERR_SPACE: tmp is too small. */
PQI_API PQI_MUST_CHECK pqi_status pqi_sig_keygen(
    const pqi_sig *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp);

/* Signs.
 * sig     out  room for alg->sig_len bytes; zero on error; *sig_len is its length
 * sk      in   alg->sk_len bytes, secret
 * ctx     in   0..255 bytes, the domain of the signature
 * parts   in   the message; n_parts may be 0
 * rnd     in   alg->rnd_len bytes; all zero asks for the deterministic variant
 * tmp     -    alg->sign_tmp bytes
 * Time depends on the number of rejections, which is independent of the key (FIPS 204 section 3.3
 * and 6.2); addresses and branches do not depend on secrets.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_SPACE; PQI_ERR_PROVIDER: the rejection loop passed the bound of
 * FIPS 204 Appendix C, which does not happen with a sound key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_sig_sign(const pqi_sig *alg, pqi_span sig, size_t *sig_len,
    pqi_cspan sk, pqi_cspan ctx, const pqi_cspan *parts, size_t n_parts, pqi_cspan rnd,
    pqi_span tmp);

/* Verifies. Everything here is public.
 * PQI_OK; PQI_ERR_AUTH: the signature does not verify, has another length or is not the one
 * encoding; PQI_ERR_ARG: pk has another length, ctx is longer than 255 bytes; PQI_ERR_SPACE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_sig_verify(const pqi_sig *alg, pqi_cspan pk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
