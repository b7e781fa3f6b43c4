/* SPDX-License-Identifier: Apache-2.0
 * One line of the audit log and its hash; docs/spec/agent.md section 5. */
#ifndef PQI_PORT_LINUX_AGENT_AUDIT_LINE_H
#define PQI_PORT_LINUX_AGENT_AUDIT_LINE_H

#include "port/linux/agent_audit.h"

#define PQI_AGENT_AUDIT_LINE 1024u

/* Writes the line with its hash and line feed and moves `hash` on. Its length; 0: too long. */
size_t pqi_agent_line_make(const pqi_classic *c, const pqi_agent_event *e, uint64_t seq,
    uint64_t skipped, uint8_t hash[PQI_AGENT_HASH], char out[PQI_AGENT_AUDIT_LINE]);

/* A line without its line feed. true: it follows on `hash`, which is moved on. */
bool pqi_agent_line_check(
    const pqi_classic *c, const char *line, size_t len, uint8_t hash[PQI_AGENT_HASH]);

/* The hash and the number that a line carries. false: it is no line. */
bool pqi_agent_line_read(const char *line, size_t len, uint64_t *seq, uint8_t hash[PQI_AGENT_HASH]);

#endif
