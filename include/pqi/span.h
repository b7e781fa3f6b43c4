/* SPDX-License-Identifier: Apache-2.0
 * A run of bytes with its length. A span borrows: it never owns and never frees. */
#ifndef PQI_SPAN_H
#define PQI_SPAN_H

#include <stddef.h>
#include <stdint.h>

typedef struct pqi_span {
    uint8_t *ptr; /* may be NULL only when len is 0 */
    size_t len;   /* bytes */
} pqi_span;

typedef struct pqi_cspan {
    const uint8_t *ptr; /* may be NULL only when len is 0 */
    size_t len;         /* bytes */
} pqi_cspan;

/* The bytes of a string literal without its final NUL: { PQI_LIT("PQI4 v1") } initialises a
 * pqi_cspan. */
#define PQI_LIT(s) (const uint8_t *)(s), sizeof(s) - 1u

#endif
