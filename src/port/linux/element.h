/* SPDX-License-Identifier: Apache-2.0
 * Elements of hosts: what provider_host.c needs beyond pqi_element to keep its files behind hardware. */
#ifndef PQI_PORT_LINUX_ELEMENT_H
#define PQI_PORT_LINUX_ELEMENT_H

#include <pqi/provider_soft.h>

#include <stdbool.h>

#define PQI_ELEMENT_KEK      32u
#define PQI_ELEMENT_BLOB_MAX 4096u

typedef struct pqi_host_element pqi_host_element;
struct pqi_host_element {
    pqi_element element; /* element.arg is the driver's own */
    /* Encrypts a new KEK so that only this hardware (in this state, where it has a policy) gives it
     * back. The blob is not secret. An element that counts names its counter in it: the URI in the
     * directory is not authenticated, and with another counter an old image would pass. */
    pqi_status (*wrap)(
        pqi_host_element *e, const uint8_t kek[PQI_ELEMENT_KEK], pqi_span blob, size_t *len);
    /* PQI_ERR_AUTH: wrong password; PQI_ERR_LOCKED; PQI_ERR_POLICY: the platform's state (PCRs) is
     * not the one it was sealed to; PQI_ERR_MISSING: the object is not in this hardware;
     * PQI_ERR_STORAGE: the blob is damaged. kek is secret and lies in protected memory. */
    pqi_status (*unwrap)(pqi_host_element *e, pqi_cspan blob, uint8_t kek[PQI_ELEMENT_KEK]);
    /* What the hardware says about a P-256 key of the element, over extra: a statement as in pqi/attest.h, at
     * most PQI_HALF_MAX bytes. NULL: it cannot. PQI_ERR_MISSING: it has no such key. */
    pqi_status (*certify)(
        pqi_host_element *e, pqi_key key, const uint8_t extra[32], pqi_span out, size_t *len);
    /* Flushes, logs out, wipes, frees. Persistent objects stay. */
    void (*close)(pqi_host_element *e);
};

/* What an element is opened with. */
typedef struct pqi_element_cfg {
    const char *uri; /* the whole provider URI */
    const char *
        dir; /* absolute, exists, locked: the element may keep files of its own, "tpm.*", "p11.*" */
    pqi_cspan secret; /* authorisation value or PIN; may be empty; secret */
    int create;       /* 1: the provider is being made: make what is missing in the hardware */
} pqi_element_cfg;

/* On error *out is NULL and pqi_why() (why.h) says what was wrong and what to do.
 * PQI_OK; PQI_ERR_ARG: the URI; PQI_ERR_UNSUPPORTED: built without; PQI_ERR_AUTH, PQI_ERR_LOCKED,
 * PQI_ERR_MISSING: nothing was provisioned there (and create is 0); PQI_ERR_PROVIDER: no such device or
 * module, or it failed; PQI_ERR_LIMIT: full. */
PQI_MUST_CHECK pqi_status pqi_tpm_element_open(pqi_host_element **out, const pqi_element_cfg *cfg);
PQI_MUST_CHECK pqi_status pqi_p11_element_open(pqi_host_element **out, const pqi_element_cfg *cfg);

/* A provider whose keys live in a pqi-agent: a whole provider, no element. */
PQI_MUST_CHECK pqi_status pqi_agent_provider_open(
    pqi_provider **out, const char *uri, const pqi_algs *algs);
/* Disconnects and frees; false: p is no agent's. */
bool pqi_agent_provider_close(pqi_provider *p);

#endif
