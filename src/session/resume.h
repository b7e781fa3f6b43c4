/* SPDX-License-Identifier: Apache-2.0
 * RESUME: two packets and no public-key operation give two devices a session from a secret that both
 * keep in flash. docs/spec/resume.md, cited below by section.
 *
 * Pure functions over one generation of the resumption secret; who may resume, and what is written
 * before which packet leaves, is in sections 5 and 6 and in sess_record.h. What comes out is a
 * pqi_hs_out: a resumed session starts like a fresh one, at epoch 0, with a session id of its own.
 *
 * All functions are thread-safe for different outputs. Time depends on lengths and on the suite, never
 * on a secret; that a tag does not verify is no secret. A failed call leaves its outputs zero. */
#ifndef PQI_SESSION_RESUME_H
#define PQI_SESSION_RESUME_H

#include "session/hs_keys.h"

#define PQI_RESUME_RANDOM 12u /* random bytes of a nonce, behind the rsid of the new session */

/* A generation of the resumption secret, as this side holds it. */
typedef struct pqi_resume_gen {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    const uint8_t *rms; /* PQI_HS_KEY bytes, secret */
    const uint8_t *sid; /* PQI_HS_SID bytes: the session it comes from */
    uint32_t epoch;     /* of that session */
    uint32_t rsid;      /* of that session at the side that answers; not 0 */
} pqi_resume_gen;

/* Who resumes, who answers, and the topic of either packet. Ids 1..PQI_ID_MAX bytes, not equal; topics
 * 1..PQI_TOPIC_MAX. */
typedef struct pqi_resume_way {
    pqi_cspan id_i, id_r;
    pqi_cspan topic_i, topic_r;
} pqi_resume_way;

/* What a side brings to its packet. */
typedef struct pqi_resume_say {
    const uint8_t *random; /* PQI_RESUME_RANDOM bytes, fresh for each packet; public */
    uint32_t rsid;         /* of the new session at this side; not 0 */
    uint32_t start;        /* RESUME1: the start number, not 0 (state/starts.h) */
    bool older;            /* RESUME1: the generation before is held too */
} pqi_resume_say;

/* Writes RESUME1, PQI_HS_RESUME1_LEN bytes; section 2. The caller keeps them until the answer was taken
 * and sends the same bytes again until then.
 * PQI_OK; PQI_ERR_ARG: NULL, a number 0, an id or topic outside its range; statuses of hash and hmac. */
PQI_MUST_CHECK pqi_status pqi_resume_ask(const pqi_classic *c, const pqi_resume_gen *g,
    const pqi_resume_way *w, const pqi_resume_say *say, uint8_t out[PQI_HS_RESUME1_LEN]);

/* Checks RESUME1 against one generation: two hashes and one HMAC; section 3.
 * PQI_OK; PQI_ERR_DECODE: no RESUME1; PQI_ERR_AUTH: made under another generation, or altered;
 * PQI_ERR_ARG; statuses of hash and hmac. */
PQI_MUST_CHECK pqi_status pqi_resume_check(
    const pqi_classic *c, const pqi_resume_gen *g, const pqi_resume_way *w, pqi_cspan resume1);

/* Checks RESUME1, writes RESUME2, PQI_HS_RESUME2_LEN bytes, and derives the session; section 4. Writes
 * nothing to a medium: the new generation must be there before the packet leaves; section 6. One
 * RESUME1 is answered once, and RESUME2 sent again only as the same bytes.
 * keys  out  secret but for sid; wipe it when done
 * Statuses of pqi_resume_check and pqi_resume_ask. */
PQI_MUST_CHECK pqi_status pqi_resume_answer(const pqi_classic *c, const pqi_resume_gen *g,
    const pqi_resume_way *w, pqi_cspan resume1, const pqi_resume_say *say,
    uint8_t out[PQI_HS_RESUME2_LEN], pqi_hs_out *keys);

/* Takes the answer to the RESUME1 this side sent, whose bytes it kept; section 4. A RESUME1 whose
 * answer was taken is spent: to resume again takes another one, with fresh random bytes and start
 * number.
 * PQI_OK; PQI_ERR_DECODE: no RESUME2; PQI_ERR_AUTH: no answer to this packet under this generation;
 * PQI_ERR_ARG; statuses of hash and hmac. */
PQI_MUST_CHECK pqi_status pqi_resume_take(const pqi_classic *c, const pqi_resume_gen *g,
    const pqi_resume_way *w, pqi_cspan resume1, pqi_cspan resume2, pqi_hs_out *keys);

/* The rsid of the new session that the sender of a nonce put in front of it; 0: not a sound nonce. */
uint32_t pqi_resume_rsid(pqi_cspan nonce);

#endif
