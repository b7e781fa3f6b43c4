/* SPDX-License-Identifier: Apache-2.0
 * pqi send: seals messages for one device and hands them to the broker. */
#include "cli_attest.h"
#include "cli_control.h"
#include "cli_session.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct send_args {
    pqi_cli_node_args node;
    const char *to, *topic, *mailbox, *class_name;
    uint64_t wait, expires;
    bool lines, json, require_prekey;
    char mailbox_topic[PQI_TOPIC_MAX];
    pqi_cli_node *cli;
} send_args;

/* One event; what it says of attestation is told, whatever is waited for. */
static pqi_status poll_node(const send_args *a, int timeout_ms, pqi_node_event *ev)
{
    const pqi_status st = pqi_host_node_poll(a->cli->node, timeout_ms, ev);
    if (st != PQI_OK) {
        return st;
    }
    return pqi_cli_attest_tell(a->cli, ev, true) == PQI_CLI_OK ? PQI_OK : PQI_ERR_STORAGE;
}

static pqi_cli_exit no_prekey(const send_args *a)
{
    return pqi_cli_fail(PQI_CLI_FAILED,
        "it makes one when it is online with this broker, unless it has no signing key",
        "%s has announced no prekey that is still valid", a->to);
}

static pqi_cli_exit offline(double since, const char *text)
{
    return pqi_cli_fail(PQI_CLI_ENV, "check --broker, and that it is reachable",
        "no answer of the broker for %.0f s: %s", since, text[0] ? text : "not connected");
}

static bool needs_prekey(const send_args *a)
{
    return a->mailbox != NULL || a->require_prekey;
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
        const bool usable = p && p->ready && (!needs_prekey(a) || p->prekey.epoch != 0);
        if (online && usable) {
            return PQI_CLI_OK;
        }
        pqi_node_event ev;
        pqi_status st = poll_node(a, 50, &ev);
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
    const pqi_peer *known = pqi_endpoint_peer(pqi_host_node_endpoint(node), id);
    if (known && known->ready) {
        return no_prekey(a);
    }
    return pqi_cli_fail(PQI_CLI_FAILED,
        "has it been online with this broker since it was certified? --wait SECONDS waits longer",
        "no valid announcement of %s came within %llu s", a->to, (unsigned long long)a->wait);
}

/* May it open by itself, with what the control plane sends? */
static bool may_open(const pqi_endpoint *e)
{
    const pqi_reason r = pqi_endpoint_reason(e);
    return r == PQI_REASON_AGED || r == PQI_REASON_STALE || r == PQI_REASON_EXPIRED ||
           r == PQI_REASON_UNKNOWN || r == PQI_REASON_ROLLBACK || r == PQI_REASON_REV_GAP ||
           r == PQI_REASON_POLICY_GAP || r == PQI_REASON_ROSTER;
}

/* Works until there is a session with the peer. When none is required it is tried for a while only: the
 * peer may be asleep, and the message then goes as a sealed packet that waits for it at the broker. */
static pqi_cli_exit wait_for_session(const send_args *a, pqi_host_node *node)
{
    enum { TRY_S = 1 };
    pqi_endpoint *e = pqi_host_node_endpoint(node);
    if (e->sessions == NULL) {
        return PQI_CLI_OK;
    }
    const bool required = e->cfg.sessions.use == PQI_SESSIONS_REQUIRE;
    const pqi_cspan id = {(const uint8_t *)a->to, strlen(a->to)};
    const uint64_t seconds = required || a->wait < TRY_S ? a->wait : TRY_S;
    const double end = pqi_cli_seconds() + (double)seconds;
    pqi_now now = pqi_host_now();
    pqi_status st = pqi_endpoint_connect(e, &now, id, 0);
    bool closed = st == PQI_ERR_POLICY && may_open(e);
    while ((st == PQI_OK || closed) && pqi_cli_seconds() < end) {
        pqi_session_info info;
        pqi_node_event ev;
        now = pqi_host_now();
        if (pqi_endpoint_session(e, &now, id, &info) == PQI_OK && info.up) {
            return PQI_CLI_OK;
        }
        st = poll_node(a, 20, &ev);
        if (st == PQI_OK && closed) {
            now = pqi_host_now();
            st = pqi_endpoint_connect(e, &now, id, 0);
            closed = st == PQI_ERR_POLICY && may_open(e);
        }
    }
    if (!required && (st == PQI_OK || st == PQI_ERR_POLICY)) {
        return PQI_CLI_OK;
    }
    return st != PQI_OK
               ? pqi_cli_status(st, "making a session")
               : pqi_cli_fail(PQI_CLI_FAILED,
                     "is it running, with sessions on? --sessions prefer sends without one",
                     "no session with %s within %llu s", a->to, (unsigned long long)seconds);
}

/* Where the policy asks for rosters, who did not learn us before needs the proof that we are in the newest one. */
static bool lacks_proof(const pqi_endpoint *e)
{
    return (e->ctl.policy.rules.flags & PQI_POLICY_ROSTER) != 0 && e->ctl.path_len == 0;
}

/* Works until our announcement has the proof: who only ever sends could not be learned without it. Who learned us
 * before listens all the same, so that a control plane that is away stops nothing. */
static pqi_cli_exit wait_for_proof(const send_args *a, pqi_host_node *node)
{
    const double end = pqi_cli_seconds() + (double)a->wait;
    const pqi_endpoint *e = pqi_host_node_endpoint(node);
    pqi_node_event ev;
    pqi_status st = PQI_OK;
    while (st == PQI_OK && lacks_proof(e) && pqi_cli_seconds() < end) {
        st = poll_node(a, 50, &ev);
    }
    if (st == PQI_OK && lacks_proof(e)) {
        (void)fprintf(stderr,
            "pqi: no proof came within %llu s that this device is in the fleet's roster: %s "
            "listens only if it has "
            "learned of it before\n",
            (unsigned long long)a->wait, a->to);
    }
    if (st == PQI_OK) {
        st = poll_node(a, 0, &ev); /* announces it */
    }
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_status(st, "waiting for the control plane");
}

/* Works until there is a verdict of the peer, where one is needed, and until the peer had its answer from us where it
 * asks: it needs a verdict of us as well. It may have one from before, so that is waited for shortly. A bad
 * verdict is told; the gate refuses the message. */
static pqi_cli_exit wait_for_verdict(const send_args *a)
{
    enum { ASKED_S = 3 };
    if (a->node.attest.policy == NULL) {
        return PQI_CLI_OK;
    }
    const double start = pqi_cli_seconds(), end = start + (double)a->wait;
    double asked = end;
    for (;;) {
        const bool open = pqi_cli_attest_open_for(a->cli, a->to);
        const double now = pqi_cli_seconds();
        if (open && asked == end) {
            asked = now + ASKED_S < end ? now + ASKED_S : end;
        }
        const bool done = open && (a->cli->attest.answered != 0 || now >= asked ||
                                      !pqi_cli_attest_needed(a->cli));
        if (done || now >= end) {
            return PQI_CLI_OK;
        }
        pqi_node_event ev;
        pqi_status st = poll_node(a, 50, &ev);
        if (st != PQI_OK) {
            return pqi_cli_status(st, "asking what the peer started");
        }
        if (ev.kind == PQI_NODE_ATTEST && ev.attest == PQI_ATTEST_BAD &&
            strcmp(ev.ev.peer, a->to) == 0) {
            return PQI_CLI_OK;
        }
    }
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
        pqi_status st = poll_node(a, 20, &ev);
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

/* A device that starts knows nothing of the time: what it may not send yet waits until it may. */
static pqi_status send_when_open(
    const send_args *a, pqi_host_node *node, const pqi_outbound *msg, size_t *wire)
{
    const double end = pqi_cli_seconds() + (double)a->wait;
    pqi_status st = pqi_host_node_send(node, msg, (int)a->node.qos, wire);
    while (
        st == PQI_ERR_POLICY && may_open(pqi_host_node_endpoint(node)) && pqi_cli_seconds() < end) {
        pqi_node_event ev;
        st = poll_node(a, 50, &ev);
        if (st == PQI_OK) {
            st = pqi_host_node_send(node, msg, (int)a->node.qos, wire);
        }
    }
    return st;
}

static pqi_cli_exit send_one(const send_args *a, pqi_class cls, pqi_host_node *node, pqi_cspan body)
{
    const uint64_t now = pqi_host_now().unix_s;
    if (a->expires != 0 && now == 0) {
        return pqi_cli_fail(
            PQI_CLI_ENV, "set the clock, or send without --expires", "this host has no clock");
    }
    const pqi_outbound msg = {
        .peer = {(const uint8_t *)a->to, strlen(a->to)},
        .topic = {(const uint8_t *)a->topic, strlen(a->topic)},
        .payload = body,
        .cls = cls,
        .not_after = {a->expires != 0 ? PQI_EXPIRY_UNIX : 0u, now + a->expires},
    };
    size_t wire = 0;
    pqi_status st = send_when_open(a, node, &msg, &wire);
    const pqi_reason why = pqi_endpoint_reason(pqi_host_node_endpoint(node));
    if (st == PQI_ERR_POLICY && !pqi_reason_allows(why)) {
        return pqi_cli_fail(PQI_CLI_FAILED, pqi_cli_reason_help(why),
            "class %s to %s is closed: %s", a->class_name ? a->class_name : "L", a->to,
            pqi_reason_name(why));
    }
    if (st == PQI_ERR_POLICY && pqi_host_node_endpoint(node)->cert.sig_alg == 0) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "join again without --kem-only to send; it receives as it is",
            "this device has no signing key, and every v1 message is signed by its sender");
    }
    if (st == PQI_ERR_POLICY) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "pqi inspect shows the scopes of the certificate; the CA grants them with pqi ca allow",
            "our certificate does not allow class %s on %s, or %s is revoked or expired",
            a->class_name ? a->class_name : "L", a->topic, a->to);
    }
    if (st == PQI_ERR_MISSING) {
        return no_prekey(a); /* the peer itself is there: we waited for it */
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
        if (rc == PQI_CLI_OK && poll_node(a, 0, &ev) != PQI_OK) {
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

/* The topic of the slot. */
static bool mailbox_topic(send_args *a)
{
    const pqi_cspan slot = {(const uint8_t *)a->mailbox, strlen(a->mailbox)};
    const pqi_cspan id = {(const uint8_t *)a->to, strlen(a->to)};
    if (a->topic || pqi_id_check(slot) != PQI_OK || pqi_id_check(id) != PQI_OK) {
        return false;
    }
    (void)snprintf(
        a->mailbox_topic, sizeof a->mailbox_topic, PQI_TOPIC_MAILBOX "%s/%s", a->to, a->mailbox);
    a->topic = a->mailbox_topic;
    return true;
}

static pqi_cli_exit run(send_args *a, pqi_class cls, const char *message)
{
    pqi_cli_node n;
    a->cli = &n;
    pqi_cli_exit rc = pqi_cli_node_open(&a->node, &a->to, 1, &n);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    rc = wait_for_peer(a, n.node);
    const bool urgent = cls == PQI_CLASS_S; /* goes first */
    if (rc == PQI_CLI_OK && !urgent) {
        rc = wait_for_proof(a, n.node);
    }
    if (rc == PQI_CLI_OK) {
        rc = wait_for_session(a, n.node);
    }
    if (rc == PQI_CLI_OK && !urgent) {
        rc = wait_for_verdict(a);
    }
    if (rc == PQI_CLI_OK) {
        rc = strcmp(message, "-") == 0
                 ? send_stdin(a, cls, n.node)
                 : send_one(a, cls, n.node, (pqi_cspan){(const uint8_t *)message, strlen(message)});
    }
    if (rc == PQI_CLI_OK && urgent) {
        rc = wait_for_proof(a, n.node);
    }
    if (rc == PQI_CLI_OK) {
        rc = drain(a, n.node);
    }
    pqi_cli_session_report(&n, a->node.dir ? a->node.dir : ".", false, true);
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
        PQI_CLI_STRING("mailbox", "SLOT", &a.mailbox,
            "instead of --topic: leave it in this slot of the device's mailbox"),
        PQI_CLI_UINT("expires", "SECONDS", &a.expires, 315360000,
            "the device refuses it when it comes later than this"),
        PQI_CLI_FLAG("require-prekey", &a.require_prekey,
            "send only what the device can no longer open three weeks later"),
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
    if (!a.to || (!a.topic && !a.mailbox) || argc != 1) {
        return pqi_cli_usage(self, "--to, --topic or --mailbox, and one MESSAGE are needed");
    }
    if (a.topic && strpbrk(a.topic, "+#")) {
        return pqi_cli_usage(self, "a topic to publish on has no + and no #: %s", a.topic);
    }
    if (a.mailbox && !mailbox_topic(&a)) {
        return pqi_cli_usage(
            self, "--mailbox goes without --topic and has 1 to 32 of A-Z a-z 0-9 _ . -");
    }
    a.node.require_prekey = a.require_prekey;
    if (!class_of(a.class_name, &cls)) {
        return pqi_cli_usage(self, "--class is one of L, M, H, S");
    }
    return run(&a, cls, argv[0]);
}
