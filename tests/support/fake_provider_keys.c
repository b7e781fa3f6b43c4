/* SPDX-License-Identifier: Apache-2.0
 * The part of the fake provider that computes with keys. */
#include "support/fake_provider.h"

#include <string.h>

static fake_provider *of(pqi_provider *p)
{
    return (fake_provider *)(void *)p;
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_SIGN);
    fake_key *k = fake_find(f, key, PQI_KEY_SIG);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    const pqi_sig *alg = pqi_algs_sig(f->algs, k->alg);
    static const uint8_t zero[PQI_SIG_MAX_RND];
    return pqi_sig_sign(alg, sig, sig_len, (pqi_cspan){k->sk, k->sk_len}, domain, parts, n_parts,
        (pqi_cspan){zero, alg->rnd_len}, (pqi_span){f->tmp, sizeof f->tmp});
}

static pqi_status op_decapsulate(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_DECAPS);
    fake_key *k = fake_find(f, key, PQI_KEY_KEM);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    return pqi_kem_decaps(pqi_algs_kem(f->algs, (uint32_t)k->alg), (pqi_span){ss, PQI_KEM_SS}, ct,
        (pqi_cspan){k->sk, k->sk_len}, (pqi_span){f->tmp, sizeof f->tmp});
}

static pqi_status op_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_DH);
    fake_key *k = fake_find(f, key, PQI_KEY_X25519);
    if (st != PQI_OK) {
        return st;
    }
    return k == NULL ? PQI_ERR_MISSING : f->algs->classic->x25519(ss, k->sk, peer);
}

static pqi_status op_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_DECRYPT);
    fake_key *k = fake_find(f, kem, PQI_KEY_KEM);
    fake_key *x = fake_find(f, dh, PQI_KEY_X25519);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL || x == NULL) {
        return PQI_ERR_MISSING;
    }
    pqi_box_secret sk = {{k->sk, k->sk_len}, {x->sk, 32}, {{k->pk, k->pk_len}, {x->pk, x->pk_len}}};
    return pqi_box_open(
        f->algs, suite, &sk, ctx, capsule, ct, plain, (pqi_span){f->tmp, sizeof f->tmp});
}

static pqi_status make(fake_provider *f, fake_key *k, const uint8_t *seed)
{
    pqi_span tmp = {f->tmp, sizeof f->tmp};
    if (k->kind == PQI_KEY_X25519) {
        k->pk_len = k->sk_len = 32;
        memcpy(k->sk, seed, 32);
        return f->algs->classic->x25519_public(k->pk, k->sk);
    }
    if (k->kind == PQI_KEY_KEM) {
        const pqi_kem *a = pqi_algs_kem(f->algs, (uint32_t)k->alg);
        if (a == NULL) {
            return PQI_ERR_UNSUPPORTED;
        }
        k->pk_len = a->pk_len;
        k->sk_len = a->sk_len;
        return pqi_kem_keygen(a, (pqi_span){k->pk, k->pk_len}, (pqi_span){k->sk, k->sk_len},
            (pqi_cspan){seed, a->seed_len}, tmp);
    }
    const pqi_sig *a = pqi_algs_sig(f->algs, k->alg);
    if (a == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    k->pk_len = a->pk_len;
    k->sk_len = a->sk_len;
    return pqi_sig_keygen(a, (pqi_span){k->pk, k->pk_len}, (pqi_span){k->sk, k->sk_len},
        (pqi_cspan){seed, a->seed_len}, tmp);
}

/* A new key each time, whatever the handle: from the random stream. One durable operation. */
static pqi_status op_generate(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_GENERATE);
    if (st != PQI_OK) {
        return st;
    }
    if (fake_find(f, want, PQI_KEY_NONE) != NULL) {
        return PQI_ERR_STATE;
    }
    uint8_t seed[PQI_KEM_MAX_SEED];
    fake_derive(f, "new key", (const uint8_t *)&f->drawn, sizeof f->drawn, seed, sizeof seed);
    f->drawn++;
    cut_mode how;
    int fails = test_power_step(f->power, &how);
    if (fails && how != CUT_COMPLETE) {
        return PQI_ERR_PROVIDER;
    }
    for (size_t i = 0; i < FAKE_KEYS; i++) {
        if (f->keys[i].handle == 0) {
            f->keys[i] = (fake_key){.handle = want, .kind = kind, .alg = alg};
            st = make(f, &f->keys[i], seed);
            return fails ? PQI_ERR_PROVIDER : st;
        }
    }
    return PQI_ERR_LIMIT;
}

static pqi_status op_destroy(pqi_provider *p, pqi_key key)
{
    fake_provider *f = of(p);
    pqi_status st = fake_enter(f, FAKE_DESTROY);
    fake_key *k = fake_find(f, key, PQI_KEY_NONE);
    if (st != PQI_OK) {
        return st;
    }
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    cut_mode how;
    int fails = test_power_step(f->power, &how);
    if (!fails || how == CUT_COMPLETE) {
        memset(k, 0, sizeof *k);
    }
    return fails ? PQI_ERR_PROVIDER : PQI_OK;
}

pqi_status fake_provider_key(fake_provider *f, pqi_key handle, pqi_key_kind kind, int32_t alg)
{
    f->ops = fake_ops_keyless;
    f->ops.sign = op_sign;
    f->ops.decapsulate = op_decapsulate;
    f->ops.dh = op_dh;
    f->ops.decrypt = op_decrypt;
    f->ops.generate = op_generate;
    f->ops.destroy = op_destroy;
    f->base.ops = &f->ops;
    uint8_t seed[PQI_KEM_MAX_SEED];
    fake_derive(f, "key", (const uint8_t *)&handle, sizeof handle, seed, sizeof seed);
    for (size_t i = 0; i < FAKE_KEYS; i++) {
        if (f->keys[i].handle == 0) {
            f->keys[i].kind = kind;
            f->keys[i].alg = alg;
            f->keys[i].handle = handle;
            return make(f, &f->keys[i], seed);
        }
    }
    return PQI_ERR_LIMIT;
}
