/* SPDX-License-Identifier: Apache-2.0 */
#include "prim/saber/saber.h"

/* Rank and mu of the parameter table of the specification, log2 of its T. */
PQI_SABER_DESCRIPTOR(pqi_kem_firesaber, "FireSaber", PQI_KEM_ID_FIRESABER, 5, 4u, 6u, 6u);
