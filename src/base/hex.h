/* SPDX-License-Identifier: Apache-2.0
 * Hexadecimal text in constant time: keys pass here. Branches and addresses depend on lengths only. */
#ifndef PQI_BASE_HEX_H
#define PQI_BASE_HEX_H

#include <pqi/span.h>
#include <pqi/status.h>

/* Writes 2 * in.len lower-case digits, no final NUL.
 * PQI_OK; PQI_ERR_SPACE: out is shorter; *out_len is always 2 * in.len. */
PQI_MUST_CHECK pqi_status pqi_hex_encode(pqi_cspan in, pqi_span out, size_t *out_len);

/* Reads digits of either case. PQI_OK; PQI_ERR_DECODE: odd length or another character, out is zero;
 * PQI_ERR_SPACE: out is shorter than in.len / 2; *out_len is in.len / 2, or 0 on PQI_ERR_DECODE. */
PQI_MUST_CHECK pqi_status pqi_hex_decode(pqi_cspan in, pqi_span out, size_t *out_len);

#endif
