/* SPDX-License-Identifier: Apache-2.0
 * What the two halves of v1 share: layout and bindings. docs/spec/v1.md. */
#ifndef PQI_SESSION_V1_H
#define PQI_SESSION_V1_H

#include <pqi/v1.h>
#include <stdbool.h>

#define PQI_V1_CTX_TOPIC 0x01u /* first byte of the context: an MQTT topic follows */

/* LV(id_S) || LV(id_R) || LV(0x01 || topic). */
#define PQI_V1_POST_MAX (2u + PQI_ID_MAX + 2u + PQI_ID_MAX + 2u + 1u + PQI_TOPIC_MAX)

typedef struct pqi_v1_post {
    uint8_t b[PQI_V1_POST_MAX];
    size_t len;
} pqi_v1_post;

/* PQI_ERR_ARG: an empty or too long id or topic. */
PQI_MUST_CHECK pqi_status pqi_v1_post_of(const pqi_v1_ends *e, pqi_v1_post *out);

/* Bytes 0..29. */
PQI_MUST_CHECK pqi_status pqi_v1_header(const pqi_v1_seal_in *in, uint8_t out[PQI_V1_HDR]);

#endif
