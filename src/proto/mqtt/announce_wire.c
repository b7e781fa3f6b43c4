/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mqtt/announce.h"

#include "base/rd.h"
#include "base/wr.h"

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
    pqi_cspan prekeys = rd_vec16(&r, 0, UINT16_MAX);
    size_t body_len = in.len - r.left;
    a.sig = rd_vec16(&r, 0, PQI_SIG_MAX_SIG);
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if ((flags & ~PQI_ANN_FLAGS) != 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    /* INV-25: without a signature an announcement says nothing. */
    if (flags != PQI_ANN_FLAGS || proof.len != 0 || prekeys.len != 0 || a.sig.len == 0 ||
        a.epoch == 0) {
        return PQI_ERR_DECODE;
    }
    a.body = (pqi_cspan){in.ptr, body_len};
    *out = a;
    return PQI_OK;
}

pqi_status pqi_ann_body(uint32_t epoch, pqi_cspan cert, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    wr_u8(&w, PQI_ANN_T);
    wr_u8(&w, PQI_ANN_FLAGS);
    wr_u16(&w, 0);
    wr_u32(&w, epoch);
    wr_vec16(&w, cert);
    wr_u16(&w, 0);
    wr_u16(&w, 0);
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
