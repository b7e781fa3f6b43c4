/* SPDX-License-Identifier: Apache-2.0
 * Key encapsulation: constant descriptors and one checked front door.
 *
 * A descriptor is an immutable table of sizes and functions. A program links only the algorithms
 * whose descriptors it names. All functions are thread-safe: they touch only their arguments.
 *
 * `tmp` is scratch memory of at least alg->tmp_len bytes, 8-aligned; it is wiped before return. */
#ifndef PQI_KEM_H
#define PQI_KEM_H

#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_ALG_NOT_STANDARD 0x01u /* offered for study or interoperability; policy can forbid it */
#define PQI_ALG_PRE_STANDARD 0x02u /* selected for standardisation; the final standard is not out */
/* A suite whose AEAD fails when a key and nonce come again: all but those of AES-256-GCM-SIV. Stands in
 * no row, as it follows from the AEAD; a policy that forbids it asks for misuse resistance. */
#define PQI_ALG_NOT_MISUSE_RESISTANT 0x04u

/* Two halves, one of them P-256: pqi/composite.h. */
#define PQI_ALG_COMPOSITE 0x08u

/* Largest sizes over all KEMs of this library, bytes. */
#define PQI_KEM_MAX_PK   1568u
#define PQI_KEM_MAX_SK   3168u
#define PQI_KEM_MAX_SEED 96u
#define PQI_KEM_MAX_CT   1568u
#define PQI_KEM_SS       32u

/* Algorithm ids on the wire and in certificates: docs/spec/registry.md. */
#define PQI_KEM_ID_ML_KEM_512      0x0001u
#define PQI_KEM_ID_ML_KEM_768      0x0002u
#define PQI_KEM_ID_ML_KEM_1024     0x0003u
#define PQI_KEM_ID_ML_KEM_768_P256 0x0201u /* composite.h; in pqi_host_algs() */
#define PQI_KEM_ID_LIGHTSABER      0x0101u /* not standardised, as all from here */
#define PQI_KEM_ID_SABER           0x0102u
#define PQI_KEM_ID_FIRESABER       0x0103u

typedef struct pqi_kem {
    const char *name;                                     /* "ML-KEM-768" */
    uint16_t id;                                          /* PQI_KEM_ID_* */
    uint8_t level;                                        /* NIST security category, 1..5 */
    uint8_t flags;                                        /* PQI_ALG_* */
    uint32_t pk_len, sk_len, seed_len, ct_len, coins_len; /* bytes; the shared secret has 32 */
    uint32_t tmp_len;                                     /* bytes of scratch, all operations */
    /* Lengths are those above; arguments were checked by the front door. Secrets in `tmp` and on
     * the stack are wiped. */
    pqi_status (*keygen)(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp);
    pqi_status (*encaps)(
        uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp);
    pqi_status (*decaps)(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp);
    pqi_status (*check_pk)(const uint8_t *pk, void *tmp);
    pqi_status (*check_sk)(const uint8_t *sk, void *tmp);
    const void *impl; /* pqi_composite_kem where flags has PQI_ALG_COMPOSITE, else NULL */
} pqi_kem;

/* ML-KEM, FIPS 203. seed = d || z (64 bytes, Algorithm 16), sk = the expanded decapsulation key,
 * coins = m (32 bytes, Algorithm 17). */
#define PQI_ML_KEM_768_TMP 4016u
PQI_API extern const pqi_kem pqi_kem_ml_kem_512;
PQI_API extern const pqi_kem pqi_kem_ml_kem_768;
PQI_API extern const pqi_kem pqi_kem_ml_kem_1024;

/* SABER, the submission to round 3 of NIST's competition. It is NOT STANDARDISED: it was a finalist,
 * NIST chose ML-KEM, and no standard of it is to come. flags has PQI_ALG_NOT_STANDARD; for study and
 * interoperability, not for new designs.
 * seed = the random bytes for seed_A, seed_s and z (32 each, in this order, which is that of the
 * submission's known-answer program), sk = s || pk || SHA3-256(pk) || z, coins = the random bytes
 * whose hash is m (32).
 * All moduli are powers of two: every string of pk_len bytes is a public key, and check_pk and
 * encapsulation never answer PQI_ERR_DECODE for one. check_sk looks at the range of s and at the hash
 * of pk; decapsulation looks at the range of s only, as the submission has no check at all.
 * Key generation uses the memory of sk as scratch before it writes the key. */
PQI_API extern const pqi_kem pqi_kem_lightsaber;
PQI_API extern const pqi_kem pqi_kem_saber;
PQI_API extern const pqi_kem pqi_kem_firesaber;

/* The same algorithms with less scratch: same id, name, keys and bytes, about half the `tmp`, and
 * slower on processors with vectors. A program uses one set or the other. */
#define PQI_ML_KEM_512_SMALL_TMP  1880u
#define PQI_ML_KEM_768_SMALL_TMP  2392u
#define PQI_ML_KEM_1024_SMALL_TMP 2904u
PQI_API extern const pqi_kem pqi_kem_ml_kem_512_small;
PQI_API extern const pqi_kem pqi_kem_ml_kem_768_small;
PQI_API extern const pqi_kem pqi_kem_ml_kem_1024_small;

/* Derives a key pair from a seed; the same seed gives the same keys.
 * pk   out  alg->pk_len bytes
 * sk   out  alg->sk_len bytes, secret; wipe it when done
 * seed in   alg->seed_len bytes, secret, uniformly random
 * tmp  -    at least alg->tmp_len bytes, 8-aligned
 * Time and addresses do not depend on the secret part of the key (the public rho of ML-KEM steers
 * rejection sampling).
 * PQI_OK; PQI_ERR_ARG: a length differs or a pointer is NULL; PQI_ERR_SPACE: tmp is too small. */
PQI_API PQI_MUST_CHECK pqi_status pqi_kem_keygen(
    const pqi_kem *alg, pqi_span pk, pqi_span sk, pqi_cspan seed, pqi_span tmp);

/* Makes a ciphertext and the shared secret in it for the holder of `pk`.
 * ct    out  alg->ct_len bytes
 * ss    out  PQI_KEM_SS bytes, secret; zero on error
 * pk    in   alg->pk_len bytes, from the peer; checked (FIPS 203 section 7.2)
 * coins in   alg->coins_len bytes, secret, uniformly random, never used twice
 * PQI_OK; PQI_ERR_DECODE: pk fails the modulus check; PQI_ERR_ARG, PQI_ERR_SPACE as above. */
PQI_API PQI_MUST_CHECK pqi_status pqi_kem_encaps(
    const pqi_kem *alg, pqi_span ct, pqi_span ss, pqi_cspan pk, pqi_cspan coins, pqi_span tmp);

/* Recovers the shared secret of `ct`. An altered ciphertext is no error: implicit rejection gives a
 * pseudorandom secret, and the failure shows where the secret is used.
 * ss out PQI_KEM_SS bytes, secret; zero on error; ct in alg->ct_len bytes; sk in alg->sk_len bytes.
 * Time and addresses depend neither on sk nor on whether ct is valid.
 * PQI_OK; PQI_ERR_ARG: sk fails the hash check of FIPS 203 section 7.3, or as above. */
PQI_API PQI_MUST_CHECK pqi_status pqi_kem_decaps(
    const pqi_kem *alg, pqi_span ss, pqi_cspan ct, pqi_cspan sk, pqi_span tmp);

/* FIPS 203 section 7.2, encapsulation key check. PQI_OK; PQI_ERR_DECODE: length or modulus. */
PQI_API PQI_MUST_CHECK pqi_status pqi_kem_check_pk(const pqi_kem *alg, pqi_cspan pk, pqi_span tmp);

/* FIPS 203 section 7.3, decapsulation key check. PQI_OK; PQI_ERR_ARG: length or hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_kem_check_sk(const pqi_kem *alg, pqi_cspan sk, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
