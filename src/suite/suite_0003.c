/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/suite.h>

/* Keys and capsule are those of suite 0x0002; only the AEAD differs. */
const pqi_suite pqi_suite_0003 = {
    .id = 0x0003u,
    .name = "ML-KEM-768+X25519/AES-256-GCM-SIV/SHA-256",
    .kem = &pqi_kem_ml_kem_768,
    .aead = PQI_AEAD_AES_256_GCM_SIV,
    .hash = PQI_HASH_SHA256,
    .level = 3,
    .bitmap = 0x04u,
};
