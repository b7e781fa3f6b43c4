/* SPDX-License-Identifier: Apache-2.0
 * Proof harnesses of tools/prove: each function named prove_* takes any input that its assumptions
 * allow, and CBMC shows that no assertion fails, nothing overflows and no index leaves its array. A
 * function named refute_* states something false and has to be refuted, so that a prover that proves
 * everything is noticed. */
#ifndef PQI_TESTS_PROOF_H
#define PQI_TESTS_PROOF_H

#include <stdint.h>

void __CPROVER_assume(_Bool condition);
void __CPROVER_assert(_Bool condition, const char *what);

/* Any value. */
int16_t nondet_int16(void);
int32_t nondet_int32(void);
uint32_t nondet_uint32(void);
uint64_t nondet_uint64(void);

#define ASSUME(c) __CPROVER_assume(c)
#define ASSERT(c) __CPROVER_assert((c), #c)

#endif
