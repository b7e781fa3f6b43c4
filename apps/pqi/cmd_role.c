/* SPDX-License-Identifier: Apache-2.0
 * pqi role: signing keys of a root manifest, each in a directory of its own. */
#include "cli_profile.h"
#include "cli_role.h"
#include "commands.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pqi_cli_exit print_record(const pqi_role_record *r, bool json)
{
    char kid[2 * PQI_KID_LEN + 1], sum[PQI_CHECKSUM_TEXT], alg[PQI_CLI_ALG_LEN];
    pqi_cli_hex_encode(kid, r->kid, sizeof r->kid);
    pqi_checksum_text(r->checksum, sum);
    pqi_cli_sig_name(alg, r->alg);
    if (json) {
        return pqi_cli_print_json(json_pack("{s:s, s:s, s:s, s:s}", "role", pqi_role_name(r->role),
            "algorithm", alg, "kid", kid, "checksum", sum));
    }
    printf("role:      %s\nalgorithm: %s\nkid:       %s\nchecksum:  %s\n", pqi_role_name(r->role),
        alg, kid, sum);
    return PQI_CLI_OK;
}

static pqi_cli_exit new_open(const pqi_host_role_cfg *cfg, pqi_role role, int32_t alg)
{
    pqi_host_role *r = NULL;
    pqi_status st = pqi_host_role_new(cfg, role, alg);
    if (st == PQI_OK) {
        st = pqi_host_role_open(&r, cfg);
    }
    if (st != PQI_OK) {
        return pqi_cli_why(st, pqi_host_role_why());
    }
    pqi_cli_exit rc = print_record(pqi_host_role_info(r), false);
    pqi_host_role_close(r);
    return rc;
}

static pqi_cli_exit cmd_new(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_role_cfg cfg = {NULL, {NULL, NULL, NULL, {NULL, 0}, NULL}};
    const char *role_name = NULL, *alg_name = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_STRING("role", "ROLE", &role_name, "root, issuer, policy, revoker or head"),
        PQI_CLI_STRING("alg", "NAME", &alg_name,
            "its algorithm (default: ml-dsa-87 for root and policy, else ml-dsa-65)"),
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Makes a directory with one signing key, encrypted with a passphrase or key file of its\n"
        "own. The key never leaves it. Prints the checksum to read aloud at the root ceremony.\n\n"
        "Example: pqi role new --role root /mnt/usb/root-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    pqi_role role = pqi_role_parse(role_name);
    if (argc != 1) {
        return pqi_cli_usage(self, "new takes one operand: the directory");
    }
    if (role == 0) {
        return pqi_cli_usage(self, "--role is root, issuer, policy, revoker or head");
    }
    int32_t alg = alg_name != NULL ? pqi_sig_parse(pqi_cli_span(alg_name)) : 0;
    if (alg_name != NULL && alg == 0) {
        return pqi_cli_usage(self, "--alg does not know \"%.40s\"; pqi version lists", alg_name);
    }
    cfg.dir = argv[0];
    kek.what = argv[0];
    rc = pqi_cli_kek_read(&kek, true, &cfg.kek);
    if (rc == PQI_CLI_OK) {
        rc = new_open(&cfg, role, alg);
    }
    pqi_cli_kek_wipe(&cfg.kek);
    return rc;
}

static pqi_cli_exit cmd_show(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_role *r = NULL;
    bool json = false;
    const pqi_cli_option options[] = {
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_FLAG("json", &json, "print one JSON object"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Shows role, algorithm, kid and checksum of a role directory's key. It is opened for "
        "that,\n"
        "so that what is shown is the key itself and no note beside it.\n\n"
        "Example: pqi role show /mnt/usb/root-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "show takes one operand: the directory");
    }
    rc = pqi_cli_role_open(argv[0], &kek, &r);
    if (rc == PQI_CLI_OK) {
        rc = print_record(pqi_host_role_info(r), json);
    }
    pqi_host_role_close(r);
    return rc;
}

static pqi_cli_exit export_open(const pqi_host_role *r, const char *out)
{
    uint8_t *mem = pqi_cli_alloc(PQI_ROLE_RECORD_MAX);
    pqi_span room = {mem, PQI_ROLE_RECORD_MAX};
    size_t len = 0;
    pqi_status st = pqi_host_role_export(r, room, &len);
    pqi_cli_exit rc = st == PQI_OK ? pqi_cli_write_file(out, (pqi_cspan){mem, len})
                                   : pqi_cli_why(st, pqi_host_role_why());
    free(mem);
    if (rc == PQI_CLI_OK && out != NULL && strcmp(out, "-") != 0) {
        char sum[PQI_CHECKSUM_TEXT];
        pqi_checksum_text(pqi_host_role_info(r)->checksum, sum);
        printf(
            "%s key, checksum %s, in %s\n", pqi_role_name(pqi_host_role_info(r)->role), sum, out);
    }
    return rc;
}

static pqi_cli_exit cmd_export(const pqi_cli_command *self, int argc, char **argv)
{
    pqi_cli_kek_args kek = {0};
    pqi_host_role *r = NULL;
    const char *out = NULL;
    const pqi_cli_option options[] = {
        PQI_CLI_KEK_OPTIONS(kek),
        PQI_CLI_STRING("out", "FILE", &out, "the record (default: standard output)"),
        PQI_CLI_END,
    };
    pqi_cli_exit rc = pqi_cli_parse(self, options,
        "Writes the public record of a role key, signed by the key itself: what pqi root takes.\n"
        "pqi inspect shows it.\n\n"
        "Example: pqi role export -o root-1.pub /mnt/usb/root-1",
        &argc, argv);
    if (rc != PQI_CLI_GO) {
        return rc;
    }
    if (argc != 1) {
        return pqi_cli_usage(self, "export takes one operand: the directory");
    }
    rc = pqi_cli_role_open(argv[0], &kek, &r);
    if (rc == PQI_CLI_OK) {
        rc = export_open(r, out);
    }
    pqi_host_role_close(r);
    return rc;
}

/* clang-format off */
const pqi_cli_command pqi_role_commands[] = {
    {"new", NULL, cmd_new, "--role ROLE [--alg NAME] DIR",
        "make a directory with one signing key", NULL, "pqi role new"},
    {"show", NULL, cmd_show, "[--json] DIR",
        "show role, algorithm, kid and checksum", NULL, "pqi role show"},
    {"export", NULL, cmd_export, "[--out FILE] DIR",
        "write the public record", NULL, "pqi role export"},
    {NULL, NULL, NULL, NULL, NULL, NULL, NULL},
};
/* clang-format on */
