/* SPDX-License-Identifier: Apache-2.0
 * Announcements, bytes: docs/spec/v1.md section 7.
 *
 *   0 T=0x71  1 flags  2 reserved u16 = 0  4 ann_epoch u32 | LV16 cert | LV16 proof | LV16 prekeys
 *   | LV16 sig
 *
 * Flags: b0 roster proof, b1 prekey block, b2 device signature. This version takes flags = b2 only;
 * the fields of b0 and b1 are there and empty. */
#ifndef PQI_PROTO_MQTT_ANNOUNCE_H
#define PQI_PROTO_MQTT_ANNOUNCE_H

#include <pqi/endpoint.h>

#define PQI_ANN_T        0x71u
#define PQI_ANN_FLAGS    0x04u
#define PQI_ANN_OVERHEAD (8u + 4u * 2u) /* everything but certificate and signature */

typedef struct pqi_ann {
    uint32_t epoch;
    pqi_cspan cert, sig;
    pqi_cspan body; /* everything before the signature field: what is signed and compared */
} pqi_ann;

/* PQI_OK; PQI_ERR_DECODE: not the one encoding; PQI_ERR_UNSUPPORTED: a flag of a later version. */
PQI_MUST_CHECK pqi_status pqi_ann_decode(pqi_cspan in, pqi_ann *out);

/* Writes the body for cert; the signature field follows it. PQI_ERR_SPACE: *len tells the need. */
PQI_MUST_CHECK pqi_status pqi_ann_body(uint32_t epoch, pqi_cspan cert, pqi_span out, size_t *len);

/* The signed message is LV16(topic) || body, under the domain "PQI4 ann". */
#define PQI_ANN_PARTS 3u
typedef struct pqi_ann_signed {
    uint8_t topic_len[2];
    pqi_cspan parts[PQI_ANN_PARTS];
} pqi_ann_signed;
void pqi_ann_parts(pqi_cspan topic, pqi_cspan body, pqi_ann_signed *out);
extern const pqi_cspan pqi_ann_domain;

#endif
