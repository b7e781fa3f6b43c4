/* SPDX-License-Identifier: Apache-2.0
 * Falcon-512. Sizes: specification Table 3.3. */
#include "prim/falcon/impl.h"

const pqi_sig pqi_sig_falcon_512 = {
    .name = "Falcon-512",
    .id = PQI_SIG_ID_FALCON_512,
    .level = 1,
    .flags = PQI_ALG_PRE_STANDARD,
    .pk_len = PQI_FALCON512_PK,
    .sk_len = PQI_FALCON512_SK,
    .seed_len = PQI_FALCON_SEED,
    .rnd_len = PQI_FALCON_SEED,
    .sig_len = PQI_FALCON512_SIG_PADDED,
    .keygen_tmp = PQI_FALCON512_KEYGEN_TMP,
    .sign_tmp = PQI_FALCON512_SIGN_TMP,
    .verify_tmp = PQI_FALCON512_VERIFY_TMP,
    .impl = NULL,
    .keygen = pqi_falcon_512_keygen,
    .sign = pqi_falcon_512_sign,
    .verify = pqi_falcon_512_verify,
};
