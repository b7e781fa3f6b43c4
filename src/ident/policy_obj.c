/* SPDX-License-Identifier: Apache-2.0
 * The fleet's policy as a signed object: docs/spec/control.md section 1.5. (policy.c looks at
 * algorithms.) */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include "ct/ct.h"
#include <pqi/session.h>

/* Keys 1 to 14, 18 and 19; version 2 has 15 to 17 as well. */
#define FIELDS_1 16u
#define FIELDS_2 19u

#define MODES_ALL  (PQI_MODES_S | PQI_MODES_K | PQI_MODES_M)
#define RIGHTS_ALL (PQI_RIGHT_PUB | PQI_RIGHT_SUB)
#define FLAGS_ALL                                                                                  \
    (PQI_POLICY_ROSTER | PQI_POLICY_GOSSIP | PQI_POLICY_DELEGATES | PQI_POLICY_NO_ROLLBACK |       \
        PQI_POLICY_ATTEST)
#define CLASSES_ALL  15u
#define LEVEL_MAX    5u
#define TICK_S_MAX   86400u
#define PERMILLE_MAX 1000u
#define STEP_S_MIN   60u

const pqi_policy_rules pqi_policy_default = {
    .sessions = PQI_SESSIONS_PREFER,
    .flags = PQI_POLICY_GOSSIP,
    .tick_s = 3600,
    .fresh = 4,
    .aged = 48,
    .stale = 720,
    .grace_s = 3600,
    .rev_ahead_permille = 50,
    .local_ticks_max = 72,
    .max_step_s = 172800,
};

/* ---- rules: the same for decoding and building ------------------------------------------------- */

static bool rows_ok(const pqi_policy *x)
{
    if (x->n_acls > PQI_POLICY_ACLS_MAX || x->n_fail_safe > PQI_POLICY_FAIL_SAFE) {
        return false;
    }
    for (uint32_t i = 0; i < x->n_acls; i++) {
        const pqi_acl *row = &x->acls[i];
        bool subject = row->subject.len == 0 || pqi_id_check(row->subject) == PQI_OK;
        bool sets = row->rights != 0 && (row->rights & ~RIGHTS_ALL) == 0 && row->classes != 0 &&
                    (row->classes & ~CLASSES_ALL) == 0;
        if (!subject || !sets || !pqi_ident_prefix_ok(row->prefix)) {
            return false;
        }
    }
    for (uint32_t i = 0; i < x->n_fail_safe; i++) {
        if (!pqi_ident_prefix_ok(x->fail_safe[i])) {
            return false;
        }
    }
    return true;
}

static bool rules_ok(const pqi_policy_rules *u)
{
    bool algs = u->min_level <= LEVEL_MAX && (u->modes & ~MODES_ALL) == 0 &&
                (u->sessions == PQI_SESSIONS_PREFER || u->sessions == PQI_SESSIONS_REQUIRE);
    bool ages = u->tick_s != 0 && u->tick_s <= TICK_S_MAX && u->fresh != 0 && u->fresh < u->aged &&
                u->aged < u->stale;
    unsigned assurance = 0;
    for (unsigned cls = PQI_CLASS_L; cls <= PQI_CLASS_H; cls++) {
        assurance |= u->assurance[cls];
    }
    bool bits = (u->flags & ~FLAGS_ALL) == 0 && (assurance & ~PQI_ASSURE_ALL) == 0 &&
                u->assurance[PQI_CLASS_S] == 0;
    bool second = u->rev_ahead_permille <= PERMILLE_MAX && u->max_step_s >= STEP_S_MIN;
    return algs && ages && bits && second;
}

/* What version 1 cannot say is as in the default. */
static bool version_ok(const pqi_policy *x)
{
    const pqi_policy_rules *u = &x->rules, *d = &pqi_policy_default;
    bool as_default = u->rev_ahead_permille == d->rev_ahead_permille &&
                      u->local_ticks_max == d->local_ticks_max && u->max_step_s == d->max_step_s;
    return x->version == 2 || (x->version == 1 && as_default);
}

static bool rules(const pqi_policy *x)
{
    bool numbers = x->root_version != 0 && x->seq != 0;
    return numbers && version_ok(x) && rules_ok(&x->rules) && rows_ok(x);
}

/* ---- decoding ---------------------------------------------------------------------------------- */

static uint32_t read_u32(rd *r, uint64_t key)
{
    pqi_cbor_key(r, key);
    return pqi_ident_read_u32(r, 0);
}

static uint8_t read_u8(rd *r)
{
    return (uint8_t)pqi_cbor_uint(r, 0, UINT8_MAX);
}

static void read_rules(rd *r, pqi_policy_rules *u)
{
    pqi_cbor_key(r, 6);
    (void)pqi_cbor_array(r, 2, 2);
    u->min_level = read_u8(r);
    u->forbid = read_u8(r);
    pqi_cbor_key(r, 7);
    u->modes = read_u8(r);
    pqi_cbor_key(r, 8);
    u->sessions = read_u8(r);
    pqi_cbor_key(r, 9);
    u->flags = read_u8(r);
    pqi_cbor_key(r, 10);
    (void)pqi_cbor_array(r, 4, 4);
    u->tick_s = pqi_ident_read_u32(r, 0);
    u->fresh = pqi_ident_read_u32(r, 0);
    u->aged = pqi_ident_read_u32(r, 0);
    u->stale = pqi_ident_read_u32(r, 0);
    u->grace_s = read_u32(r, 11);
    pqi_cbor_key(r, 12);
    (void)pqi_cbor_array(r, 3, 3);
    for (unsigned cls = PQI_CLASS_L; cls <= PQI_CLASS_H; cls++) {
        u->assurance[cls] = read_u8(r);
    }
    u->min_rev_seq = read_u32(r, 13);
    u->ttl_ticks = read_u32(r, 14);
}

static void read_rows(rd *r, pqi_policy *x)
{
    pqi_cbor_key(r, 18);
    x->n_acls = (uint32_t)pqi_cbor_array(r, 0, PQI_POLICY_ACLS_MAX);
    for (uint32_t i = 0; i < x->n_acls && !r->bad; i++) {
        pqi_acl *row = &x->acls[i];
        (void)pqi_cbor_array(r, 4, 4);
        row->subject = pqi_cbor_tstr(r, 0, PQI_ID_MAX);
        row->prefix = pqi_cbor_tstr(r, 1, PQI_PREFIX_MAX);
        row->rights = read_u8(r);
        row->classes = read_u8(r);
    }
    pqi_cbor_key(r, 19);
    x->n_fail_safe = (uint32_t)pqi_cbor_array(r, 0, PQI_POLICY_FAIL_SAFE);
    for (uint32_t i = 0; i < x->n_fail_safe && !r->bad; i++) {
        x->fail_safe[i] = pqi_cbor_tstr(r, 1, PQI_PREFIX_MAX);
    }
}

static pqi_status read_payload(pqi_cspan payload, pqi_policy *x)
{
    rd r = rd_of(payload);
    size_t n = pqi_cbor_map(&r, FIELDS_1, FIELDS_2);
    pqi_cbor_key(&r, 1);
    x->version = (uint32_t)pqi_cbor_uint(&r, 1, 2);
    if (n != (x->version == 1 ? FIELDS_1 : FIELDS_2)) {
        rd_fail(&r);
    }
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, x->fleet_id, PQI_FLEET_ID_LEN);
    x->root_version = read_u32(&r, 3);
    x->seq = read_u32(&r, 4);
    x->tick_base = read_u32(&r, 5);
    read_rules(&r, &x->rules);
    x->rules.rev_ahead_permille = pqi_policy_default.rev_ahead_permille;
    x->rules.local_ticks_max = pqi_policy_default.local_ticks_max;
    x->rules.max_step_s = pqi_policy_default.max_step_s;
    if (x->version == 2) {
        pqi_cbor_key(&r, 15);
        x->rules.rev_ahead_permille = (uint16_t)pqi_cbor_uint(&r, 0, PERMILLE_MAX);
        x->rules.local_ticks_max = read_u32(&r, 16);
        x->rules.max_step_s = read_u32(&r, 17);
    }
    read_rows(&r, x);
    pqi_status st = rd_done(&r);
    return st == PQI_OK && !rules(x) ? PQI_ERR_DECODE : st;
}

pqi_status pqi_policy_payload(const pqi_algs *a, pqi_cspan payload, pqi_policy *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (payload.len > PQI_POLICY_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_policy x = {0};
    pqi_status st = read_payload(payload, &x);
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{PQI_LIT("PQI4 policy id")}, payload};
        st = a->classic->hash(PQI_HASH_SHA256, parts, 2, x.hash);
    }
    if (st == PQI_OK) {
        x.payload = payload;
        *out = x;
    }
    return st;
}

pqi_status pqi_policy_decode(const pqi_algs *a, pqi_cspan in, pqi_policy *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_POLICY_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign s;
    pqi_status st = pqi_cose_sign_decode(in, PQI_TYP_POLICY, &s);
    if (st == PQI_OK) {
        st = pqi_ident_check_signers(s.signatures);
    }
    if (st == PQI_OK) {
        st = pqi_policy_payload(a, s.payload, out);
    }
    if (st == PQI_OK) {
        out->encoded = in;
        out->body_protected = s.body_protected;
        out->signatures = s.signatures;
    }
    return st;
}

pqi_status pqi_policy_verify(
    const pqi_algs *a, const pqi_policy *x, const pqi_manifest *m, pqi_span tmp)
{
    if (!pqi_ident_same_fleet(m, x->fleet_id, x->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_multi q = {
        a, m, PQI_DOMAIN_POLICY, {x->body_protected, x->payload, x->signatures}};
    return pqi_ident_quorum(&q, PQI_ROLE_POLICY, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

static void put_field(wr *w, uint64_t key, uint64_t value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_uint(w, value);
}

static void put_rules(wr *w, const pqi_policy_rules *u)
{
    pqi_cbor_put_uint(w, 6);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_uint(w, u->min_level);
    pqi_cbor_put_uint(w, u->forbid);
    put_field(w, 7, u->modes);
    put_field(w, 8, u->sessions);
    put_field(w, 9, u->flags);
    pqi_cbor_put_uint(w, 10);
    pqi_cbor_put_array(w, 4);
    pqi_cbor_put_uint(w, u->tick_s);
    pqi_cbor_put_uint(w, u->fresh);
    pqi_cbor_put_uint(w, u->aged);
    pqi_cbor_put_uint(w, u->stale);
    put_field(w, 11, u->grace_s);
    pqi_cbor_put_uint(w, 12);
    pqi_cbor_put_array(w, 3);
    for (unsigned cls = PQI_CLASS_L; cls <= PQI_CLASS_H; cls++) {
        pqi_cbor_put_uint(w, u->assurance[cls]);
    }
    put_field(w, 13, u->min_rev_seq);
    put_field(w, 14, u->ttl_ticks);
}

static void put_rows(wr *w, const pqi_policy *x)
{
    pqi_cbor_put_uint(w, 18);
    pqi_cbor_put_array(w, x->n_acls);
    for (uint32_t i = 0; i < x->n_acls; i++) {
        const pqi_acl *row = &x->acls[i];
        pqi_cbor_put_array(w, 4);
        pqi_cbor_put_tstr(w, row->subject);
        pqi_cbor_put_tstr(w, row->prefix);
        pqi_cbor_put_uint(w, row->rights);
        pqi_cbor_put_uint(w, row->classes);
    }
    pqi_cbor_put_uint(w, 19);
    pqi_cbor_put_array(w, x->n_fail_safe);
    for (uint32_t i = 0; i < x->n_fail_safe; i++) {
        pqi_cbor_put_tstr(w, x->fail_safe[i]);
    }
}

void pqi_policy_put_payload(wr *w, const pqi_policy *x)
{
    pqi_cbor_put_map(w, x->version == 1 ? FIELDS_1 : FIELDS_2);
    put_field(w, 1, x->version);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){x->fleet_id, PQI_FLEET_ID_LEN});
    put_field(w, 3, x->root_version);
    put_field(w, 4, x->seq);
    put_field(w, 5, x->tick_base);
    put_rules(w, &x->rules);
    if (x->version != 1) {
        put_field(w, 15, x->rules.rev_ahead_permille);
        put_field(w, 16, x->rules.local_ticks_max);
        put_field(w, 17, x->rules.max_step_s);
    }
    put_rows(w, x);
}

static pqi_status put_payload(wr *w, const void *obj)
{
    pqi_policy_put_payload(w, obj);
    return PQI_OK;
}

pqi_status pqi_policy_build(const pqi_algs *a, pqi_provider *p, const pqi_policy *fields,
    const pqi_key *handles, size_t n, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || handles == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!rules(fields) || n == 0 || n > PQI_MANIFEST_KEYS_MAX) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer signers[PQI_MANIFEST_KEYS_MAX];
    const pqi_ident_keyring ring = {a, p, PQI_DOMAIN_POLICY, handles, n};
    pqi_status st = pqi_ident_load_signers(&ring, signers);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {PQI_TYP_POLICY, put_payload, fields};
    return pqi_cose_sign_build(signers, n, &body, out, out_len);
}

/* ---- what it says ------------------------------------------------------------------------------ */

static bool same(pqi_cspan x, pqi_cspan y)
{
    return x.len == y.len && pqi_ct_eq(x.ptr, y.ptr, x.len) != 0;
}

pqi_status pqi_policy_acl(
    const pqi_policy *x, pqi_cspan subject, pqi_cspan topic, uint8_t right, uint8_t *classes)
{
    if (x == NULL || classes == NULL) {
        return PQI_ERR_ARG;
    }
    *classes = 0;
    bool args = pqi_ident_topic_ok(topic) && right != 0 && (right & ~RIGHTS_ALL) == 0;
    if (!args || pqi_id_check(subject) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    unsigned found = x->n_acls == 0 ? CLASSES_ALL : 0;
    for (uint32_t i = 0; i < x->n_acls && i < PQI_POLICY_ACLS_MAX; i++) {
        const pqi_acl *row = &x->acls[i];
        bool who = row->subject.len == 0 || same(row->subject, subject);
        if (who && (row->rights & right) == right && pqi_ident_covers(row->prefix, topic)) {
            found |= row->classes;
        }
    }
    *classes = (uint8_t)found;
    return found != 0 ? PQI_OK : PQI_ERR_POLICY;
}

int pqi_policy_is_fail_safe(const pqi_policy *x, pqi_cspan topic)
{
    int found = x->n_fail_safe == 0;
    for (uint32_t i = 0; i < x->n_fail_safe && i < PQI_POLICY_FAIL_SAFE; i++) {
        found |= pqi_ident_covers(x->fail_safe[i], topic) ? 1 : 0;
    }
    return found;
}
