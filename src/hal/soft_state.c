/* SPDX-License-Identifier: Apache-2.0
 * The software provider: start, saved state, counters.
 *
 * Saved keys, big endian (the platform seals them):
 *   "PQK1" | storage 32 | hedge 32 | owner 16 | count 2 | count * (handle 4, kind 1, alg 4,
 *   seed length 1, seed); length 0: the key is wholly in the element
 * Counter blob, 548 bytes:
 *   "PQC1" | 64 * value 8 | HMAC-SHA-256 over all before, key = HKDF(storage secret)
 * Over an element that counts: "PQK2" | k 8 | as above, and 564 bytes
 *   "PQC2" | k 8 | g 8 | 64 * value 8 | HMAC: soft_commit.c tells what k and g are for. */
#include "base/mem.h"
#include "ct/ct.h"
#include "hal/soft.h"

#include <pqi/wipe.h>

#define TAG_LEN      4u
#define COUNTERS_RAW (TAG_LEN + 8u * PQI_COUNTER_SLOTS)
#define MAC_LEN      32u

_Static_assert(COUNTERS_RAW + MAC_LEN == PQI_SOFT_COUNTERS_LEN, "length of the counter blob");
_Static_assert(PQI_SOFT_COUNTERS_LEN + 16u == PQI_SOFT_COUNTERS_MAX, "and with generations");

static const uint8_t keys_tags[2][TAG_LEN] = {{'P', 'Q', 'K', '1'}, {'P', 'Q', 'K', '2'}};
static const uint8_t counters_tags[2][TAG_LEN] = {{'P', 'Q', 'C', '1'}, {'P', 'Q', 'C', '2'}};

/* 1: with generations. */
static unsigned form(const pqi_soft *s)
{
    return (pqi_soft_element_caps(&s->cfg) & PQI_CAP_NO_ROLLBACK) != 0 ? 1u : 0;
}

static size_t counters_len(const pqi_soft *s)
{
    return form(s) != 0 ? PQI_SOFT_COUNTERS_MAX : PQI_SOFT_COUNTERS_LEN;
}

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

pqi_status pqi_soft_write_keys(soft_op *op, uint64_t k)
{
    pqi_soft *s = op->s;
    const soft_vault *v = pqi_soft_vault(s);
    uint8_t *p = op->io;
    op->deep = true;
    p = put_bytes(p, keys_tags[form(s)], TAG_LEN);
    p = put(p, k, form(s) != 0 ? 8 : 0);
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
    return pqi_soft_note(op, SOFT_PLATFORM, st);
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

pqi_status pqi_soft_write_counters(soft_op *op, const uint64_t *values, uint64_t k, uint64_t g)
{
    const pqi_soft *s = op->s;
    unsigned more = form(s) != 0 ? 8 : 0;
    uint8_t *blob = op->io;
    op->deep = true;
    uint8_t *p = put_bytes(blob, counters_tags[form(s)], TAG_LEN);
    p = put(p, k, more);
    p = put(p, g, more);
    for (size_t i = 0; i < PQI_COUNTER_SLOTS; i++) {
        p = put(p, values[i], 8);
    }
    pqi_status st = counters_mac(op, (pqi_cspan){blob, (size_t)(p - blob)}, p);
    if (st == PQI_OK) {
        st = s->cfg.platform.save_counters(s->cfg.platform.arg, (pqi_cspan){blob, counters_len(s)});
    }
    return pqi_soft_note(op, SOFT_PLATFORM, st);
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

static uint64_t get64(reader *r)
{
    uint64_t high = get(r, 4);
    return high << 32 | get(r, 4);
}

static pqi_status read_slot(soft_op *op, reader *r)
{
    uint32_t handle = get(r, 4), kind = get(r, 1), alg = get(r, 4), seed_len = get(r, 1);
    const uint8_t *seed = take(r, seed_len);
    bool x25519 = kind == PQI_KEY_X25519;
    bool kind_is_good = kind == PQI_KEY_KEM || kind == PQI_KEY_SIG || x25519;
    if (seed == NULL || (seed_len == 0 && op->s->cfg.element == NULL) || handle == 0 ||
        handle > 0x7fffffffu || !kind_is_good || seed_len > SOFT_SEED ||
        (x25519 && seed_len != PQI_X25519_LEN) || pqi_soft_find(op->s, handle) != NULL) {
        return PQI_ERR_STORAGE;
    }
    soft_slot *slot = pqi_soft_find(op->s, 0);
    if (slot == NULL) {
        return PQI_ERR_LIMIT;
    }
    slot->handle = handle;
    slot->kind = (int32_t)kind;
    slot->alg = (int32_t)alg;
    slot->seed_len = (uint16_t)seed_len;
    memcpy(slot->seed, seed, seed_len);
    pqi_status st = pqi_soft_fill(op, slot);
    if (st == PQI_ERR_MISSING && op->failed == SOFT_ELEMENT) {
        op->failed = SOFT_NONE;
        slot->lost = 1; /* this key is no more, which is no reason to lose the others */
        st = PQI_OK;
    }
    /* A key of an algorithm that this program lacks is kept for one that has it. */
    return st == PQI_ERR_UNSUPPORTED ? PQI_OK : st;
}

static pqi_status read_keys(soft_op *op, pqi_cspan keys, uint64_t *k)
{
    reader r = {keys.ptr, keys.len, false};
    soft_vault *v = pqi_soft_vault(op->s);
    const uint8_t *tag = take(&r, TAG_LEN);
    *k = form(op->s) != 0 ? get64(&r) : 0;
    const uint8_t *storage = take(&r, SOFT_SECRET);
    const uint8_t *hedge = take(&r, SOFT_SECRET), *owner = take(&r, SOFT_OWNER);
    uint32_t count = get(&r, 2);
    if (r.bad || pqi_ct_eq(tag, keys_tags[form(op->s)], TAG_LEN) != 1) {
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
    pqi_soft *s = op->s;
    uint8_t mac[MAC_LEN];
    if (blob.len != counters_len(s)) {
        return PQI_ERR_AUTH;
    }
    const pqi_cspan raw = {blob.ptr, blob.len - MAC_LEN};
    pqi_status st = counters_mac(op, raw, mac);
    if (st == PQI_OK && (pqi_ct_eq(mac, raw.ptr + raw.len, MAC_LEN) != 1 ||
                            pqi_ct_eq(raw.ptr, counters_tags[form(s)], TAG_LEN) != 1)) {
        st = PQI_ERR_AUTH;
    }
    if (st == PQI_OK) {
        reader r = {raw.ptr + TAG_LEN, raw.len - TAG_LEN, false};
        s->keys_gen = form(s) != 0 ? get64(&r) : 0;
        s->generation = form(s) != 0 ? get64(&r) : 0;
        for (size_t i = 0; i < PQI_COUNTER_SLOTS; i++) {
            s->counters[i] = get64(&r);
        }
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
    *s = (pqi_soft){.cfg = *cfg};
    pqi_soft_set_ops(s);
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
        st = pqi_soft_birth(&op);
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
    uint64_t k = 0;
    st = read_keys(&op, keys, &k);
    if (st == PQI_OK && counters.len != 0) {
        st = read_counters(&op, counters);
    }
    if (st == PQI_OK) {
        st = pqi_soft_join(&op, k, counters.len == 0);
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
        st = pqi_soft_settle(&op);
        if (st == PQI_OK) {
            st = pqi_soft_write_keys(&op, s->keys_gen);
        }
        pqi_soft_leave(&op);
    }
    return st;
}

pqi_provider *pqi_soft_provider(pqi_soft *s)
{
    return s != NULL ? &s->base : NULL;
}
