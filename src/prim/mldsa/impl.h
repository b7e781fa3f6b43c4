/* SPDX-License-Identifier: Apache-2.0
 * What a level offers beyond the descriptor, and the message representative. */
#ifndef PQI_PRIM_MLDSA_IMPL_H
#define PQI_PRIM_MLDSA_IMPL_H

#include <pqi/mldsa.h>

#define PQI_MLDSA_TR 64u /* bytes of tr = H(pk), FIPS 204 Algorithm 6 */

/* pqi_sig.impl of the ML-DSA descriptors. Lengths are those of the descriptor; arguments were
 * checked; tmp is wiped. tmp of sign and verify begins with a pqi_xof, which is free before the call. */
typedef struct pqi_mldsa_impl {
    pqi_status (*sign_mu)(
        uint8_t *sig, const uint8_t *sk, const uint8_t *mu, const uint8_t *rnd, void *tmp);
    pqi_status (*verify_mu)(const uint8_t *pk, const uint8_t *mu, const uint8_t *sig, void *tmp);
} pqi_mldsa_impl;

/* Where tr stands in an encoded private key: after rho and K (Algorithm 24). */
#define PQI_MLDSA_SK_TR 64u

/* The bytes that frame a message in M': none (Algorithms 7 and 8), or domain || len(ctx) || ctx. */
typedef struct pqi_mldsa_frame {
    uint8_t framed; /* 0: M' is the message */
    uint8_t domain; /* 0 pure (Algorithm 2), 1 pre-hashed (Algorithm 4) */
    pqi_cspan ctx;  /* at most 255 bytes */
} pqi_mldsa_frame;

/* mu = H(tr || M', 64), Algorithm 7 step 6. x is scratch, to be wiped by the caller: the message may
 * be confidential. mu may be tr. */
void pqi_mldsa_make_mu(uint8_t mu[PQI_MLDSA_MU], pqi_xof *x, const uint8_t tr[PQI_MLDSA_TR],
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts);

/* The same from the public key. */
void pqi_mldsa_make_mu_pk(uint8_t mu[PQI_MLDSA_MU], pqi_xof *x, pqi_cspan pk,
    const pqi_mldsa_frame *frame, const pqi_cspan *parts, size_t n_parts);

#endif
