/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/saber/saber.h"

/* Rank and mu of the parameter table of the specification, log2 of its T. */
PQI_SABER_DESCRIPTOR(pqi_kem_lightsaber, "LightSaber", PQI_KEM_ID_LIGHTSABER, 1, 2u, 10u, 3u);
