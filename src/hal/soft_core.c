/* SPDX-License-Identifier: Apache-2.0
 * The software provider: memory layout, turn taking, random bytes. */
#include "base/mem.h"
#include "hal/soft.h"

#include <pqi/wipe.h>

#define STATE_HEAD     86u /* bytes of saved state before the keys: soft_state.c */
#define STATE_PER_SLOT (10u + SOFT_SEED)

static size_t align8(size_t n)
{
    return (n + 7u) & ~(size_t)7u;
}

static size_t max_size(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What an element says that it has is there. */
static bool element_is_whole(const pqi_element *e)
{
    if (e == NULL) {
        return true;
    }
    bool half = e->p256_generate != NULL && e->p256_destroy != NULL && e->p256_public != NULL &&
                e->p256_sign != NULL && e->p256_dh != NULL;
    const pqi_element_pq *pq = e->pq;
    bool post = pq == NULL || (pq->offered != NULL && pq->generate != NULL && pq->destroy != NULL &&
                                  pq->public_key != NULL && pq->sign != NULL && pq->decaps != NULL);
    bool count = e->generation != NULL && e->advance != NULL;
    return post && ((e->caps & PQI_CAP_HALF) == 0 || half) &&
           ((e->caps & PQI_CAP_NO_ROLLBACK) == 0 || count) &&
           ((e->caps & PQI_CAP_QUOTE) == 0 || e->quote != NULL) &&
           ((e->caps & PQI_CAP_HW_RNG) == 0 || e->random != NULL);
}

/* Sums of a few numbers below 2^24 and a product by at most 4096: no overflow even in 32 bits is
 * possible with the algorithms of this library, whose keys and scratch stay below 2^18. */
pqi_status pqi_soft_layout(pqi_soft *s)
{
    const pqi_soft_cfg *c = &s->cfg;
    const pqi_soft_platform *f = &c->platform;
    bool some = f->lock != NULL || f->unlock != NULL || f->wait != NULL || f->wake != NULL;
    bool all = f->lock != NULL && f->unlock != NULL && f->wait != NULL && f->wake != NULL;
    if (c->algs == NULL || c->slots == 0 || c->slots > PQI_SOFT_SLOTS_MAX || c->workers == 0 ||
        c->workers > PQI_SOFT_WORKERS_MAX || (some && !all) || (!some && c->workers != 1) ||
        f->save_keys == NULL || f->save_counters == NULL || !element_is_whole(c->element)) {
        return PQI_ERR_ARG;
    }
    s->sk_max = 0;
    s->pk_max = 0;
    s->tmp_max = 0;
    s->io_max = max_size(pqi_soft_keys_len(c), PQI_SOFT_COUNTERS_MAX);
    for (size_t i = 0; i < c->algs->n_kems; i++) {
        const pqi_kem *k = c->algs->kems[i];
        s->sk_max = max_size(s->sk_max, k->sk_len);
        s->pk_max = max_size(s->pk_max, k->pk_len);
        s->tmp_max = max_size(s->tmp_max, k->tmp_len);
        s->io_max = max_size(s->io_max, k->ct_len);
    }
    for (size_t i = 0; i < c->algs->n_sigs; i++) {
        const pqi_sig *g = c->algs->sigs[i];
        s->sk_max = max_size(s->sk_max, g->sk_len);
        s->pk_max = max_size(s->pk_max, g->pk_len);
        s->tmp_max = max_size(s->tmp_max, max_size(g->keygen_tmp, g->sign_tmp));
        s->tmp_max = max_size(s->tmp_max, g->verify_tmp);
        s->io_max = max_size(s->io_max, g->sig_len);
    }
    s->sk_max = align8(s->sk_max);
    s->pk_max = align8(s->pk_max);
    s->tmp_max = align8(s->tmp_max);
    s->io_max = align8(s->io_max);
    s->slot_len = align8(sizeof(soft_slot));
    if ((c->flags & PQI_SOFT_CACHE) != 0) {
        s->slot_len += s->sk_max + s->pk_max;
    }
    s->scratch_len = align8(sizeof(soft_work)) + s->sk_max + s->pk_max + s->tmp_max + s->io_max;
    return PQI_OK;
}

size_t pqi_soft_keys_len(const pqi_soft_cfg *cfg)
{
    size_t k = (pqi_soft_element_caps(cfg) & PQI_CAP_NO_ROLLBACK) != 0 ? 8u : 0;
    return STATE_HEAD + k + (size_t)cfg->slots * STATE_PER_SLOT;
}

size_t pqi_soft_mem_len(const pqi_soft_cfg *cfg)
{
    if (cfg == NULL) {
        return 0;
    }
    pqi_soft s = {.cfg = *cfg};
    if (pqi_soft_layout(&s) != PQI_OK) {
        return 0;
    }
    return align8(sizeof(soft_vault)) + cfg->slots * s.slot_len + cfg->workers * s.scratch_len;
}

/* The memory is 8-aligned by contract and every part has a multiple of 8 bytes. */
static void *at(const pqi_soft *s, size_t offset)
{
    return s->cfg.mem.ptr + offset;
}

soft_vault *pqi_soft_vault(const pqi_soft *s)
{
    return at(s, 0);
}

soft_slot *pqi_soft_slot(const pqi_soft *s, size_t i)
{
    return at(s, align8(sizeof(soft_vault)) + i * s->slot_len);
}

soft_slot *pqi_soft_find(const pqi_soft *s, pqi_key key)
{
    for (size_t i = 0; i < s->cfg.slots; i++) {
        soft_slot *slot = pqi_soft_slot(s, i);
        if (slot->handle == key) {
            return slot;
        }
    }
    return NULL;
}

static void lock(const pqi_soft *s)
{
    if (s->cfg.platform.lock != NULL) {
        s->cfg.platform.lock(s->cfg.platform.arg);
    }
}

static void unlock(const pqi_soft *s)
{
    if (s->cfg.platform.unlock != NULL) {
        s->cfg.platform.unlock(s->cfg.platform.arg);
    }
}

/* False: there is nobody to wait for on one thread, the call came from inside another. */
static bool wait(const pqi_soft *s)
{
    if (s->cfg.platform.wait == NULL) {
        return false;
    }
    s->cfg.platform.wait(s->cfg.platform.arg);
    return true;
}

static bool must_wait(const pqi_soft *s, bool exclusive)
{
    if (exclusive) {
        return s->active != 0;
    }
    /* Those who want to be alone go first, or a stream of readers would starve them. */
    return s->writer != 0 || s->waiting != 0 || s->active == s->cfg.workers;
}

/* Waits under the lock. */
static pqi_status take_turn(pqi_soft *s, bool exclusive)
{
    pqi_status st = PQI_OK;
    s->waiting += exclusive ? 1u : 0u;
    while (st == PQI_OK && s->live != 0 && must_wait(s, exclusive)) {
        st = wait(s) ? PQI_OK : PQI_ERR_STATE;
    }
    s->waiting -= exclusive ? 1u : 0u;
    return st == PQI_OK && s->live == 0 ? PQI_ERR_STATE : st;
}

/* Opens the memory for the first operation and checks that it still is ours. */
static pqi_status open_memory(pqi_soft *s)
{
    const pqi_soft_platform *f = &s->cfg.platform;
    if (s->active != 0) {
        return PQI_OK;
    }
    pqi_status st = f->open != NULL ? f->open(f->arg) : PQI_OK;
    if (st == PQI_OK && pqi_soft_vault(s)->magic != SOFT_MAGIC) {
        if (f->close != NULL) {
            f->close(f->arg);
        }
        st = PQI_ERR_STATE;
    }
    return st;
}

static void take_scratch(pqi_soft *s, soft_op *op)
{
    uint32_t worker = 0;
    while ((s->busy & (UINT32_C(1) << worker)) != 0) {
        worker++; /* active < workers <= 32, so one is free */
    }
    s->busy |= UINT32_C(1) << worker;
    s->active++;
    size_t base = align8(sizeof(soft_vault)) + s->cfg.slots * s->slot_len;
    size_t from = base + worker * s->scratch_len;
    op->worker = worker;
    op->w = at(s, from);
    op->sk = at(s, from + align8(sizeof(soft_work)));
    op->pk = op->sk + s->sk_max;
    op->tmp = op->pk + s->pk_max;
    op->io = op->tmp + s->tmp_max;
    op->number = ++s->n_ops;
}

pqi_status pqi_soft_enter(pqi_soft *s, bool exclusive, soft_op *op)
{
    *op = (soft_op){.s = s, .exclusive = exclusive};
    lock(s);
    pqi_status st = take_turn(s, exclusive);
    if (st == PQI_OK) {
        st = open_memory(s);
    }
    if (st == PQI_OK) {
        s->writer = exclusive ? 1 : 0;
        take_scratch(s, op);
    } else if (s->cfg.platform.wake != NULL) {
        s->cfg.platform.wake(s->cfg.platform.arg); /* who waited for this one to be done */
    }
    unlock(s);
    return st;
}

void pqi_soft_leave(soft_op *op)
{
    pqi_soft *s = op->s;
    const pqi_soft_platform *f = &s->cfg.platform;
    pqi_wipe(op->w, op->deep ? s->scratch_len : sizeof *op->w);
    lock(s);
    s->busy &= ~(UINT32_C(1) << op->worker);
    s->active--;
    if (op->exclusive) {
        s->writer = 0;
    }
    if (op->last) {
        s->live = 0;
    }
    if (op->failed != SOFT_NONE) {
        s->native = op->native;
        s->native_text = op->native_text;
    }
    if (s->active == 0 && f->close != NULL) {
        f->close(f->arg);
    }
    if (f->wake != NULL) {
        f->wake(f->arg);
    }
    unlock(s);
}

uint32_t pqi_soft_native_error(pqi_soft *s, const char **text)
{
    lock(s);
    uint32_t code = s->native;
    *text = s->native_text != NULL ? s->native_text : "";
    unlock(s);
    return code;
}

pqi_span pqi_soft_tmp(const soft_op *op)
{
    return (pqi_span){op->tmp, op->s->tmp_max};
}

/* More random bytes from the element, where it has them. */
static pqi_status absorb_element(soft_op *op)
{
    soft_work *w = op->w;
    const pqi_element *e = op->s->cfg.element;
    if ((pqi_soft_element_caps(&op->s->cfg) & PQI_CAP_HW_RNG) == 0) {
        return PQI_OK;
    }
    pqi_status st = e->random(e->arg, (pqi_span){w->fresh, sizeof w->fresh});
    if (pqi_soft_note(op, SOFT_ELEMENT, st) != PQI_OK) {
        return PQI_ERR_RNG;
    }
    pqi_xof_absorb(&w->xof, w->fresh, sizeof w->fresh);
    return PQI_OK;
}

/* out = SHAKE256(label || hedge || fresh || boot || number || fresh bytes of the element, if any): as
 * good as the best of the system generator, the element's and the device secret. The counter makes every call differ should the system generator
 * repeat itself; a generator that says it failed is never replaced by the secret. All parts have
 * fixed lengths. */
pqi_status pqi_soft_random(soft_op *op, pqi_span out)
{
    static const pqi_cspan label = {PQI_LIT("PQI4 provider random")};
    soft_work *w = op->w;
    const pqi_soft_cfg *c = &op->s->cfg;
    if (c->algs->classic->random(w->fresh, sizeof w->fresh) != PQI_OK) {
        return PQI_ERR_RNG;
    }
    /* One operation may draw several times: the counter goes on inside it. */
    op->number += UINT64_C(1) << 48;
    pqi_status st = pqi_xof_init(&w->xof, PQI_HASH_SHAKE256);
    if (st == PQI_OK) {
        pqi_xof_absorb(&w->xof, label.ptr, label.len);
        pqi_xof_absorb(&w->xof, pqi_soft_vault(op->s)->hedge, SOFT_SECRET);
        pqi_xof_absorb(&w->xof, w->fresh, sizeof w->fresh);
        pqi_xof_absorb(&w->xof, &c->boot, sizeof c->boot);
        pqi_xof_absorb(&w->xof, &op->number, sizeof op->number);
        st = absorb_element(op);
    }
    if (st == PQI_OK) {
        pqi_xof_squeeze(&w->xof, out.ptr, out.len);
    }
    pqi_wipe(w->fresh, sizeof w->fresh);
    pqi_wipe(&w->xof, sizeof w->xof);
    return st;
}
