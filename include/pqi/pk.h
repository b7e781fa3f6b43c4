/* SPDX-License-Identifier: Apache-2.0
 * Counts of public-key operations, by kind. Everything of the session and protocol layers that costs a
 * lattice or curve operation counts it here when it begins, failed ones included: what an attacker can
 * make an endpoint do is a number that can be read and tested.
 *
 * Plain memory of the caller, without locks: one object for one thread. Nothing in it is secret. */
#ifndef PQI_PK_H
#define PQI_PK_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum pqi_pk_kind {
    PQI_PK_KEM_KEYGEN = 0,    /* ephemeral */
    PQI_PK_KEM_ENCAPS = 1,    /* to a static or an ephemeral key */
    PQI_PK_KEM_DECAPS = 2,    /* with an ephemeral key */
    PQI_PK_X25519_PUBLIC = 3, /* of an ephemeral key */
    PQI_PK_X25519 = 4,        /* with an ephemeral key */
    PQI_PK_KEY_DECAPS = 5,    /* with a key of the provider, and so the next two */
    PQI_PK_KEY_DH = 6,
    PQI_PK_KEY_SIGN = 7,
    PQI_PK_VERIFY = 8,
    PQI_PK_KINDS = 9,
    PQI_PK_INT32_ = 2147483647
} pqi_pk_kind;

typedef struct pqi_pk_counts {
    uint64_t by[PQI_PK_KINDS];
    uint64_t total; /* the sum of by */
} pqi_pk_counts;

#ifdef __cplusplus
}
#endif
#endif
