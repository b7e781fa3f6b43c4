/* SPDX-License-Identifier: Apache-2.0
 * The control room: shows verified telemetry, commands the valve, measures latency and size. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SAMPLES_MAX = 200000 };

typedef struct control {
    const demo_args *args;
    pqi_host_node *node;
    FILE *accepted, *sent, *revoked;
    uint32_t *latency_us;
    size_t n_latency;
    uint64_t wire, plain, messages, last_print;
    long first, cmd, acked;
    uint64_t cmd_at, rtt_us, rtts;
} control;

static long number_after(const char *text, const char *key)
{
    const char *p = strstr(text, key);
    return p ? strtol(p + strlen(key), NULL, 10) : -1;
}

static void on_message(control *c, const pqi_node_event *ev)
{
    char text[DEMO_TEXT_MAX];
    size_t n = ev->ev.plain.len < sizeof text - 1 ? ev->ev.plain.len : sizeof text - 1;
    memcpy(text, ev->ev.plain.ptr, n);
    text[n] = 0;
    demo_log(c->accepted, ev->ev.peer, ev->topic, ev->ev.plain);
    c->messages++;
    c->wire += ev->wire_len;
    c->plain += ev->ev.plain.len;
    const char *t = strstr(text, "\"t\": ");
    uint64_t now = demo_us(), then = t ? strtoull(t + 5, NULL, 10) : 0;
    if (then != 0 && then <= now && c->n_latency < SAMPLES_MAX) {
        uint64_t d = now - then;
        c->latency_us[c->n_latency++] = d > UINT32_MAX ? UINT32_MAX : (uint32_t)d;
    }
    long ack = number_after(text, "\"ack\":");
    if (ack >= 0 && ack == c->cmd && ack != c->acked) {
        c->acked = ack;
        c->rtt_us += now - c->cmd_at;
        c->rtts++;
    }
    printf("%-10s %.*s\n", ev->ev.peer, (int)n, text);
    (void)fflush(stdout);
}

/* "seq microseconds": from now on who is on the list is refused. tools/bench-cut reads it. */
static void on_revoked(const control *c, const pqi_node_event *ev)
{
    struct timespec t;
    if (c->revoked && clock_gettime(CLOCK_REALTIME, &t) == 0) {
        (void)fprintf(c->revoked, "%llu %llu\n", (unsigned long long)ev->ev.seq,
            (unsigned long long)t.tv_sec * 1000000u + (unsigned long long)t.tv_nsec / 1000u);
        (void)fflush(c->revoked);
    }
}

static pqi_status send_to(control *c, const char *leaf, const char *body, pqi_class cls)
{
    char topic[PQI_TOPIC_MAX];
    demo_topic(topic, c->args->to, leaf);
    const pqi_outbound msg = {
        .peer = {(const uint8_t *)c->args->to, strlen(c->args->to)},
        .topic = {(const uint8_t *)topic, strlen(topic)},
        .payload = {(const uint8_t *)body, strlen(body)},
        .cls = cls,
    };
    demo_log(c->sent, c->args->to, msg.topic, msg.payload);
    return pqi_host_node_send(c->node, &msg, 1, NULL);
}

static void command(control *c)
{
    char body[96];
    (void)snprintf(
        body, sizeof body, "{\"cmd\": %ld, \"set\": %ld}", c->cmd + 1, (c->cmd * 37 + 50) % 101);
    if (send_to(c, "cmd", body, demo_class(c->args)) == PQI_OK) {
        c->cmd++;
        c->cmd_at = demo_us();
    }
}

/* The emergency stop: class S. */
static void stop_valve(control *c)
{
    char body[64];
    if (demo_steal && !c->args->stolen) {
        demo_steal = 0;
        (void)snprintf(body, sizeof body, "{\"stop\": %llu}", (unsigned long long)demo_us());
        pqi_status st = send_to(c, "stop", body, PQI_CLASS_S);
        if (st != PQI_OK) {
            (void)fprintf(stderr, "pqi-demo: cannot stop the valve: %s\n", pqi_status_text(st));
        }
    }
}

static int by_value(const void *x, const void *y)
{
    const uint32_t a = *(const uint32_t *)x, b = *(const uint32_t *)y;
    return (a > b) - (a < b);
}

static void stats(control *c, int last)
{
    char more[512] = "";
    if (last && c->n_latency != 0) {
        qsort(c->latency_us, c->n_latency, sizeof c->latency_us[0], by_value);
        (void)snprintf(more, sizeof more,
            ", \"median_us\": %u, \"p99_us\": %u, \"messages\": %llu, \"wire\": %llu, "
            "\"plain\": %llu, \"commands\": %ld, \"acked\": %llu, \"mean_command_us\": %llu",
            c->latency_us[c->n_latency / 2], c->latency_us[c->n_latency * 99 / 100],
            (unsigned long long)c->messages, (unsigned long long)c->wire,
            (unsigned long long)c->plain, c->cmd - c->first, (unsigned long long)c->rtts,
            (unsigned long long)(c->rtts ? c->rtt_us / c->rtts : 0));
    }
    demo_stats(c->args, c->node, more);
}

static int run(control *c)
{
    if (pqi_host_node_subscribe(c->node, "plant/+/telemetry", 1) != PQI_OK) {
        return 1;
    }
    uint64_t next = demo_us() + 1000000u, next_stats = 0;
    while (!demo_stop) {
        stop_valve(c);
        demo_signals(c->args, c->node);
        pqi_node_event ev;
        if (pqi_host_node_poll(c->node, 20, &ev) != PQI_OK) {
            return 1;
        }
        if (ev.kind == PQI_NODE_MESSAGE) {
            on_message(c, &ev);
        }
        if (ev.kind == PQI_NODE_REVOKED) {
            on_revoked(c, &ev);
        }
        uint64_t now = demo_us();
        if (now >= next) {
            command(c);
            next = now + (uint64_t)demo_long(c->args->interval_ms, 1000) * 1000u;
        }
        if (now >= next_stats) {
            stats(c, 0);
            next_stats = now + 100000u;
        }
    }
    stats(c, 1);
    return 0;
}

int demo_control(const demo_args *a)
{
    pqi_host_device *dev = demo_open_device(a);
    if (!dev || !a->to || !a->log) {
        return 1;
    }
    char path[512];
    /* numbers go on after a restart, so that every command is unique */
    control c = {.args = a, .acked = -1, .first = (long)(demo_us() % 1000000u) * 1000};
    c.cmd = c.first;
    c.node = demo_open_node(a, dev);
    c.latency_us = calloc(SAMPLES_MAX, sizeof c.latency_us[0]);
    (void)snprintf(path, sizeof path, "%s.accepted", a->log);
    c.accepted = fopen(path, "a");
    (void)snprintf(path, sizeof path, "%s.sent", a->log);
    c.sent = fopen(path, "a");
    (void)snprintf(path, sizeof path, "%s.revoked", a->log);
    c.revoked = fopen(path, "a");
    int rc = c.node && c.latency_us && c.accepted && c.sent ? run(&c) : 1;
    pqi_host_node_close(c.node);
    pqi_host_device_close(dev);
    free(c.latency_us);
    if (c.accepted) {
        (void)fclose(c.accepted);
    }
    if (c.sent) {
        (void)fclose(c.sent);
    }
    if (c.revoked) {
        (void)fclose(c.revoked);
    }
    return rc;
}
