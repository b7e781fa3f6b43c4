/* SPDX-License-Identifier: Apache-2.0
 * What a program of the adversary harness records about the library it is linked with: a hash of
 * every (AEAD key, nonce) it seals with, and how many public-key operations ran. The linker puts the
 * functions of watch.c in front of the library's (ld --wrap), so the library is the one that ships. */
#ifndef PQI_TESTS_ADVERSARY_WATCH_H
#define PQI_TESTS_ADVERSARY_WATCH_H

#include <stdint.h>

#define ADV_HASH 16u

/* Called at every seal with the first bytes of SHA-256(algorithm || key || nonce). One thread. */
extern void (*adv_on_seal)(const uint8_t hash[ADV_HASH]);

/* KEM, signature, X25519 and Ed25519 operations so far. */
uint64_t adv_public_key_ops(void);

/* Random bytes from a counter instead of the system: for the simulation, whose runs repeat. */
void adv_fixed_random(uint64_t seed);

#endif
