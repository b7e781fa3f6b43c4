/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-65. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 65
#include "prim/mldsa/keygen.h"
#include "prim/mldsa/sign.h"
#include "prim/mldsa/verify.h"

_Static_assert(PK_LEN == 1952 && SK_LEN == 4032 && SIG_LEN == 3309, "FIPS 204 Table 2");

PQI_MLDSA_DESCRIPTOR(pqi_sig_ml_dsa_65, "ML-DSA-65", PQI_SIG_ID_ML_DSA_65, 3,
    PQI_ML_DSA_65_KEYGEN_TMP, PQI_ML_DSA_65_SIGN_TMP, PQI_ML_DSA_65_VERIFY_TMP);
