/* SPDX-License-Identifier: Apache-2.0
 * v1 packets, bytes: docs/spec/v1.md section 2. */
#include "session/v1.h"

#include "base/rd.h"
#include "base/wr.h"
#include "session/expiry.h"

_Static_assert(PQI_V1_EXPIRY_LEN == 1u + PQI_EXPIRY_LEN, "class and frame");

_Static_assert(PQI_V1_PLAIN_MAX <= UINT16_MAX, "the length field of the header");
_Static_assert(
    PQI_V1_HDR + PQI_V1_GATE + PQI_KEM_MAX_CT + PQI_X25519_LEN + PQI_AEAD_TAG + PQI_SIG_MAX_SIG <=
        PQI_V1_PACKET_MAX - PQI_V1_PLAIN_MAX,
    "any algorithm fits the packet cap");

size_t pqi_v1_len(const pqi_suite *suite, const pqi_sig *sig, size_t n)
{
    return PQI_V1_HDR + PQI_V1_GATE + pqi_box_capsule_len(suite) + n + PQI_AEAD_TAG + sig->sig_len;
}

pqi_status pqi_v1_header(const pqi_v1_seal_in *in, uint8_t out[PQI_V1_HDR])
{
    wr w = wr_of((pqi_span){out, PQI_V1_HDR});
    wr_u8(&w, in->ends.key_id_r.len != 0 ? PQI_V1_T_PREKEY : PQI_V1_T);
    wr_u8(&w, in->not_after.kind != 0 ? PQI_V1_EXPIRES : 0);
    wr_u16(&w, in->suite->id);
    wr_bytes(&w, (pqi_cspan){in->kid_s, PQI_KID_LEN});
    wr_bytes(&w, (pqi_cspan){in->kid_r, PQI_KID_LEN});
    wr_u64(&w, in->seq);
    wr_u16(&w, (uint16_t)(pqi_v1_inner_len(in) + in->plain.len));
    size_t len;
    return wr_done(&w, &len);
}

pqi_status pqi_v1_post_of(const pqi_v1_ends *e, pqi_v1_post *out)
{
    if (e->id_s.len == 0 || e->id_s.len > PQI_ID_MAX || e->id_r.len == 0 ||
        e->id_r.len > PQI_ID_MAX || e->topic.len == 0 || e->topic.len > PQI_TOPIC_MAX ||
        (e->key_id_r.len != 0 && e->key_id_r.len != PQI_KEY_ID_LEN)) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of((pqi_span){out->b, sizeof out->b});
    wr_vec16(&w, e->id_s);
    wr_vec16(&w, e->id_r);
    wr_u16(&w, (uint16_t)(1u + e->topic.len));
    wr_u8(&w, PQI_V1_CTX_TOPIC);
    wr_bytes(&w, e->topic);
    if (e->key_id_r.len != 0) {
        wr_vec16(&w, e->key_id_r);
    }
    return wr_done(&w, &out->len);
}

size_t pqi_v1_inner_len(const pqi_v1_seal_in *in)
{
    return in->not_after.kind != 0 ? PQI_V1_EXPIRY_LEN : 0;
}

pqi_status pqi_v1_put_inner(const pqi_v1_seal_in *in, uint8_t *out)
{
    if (in->not_after.kind == 0) {
        return PQI_OK;
    }
    if ((uint32_t)in->cls > PQI_CLASS_S) {
        return PQI_ERR_ARG;
    }
    out[0] = (uint8_t)in->cls;
    return pqi_expiry_write(&in->not_after, out + 1);
}

pqi_status pqi_v1_read_inner(const pqi_v1_packet *k, pqi_cspan plain, pqi_v1_inner *out)
{
    if (k == NULL || out == NULL || (plain.ptr == NULL && plain.len != 0)) {
        return PQI_ERR_ARG;
    }
    pqi_v1_inner v = {.message = plain};
    if ((k->flags & PQI_V1_EXPIRES) != 0) {
        rd r = rd_of(plain);
        uint8_t cls = rd_u8(&r);
        pqi_status st = pqi_expiry_read(rd_bytes(&r, PQI_EXPIRY_LEN), &v.not_after);
        if (st != PQI_OK || cls > PQI_CLASS_S) {
            return PQI_ERR_DECODE;
        }
        v.cls = (pqi_class)cls;
        v.message = (pqi_cspan){r.p, r.left};
    }
    *out = v;
    return PQI_OK;
}

static void copy_kid(uint8_t out[PQI_KID_LEN], pqi_cspan in)
{
    if (in.len == PQI_KID_LEN) {
        memcpy(out, in.ptr, PQI_KID_LEN);
    }
}

pqi_status pqi_v1_parse(const pqi_algs *a, pqi_cspan in, pqi_v1_packet *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_V1_PACKET_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_v1_packet k = {0};
    rd r = rd_of(in);
    k.all = in;
    k.hdr = rd_bytes(&r, PQI_V1_HDR);
    rd h = rd_of(k.hdr);
    k.type = rd_u8(&h);
    k.flags = rd_u8(&h);
    uint16_t suite_id = rd_u16(&h);
    copy_kid(k.kid_s, rd_bytes(&h, PQI_KID_LEN));
    copy_kid(k.kid_r, rd_bytes(&h, PQI_KID_LEN));
    k.seq = rd_u64(&h);
    size_t n = rd_u16(&h);
    k.gate = rd_bytes(&r, PQI_V1_GATE);
    bool known = (k.type == PQI_V1_T || k.type == PQI_V1_T_PREKEY) &&
                 (k.flags & ~(unsigned)PQI_V1_EXPIRES) == 0;
    size_t least = (k.flags & PQI_V1_EXPIRES) != 0 ? PQI_V1_EXPIRY_LEN : 0;
    if (rd_done(&h) != PQI_OK || r.bad || !known || n < least || n > PQI_V1_PLAIN_MAX) {
        return PQI_ERR_DECODE;
    }
    k.suite = pqi_algs_suite(a, suite_id);
    if (k.suite == NULL) {
        return PQI_ERR_UNSUPPORTED;
    }
    k.capsule = rd_bytes(&r, pqi_box_capsule_len(k.suite));
    k.ct = rd_bytes(&r, n + PQI_AEAD_TAG);
    k.sig = rd_bytes(&r, r.left);
    if (rd_done(&r) != PQI_OK || k.sig.len == 0 || k.sig.len > PQI_SIG_MAX_SIG) {
        return PQI_ERR_DECODE;
    }
    *out = k;
    return PQI_OK;
}
