/* SPDX-License-Identifier: Apache-2.0
 * Clients and workers of a key agent: one thread does the I/O, the others the operations. A client is
 * touched by the thread that its state names, and its state under the mutex. */
#ifndef PQI_PORT_LINUX_AGENT_LOOP_INT_H
#define PQI_PORT_LINUX_AGENT_LOOP_INT_H

#include "port/linux/agent_server.h"

#include <poll.h>

typedef enum pqi_agent_state {
    PQI_AGENT_FREE = 0,
    PQI_AGENT_READING, /* I/O */
    PQI_AGENT_QUEUED,  /* nobody; waits for a worker */
    PQI_AGENT_RUNNING, /* a worker */
    PQI_AGENT_DONE,    /* I/O: the answer is there */
    PQI_AGENT_WRITING, /* I/O */
    PQI_AGENT_STATE_INT32_ = 2147483647
} pqi_agent_state;

typedef struct pqi_agent_client {
    pqi_agent_state state;
    int fd;
    pqi_agent_session session;
    uint8_t front[PQI_AGENT_LEN];
    size_t front_len;
    uint8_t *in; /* a frame without its length */
    size_t in_need, in_cap, in_len;
    pqi_agent_req req; /* points into `in` */
    uint8_t *out;
    size_t out_cap, out_len, out_sent;
    uint64_t until; /* ms; 0: no deadline */
    uint64_t since; /* order of arrival, of requests and of idle clients */
} pqi_agent_client;

struct pqi_agent_loop {
    pqi_agent_core *core;
    int listen_fd, wake_fd;
    unsigned n_workers, n_started;
    pthread_t worker[PQI_AGENT_WORKERS_MAX];
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    bool quit;
    uint64_t order;
    size_t n; /* clients */
    pqi_agent_client client[PQI_AGENT_CLIENTS_MAX];
    struct pollfd poll[PQI_AGENT_CLIENTS_MAX + 2];
};

/* agent_clients.c: all on the I/O thread. */
void pqi_agent_client_accept(pqi_agent_loop *l, uint64_t now_ms);
void pqi_agent_client_close(pqi_agent_client *c);
/* Reads what is there. A whole request: the client is QUEUED and true is returned. */
bool pqi_agent_client_read(pqi_agent_loop *l, pqi_agent_client *c, uint64_t now_ms);
void pqi_agent_client_write(pqi_agent_loop *l, pqi_agent_client *c, uint64_t now_ms);

#endif
