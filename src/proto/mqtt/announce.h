/* SPDX-License-Identifier: Apache-2.0
 * Announcements, bytes: docs/spec/v1.md section 7.
 *
 *   0 T=0x71  1 flags  2 reserved u16 = 0  4 ann_epoch u32 | LV16 cert | LV16 proof | LV16 prekeys
 *   | LV16 sig
 *
 * Flags: b0 roster proof, b1 prekey block, b2 device signature; b1 needs b2. Without b2 the signature is
 * empty: only a certificate without a signing key may be announced so.
 *
 * The proof proves itself and changes with every roster, so it is not signed: what is signed, compared and
 * hashed is the announcement without it, b0 clear and the field empty. */
#ifndef PQI_PROTO_MQTT_ANNOUNCE_H
#define PQI_PROTO_MQTT_ANNOUNCE_H

#include <pqi/endpoint.h>

#define PQI_ANN_T        0x71u
#define PQI_ANN_PROOF    0x01u
#define PQI_ANN_PREKEYS  0x02u
#define PQI_ANN_SIGNED   0x04u
#define PQI_ANN_OVERHEAD (8u + 4u * 2u) /* everything but certificate and signature */

typedef struct pqi_ann {
    uint8_t flags;
    uint32_t epoch;
    pqi_cspan cert, proof, prekeys, sig;
    pqi_cspan body; /* everything before the signature field */
} pqi_ann;

/* PQI_OK; PQI_ERR_DECODE: not the one encoding; PQI_ERR_UNSUPPORTED: a flag of a later version. */
PQI_MUST_CHECK pqi_status pqi_ann_decode(pqi_cspan in, pqi_ann *out);

/* Writes the body of an announcement: of *a are read epoch, cert, proof, prekeys and of the flags
 * PQI_ANN_SIGNED; empty spans are left out. The signature field follows it. PQI_ERR_SPACE: *len tells the
 * need. */
PQI_MUST_CHECK pqi_status pqi_ann_write(const pqi_ann *a, pqi_span out, size_t *len);
/* The same without a proof. sign: PQI_ANN_SIGNED or 0. */
PQI_MUST_CHECK pqi_status pqi_ann_body(
    uint8_t sign, uint32_t epoch, pqi_cspan cert, pqi_cspan prekeys, pqi_span out, size_t *len);

/* INV-25. An announcement is signed exactly when its certificate has a signing key, and one that is not
 * signed has the certificate's key epoch as its epoch. Anybody can write it down, so nothing in it may be
 * free: an epoch of his choice would shut out the real ones. PQI_OK; PQI_ERR_AUTH. No cryptography. */
PQI_MUST_CHECK pqi_status pqi_ann_fits(pqi_cspan sig, uint32_t epoch, const pqi_cert *cert);

/* The signed message is LV16(topic) || body without its proof, under the domain "PQI4 ann". body: of an
 * announcement that was decoded, or as pqi_ann_write() made it. */
#define PQI_ANN_PARTS 6u
typedef struct pqi_ann_signed {
    uint8_t topic_len[2], head[2];
    pqi_cspan parts[PQI_ANN_PARTS];
} pqi_ann_signed;
void pqi_ann_parts(pqi_cspan topic, pqi_cspan body, pqi_ann_signed *out);
extern const pqi_cspan pqi_ann_domain;

#endif
