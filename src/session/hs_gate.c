/* SPDX-License-Identifier: Apache-2.0
 * Gate tags: docs/spec/v4-handshake.md section 5. */
#include "session/hs_keys.h"

#include "base/args.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ct/secret.h"

#include <pqi/wipe.h>

static const pqi_cspan gate_label = {PQI_LIT("PQI4 hs gate")};

static bool is_gated(uint8_t type)
{
    return type == PQI_HS_T_INIT_S || type == PQI_HS_T_INIT_K || type == PQI_HS_T_RESP_S ||
           type == PQI_HS_T_RESP_K || type == PQI_HS_T_CHAL || type == PQI_HS_T_REJ ||
           type == PQI_HS_T_NOSESS;
}

static bool gate_sound(const pqi_hs_gate_in *g, pqi_cspan packet)
{
    return g != NULL && g->gk != NULL && pqi_args_span(g->id_from) && pqi_args_span(g->id_to) &&
           pqi_args_span(g->topic) && g->id_from.len - 1u < PQI_ID_MAX &&
           g->id_to.len - 1u < PQI_ID_MAX && g->topic.len - 1u < PQI_TOPIC_MAX &&
           packet.ptr != NULL && packet.len > PQI_HS_GATE && is_gated(packet.ptr[0]);
}

/* First 16 bytes of HMAC-SHA-256(GK, label || LV(id_from) || LV(id_to) || LV(ctx) || packet without the
 * tag). The hash is SHA-256 in every suite: the key belongs to the pair, not to a suite. */
static pqi_status tag_of(
    const pqi_classic *c, const pqi_hs_gate_in *g, pqi_cspan packet, uint8_t tag[PQI_HS_GATE])
{
    uint8_t post[2u * (2u + PQI_ID_MAX) + 2u + 1u + PQI_TOPIC_MAX], mac[PQI_HASH_MAX];
    size_t len = 0;
    wr w = wr_of((pqi_span){post, sizeof post});
    wr_vec16(&w, g->id_from);
    wr_vec16(&w, g->id_to);
    wr_u16(&w, (uint16_t)(1u + g->topic.len));
    wr_u8(&w, PQI_HS_CTX_TOPIC);
    wr_bytes(&w, g->topic);
    pqi_status st = wr_done(&w, &len);
    if (st == PQI_OK) {
        const pqi_cspan parts[] = {gate_label, {post, len}, {packet.ptr, packet.len - PQI_HS_GATE}};
        st = c->hmac(PQI_HASH_SHA256, (pqi_cspan){g->gk, PQI_GATE_KEY}, parts, 3, mac);
    }
    if (st == PQI_OK) {
        memcpy(tag, mac, PQI_HS_GATE);
    }
    pqi_wipe(mac, sizeof mac);
    return st;
}

pqi_status pqi_hs_gate_tag(const pqi_classic *c, const pqi_hs_gate_in *g, pqi_span packet)
{
    const pqi_cspan in = {packet.ptr, packet.len};
    if (c == NULL || !gate_sound(g, in)) {
        return PQI_ERR_ARG;
    }
    uint8_t tag[PQI_HS_GATE] = {0};
    pqi_status st = tag_of(c, g, in, tag);
    memcpy(packet.ptr + packet.len - PQI_HS_GATE, tag, sizeof tag);
    return st;
}

pqi_status pqi_hs_gate_check(const pqi_classic *c, const pqi_hs_gate_in *g, pqi_cspan packet)
{
    if (c == NULL || !gate_sound(g, packet)) {
        return PQI_ERR_ARG;
    }
    uint8_t want[PQI_HS_GATE] = {0};
    pqi_status st = tag_of(c, g, packet, want);
    int same = pqi_ct_eq(want, packet.ptr + packet.len - PQI_HS_GATE, sizeof want);
    PQI_PUBLIC(&same, sizeof same); /* the answer */
    if (st == PQI_OK && !same) {
        st = PQI_ERR_AUTH;
    }
    pqi_wipe(want, sizeof want);
    return st;
}
