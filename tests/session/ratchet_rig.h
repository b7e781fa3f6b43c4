/* SPDX-License-Identifier: Apache-2.0
 * Two ends of one v4 session without a network: what a test sends it delivers itself, in any order. The
 * classical table counts and fails on demand, random bytes come from a seed, and each delivery checks
 * that a refused packet changed no byte. */
#ifndef PQI_TESTS_SESSION_RATCHET_RIG_H
#define PQI_TESTS_SESSION_RATCHET_RIG_H

#include "session/ratchet_int.h"

#define RR_ROUNDS  2u
#define RR_SESSION sizeof(pqi_session_gateway)
#define RR_PACKET  4096u
#define RR_TMP     32768u
#define RR_TOPIC   "plant/7/valve"

/* Random bytes of a provider, and a call that fails. */
typedef struct rr_provider {
    pqi_provider base;
    pqi_provider_ops ops;
    uint64_t state;
    unsigned calls, fail_at;  /* 0: never */
    uint8_t last[PQI_HS_KEY]; /* the bytes drawn last */
} rr_provider;

/* Everything of a side that a refused packet must leave as it was. */
typedef struct rr_state {
    uint32_t session[RR_SESSION / 4u];
    pqi_round_mem rounds[RR_ROUNDS];
    uint8_t bufs[RR_ROUNDS][PQI_ROUND_BUF_MAX];
} rr_state;

typedef struct rr_side {
    rr_state st;
    pqi_ratchet_view v;
    pqi_ratchet_env env;
    pqi_ratchet_limits limits;
    pqi_ratchet_counts counts;
    pqi_pk_counts pk;
    rr_provider provider;
    uint64_t tmp[RR_TMP / 8u];
    uint32_t now;
    pqi_ratchet_rms flash;
    bool flash_refuses;
} rr_side;

typedef struct rr_conf {
    const pqi_suite *suite;              /* NULL: 0x0002 */
    const pqi_chain_profile *profile[2]; /* NULL: std */
    const pqi_ratchet_limits *limits;    /* NULL: IP */
    uint32_t rounds;                     /* memories of each side; RR_ROUNDS at most */
    uint8_t chunk;                       /* 0: 32 */
    bool compact, heal;
    bool toy; /* a simulated X25519: products modulo a small prime, for runs of many rounds */
    uint64_t seed;
} rr_conf;

typedef struct rr_packet {
    uint8_t b[RR_PACKET];
    size_t len;
} rr_packet;

typedef struct rr_rig {
    pqi_classic classic;
    pqi_algs algs;
    rr_side side[2]; /* initiator, responder */
    pqi_hs_out keys;
    uint8_t plain[RR_PACKET];
    pqi_ratchet_opened opened; /* of the last delivery */
} rr_rig;

/* Calls of the table's hash and hmac so far; the n-th from now fails. 0: never. */
extern uint64_t rr_hashes, rr_hmacs;
extern unsigned rr_fail_at;

/* Starts both ends. Asserts. */
void rr_start(rr_rig *g, const rr_conf *c);

/* Seals a message whose payload is the four bytes of `tag`, out of at most `room` bytes. */
pqi_status rr_seal(rr_rig *g, unsigned from, uint32_t tag, size_t room, rr_packet *p);
/* The same, and asserts that it works. */
void rr_send(rr_rig *g, unsigned from, uint32_t tag, rr_packet *p);
/* Seals a control message; asserts. */
void rr_control(rr_rig *g, unsigned from, rr_packet *p);
pqi_status rr_seal_msg(
    rr_rig *g, unsigned from, const pqi_ratchet_msg *m, size_t room, rr_packet *p);

/* Seals any plain text with the next key of `from`: a peer that breaks the rules. bits: of the header. */
void rr_seal_raw(rr_rig *g, unsigned from, uint8_t bits, pqi_cspan plain, rr_packet *p);

/* Delivers to the other side than `from`. After a failure it asserts that nothing changed, that scratch
 * and plain text are zero. */
pqi_status rr_take(rr_rig *g, unsigned from, const rr_packet *p);
pqi_status rr_take_at(rr_rig *g, unsigned to, const rr_packet *p, const pqi_ratchet_ctx *ctx);
/* Delivers and asserts that it is the message with that tag. */
void rr_expect(rr_rig *g, unsigned from, const rr_packet *p, uint32_t tag);

/* Does what is due of WORK and STORE; asserts that it works. Whether a message is due. */
bool rr_serve(rr_rig *g, unsigned who);
unsigned rr_due(rr_rig *g, unsigned who);

/* One exchange in which nothing is lost: a message each way, what is due served, and control messages
 * until neither side wants to send. */
void rr_calm(rr_rig *g, uint32_t tag);

pqi_ratchet *rr_head(rr_rig *g, unsigned who);
pqi_ratchet_ctx rr_topic(void);
uint64_t rr_next(uint64_t *state); /* splitmix64 */
bool rr_zero(const void *p, size_t n);
/* Whether the n bytes at `what` stand anywhere in `in`. */
bool rr_holds(const void *in, size_t len, const void *what, size_t n);

#endif
