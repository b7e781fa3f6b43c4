/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of v1 share: layout and bindings. docs/spec/v1.md. */
#ifndef PQI_SESSION_V1_H
#define PQI_SESSION_V1_H

#include <pqi/v1.h>
#include <stdbool.h>

#define PQI_V1_CTX_TOPIC 0x01u /* first byte of the context: an MQTT topic follows */

/* LV(id_S) || LV(id_R) || LV(0x01 || topic), and for T = 0x12 LV(key id of the recipient). */
#define PQI_V1_POST_MAX                                                                            \
    (2u + PQI_ID_MAX + 2u + PQI_ID_MAX + 2u + 1u + PQI_TOPIC_MAX + 2u + PQI_KEY_ID_LEN)

typedef struct pqi_v1_post {
    uint8_t b[PQI_V1_POST_MAX];
    size_t len;
} pqi_v1_post;

/* PQI_ERR_ARG: an empty or too long id or topic, a key id of another length. */
PQI_MUST_CHECK pqi_status pqi_v1_post_of(const pqi_v1_ends *e, pqi_v1_post *out);

/* Bytes 0..29. */
PQI_MUST_CHECK pqi_status pqi_v1_header(const pqi_v1_seal_in *in, uint8_t out[PQI_V1_HDR]);

/* Bytes in front of the message: 0 or PQI_V1_EXPIRY_LEN. */
size_t pqi_v1_inner_len(const pqi_v1_seal_in *in);
/* Writes them. PQI_ERR_ARG: an expiry of no kind, a class out of range. */
PQI_MUST_CHECK pqi_status pqi_v1_put_inner(const pqi_v1_seal_in *in, uint8_t *out);

#endif
