/* SPDX-License-Identifier: Apache-2.0
 * Table entries of a firmware without Ed25519. */
#include "base/mem.h"

#include <pqi/classic_mcu.h>

pqi_status pqi_mcu_no_ed25519_public(uint8_t pk[PQI_ED25519_PK], const uint8_t seed[32])
{
    (void)seed;
    memset(pk, 0, PQI_ED25519_PK);
    return PQI_ERR_UNSUPPORTED;
}

pqi_status pqi_mcu_no_ed25519_sign(
    uint8_t sig[PQI_ED25519_SIG], const uint8_t seed[32], pqi_cspan msg)
{
    (void)seed;
    (void)msg;
    memset(sig, 0, PQI_ED25519_SIG);
    return PQI_ERR_UNSUPPORTED;
}

pqi_status pqi_mcu_no_ed25519_verify(
    const uint8_t pk[PQI_ED25519_PK], pqi_cspan msg, const uint8_t sig[PQI_ED25519_SIG])
{
    (void)pk;
    (void)msg;
    (void)sig;
    return PQI_ERR_UNSUPPORTED;
}
