/* SPDX-License-Identifier: Apache-2.0
 * Receiving: dispatch, and v1 packets in the order of docs/spec/v1.md section 4. Each check costs at
 * most as much as the next one; nothing is changed before all have passed, buckets and counters
 * aside. */
#include "proto/mqtt/endpoint_int.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/replay.h"

#include <pqi/wipe.h>

void pqi_ep_drop(pqi_event *ev, pqi_drop why)
{
    ev->kind = PQI_EV_DROP;
    ev->drop = why;
    ev->plain = (pqi_cspan){NULL, 0};
}

void pqi_ep_name(pqi_event *ev, const pqi_peer *p)
{
    memcpy(ev->peer, p->id, sizeof ev->peer);
    ev->key_epoch = p->key_epoch;
}

/* Steps 2 and 3: the bytes, and that they are for us in a suite of ours. */
static pqi_drop split(const pqi_endpoint *e, pqi_cspan in, pqi_v1_packet *k)
{
    pqi_status st = pqi_v1_parse(e->cfg.algs, in, k);
    if (st != PQI_OK) {
        return st == PQI_ERR_UNSUPPORTED ? PQI_DROP_SUITE : PQI_DROP_DECODE;
    }
    if (!pqi_ct_eq(k->kid_r, e->cert.key_id, PQI_KID_LEN)) {
        return PQI_DROP_NOT_FOR_US;
    }
    if ((k->suite->bitmap & e->cert.suites) == 0 || k->suite->kem->id != e->cert.kem_alg) {
        return PQI_DROP_SUITE;
    }
    return pqi_policy_suite(&e->cfg.policy, k->suite) == PQI_OK ? PQI_DROP_NONE : PQI_DROP_POLICY;
}

/* Steps 4 to 7: what is known about the sender, no cryptography. */
static pqi_drop admit(const pqi_endpoint *e, const pqi_peer *p, const pqi_v1_packet *k,
    const pqi_now *now, pqi_cspan topic, uint8_t *classes)
{
    if (p->revoked) {
        return PQI_DROP_REVOKED;
    }
    if (!p->ready) {
        return PQI_DROP_UNKNOWN;
    }
    if (pqi_ep_window_ok(p, now) != PQI_OK) {
        return PQI_DROP_EXPIRED;
    }
    if ((k->suite->bitmap & p->suites) == 0) {
        return PQI_DROP_SUITE;
    }
    if (!pqi_ep_policy_ok(e, p)) {
        return PQI_DROP_POLICY;
    }
    pqi_status st = pqi_ep_may_publish(p, topic, classes);
    if (st != PQI_OK) {
        return st == PQI_ERR_POLICY ? PQI_DROP_SCOPE : PQI_DROP_TOPIC;
    }
    if (pqi_window_peek(&p->window, e->cfg.limits.window_bits, k->seq) != PQI_OK) {
        return PQI_DROP_REPLAY;
    }
    return PQI_DROP_NONE;
}

/* Step 9. The peer's bucket goes first, so that one peer cannot empty the common one (INV-97). */
static bool charge(pqi_endpoint *e, pqi_peer *p, const pqi_now *now)
{
    const pqi_limits *l = &e->cfg.limits;
    if (!pqi_bucket_take(&p->sig_bucket, &l->peer_sig, now->mono_ms)) {
        return false;
    }
    if (!pqi_bucket_take(&e->global_sig, &l->global_sig, now->mono_ms)) {
        pqi_bucket_refund(&p->sig_bucket, &l->peer_sig);
        return false;
    }
    return true;
}

/* A failure that the packet causes has the given name; any other one is ours. */
static pqi_drop blame(pqi_status st, pqi_drop of_packet)
{
    if (st == PQI_OK) {
        return PQI_DROP_NONE;
    }
    return st == PQI_ERR_AUTH || st == PQI_ERR_DECODE ? of_packet : PQI_DROP_STATE;
}

/* A number so far ahead that it moves the mark on disk by itself keeps its tokens: an insider that only
 * leaps would else write to the medium with every message, as fast as the wire. */
static bool leaps(const pqi_peer *p, uint64_t seq)
{
    return seq > p->recv_stored && seq - p->window.high > PQI_HIGH_RESERVE;
}

/* Steps 8 to 11: gate, budgets, signature, box. */
static pqi_drop authenticate(pqi_endpoint *e, pqi_peer *p, const pqi_v1_packet *k,
    const pqi_now *now, const pqi_v1_ends *ends, pqi_span plain)
{
    const pqi_algs *a = e->cfg.algs;
    pqi_drop d = blame(pqi_v1_check_gate(a, k, ends), PQI_DROP_GATE);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (!charge(e, p, now)) {
        return PQI_DROP_BUDGET;
    }
    const pqi_cspan pk = {p->sig_pk, p->sig->pk_len};
    d = blame(pqi_v1_check_sig(a, k, ends, p->sig, pk, pqi_ep_work(e)), PQI_DROP_SIGNATURE);
    if (d == PQI_DROP_NONE) {
        d = blame(
            pqi_v1_open(a, e->cfg.provider, e->cfg.keys.kem, e->cfg.keys.x25519, k, ends, plain),
            PQI_DROP_SEALED);
    }
    if (d == PQI_DROP_NONE && !leaps(p, k->seq)) {
        pqi_bucket_refund(&p->sig_bucket, &e->cfg.limits.peer_sig);
        pqi_bucket_refund(&e->global_sig, &e->cfg.limits.global_sig);
    }
    return d;
}

/* Steps 12 and 13: the mark is on disk before the number counts as seen, and the number counts as
 * seen before anybody reads the message. */
static pqi_drop commit(pqi_endpoint *e, size_t at, uint64_t seq)
{
    pqi_peer *p = &e->cfg.peers[at];
    if (seq > p->recv_stored) {
        uint64_t mark = seq <= UINT64_MAX - PQI_HIGH_RESERVE ? seq + PQI_HIGH_RESERVE : UINT64_MAX;
        if (pqi_ep_save_seq(e, at, p->send_ceiling, mark) != PQI_OK) {
            return PQI_DROP_STATE;
        }
        p->recv_stored = mark;
    }
    pqi_status st = pqi_window_commit(&p->window, e->cfg.limits.window_bits, seq);
    return st == PQI_OK ? PQI_DROP_NONE : PQI_DROP_REPLAY;
}

void pqi_ep_on_packet(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    pqi_v1_packet k;
    pqi_drop d =
        in->payload.len > e->cfg.limits.packet_max ? PQI_DROP_SIZE : split(e, in->payload, &k);
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    size_t at = pqi_ep_by_kid(e, k.kid_s);
    if (at == PQI_EP_NO_PEER) {
        pqi_ep_drop(ev, PQI_DROP_UNKNOWN);
        return;
    }
    pqi_peer *p = &e->cfg.peers[at];
    uint8_t classes = 0;
    pqi_ep_name(ev, p);
    d = admit(e, p, &k, now, in->topic, &classes);
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    const pqi_v1_ends ends = {{(const uint8_t *)p->id, p->id_len}, e->cert.device_id, in->topic,
        {e->cert.kem_pk, e->cert.x25519_pk}, p->gk_in};
    const pqi_span out = {plain.ptr, k.ct.len - PQI_AEAD_TAG};
    d = authenticate(e, p, &k, now, &ends, out);
    if (d == PQI_DROP_NONE) {
        d = commit(e, at, k.seq);
    }
    if (d != PQI_DROP_NONE) {
        pqi_wipe(out.ptr, out.len);
        pqi_ep_drop(ev, d);
        return;
    }
    ev->kind = PQI_EV_MESSAGE;
    ev->classes = classes;
    ev->seq = k.seq;
    ev->plain = (pqi_cspan){out.ptr, out.len};
}

static bool is_topic(pqi_cspan topic, pqi_cspan want)
{
    return topic.len == want.len && pqi_ct_eq(topic.ptr, want.ptr, want.len);
}

pqi_status pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    if (e == NULL || now == NULL || in == NULL || ev == NULL || plain.ptr == NULL ||
        (in->topic.ptr == NULL && in->topic.len != 0) ||
        (in->payload.ptr == NULL && in->payload.len != 0)) {
        return PQI_ERR_ARG;
    }
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    if (plain.len < e->cfg.limits.packet_max) {
        return PQI_ERR_ARG;
    }
    static const pqi_cspan revocations = {PQI_LIT(PQI_TOPIC_REVOCATIONS)};
    static const pqi_cspan announce = {PQI_LIT(PQI_TOPIC_ANNOUNCE)};
    memset(ev, 0, sizeof *ev);
    if (in->topic.len == 0 || in->topic.len > PQI_TOPIC_MAX) {
        pqi_ep_drop(ev, PQI_DROP_TOPIC);
    } else if (is_topic(in->topic, revocations)) {
        pqi_ep_on_revocations(e, now, in, ev);
    } else if (pqi_ep_has_prefix(in->topic, announce)) {
        pqi_ep_on_announce(e, now, in, ev);
    } else {
        pqi_ep_on_packet(e, now, in, plain, ev);
    }
    if (ev->kind == PQI_EV_DROP) {
        e->drops[ev->drop]++;
    }
    e->accepted += ev->kind == PQI_EV_MESSAGE ? 1u : 0u;
    return PQI_OK;
}
