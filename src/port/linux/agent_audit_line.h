/* SPDX-License-Identifier: Apache-2.0
 * One line of the audit log and its hash; docs/spec/agent.md section 5. */
#ifndef PQI_PORT_LINUX_AGENT_AUDIT_LINE_H
#define PQI_PORT_LINUX_AGENT_AUDIT_LINE_H

#include "port/linux/agent_audit.h"

#define PQI_AGENT_AUDIT_LINE 1024u

/* What a line says beside its event. */
typedef struct pqi_agent_line_more {
    uint64_t refused; /* refusals that it stands for; 0: it is no line of refusals */
    bool folded;      /* of one user, from several connections: no gid and pid */
    uint64_t skipped;
    bool cut;
} pqi_agent_line_more;

/* Writes the line with its hash and line feed and moves `hash` on. Its length; 0: too long. */
size_t pqi_agent_line_make(const pqi_classic *c, const pqi_agent_event *e, uint64_t seq,
    const pqi_agent_line_more *more, uint8_t hash[PQI_AGENT_HASH], char out[PQI_AGENT_AUDIT_LINE]);

/* A line of refusals; the line "stop". Labels cannot look like these: their quotes are escaped. */
bool pqi_agent_line_is_refusal(const char *line, size_t len);
bool pqi_agent_line_is_stop(const char *line, size_t len);

/* A line without its line feed. true: it follows on `hash`, which is moved on. */
bool pqi_agent_line_check(
    const pqi_classic *c, const char *line, size_t len, uint8_t hash[PQI_AGENT_HASH]);

/* The hash and the number that a line carries. false: it is no line. */
bool pqi_agent_line_read(const char *line, size_t len, uint64_t *seq, uint8_t hash[PQI_AGENT_HASH]);

#endif
