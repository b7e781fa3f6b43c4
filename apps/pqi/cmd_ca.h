/* SPDX-License-Identifier: Apache-2.0
 * What the pqi ca commands share. */
#ifndef PQI_APPS_CMD_CA_H
#define PQI_APPS_CMD_CA_H

#include "cli_kek.h"
#include "cli_profile.h"
#include "cmd_util.h"
#include "commands.h"

typedef struct ca_common {
    const char *dir, *out;
    bool json, yes;
    pqi_cli_kek_args kek;
    pqi_host_ca_cfg cfg;
    pqi_host_ca *ca;
} ca_common;

#define CA_OPTIONS(c)                                                                              \
    PQI_CLI_STRING("dir", "DIR", &(c).dir, "the CA directory"), PQI_CLI_KEK_OPTIONS((c).kek)
#define CA_OUT(c, what) PQI_CLI_STRING("out", "FILE", &(c).out, what " (default: standard output)")

/* Checks --dir, reads the KEK and opens the CA. PQI_CLI_OK: close it with ca_done(). */
pqi_cli_exit pqi_ca_ready(ca_common *c, const pqi_cli_command *self);
/* Only checks --dir and reads the KEK. */
pqi_cli_exit pqi_ca_kek(ca_common *c, const pqi_cli_command *self, bool confirm);
void pqi_ca_done(ca_common *c);

/* true: the output goes to a file, so that a line for people may go to standard output. */
bool pqi_ca_to_file(const ca_common *c);

pqi_cli_exit pqi_cmd_ca_allow(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_issue(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_list(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_show(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_export(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_backup(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_ca_recover(const pqi_cli_command *self, int argc, char **argv);

#endif
