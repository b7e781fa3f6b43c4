/* SPDX-License-Identifier: Apache-2.0
 * What the pqi ca commands share. */
#ifndef PQI_APPS_CMD_CA_H
#define PQI_APPS_CMD_CA_H

#include "cli_kek.h"
#include "cli_profile.h"
#include "cli_role.h"
#include "cmd_util.h"
#include "commands.h"

typedef struct ca_common {
    const char *dir, *out, *issuer;
    char *issuer_dir; /* of the above; owned */
    pqi_cli_list sign;
    bool json, yes;
    pqi_cli_kek_args kek;
    pqi_host_ca_cfg cfg;
    pqi_host_ca *ca;
} ca_common;

#define CA_OPTIONS(c)                                                                              \
    PQI_CLI_STRING("dir", "DIR", &(c).dir, "the CA directory"), PQI_CLI_KEK_OPTIONS((c).kek)
/* For commands that sign. */
#define CA_ISSUER(c)                                                                               \
    PQI_CLI_STRING("issuer", "KEYDIR", &(c).issuer,                                                \
        "role directory of the issuer key, where DIR has none (default: the one it knows)")
#define CA_OUT(c, what) PQI_CLI_STRING("out", "FILE", &(c).out, what " (default: standard output)")

/* Checks --dir, reads the KEK and opens the CA. PQI_CLI_OK: close it with ca_done(). */
pqi_cli_exit pqi_ca_ready(ca_common *c, const pqi_cli_command *self);
/* Only checks --dir and reads the KEK. */
pqi_cli_exit pqi_ca_kek(ca_common *c, const pqi_cli_command *self, bool confirm);
void pqi_ca_done(ca_common *c);

/* true: the output goes to a file, so that a line for people may go to standard output. */
bool pqi_ca_to_file(const ca_common *c);

/* Columns of an allow-list. */
#define PQI_CA_CSV_HEADER "id,factory,roles,scopes,gwset,assurance"

/* "no-rollback+hw-rng" and back; nothing for 0. Errors are printed. */
#define PQI_CA_ASSURANCE_LEN 80
void pqi_ca_assurance(char out[PQI_CA_ASSURANCE_LEN], uint32_t bits);
pqi_cli_exit pqi_ca_parse_assurance(const char *text, uint32_t *bits); /* NULL is fine */

/* Columns of a roster's members. */
#define PQI_CLI_LEAVES_HEADER "roster_index,key_epoch,cert_sha256,id,not_after"

/* The roles of pqi ca init --control in DIR/roles, made where they are not there yet, and the manifest that
 * names them; both results are the caller's to free. Errors are printed. */
pqi_cli_exit pqi_ca_control_roles(const ca_common *c, const char *fleet, const pqi_profile *row,
    pqi_span *manifest, char **issuer_dir);

/* Signs the log of revocations behind entry `from` with --sign, or with the issuer without it. */
pqi_cli_exit pqi_ca_sign_log(ca_common *c, uint32_t from, pqi_span room, size_t *len);

pqi_cli_exit pqi_cmd_ca_init(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_root(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_roster(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_renew(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_allow(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_issue(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_list(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_show(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_export(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_backup(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_recover(const pqi_cli_command *self, int argc, char **argv);

#endif
