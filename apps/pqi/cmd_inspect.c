/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: decodes files and streams of our objects. */
#include "inspect.h"

#include "algs.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1024u * 1024u)

typedef struct job {
    pqi_algs algs;
    bool json;
    size_t good, bad;
    const char *name;
} job;

static void complain(job *j, const pqi_inspect_error *e, size_t line)
{
    char where[96] = "", at[32] = "";
    if (line > 0) {
        (void)snprintf(where, sizeof where, " line %zu", line);
    }
    if (e->has_offset) {
        (void)snprintf(at, sizeof at, " at byte %zu", e->offset);
    }
    j->bad++;
    (void)pqi_cli_fail(
        PQI_CLI_FAILED, NULL, "%s%s: not a valid %s: %s%s", j->name, where, e->kind, e->what, at);
}

static void one(job *j, pqi_cspan in, size_t line)
{
    pqi_inspect_error e;
    json_t *tree = pqi_inspect_object(&j->algs, in, &e);
    if (tree == NULL) {
        complain(j, &e, line);
        return;
    }
    j->good++;
    if (!j->json) {
        pqi_inspect_print(tree, line > 0);
    } else if (json_dumpf(tree, stdout, line > 0 ? JSON_COMPACT : JSON_INDENT(2)) == 0) {
        (void)putchar('\n');
    }
    json_decref(tree);
}

/* Text lines of hex digits, as `mosquitto_sub -F %x` prints them; a topic may stand before the last
 * space of a line, as in -F '%t %x'. */
static bool is_hex_text(pqi_cspan in)
{
    size_t digits = 0;
    for (size_t i = 0; i < in.len; i++) {
        uint8_t c = in.ptr[i];
        if (c != '\n' && c != '\r' && c != '\t' && (c < 0x20 || c > 0x7e)) {
            return false;
        }
    }
    for (size_t i = in.len; i > 0; i--) {
        uint8_t c = in.ptr[i - 1];
        bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
        if (hex) {
            digits++;
        } else if (digits > 0 || (c != '\n' && c != '\r' && c != ' ')) {
            return digits >= 2 && (c == '\n' || c == ' ');
        }
    }
    return digits >= 2;
}

static void hex_line(job *j, char *line, size_t number)
{
    size_t n = strlen(line);
    while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' ')) {
        line[--n] = '\0';
    }
    char *space = strrchr(line, ' ');
    const char *hex = space != NULL ? space + 1 : line;
    if (hex[0] == '\0') {
        return;
    }
    pqi_span room = {pqi_cli_alloc(strlen(hex) / 2 + 1), strlen(hex) / 2 + 1};
    if (pqi_cli_hex_decode(hex, &room)) {
        pqi_cspan in = {room.ptr, room.len};
        one(j, in, number);
    } else {
        pqi_inspect_error e = {"object", "an odd number of digits, or not hex", 0, false};
        complain(j, &e, number);
    }
    free(room.ptr);
}

static void stream(job *j, FILE *f)
{
    char *line = NULL;
    size_t room = 0, number = 0;
    ssize_t n;
    while ((n = getline(&line, &room, f)) >= 0) {
        number++;
        if (n > 0 && line[n - 1] == '\n') {
            line[n - 1] = '\0';
        }
        if ((size_t)n > 2 * FILE_MAX) {
            pqi_inspect_error e = {"object", "the line is too long", 0, false};
            complain(j, &e, number);
            continue;
        }
        hex_line(j, line, number);
        (void)fflush(stdout);
    }
    free(line);
}

/* A file is hex or binary by its content. */
static pqi_cli_exit whole(job *j, const char *path)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, 2 * FILE_MAX, &in);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_cspan data = {in.ptr, in.len};
    if (!is_hex_text(data)) {
        one(j, data, 0);
    } else {
        char *save = NULL;
        char *first = strtok_r((char *)in.ptr, "\n", &save);
        char *next = strtok_r(NULL, "\n", &save);
        size_t number = next != NULL ? 1 : 0; /* a single object is printed at length */
        if (first != NULL) {
            hex_line(j, first, number);
        }
        for (; next != NULL; next = strtok_r(NULL, "\n", &save)) {
            hex_line(j, next, ++number);
        }
    }
    free(in.ptr);
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_inspect(const pqi_cli_command *self, int argc, char **argv)
{
    job j;
    bool lines = false;
    memset(&j, 0, sizeof j);
    const pqi_cli_option options[] = {
        PQI_CLI_FLAG("json", &j.json, "print JSON, one object a line for several"),
        PQI_CLI_FLAG("lines", &lines, "standard input is an endless stream of hex lines"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Decodes certificates, manifests, revocations, join requests, factory records, "
        "challenges,\n"
        "grants (their outside), confirmations, announcements and packet headers, binary or hex. "
        "An\n"
        "object is told by its content. Nothing secret is shown and no signature is checked, "
        "except\n"
        "that of a factory record by itself.\n\n"
        "Example: mosquitto_sub -t 'pq/4/#' -F %x | pqi inspect --lines",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (lines ? argc != 0 : argc < 1) {
        return pqi_cli_usage(self, lines ? "--lines reads standard input and takes no operand"
                                         : "inspect takes files, or -");
    }
    pqi_cli_algs(&j.algs);
    rc = PQI_CLI_OK;
    if (lines) {
        j.name = "-";
        stream(&j, stdin);
    }
    for (int i = 0; i < argc; i++) {
        j.name = argv[i];
        pqi_cli_exit got = whole(&j, argv[i]);
        rc = rc == PQI_CLI_OK ? got : rc;
    }
    return rc == PQI_CLI_OK && j.bad > 0 ? PQI_CLI_FAILED : rc;
}
