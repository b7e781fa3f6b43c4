/* SPDX-License-Identifier: Apache-2.0
 * Messages per second from one process to another through a broker: plain MQTT, v1 packets or sessions, all
 * over the same MQTT client. tools/bench-mqtt starts these two roles. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT = 64, WARM_UP = 200, GIVE_UP_S = 60, LISTEN = 32 };

typedef struct rate {
    const demo_args *args;
    bool plain; /* no cryptography at all */
    pqi_host_device *device;
    pqi_host_node *node;
    pqi_host_mqtt *mqtt; /* plain: our own; else the node's */
    char topic[PQI_TOPIC_MAX];
    uint64_t count, size;
    int qos;
} rate;

static bool open_rate(const demo_args *a, rate *r)
{
    memset(r, 0, sizeof *r);
    r->args = a;
    r->plain = a->kind && strcmp(a->kind, "plain") == 0;
    r->count = (uint64_t)demo_long(a->count, 20000);
    r->size = (uint64_t)demo_long(a->out, 256);
    r->qos = (int)demo_long(a->interval_ms, 1);
    (void)snprintf(r->topic, sizeof r->topic, "plant/%s/rate", a->id ? a->id : "?");
    if (!a->id || !a->to || r->size > 4096) {
        return false;
    }
    if (r->plain) {
        const pqi_host_mqtt_cfg cfg = {.port = (uint16_t)demo_long(a->broker_port, 1883),
            .client_id = a->role,
            .queue_max = 1000000};
        return pqi_host_mqtt_open(&r->mqtt, &cfg) == PQI_OK;
    }
    r->device = demo_open_device(a);
    r->node = r->device ? demo_open_node(a, r->device) : NULL;
    r->mqtt = r->node ? pqi_host_node_mqtt(r->node) : NULL;
    return r->node != NULL;
}

static void close_rate(rate *r)
{
    if (r->plain) {
        pqi_host_mqtt_close(r->mqtt);
    }
    pqi_host_node_close(r->node);
    pqi_host_device_close(r->device);
}

/* One step of the network. true: a message of ours arrived. */
static bool step(rate *r, int timeout_ms, bool *broken)
{
    if (r->plain) {
        pqi_mqtt_event ev;
        *broken |= pqi_host_mqtt_poll(r->mqtt, timeout_ms, &ev) != PQI_OK;
        return !*broken && ev.kind == PQI_MQTT_MESSAGE;
    }
    pqi_node_event ev;
    *broken |= pqi_host_node_poll(r->node, timeout_ms, &ev) != PQI_OK;
    return !*broken && ev.kind == PQI_NODE_MESSAGE;
}

static pqi_status publish(rate *r, const uint8_t *body)
{
    const pqi_cspan payload = {body, r->size};
    if (r->plain) {
        return pqi_host_mqtt_publish(r->mqtt, r->topic, payload, r->qos, 0);
    }
    const pqi_outbound msg = {.peer = {(const uint8_t *)r->args->to, strlen(r->args->to)},
        .topic = {(const uint8_t *)r->topic, strlen(r->topic)},
        .payload = payload,
        .cls = PQI_CLASS_L};
    return pqi_host_node_send(r->node, &msg, r->qos, NULL);
}

/* Until a session is up, or the peer is known, or the broker is there: whatever this kind needs. */
static bool ready(rate *r)
{
    if (r->plain) {
        return pqi_host_mqtt_connected(r->mqtt) != 0;
    }
    pqi_endpoint *e = pqi_host_node_endpoint(r->node);
    const pqi_cspan id = {(const uint8_t *)r->args->to, strlen(r->args->to)};
    const pqi_peer *p = pqi_endpoint_peer(e, id);
    if (!p || !p->ready || e->sessions == NULL) {
        return p && p->ready;
    }
    pqi_session_info info;
    const pqi_now now = pqi_host_now();
    return pqi_endpoint_connect(e, &now, id, 0) == PQI_OK &&
           pqi_endpoint_session(e, &now, id, &info) == PQI_OK && info.up;
}

static double cpu_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Prints CPU microseconds per message, from the end of the warm-up on. */
int demo_rate_send(const demo_args *a)
{
    rate r;
    static uint8_t body[4096];
    bool broken = !open_rate(a, &r);
    const uint64_t end = demo_us() + GIVE_UP_S * 1000000u;
    double cpu = 0;
    while (!broken && !ready(&r)) {
        (void)step(&r, 20, &broken);
        broken |= demo_us() > end;
    }
    for (uint64_t i = 0; !broken && !demo_stop && i < r.count + WARM_UP;) {
        if (pqi_host_mqtt_pending(r.mqtt) < IN_FLIGHT) {
            cpu = i == WARM_UP ? cpu_us() : cpu;
            memcpy(body, &i, sizeof i);
            const pqi_status st = publish(&r, body);
            broken |= st != PQI_OK;
            if (++i % LISTEN == 0) {
                (void)step(&r, 0, &broken); /* what the peer says must not wait for a full queue */
            }
        } else {
            (void)step(&r, 1, &broken);
        }
        broken |= demo_us() > end;
    }
    while (!broken && pqi_host_mqtt_pending(r.mqtt) != 0) {
        (void)step(&r, 5, &broken);
        broken |= demo_us() > end;
    }
    printf("{\"cpu_us\": %.2f}\n", (cpu_us() - cpu) / (double)(r.count ? r.count : 1));
    close_rate(&r);
    return broken ? 1 : 0;
}

/* Prints messages and CPU microseconds, from the first after the warm-up to the last. */
int demo_rate_recv(const demo_args *a)
{
    rate r;
    bool broken = !open_rate(a, &r);
    if (!broken) {
        broken = r.plain ? pqi_host_mqtt_subscribe(r.mqtt, r.topic, r.qos) != PQI_OK
                         : pqi_host_node_subscribe(r.node, r.topic, r.qos) != PQI_OK;
    }
    const uint64_t end = demo_us() + GIVE_UP_S * 1000000u;
    uint64_t seen = 0, first = 0, last = 0;
    double cpu = 0;
    while (!broken && !demo_stop && seen < r.count + WARM_UP) {
        const uint64_t now = demo_us();
        if (step(&r, 50, &broken)) {
            seen++;
            last = demo_us();
            first = seen == WARM_UP ? last : first;
            cpu = seen == WARM_UP ? cpu_us() : cpu;
        }
        if (now > end || (seen > WARM_UP && now > last + 2000000u)) {
            break; /* with QoS 0 the last ones may be lost */
        }
    }
    const uint64_t us = last - first;
    const double n = seen > WARM_UP ? (double)(seen - WARM_UP) : 0;
    printf("{\"received\": %llu, \"per_second\": %.0f, \"cpu_us\": %.2f}\n",
        (unsigned long long)seen, us != 0 ? n * 1e6 / (double)us : 0.0,
        n > 0 ? (cpu_us() - cpu) / n : 0.0);
    close_rate(&r);
    return broken || seen <= WARM_UP ? 1 : 0;
}
