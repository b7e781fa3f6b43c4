/* SPDX-License-Identifier: Apache-2.0 */
#include "log.h"

#include "../pqi/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static bool json_;

void pqid_log_json(bool on)
{
    json_ = on;
}

/* Texts of a broker or a database may hold anything: one line each, and valid JSON. */
static void one_line(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text >= 0x20 && *text < 0x7f ? *text : '?';
    }
}

/* Without --json systemd and its like put the time in front. */
static void line(const char *name, json_t *more, const char *text)
{
    char plain[512];
    (void)snprintf(plain, sizeof plain, "%s", text);
    one_line(plain);
    if (!json_) {
        (void)fprintf(stderr, "pqid: %s: %s\n", name, plain);
        json_decref(more);
        return;
    }
    json_t *j = json_object();
    int rc = json_object_set_new(j, "time", json_integer((json_int_t)time(NULL)));
    rc |= json_object_set_new(j, "event", json_string(name));
    rc |= more != NULL ? json_object_update(j, more) : 0;
    rc |= text[0] != '\0' ? json_object_set_new(j, "text", json_string(plain)) : 0;
    if (rc == 0 && json_dumpf(j, stderr, JSON_COMPACT | JSON_PRESERVE_ORDER) == 0) {
        (void)fputc('\n', stderr);
    }
    json_decref(j);
    json_decref(more);
}

void pqid_log(const char *name, const char *text)
{
    line(name, NULL, text);
}

static const char *object_name(pqi_object o)
{
    switch (o) {
    case PQI_OBJ_ROOT:
        return "root";
    case PQI_OBJ_HEAD:
        return "head";
    case PQI_OBJ_TICK:
        return "tick";
    case PQI_OBJ_ROSTER:
        return "roster";
    case PQI_OBJ_POLICY:
        return "policy";
    case PQI_OBJ_REVOCATIONS:
        return "revocations";
    case PQI_OBJ_STATEMENT:
        return "statement";
    case PQI_OBJ_PATH:
        return "path";
    case PQI_OBJ_NONE:
    case PQI_OBJ_COUNT_:
    case PQI_OBJ_INT32_:
    default:
        return "object";
    }
}

static const struct {
    unsigned bit;
    const char *name;
} why[] = {
    {PQI_CONTROL_NEW_ROOT, "root"},
    {PQI_CONTROL_NEW_POLICY, "policy"},
    {PQI_CONTROL_NEW_REV, "revocations"},
    {PQI_CONTROL_NEW_ROSTER, "roster"},
    {PQI_CONTROL_NEW_DELEGATES, "delegates"},
    {PQI_CONTROL_NEW_TICKS, "ticks"},
    {PQI_CONTROL_NEW_FORCED, "forced"},
};

static void head(const pqi_control_event *ev)
{
    char text[160];
    json_t *list = json_array();
    int n = snprintf(text, sizeof text, "epoch %" PRIu64 ", new:", ev->number);
    for (size_t i = 0; i < sizeof why / sizeof why[0]; i++) {
        if ((ev->what & why[i].bit) != 0 && n > 0 && (size_t)n < sizeof text) {
            n += snprintf(text + n, sizeof text - (size_t)n, " %s", why[i].name);
            (void)json_array_append_new(list, json_string(why[i].name));
        }
    }
    line("head", json_pack("{s:I, s:o}", "epoch", (json_int_t)ev->number, "new", list),
        json_ ? "" : text);
}

static void number(const char *name, const pqi_control_event *ev, const char *unit)
{
    char text[256];
    (void)snprintf(text, sizeof text, "%" PRIu64 "%s%s%s", ev->number, unit,
        ev->text[0] != '\0' ? ": " : "", ev->text);
    line(name, json_pack("{s:I}", "number", (json_int_t)ev->number), json_ ? ev->text : text);
}

static void object(const pqi_control_event *ev)
{
    char text[64];
    const char *name = object_name(ev->object);
    (void)snprintf(text, sizeof text, "%s %" PRIu64, name, ev->number);
    line("published", json_pack("{s:s, s:I}", "object", name, "number", (json_int_t)ev->number),
        json_ ? "" : text);
}

void pqid_log_event(const pqi_control_event *ev)
{
    switch (ev->kind) {
    case PQI_CONTROL_EV_OBJECT:
        object(ev);
        break;
    case PQI_CONTROL_EV_HEAD:
        head(ev);
        break;
    case PQI_CONTROL_EV_TICK:
        number("tick", ev, "");
        break;
    case PQI_CONTROL_EV_BATCH:
        number("answered", ev, " questions");
        break;
    case PQI_CONTROL_EV_HELD:
        number("alarm", ev, " revocations wait");
        break;
    case PQI_CONTROL_EV_LEASE:
        line("lease", json_pack("{s:b}", "held", ev->number != 0), ev->text);
        break;
    case PQI_CONTROL_EV_BUDGET:
        number("budget", ev, " answers cut short");
        break;
    case PQI_CONTROL_EV_CLOCK:
        number("clock", ev, " s");
        break;
    case PQI_CONTROL_EV_FAILED:
        line("failed", json_pack("{s:s}", "status", pqi_status_name(ev->status)), ev->text);
        break;
    case PQI_CONTROL_EV_INT32_:
    default:
        break;
    }
}
