/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_768, pqi_mlkem, PQI_MLKEM_TMP(3u), "ML-KEM-768",
    PQI_KEM_ID_ML_KEM_768, 3, 3u, 2u, 10u, 4u);
