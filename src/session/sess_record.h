/* SPDX-License-Identifier: Apache-2.0
 * What a device keeps of one peer over a restart: docs/spec/resume.md section 7. No chain key and no
 * root: who starts again begins a new session from a resumption secret.
 *
 * The changes of section 6 are functions, so that each of them is written in one place:
 *   answered   a new generation beside the one it was made from; before the answer leaves
 *   sent       a new generation of a handshake beside the newest; before CONF leaves
 *   replaced   a new generation, and nothing else; before the first packet of it leaves
 *   heard      the peer was heard in the new one, the other goes
 * All are pure and thread-safe for different records. A record is secret: wipe it when done. */
#ifndef PQI_SESSION_SESS_RECORD_H
#define PQI_SESSION_SESS_RECORD_H

#include "session/resume.h"

#define PQI_SESS_GEN_LEN    64u
#define PQI_SESS_RECORD_LEN 176u /* always */
#define PQI_SESS_GENS       2u
#define PQI_SESS_KID        16u
#define PQI_SESS_NONE       PQI_SESS_GENS /* no generation */

/* One generation of the resumption secret. */
typedef struct pqi_sess_gen {
    uint8_t rms[PQI_HS_KEY]; /* secret */
    uint8_t sid[PQI_HS_SID];
    uint32_t epoch;
    uint32_t rsid_own, rsid_peer; /* of the session it comes from; not 0 */
    uint16_t suite;               /* id */
    uint8_t mode;                 /* pqi_hs_mode */
    uint8_t side;                 /* pqi_hs_side of this device in that session */
    bool heard;                   /* the peer was heard in it */
    bool sent;                    /* gen[1] of a handshake: CONF left, or may have; section 6 */
} pqi_sess_gen;

typedef struct pqi_sess_record {
    uint8_t n; /* generations: 0 without a session, 1, or 2 while an answer is unheard */
    pqi_sess_gen gen[PQI_SESS_GENS]; /* gen[1]: the newer one, in which nobody was heard yet */
    uint8_t peer_kid[PQI_SESS_KID];  /* key id of the certificate the session stands on */
    uint32_t peer_key_epoch;         /* of that certificate */
    uint8_t chunk, depth;            /* session parameters: 16, 32, 64; 10, 12 */
    uint64_t init_ceiling;           /* own INIT counters below it may have been used */
    uint64_t last_init;              /* highest INIT counter taken from the peer */
    uint32_t last_start;             /* highest start number taken from the peer */
    uint32_t own_key_epoch;          /* of the own certificate that the session stands on */
} pqi_sess_record;

/* Writes PQI_SESS_RECORD_LEN bytes. PQI_OK; PQI_ERR_ARG: a record the reader would refuse; out is
 * zero. */
PQI_MUST_CHECK pqi_status pqi_sess_record_write(
    const pqi_sess_record *r, uint8_t out[PQI_SESS_RECORD_LEN]);

/* PQI_OK; PQI_ERR_DECODE: another length or version, or a field outside its range; *out is zero. */
PQI_MUST_CHECK pqi_status pqi_sess_record_read(pqi_cspan in, pqi_sess_record *out);

/* Generation `at` and `g`, which was made from it, in this order; nothing else stays.
 * PQI_OK; PQI_ERR_ARG: no such generation, or g says that the peer was heard; the record is
 * unchanged. */
PQI_MUST_CHECK pqi_status pqi_sess_record_answered(
    pqi_sess_record *r, unsigned at, const pqi_sess_gen *g);

/* The newest generation and g, of a handshake whose CONF leaves next; g alone where there was none.
 * PQI_OK; PQI_ERR_ARG: g says that the peer was heard; the record is unchanged. */
PQI_MUST_CHECK pqi_status pqi_sess_record_sent(pqi_sess_record *r, const pqi_sess_gen *g);

/* Whether every generation is of the session sid: only then may a round of it change the record. */
bool pqi_sess_record_is_of(const pqi_sess_record *r, const uint8_t sid[PQI_HS_SID]);

/* g alone. */
void pqi_sess_record_replaced(pqi_sess_record *r, const pqi_sess_gen *g);

/* The peer was heard in the newest generation: it alone stays. */
void pqi_sess_record_heard(pqi_sess_record *r);

/* The generation a RESUME1 names by rsid and epoch, or PQI_SESS_NONE. Only pqi_resume_check tells
 * whether it is made under it. */
unsigned pqi_sess_record_find(const pqi_sess_record *r, const pqi_hs_short *resume1);

/* The generation as resume.h takes it. asks: this side resumes under it; else it answers.
 * PQI_OK; PQI_ERR_ARG: no such generation; PQI_ERR_UNSUPPORTED: its suite is not in the set. */
PQI_MUST_CHECK pqi_status pqi_sess_record_gen(
    const pqi_algs *a, const pqi_sess_record *r, unsigned at, bool asks, pqi_resume_gen *out);

/* A new session as a generation: what pqi_resume_* or pqi_hs_finish gave. */
typedef struct pqi_sess_new {
    const pqi_hs_out *keys;
    uint32_t rsid_own, rsid_peer;
    const pqi_suite *suite;
    pqi_hs_mode mode;
    pqi_hs_side side;
} pqi_sess_new;
void pqi_sess_gen_of(const pqi_sess_new *s, pqi_sess_gen *out);

/* ---- which RESUME1 is answered ------------------------------------------------------------------- */

typedef struct pqi_resume_slot {
    unsigned pending; /* generation of an own RESUME1 that waits; PQI_SESS_NONE: none */
    bool lower;       /* the own device id is below the peer's, as bytes */
} pqi_resume_slot;

/* The rules of section 5 for a RESUME1 that pqi_resume_check has passed for generation `at`.
 * PQI_OK: answer it, and drop the own one that waits; PQI_ERR_REPLAY: its start number was taken
 * before; PQI_ERR_STATE: the own one stands, or CONF left and `at` is the one before. */
PQI_MUST_CHECK pqi_status pqi_resume_admit(
    const pqi_sess_record *r, const pqi_resume_slot *s, unsigned at, uint32_t start);

/* The generation the attempt with number `attempt` (0, 1, ...) of this side is made under: the newest
 * one first, then the one before, in turn. waiting: an answered RESUME of the peer is in memory and
 * unconfirmed; its generation is not offered then. */
unsigned pqi_resume_offer(const pqi_sess_record *r, unsigned attempt, bool waiting);

#endif
