/* SPDX-License-Identifier: Apache-2.0
 * The message chain of one epoch and one direction: a key for each message number, seekable by the
 * receiver and punctured as messages come, so that a stolen state opens no message that was opened
 * before. docs/spec/chain.md, cited below by section.
 *
 * No object is thread-safe: one caller at a time per chain. Keys and nodes are secret; time and
 * addresses depend on numbers, profile and how many nodes are held, all of which the network sees or
 * causes. No function keeps a pointer. */
#ifndef PQI_SESSION_CHAIN_H
#define PQI_SESSION_CHAIN_H

#include <pqi/classic.h>

#define PQI_CHAIN_KEY         32u         /* bytes of every value of the chain; section 2 */
#define PQI_CHAIN_N_MAX       (1u << 20)  /* messages of an epoch; section 5 */
#define PQI_CHAIN_DEPTH_MAX   12u         /* section 5 */
#define PQI_CHAIN_CAP_MAX     64u         /* section 5 */
#define PQI_CHAIN_STEPS_MAX   4u          /* superblocks that a jump may begin; section 5 */
#define PQI_CHAIN_GRAIN       16u         /* the horizon moves in such steps; section 5 */
#define PQI_CHAIN_NODES(D, C) ((D) + (C)) /* of a receiver: frontier and left-over; section 4 */

/* What both ends agree on (depth) and what a receiver affords (the rest); section 5. */
typedef struct pqi_chain_profile {
    uint8_t depth;    /* a superblock has 2^depth numbers: 10 or 12 */
    uint8_t cap;      /* left-over nodes, 1..PQI_CHAIN_CAP_MAX */
    uint16_t horizon; /* numbers, a multiple of PQI_CHAIN_GRAIN, below 2^depth - PQI_CHAIN_GRAIN */
} pqi_chain_profile;

extern const pqi_chain_profile pqi_chain_tiny;    /* 10, 4, 128 */
extern const pqi_chain_profile pqi_chain_std;     /* 12, 16, 128 */
extern const pqi_chain_profile pqi_chain_gateway; /* 12, 64, 512 */

/* sk: key of the first superblock of which no node was derived. next: of a sender the next number, of
 * a receiver the highest opened one plus 1. */
typedef struct pqi_chain_head {
    uint8_t sk[PQI_CHAIN_KEY]; /* secret */
    uint32_t next;
} pqi_chain_head;

/* The numbers first .. first + 2^level - 1; id = 0 while unused, all bytes zero. */
typedef struct pqi_chain_node {
    uint8_t key[PQI_CHAIN_KEY]; /* secret */
    uint32_t id;                /* 2^31 + level * 2^24 + first */
} pqi_chain_node;

/* The states, for the caller to embed. Receivers hold the frontier, then left-over nodes. */
typedef struct pqi_chain_send_tiny {
    pqi_chain_head head;
    uint8_t key[10][PQI_CHAIN_KEY];
} pqi_chain_send_tiny;
typedef struct pqi_chain_send_std {
    pqi_chain_head head;
    uint8_t key[12][PQI_CHAIN_KEY];
} pqi_chain_send_std;
typedef struct pqi_chain_recv_tiny {
    pqi_chain_head head;
    pqi_chain_node node[PQI_CHAIN_NODES(10, 4)];
} pqi_chain_recv_tiny;
typedef struct pqi_chain_recv_std {
    pqi_chain_head head;
    pqi_chain_node node[PQI_CHAIN_NODES(12, 16)];
} pqi_chain_recv_std;
typedef struct pqi_chain_recv_gateway {
    pqi_chain_head head;
    pqi_chain_node node[PQI_CHAIN_NODES(12, 64)];
} pqi_chain_recv_gateway;

/* Bytes in every session: a growth is a decision. */
_Static_assert(sizeof(pqi_chain_send_tiny) == 356, "send chain, tiny");
_Static_assert(sizeof(pqi_chain_send_std) == 420, "send chain");
_Static_assert(sizeof(pqi_chain_recv_tiny) == 540, "receive chain, tiny");
_Static_assert(sizeof(pqi_chain_recv_std) == 1044, "receive chain");
_Static_assert(sizeof(pqi_chain_recv_gateway) == 2772, "receive chain, gateway");

/* A state as the functions see it, made for one call. Sender: key[k] is the node of level k, present
 * where bit k of -next mod 2^depth is set, zero elsewhere. */
typedef struct pqi_chain_send {
    uint32_t depth;
    pqi_chain_head *head;
    uint8_t (*key)[PQI_CHAIN_KEY];
} pqi_chain_send;
/* Receiver: nodes in order of falling numbers, unused ones behind. stage is scratch of as many nodes,
 * shared by all sessions; zero after every call. Only commit needs it. */
typedef struct pqi_chain_recv {
    const pqi_chain_profile *profile;
    pqi_chain_head *head;
    pqi_chain_node *node;  /* PQI_CHAIN_NODES(depth, cap) */
    pqi_chain_node *stage; /* as many; may be null for peek */
} pqi_chain_recv;

/* One number on trial, the caller's scratch: from a peek to its commit or discard. All secret but for
 * the numbers. path[k] is the node of level k over n; path[0] is the key of message n. */
typedef struct pqi_chain_try {
    uint8_t path[PQI_CHAIN_DEPTH_MAX + 1u][PQI_CHAIN_KEY];
    uint8_t
        before[PQI_CHAIN_KEY]; /* SK of the superblock before that of n, if the jump passed it */
    uint8_t at[PQI_CHAIN_KEY]; /* SK of the superblock of n, if the jump began it */
    uint32_t n;
    uint32_t next;  /* of the receiver at the time of the peek */
    uint32_t top;   /* level of the node that was found, depth after a jump */
    uint32_t steps; /* superblocks begun: 0 none, else that of n and steps - 1 before it */
} pqi_chain_try;

/* Starts a chain at number 0 from ck, the epoch's chain key of one direction; section 3. The caller
 * wipes ck. Clears all nodes. PQI_OK; PQI_ERR_ARG: a depth or profile outside the limits above, the
 * state is untouched. */
PQI_MUST_CHECK pqi_status pqi_chain_send_start(
    const pqi_chain_send *s, const uint8_t ck[PQI_CHAIN_KEY]);
PQI_MUST_CHECK pqi_status pqi_chain_recv_start(
    const pqi_chain_recv *r, const uint8_t ck[PQI_CHAIN_KEY]);

/* The next number and its key, which leave the state for ever, whatever the caller does with them: a
 * number is never given out twice. At most 2 + 2 * depth hashes, 2 on average; section 6.
 * PQI_OK; PQI_ERR_LIMIT: all numbers of the epoch are used; statuses of the table's hash. On error the
 * state is unchanged and the key zero. */
PQI_MUST_CHECK pqi_status pqi_chain_send_next(
    const pqi_classic *c, const pqi_chain_send *s, uint32_t *n, uint8_t key[PQI_CHAIN_KEY]);

/* Derives the key of number n into t->path[0] and changes no byte of the state. At most
 * PQI_CHAIN_STEPS_MAX + 1 + depth hashes; section 6. The caller opens the packet with that key, then
 * commits or discards.
 * PQI_OK; PQI_ERR_REPLAY: opened before, behind the horizon or given up; PQI_ERR_LIMIT: n is no number
 * of an epoch, or beyond next + PQI_CHAIN_STEPS_MAX * 2^depth; statuses of the table's hash. On error t
 * is zero. */
PQI_MUST_CHECK pqi_status pqi_chain_recv_peek(
    const pqi_classic *c, const pqi_chain_recv *r, uint32_t n, pqi_chain_try *t);

/* Takes the tried number out of the state: its key, and every node above it, are gone; section 4. t is
 * from a peek of this chain; t and r->stage are zero afterwards. At most 2 + depth + 2 * (depth - 4)
 * hashes; section 6.
 * PQI_OK; PQI_ERR_STATE: t is zero, or another number was taken meanwhile, so that it fits no more;
 * statuses of the table's hash. On error no byte of the state changes, and the caller drops what it
 * opened. */
PQI_MUST_CHECK pqi_status pqi_chain_recv_commit(
    const pqi_classic *c, const pqi_chain_recv *r, pqi_chain_try *t);

/* Forgets a trial. */
void pqi_chain_discard(pqi_chain_try *t);

/* What is left of a receiver when its epoch ended; section 4. A table of cap nodes, 1..PQI_CHAIN_CAP_MAX,
 * in order of falling numbers, unused ones behind. stage: scratch of as many, zero after every call; may
 * be null for peek. */
typedef struct pqi_chain_late {
    uint32_t cap;
    pqi_chain_node *node;
    pqi_chain_node *stage;
} pqi_chain_late;

/* Fills `late` from the receiver of an epoch in which the peer sent `count` messages: the missing numbers
 * below count, not behind the horizon of r; of the nodes over them the late->cap with the highest
 * numbers. r does not change: the caller wipes it. If count lies beyond what a peek reaches, nothing is
 * left. At most PQI_CHAIN_STEPS_MAX + 1 + 2 * depth + 2 * (depth - 4) hashes.
 * PQI_OK; PQI_ERR_ARG: count is below next or above PQI_CHAIN_N_MAX; statuses of the table's hash. On
 * error late does not change. */
PQI_MUST_CHECK pqi_status pqi_chain_recv_close(
    const pqi_classic *c, const pqi_chain_recv *r, uint32_t count, const pqi_chain_late *late);

/* As with a receiver. PQI_OK; PQI_ERR_REPLAY: no node covers n. */
PQI_MUST_CHECK pqi_status pqi_chain_late_peek(
    const pqi_classic *c, const pqi_chain_late *l, uint32_t n, pqi_chain_try *t);
PQI_MUST_CHECK pqi_status pqi_chain_late_commit(
    const pqi_classic *c, const pqi_chain_late *l, pqi_chain_try *t);

/* The lowest number that is not behind the horizon of a receiver; section 5. */
uint32_t pqi_chain_low(const pqi_chain_profile *p, uint32_t next);

#endif
