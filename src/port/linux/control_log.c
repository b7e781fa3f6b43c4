/* SPDX-License-Identifier: Apache-2.0
 * The log of revocations: parts in, how much of it a head may name, parts out.
 *
 * Implementation notes. Parts are kept as they were signed and their entries once more, one row each
 * with the log's hash behind it, so that a part which begins anywhere can be compared. A part that
 * repeats what is there is of use when it carries policy signatures: they count for the entries it
 * covers. */
#include "port/linux/control_int.h"

#include <stdlib.h>
#include <string.h>

pqi_status pqi_control_rev_hash(
    pqi_host_control *c, const pqi_control_view *v, uint32_t seq, uint8_t out[PQI_HASH_LEN])
{
    pqi_cdb_rows r;
    if (seq == 0) {
        memcpy(out, v->rev_start, PQI_HASH_LEN);
        return PQI_OK;
    }
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT hash FROM pqi_entries WHERE root_version = $1 AND seq = $2", "ii",
        (int64_t)v->root_version, (int64_t)seq);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        st = pqi_cdb_col_copy(&r, 0, out, PQI_HASH_LEN);
    }
    pqi_cdb_done(&r);
    return st;
}

/* ---- in ----------------------------------------------------------------------------------------- */

/* Entries that are there already must be the same; the others are added. */
static pqi_status add_entries(pqi_host_control *c, const pqi_revocations *r, int quorum)
{
    uint8_t h[PQI_HASH_LEN], have[PQI_HASH_LEN];
    memcpy(h, r->prev, sizeof h);
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < r->count && st == PQI_OK; i++) {
        uint32_t seq = r->from + i + 1;
        pqi_cspan one = {r->entries.ptr + (size_t)i * PQI_REVOKED_LEN, PQI_REVOKED_LEN};
        st = pqi_rev_log_fold(&c->algs, one, h);
        if (st == PQI_OK && seq <= c->view.rev_seq) {
            st = pqi_control_rev_hash(c, &c->view, seq, have);
            if (st == PQI_OK && memcmp(have, h, sizeof h) != 0) {
                return pqi_why(PQI_ERR_POLICY,
                    "entry %u of this log is not the one of the store: two logs were signed", seq);
            }
            continue;
        }
        pqi_revoked e = pqi_revocations_at(r, i);
        if (st == PQI_OK) {
            st = pqi_cdb_run(c->db,
                "INSERT INTO pqi_entries(root_version, seq, roster_index, min_epoch, reason, hash,"
                " quorum, at) VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
                "iiiiibii", (int64_t)r->root_version, (int64_t)seq, (int64_t)e.roster_index,
                (int64_t)e.min_key_epoch, (int64_t)e.reason, (pqi_cspan){h, sizeof h},
                (int64_t)quorum, pqi_control_now_s(c));
        }
    }
    return st;
}

static pqi_status follows(pqi_host_control *c, const pqi_revocations *r)
{
    uint8_t have[PQI_HASH_LEN];
    if (r->from > c->view.rev_seq) {
        return pqi_why(PQI_ERR_MISSING,
            "this part begins after entry %u and the store has %u: put the part before it first",
            r->from, c->view.rev_seq);
    }
    pqi_status st = pqi_control_rev_hash(c, &c->view, r->from, have);
    if (st == PQI_OK && memcmp(have, r->prev, sizeof have) != 0) {
        st = pqi_why(
            PQI_ERR_POLICY, "this part follows another log than the store's: two logs were signed");
    }
    return st;
}

static pqi_status store_part(pqi_host_control *c, const pqi_revocations *r, int quorum)
{
    pqi_status st = pqi_cdb_run(c->db,
        "INSERT INTO pqi_segments(root_version, start, until, quorum, at, encoded)"
        " VALUES($1, $2, $3, $4, $5, $6)",
        "iiiiib", (int64_t)r->root_version, (int64_t)r->from, (int64_t)r->from + r->count,
        (int64_t)quorum, pqi_control_now_s(c), r->encoded);
    if (st == PQI_OK && quorum) {
        st = pqi_cdb_run(c->db,
            "UPDATE pqi_entries SET quorum = 1 WHERE root_version = $1 AND seq > $2 AND seq <= $3"
            " AND quorum = 0",
            "iii", (int64_t)r->root_version, (int64_t)r->from, (int64_t)r->from + r->count);
    }
    if (st == PQI_OK) {
        st = pqi_control_note(c, "revocations", "entries %u to %u%s", r->from + 1,
            r->from + r->count, quorum ? ", with policy signatures" : "");
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

static int have_part(const pqi_host_control *c, const pqi_revocations *r, int quorum)
{
    for (uint32_t i = 0; i < c->view.n_segments; i++) {
        const pqi_control_segment *s = &c->view.segments[i];
        if (s->from == r->from && s->until == r->from + r->count && s->quorum == quorum) {
            return 1;
        }
    }
    return 0;
}

/* Inside a transaction with the view of now. */
pqi_status pqi_control_put_revocations(pqi_host_control *c, pqi_cspan in, int *is_new)
{
    pqi_revocations r;
    int quorum = 0;
    pqi_status st = pqi_revocations_decode(&c->algs, in, &r);
    if (st != PQI_OK) {
        return pqi_why(st, "this is no part of a revocation log");
    }
    st = pqi_revocations_verify(&c->algs, &r, &c->view.manifest, c->tmp, &quorum);
    if (st != PQI_OK) {
        return pqi_why(st, "the revocations are not signed for root version %u of this fleet",
            c->view.root_version);
    }
    st = follows(c, &r);
    if (st == PQI_OK) {
        st = add_entries(c, &r, quorum);
    }
    if (st != PQI_OK || have_part(c, &r, quorum)) {
        return st;
    }
    *is_new = 1;
    return store_part(c, &r, quorum);
}

/* ---- what a head may name ------------------------------------------------------------------------- */

/* Entries that a revoker alone had named within the window: those behind the number that the newest head
 * from before the window names. */
static pqi_status used_up(
    pqi_host_control *c, const pqi_control_view *v, int64_t number, int64_t *used)
{
    int64_t base = 0, until = number - (int64_t)c->cfg.rev_window_ticks;
    pqi_cdb_rows r;
    pqi_head h;
    pqi_status st = pqi_cdb_query(c->db, &r,
        "SELECT encoded FROM pqi_heads WHERE root_version = $1 AND tick_base <= $2"
        " ORDER BY rev_seq DESC LIMIT 1",
        "ii", (int64_t)v->root_version, until);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) { /* by its own word: the columns may be anybody's */
        st = pqi_head_decode(&c->algs, pqi_cdb_col(&r, 0), &h);
        if (st == PQI_OK) {
            st = pqi_head_verify(&c->algs, &h, &v->manifest, c->tmp);
        }
        if (st != PQI_OK || (int64_t)h.tick_base > until) {
            st = pqi_why(PQI_ERR_STORAGE, "the store is damaged: a head; restore a backup");
        }
        base = st == PQI_OK ? h.rev_seq : 0;
    }
    pqi_cdb_done(&r);
    if (st == PQI_OK || st == PQI_ERR_MISSING) {
        st = pqi_cdb_int(c->db, used,
            "SELECT count(*) FROM pqi_entries WHERE root_version = $1 AND seq > $2 AND seq <= $3"
            " AND quorum = 0",
            "iii", (int64_t)v->root_version, base, (int64_t)v->head.rev_seq);
    }
    return st;
}

pqi_status pqi_control_rev_limit(
    pqi_host_control *c, const pqi_control_view *v, int64_t number, uint32_t *out)
{
    pqi_cdb_rows r;
    int64_t used = 0;
    int64_t cap = (int64_t)v->roster.size * v->rules_next.rev_ahead_permille / 1000;
    cap = cap > 0 ? cap : 1;
    *out = v->head.rev_seq;
    if (v->rev_seq <= v->head.rev_seq) {
        return PQI_OK;
    }
    pqi_status st = used_up(c, v, number, &used);
    if (st == PQI_OK) {
        st = pqi_cdb_query(c->db, &r,
            "SELECT seq, quorum FROM pqi_entries WHERE root_version = $1 AND seq > $2 ORDER BY seq",
            "ii", (int64_t)v->root_version, (int64_t)v->head.rev_seq);
    }
    if (st != PQI_OK) {
        return st;
    }
    while ((st = pqi_cdb_step(&r)) == PQI_OK) {
        used += pqi_cdb_col_int(&r, 1) == 0;
        if (used > cap) {
            break;
        }
        *out = pqi_cdb_col_u32(&r, 0);
    }
    pqi_cdb_done(&r);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* ---- out ---------------------------------------------------------------------------------------- */

const pqi_control_segment *pqi_control_segment_for(
    const pqi_control_view *v, uint32_t have, uint32_t limit)
{
    const pqi_control_segment *best = NULL;
    for (uint32_t i = 0; i < v->n_segments; i++) {
        const pqi_control_segment *s = &v->segments[i];
        if (s->from > have || s->until <= have || s->until > limit) {
            continue;
        }
        /* far, then short, then with more signatures */
        if (best == NULL || s->until > best->until ||
            (s->until == best->until &&
                (s->from > best->from || (s->from == best->from && s->quorum > best->quorum)))) {
            best = s;
        }
    }
    return best;
}

const pqi_control_segment *pqi_control_segment_whole(const pqi_control_view *v, uint32_t limit)
{
    const pqi_control_segment *best = NULL;
    for (uint32_t i = 0; i < v->n_segments; i++) {
        const pqi_control_segment *s = &v->segments[i];
        if (s->from == 0 && s->until <= limit &&
            (best == NULL || s->until > best->until ||
                (s->until == best->until && s->quorum > best->quorum))) {
            best = s;
        }
    }
    return best;
}

pqi_status pqi_control_segment_bytes(
    pqi_host_control *c, const pqi_control_segment *s, pqi_cspan *out)
{
    size_t len = 0;
    pqi_status st = pqi_cdb_blob(c->db, (pqi_span){c->object, PQI_MANIFEST_MAX}, &len,
        "SELECT encoded FROM pqi_segments WHERE root_version = $1 AND start = $2 AND until = $3"
        " AND quorum = $4",
        "iiii", (int64_t)c->view.root_version, (int64_t)s->from, (int64_t)s->until,
        (int64_t)s->quorum);
    out->ptr = c->object;
    out->len = st == PQI_OK ? len : 0;
    return st;
}
