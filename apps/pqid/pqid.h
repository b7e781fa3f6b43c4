/* SPDX-License-Identifier: Apache-2.0
 * The commands of pqid. */
#ifndef PQI_APPS_PQID_H
#define PQI_APPS_PQID_H

#include "../pqi/cli.h"

pqi_cli_exit pqid_control(const pqi_cli_command *self, int argc, char **argv);
pqi_cli_exit pqid_ticks(const pqi_cli_command *self, int argc, char **argv);

#endif
