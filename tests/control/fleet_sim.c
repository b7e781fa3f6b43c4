/* SPDX-License-Identifier: Apache-2.0
 * A simulated fleet of up to 5,000 devices in one process: provisioned by a real CA, fed by a real control
 * plane through a real broker. Each device is a real control state (pqi/ctl.h) with keys and a certificate of
 * its own; only its hardware is simulated. docs/operations.md uses it, tests/cli/operations.sh runs it.
 *
 *   fleet_sim csv DIR N ROOT_HASH          makes DIR, prints an allow-list as CSV for pqi ca allow
 *   fleet_sim join DIR CHALLENGES REQUESTS answers ID.challenge with ID.join
 *   fleet_sim install DIR CHALLENGES GRANTS CONFIRMATIONS
 *   fleet_sim run DIR PORT STATUS          all of them at 127.0.0.1:PORT until SIGTERM; writes STATUS as
 *                                          one JSON object four times a second
 */
#include "control/sim_device.h"

#include <pqi/endpoint.h>
#include <pqi/host_mqtt.h>
#include <pqi/host_node.h>

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define PATH_ROOM 1024u
#define FILE_MAX  (PQI_GRANT_MAX + 1u)
#define STATUS_MS 250u

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

/* ---- files ---------------------------------------------------------------------------------------- */

static size_t read_file(const char *path, uint8_t *out, size_t room)
{
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        (void)fprintf(stderr, "fleet_sim: cannot read %s\n", path);
        return 0;
    }
    const size_t n = fread(out, 1, room, f);
    (void)fclose(f);
    return n;
}

static bool write_file(const char *path, const uint8_t *in, size_t len)
{
    FILE *f = fopen(path, "wb");
    bool good = f != NULL && fwrite(in, 1, len, f) == len;
    if (f != NULL && fclose(f) != 0) {
        good = false;
    }
    if (!good) {
        (void)fprintf(stderr, "fleet_sim: cannot write %s\n", path);
    }
    return good;
}

static void name_of(char out[PATH_ROOM], const char *dir, const char *id, const char *what)
{
    (void)snprintf(out, PATH_ROOM, "%.900s/%.40s.%.40s", dir, id, what);
}

/* DIR/sim.secret: u32 number of devices, secret, pinned hash. */
enum { SECRET_LEN = 4 + 32 + 32 };

static bool load(sim *s, const char *dir)
{
    uint8_t b[SECRET_LEN];
    char path[PATH_ROOM];
    name_of(path, dir, "sim", "secret");
    if (read_file(path, b, sizeof b) != sizeof b) {
        return false;
    }
    const uint32_t n = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return n >= 1 && n <= SIM_MAX && sim_init(s, n, b + 4, b + 36);
}

static bool failed(const sim_device *d, pqi_status st, const char *doing)
{
    if (st != PQI_OK) {
        (void)fprintf(stderr, "fleet_sim: %s: cannot %s: %s\n", d->id, doing, pqi_status_text(st));
    }
    return st != PQI_OK;
}

/* ---- provisioning --------------------------------------------------------------------------------- */

static bool parse_hash(const char *hex, uint8_t out[32])
{
    for (size_t i = 0; i < 32; i++) {
        unsigned v = 0;
        if (sscanf(hex + 2 * i, "%2x", &v) != 1) {
            return false;
        }
        out[i] = (uint8_t)v;
    }
    return strlen(hex) == 64;
}

static int make_csv(const char *dir, const char *count, const char *hash)
{
    sim s;
    uint8_t b[SECRET_LEN];
    char path[PATH_ROOM];
    const unsigned long n = strtoul(count, NULL, 10);
    if (n < 1 || n > SIM_MAX || !parse_hash(hash, b + 36) ||
        pqi_classic_openssl.random(b + 4, 32) != PQI_OK) {
        (void)fprintf(stderr, "fleet_sim: csv DIR N ROOT_HASH, N from 1 to %u\n", SIM_MAX);
        return 2;
    }
    for (unsigned i = 0; i < 4; i++) {
        b[i] = (uint8_t)(n >> (24 - 8 * i));
    }
    (void)mkdir(dir, 0700);
    name_of(path, dir, "sim", "secret");
    if (!write_file(path, b, sizeof b) || !load(&s, dir)) {
        return 1;
    }
    printf("id,factory,roles,scopes\n");
    for (uint32_t i = 0; i < s.n; i++) {
        uint8_t fp[32];
        if (failed(&s.d[i], sim_fingerprint(&s.d[i], fp), "make a key")) {
            return 1;
        }
        printf("%s,", s.d[i].id);
        for (size_t k = 0; k < sizeof fp; k++) {
            printf("%02x", fp[k]);
        }
        printf(",device,plant/%s:pub:L\n", s.d[i].id);
    }
    sim_free(&s);
    return 0;
}

static bool join(sim_device *d, const char *challenges, const char *requests)
{
    static uint8_t in[PQI_CHALLENGE_MAX], out[PQI_JOIN_REQUEST_MAX];
    char path[PATH_ROOM];
    size_t len = 0;
    name_of(path, challenges, d->id, "challenge");
    const size_t n = read_file(path, in, sizeof in);
    if (n == 0 || failed(d, sim_join(d, (pqi_cspan){in, n}, (pqi_span){out, sizeof out}, &len),
                      "make a request")) {
        return false;
    }
    name_of(path, requests, d->id, "join");
    return write_file(path, out, len);
}

static bool install(sim_device *d, const char *dir, const char *const *where)
{
    static uint8_t in[PQI_CHALLENGE_MAX], grant[FILE_MAX], cert[PQI_CERT_MAX];
    uint8_t confirm[PQI_CONFIRM_LEN];
    char path[PATH_ROOM];
    size_t cert_len = 0;
    name_of(path, where[0], d->id, "challenge");
    const size_t n = read_file(path, in, sizeof in);
    name_of(path, where[1], d->id, "grant");
    const size_t m = read_file(path, grant, sizeof grant);
    if (n == 0 || m == 0 ||
        failed(d,
            sim_install(d, (pqi_cspan){in, n}, (pqi_cspan){grant, m}, (pqi_span){cert, sizeof cert},
                &cert_len, confirm),
            "install the grant")) {
        return false;
    }
    name_of(path, dir, d->id, "cert");
    if (!write_file(path, cert, cert_len)) {
        return false;
    }
    name_of(path, where[2], d->id, "ok");
    return write_file(path, confirm, sizeof confirm);
}

static int provision(const char *what, const char *dir, const char *const *where)
{
    sim s;
    char path[PATH_ROOM];
    if (!load(&s, dir)) {
        return 1;
    }
    bool good = true;
    for (uint32_t i = 0; i < s.n && good; i++) {
        good = strcmp(what, "join") == 0 ? join(&s.d[i], where[0], where[1])
                                         : install(&s.d[i], dir, where);
    }
    if (good && s.manifest.len != 0) {
        name_of(path, dir, "sim", "manifest");
        good = write_file(path, s.manifest.ptr, s.manifest.len);
    }
    printf("%u simulated devices: %s\n", (unsigned)s.n, good ? what : "failed");
    sim_free(&s);
    return good ? 0 : 1;
}

/* ---- running -------------------------------------------------------------------------------------- */

typedef struct bounds {
    uint32_t low, high;
} bounds;

static void widen(bounds *b, uint32_t v, bool first)
{
    b->low = first || v < b->low ? v : b->low;
    b->high = first || v > b->high ? v : b->high;
}

typedef struct counts {
    unsigned fresh, vouched, member, revoked, closed[PQI_GATE_FLAGS];
    bounds root, head, rev, policy;
} counts;

static counts count(const sim *s, const pqi_now *now)
{
    counts c;
    memset(&c, 0, sizeof c);
    for (uint32_t i = 0; i < s->n; i++) {
        const pqi_ctl *x = &s->d[i].ctl;
        const unsigned flags = pqi_ctl_flags(x, now);
        c.fresh += pqi_ctl_fresh(x, now, (pqi_cspan){NULL, 0}) == PQI_FRESH_FRESH;
        c.vouched += x->s.clock.known == 2;
        c.member += x->path_len != 0;
        c.revoked += (flags & PQI_GATE_SELF_REVOKED) != 0;
        for (unsigned k = 0; k < PQI_GATE_FLAGS; k++) {
            c.closed[k] += (flags & 1u << k) != 0;
        }
        widen(&c.root, x->manifest.root_version, i == 0);
        widen(&c.head,
            x->s.head.root_version == x->manifest.root_version ? x->s.head.head_epoch : 0, i == 0);
        widen(&c.rev, x->rev.seq, i == 0);
        widen(&c.policy, x->policy.seq, i == 0);
    }
    return c;
}

static void report(const sim *s, const char *path)
{
    char tmp[PATH_ROOM];
    const pqi_now now = pqi_host_now();
    const counts c = count(s, &now);
    (void)snprintf(tmp, sizeof tmp, "%.900s.new", path);
    FILE *f = fopen(tmp, "w");
    if (f == NULL) {
        return;
    }
    (void)fprintf(f,
        "{\"devices\": %u, \"fresh\": %u, \"vouched\": %u, \"members\": %u, \"revoked\": %u, "
        "\"root\": [%u, %u], \"head\": [%u, %u], \"revocations\": [%u, %u], \"policy\": [%u, %u], "
        "\"gates\": {",
        (unsigned)s->n, c.fresh, c.vouched, c.member, c.revoked, (unsigned)c.root.low,
        (unsigned)c.root.high, (unsigned)c.head.low, (unsigned)c.head.high, (unsigned)c.rev.low,
        (unsigned)c.rev.high, (unsigned)c.policy.low, (unsigned)c.policy.high);
    const char *comma = "";
    for (unsigned k = 0; k < PQI_GATE_FLAGS; k++) {
        if (c.closed[k] != 0) {
            (void)fprintf(f, "%s\"%s\": %u", comma,
                pqi_reason_name((pqi_reason)((unsigned)PQI_REASON_SELF_REVOKED + k)), c.closed[k]);
            comma = ", ";
        }
    }
    (void)fputs("}}\n", f);
    if (fclose(f) == 0) {
        (void)rename(tmp, path);
    }
}

static bool topic_is(const pqi_mqtt_event *ev, const char *topic)
{
    return ev->topic.len == strlen(topic) && memcmp(ev->topic.ptr, topic, ev->topic.len) == 0;
}

static pqi_object kind_of(const pqi_mqtt_event *ev)
{
    static const struct {
        const char *topic;
        pqi_object kind;
    } topics[] = {{PQI_TOPIC_ROOT, PQI_OBJ_ROOT}, {PQI_TOPIC_HEAD, PQI_OBJ_HEAD},
        {PQI_TOPIC_TICK, PQI_OBJ_TICK}, {PQI_TOPIC_ROSTER, PQI_OBJ_ROSTER},
        {PQI_TOPIC_POLICY, PQI_OBJ_POLICY}, {PQI_TOPIC_REVOCATIONS, PQI_OBJ_REVOCATIONS},
        {PQI_TOPIC_REV_DELTA, PQI_OBJ_REVOCATIONS}};
    for (size_t i = 0; i < sizeof topics / sizeof topics[0]; i++) {
        if (topic_is(ev, topics[i].topic)) {
            return topics[i].kind;
        }
    }
    return PQI_OBJ_NONE;
}

static void take(sim *s, sim_device *d, pqi_object kind, pqi_cspan in)
{
    const pqi_now now = pqi_host_now();
    pqi_ctl_event ev;
    if (pqi_ctl_receive(&d->ctl, &now, kind, in, &ev) == PQI_OK && ev.status == PQI_OK) {
        s->taken[kind]++;
    }
    d->ask_ms = 0; /* perhaps something is missing now */
}

static void on_message(sim *s, const pqi_mqtt_event *ev)
{
    const size_t skip = sizeof PQI_TOPIC_ANSWER - 1;
    const pqi_object kind = kind_of(ev);
    if (kind != PQI_OBJ_NONE) {
        for (uint32_t i = 0; i < s->n && ev->payload.len != 0; i++) {
            take(s, &s->d[i], kind, ev->payload);
        }
        return;
    }
    pqi_object k;
    pqi_cspan body;
    if (ev->topic.len != skip + 8 ||
        memcmp(ev->topic.ptr, PQI_TOPIC_ANSWER "sim-", skip + 4) != 0 ||
        pqi_answer_decode(ev->payload, &k, &body) != PQI_OK) {
        return;
    }
    char digits[5] = {0};
    memcpy(digits, ev->topic.ptr + skip + 4, 4);
    const unsigned long number = strtoul(digits, NULL, 10);
    if (number >= 1 && number <= s->n) {
        take(s, &s->d[number - 1], k, body);
    }
}

static void ask(sim *s, pqi_host_mqtt *m)
{
    const pqi_now now = pqi_host_now();
    for (uint32_t i = 0; i < s->n; i++) {
        uint8_t q[PQI_ASK_LEN + PQI_ID_MAX];
        size_t len = 0;
        uint32_t wait = 0;
        sim_device *d = &s->d[i];
        if (now.mono_ms < d->ask_ms) {
            continue;
        }
        if (pqi_ctl_ask(&d->ctl, &now, (pqi_span){q, sizeof q}, &len, &wait) == PQI_OK &&
            len != 0 &&
            pqi_host_mqtt_publish(m, PQI_TOPIC_ASK, (pqi_cspan){q, len}, 0, 0) != PQI_OK) {
            wait = 1000;
        }
        d->ask_ms = now.mono_ms + wait;
    }
}

static void loop(sim *s, pqi_host_mqtt *m, const char *status)
{
    uint64_t next = 0;
    while (!stop) {
        pqi_mqtt_event ev;
        if (pqi_host_mqtt_poll(m, 20, &ev) != PQI_OK) {
            return;
        }
        if (ev.kind == PQI_MQTT_MESSAGE) {
            on_message(s, &ev);
            continue;
        }
        if (pqi_host_mqtt_connected(m)) {
            ask(s, m);
        }
        if (pqi_host_now().mono_ms >= next) {
            report(s, status);
            next = pqi_host_now().mono_ms + STATUS_MS;
        }
    }
    report(s, status);
}

static bool start_all(sim *s, const char *dir)
{
    static uint8_t cert[PQI_CERT_MAX];
    const pqi_now now = pqi_host_now();
    char path[PATH_ROOM];
    s->manifest.ptr = malloc(PQI_MANIFEST_MAX);
    name_of(path, dir, "sim", "manifest");
    s->manifest.len =
        s->manifest.ptr != NULL ? read_file(path, s->manifest.ptr, PQI_MANIFEST_MAX) : 0;
    for (uint32_t i = 0; i < s->n; i++) {
        name_of(path, dir, s->d[i].id, "cert");
        const size_t n = read_file(path, cert, sizeof cert);
        if (n == 0 || failed(&s->d[i], sim_start(&s->d[i], (pqi_cspan){cert, n}, &now), "start")) {
            return false;
        }
    }
    return s->manifest.len != 0;
}

static int run(const char *dir, const char *port, const char *status)
{
    sim s;
    pqi_host_mqtt *m = NULL;
    const pqi_host_mqtt_cfg cfg = {
        .port = (uint16_t)strtoul(port, NULL, 10), .client_id = "fleet-sim", .queue_max = 65536};
    static const char *const filters[] = {PQI_TOPIC_ROOT, PQI_TOPIC_HEAD, PQI_TOPIC_TICK,
        PQI_TOPIC_ROSTER, PQI_TOPIC_POLICY, PQI_TOPIC_REVOCATIONS, PQI_TOPIC_REV_DELTA,
        PQI_TOPIC_ANSWER "+"};
    if (!load(&s, dir) || !start_all(&s, dir) || pqi_host_mqtt_open(&m, &cfg) != PQI_OK) {
        return 1;
    }
    for (size_t i = 0; i < sizeof filters / sizeof filters[0]; i++) {
        if (pqi_host_mqtt_subscribe(m, filters[i], 1) != PQI_OK) {
            return 1;
        }
    }
    struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGINT, &sa, NULL);
    loop(&s, m, status);
    pqi_host_mqtt_close(m);
    sim_free(&s);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "csv") == 0 && argc == 5) {
        return make_csv(argv[2], argv[3], argv[4]);
    }
    if ((strcmp(what, "join") == 0 && argc == 5) || (strcmp(what, "install") == 0 && argc == 6)) {
        return provision(what, argv[2], (const char *const *)(argv + 3));
    }
    if (strcmp(what, "run") == 0 && argc == 5) {
        return run(argv[2], argv[3], argv[4]);
    }
    (void)fprintf(stderr, "fleet_sim csv|join|install|run ...: see tests/control/fleet_sim.c\n");
    return 2;
}
