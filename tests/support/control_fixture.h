/* SPDX-License-Identifier: Apache-2.0
 * A small fleet with a control plane from fixed seeds: what the tests of its objects start from.
 * docs/spec/control-example.txt shows these very objects. */
#ifndef PQI_TESTS_CONTROL_FIXTURE_H
#define PQI_TESTS_CONTROL_FIXTURE_H

#include "support/seed_provider.h"
#include <pqi/control.h>

enum { /* handles; the seed of key k is 0x20 + k in every byte */
    CX_ROOT1 = 1,
    CX_ROOT2,
    CX_ISSUER,
    CX_POLICY1,
    CX_POLICY2,
    CX_POLICY3,
    CX_REVOKER,
    CX_HEAD,
    CX_STRANGER, /* that no manifest names */
    CX_KEYS_END
};

#define CX_LEAVES 5u
#define CX_NONCES 3u
#define CX_TOKENS 1000u /* heads of the root version */

typedef struct cx {
    pqi_algs algs;
    seed_provider sp;
    pqi_provider *p;
    pqi_span tmp;
    /* 1 of 2 roots, 2 of 3 policy keys, one of each other; signed by root 1 */
    pqi_manifest manifest;
    pqi_head head;
    pqi_roster roster;
    pqi_policy policy; /* version 2; signed by policy keys 1 and 2 */
    pqi_statement statement;
    uint8_t tick_seed[PQI_HASH_LEN], token_seed[PQI_HASH_LEN];
    pqi_tick tick, local_tick; /* the third and the second one */
    pqi_ask ask;
    uint8_t tick_bytes[PQI_TICK_LEN], local_bytes[PQI_LOCAL_TICK_LEN];
    uint8_t path_bytes[PQI_PATH_MAX], ask_bytes[PQI_ASK_LEN + PQI_ID_MAX], answer_bytes[64];
    size_t path_len, ask_len, answer_len;
    uint8_t mem[5][8192], manifest_mem[32768];
} cx;

/* The one fixture of the process, made once. */
cx *cx_get(void);

/* Manifest of version 1 with its keys in `keys` (room for 9). */
pqi_manifest_spec cx_manifest_spec(const cx *f, pqi_manifest_key *keys);
pqi_leaf cx_leaf(const cx *f, uint32_t i); /* i-th leaf of the roster */
void cx_nonce(uint32_t i, uint8_t nonce[PQI_NONCE_LEN], uint8_t kid[PQI_KID_LEN]);
void cx_leaves(const cx *f, uint8_t (*out)[PQI_HASH_LEN]);
void cx_nonces(const cx *f, uint8_t (*out)[PQI_HASH_LEN]);

/* The fields of the objects above. */
pqi_head cx_head_fields(const cx *f);
pqi_roster cx_roster_fields(const cx *f);
pqi_policy cx_policy_fields(void);
pqi_statement cx_statement_fields(const cx *f);

/* A heap block of exactly len bytes. */
void *cx_exact(const uint8_t *p, size_t len);

#endif
