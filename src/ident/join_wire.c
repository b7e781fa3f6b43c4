/* SPDX-License-Identifier: Apache-2.0
 * docs/spec/join.md, challenge and join request. */
#include "ident/join.h"

#include "base/mem.h"
#include "ct/ct.h"

/* ---- challenge: ["pqi-challenge", 1, fleet id, device id, nonce] ------------------------------- */

#define CHALLENGE_NAME ((pqi_cspan){PQI_LIT("pqi-challenge")})

pqi_status pqi_challenge_encode(const pqi_challenge *c, pqi_span out, size_t *out_len)
{
    if (c == NULL || out_len == NULL) {
        return PQI_ERR_ARG;
    }
    *out_len = 0;
    if (pqi_id_check(c->device_id) != PQI_OK) {
        return PQI_ERR_ARG;
    }
    uint8_t buf[PQI_CHALLENGE_MAX]; /* so that out is untouched when it is too small */
    wr w = wr_of((pqi_span){buf, sizeof buf});
    pqi_cbor_put_array(&w, 5);
    pqi_cbor_put_tstr(&w, CHALLENGE_NAME);
    pqi_cbor_put_uint(&w, PQI_OBJECT_VERSION);
    pqi_cbor_put_bstr(&w, (pqi_cspan){c->fleet_id, PQI_FLEET_ID_LEN});
    pqi_cbor_put_tstr(&w, c->device_id);
    pqi_cbor_put_bstr(&w, (pqi_cspan){c->nonce, PQI_JOIN_NONCE_LEN});
    pqi_status st = wr_done(&w, out_len);
    if (st != PQI_OK || out.ptr == NULL || out.len < w.len) {
        return PQI_ERR_SPACE;
    }
    memcpy(out.ptr, buf, w.len);
    return PQI_OK;
}

pqi_status pqi_challenge_decode(pqi_cspan in, pqi_challenge *out)
{
    if (out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_CHALLENGE_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_challenge c = {0};
    rd r = rd_of(in);
    (void)pqi_cbor_array(&r, 5, 5);
    pqi_cbor_expect_tstr(&r, CHALLENGE_NAME);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_ident_read_fixed(&r, c.fleet_id, PQI_FLEET_ID_LEN);
    c.device_id = pqi_ident_read_id(&r);
    pqi_ident_read_fixed(&r, c.nonce, PQI_JOIN_NONCE_LEN);
    pqi_status st = rd_done(&r);
    if (st == PQI_OK) {
        *out = c;
    }
    return st;
}

/* ---- join request ------------------------------------------------------------------------------ */

#define FIELDS_MIN 10u /* without 6 */

static pqi_status read_payload(pqi_cspan payload, pqi_join_request *m)
{
    rd r = rd_of(payload);
    size_t n = pqi_cbor_map(&r, FIELDS_MIN, FIELDS_MIN + 1);
    pqi_cbor_key(&r, 1);
    pqi_cbor_key(&r, PQI_OBJECT_VERSION);
    pqi_cbor_key(&r, 2);
    m->device_id = pqi_ident_read_id(&r);
    pqi_cbor_key(&r, 3);
    pqi_ident_read_fixed(&r, m->nonce, PQI_JOIN_NONCE_LEN);
    pqi_ident_keys k;
    pqi_ident_read_keys(&r, &k);
    m->kem_alg = k.kem_alg;
    m->kem_pk = k.kem_pk;
    m->x25519_pk = k.x25519_pk;
    m->sig_alg = k.sig_alg;
    m->sig_pk = k.sig_pk;
    pqi_cbor_key(&r, 7);
    (void)pqi_cbor_array(&r, 2, 2);
    m->factory_alg = pqi_ident_read_sig_alg(&r);
    m->factory_pk = pqi_cbor_bstr(&r, 1, PQI_SIG_MAX_PK);
    pqi_cbor_key(&r, 8);
    m->boot = pqi_cbor_bstr(&r, 0, PQI_BOOT_MAX);
    pqi_cbor_key(&r, 9);
    m->suites = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 10);
    m->assurance = pqi_ident_read_u32(&r, 0);
    pqi_cbor_key(&r, 11);
    pqi_ident_read_fixed(&r, m->fleet_id, PQI_FLEET_ID_LEN);
    bool bits = (m->assurance & ~PQI_ASSURE_ALL) == 0;
    if (!bits || n != FIELDS_MIN + (m->sig_alg != 0 ? 1u : 0u)) {
        rd_fail(&r);
    }
    return rd_done(&r);
}

/* Is this signature's header that of the key? */
static pqi_status check_signer(
    const pqi_algs *a, const pqi_cose_signature *s, int32_t alg, pqi_cspan pk)
{
    uint8_t kid[PQI_KID_LEN];
    pqi_status st = pqi_signer_kid(a, alg, pk, kid);
    if (st != PQI_OK) {
        return st;
    }
    return s->alg == alg && pqi_ct_eq(s->kid, kid, PQI_KID_LEN) ? PQI_OK : PQI_ERR_DECODE;
}

pqi_status pqi_join_signatures(
    const pqi_algs *a, const pqi_join_request *m, pqi_cose_signature sigs[2])
{
    rd r;
    size_t want = m->sig_alg != 0 ? 2u : 1u;
    size_t n = pqi_cose_signatures_begin(&r, m->signatures);
    if (r.bad || n != want) {
        return PQI_ERR_DECODE;
    }
    for (size_t i = 0; i < n; i++) {
        pqi_cose_signature_next(&r, &sigs[i]);
    }
    if (rd_done(&r) != PQI_OK) {
        return PQI_ERR_DECODE;
    }
    pqi_status st = check_signer(a, &sigs[0], m->factory_alg, m->factory_pk);
    if (st == PQI_OK && n == 2) {
        st = check_signer(a, &sigs[1], m->sig_alg, m->sig_pk);
    }
    if (st == PQI_OK && n == 2 && pqi_ct_eq(sigs[0].kid, sigs[1].kid, PQI_KID_LEN)) {
        st = PQI_ERR_DECODE; /* the factory key stays out of operation */
    }
    return st;
}

pqi_status pqi_join_decode(const pqi_algs *a, pqi_cspan in, pqi_join_request *out)
{
    if (a == NULL || out == NULL) {
        return PQI_ERR_ARG;
    }
    if (in.len > PQI_JOIN_REQUEST_MAX) {
        return PQI_ERR_DECODE;
    }
    pqi_cose_sign s;
    pqi_join_request m = {0};
    pqi_status st = pqi_cose_sign_decode(in, PQI_TYP_JOIN, &s);
    if (st == PQI_OK) {
        st = read_payload(s.payload, &m);
    }
    if (st == PQI_OK) {
        const pqi_ident_keys k = {m.kem_alg, m.kem_pk, m.x25519_pk, m.sig_alg, m.sig_pk};
        st = pqi_ident_check_keys(a, &k);
    }
    if (st == PQI_OK) {
        st = pqi_ident_check_sig_key(a, m.factory_alg, m.factory_pk);
    }
    if (st == PQI_OK) {
        m.encoded = in;
        m.body_protected = s.body_protected;
        m.payload = s.payload;
        m.signatures = s.signatures;
        pqi_cose_signature sigs[2];
        st = pqi_join_signatures(a, &m, sigs);
    }
    if (st == PQI_OK) {
        *out = m;
    }
    return st;
}

/* A public key that stands in a span, or comes from the provider straight into its place. */
static pqi_status put_key(wr *w, const pqi_join_key *k)
{
    if (k->pk.ptr != NULL) {
        pqi_cbor_put_bstr(w, k->pk);
        return PQI_OK;
    }
    pqi_cbor_put_head(w, PQI_CBOR_BSTR, k->pk.len);
    uint8_t *at = wr_reserve(w, k->pk.len);
    if (at == NULL) {
        return PQI_OK;
    }
    size_t len = 0;
    pqi_status st = pqi_provider_public_key(k->p, k->key, (pqi_span){at, k->pk.len}, &len);
    return st == PQI_OK && len != k->pk.len ? PQI_ERR_PROVIDER : st;
}

static pqi_status put_alg_key(wr *w, uint64_t label, const pqi_join_key *k)
{
    pqi_cbor_put_uint(w, label);
    pqi_cbor_put_array(w, 2);
    pqi_cbor_put_int(w, k->alg);
    return put_key(w, k);
}

pqi_status pqi_join_put_payload(wr *w, const void *obj)
{
    const pqi_join_source *s = obj;
    bool sig = s->sig.alg != 0;
    pqi_cbor_put_map(w, FIELDS_MIN + (sig ? 1u : 0u));
    pqi_cbor_put_uint(w, 1);
    pqi_cbor_put_uint(w, PQI_OBJECT_VERSION);
    pqi_cbor_put_uint(w, 2);
    pqi_cbor_put_tstr(w, s->challenge->device_id);
    pqi_cbor_put_uint(w, 3);
    pqi_cbor_put_bstr(w, (pqi_cspan){s->challenge->nonce, PQI_JOIN_NONCE_LEN});
    pqi_status st = put_alg_key(w, 4, &s->kem);
    if (st == PQI_OK) {
        pqi_cbor_put_uint(w, 5);
        st = put_key(w, &s->x25519);
    }
    if (st == PQI_OK && sig) {
        st = put_alg_key(w, 6, &s->sig);
    }
    if (st == PQI_OK) {
        st = put_alg_key(w, 7, &s->factory);
    }
    pqi_cbor_put_uint(w, 8);
    pqi_cbor_put_bstr(w, s->boot);
    pqi_cbor_put_uint(w, 9);
    pqi_cbor_put_uint(w, s->suites);
    pqi_cbor_put_uint(w, 10);
    pqi_cbor_put_uint(w, s->assurance);
    pqi_cbor_put_uint(w, 11);
    pqi_cbor_put_bstr(w, (pqi_cspan){s->challenge->fleet_id, PQI_FLEET_ID_LEN});
    return st;
}
