/* SPDX-License-Identifier: Apache-2.0
 * The two records of an endpoint, docs/spec/state.md sections 3 and 4. They are sealed, so what is
 * read back is what was written; the reader checks it all the same. */
#include "proto/mqtt/endpoint_int.h"

#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/replay.h"

#include <pqi/wipe.h>

#define PEERS_VERSION 3u /* 1: without prekeys; 1 and 2: with a revocation snapshot in front */
#define SEQ_VERSION   1u
#define PEERS_NAME    "peers"
#define SEQ_NAME      "seq"
#define SEQ_ENTRY     (PQI_KEY_ID_LEN + 8u + 8u)
#define PEERS_HEAD    (1u + 32u + 32u + 4u)
#define OLD_REVOKED   1024u /* entries of a snapshot */
#define OLD_HEAD      (8u + 4u + OLD_REVOKED * PQI_REVOKED_LEN)
#define SCOPE_MAX     (2u + PQI_PREFIX_MAX + 2u)
/* Everything of a peer but its KEM keys and signature key. */
#define PEER_FIXED                                                                                 \
    (2u + PQI_ID_MAX + PQI_KEY_ID_LEN + 3u * 4u + 2u * 32u + 2u + 6u + 2u + 2u + PQI_X25519_LEN +  \
        5u * 4u + 2u * 8u + 1u + PQI_SCOPES_MAX * SCOPE_MAX + 2u * 8u + PREKEY_FIXED +             \
        PQI_KID_LEN + 4u)
#define PREKEY_FIXED (4u + 8u + PQI_KID_LEN + 2u + PQI_X25519_LEN)

size_t pqi_ep_peers_record_max(const pqi_algs *a, size_t n_peers)
{
    size_t kem = 0;
    size_t sig = 0;
    for (size_t i = 0; i < a->n_kems; i++) {
        kem = a->kems[i]->pk_len > kem ? a->kems[i]->pk_len : kem;
    }
    for (size_t i = 0; i < a->n_sigs; i++) {
        sig = a->sigs[i]->pk_len > sig ? a->sigs[i]->pk_len : sig;
    }
    return PEERS_HEAD + OLD_HEAD + n_peers * (PEER_FIXED + 2u * kem + sig);
}

size_t pqi_ep_seq_record_max(size_t n_peers)
{
    return 1u + 4u + n_peers * SEQ_ENTRY;
}

void pqi_ep_halves(const pqi_endpoint *e, pqi_span *plain, pqi_span *buf)
{
    pqi_span work = pqi_ep_work(e);
    size_t half = (work.len - PQI_STORE_OVERHEAD) / 2u;
    *plain = (pqi_span){work.ptr, half};
    *buf = (pqi_span){work.ptr + half, half + PQI_STORE_OVERHEAD};
}

pqi_status pqi_ep_open_store(
    pqi_endpoint *e, pqi_store *s, const char *name, uint32_t slot, size_t *len)
{
    pqi_span plain, buf;
    pqi_ep_halves(e, &plain, &buf);
    return pqi_store_open(s, e->cfg.provider, e->cfg.nvm, name, slot, buf, plain, len);
}

/* A store that closed itself after a failed write is opened again first: that heals a half-done
 * save, and refuses when the medium went back meanwhile. What it holds is the state in memory or
 * one change more that was never acted upon; the new record replaces both. */
pqi_status pqi_ep_reopen(pqi_endpoint *e, pqi_store *s, const char *name, uint32_t slot)
{
    if (s->open) {
        return PQI_OK;
    }
    size_t len = 0;
    pqi_status st = pqi_ep_open_store(e, s, name, slot, &len);
    pqi_wipe(pqi_ep_work(e).ptr, len);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* docs/spec/objects.md, alg16: 0 is no algorithm and announces a long id. A long 0 is no key at all. */
static void put_sig_id(wr *w, int32_t id)
{
    if (id != 0 && id >= INT16_MIN && id <= INT16_MAX) {
        wr_u16(w, (uint16_t)id);
    } else {
        wr_u16(w, 0);
        wr_u32(w, (uint32_t)id);
    }
}

static int32_t get_sig_id(rd *r)
{
    int32_t id = (int16_t)rd_u16(r);
    return id != 0 ? id : (int32_t)rd_u32(r);
}

/* Under a root whose first roster is not here yet, a number is of the root before: it counts until that one comes, and
 * a start must not take it for one of the new root's. */
static uint32_t roster_of(const pqi_endpoint *e, const pqi_peer *p)
{
    return e->roster_root == e->ctl.manifest.root_version ? p->roster_seq : 0;
}

static void put_peer(const pqi_endpoint *e, wr *w, const pqi_peer *p)
{
    wr_vec16(w, (pqi_cspan){(const uint8_t *)p->id, p->id_len});
    wr_bytes(w, (pqi_cspan){p->key_id, PQI_KEY_ID_LEN});
    wr_u32(w, p->key_epoch);
    wr_u32(w, p->roster_index);
    wr_u32(w, p->ann_epoch);
    wr_bytes(w, (pqi_cspan){p->ann_hash, 32});
    wr_bytes(w, (pqi_cspan){p->cert_hash, 32});
    wr_u16(w, p->kem->id);
    put_sig_id(w, p->sig != NULL ? p->sig->id : 0);
    wr_vec16(w, (pqi_cspan){p->kem_pk, p->kem->pk_len});
    wr_vec16(w, (pqi_cspan){p->sig_pk, p->sig != NULL ? p->sig->pk_len : 0});
    wr_bytes(w, (pqi_cspan){p->x25519_pk, PQI_X25519_LEN});
    wr_u32(w, p->suites);
    wr_u32(w, p->roles);
    wr_u32(w, p->assurance);
    wr_u32(w, p->valid_from_epoch);
    wr_u32(w, p->valid_to_epoch);
    wr_u64(w, p->not_before);
    wr_u64(w, p->not_after);
    wr_u8(w, (uint8_t)p->n_scopes);
    for (uint32_t i = 0; i < p->n_scopes; i++) {
        wr_vec16(w, (pqi_cspan){(const uint8_t *)p->scopes[i].prefix, p->scopes[i].len});
        wr_u8(w, p->scopes[i].rights);
        wr_u8(w, p->scopes[i].cls);
    }
    wr_u64(w, p->send_ceiling);
    wr_u64(w, p->recv_stored);
    wr_u32(w, p->prekey.epoch);
    if (p->prekey.epoch != 0) {
        wr_u64(w, p->prekey.until);
        wr_bytes(w, (pqi_cspan){p->prekey.id, PQI_KID_LEN});
        wr_vec16(w, (pqi_cspan){p->prekey.kem_pk, p->kem->pk_len});
        wr_bytes(w, (pqi_cspan){p->prekey.x25519_pk, PQI_X25519_LEN});
    }
    wr_bytes(w, (pqi_cspan){p->issuer_kid, PQI_KID_LEN});
    wr_u32(w, roster_of(e, p));
}

static void get_exact(rd *r, uint8_t *out, size_t n)
{
    pqi_cspan b = rd_bytes(r, n);
    if (b.len == n) {
        memcpy(out, b.ptr, n);
    }
}

/* A key of exactly the descriptor's length; want is 0 when there is no such descriptor. */
static void get_key(rd *r, uint8_t *out, size_t want)
{
    pqi_cspan b = rd_vec16(r, want, want);
    if (want != 0 && b.len == want) {
        memcpy(out, b.ptr, want);
    }
}

static void get_scopes(rd *r, pqi_peer *p)
{
    p->n_scopes = rd_u8(r);
    if (p->n_scopes > PQI_SCOPES_MAX) {
        p->n_scopes = 0;
        rd_fail(r);
    }
    for (uint32_t i = 0; i < p->n_scopes; i++) {
        pqi_cspan prefix = rd_vec16(r, 0, PQI_PREFIX_MAX);
        p->scopes[i].len = (uint8_t)prefix.len;
        if (prefix.len != 0) {
            memcpy(p->scopes[i].prefix, prefix.ptr, prefix.len);
        }
        p->scopes[i].rights = rd_u8(r);
        p->scopes[i].cls = rd_u8(r);
    }
}

static void get_prekey(rd *r, pqi_peer *p)
{
    p->prekey.epoch = rd_u32(r);
    if (p->prekey.epoch != 0) {
        p->prekey.until = rd_u64(r);
        get_exact(r, p->prekey.id, PQI_KID_LEN);
        get_key(r, p->prekey.kem_pk, p->kem->pk_len);
        get_exact(r, p->prekey.x25519_pk, PQI_X25519_LEN);
    }
}

static void get_peer(rd *r, const pqi_algs *a, uint8_t version, pqi_peer *p)
{
    memset(p, 0, sizeof *p);
    pqi_cspan id = rd_vec16(r, 1, PQI_ID_MAX);
    p->id_len = (uint8_t)id.len;
    if (id.len != 0) {
        memcpy(p->id, id.ptr, id.len);
    }
    get_exact(r, p->key_id, PQI_KEY_ID_LEN);
    p->key_epoch = rd_u32(r);
    p->roster_index = rd_u32(r);
    p->ann_epoch = rd_u32(r);
    get_exact(r, p->ann_hash, 32);
    get_exact(r, p->cert_hash, 32);
    p->kem = pqi_algs_kem(a, rd_u16(r));
    int32_t sig_id = get_sig_id(r); /* 0: a peer that does not sign */
    p->sig = sig_id != 0 ? pqi_algs_sig(a, sig_id) : NULL;
    if (p->kem == NULL ||
        (sig_id != 0 && p->sig == NULL)) { /* this build has fewer algorithms than the last one */
        rd_fail(r);
        return;
    }
    get_key(r, p->kem_pk, p->kem->pk_len);
    get_key(r, p->sig_pk, p->sig != NULL ? p->sig->pk_len : 0);
    get_exact(r, p->x25519_pk, PQI_X25519_LEN);
    p->suites = rd_u32(r);
    p->roles = rd_u32(r);
    p->assurance = rd_u32(r);
    p->valid_from_epoch = rd_u32(r);
    p->valid_to_epoch = rd_u32(r);
    p->not_before = rd_u64(r);
    p->not_after = rd_u64(r);
    get_scopes(r, p);
    p->send_ceiling = rd_u64(r);
    p->recv_stored = rd_u64(r);
    if (version >= 2) {
        get_prekey(r, p);
    }
    if (version >= 3) {
        get_exact(r, p->issuer_kid, PQI_KID_LEN);
        p->roster_seq = rd_u32(r);
    }
    p->used = r->bad ? 0 : 1;
}

pqi_status pqi_ep_save_peers(pqi_endpoint *e, const pqi_ep_change *c)
{
    pqi_status st = pqi_ep_reopen(e, &e->peers_store, PEERS_NAME, PQI_SLOT_PEERS);
    if (st != PQI_OK) {
        return st;
    }
    pqi_span plain, buf;
    pqi_ep_halves(e, &plain, &buf);
    uint32_t n = 0;
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        n += (e->cfg.peers[i].used || (c->peer != NULL && i == c->at)) ? 1u : 0u;
    }
    wr w = wr_of(plain);
    wr_u8(&w, PEERS_VERSION);
    wr_bytes(&w, (pqi_cspan){e->ctl.manifest.hash, 32});
    wr_bytes(&w, (pqi_cspan){e->own_hash, 32});
    wr_u32(&w, n);
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        bool changed = c->peer != NULL && i == c->at;
        if (changed || e->cfg.peers[i].used) {
            put_peer(e, &w, changed ? c->peer : &e->cfg.peers[i]);
        }
    }
    size_t len = 0;
    st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = pqi_store_save(&e->peers_store, (pqi_cspan){plain.ptr, len}, buf);
    }
    return st;
}

pqi_status pqi_ep_save_seq(pqi_endpoint *e, size_t at, uint64_t send_ceiling, uint64_t recv_stored)
{
    pqi_status st = pqi_ep_reopen(e, &e->seq_store, SEQ_NAME, PQI_SLOT_SEQ);
    if (st != PQI_OK) {
        return st;
    }
    pqi_span plain, buf;
    pqi_ep_halves(e, &plain, &buf);
    wr w = wr_of(plain);
    uint32_t n = 0;
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        n += e->cfg.peers[i].used ? 1u : 0u;
    }
    wr_u8(&w, SEQ_VERSION);
    wr_u32(&w, n);
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        if (p->used) {
            wr_bytes(&w, (pqi_cspan){p->key_id, PQI_KEY_ID_LEN});
            wr_u64(&w, i == at ? send_ceiling : p->send_ceiling);
            wr_u64(&w, i == at ? recv_stored : p->recv_stored);
        }
    }
    size_t len = 0;
    st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = pqi_store_save(&e->seq_store, (pqi_cspan){plain.ptr, len}, buf);
    }
    return st;
}

/* Records before version 3 begin with a snapshot of revocations. They stay in force until the log of this
 * root version is here; the control plane has a record of its own for them. */
static pqi_status carry_revocations(rd *r, pqi_endpoint *e, bool same_root, bool *carried)
{
    (void)rd_u64(r);
    const uint32_t n = rd_u32(r);
    if (n > OLD_REVOKED) {
        return PQI_ERR_STORAGE;
    }
    const pqi_cspan entries = rd_bytes(r, (size_t)n * PQI_REVOKED_LEN);
    if (r->bad) {
        return PQI_ERR_STORAGE;
    }
    *carried = n != 0;
    pqi_status st = pqi_ctl_carry(&e->ctl, entries, same_root);
    return st == PQI_ERR_DECODE ? PQI_ERR_STORAGE : st;
}

void pqi_ep_forget_cert(pqi_peer *p)
{
    memset(p->ann_hash, 0, sizeof p->ann_hash);
    memset(p->cert_hash, 0, sizeof p->cert_hash);
    p->roster_seq = 0;
    p->ready = 0;
}

static pqi_status read_peers(pqi_endpoint *e, pqi_cspan in, bool *own_changed, bool *carried)
{
    rd r = rd_of(in);
    uint8_t hash[32] = {0};
    uint8_t own[32] = {0};
    uint8_t version = rd_u8(&r);
    if (version == 0 || version > PEERS_VERSION) {
        return PQI_ERR_STORAGE;
    }
    get_exact(&r, hash, sizeof hash);
    get_exact(&r, own, sizeof own);
    const bool same_root = pqi_ct_eq(hash, e->ctl.manifest.hash, sizeof hash);
    if (version < 3) {
        pqi_status st = carry_revocations(&r, e, same_root, carried);
        if (st != PQI_OK) {
            return st;
        }
    }
    uint32_t n = rd_u32(&r);
    if (n > e->cfg.n_peers) {
        return r.bad ? PQI_ERR_STORAGE : PQI_ERR_SPACE;
    }
    for (uint32_t i = 0; i < n && !r.bad; i++) {
        get_peer(&r, e->cfg.algs, version, &e->cfg.peers[i]);
    }
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    *own_changed = !pqi_ct_eq(own, e->own_hash, sizeof own);
    /* Certificates that were verified under another manifest must be shown again: the peer keeps its epochs
     * and numbers, which only tighten, and is not ready. */
    for (uint32_t i = 0; i < n && !same_root; i++) {
        pqi_ep_forget_cert(&e->cfg.peers[i]);
    }
    return PQI_OK;
}

/* An entry here is newer than the marks in the peers record: no number is used before it was stored
 * here. A peer without an entry was stored after the last reservation and carries its own. */
static pqi_status read_seq(pqi_endpoint *e, pqi_cspan in)
{
    rd r = rd_of(in);
    rd_expect(&r, 1, SEQ_VERSION);
    uint32_t n = rd_u32(&r);
    for (uint32_t i = 0; i < n && !r.bad; i++) {
        uint8_t key_id[PQI_KEY_ID_LEN] = {0};
        get_exact(&r, key_id, sizeof key_id);
        uint64_t ceiling = rd_u64(&r);
        uint64_t stored = rd_u64(&r);
        size_t at = pqi_ep_by_kid(e, key_id);
        if (at != PQI_EP_NO_PEER && pqi_ct_eq(e->cfg.peers[at].key_id, key_id, sizeof key_id)) {
            pqi_peer *p = &e->cfg.peers[at];
            p->send_ceiling = ceiling;
            p->recv_stored = stored;
        }
    }
    return rd_done(&r) == PQI_OK ? PQI_OK : PQI_ERR_STORAGE;
}

pqi_status pqi_ep_load(pqi_endpoint *e, bool *own_changed)
{
    size_t len = 0;
    bool carried = false;
    *own_changed = true;
    pqi_status st = pqi_ep_open_store(e, &e->peers_store, PEERS_NAME, PQI_SLOT_PEERS, &len);
    if (st == PQI_OK) {
        st = read_peers(e, (pqi_cspan){pqi_ep_work(e).ptr, len}, own_changed, &carried);
    }
    if (st == PQI_OK && carried) {
        st = pqi_ctl_carried(&e->ctl);
    }
    if (st != PQI_OK && st != PQI_ERR_MISSING) {
        return st;
    }
    pqi_ep_index(e);
    st = pqi_ep_open_store(e, &e->seq_store, SEQ_NAME, PQI_SLOT_SEQ, &len);
    if (st == PQI_OK) {
        st = read_seq(e, (pqi_cspan){pqi_ep_work(e).ptr, len});
    }
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}
