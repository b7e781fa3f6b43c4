/* SPDX-License-Identifier: Apache-2.0
 * A small control plane in a test: it keeps the truth of one fleet and signs what a real one would. And a
 * device's control state (pqi/ctl.h) over memory that can fail. All from fixed seeds.
 *
 *   plane p;                        ctl_rig r;
 *   plane_init(&p, PLANE_TOY);      rig_init(&r, &p);
 *   plane_revoke(&p, 42, UINT32_MAX);
 *   pqi_cspan h = plane_head(&p);   rig_open(&r);
 *                                   rig_take(&r, PQI_OBJ_HEAD, h);
 *                                   rig_take(&r, PQI_OBJ_REVOCATIONS, plane_rev(&p, 0));
 *
 * Objects stay until plane_free(). */
#ifndef PQI_TESTS_CTL_FIXTURE_H
#define PQI_TESTS_CTL_FIXTURE_H

#include "support/fake_nvm.h"
#include "support/fake_provider.h"
#include "support/seed_provider.h"
#include <pqi/ctl.h>

#define PLANE_REVOKED 512u
#define PLANE_LEAVES  16u
#define PLANE_TOKENS  4200u /* heads of a root version */
#define PLANE_TICKS   168u  /* of a head, unless p->tick_count says otherwise */
#define PLANE_OBJECTS 8192u
#define PLANE_HEADS   512u

enum { /* handles */
    PL_ROOT1 = 1,
    PL_ROOT2,
    PL_ROOT3,
    PL_ISSUER,
    PL_POLICY1,
    PL_POLICY2,
    PL_POLICY3,
    PL_REVOKER,
    PL_HEAD,
    PL_HEAD2,    /* the head key of even root versions: a rotation replaces it */
    PL_STRANGER, /* that no manifest names */
    PL_KEYS_END
};

typedef enum plane_kind {
    PLANE_TOY,   /* signatures that anybody could make: fast; the rest is real */
    PLANE_OPEN,  /* every signature verifies: for fuzz targets */
    PLANE_REAL,  /* ML-DSA-44 */
    PLANE_PLAIN, /* real, and the root names no head and no policy key */
} plane_kind;

typedef struct plane {
    plane_kind kind;
    pqi_algs algs;
    pqi_sig toy;
    const pqi_sig *sigs[1];
    seed_provider sp;
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    pqi_cspan manifest, first; /* of root_version; of version 1 */
    uint8_t manifest_hash[PQI_HASH_LEN], first_hash[PQI_HASH_LEN];
    uint32_t root_version;
    /* what the next head says; change it before plane_head() */
    pqi_policy policy; /* seq 0: none yet */
    uint8_t policy_hash[PQI_HASH_LEN];
    pqi_revoked revoked[PLANE_REVOKED];
    uint32_t n_revoked;
    pqi_leaf leaves[PLANE_LEAVES];
    uint32_t n_leaves;
    uint32_t roster_seq, roster_size;
    uint8_t roster_root[PQI_HASH_LEN];
    pqi_leaf roster_leaves[PLANE_LEAVES];
    uint64_t time_s; /* 0: not said */
    uint32_t tick_count;
    const char *delegate[2];              /* id, prefix; NULL: none */
    pqi_cspan policy_bytes, roster_bytes; /* the newest ones */
    /* the newest head */
    pqi_head head; /* head_epoch 0: none under this root version */
    uint32_t tick; /* of it, that has passed */
    uint8_t (*tokens)[PQI_HASH_LEN];
    uint32_t tokens_root;
    uint32_t counts[PLANE_HEADS]; /* ticks of head e */
    uint8_t *objects[PLANE_OBJECTS];
    size_t n_objects;
} plane;

void plane_init(plane *p, plane_kind kind);
void plane_free(plane *p);
/* Frees objects behind the first n (p->n_objects at some time): for long runs. */
void plane_forget(plane *p, size_t n);
/* A copy that lives as long as the plane. */
pqi_cspan plane_keep(plane *p, pqi_cspan bytes);

/* Root of the next version, signed by both; epochs, policy, rosters and the log begin anew. */
pqi_cspan plane_rotate(plane *p);

/* The next head: of everything as it is now. */
pqi_cspan plane_head(plane *p);
/* The same in two steps, to change what is signed and by whom; nothing here moves. */
pqi_head plane_head_fields(plane *p);
pqi_cspan plane_head_sign(plane *p, const pqi_head *h, pqi_key signer);
pqi_key plane_head_key(const plane *p);

/* n more ticks pass; the newest one. */
pqi_cspan plane_tick(plane *p, uint32_t n);
/* Tick i of head e of this root version. */
pqi_cspan plane_tick_of(plane *p, uint32_t epoch, uint32_t i);
pqi_cspan plane_local_tick(plane *p, uint32_t i);

/* The next policy, p->policy with the next number; heads name it from now on. Signed by n policy keys. */
pqi_cspan plane_policy(plane *p, size_t n);

void plane_revoke(plane *p, uint32_t index, uint32_t min_epoch);
/* Entries from + 1 .. to of the log; signed by the revoker, and for a quorum by policy keys. */
pqi_cspan plane_rev_part(plane *p, uint32_t from, uint32_t to, int quorum);
pqi_cspan plane_rev(plane *p, uint32_t from); /* up to the end, by the revoker alone */
void plane_rev_hash(plane *p, uint32_t n, uint8_t out[PQI_HASH_LEN]);

/* The next roster, of p->leaves as they are; heads name it from now on. */
pqi_cspan plane_roster(plane *p);
/* Path of leaf i in the newest roster. */
pqi_cspan plane_path(plane *p, uint32_t i);

/* The answer to a question (its bytes): statement and path; what it names may be changed and signed by hand. */
pqi_cspan plane_answer(plane *p, pqi_cspan question);
pqi_cspan plane_answer_of(plane *p, const pqi_ask *q, const pqi_statement *fields, pqi_key signer);
pqi_statement plane_statement_fields(const plane *p);

/* ---- a device -------------------------------------------------------------------------------------------- */

#define RIG_REVOKED  64u
#define RIG_MANIFEST 49152u
#define RIG_POLICY   4096u

typedef struct ctl_rig {
    plane *p;
    test_power power;
    fake_provider prov;
    fake_nvm nvm;
    pqi_ctl_cfg cfg; /* may be changed before rig_open() */
    pqi_ctl c;
    pqi_now now;
    pqi_ctl_event ev;   /* of the last rig_take() */
    pqi_cspan manifest; /* that it was made with */
    uint8_t pinned[PQI_HASH_LEN];
    pqi_revoked revoked[RIG_REVOKED];
    uint8_t manifest_mem[RIG_MANIFEST], policy_mem[RIG_POLICY];
    _Alignas(16) uint8_t tmp[131072];
} ctl_rig;

/* Its own leaf is leaf 0 of the plane: roster index 7, key epoch 1. It was made with the root of now; with the
 * first one. */
void rig_init(ctl_rig *r, plane *p);
void rig_init_first(ctl_rig *r, plane *p);
void rig_free(ctl_rig *r);
pqi_status rig_open(ctl_rig *r);
void rig_close(ctl_rig *r);
void rig_crash(ctl_rig *r);         /* power off: nothing is written */
pqi_status rig_restart(ctl_rig *r); /* power is back: crash and open, uptime begins at 0 */

/* Peek, then receive; what peek refuses receive refuses for the same reason. The status of the event. */
pqi_status rig_take(ctl_rig *r, pqi_object kind, pqi_cspan in);
/* All that the plane retains: root, head, tick, roster, policy, log. */
void rig_sync(ctl_rig *r);
/* The next question, answered by the plane. The statement's status. */
pqi_status rig_ask(ctl_rig *r);
void rig_pass(ctl_rig *r, uint64_t ms);

pqi_fresh rig_fresh(const ctl_rig *r);
unsigned rig_flags(const ctl_rig *r);
/* Everything that decides, in one hash: state, table, policy, floors. */
void rig_digest(const ctl_rig *r, uint8_t out[32]);

#endif
