/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-65 in little memory. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 65
#include "prim/mldsa/keygen_small.h"
#include "prim/mldsa/sign_small.h"
#include "prim/mldsa/verify_small.h"

_Static_assert(PK_LEN == 1952 && SK_LEN == 4032 && SIG_LEN == 3309, "FIPS 204 Table 2");

PQI_MLDSA_DESCRIPTOR(pqi_sig_ml_dsa_65_small, "ML-DSA-65", PQI_SIG_ID_ML_DSA_65, 3,
    PQI_ML_DSA_65_SMALL_KEYGEN_TMP, PQI_ML_DSA_65_SMALL_SIGN_TMP, PQI_ML_DSA_65_SMALL_VERIFY_TMP);
