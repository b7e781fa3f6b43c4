/* SPDX-License-Identifier: Apache-2.0 */
#include "support/chain_rig.h"

#include <string.h>

pqi_classic rig_table;
unsigned rig_calls, rig_fail_at;
static const pqi_classic *real_table;

static pqi_status counted(pqi_hash_id id, const pqi_cspan *parts, size_t n_parts, uint8_t *out)
{
    rig_calls++;
    if (rig_fail_at != 0 && --rig_fail_at == 0) {
        memset(out, 0, pqi_hash_len(id));
        return PQI_ERR_PROVIDER;
    }
    return real_table->hash(id, parts, n_parts, out);
}

void rig_use(const pqi_classic *real)
{
    real_table = real;
    rig_table = *real;
    rig_table.hash = counted;
}

const pqi_chain_profile *rig_profile(const char *name)
{
    return strcmp(name, "tiny") == 0      ? &pqi_chain_tiny
           : strcmp(name, "std") == 0     ? &pqi_chain_std
           : strcmp(name, "gateway") == 0 ? &pqi_chain_gateway
                                          : NULL;
}

bool rig_start(chain_rig *g, const pqi_chain_profile *p, const uint8_t ck[PQI_CHAIN_KEY])
{
    memset(g, 0, sizeof *g);
    g->profile = *p;
    g->send = (pqi_chain_send){p->depth, &g->s.head, g->s.key};
    g->recv = (pqi_chain_recv){&g->profile, &g->r.head, g->r.node, g->stage};
    return pqi_chain_send_start(&g->send, ck) == PQI_OK &&
           pqi_chain_recv_start(&g->recv, ck) == PQI_OK;
}

bool rig_is_zero(const void *p, size_t n)
{
    const uint8_t *b = p;
    uint8_t all = 0;
    for (size_t i = 0; i < n; i++) {
        all |= b[i];
    }
    return all == 0;
}

bool rig_open(chain_rig *g, uint32_t n, bool authentic, pqi_status *st, uint8_t key[PQI_CHAIN_KEY])
{
    const rig_recv before = g->r;
    *st = pqi_chain_recv_peek(&rig_table, &g->recv, n, &g->t);
    memcpy(key, g->t.path[0], PQI_CHAIN_KEY);
    bool same = memcmp(&before, &g->r, sizeof before) == 0;
    if (*st == PQI_OK && authentic) {
        *st = pqi_chain_recv_commit(&rig_table, &g->recv, &g->t);
        same = same && (*st == PQI_OK) != (memcmp(&before, &g->r, sizeof before) == 0);
    } else if (*st == PQI_OK) {
        pqi_chain_discard(&g->t);
        same = same && memcmp(&before, &g->r, sizeof before) == 0;
    }
    return same && rig_is_zero(&g->t, sizeof g->t) && rig_is_zero(g->stage, sizeof g->stage);
}
