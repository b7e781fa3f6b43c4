/* SPDX-License-Identifier: Apache-2.0 */
#include "support/fake_element.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#define NATIVE 0xfa11u

static pqi_status enter(fake_element *f, fake_call what)
{
    f->count[what]++;
    f->calls++;
    f->native = f->calls == f->fail_at ? NATIVE : 0;
    if (f->dark != NULL && *f->dark != 0) {
        return PQI_ERR_PROVIDER;
    }
    return f->native != 0 && !f->fail_late ? f->fail_with : PQI_OK;
}

static pqi_status leave(const fake_element *f, pqi_status st)
{
    return st == PQI_OK && f->native != 0 ? f->fail_with : st;
}

static int cut(const fake_element *f)
{
    return f->power != NULL && f->power(f->power_arg) != 0;
}

static fake_half *find(fake_element *f, pqi_key key)
{
    for (size_t i = 0; i < FAKE_HALVES; i++) {
        if (f->halves[i].key == key) {
            return &f->halves[i];
        }
    }
    return NULL;
}

static void forget(fake_half *h)
{
    EVP_PKEY_free(h->pkey);
    memset(h, 0, sizeof *h);
}

static pqi_status generate(void *arg, pqi_key key, pqi_key_kind kind)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_GENERATE);
    if (st != PQI_OK || cut(f)) {
        return st != PQI_OK ? st : PQI_ERR_PROVIDER;
    }
    fake_half *h = find(f, key);
    if (h == NULL) {
        h = find(f, 0);
    }
    if (h == NULL) {
        return PQI_ERR_LIMIT;
    }
    forget(h);
    *h = (fake_half){key, kind, EVP_EC_gen("P-256")};
    return cut(f) || h->pkey == NULL ? PQI_ERR_PROVIDER : leave(f, PQI_OK);
}

static pqi_status destroy(void *arg, pqi_key key)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_DESTROY);
    if (st != PQI_OK || cut(f)) {
        return st != PQI_OK ? st : PQI_ERR_PROVIDER;
    }
    fake_element_lose(f, key);
    return cut(f) ? PQI_ERR_PROVIDER : leave(f, PQI_OK);
}

static pqi_status public_half(void *arg, pqi_key key, uint8_t pk[65])
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_PUBLIC);
    fake_half *h = find(f, key);
    size_t n = 0;
    if (st != PQI_OK || h == NULL) {
        return st != PQI_OK ? st : PQI_ERR_MISSING;
    }
    if (EVP_PKEY_get_octet_string_param(h->pkey, OSSL_PKEY_PARAM_PUB_KEY, pk, 65, &n) != 1 ||
        n != 65) {
        return PQI_ERR_PROVIDER;
    }
    return leave(f, PQI_OK);
}

/* A key that signs does not agree, and the other way round. */
static fake_half *find_kind(fake_element *f, pqi_key key, pqi_key_kind kind, pqi_status *st)
{
    fake_half *h = find(f, key);
    if (*st == PQI_OK) {
        *st = h == NULL ? PQI_ERR_MISSING : h->kind != kind ? PQI_ERR_ARG : PQI_OK;
    }
    return *st == PQI_OK ? h : NULL;
}

static pqi_status sign(void *arg, pqi_key key, pqi_cspan msg, uint8_t sig[64])
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_SIGN);
    const fake_half *h = find_kind(f, key, PQI_KEY_SIG, &st);
    uint8_t der[80];
    size_t n = sizeof der;
    if (h == NULL) {
        return st;
    }
    if (msg.len == 0 || msg.len > PQI_ELEMENT_MSG_MAX) {
        return PQI_ERR_ARG;
    }
    EVP_MD_CTX *c = EVP_MD_CTX_new();
    int ok = EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, h->pkey) == 1 &&
             EVP_DigestSign(c, der, &n, msg.ptr, msg.len) == 1;
    EVP_MD_CTX_free(c);
    const uint8_t *p = der;
    ECDSA_SIG *s = ok ? d2i_ECDSA_SIG(NULL, &p, (long)n) : NULL;
    ok = s != NULL && BN_bn2binpad(ECDSA_SIG_get0_r(s), sig, 32) == 32 &&
         BN_bn2binpad(ECDSA_SIG_get0_s(s), sig + 32, 32) == 32;
    ECDSA_SIG_free(s);
    return ok ? leave(f, PQI_OK) : PQI_ERR_PROVIDER;
}

static EVP_PKEY *peer_key(const uint8_t peer[65])
{
    EVP_PKEY *k = NULL;
    uint8_t copy[65];
    char group[] = "P-256";
    memcpy(copy, peer, sizeof copy);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, copy, sizeof copy),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (peer[0] != 4 || EVP_PKEY_fromdata_init(c) != 1 ||
        EVP_PKEY_fromdata(c, &k, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        k = NULL;
    }
    EVP_PKEY_CTX_free(c);
    return k;
}

static pqi_status dh(void *arg, pqi_key key, const uint8_t peer[65], uint8_t ss[32])
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_DH);
    const fake_half *h = find_kind(f, key, PQI_KEY_KEM, &st);
    size_t n = 32;
    if (h == NULL) {
        return st;
    }
    EVP_PKEY *other = peer_key(peer);
    if (other == NULL) {
        return PQI_ERR_AUTH;
    }
    EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(h->pkey, NULL);
    int ok = EVP_PKEY_derive_init(c) == 1 && EVP_PKEY_derive_set_peer(c, other) == 1 &&
             EVP_PKEY_derive(c, ss, &n) == 1 && n == 32;
    EVP_PKEY_CTX_free(c);
    EVP_PKEY_free(other);
    return ok ? leave(f, PQI_OK) : PQI_ERR_AUTH;
}

static pqi_status generation(void *arg, uint64_t *value)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_GENERATION);
    if (st == PQI_OK) {
        *value = f->generation;
    }
    return leave(f, st);
}

static pqi_status advance(void *arg, uint64_t value)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_ADVANCE);
    if (st != PQI_OK || cut(f)) {
        return st != PQI_OK ? st : PQI_ERR_PROVIDER;
    }
    if (value != f->generation + 1u) {
        return PQI_ERR_ARG;
    }
    f->generation = value;
    return cut(f) ? PQI_ERR_PROVIDER : leave(f, PQI_OK);
}

static uint8_t *put(uint8_t *p, const void *b, size_t n)
{
    memcpy(p, b, n);
    return p + n;
}

/* The shape of a quote (TPM 2.0 part 2 sections 10.12.8 and 11.3.4); its signature is of no key. */
static pqi_status quote(void *arg, pqi_cspan nonce, uint32_t mask, pqi_span out, size_t *out_len)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_QUOTE);
    const uint8_t pcrs[10] = {
        0, 0, 0, 1, 0, 0x0b, 3, (uint8_t)mask, (uint8_t)(mask >> 8), (uint8_t)(mask >> 16)};
    uint8_t b[256] = {0}, *p = b + 2;
    if (st != PQI_OK) {
        return st;
    }
    p = put(p, "\xff\x54\x43\x47\x80\x18\0\0", 8);
    *p++ = 0;
    *p++ = (uint8_t)nonce.len;
    p = put(p, nonce.ptr, nonce.len);
    p += 17 + 8; /* clock, firmware version */
    p = put(p, pcrs, sizeof pcrs);
    *p++ = 0;
    *p++ = 32;
    p += 32;
    b[1] = (uint8_t)(p - b - 2);
    p = put(p, "\0\x48\0\x18\0\x0b\0\x20", 8);
    p = put(p + 32, "\0\x20", 2) + 32;
    *out_len = (size_t)(p - b);
    if (out.len < *out_len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, b, *out_len);
    return leave(f, PQI_OK);
}

static pqi_status random_bytes(void *arg, pqi_span out)
{
    fake_element *f = arg;
    pqi_status st = enter(f, FE_RANDOM);
    if (st == PQI_OK && RAND_bytes(out.ptr, (int)out.len) != 1) {
        st = PQI_ERR_RNG;
    }
    return leave(f, st);
}

static uint32_t native_error(void *arg, const char **text)
{
    const fake_element *f = arg;
    *text = f->native != 0 ? "the script says so" : "";
    return f->native;
}

void fake_element_init(fake_element *f, uint32_t caps)
{
    memset(f, 0, sizeof *f);
    f->generation = 1000; /* it had another life before */
    f->fail_with = PQI_ERR_PROVIDER;
    f->element =
        (pqi_element){.arg = f, .name = "fake", .caps = caps, .native_error = native_error};
    if ((caps & PQI_CAP_HALF) != 0) {
        f->element.p256_generate = generate;
        f->element.p256_destroy = destroy;
        f->element.p256_public = public_half;
        f->element.p256_sign = sign;
        f->element.p256_dh = dh;
    }
    if ((caps & PQI_CAP_NO_ROLLBACK) != 0) {
        f->element.generation = generation;
        f->element.advance = advance;
    }
    f->element.quote = (caps & PQI_CAP_QUOTE) != 0 ? quote : NULL;
    f->element.random = (caps & PQI_CAP_HW_RNG) != 0 ? random_bytes : NULL;
}

void fake_element_lose(fake_element *f, pqi_key key)
{
    fake_half *h = key != 0 ? find(f, key) : NULL;
    if (h != NULL) {
        forget(h);
    }
}

unsigned fake_element_halves(const fake_element *f)
{
    unsigned n = 0;
    for (size_t i = 0; i < FAKE_HALVES; i++) {
        n += f->halves[i].key != 0;
    }
    return n;
}

void fake_element_end(fake_element *f)
{
    for (size_t i = 0; i < FAKE_HALVES; i++) {
        forget(&f->halves[i]);
    }
}
