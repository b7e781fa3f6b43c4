/* SPDX-License-Identifier: Apache-2.0
 * The hybrid combiner of docs/spec/v1.md section 3: two shared secrets and everything public make one
 * key. Extract takes the secrets, Expand binds the output to a hash `th` of both public keys, both
 * ciphertexts and the context; whoever derives a key gives that hash, so no key exists without it.
 * A chain of exchanges (a handshake) gives the prk of one step as the salt of the next. */
#ifndef PQI_SUITE_COMBINE_H
#define PQI_SUITE_COMBINE_H

#include <pqi/suite.h>

#define PQI_COMBINE_SECRETS (PQI_KEM_SS + PQI_X25519_LEN)

/* k     in  K_pq || K_x, secret
 * x_ct  in  32 bytes, the ephemeral X25519 key of the exchange
 * x_pk  in  32 bytes, the recipient's X25519 key */
typedef struct pqi_combine_in {
    const uint8_t *k;
    const uint8_t *x_ct, *x_pk; /* read by PQI_COMBINER_XWING only */
} pqi_combine_in;

/* prk = Extract(salt, IKM) with the suite's hash. IKM = K_pq || K_x, the post-quantum secret first (SP
 * 800-56C revision 2, section 2); for PQI_COMBINER_XWING the 32 bytes SHA3-256(K_pq || K_x || x_ct ||
 * x_pk || label), the shared secret of draft-connolly-cfrg-xwing-kem.
 * prk   out  the suite's hash length, secret; zero on error
 * salt  in   a label, or the prk of the step before
 * Time depends on lengths only. PQI_OK; PQI_ERR_UNSUPPORTED: the combiner; statuses of hmac. */
PQI_MUST_CHECK pqi_status pqi_combine_extract(const pqi_classic *c, const pqi_suite *s,
    pqi_cspan salt, const pqi_combine_in *in, uint8_t prk[PQI_HASH_MAX]);

/* The shared secret of X-Wing over in->k, x_ct and x_pk: draft-connolly-cfrg-xwing-kem section 5.3. */
void pqi_combine_xwing(const pqi_combine_in *in, uint8_t ss[PQI_KEM_SS]);

/* out = Expand(prk, label || th). th: the suite's hash length. out is zero on error. */
PQI_MUST_CHECK pqi_status pqi_combine_expand(const pqi_classic *c, const pqi_suite *s,
    const uint8_t *prk, pqi_cspan label, const uint8_t *th, pqi_span out);

#endif
