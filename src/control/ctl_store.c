/* SPDX-License-Identifier: Apache-2.0
 * Records and floors: docs/spec/control.md section 4. A record is written, then its counter moves, then
 * it takes effect: a cut in between starts again with the old state or with the new one. */
#include "control/ctl_int.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "state/journal.h"

#define VERSION 1u
#define ALIGN   8u

static const char *const names[] = {"ctl", "ctl-rev", "ctl-pol", "ctl-root"};

/* Widest record `ctl`: heads, ticks, delegates, rosters, times. */
#define HEAD_LEN   (8u * 4u + 5u * PQI_HASH_LEN)
#define LOCAL_LEN  (2u + PQI_ID_MAX + PQI_PREFIX_MAX + 3u * 4u + PQI_HASH_LEN + 8u)
#define ROSTER_LEN (3u * 4u + 1u + PQI_HASH_LEN)
#define RECORD_MAX                                                                                 \
    (1u + PQI_FLEET_ID_LEN + HEAD_LEN + 4u + PQI_HASH_LEN + 4u + 8u + 1u +                         \
        PQI_DELEGATES_MAX * LOCAL_LEN + 2u * ROSTER_LEN + 3u * 4u + 2u * 8u)
#define DRAFT_LEN ((sizeof(pqi_ctl_state) + ALIGN - 1u) / ALIGN * ALIGN)

/* ---- room -------------------------------------------------------------------------------------------- */

pqi_span pqi_ctl_tmp(const pqi_ctl *c, size_t used)
{
    const size_t at = (used + ALIGN - 1u) / ALIGN * ALIGN;
    const pqi_span t = c->cfg.tmp;
    return at > t.len ? (pqi_span){NULL, 0} : (pqi_span){t.ptr + at, t.len - at};
}

static size_t max(size_t a, size_t b)
{
    return a > b ? a : b;
}

size_t pqi_ctl_tmp_len(
    const pqi_algs *a, uint32_t revoked_max, size_t manifest_len, size_t policy_len)
{
    size_t verify = 0;
    for (size_t i = 0; a != NULL && i < a->n_sigs; i++) {
        verify = max(verify, a->sigs[i]->verify_tmp);
    }
    const size_t policy = sizeof(pqi_policy) + ALIGN;
    const size_t rev = PQI_CTL_REV_HEAD + (size_t)revoked_max * PQI_REVOKED_LEN;
    size_t n = policy + verify;
    n = max(n, DRAFT_LEN + 2u * RECORD_MAX + ALIGN);
    n = max(n, 2u * rev + ALIGN);
    n = max(n, 2u * max(policy_len, PQI_CTL_POLICY_PLAIN) + policy);
    n = max(n, manifest_len);
    return (n + PQI_JOURNAL_OVERHEAD + 2u * ALIGN) / ALIGN * ALIGN;
}

/* ---- floors ------------------------------------------------------------------------------------------ */

static uint32_t root_of(uint64_t mark)
{
    return (uint32_t)(mark >> 32);
}

uint32_t pqi_ctl_floor(const pqi_ctl *c, unsigned floor)
{
    const uint64_t mark = c->floor[floor];
    return root_of(mark) == c->manifest.root_version ? (uint32_t)mark : 0;
}

bool pqi_ctl_behind(const pqi_ctl *c, unsigned floor, uint64_t have)
{
    return have < c->floor[floor];
}

bool pqi_ctl_root_behind(const pqi_ctl *c)
{
    bool behind = false;
    for (unsigned i = 0; i < PQI_CTL_FLOORS; i++) {
        behind = behind || root_of(c->floor[i]) > c->manifest.root_version;
    }
    return behind;
}

pqi_status pqi_ctl_floors_read(pqi_ctl *c)
{
    for (unsigned i = 0; i < PQI_CTL_FLOORS; i++) {
        pqi_status st = pqi_provider_counter_get(c->cfg.provider, PQI_SLOT_HEAD + i, &c->floor[i]);
        if (st != PQI_OK) {
            return st == PQI_AGAIN ? PQI_ERR_PROVIDER : st;
        }
    }
    return PQI_OK;
}

pqi_status pqi_ctl_floor_move(pqi_ctl *c, unsigned floor, uint64_t to)
{
    if (to <= c->floor[floor]) {
        return PQI_OK;
    }
    if (pqi_provider_counter_advance(c->cfg.provider, PQI_SLOT_HEAD + floor, to) != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    c->floor[floor] = to;
    return PQI_OK;
}

/* ---- records ----------------------------------------------------------------------------------------- */

pqi_status pqi_ctl_load(pqi_ctl *c, pqi_ctl_record which, pqi_span plain, pqi_span buf, size_t *len)
{
    pqi_journal j;
    *len = 0;
    pqi_status st =
        pqi_journal_open(&j, c->cfg.provider, c->cfg.nvm, names[which], buf, plain, len);
    if (st == PQI_OK || st == PQI_ERR_MISSING || st == PQI_ERR_STORAGE) {
        c->gen[which] = j.generation;
    }
    return st == PQI_ERR_STORAGE ? PQI_ERR_MISSING
                                 : st; /* bytes that are no record: the floors tell */
}

/* After a failure the medium may hold the new record under its generation all the same. The next one gets a
 * higher number and goes into the same slot, so the last good record is not written over. */
pqi_status pqi_ctl_save(pqi_ctl *c, pqi_ctl_record which, pqi_cspan plain, pqi_span buf)
{
    pqi_journal j = {
        .provider = c->cfg.provider, .nvm = c->cfg.nvm, .generation = c->gen[which], .open = true};
    for (size_t i = 0; names[which][i] != 0; i++) {
        j.name[i] = names[which][i];
    }
    pqi_status st = pqi_journal_save(&j, plain, buf);
    c->gen[which] = st == PQI_OK ? j.generation : c->gen[which] + 2u;
    return st == PQI_OK ? PQI_OK : PQI_ERR_STORAGE;
}

/* ---- record `ctl` ------------------------------------------------------------------------------------- */

static void put_head(wr *w, const pqi_ctl_head *h)
{
    wr_u32(w, h->root_version);
    wr_u32(w, h->head_epoch);
    wr_u32(w, h->policy_seq);
    wr_u32(w, h->rev_seq);
    wr_u32(w, h->roster_seq);
    wr_u32(w, h->roster_size);
    wr_u32(w, h->tick_count);
    wr_u32(w, h->tick_base);
    wr_bytes(w, (pqi_cspan){h->policy_hash, PQI_HASH_LEN});
    wr_bytes(w, (pqi_cspan){h->rev_hash, PQI_HASH_LEN});
    wr_bytes(w, (pqi_cspan){h->roster_root, PQI_HASH_LEN});
    wr_bytes(w, (pqi_cspan){h->token, PQI_HASH_LEN});
    wr_bytes(w, (pqi_cspan){h->hash, PQI_HASH_LEN});
}

static void put_roster(wr *w, const pqi_ctl_roster *r)
{
    wr_u32(w, r->root_version);
    wr_u32(w, r->seq);
    wr_u32(w, r->size);
    wr_u8(w, (uint8_t)r->counts);
    wr_bytes(w, (pqi_cspan){r->root, PQI_HASH_LEN});
}

static void put_state(wr *w, const pqi_ctl *c, const pqi_ctl_state *s)
{
    wr_u8(w, VERSION);
    wr_bytes(w, (pqi_cspan){c->manifest.fleet_id, PQI_FLEET_ID_LEN});
    put_head(w, &s->head);
    wr_u32(w, s->tick);
    wr_bytes(w, (pqi_cspan){s->tick_h, PQI_HASH_LEN});
    wr_u32(w, s->newest);
    wr_u64(w, pqi_ctl_clock_age(&s->clock, c->seen_ms));
    wr_u8(w, (uint8_t)s->n_local);
    for (uint32_t i = 0; i < s->n_local; i++) {
        const pqi_ctl_local *l = &s->local[i];
        wr_u8(w, l->id_len);
        wr_bytes(w, (pqi_cspan){(const uint8_t *)l->id, l->id_len});
        wr_u8(w, l->prefix_len);
        wr_bytes(w, (pqi_cspan){(const uint8_t *)l->prefix, l->prefix_len});
        wr_u32(w, l->count);
        wr_u32(w, l->i);
        wr_u32(w, l->fleet_i);
        wr_bytes(w, (pqi_cspan){l->h, PQI_HASH_LEN});
        wr_u64(w, pqi_ctl_clock_age(&l->clock, c->seen_ms));
    }
    put_roster(w, &s->roster);
    put_roster(w, &s->before);
    wr_u32(w, s->equivocation);
    wr_u32(w, s->equivocation_root);
    wr_u32(w, s->time_root);
    wr_u64(w, s->time_s);
    wr_u64(w, s->time_s != 0 ? pqi_ctl_estimate(s, c->seen_ms) : 0);
}

static void get(rd *r, void *out, size_t n)
{
    const pqi_cspan b = rd_bytes(r, n);
    if (b.len != 0) {
        memcpy(out, b.ptr, b.len);
    }
}

static void get_head(rd *r, pqi_ctl_head *h)
{
    h->root_version = rd_u32(r);
    h->head_epoch = rd_u32(r);
    h->policy_seq = rd_u32(r);
    h->rev_seq = rd_u32(r);
    h->roster_seq = rd_u32(r);
    h->roster_size = rd_u32(r);
    h->tick_count = rd_u32(r);
    h->tick_base = rd_u32(r);
    get(r, h->policy_hash, PQI_HASH_LEN);
    get(r, h->rev_hash, PQI_HASH_LEN);
    get(r, h->roster_root, PQI_HASH_LEN);
    get(r, h->token, PQI_HASH_LEN);
    get(r, h->hash, PQI_HASH_LEN);
}

static void get_roster(rd *r, pqi_ctl_roster *o)
{
    o->root_version = rd_u32(r);
    o->seq = rd_u32(r);
    o->size = rd_u32(r);
    o->counts = (pqi_ctl_counts)rd_u8(r);
    get(r, o->root, PQI_HASH_LEN);
    if (o->counts > PQI_CTL_LAST) {
        rd_fail(r);
    }
}

static uint8_t get_len(rd *r, size_t cap)
{
    const uint8_t n = rd_u8(r);
    if (n > cap) {
        rd_fail(r);
        return 0;
    }
    return n;
}

static void get_local(rd *r, pqi_ctl_local *l)
{
    l->id_len = get_len(r, sizeof l->id);
    get(r, l->id, l->id_len);
    l->prefix_len = get_len(r, sizeof l->prefix);
    get(r, l->prefix, l->prefix_len);
    l->count = rd_u32(r);
    l->i = rd_u32(r);
    l->fleet_i = rd_u32(r);
    get(r, l->h, PQI_HASH_LEN);
    l->clock.ms = rd_u64(r);
}

static pqi_status get_state(const pqi_ctl *c, pqi_cspan in, pqi_ctl_state *s)
{
    uint8_t fleet[PQI_FLEET_ID_LEN] = {0};
    rd r = rd_of(in);
    memset(s, 0, sizeof *s);
    rd_expect(&r, 1, VERSION);
    get(&r, fleet, sizeof fleet);
    get_head(&r, &s->head);
    s->tick = rd_u32(&r);
    get(&r, s->tick_h, PQI_HASH_LEN);
    s->newest = rd_u32(&r);
    s->clock.ms = rd_u64(&r);
    s->n_local = get_len(&r, PQI_DELEGATES_MAX);
    for (uint32_t i = 0; i < s->n_local; i++) {
        get_local(&r, &s->local[i]);
    }
    get_roster(&r, &s->roster);
    get_roster(&r, &s->before);
    s->equivocation = rd_u32(&r);
    s->equivocation_root = rd_u32(&r);
    s->time_root = rd_u32(&r);
    s->time_s = rd_u64(&r);
    s->est_s = rd_u64(&r);
    const bool ours = pqi_ct_eq(fleet, c->manifest.fleet_id, PQI_FLEET_ID_LEN) != 0;
    return ours ? rd_done(&r) : PQI_ERR_DECODE;
}

/* ---- changing the state -------------------------------------------------------------------------------- */

pqi_ctl_state *pqi_ctl_draft(pqi_ctl *c)
{
    pqi_ctl_state *d = (void *)c->cfg.tmp.ptr;
    *d = c->s;
    return d;
}

/* Signed time moves its counter once an hour of that time: some count in a memory that wears out. */
static uint64_t time_mark(const pqi_ctl *c, const pqi_ctl_state *s)
{
    const uint64_t mark = pqi_ctl_mark(s->time_root, (uint32_t)s->time_s);
    const uint64_t floor = c->floor[FLOOR_TIME];
    return mark - floor >= HOUR_MS / 1000u && mark > floor ? mark : floor;
}

/* Counters that a record of this state calls for. */
static pqi_status move_floors(pqi_ctl *c, const pqi_ctl_state *s)
{
    pqi_status st =
        pqi_ctl_floor_move(c, FLOOR_HEAD, pqi_ctl_mark(s->head.root_version, s->head.head_epoch));
    if (st == PQI_OK) {
        st = pqi_ctl_floor_move(
            c, FLOOR_ROSTER, pqi_ctl_mark(s->roster.root_version, s->roster.seq));
    }
    if (st == PQI_OK) {
        st = pqi_ctl_floor_move(c, FLOOR_TIME, time_mark(c, s));
    }
    return st;
}

pqi_status pqi_ctl_commit(pqi_ctl *c, const pqi_ctl_state *draft)
{
    size_t len = 0;
    const pqi_span plain = {pqi_ctl_tmp(c, DRAFT_LEN).ptr, RECORD_MAX};
    wr w = wr_of(plain);
    put_state(&w, c, draft);
    pqi_status st = wr_done(&w, &len);
    if (st == PQI_OK) {
        st = pqi_ctl_save(
            c, PQI_CTL_REC, (pqi_cspan){plain.ptr, len}, pqi_ctl_tmp(c, DRAFT_LEN + RECORD_MAX));
    }
    if (st == PQI_OK) {
        st = move_floors(c, draft);
    }
    if (st != PQI_OK) {
        return PQI_ERR_STORAGE;
    }
    c->s = *draft;
    c->stored_ms = c->seen_ms;
    return PQI_OK;
}

/* Where the counter did not move before a cut, it does now. */
pqi_status pqi_ctl_state_load(pqi_ctl *c)
{
    size_t len = 0;
    pqi_ctl_state *d = (void *)c->cfg.tmp.ptr;
    const pqi_span plain = {pqi_ctl_tmp(c, DRAFT_LEN).ptr, RECORD_MAX};
    pqi_status st =
        pqi_ctl_load(c, PQI_CTL_REC, plain, pqi_ctl_tmp(c, DRAFT_LEN + RECORD_MAX), &len);
    if (st == PQI_OK && get_state(c, (pqi_cspan){plain.ptr, len}, d) == PQI_OK) {
        c->s = *d;
        st = move_floors(c, d);
    }
    if (st != PQI_OK && st != PQI_ERR_MISSING && st != PQI_ERR_SPACE) {
        return st; /* a longer record is none of ours */
    }
    if (pqi_ctl_behind(c, FLOOR_HEAD, pqi_ctl_mark(c->s.head.root_version, c->s.head.head_epoch))) {
        pqi_ctl_clock_lose(&c->s);
    }
    const uint64_t floor = c->floor[FLOOR_TIME];
    if ((uint32_t)floor != 0 && floor > pqi_ctl_mark(c->s.time_root, (uint32_t)c->s.time_s)) {
        const bool same = c->s.time_root == root_of(floor); /* else it says nothing any more */
        c->s.time_root = root_of(floor);
        c->s.time_s = (uint32_t)floor;
        c->s.est_s = same && c->s.est_s > c->s.time_s ? c->s.est_s : c->s.time_s;
    }
    c->s.clock.at_ms = c->boot_ms;
    c->s.est_ms = c->boot_ms;
    for (uint32_t i = 0; i < c->s.n_local; i++) {
        c->s.local[i].clock.at_ms = c->boot_ms;
    }
    return PQI_OK;
}
