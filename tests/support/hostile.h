/* SPDX-License-Identifier: Apache-2.0
 * A stage for attacks: a real broker, devices made through the public API and joined to it, and eve,
 * a client without keys who reads and publishes everything. One thread drives them all.
 *
 * Nothing waits for a time: a fence is a message that every client sends on a topic of its own after
 * what it sent before; when it has arrived everywhere, so has all of that. */
#ifndef PQI_TESTS_HOSTILE_H
#define PQI_TESTS_HOSTILE_H

#include "pqi_test.h"

#include "support/broker.h"
#include "support/host_fleet.h"
#include <pqi/host_node.h>

enum { STATIONS = 5, CLIENTS = STATIONS + 1, EVE = STATIONS, HEARD_MAX = 1024, CAUGHT_MAX = 4096 };

/* A device at the broker. Counters begin anew with station_on(). */
typedef struct station {
    node n;
    pqi_host_device *dev;
    pqi_host_node *link;
    int version; /* of MQTT: 4 or 5 */
    const char *will_topic;
    const char *filters[8]; /* data topics beside the fences */
    pqi_limits limits;
    pqi_algs algs; /* with counting copies of the signature schemes */
    pqi_sig sig_copies[16];
    const pqi_sig *sigs[16];
    pqi_provider_ops ops; /* with counting copies of what uses a private key */
    const pqi_provider_ops *real_ops;
    uint64_t verifies, opens; /* signatures checked; boxes opened, decapsulations, X25519 */
    char heard[HEARD_MAX][24];
    char from[HEARD_MAX][PQI_ID_MAX + 1];
    size_t n_heard;
    uint64_t drops[PQI_DROP_COUNT_], fence_drops; /* fences are counted apart */
    unsigned online, learned, revocations, retained_drops;
    unsigned fence[CLIENTS][3]; /* number of the newest fence by client and QoS */
} station;

typedef struct packet {
    char topic[PQI_TOPIC_MAX + 1];
    uint8_t *p;
    size_t len;
    int retained;
} packet;

typedef struct stage {
    broker b;
    fleet f;
    station at[STATIONS];
    size_t n;
    pqi_host_mqtt *eve;
    int catching;
    packet caught[CAUGHT_MAX];
    size_t n_caught;
    unsigned eve_fence[CLIENTS][3];
    unsigned fences;
} stage;

/* Skips the test where there is no mosquitto. extra: lines of its configuration, or NULL. */
stage *stage_new(const char *extra);
void stage_free(stage *s);

/* Makes, allows and provisions a device that may publish and be addressed under plant/ID and held/ID
 * (control: plant and held, and every mailbox). Nothing is opened. */
station *stage_device(stage *s, const char *id);
/* Opens the device, joins the broker, subscribes to plant/fence and `filters`; waits for a fence. */
void station_on(stage *s, station *t);
/* Leaves and closes. A crash is the same without the marks that an orderly close writes. */
void station_off(station *t);
void station_crash(station *t);
/* Subscribes a running station to one more filter and waits until it is in force. */
void station_subscribe(stage *s, station *t, const char *filter);

/* Everything sent so far has arrived wherever it was going to. */
void stage_settle(stage *s);
/* One round of network work of everybody; how many events there were. */
unsigned stage_turn(stage *s);
void stage_drop_caught(stage *s);
/* For broker restarts: turns until everybody is connected again. */
void stage_rejoin(stage *s);

pqi_status say(station *from, const char *to, const char *topic, const char *text, int qos);
void eve_says(stage *s, const char *topic, pqi_cspan payload, int qos, int retain);
void eve_repeats(stage *s, const packet *k, int qos);
static inline pqi_cspan packet_span(const packet *k)
{
    pqi_cspan v = {k->p, k->len};
    return v;
}
pqi_cspan text_of(const char *s);

/* How often this text arrived. */
unsigned heard(const station *t, const char *text);
/* The drops since the last call: pairs of reason and count, then PQI_DROP_NONE; no other reason. */
void dropped(station *t, ...);
size_t peers_of(const station *t);
const pqi_peer *peer_of(const station *t, const char *id);
pqi_endpoint *endpoint_of(const station *t);
/* Public and private key operations of received traffic so far. */
uint64_t asymmetric(const station *t);

/* A small generator for orders and garbage. */
uint32_t dice(uint64_t *state);

#endif
