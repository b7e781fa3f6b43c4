/* SPDX-License-Identifier: Apache-2.0
 * Start numbers of a device, for RESUME1: each is above all before, over restarts. They come from a
 * counter of the provider, which is moved ahead before a number is used: one move for each start, and
 * one for each PQI_STARTS_AHEAD further numbers. docs/spec/resume.md section 9.
 *
 * Not thread-safe per object. */
#ifndef PQI_STATE_STARTS_H
#define PQI_STATE_STARTS_H

#include <pqi/provider.h>

#define PQI_STARTS_AHEAD 16u

typedef struct pqi_starts {
    pqi_provider *provider;
    uint64_t used; /* the last number given out, or reserved by an earlier start */
    uint64_t end;  /* the last number reserved */
} pqi_starts;

/* Reserves numbers. PQI_OK; PQI_ERR_LIMIT: 2^32 - 1 is reached; PQI_ERR_ARG; statuses of the counter;
 * on error no number can be taken. */
PQI_MUST_CHECK pqi_status pqi_starts_open(pqi_starts *s, pqi_provider *p);

/* The next number, never 0. Statuses of pqi_starts_open; PQI_ERR_STATE: not open; *n is 0 then. */
PQI_MUST_CHECK pqi_status pqi_starts_take(pqi_starts *s, uint32_t *n);

#endif
