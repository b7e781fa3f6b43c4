/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM-SIV, RFC 8452, over a function that encrypts blocks: the one implementation behind the
 * bit-sliced AES of microcontrollers (gcm_siv.c) and the AES of OpenSSL (port/linux). */
#ifndef PQI_PRIM_MCU_GCM_SIV_CORE_H
#define PQI_PRIM_MCU_GCM_SIV_CORE_H

#include <pqi/classic.h>

#define PQI_GCM_SIV_ROOM_MIN 32u

/* AES-256 of a back end. Its statuses other than PQI_OK are passed on. */
typedef struct pqi_gcm_siv_aes {
    /* Sets the key, 32 bytes. */
    pqi_status (*key)(void *ctx, const uint8_t *key);
    /* Encrypts the first n blocks of `room` in place; may overwrite what is behind them there. */
    pqi_status (*encrypt)(void *ctx, uint8_t *room, size_t n);
    void *ctx;
    /* Blocks that are encrypted at a time: PQI_GCM_SIV_ROOM_MIN bytes or more, whole blocks. The
     * caller wipes it, and the key in ctx. */
    pqi_span room;
} pqi_gcm_siv_aes;

/* Contracts of pqi_classic.aead_seal and aead_open; a text has at most 2^31 - 17 bytes. Time and
 * addresses depend on lengths only, if those of the back end do. */
PQI_MUST_CHECK pqi_status pqi_gcm_siv_seal(
    const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);
PQI_MUST_CHECK pqi_status pqi_gcm_siv_open(
    const pqi_gcm_siv_aes *c, const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out);

#endif
