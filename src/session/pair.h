/* SPDX-License-Identifier: Apache-2.0
 * The state machine of one peer: which sessions there are, on which of them is sent, and who
 * answers what. docs/spec/session.md; its rules were searched as models (tests/models, m2 and m3).
 *
 * A pair has at most one stable session, which both ends have confirmed, and one candidate beside
 * it:
 *
 *   role  candidate            sent on    left by
 *   NONE  none                 stable     an own INIT: PEND; an INIT answered: R
 *   PEND  own INIT is out      stable     RESP: I; giving up, REJ: NONE; a lower id's INIT: R
 *   I     RESP taken           stable     first DATA on it: promoted, NONE; NOSESS: NONE; as R3
 *   R     RESP sent            stable     CONF: R3; a newer INIT: R again; ABORT: NONE
 *   R3    CONF taken           candidate  SETTLED: promoted, NONE; INIT with the live nonce: R
 *
 * Without a stable session role I sends on the candidate. What was promoted over is received on for
 * the grace and then wiped. No timer ends role I or R3; role R only in favour of an own INIT.
 *
 * Sans-I/O: a packet or a time in, an event out; what is to be sent is pulled with pqi_pair_poll(),
 * what is to be stored with pqi_pair_record(). No memory is allocated and no pointer kept. One
 * caller at a time for all pairs of an env. Every packet is checked in the order size, type, topic,
 * index, counters, gate or AEAD, budgets, public keys; one that fails changes nothing but counters
 * of failures, budgets, and what is due: no packet that fails a keyed check costs a public-key
 * operation (INV-99). */
#ifndef PQI_SESSION_PAIR_H
#define PQI_SESSION_PAIR_H

#include "session/hs_op.h"
#include "session/ratchet.h"
#include "session/sess_record.h"
#include "session/table.h"

#include "state/starts.h"

#include <pqi/endpoint.h>

/* ---- topics: docs/spec/session.md section 1 --------------------------------------------------- */

typedef enum pqi_pair_topic {
    PQI_PAIR_TOPIC_NONE = 0,
    PQI_PAIR_TOPIC_INIT,    /* pq/4/i/<to>: INIT */
    PQI_PAIR_TOPIC_REPLY,   /* pq/4/r/<to>: RESP, CHAL, REJ */
    PQI_PAIR_TOPIC_SESSION, /* pq/4/s/<to>/<from>: CONF, NOSESS, RESUME1, RESUME2 and DATA without
                             * an application message. A CONF names no sender: without <from> a peer
                             * that lost its state could not say NOSESS to one. */
    PQI_PAIR_TOPIC_INT32_ = 2147483647
} pqi_pair_topic;

/* Writes the topic, without a NUL; ids 1..PQI_ID_MAX bytes. Returns its length. */
size_t pqi_pair_topic_write(
    pqi_pair_topic kind, pqi_cspan to, pqi_cspan from, uint8_t out[PQI_TOPIC_MAX]);

/* Whose packet it is. INIT: by kid of the sender (and ours, which is checked); RESP, CONF, DATA,
 * CHAL, REJ: by an index of ours; NOSESS, RESUME1, RESUME2: by <from> of the topic. */
typedef enum pqi_pair_by {
    PQI_PAIR_BY_NONE = 0,
    PQI_PAIR_BY_KID,
    PQI_PAIR_BY_INDEX,
    PQI_PAIR_BY_TOPIC,
    PQI_PAIR_BY_INT32_ = 2147483647
} pqi_pair_by;

typedef struct pqi_pair_route {
    pqi_pair_by by;
    const uint8_t *kid; /* BY_KID: PQI_KID_LEN bytes in the packet */
    uint32_t index;     /* BY_INDEX: of the pair */
    uint32_t rsid;      /* BY_INDEX and PQI_ERR_MISSING */
} pqi_pair_route;

/* ---- limits, shared state */

typedef struct pqi_pair_limits {
    pqi_rate work;      /* INITs of one peer that are answered by their counter; refunded when the
                        * session is confirmed, but not twice within resend_max_ms. An INIT that
                        * finds no token is challenged, and with the nonce needs none of these */
    pqi_rate proof;     /* packets of one peer that follow from ours: INITs with the nonce of a
                        * challenge, RESPs, CONFs, CHALs, RESUME1s; refunded when authentic */
    pqi_rate work_all;  /* both, of all peers; charged after that of the peer */
    pqi_rate cold;      /* instead of work_all, for packets under cold gate keys. Its burst is above
                        * those of a peer, its rate above the sum: no peer has all of it */
    pqi_rate reply;     /* CHAL and REJ to one peer */
    pqi_rate reply_all; /* CHAL, REJ to all; and as much for NOSESS and REJ 4 to all */
    pqi_rate nosess;    /* NOSESS, REJ 4 to one peer */
    uint32_t resend_ms; /* of INIT, CONF, HELLO: doubled each time */
    uint32_t resend_max_ms; /* at most this */
    uint32_t giveup_ms;     /* an own INIT without RESP; then ABORT and a new one */
    uint32_t pause_ms;      /* after a REJ; at most this after INITs given up in a row */
    uint32_t grace_ms;      /* receiving on the session before the stable one */
    uint32_t hold_ms;     /* a handshake memory in role R or I is taken away for another peer after
                             * this, and only when no other is free */
    uint32_t ctr_reserve; /* INIT counters reserved by one write */
} pqi_pair_limits;
extern const pqi_pair_limits pqi_pair_limits_gateway, pqi_pair_limits_mcu;

/* Of all pairs of an endpoint. */
typedef struct pqi_pair_shared {
    pqi_bucket work_all, cold, reply_all, nosess_all;
    uint32_t hs_first, hs_last; /* free handshake memories: position + 1 */
    uint64_t started, answered, rejected, challenged, evicted;
} pqi_pair_shared;

/* A handshake on its way: docs/spec/session.md section 3. About 400 bytes and the buffer, for as
 * long as a pair is in role PEND, I or R. Secret. The fields are the pair's but for buf, which the
 * caller sets. */
typedef struct pqi_pair_hs {
    pqi_span buf; /* for a RESP or CONF that may have to be sent again */
    size_t len;
    uint64_t since_ms;
    uint32_t owner; /* index of the pair + 1; 0: free */
    uint32_t next;
    uint8_t rand_i[PQI_HS_RAND]; /* role R: of the INIT that was answered */
    uint32_t rsid_i;
    union {
        pqi_hs_pend pend;            /* PEND */
        pqi_hs_await await;          /* R */
        uint8_t gk[2][PQI_GATE_KEY]; /* I, and R after RESUME: gate keys in and out, for later */
        unsigned gen;                /* PEND with RESUME1: the generation it is made under */
    } u;
} pqi_pair_hs;

/* ---- a pair */

typedef enum pqi_pair_role {
    PQI_PAIR_NONE = 0,
    PQI_PAIR_PEND,
    PQI_PAIR_I,
    PQI_PAIR_R,
    PQI_PAIR_R3,
    PQI_PAIR_ROLE_INT32_ = 2147483647
} pqi_pair_role;

typedef enum pqi_pair_why { /* a new session is wanted */
    PQI_PAIR_WHY_NONE = 0,
    PQI_PAIR_WHY_SEND,   /* there is something to send and no session */
    PQI_PAIR_WHY_REKEY,  /* the session comes to its limits */
    PQI_PAIR_WHY_NOSESS, /* the peer does not know ours */
    PQI_PAIR_WHY_REBOOT, /* we came from a record */
    PQI_PAIR_WHY_POLICY, /* the endpoint's policy or peer changed */
    PQI_PAIR_WHY_USER,
    PQI_PAIR_WHY_INT32_ = 2147483647
} pqi_pair_why;

/* Reply that waits for a poll. */
typedef struct pqi_pair_reply {
    uint8_t type; /* PQI_HS_T_CHAL, _REJ, _NOSESS; 0: none */
    uint8_t code, cold;
    uint32_t rsid;
    uint8_t nonce[PQI_HS_NONCE];
} pqi_pair_reply;

/* Secret: gate keys. `core` is what a packet that fails leaves as it was, byte for byte. */
typedef struct pqi_pair {
    struct pqi_pair_core {
        uint8_t gk_in[PQI_GATE_KEY], gk_out[PQI_GATE_KEY]; /* hot gate keys, if `hot` */
        uint64_t ctr, ceiling; /* own INIT counter; numbers up to the ceiling are on the medium */
        uint64_t last;         /* of the peer: no INIT at or below it is answered without a nonce */
        uint64_t cand_seq;     /* init_seq of the candidate, roles PEND and R */
        uint64_t abort_seq;    /* own INIT that was given up, while `aborts` */
        uint64_t old_until_ms;
        pqi_table_ref stable, cand, old;
        uint32_t hs;         /* handshake memory: position + 1; 0: none */
        uint8_t role;        /* pqi_pair_role */
        uint8_t hot;         /* there are hot gate keys */
        uint8_t settle;      /* stable: SETTLED in every message, until one comes without HELLO */
        uint8_t aborts;      /* messages that are to carry ABORT */
        uint8_t resumed;     /* the candidate comes from a RESUME; in role PEND, RESUME1 is out */
        uint8_t hold;        /* nothing leaves on the candidate before the record is stored */
        pqi_sess_record rec; /* what RESUME works from; as stored, but for sessions in memory */
    } core;
    uint8_t nonce[PQI_HS_NONCE];  /* of the challenge that is open, if live: a replay may draw it */
    uint8_t answer[PQI_HS_NONCE]; /* of a CHAL, for the next INIT, if `answers` */
    uint8_t
        cand_tag[PQI_AEAD_TAG]; /* last bytes of the CONF, or of the last DATA on the candidate */
    uint8_t nonce_live, answers;
    uint8_t why;            /* pqi_pair_why of the session that is wanted */
    uint8_t due;            /* packets that wait for a poll */
    uint8_t cold;           /* the RESP goes out under the cold gate key, as the INIT came */
    uint8_t charged;        /* budgets that this INIT took a token of */
    uint8_t tries, gave_up; /* sendings of INIT, CONF or HELLO; INITs given up in a row */
    uint8_t resumes;        /* attempts at RESUME without success */
    uint8_t dirty;          /* the record on the medium is behind */
    uint32_t chal_window,
        chal_classes;      /* INITs that were challenged beyond the budget of replies */
    uint64_t said_ceiling; /* of the last record */
    pqi_pair_reply reply;
    uint64_t resend_ms;     /* when the packet of the role goes out again */
    uint64_t since_ms;      /* PEND: first sending */
    uint64_t not_before_ms; /* no own INIT before */
    uint64_t confirmed_ms;  /* last session; 0: none */
    pqi_bucket work, proof, replies, nosess;
} pqi_pair;

/* What all pairs of an endpoint work with. Everything is borrowed for the call. */
typedef struct pqi_pair_env {
    const pqi_ratchet_env *ratchet;   /* its algorithms, provider, counters serve handshakes too */
    const pqi_chain_profile *profile; /* of the sessions in the table */
    const pqi_hs_self *self;
    const pqi_pair_limits *limits;
    pqi_pair_shared *shared;
    pqi_table *table; /* of sessions of the ratchet's profile */
    pqi_pair *pairs;
    uint32_t n_pairs;
    pqi_pair_hs *hs;
    uint32_t n_hs;
    pqi_starts *starts; /* start numbers of own RESUME1; NULL: none is sent */
    pqi_span tmp;       /* pqi_hs_tmp_len() of the largest form in use, 8-aligned */
    uint8_t chunk;      /* of new sessions, as in pqi_ratchet_init: the same in the whole fleet */
    bool compact;
} pqi_pair_env;

/* The peer of a call and what the endpoint knows of it. */
typedef struct pqi_pair_at {
    uint32_t index; /* in env->pairs */
    const pqi_hs_peer *peer;
    const uint8_t *key_id;             /* PQI_SESS_KID bytes, of the peer's certificate */
    uint32_t key_epoch;                /* of it */
    const uint8_t *cold_in, *cold_out; /* PQI_GATE_KEY bytes each, pqi_v1_gate_key() */
    pqi_hs_choice choice;              /* pqi_hs_choose(); suite NULL: no session with this peer */
    pqi_cspan psk;                     /* the site's key, or none */
    uint8_t min_level;                 /* of our policy */
    uint32_t head_epoch;               /* of our control head */
    uint8_t head_hash[PQI_HS_HEAD];
    uint8_t closed;  /* PQI_PAIR_NO_*: what we do not begin ourselves now; the endpoint's gates */
    uint64_t now_ms; /* does not go back */
} pqi_pair_at;

#define PQI_PAIR_NO_RESUME 0x01u
#define PQI_PAIR_NO_HANDSHAKE                                                                      \
    0x02u /* a new INIT, or the same one again; one that is out is given up in its time */

/* Full buckets, all handshake memories free. Once, before any other call. */
void pqi_pair_env_init(const pqi_pair_env *env, uint64_t now_ms);
/* A peer without a session; counters at 0. */
void pqi_pair_init(const pqi_pair_env *env, pqi_pair *p, uint64_t now_ms);

/* ---- events */

#define PQI_PAIR_EV_MESSAGE  0x01u /* payload: an application message, delivered once, ever */
#define PQI_PAIR_EV_SESSION  0x02u /* a session was confirmed: its peer has been heard in it */
#define PQI_PAIR_EV_REJECTED 0x04u /* reason: the peer will not have the session; tell somebody */
#define PQI_PAIR_EV_ROLLBACK                                                                       \
    0x08u                      /* the peer's state or ours is older than what was agreed: audit */
#define PQI_PAIR_EV_HEAD 0x10u /* head_epoch, head_hash: the control head that the peer has */
#define PQI_PAIR_EV_DROP 0x20u /* drop: why; nothing else is set */

typedef struct pqi_pair_event {
    unsigned what; /* PQI_PAIR_EV_*; 0: nothing to tell */
    pqi_drop drop;
    pqi_hs_reason reason;
    pqi_cspan payload; /* in the caller's buffer */
    bool healed;       /* the message completed an H round */
    uint8_t level;     /* of a message: of healing, where it was sealed */
    bool expires;
    uint8_t expiry_kind; /* docs/spec/session.md section 6 */
    uint64_t expiry;
    uint32_t head_epoch;
    uint8_t head_hash[PQI_HS_HEAD];
} pqi_pair_event;

/* ---- calls */

/* Reads no more than type and index. PQI_OK; PQI_ERR_DECODE: not a packet of sessions, or an INIT
 * to another kid; PQI_ERR_MISSING: an index that no session here has, in route->rsid. */
PQI_MUST_CHECK pqi_status pqi_pair_find(
    const pqi_pair_env *env, pqi_cspan packet, pqi_pair_route *route);

/* Takes one packet of the peer.
 * plain  out  at least packet.len bytes, no overlap; on MESSAGE it holds the payload, else at most
 *             frames, which are public to both ends
 * Hostile input is never an error: it is an event. Time depends on what is public: lengths, kinds,
 * numbers, and whether a tag verifies. PQI_OK; PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_pair_receive(const pqi_pair_env *env, const pqi_pair_at *at,
    pqi_cspan topic, pqi_cspan packet, pqi_span plain, pqi_pair_event *ev);

/* The peer sent a CONF or DATA whose index nobody here has (pqi_pair_find() said so, the topic or
 * the endpoint told the peer): NOSESS becomes due, at most as often as the buckets allow. */
void pqi_pair_unknown(const pqi_pair_env *env, const pqi_pair_at *at, pqi_cspan packet);

typedef struct pqi_pair_msg {
    pqi_cspan topic, payload;
    pqi_class cls;
    bool expires;
    uint8_t expiry_kind;
    uint64_t expiry;
    uint8_t pad_to_log2; /* 0: no padding */
} pqi_pair_msg;

/* Seals an application message on the session that is sent on. PQI_OK; PQI_ERR_STATE: the record is
 * to be stored first (PQI_PAIR_DUE_STORE); PQI_ERR_MISSING: there is no session, and one is wanted
 * from now on; PQI_ERR_SPACE: *len tells the need; PQI_ERR_LIMIT, PQI_ERR_POLICY: of
 * pqi_ratchet_seal(); PQI_ERR_ARG; statuses of the backend. On error out is zero; a message number
 * at most was used up. */
PQI_MUST_CHECK pqi_status pqi_pair_send(const pqi_pair_env *env, const pqi_pair_at *at,
    const pqi_pair_msg *m, pqi_span out, size_t *len);

#define PQI_PAIR_DUE_POLL  0x01u /* pqi_pair_poll() has a packet */
#define PQI_PAIR_DUE_WORK  0x02u /* pqi_pair_work(): public-key steps of the ratchet */
#define PQI_PAIR_DUE_STORE 0x04u /* pqi_pair_record(), then pqi_pair_stored() */

/* What is due now, and in *next_ms the time at which to ask again although nothing came
 * (UINT64_MAX: never). Wipes what ran out (an old session after its grace), no more. */
unsigned pqi_pair_due(const pqi_pair_env *env, const pqi_pair_at *at, uint64_t *next_ms);

/* The next packet that is due, and the topic for it. *len is 0 when nothing is. PQI_OK;
 * PQI_ERR_SPACE: *len tells the need, the packet stays due; PQI_ERR_LIMIT: no session or handshake
 * memory is free, asked for again later; statuses of the backend: the packet stays due. */
PQI_MUST_CHECK pqi_status pqi_pair_poll(const pqi_pair_env *env, const pqi_pair_at *at,
    pqi_span out, size_t *len, pqi_pair_topic *where);

/* Public-key steps of the sessions' ratchets that are due. Statuses of pqi_ratchet_work(). */
PQI_MUST_CHECK pqi_status pqi_pair_work(const pqi_pair_env *env, const pqi_pair_at *at);

/* A new session is wanted. Nothing happens in a mode in which only the peer begins. */
void pqi_pair_want(pqi_pair *p, pqi_pair_why why);

/* Ends everything at once (revocation, loss of trust: INV-58): sessions, handshake, gate keys,
 * replies. Counters and budgets stay. */
void pqi_pair_end(const pqi_pair_env *env, uint32_t index);

/* After the policy changed, and after a record was read. A handshake that is on its way says what was agreed before:
 * it ends, but for one that is sent on already. false: a session, or what RESUME goes on from, is of a suite or mode
 * that the policy does not allow: the caller ends the pair. */
bool pqi_pair_passes(const pqi_pair_env *env, uint32_t index, const pqi_hs_policy *policy);

/* Is there a session, stable or the one before it, that both ends confirmed? */
bool pqi_pair_has_session(const pqi_pair_env *env, uint32_t index);
/* Would a message of class S go nowhere? There is no stable session, the peer says that it has not got it, or it
 * is used up. */
bool pqi_pair_needs(const pqi_pair_env *env, uint32_t index);

/* What is to be on the medium: counters reserved ahead, resumption secrets. Store it, with nothing
 * else done to the pair in between, then call pqi_pair_stored(). Secret: wipe it.
 * PQI_OK; PQI_ERR_ARG; statuses of the hash. */
PQI_MUST_CHECK pqi_status pqi_pair_record(
    const pqi_pair_env *env, const pqi_pair_at *at, pqi_sess_record *out);
/* The last record is on the medium: what waited for it goes on. Only after the medium said so. */
void pqi_pair_stored(const pqi_pair_env *env, const pqi_pair_at *at);
/* After a start, for a pair from pqi_pair_init(). A new session is wanted at once if there was one:
 * by RESUME, then by a handshake. A record of another certificate, of the peer or our own, keeps its
 * counters only.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_STATE: there is a session. */
PQI_MUST_CHECK pqi_status pqi_pair_restore(
    const pqi_pair_env *env, const pqi_pair_at *at, const pqi_sess_record *rec);

typedef struct pqi_pair_info {
    pqi_pair_role role;
    pqi_pair_why why;
    bool stable;         /* there is a session that both ends confirmed */
    bool sends;          /* pqi_pair_send() has a session */
    uint32_t rsid;       /* own index of the session that is sent on */
    pqi_healing healing; /* of that session */
    uint32_t epoch;
    uint16_t suite;
    pqi_hs_mode mode;
} pqi_pair_info;
PQI_MUST_CHECK pqi_status pqi_pair_about(
    const pqi_pair_env *env, const pqi_pair_at *at, pqi_pair_info *out);

#endif
