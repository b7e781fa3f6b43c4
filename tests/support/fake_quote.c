/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_quote.h"

#include "base/wr.h"
#include "pqi_test.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/param_build.h>

/* ---- key ------------------------------------------------------------------------------------------ */

static EVP_PKEY *key_of(uint8_t tag, uint8_t point[65])
{
    EC_GROUP *g = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *p = EC_POINT_new(g);
    BIGNUM *d = BN_new();
    EVP_PKEY *key = NULL;
    assert_int_equal(BN_set_word(d, 1000u + tag), 1);
    assert_int_equal(EC_POINT_mul(g, p, d, NULL, NULL, NULL), 1);
    assert_int_equal(EC_POINT_point2oct(g, p, POINT_CONVERSION_UNCOMPRESSED, point, 65, NULL), 65);
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    assert_int_equal(OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, point, 65), 1);
    assert_int_equal(OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d), 1);
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(ctx), 1);
    assert_int_equal(EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params), 1);
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    BN_free(d);
    EC_POINT_free(p);
    EC_GROUP_free(g);
    return key;
}

static void put_public(fake_tpm *t, const uint8_t point[65])
{
    wr w = wr_of((pqi_span){t->ak, sizeof t->ak});
    wr_u16(&w, 88);
    wr_u16(&w, 0x0023);
    wr_u16(&w, 0x000b);
    wr_u32(&w, 0x00050072); /* restricted, sign, userWithAuth, origin, fixedParent, fixedTPM */
    wr_u16(&w, 0);
    wr_u16(&w, 0x0010);
    wr_u16(&w, 0x0018);
    wr_u16(&w, 0x000b);
    wr_u16(&w, 0x0003);
    wr_u16(&w, 0x0010);
    wr_vec16(&w, (pqi_cspan){point + 1, 32});
    wr_vec16(&w, (pqi_cspan){point + 33, 32});
    t->ak_len = w.len;
    assert_int_equal(w.len, 90);
}

/* ---- log ------------------------------------------------------------------------------------------ */

static void le(wr *w, uint32_t v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        wr_u8(w, (uint8_t)(v >> (8 * i)));
    }
}

static void log_header(fake_tpm *t)
{
    wr w = wr_of((pqi_span){t->log, sizeof t->log});
    le(&w, 0, 4);
    le(&w, 3, 4);
    for (int i = 0; i < 20; i++) {
        wr_u8(&w, 0);
    }
    le(&w, 16 + 8 + 4 + 4 + 1, 4);
    wr_bytes(&w, (pqi_cspan){PQI_LIT("Spec ID Event03\0")});
    le(&w, 0, 4);
    wr_bytes(&w, (pqi_cspan){PQI_LIT("\x00\x02\x00\x02")});
    le(&w, 1, 4);
    le(&w, 0x000b, 2);
    le(&w, 32, 2);
    wr_u8(&w, 0);
    t->log_len = w.len;
}

void fake_tpm_log(
    fake_tpm *t, uint32_t pcr, uint32_t type, const uint8_t digest[32], pqi_cspan data)
{
    wr w = wr_of((pqi_span){t->log + t->log_len, sizeof t->log - t->log_len});
    le(&w, pcr, 4);
    le(&w, type, 4);
    le(&w, 1, 4);
    le(&w, 0x000b, 2);
    wr_bytes(&w, (pqi_cspan){digest, 32});
    le(&w, (uint32_t)data.len, 4);
    wr_bytes(&w, data);
    assert_true(w.len <= w.cap);
    t->log_len += w.len;
}

void fake_tpm_event(fake_tpm *t, const pqi_algs *a, uint32_t pcr, uint32_t type, const char *text)
{
    uint8_t d[32];
    const pqi_cspan data = {(const uint8_t *)text, strlen(text)};
    assert_int_equal(a->classic->hash(PQI_HASH_SHA256, &data, 1, d), PQI_OK);
    const pqi_cspan parts[2] = {{t->pcrs.v[pcr], 32}, {d, 32}};
    uint8_t next[32];
    assert_int_equal(a->classic->hash(PQI_HASH_SHA256, parts, 2, next), PQI_OK);
    memcpy(t->pcrs.v[pcr], next, 32);
    fake_tpm_log(t, pcr, type, d, data);
}

void fake_tpm_start(fake_tpm *t, const pqi_algs *a, uint8_t tag)
{
    uint8_t point[65];
    (void)a;
    memset(t, 0, sizeof *t);
    t->key = key_of(tag, point);
    t->reset_count = 7;
    t->restart_count = 2;
    put_public(t, point);
    for (unsigned i = 17; i <= 22; i++) {
        memset(t->pcrs.v[i], 0xff, 32);
    }
    log_header(t);
}

void fake_tpm_stop(fake_tpm *t)
{
    EVP_PKEY_free(t->key);
    t->key = NULL;
}

/* ---- quote ---------------------------------------------------------------------------------------- */

static void sign(const fake_tpm *t, pqi_cspan msg, uint8_t rs[64])
{
    uint8_t der[80];
    const uint8_t *at = der;
    size_t len = sizeof der;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, t->key), 1);
    assert_int_equal(EVP_DigestSign(ctx, der, &len, msg.ptr, msg.len), 1);
    EVP_MD_CTX_free(ctx);
    ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &at, (long)len);
    assert_non_null(s);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_r(s), rs, 32), 32);
    assert_int_equal(BN_bn2binpad(ECDSA_SIG_get0_s(s), rs + 32, 32), 32);
    ECDSA_SIG_free(s);
}

static size_t put_signed(const fake_tpm *t, pqi_cspan attest, wr *o)
{
    uint8_t rs[64];
    sign(t, attest, rs);
    wr_vec16(o, attest);
    wr_u16(o, 4 + 2 * 34);
    wr_u16(o, 0x0018);
    wr_u16(o, 0x000b);
    wr_vec16(o, (pqi_cspan){rs, 32});
    wr_vec16(o, (pqi_cspan){rs + 32, 32});
    assert_true(o->len <= o->cap);
    return o->len;
}

size_t fake_tpm_quote(
    const fake_tpm *t, const pqi_algs *a, pqi_cspan extra, uint32_t mask, uint8_t *out)
{
    uint8_t mem[512], digest[32];
    const uint8_t name[34] = {0, 0x0b, 1, 2, 3};
    wr w = wr_of((pqi_span){mem, sizeof mem});
    wr_u32(&w, 0xff544347);
    wr_u16(&w, 0x8018);
    wr_vec16(&w, (pqi_cspan){name, sizeof name});
    wr_vec16(&w, extra);
    wr_u64(&w, 123456);
    wr_u32(&w, t->reset_count);
    wr_u32(&w, t->restart_count);
    wr_u8(&w, 1);
    wr_u64(&w, 0x2020031200120000);
    wr_u32(&w, 1);
    wr_u16(&w, 0x000b);
    wr_u8(&w, 3);
    wr_u8(&w, (uint8_t)mask);
    wr_u8(&w, (uint8_t)(mask >> 8));
    wr_u8(&w, (uint8_t)(mask >> 16));
    assert_int_equal(pqi_pcrs_digest(a, &t->pcrs, mask, digest), PQI_OK);
    wr_vec16(&w, (pqi_cspan){digest, 32});
    wr o = wr_of((pqi_span){out, PQI_QUOTE_MAX});
    return put_signed(t, (pqi_cspan){mem, w.len}, &o);
}

void fake_half_of(fake_half *h, pqi_key_kind kind, uint8_t tag, const uint8_t extra[32])
{
    const bool sig = kind == PQI_KEY_SIG;
    *h = (fake_half){.type = 0x0023,
        .name_alg = 0x000b,
        .sym = 0x0010,
        .scheme = sig ? 0x0018 : 0x0019,
        .hash = 0x000b,
        .curve = 0x0003,
        .kdf = 0x0010,
        .attributes = sig ? 0x00050472 : 0x00020472,
        .magic = 0xff544347,
        .kind = 0x8017,
        .safe = 1};
    EVP_PKEY_free(key_of(tag, h->point));
    memcpy(h->extra, extra, sizeof h->extra);
}

size_t fake_tpm_certify(
    const fake_tpm *t, const pqi_algs *a, const fake_half *h, uint8_t *out, size_t *area_len)
{
    uint8_t mem[512], area[256], name[34] = {0, 0x0b};
    wr k = wr_of((pqi_span){area, sizeof area});
    wr_u16(&k, h->type);
    wr_u16(&k, h->name_alg);
    wr_u32(&k, h->attributes);
    wr_vec16(&k, h->policy);
    wr_u16(&k, h->sym);
    wr_u16(&k, h->scheme);
    wr_u16(&k, h->hash);
    wr_u16(&k, h->curve);
    wr_u16(&k, h->kdf);
    wr_vec16(&k, (pqi_cspan){h->point + 1, 32});
    wr_vec16(&k, (pqi_cspan){h->point + 33, 32});
    const pqi_cspan body = {area, k.len};
    assert_int_equal(a->classic->hash(PQI_HASH_SHA256, &body, 1, name + 2), PQI_OK);
    name[33] ^= h->name_xor;
    wr w = wr_of((pqi_span){mem, sizeof mem});
    wr_u32(&w, h->magic);
    wr_u16(&w, h->kind);
    wr_vec16(&w, (pqi_cspan){(const uint8_t[34]){0, 0x0b, 1, 2, 3}, 34});
    wr_vec16(&w, (pqi_cspan){h->extra, sizeof h->extra});
    wr_u64(&w, 123456);
    wr_u32(&w, t->reset_count);
    wr_u32(&w, t->restart_count);
    wr_u8(&w, h->safe);
    wr_u64(&w, 0x2020031200120000);
    wr_vec16(&w, (pqi_cspan){name, sizeof name});
    wr_vec16(&w, (pqi_cspan){(const uint8_t[34]){0, 0x0b, 7, 7, 7}, 34});
    wr o = wr_of((pqi_span){out, PQI_HALF_MAX});
    wr_u16(&o, (uint16_t)(k.len + 2));
    wr_vec16(&o, body);
    *area_len = o.len;
    return put_signed(t, (pqi_cspan){mem, w.len}, &o);
}

size_t fake_tpm_values(const fake_tpm *t, uint32_t mask, uint8_t *out)
{
    size_t n = 0;
    for (unsigned i = 0; i < 24; i++) {
        if ((mask >> i & 1u) != 0) {
            memcpy(out + n, t->pcrs.v[i], 32);
            n += 32;
        }
    }
    return n;
}
