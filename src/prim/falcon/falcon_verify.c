/* SPDX-License-Identifier: Apache-2.0
 * The descriptors of a device that only verifies. */
#include "prim/falcon/impl.h"

static pqi_status no_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    (void)pk;
    (void)sk;
    (void)seed;
    (void)tmp;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status no_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    (void)sig;
    (void)sig_len;
    (void)sk;
    (void)ctx;
    (void)parts;
    (void)n_parts;
    (void)rnd;
    (void)tmp;
    return PQI_ERR_UNSUPPORTED;
}

const pqi_sig pqi_sig_falcon_512_verify = {
    .name = "Falcon-512",
    .id = PQI_SIG_ID_FALCON_512,
    .level = 1,
    .flags = PQI_ALG_PRE_STANDARD,
    .pk_len = PQI_FALCON512_PK,
    .sk_len = PQI_FALCON512_SK,
    .seed_len = PQI_FALCON_SEED,
    .rnd_len = PQI_FALCON_SEED,
    .sig_len = PQI_FALCON512_SIG_PADDED,
    .keygen_tmp = 0,
    .sign_tmp = 0,
    .verify_tmp = PQI_FALCON512_VERIFY_TMP,
    .impl = NULL,
    .keygen = no_keygen,
    .sign = no_sign,
    .verify = pqi_falcon_512_verify,
};

const pqi_sig pqi_sig_falcon_1024_verify = {
    .name = "Falcon-1024",
    .id = PQI_SIG_ID_FALCON_1024,
    .level = 5,
    .flags = PQI_ALG_PRE_STANDARD,
    .pk_len = PQI_FALCON1024_PK,
    .sk_len = PQI_FALCON1024_SK,
    .seed_len = PQI_FALCON_SEED,
    .rnd_len = PQI_FALCON_SEED,
    .sig_len = PQI_FALCON1024_SIG_PADDED,
    .keygen_tmp = 0,
    .sign_tmp = 0,
    .verify_tmp = PQI_FALCON1024_VERIFY_TMP,
    .impl = NULL,
    .keygen = no_keygen,
    .sign = no_sign,
    .verify = pqi_falcon_1024_verify,
};
