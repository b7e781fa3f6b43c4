/* SPDX-License-Identifier: Apache-2.0
 * Token buckets in fixed point, docs/spec/v1.md section 6. One token is 1024 units; a rate of
 * per_1000s tokens in 1000 s adds ms * per_1000s * 1024 / 10^6 units. */
#ifndef PQI_SESSION_BUDGET_H
#define PQI_SESSION_BUDGET_H

#include <pqi/endpoint.h>
#include <stdbool.h>

#define PQI_TOKEN          1024u
#define PQI_RATE_BURST_MAX 1000000u /* tokens: 1024 * this fits 32 bits */

/* A full bucket. */
void pqi_bucket_fill(pqi_bucket *b, const pqi_rate *r, uint64_t now_ms);

/* Refills for the time passed (none when the clock went back) and takes one token if there is one. */
PQI_MUST_CHECK bool pqi_bucket_take(pqi_bucket *b, const pqi_rate *r, uint64_t now_ms);

/* Gives one token back, never above the burst. */
void pqi_bucket_refund(pqi_bucket *b, const pqi_rate *r);

#endif
