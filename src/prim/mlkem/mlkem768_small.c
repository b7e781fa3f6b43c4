/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

PQI_MLKEM_SMALL_ASSERT(3u, PQI_ML_KEM_768_SMALL_TMP);

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_768_small, pqi_mlkem_small, PQI_ML_KEM_768_SMALL_TMP,
    "ML-KEM-768", PQI_KEM_ID_ML_KEM_768, 3, 3u, 2u, 10u, 4u);
