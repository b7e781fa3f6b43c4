/* SPDX-License-Identifier: Apache-2.0
 * Questions to a control plane and what comes back. docs/spec/control.md section 1.7. */
#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include <pqi/control.h>

#define WANT_ALL (PQI_ASK_STATEMENT | PQI_ASK_PATH | PQI_ASK_NEWEST)

/* Something is wanted, and nothing that we do not know. */
static bool rules(const pqi_ask *q)
{
    return q->want != 0 && (q->want & ~WANT_ALL) == 0 && pqi_id_check(q->id) == PQI_OK;
}

pqi_status pqi_ask_decode(pqi_cspan in, pqi_ask *out)
{
    pqi_ask q = {0};
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_ASK_LEN + PQI_ID_MAX) {
        return PQI_ERR_DECODE;
    }
    rd r = rd_of(in);
    rd_expect(&r, 1, PQI_ASK_T);
    q.want = rd_u8(&r);
    rd_expect(&r, 2, 0);
    pqi_cspan kid = rd_bytes(&r, PQI_KID_LEN);
    pqi_cspan nonce = rd_bytes(&r, PQI_NONCE_LEN);
    uint32_t *const numbers[7] = {&q.root_version, &q.head_epoch, &q.tick, &q.policy_seq,
        &q.rev_seq, &q.roster_seq, &q.roster_index};
    for (size_t i = 0; i < 7; i++) {
        *numbers[i] = rd_u32(&r);
    }
    q.id = rd_bytes(&r, r.left);
    if (r.bad || !rules(&q)) {
        return PQI_ERR_DECODE;
    }
    memcpy(q.kid, kid.ptr, PQI_KID_LEN);
    memcpy(q.nonce, nonce.ptr, PQI_NONCE_LEN);
    *out = q;
    return PQI_OK;
}

pqi_status pqi_ask_write(const pqi_ask *q, pqi_span out, size_t *len)
{
    if (q == NULL || len == NULL) {
        return PQI_ERR_ARG;
    }
    *len = 0;
    if (!rules(q)) {
        return PQI_ERR_ARG;
    }
    if (out.ptr == NULL || out.len < PQI_ASK_LEN + q->id.len) {
        *len = PQI_ASK_LEN + q->id.len;
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u8(&w, PQI_ASK_T);
    wr_u8(&w, q->want);
    wr_u16(&w, 0);
    wr_bytes(&w, (pqi_cspan){q->kid, PQI_KID_LEN});
    wr_bytes(&w, (pqi_cspan){q->nonce, PQI_NONCE_LEN});
    wr_u32(&w, q->root_version);
    wr_u32(&w, q->head_epoch);
    wr_u32(&w, q->tick);
    wr_u32(&w, q->policy_seq);
    wr_u32(&w, q->rev_seq);
    wr_u32(&w, q->roster_seq);
    wr_u32(&w, q->roster_index);
    wr_bytes(&w, q->id);
    return wr_done(&w, len);
}

pqi_status pqi_answer_decode(pqi_cspan in, pqi_object *kind, pqi_cspan *body)
{
    if (kind == NULL || body == NULL) {
        return PQI_ERR_ARG;
    }
    rd r = rd_of(in);
    rd_expect(&r, 1, PQI_ANSWER_T);
    uint8_t k = rd_u8(&r);
    rd_expect(&r, 2, 0);
    if (r.bad || k == PQI_OBJ_NONE || k >= PQI_OBJ_COUNT_ || r.left == 0) {
        return PQI_ERR_DECODE;
    }
    *kind = (pqi_object)k;
    *body = (pqi_cspan){r.p, r.left};
    return PQI_OK;
}
