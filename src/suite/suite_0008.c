/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

const pqi_suite pqi_suite_0008 = {
    .id = 0x0008u,
    .name = "FireSaber+X25519/AES-256-GCM/SHA-384",
    .kem = &pqi_kem_firesaber,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA384,
    .level = 5,
    .flags = PQI_ALG_NOT_STANDARD,
    .bitmap = 0x80u,
};
