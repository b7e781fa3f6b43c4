/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

PQI_MLKEM_SMALL_ASSERT(4u, PQI_ML_KEM_1024_SMALL_TMP);

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_1024_small, pqi_mlkem_small, PQI_ML_KEM_1024_SMALL_TMP,
    "ML-KEM-1024", PQI_KEM_ID_ML_KEM_1024, 5, 4u, 2u, 11u, 5u);
