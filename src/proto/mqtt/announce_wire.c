/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/mqtt/announce.h"

#include "base/rd.h"
#include "base/wr.h"
#include "session/prekey.h"

const pqi_cspan pqi_ann_domain = {PQI_LIT("PQI4 ann")};

/* A proof is a path and has no room for anything else. */
static bool is_path(pqi_cspan proof)
{
    pqi_path path;
    return proof.len == 0 || pqi_path_decode(proof, &path) == PQI_OK;
}

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
    a.proof = rd_vec16(&r, 0, PQI_PATH_MAX);
    a.prekeys = rd_vec16(&r, 0, PQI_PREKEY_BLOCK_MAX);
    size_t body_len = in.len - r.left;
    a.sig = rd_vec16(&r, 0, PQI_SIG_MAX_SIG);
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if ((flags & ~(PQI_ANN_SIGNED | PQI_ANN_PREKEYS | PQI_ANN_PROOF)) != 0) {
        return PQI_ERR_UNSUPPORTED;
    }
    if (((flags & PQI_ANN_SIGNED) != 0) != (a.sig.len != 0) ||
        ((flags & PQI_ANN_PREKEYS) != 0) != (a.prekeys.len != 0) ||
        ((flags & PQI_ANN_PROOF) != 0) != (a.proof.len != 0) || !is_path(a.proof) ||
        (flags & (PQI_ANN_PREKEYS | PQI_ANN_SIGNED)) == PQI_ANN_PREKEYS || a.epoch == 0) {
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

pqi_status pqi_ann_write(const pqi_ann *a, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    wr_u8(&w, PQI_ANN_T);
    wr_u8(&w, (uint8_t)((a->flags & PQI_ANN_SIGNED) | (a->prekeys.len != 0 ? PQI_ANN_PREKEYS : 0u) |
                        (a->proof.len != 0 ? PQI_ANN_PROOF : 0u)));
    wr_u16(&w, 0);
    wr_u32(&w, a->epoch);
    wr_vec16(&w, a->cert);
    wr_vec16(&w, a->proof);
    wr_vec16(&w, a->prekeys);
    return wr_done(&w, len);
}

pqi_status pqi_ann_body(
    uint8_t sign, uint32_t epoch, pqi_cspan cert, pqi_cspan prekeys, pqi_span out, size_t *len)
{
    const pqi_ann a = {.flags = sign, .epoch = epoch, .cert = cert, .prekeys = prekeys};
    return pqi_ann_write(&a, out, len);
}

void pqi_ann_parts(pqi_cspan topic, pqi_cspan body, pqi_ann_signed *out)
{
    static const uint8_t no_proof[2] = {0, 0};
    rd r = rd_of(body);
    out->topic_len[0] = (uint8_t)(topic.len >> 8);
    out->topic_len[1] = (uint8_t)topic.len;
    out->head[0] = rd_u8(&r);
    out->head[1] = rd_u8(&r) & (uint8_t)~PQI_ANN_PROOF;
    const uint8_t *from = body.ptr + (body.len - r.left);
    (void)rd_bytes(&r, 6); /* reserved, epoch */
    (void)rd_vec16(&r, 0, UINT16_MAX);
    const size_t head_len = body.len - r.left - 2u;
    (void)rd_vec16(&r, 0, UINT16_MAX);
    out->parts[0] = (pqi_cspan){out->topic_len, sizeof out->topic_len};
    out->parts[1] = topic;
    out->parts[2] = (pqi_cspan){out->head, sizeof out->head};
    out->parts[3] = (pqi_cspan){from, r.bad ? 0 : head_len};
    out->parts[4] = (pqi_cspan){no_proof, sizeof no_proof};
    out->parts[5] = (pqi_cspan){body.ptr + (body.len - r.left), r.bad ? 0 : r.left};
}
