/* SPDX-License-Identifier: Apache-2.0
 * The known answer tests of the NIST competition (PQCgenKAT_kem.c, PQCgenKAT_sign.c): everything
 * comes from the seed of a count through the generator of drbg.h, so what matters beside the
 * algorithm is how many bytes each call asks for. */
#ifndef PQI_APPS_KAT_H
#define PQI_APPS_KAT_H

#include "drbg.h"
#include "vectors.h"

#define PQI_KAT_DRAWS 3u

/* An algorithm under the names that files give it. */
typedef struct pqi_kat {
    const char *alg;               /* of the library */
    uint16_t seed[PQI_KAT_DRAWS];  /* bytes of each call for the seed of the key; 0 ends */
    uint16_t coins[PQI_KAT_DRAWS]; /* ... for encapsulation or signing */
    /* NULL: KEM. Else makes sm, the signed message; coins as drawn. */
    bool (*sign)(pqi_vec *v, const struct pqi_kat *k, pqi_cspan sk, pqi_cspan msg, pqi_cspan coins,
        pqi_span *sm);
    /* Checks sm, made by somebody else, against msg. */
    bool (*open)(pqi_vec *v, const struct pqi_kat *k, pqi_cspan pk, pqi_cspan msg, pqi_cspan sm);
    uint8_t first;        /* byte of every sm; 0: tells nothing */
    const char *names[3]; /* in files, upper and lower case alike; the first one in headers */
} pqi_kat;

/* What one count holds beside its seed. KEM: pk, sk, ct, ss; signature: pk, sk, sm. */
typedef struct pqi_kat_count {
    pqi_span pk, sk, ct, ss, sm;
} pqi_kat_count;

/* By name. NULL: the skip reason is set. */
const pqi_kat *pqi_kat_find(pqi_vec *v, const char *name);

/* Computes a count in memory that lives as long as the test. false: noted or skipped. */
bool pqi_kat_make(pqi_vec *v, const pqi_kat *k, const uint8_t seed[PQI_DRBG_SEED], pqi_cspan msg,
    pqi_kat_count *out);

#endif
