/* SPDX-License-Identifier: Apache-2.0
 * The hybrid box of docs/spec/v1.md: one ML-KEM encapsulation and one ephemeral X25519 exchange make
 * an AEAD key that depends on both secrets and on everything public. */
#include "base/mem.h"
#include "prim/hkdf/sha2_len.h"
#include "suite/box_int.h"

#include <pqi/suite.h>
#include <pqi/wipe.h>

#include <stdbool.h>

#define COINS  64u /* 32 for the KEM, 32 for X25519 */
#define KEY_IV (PQI_AEAD_KEY + PQI_AEAD_NONCE)

/* Everything secret of one sealing or opening. */
typedef struct box_work {
    uint8_t k[PQI_COMBINE_SECRETS]; /* K_pq || K_x */
    uint8_t prk[PQI_HASH_MAX];
    uint8_t key_iv[KEY_IV];
} box_work;

static bool is_span(pqi_cspan s)
{
    return s.ptr != NULL || s.len == 0;
}

/* What has to hold for every function here; all of it is public. */
static pqi_status check(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *peer,
    const pqi_box_ctx *ctx, pqi_cspan capsule)
{
    if (a == NULL || s == NULL || peer == NULL || ctx == NULL || a->classic == NULL ||
        s->kem == NULL || peer->kem_pk.ptr == NULL || peer->x25519_pk.ptr == NULL ||
        capsule.ptr == NULL || peer->kem_pk.len != s->kem->pk_len ||
        peer->x25519_pk.len != PQI_X25519_LEN || capsule.len != pqi_box_capsule_len(s) ||
        !is_span(ctx->salt) || !is_span(ctx->info) || !is_span(ctx->pre) || !is_span(ctx->post)) {
        return PQI_ERR_ARG;
    }
    size_t bind = pqi_sha2_len(s->hash);
    bool aead_fits = s->aead == PQI_AEAD_AES_256_GCM || s->aead == PQI_AEAD_AES_256_GCM_SIV ||
                     s->aead == PQI_AEAD_CHACHA20_POLY1305;
    if (bind == 0 || bind > PQI_BOX_BIND_MAX || !aead_fits || s->kem->coins_len != COINS / 2u) {
        return PQI_ERR_UNSUPPORTED;
    }
    return PQI_OK;
}

size_t pqi_box_capsule_len(const pqi_suite *s)
{
    return s->kem->ct_len + PQI_X25519_LEN;
}

size_t pqi_box_tmp_len(const pqi_suite *s)
{
    return s->kem->tmp_len;
}

/* bind = Hash(pre || ct_pq || x_eph || pk_R || x_R || post); the capsule is ct_pq || x_eph. */
static pqi_status make_bind(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *peer,
    const pqi_box_ctx *ctx, pqi_cspan capsule, uint8_t *bind)
{
    const pqi_cspan parts[] = {ctx->pre, capsule, peer->kem_pk, peer->x25519_pk, ctx->post};
    return a->classic->hash(s->hash, parts, sizeof parts / sizeof parts[0], bind);
}

/* w->key_iv from w->k and everything public. */
static pqi_status derive(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *peer,
    const pqi_box_ctx *ctx, pqi_cspan capsule, const uint8_t *bind, box_work *w)
{
    const pqi_combine_in in = {w->k, capsule.ptr + s->kem->ct_len, peer->x25519_pk.ptr};
    pqi_status st = pqi_combine_extract(a->classic, s, ctx->salt, &in, w->prk);
    if (st == PQI_OK) {
        st = pqi_combine_expand(
            a->classic, s, w->prk, ctx->info, bind, (pqi_span){w->key_iv, sizeof w->key_iv});
    }
    return st;
}

static pqi_aead_key aead_key(const pqi_suite *s, const box_work *w)
{
    return (pqi_aead_key){
        s->aead, {w->key_iv, PQI_AEAD_KEY}, {w->key_iv + PQI_AEAD_KEY, PQI_AEAD_NONCE}};
}

pqi_status pqi_box_bind(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *to,
    const pqi_box_ctx *ctx, pqi_cspan capsule, uint8_t *bind)
{
    if (s == NULL || s->kem == NULL || bind == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check(a, s, to, ctx, capsule);
    if (st == PQI_OK) {
        st = make_bind(a, s, to, ctx, capsule, bind);
        if (st != PQI_OK) {
            memset(bind, 0, pqi_sha2_len(s->hash));
        }
    }
    return st;
}

/* Capsule and both secrets. */
static pqi_status encapsulate(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *to,
    pqi_cspan coins, uint8_t *capsule, uint8_t k[PQI_COMBINE_SECRETS], pqi_span tmp)
{
    const pqi_cspan m = {coins.ptr, COINS / 2u};
    const uint8_t *x = coins.ptr + COINS / 2u;
    uint8_t *x_eph = capsule + s->kem->ct_len;
    pqi_status st = pqi_kem_encaps(
        s->kem, (pqi_span){capsule, s->kem->ct_len}, (pqi_span){k, PQI_KEM_SS}, to->kem_pk, m, tmp);
    if (st == PQI_OK) {
        st = a->classic->x25519_public(x_eph, x);
    }
    if (st == PQI_OK) {
        st = a->classic->x25519(k + PQI_KEM_SS, x, to->x25519_pk.ptr);
    }
    return st;
}

pqi_status pqi_box_seal(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *to,
    const pqi_box_ctx *ctx, pqi_cspan coins, pqi_cspan plain, pqi_span capsule, pqi_span ct,
    uint8_t *bind, pqi_span tmp)
{
    if (s == NULL || s->kem == NULL || coins.ptr == NULL || coins.len != COINS || !is_span(plain) ||
        ct.ptr == NULL || ct.len < PQI_AEAD_TAG || ct.len - PQI_AEAD_TAG != plain.len) {
        return PQI_ERR_ARG;
    }
    const pqi_cspan sealed_to = {capsule.ptr, capsule.len};
    pqi_status st = check(a, s, to, ctx, sealed_to);
    if (st != PQI_OK) {
        return st;
    }
    box_work w;
    uint8_t b[PQI_HASH_MAX];
    size_t bind_len = pqi_sha2_len(s->hash);
    st = encapsulate(a, s, to, coins, capsule.ptr, w.k, tmp);
    if (st == PQI_OK) {
        st = make_bind(a, s, to, ctx, sealed_to, b);
    }
    if (st == PQI_OK) {
        st = derive(a, s, to, ctx, sealed_to, b, &w);
    }
    if (st == PQI_OK) {
        const pqi_aead_key k = aead_key(s, &w);
        st = a->classic->aead_seal(&k, (pqi_cspan){b, bind_len}, plain, ct);
    }
    if (st != PQI_OK) {
        memset(capsule.ptr, 0, capsule.len);
        memset(ct.ptr, 0, ct.len);
        memset(b, 0, sizeof b);
    }
    if (bind != NULL) {
        memcpy(bind, b, bind_len);
    }
    pqi_wipe(&w, sizeof w);
    return st;
}

static bool is_sealed(pqi_cspan ct, pqi_span plain)
{
    return ct.ptr != NULL && ct.len >= PQI_AEAD_TAG && ct.len - PQI_AEAD_TAG == plain.len &&
           (plain.ptr != NULL || plain.len == 0);
}

/* Opens with the secrets in w->k. */
static pqi_status open_with(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *self,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain, box_work *w)
{
    uint8_t b[PQI_HASH_MAX];
    pqi_status st = make_bind(a, s, self, ctx, capsule, b);
    if (st == PQI_OK) {
        st = derive(a, s, self, ctx, capsule, b, w);
    }
    if (st == PQI_OK) {
        const pqi_aead_key k = aead_key(s, w);
        st = a->classic->aead_open(&k, (pqi_cspan){b, pqi_sha2_len(s->hash)}, ct, plain);
    }
    if (st != PQI_OK) {
        pqi_wipe(plain.ptr, plain.len);
    }
    return st;
}

pqi_status pqi_box_open_shared(const pqi_algs *a, const pqi_suite *s, const pqi_box_peer *self,
    const uint8_t *k, const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    if (k == NULL || !is_sealed(ct, plain)) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check(a, s, self, ctx, capsule);
    if (st != PQI_OK) {
        return st;
    }
    box_work w;
    memcpy(w.k, k, sizeof w.k);
    st = open_with(a, s, self, ctx, capsule, ct, plain, &w);
    pqi_wipe(&w, sizeof w);
    return st;
}

/* A failure that the sender of a box can cause is PQI_ERR_AUTH; one of the caller or the platform
 * stays what it is. The ephemeral key is public, so stopping early at one of low order tells nothing. */
pqi_status pqi_box_open(const pqi_algs *a, const pqi_suite *s, const pqi_box_secret *sk,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain, pqi_span tmp)
{
    if (s == NULL || s->kem == NULL || sk == NULL || !is_sealed(ct, plain) ||
        sk->kem_sk.ptr == NULL || sk->x25519_sk.ptr == NULL ||
        sk->x25519_sk.len != PQI_X25519_LEN) {
        return PQI_ERR_ARG;
    }
    pqi_status st = check(a, s, &sk->self, ctx, capsule);
    if (st != PQI_OK) {
        return st;
    }
    box_work w;
    const pqi_cspan ct_pq = {capsule.ptr, s->kem->ct_len};
    const uint8_t *x_eph = capsule.ptr + s->kem->ct_len;
    st = pqi_kem_decaps(s->kem, (pqi_span){w.k, PQI_KEM_SS}, ct_pq, sk->kem_sk, tmp);
    if (st == PQI_OK) {
        st = a->classic->x25519(w.k + PQI_KEM_SS, sk->x25519_sk.ptr, x_eph);
    }
    if (st == PQI_OK) {
        st = open_with(a, s, &sk->self, ctx, capsule, ct, plain, &w);
    } else {
        pqi_wipe(plain.ptr, plain.len);
    }
    pqi_wipe(&w, sizeof w);
    return st;
}
