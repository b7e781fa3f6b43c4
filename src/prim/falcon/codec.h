/* SPDX-License-Identifier: Apache-2.0
 * The encodings of specification section 3.11. Every decoder accepts exactly what the encoder makes. */
#ifndef PQI_PRIM_FALCON_CODEC_H
#define PQI_PRIM_FALCON_CODEC_H

#include "prim/falcon/impl.h"

/* Private key, section 3.11.5. Constant time, except that failure of the decoder shows.
 * f, g, F: n bytes each, wiped on error. PQI_OK; PQI_ERR_ARG: not the encoding of a key. */
PQI_MUST_CHECK pqi_status pqi_falcon_decode_sk(
    int8_t *f, int8_t *g, int8_t *F, const uint8_t *sk, unsigned logn);

/* PQI_OK; PQI_ERR_ARG: a coefficient does not fit its field; sk is then zero. */
PQI_MUST_CHECK pqi_status pqi_falcon_encode_sk(
    uint8_t *sk, const int8_t *f, const int8_t *g, const int8_t *F, unsigned logn);

/* The largest absolute value of a coefficient of f and g in a private key. */
int32_t pqi_falcon_fg_limit(unsigned logn);

/* Public key, section 3.11.4. h: n coefficients in -6144..6144. */
PQI_MUST_CHECK pqi_status pqi_falcon_decode_pk(int16_t *h, const uint8_t *pk, unsigned logn);
void pqi_falcon_encode_pk(uint8_t *pk, const int16_t *h, unsigned logn);

/* s2 without header and nonce, sections 3.11.2 and 3.11.3.
 * The encoder writes at most `room` bytes and returns their number: all of `room`, with zeros at the
 * end, for PADDED; n * 12 / 8 for CT; 0 where it does not fit or a coefficient has no encoding. */
size_t pqi_falcon_encode_s2(
    uint8_t *out, size_t room, pqi_falcon_format format, const int16_t *s2, unsigned logn);

/* `in` is the whole of the signature after header and nonce; its length is checked by format.
 * PQI_OK; PQI_ERR_AUTH: not the one encoding. |s2| <= 2047. */
PQI_MUST_CHECK pqi_status pqi_falcon_decode_s2(
    int16_t *s2, pqi_cspan in, pqi_falcon_format format, unsigned logn);

#endif
