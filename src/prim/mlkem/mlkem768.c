/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

_Static_assert(
    PQI_MLKEM_TMP(3u) <= PQI_ML_KEM_768_TMP && PQI_ML_KEM_768_TMP - PQI_MLKEM_TMP(3u) < 16u,
    "kem.h gives the size of the layout");

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_768, pqi_mlkem, PQI_ML_KEM_768_TMP, "ML-KEM-768",
    PQI_KEM_ID_ML_KEM_768, 3, 3u, 2u, 10u, 4u);
