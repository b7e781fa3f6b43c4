/* SPDX-License-Identifier: Apache-2.0
 * Two-slot journal without a counter: docs/spec/resume.md section 8. Generation G lives in slot G mod
 * 2; the newest one that unseals is the record. */
#include "state/journal.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"

#include <pqi/wipe.h>

#define MAGIC     0x5051494au /* "PQIJ" */
#define VERSION   0x00010000u
#define HDR       20u
#define GEN_MAX   (UINT64_MAX / 2u)
#define LABEL_LEN (8u + PQI_JOURNAL_NAME)

_Static_assert(HDR + PQI_SEAL_OVERHEAD == PQI_JOURNAL_OVERHEAD, "documented overhead");
_Static_assert(LABEL_LEN <= PQI_LABEL_MAX, "a label of the provider");

typedef enum slot_kind { SLOT_ABSENT, SLOT_DAMAGED, SLOT_LONG, SLOT_CLAIMS } slot_kind;

typedef struct slot_view {
    slot_kind kind;
    uint64_t generation; /* claimed, not authentic */
    pqi_cspan blob;
} slot_view;

static size_t name_len(const char *name)
{
    size_t n = 0;
    for (; name[n] != 0; n++) {
        char c = name[n];
        bool good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
        if (!good || n == PQI_JOURNAL_NAME) {
            return 0;
        }
    }
    return n;
}

/* "journal " and the name: a space is in no name, so no record of a store unseals as one of a journal. */
static pqi_cspan label_of(const pqi_journal *j, uint8_t label[LABEL_LEN])
{
    size_t len = 0;
    wr w = wr_of((pqi_span){label, LABEL_LEN});
    wr_bytes(&w, (pqi_cspan){PQI_LIT("journal ")});
    wr_bytes(&w, (pqi_cspan){(const uint8_t *)j->name, name_len(j->name)});
    return wr_done(&w, &len) == PQI_OK ? (pqi_cspan){label, len} : (pqi_cspan){NULL, 0};
}

/* A device that wants more time cannot be waited for here. */
static pqi_status settled(pqi_status st)
{
    return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
}

/* Reads a slot into buf and checks everything that needs no key. */
static slot_view slot_read(const pqi_journal *j, unsigned which, pqi_span buf)
{
    slot_view v = {SLOT_DAMAGED, 0, {NULL, 0}};
    size_t n = 0;
    pqi_status st = j->nvm->read(j->nvm->ctx, j->name, which, buf, &n);
    if (st == PQI_ERR_MISSING || st == PQI_ERR_SPACE) {
        v.kind = st == PQI_ERR_MISSING ? SLOT_ABSENT : SLOT_LONG;
        return v;
    }
    if (st != PQI_OK || n > buf.len) {
        return v;
    }
    rd r = rd_of((pqi_cspan){buf.ptr, n});
    rd_expect(&r, 4, MAGIC);
    rd_expect(&r, 4, VERSION);
    uint64_t generation = rd_u64(&r);
    size_t blob_len = rd_u32(&r);
    pqi_cspan blob = rd_bytes(&r, blob_len);
    if (rd_done(&r) == PQI_OK && blob_len >= PQI_SEAL_OVERHEAD && generation != 0 &&
        generation <= GEN_MAX && generation % 2u == which) {
        v = (slot_view){SLOT_CLAIMS, generation, blob};
    }
    return v;
}

/* PQI_ERR_AUTH: this slot does not hold what its header claims. */
static pqi_status slot_unseal(
    const pqi_journal *j, unsigned which, pqi_span buf, pqi_span plain, size_t *len)
{
    const slot_view v = slot_read(j, which, buf);
    if (v.kind != SLOT_CLAIMS) {
        return PQI_ERR_AUTH;
    }
    const size_t n = v.blob.len - PQI_SEAL_OVERHEAD;
    if (n > plain.len) {
        return PQI_ERR_SPACE;
    }
    uint8_t label[LABEL_LEN];
    pqi_status st = settled(pqi_provider_unseal(
        j->provider, label_of(j, label), v.generation, v.blob, (pqi_span){plain.ptr, n}));
    *len = st == PQI_OK ? n : 0;
    return st;
}

/* What to say when no slot unseals. The highest number claimed is gone on from, so that a stale slot
 * does not win over what is written next; it proves nothing. */
static pqi_status nothing_valid(pqi_journal *j, const slot_view view[2])
{
    if (view[0].kind == SLOT_LONG || view[1].kind == SLOT_LONG) {
        return PQI_ERR_SPACE;
    }
    j->open = true;
    if (view[0].kind == SLOT_ABSENT && view[1].kind == SLOT_ABSENT) {
        return PQI_ERR_MISSING;
    }
    uint64_t top =
        view[0].generation > view[1].generation ? view[0].generation : view[1].generation;
    j->generation = top <= UINT32_MAX ? top : 0;
    return PQI_ERR_STORAGE;
}

pqi_status pqi_journal_open(pqi_journal *j, pqi_provider *p, const pqi_nvm *nvm, const char *name,
    pqi_span buf, pqi_span plain, size_t *len)
{
    if (len != NULL) {
        *len = 0;
    }
    if (j == NULL || p == NULL || nvm == NULL || nvm->read == NULL || nvm->write == NULL ||
        name == NULL || name_len(name) == 0 || len == NULL || plain.ptr == NULL || plain.len == 0 ||
        plain.len > PQI_JOURNAL_MAX || buf.ptr == NULL ||
        buf.len < plain.len + PQI_JOURNAL_OVERHEAD) {
        return PQI_ERR_ARG;
    }
    *j = (pqi_journal){.provider = p, .nvm = nvm};
    memcpy(j->name, name, name_len(name));
    memset(plain.ptr, 0, plain.len);
    slot_view view[2];
    for (unsigned i = 0; i < 2; i++) {
        view[i] = slot_read(j, i, buf);
        view[i].blob = (pqi_cspan){NULL, 0}; /* buf is used again */
        j->damaged = j->damaged || view[i].kind == SLOT_DAMAGED;
    }
    const unsigned first = view[1].generation > view[0].generation ? 1u : 0u;
    for (unsigned i = 0; i < 2; i++) {
        const unsigned which = first ^ i;
        if (view[which].kind != SLOT_CLAIMS) {
            continue;
        }
        pqi_status st = slot_unseal(j, which, buf, plain, len);
        if (st == PQI_OK) {
            j->generation = view[which].generation;
            j->open = true;
            return PQI_OK;
        }
        pqi_wipe(plain.ptr, plain.len);
        if (st != PQI_ERR_AUTH) {
            return st;
        }
        j->damaged = true;
    }
    return nothing_valid(j, view);
}

pqi_status pqi_journal_save(pqi_journal *j, pqi_cspan plain, pqi_span buf)
{
    if (j == NULL || plain.ptr == NULL || buf.ptr == NULL) {
        return PQI_ERR_ARG;
    }
    if (!j->open || j->generation >= GEN_MAX) {
        return PQI_ERR_STATE;
    }
    if (plain.len > PQI_JOURNAL_MAX || buf.len < plain.len + PQI_JOURNAL_OVERHEAD) {
        return PQI_ERR_SPACE;
    }
    const uint64_t generation = j->generation + 1u;
    const pqi_span blob = {buf.ptr + HDR, plain.len + PQI_SEAL_OVERHEAD};
    uint8_t label[LABEL_LEN];
    pqi_status st =
        settled(pqi_provider_seal(j->provider, label_of(j, label), generation, plain, blob));
    if (st != PQI_OK) {
        return st;
    }
    size_t hdr = 0;
    wr w = wr_of((pqi_span){buf.ptr, HDR});
    wr_u32(&w, MAGIC);
    wr_u32(&w, VERSION);
    wr_u64(&w, generation);
    wr_u32(&w, (uint32_t)blob.len);
    st = wr_done(&w, &hdr);
    j->open = false; /* the medium may hold it whatever is answered */
    if (st == PQI_OK && j->nvm->write(j->nvm->ctx, j->name, (unsigned)(generation % 2u),
                            (pqi_cspan){buf.ptr, hdr + blob.len}) != PQI_OK) {
        st = PQI_ERR_STORAGE;
    }
    if (st == PQI_OK) {
        j->generation = generation;
        j->open = true;
    }
    return st;
}

pqi_status pqi_journal_settle(pqi_journal *j, pqi_cspan plain, pqi_span buf)
{
    pqi_status st = pqi_journal_save(j, plain, buf);
    return st != PQI_OK ? st : pqi_journal_save(j, plain, buf);
}
