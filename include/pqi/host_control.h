/* SPDX-License-Identifier: Apache-2.0
 * The server side of the control plane: a store of signed objects, the signer of heads, and the answers
 * to devices. It knows no sockets of a broker: bytes and a time in, topics and bytes out through a
 * callback. The daemon around it is pqid(1). Rules: docs/spec/control-server.md.
 *
 *   DIR/control.db  the store, SQLite; or another file, or a PostgreSQL database named by a URL
 *   DIR/keys        the provider with the head key, encrypted under a KEK: DIR is the directory of a
 *                   role key, as `pqi role new head` makes it. It seals the seeds of ticks and tokens,
 *                   so several servers of one store have copies of one DIR/keys
 *   DIR/server      a random number that names this server in the store's lease
 *
 * Two ways to open it. Without keys (cfg.kek names no source): put objects, read, back up; while a
 * daemon runs, too. With keys: make heads, give ticks, answer; one process per DIR/keys.
 *
 * Every change is one transaction, and what devices get was committed before. A head is signed while
 * the lease of the store is held, and its insert checks the lease again and the epoch is unique: two
 * servers of one store never make two heads of one epoch. The provider's counter follows the epoch:
 * an older copy of the store is noticed (PQI_ERR_ROLLBACK), and pqi_host_control_recover() skips what
 * the lost copy may have used.
 *
 * One object is used by one thread at a time; objects of one store are independent. */
#ifndef PQI_HOST_CONTROL_H
#define PQI_HOST_CONTROL_H

#include <pqi/control.h>
#include <pqi/gate.h>
#include <pqi/host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_HOST_CONTROL_SCHEMA 1u
#define PQI_HOST_CONTROL_APP_ID 0x50514944 /* "PQID": PRAGMA application_id */

#define PQI_CONTROL_TICKS_DEFAULT  168u    /* ticks of a head: a week of hours */
#define PQI_CONTROL_TOKENS_DEFAULT 262144u /* heads of one root version */
#define PQI_CONTROL_TOKENS_MAX     1048576u
#define PQI_CONTROL_SKIP           1000u /* epochs skipped after a restore; below PQI_TOKEN_STEPS */
#define PQI_CONTROL_BATCH_MAX      4096u /* questions under one signature */
#define PQI_CONTROL_LEASE_MS       5000u
#define PQI_CONTROL_ROSTER_MAX     1048576u /* leaves */

typedef struct pqi_host_control pqi_host_control;

/* What it does to the outside. Both may be NULL. They may not call into the same object; what they are
 * given lives until they return. */
typedef enum pqi_control_event_kind {
    PQI_CONTROL_EV_OBJECT = 1, /* a new object of the store was published: object, number */
    PQI_CONTROL_EV_HEAD,       /* a head was made: number: its epoch; what: PQI_CONTROL_NEW_* */
    PQI_CONTROL_EV_TICK,       /* number: tick of the fleet */
    PQI_CONTROL_EV_BATCH,      /* number: questions answered with one signature */
    PQI_CONTROL_EV_HELD,       /* alarm: revocations wait for policy signatures; number: how many */
    PQI_CONTROL_EV_LEASE,      /* number 1: this server makes heads now; 0: another one does */
    PQI_CONTROL_EV_BUDGET,     /* answers cut short by a budget since the last such event: number */
    PQI_CONTROL_EV_CLOCK,  /* the wall clock jumped back; ticks go on from here. number: seconds */
    PQI_CONTROL_EV_FAILED, /* status, text: something failed and will be tried again */
    PQI_CONTROL_EV_INT32_ = 2147483647
} pqi_control_event_kind;

typedef struct pqi_control_event {
    pqi_control_event_kind kind;
    pqi_object object;
    uint64_t number;
    unsigned what;
    pqi_status status;
    const char *text; /* for people; never NULL, no secret */
} pqi_control_event;

typedef struct pqi_control_io {
    void *ctx;
    void (*publish)(void *ctx, const char *topic, pqi_cspan payload, int retain);
    void (*event)(void *ctx, const pqi_control_event *ev);
} pqi_control_io;

/* Budgets of answers, bytes. Devices in the roster have one bucket each, all others share one. Zero:
 * the default given. */
typedef struct pqi_control_budget {
    uint32_t device_burst, device_rate; /* 524288; 8192 a second */
    uint32_t other_burst, other_rate;   /* 1048576; 65536 a second */
    uint32_t total_burst, total_rate;   /* 33554432; 8388608 a second */
} pqi_control_budget;

typedef struct pqi_host_control_cfg {
    const char *dir;
    const char *store;         /* NULL: DIR/control.db; else a postgresql:// URL */
    pqi_host_kek_source kek;   /* no member set: without keys */
    const char *name;          /* of this server in the lease and the log; NULL: host and process */
    uint32_t ticks_per_head;   /* 0: PQI_CONTROL_TICKS_DEFAULT */
    uint32_t tokens;           /* 0: PQI_CONTROL_TOKENS_DEFAULT; used when a root version begins */
    uint32_t rev_window_ticks; /* time over which a revoker alone may name its share; 0: 24 */
    uint32_t batch_ms;         /* questions are collected for so long; 0: 200 */
    uint32_t batch_max;        /* or until there are so many; 0: PQI_CONTROL_BATCH_MAX */
    uint32_t lease_ms;         /* 0: PQI_CONTROL_LEASE_MS */
    int accept_clock;          /* 1: believe a clock that is far ahead of the last tick */
    int check_newest;          /* 1: at open check what is newest alone, not all that is stored */
    pqi_control_budget budget;
    pqi_control_io io;
    uint64_t (*clock_ms)(void *ctx); /* unix milliseconds; NULL: the system's */
    void *clock_ctx;
} pqi_host_control_cfg;

/* Makes DIR, the provider and the head key in it, and gives the public key, which a root manifest has
 * to name under PQI_ROLE_HEAD. Run again it gives the same key. cfg->store is not touched.
 * head_alg: PQI_SIG_ID_*; 0: ML-DSA-65. pk: PQI_SIG_MAX_PK is enough.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_UNSUPPORTED: head_alg; PQI_ERR_STATE: it holds a key of another
 * algorithm, or is in use; PQI_ERR_SPACE; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_init(const pqi_host_control_cfg *cfg,
    int32_t head_alg, pqi_span pk, size_t *pk_len, int32_t *alg_out);

/* Opens the store, makes it where there is none, brings an older schema up to date, and checks it:
 * the file, the chain of heads, the log's hashes, the signatures of what is stored. A new store is
 * empty until a root manifest is put.
 * PQI_OK; PQI_ERR_MISSING: no control directory, no such key file; PQI_ERR_STORAGE: damaged, foreign,
 * out of reach; PQI_ERR_UNSUPPORTED: a newer schema, or no PostgreSQL in this build; PQI_ERR_AUTH: not
 * this KEK; PQI_ERR_STATE: keys in use; PQI_ERR_ROLLBACK: the store is older than its keys remember. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_open(
    pqi_host_control **out, const pqi_host_control_cfg *cfg);
PQI_API void pqi_host_control_close(pqi_host_control *c); /* gives the lease back; NULL is fine */

/* One sentence for people about this thread's last failure in this header; never NULL, no secret. */
PQI_API const char *pqi_host_control_why(void);

/* Every stored object once more, as open does without check_newest. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_check(pqi_host_control *c);

/* ---- objects in ------------------------------------------------------------------------------------ */

/* The first root manifest of an empty store: `pinned` are the 32 bytes that devices pin. The same again
 * changes nothing. PQI_OK; PQI_ERR_AUTH: not this hash, or not signed; PQI_ERR_STATE: the store belongs
 * to another root; PQI_ERR_DECODE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_begin(
    pqi_host_control *c, pqi_cspan manifest, const uint8_t pinned[PQI_HASH_LEN]);

/* Takes one signed object after it verifies under the newest root and follows what is stored; *is_new 0:
 * it was there already (PQI_OK). Another process that has the store open sees it within a poll.
 *   ROOT         the next version; policy, roster and log begin anew under it
 *   POLICY       seq above the newest
 *   REVOCATIONS  a part that begins at or before the end of the log and agrees with what is there; one
 *                with a quorum over entries of a revoker alone counts as its co-signature
 *   HEAD         of another server or from a broker's retained message: only newer ones, to catch up
 *                after a restore; the chain of hashes may have a hole there
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: signature, fleet, root version; PQI_ERR_REPLAY: older than what
 * is stored; PQI_ERR_POLICY: it contradicts what is stored (another object of the same number, another
 * history of the log); PQI_ERR_MISSING: a part is missing before it, or no root; PQI_ERR_LIMIT: the log
 * is full; PQI_ERR_ARG: a kind that is not put this way; PQI_ERR_STORAGE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_put(
    pqi_host_control *c, pqi_object kind, pqi_cspan in, int *is_new);

typedef struct pqi_control_member {
    pqi_leaf leaf;
    char id[PQI_ID_MAX + 1];
    uint64_t not_after; /* of the certificate, unix seconds; 0: without end */
} pqi_control_member;

/* A roster statement with its leaves, ascending by roster index, whose root it must name. Statuses as
 * above; PQI_ERR_POLICY: the leaves are not the roster's; PQI_ERR_ARG: order, an id. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_put_roster(
    pqi_host_control *c, pqi_cspan in, const pqi_control_member *members, uint32_t n, int *is_new);

/* Delegates of the heads to come, 0..PQI_DELEGATES_MAX, ascending by id; they replace those before.
 * PQI_ERR_ARG: one breaks its rule. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_set_delegates(
    pqi_host_control *c, const pqi_delegate *d, uint32_t n);

/* ---- the engine: with keys alone, else PQI_ERR_STATE ------------------------------------------------- */

#define PQI_CONTROL_NEW_ROOT      0x01u /* the first head of a root version */
#define PQI_CONTROL_NEW_POLICY    0x02u
#define PQI_CONTROL_NEW_REV       0x04u
#define PQI_CONTROL_NEW_ROSTER    0x08u
#define PQI_CONTROL_NEW_TICKS     0x10u /* the ticks of the head in force ran out, or are not ours */
#define PQI_CONTROL_NEW_FORCED    0x20u
#define PQI_CONTROL_NEW_DELEGATES 0x40u

typedef struct pqi_control_made {
    uint32_t head_epoch;          /* in force now; 0: none */
    unsigned what;                /* PQI_CONTROL_NEW_* why a head was made; 0: none was */
    uint32_t rev_named, rev_held; /* entries that the head names; that wait for policy signatures */
    int leased;                   /* 0: another server has the lease; nothing was made */
} pqi_control_made;

/* Makes and stores a head when something is new or the ticks run out (force 1: anyway). Of revocations
 * it names no more entries of a revoker alone within rev_window_ticks than the policy's
 * rev_ahead_permille of the roster (at least 1); the rest is held until policy keys sign it or time
 * passes. PQI_OK; PQI_ERR_MISSING: no root; PQI_ERR_POLICY: the root does not name our head key;
 * PQI_ERR_LIMIT: no tokens left, a new root version is due; PQI_ERR_AUTH: the seeds were sealed by other
 * keys; PQI_ERR_ROLLBACK; PQI_ERR_STORAGE; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_advance(
    pqi_host_control *c, int force, pqi_control_made *out);

/* A wall clock that is farther ahead of the last tick than the policy's max-step is not believed, as
 * signed time in the future would expire certificates (INV-105): no heads (PQI_ERR_STATE), ticks or
 * answers until it is right again or the server was started with cfg.accept_clock.
 *
 * The newest tick by the clock. PQI_ERR_MISSING: none yet (before the first one is due), or the seed of
 * the head in force is another server's; *due_ms: unix milliseconds of the next one. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_tick(
    pqi_host_control *c, pqi_tick *out, uint64_t *due_ms);

/* Takes one question from PQI_TOPIC_ASK. Hostile input is never an error: what does not decode or comes
 * over a budget is counted. PQI_ERR_STATE: without keys. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_ask(pqi_host_control *c, pqi_cspan in);
/* Answers all questions taken so far, with one signature. *answered may be NULL. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_flush(pqi_host_control *c, uint32_t *answered);

/* Everything that is retained, through io.publish: at start and after a reconnect. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_publish(pqi_host_control *c);

/* One round: has the store changed (rescan 1: look at everything again)? New heads, ticks that are due,
 * batches that are due; *wait_ms: call again after at most that. A store that is out of reach is an
 * event, not an error. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_poll(
    pqi_host_control *c, int rescan, uint32_t *wait_ms);

/* After PQI_ERR_ROLLBACK: the next head skips PQI_CONTROL_SKIP epochs beyond what store and keys know.
 * Put the newest objects again first (a broker retains them). *epoch: the next one. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_recover(
    const pqi_host_control_cfg *cfg, uint32_t *epoch);

/* ---- reading ----------------------------------------------------------------------------------------- */

typedef struct pqi_control_info {
    const char *backend; /* "sqlite", "postgresql" */
    uint8_t fleet_id[PQI_FLEET_ID_LEN], manifest_hash[PQI_HASH_LEN];
    uint32_t root_version; /* 0: no root yet, and the rest is zero */
    uint32_t head_epoch, policy_seq, rev_seq,
        roster_seq;                              /* newest in the store, or named by the head */
    uint32_t head_policy, head_rev, head_roster; /* named by the newest head */
    uint32_t rev_held;                           /* entries beyond what a revoker alone may name */
    uint32_t roster_size, tokens_left, tick_count, tick_s;
    uint32_t tick;        /* of the newest head, by the clock */
    uint32_t tick_number; /* of the fleet */
    uint64_t head_time, changes, audit;
    char leader[64]; /* who has the lease, "" nobody */
    uint64_t lease_until_ms;
    int has_keys, head_key_named; /* 1: the root names our head key */
} pqi_control_info;
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_get_info(
    pqi_host_control *c, pqi_control_info *out);

/* The newest object of a kind: ROOT, HEAD, POLICY, ROSTER; REVOCATIONS: the longest whole log.
 * PQI_ERR_MISSING; PQI_ERR_SPACE: *len tells the need; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_get(
    pqi_host_control *c, pqi_object kind, pqi_span out, size_t *len);

/* The delegates that the next head will name, in their order. What cb is given lives until it returns; a return other
 * than 0 ends the walk. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_each_delegate(
    pqi_host_control *c, int (*cb)(void *ctx, const pqi_delegate *d), void *ctx);

/* All entries of the log, in order. What cb is given lives until it returns; a return other than 0 ends
 * the walk. It may not call into the same object. quorum 1: policy keys signed it. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_each_revoked(pqi_host_control *c,
    int (*cb)(void *ctx, uint32_t seq, const pqi_revoked *e, int quorum), void *ctx);

/* One device of the roster, as its last question tells. Questions are not authenticated: a hint for
 * people, nothing to decide by. */
typedef struct pqi_control_device {
    const pqi_control_member *member;
    pqi_fresh fresh; /* by how old what it knew then is now; UNKNOWN: it never asked */
    uint32_t age;    /* in ticks; UINT32_MAX: not known */
    uint32_t head_epoch, tick, rev_seq, policy_seq, roster_seq; /* as it said */
    uint64_t asked_at;                                          /* unix seconds; 0: never */
    int answered;     /* 1: and it got an answer, so it should know what was newest then */
    int revoked;      /* 1: an entry of the log covers this key epoch */
    int expires_soon; /* 1: less than 30 days left, or past */
} pqi_control_device;
/* Devices of the newest roster by roster index. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_fleet_status(
    pqi_host_control *c, int (*cb)(void *ctx, const pqi_control_device *d), void *ctx);

typedef struct pqi_control_audit {
    uint64_t seq, at; /* unix seconds */
    const char *who, *op, *detail;
} pqi_control_audit;
/* From entry `from` on. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_each_audit(pqi_host_control *c, uint64_t from,
    int (*cb)(void *ctx, const pqi_control_audit *a), void *ctx);

typedef struct pqi_control_stats {
    uint64_t questions, malformed, answered, statements, signatures, over_budget, bytes;
} pqi_control_stats;
PQI_API pqi_control_stats pqi_host_control_get_stats(const pqi_host_control *c);

/* ---- backup -------------------------------------------------------------------------------------------- */

/* Writes the whole store, of either kind, into one new file (mode 0600): docs/spec/control-server.md.
 * It appears whole or not at all. Sealed seeds are in it, keys are not: copy DIR/keys as well.
 * PQI_ERR_STATE: the file exists. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_backup(pqi_host_control *c, const char *file);
/* Fills an empty store, of either kind, from such a file, checks it, and marks it: its next head skips
 * PQI_CONTROL_SKIP epochs. All or nothing. PQI_ERR_STATE: the store is not empty; PQI_ERR_STORAGE: the
 * file is damaged. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_control_restore(
    const pqi_host_control_cfg *cfg, const char *file);

#ifdef __cplusplus
}
#endif
#endif
