/* SPDX-License-Identifier: Apache-2.0
 * Attestation in a node: whom to ask, what to answer, and what verdicts open at the endpoint. Without sockets:
 * messages go through `say`. docs/spec/attest.md sections 5.1 and 7. */
#ifndef PQI_PORT_LINUX_NODE_ATTEST_H
#define PQI_PORT_LINUX_NODE_ATTEST_H

#include <pqi/host_node.h>

#define PQI_NATTEST_GATHERS 16u     /* peers whose evidence is put together at a time */
#define PQI_NATTEST_LOG_MAX 121042u /* a longer event log is left out of what is sent */

typedef struct pqi_nattest pqi_nattest;

typedef struct pqi_nattest_env {
    pqi_endpoint *endpoint;
    const pqi_algs *algs;
    const pqi_manifest *manifest; /* in force; its content may change */
    /* Sends to a peer. */
    pqi_status (*say)(void *arg, const pqi_now *now, pqi_cspan peer, pqi_cspan payload);
    /* Evidence for a challenge: pqi_host_device_answer(). */
    pqi_status (*answer)(
        void *arg, pqi_cspan challenge, pqi_cspan log, pqi_span out, size_t *out_len);
    void *arg;
} pqi_nattest_env;

/* cfg NULL: answers only. PQI_OK; PQI_ERR_LIMIT: out of memory; statuses of pqi_nattest_policy(). */
PQI_MUST_CHECK pqi_status pqi_nattest_open(pqi_nattest **out, const pqi_nattest_env *env,
    const pqi_node_attest_cfg *cfg, const pqi_now *now);
void pqi_nattest_close(pqi_nattest *a); /* NULL is fine */

/* Statuses of pqi_verifier_policy(); PQI_ERR_LIMIT. */
PQI_MUST_CHECK pqi_status pqi_nattest_policy(pqi_nattest *a, pqi_cspan encoded);
const pqi_verifier *pqi_nattest_verifier(const pqi_nattest *a); /* NULL: it asks nobody */

/* Asks who is to be asked. */
void pqi_nattest_tend(pqi_nattest *a, const pqi_now *now);

typedef struct pqi_nattest_news {
    pqi_drop drop; /* PQI_DROP_NONE: it was taken */
    int told;      /* 1: state and reason are set */
    pqi_attest_state
        state; /* ASKED: we answered the peer's challenge; GOOD, BAD: ours of the peer */
    pqi_attest_reason reason;
} pqi_nattest_news;

/* What came as PQI_EV_ATTEST from a peer. */
void pqi_nattest_take(
    pqi_nattest *a, const pqi_now *now, const char *peer, pqi_cspan plain, pqi_nattest_news *out);

#endif
