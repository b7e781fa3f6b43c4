/* SPDX-License-Identifier: Apache-2.0
 * The software provider: its operations. Arguments were checked by provider.c. */
#include "base/mem.h"
#include "hal/soft.h"

#include <pqi/wipe.h>

#define SEAL_NONCE 12u
#define CAPS       (PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT)

_Static_assert(SEAL_NONCE + PQI_AEAD_TAG == PQI_SEAL_OVERHEAD, "shape of a sealed blob");

/* The provider is the first member of pqi_soft. */
static pqi_soft *soft_of(pqi_provider *p)
{
    return (pqi_soft *)(void *)p;
}

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* Kind and algorithm are in the set; gives the length of the seed. */
static pqi_status seed_len_of(const pqi_soft *s, pqi_key_kind kind, int32_t alg, uint32_t *len)
{
    const pqi_kem *kem =
        kind == PQI_KEY_KEM && alg >= 0 ? pqi_algs_kem(s->cfg.algs, (uint32_t)alg) : NULL;
    const pqi_sig *sig = kind == PQI_KEY_SIG ? pqi_algs_sig(s->cfg.algs, alg) : NULL;
    *len = kind == PQI_KEY_X25519 ? PQI_X25519_LEN
           : kem != NULL          ? kem->seed_len
           : sig != NULL          ? sig->seed_len
                                  : 0;
    return *len != 0 && *len <= SOFT_SEED ? PQI_OK : PQI_ERR_UNSUPPORTED;
}

static pqi_status make_key(soft_op *op, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    pqi_soft *s = op->s;
    uint32_t seed_len = 0;
    pqi_status st = seed_len_of(s, kind, alg, &seed_len);
    if (st != PQI_OK) {
        return st;
    }
    if (pqi_soft_find(s, want) != NULL) {
        return PQI_ERR_STATE;
    }
    soft_slot *slot = pqi_soft_find(s, 0);
    if (slot == NULL) {
        return PQI_ERR_LIMIT;
    }
    slot->handle = want;
    slot->kind = (int32_t)kind;
    slot->alg = alg;
    slot->seed_len = seed_len;
    st = pqi_soft_random(op, (pqi_span){slot->seed, seed_len});
    if (st == PQI_OK) {
        st = pqi_soft_fill(op, slot);
    }
    if (st == PQI_OK) {
        st = pqi_soft_pairwise(op, slot);
    }
    if (st == PQI_OK) {
        st = pqi_soft_store_keys(op);
    }
    if (st != PQI_OK) {
        pqi_wipe(slot, s->slot_len);
    }
    return st;
}

static pqi_status soft_generate(pqi_provider *p, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), true, &op);
    if (st == PQI_OK) {
        st = make_key(&op, want, kind, alg);
        pqi_soft_leave(&op);
    }
    return st;
}

static pqi_status soft_destroy(pqi_provider *p, pqi_key key)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), true, &op);
    if (st != PQI_OK) {
        return st;
    }
    soft_slot *slot = pqi_soft_find(op.s, key);
    if (slot == NULL) {
        st = PQI_ERR_MISSING;
    } else {
        slot->handle = 0; /* is left out of what is saved */
        st = pqi_soft_store_keys(&op);
        if (st == PQI_OK) {
            pqi_wipe(slot, op.s->slot_len);
        } else {
            slot->handle = key;
        }
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_info(pqi_provider *p, pqi_key key, pqi_key_info *out)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    const soft_slot *slot = pqi_soft_find(op.s, key);
    if (slot == NULL) {
        st = PQI_ERR_MISSING;
    } else {
        *out = (pqi_key_info){.key = key,
            .kind = (pqi_key_kind)slot->kind,
            .alg = slot->alg,
            .caps = CAPS,
            .pk_len = (uint32_t)pqi_soft_pk_len(op.s, slot)};
    }
    pqi_soft_leave(&op);
    return st;
}

/* The slot of a key of one kind. PQI_ERR_MISSING; PQI_ERR_ARG: the key is of another kind. */
static pqi_status slot_of(const soft_op *op, pqi_key key, pqi_key_kind kind, soft_slot **out)
{
    *out = pqi_soft_find(op->s, key);
    if (*out == NULL) {
        return PQI_ERR_MISSING;
    }
    return (*out)->kind == (int32_t)kind ? PQI_OK : PQI_ERR_ARG;
}

static pqi_status copy_public(soft_op *op, pqi_key key, pqi_span out, size_t *out_len)
{
    soft_slot *slot = pqi_soft_find(op->s, key);
    if (slot == NULL) {
        return PQI_ERR_MISSING;
    }
    size_t need = pqi_soft_pk_len(op->s, slot);
    if (need == 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    *out_len = need;
    if (out.len < need) {
        return PQI_ERR_SPACE;
    }
    if (slot->kind == PQI_KEY_X25519) {
        memcpy(out.ptr, slot->seed + PQI_X25519_LEN, need);
        return PQI_OK;
    }
    soft_keys k;
    pqi_status st = pqi_soft_expand(op, slot, &k);
    if (st == PQI_OK) {
        memcpy(out.ptr, k.pk.ptr, need);
    }
    return st;
}

static pqi_status soft_public_key(pqi_provider *p, pqi_key key, pqi_span out, size_t *out_len)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st == PQI_OK) {
        st = copy_public(&op, key, out, out_len);
        pqi_soft_leave(&op);
    }
    return st;
}

static pqi_status sign_with(soft_op *op, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    soft_slot *slot;
    soft_keys k;
    pqi_status st = slot_of(op, key, PQI_KEY_SIG, &slot);
    if (st == PQI_OK) {
        st = pqi_soft_expand(op, slot, &k);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (sig.len < k.sig->sig_len) {
        *sig_len = k.sig->sig_len;
        return PQI_ERR_SPACE;
    }
    pqi_span rnd = {op->w->rnd, k.sig->rnd_len};
    st = pqi_soft_random(op, rnd); /* hedged variant of FIPS 204 section 3.4 */
    if (st == PQI_OK) {
        st = pqi_sig_sign(k.sig, (pqi_span){sig.ptr, k.sig->sig_len}, sig_len, view(k.sk), domain,
            parts, n_parts, view(rnd), pqi_soft_tmp(op));
    }
    return st;
}

static pqi_status soft_sign(pqi_provider *p, pqi_key key, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st == PQI_OK) {
        st = sign_with(&op, key, domain, parts, n_parts, sig, sig_len);
        pqi_soft_leave(&op);
    }
    return st;
}

static pqi_status soft_decapsulate(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    soft_op op;
    soft_slot *slot;
    soft_keys k;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    st = slot_of(&op, key, PQI_KEY_KEM, &slot);
    if (st == PQI_OK) {
        st = pqi_soft_expand(&op, slot, &k);
    }
    if (st == PQI_OK) {
        st = pqi_kem_decaps(k.kem, (pqi_span){ss, PQI_KEM_SS}, ct, view(k.sk), pqi_soft_tmp(&op));
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    soft_op op;
    soft_slot *slot;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    st = slot_of(&op, key, PQI_KEY_X25519, &slot);
    if (st == PQI_OK) {
        st = op.s->cfg.algs->classic->x25519(ss, slot->seed, peer);
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    soft_op op;
    soft_slot *kem_slot = NULL, *dh_slot = NULL;
    soft_keys k;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    st = slot_of(&op, kem, PQI_KEY_KEM, &kem_slot);
    if (st == PQI_OK) {
        st = slot_of(&op, dh, PQI_KEY_X25519, &dh_slot);
    }
    if (st == PQI_OK) {
        st = pqi_soft_expand(&op, kem_slot, &k);
    }
    if (st == PQI_OK && k.kem->id != suite->kem->id) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        const pqi_box_secret secret = {view(k.sk), {dh_slot->seed, PQI_X25519_LEN},
            {view(k.pk), {dh_slot->seed + PQI_X25519_LEN, PQI_X25519_LEN}}};
        st = pqi_box_open(
            op.s->cfg.algs, suite, &secret, ctx, capsule, ct, plain, pqi_soft_tmp(&op));
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_random(pqi_provider *p, pqi_span out)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st == PQI_OK) {
        st = pqi_soft_random(&op, out);
        pqi_soft_leave(&op);
    }
    return st;
}

/* key = HKDF(storage secret, "PQI4 provider seal" || what), where `what` = label length 1 || label ||
 * generation 8 || owner 16 is also the associated data. Every label and generation has a key of its
 * own, so the bound of 2^32 random nonces per key (SP 800-38D section 8.3) holds for each alone. */
static pqi_status seal_key(soft_op *op, pqi_cspan what)
{
    static const pqi_cspan label = {PQI_LIT("PQI4 provider seal")};
    const pqi_classic *c = op->s->cfg.algs->classic;
    const pqi_cspan secret = {pqi_soft_vault(op->s)->storage, SOFT_SECRET};
    const pqi_cspan info[] = {label, what};
    pqi_status st =
        pqi_hkdf_extract(c, PQI_HASH_SHA256, (pqi_cspan){NULL, 0}, &secret, 1, op->w->prk);
    if (st == PQI_OK) {
        st = pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){op->w->prk, 32}, info, 2,
            (pqi_span){op->w->key, PQI_AEAD_KEY});
    }
    return st;
}

typedef struct seal_name {
    uint8_t b[1 + PQI_LABEL_MAX + 8 + SOFT_OWNER];
} seal_name;

static pqi_cspan name_of(const soft_op *op, pqi_cspan label, uint64_t generation, seal_name *n)
{
    uint8_t *p = n->b;
    *p++ = (uint8_t)label.len;
    memcpy(p, label.ptr, label.len);
    p += label.len;
    for (unsigned i = 0; i < 8; i++) {
        *p++ = (uint8_t)(generation >> (56u - 8u * i));
    }
    memcpy(p, pqi_soft_vault(op->s)->owner, SOFT_OWNER);
    p += SOFT_OWNER;
    return (pqi_cspan){n->b, (size_t)(p - n->b)};
}

static pqi_status soft_seal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan plain, pqi_span out)
{
    soft_op op;
    seal_name n;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan what = name_of(&op, label, generation, &n);
    uint8_t *nonce = op.w->rnd;
    st = pqi_soft_random(&op, (pqi_span){nonce, SEAL_NONCE});
    if (st == PQI_OK) {
        st = seal_key(&op, what);
    }
    if (st == PQI_OK) {
        const pqi_aead_key k = {
            PQI_AEAD_AES_256_GCM, {op.w->key, PQI_AEAD_KEY}, {nonce, SEAL_NONCE}};
        st = op.s->cfg.algs->classic->aead_seal(
            &k, what, plain, (pqi_span){out.ptr + SEAL_NONCE, out.len - SEAL_NONCE});
    }
    if (st == PQI_OK) {
        memcpy(out.ptr, nonce, SEAL_NONCE);
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_unseal(
    pqi_provider *p, pqi_cspan label, uint64_t generation, pqi_cspan blob, pqi_span plain)
{
    soft_op op;
    seal_name n;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan what = name_of(&op, label, generation, &n);
    st = seal_key(&op, what);
    if (st == PQI_OK) {
        const pqi_aead_key k = {
            PQI_AEAD_AES_256_GCM, {op.w->key, PQI_AEAD_KEY}, {blob.ptr, SEAL_NONCE}};
        st = op.s->cfg.algs->classic->aead_open(
            &k, what, (pqi_cspan){blob.ptr + SEAL_NONCE, blob.len - SEAL_NONCE}, plain);
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_counter_get(pqi_provider *p, uint32_t slot, uint64_t *value)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st == PQI_OK) {
        *value = op.s->counters[slot];
        pqi_soft_leave(&op);
    }
    return st;
}

static pqi_status soft_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), true, &op);
    if (st != PQI_OK) {
        return st;
    }
    uint64_t next[PQI_COUNTER_SLOTS];
    memcpy(next, op.s->counters, sizeof next);
    if (value > next[slot]) { /* INV-6 */
        next[slot] = value;
        st = pqi_soft_store_counters(&op, next);
        if (st == PQI_OK) {
            op.s->counters[slot] = value;
        }
    }
    pqi_soft_leave(&op);
    return st;
}

static pqi_status soft_zeroize(pqi_provider *p)
{
    soft_op op;
    pqi_soft *s = soft_of(p);
    pqi_status st = pqi_soft_enter(s, true, &op);
    if (st == PQI_OK) {
        pqi_wipe(s->cfg.mem.ptr, s->cfg.mem.len);
        pqi_wipe(s->counters, sizeof s->counters);
        op.last = true;
        pqi_soft_leave(&op);
    }
    return st;
}

static uint32_t soft_native_error(pqi_provider *p, const char **text)
{
    const pqi_soft_platform *f = &soft_of(p)->cfg.platform;
    return f->native_error != NULL ? f->native_error(f->arg, text) : 0;
}

const pqi_provider_ops pqi_soft_ops = {
    .abi = PQI_PROVIDER_ABI,
    .caps = CAPS,
    .name = "soft",
    .generate = soft_generate,
    .destroy = soft_destroy,
    .info = soft_info,
    .public_key = soft_public_key,
    .sign = soft_sign,
    .decapsulate = soft_decapsulate,
    .dh = soft_dh,
    .decrypt = soft_decrypt,
    .random = soft_random,
    .seal = soft_seal,
    .unseal = soft_unseal,
    .counter_get = soft_counter_get,
    .counter_advance = soft_counter_advance,
    .quote = NULL,
    .zeroize = soft_zeroize,
    .native_error = soft_native_error,
};
