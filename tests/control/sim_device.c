/* SPDX-License-Identifier: Apache-2.0 */
#include "control/sim_device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_FACTORY = 1, KEY_KEM, KEY_X25519, KEY_SIG };

static const pqi_join_keys handles = {KEY_FACTORY, KEY_KEM, KEY_X25519, KEY_SIG};

/* ---- keys: made anew at each use ------------------------------------------------------------------ */

typedef struct key_pair {
    uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
    size_t pk_len, sk_len;
    pqi_key_kind kind;
    int32_t alg;
} key_pair;

static sim_device *of(pqi_provider *p)
{
    return (sim_device *)(void *)((char *)p - offsetof(sim_device, provider));
}

static pqi_status seed_of(const sim_device *d, pqi_key key, uint8_t seed[64])
{
    for (uint8_t half = 0; half < 2; half++) {
        const uint8_t of_key[6] = {(uint8_t)(d->number >> 24), (uint8_t)(d->number >> 16),
            (uint8_t)(d->number >> 8), (uint8_t)d->number, (uint8_t)key, half};
        const pqi_cspan parts[2] = {{d->sim->secret, 32}, {of_key, sizeof of_key}};
        pqi_status st =
            d->sim->algs.classic->hash(PQI_HASH_SHA256, parts, 2, seed + 32 * (size_t)half);
        if (st != PQI_OK) {
            return st;
        }
    }
    return PQI_OK;
}

static pqi_status make_key(const sim_device *d, pqi_key key, key_pair *k)
{
    uint8_t seed[64];
    const pqi_kem *kem = &pqi_kem_ml_kem_512;
    const pqi_sig *sig = &pqi_sig_ml_dsa_44;
    pqi_status st = seed_of(d, key, seed);
    if (st != PQI_OK || key < KEY_FACTORY || key > KEY_SIG) {
        return st != PQI_OK ? st : PQI_ERR_MISSING;
    }
    k->alg = 0;
    if (key == KEY_X25519) {
        k->kind = PQI_KEY_X25519;
        k->pk_len = k->sk_len = PQI_X25519_LEN;
        memcpy(k->sk, seed, PQI_X25519_LEN);
        return d->sim->algs.classic->x25519_public(k->pk, k->sk);
    }
    if (key == KEY_KEM) {
        k->kind = PQI_KEY_KEM;
        k->alg = kem->id;
        k->pk_len = kem->pk_len;
        k->sk_len = kem->sk_len;
        return pqi_kem_keygen(kem, (pqi_span){k->pk, k->pk_len}, (pqi_span){k->sk, k->sk_len},
            (pqi_cspan){seed, kem->seed_len}, d->sim->tmp);
    }
    k->kind = PQI_KEY_SIG;
    k->alg = sig->id;
    k->pk_len = sig->pk_len;
    k->sk_len = sig->sk_len;
    return pqi_sig_keygen(sig, (pqi_span){k->pk, k->pk_len}, (pqi_span){k->sk, k->sk_len},
        (pqi_cspan){seed, sig->seed_len}, d->sim->tmp);
}

static pqi_status op_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    static key_pair k;
    pqi_status st = make_key(of(p), key, &k);
    *out = (pqi_key_info){key, k.kind, k.alg, 0, (uint32_t)k.pk_len};
    return st;
}

static pqi_status op_public(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    static key_pair k;
    pqi_status st = make_key(of(p), key, &k);
    *out_len = k.pk_len;
    if (st != PQI_OK || out.len < k.pk_len) {
        return st != PQI_OK ? st : PQI_ERR_SPACE;
    }
    memcpy(out.ptr, k.pk, k.pk_len);
    return PQI_OK;
}

static pqi_status op_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    static const uint8_t zero[PQI_SIG_MAX_RND];
    static key_pair k;
    pqi_status st = make_key(of(p), key, &k);
    const pqi_sig *a = &pqi_sig_ml_dsa_44;
    return st == PQI_OK ? pqi_sig_sign(a, sig, sig_len, (pqi_cspan){k.sk, k.sk_len}, domain, parts,
                              n_parts, (pqi_cspan){zero, a->rnd_len}, of(p)->sim->tmp)
                        : st;
}

static pqi_status op_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    static key_pair k, x;
    pqi_status st = make_key(of(p), kem, &k);
    if (st == PQI_OK) {
        st = make_key(of(p), dh, &x);
    }
    const pqi_box_secret s = {
        {k.sk, k.sk_len}, {x.sk, x.sk_len}, {{k.pk, k.pk_len}, {x.pk, x.pk_len}}};
    return st == PQI_OK ? pqi_box_open(&of(p)->sim->algs, suite, &s, ctx, capsule, ct, plain,
                              of(p)->sim->tmp)
                        : st;
}

/* ---- records and counters ------------------------------------------------------------------------- */

static pqi_status op_random(pqi_provider *p, pqi_span out)
{
    return of(p)->sim->algs.classic->random(out.ptr, out.len);
}

static pqi_status op_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    (void)p;
    (void)label;
    (void)generation;
    memset(out.ptr, 0, out.len);
    memcpy(out.ptr, plain.ptr, plain.len);
    return PQI_OK;
}

static pqi_status op_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    (void)p;
    (void)label;
    (void)generation;
    memcpy(plain.ptr, blob.ptr, plain.len);
    return PQI_OK;
}

static pqi_status op_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    *value = of(p)->counters[slot];
    return PQI_OK;
}

static pqi_status op_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    uint64_t *at = &of(p)->counters[slot];
    *at = value > *at ? value : *at;
    return PQI_OK;
}

static const pqi_provider_ops ops = {.abi = PQI_PROVIDER_ABI,
    .name = "simulated",
    .info = op_info,
    .public_key = op_public,
    .sign = op_sign,
    .decrypt = op_decrypt,
    .random = op_random,
    .seal = op_seal,
    .unseal = op_unseal,
    .counter_get = op_counter_get,
    .counter_advance = op_counter_advance};

static sim_slot *slot_of(sim_device *d, const char *name)
{
    for (size_t i = 0; i < SIM_RECORDS; i++) {
        if (strcmp(d->rec[i].name, name) == 0) {
            return &d->rec[i];
        }
    }
    return NULL;
}

static pqi_status nvm_read(void *ctx, const char *name, unsigned which, pqi_span out, size_t *len)
{
    const sim_slot *s = slot_of(ctx, name);
    *len = 0;
    if (s == NULL || s->bytes[which] == NULL) {
        return PQI_ERR_MISSING;
    }
    if (s->len[which] > out.len) {
        return PQI_ERR_SPACE;
    }
    *len = s->len[which];
    memcpy(out.ptr, s->bytes[which], *len);
    return PQI_OK;
}

static pqi_status nvm_write(void *ctx, const char *name, unsigned which, pqi_cspan data)
{
    sim_slot *s = slot_of(ctx, name);
    s = s != NULL ? s : slot_of(ctx, "");
    uint8_t *copy = malloc(data.len != 0 ? data.len : 1);
    if (s == NULL || copy == NULL || strlen(name) >= sizeof s->name) {
        free(copy);
        return PQI_ERR_STORAGE;
    }
    (void)snprintf(s->name, sizeof s->name, "%s", name);
    memcpy(copy, data.ptr, data.len);
    free(s->bytes[which]);
    s->bytes[which] = copy;
    s->len[which] = data.len;
    return PQI_OK;
}

/* ---- all of them ---------------------------------------------------------------------------------- */

static size_t tmp_len(const pqi_algs *a)
{
    size_t n = pqi_ctl_tmp_len(a, SIM_REVOKED, PQI_MANIFEST_MAX, SIM_POLICY);
    for (size_t i = 0; i < a->n_sigs; i++) {
        n = a->sigs[i]->sign_tmp > n ? a->sigs[i]->sign_tmp : n;
        n = a->sigs[i]->keygen_tmp > n ? a->sigs[i]->keygen_tmp : n;
    }
    for (size_t i = 0; i < a->n_kems; i++) {
        n = a->kems[i]->tmp_len + PQI_GRANT_MAX > n ? a->kems[i]->tmp_len + PQI_GRANT_MAX : n;
    }
    return n;
}

int sim_init(sim *s, uint32_t n, const uint8_t secret[32], const uint8_t pinned[32])
{
    memset(s, 0, sizeof *s);
    pqi_algs_all(&s->algs, &pqi_classic_openssl);
    memcpy(s->secret, secret, 32);
    memcpy(s->pinned, pinned, 32);
    s->n = n;
    s->tmp.len = tmp_len(&s->algs);
    s->tmp.ptr = malloc(s->tmp.len);
    s->d = calloc(n, sizeof *s->d);
    for (uint32_t i = 0; i < n && s->d != NULL; i++) {
        sim_device *d = &s->d[i];
        d->sim = s;
        d->number = i + 1;
        d->provider.ops = &ops;
        d->nvm = (pqi_nvm){d, nvm_read, nvm_write};
        (void)snprintf(d->id, sizeof d->id, "sim-%04u", (unsigned)d->number);
    }
    return s->tmp.ptr != NULL && s->d != NULL;
}

void sim_free(sim *s)
{
    for (uint32_t i = 0; i < s->n && s->d != NULL; i++) {
        for (size_t k = 0; k < SIM_RECORDS; k++) {
            free(s->d[i].rec[k].bytes[0]);
            free(s->d[i].rec[k].bytes[1]);
        }
        free(s->d[i].manifest_mem);
    }
    free(s->d);
    free(s->tmp.ptr);
    free(s->manifest.ptr);
    memset(s, 0, sizeof *s);
}

/* ---- provisioning --------------------------------------------------------------------------------- */

static pqi_cspan id_of(const sim_device *d)
{
    return (pqi_cspan){(const uint8_t *)d->id, strlen(d->id)};
}

pqi_status sim_fingerprint(sim_device *d, uint8_t out[32])
{
    static key_pair k;
    pqi_status st = make_key(d, KEY_FACTORY, &k);
    return st == PQI_OK ? pqi_factory_fp(&d->sim->algs, k.alg, (pqi_cspan){k.pk, k.pk_len}, out)
                        : st;
}

pqi_status sim_join(sim_device *d, pqi_cspan challenge, pqi_span out, size_t *len)
{
    pqi_challenge c;
    const pqi_join_request extra = {.suites = pqi_suite_0001.bitmap};
    pqi_status st = pqi_challenge_decode(challenge, &c);
    return st == PQI_OK
               ? pqi_join_build(&d->sim->algs, &d->provider, &handles, &c, &extra, out, len)
               : st;
}

pqi_status sim_install(sim_device *d, pqi_cspan challenge, pqi_cspan grant, pqi_span cert,
    size_t *cert_len, uint8_t confirm[PQI_CONFIRM_LEN])
{
    sim *s = d->sim;
    pqi_challenge c;
    pqi_grant g;
    pqi_cert x;
    const pqi_now now = {0};
    uint8_t *plain = malloc(grant.len);
    pqi_status st = plain != NULL ? pqi_challenge_decode(challenge, &c) : PQI_ERR_LIMIT;
    if (st == PQI_OK) {
        st = pqi_grant_open(
            &s->algs, &d->provider, &handles, &c, grant, (pqi_span){plain, grant.len}, &g);
    }
    if (st == PQI_OK) {
        st = pqi_grant_check(
            &s->algs, &d->provider, &handles, id_of(d), s->pinned, &g, &now, s->tmp);
    }
    if (st == PQI_OK) {
        st = pqi_cert_decode(&s->algs, g.cert, &x);
    }
    if (st == PQI_OK) {
        st = pqi_confirm_build(&s->algs, g.confirm_key, id_of(d), x.key_id, confirm);
    }
    if (st == PQI_OK && g.cert.len <= cert.len) {
        memcpy(cert.ptr, g.cert.ptr, g.cert.len);
        *cert_len = g.cert.len;
        if (s->manifest.ptr == NULL) {
            s->manifest.ptr = malloc(g.manifest.len);
            s->manifest.len = s->manifest.ptr != NULL ? g.manifest.len : 0;
            memcpy(s->manifest.ptr, g.manifest.ptr, s->manifest.len);
        }
    }
    free(plain);
    return st == PQI_OK && *cert_len == 0 ? PQI_ERR_SPACE : st;
}

pqi_status sim_start(sim_device *d, pqi_cspan cert, const pqi_now *now)
{
    sim *s = d->sim;
    pqi_cert x;
    const pqi_cspan part = cert;
    pqi_status st = pqi_cert_decode(&s->algs, cert, &x);
    if (st == PQI_OK) {
        d->leaf = (pqi_leaf){x.roster_index, x.key_epoch, {0}};
        memcpy(d->kid, x.key_id, PQI_KID_LEN);
        st = s->algs.classic->hash(PQI_HASH_SHA256, &part, 1, d->leaf.cert_hash);
    }
    d->manifest_mem = malloc(PQI_MANIFEST_MAX);
    if (st != PQI_OK || d->manifest_mem == NULL) {
        return st != PQI_OK ? st : PQI_ERR_LIMIT;
    }
    pqi_ctl_cfg cfg = {.algs = &s->algs,
        .provider = &d->provider,
        .nvm = &d->nvm,
        .manifest = {s->manifest.ptr, s->manifest.len},
        .pinned = s->pinned,
        .manifest_mem = {d->manifest_mem, PQI_MANIFEST_MAX},
        .policy_mem = {d->policy_mem, sizeof d->policy_mem},
        .revoked = d->revoked,
        .revoked_max = SIM_REVOKED,
        .id = id_of(d),
        .leaf = d->leaf,
        .tmp = s->tmp};
    memcpy(cfg.kid, d->kid, PQI_KID_LEN);
    return pqi_ctl_open(&d->ctl, &cfg, now);
}
