/* SPDX-License-Identifier: Apache-2.0
 * Until when a message may be acted on: frame 0x06 and its judgement, docs/spec/expiry.md. The frame
 * stands inside the AEAD of v1 packets and of session messages; nothing here is secret.
 *
 *   0 0x06  1 kind  2 value u64 */
#ifndef PQI_SESSION_EXPIRY_H
#define PQI_SESSION_EXPIRY_H

#include <pqi/v1.h>
#include <stdbool.h>

#define PQI_FRAME_EXPIRY 0x06u
#define PQI_EXPIRY_LEN   10u

/* What the receiver knows of the time. Control time only moves on authenticated input: what is known is
 * a lower bound. */
typedef struct pqi_expiry_clock {
    uint64_t unix_s;        /* 0: no wall clock */
    uint32_t control_epoch; /* 0: no head yet */
    uint32_t tick;          /* of that epoch */
    bool has_tick;          /* false: only the epoch is known */
    uint64_t unix_far;      /* a wall clock ahead of it that is not believed; 0: none */
} pqi_expiry_clock;

/* PQI_OK; PQI_ERR_ARG: kind 0 or unknown, unix second 0. out is zero then. */
PQI_MUST_CHECK pqi_status pqi_expiry_write(const pqi_expiry *e, uint8_t out[PQI_EXPIRY_LEN]);

/* in: exactly the frame. PQI_OK; PQI_ERR_DECODE: another length, type or kind, unix second 0: an unknown
 * kind may be a condition that a later version sets, so it is never skipped. *out is untouched then. */
PQI_MUST_CHECK pqi_status pqi_expiry_read(pqi_cspan in, pqi_expiry *out);

/* e->kind 0: PQI_EXPIRY_NONE. */
pqi_expiry_state pqi_expiry_judge(const pqi_expiry *e, const pqi_expiry_clock *c);

/* Is a message of that class delivered in that state? What is past is not, what nobody can tell about is
 * for class L alone; class S always is, marked. */
bool pqi_expiry_delivers(pqi_expiry_state state, pqi_class cls);

#endif
