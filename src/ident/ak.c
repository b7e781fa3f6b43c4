/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 3: the AK certificate. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include <pqi/attest.h>

#define FIELDS    12u /* and one more with PQI_AK_HALVES */
#define FLAGS_ALL (PQI_AK_EK_CERTIFIED | PQI_AK_HALVES)

#define TYP_AK    ((pqi_cspan){PQI_LIT("pqi-ak")})
#define DOMAIN_AK ((pqi_cspan){PQI_LIT("PQI4 ak")})

static bool rules(const pqi_ak_cert *c)
{
    return c->root_version != 0 && pqi_id_check(c->device_id) == PQI_OK &&
           pqi_id_check(c->cls) == PQI_OK && (c->flags & ~FLAGS_ALL) == 0 &&
           c->valid_from_epoch <= c->valid_to_epoch &&
           (c->not_after == 0 || c->not_before <= c->not_after);
}

static void read_window(rd *r, pqi_ak_cert *c)
{
    pqi_cbor_key(r, 10);
    (void)pqi_cbor_array(r, 2, 2);
    c->valid_from_epoch = pqi_ident_read_u32(r, 0);
    c->valid_to_epoch = pqi_ident_read_u32(r, 0);
    pqi_cbor_key(r, 11);
    (void)pqi_cbor_array(r, 2, 2);
    c->not_before = pqi_cbor_uint(r, 0, UINT64_MAX);
    c->not_after = pqi_cbor_uint(r, 0, UINT64_MAX);
}

static size_t fields(const pqi_ak_cert *c)
{
    return FIELDS + ((c->flags & PQI_AK_HALVES) != 0 ? 1u : 0u);
}

static pqi_status read_payload(pqi_cspan payload, pqi_ak_cert *c)
{
    rd r = rd_of(payload);
    const size_t n = pqi_cbor_map(&r, FIELDS, FIELDS + 1u);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    pqi_ident_read_fixed(&r, c->fleet_id, PQI_FLEET_ID_LEN);
    pqi_cbor_key(&r, 3);
    c->root_version = pqi_ident_read_u32(&r, 1);
    pqi_cbor_key(&r, 4);
    c->device_id = pqi_ident_read_id(&r);
    pqi_cbor_key(&r, 5);
    c->roster_index = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 6);
    pqi_ident_read_fixed(&r, c->factory_fp, sizeof c->factory_fp);
    pqi_cbor_key(&r, 7);
    c->ak.encoded = pqi_cbor_bstr(&r, 1, PQI_TPM_AK_MAX);
    pqi_cbor_key(&r, 8);
    pqi_ident_read_fixed(&r, c->ek_fp, sizeof c->ek_fp);
    pqi_cbor_key(&r, 9);
    c->cls = pqi_ident_read_id(&r);
    read_window(&r, c);
    pqi_cbor_key(&r, 12);
    c->flags = pqi_ident_read_u32(&r, 0);
    if (n != fields(c)) {
        rd_fail(&r);
    } else if (n > FIELDS) {
        pqi_cbor_key(&r, 13);
        pqi_ident_read_fixed(&r, c->half_key_id, sizeof c->half_key_id);
    }
    pqi_status st = rd_done(&r);
    return st == PQI_OK && !rules(c) ? PQI_ERR_DECODE : st;
}

pqi_status pqi_ak_cert_decode(const pqi_algs *a, pqi_cspan in, pqi_ak_cert *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_AK_CERT_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign1 s;
    pqi_ak_cert c = {0};
    pqi_status st = pqi_cose_sign1_decode(in, TYP_AK, &s);
    if (st == PQI_OK) {
        st = read_payload(s.payload, &c);
    }
    if (st == PQI_OK) {
        st = pqi_tpm_ak_decode(a, c.ak.encoded, &c.ak);
        st = st == PQI_ERR_POLICY ? PQI_ERR_DECODE : st;
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

static pqi_status window(const pqi_ak_cert *c, const pqi_now *now)
{
    bool epoch =
        now->control_epoch >= c->valid_from_epoch && now->control_epoch <= c->valid_to_epoch;
    bool early = now->unix_s != 0 && now->unix_s < c->not_before;
    bool late = now->unix_s != 0 && c->not_after != 0 && now->unix_s > c->not_after;
    return epoch && !early && !late ? PQI_OK : PQI_ERR_POLICY;
}

pqi_status pqi_ak_cert_verify(const pqi_algs *a, const pqi_ak_cert *c, const pqi_manifest *m,
    const pqi_now *now, pqi_span tmp)
{
    if (a == NULL || c == NULL || m == NULL || now == NULL) {
        return PQI_ERR_ARG;
    }
    if (!pqi_ident_same_fleet(m, c->fleet_id, c->root_version)) {
        return PQI_ERR_AUTH;
    }
    const pqi_ident_single x = {a, m, TYP_AK, DOMAIN_AK, c->encoded};
    pqi_status st = pqi_ident_one(&x, PQI_ROLE_ISSUER, tmp);
    return st == PQI_OK ? window(c, now) : st;
}

/* ---- building ---------------------------------------------------------------------------------- */

static void put_uint(wr *w, uint64_t key, uint64_t value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_uint(w, value);
}

static void put_bytes(wr *w, uint64_t key, pqi_cspan value)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_bstr(w, value);
}

static void put_pair(wr *w, uint64_t key, uint64_t x, uint64_t y)
{
    pqi_cbor_put_uint(w, key);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_uint(w, x);
    pqi_cbor_put_uint(w, y);
}

static pqi_status put_payload(wr *w, const void *obj)
{
    const pqi_ak_cert *c = obj;
    pqi_cbor_put_map(w, fields(c));
    put_uint(w, 1, PQI_OBJECT_VERSION);
    put_bytes(w, 2, (pqi_cspan){c->fleet_id, PQI_FLEET_ID_LEN});
    put_uint(w, 3, c->root_version);
    pqi_cbor_put_uint(w, 4);
    pqi_cbor_put_tstr(w, c->device_id);
    put_uint(w, 5, c->roster_index);
    put_bytes(w, 6, (pqi_cspan){c->factory_fp, sizeof c->factory_fp});
    put_bytes(w, 7, c->ak.encoded);
    put_bytes(w, 8, (pqi_cspan){c->ek_fp, sizeof c->ek_fp});
    pqi_cbor_put_uint(w, 9);
    pqi_cbor_put_tstr(w, c->cls);
    put_pair(w, 10, c->valid_from_epoch, c->valid_to_epoch);
    put_pair(w, 11, c->not_before, c->not_after);
    put_uint(w, 12, c->flags);
    if ((c->flags & PQI_AK_HALVES) != 0) {
        put_bytes(w, 13, (pqi_cspan){c->half_key_id, sizeof c->half_key_id});
    }
    return PQI_OK;
}

pqi_status pqi_ak_cert_build(const pqi_algs *a, pqi_provider *p, pqi_key issuer,
    const pqi_ak_cert *fields, pqi_span out, size_t *out_len)
{
    pqi_tpm_ak ak;
    if (a == NULL || p == NULL || fields == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!rules(fields) || pqi_tpm_ak_decode(a, fields->ak.encoded, &ak) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    pqi_status st = pqi_cose_signer_load(a, p, issuer, DOMAIN_AK, &s);
    if (st != PQI_OK) {
        return st;
    }
    const pqi_cose_body body = {TYP_AK, put_payload, fields};
    return pqi_cose_sign1_build(&s, &body, out, out_len);
}
