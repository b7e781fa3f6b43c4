/* SPDX-License-Identifier: Apache-2.0 */
#include "cli_session.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

bool pqi_cli_session_use(const char *word, pqi_session_use *out)
{
    static const char *const words[] = {"off", "prefer", "require"};
    *out = PQI_SESSIONS_PREFER;
    for (size_t i = 0; word != NULL; i++) {
        if (i == sizeof words / sizeof words[0]) {
            return false;
        }
        if (strcmp(word, words[i]) == 0) {
            *out = (pqi_session_use)i;
            break;
        }
    }
    return true;
}

static json_t *row(const pqi_peer *p, const pqi_session_info *s)
{
    const char mode[2] = {(char)s->mode, 0}, side[2] = {(char)s->side, 0};
    json_t *j = json_pack("{s:s, s:b, s:b, s:s, s:I}", "peer", p->id, "up", s->up, "wanted",
        s->wanted, "why", s->why, "candidate", (json_int_t)s->role);
    if (j == NULL || !s->up) {
        return j;
    }
    json_t *more = json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:{s:I, s:I, s:I}}", "mode", mode,
        "side", side, "suite", (json_int_t)s->suite, "epoch", (json_int_t)s->epoch, "skipped",
        (json_int_t)s->skipped, "messages", (json_int_t)s->messages, "healing", "messages",
        (json_int_t)s->healing.messages, "seconds", (json_int_t)s->healing.seconds, "level",
        (json_int_t)s->healing.level);
    (void)json_object_update(j, more);
    json_decref(more);
    return j;
}

static json_t *report(pqi_cli_node *n, bool running)
{
    pqi_endpoint *e = pqi_host_node_endpoint(n->node);
    const pqi_now now = pqi_host_now();
    json_t *rows = json_array();
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        const pqi_peer *p = &e->cfg.peers[i];
        pqi_session_info s;
        const pqi_cspan id = {(const uint8_t *)p->id, p->id_len};
        if (p->used && pqi_endpoint_session(e, &now, id, &s) == PQI_OK) {
            (void)json_array_append_new(rows, row(p, &s));
        }
    }
    return json_pack("{s:s, s:b, s:I, s:o}", "device", pqi_host_device_id(n->device), "running",
        running, "time", (json_int_t)time(NULL), "sessions", rows);
}

void pqi_cli_session_report(pqi_cli_node *n, const char *dir, bool running, bool now)
{
    const double at = pqi_cli_seconds();
    if (n->node == NULL || pqi_host_node_endpoint(n->node)->sessions == NULL ||
        (!now && at < n->report_at)) {
        return;
    }
    n->report_at = at + 1.0;
    char path[1024], tmp[1024];
    int a = snprintf(path, sizeof path, "%s/" PQI_CLI_SESSIONS_FILE, dir);
    int b = snprintf(tmp, sizeof tmp, "%s/." PQI_CLI_SESSIONS_FILE ".%ld", dir, (long)getpid());
    json_t *j = report(n, running);
    if (j != NULL && a > 0 && b > 0 && (size_t)a < sizeof path && (size_t)b < sizeof tmp) {
        if (json_dump_file(j, tmp, JSON_INDENT(1) | JSON_PRESERVE_ORDER) != 0 ||
            rename(tmp, path) != 0) {
            (void)unlink(tmp);
        }
    }
    json_decref(j);
}
