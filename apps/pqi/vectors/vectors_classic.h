/* SPDX-License-Identifier: Apache-2.0
 * The test functions of hashes and classical algorithms, for the tables in kinds.c. */
#ifndef PQI_APPS_VECTORS_CLASSIC_H
#define PQI_APPS_VECTORS_CLASSIC_H

#include "vectors.h"

void pqi_vec_acvp_hash(pqi_vec *v);
void pqi_vec_acvp_hmac(pqi_vec *v);
void pqi_vec_acvp_gcm(pqi_vec *v);
void pqi_vec_acvp_ccm(pqi_vec *v);

void pqi_vec_aead(pqi_vec *v);
void pqi_vec_hmac(pqi_vec *v);
void pqi_vec_hkdf(pqi_vec *v);
void pqi_vec_x25519(pqi_vec *v);
void pqi_vec_ed25519(pqi_vec *v);

/* RFC 5869 Appendix A, RFC 7748 sections 5.2 and 6.1, NIST CAVP GCM. */
void pqi_vec_rfc5869(pqi_vec *v);
void pqi_vec_rfc7748_mult(pqi_vec *v);
void pqi_vec_rfc7748_iterate(pqi_vec *v);
void pqi_vec_rfc7748_dh(pqi_vec *v);
void pqi_vec_cavp_gcm(pqi_vec *v);

#endif
