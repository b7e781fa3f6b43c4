/* SPDX-License-Identifier: Apache-2.0
 * What the pqi control and pqi head commands share. */
#ifndef PQI_APPS_CONTROL_H
#define PQI_APPS_CONTROL_H

#include "cli_kek.h"
#include "cli_store.h"

#include "algs.h"

/* For commands that use the head key. */
typedef struct pqi_control_args {
    const char *dir;
    bool yes;
    pqi_cli_kek_args kek;
    pqi_host_control_cfg cfg;
} pqi_control_args;

#define PQI_CONTROL_KEY_OPTIONS(a)                                                                 \
    PQI_CLI_KEK_OPTIONS((a).kek), PQI_CLI_STRING("store", "URL", &(a).cfg.store,                   \
                                      "a postgresql:// URL, instead of DIR/control.db")

/* Takes the directory and reads the KEK; wipe a->cfg.kek afterwards. Errors are printed. */
pqi_cli_exit pqi_control_kek(pqi_control_args *a, const char *dir);

pqi_cli_exit pqi_cmd_control_log(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_control_check(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_control_backup(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_control_restore(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_control_recover(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_control_delegate(const pqi_cli_command *self, int argc, char **argv);

#endif
