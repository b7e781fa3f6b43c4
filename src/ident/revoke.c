/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/objects.md, revocation snapshot. */
#include "ident/cose.h"
#include "ident/ident.h"

static void read_entry(rd *r, pqi_revoked *e)
{
    (void)pqi_cbor_array(r, 3, 3);
    e->roster_index = pqi_ident_read_u32(r, 0);
    e->min_key_epoch = pqi_ident_read_u32(r, 1); /* 0 would revoke nothing */
    e->reason = (uint8_t)pqi_cbor_uint(r, 0, UINT8_MAX);
}

static pqi_status read_payload(pqi_cspan payload, pqi_revocations *v)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, 5, 5);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, v->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    v->root_version = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 4);
    v->seq = pqi_cbor_uint(&r, 1, UINT64_MAX);
    pqi_cbor_key(&r, 5);
    v->count = (uint32_t)pqi_cbor_array(&r, 0, PQI_REVOKED_MAX);
    v->entries = (pqi_cspan){r.p, r.left};
    uint64_t next = 0;
    for (uint32_t i = 0; i < v->count && !r.bad; i++) {
        pqi_revoked e;
        read_entry(&r, &e);
        if (e.roster_index < next) {
            rd_fail(&r);
        }
        next = (uint64_t)e.roster_index + 1;
    }
    return rd_done(&r);
}

pqi_status pqi_revocations_decode(const pqi_algs *a, pqi_cspan in, pqi_revocations *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_REVOCATIONS_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign1 s;
    pqi_revocations v = {0};
    pqi_status st = pqi_cose_sign1_decode(in, PQI_TYP_REV, &s);
    if (st == PQI_OK) {
        st = read_payload(s.payload, &v);
    }
    if (st == PQI_OK) {
        v.encoded = in;
        v.protected_ = s.protected_;
        v.payload = s.payload;
        v.signature = s.signature;
        *out = v;
    }
    return st;
}

pqi_revoked pqi_revocations_at(const pqi_revocations *v, uint32_t i)
{
    pqi_revoked e = {0, 0, 0};
    rd r = rd_of(v->entries);
    for (uint32_t k = 0; k <= i && k < v->count; k++) {
        read_entry(&r, &e);
    }
    return (i < v->count && !r.bad) ? e : (pqi_revoked){0, 0, 0};
}

pqi_status pqi_revocations_verify(
    const pqi_algs *a, const pqi_revocations *v, const pqi_manifest *m, pqi_span tmp)
{
    pqi_cose_sign1 s;
    pqi_status st = pqi_cose_sign1_decode(v->encoded, PQI_TYP_REV, &s);
    uint8_t differ = 0;
    for (size_t i = 0; i < PQI_FLEET_ID_LEN; i++) {
        differ |= (uint8_t)(v->fleet_id[i] ^ m->fleet_id[i]);
    }
    if (st != PQI_OK || differ != 0 || v->root_version != m->root_version) {
        return PQI_ERR_AUTH;
    }
    pqi_role role = m->threshold[PQI_ROLE_REVOKER] != 0 ? PQI_ROLE_REVOKER : PQI_ROLE_ISSUER;
    const pqi_manifest_key *by = pqi_ident_find_key(m, role, s.kid);
    if (by == NULL || by->alg != s.alg || m->threshold[role] != 1) {
        return PQI_ERR_AUTH;
    }
    const pqi_cose_signed what = {v->protected_, {NULL, 0}, v->payload};
    return pqi_cose_verify(a, by, PQI_DOMAIN_REV, &what, v->signature, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

typedef struct snapshot {
    const pqi_revocations *head;
    const pqi_revoked *entries;
    size_t n;
} snapshot;

void pqi_revocations_put_payload(
    wr *w, const pqi_revocations *head, const pqi_revoked *entries, size_t n)
{
    pqi_cbor_put_map(w, 5);
    pqi_cbor_put_uint(w, 1);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){head->fleet_id, PQI_FLEET_ID_LEN});
    pqi_cbor_put_uint(w, 3);
    pqi_cbor_put_uint(w, head->root_version);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_uint(w, head->seq);
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_array(w, n);
    for (size_t i = 0; i < n; i++) {
        pqi_cbor_put_array(w, 3);
        pqi_cbor_put_uint(w, entries[i].roster_index);
        pqi_cbor_put_uint(w, entries[i].min_key_epoch);
        pqi_cbor_put_uint(w, entries[i].reason);
    }
}

static pqi_status put_payload(wr *w, const void *obj)
{
    const snapshot *s = obj;
    pqi_revocations_put_payload(w, s->head, s->entries, s->n);
    return PQI_OK;
}

pqi_status pqi_revocations_build(const pqi_algs *a, pqi_provider *p, pqi_key signer,
    const pqi_revocations *head, const pqi_revoked *entries, size_t n, pqi_span out,
    size_t *out_len)
{
    if (a == NULL || p == NULL || head == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    bool args = n <= PQI_REVOKED_MAX && (entries != NULL || n == 0);
    if (!args || head->root_version == 0 || head->seq == 0) {
        return PQI_ERR_ARG;
    }
    for (size_t i = 0; i < n; i++) {
        bool sorted = i == 0 || entries[i - 1].roster_index < entries[i].roster_index;
        if (!sorted || entries[i].min_key_epoch == 0) {
            return PQI_ERR_ARG;
        }
    }
    pqi_cose_signer s;
    pqi_status st = pqi_cose_signer_load(a, p, signer, PQI_DOMAIN_REV, &s);
    if (st != PQI_OK) {
        return st;
    }
    const snapshot snap = {head, entries, n};
    const pqi_cose_body body = {PQI_TYP_REV, put_payload, &snap};
    return pqi_cose_sign1_build(&s, &body, out, out_len);
}
