/* SPDX-License-Identifier: Apache-2.0
 * A device: publishes live readings, and obeys commands when it is the (simulated) valve. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>

typedef struct device {
    const demo_args *args;
    pqi_host_node *node;
    const char *id;
    FILE *log, *commands;
    unsigned long n;
    long valve_pct, obeyed, last_cmd;
    unsigned long stops, refused; /* emergency stops; set-points of a class that may not pass now */
} device;

static void readings(const device *d, char *out, size_t cap)
{
    if (strcmp(d->args->kind, "load") == 0) {
        demo_read_load(out, cap);
    } else if (strcmp(d->args->kind, "io") == 0) {
        demo_read_io(out, cap);
    } else {
        double t = demo_temperature();
        char temp[32] = "null";
        if (t > -273) {
            (void)snprintf(temp, sizeof temp, "%.1f", t);
        }
        (void)snprintf(out, cap,
            "\"temp_c\": %s, \"sim_valve_pct\": %ld, \"obeyed\": %ld, \"ack\": %ld", temp,
            d->valve_pct, d->obeyed, d->last_cmd);
    }
}

static void publish(device *d)
{
    char body[DEMO_TEXT_MAX], values[DEMO_TEXT_MAX - 128], topic[PQI_TOPIC_MAX];
    readings(d, values, sizeof values);
    int len = snprintf(body, sizeof body, "{\"n\": %lu, \"t\": %llu, %s}", d->n,
        (unsigned long long)demo_us(), values);
    demo_topic(topic, d->id, "telemetry");
    const pqi_outbound msg = {
        .peer = {(const uint8_t *)d->args->to, strlen(d->args->to)},
        .topic = {(const uint8_t *)topic, strlen(topic)},
        .payload = {(const uint8_t *)body, (size_t)len},
        .cls = PQI_CLASS_L,
    };
    demo_log(d->log, d->args->to, msg.topic, msg.payload);
    d->n++;
    pqi_status st = pqi_host_node_send(d->node, &msg, 1, NULL);
    if (st != PQI_OK &&
        st != PQI_ERR_MISSING) { /* missing: the control room has not announced itself yet */
        (void)fprintf(stderr, "%s: cannot send: %s\n", d->id, pqi_status_text(st));
    }
}

static bool on_stop(const pqi_node_event *ev)
{
    static const char leaf[] = "/stop";
    const size_t n = sizeof leaf - 1;
    return ev->topic.len > n && memcmp(ev->topic.ptr + ev->topic.len - n, leaf, n) == 0;
}

/* {"cmd": N, "set": PERCENT}: of the class that --class says, or nothing happens; on .../stop: {"stop": N} */
static void obey(device *d, const pqi_node_event *ev)
{
    char text[DEMO_TEXT_MAX];
    const pqi_class cls = on_stop(ev) ? PQI_CLASS_S : demo_class(d->args);
    if ((ev->ev.classes & (1u << (unsigned)cls)) == 0) {
        d->refused++;
        return;
    }
    if (cls == PQI_CLASS_S) {
        demo_log(d->commands, ev->ev.peer, ev->topic, ev->ev.plain);
        d->valve_pct = 0;
        d->stops++;
        publish(d);
        return;
    }
    size_t n = ev->ev.plain.len < sizeof text - 1 ? ev->ev.plain.len : sizeof text - 1;
    memcpy(text, ev->ev.plain.ptr, n);
    text[n] = 0;
    const char *cmd = strstr(text, "\"cmd\":"), *set = strstr(text, "\"set\":");
    demo_log(d->commands, ev->ev.peer, ev->topic, ev->ev.plain);
    if (cmd && set) {
        d->last_cmd = strtol(cmd + 6, NULL, 10);
        d->valve_pct = strtol(set + 6, NULL, 10);
        d->obeyed++;
        publish(d); /* the acknowledgement */
    }
}

static void stats_of(const device *d)
{
    char more[160];
    (void)snprintf(more, sizeof more,
        ", \"obeyed\": %ld, \"set\": %ld, \"stops\": %lu, \"refused\": %lu", d->obeyed,
        d->valve_pct, d->stops, d->refused);
    demo_stats(d->args, d->node, more);
}

static pqi_status subscribe(const device *d, const char *leaf)
{
    char topic[PQI_TOPIC_MAX];
    demo_topic(topic, d->id, leaf);
    return pqi_host_node_subscribe(d->node, topic, 1);
}

static int run(device *d)
{
    const long interval = demo_long(d->args->interval_ms, 500);
    if (subscribe(d, "cmd") != PQI_OK || subscribe(d, "stop") != PQI_OK) {
        return 1;
    }
    uint64_t next = demo_us(), stats = next;
    while (!demo_stop) {
        demo_signals(d->args, d->node);
        pqi_node_event ev;
        if (pqi_host_node_poll(d->node, 20, &ev) != PQI_OK) {
            return 1;
        }
        if (ev.kind == PQI_NODE_MESSAGE) {
            obey(d, &ev);
        }
        uint64_t now = demo_us();
        if (now >= next) {
            publish(d);
            next = now + (uint64_t)interval * 1000u;
        }
        if (now >= stats) {
            stats_of(d);
            stats = now + 100000u;
        }
    }
    stats_of(d);
    return 0;
}

int demo_device(const demo_args *a)
{
    pqi_host_device *dev = demo_open_device(a);
    if (!dev || !a->kind || !a->to) {
        return 1;
    }
    device d = {.args = a, .id = pqi_host_device_id(dev), .last_cmd = -1};
    char path[512];
    d.node = demo_open_node(a, dev);
    if (a->log) {
        (void)snprintf(path, sizeof path, "%s.sent", a->log);
        d.log = fopen(path, "a");
        (void)snprintf(path, sizeof path, "%s.accepted", a->log);
        d.commands = fopen(path, "a");
    }
    /* numbers go on after a restart, so that every payload is unique */
    d.n = (unsigned long)(demo_us() % 1000000u) * 1000u;
    int rc = d.node ? run(&d) : 1;
    pqi_host_node_close(d.node);
    pqi_host_device_close(dev);
    if (d.log) {
        (void)fclose(d.log);
    }
    if (d.commands) {
        (void)fclose(d.commands);
    }
    return rc;
}
