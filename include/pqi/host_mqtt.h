/* SPDX-License-Identifier: Apache-2.0
 * MQTT over libmosquitto: moves bytes between a broker and the caller and knows no cryptography.
 * MQTT 3.1.1 and 5, QoS 0/1/2, TLS to the broker, credentials, will, reconnect with exponential
 * backoff and jitter, re-subscription. Everything it receives is untrusted.
 *
 * One client is used by one thread at a time; different clients are independent. */
#ifndef PQI_HOST_MQTT_H
#define PQI_HOST_MQTT_H

#include <pqi/span.h>
#include <pqi/status.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct pqi_host_mqtt pqi_host_mqtt;

/* All strings are copied. Zero means the default given. */
typedef struct pqi_host_mqtt_cfg {
    const char *host;      /* NULL: 127.0.0.1; a path beginning with '/' is a unix socket */
    uint16_t port;         /* 0: 1883, or 8883 with TLS */
    const char *client_id; /* NULL: chosen by the library; then clean_session is forced */
    int version;           /* 4: MQTT 3.1.1 (default); 5: MQTT 5 */
    int keepalive_s;       /* default 30 */
    int keep_session;      /* non-zero: the broker keeps our subscriptions and queued messages */
    const char *username, *password;
    const char *ca_file, *ca_dir;     /* either one turns TLS on; the broker's name is checked */
    const char *cert_file, *key_file; /* client certificate, with TLS */
    const char *will_topic;           /* published by the broker when we vanish: a hint to others */
    pqi_cspan will;
    int will_qos, will_retain;
    unsigned backoff_min_ms, backoff_max_ms; /* default 200 and 30000 */
    size_t queue_max; /* messages kept in memory while offline, and received but not polled; 1024 */
    size_t payload_max; /* larger incoming payloads are dropped and counted; default 131072 */
} pqi_host_mqtt_cfg;

typedef enum pqi_mqtt_event_kind {
    PQI_MQTT_NONE = 0,     /* the timeout passed */
    PQI_MQTT_CONNECTED,    /* subscriptions were sent again; announce again */
    PQI_MQTT_DISCONNECTED, /* text tells why; poll reconnects by itself */
    PQI_MQTT_MESSAGE,
    PQI_MQTT_REFUSED,      /* the broker refused a publish (MQTT 5 only): text */
    PQI_MQTT_UNSUBSCRIBED, /* the broker refused a subscription: topic is the filter */
    PQI_MQTT_INT32_ = 2147483647
} pqi_mqtt_event_kind;

typedef struct pqi_mqtt_event {
    pqi_mqtt_event_kind kind;
    pqi_cspan topic, payload; /* valid until the next call with this client */
    int qos, retained;
    const char *text; /* for people; static storage */
} pqi_mqtt_event;

typedef struct pqi_mqtt_stats {
    uint64_t sent, received, connects;
    uint64_t
        dropped_out; /* queue full while offline: the oldest went; or more than the broker takes */
    uint64_t dropped_in; /* over payload_max, or not polled in time */
} pqi_mqtt_stats;

/* Makes a client; it connects in the first poll. PQI_ERR_ARG: a field breaks its rule or TLS files
 * cannot be used; PQI_ERR_LIMIT: out of memory. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_mqtt_open(
    pqi_host_mqtt **out, const pqi_host_mqtt_cfg *cfg);

/* Subscribes now and after every reconnect. At most 64 filters: PQI_ERR_LIMIT. PQI_ERR_ARG: not a
 * topic filter. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_mqtt_subscribe(
    pqi_host_mqtt *m, const char *filter, int qos);

/* Subscribes again to the filters that begin with prefix, so that the broker sends its retained messages
 * again. Nothing while there is no connection: the next one does it. */
PQI_API void pqi_host_mqtt_again(pqi_host_mqtt *m, const char *prefix);

/* Hands a message to the broker, or keeps it until there is one. PQI_OK says no more than that.
 * PQI_ERR_ARG: not a topic, or too long; PQI_ERR_LIMIT: out of memory. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_mqtt_publish(
    pqi_host_mqtt *m, const char *topic, pqi_cspan payload, int qos, int retain);

/* Does network work for at most timeout_ms and returns the next event. Call it in a loop.
 * PQI_OK; PQI_ERR_ARG. A dead network is an event, not an error. */
PQI_API PQI_MUST_CHECK pqi_status pqi_host_mqtt_poll(
    pqi_host_mqtt *m, int timeout_ms, pqi_mqtt_event *ev);

/* Non-zero while the broker has accepted us. */
PQI_API int pqi_host_mqtt_connected(const pqi_host_mqtt *m);
/* Messages not yet acknowledged by the broker (QoS 1, 2) or still queued here. */
PQI_API size_t pqi_host_mqtt_pending(const pqi_host_mqtt *m);
PQI_API pqi_mqtt_stats pqi_host_mqtt_get_stats(const pqi_host_mqtt *m);

/* Sends DISCONNECT (the will is not published) and frees everything. NULL is fine. */
PQI_API void pqi_host_mqtt_close(pqi_host_mqtt *m);

#ifdef __cplusplus
}
#endif
#endif
