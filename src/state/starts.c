/* SPDX-License-Identifier: Apache-2.0
 * Start numbers: docs/spec/resume.md section 9. */
#include "state/starts.h"

#include <stddef.h>

/* The counter moves first, so a cut wastes numbers and never gives one twice. */
static pqi_status reserve(pqi_starts *s)
{
    if (s->end > UINT32_MAX - PQI_STARTS_AHEAD) {
        return PQI_ERR_LIMIT;
    }
    const uint64_t end = s->end + PQI_STARTS_AHEAD;
    pqi_status st = pqi_provider_counter_advance(s->provider, PQI_SLOT_BOOT, end);
    if (st == PQI_OK) {
        s->end = end;
    }
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

pqi_status pqi_starts_open(pqi_starts *s, pqi_provider *p)
{
    if (s == NULL || p == NULL) {
        return PQI_ERR_ARG;
    }
    *s = (pqi_starts){0};
    uint64_t counter = 0;
    pqi_status st = pqi_provider_counter_get(p, PQI_SLOT_BOOT, &counter);
    if (st != PQI_OK) {
        return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
    }
    pqi_starts got = {p, counter, counter};
    st = reserve(&got);
    if (st == PQI_OK) {
        *s = got;
    }
    return st;
}

pqi_status pqi_starts_take(pqi_starts *s, uint32_t *n)
{
    if (n != NULL) {
        *n = 0;
    }
    if (s == NULL || n == NULL) {
        return PQI_ERR_ARG;
    }
    if (s->provider == NULL) {
        return PQI_ERR_STATE;
    }
    pqi_status st = s->used == s->end ? reserve(s) : PQI_OK;
    if (st == PQI_OK) {
        s->used++;
        *n = (uint32_t)s->used;
    }
    return st;
}
