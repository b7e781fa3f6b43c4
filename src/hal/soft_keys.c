/* SPDX-License-Identifier: Apache-2.0
 * The software provider: from seeds to keys, and the pairwise consistency test. */
#include "base/mem.h"
#include "ct/ct.h"
#include "hal/soft.h"

#include <pqi/wipe.h>

bool pqi_soft_alg(const pqi_soft *s, int32_t kind, int32_t alg, soft_keys *out)
{
    *out = (soft_keys){.kem = NULL};
    if (kind == PQI_KEY_KEM && alg >= 0) {
        out->kem = pqi_algs_kem(s->cfg.algs, (uint32_t)alg);
    } else if (kind == PQI_KEY_SIG) {
        out->sig = pqi_algs_sig(s->cfg.algs, alg);
    }
    if (out->kem != NULL) {
        out->two_kem = pqi_composite_kem_of(out->kem);
    } else if (out->sig != NULL) {
        out->two_sig = pqi_composite_sig_of(out->sig);
    }
    return out->kem != NULL || out->sig != NULL;
}

size_t pqi_soft_pk_len(const pqi_soft *s, const soft_slot *slot)
{
    soft_keys k;
    if (slot->kind == PQI_KEY_X25519) {
        return PQI_X25519_LEN;
    }
    if (!pqi_soft_alg(s, slot->kind, slot->alg, &k)) {
        return 0;
    }
    return k.kem != NULL ? k.kem->pk_len : k.sig->pk_len;
}

/* The algorithm of a slot, and the spans of its keys beginning at sk and pk. */
static pqi_status look_up(
    const pqi_soft *s, const soft_slot *slot, uint8_t *sk, uint8_t *pk, soft_keys *out)
{
    if (!pqi_soft_alg(s, slot->kind, slot->alg, out)) {
        return PQI_ERR_UNSUPPORTED;
    }
    out->key = slot->handle;
    uint32_t seed_len;
    if (out->kem != NULL) {
        out->sk = (pqi_span){sk, out->kem->sk_len};
        out->pk = (pqi_span){pk, out->kem->pk_len};
        seed_len = out->kem->seed_len;
    } else {
        out->sk = (pqi_span){sk, out->sig->sk_len};
        out->pk = (pqi_span){pk, out->sig->pk_len};
        seed_len = out->sig->seed_len;
    }
    if (slot->seed_len == 0) {
        out->whole = pqi_soft_whole(s, slot->kind, slot->alg);
        return out->whole != NULL ? PQI_OK : PQI_ERR_UNSUPPORTED;
    }
    bool two = out->two_kem != NULL || out->two_sig != NULL;
    bool can = !two || (pqi_soft_element_caps(&s->cfg) & PQI_CAP_HALF) != 0;
    return can && slot->seed_len == seed_len ? PQI_OK : PQI_ERR_UNSUPPORTED;
}

/* The public key of the half in the element, behind the `n` bytes of the other. */
static pqi_status public_half(soft_op *op, const soft_keys *k, size_t n)
{
    const pqi_element *e = op->s->cfg.element;
    return pqi_soft_note(op, SOFT_ELEMENT, e->p256_public(e->arg, k->key, k->pk.ptr + n));
}

static pqi_status keygen(soft_op *op, const soft_slot *slot, const soft_keys *k)
{
    const pqi_cspan seed = {slot->seed, slot->seed_len};
    const pqi_kem *kem = k->two_kem != NULL ? k->two_kem->pq : k->kem;
    const pqi_sig *sig = k->two_sig != NULL ? k->two_sig->pq : k->sig;
    const pqi_span pk = {k->pk.ptr, kem != NULL ? kem->pk_len : sig->pk_len};
    op->deep = true;
    if (k->whole != NULL) {
        return pqi_soft_note(op, SOFT_ELEMENT,
            k->whole->public_key(op->s->cfg.element->arg, k->key, (pqi_key_kind)slot->kind, k->pk));
    }
    pqi_status st = kem != NULL ? pqi_kem_keygen(kem, pk, k->sk, seed, pqi_soft_tmp(op))
                                : pqi_sig_keygen(sig, pk, k->sk, seed, pqi_soft_tmp(op));
    return st == PQI_OK && pk.len != k->pk.len ? public_half(op, k, pk.len) : st;
}

/* Where the cache of a slot begins: behind the slot. */
static uint8_t *cache_of(const pqi_soft *s, soft_slot *slot)
{
    return (uint8_t *)slot + (s->slot_len - s->sk_max - s->pk_max);
}

pqi_status pqi_soft_fill(soft_op *op, soft_slot *slot)
{
    pqi_soft *s = op->s;
    if (slot->kind == PQI_KEY_X25519) {
        return s->cfg.algs->classic->x25519_public(slot->seed + PQI_X25519_LEN, slot->seed);
    }
    if ((s->cfg.flags & PQI_SOFT_CACHE) == 0) {
        return PQI_OK;
    }
    soft_keys k;
    uint8_t *sk = cache_of(s, slot);
    pqi_status st = look_up(s, slot, sk, sk + s->sk_max, &k);
    return st == PQI_OK ? keygen(op, slot, &k) : st;
}

pqi_status pqi_soft_expand(soft_op *op, soft_slot *slot, soft_keys *out)
{
    pqi_soft *s = op->s;
    if (slot->lost != 0) {
        return PQI_ERR_MISSING;
    }
    if ((s->cfg.flags & PQI_SOFT_CACHE) != 0) {
        uint8_t *sk = cache_of(s, slot);
        return look_up(s, slot, sk, sk + s->sk_max, out);
    }
    pqi_status st = look_up(s, slot, op->sk, op->pk, out);
    return st == PQI_OK ? keygen(op, slot, out) : st;
}

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

/* FIPS 203 section 7.1: encapsulate to the new key and decapsulate. */
static pqi_status pairwise_kem(soft_op *op, const soft_keys *k)
{
    soft_work *w = op->w;
    const pqi_span ct = {op->io, k->kem->ct_len};
    const pqi_span a = {w->ss[0], PQI_KEM_SS}, b = {w->ss[1], PQI_KEM_SS};
    if (k->kem->coins_len > sizeof w->coins) {
        return PQI_ERR_UNSUPPORTED;
    }
    pqi_status st = pqi_soft_random(op, (pqi_span){w->coins, k->kem->coins_len});
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_kem_encaps(
        k->kem, ct, a, view(k->pk), (pqi_cspan){w->coins, k->kem->coins_len}, pqi_soft_tmp(op));
    if (st == PQI_OK) {
        st = pqi_soft_decaps(op, k, view(ct), b.ptr);
        if (op->failed == SOFT_ELEMENT) {
            return st;
        }
    }
    return st == PQI_OK && pqi_ct_eq(a.ptr, b.ptr, PQI_KEM_SS) == 1 ? PQI_OK : PQI_ERR_SELFTEST;
}

static pqi_status pairwise_sig(soft_op *op, const soft_keys *k)
{
    static const pqi_cspan domain = {PQI_LIT("PQI4 pairwise")};
    size_t n = 0;
    pqi_status st =
        pqi_soft_sign(op, k, domain, &domain, 1, (pqi_span){op->io, k->sig->sig_len}, &n);
    if (st == PQI_ERR_RNG || op->failed == SOFT_ELEMENT) {
        return st;
    }
    if (st == PQI_OK) {
        st = pqi_sig_verify(
            k->sig, view(k->pk), domain, &domain, 1, (pqi_cspan){op->io, n}, pqi_soft_tmp(op));
    }
    return st == PQI_OK ? st : PQI_ERR_SELFTEST;
}

/* Both sides of one exchange with a fresh key agree (SP 800-56A revision 3, 5.6.2.1.4). */
static pqi_status pairwise_x25519(soft_op *op, const soft_slot *slot)
{
    const pqi_classic *c = op->s->cfg.algs->classic;
    soft_work *w = op->w;
    uint8_t *other = w->coins, *other_pk = w->coins + PQI_X25519_LEN;
    pqi_status st = pqi_soft_random(op, (pqi_span){other, PQI_X25519_LEN});
    if (st != PQI_OK) {
        return st;
    }
    if (c->x25519_public(other_pk, other) == PQI_OK &&
        c->x25519(w->ss[0], slot->seed, other_pk) == PQI_OK &&
        c->x25519(w->ss[1], other, slot->seed + PQI_X25519_LEN) == PQI_OK &&
        pqi_ct_eq(w->ss[0], w->ss[1], PQI_X25519_LEN) == 1) {
        return PQI_OK;
    }
    return PQI_ERR_SELFTEST;
}

pqi_status pqi_soft_pairwise(soft_op *op, soft_slot *slot)
{
    if (slot->kind == PQI_KEY_X25519) {
        return pairwise_x25519(op, slot);
    }
    soft_keys k;
    op->deep = true;
    pqi_status st = pqi_soft_expand(op, slot, &k);
    if (st != PQI_OK) {
        return st;
    }
    return k.kem != NULL ? pairwise_kem(op, &k) : pairwise_sig(op, &k);
}
