/* SPDX-License-Identifier: Apache-2.0
 * Taking root, head and tick: docs/spec/control.md section 5. All checks that cost no public key come
 * first, in one function for each kind, which pqi_ctl_peek() is as well. */
#include "control/ctl_int.h"

#include "base/mem.h"
#include "ct/ct.h"
#include "ident/ident.h"

#define EVIDENCE_MS   60000u  /* between two heads of our epoch that were no evidence */
#define STEPS_MS      10000u  /* between two long chains that led nowhere */
#define TICK_STORE_MS 600000u /* of uptime between two ticks that are stored at once */

/* ---- both doors ---------------------------------------------------------------------------------------- */

static const pqi_ctl_kind *const kinds[PQI_OBJ_COUNT_] = {
    [PQI_OBJ_ROOT] = &pqi_ctl_kind_root,
    [PQI_OBJ_HEAD] = &pqi_ctl_kind_head,
    [PQI_OBJ_TICK] = &pqi_ctl_kind_tick,
    [PQI_OBJ_ROSTER] = &pqi_ctl_kind_roster,
    [PQI_OBJ_POLICY] = &pqi_ctl_kind_policy,
    [PQI_OBJ_REVOCATIONS] = &pqi_ctl_kind_revocations,
    [PQI_OBJ_STATEMENT] = &pqi_ctl_kind_statement,
    [PQI_OBJ_PATH] = &pqi_ctl_kind_path,
};

static const pqi_ctl_kind *kind_of(pqi_object kind)
{
    return (unsigned)kind < PQI_OBJ_COUNT_ ? kinds[kind] : NULL;
}

/* While our root is an old one its keys may be the very ones that were replaced. */
static pqi_status cheap(const pqi_ctl *c, const pqi_ctl_kind *kind, const pqi_ctl_call *k)
{
    if (kind != &pqi_ctl_kind_root && pqi_ctl_root_behind(c)) {
        return PQI_ERR_ROLLBACK;
    }
    return kind->peek(c, k);
}

pqi_status pqi_ctl_peek(const pqi_ctl *c, const pqi_now *now, pqi_object kind, pqi_cspan in)
{
    const pqi_ctl_kind *of = kind_of(kind);
    if (c == NULL || now == NULL || !c->open || of == NULL || in.ptr == NULL) {
        return PQI_ERR_DECODE;
    }
    const pqi_ctl_call k = {pqi_ctl_up(c, now), in, 0};
    return cheap(c, of, &k);
}

pqi_status pqi_ctl_receive(
    pqi_ctl *c, const pqi_now *now, pqi_object kind, pqi_cspan in, pqi_ctl_event *ev)
{
    const pqi_ctl_kind *of = kind_of(kind);
    if (c == NULL || now == NULL || ev == NULL || of == NULL || (in.ptr == NULL && in.len != 0)) {
        return PQI_ERR_ARG;
    }
    *ev = (pqi_ctl_event){PQI_ERR_STATE, 0};
    if (!c->open) {
        return PQI_ERR_STATE;
    }
    pqi_ctl_see(c, now);
    pqi_ctl_call k = {c->seen_ms, in, 0};
    pqi_status st = in.ptr != NULL ? cheap(c, of, &k) : PQI_ERR_DECODE;
    if (st == PQI_OK) {
        st = of->take(c, &k);
    }
    if (st == PQI_OK) {
        c->taken[kind]++;
        if (kind != PQI_OBJ_TICK) {
            pqi_ctl_ask_soon(c);
        }
    } else {
        c->refused[kind]++;
    }
    if (st == PQI_ERR_MISSING) {
        pqi_ctl_want(c, now, PQI_ASK_NEWEST);
    }
    k.what |= pqi_ctl_rev_gap(c) ? PQI_CTL_REV_GAP : 0;
    k.what |= pqi_ctl_due(c, c->seen_ms) != 0 ? PQI_CTL_WANT : 0;
    *ev = (pqi_ctl_event){st, k.what};
    return PQI_OK;
}

/* ---- root ------------------------------------------------------------------------------------------------ */

static pqi_status look_at_root(const pqi_ctl *c, const pqi_ctl_call *k, pqi_manifest *m)
{
    const uint32_t ours = c->manifest.root_version;
    pqi_status st = pqi_manifest_decode(c->cfg.algs, k->in, m);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ct_eq(m->fleet_id, c->manifest.fleet_id, PQI_FLEET_ID_LEN)) {
        return PQI_ERR_AUTH;
    }
    if (m->root_version <= ours) {
        return PQI_ERR_REPLAY;
    }
    if (m->root_version - ours != 1) {
        return PQI_ERR_MISSING;
    }
    return k->in.len <= c->cfg.manifest_mem.len ? PQI_OK : PQI_ERR_SPACE;
}

static pqi_status peek_root(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_manifest m;
    return look_at_root(c, k, &m);
}

/* The old one may lie where the new one will: it is not needed any more by then. */
static pqi_status install_root(pqi_ctl *c, pqi_cspan in)
{
    memmove(c->cfg.manifest_mem.ptr, in.ptr, in.len);
    const pqi_cspan at = {c->cfg.manifest_mem.ptr, in.len};
    pqi_status st = pqi_manifest_decode(c->cfg.algs, at, &c->manifest);
    if (st != PQI_OK) {
        c->open = 0; /* it was decoded before: the platform fails. A restart finds it stored. */
    }
    return st;
}

/* A policy does not judge a root: that is above it, and has to be able to heal it. */
static pqi_status verify_root(pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_manifest m;
    const pqi_algs *a = c->cfg.algs;
    pqi_status st = look_at_root(c, k, &m);
    if (st == PQI_OK) {
        st = pqi_manifest_verify(a, &m, &c->manifest, c->cfg.tmp);
    }
    if (st == PQI_OK) {
        st = pqi_manifest_verify(a, &m, &m, c->cfg.tmp);
    }
    return st;
}

/* What counts under the old version goes on until the first of its kind under the new one comes. */
static pqi_status take_root(pqi_ctl *c, pqi_ctl_call *k)
{
    const uint32_t version = c->manifest.root_version + 1u;
    pqi_status st = verify_root(c, k);
    if (st == PQI_OK) {
        st = pqi_ctl_save(c, PQI_CTL_REC_ROOT, k->in, c->cfg.tmp);
    }
    if (st == PQI_OK) {
        st = pqi_ctl_floor_move(c, FLOOR_ROOT, pqi_ctl_mark(version, 0));
    }
    if (st == PQI_OK) {
        st = install_root(c, k->in);
    }
    if (st == PQI_OK) {
        k->what |= PQI_CTL_NEW_ROOT;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_root = {peek_root, take_root};

/* A record that does not fit us counts as none. The one that was given at the start may be newer. */
pqi_status pqi_ctl_root_load(pqi_ctl *c)
{
    size_t len = 0;
    const pqi_span room = c->cfg.manifest_mem;
    if (room.len == 0) {
        return PQI_OK;
    }
    pqi_manifest m;
    pqi_status st = pqi_ctl_load(c, PQI_CTL_REC_ROOT, room, c->cfg.tmp, &len);
    if (st != PQI_OK) {
        return st == PQI_ERR_MISSING ? PQI_OK : st;
    }
    if (pqi_manifest_decode(c->cfg.algs, (pqi_cspan){room.ptr, len}, &m) == PQI_OK &&
        pqi_ct_eq(m.fleet_id, c->manifest.fleet_id, PQI_FLEET_ID_LEN) &&
        m.root_version > c->manifest.root_version) {
        c->manifest = m;
        st = pqi_ctl_floor_move(c, FLOOR_ROOT, pqi_ctl_mark(m.root_version, 0));
    }
    return st;
}

/* ---- head ------------------------------------------------------------------------------------------------- */

/* Of the object with its signature: who sends another head with a false one must not keep the true one out. */
static pqi_status object_hash(const pqi_ctl *c, pqi_cspan in, uint8_t out[PQI_HASH_LEN])
{
    return c->cfg.algs->classic->hash(PQI_HASH_SHA256, &in, 1, out);
}

/* A head of our epoch is not ours: that is either nothing or the proof that two were signed. */
static pqi_status look_at_evidence(const pqi_ctl *c, const pqi_ctl_call *k, const pqi_head *h)
{
    uint8_t hash[PQI_HASH_LEN];
    const bool known = c->s.equivocation != 0 && c->s.equivocation_root == c->manifest.root_version;
    if (known) {
        return PQI_ERR_REPLAY;
    }
    if (!pqi_ct_eq(h->token, c->s.head.token, PQI_HASH_LEN)) {
        return PQI_ERR_AUTH;
    }
    pqi_status st = object_hash(c, k->in, hash);
    if (st != PQI_OK || pqi_ct_eq(hash, c->refused_hash, PQI_HASH_LEN)) {
        return st != PQI_OK ? st : PQI_ERR_REPLAY;
    }
    return k->up < c->evidence_ms ? PQI_ERR_LIMIT : PQI_OK;
}

static pqi_status look_at_head(const pqi_ctl *c, const pqi_ctl_call *k, pqi_head *h)
{
    const pqi_ctl_head *own = &c->s.head;
    pqi_status st = pqi_head_decode(c->cfg.algs, k->in, h);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ctl_has_plane(c) ||
        !pqi_ident_same_fleet(&c->manifest, h->fleet_id, h->root_version)) {
        return PQI_ERR_AUTH;
    }
    const uint32_t ours = pqi_ctl_has_head(c) ? own->head_epoch : 0;
    if (h->head_epoch < ours || h->head_epoch < pqi_ctl_floor(c, FLOOR_HEAD)) {
        return PQI_ERR_REPLAY;
    }
    if (ours == 0) {
        return PQI_OK; /* the first one of its root version: there is no token to compare */
    }
    const uint32_t n = h->head_epoch - ours;
    if (n == 0) {
        return pqi_ct_eq(h->hash, own->hash, PQI_HASH_LEN) ? PQI_ERR_REPLAY
                                                           : look_at_evidence(c, k, h);
    }
    if (n > PQI_TOKEN_STEPS) {
        return PQI_ERR_AUTH;
    }
    if (n > STEPS_CHEAP) { /* costs as much as a signature: looked at when a budget was charged */
        return k->up < c->steps_ms ? PQI_ERR_LIMIT : PQI_OK;
    }
    return pqi_token_check(c->cfg.algs, own->token, h->token, n);
}

static pqi_status peek_head(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_head h;
    return look_at_head(c, k, &h);
}

static pqi_status verify_head(pqi_ctl *c, const pqi_ctl_call *k, const pqi_head *h)
{
    const pqi_ctl_head *own = &c->s.head;
    const bool has = pqi_ctl_has_head(c);
    const uint32_t n = has ? h->head_epoch - own->head_epoch : 0;
    if (n > STEPS_CHEAP) {
        pqi_status st = pqi_token_check(c->cfg.algs, own->token, h->token, n);
        if (st != PQI_OK) {
            c->steps_ms = k->up + STEPS_MS;
            return st;
        }
    }
    pqi_status st = pqi_head_verify(c->cfg.algs, h, &c->manifest, c->cfg.tmp);
    if (st != PQI_OK && has && n == 0) {
        pqi_status hashed = object_hash(c, k->in, c->refused_hash);
        (void)hashed; /* else it is looked at again, after a while */
        c->evidence_ms = k->up + EVIDENCE_MS;
    }
    return st;
}

static void put_delegates(pqi_ctl_state *s, const pqi_head *h, uint64_t up)
{
    memset(s->local, 0, sizeof s->local);
    s->n_local = h->n_delegates;
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        pqi_ctl_local *l = &s->local[i];
        l->id_len = (uint8_t)d->device_id.len;
        memcpy(l->id, d->device_id.ptr, d->device_id.len);
        l->prefix_len = (uint8_t)d->prefix.len;
        memcpy(l->prefix, d->prefix.ptr, d->prefix.len);
        l->count = d->count;
        memcpy(l->h, d->anchor, PQI_HASH_LEN);
        l->clock = (pqi_ctl_clock){0, AGE_LOST, up};
    }
}

/* The roster that the head before named counts until the next head after this one. */
static void judge_rosters(pqi_ctl_state *s)
{
    const pqi_ctl_head *h = &s->head;
    pqi_ctl_roster *r = &s->roster;
    const bool named = r->seq != 0 && r->root_version == h->root_version &&
                       r->seq == h->roster_seq && r->size == h->roster_size &&
                       pqi_ct_eq(r->root, h->roster_root, PQI_HASH_LEN);
    if (named) {
        r->counts = PQI_CTL_NAMED;
    } else {
        r->counts = r->counts == PQI_CTL_NAMED ? PQI_CTL_LAST : PQI_CTL_GONE;
    }
    s->before.counts = PQI_CTL_GONE;
}

static void put_head(pqi_ctl_state *s, const pqi_head *h, uint64_t up)
{
    pqi_ctl_head *o = &s->head;
    o->root_version = h->root_version;
    o->head_epoch = h->head_epoch;
    o->policy_seq = h->policy_seq;
    o->rev_seq = h->rev_seq;
    o->roster_seq = h->roster_seq;
    o->roster_size = h->roster_size;
    o->tick_count = h->tick_count;
    o->tick_base = h->tick_base;
    memcpy(o->policy_hash, h->policy_hash, PQI_HASH_LEN);
    memcpy(o->rev_hash, h->rev_hash, PQI_HASH_LEN);
    memcpy(o->roster_root, h->roster_root, PQI_HASH_LEN);
    memcpy(o->token, h->token, PQI_HASH_LEN);
    memcpy(o->hash, h->hash, PQI_HASH_LEN);
    s->tick = 0;
    memcpy(s->tick_h, h->tick_anchor, PQI_HASH_LEN);
    put_delegates(s, h, up);
    judge_rosters(s);
}

static pqi_status take_head(pqi_ctl *c, pqi_ctl_call *k)
{
    pqi_head h;
    const pqi_ctl_head *own = &c->s.head;
    pqi_status st = look_at_head(c, k, &h);
    if (st == PQI_OK) {
        st = verify_head(c, k, &h);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_ctl_state *d = pqi_ctl_draft(c);
    const bool has = pqi_ctl_has_head(c), same = has && h.head_epoch == own->head_epoch;
    const bool other =
        has && h.head_epoch - own->head_epoch == 1 && !pqi_ct_eq(h.prev, own->hash, PQI_HASH_LEN);
    unsigned what = 0;
    if (same || other) {
        d->equivocation = own->head_epoch;
        d->equivocation_root = own->root_version;
        what |= PQI_CTL_EQUIVOCATION;
    }
    if (!same) {
        put_head(d, &h, k->up);
        if (!has && d->newest > h.tick_base) {
            d->newest = h.tick_base; /* ticks of an older root version may be a thief's */
        }
        if (d->clock.ms == AGE_LOST && h.head_epoch > pqi_ctl_floor(c, FLOOR_HEAD)) {
            d->clock = (pqi_ctl_clock){0, 0, k->up}; /* newer than all that was lost */
        }
        pqi_ctl_heard(c, d, k->up, h.tick_base);
        pqi_ctl_local_ages(c, d, k->up);
        what |= PQI_CTL_NEW_HEAD | pqi_ctl_time_head(c, d, k->up, h.time);
    }
    const bool gap = pqi_ctl_policy_gap(c);
    st = pqi_ctl_commit(c, d);
    if (st == PQI_OK) {
        c->counted = gap ? 1 : c->counted;
        k->what |= what;
        pqi_ctl_rev_covered(c);
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_head = {peek_head, take_head};

/* ---- tick ------------------------------------------------------------------------------------------------- */

/* Of which chain it is: the newest one heard, and how many there are. */
typedef struct chain {
    uint32_t at, count;
    const uint8_t *h;
} chain;

static bool chain_of(const pqi_ctl_state *s, const pqi_tick *t, chain *o)
{
    if (!t->local) {
        *o = (chain){s->tick, s->head.tick_count, s->tick_h};
        return true;
    }
    if (t->index >= s->n_local) {
        return false;
    }
    const pqi_ctl_local *l = &s->local[t->index];
    *o = (chain){l->i, l->count, l->h};
    return true;
}

/* Its hashes are no public key, but there may be many: they wait until it is taken. */
static pqi_status look_at_tick(const pqi_ctl *c, const pqi_ctl_call *k, pqi_tick *t, chain *o)
{
    pqi_status st = pqi_tick_decode(k->in, t);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ctl_has_plane(c)) {
        return PQI_ERR_AUTH;
    }
    if (!pqi_ctl_has_head(c) || t->epoch > c->s.head.head_epoch) {
        return PQI_ERR_MISSING;
    }
    if (t->epoch < c->s.head.head_epoch) {
        return PQI_ERR_REPLAY;
    }
    if (!chain_of(&c->s, t, o) || t->i > o->count) {
        return PQI_ERR_AUTH;
    }
    if (t->i <= o->at) {
        return PQI_ERR_REPLAY;
    }
    return t->i - o->at > STEPS_CHEAP && k->up < c->steps_ms ? PQI_ERR_LIMIT : PQI_OK;
}

static pqi_status peek_tick(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_tick t;
    chain o;
    return look_at_tick(c, k, &t, &o);
}

static void put_tick(const pqi_ctl *c, pqi_ctl_state *s, uint64_t up, const pqi_tick *t)
{
    if (!t->local) {
        s->tick = t->i;
        memcpy(s->tick_h, t->h, PQI_HASH_LEN);
        pqi_ctl_heard(c, s, up, s->head.tick_base + t->i);
        return;
    }
    pqi_ctl_local *l = &s->local[t->index];
    pqi_ctl_clock_hear(&l->clock, up, t->i - l->i, pqi_ctl_tick_ms(c));
    if (s->clock.known != 0) { /* one that was not listened to has not begun just now */
        const uint64_t since = pqi_ctl_clock_age(&s->clock, up) / pqi_ctl_tick_ms(c) + 1u;
        const uint32_t then = t->i > since ? t->i - (uint32_t)since : 0;
        l->fleet_i = then > l->fleet_i ? then : l->fleet_i;
    }
    l->i = t->i;
    memcpy(l->h, t->h, PQI_HASH_LEN);
}

/* The first one since the start is stored at once, or every start could be told the same one; a later one
 * that comes soon after a record is stored with the next. */
static bool store_tick(const pqi_ctl *c, uint64_t up, const pqi_tick *t)
{
    const pqi_ctl_clock *clock = t->local ? &c->s.local[t->index].clock : &c->s.clock;
    return clock->known == 0 || up - c->stored_ms >= TICK_STORE_MS;
}

static pqi_status take_tick(pqi_ctl *c, pqi_ctl_call *k)
{
    pqi_tick t;
    chain o;
    pqi_status st = look_at_tick(c, k, &t, &o);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_tick_check(c->cfg.algs, &t, o.at, o.h, o.count);
    if (st != PQI_OK) {
        c->steps_ms = t.i - o.at > STEPS_CHEAP ? k->up + STEPS_MS : c->steps_ms;
        return st;
    }
    if (store_tick(c, k->up, &t)) {
        pqi_ctl_state *d = pqi_ctl_draft(c);
        put_tick(c, d, k->up, &t);
        st = pqi_ctl_commit(c, d);
    } else {
        put_tick(c, &c->s, k->up, &t);
    }
    if (st == PQI_OK) {
        c->counted = pqi_ctl_policy_gap(c) ? 1 : c->counted;
        k->what |= PQI_CTL_NEW_TICK;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_tick = {peek_tick, take_tick};
