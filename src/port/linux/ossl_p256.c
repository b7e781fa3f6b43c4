/* SPDX-License-Identifier: Apache-2.0
 * P-256 over OpenSSL 3. Multiplications with secret scalars are those of EC_POINT_mul() with one point,
 * which takes time that does not depend on the scalar (ecp_nistz256, or the ladder elsewhere). */
#include "port/linux/ossl_p256.h"

#include "port/linux/ossl.h"

#include <pqi/wipe.h>

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/params.h>

/* Read only after it is made; lives as long as the process, as the fetched algorithms do. */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EC_GROUP *group;

static void init(void)
{
    group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
}

static const EC_GROUP *p256(void)
{
    (void)pthread_once(&once, init);
    return group;
}

/* SP 800-186 section 3.2.1.3. */
static const uint8_t order[PQI_P256_SCALAR] = {0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3,
    0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51};

/* 1 <= k < order, without a branch on a byte of k. */
static bool in_range(const uint8_t k[PQI_P256_SCALAR])
{
    uint32_t borrow = 0, any = 0;
    for (size_t i = PQI_P256_SCALAR; i-- > 0;) {
        uint32_t d = (uint32_t)k[i] - order[i] - borrow;
        borrow = (d >> 8) & 1u;
        any |= k[i];
    }
    return (borrow & ((any + 0xffu) >> 8)) == 1u;
}

pqi_status pqi_p256_random_scalar(uint8_t sk[PQI_P256_SCALAR], const uint8_t seed[PQI_P256_SEED])
{
    for (size_t i = 0; i < PQI_P256_SEED; i += PQI_P256_SCALAR) {
        if (in_range(seed + i)) {
            memcpy(sk, seed + i, PQI_P256_SCALAR);
            return PQI_OK;
        }
    }
    pqi_wipe(sk, PQI_P256_SCALAR);
    return PQI_ERR_RNG;
}

/* What one multiplication needs. */
typedef struct work {
    const EC_GROUP *group;
    BN_CTX *ctx;
    BIGNUM *k, *x;
    EC_POINT *in, *out;
} work;

static bool work_new(work *w)
{
    memset(w, 0, sizeof *w);
    w->group = p256();
    if (w->group == NULL) {
        return false;
    }
    w->ctx = BN_CTX_secure_new();
    w->k = BN_secure_new();
    w->x = BN_secure_new();
    w->in = EC_POINT_new(w->group);
    w->out = EC_POINT_new(w->group);
    return w->ctx != NULL && w->k != NULL && w->x != NULL && w->in != NULL && w->out != NULL;
}

static void work_free(work *w)
{
    EC_POINT_clear_free(w->out);
    EC_POINT_clear_free(w->in);
    BN_clear_free(w->x);
    BN_clear_free(w->k);
    BN_CTX_free(w->ctx);
}

static bool set_scalar(work *w, const uint8_t *sk)
{
    BN_set_flags(w->k, BN_FLG_CONSTTIME);
    return BN_bin2bn(sk, (int)PQI_P256_SCALAR, w->k) != NULL;
}

/* PQI_ERR_AUTH where it is no uncompressed point of the curve. The point at infinity has one byte. */
static pqi_status set_point(work *w, const uint8_t pk[PQI_P256_PK])
{
    if (pk[0] != POINT_CONVERSION_UNCOMPRESSED) {
        return PQI_ERR_AUTH;
    }
    return EC_POINT_oct2point(w->group, w->in, pk, PQI_P256_PK, w->ctx) == 1 ? PQI_OK
                                                                             : PQI_ERR_AUTH;
}

pqi_status pqi_ossl_p256_check(const uint8_t pk[PQI_P256_PK])
{
    work w;
    pqi_status st = work_new(&w) ? set_point(&w, pk) : PQI_ERR_PROVIDER;
    work_free(&w);
    return pqi_ossl_fail(st);
}

pqi_status pqi_ossl_p256_public(uint8_t pk[PQI_P256_PK], const uint8_t sk[PQI_P256_SCALAR])
{
    work w;
    pqi_status st = PQI_ERR_PROVIDER;
    if (!in_range(sk)) {
        pqi_wipe(pk, PQI_P256_PK);
        return PQI_ERR_ARG;
    }
    if (work_new(&w) && set_scalar(&w, sk) &&
        EC_POINT_mul(w.group, w.out, w.k, NULL, NULL, w.ctx) == 1 &&
        EC_POINT_point2oct(w.group, w.out, POINT_CONVERSION_UNCOMPRESSED, pk, PQI_P256_PK, w.ctx) ==
            PQI_P256_PK) {
        st = PQI_OK;
    }
    work_free(&w);
    if (st != PQI_OK) {
        pqi_wipe(pk, PQI_P256_PK);
    }
    return pqi_ossl_fail(st);
}

pqi_status pqi_ossl_p256_dh(
    uint8_t ss[PQI_P256_SS], const uint8_t sk[PQI_P256_SCALAR], const uint8_t pk[PQI_P256_PK])
{
    work w;
    pqi_status st = in_range(sk) ? PQI_OK : PQI_ERR_ARG;
    bool made = work_new(&w);
    if (st == PQI_OK) {
        st = made ? set_point(&w, pk) : PQI_ERR_PROVIDER;
    }
    /* The order is prime and the cofactor 1: the product of a point with such a scalar is one. */
    if (st == PQI_OK &&
        !(set_scalar(&w, sk) && EC_POINT_mul(w.group, w.out, NULL, w.in, w.k, w.ctx) == 1 &&
            EC_POINT_get_affine_coordinates(w.group, w.out, w.x, NULL, w.ctx) == 1 &&
            BN_bn2binpad(w.x, ss, (int)PQI_P256_SS) == (int)PQI_P256_SS)) {
        st = PQI_ERR_PROVIDER;
    }
    work_free(&w);
    if (st != PQI_OK) {
        pqi_wipe(ss, PQI_P256_SS);
    }
    return pqi_ossl_fail(st);
}

static EVP_PKEY *public_key(const uint8_t pk[PQI_P256_PK])
{
    char name[] = "prime256v1"; /* OSSL_PARAM has no const form */
    uint8_t copy[PQI_P256_PK];
    memcpy(copy, pk, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key;
}

pqi_status pqi_ossl_p256_verify(
    const uint8_t pk[PQI_P256_PK], pqi_cspan msg, const uint8_t sig[PQI_P256_SIG])
{
    static const uint8_t empty[1];
    uint8_t der[PQI_P256_DER];
    pqi_status st = pqi_ossl_p256_check(pk);
    if (st != PQI_OK) {
        return st;
    }
    st = PQI_ERR_PROVIDER;
    size_t len = pqi_p256_der_encode(sig, der);
    EVP_PKEY *key = public_key(pk);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    if (key != NULL && ctx != NULL &&
        EVP_DigestVerifyInit_ex(ctx, NULL, "SHA2-256", NULL, NULL, key, NULL) == 1) {
        const uint8_t *m = msg.len != 0 ? msg.ptr : empty;
        st = EVP_DigestVerify(ctx, der, len, m, msg.len) == 1 ? PQI_OK : PQI_ERR_AUTH;
    }
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    return pqi_ossl_fail(st);
}
