/* SPDX-License-Identifier: Apache-2.0
 * Three ends with a state machine for each other, and a network that keeps every packet and delivers
 * what a test says, when and as often as it says. Time is a number. Every delivery that drops its packet
 * is checked to leave the state unchanged. */
#ifndef PQI_TESTS_SESSION_PAIR_RIG_H
#define PQI_TESTS_SESSION_PAIR_RIG_H

#include "pqi_test.h"

#include "session/pair.h"
#include "session/sess_record.h"
#include "support/fake_provider.h"

#define PR_ENDS     3u /* "a-device", "b-gateway", "c-other": ids in rising order */
#define PR_PACKETS  4000u
#define PR_PACKET   12000u
#define PR_SESSIONS 8u
#define PR_HS       4u
#define PR_BUF      8192u
#define PR_TMP      65536u

typedef struct pr_case {
    const char *name;
    pqi_hs_mode mode;
    const pqi_suite *suite;
    const pqi_sig *sig_a, *sig_b; /* of a; of b and c */
    bool psk;
} pr_case;

extern const pr_case pr_cases[]; /* modes S, K, M; the first one is the quickest */
extern const size_t pr_n_cases;

typedef struct pr_end {
    unsigned n;
    fake_provider prov;
    char id[PQI_ID_MAX + 1];
    uint8_t kid[PQI_KID_LEN], cert256[32], cert384[48];
    uint8_t kem_pk[PQI_KEM_MAX_PK], x25519_pk[32], sig_pk[PQI_SIG_MAX_PK];
    pqi_hs_self self;
    pqi_hs_peer as_peer;
    pqi_pk_counts counts;
    pqi_ratchet_counts messages;
    pqi_ratchet_env ratchet;
    pqi_round_mem rounds[2];
    uint8_t round_buf[2][PQI_ROUND_BUF_MAX];
    pqi_pair_shared shared;
    pqi_table table;
    uint8_t sessions[PR_SESSIONS * 4096u] __attribute__((aligned(8)));
    pqi_pair pairs[PR_ENDS];
    pqi_pair_hs hs[PR_HS];
    uint8_t hs_buf[PR_HS][PR_BUF];
    pqi_pair_env env;
    pqi_pair_at at[PR_ENDS];
    uint8_t cold[PR_ENDS][2][PQI_GATE_KEY];       /* in, out */
    uint8_t medium[PR_ENDS][PQI_SESS_RECORD_LEN]; /* records */
    uint8_t key_id[PQI_SESS_KID];
    pqi_starts starts;
    bool no_store; /* the medium fails */
} pr_end;

typedef struct pr_packet {
    unsigned from, to;
    uint8_t topic[PQI_TOPIC_MAX];
    size_t topic_len, len;
    unsigned given; /* how often it was delivered */
    uint8_t b[PR_PACKET];
} pr_packet;

typedef struct pr_net {
    pr_end e[PR_ENDS];
    const pr_case *c;
    pqi_algs algs;
    pqi_pair_limits limits;
    pqi_ratchet_limits rounds;
    uint8_t psk[32];
    uint64_t now;
    size_t n; /* packets so far */
    pqi_pair_event ev;
} pr_net;

extern uint8_t pr_plain[PR_PACKET];

extern pr_packet pr_log[PR_PACKETS]; /* outside of pr_net: a snapshot is one copy */

/* Everything anew: no session anywhere. */
void pr_make(pr_net *g, const pr_case *c);
void pr_time(pr_net *g, uint64_t ms); /* forward */

/* Pulls all packets that are due from `from` to `to`; returns how many, the first is *first. */
size_t pr_pull(pr_net *g, unsigned from, unsigned to, size_t *first);
/* As the port would: finds the peer, gives it the packet. The event is in g->ev. A copy of the packet is
 * given, so that no byte behind it can be read. */
void pr_give(pr_net *g, size_t packet);
/* Any bytes. */
void pr_give_bytes(pr_net *g, unsigned from, unsigned to, pqi_cspan topic, pqi_cspan bytes);
/* Everything is pulled and delivered, until nothing is due at any of the two. */
void pr_settle(pr_net *g, unsigned x, unsigned y);
/* x wants a session with y; settles. Both ends have the same stable session afterwards, or it fails. */
void pr_handshake(pr_net *g, unsigned x, unsigned y);

/* Seals a message as a packet of the log. PQI_OK: its number in *packet. */
pqi_status pr_say(pr_net *g, unsigned from, unsigned to, const char *text, size_t *packet);
/* Seals, delivers and expects the text at the other end. */
void pr_talk(pr_net *g, unsigned from, unsigned to, const char *text);
/* What x sends y opens, and the other way round, at this instant: tried on a copy. Sides without a
 * session to send on are not asked. */
void pr_open_both(pr_net *g, unsigned x, unsigned y);

/* All state of an end is lost: memory, records and counters, not the keys of its certificate. */
void pr_lose(pr_net *g, unsigned x);
/* Its memory is lost; the records are there. */
void pr_reboot(pr_net *g, unsigned x);

pqi_pair *pr_pair(pr_net *g, unsigned x, unsigned y);
/* Last packet of this type from x to y; fails when there is none. */
size_t pr_last(const pr_net *g, unsigned from, unsigned to, uint8_t type);
size_t pr_count(const pr_net *g, unsigned from, unsigned to, uint8_t type);
bool pr_is_init(uint8_t type);
/* Packet types of the case. */
uint8_t pr_init(const pr_net *g);
uint8_t pr_resp(const pr_net *g);
uint8_t pr_conf(const pr_net *g);
/* Core of the pair, sessions, handshake and round memory. */
void pr_digest(const pr_net *g, unsigned x, uint8_t out[32]);
/* Same stable session, no candidate, nothing old being sent on. */
bool pr_agreed(pr_net *g, unsigned x, unsigned y);

#endif
