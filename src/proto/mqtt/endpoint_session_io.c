/* SPDX-License-Identifier: Apache-2.0
 * Messages and packets of sessions on their way through the endpoint: topics, who it is, scope and policy
 * before, classes and notes after session/pair.h. Order of work: docs/spec/session.md. */
#include "proto/mqtt/endpoint_session.h"

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
        if (p->used && p->ready && pqi_ep_may_publish(p, topic, &classes) == PQI_OK) {
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
    /* A topic of sessions names its sender; any other one is searched for, and only that is dear. */
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

/* Classes of a message on this topic: the sender's scope, less what the age of the session forbids that it
 * came in, which need not be the one that is sent on now. */
static pqi_drop classes_of(const pqi_pair_event *pe, uint8_t *classes)
{
    if (pe->level >= 2u) {
        *classes &= (uint8_t) ~(1u << PQI_CLASS_H);
    }
    if (pe->level >= 3u) {
        *classes &= (uint8_t) ~(1u << PQI_CLASS_M);
    }
    return *classes != 0 ? PQI_DROP_NONE : PQI_DROP_POLICY;
}

/* A message of a session does not name its class. One with an expiry is none of class S, which does not
 * expire; it is judged as for the highest class that its sender may use on this topic. A sender that may use
 * S alone is heard at any time. *classes: the scope's, less S where the message cannot be of it. */
static pqi_drop in_time(
    const pqi_pair_event *pe, const pqi_now *now, uint8_t *classes, pqi_event *ev)
{
    const pqi_expiry x = {pe->expires ? pe->expiry_kind : 0, pe->expires ? pe->expiry : 0};
    const pqi_expiry_clock clock = {.unix_s = now->unix_s, .control_epoch = now->control_epoch};
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

/* What the pair said becomes the endpoint's event. */
static void tell(pqi_endpoint *e, const pqi_ep_link *p, const pqi_pair_event *pe,
    const pqi_now *now, uint8_t type, uint8_t classes, pqi_span plain, pqi_event *ev)
{
    if ((pe->what & PQI_PAIR_EV_DROP) != 0) {
        pqi_ep_drop(ev, pe->drop);
        return;
    }
    ev->notes = notes_of(pe, type);
    if ((e->sessions->marks[p->at.index] & PQI_EP_LOST) != 0) {
        e->sessions->marks[p->at.index] &= (uint8_t)~PQI_EP_LOST;
        ev->notes |= PQI_NOTE_STATE_LOST;
    }
    ev->kind = ev->notes != 0 ? PQI_EV_SESSION : PQI_EV_NONE;
    if ((pe->what & PQI_PAIR_EV_MESSAGE) == 0) {
        return;
    }
    /* First the time: what age takes from the classes must not make a late command a message of class S. */
    pqi_drop d = in_time(pe, now, &classes, ev);
    if (d == PQI_DROP_NONE) {
        d = classes_of(pe, &classes);
    }
    if (d != PQI_DROP_NONE) {
        pqi_wipe(plain.ptr, plain.len);
        pqi_ep_drop(ev, d);
        return;
    }
    ev->kind = PQI_EV_MESSAGE;
    ev->session = 1;
    ev->classes = classes;
    ev->plain = pe->payload;
}

void pqi_ep_on_session(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    const bool control = pqi_ep_session_topic(e, in->topic);
    pqi_ep_link p;
    pqi_pair_event pe;
    uint8_t classes = 0;
    size_t at = PQI_EP_NO_PEER;
    pqi_drop d = PQI_DROP_NONE;
    if (in->payload.len > e->cfg.limits.packet_max) {
        d = PQI_DROP_SIZE;
    } else if (in->retained) {
        d = PQI_DROP_RETAINED;
    } else {
        d = route(e, now, in, control, &at);
    }
    if (d == PQI_DROP_NONE) {
        pqi_ep_name(ev, &e->cfg.peers[at]);
        if (e->cfg.peers[at].revoked) {
            d = PQI_DROP_REVOKED;
        } else if (!pqi_ep_link_of(e, at, now, &p)) {
            d = PQI_DROP_POLICY;
        } else if (!control &&
                   pqi_ep_may_publish(&e->cfg.peers[at], in->topic, &classes) != PQI_OK) {
            d = PQI_DROP_SCOPE; /* of the peer that the index is of, before any key is used */
        }
    }
    if (d != PQI_DROP_NONE) {
        pqi_ep_drop(ev, d);
        return;
    }
    if (pqi_pair_receive(&e->sessions->env, &p.at, in->topic, in->payload, plain, &pe) != PQI_OK) {
        pqi_ep_drop(ev, PQI_DROP_STATE);
        return;
    }
    pqi_ep_session_after(e, &p);
    tell(e, &p, &pe, now, in->payload.ptr[0], classes, plain, ev);
}

/* ---- sending ------------------------------------------------------------------------------------- */

bool pqi_ep_v1_allowed(const pqi_endpoint *e)
{
    return e->sessions == NULL || e->cfg.sessions.use != PQI_SESSIONS_REQUIRE;
}

bool pqi_ep_session_up(const pqi_pair_info *info)
{
    return info->sends && (info->stable || info->role != PQI_PAIR_I);
}

/* There is a session that both ends have confirmed, and it was healed recently enough for this class. The rule
 * of the pair lets an initiator send on a candidate that the peer has not confirmed; an application's message
 * does not: it would be lost if it overtook the CONF. */
static pqi_status may_send(const pqi_endpoint *e, const pqi_ep_link *p, pqi_class cls)
{
    pqi_pair_info info;
    pqi_status st = pqi_pair_about(&e->sessions->env, &p->at, &info);
    if (st != PQI_OK || !info.sends) {
        return st; /* pqi_pair_send() says that a session is wanted */
    }
    if (!pqi_ep_session_up(&info)) {
        return PQI_ERR_MISSING;
    }
    const uint8_t level = info.healing.level;
    return (cls == PQI_CLASS_H && level >= 2u) || (cls == PQI_CLASS_M && level >= 3u)
               ? PQI_ERR_POLICY
               : PQI_OK;
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
    pqi_status st = may_send(e, &p, msg->cls);
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

pqi_status pqi_endpoint_connect(pqi_endpoint *e, const pqi_now *now, pqi_cspan peer, int refresh)
{
    size_t at = 0;
    pqi_ep_link p;
    pqi_pair_info info;
    pqi_status st = now == NULL ? PQI_ERR_ARG : peer_of(e, peer, &at);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ep_link_of(e, at, now, &p)) {
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
