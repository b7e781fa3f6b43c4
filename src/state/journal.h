/* SPDX-License-Identifier: Apache-2.0
 * A sealed record in two slots, without a counter of the provider: docs/spec/resume.md section 8. For
 * what is written often and has a witness elsewhere (sessions: the peer). A power cut loses nothing
 * that was acknowledged and damage is noticed; an old copy put back is not noticed here.
 *
 * Not thread-safe per journal. Records are secret: plain and buf are the caller's to wipe. */
#ifndef PQI_STATE_JOURNAL_H
#define PQI_STATE_JOURNAL_H

#include <pqi/store.h>

#include <stdbool.h>

#define PQI_JOURNAL_OVERHEAD 48u    /* header 20 + PQI_SEAL_OVERHEAD */
#define PQI_JOURNAL_MAX      65536u /* bytes of a record: a root manifest is the longest */
#define PQI_JOURNAL_NAME     32u

typedef struct pqi_journal {
    pqi_provider *provider;
    const pqi_nvm *nvm;
    char name[PQI_JOURNAL_NAME + 1u];
    uint64_t generation; /* of the newest record; 0: none */
    bool open;
    bool damaged; /* a slot that was looked at holds no record: a torn write, or worse; audit. The
                   * older slot is not unsealed when the newer one is good. */
} pqi_journal;

/* Finds the newest record that unseals.
 * name   in   1..32 bytes of [a-z0-9-]; copied
 * buf         scratch, plain.len + PQI_JOURNAL_OVERHEAD bytes
 * plain  out  the record, *len its length
 * PQI_OK; PQI_ERR_MISSING: nothing was ever written; PQI_ERR_STORAGE: bytes are there but no record,
 * all is lost: the caller audits it and goes on as with nothing. In these three cases the journal is
 * open. PQI_ERR_SPACE: a record is longer than plain; PQI_ERR_ARG; statuses of unseal. On error plain
 * is zero. */
PQI_MUST_CHECK pqi_status pqi_journal_open(pqi_journal *j, pqi_provider *p, const pqi_nvm *nvm,
    const char *name, pqi_span buf, pqi_span plain, size_t *len);

/* Writes a new generation into the older slot. The record before it stays in the other slot: a cut
 * leaves the old or the new one.
 * buf    plain.len + PQI_JOURNAL_OVERHEAD bytes
 * PQI_OK; PQI_ERR_STORAGE: failed or full: the newest record is the old one, or the new one after all;
 * the journal is closed and wants to be opened, so that no two records get one generation;
 * PQI_ERR_SPACE; PQI_ERR_STATE: not open; PQI_ERR_ARG; statuses of seal. */
PQI_MUST_CHECK pqi_status pqi_journal_save(pqi_journal *j, pqi_cspan plain, pqi_span buf);

/* The same, into both slots: no older record stays on the medium. Two writes: for a record that drops
 * a secret. After a failure one slot may still hold the older record. */
PQI_MUST_CHECK pqi_status pqi_journal_settle(pqi_journal *j, pqi_cspan plain, pqi_span buf);

#endif
