/* SPDX-License-Identifier: Apache-2.0
 * AES-256-GCM-SIV, RFC 8452, on the bit-sliced AES. */
#include "prim/mcu/aes.h"
#include "prim/mcu/bytes.h"
#include "prim/mcu/gcm_siv_core.h"

#include "base/mem.h"

#include <pqi/classic_mcu.h>
#include <pqi/wipe.h>

typedef struct work {
    pqi_aes aes;
    uint32_t q[8];
    uint8_t room[2u * PQI_AES_BLOCK];
} work;

_Static_assert(sizeof((work *)0)->room == PQI_GCM_SIV_ROOM_MIN, "two blocks, as AES takes them");

static pqi_status set_key(void *ctx, const uint8_t *key)
{
    work *w = ctx;
    pqi_aes_init(&w->aes, key, PQI_AEAD_KEY);
    return PQI_OK;
}

/* Both blocks, also where one is asked for. */
static pqi_status encrypt(void *ctx, uint8_t *room, size_t n)
{
    work *w = ctx;
    (void)n;
    for (size_t i = 0; i < 8; i++) {
        w->q[i < 4 ? 2 * i : 2 * i - 7] = load32_le(room + 4u * i);
    }
    pqi_aes_encrypt(&w->aes, w->q);
    for (size_t i = 0; i < 8; i++) {
        store32_le(room + 4u * i, w->q[i < 4 ? 2 * i : 2 * i - 7]);
    }
    return PQI_OK;
}

pqi_status pqi_mcu_gcm_siv_seal(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    work w;
    const pqi_gcm_siv_aes c = {set_key, encrypt, &w, {w.room, sizeof w.room}};
    pqi_status st = pqi_gcm_siv_seal(&c, k, aad, in, out);
    pqi_wipe(&w, sizeof w);
    return st;
}

pqi_status pqi_mcu_gcm_siv_open(const pqi_aead_key *k, pqi_cspan aad, pqi_cspan in, pqi_span out)
{
    work w;
    const pqi_gcm_siv_aes c = {set_key, encrypt, &w, {w.room, sizeof w.room}};
    pqi_status st = pqi_gcm_siv_open(&c, k, aad, in, out);
    pqi_wipe(&w, sizeof w);
    return st;
}
