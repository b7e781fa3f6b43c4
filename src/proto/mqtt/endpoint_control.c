/* SPDX-License-Identifier: Apache-2.0
 * Objects of the control plane on their way to pqi/ctl.h, and what they change here: peers, sessions, policy.
 * docs/spec/control.md section 7. */
#include "proto/mqtt/endpoint_control.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "session/budget.h"

/* ---- opening ------------------------------------------------------------------------------------- */

size_t pqi_ep_control_tmp(const pqi_endpoint_cfg *c)
{
    const size_t later = c->manifest_mem.len;
    return pqi_ctl_tmp_len(c->algs, c->revoked_max,
        c->manifest.len > later ? c->manifest.len : later, c->policy_mem.len);
}

/* What the caller allowed, less what the fleet's policy takes: it never loosens anything. */
static void tighten(pqi_endpoint *e)
{
    const pqi_policy_rules *r = &e->ctl.policy.rules;
    pqi_endpoint_cfg *c = &e->cfg;
    c->policy = e->base_policy;
    c->sessions.use = e->base_use;
    c->sessions.modes = e->base_modes != 0 ? e->base_modes : PQI_HS_MODES_ALL;
    c->policy.min_level = r->min_level > c->policy.min_level ? r->min_level : c->policy.min_level;
    c->policy.forbid |= r->forbid;
    c->sessions.modes &= r->modes != 0 ? r->modes : PQI_HS_MODES_ALL;
    if (r->sessions == (uint8_t)PQI_SESSIONS_REQUIRE) { /* INV-61, also where there are none */
        c->sessions.use = PQI_SESSIONS_REQUIRE;
    }
}

pqi_status pqi_ep_control_open(pqi_endpoint *e, const pqi_now *now)
{
    const pqi_endpoint_cfg *c = &e->cfg;
    pqi_ctl_cfg x = {.algs = c->algs,
        .provider = c->provider,
        .nvm = c->nvm,
        .manifest = c->manifest,
        .pinned = c->pinned,
        .manifest_mem = c->manifest_mem,
        .policy_mem = c->policy_mem,
        .revoked = c->revoked,
        .revoked_max = c->revoked_max,
        .id = e->cert.device_id,
        .leaf = {.roster_index = e->cert.roster_index, .key_epoch = e->cert.key_epoch},
        .tmp = pqi_ep_work(e)};
    memcpy(x.kid, e->cert.key_id, PQI_KID_LEN);
    memcpy(x.leaf.cert_hash, e->own_hash, sizeof x.leaf.cert_hash);
    e->base_policy = c->policy;
    e->base_use = c->sessions.use;
    e->base_modes = c->sessions.modes;
    pqi_status st = pqi_ctl_open(&e->ctl, &x, now);
    if (st == PQI_OK) {
        tighten(e);
        e->roster_root = e->ctl.s.roster.root_version;
    }
    return st;
}

pqi_expiry_clock pqi_ep_clock(const pqi_endpoint *e, const pqi_now *now)
{
    const pqi_ctl *c = &e->ctl;
    pqi_expiry_clock k = {.unix_s = now->unix_s, .control_epoch = now->control_epoch};
    k.unix_far = e->seen.unix_s > now->unix_s ? e->seen.unix_s : 0; /* see pqi_ctl_now() */
    const uint32_t age = c->s.head.head_epoch != 0 ? pqi_ctl_age(c, now) : UINT32_MAX;
    if (age != UINT32_MAX) { /* ticks that were not heard have passed all the same */
        const uint32_t base = c->s.head.tick_base;
        const uint32_t tick =
            c->s.newest > base ? c->s.newest - base : 0; /* or told of by who vouched */
        k.has_tick = true;
        k.tick = tick <= UINT32_MAX - age ? tick + age : UINT32_MAX;
    }
    return k;
}

/* ---- topics -------------------------------------------------------------------------------------- */

static bool same(pqi_cspan a, pqi_cspan b)
{
    return a.len == b.len && (a.len == 0 || pqi_ct_eq(a.ptr, b.ptr, a.len));
}

/* What stands behind a prefix. */
static bool behind(pqi_cspan topic, pqi_cspan prefix, pqi_cspan *rest)
{
    if (!pqi_ep_has_prefix(topic, prefix)) {
        return false;
    }
    *rest = (pqi_cspan){topic.ptr + prefix.len, topic.len - prefix.len};
    return true;
}

bool pqi_ep_control_topic(const pqi_endpoint *e, pqi_cspan topic, pqi_object *kind)
{
    static const struct {
        pqi_cspan topic;
        pqi_object kind;
    } whole[] = {
        {{PQI_LIT(PQI_TOPIC_ROOT)}, PQI_OBJ_ROOT},
        {{PQI_LIT(PQI_TOPIC_HEAD)}, PQI_OBJ_HEAD},
        {{PQI_LIT(PQI_TOPIC_TICK)}, PQI_OBJ_TICK},
        {{PQI_LIT(PQI_TOPIC_ROSTER)}, PQI_OBJ_ROSTER},
        {{PQI_LIT(PQI_TOPIC_POLICY)}, PQI_OBJ_POLICY},
        {{PQI_LIT(PQI_TOPIC_REVOCATIONS)}, PQI_OBJ_REVOCATIONS},
        {{PQI_LIT(PQI_TOPIC_REV_DELTA)}, PQI_OBJ_REVOCATIONS},
    };
    static const pqi_cspan local = {PQI_LIT(PQI_TOPIC_TICK "/")};
    static const pqi_cspan answer = {PQI_LIT(PQI_TOPIC_ANSWER)};
    pqi_cspan rest = {NULL, 0};
    (void)e;
    for (size_t i = 0; i < sizeof whole / sizeof whole[0]; i++) {
        if (same(topic, whole[i].topic)) {
            *kind = whole[i].kind;
            return true;
        }
    }
    if (behind(topic, local, &rest) && pqi_id_check(rest) == PQI_OK) {
        *kind = PQI_OBJ_TICK;
        return true;
    }
    *kind = PQI_OBJ_NONE;
    return pqi_ep_has_prefix(topic, answer);
}

/* ---- effects ------------------------------------------------------------------------------------- */

bool pqi_ep_known_issuer(const pqi_endpoint *e, const uint8_t kid[PQI_KID_LEN])
{
    const pqi_manifest *m = &e->ctl.manifest;
    for (uint32_t i = 0; i < m->n_keys; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        if (k->role == PQI_ROLE_ISSUER && pqi_ct_eq(k->kid, kid, PQI_KID_LEN)) {
            return true;
        }
    }
    return false;
}

/* Peers whose issuer the root does not name any more have to be certified by one that it names. Paths of a
 * roster count under its own root version alone. If it cannot be stored, a restart finds a record under
 * another root and forgets more. */
static void new_root(pqi_endpoint *e)
{
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        pqi_peer *p = &e->cfg.peers[i];
        if (p->used && !pqi_ep_known_issuer(e, p->issuer_kid)) {
            pqi_ep_forget_cert(p);
            pqi_ep_session_end(e, i);
        }
    }
    const pqi_ep_change none = {NULL, PQI_EP_NO_PEER};
    if (pqi_ep_save_peers(e, &none) != PQI_OK) {
        e->drops[PQI_DROP_STATE]++;
    }
}

static void new_roster_root(pqi_endpoint *e)
{
    for (size_t i = 0; i < e->cfg.n_peers; i++) {
        e->cfg.peers[i].roster_seq = 0;
    }
    e->roster_root = e->ctl.s.roster.root_version;
    const pqi_ep_change none = {NULL, PQI_EP_NO_PEER};
    if (pqi_ep_save_peers(e, &none) != PQI_OK) {
        e->drops[PQI_DROP_STATE]++;
    }
}

void pqi_ep_look_at_gates(pqi_endpoint *e, const pqi_now *now)
{
    static const pqi_cspan none = {NULL, 0};
    const uint32_t is =
        (uint32_t)pqi_ctl_fresh(&e->ctl, now, none) << 16 | pqi_ctl_flags(&e->ctl, now);
    if (is == e->gates) {
        return;
    }
    e->gates = is;
    for (size_t i = 0; e->sessions != NULL && i < e->cfg.n_peers; i++) {
        if (e->cfg.peers[i].used) {
            pqi_ep_session_mark(e, i); /* what a gate held back may go on */
        }
    }
}

void pqi_ep_effects(pqi_endpoint *e, const pqi_now *now, unsigned what, pqi_event *ev)
{
    ev->control |= what;
    if ((what & PQI_CTL_NEW_ROOT) != 0) {
        new_root(e);
    }
    if (e->roster_root != e->ctl.s.roster.root_version) {
        new_roster_root(e);
    }
    if ((what & (PQI_CTL_NEW_REVOCATIONS | PQI_CTL_NEW_ROOT)) != 0) {
        pqi_ep_apply_revocations(e);
    }
    if ((what & (PQI_CTL_NEW_POLICY | PQI_CTL_NEW_ROOT)) != 0) {
        tighten(e);
        pqi_ep_sessions_judge(e);
    }
    if ((what & PQI_CTL_NEW_PATH) != 0) {
        ev->announce = 1;
    }
    pqi_ep_look_at_gates(e, now);
}

/* ---- taking an object ------------------------------------------------------------------------------ */

static pqi_drop drop_of(pqi_status st)
{
    static const struct {
        pqi_status st;
        pqi_drop d;
    } each[] = {
        {PQI_ERR_DECODE, PQI_DROP_DECODE},
        {PQI_ERR_AUTH, PQI_DROP_SIGNATURE},
        {PQI_ERR_REPLAY, PQI_DROP_REPLAY},
        {PQI_ERR_MISSING, PQI_DROP_GAP},
        {PQI_ERR_POLICY, PQI_DROP_POLICY},
        {PQI_ERR_UNSUPPORTED, PQI_DROP_SUITE},
        {PQI_ERR_LIMIT, PQI_DROP_TABLE},
        {PQI_ERR_SPACE, PQI_DROP_TABLE},
        {PQI_ERR_ROLLBACK, PQI_DROP_MISMATCH},
    };
    for (size_t i = 0; i < sizeof each / sizeof each[0]; i++) {
        if (each[i].st == st) {
            return each[i].d;
        }
    }
    return PQI_DROP_STATE;
}

/* The very object that is in force, as every subscription brings it again. */
static bool is_head(const pqi_endpoint *e, pqi_cspan in)
{
    pqi_head h;
    return pqi_head_decode(e->cfg.algs, in, &h) == PQI_OK &&
           pqi_ct_eq(h.hash, e->ctl.s.head.hash, sizeof h.hash);
}

static bool is_tick(const pqi_ctl *c, pqi_cspan in)
{
    pqi_tick t;
    return pqi_tick_decode(in, &t) == PQI_OK && !t.local && t.epoch == c->s.head.head_epoch &&
           t.i == c->s.tick;
}

static bool is_roster(const pqi_endpoint *e, pqi_cspan in)
{
    pqi_roster r;
    return pqi_roster_decode(e->cfg.algs, in, &r) == PQI_OK && r.seq == e->ctl.s.roster.seq;
}

static bool is_log(const pqi_endpoint *e, pqi_cspan in)
{
    pqi_revocations r;
    const pqi_ctl *c = &e->ctl;
    const uint32_t known = c->rev.root_version == c->manifest.root_version ? c->rev.seq : 0;
    return pqi_revocations_decode(e->cfg.algs, in, &r) == PQI_OK &&
           r.root_version == e->ctl.manifest.root_version && r.from + r.count == known;
}

/* In the work area: it has rows. */
static bool is_policy(const pqi_endpoint *e, pqi_cspan in)
{
    const pqi_span work = pqi_ep_work(e);
    pqi_policy *x = (pqi_policy *)(void *)work.ptr;
    return work.len >= sizeof *x && pqi_policy_decode(e->cfg.algs, in, x) == PQI_OK &&
           x->seq == e->ctl.policy.seq && pqi_ct_eq(x->hash, e->ctl.policy.hash, sizeof x->hash);
}

static bool in_force(const pqi_endpoint *e, pqi_object kind, pqi_cspan in)
{
    return (kind == PQI_OBJ_HEAD && is_head(e, in)) ||
           (kind == PQI_OBJ_TICK && is_tick(&e->ctl, in)) ||
           (kind == PQI_OBJ_ROSTER && is_roster(e, in)) ||
           (kind == PQI_OBJ_REVOCATIONS && is_log(e, in)) ||
           (kind == PQI_OBJ_ROOT && same(in, e->ctl.manifest.encoded)) ||
           (kind == PQI_OBJ_POLICY && is_policy(e, in));
}

/* Ticks and paths cost hashes alone. */
static bool is_signed(pqi_object kind)
{
    return kind != PQI_OBJ_TICK && kind != PQI_OBJ_PATH;
}

static bool charge(pqi_endpoint *e, pqi_object kind, const pqi_now *now)
{
    return !is_signed(kind) ||
           pqi_bucket_take(&e->control[kind], &e->cfg.limits.announce, now->mono_ms);
}

static void keep_head(pqi_endpoint *e, pqi_cspan in)
{
    if (in.len <= e->cfg.head_mem.len && in.len != 0) {
        memcpy(e->cfg.head_mem.ptr, in.ptr, in.len);
        e->head_len = in.len;
    }
}

/* After a start the head in force is known by its fields alone: its first copy is taken for peers that have an
 * older one. Its hash does not cover the signature, so that is looked at. */
static void find_head(pqi_endpoint *e, const pqi_now *now, pqi_cspan in)
{
    pqi_head h;
    if (e->head_len != 0 || in.len > e->cfg.head_mem.len || !charge(e, PQI_OBJ_HEAD, now) ||
        pqi_head_decode(e->cfg.algs, in, &h) != PQI_OK) {
        return;
    }
    pqi_pk_note(&e->pk, PQI_PK_VERIFY, 1);
    if (pqi_head_verify(e->cfg.algs, &h, &e->ctl.manifest, pqi_ep_work(e)) == PQI_OK) {
        pqi_bucket_refund(&e->control[PQI_OBJ_HEAD], &e->cfg.limits.announce);
        keep_head(e, in);
    }
}

static pqi_status take(
    pqi_endpoint *e, const pqi_now *now, pqi_object kind, pqi_cspan in, pqi_ctl_event *ce)
{
    pqi_pk_note(&e->pk, PQI_PK_VERIFY, is_signed(kind) ? 1 : 0); /* at least */
    pqi_status st = pqi_ctl_receive(&e->ctl, now, kind, in, ce);
    st = st == PQI_OK ? ce->status : st;
    if (st == PQI_OK && is_signed(kind)) {
        pqi_bucket_refund(&e->control[kind], &e->cfg.limits.announce);
    }
    if ((ce->what & PQI_CTL_NEW_HEAD) != 0 && kind == PQI_OBJ_HEAD) {
        keep_head(e, in);
    }
    return st;
}

static size_t most(pqi_object kind)
{
    static const uint32_t cap[PQI_OBJ_COUNT_] = {
        [PQI_OBJ_ROOT] = PQI_MANIFEST_MAX,
        [PQI_OBJ_HEAD] = PQI_HEAD_MAX,
        [PQI_OBJ_TICK] = PQI_LOCAL_TICK_LEN,
        [PQI_OBJ_ROSTER] = PQI_ROSTER_MAX,
        [PQI_OBJ_POLICY] = PQI_POLICY_MAX,
        [PQI_OBJ_REVOCATIONS] = PQI_REVOCATIONS_MAX,
        [PQI_OBJ_STATEMENT] = PQI_STATEMENT_MAX + 2u + PQI_PATH_MAX,
        [PQI_OBJ_PATH] = PQI_PATH_MAX,
    };
    return (uint32_t)kind < PQI_OBJ_COUNT_ ? cap[kind] : 0;
}

#define ALARMS (PQI_CTL_EQUIVOCATION | PQI_CTL_REV_RATE | PQI_CTL_TIME_STEP)
#define NEWS                                                                                       \
    (ALARMS | PQI_CTL_NEW_ROOT | PQI_CTL_NEW_HEAD | PQI_CTL_NEW_TICK | PQI_CTL_NEW_ROSTER |        \
        PQI_CTL_NEW_POLICY | PQI_CTL_NEW_REVOCATIONS | PQI_CTL_NEW_PATH | PQI_CTL_NEW_TIME)

static void on_object(
    pqi_endpoint *e, const pqi_now *now, pqi_object kind, pqi_cspan in, pqi_event *ev)
{
    pqi_ctl_event ce = {PQI_OK, 0};
    if (in.len > most(kind)) {
        pqi_ep_drop(ev, PQI_DROP_SIZE);
        return;
    }
    pqi_status st = pqi_ctl_peek(&e->ctl, now, kind, in);
    if (st == PQI_ERR_REPLAY && in_force(e, kind, in)) {
        if (kind == PQI_OBJ_HEAD) {
            find_head(e, now, in);
        }
        return;
    }
    if (st != PQI_OK) {
        if (st ==
            PQI_ERR_MISSING) { /* a hint that costs nothing: questions have their own distances */
            pqi_ctl_want(&e->ctl, now, PQI_ASK_NEWEST);
        }
        pqi_ep_drop(ev, drop_of(st));
        return;
    }
    if (!charge(e, kind, now)) {
        pqi_ep_drop(ev, PQI_DROP_BUDGET);
        return;
    }
    st = take(e, now, kind, in, &ce);
    const pqi_now then = pqi_ctl_now(&e->ctl, now);
    pqi_ep_effects(e, &then, ce.what, ev);
    if (st != PQI_OK) {
        pqi_ep_drop(ev, drop_of(st));
        if ((ce.what & ALARMS) != 0) {
            ev->kind = PQI_EV_CONTROL; /* not taken, and somebody should hear of it */
        }
        return;
    }
    if ((ce.what & NEWS) != 0) {
        ev->kind = (ce.what & PQI_CTL_NEW_REVOCATIONS) != 0 ? PQI_EV_REVOKED : PQI_EV_CONTROL;
        ev->seq = kind == PQI_OBJ_REVOCATIONS ? e->ctl.rev.seq : 0;
    }
}

void pqi_ep_own_path(pqi_endpoint *e, const pqi_now *now, pqi_cspan path, pqi_event *ev)
{
    if (pqi_ctl_peek(&e->ctl, now, PQI_OBJ_PATH, path) == PQI_OK) {
        on_object(e, now, PQI_OBJ_PATH, path, ev);
    }
}

void pqi_ep_on_control(
    pqi_endpoint *e, const pqi_now *now, const pqi_inbound *in, pqi_object kind, pqi_event *ev)
{
    static const pqi_cspan answer = {PQI_LIT(PQI_TOPIC_ANSWER)};
    pqi_cspan body = in->payload, id = {NULL, 0};
    if (kind == PQI_OBJ_NONE) {
        if (!behind(in->topic, answer, &id) || !same(id, e->cert.device_id)) {
            pqi_ep_drop(ev, PQI_DROP_TOPIC);
            return;
        }
        if (pqi_answer_decode(in->payload, &kind, &body) != PQI_OK) {
            pqi_ep_drop(ev, PQI_DROP_DECODE);
            return;
        }
    }
    on_object(e, now, kind, body, ev);
}
