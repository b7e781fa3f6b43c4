/* SPDX-License-Identifier: Apache-2.0
 * X-Wing, the hybrid KEM of ML-KEM-768 and X25519 (draft-connolly-cfrg-xwing-kem; the concrete
 * hybrid MLKEM768-X25519 of the CFRG gives the same bytes). For protocols that name it; messages of
 * this library use the hybrid box of suite.h.
 *
 * The private key is a seed of 32 bytes that each decapsulation expands anew. Whoever seals chooses
 * the parts: a firmware gives the small ML-KEM-768 and its own classical table.
 *
 * Low order: the draft neither asks for nor forbids a check of the X25519 result. Here a public key
 * or a ciphertext whose X25519 part is of low order, so that the result would be all zero, is
 * refused with PQI_ERR_AUTH, as everywhere in this library. Both are public and no honest party
 * makes them, so keys, ciphertexts and secrets of others come out byte for byte as the draft says.
 *
 * Functions are thread-safe: they touch only their arguments. `tmp` is scratch memory, 8-aligned, of
 * at least pqi_xwing_tmp_len() bytes; it is wiped before return. Outputs may not overlap inputs. */
#ifndef PQI_XWING_H
#define PQI_XWING_H

#include <pqi/classic.h>
#include <pqi/kem.h>
#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bytes; the draft, section 5. */
#define PQI_XWING_PK    1216u /* ML-KEM-768 key (1184), X25519 key (32) */
#define PQI_XWING_SK    32u   /* the seed */
#define PQI_XWING_CT    1120u /* ML-KEM-768 ciphertext (1088), ephemeral X25519 key (32) */
#define PQI_XWING_SS    32u
#define PQI_XWING_COINS 64u /* eseed: 32 for ML-KEM, 32 for X25519 */

/* What X-Wing is made of. Borrowed for the call. */
typedef struct pqi_xwing {
    const pqi_kem *kem; /* pqi_kem_ml_kem_768 or another descriptor of ML-KEM-768 */
    const pqi_classic *classic;
} pqi_xwing;

/* Bytes of scratch over a descriptor whose tmp_len is kem_tmp: the expanded ML-KEM key pair, 192
 * bytes of secrets, and the scratch of ML-KEM. */
#define PQI_XWING_TMP(kem_tmp) (3776u + (kem_tmp))

/* The same for x->kem; 0 when x is not usable. */
PQI_API size_t pqi_xwing_tmp_len(const pqi_xwing *x);

/* The public key of a seed.
 * pk out PQI_XWING_PK bytes; zero on error
 * sk in  PQI_XWING_SK bytes, secret, uniformly random
 * Time and addresses do not depend on the secret part of the key, as for pqi_kem_keygen().
 * PQI_OK; PQI_ERR_ARG: a length differs, a pointer is NULL or tmp is not aligned; PQI_ERR_SPACE: tmp
 * is too small; PQI_ERR_UNSUPPORTED: x->kem is not ML-KEM-768, or the table is of
 * another ABI or lacks X25519;
 * statuses of the table. */
PQI_API PQI_MUST_CHECK pqi_status pqi_xwing_keygen(
    const pqi_xwing *x, pqi_span pk, pqi_cspan sk, pqi_span tmp);

/* Makes a ciphertext and the shared secret in it (EncapsulateDerand of the draft, section 5.4).
 * ct    out  PQI_XWING_CT bytes; zero on error
 * ss    out  PQI_XWING_SS bytes, secret; zero on error
 * pk    in   PQI_XWING_PK bytes, from the peer; checked (FIPS 203 section 7.2)
 * coins in   PQI_XWING_COINS bytes, secret, uniformly random, never used twice
 * PQI_OK; PQI_ERR_DECODE: pk fails the modulus check; PQI_ERR_AUTH: its X25519 key is of low order;
 * others as above. */
PQI_API PQI_MUST_CHECK pqi_status pqi_xwing_encaps(
    const pqi_xwing *x, pqi_span ct, pqi_span ss, pqi_cspan pk, pqi_cspan coins, pqi_span tmp);

/* Recovers the shared secret of `ct`. An altered ciphertext gives another secret and no error (but
 * for a low order), so the failure shows where the secret is used.
 * ss out PQI_XWING_SS bytes, secret; zero on error; ct in PQI_XWING_CT bytes; sk in PQI_XWING_SK.
 * Time and addresses depend neither on secrets nor on whether the ML-KEM part of ct is valid.
 * PQI_OK; PQI_ERR_AUTH: the X25519 key in ct is of low order; others as for keygen. */
PQI_API PQI_MUST_CHECK pqi_status pqi_xwing_decaps(
    const pqi_xwing *x, pqi_span ss, pqi_cspan ct, pqi_cspan sk, pqi_span tmp);

/* One known answer of the draft: key, ciphertext, secret, the refusal of a low order. For a program
 * that uses X-Wing, at start; pqi_selftest() does not know of it, as it belongs to no pqi_algs.
 * tmp - pqi_xwing_selftest_tmp_len(x) bytes, 8-aligned
 * PQI_OK; PQI_ERR_SELFTEST; PQI_ERR_ARG, PQI_ERR_SPACE: as above. */
PQI_API size_t pqi_xwing_selftest_tmp_len(const pqi_xwing *x);
PQI_API PQI_MUST_CHECK pqi_status pqi_xwing_selftest(const pqi_xwing *x, pqi_span tmp);

#ifdef __cplusplus
}
#endif
#endif
