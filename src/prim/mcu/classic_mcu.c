/* SPDX-License-Identifier: Apache-2.0
 * The whole set as one table. */
#include <pqi/classic_mcu.h>

#include <stdbool.h>

pqi_status pqi_mcu_aead_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    bool ccm = k->id == PQI_AEAD_AES_128_CCM_8 || k->id == PQI_AEAD_AES_128_CCM_16;
    bool chacha = k->id == PQI_AEAD_CHACHA20_POLY1305, siv = k->id == PQI_AEAD_AES_256_GCM_SIV;
    return ccm      ? pqi_mcu_ccm_seal(k, aad, in, out)
           : chacha ? pqi_mcu_chacha_seal(k, aad, in, out)
           : siv    ? pqi_mcu_gcm_siv_seal(k, aad, in, out)
                    : pqi_mcu_gcm_seal(k, aad, in, out); /* which refuses any other id */
}

pqi_status pqi_mcu_aead_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    bool ccm = k->id == PQI_AEAD_AES_128_CCM_8 || k->id == PQI_AEAD_AES_128_CCM_16;
    bool chacha = k->id == PQI_AEAD_CHACHA20_POLY1305, siv = k->id == PQI_AEAD_AES_256_GCM_SIV;
    return ccm      ? pqi_mcu_ccm_open(k, aad, in, out)
           : chacha ? pqi_mcu_chacha_open(k, aad, in, out)
           : siv    ? pqi_mcu_gcm_siv_open(k, aad, in, out)
                    : pqi_mcu_gcm_open(k, aad, in, out);
}

void pqi_classic_mcu(pqi_classic *out, pqi_status (*random)(uint8_t *out, size_t len))
{
    *out = (pqi_classic){
        .abi = PQI_CLASSIC_ABI,
        .name = "mcu",
        .random = random,
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
}
