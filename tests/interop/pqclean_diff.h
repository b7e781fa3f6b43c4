/* SPDX-License-Identifier: Apache-2.0
 * Differential tests against PQClean's portable sources, which tests/interop/pqclean.sh takes from
 * npm and compiles beside these files. All inputs follow from one seed, so a difference is found
 * again by running the same round. */
#ifndef PQI_TESTS_PQCLEAN_DIFF_H
#define PQI_TESTS_PQCLEAN_DIFF_H

#include <pqi/sig.h>

#include <stdbool.h>
#include <stdint.h>

/* PQClean's generator: hands out what diff_queue() was given; running dry ends the program. */
int PQCLEAN_randombytes(uint8_t *out, size_t n);
void diff_queue(const uint8_t *bytes, size_t n);

/* The next bytes of the round. */
void diff_bytes(void *out, size_t n);
uint32_t diff_below(uint32_t bound);
/* Alters bytes as a fuzzer would: a bit, a byte, a run, or everything after a place. */
void diff_mutate(uint8_t *b, size_t n);
/* Scratch for every algorithm. */
pqi_span diff_tmp(void);

/* Reports a difference: `what` in `algorithm`. */
void diff_expect(bool same, const char *algorithm, const char *what);

void diff_falcon(void);

#endif
