/* SPDX-License-Identifier: Apache-2.0
 * What the two kinds of schedules have in common: algorithms (real, or the TEST DOUBLES), places for
 * packets, and a watch over every (key, nonce) that seals. The form of schedules and outcomes stands in
 * schedule_ratchet.py and schedule_pair.py, and nowhere else. */
#ifndef PQI_TESTS_SESSION_SCHEDULE_RIG_H
#define PQI_TESTS_SESSION_SCHEDULE_RIG_H

#include "session/ratchet.h"
#include "support/fake_provider.h"

#define RIG_HEAD    18u
#define RIG_STEP    4u
#define RIG_OUTCOME 8u
#define RIG_PLACES  1024u
#define RIG_PACKET  4096u

/* In place of a status: what no schedule may bring about. */
enum {
    RIG_NONE = 127,    /* nothing in that place */
    RIG_IDLE = 126,    /* nothing was due */
    RIG_CHANGED = 125, /* a failed call changed something */
    RIG_OTHER = 124,   /* another text than was sealed */
    RIG_REUSED = 123,  /* a key and nonce sealed twice */
    RIG_SPLIT = 122    /* no resumption secret in common */
};

typedef struct rig_head {
    uint8_t kind, profile, chunk, flags;
    uint16_t steps, d_msgs, h_msgs, d_s, h_s, grace_s, epoch_msgs;
} rig_head;
#define RIG_BURST 0x01u

typedef struct rig_step {
    uint8_t op, a;
    uint16_t b;
} rig_step;

typedef struct rig_place {
    size_t len;
    uint8_t from, text; /* who made it; bytes of its application message */
    uint8_t control;    /* no application message */
    uint8_t where;      /* pair: topic */
    uint8_t packet[RIG_PACKET];
} rig_place;

typedef struct rig {
    bool real;
    pqi_classic classic;
    pqi_algs algs;
    const pqi_suite *suite;
    const pqi_sig *sig;
    fake_provider provider[2];
    rig_head head;
    uint64_t now_ms;
    bool reused;
    rig_place *places; /* RIG_PLACES */
} rig;

extern rig rig_it;

bool rig_open(bool real);
/* Before each schedule. */
void rig_begin(const rig_head *h);
void rig_limits(pqi_ratchet_limits *out);
const pqi_chain_profile *rig_profile_of(void);
/* The text of an application message in a place. */
void rig_text(unsigned place, uint8_t *out, size_t len);
void rig_put16(uint8_t *p, unsigned v);
/* Status of a call, or what the rig saw. */
uint8_t rig_verdict(pqi_status st);

/* schedule_session.c, schedule_devices.c: one step, 8 bytes of outcome. */
bool session_begin(void);
void session_step(const rig_step *s, uint8_t out[RIG_OUTCOME]);
bool devices_begin(void);
void devices_step(const rig_step *s, uint8_t out[RIG_OUTCOME]);

#endif
