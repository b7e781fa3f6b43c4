/* SPDX-License-Identifier: Apache-2.0
 * The identity record and an attached device directory. */
#ifndef PQI_PORT_LINUX_DEVICE_INT_H
#define PQI_PORT_LINUX_DEVICE_INT_H

#include "port/linux/why.h"

#include <pqi/host_device.h>
#include <pqi/host_store.h>

#define PQI_DEVICE_RECORD_MAX (PQI_CERT_MAX + PQI_MANIFEST_MAX + 1024u)

/* What the identity store holds. Not secret, but sealed: nobody else may write it.
 * Key generations are the device's own count; the handles of generation g are
 * PQI_HANDLE_OP_BASE + 16 * (g % 4096) + n. They are not key epochs: only the CA gives those, and a
 * device learns its epoch when it installs. */
typedef struct pqi_device_record {
    char id[PQI_ID_MAX + 1];
    uint8_t pinned[32];
    uint32_t current, pending, garbage[2]; /* key generations; 0: none */
    uint32_t key_epoch;                    /* of the installed certificate; 0: none */
    uint8_t current_sig, pending_sig;      /* 1: that generation has a signing key */
    uint32_t pending_kem;                  /* what was asked for, */
    int32_t pending_sig_alg;               /* so that a repeated join asks for the same */
    uint32_t pending_suites;
    uint8_t grant_hash[32]; /* of the installed grant */
    uint8_t confirm[PQI_CONFIRM_LEN];
    uint8_t challenge[PQI_CHALLENGE_MAX];
    size_t challenge_len;
    size_t cert_len, manifest_len;
    uint8_t cert[PQI_CERT_MAX], manifest[PQI_MANIFEST_MAX];
} pqi_device_record;

/* PQI_ERR_SPACE; PQI_ERR_ARG: a field out of range. */
PQI_MUST_CHECK pqi_status pqi_device_record_encode(
    const pqi_device_record *r, pqi_span out, size_t *len);
/* PQI_ERR_DECODE: not exactly such a record; *out is zero. */
PQI_MUST_CHECK pqi_status pqi_device_record_decode(pqi_cspan in, pqi_device_record *out);

struct pqi_host_device {
    pqi_host_device_cfg cfg;
    int lock;
    pqi_algs algs;
    pqi_provider *provider;
    pqi_host_nvm nvm;
    pqi_store store;
    pqi_device_record record;
    pqi_span tmp;          /* for every algorithm */
    pqi_span plain, buf;   /* PQI_DEVICE_RECORD_MAX, + PQI_STORE_OVERHEAD */
    pqi_endpoint endpoint; /* of an open device */
    pqi_span scratch, sessions, manifest_mem, policy_mem, head_mem;
    pqi_revoked *revoked;
    pqi_peer *peers;
    size_t n_peers;
};

/* Lock, provider, store, record. create 1: may make the directory and its keys; then a missing
 * record is not an error and record.id is "". */
PQI_MUST_CHECK pqi_status pqi_device_attach(
    pqi_host_device **out, const pqi_host_device_cfg *cfg, int create);
PQI_MUST_CHECK pqi_status pqi_device_save(pqi_host_device *d);

/* Is it the version after the installed root, signed by the thresholds of both? It decodes into *m.
 * PQI_ERR_AUTH, PQI_ERR_DECODE in words. */
PQI_MUST_CHECK pqi_status pqi_device_next_root(pqi_host_device *d, pqi_cspan in, pqi_manifest *m);

/* ---- device_algs.c ---- */

/* What is asked for. */
typedef struct pqi_device_wish {
    uint32_t kem;
    int32_t sig;
    uint32_t suites;
} pqi_device_wish;

/* PQI_ERR_UNSUPPORTED in words. */
PQI_MUST_CHECK pqi_status pqi_device_make_wish(
    const pqi_host_device *d, const pqi_host_join_opts *o, pqi_device_wish *w);
int32_t pqi_device_factory_alg(const pqi_host_device *d);
/* PQI_ASSURE_* that the provider says of itself and these keys; the CA decides what it believes. */
PQI_MUST_CHECK pqi_status pqi_device_assurance(
    pqi_provider *p, const pqi_join_keys *k, uint32_t *out);

/* ---- device_control.c ---- */

PQI_MUST_CHECK pqi_status pqi_device_room(pqi_span *s, size_t len);
/* Room for everything that a control plane may say, up to the caps of its objects; close frees it. */
PQI_MUST_CHECK pqi_status pqi_device_control_memory(pqi_host_device *d, pqi_endpoint_cfg *e);
/* What is stored of the fleet, with the device's own certificate c. */
PQI_MUST_CHECK pqi_status pqi_device_control_status(
    pqi_host_device *d, const pqi_cert *c, pqi_host_control_status *out);

/* Handles of a key generation; sig 0: no signing key. */
pqi_join_keys pqi_device_keys(uint32_t generation, int sig);

#endif
