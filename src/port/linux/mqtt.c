/* SPDX-License-Identifier: Apache-2.0
 * Implementation notes. libmosquitto is driven by mosquitto_loop() from poll(), so there are no
 * threads and callbacks run only inside poll(). Callbacks copy into a bounded ring; poll() hands out
 * one entry at a time. While offline, publishes wait in a second bounded ring: libmosquitto would
 * keep QoS 1 and 2 only, and without a bound. */
#include <pqi/host_mqtt.h>

#include <errno.h>
#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    FILTERS_MAX = 64,
    TOPIC_MAX = 65535, /* MQTT 5 section 1.5.4 */
    DEFAULT_KEEPALIVE = 30,
    DEFAULT_QUEUE = 1024,
    QUEUE_MAX = 1000000,
    DEFAULT_PAYLOAD = 131072,
    DEFAULT_BACKOFF_MIN = 200,
    DEFAULT_BACKOFF_MAX = 30000,
    MESSAGE_MAX = 268435455, /* MQTT 5 section 1.5.5, largest packet */
    CONNECT_WAIT_MS = 10000  /* for CONNACK */
};

typedef struct entry {
    pqi_mqtt_event_kind kind;
    char *topic;
    uint8_t *payload;
    size_t len;
    int qos, retain;
    const char *text;
} entry;

typedef struct ring {
    entry *e;
    size_t cap, head, n;
} ring;

typedef enum link_state { LINK_DOWN, LINK_CONNECTING, LINK_UP } link_state;

struct pqi_host_mqtt {
    struct mosquitto *mosq;
    char *host;
    int port, keepalive;
    unsigned backoff_min, backoff_max, backoff;
    uint64_t next_try, connect_deadline, rng;
    link_state link;
    size_t payload_max;
    size_t inflight;      /* QoS 1 and 2, not acknowledged */
    uint8_t flying[8192]; /* one bit per packet identifier of those */
    struct {
        char *filter;
        int qos, mid; /* mid: of the last SUBSCRIBE */
    } filters[FILTERS_MAX];
    size_t n_filters;
    ring in, out;
    entry current; /* what the last event points into */
    pqi_mqtt_stats stats;
};

static pthread_once_t lib_once = PTHREAD_ONCE_INIT;

static void lib_start(void)
{
    (void)mosquitto_lib_init();
}

static uint64_t now_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000u + (uint64_t)t.tv_nsec / 1000000u;
}

static void entry_free(entry *e)
{
    free(e->topic);
    free(e->payload);
    memset(e, 0, sizeof *e);
}

static int entry_fill(entry *e, const char *topic, pqi_cspan payload)
{
    e->topic = topic ? strdup(topic) : NULL;
    e->payload = payload.len ? malloc(payload.len) : NULL;
    if ((topic && !e->topic) || (payload.len && !e->payload)) {
        entry_free(e);
        return 0;
    }
    if (payload.len) {
        memcpy(e->payload, payload.ptr, payload.len);
    }
    e->len = payload.len;
    return 1;
}

static int ring_push(ring *r, const entry *e)
{
    if (r->n == r->cap) {
        return 0;
    }
    r->e[(r->head + r->n) % r->cap] = *e;
    r->n++;
    return 1;
}

static int ring_pop(ring *r, entry *out)
{
    if (r->n == 0) {
        return 0;
    }
    *out = r->e[r->head];
    memset(&r->e[r->head], 0, sizeof r->e[r->head]);
    r->head = (r->head + 1) % r->cap;
    r->n--;
    return 1;
}

static void ring_free(ring *r)
{
    entry e;
    while (ring_pop(r, &e)) {
        entry_free(&e);
    }
    free(r->e);
    r->e = NULL;
}

/* Link events must not be lost behind a flood of messages: one slot is always kept for them. Takes what
 * e holds. */
static void push_note(pqi_host_mqtt *m, entry *e)
{
    if (!ring_push(&m->in, e)) {
        entry old;
        if (ring_pop(&m->in, &old)) {
            entry_free(&old);
            m->stats.dropped_in++;
        }
        if (!ring_push(&m->in, e)) {
            entry_free(e);
        }
    }
}

static void note(pqi_host_mqtt *m, pqi_mqtt_event_kind kind, const char *text)
{
    entry e = {.kind = kind, .text = text};
    push_note(m, &e);
}

static void link_lost(pqi_host_mqtt *m, const char *why)
{
    if (m->link != LINK_DOWN || m->next_try == 0) {
        note(m, PQI_MQTT_DISCONNECTED, why);
    }
    m->link = LINK_DOWN;
    /* full jitter over the upper half: a fleet that lost its broker does not return as one wave */
    m->rng ^= m->rng << 13;
    m->rng ^= m->rng >> 7;
    m->rng ^= m->rng << 17;
    uint64_t half = m->backoff / 2u + 1u;
    m->next_try = now_ms() + half + m->rng % half;
    m->backoff = m->backoff > m->backoff_max / 2u ? m->backoff_max : m->backoff * 2u;
}

static pqi_status hand_over(
    pqi_host_mqtt *m, const char *topic, pqi_cspan payload, int qos, int retain)
{
    int mid = 0;
    int rc = mosquitto_publish(m->mosq, &mid, topic, (int)payload.len,
        payload.len ? (const void *)payload.ptr : NULL, qos, retain != 0);
    if (rc == MOSQ_ERR_SUCCESS) {
        if (qos != 0 && !(m->flying[(mid >> 3) & 8191] & (1u << (mid & 7)))) {
            m->flying[(mid >> 3) & 8191] |= (uint8_t)(1u << (mid & 7));
            m->inflight++;
        }
        m->stats.sent++;
        return PQI_OK;
    }
    if (rc == MOSQ_ERR_NOMEM) {
        return PQI_ERR_LIMIT;
    }
    if (rc == MOSQ_ERR_NO_CONN || rc == MOSQ_ERR_CONN_LOST || rc == MOSQ_ERR_ERRNO) {
        return PQI_AGAIN;
    }
    return PQI_ERR_ARG;
}

static void flush_out(pqi_host_mqtt *m)
{
    while (m->out.n != 0 && m->link == LINK_UP) {
        entry *e = &m->out.e[m->out.head];
        pqi_status st = hand_over(m, e->topic, (pqi_cspan){e->payload, e->len}, e->qos, e->retain);
        if (st == PQI_AGAIN) {
            return;
        }
        m->stats.dropped_out += st != PQI_OK ? 1u : 0u; /* as when the broker's limit is lower */
        entry done;
        if (ring_pop(&m->out, &done)) {
            entry_free(&done);
        }
    }
}

static void on_connect(struct mosquitto *mosq, void *ctx, int rc)
{
    pqi_host_mqtt *m = ctx;
    if (rc != 0) {
        m->backoff = m->backoff_max; /* a refusal does not heal in milliseconds */
        (void)mosquitto_disconnect(mosq);
        link_lost(m, mosquitto_connack_string(rc));
        return;
    }
    m->link = LINK_UP;
    m->backoff = m->backoff_min;
    m->stats.connects++;
    for (size_t i = 0; i < m->n_filters; i++) {
        (void)mosquitto_subscribe(
            mosq, &m->filters[i].mid, m->filters[i].filter, m->filters[i].qos);
    }
    note(m, PQI_MQTT_CONNECTED, "connected");
    flush_out(m);
}

/* A refusal leaves us deaf, to revocations for instance, without any other sign of it. */
static void on_subscribe(
    struct mosquitto *mosq, void *ctx, int mid, int n_granted, const int *granted)
{
    (void)mosq;
    pqi_host_mqtt *m = ctx;
    if (n_granted != 1 || granted[0] < 0x80) { /* MQTT 5 section 3.9.3: 0x80 and above refuse */
        return;
    }
    for (size_t i = 0; i < m->n_filters; i++) {
        entry e = {.kind = PQI_MQTT_UNSUBSCRIBED, .text = "the broker refused a subscription"};
        if (m->filters[i].mid == mid) {
            e.topic = strdup(m->filters[i].filter); /* NULL: then without its name */
            push_note(m, &e);
            return;
        }
    }
}

static void on_disconnect(struct mosquitto *mosq, void *ctx, int rc)
{
    (void)mosq;
    pqi_host_mqtt *m = ctx;
    if (m->link != LINK_DOWN) {
        link_lost(m, rc == 0 ? "disconnected" : mosquitto_strerror(rc));
    }
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *msg)
{
    (void)mosq;
    pqi_host_mqtt *m = ctx;
    entry e = {.kind = PQI_MQTT_MESSAGE, .qos = msg->qos, .retain = msg->retain};
    m->stats.received++;
    if (msg->payloadlen < 0 || (size_t)msg->payloadlen > m->payload_max ||
        m->in.n + 1 >= m->in.cap) {
        m->stats.dropped_in++;
        return;
    }
    if (!entry_fill(&e, msg->topic, (pqi_cspan){msg->payload, (size_t)msg->payloadlen}) ||
        !ring_push(&m->in, &e)) {
        entry_free(&e);
        m->stats.dropped_in++;
    }
}

static void on_publish(
    struct mosquitto *mosq, void *ctx, int mid, int reason, const mosquitto_property *props)
{
    (void)mosq;
    (void)props;
    pqi_host_mqtt *m = ctx;
    if (m->flying[(mid >> 3) & 8191] & (1u << (mid & 7))) {
        m->flying[(mid >> 3) & 8191] &= (uint8_t) ~(1u << (mid & 7));
        m->inflight--;
    }
    if (reason >= 0x80) {
        note(m, PQI_MQTT_REFUSED, mosquitto_reason_string(reason));
    }
}

static pqi_status set_tls(struct mosquitto *mosq, const pqi_host_mqtt_cfg *cfg)
{
    if (!cfg->ca_file && !cfg->ca_dir) {
        return (cfg->cert_file || cfg->key_file) ? PQI_ERR_ARG : PQI_OK;
    }
    if (mosquitto_tls_set(mosq, cfg->ca_file, cfg->ca_dir, cfg->cert_file, cfg->key_file, NULL) !=
        MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    return mosquitto_tls_opts_set(mosq, 1, "tlsv1.2", NULL) == MOSQ_ERR_SUCCESS ? PQI_OK
                                                                                : PQI_ERR_ARG;
}

static pqi_status set_options(pqi_host_mqtt *m, const pqi_host_mqtt_cfg *cfg)
{
    if (cfg->version != 0 && cfg->version != 4 && cfg->version != 5) {
        return PQI_ERR_ARG;
    }
    int version = cfg->version == 5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    if (mosquitto_int_option(m->mosq, MOSQ_OPT_PROTOCOL_VERSION, version) != MOSQ_ERR_SUCCESS ||
        mosquitto_int_option(m->mosq, MOSQ_OPT_TCP_NODELAY, 1) != MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    if (cfg->username &&
        mosquitto_username_pw_set(m->mosq, cfg->username, cfg->password) != MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    if (cfg->will_topic && mosquitto_will_set(m->mosq, cfg->will_topic, (int)cfg->will.len,
                               cfg->will.len ? (const void *)cfg->will.ptr : NULL, cfg->will_qos,
                               cfg->will_retain != 0) != MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    return set_tls(m->mosq, cfg);
}

static void set_defaults(pqi_host_mqtt *m, const pqi_host_mqtt_cfg *cfg)
{
    int tls = cfg->ca_file || cfg->ca_dir;
    m->port = cfg->port ? cfg->port : (tls ? 8883 : 1883);
    if (cfg->host && cfg->host[0] == '/') {
        m->port = 0; /* unix socket */
    }
    m->keepalive = cfg->keepalive_s > 0 ? cfg->keepalive_s : DEFAULT_KEEPALIVE;
    m->backoff_min = cfg->backoff_min_ms ? cfg->backoff_min_ms : DEFAULT_BACKOFF_MIN;
    m->backoff_max = cfg->backoff_max_ms ? cfg->backoff_max_ms : DEFAULT_BACKOFF_MAX;
    if (m->backoff_max < m->backoff_min) {
        m->backoff_max = m->backoff_min;
    }
    m->backoff = m->backoff_min;
    m->payload_max = cfg->payload_max ? cfg->payload_max : DEFAULT_PAYLOAD;
    m->rng = now_ms() ^ ((uint64_t)getpid() << 32) ^ (uint64_t)(uintptr_t)m ^ 1u;
    size_t cap = (cfg->queue_max ? cfg->queue_max : DEFAULT_QUEUE) + 1u;
    m->in.e = calloc(cap, sizeof *m->in.e);
    m->in.cap = m->in.e ? cap : 0;
    m->out.e = calloc(cap, sizeof *m->out.e);
    m->out.cap = m->out.e ? cap : 0;
    m->host = strdup(cfg->host ? cfg->host : "127.0.0.1");
}

pqi_status pqi_host_mqtt_open(pqi_host_mqtt **out, const pqi_host_mqtt_cfg *cfg)
{
    if (!out || !cfg || cfg->will.len > MESSAGE_MAX || cfg->queue_max > QUEUE_MAX) {
        return PQI_ERR_ARG;
    }
    (void)pthread_once(&lib_once, lib_start);
    pqi_host_mqtt *m = calloc(1, sizeof *m);
    if (!m) {
        return PQI_ERR_LIMIT;
    }
    pqi_status st = PQI_ERR_LIMIT;
    set_defaults(m, cfg);
    m->mosq = mosquitto_new(cfg->client_id, !cfg->client_id || !cfg->keep_session, m);
    if (m->mosq && m->in.cap && m->out.cap && m->host) {
        st = set_options(m, cfg);
    }
    if (st != PQI_OK) {
        pqi_host_mqtt_close(m);
        return st;
    }
    mosquitto_connect_callback_set(m->mosq, on_connect);
    mosquitto_disconnect_callback_set(m->mosq, on_disconnect);
    mosquitto_message_callback_set(m->mosq, on_message);
    mosquitto_subscribe_callback_set(m->mosq, on_subscribe);
    mosquitto_publish_v5_callback_set(m->mosq, on_publish);
    *out = m;
    return PQI_OK;
}

pqi_status pqi_host_mqtt_subscribe(pqi_host_mqtt *m, const char *filter, int qos)
{
    if (!m || !filter || qos < 0 || qos > 2 ||
        mosquitto_sub_topic_check(filter) != MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    if (m->n_filters == FILTERS_MAX) {
        return PQI_ERR_LIMIT;
    }
    char *copy = strdup(filter);
    if (!copy) {
        return PQI_ERR_LIMIT;
    }
    m->filters[m->n_filters].filter = copy;
    m->filters[m->n_filters].qos = qos;
    m->filters[m->n_filters].mid = 0; /* no packet has it */
    if (m->link == LINK_UP) {
        (void)mosquitto_subscribe(m->mosq, &m->filters[m->n_filters].mid, filter, qos);
    }
    m->n_filters++;
    return PQI_OK;
}

void pqi_host_mqtt_again(pqi_host_mqtt *m, const char *prefix)
{
    for (size_t i = 0; m && prefix && m->link == LINK_UP && i < m->n_filters; i++) {
        if (strncmp(m->filters[i].filter, prefix, strlen(prefix)) == 0) {
            (void)mosquitto_subscribe(
                m->mosq, &m->filters[i].mid, m->filters[i].filter, m->filters[i].qos);
        }
    }
}

static pqi_status keep(pqi_host_mqtt *m, const char *topic, pqi_cspan payload, int qos, int retain)
{
    entry e = {.kind = PQI_MQTT_MESSAGE, .qos = qos, .retain = retain};
    if (!entry_fill(&e, topic, payload)) {
        return PQI_ERR_LIMIT;
    }
    if (!ring_push(&m->out, &e)) {
        entry old;
        if (ring_pop(&m->out, &old)) {
            entry_free(&old);
            m->stats.dropped_out++;
        }
        if (!ring_push(&m->out, &e)) {
            entry_free(&e);
            return PQI_ERR_LIMIT;
        }
    }
    return PQI_OK;
}

pqi_status pqi_host_mqtt_publish(
    pqi_host_mqtt *m, const char *topic, pqi_cspan payload, int qos, int retain)
{
    if (!m || !topic || qos < 0 || qos > 2 || payload.len > MESSAGE_MAX - TOPIC_MAX - 16 ||
        (payload.len && !payload.ptr) || !topic[0] || strlen(topic) > TOPIC_MAX ||
        mosquitto_pub_topic_check(topic) != MOSQ_ERR_SUCCESS ||
        mosquitto_validate_utf8(topic, (int)strlen(topic)) != MOSQ_ERR_SUCCESS) {
        return PQI_ERR_ARG;
    }
    if (m->link == LINK_UP && m->out.n == 0) {
        pqi_status st = hand_over(m, topic, payload, qos, retain);
        if (st != PQI_AGAIN) {
            m->stats.dropped_out += st != PQI_OK ? 1u : 0u;
            return st;
        }
    }
    return keep(m, topic, payload, qos, retain);
}

static void try_connect(pqi_host_mqtt *m)
{
    m->link = LINK_CONNECTING;
    m->connect_deadline = now_ms() + CONNECT_WAIT_MS;
    int rc = mosquitto_connect_async(m->mosq, m->host, m->port, m->keepalive);
    if (rc != MOSQ_ERR_SUCCESS) {
        link_lost(m, rc == MOSQ_ERR_ERRNO ? strerrordesc_np(errno) : mosquitto_strerror(rc));
    }
}

/* One round of network work, at most wait_ms long. */
static void step(pqi_host_mqtt *m, uint64_t now, int wait_ms)
{
    if (m->link == LINK_DOWN) {
        if (now < m->next_try) {
            uint64_t left = m->next_try - now;
            int ms = left < (uint64_t)wait_ms ? (int)left : wait_ms;
            struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000L};
            (void)nanosleep(&t, NULL);
            return;
        }
        try_connect(m);
        if (m->link == LINK_DOWN) {
            return;
        }
    }
    if (m->link == LINK_CONNECTING && now > m->connect_deadline) {
        (void)mosquitto_disconnect(m->mosq);
        link_lost(m, "the broker did not answer");
        return;
    }
    int rc = mosquitto_loop(m->mosq, wait_ms, 1);
    if (rc != MOSQ_ERR_SUCCESS && m->link != LINK_DOWN) {
        link_lost(m, rc == MOSQ_ERR_ERRNO ? strerrordesc_np(errno) : mosquitto_strerror(rc));
    }
    flush_out(m);
}

pqi_status pqi_host_mqtt_poll(pqi_host_mqtt *m, int timeout_ms, pqi_mqtt_event *ev)
{
    if (!m || !ev || timeout_ms < 0) {
        return PQI_ERR_ARG;
    }
    entry_free(&m->current);
    memset(ev, 0, sizeof *ev);
    if (m->in.n == 0) {
        uint64_t now = now_ms();
        const uint64_t end = now + (uint64_t)timeout_ms;
        for (;;) {
            const int left = now >= end ? 0 : (int)(end - now);
            step(m, now, left);
            if (left == 0 || m->in.n != 0) {
                break;
            }
            now = now_ms();
        }
    }
    if (!ring_pop(&m->in, &m->current)) {
        return PQI_OK;
    }
    ev->kind = m->current.kind;
    ev->text = m->current.text ? m->current.text : "";
    ev->qos = m->current.qos;
    ev->retained = m->current.retain;
    if (m->current.topic) {
        ev->topic = (pqi_cspan){(const uint8_t *)m->current.topic, strlen(m->current.topic)};
    }
    ev->payload = (pqi_cspan){m->current.payload, m->current.len};
    return PQI_OK;
}

int pqi_host_mqtt_connected(const pqi_host_mqtt *m)
{
    return m && m->link == LINK_UP;
}

size_t pqi_host_mqtt_pending(const pqi_host_mqtt *m)
{
    return m ? m->out.n + m->inflight + (mosquitto_want_write(m->mosq) ? 1u : 0u) : 0;
}

pqi_mqtt_stats pqi_host_mqtt_get_stats(const pqi_host_mqtt *m)
{
    return m ? m->stats : (pqi_mqtt_stats){0};
}

void pqi_host_mqtt_close(pqi_host_mqtt *m)
{
    if (!m) {
        return;
    }
    if (m->mosq) {
        m->link = LINK_DOWN;
        (void)mosquitto_disconnect(m->mosq);
        (void)mosquitto_loop(m->mosq, 0, 1);
        mosquitto_destroy(m->mosq);
    }
    for (size_t i = 0; i < m->n_filters; i++) {
        free(m->filters[i].filter);
    }
    entry_free(&m->current);
    ring_free(&m->in);
    ring_free(&m->out);
    free(m->host);
    free(m);
}
