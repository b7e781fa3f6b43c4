/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_512, pqi_mlkem, PQI_MLKEM_TMP(2u), "ML-KEM-512",
    PQI_KEM_ID_ML_KEM_512, 1, 2u, 3u, 10u, 4u);
