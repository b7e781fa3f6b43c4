/* SPDX-License-Identifier: Apache-2.0
 * The MQTT endpoint without MQTT: bytes and time in, bytes and events out. It owns the peer table,
 * replay windows, sequence numbers, budgets and their persistence; it opens no socket, allocates
 * nothing, knows no clock and calls back only into the provider and the store table. The port moves
 * the bytes (pqi/host_mqtt.h on Linux, the caller's stack on a microcontroller).
 *
 * Topics: announcements pq/4/k/<id> (retained), revocations pq/4/v (retained); every other topic
 * carries v1 packets.
 *
 * One endpoint is used by one thread at a time. Order of work and budgets: docs/spec/v1.md. */
#ifndef PQI_ENDPOINT_H
#define PQI_ENDPOINT_H

#include <pqi/store.h>
#include <pqi/v1.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PQI_TOPIC_ANNOUNCE    "pq/4/k/"
#define PQI_TOPIC_REVOCATIONS "pq/4/v"
#define PQI_ANNOUNCE_MAX      (PQI_CERT_MAX + 8192u)
#define PQI_WINDOW_BITS       1024u
#define PQI_SEQ_RESERVE       256u /* sender: numbers reserved ahead on disk */
#define PQI_HIGH_RESERVE      64u  /* receiver: numbers a stored mark is set ahead */

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
    PQI_DROP_MISMATCH, /* announcement: id, topic, certificate differ; list: un-revokes */
    PQI_DROP_EPOCH,    /* announcement: older, or another one of equal epoch */
    PQI_DROP_TABLE,    /* no free peer slot */
    PQI_DROP_STATE,    /* our own store or provider failed: fail closed */
    PQI_DROP_POLICY,   /* algorithms below our policy; before any public-key operation */
    PQI_DROP_COUNT_,
    PQI_DROP_INT32_ = 2147483647
} pqi_drop;

/* "replay", "gate", ...: stable names for JSON and metrics. */
PQI_API const char *pqi_drop_name(pqi_drop d);

typedef enum pqi_event_kind {
    PQI_EV_NONE = 0, /* nothing to do: a repeated announcement, our own echo */
    PQI_EV_MESSAGE,  /* plain holds a verified message */
    PQI_EV_PEER,     /* a peer was learned or changed */
    PQI_EV_REVOKED,  /* revocations were applied */
    PQI_EV_DROP,
    PQI_EV_INT32_ = 2147483647
} pqi_event_kind;

typedef struct pqi_event {
    pqi_event_kind kind;
    pqi_drop drop;             /* for PQI_EV_DROP */
    char peer[PQI_ID_MAX + 1]; /* "" when not known */
    uint8_t
        classes;  /* of a message: bit 1 << pqi_class for each class that the sender's certificate
                      * allows on this topic; act on no more than that */
    uint64_t seq; /* of a message */
    pqi_cspan plain;    /* in the caller's buffer */
    uint32_t key_epoch; /* of the peer */
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
    pqi_rate peer_sig;      /* signature checks of one peer's v1 packets; refunded when authentic */
    pqi_rate global_sig;    /* all peers together */
    pqi_rate announce;      /* announcements needing a signature check, all together */
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

/* One peer; the caller provides the array. Fields are the endpoint's; read them if you like. */
typedef struct pqi_peer {
    uint8_t used, ready, revoked;
    char id[PQI_ID_MAX + 1];
    uint8_t id_len;
    uint8_t key_id[PQI_KEY_ID_LEN];
    uint32_t key_epoch, roster_index, ann_epoch;
    uint8_t ann_hash[32], cert_hash[32]; /* of topic and signed part; of the certificate */
    const pqi_kem *kem;
    const pqi_sig *sig;
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
    pqi_window window;
    pqi_bucket sig_bucket, ann_bucket;
} pqi_peer;

typedef struct pqi_endpoint_keys {
    pqi_key kem, x25519, sig;
} pqi_endpoint_keys;

typedef struct pqi_endpoint_cfg {
    const pqi_algs *algs; /* borrowed for life, as all pointers here */
    pqi_provider *provider;
    const pqi_nvm *nvm;
    pqi_endpoint_keys keys;
    pqi_cspan cert;         /* own certificate, encoded */
    pqi_cspan manifest;     /* encoded; its hash must be `pinned` */
    const uint8_t *pinned;  /* 32 bytes */
    const pqi_suite *suite; /* for sending; NULL: chosen for each peer, pqi_suite_choose() */
    pqi_alg_policy policy;  /* of our own certificate, the manifest's signers, peers and packets */
    pqi_limits limits;
    pqi_peer *peers;
    size_t n_peers;
    pqi_span scratch; /* pqi_endpoint_scratch_len(); 8-aligned; wiped after use */
} pqi_endpoint_cfg;

typedef struct pqi_endpoint {
    pqi_endpoint_cfg cfg;
    pqi_manifest manifest;
    pqi_cert cert;
    pqi_store peers_store, seq_store;
    uint32_t ann_epoch;
    uint64_t rev_seq;
    uint32_t n_revoked;
    pqi_revoked revoked[PQI_REVOKED_MAX];
    uint8_t self_revoked;
    uint8_t own_hash[32];                     /* of the own certificate */
    pqi_bucket global_sig, announce, control; /* control: revocation lists */
    uint64_t accepted, sent, drops[PQI_DROP_COUNT_];
    int open;
} pqi_endpoint;

/* Scratch for these algorithms and limits and this many peers, bytes. */
PQI_API size_t pqi_endpoint_scratch_len(
    const pqi_algs *a, const pqi_limits *limits, size_t n_peers);

/* Verifies manifest and own certificate, checks that the keys match it, loads peers and sequence
 * state, and moves every sequence number past what may have been used before a crash (INV-96).
 * PQI_OK; PQI_ERR_AUTH, PQI_ERR_POLICY: manifest or certificate, its window or cfg->policy; PQI_ERR_UNSUPPORTED: a certificate
 * without a signing key, which every packet needs, or of unknown algorithms; PQI_ERR_ROLLBACK,
 * PQI_ERR_STORAGE: refuse to start (INV-8..10); PQI_ERR_ARG; PQI_ERR_SPACE: scratch. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_open(
    pqi_endpoint *e, const pqi_endpoint_cfg *cfg, const pqi_now *now);

/* Own announcement: publish it retained on pqi_endpoint_announce_topic(). The epoch moves only when
 * the content changed. out: PQI_ANNOUNCE_MAX. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_announce(
    pqi_endpoint *e, pqi_span out, size_t *out_len);

typedef struct pqi_inbound {
    pqi_cspan topic, payload;
    int retained; /* the broker's flag: a hint, never a proof */
} pqi_inbound;

/* Takes one MQTT message. Malformed or hostile input is never an error: it is an event with a
 * counted reason (INV-75, INV-106). On PQI_EV_MESSAGE the message is in `plain` (at least
 * limits.packet_max bytes); it was delivered exactly once, ever. plain may not overlap the payload.
 * PQI_OK; PQI_ERR_ARG, PQI_ERR_STATE: the caller's fault. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_receive(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_span plain, pqi_event *ev);

typedef struct pqi_outbound {
    pqi_cspan peer, topic, payload;
    pqi_class cls; /* checked against our own scope and used by policy */
} pqi_outbound;

/* Seals a message for a ready peer. A number is used up even if sealing fails later.
 * PQI_OK; PQI_ERR_MISSING: peer unknown or not ready yet; PQI_ERR_POLICY: our own certificate does
 * not allow the topic, the peer is revoked, outside its window or below cfg->policy, or no common suite;
 * PQI_ERR_STORAGE, PQI_ERR_ROLLBACK: numbers could not be reserved, nothing was sent;
 * PQI_ERR_SPACE: *out_len tells the need. */
PQI_API PQI_MUST_CHECK pqi_status pqi_endpoint_send(
    pqi_endpoint *e, const pqi_now *now, const pqi_outbound *msg, pqi_span out, size_t *out_len);

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
