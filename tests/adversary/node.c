/* SPDX-License-Identifier: Apache-2.0
 * usage: adversary_node DIR KEY-FILE PORT MQTT-VERSION CLOCK-MS [off|prefer|require [quick]]
 *
 * A node as an application makes one, through the public API of device and node. Commands come as
 * lines on standard input; what happens goes to standard output as one JSON object a line, each
 * written at once, so that nothing is lost when the process is killed.
 *
 *   subscribe FILTER QOS     send PEER TOPIC QOS TEXT     announce   stats   standing   quit
 *   clock MS       the clock goes on by so much           cut N         no power at the N-th point of a
 *   make PEER TOPIC TEXT      a packet, not published                   durable write from now on
 *   widen PREFIX, leap PEER GAP, regate PEER TOPIC HEX, resign PEER TOPIC UNNAMED HEX,
 *   low-order PEER TOPIC      insider.h
 *   refresh PEER     old-packet PEER TOPIC     sessions
 */
#include "adversary/insider.h"
#include "adversary/watch.h"

#include "port/linux/test_point.h"
#include <pqi/host_node.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_ = 256 * 1024, NO_POWER = 75, TURN_MS = 2 };

static pqi_host_node *link_;
static pqi_host_device *device_;
static uint64_t clock_ms_;
static unsigned points_left_;
static char out_[LINE_MAX_], in_[LINE_MAX_];
static uint8_t packet_[PQI_ANNOUNCE_MAX];
static size_t in_len_;
static int quit_;

/* ---- the clock goes where the test wants it ------------------------------------------------------ */

int __real_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t);
int __wrap_clock_gettime(clockid_t id, struct timespec *t)
{
    int rc = __real_clock_gettime(id, t);
    t->tv_sec += (time_t)(clock_ms_ / 1000u);
    t->tv_nsec += (long)(clock_ms_ % 1000u) * 1000000;
    if (t->tv_nsec >= 1000000000) {
        t->tv_nsec -= 1000000000;
        t->tv_sec++;
    }
    return rc;
}

/* ---- public-key operations of one arrival, without those of our own announcements ---------------- */

static uint64_t work_;

pqi_status __real_pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);
pqi_status __wrap_pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);
pqi_status __wrap_pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev)
{
    const uint64_t before = adv_public_key_ops();
    pqi_status st = __real_pqi_endpoint_receive(e, now, in, plain, ev);
    work_ = adv_public_key_ops() - before;
    return st;
}

/* ---- events ---------------------------------------------------------------------------------------- */

static void put(size_t n)
{
    for (size_t at = 0; at < n;) {
        ssize_t k = write(STDOUT_FILENO, out_ + at, n - at);
        if (k <= 0 && errno != EINTR) {
            _exit(3);
        }
        at += k > 0 ? (size_t)k : 0;
    }
}

/* Untrusted bytes as JSON text. */
static void clean(char *to, size_t room, pqi_cspan s)
{
    size_t n = s.len < room - 1 ? s.len : room - 1;
    for (size_t i = 0; i < n; i++) {
        const uint8_t c = s.ptr[i];
        to[i] = (char)(c < 0x20 || c > 0x7e || c == '"' || c == '\\' ? '?' : c);
    }
    to[n] = 0;
}

#define SAY(...) put((size_t)snprintf(out_, sizeof out_, __VA_ARGS__))

static void on_seal(const uint8_t hash[ADV_HASH])
{
    char hex[2 * ADV_HASH + 1];
    for (size_t i = 0; i < ADV_HASH; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    }
    SAY("{\"ev\":\"seal\",\"hash\":\"%s\"}\n", hex);
}

static void say_status(const char *what, pqi_status st)
{
    SAY("{\"ev\":\"%s\",\"status\":\"%s\"}\n", what, pqi_status_name(st));
}

static void say_hex(const char *what, const uint8_t *p, size_t n)
{
    const int head =
        snprintf(out_, sizeof out_, "{\"ev\":\"%s\",\"status\":\"PQI_OK\",\"hex\":\"", what);
    size_t at = (size_t)head;
    for (size_t i = 0; i < n && at + 8 < sizeof out_; i++) {
        at += (size_t)snprintf(out_ + at, 3, "%02x", p[i]);
    }
    put(at + (size_t)snprintf(out_ + at, sizeof out_ - at, "\"}\n"));
}

/* One line for each MQTT message that arrived, in their order. */
static void say_arrival(const pqi_node_event *ev, uint64_t work)
{
    char topic[300], text[300];
    clean(topic, sizeof topic, ev->topic);
    clean(text, sizeof text, ev->ev.plain);
    const pqi_peer *p = ev->kind == PQI_NODE_PEER
                            ? pqi_endpoint_peer(pqi_host_node_endpoint(link_),
                                  (pqi_cspan){(const uint8_t *)ev->ev.peer, strlen(ev->ev.peer)})
                            : NULL;
    const char *kind = ev->kind == PQI_NODE_MESSAGE   ? "message"
                       : ev->kind == PQI_NODE_DROP    ? "drop"
                       : ev->kind == PQI_NODE_PEER    ? "peer"
                       : ev->kind == PQI_NODE_REVOKED ? "revoked"
                       : ev->kind == PQI_NODE_SESSION ? "session"
                                                      : "nothing";
    SAY("{\"ev\":\"%s\",\"topic\":\"%s\",\"peer\":\"%s\",\"why\":\"%s\",\"text\":\"%s\",\"seq\":%"
        "llu,"
        "\"work\":%llu,\"epoch\":%u,\"ann\":%u,\"retained\":%d,\"notes\":%u,\"session\":%u}\n",
        kind, topic, ev->ev.peer, pqi_drop_name(ev->ev.drop), text, (unsigned long long)ev->ev.seq,
        (unsigned long long)work, ev->ev.key_epoch, p ? p->ann_epoch : 0, ev->retained,
        ev->ev.notes, ev->ev.session);
}

static void say_stats(void)
{
    const pqi_endpoint *e = pqi_host_node_endpoint(link_);
    const pqi_mqtt_stats m = pqi_host_mqtt_get_stats(pqi_host_node_mqtt(link_));
    SAY("{\"ev\":\"stats\",\"accepted\":%llu,\"sent\":%llu,\"work\":%llu,\"received\":%llu,"
        "\"overflow\":%llu}\n",
        (unsigned long long)e->accepted, (unsigned long long)e->sent,
        (unsigned long long)adv_public_key_ops(), (unsigned long long)m.received,
        (unsigned long long)m.dropped_in);
}

/* Who is revoked here. */
static void say_standing(void)
{
    const pqi_endpoint *e = pqi_host_node_endpoint(link_);
    char ids[1024] = "";
    for (size_t i = 0, n = 0; i < e->cfg.n_peers && n + PQI_ID_MAX + 2 < sizeof ids; i++) {
        if (e->cfg.peers[i].used && e->cfg.peers[i].revoked) {
            n += (size_t)snprintf(ids + n, sizeof ids - n, "%s ", e->cfg.peers[i].id);
        }
    }
    SAY("{\"ev\":\"standing\",\"revoked\":\"%s\"}\n", ids);
}

/* ---- commands -------------------------------------------------------------------------------------- */

static int on_point(unsigned point)
{
    (void)point;
    if (points_left_ != 0 && --points_left_ == 0) {
        _exit(NO_POWER);
    }
    return 0;
}

static pqi_cspan span_of(const char *s)
{
    return (pqi_cspan){(const uint8_t *)s, strlen(s)};
}

static const char *word(char **save)
{
    const char *w = strtok_r(NULL, " ", save);
    return w != NULL ? w : "";
}

static size_t unhex(const char *s, uint8_t *out, size_t room)
{
    size_t n = 0;
    for (; n < room && s[2 * n] != 0 && s[2 * n + 1] != 0; n++) {
        const char two[3] = {s[2 * n], s[2 * n + 1], 0};
        out[n] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static void cmd_send(char **save, int publish)
{
    const char *peer = word(save), *topic = word(save);
    const int qos = publish ? (int)strtol(word(save), NULL, 10) : 0;
    const pqi_outbound o = {.peer = span_of(peer),
        .topic = span_of(topic),
        .payload = span_of(word(save)),
        .cls = PQI_CLASS_L};
    if (publish) {
        say_status("sent", pqi_host_node_send(link_, &o, qos, NULL));
        return;
    }
    size_t len = 0;
    const pqi_now now = pqi_host_now();
    pqi_status st = pqi_endpoint_send(
        pqi_host_node_endpoint(link_), &now, &o, (pqi_span){packet_, sizeof packet_}, &len);
    if (st == PQI_OK) {
        say_hex("made", packet_, len);
    } else {
        say_status("made", st);
    }
}

/* A session that is wanted now; or a v1 packet of a device that was told not to send any. */
static void cmd_refresh(char **save)
{
    const pqi_now now = pqi_host_now();
    say_status("refreshed",
        pqi_endpoint_connect(pqi_host_node_endpoint(link_), &now, span_of(word(save)), 1));
}

static void cmd_old_packet(char **save)
{
    pqi_endpoint *e = pqi_host_node_endpoint(link_);
    const char *peer = word(save), *topic = word(save);
    const pqi_outbound o = {.peer = span_of(peer),
        .topic = span_of(topic),
        .payload = span_of("old"),
        .cls = PQI_CLASS_L,
        .via = PQI_VIA_V1};
    const pqi_session_use use = e->cfg.sessions.use;
    const pqi_now now = pqi_host_now();
    size_t len = 0;
    e->cfg.sessions.use = PQI_SESSIONS_PREFER;
    pqi_status st = pqi_endpoint_send(e, &now, &o, (pqi_span){packet_, sizeof packet_}, &len);
    e->cfg.sessions.use = use;
    if (st == PQI_OK) {
        say_hex("made", packet_, len);
    } else {
        say_status("made", st);
    }
}

static void cmd_announce(void)
{
    pqi_endpoint *e = pqi_host_node_endpoint(link_);
    char topic[PQI_TOPIC_MAX];
    size_t len = 0;
    pqi_status st = pqi_endpoint_announce(e, (pqi_span){packet_, sizeof packet_}, &len);
    pqi_endpoint_announce_topic(e, topic);
    if (st == PQI_OK) {
        st = pqi_host_node_publish_raw(link_, topic, (pqi_cspan){packet_, len}, 1);
    }
    say_status("announced", st);
}

static void cmd_insider(const char *verb, char **save)
{
    pqi_endpoint *e = pqi_host_node_endpoint(link_);
    const char *peer = word(save), *topic = word(save);
    const int resign = strcmp(verb, "resign") == 0;
    const int unnamed = resign && strcmp(word(save), "1") == 0;
    const size_t len = unhex(word(save), packet_, sizeof packet_);
    pqi_status st = resign ? adv_resign(e, span_of(peer), span_of(topic), unnamed, packet_, len)
                           : adv_regate(e, span_of(peer), span_of(topic), packet_, len);
    if (st == PQI_OK) {
        say_hex("made", packet_, len);
    } else {
        say_status("made", st);
    }
}

static void cmd_low_order(char **save)
{
    const pqi_cspan peer = span_of(word(save)), topic = span_of(word(save));
    size_t len = 0;
    pqi_status st = adv_low_order(pqi_host_node_endpoint(link_), peer, topic, span_of("zero"),
        (pqi_span){packet_, sizeof packet_}, &len);
    if (st == PQI_OK) {
        say_hex("made", packet_, len);
    } else {
        say_status("made", st);
    }
}

static void command(char *line)
{
    static char prefix[64];
    char *save = NULL;
    const char *verb = strtok_r(line, " ", &save);
    if (verb == NULL) {
        return;
    }
    if (strcmp(verb, "send") == 0 || strcmp(verb, "make") == 0) {
        cmd_send(&save, verb[0] == 's');
    } else if (strcmp(verb, "announce") == 0) {
        cmd_announce();
    } else if (strcmp(verb, "subscribe") == 0) {
        const char *filter = word(&save);
        say_status("subscribed",
            pqi_host_node_subscribe(link_, filter, (int)strtol(word(&save), NULL, 10)));
    } else if (strcmp(verb, "stats") == 0) {
        say_stats();
    } else if (strcmp(verb, "standing") == 0) {
        say_standing();
    } else if (strcmp(verb, "clock") == 0) {
        clock_ms_ += strtoull(word(&save), NULL, 10);
        say_status("clock", PQI_OK);
    } else if (strcmp(verb, "cut") == 0) {
        points_left_ = (unsigned)strtoul(word(&save), NULL, 10);
        say_status("cut", PQI_OK);
    } else if (strcmp(verb, "widen") == 0) {
        (void)snprintf(prefix, sizeof prefix, "%s", word(&save));
        adv_widen_scope(pqi_host_node_endpoint(link_), prefix);
        say_status("widened", PQI_OK);
    } else if (strcmp(verb, "leap") == 0) {
        const char *peer = word(&save);
        adv_leap(pqi_host_node_endpoint(link_), span_of(peer), strtoull(word(&save), NULL, 10));
        say_status("leaped", PQI_OK);
    } else if (strcmp(verb, "refresh") == 0) {
        cmd_refresh(&save);
    } else if (strcmp(verb, "old-packet") == 0) {
        cmd_old_packet(&save);
    } else if (strcmp(verb, "low-order") == 0) {
        cmd_low_order(&save);
    } else if (strcmp(verb, "regate") == 0 || strcmp(verb, "resign") == 0) {
        cmd_insider(verb, &save);
    } else {
        quit_ = 1;
    }
}

/* Everything that standard input has now. */
static void commands(void)
{
    ssize_t k = read(STDIN_FILENO, in_ + in_len_, sizeof in_ - 1 - in_len_);
    if (k == 0) {
        quit_ = 1; /* the harness is gone */
    }
    if (k <= 0) {
        return;
    }
    in_len_ += (size_t)k;
    in_[in_len_] = 0;
    char *line = in_, *end = NULL;
    while (!quit_ && (end = strchr(line, '\n')) != NULL) {
        *end = 0;
        command(line);
        line = end + 1;
    }
    in_len_ -= (size_t)(line - in_);
    memmove(in_, line, in_len_);
}

/* ---- main ------------------------------------------------------------------------------------------ */

/* Rounds after a few messages, as in the simulation. */
static const pqi_session_limits quick = {
    .d_msgs = 4, .d_s = 900, .h_msgs = 10, .h_s = 3600, .grace_s = 60, .chunk = 64, .burst = 1};

static int turn(void)
{
    pqi_node_event ev;
    struct pollfd p = {STDIN_FILENO, POLLIN, 0};
    pqi_status st = pqi_host_node_poll(link_, TURN_MS, &ev);
    if (st != PQI_OK) {
        say_status("error", st);
        return 4;
    }
    if (ev.kind == PQI_NODE_ONLINE || ev.kind == PQI_NODE_OFFLINE) {
        SAY("{\"ev\":\"%s\"}\n", ev.kind == PQI_NODE_ONLINE ? "online" : "offline");
    } else if (ev.topic.ptr != NULL && ev.kind != PQI_NODE_UNSUBSCRIBED) {
        say_arrival(&ev, work_);
    }
    if (poll(&p, 1, 0) > 0) {
        commands();
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc < 6) {
        return 2;
    }
    const char *use = argc > 6 ? argv[6] : "off";
    const int rounds = argc > 7 && strcmp(argv[7], "quick") == 0;
    (void)fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    clock_ms_ = strtoull(argv[5], NULL, 10);
    const pqi_host_device_cfg cfg = {.dir = argv[1],
        .kek = {.key_file = argv[2]},
        .sessions = strcmp(use, "require") == 0  ? PQI_SESSIONS_REQUIRE
                    : strcmp(use, "prefer") == 0 ? PQI_SESSIONS_PREFER
                                                 : PQI_SESSIONS_OFF,
        .session_limits = rounds ? &quick : NULL};
    const pqi_host_mqtt_cfg mqtt = {.port = (uint16_t)strtoul(argv[3], NULL, 10),
        .version = (int)strtol(argv[4], NULL, 10),
        .backoff_min_ms = 20,
        .backoff_max_ms = 200};
    pqi_now now = pqi_host_now();
    adv_on_seal = on_seal;
    pqi_host_set_point_hook(on_point);
    pqi_status st = pqi_host_device_open(&device_, &cfg, &now);
    if (st == PQI_OK) {
        const pqi_host_node_cfg node = {.device = device_, .mqtt = &mqtt};
        st = pqi_host_node_open(&link_, &node);
    }
    say_status("open", st);
    int rc = st == PQI_OK ? 0 : 1;
    while (rc == 0 && !quit_) {
        rc = turn();
    }
    pqi_host_node_close(link_);
    pqi_host_device_close(device_);
    if (rc == 0) {
        say_status("closed", PQI_OK);
    }
    return rc;
}
