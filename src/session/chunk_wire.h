/* SPDX-License-Identifier: Apache-2.0
 * CHUNK frames, which carry the symbols of a ratchet object inside the AEAD of ordinary messages.
 * docs/spec/chunks.md sections 3 and 4. Thread-safe; nothing here is kept after a call. */
#ifndef PQI_SESSION_CHUNK_WIRE_H
#define PQI_SESSION_CHUNK_WIRE_H

#include "session/erasure.h"

#define PQI_FRAME_CHUNK     0x03u
#define PQI_CHUNK_HDR       4u   /* frame type, of, index, count */
#define PQI_CHUNK_WHOLE_HDR 6u   /* frame type, of, 255, 0, length u16 */
#define PQI_CHUNK_WHOLE     255u /* the index of a frame with the whole object */

enum { PQI_CHUNK_D = 0, PQI_CHUNK_H = 1 };         /* kinds: X25519 alone; ML-KEM and X25519 */
enum { PQI_CHUNK_OBJ_P = 0, PQI_CHUNK_OBJ_Q = 1 }; /* the proposal; the answer */

/* Which object a frame belongs to. */
typedef struct pqi_chunk_of {
    uint8_t kind;  /* PQI_CHUNK_D, PQI_CHUNK_H */
    uint8_t dir;   /* PQI_CHUNK_OBJ_P, PQI_CHUNK_OBJ_Q */
    uint8_t round; /* low five bits of the number of the epoch that the round leaves */
} pqi_chunk_of;

typedef struct pqi_chunk {
    pqi_chunk_of of;
    uint8_t index;  /* of the first symbol; PQI_CHUNK_WHOLE: body is the whole object */
    uint8_t count;  /* symbols; 0 with the whole object */
    pqi_cspan body; /* into the input */
} pqi_chunk;

/* Writes the frame with symbols index .. index + count - 1 of an object of s->len bytes: 4 + count *
 * chunk bytes. *len gets this size, also when out is too short. PQI_ERR_ARG: a field of `of` out of
 * range, object of another length, count 0, index + count > 255. PQI_ERR_SPACE: out too short. Out is
 * zeroed by a failure. */
PQI_MUST_CHECK pqi_status pqi_chunk_write(
    const pqi_chunk *what, const pqi_erasure_shape *s, pqi_cspan object, pqi_span out, size_t *len);

/* Writes the frame with the whole object, 32..2400 bytes: 6 + its length. Statuses as above. */
PQI_MUST_CHECK pqi_status pqi_chunk_write_whole(
    pqi_chunk_of of, pqi_cspan object, pqi_span out, size_t *len);

/* Reads one frame at the start of in, which may go on behind it; chunk: 16, 32 or 64, the parameter of
 * the session. *used gets the bytes of the frame. PQI_ERR_DECODE: not a CHUNK frame, or not the one
 * encoding of one; PQI_ERR_ARG: chunk is none of these. *out and *used are zero after a failure. */
PQI_MUST_CHECK pqi_status pqi_chunk_parse(pqi_cspan in, size_t chunk, pqi_chunk *out, size_t *used);

/* Whether pqi_chunk_accept would take the frame; changes nothing: for callers that commit a message
 * with several frames as a whole. */
PQI_MUST_CHECK pqi_status pqi_chunk_check(
    const pqi_chunk_of *want, const pqi_chunk *c, const pqi_erasure *d, pqi_cspan mem);

/* Gives all symbols of a frame to the decoder of object `want`, or none. PQI_ERR_REPLAY: the frame
 * belongs to another kind, direction or round. Else the statuses of pqi_erasure_add and
 * pqi_erasure_whole; PQI_ERR_DECODE also when the body has not the length that chunks of this
 * decoder take. Any failure changes nothing. pqi_erasure_recover stays with the caller. */
PQI_MUST_CHECK pqi_status pqi_chunk_accept(
    const pqi_chunk_of *want, const pqi_chunk *c, pqi_erasure *d, pqi_span mem);

#endif
