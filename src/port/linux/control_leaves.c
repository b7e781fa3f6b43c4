/* SPDX-License-Identifier: Apache-2.0
 * The roster's leaves and its tree: paths for thousands of devices from one pass of hashing. */
#include "port/linux/control_int.h"

#include "base/wr.h"
#include "ident/ident.h"

#include <stdlib.h>
#include <string.h>

void pqi_control_tree_free(pqi_control_tree *t)
{
    free(t->nodes);
    memset(t, 0, sizeof *t);
}

/* Level by level: a level is copied behind itself and joined there. */
pqi_status pqi_control_tree_build(
    const pqi_algs *a, pqi_control_tree *t, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n)
{
    memset(t, 0, sizeof *t);
    if (n == 0) {
        return PQI_OK;
    }
    t->nodes = calloc(2 * (size_t)n + 64, PQI_HASH_LEN);
    if (t->nodes == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    memcpy(t->nodes, leaves, (size_t)n * PQI_HASH_LEN);
    t->size = n;
    t->levels = 1;
    pqi_status st = PQI_OK;
    for (uint32_t left = n; left > 1 && st == PQI_OK; left = left / 2 + left % 2) {
        size_t at = t->level[t->levels - 1], next = at + left;
        memcpy(t->nodes[next], t->nodes[at], (size_t)left * PQI_HASH_LEN);
        st = pqi_ident_join_level(a, t->nodes + next, left);
        t->level[t->levels++] = next;
    }
    if (st != PQI_OK) {
        pqi_control_tree_free(t);
    }
    return st;
}

size_t pqi_control_tree_path(
    const pqi_control_tree *t, uint32_t roster_seq, uint32_t position, uint8_t *out)
{
    size_t len = 0;
    wr w = wr_of((pqi_span){out, PQI_PATH_MAX});
    wr_u32(&w, roster_seq);
    wr_u32(&w, t->size);
    wr_u32(&w, position);
    uint32_t left = t->size, at = position;
    for (unsigned k = 0; k + 1 < t->levels; k++) {
        if ((at ^ 1u) < left) {
            wr_bytes(&w, (pqi_cspan){t->nodes[t->level[k] + (at ^ 1u)], PQI_HASH_LEN});
        }
        left = left / 2 + left % 2;
        at >>= 1;
    }
    return wr_done(&w, &len) == PQI_OK ? len : 0;
}

/* ---- leaves ------------------------------------------------------------------------------------- */

void pqi_control_leaves_free(pqi_control_leaves *l)
{
    free(l->members);
    free(l->by_id);
    pqi_control_tree_free(&l->tree);
    memset(l, 0, sizeof *l);
}

static pqi_status read_member(const pqi_cdb_rows *r, pqi_control_member *m)
{
    m->leaf.roster_index = pqi_cdb_col_u32(r, 0);
    m->leaf.key_epoch = pqi_cdb_col_u32(r, 1);
    pqi_cspan id = pqi_cdb_col(r, 3);
    m->not_after = (uint64_t)pqi_cdb_col_int(r, 4);
    if (pqi_id_check(id) != PQI_OK) {
        return pqi_why(PQI_ERR_STORAGE, "the store is damaged: the name of a device");
    }
    memcpy(m->id, id.ptr, id.len);
    m->id[id.len] = '\0';
    return pqi_cdb_col_copy(r, 2, m->leaf.cert_hash, PQI_HASH_LEN);
}

pqi_status pqi_control_members(
    pqi_host_control *c, uint32_t root_version, uint32_t seq, pqi_control_member **out, uint32_t *n)
{
    pqi_cdb_rows r;
    int64_t have = 0;
    uint32_t got = 0;
    *out = NULL;
    *n = 0;
    pqi_status st = pqi_cdb_int(c->db, &have,
        "SELECT count(*) FROM pqi_leaves WHERE root_version = $1 AND seq = $2", "ii",
        (int64_t)root_version, (int64_t)seq);
    if (st != PQI_OK || have == 0) {
        return st;
    }
    pqi_control_member *m =
        have <= (int64_t)PQI_CONTROL_ROSTER_MAX ? calloc((size_t)have, sizeof *m) : NULL;
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_cdb_query(c->db, &r,
        "SELECT roster_index, key_epoch, cert_hash, device, not_after FROM pqi_leaves"
        " WHERE root_version = $1 AND seq = $2 ORDER BY position",
        "ii", (int64_t)root_version, (int64_t)seq);
    if (st == PQI_OK) {
        while ((st = pqi_cdb_step(&r)) == PQI_OK && (int64_t)got < have) {
            st = read_member(&r, &m[got++]);
            if (st != PQI_OK) {
                break;
            }
        }
        pqi_cdb_done(&r);
    }
    if (st != PQI_ERR_MISSING) {
        free(m);
        return st == PQI_OK ? PQI_ERR_STORAGE : st;
    }
    *out = m;
    *n = got;
    return PQI_OK;
}

static int by_id(const void *x, const void *y, void *members)
{
    const pqi_control_member *m = members;
    return strcmp(m[*(const uint32_t *)x].id, m[*(const uint32_t *)y].id);
}

uint32_t pqi_control_leaf_find(const pqi_control_leaves *l, pqi_cspan id)
{
    char key[PQI_ID_MAX + 1];
    uint32_t lo = 0, hi = l->n;
    if (id.len == 0 || id.len > PQI_ID_MAX) {
        return UINT32_MAX;
    }
    memcpy(key, id.ptr, id.len);
    key[id.len] = '\0';
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int d = strcmp(l->members[l->by_id[mid]].id, key);
        if (d == 0) {
            return l->by_id[mid];
        }
        if (d < 0) {
            lo = mid + 1;
        } else {
            hi = mid;
        }
    }
    return UINT32_MAX;
}

static pqi_status index_leaves(pqi_host_control *c, pqi_control_leaves *l)
{
    uint8_t(*hashes)[PQI_HASH_LEN] = calloc(l->n, PQI_HASH_LEN);
    l->by_id = calloc(l->n, sizeof *l->by_id);
    pqi_status st =
        hashes != NULL && l->by_id != NULL ? PQI_OK : pqi_why(PQI_ERR_LIMIT, "out of memory");
    for (uint32_t i = 0; i < l->n && st == PQI_OK; i++) {
        l->by_id[i] = i;
        st = pqi_leaf_hash(&c->algs, &l->members[i].leaf, hashes[i]);
    }
    if (st == PQI_OK) {
        st = pqi_control_tree_build(&c->algs, &l->tree, hashes, l->n);
    }
    if (st == PQI_OK) {
        size_t top = l->tree.level[l->tree.levels - 1];
        if (memcmp(l->tree.nodes[top], c->view.head.roster_root, PQI_HASH_LEN) != 0) {
            st = pqi_why(PQI_ERR_STORAGE, "the store is damaged: leaves that are not the roster's");
        }
    }
    free(hashes);
    return st;
}

pqi_status pqi_control_leaves_load(pqi_host_control *c)
{
    pqi_control_leaves l;
    const uint32_t root = c->view.root_version, seq = c->view.head.roster_seq;
    const int whole = c->leaves.n != 0 || c->view.head.roster_size == 0; /* may be put again */
    if (c->leaves.root_version == root && c->leaves.seq == seq && whole) {
        return PQI_OK;
    }
    memset(&l, 0, sizeof l);
    l.root_version = root;
    l.seq = seq;
    pqi_status st = seq != 0 ? pqi_control_members(c, root, seq, &l.members, &l.n) : PQI_OK;
    if (st == PQI_OK && l.n != 0) {
        st = index_leaves(c, &l);
    }
    pqi_control_bucket *b = st == PQI_OK && l.n != 0 ? calloc(l.n, sizeof *b) : NULL;
    if (st == PQI_OK && l.n != 0 && b == NULL) {
        st = pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    if (st != PQI_OK) {
        pqi_control_leaves_free(&l);
        free(b);
        return st;
    }
    if (l.n != 0) {
        qsort_r(l.by_id, l.n, sizeof *l.by_id, by_id, l.members);
    }
    free(c->device);
    c->device = b;
    pqi_control_leaves_free(&c->leaves);
    c->leaves = l;
    for (uint32_t i = 0; i < c->n_questions; i++) {
        c->questions[i].position = pqi_control_leaf_find(&c->leaves, c->questions[i].ask.id);
    }
    return PQI_OK;
}
