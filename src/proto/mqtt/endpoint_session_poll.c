/* SPDX-License-Identifier: Apache-2.0
 * What sessions do by themselves: a queue of peers with something due, a wheel of timers, and the packets
 * that come of it. Work for one peer does not depend on how many there are. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"

#include <pqi/wipe.h>

/* ---- queue --------------------------------------------------------------------------------------- */

void pqi_ep_session_mark(pqi_endpoint *e, size_t at)
{
    pqi_ep_sessions *s = e->sessions;
    if (s == NULL || (s->marks[at] & PQI_EP_QUEUED) != 0) {
        return;
    }
    const uint32_t n = (uint32_t)e->cfg.n_peers;
    s->marks[at] |= PQI_EP_QUEUED;
    s->queue[(s->head + s->count) % n] =
        (uint32_t)at; /* each peer is in it once: it never overflows */
    s->count++;
}

static bool next_in_queue(pqi_endpoint *e, size_t *at)
{
    pqi_ep_sessions *s = e->sessions;
    if (s->count == 0) {
        return false;
    }
    *at = s->queue[s->head];
    s->head = (s->head + 1u) % (uint32_t)e->cfg.n_peers;
    s->count--;
    s->marks[*at] &= (uint8_t)~PQI_EP_QUEUED;
    return true;
}

/* ---- timers -------------------------------------------------------------------------------------- */

void pqi_ep_timers_init(pqi_ep_sessions *s, uint64_t now_ms)
{
    s->timers.tick = now_ms / PQI_EP_TICK_MS;
}

static void timer_off(pqi_ep_timers *t, uint32_t at)
{
    if (t->slot[at] == 0) {
        return;
    }
    if (t->prev[at] != 0) {
        t->next[t->prev[at] - 1u] = t->next[at];
    } else {
        t->first[t->slot[at] - 1u] = t->next[at];
    }
    if (t->next[at] != 0) {
        t->prev[t->next[at] - 1u] = t->prev[at];
    }
    t->slot[at] = 0;
    t->next[at] = t->prev[at] = 0;
}

static void timer_set(pqi_ep_timers *t, uint32_t at, uint64_t when_ms)
{
    timer_off(t, at);
    if (when_ms == UINT64_MAX) {
        return;
    }
    uint64_t tick = when_ms / PQI_EP_TICK_MS + 1u; /* never before its time */
    if (tick <= t->tick) {
        tick = t->tick + 1u;
    }
    if (tick >= t->tick + PQI_EP_SLOTS) {
        tick = t->tick + PQI_EP_SLOTS - 1u;
    }
    t->first_tick = tick < t->first_tick ? tick : t->first_tick;
    const uint32_t slot = (uint32_t)(tick % PQI_EP_SLOTS);
    t->slot[at] = (uint16_t)(slot + 1u);
    t->next[at] = t->first[slot];
    if (t->first[slot] != 0) {
        t->prev[t->first[slot] - 1u] = at + 1u;
    }
    t->first[slot] = at + 1u;
}

void pqi_ep_session_after(pqi_endpoint *e, const pqi_ep_link *p)
{
    pqi_ep_sessions *s = e->sessions;
    uint64_t next_ms = UINT64_MAX;
    if (pqi_pair_due(&s->env, &p->at, &next_ms) != 0) {
        pqi_ep_session_mark(e, p->at.index);
    } else {
        timer_set(&s->timers, p->at.index, next_ms);
    }
}

/* Peers whose time has come go to the queue. A clock that jumped turns the wheel once, no more. */
static void turn(pqi_endpoint *e, uint64_t now_ms)
{
    pqi_ep_timers *t = &e->sessions->timers;
    const uint64_t now = now_ms / PQI_EP_TICK_MS;
    uint64_t left = now > t->tick ? now - t->tick : 0;
    left = left < PQI_EP_SLOTS ? left : PQI_EP_SLOTS;
    for (uint64_t i = 0; i < left; i++) {
        const uint32_t slot = (uint32_t)((now - left + 1u + i) % PQI_EP_SLOTS);
        while (t->first[slot] != 0) {
            const uint32_t at = t->first[slot] - 1u;
            timer_off(t, at);
            pqi_ep_session_mark(e, at);
        }
    }
    t->tick = now > t->tick ? now : t->tick;
}

/* Slots that were found empty are not looked at again until a timer is set in front of them: most polls
 * have nothing else to do. */
static uint32_t wait_ms(pqi_ep_sessions *s)
{
    pqi_ep_timers *t = &s->timers;
    if (s->count != 0) {
        return 0;
    }
    uint64_t i = t->first_tick > t->tick ? t->first_tick - t->tick : 1u;
    while (i < PQI_EP_SLOTS && t->first[(t->tick + i) % PQI_EP_SLOTS] == 0) {
        i++;
    }
    i = i < PQI_EP_SLOTS ? i : PQI_EP_SLOTS;
    t->first_tick = t->tick + i;
    return (uint32_t)i * PQI_EP_TICK_MS;
}

/* ---- packets ------------------------------------------------------------------------------------- */

#define AGAIN_MS  1000u  /* after a failure of the platform */
#define CLOSED_MS 30000u /* to a peer with which no session is allowed now */

static void name_topic(
    const pqi_endpoint *e, const pqi_ep_link *p, pqi_pair_topic where, char out[PQI_TOPIC_MAX])
{
    uint8_t topic[PQI_TOPIC_MAX];
    const size_t n = pqi_pair_topic_write(where, p->peer.id, e->cert.device_id, topic);
    memcpy(out, topic, n);
    out[n] = 0;
}

/* Public-key steps, then what must be on the medium before anything leaves. A failure is counted; what
 * was due stays due and is looked at again, by itself and not at once: nothing else may bring it back. */
static bool settle(pqi_endpoint *e, const pqi_ep_link *p, uint64_t *next_ms)
{
    enum { STEPS = 4 }; /* a step may make the other one due, once each for both sessions */
    pqi_ep_sessions *s = e->sessions;
    unsigned due = pqi_pair_due(&s->env, &p->at, next_ms);
    for (int i = 0; i < STEPS && (due & (PQI_PAIR_DUE_WORK | PQI_PAIR_DUE_STORE)) != 0; i++) {
        pqi_status st = PQI_OK;
        if ((due & PQI_PAIR_DUE_WORK) != 0) {
            st = pqi_pair_work(&s->env, &p->at);
        }
        due = pqi_pair_due(&s->env, &p->at, next_ms);
        if (st == PQI_OK && (due & PQI_PAIR_DUE_STORE) != 0) {
            st = pqi_ep_session_store(e, p);
            due = pqi_pair_due(&s->env, &p->at, next_ms);
        }
        if (st != PQI_OK) {
            e->drops[PQI_DROP_STATE]++;
            *next_ms = p->at.now_ms + AGAIN_MS;
            break;
        }
    }
    return (due & PQI_PAIR_DUE_POLL) != 0;
}

/* One peer: at most one packet. */
static void serve(pqi_endpoint *e, size_t at, const pqi_now *now, pqi_span out, pqi_outpacket *o)
{
    pqi_ep_sessions *s = e->sessions;
    pqi_ep_link p;
    uint64_t next_ms = UINT64_MAX;
    const pqi_peer *peer = &e->cfg.peers[at];
    if (peer->used && (peer->revoked || pqi_ep_self_revoked(e))) {
        const bool gone = pqi_ep_session_put_away(e, at);
        timer_set(&s->timers, (uint32_t)at, gone ? UINT64_MAX : now->mono_ms + CLOSED_MS);
        return;
    }
    s->marks[at] &= (uint8_t)~PQI_EP_UNREAD;
    if (!pqi_ep_link_of(
            e, at, now, &p)) { /* a clock, a key store, a certificate may come by itself */
        timer_set(&s->timers, (uint32_t)at, peer->used ? now->mono_ms + CLOSED_MS : UINT64_MAX);
        return;
    }
    if (settle(e, &p, &next_ms)) {
        pqi_pair_topic where = PQI_PAIR_TOPIC_NONE;
        pqi_status st = pqi_pair_poll(&s->env, &p.at, out, &o->len, &where);
        if (st != PQI_OK) {
            o->len = 0;
            e->drops[PQI_DROP_STATE]++;
            next_ms = now->mono_ms + AGAIN_MS;
        } else if (o->len != 0) {
            name_topic(e, &p, where, o->topic);
            pqi_ep_session_mark(e, at); /* there may be more */
        }
    }
    if (o->len == 0) {
        pqi_ep_side_poll(e, now, &p, out, o);
        if (o->len != 0) {
            pqi_ep_session_mark(e, at);
        }
    }
    timer_set(&s->timers, (uint32_t)at, next_ms);
}

pqi_status pqi_endpoint_poll(pqi_endpoint *e, const pqi_now *now, pqi_span out, pqi_outpacket *o)
{
    enum { PEERS_MAX = 256 }; /* looked at in one call */
    if (e == NULL || now == NULL || o == NULL || out.ptr == NULL ||
        out.len < PQI_ENDPOINT_POLL_MAX) {
        return PQI_ERR_ARG;
    }
    memset(o, 0, sizeof *o);
    o->wait_ms = UINT32_MAX;
    if (!e->open) {
        return PQI_ERR_STATE;
    }
    pqi_ep_sessions *s = e->sessions;
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    e->seen = *now;
    pqi_ep_look_at_gates(e, &then); /* time alone closes some */
    if (s != NULL) {
        turn(e, now->mono_ms);
        size_t at = 0;
        for (int i = 0; i < PEERS_MAX && o->len == 0 && next_in_queue(e, &at); i++) {
            serve(e, at, &then, out, o);
        }
    }
    pqi_ep_ask_poll(e, now, out, o);
    if (s != NULL) {
        const uint32_t wait = wait_ms(s);
        o->wait_ms = wait < o->wait_ms ? wait : o->wait_ms;
    }
    return PQI_OK;
}
