/* SPDX-License-Identifier: Apache-2.0
 * The allow-list and the challenges. */
#include "port/linux/ca_int.h"

#include <stdio.h>
#include <string.h>

#define ROLES_ALL                                                                                  \
    (PQI_CERT_ROLE_DEVICE | PQI_CERT_ROLE_GATEWAY | PQI_CERT_ROLE_CONTROL | PQI_CERT_ROLE_WITNESS)

/* ---- rows --------------------------------------------------------------------------------------- */

pqi_status pqi_ca_device_row(pqi_host_ca *ca, pqi_cspan id, pqi_ca_device *out)
{
    sqlite3_stmt *s = NULL;
    memset(out, 0, sizeof *out);
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT factory_fp, roster_index, roles, gwset, assurance, last_epoch, state = 'revoked'"
        " FROM devices WHERE id = ?",
        "t", id);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        pqi_cspan fp = pqi_ca_col(s, 0);
        if (fp.len == sizeof out->factory_fp) { /* the schema says so */
            memcpy(out->factory_fp, fp.ptr, fp.len);
        }
        out->roster_index = (uint32_t)sqlite3_column_int64(s, 1);
        out->roles = (uint32_t)sqlite3_column_int64(s, 2);
        out->gwset = (uint32_t)sqlite3_column_int64(s, 3);
        out->assurance = (uint32_t)sqlite3_column_int64(s, 4);
        out->last_epoch = (uint32_t)sqlite3_column_int64(s, 5);
        out->revoked = sqlite3_column_int(s, 6);
    }
    (void)sqlite3_finalize(s);
    return st;
}

pqi_status pqi_ca_scopes(pqi_host_ca *ca, pqi_cspan id, pqi_scope *out, uint32_t *n,
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1])
{
    sqlite3_stmt *s = NULL;
    *n = 0;
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT prefix, rights, class FROM scopes WHERE device = ? ORDER BY pos", "t", id);
    while (st == PQI_OK && (st = pqi_ca_step(ca->db, s)) == PQI_OK) {
        pqi_cspan prefix = pqi_ca_col(s, 0);
        if (*n == PQI_SCOPES_MAX || prefix.len > PQI_PREFIX_MAX) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds impossible scopes");
            break;
        }
        memcpy(mem[*n], prefix.ptr, prefix.len);
        mem[*n][prefix.len] = '\0';
        out[*n].prefix.ptr = (const uint8_t *)mem[*n];
        out[*n].prefix.len = prefix.len;
        out[*n].rights = (uint8_t)sqlite3_column_int(s, 1);
        out[*n].cls = (uint8_t)sqlite3_column_int(s, 2);
        *n += 1;
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? PQI_OK : st;
}

/* ---- allow -------------------------------------------------------------------------------------- */

static int prefix_ok(pqi_cspan p)
{
    if (p.len == 0 || p.len > PQI_PREFIX_MAX || p.ptr[0] == '/' || p.ptr[p.len - 1] == '/') {
        return 0;
    }
    for (size_t i = 0; i < p.len; i++) {
        uint8_t c = p.ptr[i];
        if (c < 0x21 || c > 0x7e || c == '+' || c == '#' || c == '"' || c == '\\') {
            return 0;
        }
    }
    return 1;
}

static pqi_status check_entry(const pqi_host_ca_entry *e)
{
    if (pqi_id_check(e->id) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "a device id has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    if (e->roles == 0 || (e->roles & ~ROLES_ALL) != 0 || (e->assurance & ~PQI_ASSURE_ALL) != 0) {
        return pqi_why(PQI_ERR_ARG, "%.*s: unknown or missing role", (int)e->id.len, e->id.ptr);
    }
    if (e->n_scopes == 0 || e->n_scopes > PQI_SCOPES_MAX) {
        return pqi_why(PQI_ERR_ARG, "%.*s: 1 to %u scopes are needed", (int)e->id.len, e->id.ptr,
            PQI_SCOPES_MAX);
    }
    for (size_t i = 0; i < e->n_scopes; i++) {
        const pqi_scope *s = &e->scopes[i];
        if (!prefix_ok(s->prefix)) {
            return pqi_why(PQI_ERR_ARG,
                "%.*s: a scope is 1 to %u printable characters without wildcards, spaces, and "
                "without / at its ends",
                (int)e->id.len, e->id.ptr, PQI_PREFIX_MAX);
        }
        if (s->rights == 0 || s->rights > (PQI_RIGHT_PUB | PQI_RIGHT_SUB) ||
            s->cls > (uint8_t)PQI_CLASS_S) {
            return pqi_why(
                PQI_ERR_ARG, "%.*s: unknown rights or class in a scope", (int)e->id.len, e->id.ptr);
        }
    }
    return PQI_OK;
}

static int same_scopes(const pqi_host_ca_entry *e, const pqi_scope *have, uint32_t n)
{
    if (n != e->n_scopes) {
        return 0;
    }
    for (uint32_t i = 0; i < n; i++) {
        const pqi_scope *a = &e->scopes[i];
        const pqi_scope *b = &have[i];
        if (a->rights != b->rights || a->cls != b->cls || a->prefix.len != b->prefix.len ||
            memcmp(a->prefix.ptr, b->prefix.ptr, a->prefix.len) != 0) {
            return 0;
        }
    }
    return 1;
}

static pqi_status write_scopes(pqi_host_ca *ca, const pqi_host_ca_entry *e)
{
    pqi_status st = pqi_ca_run(ca->db, "DELETE FROM scopes WHERE device = ?", "t", e->id);
    for (size_t i = 0; i < e->n_scopes && st == PQI_OK; i++) {
        const pqi_scope *s = &e->scopes[i];
        st = pqi_ca_run(ca->db,
            "INSERT INTO scopes(device, pos, prefix, rights, class) VALUES(?, ?, ?, ?, ?)", "titii",
            e->id, (int64_t)i, s->prefix, (int64_t)s->rights, (int64_t)s->cls);
    }
    return st;
}

static pqi_status check_unshared(pqi_host_ca *ca, const pqi_host_ca_entry *e)
{
    int64_t n = 0;
    pqi_cspan fp = {e->factory_fp, sizeof e->factory_fp};
    pqi_status st = pqi_ca_int(ca->db, &n,
        "SELECT count(*) FROM devices WHERE factory_fp = ? AND id <> ?", "bt", fp, e->id);
    return st == PQI_OK && n != 0 ? pqi_why(PQI_ERR_POLICY,
                                        "%.*s: this factory key is already listed under another id",
                                        (int)e->id.len, e->id.ptr)
                                  : st;
}

static pqi_status add(pqi_host_ca *ca, const pqi_host_ca_entry *e)
{
    int64_t roster = 0;
    pqi_cspan fp = {e->factory_fp, sizeof e->factory_fp};
    pqi_status st = pqi_ca_int(ca->db, &roster, "SELECT next_roster FROM meta", "");
    if (st == PQI_OK && roster >= (int64_t)UINT32_MAX) {
        st = pqi_why(PQI_ERR_LIMIT, "no roster index is left");
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "INSERT INTO devices(id, factory_fp, roster_index, roles, gwset, assurance, state)"
            " VALUES(?, ?, ?, ?, ?, ?, 'allowed')",
            "tbiiii", e->id, fp, roster, (int64_t)e->roles, (int64_t)e->gwset,
            (int64_t)e->assurance);
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE meta SET next_roster = next_roster + 1", "");
    }
    return st == PQI_OK ? write_scopes(ca, e) : st;
}

static pqi_status change_row(pqi_host_ca *ca, const pqi_host_ca_entry *e)
{
    pqi_cspan fp = {e->factory_fp, sizeof e->factory_fp};
    pqi_status st = pqi_ca_run(ca->db,
        "UPDATE devices SET factory_fp = ?, roles = ?, gwset = ?, assurance = ? WHERE id = ?",
        "biiit", fp, (int64_t)e->roles, (int64_t)e->gwset, (int64_t)e->assurance, e->id);
    return st == PQI_OK ? write_scopes(ca, e) : st;
}

/* New hardware: what the old one has asked for is neither handed out again nor confirmed (INV-18). */
static pqi_status end_pending(pqi_host_ca *ca, pqi_cspan id)
{
    return pqi_ca_run(ca->db,
        "UPDATE certs SET state = 'superseded', granted = NULL"
        " WHERE device = ? AND state = 'pending'",
        "t", id);
}

static pqi_status allow_one(pqi_host_ca *ca, const pqi_host_ca_entry *e, pqi_host_ca_change *change)
{
    char mem[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1];
    pqi_scope scopes[PQI_SCOPES_MAX];
    uint32_t n = 0;
    pqi_ca_device d;
    pqi_status st = check_entry(e);
    if (st == PQI_OK) {
        st = pqi_ca_policy_sig_why(ca, e->id, pqi_algs_sig(&ca->algs, e->factory_alg));
    }
    if (st == PQI_OK) {
        st = check_unshared(ca, e);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_ca_device_row(ca, e->id, &d);
    if (st == PQI_ERR_MISSING) {
        *change = PQI_HOST_CA_ADDED;
        return add(ca, e);
    }
    if (st == PQI_OK && d.revoked) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is revoked for ever: give the device a new id",
            (int)e->id.len, e->id.ptr);
    }
    int same_fp = memcmp(d.factory_fp, e->factory_fp, sizeof d.factory_fp) == 0;
    if (st == PQI_OK && !same_fp && !e->replace_factory) {
        return pqi_why(PQI_ERR_POLICY,
            "%.*s is listed with another factory key; new hardware needs --replace-factory",
            (int)e->id.len, e->id.ptr);
    }
    if (st == PQI_OK) {
        st = pqi_ca_scopes(ca, e->id, scopes, &n, mem);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (same_fp && d.roles == e->roles && d.gwset == e->gwset && d.assurance == e->assurance &&
        same_scopes(e, scopes, n)) {
        *change = PQI_HOST_CA_SAME;
        return PQI_OK;
    }
    *change = PQI_HOST_CA_CHANGED;
    st = same_fp ? PQI_OK : end_pending(ca, e->id);
    return st == PQI_OK ? change_row(ca, e) : st;
}

static pqi_status audit_entry(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, pqi_host_ca_change change)
{
    char detail[160];
    char fp[17];
    for (size_t i = 0; i < 8; i++) {
        (void)snprintf(fp + 2 * i, 3, "%02x", e->factory_fp[i]);
    }
    (void)snprintf(detail, sizeof detail,
        "%s roles=0x%x gwset=%u assurance=0x%x scopes=%zu factory=%s%s",
        change == PQI_HOST_CA_ADDED ? "added" : "changed", e->roles, e->gwset, e->assurance,
        e->n_scopes, fp, e->replace_factory ? " factory-replaced" : "");
    return pqi_ca_audit(ca, "allow", e->id, detail);
}

pqi_status pqi_host_ca_allow_many(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, size_t n, size_t counts[3], size_t *failed)
{
    char detail[96];
    pqi_cspan none = {NULL, 0};
    pqi_why_clear();
    if (ca == NULL || (e == NULL && n > 0) || counts == NULL || failed == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    memset(counts, 0, 3 * sizeof counts[0]);
    *failed = n;
    pqi_status st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    for (size_t i = 0; i < n && st == PQI_OK; i++) {
        pqi_host_ca_change change = PQI_HOST_CA_SAME;
        st = allow_one(ca, &e[i], &change);
        if (st == PQI_OK && change != PQI_HOST_CA_SAME) {
            st = audit_entry(ca, &e[i], change);
        }
        if (st != PQI_OK) {
            *failed = i;
            break;
        }
        counts[change]++;
    }
    if (st == PQI_OK && counts[PQI_HOST_CA_ADDED] + counts[PQI_HOST_CA_CHANGED] == 0) {
        return pqi_ca_abort(ca, PQI_OK); /* nothing to commit */
    }
    if (st == PQI_OK) {
        (void)snprintf(detail, sizeof detail, "added %zu changed %zu same %zu",
            counts[PQI_HOST_CA_ADDED], counts[PQI_HOST_CA_CHANGED], counts[PQI_HOST_CA_SAME]);
        return pqi_ca_commit(ca, "allow-list", none, detail);
    }
    memset(counts, 0, 3 * sizeof counts[0]);
    return pqi_ca_abort(ca, st);
}

pqi_status pqi_host_ca_allow(
    pqi_host_ca *ca, const pqi_host_ca_entry *e, pqi_host_ca_change *change)
{
    size_t counts[3] = {0, 0, 0}, failed = 0;
    if (change == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    *change = PQI_HOST_CA_SAME;
    pqi_status st = pqi_host_ca_allow_many(ca, e, 1, counts, &failed);
    if (st == PQI_OK && counts[PQI_HOST_CA_ADDED] == 1) {
        *change = PQI_HOST_CA_ADDED;
    } else if (st == PQI_OK && counts[PQI_HOST_CA_CHANGED] == 1) {
        *change = PQI_HOST_CA_CHANGED;
    }
    return st;
}

/* ---- challenges --------------------------------------------------------------------------------- */

static pqi_status store_challenge(pqi_host_ca *ca, const pqi_challenge *c)
{
    pqi_cspan nonce = {c->nonce, sizeof c->nonce};
    int64_t now = pqi_ca_now(ca);
    pqi_ca_device d;
    pqi_status st = pqi_ca_device_row(ca, c->device_id, &d);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(
            st, "%.*s is not on the allow-list", (int)c->device_id.len, c->device_id.ptr);
    }
    if (st == PQI_OK && d.revoked) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is revoked", (int)c->device_id.len, c->device_id.ptr);
    }
    if (st == PQI_OK) { /* used ones stay as long as they could be replayed against the clock */
        st = pqi_ca_run(ca->db, "DELETE FROM challenges WHERE created < ?", "i",
            now - 2 * (int64_t)PQI_HOST_CA_CHALLENGE_TTL);
    }
    return st == PQI_OK ? pqi_ca_run(ca->db,
                              "INSERT INTO challenges(nonce, device, created) VALUES(?, ?, ?)",
                              "bti", nonce, c->device_id, now)
                        : st;
}

pqi_status pqi_host_ca_challenge(pqi_host_ca *ca, pqi_cspan id, pqi_span out, size_t *out_len)
{
    pqi_challenge c;
    pqi_why_clear();
    if (ca == NULL || out_len == NULL || pqi_id_check(id) != PQI_OK) {
        return pqi_why(PQI_ERR_ARG, "a device id has 1 to %u of A-Z a-z 0-9 _ . -", PQI_ID_MAX);
    }
    *out_len = 0;
    memset(&c, 0, sizeof c);
    memcpy(c.fleet_id, ca->manifest.fleet_id, sizeof c.fleet_id);
    c.device_id = id;
    pqi_span nonce = {c.nonce, sizeof c.nonce};
    pqi_status st = pqi_provider_random(ca->provider, nonce);
    if (st == PQI_OK) {
        st = pqi_challenge_encode(&c, out, out_len);
    }
    if (st != PQI_OK) {
        return pqi_why(st, "cannot make a challenge: %s", pqi_status_text(st));
    }
    st = pqi_ca_begin(ca);
    if (st == PQI_OK) {
        st = store_challenge(ca, &c);
        st = st == PQI_OK ? pqi_ca_commit(ca, "challenge", id, "") : pqi_ca_abort(ca, st);
    }
    if (st != PQI_OK) {
        memset(out.ptr, 0, *out_len);
        *out_len = 0;
    }
    return st;
}
