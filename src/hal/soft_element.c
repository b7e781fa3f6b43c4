/* SPDX-License-Identifier: Apache-2.0
 * The software provider: composite keys. The post-quantum half is here, the other in the element. */
#include "base/mem.h"
#include "hal/soft.h"

static pqi_cspan view(pqi_span s)
{
    return (pqi_cspan){s.ptr, s.len};
}

uint32_t pqi_soft_element_caps(const pqi_soft_cfg *cfg)
{
    const uint32_t known = PQI_CAP_HALF | PQI_CAP_NO_ROLLBACK | PQI_CAP_QUOTE | PQI_CAP_HW_RNG;
    return cfg->element != NULL ? cfg->element->caps & known : 0;
}

const pqi_element_pq *pqi_soft_whole(const pqi_soft *s, int32_t kind, int32_t alg)
{
    const pqi_element *e = s->cfg.element;
    if (e == NULL || e->pq == NULL || kind == PQI_KEY_X25519) {
        return NULL;
    }
    return e->pq->offered(e->arg, (pqi_key_kind)kind, alg) != 0 ? e->pq : NULL;
}

pqi_status pqi_soft_note(soft_op *op, soft_side side, pqi_status st)
{
    const pqi_soft_platform *f = &op->s->cfg.platform;
    const pqi_element *e = op->s->cfg.element;
    if (st == PQI_OK || op->failed != SOFT_NONE) {
        return st;
    }
    op->failed = (uint8_t)side;
    if (side == SOFT_ELEMENT && e->native_error != NULL) {
        op->native = e->native_error(e->arg, &op->native_text);
    } else if (side == SOFT_PLATFORM && f->native_error != NULL) {
        op->native = f->native_error(f->arg, &op->native_text);
    }
    return st;
}

pqi_status pqi_soft_make_inside(soft_op *op, const soft_slot *slot)
{
    const pqi_element *e = op->s->cfg.element;
    pqi_key_kind kind = (pqi_key_kind)slot->kind;
    return pqi_soft_note(op, SOFT_ELEMENT,
        slot->seed_len == 0 ? e->pq->generate(e->arg, slot->handle, kind, slot->alg)
                            : e->p256_generate(e->arg, slot->handle, kind));
}

/* What says that it failed, and left no key, did not. */
pqi_status pqi_soft_drop_inside(soft_op *op, pqi_key key, const soft_slot *was)
{
    const pqi_element *e = op->s->cfg.element;
    uint8_t pk[PQI_P256_PK];
    if (was->seed_len == 0) {
        pqi_key_kind kind = (pqi_key_kind)was->kind;
        return pqi_soft_note(op, SOFT_ELEMENT, e->pq->destroy(e->arg, key, kind));
    }
    pqi_status st = e->p256_destroy(e->arg, key);
    if (st != PQI_OK && e->p256_public(e->arg, key, pk) == PQI_ERR_MISSING) {
        st = PQI_OK;
    }
    return pqi_soft_note(op, SOFT_ELEMENT, st);
}

/* Both halves sign M'. The first has one length, so they can be told apart. */
static pqi_status sign_two(soft_op *op, const soft_keys *k, pqi_cspan domain,
    const pqi_cspan *parts, size_t n_parts, pqi_span sig, size_t *sig_len)
{
    const pqi_composite_sig *two = k->two_sig;
    const pqi_element *e = op->s->cfg.element;
    uint8_t msg[PQI_COMPOSITE_MSG_MAX], raw[PQI_P256_SIG], der[PQI_P256_DER];
    size_t len = 0, n = 0;
    pqi_status st =
        pqi_composite_message(op->s->cfg.algs->classic, two, domain, parts, n_parts, msg, &len);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan m = {msg, len};
    st = pqi_sig_sign(two->pq, (pqi_span){sig.ptr, two->pq->sig_len}, &n, view(k->sk), two->label,
        &m, 1, (pqi_cspan){op->w->rnd, two->pq->rnd_len}, pqi_soft_tmp(op));
    if (st == PQI_OK) {
        st = pqi_soft_note(op, SOFT_ELEMENT, e->p256_sign(e->arg, k->key, m, raw));
    }
    if (st == PQI_OK) {
        size_t der_len = pqi_p256_der_encode(raw, der);
        if (n != two->pq->sig_len || der_len == 0 || der_len > sig.len - n) {
            return PQI_ERR_PROVIDER;
        }
        memcpy(sig.ptr + n, der, der_len);
        *sig_len = n + der_len;
    }
    return st;
}

pqi_status pqi_soft_sign(soft_op *op, const soft_keys *k, pqi_cspan domain, const pqi_cspan *parts,
    size_t n_parts, pqi_span sig, size_t *sig_len)
{
    const pqi_span rnd = {op->w->rnd, k->sig->rnd_len};
    if (k->whole != NULL) {
        void *arg = op->s->cfg.element->arg;
        *sig_len = k->sig->sig_len;
        return pqi_soft_note(op, SOFT_ELEMENT,
            k->whole->sign(
                arg, k->key, domain, parts, n_parts, (pqi_span){sig.ptr, k->sig->sig_len}));
    }
    pqi_status st = pqi_soft_random(op, rnd); /* hedged variant of FIPS 204 section 3.4 */
    if (st != PQI_OK) {
        return st;
    }
    if (k->two_sig != NULL) {
        return sign_two(op, k, domain, parts, n_parts, sig, sig_len);
    }
    return pqi_sig_sign(
        k->sig, sig, sig_len, view(k->sk), domain, parts, n_parts, view(rnd), pqi_soft_tmp(op));
}

/* Whether the point is on the curve is public: stopping early tells nothing. */
static pqi_status decaps_two(soft_op *op, const soft_keys *k, pqi_cspan ct, uint8_t *ss)
{
    const pqi_composite_kem *two = k->two_kem;
    const pqi_element *e = op->s->cfg.element;
    uint8_t *ss_t = op->w->key;
    if (ct.len != k->kem->ct_len) {
        return PQI_ERR_ARG;
    }
    const uint8_t *ct_t = ct.ptr + two->pq->ct_len, *ek_t = k->pk.ptr + two->pq->pk_len;
    pqi_status st = pqi_soft_note(op, SOFT_ELEMENT, e->p256_dh(e->arg, k->key, ct_t, ss_t));
    if (st == PQI_OK) {
        st = pqi_kem_decaps(two->pq, (pqi_span){ss, PQI_KEM_SS},
            (pqi_cspan){ct.ptr, two->pq->ct_len}, view(k->sk), pqi_soft_tmp(op));
    }
    if (st == PQI_OK) {
        pqi_composite_kem_combine(two, ss, ss_t, ct_t, ek_t, ss);
    }
    return st;
}

pqi_status pqi_soft_decaps(soft_op *op, const soft_keys *k, pqi_cspan ct, uint8_t *ss)
{
    if (k->whole != NULL) {
        void *arg = op->s->cfg.element->arg;
        return ct.len == k->kem->ct_len
                   ? pqi_soft_note(op, SOFT_ELEMENT, k->whole->decaps(arg, k->key, ct, ss))
                   : PQI_ERR_ARG;
    }
    if (k->two_kem != NULL) {
        return decaps_two(op, k, ct, ss);
    }
    return pqi_kem_decaps(k->kem, (pqi_span){ss, PQI_KEM_SS}, ct, view(k->sk), pqi_soft_tmp(op));
}
