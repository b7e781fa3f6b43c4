/* SPDX-License-Identifier: Apache-2.0
 * The control plane of pqi bench control: a fleet whose objects are made here in memory, with keys of one
 * algorithm in every role, and a device's control state that counts what it is given and what it does. */
#ifndef PQI_APPS_BENCH_CONTROL_H
#define PQI_APPS_BENCH_CONTROL_H

#include "bench.h"

#include <pqi/ctl.h>
#include <pqi/provider_soft.h>

#define BENCH_HEADS     256u /* of a run */
#define BENCH_REVOKED   4096u
#define BENCH_PARTS_MAX 65536u

/* ---- the plane ------------------------------------------------------------------------------------ */

typedef struct bench_plane {
    const pqi_algs *algs;
    const pqi_sig *sig; /* of every role */
    pqi_soft soft;
    pqi_span mem;
    uint8_t pk[PQI_ROLE_HEAD + 1u][PQI_SIG_MAX_PK]; /* by role; handles are roles */
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint8_t manifest[PQI_MANIFEST_MAX];
    size_t manifest_len;
    uint8_t manifest_hash[PQI_HASH_LEN];
    /* leaves of the roster, and room to hash them */
    uint32_t n, own; /* own: position of the device that is looked at */
    uint8_t (*leaves)[PQI_HASH_LEN], (*work)[PQI_HASH_LEN];
    pqi_leaf leaf; /* its leaf */
    pqi_roster roster;
    uint8_t path[PQI_PATH_MAX];
    size_t path_len;
    pqi_revoked revoked[BENCH_REVOKED];
    uint32_t n_revoked;
    uint8_t rev_hash[PQI_HASH_LEN];
    pqi_policy policy;
    pqi_head head; /* newest; its spans point into out */
    uint32_t tick; /* of it */
    uint8_t tick_seed[PQI_HASH_LEN];
    uint8_t tokens[BENCH_HEADS + 1u][PQI_HASH_LEN]; /* of head e: tokens[e] */
    uint64_t time_s;
    uint8_t out[BENCH_PARTS_MAX]; /* the object made last */
    size_t len;
} bench_plane;

/* n devices; the one in the middle is looked at. Keys are made: with Falcon some milliseconds each. */
pqi_status bench_plane_init(bench_plane *p, const pqi_algs *algs, const pqi_sig *sig, uint32_t n);
void bench_plane_free(bench_plane *p);
/* The manifest, with another head key than the plane's own when head_pk is not NULL. */
pqi_status bench_plane_manifest(bench_plane *p, const uint8_t *head_pk);

/* Each makes an object in p->out. */
pqi_status bench_plane_policy(bench_plane *p); /* the default, and rosters count */
pqi_status bench_plane_roster(bench_plane *p); /* of the leaves as they are; and the path */
pqi_status bench_plane_head(bench_plane *p);
pqi_status bench_plane_tick(bench_plane *p, uint32_t i);            /* of the newest head */
pqi_status bench_plane_log(bench_plane *p, uint32_t from);          /* of the revocations */
pqi_status bench_plane_statement(bench_plane *p, const pqi_ask *q); /* the answer's body */
/* A device after the one that is looked at leaves the roster and is revoked. */
pqi_status bench_plane_revoke(bench_plane *p);

/* ---- a device ------------------------------------------------------------------------------------- */

enum { BENCH_RECORDS = 8 };

typedef struct bench_medium { /* two slots of each record */
    pqi_nvm nvm;
    struct bench_slot {
        char name[32];
        uint8_t *bytes[2];
        size_t len[2];
    } rec[BENCH_RECORDS];
    uint64_t writes, written;
} bench_medium;

typedef struct bench_device {
    bench_plane *plane;
    pqi_classic classic; /* counts hashes */
    pqi_sig sig;         /* counts verifications */
    const pqi_sig *sigs[1];
    pqi_algs algs;
    pqi_soft soft;
    pqi_span mem, tmp, policy_mem, manifest_mem;
    bench_medium medium;
    pqi_revoked *table;
    pqi_ctl ctl;
    pqi_now now;
    uint64_t received, sent, messages; /* payload bytes; PUBLISHes of both directions */
    uint64_t verified, hashed;
} bench_device;

pqi_status bench_device_open(bench_device *d, bench_plane *p, uint32_t revoked_max);
void bench_device_close(bench_device *d);
/* One object from the broker. */
pqi_status bench_device_take(bench_device *d, pqi_object kind, pqi_cspan in, pqi_ctl_event *ev);
/* What the plane made last, as an object of this kind. Not PQI_OK: the device did not take it. */
pqi_status bench_device_hear(bench_device *d, pqi_object kind);
/* A question that is due, and the answers to it: statement and path. */
pqi_status bench_device_ask(bench_device *d);
void bench_device_count(bench_device *d); /* from zero on */

/* ---- parts of the group ---------------------------------------------------------------------------- */

void bench_control_day(pqi_bench *b, const pqi_sig *sig);    /* a device's day */
void bench_control_cost(pqi_bench *b, const pqi_sig *sig);   /* one object; memory */
void bench_control_server(pqi_bench *b, const pqi_sig *sig); /* questions, rosters in a store */
void bench_control_roster(pqi_bench *b);
void bench_control_gate(pqi_bench *b);

/* Reports why, and that the run failed. */
void bench_control_failed(pqi_bench *b, const char *what, pqi_status st);

#endif
