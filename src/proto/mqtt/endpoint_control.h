/* SPDX-License-Identifier: Apache-2.0
 * The control plane in the endpoint: what it is asked before something is done, what its objects change, and
 * what is passed on to peers. docs/spec/control.md, docs/spec/gates.md. */
#ifndef PQI_PROTO_MQTT_ENDPOINT_CONTROL_H
#define PQI_PROTO_MQTT_ENDPOINT_CONTROL_H

#include "proto/mqtt/endpoint_session.h"

#include "session/expiry.h"

/* ---- endpoint_gate.c --------------------------------------------------------------------------- */

/* What is to be done, with whom and where. */
typedef struct pqi_ep_deed {
    const pqi_peer *peer; /* NULL: nobody */
    pqi_cspan topic;      /* of a message; empty: none */
    pqi_op op;
    pqi_class cls;   /* of a message */
    uint8_t level;   /* of healing, of the session that it goes through */
    bool newcomer;   /* the peer was not learned before */
    bool no_witness; /* as if the peer was no witness */
} pqi_ep_deed;

/* The topic that the policy's list is asked about: none of attestation, which is everybody's. */
pqi_cspan pqi_ep_acl_topic(pqi_cspan topic);
/* Asks the gate. Counts nothing. */
pqi_reason pqi_ep_gate(const pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d);
/* Asks it for a handshake or a resumption with this peer. *exception: it is allowed only for what class S needs,
 * or because the peer is a witness. */
pqi_reason pqi_ep_gate_session(
    const pqi_endpoint *e, const pqi_now *now, const pqi_peer *p, pqi_op op, bool *exception);
/* Is that a refusal? Then it is counted. */
bool pqi_ep_refused(pqi_endpoint *e, pqi_reason r);
/* A refusal becomes an event. */
void pqi_ep_close_event(pqi_endpoint *e, pqi_reason r, pqi_event *ev);
/* Takes from *classes what the gate refuses, each class by itself. PQI_DROP_NONE; PQI_DROP_CLOSED: none is
 * left, ev->reason says why the first of them went. */
pqi_drop pqi_ep_gate_classes(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_deed *d, uint8_t *classes, pqi_event *ev);

/* ---- endpoint_control.c ------------------------------------------------------------------------ */

size_t pqi_ep_control_tmp(const pqi_endpoint_cfg *cfg);
/* Opens e->ctl; the own certificate was decoded before. Statuses of pqi_ctl_open(). */
PQI_MUST_CHECK pqi_status pqi_ep_control_open(pqi_endpoint *e, const pqi_now *now);
/* The time to judge expiries by, of `now` from pqi_ctl_now(). */
pqi_expiry_clock pqi_ep_clock(const pqi_endpoint *e, const pqi_now *now);

/* Does this topic carry an object of the control plane for us? *kind is PQI_OBJ_NONE for one that must be
 * opened first, and for somebody else's answers. */
bool pqi_ep_control_topic(const pqi_endpoint *e, pqi_cspan topic, pqi_object *kind);
/* Takes it. now: as the caller gave it. */
void pqi_ep_on_control(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_object kind, pqi_event *ev);
/* A path that somebody says is ours: taken if it is, else nothing happens. */
void pqi_ep_own_path(pqi_endpoint *e, const pqi_now *now, pqi_cspan path, pqi_event *ev);
/* What follows from PQI_CTL_*; writes ev->control, ev->announce. */
void pqi_ep_effects(pqi_endpoint *e, const pqi_now *now, unsigned what, pqi_event *ev);
/* Looks at all sessions when the gates stand otherwise than at the last look. */
void pqi_ep_look_at_gates(pqi_endpoint *e, const pqi_now *now);
/* Is this an issuer of the root in force? */
bool pqi_ep_known_issuer(const pqi_endpoint *e, const uint8_t kid[PQI_KID_LEN]);

/* ---- endpoint_gossip.c: heads and witnesses ------------------------------------------------------ */

/* A peer told its control head. */
void pqi_ep_on_head_hint(pqi_endpoint *e, const pqi_now *now, size_t at, const pqi_pair_event *pe);
/* Is this <prefix><own id>/<peer's id>? */
bool pqi_ep_is_witness_topic(const pqi_endpoint *e, pqi_cspan topic, const pqi_peer *p);
/* A witness' question or answer came in a session. */
void pqi_ep_on_witness(
    pqi_endpoint *e, const pqi_now *now, size_t at, pqi_cspan payload, pqi_event *ev);
/* What is due to this peer besides its session's own packets. */
void pqi_ep_side_poll(
    pqi_endpoint *e, const pqi_now *now, const pqi_ep_link *p, pqi_span out, pqi_outpacket *o);
/* Questions to the control plane; wait_ms at most what it was. */
void pqi_ep_ask_poll(pqi_endpoint *e, const pqi_now *now, pqi_span out, pqi_outpacket *o);

/* ---- a session that was made as an exception ------------------------------------------------------ */

/* After the pair took this packet, which was let through as it says: what the session is. */
void pqi_ep_note_exception(
    pqi_endpoint *e, size_t at, pqi_op op, bool exception, const pqi_pair_event *pe, uint8_t type);
/* It carries control objects and class S until what made it would be allowed without the exception. Returns
 * why; PQI_REASON_OK: it carries everything. */
pqi_reason pqi_ep_control_only(pqi_endpoint *e, const pqi_now *now, size_t at);

#endif
