/* SPDX-License-Identifier: Apache-2.0
 * Signed objects into the store. Each is verified under the newest root and compared with what is there
 * inside the transaction that adds it. */
#include "port/linux/control_int.h"

#include "base/rd.h"
#include "base/wr.h"
#include "ident/ident.h"

#include <stdlib.h>
#include <string.h>

static pqi_status not_ours(pqi_host_control *c, pqi_status st, const char *what)
{
    return st == PQI_ERR_DECODE
               ? pqi_why(st, "this is no %s", what)
               : pqi_why(st, "the %s is not signed for root version %u of this fleet", what,
                     c->view.root_version);
}

/* The stored object of this number: is it the same? PQI_ERR_MISSING: there is none. */
static pqi_status same_as_stored(
    pqi_host_control *c, const char *sql, uint32_t number, const uint8_t hash[PQI_HASH_LEN])
{
    pqi_cdb_rows r;
    pqi_status st =
        pqi_cdb_query(c->db, &r, sql, "ii", (int64_t)c->view.root_version, (int64_t)number);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_step(&r);
    if (st == PQI_OK) {
        pqi_cspan have = pqi_cdb_col(&r, 0);
        if (have.len != PQI_HASH_LEN || memcmp(have.ptr, hash, PQI_HASH_LEN) != 0) {
            st = pqi_why(PQI_ERR_POLICY, "another one with the number %u is in the store", number);
        }
    }
    pqi_cdb_done(&r);
    return st;
}

/* ---- root --------------------------------------------------------------------------------------- */

static pqi_status insert_root(pqi_host_control *c, const pqi_manifest *m)
{
    pqi_status st = pqi_cdb_run(c->db,
        "INSERT INTO pqi_roots(root_version, hash, encoded, at) VALUES($1, $2, $3, $4)", "ibbi",
        (int64_t)m->root_version, (pqi_cspan){m->hash, PQI_HASH_LEN}, m->encoded,
        pqi_control_now_s(c));
    if (st == PQI_OK) {
        st = pqi_control_note(c, "root", "version %u", m->root_version);
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

static pqi_status put_root(pqi_host_control *c, pqi_cspan in, int *is_new)
{
    const pqi_manifest *old = &c->view.manifest;
    pqi_manifest *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_manifest_decode(&c->algs, in, m);
    if (st != PQI_OK) {
        st = pqi_why(st, "this is no root manifest");
    } else if (m->root_version == old->root_version) {
        st = memcmp(m->hash, old->hash, PQI_HASH_LEN) == 0
                 ? PQI_OK
                 : pqi_why(PQI_ERR_POLICY, "another root manifest of version %u is in the store",
                       m->root_version);
    } else if (m->root_version < old->root_version) {
        st = pqi_why(PQI_ERR_REPLAY, "root version %u is in the store already", old->root_version);
    } else if (m->root_version != old->root_version + 1) {
        st = pqi_why(PQI_ERR_MISSING, "root version %u comes next, this is version %u",
            old->root_version + 1, m->root_version);
    } else {
        st = pqi_manifest_verify(&c->algs, m, old, c->tmp);
        if (st == PQI_OK) {
            st = pqi_manifest_verify(&c->algs, m, m, c->tmp);
        }
        *is_new = st == PQI_OK;
        st = st == PQI_OK ? insert_root(c, m) : not_ours(c, st, "root manifest");
    }
    free(m);
    return st;
}

static pqi_status begin_root(pqi_host_control *c, pqi_cspan in, const uint8_t pinned[PQI_HASH_LEN])
{
    pqi_manifest *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_manifest_decode(&c->algs, in, m);
    if (st != PQI_OK) {
        st = pqi_why(st, "this is no root manifest");
    } else if (memcmp(m->hash, pinned, PQI_HASH_LEN) != 0) {
        st = pqi_why(PQI_ERR_AUTH, "this root manifest has another hash than the one given");
    } else {
        st = pqi_manifest_verify(&c->algs, m, m, c->tmp);
        st = st == PQI_OK ? st : pqi_why(st, "this root manifest is not signed by its own keys");
    }
    if (st == PQI_OK && c->view.root_version != 0) {
        int64_t n = 0;
        st = pqi_cdb_int(c->db, &n, "SELECT count(*) FROM pqi_roots WHERE hash = $1", "b",
            (pqi_cspan){m->hash, PQI_HASH_LEN});
        if (st == PQI_OK && n == 0) {
            st = pqi_why(PQI_ERR_STATE, "the store belongs to another root manifest");
        }
    } else if (st == PQI_OK) {
        st = insert_root(c, m);
    }
    free(m);
    return st;
}

pqi_status pqi_host_control_begin(
    pqi_host_control *c, pqi_cspan manifest, const uint8_t pinned[PQI_HASH_LEN])
{
    pqi_why_clear();
    if (c == NULL || pinned == NULL || manifest.ptr == NULL) {
        return pqi_why(PQI_ERR_ARG, "a root manifest and its hash are needed");
    }
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st == PQI_OK) {
        st = pqi_control_load(c);
        if (st == PQI_OK) {
            st = begin_root(c, manifest, pinned);
        }
        st = pqi_cdb_end(c->db, st);
    }
    return st == PQI_OK ? pqi_control_refresh(c, 0) : st;
}

/* ---- policy and head ------------------------------------------------------------------------------ */

static pqi_status insert_policy(pqi_host_control *c, const pqi_policy *x)
{
    pqi_status st = pqi_cdb_run(c->db,
        "INSERT INTO pqi_policies(root_version, seq, hash, at, encoded) VALUES($1, $2, $3, $4, $5)",
        "iibib", (int64_t)x->root_version, (int64_t)x->seq, (pqi_cspan){x->hash, PQI_HASH_LEN},
        pqi_control_now_s(c), x->encoded);
    if (st == PQI_OK) {
        st = pqi_control_note(c, "policy", "number %u", x->seq);
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

static pqi_status put_policy(pqi_host_control *c, pqi_cspan in, int *is_new)
{
    pqi_policy *x = calloc(1, sizeof *x);
    if (x == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_policy_decode(&c->algs, in, x);
    if (st == PQI_OK) {
        st = pqi_policy_verify(&c->algs, x, &c->view.manifest, c->tmp);
    }
    if (st != PQI_OK) {
        st = not_ours(c, st, "policy");
    } else {
        st = same_as_stored(c, "SELECT hash FROM pqi_policies WHERE root_version = $1 AND seq = $2",
            x->seq, x->hash);
        if (st == PQI_ERR_MISSING && x->seq == c->view.head.policy_seq &&
            memcmp(x->hash, c->view.head.policy_hash, PQI_HASH_LEN) != 0) {
            st = pqi_why(PQI_ERR_POLICY, "the head names another policy %u", x->seq);
        } else if (st == PQI_ERR_MISSING && x->seq < c->view.policy.seq) {
            st = pqi_why(PQI_ERR_REPLAY, "policy %u is in the store already", c->view.policy.seq);
        } else if (st == PQI_ERR_MISSING) {
            *is_new = 1;
            st = insert_policy(c, x);
        }
    }
    free(x);
    return st;
}

/* A head that somebody else made. Its ticks are not ours to give, so the next round makes a new one. */
static pqi_status import_head(pqi_host_control *c, const pqi_head *h)
{
    int64_t at = 0;
    int64_t number = pqi_control_number(c, pqi_control_now_ms(c), &at);
    if (h->tick_base > number) { /* the fleet is further on than the store knew */
        number = h->tick_base;
        at = (int64_t)pqi_control_now_ms(c);
    }
    pqi_status st = pqi_cdb_run(c->db,
        "INSERT INTO pqi_heads(root_version, head_epoch, hash, tick_base, rev_seq, what, made_by,"
        " at, encoded) VALUES($1, $2, $3, $4, $5, 0, '', $6, $7)",
        "iibiiib", (int64_t)h->root_version, (int64_t)h->head_epoch,
        (pqi_cspan){h->hash, PQI_HASH_LEN}, (int64_t)h->tick_base, (int64_t)h->rev_seq,
        pqi_control_now_s(c), h->encoded);
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db, "UPDATE pqi_state SET tick_number = $1, tick_at = $2 WHERE one = 1",
            "ii", number, at);
    }
    if (st == PQI_OK) {
        st = pqi_control_note(c, "head", "epoch %u, made elsewhere", h->head_epoch);
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

static pqi_status put_head(pqi_host_control *c, pqi_cspan in, int *is_new)
{
    const pqi_head *old = &c->view.head;
    pqi_head h;
    pqi_status st = pqi_head_decode(&c->algs, in, &h);
    if (st == PQI_OK) {
        st = pqi_head_verify(&c->algs, &h, &c->view.manifest, c->tmp);
    }
    if (st != PQI_OK) {
        return not_ours(c, st, "head");
    }
    st = same_as_stored(c, "SELECT hash FROM pqi_heads WHERE root_version = $1 AND head_epoch = $2",
        h.head_epoch, h.hash);
    if (st != PQI_ERR_MISSING) {
        return st;
    }
    if (h.head_epoch < old->head_epoch) {
        return pqi_why(PQI_ERR_REPLAY, "head %u is in the store already", old->head_epoch);
    }
    if (old->head_epoch != 0 && h.head_epoch == old->head_epoch + 1 &&
        memcmp(h.prev, old->hash, PQI_HASH_LEN) != 0) {
        return pqi_why(PQI_ERR_POLICY, "head %u follows another head %u than the store's",
            h.head_epoch, old->head_epoch);
    }
    if (h.tick_base < old->tick_base) {
        return pqi_why(PQI_ERR_POLICY, "head %u goes back in time", h.head_epoch);
    }
    *is_new = 1;
    return import_head(c, &h);
}

/* ---- roster ------------------------------------------------------------------------------------- */

static pqi_status check_members(const pqi_control_member *m, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        size_t len = strnlen(m[i].id, sizeof m[i].id);
        if (pqi_id_check((pqi_cspan){(const uint8_t *)m[i].id, len}) != PQI_OK ||
            len == sizeof m[i].id || m[i].not_after > INT64_MAX) {
            return pqi_why(PQI_ERR_ARG, "leaf %u of the roster has no device id", i);
        }
        if (i > 0 && m[i].leaf.roster_index <= m[i - 1].leaf.roster_index) {
            return pqi_why(PQI_ERR_ARG, "leaves of a roster ascend by roster index");
        }
    }
    return PQI_OK;
}

static pqi_status compare_root(
    pqi_host_control *c, const pqi_roster *r, const pqi_control_member *m, uint32_t n)
{
    uint8_t root[PQI_HASH_LEN];
    if (r->size != n) {
        return pqi_why(PQI_ERR_POLICY, "the roster has %u leaves, %u are given", r->size, n);
    }
    uint8_t(*hashes)[PQI_HASH_LEN] = calloc((size_t)n + 1, PQI_HASH_LEN);
    if (hashes == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = PQI_OK;
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        st = pqi_leaf_hash(&c->algs, &m[i].leaf, hashes[i]);
    }
    if (st == PQI_OK) {
        st = pqi_roster_root(&c->algs, hashes, n, root);
    }
    free(hashes);
    if (st == PQI_OK && memcmp(root, r->root, PQI_HASH_LEN) != 0) {
        st = pqi_why(PQI_ERR_POLICY, "the leaves given are not those of the roster");
    }
    return st;
}

/* Leaves of the newest roster and of the one that the head names are kept, others go. */
static pqi_status insert_roster(
    pqi_host_control *c, const pqi_roster *r, const pqi_control_member *m, uint32_t n)
{
    const int64_t root = r->root_version, seq = r->seq;
    pqi_status st = pqi_cdb_run(c->db,
        "INSERT INTO pqi_rosters(root_version, seq, size, root, at, encoded)"
        " VALUES($1, $2, $3, $4, $5, $6)",
        "iiibib", root, seq, (int64_t)n, (pqi_cspan){r->root, PQI_HASH_LEN}, pqi_control_now_s(c),
        r->encoded);
    if (st == PQI_OK) {
        st = pqi_cdb_run(c->db, "DELETE FROM pqi_leaves WHERE NOT (root_version = $1 AND seq = $2)",
            "ii", root, (int64_t)c->view.head.roster_seq);
    }
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        st = pqi_cdb_run(c->db,
            "INSERT INTO pqi_leaves(root_version, seq, position, roster_index, key_epoch,"
            " cert_hash, device, not_after) VALUES($1, $2, $3, $4, $5, $6, $7, $8)",
            "iiiiibti", root, seq, (int64_t)i, (int64_t)m[i].leaf.roster_index,
            (int64_t)m[i].leaf.key_epoch, (pqi_cspan){m[i].leaf.cert_hash, PQI_HASH_LEN},
            pqi_control_str(m[i].id), (int64_t)m[i].not_after);
    }
    if (st == PQI_OK) {
        st = pqi_control_note(c, "roster", "number %u, %u certificates", r->seq, n);
    }
    return st == PQI_OK ? pqi_control_changed(c) : st;
}

static pqi_status put_roster(
    pqi_host_control *c, pqi_cspan in, const pqi_control_member *m, uint32_t n, int *is_new)
{
    pqi_roster r;
    pqi_status st = pqi_roster_decode(&c->algs, in, &r);
    if (st == PQI_OK) {
        st = pqi_roster_verify(&c->algs, &r, &c->view.manifest, c->tmp);
    }
    if (st != PQI_OK) {
        return not_ours(c, st, "roster");
    }
    st = compare_root(c, &r, m, n);
    if (st == PQI_OK) {
        st = same_as_stored(
            c, "SELECT root FROM pqi_rosters WHERE root_version = $1 AND seq = $2", r.seq, r.root);
    }
    if (st != PQI_ERR_MISSING) {
        return st;
    }
    if (r.seq == c->view.head.roster_seq &&
        (r.size != c->view.head.roster_size ||
            memcmp(r.root, c->view.head.roster_root, PQI_HASH_LEN) != 0)) {
        return pqi_why(PQI_ERR_POLICY, "the head names another roster %u", r.seq);
    }
    if (r.seq < c->view.roster.seq) {
        return pqi_why(PQI_ERR_REPLAY, "roster %u is in the store already", c->view.roster.seq);
    }
    *is_new = 1;
    return insert_roster(c, &r, m, n);
}

/* ---- the door ----------------------------------------------------------------------------------- */

typedef struct put_args {
    pqi_object kind;
    pqi_cspan in;
    const pqi_control_member *members;
    uint32_t n;
} put_args;

static pqi_status dispatch(pqi_host_control *c, const put_args *a, int *is_new)
{
    if (c->view.root_version == 0) {
        return pqi_why(PQI_ERR_MISSING, "the store has no root manifest yet");
    }
    switch (a->kind) {
    case PQI_OBJ_ROOT:
        return put_root(c, a->in, is_new);
    case PQI_OBJ_HEAD:
        return put_head(c, a->in, is_new);
    case PQI_OBJ_POLICY:
        return put_policy(c, a->in, is_new);
    case PQI_OBJ_REVOCATIONS:
        return pqi_control_put_revocations(c, a->in, is_new);
    case PQI_OBJ_ROSTER:
        return put_roster(c, a->in, a->members, a->n, is_new);
    case PQI_OBJ_NONE:
    case PQI_OBJ_TICK:
    case PQI_OBJ_STATEMENT:
    case PQI_OBJ_PATH:
    case PQI_OBJ_COUNT_:
    case PQI_OBJ_INT32_:
    default:
        return pqi_why(PQI_ERR_ARG, "objects of this kind are not put");
    }
}

static pqi_status put(pqi_host_control *c, const put_args *a, int *is_new)
{
    *is_new = 0;
    pqi_status st = pqi_cdb_begin(c->db, 1);
    if (st == PQI_OK) {
        st = pqi_control_load(c);
        if (st == PQI_OK) {
            st = dispatch(c, a, is_new);
        }
        st = pqi_cdb_end(c->db, st);
    }
    if (st != PQI_OK) {
        *is_new = 0;
        return pqi_why_else(st, "cannot store it: %s", pqi_status_text(st));
    }
    return pqi_control_refresh(c, 0);
}

pqi_status pqi_host_control_put(pqi_host_control *c, pqi_object kind, pqi_cspan in, int *is_new)
{
    pqi_why_clear();
    if (c == NULL || is_new == NULL || (in.ptr == NULL && in.len != 0) || kind == PQI_OBJ_ROSTER) {
        return pqi_why(PQI_ERR_ARG, "an object is needed; a roster comes with its leaves");
    }
    const put_args a = {kind, in, NULL, 0};
    return put(c, &a, is_new);
}

pqi_status pqi_host_control_put_roster(
    pqi_host_control *c, pqi_cspan in, const pqi_control_member *members, uint32_t n, int *is_new)
{
    pqi_why_clear();
    if (c == NULL || is_new == NULL || (in.ptr == NULL && in.len != 0) ||
        (members == NULL && n != 0) || n > PQI_CONTROL_ROSTER_MAX) {
        return pqi_why(PQI_ERR_ARG, "a roster and its leaves are needed");
    }
    *is_new = 0;
    pqi_status st = check_members(members, n);
    const put_args a = {PQI_OBJ_ROSTER, in, members, n};
    return st == PQI_OK ? put(c, &a, is_new) : st;
}

/* ---- delegates ---------------------------------------------------------------------------------- */

/* As in the head: LV8 id, LV8 prefix, anchor, count; in the order of the head. */
pqi_status pqi_control_delegates_write(const pqi_delegate *d, uint32_t n, pqi_span out, size_t *len)
{
    wr w = wr_of(out);
    for (uint32_t i = 0; i < n; i++) {
        wr_u8(&w, (uint8_t)d[i].device_id.len);
        wr_bytes(&w, d[i].device_id);
        wr_u8(&w, (uint8_t)d[i].prefix.len);
        wr_bytes(&w, d[i].prefix);
        wr_bytes(&w, (pqi_cspan){d[i].anchor, PQI_HASH_LEN});
        wr_u32(&w, d[i].count);
    }
    return wr_done(&w, len);
}

static int id_cmp(pqi_cspan x, pqi_cspan y)
{
    size_t n = x.len < y.len ? x.len : y.len;
    int d = memcmp(x.ptr, y.ptr, n);
    return d != 0 ? d : (x.len > y.len) - (x.len < y.len);
}

static int delegate_ok(const pqi_delegate *d, uint32_t i)
{
    return pqi_id_check(d[i].device_id) == PQI_OK && pqi_ident_prefix_ok(d[i].prefix) &&
           d[i].count >= 1 && d[i].count <= PQI_TICKS_MAX &&
           (i == 0 || id_cmp(d[i - 1].device_id, d[i].device_id) < 0);
}

pqi_status pqi_control_delegates_read(pqi_cspan in, pqi_delegate *d, uint32_t *n)
{
    rd r = rd_of(in);
    *n = 0;
    while (!r.bad && r.left != 0 && *n < PQI_DELEGATES_MAX) {
        pqi_delegate *x = &d[*n];
        x->device_id = rd_bytes(&r, rd_u8(&r));
        x->prefix = rd_bytes(&r, rd_u8(&r));
        const pqi_cspan anchor = rd_bytes(&r, PQI_HASH_LEN);
        x->count = rd_u32(&r);
        if (r.bad || !delegate_ok(d, *n)) {
            return PQI_ERR_DECODE;
        }
        memcpy(x->anchor, anchor.ptr, PQI_HASH_LEN);
        *n += 1;
    }
    return rd_done(&r);
}

pqi_status pqi_host_control_set_delegates(pqi_host_control *c, const pqi_delegate *d, uint32_t n)
{
    uint8_t buf[PQI_DELEGATES_MAX * 256u];
    size_t len = 0;
    pqi_why_clear();
    int good = c != NULL && n <= PQI_DELEGATES_MAX && (d != NULL || n == 0);
    for (uint32_t i = 0; i < n && good; i++) {
        good = delegate_ok(d, i);
    }
    if (!good) {
        return pqi_why(PQI_ERR_ARG,
            "up to %u delegates, ascending by id, each with a prefix, an anchor and 1 to %u ticks",
            PQI_DELEGATES_MAX, PQI_TICKS_MAX);
    }
    pqi_status st = pqi_control_delegates_write(d, n, (pqi_span){buf, sizeof buf}, &len);
    if (st == PQI_OK) {
        st = pqi_cdb_begin(c->db, 1);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cdb_run(
        c->db, "UPDATE pqi_state SET delegates = $1 WHERE one = 1", "b", (pqi_cspan){buf, len});
    if (st == PQI_OK) {
        st = pqi_control_note(c, "delegates", "%u", n);
    }
    if (st == PQI_OK) {
        st = pqi_control_changed(c);
    }
    st = pqi_cdb_end(c->db, st);
    return st == PQI_OK ? pqi_control_refresh(c, 0) : st;
}
