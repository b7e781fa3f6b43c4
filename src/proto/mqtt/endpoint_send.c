/* SPDX-License-Identifier: Apache-2.0
 * Sending: docs/spec/v1.md section 4. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "base/wr.h"
#include "session/expiry.h"

/* docs/spec/registry.md: the offer of both certificates under our policy. */
static const pqi_suite *choose_suite(const pqi_endpoint *e, const pqi_peer *p)
{
    return pqi_suite_choose(
        e->cfg.algs, &e->cfg.policy, e->cert.suites & p->suites, p->kem->id, e->cfg.suite);
}

/* The gates, before and after it is known how old the healing of the session is. */
static pqi_status ask_gate(
    pqi_endpoint *e, const pqi_peer *p, const pqi_now *now, const pqi_outbound *msg, uint8_t level)
{
    const pqi_ep_deed d = {.peer = p,
        .topic = pqi_ep_acl_topic(msg->topic),
        .op = PQI_OP_SEND,
        .cls = msg->cls,
        .level = level};
    const pqi_reason r = pqi_ep_gate(e, now, &d);
    if (!pqi_ep_refused(e, r)) {
        return PQI_OK;
    }
    e->reason = r;
    return PQI_ERR_POLICY;
}

pqi_status pqi_ep_may_send(
    pqi_endpoint *e, size_t at, const pqi_now *now, const pqi_outbound *msg, uint8_t level)
{
    const pqi_reason r = msg->cls != PQI_CLASS_S ? pqi_ep_control_only(e, now, at) : PQI_REASON_OK;
    if (pqi_ep_refused(e, r)) {
        e->reason = r;
        return PQI_ERR_POLICY;
    }
    return level != 0 ? ask_gate(e, &e->cfg.peers[at], now, msg, level) : PQI_OK;
}

/* Everything that may forbid this message, before a number is spent on it. */
static pqi_status allowed(
    pqi_endpoint *e, const pqi_peer *p, const pqi_now *now, const pqi_outbound *msg, bool own)
{
    static const pqi_cspan reserved = {PQI_LIT("pq/4/")};
    if (!own && pqi_ep_has_prefix(msg->topic, reserved) &&
        !pqi_ep_is_mailbox(msg->topic, msg->peer)) {
        return PQI_ERR_POLICY;
    }
    if (!p->ready && !p->revoked && !pqi_ep_self_revoked(e)) {
        return PQI_ERR_MISSING;
    }
    if (!pqi_ep_policy_ok(e, p)) {
        return PQI_ERR_POLICY;
    }
    pqi_status st = pqi_ep_window_ok(p, now);
    if (st == PQI_OK) {
        st = pqi_cert_window(&e->cert, now);
    }
    if (st == PQI_OK && !own) {
        st = pqi_scope_check(e->cert.scopes, e->cert.n_scopes, msg->topic, PQI_RIGHT_PUB, msg->cls);
    }
    return st == PQI_OK ? ask_gate(e, p, now, msg, 0) : st;
}

/* The peer's prekey where there is one that it still has, by its own word and our clock. */
static bool use_prekey(const pqi_endpoint *e, const pqi_peer *p, const pqi_now *now, bool mailbox)
{
    const pqi_peer_prekey *k = &p->prekey;
    bool live = k->epoch != 0 && (k->until == 0 || now->unix_s <= k->until);
    return live && (mailbox || e->cfg.prekey_use != PQI_PREKEY_NEVER);
}

static void seal_to(const pqi_peer *p, bool prekey, pqi_v1_seal_in *in)
{
    if (prekey) {
        memcpy(in->kid_r, p->prekey.id, PQI_KID_LEN);
        in->ends.to = (pqi_box_peer){
            {p->prekey.kem_pk, p->kem->pk_len}, {p->prekey.x25519_pk, PQI_X25519_LEN}};
        in->ends.key_id_r = (pqi_cspan){p->key_id, PQI_KEY_ID_LEN};
    } else {
        memcpy(in->kid_r, p->key_id, PQI_KID_LEN);
        in->ends.to = (pqi_box_peer){{p->kem_pk, p->kem->pk_len}, {p->x25519_pk, PQI_X25519_LEN}};
    }
}

/* The next number, from a block that is on disk (INV-96). */
static pqi_status take_number(pqi_endpoint *e, size_t at, uint64_t *number)
{
    pqi_peer *p = &e->cfg.peers[at];
    uint64_t next = p->send_next != 0 ? p->send_next : 1;
    if (next > UINT64_MAX - PQI_SEQ_RESERVE) {
        return PQI_ERR_STATE; /* 2^64 messages: it needs a new key epoch */
    }
    if (next >= p->send_ceiling) {
        uint64_t ceiling = next + PQI_SEQ_RESERVE;
        pqi_status st = pqi_ep_save_seq(e, at, ceiling, p->recv_stored);
        if (st != PQI_OK) {
            return st;
        }
        p->send_ceiling = ceiling;
    }
    *number = next;
    p->send_next = next + 1;
    return PQI_OK;
}

static pqi_status send_v1(pqi_endpoint *e, size_t at, const pqi_now *now, const pqi_outbound *msg,
    pqi_span out, size_t *out_len)
{
    pqi_peer *p = &e->cfg.peers[at];
    bool mailbox = pqi_ep_is_mailbox(msg->topic, msg->peer);
    bool prekey = use_prekey(e, p, now, mailbox);
    if (!prekey && (mailbox || e->cfg.prekey_use == PQI_PREKEY_REQUIRE)) {
        return PQI_ERR_MISSING;
    }
    pqi_v1_seal_in in = {.suite = choose_suite(e, p),
        .sig_alg = pqi_algs_sig(e->cfg.algs, e->cert.sig_alg),
        .sig_key = e->cfg.keys.sig,
        .ends = {.id_s = e->cert.device_id,
            .id_r = {(const uint8_t *)p->id, p->id_len},
            .topic = msg->topic,
            .gk = p->gk_out},
        .plain = msg->payload,
        .not_after = msg->not_after,
        .cls = msg->cls};
    seal_to(p, prekey, &in);
    if (in.suite == NULL || in.sig_alg == NULL ||
        pqi_policy_sig(&e->cfg.policy, in.sig_alg) != PQI_OK) {
        return PQI_ERR_POLICY;
    }
    size_t need = pqi_v1_len(in.suite, in.sig_alg,
        msg->payload.len + (msg->not_after.kind != 0 ? PQI_V1_EXPIRY_LEN : 0u));
    if (out.ptr == NULL || out.len < need) {
        *out_len = need;
        return PQI_ERR_SPACE;
    }
    memcpy(in.kid_s, e->cert.key_id, PQI_KID_LEN);
    pqi_status st = take_number(e, at, &in.seq);
    if (st == PQI_OK) {
        pqi_pk_note(&e->pk, PQI_PK_KEM_ENCAPS, 1);
        pqi_pk_note(&e->pk, PQI_PK_X25519_PUBLIC, 1);
        pqi_pk_note(&e->pk, PQI_PK_X25519, 1);
        pqi_pk_note(&e->pk, PQI_PK_KEY_SIGN, 1);
        st = pqi_v1_seal(e->cfg.algs, e->cfg.provider, &in, pqi_ep_work(e), out, out_len);
    }
    return st;
}

/* A session where there is one. v1 stands in only for a session that is not there yet, only where both the
 * endpoint's policy and the message allow it, and never for one that refuses the message. */
static pqi_status send_by_policy(pqi_endpoint *e, size_t at, const pqi_now *now,
    const pqi_outbound *msg, pqi_span out, size_t *out_len)
{
    const bool too_long = msg->payload.len > PQI_SESSION_MESSAGE_MAX;
    const bool can_v1 = msg->via != PQI_VIA_SESSION && pqi_ep_v1_allowed(e);
    if (e->sessions == NULL || msg->via == PQI_VIA_V1 || (too_long && can_v1) ||
        pqi_ep_is_mailbox(msg->topic, msg->peer)) {
        return can_v1                ? send_v1(e, at, now, msg, out, out_len)
               : e->sessions == NULL ? PQI_ERR_UNSUPPORTED
                                     : PQI_ERR_POLICY;
    }
    pqi_status st = pqi_ep_session_send(e, at, now, msg, out, out_len);
    return st == PQI_ERR_MISSING && can_v1 && e->cert.sig_alg != 0
               ? send_v1(e, at, now, msg, out, out_len)
               : st;
}

static bool is_message(const pqi_outbound *msg)
{
    uint8_t frame[PQI_EXPIRY_LEN];
    bool expires = msg->not_after.kind != 0;
    size_t most = PQI_V1_PLAIN_MAX - (expires ? PQI_V1_EXPIRY_LEN : 0u);
    return msg->payload.len <= most &&
           (!expires || pqi_expiry_write(&msg->not_after, frame) == PQI_OK);
}

/* own: it is the endpoint's, no application's. */
static pqi_status send_it(pqi_endpoint *e, const pqi_now *now, const pqi_outbound *msg, bool own,
    pqi_span out, size_t *out_len)
{
    *out_len = 0;
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    e->seen = *now;
    e->reason = PQI_REASON_OK;
    size_t at = msg->peer.len <= PQI_ID_MAX ? pqi_ep_by_id(e, msg->peer) : PQI_EP_NO_PEER;
    if (at == PQI_EP_NO_PEER) {
        return PQI_ERR_MISSING;
    }
    pqi_peer *p = &e->cfg.peers[at];
    pqi_status st = allowed(e, p, &then, msg, own);
    if (st != PQI_OK) {
        return st;
    }
    st = send_by_policy(e, at, &then, msg, out, out_len);
    e->sent += st == PQI_OK ? 1u : 0u;
    return st;
}

pqi_status pqi_endpoint_send(
    pqi_endpoint *e, const pqi_now *now, const pqi_outbound *msg, pqi_span out, size_t *out_len)
{
    if (e == NULL || now == NULL || msg == NULL || out_len == NULL || msg->peer.ptr == NULL ||
        msg->topic.ptr == NULL || msg->topic.len == 0 || msg->topic.len > PQI_TOPIC_MAX ||
        (msg->payload.ptr == NULL && msg->payload.len != 0) || !is_message(msg)) {
        return PQI_ERR_ARG;
    }
    return send_it(e, now, msg, false, out, out_len);
}

pqi_status pqi_endpoint_send_attest(pqi_endpoint *e, const pqi_now *now, pqi_cspan peer,
    pqi_cspan payload, char topic[PQI_TOPIC_MAX], pqi_span out, size_t *out_len)
{
    static const pqi_cspan head = {PQI_LIT(PQI_TOPIC_ATTEST)}, slash = {PQI_LIT("/")};
    size_t len = 0;
    if (e == NULL || now == NULL || topic == NULL || out_len == NULL || payload.ptr == NULL ||
        payload.len == 0 || pqi_id_check(peer) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    topic[0] = 0;
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    wr w = wr_of((pqi_span){(uint8_t *)topic, PQI_TOPIC_MAX - 1u});
    wr_bytes(&w, head);
    wr_bytes(&w, peer);
    wr_bytes(&w, slash);
    wr_bytes(&w, e->cert.device_id);
    const pqi_status st = wr_done(&w, &len);
    const pqi_outbound msg = {.peer = peer,
        .topic = {(const uint8_t *)topic, len},
        .payload = payload,
        .cls = PQI_CLASS_L};
    if (st != PQI_OK || !is_message(&msg)) {
        topic[0] = 0;
        return PQI_ERR_ARG;
    }
    topic[len] = 0;
    return send_it(e, now, &msg, true, out, out_len);
}
