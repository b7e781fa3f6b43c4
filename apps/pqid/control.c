/* SPDX-License-Identifier: Apache-2.0
 * pqid control: a control plane between its store and a broker. */
#include "pqid.h"

#include "../pqi/cli_broker.h"
#include "../pqi/cli_kek.h"
#include "log.h"

#include <pqi/control.h>
#include <pqi/host_control.h>
#include <pqi/wipe.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STORE_MAX = 4096, DRAIN = 8192, LINGER_S = 2 };

typedef struct control_args {
    const char *dir, *store, *store_file, *name, *share, *client_id;
    uint64_t ticks, window, tokens, batch_ms, lease_ms;
    bool accept_clock, json;
    pqi_cli_broker_args broker;
    pqi_cli_kek_args kek;
} control_args;

typedef struct daemon {
    pqi_host_control *c;
    pqi_host_mqtt *m;
    uint64_t lost; /* what could not be handed to the broker */
} daemon;

static volatile sig_atomic_t stop_, rescan_;

static void on_signal(int sig)
{
    if (sig == SIGHUP) {
        rescan_ = 1;
    } else {
        stop_ = 1;
    }
}

static void catch_signals(void)
{
    const struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    (void)sigaction(SIGHUP, &sa, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

/* Without a broker nothing is kept: all that is current goes out when it is back. An answer that gets lost
 * is asked for again. */
static void on_publish(void *ctx, const char *topic, pqi_cspan payload, int retain)
{
    daemon *d = ctx;
    const int answer = strncmp(topic, PQI_TOPIC_ANSWER, sizeof PQI_TOPIC_ANSWER - 1) == 0;
    if (d->m == NULL || !pqi_host_mqtt_connected(d->m)) {
        return;
    }
    if (pqi_host_mqtt_publish(d->m, topic, payload, answer ? 0 : 1, retain) != PQI_OK) {
        d->lost++;
    }
}

static void on_event(void *ctx, const pqi_control_event *ev)
{
    (void)ctx;
    pqid_log_event(ev);
}

/* ---- setting up --------------------------------------------------------------------------------- */

static pqi_cli_exit why(pqi_status st)
{
    const char *advice = st == PQI_ERR_ROLLBACK ? "see the section RECOVERY of pqid(1)" : NULL;
    return pqi_cli_fail(
        st <= PQI_ERR_RNG ? PQI_CLI_ENV : PQI_CLI_FAILED, advice, "%s", pqi_host_control_why());
}

/* A URL may hold a password, which others could read off a command line. */
static pqi_cli_exit read_store(control_args *a, pqi_span *url)
{
    *url = (pqi_span){NULL, 0};
    if (a->store_file == NULL) {
        return PQI_CLI_OK;
    }
    if (a->store != NULL) {
        return pqi_cli_fail(PQI_CLI_USAGE, NULL, "--store and --store-file exclude each other");
    }
    pqi_cli_exit rc = pqi_cli_read_file(a->store_file, STORE_MAX, url);
    if (rc == PQI_CLI_OK) {
        url->ptr[strcspn((char *)url->ptr, "\r\n")] = 0;
        a->store = (const char *)url->ptr;
    }
    return rc;
}

static pqi_cli_exit open_control(const control_args *a, daemon *d)
{
    pqi_host_control_cfg cfg = {.dir = a->dir,
        .store = a->store,
        .name = a->name,
        .ticks_per_head = (uint32_t)a->ticks,
        .tokens = (uint32_t)a->tokens,
        .rev_window_ticks = (uint32_t)a->window,
        .batch_ms = (uint32_t)a->batch_ms,
        .lease_ms = (uint32_t)a->lease_ms,
        .accept_clock = a->accept_clock,
        .io = {d, on_publish, on_event}};
    pqi_cli_kek_args kek = a->kek;
    kek.what = a->dir;
    pqi_cli_exit rc = pqi_cli_kek_read(&kek, false, &cfg.kek);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_open(&d->c, &cfg);
    pqi_cli_kek_wipe(&cfg.kek);
    return st == PQI_OK ? PQI_CLI_OK : why(st);
}

static pqi_cli_exit open_broker(const control_args *a, daemon *d)
{
    char filter[128];
    pqi_cli_exit rc = pqi_cli_broker_client(&a->broker, a->client_id, &d->m);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    int n = a->share != NULL
                ? snprintf(filter, sizeof filter, "$share/%s/%s", a->share, PQI_TOPIC_ASK)
                : snprintf(filter, sizeof filter, "%s", PQI_TOPIC_ASK);
    if (n < 0 || (size_t)n >= sizeof filter ||
        (a->share != NULL && strpbrk(a->share, "/+#") != NULL) ||
        pqi_host_mqtt_subscribe(d->m, filter, 0) != PQI_OK) {
        return pqi_cli_fail(
            PQI_CLI_USAGE, "give --share a word", "cannot subscribe to questions in this share");
    }
    return PQI_CLI_OK;
}

static void tell_start(daemon *d)
{
    pqi_control_info i;
    char text[200];
    if (pqi_host_control_get_info(d->c, &i) != PQI_OK) {
        return;
    }
    if (i.root_version == 0) {
        pqid_log("start", "the store has no root manifest yet: pqi control init puts one");
        return;
    }
    (void)snprintf(text, sizeof text, "root %u, head %u, policy %u, roster %u (%u devices), %s%s",
        i.root_version, i.head_epoch, i.policy_seq, i.roster_seq, i.roster_size, i.backend,
        i.head_key_named ? "" : "; the root does not name our head key: no heads will be made");
    pqid_log("start", text);
}

/* ---- running ------------------------------------------------------------------------------------ */

static void on_mqtt(daemon *d, const pqi_mqtt_event *ev)
{
    if (ev->kind == PQI_MQTT_CONNECTED) {
        pqid_log("broker", "connected");
        if (pqi_host_control_publish(d->c) != PQI_OK) {
            pqid_log("failed", pqi_host_control_why());
        }
    } else if (ev->kind == PQI_MQTT_DISCONNECTED) {
        pqid_log("broker", ev->text);
    } else if (ev->kind == PQI_MQTT_UNSUBSCRIBED) {
        pqid_log("alarm", "the broker refused the subscription to questions");
    } else if (ev->kind == PQI_MQTT_REFUSED) {
        pqid_log("alarm", "the broker refused an object: check its access list");
    } else if (ev->kind == PQI_MQTT_MESSAGE && !ev->retained) {
        if (pqi_host_control_ask(d->c, ev->payload) != PQI_OK) {
            pqid_log("failed", "a question could not be taken");
        }
    }
}

static pqi_cli_exit run(daemon *d)
{
    while (!stop_) {
        pqi_mqtt_event ev;
        uint32_t wait = 0;
        const int rescan = rescan_ != 0;
        rescan_ = 0;
        if (rescan) {
            pqid_log("rescan", "looking at the store");
        }
        if (pqi_host_control_poll(d->c, rescan, &wait) != PQI_OK) {
            return why(PQI_ERR_STATE);
        }
        int timeout = (int)wait;
        for (int i = 0; i < DRAIN && !stop_; i++, timeout = 0) {
            if (pqi_host_mqtt_poll(d->m, timeout, &ev) != PQI_OK) {
                return pqi_cli_fail(PQI_CLI_ENV, NULL, "the MQTT client failed");
            }
            if (ev.kind == PQI_MQTT_NONE) {
                break;
            }
            on_mqtt(d, &ev);
        }
    }
    return PQI_CLI_OK;
}

/* What is on its way may still go. */
static void linger(daemon *d)
{
    const double until = pqi_cli_seconds() + LINGER_S;
    pqi_mqtt_event ev;
    while (pqi_host_mqtt_connected(d->m) && pqi_host_mqtt_pending(d->m) != 0 &&
           pqi_cli_seconds() < until && pqi_host_mqtt_poll(d->m, 50, &ev) == PQI_OK) {
    }
}

static void tell_end(const daemon *d)
{
    char text[200];
    const pqi_control_stats s = pqi_host_control_get_stats(d->c);
    (void)snprintf(text, sizeof text,
        "%" PRIu64 " questions, %" PRIu64 " malformed, %" PRIu64 " answered, %" PRIu64
        " signatures, %" PRIu64 " over budget, %" PRIu64 " not handed over",
        s.questions, s.malformed, s.answered, s.signatures, s.over_budget, d->lost);
    pqid_log("end", text);
}

pqi_cli_exit pqid_control(const pqi_cli_command *self, int argc, char **argv)
{
    control_args a = {.dir = "."};
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("dir", "DIR", &a.dir, "control directory (default: .)"),
        PQI_CLI_STRING(
            "store", "STORE", &a.store, "a file, or a postgresql:// URL (default: DIR/control.db)"),
        PQI_CLI_STRING("store-file", "FILE", &a.store_file, "file whose first line is the store"),
        PQI_CLI_KEK_OPTIONS(a.kek),
        PQI_CLI_BROKER_OPTIONS(a.broker, "MQTT broker, or a path of a unix socket"),
        PQI_CLI_STRING("client-id", "ID", &a.client_id, "MQTT client id (default: none)"),
        PQI_CLI_STRING(
            "share", "GROUP", &a.share, "take turns at questions with others in a group"),
        PQI_CLI_STRING("name", "NAME", &a.name, "of this server (default: the host's)"),
        PQI_CLI_UINT("ticks", "N", &a.ticks, PQI_TICKS_MAX, "ticks of a head (default: 168)"),
        PQI_CLI_UINT("tokens", "N", &a.tokens, PQI_CONTROL_TOKENS_MAX,
            "heads of a root version (default: 262144)"),
        PQI_CLI_UINT("window", "TICKS", &a.window, 1000000,
            "time in which a revoker alone may name its share (default: 24)"),
        PQI_CLI_UINT("batch-ms", "MS", &a.batch_ms, 10000,
            "questions are collected for so long (default: 200)"),
        PQI_CLI_UINT("lease-ms", "MS", &a.lease_ms, 3600000,
            "until another server makes heads in our place (default: 5000)"),
        PQI_CLI_FLAG(
            "accept-clock", &a.accept_clock, "believe a clock that is far ahead of the last tick"),
        PQI_CLI_FLAG("json", &a.json, "one JSON object per event on standard error"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes heads and ticks of a fleet, publishes what is current at a broker, and answers the\n"
        "questions of devices. Objects are put into its store with pqi control, also while it "
        "runs.",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 0) {
        return pqi_cli_usage(self, "control takes no operand");
    }
    if (a.broker.broker == NULL) {
        return pqi_cli_usage(self, "give --broker HOST or HOST:PORT");
    }
    daemon d = {NULL, NULL, 0};
    pqi_span url = {NULL, 0};
    pqid_log_json(a.json);
    rc = read_store(&a, &url);
    if (rc == PQI_CLI_OK) {
        rc = open_control(&a, &d);
    }
    if (url.ptr != NULL) {
        pqi_wipe(url.ptr, url.len);
        free(url.ptr);
    }
    if (rc == PQI_CLI_OK) {
        rc = open_broker(&a, &d);
    }
    if (rc == PQI_CLI_OK) {
        catch_signals();
        tell_start(&d);
        rc = run(&d);
        linger(&d);
        tell_end(&d);
    }
    pqi_host_control_close(d.c);
    pqi_host_mqtt_close(d.m);
    return rc;
}
