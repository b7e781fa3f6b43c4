/* SPDX-License-Identifier: Apache-2.0
 * The attacker: a client of the same broker that reads and publishes everything, without any key of
 * the fleet. Prints one JSON line: what it tried. */
#include "demo.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PACKETS_MAX = 4000, FLOOD_DATA = 2000 };

typedef struct packet {
    char topic[PQI_TOPIC_MAX + 1];
    uint8_t *data;
    uint32_t len;
} packet;

typedef struct attack {
    const demo_args *args;
    pqi_host_mqtt *mqtt;
    packet p[PACKETS_MAX];
    size_t n;
    uint64_t rng;
    unsigned long attempts;
} attack;

static uint32_t rnd(attack *k)
{
    k->rng ^= k->rng << 13;
    k->rng ^= k->rng >> 7;
    k->rng ^= k->rng << 17;
    return (uint32_t)(k->rng >> 16);
}

static int is_data(const packet *p)
{
    return strncmp(p->topic, "pq/", 3) != 0;
}

static int is_announcement(const packet *p)
{
    return strncmp(p->topic, PQI_TOPIC_ANNOUNCE, sizeof PQI_TOPIC_ANNOUNCE - 1) == 0;
}

static void keep(attack *k, const char *topic, size_t topic_len, pqi_cspan data)
{
    if (k->n == PACKETS_MAX || topic_len > PQI_TOPIC_MAX || data.len > UINT32_MAX) {
        return;
    }
    packet *p = &k->p[k->n];
    p->data = malloc(data.len ? data.len : 1);
    if (!p->data) {
        return;
    }
    memcpy(p->topic, topic, topic_len);
    p->topic[topic_len] = 0;
    memcpy(p->data, data.ptr, data.len);
    p->len = (uint32_t)data.len;
    k->n++;
}

static int load(attack *k)
{
    FILE *f = k->args->capture ? fopen(k->args->capture, "rb") : NULL;
    uint32_t h[2];
    while (f && fread(h, sizeof h, 1, f) == 1 && h[0] <= PQI_TOPIC_MAX && h[1] < (1u << 20)) {
        char topic[PQI_TOPIC_MAX];
        uint8_t *d = malloc(h[1] ? h[1] : 1);
        if (d && fread(topic, 1, h[0], f) == h[0] && fread(d, 1, h[1], f) == h[1]) {
            keep(k, topic, h[0], (pqi_cspan){d, h[1]});
        }
        free(d);
    }
    return f ? fclose(f) == 0 : 0;
}

static int save(const attack *k)
{
    FILE *f = fopen(k->args->out, "wb");
    for (size_t i = 0; f && i < k->n; i++) {
        const uint32_t h[2] = {(uint32_t)strlen(k->p[i].topic), k->p[i].len};
        (void)fwrite(h, sizeof h, 1, f);
        (void)fwrite(k->p[i].topic, 1, h[0], f);
        (void)fwrite(k->p[i].data, 1, h[1], f);
    }
    return f ? fclose(f) == 0 : 0;
}

static double entropy(const attack *k)
{
    double count[256] = {0}, total = 0, bits = 0;
    for (size_t i = 0; i < k->n; i++) {
        for (uint32_t j = PQI_V1_HDR; is_data(&k->p[i]) && j < k->p[i].len; j++) {
            count[k->p[i].data[j]]++;
            total++;
        }
    }
    for (int b = 0; b < 256; b++) {
        if (count[b] > 0) {
            bits -= count[b] / total * log2(count[b] / total);
        }
    }
    return bits;
}

static int capture(attack *k)
{
    if (!k->args->out || pqi_host_mqtt_subscribe(k->mqtt, "#", 0) != PQI_OK) {
        return 1;
    }
    const uint64_t end = demo_us() + (uint64_t)demo_long(k->args->seconds, 5) * 1000000u;
    while (demo_us() < end && !demo_stop) {
        pqi_mqtt_event ev;
        if (pqi_host_mqtt_poll(k->mqtt, 20, &ev) != PQI_OK) {
            return 1;
        }
        if (ev.kind == PQI_MQTT_MESSAGE) {
            keep(k, (const char *)ev.topic.ptr, ev.topic.len, ev.payload);
        }
    }
    size_t data = 0, ann = 0, sample = k->n;
    for (size_t i = 0; i < k->n; i++) {
        data += is_data(&k->p[i]) ? 1u : 0u;
        ann += is_announcement(&k->p[i]) ? 1u : 0u;
        sample = sample == k->n && is_data(&k->p[i]) ? i : sample;
    }
    printf("{\"packets\": %zu, \"announcements\": %zu, \"entropy\": %.3f, \"topic\": \"%s\", "
           "\"bytes\": %u, \"hex\": \"",
        data, ann, entropy(k), sample < k->n ? k->p[sample].topic : "",
        sample < k->n ? k->p[sample].len : 0);
    for (uint32_t i = 0; sample < k->n && i < 96 && i < k->p[sample].len; i++) {
        printf("%02x", k->p[sample].data[i]);
    }
    printf("\"}\n");
    return save(k) ? 0 : 1;
}

static void publish(attack *k, const char *topic, const uint8_t *d, size_t n, int retain)
{
    if (pqi_host_mqtt_publish(k->mqtt, topic, (pqi_cspan){d, n}, 0, retain) == PQI_OK) {
        k->attempts++;
    }
    pqi_mqtt_event ev;
    if (k->attempts % 64 == 0) {
        (void)!pqi_host_mqtt_poll(k->mqtt, 0, &ev);
    }
}

static void replay(attack *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (is_data(&k->p[i])) {
            publish(k, k->p[i].topic, k->p[i].data, k->p[i].len, (int)(i & 1u));
        }
    }
    for (size_t i = 0; i < k->n; i++) { /* take the retained ones away again */
        if (is_data(&k->p[i]) && (i & 1u)) {
            (void)!pqi_host_mqtt_publish(k->mqtt, k->p[i].topic, (pqi_cspan){NULL, 0}, 0, 1);
            k->attempts++; /* an empty message is one more thing to refuse */
        }
    }
}

/* Flips, truncates and extends; every part of the packet is hit. */
static void alter(attack *k)
{
    static uint8_t d[1 << 17];
    for (size_t i = 0; i < k->n; i++) {
        const packet *p = &k->p[i];
        if (!is_data(p) || p->len < 64 || p->len > sizeof d - 1) {
            continue;
        }
        memcpy(d, p->data, p->len);
        size_t len = p->len;
        switch (i % 8) {
        case 0: /* header: also a number that was never used */
            d[rnd(k) % PQI_V1_HDR] ^= (uint8_t)(1u << (rnd(k) % 8));
            break;
        case 1:
            d[20] ^= 0x40; /* a far sequence number */
            break;
        case 2:
            d[PQI_V1_HDR + rnd(k) % PQI_V1_GATE] ^= 1;
            break;
        case 3:
            len = rnd(k) % p->len;
            break;
        case 4:
            d[len++] = 0;
            break;
        case 5: /* a far number and an altered body */
            d[20] ^= 0x20;
            d[46 + rnd(k) % (p->len - 46)] ^= 0x80;
            break;
        default:
            d[27] ^= 0x55;
            d[46 + rnd(k) % (p->len - 46)] ^= (uint8_t)(1u + rnd(k) % 255);
            break;
        }
        publish(k, p->topic, d, len, 0);
    }
}

static void reroute(attack *k)
{
    const char *topics[] = {"plant/simvalve-1/cmd", "plant/edge-load/telemetry",
        "plant/edge-io/telemetry", "plant/simvalve-1/telemetry", "plant/edge-load/cmd"};
    for (size_t i = 0; i < k->n; i++) {
        for (size_t t = 0; t < sizeof topics / sizeof topics[0] && is_data(&k->p[i]); t++) {
            if (strcmp(topics[t], k->p[i].topic) != 0) {
                publish(k, topics[t], k->p[i].data, k->p[i].len, 0);
            }
        }
    }
}

static void flood(attack *k)
{
    static uint8_t d[FLOOD_DATA + PQI_V1_HDR];
    const char *topics[] = {"plant/edge-load/telemetry", "plant/simvalve-1/cmd",
        "plant/edge-io/telemetry", "pq/4/k/edge-load", "pq/4/k/nobody", "pq/4/v",
        "plant/simvalve-1/telemetry"};
    const long count = demo_long(k->args->count, 10000);
    for (long i = 0; i < count && !demo_stop; i++) {
        size_t len = rnd(k) % FLOOD_DATA;
        for (size_t j = 0; j < len; j++) {
            d[j] = (uint8_t)rnd(k);
        }
        const packet *p = k->n ? &k->p[rnd(k) % k->n] : NULL;
        const char *topic = topics[rnd(k) % (sizeof topics / sizeof topics[0])];
        if (p && is_data(p) && p->len > sizeof d && (i & 1)) { /* a header that looks genuine */
            memcpy(d, p->data, PQI_V1_HDR);
            d[20] = (uint8_t)rnd(k);
            topic = p->topic;
            len = PQI_V1_HDR + FLOOD_DATA;
        }
        publish(k, topic, d, len, 0);
    }
}

/* Old announcements again, and under other names. */
static void republish(attack *k)
{
    for (size_t i = 0; i < k->n; i++) {
        if (!is_announcement(&k->p[i])) {
            continue;
        }
        publish(k, k->p[i].topic, k->p[i].data, k->p[i].len, 1);
        publish(k, PQI_TOPIC_ANNOUNCE "control-1", k->p[i].data, k->p[i].len, 0);
        publish(k, PQI_TOPIC_ANNOUNCE "stranger", k->p[i].data, k->p[i].len, 0);
    }
}

/* A file published as the announcement of --id: an identity made by another CA. */
static void impersonate(attack *k)
{
    char topic[PQI_TOPIC_MAX];
    static uint8_t d[PQI_ANNOUNCE_MAX];
    FILE *f = k->args->capture ? fopen(k->args->capture, "rb") : NULL;
    size_t n = f ? fread(d, 1, sizeof d, f) : 0;
    if (f) {
        (void)fclose(f);
    }
    (void)snprintf(topic, sizeof topic, "%s%s", PQI_TOPIC_ANNOUNCE, k->args->id);
    for (int i = 0; i < 20 && n != 0; i++) {
        publish(k, topic, d, n, i == 0);
    }
}

static int drain(attack *k)
{
    const uint64_t end = demo_us() + 20000000u;
    pqi_mqtt_event ev;
    while (pqi_host_mqtt_pending(k->mqtt) != 0 && demo_us() < end) {
        if (pqi_host_mqtt_poll(k->mqtt, 10, &ev) != PQI_OK) {
            return 1;
        }
    }
    printf("{\"attempts\": %lu}\n", k->attempts);
    return 0;
}

static int run(attack *k)
{
    const struct {
        const char *kind;
        void (*go)(attack *);
    } kinds[] = {{"replay", replay}, {"alter", alter}, {"reroute", reroute}, {"flood", flood},
        {"republish", republish}, {"impersonate", impersonate}};
    pqi_mqtt_event ev = {0};
    const uint64_t end = demo_us() + 10000000u;
    while (ev.kind != PQI_MQTT_CONNECTED && demo_us() < end) {
        if (pqi_host_mqtt_poll(k->mqtt, 100, &ev) != PQI_OK) {
            return 1;
        }
    }
    if (strcmp(k->args->kind, "capture") == 0) {
        return capture(k);
    }
    if (strcmp(k->args->kind, "impersonate") != 0 && !load(k)) {
        (void)fprintf(stderr, "pqi-demo: no capture file\n");
        return 1;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(k->args->kind, kinds[i].kind) == 0) {
            kinds[i].go(k);
            return drain(k);
        }
    }
    return 2;
}

int demo_attack(const demo_args *a)
{
    const pqi_host_mqtt_cfg cfg = {.port = (uint16_t)demo_long(a->broker_port, 1883),
        .client_id = "attacker",
        .queue_max = 20000};
    attack *k = calloc(1, sizeof *k);
    if (!k || !a->kind) {
        free(k);
        return 1;
    }
    k->args = a;
    k->rng = 0x9e3779b97f4a7c15u; /* the same attack every time */
    int rc = pqi_host_mqtt_open(&k->mqtt, &cfg) == PQI_OK ? run(k) : 1;
    pqi_host_mqtt_close(k->mqtt);
    for (size_t i = 0; i < k->n; i++) {
        free(k->p[i].data);
    }
    free(k);
    return rc;
}
