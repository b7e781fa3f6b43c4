/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/mlkem/mlkem.h"

/* FIPS 203 section 8, Table 2. */
PQI_MLKEM_DESCRIPTOR(pqi_kem_ml_kem_1024, pqi_mlkem, PQI_MLKEM_TMP(4u), "ML-KEM-1024",
    PQI_KEM_ID_ML_KEM_1024, 5, 4u, 2u, 11u, 5u);
