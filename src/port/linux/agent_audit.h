/* SPDX-License-Identifier: Apache-2.0
 * The audit log of a key agent: one JSON line for each use of a key, chained by hashes.
 * docs/spec/agent.md section 5. Thread-safe. */
#ifndef PQI_PORT_LINUX_AGENT_AUDIT_H
#define PQI_PORT_LINUX_AGENT_AUDIT_H

#include "port/linux/agent_acl.h"

#include <pqi/classic.h>

#include <pthread.h>
#include <sys/types.h>

#define PQI_AGENT_HASH 32u
#define PQI_AGENT_KEEP 99u /* old files, at most */

#define PQI_AGENT_FOLDS        32u
#define PQI_AGENT_FOLD_MS      60000u
#define PQI_AGENT_REFUSED_PART 8u /* a file is refusals to one part of these, at most */
#define PQI_AGENT_UNTURNED                                                                         \
    (16u * 1048576u) /* what counts as size of a file that is never turned over */

/* Refusals of one user for one reason, from the first, which has a line, for PQI_AGENT_FOLD_MS. */
typedef struct pqi_agent_fold {
    bool used;
    uid_t uid;
    pqi_status status;
    uint64_t since_ms, more; /* more: after the first */
} pqi_agent_fold;

typedef struct pqi_agent_audit {
    pthread_mutex_t mutex;
    const pqi_classic *classic;
    int dir, fd;
    char name[200]; /* of the file in dir */
    off_t size, max_size;
    off_t reserved;  /* allocated to the file up to here */
    unsigned keep;   /* old files */
    bool sync;       /* every line is durable before its answer goes out */
    bool no_reserve; /* the file system cannot allocate ahead */
    bool failed;     /* the last write failed */
    uint64_t seq;
    uint8_t hash[PQI_AGENT_HASH]; /* of the last line */
    uint64_t skipped;             /* refused calls that no line counts yet */
    off_t refused_bytes;          /* of the file's lines of refusals */
    bool cut;                     /* the run before has no line "stop" */
    pqi_agent_fold fold[PQI_AGENT_FOLDS];
    uint64_t (*now_ms)(void); /* monotonic */
} pqi_agent_audit;

/* What a line tells. Never a message, a key or a result. */
typedef struct pqi_agent_event {
    const char *what;          /* operation, or "start", "stop", "connect", "reload" */
    const pqi_agent_peer *who; /* NULL: the agent itself */
    const char *store;         /* NULL: none */
    const pqi_agent_req *q;    /* NULL: none */
    pqi_status status;
} pqi_agent_event;

/* Opens or makes the file and goes on with its chain. max_size 0: never rotated.
 * PQI_OK; PQI_ERR_STORAGE: not writable, or its last line is damaged; PQI_ERR_ARG. pqi_why() says it. */
PQI_MUST_CHECK pqi_status pqi_agent_audit_open(pqi_agent_audit *a, const pqi_classic *c,
    const char *path, uint64_t max_size, unsigned keep, bool sync);
void pqi_agent_audit_close(pqi_agent_audit *a);

/* Room on the disk for what is about to be done. PQI_ERR_STORAGE: there is none: do not do it. */
PQI_MUST_CHECK pqi_status pqi_agent_audit_ready(pqi_agent_audit *a);

/* PQI_ERR_STORAGE: not written: do not give the result away. */
PQI_MUST_CHECK pqi_status pqi_agent_audit_write(pqi_agent_audit *a, const pqi_agent_event *e);

/* As above for calls that were refused, for which no line has to be: repetitions are counted, and all lines
 * of refusals are a bounded part of each file. docs/spec/agent.md section 5.1. */
void pqi_agent_audit_refused(pqi_agent_audit *a, const pqi_agent_event *e);
/* Writes the counts of windows that have ended; `all`: of all, before the line "stop". Call it every second
 * or so. */
void pqi_agent_audit_settle(pqi_agent_audit *a, bool all);

/* Checks files in their order, oldest first.
 * PQI_OK: *lines, and `hash` of the last line; PQI_ERR_AUTH: *lines were good, the next is not;
 * PQI_ERR_STORAGE: not readable. */
PQI_MUST_CHECK pqi_status pqi_agent_audit_verify(const pqi_classic *c, const char *const *paths,
    size_t n, uint64_t *lines, uint8_t hash[PQI_AGENT_HASH]);

#endif
