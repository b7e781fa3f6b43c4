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

#endif
