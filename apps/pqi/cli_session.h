/* SPDX-License-Identifier: Apache-2.0
 * What a running `pqi listen` or `pqi send` tells about its sessions: a file in the device directory that
 * `pqi session` reads. It holds no secret, and nothing is decided by it. */
#ifndef PQI_APPS_CLI_SESSION_H
#define PQI_APPS_CLI_SESSION_H

#include "cli_node.h"

#define PQI_CLI_SESSIONS_FILE "sessions.json"
#define PQI_CLI_SESSIONS_CAP  (16u * 1024u * 1024u)

/* off, prefer, require; NULL is prefer. false: another word. */
bool pqi_cli_session_use(const char *word, pqi_session_use *out);

/* Writes the file, at most once a second unless `now`; running false: the process is about to end. A
 * failure is not an error of the command: the report is a convenience. */
void pqi_cli_session_report(pqi_cli_node *n, const char *dir, bool running, bool now);

#endif
