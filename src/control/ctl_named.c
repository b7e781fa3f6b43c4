/* SPDX-License-Identifier: Apache-2.0
 * What a head names: roster and policy, and our own path in the roster. docs/spec/control.md section 5. */
#include "control/ctl_int.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ident/ident.h"

#include <pqi/session.h>

static bool same_hash(const uint8_t *x, const uint8_t *y)
{
    return pqi_ct_eq(x, y, PQI_HASH_LEN) != 0;
}

/* Is an object of this root version and number one that the head names? `ours`: what we have. */
static pqi_status look_at_number(const pqi_ctl *c, uint32_t number, uint32_t named)
{
    if (!pqi_ctl_has_head(c) || number > named) {
        return PQI_ERR_MISSING; /* a head that names it may come, or is on its way */
    }
    return number < named ? PQI_ERR_REPLAY : PQI_OK;
}

/* ---- roster ---------------------------------------------------------------------------------------------- */

static pqi_status look_at_roster(const pqi_ctl *c, const pqi_ctl_call *k, pqi_roster *r)
{
    const pqi_ctl_head *h = &c->s.head;
    pqi_status st = pqi_roster_decode(c->cfg.algs, k->in, r);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ctl_has_plane(c) ||
        !pqi_ident_same_fleet(&c->manifest, r->fleet_id, r->root_version)) {
        return PQI_ERR_AUTH;
    }
    st = look_at_number(c, r->seq, h->roster_seq);
    if (st != PQI_OK) {
        return st;
    }
    if (r->size != h->roster_size || !same_hash(r->root, h->roster_root)) {
        return PQI_ERR_AUTH;
    }
    const bool less = r->seq < pqi_ctl_floor(c, FLOOR_ROSTER);
    return less || c->s.roster.counts == PQI_CTL_NAMED ? PQI_ERR_REPLAY : PQI_OK;
}

static pqi_status peek_roster(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_roster r;
    return look_at_roster(c, k, &r);
}

static pqi_status take_roster(pqi_ctl *c, pqi_ctl_call *k)
{
    pqi_roster r;
    pqi_status st = look_at_roster(c, k, &r);
    if (st == PQI_OK) {
        st = pqi_roster_verify(c->cfg.algs, &r, &c->manifest, c->cfg.tmp);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_ctl_state *d = pqi_ctl_draft(c);
    d->before = d->roster;
    if (d->before.seq == r.seq) { /* of an older root: one number is never two rosters */
        d->before.counts = PQI_CTL_GONE;
    }
    d->roster = (pqi_ctl_roster){r.root_version, r.seq, r.size, PQI_CTL_NAMED, {0}};
    memcpy(d->roster.root, r.root, PQI_HASH_LEN);
    st = pqi_ctl_commit(c, d);
    if (st == PQI_OK) {
        c->path_len = 0;
        k->what |= PQI_CTL_NEW_ROSTER;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_roster = {peek_roster, take_roster};

bool pqi_ctl_roster_gap(const pqi_ctl *c)
{
    return pqi_ctl_has_head(c) && c->s.head.roster_seq != 0 && c->s.roster.counts != PQI_CTL_NAMED;
}

/* ---- members ---------------------------------------------------------------------------------------------- */

static bool asks_for_rosters(const pqi_ctl *c)
{
    return (c->policy.rules.flags & PQI_POLICY_ROSTER) != 0;
}

static bool counts(const pqi_ctl_roster *r)
{
    return r->seq != 0 && r->counts != PQI_CTL_GONE;
}

int pqi_ctl_roster_counts(const pqi_ctl *c, uint32_t roster_seq)
{
    if (c == NULL || !c->open) {
        return 0;
    }
    const pqi_ctl_roster *r = &c->s.roster, *b = &c->s.before;
    return !asks_for_rosters(c) || (counts(r) && r->seq == roster_seq) ||
           (counts(b) && b->seq == roster_seq);
}

static pqi_status check_path(
    const pqi_ctl *c, const pqi_ctl_roster *r, const pqi_leaf *leaf, const pqi_path *p)
{
    if (!counts(r) || p->roster_seq != r->seq || p->size != r->size) {
        return PQI_ERR_AUTH;
    }
    return pqi_path_check(c->cfg.algs, leaf, p, r->root);
}

pqi_status pqi_ctl_member(const pqi_ctl *c, const pqi_leaf *leaf, pqi_cspan path)
{
    pqi_path p;
    if (c == NULL || leaf == NULL || !c->open) {
        return PQI_ERR_AUTH;
    }
    if (!asks_for_rosters(c)) {
        return PQI_OK;
    }
    if (!counts(&c->s.roster) && !counts(&c->s.before)) {
        return PQI_ERR_MISSING;
    }
    if (pqi_path_decode(path, &p) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    const bool in = check_path(c, &c->s.roster, leaf, &p) == PQI_OK ||
                    check_path(c, &c->s.before, leaf, &p) == PQI_OK;
    return in ? PQI_OK : PQI_ERR_AUTH;
}

/* ---- own path ---------------------------------------------------------------------------------------------- */

static pqi_status peek_path(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_path p;
    if (pqi_path_decode(k->in, &p) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    if (c->path_len == k->in.len && pqi_ct_eq(c->path, k->in.ptr, k->in.len)) {
        return PQI_ERR_REPLAY;
    }
    const pqi_ctl_roster *r = &c->s.roster;
    if (counts(r) && p.roster_seq < r->seq) {
        return PQI_ERR_REPLAY;
    }
    if (!counts(r) || p.roster_seq > r->seq) {
        return PQI_ERR_MISSING;
    }
    return check_path(c, r, &c->cfg.leaf, &p);
}

static pqi_status take_path(pqi_ctl *c, pqi_ctl_call *k)
{
    memcpy(c->path, k->in.ptr, k->in.len);
    c->path_len = k->in.len;
    k->what |= PQI_CTL_NEW_PATH;
    return PQI_OK;
}

const pqi_ctl_kind pqi_ctl_kind_path = {peek_path, take_path};

/* ---- policy ------------------------------------------------------------------------------------------------ */

static void set_algs_policy(pqi_ctl *c)
{
    c->algs_policy = (pqi_alg_policy){c->policy.rules.min_level, c->policy.rules.forbid};
}

/* A policy that was lost is not as if there had been none: sessions are required and peers have to be in
 * the roster. What else it said is made up for by the gate, which lets class L and S pass alone. */
void pqi_ctl_policy_none(pqi_ctl *c, bool lost)
{
    memset(&c->policy, 0, sizeof c->policy);
    c->policy.rules = pqi_policy_default;
    if (lost) {
        c->policy.rules.sessions = PQI_SESSIONS_REQUIRE;
        c->policy.rules.flags |= PQI_POLICY_ROSTER;
        c->policy.rules.grace_s = 0;
    }
    set_algs_policy(c);
}

bool pqi_ctl_policy_gap(const pqi_ctl *c)
{
    const pqi_ctl_head *h = &c->s.head;
    const pqi_policy *p = &c->policy;
    if (pqi_ctl_behind(c, FLOOR_POLICY, pqi_ctl_mark(p->root_version, p->seq))) {
        return true;
    }
    if (!pqi_ctl_has_head(c) || h->policy_seq == 0) {
        return false;
    }
    return p->root_version != h->root_version || p->seq != h->policy_seq ||
           !same_hash(p->hash, h->policy_hash);
}

/* Large, so it is decoded into cfg.tmp. */
static pqi_policy *decoded(const pqi_ctl *c)
{
    return (void *)c->cfg.tmp.ptr;
}

/* Is there room for its rows? One without rows needs none. */
static bool fits(const pqi_ctl *c, const pqi_policy *x)
{
    const bool plain = x->n_acls == 0 && x->n_fail_safe == 0;
    return x->payload.len <= c->cfg.policy_mem.len ||
           (plain && x->payload.len <= PQI_CTL_POLICY_PLAIN);
}

static pqi_status peek_policy(const pqi_ctl *c, const pqi_ctl_call *k)
{
    const pqi_ctl_head *h = &c->s.head;
    pqi_policy *x = decoded(c);
    pqi_status st = pqi_policy_decode(c->cfg.algs, k->in, x);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ctl_has_plane(c) ||
        !pqi_ident_same_fleet(&c->manifest, x->fleet_id, x->root_version)) {
        return PQI_ERR_AUTH;
    }
    st = look_at_number(c, x->seq, h->policy_seq);
    if (st != PQI_OK) {
        return st;
    }
    if (!same_hash(x->hash, h->policy_hash)) {
        return PQI_ERR_AUTH;
    }
    if (!pqi_ctl_policy_gap(c) || x->seq < pqi_ctl_floor(c, FLOOR_POLICY)) {
        return PQI_ERR_REPLAY;
    }
    return fits(c, x) ? PQI_OK : PQI_ERR_SPACE;
}

/* From a payload that was verified, now or before it was stored. On failure there is none any more. */
static pqi_status install_policy(pqi_ctl *c, pqi_cspan payload)
{
    pqi_cspan at = payload;
    const bool keep = payload.len <= c->cfg.policy_mem.len;
    if (keep) {
        memmove(c->cfg.policy_mem.ptr, payload.ptr, payload.len);
        at.ptr = c->cfg.policy_mem.ptr;
    }
    pqi_status st = pqi_policy_payload(c->cfg.algs, at, &c->policy);
    if (st == PQI_OK && !keep && (c->policy.n_acls != 0 || c->policy.n_fail_safe != 0)) {
        st = PQI_ERR_SPACE;
    }
    if (st != PQI_OK) {
        pqi_ctl_policy_none(c, true);
        return st;
    }
    if (!keep) {
        c->policy.payload = (pqi_cspan){NULL, 0};
    }
    set_algs_policy(c);
    return PQI_OK;
}

/* Ticks were counted that may have had another length: what was taken off the age is anybody's guess. */
static pqi_status recount(pqi_ctl *c, uint32_t tick_s)
{
    if (c->counted == 0 || tick_s == c->policy.rules.tick_s) {
        return PQI_OK;
    }
    pqi_ctl_state *d = pqi_ctl_draft(c);
    pqi_ctl_clock_lose(d);
    return pqi_ctl_commit(c, d);
}

static pqi_status take_policy(pqi_ctl *c, pqi_ctl_call *k)
{
    pqi_policy *x = decoded(c); /* by peek_policy(), just now */
    pqi_status st =
        pqi_policy_verify(c->cfg.algs, x, &c->manifest, pqi_ctl_tmp(c, sizeof(pqi_policy)));
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cspan payload = x->payload;
    const uint32_t tick_s = x->rules.tick_s;
    const uint64_t mark = pqi_ctl_mark(x->root_version, x->seq);
    st = pqi_ctl_save(c, PQI_CTL_REC_POLICY, payload, c->cfg.tmp);
    if (st == PQI_OK) {
        st = pqi_ctl_floor_move(c, FLOOR_POLICY, mark);
    }
    if (st == PQI_OK) {
        st = recount(c, tick_s);
    }
    if (st == PQI_OK) {
        st = install_policy(c, payload);
    }
    if (st == PQI_OK) {
        c->counted = 0;
        k->what |= PQI_CTL_NEW_POLICY;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_policy = {peek_policy, take_policy};

/* A counter of any root version says that there was one. */
pqi_status pqi_ctl_policy_load(pqi_ctl *c)
{
    size_t len = 0;
    const size_t room =
        c->cfg.policy_mem.len > PQI_CTL_POLICY_PLAIN ? c->cfg.policy_mem.len : PQI_CTL_POLICY_PLAIN;
    const pqi_span plain = {c->cfg.tmp.ptr, room};
    pqi_status st = pqi_ctl_load(c, PQI_CTL_REC_POLICY, plain, pqi_ctl_tmp(c, room), &len);
    if (st != PQI_OK && st != PQI_ERR_MISSING) {
        return st;
    }
    if (st == PQI_OK) {
        st = install_policy(c, (pqi_cspan){plain.ptr, len});
    }
    if (st == PQI_ERR_SPACE) {
        return st;
    }
    if (st == PQI_OK && !pqi_ct_eq(c->policy.fleet_id, c->manifest.fleet_id, PQI_FLEET_ID_LEN)) {
        st = PQI_ERR_AUTH;
    }
    const uint64_t have = pqi_ctl_mark(c->policy.root_version, c->policy.seq);
    if (st != PQI_OK || pqi_ctl_behind(c, FLOOR_POLICY, have)) {
        pqi_ctl_policy_none(c, c->floor[FLOOR_POLICY] != 0);
        return PQI_OK;
    }
    return pqi_ctl_floor_move(c, FLOOR_POLICY, have);
}
