/* SPDX-License-Identifier: Apache-2.0 */
#include "pqi_test.h"

#include "port/linux/ossl_p256.h"
#include "support/composite_key.h"

#include <pqi/host.h>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

const uint8_t composite_rfc6979_scalar[32] = {0xc9, 0xaf, 0xa9, 0xd8, 0x45, 0xba, 0x75, 0x16, 0x6b,
    0x5c, 0x21, 0x57, 0x67, 0xb1, 0xd6, 0x93, 0x4e, 0x50, 0xc3, 0xdb, 0x36, 0xe8, 0x9b, 0x12, 0x7b,
    0x8a, 0x62, 0x2b, 0x12, 0x0f, 0x67, 0x21};

static void ok(pqi_status st)
{
    assert_int_equal(st, PQI_OK);
}

void composite_key_sig(
    composite_key *k, const pqi_sig *alg, uint8_t seed, const uint8_t *scalar, pqi_span tmp)
{
    const pqi_sig *pq = pqi_composite_sig_of(alg)->pq;
    uint8_t xi[PQI_SIG_MAX_SEED];
    memset(k, 0, sizeof *k);
    k->sig = alg;
    memset(xi, seed, sizeof xi);
    memcpy(k->scalar, scalar != NULL ? scalar : composite_rfc6979_scalar, 32);
    ok(pqi_sig_keygen(pq, (pqi_span){k->pk, pq->pk_len}, (pqi_span){k->sk, pq->sk_len},
        (pqi_cspan){xi, pq->seed_len}, tmp));
    ok(pqi_ossl_p256_public(k->pk + pq->pk_len, k->scalar));
}

void composite_key_kem(
    composite_key *k, const pqi_kem *alg, uint8_t seed, const uint8_t *scalar, pqi_span tmp)
{
    const pqi_kem *pq = pqi_composite_kem_of(alg)->pq;
    uint8_t dz[PQI_KEM_MAX_SEED];
    memset(k, 0, sizeof *k);
    k->kem = alg;
    memset(dz, seed, sizeof dz);
    memcpy(k->scalar, scalar != NULL ? scalar : composite_rfc6979_scalar, 32);
    ok(pqi_kem_keygen(pq, (pqi_span){k->pk, pq->pk_len}, (pqi_span){k->sk, pq->sk_len},
        (pqi_cspan){dz, pq->seed_len}, tmp));
    ok(pqi_ossl_p256_public(k->pk + pq->pk_len, k->scalar));
}

static EVP_PKEY *private_key(const uint8_t scalar[32])
{
    uint8_t pk[PQI_P256_PK];
    ok(pqi_ossl_p256_public(pk, scalar));
    BIGNUM *d = BN_bin2bn(scalar, 32, NULL);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    assert_int_equal(
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0), 1);
    assert_int_equal(
        OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, pk, sizeof pk), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(d);
    return key;
}

void composite_ecdsa(const uint8_t scalar[32], pqi_cspan msg, uint8_t sig[PQI_P256_SIG])
{
    uint8_t der[PQI_P256_DER];
    size_t len = sizeof der;
    EVP_PKEY *key = private_key(scalar);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit_ex(ctx, NULL, "SHA2-256", NULL, NULL, key, NULL), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, msg.ptr, msg.len), 1);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    ok(pqi_p256_der_decode((pqi_cspan){der, len}, sig)); /* OpenSSL writes what we take */
}

void composite_sign(const composite_key *k, pqi_cspan ctx, pqi_cspan msg, const uint8_t *ecdsa,
    uint8_t *sig, size_t *len, pqi_span tmp)
{
    static const uint8_t rnd[PQI_SIG_MAX_RND];
    const pqi_composite_sig *c = pqi_composite_sig_of(k->sig);
    uint8_t m[PQI_COMPOSITE_MSG_MAX], raw[PQI_P256_SIG];
    size_t n = 0;
    ok(pqi_composite_message(&pqi_classic_openssl, c, ctx, &msg, 1, m, &n));
    const pqi_cspan part = {m, n};
    ok(pqi_sig_sign(c->pq, (pqi_span){sig, c->pq->sig_len}, len, (pqi_cspan){k->sk, c->pq->sk_len},
        c->label, &part, 1, (pqi_cspan){rnd, c->pq->rnd_len}, tmp));
    if (ecdsa == NULL) {
        composite_ecdsa(k->scalar, part, raw);
    } else {
        memcpy(raw, ecdsa, sizeof raw);
    }
    *len += pqi_p256_der_encode(raw, sig + *len);
}

void composite_decaps(const composite_key *k, const uint8_t *ct, uint8_t ss[32], pqi_span tmp)
{
    const pqi_composite_kem *c = pqi_composite_kem_of(k->kem);
    uint8_t ss_t[PQI_P256_SS];
    ok(pqi_kem_decaps(c->pq, (pqi_span){ss, 32}, (pqi_cspan){ct, c->pq->ct_len},
        (pqi_cspan){k->sk, c->pq->sk_len}, tmp));
    ok(pqi_ossl_p256_dh(ss_t, k->scalar, ct + c->pq->ct_len));
    pqi_composite_kem_combine(c, ss, ss_t, ct + c->pq->ct_len, k->pk + c->pq->pk_len, ss);
}
