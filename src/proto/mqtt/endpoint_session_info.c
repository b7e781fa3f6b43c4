/* SPDX-License-Identifier: Apache-2.0
 * What people can see of sessions. */
#include "proto/mqtt/endpoint_session.h"

#include "base/mem.h"

static const char *word(pqi_pair_why why)
{
    static const char *const words[] = {
        [PQI_PAIR_WHY_NONE] = "none",
        [PQI_PAIR_WHY_SEND] = "first-message",
        [PQI_PAIR_WHY_REKEY] = "limits",
        [PQI_PAIR_WHY_NOSESS] = "peer-lost-it",
        [PQI_PAIR_WHY_REBOOT] = "restart",
        [PQI_PAIR_WHY_POLICY] = "policy",
        [PQI_PAIR_WHY_USER] = "asked-for",
    };
    return (size_t)why < sizeof words / sizeof words[0] ? words[why] : "unknown";
}

/* Nodes that are kept for messages still missing. */
static uint32_t skipped(const pqi_ratchet_view *v)
{
    const pqi_chain_profile *p = v->recv.profile;
    uint32_t n = 0;
    for (uint32_t i = 0; i < PQI_CHAIN_NODES((uint32_t)p->depth, (uint32_t)p->cap); i++) {
        const uint32_t id = v->recv.node[i].id;
        n += id != 0 && (id & 0xfffffu) < v->recv.head->next ? 1u : 0u;
    }
    return n;
}

static void describe(const pqi_ep_sessions *s, uint32_t rsid, pqi_session_info *out)
{
    static const char modes[] = {0, 'S', 'K', 'M'};
    pqi_table_ref ref = 0;
    uint32_t owner = 0;
    if (!pqi_table_find(&s->table, rsid, &ref, &owner)) {
        return;
    }
    const pqi_ratchet_view v = pqi_session_view(s->env.profile, pqi_table_at(&s->table, ref));
    out->up = 1;
    out->mode = (uint8_t)(v.r->mode < sizeof modes ? modes[v.r->mode] : 0);
    out->side = v.r->side == PQI_HS_SIDE_I ? 'I' : 'R';
    out->suite = v.r->suite;
    out->epoch = v.r->epoch;
    out->messages = v.r->msgs;
    out->skipped = skipped(&v);
}

pqi_status pqi_endpoint_session(
    const pqi_endpoint *e, const pqi_now *now, pqi_cspan peer, pqi_session_info *out)
{
    if (e == NULL || now == NULL || out == NULL || peer.ptr == NULL || peer.len == 0) {
        return PQI_ERR_ARG;
    }
    memset(out, 0, sizeof *out);
    out->why = "none";
    if (!e->open || e->sessions == NULL) {
        return e->open ? PQI_ERR_UNSUPPORTED : PQI_ERR_STATE;
    }
    const size_t at = peer.len <= PQI_ID_MAX ? pqi_ep_by_id(e, peer) : PQI_EP_NO_PEER;
    if (at == PQI_EP_NO_PEER) {
        return PQI_ERR_MISSING;
    }
    const pqi_ep_sessions *s = e->sessions;
    const pqi_pair_at who = {.index = (uint32_t)at, .now_ms = now->mono_ms};
    pqi_pair_info info;
    pqi_status st = pqi_pair_about(&s->env, &who, &info);
    if (st != PQI_OK) {
        return st;
    }
    out->role = (uint8_t)info.role;
    out->wanted = info.why != PQI_PAIR_WHY_NONE || info.role == PQI_PAIR_PEND;
    out->why = word(info.why);
    if (pqi_ep_session_up(&info)) {
        out->healing = info.healing;
        describe(s, info.rsid, out);
    }
    return PQI_OK;
}

pqi_pk_counts pqi_endpoint_pk(const pqi_endpoint *e)
{
    return e != NULL ? e->pk : (pqi_pk_counts){{0}, 0};
}
