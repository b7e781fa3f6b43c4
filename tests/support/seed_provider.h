/* SPDX-License-Identifier: Apache-2.0
 * A provider for tests: every key comes from a fixed seed and every signature is the deterministic
 * one, so that objects are the same in each run. It promises nothing (caps 0). */
#ifndef PQI_TESTS_SEED_PROVIDER_H
#define PQI_TESTS_SEED_PROVIDER_H

#include <pqi/provider.h>

#define SEED_KEYS_MAX 32u

typedef struct seed_key {
    pqi_key key;
    pqi_key_kind kind;
    int32_t alg;
    size_t pk_len, sk_len;
    uint8_t pk[PQI_SIG_MAX_PK];
    uint8_t sk[PQI_SIG_MAX_SK];
} seed_key;

typedef struct seed_provider {
    pqi_provider base;
    const pqi_algs *algs;
    seed_key keys[SEED_KEYS_MAX];
    size_t n;
    unsigned n_signed, fail_sign_at; /* the k-th call of sign fails, 1 is the first; 0: none */
} seed_provider;

void seed_provider_init(seed_provider *p, const pqi_algs *algs);
/* The seed is `tag` in every byte. */
void seed_provider_add(seed_provider *p, pqi_key key, pqi_key_kind kind, int32_t alg, uint8_t tag);
const seed_key *seed_provider_find(const seed_provider *p, pqi_key key);

#endif
