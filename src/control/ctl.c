/* SPDX-License-Identifier: Apache-2.0
 * Opening, closing, and what holds: docs/spec/control.md sections 3 and 4. */
#include "control/ctl_int.h"

#include "base/args.h"
#include "ct/ct.h"
#include "ident/ident.h"

#include <pqi/wipe.h>

#define ALL_WRONG                                                                                  \
    (PQI_GATE_SELF_REVOKED | PQI_GATE_ROLLBACK | PQI_GATE_EQUIVOCATION | PQI_GATE_REV_GAP |        \
        PQI_GATE_POLICY_GAP | PQI_GATE_POLICY_OLD | PQI_GATE_STORAGE)

/* ---- opening ------------------------------------------------------------------------------------------ */

static bool cfg_ok(const pqi_ctl_cfg *g)
{
    if (g->algs == NULL || g->provider == NULL || g->nvm == NULL || g->nvm->read == NULL ||
        g->nvm->write == NULL || g->pinned == NULL) {
        return false;
    }
    const bool rooms = (g->manifest_mem.ptr != NULL || g->manifest_mem.len == 0) &&
                       (g->policy_mem.ptr != NULL || g->policy_mem.len == 0);
    return g->manifest.ptr != NULL && rooms && g->revoked != NULL && g->revoked_max != 0 &&
           g->revoked_max <= PQI_REV_LOG_MAX && g->manifest_mem.len <= PQI_MANIFEST_MAX &&
           g->policy_mem.len <= PQI_POLICY_MAX && pqi_id_check(g->id) == PQI_OK;
}

static pqi_status load_all(pqi_ctl *c)
{
    pqi_status st = pqi_manifest_decode(c->cfg.algs, c->cfg.manifest, &c->manifest);
    if (st != PQI_OK || !pqi_ct_eq(c->manifest.hash, c->cfg.pinned, PQI_HASH_LEN)) {
        return PQI_ERR_AUTH; /* INV-103: the anchor is checked before anything else is looked at */
    }
    st = pqi_ctl_floors_read(c);
    if (st == PQI_OK) {
        st = pqi_ctl_root_load(c);
    }
    if (st == PQI_OK) {
        st = pqi_ctl_state_load(c);
    }
    if (st == PQI_OK) {
        st = pqi_ctl_rev_load(c);
    }
    return st == PQI_OK ? pqi_ctl_policy_load(c) : st;
}

pqi_status pqi_ctl_open(pqi_ctl *c, const pqi_ctl_cfg *cfg, const pqi_now *now)
{
    if (c == NULL) {
        return PQI_ERR_ARG;
    }
    memset(c, 0, sizeof *c);
    if (cfg == NULL || now == NULL || !cfg_ok(cfg)) {
        return PQI_ERR_ARG;
    }
    const size_t later = cfg->manifest_mem.len;
    pqi_status st = pqi_args_tmp(
        cfg->tmp, pqi_ctl_tmp_len(cfg->algs, cfg->revoked_max, later, cfg->policy_mem.len));
    if (st != PQI_OK) {
        return st;
    }
    c->cfg = *cfg;
    c->boot_ms = now->mono_ms;
    c->seen_ms = now->mono_ms;
    c->raw_ms = now->mono_ms;
    c->stored_ms = now->mono_ms;
    c->ask_next_ms = now->mono_ms;
    pqi_ctl_policy_none(c, false);
    st = load_all(c);
    if (st != PQI_OK) {
        pqi_wipe(c, sizeof *c);
        return st;
    }
    pqi_ctl_rev_covered(c);
    c->counted = pqi_ctl_policy_gap(c) ? 1 : 0;
    c->open = 1;
    return PQI_OK;
}

/* ---- what is written by and by ------------------------------------------------------------------------- */

pqi_status pqi_ctl_tick(pqi_ctl *c, const pqi_now *now)
{
    if (c == NULL || now == NULL || !c->open) {
        return PQI_ERR_STATE;
    }
    pqi_ctl_see(c, now);
    c->clock_refused = now->unix_s != 0 && !pqi_ctl_wall_ok(c, now) ? 1 : 0;
    if (c->seen_ms - c->stored_ms < HOUR_MS) {
        return PQI_OK;
    }
    return pqi_ctl_commit(c, pqi_ctl_draft(c));
}

void pqi_ctl_close(pqi_ctl *c, const pqi_now *now)
{
    if (c == NULL) {
        return;
    }
    if (c->open && now != NULL) {
        pqi_ctl_see(c, now);
        pqi_status st = pqi_ctl_commit(c, pqi_ctl_draft(c));
        (void)st; /* what is stored is an hour old at worst */
    }
    pqi_wipe(c, sizeof *c);
}

/* ---- how fresh ------------------------------------------------------------------------------------------ */

bool pqi_ctl_has_plane(const pqi_ctl *c)
{
    return c->manifest.threshold[PQI_ROLE_HEAD] != 0;
}

bool pqi_ctl_has_head(const pqi_ctl *c)
{
    return c->s.head.head_epoch != 0 && c->s.head.root_version == c->manifest.root_version;
}

static pqi_fresh step_of(const pqi_ctl *c, const pqi_ctl_clock *k, uint64_t up)
{
    const pqi_policy_rules *r = &c->policy.rules;
    const uint64_t tick = pqi_ctl_tick_ms(c), age = pqi_ctl_clock_age(k, up);
    if (k->known == 0) {
        return PQI_FRESH_UNKNOWN;
    }
    if (age <= r->fresh * tick) {
        return PQI_FRESH_FRESH;
    }
    if (age <= r->aged * tick) {
        return PQI_FRESH_AGED;
    }
    return age <= r->stale * tick ? PQI_FRESH_STALE : PQI_FRESH_EXPIRED;
}

/* Ticks of a delegate count for so long after the fleet's last one: by uptime, which is what is left when
 * nothing told the time since the start, and by their own number, which no restart begins anew. */
static bool local_counts(const pqi_ctl *c, const pqi_ctl_local *l, uint64_t up, pqi_cspan topic)
{
    const pqi_policy_rules *r = &c->policy.rules;
    const pqi_cspan prefix = {(const uint8_t *)l->prefix, l->prefix_len};
    const uint64_t age = pqi_ctl_clock_age(&c->s.clock, up);
    return (r->flags & PQI_POLICY_DELEGATES) != 0 && pqi_ctl_has_head(c) &&
           age <= r->local_ticks_max * pqi_ctl_tick_ms(c) &&
           l->i - l->fleet_i <= r->local_ticks_max && pqi_ident_covers(prefix, topic);
}

pqi_fresh pqi_ctl_fresh_at(const pqi_ctl *c, uint64_t up, pqi_cspan topic)
{
    if (!pqi_ctl_has_plane(c)) {
        return PQI_FRESH_NONE;
    }
    pqi_fresh best = step_of(c, &c->s.clock, up);
    for (uint32_t i = 0; i < c->s.n_local && topic.ptr != NULL && topic.len != 0; i++) {
        const pqi_ctl_local *l = &c->s.local[i];
        pqi_fresh f = local_counts(c, l, up, topic) ? step_of(c, &l->clock, up) : best;
        best = f < best ? f : best;
    }
    return best;
}

pqi_fresh pqi_ctl_fresh(const pqi_ctl *c, const pqi_now *now, pqi_cspan topic)
{
    if (c == NULL || now == NULL || !c->open) {
        return PQI_FRESH_UNKNOWN;
    }
    return pqi_ctl_fresh_at(c, pqi_ctl_up(c, now), topic);
}

uint32_t pqi_ctl_age(const pqi_ctl *c, const pqi_now *now)
{
    if (c == NULL || now == NULL || !c->open || c->s.clock.known == 0) {
        return UINT32_MAX;
    }
    const uint64_t n = pqi_ctl_clock_age(&c->s.clock, pqi_ctl_up(c, now)) / pqi_ctl_tick_ms(c);
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

int pqi_ctl_grace(const pqi_ctl *c, const pqi_now *now)
{
    if (c == NULL || now == NULL || !c->open) {
        return 0;
    }
    const pqi_policy_rules *r = &c->policy.rules;
    const uint64_t up = pqi_ctl_up(c, now);
    return up - c->boot_ms <= (uint64_t)r->grace_s * 1000u &&
           pqi_ctl_clock_age(&c->s.clock, up) <= r->aged * pqi_ctl_tick_ms(c);
}

/* ---- what is wrong -------------------------------------------------------------------------------------- */

/* Rosters of an older root version than the head's do not matter any more. */
static bool rolled_back(const pqi_ctl *c)
{
    const pqi_ctl_head *h = &c->s.head;
    const pqi_ctl_roster *r = &c->s.roster;
    const bool roster = pqi_ctl_behind(c, FLOOR_ROSTER, pqi_ctl_mark(r->root_version, r->seq)) &&
                        c->floor[FLOOR_ROSTER] >= pqi_ctl_mark(h->root_version, 0);
    return roster || pqi_ctl_root_behind(c) ||
           pqi_ctl_behind(c, FLOOR_HEAD, pqi_ctl_mark(h->root_version, h->head_epoch));
}

/* INV-66: past its time to live, as far as ticks were heard and uptime tells. */
static bool policy_old(const pqi_ctl *c, uint64_t up)
{
    const pqi_policy *p = &c->policy;
    if (p->seq == 0 || p->rules.ttl_ticks == 0) {
        return false;
    }
    const uint64_t passed = pqi_ctl_clock_age(&c->s.clock, up) / pqi_ctl_tick_ms(c);
    return c->s.newest + passed > (uint64_t)p->tick_base + p->rules.ttl_ticks;
}

/* INV-62 */
static bool storage_weak(const pqi_ctl *c)
{
    return (c->policy.rules.flags & PQI_POLICY_NO_ROLLBACK) != 0 &&
           (pqi_provider_caps(c->cfg.provider) & PQI_CAP_NO_ROLLBACK) == 0;
}

unsigned pqi_ctl_flags(const pqi_ctl *c, const pqi_now *now)
{
    if (c == NULL || now == NULL || !c->open) {
        return ALL_WRONG;
    }
    const pqi_leaf *own = &c->cfg.leaf;
    unsigned f = 0;
    f |= pqi_ctl_is_revoked(c, own->roster_index, own->key_epoch) ? PQI_GATE_SELF_REVOKED : 0;
    f |= rolled_back(c) ? PQI_GATE_ROLLBACK : 0;
    f |= c->s.equivocation != 0 && c->s.equivocation_root == c->manifest.root_version
             ? PQI_GATE_EQUIVOCATION
             : 0;
    f |= pqi_ctl_rev_gap(c) ? PQI_GATE_REV_GAP : 0;
    f |= pqi_ctl_policy_gap(c) ? PQI_GATE_POLICY_GAP : 0;
    f |= policy_old(c, pqi_ctl_up(c, now)) ? PQI_GATE_POLICY_OLD : 0;
    f |= storage_weak(c) ? PQI_GATE_STORAGE : 0;
    return f;
}
