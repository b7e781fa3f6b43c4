/* SPDX-License-Identifier: Apache-2.0
 * Issuing a certificate and taking its confirmation. Everything that decides is read inside the
 * transaction that writes the result (INV-18, INV-19). */
#include "port/linux/ca_int.h"

#include "ct/ct.h"

#include <pqi/wipe.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COINS_LEN    64u
#define BEFORE_SLACK 3600 /* s: a device's clock may be this far behind */

/* One issue in work: too large for the stack. */
typedef struct issue_work {
    pqi_join_request request;
    pqi_ca_device device;
    pqi_scope scopes[PQI_SCOPES_MAX];
    uint32_t n_scopes;
    char prefixes[PQI_SCOPES_MAX][PQI_PREFIX_MAX + 1];
    pqi_cert cert;
    uint8_t cert_bytes[PQI_CERT_MAX];
    size_t cert_len;
    uint8_t request_hash[32], confirm_hash[32];
    struct {
        uint8_t confirm_key[PQI_CONFIRM_KEY_LEN], coins[COINS_LEN];
    } secret;
} issue_work;

static pqi_status hash1(const pqi_host_ca *ca, pqi_cspan in, uint8_t out[32])
{
    return ca->algs.classic->hash(PQI_HASH_SHA256, &in, 1, out);
}

static pqi_status check_nonce(pqi_host_ca *ca, const issue_work *w)
{
    const pqi_join_request *r = &w->request;
    int64_t now = pqi_ca_now(ca);
    pqi_cspan nonce = {r->nonce, sizeof r->nonce};
    sqlite3_stmt *s = NULL;
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT device, created, used IS NOT NULL FROM challenges WHERE nonce = ?", "b", nonce);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_ERR_MISSING) {
        st = pqi_why(PQI_ERR_POLICY, "the request answers no challenge of this CA");
    } else if (st == PQI_OK) {
        pqi_cspan device = pqi_ca_col(s, 0);
        int64_t created = sqlite3_column_int64(s, 1);
        if (device.len != r->device_id.len ||
            memcmp(device.ptr, r->device_id.ptr, device.len) != 0) {
            st = pqi_why(PQI_ERR_POLICY, "the challenge was made for another device");
        } else if (sqlite3_column_int(s, 2) != 0) {
            st = pqi_why(PQI_ERR_POLICY, "the challenge was used before");
        } else if (now < created - PQI_CA_CLOCK_SLACK) {
            st = pqi_why(
                PQI_ERR_POLICY, "the challenge is from the future: check this host's clock");
        } else if (now - created >= (int64_t)PQI_HOST_CA_CHALLENGE_TTL) {
            st = pqi_why(PQI_ERR_POLICY, "the challenge is older than 24 hours");
        }
    }
    (void)sqlite3_finalize(s);
    return st;
}

/* What is asked for, and what the device is known by, pass the policy. pqi_join_decode() knew them. */
static pqi_status check_algorithms(pqi_host_ca *ca, const pqi_join_request *r)
{
    pqi_cspan id = r->device_id;
    pqi_status st = pqi_ca_policy_why(ca, id, pqi_algs_kem(&ca->algs, r->kem_alg));
    if (st == PQI_OK) {
        st = pqi_ca_policy_sig_why(ca, id, pqi_algs_sig(&ca->algs, r->sig_alg));
    }
    return st == PQI_OK ? pqi_ca_policy_sig_why(ca, id, pqi_algs_sig(&ca->algs, r->factory_alg))
                        : st;
}

/* The allow-list, the factory key, the proofs: in this order, cheap before expensive. */
static pqi_status check_request(pqi_host_ca *ca, issue_work *w)
{
    const pqi_join_request *r = &w->request;
    const int n = (int)r->device_id.len;
    if (!pqi_ct_eq(r->fleet_id, ca->manifest.fleet_id, sizeof r->fleet_id)) {
        return pqi_why(PQI_ERR_POLICY, "the request is for another fleet");
    }
    pqi_status st = pqi_ca_device_row(ca, r->device_id, &w->device);
    if (st == PQI_ERR_MISSING) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is not on the allow-list", n, r->device_id.ptr);
    }
    if (st == PQI_OK && w->device.revoked) {
        return pqi_why(PQI_ERR_POLICY, "%.*s is revoked", n, r->device_id.ptr);
    }
    if (st == PQI_OK) {
        st = check_nonce(ca, w);
    }
    if (st != PQI_OK) {
        return st;
    }
    st = check_algorithms(ca, r);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_join_verify(&ca->algs, r, w->device.factory_fp, ca->tmp);
    if (st == PQI_ERR_AUTH) {
        return pqi_why(st, "%.*s: not its listed factory key, or a proof of possession fails", n,
            r->device_id.ptr);
    }
    return st == PQI_OK ? pqi_ca_scopes(ca, r->device_id, w->scopes, &w->n_scopes, w->prefixes)
                        : pqi_why_else(st, "cannot verify the request: %s", pqi_status_text(st));
}

/* The strongest suite of ours that the request offers for its KEM and the policy allows; *all
 * gets every such bit, and those of the KEM's counterpart: a device names the suites it can send with. */
static const pqi_suite *pick_suite(const pqi_host_ca *ca, const pqi_join_request *r, uint32_t *all)
{
    const pqi_kem *other = pqi_algs_other_kem(&ca->algs, r->kem_alg);
    uint32_t ours = pqi_policy_suites(&ca->algs, &ca->policy, r->kem_alg);
    if (other != NULL) {
        ours |= pqi_policy_suites(&ca->algs, &ca->policy, other->id);
    }
    *all = r->suites & ours;
    return pqi_suite_choose(&ca->algs, &ca->policy, r->suites, r->kem_alg, NULL);
}

static pqi_status make_cert(pqi_host_ca *ca, issue_work *w, uint32_t suites, uint32_t days)
{
    const pqi_join_request *r = &w->request;
    int64_t now = pqi_ca_now(ca);
    pqi_cert c;
    memset(&c, 0, sizeof c);
    c.device_id = r->device_id;
    c.key_epoch = w->device.last_epoch + 1;
    c.kem_alg = r->kem_alg;
    c.kem_pk = r->kem_pk;
    c.x25519_pk = r->x25519_pk;
    c.sig_alg = r->sig_alg;
    c.sig_pk = r->sig_pk;
    c.valid_to_epoch = UINT32_MAX;
    if (days != 0) {
        c.not_before = now > BEFORE_SLACK ? (uint64_t)(now - BEFORE_SLACK) : 1;
        c.not_after = (uint64_t)now + (uint64_t)days * 86400u;
    }
    c.suites = suites;
    c.roles = w->device.roles;
    c.gwset = w->device.gwset;
    memcpy(c.scopes, w->scopes, sizeof c.scopes);
    c.n_scopes = w->n_scopes;
    c.assurance = r->assurance & w->device.assurance;
    c.roster_index = w->device.roster_index;
    pqi_span out = {w->cert_bytes, sizeof w->cert_bytes};
    pqi_ca_issuer issuer;
    pqi_status st = pqi_ca_issuer_get(ca, &ca->manifest, &issuer);
    if (st != PQI_OK) {
        return st;
    }
    st = pqi_cert_build(&ca->algs, issuer.p, issuer.key, &c, out, &w->cert_len);
    if (st != PQI_OK) {
        return pqi_why(st, "cannot sign the certificate: %s", pqi_status_text(st));
    }
    pqi_cspan bytes = {w->cert_bytes, w->cert_len};
    pqi_now at = {0, (uint64_t)now, 0};
    st = pqi_cert_decode(&ca->algs, bytes, &w->cert); /* what we sign is what others accept */
    if (st == PQI_OK) {
        st = pqi_cert_verify(&ca->algs, &w->cert, &ca->manifest, &at, ca->tmp);
    }
    return st == PQI_OK ? st : pqi_why(st, "the new certificate does not verify");
}

static pqi_status make_grant(
    pqi_host_ca *ca, issue_work *w, const pqi_suite *suite, pqi_span out, size_t *out_len)
{
    uint8_t confirmation[PQI_CONFIRM_LEN];
    pqi_span key = {w->secret.confirm_key, sizeof w->secret.confirm_key};
    pqi_span coins = {w->secret.coins, sizeof w->secret.coins};
    pqi_status st = pqi_provider_random(ca->provider, key);
    if (st == PQI_OK) {
        st = pqi_provider_random(ca->provider, coins);
    }
    if (st == PQI_OK) {
        pqi_cspan cert = {w->cert_bytes, w->cert_len};
        pqi_cspan c = {coins.ptr, coins.len};
        st = pqi_grant_build(&ca->algs, suite, &w->request, cert, ca->manifest.encoded, key.ptr, c,
            ca->tmp, out, out_len);
    }
    if (st == PQI_OK) {
        st = pqi_confirm_build(
            &ca->algs, key.ptr, w->request.device_id, w->cert.key_id, confirmation);
    }
    if (st == PQI_OK) {
        pqi_cspan c = {confirmation, sizeof confirmation};
        st = hash1(ca, c, w->confirm_hash);
    }
    pqi_wipe(confirmation, sizeof confirmation);
    pqi_wipe(&w->secret, sizeof w->secret);
    return st == PQI_OK ? st : pqi_why(st, "cannot make the grant: %s", pqi_status_text(st));
}

static pqi_status store_issue(pqi_host_ca *ca, const issue_work *w, pqi_cspan grant)
{
    pqi_cspan id = w->request.device_id;
    pqi_cspan key_id = {w->cert.key_id, sizeof w->cert.key_id};
    pqi_cspan bytes = {w->cert_bytes, w->cert_len};
    pqi_cspan confirm = {w->confirm_hash, sizeof w->confirm_hash};
    pqi_cspan request = {w->request_hash, sizeof w->request_hash};
    pqi_cspan nonce = {w->request.nonce, sizeof w->request.nonce};
    int64_t now = pqi_ca_now(ca);
    pqi_status st = pqi_ca_run(ca->db,
        "UPDATE certs SET state = 'superseded', granted = NULL"
        " WHERE device = ? AND state = 'pending'",
        "t", id);
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db,
            "INSERT INTO certs(device, key_epoch, key_id, encoded, state, confirm_hash,"
            " request_hash, granted, issued_at, not_after)"
            " VALUES(?, ?, ?, ?, 'pending', ?, ?, ?, ?, ?)",
            "tibbbbbii", id, (int64_t)w->cert.key_epoch, key_id, bytes, confirm, request, grant,
            now, (int64_t)w->cert.not_after);
    }
    if (st == PQI_OK) {
        st = pqi_ca_run(ca->db, "UPDATE devices SET last_epoch = ? WHERE id = ?", "it",
            (int64_t)w->cert.key_epoch, id);
    }
    return st == PQI_OK ? pqi_ca_run(ca->db, "UPDATE challenges SET used = ? WHERE nonce = ?", "ib",
                              now, nonce)
                        : st;
}

/* The grant of the very same request, while it is pending. PQI_ERR_MISSING: none. */
static pqi_status repeat(
    pqi_host_ca *ca, const issue_work *w, pqi_span out, size_t *len, pqi_host_ca_issued *issued)
{
    sqlite3_stmt *s = NULL;
    pqi_cspan hash = {w->request_hash, sizeof w->request_hash};
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT granted, key_epoch, key_id FROM certs WHERE request_hash = ? AND state = 'pending'",
        "b", hash);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        pqi_cspan grant = pqi_ca_col(s, 0);
        pqi_cspan key_id = pqi_ca_col(s, 2);
        *len = grant.len;
        if (grant.len == 0 || key_id.len != sizeof issued->key_id) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible certificate");
        } else if (grant.len > out.len) {
            st = pqi_why(PQI_ERR_SPACE, "the output is too small");
        } else {
            memcpy(out.ptr, grant.ptr, grant.len);
            memcpy(issued->key_id, key_id.ptr, key_id.len);
            issued->key_epoch = (uint32_t)sqlite3_column_int64(s, 1);
            issued->repeated = 1;
        }
    }
    (void)sqlite3_finalize(s);
    return st;
}

static pqi_status issue_in_tx(pqi_host_ca *ca, issue_work *w, uint32_t days, pqi_span out,
    size_t *out_len, pqi_host_ca_issued *issued)
{
    uint32_t suites = 0;
    pqi_status st = repeat(ca, w, out, out_len, issued);
    if (st != PQI_ERR_MISSING) {
        return st;
    }
    st = check_request(ca, w);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_suite *suite = pick_suite(ca, &w->request, &suites);
    if (suite == NULL) {
        return pqi_why(PQI_ERR_POLICY, "%.*s: the request offers no suite that this CA certifies",
            (int)w->request.device_id.len, w->request.device_id.ptr);
    }
    if (w->device.last_epoch >= PQI_CA_FOREVER - 2) {
        return pqi_why(PQI_ERR_LIMIT, "the device has no key epochs left");
    }
    st = make_cert(ca, w, suites, days);
    if (st == PQI_OK) {
        pqi_span room = {ca->object.ptr, ca->object.len < out.len ? ca->object.len : out.len};
        st = make_grant(ca, w, suite, room, out_len);
    }
    if (st == PQI_OK) {
        pqi_cspan grant = {ca->object.ptr, *out_len};
        st = store_issue(ca, w, grant);
    }
    if (st == PQI_OK) {
        issued->key_epoch = w->cert.key_epoch;
        memcpy(issued->key_id, w->cert.key_id, sizeof issued->key_id);
    }
    return st;
}

static pqi_status issue(pqi_host_ca *ca, issue_work *w, uint32_t days, pqi_span out,
    size_t *out_len, pqi_host_ca_issued *issued)
{
    char detail[96];
    memcpy(issued->id, w->request.device_id.ptr, w->request.device_id.len);
    pqi_status st = pqi_ca_begin(ca);
    if (st != PQI_OK) {
        return st;
    }
    st = issue_in_tx(ca, w, days, out, out_len, issued);
    if (st != PQI_OK || issued->repeated) {
        return pqi_ca_abort(ca, st);
    }
    (void)snprintf(detail, sizeof detail, "epoch %u days %u", issued->key_epoch, days);
    st = pqi_ca_commit(ca, "issue", w->request.device_id, detail);
    if (st == PQI_OK) {
        memcpy(out.ptr, ca->object.ptr, *out_len); /* nothing leaves before it is durable */
    }
    return st;
}

pqi_status pqi_host_ca_issue(pqi_host_ca *ca, pqi_cspan request, uint32_t days, pqi_span out,
    size_t *out_len, pqi_host_ca_issued *issued)
{
    pqi_why_clear();
    if (ca == NULL || out_len == NULL || issued == NULL || days > 36500u) {
        return pqi_why(PQI_ERR_ARG, "a request and 0 to 36500 days are needed");
    }
    *out_len = 0;
    memset(issued, 0, sizeof *issued);
    issue_work *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return pqi_why(PQI_ERR_LIMIT, "out of memory");
    }
    pqi_status st = pqi_join_decode(&ca->algs, request, &w->request);
    if (st != PQI_OK) {
        st = st == PQI_ERR_UNSUPPORTED
                 ? pqi_why(st, "the request uses an algorithm that this program does not have")
                 : pqi_why(st, "this is not a join request");
    }
    if (st == PQI_OK) {
        st = hash1(ca, request, w->request_hash);
    }
    if (st == PQI_OK) {
        st = issue(ca, w, days, out, out_len, issued);
    }
    if (st != PQI_OK) {
        *out_len = st == PQI_ERR_SPACE ? *out_len : 0;
        memset(issued, 0, sizeof *issued);
    }
    pqi_wipe(w, sizeof *w);
    free(w);
    return st;
}

/* ---- confirmation ------------------------------------------------------------------------------- */

typedef struct confirm_row {
    char id[PQI_ID_MAX + 1];
    int64_t epoch;
    int pending, active;
    uint8_t hash[32];
} confirm_row;

static pqi_status confirm_find(pqi_host_ca *ca, pqi_cspan key_id, confirm_row *row)
{
    sqlite3_stmt *s = NULL;
    memset(row, 0, sizeof *row);
    pqi_status st = pqi_ca_prepare(ca->db, &s,
        "SELECT device, key_epoch, state = 'pending', state = 'active', confirm_hash FROM certs"
        " WHERE key_id = ?",
        "b", key_id);
    if (st == PQI_OK) {
        st = pqi_ca_step(ca->db, s);
    }
    if (st == PQI_OK) {
        pqi_cspan id = pqi_ca_col(s, 0);
        pqi_cspan hash = pqi_ca_col(s, 4);
        row->epoch = sqlite3_column_int64(s, 1);
        row->pending = sqlite3_column_int(s, 2);
        row->active = sqlite3_column_int(s, 3);
        if (id.len > PQI_ID_MAX || hash.len != sizeof row->hash) {
            st = pqi_why(PQI_ERR_STORAGE, "the registry holds an impossible certificate");
        } else {
            memcpy(row->id, id.ptr, id.len);
            memcpy(row->hash, hash.ptr, hash.len);
        }
    }
    (void)sqlite3_finalize(s);
    return st == PQI_ERR_MISSING ? pqi_why(st, "no certificate of this CA has that key id") : st;
}

static pqi_status confirm_in_tx(
    pqi_host_ca *ca, pqi_cspan key_id, const uint8_t hash[32], confirm_row *row)
{
    pqi_status st = confirm_find(ca, key_id, row);
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_ct_eq(hash, row->hash, 32)) {
        return pqi_why(PQI_ERR_AUTH, "the confirmation is not that of %s", row->id);
    }
    if (row->active) {
        return PQI_OK;
    }
    if (!row->pending) {
        return pqi_why(PQI_ERR_POLICY, "%s: the certificate of epoch %lld is superseded or revoked",
            row->id, (long long)row->epoch);
    }
    st = pqi_ca_run(ca->db,
        "UPDATE certs SET state = 'superseded', granted = NULL"
        " WHERE device = ? AND key_epoch < ? AND state IN ('pending', 'active')",
        "ti", pqi_ca_str(row->id), row->epoch);
    return st == PQI_OK ? pqi_ca_run(ca->db,
                              "UPDATE certs SET state = 'active', granted = NULL, confirmed_at = ?"
                              " WHERE key_id = ?",
                              "ib", pqi_ca_now(ca), key_id)
                        : st;
}

pqi_status pqi_host_ca_confirm(pqi_host_ca *ca, pqi_cspan confirmation, pqi_host_ca_issued *issued)
{
    static const uint8_t head[4] = {0x74, 0, 0, 0};
    char detail[32];
    uint8_t hash[32];
    confirm_row row;
    pqi_why_clear();
    if (ca == NULL || issued == NULL) {
        return pqi_why(PQI_ERR_ARG, "an argument is missing");
    }
    memset(issued, 0, sizeof *issued);
    if (confirmation.len != PQI_CONFIRM_LEN || memcmp(confirmation.ptr, head, sizeof head) != 0) {
        return pqi_why(PQI_ERR_DECODE, "this is not a confirmation");
    }
    pqi_cspan key_id = {confirmation.ptr + sizeof head, PQI_KEY_ID_LEN};
    pqi_status st = hash1(ca, confirmation, hash);
    if (st == PQI_OK) {
        st = pqi_ca_begin(ca);
    }
    if (st != PQI_OK) {
        return pqi_why_else(st, "cannot hash the confirmation");
    }
    st = confirm_in_tx(ca, key_id, hash, &row);
    if (st != PQI_OK || row.active) {
        st = pqi_ca_abort(ca, st);
    } else {
        (void)snprintf(detail, sizeof detail, "epoch %lld", (long long)row.epoch);
        st = pqi_ca_commit(ca, "confirm", pqi_ca_str(row.id), detail);
    }
    if (st == PQI_OK) {
        memcpy(issued->id, row.id, sizeof issued->id);
        memcpy(issued->key_id, key_id.ptr, key_id.len);
        issued->key_epoch = (uint32_t)row.epoch;
        issued->repeated = row.active;
    }
    return st;
}
