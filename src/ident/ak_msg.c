/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/attest.md section 2: how an attestation key comes to its certificate. */
#include "ident/cose.h"
#include "ident/ident.h"

#include "base/mem.h"
#include <pqi/attest.h>

#define REQUEST_NAME ((pqi_cspan){PQI_LIT("pqi-ak-request")})
#define CRED_NAME    ((pqi_cspan){PQI_LIT("pqi-ak-credential")})
#define PROOF_NAME   ((pqi_cspan){PQI_LIT("pqi-ak-proof")})
#define HALF_NAME    ((pqi_cspan){PQI_LIT("pqi-ak-half-proof")})

#define DOMAIN_REQUEST ((pqi_cspan){PQI_LIT("PQI4 ak request")})

#define COVERED 8u /* elements of a request in front of its signature */

/* The signature covers the array of the elements before it, as it would stand alone. */
static const uint8_t covered_head[1] = {0x80u | COVERED};

static void put_request(wr *w, const pqi_ak_request *q)
{
    pqi_cbor_put_array(w, COVERED + 1u);
    pqi_cbor_put_tstr(w, REQUEST_NAME);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_tstr(w, q->device_id);
    pqi_cbor_put_int(w, q->factory_alg);
    pqi_cbor_put_bstr(w, q->factory_pk);
    pqi_cbor_put_bstr(w, q->ek_public);
    pqi_cbor_put_bstr(w, q->ek_cert);
    pqi_cbor_put_bstr(w, q->ak_public);
}

static bool request_ok(const pqi_ak_request *q)
{
    return pqi_id_check(q->device_id) == PQI_OK && q->ek_public.len >= 1 &&
           q->ek_public.len <= PQI_TPM_EK_MAX && q->ek_cert.len <= PQI_EK_CERT_MAX &&
           q->ak_public.len >= 1 && q->ak_public.len <= PQI_TPM_AK_MAX;
}

pqi_status pqi_ak_request_build(const pqi_algs *a, pqi_provider *p, pqi_key factory,
    const pqi_ak_request *fields, pqi_span out, size_t *out_len)
{
    if (a == NULL || p == NULL || fields == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (!request_ok(fields)) {
        return PQI_ERR_ARG;
    }
    pqi_cose_signer s;
    pqi_ak_request q = *fields;
    uint8_t pk[PQI_SIG_MAX_PK];
    size_t pk_len = 0;
    pqi_status st = pqi_cose_signer_load(a, p, factory, DOMAIN_REQUEST, &s);
    if (st == PQI_OK) {
        st = pqi_provider_public_key(p, factory, (pqi_span){pk, sizeof pk}, &pk_len);
    }
    for (int write = 0; write <= 1 && st == PQI_OK; write++) {
        wr w = write != 0 ? wr_of((pqi_span){out.ptr, *out_len}) : wr_count();
        q.factory_alg = s.alg;
        q.factory_pk = (pqi_cspan){pk, pk_len};
        put_request(&w, &q);
        const pqi_cspan parts[2] = {
            {covered_head, 1}, {w.p != NULL ? w.p + 1 : NULL, w.p != NULL ? w.len - 1 : 0}};
        st = pqi_cose_put_signature(&w, &s, parts, 2);
        if (write != 0 && st != PQI_OK) {
            memset(out.ptr, 0, *out_len);
        }
        *out_len = st == PQI_OK ? w.len : 0;
        if (write == 0 && st == PQI_OK && (out.ptr == NULL || out.len < w.len)) {
            return PQI_ERR_SPACE;
        }
    }
    return st;
}

pqi_status pqi_ak_request_open(const pqi_algs *a, pqi_cspan in, pqi_ak_request *out, pqi_span tmp)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_AK_REQUEST_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_ak_request q = {0};
    rd r = rd_of(in);
    (void)pqi_cbor_array(&r, COVERED + 1u, COVERED + 1u);
    pqi_cbor_expect_tstr(&r, REQUEST_NAME);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    q.device_id = pqi_ident_read_id(&r);
    q.factory_alg = pqi_ident_read_sig_alg(&r);
    q.factory_pk = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_PK);
    q.ek_public = pqi_cbor_bstr(&r, 1, PQI_TPM_EK_MAX);
    q.ek_cert = pqi_cbor_bstr(&r, 0, PQI_EK_CERT_MAX);
    q.ak_public = pqi_cbor_bstr(&r, 1, PQI_TPM_AK_MAX);
    const size_t covered = in.len - r.left;
    pqi_cspan sig = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_SIG);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        st = pqi_ident_check_sig_key(a, q.factory_alg, q.factory_pk);
    }
    if (st == PQI_OK) {
        const pqi_cspan parts[2] = {{covered_head, 1}, {in.ptr + 1, covered - 1}};
        st = pqi_sig_verify(
            pqi_algs_sig(a, q.factory_alg), q.factory_pk, DOMAIN_REQUEST, parts, 2, sig, tmp);
    }
    if (st == PQI_OK) {
        st = pqi_ident_key_hash(a, PQI_FACTORY_FP, q.factory_alg, q.factory_pk, q.factory_fp);
    }
    if (st == PQI_OK) {
        *out = q;
    }
    return st;
}

/* ---- credential and proof ------------------------------------------------------------------------- */

#define PLAIN  5u /* elements */
#define HALVES 8u

static bool half_ok(pqi_cspan s)
{
    return s.len >= 1 && s.len <= PQI_HALF_MAX;
}

static bool body_ok(const pqi_ak_msg *m)
{
    if (m->kind == PQI_AK_CREDENTIAL) {
        return m->body.len >= 1 && m->body.len <= PQI_AK_CRED_MAX;
    }
    return m->body.len == PQI_AK_SECRET_LEN &&
           (m->kind == PQI_AK_PROOF || (half_ok(m->half_sig) && half_ok(m->half_kem)));
}

static pqi_cspan name_of(pqi_ak_msg_kind kind)
{
    return kind == PQI_AK_CREDENTIAL ? CRED_NAME : kind == PQI_AK_PROOF ? PROOF_NAME : HALF_NAME;
}

pqi_status pqi_ak_msg_encode(const pqi_ak_msg *m, pqi_span out, size_t *out_len)
{
    if (m == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    bool halves = m->kind == PQI_AK_HALF_PROOF;
    bool known = m->kind == PQI_AK_CREDENTIAL || m->kind == PQI_AK_PROOF || halves;
    if (!known || pqi_id_check(m->device_id) != PQI_OK || !body_ok(m)) {
        return PQI_ERR_ARG;
    }
    wr w = wr_of(out);
    pqi_cbor_put_array(&w, halves ? HALVES : PLAIN);
    pqi_cbor_put_tstr(&w, name_of(m->kind));
    pqi_cbor_put_uint(&w, PQI_OBJECT_VERSION);
    pqi_cbor_put_tstr(&w, m->device_id);
    pqi_cbor_put_bstr(&w, (pqi_cspan){m->ak_name, sizeof m->ak_name});
    pqi_cbor_put_bstr(&w, m->body);
    if (halves) {
        pqi_cbor_put_bstr(&w, (pqi_cspan){m->key_id, sizeof m->key_id});
        pqi_cbor_put_bstr(&w, m->half_sig);
        pqi_cbor_put_bstr(&w, m->half_kem);
    }
    return wr_done(&w, out_len);
}

static bool same(pqi_cspan x, pqi_cspan y)
{
    size_t i = 0;
    while (i < x.len && i < y.len && x.ptr[i] == y.ptr[i]) {
        i++;
    }
    return i == x.len && i == y.len;
}

pqi_status pqi_ak_msg_decode(pqi_cspan in, pqi_ak_msg *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_AK_MSG_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_ak_msg m = {.kind = PQI_AK_CREDENTIAL};
    rd r = rd_of(in);
    const size_t n = pqi_cbor_array(&r, PLAIN, HALVES);
    pqi_cspan name = pqi_cbor_tstr(&r, 1, 32);
    m.kind = same(name, PROOF_NAME)  ? PQI_AK_PROOF
             : same(name, HALF_NAME) ? PQI_AK_HALF_PROOF
                                     : PQI_AK_CREDENTIAL;
    if (!same(name, name_of(m.kind)) || n != (m.kind == PQI_AK_HALF_PROOF ? HALVES : PLAIN)) {
        rd_fail(&r);
    }
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    m.device_id = pqi_ident_read_id(&r);
    pqi_ident_read_fixed(&r, m.ak_name, sizeof m.ak_name);
    m.body = pqi_cbor_bstr(&r, 1, PQI_AK_CRED_MAX);
    if (m.kind == PQI_AK_HALF_PROOF) {
        pqi_ident_read_fixed(&r, m.key_id, sizeof m.key_id);
        m.half_sig = pqi_cbor_bstr(&r, 1, PQI_HALF_MAX);
        m.half_kem = pqi_cbor_bstr(&r, 1, PQI_HALF_MAX);
    }
    pqi_status st = rd_done(&r);
    if (st == PQI_OK && !body_ok(&m)) {
        st = PQI_ERR_DECODE;
    }
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}
