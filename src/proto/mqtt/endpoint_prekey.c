/* SPDX-License-Identifier: Apache-2.0
 * Our own prekeys and what peers say of theirs: docs/spec/prekeys.md.
 *
 * Order of writes. New: number of the announcement, keys, record, then the announcement. Gone: record, then
 * keys. The record is what counts: keys that it does not name are removed at the next occasion, and a name
 * whose keys are missing is forgotten. */
#include "proto/mqtt/endpoint_int.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "session/prekey.h"

#include <pqi/wipe.h>

#define RECORD_VERSION 1u
#define RECORD_NAME    "prekeys"
#define RING           4u /* handles: the live ones and the one in the making */
#define LIFE_PERIODS   3u
#define AHEAD_PART     168u /* ages are stored this part of a period ahead: an hour of a week */

_Static_assert(RING > PQI_PREKEYS_MAX, "a new prekey takes no live one's handle");

static pqi_key handle_of(uint32_t epoch, uint32_t n)
{
    return PQI_HANDLE_PREKEY_BASE + 4u * (epoch % RING) + n;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a <= UINT64_MAX - b ? a + b : UINT64_MAX;
}

static bool has_prekeys(const pqi_endpoint *e)
{
    return e->cert.sig_alg != 0 && e->cfg.prekey_period_s != 0;
}

static uint64_t life_s(const pqi_endpoint *e)
{
    return (uint64_t)LIFE_PERIODS * e->cfg.prekey_period_s;
}

static uint64_t ahead_s(const pqi_endpoint *e)
{
    uint32_t n = e->cfg.prekey_period_s / AHEAD_PART;
    return n != 0 ? n : 1u;
}

/* ---- age --------------------------------------------------------------------------------------- */

static uint64_t since_s(const pqi_endpoint *e, const pqi_now *now)
{
    return now->mono_ms > e->prekey_mono_ms ? (now->mono_ms - e->prekey_mono_ms) / 1000u : 0;
}

/* Uptime, or what the wall clock says if that is more: the clock may only end a prekey earlier. */
static uint64_t age_of(const pqi_endpoint *e, const pqi_own_prekey *k, const pqi_now *now)
{
    uint64_t up = add(k->age_s, since_s(e, now));
    uint64_t wall = k->made_s != 0 && now->unix_s > k->made_s ? now->unix_s - k->made_s : 0;
    return wall > up ? wall : up;
}

static bool is_live(const pqi_endpoint *e, const pqi_own_prekey *k, const pqi_now *now)
{
    return age_of(e, k, now) < life_s(e);
}

/* Counts the uptime since the last call, and lets a clock that is there now, or runs behind the one of then,
 * move the time of making to the past: never to the future. */
static void grow_older(pqi_endpoint *e, const pqi_now *now)
{
    uint64_t s = since_s(e, now);
    for (uint32_t i = 0; i < e->n_prekeys; i++) {
        pqi_own_prekey *k = &e->prekeys[i];
        k->age_s = add(k->age_s, s);
        uint64_t made = now->unix_s > k->age_s ? now->unix_s - k->age_s : 0;
        if (made != 0 && (k->made_s == 0 || made < k->made_s)) {
            k->made_s = made;
        }
    }
    e->prekey_unsaved_s = add(e->prekey_unsaved_s, s);
    e->prekey_mono_ms =
        now->mono_ms > e->prekey_mono_ms ? e->prekey_mono_ms + s * 1000u : now->mono_ms;
}

/* ---- record: docs/spec/state.md section 5 -------------------------------------------------------- */

typedef struct list {
    pqi_own_prekey k[PQI_PREKEYS_MAX];
    uint32_t n, last;
} list;

static list now_held(const pqi_endpoint *e)
{
    list l = {.n = e->n_prekeys, .last = e->prekey_last};
    memcpy(l.k, e->prekeys, sizeof l.k);
    return l;
}

/* Stores l, then takes it over. ahead: seconds to add to each age on the medium. */
static pqi_status save(pqi_endpoint *e, const list *l, uint64_t ahead)
{
    pqi_status st = pqi_ep_reopen(e, &e->prekey_store, RECORD_NAME, PQI_SLOT_PREKEYS);
    if (st != PQI_OK) {
        return st;
    }
    pqi_span plain, buf;
    size_t len = 0;
    pqi_ep_halves(e, &plain, &buf);
    wr w = wr_of(plain);
    wr_u8(&w, RECORD_VERSION);
    wr_bytes(&w, (pqi_cspan){e->cert.key_id, PQI_KEY_ID_LEN});
    wr_u32(&w, l->last);
    wr_u8(&w, (uint8_t)l->n);
    for (uint32_t i = 0; i < l->n; i++) {
        const pqi_own_prekey *k = &l->k[i];
        wr_u32(&w, k->epoch);
        wr_bytes(&w, (pqi_cspan){k->id, PQI_KID_LEN});
        wr_u64(&w, add(k->age_s, ahead));
        wr_u64(&w, k->made_s);
        wr_u64(&w, k->until);
    }
    st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = pqi_store_save(&e->prekey_store, (pqi_cspan){plain.ptr, len}, buf);
    }
    if (st == PQI_OK) {
        memset(e->prekeys, 0, sizeof e->prekeys);
        memcpy(e->prekeys, l->k, l->n * sizeof l->k[0]);
        e->n_prekeys = l->n;
        e->prekey_last = l->last;
        e->prekey_unsaved_s = 0;
        e->prekey_stale = 0;
    }
    return st;
}

static pqi_status read_record(pqi_endpoint *e, pqi_cspan in)
{
    rd r = rd_of(in);
    rd_expect(&r, 1, RECORD_VERSION);
    pqi_cspan key_id = rd_bytes(&r, PQI_KEY_ID_LEN);
    uint32_t last = rd_u32(&r);
    uint32_t n = rd_u8(&r);
    list l = {.last = last};
    uint32_t before = 0;
    for (uint32_t i = 0; i < n && n <= PQI_PREKEYS_MAX; i++) {
        pqi_own_prekey *k = &l.k[i];
        k->epoch = rd_u32(&r);
        pqi_cspan id = rd_bytes(&r, PQI_KID_LEN);
        k->age_s = rd_u64(&r);
        k->made_s = rd_u64(&r);
        k->until = rd_u64(&r);
        if (r.bad || k->epoch <= before || k->epoch > last) {
            return PQI_ERR_STORAGE;
        }
        memcpy(k->id, id.ptr, PQI_KID_LEN);
        before = k->epoch;
    }
    if (rd_done(&r) != PQI_OK || n > PQI_PREKEYS_MAX) {
        return PQI_ERR_STORAGE;
    }
    e->prekey_last = last;
    if (!has_prekeys(e) || !pqi_ct_eq(key_id.ptr, e->cert.key_id, PQI_KEY_ID_LEN)) {
        e->prekey_stale = n != 0; /* another certificate's: packets to it are not for us any more */
        return PQI_OK;
    }
    memcpy(e->prekeys, l.k, sizeof l.k);
    e->n_prekeys = n;
    return PQI_OK;
}

/* PQI_OK: both keys are there. */
static pqi_status look_for_keys(pqi_endpoint *e, uint32_t epoch)
{
    pqi_key_info info;
    pqi_status st =
        pqi_provider_info(e->cfg.provider, handle_of(epoch, PQI_HANDLE_PREKEY_KEM), &info);
    if (st == PQI_OK && (info.kind != PQI_KEY_KEM || info.alg != (int32_t)e->cert.kem_alg)) {
        st = PQI_ERR_MISSING;
    }
    if (st == PQI_OK) {
        st = pqi_provider_info(e->cfg.provider, handle_of(epoch, PQI_HANDLE_PREKEY_X25519), &info);
    }
    if (st == PQI_OK && info.kind != PQI_KEY_X25519) {
        st = PQI_ERR_MISSING;
    }
    return st;
}

pqi_status pqi_ep_prekeys_load(pqi_endpoint *e, const pqi_now *now)
{
    size_t len = 0;
    e->prekey_mono_ms = now->mono_ms;
    e->prekey_sweep = 1;
    pqi_status st = pqi_ep_open_store(e, &e->prekey_store, RECORD_NAME, PQI_SLOT_PREKEYS, &len);
    if (st == PQI_ERR_MISSING) {
        e->prekey_sweep = has_prekeys(e);
        return PQI_OK;
    }
    if (st == PQI_OK) {
        st = read_record(e, (pqi_cspan){pqi_ep_work(e).ptr, len});
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < e->n_prekeys && st == PQI_OK; i++) {
        st = look_for_keys(e, e->prekeys[i].epoch);
        if (st == PQI_OK) {
            e->prekeys[n++] = e->prekeys[i];
        } else if (st == PQI_ERR_MISSING) {
            e->prekey_stale = 1;
            st = PQI_OK;
        }
    }
    e->n_prekeys = n;
    return st;
}

void pqi_ep_prekeys_close(pqi_endpoint *e)
{
    if (e->n_prekeys != 0 && !e->prekey_stale) {
        list l = now_held(e);
        pqi_status st = save(e, &l, 0);
        (void)st; /* then the ages of the last save count, which are ahead */
    }
}

/* ---- making and deleting ------------------------------------------------------------------------- */

static pqi_status destroy_pair(pqi_endpoint *e, uint32_t epoch)
{
    for (uint32_t n = PQI_HANDLE_PREKEY_KEM; n <= PQI_HANDLE_PREKEY_X25519; n++) {
        pqi_status st = pqi_provider_destroy(e->cfg.provider, handle_of(epoch, n));
        if (st != PQI_OK && st != PQI_ERR_MISSING) {
            return st;
        }
    }
    return PQI_OK;
}

/* Every key of the ring that is not a live one's. */
static pqi_status sweep(pqi_endpoint *e)
{
    for (uint32_t i = 0; i < RING; i++) {
        bool used = false;
        for (uint32_t j = 0; j < e->n_prekeys; j++) {
            used = used || e->prekeys[j].epoch % RING == i;
        }
        pqi_status st = used ? PQI_OK : destroy_pair(e, i);
        if (st != PQI_OK) {
            return st;
        }
    }
    e->prekey_sweep = 0;
    return PQI_OK;
}

/* The announcement will be another one. */
static pqi_status move_epoch(pqi_endpoint *e)
{
    if (e->ann_epoch >= UINT32_MAX - 1u) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = pqi_provider_counter_advance(
        e->cfg.provider, PQI_SLOT_ANN_EPOCH, (uint64_t)e->ann_epoch + 1u);
    e->ann_epoch += st == PQI_OK ? 1u : 0u;
    return st;
}

static pqi_status block_of(pqi_endpoint *e, const pqi_own_prekey *k, pqi_cspan *out)
{
    pqi_ep_pair pair;
    pqi_span work = pqi_ep_work(e);
    size_t len = 0;
    pqi_status st = pqi_ep_prekey_pair(e, k, &pair);
    if (st == PQI_OK) {
        const pqi_prekey_block b = {k->epoch, k->until, pair.to.kem_pk, pair.to.x25519_pk};
        st = pqi_prekey_write(&b, work, &len);
    }
    *out = (pqi_cspan){work.ptr, st == PQI_OK ? len : 0};
    return st;
}

/* The handles are free: sweep() ran since the last making that was cut off. */
static pqi_status generate_pair(pqi_endpoint *e, uint32_t epoch)
{
    pqi_provider *p = e->cfg.provider;
    pqi_status st = pqi_provider_generate(
        p, handle_of(epoch, PQI_HANDLE_PREKEY_KEM), PQI_KEY_KEM, (int32_t)e->cert.kem_alg);
    if (st == PQI_OK) {
        st =
            pqi_provider_generate(p, handle_of(epoch, PQI_HANDLE_PREKEY_X25519), PQI_KEY_X25519, 0);
    }
    return st;
}

static pqi_status renew(pqi_endpoint *e, const pqi_now *now)
{
    list l = now_held(e);
    if (l.last == UINT32_MAX) {
        return PQI_ERR_LIMIT;
    }
    pqi_own_prekey k = {.epoch = l.last + 1u,
        .made_s = now->unix_s,
        .until = now->unix_s != 0 ? add(now->unix_s, life_s(e)) : 0};
    pqi_status st = move_epoch(e);
    e->prekey_sweep = 1; /* until the record names what is made now */
    if (st == PQI_OK) {
        st = generate_pair(e, k.epoch);
    }
    pqi_cspan block = {NULL, 0};
    if (st == PQI_OK) {
        st = block_of(e, &k, &block);
    }
    if (st == PQI_OK) {
        st = pqi_prekey_id(e->cfg.algs->classic, e->cert.key_id, block, k.id);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (l.n == PQI_PREKEYS_MAX) { /* a shorter period than before: the oldest goes early */
        memmove(&l.k[0], &l.k[1], (PQI_PREKEYS_MAX - 1u) * sizeof l.k[0]);
        l.n--;
    }
    l.k[l.n++] = k;
    l.last = k.epoch;
    st = save(e, &l, ahead_s(e));
    if (st != PQI_OK) {
        e->prekey_stale = 1; /* it may name k all the same: the record again, before its keys go */
    }
    return st;
}

/* Takes those whose time is over off the record, which is what ends them. */
static pqi_status retire(pqi_endpoint *e, const pqi_now *now)
{
    list l = now_held(e);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l.n; i++) {
        if (is_live(e, &l.k[i], now)) {
            l.k[n++] = l.k[i];
        }
    }
    bool newest_gone = e->prekey_stale || (l.n != 0 && (n == 0 || l.k[n - 1u].epoch != l.last));
    if (n == l.n && !e->prekey_stale) {
        return PQI_OK;
    }
    l.n = n;
    e->prekey_sweep = 1;
    pqi_status st = save(e, &l, ahead_s(e));
    if (st == PQI_OK && newest_gone) {
        e->prekey_news = 1;
    }
    return st;
}

static bool wants_new(const pqi_endpoint *e, const pqi_now *now)
{
    if (!has_prekeys(e)) {
        return false;
    }
    return e->n_prekeys == 0 ||
           age_of(e, &e->prekeys[e->n_prekeys - 1u], now) >= e->cfg.prekey_period_s;
}

pqi_status pqi_endpoint_prekeys(pqi_endpoint *e, const pqi_now *given, int *announce)
{
    if (e == NULL || given == NULL || announce == NULL) {
        return PQI_ERR_ARG;
    }
    *announce = 0;
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    const pqi_now then = pqi_ctl_now(&e->ctl, given), *now = &then;
    e->seen = *given;
    grow_older(e, now);
    pqi_status st = retire(e, now);
    if (st == PQI_OK && e->prekey_sweep) {
        st = sweep(e);
    }
    bool fresh = st == PQI_OK && wants_new(e, now);
    if (fresh) {
        st = renew(e, now);
    } else if (st == PQI_OK && e->prekey_news) {
        st = move_epoch(e);
    }
    if (st == PQI_OK && (fresh || e->prekey_news)) {
        e->prekey_news = 0;
        *announce = 1;
    }
    if (st == PQI_OK && e->prekey_sweep) {
        st = sweep(e);
    }
    if (st == PQI_OK && e->n_prekeys != 0 && e->prekey_unsaved_s >= ahead_s(e)) {
        list l = now_held(e);
        st = save(e, &l, ahead_s(e));
    }
    pqi_wipe(pqi_ep_work(e).ptr, pqi_ep_work(e).len);
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

/* ---- use ----------------------------------------------------------------------------------------- */

const pqi_own_prekey *pqi_ep_prekey_find(
    const pqi_endpoint *e, const pqi_now *now, const uint8_t id[PQI_KID_LEN])
{
    for (uint32_t i = 0; i < e->n_prekeys; i++) {
        const pqi_own_prekey *k = &e->prekeys[i];
        if (pqi_ct_eq(k->id, id, PQI_KID_LEN)) {
            return is_live(e, k, now) ? k : NULL;
        }
    }
    return NULL;
}

pqi_status pqi_ep_prekey_pair(pqi_endpoint *e, const pqi_own_prekey *k, pqi_ep_pair *out)
{
    pqi_peer_prekey *room = &pqi_ep_candidate(e)->prekey;
    const size_t want = e->cert.kem_pk.len;
    size_t n = 0;
    out->kem = handle_of(k->epoch, PQI_HANDLE_PREKEY_KEM);
    out->x25519 = handle_of(k->epoch, PQI_HANDLE_PREKEY_X25519);
    pqi_status st = pqi_provider_public_key(
        e->cfg.provider, out->kem, (pqi_span){room->kem_pk, sizeof room->kem_pk}, &n);
    if (st == PQI_OK && n != want) {
        st = PQI_ERR_PROVIDER;
    }
    if (st == PQI_OK) {
        st = pqi_provider_public_key(
            e->cfg.provider, out->x25519, (pqi_span){room->x25519_pk, sizeof room->x25519_pk}, &n);
    }
    if (st == PQI_OK && n != PQI_X25519_LEN) {
        st = PQI_ERR_PROVIDER;
    }
    out->to = (pqi_box_peer){{room->kem_pk, want}, {room->x25519_pk, PQI_X25519_LEN}};
    return st;
}

pqi_status pqi_ep_prekey_block(pqi_endpoint *e, pqi_cspan *out)
{
    *out = (pqi_cspan){NULL, 0};
    return e->n_prekeys == 0 ? PQI_OK : block_of(e, &e->prekeys[e->n_prekeys - 1u], out);
}

pqi_status pqi_ep_prekey_learn(
    const pqi_endpoint *e, const pqi_cert *c, pqi_cspan block, pqi_peer *p)
{
    pqi_prekey_block b;
    memset(&p->prekey, 0, sizeof p->prekey);
    if (block.len == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_prekey_read(block, c->kem_pk.len, &b);
    if (st == PQI_OK) {
        st = pqi_prekey_id(e->cfg.algs->classic, c->key_id, block, p->prekey.id);
    }
    if (st == PQI_OK) {
        p->prekey.epoch = b.epoch;
        p->prekey.until = b.until;
        memcpy(p->prekey.kem_pk, b.kem_pk.ptr, b.kem_pk.len);
        memcpy(p->prekey.x25519_pk, b.x25519_pk.ptr, PQI_X25519_LEN);
    }
    return st;
}
