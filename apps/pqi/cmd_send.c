/* SPDX-License-Identifier: Apache-2.0
 * pqi send: seals messages for one device and hands them to the broker. */
#include "cli_node.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct send_args {
    pqi_cli_node_args node;
    const char *to, *topic, *class_name;
    uint64_t wait;
    bool lines, json;
} send_args;

static pqi_cli_exit offline(double since, const char *text)
{
    return pqi_cli_fail(PQI_CLI_ENV, "check --broker, and that it is reachable",
        "no answer of the broker for %.0f s: %s", since, text[0] ? text : "not connected");
}

/* Works until the peer's announcement is here. */
static pqi_cli_exit wait_for_peer(const send_args *a, pqi_host_node *node)
{
    const double start = pqi_cli_seconds(), end = start + (double)a->wait;
    const pqi_cspan id = {(const uint8_t *)a->to, strlen(a->to)};
    char text[128] = "";
    bool online = false;
    while (pqi_cli_seconds() < end) {
        const pqi_peer *p = pqi_endpoint_peer(pqi_host_node_endpoint(node), id);
        if (online && p && p->ready) {
            return PQI_CLI_OK;
        }
        pqi_node_event ev;
        pqi_status st = pqi_host_node_poll(node, 50, &ev);
        if (st != PQI_OK) {
            return pqi_cli_status(st, "connecting");
        }
        if (ev.kind == PQI_NODE_ONLINE) {
            online = true;
        } else if (ev.kind == PQI_NODE_OFFLINE) {
            (void)snprintf(text, sizeof text, "%s", ev.text);
        }
    }
    if (!online) {
        return offline((double)a->wait, text);
    }
    return pqi_cli_fail(PQI_CLI_FAILED,
        "has it been online with this broker since it was certified? --wait SECONDS waits longer",
        "no valid announcement of %s came within %llu s", a->to, (unsigned long long)a->wait);
}

/* Works until the broker has everything. */
static pqi_cli_exit drain(const send_args *a, pqi_host_node *node)
{
    const double end = pqi_cli_seconds() + (double)a->wait;
    pqi_host_mqtt *mqtt = pqi_host_node_mqtt(node);
    const char *text = "";
    while (pqi_host_mqtt_pending(mqtt) != 0) {
        if (pqi_cli_seconds() >= end) {
            return offline((double)a->wait, text);
        }
        pqi_node_event ev;
        pqi_status st = pqi_host_node_poll(node, 20, &ev);
        if (st != PQI_OK) {
            return pqi_cli_status(st, "sending");
        }
        if (ev.kind == PQI_NODE_REFUSED) {
            return pqi_cli_fail(PQI_CLI_FAILED,
                "ask the broker's operator for the right to publish",
                "the broker refused the message: %s", ev.text);
        }
    }
    const uint64_t lost = pqi_host_mqtt_get_stats(mqtt).dropped_out;
    return lost == 0 ? PQI_CLI_OK
                     : pqi_cli_fail(PQI_CLI_ENV, "send fewer at once, or when the broker is there",
                           "%llu messages were dropped while the broker was away",
                           (unsigned long long)lost);
}

static pqi_cli_exit send_one(const send_args *a, pqi_class cls, pqi_host_node *node, pqi_cspan body)
{
    const pqi_outbound msg = {
        .peer = {(const uint8_t *)a->to, strlen(a->to)},
        .topic = {(const uint8_t *)a->topic, strlen(a->topic)},
        .payload = body,
        .cls = cls,
    };
    size_t wire = 0;
    pqi_status st = pqi_host_node_send(node, &msg, (int)a->node.qos, &wire);
    if (st == PQI_ERR_POLICY) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "pqi inspect shows the scopes of the certificate; the CA grants them with pqi ca allow",
            "our certificate does not allow class %s on %s, or %s is revoked or expired",
            a->class_name ? a->class_name : "L", a->topic, a->to);
    }
    if (st != PQI_OK) {
        return pqi_cli_status(st, "sealing the message");
    }
    if (a->json) {
        json_t *j = json_pack("{s:s, s:s, s:I, s:I}", "to", a->to, "topic", a->topic, "bytes",
            (json_int_t)body.len, "wire", (json_int_t)wire);
        int rc = j ? json_dumpf(j, stdout, JSON_COMPACT) : -1; /* a line per message */
        json_decref(j);
        if (rc != 0 || putchar('\n') == EOF) {
            return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot write to standard output");
        }
    }
    return PQI_CLI_OK;
}

/* Standard input: one message, or one per line. */
static pqi_cli_exit send_stdin(const send_args *a, pqi_class cls, pqi_host_node *node)
{
    if (!a->lines) {
        pqi_span body;
        pqi_cli_exit rc = pqi_cli_read_file("-", PQI_V1_PLAIN_MAX, &body);
        if (rc == PQI_CLI_OK) {
            rc = send_one(a, cls, node, (pqi_cspan){body.ptr, body.len});
            free(body.ptr);
        }
        return rc;
    }
    char *line = NULL;
    size_t cap = 0;
    pqi_cli_exit rc = PQI_CLI_OK;
    ssize_t n;
    while (rc == PQI_CLI_OK && (n = getline(&line, &cap, stdin)) >= 0) {
        size_t len = (size_t)n;
        if (len != 0 && line[len - 1] == '\n') {
            len--;
        }
        rc = send_one(a, cls, node, (pqi_cspan){(const uint8_t *)line, len});
        pqi_node_event ev;
        if (rc == PQI_CLI_OK && pqi_host_node_poll(node, 0, &ev) != PQI_OK) {
            rc = pqi_cli_fail(PQI_CLI_ENV, NULL, "the MQTT client failed");
        }
    }
    free(line);
    return rc;
}

static bool class_of(const char *name, pqi_class *out)
{
    const char letters[] = "LMHS";
    if (!name) {
        *out = PQI_CLASS_L;
        return true;
    }
    const char *at = name[0] && !name[1] ? strchr(letters, name[0]) : NULL;
    if (!at) {
        return false;
    }
    *out = (pqi_class)(at - letters);
    return true;
}

static pqi_cli_exit run(const send_args *a, pqi_class cls, const char *message)
{
    pqi_cli_node n;
    pqi_cli_exit rc = pqi_cli_node_open(&a->node, &a->to, 1, &n);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = wait_for_peer(a, n.node);
    if (rc == PQI_CLI_OK) {
        rc = strcmp(message, "-") == 0
                 ? send_stdin(a, cls, n.node)
                 : send_one(a, cls, n.node, (pqi_cspan){(const uint8_t *)message, strlen(message)});
    }
    if (rc == PQI_CLI_OK) {
        rc = drain(a, n.node);
    }
    pqi_cli_node_close(&n);
    return rc;
}

pqi_cli_exit pqi_cmd_send(const pqi_cli_command *self, int argc, char **argv)
{
    send_args a = {.node.qos = 1, .wait = 15};
    pqi_class cls = PQI_CLASS_L;
    const pqi_cli_option options[] = {
        PQI_CLI_NODE_OPTIONS(a.node),
        PQI_CLI_STRING("to", "ID", &a.to, "the device to seal for"),
        PQI_CLI_STRING("topic", "TOPIC", &a.topic, "where to publish"),
        PQI_CLI_STRING("class", "L|M|H|S", &a.class_name,
            "class of the operation: telemetry, command, set-point, fail-safe (default: L)"),
        PQI_CLI_UINT("wait", "SECONDS", &a.wait, 86400,
            "how long to wait for broker and peer (default: 15)"),
        PQI_CLI_FLAG("lines", &a.lines, "with -: every line is a message"),
        PQI_CLI_FLAG("json", &a.json, "print what was sent as one JSON object per message"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Seals MESSAGE (or standard input, with -) for one device and publishes it.\n"
        "Example: pqi send --dir control --key-file kek --to valve-1 --topic plant/valve-1/cmd "
        "--class M '{\"set\": 40}'",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (!a.to || !a.topic || argc != 1) {
        return pqi_cli_usage(self, "--to, --topic and one MESSAGE are needed");
    }
    if (!class_of(a.class_name, &cls)) {
        return pqi_cli_usage(self, "--class is one of L, M, H, S");
    }
    return run(&a, cls, argv[0]);
}
