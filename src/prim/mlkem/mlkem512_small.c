/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

PQI_MLKEM_SMALL_ASSERT(2u, PQI_ML_KEM_512_SMALL_TMP);

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_512_small, pqi_mlkem_small, PQI_ML_KEM_512_SMALL_TMP,
    "ML-KEM-512", PQI_KEM_ID_ML_KEM_512, 1, 2u, 3u, 10u, 4u);
