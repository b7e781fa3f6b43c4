/* SPDX-License-Identifier: Apache-2.0
 * The test functions of the post-quantum algorithms, for the tables in kinds.c. */
#ifndef PQI_APPS_VECTORS_PQ_H
#define PQI_APPS_VECTORS_PQ_H

#include "vectors.h"

void pqi_vec_mlkem_keygen(pqi_vec *v);
void pqi_vec_mlkem_encap_decap(pqi_vec *v);
void pqi_vec_mlkem_seed_decaps(pqi_vec *v);
void pqi_vec_mlkem_encaps(pqi_vec *v);
void pqi_vec_mlkem_keygen_seed(pqi_vec *v);
void pqi_vec_mlkem_expanded_decaps(pqi_vec *v);

void pqi_vec_mldsa_keygen(pqi_vec *v);
void pqi_vec_mldsa_siggen(pqi_vec *v);
void pqi_vec_mldsa_sigver(pqi_vec *v);
void pqi_vec_mldsa_sign(pqi_vec *v);
void pqi_vec_mldsa_verify(pqi_vec *v);
/* The rejection cases of the ACVP ML-DSA specification: a file with a bare list of tests. */
void pqi_vec_mldsa_rejection(pqi_vec *v);

/* X-Wing: seed, eseed or randomness, pk, sk, ct, ss. */
void pqi_vec_xwing(pqi_vec *v);

/* Falcon: a padded signature, and every bit of it inverted. */
void pqi_vec_falcon_verify(pqi_vec *v);

/* C2SP CCTV: one decapsulation; one step of a draft file ("step"); an encapsulation key with a
 * coefficient out of range; a message of the signing benchmark; a run of many operations. */
void pqi_vec_cctv_strcmp(pqi_vec *v);
void pqi_vec_cctv_step(pqi_vec *v);
void pqi_vec_cctv_modulus(pqi_vec *v);
void pqi_vec_cctv_benchmark(pqi_vec *v);
void pqi_vec_cctv_accumulated(pqi_vec *v);

#endif
