/* SPDX-License-Identifier: Apache-2.0
 * A pqi-agent of its own for a test: directories, configuration, rules, the process. */
#ifndef PQI_TESTS_AGENT_RIG_H
#define PQI_TESTS_AGENT_RIG_H

#include "pqi_test.h"

#include <pqi/provider.h>

#include <sys/types.h>

#define RIG_ALL                                                                                    \
    "ops=all key=any domains='*' slots=0-63 labels='*'" /* of a rule: everything but zeroize */

typedef struct agent_rig {
    char top[64]; /* store/ store2/ log/ etc/ run/ */
    char sock[96], uri[160], audit[96];
    char extra[512]; /* more lines of the configuration */
    char audit_options[64];
    char provider[200]; /* of the store; "": soft */
    int listen_fd;      /* given as systemd gives it; -1: none */
    pid_t pid;
} agent_rig;

/* Directories and a rule file: "allow uid=UID store=s ..." for this user, or `acl` where it is given. */
void agent_rig_make(agent_rig *r, const char *acl);
void agent_rig_acl(agent_rig *r, const char *acl);
/* The version of Landlock in this kernel; < 1: it has none, and the agent runs with "sandbox weak". */
long agent_rig_landlock(void);
void agent_rig_start(agent_rig *r);
/* Starts an agent that must not come up; its exit code. */
int agent_rig_start_fails(agent_rig *r);
void agent_rig_kill(agent_rig *r, int sig);
pqi_provider *agent_rig_open(const agent_rig *r, const char *store);
void agent_rig_close(pqi_provider *p);
/* A raw connection. */
int agent_rig_connect(const agent_rig *r);
/* Lines of the audit log that hold `what`; NULL: all. */
unsigned agent_rig_lines(const agent_rig *r, const char *what);
void agent_rig_end(agent_rig *r);

#endif
