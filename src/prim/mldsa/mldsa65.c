/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-65. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 65
#include "prim/mldsa/keygen.h"
#include "prim/mldsa/sign.h"
#include "prim/mldsa/verify.h"

#include "prim/mldsa/sign_pure.h"
#include "prim/mldsa/verify_pure.h"

_Static_assert(PK_LEN == 1952 && SK_LEN == 4032 && SIG_LEN == 3309, "FIPS 204 Table 2");

static const pqi_mldsa_impl impl = {sign_mu, verify_mu};

const pqi_sig pqi_sig_ml_dsa_65 = {
    .name = "ML-DSA-65",
    .id = PQI_SIG_ID_ML_DSA_65,
    .level = 3,
    .flags = 0,
    .pk_len = PK_LEN,
    .sk_len = SK_LEN,
    .seed_len = SEED_LEN,
    .rnd_len = RND_LEN,
    .sig_len = SIG_LEN,
    .keygen_tmp = sizeof(keygen_tmp),
    .sign_tmp = sizeof(sign_tmp),
    .verify_tmp = sizeof(verify_tmp),
    .impl = &impl,
    .keygen = keygen,
    .sign = sign_pure,
    .verify = verify_pure,
};
