/* SPDX-License-Identifier: Apache-2.0
 * Token buckets, docs/spec/v1.md section 6. */
#include "session/budget.h"

#define UNITS_PER_MS 1000000u /* ms * per_1000s * PQI_TOKEN / this = units */

static uint32_t cap_of(const pqi_rate *r)
{
    uint32_t burst = r->burst < PQI_RATE_BURST_MAX ? r->burst : PQI_RATE_BURST_MAX;
    return burst * PQI_TOKEN;
}

void pqi_bucket_fill(pqi_bucket *b, const pqi_rate *r, uint64_t now_ms)
{
    b->last_ms = now_ms;
    b->level = cap_of(r);
}

/* Level after the time since last_ms, at most the burst. */
static uint32_t level_at(const pqi_bucket *b, const pqi_rate *r, uint64_t now_ms)
{
    uint32_t cap = cap_of(r);
    if (b->level >= cap) {
        return cap;
    }
    if (now_ms <= b->last_ms) {
        return b->level; /* time that goes back earns nothing */
    }
    uint64_t k = (uint64_t)r->per_1000s * PQI_TOKEN; /* < 2^42 */
    if (k == 0) {
        return b->level;
    }
    uint64_t passed = now_ms - b->last_ms;
    uint64_t room = (uint64_t)cap - b->level;
    uint64_t full = (room * UNITS_PER_MS + k - 1u) / k; /* ms to fill up: room < 2^30 */
    if (passed >= full) {
        return cap;
    }
    /* passed < full, so the product is below room * 10^6 + k < 2^51: no overflow */
    return b->level + (uint32_t)(passed * k / UNITS_PER_MS);
}

bool pqi_bucket_take(pqi_bucket *b, const pqi_rate *r, uint64_t now_ms)
{
    uint32_t level = level_at(b, r, now_ms);
    if (level < PQI_TOKEN) {
        return false; /* last_ms stays: what a short step earns is never rounded away by asking */
    }
    b->level = level - PQI_TOKEN;
    if (now_ms > b->last_ms) {
        b->last_ms = now_ms;
    }
    return true;
}

void pqi_bucket_refund(pqi_bucket *b, const pqi_rate *r)
{
    uint32_t cap = cap_of(r);
    uint32_t room = b->level < cap ? cap - b->level : 0;
    b->level += room < PQI_TOKEN ? room : PQI_TOKEN;
}
