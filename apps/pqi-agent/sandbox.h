/* SPDX-License-Identifier: Apache-2.0
 * What a process may still do once it has opened all it needs: docs/spec/agent.md section 6. */
#ifndef PQI_APPS_AGENT_SANDBOX_H
#define PQI_APPS_AGENT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>

#define SANDBOX_PATHS 64u

typedef struct sandbox_cfg {
    const char *write[SANDBOX_PATHS]; /* files and directories that are read and written */
    size_t n_write;
    const char *read[SANDBOX_PATHS];
    size_t n_read;
    bool connects; /* a driver may open unix sockets */
    bool weak;     /* go on where the kernel lacks Landlock */
} sandbox_cfg;

/* No core dump, no debugger of the same user. */
bool sandbox_hide(void);

/* Before the first thread is started: no new privileges, no capabilities, and no file but those of cfg.
 * NULL: done; else what failed, errno tells why. */
const char *sandbox_files(const sandbox_cfg *cfg);

/* When all threads run: system calls off the list end the process. As above. */
const char *sandbox_calls(const sandbox_cfg *cfg);

#endif
