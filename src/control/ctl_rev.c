/* SPDX-License-Identifier: Apache-2.0
 * The log of revocations as a device holds it: docs/spec/control.md section 5. Entries are only ever added;
 * those of an earlier root version go when the log of the new one, as a head names it, is here in whole. */
#include "control/ctl_int.h"

#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ident/ident.h"

#define VERSION 1u

/* ---- the table ---------------------------------------------------------------------------------------- */

/* First place whose index is not below. */
static uint32_t place_of(const pqi_revoked *t, uint32_t n, uint32_t roster_index)
{
    uint32_t low = 0, high = n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2u;
        if (t[mid].roster_index < roster_index) {
            low = mid + 1u;
        } else {
            high = mid;
        }
    }
    return low;
}

int pqi_ctl_is_revoked(const pqi_ctl *c, uint32_t roster_index, uint32_t key_epoch)
{
    if (c == NULL || !c->open) {
        return 1;
    }
    const uint32_t at = place_of(c->cfg.revoked, c->rev.n, roster_index);
    if (at >= c->rev.n || c->cfg.revoked[at].roster_index != roster_index) {
        return 0;
    }
    const uint32_t least = c->cfg.revoked[at].min_key_epoch;
    return key_epoch < least || least == UINT32_MAX;
}

/* ---- what the log says ----------------------------------------------------------------------------------- */

static bool ours(const pqi_ctl *c)
{
    return c->rev.root_version == c->manifest.root_version;
}

/* Entries of the log of our root version that we have. */
static uint32_t have(const pqi_ctl *c)
{
    return ours(c) ? c->rev.seq : 0;
}

/* INV-65: the policy asks for more than we have, under its root version or a later one. */
static bool below_policy(const pqi_ctl *c)
{
    const pqi_policy *p = &c->policy;
    return p->seq != 0 && p->rules.min_rev_seq != 0 &&
           pqi_ctl_mark(c->rev.root_version, c->rev.seq) <
               pqi_ctl_mark(p->root_version, p->rules.min_rev_seq);
}

/* Is what the head names here? Its number alone does not tell: of entries ahead of the head before it may be
 * others (nothing is nothing). */
static bool is_here(const pqi_ctl *c)
{
    const pqi_ctl_head *h = &c->s.head;
    const bool same = h->root_version == c->rev.root_version;
    if (h->rev_seq == 0 || (!pqi_ctl_has_head(c) && !same)) {
        return true;
    }
    const uint32_t seq =
        same ? c->rev.seq : 0; /* before the first head of a new root, both are of the old one */
    if (h->rev_seq == seq) {
        return pqi_ct_eq(h->rev_hash, c->rev.hash, PQI_HASH_LEN) != 0;
    }
    return h->rev_seq < seq && h->rev_seq <= c->rev.named;
}

/* What the record says to its counter. */
static uint64_t mark_of(const pqi_ctl *c)
{
    const uint32_t least = c->rev.seq > c->rev.void_floor ? c->rev.seq : c->rev.void_floor;
    return pqi_ctl_mark(c->rev.root_version, least);
}

bool pqi_ctl_rev_gap(const pqi_ctl *c)
{
    return pqi_ctl_behind(c, FLOOR_REV, mark_of(c)) || below_policy(c) || !is_here(c);
}

void pqi_ctl_rev_covered(pqi_ctl *c)
{
    const uint32_t named = pqi_ctl_has_head(c) ? c->s.head.rev_seq : 0;
    if (!ours(c) || !is_here(c)) {
        return;
    }
    const uint32_t ahead = c->rev.seq - named;
    c->rev.named = c->rev.named > named ? c->rev.named : named;
    c->rev.alone = c->rev.alone < ahead ? c->rev.alone : ahead;
}

/* Where a missing part is to begin: not behind entries that no head named, they may be another log's. */
uint32_t pqi_ctl_rev_known(const pqi_ctl *c)
{
    return pqi_ctl_rev_gap(c) && have(c) > c->rev.named ? 0 : have(c);
}

/* What counted under an older root version is missing. Entries of our root's log that no head names do not make up
 * for it, and must not look as if they did: the log as a head names it does. */
static bool old_is_lost(const pqi_ctl *c)
{
    return pqi_ctl_has_plane(c) && !ours(c) &&
           c->floor[FLOOR_REV] < pqi_ctl_mark(c->manifest.root_version, 0) &&
           (pqi_ctl_behind(c, FLOOR_REV, mark_of(c)) || (!pqi_ctl_has_head(c) && !is_here(c)));
}

/* ---- a segment against it -------------------------------------------------------------------------------- */

typedef struct plan {
    pqi_revocations r;
    uint32_t to;        /* the log ends here afterwards */
    uint32_t alone;     /* as in pqi_ctl_rev */
    uint32_t n;         /* entries of the table */
    bool links, covers; /* goes on from what we have; holds what the head names */
    bool rate;          /* alarm */
} plan;

/* The table has, or had, what an earlier root's log said. */
static bool carries(const pqi_ctl *c)
{
    return ours(c) ? c->rev.carried != 0 : c->rev.n != 0 || pqi_ctl_rev_gap(c);
}

/* The whole log then, as the head names it or longer, is all there is. Without heads the revoker's word is
 * enough, but for an empty log: there is one at the beginning of each root version, and whoever keeps it would
 * take everything back. */
static bool replaces(const pqi_ctl *c, const plan *p)
{
    const bool word = p->r.count != 0 && !pqi_ctl_has_plane(c);
    return carries(c) && p->r.from == 0 && (p->covers || word);
}

/* The whole log as the head names it, and ours is another one, or so long that this one cannot tell: entries that
 * were taken ahead of the head and never covered. */
static bool repairs(const pqi_ctl *c, const plan *p)
{
    return p->r.from == 0 && p->covers && !p->links && !is_here(c);
}

/* It adds nothing, but shows that what the head names is the front of ours. */
static bool confirms(const pqi_ctl *c, const plan *p)
{
    return p->covers && p->links && !is_here(c);
}

/* By numbers alone. */
static pqi_status look_at_rev(const pqi_ctl *c, const pqi_ctl_call *k, pqi_revocations *r)
{
    pqi_status st = pqi_revocations_decode(c->cfg.algs, k->in, r);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ident_same_fleet(&c->manifest, r->fleet_id, r->root_version)) {
        return PQI_ERR_AUTH;
    }
    const uint32_t end = r->from + r->count;
    const uint32_t named = pqi_ctl_has_head(c) ? c->s.head.rev_seq : 0;
    if (r->from > have(c)) {
        return PQI_ERR_MISSING;
    }
    if (r->from != 0 && r->from == have(c) && !pqi_ct_eq(r->prev, c->rev.hash, PQI_HASH_LEN)) {
        return PQI_ERR_ROLLBACK; /* the link alone tells */
    }
    if (end > have(c)) {
        return PQI_OK;
    }
    const bool whole = r->from == 0 && end >= named && (end != 0 || pqi_ctl_has_plane(c));
    return whole && (carries(c) || pqi_ctl_rev_gap(c)) ? PQI_OK : PQI_ERR_REPLAY;
}

static pqi_status peek_rev(const pqi_ctl *c, const pqi_ctl_call *k)
{
    pqi_revocations r;
    return look_at_rev(c, k, &r);
}

/* The log's hash at entry `at` by this segment equals `want`? Outside of it: no. */
static pqi_status is_at(const pqi_ctl *c, const pqi_revocations *r, uint32_t at,
    const uint8_t want[PQI_HASH_LEN], bool *is)
{
    uint8_t h[PQI_HASH_LEN];
    *is = false;
    if (at < r->from || at - r->from > r->count) {
        return PQI_OK;
    }
    memcpy(h, r->prev, sizeof h);
    const pqi_cspan front = {r->entries.ptr, (size_t)(at - r->from) * PQI_REVOKED_LEN};
    pqi_status st = pqi_rev_log_fold(c->cfg.algs, front, h);
    *is = st == PQI_OK && pqi_ct_eq(h, want, PQI_HASH_LEN);
    return st;
}

static pqi_status compare(const pqi_ctl *c, plan *p)
{
    const pqi_ctl_head *h = &c->s.head;
    uint8_t start[PQI_HASH_LEN];
    const uint8_t *own = c->rev.hash;
    pqi_status st = PQI_OK;
    if (have(c) == 0) {
        st = pqi_rev_log_start(c->cfg.algs, c->manifest.fleet_id, c->manifest.root_version, start);
        own = start;
    }
    if (st == PQI_OK) {
        st = is_at(c, &p->r, have(c), own, &p->links);
    }
    if (st == PQI_OK && pqi_ctl_has_head(c)) {
        /* nothing is nothing, whatever hash stands beside it */
        st = is_at(c, &p->r, h->rev_seq, h->rev_seq != 0 ? h->rev_hash : p->r.prev, &p->covers);
    }
    return st;
}

/* How many entries a revoker alone may have added ahead of a head. */
static uint32_t rev_cap(const pqi_ctl *c)
{
    const uint64_t n = (uint64_t)c->s.head.roster_size * c->policy.rules.rev_ahead_permille / 1000u;
    return n > 1u ? (uint32_t)n : 1u;
}

/* How far the segment is taken. */
static void limit(const pqi_ctl *c, plan *p, bool quorum)
{
    const uint32_t named = pqi_ctl_has_head(c) ? c->s.head.rev_seq : 0;
    const uint32_t covered = p->covers ? named : 0; /* with its hash, not by the number alone */
    const uint32_t known = p->links && have(c) > covered ? have(c) : covered;
    const uint32_t more = p->to > known ? p->to - known : 0;
    p->alone = ours(c) ? c->rev.alone : 0;
    if (quorum || !pqi_ctl_has_plane(c)) {
        return;
    }
    if (more <= rev_cap(c) && p->alone <= rev_cap(c) - more) {
        p->alone += more;
        return;
    }
    p->rate = pqi_ctl_has_head(c) && p->to >= named;
    p->to = known;
}

/* A segment that passes the head's number with another hash than the head's contradicts it; one that ends
 * before that or begins behind it does not. */
static bool contradicts(const pqi_ctl *c, const plan *p)
{
    const uint32_t named = c->s.head.rev_seq;
    return pqi_ctl_has_head(c) && !p->covers && named >= p->r.from &&
           named - p->r.from <= p->r.count;
}

static pqi_status judge(const pqi_ctl *c, plan *p, bool quorum)
{
    pqi_status st = compare(c, p);
    if (st != PQI_OK) {
        return st;
    }
    p->to = p->r.from + p->r.count;
    if (contradicts(c, p) || (!p->links && !repairs(c, p))) {
        return PQI_ERR_ROLLBACK; /* another history: it would take something back (INV-68) */
    }
    if (old_is_lost(c) && !p->covers) {
        return PQI_ERR_MISSING;
    }
    limit(c, p, quorum);
    if (p->to > have(c) || repairs(c, p) || replaces(c, p) || confirms(c, p)) {
        return PQI_OK;
    }
    if (p->rate) {
        return PQI_ERR_LIMIT;
    }
    const bool whole = pqi_ctl_has_head(c) && p->r.from + p->r.count >= c->s.head.rev_seq;
    return whole || !pqi_ctl_has_plane(c) ? PQI_ERR_REPLAY : PQI_ERR_MISSING;
}

/* ---- the table to be ----------------------------------------------------------------------------------- */

static pqi_revoked entry_at(const uint8_t *at)
{
    rd r = rd_of((pqi_cspan){at, PQI_REVOKED_LEN});
    pqi_revoked e = {0, 0, 0};
    e.roster_index = rd_u32(&r);
    e.min_key_epoch = rd_u32(&r);
    e.reason = rd_u8(&r);
    return e;
}

/* Into n encoded entries that ascend by index; a later one for an index counts when its epoch is higher.
 * false: no room. */
static bool insert(uint8_t *t, uint32_t *n, uint32_t room, const pqi_revoked *e)
{
    uint32_t low = 0, high = *n;
    while (low < high) {
        const uint32_t mid = low + (high - low) / 2u;
        if (entry_at(t + (size_t)mid * PQI_REVOKED_LEN).roster_index < e->roster_index) {
            low = mid + 1u;
        } else {
            high = mid;
        }
    }
    uint8_t *at = t + (size_t)low * PQI_REVOKED_LEN;
    if (low < *n && entry_at(at).roster_index == e->roster_index) {
        if (entry_at(at).min_key_epoch < e->min_key_epoch) {
            pqi_revoked_write(e, at);
        }
        return true;
    }
    if (*n >= room) {
        return false;
    }
    memmove(at + PQI_REVOKED_LEN, at, (size_t)(*n - low) * PQI_REVOKED_LEN);
    pqi_revoked_write(e, at);
    (*n)++;
    return true;
}

static pqi_status merge(const pqi_ctl *c, plan *p, uint8_t *t)
{
    p->n = replaces(c, p) ? 0 : c->rev.n;
    for (uint32_t i = 0; i < p->n; i++) {
        pqi_revoked_write(&c->cfg.revoked[i], t + (size_t)i * PQI_REVOKED_LEN);
    }
    for (uint32_t i = 0; i < p->to - p->r.from; i++) {
        const pqi_revoked e = pqi_revocations_at(&p->r, i);
        if (!insert(t, &p->n, c->cfg.revoked_max, &e)) {
            return PQI_ERR_LIMIT;
        }
    }
    return PQI_OK;
}

/* ---- record ------------------------------------------------------------------------------------------------ */

static void put_record_head(uint8_t *at, const pqi_ctl_rev *v)
{
    wr w = wr_of((pqi_span){at, PQI_CTL_REV_HEAD});
    wr_u8(&w, VERSION);
    wr_u32(&w, v->root_version);
    wr_u32(&w, v->seq);
    wr_bytes(&w, (pqi_cspan){v->hash, PQI_HASH_LEN});
    wr_u8(&w, v->carried);
    wr_u32(&w, v->alone);
    wr_u32(&w, v->named);
    wr_u32(&w, v->void_floor);
    wr_u32(&w, v->n);
}

static void install(pqi_ctl *c, const pqi_ctl_rev *v, const uint8_t *t)
{
    c->rev = *v;
    for (uint32_t i = 0; i < v->n; i++) {
        c->cfg.revoked[i] = entry_at(t + (size_t)i * PQI_REVOKED_LEN);
    }
}

static size_t record_max(const pqi_ctl *c)
{
    return PQI_CTL_REV_HEAD + (size_t)c->cfg.revoked_max * PQI_REVOKED_LEN;
}

/* The counter follows the log. From that of an older root on to ours when a head names ours: until then the table
 * says what the old log said, and a new record without it must not be above the counter. */
static pqi_status move_floor(pqi_ctl *c, const pqi_ctl_rev *v)
{
    if (pqi_ctl_has_plane(c) && v->carried != 0 && v->named == 0) {
        return PQI_OK;
    }
    return pqi_ctl_floor_move(c, FLOOR_REV, pqi_ctl_mark(v->root_version, v->seq));
}

static pqi_status store(pqi_ctl *c, const plan *p)
{
    uint8_t *plain = c->cfg.tmp.ptr;
    pqi_ctl_rev v = c->rev;
    if (!ours(c)) {
        v = (pqi_ctl_rev){.root_version = c->manifest.root_version, .carried = c->rev.n != 0};
    }
    v.seq = p->to;
    v.alone = p->alone;
    v.n = p->n;
    v.named = p->covers && c->s.head.rev_seq > v.named ? c->s.head.rev_seq : v.named;
    if (repairs(c, p) && pqi_ctl_floor(c, FLOOR_REV) > v.seq) {
        v.void_floor = pqi_ctl_floor(c, FLOOR_REV);
    }
    v.carried = replaces(c, p) ? 0 : v.carried;
    memcpy(v.hash, p->r.prev, PQI_HASH_LEN);
    const pqi_cspan taken = {p->r.entries.ptr, (size_t)(p->to - p->r.from) * PQI_REVOKED_LEN};
    pqi_status st = pqi_rev_log_fold(c->cfg.algs, taken, v.hash);
    if (st != PQI_OK) {
        return st;
    }
    put_record_head(plain, &v);
    const size_t len = PQI_CTL_REV_HEAD + (size_t)v.n * PQI_REVOKED_LEN;
    st = pqi_ctl_save(c, PQI_CTL_REC_REV, (pqi_cspan){plain, len}, pqi_ctl_tmp(c, record_max(c)));
    if (st == PQI_OK) {
        st = move_floor(c, &v);
    }
    if (st == PQI_OK) {
        install(c, &v, plain + PQI_CTL_REV_HEAD);
    }
    return st;
}

/* A medium that fails must not keep a revoked peer trusted: entries that only add count now, and as number and
 * hash are as they were, the next copy of them is stored. The work area was used by the store. */
static void add_in_memory(pqi_ctl *c, const plan *p)
{
    pqi_revoked *t = c->cfg.revoked;
    for (uint32_t i = 0; i < p->to - p->r.from; i++) {
        const pqi_revoked e = pqi_revocations_at(&p->r, i);
        const uint32_t at = place_of(t, c->rev.n, e.roster_index);
        if (at < c->rev.n && t[at].roster_index == e.roster_index) {
            t[at] = t[at].min_key_epoch < e.min_key_epoch ? e : t[at];
        } else if (c->rev.n < c->cfg.revoked_max) { /* merge() found room for them all */
            memmove(&t[at + 1u], &t[at], (c->rev.n - at) * sizeof t[0]);
            t[at] = e;
            c->rev.n++;
        }
    }
}

static pqi_status take_rev(pqi_ctl *c, pqi_ctl_call *k)
{
    plan p = {.to = 0};
    int quorum = 0;
    pqi_status st = look_at_rev(c, k, &p.r);
    if (st == PQI_OK) {
        st = pqi_revocations_verify(c->cfg.algs, &p.r, &c->manifest, c->cfg.tmp, &quorum);
    }
    if (st == PQI_OK) {
        st = judge(c, &p, quorum == 1);
    }
    k->what |= p.rate ? PQI_CTL_REV_RATE : 0;
    if (st == PQI_OK) {
        st = merge(c, &p, c->cfg.tmp.ptr + PQI_CTL_REV_HEAD);
    }
    if (st != PQI_OK) {
        return st;
    }
    const bool only_adds = c->rev.n == 0 || !replaces(c, &p);
    st = store(c, &p);
    if (st == PQI_OK) {
        pqi_ctl_rev_covered(c);
        k->what |= PQI_CTL_NEW_REVOCATIONS;
    } else if (only_adds) {
        add_in_memory(c, &p);
        k->what |= PQI_CTL_NEW_REVOCATIONS;
    }
    return st;
}

const pqi_ctl_kind pqi_ctl_kind_revocations = {peek_rev, take_rev};

static pqi_status read_record(const pqi_ctl *c, pqi_cspan in, pqi_ctl_rev *v)
{
    rd r = rd_of(in);
    rd_expect(&r, 1, VERSION);
    v->root_version = rd_u32(&r);
    v->seq = rd_u32(&r);
    const pqi_cspan hash = rd_bytes(&r, PQI_HASH_LEN);
    v->carried = rd_u8(&r);
    v->alone = rd_u32(&r);
    v->named = rd_u32(&r);
    v->void_floor = rd_u32(&r);
    v->n = rd_u32(&r);
    if (r.bad || v->n > c->cfg.revoked_max || r.left != (size_t)v->n * PQI_REVOKED_LEN) {
        return PQI_ERR_DECODE;
    }
    memcpy(v->hash, hash.ptr, PQI_HASH_LEN);
    return PQI_OK;
}

pqi_status pqi_ctl_rev_load(pqi_ctl *c)
{
    size_t len = 0;
    pqi_ctl_rev v = {0};
    const pqi_span plain = {c->cfg.tmp.ptr, record_max(c)};
    pqi_status st = pqi_ctl_load(c, PQI_CTL_REC_REV, plain, pqi_ctl_tmp(c, record_max(c)), &len);
    if (st == PQI_OK && read_record(c, (pqi_cspan){plain.ptr, len}, &v) == PQI_OK) {
        install(c, &v, plain.ptr + PQI_CTL_REV_HEAD);
        st = move_floor(c, &v);
    }
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* ---- from before there was a log --------------------------------------------------------------------------- */

pqi_status pqi_ctl_carry(pqi_ctl *c, pqi_cspan entries, int same_root)
{
    const size_t n = entries.len / PQI_REVOKED_LEN;
    if (c == NULL || !c->open) {
        return PQI_ERR_STATE;
    }
    if (c->rev.n != 0 || c->rev.seq != 0 || n == 0) {
        return PQI_OK;
    }
    if (n > c->cfg.revoked_max) {
        return PQI_ERR_SPACE;
    }
    for (size_t i = 0; i < n; i++) {
        const pqi_revoked e = entry_at(entries.ptr + i * PQI_REVOKED_LEN);
        if (i != 0 && e.roster_index <= c->cfg.revoked[i - 1u].roster_index) {
            return PQI_ERR_DECODE;
        }
        c->cfg.revoked[i] = e;
    }
    c->rev =
        (pqi_ctl_rev){.root_version = same_root ? c->manifest.root_version : 0, .n = (uint32_t)n};
    return PQI_OK;
}

pqi_status pqi_ctl_carried(pqi_ctl *c)
{
    if (c == NULL || !c->open) {
        return PQI_ERR_STATE;
    }
    uint8_t *plain = c->cfg.tmp.ptr;
    put_record_head(plain, &c->rev);
    for (uint32_t i = 0; i < c->rev.n; i++) {
        pqi_revoked_write(
            &c->cfg.revoked[i], plain + PQI_CTL_REV_HEAD + (size_t)i * PQI_REVOKED_LEN);
    }
    const size_t len = PQI_CTL_REV_HEAD + (size_t)c->rev.n * PQI_REVOKED_LEN;
    return pqi_ctl_save(c, PQI_CTL_REC_REV, (pqi_cspan){plain, len}, pqi_ctl_tmp(c, record_max(c)));
}
