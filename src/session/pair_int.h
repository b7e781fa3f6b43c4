/* SPDX-License-Identifier: Apache-2.0
 * The parts of the state machine of a peer: docs/spec/session.md.
 *
 *   pair.c       memory, topics, what is asked of a pair
 *   pair_hs.c    INIT, RESP, CONF taken
 *   pair_short.c CHAL, REJ, NOSESS taken
 *   pair_data.c  DATA taken and made
 *   pair_poll.c  what is due, and the packets that are pulled
 *   pair_resume.c RESUME1, RESUME2; records */
#ifndef PQI_SESSION_PAIR_INT_H
#define PQI_SESSION_PAIR_INT_H

#include "session/pair.h"

#include "base/mem.h"

#include <pqi/wipe.h>

/* Bits of pqi_pair.due. */
#define PQI_PAIR_D_RESP   0x01u /* role R: the stored RESP */
#define PQI_PAIR_D_CONF   0x02u /* role I: the stored CONF */
#define PQI_PAIR_D_CAND   0x04u /* role R3: any message with HELLO on the candidate */
#define PQI_PAIR_D_STABLE 0x08u /* any message on the stable session: SETTLED, ABORT */

/* Bits of pqi_pair.charged. */
#define PQI_PAIR_C_WORK  0x01u
#define PQI_PAIR_C_PROOF 0x02u
#define PQI_PAIR_C_ALL   0x04u
#define PQI_PAIR_C_COLD  0x08u

/* Attempts at RESUME before a handshake: two for each generation that may be held (m6, NOFALL). */
#define PQI_PAIR_RESUMES 4u

/* One packet on its way through the checks. */
typedef struct pqi_pair_in {
    const pqi_pair_env *env;
    const pqi_pair_at *at;
    pqi_pair *p;
    pqi_cspan topic, packet;
    pqi_span plain;
    pqi_pair_event *ev;
    bool cold; /* its gate tag is that of the cold key */
} pqi_pair_in;

/* ---- pair.c -------------------------------------------------------------------------------------- */

pqi_pair *pqi_pair_of(const pqi_pair_env *env, const pqi_pair_at *at);
pqi_hs_op pqi_pair_op(const pqi_pair_env *env, const pqi_pair_at *at);
/* Is the own device id below the peer's: then own packets stand when they cross. */
bool pqi_pair_is_lower(const pqi_pair_env *env, const pqi_pair_at *at);
uint32_t pqi_pair_now_s(const pqi_pair_at *at);
uint32_t pqi_pair_read_u32(const uint8_t *p);

pqi_ratchet_view pqi_pair_session(const pqi_pair_env *env, pqi_table_ref ref);
/* Wipes a session and frees its place; *ref gets 0. */
void pqi_pair_drop_session(const pqi_pair_env *env, pqi_table_ref *ref);
/* Takes a place, if need be that of the old session. */
PQI_MUST_CHECK pqi_status pqi_pair_place(
    const pqi_pair_env *env, const pqi_pair_at *at, pqi_table_ref *ref);
/* Begins the session in a place that was taken. since: of a resumption, the age of healing that it goes
 * on with; NULL after a handshake. */
typedef struct pqi_pair_new {
    pqi_hs_side side;
    const pqi_hs_out *keys;
    uint32_t rsid_peer;
    const pqi_healing *since;
} pqi_pair_new;
PQI_MUST_CHECK pqi_status pqi_pair_begin(const pqi_pair_env *env, const pqi_pair_at *at,
    pqi_table_ref ref, const pqi_hs_choice *choice, const pqi_pair_new *n);
/* The candidate is confirmed by both ends; the stable session is the old one from now. */
void pqi_pair_promote(const pqi_pair_env *env, const pqi_pair_at *at);
/* Ends a handshake on its way: candidate and memory. Role NONE. */
void pqi_pair_drop_cand(const pqi_pair_env *env, pqi_pair *p);
/* Bookkeeping of a session that was confirmed just now: tokens back, nothing wanted. */
void pqi_pair_confirmed(const pqi_pair_env *env, const pqi_pair_at *at);

/* Position + 1; 0: none is free, nor held for too long. */
uint32_t pqi_pair_hs_take(const pqi_pair_env *env, const pqi_pair_at *at);
void pqi_pair_hs_free(const pqi_pair_env *env, uint32_t *hs);
pqi_pair_hs *pqi_pair_hs_at(const pqi_pair_env *env, uint32_t hs);

/* The gate keys of the candidate, which was confirmed just now, become the hot ones. */
void pqi_pair_take_gate(pqi_pair_in *in);

bool pqi_pair_topic_is(const pqi_pair_in *in, pqi_pair_topic kind);
/* The hot key, then the cold one: sets in->cold. */
PQI_MUST_CHECK pqi_drop pqi_pair_gate(pqi_pair_in *in);
/* Puts the tag over a packet that goes to the peer. */
PQI_MUST_CHECK pqi_status pqi_pair_tag(const pqi_pair_env *env, const pqi_pair_at *at,
    pqi_pair_topic kind, bool cold, pqi_span packet);

/* One token of each budget in `which`, that of the peer first; all or none. */
PQI_MUST_CHECK bool pqi_pair_charge(const pqi_pair_env *env, const pqi_pair_at *at, uint8_t which);
void pqi_pair_refund(const pqi_pair_env *env, const pqi_pair_at *at, uint8_t which);
/* A reply to what came, if none waits and the budgets have it. nonce may be NULL: zeros. */
bool pqi_pair_reply_due(
    const pqi_pair_in *in, uint8_t type, uint8_t code, uint32_t rsid, const uint8_t *nonce);
/* May a packet go out again for one that came: the stored RESP, a HELLO. */
PQI_MUST_CHECK bool pqi_pair_repeat(const pqi_pair_in *in);
/* When the packet of the role goes out again: after one step, doubled with each try. */
void pqi_pair_arm(const pqi_pair_env *env, const pqi_pair_at *at);

/* ---- packets taken: why it was dropped, or PQI_DROP_NONE ------------------------------------------ */

pqi_drop pqi_pair_on_init(pqi_pair_in *in);
pqi_drop pqi_pair_on_resp(pqi_pair_in *in);
pqi_drop pqi_pair_on_conf(pqi_pair_in *in);
pqi_drop pqi_pair_on_short(pqi_pair_in *in);
pqi_drop pqi_pair_on_data(pqi_pair_in *in);
pqi_drop pqi_pair_on_resume(pqi_pair_in *in);

/* Memory for an answer: handshake memory and a place, if need be those of what it replaces. */
PQI_MUST_CHECK pqi_drop pqi_pair_make_room(pqi_pair_in *in, uint32_t *hs, pqi_table_ref *ref);

/* ---- packets made --------------------------------------------------------------------------------- */

/* A message on session ref, with the frames that the pair has for it. */
PQI_MUST_CHECK pqi_status pqi_pair_seal(const pqi_pair_env *env, const pqi_pair_at *at,
    pqi_table_ref ref, const pqi_pair_msg *m, bool app, pqi_span out, size_t *len);

/* May a RESUME be tried, and has it been tried often enough without success. */
bool pqi_pair_may_resume(const pqi_pair_env *env, const pqi_pair *p);
/* The session whose rounds may change the record: all of its generations are that session's. 0: none,
 * as while another session takes the place of the stable one (resume.md section 6). */
pqi_table_ref pqi_pair_writer(const pqi_pair_env *env, const pqi_pair *p);
/* The candidate of a handshake goes into the record: beside what is there before CONF leaves (role
 * PEND), alone at the other end. Nothing is sent on it before that is on the medium. */
PQI_MUST_CHECK pqi_status pqi_pair_record_cand(
    const pqi_pair_env *env, pqi_pair *p, const pqi_hs_out *keys);
/* A candidate of role I goes, and its generation with it. */
void pqi_pair_forget_cand(const pqi_pair_env *env, pqi_pair *p);
/* RESUME1 into the handshake memory. */
PQI_MUST_CHECK pqi_status pqi_pair_ask_resume(
    const pqi_pair_env *env, const pqi_pair_at *at, uint32_t hs, pqi_table_ref ref);
/* The first message of the peer in a resumed candidate: role R3. */
void pqi_pair_resume_heard(pqi_pair_in *in);

/* The session that is sent on; 0: none. */
pqi_table_ref pqi_pair_sends_on(const pqi_pair *p);

#endif
