/* SPDX-License-Identifier: Apache-2.0
 * pqi inspect: control head, roster, policy, statement, docs/spec/control.md. */
#include "inspect.h"

#include <pqi/control.h>

#include <stdlib.h>

static pqi_status put_signature(pqi_inspect_result *out, const char *name, pqi_status st)
{
    pqi_inspect_put_state(out, out->fields, name, st, pqi_inspect_note(st));
    return PQI_OK;
}

static void put_hash(json_t *o, const char *name, const uint8_t hash[PQI_HASH_LEN])
{
    pqi_inspect_put_hex(o, name, hash, PQI_HASH_LEN);
}

/* ---- head --------------------------------------------------------------------------------------- */

/* {seq, hash}, or null for "none yet" */
static void put_named(json_t *o, const char *name, uint32_t seq, const uint8_t hash[PQI_HASH_LEN])
{
    json_t *v = seq != 0 ? json_object() : json_null();
    if (seq != 0) {
        pqi_inspect_put_uint(v, "seq", seq);
        put_hash(v, "hash", hash);
    }
    pqi_inspect_put(o, name, v);
}

static json_t *delegate_list(const pqi_head *h)
{
    json_t *list = json_array();
    for (uint32_t i = 0; i < h->n_delegates; i++) {
        const pqi_delegate *d = &h->delegates[i];
        json_t *o = json_object();
        pqi_inspect_put_text(o, "device_id", d->device_id);
        pqi_inspect_put_text(o, "prefix", d->prefix);
        pqi_inspect_put_uint(o, "ticks", d->count);
        put_hash(o, "anchor", d->anchor);
        (void)json_array_append_new(list, o);
    }
    return list;
}

static void put_roster(json_t *o, const pqi_head *h)
{
    json_t *v = h->roster_seq != 0 ? json_object() : json_null();
    if (h->roster_seq != 0) {
        pqi_inspect_put_uint(v, "seq", h->roster_seq);
        pqi_inspect_put_uint(v, "size", h->roster_size);
        put_hash(v, "root", h->roster_root);
    }
    pqi_inspect_put(o, "roster", v);
}

pqi_status pqi_inspect_head(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_head h;
    pqi_status st = pqi_head_decode(c->algs, in, &h);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields, *log = json_object(), *ticks = json_object();
    pqi_inspect_put_fleet(o, h.fleet_id);
    pqi_inspect_put_uint(o, "root_version", h.root_version);
    pqi_inspect_put_uint(o, "head_epoch", h.head_epoch);
    put_hash(o, "hash", h.hash);
    put_hash(o, "previous_head", h.prev);
    put_named(o, "policy", h.policy_seq, h.policy_hash);
    pqi_inspect_put_uint(log, "entries", h.rev_seq);
    put_hash(log, "hash", h.rev_hash);
    pqi_inspect_put(o, "revocations", log);
    put_roster(o, &h);
    pqi_inspect_put_uint(ticks, "first", (uint64_t)h.tick_base + 1);
    pqi_inspect_put_uint(ticks, "count", h.tick_count);
    put_hash(ticks, "anchor", h.tick_anchor);
    pqi_inspect_put(o, "ticks", ticks);
    pqi_inspect_put_time(o, "time", h.time);
    put_hash(o, "token", h.token);
    pqi_inspect_put(o, "delegates", delegate_list(&h));
    pqi_inspect_put_uint(o, "signature_bytes", h.signature.len);
    st = c->root == NULL ? PQI_AGAIN : pqi_head_verify(c->algs, &h, c->root, c->tmp);
    return put_signature(out, "signature", st);
}

/* ---- roster, statement -------------------------------------------------------------------------- */

pqi_status pqi_inspect_roster(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_roster r;
    pqi_status st = pqi_roster_decode(c->algs, in, &r);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, r.fleet_id);
    pqi_inspect_put_uint(o, "root_version", r.root_version);
    pqi_inspect_put_uint(o, "seq", r.seq);
    pqi_inspect_put_uint(o, "size", r.size);
    put_hash(o, "root", r.root);
    pqi_inspect_put_uint(o, "signature_bytes", r.signature.len);
    st = c->root == NULL ? PQI_AGAIN : pqi_roster_verify(c->algs, &r, c->root, c->tmp);
    (void)put_signature(out, "signature", st);
    pqi_inspect_put_state(out, o, "in_force", PQI_AGAIN, "when the newest head names it");
    return PQI_OK;
}

pqi_status pqi_inspect_statement(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_statement s;
    pqi_status st = pqi_statement_decode(c->algs, in, &s);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, s.fleet_id);
    pqi_inspect_put_uint(o, "root_version", s.root_version);
    pqi_inspect_put_uint(o, "head_epoch", s.head_epoch);
    pqi_inspect_put_uint(o, "tick", s.tick);
    pqi_inspect_put_time(o, "time", s.time);
    pqi_inspect_put_uint(o, "nonces", s.size);
    put_hash(o, "nonces_root", s.root);
    pqi_inspect_put_uint(o, "signature_bytes", s.signature.len);
    st = c->root == NULL ? PQI_AGAIN : pqi_statement_verify(c->algs, &s, c->root, c->tmp);
    return put_signature(out, "signature", st);
}

/* ---- policy ------------------------------------------------------------------------------------- */

static const char *const assurance[] = {"rollback-resistant storage", "non-exportable keys",
    "hardware random generator", "attested boot", "classical halves in hardware",
    "keys in another process"};

static json_t *assurance_of(const pqi_policy_rules *u)
{
    static const char *const classes[] = {"L", "M", "H"};
    json_t *o = json_object();
    for (size_t i = 0; i < 3; i++) {
        pqi_inspect_put(o, classes[i],
            pqi_inspect_bits(u->assurance[i], assurance, sizeof assurance / sizeof assurance[0]));
    }
    return o;
}

static void put_rules(json_t *o, const pqi_policy_rules *u)
{
    static const char *const marks[] = {
        "not standardised", "pre-standard", "not misuse-resistant", "composite"};
    static const char *const modes[] = {
        NULL, "S (both sign)", "K (both prove KEM keys)", "M (one signs, one proves a KEM key)"};
    static const char *const flags[] = {"roster", "gossip", "delegates", "no rollback", "attest"};
    json_t *ages = json_object();
    pqi_inspect_put_uint(o, "min_level", u->min_level);
    pqi_inspect_put(o, "forbidden", pqi_inspect_bits(u->forbid, marks, 4));
    pqi_inspect_put(
        o, "modes", u->modes != 0 ? pqi_inspect_bits(u->modes, modes, 4) : json_string("all"));
    pqi_inspect_put_str(o, "sessions", u->sessions == 1 ? "prefer" : "require");
    pqi_inspect_put(o, "flags", pqi_inspect_bits(u->flags, flags, 5));
    pqi_inspect_put_uint(o, "tick_seconds", u->tick_s);
    pqi_inspect_put_uint(ages, "fresh", u->fresh);
    pqi_inspect_put_uint(ages, "aged", u->aged);
    pqi_inspect_put_uint(ages, "stale", u->stale);
    pqi_inspect_put(o, "ages_in_ticks", ages);
    pqi_inspect_put_uint(o, "grace_seconds", u->grace_s);
    pqi_inspect_put(o, "assurance", assurance_of(u));
    pqi_inspect_put_uint(o, "min_revocations", u->min_rev_seq);
    pqi_inspect_put_uint(o, "ttl_ticks", u->ttl_ticks);
    pqi_inspect_put_uint(o, "revoked_ahead_permille", u->rev_ahead_permille);
    pqi_inspect_put_uint(o, "local_ticks_max", u->local_ticks_max);
    pqi_inspect_put_uint(o, "clock_step_seconds", u->max_step_s);
}

static void put_rows(json_t *o, const pqi_policy *x)
{
    static const char *const rights[] = {"publish", "subscribe"};
    static const char *const classes[] = {"L", "M", "H", "S"};
    json_t *rows = json_array(), *safe = json_array();
    for (uint32_t i = 0; i < x->n_acls; i++) {
        const pqi_acl *a = &x->acls[i];
        json_t *row = json_object();
        if (a->subject.len != 0) {
            pqi_inspect_put_text(row, "subject", a->subject);
        } else {
            pqi_inspect_put(row, "subject", json_null());
        }
        pqi_inspect_put_text(row, "prefix", a->prefix);
        pqi_inspect_put(row, "rights", pqi_inspect_bits(a->rights, rights, 2));
        pqi_inspect_put(row, "classes", pqi_inspect_bits(a->classes, classes, 4));
        (void)json_array_append_new(rows, row);
    }
    pqi_inspect_put(o, "acl", rows);
    for (uint32_t i = 0; i < x->n_fail_safe; i++) {
        json_t *row = json_object();
        pqi_inspect_put_text(row, "prefix", x->fail_safe[i]);
        (void)json_array_append_new(safe, row);
    }
    pqi_inspect_put(o, "fail_safe", safe);
}

pqi_status pqi_inspect_policy(const pqi_inspect_ctx *c, pqi_cspan in, pqi_inspect_result *out)
{
    pqi_policy x;
    pqi_status st = pqi_policy_decode(c->algs, in, &x);
    if (st != PQI_OK) {
        return st;
    }
    json_t *o = out->fields;
    pqi_inspect_put_fleet(o, x.fleet_id);
    pqi_inspect_put_uint(o, "version", x.version);
    pqi_inspect_put_uint(o, "root_version", x.root_version);
    pqi_inspect_put_uint(o, "seq", x.seq);
    pqi_inspect_put_uint(o, "tick_base", x.tick_base);
    put_hash(o, "hash", x.hash);
    put_rules(o, &x.rules);
    put_rows(o, &x);
    st = c->root == NULL ? PQI_AGAIN : pqi_policy_verify(c->algs, &x, c->root, c->tmp);
    pqi_inspect_put_state(out, o, "signatures", st,
        st == PQI_ERR_AUTH ? "altered, or too few policy keys of the root manifest signed it"
                           : pqi_inspect_note(st));
    pqi_inspect_put_state(out, o, "in_force", PQI_AGAIN, "when the newest head names it");
    return PQI_OK;
}
