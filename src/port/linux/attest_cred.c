/* SPDX-License-Identifier: Apache-2.0
 * Credentials for attestation keys: TPM 2.0 part 1 section 24, the seed as in annexes B.10.3 (RSA) and C.6.3
 * (ECC), KDFa and KDFe as in section 11.4.10. */
#include "port/linux/attest_ossl.h"

#include "base/wr.h"
#include "port/linux/ossl.h"

#include <pqi/wipe.h>

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#define ECC      0x0023u
#define SHA384   0x000cu
#define HASH_MAX 48u
#define SYM_MAX  32u
#define RSA_MAX  512u

/* One credential in work; all of it secret but enc. */
typedef struct cred {
    const pqi_tpm_ek *ek;
    size_t hash_len;
    uint8_t seed[HASH_MAX], z[HASH_MAX];
    uint8_t sym[HASH_MAX], mac_key[HASH_MAX];
    uint8_t enc[4 + RSA_MAX]; /* TPM2B_ENCRYPTED_SECRET without its length */
    size_t enc_len;
} cred;

static const EVP_MD *md_of(const cred *c)
{
    return c->hash_len == HASH_MAX ? EVP_sha384() : EVP_sha256();
}

static bool hmac(const cred *c, const uint8_t *key, pqi_cspan msg, uint8_t *out)
{
    unsigned n = 0;
    return HMAC(md_of(c), key, (int)c->hash_len, msg.ptr, msg.len, out, &n) != NULL &&
           n == c->hash_len;
}

/* KDFa for at most one block: HMAC(key, 1 || label with its NUL || context || bits). */
static bool kdfa(const cred *c, pqi_cspan label, pqi_cspan context, size_t bits, uint8_t *out)
{
    uint8_t mem[128];
    wr w = wr_of((pqi_span){mem, sizeof mem});
    wr_u32(&w, 1);
    wr_bytes(&w, label);
    wr_u8(&w, 0);
    wr_bytes(&w, context);
    wr_u32(&w, (uint32_t)bits);
    return w.len <= w.cap && hmac(c, c->seed, (pqi_cspan){mem, w.len}, out);
}

/* KDFe for one block: H(1 || z || "IDENTITY" with its NUL || x of the ephemeral key || x of the other). */
static bool kdfe(cred *c, size_t n, const uint8_t *eph_x)
{
    uint8_t mem[4 + HASH_MAX + 9 + 2 * HASH_MAX];
    unsigned len = 0;
    wr w = wr_of((pqi_span){mem, sizeof mem});
    wr_u32(&w, 1);
    wr_bytes(&w, (pqi_cspan){c->z, n});
    wr_bytes(&w, (pqi_cspan){PQI_LIT("IDENTITY\0")});
    wr_bytes(&w, (pqi_cspan){eph_x, n});
    wr_bytes(&w, c->ek->x);
    const bool ok = w.len <= w.cap && EVP_Digest(mem, w.len, c->seed, &len, md_of(c), NULL) == 1 &&
                    len == c->hash_len;
    pqi_wipe(mem, sizeof mem);
    return ok;
}

/* TPMS_ECC_POINT of an uncompressed point. */
static void put_point(cred *c, const uint8_t *point, size_t n)
{
    wr w = wr_of((pqi_span){c->enc, sizeof c->enc});
    wr_vec16(&w, (pqi_cspan){point + 1, n});
    wr_vec16(&w, (pqi_cspan){point + 1 + n, n});
    c->enc_len = w.len;
}

static pqi_status seed_ecc(cred *c, EVP_PKEY *peer)
{
    uint8_t point[1 + 2 * HASH_MAX];
    size_t point_len = 0, n = c->ek->x.len, z_len = sizeof c->z;
    EVP_PKEY *eph = EVP_EC_gen(pqi_ossl_ek_group(c->ek));
    EVP_PKEY_CTX *ctx = eph != NULL ? EVP_PKEY_CTX_new_from_pkey(NULL, eph, NULL) : NULL;
    bool ok = ctx != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
              EVP_PKEY_derive_set_peer_ex(ctx, peer, 1) == 1 &&
              EVP_PKEY_derive(ctx, c->z, &z_len) == 1 && z_len == n;
    ok = ok && EVP_PKEY_get_octet_string_param(
                   eph, OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point, &point_len) == 1;
    ok = ok && point_len == 1 + 2 * n && point[0] == 4 && kdfe(c, n, point + 1);
    if (ok) {
        put_point(c, point, n);
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(eph);
    return ok ? PQI_OK : PQI_ERR_PROVIDER;
}

static pqi_status seed_rsa(cred *c, EVP_PKEY *peer)
{
    size_t len = sizeof c->enc;
    unsigned char *label = OPENSSL_memdup("IDENTITY", 9); /* with its NUL; the context frees it */
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    bool ok = ctx != NULL && label != NULL && RAND_bytes(c->seed, (int)c->hash_len) == 1 &&
              EVP_PKEY_encrypt_init(ctx) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) == 1 &&
              EVP_PKEY_CTX_set_rsa_oaep_md(ctx, md_of(c)) == 1 &&
              EVP_PKEY_CTX_set_rsa_mgf1_md(ctx, md_of(c)) == 1;
    if (ok && EVP_PKEY_CTX_set0_rsa_oaep_label(ctx, label, 9) == 1) {
        label = NULL;
        ok = EVP_PKEY_encrypt(ctx, c->enc, &len, c->seed, c->hash_len) == 1;
        c->enc_len = len;
    } else {
        ok = false;
    }
    OPENSSL_free(label);
    EVP_PKEY_CTX_free(ctx);
    return ok ? PQI_OK : PQI_ERR_PROVIDER;
}

/* AES-CFB with a zero IV: the key is used once. */
static bool encrypt(const cred *c, pqi_cspan in, uint8_t *out)
{
    static const uint8_t iv[16];
    int n = 0, last = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    const EVP_CIPHER *aes = c->ek->sym_bits == 256 ? EVP_aes_256_cfb128() : EVP_aes_128_cfb128();
    const bool ok = ctx != NULL && EVP_EncryptInit_ex(ctx, aes, NULL, c->sym, iv) == 1 &&
                    EVP_EncryptUpdate(ctx, out, &n, in.ptr, (int)in.len) == 1 &&
                    EVP_EncryptFinal_ex(ctx, out + n, &last) == 1 &&
                    (size_t)n + (size_t)last == in.len;
    EVP_CIPHER_CTX_free(ctx);
    return ok;
}

/* TPM2B_ID_OBJECT: TPM2B_DIGEST of the outer HMAC, and the encrypted TPM2B of the secret. */
static pqi_status put_credential(const cred *c, pqi_cspan name, pqi_cspan secret, wr *w)
{
    uint8_t plain[2 + SYM_MAX], body[2 + SYM_MAX + PQI_TPM_NAME_MAX], mac[HASH_MAX];
    const size_t n = 2 + secret.len;
    plain[0] = 0;
    plain[1] = (uint8_t)secret.len;
    memcpy(plain + 2, secret.ptr, secret.len);
    const bool ok = encrypt(c, (pqi_cspan){plain, n}, body);
    pqi_wipe(plain, sizeof plain);
    memcpy(body + n, name.ptr, name.len);
    if (!ok || !hmac(c, c->mac_key, (pqi_cspan){body, n + name.len}, mac)) {
        return PQI_ERR_PROVIDER;
    }
    wr_u16(w, (uint16_t)(2 + c->hash_len + n));
    wr_vec16(w, (pqi_cspan){mac, c->hash_len});
    wr_bytes(w, (pqi_cspan){body, n});
    wr_vec16(w, (pqi_cspan){c->enc, c->enc_len});
    return PQI_OK;
}

static pqi_status make(cred *c, EVP_PKEY *peer, pqi_cspan name, pqi_cspan secret, wr *w)
{
    pqi_status st = c->ek->type == ECC ? seed_ecc(c, peer) : seed_rsa(c, peer);
    if (st == PQI_OK && (!kdfa(c, (pqi_cspan){PQI_LIT("STORAGE")}, name, c->ek->sym_bits, c->sym) ||
                            !kdfa(c, (pqi_cspan){PQI_LIT("INTEGRITY")}, (pqi_cspan){NULL, 0},
                                8 * c->hash_len, c->mac_key))) {
        st = PQI_ERR_PROVIDER;
    }
    return st == PQI_OK ? put_credential(c, name, secret, w) : st;
}

pqi_status pqi_host_make_credential(const pqi_tpm_ek *ek, const uint8_t ak_name[PQI_TPM_NAME_MAX],
    pqi_cspan secret, pqi_span out, size_t *out_len)
{
    if (ek == NULL || ak_name == NULL || secret.ptr == NULL || secret.len == 0 ||
        secret.len > SYM_MAX || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    cred c;
    memset(&c, 0, sizeof c);
    c.ek = ek;
    c.hash_len = ek->name_alg == SHA384 ? 48 : 32;
    EVP_PKEY *peer = pqi_ossl_ek_public(ek);
    wr w = wr_of(out);
    pqi_status st = peer == NULL ? PQI_ERR_AUTH : PQI_OK;
    if (st == PQI_OK) {
        st = make(&c, peer, (pqi_cspan){ak_name, PQI_TPM_NAME_MAX}, secret, &w);
    }
    EVP_PKEY_free(peer);
    pqi_wipe(&c, sizeof c);
    if (st == PQI_OK) {
        st = wr_done(&w, out_len);
    }
    return st == PQI_OK ? st : pqi_ossl_fail(st);
}
