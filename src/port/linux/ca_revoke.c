/* SPDX-License-Identifier: Apache-2.0
 * Revoking devices and key epochs. */
#include "port/linux/ca_int.h"

#include <stdio.h>
#include <string.h>

/* *changed 0: it is so already. */
static pqi_status revoke_one(pqi_host_ca *ca, pqi_cspan id, pqi_revoked r, int *changed)
{
    char detail[96];
    int64_t have = 0;
    uint32_t seq = 0;
    pqi_ca_device d;
    *changed = 0;
    if (pqi_id_check(id) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "a device id has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    pqi_status st = pqi_ca_device_row(ca, id, &d);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(st, "%.*s is not on the allow-list", (int)id.len, id.ptr);
    }
    if (st == PQI_OK && r.min_key_epoch != PQI_CA_FOREVER && r.min_key_epoch > d.last_epoch + 1) {
        return pqi_why(
            PQI_ERR_MISSING, "%.*s has no key epoch %u", (int)id.len, id.ptr, r.min_key_epoch - 1);
    }
    if (st == PQI_OK) {
        st = pqi_ca_int(ca->db, &have,
            "SELECT ifnull(max(min_key_epoch), 0) FROM revlog WHERE roster_index = ?"
            " AND root_version = (SELECT root_version FROM meta)",
            "i", (int64_t)d.roster_index);
    }
    if (st != PQI_OK || have >= (int64_t)r.min_key_epoch) {
        return st;
    }
    r.roster_index = d.roster_index;
    st = pqi_ca_log_append(ca, &r);
    if (st == PQI_OK) {
        st = pqi_ca_log_seq(ca, &seq);
    }
    if (st != PQI_OK) {
        return st;
    }
    *changed = 1;
    (void)snprintf(detail, sizeof detail, "%s %u reason %u entry %u",
        r.min_key_epoch == PQI_CA_FOREVER ? "device" : "epochs to",
        r.min_key_epoch == PQI_CA_FOREVER ? 0u : r.min_key_epoch - 1u, r.reason, seq);
    return pqi_ca_audit(ca, "revoke", id, detail);
}

/* Inside a transaction; *changed: how many entries were added. */
static pqi_status revoke_all(pqi_host_ca *ca, const pqi_cspan *ids, size_t n, const pqi_revoked *r,
    uint32_t *seq, size_t *changed, size_t *failed)
{
    pqi_status st = PQI_OK;
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        int one = 0;
        st = revoke_one(ca, ids[i], *r, &one);
        *changed += one ? 1u : 0u;
        if (st != PQI_OK) {
            *failed = i;
        }
    }
    if (st == PQI_OK && *changed != 0) {
        st = pqi_ca_log_apply(ca);
    }
    return st == PQI_OK ? pqi_ca_log_seq(ca, seq) : st;
}

pqi_status pqi_host_ca_revoke_many(pqi_host_ca *ca, const pqi_cspan *ids, size_t n, uint32_t epoch,
    uint8_t reason, uint64_t *seq, size_t *failed)
{
    char detail[96];
    const pqi_cspan none = {NULL, 0};
    size_t changed = 0;
    uint32_t now = 0;
    pqi_why_clear();
    if (ca == NULL || (ids == NULL && n != 0) || seq == NULL || failed == NULL ||
        epoch >= PQI_CA_FOREVER - 1) {
        return pqi_why(PQI_ERR_ARG, "device ids, and an epoch or 0, are needed");
    }
    *seq = 0;
    *failed = n;
    const pqi_revoked r = {0, epoch == 0 ? PQI_CA_FOREVER : epoch + 1, reason};
    pqi_status st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = revoke_all(ca, ids, n, &r, &now, &changed, failed);
    if (st != PQI_OK || changed == 0) {
        st = pqi_ca_abort(ca, st);
    } else {
        (void)snprintf(detail, sizeof detail, "added %zu of %zu, log %u", changed, n, now);
        st = pqi_ca_commit(ca, "revocations", none, detail);
    }
    *seq = st == PQI_OK ? now : 0;
    return st;
}

pqi_status pqi_host_ca_revoke(
    pqi_host_ca *ca, pqi_cspan id, uint32_t epoch, uint8_t reason, uint64_t *seq)
{
    size_t failed = 0;
    return pqi_host_ca_revoke_many(ca, &id, 1, epoch, reason, seq, &failed);
}
