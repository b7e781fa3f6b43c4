/* SPDX-License-Identifier: Apache-2.0
 * Which files are understood. A file of any other algorithm is skipped as "algorithm not built
 * in". */
#include "vectors_classic.h"
#include "vectors_pq.h"

/* clang-format off */
const pqi_vec_kind pqi_vec_acvp_pq[] = {
    {"ML-KEM", "keyGen", pqi_vec_mlkem_keygen},
    {"ML-KEM", "encapDecap", pqi_vec_mlkem_encap_decap},
    {"ML-DSA", "keyGen", pqi_vec_mldsa_keygen},
    {"ML-DSA", "sigGen", pqi_vec_mldsa_siggen},
    {"ML-DSA", "sigVer", pqi_vec_mldsa_sigver},
    {NULL, NULL, NULL},
};

const pqi_vec_kind pqi_vec_acvp_classic[] = {
    {"SHA2-*", NULL, pqi_vec_acvp_hash},
    {"SHA3-*", NULL, pqi_vec_acvp_hash},
    {"SHAKE-*", NULL, pqi_vec_acvp_hash},
    {"HMAC-SHA*", NULL, pqi_vec_acvp_hmac},
    {"ACVP-AES-GCM", NULL, pqi_vec_acvp_gcm},
    {"ACVP-AES-CCM", NULL, pqi_vec_acvp_ccm},
    {NULL, NULL, NULL},
};

const pqi_vec_kind pqi_vec_wycheproof_pq[] = {
    {"ML-KEM", "mlkem_test_schema", pqi_vec_mlkem_seed_decaps},
    {"ML-KEM", "mlkem_encaps_test_schema", pqi_vec_mlkem_encaps},
    {"ML-KEM", "mlkem_keygen_seed_test_schema", pqi_vec_mlkem_keygen_seed},
    {"ML-KEM", "mlkem_semi_expanded_decaps_test_schema", pqi_vec_mlkem_expanded_decaps},
    {"ML-DSA-*", "mldsa_sign_", pqi_vec_mldsa_sign},
    {"ML-DSA-*", "mldsa_verify_", pqi_vec_mldsa_verify},
    {NULL, NULL, NULL},
};

const pqi_vec_kind pqi_vec_wycheproof_classic[] = {
    {"AES-GCM", "aead_test_schema", pqi_vec_aead},
    {"AES-GCM-SIV", "aead_test_schema", pqi_vec_aead},
    {"AES-CCM", "aead_test_schema", pqi_vec_aead},
    {"CHACHA20-POLY1305", "aead_test_schema", pqi_vec_aead},
    {"HMAC*", "mac_test_schema", pqi_vec_hmac},
    {"HKDF-*", "hkdf_test_schema", pqi_vec_hkdf},
    {"XDH", "xdh_comp_schema", pqi_vec_x25519},
    {"EDDSA", "eddsa_verify_schema", pqi_vec_ed25519},
    {NULL, NULL, NULL},
};
/* clang-format on */
