/* SPDX-License-Identifier: Apache-2.0
 * The software provider: its operations. Arguments were checked by provider.c. */
#include "base/mem.h"
#include "hal/soft.h"
#include "suite/box_int.h"

#include <pqi/wipe.h>

#define SEAL_NONCE 12u
#define CAPS       (PQI_CAP_UNSEALED | PQI_CAP_PERSISTENT)
#define KEY_CAPS   (PQI_CAP_NO_ROLLBACK | PQI_CAP_HW_RNG) /* of an element, for each key */

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

static bool is_composite(const soft_keys *k)
{
    return k->two_kem != NULL || k->two_sig != NULL;
}

/* Kind and algorithm are in the set, and there is an element where it takes one. *len is 0 for a key
 * that will be wholly in the element. */
static pqi_status seed_len_of(
    const pqi_soft *s, int32_t kind, int32_t alg, uint16_t *len, bool *composite)
{
    soft_keys k;
    *composite = false;
    *len = PQI_X25519_LEN;
    if (kind == PQI_KEY_X25519) {
        return PQI_OK;
    }
    if (!pqi_soft_alg(s, kind, alg, &k)) {
        return PQI_ERR_UNSUPPORTED;
    }
    uint32_t n = k.kem != NULL ? k.kem->seed_len : k.sig->seed_len;
    *composite = is_composite(&k);
    *len = (uint16_t)n;
    if (!*composite && pqi_soft_whole(s, kind, alg) != NULL) {
        *len = 0;
        return PQI_OK;
    }
    bool can = !*composite || (s->ops.caps & PQI_CAP_HALF) != 0;
    return can && n != 0 && n <= SOFT_SEED ? PQI_OK : PQI_ERR_UNSUPPORTED;
}

static uint32_t whole_caps(const pqi_soft *s, int32_t kind, int32_t alg)
{
    const pqi_element *e = s->cfg.element;
    uint32_t caps = e->pq->offered(e->arg, (pqi_key_kind)kind, alg) & PQI_CAP_NON_EXPORTABLE;
    return PQI_CAP_PERSISTENT | (s->ops.caps & KEY_CAPS) | caps;
}

/* What a key of an algorithm has here; 0: such keys are not offered. */
static uint32_t key_caps(const pqi_soft *s, int32_t kind, int32_t alg)
{
    uint16_t n;
    bool composite;
    if (seed_len_of(s, kind, alg, &n, &composite) != PQI_OK) {
        return 0;
    }
    return n == 0 ? whole_caps(s, kind, alg)
                  : CAPS | (s->ops.caps & KEY_CAPS) | (composite ? PQI_CAP_HALF : 0);
}

/* A key that was made in memory before its algorithm came into the element is still there. */
static uint32_t slot_caps(const pqi_soft *s, const soft_slot *slot)
{
    bool inside = slot->seed_len == 0;
    bool whole = pqi_soft_whole(s, slot->kind, slot->alg) != NULL;
    return inside == whole ? key_caps(s, slot->kind, slot->alg)
           : inside        ? 0
                           : CAPS | (s->ops.caps & KEY_CAPS);
}

static uint32_t soft_alg_caps(pqi_provider *p, pqi_key_kind kind, int32_t alg)
{
    return key_caps(soft_of(p), (int32_t)kind, alg);
}

/* A key that was not born: nothing of it stays. Where its state may still be on disk its other half
 * stays too, and the next key of this handle replaces it. */
static void unmake_key(soft_op *op, soft_slot *slot, bool inside, bool saved)
{
    const soft_slot was = {.handle = slot->handle, .kind = slot->kind, .seed_len = slot->seed_len};
    pqi_wipe(slot, op->s->slot_len);
    bool clean = !saved || pqi_soft_undo(op, true);
    if (inside && clean) {
        (void)!pqi_soft_drop_inside(op, was.handle, &was);
    }
}

/* The slot has handle, kind, algorithm and the length of its seed. */
static pqi_status fill_key(soft_op *op, soft_slot *slot, bool inside)
{
    pqi_status st = inside ? pqi_soft_make_inside(op, slot) : PQI_OK;
    if (st == PQI_OK && slot->seed_len != 0) {
        st = pqi_soft_random(op, (pqi_span){slot->seed, slot->seed_len});
    }
    if (st == PQI_OK) {
        st = pqi_soft_fill(op, slot);
    }
    return st == PQI_OK ? pqi_soft_pairwise(op, slot) : st;
}

static pqi_status make_key(soft_op *op, pqi_key want, pqi_key_kind kind, int32_t alg)
{
    pqi_soft *s = op->s;
    uint16_t seed_len = 0;
    bool composite;
    pqi_status st = seed_len_of(s, (int32_t)kind, alg, &seed_len, &composite);
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
    st = pqi_soft_settle(op);
    if (st != PQI_OK) {
        return st;
    }
    slot->handle = want;
    slot->kind = (int32_t)kind;
    slot->alg = alg;
    slot->seed_len = seed_len;
    bool inside = composite || seed_len == 0;
    st = fill_key(op, slot, inside);
    bool filled = st == PQI_OK;
    if (filled) {
        st = pqi_soft_store_keys(op);
    }
    if (st != PQI_OK) {
        unmake_key(op, slot, inside, filled);
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

/* First out of what is saved, then out of the element: a state never names a half that is gone. Where
 * the element fails the key comes back. */
static pqi_status drop_key(soft_op *op, pqi_key key)
{
    soft_keys k;
    soft_slot *slot = pqi_soft_find(op->s, key);
    if (slot == NULL) {
        return PQI_ERR_MISSING;
    }
    bool half = pqi_soft_alg(op->s, slot->kind, slot->alg, &k) && is_composite(&k) &&
                (op->s->ops.caps & PQI_CAP_HALF) != 0;
    bool whole = slot->seed_len == 0 && pqi_soft_whole(op->s, slot->kind, slot->alg) != NULL;
    pqi_status st = pqi_soft_settle(op);
    if (st != PQI_OK) {
        return st;
    }
    slot->handle = 0; /* is left out of what is saved */
    st = pqi_soft_store_keys(op);
    bool saved = st == PQI_OK;
    if (saved && (half || whole)) {
        st = pqi_soft_drop_inside(op, key, slot);
    }
    if (st == PQI_OK) {
        pqi_wipe(slot, op->s->slot_len);
        return st;
    }
    slot->handle = key;
    if (saved) {
        (void)!pqi_soft_store_keys(op);
    } else {
        (void)pqi_soft_undo(op, true);
    }
    return st;
}

static pqi_status soft_destroy(pqi_provider *p, pqi_key key)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), true, &op);
    if (st == PQI_OK) {
        st = drop_key(&op, key);
        pqi_soft_leave(&op);
    }
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
            .caps = slot_caps(op.s, slot),
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
    const pqi_span room = {sig.ptr, k.sig->sig_len};
    return pqi_soft_sign(op, &k, domain, parts, n_parts, room, sig_len);
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
        st = pqi_soft_decaps(&op, &k, ct, ss);
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

static pqi_status decrypt(soft_op *op, const soft_keys *k, const soft_slot *dh,
    const pqi_suite *suite, const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    const pqi_algs *algs = op->s->cfg.algs;
    const pqi_box_peer self = {view(k->pk), {dh->seed + PQI_X25519_LEN, PQI_X25519_LEN}};
    const pqi_cspan ct_pq = {capsule.ptr, k->kem->ct_len};
    uint8_t *ss = op->w->ss[0]; /* K_pq || K_x */
    if (k->kem->id != suite->kem->id || capsule.len != k->kem->ct_len + PQI_X25519_LEN) {
        return PQI_ERR_ARG;
    }
    pqi_status st = pqi_soft_decaps(op, k, ct_pq, ss);
    if (st == PQI_OK) {
        st = algs->classic->x25519(ss + PQI_KEM_SS, dh->seed, capsule.ptr + ct_pq.len);
    }
    if (st == PQI_OK) {
        st = pqi_box_open_shared(algs, suite, &self, ss, ctx, capsule, ct, plain);
    }
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
    if (st == PQI_OK) {
        st = decrypt(&op, &k, dh_slot, suite, ctx, capsule, ct, plain);
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

static pqi_status raise(soft_op *op, uint32_t slot, uint64_t value)
{
    uint64_t next[PQI_COUNTER_SLOTS];
    if (value <= op->s->counters[slot]) { /* INV-6 */
        return PQI_OK;
    }
    pqi_status st = pqi_soft_settle(op);
    if (st != PQI_OK) {
        return st;
    }
    memcpy(next, op->s->counters, sizeof next);
    next[slot] = value;
    st = pqi_soft_store_counters(op, next);
    if (st == PQI_OK) {
        op->s->counters[slot] = value;
    } else {
        (void)pqi_soft_undo(op, false);
    }
    return st;
}

static pqi_status soft_counter_advance(pqi_provider *p, uint32_t slot, uint64_t value)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), true, &op);
    if (st == PQI_OK) {
        st = raise(&op, slot, value);
        pqi_soft_leave(&op);
    }
    return st;
}

static pqi_status soft_quote(
    pqi_provider *p, pqi_cspan nonce, uint32_t pcr_mask, pqi_span out, size_t *out_len)
{
    soft_op op;
    pqi_status st = pqi_soft_enter(soft_of(p), false, &op);
    if (st == PQI_OK) {
        const pqi_element *e = op.s->cfg.element; /* the front door asks for PQI_CAP_QUOTE */
        st = pqi_soft_note(&op, SOFT_ELEMENT, e->quote(e->arg, nonce, pcr_mask, out, out_len));
        pqi_soft_leave(&op);
    }
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
    return pqi_soft_native_error(soft_of(p), text);
}

void pqi_soft_set_ops(pqi_soft *s)
{
    const pqi_element *e = s->cfg.element;
    s->ops = pqi_soft_ops;
    if (e != NULL) {
        s->ops.name = e->name;
        s->ops.caps |= pqi_soft_element_caps(&s->cfg);
    }
    s->base.ops = &s->ops;
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
    .quote = soft_quote,
    .zeroize = soft_zeroize,
    .alg_caps = soft_alg_caps,
    .native_error = soft_native_error,
};
