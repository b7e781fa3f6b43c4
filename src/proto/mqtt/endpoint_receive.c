/* SPDX-License-Identifier: Apache-2.0
 * Receiving: dispatch, and v1 packets in the order of docs/spec/v1.md section 4. Each check costs at
 * most as much as the next one; nothing is changed before all have passed, buckets and counters
 * aside. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/expiry.h"
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

/* A packet on its way through the checks. */
typedef struct arrival {
    pqi_v1_packet k;
    const pqi_own_prekey *prekey; /* NULL: our static keys */
    pqi_v1_ends ends;
    uint8_t classes;
} arrival;

/* Steps 2 and 3: the bytes, and that they are for us in a suite of ours. */
static pqi_drop split(
    const pqi_endpoint *e, const pqi_now *now, pqi_cspan in, bool mailbox, arrival *v)
{
    pqi_v1_packet *k = &v->k;
    pqi_status st = pqi_v1_parse(e->cfg.algs, in, k);
    if (st != PQI_OK) {
        return st == PQI_ERR_UNSUPPORTED ? PQI_DROP_SUITE : PQI_DROP_DECODE;
    }
    if (k->type == PQI_V1_T_PREKEY) {
        v->prekey = pqi_ep_prekey_find(e, now, k->kid_r);
        if (v->prekey == NULL) {
            return PQI_DROP_PREKEY;
        }
    } else if (mailbox) {
        return PQI_DROP_PREKEY; /* what lies at the broker for months is not for static keys */
    } else if (!pqi_ct_eq(k->kid_r, e->cert.key_id, PQI_KID_LEN)) {
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
    if (p->sig == NULL) {
        return PQI_DROP_SIGNATURE; /* certified without a signing key: no v1 packet is its own */
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
    pqi_status st = pqi_ep_may_publish(p, e->cert.device_id, topic, classes);
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

/* Steps 8 to 11: gate, budgets, signature, box. The public keys of a prekey are made from its seed in some
 * providers, so they are not asked for before the gate. */
static pqi_drop authenticate(
    pqi_endpoint *e, pqi_peer *p, const pqi_now *now, arrival *v, pqi_span plain)
{
    const pqi_algs *a = e->cfg.algs;
    const pqi_v1_packet *k = &v->k;
    pqi_v1_ends *ends = &v->ends;
    pqi_ep_pair own = {e->cfg.keys.kem, e->cfg.keys.x25519, ends->to};
    pqi_drop d = blame(pqi_v1_check_gate(a, k, ends), PQI_DROP_GATE);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    if (!charge(e, p, now)) {
        return PQI_DROP_BUDGET;
    }
    if (v->prekey != NULL && pqi_ep_prekey_pair(e, v->prekey, &own) != PQI_OK) {
        return PQI_DROP_STATE;
    }
    ends->to = own.to;
    const pqi_cspan pk = {p->sig_pk, p->sig->pk_len};
    pqi_pk_note(&e->pk, PQI_PK_VERIFY, 1);
    d = blame(pqi_v1_check_sig(a, k, ends, p->sig, pk, pqi_ep_work(e)), PQI_DROP_SIGNATURE);
    if (d == PQI_DROP_NONE) {
        pqi_pk_note(&e->pk, PQI_PK_KEY_DECAPS, 1);
        pqi_pk_note(&e->pk, PQI_PK_KEY_DH, 1);
        d = blame(
            pqi_v1_open(a, e->cfg.provider, own.kem, own.x25519, k, ends, plain), PQI_DROP_SEALED);
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

/* Step 14: what an authentic message says about its own class and time, and what the gates say of that. Its
 * number is used up whatever comes of it: a message that was refused once is not carried out at its next
 * delivery. */
static pqi_drop unwrap(pqi_endpoint *e, const pqi_peer *p, const arrival *v, const pqi_now *now,
    pqi_cspan plain, pqi_event *ev)
{
    pqi_v1_inner inner;
    if (pqi_v1_read_inner(&v->k, plain, &inner) != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    uint8_t classes = v->classes;
    if (inner.not_after.kind != 0) {
        classes &= (uint8_t)(1u << inner.cls);
    }
    if (classes == 0) {
        return PQI_DROP_SCOPE;
    }
    const pqi_expiry_clock clock = pqi_ep_clock(e, now);
    pqi_expiry_state state = pqi_expiry_judge(&inner.not_after, &clock);
    if (!pqi_expiry_delivers(state, inner.cls)) {
        return state == PQI_EXPIRY_PAST ? PQI_DROP_LATE : PQI_DROP_TIME;
    }
    const pqi_ep_deed deed = {
        .peer = p, .topic = pqi_ep_acl_topic(v->ends.topic), .op = PQI_OP_RECEIVE};
    const pqi_drop d = pqi_ep_gate_classes(e, now, &deed, &classes, ev);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    ev->classes = classes;
    ev->expiry = state;
    ev->plain = inner.message;
    return PQI_DROP_NONE;
}

void pqi_ep_on_packet(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    arrival v;
    memset(&v, 0, sizeof v);
    const pqi_v1_packet *k = &v.k;
    bool mailbox = pqi_ep_is_mailbox(in->topic, e->cert.device_id);
    static const pqi_cspan mailboxes = {PQI_LIT(PQI_TOPIC_MAILBOX)};
    if (!mailbox && (in->retained != 0 || pqi_ep_has_prefix(in->topic, mailboxes))) {
        pqi_ep_drop(ev, in->retained != 0 ? PQI_DROP_RETAINED : PQI_DROP_TOPIC);
        return;
    }
    if (mailbox && in->payload.len == 0) {
        return; /* the slot was emptied */
    }
    pqi_drop d = in->payload.len > e->cfg.limits.packet_max
                     ? PQI_DROP_SIZE
                     : split(e, now, in->payload, mailbox, &v);
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    size_t at = pqi_ep_by_kid(e, k->kid_s);
    if (at == PQI_EP_NO_PEER) {
        pqi_ep_drop(ev, PQI_DROP_UNKNOWN);
        return;
    }
    pqi_peer *p = &e->cfg.peers[at];
    pqi_ep_name(ev, p);
    d = admit(e, p, k, now, in->topic, &v.classes);
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    v.ends = (pqi_v1_ends){{(const uint8_t *)p->id, p->id_len}, e->cert.device_id, in->topic,
        {e->cert.kem_pk, e->cert.x25519_pk}, p->gk_in,
        {e->cert.key_id, v.prekey != NULL ? PQI_KEY_ID_LEN : 0u}};
    const pqi_span out = {plain.ptr, k->ct.len - PQI_AEAD_TAG};
    d = authenticate(e, p, now, &v, out);
    if (d == PQI_DROP_NONE) {
        d = commit(e, at, k->seq);
    }
    if (d == PQI_DROP_NONE) {
        d = unwrap(e, p, &v, now, (pqi_cspan){out.ptr, out.len}, ev);
    }
    if (d != PQI_DROP_NONE) {
        pqi_wipe(out.ptr, out.len);
        pqi_ep_drop(ev, d);
        return;
    }
    ev->kind = pqi_ep_attest_topic(in->topic) ? PQI_EV_ATTEST : PQI_EV_MESSAGE;
    ev->seq = k->seq;
    ev->prekey = v.prekey != NULL;
}

static bool is_session(const pqi_inbound *in)
{
    return in->payload.len != 0 && pqi_ep_session_type(in->payload.ptr[0]);
}

/* now: as the caller gave it; everything but control objects sees the time as the control plane knows it. */
static void dispatch(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    static const pqi_cspan announce = {PQI_LIT(PQI_TOPIC_ANNOUNCE)};
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    pqi_object kind = PQI_OBJ_NONE;
    if (in->topic.len == 0 || in->topic.len > PQI_TOPIC_MAX) {
        pqi_ep_drop(ev, PQI_DROP_TOPIC);
    } else if (pqi_ep_control_topic(e, in->topic, &kind)) {
        pqi_ep_on_control(e, now, in, kind, ev);
    } else if (pqi_ep_has_prefix(in->topic, announce)) {
        pqi_ep_on_announce(e, &then, in, ev);
    } else if (e->sessions != NULL && (pqi_ep_session_topic(e, in->topic) || is_session(in))) {
        pqi_ep_on_session(e, &then, in, plain, ev);
    } else if (!pqi_ep_v1_allowed(e)) {
        pqi_ep_drop(ev, PQI_DROP_POLICY); /* INV-61 */
    } else {
        pqi_ep_on_packet(e, &then, in, plain, ev);
    }
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
    memset(ev, 0, sizeof *ev);
    e->seen = *now;
    dispatch(e, now, in, plain, ev);
    if (ev->kind == PQI_EV_DROP) {
        e->drops[ev->drop]++;
    }
    e->accepted += ev->kind == PQI_EV_MESSAGE ? 1u : 0u;
    return PQI_OK;
}
