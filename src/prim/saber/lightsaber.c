/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/saber/saber.h"

/* Spec section 4, Table 1. */
PQI_SABER_DESCRIPTOR(pqi_kem_lightsaber, "LightSaber", PQI_KEM_ID_LIGHTSABER, 1, 2u, 10u, 3u);
