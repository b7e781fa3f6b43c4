/* SPDX-License-Identifier: Apache-2.0
 * The peer table: fixed array, two open-addressing indexes over it, no eviction. */
#include "proto/mqtt/endpoint_session.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ident/ident.h"

#include <pqi/wipe.h>

/* Slots of one index: a power of two, at most half full. */
static size_t index_slots(size_t n_peers)
{
    size_t n = 4;
    while (n < 2 * n_peers) {
        n *= 2;
    }
    return n;
}

size_t pqi_ep_index_len(size_t n_peers)
{
    return 2u * index_slots(n_peers) * sizeof(uint32_t);
}

static uint32_t *kid_index(const pqi_endpoint *e)
{
    return (uint32_t *)(void *)e->cfg.scratch.ptr;
}

static uint32_t *id_index(const pqi_endpoint *e)
{
    return kid_index(e) + index_slots(e->cfg.n_peers);
}

/* A key id is a hash already. */
static size_t kid_hash(const uint8_t kid[PQI_KID_LEN])
{
    return (size_t)kid[0] | (size_t)kid[1] << 8 | (size_t)kid[2] << 16 |
           (size_t)(kid[3] & 0x7fu) << 24;
}

/* FNV-1a, 32 bit. Only verified peers are in the table, so nobody outside can crowd it. */
static size_t id_hash(pqi_cspan id)
{
    uint32_t h = UINT32_C(2166136261);
    for (size_t i = 0; i < id.len; i++) {
        h = (h ^ id.ptr[i]) * UINT32_C(16777619);
    }
    return h & 0x7fffffffu;
}

static void index_put(uint32_t *index, size_t slots, size_t hash, size_t at)
{
    size_t i = hash & (slots - 1);
    while (index[i] != 0) {
        i = (i + 1) & (slots - 1);
    }
    index[i] = (uint32_t)at + 1u;
}

void pqi_ep_index(pqi_endpoint *e)
{
    size_t slots = index_slots(e->cfg.n_peers);
    memset(kid_index(e), 0, pqi_ep_index_len(e->cfg.n_peers));
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        if (p->used) {
            index_put(kid_index(e), slots, kid_hash(p->key_id), i);
            pqi_cspan id = {(const uint8_t *)p->id, p->id_len};
            index_put(id_index(e), slots, id_hash(id), i);
        }
    }
}

size_t pqi_ep_by_kid(const pqi_endpoint *e, const uint8_t kid[PQI_KID_LEN])
{
    size_t slots = index_slots(e->cfg.n_peers);
    const uint32_t *index = kid_index(e);
    for (size_t i = kid_hash(kid) & (slots - 1); index[i] != 0; i = (i + 1) & (slots - 1)) {
        if (pqi_ct_eq(e->cfg.peers[index[i] - 1].key_id, kid, PQI_KID_LEN)) {
            return index[i] - 1;
        }
    }
    return PQI_EP_NO_PEER;
}

size_t pqi_ep_by_id(const pqi_endpoint *e, pqi_cspan id)
{
    size_t slots = index_slots(e->cfg.n_peers);
    const uint32_t *index = id_index(e);
    for (size_t i = id_hash(id) & (slots - 1); index[i] != 0; i = (i + 1) & (slots - 1)) {
        const pqi_peer *p = &e->cfg.peers[index[i] - 1];
        if (p->id_len == id.len && pqi_ct_eq(p->id, id.ptr, id.len)) {
            return index[i] - 1;
        }
    }
    return PQI_EP_NO_PEER;
}

size_t pqi_ep_free_slot(const pqi_endpoint *e)
{
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        if (!e->cfg.peers[i].used) {
            return i;
        }
    }
    return PQI_EP_NO_PEER;
}

static void copy_scopes(const pqi_cert *c, pqi_peer *out)
{
    out->n_scopes = c->n_scopes < PQI_SCOPES_MAX ? c->n_scopes : PQI_SCOPES_MAX;
    for (uint32_t i = 0; i < out->n_scopes; i++) {
        const pqi_scope *s = &c->scopes[i];
        size_t n = s->prefix.len <= PQI_PREFIX_MAX ? s->prefix.len : 0;
        out->scopes[i].len = (uint8_t)n;
        out->scopes[i].rights = s->prefix.len <= PQI_PREFIX_MAX ? s->rights : 0;
        out->scopes[i].cls = s->cls;
        memcpy(out->scopes[i].prefix, s->prefix.ptr, n);
    }
}

pqi_status pqi_ep_from_cert(
    const pqi_endpoint *e, const pqi_cert *c, const uint8_t cert_hash[32], pqi_peer *out)
{
    const pqi_kem *kem = pqi_algs_kem(e->cfg.algs, c->kem_alg);
    const pqi_sig *sig = pqi_algs_sig(e->cfg.algs, c->sig_alg);
    size_t sig_len = sig != NULL ? sig->pk_len : 0;
    if (kem == NULL || (sig == NULL) != (c->sig_alg == 0) || c->kem_pk.len != kem->pk_len ||
        c->sig_pk.len != sig_len || kem->pk_len > sizeof out->kem_pk ||
        sig_len > sizeof out->sig_pk || c->x25519_pk.len != PQI_X25519_LEN ||
        c->device_id.len == 0 || c->device_id.len > PQI_ID_MAX) {
        return PQI_ERR_UNSUPPORTED;
    }
    memset(out->id, 0, sizeof out->id);
    memcpy(out->id, c->device_id.ptr, c->device_id.len);
    out->id_len = (uint8_t)c->device_id.len;
    memcpy(out->key_id, c->key_id, PQI_KEY_ID_LEN);
    memcpy(out->cert_hash, cert_hash, 32);
    memcpy(out->issuer_kid, c->issuer_kid, PQI_KID_LEN);
    out->key_epoch = c->key_epoch;
    out->roster_index = c->roster_index;
    out->kem = kem;
    out->sig = sig;
    memset(out->kem_pk, 0, sizeof out->kem_pk);
    memset(out->sig_pk, 0, sizeof out->sig_pk);
    memcpy(out->kem_pk, c->kem_pk.ptr, c->kem_pk.len);
    if (sig_len != 0) {
        memcpy(out->sig_pk, c->sig_pk.ptr, sig_len);
    }
    memcpy(out->x25519_pk, c->x25519_pk.ptr, PQI_X25519_LEN);
    out->suites = c->suites;
    out->roles = c->roles;
    out->assurance = c->assurance;
    out->valid_from_epoch = c->valid_from_epoch;
    out->valid_to_epoch = c->valid_to_epoch;
    out->not_before = c->not_before;
    out->not_after = c->not_after;
    memset(out->scopes, 0, sizeof out->scopes);
    copy_scopes(c, out);
    return PQI_OK;
}

pqi_status pqi_ep_gate_keys(pqi_endpoint *e, pqi_peer *p)
{
    const pqi_gate_end own = {e->cert.device_id, e->cert.key_epoch};
    const pqi_gate_end peer = {{(const uint8_t *)p->id, p->id_len}, p->key_epoch};
    const pqi_algs *a = e->cfg.algs;
    pqi_provider *prov = e->cfg.provider;
    pqi_pk_note(&e->pk, PQI_PK_KEY_DH, 2);
    pqi_status st =
        pqi_v1_gate_key(a, prov, e->cfg.keys.x25519, p->x25519_pk, &peer, &own, p->gk_in);
    if (st == PQI_OK) {
        st = pqi_v1_gate_key(a, prov, e->cfg.keys.x25519, p->x25519_pk, &own, &peer, p->gk_out);
    }
    return st;
}

bool pqi_ep_self_revoked(const pqi_endpoint *e)
{
    return pqi_ctl_is_revoked(&e->ctl, e->cert.roster_index, e->cert.key_epoch) != 0;
}

void pqi_ep_apply_revocations(pqi_endpoint *e)
{
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        pqi_peer *p = &e->cfg.peers[i];
        if (!p->used) {
            continue;
        }
        const bool was = p->revoked != 0;
        p->revoked = pqi_ctl_is_revoked(&e->ctl, p->roster_index, p->key_epoch) != 0;
        if (p->revoked) {
            p->ready = 0;             /* INV-42 */
            pqi_ep_session_end(e, i); /* INV-58 */
            pqi_wipe(p->gk_in, sizeof p->gk_in);
            pqi_wipe(p->gk_out, sizeof p->gk_out);
        } else if (was && pqi_ct_is_zero_mask(p->cert_hash, sizeof p->cert_hash) == 0) {
            /* A new root took it back: its keys were verified and are still here. */
            p->ready = pqi_ep_gate_keys(e, p) == PQI_OK;
        }
    }
    const bool self = pqi_ep_self_revoked(e);
    for (size_t i = 0; self && i < e->cfg.n_peers; i++) {
        pqi_ep_session_end(e, i);
    }
}

bool pqi_ep_policy_ok(const pqi_endpoint *e, const pqi_peer *p)
{
    return pqi_policy_kem(&e->cfg.policy, p->kem) == PQI_OK &&
           (p->sig == NULL || pqi_policy_sig(&e->cfg.policy, p->sig) == PQI_OK);
}

/* The window check reads these four fields of a certificate and nothing else. */
pqi_status pqi_ep_window_ok(const pqi_peer *p, const pqi_now *now)
{
    pqi_cert c = {.valid_from_epoch = p->valid_from_epoch,
        .valid_to_epoch = p->valid_to_epoch,
        .not_before = p->not_before,
        .not_after = p->not_after};
    return pqi_cert_window(&c, now);
}

pqi_status pqi_ep_may_publish(const pqi_peer *p, pqi_cspan own, pqi_cspan topic, uint8_t *classes)
{
    if (pqi_ep_attest_topic(topic)) {
        const bool ours =
            pqi_ep_is_attest(topic, own, (pqi_cspan){(const uint8_t *)p->id, p->id_len});
        *classes = ours ? 1u << PQI_CLASS_L : 0u;
        return ours ? PQI_OK : PQI_ERR_ARG;
    }
    pqi_scope s[PQI_SCOPES_MAX];
    uint32_t n = p->n_scopes < PQI_SCOPES_MAX ? p->n_scopes : PQI_SCOPES_MAX;
    for (uint32_t i = 0; i < n; i++) {
        s[i] = (pqi_scope){{(const uint8_t *)p->scopes[i].prefix, p->scopes[i].len},
            p->scopes[i].rights, p->scopes[i].cls};
    }
    /* A packet does not say its class: the topic is the sender's if any class is. */
    return pqi_ident_scope_classes(s, n, topic, PQI_RIGHT_PUB, classes);
}

bool pqi_ep_is_mailbox(pqi_cspan topic, pqi_cspan id)
{
    static const pqi_cspan prefix = {PQI_LIT(PQI_TOPIC_MAILBOX)};
    size_t head = prefix.len + id.len;
    return pqi_ep_has_prefix(topic, prefix) && topic.len > head + 1u &&
           pqi_ct_eq(topic.ptr + prefix.len, id.ptr, id.len) && topic.ptr[head] == '/' &&
           pqi_id_check((pqi_cspan){topic.ptr + head + 1u, topic.len - head - 1u}) == PQI_OK;
}

static const pqi_cspan attest = {PQI_LIT(PQI_TOPIC_ATTEST)};

bool pqi_ep_attest_topic(pqi_cspan topic)
{
    return pqi_ep_has_prefix(topic, attest);
}

bool pqi_ep_is_attest(pqi_cspan topic, pqi_cspan to, pqi_cspan from)
{
    const size_t head = attest.len + to.len;
    return pqi_ep_attest_topic(topic) && topic.len == head + 1u + from.len &&
           pqi_ct_eq(topic.ptr + attest.len, to.ptr, to.len) && topic.ptr[head] == '/' &&
           pqi_ct_eq(topic.ptr + head + 1u, from.ptr, from.len);
}

bool pqi_ep_has_prefix(pqi_cspan topic, pqi_cspan prefix)
{
    return topic.len >= prefix.len && pqi_ct_eq(topic.ptr, prefix.ptr, prefix.len);
}
