/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: v1 packets, docs/spec/v1.md section 2. */
#include "inspect.h"

#include <pqi/v1.h>

/* The sender's key is not known, so the length tells the algorithm; all of ours have fixed ones. */
static const pqi_sig *sig_of_len(const pqi_inspect_ctx *c, size_t len)
{
    for (size_t i = 0; i < c->algs->n_sigs; i++) {
        if (c->algs->sigs[i]->sig_len == len) {
            return c->algs->sigs[i];
        }
    }
    return NULL;
}

pqi_status pqi_inspect_v1(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_v1_packet k;
    if (in.len < PQI_V1_HDR + PQI_V1_GATE) {
        (void)snprintf(out->why, sizeof out->why,
            "it is truncated: header and gate tag have %u bytes, it has %zu",
            PQI_V1_HDR + PQI_V1_GATE, in.len);
        return PQI_ERR_DECODE;
    }
    pqi_status st = pqi_v1_parse(c->algs, in, &k);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_sig *alg = sig_of_len(c, k.sig.len);
    if (alg == NULL) {
        (void)snprintf(out->why, sizeof out->why,
            "%zu bytes are left for the signature, which is the length of none", k.sig.len);
        return PQI_ERR_DECODE;
    }
    json_t *o = out->fields;
    pqi_inspect_put(o, "suite", pqi_inspect_alg(k.suite->name, k.suite->flags));
    pqi_inspect_put_hex(o, "sender_kid", k.kid_s, PQI_KID_LEN);
    pqi_inspect_put_hex(
        o, k.type == PQI_V1_T_PREKEY ? "prekey_id" : "recipient_kid", k.kid_r, PQI_KID_LEN);
    pqi_inspect_put(o, "expires", json_boolean((k.flags & PQI_V1_EXPIRES) != 0));
    pqi_inspect_put_uint(o, "seq", k.seq);
    size_t front = (k.flags & PQI_V1_EXPIRES) != 0 ? PQI_V1_EXPIRY_LEN : 0;
    pqi_inspect_put_uint(o, "message_bytes", k.ct.len - PQI_AEAD_TAG - front);
    pqi_inspect_put_uint(o, "header_bytes", k.hdr.len);
    pqi_inspect_put_hex(o, "gate_tag", k.gate.ptr, k.gate.len);
    pqi_inspect_put_uint(o, "capsule_bytes", k.capsule.len);
    pqi_inspect_put_uint(o, "sealed_bytes", k.ct.len);
    pqi_inspect_put_uint(o, "signature_bytes", k.sig.len);
    pqi_inspect_put(o, "signature_algorithm", pqi_inspect_alg(alg->name, alg->flags));
    pqi_inspect_put_state(out, o, "signature", PQI_AGAIN, "needs both certificates and the topic");
    pqi_inspect_put_state(out, o, "content", PQI_AGAIN, "sealed to the recipient");
    return PQI_OK;
}
