/* SPDX-License-Identifier: Apache-2.0
 * pqi ticks: the tick box of a site: new, renew, show, export. pqid ticks gives from it. */
#include "cli_kek.h"
#include "cmd_util.h"
#include "commands.h"

#include <pqi/host_ticks.h>
#include <pqi/role.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static pqi_cli_exit why(pqi_status st)
{
    return pqi_cli_why(st, pqi_host_ticks_why());
}

static pqi_cli_exit open_box(
    const char *dir, pqi_cli_kek_args *kek, bool confirm, pqi_host_ticks_cfg *cfg)
{
    cfg->dir = dir;
    kek->what = dir;
    return pqi_cli_kek_read(kek, confirm, &cfg->kek);
}

static void print_chain(const char *what, const pqi_ticks_chain *c)
{
    char sum[PQI_CHECKSUM_TEXT];
    pqi_checksum_text(c->anchor, sum);
    printf("%s %" PRIu32 " ticks, checksum %s", what, c->count, sum);
    if (c->head_epoch != 0) {
        printf(", %" PRIu32 " given under head %" PRIu32, c->given, c->head_epoch);
    }
    printf("\n");
}

static pqi_cli_exit print_newest(pqi_host_ticks *t)
{
    pqi_ticks_info i;
    pqi_status st = pqi_host_ticks_get_info(t, &i);
    if (st != PQI_OK) {
        return why(st);
    }
    print_chain("chain:", i.next.count != 0 ? &i.next : &i.chain);
    return PQI_CLI_OK;
}

/* ---- new, renew --------------------------------------------------------------------------------- */

typedef pqi_status (*make_fn)(const pqi_host_ticks_cfg *cfg, uint32_t count, pqi_host_ticks **out);

static pqi_status make_new(const pqi_host_ticks_cfg *cfg, uint32_t count, pqi_host_ticks **out)
{
    pqi_status st = pqi_host_ticks_new(cfg, count);
    return st == PQI_OK ? pqi_host_ticks_open(out, cfg) : st;
}

static pqi_status make_next(const pqi_host_ticks_cfg *cfg, uint32_t count, pqi_host_ticks **out)
{
    pqi_status st = pqi_host_ticks_open(out, cfg);
    return st == PQI_OK ? pqi_host_ticks_renew(*out, count) : st;
}

static pqi_cli_exit make(
    const pqi_cli_command *self, int argc, char **argv, make_fn fn, const char *about)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_ticks_cfg cfg;
    pqi_host_ticks *t = NULL;
    uint64_t count = 72;
    memset(&cfg, 0, sizeof cfg);
    const pqi_cli_option options[] = {
        PQI_CLI_UINT("count", "N", &count, PQI_TICKS_MAX, "ticks of the chain (default: 72)"),
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options, about, &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "it takes one operand: the directory");
    }
    if (count == 0) {
        return pqi_cli_usage(self, "--count is 1 to %u", PQI_TICKS_MAX);
    }
    rc = open_box(argv[0], &kek, fn == make_new, &cfg);
    if (rc == PQI_CLI_OK) {
        pqi_status st = fn(&cfg, (uint32_t)count, &t);
        rc = st == PQI_OK ? print_newest(t) : why(st);
    }
    pqi_host_ticks_close(t);
    pqi_cli_kek_wipe(&cfg.kek);
    return rc;
}

static pqi_cli_exit cmd_new(const pqi_cli_command *self, int argc, char **argv)
{
    return make(self, argc, argv, make_new,
        "Makes the tick box of a site gateway, with its first chain, encrypted with a passphrase "
        "or\n"
        "key file of its own. The seed never leaves it.\n\n"
        "Example: pqi ticks new --key-file gw.key --count 72 /var/lib/pqid/ticks");
}

static pqi_cli_exit cmd_renew(const pqi_cli_command *self, int argc, char **argv)
{
    return make(self, argc, argv, make_next,
        "Makes the next chain, for after a site was cut off. The one before goes on until a head "
        "names\n"
        "the new one. The daemon must not run meanwhile; it loses no time by that.\n\n"
        "Example: pqi ticks renew --key-file gw.key /var/lib/pqid/ticks");
}

/* ---- show, export ------------------------------------------------------------------------------- */

static json_t *chain_json(const pqi_ticks_chain *c)
{
    if (c->count == 0) {
        return json_null();
    }
    return json_pack("{s:I, s:o, s:I, s:I, s:I}", "ticks", (json_int_t)c->count, "anchor",
        pqi_cli_json_hex(c->anchor, PQI_HASH_LEN), "given", (json_int_t)c->given, "root_version",
        (json_int_t)c->root_version, "head_epoch", (json_int_t)c->head_epoch);
}

static pqi_cli_exit show(pqi_host_ticks *t, bool json)
{
    pqi_ticks_info i;
    pqi_status st = pqi_host_ticks_get_info(t, &i);
    if (st != PQI_OK) {
        return why(st);
    }
    if (json) {
        return pqi_cli_print_json(json_pack("{s:o, s:o, s:I, s:I, s:I, s:b}", "chain",
            chain_json(&i.chain), "next", chain_json(&i.next), "root_version",
            (json_int_t)i.root_version, "head_epoch", (json_int_t)i.head_epoch, "fleet_tick",
            (json_int_t)i.fleet_tick, "giving", i.giving));
    }
    print_chain("chain:", &i.chain);
    if (i.next.count != 0) {
        print_chain("next: ", &i.next);
    }
    printf("head:  epoch %" PRIu32 " of root version %" PRIu32 ", tick %" PRIu32
           " of the fleet\ngives: %s\n",
        i.head_epoch, i.root_version, i.fleet_tick, i.giving ? "yes" : "no");
    return PQI_CLI_OK;
}

static pqi_cli_exit export_to(pqi_host_ticks *t, const char *out)
{
    uint8_t mem[PQI_TICKS_RECORD_MAX];
    size_t len = 0;
    pqi_status st = pqi_host_ticks_export(t, (pqi_span){mem, sizeof mem}, &len);
    pqi_cli_exit rc = st == PQI_OK ? pqi_cli_write_file(out, (pqi_cspan){mem, len}) : why(st);
    return rc == PQI_CLI_OK && out != NULL && strcmp(out, "-") != 0 ? print_newest(t) : rc;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_ticks_cfg cfg;
    pqi_host_ticks *t = NULL;
    bool json = false;
    memset(&cfg, 0, sizeof cfg);
    const pqi_cli_option options[] = {
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows the chains of a tick box, what was given of them, and the head it saw.\n\n"
        "Example: pqi ticks show --key-file gw.key /var/lib/pqid/ticks",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: the directory");
    }
    rc = open_box(argv[0], &kek, false, &cfg);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_ticks_open(&t, &cfg);
        rc = st == PQI_OK ? show(t, json) : why(st);
    }
    pqi_host_ticks_close(t);
    pqi_cli_kek_wipe(&cfg.kek);
    return rc;
}

static pqi_cli_exit cmd_export(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_ticks_cfg cfg;
    pqi_host_ticks *t = NULL;
    const char *out = NULL;
    memset(&cfg, 0, sizeof cfg);
    const pqi_cli_option options[] = {
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_STRING("out", "FILE", &out, "the record (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Writes the anchor and length of the newest chain: what pqi control delegate takes. "
        "Nobody\n"
        "signs it, so compare the checksum with the one that pqi control delegate shows.\n\n"
        "Example: pqi ticks export --key-file gw.key -o gw-7.ticks /var/lib/pqid/ticks",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "export takes one operand: the directory");
    }
    rc = open_box(argv[0], &kek, false, &cfg);
    if (rc == PQI_CLI_OK) {
        pqi_status st = pqi_host_ticks_open(&t, &cfg);
        rc = st == PQI_OK ? export_to(t, out) : why(st);
    }
    pqi_host_ticks_close(t);
    pqi_cli_kek_wipe(&cfg.kek);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_ticks_commands[] = {
    {"new", NULL, cmd_new, "[--count N] DIR",
        "make a tick box with its first chain", NULL, "pqi ticks new"},
    {"renew", NULL, cmd_renew, "[--count N] DIR",
        "make the next chain", NULL, "pqi ticks renew"},
    {"show", NULL, cmd_show, "[--json] DIR",
        "show its chains and what was given", NULL, "pqi ticks show"},
    {"export", NULL, cmd_export, "[--out FILE] DIR",
        "write the record that operators set", NULL, "pqi ticks export"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
