/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PQI_IDENT_JOIN_H
#define PQI_IDENT_JOIN_H

#include "ident/cose.h"
#include "ident/ident.h"

/* A public key of the request: pk.ptr NULL means pk.len bytes from the provider. */
typedef struct pqi_join_key {
    int32_t alg; /* of the KEM its id; 0 for X25519 */
    pqi_provider *p;
    pqi_key key;
    pqi_cspan pk;
} pqi_join_key;

typedef struct pqi_join_source {
    const pqi_challenge *challenge; /* fleet, device id, nonce */
    pqi_join_key kem, x25519, sig, factory;
    pqi_cspan boot;
    uint32_t suites, assurance;
} pqi_join_source;

/* A pqi_cose_body.put over a pqi_join_source. */
PQI_MUST_CHECK pqi_status pqi_join_put_payload(wr *w, const void *obj);

/* The signatures of a request whose other fields are decoded: factory, then proof of possession.
 * PQI_OK; PQI_ERR_DECODE: their number or their headers do not fit the keys. */
PQI_MUST_CHECK pqi_status pqi_join_signatures(
    const pqi_algs *a, const pqi_join_request *m, pqi_cose_signature sigs[2]);

#endif
