/* SPDX-License-Identifier: Apache-2.0
 * The microcontroller set as a constant table with the system generator. Tests that are compiled with
 * pqi_classic_openssl=pqi_test_classic_mcu run on it instead of OpenSSL. */
#undef pqi_classic_openssl

#include <pqi/classic_mcu.h>
#include <pqi/host.h>

extern const pqi_classic pqi_test_classic_mcu;

static pqi_status system_random(uint8_t *out, size_t len)
{
    return pqi_classic_openssl.random(out, len);
}

const pqi_classic pqi_test_classic_mcu = {
    .abi = PQI_CLASSIC_ABI,
    .name = "mcu",
    .random = system_random,
    .hash = pqi_mcu_hash,
    .hmac = pqi_mcu_hmac,
    .x25519_public = pqi_mcu_x25519_public,
    .x25519 = pqi_mcu_x25519,
    .ed25519_public = pqi_mcu_ed25519_public,
    .ed25519_sign = pqi_mcu_ed25519_sign,
    .ed25519_verify = pqi_mcu_ed25519_verify,
    .aead_seal = pqi_mcu_aead_seal,
    .aead_open = pqi_mcu_aead_open,
};
