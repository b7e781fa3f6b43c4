/* SPDX-License-Identifier: Apache-2.0
 * Messages and packets of sessions on their way through the endpoint: topics, who it is, scope and policy
 * before, classes and notes after session/pair.h. Order of work: docs/spec/session.md. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "session/budget.h"
#include "session/expiry.h"

#include <pqi/wipe.h>

static const pqi_rate lookups = {10000, 20}; /* searches for the sender of an unknown index */

/* ---- receiving ----------------------------------------------------------------------------------- */

static const pqi_cspan own_topics[] = {
    {PQI_LIT(PQI_TOPIC_INIT)}, {PQI_LIT(PQI_TOPIC_RESP)}, {PQI_LIT(PQI_TOPIC_SESSION)}};

bool pqi_ep_session_topic(const pqi_endpoint *e, pqi_cspan topic)
{
    (void)e;
    for (size_t i = 0; i < sizeof own_topics / sizeof own_topics[0]; i++) {
        if (pqi_ep_has_prefix(topic, own_topics[i])) {
            return true;
        }
    }
    return false;
}

bool pqi_ep_session_type(uint8_t type)
{
    /* DATA and compact DATA with their flags; handshake, RESUME, REJ, NOSESS */
    return (type >= 0x40u && type <= PQI_HS_T_NOSESS) || (type & 0xf8u) == 0x58u;
}

/* <from> of pq/4/s/<to>/<from>. */
static pqi_cspan sender_in(pqi_cspan topic)
{
    size_t i = topic.len;
    while (i != 0 && topic.ptr[i - 1u] != '/') {
        i--;
    }
    return (pqi_cspan){topic.ptr + i, topic.len - i};
}

static size_t by_topic(const pqi_endpoint *e, pqi_cspan topic)
{
    const pqi_cspan id = sender_in(topic);
    return pqi_id_check(id) == PQI_OK ? pqi_ep_by_id(e, id) : PQI_EP_NO_PEER;
}

/* The one peer that may publish on this topic; PQI_EP_NO_PEER: none, or more than one. */
static size_t by_scope(const pqi_endpoint *e, pqi_cspan topic)
{
    size_t found = PQI_EP_NO_PEER;
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        uint8_t classes = 0;
        const pqi_peer *p = &e->cfg.peers[i];
        if (p->used && p->ready &&
            pqi_ep_may_publish(p, e->cert.device_id, topic, &classes) == PQI_OK) {
            if (found != PQI_EP_NO_PEER) {
                return PQI_EP_NO_PEER;
            }
            found = i;
        }
    }
    return found;
}

/* A packet with an index that nobody here has. Its sender is told, if we know who that may be: it goes on
 * with a session that we lost. */
static void unknown_index(pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, bool control)
{
    pqi_ep_sessions *s = e->sessions;
    pqi_ep_link p;
    /* A topic of sessions or of attestation names its sender; any other one is searched for, and only that is
     * dear. */
    control = control || pqi_ep_attest_topic(in->topic);
    if (!control && !pqi_bucket_take(&s->lookup, &lookups, now->mono_ms)) {
        return;
    }
    const size_t at = control ? by_topic(e, in->topic) : by_scope(e, in->topic);
    if (at != PQI_EP_NO_PEER && pqi_ep_link_of(e, at, now, &p)) {
        pqi_pair_unknown(&s->env, &p.at, in->payload);
        pqi_ep_session_mark(e, at);
    }
}

static pqi_drop route(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, bool control, size_t *at)
{
    pqi_pair_route r;
    pqi_status st = pqi_pair_find(&e->sessions->env, in->payload, &r);
    if (st == PQI_ERR_MISSING) {
        unknown_index(e, now, in, control);
        return PQI_DROP_SESSION;
    }
    if (st != PQI_OK) {
        return PQI_DROP_DECODE;
    }
    *at = PQI_EP_NO_PEER;
    if (r.by == PQI_PAIR_BY_INDEX) {
        *at = r.index;
    } else if (r.by == PQI_PAIR_BY_KID) {
        *at = pqi_ep_by_kid(e, r.kid);
    } else if (control) {
        *at = by_topic(e, in->topic);
    }
    return *at == PQI_EP_NO_PEER ? PQI_DROP_UNKNOWN : PQI_DROP_NONE;
}

/* A message of a session does not name its class. One with an expiry is none of class S, which does not
 * expire; it is judged as for the highest class that its sender may use on this topic. A sender that may use
 * S alone is heard at any time. *classes: the scope's, less S where the message cannot be of it. */
static pqi_drop in_time(const pqi_endpoint *e, const pqi_pair_event *pe, const pqi_now *now,
    uint8_t *classes, pqi_event *ev)
{
    const pqi_expiry x = {pe->expires ? pe->expiry_kind : 0, pe->expires ? pe->expiry : 0};
    const pqi_expiry_clock clock = pqi_ep_clock(e, now);
    const unsigned s = 1u << PQI_CLASS_S;
    pqi_class cls = PQI_CLASS_S;
    if (pe->expires && (*classes & ~s) != 0) {
        *classes &= (uint8_t)~s;
    }
    for (unsigned c = PQI_CLASS_L; c < PQI_CLASS_S; c++) {
        cls = (*classes & (1u << c)) != 0 ? (pqi_class)c : cls;
    }
    ev->expiry = pqi_expiry_judge(&x, &clock);
    if (pqi_expiry_delivers(ev->expiry, cls)) {
        return PQI_DROP_NONE;
    }
    return ev->expiry == PQI_EXPIRY_PAST ? PQI_DROP_LATE : PQI_DROP_TIME;
}

/* A REJ of a RESUME1 says it of our state, everything else of the peer's. */
static uint8_t notes_of(const pqi_pair_event *pe, uint8_t type)
{
    const uint8_t back = type == PQI_HS_T_REJ ? PQI_NOTE_ROLLBACK_OWN : PQI_NOTE_ROLLBACK_PEER;
    uint8_t n = (pe->what & PQI_PAIR_EV_SESSION) != 0 ? PQI_NOTE_UP : 0;
    n |= pe->healed ? PQI_NOTE_HEALED : 0;
    n |= (pe->what & PQI_PAIR_EV_REJECTED) != 0 ? PQI_NOTE_REJECTED : 0;
    n |= (pe->what & PQI_PAIR_EV_ROLLBACK) != 0 ? back : 0;
    return n;
}

/* One packet of a session on its way. */
typedef struct session_in {
    const pqi_now *now;
    const pqi_inbound *in;
    pqi_span plain;
    size_t at;
    bool control; /* a topic of sessions */
    bool witness; /* the topic of a witness' questions and answers */
    uint8_t classes;
} session_in;

/* First the time: what age takes from the classes must not make a late command a message of class S. A session
 * that was made as an exception carries nothing else yet. */
static pqi_drop classes_of(
    pqi_endpoint *e, const session_in *x, const pqi_pair_event *pe, uint8_t *classes, pqi_event *ev)
{
    const pqi_ep_deed d = {.peer = &e->cfg.peers[x->at],
        .topic = pqi_ep_acl_topic(x->in->topic),
        .op = PQI_OP_RECEIVE,
        .level = pe->level};
    pqi_drop why = in_time(e, pe, x->now, classes, ev);
    if (why != PQI_DROP_NONE) {
        return why;
    }
    const pqi_reason only = pqi_ep_control_only(e, x->now, x->at);
    if (only != PQI_REASON_OK) {
        *classes &= 1u << PQI_CLASS_S;
        if (*classes == 0) {
            (void)pqi_ep_refused(e, only);
            ev->reason = only;
            return PQI_DROP_CLOSED;
        }
    }
    return pqi_ep_gate_classes(e, x->now, &d, classes, ev);
}

/* What the pair said becomes the endpoint's event. */
static void tell(pqi_endpoint *e, const pqi_ep_link *p, const pqi_pair_event *pe,
    const session_in *x, pqi_event *ev)
{
    uint8_t classes = x->classes;
    if ((pe->what & PQI_PAIR_EV_DROP) != 0) {
        pqi_ep_drop(ev, pe->drop);
        return;
    }
    ev->notes = notes_of(pe, x->in->payload.ptr[0]);
    if ((e->sessions->marks[p->at.index] & PQI_EP_LOST) != 0) {
        e->sessions->marks[p->at.index] &= (uint8_t)~PQI_EP_LOST;
        ev->notes |= PQI_NOTE_STATE_LOST;
    }
    ev->kind = ev->notes != 0 ? PQI_EV_SESSION : PQI_EV_NONE;
    if ((pe->what & PQI_PAIR_EV_HEAD) != 0) {
        pqi_ep_on_head_hint(e, x->now, x->at, pe);
    }
    if ((ev->notes & PQI_NOTE_UP) != 0) {
        pqi_ep_session_mark(e, x->at); /* a witness may be asked now */
    }
    if ((pe->what & PQI_PAIR_EV_MESSAGE) == 0) {
        return;
    }
    if (x->witness) {
        pqi_ep_on_witness(e, x->now, x->at, pe->payload, ev);
        pqi_wipe(x->plain.ptr, x->in->payload.len);
        return;
    }
    const pqi_drop d = classes_of(e, x, pe, &classes, ev);
    if (d != PQI_DROP_NONE) {
        pqi_wipe(x->plain.ptr, x->plain.len);
        pqi_ep_drop(ev, d);
        return;
    }
    ev->kind = pqi_ep_attest_topic(x->in->topic) ? PQI_EV_ATTEST : PQI_EV_MESSAGE;
    ev->session = 1;
    ev->classes = classes;
    ev->plain = pe->payload;
}

/* What the packet wants of us counts as: PQI_OP_RECEIVE: nothing but what its message is. Before any key. */
static pqi_op op_of(uint8_t type)
{
    switch (type) {
    case PQI_HS_T_INIT_S:
    case PQI_HS_T_INIT_K:
    case PQI_HS_T_RESP_S:
    case PQI_HS_T_RESP_K:
    case PQI_HS_T_CONF_S:
    case PQI_HS_T_CONF_K:
        return PQI_OP_HANDSHAKE;
    case PQI_HS_T_RESUME1:
    case PQI_HS_T_RESUME2:
        return PQI_OP_RESUME;
    default:
        return PQI_OP_RECEIVE;
    }
}

/* May it be worked on? *exception: only for class S, or because the peer is a witness. */
static pqi_drop ask_gate(
    pqi_endpoint *e, const session_in *x, pqi_op op, bool *exception, pqi_event *ev)
{
    if (op == PQI_OP_RECEIVE) {
        return PQI_DROP_NONE;
    }
    const pqi_reason r = pqi_ep_gate_session(e, x->now, &e->cfg.peers[x->at], op, exception);
    if (pqi_ep_refused(e, r)) {
        ev->reason = r;
        return PQI_DROP_CLOSED;
    }
    return PQI_DROP_NONE;
}

/* Everything that is looked at before the pair sees the packet. */
static pqi_drop admit(pqi_endpoint *e, session_in *x, pqi_ep_link *p, pqi_event *ev)
{
    if (x->in->payload.len > e->cfg.limits.packet_max) {
        return PQI_DROP_SIZE;
    }
    if (x->in->retained) {
        return PQI_DROP_RETAINED;
    }
    pqi_drop d = route(e, x->now, x->in, x->control, &x->at);
    if (d != PQI_DROP_NONE) {
        return d;
    }
    const pqi_peer *peer = &e->cfg.peers[x->at];
    pqi_ep_name(ev, peer);
    if (peer->revoked) {
        return PQI_DROP_REVOKED;
    }
    if (!pqi_ep_link_of(e, x->at, x->now, p)) {
        return PQI_DROP_POLICY;
    }
    x->witness = pqi_ep_is_witness_topic(e, x->in->topic, peer);
    if (!x->control && !x->witness &&
        pqi_ep_may_publish(peer, e->cert.device_id, x->in->topic, &x->classes) != PQI_OK) {
        return PQI_DROP_SCOPE; /* of the peer that the index is of, before any key is used */
    }
    return PQI_DROP_NONE;
}

void pqi_ep_on_session(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    session_in x = {now, in, plain, PQI_EP_NO_PEER, pqi_ep_session_topic(e, in->topic), false, 0};
    pqi_ep_link p;
    pqi_pair_event pe;
    bool exception = false;
    pqi_op op = PQI_OP_RECEIVE;
    pqi_drop d = admit(e, &x, &p, ev);
    if (d == PQI_DROP_NONE) {
        op = op_of(in->payload.ptr[0]);
        d = ask_gate(e, &x, op, &exception, ev);
    }
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    pqi_ep_sessions *s = e->sessions;
    if (pqi_pair_receive(&s->env, &p.at, in->topic, in->payload, plain, &pe) != PQI_OK) {
        pqi_ep_drop(ev, PQI_DROP_STATE);
        return;
    }
    pqi_ep_note_exception(e, x.at, op, exception, &pe, in->payload.ptr[0]);
    pqi_ep_session_after(e, &p);
    tell(e, &p, &pe, &x, ev);
}

/* ---- sending ------------------------------------------------------------------------------------- */

bool pqi_ep_v1_allowed(const pqi_endpoint *e)
{
    return e->cfg.sessions.use != PQI_SESSIONS_REQUIRE;
}

bool pqi_ep_session_up(const pqi_pair_info *info)
{
    return info->sends && (info->stable || info->role != PQI_PAIR_I);
}

/* There is a session that both ends have confirmed, and it was healed recently enough for this class. The rule
 * of the pair lets an initiator send on a candidate that the peer has not confirmed; an application's message
 * does not: it would be lost if it overtook the CONF. */
static pqi_status may_send(
    pqi_endpoint *e, const pqi_ep_link *p, const pqi_now *now, const pqi_outbound *msg)
{
    pqi_pair_info info;
    pqi_status st = pqi_pair_about(&e->sessions->env, &p->at, &info);
    if (st != PQI_OK || !info.sends) {
        return st; /* pqi_pair_send() says that a session is wanted */
    }
    if (!pqi_ep_session_up(&info)) {
        return PQI_ERR_MISSING;
    }
    return pqi_ep_may_send(e, p->at.index, now, msg, info.healing.level);
}

pqi_status pqi_ep_session_send(pqi_endpoint *e, size_t at, const pqi_now *now,
    const pqi_outbound *msg, pqi_span out, size_t *out_len)
{
    pqi_ep_link p;
    if (msg->payload.len > PQI_SESSION_MESSAGE_MAX) {
        return PQI_ERR_ARG;
    }
    if (!pqi_ep_link_of(e, at, now, &p)) {
        return PQI_ERR_MISSING;
    }
    const bool expires = msg->not_after.kind != 0 && msg->cls != PQI_CLASS_S; /* S never does */
    pqi_status st = may_send(e, &p, now, msg);
    const pqi_pair_msg m = {.topic = msg->topic,
        .payload = msg->payload,
        .cls = msg->cls,
        .expires = expires,
        .expiry_kind = msg->not_after.kind,
        .expiry = msg->not_after.value};
    if (st == PQI_OK) {
        st = pqi_pair_send(&e->sessions->env, &p.at, &m, out, out_len);
    }
    if (st == PQI_ERR_STATE) { /* it waits for the record */
        st = pqi_ep_session_store(e, &p);
        st = st == PQI_OK ? pqi_pair_send(&e->sessions->env, &p.at, &m, out, out_len) : st;
    }
    pqi_ep_session_after(e, &p);
    return st;
}

static pqi_status peer_of(const pqi_endpoint *e, pqi_cspan id, size_t *at)
{
    if (e == NULL || id.ptr == NULL || id.len == 0) {
        return PQI_ERR_ARG;
    }
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    if (e->sessions == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    *at = id.len <= PQI_ID_MAX ? pqi_ep_by_id(e, id) : PQI_EP_NO_PEER;
    return *at == PQI_EP_NO_PEER ? PQI_ERR_MISSING : PQI_OK;
}

/* An exception takes the place of no session that carries class S as it is. */
static pqi_reason may_connect(pqi_endpoint *e, const pqi_now *now, size_t at, bool refresh)
{
    bool exception = false;
    const pqi_peer *p = &e->cfg.peers[at];
    const pqi_reason r = pqi_ep_gate_session(e, now, p, PQI_OP_HANDSHAKE, &exception);
    const pqi_ep_deed d = {.peer = p, .op = PQI_OP_HANDSHAKE, .no_witness = true};
    const bool spare = exception && refresh && !pqi_pair_needs(&e->sessions->env, (uint32_t)at);
    return spare ? pqi_ep_gate(e, now, &d) : r;
}

pqi_status pqi_endpoint_connect(pqi_endpoint *e, const pqi_now *now, pqi_cspan peer, int refresh)
{
    size_t at = 0;
    pqi_ep_link p;
    pqi_pair_info info;
    pqi_status st = now == NULL ? PQI_ERR_ARG : peer_of(e, peer, &at);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    const pqi_reason r = may_connect(e, &then, at, refresh != 0);
    e->seen = *now;
    e->reason = PQI_REASON_OK;
    if (pqi_ep_refused(e, r)) {
        e->reason = r;
        return PQI_ERR_POLICY;
    }
    if (!pqi_ep_link_of(e, at, &then, &p)) {
        return e->cfg.peers[at].ready ? PQI_ERR_POLICY : PQI_ERR_MISSING;
    }
    pqi_pair *pair = &e->sessions->env.pairs[at];
    st = pqi_pair_about(&e->sessions->env, &p.at, &info);
    if (st == PQI_OK && (refresh || !info.sends)) {
        pqi_pair_want(pair, PQI_PAIR_WHY_USER);
        pqi_ep_session_mark(e, at);
    }
    return st;
}
