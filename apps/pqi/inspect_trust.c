/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: certificate, root manifest, log of revocations. */
#include "inspect.h"

#include <stdlib.h>
#include <string.h>

/* ---- certificate -------------------------------------------------------------------------------- */

static json_t *scope_list(const pqi_cert *cert)
{
    static const char *const rights[] = {"publish", "subscribe"};
    static const char *const classes[] = {"L (telemetry)", "M (commands within limits)",
        "H (set-points, keys, firmware)", "S (fail-safe)"};
    json_t *list = json_array();
    for (uint32_t i = 0; i < cert->n_scopes; i++) {
        const pqi_scope *s = &cert->scopes[i];
        json_t *o = json_object();
        pqi_inspect_put_text(o, "prefix", s->prefix);
        pqi_inspect_put(o, "rights", pqi_inspect_bits(s->rights, rights, 2));
        if (s->cls < sizeof classes / sizeof classes[0]) {
            pqi_inspect_put_str(o, "class", classes[s->cls]);
        } else {
            pqi_inspect_put_uint(o, "class", s->cls);
        }
        (void)json_array_append_new(list, o);
    }
    return list;
}

static void add_cert_keys(const pqi_inspect_ctx *c, json_t *o, const pqi_cert *cert)
{
    pqi_inspect_put_kem_key(c, o, "kem_key", cert->kem_alg, cert->kem_pk);
    pqi_inspect_put_x25519_key(c, o, cert->x25519_pk);
    if (cert->sig_alg != 0) {
        pqi_inspect_put_sig_key(c, o, "signing_key", cert->sig_alg, cert->sig_pk);
    } else {
        pqi_inspect_put(o, "signing_key", json_null());
    }
}

void pqi_inspect_add_cert(const pqi_inspect_ctx *c, json_t *o, const pqi_cert *cert)
{
    static const char *const roles[] = {"device", "gateway", "control", "witness"};
    pqi_inspect_put_text(o, "device_id", cert->device_id);
    pqi_inspect_put_hex(o, "key_id", cert->key_id, PQI_KEY_ID_LEN);
    pqi_inspect_put_hex(o, "kid", cert->key_id, PQI_KID_LEN);
    pqi_inspect_put_uint(o, "key_epoch", cert->key_epoch);
    pqi_inspect_put(o, "roles", pqi_inspect_bits(cert->roles, roles, 4));
    pqi_inspect_put_uint(o, "roster_index", cert->roster_index);
    add_cert_keys(c, o, cert);
    pqi_inspect_put_suites(c, o, cert->suites);
    pqi_inspect_put_uint(o, "valid_from_epoch", cert->valid_from_epoch);
    pqi_inspect_put_uint(o, "valid_to_epoch", cert->valid_to_epoch);
    pqi_inspect_put_time(o, "not_before", cert->not_before);
    pqi_inspect_put_time(o, "not_after", cert->not_after);
    pqi_inspect_put_uint(o, "gateway_set", cert->gwset);
    pqi_inspect_put(o, "scopes", scope_list(cert));
    pqi_inspect_put_assurance(o, cert->assurance);
    pqi_inspect_put_hex(o, "issuer_kid", cert->issuer_kid, PQI_KID_LEN);
    pqi_inspect_put_uint(o, "signature_bytes", cert->signature.len);
}

pqi_status pqi_inspect_check_cert(const pqi_inspect_ctx *c, const pqi_cert *cert)
{
    if (c->root == NULL) {
        return PQI_AGAIN;
    }
    /* The signature alone: a moment inside the window, which this program cannot judge. */
    const pqi_now now = {0, 0, cert->valid_from_epoch};
    return pqi_cert_verify(c->algs, cert, c->root, &now, c->tmp);
}

const char *pqi_inspect_note(pqi_status st)
{
    switch ((int)st) {
    case PQI_AGAIN:
        return PQI_INSPECT_GIVE_ROOT;
    case PQI_ERR_UNSUPPORTED:
        return "an algorithm that this program does not have";
    case PQI_OK:
        return NULL;
    default:
        return "altered, or its signer is not in the root manifest";
    }
}

pqi_status pqi_inspect_cert(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_cert cert;
    pqi_status st = pqi_cert_decode(c->algs, in, &cert);
    if (st != PQI_OK) {
        return st;
    }
    pqi_inspect_add_cert(c, out->fields, &cert);
    pqi_status check = pqi_inspect_check_cert(c, &cert);
    pqi_inspect_put_state(out, out->fields, "signature", check, pqi_inspect_note(check));
    pqi_inspect_put_state(out, out->fields, "validity", PQI_AGAIN, "needs the fleet's epoch");
    pqi_inspect_put_state(out, out->fields, "revocation", PQI_AGAIN, "needs the log");
    return PQI_OK;
}

/* ---- root manifest ------------------------------------------------------------------------------ */

static const char *const role_names[] = {NULL, "root", "issuer", "policy", "revoker", "head"};

#define ROLES (sizeof role_names / sizeof role_names[0])

static json_t *key_list(const pqi_inspect_ctx *c, const pqi_manifest *m)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < m->n_keys; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        size_t role = (size_t)k->role;
        json_t *o = json_object();
        pqi_inspect_put_str(o, "role", role > 0 && role < ROLES ? role_names[role] : "unknown");
        pqi_inspect_put_hex(o, "kid", k->kid, PQI_KID_LEN);
        pqi_inspect_put_sig_key(c, o, "key", k->alg, k->pk);
        (void)json_array_append_new(list, o);
    }
    return list;
}

/* A manifest verifies under itself when it is the one given, or under its predecessor and itself. */
static pqi_status check_manifest(const pqi_inspect_ctx *c, const pqi_manifest *m, const char **note)
{
    const pqi_manifest *root = c->root;
    if (root == NULL) {
        *note = PQI_INSPECT_GIVE_ROOT;
        return PQI_AGAIN;
    }
    if (m->root_version == root->root_version) {
        bool same = memcmp(m->hash, root->hash, sizeof m->hash) == 0;
        *note = same ? "this is the manifest given with --root"
                     : "another manifest of the version given with --root";
        return same ? pqi_manifest_verify(c->algs, m, m, c->tmp) : PQI_ERR_AUTH;
    }
    if (m->root_version != (uint64_t)root->root_version + 1) {
        *note = "needs the manifest of the version before it as --root";
        return m->root_version < root->root_version ? PQI_ERR_AUTH : PQI_AGAIN;
    }
    bool fleet = memcmp(m->fleet_id, root->fleet_id, PQI_FLEET_ID_LEN) == 0;
    pqi_status st = fleet ? pqi_manifest_verify(c->algs, m, root, c->tmp) : PQI_ERR_AUTH;
    if (st == PQI_OK) {
        st = pqi_manifest_verify(c->algs, m, m, c->tmp);
    }
    *note = st == PQI_OK ? "signed by the manifest given with --root and by its own keys"
                         : "not a successor of the manifest given with --root";
    return st;
}

pqi_status pqi_inspect_manifest(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_status st = pqi_manifest_decode(c->algs, in, m);
    if (st != PQI_OK) {
        free(m);
        return st;
    }
    json_t *o = out->fields, *t = json_object();
    const char *note = NULL;
    pqi_inspect_put_fleet(o, m->fleet_id);
    pqi_inspect_put_uint(o, "root_version", m->root_version);
    pqi_inspect_put_hex(o, "hash", m->hash, sizeof m->hash);
    for (size_t i = 1; i < ROLES; i++) {
        if (m->threshold[i] != 0) {
            pqi_inspect_put_uint(t, role_names[i], m->threshold[i]);
        }
    }
    pqi_inspect_put(o, "thresholds", t);
    pqi_inspect_put(o, "keys", key_list(c, m));
    pqi_status check = check_manifest(c, m, &note);
    pqi_inspect_put_state(out, o, "signatures", check, note);
    free(m);
    return PQI_OK;
}

/* ---- log of revocations ------------------------------------------------------------------------- */

static json_t *revoked_list(const pqi_revocations *r)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < r->count; i++) {
        pqi_revoked e = pqi_revocations_at(r, i);
        json_t *o = json_object();
        pqi_inspect_put_uint(o, "roster_index", e.roster_index);
        if (e.min_key_epoch == UINT32_MAX) {
            pqi_inspect_put_str(o, "below_key_epoch", "every");
        } else {
            pqi_inspect_put_uint(o, "below_key_epoch", e.min_key_epoch);
        }
        pqi_inspect_put_uint(o, "reason", e.reason);
        (void)json_array_append_new(list, o);
    }
    return list;
}

/* What a head names when the log ends here. */
static void put_log_hash(const pqi_inspect_ctx *c, json_t *o, const pqi_revocations *r)
{
    uint8_t hash[32];
    memcpy(hash, r->prev, sizeof hash);
    if (pqi_rev_log_fold(c->algs, r->entries, hash) == PQI_OK) {
        pqi_inspect_put_hex(o, "hash", hash, sizeof hash);
    }
}

pqi_status pqi_inspect_revocations(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_revocations r;
    int quorum = 0;
    pqi_status st = pqi_revocations_decode(c->algs, in, &r);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, r.fleet_id);
    pqi_inspect_put_uint(o, "root_version", r.root_version);
    pqi_inspect_put_str(o, "part", r.from == 0 ? "the whole log" : "what was added");
    pqi_inspect_put_uint(o, "from", r.from);
    pqi_inspect_put_uint(o, "seq", (uint64_t)r.from + r.count);
    pqi_inspect_put_hex(o, "from_hash", r.prev, sizeof r.prev);
    put_log_hash(c, o, &r);
    pqi_inspect_put_uint(o, "count", r.count);
    pqi_inspect_put(o, "revoked", revoked_list(&r));
    pqi_inspect_put_uint(o, "signature_bytes", r.signatures.len);
    st =
        c->root == NULL ? PQI_AGAIN : pqi_revocations_verify(c->algs, &r, c->root, c->tmp, &quorum);
    pqi_inspect_put_state(out, o, "signature", st,
        st == PQI_OK && quorum ? "with the policy keys' as well" : pqi_inspect_note(st));
    return PQI_OK;
}
