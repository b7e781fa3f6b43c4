/* SPDX-License-Identifier: Apache-2.0
 * Parts of the program pqi-agent. */
#ifndef PQI_APPS_AGENT_AGENT_H
#define PQI_APPS_AGENT_AGENT_H

#include "port/linux/agent_server.h"

/* Exit codes of pqi(1). */
enum { AGENT_OK = 0, AGENT_FAILED = 1, AGENT_USAGE = 2, AGENT_ENV = 3 };

/* Prints "pqi-agent: ..." and, where there is advice, "  try: ..." and returns code. */
int agent_fail(int code, const char *advice, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* Configuration and access rules, files that nobody but root and this user can write. 0, or an exit code after
 * printing. */
int agent_load(pqi_agent_core *core, const char *path);
/* Takes new rules, or keeps the old ones when they are wrong. */
void agent_reload(pqi_agent_core *core);

/* The listening socket: the one of systemd, or a new one, bound but not yet listening. */
int agent_socket(const pqi_agent_config *c, int *fd);
/* To the configured user. */
int agent_become(const pqi_agent_config *c);
int agent_open_stores(pqi_agent_core *core);
void agent_close_stores(pqi_agent_core *core);
/* Serves until a signal ends it. */
int agent_serve(pqi_agent_core *core, int fd);

#endif
