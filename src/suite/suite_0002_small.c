/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

const pqi_suite pqi_suite_0002_small = {
    .id = 0x0002u,
    .name = "ML-KEM-768+X25519/AES-256-GCM/SHA-256",
    .kem = &pqi_kem_ml_kem_768_small,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .level = 3,
    .bitmap = 0x02u,
};
