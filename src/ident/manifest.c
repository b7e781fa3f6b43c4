/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/objects.md, root manifest. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "ct/ct.h"

#define N_ROLES 5u /* PQI_ROLE_ROOT..PQI_ROLE_HEAD */

/* Keys stand in ascending order of role and kid, so a set of keys has one encoding, and no key
 * counts twice in a role. */
static bool key_before(const pqi_manifest_key *x, const pqi_manifest_key *y)
{
    return x->role != y->role ? x->role < y->role : pqi_ident_kid_cmp(x->kid, y->kid) < 0;
}

/* Every role with keys has a threshold that its keys can meet, no other role has one, and there is
 * a root key. */
static bool thresholds_ok(const pqi_manifest_key *keys, uint32_t n, const uint8_t threshold[8])
{
    uint32_t have[8] = {0};
    for (uint32_t i = 0; i < n; i++) {
        have[keys[i].role & 7u]++;
    }
    for (size_t role = 0; role < 8; role++) {
        if (threshold[role] > have[role] || (threshold[role] == 0) != (have[role] == 0)) {
            return false;
        }
    }
    return have[PQI_ROLE_ROOT] != 0;
}

static void read_keys(rd *r, pqi_manifest *m)
{
    pqi_cbor_key(r, 4);
    m->n_keys = (uint32_t)pqi_cbor_array(r, 1, PQI_MANIFEST_KEYS_MAX);
    for (uint32_t i = 0; i < m->n_keys && !r->bad; i++) {
        pqi_manifest_key *k = &m->keys[i];
        (void)pqi_cbor_array(r, 3, 3);
        k->role = (pqi_role)pqi_cbor_uint(r, PQI_ROLE_ROOT, N_ROLES);
        k->alg = pqi_ident_read_sig_alg(r);
        k->pk = pqi_cbor_bstr(r, 1, PQI_SIG_MAX_PK);
    }
}

static void read_thresholds(rd *r, pqi_manifest *m)
{
    uint64_t last = 0;
    pqi_cbor_key(r, 5);
    size_t n = pqi_cbor_array(r, 1, N_ROLES);
    for (size_t i = 0; i < n && !r->bad; i++) {
        (void)pqi_cbor_array(r, 2, 2);
        last = pqi_cbor_uint(r, last + 1, N_ROLES);
        uint8_t t = (uint8_t)pqi_cbor_uint(r, 1, PQI_MANIFEST_KEYS_MAX);
        if (!r->bad) {
            m->threshold[last] = t;
        }
    }
}

static pqi_status read_payload(pqi_cspan payload, pqi_manifest *m)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, 5, 5);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, m->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    m->root_version = pqi_ident_read_u32(&r, 1);
    read_keys(&r, m);
    read_thresholds(&r, m);
    return rd_done(&r);
}

/* Fills in the kids; a key of an algorithm that is built in has its length. Others may stand in the
 * manifest, they just cannot be used here. */
static pqi_status finish_keys(const pqi_algs *a, pqi_manifest *m)
{
    for (uint32_t i = 0; i < m->n_keys; i++) {
        pqi_manifest_key *k = &m->keys[i];
        pqi_status st = pqi_ident_check_sig_key(a, k->alg, k->pk);
        if (st != PQI_OK && st != PQI_ERR_UNSUPPORTED) {
            return st;
        }
        st = pqi_signer_kid(a, k->alg, k->pk, k->kid);
        if (st != PQI_OK) {
            return st;
        }
        if (i != 0 && !key_before(&m->keys[i - 1], k)) {
            return PQI_ERR_DECODE;
        }
    }
    return thresholds_ok(m->keys, m->n_keys, m->threshold) ? PQI_OK : PQI_ERR_DECODE;
}

pqi_status pqi_manifest_decode(const pqi_algs *a, pqi_cspan in, pqi_manifest *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_MANIFEST_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign s;
    pqi_manifest m = {0};
    pqi_status st = pqi_cose_sign_decode(in, PQI_TYP_ROOT, &s);
    if (st == PQI_OK) {
        st = pqi_ident_check_signers(s.signatures);
    }
    if (st == PQI_OK) {
        st = read_payload(s.payload, &m);
    }
    if (st == PQI_OK) {
        st = finish_keys(a, &m);
    }
    if (st == PQI_OK) {
        /* Over what is signed, not over the signatures: anybody can add one of an unknown key. */
        const pqi_cspan parts[] = {{PQI_LIT("PQI4 root id")}, s.payload};
        st = a->classic->hash(PQI_HASH_SHA256, parts, 2, m.hash);
    }
    if (st == PQI_OK) {
        m.encoded = in;
        m.body_protected = s.body_protected;
        m.payload = s.payload;
        m.signatures = s.signatures;
        *out = m;
    }
    return st;
}

/* The same manifest, or the one before it, of the same fleet. */
static bool may_sign(const pqi_manifest *m, const pqi_manifest *by)
{
    bool fleet = pqi_ct_eq(m->fleet_id, by->fleet_id, PQI_FLEET_ID_LEN) != 0;
    bool same = m->root_version == by->root_version && pqi_ct_eq(m->hash, by->hash, 32);
    bool next = by->root_version != UINT32_MAX && m->root_version == by->root_version + 1;
    return fleet && (same || next);
}

pqi_status pqi_manifest_verify(
    const pqi_algs *a, const pqi_manifest *m, const pqi_manifest *by, pqi_span tmp)
{
    if (!may_sign(m, by)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_multi x = {
        a, by, PQI_DOMAIN_ROOT, {m->body_protected, m->payload, m->signatures}};
    return pqi_ident_quorum(&x, PQI_ROLE_ROOT, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

void pqi_manifest_put_payload(wr *w, const pqi_manifest_spec *s)
{
    pqi_cbor_put_map(w, 5);
    pqi_cbor_put_uint(w, 1);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){s->fleet_id, PQI_FLEET_ID_LEN});
    pqi_cbor_put_uint(w, 3);
    pqi_cbor_put_uint(w, s->root_version);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_array(w, s->n_keys);
    for (uint32_t i = 0; i < s->n_keys; i++) {
        pqi_cbor_put_array(w, 3);
        pqi_cbor_put_uint(w, (uint64_t)s->keys[i].role);
        pqi_cbor_put_int(w, s->keys[i].alg);
        pqi_cbor_put_bstr(w, s->keys[i].pk);
    }
    size_t n = 0;
    for (size_t role = 0; role < 8; role++) {
        n += s->threshold[role] != 0 ? 1u : 0u;
    }
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_array(w, n);
    for (size_t role = 0; role < 8; role++) {
        if (s->threshold[role] != 0) {
            pqi_cbor_put_array(w, 2);
            pqi_cbor_put_uint(w, role);
            pqi_cbor_put_uint(w, s->threshold[role]);
        }
    }
}

static pqi_status put_payload(wr *w, const void *obj)
{
    pqi_manifest_put_payload(w, obj);
    return PQI_OK;
}

/* Copies the keys in their order, with kids. PQI_ERR_ARG: a rule of the object is broken. */
static pqi_status sort_keys(
    const pqi_algs *a, const pqi_manifest_spec *spec, pqi_manifest_key *sorted)
{
    for (uint32_t n = 0; n < spec->n_keys; n++) {
        pqi_manifest_key k = spec->keys[n];
        if (k.role < PQI_ROLE_ROOT || k.role > PQI_ROLE_HEAD) {
            return PQI_ERR_ARG;
        }
        pqi_status st = pqi_ident_check_sig_key(a, k.alg, k.pk);
        if (st == PQI_OK) {
            st = pqi_signer_kid(a, k.alg, k.pk, k.kid);
        }
        if (st != PQI_OK) {
            return st == PQI_ERR_DECODE ? PQI_ERR_ARG : st;
        }
        uint32_t at = n;
        for (; at > 0 && key_before(&k, &sorted[at - 1]); at--) {
            sorted[at] = sorted[at - 1];
        }
        if (at > 0 && !key_before(&sorted[at - 1], &k)) {
            return PQI_ERR_ARG; /* twice in one role */
        }
        sorted[at] = k;
    }
    return thresholds_ok(sorted, spec->n_keys, spec->threshold) ? PQI_OK : PQI_ERR_ARG;
}

pqi_status pqi_manifest_build(const pqi_algs *a, pqi_provider *p, const pqi_manifest_spec *spec,
    const pqi_key *handles, size_t n_handles, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || spec == NULL || handles == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    bool counts = spec->n_keys != 0 && spec->n_keys <= PQI_MANIFEST_KEYS_MAX && n_handles != 0 &&
                  n_handles <= PQI_COSE_SIGNATURES_MAX;
    if (!counts || spec->root_version == 0 || spec->keys == NULL) {
        return PQI_ERR_ARG;
    }
    pqi_manifest_key keys[PQI_MANIFEST_KEYS_MAX];
    pqi_cose_signer signers[PQI_COSE_SIGNATURES_MAX];
    pqi_status st = sort_keys(a, spec, keys);
    if (st == PQI_OK) {
        const pqi_ident_keyring ring = {a, p, PQI_DOMAIN_ROOT, handles, n_handles};
        st = pqi_ident_load_signers(&ring, signers);
    }
    if (st != PQI_OK) {
        return st;
    }
    pqi_manifest_spec s = *spec;
    s.keys = keys;
    const pqi_cose_body body = {PQI_TYP_ROOT, put_payload, &s};
    return pqi_cose_sign_build(signers, n_handles, &body, out, out_len);
}
