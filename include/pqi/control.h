/* SPDX-License-Identifier: Apache-2.0
 * Control plane objects: control head, ticks, roster, revocation log, policy, answers to questions.
 * Formats, byte by byte: docs/spec/control.md. Signed ones are deterministic CBOR under COSE_Sign1 or
 * COSE_Sign (RFC 9052) as in pqi/trust.h; ticks, paths and questions are fixed binary.
 *
 * Decoding needs no key, allocates nothing and leaves *out alone on failure; spans in *out point into
 * the input, which must outlive it. Verification is a second, explicit step. What a device makes of
 * them is pqi/ctl.h. Nothing here is secret but seeds of ticks and tokens, which only a control plane
 * holds. Thread-safe: functions touch only their arguments. */
#ifndef PQI_CONTROL_H
#define PQI_CONTROL_H

#include <pqi/trust.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_HASH_LEN 32u /* SHA-256, here and below */

#define PQI_HEAD_MAX      8192u /* caps on encoded objects, bytes: checked before parsing */
#define PQI_ROSTER_MAX    8192u
#define PQI_POLICY_MAX    32768u
#define PQI_STATEMENT_MAX 8192u

/* ---- control head: what is current, in one signature --------------------------------------------- */

#define PQI_DELEGATES_MAX 4u
#define PQI_TICKS_MAX     4096u /* of one head */
#define PQI_TOKEN_STEPS   4096u /* heads that a device may have missed and still check the token */

typedef struct pqi_delegate { /* may keep one site fresh while it is cut off */
    pqi_cspan device_id;      /* the site gateway that holds the preimages */
    pqi_cspan prefix;         /* of topics, whole levels, as in pqi_scope */
    uint8_t anchor[PQI_HASH_LEN];
    uint32_t count; /* ticks it can give, 1..PQI_TICKS_MAX */
} pqi_delegate;

typedef struct pqi_head {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    uint32_t head_epoch;        /* 1, 2, ... under one root version */
    uint8_t prev[PQI_HASH_LEN]; /* hash of the head before it; zero: the first under its root */
    uint32_t policy_seq;        /* 0: none yet, and the hash is zero */
    uint8_t policy_hash[PQI_HASH_LEN];
    uint32_t rev_seq; /* entries in the log */
    uint8_t rev_hash[PQI_HASH_LEN];
    uint32_t roster_seq; /* 0: none yet, and the rest of it is zero */
    uint32_t roster_size;
    uint8_t roster_root[PQI_HASH_LEN];
    uint8_t tick_anchor[PQI_HASH_LEN];
    uint32_t tick_count;         /* 1..PQI_TICKS_MAX */
    uint32_t tick_base;          /* ticks of the fleet before this head: never goes down */
    uint64_t time;               /* unix seconds when it was signed; 0: not said */
    uint8_t token[PQI_HASH_LEN]; /* its hash is the token of the head before it */
    pqi_delegate delegates[PQI_DELEGATES_MAX]; /* ascending by device id */
    uint32_t n_delegates;
    uint8_t hash[PQI_HASH_LEN]; /* SHA-256("PQI4 head id" || payload) */
    pqi_cspan encoded, protected_, payload, signature;
} pqi_head;

/* PQI_OK; PQI_ERR_DECODE: not the one encoding, over a cap. */
PQI_API PQI_MUST_CHECK pqi_status pqi_head_decode(const pqi_algs *a, pqi_cspan in, pqi_head *out);
/* Signed by a head key of the manifest, for its fleet and root version. tmp: verify_tmp of its
 * algorithm. PQI_OK; PQI_ERR_AUTH; PQI_ERR_UNSUPPORTED; PQI_ERR_SPACE: tmp. */
PQI_API PQI_MUST_CHECK pqi_status pqi_head_verify(
    const pqi_algs *a, const pqi_head *h, const pqi_manifest *m, pqi_span tmp);
/* Encodes and signs; hash and the spans of the last line are computed. PQI_ERR_ARG: a field breaks its
 * rule; PQI_ERR_SPACE: *out_len tells the need; statuses of the provider. */
PQI_API PQI_MUST_CHECK pqi_status pqi_head_build(const pqi_algs *a, pqi_provider *p, pqi_key signer,
    const pqi_head *fields, pqi_span out, size_t *out_len);

/* Chains: step k of a chain is the hash of step k + 1. One step: SHA-256(label || x). */
typedef enum pqi_chain_kind {
    PQI_CHAIN_TICK = 1,  /* label "PQI4 tick" */
    PQI_CHAIN_TOKEN = 2, /* label "PQI4 token" */
    PQI_CHAIN_KIND_INT32_ = 2147483647
} pqi_chain_kind;

/* in after n steps. n 0: a copy. out may be in. PQI_OK; PQI_ERR_ARG; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_hash_steps(const pqi_algs *a, pqi_chain_kind kind,
    const uint8_t in[PQI_HASH_LEN], uint32_t n, uint8_t out[PQI_HASH_LEN]);

/* Does `token` follow `from` after exactly n >= 1 heads? Constant number of hashes for n.
 * PQI_OK; PQI_ERR_AUTH: no, or n above PQI_TOKEN_STEPS. */
PQI_API PQI_MUST_CHECK pqi_status pqi_token_check(const pqi_algs *a,
    const uint8_t from[PQI_HASH_LEN], const uint8_t token[PQI_HASH_LEN], uint32_t n);

/* ---- ticks ---------------------------------------------------------------------------------------- */

#define PQI_TICK_T       0x72u
#define PQI_TICK_LEN     41u /* T, head epoch u32, number u32, preimage */
#define PQI_LOCAL_TICK_T 0x75u
#define PQI_LOCAL_TICK_LEN                                                                         \
    42u /* T, index of the delegate u8, head epoch u32, number u32, preimage */

typedef struct pqi_tick {
    uint8_t local;     /* 1: of delegate `index` */
    uint8_t index;     /* in pqi_head.delegates */
    uint32_t epoch, i; /* i = 1..count: the i-th tick of that head */
    uint8_t h[PQI_HASH_LEN];
} pqi_tick;

PQI_API PQI_MUST_CHECK pqi_status pqi_tick_decode(pqi_cspan in, pqi_tick *out);
/* Writes 41 or 42 bytes and returns how many. */
PQI_API size_t pqi_tick_write(const pqi_tick *t, uint8_t out[PQI_LOCAL_TICK_LEN]);
/* Hashing h i times reaches the anchor; from tick `at` with preimage `have` on only i - at times.
 * at 0: have is the anchor. PQI_OK; PQI_ERR_AUTH: no, i not above at, or above count. */
PQI_API PQI_MUST_CHECK pqi_status pqi_tick_check(const pqi_algs *a, const pqi_tick *t, uint32_t at,
    const uint8_t have[PQI_HASH_LEN], uint32_t count);

/* What a tick box hands to the control plane: the anchor and length of a chain, not signed. */
#define PQI_TICKS_RECORD_MAX 64u
typedef struct pqi_ticks_record {
    uint8_t anchor[PQI_HASH_LEN];
    uint32_t count; /* 1..PQI_TICKS_MAX */
} pqi_ticks_record;
PQI_API PQI_MUST_CHECK pqi_status pqi_ticks_record_decode(pqi_cspan in, pqi_ticks_record *out);
/* PQI_ERR_ARG: count; PQI_ERR_SPACE: *len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_ticks_record_write(
    const pqi_ticks_record *r, pqi_span out, size_t *len);

/* ---- roster: who is in the fleet ------------------------------------------------------------------ */

/* A Merkle tree in the form of RFC 9162 section 2.1 over the certificates in force, ascending by roster
 * index. Leaf: SHA-256(00 || "PQI4 leaf" || roster index u32 || key epoch u32 || SHA-256(certificate)).
 * Node: SHA-256(01 || left || right). */
#define PQI_PATH_HASHES_MAX 32u
#define PQI_PATH_MAX        (12u + 32u * PQI_PATH_HASHES_MAX)

typedef struct pqi_leaf {
    uint32_t roster_index, key_epoch;
    uint8_t cert_hash[PQI_HASH_LEN];
} pqi_leaf;

/* roster seq u32 || size u32 || position u32 || hashes from the leaf up: 12 + 32 n bytes. */
typedef struct pqi_path {
    uint32_t roster_seq, size, position;
    uint32_t n;
    pqi_cspan hashes;
} pqi_path;

PQI_API PQI_MUST_CHECK pqi_status pqi_leaf_hash(
    const pqi_algs *a, const pqi_leaf *leaf, uint8_t out[PQI_HASH_LEN]);
/* PQI_OK; PQI_ERR_DECODE: a length or position that no tree of that size has. */
PQI_API PQI_MUST_CHECK pqi_status pqi_path_decode(pqi_cspan in, pqi_path *out);
/* Does the path lead from the leaf to the root? PQI_OK; PQI_ERR_AUTH. RFC 9162 section 2.1.3.2. The root
 * does not tell the size: roster_seq and size are the caller's to compare with the head. */
PQI_API PQI_MUST_CHECK pqi_status pqi_path_check(const pqi_algs *a, const pqi_leaf *leaf,
    const pqi_path *path, const uint8_t root[PQI_HASH_LEN]);
/* Root of n leaf hashes, which are overwritten. n 0: SHA-256(""). */
PQI_API PQI_MUST_CHECK pqi_status pqi_roster_root(
    const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n, uint8_t root[PQI_HASH_LEN]);

/* The same, and the path of the leaf at of->position of of->size into out; of->roster_seq is written
 * into it, the rest of *of is not read. PQI_OK; PQI_ERR_ARG: no such position; PQI_ERR_SPACE: *out_len
 * tells the need, the leaves are as they were; statuses of the hash. */
PQI_API PQI_MUST_CHECK pqi_status pqi_path_build(const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN],
    const pqi_path *of, uint8_t root[PQI_HASH_LEN], pqi_span out, size_t *out_len);

/* The issuer's word for a root: without it a head's roster counts for nothing. */
typedef struct pqi_roster {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version;
    uint32_t seq;  /* 1, 2, ...; strictly increasing under one root version */
    uint32_t size; /* leaves */
    uint8_t root[PQI_HASH_LEN];
    pqi_cspan encoded, protected_, payload, signature;
} pqi_roster;

PQI_API PQI_MUST_CHECK pqi_status pqi_roster_decode(
    const pqi_algs *a, pqi_cspan in, pqi_roster *out);
/* Signed by an issuer key. As pqi_head_verify(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_roster_verify(
    const pqi_algs *a, const pqi_roster *r, const pqi_manifest *m, pqi_span tmp);
PQI_API PQI_MUST_CHECK pqi_status pqi_roster_build(const pqi_algs *a, pqi_provider *p,
    pqi_key issuer, const pqi_roster *fields, pqi_span out, size_t *out_len);

/* ---- policy ---------------------------------------------------------------------------------------- */

#define PQI_POLICY_ACLS_MAX  32u
#define PQI_POLICY_FAIL_SAFE 8u

#define PQI_POLICY_ROSTER      0x01u /* peers without a path to the current roster are refused */
#define PQI_POLICY_GOSSIP      0x02u /* heads are passed on to peers with an older one */
#define PQI_POLICY_DELEGATES   0x04u /* delegated ticks count */
#define PQI_POLICY_NO_ROLLBACK 0x08u /* own storage must be rollback-resistant (INV-62) */
#define PQI_POLICY_ATTEST      0x10u /* peers must be attested */

typedef struct pqi_policy_rules {
    uint8_t min_level, forbid; /* as in pqi_alg_policy */
    uint8_t modes;             /* PQI_MODES_*; 0: all */
    uint8_t sessions;          /* 1 prefer, 2 require: pqi_session_use */
    uint8_t flags;             /* PQI_POLICY_* */
    uint32_t tick_s;           /* seconds from tick to tick, 1..86400 */
    uint32_t fresh, aged,
        stale;            /* ages in ticks, each above the one before: above `stale` is expired */
    uint32_t grace_s;     /* uptime for which class M goes on without knowing the time */
    uint8_t assurance[4]; /* by pqi_class: PQI_ASSURE_* that a peer needs; of S always 0 */
    uint32_t min_rev_seq; /* INV-65 */
    uint32_t ttl_ticks;   /* INV-66: class H stops when the policy is older; 0: no limit */
    /* version 2; in version 1 as in pqi_policy_default */
    uint16_t rev_ahead_permille; /* of the roster that a revoker alone may add ahead of a head */
    uint32_t local_ticks_max; /* ticks of a delegate that count after the last one of the fleet */
    uint32_t max_step_s;      /* a clock farther from signed time than this is not believed */
} pqi_policy_rules;

/* What holds before a policy arrives: sessions preferred, of flags PQI_POLICY_GOSSIP alone, 3600 s;
 * 4, 48, 720; 3600 s; 50; 72; 172800. */
PQI_API extern const pqi_policy_rules pqi_policy_default;

typedef struct pqi_acl {
    pqi_cspan subject; /* a device id; empty: everybody */
    pqi_cspan prefix;  /* whole topic levels */
    uint8_t rights;    /* PQI_RIGHT_* */
    uint8_t classes;   /* bit 1 << pqi_class */
} pqi_acl;

typedef struct pqi_policy {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t version; /* 1 or 2: which fields there are (INV-67) */
    uint32_t root_version;
    uint32_t seq;       /* 1, 2, ... strictly increasing under one root version */
    uint32_t tick_base; /* of the fleet, when it was made: what ttl_ticks counts from */
    pqi_policy_rules rules;
    uint32_t n_acls; /* 0: certificates alone decide; else what no row allows is denied */
    pqi_acl acls[PQI_POLICY_ACLS_MAX];
    uint32_t n_fail_safe; /* prefixes on which class S is taken; 0: wherever scope allows it */
    pqi_cspan fail_safe[PQI_POLICY_FAIL_SAFE];
    uint8_t hash[PQI_HASH_LEN]; /* SHA-256("PQI4 policy id" || payload): what a head names */
    pqi_cspan encoded, body_protected, payload, signatures;
} pqi_policy;

PQI_API PQI_MUST_CHECK pqi_status pqi_policy_decode(
    const pqi_algs *a, pqi_cspan in, pqi_policy *out);
/* The payload alone, as a device keeps it after it was verified; the other spans are empty. */
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_payload(
    const pqi_algs *a, pqi_cspan payload, pqi_policy *out);
/* Signed by as many policy keys as the manifest's threshold says. As pqi_manifest_verify(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_verify(
    const pqi_algs *a, const pqi_policy *x, const pqi_manifest *m, pqi_span tmp);
/* Signs with n policy keys; to collect signatures made elsewhere see pqi_cose_merge(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_build(const pqi_algs *a, pqi_provider *p,
    const pqi_policy *fields, const pqi_key *handles, size_t n, pqi_span out, size_t *out_len);
/* May `subject` use `right` on `topic`? *classes: bit 1 << class for each class that a row allows; all
 * four when there are no rows. PQI_OK; PQI_ERR_POLICY: none. */
PQI_API PQI_MUST_CHECK pqi_status pqi_policy_acl(
    const pqi_policy *x, pqi_cspan subject, pqi_cspan topic, uint8_t right, uint8_t *classes);
/* Is class S taken on this topic? */
PQI_API int pqi_policy_is_fail_safe(const pqi_policy *x, pqi_cspan topic);

/* Two objects of one payload that different people signed (COSE_Sign: manifest, policy, revocation
 * segment) become one with the signatures of both; of a signer in both, the signature in x. Nothing is
 * verified. out: x.len + y.len is enough, and is neither x nor y.
 * PQI_OK; PQI_ERR_DECODE; PQI_ERR_AUTH: the payloads differ; PQI_ERR_SPACE; PQI_ERR_LIMIT: too many. */
PQI_API PQI_MUST_CHECK pqi_status pqi_cose_merge(
    pqi_cspan x, pqi_cspan y, pqi_span out, size_t *out_len);

/* ---- questions and answers --------------------------------------------------------------------------- */

#define PQI_NONCE_LEN 16u

/* The head key's word that epoch and tick were the newest when it answered: one signature over the
 * Merkle root of many nonces (leaf: SHA-256(00 || "PQI4 nonce" || nonce || kid)). */
typedef struct pqi_statement {
    uint8_t fleet_id[PQI_FLEET_ID_LEN];
    uint32_t root_version, head_epoch, tick;
    uint64_t time; /* unix seconds */
    uint32_t size; /* nonces */
    uint8_t root[PQI_HASH_LEN];
    pqi_cspan encoded, protected_, payload, signature;
} pqi_statement;

PQI_API PQI_MUST_CHECK pqi_status pqi_statement_decode(
    const pqi_algs *a, pqi_cspan in, pqi_statement *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_statement_verify(
    const pqi_algs *a, const pqi_statement *s, const pqi_manifest *m, pqi_span tmp);
PQI_API PQI_MUST_CHECK pqi_status pqi_statement_build(const pqi_algs *a, pqi_provider *p,
    pqi_key signer, const pqi_statement *fields, pqi_span out, size_t *out_len);
PQI_API PQI_MUST_CHECK pqi_status pqi_nonce_leaf(const pqi_algs *a,
    const uint8_t nonce[PQI_NONCE_LEN], const uint8_t kid[PQI_KID_LEN], uint8_t out[PQI_HASH_LEN]);
/* As pqi_path_check(), with roster_seq 0. */
PQI_API PQI_MUST_CHECK pqi_status pqi_nonce_check(const pqi_algs *a,
    const uint8_t leaf[PQI_HASH_LEN], const pqi_path *path, const uint8_t root[PQI_HASH_LEN]);

/* Question to a control plane, PQI_TOPIC_ASK. Not authenticated: the answer is public. */
#define PQI_ASK_T         0x76u
#define PQI_ASK_LEN       56u   /* and the id */
#define PQI_ASK_STATEMENT 0x01u /* time: a statement over the nonce */
#define PQI_ASK_PATH      0x02u /* own path in the newest roster */
#define PQI_ASK_NEWEST    0x04u /* whatever is newer than what is said here */
typedef struct pqi_ask {
    uint8_t want; /* PQI_ASK_* */
    uint8_t kid[PQI_KID_LEN];
    uint8_t nonce[PQI_NONCE_LEN];
    uint32_t root_version, head_epoch, tick, policy_seq, rev_seq, roster_seq, roster_index;
    pqi_cspan id; /* of who asks: the answer goes to PQI_TOPIC_ANSWER<id> */
} pqi_ask;
PQI_API PQI_MUST_CHECK pqi_status pqi_ask_decode(pqi_cspan in, pqi_ask *out);
PQI_API PQI_MUST_CHECK pqi_status pqi_ask_write(const pqi_ask *q, pqi_span out, size_t *len);

/* Any object on its way to one device: T 0x77, kind, reserved u16 = 0, body. */
#define PQI_ANSWER_T    0x77u
#define PQI_ANSWER_HEAD 4u /* bytes before the body */
typedef enum pqi_object {
    PQI_OBJ_NONE = 0,
    PQI_OBJ_ROOT = 1,
    PQI_OBJ_HEAD = 2,
    PQI_OBJ_TICK = 3,
    PQI_OBJ_ROSTER = 4,
    PQI_OBJ_POLICY = 5,
    PQI_OBJ_REVOCATIONS = 6,
    PQI_OBJ_STATEMENT = 7, /* LV16 statement, then a path for the nonce */
    PQI_OBJ_PATH = 8,      /* own path in the roster */
    PQI_OBJ_COUNT_,
    PQI_OBJ_INT32_ = 2147483647
} pqi_object;
PQI_API PQI_MUST_CHECK pqi_status pqi_answer_decode(
    pqi_cspan in, pqi_object *kind, pqi_cspan *body);

/* ---- topics ------------------------------------------------------------------------------------------ */

#define PQI_TOPIC_ROOT      "pq/4/u" /* retained */
#define PQI_TOPIC_HEAD      "pq/4/h" /* retained */
#define PQI_TOPIC_TICK      "pq/4/t" /* retained; fleet and local ticks: pq/4/t/<delegate> */
#define PQI_TOPIC_ROSTER    "pq/4/o" /* retained */
#define PQI_TOPIC_POLICY    "pq/4/y" /* retained */
#define PQI_TOPIC_REV_DELTA "pq/4/w" /* what was added, at once; the whole log is on pq/4/v */
#define PQI_TOPIC_ASK       "pq/4/q"
#define PQI_TOPIC_ANSWER    "pq/4/a/" /* <id> */

#ifdef __cplusplus
}
#endif
#endif
