/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-87 in little memory. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 87
#include "prim/mldsa/keygen_small.h"
#include "prim/mldsa/sign_small.h"
#include "prim/mldsa/verify_small.h"

_Static_assert(PK_LEN == 2592 && SK_LEN == 4896 && SIG_LEN == 4627, "FIPS 204 Table 2");

PQI_MLDSA_DESCRIPTOR(pqi_sig_ml_dsa_87_small, "ML-DSA-87", PQI_SIG_ID_ML_DSA_87, 5,
    PQI_ML_DSA_87_SMALL_KEYGEN_TMP, PQI_ML_DSA_87_SMALL_SIGN_TMP, PQI_ML_DSA_87_SMALL_VERIFY_TMP);
