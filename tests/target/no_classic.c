/* SPDX-License-Identifier: Apache-2.0
 * A classical table that offers nothing: the self test then runs what the library computes itself.
 * Its "random" bytes are a fixed sequence, which the test of a generator cannot tell from a real
 * one; nothing here makes keys with it. */
#include "target.h"

static pqi_status fixed_random(uint8_t *out, size_t len)
{
    static uint32_t calls;
    tgt_fill((pqi_span){out, len}, ++calls);
    return PQI_OK;
}

static pqi_status none_hash(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    (void)id;
    (void)parts;
    (void)n_parts;
    (void)out;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status none_hmac(
    pqi_hash_id id, pqi_cspan key, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    (void)key;
    return none_hash(id, parts, n_parts, out);
}

static pqi_status none_public(uint8_t pk[32], const uint8_t sk[32])
{
    (void)pk;
    (void)sk;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status none_shared(uint8_t ss[32], const uint8_t sk[32], const uint8_t pk[32])
{
    (void)ss;
    (void)sk;
    (void)pk;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status none_sign(uint8_t sig[64], const uint8_t seed[32], pqi_cspan msg)
{
    (void)sig;
    (void)seed;
    (void)msg;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status none_verify(const uint8_t pk[32], pqi_cspan msg, const uint8_t sig[64])
{
    (void)pk;
    (void)msg;
    (void)sig;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status none_aead(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    (void)k;
    (void)aad;
    (void)in;
    (void)out;
    return PQI_ERR_UNSUPPORTED;
}

const pqi_classic *tgt_no_classic(void)
{
    static const pqi_classic none = {PQI_CLASSIC_ABI, "none", fixed_random, none_hash, none_hmac,
        none_public, none_shared, none_public, none_sign, none_verify, none_aead, none_aead};
    return &none;
}
