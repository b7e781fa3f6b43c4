/* SPDX-License-Identifier: Apache-2.0
 * pqi control delegate: which sites may give ticks of their own. */
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct entry {
    char id[PQI_ID_MAX + 1], prefix[PQI_PREFIX_MAX + 1];
    pqi_ticks_record ticks;
} entry;

/* As they are set, ascending by id. One more than the most, so that a change may pass through it. */
typedef struct delegates {
    entry v[PQI_DELEGATES_MAX + 1];
    uint32_t n;
} delegates;

static void copy(char *to, size_t room, pqi_cspan from)
{
    const size_t n = from.len < room ? from.len : room - 1;
    memcpy(to, from.ptr, n);
    to[n] = '\0';
}

static int collect(void *ctx, const pqi_delegate *d)
{
    delegates *all = ctx;
    entry *e = &all->v[all->n++];
    copy(e->id, sizeof e->id, d->device_id);
    copy(e->prefix, sizeof e->prefix, d->prefix);
    memcpy(e->ticks.anchor, d->anchor, PQI_HASH_LEN);
    e->ticks.count = d->count;
    return all->n == PQI_DELEGATES_MAX;
}

static bool drop(delegates *all, const char *id)
{
    for (uint32_t i = 0; i < all->n; i++) {
        if (strcmp(all->v[i].id, id) == 0) {
            memmove(&all->v[i], &all->v[i + 1], (all->n - i - 1) * sizeof all->v[0]);
            all->n--;
            return true;
        }
    }
    return false;
}

static pqi_cli_exit add(delegates *all, const entry *e)
{
    uint32_t at = 0;
    (void)drop(all, e->id);
    if (all->n == PQI_DELEGATES_MAX) {
        return pqi_cli_fail(PQI_CLI_FAILED, "--remove one of those that --store lists",
            "a head names at most %u delegates", PQI_DELEGATES_MAX);
    }
    while (at < all->n && strcmp(all->v[at].id, e->id) < 0) {
        at++;
    }
    memmove(&all->v[at + 1], &all->v[at], (all->n - at) * sizeof all->v[0]);
    all->v[at] = *e;
    all->n++;
    return PQI_CLI_OK;
}

static pqi_cli_exit read_record(const char *path, pqi_ticks_record *out)
{
    pqi_span in = {NULL, 0};
    pqi_cli_exit rc = pqi_cli_read_file(path, PQI_TICKS_RECORD_MAX, &in);
    if (rc == PQI_CLI_OK && pqi_ticks_record_decode((pqi_cspan){in.ptr, in.len}, out) != PQI_OK) {
        rc = pqi_cli_fail(
            PQI_CLI_FAILED, "pqi ticks export writes one", "%s is no record of a tick box", path);
    }
    free(in.ptr);
    return rc;
}

/* ID:PREFIX:FILE; ids have no ':', and neither may the file's name. */
static pqi_cli_exit parse(const char *arg, entry *e)
{
    const char *first = strchr(arg, ':'), *last = strrchr(arg, ':');
    memset(e, 0, sizeof *e);
    if (first == NULL || first == last) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi control delegate --help",
            "--set takes ID:PREFIX:FILE, not \"%.80s\"", arg);
    }
    const pqi_cspan id = {(const uint8_t *)arg, (size_t)(first - arg)};
    const pqi_cspan prefix = {(const uint8_t *)first + 1, (size_t)(last - first) - 1};
    if (pqi_id_check(id) != PQI_OK || prefix.len == 0 || prefix.len > PQI_PREFIX_MAX) {
        return pqi_cli_fail(PQI_CLI_USAGE, "see pqi control delegate --help",
            "\"%.80s\" has no device id or no prefix", arg);
    }
    copy(e->id, sizeof e->id, id);
    copy(e->prefix, sizeof e->prefix, prefix);
    return read_record(last + 1, &e->ticks);
}

static pqi_cli_exit store_all(pqi_host_control *c, const delegates *all)
{
    pqi_delegate d[PQI_DELEGATES_MAX];
    for (uint32_t i = 0; i < all->n; i++) {
        const entry *e = &all->v[i];
        d[i].device_id = pqi_cli_span(e->id);
        d[i].prefix = pqi_cli_span(e->prefix);
        memcpy(d[i].anchor, e->ticks.anchor, PQI_HASH_LEN);
        d[i].count = e->ticks.count;
    }
    pqi_status st = pqi_host_control_set_delegates(c, d, all->n);
    return st == PQI_OK ? PQI_CLI_OK : pqi_cli_control_why(st);
}

static pqi_cli_exit print(const delegates *all, bool json)
{
    json_t *list = json ? json_array() : NULL;
    for (uint32_t i = 0; i < all->n; i++) {
        char sum[PQI_CHECKSUM_TEXT];
        const entry *e = &all->v[i];
        pqi_checksum_text(e->ticks.anchor, sum);
        if (json) {
            (void)json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:o}", "device_id", e->id, "prefix", e->prefix,
                          "ticks", (json_int_t)e->ticks.count, "anchor",
                          pqi_cli_json_hex(e->ticks.anchor, PQI_HASH_LEN)));
        } else {
            printf("%s for %s: %" PRIu32 " ticks, checksum %s\n", e->id, e->prefix, e->ticks.count,
                sum);
        }
    }
    if (!json && all->n == 0) {
        printf("no delegates\n");
    }
    return json ? pqi_cli_print_json(list) : PQI_CLI_OK;
}

typedef struct changes {
    pqi_cli_list set, remove;
    bool clear;
} changes;

static pqi_cli_exit apply(const changes *x, delegates *all)
{
    pqi_cli_exit rc = PQI_CLI_OK;
    if (x->clear) {
        all->n = 0;
    }
    for (size_t i = 0; i < x->remove.n; i++) {
        if (!drop(all, x->remove.v[i])) {
            return pqi_cli_fail(PQI_CLI_FAILED, "without --set and --remove it lists them",
                "there is no delegate %.40s", x->remove.v[i]);
        }
    }
    for (size_t i = 0; i < x->set.n && rc == PQI_CLI_OK; i++) {
        entry e;
        rc = parse(x->set.v[i], &e);
        if (rc == PQI_CLI_OK) {
            rc = add(all, &e);
        }
    }
    return rc;
}

pqi_cli_exit pqi_cmd_control_delegate(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_host_control *c = NULL;
    changes x = {.clear = false};
    delegates all = {.n = 0};
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_LIST("set", "ID:PREFIX:FILE", &x.set, "the tick box of a gateway, for its topics"),
        PQI_CLI_LIST("remove", "ID", &x.remove, "take this one out"),
        PQI_CLI_FLAG("clear", &x.clear, "take all out, before any --set"),
        PQI_CLI_FLAG("json", &json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Sets which site gateways the heads name as delegates, up to four, and shows them. FILE "
        "is\n"
        "what pqi ticks export wrote at the site. A running daemon makes a head at once. Their "
        "ticks\n"
        "count while the policy has the flag delegates.\n\n"
        "Example: pqi control delegate --store control --set gw-7:plant/7:gw-7.ticks",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || store == NULL) {
        return pqi_cli_usage(self, "delegate takes --store, and no operand");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_each_delegate(c, collect, &all);
    rc = st == PQI_OK ? apply(&x, &all) : pqi_cli_control_why(st);
    if (rc == PQI_CLI_OK && (x.clear || x.set.n != 0 || x.remove.n != 0)) {
        rc = store_all(c, &all);
    }
    if (rc == PQI_CLI_OK) {
        rc = print(&all, json);
    }
    pqi_host_control_close(c);
    return rc;
}
