/* SPDX-License-Identifier: Apache-2.0
 * A sender and a receiver of one chain, of any profile, and a table whose hash counts and can be told
 * to fail. */
#ifndef PQI_TESTS_SUPPORT_CHAIN_RIG_H
#define PQI_TESTS_SUPPORT_CHAIN_RIG_H

#include "session/chain.h"

#include <stdbool.h>

#define RIG_PROFILES 3u

typedef struct rig_send {
    pqi_chain_head head;
    uint8_t key[PQI_CHAIN_DEPTH_MAX][PQI_CHAIN_KEY];
} rig_send;

typedef struct rig_recv {
    pqi_chain_head head;
    pqi_chain_node node[PQI_CHAIN_NODES(PQI_CHAIN_DEPTH_MAX, PQI_CHAIN_CAP_MAX)];
} rig_recv;

typedef struct chain_rig {
    pqi_chain_profile profile;
    rig_send s;
    rig_recv r;
    pqi_chain_node stage[PQI_CHAIN_NODES(PQI_CHAIN_DEPTH_MAX, PQI_CHAIN_CAP_MAX)];
    pqi_chain_try t;
    pqi_chain_send send;
    pqi_chain_recv recv;
} chain_rig;

/* The table; its calls so far; fails at that call from now, 0 for never. */
extern pqi_classic rig_table;
extern unsigned rig_calls, rig_fail_at;

/* Fills the table; `real` does the work. */
void rig_use(const pqi_classic *real);

/* The profile of that name ("tiny", "std", "gateway"), null if there is none. */
const pqi_chain_profile *rig_profile(const char *name);

/* Starts both sides from ck; false if one refuses. */
bool rig_start(chain_rig *g, const pqi_chain_profile *p, const uint8_t ck[PQI_CHAIN_KEY]);

/* Whether all of p's n bytes are zero. */
bool rig_is_zero(const void *p, size_t n);

/* Peek, then commit (or discard), with what must hold whatever comes out: a peek changes nothing, an
 * error changes nothing, trial and stage are zero at the end. The key goes to *key. False: broken. */
bool rig_open(chain_rig *g, uint32_t n, bool authentic, pqi_status *st, uint8_t key[PQI_CHAIN_KEY]);

#endif
