/* SPDX-License-Identifier: Apache-2.0
 * One v4 session after its handshake: messages, and the rounds that bring fresh secrets into its root.
 * docs/spec/ratchet.md, cited below by section.
 *
 * Everything is the caller's memory; nothing here allocates, does I/O, reads a clock or calls back. The
 * caller pulls: after every call it asks pqi_ratchet_due() and does what that says. One caller at a time
 * per session and per environment; sessions of different environments are independent.
 *
 * Secret: the session, round memory while a proposal or answer is made, scratch. Time and addresses
 * depend on numbers, lengths, suite and the state of the round, all of which the network sees or
 * causes. */
#ifndef PQI_SESSION_RATCHET_H
#define PQI_SESSION_RATCHET_H

#include "session/chain.h"
#include "session/erasure.h"
#include "session/frames.h"
#include "session/hs_keys.h"

#include <pqi/pk.h>
#include <pqi/provider.h>
#include <pqi/session.h>
#include <pqi/trust.h>

/* ---- the session -------------------------------------------------------------------------------- */

/* A session in memory is head | send chain | receive chain | late nodes, 4-aligned, of
 * pqi_session_size() bytes; all zero when there is none. It holds no pointer and may be moved. */
typedef struct pqi_ratchet {
    uint8_t rk[PQI_HS_KEY];   /* root of the epoch this side sends in */
    uint8_t next[PQI_HS_KEY]; /* what comes of the round; section 5 */
    uint8_t rms[PQI_HS_KEY];  /* resumption secret of `epoch` */
    uint8_t seed[PQI_HS_KEY]; /* of an own proposal; D: the own key of an answer; section 5 */
    uint8_t sid[PQI_HS_SID];
    uint32_t rsid_own, rsid_peer;
    uint32_t peer;           /* the caller's: an index */
    uint32_t epoch;          /* this side sends in */
    uint32_t msgs;           /* messages of the session, both directions */
    uint32_t d_mark, h_mark; /* value of msgs when the coins of the last round of any kind, of the
                                 last H round were drawn */
    uint32_t d_s, h_s;       /* seconds, likewise */
    uint32_t draw_mark, draw_s; /* likewise, of the round that runs */
    uint32_t grace_s;           /* when late nodes go */
    uint32_t fin;               /* messages sent in the epoch before */
    uint16_t suite;
    uint8_t side;   /* pqi_hs_side: the initiator's proposal wins */
    uint8_t mode;   /* pqi_hs_mode */
    uint8_t state;  /* of the round; section 5 */
    uint8_t kind;   /* PQI_CHUNK_D, PQI_CHUNK_H */
    uint8_t symbol; /* next index to send */
    uint8_t left;   /* symbols to go at one per message */
    uint8_t gap;    /* messages since the last symbol after that */
    uint8_t flags;
    uint8_t mem;        /* round memory + 1; 0: none */
    uint8_t chunk;      /* 16, 32, 64 */
    uint32_t lease;     /* of the round memory */
    uint8_t late_level; /* of healing, when the epoch before ended */
} pqi_ratchet;

_Static_assert(sizeof(pqi_ratchet) <= 236, "head of a session: a growth is a decision");

/* Left-over nodes of the epoch before, section 4. */
#define PQI_RATCHET_LATE(cap) ((cap) < 8u ? 4u : (cap) / 2u)

typedef struct pqi_session_tiny {
    pqi_ratchet head;
    pqi_chain_send_tiny send;
    pqi_chain_recv_tiny recv;
    pqi_chain_node late[PQI_RATCHET_LATE(4u)];
} pqi_session_tiny;
typedef struct pqi_session_std {
    pqi_ratchet head;
    pqi_chain_send_std send;
    pqi_chain_recv_std recv;
    pqi_chain_node late[PQI_RATCHET_LATE(16u)];
} pqi_session_std;
typedef struct pqi_session_gateway {
    pqi_ratchet head;
    pqi_chain_send_std send;
    pqi_chain_recv_gateway recv;
    pqi_chain_node late[PQI_RATCHET_LATE(64u)];
} pqi_session_gateway;

_Static_assert(sizeof(pqi_session_tiny) <= 1300, "a session, tiny");
_Static_assert(sizeof(pqi_session_std) <= 2000, "a session");

/* A session as the functions see it, made for one call or kept beside it. */
typedef struct pqi_ratchet_view {
    pqi_ratchet *r;
    pqi_chain_send send;
    pqi_chain_recv recv; /* stage is null: it comes from the environment's scratch */
    pqi_chain_late late;
} pqi_ratchet_view;

/* Bytes of a session of this profile (chain.h). */
size_t pqi_session_size(const pqi_chain_profile *p);
/* The view of mem, which has pqi_session_size(p) bytes and is 4-aligned. p is kept. */
pqi_ratchet_view pqi_session_view(const pqi_chain_profile *p, void *mem);

/* ---- environment -------------------------------------------------------------------------------- */

/* Policy; section 8. All in messages or seconds. */
typedef struct pqi_ratchet_limits {
    uint32_t d_msgs, d_s;        /* a D round at the latest after */
    uint32_t h_msgs, h_s;        /* an H round at the latest after */
    uint32_t grace_s;            /* for messages of the epoch before */
    uint32_t epoch_msgs;         /* one direction, at most PQI_CHAIN_N_MAX */
    uint32_t session_msgs;       /* both directions, at most 2^24 */
    uint8_t alarm, refuse, stop; /* healing levels 1..3: times h_msgs or h_s */
    bool burst;                  /* objects in one frame where they fit */
    uint32_t d_min_s, h_min_s; /* messages count from this age on, times the factor of a level: on a
                                * fast link rounds do not follow each other without pause; 0: always */
} pqi_ratchet_limits;

extern const pqi_ratchet_limits pqi_ratchet_ip;    /* 64, 900; 256, 3600; 60; 2, 4, 16 */
extern const pqi_ratchet_limits pqi_ratchet_lpwan; /* 64, 900; 1024, 86400; 86400; 2, 4, 16 */

/* Memory of one H round: the object that is sent and the one that is collected. Shared by all sessions
 * of an environment; zero it, then give it buf. While a session holds it, it belongs to that session. */
#define PQI_ROUND_BUF(pk, ct)                                                                      \
    (2u * (PQI_X25519_LEN + ((pk) > (ct) ? (pk) : (ct))) + PQI_ERASURE_CHUNK_MAX)
#define PQI_ROUND_BUF_MAX PQI_ROUND_BUF(PQI_KEM_MAX_PK, PQI_KEM_MAX_CT)
typedef struct pqi_round_mem {
    uint8_t *buf; /* len bytes: PQI_ROUND_BUF of the largest suite */
    uint32_t len;
    uint32_t lease;   /* counts who had it */
    uint32_t used_s;  /* when it was last used */
    uint8_t held;     /* 0 free; 1 it may be taken when idle; 2 not */
    uint16_t out_len; /* bytes of the object that is sent */
    pqi_erasure in;
} pqi_round_mem;

#define PQI_ROUND_IDLE_S 600u /* then a collecting memory may go to another session; section 6 */

/* Numbers for an operator; outside of what a failed call leaves unchanged. */
typedef struct pqi_ratchet_counts {
    uint32_t sealed, opened, refused; /* messages */
    uint32_t d_rounds, h_rounds;      /* completed */
} pqi_ratchet_counts;

/* What calls need beside the session; borrowed for the call. */
typedef struct pqi_ratchet_env {
    const pqi_algs *algs;
    pqi_provider *provider; /* random bytes only */
    pqi_pk_counts *pk;      /* may be null */
    const pqi_ratchet_limits *limits;
    pqi_round_mem *rounds;      /* may be null: no H rounds */
    uint32_t n_rounds;          /* at most 255 */
    pqi_ratchet_counts *counts; /* may be null */
    pqi_span tmp;               /* pqi_ratchet_tmp_len() bytes, 8-aligned; zero after a call */
} pqi_ratchet_env;

/* Scratch for sessions of profile p and suite s: the larger of two needs. */
size_t pqi_ratchet_tmp_len(const pqi_chain_profile *p, const pqi_suite *s);

/* ---- start and end ------------------------------------------------------------------------------ */

typedef struct pqi_ratchet_init {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    pqi_hs_side side;
    const pqi_hs_out *keys; /* of the handshake or resumption; the caller wipes it */
    uint32_t rsid_own;      /* stands in packets to this side; not 0 */
    uint32_t rsid_peer;     /* stands in packets to the peer; not 0 */
    uint32_t peer;          /* kept for the caller */
    uint32_t now_s;
    uint32_t age_msgs, age_s; /* messages and seconds since the last fresh secrets, 2^30 at most:
                                 0 after a handshake; after a resumption those of before */
    bool heal;                /* an H round at once: after a resumption */
    bool compact;             /* short headers where numbers fit */
    uint8_t chunk;            /* 16, 32 or 64, the same at both ends */
} pqi_ratchet_init;

/* Begins a session in epoch 0. PQI_OK; PQI_ERR_ARG: a field out of range, a profile or limit that no
 * session may have; the memory is then as it was. */
PQI_MUST_CHECK pqi_status pqi_ratchet_start(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, const pqi_ratchet_init *init);

/* Forgets a session: all its bytes, and what it has in round memory, become zero. */
void pqi_ratchet_wipe(const pqi_ratchet_env *env, const pqi_ratchet_view *v);

/* ---- messages ----------------------------------------------------------------------------------- */

#define PQI_RATCHET_CTX_MAX (1u + PQI_TOPIC_MAX) /* kind and body */
/* Bytes around an application message that always suffice without padding: header, tag, all frames but
 * CHUNK. */
#define PQI_RATCHET_OVERHEAD (PQI_HS_DATA_HDR_MAX + PQI_AEAD_TAG + PQI_FRAMES_FIXED_MAX)
#define PQI_RATCHET_APP_MAX  (PQI_V1_PLAIN_MAX - PQI_FRAMES_FIXED_MAX - PQI_PAD_LEN)

/* Where a packet stands: additional data as LV(kind || body). MQTT: kind PQI_HS_CTX_TOPIC, body the
 * topic, 1..PQI_TOPIC_MAX bytes. */
typedef struct pqi_ratchet_ctx {
    uint8_t kind;
    pqi_cspan body;
} pqi_ratchet_ctx;

typedef struct pqi_ratchet_msg {
    pqi_ratchet_ctx ctx;
    bool app;               /* false: control, payload is empty */
    pqi_cspan payload;      /* at most PQI_RATCHET_APP_MAX; may not overlap out */
    pqi_class cls;          /* class S passes the healing stop */
    const pqi_frames *more; /* SETTLED, ABORT, HELLO, EXPIRY; may be null */
    uint8_t pad_to_log2;    /* 0: none; 1..15: the plain text is padded to a multiple of 2^this */
} pqi_ratchet_msg;

/* Makes the next packet. Out is what the packet may have: a CHUNK goes along where it fits. No
 * public-key operation is done here.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_SPACE: *len is the need without a CHUNK; PQI_ERR_LIMIT: epoch or
 * session is used up; PQI_ERR_POLICY: the healing stop; PQI_ERR_STATE: no session; PQI_ERR_RNG and
 * statuses of AEAD and hash. After a failure out is zero; of the session at most a number is used up, or
 * the new epoch is entered, both of which the next call takes from there. */
PQI_MUST_CHECK pqi_status pqi_ratchet_seal(const pqi_ratchet_env *env, const pqi_ratchet_view *v,
    uint32_t now_s, const pqi_ratchet_msg *m, pqi_span out, size_t *len);

typedef struct pqi_ratchet_opened {
    bool app;
    pqi_cspan payload; /* in plain */
    uint32_t epoch, n;
    bool late;         /* of the epoch before */
    bool healed;       /* this message completed an H round */
    uint8_t level;     /* of healing, of the epoch that it was sealed in: section 9 */
    pqi_frames frames; /* SETTLED, ABORT, HELLO, EXPIRY for the caller; CHUNK and FIN were taken */
} pqi_ratchet_opened;

/* Opens a packet of this session: the caller found it by d->rsid.
 * d      in   read from the packet by pqi_hs_data_read()
 * plain  out  at least d->ct.len - PQI_AEAD_TAG bytes, apart from the packet; zero after a failure
 * PQI_OK: the number is taken, frames had their effect. Any failure changes no byte of session and
 * round memory: PQI_ERR_AUTH; PQI_ERR_REPLAY: opened before, given up, or an epoch this side has not;
 * PQI_ERR_LIMIT: a number or a session beyond its limits; PQI_ERR_DECODE: authentic, but not the
 * encoding of a message, or frames that contradict what came before; PQI_ERR_ARG, also for a
 * packet with another index; PQI_ERR_SPACE: plain or scratch; PQI_ERR_STATE: no session; statuses of
 * the hash. Takes at most 17 hashes, one HKDF-Expand and one AEAD to refuse a forged packet. */
PQI_MUST_CHECK pqi_status pqi_ratchet_open(const pqi_ratchet_env *env, const pqi_ratchet_view *v,
    uint32_t now_s, const pqi_hs_data *d, const pqi_ratchet_ctx *ctx, pqi_span plain,
    pqi_ratchet_opened *o);

/* ---- what is due -------------------------------------------------------------------------------- */

#define PQI_DUE_WORK  0x01u /* pqi_ratchet_work() */
#define PQI_DUE_STORE 0x02u /* put pqi_ratchet_secrets() on the medium, then pqi_ratchet_stored() */
#define PQI_DUE_SEND  0x04u /* seal a control message, unless an application message goes now */
#define PQI_DUE_REKEY 0x08u /* a new handshake is wanted */

/* Ends what ran out (grace), then says what is due. */
unsigned pqi_ratchet_due(const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s);

/* The public-key operations of the round, at most one keygen, one encapsulation or decapsulation and
 * two of X25519. PQI_OK, also when nothing is due. A failure leaves the session as before, to try
 * again, but for PQI_ERR_AUTH and PQI_ERR_DECODE: what the peer sent is no key; it was forgotten and is
 * collected anew. PQI_ERR_RNG, PQI_ERR_SPACE, statuses of KEM, X25519 and hash. */
PQI_MUST_CHECK pqi_status pqi_ratchet_work(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s);

/* The resumption secrets that must be on the medium now: section 7. Secret: wipe it. */
typedef struct pqi_ratchet_rms {
    uint32_t epoch; /* of rms */
    bool both;      /* next is that of epoch + 1 */
    uint8_t rms[PQI_HS_KEY];
    uint8_t next[PQI_HS_KEY];
} pqi_ratchet_rms;

/* PQI_OK; PQI_ERR_STATE: no session; statuses of the hash. *out is zero after a failure. */
PQI_MUST_CHECK pqi_status pqi_ratchet_secrets(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, pqi_ratchet_rms *out);

/* What pqi_ratchet_secrets() said last is on the medium: a round that waited for it goes on. Only
 * after the medium said so: section 7. */
void pqi_ratchet_stored(const pqi_ratchet_view *v);

/* ---- healing ------------------------------------------------------------------------------------ */

/* PQI_OK; PQI_ERR_STATE: no session. */
PQI_MUST_CHECK pqi_status pqi_ratchet_healing(
    const pqi_ratchet_env *env, const pqi_ratchet_view *v, uint32_t now_s, pqi_healing *out);

/* Wants an H round after the next message that goes: suspected compromise, newer policy. A round in flight
 * is not the answer: its coins are older. */
void pqi_ratchet_heal(const pqi_ratchet_view *v);

#endif
