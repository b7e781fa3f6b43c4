/* SPDX-License-Identifier: Apache-2.0
 * Each object of ours as a JSON tree. Binary packets name themselves in their first byte, COSE objects
 * in their typ header, the rest by their CBOR head; each decoder accepts exactly one encoding, so at
 * most one of them takes an input. */
#include "inspect.h"

#include "algs.h"

#include <stdlib.h>
#include <string.h>

#define ANN_T     0x71u
#define GRANT_T   0x73u
#define CONFIRM_T 0x74u
#define GRANT_HDR 8u /* type, flags, suite u16, length u32 */

static json_int_t num(uint64_t v)
{
    return v > (uint64_t)INT64_MAX ? INT64_MAX : (json_int_t)v;
}

static void put_hex(json_t *o, const char *key, pqi_cspan v)
{
    (void)json_object_set_new(o, key, pqi_cli_json_hex(v.ptr, v.len));
}

static void put_text(json_t *o, const char *key, pqi_cspan v)
{
    (void)json_object_set_new(o, key, json_stringn((const char *)v.ptr, v.len));
}

static void put_num(json_t *o, const char *key, uint64_t v)
{
    (void)json_object_set_new(o, key, json_integer(num(v)));
}

static void put_date(json_t *o, const char *key, uint64_t unix_s)
{
    char date[PQI_CLI_DATE_LEN];
    pqi_cli_date(date, unix_s);
    (void)json_object_set_new(o, key, json_string(date));
}

static json_t *object(const char *type, size_t len)
{
    return json_pack("{s:s, s:I}", "type", type, "bytes", num(len));
}

static const char *kem_name(const pqi_algs *a, uint32_t id)
{
    const pqi_kem *k = pqi_algs_kem(a, id);
    return k != NULL ? k->name : "unknown";
}

static const char *sig_name(const pqi_algs *a, int32_t id)
{
    const pqi_sig *s = id != 0 ? pqi_algs_sig(a, id) : NULL;
    return id == 0 ? "none" : s != NULL ? s->name : "unknown";
}

static json_t *suite_names(const pqi_algs *a, uint32_t bits)
{
    json_t *list = json_array();
    for (size_t i = 0; i < a->n_suites; i++) {
        if ((bits & a->suites[i]->bitmap) != 0) {
            (void)json_array_append_new(list, json_string(a->suites[i]->name));
        }
    }
    return list;
}

/* First bytes of a hash of a public key: enough to compare by eye. */
static void put_key(const pqi_algs *a, json_t *o, const char *key, pqi_cspan pk)
{
    uint8_t h[32];
    if (pk.len > 0 && a->classic->hash(PQI_HASH_SHA256, &pk, 1, h) == PQI_OK) {
        pqi_cspan head = {h, 16};
        put_hex(o, key, head);
    }
}

/* ---- COSE objects ------------------------------------------------------------------------------- */

static json_t *cert_tree(const pqi_algs *a, const pqi_cert *c)
{
    char roles[PQI_CLI_ROLES_LEN], scope[PQI_CLI_SCOPE_LEN];
    json_t *o = object("certificate", c->encoded.len);
    json_t *scopes = json_array();
    pqi_cspan key_id = {c->key_id, sizeof c->key_id};
    pqi_cspan issuer = {c->issuer_kid, sizeof c->issuer_kid};
    put_text(o, "device_id", c->device_id);
    put_num(o, "key_epoch", c->key_epoch);
    put_hex(o, "key_id", key_id);
    (void)json_object_set_new(o, "kem", json_string(kem_name(a, c->kem_alg)));
    put_key(a, o, "kem_key_sha256", c->kem_pk);
    put_hex(o, "x25519", c->x25519_pk);
    (void)json_object_set_new(o, "signature", json_string(sig_name(a, c->sig_alg)));
    put_key(a, o, "sig_key_sha256", c->sig_pk);
    pqi_cli_roles(roles, c->roles);
    (void)json_object_set_new(o, "roles", json_string(roles));
    for (uint32_t i = 0; i < c->n_scopes; i++) {
        pqi_cli_scope(scope, &c->scopes[i]);
        (void)json_array_append_new(scopes, json_string(scope));
    }
    (void)json_object_set_new(o, "scopes", scopes);
    (void)json_object_set_new(o, "suites", suite_names(a, c->suites));
    put_date(o, "not_before", c->not_before);
    put_date(o, "not_after", c->not_after);
    put_num(o, "valid_from_epoch", c->valid_from_epoch);
    put_num(o, "valid_to_epoch", c->valid_to_epoch);
    put_num(o, "roster_index", c->roster_index);
    put_num(o, "gwset", c->gwset);
    put_num(o, "assurance", c->assurance);
    put_hex(o, "issuer_kid", issuer);
    return o;
}

static json_t *manifest_tree(const pqi_algs *a, const pqi_manifest *m)
{
    static const char *const roles[] = {"?", "root", "issuer", "policy", "revoker", "head"};
    json_t *o = object("manifest", m->encoded.len);
    json_t *keys = json_array();
    pqi_cspan fleet = {m->fleet_id, sizeof m->fleet_id};
    pqi_cspan hash = {m->hash, sizeof m->hash};
    put_hex(o, "fleet_id", fleet);
    put_num(o, "root_version", m->root_version);
    put_hex(o, "hash", hash);
    for (uint32_t i = 0; i < m->n_keys; i++) {
        const pqi_manifest_key *k = &m->keys[i];
        unsigned role = (unsigned)k->role <= 5u ? (unsigned)k->role : 0u;
        (void)json_array_append_new(
            keys, json_pack("{s:s, s:s, s:o, s:i}", "role", roles[role], "alg", sig_name(a, k->alg),
                      "kid", pqi_cli_json_hex(k->kid, sizeof k->kid), "threshold",
                      (int)m->threshold[role]));
    }
    (void)json_object_set_new(o, "keys", keys);
    return o;
}

static json_t *revocations_tree(const pqi_revocations *r)
{
    json_t *o = object("revocations", r->encoded.len);
    json_t *list = json_array();
    pqi_cspan fleet = {r->fleet_id, sizeof r->fleet_id};
    put_hex(o, "fleet_id", fleet);
    put_num(o, "root_version", r->root_version);
    put_num(o, "seq", r->seq);
    put_num(o, "count", r->count);
    for (uint32_t i = 0; i < r->count; i++) {
        pqi_revoked e = pqi_revocations_at(r, i);
        json_t *j =
            json_pack("{s:I, s:i}", "roster_index", num(e.roster_index), "reason", (int)e.reason);
        if (e.min_key_epoch == UINT32_MAX) {
            (void)json_object_set_new(j, "device", json_true());
        } else {
            put_num(j, "epochs_below", e.min_key_epoch);
        }
        (void)json_array_append_new(list, j);
    }
    (void)json_object_set_new(o, "entries", list);
    return o;
}

static json_t *join_tree(const pqi_algs *a, const pqi_join_request *r)
{
    json_t *o = object("join-request", r->encoded.len);
    pqi_cspan fleet = {r->fleet_id, sizeof r->fleet_id};
    pqi_cspan nonce = {r->nonce, sizeof r->nonce};
    put_text(o, "device_id", r->device_id);
    put_hex(o, "fleet_id", fleet);
    put_hex(o, "nonce", nonce);
    (void)json_object_set_new(o, "kem", json_string(kem_name(a, r->kem_alg)));
    put_key(a, o, "kem_key_sha256", r->kem_pk);
    put_hex(o, "x25519", r->x25519_pk);
    (void)json_object_set_new(o, "signature", json_string(sig_name(a, r->sig_alg)));
    put_key(a, o, "sig_key_sha256", r->sig_pk);
    (void)json_object_set_new(o, "factory", json_string(sig_name(a, r->factory_alg)));
    put_key(a, o, "factory_key_sha256", r->factory_pk);
    (void)json_object_set_new(o, "suites", suite_names(a, r->suites));
    put_num(o, "assurance", r->assurance);
    put_hex(o, "boot", r->boot);
    return o;
}

static json_t *factory_tree(const pqi_algs *a, const pqi_factory *f, size_t len)
{
    json_t *o = object("factory-record", len);
    pqi_cspan fp = {f->fingerprint, sizeof f->fingerprint};
    put_text(o, "device_id", f->device_id);
    (void)json_object_set_new(o, "alg", json_string(sig_name(a, f->alg)));
    put_hex(o, "fingerprint", fp);
    return o;
}

static json_t *challenge_tree(const pqi_challenge *c, size_t len)
{
    json_t *o = object("challenge", len);
    pqi_cspan fleet = {c->fleet_id, sizeof c->fleet_id};
    pqi_cspan nonce = {c->nonce, sizeof c->nonce};
    put_text(o, "device_id", c->device_id);
    put_hex(o, "fleet_id", fleet);
    put_hex(o, "nonce", nonce);
    return o;
}

/* ---- binary packets ----------------------------------------------------------------------------- */

static json_t *fail_at(pqi_inspect_error *e, const char *kind, const char *what, size_t offset)
{
    e->kind = kind;
    e->what = what;
    e->offset = offset;
    e->has_offset = true;
    return NULL;
}

static json_t *confirm_tree(pqi_cspan in, pqi_inspect_error *e)
{
    if (in.len != PQI_CONFIRM_LEN) {
        return fail_at(e, "confirmation",
            in.len < PQI_CONFIRM_LEN ? "it is too short" : "bytes follow it",
            in.len < PQI_CONFIRM_LEN ? in.len : PQI_CONFIRM_LEN);
    }
    for (size_t i = 1; i < 4; i++) {
        if (in.ptr[i] != 0) {
            return fail_at(e, "confirmation", "a reserved byte is not zero", i);
        }
    }
    json_t *o = object("confirmation", in.len);
    pqi_cspan key_id = {in.ptr + 4, PQI_KEY_ID_LEN};
    put_hex(o, "key_id", key_id);
    return o;
}

/* Only the outside: what is in it is for its device alone. */
static json_t *grant_tree(const pqi_algs *a, pqi_cspan in, pqi_inspect_error *e)
{
    if (in.len < GRANT_HDR) {
        return fail_at(e, "grant", "its header is cut off", in.len);
    }
    if (in.ptr[1] != 0) {
        return fail_at(e, "grant", "a reserved byte is not zero", 1);
    }
    const pqi_suite *s = pqi_algs_suite(a, (uint32_t)in.ptr[2] << 8 | in.ptr[3]);
    if (s == NULL) {
        return fail_at(e, "grant", "its suite is unknown", 2);
    }
    uint64_t len = (uint64_t)in.ptr[4] << 24 | (uint64_t)in.ptr[5] << 16 |
                   (uint64_t)in.ptr[6] << 8 | in.ptr[7];
    if (len < PQI_AEAD_TAG || GRANT_HDR + pqi_box_capsule_len(s) + len != in.len) {
        return fail_at(e, "grant", "its length field does not fit", 4);
    }
    json_t *o = object("grant", in.len);
    (void)json_object_set_new(o, "suite", json_string(s->name));
    put_num(o, "sealed_bytes", len);
    return o;
}

static json_t *v1_tree(const pqi_algs *a, pqi_cspan in, pqi_inspect_error *e)
{
    pqi_v1_packet p;
    if (in.len < PQI_V1_HDR) {
        return fail_at(e, "v1 packet", "its header is cut off", in.len);
    }
    pqi_status st = pqi_v1_parse(a, in, &p);
    if (st == PQI_ERR_UNSUPPORTED) {
        return fail_at(e, "v1 packet", "its suite is unknown", 2);
    }
    if (st != PQI_OK) {
        e->kind = "v1 packet";
        e->what = "flags or lengths are wrong";
        return NULL;
    }
    json_t *o = object("v1-packet", in.len);
    pqi_cspan s = {p.kid_s, sizeof p.kid_s};
    pqi_cspan r = {p.kid_r, sizeof p.kid_r};
    (void)json_object_set_new(o, "suite", json_string(p.suite->name));
    put_hex(o, "sender_kid", s);
    put_hex(o, "recipient_kid", r);
    put_num(o, "seq", p.seq);
    put_num(o, "plain_bytes", p.ct.len - PQI_AEAD_TAG);
    put_num(o, "signature_bytes", p.sig.len);
    return o;
}

static bool take_lv16(pqi_cspan in, size_t *at, pqi_cspan *out)
{
    if (in.len - *at < 2) {
        return false;
    }
    size_t n = (size_t)in.ptr[*at] << 8 | in.ptr[*at + 1];
    if (in.len - *at - 2 < n) {
        return false;
    }
    out->ptr = in.ptr + *at + 2;
    out->len = n;
    *at += 2 + n;
    return true;
}

/* 0x71 flags u8 reserved u16 ann_epoch u32 | LV16 cert | LV16 proof | LV16 prekeys | ... | signature */
static json_t *announce_tree(const pqi_algs *a, pqi_cspan in, pqi_inspect_error *e)
{
    size_t at = 8;
    pqi_cspan cert, proof, prekeys;
    pqi_cert c;
    if (in.len < at) {
        return fail_at(e, "announcement", "its header is cut off", in.len);
    }
    if (in.ptr[2] != 0 || in.ptr[3] != 0) {
        return fail_at(e, "announcement", "a reserved byte is not zero", 2);
    }
    if (!take_lv16(in, &at, &cert) || !take_lv16(in, &at, &proof) ||
        !take_lv16(in, &at, &prekeys)) {
        return fail_at(e, "announcement", "a length reaches beyond its end", at);
    }
    if (pqi_cert_decode(a, cert, &c) != PQI_OK) {
        return fail_at(e, "announcement", "the certificate in it does not decode", 10);
    }
    json_t *o = object("announcement", in.len);
    put_num(o, "flags", in.ptr[1]);
    put_num(o, "ann_epoch",
        (uint64_t)in.ptr[4] << 24 | (uint64_t)in.ptr[5] << 16 | (uint64_t)in.ptr[6] << 8 |
            in.ptr[7]);
    put_num(o, "proof_bytes", proof.len);
    put_num(o, "prekey_bytes", prekeys.len);
    put_num(o, "signature_bytes", in.len - at);
    (void)json_object_set_new(o, "certificate", cert_tree(a, &c));
    return o;
}

/* ---- which one ---------------------------------------------------------------------------------- */

static json_t *try_cose(const pqi_algs *a, pqi_cspan in)
{
    json_t *o = NULL;
    pqi_manifest *m = pqi_cli_alloc(sizeof *m);
    pqi_cert c;
    pqi_revocations r;
    pqi_join_request j;
    if (in.len <= PQI_CERT_MAX && pqi_cert_decode(a, in, &c) == PQI_OK) {
        o = cert_tree(a, &c);
    } else if (in.len <= PQI_MANIFEST_MAX && pqi_manifest_decode(a, in, m) == PQI_OK) {
        o = manifest_tree(a, m);
    } else if (in.len <= PQI_REVOCATIONS_MAX && pqi_revocations_decode(a, in, &r) == PQI_OK) {
        o = revocations_tree(&r);
    } else if (in.len <= PQI_JOIN_REQUEST_MAX && pqi_join_decode(a, in, &j) == PQI_OK) {
        o = join_tree(a, &j);
    }
    free(m);
    return o;
}

static json_t *try_plain(const pqi_algs *a, pqi_cspan in)
{
    pqi_challenge ch;
    pqi_factory f;
    if (in.len <= PQI_CHALLENGE_MAX && pqi_challenge_decode(in, &ch) == PQI_OK) {
        return challenge_tree(&ch, in.len);
    }
    if (in.len > PQI_FACTORY_MAX) {
        return NULL;
    }
    pqi_span tmp = {NULL, pqi_cli_tmp_len(a)};
    tmp.ptr = pqi_cli_alloc(tmp.len);
    pqi_status st = pqi_factory_open(a, in, &f, tmp);
    json_t *o = st == PQI_OK ? factory_tree(a, &f, in.len) : NULL;
    free(tmp.ptr);
    return o;
}

json_t *pqi_inspect_object(const pqi_algs *algs, pqi_cspan in, pqi_inspect_error *err)
{
    memset(err, 0, sizeof *err);
    if (in.len == 0) {
        return fail_at(err, "object", "there is nothing", 0);
    }
    if (in.ptr[0] == PQI_V1_T) {
        return v1_tree(algs, in, err);
    }
    if (in.ptr[0] == ANN_T) {
        return announce_tree(algs, in, err);
    }
    if (in.ptr[0] == GRANT_T) {
        return grant_tree(algs, in, err);
    }
    if (in.ptr[0] == CONFIRM_T) {
        return confirm_tree(in, err);
    }
    if (!pqi_inspect_cbor(in, err)) {
        return NULL;
    }
    json_t *o = try_cose(algs, in);
    if (o == NULL) {
        o = try_plain(algs, in);
    }
    if (o == NULL) {
        err->kind = err->kind != NULL ? err->kind : "object";
        err->what = "well-formed CBOR, but not the one encoding of an object of ours";
    }
    return o;
}
