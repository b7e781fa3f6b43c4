/* SPDX-License-Identifier: Apache-2.0 */
#include <pqi/classic.h>

pqi_status pqi_classic_check(const pqi_classic *c)
{
    if (c == NULL || c->abi != PQI_CLASSIC_ABI || c->name == NULL || c->random == NULL ||
        c->hash == NULL || c->hmac == NULL || c->x25519_public == NULL || c->x25519 == NULL ||
        c->ed25519_public == NULL || c->ed25519_sign == NULL || c->ed25519_verify == NULL ||
        c->aead_seal == NULL || c->aead_open == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    return PQI_OK;
}
