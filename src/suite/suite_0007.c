/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

const pqi_suite pqi_suite_0007 = {
    .id = 0x0007u,
    .name = "Saber+X25519/AES-256-GCM/SHA-256",
    .kem = &pqi_kem_saber,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .level = 3,
    .flags = PQI_ALG_NOT_STANDARD,
    .bitmap = 0x40u,
};
