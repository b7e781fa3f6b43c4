/* SPDX-License-Identifier: Apache-2.0
 * The key agent: stores, clients, workers. docs/spec/agent.md. */
#ifndef PQI_PORT_LINUX_AGENT_SERVER_H
#define PQI_PORT_LINUX_AGENT_SERVER_H

#include "port/linux/agent_acl.h"
#include "port/linux/agent_audit.h"

#include <pqi/host.h>

#include <pthread.h>
#include <signal.h>

#define PQI_AGENT_STORES      32u
#define PQI_AGENT_CLIENTS_MAX 256u
#define PQI_AGENT_WORKERS_MAX 16u
#define PQI_AGENT_PATH        1024u
#define PQI_AGENT_PATHS       16u

/* A key store: one provider under a name. */
typedef struct pqi_agent_store {
    char name[PQI_AGENT_NAME_MAX + 1];
    char dir[PQI_AGENT_PATH], key_file[PQI_AGENT_PATH], passphrase_file[PQI_AGENT_PATH];
    char credential[PQI_AGENT_NAME_MAX + 1], provider[PQI_AGENT_PATH];
    bool create;
    uint32_t slots;
    pqi_provider *p;
} pqi_agent_store;

typedef struct pqi_agent_config {
    char socket[PQI_AGENT_PATH], acl[PQI_AGENT_PATH], audit[PQI_AGENT_PATH];
    char user[PQI_AGENT_NAME_MAX + 1], group[PQI_AGENT_NAME_MAX + 1]; /* group: of the socket */
    unsigned mode;                                                    /* of the socket */
    uint64_t audit_size;
    unsigned audit_keep;
    bool audit_sync;
    unsigned workers, clients, clients_per_user;
    char allow[PQI_AGENT_PATHS][PQI_AGENT_PATH]; /* paths that a driver needs besides its store */
    size_t n_allow;
    bool weak_sandbox; /* start even where the kernel lacks a part of it */
    pqi_agent_store store[PQI_AGENT_STORES];
    size_t n_stores;
} pqi_agent_config;

/* PQI_OK; PQI_ERR_DECODE: `error` has the line number and what is wrong with it. */
PQI_MUST_CHECK pqi_status pqi_agent_config_parse(
    pqi_agent_config *c, const char *text, size_t len, char error[PQI_AGENT_ERROR]);

/* Its TPM is reached by D-Bus, by its configuration or by its directory. What is wrong with either, the opening
 * of the store tells. */
bool pqi_agent_store_by_bus(const pqi_agent_store *s);

/* What serves requests. Everything a worker touches is here and has a lock of its own. */
typedef struct pqi_agent_core {
    pqi_agent_config *config;
    pqi_algs algs;
    pqi_agent_audit audit;
    pthread_mutex_t acl_mutex;
    pqi_agent_acl acl;
} pqi_agent_core;

/* A client as far as its requests go. */
typedef struct pqi_agent_session {
    pqi_agent_peer who;
    const pqi_agent_store *store; /* NULL before HELLO */
} pqi_agent_session;

/* Room for any answer to q, its length field included. */
size_t pqi_agent_room(const pqi_agent_req *q);

/* Does one request of a session that said HELLO, or HELLO itself, and writes the answer. *len is its
 * length; 0: no answer can be given, the connection ends. out: pqi_agent_room() bytes; may hold secrets. */
void pqi_agent_serve(
    pqi_agent_core *c, pqi_agent_session *s, const pqi_agent_req *q, pqi_span out, size_t *len);

/* The I/O side. */
typedef struct pqi_agent_loop pqi_agent_loop;

/* Starts the workers. listen_fd is the loop's from now on. */
PQI_MUST_CHECK pqi_status pqi_agent_loop_new(
    pqi_agent_loop **out, pqi_agent_core *core, int listen_fd);
/* Serves until *stop; calls reload() when *again was set. */
PQI_MUST_CHECK pqi_status pqi_agent_loop_run(pqi_agent_loop *l, const volatile sig_atomic_t *stop,
    volatile sig_atomic_t *again, void (*reload)(pqi_agent_core *core));
void pqi_agent_loop_free(pqi_agent_loop *l);

#endif
