/* SPDX-License-Identifier: Apache-2.0
 * Two-slot journal, docs/spec/state.md section 1.
 *
 * Generation G lives in slot G mod 2. A save writes the slot of the older record and only then
 * advances the counter C, so the record of generation C is never touched. G is the newest record
 * that unseals:
 *
 *   G == C                    normal
 *   G == C + 1                cut between write and advance: advance, go on
 *   G <  C                    PQI_ERR_ROLLBACK: an old copy was put back
 *   G >  C + 1                PQI_ERR_ROLLBACK: the counter was put back
 *   none, C == 0              PQI_ERR_MISSING: fresh (a torn first write was never acknowledged)
 *   none, C > 0, some bytes   PQI_ERR_STORAGE: damaged
 *   none, C > 0, both gone    PQI_ERR_ROLLBACK: deleted */
#include <pqi/store.h>
#include <pqi/wipe.h>

#include "base/rd.h"
#include "base/wr.h"

#define STORE_MAGIC    0x50514953u /* "PQIS" */
#define STORE_VERSION  0x00010000u /* version 1, no flags */
#define STORE_HDR      20u
#define STORE_NAME_MAX 32u

_Static_assert(STORE_HDR + PQI_SEAL_OVERHEAD == PQI_STORE_OVERHEAD, "documented overhead");

/* What the header of a slot claims; nothing is authentic before the blob unseals. */
typedef enum slot_kind { SLOT_ABSENT, SLOT_DAMAGED, SLOT_LONG, SLOT_CLAIMS } slot_kind;

typedef struct slot_view {
    slot_kind kind;
    uint64_t generation;
} slot_view;

static size_t name_len(const char *name)
{
    size_t n = 0;
    for (; name[n] != 0; n++) {
        char c = name[n];
        int good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!good || n == STORE_NAME_MAX) {
            return 0;
        }
    }
    return n;
}

/* A device that wants more time cannot be waited for here: fail, and let the caller start over. */
static pqi_status settled(pqi_status st)
{
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

/* Reads slot `which` into buf and checks everything that needs no key. */
static slot_view slot_read(const pqi_store *s, unsigned which, pqi_span buf, pqi_cspan *blob)
{
    slot_view v = {SLOT_DAMAGED, 0};
    size_t n = 0;
    pqi_status st = s->nvm->read(s->nvm->ctx, s->name, which, buf, &n);
    if (st == PQI_ERR_MISSING) {
        v.kind = SLOT_ABSENT;
        return v;
    }
    if (st == PQI_ERR_SPACE) {
        v.kind = SLOT_LONG;
        return v;
    }
    if (st != PQI_OK || n > buf.len) {
        return v;
    }
    rd r = rd_of((pqi_cspan){buf.ptr, n});
    rd_expect(&r, 4, STORE_MAGIC);
    rd_expect(&r, 4, STORE_VERSION);
    uint64_t generation = rd_u64(&r);
    size_t blob_len = rd_u32(&r);
    pqi_cspan bytes = rd_bytes(&r, blob_len);
    if (rd_done(&r) != PQI_OK || blob_len < PQI_SEAL_OVERHEAD || generation == 0 ||
        generation % 2 != which) {
        return v;
    }
    v.kind = SLOT_CLAIMS;
    v.generation = generation;
    *blob = bytes;
    return v;
}

/* PQI_ERR_AUTH: this slot does not hold what its header claims. */
static pqi_status slot_unseal(
    const pqi_store *s, unsigned which, pqi_span buf, pqi_span plain, size_t *len)
{
    pqi_cspan blob = {NULL, 0};
    slot_view v = slot_read(s, which, buf, &blob);
    if (v.kind != SLOT_CLAIMS) {
        return PQI_ERR_AUTH;
    }
    size_t n = blob.len - PQI_SEAL_OVERHEAD;
    if (n > plain.len) {
        return PQI_ERR_SPACE;
    }
    pqi_cspan label = {(const uint8_t *)s->name, name_len(s->name)};
    pqi_span out = {plain.ptr, n};
    pqi_status st = settled(pqi_provider_unseal(s->provider, label, v.generation, blob, out));
    if (st == PQI_OK) {
        *len = n;
    }
    return st;
}

/* The newest slot that unseals; generation 0 if none does. Statuses are those of the platform. */
static pqi_status newest(const pqi_store *s, slot_view view[2], pqi_span buf, pqi_span plain,
    size_t *len, uint64_t *generation)
{
    pqi_cspan blob = {NULL, 0};
    view[0] = slot_read(s, 0, buf, &blob);
    view[1] = slot_read(s, 1, buf, &blob);
    unsigned first = view[1].generation > view[0].generation ? 1u : 0u;
    *generation = 0;
    for (unsigned i = 0; i < 2; i++) {
        unsigned which = first ^ i;
        if (view[which].kind != SLOT_CLAIMS) {
            continue;
        }
        pqi_status st = slot_unseal(s, which, buf, plain, len);
        if (st == PQI_OK) {
            *generation = view[which].generation;
            return PQI_OK;
        }
        if (st != PQI_ERR_AUTH) {
            return st;
        }
        view[which].kind = SLOT_DAMAGED;
    }
    return PQI_OK;
}

static pqi_status nothing_valid(const slot_view view[2], uint64_t counter)
{
    if (view[0].kind == SLOT_LONG || view[1].kind == SLOT_LONG) {
        return PQI_ERR_SPACE;
    }
    if (counter == 0) {
        return PQI_ERR_MISSING;
    }
    int gone = view[0].kind == SLOT_ABSENT && view[1].kind == SLOT_ABSENT;
    return gone ? PQI_ERR_ROLLBACK : PQI_ERR_STORAGE;
}

static pqi_status judge(pqi_store *s, uint64_t generation, uint64_t counter)
{
    if (generation == counter) {
        return PQI_OK;
    }
    if (generation - 1 == counter) {
        return settled(pqi_provider_counter_advance(s->provider, s->slot, generation));
    }
    return PQI_ERR_ROLLBACK;
}

pqi_status pqi_store_open(pqi_store *s, pqi_provider *p, const pqi_nvm *nvm, const char *name,
    uint32_t slot, pqi_span buf, pqi_span plain, size_t *len)
{
    if (len != NULL) {
        *len = 0;
    }
    if (s == NULL || p == NULL || nvm == NULL || nvm->read == NULL || nvm->write == NULL ||
        name == NULL || name_len(name) == 0 || len == NULL || buf.ptr == NULL ||
        plain.ptr == NULL || buf.len < PQI_STORE_OVERHEAD) {
        return PQI_ERR_ARG;
    }
    *s = (pqi_store){.provider = p, .nvm = nvm, .name = name, .slot = slot};
    uint64_t counter = 0;
    pqi_status st = settled(pqi_provider_counter_get(p, slot, &counter));
    if (st != PQI_OK) {
        return st;
    }
    slot_view view[2];
    uint64_t generation = 0;
    st = newest(s, view, buf, plain, len, &generation);
    if (st == PQI_OK) {
        st = generation == 0 ? nothing_valid(view, counter) : judge(s, generation, counter);
    }
    if (st == PQI_OK || st == PQI_ERR_MISSING) {
        s->generation = generation;
        s->open = 1;
        return st;
    }
    pqi_wipe(plain.ptr, *len);
    *len = 0;
    return st;
}

pqi_status pqi_store_save(pqi_store *s, pqi_cspan plain, pqi_span buf)
{
    if (s == NULL || (plain.ptr == NULL && plain.len != 0) || buf.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    if (!s->open || s->generation == UINT64_MAX) {
        return PQI_ERR_STATE;
    }
    if (buf.len < PQI_STORE_OVERHEAD || plain.len > buf.len - PQI_STORE_OVERHEAD ||
        plain.len > UINT32_MAX - PQI_SEAL_OVERHEAD) {
        return PQI_ERR_SPACE;
    }
    uint64_t generation = s->generation + 1;
    pqi_span blob = {buf.ptr + STORE_HDR, plain.len + PQI_SEAL_OVERHEAD};
    pqi_cspan label = {(const uint8_t *)s->name, name_len(s->name)};
    pqi_status st = settled(pqi_provider_seal(s->provider, label, generation, plain, blob));
    if (st != PQI_OK) {
        return st;
    }
    wr h = wr_of((pqi_span){buf.ptr, STORE_HDR});
    wr_u32(&h, STORE_MAGIC);
    wr_u32(&h, STORE_VERSION);
    wr_u64(&h, generation);
    wr_u32(&h, (uint32_t)blob.len);
    /* From here on the medium may hold the new generation whatever is answered: a second, different
     * record must not get the same number, so a failure closes the store until it is opened again
     * and has looked. */
    s->open = 0;
    pqi_cspan rec = {buf.ptr, STORE_HDR + blob.len};
    st = s->nvm->write(s->nvm->ctx, s->name, (unsigned)(generation % 2), rec);
    if (st != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    st = settled(pqi_provider_counter_advance(s->provider, s->slot, generation));
    if (st == PQI_OK) {
        s->generation = generation;
        s->open = 1;
    }
    return st;
}
