/* SPDX-License-Identifier: Apache-2.0
 * Sessions of an endpoint: memory, dispatch, persistence. The rules are those of session/pair.h; here stand
 * topics, certificates, scope, policy and the store. docs/spec/session.md. */
#ifndef PQI_PROTO_MQTT_ENDPOINT_SESSION_H
#define PQI_PROTO_MQTT_ENDPOINT_SESSION_H

#include "proto/mqtt/endpoint_int.h"

#include "session/pair.h"
#include "state/journal.h"
#include "state/starts.h"

/* When to look at a peer again: a wheel of slots, each a list of peers. What is farther away than the wheel
 * reaches is looked at when it has turned once, and put off. */
#define PQI_EP_TICK_MS 256u
#define PQI_EP_SLOTS   256u
typedef struct pqi_ep_timers {
    uint32_t first[PQI_EP_SLOTS]; /* peer + 1; 0: none */
    uint32_t *next, *prev;        /* of each peer: peer + 1 */
    uint16_t *slot;               /* of each peer: slot + 1; 0: no timer */
    uint64_t tick;                /* all slots before it were looked at */
    uint64_t first_tick;          /* no slot between tick and this one holds a peer */
} pqi_ep_timers;

/* What a peer is owed besides its session's packets: docs/spec/control.md section 7. */
typedef struct pqi_ep_side {
    uint64_t gossip_ms;           /* when a head was passed on to it; 0: never */
    uint8_t nonce[PQI_NONCE_LEN]; /* of its question, with PQI_EP_ANSWER */
    uint8_t flags;
} pqi_ep_side;

#define PQI_EP_GOSSIP 0x01u /* a head */
#define PQI_EP_ANSWER 0x02u /* our word as a witness */
#define PQI_EP_ASKED  0x04u /* it was asked for its word over the nonce that is open */
#define PQI_EP_ONLY   0x08u /* its session was made by a handshake that was an exception */
#define PQI_EP_ON     0x10u /* its session was gone on with as an exception */
#define PQI_EP_NEXT   0x20u /* so was the RESP that its candidate in role I came of */

/* In cfg.sessions.mem, and behind it everything it points to. */
typedef struct pqi_ep_sessions {
    pqi_pair_env env;
    pqi_ratchet_env ratchet;
    pqi_ratchet_limits limits;
    pqi_pair_shared shared;
    pqi_table table;
    pqi_hs_self self;
    pqi_hs_policy policy;
    uint8_t own384[PQI_HS_TH]; /* SHA-384 of the own certificate */
    uint32_t *queue;           /* peers that may have something due: a ring of n_peers places */
    uint32_t head, count;
    uint8_t *marks; /* of each peer: PQI_EP_* */
    pqi_ep_side *sides;
    pqi_ep_timers timers;
    pqi_journal *journals; /* of each peer */
    pqi_starts starts;
    pqi_bucket lookup; /* searches for the sender of a packet with an unknown index */
} pqi_ep_sessions;

#define PQI_EP_QUEUED   0x01u
#define PQI_EP_RESTORED 0x02u /* its record was read */
#define PQI_EP_UNREAD   0x10u /* its record could not be read at the last attempt */
#define PQI_EP_TWO      0x08u /* the record on the medium may have two generations */
#define PQI_EP_LOST     0x04u /* its record was there and is damaged: the next event says so */

/* ---- endpoint_session.c: life -------------------------------------------------------------------- */

/* Lays out the memory. PQI_OK, also when no sessions are wanted; PQI_ERR_ARG; PQI_ERR_SPACE; statuses of
 * the hash. */
PQI_MUST_CHECK pqi_status pqi_ep_sessions_open(pqi_endpoint *e, const pqi_now *now);
void pqi_ep_sessions_close(pqi_endpoint *e);
/* Ends what a peer has: it was revoked, or comes with other keys. */
void pqi_ep_session_end(pqi_endpoint *e, size_t at);
/* After the policy changed: ends sessions that it does not allow any more. */
void pqi_ep_sessions_judge(pqi_endpoint *e);
/* The SHA-384 of a certificate whose SHA-256 is the peer's, for suites that use it. */
void pqi_ep_session_cert(pqi_endpoint *e, size_t at, pqi_cspan cert);

/* ---- what a call on a pair needs ------------------------------------------------------------------ */

typedef struct pqi_ep_link {
    pqi_hs_peer peer;
    pqi_pair_at at;
} pqi_ep_link;

/* Fills *p for peer `at`, whose record is read first if it was not yet. false: no session with this peer
 * is allowed: revoked, not ready, outside its window, below the policy, no suite or mode; or the record
 * cannot be read just now. */
bool pqi_ep_link_of(pqi_endpoint *e, size_t at, const pqi_now *now, pqi_ep_link *p);
/* The peer may have something to send or to store. */
void pqi_ep_session_mark(pqi_endpoint *e, size_t at);
/* The same, after a call on its pair: looks what is due and when. */
void pqi_ep_session_after(pqi_endpoint *e, const pqi_ep_link *p);

/* ---- endpoint_session_poll.c ---------------------------------------------------------------------- */

void pqi_ep_timers_init(pqi_ep_sessions *s, uint64_t now_ms);

/* ---- endpoint_session_store.c --------------------------------------------------------------------- */

/* What was there before a restart; without its record a peer begins anew. false: a provider that fails just
 * now; the record is still there and must not be written over, so there is no session before it was read. */
PQI_MUST_CHECK bool pqi_ep_session_restore(pqi_endpoint *e, const pqi_ep_link *p);
/* Secrets of a peer that was revoked leave the medium, those of the time before a restart too. Counters stay.
 * false: to be tried again. */
PQI_MUST_CHECK bool pqi_ep_session_put_away(pqi_endpoint *e, size_t at);
/* What is due goes to the medium. PQI_OK; statuses of store and provider: it stays due. */
PQI_MUST_CHECK pqi_status pqi_ep_session_store(pqi_endpoint *e, const pqi_ep_link *p);

/* ---- receivers ------------------------------------------------------------------------------------ */

/* Does this topic belong to sessions alone? */
bool pqi_ep_session_topic(const pqi_endpoint *e, pqi_cspan topic);
/* Is this the first byte of a packet of sessions? */
bool pqi_ep_session_type(uint8_t type);
void pqi_ep_on_session(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);

/* Whether messages go through a session. */
bool pqi_ep_session_up(const pqi_pair_info *info);

/* ---- sending -------------------------------------------------------------------------------------- */

/* Whether v1 may be used instead of a session, for sending to and accepting from a peer. */
bool pqi_ep_v1_allowed(const pqi_endpoint *e);
/* The gates for a message in a session of this healing level. PQI_OK; PQI_ERR_POLICY: e->reason. */
PQI_MUST_CHECK pqi_status pqi_ep_may_send(
    pqi_endpoint *e, size_t at, const pqi_now *now, const pqi_outbound *msg, uint8_t level);
PQI_MUST_CHECK pqi_status pqi_ep_session_send(pqi_endpoint *e, size_t at, const pqi_now *now,
    const pqi_outbound *msg, pqi_span out, size_t *out_len);

#endif
