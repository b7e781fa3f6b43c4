/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

/* Keys and capsule are those of suite 0x0002; only the combiner differs. */
const pqi_suite pqi_suite_0005 = {
    .id = 0x0005u,
    .name = "X-Wing/AES-256-GCM/SHA-256",
    .kem = &pqi_kem_ml_kem_768,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .combiner = PQI_COMBINER_XWING,
    .level = 3,
    .flags = PQI_ALG_PRE_STANDARD,
    .bitmap = 0x10u,
};
