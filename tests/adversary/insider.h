/* SPDX-License-Identifier: Apache-2.0
 * What a certified device does that has turned hostile: it owns its keys and its memory. */
#ifndef PQI_TESTS_ADVERSARY_INSIDER_H
#define PQI_TESTS_ADVERSARY_INSIDER_H

#include <pqi/endpoint.h>

/* The device believes that it may publish everywhere below `prefix` (borrowed). */
void adv_widen_scope(pqi_endpoint *e, const char *prefix);

/* Its next number towards this peer is `gap` higher. */
void adv_leap(pqi_endpoint *e, pqi_cspan peer, uint64_t gap);

/* Gate tag of this device over a packet to `peer` on `topic`, in place. */
pqi_status adv_regate(
    pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, uint8_t *packet, size_t len);

/* Makes somebody else's packet look like its own: kid, signature, gate tag. With `unnamed` the
 * signature is made for a receiver whose key derivation names no sender. */
pqi_status adv_resign(
    pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, int unnamed, uint8_t *packet, size_t len);

/* A packet whose ephemeral X25519 key is the point of order one: the secret it makes is zero, and all
 * that protects the text is the KEM. out: at least PQI_V1_PACKET_MAX bytes. */
pqi_status adv_low_order(
    pqi_endpoint *e, pqi_cspan peer, pqi_cspan topic, pqi_cspan text, pqi_span out, size_t *len);

#endif
