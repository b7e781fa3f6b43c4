/* SPDX-License-Identifier: Apache-2.0
 * A node: a device directory's endpoint joined to a broker. It announces itself at every connect, replaces
 * its prekeys in time (which writes to the directory), learns peers from their announcements, keeps
 * sessions with them, and hands out verified messages.
 *
 * One node is used by one thread at a time. */
#ifndef PQI_HOST_NODE_H
#define PQI_HOST_NODE_H

#include <pqi/attest.h>
#include <pqi/host_device.h>
#include <pqi/host_mqtt.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pqi_host_node pqi_host_node;

/* Attestation, docs/spec/attest.md section 5.1. Where the fleet's policy has the flag `attest`, a node with a
 * policy of attestation asks every peer that can be attested, and its verdicts open class M and H; it asks again
 * before they end, and at once after a new policy or a new key of the peer. Every node whose provider can quote
 * and whose directory has an AK certificate answers its certified peers: within the poll that brought the question,
 * for as long as the quote takes. */
typedef struct pqi_node_attest_cfg {
    pqi_cspan policy;           /* encoded, copied; empty: this node asks nobody */
    pqi_cspan event_log;        /* goes with answers; copied; at most PQI_EVENTLOG_MAX */
    uint32_t quotes_per_minute; /* answers to all peers together; 0: 6; at most 60 */
    uint32_t answer_ms, retry_ms, per_minute; /* as in pqi_verifier_cfg; answer_ms 0: 20,000 */
} pqi_node_attest_cfg;

typedef struct pqi_host_node_cfg {
    pqi_host_device *device;       /* borrowed, outlives the node */
    const pqi_host_mqtt_cfg *mqtt; /* client_id NULL: the device id */
    const char *const *peers;      /* ids whose announcements are read; NULL: everybody's */
    size_t n_peers;
    const pqi_node_attest_cfg *attest; /* NULL: it only answers, without a log */
} pqi_host_node_cfg;

typedef enum pqi_node_event_kind {
    PQI_NODE_NONE = 0, /* the timeout passed */
    PQI_NODE_ONLINE, /* connected, and announced; without a proof that the policy asks for, within two seconds */
    PQI_NODE_OFFLINE, /* text tells why; it reconnects by itself */
    PQI_NODE_MESSAGE, /* ev is a verified message */
    PQI_NODE_PEER,    /* ev.peer was learned or changed */
    PQI_NODE_REVOKED,
    PQI_NODE_DROP,         /* ev.drop tells why */
    PQI_NODE_CONTROL,      /* ev.control: what the control plane said, or what alarms */
    PQI_NODE_SESSION,      /* ev.notes tell of the session with ev.peer */
    PQI_NODE_REFUSED,      /* the broker refused a publish: text */
    PQI_NODE_UNSUBSCRIBED, /* the broker refused a subscription, ours to revocations or announcements
                              perhaps: topic is the filter */
    PQI_NODE_ATTEST, /* attest: what became of ev.peer's evidence, or that its question was answered */
    PQI_NODE_INT32_ = 2147483647
} pqi_node_event_kind;

typedef struct pqi_node_event {
    pqi_node_event_kind kind;
    pqi_event ev;            /* spans are valid until the next call with this node */
    pqi_cspan topic;         /* of a message or a drop; untrusted bytes for a drop */
    size_t wire_len;         /* bytes of the MQTT payload */
    int retained;            /* the broker's flag: a hint */
    const char *text;        /* for people; static storage */
    pqi_attest_state attest; /* GOOD, BAD: the verdict; ASKED: we answered */
    pqi_attest_reason attest_reason;
} pqi_node_event;

/* Makes the node; it connects in the first poll.
 * PQI_OK; PQI_ERR_ARG: a bad peer id or MQTT field; PQI_ERR_LIMIT: out of memory; PQI_ERR_AUTH, PQI_ERR_DECODE,
 * PQI_ERR_UNSUPPORTED: the policy of attestation. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_open(
    pqi_host_node **out, const pqi_host_node_cfg *cfg);

/* Subscribes to data topics, now and after every reconnect. Statuses of pqi_host_mqtt_subscribe. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_subscribe(
    pqi_host_node *n, const char *filter, int qos);

/* Seals for msg->peer and hands the packet to the broker, retained on the topic of a mailbox. *wire_len (may be NULL): its bytes.
 * Statuses of pqi_endpoint_send and pqi_host_mqtt_publish. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_send(
    pqi_host_node *n, const pqi_outbound *msg, int qos, size_t *wire_len);

/* Publishes an object as it is, such as the log of revocations, retained. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_publish_raw(
    pqi_host_node *n, const char *topic, pqi_cspan payload, int retain);

/* Works for at most timeout_ms and returns the next event. PQI_OK; PQI_ERR_ARG; PQI_ERR_STATE. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_poll(
    pqi_host_node *n, int timeout_ms, pqi_node_event *ev);

/* A newer policy of attestation: every verdict ends, and everybody is asked. PQI_OK, also for the one in force;
 * PQI_ERR_REPLAY: not above it; PQI_ERR_AUTH, PQI_ERR_DECODE, PQI_ERR_UNSUPPORTED; PQI_ERR_ARG: the node was opened
 * without one; PQI_ERR_LIMIT: out of memory. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_node_attest_policy(pqi_host_node *n, pqi_cspan encoded);
/* Its verdicts; NULL: it asks nobody. Borrowed. */
PQI_API const pqi_verifier *pqi_host_node_verifier(const pqi_host_node *n);

PQI_API pqi_endpoint *pqi_host_node_endpoint(pqi_host_node *n);
PQI_API pqi_host_mqtt *pqi_host_node_mqtt(pqi_host_node *n);

/* The clock the node uses: monotonic milliseconds and the wall clock, which may only tighten. */
PQI_API pqi_now pqi_host_now(void);

/* Disconnects, wipes and frees. The device stays open. NULL is fine. */
PQI_API void pqi_host_node_close(pqi_host_node *n);

#ifdef __cplusplus
}
#endif
#endif
