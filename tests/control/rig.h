/* SPDX-License-Identifier: Apache-2.0
 * A fleet around a control directory: keys of all roles from seeds, objects made with them, a clock that
 * tests turn, and everything that was published. The store is SQLite in the directory, or a schema of
 * its own in the PostgreSQL that the environment names: PQI_TEST_STORE=postgresql://... */
#ifndef PQI_TESTS_CONTROL_RIG_H
#define PQI_TESTS_CONTROL_RIG_H

#include "pqi_test.h"
#include "support/seed_provider.h"

#include <pqi/host_control.h>

#define RIG_ALG PQI_SIG_ID_ML_DSA_44

enum {
    RIG_ROOT = 1,
    RIG_ROOT2, /* of the next root version */
    RIG_ISSUER,
    RIG_REVOKER,
    RIG_POLICY1,
    RIG_POLICY2,
    RIG_POLICY3,
    RIG_STRANGER,
};

typedef struct rig_message {
    char topic[64];
    uint8_t *bytes;
    size_t len;
    int retain;
} rig_message;

#define RIG_MESSAGES 16384
#define RIG_MEMBERS  64u

typedef struct rig {
    char top[64], dir[80], key_file[96], url[512], schema[64];
    int pg;
    pqi_algs algs;
    seed_provider sp;
    pqi_span tmp;
    uint8_t head_pk[PQI_SIG_MAX_PK];
    size_t head_pk_len;
    pqi_host_control_cfg cfg; /* with keys; NULL store for SQLite */
    pqi_host_control *c;
    uint64_t now_ms;
    uint8_t root_bytes[2][PQI_MANIFEST_MAX]; /* of versions 1 and 2 */
    pqi_manifest root[2];
    uint8_t out[PQI_MANIFEST_MAX]; /* the object made last */
    size_t len;
    pqi_control_member members[RIG_MEMBERS];
    rig_message *messages;
    size_t n_messages;
    unsigned events[16];
    uint64_t event_number[16];
    pqi_status event_status;
} rig;

/* Directory, keys, an opened store with root version 1. */
void rig_make(rig *r);
/* The same, but the store stays empty. */
void rig_make_empty(rig *r);
void rig_open(rig *r);  /* r->c; must be closed before */
void rig_close(rig *r); /* NULL is fine */
void rig_end(rig *r);
pqi_status rig_try_open(rig *r); /* opens and closes */

/* SQL past all rules: triggers are off, and stay off. */
void rig_sql(rig *r, const char *sql);
int64_t rig_int(rig *r, const char *sql);

/* Objects into r->out; each returns a span of it. */
pqi_cspan rig_policy(rig *r, uint32_t seq, uint32_t tick_s, uint16_t permille);
/* n entries after `from`: devices 1000 + from, ...; prev as in a log of such entries. */
pqi_cspan rig_revocations(rig *r, uint32_t from, uint32_t n, int quorum);
pqi_cspan rig_roster(rig *r, uint32_t seq, uint32_t n); /* of r->members */
pqi_cspan rig_root2(rig *r, int good);
pqi_cspan rig_span(const rig *r);

pqi_status rig_put(rig *r, pqi_object kind, pqi_cspan in); /* asserts that it was new, if PQI_OK */
pqi_status rig_put_roster(rig *r, uint32_t seq, uint32_t n);
pqi_control_made rig_advance(rig *r); /* asserts PQI_OK */
pqi_control_info rig_info(rig *r);
void rig_poll(rig *r);

/* Newest message on a topic; NULL: none. */
const rig_message *rig_last(const rig *r, const char *topic);
unsigned rig_count(const rig *r, const char *topic);
void rig_forget(rig *r);

/* A question of member i (or a stranger) into out; returns its length. */
size_t rig_question(rig *r, const char *id, uint8_t want, uint8_t tag, const pqi_ask *has,
    uint8_t out[PQI_ASK_LEN + PQI_ID_MAX]);

#endif
