/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/objects.md, operational certificate. */
#include "ident/cert.h"

#include "base/mem.h"
#include "ct/ct.h"

#define FIELDS_MIN 13u /* without 6, 9 and 12 */
#define FIELDS_MAX 16u

static void read_window(rd *r, pqi_cert *c)
{
    pqi_cbor_key(r, 7);
    c->valid_from_epoch = pqi_ident_read_u32(r, 0);
    pqi_cbor_key(r, 8);
    c->valid_to_epoch = pqi_ident_read_u32(r, 0);
    if (pqi_cbor_at_key(r, 9)) {
        pqi_cbor_key(r, 9);
        (void)pqi_cbor_array(r, 2, 2);
        c->not_before = pqi_cbor_uint(r, 0, UINT64_MAX);
        c->not_after = pqi_cbor_uint(r, 0, UINT64_MAX);
        if (c->not_before == 0 && c->not_after == 0) {
            rd_fail(r); /* the one encoding of no bound is no field */
        }
    }
}

static void read_scopes(rd *r, pqi_cert *c)
{
    pqi_cbor_key(r, 13);
    c->n_scopes = (uint32_t)pqi_cbor_array(r, 0, PQI_SCOPES_MAX);
    for (uint32_t i = 0; i < c->n_scopes && !r->bad; i++) {
        (void)pqi_cbor_array(r, 3, 3);
        c->scopes[i].prefix = pqi_cbor_tstr(r, 1, PQI_PREFIX_MAX);
        c->scopes[i].rights = (uint8_t)pqi_cbor_uint(r, 0, UINT8_MAX);
        c->scopes[i].cls = (uint8_t)pqi_cbor_uint(r, 0, UINT8_MAX);
    }
}

static pqi_status read_payload(pqi_cspan payload, pqi_cert *c)
{
    rd r = rd_of(payload);
    size_t n = pqi_cbor_map(&r, FIELDS_MIN, FIELDS_MAX);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    c->device_id = pqi_ident_read_id(&r);
    pqi_cbor_key(&r, 3);
    c->key_epoch = pqi_ident_read_u32(&r, 0);
    pqi_ident_keys k;
    pqi_ident_read_keys(&r, &k);
    c->kem_alg = k.kem_alg;
    c->kem_pk = k.kem_pk;
    c->x25519_pk = k.x25519_pk;
    c->sig_alg = k.sig_alg;
    c->sig_pk = k.sig_pk;
    read_window(&r, c);
    pqi_cbor_key(&r, 10);
    c->suites = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 11);
    c->roles = pqi_ident_read_u32(&r, 0);
    if (pqi_cbor_at_key(&r, 12)) {
        pqi_cbor_key(&r, 12);
        c->gwset = pqi_ident_read_u32(&r, 1);
    }
    read_scopes(&r, c);
    pqi_cbor_key(&r, 14);
    c->assurance = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 15);
    pqi_ident_read_fixed(&r, c->issuer_kid, PQI_KID_LEN);
    pqi_cbor_key(&r, 16);
    c->roster_index = pqi_ident_read_u32(&r, 0);
    if (n != pqi_cert_fields(c)) {
        rd_fail(&r);
    }
    return rd_done(&r);
}

pqi_status pqi_cert_decode(const pqi_algs *a, pqi_cspan in, pqi_cert *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_CERT_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign1 s;
    pqi_cert c = {0};
    pqi_status st = pqi_cose_sign1_decode(in, PQI_TYP_CERT, &s);
    if (st == PQI_OK) {
        st = read_payload(s.payload, &c);
    }
    if (st != PQI_OK) {
        return st;
    }
    if (!pqi_cert_rules(&c) || !pqi_ct_eq(c.issuer_kid, s.kid, PQI_KID_LEN)) {
        return PQI_ERR_DECODE;
    }
    pqi_ident_keys k = {c.kem_alg, c.kem_pk, c.x25519_pk, c.sig_alg, c.sig_pk};
    st = pqi_ident_check_keys(a, &k);
    if (st == PQI_OK) {
        st = pqi_ident_key_id(a, s.payload, c.key_id);
    }
    if (st == PQI_OK) {
        c.encoded = in;
        c.protected_ = s.protected_;
        c.payload = s.payload;
        c.signature = s.signature;
        *out = c;
    }
    return st;
}

size_t pqi_cert_fields(const pqi_cert *c)
{
    bool time = c->not_before != 0 || c->not_after != 0;
    return FIELDS_MIN + (c->sig_alg != 0 ? 1u : 0u) + (time ? 1u : 0u) + (c->gwset != 0 ? 1u : 0u);
}

static void put_scopes(wr *w, const pqi_cert *c)
{
    pqi_cbor_put_uint(w, 13);
    pqi_cbor_put_array(w, c->n_scopes);
    for (uint32_t i = 0; i < c->n_scopes; i++) {
        pqi_cbor_put_array(w, 3);
        pqi_cbor_put_tstr(w, c->scopes[i].prefix);
        pqi_cbor_put_uint(w, c->scopes[i].rights);
        pqi_cbor_put_uint(w, c->scopes[i].cls);
    }
}

static void put_field(wr *w, uint64_t key, uint64_t value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_uint(w, value);
}

void pqi_cert_put_payload(wr *w, const pqi_cert *c)
{
    pqi_cbor_put_map(w, pqi_cert_fields(c));
    put_field(w, 1, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_tstr(w, c->device_id);
    put_field(w, 3, c->key_epoch);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_uint(w, c->kem_alg);
    pqi_cbor_put_bstr(w, c->kem_pk);
    pqi_cbor_put_uint(w, 5);
    pqi_cbor_put_bstr(w, c->x25519_pk);
    if (c->sig_alg != 0) {
        pqi_cbor_put_uint(w, 6);
        pqi_cbor_put_array(w, 2);
        pqi_cbor_put_int(w, c->sig_alg);
        pqi_cbor_put_bstr(w, c->sig_pk);
    }
    put_field(w, 7, c->valid_from_epoch);
    put_field(w, 8, c->valid_to_epoch);
    if (c->not_before != 0 || c->not_after != 0) {
        pqi_cbor_put_uint(w, 9);
        pqi_cbor_put_array(w, 2);
        pqi_cbor_put_uint(w, c->not_before);
        pqi_cbor_put_uint(w, c->not_after);
    }
    put_field(w, 10, c->suites);
    put_field(w, 11, c->roles);
    if (c->gwset != 0) {
        put_field(w, 12, c->gwset);
    }
    put_scopes(w, c);
    put_field(w, 14, c->assurance);
    pqi_cbor_put_uint(w, 15);
    pqi_cbor_put_bstr(w, (pqi_cspan){c->issuer_kid, PQI_KID_LEN});
    put_field(w, 16, c->roster_index);
}
