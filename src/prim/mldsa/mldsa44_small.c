/* SPDX-License-Identifier: Apache-2.0
 * ML-DSA-44 in little memory. Sizes: FIPS 204 Table 2. */
#define PQI_MLDSA_LEVEL 44
#include "prim/mldsa/keygen_small.h"
#include "prim/mldsa/sign_small.h"
#include "prim/mldsa/verify_small.h"

#include "prim/mldsa/sign_pure.h"
#include "prim/mldsa/verify_pure.h"

_Static_assert(PK_LEN == 1312 && SK_LEN == 2560 && SIG_LEN == 2420, "FIPS 204 Table 2");

/* sig.h gives the sizes of the layouts. */
_Static_assert(sizeof(keygen_tmp) == PQI_ML_DSA_44_SMALL_KEYGEN_TMP, "keygen");
_Static_assert(sizeof(sign_tmp) == PQI_ML_DSA_44_SMALL_SIGN_TMP, "sign");
_Static_assert(sizeof(verify_tmp) == PQI_ML_DSA_44_SMALL_VERIFY_TMP, "verify");

static const pqi_mldsa_impl impl = {sign_mu, verify_mu};

const pqi_sig pqi_sig_ml_dsa_44_small = {
    .name = "ML-DSA-44",
    .id = PQI_SIG_ID_ML_DSA_44,
    .level = 2,
    .flags = 0,
    .pk_len = PK_LEN,
    .sk_len = SK_LEN,
    .seed_len = SEED_LEN,
    .rnd_len = RND_LEN,
    .sig_len = SIG_LEN,
    .keygen_tmp = PQI_ML_DSA_44_SMALL_KEYGEN_TMP,
    .sign_tmp = PQI_ML_DSA_44_SMALL_SIGN_TMP,
    .verify_tmp = PQI_ML_DSA_44_SMALL_VERIFY_TMP,
    .impl = &impl,
    .keygen = keygen,
    .sign = sign_pure,
    .verify = verify_pure,
};
