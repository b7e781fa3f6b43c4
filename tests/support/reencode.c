/* SPDX-License-Identifier: Apache-2.0 */
#include "support/reencode.h"

#include "ident/cose.h"
#include "ident/ident.h"
#include "ident/join.h"

typedef struct header {
    int32_t alg; /* 0: none */
    const uint8_t *kid;
    pqi_cspan typ; /* empty: none */
} header;

static void put_header(wr *out, const header *h)
{
    uint8_t buf[64];
    wr w = wr_of((pqi_span){buf, sizeof buf});
    pqi_cbor_put_map(&w, (h->alg != 0 ? 2u : 0u) + (h->typ.len != 0 ? 1u : 0u));
    if (h->alg != 0) {
        pqi_cbor_put_uint(&w, 1);
        pqi_cbor_put_int(&w, h->alg);
        pqi_cbor_put_uint(&w, 4);
        pqi_cbor_put_bstr(&w, (pqi_cspan){h->kid, PQI_KID_LEN});
    }
    if (h->typ.len != 0) {
        pqi_cbor_put_uint(&w, 16);
        pqi_cbor_put_tstr(&w, h->typ);
    }
    pqi_cbor_put_bstr(out, (pqi_cspan){buf, w.len});
}

static void put_sign1(wr *w, pqi_cspan encoded, pqi_cspan typ, pqi_cspan payload)
{
    pqi_cose_sign1 s;
    if (pqi_cose_sign1_decode(encoded, typ, &s) != PQI_OK) {
        return;
    }
    pqi_cbor_put_head(w, PQI_CBOR_TAG, 18);
    pqi_cbor_put_array(w, 4);
    put_header(w, &(header){s.alg, s.kid, typ});
    pqi_cbor_put_map(w, 0);
    pqi_cbor_put_bstr(w, payload);
    pqi_cbor_put_bstr(w, s.signature);
}

static void put_sign(wr *w, pqi_cspan signatures, pqi_cspan typ, pqi_cspan payload)
{
    rd r;
    size_t n = pqi_cose_signatures_begin(&r, signatures);
    pqi_cbor_put_head(w, PQI_CBOR_TAG, 98);
    pqi_cbor_put_array(w, 4);
    put_header(w, &(header){0, NULL, typ});
    pqi_cbor_put_map(w, 0);
    pqi_cbor_put_bstr(w, payload);
    pqi_cbor_put_array(w, n);
    for (size_t i = 0; i < n; i++) {
        pqi_cose_signature s = {0};
        pqi_cose_signature_next(&r, &s);
        pqi_cbor_put_array(w, 3);
        put_header(w, &(header){s.alg, s.kid, {NULL, 0}});
        pqi_cbor_put_map(w, 0);
        pqi_cbor_put_bstr(w, s.signature);
    }
}

static uint8_t payload_buf[PQI_MANIFEST_MAX];

size_t reencode_cert(const pqi_cert *c, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_cert_put_payload(&pay, c);
    put_sign1(&w, c->encoded, PQI_TYP_CERT, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_manifest(const pqi_manifest *m, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_manifest_spec s = {.root_version = m->root_version, .keys = m->keys, .n_keys = m->n_keys};
    memcpy(s.fleet_id, m->fleet_id, sizeof s.fleet_id);
    memcpy(s.threshold, m->threshold, sizeof s.threshold);
    pqi_manifest_put_payload(&pay, &s);
    put_sign(&w, m->signatures, PQI_TYP_ROOT, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_revocations(const pqi_revocations *v, pqi_span out)
{
    static pqi_revoked entries[PQI_REV_LOG_MAX];
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    for (uint32_t i = 0; i < v->count; i++) {
        entries[i] = pqi_revocations_at(v, i);
    }
    pqi_revocations_put_payload(&pay, v, entries, v->count);
    put_sign(&w, v->signatures, PQI_TYP_REV, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_head(const pqi_head *h, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_head_put_payload(&pay, h);
    put_sign1(&w, h->encoded, PQI_TYP_HEAD, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_roster(const pqi_roster *v, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_roster_put_payload(&pay, v);
    put_sign1(&w, v->encoded, PQI_TYP_ROSTER, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_policy(const pqi_policy *x, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_policy_put_payload(&pay, x);
    put_sign(&w, x->signatures, PQI_TYP_POLICY, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_statement(const pqi_statement *v, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_statement_put_payload(&pay, v);
    put_sign1(&w, v->encoded, PQI_TYP_STATEMENT, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_join(const pqi_join_request *m, pqi_span out)
{
    wr pay = wr_of((pqi_span){payload_buf, sizeof payload_buf}), w = wr_of(out);
    pqi_challenge c = {.device_id = m->device_id};
    memcpy(c.fleet_id, m->fleet_id, sizeof c.fleet_id);
    memcpy(c.nonce, m->nonce, sizeof c.nonce);
    const pqi_join_source s = {.challenge = &c,
        .kem = {.alg = (int32_t)m->kem_alg, .pk = m->kem_pk},
        .x25519 = {.pk = m->x25519_pk},
        .sig = {.alg = m->sig_alg, .pk = m->sig_pk},
        .factory = {.alg = m->factory_alg, .pk = m->factory_pk},
        .boot = m->boot,
        .suites = m->suites,
        .assurance = m->assurance};
    if (pqi_join_put_payload(&pay, &s) != PQI_OK) {
        return 0;
    }
    put_sign(&w, m->signatures, PQI_TYP_JOIN, (pqi_cspan){payload_buf, pay.len});
    return w.len;
}

size_t reencode_challenge(const pqi_challenge *c, pqi_span out)
{
    size_t n = 0;
    return pqi_challenge_encode(c, out, &n) == PQI_OK ? n : 0;
}
