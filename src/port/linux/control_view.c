/* SPDX-License-Identifier: Apache-2.0
 * What the store says, read whole in one transaction. */
#include "port/linux/control_int.h"

#include <stdlib.h>
#include <string.h>

void pqi_control_view_free(pqi_control_view *v)
{
    free(v->root_bytes);
    free(v->head_bytes);
    free(v->segments);
    memset(v, 0, sizeof *v);
}

static pqi_status damaged(const char *what)
{
    return pqi_why(PQI_ERR_STORAGE, "the store is damaged: %s; restore a backup", what);
}

/* A fresh copy of a column. */
static pqi_status copy_of(const pqi_cdb_rows *r, int col, size_t max, uint8_t **out, size_t *len)
{
    pqi_cspan v = pqi_cdb_col(r, col);
    if (v.len == 0 || v.len > max) {
        return damaged("an object of impossible length");
    }
    *out = malloc(v.len);
    if (*out == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    memcpy(*out, v.ptr, v.len);
    *len = v.len;
    return PQI_OK;
}

static pqi_status load_state(pqi_cdb *db, pqi_control_view *v)
{
    pqi_cdb_rows r;
    pqi_delegate delegates[PQI_DELEGATES_MAX];
    uint32_t n = 0;
    pqi_status st = pqi_cdb_query(db, &r,
        "SELECT changes, skip, tick_number, tick_at, delegates FROM pqi_state WHERE one = 1", "");
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        v->changes = pqi_cdb_col_int(&r, 0);
        v->skip = pqi_cdb_col_int(&r, 1);
        v->tick_number = pqi_cdb_col_int(&r, 2);
        v->tick_at = pqi_cdb_col_int(&r, 3);
        pqi_cspan d = pqi_cdb_col(&r, 4);
        int bad = v->skip < 0 || v->skip > (int64_t)PQI_TOKEN_STEPS || v->tick_number < 0 ||
                  v->tick_at < 0 || d.len > sizeof v->delegates ||
                  pqi_control_delegates_read(d, delegates, &n) != PQI_OK;
        if (bad) {
            st = damaged("impossible numbers");
        } else if (d.len > 0) {
            memcpy(v->delegates, d.ptr, d.len);
            v->delegates_len = d.len;
        }
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? damaged("its first table is empty") : st;
}

static pqi_status load_root(pqi_host_control *c, pqi_control_view *v)
{
    pqi_cdb_rows r;
    size_t len = 0;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT root_version, encoded FROM pqi_roots ORDER BY root_version DESC LIMIT 1", "");
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        v->root_version = pqi_cdb_col_u32(&r, 0);
        st = copy_of(&r, 1, PQI_MANIFEST_MAX, &v->root_bytes, &len);
    }
    pqi_cdb_done(&r);
    if (st != PQI_OK) {
        return st == PQI_ERR_MISSING ? PQI_OK : st; /* empty store */
    }
    st = pqi_manifest_decode(&c->algs, (pqi_cspan){v->root_bytes, len}, &v->manifest);
    return st == PQI_OK && v->manifest.root_version == v->root_version
               ? pqi_control_check_root(c, &v->manifest)
               : damaged("its root manifest");
}

static pqi_status load_head(pqi_host_control *c, pqi_control_view *v)
{
    pqi_cdb_rows r;
    size_t len = 0;
    int64_t seed = 0;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT encoded FROM pqi_heads WHERE root_version = $1 ORDER BY head_epoch DESC LIMIT 1",
        "i", (int64_t)v->root_version);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        st = copy_of(&r, 0, PQI_HEAD_MAX, &v->head_bytes, &len);
    }
    pqi_cdb_done(&r);
    if (st != PQI_OK) {
        return st == PQI_ERR_MISSING ? PQI_OK : st;
    }
    st = pqi_head_decode(&c->algs, (pqi_cspan){v->head_bytes, len}, &v->head);
    if (st == PQI_OK) {
        st = pqi_head_verify(&c->algs, &v->head, &v->manifest, c->tmp);
    }
    if (st != PQI_OK) {
        return damaged("its newest head");
    }
    st = pqi_cdb_int(c->db, &seed,
        "SELECT count(*) FROM pqi_seed WHERE one = 1 AND root_version = $1 AND head_epoch = $2",
        "ii", (int64_t)v->root_version, (int64_t)v->head.head_epoch);
    v->seed = seed == 1;
    return st;
}

static pqi_status load_numbered(
    pqi_host_control *c, uint32_t root_version, const char *sql, pqi_control_numbered *out)
{
    pqi_cdb_rows r;
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_cdb_query(c->db, &r, sql, "i", (int64_t)root_version);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        out->seq = pqi_cdb_col_u32(&r, 0);
        out->size = pqi_cdb_col_u32(&r, 1);
        st = pqi_cdb_col_copy(&r, 2, out->hash, sizeof out->hash);
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status rules_of(pqi_host_control *c, uint32_t root_version,
    const pqi_control_numbered *which, pqi_policy_rules *out)
{
    const uint32_t seq = which->seq;
    pqi_cdb_rows r;
    *out = pqi_policy_default;
    if (seq == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT encoded FROM pqi_policies WHERE root_version = $1 AND seq = $2", "ii",
        (int64_t)root_version, (int64_t)seq);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        pqi_policy *x = calloc(1, sizeof *x);
        st = x == NULL ? pqi_why(PQI_ERR_LIMIT, "out of memory")
                       : pqi_policy_decode(&c->algs, pqi_cdb_col(&r, 0), x);
        if (st == PQI_OK && memcmp(x->hash, which->hash, PQI_HASH_LEN) != 0) {
            st = PQI_ERR_STORAGE;
        }
        if (st == PQI_OK) {
            *out = x->rules;
        }
        free(x);
    }
    pqi_cdb_done(&r);
    if (st == PQI_ERR_MISSING) {
        return PQI_OK; /* a head of another server names one that is not here */
    }
    return st == PQI_OK ? st : damaged("a policy");
}

static pqi_status load_segments(pqi_host_control *c, pqi_control_view *v)
{
    pqi_cdb_rows r;
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(c->db, &n,
        "SELECT count(*) FROM pqi_segments WHERE root_version = $1", "i", (int64_t)v->root_version);
    if (st != PQI_OK || n == 0) {
        return st;
    }
    v->segments = calloc((size_t)n, sizeof *v->segments);
    if (v->segments == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_cdb_query(c->db, &r,
        "SELECT start, until, quorum FROM pqi_segments WHERE root_version = $1"
        " ORDER BY start, until, quorum",
        "i", (int64_t)v->root_version);
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK && (int64_t)v->n_segments < n) {
        pqi_control_segment *s = &v->segments[v->n_segments++];
        s->from = pqi_cdb_col_u32(&r, 0);
        s->until = pqi_cdb_col_u32(&r, 1);
        s->quorum = pqi_cdb_col_int(&r, 2) != 0;
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

static pqi_status load_log(pqi_host_control *c, pqi_control_view *v)
{
    int64_t n = 0;
    pqi_status st = pqi_cdb_int(c->db, &n,
        "SELECT coalesce(max(seq), 0) FROM pqi_entries WHERE root_version = $1", "i",
        (int64_t)v->root_version);
    if (st == PQI_OK && (n < 0 || n > (int64_t)PQI_REV_LOG_MAX)) {
        st = damaged("a log of impossible length");
    }
    if (st == PQI_OK) {
        v->rev_seq = (uint32_t)n;
        st = pqi_rev_log_start(&c->algs, v->manifest.fleet_id, v->root_version, v->rev_start);
    }
    return st == PQI_OK ? load_segments(c, v) : st;
}

static int64_t number_of(const pqi_control_view *v, uint64_t now_ms, int64_t *at)
{
    int64_t tick_ms = (int64_t)v->rules.tick_s * 1000, now = (int64_t)now_ms;
    int64_t n = v->tick_at == 0 || now < v->tick_at ? 0 : (now - v->tick_at) / tick_ms;
    if (v->tick_number + n > (int64_t)UINT32_MAX) {
        n = (int64_t)UINT32_MAX - v->tick_number;
    }
    *at = v->tick_at == 0 ? now : v->tick_at + n * tick_ms;
    return v->tick_number + n;
}

uint32_t pqi_control_held(const pqi_control_view *v)
{
    return v->rev_seq > v->rev_named_max ? v->rev_seq - v->rev_named_max : 0;
}

int64_t pqi_control_number(const pqi_host_control *c, uint64_t now_ms, int64_t *at)
{
    return number_of(&c->view, now_ms, at);
}

uint32_t pqi_control_tick_due(const pqi_host_control *c, uint64_t now_ms)
{
    const pqi_head *h = &c->view.head;
    int64_t at = 0, i = number_of(&c->view, now_ms, &at) - (int64_t)h->tick_base;
    if (h->head_epoch == 0 || i <= 0) {
        return 0;
    }
    return i < (int64_t)h->tick_count ? (uint32_t)i : h->tick_count;
}

/* How far ahead of the last tick: the policy's max-step, as devices judge. */
pqi_status pqi_control_clock_check(const pqi_host_control *c)
{
    const pqi_control_view *v = &c->view;
    const int64_t now = (int64_t)pqi_control_now_ms(c);
    int64_t step = (int64_t)v->rules.max_step_s, two = 2 * (int64_t)v->rules.tick_s;
    step = step > two ? step : two;
    if (v->tick_at == 0 || c->cfg.accept_clock || now - v->tick_at <= step * 1000) {
        return PQI_OK;
    }
    return pqi_why(PQI_ERR_STATE,
        "the clock says that the last tick was %lld hours ago: if that is so, start with "
        "--accept-clock",
        (long long)((now - v->tick_at) / 3600000));
}

/* A head never names less than the one before it: what that one named may be missing here after a
 * restore, and then it is named as before. */
static void not_below(const pqi_control_numbered *named, pqi_control_numbered *newest)
{
    if (newest->seq <= named->seq) {
        *newest = *named;
    }
}

static pqi_status load_all(pqi_host_control *c, pqi_control_view *v)
{
    pqi_control_numbered policy, roster; /* as the head names them */
    int64_t at = 0;
    pqi_status st = load_state(c->db, v);
    v->rules = v->rules_next = pqi_policy_default;
    if (st == PQI_OK) {
        st = load_root(c, v);
    }
    if (st != PQI_OK || v->root_version == 0) {
        return st;
    }
    st = load_head(c, v);
    if (st == PQI_OK) {
        st = load_numbered(c, v->root_version,
            "SELECT seq, 0, hash FROM pqi_policies WHERE root_version = $1"
            " ORDER BY seq DESC LIMIT 1",
            &v->policy);
    }
    if (st == PQI_OK) {
        st = load_numbered(c, v->root_version,
            "SELECT seq, size, root FROM pqi_rosters WHERE root_version = $1"
            " ORDER BY seq DESC LIMIT 1",
            &v->roster);
    }
    memset(&policy, 0, sizeof policy);
    memset(&roster, 0, sizeof roster);
    policy.seq = v->head.policy_seq;
    memcpy(policy.hash, v->head.policy_hash, PQI_HASH_LEN);
    roster.seq = v->head.roster_seq;
    roster.size = v->head.roster_size;
    memcpy(roster.hash, v->head.roster_root, PQI_HASH_LEN);
    not_below(&policy, &v->policy);
    not_below(&roster, &v->roster);
    if (st == PQI_OK) {
        st = rules_of(c, v->root_version, &policy, &v->rules);
    }
    if (st == PQI_OK) {
        st = rules_of(c, v->root_version, &v->policy, &v->rules_next);
    }
    if (st == PQI_OK) {
        st = load_log(c, v);
    }
    if (st == PQI_OK) {
        int64_t number = number_of(v, pqi_control_now_ms(c), &at);
        st = pqi_control_rev_limit(c, v, number, &v->rev_named_max);
    }
    return st;
}

pqi_status pqi_control_load(pqi_host_control *c)
{
    pqi_control_view v;
    memset(&v, 0, sizeof v);
    pqi_status st = load_all(c, &v);
    if (st != PQI_OK) {
        pqi_control_view_free(&v);
        return pqi_why_else(st, "cannot read the store: %s", pqi_status_text(st));
    }
    pqi_control_view_free(&c->view);
    c->view = v;
    return PQI_OK;
}

pqi_status pqi_control_refresh(pqi_host_control *c, int force)
{
    int64_t changes = 0;
    pqi_status st = pqi_cdb_int(c->db, &changes, "SELECT changes FROM pqi_state WHERE one = 1", "");
    if (st != PQI_OK) {
        return st;
    }
    if (changes == c->view.changes && !force) {
        /* the view may be there while the counter could not be moved the last time */
        return c->provider != NULL ? pqi_control_counter_follow(c) : PQI_OK;
    }
    st = pqi_cdb_begin(c->db, 0);
    if (st == PQI_OK) {
        st = pqi_control_load(c);
        if (st == PQI_OK && c->provider != NULL) {
            st = pqi_control_leaves_load(c);
        }
        st = pqi_cdb_end(c->db, st);
    }
    if (st == PQI_OK && c->provider != NULL) {
        st = pqi_control_counter_follow(c);
    }
    return st;
}
