/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mqtt/announce.h"

#include "base/rd.h"
#include "base/wr.h"
#include "session/prekey.h"

const pqi_cspan pqi_ann_domain = {PQI_LIT("PQI4 ann")};

pqi_status pqi_ann_decode(pqi_cspan in, pqi_ann *out)
{
    if (in.len > PQI_ANNOUNCE_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_ann a = {0};
    rd r = rd_of(in);
    rd_expect(&r, 1, PQI_ANN_T);
    uint8_t flags = rd_u8(&r);
    rd_expect(&r, 2, 0);
    a.epoch = rd_u32(&r);
    a.cert = rd_vec16(&r, 1, PQI_CERT_MAX);
    pqi_cspan proof = rd_vec16(&r, 0, UINT16_MAX);
    a.prekeys = rd_vec16(&r, 0, PQI_PREKEY_BLOCK_MAX);
    size_t body_len = in.len - r.left;
    a.sig = rd_vec16(&r, 0, PQI_SIG_MAX_SIG);
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if ((flags & ~(PQI_ANN_SIGNED | PQI_ANN_PREKEYS)) != 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (((flags & PQI_ANN_SIGNED) != 0) != (a.sig.len != 0) ||
        ((flags & PQI_ANN_PREKEYS) != 0) != (a.prekeys.len != 0) || flags == PQI_ANN_PREKEYS ||
        proof.len != 0 || a.epoch == 0) {
        return PQI_ERR_DECODE;
    }
    a.flags = flags;
    a.body = (pqi_cspan){in.ptr, body_len};
    *out = a;
    return PQI_OK;
}

pqi_status pqi_ann_fits(pqi_cspan sig, uint32_t epoch, const pqi_cert *cert)
{
    if (cert->sig_alg != 0) {
        return sig.len != 0 ? PQI_OK : PQI_ERR_AUTH;
    }
    return sig.len == 0 && epoch == cert->key_epoch ? PQI_OK : PQI_ERR_AUTH;
}

pqi_status pqi_ann_body(
    uint8_t sign, uint32_t epoch, pqi_cspan cert, pqi_cspan prekeys, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    wr_u8(&w, PQI_ANN_T);
    wr_u8(&w, (uint8_t)(sign | (prekeys.len != 0 ? PQI_ANN_PREKEYS : 0u)));
    wr_u16(&w, 0);
    wr_u32(&w, epoch);
    wr_vec16(&w, cert);
    wr_u16(&w, 0);
    wr_vec16(&w, prekeys);
    return wr_done(&w, len);
}

void pqi_ann_parts(pqi_cspan topic, pqi_cspan body, pqi_ann_signed *out)
{
    out->topic_len[0] = (uint8_t)(topic.len >> 8);
    out->topic_len[1] = (uint8_t)topic.len;
    out->parts[0] = (pqi_cspan){out->topic_len, sizeof out->topic_len};
    out->parts[1] = topic;
    out->parts[2] = body;
}
