/* SPDX-License-Identifier: Apache-2.0
 * What endpoints tell each other of the control plane: heads, on topics, to who has an older one; a witness'
 * word, in sessions; and questions to the control plane itself. docs/spec/control.md section 7. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "base/wr.h"
#include "ct/ct.h"

#define GOSSIP_MS 60000u /* from head to head for one peer */
#define RETRY_MS  1000u  /* after a failure of the platform */

static pqi_ep_side *side_of(const pqi_endpoint *e, size_t at)
{
    return &e->sessions->sides[at];
}

static bool is_witness(uint32_t roles)
{
    return (roles & PQI_CERT_ROLE_WITNESS) != 0;
}

/* ---- heads --------------------------------------------------------------------------------------- */

void pqi_ep_on_head_hint(pqi_endpoint *e, const pqi_now *now, size_t at, const pqi_pair_event *pe)
{
    static const pqi_cspan none = {NULL, 0};
    const pqi_ctl_head *own = &e->ctl.s.head;
    pqi_ep_side *s = side_of(e, at);
    if (pqi_ctl_fresh(&e->ctl, now, none) == PQI_FRESH_NONE) {
        return;
    }
    if (pe->head_epoch < own->head_epoch) {
        const bool may = (e->ctl.policy.rules.flags & PQI_POLICY_GOSSIP) != 0 && e->head_len != 0;
        if (may && (s->gossip_ms == 0 || now->mono_ms - s->gossip_ms >= GOSSIP_MS)) {
            s->flags |= PQI_EP_GOSSIP;
            pqi_ep_session_mark(e, at);
        }
    } else if (pe->head_epoch > own->head_epoch ||
               !pqi_ct_eq(pe->head_hash, own->hash, PQI_HS_HEAD)) {
        pqi_ctl_want(&e->ctl, now, PQI_ASK_NEWEST);
    }
}

static void name(char out[PQI_TOPIC_MAX], pqi_cspan prefix, pqi_cspan a, pqi_cspan b)
{
    static const pqi_cspan slash = {PQI_LIT("/")};
    size_t n = 0;
    wr w = wr_of((pqi_span){(uint8_t *)out, PQI_TOPIC_MAX - 1u});
    wr_bytes(&w, prefix);
    wr_bytes(&w, a);
    if (b.len != 0) {
        wr_bytes(&w, slash);
        wr_bytes(&w, b);
    }
    out[wr_done(&w, &n) == PQI_OK ? n : 0] = 0;
}

/* An answer that nobody asked for. */
static void pass_head_on(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_link *p, pqi_span out, pqi_outpacket *o)
{
    static const pqi_cspan to = {PQI_LIT(PQI_TOPIC_ANSWER)}, none = {NULL, 0};
    pqi_ep_side *s = side_of(e, p->at.index);
    s->flags &= (uint8_t)~PQI_EP_GOSSIP;
    s->gossip_ms = now->mono_ms;
    wr w = wr_of(out);
    wr_u8(&w, PQI_ANSWER_T);
    wr_u8(&w, PQI_OBJ_HEAD);
    wr_u16(&w, 0);
    wr_bytes(&w, (pqi_cspan){e->cfg.head_mem.ptr, e->head_len});
    if (e->head_len == 0 || wr_done(&w, &o->len) != PQI_OK) {
        o->len = 0;
        return;
    }
    name(o->topic, to, p->peer.id, none);
}

/* ---- witnesses ------------------------------------------------------------------------------------ */

static const pqi_cspan witness_topic = {PQI_LIT(PQI_TOPIC_WITNESS)};

bool pqi_ep_is_witness_topic(const pqi_endpoint *e, pqi_cspan topic, const pqi_peer *p)
{
    char want[PQI_TOPIC_MAX];
    name(want, witness_topic, e->cert.device_id, (pqi_cspan){(const uint8_t *)p->id, p->id_len});
    const size_t n = witness_topic.len + e->cert.device_id.len + 1u + p->id_len;
    return topic.len == n && pqi_ct_eq(topic.ptr, want, n);
}

void pqi_ep_on_witness(
    pqi_endpoint *e, const pqi_now *now, size_t at, pqi_cspan payload, pqi_event *ev)
{
    pqi_ep_side *s = side_of(e, at);
    pqi_ctl_event ce = {PQI_OK, 0};
    if (payload.len == PQI_NONCE_LEN && is_witness(e->cert.roles)) {
        memcpy(s->nonce, payload.ptr, sizeof s->nonce);
        s->flags |= PQI_EP_ANSWER;
        pqi_ep_session_mark(e, at);
        return;
    }
    if (payload.len != PQI_WITNESS_LEN) {
        pqi_ep_drop(ev, payload.len == PQI_NONCE_LEN ? PQI_DROP_SCOPE : PQI_DROP_DECODE);
        return;
    }
    if (!is_witness(e->cfg.peers[at].roles)) {
        pqi_ep_drop(ev, PQI_DROP_SCOPE); /* anybody's word is not worth that of a witness */
        return;
    }
    pqi_status st = pqi_ctl_witness(&e->ctl, now, payload, &ce);
    pqi_ep_effects(e, now, ce.what, ev);
    if (st == PQI_ERR_MISSING) {
        pqi_ctl_want(&e->ctl, now, PQI_ASK_NEWEST);
    }
    if (st != PQI_OK) {
        pqi_ep_drop(ev, st == PQI_ERR_REPLAY    ? PQI_DROP_REPLAY
                        : st == PQI_ERR_MISSING ? PQI_DROP_GAP
                                                : PQI_DROP_SIGNATURE);
    } else if (ce.what != 0) {
        ev->kind = PQI_EV_CONTROL;
    }
}

static bool say(
    pqi_endpoint *e, const pqi_ep_link *p, pqi_cspan what, pqi_span out, pqi_outpacket *o)
{
    name(o->topic, witness_topic, p->peer.id, e->cert.device_id);
    const pqi_pair_msg m = {.topic = {(const uint8_t *)o->topic,
                                witness_topic.len + p->peer.id.len + 1u + e->cert.device_id.len},
        .payload = what,
        .cls = PQI_CLASS_L};
    const pqi_status st = pqi_pair_send(&e->sessions->env, &p->at, &m, out, &o->len);
    o->len = st == PQI_OK ? o->len : 0;
    return st == PQI_OK;
}

/* Is there a nonce of ours that this peer may answer? */
static bool asks(const pqi_endpoint *e, const pqi_ep_link *p)
{
    return (e->ctl.asking & PQI_ASK_STATEMENT) != 0 &&
           is_witness(e->cfg.peers[p->at.index].roles) &&
           (side_of(e, p->at.index)->flags & PQI_EP_ASKED) == 0;
}

static void answer(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_link *p, pqi_span out, pqi_outpacket *o)
{
    pqi_ep_side *s = side_of(e, p->at.index);
    uint8_t word[PQI_WITNESS_LEN];
    s->flags &= (uint8_t)~PQI_EP_ANSWER; /* one that gets none is asked again */
    if (pqi_ctl_testify(&e->ctl, now, s->nonce, word) == PQI_OK) {
        (void)say(e, p, (pqi_cspan){word, sizeof word}, out, o);
    }
}

void pqi_ep_side_poll(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_link *p, pqi_span out, pqi_outpacket *o)
{
    pqi_ep_side *s = side_of(e, p->at.index);
    pqi_pair_info info;
    if ((s->flags & PQI_EP_GOSSIP) != 0) {
        pass_head_on(e, now, p, out, o);
    }
    if (o->len != 0 || ((s->flags & PQI_EP_ANSWER) == 0 && !asks(e, p)) ||
        pqi_pair_about(&e->sessions->env, &p->at, &info) != PQI_OK || !pqi_ep_session_up(&info)) {
        return;
    }
    if ((s->flags & PQI_EP_ANSWER) != 0) {
        answer(e, now, p, out, o);
    }
    if (o->len == 0 && asks(e, p) &&
        say(e, p, (pqi_cspan){e->ctl.nonce, sizeof e->ctl.nonce}, out, o)) {
        s->flags |= PQI_EP_ASKED;
    }
}

/* ---- questions -------------------------------------------------------------------------------------- */

/* A new nonce: witnesses are asked too. A device that knows nothing since its start wants a session with
 * them, or it would have nobody to ask. */
static void ask_witnesses(pqi_endpoint *e, const pqi_now *now)
{
    static const pqi_cspan none = {NULL, 0};
    pqi_ep_sessions *s = e->sessions;
    const bool lost = pqi_ctl_fresh(&e->ctl, now, none) == PQI_FRESH_UNKNOWN;
    for (size_t i = 0; s != NULL && i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        if (!p->used || !is_witness(p->roles)) {
            continue;
        }
        s->sides[i].flags &= (uint8_t)~PQI_EP_ASKED;
        if (lost && p->ready && !pqi_pair_has_session(&s->env, (uint32_t)i)) {
            pqi_pair_want(&s->env.pairs[i], PQI_PAIR_WHY_POLICY);
        }
        pqi_ep_session_mark(e, i);
    }
}

void pqi_endpoint_tick(pqi_endpoint *e, const pqi_now *now)
{
    static const pqi_cspan none = {NULL, 0};
    if (e == NULL || now == NULL || !e->open) {
        return;
    }
    e->seen = *now;
    if (pqi_ctl_fresh(&e->ctl, now, none) != PQI_FRESH_NONE &&
        pqi_ctl_tick(&e->ctl, now) != PQI_OK) {
        e->drops[PQI_DROP_STATE]++;
    }
}

void pqi_ep_ask_poll(pqi_endpoint *e, const pqi_now *now, pqi_span out, pqi_outpacket *o)
{
    static const pqi_cspan to = {PQI_LIT(PQI_TOPIC_ASK)}, none = {NULL, 0};
    uint32_t wait_ms = UINT32_MAX;
    if (pqi_ctl_fresh(&e->ctl, now, none) == PQI_FRESH_NONE) {
        return; /* nobody answers, and nothing grows old */
    }
    pqi_endpoint_tick(e, now);
    if (o->len != 0) {
        return;
    }
    if (pqi_ctl_ask(&e->ctl, now, out, &o->len, &wait_ms) != PQI_OK) {
        e->drops[PQI_DROP_STATE]++;
        o->len = 0;
        wait_ms = RETRY_MS;
    } else if (o->len != 0) {
        name(o->topic, to, none, none);
        ask_witnesses(e, now);
        wait_ms = 0;
    }
    o->wait_ms = wait_ms < o->wait_ms ? wait_ms : o->wait_ms;
}

/* ---- a session that was made as an exception ------------------------------------------------------ */

/* The responder knows who it is from the CONF on; the initiator from the RESP on, and is in the session when it
 * heard the peer in it. An INIT alone is nobody's and changes nothing. A resumption goes on with what was there:
 * what that was not it does not become. */
void pqi_ep_note_exception(
    pqi_endpoint *e, size_t at, pqi_op op, bool exception, const pqi_pair_event *pe, uint8_t type)
{
    uint8_t *f = &side_of(e, at)->flags;
    const bool resp = type == PQI_HS_T_RESP_S || type == PQI_HS_T_RESP_K;
    const bool up = (pe->what & PQI_PAIR_EV_SESSION) != 0;
    if ((pe->what & PQI_PAIR_EV_DROP) != 0) {
        return;
    }
    if (op == PQI_OP_RESUME) {
        *f &= (uint8_t)~PQI_EP_NEXT;
        *f |= exception ? PQI_EP_ON : 0u;
    } else if (op == PQI_OP_HANDSHAKE && resp) {
        *f &= (uint8_t)~PQI_EP_NEXT;
        *f |= exception ? PQI_EP_NEXT : 0u;
    } else if (up) {
        const bool only = op == PQI_OP_HANDSHAKE ? exception : (*f & PQI_EP_NEXT) != 0;
        *f &= (uint8_t)~PQI_EP_NEXT;
        *f |= only ? PQI_EP_ONLY : 0u;
    }
}

pqi_reason pqi_ep_control_only(pqi_endpoint *e, const pqi_now *now, size_t at)
{
    pqi_ep_side *s = e->sessions != NULL ? side_of(e, at) : NULL;
    if (s == NULL || (s->flags & (PQI_EP_ONLY | PQI_EP_ON)) == 0) {
        return PQI_REASON_OK;
    }
    const bool made = (s->flags & PQI_EP_ONLY) != 0;
    const pqi_ep_deed d = {.peer = &e->cfg.peers[at],
        .op = made ? PQI_OP_HANDSHAKE : PQI_OP_RESUME,
        .no_witness = true};
    const pqi_reason r = pqi_ep_gate(e, now, &d);
    if (!pqi_reason_allows(r)) {
        return r;
    }
    s->flags &= (uint8_t)~PQI_EP_ON;
    s->flags &= (uint8_t)~PQI_EP_ONLY;
    if (made) {
        e->sessions->env.pairs[at].dirty = 1; /* it is one like any other, and stored */
        pqi_ep_session_mark(e, at);
    }
    return PQI_REASON_OK;
}
