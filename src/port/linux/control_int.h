/* SPDX-License-Identifier: Apache-2.0
 * The control plane object: its connection, what it read of the store, and what it has published. */
#ifndef PQI_PORT_LINUX_CONTROL_INT_H
#define PQI_PORT_LINUX_CONTROL_INT_H

#include "port/linux/control_db.h"
#include "port/linux/protected_mem.h"
#include "port/linux/why.h"

#include <pqi/host_control.h>

#define PQI_CONTROL_HANDLE ((pqi_key)(PQI_HANDLE_ROLE_BASE + (unsigned)PQI_ROLE_HEAD))

#define PQI_CONTROL_TOKEN_STEP 1024u /* a checkpoint in the chain of tokens for so many */
#define PQI_CONTROL_TICK_STEP  64u
#define PQI_CONTROL_TOKEN_CPS  (PQI_CONTROL_TOKENS_MAX / PQI_CONTROL_TOKEN_STEP)
#define PQI_CONTROL_TICK_CPS   (PQI_TICKS_MAX / PQI_CONTROL_TICK_STEP)

/* Values of chains in protected memory; secret until they are given away. */
typedef struct pqi_control_chains {
    uint32_t token_root, tokens; /* root version and length; 0: not loaded */
    uint32_t tick_root, tick_epoch, tick_count;
    uint8_t token[PQI_CONTROL_TOKEN_CPS][PQI_HASH_LEN]; /* of epochs 1024, 2048, ..., the last */
    uint8_t tick[PQI_CONTROL_TICK_CPS][PQI_HASH_LEN];   /* of ticks 64, 128, ..., the last */
    uint8_t seed[PQI_HASH_LEN];
} pqi_control_chains;

typedef struct pqi_control_segment {
    uint32_t from, until;
    uint8_t quorum;
} pqi_control_segment;

/* A Merkle tree with all its levels: level 0 are the leaves. */
typedef struct pqi_control_tree {
    uint8_t (*nodes)[PQI_HASH_LEN];
    uint32_t size;
    size_t level[34]; /* where each begins; levels of 1 node end it */
    unsigned levels;
} pqi_control_tree;

/* Leaves of one roster, by position. */
typedef struct pqi_control_leaves {
    uint32_t root_version, seq; /* 0: none */
    pqi_control_member *members;
    uint32_t n;
    uint32_t *by_id; /* positions, ascending by id */
    pqi_control_tree tree;
} pqi_control_leaves;

typedef struct pqi_control_numbered {
    uint32_t seq, size;         /* seq 0: none */
    uint8_t hash[PQI_HASH_LEN]; /* of a policy its hash, of a roster its root */
} pqi_control_numbered;

/* What the store says, read in one transaction. Objects point into memory of the view. */
typedef struct pqi_control_view {
    int64_t changes;
    uint32_t root_version; /* 0: empty store */
    uint8_t *root_bytes;
    pqi_manifest manifest;
    uint8_t *head_bytes;
    pqi_head head;                       /* head_epoch 0: none under this root */
    pqi_control_numbered policy, roster; /* newest, and not below what the head names */
    pqi_policy_rules rules;              /* of the policy that the head names */
    pqi_policy_rules rules_next;         /* of the newest policy: what the next head names */
    uint32_t rev_seq, rev_named_max;     /* entries; how many of them the next head may name */
    uint8_t rev_start[PQI_HASH_LEN];     /* R0 */
    pqi_control_segment *segments;       /* ascending by from, until */
    uint32_t n_segments;
    int64_t skip, tick_number, tick_at; /* tick_at: unix ms when that tick was due */
    uint8_t delegates[PQI_DELEGATES_MAX * 256u];
    size_t delegates_len;
    int seed; /* 1: the seed of this head's ticks is in the store */
} pqi_control_view;

typedef struct pqi_control_bucket {
    uint64_t at_ms;
    uint32_t left; /* bytes */
} pqi_control_bucket;

typedef struct pqi_control_question {
    pqi_ask ask;
    char id[PQI_ID_MAX + 1];
    uint32_t position; /* in the leaves; UINT32_MAX: not in the roster */
} pqi_control_question;

#define PQI_CONTROL_ANSWER_MAX (PQI_ANSWER_HEAD + PQI_MANIFEST_MAX)
#define PQI_CONTROL_CACHE      8u

/* An object of the store; number is a version, seq or the beginning of a part of the log. */
typedef struct pqi_control_key {
    pqi_object kind;
    uint32_t root_version, number, until;
    uint8_t quorum;
} pqi_control_key;

typedef struct pqi_control_cached {
    pqi_control_key key;
    uint8_t *bytes;
    size_t len;
} pqi_control_cached;

typedef struct pqi_control_published { /* numbers of what went out last */
    uint32_t root_version, head_epoch, policy_seq, rev_seq, roster_seq, tick;
    int all; /* 1: everything is to go out again */
} pqi_control_published;

struct pqi_host_control {
    pqi_host_control_cfg cfg;
    char dir[PQI_DIR_PATH_MAX];
    char name[64], holder[96];
    pqi_cdb *db;
    pqi_provider *provider; /* NULL: without keys */
    int lock;
    pqi_algs algs;
    pqi_span tmp;
    uint8_t *object; /* PQI_MANIFEST_MAX bytes: the object in work */
    uint8_t head_kid[PQI_KID_LEN];
    pqi_pmem secret;
    pqi_control_chains *chains; /* in `secret` */
    uint64_t counter;           /* of the provider, as far as we know */
    pqi_control_view view;
    pqi_control_leaves leaves; /* of the roster that the head names */
    /* lease */
    int leased;
    int64_t fence;
    uint64_t lease_next_ms;
    /* questions */
    pqi_control_question *questions;
    uint32_t n_questions;
    uint64_t batch_due_ms;
    pqi_control_bucket total, other, *device; /* one for each leaf */
    uint64_t cut, cut_told_ms;
    int spent; /* 1: the question in work is over a budget: nothing more is read of the store for it */
    uint8_t *answer; /* PQI_CONTROL_ANSWER_MAX bytes */
    pqi_control_cached cache[PQI_CONTROL_CACHE];
    size_t cache_next;
    /* out */
    pqi_control_published out;
    uint32_t held_told;
    uint64_t retry_ms; /* after a failure */
    pqi_status failed; /* told */
    pqi_control_stats stats;
};

uint64_t pqi_control_now_ms(const pqi_host_control *c);
int64_t pqi_control_now_s(const pqi_host_control *c);
pqi_cspan pqi_control_str(const char *s);
void pqi_control_tell(pqi_host_control *c, const pqi_control_event *ev);
/* Inside a writing transaction: a line in the audit table; and the mark for others to look again. */
PQI_MUST_CHECK pqi_status pqi_control_note(pqi_host_control *c, const char *op, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));
PQI_MUST_CHECK pqi_status pqi_control_changed(pqi_host_control *c);

/* control_view.c. load: inside a transaction of the caller; refresh: in one of its own, and only when
 * the store has changed (force 1: anyway). On error the old view stays. */
PQI_MUST_CHECK pqi_status pqi_control_load(pqi_host_control *c);
PQI_MUST_CHECK pqi_status pqi_control_refresh(pqi_host_control *c, int force);
void pqi_control_view_free(pqi_control_view *v);
/* Number of the tick that is due by the clock, and unix ms when it was. */
int64_t pqi_control_number(const pqi_host_control *c, uint64_t now_ms, int64_t *at);
/* The same as a tick of the head in force; 0: none yet. */
uint32_t pqi_control_tick_due(const pqi_host_control *c, uint64_t now_ms);
/* Entries of the log that the next head may not name yet. */
uint32_t pqi_control_held(const pqi_control_view *v);

/* control_leaves.c */
PQI_MUST_CHECK pqi_status pqi_control_tree_build(
    const pqi_algs *a, pqi_control_tree *t, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n);
/* Path of a leaf: 12 + 32 n bytes into out (PQI_PATH_MAX); returns its length. */
size_t pqi_control_tree_path(
    const pqi_control_tree *t, uint32_t roster_seq, uint32_t position, uint8_t *out);
void pqi_control_tree_free(pqi_control_tree *t);
/* Makes c->leaves those of the head's roster; inside a transaction. */
PQI_MUST_CHECK pqi_status pqi_control_leaves_load(pqi_host_control *c);
void pqi_control_leaves_free(pqi_control_leaves *l);
uint32_t pqi_control_leaf_find(const pqi_control_leaves *l, pqi_cspan id); /* UINT32_MAX: none */
/* Members of any roster of the store, into fresh memory. */
PQI_MUST_CHECK pqi_status pqi_control_members(pqi_host_control *c, uint32_t root_version,
    uint32_t seq, pqi_control_member **out, uint32_t *n);

/* control_log.c */
PQI_MUST_CHECK pqi_status pqi_control_put_revocations(
    pqi_host_control *c, pqi_cspan in, int *is_new);
/* How many entries the next head may name; inside a transaction, with c->view loaded but for this. */
PQI_MUST_CHECK pqi_status pqi_control_rev_limit(
    pqi_host_control *c, const pqi_control_view *v, int64_t number, uint32_t *out);
/* R(seq); PQI_ERR_MISSING: not so many. */
PQI_MUST_CHECK pqi_status pqi_control_rev_hash(
    pqi_host_control *c, const pqi_control_view *v, uint32_t seq, uint8_t out[PQI_HASH_LEN]);
/* The segment to send to who has `have` entries: the one that leads farthest, not beyond `limit`.
 * NULL: none leads on. */
const pqi_control_segment *pqi_control_segment_for(
    const pqi_control_view *v, uint32_t have, uint32_t limit);
/* The longest whole log that ends at or before `limit`; NULL: none. */
const pqi_control_segment *pqi_control_segment_whole(const pqi_control_view *v, uint32_t limit);
/* Its bytes into c->object. */
PQI_MUST_CHECK pqi_status pqi_control_segment_bytes(
    pqi_host_control *c, const pqi_control_segment *s, pqi_cspan *out);

/* control_chain.c; secrets stay in c->chains. Inside a transaction where they read the store. */
PQI_MUST_CHECK pqi_status pqi_control_tokens_load(pqi_host_control *c);
void pqi_control_chains_drop(pqi_host_control *c); /* a transaction failed: read them again */
PQI_MUST_CHECK pqi_status pqi_control_token(
    pqi_host_control *c, uint32_t epoch, uint8_t out[PQI_HASH_LEN]);
/* A new chain of ticks for a head; the anchor, and its sealed seed. */
#define PQI_CONTROL_SEALED (PQI_HASH_LEN + PQI_SEAL_OVERHEAD)
PQI_MUST_CHECK pqi_status pqi_control_ticks_make(pqi_host_control *c, uint32_t root_version,
    uint32_t epoch, uint32_t count, uint8_t anchor[PQI_HASH_LEN],
    uint8_t sealed[PQI_CONTROL_SEALED]);
PQI_MUST_CHECK pqi_status pqi_control_ticks_load(pqi_host_control *c);
PQI_MUST_CHECK pqi_status pqi_control_tick_value(
    pqi_host_control *c, uint32_t i, uint8_t out[PQI_HASH_LEN]);

/* control_head.c */
PQI_MUST_CHECK pqi_status pqi_control_counter_check(pqi_host_control *c);
PQI_MUST_CHECK pqi_status pqi_control_counter_follow(pqi_host_control *c);
/* 1: the counter has what the view names; nothing is published before. */
int pqi_control_counter_is_there(const pqi_host_control *c);
/* Why a head is due: PQI_CONTROL_NEW_*; 0: none is. */
PQI_MUST_CHECK pqi_status pqi_control_next_epoch(const pqi_host_control *c, uint32_t *out);
unsigned pqi_control_due(const pqi_host_control *c, uint64_t now_ms);
PQI_MUST_CHECK pqi_status pqi_control_delegates_write(
    const pqi_delegate *d, uint32_t n, pqi_span out, size_t *len);
/* Up to PQI_DELEGATES_MAX, which point into `in`; PQI_ERR_DECODE: not what write writes. */
PQI_MUST_CHECK pqi_status pqi_control_delegates_read(pqi_cspan in, pqi_delegate *d, uint32_t *n);

/* control_open.c: everything but the check. On error *out is to be closed all the same. */
PQI_MUST_CHECK pqi_status pqi_control_attach(
    pqi_host_control **out, const pqi_host_control_cfg *cfg);

/* control_lease.c; take and check inside a writing transaction, told after it was committed. */
PQI_MUST_CHECK pqi_status pqi_control_lease_take(pqi_host_control *c, int *leased);
PQI_MUST_CHECK pqi_status pqi_control_lease_check(pqi_host_control *c);
void pqi_control_lease_told(pqi_host_control *c, int leased);
PQI_MUST_CHECK pqi_status pqi_control_lease_renew(pqi_host_control *c);
void pqi_control_lease_give(pqi_host_control *c);

/* control_check.c; objects: the signatures and hashes alone, in a transaction of the caller. */
PQI_MUST_CHECK pqi_status pqi_control_check_objects(pqi_host_control *c);
PQI_MUST_CHECK pqi_status pqi_control_check_all(pqi_host_control *c);
/* Others may write to the store while it is open. A root that is read follows the one we knew; what a new
 * head names beyond the one before is verified in the transaction that signs it. */
PQI_MUST_CHECK pqi_status pqi_control_check_root(pqi_host_control *c, const pqi_manifest *m);
PQI_MUST_CHECK pqi_status pqi_control_check_named(pqi_host_control *c);

/* A wall clock far ahead of the last tick is not believed (INV-105): PQI_ERR_STATE. */
PQI_MUST_CHECK pqi_status pqi_control_clock_check(const pqi_host_control *c);

/* control_answer.c */
/* Bytes of an object, from memory when it was asked for before; empty: not there. Lives until a few
 * others were asked for. */
pqi_cspan pqi_control_object(pqi_host_control *c, const pqi_control_key *k);
void pqi_control_cache_free(pqi_host_control *c);
uint32_t pqi_control_flush_wait(const pqi_host_control *c, uint64_t now_ms);

#endif
