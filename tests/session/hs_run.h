/* SPDX-License-Identifier: Apache-2.0
 * One v4 handshake from fixed seeds, both ends in one process and without a state machine. Everything
 * that enters or leaves a schedule is kept in a record, from which it can be derived again. */
#ifndef PQI_TESTS_SESSION_HS_RUN_H
#define PQI_TESTS_SESSION_HS_RUN_H

#include "session/hs_keys.h"

#include <pqi/falcon.h>

#define HS_PACKET_MAX 12000u

typedef struct hs_case {
    const char *name;
    pqi_hs_mode mode;
    const pqi_suite *suite;
    const pqi_sig *sig_i, *sig_r;
    bool psk, nonce;
} hs_case;

extern const hs_case hs_cases[];
extern const size_t hs_n_cases;

typedef struct hs_buf {
    uint8_t b[HS_PACKET_MAX];
    size_t len;
} hs_buf;

/* Public and secret inputs of the schedule. */
typedef struct hs_record {
    const pqi_suite *suite;
    pqi_hs_mode mode;
    hs_buf id_i, id_r, cert_i, cert_r, topic_i, topic_r, psk;
    hs_buf init, resp, auth_r, auth_i; /* init without gate, resp up to auth */
    uint8_t k[3][PQI_COMBINE_SECRETS], x_ct[3][32], x_pk[3][32]; /* by pqi_hs_exchange */
} hs_record;

/* What comes out on the way. */
typedef struct hs_trace {
    uint8_t th[4][PQI_HS_TH], prk[4][PQI_HASH_MAX]; /* th0.., prk_a.. */
    uint8_t key_r[44], key_i[44];
    pqi_hs_out out;
} hs_trace;

typedef struct hs_static {
    uint8_t kem_seed[PQI_KEM_MAX_SEED], x_sk[32], sig_seed[PQI_SIG_MAX_SEED];
    uint8_t kem_pk[PQI_KEM_MAX_PK], kem_sk[PQI_KEM_MAX_SK], x_pk[32];
    uint8_t sig_pk[PQI_SIG_MAX_PK], sig_sk[PQI_SIG_MAX_SK];
} hs_static;

typedef struct hs_run {
    const hs_case *c;
    pqi_hs_form form;
    hs_static i, r;
    uint8_t gk_i2r[32], gk_r2i[32], seed_i[32], seed_r[32];
    uint8_t x_i_sk[32], x_r_sk[32], ek_seed[PQI_KEM_MAX_SEED]; /* from the seeds, as coins */
    uint8_t x_i[32], x_r[32], ek_sk[PQI_KEM_MAX_SK];
    uint8_t coins[3][32]; /* by pqi_hs_exchange */
    hs_buf init, resp, conf;
    hs_record rec; /* of the responder */
    pqi_hs_out out_i, out_r;
} hs_run;

/* Runs it; a cmocka assertion fails where anything does. Static storage of the caller: it is large. */
void hs_run_case(const hs_case *c, hs_run *h);

/* Points into r and, for the hashes of the certificates, into memory that the next call overwrites. */
pqi_hs_ends hs_ends(const hs_record *r);

/* Derives again; t->out is what both ends have. A cmocka assertion fails where a call does. */
void hs_derive(const hs_record *r, hs_trace *t);

#endif
