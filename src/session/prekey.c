/* SPDX-License-Identifier: Apache-2.0 */
#include "session/prekey.h"

#include "base/rd.h"
#include "base/wr.h"

static const pqi_cspan label = {PQI_LIT("PQI4 prekey")};

pqi_status pqi_prekey_write(const pqi_prekey_block *b, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    wr_u32(&w, b->epoch);
    wr_u64(&w, b->until);
    wr_vec16(&w, b->kem_pk);
    wr_bytes(&w, b->x25519_pk);
    return wr_done(&w, len);
}

pqi_status pqi_prekey_read(pqi_cspan in, size_t kem_pk_len, pqi_prekey_block *out)
{
    size_t most = kem_pk_len != 0 ? kem_pk_len : PQI_KEM_MAX_PK;
    rd r = rd_of(in);
    pqi_prekey_block b = {.epoch = rd_u32(&r)};
    b.until = rd_u64(&r);
    b.kem_pk = rd_vec16(&r, kem_pk_len != 0 ? kem_pk_len : 1u, most);
    b.x25519_pk = rd_bytes(&r, PQI_X25519_LEN);
    if (rd_done(&r) != PQI_OK || b.epoch == 0) {
        return PQI_ERR_DECODE;
    }
    *out = b;
    return PQI_OK;
}

pqi_status pqi_prekey_id(const pqi_classic *c, const uint8_t key_id[PQI_KEY_ID_LEN],
    pqi_cspan block, uint8_t id[PQI_KID_LEN])
{
    const pqi_cspan parts[] = {label, {key_id, PQI_KEY_ID_LEN}, block};
    uint8_t h[PQI_HASH_MAX];
    pqi_status st = c->hash(PQI_HASH_SHA256, parts, 3, h);
    memset(id, 0, PQI_KID_LEN);
    if (st == PQI_OK) {
        memcpy(id, h, PQI_KID_LEN);
    }
    return st;
}
