/* SPDX-License-Identifier: Apache-2.0 */
#include "support/seed_provider.h"

#include "pqi_test.h"

static _Alignas(16) uint8_t scratch[256 * 1024];

static pqi_span tmp(void)
{
    return (pqi_span){scratch, sizeof scratch};
}

const seed_key *seed_provider_find(const seed_provider *p, pqi_key key)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->keys[i].key == key) {
            return &p->keys[i];
        }
    }
    return NULL;
}

static const seed_key *find(pqi_provider *p, pqi_key key, pqi_key_kind kind)
{
    const seed_key *k = seed_provider_find((const seed_provider *)(const void *)p, key);
    return k != NULL && (kind == PQI_KEY_NONE || k->kind == kind) ? k : NULL;
}

static pqi_status op_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    const seed_key *k = find(p, key, PQI_KEY_NONE);
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    *out = (pqi_key_info){key, k->kind, k->alg, 0, (uint32_t)k->pk_len};
    return PQI_OK;
}

static pqi_status op_public(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    const seed_key *k = find(p, key, PQI_KEY_NONE);
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    *out_len = k->pk_len;
    if (out.len < k->pk_len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, k->pk, k->pk_len);
    return PQI_OK;
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    seed_provider *sp = (seed_provider *)(void *)p;
    const seed_key *k = find(p, key, PQI_KEY_SIG);
    static const uint8_t zero[PQI_SIG_MAX_RND];
    if (k == NULL) {
        return PQI_ERR_MISSING;
    }
    if (++sp->n_signed == sp->fail_sign_at) {
        return PQI_ERR_PROVIDER;
    }
    const pqi_sig *alg = pqi_algs_sig(sp->algs, k->alg);
    return pqi_sig_sign(alg, sig, sig_len, (pqi_cspan){k->sk, k->sk_len}, domain, parts, n_parts,
        (pqi_cspan){zero, alg->rnd_len}, tmp());
}

static pqi_status op_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    const seed_provider *sp = (const seed_provider *)(const void *)p;
    const seed_key *k = find(p, kem, PQI_KEY_KEM), *x = find(p, dh, PQI_KEY_X25519);
    if (k == NULL || x == NULL) {
        return PQI_ERR_MISSING;
    }
    if (k->alg != suite->kem->id) {
        return PQI_ERR_ARG;
    }
    const pqi_box_secret secret = {
        {k->sk, k->sk_len}, {x->sk, x->sk_len}, {{k->pk, k->pk_len}, {x->pk, x->pk_len}}};
    return pqi_box_open(sp->algs, suite, &secret, ctx, capsule, ct, plain, tmp());
}

static const pqi_provider_ops ops = {
    .abi = PQI_PROVIDER_ABI,
    .name = "fixed seeds",
    .info = op_info,
    .public_key = op_public,
    .sign = op_sign,
    .decrypt = op_decrypt,
};

void seed_provider_init(seed_provider *p, const pqi_algs *algs)
{
    memset(p, 0, sizeof *p);
    p->base.ops = &ops;
    p->algs = algs;
}

void seed_provider_add(seed_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg, uint8_t tag)
{
    assert_true(p->n < SEED_KEYS_MAX && seed_provider_find(p, key) == NULL);
    seed_key *k = &p->keys[p->n++];
    uint8_t seed[PQI_KEM_MAX_SEED];
    memset(seed, tag, sizeof seed);
    *k = (seed_key){.key = key, .kind = kind, .alg = alg};
    if (kind == PQI_KEY_X25519) {
        k->pk_len = k->sk_len = PQI_X25519_LEN;
        memcpy(k->sk, seed, PQI_X25519_LEN);
        assert_int_equal(p->algs->classic->x25519_public(k->pk, k->sk), PQI_OK);
    } else if (kind == PQI_KEY_KEM) {
        const pqi_kem *a = pqi_algs_kem(p->algs, (uint32_t)alg);
        k->pk_len = a->pk_len;
        k->sk_len = a->sk_len;
        assert_int_equal(pqi_kem_keygen(a, (pqi_span){k->pk, k->pk_len},
                             (pqi_span){k->sk, k->sk_len}, (pqi_cspan){seed, a->seed_len}, tmp()),
            PQI_OK);
    } else {
        const pqi_sig *a = pqi_algs_sig(p->algs, alg);
        k->pk_len = a->pk_len;
        k->sk_len = a->sk_len;
        assert_int_equal(pqi_sig_keygen(a, (pqi_span){k->pk, k->pk_len},
                             (pqi_span){k->sk, k->sk_len}, (pqi_cspan){seed, a->seed_len}, tmp()),
            PQI_OK);
    }
}
