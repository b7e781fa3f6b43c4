/* SPDX-License-Identifier: Apache-2.0
 * The subcommands. A new one: a file cmd_NAME.c, a prototype here, a row in commands.c, its file in
 * PQI_CLI_SOURCES (cmake/sources.cmake), its name in pqi.bash-completion. A group (`pqi ca init`)
 * is a nested table: a row of commands.c whose `sub` names an array defined in cmd_GROUP.c. */
#ifndef PQI_APPS_COMMANDS_H
#define PQI_APPS_COMMANDS_H

#include "cli.h"

extern const pqi_cli_command pqi_commands[]; /* the table; ends with a NULL name */

extern const pqi_cli_command pqi_ca_commands[];
extern const pqi_cli_command pqi_ca_ak_commands[];
extern const pqi_cli_command pqi_attest_commands[];
extern const pqi_cli_command pqi_policy_commands[];
extern const pqi_cli_command pqi_control_commands[];
extern const pqi_cli_command pqi_head_commands[];
extern const pqi_cli_command pqi_fleet_commands[];
extern const pqi_cli_command pqi_role_commands[];
extern const pqi_cli_command pqi_root_commands[];
extern const pqi_cli_command pqi_device_commands[];
extern const pqi_cli_command pqi_session_commands[];
extern const pqi_cli_command pqi_ticks_commands[];
extern const pqi_cli_command pqi_tpm_commands[];

pqi_cli_exit pqi_cmd_inspect(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_revoke(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_selftest(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_bench(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_vectors(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_listen(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_send(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqi_cmd_version(const pqi_cli_command *self, int argc, char **argv);

#endif
