/* SPDX-License-Identifier: Apache-2.0
 * pqi listen: prints verified messages of the given topics. */
#include "cli_attest.h"
#include "cli_control.h"
#include "cli_session.h"
#include "commands.h"
#include "inspect.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct listen_args {
    pqi_cli_node_args node;
    const char *from;
    uint64_t count, timeout;
    bool json, drops, quiet, mailbox, control;
} listen_args;

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

/* Text when it is printable UTF-8, else hex: what steers a terminal never reaches one. That is more than
 * bytes below 0x20: U+009B, two harmless bytes of UTF-8, begins the same sequences as ESC. */
static bool printable(pqi_cspan s)
{
    for (size_t i = 0; i < s.len;) {
        uint32_t cp = 0;
        size_t n = pqi_inspect_utf8(s.ptr + i, s.len - i, &cp);
        if (n == 0 || (cp != '\t' && !pqi_inspect_harmless(cp))) {
            return false;
        }
        i += n;
    }
    return true;
}

static json_t *bytes_json(pqi_cspan s, const char **kind)
{
    if (printable(s)) {
        *kind = "text";
        return json_stringn((const char *)s.ptr, s.len);
    }
    *kind = "hex";
    char *hex = pqi_cli_alloc(2 * s.len + 1);
    pqi_cli_hex_encode(hex, s.ptr, s.len);
    json_t *j = json_string(hex);
    free(hex);
    return j;
}

static const char *expiry_name(pqi_expiry_state state)
{
    return state == PQI_EXPIRY_IN_TIME ? "in time" : state == PQI_EXPIRY_PAST ? "past" : "unknown";
}

static pqi_cli_exit print_json(const pqi_node_event *ev)
{
    const char *kind = NULL, *topic_kind = NULL;
    json_t *j = json_object();
    json_t *topic = bytes_json(ev->topic, &topic_kind);
    int rc = json_object_set_new(j, "time", json_integer((json_int_t)time(NULL)));
    rc |= json_object_set_new(j, "topic", topic);
    if (ev->kind == PQI_NODE_DROP) {
        rc |= json_object_set_new(j, "dropped", json_string(pqi_drop_name(ev->ev.drop)));
        if (ev->ev.drop == PQI_DROP_CLOSED) {
            rc |= json_object_set_new(j, "reason", json_string(pqi_reason_name(ev->ev.reason)));
        }
        if (ev->ev.peer[0]) {
            rc |= json_object_set_new(j, "claims", json_string(ev->ev.peer));
        }
    } else {
        json_t *body = bytes_json(ev->ev.plain, &kind);
        rc |= json_object_set_new(j, "from", json_string(ev->ev.peer));
        rc |= json_object_set_new(j, "seq", json_integer((json_int_t)ev->ev.seq));
        rc |= json_object_set_new(j, "epoch", json_integer((json_int_t)ev->ev.key_epoch));
        rc |= json_object_set_new(j, "session", json_boolean(ev->ev.session));
        rc |= json_object_set_new(j, "wire", json_integer((json_int_t)ev->wire_len));
        rc |= json_object_set_new(j, kind, body);
        rc |= json_object_set_new(j, "prekey", json_boolean(ev->ev.prekey != 0));
        if (ev->ev.marked) {
            rc |= json_object_set_new(j, "stale", json_true());
        }
        if (ev->ev.expiry != PQI_EXPIRY_NONE) {
            rc |= json_object_set_new(j, "expiry", json_string(expiry_name(ev->ev.expiry)));
        }
    }
    if (rc != 0) {
        json_decref(j);
        return pqi_cli_fail(PQI_CLI_ENV, NULL, "out of memory");
    }
    rc = json_dumpf(j, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER); /* a line per message */
    json_decref(j);
    return rc == 0 && putchar('\n') != EOF
               ? PQI_CLI_OK
               : pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write to standard output");
}

static void print_bytes(pqi_cspan s)
{
    if (printable(s)) {
        (void)fwrite(s.ptr, 1, s.len, stdout);
        return;
    }
    (void)fputs("hex:", stdout);
    for (size_t i = 0; i < s.len; i++) {
        printf("%02x", s.ptr[i]);
    }
}

static pqi_cli_exit print_message(const listen_args *a, const pqi_node_event *ev)
{
    if (a->json) {
        pqi_cli_exit rc = print_json(ev);
        (void)fflush(stdout);
        return rc;
    }
    if (ev->kind == PQI_NODE_DROP) {
        const bool closed = ev->ev.drop == PQI_DROP_CLOSED;
        printf("dropped (%s%s%s) ", pqi_drop_name(ev->ev.drop), closed ? ": " : "",
            closed ? pqi_reason_name(ev->ev.reason) : "");
        print_bytes(ev->topic);
    } else {
        printf("%s ", ev->ev.peer);
        print_bytes(ev->topic);
        if (ev->ev.expiry == PQI_EXPIRY_UNKNOWN || ev->ev.expiry == PQI_EXPIRY_PAST) {
            printf(" (expiry %s)", expiry_name(ev->ev.expiry));
        }
        (void)fputs(ev->ev.marked ? " (stale): " : ": ", stdout);
        print_bytes(ev->ev.plain);
    }
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    return PQI_CLI_OK;
}

/* What the control plane said: with --control; alarms always. */
static pqi_cli_exit tell_control(
    const listen_args *a, const pqi_endpoint *e, const pqi_node_event *ev)
{
    const bool news = ev->kind == PQI_NODE_CONTROL || ev->kind == PQI_NODE_REVOKED;
    const pqi_now now = pqi_host_now();
    pqi_cli_control_alarm(&ev->ev);
    if (!a->control || !news) {
        return PQI_CLI_OK;
    }
    if (!a->json) {
        pqi_cli_control_print(e, &now, &ev->ev, stdout);
        return PQI_CLI_OK;
    }
    json_t *j = pqi_cli_control_json(e, &now, &ev->ev);
    const int rc = j != NULL ? json_dumpf(j, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER) : -1;
    json_decref(j);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
    return rc == 0 ? PQI_CLI_OK
                   : pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write to standard output");
}

/* What an operator should hear of a session; --quiet leaves the warnings. */
static void tell_session(const listen_args *a, const pqi_event *ev)
{
    static const struct {
        uint8_t note;
        bool warning;
        const char *text;
    } lines[] = {
        {PQI_NOTE_UP, false, "is up"},
        {PQI_NOTE_HEALED, false, "was healed"},
        {PQI_NOTE_REJECTED, true, "refused: its certificate or policy does not fit ours"},
        {PQI_NOTE_ROLLBACK_PEER, true, "rollback: it came back with an older state"},
        {PQI_NOTE_ROLLBACK_OWN, true, "rollback: it says that our state is an older one"},
        {PQI_NOTE_STATE_LOST, true, "our record of it is damaged or gone; it begins anew"},
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if ((ev->notes & lines[i].note) != 0 && (lines[i].warning || !a->quiet)) {
            (void)fprintf(stderr, "pqi: session with %s: %s\n", ev->peer, lines[i].text);
        }
    }
}

/* Some texts of libmosquitto end with a full stop. */
static void tell_offline(const listen_args *a, const char *text)
{
    size_t n = strlen(text);
    n -= n != 0 && text[n - 1] == '.' ? 1u : 0u;
    (void)fprintf(stderr, "pqi: broker %s: %.*s; trying again\n",
        a->node.broker ? a->node.broker : "127.0.0.1", (int)n, text);
}

static pqi_cli_exit loop(const listen_args *a, pqi_cli_node *cli)
{
    pqi_host_node *node = cli->node;
    const char *dir = a->node.dir ? a->node.dir : ".";
    const double end = a->timeout ? pqi_cli_seconds() + (double)a->timeout : 0;
    uint64_t seen = 0;
    bool met = false; /* the broker */
    while (!stop && (a->count == 0 || seen < a->count)) {
        if (a->timeout && pqi_cli_seconds() >= end) {
            break;
        }
        pqi_node_event ev;
        pqi_status st = pqi_host_node_poll(node, 100, &ev);
        if (st != PQI_OK) {
            return pqi_cli_status(st, "receiving");
        }
        met = met || pqi_host_mqtt_connected(pqi_host_node_mqtt(node)) != 0;
        pqi_cli_session_report(cli, dir, true, false);
        tell_session(a, &ev.ev);
        pqi_cli_exit told = tell_control(a, pqi_host_node_endpoint(node), &ev);
        if (told == PQI_CLI_OK) {
            told = pqi_cli_attest_tell(cli, &ev, a->quiet);
        }
        if (told == PQI_CLI_OK) {
            told = pqi_cli_attest_care(cli);
        }
        if (told != PQI_CLI_OK) {
            return told;
        }
        if (ev.kind == PQI_NODE_MESSAGE && (!a->from || strcmp(a->from, ev.ev.peer) == 0)) {
            pqi_cli_exit rc = print_message(a, &ev);
            if (rc != PQI_CLI_OK) {
                return rc;
            }
            seen++;
        } else if (ev.kind == PQI_NODE_DROP && a->drops) {
            (void)print_message(a, &ev);
        } else if (ev.kind == PQI_NODE_UNSUBSCRIBED) {
            (void)fprintf(stderr, "pqi: broker: refused the subscription to %.*s\n",
                (int)ev.topic.len, (const char *)ev.topic.ptr);
        } else if (ev.kind == PQI_NODE_OFFLINE && !a->quiet) {
            tell_offline(a, ev.text);
        }
    }
    if (!met && !stop) {
        return pqi_cli_fail(PQI_CLI_ENV, "check --broker, and that it is reachable",
            "no answer of the broker for %llu s", (unsigned long long)a->timeout);
    }
    if (a->count && seen < a->count && !stop) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "is the sender running, known to the CA and allowed to "
            "publish there? --drops shows what was refused",
            "%llu of %llu messages came within %llu s", (unsigned long long)seen,
            (unsigned long long)a->count, (unsigned long long)a->timeout);
    }
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_listen(const pqi_cli_command *self, int argc, char **argv)
{
    listen_args a = {.node.qos = 1};
    const pqi_cli_option options[] = {
        PQI_CLI_NODE_OPTIONS(a.node),
        PQI_CLI_STRING("from", "ID", &a.from, "only messages of this device"),
        PQI_CLI_UINT("count", "N", &a.count, UINT32_MAX, "end after N messages"),
        PQI_CLI_UINT("timeout", "SECONDS", &a.timeout, 31536000, "end after this time"),
        PQI_CLI_FLAG("mailbox", &a.mailbox, "also what lies in this device's mailbox"),
        PQI_CLI_FLAG("json", &a.json, "one JSON object per line"),
        PQI_CLI_FLAG("drops", &a.drops, "also tell what was refused, and why"),
        PQI_CLI_FLAG("control", &a.control, "also tell what the control plane says"),
        PQI_CLI_FLAG("quiet", &a.quiet, "do not tell about the broker's comings and goings"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Prints verified messages of the given topic filters. A message is printed once, and only "
        "when its sender is certified, allowed to publish there, and not revoked.\n"
        "Example: pqi listen --dir control --key-file kek --broker broker.example 'plant/#'",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc < 1 && !a.mailbox) {
        return pqi_cli_usage(self, "no topic filter given");
    }
    pqi_cli_node n;
    rc = pqi_cli_node_open(&a.node, a.from ? &a.from : NULL, a.from ? 1 : 0, &n);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    for (int i = 0; i < argc && rc == PQI_CLI_OK; i++) {
        if (pqi_host_node_subscribe(n.node, argv[i], (int)a.node.qos) != PQI_OK) {
            rc = pqi_cli_usage(self, "not a topic filter, or too many of them: %s", argv[i]);
        }
    }
    if (rc == PQI_CLI_OK && a.mailbox) {
        char filter[PQI_TOPIC_MAX];
        (void)snprintf(
            filter, sizeof filter, PQI_TOPIC_MAILBOX "%s/+", pqi_host_device_id(n.device));
        rc =
            pqi_cli_status(pqi_host_node_subscribe(n.node, filter, (int)a.node.qos), "subscribing");
    }
    const struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    if (rc == PQI_CLI_OK) {
        rc = loop(&a, &n);
    }
    pqi_cli_session_report(&n, a.node.dir ? a.node.dir : ".", false, true);
    pqi_cli_node_close(&n);
    return rc;
}
