/* SPDX-License-Identifier: Apache-2.0
 * The software provider: start, saved state, counters.
 *
 * Saved keys, big endian (the platform seals them):
 *   "PQK1" | storage 32 | hedge 32 | owner 16 | count 2 | count * (handle 4, kind 1, alg 4,
 *   seed length 1, seed)
 * Counter blob, 548 bytes:
 *   "PQC1" | 64 * value 8 | HMAC-SHA-256 over all before, key = HKDF(storage secret) */
#include "base/mem.h"
#include "ct/ct.h"
#include "hal/soft.h"

#include <pqi/wipe.h>

#define TAG_LEN      4u
#define COUNTERS_RAW (TAG_LEN + 8u * PQI_COUNTER_SLOTS)
#define MAC_LEN      32u

_Static_assert(COUNTERS_RAW + MAC_LEN == PQI_SOFT_COUNTERS_LEN, "length of the counter blob");

static const uint8_t keys_tag[TAG_LEN] = {'P', 'Q', 'K', '1'};
static const uint8_t counters_tag[TAG_LEN] = {'P', 'Q', 'C', '1'};

static uint8_t *put(uint8_t *p, uint64_t v, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        p[i] = (uint8_t)(v >> (8u * (bytes - 1u - i)));
    }
    return p + bytes;
}

static uint8_t *put_bytes(uint8_t *p, const void *from, size_t n)
{
    memcpy(p, from, n);
    return p + n;
}

pqi_status pqi_soft_store_keys(soft_op *op)
{
    pqi_soft *s = op->s;
    const soft_vault *v = pqi_soft_vault(s);
    uint8_t *p = op->io;
    op->deep = true;
    p = put_bytes(p, keys_tag, TAG_LEN);
    p = put_bytes(p, v->storage, SOFT_SECRET);
    p = put_bytes(p, v->hedge, SOFT_SECRET);
    p = put_bytes(p, v->owner, SOFT_OWNER);
    uint8_t *count_at = p;
    unsigned count = 0;
    p += 2;
    for (size_t i = 0; i < s->cfg.slots; i++) {
        const soft_slot *slot = pqi_soft_slot(s, i);
        if (slot->handle == 0) {
            continue;
        }
        count++;
        p = put(p, slot->handle, 4);
        p = put(p, (uint32_t)slot->kind, 1);
        p = put(p, (uint32_t)slot->alg, 4);
        p = put(p, slot->seed_len, 1);
        p = put_bytes(p, slot->seed, slot->seed_len);
    }
    (void)put(count_at, count, 2);
    const pqi_cspan plain = {op->io, (size_t)(p - op->io)};
    pqi_status st = s->cfg.platform.save_keys(s->cfg.platform.arg, plain);
    pqi_wipe(op->io, plain.len);
    return st;
}

/* out: MAC_LEN bytes. */
static pqi_status counters_mac(soft_op *op, pqi_cspan raw, uint8_t *out)
{
    static const pqi_cspan label = {PQI_LIT("PQI4 provider counters")};
    const pqi_classic *c = op->s->cfg.algs->classic;
    const soft_vault *v = pqi_soft_vault(op->s);
    const pqi_cspan secret = {v->storage, SOFT_SECRET};
    const pqi_cspan info[] = {label, {v->owner, SOFT_OWNER}};
    pqi_status st =
        pqi_hkdf_extract(c, PQI_HASH_SHA256, (pqi_cspan){NULL, 0}, &secret, 1, op->w->prk);
    if (st == PQI_OK) {
        st = pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){op->w->prk, MAC_LEN}, info, 2,
            (pqi_span){op->w->key, MAC_LEN});
    }
    if (st == PQI_OK) {
        st = c->hmac(PQI_HASH_SHA256, (pqi_cspan){op->w->key, MAC_LEN}, &raw, 1, out);
    }
    return st;
}

pqi_status pqi_soft_store_counters(soft_op *op, const uint64_t *values)
{
    uint8_t *blob = op->io;
    op->deep = true;
    uint8_t *p = put_bytes(blob, counters_tag, TAG_LEN);
    for (size_t i = 0; i < PQI_COUNTER_SLOTS; i++) {
        p = put(p, values[i], 8);
    }
    pqi_status st = counters_mac(op, (pqi_cspan){blob, COUNTERS_RAW}, p);
    if (st == PQI_OK) {
        st = op->s->cfg.platform.save_counters(
            op->s->cfg.platform.arg, (pqi_cspan){blob, PQI_SOFT_COUNTERS_LEN});
    }
    return st;
}

typedef struct reader {
    const uint8_t *p;
    size_t left;
    bool bad;
} reader;

/* n bytes, or NULL once there were too few. */
static const uint8_t *take(reader *r, size_t n)
{
    if (r->bad || n > r->left) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    r->left -= n;
    return p;
}

static uint32_t get(reader *r, size_t bytes)
{
    const uint8_t *p = take(r, bytes);
    uint32_t v = 0;
    for (size_t i = 0; p != NULL && i < bytes; i++) {
        v = v << 8 | p[i];
    }
    return v;
}

static pqi_status read_slot(soft_op *op, reader *r)
{
    uint32_t handle = get(r, 4), kind = get(r, 1), alg = get(r, 4), seed_len = get(r, 1);
    const uint8_t *seed = take(r, seed_len);
    bool x25519 = kind == PQI_KEY_X25519;
    bool kind_is_good = kind == PQI_KEY_KEM || kind == PQI_KEY_SIG || x25519;
    if (seed == NULL || handle == 0 || handle > 0x7fffffffu || !kind_is_good || seed_len == 0 ||
        seed_len > SOFT_SEED || (x25519 && seed_len != PQI_X25519_LEN) ||
        pqi_soft_find(op->s, handle) != NULL) {
        return PQI_ERR_STORAGE;
    }
    soft_slot *slot = pqi_soft_find(op->s, 0);
    if (slot == NULL) {
        return PQI_ERR_LIMIT;
    }
    slot->handle = handle;
    slot->kind = (int32_t)kind;
    slot->alg = (int32_t)alg;
    slot->seed_len = seed_len;
    memcpy(slot->seed, seed, seed_len);
    pqi_status st = pqi_soft_fill(op, slot);
    /* A key of an algorithm that this program lacks is kept for one that has it. */
    return st == PQI_ERR_UNSUPPORTED ? PQI_OK : st;
}

static pqi_status read_keys(soft_op *op, pqi_cspan keys)
{
    reader r = {keys.ptr, keys.len, false};
    soft_vault *v = pqi_soft_vault(op->s);
    const uint8_t *tag = take(&r, TAG_LEN), *storage = take(&r, SOFT_SECRET);
    const uint8_t *hedge = take(&r, SOFT_SECRET), *owner = take(&r, SOFT_OWNER);
    uint32_t count = get(&r, 2);
    if (r.bad || pqi_ct_eq(tag, keys_tag, TAG_LEN) != 1) {
        return PQI_ERR_STORAGE;
    }
    memcpy(v->storage, storage, SOFT_SECRET);
    memcpy(v->hedge, hedge, SOFT_SECRET);
    memcpy(v->owner, owner, SOFT_OWNER);
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < count && st == PQI_OK; i++) {
        st = read_slot(op, &r);
    }
    return st == PQI_OK && r.left != 0 ? PQI_ERR_STORAGE : st;
}

static pqi_status read_counters(soft_op *op, pqi_cspan blob)
{
    uint8_t mac[MAC_LEN];
    if (blob.len != PQI_SOFT_COUNTERS_LEN) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = counters_mac(op, (pqi_cspan){blob.ptr, COUNTERS_RAW}, mac);
    if (st == PQI_OK && (pqi_ct_eq(mac, blob.ptr + COUNTERS_RAW, MAC_LEN) != 1 ||
                            pqi_ct_eq(blob.ptr, counters_tag, TAG_LEN) != 1)) {
        st = PQI_ERR_AUTH;
    }
    for (size_t i = 0; st == PQI_OK && i < PQI_COUNTER_SLOTS; i++) {
        reader r = {blob.ptr + TAG_LEN + 8u * i, 8, false};
        uint64_t high = get(&r, 4);
        op->s->counters[i] = high << 32 | get(&r, 4);
    }
    pqi_wipe(mac, sizeof mac);
    return st;
}

/* Sets up the object over empty memory that is already open. */
static pqi_status start(pqi_soft *s, const pqi_soft_cfg *cfg)
{
    if (s == NULL || cfg == NULL || cfg->algs == NULL || cfg->mem.ptr == NULL ||
        pqi_classic_check(cfg->algs->classic) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    *s = (pqi_soft){.base = {&pqi_soft_ops}, .cfg = *cfg};
    pqi_status st = pqi_soft_layout(s);
    if (st == PQI_OK &&
        (cfg->mem.len < pqi_soft_mem_len(cfg) || ((uintptr_t)cfg->mem.ptr & 7u) != 0)) {
        st = PQI_ERR_ARG;
    }
    if (st == PQI_OK) {
        st = pqi_soft_selftest(cfg->algs->classic); /* INV-17 */
    }
    if (st == PQI_OK) {
        memset(cfg->mem.ptr, 0, cfg->mem.len);
        pqi_soft_vault(s)->magic = SOFT_MAGIC;
        s->live = 1;
    }
    return st;
}

/* Ends a start: on failure nothing stays. */
static pqi_status finish(pqi_soft *s, soft_op *op, pqi_status st)
{
    if (st != PQI_OK) {
        pqi_wipe(s->cfg.mem.ptr, s->cfg.mem.len);
        op->last = true;
    }
    pqi_soft_leave(op);
    return st;
}

pqi_status pqi_soft_create(pqi_soft *s, const pqi_soft_cfg *cfg)
{
    soft_op op;
    pqi_status st = start(s, cfg);
    if (st == PQI_OK) {
        st = pqi_soft_enter(s, true, &op);
    }
    if (st != PQI_OK) {
        return st;
    }
    soft_vault *v = pqi_soft_vault(s);
    const pqi_classic *c = cfg->algs->classic;
    if (c->random(v->hedge, SOFT_SECRET) != PQI_OK || c->random(v->owner, SOFT_OWNER) != PQI_OK) {
        st = PQI_ERR_RNG;
    }
    if (st == PQI_OK) {
        st = pqi_soft_random(&op, (pqi_span){v->storage, SOFT_SECRET});
    }
    if (st == PQI_OK) {
        st = pqi_soft_store_keys(&op);
    }
    if (st == PQI_OK) {
        st = pqi_soft_store_counters(&op, s->counters);
    }
    return finish(s, &op, st);
}

pqi_status pqi_soft_load(pqi_soft *s, const pqi_soft_cfg *cfg, pqi_cspan keys, pqi_cspan counters)
{
    if (keys.ptr == NULL || (counters.ptr == NULL && counters.len != 0)) {
        return PQI_ERR_ARG;
    }
    soft_op op;
    pqi_status st = start(s, cfg);
    if (st == PQI_OK) {
        st = pqi_soft_enter(s, true, &op);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = read_keys(&op, keys);
    if (st == PQI_OK) {
        st = counters.len != 0 ? read_counters(&op, counters)
                               : pqi_soft_store_counters(&op, s->counters);
    }
    return finish(s, &op, st);
}

pqi_status pqi_soft_save_keys(pqi_soft *s)
{
    if (s == NULL) {
        return PQI_ERR_ARG;
    }
    soft_op op;
    pqi_status st = pqi_soft_enter(s, true, &op);
    if (st == PQI_OK) {
        st = pqi_soft_store_keys(&op);
        pqi_soft_leave(&op);
    }
    return st;
}

pqi_provider *pqi_soft_provider(pqi_soft *s)
{
    return s != NULL ? &s->base : NULL;
}
