/* SPDX-License-Identifier: Apache-2.0
 * One join of the fixture's device, from fixed seeds: factory record to confirmation. */
#ifndef PQI_TESTS_JOIN_FIXTURE_H
#define PQI_TESTS_JOIN_FIXTURE_H

#include "support/trust_fixture.h"

typedef struct jx {
    fx *f;
    pqi_join_keys keys;
    pqi_challenge challenge;
    uint8_t factory_buf[PQI_FACTORY_MAX], challenge_buf[PQI_CHALLENGE_MAX];
    uint8_t join_buf[PQI_JOIN_REQUEST_MAX], grant_buf[PQI_GRANT_MAX], plain_buf[PQI_GRANT_MAX];
    pqi_cspan factory_bytes, challenge_bytes, join_bytes, grant_bytes;
    pqi_factory factory;
    pqi_join_request join, extra;
    uint8_t confirm_key[PQI_CONFIRM_KEY_LEN], coins[64];
    pqi_grant grant; /* opened into plain_buf */
} jx;

jx *jx_get(void);

/* A grant of the fixture's certificate and manifest to `to`. */
size_t jx_make_grant(jx *j, const pqi_join_request *to, pqi_span out);

#endif
