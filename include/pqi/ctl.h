/* SPDX-License-Identifier: Apache-2.0
 * What a device knows of its fleet: root, head, time, revocations, policy, roster, and how fresh all of
 * that is. Bytes and a time in, a decision and bytes out: no sockets, no allocation, no clock. Formats:
 * pqi/control.h; rules, byte-exact record and state tables: docs/spec/control.md.
 *
 * What is authentic and newer is stored before it is applied; what fails changes nothing but a counter.
 * Floors live in counters of the provider, scoped by root version, so that a deleted or older record
 * is noticed, and the very update that was lost brings it back (INV-63, INV-64, INV-100, INV-101).
 *
 * One object is used by one thread at a time. An endpoint has one of its own. */
#ifndef PQI_CTL_H
#define PQI_CTL_H

#include <pqi/control.h>
#include <pqi/gate.h>
#include <pqi/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Counter slots: u64 = root version << 32 | number; docs/spec/registry.md. A counter of an older root
 * version than ours counts as 0; a newer one says that our root itself is an old one. */
#define PQI_SLOT_HEAD   16u
#define PQI_SLOT_POLICY 17u
#define PQI_SLOT_REV    18u
#define PQI_SLOT_ROSTER 19u
#define PQI_SLOT_TIME   20u /* unix seconds: signed time never goes below (INV-74) */
#define PQI_SLOT_ROOT   21u /* number 0: this version was taken */
#define PQI_CTL_FLOORS  6u  /* slots 16 to 21 */

typedef struct pqi_ctl_cfg {
    const pqi_algs *algs; /* borrowed for life, as all pointers here */
    pqi_provider *provider;
    const pqi_nvm *nvm;
    pqi_cspan
        manifest; /* encoded; its hash must be `pinned`. One that was accepted later is stored */
    const uint8_t *pinned; /* 32 bytes */
    pqi_span manifest_mem; /* room for a later manifest; empty: the root cannot be rotated here */
    pqi_span policy_mem;   /* room for a policy's payload; empty: policies with rows are refused */
    pqi_revoked *revoked;  /* table of revocations in force, ascending by roster index */
    uint32_t revoked_max;
    pqi_cspan id; /* who we are */
    uint8_t kid[PQI_KID_LEN];
    pqi_leaf leaf; /* of our own certificate */
    pqi_span tmp;  /* for the call: verification and records; pqi_ctl_tmp_len(), 8-aligned */
} pqi_ctl_cfg;

/* Bytes of cfg.tmp for these algorithms, this many revocations, and rooms of these lengths. */
PQI_API size_t pqi_ctl_tmp_len(
    const pqi_algs *a, uint32_t revoked_max, size_t manifest_len, size_t policy_len);

/* ---- what is known: to be read, not written ------------------------------------------------------ */

/* How old the newest tick of a kind is, docs/spec/control.md section 3. */
typedef struct pqi_ctl_clock {
    uint8_t
        known; /* since the start. 0: nothing told; 1: a newer tick was heard; 2: somebody vouched */
    uint64_t ms;    /* it was so old, or older where nothing is known, ... */
    uint64_t at_ms; /* ... at this uptime */
} pqi_ctl_clock;

typedef struct pqi_ctl_local { /* a delegate of the head, and its ticks */
    uint8_t id_len, prefix_len;
    char id[PQI_ID_MAX], prefix[PQI_PREFIX_MAX];
    uint32_t count;
    uint32_t i,
        fleet_i; /* its newest tick, 0: none yet; and when the fleet's newest one was heard */
    uint8_t h[PQI_HASH_LEN]; /* preimage; the anchor at 0 */
    pqi_ctl_clock clock;
} pqi_ctl_local;

typedef struct pqi_ctl_head { /* the head in force */
    uint32_t root_version; /* an older one than the manifest's until the first head of that comes */
    uint32_t head_epoch;   /* 0: none */
    uint32_t policy_seq, rev_seq, roster_seq, roster_size, tick_count, tick_base;
    uint8_t policy_hash[PQI_HASH_LEN], rev_hash[PQI_HASH_LEN], roster_root[PQI_HASH_LEN];
    uint8_t token[PQI_HASH_LEN], hash[PQI_HASH_LEN];
} pqi_ctl_head;

typedef enum pqi_ctl_counts {
    PQI_CTL_GONE = 0,
    PQI_CTL_NAMED = 1, /* by the head in force */
    PQI_CTL_LAST = 2,  /* until the next head: this one names another */
    PQI_CTL_COUNTS_INT32_ = 2147483647
} pqi_ctl_counts;

typedef struct pqi_ctl_roster {
    uint32_t root_version, seq, size; /* seq 0: none */
    pqi_ctl_counts counts;
    uint8_t root[PQI_HASH_LEN];
} pqi_ctl_roster;

typedef struct pqi_ctl_state { /* record `ctl` */
    pqi_ctl_head head;
    uint32_t tick; /* of that head; 0: none yet */
    uint8_t tick_h[PQI_HASH_LEN];
    uint32_t newest; /* tick of the fleet: base of a head and number in it */
    pqi_ctl_clock clock;
    uint32_t n_local;
    pqi_ctl_local local[PQI_DELEGATES_MAX];
    pqi_ctl_roster roster, before;
    uint32_t equivocation,
        equivocation_root; /* epoch of two heads, 0: none; a later root ends it */
    uint32_t time_root;
    uint64_t time_s;        /* newest signed time of that root version; 0: none */
    uint64_t est_s, est_ms; /* time as of this uptime: signed time and uptime since */
} pqi_ctl_state;

typedef struct pqi_ctl_rev { /* record `ctl-rev`, with cfg.revoked */
    uint32_t root_version, seq;
    uint8_t hash[PQI_HASH_LEN];
    uint8_t carried;     /* 1: the table has entries of an earlier root version's log */
    uint32_t alone;      /* entries taken from a revoker alone, ahead of the head in force */
    uint32_t named;      /* of the first so many entries a head named the hash */
    uint32_t void_floor; /* up to here the counter is of a history that a head contradicted */
    uint32_t n;          /* entries of cfg.revoked */
} pqi_ctl_rev;

typedef struct pqi_ctl {
    pqi_ctl_cfg cfg;
    pqi_manifest manifest; /* in force */
    pqi_ctl_state s;
    pqi_ctl_rev rev;
    pqi_policy policy;              /* seq 0: none, and the rules are to be kept all the same */
    pqi_alg_policy algs_policy;     /* of these rules */
    uint8_t counted;                /* ticks were counted without the policy that the head names */
    uint8_t clock_refused;          /* the wall clock is too far off and not believed */
    uint64_t floor[PQI_CTL_FLOORS]; /* counters, as they are */
    uint64_t gen[4];                /* generations of the records */
    uint64_t boot_ms, seen_ms, stored_ms; /* uptime: when opened, now, when `ctl` was written */
    uint64_t raw_ms; /* the caller's at seen_ms: where that goes back, ours goes on */
    /* our own question and our own path */
    uint8_t nonce[PQI_NONCE_LEN];
    uint8_t asking;          /* PQI_ASK_STATEMENT: the nonce is open */
    uint8_t want, want_left; /* PQI_ASK_* of pqi_ctl_want(), and for how many questions */
    uint8_t ask_tries;
    uint64_t asked_ms, ask_next_ms;
    uint8_t path[PQI_PATH_MAX];
    size_t path_len; /* 0: none for the roster in force */
    /* limits of what costs much and is not authentic */
    uint8_t refused_hash[PQI_HASH_LEN];
    uint64_t evidence_ms, steps_ms; /* uptime from which they are looked at again */
    uint64_t refused[PQI_OBJ_COUNT_], taken[PQI_OBJ_COUNT_];
    int open;
} pqi_ctl;

/* Loads what is stored. PQI_OK also when records are gone or older than their floors: then the gates say
 * so. PQI_ERR_AUTH: manifest; PQI_ERR_ARG; PQI_ERR_SPACE: a room of cfg; PQI_ERR_PROVIDER,
 * PQI_ERR_STORAGE: counters cannot be read or brought up to the records: refuse to start. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_open(
    pqi_ctl *c, const pqi_ctl_cfg *cfg, const pqi_now *now);

/* ---- taking objects ------------------------------------------------------------------------------- */

#define PQI_CTL_NEW_ROOT        0x0001u /* certificates are to be checked again, and paths of rosters */
#define PQI_CTL_NEW_HEAD        0x0002u
#define PQI_CTL_NEW_TICK        0x0004u
#define PQI_CTL_NEW_ROSTER      0x0008u /* paths are to be shown again */
#define PQI_CTL_NEW_POLICY      0x0010u /* peers are to be judged again */
#define PQI_CTL_NEW_REVOCATIONS 0x0020u /* peers may be revoked: end their sessions */
#define PQI_CTL_NEW_PATH        0x0040u /* our own: announce again */
#define PQI_CTL_NEW_TIME        0x0080u /* somebody vouched for what is the newest */
#define PQI_CTL_EQUIVOCATION    0x0100u /* alarm: two heads of one epoch */
#define PQI_CTL_REV_GAP         0x0200u /* something is missing: a question is due */
#define PQI_CTL_WANT            0x0400u /* pqi_ctl_ask() has a question */
#define PQI_CTL_REV_RATE        0x0800u /* alarm: a revoker wants more than it may do alone */
#define PQI_CTL_TIME_STEP       0x1000u /* alarm: signed time jumps farther than the policy allows */

typedef struct pqi_ctl_event {
    pqi_status status; /* PQI_OK: taken; else why nothing changed, as of pqi_ctl_peek() and of
                        * verification; PQI_ERR_STORAGE: it could not be stored, and is taken when it
                        * comes again; of revocations, entries count in memory all the same */
    unsigned what;     /* PQI_CTL_* */
} pqi_ctl_event;

/* Is it worth a signature check? Type, size, numbers, floor, token: all that costs no public key, and no
 * more hashes than are cheap. The endpoint asks this first and charges a budget when it says PQI_OK.
 * PQI_OK; PQI_ERR_REPLAY: nothing new in it; PQI_ERR_DECODE; PQI_ERR_AUTH; PQI_ERR_MISSING: it follows
 * on something that is not here: ask; PQI_ERR_LIMIT: of its kind one was refused just now;
 * PQI_ERR_SPACE: no room in cfg; PQI_ERR_ROLLBACK: our root is an old one: only a root is taken; or
 * revocations with another history; PQI_ERR_UNSUPPORTED. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_peek(
    const pqi_ctl *c, const pqi_now *now, pqi_object kind, pqi_cspan in);

/* Takes one object. Malformed or hostile input is never an error: ev->status says why nothing changed.
 * Order of checks and what is stored: docs/spec/control.md section 5. `in` is none of cfg's rooms.
 * PQI_OK; PQI_ERR_ARG, PQI_ERR_STATE: the caller's fault. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_receive(
    pqi_ctl *c, const pqi_now *now, pqi_object kind, pqi_cspan in, pqi_ctl_event *ev);

/* A witness said in a live session, in answer to our nonce of asked_ms: newest head, tick, its preimage and
 * how old it is at most. Costs no signature. PQI_OK; PQI_ERR_REPLAY: not our nonce, or older than what we
 * have; PQI_ERR_AUTH: a preimage that does not fit, or older than FRESH; PQI_ERR_MISSING: it has a newer
 * head: ask for it; PQI_ERR_DECODE; PQI_ERR_STORAGE. */
#define PQI_WITNESS_LEN (PQI_NONCE_LEN + 4u + 8u + 4u + PQI_HASH_LEN + 4u)
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_witness(
    pqi_ctl *c, const pqi_now *now, pqi_cspan in, pqi_ctl_event *ev);
/* Our own word as a witness for somebody's nonce. PQI_ERR_STATE: we are not FRESH ourselves, nobody
 * vouched for it since our start, or something is wrong with us (pqi_ctl_flags). */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_testify(const pqi_ctl *c, const pqi_now *now,
    const uint8_t nonce[PQI_NONCE_LEN], uint8_t out[PQI_WITNESS_LEN]);

/* ---- asking ---------------------------------------------------------------------------------------- */

/* Somebody has something newer (a peer's head, say): PQI_ASK_*, for the next three questions. */
PQI_API void pqi_ctl_want(pqi_ctl *c, const pqi_now *now, uint8_t want);

/* The next question, when one is due; *len 0: none, and *wait_ms until then. Draws a nonce from the
 * provider. Backs off from 2 s to 10 min while nobody answers. out: PQI_ASK_LEN + PQI_ID_MAX bytes.
 * PQI_OK; PQI_ERR_ARG; PQI_ERR_STATE; PQI_ERR_SPACE; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_ask(
    pqi_ctl *c, const pqi_now *now, pqi_span out, size_t *len, uint32_t *wait_ms);

/* ---- what holds ------------------------------------------------------------------------------------ */

/* Revocations of a time before there was a log, which a record of the caller holds: entries of
 * PQI_REVOKED_LEN bytes, ascending by index. They are in force beside the log of our root version, if they are
 * of that, until a later root's; else until the log of ours is here. Nothing where there is something already.
 * Does not use cfg.tmp; pqi_ctl_carried() then stores them. PQI_OK; PQI_ERR_STATE; PQI_ERR_DECODE: not in that
 * order; PQI_ERR_SPACE: more than the table holds; PQI_ERR_STORAGE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_carry(pqi_ctl *c, pqi_cspan entries, int same_root);
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_carried(pqi_ctl *c);

/* How fresh; for a topic (empty: none) local ticks count where the policy lets them. */
PQI_API pqi_fresh pqi_ctl_fresh(const pqi_ctl *c, const pqi_now *now, pqi_cspan topic);
/* Flags that concern ourselves: PQI_GATE_SELF_REVOKED, _ROLLBACK, _EQUIVOCATION, _REV_GAP, _POLICY_GAP,
 * _POLICY_OLD, _STORAGE. All of them when it is not open. */
PQI_API unsigned pqi_ctl_flags(const pqi_ctl *c, const pqi_now *now);
/* 1: uptime since it was opened is within the policy's grace, and what is known is at most AGED as far as was
 * stored. */
PQI_API int pqi_ctl_grace(const pqi_ctl *c, const pqi_now *now);
/* Whole ticks that passed since the newest tick heard; UINT32_MAX: not known. */
PQI_API uint32_t pqi_ctl_age(const pqi_ctl *c, const pqi_now *now);
/* `now` as the library may use it: control epoch of the head, and a wall clock that only tightens: not
 * below signed time, and not believed when it is farther off than the policy allows. */
PQI_API pqi_now pqi_ctl_now(const pqi_ctl *c, const pqi_now *now);

PQI_API int pqi_ctl_is_revoked(const pqi_ctl *c, uint32_t roster_index, uint32_t key_epoch);
/* Is the leaf in the roster in force, or in the one before while it counts? Always PQI_OK when the policy
 * does not ask. PQI_OK; PQI_ERR_AUTH; PQI_ERR_DECODE; PQI_ERR_MISSING: no roster here yet. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_member(
    const pqi_ctl *c, const pqi_leaf *leaf, pqi_cspan path);
/* Sequence number of the roster that a member's path proved, under the root version of now: 1: it still
 * counts, or the policy does not ask. */
PQI_API int pqi_ctl_roster_counts(const pqi_ctl *c, uint32_t roster_seq);

/* Writes how old what we know is, at most once an hour of uptime: call it from the endpoint's poll.
 * PQI_OK; PQI_ERR_STATE; PQI_ERR_STORAGE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ctl_tick(pqi_ctl *c, const pqi_now *now);
/* Writes it, and wipes *c. */
PQI_API void pqi_ctl_close(pqi_ctl *c, const pqi_now *now);

#ifdef __cplusplus
}
#endif
#endif
