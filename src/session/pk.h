/* SPDX-License-Identifier: Apache-2.0
 * The one way to a public-key operation from the session and protocol layers (tools/check-pk): each
 * function counts what it begins, then calls prim or the provider. Shared rules of the functions:
 *
 * at      in   where and with what; at->counts may be NULL: nothing is counted
 * Lengths, side-channel promises and what happens to outputs on error are those of the function
 * behind it (kem.h, classic.h, sig.h, suite.h, provider.h), and so is every status but one: PQI_ERR_ARG
 * also when `at` lacks what the operation needs. Thread-safe for different `at`. */
#ifndef PQI_SESSION_PK_H
#define PQI_SESSION_PK_H

#include <pqi/pk.h>
#include <pqi/provider.h>

typedef struct pqi_pk_at {
    const pqi_classic *classic; /* X25519 with ephemeral keys */
    pqi_provider *provider;     /* static keys */
    pqi_pk_counts *counts;
    pqi_span tmp; /* of the algorithm: KEM and verify */
} pqi_pk_at;

/* Counts n operations of a kind whose code is behind another front door: v1 packets, certificates,
 * revocation lists. tools/check-pk wants it in every function that opens such a door. counts may be NULL.
 * Saturates. */
void pqi_pk_note(pqi_pk_counts *counts, pqi_pk_kind kind, unsigned n);

/* Ephemeral KEM keys. */
PQI_MUST_CHECK pqi_status pqi_pk_keygen(
    const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan seed, pqi_span pk, pqi_span sk);
/* ct gets kem->ct_len bytes, ss PQI_KEM_SS. */
PQI_MUST_CHECK pqi_status pqi_pk_encaps(const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan pk,
    pqi_cspan coins, pqi_span ct, uint8_t ss[PQI_KEM_SS]);
PQI_MUST_CHECK pqi_status pqi_pk_decaps(
    const pqi_pk_at *at, const pqi_kem *kem, pqi_cspan ct, pqi_cspan sk, uint8_t ss[PQI_KEM_SS]);

/* Ephemeral X25519 keys. PQI_ERR_AUTH: the result of pqi_pk_x25519() is zero. */
PQI_MUST_CHECK pqi_status pqi_pk_x25519_public(
    const pqi_pk_at *at, const uint8_t sk[PQI_X25519_LEN], uint8_t pk[PQI_X25519_LEN]);
PQI_MUST_CHECK pqi_status pqi_pk_x25519(const pqi_pk_at *at, const uint8_t sk[PQI_X25519_LEN],
    const uint8_t peer[PQI_X25519_LEN], uint8_t ss[PQI_X25519_LEN]);

/* Keys of the provider. */
PQI_MUST_CHECK pqi_status pqi_pk_key_decaps(
    const pqi_pk_at *at, pqi_key key, pqi_cspan ct, uint8_t ss[PQI_KEM_SS]);
PQI_MUST_CHECK pqi_status pqi_pk_key_dh(const pqi_pk_at *at, pqi_key key,
    const uint8_t peer[PQI_X25519_LEN], uint8_t ss[PQI_X25519_LEN]);
typedef struct pqi_pk_to_sign {
    pqi_key key;
    pqi_cspan domain;
    const pqi_cspan *parts;
    size_t n_parts;
} pqi_pk_to_sign;
PQI_MUST_CHECK pqi_status pqi_pk_key_sign(
    const pqi_pk_at *at, const pqi_pk_to_sign *s, pqi_span sig, size_t *sig_len);

typedef struct pqi_pk_signed {
    const pqi_sig *alg;
    pqi_cspan pk, domain;
    const pqi_cspan *parts;
    size_t n_parts;
    pqi_cspan sig;
} pqi_pk_signed;
PQI_MUST_CHECK pqi_status pqi_pk_verify(const pqi_pk_at *at, const pqi_pk_signed *s);

#endif
