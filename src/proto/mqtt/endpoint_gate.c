/* SPDX-License-Identifier: Apache-2.0
 * Questions to the gates: what is known, put together for pqi_gate(), which decides. docs/spec/gates.md. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"

/* Number of the attestation policy in force; none under another root manifest than it was told under, where
 * policies are numbered anew. */
static uint32_t in_force(const pqi_endpoint *e)
{
    return e->attest_root == e->ctl.manifest.root_version ? e->attest_seq : 0;
}

/* Does the policy's demand for attestation hold the peer back? Without the certificate's word that it can be
 * attested always; else with messages, unless there is a verdict that is good for the key it uses and the
 * policy in force. A session may be made before: that is where it is asked. */
static bool unattested(const pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d)
{
    const pqi_peer *p = d->peer;
    if ((p->assurance & PQI_ASSURE_ATTESTED_BOOT) == 0) {
        return true;
    }
    if (d->op != PQI_OP_SEND && d->op != PQI_OP_RECEIVE) {
        return false;
    }
    const bool good = p->attest_seq != 0 && p->attest_seq == in_force(e) &&
                      now->mono_ms < p->attest_until_ms &&
                      pqi_ct_eq(p->attest_key, p->key_id, PQI_KEY_ID_LEN) != 0;
    return !good;
}

/* The fleet's demands on a peer for a class, and what it shows. */
static unsigned peer_flags(
    const pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d, pqi_class cls)
{
    const pqi_policy_rules *r = &e->ctl.policy.rules;
    const pqi_peer *p = d->peer;
    if (p == NULL) {
        return 0;
    }
    unsigned f = p->revoked ? PQI_GATE_PEER_REVOKED : 0u;
    if ((r->flags & PQI_POLICY_ROSTER) != 0 && !pqi_ctl_roster_counts(&e->ctl, p->roster_seq)) {
        f |= PQI_GATE_ROSTER;
    }
    if ((uint32_t)cls <= PQI_CLASS_S && (r->assurance[cls] & ~p->assurance) != 0) {
        f |= PQI_GATE_ASSURANCE;
    }
    if ((r->flags & PQI_POLICY_ATTEST) != 0 && unattested(e, now, d)) {
        f |= PQI_GATE_ATTEST;
    }
    return f;
}

pqi_cspan pqi_ep_acl_topic(pqi_cspan topic)
{
    return pqi_ep_attest_topic(topic) ? (pqi_cspan){NULL, 0} : topic;
}

/* The policy's list and its fail-safe topics. Who publishes: the peer on receiving, we on sending. */
static unsigned topic_flags(const pqi_endpoint *e, const pqi_ep_deed *d, pqi_class cls)
{
    const pqi_policy *x = &e->ctl.policy;
    uint8_t classes = 0;
    if (d->topic.len == 0) {
        return 0;
    }
    if ((uint32_t)cls > PQI_CLASS_S) {
        return PQI_GATE_ACL;
    }
    const bool own = d->op == PQI_OP_SEND;
    const pqi_cspan who = own || d->peer == NULL
                              ? e->cert.device_id
                              : (pqi_cspan){(const uint8_t *)d->peer->id, d->peer->id_len};
    unsigned f = 0;
    if (pqi_policy_acl(x, who, d->topic, PQI_RIGHT_PUB, &classes) != PQI_OK ||
        (classes & (1u << (unsigned)cls)) == 0) {
        f |= PQI_GATE_ACL;
    }
    if (cls == PQI_CLASS_S && !pqi_policy_is_fail_safe(x, d->topic)) {
        f |= PQI_GATE_NOT_FAIL_SAFE;
    }
    return f;
}

/* A handshake and learning a peer count as H, going on with a session as L, one for class S alone as S: demands on the peer are those of
 * that class. */
static pqi_class counts_as(const pqi_ep_deed *d)
{
    if (d->op == PQI_OP_HANDSHAKE || d->op == PQI_OP_PEER) {
        return PQI_CLASS_H;
    }
    if (d->op == PQI_OP_STOP) {
        return PQI_CLASS_S;
    }
    return d->op == PQI_OP_RESUME ? PQI_CLASS_L : d->cls;
}

static unsigned heal_flags(uint8_t level)
{
    return (level >= 2u ? PQI_GATE_HEAL_HIGH : 0u) | (level >= 3u ? PQI_GATE_HEAL_STOP : 0u);
}

pqi_reason pqi_ep_gate(const pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d)
{
    const pqi_class cls = counts_as(d);
    const bool witness = d->peer != NULL && (d->peer->roles & PQI_CERT_ROLE_WITNESS) != 0;
    const pqi_gate_in in = {
        .fresh = pqi_ctl_fresh(&e->ctl, now, d->topic),
        .flags = pqi_ctl_flags(&e->ctl, now) | peer_flags(e, now, d, cls) | topic_flags(e, d, cls) |
                 heal_flags(d->level),
        .op = d->op,
        .cls = cls,
        .known = !d->newcomer,
        .grace = pqi_ctl_grace(&e->ctl, now) != 0,
        .witness = witness && !d->no_witness,
    };
    return pqi_gate(&in);
}

/* ---- sessions that are made as an exception ------------------------------------------------------ */

static bool says_stop(uint8_t rights, unsigned cls)
{
    return (rights & PQI_RIGHT_PUB) != 0 && cls == PQI_CLASS_S;
}

/* Has class S no other way than a session with this peer, and may one of the ends say it? Where v1 packets go
 * both ways they carry it. */
static bool stop_needs(const pqi_endpoint *e, const pqi_peer *p)
{
    bool any = false;
    if (pqi_ep_v1_allowed(e) && p->sig != NULL && e->cert.sig_alg != 0) {
        return false;
    }
    for (uint32_t i = 0; i < p->n_scopes && i < PQI_SCOPES_MAX; i++) {
        any = any || says_stop(p->scopes[i].rights, p->scopes[i].cls);
    }
    for (uint32_t i = 0; i < e->cert.n_scopes && i < PQI_SCOPES_MAX; i++) {
        any = any || says_stop(e->cert.scopes[i].rights, (unsigned)e->cert.scopes[i].cls);
    }
    return any;
}

pqi_reason pqi_ep_gate_session(
    const pqi_endpoint *e, const pqi_now *now, const pqi_peer *p, pqi_op op, bool *exception)
{
    pqi_ep_deed d = {.peer = p, .op = op, .no_witness = true};
    const pqi_reason plain = pqi_ep_gate(e, now, &d);
    *exception = false;
    if (pqi_reason_allows(plain)) {
        return plain;
    }
    d.no_witness = false;
    pqi_reason r = pqi_ep_gate(e, now, &d);
    if (!pqi_reason_allows(r) && stop_needs(e, p)) {
        d.op = PQI_OP_STOP;
        r = pqi_ep_gate(e, now, &d);
    }
    *exception = pqi_reason_allows(r);
    return *exception ? r : plain;
}

bool pqi_ep_refused(pqi_endpoint *e, pqi_reason r)
{
    if (pqi_reason_allows(r)) {
        return false;
    }
    e->refused_by[(uint32_t)r < PQI_REASON_COUNT_ ? r : PQI_REASON_UNKNOWN]++;
    return true;
}

void pqi_ep_close_event(pqi_endpoint *e, pqi_reason r, pqi_event *ev)
{
    (void)pqi_ep_refused(e, r);
    pqi_ep_drop(ev, PQI_DROP_CLOSED);
    ev->reason = r;
}

pqi_drop pqi_ep_gate_classes(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d, uint8_t *classes, pqi_event *ev)
{
    pqi_reason first = PQI_REASON_OK;
    uint8_t left = 0;
    for (unsigned c = PQI_CLASS_L; c <= PQI_CLASS_S; c++) {
        pqi_ep_deed one = *d;
        one.cls = (pqi_class)c;
        if ((*classes & (1u << c)) == 0) {
            continue;
        }
        const pqi_reason r = pqi_ep_gate(e, now, &one);
        if (pqi_reason_allows(r)) {
            left |= (uint8_t)(1u << c);
            ev->marked |= r == PQI_REASON_MARKED;
        } else if (first == PQI_REASON_OK) {
            first = r;
        }
    }
    *classes = left;
    if (left != 0) {
        return PQI_DROP_NONE;
    }
    (void)pqi_ep_refused(e, first);
    ev->reason = first;
    ev->marked = 0;
    return PQI_DROP_CLOSED;
}

pqi_reason pqi_endpoint_reason(const pqi_endpoint *e)
{
    return e != NULL ? e->reason : PQI_REASON_OK;
}

/* ---- attestation --------------------------------------------------------------------------------- */

pqi_status pqi_endpoint_attest_policy(pqi_endpoint *e, uint32_t seq)
{
    if (e == NULL) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < e->cfg.n_peers && seq != in_force(e); i++) {
        e->cfg.peers[i].attest_seq = 0;
    }
    e->attest_seq = seq;
    e->attest_root = e->ctl.manifest.root_version;
    return PQI_OK;
}

pqi_status pqi_endpoint_set_attested(pqi_endpoint *e, pqi_cspan peer,
    const uint8_t key_id[PQI_KEY_ID_LEN], uint32_t seq, uint64_t until_ms)
{
    if (e == NULL || key_id == NULL) {
        return PQI_ERR_ARG;
    }
    const size_t at = pqi_ep_by_id(e, peer);
    if (at == PQI_EP_NO_PEER) {
        return PQI_ERR_MISSING;
    }
    pqi_peer *p = &e->cfg.peers[at];
    if (until_ms == 0) {
        p->attest_seq = 0;
        return PQI_OK;
    }
    if (seq == 0 || seq != in_force(e) || pqi_ct_eq(key_id, p->key_id, PQI_KEY_ID_LEN) == 0) {
        return PQI_ERR_STATE;
    }
    memcpy(p->attest_key, key_id, PQI_KEY_ID_LEN);
    p->attest_seq = seq;
    p->attest_until_ms = until_ms;
    return PQI_OK;
}
