/* SPDX-License-Identifier: Apache-2.0
 * Two ends of a handshake in one process, through session/hs_op.h: the keys, ids, topics and fields of a
 * handshake that hs_run.h made, each behind a fake provider. */
#ifndef PQI_TESTS_SESSION_HS_RIG_H
#define PQI_TESTS_SESSION_HS_RIG_H

#include "session/hs_op.h"
#include "session/hs_run.h"
#include "support/fake_provider.h"

#define HS_RIG_TMP 32768u

typedef struct hs_end {
    fake_provider prov;
    uint8_t kid[PQI_KID_LEN], cert256[32], cert384[48];
    pqi_hs_self self;
    pqi_hs_peer as_peer; /* what the other end knows of it */
    pqi_pk_counts counts;
    pqi_hs_op op;
    pqi_hs_say say;
    uint8_t tmp[HS_RIG_TMP] __attribute__((aligned(64)));
} hs_end;

typedef struct hs_rig {
    pqi_algs algs;
    const hs_case *c;
    pqi_hs_form form;
    hs_end i, r;
    pqi_hs_pend pend;
    pqi_hs_await await;
    hs_buf init, resp, conf;
    pqi_hs_taken taken;
    pqi_hs_out out_r;
} hs_rig;

/* Both ends of the run; cl NULL: the run's own backend. run must stay. */
void hs_rig_make(hs_rig *g, const hs_run *run, const pqi_classic *cl);

/* The steps; every status is returned, packets are in g. */
pqi_status hs_rig_init(hs_rig *g);
pqi_status hs_rig_answer(hs_rig *g);
pqi_status hs_rig_resp(hs_rig *g);
pqi_status hs_rig_conf(hs_rig *g);
/* All of them; a cmocka assertion fails where one does. */
void hs_rig_all(hs_rig *g);

/* Keys of another seed behind the end's handles: its certificate is not theirs. */
void hs_rig_wrong_keys(hs_rig *g, hs_end *e);

#endif
