/* SPDX-License-Identifier: Apache-2.0
 * Is the store what it was? Signatures of all objects, the chain of heads, the hashes of the log, and
 * the columns beside the objects. The order follows who vouches for whom: roots, then what they sign. */
#include "port/linux/control_int.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK "64" /* objects in memory at a time */

static pqi_status damaged(const char *what, int64_t number)
{
    return pqi_why(PQI_ERR_STORAGE, "the store is damaged: %s %lld; restore a backup", what,
        (long long)number);
}

/* What the walk over one root version knows. */
typedef struct walk {
    pqi_host_control *c;
    const pqi_manifest *m;
    int64_t last; /* number of the object before */
    pqi_head before;
    uint8_t before_hash[PQI_HASH_LEN];
    uint8_t (*log)[PQI_HASH_LEN]; /* R(0), R(1), ... */
    uint8_t *signs; /* of entry k: 1 the store says that policy keys signed it, 2 they did */
    uint32_t log_len;
    pqi_policy *policy;
} walk;

static pqi_status bad(pqi_status st, const char *what, int64_t number)
{
    /* Out of memory, or scratch: not the store's fault. */
    return st == PQI_ERR_LIMIT || st == PQI_ERR_UNSUPPORTED ? st : damaged(what, number);
}

typedef pqi_status (*check_row)(walk *w, const pqi_cdb_rows *r);

/* Rows of one root version above a number, a chunk at a time. */
static pqi_status each_above(walk *w, int64_t number, const char *sql, check_row check)
{
    w->last = number;
    for (;;) {
        pqi_cdb_rows r;
        int64_t before = w->last;
        pqi_status st =
            pqi_cdb_query(w->c->db, &r, sql, "ii", (int64_t)w->m->root_version, w->last);
        if (st != PQI_OK) {
            return st;
        }
        while ((st = pqi_cdb_step(&r)) == PQI_OK) {
            st = check(w, &r);
            if (st != PQI_OK) {
                break;
            }
        }
        pqi_cdb_done(&r);
        if (st != PQI_ERR_MISSING) {
            return st;
        }
        if (w->last == before) {
            return PQI_OK;
        }
    }
}

static pqi_status each(walk *w, const char *sql, check_row check)
{
    return each_above(w, 0, sql, check);
}

static int same(const pqi_cdb_rows *r, int col, const uint8_t hash[PQI_HASH_LEN])
{
    pqi_cspan v = pqi_cdb_col(r, col);
    return v.len == PQI_HASH_LEN && memcmp(v.ptr, hash, PQI_HASH_LEN) == 0;
}

/* ---- the log ------------------------------------------------------------------------------------ */

static pqi_status check_entry(walk *w, const pqi_cdb_rows *r)
{
    uint8_t bytes[PQI_REVOKED_LEN];
    const int64_t seq = pqi_cdb_col_int(r, 0);
    const int64_t reason = pqi_cdb_col_int(r, 3);
    const pqi_revoked e = {pqi_cdb_col_u32(r, 1), pqi_cdb_col_u32(r, 2), (uint8_t)reason};
    if (seq != (int64_t)w->log_len + 1 || seq > (int64_t)PQI_REV_LOG_MAX || reason < 0 ||
        reason > 255) {
        return damaged("revocation", seq);
    }
    pqi_revoked_write(&e, bytes);
    memcpy(w->log[seq], w->log[seq - 1], PQI_HASH_LEN);
    pqi_status st = pqi_rev_log_fold(&w->c->algs, (pqi_cspan){bytes, sizeof bytes}, w->log[seq]);
    if (st != PQI_OK || !same(r, 4, w->log[seq])) {
        return bad(st, "revocation", seq);
    }
    w->signs[seq] = pqi_cdb_col_int(r, 5) != 0;
    w->log_len++;
    w->last = seq;
    return PQI_OK;
}

static pqi_status check_part(walk *w, const pqi_cdb_rows *r)
{
    pqi_revocations x;
    uint8_t h[PQI_HASH_LEN];
    int quorum = 0;
    const int64_t from = pqi_cdb_col_int(r, 0), until = pqi_cdb_col_int(r, 1);
    pqi_status st = pqi_revocations_decode(&w->c->algs, pqi_cdb_col(r, 3), &x);
    if (st == PQI_OK) {
        st = pqi_revocations_verify(&w->c->algs, &x, w->m, w->c->tmp, &quorum);
    }
    if (st != PQI_OK || x.from != from || (int64_t)x.from + x.count != until ||
        quorum != pqi_cdb_col_int(r, 2) || until > (int64_t)w->log_len ||
        memcmp(x.prev, w->log[x.from], PQI_HASH_LEN) != 0) {
        return bad(st, "part of the log that ends with revocation", until);
    }
    for (int64_t k = from + 1; k <= until && quorum; k++) {
        w->signs[k] |= 2u;
    }
    memcpy(h, x.prev, sizeof h);
    st = pqi_rev_log_fold(&w->c->algs, x.entries, h);
    return st == PQI_OK && memcmp(h, w->log[until], sizeof h) == 0
               ? PQI_OK
               : bad(st, "part of the log that ends with revocation", until);
}

static pqi_status check_parts(walk *w)
{
    pqi_cdb_rows r;
    pqi_status st = pqi_cdb_query(w->c->db, &r,
        "SELECT start, until, quorum, encoded FROM pqi_segments WHERE root_version = $1", "i",
        (int64_t)w->m->root_version);
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        st = check_part(w, &r);
        if (st != PQI_OK) {
            break;
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status check_log(walk *w)
{
    w->log_len = 0;
    pqi_status st = pqi_rev_log_start(&w->c->algs, w->m->fleet_id, w->m->root_version, w->log[0]);
    if (st == PQI_OK) {
        st = each(w,
            "SELECT seq, roster_index, min_epoch, reason, hash, quorum FROM pqi_entries"
            " WHERE root_version = $1 AND seq > $2 ORDER BY seq LIMIT 4096",
            check_entry);
    }
    if (st == PQI_OK) {
        st = check_parts(w);
    }
    for (uint32_t k = 1; k <= w->log_len && st == PQI_OK; k++) {
        st = w->signs[k] != 1 ? PQI_OK : damaged("policy keys did not sign revocation", k);
    }
    return st;
}

/* ---- heads, policies, rosters -------------------------------------------------------------------- */

static pqi_status check_head(walk *w, const pqi_cdb_rows *r)
{
    pqi_head h;
    const int64_t epoch = pqi_cdb_col_int(r, 0);
    pqi_status st = pqi_head_decode(&w->c->algs, pqi_cdb_col(r, 4), &h);
    if (st == PQI_OK) {
        st = pqi_head_verify(&w->c->algs, &h, w->m, w->c->tmp);
    }
    if (st != PQI_OK || h.head_epoch != epoch || !same(r, 1, h.hash) ||
        h.tick_base != pqi_cdb_col_int(r, 2) || h.rev_seq != pqi_cdb_col_int(r, 3)) {
        return bad(st, "head", epoch);
    }
    if (w->last != 0 && epoch == w->last + 1 && memcmp(h.prev, w->before_hash, PQI_HASH_LEN) != 0) {
        return damaged("it does not follow the one before it: head", epoch);
    }
    if (h.tick_base < w->before.tick_base || h.rev_seq < w->before.rev_seq ||
        (h.rev_seq <= w->log_len && memcmp(h.rev_hash, w->log[h.rev_seq], PQI_HASH_LEN) != 0)) {
        return damaged("it contradicts what it names: head", epoch);
    }
    w->before = h; /* numbers alone: its spans are gone with the row */
    memcpy(w->before_hash, h.hash, PQI_HASH_LEN);
    w->last = epoch;
    return PQI_OK;
}

static pqi_status check_policy(walk *w, const pqi_cdb_rows *r)
{
    const int64_t seq = pqi_cdb_col_int(r, 0);
    pqi_status st = pqi_policy_decode(&w->c->algs, pqi_cdb_col(r, 2), w->policy);
    if (st == PQI_OK) {
        st = pqi_policy_verify(&w->c->algs, w->policy, w->m, w->c->tmp);
    }
    if (st != PQI_OK || w->policy->seq != seq || !same(r, 1, w->policy->hash)) {
        return bad(st, "policy", seq);
    }
    w->last = seq;
    return PQI_OK;
}

static pqi_status check_leaves(walk *w, const pqi_roster *r)
{
    pqi_control_member *m = NULL;
    uint32_t n = 0;
    uint8_t root[PQI_HASH_LEN];
    pqi_status st = pqi_control_members(w->c, w->m->root_version, r->seq, &m, &n);
    if (st != PQI_OK || n == 0) { /* those of older rosters are gone */
        return st;
    }
    uint8_t(*hashes)[PQI_HASH_LEN] = n == r->size ? calloc(n, PQI_HASH_LEN) : NULL;
    st = n == r->size && hashes == NULL ? pqi_why(PQI_ERR_LIMIT, "out of memory") : PQI_OK;
    for (uint32_t i = 0; i < n && hashes != NULL && st == PQI_OK; i++) {
        st = pqi_leaf_hash(&w->c->algs, &m[i].leaf, hashes[i]);
    }
    if (st == PQI_OK && hashes != NULL) {
        st = pqi_roster_root(&w->c->algs, hashes, n, root);
    }
    if (st != PQI_OK || hashes == NULL || memcmp(root, r->root, PQI_HASH_LEN) != 0) {
        st = bad(st, "leaves of roster", r->seq);
    }
    free(hashes);
    free(m);
    return st;
}

static pqi_status check_roster(walk *w, const pqi_cdb_rows *r)
{
    pqi_roster x;
    const int64_t seq = pqi_cdb_col_int(r, 0);
    pqi_status st = pqi_roster_decode(&w->c->algs, pqi_cdb_col(r, 3), &x);
    if (st == PQI_OK) {
        st = pqi_roster_verify(&w->c->algs, &x, w->m, w->c->tmp);
    }
    if (st != PQI_OK || x.seq != seq || x.size != pqi_cdb_col_int(r, 1) || !same(r, 2, x.root)) {
        return bad(st, "roster", seq);
    }
    w->last = seq;
    return check_leaves(w, &x);
}

static const char sql_policies[] =
    "SELECT seq, hash, encoded FROM pqi_policies"
    " WHERE root_version = $1 AND seq > $2 ORDER BY seq LIMIT " CHUNK;
static const char sql_rosters[] = "SELECT seq, size, root, encoded FROM pqi_rosters"
                                  " WHERE root_version = $1 AND seq > $2 ORDER BY seq LIMIT " CHUNK;

static pqi_status check_version(walk *w)
{
    pqi_status st = check_log(w);
    memset(&w->before, 0, sizeof w->before);
    if (st == PQI_OK) {
        st = each(w,
            "SELECT head_epoch, hash, tick_base, rev_seq, encoded FROM pqi_heads"
            " WHERE root_version = $1 AND head_epoch > $2 ORDER BY head_epoch LIMIT " CHUNK,
            check_head);
    }
    if (st == PQI_OK) {
        st = each(w, sql_policies, check_policy);
    }
    return st == PQI_OK ? each(w, sql_rosters, check_roster) : st;
}

/* ---- roots -------------------------------------------------------------------------------------- */

typedef struct roots {
    uint8_t *bytes[2];
    pqi_manifest m[2]; /* [k] of this version, [!k] of the one before */
} roots;

static pqi_status read_root(pqi_host_control *c, int64_t version, uint8_t *bytes, pqi_manifest *m)
{
    pqi_cdb_rows r;
    size_t len = 0;
    pqi_status st = pqi_cdb_query(
        c->db, &r, "SELECT encoded, hash FROM pqi_roots WHERE root_version = $1", "i", version);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        pqi_cspan v = pqi_cdb_col(&r, 0);
        len = v.len <= PQI_MANIFEST_MAX ? v.len : 0;
        memcpy(bytes, v.ptr, len);
        st = pqi_manifest_decode(&c->algs, (pqi_cspan){bytes, len}, m);
        if (st != PQI_OK || m->root_version != version || !same(&r, 1, m->hash)) {
            st = bad(st, "root manifest", version);
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? damaged("there is no root manifest", version) : st;
}

static pqi_status check_roots(walk *w, roots *x)
{
    pqi_host_control *c = w->c;
    int64_t first = 0, last = 0;
    pqi_status st =
        pqi_cdb_int(c->db, &first, "SELECT coalesce(min(root_version), 0) FROM pqi_roots", "");
    if (st == PQI_OK) {
        st = pqi_cdb_int(c->db, &last, "SELECT coalesce(max(root_version), 0) FROM pqi_roots", "");
    }
    int k = 0;
    for (int64_t v = first; v <= last && v != 0 && st == PQI_OK; v++, k = !k) {
        st = read_root(c, v, x->bytes[k], &x->m[k]);
        if (st == PQI_OK && v != first) {
            st = pqi_manifest_verify(&c->algs, &x->m[k], &x->m[!k], c->tmp);
            st = st == PQI_OK ? st : bad(st, "root manifest", v);
        }
        if (st == PQI_OK) {
            st = pqi_manifest_verify(&c->algs, &x->m[k], &x->m[k], c->tmp);
            st = st == PQI_OK ? st : bad(st, "root manifest", v);
        }
        w->m = &x->m[k];
        if (st == PQI_OK) {
            st = check_version(w);
        }
    }
    return st;
}

static void walk_free(walk *w)
{
    free(w->policy);
    free(w->signs);
    free(w->log);
}

static pqi_status walk_make(walk *w, pqi_host_control *c)
{
    memset(w, 0, sizeof *w);
    w->c = c;
    w->log = calloc(PQI_REV_LOG_MAX + 1, PQI_HASH_LEN);
    w->signs = calloc(PQI_REV_LOG_MAX + 1, 1);
    w->policy = calloc(1, sizeof *w->policy);
    return w->log != NULL && w->signs != NULL && w->policy != NULL
               ? PQI_OK
               : pqi_why(PQI_ERR_LIMIT, "out of memory");
}

static void roots_free(roots *x)
{
    if (x != NULL) {
        free(x->bytes[0]);
        free(x->bytes[1]);
    }
    free(x);
}

static pqi_status roots_make(roots **out)
{
    roots *x = calloc(1, sizeof *x);
    *out = x;
    for (int i = 0; x != NULL && i < 2; i++) {
        x->bytes[i] = malloc(PQI_MANIFEST_MAX);
    }
    return x != NULL && x->bytes[0] != NULL && x->bytes[1] != NULL
               ? PQI_OK
               : pqi_why(PQI_ERR_LIMIT, "out of memory");
}

pqi_status pqi_control_check_objects(pqi_host_control *c)
{
    walk w;
    roots *x = NULL;
    pqi_status st = walk_make(&w, c);
    if (st == PQI_OK) {
        st = roots_make(&x);
    }
    if (st == PQI_OK) {
        st = check_roots(&w, x);
    }
    roots_free(x);
    walk_free(&w);
    return st;
}

/* Each version by the one before, from the one we knew. */
static pqi_status follow_roots(pqi_host_control *c, roots *x, const pqi_manifest *m)
{
    const pqi_manifest *before = &c->view.manifest;
    pqi_status st = PQI_OK;
    int k = 0;
    for (int64_t v = (int64_t)before->root_version + 1; v <= m->root_version && st == PQI_OK;
         v++, k = !k) {
        st = read_root(c, v, x->bytes[k], &x->m[k]);
        if (st == PQI_OK) {
            st = pqi_manifest_verify(&c->algs, &x->m[k], before, c->tmp);
            if (st == PQI_OK) {
                st = pqi_manifest_verify(&c->algs, &x->m[k], &x->m[k], c->tmp);
            }
            st = st == PQI_OK ? st : bad(st, "root manifest", v);
        }
        before = &x->m[k];
    }
    return st == PQI_OK && memcmp(before->hash, m->hash, PQI_HASH_LEN) != 0
               ? damaged("root manifest", m->root_version)
               : st;
}

pqi_status pqi_control_check_root(pqi_host_control *c, const pqi_manifest *m)
{
    roots *x = NULL;
    if (c->view.root_version == 0) { /* opening checks all of them */
        return PQI_OK;
    }
    if (m->root_version < c->view.root_version) {
        return damaged("there is no root manifest", c->view.root_version);
    }
    pqi_status st = roots_make(&x);
    if (st == PQI_OK) {
        st = follow_roots(c, x, m);
    }
    roots_free(x);
    return st;
}

pqi_status pqi_control_check_named(pqi_host_control *c)
{
    const pqi_control_view *v = &c->view;
    walk w;
    pqi_status st = walk_make(&w, c);
    w.m = &v->manifest;
    if (st == PQI_OK && v->policy.seq > v->head.policy_seq) {
        st = each_above(&w, (int64_t)v->policy.seq - 1, sql_policies, check_policy);
    }
    if (st == PQI_OK && v->roster.seq > v->head.roster_seq) {
        st = each_above(&w, (int64_t)v->roster.seq - 1, sql_rosters, check_roster);
    }
    if (st == PQI_OK && v->rev_named_max > v->head.rev_seq) {
        st = check_log(&w);
    }
    walk_free(&w);
    return st;
}

pqi_status pqi_control_check_all(pqi_host_control *c)
{
    pqi_status st = c->db->ops->check(c->db);
    if (st == PQI_OK) {
        st = pqi_cdb_begin(c->db, 0);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_control_check_objects(c);
    return pqi_cdb_end(c->db, st);
}
