/* SPDX-License-Identifier: Apache-2.0
 * A fake secure element for tests: P-256 keys of OpenSSL in memory, a counter in memory, and a script that
 * fails the n-th call, before or after it took effect. It protects nothing. */
#ifndef PQI_TESTS_FAKE_ELEMENT_H
#define PQI_TESTS_FAKE_ELEMENT_H

#include <pqi/provider_soft.h>

#define FAKE_HALVES 16u

typedef enum fake_call {
    FE_GENERATE,
    FE_DESTROY,
    FE_PUBLIC,
    FE_SIGN,
    FE_DH,
    FE_GENERATION,
    FE_ADVANCE,
    FE_QUOTE,
    FE_RANDOM,
    FE_CALLS_
} fake_call;

typedef struct fake_half {
    pqi_key key;
    pqi_key_kind kind;
    void *pkey; /* EVP_PKEY */
} fake_half;

typedef struct fake_element {
    pqi_element element;
    fake_half halves[FAKE_HALVES];
    uint64_t generation;
    unsigned calls, fail_at; /* the call of this number fails; 0: none */
    pqi_status fail_with;
    int fail_late; /* it does what it should, and then says that it failed */
    unsigned count[FE_CALLS_];
    uint32_t native;         /* of the last call */
    int (*power)(void *arg); /* before and after each lasting change; not 0: the power is cut */
    void *power_arg;
    const int *dark; /* not 0 there: it answers nothing */
} fake_element;

void fake_element_init(fake_element *f, uint32_t caps);
/* Forgets one key, as somebody else's tool would. */
void fake_element_lose(fake_element *f, pqi_key key);
unsigned fake_element_halves(const fake_element *f);
void fake_element_end(fake_element *f);

#endif
