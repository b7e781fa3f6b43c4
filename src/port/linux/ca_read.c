/* SPDX-License-Identifier: Apache-2.0
 * Reading the registry. */
#include "port/linux/ca_int.h"

#include <stdlib.h>
#include <string.h>

static int text_col(sqlite3_stmt *s, int col, char *out, size_t room)
{
    pqi_cspan v = pqi_ca_col(s, col);
    if (v.len >= room) {
        return 0;
    }
    memset(out, 0, room);
    if (v.len > 0) {
        memcpy(out, v.ptr, v.len);
    }
    return 1;
}

static int blob_col(sqlite3_stmt *s, int col, uint8_t *out, size_t len)
{
    pqi_cspan v = pqi_ca_col(s, col);
    if (v.len != len) {
        return 0;
    }
    memcpy(out, v.ptr, len);
    return 1;
}

pqi_status pqi_host_ca_get_info(pqi_host_ca *ca, pqi_host_ca_info *out)
{
    sqlite3_stmt *s = NULL;
    pqi_why_clear();
    if (ca == NULL || out == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT fleet, generation, (SELECT count(*) FROM revlog l WHERE l.root_version ="
        " meta.root_version), (SELECT count(*) FROM devices),"
        " (SELECT count(*) FROM certs), (SELECT count(*) FROM certs WHERE state = 'pending'),"
        " (SELECT count(*) FROM certs WHERE state = 'active'),"
        " (SELECT count(*) FROM devices WHERE state = 'revoked'), roster_seq, issuer_dir FROM meta",
        "");
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        (void)text_col(s, 0, out->fleet, sizeof out->fleet);
        out->generation = (uint64_t)sqlite3_column_int64(s, 1);
        out->rev_seq = (uint64_t)sqlite3_column_int64(s, 2);
        out->devices = (uint64_t)sqlite3_column_int64(s, 3);
        out->certs = (uint64_t)sqlite3_column_int64(s, 4);
        out->pending = (uint64_t)sqlite3_column_int64(s, 5);
        out->active = (uint64_t)sqlite3_column_int64(s, 6);
        out->revoked_devices = (uint64_t)sqlite3_column_int64(s, 7);
        memcpy(out->fleet_id, ca->manifest.fleet_id, sizeof out->fleet_id);
        memcpy(out->manifest_hash, ca->manifest.hash, sizeof out->manifest_hash);
        out->root_version = ca->manifest.root_version;
        out->provider_caps = pqi_provider_caps(ca->provider);
        out->provider = pqi_provider_name(ca->provider);
        out->policy = ca->policy;
        out->roster_seq = (uint32_t)sqlite3_column_int64(s, 8);
        (void)text_col(s, 9, out->issuer_dir, sizeof out->issuer_dir);
        out->needs_revoker = ca->manifest.threshold[PQI_ROLE_REVOKER] != 0;
        for (uint32_t i = 0; i < ca->manifest.n_keys; i++) {
            const pqi_manifest_key *k = &ca->manifest.keys[i];
            out->root_alg = k->role == PQI_ROLE_ROOT ? k->alg : out->root_alg;
            out->issuer_alg = k->role == PQI_ROLE_ISSUER ? k->alg : out->issuer_alg;
        }
    }
    (void)sqlite3_finalize(s);
    return st;
}

#define DEVICE_SQL                                                                                 \
    "SELECT id, factory_fp, roster_index, roles, gwset, assurance, last_epoch, state = 'revoked'," \
    " ifnull((SELECT key_epoch FROM certs WHERE device = id AND state = 'active'), 0),"            \
    " ifnull((SELECT not_after FROM certs WHERE device = id AND state = 'active'), 0) FROM "       \
    "devices"

static pqi_status read_device(pqi_host_ca *ca, sqlite3_stmt *s, pqi_host_ca_device *d,
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1])
{
    memset(d, 0, sizeof *d);
    if (!text_col(s, 0, d->id, sizeof d->id) ||
        !blob_col(s, 1, d->factory_fp, sizeof d->factory_fp)) {
        return pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible device");
    }
    d->roster_index = (uint32_t)sqlite3_column_int64(s, 2);
    d->roles = (uint32_t)sqlite3_column_int64(s, 3);
    d->gwset = (uint32_t)sqlite3_column_int64(s, 4);
    d->assurance = (uint32_t)sqlite3_column_int64(s, 5);
    d->last_epoch = (uint32_t)sqlite3_column_int64(s, 6);
    d->revoked = sqlite3_column_int(s, 7);
    d->active_epoch = (uint32_t)sqlite3_column_int64(s, 8);
    d->not_after = (uint64_t)sqlite3_column_int64(s, 9);
    return pqi_ca_scopes(ca, pqi_ca_str(d->id), d->scopes, &d->n_scopes, mem);
}

pqi_status pqi_host_ca_each_device(
    pqi_host_ca *ca, int (*cb)(void *ctx, const pqi_host_ca_device *d), void *ctx)
{
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1];
    pqi_host_ca_device d;
    sqlite3_stmt *s = NULL;
    pqi_why_clear();
    if (ca == NULL || cb == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_ca_prepare(ca->db, &s, DEVICE_SQL " ORDER BY roster_index", "");
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        st = read_device(ca, s, &d, mem);
        if (st == PQI_OK && cb(ctx, &d) != 0) {
            break;
        }
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_host_ca_device_get(pqi_host_ca *ca, pqi_cspan id,
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1], pqi_host_ca_device *out)
{
    sqlite3_stmt *s = NULL;
    pqi_why_clear();
    if (ca == NULL || mem == NULL || out == NULL || pqi_id_check(id) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "a device id has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_ca_prepare(ca->db, &s, DEVICE_SQL " WHERE id = ?", "t", id);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        st = read_device(ca, s, out, mem);
    } else if (st == PQI_ERR_MISSING) {
        st = pqi_why(st, "%.*s is not on the allow-list", (int)id.len, id.ptr);
    }
    (void)sqlite3_finalize(s);
    return st;
}

static const char *state_name(pqi_cspan v)
{
    static const char *const names[] = {"pending", "active", "superseded", "revoked"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strlen(names[i]) == v.len && memcmp(names[i], v.ptr, v.len) == 0) {
            return names[i];
        }
    }
    return NULL;
}

static pqi_status read_cert(sqlite3_stmt *s, pqi_host_ca_cert *c, char id[PQI_ID_MAX + 1])
{
    memset(c, 0, sizeof *c);
    c->id = id;
    c->state = state_name(pqi_ca_col(s, 3));
    if (!text_col(s, 0, id, PQI_ID_MAX + 1) || !blob_col(s, 2, c->key_id, sizeof c->key_id) ||
        c->state == NULL) {
        return pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible certificate");
    }
    c->key_epoch = (uint32_t)sqlite3_column_int64(s, 1);
    c->issued_at = (uint64_t)sqlite3_column_int64(s, 4);
    c->confirmed_at = (uint64_t)sqlite3_column_int64(s, 5);
    c->not_after = (uint64_t)sqlite3_column_int64(s, 6);
    c->encoded = pqi_ca_col(s, 7);
    return PQI_OK;
}

pqi_status pqi_host_ca_each_cert(
    pqi_host_ca *ca, pqi_cspan id, int (*cb)(void *ctx, const pqi_host_ca_cert *c), void *ctx)
{
    char name[PQI_ID_MAX + 1];
    pqi_host_ca_cert c;
    sqlite3_stmt *s = NULL;
    pqi_why_clear();
    if (ca == NULL || cb == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT device, key_epoch, key_id, state, issued_at, ifnull(confirmed_at, 0), not_after,"
        " encoded FROM certs WHERE ?1 = '' OR device = ?1 ORDER BY device, key_epoch",
        "t", id);
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        st = read_cert(s, &c, name);
        if (st == PQI_OK && cb(ctx, &c) != 0) {
            break;
        }
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_host_ca_each_audit(
    pqi_host_ca *ca, pqi_cspan id, int (*cb)(void *ctx, const pqi_host_ca_audit *a), void *ctx)
{
    sqlite3_stmt *s = NULL;
    pqi_why_clear();
    if (ca == NULL || cb == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT seq, at, op, device, detail FROM audit WHERE ?1 = '' OR device = ?1 ORDER BY seq",
        "t", id);
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        const pqi_host_ca_audit a = {
            (uint64_t)sqlite3_column_int64(s, 0),
            (uint64_t)sqlite3_column_int64(s, 1),
            (const char *)sqlite3_column_text(s, 2),
            (const char *)sqlite3_column_text(s, 3),
            (const char *)sqlite3_column_text(s, 4),
        };
        if (a.op == NULL || a.device == NULL || a.detail == NULL) {
            st = pqi_why(PQI_ERR_LIMIT, "out of memory");
        } else if (cb(ctx, &a) != 0) {
            break;
        }
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

pqi_status pqi_host_ca_manifest_of(pqi_host_ca *ca, uint32_t version, pqi_span out, size_t *out_len)
{
    pqi_why_clear();
    if (ca == NULL || out_len == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    pqi_status st = pqi_ca_blob(ca->db, out, out_len,
        "SELECT manifest FROM roots WHERE version = ?", "i", (int64_t)version);
    return st == PQI_ERR_MISSING ? pqi_why(st, "there was no root version %u here", version) : st;
}

pqi_status pqi_host_ca_manifest(pqi_host_ca *ca, pqi_span out, size_t *out_len)
{
    pqi_why_clear();
    return ca == NULL || out_len == NULL
               ? pqi_why(PQI_ERR_ARG, "an argument is missing")
               : pqi_ca_blob(ca->db, out, out_len, "SELECT manifest FROM meta", "");
}
