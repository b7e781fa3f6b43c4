/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-44. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 44
#include "prim/mldsa/keygen.h"
#include "prim/mldsa/sign.h"
#include "prim/mldsa/verify.h"

_Static_assert(PK_LEN == 1312 && SK_LEN == 2560 && SIG_LEN == 2420, "FIPS 204 Table 2");

PQI_MLDSA_DESCRIPTOR(pqi_sig_ml_dsa_44, "ML-DSA-44", PQI_SIG_ID_ML_DSA_44, 2,
    PQI_ML_DSA_44_KEYGEN_TMP, PQI_ML_DSA_44_SIGN_TMP, PQI_ML_DSA_44_VERIFY_TMP);
