/* SPDX-License-Identifier: Apache-2.0
 * Signatures of attestation keys, and certificates of endorsement keys, over OpenSSL 3. */
#include "port/linux/attest_ossl.h"

#include "port/linux/ossl.h"
#include "port/linux/why.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#define ROOTS_MAX 256
#define EK_EKU    "2.23.133.8.1" /* tcg-kp-EKCertificate, EK Credential Profile 2.5 section 3.2.16 */
#define AUTH_LEVEL                                                                                 \
    2 /* 112 bits: no SHA-1, no RSA below 2,048 bits; its default is no demand at all */
#define RSA_E      65537u
#define ECC        0x0023u
#define CURVE_P256 0x0003u

const char *pqi_host_attest_why(void)
{
    return pqi_why_get();
}

EVP_PKEY *pqi_ossl_ec_public(const char *group, pqi_cspan point)
{
    uint8_t copy[1 + 2 * 66];
    char name[16];
    EVP_PKEY *key = NULL;
    if (point.len > sizeof copy || strlen(group) >= sizeof name) {
        return NULL;
    }
    memcpy(copy, point.ptr, point.len); /* OSSL_PARAM has no const form */
    memcpy(name, group, strlen(group) + 1);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, point.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return key; /* the point was checked: RFC 5480 decoding refuses one that is not on the curve */
}

static EVP_PKEY *rsa_public(pqi_cspan modulus)
{
    EVP_PKEY *key = NULL;
    OSSL_PARAM *params = NULL;
    BIGNUM *n = BN_bin2bn(modulus.ptr, (int)modulus.len, NULL), *e = BN_new();
    OSSL_PARAM_BLD *bld = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    if (n != NULL && e != NULL && bld != NULL && BN_set_word(e, RSA_E) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_N, n) == 1 &&
        OSSL_PARAM_BLD_push_BN(bld, OSSL_PKEY_PARAM_RSA_E, e) == 1) {
        params = OSSL_PARAM_BLD_to_param(bld);
    }
    if (params == NULL || ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        EVP_PKEY_free(key);
        key = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(bld);
    BN_free(e);
    BN_free(n);
    return key;
}

const char *pqi_ossl_ek_group(const pqi_tpm_ek *ek)
{
    return ek->curve == CURVE_P256 ? "P-256" : "P-384";
}

EVP_PKEY *pqi_ossl_ek_public(const pqi_tpm_ek *ek)
{
    uint8_t point[1 + 2 * 48];
    if (ek->type != ECC) {
        return rsa_public(ek->modulus);
    }
    if (ek->x.len > 48 || ek->y.len != ek->x.len) {
        return NULL;
    }
    point[0] = 4;
    memcpy(point + 1, ek->x.ptr, ek->x.len);
    memcpy(point + 1 + ek->x.len, ek->y.ptr, ek->y.len);
    return pqi_ossl_ec_public(pqi_ossl_ek_group(ek), (pqi_cspan){point, 1 + 2 * ek->x.len});
}

/* ---- quotes --------------------------------------------------------------------------------------- */

static int sig_der(const uint8_t sig[64], uint8_t **der)
{
    int len = -1;
    ECDSA_SIG *s = ECDSA_SIG_new();
    BIGNUM *r = BN_bin2bn(sig, 32, NULL), *v = BN_bin2bn(sig + 32, 32, NULL);
    if (s != NULL && r != NULL && v != NULL && ECDSA_SIG_set0(s, r, v) == 1) {
        len = i2d_ECDSA_SIG(s, der);
    } else {
        BN_free(r);
        BN_free(v);
    }
    ECDSA_SIG_free(s);
    return len;
}

pqi_status pqi_host_p256_verify(
    const uint8_t pk[PQI_TPM_POINT_LEN], const uint8_t digest[32], const uint8_t sig[64])
{
    if (pk == NULL || digest == NULL || sig == NULL) {
        return PQI_ERR_ARG;
    }
    uint8_t *der = NULL;
    pqi_status st = PQI_ERR_AUTH;
    const int len = sig_der(sig, &der);
    EVP_PKEY *key = pqi_ossl_ec_public("P-256", (pqi_cspan){pk, PQI_TPM_POINT_LEN});
    EVP_PKEY_CTX *ctx = key != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    if (len <= 0) {
        st = PQI_ERR_PROVIDER;
    } else if (ctx != NULL && EVP_PKEY_verify_init(ctx) == 1 &&
               EVP_PKEY_verify(ctx, der, (size_t)len, digest, 32) == 1) {
        st = PQI_OK;
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(key);
    OPENSSL_free(der);
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}

/* ---- endorsement certificates ---------------------------------------------------------------------- */

typedef struct pile {
    STACK_OF(X509) * trusted, *others;
} pile;

static void pile_free(pile *p)
{
    sk_X509_pop_free(p->trusted, X509_free);
    sk_X509_pop_free(p->others, X509_free);
}

/* A certificate that names itself as its issuer is trusted as a root; whether it may be one, the path's
 * verification says. */
static pqi_status read_roots(pqi_cspan pem, pile *p)
{
    BIO *in = BIO_new_mem_buf(pem.ptr, (int)pem.len);
    p->trusted = sk_X509_new_null();
    p->others = sk_X509_new_null();
    int n = 0;
    if (in == NULL || p->trusted == NULL || p->others == NULL) {
        BIO_free(in);
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    X509 *x = NULL;
    while (n <= ROOTS_MAX && (x = PEM_read_bio_X509(in, NULL, NULL, NULL)) != NULL) {
        const bool self = X509_NAME_cmp(X509_get_subject_name(x), X509_get_issuer_name(x)) == 0;
        if (sk_X509_push(self ? p->trusted : p->others, x) <= 0) {
            X509_free(x);
            break;
        }
        n++;
    }
    BIO_free(in);
    ERR_clear_error(); /* the end of the file is an error there */
    if (n > ROOTS_MAX) {
        return pqi_why(
            PQI_ERR_ARG, "there are more than %d certificates of TPM vendors", ROOTS_MAX);
    }
    return sk_X509_num(p->trusted) > 0
               ? PQI_OK
               : pqi_why(PQI_ERR_ARG, "the file of TPM vendors' roots has no root certificate");
}

/* Where a certificate says what it is for, that has to be this. */
static bool for_ek(X509 *cert)
{
    char text[64];
    EXTENDED_KEY_USAGE *eku = X509_get_ext_d2i(cert, NID_ext_key_usage, NULL, NULL);
    bool found = eku == NULL && X509_get_ext_by_NID(cert, NID_ext_key_usage, -1) < 0;
    for (int i = 0; eku != NULL && i < sk_ASN1_OBJECT_num(eku); i++) {
        const ASN1_OBJECT *o = sk_ASN1_OBJECT_value(eku, i);
        found |= OBJ_obj2txt(text, sizeof text, o, 1) > 0 && strcmp(text, EK_EKU) == 0;
    }
    EXTENDED_KEY_USAGE_free(eku);
    return found && X509_check_ca(cert) == 0;
}

static pqi_status verify_path(X509 *cert, const pile *p, uint64_t at)
{
    pqi_status st = PQI_ERR_PROVIDER;
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    for (int i = 0; store != NULL && i < sk_X509_num(p->trusted); i++) {
        (void)X509_STORE_add_cert(store, sk_X509_value(p->trusted, i));
    }
    if (store != NULL && ctx != NULL && X509_STORE_CTX_init(ctx, store, cert, p->others) == 1) {
        X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(ctx), AUTH_LEVEL);
        if (at != 0) {
            X509_STORE_CTX_set_time(ctx, 0, (time_t)at);
        }
        st = PQI_OK;
        if (X509_verify_cert(ctx) != 1) {
            st = pqi_why(PQI_ERR_AUTH, "the certificate of the endorsement key: %s",
                X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        }
    }
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    return st;
}

pqi_status pqi_host_ek_verify(pqi_cspan cert, pqi_cspan roots, const pqi_tpm_ek *ek, uint64_t at)
{
    pile p = {NULL, NULL};
    pqi_why_clear();
    if (ek == NULL || cert.ptr == NULL || cert.len > PQI_EK_CERT_MAX || roots.ptr == NULL ||
        roots.len > INT32_MAX) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    const uint8_t *der = cert.ptr;
    X509 *x = d2i_X509(NULL, &der, (long)cert.len);
    EVP_PKEY *key = pqi_ossl_ek_public(ek);
    pqi_status st = read_roots(roots, &p);
    if (st == PQI_OK && (x == NULL || der != cert.ptr + cert.len)) {
        st = pqi_why(PQI_ERR_DECODE, "the certificate of the endorsement key is none");
    } else if (st == PQI_OK && (key == NULL || EVP_PKEY_eq(key, X509_get0_pubkey(x)) != 1)) {
        st = pqi_why(PQI_ERR_AUTH, "the certificate is of another endorsement key");
    } else if (st == PQI_OK && !for_ek(x)) {
        st = pqi_why(PQI_ERR_AUTH, "the certificate is not for an endorsement key");
    } else if (st == PQI_OK) {
        st = verify_path(x, &p, at);
    }
    pile_free(&p);
    EVP_PKEY_free(key);
    X509_free(x);
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}
