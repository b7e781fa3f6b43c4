/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-87. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 87
#include "prim/mldsa/keygen.h"
#include "prim/mldsa/sign.h"
#include "prim/mldsa/verify.h"

_Static_assert(PK_LEN == 2592 && SK_LEN == 4896 && SIG_LEN == 4627, "FIPS 204 Table 2");

PQI_MLDSA_DESCRIPTOR(pqi_sig_ml_dsa_87, "ML-DSA-87", PQI_SIG_ID_ML_DSA_87, 5, sizeof(keygen_tmp),
    sizeof(sign_tmp), sizeof(verify_tmp));
