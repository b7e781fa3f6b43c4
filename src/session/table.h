/* SPDX-License-Identifier: Apache-2.0
 * The sessions of an endpoint: one array in the caller's memory, made once, and never more. A
 * session is found by its rsid, the index that its owner gave out for it, in one step and without a
 * search; no name or topic from the wire is ever a key. docs/spec/session.md section 2.
 *
 * rsid = generation << bits | position. The generation is random, not 0 and not the one before it
 * at the same position, so that an rsid of the past names a live session with a chance of
 * 2^-(width - bits) only, and never the next one. A freed place goes to the end of the free list:
 * it rests for as long as it can.
 *
 * Contents are secret (sessions) but for rsid and owner. One caller at a time per table. Time and
 * addresses depend on rsids and positions, which are public. */
#ifndef PQI_SESSION_TABLE_H
#define PQI_SESSION_TABLE_H

#include <pqi/provider.h>
#include <stdbool.h>

#define PQI_TABLE_MAX   (1u << 20) /* sessions: 12 bits of generation are left */
#define PQI_TABLE_PLACE 8u         /* bytes in front of each session */

/* Widths of an rsid: that of DATA, and that of its compact form (v4-handshake.md section 2.5). */
#define PQI_TABLE_RSID       32u
#define PQI_TABLE_RSID_SHORT 16u
#define PQI_TABLE_GEN_MIN                                                                          \
    6u /* bits of generation at least: at most 2^10 sessions with short rsids */

/* The fields are the table's. used and capacity may be read. */
typedef struct pqi_table {
    uint8_t *mem;
    uint32_t stride; /* bytes of a place */
    uint32_t session_len;
    uint32_t capacity, used;
    uint32_t first, last; /* free list: position + 1; 0: none */
    uint8_t bits, width;
} pqi_table;

/* A session as its owner holds it: position + 1; 0: none. */
typedef uint32_t pqi_table_ref;

/* Bytes for `capacity` sessions of session_len bytes; 0: out of range. */
size_t pqi_table_len(uint32_t capacity, size_t session_len);

/* All places free and zero. mem: pqi_table_len() bytes, 8-aligned, borrowed for the life of the
 * table; session_len a multiple of 4. PQI_OK; PQI_ERR_ARG: a range, too many sessions for the
 * width; PQI_ERR_SPACE. */
PQI_MUST_CHECK pqi_status pqi_table_init(
    pqi_table *t, uint32_t capacity, size_t session_len, unsigned width, pqi_span mem);

/* Takes a place for `owner` (below 2^31). The session's memory is zero.
 * PQI_OK; PQI_ERR_LIMIT: all are taken; statuses of the provider's random: nothing is taken. */
PQI_MUST_CHECK pqi_status pqi_table_take(
    pqi_table *t, pqi_provider *p, uint32_t owner, pqi_table_ref *ref);

/* Wipes the session and frees its place. *ref gets 0; 0 and a place that is free are nothing. */
void pqi_table_drop(pqi_table *t, pqi_table_ref *ref);

/* Whose rsid it is. false: nobody's, and the outputs are 0. */
bool pqi_table_find(const pqi_table *t, uint32_t rsid, pqi_table_ref *ref, uint32_t *owner);

/* Of a taken place; NULL, 0: not taken. */
void *pqi_table_at(const pqi_table *t, pqi_table_ref ref);
uint32_t pqi_table_rsid(const pqi_table *t, pqi_table_ref ref);

#endif
