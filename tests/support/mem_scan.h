/* SPDX-License-Identifier: Apache-2.0
 * Looks for known secrets of a host provider in the memory of a process or in a core file. */
#ifndef PQI_TESTS_MEM_SCAN_H
#define PQI_TESTS_MEM_SCAN_H

#include "host_rig.h"

#include <sys/types.h>

/* A sanitizer replaces mlock() by a function that does nothing, handles crashes itself and keeps copies. */
#define UNDER_SANITIZER 0
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#undef UNDER_SANITIZER
#define UNDER_SANITIZER 1
#endif
#elif defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#undef UNDER_SANITIZER
#define UNDER_SANITIZER 1
#endif

#define MEM_STORED 12u /* secrets that follow from the files */
#define MEM_TRACES 5u  /* and what hashing makes of them on its way */
#define MEM_MAX    32u

/* The keys that mem_store() makes. */
#define MEM_SIG    1u
#define MEM_KEM    2u
#define MEM_X25519 3u

/* Makes the provider of r with three keys, and learns 32 bytes of each stored secret: key-encryption key,
 * storage and hedge secret, ML-DSA seed, K, s1 packed and as coefficients, s2, ML-KEM d, z, s, X25519
 * scalar. All in children, so that nothing of it stays in this process, which keeps them masked. */
void mem_store(host_rig *r);

/* One more secret of 32 bytes, of which the caller's copy is wiped. */
void mem_learn(uint8_t secret[32]);

/* How often any of the secrets stands in the memory of the process, its own or a child's, whatever the
 * access rights: what /proc/PID/mem gives. With PQI_SCAN_VERBOSE=1 it tells where. */
unsigned mem_scan(pid_t pid);
/* In this process, in secret pages that are open: no file shows them. */
unsigned mem_scan_secret_pages(void);
/* In a file. */
unsigned mem_scan_file(const char *path);

/* Every operation that uses keys, with the keys of mem_store(); learns the results that are secret. */
void mem_use(host_rig *r, pqi_provider *p);

#endif
