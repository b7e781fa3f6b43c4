/* SPDX-License-Identifier: Apache-2.0
 * One attempt to sign, from the private polynomials and the hashed message. */
#ifndef PQI_PRIM_FALCON_SIGN_CORE_H
#define PQI_PRIM_FALCON_SIGN_CORE_H

#include "prim/falcon/sample.h"

/* Lays out w in `tmp`: PQI_FALCON_WORK_LEN(n) bytes, 8-aligned. */
pqi_falcon_work *pqi_falcon_work_init(void *tmp, unsigned logn);

/* The backend that computes fastest and can be trusted now. */
const pqi_falcon_backend *pqi_falcon_pick(void);

/* 4n residues: f, g, F, G transformed modulo q, as attempts with an expanded key want them. */
void pqi_falcon_transform_basis(const pqi_falcon_work *w, int16_t *basis);

/* An expanded key as the core uses it. */
typedef struct pqi_falcon_expanded {
    const void *words;    /* of the backend; NULL: there is no expanded key */
    const int16_t *basis; /* from pqi_falcon_transform_basis() */
} pqi_falcon_expanded;

/* Algorithm 10, steps 4 to 10, one pass: w->prng is started from `seed`, w->hash and, without an
 * expanded key, w->f..G are set. Returns s2 (n coefficients, inside w) where (s1, s2) is short enough,
 * else NULL: try again with another seed, unless w->unsound. */
const int16_t *pqi_falcon_attempt(pqi_falcon_work *w, const pqi_falcon_backend *backend,
    const pqi_falcon_expanded *ek, const uint8_t seed[PQI_FALCON_PRNG_SEED]);

#endif
