/* SPDX-License-Identifier: Apache-2.0
 * Connections of a client to its key agent: a few, each with one request on its way at a time. */
#ifndef PQI_PORT_LINUX_AGENT_CONN_H
#define PQI_PORT_LINUX_AGENT_CONN_H

#include "port/linux/agent_wire.h"

#include <pthread.h>
#include <stdbool.h>
#include <sys/types.h>

#define PQI_AGENT_POOL       4u
#define PQI_AGENT_PATH_MAX   107u /* unix(7): 108 bytes with the NUL */
#define PQI_AGENT_TIMEOUT_MS 30000u

typedef struct pqi_agent_slot {
    int fd; /* -1: none */
    bool busy;
} pqi_agent_slot;

typedef struct pqi_agent_pool {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    pqi_agent_slot slot[PQI_AGENT_POOL];
    char path[PQI_AGENT_PATH_MAX + 1];
    char store[PQI_AGENT_NAME_MAX + 1];
    uint32_t timeout_ms;
    uint32_t next_id;
    bool known; /* caps and name are those of the first connection */
    bool dead;  /* no connection is made any more */
    uint32_t caps;
    char name[PQI_AGENT_NAME_MAX + 1];
} pqi_agent_pool;

/* An answer with the memory it points into; may hold secrets. */
typedef struct pqi_agent_reply {
    pqi_agent_resp resp;
    uint8_t *mem;
    size_t len;
    bool retried; /* an earlier try was lost: nobody knows whether the agent had done it */
} pqi_agent_reply;

void pqi_agent_pool_init(pqi_agent_pool *p);
/* No thread may be inside. */
void pqi_agent_pool_close(pqi_agent_pool *p);
/* Closes what is idle now and the rest when it comes back; then every call is PQI_ERR_STATE. */
void pqi_agent_pool_end(pqi_agent_pool *p);

/* Sends a request and waits for its answer; q->id is set here. What breaks off is sent once more over a
 * new connection, unless it took too long.
 * PQI_OK: there is an answer, of whatever status; PQI_ERR_PROVIDER: none (see *err, an errno value);
 * PQI_ERR_LIMIT: longer than a frame can be, or no memory; PQI_ERR_POLICY: not admitted to the store;
 * PQI_ERR_STATE: ended. */
PQI_MUST_CHECK pqi_status pqi_agent_call(
    pqi_agent_pool *p, pqi_agent_req *q, pqi_agent_reply *out, int *err);

/* Wipes and frees. */
void pqi_agent_reply_free(pqi_agent_reply *r);

#endif
