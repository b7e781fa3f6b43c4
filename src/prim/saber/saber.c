/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/saber/saber.h"

/* Rank and mu of the parameter table of the specification, log2 of its T. */
PQI_SABER_DESCRIPTOR(pqi_kem_saber, "Saber", PQI_KEM_ID_SABER, 3, 3u, 8u, 4u);
