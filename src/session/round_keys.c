/* SPDX-License-Identifier: Apache-2.0
 * The key schedule of rounds: docs/spec/ratchet.md section 6. */
#include "session/ratchet_int.h"

#include "base/wr.h"
#include "prim/hkdf/sha2_len.h"

#include <pqi/wipe.h>

static const pqi_cspan label_th = {PQI_LIT("PQI4 rr")};
static const pqi_cspan label_es = {PQI_LIT("PQI4 rr es")};
static const pqi_cspan label_rk = {PQI_LIT("PQI4 rr rk")};
static const pqi_cspan label_rms = {PQI_LIT("PQI4 rr rms")};
/* By the side that sends. */
static const pqi_cspan label_ck[2] = {{PQI_LIT("PQI4 rr ck I2R")}, {PQI_LIT("PQI4 rr ck R2I")}};
/* By pqi_round_use. */
static const pqi_cspan label_coins[3] = {
    {PQI_LIT("PQI4 rr x")}, {PQI_LIT("PQI4 rr kem")}, {PQI_LIT("PQI4 rr enc")}};

static pqi_status expand(const pqi_classic *c, const uint8_t *key, pqi_cspan label, pqi_span out)
{
    return pqi_hkdf_expand(c, PQI_HASH_SHA256, (pqi_cspan){key, PQI_HS_KEY}, &label, 1, out);
}

static pqi_status expand_key(
    const pqi_classic *c, const uint8_t *key, pqi_cspan label, uint8_t out[PQI_HS_KEY])
{
    return expand(c, key, label, (pqi_span){out, PQI_HS_KEY});
}

pqi_status pqi_round_ck_peer(
    const pqi_classic *c, unsigned side, const uint8_t es[PQI_HS_KEY], uint8_t out[PQI_HS_KEY])
{
    return expand_key(c, es, label_ck[side == PQI_HS_SIDE_I ? 1 : 0], out);
}

pqi_status pqi_round_rms(
    const pqi_classic *c, const uint8_t es[PQI_HS_KEY], uint8_t out[PQI_HS_KEY])
{
    return expand_key(c, es, label_rms, out);
}

pqi_status pqi_round_epoch(
    const pqi_classic *c, unsigned side, const uint8_t es[PQI_HS_KEY], pqi_epoch_keys *out)
{
    pqi_status st = expand_key(c, es, label_rk, out->rk);
    if (st == PQI_OK) {
        st = pqi_round_rms(c, es, out->rms);
    }
    if (st == PQI_OK) {
        st = pqi_round_ck_peer(c, side, es, out->ck_peer);
    }
    if (st == PQI_OK) {
        st = expand_key(c, es, label_ck[side == PQI_HS_SIDE_I ? 0 : 1], out->ck_own);
    }
    if (st != PQI_OK) {
        pqi_wipe(out, sizeof *out);
    }
    return st;
}

pqi_status pqi_round_coins(
    const pqi_classic *c, const uint8_t seed[PQI_HS_KEY], pqi_round_use use, pqi_span out)
{
    return expand(c, seed, label_coins[use], out);
}

/* th = H("PQI4 rr" || sid || e+1 || kind || LV(objP) || LV(objQ)). */
static pqi_status transcript(const pqi_classic *c, const pqi_round_in *in, uint8_t th[PQI_HASH_MAX])
{
    uint8_t head[PQI_HS_SID + 4u + 1u + 2u], len_q[2];
    size_t n = 0;
    wr w = wr_of((pqi_span){head, sizeof head});
    wr_bytes(&w, (pqi_cspan){in->sid, PQI_HS_SID});
    wr_u32(&w, in->epoch);
    wr_u8(&w, (uint8_t)in->kind);
    wr_u16(&w, (uint16_t)in->obj_p.len);
    pqi_status st = wr_done(&w, &n);
    w = wr_of((pqi_span){len_q, sizeof len_q});
    wr_u16(&w, (uint16_t)in->obj_q.len);
    if (st == PQI_OK) {
        st = wr_done(&w, &n);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {
            label_th, {head, sizeof head}, in->obj_p, {len_q, sizeof len_q}, in->obj_q};
        st = c->hash(in->suite->hash, parts, sizeof parts / sizeof parts[0], th);
    }
    return st;
}

pqi_status pqi_round_secret(const pqi_classic *c, const pqi_round_in *in, uint8_t es[PQI_HS_KEY])
{
    uint8_t prk[PQI_HASH_MAX] = {0}, th[PQI_HASH_MAX];
    const pqi_cspan salt = {in->rk, PQI_HS_KEY};
    pqi_status st = transcript(c, in, th);
    if (st == PQI_OK && in->kind == PQI_CHUNK_H) {
        const pqi_combine_in k = {in->k, in->obj_q.ptr, in->obj_p.ptr};
        st = pqi_combine_extract(c, in->suite, salt, &k, prk);
    } else if (st == PQI_OK) {
        const pqi_cspan k = {in->k, PQI_X25519_LEN};
        st = pqi_hkdf_extract(c, in->suite->hash, salt, &k, 1, prk);
    }
    if (st == PQI_OK) {
        st = pqi_combine_expand(c, in->suite, prk, label_es, th, (pqi_span){es, PQI_HS_KEY});
    }
    pqi_wipe(prk, sizeof prk);
    return st;
}
