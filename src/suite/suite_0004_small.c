/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

const pqi_suite pqi_suite_0004_small = {
    .id = 0x0004u,
    .name = "ML-KEM-1024+X25519/AES-256-GCM/SHA-384",
    .kem = &pqi_kem_ml_kem_1024_small,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA384,
    .level = 5,
    .bitmap = 0x08u,
};
