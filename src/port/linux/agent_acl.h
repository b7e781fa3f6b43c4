/* SPDX-License-Identifier: Apache-2.0
 * Who may do what with a key agent: rules, all else is refused. docs/spec/agent.md section 4. */
#ifndef PQI_PORT_LINUX_AGENT_ACL_H
#define PQI_PORT_LINUX_AGENT_ACL_H

#include "port/linux/agent_text.h"
#include "port/linux/agent_wire.h"

#include <stdbool.h>
#include <sys/types.h>

#define PQI_AGENT_RULES    128u
#define PQI_AGENT_KEYS     8u /* of a rule, as all below */
#define PQI_AGENT_PATTERNS 8u
#define PQI_AGENT_UIDS     16u /* buckets of a rule for any user */
#define PQI_AGENT_GROUPS   32u

/* Who is at the other end of a connection: SO_PEERCRED, SO_PEERGROUPS. */
typedef struct pqi_agent_peer {
    uid_t uid;
    gid_t gid;
    pid_t pid;
    gid_t groups[PQI_AGENT_GROUPS];
    size_t n_groups;
} pqi_agent_peer;

typedef struct pqi_agent_pattern {
    char text[PQI_AGENT_NAME_MAX + 1];
    bool prefix; /* text* */
} pqi_agent_pattern;

typedef struct pqi_agent_bucket {
    uid_t uid;
    bool used;
    uint64_t level; /* tokens times 1000 */
    uint64_t at_ms;
} pqi_agent_bucket;

typedef struct pqi_agent_rule {
    unsigned line;
    bool any_uid, any_gid;
    uid_t uid;
    gid_t gid;
    char store[PQI_AGENT_NAME_MAX + 1];
    uint32_t ops; /* bit n: pqi_agent_op n */
    bool any_key;
    size_t n_keys, n_domains, n_labels;
    struct {
        uint32_t value, mask;
    } key[PQI_AGENT_KEYS];
    pqi_agent_pattern domain[PQI_AGENT_PATTERNS], label[PQI_AGENT_PATTERNS];
    uint64_t slots;       /* bit n: counter slot n */
    uint32_t rate, burst; /* calls in a second; 0: no limit */
    size_t n_buckets;
    pqi_agent_bucket bucket[PQI_AGENT_UIDS];
} pqi_agent_rule;

typedef struct pqi_agent_acl {
    size_t n;
    pqi_agent_rule rule[PQI_AGENT_RULES];
} pqi_agent_acl;

/* Reads rules. PQI_OK; PQI_ERR_DECODE: `error` has the line number and what is wrong with it, acl has
 * no rule. */
PQI_MUST_CHECK pqi_status pqi_agent_acl_parse(
    pqi_agent_acl *acl, const char *text, size_t len, char error[PQI_AGENT_ERROR]);

/* Does one rule at least name this peer and store? */
bool pqi_agent_acl_knows(const pqi_agent_acl *acl, const pqi_agent_peer *who, const char *store);

/* Takes one token of the first rule that allows the request and has one.
 * PQI_OK; PQI_ERR_POLICY: no rule allows it; PQI_ERR_LIMIT: those that do have no token left. *line: of
 * the rule. Not thread-safe. */
PQI_MUST_CHECK pqi_status pqi_agent_acl_check(pqi_agent_acl *acl, const pqi_agent_peer *who,
    const char *store, const pqi_agent_req *q, uint64_t now_ms, unsigned *line);

#endif
