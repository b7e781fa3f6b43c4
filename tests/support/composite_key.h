/* SPDX-License-Identifier: Apache-2.0
 * A composite key pair in memory, for tests: the P-256 half is the key of RFC 6979 section A.2.5 or one of
 * a given scalar, and OpenSSL signs with it. Nothing shipped holds such a key in the clear. */
#ifndef PQI_TESTS_COMPOSITE_KEY_H
#define PQI_TESTS_COMPOSITE_KEY_H

#include <pqi/composite.h>

typedef struct composite_key {
    const pqi_sig *sig; /* one of the two */
    const pqi_kem *kem;
    uint8_t scalar[32];
    uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK]; /* whole; of the post-quantum half */
} composite_key;

extern const uint8_t composite_rfc6979_scalar[32];

/* seed: every byte of the post-quantum half's seed. scalar NULL: that of RFC 6979. */
void composite_key_sig(
    composite_key *k, const pqi_sig *alg, uint8_t seed, const uint8_t *scalar, pqi_span tmp);
void composite_key_kem(
    composite_key *k, const pqi_kem *alg, uint8_t seed, const uint8_t *scalar, pqi_span tmp);

/* Deterministic in the first half. ecdsa: r || s to be used, or NULL: OpenSSL makes one. */
void composite_sign(const composite_key *k, pqi_cspan ctx, pqi_cspan msg, const uint8_t *ecdsa,
    uint8_t *sig, size_t *len, pqi_span tmp);
/* r || s over msg as it is. */
void composite_ecdsa(const uint8_t scalar[32], pqi_cspan msg, uint8_t sig[PQI_P256_SIG]);
void composite_decaps(const composite_key *k, const uint8_t *ct, uint8_t ss[32], pqi_span tmp);

#endif
