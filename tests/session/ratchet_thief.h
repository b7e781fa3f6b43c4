/* SPDX-License-Identifier: Apache-2.0
 * One who stole the whole state of a side at one instant, recorded every packet before and after, and
 * learns every X25519 secret key that either side ever draws: a simulated quantum computer. He knows
 * the code and tries what it allows. */
#ifndef PQI_TESTS_SESSION_RATCHET_THIEF_H
#define PQI_TESTS_SESSION_RATCHET_THIEF_H

#include "session/ratchet_rig.h"

#define THIEF_EPOCHS  64u
#define THIEF_PACKETS 600u
#define THIEF_X       1200u

typedef struct thief_packet {
    unsigned from;
    uint32_t epoch;
    uint8_t b[2600];
    size_t len;
    bool opened; /* by the thief */
} thief_packet;

/* Every X25519 key pair that was made. */
typedef struct thief_x {
    uint8_t pk[32], sk[32];
} thief_x;

extern thief_packet thief_log[THIEF_PACKETS];
extern uint32_t thief_n;
extern thief_x thief_keys[THIEF_X];
extern uint32_t thief_n_keys;

typedef struct thief_epoch {
    bool known, has_rk;
    uint8_t rk[32], ck[2][32];              /* by the side that sends */
    uint8_t obj[2][PQI_ERASURE_OBJECT_MAX]; /* of the round that leaves it: P, Q */
    size_t len[2];
    uint8_t kind;
} thief_epoch;

typedef struct thief {
    unsigned victim;
    rr_state loot;
    pqi_ratchet_view v; /* of loot */
    const pqi_suite *suite;
    thief_epoch epoch[THIEF_EPOCHS];
} thief;

/* Takes the state of `victim`. */
void thief_steal(thief *t, const rr_rig *g, unsigned victim);
/* Opens what can be opened, solves what rounds can be solved, until nothing new comes. */
void thief_work(thief *t, const rr_rig *g);
/* Every window of 32 bytes of the loot as key of the message, as chain key and as epoch secret. */
bool thief_guesses(const thief *t, const rr_rig *g, const thief_packet *p);

#endif
