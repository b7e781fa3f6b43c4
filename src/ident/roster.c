/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/control.md section 1.3: the issuer's word for the root of the tree (merkle.c). */
#include "ident/cose.h"
#include "ident/ident.h"

#define FIELDS 6u

static pqi_status read_payload(pqi_cspan payload, pqi_roster *v)
{
    rd r = rd_of(payload);
    (void)pqi_cbor_map(&r, FIELDS, FIELDS);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, v->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    v->root_version = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 4);
    v->seq = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 5);
    v->size = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 6);
    pqi_ident_read_fixed(&r, v->root, PQI_HASH_LEN);
    return rd_done(&r);
}

pqi_status pqi_roster_decode(const pqi_algs *a, pqi_cspan in, pqi_roster *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_ROSTER_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign1 s;
    pqi_roster v = {0};
    pqi_status st = pqi_cose_sign1_decode(in, PQI_TYP_ROSTER, &s);
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

pqi_status pqi_roster_verify(
    const pqi_algs *a, const pqi_roster *v, const pqi_manifest *m, pqi_span tmp)
{
    if (!pqi_ident_same_fleet(m, v->fleet_id, v->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_single x = {a, m, PQI_TYP_ROSTER, PQI_DOMAIN_ROSTER, v->encoded};
    return pqi_ident_one(&x, PQI_ROLE_ISSUER, tmp);
}

/* ---- building ---------------------------------------------------------------------------------- */

void pqi_roster_put_payload(wr *w, const pqi_roster *v)
{
    pqi_cbor_put_map(w, FIELDS);
    pqi_cbor_put_uint(w, 1);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_bstr(w, (pqi_cspan){v->fleet_id, PQI_FLEET_ID_LEN});
    pqi_cbor_put_uint(w, 3);
    pqi_cbor_put_uint(w, v->root_version);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_uint(w, v->seq);
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_uint(w, v->size);
    pqi_cbor_put_uint(w, 6);
    pqi_cbor_put_bstr(w, (pqi_cspan){v->root, PQI_HASH_LEN});
}

static pqi_status put_payload(wr *w, const void *obj)
{
    pqi_roster_put_payload(w, obj);
    return PQI_OK;
}

pqi_status pqi_roster_build(const pqi_algs *a, pqi_provider *p, pqi_key issuer,
    const pqi_roster *fields, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (fields->root_version == 0 || fields->seq == 0) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    pqi_status st = pqi_cose_signer_load(a, p, issuer, PQI_DOMAIN_ROSTER, &s);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {PQI_TYP_ROSTER, put_payload, fields};
    return pqi_cose_sign1_build(&s, &body, out, out_len);
}
