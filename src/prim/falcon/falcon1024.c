/* SPDX-License-Identifier: Apache-2.0
 * Falcon-1024. Sizes: specification Table 3.3. */
#include "prim/falcon/impl.h"

const pqi_sig pqi_sig_falcon_1024 = {
    .name = "Falcon-1024",
    .id = PQI_SIG_ID_FALCON_1024,
    .level = 5,
    .flags = PQI_ALG_PRE_STANDARD,
    .pk_len = PQI_FALCON1024_PK,
    .sk_len = PQI_FALCON1024_SK,
    .seed_len = PQI_FALCON_SEED,
    .rnd_len = PQI_FALCON_SEED,
    .sig_len = PQI_FALCON1024_SIG_PADDED,
    .keygen_tmp = PQI_FALCON1024_KEYGEN_TMP,
    .sign_tmp = PQI_FALCON1024_SIGN_TMP,
    .verify_tmp = PQI_FALCON1024_VERIFY_TMP,
    .impl = NULL,
    .keygen = pqi_falcon_1024_keygen,
    .sign = pqi_falcon_1024_sign,
    .verify = pqi_falcon_1024_verify,
};
