/* SPDX-License-Identifier: Apache-2.0
 * Shared by the files of the device's control state. docs/spec/control.md sections 3 to 5. */
#ifndef PQI_CONTROL_CTL_INT_H
#define PQI_CONTROL_CTL_INT_H

#include <pqi/ctl.h>

#include <stdbool.h>

#define HOUR_MS     3600000u
#define AGE_LOST    UINT64_MAX /* of a clock: nobody knows how old; ticks take nothing off it */
#define STEPS_CHEAP 64u        /* hashes of a chain that anybody may cost us */

#define PQI_CTL_REV_HEAD     58u  /* bytes of record `ctl-rev` before its entries */
#define PQI_CTL_POLICY_PLAIN 256u /* a policy without rows is shorter */

/* ---- records and floors: ctl_store.c --------------------------------------------------------------- */

typedef enum pqi_ctl_record {
    PQI_CTL_REC = 0,
    PQI_CTL_REC_REV,
    PQI_CTL_REC_POLICY,
    PQI_CTL_REC_ROOT
} pqi_ctl_record;

enum {
    FLOOR_HEAD,
    FLOOR_POLICY,
    FLOOR_REV,
    FLOOR_ROSTER,
    FLOOR_TIME,
    FLOOR_ROOT
}; /* of pqi_ctl.floor */

/* Numbers count under their root version. */
static inline uint64_t pqi_ctl_mark(uint32_t root_version, uint32_t number)
{
    return (uint64_t)root_version << 32 | number;
}

/* The number below which nothing of our root version is taken. */
uint32_t pqi_ctl_floor(const pqi_ctl *c, unsigned floor);
/* What we have is less than what we had. */
bool pqi_ctl_behind(const pqi_ctl *c, unsigned floor, uint64_t have);
/* Our root is an older one than we had. */
bool pqi_ctl_root_behind(const pqi_ctl *c);

/* Reads all counters. */
PQI_MUST_CHECK pqi_status pqi_ctl_floors_read(pqi_ctl *c);
/* Moves a counter; at or below where it is: nothing. PQI_OK; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_ctl_floor_move(pqi_ctl *c, unsigned floor, uint64_t to);

/* Writes a record; plain may lie in cfg.tmp, buf is room behind it. PQI_OK; PQI_ERR_STORAGE. */
PQI_MUST_CHECK pqi_status pqi_ctl_save(
    pqi_ctl *c, pqi_ctl_record which, pqi_cspan plain, pqi_span buf);
/* Reads one. PQI_OK; PQI_ERR_MISSING: none, or no longer one; PQI_ERR_SPACE; PQI_ERR_PROVIDER. */
PQI_MUST_CHECK pqi_status pqi_ctl_load(
    pqi_ctl *c, pqi_ctl_record which, pqi_span plain, pqi_span buf, size_t *len);

/* A copy of c->s at the front of cfg.tmp, to be changed and committed. */
pqi_ctl_state *pqi_ctl_draft(pqi_ctl *c);
/* Record `ctl`, its counters, then c->s. PQI_OK; PQI_ERR_STORAGE: c->s is as it was. */
PQI_MUST_CHECK pqi_status pqi_ctl_commit(pqi_ctl *c, const pqi_ctl_state *draft);
/* At the start. PQI_OK, also when there is nothing. */
PQI_MUST_CHECK pqi_status pqi_ctl_state_load(pqi_ctl *c);

/* ---- time: ctl_time.c -------------------------------------------------------------------------------- */

/* Uptime never goes back here: where it does, it goes on from what was seen. */
uint64_t pqi_ctl_up(const pqi_ctl *c, const pqi_now *now);
void pqi_ctl_see(pqi_ctl *c, const pqi_now *now);
uint64_t pqi_ctl_tick_ms(const pqi_ctl *c);
uint64_t pqi_ctl_clock_age(const pqi_ctl_clock *k, uint64_t up);
/* The age is lost: of the fleet's ticks, and of the delegates'. */
void pqi_ctl_clock_lose(pqi_ctl_state *s);
/* A tick was heard that is `ticks` newer than the newest one before. */
void pqi_ctl_clock_hear(pqi_ctl_clock *k, uint64_t up, uint64_t ticks, uint64_t tick_ms);
/* It is at most so old, somebody says whom we asked. */
void pqi_ctl_clock_vouch(pqi_ctl_clock *k, uint64_t up, uint64_t age_ms);
/* Ticks of delegates are no older than the head's base and their number say. */
void pqi_ctl_local_ages(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up);
/* The fleet's newest tick is this one, or it was already a later one. */
void pqi_ctl_heard(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up, uint32_t number);

/* Signed time and uptime since. */
uint64_t pqi_ctl_estimate(const pqi_ctl_state *s, uint64_t up);
/* Signed time of a head; of a statement that was asked for at asked_ms. 0: it was not taken, or nothing is
 * new; else PQI_CTL_TIME_STEP. */
unsigned pqi_ctl_time_head(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up, uint64_t time_s);
void pqi_ctl_time_statement(const pqi_ctl *c, pqi_ctl_state *s, uint64_t asked_ms, uint64_t time_s);
/* Is the wall clock where it may be? */
bool pqi_ctl_wall_ok(const pqi_ctl *c, const pqi_now *now);

/* ---- objects ------------------------------------------------------------------------------------------ */

/* A call: what the checks of an object pass on. */
typedef struct pqi_ctl_call {
    uint64_t up;
    pqi_cspan in;
    unsigned what; /* PQI_CTL_* */
} pqi_ctl_call;

/* The head in force is of our root version. */
bool pqi_ctl_has_head(const pqi_ctl *c);
/* pqi_ctl_fresh() at an uptime of ours. */
pqi_fresh pqi_ctl_fresh_at(const pqi_ctl *c, uint64_t up, pqi_cspan topic);
/* The root names a head key. */
bool pqi_ctl_has_plane(const pqi_ctl *c);
/* The rules that hold when the policy is none, or lost. */
void pqi_ctl_policy_none(pqi_ctl *c, bool lost);
/* The head names another policy, or there was one. */
bool pqi_ctl_policy_gap(const pqi_ctl *c);
bool pqi_ctl_rev_gap(const pqi_ctl *c);
/* Entries of our root version's log that a question says we have. */
uint32_t pqi_ctl_rev_known(const pqi_ctl *c);
bool pqi_ctl_roster_gap(const pqi_ctl *c);
/* Own entries beyond what the head covers do not count any more once it covers them. */
void pqi_ctl_rev_covered(pqi_ctl *c);
/* Room of cfg.tmp behind `used` bytes, 8-aligned. */
pqi_span pqi_ctl_tmp(const pqi_ctl *c, size_t used);
/* PQI_ASK_* that are due. */
uint8_t pqi_ctl_due(const pqi_ctl *c, uint64_t up);
/* Something new is here, so what is still missing may be had too. */
void pqi_ctl_ask_soon(pqi_ctl *c);
/* The nonce was answered: the age is right again. */
void pqi_ctl_answered(pqi_ctl *c);

/* One pair for each kind: the checks that cost no public key, and taking it. Statuses as of pqi_ctl_peek()
 * and of pqi_ctl_event. */
typedef struct pqi_ctl_kind {
    pqi_status (*peek)(const pqi_ctl *c, const pqi_ctl_call *k);
    pqi_status (*take)(pqi_ctl *c, pqi_ctl_call *k);
} pqi_ctl_kind;
extern const pqi_ctl_kind pqi_ctl_kind_root, pqi_ctl_kind_head, pqi_ctl_kind_tick,
    pqi_ctl_kind_roster, pqi_ctl_kind_policy, pqi_ctl_kind_revocations, pqi_ctl_kind_statement,
    pqi_ctl_kind_path;

/* Loading what the kinds store. PQI_OK, also when there is nothing; PQI_ERR_SPACE: a room of cfg. */
PQI_MUST_CHECK pqi_status pqi_ctl_root_load(pqi_ctl *c);
PQI_MUST_CHECK pqi_status pqi_ctl_policy_load(pqi_ctl *c);
PQI_MUST_CHECK pqi_status pqi_ctl_rev_load(pqi_ctl *c);

#endif
