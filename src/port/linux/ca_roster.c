/* SPDX-License-Identifier: Apache-2.0
 * The roster: which certificates are in force, in one signed root. */
#include "port/linux/ca_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Active and not past its end: with ?1, now. */
#define MEMBERS_SQL                                                                                \
    "FROM certs c JOIN devices d ON d.id = c.device WHERE c.state = 'active' AND d.state <> "      \
    "'revoked' AND (c.not_after = 0 OR c.not_after > ?1)"

void pqi_host_ca_members_free(pqi_host_ca_member *members)
{
    free(members);
}

static pqi_status read_member(pqi_host_ca *ca, sqlite3_stmt *s, pqi_host_ca_member *m)
{
    pqi_cspan id = pqi_ca_col(s, 1), cert = pqi_ca_col(s, 4);
    if (id.len > PQI_ID_MAX) {
        return pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible device");
    }
    memcpy(m->id, id.ptr, id.len);
    m->leaf.roster_index = (uint32_t)sqlite3_column_int64(s, 0);
    m->leaf.key_epoch = (uint32_t)sqlite3_column_int64(s, 2);
    m->not_after = (uint64_t)sqlite3_column_int64(s, 3);
    return ca->algs.classic->hash(PQI_HASH_SHA256, &cert, 1, m->leaf.cert_hash);
}

/* Inside a transaction. */
static pqi_status read_members(pqi_host_ca *ca, pqi_host_ca_member **out, uint32_t *n)
{
    int64_t count = 0;
    sqlite3_stmt *s = NULL;
    const int64_t now = pqi_ca_now(ca);
    pqi_status st = pqi_ca_int(ca->db, &count, "SELECT count(*) " MEMBERS_SQL, "i", now);
    if (st != PQI_OK) {
        return st;
    }
    pqi_host_ca_member *m = calloc((size_t)count + 1u, sizeof *m);
    if (m == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = pqi_ca_prepare(ca->db, &s,
        "SELECT d.roster_index, d.id, c.key_epoch, c.not_after, c.encoded " MEMBERS_SQL
        " ORDER BY d.roster_index",
        "i", now);
    uint32_t k = 0;
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK && k < (uint64_t)count) {
        st = read_member(ca, s, &m[k]);
        k++;
    }
    (void)sqlite3_finalize(s);
    if (st != PQI_OK && st != PQI_ERR_MISSING) {
        free(m);
        return st;
    }
    *out = m;
    *n = k;
    return PQI_OK;
}

static pqi_status tree(
    const pqi_host_ca *ca, const pqi_host_ca_member *m, uint32_t n, uint8_t root[PQI_HASH_LEN])
{
    uint8_t(*leaves)[PQI_HASH_LEN] = calloc((size_t)n + 1u, sizeof *leaves);
    pqi_status st = leaves == NULL ? pqi_why(PQI_ERR_LIMIT, "out of memory") : PQI_OK;
    for (uint32_t i = 0; i < n && st == PQI_OK; i++) {
        st = pqi_leaf_hash(&ca->algs, &m[i].leaf, leaves[i]);
    }
    if (st == PQI_OK) {
        st = pqi_roster_root(&ca->algs, leaves, n, root);
    }
    free(leaves);
    return st;
}

static pqi_status sign(pqi_host_ca *ca, pqi_roster *r, pqi_span out, size_t *out_len)
{
    pqi_ca_issuer issuer;
    pqi_status st = pqi_ca_issuer_get(ca, &ca->manifest, &issuer);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_roster_build(&ca->algs, issuer.p, issuer.key, r, out, out_len);
    if (st == PQI_OK) { /* what we sign is what others accept */
        st = pqi_roster_decode(&ca->algs, (pqi_cspan){out.ptr, *out_len}, r);
    }
    if (st == PQI_OK) {
        st = pqi_roster_verify(&ca->algs, r, &ca->manifest, ca->tmp);
    }
    return st == PQI_OK ? st : pqi_why(st, "cannot sign the roster: %s", pqi_status_text(st));
}

/* Inside a transaction: reads, signs, and takes the next number. */
static pqi_status make(
    pqi_host_ca *ca, pqi_roster *r, pqi_span out, size_t *out_len, pqi_host_ca_member **members)
{
    int64_t seq = 0;
    pqi_status st = pqi_ca_int(ca->db, &seq, "SELECT roster_seq FROM meta", "");
    if (st == PQI_OK && seq >= (int64_t)UINT32_MAX) {
        return pqi_why(PQI_ERR_LIMIT, "there are no roster numbers left");
    }
    if (st == PQI_OK) {
        st = read_members(ca, members, &r->size);
    }
    if (st == PQI_OK) {
        st = tree(ca, *members, r->size, r->root);
    }
    if (st == PQI_OK) {
        memcpy(r->fleet_id, ca->manifest.fleet_id, sizeof r->fleet_id);
        r->root_version = ca->manifest.root_version;
        r->seq = (uint32_t)seq + 1u;
        st = sign(ca, r, out, out_len);
    }
    return st == PQI_OK ? pqi_ca_run(ca->db, "UPDATE meta SET roster_seq = ?", "i", seq + 1) : st;
}

pqi_status pqi_host_ca_roster(
    pqi_host_ca *ca, pqi_span out, size_t *out_len, pqi_host_ca_member **members, uint32_t *n)
{
    char detail[64];
    const pqi_cspan none = {NULL, 0};
    pqi_roster r;
    pqi_why_clear();
    if (ca == NULL || out_len == NULL || members == NULL || n == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    *members = NULL;
    *n = 0;
    memset(&r, 0, sizeof r);
    pqi_status st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = make(ca, &r, out, out_len, members);
    if (st == PQI_OK) {
        (void)snprintf(detail, sizeof detail, "number %u of %u devices", r.seq, r.size);
        st = pqi_ca_commit(ca, "roster", none, detail);
    } else {
        st = pqi_ca_abort(ca, st);
    }
    if (st != PQI_OK) {
        free(*members);
        *members = NULL;
        *out_len = 0;
        return st;
    }
    *n = r.size;
    return PQI_OK;
}
