/* SPDX-License-Identifier: Apache-2.0
 * pqi session: what a running process said of its sessions. */
#include "cli_session.h"
#include "commands.h"
#include "inspect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { FRESH_S = 5 };

static const char *text(const json_t *j, const char *key)
{
    const char *s = json_string_value(json_object_get(j, key));
    return s != NULL ? s : "-";
}

static long long number(const json_t *j, const char *key)
{
    return (long long)json_integer_value(json_object_get(j, key));
}

/* Another process wrote the file: nothing in it is believed to be of the right type, and nothing reaches a
 * terminal as it stands. */
static void plain(const char *s, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s", s);
    pqi_cli_plain(out);
}

static pqi_cli_exit read_report(const char *dir, json_t **out)
{
    char path[1024];
    if (snprintf(path, sizeof path, "%s/" PQI_CLI_SESSIONS_FILE, dir) >= (int)sizeof path) {
        return pqi_cli_fail(PQI_CLI_USAGE, NULL, "the path of the directory is too long");
    }
    if (access(path, F_OK) != 0) {
        return pqi_cli_fail(PQI_CLI_FAILED,
            "pqi listen and pqi send keep sessions while they run; --sessions off turns them off",
            "no process has reported sessions in %s", dir);
    }
    pqi_span in;
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_CLI_SESSIONS_CAP, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    *out = json_loadb((const char *)in.ptr, in.len, JSON_REJECT_DUPLICATES, NULL);
    free(in.ptr);
    if (!json_is_array(json_object_get(*out, "sessions"))) {
        json_decref(*out);
        *out = NULL;
        return pqi_cli_fail(PQI_CLI_ENV, "the next report replaces it", "%s is no report", path);
    }
    return PQI_CLI_OK;
}

static void print_age(const json_t *report)
{
    const long long age = (long long)time(NULL) - number(report, "time");
    if (json_is_false(json_object_get(report, "running"))) {
        printf("not running; as of %lld s ago:\n", age);
    } else if (age > FRESH_S) {
        printf("no report for %lld s: the process is busy or dead; as it was then:\n", age);
    }
}

static void print_row(const json_t *s)
{
    char peer[64], why[32];
    plain(text(s, "peer"), peer, sizeof peer);
    plain(text(s, "why"), why, sizeof why);
    if (!json_is_true(json_object_get(s, "up"))) {
        printf("%-24s -    -      -      -     -         -      %s%s\n", peer, why,
            json_is_true(json_object_get(s, "wanted")) ? ", trying" : "");
        return;
    }
    const json_t *h = json_object_get(s, "healing");
    static const char *const levels[] = {"", " alarm", " high risk refused", " stopped"};
    const long long level = number(h, "level");
    printf("%-24s %.1s/%.1s  %04llx  %5lld  %5lld  %4lld s%s  %5lld  %s\n", peer, text(s, "mode"),
        text(s, "side"), number(s, "suite") & 0xffff, number(s, "epoch"), number(h, "messages"),
        number(h, "seconds"), levels[level > 0 && level < 4 ? level : 0], number(s, "skipped"),
        why);
}

static pqi_cli_exit list(const pqi_cli_command *self, int argc, char **argv)
{
    const char *dir = ".";
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("dir", "DIR", &dir, "device directory (default: .)"),
        PQI_CLI_FLAG("json", &json, "print the report as JSON"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Lists the sessions of the process that uses the device: mode and side, suite, epoch, age "
        "of the "
        "last post-quantum healing in messages and seconds, messages still missing, and why.\n"
        "Example: pqi session list --dir control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0) {
        return pqi_cli_usage(self, "list takes no operand");
    }
    json_t *report = NULL;
    rc = read_report(dir, &report);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    if (json) {
        return pqi_cli_print_json(report);
    }
    print_age(report);
    printf("%-24s mode suite  epoch  healed msgs, s  missing  why\n", "peer");
    size_t i;
    json_t *s;
    json_array_foreach(json_object_get(report, "sessions"), i, s)
    {
        print_row(s);
    }
    json_decref(report);
    return PQI_CLI_OK;
}

static void print_one(const json_t *s)
{
    char peer[64], why[32];
    plain(text(s, "peer"), peer, sizeof peer);
    plain(text(s, "why"), why, sizeof why);
    const bool up = json_is_true(json_object_get(s, "up"));
    printf("peer:       %s\nsession:    %s (%s)\n", peer, up ? "up" : "none", why);
    if (json_is_true(json_object_get(s, "wanted"))) {
        printf("handshake:  being tried\n");
    }
    if (!up) {
        return;
    }
    const json_t *h = json_object_get(s, "healing");
    printf("mode:       %.1s, as %s\n", text(s, "mode"),
        text(s, "side")[0] == 'I' ? "initiator" : "responder");
    printf("suite:      %04llx\n", number(s, "suite") & 0xffff);
    printf("epoch:      %lld\n", number(s, "epoch"));
    printf("messages:   %lld, nodes for missing ones %lld\n", number(s, "messages"),
        number(s, "skipped"));
    printf("healed:     %lld messages, %lld s ago, level %lld\n", number(h, "messages"),
        number(h, "seconds"), number(h, "level"));
}

static pqi_cli_exit show(const pqi_cli_command *self, int argc, char **argv)
{
    const char *dir = ".";
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("dir", "DIR", &dir, "device directory (default: .)"),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows the session with one peer.\nExample: pqi session show --dir control pump-1", &argc,
        argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "one PEER is needed");
    }
    json_t *report = NULL;
    rc = read_report(dir, &report);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    size_t i;
    json_t *s, *found = NULL;
    json_array_foreach(json_object_get(report, "sessions"), i, s)
    {
        found = strcmp(text(s, "peer"), argv[0]) == 0 ? s : found;
    }
    if (found == NULL) {
        rc = pqi_cli_fail(PQI_CLI_FAILED, "pqi session list shows whom it knows",
            "the process knows no peer of that id");
    } else if (json) {
        rc = pqi_cli_print_json(json_incref(found));
    } else {
        print_age(report);
        print_one(found);
    }
    json_decref(report);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_session_commands[] = {
    {"list", NULL, list, "[--dir DIR] [--json]",
        "list the sessions of a running process", NULL, "pqi session list"},
    {"show", NULL, show, "[--dir DIR] [--json] PEER",
        "show the session with one peer", NULL, "pqi session show"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
