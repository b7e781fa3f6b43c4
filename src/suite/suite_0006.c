/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

const pqi_suite pqi_suite_0006 = {
    .id = 0x0006u,
    .name = "LightSaber+X25519/AES-256-GCM/SHA-256",
    .kem = &pqi_kem_lightsaber,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .level = 1,
    .flags = PQI_ALG_NOT_STANDARD,
    .bitmap = 0x20u,
};
