/* SPDX-License-Identifier: Apache-2.0
 * The parts of the endpoint. Order of work: docs/spec/v1.md; records: docs/spec/state.md.
 *
 * Scratch, from its start: index by kid, index by id (fixed, never wiped while open), one candidate
 * peer, then the work area for verification and for records. */
#ifndef PQI_PROTO_MQTT_ENDPOINT_INT_H
#define PQI_PROTO_MQTT_ENDPOINT_INT_H

#include "session/pk.h"

#include <pqi/endpoint.h>
#include <stdbool.h>

#define PQI_EP_NO_PEER SIZE_MAX

/* ---- endpoint_peers.c -------------------------------------------------------------------------- */

/* Bytes of both indexes for n peers; a multiple of 8. */
size_t pqi_ep_index_len(size_t n_peers);
/* Builds both indexes anew from the table. */
void pqi_ep_index(pqi_endpoint *e);
size_t pqi_ep_by_kid(const pqi_endpoint *e, const uint8_t kid[PQI_KID_LEN]);
size_t pqi_ep_by_id(const pqi_endpoint *e, pqi_cspan id);
size_t pqi_ep_free_slot(const pqi_endpoint *e);

/* Fills everything that comes from the certificate, which points into the caller's bytes.
 * PQI_ERR_UNSUPPORTED: algorithms this endpoint cannot use. */
PQI_MUST_CHECK pqi_status pqi_ep_from_cert(
    const pqi_endpoint *e, const pqi_cert *c, const uint8_t cert_hash[32], pqi_peer *out);
/* Both gate keys. */
PQI_MUST_CHECK pqi_status pqi_ep_gate_keys(pqi_endpoint *e, pqi_peer *p);
/* Marks peers after the table of revocations changed; ends what those on it have, and erases their gate
 * keys (INV-42, INV-58). */
void pqi_ep_apply_revocations(pqi_endpoint *e);
/* Are we on it ourselves? Then nothing is done any more. */
bool pqi_ep_self_revoked(const pqi_endpoint *e);
/* The peer has to show its certificate again; epochs and numbers stay. */
void pqi_ep_forget_cert(pqi_peer *p);
/* A peer that was learned under a weaker policy does not pass a stronger one. */
bool pqi_ep_policy_ok(const pqi_endpoint *e, const pqi_peer *p);
PQI_MUST_CHECK pqi_status pqi_ep_window_ok(const pqi_peer *p, const pqi_now *now);
/* *classes: bit 1 << class for each class the peer may publish there; on its topic of attestation to `own` it is
 * class L, whatever its scopes are. PQI_OK; PQI_ERR_POLICY: none; PQI_ERR_ARG: not a topic name. */
PQI_MUST_CHECK pqi_status pqi_ep_may_publish(
    const pqi_peer *p, pqi_cspan own, pqi_cspan topic, uint8_t *classes);
bool pqi_ep_has_prefix(pqi_cspan topic, pqi_cspan prefix);

/* ---- endpoint_persist.c ------------------------------------------------------------------------ */

/* What is to be stored instead of what is in memory: nothing takes effect before it is on disk. */
typedef struct pqi_ep_change {
    const pqi_peer *peer; /* new content of slot `at`, or NULL */
    size_t at;
} pqi_ep_change;

/* The work area as two halves: the record, and the store's buffer around it. */
void pqi_ep_halves(const pqi_endpoint *e, pqi_span *plain, pqi_span *buf);
PQI_MUST_CHECK pqi_status pqi_ep_open_store(
    pqi_endpoint *e, pqi_store *s, const char *name, uint32_t slot, size_t *len);
/* Before a save: heals a store that closed itself. */
PQI_MUST_CHECK pqi_status pqi_ep_reopen(
    pqi_endpoint *e, pqi_store *s, const char *name, uint32_t slot);
size_t pqi_ep_peers_record_max(const pqi_algs *a, size_t n_peers);
size_t pqi_ep_seq_record_max(size_t n_peers);
/* Loads both records into *e. *own_changed: the certificate is not the one announced last. */
PQI_MUST_CHECK pqi_status pqi_ep_load(pqi_endpoint *e, bool *own_changed);
PQI_MUST_CHECK pqi_status pqi_ep_save_peers(pqi_endpoint *e, const pqi_ep_change *c);
/* Stores the marks of all peers with those of slot `at` replaced (PQI_EP_NO_PEER: of none). */
PQI_MUST_CHECK pqi_status pqi_ep_save_seq(
    pqi_endpoint *e, size_t at, uint64_t send_ceiling, uint64_t recv_stored);

/* ---- endpoint_prekey.c ------------------------------------------------------------------------- */

PQI_MUST_CHECK pqi_status pqi_ep_prekeys_load(pqi_endpoint *e, const pqi_now *now);
/* Stores the exact ages. */
void pqi_ep_prekeys_close(pqi_endpoint *e);
/* The live prekey of that id, or NULL. No cryptography. */
const pqi_own_prekey *pqi_ep_prekey_find(
    const pqi_endpoint *e, const pqi_now *now, const uint8_t id[PQI_KID_LEN]);
/* Its handles, and its public keys in the candidate's room. */
typedef struct pqi_ep_pair {
    pqi_key kem, x25519;
    pqi_box_peer to;
} pqi_ep_pair;
PQI_MUST_CHECK pqi_status pqi_ep_prekey_pair(
    pqi_endpoint *e, const pqi_own_prekey *k, pqi_ep_pair *out);
/* The block to announce, in the work area; empty: none. */
PQI_MUST_CHECK pqi_status pqi_ep_prekey_block(pqi_endpoint *e, pqi_cspan *out);
/* Takes a peer's block, which was read, into p. */
PQI_MUST_CHECK pqi_status pqi_ep_prekey_learn(
    const pqi_endpoint *e, const pqi_cert *c, pqi_cspan block, pqi_peer *p);

/* Is the topic PQI_TOPIC_MAILBOX, that id, / and a slot name? */
bool pqi_ep_is_mailbox(pqi_cspan topic, pqi_cspan id);
/* Below PQI_TOPIC_ATTEST? */
bool pqi_ep_attest_topic(pqi_cspan topic);
/* Is it PQI_TOPIC_ATTEST<to>/<from>? */
bool pqi_ep_is_attest(pqi_cspan topic, pqi_cspan to, pqi_cspan from);

/* ---- scratch ----------------------------------------------------------------------------------- */

pqi_peer *pqi_ep_candidate(const pqi_endpoint *e);
pqi_span pqi_ep_work(const pqi_endpoint *e);
size_t pqi_ep_verify_tmp(const pqi_algs *a);

/* ---- receivers: each returns the event's kind and, for PQI_EV_DROP, sets ev->drop --------------- */

void pqi_ep_drop(pqi_event *ev, pqi_drop why);
void pqi_ep_name(pqi_event *ev, const pqi_peer *p);
void pqi_ep_on_packet(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);
void pqi_ep_on_announce(pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_event *ev);

#endif
