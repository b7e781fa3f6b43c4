/* SPDX-License-Identifier: Apache-2.0
 * The erasure code of ratchet objects: systematic Reed-Solomon over GF(2^8) in Cauchy form. An object
 * of 32..2400 bytes becomes up to 255 symbols of 16, 32 or 64 bytes, and any k = ceil(len / chunk)
 * distinct ones of them give it back. docs/spec/chunks.md sections 1 and 2.
 *
 * It corrects losses, not errors: symbols travel inside an AEAD. No function allocates or keeps a
 * pointer; calls on different objects may run in different threads. Time, branches and addresses
 * depend on lengths, on indices and on which symbols arrived, never on the bytes of a symbol; the one
 * bit that a status reports of a comparison is no secret after the call. Objects are public values: nothing
 * is wiped. */
#ifndef PQI_SESSION_ERASURE_H
#define PQI_SESSION_ERASURE_H

#include <pqi/span.h>
#include <pqi/status.h>
#include <stdbool.h>

#define PQI_ERASURE_OBJECT_MIN 32u   /* an X25519 key alone */
#define PQI_ERASURE_OBJECT_MAX 2400u /* bytes; section 1 */
#define PQI_ERASURE_CHUNK_MAX  64u
#define PQI_ERASURE_DATA_MAX   150u /* k: PQI_ERASURE_OBJECT_MAX in chunks of 16 */
#define PQI_ERASURE_SYMBOLS    255u /* indices 0..254; 255 is no symbol */

/* len: bytes of the object; chunk: 16, 32 or 64; k: data symbols. */
typedef struct pqi_erasure_shape {
    uint16_t len;
    uint8_t chunk;
    uint8_t k;
} pqi_erasure_shape;

/* Bytes of memory that a decoder of this object needs beside its own. */
static inline size_t pqi_erasure_mem(const pqi_erasure_shape *s)
{
    return (size_t)s->k * s->chunk;
}

/* PQI_OK; PQI_ERR_ARG: len is not 32..2400 or chunk not 16, 32 or 64; *out is then zero. */
PQI_MUST_CHECK pqi_status pqi_erasure_shape_of(size_t len, size_t chunk, pqi_erasure_shape *out);

/* Symbol `index` of the object (s->len bytes), s->chunk bytes to out, which does not overlap it.
 * PQI_OK; PQI_ERR_ARG: the object has another length, index > 254, or out another length than
 * s->chunk; out is zeroed. Stack: about 0.5 kB. */
PQI_MUST_CHECK pqi_status pqi_erasure_symbol(
    const pqi_erasure_shape *s, pqi_cspan object, unsigned index, pqi_span out);

/* A decoder. The symbols lie in `mem`, memory of the caller that every call gets, of
 * pqi_erasure_mem() bytes or more: slot p is bytes p * chunk .. p * chunk + chunk - 1. A data symbol
 * lies in the slot of its index, any other in a slot whose data symbol is still missing. Neither the
 * struct nor the memory holds a pointer: both may be moved and stored between calls. */
typedef struct pqi_erasure {
    pqi_erasure_shape shape;
    uint8_t have;                       /* symbols held, at most k */
    uint8_t slot[PQI_ERASURE_DATA_MAX]; /* index of the symbol in each slot, 255: none */
} pqi_erasure;

/* Starts an empty decoder; mem need not be cleared. Statuses of pqi_erasure_shape_of; after a failure
 * every other call on it answers PQI_ERR_ARG. */
PQI_MUST_CHECK pqi_status pqi_erasure_begin(pqi_erasure *d, size_t len, size_t chunk);

/* Whether pqi_erasure_add would take this symbol; changes nothing. Statuses below. */
PQI_MUST_CHECK pqi_status pqi_erasure_check(
    const pqi_erasure *d, pqi_cspan mem, unsigned index, pqi_cspan symbol);

/* Takes one symbol of shape.chunk bytes. PQI_OK: stored; or it was held already with the same bytes;
 * or k others are held, and it was ignored. A failure changes nothing: PQI_ERR_DECODE: index > 254,
 * another length than chunk, other bytes than the held symbol of this index, or bytes behind the end
 * of the object that are not zero. PQI_ERR_ARG: no decoder begun, no pointer. PQI_ERR_SPACE: mem too
 * short. The symbol does not overlap mem. */
PQI_MUST_CHECK pqi_status pqi_erasure_add(
    pqi_erasure *d, pqi_span mem, unsigned index, pqi_cspan symbol);

/* Whether pqi_erasure_whole would take this object; changes nothing. */
PQI_MUST_CHECK pqi_status pqi_erasure_check_whole(
    const pqi_erasure *d, pqi_cspan mem, pqi_cspan object);

/* Takes the whole object of shape.len bytes at once, which then stands recovered in mem. Statuses of
 * pqi_erasure_add: PQI_ERR_DECODE: another length, or a held symbol is not one of this object. */
PQI_MUST_CHECK pqi_status pqi_erasure_whole(pqi_erasure *d, pqi_span mem, pqi_cspan object);

/* k symbols are held: pqi_erasure_recover can run. */
static inline bool pqi_erasure_ready(const pqi_erasure *d)
{
    return d->shape.k != 0 && d->have == d->shape.k;
}

/* Makes the object stand in the first shape.len bytes of mem; again at no cost when it does. In place:
 * no memory but mem and about 1.4 kB of stack. PQI_ERR_STATE: fewer than k symbols. PQI_ERR_DECODE: the bytes
 * behind the end of the object did not come out as zero, so the symbols are not of one object: the
 * decoder is empty again, mem is zero. PQI_ERR_ARG, PQI_ERR_SPACE as above. */
PQI_MUST_CHECK pqi_status pqi_erasure_recover(pqi_erasure *d, pqi_span mem);

#endif
