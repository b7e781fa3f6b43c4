/* SPDX-License-Identifier: Apache-2.0
 * Merkle trees of rosters and nonces: RFC 9162 section 2.1. docs/spec/control.md sections 1.3 and 1.6.
 *
 * The tree of n leaves splits at the largest power of two below n. That is the same as joining
 * neighbours level by level and carrying an odd last one up as it is, which is done here. */
#include "base/mem.h"
#include "base/rd.h"
#include "base/wr.h"
#include "ct/ct.h"
#include "ident/ident.h"
#include <pqi/control.h>

#define LEAF_TAG 0u /* RFC 9162 section 2.1.1: first byte of what is hashed */
#define NODE_TAG 1u

#define PATH_HEAD 12u

static pqi_status leaf_hash(
    const pqi_algs *a, pqi_cspan label, pqi_cspan x, pqi_cspan y, uint8_t out[PQI_HASH_LEN])
{
    static const uint8_t tag[1] = {LEAF_TAG};
    const pqi_cspan parts[4] = {{tag, sizeof tag}, label, x, y};
    return a->classic->hash(PQI_HASH_SHA256, parts, 4, out);
}

pqi_status pqi_leaf_hash(const pqi_algs *a, const pqi_leaf *leaf, uint8_t out[PQI_HASH_LEN])
{
    uint8_t numbers[8];
    wr w = wr_of((pqi_span){numbers, sizeof numbers});
    wr_u32(&w, leaf->roster_index);
    wr_u32(&w, leaf->key_epoch);
    return leaf_hash(a, (pqi_cspan){PQI_LIT("PQI4 leaf")}, (pqi_cspan){numbers, sizeof numbers},
        (pqi_cspan){leaf->cert_hash, PQI_HASH_LEN}, out);
}

pqi_status pqi_nonce_leaf(const pqi_algs *a, const uint8_t nonce[PQI_NONCE_LEN],
    const uint8_t kid[PQI_KID_LEN], uint8_t out[PQI_HASH_LEN])
{
    return leaf_hash(a, (pqi_cspan){PQI_LIT("PQI4 nonce")}, (pqi_cspan){nonce, PQI_NONCE_LEN},
        (pqi_cspan){kid, PQI_KID_LEN}, out);
}

/* out may be x or y. */
static pqi_status node_hash(const pqi_algs *a, const uint8_t x[PQI_HASH_LEN],
    const uint8_t y[PQI_HASH_LEN], uint8_t out[PQI_HASH_LEN])
{
    static const uint8_t tag[1] = {NODE_TAG};
    const pqi_cspan parts[3] = {{tag, sizeof tag}, {x, PQI_HASH_LEN}, {y, PQI_HASH_LEN}};
    uint8_t h[PQI_HASH_LEN];
    pqi_status st = a->classic->hash(PQI_HASH_SHA256, parts, 3, h);
    if (st == PQI_OK) {
        memcpy(out, h, PQI_HASH_LEN);
    }
    return st;
}

/* ---- paths ------------------------------------------------------------------------------------- */

/* Climbs one level: where we are, and where the last node of the level is. */
typedef struct climb {
    uint32_t at, last;
} climb;

/* Up to the next level on which the node has a sibling. 1: it is on the left; 0: on the right;
 * -1: this is the root. */
static int next_sibling(climb *c)
{
    if (c->last == 0) {
        return -1;
    }
    while ((c->at & 1u) == 0 && c->at == c->last) { /* odd one out: carried up as it is */
        c->at >>= 1;
        c->last >>= 1;
    }
    int left = (int)(c->at & 1u);
    c->at >>= 1;
    c->last >>= 1;
    return left;
}

static uint32_t path_hashes(uint32_t size, uint32_t position)
{
    climb c = {position, size - 1u};
    uint32_t n = 0;
    while (next_sibling(&c) >= 0) {
        n++;
    }
    return n;
}

pqi_status pqi_path_decode(pqi_cspan in, pqi_path *out)
{
    pqi_path p = {0};
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_PATH_MAX) {
        return PQI_ERR_DECODE;
    }
    rd r = rd_of(in);
    p.roster_seq = rd_u32(&r);
    p.size = rd_u32(&r);
    p.position = rd_u32(&r);
    if (r.bad || p.position >= p.size) {
        return PQI_ERR_DECODE;
    }
    p.n = path_hashes(p.size, p.position);
    p.hashes = rd_bytes(&r, (size_t)p.n * PQI_HASH_LEN);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        *out = p;
    }
    return st;
}

/* From the leaf hash up; a path that was not decoded is checked just as well. */
static pqi_status climb_to_root(const pqi_algs *a, const uint8_t leaf[PQI_HASH_LEN],
    const pqi_path *path, const uint8_t root[PQI_HASH_LEN])
{
    if (path->position >= path->size) {
        return PQI_ERR_AUTH;
    }
    uint8_t h[PQI_HASH_LEN];
    memcpy(h, leaf, PQI_HASH_LEN);
    climb c = {path->position, path->size - 1u};
    rd r = rd_of(path->hashes);
    pqi_status st = PQI_OK;
    for (int left = next_sibling(&c); left >= 0 && st == PQI_OK; left = next_sibling(&c)) {
        pqi_cspan other = rd_bytes(&r, PQI_HASH_LEN);
        if (r.bad) {
            return PQI_ERR_AUTH;
        }
        st = left ? node_hash(a, other.ptr, h, h) : node_hash(a, h, other.ptr, h);
    }
    if (st != PQI_OK) {
        return st;
    }
    return rd_done(&r) == PQI_OK && pqi_ct_eq(h, root, PQI_HASH_LEN) ? PQI_OK : PQI_ERR_AUTH;
}

pqi_status pqi_path_check(
    const pqi_algs *a, const pqi_leaf *leaf, const pqi_path *path, const uint8_t root[PQI_HASH_LEN])
{
    uint8_t h[PQI_HASH_LEN];
    pqi_status st = pqi_leaf_hash(a, leaf, h);
    return st == PQI_OK ? climb_to_root(a, h, path, root) : st;
}

pqi_status pqi_nonce_check(const pqi_algs *a, const uint8_t leaf[PQI_HASH_LEN],
    const pqi_path *path, const uint8_t root[PQI_HASH_LEN])
{
    return path->roster_seq == 0 ? climb_to_root(a, leaf, path, root) : PQI_ERR_AUTH;
}

/* ---- making ------------------------------------------------------------------------------------ */

pqi_status pqi_ident_join_level(const pqi_algs *a, uint8_t (*nodes)[PQI_HASH_LEN], uint32_t n)
{
    for (uint32_t i = 0; i < n / 2; i++) {
        size_t k = 2 * (size_t)i;
        pqi_status st = node_hash(a, nodes[k], nodes[k + 1], nodes[i]);
        if (st != PQI_OK) {
            return st;
        }
    }
    if (n % 2 != 0) {
        memmove(nodes[n / 2], nodes[n - 1], PQI_HASH_LEN);
    }
    return PQI_OK;
}

pqi_status pqi_roster_root(
    const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN], uint32_t n, uint8_t root[PQI_HASH_LEN])
{
    if (a == NULL || root == NULL || (leaves == NULL && n != 0)) {
        return PQI_ERR_ARG;
    }
    if (n == 0) {
        return a->classic->hash(PQI_HASH_SHA256, NULL, 0, root);
    }
    pqi_status st = PQI_OK;
    for (; n > 1 && st == PQI_OK; n = n / 2 + n % 2) {
        st = pqi_ident_join_level(a, leaves, n);
    }
    if (st == PQI_OK) {
        memcpy(root, leaves[0], PQI_HASH_LEN);
    }
    return st;
}

pqi_status pqi_path_build(const pqi_algs *a, uint8_t (*leaves)[PQI_HASH_LEN], const pqi_path *of,
    uint8_t root[PQI_HASH_LEN], pqi_span out, size_t *out_len)
{
    if (a == NULL || leaves == NULL || of == NULL || root == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (of->position >= of->size) {
        return PQI_ERR_ARG;
    }
    size_t need = PATH_HEAD + (size_t)path_hashes(of->size, of->position) * PQI_HASH_LEN;
    if (out.ptr == NULL || out.len < need) {
        *out_len = need;
        return PQI_ERR_SPACE;
    }
    wr w = wr_of(out);
    wr_u32(&w, of->roster_seq);
    wr_u32(&w, of->size);
    wr_u32(&w, of->position);
    uint32_t at = of->position;
    for (uint32_t n = of->size; n > 1; n = n / 2 + n % 2) {
        if ((at ^ 1u) < n) {
            wr_bytes(&w, (pqi_cspan){leaves[at ^ 1u], PQI_HASH_LEN});
        }
        pqi_status st = pqi_ident_join_level(a, leaves, n);
        if (st != PQI_OK) {
            return st;
        }
        at >>= 1;
    }
    memcpy(root, leaves[0], PQI_HASH_LEN);
    return wr_done(&w, out_len);
}
