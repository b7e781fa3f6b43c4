/* SPDX-License-Identifier: Apache-2.0
 * Composite algorithms of a host: the post-quantum halves of this library, P-256 of OpenSSL, and the set
 * of algorithms with them. docs/spec/composite.md. */
#include "port/linux/composite_int.h"

#include "port/linux/ossl_p256.h"
#include "prim/keccak/keccak.h"

#include <pqi/falcon.h>
#include <pqi/wipe.h>

#include <string.h>

#define MARKS (PQI_ALG_PRE_STANDARD | PQI_ALG_COMPOSITE)

/* ---- signatures --------------------------------------------------------------------------------- */

/* A failure of the machine is no verdict; else both halves must be good. */
static pqi_status both(pqi_status a, pqi_status b)
{
    return a != PQI_OK && a != PQI_ERR_AUTH ? a : b != PQI_OK ? b : a;
}

static pqi_status verify_p256(const uint8_t pk[PQI_P256_PK], pqi_cspan msg, pqi_cspan der)
{
    uint8_t sig[PQI_P256_SIG];
    pqi_status st = pqi_p256_der_decode(der, sig);
    return st == PQI_OK ? pqi_ossl_p256_verify(pk, msg, sig) : st;
}

static pqi_status verify(const pqi_composite_sig *alg, const uint8_t *pk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, pqi_cspan sig, void *tmp)
{
    const pqi_sig *pq = alg->pq;
    uint8_t m[PQI_COMPOSITE_MSG_MAX];
    size_t len;
    if (sig.len <= pq->sig_len) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = pqi_composite_message(&pqi_classic_openssl, alg, ctx, parts, n_parts, m, &len);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan msg = {m, len};
    const pqi_cspan sig_pq = {sig.ptr, pq->sig_len};
    const pqi_cspan der = {sig.ptr + pq->sig_len, sig.len - pq->sig_len};
    pqi_status st_pq = pq->verify(pk, alg->label, &msg, 1, sig_pq, tmp);
    pqi_status st_t = verify_p256(pk + pq->pk_len, msg, der);
    return both(st_pq, st_t);
}

/* Who holds the P-256 key makes keys and signs: pqi_soft over a pqi_element. */
static pqi_status no_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    (void)pk, (void)sk, (void)seed, (void)tmp;
    return PQI_ERR_UNSUPPORTED;
}

static pqi_status no_sign(uint8_t *sig, size_t *sig_len, const uint8_t *sk, pqi_cspan ctx,
    const pqi_cspan *parts, size_t n_parts, const uint8_t *rnd, void *tmp)
{
    (void)sig, (void)sk, (void)ctx, (void)parts, (void)n_parts, (void)rnd, (void)tmp;
    *sig_len = 0;
    return PQI_ERR_UNSUPPORTED;
}

/* n: the half's name in constants, LEN_n_*: its sizes. */
#define COMPOSITE_SIG(sym, half, n, text, wire_id, category, hash, label_text)                     \
    static const pqi_composite_sig sym##_impl = {                                                  \
        &(half), (hash), {PQI_LIT(label_text)}, pqi_composite_selftest_sig};                       \
    static pqi_status sym##_verify(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,       \
        size_t n_parts, pqi_cspan sig, void *tmp)                                                  \
    {                                                                                              \
        return verify(&sym##_impl, pk, ctx, parts, n_parts, sig, tmp);                             \
    }                                                                                              \
    const pqi_sig sym = {                                                                          \
        .name = (text),                                                                            \
        .id = (wire_id),                                                                           \
        .level = (category),                                                                       \
        .flags = MARKS,                                                                            \
        .pk_len = n##_PK + PQI_P256_PK,                                                            \
        .sk_len = n##_SK,                                                                          \
        .seed_len = n##_SEED,                                                                      \
        .rnd_len = n##_RND,                                                                        \
        .sig_len = n##_SIG + PQI_P256_DER,                                                         \
        .keygen_tmp = n##_KEYGEN_TMP,                                                              \
        .sign_tmp = n##_SIGN_TMP,                                                                  \
        .verify_tmp = n##_VERIFY_TMP,                                                              \
        .impl = &sym##_impl,                                                                       \
        .keygen = no_keygen,                                                                       \
        .sign = no_sign,                                                                           \
        .verify = sym##_verify,                                                                    \
    }

/* FIPS 204 tables 1 and 2; the specification of Falcon, table 3.3. */
#define PQI_ML_DSA_44_PK    1312u
#define PQI_ML_DSA_44_SK    2560u
#define PQI_ML_DSA_44_SEED  32u
#define PQI_ML_DSA_44_RND   32u
#define PQI_ML_DSA_44_SIG   2420u
#define PQI_ML_DSA_65_PK    1952u
#define PQI_ML_DSA_65_SK    4032u
#define PQI_ML_DSA_65_SEED  32u
#define PQI_ML_DSA_65_RND   32u
#define PQI_ML_DSA_65_SIG   3309u
#define PQI_FALCON512_SEED  PQI_FALCON_SEED
#define PQI_FALCON512_RND   PQI_FALCON_SEED
#define PQI_FALCON512_SIG   PQI_FALCON512_SIG_PADDED
#define PQI_FALCON1024_SEED PQI_FALCON_SEED
#define PQI_FALCON1024_RND  PQI_FALCON_SEED
#define PQI_FALCON1024_SIG  PQI_FALCON1024_SIG_PADDED

/* Labels and hashes: draft-ietf-lamps-pq-composite-sigs section 6; those of Falcon are of this library. */
COMPOSITE_SIG(pqi_sig_ml_dsa_44_p256, pqi_sig_ml_dsa_44, PQI_ML_DSA_44, "ML-DSA-44-P256",
    PQI_SIG_ID_ML_DSA_44_P256, 2, PQI_HASH_SHA256, "COMPSIG-MLDSA44-ECDSA-P256-SHA256");
COMPOSITE_SIG(pqi_sig_ml_dsa_65_p256, pqi_sig_ml_dsa_65, PQI_ML_DSA_65, "ML-DSA-65-P256",
    PQI_SIG_ID_ML_DSA_65_P256, 3, PQI_HASH_SHA512, "COMPSIG-MLDSA65-ECDSA-P256-SHA512");
COMPOSITE_SIG(pqi_sig_falcon_512_p256, pqi_sig_falcon_512, PQI_FALCON512, "Falcon-512-P256",
    PQI_SIG_ID_FALCON_512_P256, 1, PQI_HASH_SHA256, "PQI4-COMPSIG-FALCON512-ECDSA-P256-SHA256");
COMPOSITE_SIG(pqi_sig_falcon_1024_p256, pqi_sig_falcon_1024, PQI_FALCON1024, "Falcon-1024-P256",
    PQI_SIG_ID_FALCON_1024_P256, 5, PQI_HASH_SHA512, "PQI4-COMPSIG-FALCON1024-ECDSA-P256-SHA512");

/* ---- KEM ---------------------------------------------------------------------------------------- */

#define PK_PQ 1184u /* FIPS 203 table 3 */
#define SK_PQ 2400u
#define CT_PQ 1088u
#define COINS 32u

static const pqi_composite_kem kem_impl = {
    &pqi_kem_ml_kem_768, {PQI_LIT("|-()-|")}, pqi_composite_selftest_kem};

static pqi_status kem_no_keygen(uint8_t *pk, uint8_t *sk, const uint8_t *seed, void *tmp)
{
    return no_keygen(pk, sk, seed, tmp);
}

static pqi_status kem_no_decaps(uint8_t *ss, const uint8_t *ct, const uint8_t *sk, void *tmp)
{
    (void)ss, (void)ct, (void)sk, (void)tmp;
    return PQI_ERR_UNSUPPORTED;
}

/* draft-irtf-cfrg-concrete-hybrid-kems, EncapsDerand of MLKEM768-P256: randomness of 32 + 128 bytes. */
pqi_status pqi_composite_encaps_derand(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *randomness, void *tmp)
{
    const uint8_t *ek_t = pk + PK_PQ;
    uint8_t *ct_t = ct + CT_PQ;
    uint8_t sk_e[PQI_P256_SCALAR], ss_t[PQI_P256_SS];
    pqi_status st = pqi_kem_ml_kem_768.encaps(ct, ss, pk, randomness, tmp);
    if (st == PQI_OK) {
        st = pqi_p256_random_scalar(sk_e, randomness + COINS);
    }
    if (st == PQI_OK) {
        st = pqi_ossl_p256_public(ct_t, sk_e);
    }
    if (st == PQI_OK) {
        st = pqi_ossl_p256_dh(ss_t, sk_e, ek_t);
        st = st == PQI_ERR_AUTH ? PQI_ERR_DECODE : st;
    }
    if (st == PQI_OK) {
        pqi_composite_kem_combine(&kem_impl, ss, ss_t, ct_t, ek_t, ss);
    }
    pqi_wipe(sk_e, sizeof sk_e);
    pqi_wipe(ss_t, sizeof ss_t);
    return st;
}

static pqi_status encaps(
    uint8_t *ct, uint8_t *ss, const uint8_t *pk, const uint8_t *coins, void *tmp)
{
    uint8_t randomness[PQI_COMPOSITE_RANDOMNESS];
    pqi_shake256(randomness, sizeof randomness, coins, COINS);
    pqi_status st = pqi_composite_encaps_derand(ct, ss, pk, randomness, tmp);
    pqi_wipe(randomness, sizeof randomness);
    return st;
}

static pqi_status check_pk(const uint8_t *pk, void *tmp)
{
    pqi_status st = pqi_kem_ml_kem_768.check_pk(pk, tmp);
    if (st == PQI_OK) {
        st = pqi_ossl_p256_check(pk + PK_PQ);
        st = st == PQI_ERR_AUTH ? PQI_ERR_DECODE : st;
    }
    return st;
}

static pqi_status check_sk(const uint8_t *sk, void *tmp)
{
    return pqi_kem_ml_kem_768.check_sk(sk, tmp);
}

const pqi_kem pqi_kem_ml_kem_768_p256 = {
    .name = "ML-KEM-768-P256",
    .id = PQI_KEM_ID_ML_KEM_768_P256,
    .level = 3,
    .flags = MARKS,
    .pk_len = PK_PQ + PQI_P256_PK,
    .sk_len = SK_PQ,
    .seed_len = 64,
    .ct_len = CT_PQ + PQI_P256_PK,
    .coins_len = COINS,
    .tmp_len = PQI_ML_KEM_768_TMP,
    .keygen = kem_no_keygen,
    .encaps = encaps,
    .decaps = kem_no_decaps,
    .check_pk = check_pk,
    .check_sk = check_sk,
    .impl = &kem_impl,
};

/* ---- the set ------------------------------------------------------------------------------------ */

const pqi_suite pqi_suite_0009 = {
    .id = 0x0009u,
    .name = "ML-KEM-768-P256+X25519/AES-256-GCM/SHA-256",
    .kem = &pqi_kem_ml_kem_768_p256,
    .aead = PQI_AEAD_AES_256_GCM,
    .hash = PQI_HASH_SHA256,
    .level = 3,
    .flags = MARKS,
    .bitmap = 0x100u,
};

static const pqi_suite *const suites[] = {&pqi_suite_0001, &pqi_suite_0002, &pqi_suite_0003,
    &pqi_suite_0004, &pqi_suite_0005, &pqi_suite_0006, &pqi_suite_0007, &pqi_suite_0008,
    &pqi_suite_0009};
static const pqi_kem *const kems[] = {&pqi_kem_ml_kem_512, &pqi_kem_ml_kem_768,
    &pqi_kem_ml_kem_1024, &pqi_kem_lightsaber, &pqi_kem_saber, &pqi_kem_firesaber,
    &pqi_kem_ml_kem_768_p256};
static const pqi_sig *const sigs[] = {&pqi_sig_ml_dsa_44, &pqi_sig_ml_dsa_65, &pqi_sig_ml_dsa_87,
    &pqi_sig_falcon_512, &pqi_sig_falcon_1024, &pqi_sig_ml_dsa_44_p256, &pqi_sig_ml_dsa_65_p256,
    &pqi_sig_falcon_512_p256, &pqi_sig_falcon_1024_p256};

const pqi_algs *pqi_host_algs(pqi_algs *mem)
{
    if (mem != NULL) {
        *mem = (pqi_algs){&pqi_classic_openssl, suites, sizeof suites / sizeof suites[0], kems,
            sizeof kems / sizeof kems[0], sigs, sizeof sigs / sizeof sigs[0]};
    }
    return mem;
}
