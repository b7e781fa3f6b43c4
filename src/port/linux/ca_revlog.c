/* SPDX-License-Identifier: Apache-2.0
 * The log of revocations: what it holds, what is signed of it, and what a published one adds to it. */
#include "port/linux/ca_int.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define LOG_SQL "FROM revlog WHERE root_version = (SELECT root_version FROM meta)"

pqi_status pqi_ca_log_seq(pqi_host_ca *ca, uint32_t *seq)
{
    int64_t n = 0;
    pqi_status st = pqi_ca_int(ca->db, &n, "SELECT ifnull(max(seq), 0) " LOG_SQL, "");
    *seq = (uint32_t)n; /* the schema bounds it */
    return st;
}

/* The whole log as bytes of entries. */
static pqi_status read_log(pqi_host_ca *ca, pqi_revoked *entries, size_t *n)
{
    sqlite3_stmt *s = NULL;
    *n = 0;
    pqi_status st = pqi_ca_prepare(
        ca->db, &s, "SELECT roster_index, min_key_epoch, reason " LOG_SQL " ORDER BY seq", "");
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        if (*n == PQI_REV_LOG_MAX) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible log of revocations");
            break;
        }
        entries[*n].roster_index = (uint32_t)sqlite3_column_int64(s, 0);
        entries[*n].min_key_epoch = (uint32_t)sqlite3_column_int64(s, 1);
        entries[*n].reason = (uint8_t)sqlite3_column_int64(s, 2);
        *n += 1;
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* The hash of the first n entries. */
static pqi_status log_hash(pqi_host_ca *ca, const pqi_revoked *entries, size_t n, uint8_t hash[32])
{
    pqi_status st =
        pqi_rev_log_start(&ca->algs, ca->manifest.fleet_id, ca->manifest.root_version, hash);
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        uint8_t bytes[PQI_REVOKED_LEN];
        pqi_revoked_write(&entries[i], bytes);
        st = pqi_rev_log_fold(&ca->algs, (pqi_cspan){bytes, sizeof bytes}, hash);
    }
    return st;
}

static pqi_status no_room(void)
{
    return pqi_why(PQI_ERR_LIMIT,
        "a log holds %u entries about %u devices: rotate the fleet's root to begin a new one",
        PQI_REV_LOG_MAX, PQI_REVOKED_MAX);
}

pqi_status pqi_ca_log_append(pqi_host_ca *ca, const pqi_revoked *r)
{
    uint32_t seq = 0;
    int64_t devices = 0;
    pqi_status st = pqi_ca_log_seq(ca, &seq);
    if (st == PQI_OK && seq >= PQI_REV_LOG_MAX) {
        return no_room();
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "INSERT INTO revlog(root_version, seq, roster_index, min_key_epoch, reason, at)"
            " SELECT root_version, ?, ?, ?, ?, ? FROM meta",
            "iiiii", (int64_t)seq + 1, (int64_t)r->roster_index, (int64_t)r->min_key_epoch,
            (int64_t)r->reason, pqi_ca_now(ca));
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &devices, "SELECT count(DISTINCT roster_index) " LOG_SQL, "");
    }
    return st == PQI_OK && devices > (int64_t)PQI_REVOKED_MAX ? no_room() : st;
}

pqi_status pqi_ca_log_apply(pqi_host_ca *ca)
{
    static const char *const steps[] = {
        "UPDATE devices SET state = 'revoked' WHERE state <> 'revoked' AND roster_index IN"
        " (SELECT roster_index FROM revlog WHERE min_key_epoch = 4294967295)",
        "UPDATE certs SET state = 'revoked', granted = NULL WHERE state <> 'revoked' AND key_epoch "
        "<"
        " (SELECT max(l.min_key_epoch) FROM revlog l JOIN devices d ON d.roster_index ="
        " l.roster_index WHERE d.id = certs.device)",
        "DELETE FROM challenges WHERE device IN (SELECT id FROM devices WHERE state = 'revoked')",
    };
    pqi_status st = PQI_OK;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0] && st == PQI_OK; i++) {
        st = pqi_ca_run(ca->db, steps[i], "");
    }
    return st;
}

/* ---- signing ------------------------------------------------------------------------------------ */

/* Who signs: role directories, or the issuer where there are none. */
typedef struct signers {
    pqi_host_role *const *roles;
    size_t n;
} signers;

static pqi_status build(pqi_host_ca *ca, const signers *by, const pqi_revocations *head,
    const pqi_revoked *entries, size_t n, pqi_span out, size_t *len)
{
    const pqi_cspan none = {NULL, 0};
    pqi_ca_issuer issuer;
    if (by->n != 0) {
        return pqi_host_roles_sign_revocations(by->roles, by->n, head, entries, n, none, out, len);
    }
    if (ca->manifest.threshold[PQI_ROLE_REVOKER] != 0) {
        return pqi_why(PQI_ERR_POLICY,
            "the root manifest names a revoker: the log needs the signature of its key");
    }
    pqi_status st = pqi_ca_issuer_get(ca, &ca->manifest, &issuer);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_revocations_build(&ca->algs, issuer.p, &issuer.key, 1, head, entries, n, out, len);
    return st == PQI_OK ? st : pqi_why(st, "cannot sign the revocations: %s", pqi_status_text(st));
}

static pqi_status sign_log(pqi_host_ca *ca, const signers *by, uint32_t from,
    const pqi_revoked *entries, size_t n, pqi_span out, size_t *len, int *quorum)
{
    pqi_revocations head;
    if (from > n || (from == n && n != 0)) {
        return pqi_why(PQI_ERR_MISSING, "the log of revocations has %zu entries: none behind %u", n,
            (unsigned)from);
    }
    memset(&head, 0, sizeof head);
    memcpy(head.fleet_id, ca->manifest.fleet_id, sizeof head.fleet_id);
    head.root_version = ca->manifest.root_version;
    head.from = from;
    pqi_status st = log_hash(ca, entries, from, head.prev);
    if (st == PQI_OK) {
        st = build(ca, by, &head, entries + from, n - from, out, len);
    }
    if (st != PQI_OK) {
        return pqi_why_else(st, "cannot sign the revocations: %s", pqi_status_text(st));
    }
    st = pqi_revocations_decode(&ca->algs, (pqi_cspan){out.ptr, *len}, &head);
    if (st == PQI_OK) { /* what we sign is what others accept */
        st = pqi_revocations_verify(&ca->algs, &head, &ca->manifest, ca->tmp, quorum);
    }
    if (st != PQI_OK) {
        memset(out.ptr, 0, *len);
        *len = 0;
        return by->n != 0 ? pqi_why(PQI_ERR_POLICY,
                                "these keys are not enough: the manifest asks for the revoker's")
                          : pqi_why(st, "the signed revocations do not verify");
    }
    return PQI_OK;
}

pqi_status pqi_host_ca_revocations_signed(pqi_host_ca *ca, uint32_t from,
    pqi_host_role *const *roles, size_t n_roles, pqi_span out, size_t *out_len, int *quorum)
{
    const signers by = {roles, n_roles};
    size_t n = 0;
    pqi_why_clear();
    if (ca == NULL || out_len == NULL || quorum == NULL || (roles == NULL && n_roles != 0)) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *out_len = 0;
    *quorum = 0;
    pqi_revoked *entries = calloc(PQI_REV_LOG_MAX, sizeof *entries);
    if (entries == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = read_log(ca, entries, &n);
    if (st == PQI_OK) {
        st = sign_log(ca, &by, from, entries, n, out, out_len, quorum);
    }
    free(entries);
    return st;
}

pqi_status pqi_host_ca_revocations_from(
    pqi_host_ca *ca, uint32_t from, pqi_span out, size_t *out_len)
{
    int quorum = 0;
    return pqi_host_ca_revocations_signed(ca, from, NULL, 0, out, out_len, &quorum);
}

pqi_status pqi_host_ca_revocations(pqi_host_ca *ca, pqi_span out, size_t *out_len)
{
    return pqi_host_ca_revocations_from(ca, 0, out, out_len);
}

/* ---- a new root version ------------------------------------------------------------------------- */

/* Is there a later entry about the same device that says as much or more? */
static bool is_outdone(const pqi_revoked *entries, size_t n, size_t i)
{
    for (size_t j = 0; j < n; j++) {
        if (entries[j].roster_index == entries[i].roster_index && j != i &&
            (entries[j].min_key_epoch > entries[i].min_key_epoch ||
                (entries[j].min_key_epoch == entries[i].min_key_epoch && j < i))) {
            return true;
        }
    }
    return false;
}

pqi_status pqi_ca_log_carry(pqi_host_ca *ca, uint32_t version, uint32_t *carried)
{
    size_t n = 0;
    *carried = 0;
    pqi_revoked *entries = calloc(PQI_REV_LOG_MAX, sizeof *entries);
    if (entries == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = read_log(ca, entries, &n);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE meta SET root_version = ?", "i", (int64_t)version);
    }
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        if (!is_outdone(entries, n, i)) {
            st = pqi_ca_log_append(ca, &entries[i]);
            *carried += 1;
        }
    }
    free(entries);
    return st;
}

/* ---- a published log ---------------------------------------------------------------------------- */

/* Where both are long enough they are the same, entry for entry: the hash says so. */
static pqi_status same_history(
    pqi_host_ca *ca, const pqi_revocations *r, const pqi_revoked *entries, size_t n)
{
    uint8_t ours[32], theirs[32];
    size_t end = (size_t)r->from + r->count;
    size_t upto = end < n ? end : n;
    if (r->from > n) {
        return pqi_why(PQI_ERR_AUTH,
            "these revocations begin behind entry %zu, the last one here: the whole log is needed",
            n);
    }
    pqi_status st = log_hash(ca, entries, upto, ours);
    memcpy(theirs, r->prev, sizeof theirs);
    if (st == PQI_OK) {
        const pqi_cspan part = {r->entries.ptr, (upto - r->from) * PQI_REVOKED_LEN};
        st = pqi_rev_log_fold(&ca->algs, part, theirs);
    }
    return st == PQI_OK && memcmp(ours, theirs, sizeof ours) != 0
               ? pqi_why(PQI_ERR_AUTH, "the published log of revocations and this registry's have "
                                       "gone separate ways: "
                                       "only a new root version unites them")
               : st;
}

static pqi_status merge_into(
    pqi_host_ca *ca, const pqi_revocations *r, pqi_revoked *entries, uint32_t *merged)
{
    size_t n = 0;
    pqi_status st = read_log(ca, entries, &n);
    if (st == PQI_OK) {
        st = same_history(ca, r, entries, n);
    }
    for (size_t i = n; st == PQI_OK && i < (size_t)r->from + r->count; i++) {
        pqi_revoked e = pqi_revocations_at(r, (uint32_t)(i - r->from));
        st = pqi_ca_log_append(ca, &e);
        *merged += st == PQI_OK ? 1u : 0u;
    }
    return st == PQI_OK ? pqi_ca_log_apply(ca) : st;
}

pqi_status pqi_ca_log_merge(pqi_host_ca *ca, pqi_cspan in, uint32_t *merged)
{
    pqi_revocations r;
    int quorum = 0;
    *merged = 0;
    if (in.len == 0) {
        return PQI_OK;
    }
    pqi_status st = pqi_revocations_decode(&ca->algs, in, &r);
    if (st == PQI_OK) {
        st = pqi_revocations_verify(&ca->algs, &r, &ca->manifest, ca->tmp, &quorum);
    }
    if (st != PQI_OK) {
        return pqi_why(st, "this is no revocation log of this fleet and root version");
    }
    pqi_revoked *entries = calloc(PQI_REV_LOG_MAX, sizeof *entries);
    if (entries == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    st = merge_into(ca, &r, entries, merged);
    free(entries);
    return st;
}
