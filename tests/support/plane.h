/* SPDX-License-Identifier: Apache-2.0
 * The control plane of the fleet of support/fleet.h: heads, ticks, policies, rosters, revocations and
 * answers, made as they would be by the keys that may. Deterministic. */
#ifndef PQI_TESTS_PLANE_H
#define PQI_TESTS_PLANE_H

#include "support/fleet.h"

#define PLANE_LOG     32u
#define PLANE_HEADS   64u
#define PLANE_ROSTER  8u
#define PLANE_TICKS   168u
#define PLANE_TICK_MS 3600000u /* pqi_policy_default */

typedef struct plane {
    fleet *f;
    uint32_t epoch;     /* of the newest head; 0: none yet */
    uint32_t tick;      /* newest tick of it that was shown */
    uint8_t hash[32];   /* of it */
    uint32_t tick_base; /* of the newest head */
    uint64_t time_s;    /* signed into heads; 0: not said */
    pqi_policy policy;  /* the newest one made; seq 0: none */
    uint8_t policy_hash[32];
    pqi_revoked log[PLANE_LOG];
    uint32_t n_log;
    uint32_t roster_seq, n_roster;
    pqi_leaf roster[PLANE_ROSTER];
    uint8_t roster_root[32];
    pqi_head head; /* as it was signed last; its spans are empty */
} plane;

/* A fleet whose root names a head key and a policy key, from version 1 on. */
plane *plane_new(void);
/* The fleet of before again. */
void plane_free(plane *p);

/* The next head: policy, revocations and roster as they are. */
void plane_head(plane *p, msg *m);
/* Another head of the epoch of the newest one. */
void plane_twin(plane *p, msg *m);
/* A head of this epoch that says what is so now, and it signed by any key of the fleet: nothing here moves. */
void plane_fields(const plane *p, uint32_t epoch, pqi_head *h);
void plane_sign(const plane *p, pqi_key signer, const pqi_head *h, msg *m);
/* Tick i of the newest head. */
void plane_tick(plane *p, uint32_t i, msg *m);
/* rules into a policy with the next number; rows as in p->policy. The next head names it. */
void plane_policy(plane *p, const pqi_policy_rules *rules, msg *m);
/* One more entry of the log, and the part of the log from `from` on. */
void plane_revoke(plane *p, uint32_t roster_index, uint32_t min_epoch);
void plane_log(plane *p, uint32_t from, msg *m);
/* The devices of the roster, which the next head names. */
void plane_roster(plane *p, dev *const *devs, uint32_t n, msg *m);
/* The path of one of them, as an answer to it. */
void plane_path(plane *p, const dev *d, msg *m);
/* A statement that answers the question q for d: epoch and tick are the newest ones. */
void plane_statement(plane *p, const dev *d, const msg *q, msg *m);
/* The root manifest in force at the fleet. */
void plane_root(plane *p, msg *m);

/* Shows d the next tick of the newest head, which it has: it is FRESH then. */
void plane_freshen(plane *p, dev *d);
/* Lets uptime pass. */
void dev_wait(dev *d, uint64_t ms);
/* The next question that d asks the control plane; others of its packets are dropped. */
bool plane_question(dev *d, msg *q);

#endif
