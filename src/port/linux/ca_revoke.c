/* SPDX-License-Identifier: Apache-2.0
 * Revocation and the signed snapshot. */
#include "port/linux/ca_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static pqi_status collect(pqi_host_ca *ca, pqi_revoked *entries, size_t *n)
{
    sqlite3_stmt *s = NULL;
    *n = 0;
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT roster_index, min_key_epoch, reason FROM revocations ORDER BY roster_index", "");
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        if (*n == PQI_REVOKED_MAX) {
            st = pqi_why(PQI_ERR_LIMIT,
                "a snapshot holds %u revocations: rotate the fleet's root to start a new list",
                PQI_REVOKED_MAX);
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

pqi_status pqi_ca_snapshot(pqi_host_ca *ca, uint64_t seq)
{
    pqi_revocations head;
    size_t n = 0, len = 0;
    pqi_revoked *entries = calloc(PQI_REVOKED_MAX, sizeof *entries);
    if (entries == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    memset(&head, 0, sizeof head);
    memcpy(head.fleet_id, ca->manifest.fleet_id, sizeof head.fleet_id);
    head.root_version = ca->manifest.root_version;
    head.seq = seq;
    pqi_span out = {ca->object.ptr, PQI_REVOCATIONS_MAX};
    pqi_status st = collect(ca, entries, &n);
    if (st == PQI_OK) {
        st = pqi_revocations_build(
            &ca->algs, ca->provider, PQI_HANDLE_CA_ISSUER, &head, entries, n, out, &len);
    }
    free(entries);
    if (st != PQI_OK) {
        return pqi_why_else(st, "cannot sign the revocations: %s", pqi_status_text(st));
    }
    pqi_cspan bytes = {ca->object.ptr, len};
    st = pqi_revocations_decode(&ca->algs, bytes, &head); /* what we sign is what others accept */
    if (st == PQI_OK) {
        st = pqi_revocations_verify(&ca->algs, &head, &ca->manifest, ca->tmp);
    }
    if (st != PQI_OK) {
        return pqi_why(st, "the new revocation snapshot does not verify");
    }
    return pqi_ca_run(
        ca->db, "UPDATE meta SET rev_seq = ?, revocations = ?", "ib", (int64_t)seq, bytes);
}

static pqi_status write_revocation(
    pqi_host_ca *ca, pqi_cspan id, const pqi_ca_device *d, const pqi_revoked *r, int64_t seq)
{
    pqi_status st = pqi_ca_run(ca->db,
        "INSERT INTO revocations(roster_index, min_key_epoch, reason, seq) VALUES(?, ?, ?, ?)"
        " ON CONFLICT(roster_index) DO UPDATE SET min_key_epoch = excluded.min_key_epoch,"
        " reason = excluded.reason, seq = excluded.seq",
        "iiii", (int64_t)d->roster_index, (int64_t)r->min_key_epoch, (int64_t)r->reason, seq);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "UPDATE certs SET state = 'revoked', granted = NULL WHERE device = ? AND key_epoch < ?",
            "ti", id, (int64_t)r->min_key_epoch);
    }
    if (st == PQI_OK && r->min_key_epoch == PQI_CA_FOREVER) {
        st = pqi_ca_run(ca->db, "UPDATE devices SET state = 'revoked' WHERE id = ?", "t", id);
        if (st == PQI_OK) {
            st = pqi_ca_run(ca->db, "DELETE FROM challenges WHERE device = ?", "t", id);
        }
    }
    return st;
}

static pqi_status revoke(pqi_host_ca *ca, pqi_cspan id, pqi_revoked *r, uint64_t *seq, int *changed)
{
    int64_t have = 0, last = 0;
    pqi_ca_device d;
    pqi_status st = pqi_ca_device_row(ca, id, &d);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "%.*s is not on the allow-list", (int)id.len, id.ptr);
    }
    if (st == PQI_OK && r->min_key_epoch != PQI_CA_FOREVER && r->min_key_epoch > d.last_epoch + 1) {
        return pqi_why(
            PQI_ERR_MISSING, "%.*s has no key epoch %u", (int)id.len, id.ptr, r->min_key_epoch - 1);
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &last, "SELECT rev_seq FROM meta", "");
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_int(ca->db, &have, "SELECT min_key_epoch FROM revocations WHERE roster_index = ?",
        "i", (int64_t)d.roster_index);
    if (st == PQI_OK && have >= (int64_t)r->min_key_epoch) {
        *seq = (uint64_t)last; /* already so */
        *changed = 0;
        return PQI_OK;
    }
    if (st != PQI_OK && st != PQI_ERR_MISSING) {
        return st;
    }
    r->roster_index = d.roster_index;
    *changed = 1;
    *seq = (uint64_t)last + 1;
    st = write_revocation(ca, id, &d, r, last + 1);
    return st == PQI_OK ? pqi_ca_snapshot(ca, *seq) : st;
}

pqi_status pqi_host_ca_revoke(
    pqi_host_ca *ca, pqi_cspan id, uint32_t epoch, uint8_t reason, uint64_t *seq)
{
    char detail[96];
    int changed = 0;
    pqi_why_clear();
    if (ca == NULL || seq == NULL || pqi_id_check(id) != PQI_OK || epoch >= PQI_CA_FOREVER - 1) {
        return pqi_why(PQI_ERR_ARG, "a device id, and an epoch or 0, are needed");
    }
    *seq = 0;
    pqi_revoked r = {0, epoch == 0 ? PQI_CA_FOREVER : epoch + 1, reason};
    pqi_status st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = revoke(ca, id, &r, seq, &changed);
    if (st != PQI_OK || !changed) {
        st = pqi_ca_abort(ca, st);
    } else {
        (void)snprintf(detail, sizeof detail, "%s %u reason %u seq %llu",
            epoch == 0 ? "device" : "epochs to", epoch, reason, (unsigned long long)*seq);
        st = pqi_ca_commit(ca, "revoke", id, detail);
    }
    if (st != PQI_OK) {
        *seq = 0;
    }
    return st;
}
