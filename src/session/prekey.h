/* SPDX-License-Identifier: Apache-2.0
 * The prekey block of an announcement, docs/spec/prekeys.md section 2:
 *
 *   0 prekey epoch u32  4 until u64 | LV16 KEM key | X25519 key 32
 *
 * The id is a hash of the block and the certificate it belongs to, so a prekey cannot be announced as
 * another device's or under another certificate. Nothing here is secret. */
#ifndef PQI_SESSION_PREKEY_H
#define PQI_SESSION_PREKEY_H

#include <pqi/endpoint.h>

#define PQI_PREKEY_BLOCK_MAX (4u + 8u + 2u + PQI_KEM_MAX_PK + PQI_X25519_LEN)

typedef struct pqi_prekey_block {
    uint32_t epoch; /* 1, 2, ... */
    uint64_t until; /* unix seconds; 0: the device had no clock */
    pqi_cspan kem_pk, x25519_pk;
} pqi_prekey_block;

/* PQI_ERR_SPACE: *len tells the need. */
PQI_MUST_CHECK pqi_status pqi_prekey_write(const pqi_prekey_block *b, pqi_span out, size_t *len);

/* kem_pk_len: of the certificate's KEM; 0: any up to PQI_KEM_MAX_PK. The spans point into `in`.
 * PQI_ERR_DECODE: not the one encoding, epoch 0; *out is untouched then. */
PQI_MUST_CHECK pqi_status pqi_prekey_read(pqi_cspan in, size_t kem_pk_len, pqi_prekey_block *out);

/* First 8 bytes of SHA-256("PQI4 prekey" || key id of the certificate || block). */
PQI_MUST_CHECK pqi_status pqi_prekey_id(const pqi_classic *c, const uint8_t key_id[PQI_KEY_ID_LEN],
    pqi_cspan block, uint8_t id[PQI_KID_LEN]);

#endif
