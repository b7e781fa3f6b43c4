/* SPDX-License-Identifier: Apache-2.0 */
#include "support/hostile.h"

#include <time.h>

#define FENCE "plant/fence/"

static station *active; /* whose endpoint works now: counters have no context of their own */

pqi_cspan text_of(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

uint32_t dice(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return (uint32_t)(*state >> 16);
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void rest(void)
{
    const struct timespec t = {0, 500000};
    (void)nanosleep(&t, NULL);
}

/* ---- counting ---------------------------------------------------------------------------------- */

#define COUNTED(name, real)                                                                        \
    static pqi_status name(const uint8_t *pk, pqi_cspan ctx, const pqi_cspan *parts,               \
        size_t n_parts, pqi_cspan sig, void *tmp)                                                  \
    {                                                                                              \
        active->verifies++;                                                                        \
        return real.verify(pk, ctx, parts, n_parts, sig, tmp);                                     \
    }
COUNTED(verify_44, pqi_sig_ml_dsa_44)
COUNTED(verify_65, pqi_sig_ml_dsa_65)
COUNTED(verify_87, pqi_sig_ml_dsa_87)

static pqi_status counted_decaps(pqi_provider *p, pqi_key key, pqi_cspan ct, uint8_t *ss)
{
    active->opens++;
    return active->real_ops->decapsulate(p, key, ct, ss);
}

static pqi_status counted_dh(pqi_provider *p, pqi_key key, const uint8_t *peer, uint8_t *ss)
{
    active->opens++;
    return active->real_ops->dh(p, key, peer, ss);
}

static pqi_status counted_decrypt(pqi_provider *p, pqi_key kem, pqi_key dh, const pqi_suite *suite,
    const pqi_box_ctx *ctx, pqi_cspan capsule, pqi_cspan ct, pqi_span plain)
{
    active->opens++;
    return active->real_ops->decrypt(p, kem, dh, suite, ctx, capsule, ct, plain);
}

/* Descriptors are data: the endpoint and the peers it has loaded get copies that count. */
static void count_operations(station *t)
{
    pqi_endpoint *e = pqi_host_device_endpoint(t->dev);
    t->algs = *e->cfg.algs;
    assert_true(t->algs.n_sigs <= sizeof t->sigs / sizeof t->sigs[0]);
    for (size_t i = 0; i < t->algs.n_sigs; i++) {
        pqi_sig *copy = &t->sig_copies[i];
        *copy = *e->cfg.algs->sigs[i];
        copy->verify = copy->id == PQI_SIG_ID_ML_DSA_44   ? verify_44
                       : copy->id == PQI_SIG_ID_ML_DSA_65 ? verify_65
                       : copy->id == PQI_SIG_ID_ML_DSA_87 ? verify_87
                                                          : copy->verify; /* not in these tests */
        t->sigs[i] = copy;
        for (size_t k = 0; k < e->cfg.n_peers; k++) {
            if (e->cfg.peers[k].sig == e->cfg.algs->sigs[i]) {
                e->cfg.peers[k].sig = copy;
            }
        }
    }
    t->algs.sigs = t->sigs;
    e->cfg.algs = &t->algs;
    pqi_provider *p = pqi_host_device_provider(t->dev);
    t->real_ops = p->ops;
    t->ops = *p->ops;
    t->ops.decapsulate = t->ops.decapsulate != NULL ? counted_decaps : NULL;
    t->ops.dh = t->ops.dh != NULL ? counted_dh : NULL;
    t->ops.decrypt = t->ops.decrypt != NULL ? counted_decrypt : NULL;
    p->ops = &t->ops;
}

uint64_t asymmetric(const station *t)
{
    return t->verifies + t->opens;
}

/* ---- events ------------------------------------------------------------------------------------ */

/* "plant/fence/CLIENT/QOS/NUMBER" */
static int take_fence(unsigned fence[CLIENTS][3], pqi_cspan topic)
{
    const size_t n = sizeof FENCE - 1;
    if (topic.len < n + 5 || memcmp(topic.ptr, FENCE, n) != 0) {
        return 0;
    }
    unsigned number = 0;
    for (size_t i = n + 4; i < topic.len; i++) {
        number = number * 10u + (unsigned)(topic.ptr[i] - '0');
    }
    fence[topic.ptr[n] - '0'][topic.ptr[n + 2] - '0'] = number;
    return 1;
}

static void on_message(station *t, const pqi_node_event *ev)
{
    assert_true(t->n_heard < HEARD_MAX);
    assert_true(ev->ev.plain.len < sizeof t->heard[0]);
    memcpy(t->heard[t->n_heard], ev->ev.plain.ptr, ev->ev.plain.len);
    t->heard[t->n_heard][ev->ev.plain.len] = 0;
    memcpy(t->from[t->n_heard], ev->ev.peer, sizeof ev->ev.peer);
    t->n_heard++;
}

static unsigned station_turn(station *t)
{
    pqi_node_event ev;
    active = t;
    assert_int_equal(pqi_host_node_poll(t->link, 0, &ev), PQI_OK); /* INV-75, INV-106 */
    if (ev.kind == PQI_NODE_MESSAGE) {
        on_message(t, &ev);
    } else if (ev.kind == PQI_NODE_DROP && take_fence(t->fence, ev.topic)) {
        assert_int_equal(ev.ev.drop, PQI_DROP_DECODE);
        t->fence_drops++;
    } else if (ev.kind == PQI_NODE_DROP) {
        t->drops[ev.ev.drop]++;
        t->retained_drops += ev.retained != 0;
    }
    t->online += ev.kind == PQI_NODE_ONLINE;
    t->learned += ev.kind == PQI_NODE_PEER;
    t->revocations += ev.kind == PQI_NODE_REVOKED;
    return ev.kind != PQI_NODE_NONE;
}

static void eve_keeps(stage *s, const pqi_mqtt_event *ev)
{
    if (!s->catching) {
        return;
    }
    assert_true(s->n_caught < CAUGHT_MAX && ev->topic.len <= PQI_TOPIC_MAX);
    packet *k = &s->caught[s->n_caught++];
    memset(k, 0, sizeof *k);
    memcpy(k->topic, ev->topic.ptr, ev->topic.len);
    k->p = malloc(ev->payload.len != 0 ? ev->payload.len : 1);
    assert_non_null(k->p);
    if (ev->payload.len != 0) {
        memcpy(k->p, ev->payload.ptr, ev->payload.len);
    }
    k->len = ev->payload.len;
    k->retained = ev->retained;
}

static unsigned eve_turn(stage *s)
{
    pqi_mqtt_event ev;
    assert_int_equal(pqi_host_mqtt_poll(s->eve, 0, &ev), PQI_OK);
    if (ev.kind == PQI_MQTT_MESSAGE && !take_fence(s->eve_fence, ev.topic)) {
        eve_keeps(s, &ev);
    }
    return ev.kind != PQI_MQTT_NONE;
}

unsigned stage_turn(stage *s)
{
    unsigned n = s->eve != NULL ? eve_turn(s) : 0;
    for (size_t i = 0; i < s->n; i++) {
        n += s->at[i].link != NULL ? station_turn(&s->at[i]) : 0;
    }
    return n;
}

/* ---- fences ------------------------------------------------------------------------------------ */

static pqi_host_mqtt *client_of(const stage *s, unsigned c)
{
    if (c == EVE) {
        return s->eve;
    }
    return c < s->n && s->at[c].link != NULL ? pqi_host_node_mqtt(s->at[c].link) : NULL;
}

static void raise_fences(const stage *s)
{
    for (unsigned c = 0; c < CLIENTS; c++) {
        pqi_host_mqtt *m = client_of(s, c);
        for (int qos = 0; m != NULL && qos < 3; qos++) {
            char topic[64];
            (void)snprintf(topic, sizeof topic, FENCE "%u/%d/%u", c, qos, s->fences);
            assert_int_equal(pqi_host_mqtt_publish(m, topic, text_of("fence"), qos, 0), PQI_OK);
        }
    }
}

static int all_fences_at(const stage *s, unsigned receiver)
{
    const unsigned(*fence)[3] = (receiver == EVE) ? s->eve_fence : s->at[receiver].fence;
    for (unsigned c = 0; c < CLIENTS; c++) {
        for (unsigned qos = 0; client_of(s, c) != NULL && qos < 3; qos++) {
            if (fence[c][qos] != s->fences) {
                return 0;
            }
        }
    }
    return 1;
}

static int all_fences(const stage *s)
{
    for (unsigned c = 0; c < CLIENTS; c++) {
        pqi_host_mqtt *m = client_of(s, c);
        if (m != NULL && !(all_fences_at(s, c) && pqi_host_mqtt_pending(m) == 0)) {
            return 0;
        }
    }
    return 1;
}

static void turn_or_rest(stage *s)
{
    if (stage_turn(s) == 0) {
        rest();
    }
}

/* A fence raised before a subscription was in force is lost: raised again after a while. */
void stage_settle(stage *s)
{
    const double end = now_s() + 180;
    double patience = 0.05;
    while (now_s() < end) {
        s->fences++;
        raise_fences(s);
        const double again = now_s() + patience;
        patience *= 2;
        while (now_s() < again) {
            turn_or_rest(s);
            if (all_fences(s)) {
                return;
            }
        }
    }
    fail_msg("a fence did not arrive");
}

void stage_rejoin(stage *s)
{
    const double end = now_s() + 180;
    int down = 1;
    while (down && now_s() < end) {
        turn_or_rest(s);
        down = 0;
        for (unsigned c = 0; c < CLIENTS; c++) {
            const pqi_host_mqtt *m = client_of(s, c);
            down += m != NULL && !pqi_host_mqtt_connected(m);
        }
    }
    assert_int_equal(down, 0);
}

/* ---- stations ---------------------------------------------------------------------------------- */

static void allow(stage *s, const char *id, const uint8_t fp[32])
{
    char plant[64] = "plant", held[64] = "held";
    if (strcmp(id, "control") != 0) {
        (void)snprintf(plant, sizeof plant, "plant/%s", id);
        (void)snprintf(held, sizeof held, "held/%s", id);
    }
    const uint8_t both = PQI_RIGHT_PUB | PQI_RIGHT_SUB;
    const pqi_scope scopes[] = {{text_of(plant), both, PQI_CLASS_M},
        {text_of(held), both, PQI_CLASS_M}, {text_of("pq/4/m"), PQI_RIGHT_PUB, PQI_CLASS_M}};
    pqi_host_ca_entry e = {.id = text_of(id),
        .roles = PQI_CERT_ROLE_DEVICE,
        .scopes = scopes,
        .n_scopes = strcmp(id, "control") == 0 ? 3 : 2};
    memcpy(e.factory_fp, fp, sizeof e.factory_fp);
    pqi_host_ca *ca = NULL;
    pqi_host_ca_change change;
    assert_int_equal(pqi_host_ca_open(&ca, &s->f.ca_cfg), PQI_OK);
    assert_int_equal(pqi_host_ca_allow(ca, &e, &change), PQI_OK);
    pqi_host_ca_close(ca);
}

station *stage_device(stage *s, const char *id)
{
    assert_true(s->n < STATIONS);
    station *t = &s->at[s->n++];
    node_make(&s->f, &t->n, id);
    t->limits = pqi_limits_gateway;
    t->n.cfg.limits = &t->limits;
    t->n.cfg.max_peers = 8;
    blob factory = {NULL, 0};
    pqi_host_device_status st;
    uint32_t epoch = 0;
    assert_int_equal(node_init(&s->f, &t->n, &factory), PQI_OK);
    assert_int_equal(pqi_host_device_get_status(&t->n.cfg, &st), PQI_OK);
    allow(s, id, st.factory_fp);
    assert_int_equal(fleet_provision(&s->f, &t->n, &epoch), PQI_OK);
    assert_int_equal(epoch, 1);
    blob_free(&factory);
    return t;
}

static void forget(station *t)
{
    t->verifies = t->opens = 0;
    t->n_heard = 0;
    t->fence_drops = 0;
    t->online = t->learned = t->revocations = t->retained_drops = 0;
    memset(t->drops, 0, sizeof t->drops);
    memset(t->fence, 0, sizeof t->fence);
}

void station_on(stage *s, station *t)
{
    const pqi_now now = pqi_host_now();
    forget(t);
    assert_int_equal(pqi_host_device_open(&t->dev, &t->n.cfg, &now), PQI_OK);
    count_operations(t);
    const pqi_host_mqtt_cfg mqtt = {.port = (uint16_t)s->b.port,
        .version = t->version,
        .will_topic = t->will_topic,
        .will = text_of("gone"),
        .will_qos = 1,
        .backoff_min_ms = 20,
        .backoff_max_ms = 100,
        .queue_max = 4096};
    const pqi_host_node_cfg cfg = {.device = t->dev, .mqtt = &mqtt};
    assert_int_equal(pqi_host_node_open(&t->link, &cfg), PQI_OK);
    assert_int_equal(pqi_host_node_subscribe(t->link, FENCE "#", 2), PQI_OK);
    for (size_t i = 0; i < 8 && t->filters[i] != NULL; i++) {
        assert_int_equal(pqi_host_node_subscribe(t->link, t->filters[i], 2), PQI_OK);
    }
    stage_rejoin(s);
    stage_settle(s);
}

void station_off(station *t)
{
    active = t;
    pqi_host_node_close(t->link);
    pqi_host_device_provider(t->dev)->ops = t->real_ops; /* close takes its own drivers only */
    pqi_host_device_close(t->dev);
    t->link = NULL;
    t->dev = NULL;
}

/* What a closed endpoint would have written is not written. */
void station_crash(station *t)
{
    pqi_host_device_endpoint(t->dev)->open = 0;
    station_off(t);
}

void station_subscribe(stage *s, station *t, const char *filter)
{
    assert_int_equal(pqi_host_node_subscribe(t->link, filter, 2), PQI_OK);
    stage_settle(s);
}

pqi_endpoint *endpoint_of(const station *t)
{
    return pqi_host_device_endpoint(t->dev);
}

size_t peers_of(const station *t)
{
    const pqi_endpoint *e = endpoint_of(t);
    size_t n = 0;
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        n += e->cfg.peers[i].used;
    }
    return n;
}

const pqi_peer *peer_of(const station *t, const char *id)
{
    return pqi_endpoint_peer(endpoint_of(t), text_of(id));
}

pqi_status say(station *from, const char *to, const char *topic, const char *text, int qos)
{
    const pqi_outbound m = {
        .peer = text_of(to), .topic = text_of(topic), .payload = text_of(text), .cls = PQI_CLASS_L};
    active = from;
    return pqi_host_node_send(from->link, &m, qos, NULL);
}

unsigned heard(const station *t, const char *text)
{
    unsigned n = 0;
    for (size_t i = 0; i < t->n_heard; i++) {
        n += strcmp(t->heard[i], text) == 0;
    }
    return n;
}

void dropped(station *t, ...)
{
    uint64_t want[PQI_DROP_COUNT_] = {0};
    va_list ap;
    va_start(ap, t);
    for (int why = va_arg(ap, int); why != PQI_DROP_NONE; why = va_arg(ap, int)) {
        want[why] += (uint64_t)va_arg(ap, int);
    }
    va_end(ap);
    pqi_endpoint *e = endpoint_of(t);
    for (int i = 0; i < PQI_DROP_COUNT_; i++) {
        uint64_t fences = i == PQI_DROP_DECODE ? t->fence_drops : 0;
        if (t->drops[i] != want[i] || e->drops[i] != want[i] + fences) {
            fail_msg("%s: %s: %llu events, %llu counted, %llu expected", t->n.id,
                pqi_drop_name((pqi_drop)i), (unsigned long long)t->drops[i],
                (unsigned long long)(e->drops[i] - fences), (unsigned long long)want[i]);
        }
    }
    memset(t->drops, 0, sizeof t->drops);
    memset(e->drops, 0, sizeof e->drops);
    t->fence_drops = 0;
}

/* ---- eve and the stage ------------------------------------------------------------------------- */

void eve_says(stage *s, const char *topic, pqi_cspan payload, int qos, int retain)
{
    assert_int_equal(pqi_host_mqtt_publish(s->eve, topic, payload, qos, retain), PQI_OK);
}

void eve_repeats(stage *s, const packet *k, int qos)
{
    eve_says(s, k->topic, packet_span(k), qos, 0);
}

void stage_drop_caught(stage *s)
{
    for (size_t i = 0; i < s->n_caught; i++) {
        free(s->caught[i].p);
    }
    s->n_caught = 0;
}

stage *stage_new(const char *extra)
{
    stage *s = calloc(1, sizeof *s);
    assert_non_null(s);
    int rc = broker_start(&s->b, extra);
    if (rc == -1) {
        free(s);
        print_message("# SKIP mosquitto is not installed\n");
        skip();
    }
    assert_int_equal(rc, 0);
    fleet_begin(&s->f);
    s->f.now = (uint64_t)time(NULL);
    assert_int_equal(fleet_init_ca(&s->f), PQI_OK);
    const pqi_host_mqtt_cfg mqtt = {.port = (uint16_t)s->b.port,
        .client_id = "eve",
        .backoff_min_ms = 20,
        .backoff_max_ms = 100,
        .queue_max = 8192};
    assert_int_equal(pqi_host_mqtt_open(&s->eve, &mqtt), PQI_OK);
    assert_int_equal(pqi_host_mqtt_subscribe(s->eve, "#", 2), PQI_OK);
    return s;
}

void stage_free(stage *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->at[i].link != NULL) {
            station_off(&s->at[i]);
        }
    }
    pqi_host_mqtt_close(s->eve);
    stage_drop_caught(s);
    fleet_end(&s->f);
    broker_stop(&s->b);
    free(s);
}
