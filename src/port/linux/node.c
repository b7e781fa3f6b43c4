/* SPDX-License-Identifier: Apache-2.0 */
#include "port/linux/node_attest.h"

#include <pqi/control.h>
#include <pqi/host_attest.h>
#include <pqi/host_node.h>

#include <pqi/wipe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { REANNOUNCE_MS = 2000, PREKEYS_MS = 60000, LOOK_AGAIN_MS = 500, TEND_MS = 1000 };

struct pqi_host_node {
    pqi_endpoint *endpoint;
    pqi_host_device *device;
    pqi_host_mqtt *mqtt;
    pqi_nattest *attest;
    int sessions;
    uint64_t pump_ms; /* the endpoint wants to be asked again then */
    int missed; /* an announcement was refused, or could not be judged, for what was not known yet */
    uint32_t gates;    /* as they stood at the last event */
    uint64_t again_ms; /* announcements are asked for again then; 0: not */
    uint8_t *plain, *packet, *announce;
    size_t plain_len, packet_len, announce_len;
    uint64_t announced_ms, prekeys_ms;
    int online;
    int replaced; /* our retained announcement is not what the broker has */
    int proved;   /* nor does it have our new proof, which peers may be waiting for */
    char announce_topic[PQI_TOPIC_MAX];
};

pqi_now pqi_host_now(void)
{
    struct timespec mono, wall;
    (void)clock_gettime(CLOCK_MONOTONIC, &mono);
    (void)clock_gettime(CLOCK_REALTIME, &wall);
    return (pqi_now){
        .mono_ms = (uint64_t)mono.tv_sec * 1000u + (uint64_t)mono.tv_nsec / 1000000u,
        .unix_s = wall.tv_sec > 0 ? (uint64_t)wall.tv_sec : 0,
    };
}

/* The control plane comes first: a broker sends what it kept in the order of subscriptions, and announcements
 * are judged by it. A filter ending in /# is for the topic in front of it as well. */
static pqi_status subscribe_control(pqi_host_node *n, const char *id)
{
    static const char *const topics[] = {PQI_TOPIC_ROOT, PQI_TOPIC_HEAD, PQI_TOPIC_POLICY,
        PQI_TOPIC_REVOCATIONS, PQI_TOPIC_REV_DELTA, PQI_TOPIC_ROSTER, PQI_TOPIC_TICK "/#"};
    pqi_status st = PQI_OK;
    for (size_t i = 0; st == PQI_OK && i < sizeof topics / sizeof topics[0]; i++) {
        st = pqi_host_mqtt_subscribe(n->mqtt, topics[i], 1);
    }
    if (st == PQI_OK) {
        char filter[PQI_TOPIC_MAX];
        (void)snprintf(filter, sizeof filter, "%s%s", PQI_TOPIC_ANSWER, id);
        st = pqi_host_mqtt_subscribe(n->mqtt, filter, 1);
    }
    return st;
}

static pqi_status subscribe_peers(pqi_host_node *n, const pqi_host_node_cfg *cfg)
{
    pqi_status st = PQI_OK;
    if (!cfg->peers) {
        return pqi_host_mqtt_subscribe(n->mqtt, PQI_TOPIC_ANNOUNCE "+", 1);
    }
    st = pqi_host_mqtt_subscribe(n->mqtt, n->announce_topic, 1); /* see watch_announcement() */
    if (st != PQI_OK) {
        return st;
    }
    for (size_t i = 0; i < cfg->n_peers; i++) {
        char filter[PQI_TOPIC_MAX] = PQI_TOPIC_ANNOUNCE;
        const pqi_cspan id = {(const uint8_t *)cfg->peers[i], strlen(cfg->peers[i])};
        st = pqi_id_check(id);
        if (st != PQI_OK) {
            return st;
        }
        memcpy(filter + sizeof PQI_TOPIC_ANNOUNCE - 1, cfg->peers[i], id.len + 1);
        st = pqi_host_mqtt_subscribe(n->mqtt, filter, 1);
        if (st != PQI_OK) {
            return st;
        }
    }
    return PQI_OK;
}

/* Packets of sessions for us, and what attests: that goes without sessions too. */
static pqi_status subscribe_sessions(pqi_host_node *n, const char *id)
{
    static const struct {
        const char *head, *tail;
    } filters[] = {{PQI_TOPIC_INIT, ""}, {PQI_TOPIC_RESP, ""}, {PQI_TOPIC_SESSION, "/+"},
        {PQI_TOPIC_WITNESS, "/+"}};
    char attest[PQI_TOPIC_MAX];
    (void)snprintf(attest, sizeof attest, PQI_TOPIC_ATTEST "%s/+", id);
    pqi_status st = pqi_host_mqtt_subscribe(n->mqtt, attest, 1);
    for (size_t i = 0; n->sessions && st == PQI_OK && i < sizeof filters / sizeof filters[0]; i++) {
        char filter[PQI_TOPIC_MAX];
        (void)snprintf(filter, sizeof filter, "%s%s%s", filters[i].head, id, filters[i].tail);
        st = pqi_host_mqtt_subscribe(n->mqtt, filter, 1);
    }
    return st;
}

static pqi_status say(void *arg, const pqi_now *now, pqi_cspan peer, pqi_cspan payload)
{
    pqi_host_node *n = arg;
    char topic[PQI_TOPIC_MAX];
    size_t len = 0;
    pqi_status st = pqi_endpoint_send_attest(
        n->endpoint, now, peer, payload, topic, (pqi_span){n->packet, n->packet_len}, &len);
    if (st == PQI_OK) {
        st = pqi_host_mqtt_publish(n->mqtt, topic, (pqi_cspan){n->packet, len}, 1, 0);
    }
    return st;
}

static pqi_status answer(
    void *arg, pqi_cspan challenge, pqi_cspan log, pqi_span out, size_t *out_len)
{
    const pqi_host_node *n = arg;
    return pqi_host_device_answer(n->device, challenge, log, out, out_len);
}

static pqi_status open_attest(pqi_host_node *n, const pqi_host_node_cfg *cfg)
{
    const pqi_now now = pqi_host_now();
    const pqi_nattest_env env = {.endpoint = n->endpoint,
        .algs = pqi_host_device_algs(cfg->device),
        .manifest = &n->endpoint->ctl.manifest,
        .say = say,
        .answer = answer,
        .arg = n};
    return pqi_nattest_open(&n->attest, &env, cfg->attest, &now);
}

pqi_status pqi_host_node_open(pqi_host_node **out, const pqi_host_node_cfg *cfg)
{
    if (!out || !cfg || !cfg->device || !cfg->mqtt || (cfg->n_peers && !cfg->peers)) {
        return PQI_ERR_ARG;
    }
    pqi_host_node *n = calloc(1, sizeof *n);
    if (!n) {
        return PQI_ERR_LIMIT;
    }
    pqi_host_mqtt_cfg mqtt = *cfg->mqtt;
    if (!mqtt.client_id) {
        mqtt.client_id = pqi_host_device_id(cfg->device);
    }
    n->endpoint = pqi_host_device_endpoint(cfg->device);
    n->device = cfg->device;
    n->plain_len = n->packet_len = PQI_V1_PACKET_MAX;
    n->sessions = n->endpoint->sessions != NULL;
    n->plain = malloc(n->plain_len);
    n->packet = malloc(n->packet_len);
    n->announce = malloc(PQI_ANNOUNCE_MAX);
    pqi_status st = PQI_ERR_LIMIT;
    if (n->plain && n->packet && n->announce) {
        pqi_endpoint_announce_topic(n->endpoint, n->announce_topic);
        st = pqi_host_mqtt_open(&n->mqtt, &mqtt);
    }
    if (st == PQI_OK) {
        st = subscribe_control(n, pqi_host_device_id(cfg->device));
    }
    if (st == PQI_OK) {
        st = subscribe_peers(n, cfg);
    }
    if (st == PQI_OK) {
        st = subscribe_sessions(n, pqi_host_device_id(cfg->device));
    }
    if (st == PQI_OK) {
        st = open_attest(n, cfg);
    }
    if (st != PQI_OK) {
        pqi_host_node_close(n);
        return st;
    }
    *out = n;
    return PQI_OK;
}

/* What nobody called us for is no error of who polls: a broker of MQTT 5 may say at any time that it takes no packet
 * of this size. It is lost as on the way, and counted there. */
static pqi_status publish_own(pqi_host_node *n, const char *topic, pqi_cspan payload, int retain)
{
    const pqi_status st = pqi_host_mqtt_publish(n->mqtt, topic, payload, 1, retain);
    return st == PQI_ERR_ARG ? PQI_OK : st;
}

/* Publishes what the endpoint wants to send by itself. Only while connected: a handshake or a question that
 * waits in a queue is worth nothing. What we know grows old without a broker too, and that is written. */
static pqi_status pump(pqi_host_node *n, const pqi_now *now)
{
    if (!pqi_host_mqtt_connected(n->mqtt)) {
        n->pump_ms = UINT64_MAX;
        pqi_endpoint_tick(n->endpoint, now);
        return PQI_OK;
    }
    pqi_outpacket o;
    pqi_nattest_tend(n->attest, now);
    do {
        pqi_status st =
            pqi_endpoint_poll(n->endpoint, now, (pqi_span){n->packet, n->packet_len}, &o);
        if (st == PQI_OK && o.len != 0) {
            st = publish_own(n, o.topic, (pqi_cspan){n->packet, o.len}, 0);
        }
        if (st != PQI_OK) {
            return st;
        }
    } while (o.len != 0);
    n->pump_ms = o.wait_ms == UINT32_MAX ? UINT64_MAX : now->mono_ms + o.wait_ms;
    if (pqi_nattest_verifier(n->attest) != NULL && n->pump_ms > now->mono_ms + TEND_MS) {
        n->pump_ms = now->mono_ms + TEND_MS;
    }
    return PQI_OK;
}

pqi_status pqi_host_node_subscribe(pqi_host_node *n, const char *filter, int qos)
{
    return n ? pqi_host_mqtt_subscribe(n->mqtt, filter, qos) : PQI_ERR_ARG;
}

pqi_status pqi_host_node_publish_raw(
    pqi_host_node *n, const char *topic, pqi_cspan payload, int retain)
{
    return n ? pqi_host_mqtt_publish(n->mqtt, topic, payload, 1, retain) : PQI_ERR_ARG;
}

/* Keeps our prekeys as old as they should be. A full disk is no reason to stop: what is over is not used, and
 * the next call tries again. */
static int tend_prekeys(pqi_host_node *n)
{
    const pqi_now now = pqi_host_now();
    int changed = 0;
    n->prekeys_ms = now.mono_ms;
    pqi_status st = pqi_endpoint_prekeys(n->endpoint, &now, &changed);
    (void)st;
    return changed;
}

static pqi_status announce(pqi_host_node *n)
{
    size_t len = 0;
    (void)tend_prekeys(n);
    pqi_status st =
        pqi_endpoint_announce(n->endpoint, (pqi_span){n->announce, PQI_ANNOUNCE_MAX}, &len);
    if (st != PQI_OK) {
        return st;
    }
    n->announce_len = len;
    n->announced_ms = pqi_host_now().mono_ms;
    n->replaced = n->proved = 0;
    return publish_own(n, n->announce_topic, (pqi_cspan){n->announce, len}, 1);
}

/* Our own proof goes out at once: there is one for each roster, and who lives for one message only is not there
 * later. */
static pqi_status announce_proof(pqi_host_node *n)
{
    return n->proved && n->online ? announce(n) : PQI_OK;
}

pqi_status pqi_host_node_send(pqi_host_node *n, const pqi_outbound *msg, int qos, size_t *wire_len)
{
    char topic[PQI_TOPIC_MAX + 1];
    size_t len = 0;
    if (!n || !msg || msg->topic.len == 0 || msg->topic.len > PQI_TOPIC_MAX) {
        return PQI_ERR_ARG;
    }
    memcpy(topic, msg->topic.ptr, msg->topic.len);
    topic[msg->topic.len] = 0;
    const pqi_now now = pqi_host_now();
    pqi_status st = announce_proof(n); /* who judges the message by it has it first */
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_endpoint_send(n->endpoint, &now, msg, (pqi_span){n->packet, n->packet_len}, &len);
    /* A mailbox is there to hold it; anywhere else it would be refused. */
    const size_t head = sizeof PQI_TOPIC_MAILBOX - 1u;
    const int retain = msg->topic.len > head && memcmp(topic, PQI_TOPIC_MAILBOX, head) == 0;
    if (st == PQI_OK) {
        st = pqi_host_mqtt_publish(n->mqtt, topic, (pqi_cspan){n->packet, len}, qos, retain);
    }
    if (st == PQI_OK && wire_len) {
        *wire_len = len;
    }
    pqi_status more = pump(n, &now); /* a message that could not go may have asked for a session */
    return st == PQI_OK ? more : st;
}

/* Without the proof that the policy asks for, what the broker kept may be better than what we have: it has the time
 * of a defence to come and show it. */
static pqi_status announce_at_connect(pqi_host_node *n)
{
    const pqi_ctl *c = &n->endpoint->ctl;
    if ((c->policy.rules.flags & PQI_POLICY_ROSTER) == 0 || c->path_len != 0) {
        return announce(n);
    }
    n->announced_ms = pqi_host_now().mono_ms;
    n->replaced = 1;
    return PQI_OK;
}

/* Did somebody replace our retained announcement (the broker lets anybody)? Newcomers would not find
 * us. */
static void watch_announcement(pqi_host_node *n, const pqi_mqtt_event *in)
{
    const size_t topic_len = strlen(n->announce_topic);
    if (in->topic.len == topic_len && memcmp(in->topic.ptr, n->announce_topic, topic_len) == 0) {
        n->replaced = in->payload.len != n->announce_len ||
                      memcmp(in->payload.ptr, n->announce, n->announce_len) != 0;
    }
}

/* Puts it back, at most once per REANNOUNCE_MS, so that two publishers cannot race for ever; what
 * comes too early is done later, not forgotten. *wait_ms: how long a poll may wait before it asks
 * again. */
static pqi_status defend_announcement(
    pqi_host_node *n, uint64_t now_ms, int timeout_ms, int *wait_ms)
{
    *wait_ms = timeout_ms;
    const pqi_status st = announce_proof(n);
    if (st != PQI_OK || !n->replaced) {
        return st;
    }
    const uint64_t age = now_ms - n->announced_ms;
    if (age >= REANNOUNCE_MS) {
        return announce(n);
    }
    const int left = REANNOUNCE_MS - (int)age;
    *wait_ms = left < timeout_ms ? left : timeout_ms;
    return PQI_OK;
}

/* Announcements that were refused only because of what was not known yet come again when it is: a broker sends
 * what it kept once for each subscription. */
static void look_again(pqi_host_node *n, const pqi_event *ev, const pqi_now *now)
{
    const unsigned other = PQI_CTL_NEW_ROOT | PQI_CTL_NEW_ROSTER | PQI_CTL_NEW_POLICY;
    n->missed |= ev->kind == PQI_EV_DROP && ev->drop == PQI_DROP_CLOSED;
    n->missed |= (ev->control & other) != 0;
    if (n->missed && (n->gates != n->endpoint->gates || (ev->control & other) != 0)) {
        n->again_ms = now->mono_ms + LOOK_AGAIN_MS;
        n->missed = 0;
    }
    n->gates = n->endpoint->gates;
}

static void ask_again(pqi_host_node *n, const pqi_now *now)
{
    if (n->again_ms != 0 && now->mono_ms >= n->again_ms) {
        n->again_ms = 0;
        pqi_host_mqtt_again(n->mqtt, PQI_TOPIC_ANNOUNCE);
    }
}

/* Waits for the network, and in between does what has its own time: announcement and sessions. */
static pqi_status next_event(pqi_host_node *n, int timeout_ms, pqi_mqtt_event *in)
{
    pqi_now now = pqi_host_now();
    const uint64_t end = now.mono_ms + (uint64_t)timeout_ms;
    if (n->online && now.mono_ms - n->prekeys_ms >= PREKEYS_MS && tend_prekeys(n)) {
        n->replaced = 1; /* by ourselves */
    }
    for (;;) {
        int wait_ms = 0;
        const int left = end > now.mono_ms ? (int)(end - now.mono_ms) : 0;
        ask_again(n, &now);
        pqi_status st = defend_announcement(n, now.mono_ms, left, &wait_ms);
        if (st == PQI_OK) {
            st = pump(n, &now);
        }
        if (st != PQI_OK) {
            return st;
        }
        if (n->pump_ms < now.mono_ms + (uint64_t)wait_ms) {
            wait_ms = n->pump_ms > now.mono_ms ? (int)(n->pump_ms - now.mono_ms) : 0;
        }
        if (n->again_ms != 0 && n->again_ms < now.mono_ms + (uint64_t)wait_ms) {
            wait_ms = n->again_ms > now.mono_ms ? (int)(n->again_ms - now.mono_ms) : 0;
        }
        st = pqi_host_mqtt_poll(n->mqtt, wait_ms, in);
        if (st != PQI_OK || in->kind != PQI_MQTT_NONE) {
            return st;
        }
        now = pqi_host_now();
        if (now.mono_ms >= end) {
            return PQI_OK;
        }
    }
}

/* A peer's challenge or evidence: never the application's. */
static void attest(pqi_host_node *n, const pqi_now *now, pqi_node_event *ev)
{
    pqi_nattest_news news;
    pqi_nattest_take(n->attest, now, ev->ev.peer, ev->ev.plain, &news);
    ev->ev.plain = (pqi_cspan){NULL, 0};
    if (news.drop != PQI_DROP_NONE) {
        ev->kind = PQI_NODE_DROP;
        ev->ev.kind = PQI_EV_DROP;
        ev->ev.drop = news.drop;
    } else if (news.told) {
        ev->kind = PQI_NODE_ATTEST;
        ev->attest = news.state;
        ev->attest_reason = news.reason;
    }
}

static pqi_status receive(pqi_host_node *n, const pqi_mqtt_event *in, pqi_node_event *ev)
{
    const pqi_inbound inbound = {in->topic, in->payload, in->retained};
    const pqi_now now = pqi_host_now();
    ev->topic = in->topic;
    ev->wire_len = in->payload.len;
    ev->retained = in->retained;
    pqi_status st = pqi_endpoint_receive(
        n->endpoint, &now, &inbound, (pqi_span){n->plain, n->plain_len}, &ev->ev);
    if (st != PQI_OK) {
        return st;
    }
    switch (ev->ev.kind) {
    case PQI_EV_MESSAGE:
        ev->kind = PQI_NODE_MESSAGE;
        break;
    case PQI_EV_PEER:
        ev->kind = PQI_NODE_PEER;
        break;
    case PQI_EV_REVOKED:
        ev->kind = PQI_NODE_REVOKED;
        break;
    case PQI_EV_DROP:
        ev->kind = PQI_NODE_DROP;
        break;
    case PQI_EV_SESSION:
        ev->kind = PQI_NODE_SESSION;
        break;
    case PQI_EV_CONTROL:
        ev->kind = PQI_NODE_CONTROL;
        break;
    case PQI_EV_ATTEST:
        attest(n, &now, ev);
        break;
    case PQI_EV_NONE:
    case PQI_EV_INT32_:
        break;
    }
    watch_announcement(n, in);
    n->proved |= ev->ev.announce != 0;
    look_again(n, &ev->ev, &now);
    return PQI_OK; /* the next poll sends what this asked for: its spans are the caller's until then */
}

pqi_status pqi_host_node_poll(pqi_host_node *n, int timeout_ms, pqi_node_event *ev)
{
    pqi_mqtt_event in;
    if (!n || !ev || timeout_ms < 0) {
        return PQI_ERR_ARG;
    }
    memset(ev, 0, sizeof *ev);
    ev->text = "";
    pqi_status st = next_event(n, timeout_ms, &in);
    if (st != PQI_OK) {
        return st;
    }
    ev->text = in.text ? in.text : "";
    switch (in.kind) {
    case PQI_MQTT_CONNECTED:
        ev->kind = PQI_NODE_ONLINE;
        n->online = 1;
        return announce_at_connect(n);
    case PQI_MQTT_DISCONNECTED:
        ev->kind = PQI_NODE_OFFLINE;
        n->online = 0;
        return PQI_OK;
    case PQI_MQTT_REFUSED:
        ev->kind = PQI_NODE_REFUSED;
        return PQI_OK;
    case PQI_MQTT_UNSUBSCRIBED:
        ev->kind = PQI_NODE_UNSUBSCRIBED;
        ev->topic = in.topic;
        return PQI_OK;
    case PQI_MQTT_MESSAGE:
        return receive(n, &in, ev);
    case PQI_MQTT_NONE:
    case PQI_MQTT_INT32_:
        break;
    }
    return PQI_OK;
}

pqi_endpoint *pqi_host_node_endpoint(pqi_host_node *n)
{
    return n ? n->endpoint : NULL;
}

pqi_status pqi_host_node_attest_policy(pqi_host_node *n, pqi_cspan encoded)
{
    return n != NULL ? pqi_nattest_policy(n->attest, encoded) : PQI_ERR_ARG;
}

const pqi_verifier *pqi_host_node_verifier(const pqi_host_node *n)
{
    return n != NULL ? pqi_nattest_verifier(n->attest) : NULL;
}

pqi_host_mqtt *pqi_host_node_mqtt(pqi_host_node *n)
{
    return n ? n->mqtt : NULL;
}

void pqi_host_node_close(pqi_host_node *n)
{
    if (!n) {
        return;
    }
    if (n->prekeys_ms != 0) {
        (void)tend_prekeys(n); /* so that their age is exact */
    }
    pqi_nattest_close(n->attest);
    pqi_host_mqtt_close(n->mqtt);
    if (n->plain) {
        pqi_wipe(n->plain, n->plain_len);
    }
    free(n->plain);
    free(n->packet);
    free(n->announce);
    free(n);
}
