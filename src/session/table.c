/* SPDX-License-Identifier: Apache-2.0
 * The session table: docs/spec/session.md section 2. */
#include "session/table.h"

#include "base/mem.h"

#include <pqi/wipe.h>

#define FREE 0x80000000u /* in `link`: the rest is the next free position + 1 */

/* In front of each session. */
typedef struct place {
    uint32_t rsid; /* the one given out last; 0: none yet */
    uint32_t link; /* taken: the owner; free: FREE and the next in the list */
} place;
_Static_assert(sizeof(place) == PQI_TABLE_PLACE, "head of a place");

static place *place_at(const pqi_table *t, uint32_t position)
{
    return (place *)(void *)(t->mem + (size_t)position * t->stride);
}

/* The taken place of a reference, or NULL. */
static place *taken(const pqi_table *t, pqi_table_ref ref)
{
    if (ref - 1u >= t->capacity) {
        return NULL;
    }
    place *p = place_at(t, ref - 1u);
    return (p->link & FREE) != 0 ? NULL : p;
}

static size_t stride_of(size_t session_len)
{
    return (session_len + PQI_TABLE_PLACE + 7u) & ~(size_t)7u;
}

size_t pqi_table_len(uint32_t capacity, size_t session_len)
{
    if (capacity - 1u >= PQI_TABLE_MAX || session_len - 1u >= UINT16_MAX || session_len % 4u != 0) {
        return 0;
    }
    size_t stride = stride_of(session_len);
    return capacity > SIZE_MAX / stride ? 0 : capacity * stride;
}

pqi_status pqi_table_init(
    pqi_table *t, uint32_t capacity, size_t session_len, unsigned width, pqi_span mem)
{
    size_t need = pqi_table_len(capacity, session_len);
    if (t == NULL || need == 0 || (width != PQI_TABLE_RSID && width != PQI_TABLE_RSID_SHORT) ||
        mem.ptr == NULL || ((uintptr_t)mem.ptr & 7u) != 0) {
        return PQI_ERR_ARG;
    }
    unsigned bits = 0;
    while (((uint32_t)1 << bits) < capacity) {
        bits++;
    }
    if (width - bits < PQI_TABLE_GEN_MIN) {
        return PQI_ERR_ARG;
    }
    if (mem.len < need) {
        return PQI_ERR_SPACE;
    }
    memset(mem.ptr, 0, need);
    *t = (pqi_table){.mem = mem.ptr,
        .stride = (uint32_t)stride_of(session_len),
        .session_len = (uint32_t)session_len,
        .capacity = capacity,
        .first = 1,
        .last = capacity,
        .bits = (uint8_t)bits,
        .width = (uint8_t)width};
    for (uint32_t i = 0; i < capacity; i++) {
        place_at(t, i)->link = FREE | (i + 1u < capacity ? i + 2u : 0u);
    }
    return PQI_OK;
}

/* A generation that is not 0 and not `past`: the first try hits either with a chance of 2^-5 at
 * most, and the next values do as well. */
static uint32_t generation(const pqi_table *t, uint32_t drawn, uint32_t past)
{
    uint32_t mask = (uint32_t)((UINT64_C(1) << (t->width - t->bits)) - 1u);
    uint32_t g = drawn & mask;
    while (g == 0 || g == past) {
        g = (g + 1u) & mask;
    }
    return g;
}

pqi_status pqi_table_take(pqi_table *t, pqi_provider *p, uint32_t owner, pqi_table_ref *ref)
{
    if (t == NULL || ref == NULL || (owner & FREE) != 0) {
        return PQI_ERR_ARG;
    }
    if (t->first == 0) {
        return PQI_ERR_LIMIT;
    }
    uint8_t r[4] = {0};
    pqi_status st = pqi_provider_random(p, (pqi_span){r, sizeof r});
    if (st != PQI_OK) {
        return st;
    }
    uint32_t drawn =
        (uint32_t)r[0] << 24 | (uint32_t)r[1] << 16 | (uint32_t)r[2] << 8 | (uint32_t)r[3];
    uint32_t position = t->first - 1u;
    place *q = place_at(t, position);
    t->first = q->link & ~FREE;
    t->last = t->first == 0 ? 0 : t->last;
    q->rsid = generation(t, drawn, q->rsid >> t->bits) << t->bits | position;
    q->link = owner;
    t->used++;
    *ref = position + 1u;
    return PQI_OK;
}

void pqi_table_drop(pqi_table *t, pqi_table_ref *ref)
{
    place *q = taken(t, *ref);
    if (q != NULL) {
        pqi_wipe(q + 1, t->stride - sizeof *q);
        q->link = FREE;
        if (t->last == 0) {
            t->first = *ref;
        } else {
            place_at(t, t->last - 1u)->link = FREE | *ref;
        }
        t->last = *ref;
        t->used--;
    }
    *ref = 0;
}

bool pqi_table_find(const pqi_table *t, uint32_t rsid, pqi_table_ref *ref, uint32_t *owner)
{
    uint32_t position = rsid & (uint32_t)((UINT64_C(1) << t->bits) - 1u);
    const place *q = taken(t, position + 1u);
    bool found = q != NULL && q->rsid == rsid;
    *ref = found ? position + 1u : 0;
    *owner = found ? q->link : 0;
    return found;
}

void *pqi_table_at(const pqi_table *t, pqi_table_ref ref)
{
    place *q = taken(t, ref);
    return q == NULL ? NULL : q + 1;
}

uint32_t pqi_table_rsid(const pqi_table *t, pqi_table_ref ref)
{
    const place *q = taken(t, ref);
    return q == NULL ? 0 : q->rsid;
}
