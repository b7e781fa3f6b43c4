/* SPDX-License-Identifier: Apache-2.0
 * pqi fleet: which devices are up to date, as far as their questions tell. */
#include "cli_store.h"
#include "commands.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct fleet_count {
    uint64_t devices, fresh[PQI_FRESH_COUNT_], revoked, ending, ended;
} fleet_count;

typedef struct fleet_view {
    fleet_count n;
    uint64_t now, soon;
    json_t *list; /* NULL: lines */
    bool all;
} fleet_view;

static const char *fresh_name(pqi_fresh f)
{
    static const char *const names[] = {"none", "fresh", "aged", "stale", "expired", "unknown"};
    size_t i = (size_t)f;
    return i < sizeof names / sizeof names[0] ? names[i] : "?";
}

typedef enum term { TERM_OK, TERM_SOON, TERM_OVER } term;

static term term_of(const fleet_view *v, const pqi_control_device *d)
{
    uint64_t end = d->member->not_after;
    return end == 0 || end > v->soon ? TERM_OK : end > v->now ? TERM_SOON : TERM_OVER;
}

/* Does somebody have to look after this device? What was revoked is meant to be silent. */
static bool needs_person(const fleet_view *v, const pqi_control_device *d)
{
    return !d->revoked && (d->fresh >= PQI_FRESH_STALE || term_of(v, d) != TERM_OK);
}

static void print_device(const fleet_view *v, const pqi_control_device *d)
{
    static const char *const terms[] = {"", "  ends soon", "  has ended"};
    char asked[PQI_CLI_DATE_LEN], end[PQI_CLI_DATE_LEN];
    pqi_cli_date(asked, d->asked_at);
    pqi_cli_date(end, d->member->not_after);
    printf("%-32s %-8s %-20s  %s%s\n", d->member->id, d->revoked ? "revoked" : fresh_name(d->fresh),
        asked, end, terms[term_of(v, d)]);
}

static int device_json(fleet_view *v, const pqi_control_device *d)
{
    return json_array_append_new(v->list,
        json_pack("{s:s, s:I, s:I, s:s, s:b, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "id",
            d->member->id, "roster_index", (json_int_t)d->member->leaf.roster_index, "key_epoch",
            (json_int_t)d->member->leaf.key_epoch, "state", fresh_name(d->fresh), "revoked",
            d->revoked, "age", d->age != UINT32_MAX ? json_integer(d->age) : json_null(),
            "head_epoch", (json_int_t)d->head_epoch, "tick", (json_int_t)d->tick, "policy_seq",
            (json_int_t)d->policy_seq, "revocations", (json_int_t)d->rev_seq, "roster_seq",
            (json_int_t)d->roster_seq, "asked_at", (json_int_t)d->asked_at, "not_after",
            (json_int_t)d->member->not_after, "needs_person", (int)needs_person(v, d)));
}

static int see(void *ctx, const pqi_control_device *d)
{
    fleet_view *v = ctx;
    size_t f = (size_t)d->fresh;
    v->n.devices++;
    v->n.revoked += d->revoked != 0;
    if (!d->revoked) {
        v->n.fresh[f < PQI_FRESH_COUNT_ ? f : PQI_FRESH_UNKNOWN]++;
        v->n.ending += term_of(v, d) == TERM_SOON;
        v->n.ended += term_of(v, d) == TERM_OVER;
    }
    if (v->list != NULL) {
        return device_json(v, d);
    }
    if (v->all || needs_person(v, d)) {
        print_device(v, d);
    }
    return 0;
}

/* What is wrong with the control plane itself; one line each. */
static unsigned plane_problems(const pqi_control_info *i, uint64_t now_ms, json_t *list)
{
    enum { LOW_TOKENS = 1000 };
    char text[4][96];
    unsigned n = 0;
    if (i->head_epoch == 0) {
        (void)snprintf(text[n++], sizeof text[0], "there is no head yet");
    }
    if (i->leader[0] == '\0' || i->lease_until_ms < now_ms) {
        (void)snprintf(text[n++], sizeof text[0], "no server makes heads now");
    }
    if (i->rev_held != 0) {
        (void)snprintf(text[n++], sizeof text[0],
            "%" PRIu32 " revocations wait for policy keys: pqi revoke --cosign", i->rev_held);
    }
    if (i->tokens_left < LOW_TOKENS) {
        (void)snprintf(text[n++], sizeof text[0],
            "%" PRIu32 " heads are left under this root: rotate it", i->tokens_left);
    }
    for (unsigned k = 0; k < n; k++) {
        if (list != NULL) {
            (void)json_array_append_new(list, json_string(text[k]));
        } else {
            printf("control plane: %s\n", text[k]);
        }
    }
    return n;
}

static uint64_t wrong(const fleet_count *n)
{
    return n->fresh[PQI_FRESH_STALE] + n->fresh[PQI_FRESH_EXPIRED] + n->fresh[PQI_FRESH_UNKNOWN] +
           n->ending + n->ended;
}

static pqi_cli_exit finish_json(fleet_view *v, const pqi_control_info *info, uint64_t now_ms)
{
    const fleet_count *n = &v->n;
    json_t *problems = json_array();
    unsigned bad = plane_problems(info, now_ms, problems);
    pqi_cli_exit rc = pqi_cli_print_json(json_pack(
        "{s:o, s:{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}, s:o}", "devices", v->list, "counts",
        "devices", (json_int_t)n->devices, "fresh", (json_int_t)n->fresh[PQI_FRESH_FRESH], "aged",
        (json_int_t)n->fresh[PQI_FRESH_AGED], "stale", (json_int_t)n->fresh[PQI_FRESH_STALE],
        "expired", (json_int_t)n->fresh[PQI_FRESH_EXPIRED], "unknown",
        (json_int_t)n->fresh[PQI_FRESH_UNKNOWN], "revoked", (json_int_t)n->revoked, "ending",
        (json_int_t)n->ending, "ended", (json_int_t)n->ended, "problems", problems));
    return rc == PQI_CLI_OK && wrong(n) + bad != 0 ? PQI_CLI_FAILED : rc;
}

static pqi_cli_exit finish_text(const fleet_view *v, const pqi_control_info *info, uint64_t now_ms)
{
    const fleet_count *n = &v->n;
    unsigned bad = plane_problems(info, now_ms, NULL);
    printf("%" PRIu64 " devices: %" PRIu64 " fresh, %" PRIu64 " aged, %" PRIu64 " stale, %" PRIu64
           " expired, %" PRIu64 " unknown, %" PRIu64 " revoked\n",
        n->devices, n->fresh[PQI_FRESH_FRESH], n->fresh[PQI_FRESH_AGED], n->fresh[PQI_FRESH_STALE],
        n->fresh[PQI_FRESH_EXPIRED], n->fresh[PQI_FRESH_UNKNOWN], n->revoked);
    printf("certificates: %" PRIu64 " end soon, %" PRIu64 " have ended\n", n->ending, n->ended);
    return wrong(n) + bad != 0 ? PQI_CLI_FAILED : PQI_CLI_OK;
}

static pqi_cli_exit status(pqi_host_control *c, fleet_view *v)
{
    pqi_control_info info;
    const uint64_t now_ms = v->now * 1000u;
    pqi_status st = pqi_host_control_get_info(c, &info);
    if (st == PQI_OK && info.root_version == 0) {
        return pqi_cli_fail(
            PQI_CLI_FAILED, "pqi control init puts one", "the store has no root manifest yet");
    }
    if (v->list == NULL) {
        printf("%-32s %-8s %-20s  %s\n", "ID", "STATE", "LAST ASKED", "CERTIFICATE UNTIL");
    }
    if (st == PQI_OK) {
        st = pqi_host_control_fleet_status(c, see, v);
    }
    if (st != PQI_OK) {
        json_decref(v->list);
        return pqi_cli_control_why(st);
    }
    return v->list != NULL ? finish_json(v, &info, now_ms) : finish_text(v, &info, now_ms);
}

static pqi_cli_exit cmd_status(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    uint64_t days = 30;
    bool json = false, all = false;
    pqi_host_control *c = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_UINT(
            "days", "N", &days, 36500, "certificates that end within so many (default 30)"),
        PQI_CLI_FLAG("all", &all, "list every device, not only those that need somebody"),
        PQI_CLI_FLAG("json", &json, "print one JSON object, with every device"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows which devices are stale, expired or were never heard of, and whose certificates "
        "end\n"
        "soon, as far as the devices' questions tell: a hint, as anybody may ask in their name.\n"
        "Exit code 1: somebody has to look after a device or the control plane.\n\n"
        "Example: pqi fleet status --store control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || store == NULL) {
        return pqi_cli_usage(self, "status takes --store, and no operand");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    fleet_view v;
    memset(&v, 0, sizeof v);
    v.now = (uint64_t)time(NULL);
    v.soon = v.now + days * 86400u;
    v.list = json ? json_array() : NULL;
    v.all = all;
    rc = status(c, &v);
    pqi_host_control_close(c);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_fleet_commands[] = {
    {"status", NULL, cmd_status, "--store STORE [--days N] [--all] [--json]",
        "show who is up to date and whose certificate ends", NULL, "pqi fleet status"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
