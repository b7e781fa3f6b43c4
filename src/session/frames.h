/* SPDX-License-Identifier: Apache-2.0
 * The plain text of v4 data: frames, application message, padding. docs/spec/ratchet.md section 2.
 *
 * Frames are public to both ends once the AEAD opened; nothing here is secret-dependent. Thread-safe;
 * nothing is kept after a call. */
#ifndef PQI_SESSION_FRAMES_H
#define PQI_SESSION_FRAMES_H

#include "session/chunk_wire.h"
#include "session/expiry.h"

#include <stdbool.h>

/* Types; each at most once in a message, in rising order. CHUNK is PQI_FRAME_CHUNK. */
#define PQI_FRAME_END     0x00u /* the application message follows */
#define PQI_FRAME_FIN     0x01u
#define PQI_FRAME_SETTLED 0x02u
#define PQI_FRAME_ABORT   0x04u
#define PQI_FRAME_HELLO   0x05u
/* 0x06: PQI_FRAME_EXPIRY */

/* Bits of pqi_frames.has. */
#define PQI_HAS(type) (1u << (type))

#define PQI_FRAME_HEAD_HASH 8u
#define PQI_FIN_MAX         (1u << 20) /* messages of an epoch */

/* Bytes of all frames but CHUNK, with the END: what a message always has room for. */
#define PQI_FRAMES_FIXED_MAX (4u + 21u + 9u + 1u + 10u + 1u)
#define PQI_PAD_LEN          2u /* the count behind the padding */

typedef struct pqi_frames {
    uint32_t has;          /* PQI_HAS() of each frame that is there; the fields of others are 0 */
    uint32_t fin;          /* FIN: messages this side sent in the epoch before this one, <= 2^20 */
    uint64_t settled_ctr;  /* SETTLED: the sender's own INIT counter */
    uint32_t settled_head; /* SETTLED: head epoch */
    uint8_t settled_hash[PQI_FRAME_HEAD_HASH];
    uint64_t abort_seq;    /* ABORT: init_seq of an own INIT that is given up, not 0 */
    uint8_t expiry_kind;   /* EXPIRY: PQI_EXPIRY_* */
    uint64_t expiry_value; /* EXPIRY: 1: control epoch << 32 | tick; 2: unix seconds */
    pqi_chunk chunk;       /* CHUNK */
} pqi_frames;

/* How a plain text is to be read: bits of its header, and the chunk length of the session. */
typedef struct pqi_frames_form {
    bool frames;   /* b0 */
    bool padded;   /* b2 */
    uint8_t chunk; /* 16, 32 or 64 */
} pqi_frames_form;

/* Reads an opened plain text.
 * f        out  spans point into plain
 * app      out  whether there is an application message
 * payload  out  it; may be empty
 * PQI_OK; PQI_ERR_DECODE: not the one encoding of a message: unknown type, order, repeated, cut, a
 * field out of range, padding that is not zero. After a failure all outputs are zero. */
PQI_MUST_CHECK pqi_status pqi_frames_read(
    pqi_cspan plain, const pqi_frames_form *form, pqi_frames *f, bool *app, pqi_cspan *payload);

/* Writes all frames of `f` but CHUNK whose type lies in from .. to (both included): so a caller puts
 * the CHUNK, which pqi_chunk_write() makes, at its place. *len gets the bytes written or needed.
 * PQI_OK; PQI_ERR_SPACE; PQI_ERR_ARG: a field the reader would refuse. */
PQI_MUST_CHECK pqi_status pqi_frames_write(
    const pqi_frames *f, unsigned from, unsigned to, pqi_span out, size_t *len);

/* Bytes of padding, the count included, that make len a multiple of 2^log2, 1..15; 0 for log2 = 0. */
size_t pqi_pad_len(size_t len, unsigned log2);

#endif
