/* SPDX-License-Identifier: Apache-2.0 */
#include "adversary/insider.h"

#include "proto/mqtt/endpoint_int.h"
#include "session/v1.h"
#include <string.h>

static pqi_peer *find(pqi_endpoint *e, pqi_cspan id)
{
    size_t at = pqi_ep_by_id(e, id);
    return at == PQI_EP_NO_PEER ? NULL : &e->cfg.peers[at];
}

void adv_widen_scope(pqi_endpoint *e, const char *prefix)
{
    for (uint32_t i = 0; i < e->cert.n_scopes; i++) {
        e->cert.scopes[i].prefix = (pqi_cspan){(const uint8_t *)prefix, strlen(prefix)};
    }
}

void adv_leap(pqi_endpoint *e, pqi_cspan peer, uint64_t gap)
{
    pqi_peer *p = find(e, peer);
    if (p != NULL) {
        p->send_next += gap;
    }
}

static pqi_v1_ends ends_of(const pqi_endpoint *e, const pqi_peer *p, pqi_cspan topic)
{
    return (pqi_v1_ends){.id_s = e->cert.device_id,
        .id_r = {(const uint8_t *)p->id, p->id_len},
        .topic = topic,
        .to = {{p->kem_pk, p->kem->pk_len}, {p->x25519_pk, PQI_X25519_LEN}},
        .gk = p->gk_out};
}

/* docs/spec/v1.md section 3, written here once more: an attacker has code of his own. */
pqi_status adv_regate(pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, uint8_t *packet, size_t len)
{
    static const char label[] = "PQI4 v1 gate";
    const pqi_peer *p = find(e, peer);
    const size_t skip = PQI_V1_HDR + PQI_V1_GATE;
    pqi_v1_post post;
    if (p == NULL || len < skip) {
        return PQI_ERR_MISSING;
    }
    const pqi_v1_ends ends = ends_of(e, p, topic);
    pqi_status st = pqi_v1_post_of(&ends, &post);
    const pqi_cspan parts[] = {{(const uint8_t *)label, sizeof label - 1}, {post.b, post.len},
        {packet, PQI_V1_HDR}, {packet + skip, len - skip}};
    uint8_t mac[PQI_HASH_MAX];
    if (st == PQI_OK) {
        st = e->cfg.algs->classic->hmac(
            PQI_HASH_SHA256, (pqi_cspan){p->gk_out, PQI_GATE_KEY}, parts, 4, mac);
    }
    if (st == PQI_OK) {
        memcpy(packet + PQI_V1_HDR, mac, PQI_V1_GATE);
    }
    return st;
}

pqi_status adv_resign(
    pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, int unnamed, uint8_t *packet, size_t len)
{
    static const char salt[] = "PQI4 v1", info[] = "v1 k", domain[] = "PQI4 v1 sig";
    const pqi_algs *a = e->cfg.algs;
    const pqi_peer *p = find(e, peer);
    pqi_v1_packet k;
    pqi_v1_post post;
    if (p == NULL || len < PQI_V1_HDR) {
        return PQI_ERR_MISSING;
    }
    memcpy(packet + 4, e->cert.key_id, PQI_KID_LEN);
    pqi_status st = pqi_v1_parse(a, (pqi_cspan){packet, len}, &k);
    const pqi_v1_ends ends = ends_of(e, p, topic);
    if (st == PQI_OK) {
        st = pqi_v1_post_of(&ends, &post);
    }
    const size_t own = 2u + e->cert.device_id.len, head = 4u + 2u * PQI_KID_LEN;
    pqi_box_ctx ctx = {{(const uint8_t *)salt, sizeof salt - 1},
        {(const uint8_t *)info, sizeof info - 1}, {packet, PQI_V1_HDR}, {post.b, post.len}};
    if (unnamed) {
        ctx.pre = (pqi_cspan){packet + head, PQI_V1_HDR - head};
        ctx.post = (pqi_cspan){post.b + own, post.len - own};
    }
    uint8_t bind[PQI_BOX_BIND_MAX], h[PQI_HASH_MAX];
    if (st == PQI_OK) {
        st = pqi_box_bind(a, k.suite, &ends.to, &ctx, k.capsule, bind);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {{bind, pqi_hash_len(k.suite->hash)}, k.ct};
        st = a->classic->hash(k.suite->hash, parts, 2, h);
    }
    if (st == PQI_OK) {
        const pqi_cspan part = {h, pqi_hash_len(k.suite->hash)};
        size_t n = 0;
        st = pqi_provider_sign(e->cfg.provider, e->cfg.keys.sig,
            (pqi_cspan){(const uint8_t *)domain, sizeof domain - 1}, &part, 1,
            (pqi_span){packet + (len - k.sig.len), k.sig.len}, &n);
    }
    return st == PQI_OK ? adv_regate(e, peer, topic, packet, len) : st;
}

static pqi_status zero_public(uint8_t pk[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN])
{
    (void)sk;
    memset(pk, 0, PQI_X25519_LEN);
    return PQI_OK;
}

static pqi_status zero_secret(
    uint8_t ss[PQI_X25519_LEN], const uint8_t sk[PQI_X25519_LEN], const uint8_t pk[PQI_X25519_LEN])
{
    (void)pk;
    return zero_public(ss, sk);
}

pqi_status adv_low_order(
    pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, pqi_cspan text, pqi_span out, size_t *len)
{
    pqi_peer *p = find(e, peer);
    if (p == NULL) {
        return PQI_ERR_MISSING;
    }
    pqi_classic c = *e->cfg.algs->classic;
    c.x25519_public = zero_public;
    c.x25519 = zero_secret;
    pqi_algs a = *e->cfg.algs;
    a.classic = &c;
    pqi_v1_seal_in in = {
        .suite = pqi_suite_choose(&a, &e->cfg.policy, e->cert.suites & p->suites, p->kem->id, NULL),
        .sig_alg = pqi_algs_sig(&a, e->cert.sig_alg),
        .sig_key = e->cfg.keys.sig,
        .seq = ++p->send_next,
        .ends = ends_of(e, p, topic),
        .plain = text};
    memcpy(in.kid_s, e->cert.key_id, PQI_KID_LEN);
    memcpy(in.kid_r, p->key_id, PQI_KID_LEN);
    return pqi_v1_seal(&a, e->cfg.provider, &in, pqi_ep_work(e), out, len);
}
