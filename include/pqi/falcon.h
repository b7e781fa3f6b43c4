/* SPDX-License-Identifier: Apache-2.0
 * Falcon-512 and Falcon-1024 as submitted to round 3 of the NIST process (specification v1.2 of 1
 * October 2020). NIST will standardise a successor, FN-DSA, which will not interoperate with this.
 *
 * `alg` is one of pqi_sig_falcon_*; another descriptor gives PQI_ERR_UNSUPPORTED. The functions of
 * sig.h work on these descriptors too: PADDED format, and the message framed with its context as
 * 0x00 || len(ctx) || ctx || message, as FIPS 204 section 5.2 does. The functions below sign and
 * verify the message as it is, so they interoperate with other round-3 implementations.
 *
 * A signature is header || nonce (40 bytes) || s2. The verifier names the format it expects: a
 * compressed signature is exactly its encoding, a padded one has exactly the fixed length with
 * zeros after the encoding, and neither passes as the other. Every format has one encoding for each
 * s2; all others are refused. */
#ifndef PQI_FALCON_H
#define PQI_FALCON_H

#include <pqi/sig.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_FALCON_NONCE 40u /* bytes of the salt, specification section 3.2.2 */
#define PQI_FALCON_SEED  48u /* bytes of a seed */

/* Bytes of keys (specification sections 3.11.4 and 3.11.5) and of the longest signatures (3.11.2,
 * 3.11.3, Table 3.3). */
#define PQI_FALCON512_PK              897u
#define PQI_FALCON512_SK              1281u
#define PQI_FALCON512_SIG_COMPRESSED  752u
#define PQI_FALCON512_SIG_PADDED      666u
#define PQI_FALCON512_SIG_CT          809u
#define PQI_FALCON1024_PK             1793u
#define PQI_FALCON1024_SK             2305u
#define PQI_FALCON1024_SIG_COMPRESSED 1462u
#define PQI_FALCON1024_SIG_PADDED     1280u
#define PQI_FALCON1024_SIG_CT         1577u

/* Bytes of `tmp`; the same values stand in the descriptors. */
#define PQI_FALCON512_KEYGEN_TMP  16384u
#define PQI_FALCON512_SIGN_TMP    23424u
#define PQI_FALCON512_VERIFY_TMP  2400u
#define PQI_FALCON1024_KEYGEN_TMP 32768u
#define PQI_FALCON1024_SIGN_TMP   45952u
#define PQI_FALCON1024_VERIFY_TMP 4448u

/* Bytes of an expanded private key and of `tmp` to make one and to sign with one. */
#define PQI_FALCON512_EXPANDED           38152u
#define PQI_FALCON512_EXPAND_TMP         23424u
#define PQI_FALCON512_SIGN_EXPANDED_TMP  23424u
#define PQI_FALCON1024_EXPANDED          80136u
#define PQI_FALCON1024_EXPAND_TMP        45952u
#define PQI_FALCON1024_SIGN_EXPANDED_TMP 45952u

typedef enum pqi_falcon_format {
    PQI_FALCON_COMPRESSED = 1, /* shortest; the length varies */
    PQI_FALCON_PADDED = 2,     /* fixed length: the signer tries again until it fits */
    PQI_FALCON_CT = 3,         /* fixed length, coded in constant time */
    PQI_FALCON_FORMAT_INT32_ = 2147483647
} pqi_falcon_format;

/* Falcon. seed = 48 bytes, expanded with SHAKE256 exactly as the round-3 reference does; sk = the
 * encoded f, g, F; rnd = 48 bytes: random for the hedged variant, zero for the deterministic one. */
PQI_API extern const pqi_sig pqi_sig_falcon_512;
PQI_API extern const pqi_sig pqi_sig_falcon_1024;

/* The same for a device that only verifies: it links neither key generation nor signing, which give
 * PQI_ERR_UNSUPPORTED here. */
PQI_API extern const pqi_sig pqi_sig_falcon_512_verify;
PQI_API extern const pqi_sig pqi_sig_falcon_1024_verify;

/* Bytes of the longest signature of a format (of every signature for PADDED and CT); 0: alg is not
 * Falcon or the format unknown. Thread-safe. */
PQI_API size_t pqi_falcon_sig_len(const pqi_sig *alg, pqi_falcon_format format);

/* Signs the message as it is (specification Algorithm 10, Sign).
 * sig     out  room for pqi_falcon_sig_len() bytes; zero on error; *sig_len is its length
 * sk      in   alg->sk_len bytes, secret
 * parts   in   the message; n_parts may be 0
 * rnd     in   48 bytes, secret. Nonce and sampler seed are SHAKE256 over a label, sk, rnd and the
 *              message. All zero asks for the deterministic variant, which is sound because this
 *              library computes the same signature on every machine, to the bit
 * tmp     -    alg->sign_tmp bytes, 8-aligned; wiped
 * Time depends on rejections of the sampler and restarts, which are independent of the key (section
 * 3.9.3), on lengths, and on the finished signature; addresses and branches do not depend on
 * secrets. Thread-safe.
 * PQI_OK; PQI_ERR_ARG: a length differs, a pointer is NULL, or sk is no private key; PQI_ERR_SPACE:
 * sig or tmp is too small; PQI_ERR_UNSUPPORTED; PQI_ERR_PROVIDER: no attempt succeeded, which does
 * not happen with a sound key. */
PQI_API PQI_MUST_CHECK pqi_status pqi_falcon_sign(const pqi_sig *alg, pqi_falcon_format format,
    pqi_span sig, size_t *sig_len, pqi_cspan sk, const pqi_cspan *parts, size_t n_parts,
    pqi_cspan rnd, pqi_span tmp);

/* For test vectors only: signs with a given nonce and sampler seed, as the round-3 known-answer
 * generator does. The same nonce with two messages, or a seed known to anyone, gives the private
 * key away. Arguments and statuses are those of pqi_falcon_sign(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_falcon_sign_seeded(const pqi_sig *alg,
    pqi_falcon_format format, pqi_span sig, size_t *sig_len, pqi_cspan sk, const pqi_cspan *parts,
    size_t n_parts, const uint8_t nonce[PQI_FALCON_NONCE], const uint8_t seed[PQI_FALCON_SEED],
    pqi_span tmp);

/* Verifies (specification Algorithm 16). Everything here is public; time depends on it.
 * format  in   the one format that is accepted
 * pk      in   alg->pk_len bytes
 * sig     in   the signature, exactly
 * tmp     -    alg->verify_tmp bytes, 8-aligned
 * Thread-safe.
 * PQI_OK; PQI_ERR_AUTH: the signature does not verify, has another length or format, is not the one
 * encoding, or pk is no public key; PQI_ERR_ARG: pk has another length, a pointer is NULL, the
 * format is unknown; PQI_ERR_SPACE: tmp is too small; PQI_ERR_UNSUPPORTED. */
PQI_API PQI_MUST_CHECK pqi_status pqi_falcon_verify(const pqi_sig *alg, pqi_falcon_format format,
    pqi_cspan pk, const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, pqi_span tmp);

/* Expands a private key for faster signing (specification Algorithm 4, steps 3 to 9: the Falcon
 * tree). The result is as secret as sk, belongs to this build of the library and is not for
 * storage.
 * ek   out  PQI_FALCON*_EXPANDED bytes, 8-aligned, secret; zero on error
 * sk   in   alg->sk_len bytes, secret
 * tmp  -    PQI_FALCON*_EXPAND_TMP bytes, 8-aligned; wiped
 * Constant time. Thread-safe.
 * PQI_OK; PQI_ERR_ARG: a length or alignment differs, or sk is no private key; PQI_ERR_SPACE: tmp;
 * PQI_ERR_UNSUPPORTED. */
PQI_API PQI_MUST_CHECK pqi_status pqi_falcon_expand(
    const pqi_sig *alg, pqi_span ek, pqi_cspan sk, pqi_span tmp);

/* Signs with an expanded key: the same bytes as pqi_falcon_sign() with the key it was made of.
 * ek   in   PQI_FALCON*_EXPANDED bytes, 8-aligned, from pqi_falcon_expand()
 * tmp  -    PQI_FALCON*_SIGN_EXPANDED_TMP bytes, 8-aligned; wiped
 * The rest as pqi_falcon_sign(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_falcon_sign_expanded(const pqi_sig *alg,
    pqi_falcon_format format, pqi_span sig, size_t *sig_len, pqi_cspan ek, const pqi_cspan *parts,
    size_t n_parts, pqi_cspan rnd, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
