/* SPDX-License-Identifier: Apache-2.0
 * The MQTT endpoint without MQTT: bytes and time in, bytes and events out. It owns the peer table,
 * replay windows, sequence numbers, budgets and their persistence; it opens no socket, allocates
 * nothing, knows no clock and calls back only into the provider and the store table. The port moves
 * the bytes (pqi/host_mqtt.h on Linux, the caller's stack on a microcontroller).
 *
 * Topics: announcements pq/4/k/<id> (retained), the control plane's of pqi/control.h, mailboxes
 * pq/4/m/<id>/<slot> (retained, v1 packets sealed to a prekey), sessions pq/4/i/<id>, pq/4/r/<id>,
 * pq/4/s/<to>/<from> and pq/4/x/<to>/<from>, attestation pq/4/e/<to>/<from>; every other topic carries messages that are not retained, as
 * v1 packets or in sessions.
 *
 * What may be done when not everything is known of the fleet is decided by pqi/gate.h alone.
 *
 * One endpoint is used by one thread at a time. Order of work and budgets: docs/spec/v1.md. */
#ifndef PQI_ENDPOINT_H
#define PQI_ENDPOINT_H

#include <pqi/ctl.h>
#include <pqi/pk.h>
#include <pqi/session.h>
#include <pqi/store.h>
#include <pqi/v1.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_TOPIC_ANNOUNCE    "pq/4/k/"
#define PQI_TOPIC_REVOCATIONS "pq/4/v"
#define PQI_TOPIC_INIT        "pq/4/i/" /* to a responder: docs/spec/session.md */
#define PQI_TOPIC_RESP        "pq/4/r/" /* to an initiator */
#define PQI_TOPIC_SESSION     "pq/4/s/" /* <to>/<from>: packets of a session without a message */
#define PQI_TOPIC_WITNESS                                                                          \
    "pq/4/x/" /* <to>/<from>: questions and answers of witnesses, in sessions */
#define PQI_TOPIC_MAILBOX "pq/4/m/"
#define PQI_TOPIC_ATTEST  "pq/4/e/" /* <to>/<from>: challenges and evidence, docs/spec/attest.md */
#define PQI_ANNOUNCE_MAX  (PQI_CERT_MAX + 8192u + PQI_PATH_MAX)
#define PQI_WINDOW_BITS   1024u
#define PQI_SEQ_RESERVE   256u /* sender: numbers reserved ahead on disk */
#define PQI_HIGH_RESERVE  64u  /* receiver: numbers a stored mark is set ahead */

/* Why a packet was dropped: one counter each, for logs, audit and the demonstration. */
typedef enum pqi_drop {
    PQI_DROP_NONE = 0,
    PQI_DROP_SIZE,       /* larger than its class allows */
    PQI_DROP_TOPIC,      /* unusable topic, or an id outside its set */
    PQI_DROP_DECODE,     /* not the one encoding */
    PQI_DROP_SUITE,      /* unknown or refused suite */
    PQI_DROP_UNKNOWN,    /* sender unknown here */
    PQI_DROP_NOT_FOR_US, /* another recipient's kid */
    PQI_DROP_REVOKED,
    PQI_DROP_EXPIRED, /* the sender's certificate is outside its window */
    PQI_DROP_SCOPE,   /* the sender may not publish here */
    PQI_DROP_REPLAY,  /* number seen, zero or too old */
    PQI_DROP_GATE,    /* gate tag */
    PQI_DROP_BUDGET,  /* a budget is used up: not looked at */
    PQI_DROP_SIGNATURE,
    PQI_DROP_SEALED,   /* the box does not open */
    PQI_DROP_CERT,     /* announcement: certificate does not verify */
    PQI_DROP_MISMATCH, /* announcement: id, topic, certificate differ; revocations: another history */
    PQI_DROP_EPOCH,    /* announcement: older, or another one of equal epoch */
    PQI_DROP_TABLE,    /* no free peer slot; more revoked than the table holds */
    PQI_DROP_STATE,    /* our own store or provider failed: fail closed */
    PQI_DROP_POLICY,   /* algorithms below our policy; before any public-key operation */
    PQI_DROP_SESSION,  /* no such session, or not in this state */
    PQI_DROP_ORDER,    /* sessions: sound, and not awaited in this state */
    PQI_DROP_PREKEY,   /* a prekey we do not have, or not any more; none where one is needed */
    PQI_DROP_RETAINED, /* a retained packet outside a mailbox */
    PQI_DROP_LATE,     /* authentic, and its time is past */
    PQI_DROP_TIME,     /* authentic, and nobody can tell whether its time is past */
    PQI_DROP_GAP,      /* revocations that begin behind what we have: some between are missing */
    PQI_DROP_CLOSED,   /* what is known of the fleet does not allow it: pqi_event.reason */
    PQI_DROP_COUNT_,
    PQI_DROP_INT32_ = 2147483647
} pqi_drop;

/* "replay", "gate", ...: stable names for JSON and metrics. */
PQI_API const char *pqi_drop_name(pqi_drop d);

typedef enum pqi_event_kind {
    PQI_EV_NONE = 0, /* nothing to do: a repeated announcement, our own echo */
    PQI_EV_MESSAGE,  /* plain holds a verified message */
    PQI_EV_PEER,     /* a peer was learned or changed */
    PQI_EV_REVOKED,  /* revocations were applied; more may be in `control` */
    PQI_EV_DROP,
    PQI_EV_SESSION, /* something about the session with `peer`: notes */
    PQI_EV_CONTROL, /* the control plane said something new, or something alarming: `control` */
    PQI_EV_ATTEST, /* plain holds a peer's challenge or evidence, in parts: no application's message */
    PQI_EV_INT32_ = 2147483647
} pqi_event_kind;

/* What an event tells of a session; may accompany a message. */
#define PQI_NOTE_UP            0x01u /* confirmed by both ends: a handshake or a resumption */
#define PQI_NOTE_HEALED        0x02u /* an H round is complete */
#define PQI_NOTE_REJECTED      0x04u /* the peer's certificate or policy does not fit ours */
#define PQI_NOTE_ROLLBACK_PEER 0x08u /* audit: the peer came back with an older state */
#define PQI_NOTE_ROLLBACK_OWN  0x10u /* audit: the peer says that our state is an older one */
#define PQI_NOTE_STATE_LOST    0x20u /* audit: the record of this peer's session is damaged or gone */

typedef struct pqi_event {
    pqi_event_kind kind;
    pqi_drop drop; /* for PQI_EV_DROP; for PQI_EV_CONTROL: why an alarming object was not taken */
    pqi_reason reason;         /* for PQI_DROP_CLOSED: why; audit */
    unsigned control;          /* PQI_CTL_* of what was taken */
    uint8_t announce;          /* 1: publish pqi_endpoint_announce() again */
    uint8_t marked;            /* of a message: 1: what we know of the fleet is stale */
    uint8_t notes;             /* PQI_NOTE_* */
    uint8_t session;           /* of a message: 1: it came in a session */
    char peer[PQI_ID_MAX + 1]; /* "" when not known */
    uint8_t
        classes;  /* of a message: bit 1 << pqi_class for each class that the sender's certificate
                      * allows on this topic; act on no more than that */
    uint64_t seq; /* of a message */
    pqi_cspan plain;    /* in the caller's buffer */
    uint32_t key_epoch; /* of the peer */
    pqi_expiry_state
        expiry;     /* of a message: UNKNOWN only for class L and S, PAST only for class S */
    uint8_t prekey; /* of a message: 1: sealed to a prekey */
} pqi_event;

/* Token bucket in fixed point (1/1024 tokens); refill saturates. */
typedef struct pqi_bucket {
    uint64_t last_ms;
    uint32_t level; /* tokens * 1024 */
} pqi_bucket;

typedef struct pqi_rate {
    uint32_t per_1000s; /* tokens per 1000 s */
    uint32_t burst;     /* tokens */
} pqi_rate;

/* Defaults for a gateway and a microcontroller: protocol budgets, docs/spec/v1.md. */
typedef struct pqi_limits {
    pqi_rate peer_sig;   /* signature checks of one peer's v1 packets; refunded when authentic */
    pqi_rate global_sig; /* all peers together */
    pqi_rate announce; /* announcements needing a signature check, all together; control objects of
                             * each kind likewise, by themselves */
    pqi_rate announce_peer; /* of one known peer */
    uint32_t packet_max;    /* bytes of a v1 packet, <= PQI_V1_PACKET_MAX */
    uint32_t window_bits;   /* 128 or 1024 */
} pqi_limits;
PQI_API extern const pqi_limits pqi_limits_gateway;
PQI_API extern const pqi_limits pqi_limits_mcu;

typedef struct pqi_window {
    uint64_t high;                       /* highest number accepted */
    uint64_t floor;                      /* numbers <= floor are refused (after a restart) */
    uint64_t bits[PQI_WINDOW_BITS / 64]; /* bit i of the ring: number i mod window seen */
} pqi_window;

/* A peer's newest prekey; docs/spec/prekeys.md. */
typedef struct pqi_peer_prekey {
    uint32_t epoch; /* 0: none known */
    uint64_t until; /* unix seconds; 0: not said */
    uint8_t id[PQI_KID_LEN];
    uint8_t kem_pk[PQI_KEM_MAX_PK], x25519_pk[PQI_X25519_LEN];
} pqi_peer_prekey;

/* One of our own: the private keys are in the provider. */
typedef struct pqi_own_prekey {
    uint32_t epoch;
    uint8_t id[PQI_KID_LEN];
    uint64_t age_s;  /* of uptime, never less than the truth by more than one call's distance */
    uint64_t made_s; /* unix seconds when it was made, or earlier; 0: not known */
    uint64_t until;  /* as announced */
} pqi_own_prekey;

#define PQI_PREKEYS_MAX     3u      /* live at once: the newest and those of two periods */
#define PQI_PREKEY_PERIOD_S 604800u /* a week: what a device takes without a reason of its own */

/* How we seal v1 packets. A packet to a mailbox is always sealed to a prekey. */
typedef enum pqi_prekey_use {
    PQI_PREKEY_PREFER = 0, /* to the recipient's newest prekey, to its static keys without one */
    PQI_PREKEY_REQUIRE,    /* to a prekey or not at all */
    PQI_PREKEY_NEVER,      /* to static keys, where a recipient cannot open more */
    PQI_PREKEY_INT32_ = 2147483647
} pqi_prekey_use;

/* One peer; the caller provides the array. Fields are the endpoint's; read them if you like. */
typedef struct pqi_peer {
    uint8_t used, ready, revoked;
    char id[PQI_ID_MAX + 1];
    uint8_t id_len;
    uint8_t key_id[PQI_KEY_ID_LEN];
    uint32_t key_epoch, roster_index, ann_epoch;
    uint8_t issuer_kid[PQI_KID_LEN];
    uint32_t roster_seq;                 /* of the newest roster that it proved to be in; 0: none */
    uint8_t ann_hash[32], cert_hash[32]; /* of topic and signed part; of the certificate */
    uint8_t cert384[48]; /* SHA-384 of the certificate; zero: not known since the start */
    const pqi_kem *kem;
    const pqi_sig *sig; /* NULL: certified without a signing key; sends no v1 packets */
    uint8_t kem_pk[PQI_KEM_MAX_PK], x25519_pk[PQI_X25519_LEN], sig_pk[PQI_SIG_MAX_PK];
    uint32_t suites, roles, assurance, valid_from_epoch, valid_to_epoch;
    uint64_t not_before, not_after;
    uint32_t n_scopes;
    struct {
        uint8_t len, rights, cls;
        char prefix[PQI_PREFIX_MAX];
    } scopes[PQI_SCOPES_MAX];
    uint8_t gk_in[PQI_GATE_KEY], gk_out[PQI_GATE_KEY]; /* secret */
    uint64_t send_next, send_ceiling; /* next number; numbers below the ceiling are reserved */
    uint64_t recv_stored;             /* on disk: no higher number has been accepted */
    pqi_peer_prekey prekey;
    pqi_window window;
    pqi_bucket sig_bucket, ann_bucket;
    uint64_t attest_until_ms; /* uptime; a verdict, in memory alone: pqi_endpoint_set_attested() */
    uint32_t attest_seq;      /* of the attestation policy it was made under; 0: none */
    uint8_t attest_key[PQI_KEY_ID_LEN];
} pqi_peer;

typedef struct pqi_endpoint_keys {
    pqi_key kem, x25519, sig;
} pqi_endpoint_keys;

typedef struct pqi_endpoint_cfg {
    const pqi_algs *algs; /* borrowed for life, as all pointers here */
    pqi_provider *provider;
    const pqi_nvm *nvm;
    pqi_endpoint_keys keys;
    pqi_cspan cert;        /* own certificate, encoded */
    pqi_cspan manifest;    /* encoded; its hash must be `pinned` */
    const uint8_t *pinned; /* 32 bytes */
    pqi_revoked *revoked;  /* table of revocations in force: revoked_max entries, at least 1 */
    uint32_t
        revoked_max; /* as many as the fleet may ever revoke under one root: else those are refused */
    pqi_span
        manifest_mem; /* room for a later root manifest; empty: the root cannot be rotated here */
    pqi_span policy_mem;    /* room for a policy's payload; empty: policies with rows are refused */
    pqi_span head_mem;      /* room for a head to pass on, PQI_HEAD_MAX; empty: none is passed on */
    const pqi_suite *suite; /* for sending; NULL: chosen for each peer, pqi_suite_choose() */
    pqi_alg_policy policy;  /* of our own certificate, the manifest's signers, peers and packets */
    pqi_limits limits;
    pqi_peer *peers;
    size_t n_peers;
    pqi_span scratch;         /* pqi_endpoint_scratch_len(); 8-aligned; wiped after use */
    uint32_t prekey_period_s; /* of our own prekeys; 0, or no signing key: we have none */
    pqi_prekey_use prekey_use;
    pqi_session_cfg sessions; /* {0}: none */
} pqi_endpoint_cfg;

typedef struct pqi_endpoint {
    pqi_endpoint_cfg cfg; /* policy, modes and use as tightened by the fleet's policy */
    pqi_ctl ctl;          /* root, head, time, revocations, policy, roster */
    pqi_cert cert;
    pqi_store peers_store, seq_store, prekey_store;
    pqi_own_prekey prekeys[PQI_PREKEYS_MAX]; /* the newest last */
    uint32_t n_prekeys, prekey_last;         /* epoch of the newest that ever was */
    uint64_t prekey_mono_ms;                 /* up to then age_s counts */
    uint64_t prekey_unsaved_s;               /* of age_s since the record was written */
    uint8_t prekey_stale, prekey_sweep;      /* record or provider hold more than there is */
    uint8_t prekey_news;                     /* the announcement changed and nobody was told */
    uint32_t ann_epoch;
    uint8_t own_hash[32];       /* of the own certificate */
    pqi_alg_policy base_policy; /* of cfg, as the caller gave it, and so the next two */
    pqi_session_use base_use;
    uint8_t base_modes;
    size_t head_len;      /* of the head in cfg.head_mem; 0: none */
    uint32_t attest_seq;  /* of the attestation policy in force; 0: none */
    uint32_t attest_root; /* root version it was told under */
    uint32_t roster_root; /* root version of the rosters that peers proved to be in */
    uint32_t
        gates; /* freshness and flags at the last look: when it changes, sessions are looked at */
    pqi_bucket global_sig, announce, control[PQI_OBJ_COUNT_];
    pqi_now seen;      /* at the last call */
    pqi_reason reason; /* of the last call that was refused: pqi_endpoint_reason() */
    uint64_t refused_by[PQI_REASON_COUNT_];
    uint64_t accepted, sent, drops[PQI_DROP_COUNT_];
    pqi_pk_counts pk;                 /* public-key operations since it was opened */
    struct pqi_ep_sessions *sessions; /* in cfg.sessions.mem; NULL: none */
    int open;
} pqi_endpoint;

/* Bytes of cfg->scratch. Of cfg are read algs, n_peers, revoked_max and the lengths of manifest,
 * manifest_mem and policy_mem. */
PQI_API size_t pqi_endpoint_scratch_len(const pqi_endpoint_cfg *cfg);

/* Verifies manifest and own certificate, checks that the keys match it, loads peers and sequence
 * state, and moves every sequence number past what may have been used before a crash (INV-96).
 * PQI_OK; PQI_ERR_AUTH, PQI_ERR_POLICY: manifest or certificate, its window or cfg->policy; PQI_ERR_UNSUPPORTED: a certificate
 * of unknown algorithms; PQI_ERR_ROLLBACK, PQI_ERR_STORAGE: refuse to start (INV-8..10); PQI_ERR_ARG; PQI_ERR_SPACE: scratch. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_open(
    pqi_endpoint *e, const pqi_endpoint_cfg *cfg, const pqi_now *now);

/* Own announcement: publish it retained on pqi_endpoint_announce_topic(). The epoch moves only when
 * the content changed. out: PQI_ANNOUNCE_MAX. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_announce(
    pqi_endpoint *e, pqi_span out, size_t *out_len);

/* Makes, replaces and deletes our own prekeys as cfg.prekey_period_s asks: call it after open, at
 * least once an hour, or once in period / 168 when that is shorter, and before close. *announce: publish
 * pqi_endpoint_announce() again, whatever the status. A new prekey is stored before it is announced; a private prekey is
 * deleted three periods after it was made (docs/spec/prekeys.md section 4).
 * PQI_OK; PQI_ERR_ARG, PQI_ERR_STATE; PQI_ERR_STORAGE, PQI_ERR_ROLLBACK, PQI_ERR_PROVIDER, PQI_ERR_RNG,
 * PQI_ERR_LIMIT: what was not done is done by a later call; prekeys whose time is over are not used
 * meanwhile. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_prekeys(
    pqi_endpoint *e, const pqi_now *now, int *announce);

typedef struct pqi_inbound {
    pqi_cspan topic, payload;
    int retained; /* the broker's flag: a hint, never a proof; set, it is refused on most topics */
} pqi_inbound;

/* Takes one MQTT message. Malformed or hostile input is never an error: it is an event with a
 * counted reason (INV-75, INV-106). On PQI_EV_MESSAGE the message is in `plain` (at least
 * limits.packet_max bytes); it was delivered exactly once, ever. plain may not overlap the payload.
 * PQI_OK; PQI_ERR_ARG, PQI_ERR_STATE: the caller's fault. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);

/* Which packet is to carry a message. */
typedef enum pqi_via {
    PQI_VIA_POLICY = 0, /* as pqi_session_cfg.use says */
    PQI_VIA_V1 = 1,     /* one-shot: for a peer that sleeps */
    PQI_VIA_SESSION = 2,
    PQI_VIA_INT32_ = 2147483647
} pqi_via;

typedef struct pqi_outbound {
    pqi_cspan peer, topic, payload;
    pqi_class cls; /* checked against our own scope and used by policy */
    pqi_expiry
        not_after; /* until when the recipient may act on it; kind 0: for ever. Of class S a session
                           * carries none: it never expires */
    pqi_via via;
} pqi_outbound;

/* Seals a message for a ready peer. A number is used up even if sealing fails later.
 * A topic PQI_TOPIC_MAILBOX<peer>/<slot> is for a retained message, one per slot: publish it retained.
 * PQI_OK; PQI_ERR_MISSING: peer unknown or not ready yet, it has no prekey and needs one, or a session is
 * needed and not up yet: one is being made, pqi_endpoint_poll(); PQI_ERR_LIMIT: the session is used up,
 * likewise; PQI_ERR_POLICY: our own certificate does not allow the topic or, for v1, has no signing key;
 * the peer is revoked, outside its window or below cfg->policy; no common suite; v1 where sessions are
 * required; a gate refuses it, pqi_endpoint_reason() tells which;
 * PQI_ERR_STORAGE, PQI_ERR_ROLLBACK: numbers could not be reserved, nothing was sent;
 * PQI_ERR_SPACE: *out_len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_send(
    pqi_endpoint *e, const pqi_now *now, const pqi_outbound *msg, pqi_span out, size_t *out_len);

/* Which gate refused the last pqi_endpoint_send() or pqi_endpoint_connect() that answered PQI_ERR_POLICY;
 * PQI_REASON_OK: none, it was something else. */
PQI_API pqi_reason pqi_endpoint_reason(const pqi_endpoint *e);

/* ---- attestation -------------------------------------------------------------------------------- */

/* Where the fleet's policy has PQI_POLICY_ATTEST, messages of class M and H pass only with peers that have a
 * verdict good for the key they use, the attestation policy in force and now. Who makes verdicts: pqi/attest.h.
 * They are kept in memory alone: after a start every peer is asked anew (INV-34).
 *
 * The attestation policy in force; 0: none, and no verdict counts. Another number than before ends all verdicts,
 * and so does a later root manifest: tell again which of its policies is in force.
 * PQI_OK; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_attest_policy(pqi_endpoint *e, uint32_t seq);
/* A verdict good until that uptime (pqi_now.mono_ms); until_ms 0 ends it. It ends by itself when the peer comes
 * with another key. PQI_OK; PQI_ERR_MISSING: unknown peer; PQI_ERR_STATE: not the policy in force, or not the
 * key that the peer uses; PQI_ERR_ARG. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_set_attested(pqi_endpoint *e, pqi_cspan peer,
    const uint8_t key_id[PQI_KEY_ID_LEN], uint32_t seq, uint64_t until_ms);

/* Seals a challenge, or a part of evidence, for a ready peer: class L, in a session where there is one, on
 * PQI_TOPIC_ATTEST<peer>/<own id>, which neither scopes nor the policy's list of topics allow or forbid, and which
 * pqi_endpoint_send() refuses. It comes as PQI_EV_ATTEST. topic: PQI_TOPIC_MAX bytes with a NUL.
 * Statuses of pqi_endpoint_send(). */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_send_attest(pqi_endpoint *e, const pqi_now *now,
    pqi_cspan peer, pqi_cspan payload, char topic[PQI_TOPIC_MAX], pqi_span out, size_t *out_len);

/* ---- sessions ----------------------------------------------------------------------------------- */

/* Bytes of cfg->mem for this many peers; 0: a field of cfg is out of range. */
PQI_API size_t pqi_endpoint_sessions_len(
    const pqi_algs *a, const pqi_session_cfg *cfg, size_t n_peers);

typedef struct pqi_outpacket {
    char topic[PQI_TOPIC_MAX]; /* with a NUL */
    size_t len;                /* of the packet; 0: nothing is due */
    uint32_t wait_ms;          /* nothing is due before; a call before that is harmless */
} pqi_outpacket;

/* The next packet that the endpoint wants to send by itself: handshakes, answers, rounds of sessions, and
 * questions to the control plane. Call it, with or without sessions, after every receive and send, and when wait_ms has passed, until len is 0; publish with QoS 1, not retained.
 * out: PQI_ENDPOINT_POLL_MAX bytes. PQI_OK; PQI_ERR_ARG; PQI_ERR_STATE. Failures of provider or store
 * are counted as PQI_DROP_STATE and tried again later. */
#define PQI_ENDPOINT_POLL_MAX 16384u
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_poll(
    pqi_endpoint *e, const pqi_now *now, pqi_span out, pqi_outpacket *o);

/* For times without a network: writes, at most once an hour, how old what we know of the fleet is.
 * pqi_endpoint_poll() does that too. A failure is counted as PQI_DROP_STATE and tried again. */
PQI_API void pqi_endpoint_tick(pqi_endpoint *e, const pqi_now *now);

/* Asks for a session with a peer now, not at the first message. refresh 1: also when there is one.
 * PQI_OK; PQI_ERR_MISSING: unknown or not ready; PQI_ERR_UNSUPPORTED: no sessions here; PQI_ERR_POLICY:
 * revoked, or no mode or suite that both ends allow, or a gate. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_connect(
    pqi_endpoint *e, const pqi_now *now, pqi_cspan peer, int refresh);

/* PQI_OK; PQI_ERR_MISSING: unknown peer; PQI_ERR_UNSUPPORTED: no sessions here. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_session(
    const pqi_endpoint *e, const pqi_now *now, pqi_cspan peer, pqi_session_info *out);

/* Public-key operations of this endpoint since it was opened; sessions, v1 and announcements. */
PQI_API pqi_pk_counts pqi_endpoint_pk(const pqi_endpoint *e);

PQI_API const pqi_peer *pqi_endpoint_peer(const pqi_endpoint *e, pqi_cspan id); /* NULL: unknown */
/* "pq/4/k/<own id>": writes at most PQI_TOPIC_MAX bytes with a NUL. */
PQI_API void pqi_endpoint_announce_topic(const pqi_endpoint *e, char out[PQI_TOPIC_MAX]);

/* Stores the exact marks, so that the next start skips no number, and forgets secrets in memory; the
 * endpoint is closed. If the store fails, the reserve of a crash applies. NULL and a second call are
 * fine. */
PQI_API void pqi_endpoint_close(pqi_endpoint *e);

#ifdef __cplusplus
}
#endif
#endif
