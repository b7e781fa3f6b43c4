/* SPDX-License-Identifier: Apache-2.0
 * pqi-demo ROLE [--option value]...: see tools/demo. */
#include "demo.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

volatile sig_atomic_t demo_stop, demo_steal, demo_refresh;

static void on_signal(int sig)
{
    if (sig == SIGUSR1) {
        demo_steal = 1;
    } else if (sig == SIGUSR2) {
        demo_refresh = 1;
    } else {
        demo_stop = 1;
    }
}

uint64_t demo_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000u;
}

long demo_long(const char *s, long otherwise)
{
    return s ? strtol(s, NULL, 10) : otherwise;
}

pqi_class demo_class(const demo_args *a)
{
    return a->cls && strcmp(a->cls, "H") == 0 ? PQI_CLASS_H : PQI_CLASS_M;
}

/* Rounds every few seconds, so that the demonstration has some to show. */
static const pqi_session_limits quick = {.d_msgs = 8,
    .d_s = 3,
    .h_msgs = 16,
    .h_s = 6,
    .d_min_s = 1,
    .h_min_s = 3,
    .grace_s = 60,
    .chunk = 64,
    .burst = 1};

pqi_host_device *demo_open_device(const demo_args *a)
{
    const pqi_session_use use = !a->sessions                          ? PQI_SESSIONS_OFF
                                : strcmp(a->sessions, "require") == 0 ? PQI_SESSIONS_REQUIRE
                                                                      : PQI_SESSIONS_PREFER;
    const pqi_host_device_cfg cfg = {.dir = a->dir,
        .kek = {.key_file = a->key_file},
        .sessions = use,
        .session_limits =
            strcmp(a->role, "device") == 0 || strcmp(a->role, "control") == 0 ? &quick : NULL};
    const pqi_now now = pqi_host_now();
    pqi_host_device *d = NULL;
    if (!a->dir || pqi_host_device_open(&d, &cfg, &now) != PQI_OK) {
        (void)fprintf(
            stderr, "pqi-demo: cannot open %s: %s\n", a->dir ? a->dir : "?", pqi_host_device_why());
        return NULL;
    }
    return d;
}

pqi_host_node *demo_open_node(const demo_args *a, pqi_host_device *d)
{
    const pqi_host_mqtt_cfg mqtt = {.port = (uint16_t)demo_long(a->broker_port, 1883),
        .keep_session = 1,
        .queue_max = 20000,
        .backoff_min_ms = 50};
    const pqi_host_node_cfg cfg = {.device = d, .mqtt = &mqtt};
    pqi_host_node *n = NULL;
    pqi_status st = pqi_host_node_open(&n, &cfg);
    if (st != PQI_OK) {
        (void)fprintf(stderr, "pqi-demo: cannot make a node: %s\n", pqi_status_text(st));
    }
    return n;
}

void demo_topic(char out[PQI_TOPIC_MAX], const char *id, const char *leaf)
{
    (void)snprintf(out, PQI_TOPIC_MAX, "plant/%s/%s", id, leaf);
}

void demo_log(FILE *f, const char *peer, pqi_cspan topic, pqi_cspan payload)
{
    if (!f) {
        return;
    }
    (void)fprintf(f, "%s %.*s %.*s\n", peer, (int)topic.len, (const char *)topic.ptr,
        (int)payload.len, (const char *)payload.ptr);
    (void)fflush(f);
}

/* The session with --to, and what public keys cost so far. */
static void session_stats(FILE *f, const demo_args *a, pqi_host_node *n)
{
    const pqi_endpoint *e = pqi_host_node_endpoint(n);
    const pqi_now now = pqi_host_now();
    pqi_session_info i;
    if (!a->to || pqi_endpoint_session(
                      e, &now, (pqi_cspan){(const uint8_t *)a->to, strlen(a->to)}, &i) != PQI_OK) {
        return;
    }
    (void)fprintf(f,
        ", \"public_key\": %llu, \"session\": {\"up\": %d, \"mode\": \"%c\", \"epoch\": %u, "
        "\"messages\": %u, "
        "\"healing\": %u, \"why\": \"%s\"}",
        (unsigned long long)pqi_endpoint_pk(e).total, i.up, i.mode ? i.mode : '-', i.epoch,
        i.messages, i.healing.messages, i.why);
}

/* What it knows of its fleet, and what gates refused by reason. */
static void control_stats(FILE *f, const pqi_endpoint *e)
{
    static const char *const names[] = {"none", "fresh", "aged", "stale", "expired", "unknown"};
    const pqi_ctl *c = &e->ctl;
    const pqi_now now = pqi_host_now();
    const unsigned fresh = (unsigned)pqi_ctl_fresh(c, &now, (pqi_cspan){NULL, 0});
    const char *sep = "";
    (void)fprintf(f,
        ", \"control\": {\"fresh\": \"%s\", \"root\": %u, \"head_root\": %u, \"head\": %u, "
        "\"policy\": %u, \"revocations\": %u, \"flags\": %u}, \"closed\": {",
        fresh < sizeof names / sizeof names[0] ? names[fresh] : "?", c->manifest.root_version,
        c->s.head.root_version, c->s.head.head_epoch, c->policy.seq, c->rev.seq,
        pqi_ctl_flags(c, &now));
    for (unsigned i = 1; i < PQI_REASON_COUNT_; i++) {
        if (e->refused_by[i] != 0) {
            (void)fprintf(f, "%s\"%s\": %llu", sep, pqi_reason_name((pqi_reason)i),
                (unsigned long long)e->refused_by[i]);
            sep = ", ";
        }
    }
    (void)fputs("}", f);
}

void demo_stats(const demo_args *a, pqi_host_node *n, const char *more)
{
    char tmp[512];
    if (!a->stats || snprintf(tmp, sizeof tmp, "%s.tmp", a->stats) >= (int)sizeof tmp) {
        return;
    }
    FILE *f = fopen(tmp, "w");
    if (!f) {
        return;
    }
    const pqi_endpoint *e = pqi_host_node_endpoint(n);
    const pqi_mqtt_stats m = pqi_host_mqtt_get_stats(pqi_host_node_mqtt(n));
    (void)fprintf(f,
        "{\"accepted\": %llu, \"sent\": %llu, \"received\": %llu, \"overflow\": %llu%s, \"drops\": "
        "{",
        (unsigned long long)e->accepted, (unsigned long long)e->sent,
        (unsigned long long)m.received, (unsigned long long)m.dropped_in, more);
    const char *sep = "";
    for (int i = 1; i < PQI_DROP_COUNT_; i++) {
        if (e->drops[i] != 0) {
            (void)fprintf(f, "%s\"%s\": %llu", sep, pqi_drop_name((pqi_drop)i),
                (unsigned long long)e->drops[i]);
            sep = ", ";
        }
    }
    (void)fprintf(f, "}");
    control_stats(f, e);
    session_stats(f, a, n);
    (void)fprintf(f, "}\n");
    if (fclose(f) == 0) {
        (void)rename(tmp, a->stats);
    }
}

typedef struct option_row {
    const char *name;
    const char **into;
} option_row;

static int parse(int argc, char **argv, demo_args *a)
{
    const option_row rows[] = {{"--dir", &a->dir}, {"--key-file", &a->key_file},
        {"--port", &a->broker_port}, {"--kind", &a->kind}, {"--to", &a->to}, {"--stats", &a->stats},
        {"--log", &a->log}, {"--capture", &a->capture}, {"--out", &a->out}, {"--count", &a->count},
        {"--interval-ms", &a->interval_ms}, {"--id", &a->id}, {"--seconds", &a->seconds},
        {"--sessions", &a->sessions}, {"--stolen", &a->stolen}, {"--class", &a->cls}};
    for (int i = 2; i < argc; i += 2) {
        size_t r = 0;
        while (r < sizeof rows / sizeof rows[0] && strcmp(argv[i], rows[r].name) != 0) {
            r++;
        }
        if (r == sizeof rows / sizeof rows[0] || i + 1 == argc) {
            (void)fprintf(stderr, "pqi-demo: unknown option or no value: %s\n", argv[i]);
            return 0;
        }
        *rows[r].into = argv[i + 1];
    }
    return 1;
}

int main(int argc, char **argv)
{
    const struct {
        const char *role;
        int (*run)(const demo_args *);
    } roles[] = {{"device", demo_device}, {"control", demo_control}, {"attack", demo_attack},
        {"insider", demo_insider}, {"announce", demo_announce}, {"rate-send", demo_rate_send},
        {"rate-recv", demo_rate_recv}};
    demo_args a = {.role = argc > 1 ? argv[1] : ""};
    if (!parse(argc, argv, &a)) {
        return 2;
    }
    const struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGUSR1, &sa, NULL);
    (void)sigaction(SIGUSR2, &sa, NULL);
    for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++) {
        if (strcmp(a.role, roles[i].role) == 0) {
            return roles[i].run(&a);
        }
    }
    (void)fprintf(stderr,
        "pqi-demo: roles are device, control, attack, insider, announce, rate-send, rate-recv\n");
    return 2;
}
