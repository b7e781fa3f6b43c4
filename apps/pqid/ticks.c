/* SPDX-License-Identifier: Apache-2.0
 * pqid ticks: a tick box between its directory and the broker of a site. */
#include "pqid.h"

#include "../pqi/cli_broker.h"
#include "../pqi/cli_kek.h"
#include "log.h"

#include <pqi/host_ticks.h>

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 1000, DRAIN = 1024, LINGER_MS = 2000 };

typedef struct ticks_args {
    const char *dir, *device, *root, *client_id;
    uint64_t tick_s, after;
    bool always, reuse, json;
    pqi_cli_broker_args broker;
    pqi_cli_kek_args kek;
} ticks_args;

typedef struct site {
    pqi_host_ticks *t;
    pqi_host_mqtt *m;
    char topic[80];
    char told[320]; /* the last trouble, told once */
} site;

static volatile sig_atomic_t stop_;

static void on_signal(int sig)
{
    (void)sig;
    stop_ = 1;
}

static void catch_signals(void)
{
    const struct sigaction sa = {.sa_handler = on_signal};
    (void)sigaction(SIGINT, &sa, NULL);
    (void)sigaction(SIGTERM, &sa, NULL);
    const struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
}

static pqi_cli_exit why(pqi_status st)
{
    return pqi_cli_fail(
        st <= PQI_ERR_RNG ? PQI_CLI_ENV : PQI_CLI_FAILED, NULL, "%s", pqi_host_ticks_why());
}

static void tell_once(site *s, const char *name, const char *text)
{
    if (strcmp(s->told, text) != 0) {
        (void)snprintf(s->told, sizeof s->told, "%s", text);
        pqid_log(name, text);
    }
}

/* ---- objects in --------------------------------------------------------------------------------- */

static pqi_object kind_of(pqi_cspan topic)
{
    static const struct {
        const char *topic;
        pqi_object kind;
    } kinds[] = {{PQI_TOPIC_ROOT, PQI_OBJ_ROOT}, {PQI_TOPIC_HEAD, PQI_OBJ_HEAD},
        {PQI_TOPIC_TICK, PQI_OBJ_TICK}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (topic.len == strlen(kinds[i].topic) &&
            memcmp(topic.ptr, kinds[i].topic, topic.len) == 0) {
            return kinds[i].kind;
        }
    }
    return PQI_OBJ_NONE;
}

static void tell_taken(site *s, pqi_object kind, int was_giving)
{
    char text[160];
    pqi_ticks_info i;
    if (pqi_host_ticks_get_info(s->t, &i) != PQI_OK) {
        return;
    }
    if (kind == PQI_OBJ_ROOT) {
        (void)snprintf(text, sizeof text, "version %" PRIu32, i.root_version);
        pqid_log("root", text);
        pqi_host_mqtt_again(s->m, PQI_TOPIC_HEAD); /* it may have come before its root */
    } else if (kind == PQI_OBJ_HEAD) {
        (void)snprintf(text, sizeof text, "epoch %" PRIu32 "%s", i.head_epoch,
            i.named ? "" : ", which does not name this box");
        pqid_log("head", text);
        pqi_host_mqtt_again(s->m, PQI_TOPIC_TICK);
    } else if (was_giving) {
        pqid_log("fleet", "its ticks are back");
    }
}

static void on_object(site *s, const pqi_mqtt_event *ev)
{
    pqi_ticks_info before = {.giving = 0};
    const pqi_object kind = kind_of(ev->topic);
    if (kind == PQI_OBJ_NONE || pqi_host_ticks_get_info(s->t, &before) != PQI_OK) {
        return;
    }
    const pqi_status st = pqi_host_ticks_take(s->t, kind, ev->payload);
    if (st == PQI_OK) {
        tell_taken(s, kind, before.giving);
    } else if (st != PQI_ERR_REPLAY && pqi_host_ticks_why()[0] != '\0') {
        tell_once(s, "failed", pqi_host_ticks_why());
    }
}

/* ---- ticks out ---------------------------------------------------------------------------------- */

static void publish(site *s, const pqi_tick *t)
{
    uint8_t out[PQI_LOCAL_TICK_LEN];
    const size_t n = pqi_tick_write(t, out);
    if (pqi_host_mqtt_connected(s->m) &&
        pqi_host_mqtt_publish(s->m, s->topic, (pqi_cspan){out, n}, 1, 1) != PQI_OK) {
        pqid_log("failed", "a tick could not be handed to the broker");
    }
}

static void again(site *s)
{
    pqi_tick t;
    if (pqi_host_ticks_newest(s->t, &t) == PQI_OK) {
        publish(s, &t);
    }
}

static uint32_t give(site *s)
{
    pqi_tick t;
    pqi_ticks_info i;
    char text[120];
    uint32_t wait = POLL_MS;
    const pqi_status st = pqi_host_ticks_poll(s->t, &t, &wait);
    if (st == PQI_OK) {
        publish(s, &t);
        (void)snprintf(text, sizeof text, "%" PRIu32 " under head %" PRIu32, t.i, t.epoch);
        pqid_log("tick", text);
        s->told[0] = '\0';
        if (pqi_host_ticks_get_info(s->t, &i) == PQI_OK && t.i == i.chain.count) {
            pqid_log("alarm", "that was the last tick of the chain");
        }
    } else if (st != PQI_AGAIN) {
        tell_once(s, st == PQI_ERR_MISSING ? "wait" : "alarm", pqi_host_ticks_why());
    }
    return wait < POLL_MS ? wait : POLL_MS;
}

/* ---- running ------------------------------------------------------------------------------------ */

static void on_mqtt(site *s, const pqi_mqtt_event *ev)
{
    if (ev->kind == PQI_MQTT_CONNECTED) {
        pqid_log("broker", "connected");
        again(s);
    } else if (ev->kind == PQI_MQTT_DISCONNECTED) {
        pqid_log("broker", ev->text);
    } else if (ev->kind == PQI_MQTT_UNSUBSCRIBED) {
        pqid_log("alarm", "the broker refused a subscription");
    } else if (ev->kind == PQI_MQTT_REFUSED) {
        pqid_log("alarm", "the broker refused a tick: check its access list");
    } else if (ev->kind == PQI_MQTT_MESSAGE) {
        on_object(s, ev);
    }
}

static pqi_cli_exit run(site *s)
{
    while (!stop_) {
        pqi_mqtt_event ev;
        int timeout = (int)give(s);
        for (int i = 0; i < DRAIN && !stop_; i++, timeout = 0) {
            if (pqi_host_mqtt_poll(s->m, timeout, &ev) != PQI_OK) {
                return pqi_cli_fail(PQI_CLI_ENV, NULL, "the MQTT client failed");
            }
            if (ev.kind == PQI_MQTT_NONE) {
                break;
            }
            on_mqtt(s, &ev);
        }
    }
    for (int i = 0;
         i < LINGER_MS / 50 && pqi_host_mqtt_connected(s->m) && pqi_host_mqtt_pending(s->m) != 0;
         i++) {
        pqi_mqtt_event ev;
        if (pqi_host_mqtt_poll(s->m, 50, &ev) != PQI_OK) {
            break;
        }
    }
    return PQI_CLI_OK;
}

/* ---- setting up --------------------------------------------------------------------------------- */

static pqi_cli_exit begin(site *s, const char *path)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_MANIFEST_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_status st = pqi_host_ticks_begin(s->t, (pqi_cspan){in.ptr, in.len});
    free(in.ptr);
    return st == PQI_OK ? PQI_CLI_OK : why(st);
}

static pqi_cli_exit open_box(const ticks_args *a, site *s)
{
    pqi_host_ticks_cfg cfg = {.dir = a->dir,
        .device = a->device,
        .tick_s = (uint32_t)a->tick_s,
        .after = (uint32_t)a->after,
        .always = a->always,
        .reuse = a->reuse};
    pqi_cli_kek_args kek = a->kek;
    kek.what = a->dir;
    pqi_cli_exit rc = pqi_cli_kek_read(&kek, false, &cfg.kek);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    const pqi_status st = pqi_host_ticks_open(&s->t, &cfg);
    pqi_cli_kek_wipe(&cfg.kek);
    return st == PQI_OK ? begin(s, a->root) : why(st);
}

static pqi_cli_exit open_broker(const ticks_args *a, site *s)
{
    (void)snprintf(s->topic, sizeof s->topic, PQI_TOPIC_TICK "/%.48s", a->device);
    pqi_cli_exit rc = pqi_cli_broker_client(&a->broker, a->client_id, &s->m);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (pqi_host_mqtt_subscribe(s->m, PQI_TOPIC_ROOT, 1) != PQI_OK ||
        pqi_host_mqtt_subscribe(s->m, PQI_TOPIC_HEAD, 1) != PQI_OK ||
        pqi_host_mqtt_subscribe(s->m, PQI_TOPIC_TICK, 1) != PQI_OK) {
        return pqi_cli_fail(PQI_CLI_ENV, NULL, "cannot subscribe to roots, heads and ticks");
    }
    return PQI_CLI_OK;
}

static void tell_start(site *s)
{
    char text[200];
    pqi_ticks_info i;
    if (pqi_host_ticks_get_info(s->t, &i) == PQI_OK) {
        (void)snprintf(text, sizeof text,
            "root %" PRIu32 ", head %" PRIu32 "%s, %" PRIu32 " of %" PRIu32 " ticks given",
            i.root_version, i.head_epoch, i.named ? "" : " (does not name this box)", i.chain.given,
            i.chain.count);
        pqid_log("start", text);
    }
}

static pqi_cli_exit serve(const ticks_args *a)
{
    site s = {.t = NULL};
    pqid_log_json(a->json);
    pqi_cli_exit rc = open_box(a, &s);
    if (rc == PQI_CLI_OK) {
        rc = open_broker(a, &s);
    }
    if (rc == PQI_CLI_OK) {
        catch_signals();
        tell_start(&s);
        rc = run(&s);
        pqid_log("end", "");
    }
    pqi_host_mqtt_close(s.m);
    pqi_host_ticks_close(s.t);
    return rc;
}

pqi_cli_exit pqid_ticks(const pqi_cli_command *self, int argc, char **argv)
{
    ticks_args a = {.dir = ".", .tick_s = 3600, .after = 2};
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("dir", "DIR", &a.dir, "tick box (default: .)"),
        PQI_CLI_STRING("device", "ID", &a.device, "id under which heads name it"),
        PQI_CLI_STRING("root", "FILE", &a.root, "the fleet's root manifest"),
        PQI_CLI_KEK_OPTIONS(a.kek),
        PQI_CLI_BROKER_OPTIONS(a.broker, "the site's MQTT broker, or a path of a unix socket"),
        PQI_CLI_STRING("client-id", "ID", &a.client_id, "MQTT client id (default: none)"),
        PQI_CLI_UINT("tick-seconds", "N", &a.tick_s, 86400,
            "length of a tick, as in the policy (default: 3600)"),
        PQI_CLI_UINT("after", "N", &a.after, PQI_TICKS_MAX,
            "begin after so many ticks without one of the fleet (default: 2)"),
        PQI_CLI_FLAG("always", &a.always, "do not wait for the fleet to fall silent"),
        PQI_CLI_FLAG("reuse", &a.reuse, "also give from a chain that was used under another head"),
        PQI_CLI_FLAG("json", &a.json, "one JSON object per event on standard error"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Gives the ticks of a site while the fleet's own do not reach it, from a box that pqi "
        "ticks\n"
        "made and that the head in force names.",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc > 0) {
        return pqi_cli_usage(self, "ticks takes no operand");
    }
    if (a.broker.broker == NULL || a.device == NULL || a.root == NULL) {
        return pqi_cli_usage(self, "give --broker, --device and --root");
    }
    if (a.tick_s == 0 || a.after == 0) {
        return pqi_cli_usage(self, "--tick-seconds and --after are at least 1");
    }
    return serve(&a);
}
