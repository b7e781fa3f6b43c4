/* SPDX-License-Identifier: Apache-2.0
 * pqi control: log, check, backup, restore, recover. */
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

pqi_cli_exit pqi_control_kek(pqi_control_args *a, const char *dir)
{
    a->dir = dir;
    a->cfg.dir = dir;
    a->kek.what = dir;
    return pqi_cli_kek_read(&a->kek, false, &a->cfg.kek);
}

/* ---- log, check --------------------------------------------------------------------------------- */

static int log_line(void *ctx, const pqi_control_audit *a)
{
    char date[PQI_CLI_DATE_LEN];
    json_t *list = ctx;
    if (list != NULL) {
        return json_array_append_new(
            list, json_pack("{s:I, s:I, s:s, s:s, s:s}", "seq", (json_int_t)a->seq, "at",
                      (json_int_t)a->at, "who", a->who, "op", a->op, "detail", a->detail));
    }
    pqi_cli_date(date, a->at);
    printf("%6" PRIu64 "  %s  %s  %s  %s\n", a->seq, date, a->who, a->op, a->detail);
    return 0;
}

pqi_cli_exit pqi_cmd_control_log(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_host_control *c = NULL;
    uint64_t from = 0;
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_STORE(&store),
        PQI_CLI_UINT("from", "N", &from, UINT64_MAX, "from this entry on"),
        PQI_CLI_FLAG("json", &json, "print one JSON array"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows what was put, made and taken, by whom and when. The log only grows.\n\n"
        "Example: pqi control log --store control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || store == NULL) {
        return pqi_cli_usage(self, "log takes --store, and no operand");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    json_t *all = json ? json_array() : NULL;
    pqi_status st = pqi_host_control_each_audit(c, from, log_line, all);
    pqi_host_control_close(c);
    if (st != PQI_OK) {
        json_decref(all);
        return pqi_cli_control_why(st);
    }
    return json ? pqi_cli_print_json(all) : PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_control_check(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_host_control *c = NULL;
    const pqi_cli_option options[] = {PQI_CLI_STORE(&store), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Checks the file, the chain of heads, the hashes of the log and every signature.\n\n"
        "Example: pqi control check --store control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 0 || store == NULL) {
        return pqi_cli_usage(self, "check takes --store, and no operand");
    }
    rc = pqi_cli_require_selftest();
    if (rc == PQI_CLI_OK) {
        rc = pqi_cli_control_open(store, &c); /* opening checks all of it */
    }
    pqi_host_control_close(c);
    if (rc == PQI_CLI_OK) {
        printf("%s: whole\n", pqi_cli_store_name(store));
    }
    return rc;
}

/* ---- backup, restore, recover ------------------------------------------------------------------- */

pqi_cli_exit pqi_cmd_control_backup(const pqi_cli_command *self, int argc, char **argv)
{
    const char *store = NULL;
    pqi_host_control *c = NULL;
    const pqi_cli_option options[] = {PQI_CLI_STORE(&store), PQI_CLI_END};
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Copies the store, of either kind, to one new file while it is in use. Keys are not in "
        "it:\n"
        "copy DIR/keys as well. A restored copy skips epochs, so that none is made twice.\n\n"
        "Example: pqi control backup --store control /backup/control-$(date +%F)",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1 || store == NULL) {
        return pqi_cli_usage(self, "backup takes one operand, the new file, and --store");
    }
    rc = pqi_cli_control_open(store, &c);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_backup(c, argv[0]);
    pqi_host_control_close(c);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    printf("backup in %s\n", argv[0]);
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_control_restore(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_control_args a;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CONTROL_KEY_OPTIONS(a),
        PQI_CLI_FLAG("yes", &a.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Fills an empty store from a backup. Its next head skips epochs that the lost store may\n"
        "have used. DIR holds the head key.\n\n"
        "Example: pqi control restore --yes control /backup/control-2026-11-26",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 2) {
        return pqi_cli_usage(self, "restore takes two operands: the directory and the file");
    }
    if (!pqi_cli_sure(a.yes, "this fills the store from a copy and skips epochs")) {
        return PQI_CLI_USAGE;
    }
    rc = pqi_control_kek(&a, argv[0]);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_restore(&a.cfg, argv[1]);
    pqi_cli_kek_wipe(&a.cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    printf("restored from %s\n", argv[1]);
    return PQI_CLI_OK;
}

pqi_cli_exit pqi_cmd_control_recover(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_control_args a;
    uint32_t epoch = 0;
    memset(&a, 0, sizeof a);
    const pqi_cli_option options[] = {
        PQI_CONTROL_KEY_OPTIONS(a),
        PQI_CLI_FLAG("yes", &a.yes, "do not ask"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a store usable that is older than its keys remember: skips the epochs that the "
        "lost\n"
        "one may have used. Put the newest objects again first: a broker retains them.\n\n"
        "Example: pqi control recover --yes control",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "recover takes one operand: the directory");
    }
    if (!pqi_cli_sure(a.yes, "this gives up what the lost store held and skips epochs")) {
        return PQI_CLI_USAGE;
    }
    rc = pqi_control_kek(&a, argv[0]);
    if (rc != PQI_CLI_OK) {
        return rc;
    }
    pqi_status st = pqi_host_control_recover(&a.cfg, &epoch);
    pqi_cli_kek_wipe(&a.cfg.kek);
    if (st != PQI_OK) {
        return pqi_cli_control_why(st);
    }
    printf("recovered: the next head has epoch %" PRIu32 "\n", epoch);
    return PQI_CLI_OK;
}
