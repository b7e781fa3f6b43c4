/* SPDX-License-Identifier: Apache-2.0
 * A deterministic provider for tests: raw keys in memory, random bytes from a seed, toy sealing,
 * counters behind the test power supply; counts calls per operation and fails the n-th one. */
#ifndef PQI_TESTS_FAKE_PROVIDER_H
#define PQI_TESTS_FAKE_PROVIDER_H

#include "support/power.h"
#include <pqi/provider.h>

#define FAKE_KEYS 16u

typedef enum fake_op {
    FAKE_INFO,
    FAKE_PUBLIC,
    FAKE_SIGN,
    FAKE_DECAPS,
    FAKE_DH,
    FAKE_DECRYPT,
    FAKE_RANDOM,
    FAKE_SEAL,
    FAKE_UNSEAL,
    FAKE_COUNTER_GET,
    FAKE_COUNTER_ADVANCE,
    FAKE_GENERATE,
    FAKE_DESTROY,
    FAKE_OPS_
} fake_op;

typedef struct fake_key {
    pqi_key handle;
    pqi_key_kind kind;
    int32_t alg;
    uint8_t pk[PQI_SIG_MAX_PK], sk[PQI_SIG_MAX_SK];
    size_t pk_len, sk_len;
} fake_key;

typedef struct fake_provider {
    pqi_provider base; /* first */
    pqi_provider_ops ops;
    const pqi_algs *algs;
    uint8_t seed[32]; /* device secret: sealing key and random stream */
    uint64_t drawn;   /* random bytes position */
    uint64_t counters[PQI_COUNTER_SLOTS];
    fake_key keys[FAKE_KEYS];
    test_power *power;
    uint64_t calls, fail_at; /* fail_at: number of the call that fails; 0 never */
    pqi_status fail_with;
    uint64_t count[FAKE_OPS_];
    uint8_t tmp[98304] __attribute__((aligned(64)));
} fake_provider;

/* algs may be NULL when only sealing and counters are used. */
void fake_provider_init(
    fake_provider *f, const pqi_algs *algs, const uint8_t seed[32], test_power *power);

/* Shared by the two halves: counting and failing, look-up, SHAKE256(seed || label || in). */
extern const pqi_provider_ops fake_ops_keyless;
pqi_status fake_enter(fake_provider *f, fake_op op);
fake_key *fake_find(fake_provider *f, pqi_key handle, pqi_key_kind kind);
void fake_derive(const fake_provider *f, const char *label, const uint8_t *in, size_t in_len,
    uint8_t *out, size_t out_len);

/* fake_provider_keys.c: deterministic key from the seed and the handle. */
pqi_status fake_provider_key(fake_provider *f, pqi_key handle, pqi_key_kind kind, int32_t alg);

#endif
